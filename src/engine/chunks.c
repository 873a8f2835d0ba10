#include "engine/chunks.h"

#include <string.h>

#define LAST 0x80000000u

static void put_nonce(unsigned char nonce[RAUM_NONCE_BYTES], uint64_t number, bool last)
{
    memset(nonce, 0, RAUM_NONCE_BYTES);
    for (int i = 0; i < 8; i++)
        nonce[i] = (unsigned char)(number >> (8 * i));
    nonce[8] = last;
}

/* ---- writing ---- */

void chunks_write(struct chunks_writer *w, const struct raum_env *env,
                  const unsigned char key[RAUM_KEY_BYTES],
                  const unsigned char head[RAUM_HASH_BYTES], const struct chunks_sink *sink)
{
    w->env = env;
    w->sink = sink;
    w->number = 0;
    w->len = 0;
    memcpy(w->key, key, sizeof w->key);
    memcpy(w->head, head, sizeof w->head);
}

static int put_chunk(struct chunks_writer *w, bool last, struct raum_error *error)
{
    unsigned char nonce[RAUM_NONCE_BYTES];
    uint32_t len = (uint32_t)(w->len + RAUM_TAG_BYTES), word = len | (last ? LAST : 0);
    put_nonce(nonce, w->number++, last);
    for (int i = 0; i < 4; i++)
        w->sealed[i] = (unsigned char)(word >> (8 * i));
    w->env->aead_seal(w->env->ctx, w->sealed + 4, w->text, w->len, w->head, sizeof w->head, nonce,
                      w->key);
    w->len = 0;
    return w->sink->write(w->sink->ctx, w->sealed, 4 + len, error);
}

int chunks_add(struct chunks_writer *w, const void *data, size_t len, struct raum_error *error)
{
    const unsigned char *from = data;
    while (len > 0) {
        size_t take = CHUNK_BYTES - w->len < len ? CHUNK_BYTES - w->len : len;
        memcpy(w->text + w->len, from, take);
        w->len += take;
        from += take;
        len -= take;
        int result = w->len == CHUNK_BYTES ? put_chunk(w, false, error) : 0;
        if (result < 0)
            return result;
    }
    return 0;
}

int chunks_finish(struct chunks_writer *w, struct raum_error *error)
{
    return put_chunk(w, true, error);
}

/* ---- reading ---- */

void chunks_read(struct chunks_reader *r, const struct raum_env *env,
                 const unsigned char key[RAUM_KEY_BYTES], const unsigned char head[RAUM_HASH_BYTES],
                 const struct chunks_source *source)
{
    r->env = env;
    r->source = source;
    r->number = 0;
    r->len = r->at = 0;
    r->last = false;
    memcpy(r->key, key, sizeof r->key);
    memcpy(r->head, head, sizeof r->head);
}

static int damaged(struct raum_error *error)
{
    return err_at(error, "chunks", RAUM_ECORRUPT, "the file is damaged or cut off");
}

static int read_exactly(struct chunks_reader *r, unsigned char *data, size_t len,
                        struct raum_error *error)
{
    while (len > 0) {
        int64_t got = r->source->read(r->source->ctx, data, len);
        if (got < 0)
            return err_set(error, (int)got, NULL);
        if (got == 0 || (uint64_t)got > len)
            return damaged(error);
        data += got;
        len -= (size_t)got;
    }
    return 0;
}

static int next_chunk(struct chunks_reader *r, struct raum_error *error)
{
    unsigned char nonce[RAUM_NONCE_BYTES], word[4];
    int result = r->last ? damaged(error) : read_exactly(r, word, sizeof word, error);
    if (result < 0)
        return result;
    uint32_t len = (uint32_t)word[0] | (uint32_t)word[1] << 8 | (uint32_t)word[2] << 16 |
                   (uint32_t)word[3] << 24;
    r->last = (len & LAST) != 0;
    len &= ~LAST;
    if (len < RAUM_TAG_BYTES || len > sizeof r->sealed)
        return damaged(error);
    result = read_exactly(r, r->sealed, len, error);
    if (result < 0)
        return result;
    put_nonce(nonce, r->number++, r->last);
    if (r->env->aead_open(r->env->ctx, r->text, r->sealed, len, r->head, sizeof r->head, nonce,
                          r->key) != 0)
        return damaged(error);
    r->len = len - RAUM_TAG_BYTES;
    r->at = 0;
    return 0;
}

int chunks_get(struct chunks_reader *r, void *data, size_t len, struct raum_error *error)
{
    unsigned char *to = data;
    while (len > 0) {
        if (r->at == r->len) {
            int result = next_chunk(r, error);
            if (result < 0)
                return result;
        }
        size_t take = r->len - r->at < len ? r->len - r->at : len;
        memcpy(to, r->text + r->at, take);
        r->at += take;
        to += take;
        len -= take;
    }
    return 0;
}

int chunks_end(struct chunks_reader *r, struct raum_error *error)
{
    unsigned char more;
    while (r->at == r->len && !r->last) {
        int result = next_chunk(r, error);
        if (result < 0)
            return result;
    }
    int64_t got = r->at == r->len ? r->source->read(r->source->ctx, &more, 1) : 1;
    return got < 0 ? err_set(error, (int)got, NULL) : got > 0 ? damaged(error) : 0;
}
