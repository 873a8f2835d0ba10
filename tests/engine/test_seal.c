/* Sealing: G-K1 (key by the row's own partition), G-K2 (moved ciphertext does not open, rotation),
 * G-U3 (the same bytes on every device). */
#include "engine/seal.h"

#include "base/base64.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

static struct raum_error error;
static char folder[64], ring_path[96];
static struct raum raum;

#define OK(call)                                                                                   \
    do {                                                                                           \
        if ((call) != 0)                                                                           \
            fail_msg("%s: %s", #call, error.text);                                                 \
    } while (0)

static const struct seal_place label = {"profile", "meImages", "label", "id-1", 4, 1};

static int set_up(void **state)
{
    (void)state;
    snprintf(folder, sizeof folder, "%s/seal-XXXXXX", P_tmpdir);
    assert_non_null(mkdtemp(folder));
    snprintf(ring_path, sizeof ring_path, "%s/keys.json", folder);
    raum = (struct raum){.env = raum_env_native()};
    OK(keyring_open(&raum.ring, raum.env, ring_path, NULL, &error));
    OK(db_open(&raum.db, ":memory:", DB_CREATE | DB_PLAIN, &error));
    OK(db_exec(
        raum.db,
        "CREATE TABLE keys (key_id BLOB PRIMARY KEY, space INTEGER NOT NULL, made TEXT NOT NULL,"
        " retired TEXT, acked INTEGER NOT NULL DEFAULT 0) WITHOUT ROWID;"
        "CREATE TABLE meta (key TEXT PRIMARY KEY, value) WITHOUT ROWID",
        &error));
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    seal_release(&raum);
    db_close(raum.db);
    keyring_close(raum.ring);
    unlink(ring_path);
    return rmdir(folder);
}

static struct buf seal(uint32_t space, const struct seal_place *place, const char *text)
{
    struct buf out;
    buf_init(&out, 1 << 22);
    OK(seal_value(&raum, space, place, text, strlen(text), &out, &error));
    assert_int_equal(out.data[out.len], '\0');
    return out;
}

static int opens(const struct seal_place *place, const struct buf *sealed, const char *text)
{
    struct buf out;
    buf_init(&out, 1 << 22);
    int result = seal_open(&raum, place, sealed->data, sealed->len, &out, &error);
    if (result == 0)
        assert_string_equal(buf_text(&out), text);
    else
        assert_string_equal(buf_text(&out), "");
    buf_release(&out);
    return result;
}

static void test_round_trip(void **state)
{
    (void)state;
    char long_text[20001];
    memset(long_text, 'x', sizeof long_text);
    long_text[20000] = '\0';
    const char *const texts[] = {"", "a", "München \xf0\x9f\x8c\xb1", long_text};
    for (size_t i = 0; i < 4; i++) {
        struct buf sealed = seal(1, &label, texts[i]);
        assert_int_equal(sealed.len, strlen(texts[i]) + SEAL_OVERHEAD);
        if (i > 1)
            assert_null(memmem(sealed.data, sealed.len, texts[i], 5));
        for (int again = 0; again < 3; again++)
            OK(opens(&label, &sealed, texts[i]));
        buf_release(&sealed);
    }
}

static void test_same_bytes(void **state) /* G-U3 */
{
    (void)state;
    struct buf a = seal(1, &label, "red"), b = seal(1, &label, "red"), c = seal(1, &label, "reD");
    assert_memory_equal(a.data, b.data, a.len);
    assert_memory_not_equal(a.data + 9, c.data + 9, RAUM_NONCE_BYTES);
    /* A second device with the same ring. */
    struct raum first = raum;
    raum.seals = NULL;
    struct buf d = seal(1, &label, "red");
    assert_memory_equal(a.data, d.data, a.len);
    seal_release(&raum);
    raum.seals = first.seals;
    buf_release(&a), buf_release(&b), buf_release(&c), buf_release(&d);
}

static void test_partition_chooses_key(void **state) /* G-K1 */
{
    (void)state;
    unsigned char one[KEYRING_ID_BYTES], two[KEYRING_ID_BYTES], again[KEYRING_ID_BYTES];
    OK(seal_key(&raum, 1, one, &error));
    OK(seal_key(&raum, 2, two, &error));
    OK(seal_key(&raum, 1, again, &error));
    assert_memory_not_equal(one, two, sizeof one);
    assert_memory_equal(one, again, sizeof one);
    struct seal_place other = label;
    other.space = 2;
    struct buf a = seal(1, &label, "x"), b = seal(2, &other, "x");
    assert_memory_equal(a.data + 1, one, sizeof one);
    assert_memory_equal(b.data + 1, two, sizeof two);
    int64_t keys = 0;
    OK(db_query_int(raum.db, "SELECT count(*) FROM keys WHERE retired IS NULL", &keys, &error));
    assert_int_equal(keys, 2);
    buf_release(&a), buf_release(&b);
}

/* Each with a warm memo and with a cold one. */
static void test_moved(void **state) /* G-K2 */
{
    (void)state;
    unsigned char two[KEYRING_ID_BYTES];
    struct buf sealed = seal(1, &label, "secret");
    OK(seal_key(&raum, 2, two, &error));
    struct seal_place places[] = {label, label, label, label, label, label, label};
    places[0].field = "tags";
    places[1].table = "images";
    places[2].app = "wardrobe";
    places[3].row = "id-2";
    places[4].row_len = 3;
    places[5].space = 2;
    places[6].table = "meImageslabel", places[6].field = "";
    for (int warm = 0; warm < 2; warm++) {
        for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
            if (!warm)
                seal_release(&raum);
            assert_int_equal(opens(&places[i], &sealed, ""), RAUM_ECORRUPT);
            assert_null(strstr(error.text, "secret"));
        }
        OK(opens(&label, &sealed, "secret"));
    }
    buf_release(&sealed);
}

static void test_names_do_not_run_together(void **state) /* G-K2 */
{
    (void)state;
    const struct seal_place a = {"ab", "c", "f", "row", 3, 1}, b = {"a", "bc", "f", "row", 3, 1};
    struct buf sealed = seal(1, &a, "x");
    OK(opens(&a, &sealed, "x"));
    assert_int_equal(opens(&b, &sealed, "x"), RAUM_ECORRUPT);
    buf_release(&sealed);
    char name[2000];
    memset(name, 'n', sizeof name);
    struct seal_place big = {"a", "b", "c", name, sizeof name, 1};
    struct buf out;
    buf_init(&out, 100);
    assert_int_equal(seal_value(&raum, 1, &big, "x", 1, &out, &error), RAUM_ETOO_LARGE);
    buf_release(&out);
}

static void test_every_byte_counts(void **state)
{
    (void)state;
    for (int warm = 0; warm < 2; warm++) {
        struct buf sealed = seal(1, &label, "every byte counts");
        for (size_t i = 0; i < sealed.len; i++) {
            if (warm)
                OK(opens(&label, &sealed, "every byte counts"));
            sealed.data[i] ^= 1;
            int result = opens(&label, &sealed, "");
            assert_true(result == RAUM_ECORRUPT ||
                        (i >= 1 && i < 9 && result == RAUM_EKEY_MISSING));
            sealed.data[i] ^= 1;
        }
        size_t whole = sealed.len;
        for (sealed.len = 0; sealed.len < whole; sealed.len++)
            assert_int_equal(opens(&label, &sealed, ""), RAUM_ECORRUPT);
        OK(opens(&label, &sealed, "every byte counts"));
        buf_release(&sealed);
    }
}

static void test_rotation(void **state) /* G-K2 */
{
    (void)state;
    struct buf before = seal(1, &label, "old");
    raum.serial++;
    OK(seal_rotate(&raum, 1, &error));
    struct buf after = seal(1, &label, "new");
    assert_memory_not_equal(before.data + 1, after.data + 1, KEYRING_ID_BYTES);
    OK(opens(&label, &before, "old"));
    OK(opens(&label, &after, "new"));
    int64_t retired = 0;
    OK(db_query_int(raum.db, "SELECT count(*) FROM keys WHERE retired IS NOT NULL", &retired,
                    &error));
    assert_int_equal(retired, 1);
    /* Rotated by another process: seen in the next transaction. */
    OK(db_exec(raum.db, "UPDATE keys SET retired = 'x' WHERE retired IS NULL", &error));
    raum.serial++;
    struct buf third = seal(1, &label, "new");
    assert_memory_not_equal(third.data + 1, after.data + 1, KEYRING_ID_BYTES);
    buf_release(&before), buf_release(&after), buf_release(&third);
}

static void test_rolled_back(void **state)
{
    (void)state;
    unsigned char id[KEYRING_ID_BYTES], again[KEYRING_ID_BYTES];
    OK(db_begin(raum.db, &error));
    raum.serial++;
    OK(seal_key(&raum, 1, id, &error));
    OK(db_exec(raum.db, "DELETE FROM keys", &error)); /* as a rollback would */
    OK(db_commit(raum.db, &error));
    raum.serial++;
    OK(seal_key(&raum, 1, again, &error));
    assert_memory_not_equal(id, again, sizeof id);
}

static void test_partition_that_becomes_another(void **state)
{
    (void)state;
    struct buf sealed = seal(1, &label, "x");
    struct seal_place other = label;
    other.space = 7;
    OK(opens(&label, &sealed, "x"));
    OK(db_exec(raum.db, "UPDATE keys SET space = 7", &error));
    raum.serial++;
    OK(opens(&other, &sealed, "x"));
    assert_int_equal(opens(&label, &sealed, "x"), RAUM_ECORRUPT);
    OK(db_exec(raum.db, "DELETE FROM keys", &error));
    OK(opens(&other, &sealed, "x")); /* not looked at again within a transaction */
    raum.seen_version++;             /* another process wrote */
    assert_int_equal(opens(&label, &sealed, "x"), RAUM_EKEY_MISSING);
    other.space = 0; /* not asked for */
    OK(opens(&other, &sealed, "x"));
    buf_release(&sealed);
}

static void test_lost_key(void **state)
{
    (void)state;
    struct buf sealed = seal(1, &label, "x"), out;
    buf_init(&out, 1000);
    seal_release(&raum);
    keyring_close(raum.ring);
    unlink(ring_path);
    OK(keyring_open(&raum.ring, raum.env, ring_path, NULL, &error));
    assert_int_equal(opens(&label, &sealed, "x"), RAUM_EKEY_MISSING);
    /* Nothing is sealed with a key made behind the user's back while the old one may come back. */
    assert_int_equal(seal_value(&raum, 1, &label, "y", 1, &out, &error), RAUM_EKEY_MISSING);
    OK(seal_rotate(&raum, 1, &error));
    OK(seal_value(&raum, 1, &label, "y", 1, &out, &error));
    buf_release(&sealed), buf_release(&out);
}

static void test_text_form(void **state)
{
    (void)state;
    struct buf sealed = seal(1, &label, "as text"), text, back;
    buf_init(&text, 1000);
    buf_init(&back, 1000);
    OK(seal_to_text(sealed.data, sealed.len, &text, &error));
    assert_memory_equal(buf_text(&text), SEAL_PREFIX, strlen(SEAL_PREFIX));
    OK(seal_from_text(buf_text(&text), text.len, &back, &error));
    assert_int_equal(back.len, sealed.len);
    assert_memory_equal(back.data, sealed.data, back.len);
    /* Cut anywhere: refused, or another value, which does not open. */
    size_t least = strlen(SEAL_PREFIX) + 17 + BASE64_LEN(RAUM_NONCE_BYTES + RAUM_TAG_BYTES);
    for (size_t i = 0; i < text.len; i++) {
        buf_reset(&back);
        int result = seal_from_text(buf_text(&text), i, &back, &error);
        assert_true(result == RAUM_EBAD_CHANGE || (result == 0 && i >= least));
        assert_int_equal(back.len > 0, result == 0);
        if (result == 0)
            assert_int_equal(opens(&label, &back, ""), RAUM_ECORRUPT);
    }
    buf_release(&sealed);
    sealed = seal(1, &label, ""); /* the shortest there is */
    buf_reset(&text), buf_reset(&back);
    OK(seal_to_text(sealed.data, sealed.len, &text, &error));
    assert_int_equal(text.len, least);
    OK(seal_from_text(buf_text(&text), text.len, &back, &error));
    assert_memory_equal(back.data, sealed.data, sealed.len);
    assert_int_equal(seal_to_text(sealed.data, sealed.len - 1, &text, &error), RAUM_ECORRUPT);
    sealed.data[0] = 2;
    assert_int_equal(seal_to_text(sealed.data, sealed.len, &text, &error), RAUM_ECORRUPT);
    assert_int_equal(text.len, least);
    buf_release(&sealed), buf_release(&text), buf_release(&back);
}

static void
test_many_values(void **state) /* more than the memo holds; each is right, again and again */
{
    (void)state;
    enum { COUNT = 9000 };
    static struct buf sealed[COUNT];
    char row[20], text[400];
    struct seal_place place = label;
    place.row = row;
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < COUNT; i++) {
            place.row_len = (size_t)snprintf(row, sizeof row, "row-%d", i);
            snprintf(text, sizeof text, "%0*d", 1 + i % 300, i);
            if (!round)
                sealed[i] = seal(1, &place, text);
            OK(opens(&place, &sealed[i], text));
        }
    }
    for (int i = 0; i < COUNT; i++)
        buf_release(&sealed[i]);
}

/* What was opened a moment ago is not opened again: that is what makes reading quick. */
static int opened;

static int count_open(void *ctx, unsigned char *out, const void *sealed, size_t len, const void *ad,
                      size_t ad_len, const unsigned char nonce[RAUM_NONCE_BYTES],
                      const unsigned char key[RAUM_KEY_BYTES])
{
    opened++;
    return raum_env_native()->aead_open(ctx, out, sealed, len, ad, ad_len, nonce, key);
}

static void test_memo(void **state)
{
    (void)state;
    enum { COUNT = 200 };
    static struct buf sealed[COUNT];
    struct raum_env env = *raum_env_native();
    char row[20];
    struct seal_place place = label;
    place.row = row;
    env.aead_open = count_open;
    raum.env = &env;
    opened = 0;
    for (int round = 0; round < 5; round++)
        for (int i = 0; i < COUNT; i++) {
            place.row_len = (size_t)snprintf(row, sizeof row, "row-%d", i);
            if (!round)
                sealed[i] = seal(1, &place, "text");
            OK(opens(&place, &sealed[i], "text"));
        }
    assert_in_range(opened, COUNT, COUNT + 4 * COUNT / 8); /* a few share a slot */
    for (int i = 0; i < COUNT; i++)
        buf_release(&sealed[i]);
}

static void test_many_keys(void **state)
{
    (void)state;
    struct buf sealed[40];
    struct seal_place place = label;
    for (uint32_t i = 0; i < 40; i++)
        sealed[i] = seal(i + 1, &label, "x");
    for (uint32_t i = 0; i < 40; i++) {
        place.space = i + 1;
        OK(opens(&place, &sealed[i], "x"));
        place.space = (i + 1) % 40 + 1;
        assert_int_equal(opens(&place, &sealed[i], "x"), RAUM_ECORRUPT);
    }
    for (int i = 0; i < 40; i++)
        buf_release(&sealed[i]);
}

static void test_bytes(void **state)
{
    (void)state;
    unsigned char key[RAUM_KEY_BYTES] = {1};
    struct buf a, b, out;
    buf_init(&a, 1000), buf_init(&b, 1000), buf_init(&out, 1000);
    OK(seal_bytes(raum.env, key, "staging", "hello", 5, &a, &error));
    OK(seal_bytes(raum.env, key, "staging", "hello", 5, &b, &error));
    assert_memory_not_equal(a.data, b.data, a.len);
    OK(open_bytes(raum.env, key, "staging", a.data, a.len, &out, &error));
    assert_string_equal(buf_text(&out), "hello");
    assert_int_equal(open_bytes(raum.env, key, "backup", a.data, a.len, &out, &error),
                     RAUM_ECORRUPT);
    for (size_t i = 0; i < a.len; i++) {
        a.data[i] ^= 1;
        assert_int_equal(open_bytes(raum.env, key, "staging", a.data, a.len, &out, &error),
                         RAUM_ECORRUPT);
        a.data[i] ^= 1;
        assert_int_equal(open_bytes(raum.env, key, "staging", a.data, i, &out, &error),
                         RAUM_ECORRUPT);
    }
    buf_reset(&b);
    OK(seal_bytes(raum.env, key, "", "", 0, &b, &error)); /* empty, and a name that is too long */
    OK(open_bytes(raum.env, key, "", b.data, b.len, &out, &error));
    char purpose[200];
    memset(purpose, 'p', sizeof purpose);
    purpose[sizeof purpose - 1] = '\0';
    buf_reset(&b);
    OK(seal_bytes(raum.env, key, purpose, "", 0, &b, &error));
    OK(open_bytes(raum.env, key, purpose, b.data, b.len, &out, &error));
    purpose[sizeof purpose - 2] = 'q';
    assert_int_equal(open_bytes(raum.env, key, purpose, b.data, b.len, &out, &error),
                     RAUM_ECORRUPT);
    key[0] = 2;
    assert_int_equal(open_bytes(raum.env, key, "staging", a.data, a.len, &out, &error),
                     RAUM_ECORRUPT);
    assert_int_equal(out.len, 5);
    buf_release(&a), buf_release(&b), buf_release(&out);
}

/* Not judged here: printed, so that a slow day is seen. */
static void test_speed(void **state)
{
    (void)state;
    enum { COUNT = 400, ROUNDS = 200 };
    static struct buf sealed[COUNT];
    struct buf out;
    struct timespec a, b;
    char row[20];
    struct seal_place place = label;
    place.row = row;
    buf_init(&out, 1 << 20);
    for (int i = 0; i < COUNT; i++) {
        place.row_len = (size_t)snprintf(row, sizeof row, "row-%d", i);
        sealed[i] = seal(1, &place, "a label of some forty characters, more or less");
    }
    for (int cold = 1; cold >= 0; cold--) {
        double best = 1e9;
        for (int round = 0; round < ROUNDS; round++) {
            if (cold)
                seal_release(&raum);
            OK(seal_open(&raum, &place, sealed[COUNT - 1].data, sealed[COUNT - 1].len, &out,
                         &error));
            clock_gettime(CLOCK_MONOTONIC, &a);
            for (int i = 0; i < COUNT; i++) {
                place.row_len = 4;
                row[4] = '\0';
                place.row_len += (size_t)snprintf(row + 4, sizeof row - 4, "%d", i);
                buf_reset(&out);
                OK(seal_open(&raum, &place, sealed[i].data, sealed[i].len, &out, &error));
            }
            clock_gettime(CLOCK_MONOTONIC, &b);
            double us = ((double)(b.tv_sec - a.tv_sec) * 1e9 + (double)(b.tv_nsec - a.tv_nsec)) /
                        1e3 / COUNT;
            best = us < best ? us : best;
        }
        print_message("open, %s: %.2f us a value\n", cold ? "cold" : "warm", best);
    }
    for (int i = 0; i < COUNT; i++)
        buf_release(&sealed[i]);
    buf_release(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
        TEST(test_round_trip),
        TEST(test_same_bytes),
        TEST(test_partition_chooses_key),
        TEST(test_moved),
        TEST(test_names_do_not_run_together),
        TEST(test_every_byte_counts),
        TEST(test_rotation),
        TEST(test_rolled_back),
        TEST(test_partition_that_becomes_another),
        TEST(test_lost_key),
        TEST(test_text_form),
        TEST(test_many_values),
        TEST(test_memo),
        TEST(test_many_keys),
        TEST(test_bytes),
        TEST(test_speed),
    };
    return cmocka_run_group_tests_name("seal", tests, NULL, NULL);
}
