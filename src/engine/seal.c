#include "engine/seal.h"

#include "base/base64.h"
#include "base/clock.h"
#include <stdlib.h>
#include <string.h>

/* A sealed value: byte offsets at rest. */
#define AT_KEY 1
#define AT_NONCE (AT_KEY + KEYRING_ID_BYTES)
#define AT_TEXT (AT_NONCE + RAUM_NONCE_BYTES)
#define VERSION 1

#define AD_MAX 1024      /* names and id of one place */
#define HASH_INLINE 4096 /* place and text that are hashed without asking for memory */
#define SLOTS 4096       /* power of two */
#define MEMO_BYTES (1u << 20)
#define MEMO_VALUE_MAX 8192 /* a larger value is opened each time */
#define FILE_PURPOSE_MAX 64
#define FILE_VERSION 1

/* What is derived from a secret, and whose partition the key is. */
struct seal_key {
    unsigned char id[KEYRING_ID_BYTES];
    unsigned char aead[RAUM_KEY_BYTES], nonce[RAUM_KEY_BYTES];
    uint32_t space;  /* 0: the table keys does not name it */
    uint64_t serial; /* age of `space` */
    int64_t seen;
};

/* One opened value in the memo: place, sealed bytes and text stand behind each other at `at`. It
 * answers only for the very same bytes in the very same place, so it opens nothing that the key
 * would not (G-K2). */
struct seal_memo {
    uint64_t at; /* position in the endless stream of which the ring keeps the last MEMO_BYTES; 0:
                    none */
    uint32_t place_len, sealed_len, text_len;
};

struct seal_cache {
    struct seal_key *keys; /* sorted by id */
    unsigned count, cap, last;
    struct db_stmt whose, current;
    /* seal_key's answer in this transaction */
    uint32_t space;
    uint64_t serial;
    unsigned char id[KEYRING_ID_BYTES];
    struct seal_memo slots[SLOTS];
    uint64_t head; /* end of the stream; starts at MEMO_BYTES */
    unsigned char *ring;
};

/* ---- the place ---- */

struct ad {
    unsigned char bytes[AD_MAX];
    size_t len;
};

static bool ad_part(struct ad *ad, const char *text, size_t len)
{
    if (len > 0xffff || len + 2 > AD_MAX - ad->len)
        return false;
    ad->bytes[ad->len++] = (unsigned char)(len >> 8);
    ad->bytes[ad->len++] = (unsigned char)len;
    memcpy(ad->bytes + ad->len, text, len);
    ad->len += len;
    return true;
}

/* key id | app | table | row | field, each text behind its length: no two places have the same
 * bytes. */
static bool ad_make(struct ad *ad, const unsigned char *key, const struct seal_place *p)
{
    memcpy(ad->bytes, key, KEYRING_ID_BYTES);
    ad->len = KEYRING_ID_BYTES;
    return ad_part(ad, p->app, strlen(p->app)) && ad_part(ad, p->table, strlen(p->table)) &&
           ad_part(ad, p->row, p->row_len) && ad_part(ad, p->field, strlen(p->field));
}

static int fail_place(struct raum_error *error)
{
    return err_at(error, "seal", RAUM_ETOO_LARGE, "the names of a sealed value are too long");
}

/* ---- keys ---- */

static struct seal_cache *cache_of(struct raum *r, struct raum_error *error)
{
    if (r->seals)
        return r->seals;
    struct seal_cache *cache = calloc(1, sizeof *cache);
    unsigned char *ring = malloc(MEMO_BYTES);
    if (!cache || !ring) {
        free(cache);
        free(ring);
        err_set(error, RAUM_ENOMEM, NULL);
        return NULL;
    }
    cache->ring = ring;
    cache->head = MEMO_BYTES;
    r->seals = cache;
    return cache;
}

void seal_release(struct raum *r)
{
    struct seal_cache *cache = r->seals;
    if (!cache)
        return;
    db_finish(&cache->whose);
    db_finish(&cache->current);
    if (cache->keys)
        keyring_wipe(cache->keys, cache->cap * sizeof *cache->keys);
    keyring_wipe(cache->ring, MEMO_BYTES);
    free(cache->keys);
    free(cache->ring);
    free(cache);
    r->seals = NULL;
}

/* `purpose` and NUL are the hashed text. */
static void derive(const struct raum_env *env, const unsigned char *secret, const char *purpose,
                   unsigned char out[RAUM_KEY_BYTES])
{
    env->hash(env->ctx, out, RAUM_KEY_BYTES, purpose, strlen(purpose) + 1, secret);
}

static int read_whose(struct raum *r, struct seal_key *key, struct raum_error *error)
{
    struct db_stmt *s = &r->seals->whose;
    int result = 0;
    if (!s->stmt)
        result =
            db_prepare(r->db, s, &db_grant_own, "SELECT space FROM keys WHERE key_id = ?1", error);
    if (result < 0)
        return result;
    db_bind_blob(s, 1, key->id, sizeof key->id);
    result = db_step(s, error);
    if (result >= 0) {
        key->space = result == 0 ? (uint32_t)db_int(s, 0) : 0;
        key->serial = r->serial;
        key->seen = r->seen_version;
    }
    db_reset(s);
    return result < 0 ? result : 0;
}

static int grow_keys(struct seal_cache *cache, struct raum_error *error)
{
    unsigned cap = cache->cap ? cache->cap * 2 : 8;
    struct seal_key *keys = malloc(cap * sizeof *keys);
    if (!keys) {
        err_set(error, RAUM_ENOMEM, NULL);
        return RAUM_ENOMEM;
    }
    if (cache->keys) {
        memcpy(keys, cache->keys, cache->count * sizeof *keys);
        keyring_wipe(cache->keys, cache->cap * sizeof *keys);
        free(cache->keys);
    }
    cache->keys = keys;
    cache->cap = cap;
    return 0;
}

static int add_key(struct raum *r, unsigned at, const unsigned char *id, struct raum_error *error)
{
    struct seal_cache *cache = r->seals;
    const unsigned char *secret = keyring_find(r->ring, id);
    char text[2 * KEYRING_ID_BYTES + 1];
    if (!secret) {
        hex_put(text, id, KEYRING_ID_BYTES);
        err_at(error, "seal", RAUM_EKEY_MISSING, "the key %s is not on this device", text);
        return RAUM_EKEY_MISSING;
    }
    struct seal_key key = {.serial = UINT64_MAX};
    int result = cache->count == cache->cap ? grow_keys(cache, error) : 0;
    if (result < 0)
        return result;
    memcpy(key.id, id, sizeof key.id);
    derive(r->env, secret, "raum value", key.aead);
    derive(r->env, secret, "raum nonce", key.nonce);
    memmove(cache->keys + at + 1, cache->keys + at, (cache->count - at) * sizeof key);
    cache->keys[at] = key;
    cache->count++;
    keyring_wipe(&key, sizeof key);
    return 0;
}

/* The derived keys of an id; *out is lent until the next call. */
static int find_key(struct raum *r, const unsigned char *id, struct seal_key **out,
                    struct raum_error *error)
{
    struct seal_cache *cache = r->seals;
    unsigned low = 0, high = cache->count;
    if (cache->last < high && memcmp(cache->keys[cache->last].id, id, KEYRING_ID_BYTES) == 0) {
        *out = &cache->keys[cache->last];
        return 0;
    }
    int order = 1;
    while (low < high && order != 0) {
        unsigned middle = (low + high) / 2;
        order = memcmp(cache->keys[middle].id, id, KEYRING_ID_BYTES);
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    if (order == 0)
        low = high;
    int result = order == 0 ? 0 : add_key(r, low, id, error);
    if (result)
        return result;
    cache->last = low;
    *out = &cache->keys[low];
    return 0;
}

static int check_partition(struct raum *r, struct seal_key *key, uint32_t space,
                           struct raum_error *error)
{
    if (key->serial != r->serial || key->seen != r->seen_version) {
        int result = read_whose(r, key, error);
        if (result < 0)
            return result;
    }
    if (key->space == space)
        return 0;
    return key->space
               ? err_at(error, "seal", RAUM_ECORRUPT, "a value is sealed for another space")
               : err_at(error, "seal", RAUM_EKEY_MISSING, "a value has a key of no space here");
}

static int make_key(struct raum *r, uint32_t space, int64_t made_ms, unsigned char *id,
                    struct raum_error *error)
{
    struct db_stmt s;
    char made[CLOCK_TEXT];
    int result = keyring_add(r->ring, id, error);
    if (result < 0)
        return result;
    result = db_prepare(r->db, &s, &db_grant_own,
                        "INSERT INTO keys (key_id, space, made) VALUES (?1, ?2, ?3)", error);
    if (result == 0) {
        clock_format_ms(made_ms, made);
        db_bind_blob(&s, 1, id, KEYRING_ID_BYTES);
        db_bind_int(&s, 2, space);
        db_bind_str(&s, 3, made);
        result = db_run(&s, error);
    }
    db_finish(&s);
    return result;
}

/* There are two when two partitions became one: the newest then, the same on each look. With a
 * vault, a key counts once its copy has arrived there, and never retires: the newest is the same on
 * every device. */
static int read_current(struct raum *r, uint32_t space, unsigned char *id, struct raum_error *error)
{
    struct db_stmt *s = &r->seals->current;
    int result = 0;
    size_t len;
    if (!s->stmt)
        result = db_prepare(r->db, s, &db_grant_own,
                            "SELECT key_id FROM keys WHERE space = ?1 AND CASE WHEN "
                            "EXISTS (SELECT 1 FROM meta WHERE key = '" SEAL_VAULT "') "
                            "THEN acked = 1 ELSE retired IS NULL END "
                            "ORDER BY made DESC, key_id LIMIT 1",
                            error);
    if (result < 0)
        return result;
    db_bind_int(s, 1, space);
    result = db_step(s, error);
    if (result == 0) {
        const void *bytes = db_blob(s, 0, &len);
        if (bytes && len == KEYRING_ID_BYTES)
            memcpy(id, bytes, len);
        else
            result = err_at(error, "seal", RAUM_ECORRUPT, "a key has no proper id");
    }
    db_reset(s);
    return result;
}

int seal_vaulted(struct raum *r, bool *vaulted, struct raum_error *error)
{
    int64_t count = 0;
    int result = db_query_int(r->db, "SELECT count(*) FROM meta WHERE key = '" SEAL_VAULT "'",
                              &count, error);
    *vaulted = count > 0;
    return result;
}

/* A copy may be the only way back: nothing is sealed with a key that only this device has. */
static int first_key(struct raum *r, uint32_t space, unsigned char *id, struct raum_error *error)
{
    bool vaulted;
    int result = seal_vaulted(r, &vaulted, error);
    if (result == 0 && vaulted)
        return err_at(error, "seal", RAUM_EKEY_MISSING,
                      "no key of this space has its copy on the server yet: connect once");
    return result ? result : make_key(r, space, r->env->now_ms(r->env->ctx), id, error);
}

int seal_key(struct raum *r, uint32_t space, unsigned char id[KEYRING_ID_BYTES],
             struct raum_error *error)
{
    struct seal_cache *cache = cache_of(r, error);
    if (!cache)
        return RAUM_ENOMEM;
    if (cache->space == space && space && cache->serial == r->serial) {
        memcpy(id, cache->id, KEYRING_ID_BYTES);
        return 0;
    }
    int result = read_current(r, space, id, error);
    if (result == RAUM_END)
        result = first_key(r, space, id, error);
    if (result < 0)
        return result;
    memcpy(cache->id, id, KEYRING_ID_BYTES);
    cache->space = space;
    cache->serial = r->serial;
    return 0;
}

/* The latest time of a key of the partition (-1: none), and whether one waits for its copy. */
static int look_at_keys(struct raum *r, uint32_t space, int64_t *newest, bool *waiting,
                        struct raum_error *error)
{
    struct db_stmt s;
    int64_t ms;
    *newest = -1;
    *waiting = false;
    int result = db_prepare(r->db, &s, &db_grant_own,
                            "SELECT made, acked FROM keys WHERE space = ?1", error);
    if (result == 0)
        db_bind_int(&s, 1, space);
    while (result == 0 && (result = db_step(&s, error)) == 0) {
        size_t len;
        const char *text = db_text(&s, 0, &len);
        *waiting |= db_int(&s, 1) == 0;
        if (text && clock_parse_ms(text, len, &ms) == 0 && ms > *newest)
            *newest = ms;
    }
    db_finish(&s);
    return result < 0 ? result : 0;
}

int seal_add(struct raum *r, uint32_t space, struct raum_error *error)
{
    unsigned char id[KEYRING_ID_BYTES];
    int64_t newest;
    bool waiting;
    int result = look_at_keys(r, space, &newest, &waiting, error);
    int64_t now = r->env->now_ms(r->env->ctx);
    return result ? result : make_key(r, space, newest < now ? now : newest + 1, id, error);
}

/* One at a time: whoever asks twice before the copy has arrived gets one new key. */
static int add_waiting(struct raum *r, uint32_t space, struct raum_error *error)
{
    int64_t newest;
    bool waiting;
    int result = look_at_keys(r, space, &newest, &waiting, error);
    return result || waiting ? result : seal_add(r, space, error);
}

static int retire(struct raum *r, uint32_t space, struct raum_error *error)
{
    struct db_stmt s;
    char now[CLOCK_TEXT];
    int result =
        db_prepare(r->db, &s, &db_grant_own,
                   "UPDATE keys SET retired = ?2 WHERE space = ?1 AND retired IS NULL", error);
    if (result == 0) {
        clock_format_ms(r->env->now_ms(r->env->ctx), now);
        db_bind_int(&s, 1, space);
        db_bind_str(&s, 2, now);
        result = db_run(&s, error);
    }
    db_finish(&s);
    return result;
}

int seal_rotate(struct raum *r, uint32_t space, struct raum_error *error)
{
    bool vaulted;
    int result = seal_vaulted(r, &vaulted, error);
    if (result == 0)
        result = vaulted ? add_waiting(r, space, error) : retire(r, space, error);
    seal_forget(r);
    return result;
}

void seal_forget(struct raum *r)
{
    if (r->seals)
        r->seals->space = 0;
}

/* ---- sealing ---- */

static int make_nonce(struct raum *r, const struct seal_key *key, const struct ad *ad,
                      const void *text, size_t len, unsigned char nonce[RAUM_NONCE_BYTES],
                      struct raum_error *error)
{
    unsigned char inlined[HASH_INLINE], *bytes = inlined;
    size_t total = ad->len + len;
    if (total > sizeof inlined)
        bytes = malloc(total);
    if (!bytes)
        return err_set(error, RAUM_ENOMEM, NULL);
    memcpy(bytes, ad->bytes, ad->len);
    if (len)
        memcpy(bytes + ad->len, text, len);
    r->env->hash(r->env->ctx, nonce, RAUM_NONCE_BYTES, bytes, total, key->nonce);
    keyring_wipe(bytes, total);
    if (bytes != inlined)
        free(bytes);
    return 0;
}

int seal_value(struct raum *r, uint32_t space, const struct seal_place *place, const void *text,
               size_t len, struct buf *out, struct raum_error *error)
{
    unsigned char id[KEYRING_ID_BYTES];
    struct seal_key *key;
    struct ad ad;
    int result = seal_key(r, space, id, error);
    if (result == 0)
        result = find_key(r, id, &key, error);
    if (result < 0)
        return result;
    if (!ad_make(&ad, id, place))
        return fail_place(error);
    unsigned char *at = (unsigned char *)buf_room(out, len + SEAL_OVERHEAD);
    if (!at)
        return buf_error(out, error);
    at[0] = VERSION;
    memcpy(at + AT_KEY, id, KEYRING_ID_BYTES);
    result = make_nonce(r, key, &ad, text, len, at + AT_NONCE, error);
    if (result < 0)
        return result;
    r->env->aead_seal(r->env->ctx, at + AT_TEXT, text, len, ad.bytes, ad.len, at + AT_NONCE,
                      key->aead);
    out->len += len + SEAL_OVERHEAD;
    out->data[out->len] = '\0';
    return 0;
}

/* ---- opening ---- */

static struct seal_memo *memo_slot(struct seal_cache *cache, const unsigned char *sealed)
{
    uint32_t hash;
    memcpy(&hash, sealed + AT_NONCE, sizeof hash); /* a hash already */
    return &cache->slots[hash & (SLOTS - 1)];
}

static const unsigned char *memo_find(const struct seal_cache *cache, const struct seal_memo *m,
                                      const struct ad *ad, const void *sealed, size_t len)
{
    if (m->at + MEMO_BYTES < cache->head || m->place_len != ad->len || m->sealed_len != len)
        return NULL;
    const unsigned char *bytes = cache->ring + m->at % MEMO_BYTES;
    if (memcmp(bytes, ad->bytes, ad->len) != 0 || memcmp(bytes + ad->len, sealed, len) != 0)
        return NULL;
    return bytes + ad->len + len;
}

static void memo_keep(struct seal_cache *cache, struct seal_memo *m, const struct ad *ad,
                      const void *sealed, size_t len, const char *text)
{
    size_t text_len = len - SEAL_OVERHEAD, total = ad->len + len + text_len;
    if (len > MEMO_VALUE_MAX)
        return;
    if (cache->head % MEMO_BYTES + total > MEMO_BYTES) /* from the start of the ring */
        cache->head += MEMO_BYTES - cache->head % MEMO_BYTES;
    unsigned char *bytes = cache->ring + cache->head % MEMO_BYTES;
    memcpy(bytes, ad->bytes, ad->len);
    memcpy(bytes + ad->len, sealed, len);
    memcpy(bytes + ad->len + len, text, text_len);
    *m = (struct seal_memo){.at = cache->head,
                            .place_len = (uint32_t)ad->len,
                            .sealed_len = (uint32_t)len,
                            .text_len = (uint32_t)text_len};
    cache->head += total;
}

int seal_open(struct raum *r, const struct seal_place *place, const void *data, size_t len,
              struct buf *out, struct raum_error *error)
{
    const unsigned char *sealed = data;
    struct seal_key *key = NULL;
    struct ad ad;
    struct seal_cache *cache = cache_of(r, error);
    if (!cache)
        return RAUM_ENOMEM;
    if (len < SEAL_OVERHEAD || sealed[0] != VERSION)
        return err_at(error, "seal", RAUM_ECORRUPT, "this is no sealed value");
    int result = find_key(r, sealed + AT_KEY, &key, error);
    if (result == 0 && place->space)
        result = check_partition(r, key, place->space, error);
    if (result < 0)
        return result;
    if (!ad_make(&ad, sealed + AT_KEY, place))
        return fail_place(error);
    size_t text_len = len - SEAL_OVERHEAD;
    char *text = buf_room(out, text_len);
    if (!text)
        return buf_error(out, error);
    struct seal_memo *memo = memo_slot(cache, sealed);
    const unsigned char *known = memo_find(cache, memo, &ad, data, len);
    if (known) {
        memcpy(text, known, text_len);
    } else {
        if (r->env->aead_open(r->env->ctx, (unsigned char *)text, sealed + AT_TEXT, len - AT_TEXT,
                              ad.bytes, ad.len, sealed + AT_NONCE, key->aead) != 0) {
            out->data[out->len] = '\0';
            return err_at(error, "seal", RAUM_ECORRUPT,
                          "a sealed value does not open in its place");
        }
        memo_keep(cache, memo, &ad, data, len, text);
    }
    out->len += text_len;
    out->data[out->len] = '\0';
    return 0;
}

/* ---- the two spellings ---- */

int seal_to_text(const void *data, size_t len, struct buf *out, struct raum_error *error)
{
    const unsigned char *sealed = data;
    char id[2 * KEYRING_ID_BYTES + 1];
    if (len < SEAL_OVERHEAD || sealed[0] != VERSION)
        return err_at(error, "seal", RAUM_ECORRUPT, "this is no sealed value");
    hex_put(id, sealed + AT_KEY, KEYRING_ID_BYTES);
    buf_printf(out, SEAL_PREFIX "%s:", id);
    base64_put(out, sealed + AT_NONCE, len - AT_NONCE);
    return buf_error(out, error);
}

int seal_from_text(const char *text, size_t len, struct buf *out, struct raum_error *error)
{
    const size_t prefix = sizeof SEAL_PREFIX - 1, head = prefix + 2 * KEYRING_ID_BYTES + 1;
    unsigned char start[AT_NONCE] = {VERSION};
    bool fine = len > head && memcmp(text, SEAL_PREFIX, prefix) == 0 && text[head - 1] == ':' &&
                hex_read(start + AT_KEY, KEYRING_ID_BYTES, text + prefix, 2 * KEYRING_ID_BYTES);
    size_t before = out->len;
    if (fine) {
        buf_add(out, start, sizeof start);
        fine = base64_get(out, text + head, len - head) && out->len - before >= SEAL_OVERHEAD;
    }
    int result = buf_error(out, error);
    if (result == 0 && !fine) {
        out->len = before;
        result = err_at(error, "seal", RAUM_EBAD_CHANGE, "this is no sealed value");
    }
    return result;
}

/* ---- whole files ---- */

static size_t file_head(const char *purpose, unsigned char head[FILE_PURPOSE_MAX])
{
    size_t len = strlen(purpose);
    if (len > FILE_PURPOSE_MAX - 2)
        len = FILE_PURPOSE_MAX - 2;
    head[0] = FILE_VERSION;
    head[1] = (unsigned char)len;
    memcpy(head + 2, purpose, len);
    return len + 2;
}

int seal_bytes(const struct raum_env *env, const unsigned char key[RAUM_KEY_BYTES],
               const char *purpose, const void *data, size_t len, struct buf *out,
               struct raum_error *error)
{
    unsigned char own[RAUM_KEY_BYTES], head[FILE_PURPOSE_MAX];
    size_t head_len = file_head(purpose, head);
    unsigned char *at = (unsigned char *)buf_room(out, 1 + RAUM_NONCE_BYTES + len + RAUM_TAG_BYTES);
    if (!at)
        return buf_error(out, error);
    derive(env, key, purpose, own);
    at[0] = FILE_VERSION;
    env->random(env->ctx, at + 1, RAUM_NONCE_BYTES);
    env->aead_seal(env->ctx, at + 1 + RAUM_NONCE_BYTES, data, len, head, head_len, at + 1, own);
    keyring_wipe(own, sizeof own);
    out->len += 1 + RAUM_NONCE_BYTES + len + RAUM_TAG_BYTES;
    out->data[out->len] = '\0';
    return 0;
}

int open_bytes(const struct raum_env *env, const unsigned char key[RAUM_KEY_BYTES],
               const char *purpose, const void *data, size_t len, struct buf *out,
               struct raum_error *error)
{
    const unsigned char *sealed = data;
    const size_t before = 1 + RAUM_NONCE_BYTES;
    unsigned char own[RAUM_KEY_BYTES], head[FILE_PURPOSE_MAX];
    if (len < before + RAUM_TAG_BYTES || sealed[0] != FILE_VERSION)
        return err_at(error, "seal", RAUM_ECORRUPT, "this is nothing that was sealed here");
    size_t text_len = len - before - RAUM_TAG_BYTES, head_len = file_head(purpose, head);
    unsigned char *at = (unsigned char *)buf_room(out, text_len);
    if (!at)
        return buf_error(out, error);
    derive(env, key, purpose, own);
    int fine = env->aead_open(env->ctx, at, sealed + before, len - before, head, head_len,
                              sealed + 1, own);
    keyring_wipe(own, sizeof own);
    if (fine != 0)
        return err_at(error, "seal", RAUM_ECORRUPT,
                      "sealed bytes do not open: damaged, or another key");
    out->len += text_len;
    out->data[out->len] = '\0';
    return 0;
}
