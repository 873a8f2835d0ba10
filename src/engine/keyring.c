#include "engine/keyring.h"

#include "base/base64.h"
#include "base/json.h"
#include <stdlib.h>
#include <string.h>

#define RING_BYTES_MAX ((size_t)2 << 20)
#define KEY_JSON 70 /* bytes of one key in the file, at most */
#define WRAP_AD "raum keyring 1"
#define SEALED_MIN (RAUM_NONCE_BYTES + RAUM_TAG_BYTES)

void keyring_wipe(void *data, size_t len)
{
    volatile unsigned char *at = data;
    while (len--)
        *at++ = 0;
}

static void wipe_buf(struct buf *b)
{
    if (b->data)
        keyring_wipe(b->data, b->cap);
    buf_release(b);
}

static int broken(struct keyring *ring, struct raum_error *error)
{
    return err_at(error, "keyring", RAUM_ECORRUPT, "%s is damaged or no key ring", ring->path);
}

/* ---- keys in memory, sorted by id ---- */

static unsigned place_of(const struct keyring *ring, const unsigned char *id, bool *found)
{
    unsigned low = 0, high = ring->count;
    while (low < high) {
        unsigned middle = (low + high) / 2;
        int order = memcmp(ring->keys[middle].id, id, KEYRING_ID_BYTES);
        if (order == 0) {
            *found = true;
            return middle;
        }
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    *found = false;
    return low;
}

/* Not realloc: it would leave the secrets behind in freed memory. */
static int grow(struct keyring *ring, struct raum_error *error)
{
    unsigned cap = ring->cap ? ring->cap * 2 : 8;
    struct keyring_key *keys = ring->count < KEYRING_KEYS_MAX ? malloc(cap * sizeof *keys) : NULL;
    if (!keys)
        return err_at(error, "keyring",
                      ring->count < KEYRING_KEYS_MAX ? RAUM_ENOMEM : RAUM_ETOO_LARGE,
                      "no room for more than %u keys", ring->count);
    if (ring->keys) {
        memcpy(keys, ring->keys, ring->count * sizeof *keys);
        keyring_wipe(ring->keys, ring->cap * sizeof *keys);
        free(ring->keys);
    }
    ring->keys = keys;
    ring->cap = cap;
    return 0;
}

/* The same id with another secret is refused: one of the two would no longer open anything. */
static int add(struct keyring *ring, const struct keyring_key *key, struct raum_error *error)
{
    bool found;
    unsigned at = place_of(ring, key->id, &found);
    if (found)
        return memcmp(ring->keys[at].secret, key->secret, RAUM_KEY_BYTES) == 0
                   ? 0
                   : err_at(error, "keyring", RAUM_ECORRUPT, "two keys have the same id");
    int result = ring->count == ring->cap ? grow(ring, error) : 0;
    if (result < 0)
        return result;
    memmove(ring->keys + at + 1, ring->keys + at, (ring->count - at) * sizeof *ring->keys);
    ring->keys[at] = *key;
    ring->count++;
    return 0;
}

static void drop(struct keyring *ring, const unsigned char *id)
{
    bool found;
    unsigned at = place_of(ring, id, &found);
    if (!found)
        return;
    ring->count--;
    memmove(ring->keys + at, ring->keys + at + 1, (ring->count - at) * sizeof *ring->keys);
    keyring_wipe(ring->keys + ring->count, sizeof *ring->keys);
}

/* ---- the file ---- */

static int read_keys(struct keyring *ring, struct json_value keys, struct raum_error *error)
{
    if (!json_is(keys, JSON_OBJECT))
        return broken(ring, error);
    struct keyring_key key;
    int result = 0;
    for (struct json_value v = json_first(keys); v.doc && result == 0; v = json_next(keys, v)) {
        size_t id_len, len;
        const char *id = json_raw(json_key(v), &id_len), *secret = json_raw(v, &len);
        /* The source bytes with their quotes: neither has an escape when it is one of ours. */
        bool fine = json_is(v, JSON_STRING) && id_len >= 2 && len >= 2 &&
                    hex_read(key.id, sizeof key.id, id + 1, id_len - 2) &&
                    base64_read(key.secret, sizeof key.secret, secret + 1, len - 2);
        result = fine ? add(ring, &key, error) : broken(ring, error);
    }
    keyring_wipe(&key, sizeof key);
    return result;
}

/* The file says whether there is one, not what was known before. */
static int read_vault(struct keyring *ring, struct json_value v, struct raum_error *error)
{
    size_t len;
    const char *text = json_raw(v, &len);
    ring->vaulted = v.doc != NULL;
    if (!v.doc)
        return 0;
    bool fine = json_is(v, JSON_STRING) && len >= 2 &&
                base64_read(ring->vault, sizeof ring->vault, text + 1, len - 2);
    return fine ? 0 : broken(ring, error);
}

static bool read_base64(struct json_value v, struct buf *out)
{
    size_t len;
    const char *text = json_raw(v, &len);
    return json_is(v, JSON_STRING) && len >= 2 && base64_get(out, text + 1, len - 2);
}

static int read_text(struct keyring *ring, const char *text, size_t len, const char *passphrase,
                     bool inside, struct raum_error *error);

/* passphrase NULL: with the key that was stretched before, if the salt is still the same. */
static int read_wrapped(struct keyring *ring, struct json_value root, const char *passphrase,
                        struct raum_error *error)
{
    struct buf sealed, plain;
    unsigned char salt[sizeof ring->salt];
    size_t len;
    buf_init(&sealed, RING_BYTES_MAX);
    buf_init(&plain, RING_BYTES_MAX);
    struct json_value v = json_get(root, "salt");
    const char *text = json_raw(v, &len);
    int result = 0;
    if (!json_is(v, JSON_STRING) || len < 2 || !base64_read(salt, sizeof salt, text + 1, len - 2) ||
        !read_base64(json_get(root, "sealed"), &sealed) || sealed.len < SEALED_MIN) {
        result = broken(ring, error);
        goto out;
    }
    bool known = ring->wrapped && memcmp(salt, ring->salt, sizeof salt) == 0;
    if (!known && !passphrase) {
        result = err_at(error, "keyring", RAUM_ELOCKED, "the key ring has a passphrase");
        goto out;
    }
    if (!known)
        result =
            ring->env->stretch(ring->env->ctx, ring->wrap, passphrase, strlen(passphrase), salt);
    size_t inner = sealed.len - SEALED_MIN;
    char *room = result == 0 ? buf_room(&plain, inner) : NULL;
    if (!room) {
        result = err_set(error, RAUM_ENOMEM, NULL);
        goto out;
    }
    if (ring->env->aead_open(ring->env->ctx, (unsigned char *)room, sealed.data + RAUM_NONCE_BYTES,
                             sealed.len - RAUM_NONCE_BYTES, WRAP_AD, strlen(WRAP_AD),
                             (unsigned char *)sealed.data, ring->wrap) != 0) {
        result = err_at(error, "keyring", RAUM_ELOCKED, "this is not the key ring's passphrase");
        goto out;
    }
    memcpy(ring->salt, salt, sizeof salt);
    ring->wrapped = true;
    result = read_text(ring, room, inner, NULL, true, error);
out:
    wipe_buf(&plain);
    buf_release(&sealed);
    return result;
}

static int read_text(struct keyring *ring, const char *text, size_t len, const char *passphrase,
                     bool inside, struct raum_error *error)
{
    struct json_doc doc;
    int64_t version;
    json_init(&doc);
    int result = json_parse(&doc, text, len, 0, NULL);
    if (result == RAUM_ENOMEM) {
        err_set(error, result, NULL);
        goto out;
    }
    struct json_value root = json_root(&doc);
    if (result < 0 || !json_int(json_get(root, "version"), &version)) {
        result = broken(ring, error);
    } else if (version != 1) {
        result = err_at(error, "keyring", RAUM_ENEWER_DATABASE,
                        "%s was written by a newer version of Raum", ring->path);
    } else if (json_get(root, "sealed").doc && !inside) {
        result = read_wrapped(ring, root, passphrase, error);
    } else {
        if (!inside)
            ring->wrapped = false;
        result = read_keys(ring, json_get(root, "keys"), error);
        if (result == 0)
            result = read_vault(ring, json_get(root, "vault"), error);
    }
out:
    json_release(&doc);
    return result;
}

static int fail_file(struct keyring *ring, int code, const char *what, struct raum_error *error)
{
    return err_at(error, "keyring", code, "cannot %s %s: %s", what, ring->path,
                  raum_code_text(code));
}

/* Adds what the file holds to what is known. Absent: nothing. */
static int read_file(struct keyring *ring, const char *passphrase, struct raum_error *error)
{
    void *data = NULL;
    size_t len = 0;
    int64_t size = 0, modified = 0;
    const struct raum_env *env = ring->env;
    if (!ring->path)
        return 0;
    /* The time first: a write in between is seen as a change at the next look. */
    int result = env->file_size(env->ctx, ring->path, &size, &modified);
    if (result == 0)
        result = env->file_read(env->ctx, ring->path, RING_BYTES_MAX, &data, &len);
    if (result == RAUM_ENOT_FOUND)
        return 0;
    if (result < 0)
        return fail_file(ring, result, "read", error);
    result = read_text(ring, data, len, passphrase, false, error);
    keyring_wipe(data, len);
    free(data);
    if (result < 0)
        return result;
    ring->modified_ms = modified;
    ring->size = size;
    return 0;
}

static void put_keys(const struct keyring *ring, struct buf *out)
{
    struct json_writer w;
    struct buf secret;
    char id[2 * KEYRING_ID_BYTES + 1];
    buf_init(&secret, 64);
    json_begin(&w, out);
    json_open_object(&w);
    json_put_key(&w, "version");
    json_put_int(&w, 1);
    json_put_key(&w, "keys");
    json_open_object(&w);
    for (unsigned i = 0; i < ring->count; i++) {
        hex_put(id, ring->keys[i].id, KEYRING_ID_BYTES);
        buf_reset(&secret);
        base64_put(&secret, ring->keys[i].secret, RAUM_KEY_BYTES);
        json_put_key(&w, id);
        json_put_text(&w, buf_text(&secret), secret.len);
    }
    json_close_object(&w);
    if (ring->vaulted) {
        buf_reset(&secret);
        base64_put(&secret, ring->vault, sizeof ring->vault);
        json_put_key(&w, "vault");
        json_put_text(&w, buf_text(&secret), secret.len);
    }
    json_close_object(&w);
    if (secret.error)
        out->error = secret.error;
    wipe_buf(&secret);
}

static void put_wrapped(const struct keyring *ring, const struct buf *plain, struct buf *out)
{
    struct buf sealed, text;
    struct json_writer w;
    buf_init(&sealed, RING_BYTES_MAX);
    buf_init(&text, RING_BYTES_MAX);
    char *room = buf_room(&sealed, plain->len + SEALED_MIN);
    if (room) {
        unsigned char *nonce = (unsigned char *)room;
        ring->env->random(ring->env->ctx, nonce, RAUM_NONCE_BYTES);
        ring->env->aead_seal(ring->env->ctx, nonce + RAUM_NONCE_BYTES, plain->data, plain->len,
                             WRAP_AD, strlen(WRAP_AD), nonce, ring->wrap);
        sealed.len = plain->len + SEALED_MIN;
    }
    json_begin(&w, out);
    json_open_object(&w);
    json_put_key(&w, "version");
    json_put_int(&w, 1);
    json_put_key(&w, "salt");
    base64_put(&text, ring->salt, sizeof ring->salt);
    json_put_text(&w, buf_text(&text), text.len);
    buf_reset(&text);
    json_put_key(&w, "sealed");
    base64_put(&text, sealed.data, sealed.len);
    json_put_text(&w, buf_text(&text), text.len);
    json_close_object(&w);
    if (sealed.error || text.error)
        out->error = sealed.error ? sealed.error : text.error;
    buf_release(&sealed);
    buf_release(&text);
}

static int write_file(struct keyring *ring, struct raum_error *error)
{
    struct buf plain, wrapped;
    const struct raum_env *env = ring->env;
    if (!ring->path)
        return 0;
    buf_init(&plain, RING_BYTES_MAX);
    buf_init(&wrapped, RING_BYTES_MAX);
    /* All at once, so that no growing leaves copies behind. */
    if (buf_room(&plain, 64 + KEY_JSON + (size_t)ring->count * KEY_JSON))
        put_keys(ring, &plain);
    if (ring->wrapped && !plain.error)
        put_wrapped(ring, &plain, &wrapped);
    const struct buf *out = ring->wrapped ? &wrapped : &plain;
    int result = buf_error(&plain, error);
    if (result == 0)
        result = buf_error(out, error);
    if (result == 0) {
        result = env->file_write(env->ctx, ring->path, out->data, out->len, 0600);
        if (result < 0)
            fail_file(ring, result, "write", error);
        else if (env->file_size(env->ctx, ring->path, &ring->size, &ring->modified_ms) < 0)
            ring->size = -1; /* looked at anew next time */
    }
    wipe_buf(&plain);
    buf_release(&wrapped);
    return result;
}

/* ---- the ring ---- */

int keyring_open(struct keyring **out, const struct raum_env *env, const char *path,
                 const char *passphrase, struct raum_error *error)
{
    struct keyring *ring = calloc(1, sizeof *ring);
    size_t len = path ? strlen(path) + 1 : 0;
    char *copy = path ? malloc(len) : NULL;
    if (!ring || (path && !copy)) {
        free(ring);
        free(copy);
        return err_set(error, RAUM_ENOMEM, NULL);
    }
    ring->env = env;
    ring->path = path ? memcpy(copy, path, len) : NULL;
    ring->size = -1;
    int result = read_file(ring, passphrase, error);
    if (result < 0) {
        keyring_close(ring);
        return result;
    }
    *out = ring;
    return 0;
}

void keyring_close(struct keyring *ring)
{
    if (!ring)
        return;
    if (ring->keys)
        keyring_wipe(ring->keys, ring->cap * sizeof *ring->keys);
    free(ring->keys);
    free(ring->path);
    keyring_wipe(ring, sizeof *ring);
    free(ring);
}

const unsigned char *keyring_find(struct keyring *ring, const unsigned char id[KEYRING_ID_BYTES])
{
    bool found;
    int64_t size, modified;
    unsigned at = place_of(ring, id, &found);
    if (!found && ring->path &&
        ring->env->file_size(ring->env->ctx, ring->path, &size, &modified) == 0 &&
        (size != ring->size || modified != ring->modified_ms) && read_file(ring, NULL, NULL) == 0)
        at = place_of(ring, id, &found);
    return found ? ring->keys[at].secret : NULL;
}

int keyring_add(struct keyring *ring, unsigned char id[KEYRING_ID_BYTES], struct raum_error *error)
{
    struct keyring_key key;
    bool found;
    int result = read_file(ring, NULL, error);
    if (result < 0)
        return result;
    do {
        ring->env->random(ring->env->ctx, key.id, sizeof key.id);
        place_of(ring, key.id, &found);
    } while (found);
    ring->env->random(ring->env->ctx, key.secret, sizeof key.secret);
    result = add(ring, &key, error);
    if (result == 0) {
        result = write_file(ring, error);
        if (result < 0)
            drop(ring, key.id);
    }
    if (result == 0)
        memcpy(id, key.id, sizeof key.id);
    keyring_wipe(&key, sizeof key);
    return result;
}

int keyring_put(struct keyring *ring, const struct keyring_key *keys, unsigned count,
                struct raum_error *error)
{
    int result = read_file(ring, NULL, error);
    for (unsigned i = 0; i < count && result == 0; i++)
        result = add(ring, &keys[i], error);
    return result == 0 ? write_file(ring, error) : result;
}

int keyring_passphrase(struct keyring *ring, const char *passphrase, struct raum_error *error)
{
    const struct raum_env *env = ring->env;
    unsigned char wrap[RAUM_KEY_BYTES], salt[sizeof ring->salt];
    bool wrapped = ring->wrapped;
    int result = read_file(ring, NULL, error);
    if (result < 0)
        return result;
    memcpy(wrap, ring->wrap, sizeof wrap);
    memcpy(salt, ring->salt, sizeof salt);
    if (passphrase) {
        env->random(env->ctx, ring->salt, sizeof ring->salt);
        result = env->stretch(env->ctx, ring->wrap, passphrase, strlen(passphrase), ring->salt);
    }
    if (result < 0)
        err_set(error, result, NULL);
    ring->wrapped = passphrase != NULL;
    if (result == 0)
        result = write_file(ring, error);
    if (result < 0) {
        ring->wrapped = wrapped;
        memcpy(ring->wrap, wrap, sizeof wrap);
        memcpy(ring->salt, salt, sizeof salt);
    }
    keyring_wipe(wrap, sizeof wrap);
    return result;
}

int keyring_vault(struct keyring *ring, const unsigned char *key, struct raum_error *error)
{
    unsigned char before[RAUM_KEY_BYTES];
    int result = read_file(ring, NULL, error);
    if (result < 0)
        return result;
    bool vaulted = ring->vaulted;
    memcpy(before, ring->vault, sizeof before);
    ring->vaulted = key != NULL;
    if (key)
        memcpy(ring->vault, key, sizeof ring->vault);
    result = write_file(ring, error);
    if (result < 0) {
        ring->vaulted = vaulted;
        memcpy(ring->vault, before, sizeof before);
    }
    keyring_wipe(before, sizeof before);
    return result;
}
