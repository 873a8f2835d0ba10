#include "engine/media_work.h"

#include "base/json.h"
#include <limits.h>
#include <stdio.h>
#include <string.h>

#define LIST_MAX ((size_t)1 << 20) /* a row's list of pictures, as text */
/* Of spaces that the server knows. */
#define KNOWN "s.offline = 0 AND s.role > 0 AND s.type >= 0"
#define PART "(?2 = 0 OR m.space = ?2) AND (?3 IS NULL OR m.id = ?3)"

static int prepare(struct raum *r, struct db_stmt *s, const char *sql, struct raum_error *error)
{
    return db_prepare(r->db, s, &db_grant_own, sql, error);
}

bool media_work_is_id(const char *id, size_t len)
{
    static const char letters[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";
    if (!id || len == 0 || len >= MEDIA_ID_MAX)
        return false;
    for (size_t i = 0; i < len; i++)
        if (!id[i] || !strchr(letters, id[i]))
            return false;
    return id[0] != '.' && !(len == 7 && memcmp(id, "uploads", 7) == 0);
}

static void take(char *out, size_t size, struct db_stmt *s, int at)
{
    const char *text = db_text(s, at, NULL);
    snprintf(out, size, "%s", text ? text : "");
}

/* ---- what rows show ---- */

void media_watch_init(struct media_watch *w, struct raum *r)
{
    *w = (struct media_watch){.r = r};
    buf_init(&w->before, LIST_MAX);
}

void media_watch_release(struct media_watch *w)
{
    for (int i = 0; i < MEDIA_WATCH_TABLES; i++)
        db_finish(&w->shown[i]);
    db_finish(&w->want);
    db_finish(&w->look);
    buf_release(&w->before);
}

/* The statement that reads what a row of this table shows; NULL: it shows no pictures. */
static int statement(struct media_watch *w, const struct schema_table *t, struct db_stmt **out,
                     struct raum_error *error)
{
    char sql[200];
    int i = 0, rc = 0;
    *out = NULL;
    if (!t || t->level != LEVEL_SPACE || t == w->plain)
        return 0;
    const char *field = schema_field(t, "mediaId", 7)    ? "mediaId"
                        : schema_field(t, "mediaIds", 8) ? "mediaIds"
                                                         : NULL;
    if (!field) {
        w->plain = t;
        return 0;
    }
    while (i < MEDIA_WATCH_TABLES - 1 && w->tables[i] && w->tables[i] != t)
        i++;
    if (w->tables[i] != t) {
        db_finish(&w->shown[i]);
        snprintf(sql, sizeof sql,
                 "SELECT \"%s\" FROM \"data_%s\" WHERE space = ?1 AND id = ?2 AND deletedAt IS NULL"
                 " AND \"%s\" IS NOT NULL",
                 field, t->name, field);
        rc = prepare(w->r, &w->shown[i], sql, error);
        w->tables[i] = rc == 0 ? t : NULL;
    }
    *out = &w->shown[i];
    return rc;
}

/* What a live row shows, as the text of its field; empty: nothing. */
static int read_shown(struct db_stmt *s, uint32_t space, const char *id, struct buf *out,
                      struct raum_error *error)
{
    size_t len = 0;
    buf_reset(out);
    db_bind_int(s, 1, space);
    db_bind_str(s, 2, id);
    int rc = db_step(s, error);
    const char *text = rc == 0 ? db_text(s, 0, &len) : NULL;
    if (text)
        buf_add(out, text, len);
    db_reset(s);
    return rc == 0 ? buf_error(out, error) : rc == RAUM_END ? 0 : rc;
}

int media_watch_before(struct media_watch *w, uint32_t space, const struct schema_table *t,
                       const char *id, struct raum_error *error)
{
    struct db_stmt *s;
    int rc = statement(w, t, &s, error);
    return rc || !s ? rc : read_shown(s, space, id, &w->before, error);
}

/* Each id of `list` that is not in `other` as well. A list is one id, or a JSON list of them. */
static int each_new(uint32_t space, const struct buf *list, const struct buf *other,
                    struct db_stmt *act, struct raum_error *error)
{
    struct json_doc doc, there;
    struct arena a;
    int rc = 0;
    json_init(&doc);
    json_init(&there);
    arena_init(&a, 4 * LIST_MAX);
    bool lists = list->len && list->data[0] == '[';
    if (lists && json_parse(&doc, list->data, list->len, 0, NULL) == 0) {
        bool known = other->len && json_parse(&there, other->data, other->len, 0, NULL) == 0;
        struct json_value root = json_root(&doc), others = json_root(&there);
        for (struct json_value v = json_first(root); v.doc && rc == 0; v = json_next(root, v)) {
            const char *id = json_str(v, &a);
            bool new = id &&media_work_is_id(id, strlen(id));
            for (struct json_value o = known ? json_first(others) : (struct json_value){0};
                 o.doc && new; o = json_next(others, o)) {
                const char *text = json_str(o, &a);
                new = !text || strcmp(text, id) != 0;
            }
            if (!new)
                continue;
            db_bind_int(act, 1, space);
            db_bind_str(act, 2, id);
            rc = db_run(act, error);
        }
    } else if (!lists && media_work_is_id(list->data, list->len)) {
        db_bind_int(act, 1, space);
        db_bind_text(act, 2, list->data, list->len);
        rc = db_run(act, error);
    }
    arena_release(&a);
    json_release(&doc);
    json_release(&there);
    return rc;
}

static int acts(struct media_watch *w, struct raum_error *error)
{
    int rc = w->want.stmt ? 0
                          : prepare(w->r, &w->want,
                                    "INSERT INTO media_work (space, id, work) SELECT ?1, ?2,"
                                    " CASE WHEN EXISTS (SELECT 1 FROM media WHERE space = ?1 AND"
                                    " id = ?2) THEN 1 ELSE 4 END WHERE NOT EXISTS (SELECT 1 FROM"
                                    " media WHERE space = ?1 AND id = ?2 AND deleted IS NULL)"
                                    " ON CONFLICT DO UPDATE SET after = 0",
                                    error);
    if (rc == 0 && !w->look.stmt)
        rc = prepare(w->r, &w->look,
                     "INSERT INTO media_work (space, id, work) SELECT ?1, ?2, 1 WHERE EXISTS"
                     " (SELECT 1 FROM media WHERE space = ?1 AND id = ?2) OR EXISTS (SELECT 1"
                     " FROM media_work WHERE space = ?1 AND id = ?2 AND work IN (4, 5))"
                     " ON CONFLICT DO NOTHING",
                     error);
    return rc;
}

int media_watch_after(struct media_watch *w, uint32_t space, const struct schema_table *t,
                      const char *id, struct raum_error *error)
{
    struct db_stmt *s;
    struct buf now;
    int rc = statement(w, t, &s, error);
    if (rc || !s)
        return rc;
    buf_init(&now, LIST_MAX);
    rc = read_shown(s, space, id, &now, error);
    bool same =
        now.len == w->before.len && (!now.len || memcmp(now.data, w->before.data, now.len) == 0);
    if (rc == 0 && !same)
        rc = acts(w, error);
    if (rc == 0 && !same)
        rc = each_new(space, &now, &w->before, &w->want, error);
    if (rc == 0 && !same)
        rc = each_new(space, &w->before, &now, &w->look, error);
    buf_release(&now);
    return rc;
}

/* ---- work ---- */

static int change(struct raum *r, uint32_t space, const char *id, int work, const char *sql,
                  struct raum_error *error)
{
    struct db_stmt s;
    int rc = prepare(r, &s, sql, error);
    if (rc)
        return rc;
    db_bind_int(&s, 1, space);
    db_bind_str(&s, 2, id);
    db_bind_int(&s, 3, work);
    rc = db_run(&s, error);
    db_finish(&s);
    return rc;
}

int media_work_add(struct raum *r, uint32_t space, const char *id, enum media_work work,
                   struct raum_error *error)
{
    if (!media_work_is_id(id, strlen(id)))
        return 0;
    return change(r, space, id, work,
                  "INSERT INTO media_work (space, id, work) VALUES (?1, ?2, ?3)"
                  " ON CONFLICT DO UPDATE SET after = 0",
                  error);
}

int media_work_done(struct raum *r, uint32_t space, const char *id, enum media_work work,
                    struct raum_error *error)
{
    return change(r, space, id, work,
                  "DELETE FROM media_work WHERE space = ?1 AND id = ?2 AND work = ?3", error);
}

int media_work_has(struct raum *r, uint32_t space, const char *id, enum media_work work, bool *out,
                   struct raum_error *error)
{
    struct db_stmt s;
    int rc = prepare(r, &s, "SELECT 1 FROM media_work WHERE space = ?1 AND id = ?2 AND work = ?3",
                     error);
    if (rc)
        return rc;
    db_bind_int(&s, 1, space);
    db_bind_str(&s, 2, id);
    db_bind_int(&s, 3, work);
    rc = db_step(&s, error);
    *out = rc == 0;
    db_finish(&s);
    return rc == RAUM_END ? 0 : rc;
}

int media_work_later(struct raum *r, const struct media_job *job, int64_t after_ms, int code,
                     const char *note, struct raum_error *error)
{
    struct db_stmt s;
    int rc = replica_begin(r, error);
    if (rc)
        return rc;
    rc = prepare(r, &s,
                 "INSERT INTO media_work (space, id, work, tries, after, code, note)"
                 " VALUES (?1, ?2, ?3, 1, ?4, ?5, ?6) ON CONFLICT DO UPDATE SET"
                 " tries = tries + 1, after = ?4, code = ?5, note = ?6",
                 error);
    if (rc == 0) {
        db_bind_int(&s, 1, job->space);
        db_bind_str(&s, 2, job->id);
        db_bind_int(&s, 3, job->work);
        db_bind_int(&s, 4, after_ms);
        db_bind_int(&s, 5, code);
        if (note)
            db_bind_str(&s, 6, note);
        else
            db_bind_null(&s, 6);
        rc = db_run(&s, error);
        db_finish(&s);
    }
    return replica_end(r, rc, error);
}

int media_work_place(struct raum *r, const struct media_job *job, const char *place,
                     struct raum_error *error)
{
    struct db_stmt s;
    int rc = replica_begin(r, error);
    if (rc)
        return rc;
    rc = prepare(r, &s,
                 "INSERT INTO media_work (space, id, work, place) VALUES (?1, ?2, ?3, ?4)"
                 " ON CONFLICT DO UPDATE SET place = ?4",
                 error);
    if (rc == 0) {
        db_bind_int(&s, 1, job->space);
        db_bind_str(&s, 2, job->id);
        db_bind_int(&s, 3, job->work);
        if (*place)
            db_bind_str(&s, 4, place);
        else
            db_bind_null(&s, 4);
        rc = db_run(&s, error);
        db_finish(&s);
    }
    return replica_end(r, rc, error);
}

static const char next_work[] =
    "SELECT m.space, m.id, m.tries, m.place, m.after FROM media_work m JOIN spaces s ON"
    " s.ref = m.space WHERE m.work = ?1 AND m.code = 0 AND " KNOWN " AND " PART
    " ORDER BY m.after LIMIT 1";
static const char next_unsent[] =
    "SELECT m.space, m.id, coalesce(w.tries, 0), w.place, coalesce(w.after, 0) AS due"
    " FROM spaces s CROSS JOIN media m ON m.space = s.ref LEFT JOIN media_work w ON"
    " w.space = m.space AND w.id = m.id AND w.work = ?1 WHERE " KNOWN " AND m.sent = 0"
    " AND m.deleted IS NULL AND coalesce(w.code, 0) = 0 AND " PART " ORDER BY due LIMIT 1";

int media_work_next(struct raum *r, enum media_work work, const struct media_part *part,
                    int64_t now_ms, struct media_job *out, int64_t *due, struct raum_error *error)
{
    struct db_stmt s;
    *due = INT64_MAX;
    int rc = prepare(r, &s, work == MEDIA_DO_SEND ? next_unsent : next_work, error);
    if (rc)
        return rc;
    db_bind_int(&s, 1, work);
    db_bind_int(&s, 2, part->space);
    if (part->id)
        db_bind_str(&s, 3, part->id);
    rc = db_step(&s, error);
    if (rc == 0) {
        *out = (struct media_job){
            .space = (uint32_t)db_int(&s, 0), .work = work, .tries = (int)db_int(&s, 2)};
        take(out->id, sizeof out->id, &s, 1);
        take(out->place, sizeof out->place, &s, 3);
        *due = db_int(&s, 4);
        rc = *due <= now_ms ? 0 : RAUM_END;
    }
    db_finish(&s);
    return rc;
}

int media_work_retry(struct raum *r, bool refused, struct raum_error *error)
{
    int rc = replica_begin(r, error);
    if (rc)
        return rc;
    rc = db_exec(r->db, "UPDATE media_work SET after = 0 WHERE after <> 0 AND code = 0", error);
    if (rc == 0 && refused)
        rc = db_exec(r->db,
                     "UPDATE media_work SET after = 0, code = 0, tries = 0, note = NULL"
                     " WHERE code <> 0",
                     error);
    return replica_end(r, rc, error);
}

int media_work_offer_all(struct raum *r, struct raum_error *error)
{
    return db_exec(r->db, "UPDATE media SET sent = 0 WHERE sent = 1", error);
}

int media_work_state(struct raum *r, uint32_t space, struct media_state *out,
                     struct raum_error *error)
{
    struct db_stmt s;
    *out = (struct media_state){0};
    int rc = prepare(
        r, &s,
        "SELECT (SELECT count(*) FROM spaces s CROSS JOIN media m ON m.space = s.ref WHERE " KNOWN
        " AND (?1 = 0 OR m.space = ?1) AND m.sent = 0 AND m.deleted IS NULL AND NOT EXISTS"
        " (SELECT 1 FROM media_work w WHERE w.space = m.space AND w.id = m.id AND w.work = 3"
        " AND w.code <> 0)),"
        " total(w.work IN (4, 5) AND w.code = 0), total(w.code <> 0),"
        " total(w.work = 2 AND w.code = 0) FROM media_work w JOIN spaces s ON s.ref = w.space"
        " WHERE " KNOWN " AND (?1 = 0 OR w.space = ?1)",
        error);
    if (rc)
        return rc;
    db_bind_int(&s, 1, space);
    rc = db_step(&s, error);
    if (rc == 0)
        *out = (struct media_state){db_int(&s, 0), db_int(&s, 1), db_int(&s, 2), db_int(&s, 3)};
    db_finish(&s);
    return rc;
}

int media_work_refused(struct raum *r, media_refused *each, void *arg, struct raum_error *error)
{
    struct db_stmt s;
    int rc = prepare(r, &s,
                     "SELECT m.space, m.id, m.work, m.code, m.note FROM media_work m"
                     " JOIN spaces s ON s.ref = m.space WHERE m.code <> 0 AND " KNOWN
                     " ORDER BY m.space, m.id",
                     error);
    if (rc)
        return rc;
    while ((rc = db_step(&s, error)) == 0) {
        rc = each(arg, (uint32_t)db_int(&s, 0), db_text(&s, 1, NULL), (int)db_int(&s, 2),
                  (int)db_int(&s, 3), db_text(&s, 4, NULL), error);
        if (rc)
            break;
    }
    db_finish(&s);
    return rc == RAUM_END ? 0 : rc;
}

/* ---- looking ---- */

/* Every table that shows pictures, of one space; what is read once for all that are asked. */
static void put_shown(struct buf *sql, const char *where)
{
    const char *or = "";
    for (const struct schema_table *t = schema_tables; t->name; t++) {
        if (t->level == LEVEL_SPACE && schema_field(t, "mediaId", 7)) {
            buf_printf(sql, "%sSELECT mediaId FROM \"data_%s\" WHERE space = ?1%s", or, t->name,
                       where);
            or = " UNION ALL ";
        } else if (t->level == LEVEL_SPACE && schema_field(t, "mediaIds", 8)) {
            buf_printf(sql,
                       "%sSELECT j.value FROM \"data_%s\" d, json_each(d.mediaIds) j"
                       " WHERE d.space = ?1%s",
                       or, t->name, where);
            or = " UNION ALL ";
        }
    }
}

static int look_in(struct raum *r, uint32_t space, struct media_seen *list, int *count,
                   struct raum_error *error)
{
    struct db_stmt s = {0};
    struct buf sql;
    buf_init(&sql, 65536);
    buf_str(&sql, "WITH live(id) AS MATERIALIZED (");
    put_shown(&sql, " AND deletedAt IS NULL");
    buf_str(&sql, "), named(id) AS MATERIALIZED (");
    put_shown(&sql, "");
    buf_str(&sql, ") SELECT id, id IN (SELECT id FROM live WHERE id IS NOT NULL), id IN (SELECT id"
                  " FROM named WHERE id IS NOT NULL) FROM media_work WHERE space = ?1 AND"
                  " work = 1 LIMIT 100");
    int rc = buf_error(&sql, error);
    if (rc == 0)
        rc = prepare(r, &s, buf_text(&sql), error);
    buf_release(&sql);
    if (rc)
        return rc;
    db_bind_int(&s, 1, space);
    while (*count < MEDIA_SEEN_MAX && (rc = db_step(&s, error)) == 0) {
        struct media_seen *seen = &list[(*count)++];
        take(seen->id, sizeof seen->id, &s, 0);
        seen->shown = db_int(&s, 1) != 0;
        seen->named = db_int(&s, 2) != 0;
    }
    db_finish(&s);
    return rc == RAUM_END ? 0 : rc;
}

int media_work_look(struct raum *r, uint32_t *space, struct media_seen *list, int *count,
                    struct raum_error *error)
{
    int64_t first = 0;
    *count = 0;
    int rc =
        db_query_int(r->db, "SELECT space FROM media_work WHERE work = 1 LIMIT 1", &first, error);
    *space = (uint32_t)first;
    if (rc)
        return rc == RAUM_END ? 0 : rc;
    return look_in(r, *space, list, count, error);
}
