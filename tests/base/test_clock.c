#define _GNU_SOURCE
#include "base/check.h"
#include "base/clock.h"

#include <time.h>

#define START_MS ((int64_t)1775001600000) /* 2026-04-01 */

/* ---- ticks ---- */

typedef uint64_t tick_function(struct clock *c, int64_t now_ms);

/* How many of many ticks are wrong while the wall clock stands, jumps, and the program restarts. */
static int wrong_ticks(tick_function *tick, int rounds)
{
    struct clock c = {0};
    int64_t now = START_MS;
    uint64_t before = 0;
    char text_before[CLOCK_TEXT] = "", text[CLOCK_TEXT];
    int wrong = 0;
    for (int i = 0; i < rounds; i++) {
        switch (check_below(8)) {
        case 0:
            now += check_below(100000);
            break;
        case 1:
            now -= check_below(100000);
            break;
        case 2:
            now += 1;
            break;
        case 3: /* a restart: only the last stamp is known, from its text */
            if (before && clock_parse(text_before, strlen(text_before), &c.last) != 0)
                wrong++;
            break;
        default:
            break;
        }
        uint64_t at = tick(&c, now);
        clock_format(at, text);
        if (at <= before || clock_ms(at) < now || strcmp(text, text_before) <= 0 || c.last != at)
            wrong++;
        before = at;
        memcpy(text_before, text, sizeof text);
    }
    return wrong;
}

/* The planted faults: what a clock without memory or without a counter would do. */
static uint64_t tick_by_the_wall(struct clock *c, int64_t now_ms)
{
    return c->last = clock_at(now_ms, 0);
}

static uint64_t tick_without_the_wall(struct clock *c, int64_t now_ms)
{
    (void)now_ms;
    return c->last = c->last ? c->last + 1 : clock_at(START_MS, 0);
}

static void test_ticks_ascend_whatever_the_wall_clock_does(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 50; seed++) {
        check_seed(seed);
        if (wrong_ticks(clock_tick, 4000) != 0)
            fail_msg("RAUM_SEED=%llu", (unsigned long long)seed);
    }
    check_seed(1);
    assert_true(wrong_ticks(tick_by_the_wall, 4000) > 0);
    assert_true(wrong_ticks(tick_without_the_wall, 4000) > 0);
}

static void test_tick_is_the_wall_clock_if_it_can(void **state)
{
    (void)state;
    struct clock c = {0};
    assert_int_equal(clock_tick(&c, START_MS), clock_at(START_MS, 0));
    assert_int_equal(clock_tick(&c, START_MS), clock_at(START_MS, 1));
    assert_int_equal(clock_tick(&c, START_MS - 1), clock_at(START_MS, 2));
    assert_int_equal(clock_tick(&c, START_MS + 1), clock_at(START_MS + 1, 0));
    assert_int_equal(clock_tick(&c, -5), clock_at(START_MS + 1, 1));
}

static void test_a_full_millisecond_goes_on_in_the_next(void **state)
{
    (void)state;
    struct clock c = {.last = clock_at(START_MS, CLOCK_COUNTER_MAX - 1)};
    assert_int_equal(clock_tick(&c, START_MS), clock_at(START_MS, CLOCK_COUNTER_MAX));
    assert_int_equal(clock_tick(&c, START_MS), clock_at(START_MS + 1, 0));
    /* A counter beyond six digits, as only a damaged number has. */
    c.last = (uint64_t)START_MS << 20 | 0xFFFFF;
    assert_int_equal(clock_tick(&c, START_MS), clock_at(START_MS + 1, 0));
}

/* G-S9 */
static void test_see_refuses_more_than_five_minutes_ahead(void **state)
{
    (void)state;
    struct clock c = {.last = clock_at(START_MS, 7)};
    uint64_t limit = clock_at(START_MS + CLOCK_AHEAD_MS_MAX, CLOCK_COUNTER_MAX);
    assert_int_equal(clock_see(&c, limit + 1, START_MS), 0); /* the same millisecond, over-full */
    assert_int_equal(c.last, limit);
    c.last = clock_at(START_MS, 7);
    assert_int_equal(clock_see(&c, clock_at(START_MS + CLOCK_AHEAD_MS_MAX + 1, 0), START_MS),
                     RAUM_ECLOCK_AHEAD);
    assert_int_equal(clock_see(&c, UINT64_MAX, START_MS), RAUM_ECLOCK_AHEAD);
    assert_int_equal(c.last, clock_at(START_MS, 7)); /* nothing learned */
    assert_int_equal(clock_see(&c, limit, START_MS), 0);
    assert_int_equal(clock_tick(&c, START_MS), clock_at(START_MS + CLOCK_AHEAD_MS_MAX + 1, 0));
    /* What is behind teaches nothing. */
    assert_int_equal(clock_see(&c, clock_at(START_MS, 0), START_MS), 0);
    assert_int_equal(clock_ms(c.last), START_MS + CLOCK_AHEAD_MS_MAX + 1);
    assert_int_equal(clock_see(&c, 0, START_MS), 0);
    /* A wall clock that stands before 1970 counts as 1970. */
    c.last = 0;
    assert_int_equal(clock_see(&c, clock_at(CLOCK_AHEAD_MS_MAX, 0), INT64_MIN), 0);
    assert_int_equal(clock_see(&c, clock_at(CLOCK_AHEAD_MS_MAX + 1, 0), -1), RAUM_ECLOCK_AHEAD);
}

/* ---- the number and its texts ---- */

static void test_number_keeps_to_its_range(void **state)
{
    (void)state;
    assert_int_equal(clock_at(-1, 5), 5);
    assert_int_equal(clock_at(1, 0), (uint64_t)1 << 20);
    assert_int_equal(clock_at(0, UINT32_MAX), CLOCK_COUNTER_MAX);
    assert_int_equal(clock_at(INT64_MAX, 0), (uint64_t)CLOCK_MS_MAX << 20);
    assert_int_equal(clock_at(CLOCK_MS_MAX + 1, 0), clock_at(CLOCK_MS_MAX, 0));
    assert_int_equal(clock_ms(UINT64_MAX), CLOCK_MS_MAX);
    assert_int_equal(clock_counter(UINT64_MAX), CLOCK_COUNTER_MAX);
    assert_int_equal(clock_counter(clock_at(START_MS, 123456)), 123456);
}

static void test_texts_known(void **state)
{
    (void)state;
    static const struct {
        int64_t ms;
        uint32_t counter;
        const char *text;
    } rows[] = {
        {0, 0, "1970-01-01T00:00:00.000000000Z"},
        {1, 1, "1970-01-01T00:00:00.001000001Z"},
        {START_MS, 0, "2026-04-01T00:00:00.000000000Z"},
        {951782399999, 999999, "2000-02-28T23:59:59.999999999Z"},
        {951782400000, 0, "2000-02-29T00:00:00.000000000Z"},
        {951868800000, 0, "2000-03-01T00:00:00.000000000Z"},
        {4107542400000, 42, "2100-03-01T00:00:00.000000042Z"},
        {1709164800000, 0, "2024-02-29T00:00:00.000000000Z"},
        {1735689599999, 0, "2024-12-31T23:59:59.999000000Z"},
        {CLOCK_MS_MAX, 1, "2527-06-23T06:20:44.415000001Z"},
        {CLOCK_MS_MAX, 999999, "2527-06-23T06:20:44.415999999Z"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char text[CLOCK_TEXT];
        uint64_t at;
        clock_format(clock_at(rows[i].ms, rows[i].counter), text);
        assert_string_equal(text, rows[i].text);
        assert_int_equal(clock_parse(text, strlen(text), &at), 0);
        assert_int_equal(at, clock_at(rows[i].ms, rows[i].counter));
    }
    char text[CLOCK_TEXT];
    clock_format(UINT64_MAX, text); /* no seventh digit */
    assert_string_equal(text, "2527-06-23T06:20:44.415999999Z");
}

static void test_format_and_parse_are_inverse_and_keep_the_order(void **state)
{
    (void)state;
    check_seed(2);
    for (int i = 0; i < 100000; i++) {
        char a_text[CLOCK_TEXT], b_text[CLOCK_TEXT];
        uint64_t again, a, b;
        a = clock_at((int64_t)(check_random() >> (20 + check_below(40))), check_below(1000000));
        b = i % 2 ? a + 1 + check_below(3) : clock_at((int64_t)(check_random() >> 20), 0);
        b = clock_at(clock_ms(b), clock_counter(b));
        clock_format(a, a_text);
        clock_format(b, b_text);
        assert_int_equal(strlen(a_text), CLOCK_TEXT - 1);
        assert_int_equal(clock_parse(a_text, CLOCK_TEXT - 1, &again), 0);
        assert_int_equal(again, a);
        int order = strcmp(a_text, b_text);
        assert_int_equal((order > 0) - (order < 0), (a > b) - (a < b));
    }
}

/* Plain times against the C library's calendar. */
static void test_plain_times_of_ten_thousand_years(void **state)
{
    (void)state;
    check_seed(3);
    for (int i = 0; i < 200000; i++) {
        int64_t ms =
            CLOCK_PLAIN_MS_MIN +
            (int64_t)(check_random() % (uint64_t)(CLOCK_PLAIN_MS_MAX - CLOCK_PLAIN_MS_MIN));
        if (i % 4 == 0) /* around midnight */
            ms = ms / 86400000 * 86400000 + (int64_t)check_below(3) - 1;
        if (ms < CLOCK_PLAIN_MS_MIN)
            continue;
        int64_t left = ((ms % 1000) + 1000) % 1000, again;
        time_t seconds = (ms - left) / 1000;
        struct tm tm;
        char text[CLOCK_TEXT], expected[80];
        assert_non_null(gmtime_r(&seconds, &tm));
        snprintf(expected, sizeof expected, "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ",
                 tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec,
                 (int)left);
        clock_format_ms(ms, text);
        assert_string_equal(text, expected);
        assert_int_equal(clock_parse_ms(text, strlen(text), &again), 0);
        assert_int_equal(again, ms);
        assert_int_equal(clock_parse_date(text, 10), 0);
    }
}

static void test_plain_times_at_the_edges(void **state)
{
    (void)state;
    char text[CLOCK_TEXT];
    clock_format_ms(CLOCK_PLAIN_MS_MIN, text);
    assert_string_equal(text, "0000-01-01T00:00:00.000Z");
    clock_format_ms(INT64_MIN, text);
    assert_string_equal(text, "0000-01-01T00:00:00.000Z");
    clock_format_ms(CLOCK_PLAIN_MS_MAX, text);
    assert_string_equal(text, "9999-12-31T23:59:59.999Z");
    clock_format_ms(INT64_MAX, text);
    assert_string_equal(text, "9999-12-31T23:59:59.999Z");
    clock_format_ms(-1, text);
    assert_string_equal(text, "1969-12-31T23:59:59.999Z");
    clock_format_ms(-86400000, text);
    assert_string_equal(text, "1969-12-31T00:00:00.000Z");
    /* A stamp cannot lie there: it counts as the first or the last. */
    uint64_t at;
    assert_int_equal(clock_parse("1969-12-31T23:59:59.999999999Z", 30, &at), 0);
    assert_int_equal(at, 0);
    assert_int_equal(clock_parse("9999-12-31T23:59:59Z", 20, &at), 0);
    assert_int_equal(at, clock_at(CLOCK_MS_MAX, CLOCK_COUNTER_MAX));
    assert_int_equal(clock_parse("2527-06-23T06:20:44.416Z", 24, &at), 0);
    assert_int_equal(at, clock_at(CLOCK_MS_MAX, CLOCK_COUNTER_MAX));
    assert_int_equal(clock_parse("1970-01-01T00:30:00+01:00", 25, &at), 0);
    assert_int_equal(at, 0);
}

/* ---- what is read and what is not ---- */

static void test_texts_read(void **state)
{
    (void)state;
    static const struct {
        const char *text, *means;
    } rows[] = {
        {"2026-04-01T00:00:00Z", "2026-04-01T00:00:00.000000000Z"},
        {"2026-04-01t00:00:00z", "2026-04-01T00:00:00.000000000Z"},
        {"2026-04-01 00:00:00Z", "2026-04-01T00:00:00.000000000Z"},
        {"2026-04-01T00:00:00.1Z", "2026-04-01T00:00:00.100000000Z"},
        {"2026-04-01T00:00:00.12Z", "2026-04-01T00:00:00.120000000Z"},
        {"2026-04-01T00:00:00.123Z", "2026-04-01T00:00:00.123000000Z"},
        {"2026-04-01T00:00:00.1234Z", "2026-04-01T00:00:00.123400000Z"},
        {"2026-04-01T00:00:00.123456Z", "2026-04-01T00:00:00.123456000Z"},
        {"2026-04-01T00:00:00.000000001Z", "2026-04-01T00:00:00.000000001Z"},
        {"2026-04-01T02:00:00+02:00", "2026-04-01T00:00:00.000000000Z"},
        {"2026-03-31T18:30:00.5-05:30", "2026-04-01T00:00:00.500000000Z"},
        {"2026-04-01T00:00:00-00:00", "2026-04-01T00:00:00.000000000Z"},
        {"2026-04-01T23:59:00+23:59", "2026-04-01T00:00:00.000000000Z"},
        {"2024-02-29T12:00:00Z", "2024-02-29T12:00:00.000000000Z"},
        {"2016-12-31T23:59:60Z", "2017-01-01T00:00:00.000000000Z"},
        {"2016-12-31T23:59:60.25Z", "2017-01-01T00:00:00.250000000Z"},
        {"2000-02-29T00:00:00Z", "2000-02-29T00:00:00.000000000Z"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char text[CLOCK_TEXT];
        uint64_t at;
        int64_t ms;
        assert_int_equal(clock_parse(rows[i].text, strlen(rows[i].text), &at), 0);
        clock_format(at, text);
        assert_string_equal(text, rows[i].means);
        assert_int_equal(clock_parse_ms(rows[i].text, strlen(rows[i].text), &ms), 0);
        assert_int_equal(ms, clock_ms(at));
    }
}

static const char *const refused[] = {
    "",
    "Z",
    "2026-04-01",
    "2026-04-01T00:00:00",
    "2026-04-01T00:00Z",
    "2026-04-01T00:00:00.Z",
    "2026-04-01T00:00:00.0000000001Z",
    "2026-04-01T00:00:00,5Z",
    "2026-04-01T00:00:00.5",
    "2026-04-01T00:00:00ZZ",
    "2026-04-01T00:00:00Z ",
    " 2026-04-01T00:00:00Z",
    "2026-04-01X00:00:00Z",
    "2026-04-01_00:00:00Z",
    "2026-4-01T00:00:00.0Z",
    "2026-13-01T00:00:00Z",
    "2026-00-01T00:00:00Z",
    "2026-04-31T00:00:00Z",
    "2026-04-00T00:00:00Z",
    "2026-02-29T00:00:00Z",
    "2100-02-29T00:00:00Z",
    "2026-04-01T24:00:00Z",
    "2026-04-01T00:60:00Z",
    "2026-04-01T00:00:61Z",
    "2026-04-01T-1:00:00Z",
    "2026-04-01T00:-1:00Z",
    "2026-04-01T00:00:-1Z",
    "-026-04-01T00:00:00Z",
    "+026-04-01T00:00:00Z",
    "2026/04/01T00:00:00Z",
    "2026-04/01T00:00:00Z",
    "2026-04-01T00.00:00Z",
    "2026-04-01T00:00.00Z",
    "2026-04-01T00:00:00+",
    "2026-04-01T00:00:00+2",
    "2026-04-01T00:00:00+02",
    "2026-04-01T00:00:00+0200",
    "2026-04-01T00:00:00+24:00",
    "2026-04-01T00:00:00+00:60",
    "2026-04-01T00:00:00*02:00",
    "2026-04-01T00:00:00+02:000",
    "2026-04-01T00:00:00+0a:00",
    "2026-04-01T00:00:00+00:a0",
    "2026-04-01T00:00:00+02-00",
    "20260401T000000.0000Z",
    "2026-04-01T00:00:00.1a3Z",
    "2026-04-01T00:00:00.-1Z",
    "202a-04-01T00:00:00Z",
    "2026-04-0aT00:00:00Z",
    "2026-a4-01T00:00:00Z",
    "2026-04-01Ta0:00:00Z",
    "2026-04-01T00:a0:00Z",
    "2026-04-01T00:00:a0Z",
    "2026-04-01T00:00:00\xC2\xA0",
    "\xD9\xA2-26-04-01T00:00:00Z",
};

static void test_texts_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
        uint64_t at = 77;
        int64_t ms = 77;
        size_t len = strlen(refused[i]);
        char *exact = malloc(len + 1); /* so that a look beyond the end is seen */
        memcpy(exact + 1, refused[i], len);
        if (clock_parse(exact + 1, len, &at) != RAUM_EBAD_CHANGE)
            fail_msg("read: %s", refused[i]);
        assert_int_equal(at, 77);
        assert_int_equal(clock_parse_ms(exact + 1, len, &ms), RAUM_EBAD_CHANGE);
        free(exact);
    }
    uint64_t at;
    assert_int_equal(clock_parse("2026-04-01T00:00:00Z\0", 21, &at), RAUM_EBAD_CHANGE);
    assert_int_equal(clock_parse("2026-04-01T00:00:0\0Z", 20, &at), RAUM_EBAD_CHANGE);
}

static void test_every_day_of_the_calendar(void **state)
{
    (void)state;
    /* A text is a date if and only if the C library's calendar comes back to it. */
    for (int year = 1580; year < 2410; year++)
        for (int month = 0; month <= 13; month++)
            for (int day = 0; day <= 32; day++) {
                char text[32];
                struct tm tm = {.tm_year = year - 1900, .tm_mon = month - 1, .tm_mday = day};
                timegm(&tm);
                int real = tm.tm_mon == month - 1 && tm.tm_mday == day && tm.tm_year == year - 1900;
                snprintf(text, sizeof text, "%04d-%02d-%02d", year, month, day);
                assert_int_equal(clock_parse_date(text, 10), real ? 0 : RAUM_EBAD_CHANGE);
            }
    assert_int_equal(clock_parse_date("0000-02-29", 10), 0);
    assert_int_equal(clock_parse_date("9999-12-31", 10), 0);
    assert_int_equal(clock_parse_date("2026-04-01Z", 11), RAUM_EBAD_CHANGE);
    assert_int_equal(clock_parse_date("2026-04-1", 9), RAUM_EBAD_CHANGE);
    assert_int_equal(clock_parse_date("2026-4-001", 10), RAUM_EBAD_CHANGE);
    assert_int_equal(clock_parse_date("", 0), RAUM_EBAD_CHANGE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ticks_ascend_whatever_the_wall_clock_does),
        cmocka_unit_test(test_tick_is_the_wall_clock_if_it_can),
        cmocka_unit_test(test_a_full_millisecond_goes_on_in_the_next),
        cmocka_unit_test(test_see_refuses_more_than_five_minutes_ahead),
        cmocka_unit_test(test_number_keeps_to_its_range),
        cmocka_unit_test(test_texts_known),
        cmocka_unit_test(test_format_and_parse_are_inverse_and_keep_the_order),
        cmocka_unit_test(test_plain_times_of_ten_thousand_years),
        cmocka_unit_test(test_plain_times_at_the_edges),
        cmocka_unit_test(test_texts_read),
        cmocka_unit_test(test_texts_refused),
        cmocka_unit_test(test_every_day_of_the_calendar),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
