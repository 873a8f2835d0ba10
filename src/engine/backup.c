#include "engine/backup.h"

#include "base/base64.h"
#include "base/json.h"
#include "db/raw.h"
#include "engine/backup_head.h"
#include "engine/intern.h"
#include "engine/seal.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PATH_ARENA ((size_t)1 << 20)
#define LEFT_MS ((int64_t)3600 * 1000) /* nobody works on such a file that long ago */

struct writing {
    struct raum *r;
    const struct chunks_sink *sink;
    struct backup_report *report;
    struct chunks_writer *chunks;
    struct arena arena;
    const char *folder; /* being listed, relative: "media/ab" */
    struct raum_error *error;
};

/* ---- entries ---- */

static int put_head(struct writing *x, enum backup_kind kind, const char *name, uint64_t len,
                    struct raum_error *error)
{
    unsigned char head[2 + 255 + 8];
    size_t name_len = strlen(name), at = 2 + name_len;
    if (name_len > 255)
        return err_at(error, "backup", RAUM_ETOO_LARGE, "a file's name is too long");
    head[0] = (unsigned char)kind;
    head[1] = (unsigned char)name_len;
    memcpy(head + 2, name, name_len);
    for (int i = 0; i < 8; i++)
        head[at++] = (unsigned char)(len >> (8 * i));
    x->report->bytes += (int64_t)len;
    return chunks_add(x->chunks, head, at, error);
}

static int put_bytes(struct writing *x, enum backup_kind kind, const char *name, const void *data,
                     size_t len, struct raum_error *error)
{
    int result = put_head(x, kind, name, len, error);
    return result ? result : chunks_add(x->chunks, data, len, error);
}

/* The copy, page by page through the disk: a database may be larger than memory. */
static int put_copy(struct writing *x, struct db *copy, struct raum_error *error)
{
    unsigned char part[16384];
    int64_t size = 0, at = 0;
    int result = db_raw_size(copy, &size, error);
    if (result == 0)
        result = put_head(x, BACKUP_DATABASE, "", (uint64_t)size, error);
    while (result == 0 && at < size) {
        size_t take = size - at < (int64_t)sizeof part ? (size_t)(size - at) : sizeof part;
        result = db_raw_read(copy, at, part, take, error);
        if (result == 0)
            result = chunks_add(x->chunks, part, take, error);
        at += (int64_t)take;
    }
    return result;
}

static int put_database(struct writing *x, struct raum_error *error)
{
    const struct raum_env *env = x->r->env;
    struct db *copy = NULL;
    const char *path = arena_printf(&x->arena, "%s/backup.part", x->r->folder);
    if (!path)
        return err_set(error, RAUM_ENOMEM, NULL);
    int result = env->file_remove(env->ctx, path);
    if (result < 0)
        return err_at(error, "backup", result, "cannot remove %s", path);
    result = db_open(&copy, path, DB_CREATE | DB_PLAIN, error);
    /* Without a name while it is open, where the system knows such files: killed, nothing of it
     * stays. */
    if (result == 0)
        (void)!env->file_remove(env->ctx, path);
    if (result == 0)
        result = db_copy(x->r->db, copy, error);
    if (result == 0)
        result = put_copy(x, copy, error);
    db_close(copy);
    int removed = env->file_remove(env->ctx, path);
    return result ? result : removed;
}

static int put_file(struct writing *x, enum backup_kind kind, const char *name, const char *path,
                    struct raum_error *error)
{
    const struct raum_env *env = x->r->env;
    void *data;
    size_t len;
    int result = env->file_read(env->ctx, path, BACKUP_FILE_MAX, &data, &len);
    if (result == RAUM_ENOT_FOUND) /* moved or erased a moment ago */
        return 0;
    if (result < 0)
        return err_at(error, "backup", result, "cannot read %s: %s", path, raum_code_text(result));
    result = put_bytes(x, kind, name, data, len, error);
    if (kind == BACKUP_RING)
        keyring_wipe(data, len);
    else
        x->report->files++;
    free(data);
    return result;
}

static int put_picture(void *arg, const char *name, int is_folder)
{
    struct writing *x = arg;
    struct arena *a = &x->arena;
    const char *inside = arena_printf(a, "%s/%s", x->folder, name);
    const char *path = inside ? arena_printf(a, "%s/%s", x->r->folder, inside) : NULL;
    if (!path)
        return err_set(x->error, RAUM_ENOMEM, NULL);
    if (!is_folder)
        return backup_name_fits(inside) ? put_file(x, BACKUP_FILE, inside, path, x->error) : 0;
    if (strchr(x->folder, '/'))
        return 0;
    struct writing below = *x;
    below.folder = inside;
    arena_init(&below.arena, PATH_ARENA);
    int result = x->r->env->folder_list(x->r->env->ctx, path, put_picture, &below);
    arena_release(&below.arena);
    return result == RAUM_ENOT_FOUND ? 0 : result;
}

static int put_pictures(struct writing *x, struct raum_error *error)
{
    static const char *const folders[] = {"media", "trash"};
    const struct raum_env *env = x->r->env;
    int result = 0;
    x->error = error;
    for (int i = 0; i < 2 && result == 0; i++) {
        const char *path = arena_printf(&x->arena, "%s/%s", x->r->folder, folders[i]);
        x->folder = folders[i];
        result = path ? env->folder_list(env->ctx, path, put_picture, x) : RAUM_ENOMEM;
        if (result == RAUM_ENOT_FOUND)
            result = 0;
    }
    return result;
}

/* ---- the whole ---- */

int backup_some_key(struct raum *r, struct raum_error *error)
{
    unsigned char id[KEYRING_ID_BYTES];
    if (r->ring->count || r->read_only)
        return 0;
    int result = replica_begin(r, error);
    if (result < 0)
        return result;
    result = seal_key(r, intern_personal(r)->ref, id, error);
    return replica_end(r, result, error);
}

static int put_all(struct writing *x, struct raum_error *error)
{
    const char *ring = arena_printf(&x->arena, "%s/keys.json", x->r->folder);
    int result = ring ? 0 : err_set(error, RAUM_ENOMEM, NULL);
    if (result == 0)
        result = put_bytes(x, BACKUP_ACCOUNT, "", x->r->account, strlen(x->r->account), error);
    if (result == 0)
        result = put_database(x, error);
    if (result == 0) /* behind the database: it holds every key that is named there */
        result = put_file(x, BACKUP_RING, "", ring, error);
    if (result == 0)
        result = put_pictures(x, error);
    if (result == 0)
        result = put_head(x, BACKUP_END, "", 0, error);
    return result ? result : chunks_finish(x->chunks, error);
}

int backup_write(struct raum *r, const char *passphrase, const struct chunks_sink *sink,
                 struct backup_report *report, struct raum_error *error)
{
    unsigned char key[RAUM_KEY_BYTES], digest[RAUM_HASH_BYTES];
    struct writing x = {.r = r, .sink = sink, .report = report};
    struct buf head;
    *report = (struct backup_report){0};
    memcpy(report->account, r->account, sizeof report->account);
    arena_init(&x.arena, PATH_ARENA);
    buf_init(&head, BACKUP_HEAD_MAX);
    x.chunks = malloc(sizeof *x.chunks);
    int result = x.chunks ? backup_some_key(r, error) : err_set(error, RAUM_ENOMEM, NULL);
    if (result == 0 && r->depth > 0)
        result = err_at(error, "backup", RAUM_EINTERNAL, "a transaction is open");
    if (result == 0) {
        r->env->random(r->env->ctx, key, sizeof key);
        result = backup_head_write(r->env, r->ring, passphrase, key, &head, error);
    }
    if (result == 0)
        result = sink->write(sink->ctx, head.data, head.len, error);
    if (result == 0) {
        r->env->hash(r->env->ctx, digest, sizeof digest, head.data, head.len, NULL);
        chunks_write(x.chunks, r->env, key, digest, sink);
        result = put_all(&x, error);
    }
    if (x.chunks)
        keyring_wipe(x.chunks, sizeof *x.chunks);
    free(x.chunks);
    keyring_wipe(key, sizeof key);
    buf_release(&head);
    arena_release(&x.arena);
    return result;
}

void backup_tidy(const struct raum_env *env, const char *folder)
{
    static const char *const names[] = {"backup.part", "restore.part", "keys.json.restore"};
    struct arena a;
    int64_t size, modified, now = env->now_ms(env->ctx);
    arena_init(&a, PATH_ARENA);
    for (int i = 0; i < 3; i++) {
        const char *path = arena_printf(&a, "%s/%s", folder, names[i]);
        if (path && env->file_size(env->ctx, path, &size, &modified) == 0 &&
            now - modified > LEFT_MS)
            (void)!env->file_remove(env->ctx, path);
    }
    arena_release(&a);
}
