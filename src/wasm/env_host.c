/* The host behind struct raum_env: the only env of a WebAssembly build. */
#include "wasm/host.h"
#include <raum/env.h>
#include <raum/error.h>
#include <stdlib.h>
#include <string.h>

#define LIST_FIRST ((size_t)8 << 10)

static int64_t now_ms(void *ctx)
{
    (void)ctx;
    return (int64_t)host_now();
}

static void random_bytes(void *ctx, void *out, size_t len)
{
    (void)ctx;
    host_random(out, len);
}

static void aead_seal(void *ctx, unsigned char *out, const void *text, size_t len, const void *ad,
                      size_t ad_len, const unsigned char nonce[RAUM_NONCE_BYTES],
                      const unsigned char key[RAUM_KEY_BYTES])
{
    (void)ctx;
    host_seal(out, text, len, ad, ad_len, nonce, key);
}

static int aead_open(void *ctx, unsigned char *out, const void *sealed, size_t len, const void *ad,
                     size_t ad_len, const unsigned char nonce[RAUM_NONCE_BYTES],
                     const unsigned char key[RAUM_KEY_BYTES])
{
    (void)ctx;
    return len < RAUM_TAG_BYTES ? -1 : host_open(out, sealed, len, ad, ad_len, nonce, key);
}

static void hash(void *ctx, unsigned char *out, size_t out_len, const void *data, size_t len,
                 const unsigned char *key)
{
    (void)ctx;
    host_hash(out, out_len, data, len, key);
}

static int stretch(void *ctx, unsigned char out[RAUM_KEY_BYTES], const char *phrase, size_t len,
                   const unsigned char salt[16])
{
    (void)ctx;
    return host_stretch(out, phrase, len, salt);
}

static int read_open(int file, size_t max, void **data, size_t *len)
{
    double size = host_file_size(file);
    if (size < 0)
        return (int)size;
    if (size > (double)max)
        return RAUM_ETOO_LARGE;
    char *bytes = malloc((size_t)size + 1);
    if (!bytes)
        return RAUM_ENOMEM;
    int got = host_file_read(file, bytes, (size_t)size, 0);
    if (got < 0) {
        free(bytes);
        return got;
    }
    bytes[got] = '\0';
    *data = bytes;
    *len = (size_t)got;
    return 0;
}

static int file_read(void *ctx, const char *path, size_t max, void **data, size_t *len)
{
    (void)ctx;
    int file = host_file_open(path, strlen(path), HOST_READ);
    if (file < 0)
        return file;
    int rc = read_open(file, max, data, len);
    host_file_close(file);
    return rc;
}

static int file_write(void *ctx, const char *path, const void *data, size_t len, int mode)
{
    (void)ctx, (void)mode;
    return host_path_write(path, strlen(path), data, len);
}

static int file_rename(void *ctx, const char *from, const char *to)
{
    (void)ctx;
    return host_path_rename(from, strlen(from), to, strlen(to));
}

static int file_remove(void *ctx, const char *path)
{
    (void)ctx;
    int rc = host_path_remove(path, strlen(path));
    return rc == RAUM_ENOT_FOUND ? 0 : rc;
}

static int file_size(void *ctx, const char *path, int64_t *size, int64_t *modified_ms)
{
    (void)ctx;
    double out[2];
    int rc = host_path_look(path, strlen(path), out);
    if (rc == 0 && size)
        *size = (int64_t)out[0];
    if (rc == 0 && modified_ms)
        *modified_ms = (int64_t)out[1];
    return rc;
}

static int folder_make(void *ctx, const char *path, int mode)
{
    (void)ctx, (void)mode;
    return *path ? host_folder_make(path, strlen(path)) : RAUM_ENOT_FOUND;
}

/* The whole list is taken before the first call: the callback may change the folder. */
static int take_list(const char *path, char **out, size_t *len)
{
    size_t max = LIST_FIRST;
    char *list = NULL;
    for (;;) {
        char *more = realloc(list, max);
        int need = more ? host_folder_list(path, strlen(path), more, max) : RAUM_ENOMEM;
        if (need < 0) {
            free(more ? more : list);
            return need;
        }
        list = more;
        if ((size_t)need <= max) {
            *out = list;
            *len = (size_t)need;
            return 0;
        }
        max = (size_t)need;
    }
}

static int folder_list(void *ctx, const char *path, raum_env_each *each, void *arg)
{
    (void)ctx;
    char *list = NULL;
    size_t len = 0;
    int rc = take_list(path, &list, &len);
    for (size_t at = 0; rc == 0 && at < len; at += strlen(list + at) + 1)
        rc = each(arg, list + at + 1, list[at] == 'd');
    free(list);
    return rc;
}

static int folder_remove(void *ctx, const char *path)
{
    (void)ctx;
    return host_folder_remove(path, strlen(path));
}

static const struct raum_env host = {
    .now_ms = now_ms,
    .random = random_bytes,
    .aead_seal = aead_seal,
    .aead_open = aead_open,
    .hash = hash,
    .stretch = stretch,
    .file_read = file_read,
    .file_write = file_write,
    .file_rename = file_rename,
    .file_remove = file_remove,
    .file_size = file_size,
    .folder_make = folder_make,
    .folder_list = folder_list,
    .folder_remove = folder_remove,
};

const struct raum_env *raum_env_native(void)
{
    return &host;
}
