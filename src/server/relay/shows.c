/* Which pictures a record shows: `media_refs`, kept in the record's own transaction, for whoever is
 * asked for a picture (server/media/media.h). A reference is to the picture of the account that
 * wrote it, or else to one which that account could read when it wrote it: naming an id that one
 * cannot read opens nothing, then or later (G-P2, G-P7). */
#include "server/relay/change.h"

#include <string.h>

#define SHOWN_MAX 64 /* pictures of a record; what is beyond is not shown to others */

struct shown {
    const char *media, *by, *owner;
    bool private, live, kept;
    const char *author;
};
struct shows {
    struct relay_change *c;
    struct shown now[SHOWN_MAX], before[SHOWN_MAX];
    int now_count, before_count;
    const char *author;
    bool private, live;
};

static const char *const fields[] = {"mediaId", "mediaIds", NULL};

/* A write of a text alone shows what was shown. */
static bool concerns(const struct relay_change *c)
{
    static const char *const others[] = {"visibility", "deletedAt", NULL};
    bool any = false, touched = !c->stored->exists;
    for (int i = 0; fields[i]; i++)
        any = any || merge_find(&c->record, fields[i]);
    for (uint32_t i = 0; any && !touched && i < c->count; i++)
        for (int k = 0; k < 2; k++)
            touched = touched || strcmp(c->fields[i].name, fields[k]) == 0 ||
                      strcmp(c->fields[i].name, others[k]) == 0;
    return any && touched;
}

static int add_now(struct shows *s, struct json_value v, const char *by)
{
    const char *media = json_str(v, s->c->a);
    if (!media || !*media)
        return 0; /* null */
    for (int i = 0; i < s->now_count; i++)
        if (strcmp(s->now[i].media, media) == 0)
            return 0;
    if (s->now_count < SHOWN_MAX)
        s->now[s->now_count++] = (struct shown){.media = media, .by = by};
    return 0;
}

static int read_now(struct shows *s)
{
    int result = 0;
    for (int i = 0; fields[i] && result == 0; i++) {
        const struct merge_field *f = merge_find(&s->c->record, fields[i]);
        struct json_doc doc;
        if (!f)
            continue;
        json_init(&doc);
        result = json_parse(&doc, f->value, f->len, 0, NULL);
        struct json_value root = json_root(&doc);
        if (result == 0 && json_is(root, JSON_ARRAY))
            for (struct json_value v = json_first(root); v.doc; v = json_next(root, v))
                add_now(s, v, f->stamp.by);
        else if (result == 0)
            add_now(s, root, f->stamp.by);
        json_release(&doc);
        if (result == RAUM_EBAD_JSON)
            result = 0;
    }
    return result;
}

static int read_before(struct shows *s, struct raum_error *error)
{
    struct relay_change *c = s->c;
    struct sql_rows *rows;
    int result = sql_many(c->relay->sql, &rows, error,
                          "SELECT media, owner, author, private, live FROM media_refs"
                          " WHERE space = ?1 AND tbl = ?2 AND record = ?3",
                          "sis", c->part->id, c->stored->tbl, c->wire->id);
    while (result == 0 && s->before_count < SHOWN_MAX && (result = sql_next(rows, error)) == 0) {
        struct shown *one = &s->before[s->before_count++];
        *one = (struct shown){.media = sql_copy(rows, "media", c->a),
                              .owner = sql_copy(rows, "owner", c->a),
                              .author = sql_copy(rows, "author", c->a),
                              .private = sql_int(rows, "private") != 0,
                              .live = sql_int(rows, "live") != 0};
        if (!one->media || !one->owner || !one->author)
            result = err_set(error, RAUM_ENOMEM, NULL);
    }
    sql_rows_free(rows);
    return result == RAUM_END ? 0 : result;
}

/* Whose picture a new reference means. */
static int find_owner(struct shows *s, struct shown *one, struct raum_error *error)
{
    struct relay_change *c = s->c;
    struct sql_rows *rows;
    one->owner = one->by ? one->by : c->who->account;
    int result =
        sql_one(c->relay->sql, &rows, error,
                "SELECT m.owner AS owner FROM media m WHERE m.space = ?1 AND m.id = ?2"
                " AND m.deleted IS NULL AND (m.owner = ?3 OR EXISTS (SELECT 1 FROM media_refs r"
                " WHERE r.media = m.id AND r.space = m.space AND r.owner = m.owner AND r.live = 1"
                " AND (r.private = 0 OR r.author = ?3)))"
                " ORDER BY CASE WHEN m.owner = ?3 THEN 0 ELSE 1 END, m.created LIMIT 1",
                "sss", c->part->id, one->media, one->owner);
    if (result == 0 && !(one->owner = sql_copy(rows, "owner", c->a)))
        result = err_set(error, RAUM_ENOMEM, NULL);
    sql_rows_free(rows);
    return result == RAUM_END ? 0 : result; /* it comes later, or never */
}

/* From now on records alone decide who sees it; 30 days from now it may go (G-P4). */
static int unshow(struct shows *s, const struct shown *one, struct raum_error *error)
{
    return sql_run(s->c->relay->sql, error,
                   "UPDATE media SET used = 1, seen = ?4 WHERE space = ?1 AND id = ?2"
                   " AND owner = ?3",
                   "sssi", s->c->part->id, one->media, one->owner, s->c->now_ms);
}

static int put(struct shows *s, struct shown *one, struct raum_error *error)
{
    struct relay_change *c = s->c;
    struct shown *old = NULL;
    for (int i = 0; i < s->before_count && !old; i++)
        if (strcmp(s->before[i].media, one->media) == 0)
            old = &s->before[i];
    if (old) {
        old->kept = true;
        one->owner = old->owner;
        if (old->live == s->live && old->private == s->private &&
            strcmp(old->author, s->author) == 0)
            return 0;
    }
    int result = old ? 0 : find_owner(s, one, error);
    if (result == 0)
        result = sql_run(c->relay->sql, error,
                         "INSERT INTO media_refs (space, tbl, record, media, owner, author,"
                         " private, live) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)"
                         " ON CONFLICT (space, tbl, record, media) DO UPDATE SET author = ?6,"
                         " private = ?7, live = ?8",
                         "sissssii", c->part->id, c->stored->tbl, c->wire->id, one->media,
                         one->owner, s->author, (int64_t)s->private, (int64_t)s->live);
    return result == 0 && !s->live ? unshow(s, one, error) : result;
}

static int drop(struct shows *s, const struct shown *one, struct raum_error *error)
{
    struct relay_change *c = s->c;
    int result = sql_run(c->relay->sql, error,
                         "DELETE FROM media_refs WHERE space = ?1 AND tbl = ?2 AND record = ?3"
                         " AND media = ?4",
                         "siss", c->part->id, c->stored->tbl, c->wire->id, one->media);
    return result ? result : unshow(s, one, error);
}

static bool is_dead(const struct merge_record *r)
{
    const struct merge_field *f = merge_find(r, "deletedAt");
    return f && !(f->len == 4 && memcmp(f->value, "null", 4) == 0);
}

int relay_shows(struct relay_change *c, bool is_private, struct raum_error *error)
{
    if (c->part->type < 0 || !concerns(c))
        return 0;
    struct shows *s = arena_zero(c->a, sizeof *s);
    if (!s)
        return RAUM_ENOMEM;
    s->c = c;
    s->private = is_private;
    s->live = !is_dead(&c->record);
    s->author = relay_text(&c->record, "authorId", c->a);
    if (!s->author)
        s->author = c->who->account;
    int result = read_now(s);
    if (result == 0 && c->stored->exists)
        result = read_before(s, error);
    for (int i = 0; i < s->now_count && result == 0; i++)
        result = put(s, &s->now[i], error);
    for (int i = 0; i < s->before_count && result == 0; i++)
        if (!s->before[i].kept)
            result = drop(s, &s->before[i], error);
    return result;
}
