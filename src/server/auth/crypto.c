#include "server/auth/crypto.h"

#include "base/base64.h"
#include "base/json.h"
#include "base/utf8.h"

#include <openssl/evp.h>
#include <pthread.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <utf8proc.h>

/* ---- the pool: hashing is slow and large on purpose, so little of it runs at once */

#define RUNNING_MAX 2
#define WAITING_MAX 32

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t freed = PTHREAD_COND_INITIALIZER;
static int running, waiting;

static int pool_enter(struct raum_error *error)
{
    int result = 0;
    pthread_mutex_lock(&mutex);
    if (running == RUNNING_MAX && waiting == WAITING_MAX)
        result = err_at(error, "crypto", RAUM_EBUSY, "too many people sign in at once");
    else {
        waiting++;
        while (running == RUNNING_MAX)
            pthread_cond_wait(&freed, &mutex);
        waiting--;
        running++;
    }
    pthread_mutex_unlock(&mutex);
    return result;
}

static void pool_leave(void)
{
    pthread_mutex_lock(&mutex);
    running--;
    pthread_cond_signal(&freed);
    pthread_mutex_unlock(&mutex);
}

/* ---- passwords */

#define ARGON_PASSES 2
#define ARGON_BYTES ((size_t)19 << 20)
#define SCRYPT_SALT 32 /* hexadecimal digits, which themselves are the salt */
#define SCRYPT_KEY 64

/* The same password typed on two keyboards is one text only in a normal form. free() it after
 * wiping; NULL: not UTF-8, or no memory. */
static char *normal_of(const char *password)
{
    if (!utf8_valid(password, strlen(password)))
        return NULL;
    return (char *)utf8proc_NFKC((const utf8proc_uint8_t *)password);
}

static void forget(char *normal)
{
    if (normal)
        sodium_memzero(normal, strlen(normal));
    free(normal);
}

int crypto_password_hash(const char *password, char out[CRYPTO_PASSWORD_MAX],
                         struct raum_error *error)
{
    char *normal = normal_of(password);
    if (!normal)
        return err_at(error, "crypto", RAUM_EUSAGE, "the password is not valid text");
    int result = pool_enter(error);
    if (result == 0) {
        memset(out, 0, CRYPTO_PASSWORD_MAX);
        if (crypto_pwhash_str_alg(out, normal, strlen(normal), ARGON_PASSES, ARGON_BYTES,
                                  crypto_pwhash_ALG_ARGON2ID13) != 0)
            result = err_set(error, RAUM_ENOMEM, NULL);
        pool_leave();
    }
    forget(normal);
    return result;
}

/* "<32 hex>:<128 hex>" as Better Auth stores it. The salt's text is lent. */
static bool scrypt_parts(const char *hash, unsigned char key[SCRYPT_KEY])
{
    unsigned char salt[SCRYPT_SALT / 2];
    return strlen(hash) == SCRYPT_SALT + 1 + 2 * SCRYPT_KEY && hash[SCRYPT_SALT] == ':' &&
           hex_read(salt, sizeof salt, hash, SCRYPT_SALT) &&
           hex_read(key, SCRYPT_KEY, hash + SCRYPT_SALT + 1, (size_t)2 * SCRYPT_KEY);
}

static bool scrypt_same(const char *normal, const char *hash, const unsigned char key[SCRYPT_KEY])
{
    unsigned char found[SCRYPT_KEY];
    if (EVP_PBE_scrypt(normal, strlen(normal), (const unsigned char *)hash, SCRYPT_SALT, 16384, 16,
                       1, (uint64_t)64 << 20, found, sizeof found) != 1)
        return false;
    bool same = sodium_memcmp(found, key, sizeof found) == 0;
    sodium_memzero(found, sizeof found);
    return same;
}

/* As long as a comparison, with nothing to compare: who has no account learns nothing of it. */
static void spend(const char *normal)
{
    unsigned char salt[crypto_pwhash_SALTBYTES] = {0}, key[32];
    int ignored = crypto_pwhash(key, sizeof key, normal, strlen(normal), salt, ARGON_PASSES,
                                ARGON_BYTES, crypto_pwhash_ALG_ARGON2ID13);
    (void)ignored;
}

static bool matches(const char *normal, const char *hash, bool *rehash)
{
    unsigned char key[SCRYPT_KEY];
    if (hash && scrypt_parts(hash, key)) {
        *rehash = true;
        return scrypt_same(normal, hash, key);
    }
    /* Only ours: a stored text with greater costs would be a way to spend our memory. */
    if (hash && strlen(hash) < crypto_pwhash_STRBYTES &&
        crypto_pwhash_str_needs_rehash(hash, ARGON_PASSES, ARGON_BYTES) == 0)
        return crypto_pwhash_str_verify(hash, normal, strlen(normal)) == 0;
    spend(normal);
    return false;
}

int crypto_password_check(const char *password, const char *hash, bool *rehash,
                          struct raum_error *error)
{
    *rehash = false;
    /* What is no text was never anybody's password, but it is answered as slowly. */
    char *normal = normal_of(password);
    int result = pool_enter(error);
    if (result == 0) {
        bool right = normal ? matches(normal, hash, rehash) : (spend(""), false);
        pool_leave();
        if (!right) {
            *rehash = false;
            result = err_at(error, "crypto", RAUM_ENOT_ALLOWED, "the password is wrong");
        }
    }
    forget(normal);
    return result;
}

/* ---- hashes */

void crypto_hmac_sha256(const char *key, const void *data, size_t len, unsigned char out[32])
{
    crypto_auth_hmacsha256_state state;
    crypto_auth_hmacsha256_init(&state, (const unsigned char *)key, strlen(key));
    crypto_auth_hmacsha256_update(&state, data, len);
    crypto_auth_hmacsha256_final(&state, out);
    sodium_memzero(&state, sizeof state);
}

void crypto_sha256(const void *data, size_t len, unsigned char out[32])
{
    crypto_hash_sha256(out, data, len);
}

bool crypto_same(const void *a, const void *b, size_t len)
{
    return sodium_memcmp(a, b, len) == 0;
}

/* ---- JWT (RFC 7519, RFC 8037) */

#define JWT_MAX 16384 /* bytes of one that is looked at */

void crypto_sign_keys(unsigned char pub[CRYPTO_SIGN_PUBLIC],
                      unsigned char secret[CRYPTO_SIGN_SECRET])
{
    crypto_sign_keypair(pub, secret);
}

int crypto_jwt(const char *kid, const unsigned char secret[CRYPTO_SIGN_SECRET], const char *payload,
               size_t len, struct buf *out)
{
    struct json_writer w;
    struct buf head;
    unsigned char signature[crypto_sign_BYTES];
    size_t start = out->len;
    buf_init(&head, 1024);
    json_begin(&w, &head);
    json_open_object(&w);
    json_put_key(&w, "alg");
    json_put_str(&w, "EdDSA");
    json_put_key(&w, "kid");
    json_put_str(&w, kid);
    json_close_object(&w);
    int result = buf_error(&head, NULL);
    if (result == 0) {
        base64_put(out, head.data, head.len);
        buf_char(out, '.');
        base64_put(out, payload, len);
        result = buf_error(out, NULL);
    }
    buf_release(&head);
    if (result < 0)
        return result;
    crypto_sign_detached(signature, NULL, (const unsigned char *)out->data + start,
                         out->len - start, secret);
    buf_char(out, '.');
    base64_put(out, signature, sizeof signature);
    return buf_error(out, NULL);
}

/* alg is pinned: what a token says of itself chooses nothing. */
static bool head_is_ours(const char *text, size_t len, const char *kid)
{
    struct json_doc doc;
    struct buf head;
    bool ours = false;
    buf_init(&head, 1024);
    json_init(&doc);
    if (base64_get(&head, text, len) && head.data &&
        json_parse(&doc, head.data, head.len, 0, NULL) == 0) {
        struct json_value root = json_root(&doc);
        ours = json_equals(json_get(root, "alg"), "EdDSA") &&
               json_equals(json_get(root, "kid"), kid) &&
               json_type(json_get(root, "crit")) == JSON_NONE;
    }
    json_release(&doc);
    buf_release(&head);
    return ours;
}

int crypto_jwt_check(const char *jwt, const char *kid, const unsigned char pub[CRYPTO_SIGN_PUBLIC],
                     struct buf *payload)
{
    unsigned char signature[crypto_sign_BYTES];
    size_t len = strlen(jwt);
    const char *first = strchr(jwt, '.'), *second = first ? strchr(first + 1, '.') : NULL;
    if (len > JWT_MAX || !second || strchr(second + 1, '.'))
        return RAUM_ENOT_ALLOWED;
    if (!base64_read(signature, sizeof signature, second + 1, len - (size_t)(second + 1 - jwt)) ||
        !head_is_ours(jwt, (size_t)(first - jwt), kid) ||
        crypto_sign_verify_detached(signature, (const unsigned char *)jwt, (size_t)(second - jwt),
                                    pub) != 0)
        return RAUM_ENOT_ALLOWED;
    return base64_get(payload, first + 1, (size_t)(second - first - 1)) ? 0 : RAUM_ENOT_ALLOWED;
}
