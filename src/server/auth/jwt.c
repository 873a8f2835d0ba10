#include "server/auth/jwt.h"
#include "base/base64.h"
#include "server/auth/crypto.h"
#include "server/auth/session.h"
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define CACHE_SLOTS 4096 /* a power of two; a slot holds at most JWT_KEPT_MAX bytes */
#define JWT_KEPT_MAX 2048
#define JWT_REUSE_S 30 /* a token is handed out again for so long */
#define JWT_LIFE_S 900
#define PAYLOAD_MAX 65536
#define SEALED (RAUM_NONCE_BYTES + CRYPTO_SIGN_SECRET + RAUM_TAG_BYTES)

struct slot {
    unsigned char of[32]; /* hash of the payload without its times */
    int64_t iat;          /* seconds; 0: free */
    char *jwt;
};

struct auth_keys {
    const struct raum_env *env;
    pthread_mutex_t mutex;
    bool loaded;
    char kid[64];
    unsigned char pub[CRYPTO_SIGN_PUBLIC], secret[CRYPTO_SIGN_SECRET];
    struct slot slots[CACHE_SLOTS];
};

int auth_keys_new(struct auth_keys **out, const struct raum_env *env, struct raum_error *error)
{
    struct auth_keys *k = *out = calloc(1, sizeof *k);
    if (!k)
        return err_set(error, RAUM_ENOMEM, NULL);
    k->env = env;
    pthread_mutex_init(&k->mutex, NULL);
    return 0;
}

void auth_keys_free(struct auth_keys *k)
{
    if (!k)
        return;
    for (int i = 0; i < CACHE_SLOTS; i++)
        free(k->slots[i].jwt);
    pthread_mutex_destroy(&k->mutex);
    explicit_bzero(k, sizeof *k);
    free(k);
}

/* ---- the key */

static void sealing_key(const struct call *c, unsigned char out[RAUM_KEY_BYTES])
{
    crypto_sha256(c->server->secret, strlen(c->server->secret), out);
}

static void seal(struct call *c, const char *kid, const unsigned char secret[CRYPTO_SIGN_SECRET],
                 unsigned char out[SEALED])
{
    const struct raum_env *env = c->server->env;
    unsigned char key[RAUM_KEY_BYTES];
    sealing_key(c, key);
    env->random(env->ctx, out, RAUM_NONCE_BYTES);
    env->aead_seal(env->ctx, out + RAUM_NONCE_BYTES, secret, CRYPTO_SIGN_SECRET, kid, strlen(kid),
                   out, key);
    explicit_bzero(key, sizeof key);
}

static bool unseal(struct call *c, const char *kid, const unsigned char *sealed, size_t len,
                   unsigned char secret[CRYPTO_SIGN_SECRET])
{
    const struct raum_env *env = c->server->env;
    unsigned char key[RAUM_KEY_BYTES];
    if (len != SEALED)
        return false;
    sealing_key(c, key);
    int rc = env->aead_open(env->ctx, secret, sealed + RAUM_NONCE_BYTES, len - RAUM_NONCE_BYTES,
                            kid, strlen(kid), sealed, key);
    explicit_bzero(key, sizeof key);
    return rc == 0;
}

/* The newest key that our secret opens; RAUM_END: none. */
static int read_key(struct call *c, struct auth_keys *k)
{
    struct sql_rows *rows;
    bool found = false;
    int rc = sql_many(c->sql, &rows, &c->error,
                      "SELECT id, public, secret FROM signing_keys ORDER BY created DESC, id", "");
    while (rc == 0 && !found && (rc = sql_next(rows, &c->error)) == 0) {
        size_t len = 0, pub_len = 0;
        const char *id = sql_text(rows, "id");
        const void *sealed = sql_bytes(rows, "secret", &len);
        const void *pub = sql_bytes(rows, "public", &pub_len);
        if (strlen(id) >= sizeof k->kid || pub_len != sizeof k->pub || !sealed ||
            !unseal(c, id, sealed, len, k->secret))
            continue;
        memcpy(k->kid, id, strlen(id) + 1);
        memcpy(k->pub, pub, pub_len);
        found = true;
    }
    sql_rows_free(rows);
    return rc;
}

static int make_key(struct call *c, struct auth_keys *k)
{
    unsigned char sealed[SEALED];
    const char *kid = call_random(c, 32);
    if (!kid)
        return RAUM_ENOMEM;
    crypto_sign_keys(k->pub, k->secret);
    memcpy(k->kid, kid, strlen(kid) + 1);
    seal(c, kid, k->secret, sealed);
    return sql_run(c->sql, &c->error,
                   "INSERT INTO signing_keys (id, public, secret, created) VALUES (?1, ?2, ?3, ?4)",
                   "sbbi", kid, k->pub, sizeof k->pub, sealed, sizeof sealed, call_now(c));
}

/* Under the mutex. Two nodes that begin at once take turns by the lock. */
static int load_key(struct call *c, struct auth_keys *k)
{
    if (k->loaded)
        return 0;
    int rc = sql_begin(c->sql, &c->error);
    if (rc)
        return rc;
    rc = sql_lock(c->sql, "signing-keys", &c->error);
    if (rc == 0)
        rc = read_key(c, k);
    if (rc == RAUM_END)
        rc = make_key(c, k);
    rc = sql_end(c->sql, rc, &c->error);
    k->loaded = rc == 0;
    return rc;
}

/* ---- tokens */

static int payload(struct call *c, struct buf *out, int64_t iat)
{
    struct json_writer w;
    json_begin(&w, out);
    json_open_object(&w);
    json_put_key(&w, "iat");
    json_put_int(&w, iat);
    session_put_user(&w, c->session);
    json_put_key(&w, "sub");
    json_put_str(&w, c->session->account);
    json_put_key(&w, "exp");
    json_put_int(&w, iat + JWT_LIFE_S);
    json_put_key(&w, "iss");
    json_put_str(&w, c->server->origin);
    json_put_key(&w, "aud");
    json_put_str(&w, c->server->origin);
    json_close_object(&w);
    return buf_error(out, &c->error);
}

/* Of all that a token says but its times: another name or picture is another token. No text holds
 * a NUL, so that these end where they end. */
static int payload_hash(struct call *c, unsigned char out[32])
{
    const struct session *s = c->session;
    const char *const texts[] = {s->account, s->email, s->name, s->image ? s->image : "\n"};
    const int64_t numbers[] = {s->account_created, s->account_updated, s->email_verified};
    struct buf b;
    buf_init(&b, PAYLOAD_MAX);
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        buf_add(&b, texts[i], strlen(texts[i]) + 1);
    buf_add(&b, numbers, sizeof numbers);
    int rc = buf_error(&b, &c->error);
    if (rc == 0)
        c->server->env->hash(c->server->env->ctx, out, 32, b.data, b.len, NULL);
    buf_release(&b);
    return rc;
}

static int sign(struct call *c, struct auth_keys *k, int64_t iat, struct buf *out)
{
    struct buf b;
    buf_init(&b, PAYLOAD_MAX);
    int rc = payload(c, &b, iat);
    if (rc == 0)
        rc = crypto_jwt(k->kid, k->secret, b.data, b.len, out);
    buf_release(&b);
    return rc;
}

static struct slot *slot_of(struct auth_keys *k, const unsigned char hash[32])
{
    uint32_t at;
    memcpy(&at, hash, sizeof at);
    return &k->slots[at & (CACHE_SLOTS - 1)];
}

/* A copy of the token that is there; NULL: none, or too old. */
static char *cached(struct call *c, struct auth_keys *k, const unsigned char hash[32], int64_t now)
{
    struct slot *s = slot_of(k, hash);
    char *out = NULL;
    pthread_mutex_lock(&k->mutex);
    if (s->jwt && memcmp(s->of, hash, sizeof s->of) == 0 && now >= s->iat &&
        now - s->iat < JWT_REUSE_S)
        out = arena_str(c->arena, s->jwt);
    pthread_mutex_unlock(&k->mutex);
    return out;
}

static void keep(struct auth_keys *k, const unsigned char hash[32], int64_t iat,
                 const struct buf *jwt)
{
    struct slot *s = slot_of(k, hash);
    char *copy = jwt->len < JWT_KEPT_MAX ? malloc(jwt->len + 1) : NULL;
    if (!copy)
        return;
    memcpy(copy, jwt->data, jwt->len + 1);
    pthread_mutex_lock(&k->mutex);
    free(s->jwt);
    s->jwt = copy;
    s->iat = iat;
    memcpy(s->of, hash, sizeof s->of);
    pthread_mutex_unlock(&k->mutex);
}

int jwt_of_session(struct call *c, const char **out)
{
    struct auth_keys *k = c->server->keys;
    unsigned char hash[32];
    struct buf jwt;
    int64_t now = call_now(c) / 1000;
    int rc = payload_hash(c, hash);
    if (rc)
        return rc;
    *out = cached(c, k, hash, now);
    if (*out)
        return 0;
    pthread_mutex_lock(&k->mutex);
    rc = load_key(c, k);
    pthread_mutex_unlock(&k->mutex);
    if (rc)
        return rc;
    buf_init(&jwt, 2 * PAYLOAD_MAX);
    rc = sign(c, k, now, &jwt);
    if (rc == 0)
        rc = buf_error(&jwt, &c->error);
    if (rc == 0) {
        keep(k, hash, now, &jwt);
        *out = arena_str(c->arena, jwt.data);
        rc = *out ? 0 : RAUM_ENOMEM;
    }
    buf_release(&jwt);
    return rc;
}

static void put_key(struct json_writer *w, const char *kid, const void *pub, size_t len)
{
    struct buf x;
    buf_init(&x, 256);
    base64_put(&x, pub, len);
    json_open_object(w);
    json_put_key(w, "alg");
    json_put_str(w, "EdDSA");
    json_put_key(w, "crv");
    json_put_str(w, "Ed25519");
    json_put_key(w, "x");
    json_put_str(w, buf_text(&x));
    json_put_key(w, "kty");
    json_put_str(w, "OKP");
    json_put_key(w, "kid");
    json_put_str(w, kid);
    json_close_object(w);
    buf_release(&x);
}

int jwt_put_keys(struct call *c, struct json_writer *w)
{
    struct auth_keys *k = c->server->keys;
    struct sql_rows *rows;
    pthread_mutex_lock(&k->mutex);
    int rc = load_key(c, k);
    pthread_mutex_unlock(&k->mutex);
    if (rc)
        return rc;
    json_open_object(w);
    json_put_key(w, "keys");
    json_open_array(w);
    rc = sql_many(c->sql, &rows, &c->error,
                  "SELECT id, public FROM signing_keys ORDER BY created, id", "");
    while (rc == 0 && (rc = sql_next(rows, &c->error)) == 0) {
        size_t len;
        const void *pub = sql_bytes(rows, "public", &len);
        put_key(w, sql_text(rows, "id"), pub, len);
    }
    sql_rows_free(rows);
    json_close_array(w);
    json_close_object(w);
    return rc == RAUM_END ? 0 : rc;
}
