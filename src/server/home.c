#define _GNU_SOURCE
#include "server/home.h"
#include "base/base64.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define SECRET_FILE_MAX 4096

int home_path(const char *folder, const char *name, char **out, struct raum_error *error)
{
    if (asprintf(out, "%s/%s", folder, name) >= 0)
        return 0;
    *out = NULL;
    return err_set(error, RAUM_ENOMEM, NULL);
}

static int io_error(struct raum_error *error, const char *what)
{
    int code = errno == ENOSPC                     ? RAUM_EFULL
               : errno == EACCES || errno == EROFS ? RAUM_EREAD_ONLY
                                                   : RAUM_EIO;
    return err_set(error, code, "%s: %s", what, strerrordesc_np(errno));
}

int home_lock(const char *folder, int *lock, struct raum_error *error)
{
    const struct raum_env *env = raum_env_native();
    char *path;
    *lock = -1;
    int rc = env->folder_make(env->ctx, folder, 0700);
    if (rc)
        return err_set(error, rc, "%s: the data directory cannot be made", folder);
    if (chmod(folder, 0700) != 0)
        return io_error(error, folder);
    rc = home_path(folder, "lock", &path, error);
    if (rc || !path)
        return rc;
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        rc = io_error(error, path);
    else if (flock(fd, LOCK_EX | LOCK_NB) != 0)
        rc = errno == EWOULDBLOCK
                 ? err_set(error, RAUM_EBUSY, "%s: another server uses this data directory", folder)
                 : io_error(error, path);
    free(path);
    if (rc && fd >= 0)
        close(fd);
    *lock = rc ? -1 : fd;
    return rc;
}

/* A file of one line; *out NULL when there is none. */
static int read_line(const char *path, const struct raum_env *env, char **out,
                     struct raum_error *error)
{
    void *data = NULL;
    size_t len = 0;
    *out = NULL;
    int rc = env->file_read(env->ctx, path, SECRET_FILE_MAX, &data, &len);
    if (rc == RAUM_ENOT_FOUND)
        return 0;
    if (rc)
        return err_set(error, rc, "%s cannot be read", path);
    char *text = malloc(len + 1);
    if (text) {
        memcpy(text, data, len);
        while (len && (text[len - 1] == '\n' || text[len - 1] == '\r'))
            len--;
        text[len] = '\0';
    }
    free(data);
    *out = text;
    return text ? 0 : err_set(error, RAUM_ENOMEM, NULL);
}

/* 32 random bytes as hex, written 0600 with a line's end. */
static int make_line(const char *path, const struct raum_env *env, char **out,
                     struct raum_error *error)
{
    unsigned char bytes[32];
    char text[2 * sizeof bytes + 2];
    env->random(env->ctx, bytes, sizeof bytes);
    hex_put(text, bytes, sizeof bytes);
    text[2 * sizeof bytes] = '\n';
    text[2 * sizeof bytes + 1] = '\0';
    int rc = env->file_write(env->ctx, path, text, 2 * sizeof bytes + 1, 0600);
    if (rc)
        return err_set(error, rc, "%s cannot be written", path);
    text[2 * sizeof bytes] = '\0';
    *out = strdup(text);
    return *out ? 0 : err_set(error, RAUM_ENOMEM, NULL);
}

static int read_or_make(const char *path, const struct raum_env *env, char **out,
                        struct raum_error *error)
{
    int rc = read_line(path, env, out, error);
    return rc || *out ? rc : make_line(path, env, out, error);
}

int home_secret(const char *folder, const char *given, const struct raum_env *env, char **out,
                struct raum_error *error)
{
    char *path;
    *out = NULL;
    if (given && strlen(given) < HOME_SECRET_MIN)
        return err_set(error, RAUM_EUSAGE, "the secret needs at least %d characters",
                       HOME_SECRET_MIN);
    if (given) {
        *out = strdup(given);
        return *out ? 0 : err_set(error, RAUM_ENOMEM, NULL);
    }
    int rc = home_path(folder, "secret", &path, error);
    if (rc)
        return rc;
    rc = read_or_make(path, env, out, error);
    if (rc == 0 && *out && strlen(*out) < HOME_SECRET_MIN)
        rc = err_set(error, RAUM_ECORRUPT, "%s: the secret is shorter than %d characters", path,
                     HOME_SECRET_MIN);
    if (rc) {
        free(*out);
        *out = NULL;
    }
    free(path);
    return rc;
}

int home_vault_key(const char *folder, const char *path, const struct raum_env *env,
                   unsigned char out[RAUM_KEY_BYTES], struct raum_error *error)
{
    char *own = NULL, *text = NULL;
    int rc = path ? 0 : home_path(folder, "vault.key", &own, error);
    if (rc)
        return rc;
    const char *file = path ? path : own;
    rc = read_or_make(file, env, &text, error);
    if (rc == 0 && text && !hex_read(out, RAUM_KEY_BYTES, text, strlen(text)))
        rc = err_set(error, RAUM_ECORRUPT, "%s: not a key of %d hexadecimal digits", file,
                     2 * RAUM_KEY_BYTES);
    if (text)
        explicit_bzero(text, strlen(text));
    free(text);
    free(own);
    return rc;
}
