/* The world as the engine sees it: time, randomness, files and the two cryptographic primitives are
 * functions that the embedder hands in. With a seeded env every run can be replayed.
 *
 * raum_env_native() gives the one for ordinary programs (clock, getrandom, POSIX files, libsodium).
 */
#ifndef RAUM_ENV_H
#define RAUM_ENV_H

#include <raum/error.h>
#include <stddef.h>
#include <stdint.h>

#define RAUM_KEY_BYTES 32
#define RAUM_NONCE_BYTES 24
#define RAUM_TAG_BYTES 16
#define RAUM_HASH_BYTES 32

/* A file as listed by `list`: name is lent for the call. */
typedef int raum_env_each(void *arg, const char *name, int is_folder);

struct raum_env {
    void *ctx;
    /* Milliseconds since 1970, UTC; may jump, the clock above it does not go back. */
    int64_t (*now_ms)(void *ctx);
    void (*random)(void *ctx, void *out, size_t len);

    /* XChaCha20-Poly1305 (IETF). `out` of seal holds len + RAUM_TAG_BYTES, of open len -
     * RAUM_TAG_BYTES. open: 0, or -1 when the value does not authenticate. */
    void (*aead_seal)(void *ctx, unsigned char *out, const void *text, size_t len, const void *ad,
                      size_t ad_len, const unsigned char nonce[RAUM_NONCE_BYTES],
                      const unsigned char key[RAUM_KEY_BYTES]);
    int (*aead_open)(void *ctx, unsigned char *out, const void *sealed, size_t len, const void *ad,
                     size_t ad_len, const unsigned char nonce[RAUM_NONCE_BYTES],
                     const unsigned char key[RAUM_KEY_BYTES]);
    /* BLAKE2b of `len` bytes to out_len (16..64) bytes, keyed when key is not NULL (32 bytes). */
    void (*hash)(void *ctx, unsigned char *out, size_t out_len, const void *data, size_t len,
                 const unsigned char *key);
    /* argon2id (64 MiB, 2 passes) of a passphrase to a key. 0, or RAUM_ENOMEM. */
    int (*stretch)(void *ctx, unsigned char out[RAUM_KEY_BYTES], const char *phrase, size_t len,
                   const unsigned char salt[16]);

    /* Files. Paths are UTF-8. Each returns 0 or a negative RAUM_E… (NOT_FOUND when absent). */
    int (*file_read)(void *ctx, const char *path, size_t max, void **data,
                     size_t *len); /* free() */
    /* Whole file, durable, atomic (temporary name, fsync, rename, fsync of the folder). */
    int (*file_write)(void *ctx, const char *path, const void *data, size_t len, int mode);
    int (*file_rename)(void *ctx, const char *from, const char *to); /* durable */
    int (*file_remove)(void *ctx, const char *path);                 /* absent is fine */
    int (*file_size)(void *ctx, const char *path, int64_t *size, int64_t *modified_ms);
    int (*folder_make)(void *ctx, const char *path, int mode); /* with parents; there is fine */
    int (*folder_list)(void *ctx, const char *path, raum_env_each *each, void *arg);
    int (*folder_remove)(void *ctx, const char *path); /* empty ones only */
};

/* The operating system's env. Lent, static, safe from several threads. */
RAUM_API const struct raum_env *raum_env_native(void);

#endif
