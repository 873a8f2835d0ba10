/* The key ring: what it writes, who may read it, two processes, a passphrase, paper. G-K1 G-O2 */
#include "engine/keyring.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static struct raum_error error;
static char folder[64], path[96];

#define OK(call)                                                                                   \
    do {                                                                                           \
        if ((call) != 0)                                                                           \
            fail_msg("%s: %s", #call, error.text);                                                 \
    } while (0)

static int set_up(void **state)
{
    (void)state;
    snprintf(folder, sizeof folder, "%s/ring-XXXXXX", P_tmpdir);
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/keys.json", folder);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    unlink(path);
    return rmdir(folder);
}

static struct keyring *open_ring(const char *passphrase)
{
    struct keyring *ring = NULL;
    OK(keyring_open(&ring, raum_env_native(), path, passphrase, &error));
    return ring;
}

static void put_file(const char *text)
{
    OK(raum_env_native()->file_write(NULL, path, text, strlen(text), 0600));
}

static bool file_has(const void *what, size_t len)
{
    void *data;
    size_t size;
    bool found = false;
    OK(raum_env_native()->file_read(NULL, path, 1 << 20, &data, &size));
    for (size_t i = 0; i + len <= size && !found; i++)
        found = memcmp((char *)data + i, what, len) == 0;
    free(data);
    return found;
}

static void test_add(void **state)
{
    (void)state;
    unsigned char ids[20][KEYRING_ID_BYTES], secrets[20][RAUM_KEY_BYTES];
    struct stat info;
    struct keyring *ring = open_ring(NULL);
    assert_int_equal(access(path, F_OK), -1); /* nothing is written before there is a key */
    for (int i = 0; i < 20; i++) {
        OK(keyring_add(ring, ids[i], &error));
        memcpy(secrets[i], keyring_find(ring, ids[i]), RAUM_KEY_BYTES);
    }
    assert_int_equal(stat(path, &info), 0);
    assert_int_equal(info.st_mode & 0777, 0600);
    keyring_close(ring);
    ring = open_ring(NULL);
    assert_int_equal(ring->count, 20);
    for (int i = 0; i < 20; i++)
        assert_memory_equal(keyring_find(ring, ids[i]), secrets[i], RAUM_KEY_BYTES);
    ids[0][0] ^= 1;
    assert_null(keyring_find(ring, ids[0]));
    keyring_close(ring);
    keyring_close(NULL);
}

static void test_two_processes(void **state)
{
    (void)state;
    unsigned char a[KEYRING_ID_BYTES], b[KEYRING_ID_BYTES], c[KEYRING_ID_BYTES];
    struct keyring *one = open_ring(NULL), *two = open_ring(NULL);
    OK(keyring_add(one, a, &error));
    OK(keyring_add(two, b, &error)); /* merges with what one wrote */
    OK(keyring_add(one, c, &error));
    assert_non_null(keyring_find(two, c)); /* looks into the file again */
    assert_non_null(keyring_find(two, a));
    assert_non_null(keyring_find(one, b));
    assert_int_equal(one->count, 3);
    OK(keyring_passphrase(one, "later", &error));
    assert_int_equal(keyring_add(two, b, &error), RAUM_ELOCKED); /* never writes it plain again */
    keyring_close(one);
    keyring_close(two);
    one = open_ring("later");
    assert_int_equal(one->count, 3);
    keyring_close(one);
}

static void test_failed_write(void **state)
{
    (void)state;
    unsigned char id[KEYRING_ID_BYTES];
    struct keyring *ring;
    char nowhere[120];
    snprintf(nowhere, sizeof nowhere, "%s/no/keys.json", folder);
    OK(keyring_open(&ring, raum_env_native(), nowhere, NULL, &error));
    assert_int_equal(keyring_add(ring, id, &error), RAUM_ENOT_FOUND);
    assert_int_equal(ring->count, 0); /* a key that is not on the disk seals nothing */
    keyring_close(ring);
}

static void test_passphrase(void **state)
{
    (void)state;
    unsigned char id[KEYRING_ID_BYTES], secret[RAUM_KEY_BYTES];
    struct keyring *ring = open_ring(NULL);
    OK(keyring_add(ring, id, &error));
    memcpy(secret, keyring_find(ring, id), sizeof secret);
    assert_true(file_has("\"keys\"", 6));
    OK(keyring_passphrase(ring, "correct horse", &error));
    assert_false(file_has("\"keys\"", 6));
    keyring_close(ring);
    assert_int_equal(keyring_open(&ring, raum_env_native(), path, NULL, &error), RAUM_ELOCKED);
    assert_int_equal(keyring_open(&ring, raum_env_native(), path, "wrong", &error), RAUM_ELOCKED);
    ring = open_ring("correct horse");
    assert_memory_equal(keyring_find(ring, id), secret, sizeof secret);
    OK(keyring_add(ring, id, &error)); /* stays wrapped */
    assert_false(file_has("\"keys\"", 6));
    OK(keyring_passphrase(ring, "battery", &error));
    keyring_close(ring);
    assert_int_equal(keyring_open(&ring, raum_env_native(), path, "correct horse", &error),
                     RAUM_ELOCKED);
    ring = open_ring("battery");
    assert_int_equal(ring->count, 2);
    OK(keyring_passphrase(ring, NULL, &error));
    keyring_close(ring);
    ring = open_ring(NULL);
    assert_int_equal(ring->count, 2);
    assert_false(ring->wrapped);
    keyring_close(ring);
}

static void test_damaged(void **state) /* G-O2 */
{
    (void)state;
    static const char *const bad[] = {
        "",
        "{",
        "[]",
        "{}",
        "{\"version\":1}",
        "{\"version\":1,\"keys\":[]}",
        "{\"keys\":{}}",
        "{\"version\":1,\"keys\":{\"0011223344556677\":\"short\"}}",
        "{\"version\":1,\"keys\":{\"001122334455667\":"
        "\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\"}}",
        "{\"version\":1,\"keys\":{\"001122334455667G\":"
        "\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\"}}",
        "{\"version\":1,\"keys\":{\"0011223344556677\":"
        "\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAB\"}}",
        "{\"version\":1,\"keys\":{\"0011223344556677\":5}}",
        "{\"version\":1,\"salt\":\"AAAA\",\"sealed\":\"AAAA\"}",
        "{\"version\":1,\"salt\":\"AAAAAAAAAAAAAAAAAAAAAA\",\"sealed\":\"AAAA\"}",
    };
    struct keyring *ring;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        put_file(bad[i]);
        assert_int_equal(keyring_open(&ring, raum_env_native(), path, "x", &error), RAUM_ECORRUPT);
        assert_true(file_has(bad[i], strlen(bad[i])));
    }
    put_file("{\"version\":2}");
    assert_int_equal(keyring_open(&ring, raum_env_native(), path, NULL, &error),
                     RAUM_ENEWER_DATABASE);
    put_file("{\"version\":1,\"keys\":{\"0011223344556677\":"
             "\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\"}}");
    ring = open_ring(NULL);
    assert_int_equal(ring->count, 1);
    struct keyring_key other = {.id = {0x00, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77},
                                .secret = {1}};
    assert_int_equal(keyring_put(ring, &other, 1, &error), RAUM_ECORRUPT);
    keyring_close(ring);
}

static void test_paper(void **state)
{
    (void)state;
    unsigned char ids[3][KEYRING_ID_BYTES], secrets[3][RAUM_KEY_BYTES];
    struct buf paper;
    buf_init(&paper, 10000);
    struct keyring *ring = open_ring(NULL);
    assert_int_equal(keyring_recovery(ring, &paper, &error), RAUM_ENOT_FOUND);
    for (int i = 0; i < 3; i++) {
        OK(keyring_add(ring, ids[i], &error));
        memcpy(secrets[i], keyring_find(ring, ids[i]), RAUM_KEY_BYTES);
    }
    OK(keyring_recovery(ring, &paper, &error));
    keyring_close(ring);
    unlink(path);
    /* As somebody types it: small letters, dashes, other lines, o for 0. */
    for (size_t i = 0; i < paper.len; i++) {
        char *c = &paper.data[i];
        *c = *c == '0'                ? 'o'
             : *c == '\n'             ? ' '
             : *c == ' '              ? '-'
             : *c >= 'A' && *c <= 'Z' ? *c + 32
                                      : *c;
    }
    ring = open_ring(NULL);
    OK(keyring_recover(ring, buf_text(&paper), &error));
    OK(keyring_recover(ring, buf_text(&paper), &error)); /* again: nothing changes */
    assert_int_equal(ring->count, 3);
    for (int i = 0; i < 3; i++)
        assert_memory_equal(keyring_find(ring, ids[i]), secrets[i], RAUM_KEY_BYTES);
    keyring_close(ring);
    unlink(path);
    /* Every single slip is found, and nothing is taken. */
    ring = open_ring(NULL);
    for (size_t i = 0; i < paper.len; i++) {
        char was = paper.data[i];
        if (was == '-' || was == ' ')
            continue;
        paper.data[i] = was == 'q' ? 'r' : 'q';
        assert_int_equal(keyring_recover(ring, buf_text(&paper), &error), RAUM_EBAD_CHANGE);
        paper.data[i] = was;
    }
    assert_int_equal(keyring_recover(ring, "RAUM1-1", &error), RAUM_EBAD_CHANGE);
    assert_int_equal(keyring_recover(ring, "RAUM1-99999999999", &error), RAUM_EBAD_CHANGE);
    assert_int_equal(keyring_recover(ring, "", &error), RAUM_EBAD_CHANGE);
    buf_str(&paper, "A");
    assert_int_equal(keyring_recover(ring, buf_text(&paper), &error), RAUM_EBAD_CHANGE);
    assert_int_equal(ring->count, 0);
    keyring_close(ring);
    buf_release(&paper);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
        TEST(test_add),        TEST(test_two_processes), TEST(test_failed_write),
        TEST(test_passphrase), TEST(test_damaged),       TEST(test_paper),
    };
    return cmocka_run_group_tests_name("keyring", tests, NULL, NULL);
}
