#include "base/check.h"
#include "base/clock.h"
#include "base/id.h"

#include <ctype.h>

#define START_MS ((int64_t)1775001600000)

/* A world whose time is set and whose randomness is seeded; hashing is the real one. */
struct world {
    struct raum_env env;
    int64_t now;
    int fill; /* -1: random; else every random byte */
};

static int64_t world_now(void *ctx)
{
    return ((struct world *)ctx)->now;
}

static void world_random(void *ctx, void *out, size_t len)
{
    struct world *w = ctx;
    for (size_t i = 0; i < len; i++)
        ((unsigned char *)out)[i] =
            (unsigned char)(w->fill < 0 ? check_random() : (uint64_t)w->fill);
}

static void world_init(struct world *w)
{
    *w = (struct world){.env = *raum_env_native(), .now = START_MS, .fill = -1};
    w->env.ctx = w;
    w->env.now_ms = world_now;
    w->env.random = world_random;
}

static int64_t ms_of(const char *id)
{
    char hex[13];
    memcpy(hex, id, 8);
    memcpy(hex + 8, id + 9, 5);
    return (int64_t)strtoull(hex, NULL, 16);
}

static void check_form(const char *id, char version)
{
    assert_int_equal(strlen(id), ID_TEXT - 1);
    assert_true(id_is_uuid(id, strlen(id)));
    assert_true(id_valid(id, strlen(id)));
    assert_int_equal(id[14], version);
    assert_non_null(strchr("89ab", id[19]));
    for (const char *c = id; *c; c++)
        assert_false(isupper((unsigned char)*c));
}

typedef void new_function(struct id_source *source, const struct raum_env *env, char out[ID_TEXT]);

static int not_ascending(new_function *make, int rounds)
{
    struct world w;
    struct id_source source = {0};
    char before[ID_TEXT] = "", id[ID_TEXT];
    int wrong = 0;
    world_init(&w);
    check_seed(5);
    for (int i = 0; i < rounds; i++) {
        if (check_below(5000) == 0)
            w.now += (int64_t)check_below(2000) - 1000; /* else frozen, for more than 4096 ids */
        make(&source, &w.env, id);
        wrong += strcmp(before, id) >= 0;
        memcpy(before, id, sizeof id);
    }
    return wrong;
}

/* The planted fault: version 7 with the time and chance only. */
static void new_without_memory(struct id_source *source, const struct raum_env *env,
                               char out[ID_TEXT])
{
    *source = (struct id_source){0};
    id_new(source, env, out);
}

static void test_ascends_under_a_frozen_and_backward_clock(void **state)
{
    (void)state;
    assert_int_equal(not_ascending(id_new, 100000), 0);
    assert_true(not_ascending(new_without_memory, 100000) > 0);
}

static void test_form_and_time(void **state)
{
    (void)state;
    struct world w;
    struct id_source source = {0};
    char id[ID_TEXT];
    world_init(&w);
    check_seed(6);
    for (int i = 0; i < 1000; i++) {
        w.now += 1 + check_below(1000);
        id_new(&source, &w.env, id);
        check_form(id, '7');
        assert_int_equal(ms_of(id), w.now);
    }
    w.fill = 0x00;
    w.now++;
    id_new(&source, &w.env, id);
    check_form(id, '7');
    assert_string_equal(id + 14, "7000-8000-000000000000");
    w.fill = 0xFF;
    w.now++;
    id_new(&source, &w.env, id);
    check_form(id, '7');
    assert_string_equal(id + 14,
                        "77ff-bfff-ffffffffffff"); /* the counter starts in the lower half */
    w.now = INT64_MIN; /* a mad clock: the time goes on from where it was */
    id_new(&source, &w.env, id);
    check_form(id, '7');
    assert_string_equal(id + 14, "7800-bfff-ffffffffffff");
    w.now = INT64_MAX;
    id_new(&source, &w.env, id);
    assert_int_equal(ms_of(id), CLOCK_MS_MAX);
    source = (struct id_source){0};
    w.now = -1;
    id_new(&source, &w.env, id);
    assert_int_equal(ms_of(id), 0);
}

static void test_a_full_millisecond_borrows_the_next(void **state)
{
    (void)state;
    struct world w;
    struct id_source source = {.ms = START_MS, .count = 0xFFE};
    char id[ID_TEXT];
    world_init(&w);
    id_new(&source, &w.env, id);
    assert_int_equal(ms_of(id), START_MS);
    assert_memory_equal(id + 14, "7fff", 4);
    id_new(&source, &w.env, id);
    assert_int_equal(ms_of(id), START_MS + 1);
    assert_memory_equal(id + 14, "7000", 4);
    w.now = START_MS + 1; /* not newer than what was borrowed */
    id_new(&source, &w.env, id);
    assert_memory_equal(id + 14, "7001", 4);
}

static void test_derived_ids_are_the_same_everywhere(void **state)
{
    (void)state;
    struct world w;
    char a[ID_TEXT], b[ID_TEXT];
    world_init(&w);
    id_derive(&w.env, "abc", 3, a);
    check_form(a, '8');
    /* BLAKE2b-128 of "abc" is cf4ab791c62b8d2b2109c90275287816; two places carry the version. */
    assert_string_equal(a, "cf4ab791-c62b-8d2b-a109-c90275287816");
    w.now += 1000;
    id_derive(&w.env, "abc", 3, b);
    assert_string_equal(a, b);
    id_derive(&w.env, "abc\0", 4, b);
    assert_string_not_equal(a, b);
    id_derive(&w.env, "", 0, b);
    check_form(b, '8');
}

static void test_valid(void **state)
{
    (void)state;
    char longest[ID_LEN_MAX + 1];
    memset(longest, 'x', sizeof longest);
    assert_true(id_valid(longest, ID_LEN_MAX));
    assert_false(id_valid(longest, ID_LEN_MAX + 1));
    assert_false(id_valid("", 0));
    assert_true(id_valid("_personal:guest", 15));
    assert_true(id_valid("K\xC3\xBCste 1", 8));
    assert_true(id_valid("\xC2\xA0", 2));
    assert_false(id_valid("a\0b", 3));
    assert_false(id_valid("a\nb", 3));
    assert_false(id_valid("a\x1F", 2));
    assert_true(id_valid(" ~", 2));
    assert_false(id_valid("a\x7F", 2));
    assert_false(id_valid("a\xC2\x80", 3));
    assert_false(id_valid("a\xC2\x9F", 3));
    assert_false(id_valid("a\xFF", 2));
    assert_false(id_valid("a\xC3", 2));
    assert_false(id_valid("ab\xC3\xA9", 3)); /* the rest lies behind the end */
}

static void test_is_uuid(void **state)
{
    (void)state;
    static const char good[] = "0190A5b2-7c00-7000-8000-00000000fF09";
    assert_true(id_is_uuid(good, 36));
    assert_false(id_is_uuid(good, 35));
    assert_false(id_is_uuid(good, 37));
    for (size_t i = 0; i < 36; i++)
        for (int c = 0; c < 256; c++) {
            char text[36];
            memcpy(text, good, 36);
            text[i] = (char)c;
            bool expected = good[i] == '-' ? c == '-' : c < 128 && isxdigit(c);
            assert_int_equal(id_is_uuid(text, 36), expected);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ascends_under_a_frozen_and_backward_clock),
        cmocka_unit_test(test_form_and_time),
        cmocka_unit_test(test_a_full_millisecond_borrows_the_next),
        cmocka_unit_test(test_derived_ids_are_the_same_everywhere),
        cmocka_unit_test(test_valid),
        cmocka_unit_test(test_is_uuid),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
