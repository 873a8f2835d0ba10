#include "engine/archive.h"

#include "base/base64.h"
#include "base/utf8.h"
#include "engine/ddl.h"
#include "engine/intern.h"
#include "engine/row.h"
#include "engine/spaces.h"
#include "schema/rights.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PART_BYTES ((size_t)4 << 20) /* a file of rows goes on in the next one behind this */
#define LINE_MAX ((size_t)16 << 20)
#define NAME_BYTES 256

struct exporting {
    struct raum *r;
    const struct archive_sink *sink;
    const struct archive_media *media;
    struct archive_report *report;
    struct arena arena; /* of one row */
    struct buf text;    /* of one file of rows */
    struct json_writer w;
    const struct space **spaces;
    unsigned char digest[RAUM_HASH_BYTES];
    int64_t entries;
    const char *unsent; /* only what no server has, as an offline space of this id; NULL: all */
};

/* ---- entries ---- */

static int put(struct exporting *x, const char *name, const void *data, size_t len,
               struct raum_error *error)
{
    archive_digest(x->r->env, x->digest, name, data, len);
    x->entries++;
    return x->sink->put(x->sink->ctx, name, data, len, error);
}

static int put_text(struct exporting *x, const char *name, struct raum_error *error)
{
    int result = buf_error(&x->text, error);
    if (result == 0)
        result = put(x, name, buf_text(&x->text), x->text.len, error);
    buf_reset(&x->text);
    return result;
}

/* One file of rows: its name without number and end, and how many parts are out. */
struct part {
    char stem[NAME_BYTES - 32];
    int number;
};

static int part_flush(struct exporting *x, struct part *p, struct raum_error *error)
{
    char name[NAME_BYTES];
    if (x->text.len == 0 && !x->text.error)
        return 0;
    if (p->number++)
        snprintf(name, sizeof name, "%s.%d.jsonl", p->stem, p->number);
    else
        snprintf(name, sizeof name, "%s.jsonl", p->stem);
    return put_text(x, name, error);
}

static int part_line(struct exporting *x, struct part *p, struct raum_error *error)
{
    buf_char(&x->text, '\n');
    if (x->text.len < PART_BYTES)
        return buf_error(&x->text, error);
    return part_flush(x, p, error);
}

/* ---- rows ---- */

static void put_stamp(struct exporting *x, const struct stamp *s)
{
    char at[CLOCK_TEXT];
    const struct actor *actor = intern_actor(x->r, s->actor);
    clock_format(s->at, at);
    json_open_object(&x->w);
    if (actor && actor->agent[0]) {
        json_put_key(&x->w, "agent");
        json_put_str(&x->w, actor->agent);
    }
    json_put_key(&x->w, "at");
    json_put_str(&x->w, at);
    if (actor) {
        json_put_key(&x->w, "by");
        json_put_str(&x->w, intern_account(x->r, actor->account));
        json_put_key(&x->w, "dev");
        json_put_str(&x->w, actor->device);
    }
    json_put_key(&x->w, "origin");
    json_put_str(&x->w, stamp_origin_name(s->origin));
    json_close_object(&x->w);
}

static void put_stamp_name(struct exporting *x, const struct schema_table *t, int tag)
{
    char number[8];
    const struct schema_field *f = t ? schema_field_tag(t, tag) : NULL;
    for (const struct schema_field *b = schema_base; !f && b->name; b++)
        f = b->tag == tag ? b : NULL;
    snprintf(number, sizeof number, "#%d", tag);
    json_put_key(&x->w, f ? f->name : number);
}

static void put_stamps(struct exporting *x, const struct row *row)
{
    const struct stamps *s = &row->stamps;
    json_open_object(&x->w);
    for (int unknown = 0; unknown < 2; unknown++) {
        if (unknown) {
            json_put_key(&x->w, "row");
            put_stamp(x, &s->row);
        }
        json_put_key(&x->w, unknown ? "unknown" : "fields");
        json_open_object(&x->w);
        for (uint32_t i = 0; i < s->count; i++) {
            const struct stamp_entry *e = &s->entries[i];
            if ((e->tag == 0) != unknown)
                continue;
            if (unknown)
                json_put_key_len(&x->w, e->name, e->name_len);
            else
                put_stamp_name(x, row->table, e->tag);
            put_stamp(x, &e->stamp);
        }
        json_close_object(&x->w);
    }
    json_close_object(&x->w);
}

/* RAUM_END: its key is not here. */
static int put_value(struct exporting *x, const struct row *row, const struct schema_field *f,
                     const struct value *v, const char *key, struct raum_error *error)
{
    struct value open;
    int result = value_open(x->r, row, f, v, &x->arena, &open, error);
    if (result == RAUM_EKEY_MISSING) {
        x->report->unopened++;
        return 0;
    }
    if (result < 0 || open.kind == VALUE_NULL)
        return result;
    json_put_key(&x->w, key);
    if (f)
        return value_put_json(x->r, row, f, &open, &x->w, error);
    json_put_raw(&x->w, open.text, open.len);
    return 0;
}

static int put_base(struct exporting *x, const struct row *row, int position, const char *key,
                    struct raum_error *error)
{
    return put_value(x, row, row_field(row->table, position), &row->values[position], key, error);
}

/* By name, whatever the order of the schema. */
static int put_fields(struct exporting *x, const struct row *row, struct raum_error *error)
{
    int order[ROW_VALUES_MAX], count = 0, result = 0;
    for (int i = ROW_BASE; i < row_count(row->table); i++) {
        int at = count++;
        for (; at > 0 && strcmp(row_field(row->table, i)->name,
                                row_field(row->table, order[at - 1])->name) < 0;
             at--)
            order[at] = order[at - 1];
        order[at] = i;
    }
    json_open_object(&x->w);
    for (int i = 0; i < count && result == 0; i++)
        result = put_base(x, row, order[i], row_field(row->table, order[i])->name, error);
    json_close_object(&x->w);
    return result;
}

static int put_row(struct exporting *x, const struct row *row, struct raum_error *error)
{
    json_begin(&x->w, &x->text);
    json_open_object(&x->w);
    json_put_key(&x->w, "author");
    json_put_str(&x->w, intern_account(x->r, row->author));
    int result = put_base(x, row, ROW_CREATED_AT, "createdAt", error);
    if (result == 0)
        result = put_base(x, row, ROW_DELETED_AT, "deletedAt", error);
    if (result == 0)
        result = put_value(x, row, NULL, &row->extra, "extra", error);
    json_put_key(&x->w, "fields");
    if (result == 0)
        result = put_fields(x, row, error);
    else
        json_put_null(&x->w);
    json_put_key(&x->w, "id");
    json_put_str(&x->w, row->id);
    json_put_key(&x->w, "stamps");
    put_stamps(x, row);
    if (!row->table) {
        json_put_key(&x->w, "table");
        json_put_str(&x->w, row->opaque);
    }
    if (result == 0)
        result = put_base(x, row, ROW_VISIBILITY, "visibility", error);
    json_close_object(&x->w);
    return result;
}

/* Somebody else's private row: it is not this account's to hand on (G-T9). */
static bool hidden(const struct exporting *x, const struct row *row)
{
    const struct value *v = &row->values[ROW_VISIBILITY];
    return row->author != x->r->account_ref && v->kind == VALUE_TEXT && v->len == 7 &&
           memcmp(v->text, "private", 7) == 0;
}

/* ---- only what was not sent ---- */

static int dirty_tags(struct exporting *x, const struct row *row, uint64_t *tags,
                      struct raum_error *error)
{
    struct db_stmt s = {0};
    *tags = 0;
    int result = db_prepare(x->r->db, &s, &db_grant_own,
                            "SELECT fields FROM dirty WHERE n = ?1 AND tbl = ?2", error);
    if (result == 0) {
        db_bind_int(&s, 1, row->n);
        db_bind_int(&s, 2, row->table ? row->table->number : DDL_OPAQUE);
        result = db_step(&s, error);
    }
    if (result == 0)
        *tags = (uint64_t)db_int(&s, 0);
    db_finish(&s);
    return result == RAUM_END ? 0 : result;
}

static bool by_self(const struct exporting *x, const struct stamp *s)
{
    const struct actor *actor = intern_actor(x->r, s->actor);
    return actor && actor->account == x->r->account_ref;
}

/* Of the unknown fields those that this account wrote. */
static int own_unknown(struct exporting *x, struct row *row, const struct stamps *all,
                       struct raum_error *error)
{
    struct value open = {0};
    struct json_doc doc;
    struct json_writer w;
    struct buf text;
    int result = value_open(x->r, row, NULL, &row->extra, &x->arena, &open, error);
    row->extra = (struct value){0};
    if (result < 0 || open.kind != VALUE_TEXT)
        return result == RAUM_EKEY_MISSING ? 0 : result;
    json_init(&doc);
    buf_init(&text, SCHEMA_EXTRA_MAX);
    json_begin(&w, &text);
    json_open_object(&w);
    result = json_parse(&doc, open.text, open.len, 0, error);
    struct json_value root = json_root(&doc);
    for (struct json_value v = result == 0 ? json_first(root) : (struct json_value){0};
         v.doc && result == 0; v = json_next(root, v)) {
        const char *name = json_str(json_key(v), &x->arena);
        struct stamp s = stamps_get(all, 0, name ? name : "", name ? strlen(name) : 0);
        if (!name || !by_self(x, &s))
            continue;
        json_put_key(&w, name);
        json_put_value(&w, v);
        result = stamps_set(&row->stamps, 0, name, strlen(name), s, &x->arena);
    }
    json_close_object(&w);
    if (result == 0)
        result = buf_error(&text, error);
    row->extra = (struct value){.kind = VALUE_TEXT, .len = (uint32_t)text.len};
    row->extra.text = arena_copy(&x->arena, buf_text(&text), text.len);
    json_release(&doc);
    buf_release(&text);
    return result == 0 && !row->extra.text ? err_set(error, RAUM_ENOMEM, NULL) : result;
}

/* A row of one's own, made of what one wrote in it: what others wrote stays behind with the space.
 */
static int keep_unsent(struct exporting *x, struct row *row, uint64_t tags,
                       struct raum_error *error)
{
    struct stamps all = row->stamps;
    struct stamp newest = {0};
    char at[CLOCK_TEXT];
    int result = 0;
    row->author = x->r->account_ref;
    row->stamps.count = 0;
    row->stamps.entries = NULL;
    for (int i = 0; i < row_count(row->table) && result == 0; i++) {
        const struct schema_field *f = row_field(row->table, i);
        struct stamp s = stamps_get(&all, f->tag, NULL, 0);
        if ((tags & (UINT64_C(1) << f->tag)) == 0) {
            if (i >= ROW_BASE && f->right != RIGHT_FIXED)
                row->values[i] = (struct value){0};
            continue;
        }
        if (s.at >= newest.at)
            newest = s;
        result = stamps_set(&row->stamps, f->tag, NULL, 0, s, &x->arena);
    }
    if (result < 0)
        return err_set(error, result, NULL);
    bool making = tags & (UINT64_C(1) << TAG_CREATED_AT);
    row->stamps.row = making || !newest.at ? all.row : newest;
    if (!making && newest.at) {
        clock_format(newest.at, at);
        row->values[ROW_CREATED_AT] = (struct value){
            .kind = VALUE_TEXT, .len = (uint32_t)strlen(at), .text = arena_str(&x->arena, at)};
        if (!row->values[ROW_CREATED_AT].text)
            return err_set(error, RAUM_ENOMEM, NULL);
    }
    if (tags & 1)
        return own_unknown(x, row, &all, error);
    row->extra = (struct value){0};
    return 0;
}

/* Does the row show a picture of this device, which no server has? */
static int shows_picture(struct exporting *x, const struct row *row, bool *out,
                         struct raum_error *error)
{
    struct db_stmt s = {0};
    const struct schema_field *f = row->table ? schema_field(row->table, "mediaId", 7) : NULL;
    if (!f && row->table)
        f = schema_field(row->table, "mediaIds", 8);
    const struct value *v = f ? &row->values[row_position(row->table, f)] : NULL;
    *out = false;
    if (!v || v->kind != VALUE_TEXT)
        return 0;
    int result =
        db_prepare(x->r->db, &s, &db_grant_own,
                   "SELECT 1 FROM media WHERE space = ?1 AND deleted IS NULL AND sent = 0 AND "
                   "instr(?2, id) > 0 LIMIT 1",
                   error);
    if (result == 0) {
        db_bind_int(&s, 1, row->space);
        db_bind_text(&s, 2, v->text, v->len);
        result = db_step(&s, error);
    }
    *out = result == 0;
    db_finish(&s);
    return result == RAUM_END ? 0 : result;
}

/* A row of one's own that shows such a picture goes with it, as far as one wrote it. */
static int tags_of_picture(struct exporting *x, const struct row *row, uint64_t *tags,
                           struct raum_error *error)
{
    bool shows = false;
    int result = row->author == x->r->account_ref ? shows_picture(x, row, &shows, error) : 0;
    for (int i = 0; i < row_count(row->table) && shows; i++) {
        const struct schema_field *f = row_field(row->table, i);
        struct stamp s = stamps_get(&row->stamps, f->tag, NULL, 0);
        if (by_self(x, &s))
            *tags |= UINT64_C(1) << f->tag;
    }
    return result;
}

static int only_unsent(struct exporting *x, struct row *row, bool *skip, struct raum_error *error)
{
    uint64_t tags;
    int result = dirty_tags(x, row, &tags, error);
    if (result == 0)
        result = tags_of_picture(x, row, &tags, error);
    *skip = tags == 0;
    return result == 0 && tags ? keep_unsent(x, row, tags, error) : result;
}

static int export_row(struct exporting *x, struct part *p, uint32_t space,
                      const struct schema_table *t, const char *table, const char *id,
                      struct raum_error *error)
{
    struct row row;
    bool skip = false;
    int result = row_load(x->r, space, t, table, id, &x->arena, &row, error);
    if (result == 0 && x->unsent)
        result = only_unsent(x, &row, &skip, error);
    if (result == 0 && !skip && !hidden(x, &row)) {
        result = put_row(x, &row, error);
        if (result == 0)
            result = part_line(x, p, error);
        x->report->rows++;
    }
    arena_reset(&x->arena);
    return result == RAUM_END ? 0 : result;
}

/* ---- the ids of a table, in order ---- */

struct ids {
    struct arena arena;
    char **list;
    size_t count, cap;
};

static int ids_add(struct ids *ids, const char *id, struct raum_error *error)
{
    if (ids->count == ids->cap) {
        size_t cap = ids->cap ? ids->cap * 2 : 64;
        char **list = realloc(ids->list, cap * sizeof *list);
        if (!list)
            return err_set(error, RAUM_ENOMEM, NULL);
        ids->list = list;
        ids->cap = cap;
    }
    ids->list[ids->count] = id ? arena_str(&ids->arena, id) : NULL;
    return ids->list[ids->count++] ? 0 : err_set(error, RAUM_ENOMEM, NULL);
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Slots are stored by the number of their person: shown and sorted by the person's id. */
static int export_slots(struct exporting *x, struct part *p, struct db_stmt *s, uint32_t space,
                        const struct schema_table *t, struct raum_error *error)
{
    struct ids ids = {0};
    int result;
    arena_init(&ids.arena, (size_t)64 << 20);
    while ((result = db_step(s, error)) == 0) {
        const char *stored = db_text(s, 0, NULL), *colon = stored ? strchr(stored, ':') : NULL;
        const char *person =
            colon ? intern_account(x->r, (uint32_t)strtoul(stored, NULL, 10)) : NULL;
        result = !person ? err_at(error, "archive", RAUM_ECORRUPT, "a slot of nobody")
                         : ids_add(&ids, arena_printf(&ids.arena, "%s%s", person, colon), error);
        if (result < 0)
            break;
    }
    if (result == RAUM_END)
        result = 0;
    if (ids.count)
        qsort(ids.list, ids.count, sizeof *ids.list, by_text);
    for (size_t i = 0; i < ids.count && result == 0; i++)
        result = export_row(x, p, space, t, NULL, ids.list[i], error);
    free(ids.list);
    arena_release(&ids.arena);
    return result;
}

static int export_table(struct exporting *x, int n, uint32_t space, const struct schema_table *t,
                        struct raum_error *error)
{
    struct part p = {.number = 0};
    struct db_stmt s = {0};
    char sql[200];
    snprintf(p.stem, sizeof p.stem, "spaces/%d/%s", n, t ? t->name : "other");
    if (t)
        snprintf(sql, sizeof sql, "SELECT id FROM \"data_%s\" WHERE space = ?1 ORDER BY id",
                 t->name);
    else
        snprintf(sql, sizeof sql,
                 "SELECT id, tbl FROM data_opaque WHERE space = ?1 ORDER BY tbl, id");
    int result = db_prepare(x->r->db, &s, &db_grant_own, sql, error);
    if (result == 0) {
        db_bind_int(&s, 1, space);
        if (t && schema_is_slots(t))
            result = export_slots(x, &p, &s, space, t, error);
        else
            while (result == 0 && (result = db_step(&s, error)) == 0)
                result = export_row(x, &p, space, t, t ? NULL : db_text(&s, 1, NULL),
                                    db_text(&s, 0, NULL), error);
    }
    db_finish(&s);
    if (result == RAUM_END || result == 0)
        result = part_flush(x, &p, error);
    return result;
}

/* ---- pictures ---- */

static void put_column(struct json_writer *w, struct db_stmt *s, int at, const char *name)
{
    size_t len;
    json_put_key(w, name);
    if (db_is_null(s, at))
        json_put_null(w);
    else if (sqlite3_column_type(s->stmt, at) == SQLITE_INTEGER)
        json_put_int(w, db_int(s, at));
    else {
        const char *text = db_text(s, at, &len);
        json_put_text(w, text, len);
    }
}

#define SENT_COLUMN 7 /* written only where it says something */

static int export_media_lines(struct exporting *x, int n, uint32_t space, struct raum_error *error)
{
    static const char *const names[] = {"bytes", "created", "deleted", "hash", "height",
                                        "id",    "purpose", "sent",    "type", "width"};
    struct part p = {.number = 0};
    struct db_stmt s = {0};
    snprintf(p.stem, sizeof p.stem, "spaces/%d/media", n);
    int result = db_prepare(
        x->r->db, &s, &db_grant_own,
        "SELECT bytes, created, deleted, hash, height, id, purpose, nullif(sent, 0), type, width "
        "FROM media WHERE space = ?1 AND (?2 = 0 OR sent = 0) ORDER BY id",
        error);
    if (result == 0) {
        db_bind_int(&s, 1, space);
        db_bind_int(&s, 2, x->unsent != NULL);
    }
    while (result == 0 && (result = db_step(&s, error)) == 0) {
        json_begin(&x->w, &x->text);
        json_open_object(&x->w);
        for (int i = 0; i < 10; i++)
            if (i != SENT_COLUMN || !db_is_null(&s, i))
                put_column(&x->w, &s, i, names[i]);
        json_close_object(&x->w);
        result = part_line(x, &p, error);
    }
    db_finish(&s);
    return result == RAUM_END || result == 0 ? part_flush(x, &p, error) : result;
}

static int export_picture(struct exporting *x, const char *hash, const char *type,
                          struct raum_error *error)
{
    char name[NAME_BYTES];
    void *data = NULL;
    size_t len = 0;
    int result = RAUM_ENOT_FOUND;
    if (x->media && x->media->read)
        result = x->media->read(x->media->ctx, hash, &data, &len, error);
    if (result == RAUM_ENOT_FOUND) {
        x->report->missing++;
        return 0;
    }
    if (result == 0) {
        snprintf(name, sizeof name, "media/%s.%s", hash, type);
        result = put(x, name, data, len, error);
        x->report->pictures++;
    }
    free(data);
    return result;
}

static int export_pictures(struct exporting *x, uint32_t space, struct raum_error *error)
{
    struct db_stmt s = {0};
    int result = db_prepare(
        x->r->db, &s, &db_grant_own,
        "SELECT hash, min(type) FROM media WHERE deleted IS NULL AND (?2 = 0 OR sent = 0) AND"
        " (space = ?1 OR (?1 = 0 AND space IN (SELECT ref FROM spaces WHERE role > 0)))"
        " GROUP BY hash ORDER BY hash",
        error);
    if (result == 0) {
        db_bind_int(&s, 1, space);
        db_bind_int(&s, 2, x->unsent != NULL);
    }
    while (result == 0 && (result = db_step(&s, error)) == 0)
        result = export_picture(x, db_text(&s, 0, NULL), db_text(&s, 1, NULL), error);
    db_finish(&s);
    return result == RAUM_END ? 0 : result;
}

/* ---- the whole ---- */

static int rank(const struct space *s)
{
    return s->type < 0 ? 0 : s->type == SPACE_PERSONAL ? 1 : 2;
}

static int by_place(const void *a, const void *b)
{
    const struct space *left = *(const struct space *const *)a,
                       *right = *(const struct space *const *)b;
    return rank(left) != rank(right) ? rank(left) - rank(right) : strcmp(left->id, right->id);
}

static int choose_spaces(struct exporting *x, uint32_t space, struct raum_error *error)
{
    x->spaces = calloc(x->r->space_count + 1, sizeof *x->spaces);
    if (!x->spaces)
        return err_set(error, RAUM_ENOMEM, NULL);
    for (uint32_t ref = 1; ref < x->r->space_count; ref++) {
        const struct space *s = intern_space(x->r, ref);
        if (s && (s->role > ROLE_NONE || x->unsent) && (space == 0 || space == ref))
            x->spaces[x->report->spaces++] = s;
    }
    if (x->report->spaces == 0)
        return err_at(error, "archive", RAUM_ENOT_FOUND, "no such space");
    qsort(x->spaces, (size_t)x->report->spaces, sizeof *x->spaces, by_place);
    return 0;
}

/* What was not sent comes back as a space of one's own. */
static void put_unsent_space(struct exporting *x, const struct space *s)
{
    char name[RAUM_ID_MAX], slug[40];
    int len = (int)utf8_cut(s->name, strlen(s->name), sizeof name - 16);
    snprintf(name, sizeof name, "Quarantine: %.*s", len, s->name);
    spaces_slug(name, slug);
    json_put_key(&x->w, "id"), json_put_str(&x->w, x->unsent);
    json_put_key(&x->w, "name"), json_put_str(&x->w, name);
    json_put_key(&x->w, "offline"), json_put_bool(&x->w, true);
    json_put_key(&x->w, "role"), json_put_str(&x->w, rights_role_name(ROLE_OWNER));
    json_put_key(&x->w, "slug"), json_put_str(&x->w, slug);
}

static void put_space(struct exporting *x, const struct space *s)
{
    json_put_key(&x->w, "id"), json_put_str(&x->w, s->id);
    json_put_key(&x->w, "name"), json_put_str(&x->w, s->name);
    json_put_key(&x->w, "offline"), json_put_bool(&x->w, s->offline);
    json_put_key(&x->w, "role"), json_put_str(&x->w, rights_role_name(s->role));
    json_put_key(&x->w, "slug"), json_put_str(&x->w, s->slug);
}

static int export_manifest(struct exporting *x, struct raum_error *error)
{
    json_begin(&x->w, &x->text);
    x->w.pretty = true;
    json_open_object(&x->w);
    json_put_key(&x->w, "account"), json_put_str(&x->w, x->r->account);
    json_put_key(&x->w, "format"), json_put_str(&x->w, ARCHIVE_FORMAT);
    json_put_key(&x->w, "schema"), json_put_int(&x->w, SCHEMA_VERSION);
    json_put_key(&x->w, "spaces");
    json_open_array(&x->w);
    for (int i = 0; i < x->report->spaces; i++) {
        const struct space *s = x->spaces[i];
        json_open_object(&x->w);
        if (x->unsent)
            put_unsent_space(x, s);
        else
            put_space(x, s);
        json_put_key(&x->w, "type");
        json_put_str(&x->w, s->type < 0 ? "user" : schema_space_type_name(s->type));
        json_close_object(&x->w);
    }
    json_close_array(&x->w);
    json_put_key(&x->w, "version"), json_put_int(&x->w, ARCHIVE_VERSION);
    json_close_object(&x->w);
    buf_char(&x->text, '\n');
    return put_text(x, "manifest.json", error);
}

static int export_end(struct exporting *x, struct raum_error *error)
{
    char digest[2 * RAUM_HASH_BYTES + 1];
    hex_put(digest, x->digest, sizeof x->digest);
    buf_printf(&x->text, "{\"digest\":\"%s\",\"entries\":%lld}\n", digest, (long long)x->entries);
    return put_text(x, "end.json", error);
}

static int export_all(struct exporting *x, uint32_t space, struct raum_error *error)
{
    int result = replica_look(x->r, error);
    if (result == 0)
        result = choose_spaces(x, space, error);
    if (result == 0)
        result = export_manifest(x, error);
    for (int n = 0; n < x->report->spaces && result == 0; n++) {
        uint32_t ref = x->spaces[n]->ref;
        for (const struct schema_table *t = schema_tables; t->name && result == 0; t++)
            result = export_table(x, n, ref, t, error);
        if (result == 0)
            result = export_table(x, n, ref, NULL, error);
        if (result == 0)
            result = export_media_lines(x, n, ref, error);
    }
    if (result == 0)
        result = export_pictures(x, space, error);
    return result ? result : export_end(x, error);
}

static int export_whole(struct exporting *x, uint32_t space, struct raum_error *error)
{
    struct raum *r = x->r;
    *x->report = (struct archive_report){0};
    memcpy(x->report->account, r->account, sizeof x->report->account);
    arena_init(&x->arena, (size_t)64 << 20);
    buf_init(&x->text, PART_BYTES + LINE_MAX);
    /* A reading transaction: one state of the database, and nobody waits for us. */
    bool own = r->depth == 0;
    int result = own ? db_exec(r->db, "BEGIN", error) : 0;
    if (result == 0) {
        result = export_all(x, space, error);
        int end = own ? db_exec(r->db, "ROLLBACK", result ? NULL : error) : 0;
        result = result ? result : end;
    }
    free(x->spaces);
    buf_release(&x->text);
    arena_release(&x->arena);
    return result;
}

int archive_export(struct raum *r, uint32_t space, const struct archive_sink *sink,
                   const struct archive_media *media, struct archive_report *report,
                   struct raum_error *error)
{
    struct exporting x = {.r = r, .sink = sink, .media = media, .report = report};
    return export_whole(&x, space, error);
}

int archive_export_unsent(struct raum *r, uint32_t space, const char *as,
                          const struct archive_sink *sink, const struct archive_media *media,
                          struct archive_report *report, struct raum_error *error)
{
    struct exporting x = {.r = r, .sink = sink, .media = media, .report = report, .unsent = as};
    return export_whole(&x, space, error);
}
