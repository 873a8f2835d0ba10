#include "media/coming.h"

#include "base/err.h"
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PATH_ROOM 4096
#define NAMES_MAX ((size_t)16 << 20)
#define HASH_LEN (2 * RAUM_HASH_BYTES)
#define DIGITS 12
#define NAME_LEN (HASH_LEN + 1 + DIGITS)
#define PART_MAX ((size_t)8 << 20)

static int file_error(struct raum_error *error, int rc, const char *verb, const char *path)
{
    return rc ? err_at(error, "media", rc, "cannot %s %s: %s", verb, path, raum_code_text(rc)) : 0;
}

static bool is_name(const char *name)
{
    return strlen(name) == NAME_LEN && name[HASH_LEN] == '.' &&
           strspn(name, "0123456789abcdef") == HASH_LEN &&
           strspn(name + HASH_LEN + 1, "0123456789") == DIGITS;
}

static int collect(void *arg, const char *name, int is_folder)
{
    struct buf *names = arg;
    if (!is_folder && is_name(name))
        buf_add(names, name, NAME_LEN + 1);
    return names->error;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(a, b);
}

/* The parts of one folder, in order. */
static int list(const struct raum_env *env, const char *folder, struct buf *names,
                struct raum_error *error)
{
    buf_init(names, NAMES_MAX);
    int rc = env->folder_list(env->ctx, folder, collect, names);
    if (rc == RAUM_ENOT_FOUND)
        rc = 0;
    if (rc == 0 && names->len)
        qsort(names->data, names->len / (NAME_LEN + 1), NAME_LEN + 1, by_name);
    return file_error(error, rc, "list", folder);
}

static void folder_of(const char *dir, const char *hash, char out[PATH_ROOM])
{
    snprintf(out, PATH_ROOM, "%s/coming/%.2s", dir, hash);
}

static int read_part(const struct raum_env *env, const char *path, struct buf *out,
                     struct raum_error *error)
{
    void *data = NULL;
    size_t len = 0;
    int rc = file_error(error, env->file_read(env->ctx, path, PART_MAX, &data, &len), "read", path);
    if (rc == 0)
        buf_add(out, data, len);
    free(data);
    return rc ? rc : buf_error(out, error);
}

int media_coming_read(const struct raum_env *env, const char *dir, const char *hash,
                      struct buf *out, struct raum_error *error)
{
    char folder[PATH_ROOM], path[PATH_ROOM + NAME_LEN + 2];
    struct buf names;
    size_t from = out->len;
    folder_of(dir, hash, folder);
    int rc = list(env, folder, &names, error);
    for (size_t at = 0; rc == 0 && at < names.len; at += NAME_LEN + 1) {
        const char *name = names.data + at;
        if (strncmp(name, hash, HASH_LEN) != 0)
            continue;
        if (strtoull(name + HASH_LEN + 1, NULL, 10) != out->len - from)
            break;
        snprintf(path, sizeof path, "%s/%s", folder, name);
        rc = read_part(env, path, out, error);
    }
    buf_release(&names);
    return rc;
}

int media_coming_add(const struct raum_env *env, const char *dir, const char *hash, size_t offset,
                     const void *data, size_t len, struct raum_error *error)
{
    char folder[PATH_ROOM], path[PATH_ROOM + NAME_LEN + 2];
    folder_of(dir, hash, folder);
    snprintf(path, sizeof path, "%s/%s.%0*zu", folder, hash, DIGITS, offset);
    int rc = file_error(error, env->folder_make(env->ctx, folder, 0700), "make", folder);
    return rc ? rc
              : file_error(error, env->file_write(env->ctx, path, data, len, 0600), "write", path);
}

/* Of one hash (NULL: of all) in a folder; before_ms: only older ones. */
static int remove_in(const struct raum_env *env, const char *folder, const char *hash,
                     int64_t before_ms, struct raum_error *error)
{
    char path[PATH_ROOM + NAME_LEN + 2];
    struct buf names;
    int rc = list(env, folder, &names, error);
    for (size_t at = 0; rc == 0 && at < names.len; at += NAME_LEN + 1) {
        int64_t size, modified = 0;
        const char *name = names.data + at;
        snprintf(path, sizeof path, "%s/%s", folder, name);
        if ((hash && strncmp(name, hash, HASH_LEN) != 0) ||
            (!hash &&
             (env->file_size(env->ctx, path, &size, &modified) != 0 || modified > before_ms)))
            continue;
        rc = file_error(error, env->file_remove(env->ctx, path), "remove", path);
    }
    buf_release(&names);
    return rc;
}

int media_coming_drop(const struct raum_env *env, const char *dir, const char *hash,
                      struct raum_error *error)
{
    char folder[PATH_ROOM];
    folder_of(dir, hash, folder);
    return remove_in(env, folder, hash, 0, error);
}

int media_coming_purge(const struct raum_env *env, const char *dir, int64_t before_ms,
                       struct raum_error *error)
{
    char folder[PATH_ROOM], two[3];
    int rc = 0;
    for (unsigned i = 0; rc == 0 && i < 256; i++) {
        snprintf(two, sizeof two, "%02x", i);
        folder_of(dir, two, folder);
        rc = remove_in(env, folder, NULL, before_ms, error);
    }
    return rc;
}
