#include "engine/media_refs.h"

#include "engine/intern.h"
#include "engine/media_work.h"
#include <string.h>

static int prepare(struct raum *r, struct db_stmt *s, const char *sql, struct raum_error *error)
{
    return db_prepare(r->db, s, &db_grant_own, sql, error);
}

static void take(char *out, size_t size, struct db_stmt *s, int at)
{
    size_t len = 0;
    const char *text = db_text(s, at, &len);
    if (len >= size)
        len = size - 1;
    if (text)
        memcpy(out, text, len);
    out[len] = '\0';
}

int media_refs_find(struct raum *r, uint32_t space, const char *id, bool deleted_too,
                    struct media_ref *out, struct raum_error *error)
{
    struct db_stmt s;
    int rc = prepare(r, &s,
                     "SELECT id, hash, type, purpose, bytes, width, height, deleted IS NOT NULL, "
                     "sent "
                     "FROM media WHERE space = ?1 AND id = ?2",
                     error);
    if (rc)
        return rc;
    db_bind_int(&s, 1, space);
    db_bind_str(&s, 2, id);
    rc = db_step(&s, error);
    if (rc == 0) {
        memset(out, 0, sizeof *out);
        take(out->id, sizeof out->id, &s, 0);
        take(out->hash, sizeof out->hash, &s, 1);
        take(out->type, sizeof out->type, &s, 2);
        take(out->purpose, sizeof out->purpose, &s, 3);
        out->bytes = db_int(&s, 4);
        out->width = db_int(&s, 5);
        out->height = db_int(&s, 6);
        out->deleted = db_int(&s, 7) != 0;
        out->sent = (int)db_int(&s, 8);
        if (out->deleted && !deleted_too)
            rc = RAUM_END;
    }
    db_finish(&s);
    return rc == RAUM_END ? err_at(error, "media", RAUM_ENOT_FOUND, "no such picture in this space")
                          : rc;
}

int media_refs_add(struct raum *r, uint32_t space, const struct media_ref *ref,
                   struct raum_error *error)
{
    struct db_stmt s;
    struct media_ref there;
    char now[CLOCK_TEXT];
    int rc = media_refs_find(r, space, ref->id, true, &there, NULL);
    if (rc == 0)
        return err_at(error, "media", RAUM_EEXISTS, "this space has a picture %s already", ref->id);
    if (rc != RAUM_ENOT_FOUND)
        return err_set(error, rc, NULL);
    rc =
        prepare(r, &s,
                "INSERT INTO media (space, id, hash, type, bytes, width, height, purpose, created, "
                "sent) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
                error);
    if (rc)
        return rc;
    clock_format_ms(r->env->now_ms(r->env->ctx), now);
    db_bind_int(&s, 1, space);
    db_bind_str(&s, 2, ref->id);
    db_bind_str(&s, 3, ref->hash);
    db_bind_str(&s, 4, ref->type);
    db_bind_int(&s, 5, ref->bytes);
    db_bind_int(&s, 6, ref->width);
    db_bind_int(&s, 7, ref->height);
    db_bind_str(&s, 8, ref->purpose);
    db_bind_str(&s, 9, now);
    db_bind_int(&s, 10, ref->sent);
    rc = db_run(&s, error);
    db_finish(&s);
    return rc;
}

/* Runs one statement over (space, id), with a time as third value if there is one. */
static int change(struct raum *r, uint32_t space, const char *id, const char *time, const char *sql,
                  struct raum_error *error)
{
    struct db_stmt s;
    int rc = prepare(r, &s, sql, error);
    if (rc)
        return rc;
    db_bind_int(&s, 1, space);
    db_bind_str(&s, 2, id);
    if (time)
        db_bind_str(&s, 3, time);
    rc = db_run(&s, error);
    db_finish(&s);
    return rc;
}

int media_refs_trash(struct raum *r, uint32_t space, const char *id, struct raum_error *error)
{
    char now[CLOCK_TEXT];
    clock_format_ms(r->env->now_ms(r->env->ctx), now);
    return change(r, space, id, now,
                  "UPDATE media SET deleted = ?3 WHERE space = ?1 AND id = ?2 AND deleted IS NULL",
                  error);
}

int media_refs_restore(struct raum *r, uint32_t space, const char *id, struct raum_error *error)
{
    return change(r, space, id, NULL,
                  "UPDATE media SET deleted = NULL WHERE space = ?1 AND id = ?2", error);
}

int media_refs_erase(struct raum *r, uint32_t space, const char *id, struct raum_error *error)
{
    int rc = change(r, space, id, NULL, "DELETE FROM media WHERE space = ?1 AND id = ?2", error);
    if (rc == 0)
        rc = change(r, space, id, NULL, "DELETE FROM media_work WHERE space = ?1 AND id = ?2",
                    error);
    const struct space *s = intern_space(r, space);
    return rc == 0 && s && !s->offline ? media_work_add(r, space, id, MEDIA_DO_ERASE, error) : rc;
}

int media_refs_drop(struct raum *r, uint32_t space, const char *id, struct raum_error *error)
{
    return change(r, space, id, NULL, "DELETE FROM media WHERE space = ?1 AND id = ?2", error);
}

int media_refs_mark(struct raum *r, uint32_t space, const char *id, const char *hash,
                    struct raum_error *error)
{
    return change(r, space, id, hash,
                  "UPDATE media SET sent = 1 WHERE space = ?1 AND id = ?2 AND hash = ?3", error);
}

int media_refs_purge(struct raum *r, int64_t age_ms, int64_t *count, struct raum_error *error)
{
    struct db_stmt s;
    char limit[CLOCK_TEXT];
    int64_t before = 0, after = 0;
    int rc = db_query_int(r->db, "SELECT count(*) FROM media", &before, error);
    if (rc == 0)
        rc = prepare(r, &s, "DELETE FROM media WHERE deleted <= ?1", error);
    if (rc)
        return rc;
    clock_format_ms(r->env->now_ms(r->env->ctx) - age_ms, limit);
    db_bind_str(&s, 1, limit);
    rc = db_run(&s, error);
    db_finish(&s);
    if (rc == 0)
        rc = db_query_int(r->db, "SELECT count(*) FROM media", &after, error);
    if (count)
        *count = before - after;
    return rc;
}

int media_refs_use(struct raum *r, const char *hash, struct media_use *use,
                   struct raum_error *error)
{
    struct db_stmt s;
    int rc = prepare(r, &s, "SELECT count(*), count(deleted) FROM media WHERE hash = ?1", error);
    if (rc)
        return rc;
    db_bind_str(&s, 1, hash);
    rc = db_step(&s, error);
    if (rc == 0) {
        use->trashed = db_int(&s, 1);
        use->live = db_int(&s, 0) - use->trashed;
    }
    db_finish(&s);
    return rc;
}

int media_refs_each(struct raum *r, media_refs_each_fn *each, void *arg, struct raum_error *error)
{
    struct db_stmt s;
    int rc = prepare(r, &s,
                     "SELECT hash, count(*), count(deleted), total(sent = 0 AND deleted IS NULL)"
                     " FROM media GROUP BY hash",
                     error);
    if (rc)
        return rc;
    while ((rc = db_step(&s, error)) == 0) {
        struct media_use use = {.trashed = db_int(&s, 2), .unsent = db_int(&s, 3)};
        char hash[MEDIA_REF_HASH];
        take(hash, sizeof hash, &s, 0);
        use.live = db_int(&s, 1) - use.trashed;
        rc = each(arg, hash, &use, error);
        if (rc)
            break;
    }
    db_finish(&s);
    return rc == RAUM_END ? 0 : rc;
}
