/* The copies of a key ring on a server: no key seals before its copy is there, two devices that
 * rotate at the same time lose none, a passphrase keeps the host out and does not vanish because it
 * says so. The server is a list here; the real one is tests/cli/account.sh. G-K1 G-K2 G-U5 */
#include "engine/kit.h"

#include "base/base64.h"
#include "engine/adopt.h"
#include "engine/seal.h"
#include "engine/vault.h"
#include <time.h>

#define COPIES 64
#define ACCOUNT "uid-1"

/* What a server keeps: bodies by id, and the wrapped vault key. */
struct safe {
    char id[COPIES][VAULT_ID];
    char *body[COPIES];
    int count;
    char *phrase;
};

static struct kit_world world;
static struct safe safe;
static char home[2][128];

static int set_up(void **state)
{
    (void)state;
    kit_world_init(&world, 7);
    memset(&safe, 0, sizeof safe);
    kit_folder(home[0]);
    kit_folder(home[1]);
    return 0;
}

static void safe_empty(struct safe *s)
{
    for (int i = 0; i < s->count; i++)
        free(s->body[i]);
    free(s->phrase);
    memset(s, 0, sizeof *s);
}

static int tear_down(void **state)
{
    (void)state;
    safe_empty(&safe);
    kit_remove(home[0]);
    kit_remove(home[1]);
    return 0;
}

static void answer(struct buf *out)
{
    buf_init(out, VAULT_MAX);
    buf_printf(out, "{\"passphrase\":%s,\"keys\":[", safe.phrase ? safe.phrase : "null");
    for (int i = 0; i < safe.count; i++)
        buf_printf(out, "%s%s", i ? "," : "", safe.body[i]);
    buf_str(out, "]}");
}

/* As the server does: the same again is fine, other bytes are refused, and the wrong kind. */
static bool put(const char *id, const char *body)
{
    if ((strstr(body, "\"device\"") != NULL) != (safe.phrase != NULL))
        return false;
    for (int i = 0; i < safe.count; i++)
        if (strcmp(safe.id[i], id) == 0)
            return strcmp(safe.body[i], body) == 0;
    assert_true(safe.count < COPIES);
    snprintf(safe.id[safe.count], VAULT_ID, "%s", id);
    safe.body[safe.count++] = strdup(body);
    return true;
}

static bool put_all(const char *body, size_t len)
{
    struct json_doc doc;
    struct safe fresh = {0};
    size_t raw_len;
    json_init(&doc);
    OK(json_parse(&doc, body, len, 0, &error));
    struct json_value root = json_root(&doc), keys = json_get(root, "keys");
    struct json_value phrase = json_get(root, "passphrase");
    for (struct json_value v = json_first(keys); v.doc; v = json_next(keys, v)) {
        const char *raw = json_raw(v, &raw_len), *id;
        fresh.body[fresh.count] = strndup(raw, raw_len);
        id = json_raw(json_get(v, "id"), &raw_len);
        snprintf(fresh.id[fresh.count++], VAULT_ID, "%.*s", (int)raw_len - 2, id + 1);
    }
    if (json_is(phrase, JSON_OBJECT)) {
        const char *raw = json_raw(phrase, &raw_len);
        fresh.phrase = strndup(raw, raw_len);
    }
    json_release(&doc);
    bool whole = true;
    for (int i = 0; i < safe.count; i++) {
        bool found = false;
        for (int k = 0; k < fresh.count; k++)
            found |= strcmp(safe.id[i], fresh.id[k]) == 0;
        whole &= found;
    }
    safe_empty(whole ? &safe : &fresh);
    if (whole)
        safe = fresh;
    return whole;
}

static struct vault_news take(struct raum *r, int wanted)
{
    struct vault v = {r, ACCOUNT};
    struct vault_news news;
    struct buf b;
    answer(&b);
    err_clear(&error);
    int result = vault_take(&v, buf_text(&b), b.len, &news, &error);
    if (result != wanted)
        fail_msg("%s instead of %s: %s", raum_code_name(result), raum_code_name(wanted),
                 error.text);
    buf_release(&b);
    return news;
}

/* Sends what waits; `lost`: the answers do not come back. */
static int send(struct raum *r, const struct vault_news *news, bool lost)
{
    struct vault v = {r, ACCOUNT};
    char id[VAULT_ID];
    int sent = 0, result = 0;
    while (sent < 10) {
        struct buf b;
        buf_init(&b, VAULT_MAX);
        result = vault_next(&v, news, id, &b, &error);
        if (result == 0)
            assert_true(put(id, buf_text(&b)));
        buf_release(&b);
        if (result)
            break;
        sent++;
        if (lost)
            return sent;
        OK(vault_confirm(&v, id, &error));
    }
    assert_int_equal(result, RAUM_END);
    return sent;
}

static void connect(struct raum *r)
{
    struct vault v = {r, ACCOUNT};
    struct vault_news news = take(r, 0);
    OK(vault_start(&v, &error));
    send(r, &news, false);
}

static void current(struct raum *r, unsigned char id[KEYRING_ID_BYTES])
{
    OK(replica_begin(r, &error));
    OK(seal_key(r, intern_personal(r)->ref, id, &error));
    OK(replica_commit(r, &error));
}

static void same_current(struct raum *a, struct raum *b)
{
    unsigned char one[KEYRING_ID_BYTES], two[KEYRING_ID_BYTES];
    current(a, one);
    current(b, two);
    assert_memory_equal(one, two, sizeof one);
}

static void rotate(struct raum *r)
{
    OK(replica_begin(r, &error));
    OK(seal_rotate(r, intern_personal(r)->ref, &error));
    OK(replica_commit(r, &error));
}

static void test_nothing_seals_without_copy(void **state)
{
    (void)state;
    struct raum *r = kit_open(home[0], ACCOUNT, &world.env);
    struct raum_handle *h = kit_scope(r, NULL);
    struct vault v = {r, ACCOUNT};
    OK(vault_start(&v, &error));
    assert_int_equal(kit_insert(h, "tags", "{\"id\":\"t1\",\"name\":\"x\"}", NULL),
                     RAUM_EKEY_MISSING);
    assert_int_equal(kit_raw(r, "SELECT count(*) FROM data_tags"), 0);
    struct vault_news news = take(r, 0);
    assert_int_equal(news.waiting, 2);
    /* The copy is there but its answer was lost: it does not count yet, and is sent again. */
    assert_int_equal(send(r, &news, true), 1);
    assert_int_equal(kit_raw(r, "SELECT count(*) FROM keys WHERE acked"), 0);
    assert_int_equal(send(r, &news, false), 2);
    OK(kit_insert(h, "tags", "{\"id\":\"t1\",\"name\":\"x\"}", NULL));
    assert_int_equal(safe.count, 2);
    /* A server that lost the copies gets them again, and meanwhile nothing is sealed. */
    safe_empty(&safe);
    news = take(r, 0);
    assert_int_equal(news.waiting, 2);
    assert_int_equal(kit_insert(h, "tags", "{\"id\":\"t2\",\"name\":\"x\"}", NULL),
                     RAUM_EKEY_MISSING);
    send(r, &news, false);
    OK(kit_insert(h, "tags", "{\"id\":\"t2\",\"name\":\"x\"}", NULL));
    raum_handle_free(h);
    raum_close(r);
}

static void test_guest_needs_none(void **state)
{
    (void)state;
    struct raum *r = kit_open(home[0], NULL, &world.env);
    struct raum_handle *h = kit_scope(r, NULL);
    struct vault v = {r, ACCOUNT};
    OK(kit_insert(h, "tags", "{\"id\":\"t1\",\"name\":\"x\"}", NULL));
    /* On the way to becoming the account: still a guest, whatever breaks off. */
    struct vault_news news = take(r, 0);
    OK(vault_start(&v, &error));
    OK(kit_insert(h, "tags", "{\"id\":\"t2\",\"name\":\"x\"}", NULL));
    assert_true(send(r, &news, false) >= 1);
    rotate(r);
    OK(kit_insert(h, "tags", "{\"id\":\"t3\",\"name\":\"x\"}", NULL));
    news = take(r, 0);
    OK(vault_start(&v, &error));
    send(r, &news, false);
    raum_handle_free(h);
    raum_close(r);
    struct raum_options options = {.folder = home[0], .env = &world.env};
    struct adopt_report report;
    OK(adopt_guest(&options, ACCOUNT, "space-1", NULL, NULL, &report, &error));
    r = kit_open(home[0], ACCOUNT, &world.env);
    h = kit_scope(r, NULL);
    bool vaulted = false;
    OK(seal_vaulted(r, &vaulted, &error));
    assert_true(vaulted);
    OK(kit_insert(h, "tags", "{\"id\":\"t4\",\"name\":\"x\"}", NULL));
    assert_int_equal(kit_int(h, "SELECT count(*) FROM tags WHERE name = 'x'"), 4);
    /* The other device has every key that anything is sealed with. */
    struct raum *other = kit_open(home[1], ACCOUNT, &world.env);
    connect(other);
    assert_int_equal(kit_raw(other, "SELECT count(*) FROM keys"),
                     kit_raw(r, "SELECT count(*) FROM keys"));
    same_current(r, other);
    raum_handle_free(h);
    raum_close(other);
    raum_close(r);
}

/* Any order of rotating, sending with and without an answer, and fetching, on two devices. */
static void test_concurrent_rotation(void **state)
{
    (void)state;
    const char *given = getenv("RAUM_SEED");
    uint64_t seed = given ? strtoull(given, NULL, 10) : (uint64_t)time(NULL), at = seed;
    struct raum *r[2];
    struct raum_handle *h[2];
    struct vault_news news[2];
    int rows = 0;
    print_message("seed %llu\n", (unsigned long long)seed);
    for (int i = 0; i < 2; i++) {
        r[i] = kit_open(home[i], ACCOUNT, &world.env);
        connect(r[i]);
        news[i] = take(r[i], 0);
        h[i] = kit_scope(r[i], NULL);
    }
    same_current(r[0], r[1]);
    for (int step = 0; step < 300; step++) {
        int i = (int)(kit_random(&at) % 2);
        char json[100];
        world.now_ms += (int64_t)(kit_random(&at) % 3000) - 1000; /* clocks may go back */
        switch (safe.count < COPIES - 4 ? kit_random(&at) % 5 : 4) {
        case 0:
            rotate(r[i]);
            break;
        case 1:
            send(r[i], &news[i], true);
            break;
        case 2:
            send(r[i], &news[i], false);
            break;
        case 3:
            news[i] = take(r[i], 0);
            break;
        default:
            snprintf(json, sizeof json, "{\"id\":\"t%d\",\"name\":\"x\"}", rows++);
            OK(kit_insert(h[i], "tags", json, NULL));
            /* It is sealed with a key that the other device can have. */
            unsigned char id[KEYRING_ID_BYTES];
            char hex[VAULT_ID];
            bool there = false;
            current(r[i], id);
            hex_put(hex, id, sizeof id);
            for (int k = 0; k < safe.count; k++)
                there |= strcmp(safe.id[k], hex) == 0;
            assert_true(there);
        }
    }
    for (int i = 0; i < 4; i++) {
        news[i % 2] = take(r[i % 2], 0);
        send(r[i % 2], &news[i % 2], false);
    }
    same_current(r[0], r[1]);
    assert_int_equal(kit_raw(r[0], "SELECT count(*) FROM keys"), safe.count);
    assert_int_equal(kit_raw(r[1], "SELECT count(*) FROM keys"), safe.count);
    OK(kit_hand_over(r[0], r[1], intern_personal(r[0])->id, false, &error));
    assert_int_equal(kit_int(h[1], "SELECT count(*) FROM tags WHERE name = 'x'"), rows);
    for (int i = 0; i < 2; i++) {
        raum_handle_free(h[i]);
        raum_close(r[i]);
    }
}

static bool holds(const void *what, size_t len)
{
    struct buf b, text;
    answer(&b);
    buf_init(&text, 1000);
    base64_put(&text, what, len);
    bool found = strstr(buf_text(&b), buf_text(&text)) != NULL;
    buf_release(&b);
    buf_release(&text);
    return found;
}

static void change(struct raum *r, const char *passphrase, struct vault_change *c)
{
    struct vault v = {r, ACCOUNT};
    struct buf b;
    buf_init(&b, VAULT_MAX);
    OK(vault_change(&v, passphrase, c, &b, &error));
    assert_true(put_all(buf_text(&b), b.len));
    OK(vault_changed(&v, c, &error));
    buf_release(&b);
}

static int unlock(struct raum *r, const char *passphrase, const char *code)
{
    struct vault v = {r, ACCOUNT};
    struct buf b;
    answer(&b);
    err_clear(&error);
    int result = vault_unlock(&v, buf_text(&b), b.len, passphrase, code, &error);
    buf_release(&b);
    return result;
}

static void test_passphrase(void **state)
{
    (void)state;
    struct raum *a = kit_open(home[0], ACCOUNT, &world.env);
    struct raum *b = kit_open(home[1], ACCOUNT, &world.env);
    struct vault_change c;
    connect(a);
    assert_true(
        holds(a->ring->keys[0].secret, RAUM_KEY_BYTES)); /* the planted fault of this test */
    change(a, "correct horse", &c);
    for (unsigned i = 0; i < a->ring->count; i++)
        assert_false(holds(a->ring->keys[i].secret, RAUM_KEY_BYTES));
    assert_false(holds(c.key, sizeof c.key));
    assert_int_equal(strlen(c.code), VAULT_CODE - 1);
    /* The next device has nothing until it has the passphrase or the code. */
    struct vault_news news = take(b, 0);
    assert_true(news.locked && news.passphrase);
    assert_int_equal(b->ring->count, 0);
    assert_int_equal(unlock(b, "wrong horse", NULL), RAUM_ELOCKED);
    assert_int_equal(unlock(b, NULL, "0000-1111"), RAUM_ELOCKED);
    c.code[3] = c.code[3] == '7' ? '8' : '7';
    assert_int_equal(unlock(b, NULL, c.code), RAUM_ELOCKED);
    OK(unlock(b, "correct horse", NULL));
    connect(b);
    same_current(a, b);
    /* Rotation keeps to the mode. */
    rotate(b);
    news = take(b, 0);
    assert_int_equal(send(b, &news, false), 1);
    take(a, 0);
    same_current(a, b);
    for (unsigned i = 0; i < b->ring->count; i++)
        assert_false(holds(b->ring->keys[i].secret, RAUM_KEY_BYTES));
    /* Another passphrase on a: b's key to the vault is void, and it says so. */
    change(a, "another one", &c);
    rotate(a);
    news = take(a, 0);
    send(a, &news, false);
    news = take(b, 0);
    assert_true(news.locked);
    assert_int_equal(unlock(b, "correct horse", NULL), RAUM_ELOCKED);
    OK(unlock(b, NULL, c.code));
    news = take(b, 0);
    assert_false(news.locked);
    same_current(a, b);
    raum_close(a);
    raum_close(b);
}

static void test_host_that_lies(void **state)
{
    (void)state;
    struct raum *a = kit_open(home[0], ACCOUNT, &world.env);
    struct vault v = {a, ACCOUNT};
    struct vault_change c;
    struct vault_news news;
    connect(a);
    unsigned char before[KEYRING_ID_BYTES], after[KEYRING_ID_BYTES];
    change(a, "correct horse", &c);
    take(a, 0);
    current(a, before);
    /* No passphrase any more, it says, and here is a key of mine: refused, nothing taken. */
    const char *lie =
        "{\"passphrase\":null,\"keys\":[{\"id\":\"00000000000000ff\",\"partition\":\"personal\","
        "\"created\":\"2999-01-01T00:00:00.000Z\",\"kind\":\"server\","
        "\"secret\":\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\"}]}";
    REFUSED(RAUM_ENOT_ALLOWED, vault_take(&v, lie, strlen(lie), &news, &error));
    /* The passphrase stands, but the key is open: no copy of this vault. */
    struct buf b;
    buf_init(&b, VAULT_MAX);
    buf_printf(&b, "{\"passphrase\":%s,%s", safe.phrase, strstr(lie, "\"keys\""));
    REFUSED(RAUM_EBAD_CHANGE, vault_take(&v, buf_text(&b), b.len, &news, &error));
    buf_release(&b);
    /* Copies of two keys exchanged: neither opens in the other's place. */
    char *first = safe.body[0], *one = strstr(first, "\"record\""), *two;
    char *second = safe.body[1], copy[400];
    two = strstr(second, "\"record\"");
    snprintf(copy, sizeof copy, "%s", one);
    snprintf(one, strlen(copy) + 1, "%s", two);
    snprintf(two, strlen(copy) + 1, "%s", copy);
    news = take(a, 0);
    assert_true(news.locked);
    assert_int_equal(news.added, 0);
    current(a, after);
    assert_memory_equal(before, after, sizeof before);
    raum_close(a);
}

static void test_broken_answers(void **state)
{
    (void)state;
    static const char *const bodies[] = {
        "",
        "[]",
        "{}",
        "{\"keys\":[]}",
        "{\"passphrase\":null}",
        "{\"passphrase\":7,\"keys\":[]}",
        "{\"passphrase\":null,\"keys\":[7]}",
        "{\"passphrase\":null,\"keys\":[{\"id\":\"12\"}]}",
        "{\"passphrase\":null,\"keys\":[{\"id\":\"00000000000000ff\",\"partition\":\"team\","
        "\"created\":\"2026-01-01T00:00:00Z\",\"kind\":\"server\",\"secret\":\"AAAA\"}]}",
        "{\"passphrase\":null,\"keys\":[{\"id\":\"00000000000000ff\",\"partition\":\"user\","
        "\"created\":\"2026-01-01T00:00:00Z\",\"kind\":\"server\",\"secret\":\"AAAA\"}]}",
        "{\"passphrase\":null,\"keys\":[{\"id\":\"00000000000000ff\",\"partition\":\"user\","
        "\"created\":\"then\",\"kind\":\"server\","
        "\"secret\":\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\"}]}"};
    struct raum *a = kit_open(home[0], ACCOUNT, &world.env);
    struct vault v = {a, ACCOUNT};
    struct vault_news news;
    connect(a);
    for (size_t i = 0; i < sizeof bodies / sizeof bodies[0]; i++)
        REFUSED(RAUM_EBAD_CHANGE, vault_take(&v, bodies[i], strlen(bodies[i]), &news, &error));
    /* Nothing of it stayed: what had its copy still has it. */
    assert_int_equal(kit_raw(a, "SELECT count(*) FROM keys WHERE acked"), 2);
    raum_close(a);
}

/* A file of version 43, made by the program of that time, with its ring: read, and a key of it is
 * as good as before. G-U1 */
static void test_file_of_before(void **state)
{
    (void)state;
    char command[600];
    const char *source = getenv("RAUM_TEST_DATA");
    if (!source)
        skip();
    snprintf(command, sizeof command,
             "mkdir -p %s/accounts/guest && cp %s/v43/keys.json %s/accounts/guest/ && "
             "gzip -dc %s/v43/raum.db.gz >%s/accounts/guest/raum.db",
             home[0], source, home[0], source, home[0]);
    assert_int_equal(system(command), 0);
    struct raum *r = kit_open(home[0], NULL, &world.env);
    assert_int_equal(kit_raw(r, "PRAGMA user_version"), SCHEMA_VERSION);
    assert_int_equal(kit_raw(r, "SELECT count(*) FROM keys WHERE acked = 0"), 1);
    struct raum_handle *h = kit_scope(r, NULL);
    assert_string_equal(kit_rows(h, "SELECT name FROM tags"), "summer");
    OK(kit_insert(h, "tags", "{\"name\":\"x\"}", NULL));
    assert_int_equal(kit_raw(r, "SELECT count(*) FROM keys"), 1);
    raum_handle_free(h);
    raum_close(r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_nothing_seals_without_copy, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_guest_needs_none, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_concurrent_rotation, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_passphrase, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_host_that_lies, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_broken_answers, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_file_of_before, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
