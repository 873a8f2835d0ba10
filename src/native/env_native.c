/* The operating system behind struct raum_env: wall clock, randomness, libsodium, POSIX files. */
#define _POSIX_C_SOURCE 200809L

#include <raum/env.h>
#include <raum/error.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define STRETCH_BYTES ((size_t)64 << 20)
#define STRETCH_PASSES 2
#define READ_STEP 65536

static int64_t now_ms(void *ctx)
{
    (void)ctx;
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void random_bytes(void *ctx, void *out, size_t len)
{
    (void)ctx;
    randombytes_buf(out, len);
}

static void aead_seal(void *ctx, unsigned char *out, const void *text, size_t len, const void *ad,
                      size_t ad_len, const unsigned char nonce[RAUM_NONCE_BYTES],
                      const unsigned char key[RAUM_KEY_BYTES])
{
    (void)ctx;
    crypto_aead_xchacha20poly1305_ietf_encrypt(out, NULL, text, len, ad, ad_len, NULL, nonce, key);
}

static int aead_open(void *ctx, unsigned char *out, const void *sealed, size_t len, const void *ad,
                     size_t ad_len, const unsigned char nonce[RAUM_NONCE_BYTES],
                     const unsigned char key[RAUM_KEY_BYTES])
{
    (void)ctx;
    return crypto_aead_xchacha20poly1305_ietf_decrypt(out, NULL, NULL, sealed, len, ad, ad_len,
                                                      nonce, key);
}

static void hash(void *ctx, unsigned char *out, size_t out_len, const void *data, size_t len,
                 const unsigned char *key)
{
    (void)ctx;
    crypto_generichash(out, out_len, data, len, key, key ? RAUM_KEY_BYTES : 0);
}

static int stretch(void *ctx, unsigned char out[RAUM_KEY_BYTES], const char *phrase, size_t len,
                   const unsigned char salt[16])
{
    (void)ctx;
    return crypto_pwhash(out, RAUM_KEY_BYTES, phrase, len, salt, STRETCH_PASSES, STRETCH_BYTES,
                         crypto_pwhash_ALG_ARGON2ID13) == 0
               ? 0
               : RAUM_ENOMEM;
}

/* READ_ONLY is about writing; a file that may not be read is RAUM_ENOT_ALLOWED. */
static int code_of(int error, int denied)
{
    switch (error) {
    case ENOENT:
    case ENOTDIR:
        return RAUM_ENOT_FOUND;
    case ENOSPC:
    case EDQUOT:
    case EFBIG:
        return RAUM_EFULL;
    case EROFS:
    case EACCES:
    case EPERM:
        return denied;
    case EEXIST:
    case ENOTEMPTY:
        return RAUM_EEXISTS;
    case ENOMEM:
        return RAUM_ENOMEM;
    default:
        return RAUM_EIO;
    }
}

static int write_error(void)
{
    return code_of(errno, RAUM_EREAD_ONLY);
}

static int read_error(void)
{
    return code_of(errno, RAUM_ENOT_ALLOWED);
}

/* Reads to the end rather than to st_size: a file may grow, and some have no size. */
static int read_all(int fd, size_t max, void **data, size_t *len)
{
    char *bytes = NULL;
    size_t have = 0, cap = 0;
    int rc = 0;
    for (;;) {
        if (cap - have < 2) { /* room for one byte and the NUL behind it */
            cap = cap ? cap * 2 : READ_STEP;
            char *more = realloc(bytes, cap);
            if (!more) {
                rc = RAUM_ENOMEM;
                break;
            }
            bytes = more;
        }
        ssize_t got = read(fd, bytes + have, cap - have - 1);
        if (got == 0)
            break;
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0) {
            rc = read_error();
            break;
        }
        have += (size_t)got;
        if (have > max) {
            rc = RAUM_ETOO_LARGE;
            break;
        }
    }
    if (rc) {
        free(bytes);
        return rc;
    }
    bytes[have] = '\0';
    *data = bytes;
    *len = have;
    return 0;
}

static int file_read(void *ctx, const char *path, size_t max, void **data, size_t *len)
{
    (void)ctx;
    struct stat info;
    /* NONBLOCK: a pipe put in the file's place must not make us wait. */
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return read_error();
    int rc;
    if (fstat(fd, &info) != 0 || !S_ISREG(info.st_mode))
        rc = RAUM_EIO;
    else if (info.st_size > 0 && (uint64_t)info.st_size > max)
        rc = RAUM_ETOO_LARGE;
    else
        rc = read_all(fd, max, data, len);
    close(fd);
    return rc;
}

/* The folder that holds path, to be freed: "a/b" → "a", "/b" → "/", "b" → ".". */
static char *folder_of(const char *path)
{
    size_t len = strlen(path);
    while (len > 1 && path[len - 1] == '/')
        len--;
    while (len > 0 && path[len - 1] != '/')
        len--;
    while (len > 1 && path[len - 1] == '/')
        len--;
    return len ? strndup(path, len) : strdup(".");
}

static int sync_folder(const char *folder)
{
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return write_error();
    /* Some file systems cannot sync a folder and say EINVAL: they order by themselves. */
    int rc = fsync(fd) == 0 || errno == EINVAL ? 0 : write_error();
    close(fd);
    return rc;
}

static int sync_folder_of(const char *path)
{
    char *folder = folder_of(path);
    int rc = folder ? sync_folder(folder) : RAUM_ENOMEM;
    free(folder);
    return rc;
}

static int write_all(int fd, const char *data, size_t len)
{
    while (len > 0) {
        ssize_t put = write(fd, data, len);
        if (put < 0 && errno == EINTR)
            continue;
        if (put < 0)
            return write_error();
        data += put;
        len -= (size_t)put;
    }
    return fsync(fd) == 0 ? 0 : write_error();
}

/* A name nobody can foresee in the same folder; EXCL does not follow a link planted under it. */
static int open_temporary(const char *folder, int mode, char **path)
{
    unsigned char noise[12];
    char hex[2 * sizeof noise + 1];
    randombytes_buf(noise, sizeof noise);
    sodium_bin2hex(hex, sizeof hex, noise, sizeof noise);
    size_t len = strlen(folder) + sizeof hex + 16;
    *path = malloc(len);
    if (!*path)
        return RAUM_ENOMEM;
    snprintf(*path, len, "%s/.new-%s.tmp", folder, hex);
    int fd = open(*path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, (mode_t)mode);
    return fd >= 0 ? fd : write_error();
}

static int file_write(void *ctx, const char *path, const void *data, size_t len, int mode)
{
    (void)ctx;
    char *temporary = NULL, *folder = folder_of(path);
    int rc = RAUM_ENOMEM;
    if (!folder)
        goto out;
    int fd = open_temporary(folder, mode, &temporary);
    if (fd < 0) {
        rc = fd;
        goto out;
    }
    rc = write_all(fd, data, len);
    if (close(fd) != 0 && rc == 0)
        rc = write_error();
    if (rc == 0 && rename(temporary, path) != 0)
        rc = write_error();
    if (rc == 0)
        rc = sync_folder(folder);
    else
        unlink(temporary);
out:
    free(temporary);
    free(folder);
    return rc;
}

static int file_rename(void *ctx, const char *from, const char *to)
{
    (void)ctx;
    if (rename(from, to) != 0)
        return write_error();
    char *left = folder_of(from), *right = folder_of(to);
    int rc = left && right ? sync_folder(right) : RAUM_ENOMEM;
    if (rc == 0 && strcmp(left, right) != 0)
        rc = sync_folder(left);
    free(left);
    free(right);
    return rc;
}

static int file_remove(void *ctx, const char *path)
{
    (void)ctx;
    return unlink(path) == 0 || errno == ENOENT ? 0 : write_error();
}

static int file_size(void *ctx, const char *path, int64_t *size, int64_t *modified_ms)
{
    (void)ctx;
    struct stat info;
    if (stat(path, &info) != 0)
        return read_error();
    if (size)
        *size = info.st_size;
    if (modified_ms)
        *modified_ms = (int64_t)info.st_mtim.tv_sec * 1000 + info.st_mtim.tv_nsec / 1000000;
    return 0;
}

static int make_one(const char *path, int mode)
{
    struct stat info;
    if (mkdir(path, (mode_t)mode) == 0)
        return sync_folder_of(path);
    int error = errno;
    /* On a read-only disk mkdir may complain although the folder is there. */
    if (stat(path, &info) == 0)
        return S_ISDIR(info.st_mode) ? 0 : RAUM_EEXISTS;
    return code_of(error, RAUM_EREAD_ONLY);
}

static int folder_make(void *ctx, const char *path, int mode)
{
    (void)ctx;
    if (!*path)
        return RAUM_ENOT_FOUND;
    char *part = strdup(path);
    if (!part)
        return RAUM_ENOMEM;
    int rc = 0;
    for (char *slash = strchr(part + 1, '/'); slash && rc == 0; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        rc = make_one(part, mode);
        *slash = '/';
    }
    if (rc == 0)
        rc = make_one(part, mode);
    free(part);
    return rc;
}

static int folder_list(void *ctx, const char *path, raum_env_each *each, void *arg)
{
    (void)ctx;
    DIR *folder = opendir(path);
    if (!folder)
        return read_error();
    int rc = 0, fd = dirfd(folder);
    while (fd >= 0) {
        struct stat info;
        errno = 0;
        struct dirent *entry = readdir(folder);
        if (!entry) {
            rc = errno ? read_error() : 0;
            break;
        }
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        /* A link is no folder, wherever it leads. Gone meanwhile: not listed. */
        if (fstatat(fd, entry->d_name, &info, AT_SYMLINK_NOFOLLOW) != 0)
            continue;
        rc = each(arg, entry->d_name, S_ISDIR(info.st_mode));
        if (rc)
            break;
    }
    closedir(folder);
    return rc;
}

static int folder_remove(void *ctx, const char *path)
{
    (void)ctx;
    return rmdir(path) == 0 ? 0 : write_error();
}

static const struct raum_env native = {
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

/* Failure leaves libsodium's portable code in use; without randomness it aborts by itself. */
static void start_sodium(void)
{
    (void)!sodium_init();
}

const struct raum_env *raum_env_native(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, start_sodium);
    return &native;
}
