/* The pictures in a backup: every file below media/, in pieces named media/xx/FILE/000000. Files
 * are named by their hash, so that putting them back is adding what is missing. */
#define _GNU_SOURCE
#include "server/store/backup_inside.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define NAMES_MAX ((size_t)64 << 20)
#define HASH_LEN 64 /* and ".webp" at most, unless it is a smaller copy */
#define HEX "0123456789abcdef"

/* "HASH.jpg", "HASH.thumb.webp": nothing that could lead anywhere. */
static bool is_file(const char *name, size_t len)
{
    static const char *const endings[] = {".jpg",  ".png",        ".webp",        ".heic",
                                          ".avif", ".thumb.webp", ".medium.webp", ".large.webp"};
    if (len < HASH_LEN || strspn(name, HEX) != HASH_LEN)
        return false;
    for (size_t i = 0; i < sizeof endings / sizeof *endings; i++)
        if (strlen(endings[i]) == len - HASH_LEN &&
            memcmp(name + HASH_LEN, endings[i], len - HASH_LEN) == 0)
            return true;
    return false;
}

static bool is_folder(const char *name)
{
    return strlen(name) == 2 && strspn(name, HEX) == 2;
}

static int collect(void *arg, const char *name, int folder)
{
    struct buf *names = arg;
    if (folder ? is_folder(name) : is_file(name, strlen(name)))
        buf_add(names, name, strlen(name) + 1);
    return names->error;
}

/* Names in a folder, each with its NUL; none when it is not there. */
static int list(const struct raum_env *env, const char *path, struct buf *names,
                struct raum_error *error)
{
    buf_init(names, NAMES_MAX);
    int result = env->folder_list(env->ctx, path, collect, names);
    if (result == RAUM_ENOT_FOUND)
        return 0;
    return result < 0 ? err_at(error, "backup", result, "cannot list %s", path) : 0;
}

typedef int each_file(void *arg, const char *two, const char *name, struct raum_error *error);

static int each(const struct raum_env *env, const char *folder, each_file *run, void *arg,
                struct raum_error *error)
{
    char path[PATH_BYTES];
    struct buf folders, names;
    int result = server_backup_path(path, folder, BACKUP_MEDIA, error);
    if (result < 0)
        return result;
    result = list(env, path, &folders, error);
    for (size_t at = 0; result == 0 && at < folders.len; at += 3) {
        const char *two = folders.data + at;
        char inside[PATH_BYTES];
        result = server_backup_path(inside, path, two, error);
        if (result < 0)
            break;
        result = list(env, inside, &names, error);
        for (size_t k = 0; result == 0 && k < names.len; k += strlen(names.data + k) + 1)
            result = run(arg, two, names.data + k, error);
        buf_release(&names);
    }
    buf_release(&folders);
    return result;
}

static int name_in(char out[PATH_BYTES], const char *folder, const char *two, const char *name,
                   struct raum_error *error)
{
    char inside[128];
    snprintf(inside, sizeof inside, BACKUP_MEDIA "/%.2s%s%.100s", two, name ? "/" : "",
             name ? name : "");
    return server_backup_path(out, folder, inside, error);
}

/* ---- writing ---- */

struct writing {
    const char *data;
    server_backup_put *put;
    void *arg;
    char *piece;
    int *count;
};

static int put_file(void *arg, const char *two, const char *name, struct raum_error *error)
{
    struct writing *x = arg;
    char path[PATH_BYTES], piece[160];
    ssize_t got = 0;
    int result = name_in(path, x->data, two, name, error);
    int fd = result < 0 ? -1 : open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0) /* deleted for ever since the list was read */
        return result < 0 || errno == ENOENT
                   ? result
                   : err_at(error, "backup", RAUM_EIO, "cannot read %s", path);
    for (int n = 0; result == 0; n++) {
        got = read(fd, x->piece, BACKUP_PIECE);
        if (got <= 0)
            break;
        snprintf(piece, sizeof piece, BACKUP_MEDIA "/%.2s/%.100s/%06d", two, name, n);
        result = x->put(x->arg, piece, x->piece, (size_t)got);
    }
    close(fd);
    if (result == 0 && got < 0)
        result = err_at(error, "backup", RAUM_EIO, "cannot read %s", path);
    *x->count += result == 0 && strlen(name) <= HASH_LEN + 5;
    return result;
}

int server_backup_media_put(const char *data, const struct raum_env *env, server_backup_put *put,
                            void *arg, int *count, struct raum_error *error)
{
    struct writing x = {data, put, arg, malloc(BACKUP_PIECE), count};
    if (!x.piece)
        return err_set(error, RAUM_ENOMEM, NULL);
    int result = each(env, data, put_file, &x, error);
    free(x.piece);
    return result;
}

/* ---- reading ---- */

static int failed(struct raum_error *error, const char *path)
{
    int code = errno == ENOSPC || errno == EDQUOT || errno == EFBIG ? RAUM_EFULL
               : errno == EACCES || errno == EROFS                  ? RAUM_EREAD_ONLY
                                                                    : RAUM_EIO;
    return err_at(error, "backup", code, "cannot write %s: %s", path, strerror(errno));
}

int server_backup_media_end(struct backup_media *m, struct raum_error *error)
{
    int result = m->fd >= 0 && fsync(m->fd) != 0 ? failed(error, m->name) : 0;
    if (m->fd >= 0)
        close(m->fd);
    m->fd = -1;
    return result;
}

/* "media/xx/FILE/000000", and nothing else; piece 0 begins a file. */
static bool read_name(struct backup_media *m, const char *entry, char two[3], char name[128])
{
    const char *at = entry + strlen(BACKUP_MEDIA) + 1;
    char piece[16];
    size_t len;
    if (strlen(at) < 3 || strspn(at, HEX) != 2 || at[2] != '/')
        return false;
    snprintf(two, 3, "%.2s", at);
    at += 3;
    len = strcspn(at, "/");
    if (len >= 128 || !is_file(at, len) || strncmp(at, two, 2) != 0 || at[len] != '/')
        return false;
    snprintf(name, 128, "%.*s", (int)len, at);
    bool same = m->fd >= 0 && strcmp(m->name, name) == 0;
    m->pieces = same ? m->pieces + 1 : 0;
    snprintf(piece, sizeof piece, "%06d", m->pieces);
    return strcmp(at + len + 1, piece) == 0;
}

static int begin(struct backup_media *m, const char *part, const struct raum_env *env,
                 const char *two, const char *name, struct raum_error *error)
{
    char path[PATH_BYTES];
    int result = server_backup_media_end(m, error);
    if (result == 0)
        result = name_in(path, part, two, NULL, error);
    if (result == 0 && env->folder_make(env->ctx, path, 0700) < 0)
        result = failed(error, path);
    if (result == 0)
        result = name_in(path, part, two, name, error);
    if (result < 0)
        return result;
    m->fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    snprintf(m->name, sizeof m->name, "%s", name);
    return m->fd < 0 ? failed(error, path) : 0;
}

bool server_backup_media_is(const char *entry)
{
    return strncmp(entry, BACKUP_MEDIA "/", strlen(BACKUP_MEDIA) + 1) == 0;
}

int server_backup_media_take(struct backup_media *m, const char *part, const struct raum_env *env,
                             const char *entry, const char *data, size_t len,
                             struct raum_error *error)
{
    char two[3], name[128];
    if (!read_name(m, entry, two, name))
        return err_at(error, "backup", RAUM_ECORRUPT,
                      "the backup is damaged: a piece of a picture does not fit");
    int result = m->pieces ? 0 : begin(m, part, env, two, name, error);
    while (result == 0 && len > 0) {
        ssize_t put = write(m->fd, data, len);
        if (put < 0 && errno != EINTR)
            return failed(error, name);
        data += put > 0 ? put : 0;
        len -= put > 0 ? (size_t)put : 0;
    }
    m->count += result == 0 && m->pieces == 0 && strlen(name) <= HASH_LEN + 5;
    return result;
}

/* ---- moving into place, and away ---- */

struct moving {
    const char *from, *to; /* to NULL: removed */
    const struct raum_env *env;
};

static int move_file(void *arg, const char *two, const char *name, struct raum_error *error)
{
    const struct moving *m = arg;
    char from[PATH_BYTES], to[PATH_BYTES];
    int result = name_in(from, m->from, two, name, error);
    if (result == 0 && !m->to) {
        result = m->env->file_remove(m->env->ctx, from);
        return result < 0 ? err_at(error, "backup", result, "cannot remove %s", from) : 0;
    }
    if (result == 0)
        result = name_in(to, m->to, two, NULL, error);
    if (result == 0)
        result = m->env->folder_make(m->env->ctx, to, 0700);
    if (result == 0)
        result = name_in(to, m->to, two, name, error);
    if (result == 0)
        result = m->env->file_rename(m->env->ctx, from, to);
    return result < 0 ? err_at(error, "backup", result, "cannot move %s", from) : 0;
}

/* Empty by now; others' things in them keep them. */
static void remove_folders(const struct moving *m)
{
    char path[PATH_BYTES];
    struct buf folders;
    if (server_backup_path(path, m->from, BACKUP_MEDIA, NULL) < 0)
        return;
    int listed = list(m->env, path, &folders, NULL);
    for (size_t at = 0; listed == 0 && at < folders.len; at += 3) {
        char two[PATH_BYTES];
        if (name_in(two, m->from, folders.data + at, NULL, NULL) == 0)
            (void)!m->env->folder_remove(m->env->ctx, two);
    }
    buf_release(&folders);
    (void)!m->env->folder_remove(m->env->ctx, path);
}

int server_backup_media_move(const char *from, const char *to, const struct raum_env *env,
                             struct raum_error *error)
{
    struct moving m = {from, to, env};
    int result = each(env, from, move_file, &m, error);
    if (result == 0)
        remove_folders(&m);
    return result;
}
