/* The ends of pictures: deleting, and what goes by itself with time. */
#include "server/media/media.h"

#include "server/media/uploads.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BATCH 100
#define ORPHAN_MS INT64_C(3600000) /* a blob that is still being taken in is younger */

struct victim {
    char *space, *id, *owner, *hash;
};

/* Bytes that no picture needs any more go, under the lock that every taking-in ends with. */
static int settle(struct media *m, struct sql *c, const char *hash, struct raum_error *error)
{
    struct sql_rows *rows;
    char name[MEDIA_HASH_TEXT + 8];
    snprintf(name, sizeof name, "blob:%s", hash);
    int rc = sql_begin(c, error);
    if (rc)
        return rc;
    rc = sql_lock(c, name, error);
    if (rc == 0) {
        rc = sql_one(c, &rows, error, "SELECT 1 AS one FROM media WHERE hash = ?1 LIMIT 1", "s",
                     hash);
        sql_rows_free(rows);
    }
    if (rc == RAUM_END) {
        rc = m->storage.erase(m->storage.ctx, hash, error);
        if (rc == 0)
            rc = sql_run(c, error, "DELETE FROM blobs WHERE hash = ?1", "s", hash);
    }
    return sql_end(c, rc, error);
}

static int erase_row(struct media *m, struct sql *c, const struct victim *v,
                     struct raum_error *error)
{
    int rc = sql_run(c, error, "DELETE FROM media WHERE space = ?1 AND id = ?2 AND owner = ?3",
                     "sss", v->space, v->id, v->owner);
    return rc ? rc : settle(m, c, v->hash, error);
}

/* ---- by hand ---- */

/* What the account may delete: its own; as admin or owner what no other's private record shows. */
static int find_deletable(struct sql *c, struct arena *a, const char *account, const char *space,
                          const char *id, struct victim *out, struct raum_error *error)
{
    struct sql_rows *rows;
    int rc = sql_one(
        c, &rows, error,
        "SELECT m.space AS space, m.id AS id, m.owner AS owner, m.hash AS hash FROM media m"
        " JOIN members b ON b.space = m.space AND b.account = ?2"
        " JOIN spaces s ON s.id = m.space AND s.deleted IS NULL"
        " WHERE m.id = ?1 AND (?3 = '' OR m.space = ?3) AND (m.owner = ?2"
        " OR ((',' || b.role || ',' LIKE '%,owner,%' OR ',' || b.role || ',' LIKE '%,admin,%')"
        " AND EXISTS (SELECT 1 FROM media_refs r WHERE r.media = m.id AND r.space = m.space"
        " AND r.owner = m.owner) AND NOT EXISTS (SELECT 1 FROM media_refs r WHERE r.media = m.id"
        " AND r.space = m.space AND r.owner = m.owner AND r.private = 1 AND r.author <> ?2)))"
        " ORDER BY CASE WHEN m.owner = ?2 THEN 0 ELSE 1 END, m.created LIMIT 1",
        "sss", id, account, space ? space : "");
    if (rc == 0) {
        *out = (struct victim){sql_copy(rows, "space", a), sql_copy(rows, "id", a),
                               sql_copy(rows, "owner", a), sql_copy(rows, "hash", a)};
        if (!out->space || !out->id || !out->owner || !out->hash)
            rc = err_set(error, RAUM_ENOMEM, NULL);
    }
    sql_rows_free(rows);
    return rc;
}

int media_delete(struct media *m, struct sql *c, struct arena *a, const char *account,
                 const char *space, const char *id, bool forever, struct raum_error *error)
{
    struct victim v;
    struct media_row row;
    int rc = find_deletable(c, a, account, space, id, &v, error);
    if (rc == RAUM_END) {
        rc = media_find(c, a, account, space, id, &row, error);
        return rc ? rc
                  : err_at(error, "media", RAUM_ENOT_ALLOWED,
                           "only who uploaded it, or an admin of its space, deletes it");
    }
    if (rc)
        return rc;
    if (forever)
        return erase_row(m, c, &v, error);
    return sql_run(c, error,
                   "UPDATE media SET deleted = ?4 WHERE space = ?1 AND id = ?2 AND owner = ?3"
                   " AND deleted IS NULL",
                   "sssi", v.space, v.id, v.owner, m->env->now_ms(m->env->ctx));
}

/* ---- with time ---- */

static void forget(struct victim *list, int count)
{
    for (int i = 0; i < count; i++) {
        free(list[i].space);
        free(list[i].id);
        free(list[i].owner);
        free(list[i].hash);
    }
}

static char *copy(struct sql_rows *rows, const char *name)
{
    const char *text = sql_text(rows, name);
    return strdup(text ? text : "");
}

/* The statement names space, id, owner, hash. */
static int collect(struct sql_rows *rows, int rc, struct victim *list, int *count,
                   struct raum_error *error)
{
    *count = 0;
    while (rc == 0 && *count < BATCH && (rc = sql_next(rows, error)) == 0) {
        struct victim *v = &list[(*count)++];
        *v = (struct victim){copy(rows, "space"), copy(rows, "id"), copy(rows, "owner"),
                             copy(rows, "hash")};
        if (!v->space || !v->id || !v->owner || !v->hash)
            rc = err_set(error, RAUM_ENOMEM, NULL);
    }
    sql_rows_free(rows);
    return rc == RAUM_END ? 0 : rc;
}

/* In the trash for 30 days; shown by nothing for as long; of a space that is no more. */
static int sweep_rows(struct media *m, struct sql *c, int64_t before, struct raum_error *error)
{
    struct victim list[BATCH];
    int rc, count;
    do {
        struct sql_rows *rows;
        rc = sql_many(c, &rows, error,
                      "SELECT m.space AS space, m.id AS id, m.owner AS owner, m.hash AS hash"
                      " FROM media m WHERE m.deleted < ?1 OR NOT EXISTS"
                      " (SELECT 1 FROM spaces s WHERE s.id = m.space) OR (m.seen < ?1"
                      " AND NOT EXISTS (SELECT 1 FROM media_refs r WHERE r.media = m.id"
                      " AND r.space = m.space AND r.owner = m.owner AND r.live = 1)) LIMIT 100",
                      "i", before);
        rc = collect(rows, rc, list, &count, error);
        for (int i = 0; rc == 0 && i < count; i++)
            rc = erase_row(m, c, &list[i], error);
        forget(list, count);
    } while (rc == 0 && count == BATCH);
    return rc;
}

/* Bytes that were written for a picture that then was refused, or whose server was killed. */
static int sweep_blobs(struct media *m, struct sql *c, int64_t before, struct raum_error *error)
{
    struct victim list[BATCH];
    int rc, count;
    do {
        struct sql_rows *rows;
        rc = sql_many(c, &rows, error,
                      "SELECT '' AS space, '' AS id, '' AS owner, b.hash AS hash FROM blobs b"
                      " WHERE b.touched < ?1 AND NOT EXISTS"
                      " (SELECT 1 FROM media m WHERE m.hash = b.hash) LIMIT 100",
                      "i", before);
        rc = collect(rows, rc, list, &count, error);
        for (int i = 0; rc == 0 && i < count; i++)
            rc = settle(m, c, list[i].hash, error);
        forget(list, count);
    } while (rc == 0 && count == BATCH);
    return rc;
}

int media_sweep(struct media *m, struct sql *c, struct raum_error *error)
{
    int64_t now = m->env->now_ms(m->env->ctx);
    int rc = uploads_sweep(m, c, error);
    if (rc == 0)
        rc = sweep_rows(m, c, now - MEDIA_KEEP_MS, error);
    if (rc == 0)
        rc = sweep_blobs(m, c, now - ORPHAN_MS, error);
    if (rc == 0)
        rc = sql_run(c, error,
                     "DELETE FROM media_refs WHERE NOT EXISTS"
                     " (SELECT 1 FROM spaces s WHERE s.id = media_refs.space)",
                     "");
    return rc;
}
