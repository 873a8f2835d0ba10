#include "engine/backup.h"

#include "db/raw.h"
#include "engine/backup_head.h"
#include "engine/ddl.h"
#include <stdlib.h>
#include <string.h>

#define PATH_ARENA ((size_t)1 << 20)
#define RING_MAX ((size_t)4 << 20)
#define DATABASE_MAX ((uint64_t)1 << 40)

struct restoring {
    const struct backup_target *target;
    const struct chunks_source *source;
    struct backup_report *report;
    struct chunks_reader *chunks;
    struct arena arena;
    struct buf bytes;              /* of one file */
    const char *folder, *database; /* of the account; where its database is being put */
    bool check;                    /* the first pass: nothing is written */
    bool has_database;
};

struct entry {
    enum backup_kind kind;
    char name[256];
    uint64_t len;
};

static int damaged(struct raum_error *error)
{
    return err_at(error, "backup", RAUM_ECORRUPT, "the backup holds what no backup holds");
}

static int next_entry(struct restoring *x, struct entry *e, struct raum_error *error)
{
    unsigned char head[2] = {0}, len[8] = {0};
    int result = chunks_get(x->chunks, head, sizeof head, error);
    if (result == 0)
        result = chunks_get(x->chunks, e->name, head[1], error);
    if (result == 0)
        result = chunks_get(x->chunks, len, sizeof len, error);
    if (result < 0)
        return result;
    e->name[head[1]] = '\0';
    e->len = 0;
    for (int i = 0; i < 8; i++)
        e->len |= (uint64_t)len[i] << (8 * i);
    e->kind = (enum backup_kind)head[0];
    return head[0] <= BACKUP_FILE && strlen(e->name) == head[1] ? 0 : damaged(error);
}

static int read_bytes(struct restoring *x, const struct entry *e, size_t max,
                      struct raum_error *error)
{
    if (e->len > max)
        return err_at(error, "backup", RAUM_ETOO_LARGE, "a file of the backup is too large");
    buf_reset(&x->bytes);
    char *room = buf_room(&x->bytes, (size_t)e->len);
    if (!room)
        return buf_error(&x->bytes, error);
    int result = chunks_get(x->chunks, room, (size_t)e->len, error);
    if (result == 0) {
        x->bytes.len = (size_t)e->len;
        x->bytes.data[x->bytes.len] = '\0';
    }
    return result;
}

static int fail_file(int code, const char *path, struct raum_error *error)
{
    return err_at(error, "backup", code, "cannot write %s: %s", path, raum_code_text(code));
}

/* ---- kinds ---- */

static int take_account(struct restoring *x, const struct entry *e, struct raum_error *error)
{
    const struct raum_env *env = x->target->env;
    int result = read_bytes(x, e, ID_LEN_MAX, error);
    if (result < 0)
        return result;
    if (!id_valid(x->bytes.data, x->bytes.len) || x->folder)
        return damaged(error);
    memcpy(x->report->account, x->bytes.data, x->bytes.len + 1);
    x->folder = replica_folder(x->target->root, x->report->account, env, &x->arena);
    x->database = x->folder ? arena_printf(&x->arena, "%s/restore.part", x->folder) : NULL;
    if (!x->database)
        return err_set(error, RAUM_ENOMEM, NULL);
    if (!x->check) {
        result = env->folder_make(env->ctx, x->folder, 0700);
        if (result == 0)
            result = env->file_remove(env->ctx, x->database);
    }
    return result < 0 ? fail_file(result, x->folder, error) : 0;
}

static int take_database(struct restoring *x, const struct entry *e, struct raum_error *error)
{
    unsigned char part[16384];
    struct db *db = NULL;
    uint64_t at = 0;
    int result = e->len > DATABASE_MAX || x->has_database ? damaged(error) : 0;
    if (result == 0 && !x->check)
        result = db_open(&db, x->database, DB_CREATE | DB_PLAIN, error);
    while (result == 0 && at < e->len) {
        size_t take = e->len - at < sizeof part ? (size_t)(e->len - at) : sizeof part;
        result = chunks_get(x->chunks, part, take, error);
        if (result == 0 && db)
            result = db_raw_write(db, (int64_t)at, part, take, error);
        at += take;
    }
    if (result == 0 && db)
        result = db_raw_sync(db, error);
    db_close(db);
    x->has_database = true;
    return result;
}

/* With the ring that is here, the backup's is opened and its keys join it. */
static int merge_ring(struct restoring *x, const char *path, const char *beside,
                      struct raum_error *error)
{
    const struct backup_target *t = x->target;
    struct keyring *mine = NULL, *theirs = NULL;
    int result = t->env->file_write(t->env->ctx, beside, x->bytes.data, x->bytes.len, 0600);
    if (result < 0)
        return fail_file(result, beside, error);
    result = keyring_open(&theirs, t->env, beside, t->ring_passphrase, error);
    if (result == 0)
        result = keyring_open(&mine, t->env, path, t->ring_passphrase, error);
    if (result == 0)
        result = keyring_put(mine, theirs->keys, theirs->count, error);
    keyring_close(mine);
    keyring_close(theirs);
    int removed = t->env->file_remove(t->env->ctx, beside);
    return result ? result : removed;
}

static int take_ring(struct restoring *x, const struct entry *e, struct raum_error *error)
{
    const struct raum_env *env = x->target->env;
    const char *path = arena_printf(&x->arena, "%s/keys.json", x->folder);
    const char *beside = arena_printf(&x->arena, "%s/keys.json.restore", x->folder);
    int64_t size, modified;
    int result =
        path && beside ? read_bytes(x, e, RING_MAX, error) : err_set(error, RAUM_ENOMEM, NULL);
    if (result == 0 && !x->check) {
        if (env->file_size(env->ctx, path, &size, &modified) == 0) {
            result = merge_ring(x, path, beside, error);
        } else {
            result = env->file_write(env->ctx, path, x->bytes.data, x->bytes.len, 0600);
            if (result < 0)
                fail_file(result, path, error);
        }
    }
    if (x->bytes.data)
        keyring_wipe(x->bytes.data, x->bytes.cap);
    return result;
}

/* A picture's name says what it holds: one that is there already stays. */
static int take_file(struct restoring *x, const struct entry *e, struct raum_error *error)
{
    const struct raum_env *env = x->target->env;
    struct arena a;
    int64_t size, modified;
    int result =
        backup_name_fits(e->name) ? read_bytes(x, e, BACKUP_FILE_MAX, error) : damaged(error);
    x->report->files++;
    if (result < 0 || x->check)
        return result;
    arena_init(&a, PATH_ARENA);
    char *path = arena_printf(&a, "%s/%s", x->folder, e->name);
    char *slash = path ? strrchr(path, '/') : NULL;
    if (!slash) {
        result = err_set(error, RAUM_ENOMEM, NULL);
    } else if (env->file_size(env->ctx, path, &size, &modified) < 0 || (uint64_t)size != e->len) {
        *slash = '\0';
        result = env->folder_make(env->ctx, path, 0700);
        *slash = '/';
        if (result == 0)
            result = env->file_write(env->ctx, path, x->bytes.data, x->bytes.len, 0600);
        if (result < 0)
            fail_file(result, path, error);
    }
    arena_release(&a);
    return result;
}

/* ---- a pass ---- */

static int take_entry(struct restoring *x, const struct entry *e, struct raum_error *error)
{
    x->report->bytes += (int64_t)(e->len < DATABASE_MAX ? e->len : 0);
    if ((e->kind != BACKUP_ACCOUNT) != (x->folder != NULL))
        return damaged(error);
    switch (e->kind) {
    case BACKUP_ACCOUNT:
        return take_account(x, e, error);
    case BACKUP_DATABASE:
        return take_database(x, e, error);
    case BACKUP_RING:
        return take_ring(x, e, error);
    case BACKUP_FILE:
        return take_file(x, e, error);
    case BACKUP_END:
        break;
    }
    return damaged(error);
}

static int run_pass(struct restoring *x, bool check, struct raum_error *error)
{
    unsigned char key[RAUM_KEY_BYTES], digest[RAUM_HASH_BYTES];
    struct entry e;
    x->check = check;
    x->folder = NULL;
    x->has_database = false;
    *x->report = (struct backup_report){0};
    int result = x->source->rewind(x->source->ctx, error);
    if (result == 0)
        result = backup_head_read(x->target, x->source, key, digest, error);
    if (result == 0)
        chunks_read(x->chunks, x->target->env, key, digest, x->source);
    while (result == 0 && (result = next_entry(x, &e, error)) == 0 && e.kind != BACKUP_END)
        result = take_entry(x, &e, error);
    if (result == 0)
        result = chunks_end(x->chunks, error);
    if (result == 0 && !x->has_database)
        result = damaged(error);
    keyring_wipe(key, sizeof key);
    return result;
}

static int check_free(struct restoring *x, struct raum_error *error)
{
    const struct raum_env *env = x->target->env;
    int64_t size, modified;
    const char *path = arena_printf(&x->arena, "%s/raum.db", x->folder);
    if (!path)
        return err_set(error, RAUM_ENOMEM, NULL);
    return env->file_size(env->ctx, path, &size, &modified) < 0
               ? 0
               : err_at(error, "backup", RAUM_EEXISTS,
                        "there is data of this account here already");
}

/* ---- the database's turn ---- */

/* Under the old device's name there may be edits elsewhere that the backup does not know. */
static int forget_device(struct restoring *x, struct raum_error *error)
{
    struct db *db = NULL;
    int result = db_open(&db, x->database, DB_PLAIN, error);
    if (result == 0)
        result = db_exec(db, "DELETE FROM meta WHERE key = 'device'", error);
    db_close(db);
    return result;
}

static int put_in_place(struct restoring *x, struct raum_error *error)
{
    const struct backup_target *t = x->target;
    const struct db_steps steps = {
        .application = DDL_APPLICATION, .version = SCHEMA_VERSION, .list = ddl_steps};
    const char *path = arena_printf(&x->arena, "%s/raum.db", x->folder);
    int result = path ? forget_device(x, error) : err_set(error, RAUM_ENOMEM, NULL);
    if (result == 0)
        result = steps_replace(path, x->database, &steps, t->env, error);
    if (result == 0)
        result = replica_account_write(t->env, t->root, x->report->account, error);
    return result;
}

int backup_restore(const struct backup_target *target, const struct chunks_source *source,
                   struct backup_report *report, struct raum_error *error)
{
    struct restoring x = {.target = target, .source = source, .report = report};
    arena_init(&x.arena, PATH_ARENA);
    buf_init(&x.bytes, BACKUP_FILE_MAX);
    x.chunks = malloc(sizeof *x.chunks);
    int result = x.chunks ? run_pass(&x, true, error) : err_set(error, RAUM_ENOMEM, NULL);
    if (result == 0 && !target->force)
        result = check_free(&x, error);
    if (result == 0) {
        result = run_pass(&x, false, error);
        if (result == 0)
            result = put_in_place(&x, error);
        if (result < 0 && x.database) {
            int removed = target->env->file_remove(target->env->ctx, x.database);
            (void)removed;
        }
    }
    if (x.chunks)
        keyring_wipe(x.chunks, sizeof *x.chunks);
    free(x.chunks);
    buf_release(&x.bytes);
    arena_release(&x.arena);
    return result;
}
