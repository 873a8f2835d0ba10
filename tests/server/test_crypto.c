/* The server's cryptography against values that others made: hashes of Better Auth itself, tokens
 * of Node's crypto, the key of RFC 8037; and against whoever alters them. */
#include "server/kit.h"

#include "base/base64.h"
#include "base/json.h"
#include "server/auth/crypto.h"

#include <pthread.h>
#include <sodium.h>
#include <stdatomic.h>
#include <time.h>
#include <unistd.h>

static struct raum_error error;

/* Made by better-auth's hashPassword: the first of a text with a ligature, a circled digit and an
 * umlaut of two characters, whose normal form it hashes. */
#define BETTER_PASSWORD "Pa\xc3\x9fwort \xc3\xa4o\xcc\x88\xef\xac\x81 \xe2\x91\xa0"
#define BETTER_NORMAL                                                                              \
    "Pa\xc3\x9fwort \xc3\xa4\xc3\xb6"                                                              \
    "fi 1"
#define BETTER_HASH                                                                                \
    "6b33d6af094810e46e34501122920204:"                                                            \
    "377f0a58aba4c006a3b9c6aaff73311dd977fcf9df50114c9b13cdee3d8be372"                             \
    "acac6445689b47a1b883add208478435456a987997473ccc4e22bde21dd9431f"
#define SCRYPT_HASH                                                                                \
    "00112233445566778899aabbccddeeff:"                                                            \
    "267a33c2ae63f1c2d542f84d50b7d87c68900c8b9475f6a47ade71cf44b23482"                             \
    "2e0a34af1d226572b5caf52809319d4c486f3d209cc2fd022fb53bb4eaeb35b1"

static int check(const char *password, const char *hash)
{
    bool rehash = true;
    int result = crypto_password_check(password, hash, &rehash, &error);
    if (result != 0)
        assert_false(rehash);
    return result == 0 && rehash ? 1 : result;
}

/* ---- passwords */

static void test_better_auth_hashes(void **state)
{
    (void)state;
    assert_int_equal(check(BETTER_PASSWORD, BETTER_HASH), 1); /* and wants a new one */
    assert_int_equal(check(BETTER_NORMAL, BETTER_HASH), 1);
    assert_int_equal(check("correct horse battery", SCRYPT_HASH), 1);
    assert_int_equal(check("correct horse batterz", SCRYPT_HASH), RAUM_ENOT_ALLOWED);
    assert_int_equal(check("", SCRYPT_HASH), RAUM_ENOT_ALLOWED);
    assert_int_equal(check("correct horse battery ", SCRYPT_HASH), RAUM_ENOT_ALLOWED);
}

static void test_own_hashes(void **state)
{
    (void)state;
    char hash[CRYPTO_PASSWORD_MAX], again[CRYPTO_PASSWORD_MAX];
    assert_int_equal(crypto_password_hash(BETTER_PASSWORD, hash, &error), 0);
    assert_int_equal(strncmp(hash, "$argon2id$v=19$m=19456,t=2,p=1$", 31), 0);
    assert_int_equal(crypto_password_hash(BETTER_PASSWORD, again, &error), 0);
    assert_string_not_equal(hash, again);
    assert_int_equal(check(BETTER_PASSWORD, hash), 0);
    assert_int_equal(check(BETTER_NORMAL, hash), 0); /* one password, typed otherwise */
    assert_int_equal(check("Passwort", hash), RAUM_ENOT_ALLOWED);
    assert_int_equal(crypto_password_hash("\xff\xfe", hash, &error), RAUM_EUSAGE);
    assert_int_equal(check("\xff\xfe", again), RAUM_ENOT_ALLOWED);
}

/* A hash that was altered, cut, grown or is of another kind fits nobody and costs no more. */
static void test_hashes_tampered_with(void **state)
{
    (void)state;
    char hash[CRYPTO_PASSWORD_MAX], bad[2 * CRYPTO_PASSWORD_MAX];
    assert_int_equal(crypto_password_hash("password", hash, &error), 0);
    size_t len = strlen(hash);
    for (size_t at = 0; at < len; at += 9) {
        snprintf(bad, sizeof bad, "%s", hash);
        bad[at] ^= 1;
        assert_int_equal(check("password", bad), RAUM_ENOT_ALLOWED);
    }
    const char *const others[] = {
        "",
        ":",
        "$",
        "$argon2id$",
        "plain",
        "password",
        "$argon2id$v=19$m=4194304,t=900,p=1$c29tZXNhbHRzb21lc2FsdA$"
        "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", /* would take 4 GiB and an hour */
        "00112233445566778899AABBCCDDEEFF:267a33c2ae63f1c2d542f84d50b7d87c68900c8b9475f6a47ade71cf4"
        "4b234822e0a34af1d226572b5caf52809319d4c486f3d209cc2fd022fb53bb4eaeb35b1",
        "00112233445566778899aabbccddeeff:267a33c2ae63f1c2d542f84d50b7d87c68900c8b9475f6a47ade71cf4"
        "4b234822e0a34af1d226572b5caf52809319d4c486f3d209cc2fd022fb53bb4eaeb35b2",
        "00112233445566778899aabbccddeeff:267a"};
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
        assert_int_equal(check("correct horse battery", others[i]), RAUM_ENOT_ALLOWED);
    memset(bad, 'a', sizeof bad - 1);
    bad[sizeof bad - 1] = '\0';
    assert_int_equal(check("password", bad), RAUM_ENOT_ALLOWED);
}

static int64_t now_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static int64_t quickest(const char *password, const char *hash)
{
    int64_t best = INT64_MAX;
    for (int i = 0; i < 7; i++) {
        int64_t from = now_us();
        assert_int_equal(check(password, hash), RAUM_ENOT_ALLOWED);
        int64_t took = now_us() - from;
        best = took < best ? took : best;
    }
    return best;
}

/* Whether an account exists is not told by the time: an unknown one, a wrong password, a text that
 * is none and a broken hash all take one hashing. */
static void test_unknown_accounts_cost_as_much(void **state)
{
    (void)state;
    char hash[CRYPTO_PASSWORD_MAX];
    assert_int_equal(crypto_password_hash("password", hash, &error), 0);
    int64_t wrong = quickest("passwort", hash);
    const int64_t others[] = {quickest("passwort", NULL), quickest("\xff", hash),
                              quickest("\xff", NULL), quickest("passwort", "broken")};
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
        if (others[i] < wrong / 4 || others[i] > wrong * 4)
            fail_msg("case %zu took %lld us, a wrong password %lld us", i, (long long)others[i],
                     (long long)wrong);
}

/* ---- the pool */

#define CROWD 40
static atomic_int busy_count, done_count, finished, most_kib;
static pthread_barrier_t line;

static void *one_of_many(void *arg)
{
    bool rehash;
    pthread_barrier_wait(&line);
    int result = crypto_password_check("password", arg, &rehash, NULL);
    if (result == RAUM_EBUSY)
        atomic_fetch_add(&busy_count, 1);
    else if (result == RAUM_ENOT_ALLOWED)
        atomic_fetch_add(&done_count, 1);
    return NULL;
}

static long resident_kib(void)
{
    long total, resident = 0;
    FILE *f = fopen("/proc/self/statm", "r");
    if (f && fscanf(f, "%ld %ld", &total, &resident) != 2)
        resident = 0;
    if (f)
        fclose(f);
    return resident * (sysconf(_SC_PAGESIZE) / 1024);
}

static void *watch(void *arg)
{
    (void)arg;
    while (atomic_load(&finished) == 0) {
        int kib = (int)resident_kib();
        if (kib > atomic_load(&most_kib))
            atomic_store(&most_kib, kib);
        usleep(500);
    }
    return NULL;
}

/* G-O3: forty at once: two run, thirty-two wait, the others are told to come again; memory is that
 * of two (38 MiB), not of forty (760 MiB). */
static void test_pool(void **state)
{
    (void)state;
    pthread_t threads[CROWD], watcher;
    long before = resident_kib();
    atomic_store(&finished, 0);
    atomic_store(&busy_count, 0);
    atomic_store(&done_count, 0);
    pthread_barrier_init(&line, NULL, CROWD);
    assert_int_equal(pthread_create(&watcher, NULL, watch, NULL), 0);
    for (int i = 0; i < CROWD; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, one_of_many, NULL), 0);
    for (int i = 0; i < CROWD; i++)
        pthread_join(threads[i], NULL);
    atomic_store(&finished, 1);
    pthread_join(watcher, NULL);
    pthread_barrier_destroy(&line);
    assert_int_equal(atomic_load(&busy_count) + atomic_load(&done_count), CROWD);
    assert_in_range(atomic_load(&busy_count), 1, CROWD - 34);
    assert_in_range(atomic_load(&most_kib) - before, 0, 100 * 1024);
    assert_int_equal(check("password", NULL), RAUM_ENOT_ALLOWED); /* it is free again */
}

/* ---- hashes */

static void test_hashes(void **state)
{
    (void)state;
    unsigned char out[32], expected[32];
    const char *hmac = "e941110e3d2bfe82621f0e3e1434730d7305d106c5f68c87165d0b27a4611a4a";
    const char *sha = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    assert_true(hex_read(expected, 32, hmac, 64));
    crypto_hmac_sha256("secret", "token", 5, out);
    assert_true(crypto_same(out, expected, 32));
    out[31] ^= 1;
    assert_false(crypto_same(out, expected, 32));
    assert_true(hex_read(expected, 32, sha, 64));
    crypto_sha256("abc", 3, out);
    assert_memory_equal(out, expected, 32);
    /* RFC 4231, case 6: a key longer than a block. */
    char key[132];
    memset(key, 0xaa, 131);
    key[131] = '\0';
    crypto_hmac_sha256(key, "Test Using Larger Than Block-Size Key - Hash Key First", 54, out);
    assert_true(hex_read(expected, 32,
                         "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54", 64));
    assert_memory_equal(out, expected, 32);
}

/* ---- tokens */

#define SEED "nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A" /* RFC 8032 §7.1, RFC 8037 A.1 */
#define PUBLIC "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"
#define PAYLOAD "{\"sub\":\"u1\",\"exp\":2000000000}"
#define TOKEN /* made by Node's crypto with that key */                                            \
    "eyJhbGciOiJFZERTQSIsImtpZCI6ImsxIn0.eyJzdWIiOiJ1MSIsImV4cCI6MjAwMDAwMDAwMH0."                 \
    "MKwy6UQCLKasViKdmXz74KMMH_8xwc5Ds2fhNILmCjsRQ5KI8Q6_EJIqONLWEelC-sBcC_rKnAPK3NcFvI9XAg"

static unsigned char pub[CRYPTO_SIGN_PUBLIC], secret[CRYPTO_SIGN_SECRET];

static void known_keys(void)
{
    unsigned char seed[32], expected[32];
    assert_true(base64_read(seed, 32, SEED, strlen(SEED)));
    assert_true(base64_read(expected, 32, PUBLIC, strlen(PUBLIC)));
    crypto_sign_seed_keypair(pub, secret, seed);
    assert_memory_equal(pub, expected, 32);
}

static int check_token(const char *token, const char *kid)
{
    struct buf payload;
    buf_init(&payload, 4096);
    int result = crypto_jwt_check(token, kid, pub, &payload);
    if (result == 0)
        assert_string_equal(buf_text(&payload), PAYLOAD);
    buf_release(&payload);
    return result;
}

static void test_token_as_others_make_it(void **state)
{
    (void)state;
    struct buf out;
    known_keys();
    buf_init(&out, 4096);
    buf_str(&out, "Bearer ");
    assert_int_equal(crypto_jwt("k1", secret, PAYLOAD, strlen(PAYLOAD), &out), 0);
    assert_string_equal(buf_text(&out), "Bearer " TOKEN);
    assert_int_equal(check_token(TOKEN, "k1"), 0);
    buf_release(&out);
    buf_init(&out, 40); /* too small: an error, no half of a token */
    assert_int_equal(crypto_jwt("k1", secret, PAYLOAD, strlen(PAYLOAD), &out), RAUM_ETOO_LARGE);
    buf_release(&out);
}

static void test_token_altered(void **state)
{
    (void)state;
    char bad[sizeof TOKEN + 8];
    known_keys();
    assert_int_equal(check_token(TOKEN, "k2"), RAUM_ENOT_ALLOWED);
    for (size_t at = 0; at < sizeof TOKEN - 1; at++) {
        memcpy(bad, TOKEN, sizeof TOKEN);
        bad[at] = bad[at] == 'A' ? 'B' : 'A';
        assert_int_equal(check_token(bad, "k1"), RAUM_ENOT_ALLOWED);
        memcpy(bad, TOKEN, sizeof TOKEN);
        bad[at] = '\0';
        assert_int_equal(check_token(bad, "k1"), RAUM_ENOT_ALLOWED);
    }
    const char *const tails[] = {".", "=", "A", " ", ".A", "\n"};
    for (size_t i = 0; i < sizeof tails / sizeof tails[0]; i++) {
        snprintf(bad, sizeof bad, "%s%s", TOKEN, tails[i]);
        assert_int_equal(check_token(bad, "k1"), RAUM_ENOT_ALLOWED);
    }
    pub[0] ^= 1;
    assert_int_equal(check_token(TOKEN, "k1"), RAUM_ENOT_ALLOWED);
}

/* A token whose head says another way, signed rightly by us: what it says chooses nothing. */
static void signed_with_head(const char *head, int expected)
{
    struct buf t;
    unsigned char signature[crypto_sign_BYTES];
    buf_init(&t, 4096);
    base64_put(&t, head, strlen(head));
    buf_char(&t, '.');
    base64_put(&t, PAYLOAD, strlen(PAYLOAD));
    crypto_sign_detached(signature, NULL, (unsigned char *)t.data, t.len, secret);
    buf_char(&t, '.');
    base64_put(&t, signature, sizeof signature);
    assert_int_equal(check_token(buf_text(&t), "k1"), expected);
    buf_release(&t);
}

static void test_token_heads(void **state)
{
    (void)state;
    known_keys();
    signed_with_head("{\"alg\":\"EdDSA\",\"kid\":\"k1\"}", 0);
    signed_with_head("{\"typ\":\"JWT\",\"kid\":\"k1\",\"alg\":\"EdDSA\"}", 0);
    const char *const bad[] = {"{\"alg\":\"none\",\"kid\":\"k1\"}",
                               "{\"alg\":\"HS256\",\"kid\":\"k1\"}",
                               "{\"alg\":\"eddsa\",\"kid\":\"k1\"}",
                               "{\"alg\":[\"EdDSA\"],\"kid\":\"k1\"}",
                               "{\"alg\":\"EdDSA\"}",
                               "{\"kid\":\"k1\"}",
                               "{\"alg\":\"EdDSA\",\"kid\":null}",
                               "{\"alg\":\"EdDSA\",\"kid\":\"k1\",\"crit\":[\"exp\"]}",
                               "{\"alg\":\"none\",\"alg\":\"EdDSA\",\"kid\":\"k1\"}",
                               "[]",
                               "",
                               "null",
                               "{",
                               "{\"alg\":\"EdDSA\",\"kid\":\"k1\"} x"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        signed_with_head(bad[i], RAUM_ENOT_ALLOWED);
    assert_int_equal(check_token("", "k1"), RAUM_ENOT_ALLOWED);
    assert_int_equal(check_token("..", "k1"), RAUM_ENOT_ALLOWED);
    assert_int_equal(check_token(".", "k1"), RAUM_ENOT_ALLOWED);
    char *huge = malloc(1 << 20);
    memset(huge, 'A', 1 << 20);
    memcpy(huge, TOKEN, 60);
    huge[(1 << 20) - 1] = '\0';
    assert_int_equal(check_token(huge, "k1"), RAUM_ENOT_ALLOWED);
    free(huge);
}

static void test_new_keys(void **state)
{
    (void)state;
    unsigned char first[CRYPTO_SIGN_PUBLIC];
    struct buf out;
    crypto_sign_keys(first, secret);
    crypto_sign_keys(pub, secret);
    assert_memory_not_equal(first, pub, sizeof first);
    buf_init(&out, 4096);
    assert_int_equal(crypto_jwt("k\"1", secret, PAYLOAD, strlen(PAYLOAD), &out), 0);
    assert_int_equal(check_token(buf_text(&out), "k\"1"), 0);
    memcpy(pub, first, sizeof first);
    assert_int_equal(check_token(buf_text(&out), "k\"1"), RAUM_ENOT_ALLOWED);
    buf_release(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_better_auth_hashes),
        cmocka_unit_test(test_own_hashes),
        cmocka_unit_test(test_hashes_tampered_with),
        cmocka_unit_test(test_unknown_accounts_cost_as_much),
        cmocka_unit_test(test_pool),
        cmocka_unit_test(test_hashes),
        cmocka_unit_test(test_token_as_others_make_it),
        cmocka_unit_test(test_token_altered),
        cmocka_unit_test(test_token_heads),
        cmocka_unit_test(test_new_keys),
    };
    return cmocka_run_group_tests_name("crypto", tests, NULL, NULL);
}
