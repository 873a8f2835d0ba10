/* /api/v1/vault: how an account's key ring reaches its next device. Two modes: `server`, each key
 * wrapped by a key of this server that lies outside of the database, so that a stolen database
 * opens nothing and a forgotten password loses nothing (the host can read, and the documents say
 * so); and passphrase mode, in which every record is the device's own and nothing here opens it.
 *
 *     server ──PUT {"passphrase":{…},"keys":[device…]}──► passphrase
 *            ◄──PUT {"passphrase":null,"keys":[server…]}──
 *
 * A key that arrived is never lost by a later request: other bytes under its id are refused, and so
 * is a change of mode that leaves one out. */
#include "base/base64.h"
#include "base/clock.h"
#include "server/auth/auth.h"
#include "server/auth/crypto.h"
#include "server/routes/routes.h"
#include <stdlib.h>
#include <string.h>

#define KEYS_MAX 1000
#define KEY_ID 16 /* hex digits */
#define SECRET_BYTES 32
#define RECORD_MIN 32
#define RECORD_MAX 512
#define SALT_MIN 16
#define SALT_MAX 64
#define SEALED_BYTES (RAUM_NONCE_BYTES + SECRET_BYTES + RAUM_TAG_BYTES)
#define ANSWER_MAX ((size_t)2 << 20)

struct bytes {
    const unsigned char *data;
    size_t len;
};

struct key {
    const char *id, *partition;
    bool device; /* its record is opaque; else `bytes` is the secret */
    int64_t created;
    struct bytes bytes;
};

struct phrase {
    struct bytes salt, wrapped, recovery;
};

/* What a request came to, when it came to nothing. */
struct refusal {
    int status;
    const char *code, *message;
    const char *missing[KEYS_MAX];
    int missing_count;
};

static int refuse(struct refusal *r, int status, const char *code, const char *message)
{
    r->status = status;
    r->code = code;
    r->message = message;
    return RAUM_EBAD_CHANGE;
}

static int malformed(struct refusal *r, const char *message)
{
    return refuse(r, 400, "BAD_CHANGE", message);
}

/* ---- reading ---- */

static bool read_bytes(struct call *c, struct json_value v, size_t least, size_t most,
                       struct bytes *out)
{
    const char *text = json_str(v, c->arena);
    size_t len = text ? strlen(text) : 0;
    struct buf b;
    if (!text || len < BASE64_LEN(least) || len > BASE64_LEN(most))
        return false;
    buf_init(&b, most);
    bool fine = base64_get(&b, text, len) && b.len >= least;
    out->data = fine ? (unsigned char *)arena_copy(c->arena, b.data, b.len) : NULL;
    out->len = b.len;
    if (b.data)
        memset(b.data, 0, b.len);
    buf_release(&b);
    return out->data != NULL;
}

static bool is_id(const char *id)
{
    return id && strlen(id) == KEY_ID && strspn(id, "0123456789abcdef") == KEY_ID;
}

static int read_key(struct call *c, struct json_value v, struct key *k, struct refusal *r)
{
    const char *kind = json_str(json_get(v, "kind"), c->arena);
    const char *created = json_str(json_get(v, "created"), c->arena);
    k->id = json_str(json_get(v, "id"), c->arena);
    k->partition = json_str(json_get(v, "partition"), c->arena);
    if (!is_id(k->id))
        return malformed(r, "id: 16 lower-case hexadecimal digits");
    if (!k->partition ||
        (strcmp(k->partition, "personal") != 0 && strcmp(k->partition, "user") != 0))
        return malformed(r, "partition: personal or user");
    if (!created || clock_parse_ms(created, strlen(created), &k->created) != 0)
        return malformed(r, "created: a time as RFC 3339 writes it");
    if (!kind || (strcmp(kind, "server") != 0 && strcmp(kind, "device") != 0))
        return malformed(r, "kind: server or device");
    k->device = strcmp(kind, "device") == 0;
    /* A secret that comes with a record is a device's mistake that must not be kept. */
    if (json_get(v, k->device ? "secret" : "record").doc)
        return malformed(r, "a key has a secret or a record, as its kind says");
    if (k->device && !read_bytes(c, json_get(v, "record"), RECORD_MIN, RECORD_MAX, &k->bytes))
        return malformed(r, "record: 32 to 512 bytes as base64url");
    if (!k->device && !read_bytes(c, json_get(v, "secret"), SECRET_BYTES, SECRET_BYTES, &k->bytes))
        return malformed(r, "secret: 32 bytes as base64url");
    return 0;
}

static int by_id(const void *a, const void *b)
{
    return strcmp(((const struct key *)a)->id, ((const struct key *)b)->id);
}

/* The whole ring, sorted by id. */
static int read_ring(struct call *c, struct key **keys, int *count, bool device, struct refusal *r)
{
    struct json_value list = json_get(c->body, "keys");
    int n = 0;
    if (!json_is(list, JSON_ARRAY))
        return malformed(r, "keys: an array");
    if (json_count(list) > KEYS_MAX)
        return refuse(r, 413, "TOO_LARGE", "an account has at most 1,000 keys");
    *keys = arena_zero(c->arena, (json_count(list) + 1) * sizeof **keys);
    if (!*keys)
        return RAUM_ENOMEM;
    for (struct json_value v = json_first(list); v.doc; v = json_next(list, v)) {
        int rc = read_key(c, v, &(*keys)[n], r);
        if (rc)
            return rc;
        if ((*keys)[n++].device != device)
            return refuse(r, 409, "BAD_CHANGE", "the kind of a key is not that of the mode");
    }
    qsort(*keys, (size_t)n, sizeof **keys, by_id);
    for (int i = 1; i < n; i++)
        if (strcmp((*keys)[i - 1].id, (*keys)[i].id) == 0)
            return malformed(r, "a key is there twice");
    *count = n;
    return 0;
}

static int read_phrase(struct call *c, struct phrase *p, bool *given, struct refusal *r)
{
    struct json_value v = json_get(c->body, "passphrase");
    *given = json_is(v, JSON_OBJECT);
    if (json_is(v, JSON_NULL))
        return 0;
    if (!*given)
        return malformed(r, "passphrase: an object or null");
    if (!read_bytes(c, json_get(v, "salt"), SALT_MIN, SALT_MAX, &p->salt))
        return malformed(r, "salt: 16 to 64 bytes as base64url");
    if (!read_bytes(c, json_get(v, "wrapped"), RECORD_MIN, RECORD_MAX, &p->wrapped) ||
        !read_bytes(c, json_get(v, "recovery"), RECORD_MIN, RECORD_MAX, &p->recovery))
        return malformed(r, "wrapped, recovery: 32 to 512 bytes as base64url");
    return 0;
}

/* ---- wrapping ---- */

/* What a record is bound to: moved to another account, key or partition it does not open. */
static const char *bound_to(struct call *c, const char *id, const char *partition)
{
    return arena_printf(c->arena, "raum-vault|%s|%s|%s", c->session->account, id, partition);
}

/* Nonce, then secret and tag; in the arena. */
static int wrap(struct call *c, const struct key *k, struct bytes *out)
{
    const struct raum_env *env = c->server->env;
    const char *ad = bound_to(c, k->id, k->partition);
    unsigned char *at = arena_alloc(c->arena, SEALED_BYTES);
    if (!ad || !at)
        return RAUM_ENOMEM;
    env->random(env->ctx, at, RAUM_NONCE_BYTES);
    env->aead_seal(env->ctx, at + RAUM_NONCE_BYTES, k->bytes.data, k->bytes.len, ad, strlen(ad), at,
                   c->server->vault_key);
    *out = (struct bytes){at, SEALED_BYTES};
    return 0;
}

static int unwrap(struct call *c, const char *id, const char *partition, struct bytes sealed,
                  unsigned char secret[SECRET_BYTES])
{
    const struct raum_env *env = c->server->env;
    const char *ad = bound_to(c, id, partition);
    if (!ad)
        return RAUM_ENOMEM;
    if (sealed.len == SEALED_BYTES &&
        env->aead_open(env->ctx, secret, sealed.data + RAUM_NONCE_BYTES,
                       sealed.len - RAUM_NONCE_BYTES, ad, strlen(ad), sealed.data,
                       c->server->vault_key) == 0)
        return 0;
    return err_set(&c->error, RAUM_EKEY_MISSING,
                   "vault: a key does not open; is the vault key the one it was wrapped with?");
}

/* ---- answering ---- */

static int answer_refusal(struct call *c, const struct refusal *r)
{
    struct json_writer w;
    struct buf b;
    if (r->missing_count == 0)
        return call_fail(c, r->status, r->code, r->message);
    buf_init(&b, ANSWER_MAX);
    json_begin(&w, &b);
    json_open_object(&w);
    json_put_key(&w, "error");
    json_open_object(&w);
    json_put_key(&w, "code");
    json_put_str(&w, r->code);
    json_put_key(&w, "message");
    json_put_str(&w, r->message);
    json_close_object(&w);
    json_put_key(&w, "missing");
    json_open_array(&w);
    for (int i = 0; i < r->missing_count; i++)
        json_put_str(&w, r->missing[i]);
    json_close_array(&w);
    json_close_object(&w);
    int rc = call_json(c, r->status, &b);
    buf_release(&b);
    return rc;
}

static void put_bytes(struct json_writer *w, const char *key, const void *data, size_t len)
{
    char text[BASE64_LEN(RECORD_MAX) + 4];
    struct buf b;
    buf_init(&b, sizeof text);
    base64_put(&b, data, len);
    json_put_key(w, key);
    json_put_text(w, buf_text(&b), b.len);
    if (b.data)
        memset(b.data, 0, b.len);
    buf_release(&b);
}

static void put_blob(struct json_writer *w, const char *key, struct sql_rows *rows)
{
    size_t len;
    const void *data = sql_bytes(rows, key, &len);
    put_bytes(w, key, data, len);
}

static int put_key(struct call *c, struct json_writer *w, struct sql_rows *rows)
{
    unsigned char secret[SECRET_BYTES];
    const char *id = sql_text(rows, "key"), *partition = sql_text(rows, "partition");
    bool device = strcmp(sql_text(rows, "kind"), "device") == 0;
    json_open_object(w);
    json_put_key(w, "id");
    json_put_str(w, id);
    json_put_key(w, "partition");
    json_put_str(w, partition);
    json_put_key(w, "created");
    call_put_time(w, sql_int(rows, "created"));
    json_put_key(w, "kind");
    json_put_str(w, device ? "device" : "server");
    struct bytes record;
    record.data = sql_bytes(rows, "record", &record.len);
    int rc = device ? 0 : unwrap(c, id, partition, record, secret);
    if (rc == 0 && device)
        put_bytes(w, "record", record.data, record.len);
    else if (rc == 0)
        put_bytes(w, "secret", secret, sizeof secret);
    memset(secret, 0, sizeof secret);
    json_close_object(w);
    return rc;
}

/* ---- GET ---- */

/* One statement, so that ring and mode are of the same moment. */
static int write_ring(struct call *c, struct json_writer *w)
{
    struct sql_rows *rows = NULL;
    struct buf phrase;
    struct json_writer p;
    buf_init(&phrase, 4096);
    json_begin(&p, &phrase);
    int rc = sql_many(c->sql, &rows, &c->error,
                      "SELECT v.key, v.partition, v.kind, v.record, v.created, p.salt, p.wrapped,"
                      " p.recovery FROM accounts a LEFT JOIN vault_phrases p ON p.account = a.id"
                      " LEFT JOIN vault v ON v.account = a.id WHERE a.id = ?1"
                      " ORDER BY v.created, v.key",
                      "s", c->session->account);
    while (rc == 0 && (rc = sql_next(rows, &c->error)) == 0) {
        if (!sql_null(rows, "salt") && phrase.len == 0) {
            json_open_object(&p);
            put_blob(&p, "salt", rows);
            put_blob(&p, "wrapped", rows);
            put_blob(&p, "recovery", rows);
            json_close_object(&p);
        }
        if (!sql_null(rows, "key"))
            rc = put_key(c, w, rows);
    }
    sql_rows_free(rows);
    json_close_array(w);
    json_put_key(w, "passphrase");
    if (phrase.len)
        json_put_raw(w, buf_text(&phrase), phrase.len);
    else
        json_put_null(w);
    buf_release(&phrase);
    return rc == RAUM_END ? 0 : rc;
}

int vault_write(struct call *c, struct buf *out)
{
    struct json_writer w;
    json_begin(&w, out);
    json_open_object(&w);
    json_put_key(&w, "keys");
    json_open_array(&w);
    int rc = write_ring(c, &w);
    json_close_object(&w);
    return rc ? rc : buf_error(out, &c->error);
}

static int get_vault(struct call *c)
{
    struct buf b;
    buf_init(&b, ANSWER_MAX);
    int rc = vault_write(c, &b);
    if (rc == 0)
        rc = http_add(c->http, "Cache-Control", "no-store");
    rc = rc == RAUM_EKEY_MISSING ? call_fail(c, 500, "KEY_MISSING", c->error.text)
         : rc                    ? call_error(c, rc)
                                 : call_json(c, 200, &b);
    if (b.data)
        memset(b.data, 0, b.len);
    buf_release(&b);
    return rc;
}

/* ---- PUT one ---- */

/* Nobody else changes this account's vault until the transaction ends. */
static int lock_vault(struct call *c)
{
    const char *name = arena_printf(c->arena, "vault:%s", c->session->account);
    return name ? sql_lock(c->sql, name, &c->error) : RAUM_ENOMEM;
}

static int read_mode(struct call *c, bool *passphrase)
{
    struct sql_rows *rows = NULL;
    int rc =
        sql_one(c->sql, &rows, &c->error, "SELECT account FROM vault_phrases WHERE account = ?1",
                "s", c->session->account);
    sql_rows_free(rows);
    *passphrase = rc == 0;
    return rc == RAUM_END ? 0 : rc;
}

/* Is what is stored under this id the same key? */
static int compare(struct call *c, struct sql_rows *rows, const struct key *k, bool *same)
{
    unsigned char secret[SECRET_BYTES];
    struct bytes record;
    record.data = sql_bytes(rows, "record", &record.len);
    bool device = strcmp(sql_text(rows, "kind"), "device") == 0;
    *same = device == k->device && strcmp(sql_text(rows, "partition"), k->partition) == 0;
    if (!*same)
        return 0;
    if (device) {
        *same = record.len == k->bytes.len && crypto_same(record.data, k->bytes.data, record.len);
        return 0;
    }
    int rc = unwrap(c, k->id, k->partition, record, secret);
    *same = rc == 0 && crypto_same(secret, k->bytes.data, sizeof secret);
    memset(secret, 0, sizeof secret);
    return rc;
}

static int insert(struct call *c, const struct key *k)
{
    struct bytes record = k->bytes;
    int rc = k->device ? 0 : wrap(c, k, &record);
    if (rc)
        return rc;
    return sql_run(c->sql, &c->error,
                   "INSERT INTO vault (account, key, partition, kind, record, created)"
                   " VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
                   "ssssbi", c->session->account, k->id, k->partition,
                   k->device ? "device" : "server", record.data, record.len, k->created);
}

static int count_keys(struct call *c, int64_t *out)
{
    struct sql_rows *rows = NULL;
    int rc = sql_one(c->sql, &rows, &c->error, "SELECT count(*) AS n FROM vault WHERE account = ?1",
                     "s", c->session->account);
    *out = rc == 0 ? sql_int(rows, "n") : 0;
    sql_rows_free(rows);
    return rc;
}

/* Within the transaction. */
static int put_in(struct call *c, const struct key *k, struct refusal *r)
{
    struct sql_rows *rows = NULL;
    bool passphrase, same = false;
    int64_t count;
    int rc = lock_vault(c);
    if (rc == 0)
        rc = read_mode(c, &passphrase);
    if (rc == 0 && passphrase != k->device)
        return refuse(r, 409, "BAD_CHANGE",
                      passphrase ? "the vault has a passphrase: keys come wrapped by the device"
                                 : "the vault has no passphrase: keys come unwrapped");
    if (rc == 0)
        rc = sql_one(c->sql, &rows, &c->error,
                     "SELECT kind, partition, record FROM vault WHERE account = ?1 AND key = ?2",
                     "ss", c->session->account, k->id);
    if (rc == 0) {
        rc = compare(c, rows, k, &same);
        sql_rows_free(rows);
        if (rc == 0 && !same)
            return refuse(r, 409, "EXISTS", "another key has this id");
        return rc;
    }
    sql_rows_free(rows);
    if (rc == RAUM_END)
        rc = count_keys(c, &count);
    if (rc == 0 && count >= KEYS_MAX)
        return refuse(r, 413, "TOO_LARGE", "an account has at most 1,000 keys");
    return rc ? rc : insert(c, k);
}

static int finish(struct call *c, int rc, const struct refusal *r)
{
    if (rc == RAUM_EBAD_CHANGE && r->status)
        return answer_refusal(c, r);
    if (rc == RAUM_EKEY_MISSING)
        return call_fail(c, 500, "KEY_MISSING", c->error.text);
    return rc ? call_error(c, rc) : call_text(c, 200, "{\"status\":true}");
}

static int put_one(struct call *c)
{
    struct refusal *r = arena_zero(c->arena, sizeof *r);
    struct key k = {0};
    if (!r)
        return RAUM_ENOMEM;
    int rc = read_key(c, c->body, &k, r);
    if (rc == 0 && strcmp(k.id, c->rest) != 0)
        rc = malformed(r, "the id is not that of the address");
    if (rc == 0)
        rc = sql_begin(c->sql, &c->error);
    else
        return finish(c, rc, r);
    if (rc == 0) {
        rc = put_in(c, &k, r);
        rc = sql_end(c->sql, rc, &c->error);
    }
    return finish(c, rc, r);
}

/* ---- PUT all: the other mode, or another passphrase ---- */

/* One stored row against the new ring. */
static int keep_row(struct call *c, struct sql_rows *rows, const struct key *keys, int count,
                    struct refusal *r)
{
    const struct key wanted = {.id = sql_text(rows, "key")};
    const struct key *k = bsearch(&wanted, keys, (size_t)count, sizeof *keys, by_id);
    bool same = true;
    if (!k) {
        r->missing[r->missing_count] = arena_str(c->arena, wanted.id);
        return r->missing[r->missing_count++] ? 0 : RAUM_ENOMEM;
    }
    if (strcmp(sql_text(rows, "partition"), k->partition) != 0)
        return refuse(r, 409, "EXISTS", "a key is of another partition");
    /* What a device wrapped cannot be compared: it is new with every passphrase. */
    int rc =
        k->device || strcmp(sql_text(rows, "kind"), "device") == 0 ? 0 : compare(c, rows, k, &same);
    return rc == 0 && !same ? refuse(r, 409, "EXISTS", "another key has this id") : rc;
}

static int keep_all(struct call *c, const struct key *keys, int count, struct refusal *r)
{
    struct sql_rows *rows = NULL;
    int rc = sql_many(c->sql, &rows, &c->error,
                      "SELECT key, kind, partition, record FROM vault WHERE account = ?1"
                      " ORDER BY created, key",
                      "s", c->session->account);
    while (rc == 0 && (rc = sql_next(rows, &c->error)) == 0)
        rc = r->missing_count < KEYS_MAX ? keep_row(c, rows, keys, count, r) : 0;
    sql_rows_free(rows);
    if (rc != RAUM_END)
        return rc;
    return r->missing_count
               ? refuse(r, 409, "BAD_CHANGE", "the server has keys that the new ring leaves out")
               : 0;
}

static int replace(struct call *c, const struct key *keys, int count, const struct phrase *p)
{
    int rc = sql_run(c->sql, &c->error, "DELETE FROM vault WHERE account = ?1", "s",
                     c->session->account);
    for (int i = 0; rc == 0 && i < count; i++)
        rc = insert(c, &keys[i]);
    if (rc == 0)
        rc = sql_run(c->sql, &c->error, "DELETE FROM vault_phrases WHERE account = ?1", "s",
                     c->session->account);
    if (rc || !p)
        return rc;
    return sql_run(c->sql, &c->error,
                   "INSERT INTO vault_phrases (account, salt, wrapped, recovery, created)"
                   " VALUES (?1, ?2, ?3, ?4, ?5)",
                   "sbbbi", c->session->account, p->salt.data, p->salt.len, p->wrapped.data,
                   p->wrapped.len, p->recovery.data, p->recovery.len, call_now(c));
}

static int put_all(struct call *c)
{
    struct refusal *r = arena_zero(c->arena, sizeof *r);
    struct phrase phrase = {0};
    struct key *keys = NULL;
    int count = 0;
    bool given = false;
    if (!r)
        return RAUM_ENOMEM;
    int rc = read_phrase(c, &phrase, &given, r);
    if (rc == 0)
        rc = read_ring(c, &keys, &count, given, r);
    if (rc)
        return finish(c, rc, r);
    rc = sql_begin(c->sql, &c->error);
    if (rc == 0) {
        rc = lock_vault(c);
        if (rc == 0)
            rc = keep_all(c, keys, count, r);
        if (rc == 0)
            rc = replace(c, keys, count, given ? &phrase : NULL);
        rc = sql_end(c->sql, rc, &c->error);
    }
    return finish(c, rc, r);
}

const struct route vault_routes[] = {
    {"GET", "/api/v1/vault", get_vault, ROUTE_SESSION},
    {"PUT", "/api/v1/vault", put_all, ROUTE_SESSION | ROUTE_BODY},
    {"PUT", "/api/v1/vault/", put_one, ROUTE_SESSION | ROUTE_BODY | ROUTE_PREFIX},
    {0},
};
