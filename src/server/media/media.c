#include "server/media/media.h"

#include "base/base64.h"
#include "media/strip.h"
#include "schema/schema.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TRIES 10 /* of bytes that are taken away while they are taken in */

/* A record that shows it to ?2: alive, and not another member's private one (G-P2, G-T9). */
#define SHOWN                                                                                      \
    "EXISTS (SELECT 1 FROM media_refs r WHERE r.media = m.id AND r.space = m.space"                \
    " AND r.owner = m.owner AND r.live = 1 AND (r.private = 0 OR r.author = ?2))"
#define UNSHOWN                                                                                    \
    "(m.owner = ?2 AND m.used = 0 AND NOT EXISTS (SELECT 1 FROM media_refs r"                      \
    " WHERE r.media = m.id AND r.space = m.space AND r.owner = m.owner))"
#define OWN_FIRST                                                                                  \
    "ORDER BY CASE WHEN m.owner = ?2 THEN 0 ELSE 1 END, m.created, m.space, m.owner LIMIT 1"
#define COLUMNS                                                                                    \
    "m.space AS space, m.id AS id, m.owner AS owner, m.hash AS hash, m.type AS type,"              \
    " m.bytes AS bytes, m.width AS width, m.height AS height, m.purpose AS purpose,"               \
    " m.deleted AS deleted"
#define MEMBERS                                                                                    \
    " FROM media m JOIN members b ON b.space = m.space AND b.account = ?2"                         \
    " JOIN spaces s ON s.id = m.space AND s.deleted IS NULL WHERE m.id = ?1"

/* ---- opening ---- */

static int open_parts(struct media *m, const char *folder, struct raum_error *error)
{
    size_t len = strlen(folder) + sizeof "/uploads";
    m->uploads = malloc(len);
    if (!m->uploads)
        return err_set(error, RAUM_ENOMEM, NULL);
    snprintf(m->uploads, len, "%s/uploads", folder);
    int rc = m->env->folder_make(m->env->ctx, m->uploads, 0700);
    if (rc)
        return err_at(error, "media", rc, "cannot make %s: %s", m->uploads, raum_code_text(rc));
    return storage_directory(&m->storage, m->env, folder, error);
}

int media_open(struct media **out, const struct raum_env *env, const char *folder,
               const struct media_limits *limits, const struct media_resizer *resizers, int count,
               struct raum_error *error)
{
    struct media *m = *out = calloc(1, sizeof *m);
    if (!m)
        return err_set(error, RAUM_ENOMEM, NULL);
    m->env = env;
    m->limits = *limits;
    if (!m->limits.picture_max || m->limits.picture_max > (int64_t)MEDIA_PICTURE_MAX)
        m->limits.picture_max = MEDIA_PICTURE_MAX;
    if (!m->limits.quota)
        m->limits.quota = MEDIA_QUOTA;
    m->pool.resizers = resizers;
    m->pool.count = count < MEDIA_DECODERS_MAX ? count : MEDIA_DECODERS_MAX;
    pthread_mutex_init(&m->pool.mutex, NULL);
    pthread_cond_init(&m->pool.freed, NULL);
    int rc = open_parts(m, folder, error);
    if (rc) {
        media_close(m);
        *out = NULL;
    }
    return rc;
}

void media_close(struct media *m)
{
    if (!m)
        return;
    if (m->storage.free)
        m->storage.free(m->storage.ctx);
    pthread_cond_destroy(&m->pool.freed);
    pthread_mutex_destroy(&m->pool.mutex);
    free(m->uploads);
    free(m);
}

/* ---- finding ---- */

static enum media_type type_of(const char *extension)
{
    for (int t = MEDIA_JPEG; t < MEDIA_TYPES; t++)
        if (extension && strcmp(extension, media_extension(t)) == 0)
            return t;
    return MEDIA_NONE;
}

static int read_row(struct sql_rows *rows, struct arena *a, struct media_row *out,
                    struct raum_error *error)
{
    *out = (struct media_row){
        .space = sql_copy(rows, "space", a),
        .id = sql_copy(rows, "id", a),
        .owner = sql_copy(rows, "owner", a),
        .hash = sql_copy(rows, "hash", a),
        .type = type_of(sql_text(rows, "type")),
        .purpose = sql_copy(rows, "purpose", a),
        .bytes = sql_int(rows, "bytes"),
        .width = sql_int(rows, "width"),
        .height = sql_int(rows, "height"),
        .deleted = !sql_null(rows, "deleted"),
    };
    return out->space && out->id && out->owner && out->hash && out->purpose
               ? 0
               : err_set(error, RAUM_ENOMEM, NULL);
}

static int no_picture(struct raum_error *error)
{
    return err_at(error, "media", RAUM_ENOT_FOUND, "no such picture");
}

int media_find(struct sql *c, struct arena *a, const char *account, const char *space,
               const char *id, struct media_row *out, struct raum_error *error)
{
    struct sql_rows *rows;
    int rc = space ? sql_one(c, &rows, error,
                             "SELECT " COLUMNS MEMBERS " AND m.space = ?3 AND m.deleted IS NULL"
                             " AND (" SHOWN " OR " UNSHOWN ") " OWN_FIRST,
                             "sss", id, account, space)
                   : sql_one(c, &rows, error,
                             "SELECT " COLUMNS MEMBERS " AND m.deleted IS NULL AND (" SHOWN
                             " OR " UNSHOWN ") " OWN_FIRST,
                             "ss", id, account);
    if (rc == 0)
        rc = read_row(rows, a, out, error);
    sql_rows_free(rows);
    return rc == RAUM_END ? no_picture(error) : rc;
}

int media_own(struct sql *c, struct arena *a, const char *account, const char *space,
              const char *id, struct media_row *out, struct raum_error *error)
{
    struct sql_rows *rows;
    int rc =
        sql_one(c, &rows, error,
                "SELECT " COLUMNS " FROM media m WHERE m.id = ?1 AND m.owner = ?2 AND m.space = ?3",
                "sss", id, account, space);
    if (rc == 0)
        rc = read_row(rows, a, out, error);
    sql_rows_free(rows);
    return rc;
}

/* ---- spaces ---- */

static int meant(struct sql *c, struct arena *a, const char *account, const char *name,
                 const char **out, struct raum_error *error)
{
    struct sql_rows *rows;
    int rc;
    size_t sentinel = strlen(SCHEMA_PERSONAL), offline = strlen(SCHEMA_OFFLINE);
    *out = name;
    bool own =
        !name || !*name ||
        (strncmp(name, SCHEMA_PERSONAL, sentinel) == 0 && strcmp(name + sentinel, account) == 0);
    if (!own && strncmp(name, SCHEMA_OFFLINE, offline) != 0)
        return 0;
    if (own)
        rc = sql_one(c, &rows, error, "SELECT space FROM personal_spaces WHERE account = ?1", "s",
                     account);
    else
        rc = sql_one(c, &rows, error,
                     "SELECT space FROM local_spaces WHERE account = ?1 AND local_id = ?2", "ss",
                     account, name);
    if (rc == 0 && !(*out = sql_copy(rows, "space", a)))
        rc = err_set(error, RAUM_ENOMEM, NULL);
    sql_rows_free(rows);
    return rc;
}

static int is_member(struct sql *c, const char *account, const char *space,
                     struct raum_error *error)
{
    struct sql_rows *rows;
    int rc = sql_one(c, &rows, error,
                     "SELECT 1 AS one FROM members m JOIN spaces s ON s.id = m.space"
                     " WHERE m.space = ?1 AND m.account = ?2 AND s.deleted IS NULL",
                     "ss", space, account);
    sql_rows_free(rows);
    return rc;
}

int media_space(struct sql *c, struct arena *a, const char *account, const char *name,
                const char **space, struct raum_error *error)
{
    int rc = meant(c, a, account, name, space, error);
    if (rc == 0)
        rc = is_member(c, account, *space, error);
    return rc == RAUM_END ? err_at(error, "media", RAUM_ENOT_FOUND, "no such space") : rc;
}

/* ---- room ---- */

int media_room_of(struct media *m, struct sql *c, const char *account, int64_t *used,
                  int64_t *quota, struct raum_error *error)
{
    struct sql_rows *rows;
    int rc = sql_one(c, &rows, error,
                     "SELECT (SELECT coalesce(sum(bytes), 0) FROM media WHERE owner = ?1) AS held,"
                     " (SELECT coalesce(sum(length), 0) FROM uploads WHERE account = ?1"
                     " AND done = 0) AS coming,"
                     " (SELECT bytes FROM media_quotas WHERE account = ?1) AS quota",
                     "s", account);
    if (rc == 0) {
        *used = sql_int(rows, "held") + sql_int(rows, "coming");
        *quota = sql_null(rows, "quota") ? m->limits.quota : sql_int(rows, "quota");
    }
    sql_rows_free(rows);
    return rc;
}

int media_set_quota(struct sql *c, const char *account, int64_t bytes, struct raum_error *error)
{
    if (bytes < 0)
        return sql_run(c, error, "DELETE FROM media_quotas WHERE account = ?1", "s", account);
    return sql_run(c, error,
                   "INSERT INTO media_quotas (account, bytes) VALUES (?1, ?2)"
                   " ON CONFLICT (account) DO UPDATE SET bytes = ?2",
                   "si", account, bytes);
}

/* ---- taking in ---- */

/* A decoder and room for its picture's bytes; one that is larger than all the room goes alone. */
static int pool_take(struct media_pool *p, size_t len)
{
    int found = -1;
    pthread_mutex_lock(&p->mutex);
    while (found < 0) {
        bool room = p->bytes == 0 || p->bytes + len <= MEDIA_AT_ONCE;
        for (int i = 0; room && found < 0 && i < p->count; i++)
            if (!p->busy[i])
                found = i;
        if (found < 0)
            pthread_cond_wait(&p->freed, &p->mutex);
    }
    p->busy[found] = true;
    p->bytes += len;
    pthread_mutex_unlock(&p->mutex);
    return found;
}

static void pool_give(struct media_pool *p, int which, size_t len)
{
    pthread_mutex_lock(&p->mutex);
    p->busy[which] = false;
    p->bytes -= len;
    pthread_cond_broadcast(&p->freed);
    pthread_mutex_unlock(&p->mutex);
}

static int64_t now_of(const struct media *m)
{
    return m->env->now_ms(m->env->ctx);
}

static int lock_blob(struct sql *c, const char *hash, struct raum_error *error)
{
    char name[MEDIA_HASH_TEXT + 8];
    snprintf(name, sizeof name, "blob:%s", hash);
    return sql_lock(c, name, error);
}

/* Named before its bytes are written, so that bytes nobody came to need are found again. */
static int name_blob(struct media *m, struct sql *c, const struct media_item *item,
                     struct raum_error *error)
{
    return sql_run(c, error,
                   "INSERT INTO blobs (hash, type, bytes, touched) VALUES (?1, ?2, ?3, ?4)"
                   " ON CONFLICT (hash) DO UPDATE SET touched = ?4",
                   "ssii", item->hash, media_extension(item->facts.type), (int64_t)item->bytes,
                   now_of(m));
}

/* The picture's row. *known: it was there, with the same bytes. */
static int put_row(struct media *m, struct sql *c, const struct media_new *add,
                   const struct media_item *item, bool *known, struct raum_error *error)
{
    struct media_row row;
    struct arena a;
    int64_t now = now_of(m);
    arena_init(&a, 65536);
    int rc = media_own(c, &a, add->account, add->space, add->id, &row, error);
    *known = rc == 0;
    if (rc == 0 && strcmp(row.hash, item->hash) != 0)
        rc = err_at(error, "media", RAUM_EEXISTS, "this id has other bytes");
    else if (rc == 0)
        rc = media_restore(m, c, &row, error);
    else if (rc == RAUM_END)
        rc =
            sql_run(c, error,
                    "INSERT INTO media (space, id, owner, hash, type, purpose, bytes, width,"
                    " height, created, seen) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?10)",
                    "ssssssiiii", add->space, add->id, add->account, item->hash,
                    media_extension(item->facts.type), add->purpose, (int64_t)item->bytes,
                    (int64_t)item->facts.width, (int64_t)item->facts.height, now);
    if (rc == 0 && add->upload)
        rc = sql_run(c, error, "UPDATE uploads SET done = 1 WHERE id = ?1", "s", add->upload);
    arena_release(&a);
    return rc;
}

/* RAUM_END: somebody took the bytes away meanwhile. */
static int commit(struct media *m, struct sql *c, const struct media_new *add,
                  const struct media_item *item, bool *known, struct raum_error *error)
{
    bool there = false;
    int rc = sql_begin(c, error);
    if (rc)
        return rc;
    rc = lock_blob(c, item->hash, error);
    if (rc == 0)
        rc = m->storage.has(m->storage.ctx, item->hash, item->facts.type, &there, error);
    if (rc == 0 && there) {
        rc = is_member(c, add->account, add->space, error);
        if (rc == RAUM_END)
            rc = err_at(error, "media", RAUM_ENOT_FOUND, "no such space");
        if (rc == 0)
            rc = put_row(m, c, add, item, known, error);
    }
    if (rc == 0) /* for the next try, too */
        rc = name_blob(m, c, item, error);
    rc = sql_end(c, rc, error);
    return rc == 0 && !there ? RAUM_END : rc;
}

/* The hash is known only when the metadata is gone: cleaned once to name it, then kept. */
static int name_first(struct media *m, struct sql *c, const void *data, size_t len,
                      struct raum_error *error)
{
    struct media_item item = {0};
    struct buf clean;
    unsigned char hash[RAUM_HASH_BYTES];
    buf_init(&clean, MEDIA_OUT_MAX(len));
    int rc = media_sniff(data, len, &item.facts, error);
    if (rc == 0)
        rc = media_strip(item.facts.type, data, len, &clean, &item.facts, error);
    if (rc == 0) {
        m->env->hash(m->env->ctx, hash, sizeof hash, clean.data, clean.len, NULL);
        hex_put(item.hash, hash, sizeof hash);
        item.bytes = clean.len;
        rc = name_blob(m, c, &item, error);
    }
    buf_release(&clean);
    return rc;
}

static int take(struct media *m, struct sql *c, const struct media_new *add,
                const struct media_resizer *resizer, const char *path, bool *known,
                struct raum_error *error)
{
    struct media_item item;
    void *data = NULL;
    size_t len;
    int rc = m->env->file_read(m->env->ctx, path, MEDIA_FILE_MAX, &data, &len);
    if (rc)
        return err_at(error, "media", rc, "an upload cannot be read");
    rc = name_first(m, c, data, len, error);
    for (int i = 0; rc == 0; i++) {
        rc = m->storage.put(m->storage.ctx, resizer, data, len, &item, error);
        if (rc == 0)
            rc = commit(m, c, add, &item, known, error);
        if (rc != RAUM_END)
            break;
        rc = i + 1 < TRIES ? 0 : err_set(error, RAUM_EBUSY, NULL);
    }
    free(data);
    if (rc == RAUM_ELIMIT) /* it would take as long again */
        rc = err_at(error, "media", RAUM_EUNSUPPORTED_MEDIA, "the picture takes too long to read");
    return rc;
}

int media_take(struct media *m, struct sql *c, const struct media_new *add, const char *path,
               bool *known, struct raum_error *error)
{
    int64_t size = 0, modified;
    *known = false;
    if (m->pool.count == 0)
        return err_at(error, "media", RAUM_ENOT_CONFIGURED, "pictures cannot be decoded here");
    int rc = m->env->file_size(m->env->ctx, path, &size, &modified);
    if (rc)
        return err_at(error, "media", rc, "an upload cannot be read");
    int which = pool_take(&m->pool, (size_t)size);
    rc = take(m, c, add, &m->pool.resizers[which], path, known, error);
    pool_give(&m->pool, which, (size_t)size);
    bool never = rc == RAUM_EUNSUPPORTED_MEDIA || rc == RAUM_ETOO_LARGE;
    atomic_fetch_add(rc == 0 ? &m->counts.taken
                     : never ? &m->counts.refused
                             : &m->counts.failed,
                     1);
    return rc;
}

int media_restore(struct media *m, struct sql *c, const struct media_row *row,
                  struct raum_error *error)
{
    return sql_run(c, error,
                   "UPDATE media SET deleted = NULL, seen = ?4 WHERE space = ?1 AND id = ?2"
                   " AND owner = ?3",
                   "sssi", row->space, row->id, row->owner, now_of(m));
}
