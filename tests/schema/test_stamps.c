/* Stamps: round trip of random ones against a naive table, the sizes that the design counts on, and
 * bytes that are no stamps (G-O3). */
#include "base/check.h"

#include "base/clock.h"
#include "schema/stamps.h"

#define NAMES 24

static struct arena arena;
static struct buf bytes;

static int set_up(void **state)
{
    (void)state;
    arena_init(&arena, 64u << 20);
    buf_init(&bytes, 1 << 20);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    arena_release(&arena);
    buf_release(&bytes);
    return 0;
}

static bool same(struct stamp a, struct stamp b)
{
    return a.at == b.at && a.actor == b.actor && a.origin == b.origin;
}

static struct stamp any_stamp(void)
{
    static const uint32_t actors[] = {0, 1, 127, 128, 16383, 16384, UINT32_MAX};
    static const uint64_t times[] = {0, 1, UINT64_C(1) << 63, UINT64_MAX};
    return (struct stamp){.at = check_below(4) ? check_random() : times[check_below(4)],
                          .actor = check_below(2) ? check_below(300) : actors[check_below(7)],
                          .origin = (uint8_t)check_below(ORIGINS)};
}

/* Names of unknown fields: some are the beginning of others, some are no texts at all. */
static const char *const names[NAMES] = {"",     "a",    "aa",       "a.b",     "b",
                                         "\x01", "\xff", "\xff\xff", "usage.x", "z"};

struct naive {
    struct stamp row, by_tag[64], by_name[NAMES];
};

static void agrees(const struct stamps *s, const struct naive *n)
{
    uint64_t newest = n->row.at;
    assert_true(same(s->row, n->row));
    for (int tag = 1; tag < 64; tag++) {
        assert_true(same(stamps_get(s, tag, NULL, 0), n->by_tag[tag]));
        newest = n->by_tag[tag].at > newest ? n->by_tag[tag].at : newest;
    }
    for (int i = 1; i < 10; i++) {
        assert_true(same(stamps_get(s, 0, names[i], strlen(names[i])), n->by_name[i]));
        newest = n->by_name[i].at > newest ? n->by_name[i].at : newest;
    }
    buf_reset(&bytes);
    stamps_write(s, &bytes);
    /* The newest of what is written: an exception may have hidden the row's own time, which counts
     * all the same. */
    assert_true(stamps_newest(bytes.data, bytes.len) == newest);
}

static void test_round_trip(void **state)
{
    (void)state;
    check_seed(1);
    for (int round = 0; round < 3000; round++) {
        struct stamps s = {.row = any_stamp()}, again;
        struct naive n = {.row = s.row};
        for (int i = 0; i < 64; i++)
            n.by_tag[i] = s.row;
        for (int i = 0; i < NAMES; i++)
            n.by_name[i] = s.row;
        for (uint32_t i = check_below(40); i > 0; i--) {
            struct stamp stamp = check_below(8) ? any_stamp() : s.row;
            int tag = check_below(3) ? 1 + (int)check_below(63) : 0, name = 1 + (int)check_below(9);
            if (tag)
                n.by_tag[tag] = stamp;
            else
                n.by_name[name] = stamp;
            assert_int_equal(stamps_set(&s, tag, tag ? NULL : names[name],
                                        tag ? 0 : strlen(names[name]), stamp, &arena),
                             0);
        }
        agrees(&s, &n);
        struct buf copy = bytes;
        buf_init(&bytes, 1 << 20);
        assert_int_equal(stamps_read(&again, copy.data, copy.len, &arena), 0);
        agrees(&again, &n);
        assert_int_equal(bytes.len, copy.len); /* one spelling */
        assert_memory_equal(bytes.data, copy.data, copy.len);
        buf_release(&copy);
        arena_reset(&arena);
    }
}

/* 11 bytes of version and row stamp on insert (an actor below 128), 11 more for each field changed
 * later. */
static void test_sizes(void **state)
{
    (void)state;
    struct stamps s = {
        .row = {.at = clock_at(1775044800000, 1), .actor = 3, .origin = ORIGIN_USER}};
    buf_reset(&bytes);
    stamps_write(&s, &bytes);
    assert_int_equal(bytes.len, 11);
    for (int tag = 8; tag < 20; tag++) {
        struct stamp later = {.at = s.row.at + (uint64_t)tag, .actor = 3, .origin = ORIGIN_USER};
        assert_int_equal(stamps_set(&s, tag, NULL, 0, later, &arena), 0);
        buf_reset(&bytes);
        stamps_write(&s, &bytes);
        assert_int_equal(bytes.len, 11 + 11 * (tag - 7));
    }
    /* Written again: replaced. Back to the row's own: gone. */
    assert_int_equal(
        stamps_set(&s, 8, NULL, 0, (struct stamp){.at = 1, .actor = 127, .origin = 1}, &arena), 0);
    buf_reset(&bytes);
    stamps_write(&s, &bytes);
    assert_int_equal(bytes.len, 11 + 11 * 12);
    assert_int_equal(stamps_set(&s, 8, NULL, 0, s.row, &arena), 0);
    buf_reset(&bytes);
    stamps_write(&s, &bytes);
    assert_int_equal(bytes.len, 11 + 11 * 11);
}

/* Every beginning of good bytes, and every single changed byte: refused or read, never out of
 * bounds. */
static void test_damaged_G_O3(void **state)
{
    (void)state;
    struct stamps s = {.row = {.at = 7, .actor = 300, .origin = ORIGIN_AGENT}}, out;
    assert_int_equal(stamps_set(&s, 9, NULL, 0, (struct stamp){.at = 8, .actor = 1}, &arena), 0);
    assert_int_equal(stamps_set(&s, 0, "new", 3, (struct stamp){.at = 9, .actor = 2}, &arena), 0);
    assert_int_equal(stamps_set(&s, 63, NULL, 0, (struct stamp){.at = 10, .actor = 2}, &arena), 0);
    buf_reset(&bytes);
    stamps_write(&s, &bytes);
    size_t whole = bytes.len;
    int accepted = 0;
    for (size_t len = 0; len < whole; len++) {
        char *cut = malloc(len + 1); /* exact, so that the sanitizer sees one byte too far */
        memcpy(cut, bytes.data, len);
        accepted += stamps_read(&out, cut, len, &arena) == 0;
        (void)stamps_newest(cut, len);
        free(cut);
    }
    assert_int_equal(accepted, 3); /* the ends of row stamp, first and second exception */
    for (size_t at = 0; at < whole; at++)
        for (int bit = 0; bit < 8; bit++) {
            char *copy = malloc(whole);
            memcpy(copy, bytes.data, whole);
            copy[at] = (char)(copy[at] ^ 1 << bit);
            int result = stamps_read(&out, copy, whole, &arena);
            assert_true(result == 0 || result == RAUM_ECORRUPT);
            (void)stamps_newest(copy, whole);
            free(copy);
        }
}

static int read_text(const char *data, size_t len)
{
    struct stamps out;
    return stamps_read(&out, data, len, &arena);
}

#define ROW                                                                                        \
    "\x01"                                                                                         \
    "\0\0\0\0\0\0\0\x07"                                                                           \
    "\x01"                                                                                         \
    "\0"
#define FIELD(tag)                                                                                 \
    tag "\0\0\0\0\0\0\0\x08"                                                                       \
        "\x01"                                                                                     \
        "\0"
#define READ(text) read_text(text, sizeof text - 1)

static void test_hostile_G_O3(void **state)
{
    (void)state;
    assert_int_equal(READ(ROW), 0);
    assert_int_equal(READ(ROW FIELD("\x08") FIELD("\x09")), 0);
    assert_int_equal(READ(""), RAUM_ECORRUPT);
    assert_int_equal(READ("\x02"
                          "\0\0\0\0\0\0\0\x07"
                          "\x01"
                          "\0"),
                     RAUM_ECORRUPT); /* version */
    assert_int_equal(READ("\x01"
                          "\0\0\0\0\0\0\0\x07"
                          "\x01"
                          "\x05"),
                     RAUM_ECORRUPT);                                        /* origin */
    assert_int_equal(READ(ROW FIELD("\x09") FIELD("\x08")), RAUM_ECORRUPT); /* order */
    assert_int_equal(READ(ROW FIELD("\x08") FIELD("\x08")), RAUM_ECORRUPT); /* twice */
    assert_int_equal(READ(ROW FIELD("\0\x01"
                                    "b") FIELD("\0\x01"
                                               "a")),
                     RAUM_ECORRUPT);
    assert_int_equal(READ(ROW FIELD("\0\x01"
                                    "a") FIELD("\0\x01"
                                               "a")),
                     RAUM_ECORRUPT);
    assert_int_equal(READ(ROW FIELD("\0\x01"
                                    "a") FIELD("\0\x02"
                                               "aa") FIELD("\x08")),
                     0);
    assert_int_equal(READ(ROW FIELD("\0\x02"
                                    "aa") FIELD("\0\x01"
                                                "a")),
                     RAUM_ECORRUPT);
    assert_int_equal(READ(ROW FIELD("\x08") FIELD("\0\x01"
                                                  "a")),
                     RAUM_ECORRUPT); /* names come first */
    assert_int_equal(READ(ROW "\0\xff\xff\xff\xff\x0f"
                              "a"),
                     RAUM_ECORRUPT); /* a name of 4 GiB */
    assert_int_equal(READ(ROW "\0\xff\xff\xff\xff\xff\xff"
                              "a"),
                     RAUM_ECORRUPT); /* a number without end */
    assert_int_equal(READ("\x01"
                          "\0\0\0\0\0\0\0\x07"
                          "\xff\xff\xff\xff\x1f"
                          "\0"),
                     RAUM_ECORRUPT);
    /* a number that goes on too long, with all that belongs behind it */
    assert_int_equal(READ("\x01"
                          "\0\0\0\0\0\0\0\x07"
                          "\xff\xff\xff\xff\xff"
                          "\0"),
                     RAUM_ECORRUPT);
    assert_true(stamps_newest("\x02", 1) == 0);
    assert_true(stamps_newest("", 0) == 0);
    assert_true(stamps_newest(ROW FIELD("\x08"), 21) == 7); /* what is cut off does not count */
    assert_true(stamps_newest(ROW FIELD("\x08"), 22) == 8);
}

static void test_noise_G_O3(void **state)
{
    (void)state;
    check_seed(2);
    for (int round = 0; round < 20000; round++) {
        size_t len = check_below(80);
        unsigned char *noise = malloc(len + 1);
        for (size_t i = 0; i < len; i++)
            noise[i] = (unsigned char)(check_below(3) ? check_below(10) : check_random());
        if (len)
            noise[0] = 1;
        struct stamps out;
        if (stamps_read(&out, noise, len, &arena) == 0) {
            buf_reset(&bytes);
            stamps_write(&out, &bytes);
            assert_true(bytes.len <= len);
            assert_true(stamps_newest(noise, len) == stamps_newest(bytes.data, bytes.len));
        }
        free(noise);
        arena_reset(&arena);
    }
}

static void test_out_of_memory(void **state)
{
    (void)state;
    struct arena small;
    struct stamps out, s = {.row = {.at = 1}};
    arena_init(&small, 8);
    assert_int_equal(stamps_read(&out, ROW FIELD("\x08"), 22, &small), RAUM_ENOMEM);
    assert_int_equal(stamps_set(&s, 8, NULL, 0, (struct stamp){.at = 2}, &small), RAUM_ENOMEM);
    assert_int_equal(s.count, 0);
    arena_release(&small);
}

static void test_origins(void **state)
{
    (void)state;
    static const char *const known[] = {"user", "agent", "system", "migration", "server-replay"};
    assert_int_equal(ORIGINS, 5);
    for (int i = 0; i < ORIGINS; i++) {
        assert_string_equal(stamp_origin_name(i), known[i]);
        assert_int_equal(stamp_origin(known[i], strlen(known[i])), i);
        assert_int_equal(stamp_origin(known[i], strlen(known[i]) - 1), -1);
    }
    assert_int_equal(stamp_origin("User", 4), -1);
    assert_int_equal(stamp_origin("", 0), -1);
    assert_string_equal(stamp_origin_name(-1), "system");
    assert_string_equal(stamp_origin_name(ORIGINS), "system");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip),   cmocka_unit_test(test_sizes),
        cmocka_unit_test(test_damaged_G_O3), cmocka_unit_test(test_hostile_G_O3),
        cmocka_unit_test(test_noise_G_O3),   cmocka_unit_test(test_out_of_memory),
        cmocka_unit_test(test_origins),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
