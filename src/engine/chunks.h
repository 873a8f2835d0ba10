/* A stream sealed in chunks, as backups are: each chunk is bound to its place and to the head of
 * the file, the last one is marked, so that nothing can be cut off, moved or put in (G-O4).
 *
 *     chunk   length of what follows: 4 bytes little endian, bit 31: the last | ciphertext and tag
 *     nonce   number of the chunk: 8 bytes little endian | 1 for the last, else 0 | zeros
 *
 * The key must be fresh for each stream: then no nonce can come twice. Knows neither files nor what
 * is inside. */
#ifndef ENGINE_CHUNKS_H
#define ENGINE_CHUNKS_H

#include "base/err.h"
#include <raum/env.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CHUNK_BYTES ((size_t)65536)

struct chunks_sink {
    void *ctx;
    int (*write)(void *ctx, const void *data, size_t len, struct raum_error *error);
};
struct chunks_source {
    void *ctx;
    /* Up to n bytes: their number, 0 at the end, or a negative code. */
    int64_t (*read)(void *ctx, void *data, size_t n);
    int (*rewind)(void *ctx, struct raum_error *error);
};

struct chunks_writer {
    const struct raum_env *env;
    const struct chunks_sink *sink;
    unsigned char key[RAUM_KEY_BYTES], head[RAUM_HASH_BYTES];
    uint64_t number;
    size_t len;
    unsigned char text[CHUNK_BYTES], sealed[4 + CHUNK_BYTES + RAUM_TAG_BYTES];
};
struct chunks_reader {
    const struct raum_env *env;
    const struct chunks_source *source;
    unsigned char key[RAUM_KEY_BYTES], head[RAUM_HASH_BYTES];
    uint64_t number;
    size_t len, at;
    bool last;
    unsigned char text[CHUNK_BYTES], sealed[CHUNK_BYTES + RAUM_TAG_BYTES];
};

/* `head`: a hash of all that stands before the chunks. The structs are large: on the heap. */
void chunks_write(struct chunks_writer *w, const struct raum_env *env,
                  const unsigned char key[RAUM_KEY_BYTES],
                  const unsigned char head[RAUM_HASH_BYTES], const struct chunks_sink *sink);
int chunks_add(struct chunks_writer *w, const void *data, size_t len,
               struct raum_error *error) BASE_CHECK;
int chunks_finish(struct chunks_writer *w, struct raum_error *error) BASE_CHECK;

void chunks_read(struct chunks_reader *r, const struct raum_env *env,
                 const unsigned char key[RAUM_KEY_BYTES], const unsigned char head[RAUM_HASH_BYTES],
                 const struct chunks_source *source);
/* Exactly len bytes, authentic; RAUM_ECORRUPT if they are not there. */
int chunks_get(struct chunks_reader *r, void *data, size_t len,
               struct raum_error *error) BASE_CHECK;
/* Nothing may follow. */
int chunks_end(struct chunks_reader *r, struct raum_error *error) BASE_CHECK;

#endif
