/* The vault: what arrives comes back, on every device of the account and on no other; nothing that
 * arrived is lost, however two devices race; a stolen database opens nothing. */
#include "server/desk.h"

#include "base/base64.h"
#include <pthread.h>

#define SECRET_A "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8"
#define SECRET_B "ICEiIyQlJicoKSorLC0uLzAxMjM0NTY3ODk6Ozw9Pj8"
#define RECORD_A                                                                                   \
    SECRET_A "A" SECRET_B "A"                                                                      \
             "AQID"                                                                                \
             "BAUG" /* 72 bytes, as a device makes them */
#define RECORD_B                                                                                   \
    SECRET_B "A" SECRET_A "A"                                                                      \
             "AQID"                                                                                \
             "BAUG"
#define AT "2026-11-23T04:57:38.073Z"
#define PHRASE                                                                                     \
    "{\"salt\":\"AAECAwQFBgcICQoLDA0ODw\",\"wrapped\":\"" RECORD_A "\",\"recovery\":\"" RECORD_B   \
    "\"}"

static struct desk desk;
static char anna[64], bert[64];

static int set_up(void **state)
{
    (void)state;
    desk_open(&desk);
    desk_sign_up(&desk, "anna@example.org", anna);
    desk_sign_up(&desk, "bert@example.org", bert);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    desk_close(&desk);
    return 0;
}

/* Lent, from one of several static buffers. */
static const char *key_json(int n, const char *kind, const char *secret)
{
    static char out[4][512];
    static int turn;
    turn = (turn + 1) % 4;
    snprintf(out[turn], sizeof out[turn],
             "{\"id\":\"%016x\",\"partition\":\"%s\",\"created\":\"" AT
             "\",\"kind\":\"%s\",\"%s\":\"%s\"}",
             n, n % 2 ? "personal" : "user", kind,
             strcmp(kind, "server") == 0 ? "secret" : "record", secret);
    return out[turn];
}

static const char *address(int n)
{
    static char out[64];
    snprintf(out, sizeof out, "/api/v1/vault/%016x", n);
    return out;
}

static int count_keys(const char *token)
{
    struct reply r;
    desk_ask(&desk, "GET", "/api/v1/vault", token, NULL, &r);
    assert_int_equal(r.status, 200);
    int n = (int)json_count(json_get(r.json, "keys"));
    desk_done(&r);
    return n;
}

static void expect(const char *token, const char *wanted)
{
    struct reply r;
    desk_ask(&desk, "GET", "/api/v1/vault", token, NULL, &r);
    assert_int_equal(r.status, 200);
    assert_string_equal(buf_text(&r.body), wanted);
    assert_string_equal(desk_header(&r, "Cache-Control"), "no-store");
    desk_done(&r);
}

static void there_and_back(void **state)
{
    (void)state;
    expect(anna, "{\"keys\":[],\"passphrase\":null}");
    DESK_IS(&desk, 200, "PUT", address(1), anna, key_json(1, "server", SECRET_A));
    DESK_IS(&desk, 200, "PUT", address(2), anna, key_json(2, "server", SECRET_B));
    /* The answer was lost, or another device had it already. */
    DESK_IS(&desk, 200, "PUT", address(1), anna, key_json(1, "server", SECRET_A));
    DESK_CODE(&desk, 409, "EXISTS", "PUT", address(1), anna, key_json(1, "server", SECRET_B));
    char other[512];
    snprintf(other, sizeof other,
             "{\"id\":\"%016x\",\"partition\":\"user\",\"created\":\"" AT
             "\",\"kind\":\"server\",\"secret\":\"" SECRET_A "\"}",
             1);
    DESK_CODE(&desk, 409, "EXISTS", "PUT", address(1), anna, other);
    expect(anna,
           "{\"keys\":[{\"id\":\"0000000000000001\",\"partition\":\"personal\",\"created\":\"" AT
           "\",\"kind\":\"server\",\"secret\":\"" SECRET_A
           "\"},{\"id\":\"0000000000000002\",\"partition\":\"user\",\"created\":\"" AT
           "\",\"kind\":\"server\",\"secret\":\"" SECRET_B "\"}],\"passphrase\":null}");
    expect(bert, "{\"keys\":[],\"passphrase\":null}");
    /* The same id is another key with somebody else. */
    DESK_IS(&desk, 200, "PUT", address(1), bert, key_json(1, "server", SECRET_B));
    assert_int_equal(count_keys(bert), 1);
    assert_int_equal(count_keys(anna), 2);
}

static void only_by_session(void **state)
{
    (void)state;
    struct reply r;
    char jwt[2048];
    DESK_IS(&desk, 401, "GET", "/api/v1/vault", NULL, NULL);
    DESK_IS(&desk, 401, "PUT", address(1), NULL, key_json(1, "server", SECRET_A));
    DESK_IS(&desk, 401, "PUT", "/api/v1/vault", NULL, "{\"passphrase\":null,\"keys\":[]}");
    DESK_IS(&desk, 401, "GET", "/api/v1/vault", "0123456789abcdef0123456789abcdef", NULL);
    desk_ask(&desk, "GET", "/api/auth/token", anna, NULL, &r);
    snprintf(jwt, sizeof jwt, "%s", desk_text(&r, "token"));
    assert_true(strlen(jwt) > 64);
    desk_done(&r);
    DESK_IS(&desk, 401, "GET", "/api/v1/vault", jwt, NULL);
    DESK_IS(&desk, 200, "POST", "/api/auth/sign-out", anna, "{}");
    DESK_IS(&desk, 401, "GET", "/api/v1/vault", anna, NULL);
}

#define KEY(id, partition, created, kind, rest)                                                    \
    "{\"id\":\"" id "\",\"partition\":\"" partition "\",\"created\":\"" created                    \
    "\",\"kind\":\"" kind "\"" rest "}"
#define GOOD_ID "00000000000000aa"
#define WITH_A ",\"secret\":\"" SECRET_A "\""

static void malformed(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "{}",
        KEY("00000000000000AA", "user", AT, "server", WITH_A),
        KEY("0000000000000aa", "user", AT, "server", WITH_A),
        KEY("000000000000000aa", "user", AT, "server", WITH_A),
        KEY("00000000000000ab", "user", AT, "server", WITH_A), /* not that of the address */
        KEY("00000000000000a\\u0000", "user", AT, "server", WITH_A),
        KEY(GOOD_ID, "", AT, "server", WITH_A),
        KEY(GOOD_ID, "brand", AT, "server", WITH_A),
        KEY(GOOD_ID, "user|x", AT, "server", WITH_A),
        KEY(GOOD_ID, "user", "yesterday", "server", WITH_A),
        KEY(GOOD_ID, "user", "", "server", WITH_A),
        KEY(GOOD_ID, "user", AT, "host", WITH_A),
        KEY(GOOD_ID, "user", AT, "server", ""),
        KEY(GOOD_ID, "user", AT, "server", ",\"secret\":5"),
        KEY(GOOD_ID, "user", AT, "server", ",\"secret\":\"AAAA\""),
        KEY(GOOD_ID, "user", AT, "server", ",\"secret\":\"" SECRET_A "A\""),
        KEY(GOOD_ID, "user", AT, "server", ",\"secret\":\"" SECRET_A "=\""),
        KEY(GOOD_ID, "user", AT, "server",
            ",\"secret\":\"+AECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8\""),
        KEY(GOOD_ID, "user", AT, "server",
            ",\"secret\":\"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh9\""),
        KEY(GOOD_ID, "user", AT, "server", ",\"record\":\"" RECORD_A "\""),
        KEY(GOOD_ID, "user", AT, "server", WITH_A ",\"record\":\"" RECORD_A "\""),
        KEY(GOOD_ID, "user", AT, "device", WITH_A),
        KEY(GOOD_ID, "user", AT, "device", ",\"record\":\"AAAA\""),
    };
    static const char *const bad_rings[] = {
        "{\"keys\":[]}",
        "{\"passphrase\":null}",
        "{\"passphrase\":false,\"keys\":[]}",
        "{\"passphrase\":null,\"keys\":{}}",
        "{\"passphrase\":null,\"keys\":[5]}",
        "{\"passphrase\":{},\"keys\":[]}",
        "{\"passphrase\":{\"salt\":\"AAAA\",\"wrapped\":\"" RECORD_A "\",\"recovery\":\"" RECORD_B
        "\"},\"keys\":[]}",
        "{\"passphrase\":{\"salt\":\"AAECAwQFBgcICQoLDA0ODw\",\"wrapped\":\"\",\"recovery\":"
        "\"" RECORD_B "\"},\"keys\":[]}",
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        DESK_CODE(&desk, 400, "BAD_CHANGE", "PUT", "/api/v1/vault/" GOOD_ID, anna, bad[i]);
    for (size_t i = 0; i < sizeof bad_rings / sizeof *bad_rings; i++)
        DESK_CODE(&desk, 400, "BAD_CHANGE", "PUT", "/api/v1/vault", anna, bad_rings[i]);
    for (const char *const *one = (const char *const[]){"[]", "null", "{", "", NULL}; *one; one++) {
        struct reply r;
        desk_ask(&desk, "PUT", "/api/v1/vault/" GOOD_ID, anna, *one, &r);
        assert_int_equal(r.status, 400);
        desk_done(&r);
    }
    /* A record as long as it may be, and one byte more. */
    char record[1024], json[2048];
    for (int n = 512; n <= 513; n++) {
        memset(record, 'A', sizeof record);
        record[BASE64_LEN(n)] = '\0';
        snprintf(json, sizeof json, "{\"passphrase\":" PHRASE ",\"keys\":[%s]}",
                 key_json(0xaa, "device", "R"));
        snprintf(json, sizeof json,
                 "{\"passphrase\":" PHRASE
                 ",\"keys\":[" KEY(GOOD_ID, "user", AT, "device", ",\"record\":\"%s\"") "]}",
                 record);
        DESK_IS(&desk, n == 512 ? 200 : 400, "PUT", "/api/v1/vault", anna, json);
    }
    assert_int_equal(count_keys(anna), 1);
}

static void ring(char *out, size_t size, const char *phrase, int from, int to, const char *kind,
                 const char *secret)
{
    size_t len = (size_t)snprintf(out, size, "{\"passphrase\":%s,\"keys\":[", phrase);
    for (int i = from; i <= to; i++)
        len += (size_t)snprintf(out + len, size - len, "%s%s", i > from ? "," : "",
                                key_json(i, kind, secret));
    snprintf(out + len, size - len, "]}");
    assert_true(len + 2 < size);
}

static void modes(void **state)
{
    (void)state;
    char json[8192];
    struct reply r;
    for (int i = 1; i <= 3; i++)
        DESK_IS(&desk, 200, "PUT", address(i), anna, key_json(i, "server", SECRET_A));
    /* In this mode a device's record is out of place. */
    DESK_CODE(&desk, 409, "BAD_CHANGE", "PUT", address(4), anna, key_json(4, "device", RECORD_A));
    ring(json, sizeof json, PHRASE, 1, 3, "server", SECRET_A);
    DESK_CODE(&desk, 409, "BAD_CHANGE", "PUT", "/api/v1/vault", anna, json);
    /* A ring that leaves one out: it is named, and nothing has changed. */
    ring(json, sizeof json, PHRASE, 2, 2, "device", RECORD_A);
    desk_ask(&desk, "PUT", "/api/v1/vault", anna, json, &r);
    assert_int_equal(r.status, 409);
    assert_string_equal(desk_text(&r, "error.code"), "BAD_CHANGE");
    struct json_value missing = json_get(r.json, "missing");
    assert_int_equal(json_count(missing), 2);
    assert_true(json_equals(json_first(missing), "0000000000000001"));
    assert_true(json_equals(json_next(missing, json_first(missing)), "0000000000000003"));
    desk_done(&r);
    DESK_IS(&desk, 200, "PUT", address(1), anna, key_json(1, "server", SECRET_A));
    /* Whole, with one more than the server had. */
    ring(json, sizeof json, PHRASE, 1, 4, "device", RECORD_A);
    DESK_IS(&desk, 200, "PUT", "/api/v1/vault", anna, json);
    desk_ask(&desk, "GET", "/api/v1/vault", anna, NULL, &r);
    assert_int_equal(json_count(json_get(r.json, "keys")), 4);
    assert_string_equal(desk_text(&r, "passphrase.salt"), "AAECAwQFBgcICQoLDA0ODw");
    assert_string_equal(desk_text(&r, "passphrase.recovery"), RECORD_B);
    assert_null(strstr(buf_text(&r.body), "\"secret\""));
    desk_done(&r);
    DESK_CODE(&desk, 409, "BAD_CHANGE", "PUT", address(5), anna, key_json(5, "server", SECRET_A));
    DESK_IS(&desk, 200, "PUT", address(5), anna, key_json(5, "device", RECORD_B));
    DESK_CODE(&desk, 409, "EXISTS", "PUT", address(5), anna, key_json(5, "device", RECORD_A));
    /* Another passphrase wraps all anew; then back. */
    ring(json, sizeof json, PHRASE, 1, 5, "device", RECORD_B);
    DESK_IS(&desk, 200, "PUT", "/api/v1/vault", anna, json);
    ring(json, sizeof json, "null", 1, 4, "server", SECRET_A);
    DESK_CODE(&desk, 409, "BAD_CHANGE", "PUT", "/api/v1/vault", anna, json);
    ring(json, sizeof json, "null", 1, 5, "server", SECRET_A);
    DESK_IS(&desk, 200, "PUT", "/api/v1/vault", anna, json);
    /* Where both can be compared, a key does not become another one. */
    ring(json, sizeof json, "null", 1, 5, "server", SECRET_B);
    DESK_CODE(&desk, 409, "EXISTS", "PUT", "/api/v1/vault", anna, json);
    snprintf(json, sizeof json, "{\"passphrase\":null,\"keys\":[%s,%s]}",
             key_json(1, "server", SECRET_A), key_json(1, "server", SECRET_A));
    DESK_CODE(&desk, 400, "BAD_CHANGE", "PUT", "/api/v1/vault", anna, json);
    expect(bert, "{\"keys\":[],\"passphrase\":null}");
}

static void a_thousand(void **state)
{
    (void)state;
    size_t size = 400000;
    char *json = malloc(size);
    assert_non_null(json);
    ring(json, size, "null", 1, 1001, "server", SECRET_A);
    DESK_CODE(&desk, 413, "TOO_LARGE", "PUT", "/api/v1/vault", anna, json);
    ring(json, size, "null", 1, 1000, "server", SECRET_A);
    DESK_IS(&desk, 200, "PUT", "/api/v1/vault", anna, json);
    DESK_CODE(&desk, 413, "TOO_LARGE", "PUT", address(2000), anna,
              key_json(2000, "server", SECRET_A));
    DESK_IS(&desk, 200, "PUT", address(1000), anna, key_json(1000, "server", SECRET_A));
    assert_int_equal(count_keys(anna), 1000);
    free(json);
}

static bool column_has(const char *sql, const void *what, size_t len)
{
    struct sql_rows *rows = NULL;
    bool found = false;
    int rc = sql_many(desk.sql, &rows, &desk.kit.error, sql, "");
    while (rc == 0 && (rc = sql_next(rows, &desk.kit.error)) == 0) {
        size_t size;
        const void *data = sql_bytes(rows, "record", &size);
        found |= memmem(data, size, what, len) != NULL;
    }
    sql_rows_free(rows);
    assert_int_equal(rc, RAUM_END);
    return found;
}

/* The database alone opens nothing, and a row that was moved opens nowhere else. */
static void stolen(void **state)
{
    (void)state;
    unsigned char secret[32];
    const char *all = "SELECT record FROM vault";
    assert_true(base64_read(secret, sizeof secret, SECRET_A, strlen(SECRET_A)));
    DESK_IS(&desk, 200, "PUT", address(1), anna, key_json(1, "server", SECRET_A));
    DESK_IS(&desk, 200, "PUT", address(1), bert, key_json(1, "server", SECRET_B));
    assert_false(column_has(all, secret, sizeof secret));
    assert_false(column_has(all, secret, 8));
    KIT_OK(&desk.kit, sql_run(desk.sql, &desk.kit.error,
                              "INSERT INTO vault (account, key, partition, kind, record, created)"
                              " SELECT account, 'ffffffffffffffff', partition, kind, ?1, created"
                              " FROM vault LIMIT 1",
                              "b", secret, sizeof secret));
    assert_true(column_has(all, secret, sizeof secret)); /* it would be seen */
    KIT_OK(&desk.kit, sql_run(desk.sql, &desk.kit.error,
                              "DELETE FROM vault WHERE key = 'ffffffffffffffff'", ""));
    /* Bert's host gives Bert the row of Anna. */
    KIT_OK(&desk.kit,
           sql_run(desk.sql, &desk.kit.error,
                   "UPDATE vault SET record = (SELECT v.record FROM vault v JOIN accounts a ON"
                   " a.id = v.account WHERE a.email = 'anna@example.org')"
                   " WHERE account = (SELECT id FROM accounts WHERE email = 'bert@example.org')",
                   ""));
    DESK_CODE(&desk, 500, "KEY_MISSING", "GET", "/api/v1/vault", bert, NULL);
    assert_int_equal(count_keys(anna), 1);
    /* Another vault key: said, and nothing made up; the right one again opens. */
    desk.server->vault_key[5] ^= 1;
    DESK_CODE(&desk, 500, "KEY_MISSING", "GET", "/api/v1/vault", anna, NULL);
    DESK_CODE(&desk, 500, "KEY_MISSING", "PUT", address(1), anna, key_json(1, "server", SECRET_A));
    desk.server->vault_key[5] ^= 1;
    KIT_OK(&desk.kit,
           sql_run(desk.sql, &desk.kit.error,
                   "UPDATE vault SET partition = 'user' WHERE partition = 'personal'", ""));
    DESK_CODE(&desk, 500, "KEY_MISSING", "GET", "/api/v1/vault", anna, NULL);
}

/* A forgotten password loses no key; a deleted account leaves none. */
static void reset_and_gone(void **state)
{
    (void)state;
    struct sql_rows *rows = NULL;
    char json[512], fresh[64];
    DESK_IS(&desk, 200, "PUT", address(1), anna, key_json(1, "server", SECRET_A));
    DESK_IS(&desk, 200, "POST", "/api/auth/request-password-reset", NULL,
            "{\"email\":\"anna@example.org\",\"redirectTo\":\"/reset-password\"}");
    KIT_OK(&desk.kit, sql_one(desk.sql, &rows, &desk.kit.error,
                              "SELECT identifier FROM verifications WHERE identifier LIKE"
                              " 'reset-password:%'",
                              ""));
    snprintf(json, sizeof json, "{\"token\":\"%s\",\"newPassword\":\"another horse\"}",
             sql_text(rows, "identifier") + strlen("reset-password:"));
    sql_rows_free(rows);
    DESK_IS(&desk, 200, "POST", "/api/auth/reset-password", NULL, json);
    assert_int_equal(desk_sign_in(&desk, "anna@example.org", DESK_PASSWORD, fresh), 401);
    assert_int_equal(desk_sign_in(&desk, "anna@example.org", "another horse", fresh), 200);
    assert_int_equal(count_keys(fresh), 1);
    DESK_IS(&desk, 200, "PUT", address(1), fresh, key_json(1, "server", SECRET_A));
    DESK_IS(&desk, 200, "POST", "/api/auth/delete-user", fresh, "{\"password\":\"another horse\"}");
    rows = NULL;
    assert_int_equal(sql_one(desk.sql, &rows, &desk.kit.error, "SELECT key FROM vault", ""),
                     RAUM_END);
    sql_rows_free(rows);
}

/* ---- two devices at once ---- */

#define ROUNDS 40

struct device {
    pthread_t thread;
    struct sql *sql;
    int first, taken[ROUNDS], count;
    bool failed;
};

static int put(struct device *d, const char *target, const char *json)
{
    struct reply r;
    desk_send(&desk, d->sql, "PUT", target, anna, "application/json", json, strlen(json), NULL, &r);
    int status = r.status;
    if (status != 200 && status != 409)
        d->failed = true;
    desk_done(&r);
    return status;
}

static void spell(char *out, size_t size, int n, bool device)
{
    snprintf(out, size,
             "{\"id\":\"%016x\",\"partition\":\"user\",\"created\":\"" AT
             "\",\"kind\":\"%s\",\"%s\":\"%s\"}",
             n, device ? "device" : "server", device ? "record" : "secret",
             device ? RECORD_A : SECRET_A);
}

/* Rotates: a new key each time, in whichever mode the vault is. */
static void *rotate(void *arg)
{
    struct device *d = arg;
    char json[512], target[64];
    for (int i = 0; i < ROUNDS; i++) {
        snprintf(target, sizeof target, "/api/v1/vault/%016x", d->first + i);
        for (int kind = 0; kind < 2; kind++) {
            spell(json, sizeof json, d->first + i, kind);
            if (put(d, target, json) == 200) {
                d->taken[d->count++] = d->first + i;
                break;
            }
        }
    }
    return NULL;
}

/* Changes the mode to and fro with all it can see, which may be less than there is by then. */
static void *change(void *arg)
{
    struct device *d = arg;
    size_t size = 200000;
    char *json = malloc(size), one[512];
    for (int i = 0; i < ROUNDS && json; i++) {
        struct reply r;
        bool device = i % 2 == 0;
        desk_send(&desk, d->sql, "GET", "/api/v1/vault", anna, NULL, NULL, 0, NULL, &r);
        size_t len =
            (size_t)snprintf(json, size, "{\"passphrase\":%s,\"keys\":[", device ? PHRASE : "null");
        struct json_value keys = json_get(r.json, "keys"), v = json_first(keys);
        for (int n = 0; v.doc; v = json_next(keys, v), n++) {
            struct arena a;
            arena_init(&a, 4096);
            const char *id = json_str(json_get(v, "id"), &a);
            spell(one, sizeof one, id ? (int)strtol(id, NULL, 16) : 0, device);
            len += (size_t)snprintf(json + len, size - len, "%s%s", n ? "," : "", one);
            arena_release(&a);
        }
        snprintf(json + len, size - len, "]}");
        desk_done(&r);
        if (put(d, "/api/v1/vault", json) == 200)
            d->count++;
    }
    free(json);
    return NULL;
}

static void races(void **state)
{
    (void)state;
    struct device devices[3] = {{.first = 0x1000}, {.first = 0x2000}, {.first = 0}};
    int wanted = 0;
    for (int i = 0; i < 3; i++) {
        devices[i].sql = kit_is_postgres() ? kit_connect(&desk.kit) : NULL;
        if (!devices[i].sql)
            KIT_OK(&desk.kit, sql_open(&devices[i].sql, desk.server->database, raum_env_native(),
                                       &desk.kit.error));
        assert_int_equal(
            pthread_create(&devices[i].thread, NULL, i < 2 ? rotate : change, &devices[i]), 0);
    }
    for (int i = 0; i < 3; i++)
        pthread_join(devices[i].thread, NULL);
    change(&devices[2]); /* alone it always gets through */
    for (int i = 0; i < 3; i++) {
        assert_false(devices[i].failed);
        sql_close(devices[i].sql);
    }
    struct reply r;
    desk_ask(&desk, "GET", "/api/v1/vault", anna, NULL, &r);
    for (int i = 0; i < 2; i++)
        for (int n = 0; n < devices[i].count; n++, wanted++) {
            char id[32];
            snprintf(id, sizeof id, "\"%016x\"", devices[i].taken[n]);
            if (!strstr(buf_text(&r.body), id))
                fail_msg("a key that was acknowledged is gone: %s", id);
        }
    assert_int_equal(json_count(json_get(r.json, "keys")), wanted);
    assert_true(wanted > 0 && devices[2].count >= ROUNDS);
    /* All of one kind, whichever mode came last. */
    bool device = json_is(json_get(r.json, "passphrase"), JSON_OBJECT);
    assert_null(strstr(buf_text(&r.body), device ? "\"server\"" : "\"device\""));
    desk_done(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(there_and_back, set_up, tear_down),
        cmocka_unit_test_setup_teardown(only_by_session, set_up, tear_down),
        cmocka_unit_test_setup_teardown(malformed, set_up, tear_down),
        cmocka_unit_test_setup_teardown(modes, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_thousand, set_up, tear_down),
        cmocka_unit_test_setup_teardown(stolen, set_up, tear_down),
        cmocka_unit_test_setup_teardown(reset_and_gone, set_up, tear_down),
        cmocka_unit_test_setup_teardown(races, set_up, tear_down),
    };
    return cmocka_run_group_tests_name("vault", tests, NULL, NULL);
}
