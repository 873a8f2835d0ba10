#include "engine/vault.h"

#include "base/base64.h"
#include "base/clock.h"
#include "base/json.h"
#include "engine/intern.h"
#include "engine/seal.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WRAPPED (RAUM_NONCE_BYTES + RAUM_KEY_BYTES + RAUM_TAG_BYTES)
#define SALT 16
#define CODE_BYTES 20 /* 160 random bits: nothing to stretch */
#define CODE_DIGITS 32
#define GROUP 4
#define PLACE_MAX (RAUM_ID_MAX + 64)
#define KEYS_MAX 1000     /* as many as a server keeps */
#define NEXT "vault-next" /* in a guest's meta: becomes SEAL_VAULT with the account (adopt.c) */

_Static_assert(CODE_BYTES * 8 == CODE_DIGITS * 5, "five bits a digit");
_Static_assert(VAULT_CODE == CODE_DIGITS + CODE_DIGITS / GROUP, "blanks between groups, one NUL");

/* ---- wrapping ---- */

static void derive(const struct raum_env *env, const unsigned char *key, const char *purpose,
                   unsigned char out[RAUM_KEY_BYTES])
{
    env->hash(env->ctx, out, RAUM_KEY_BYTES, purpose, strlen(purpose) + 1, key);
}

/* The nonce is a keyed hash of place and secret: the same key makes the same record again, so that
 * sending it twice is sending it once. */
static void wrap(const struct raum_env *env, const unsigned char *with, const char *place,
                 const unsigned char secret[RAUM_KEY_BYTES], unsigned char out[WRAPPED])
{
    unsigned char aead[RAUM_KEY_BYTES], nonce[RAUM_KEY_BYTES], text[PLACE_MAX + RAUM_KEY_BYTES];
    size_t len = strlen(place);
    derive(env, with, "raum vault aead", aead);
    derive(env, with, "raum vault nonce", nonce);
    memcpy(text, place, len);
    memcpy(text + len, secret, RAUM_KEY_BYTES);
    env->hash(env->ctx, out, RAUM_NONCE_BYTES, text, len + RAUM_KEY_BYTES, nonce);
    env->aead_seal(env->ctx, out + RAUM_NONCE_BYTES, secret, RAUM_KEY_BYTES, place, len, out, aead);
    keyring_wipe(text, sizeof text);
    keyring_wipe(aead, sizeof aead);
    keyring_wipe(nonce, sizeof nonce);
}

static bool unwrap(const struct raum_env *env, const unsigned char *with, const char *place,
                   const unsigned char wrapped[WRAPPED], unsigned char secret[RAUM_KEY_BYTES])
{
    unsigned char aead[RAUM_KEY_BYTES];
    derive(env, with, "raum vault aead", aead);
    int result = env->aead_open(env->ctx, secret, wrapped + RAUM_NONCE_BYTES,
                                WRAPPED - RAUM_NONCE_BYTES, place, strlen(place), wrapped, aead);
    keyring_wipe(aead, sizeof aead);
    return result == 0;
}

/* What a record is bound to: moved to another account, key or partition it does not open. */
static void place_of(const struct vault *v, const char *id, const char *partition,
                     char out[PLACE_MAX])
{
    snprintf(out, PLACE_MAX, "raum-vault|%s|%s|%s", v->account, id, partition);
}

/* ---- the recovery code ---- */

static void code_put(const unsigned char bytes[CODE_BYTES], char out[VAULT_CODE])
{
    for (unsigned i = 0; i < CODE_DIGITS; i++) {
        unsigned bit = i * 5, at = bit / 8;
        unsigned two = (unsigned)bytes[at] << 8 | (at + 1 < CODE_BYTES ? bytes[at + 1] : 0u);
        if (i && i % GROUP == 0)
            *out++ = '-';
        *out++ = base32_digits[two >> (11 - bit % 8) & 31];
    }
    *out = '\0';
}

static bool code_get(const char *text, unsigned char bytes[CODE_BYTES])
{
    unsigned count = 0;
    memset(bytes, 0, CODE_BYTES);
    for (; *text; text++) {
        int digit = base32_digit(*text);
        if (*text == '-' || *text == ' ')
            continue;
        if (digit < 0 || count == CODE_DIGITS)
            return false;
        for (unsigned k = 0; k < 5; k++)
            if (digit >> (4 - k) & 1)
                bytes[(count * 5 + k) / 8] |= (unsigned char)(0x80 >> (count * 5 + k) % 8);
        count++;
    }
    return count == CODE_DIGITS;
}

static void code_key(const struct raum_env *env, const unsigned char bytes[CODE_BYTES],
                     unsigned char out[RAUM_KEY_BYTES])
{
    unsigned char text[CODE_BYTES + 32] = "raum vault code";
    memcpy(text + 32, bytes, CODE_BYTES);
    env->hash(env->ctx, out, RAUM_KEY_BYTES, text, sizeof text, NULL);
    keyring_wipe(text, sizeof text);
}

/* ---- partitions ---- */

static uint32_t partition_ref(const struct raum *r, const char *name)
{
    const struct space *personal = intern_personal(r);
    if (strcmp(name, "user") == 0)
        return r->user_ref;
    return strcmp(name, "personal") == 0 && personal ? personal->ref : 0;
}

static const char *partition_name(const struct raum *r, uint32_t ref)
{
    const struct space *personal = intern_personal(r);
    if (ref && ref == r->user_ref)
        return "user";
    return personal && personal->ref == ref ? "personal" : NULL;
}

static int ensure_key(struct raum *r, uint32_t ref, struct raum_error *error)
{
    struct db_stmt s;
    int64_t count = 0;
    int result =
        db_prepare(r->db, &s, &db_grant_own,
                   "SELECT count(*) FROM keys WHERE space = ?1 AND retired IS NULL", error);
    if (result == 0) {
        db_bind_int(&s, 1, ref);
        result = db_step(&s, error);
        count = result == 0 ? db_int(&s, 0) : 0;
    }
    db_finish(&s);
    return result < 0 || count ? result : seal_add(r, ref, error);
}

int vault_start(const struct vault *v, struct raum_error *error)
{
    struct raum *r = v->raum;
    struct arena a;
    char *mode = NULL;
    bool guest = strcmp(r->account, v->account) != 0;
    int result = replica_begin(r, error);
    if (result < 0)
        return result;
    arena_init(&a, 65536);
    result = ensure_key(r, intern_personal(r)->ref, error);
    if (result == 0)
        result = ensure_key(r, r->user_ref, error);
    if (result == 0)
        result = replica_meta_get(r, guest ? NEXT : SEAL_VAULT, &a, &mode, error);
    if (result == 0 && !mode)
        result = replica_meta_set(r, guest ? NEXT : SEAL_VAULT,
                                  r->ring->vaulted ? "passphrase" : "server", error);
    seal_forget(r);
    arena_release(&a);
    return replica_end(r, result, error);
}

/* ---- reading ---- */

struct answer {
    struct json_doc doc;
    struct json_value phrase, keys;
    bool passphrase;
};

static int bad(struct raum_error *error)
{
    return err_at(error, "vault", RAUM_EBAD_CHANGE, "the server's answer about keys is no such");
}

static int answer_read(struct answer *a, const char *text, size_t len, struct raum_error *error)
{
    json_init(&a->doc);
    int result = json_parse(&a->doc, text, len, 0, NULL);
    if (result < 0)
        return result == RAUM_ENOMEM ? err_set(error, result, NULL) : bad(error);
    struct json_value root = json_root(&a->doc);
    a->phrase = json_get(root, "passphrase");
    a->keys = json_get(root, "keys");
    a->passphrase = json_is(a->phrase, JSON_OBJECT);
    if (!json_is(a->keys, JSON_ARRAY) || json_count(a->keys) > KEYS_MAX ||
        (!a->passphrase && !json_is(a->phrase, JSON_NULL)))
        return bad(error);
    return 0;
}

/* The source bytes with their quotes: what we look for has no escapes. */
static bool read_bytes(struct json_value v, void *out, size_t len)
{
    size_t have;
    const char *text = json_raw(v, &have);
    return json_is(v, JSON_STRING) && have >= 2 && base64_read(out, len, text + 1, have - 2);
}

struct taking {
    const struct vault *v;
    const struct answer *answer;
    struct vault_news *news;
    struct keyring_key *keys; /* that the ring lacks or has: the ring compares */
    unsigned count;
    struct db_stmt put, whose;
};

struct copy { /* one of the answer */
    unsigned char id[KEYRING_ID_BYTES];
    char hex[VAULT_ID];
    const char *partition;
    uint32_t space;
    char made[CLOCK_TEXT];
    bool device, known; /* known: its secret is at keys[count] */
};

static int copy_read(struct taking *t, struct json_value v, struct copy *c,
                     struct raum_error *error)
{
    struct json_value id = json_get(v, "id"), partition = json_get(v, "partition");
    size_t len;
    int64_t ms;
    const char *text = json_raw(id, &len);
    *c = (struct copy){.device = json_equals(json_get(v, "kind"), "device")};
    if (!json_is(id, JSON_STRING) || len < 2 || !hex_read(c->id, sizeof c->id, text + 1, len - 2))
        return bad(error);
    hex_put(c->hex, c->id, sizeof c->id);
    c->partition = json_equals(partition, "personal") ? "personal"
                   : json_equals(partition, "user")   ? "user"
                                                      : "";
    c->space = partition_ref(t->v->raum, c->partition);
    text = json_raw(json_get(v, "created"), &len);
    if (!c->space || !json_is(json_get(v, "created"), JSON_STRING) || len < 2 ||
        clock_parse_ms(text + 1, len - 2, &ms) != 0)
        return bad(error);
    clock_format_ms(ms, c->made);
    /* What the server can read is no copy of a vault that it cannot. */
    if (c->device != t->answer->passphrase ||
        (!c->device && !json_equals(json_get(v, "kind"), "server")))
        return bad(error);
    return 0;
}

static int copy_open(struct taking *t, struct json_value v, struct copy *c,
                     struct raum_error *error)
{
    const struct keyring *ring = t->v->raum->ring;
    struct keyring_key *key = &t->keys[t->count];
    unsigned char wrapped[WRAPPED];
    char place[PLACE_MAX];
    memcpy(key->id, c->id, sizeof key->id);
    if (!c->device) {
        c->known = read_bytes(json_get(v, "secret"), key->secret, sizeof key->secret);
        return c->known ? 0 : bad(error);
    }
    if (!read_bytes(json_get(v, "record"), wrapped, sizeof wrapped))
        return bad(error);
    place_of(t->v, c->hex, c->partition, place);
    c->known = ring->vaulted && unwrap(ring->env, ring->vault, place, wrapped, key->secret);
    return 0;
}

/* What the ring has already needs no writing; another secret under its id is the ring's to refuse.
 */
static bool is_news(const struct taking *t, const struct copy *c)
{
    const unsigned char *have = c->known ? keyring_find(t->v->raum->ring, c->id) : NULL;
    return c->known && (!have || memcmp(have, t->keys[t->count].secret, RAUM_KEY_BYTES) != 0);
}

/* A key belongs to one partition for ever. */
static int copy_keep(struct taking *t, const struct copy *c, struct raum_error *error)
{
    db_bind_blob(&t->whose, 1, c->id, sizeof c->id);
    int result = db_step(&t->whose, error);
    bool here = result == 0, other = here && (uint32_t)db_int(&t->whose, 0) != c->space;
    db_reset(&t->whose);
    if (result < 0)
        return result;
    if (other)
        return err_at(error, "vault", RAUM_ECORRUPT, "the key %s is another partition's", c->hex);
    if (!here && !c->known)
        return 0;
    t->news->added += !here;
    db_bind_blob(&t->put, 1, c->id, sizeof c->id);
    db_bind_int(&t->put, 2, c->space);
    db_bind_str(&t->put, 3, c->made);
    return db_run(&t->put, error);
}

static int take_keys(struct taking *t, struct raum_error *error)
{
    struct raum *r = t->v->raum;
    struct copy c;
    int result = db_exec(r->db, "UPDATE keys SET acked = 0", error);
    if (result == 0)
        result = db_prepare(r->db, &t->whose, &db_grant_own,
                            "SELECT space FROM keys WHERE key_id = ?1", error);
    if (result == 0)
        result = db_prepare(r->db, &t->put, &db_grant_own,
                            "INSERT INTO keys (key_id, space, made, acked) VALUES (?1, ?2, ?3, 1) "
                            "ON CONFLICT (key_id) DO UPDATE SET acked = 1",
                            error);
    for (struct json_value v = json_first(t->answer->keys); v.doc && result == 0;
         v = json_next(t->answer->keys, v)) {
        result = copy_read(t, v, &c, error);
        if (result == 0)
            result = copy_open(t, v, &c, error);
        if (result == 0)
            result = copy_keep(t, &c, error);
        t->news->locked |= !c.known;
        t->count += is_news(t, &c);
    }
    if (result == 0 && t->count)
        result = keyring_put(r->ring, t->keys, t->count, error);
    return result;
}

/* Which mode was seen; and that a passphrase does not vanish because somebody says so. */
static int check_mode(const struct vault *v, bool passphrase, struct raum_error *error)
{
    struct raum *r = v->raum;
    struct arena a;
    char *mode = NULL;
    arena_init(&a, 65536);
    int result = replica_meta_get(r, SEAL_VAULT, &a, &mode, error);
    bool seen = r->ring->vaulted || (mode && strcmp(mode, "passphrase") == 0);
    if (result == 0 && seen && !passphrase)
        result = err_at(error, "vault", RAUM_ENOT_ALLOWED,
                        "the server says that the key ring has no passphrase any more");
    else if (result == 0 && mode && passphrase && !seen)
        result = replica_meta_set(r, SEAL_VAULT, "passphrase", error);
    arena_release(&a);
    return result;
}

int vault_take(const struct vault *v, const char *answer, size_t len, struct vault_news *news,
               struct raum_error *error)
{
    struct raum *r = v->raum;
    struct answer a;
    struct taking t = {.v = v, .answer = &a, .news = news};
    int64_t waiting = 0;
    *news = (struct vault_news){0};
    int result = answer_read(&a, answer, len, error);
    size_t size = (KEYS_MAX + 1) * sizeof *t.keys;
    if (result == 0 && !(t.keys = calloc(1, size)))
        result = err_set(error, RAUM_ENOMEM, NULL);
    if (result == 0)
        result = replica_begin(r, error);
    if (result == 0) {
        news->passphrase = a.passphrase;
        result = check_mode(v, a.passphrase, error);
        if (result == 0)
            result = take_keys(&t, error);
        if (result == 0)
            result =
                db_query_int(r->db, "SELECT count(*) FROM keys WHERE acked = 0", &waiting, error);
        news->waiting = (unsigned)waiting;
        news->locked |= a.passphrase && !r->ring->vaulted;
        db_finish(&t.put);
        db_finish(&t.whose);
        seal_forget(r);
        result = replica_end(r, result, error);
    }
    if (t.keys)
        keyring_wipe(t.keys, size);
    free(t.keys);
    json_release(&a.doc);
    return result;
}

static int open_phrase(const struct vault *v, struct json_value phrase, const char *passphrase,
                       const char *code, unsigned char key[RAUM_KEY_BYTES],
                       struct raum_error *error)
{
    const struct raum_env *env = v->raum->env;
    unsigned char with[RAUM_KEY_BYTES], salt[SALT], wrapped[WRAPPED], bytes[CODE_BYTES];
    char place[PLACE_MAX];
    int result = 0;
    if (!read_bytes(json_get(phrase, "salt"), salt, sizeof salt) ||
        !read_bytes(json_get(phrase, passphrase ? "wrapped" : "recovery"), wrapped, sizeof wrapped))
        return bad(error);
    if (passphrase)
        result = env->stretch(env->ctx, with, passphrase, strlen(passphrase), salt);
    else if (code && code_get(code, bytes))
        code_key(env, bytes, with);
    else
        return err_at(error, "vault", RAUM_ELOCKED, "a recovery code has 32 letters and digits");
    place_of(v, passphrase ? "passphrase" : "recovery", "", place);
    if (result < 0)
        err_set(error, result, NULL);
    else if (!unwrap(env, with, place, wrapped, key))
        result = err_at(error, "vault", RAUM_ELOCKED,
                        passphrase ? "this is not the key ring's passphrase"
                                   : "this is not the key ring's recovery code");
    keyring_wipe(with, sizeof with);
    keyring_wipe(bytes, sizeof bytes);
    return result;
}

int vault_unlock(const struct vault *v, const char *answer, size_t len, const char *passphrase,
                 const char *code, struct raum_error *error)
{
    struct answer a;
    unsigned char key[RAUM_KEY_BYTES];
    int result = answer_read(&a, answer, len, error);
    if (result == 0 && !a.passphrase)
        result = err_at(error, "vault", RAUM_ENOT_FOUND, "the key ring has no passphrase");
    if (result == 0)
        result = open_phrase(v, a.phrase, passphrase, code, key, error);
    if (result == 0)
        result = replica_begin(v->raum, error); /* the ring's lock */
    if (result == 0)
        result = replica_end(v->raum, keyring_vault(v->raum->ring, key, error), error);
    keyring_wipe(key, sizeof key);
    json_release(&a.doc);
    return result;
}

/* ---- writing ---- */

static void put_bytes(struct json_writer *w, const char *key, const void *data, size_t len)
{
    struct buf b;
    buf_init(&b, 1024);
    base64_put(&b, data, len);
    json_put_key(w, key);
    json_put_text(w, buf_text(&b), b.len);
    if (b.data)
        keyring_wipe(b.data, b.cap);
    buf_release(&b);
}

/* with NULL: as it is. */
static void put_key(const struct vault *v, struct json_writer *w, const char *hex,
                    const char *partition, const char *made, const unsigned char *secret,
                    const unsigned char *with)
{
    unsigned char wrapped[WRAPPED];
    char place[PLACE_MAX];
    json_open_object(w);
    json_put_key(w, "id");
    json_put_str(w, hex);
    json_put_key(w, "partition");
    json_put_str(w, partition);
    json_put_key(w, "created");
    json_put_str(w, made);
    json_put_key(w, "kind");
    json_put_str(w, with ? "device" : "server");
    if (with) {
        place_of(v, hex, partition, place);
        wrap(v->raum->env, with, place, secret, wrapped);
        put_bytes(w, "record", wrapped, sizeof wrapped);
    } else {
        put_bytes(w, "secret", secret, RAUM_KEY_BYTES);
    }
    json_close_object(w);
}

/* The key of the row that the statement stands on (key_id, space, made); false: it cannot be sent,
 * its secret is not here or its partition is no personal one. */
static bool put_row(const struct vault *v, struct db_stmt *s, struct json_writer *w,
                    const unsigned char *with, char hex[VAULT_ID])
{
    size_t len, time_len;
    unsigned char id[KEYRING_ID_BYTES];
    const void *bytes = db_blob(s, 0, &len);
    const char *partition = partition_name(v->raum, (uint32_t)db_int(s, 1));
    const char *made = db_text(s, 2, &time_len);
    if (!bytes || len != sizeof id || !partition || !made)
        return false;
    memcpy(id, bytes, len);
    hex_put(hex, id, sizeof id);
    const unsigned char *secret = keyring_find(v->raum->ring, id);
    if (secret)
        put_key(v, w, hex, partition, made, secret, with);
    return secret != NULL;
}

int vault_next(const struct vault *v, const struct vault_news *news, char id[VAULT_ID],
               struct buf *body, struct raum_error *error)
{
    struct json_writer w;
    struct db_stmt s;
    struct raum *r = v->raum;
    int result = replica_look(r, error);
    if (result < 0 || news->locked || news->passphrase != r->ring->vaulted)
        return result < 0 ? result : RAUM_END;
    result = db_prepare(r->db, &s, &db_grant_own,
                        "SELECT key_id, space, made FROM keys WHERE acked = 0 "
                        "ORDER BY made, key_id",
                        error);
    json_begin(&w, body);
    while (result == 0 && (result = db_step(&s, error)) == 0)
        if (put_row(v, &s, &w, r->ring->vaulted ? r->ring->vault : NULL, id))
            break;
    db_finish(&s);
    return result ? result : buf_error(body, error);
}

int vault_confirm(const struct vault *v, const char *id, struct raum_error *error)
{
    struct db_stmt s;
    unsigned char bytes[KEYRING_ID_BYTES];
    if (!hex_read(bytes, sizeof bytes, id, strlen(id)))
        return err_at(error, "vault", RAUM_EUSAGE, "this is no key's id");
    int result = replica_begin(v->raum, error);
    if (result < 0)
        return result;
    result = db_prepare(v->raum->db, &s, &db_grant_own,
                        "UPDATE keys SET acked = 1 WHERE key_id = ?1", error);
    if (result == 0) {
        db_bind_blob(&s, 1, bytes, sizeof bytes);
        result = db_run(&s, error);
    }
    db_finish(&s);
    seal_forget(v->raum);
    return replica_end(v->raum, result, error);
}

/* ---- another mode ---- */

static int put_phrase(const struct vault *v, struct json_writer *w, const char *passphrase,
                      struct vault_change *c, struct raum_error *error)
{
    const struct raum_env *env = v->raum->env;
    unsigned char salt[SALT], with[RAUM_KEY_BYTES], code[CODE_BYTES], wrapped[WRAPPED];
    char place[PLACE_MAX];
    env->random(env->ctx, c->key, sizeof c->key);
    env->random(env->ctx, salt, sizeof salt);
    env->random(env->ctx, code, sizeof code);
    code_put(code, c->code);
    int result = env->stretch(env->ctx, with, passphrase, strlen(passphrase), salt);
    if (result < 0)
        return err_set(error, result, NULL);
    json_open_object(w);
    put_bytes(w, "salt", salt, sizeof salt);
    place_of(v, "passphrase", "", place);
    wrap(env, with, place, c->key, wrapped);
    put_bytes(w, "wrapped", wrapped, sizeof wrapped);
    place_of(v, "recovery", "", place);
    code_key(env, code, with);
    wrap(env, with, place, c->key, wrapped);
    put_bytes(w, "recovery", wrapped, sizeof wrapped);
    json_close_object(w);
    keyring_wipe(with, sizeof with);
    keyring_wipe(code, sizeof code);
    return 0;
}

int vault_change(const struct vault *v, const char *passphrase, struct vault_change *change,
                 struct buf *body, struct raum_error *error)
{
    struct json_writer w;
    struct db_stmt s;
    char id[VAULT_ID];
    *change = (struct vault_change){.passphrase = passphrase != NULL};
    int result = replica_look(v->raum, error);
    if (result < 0)
        return result;
    json_begin(&w, body);
    json_open_object(&w);
    json_put_key(&w, "passphrase");
    if (passphrase)
        result = put_phrase(v, &w, passphrase, change, error);
    else
        json_put_null(&w);
    if (result < 0)
        return result;
    json_put_key(&w, "keys");
    json_open_array(&w);
    result = db_prepare(v->raum->db, &s, &db_grant_own,
                        "SELECT key_id, space, made FROM keys ORDER BY made, key_id", error);
    while (result == 0 && (result = db_step(&s, error)) == 0)
        put_row(v, &s, &w, passphrase ? change->key : NULL, id);
    db_finish(&s);
    json_close_array(&w);
    json_close_object(&w);
    return result < 0 ? result : buf_error(body, error);
}

int vault_changed(const struct vault *v, const struct vault_change *change,
                  struct raum_error *error)
{
    struct raum *r = v->raum;
    int result = replica_begin(r, error);
    if (result < 0)
        return result;
    result = keyring_vault(r->ring, change->passphrase ? change->key : NULL, error);
    if (result == 0)
        result =
            replica_meta_set(r, SEAL_VAULT, change->passphrase ? "passphrase" : "server", error);
    return replica_end(r, result, error);
}
