#include "sync/outgoing.h"

#include "base/plant.h"
#include "engine/ddl.h"
#include "engine/intern.h"
#include "engine/row.h"
#include "engine/seal.h"
#include <string.h>

#define EXTRA_BIT UINT64_C(1) /* of the dirty mask: unknown fields */
#define NUMBER_BITS 40

struct outgoing_row {
    const struct schema_table *table;
    int64_t n;
    uint64_t tags; /* those that were sent */
};

struct taking {
    struct raum *r;
    struct arena *a;
    struct outgoing *out;
    size_t bytes;
};

/* ---- one row as a change ---- */

static void put_stamp(struct taking *t, const struct stamp *s, struct merge_field *f)
{
    const struct actor *actor = intern_actor(t->r, s->actor);
    f->stamp = (struct merge_stamp){.at = s->at, .origin = s->origin};
    if (actor) {
        f->stamp.dev = arena_str(t->a, actor->device);
        f->stamp.by = arena_str(t->a, intern_account(t->r, actor->account));
        f->stamp.agent = actor->agent[0] ? arena_str(t->a, actor->agent) : NULL;
    }
}

static bool is_own(const struct raum *r, const struct stamp *s)
{
    const struct actor *actor = intern_actor(r, s->actor);
    return actor && actor->account == r->account_ref;
}

static int put_value(struct taking *t, const struct row *row, const struct schema_field *f,
                     const struct value *v, struct merge_field *out, struct raum_error *error)
{
    struct buf text;
    struct json_writer w;
    buf_init(&text, SCHEMA_EXTRA_MAX);
    json_begin(&w, &text);
    int result = value_put_wire(t->r, row, f, v, &w, error);
    if (result == 0)
        result = buf_error(&text, error);
    if (result == 0) {
        out->len = text.len;
        out->value = arena_copy(t->a, buf_text(&text), text.len);
        if (!out->value)
            result = err_set(error, RAUM_ENOMEM, NULL);
        t->bytes += text.len + 160;
    }
    buf_release(&text);
    return result;
}

static int add_known(struct taking *t, const struct row *row, int position, struct wire_change *c,
                     struct raum_error *error)
{
    const struct schema_field *f = row_field(row->table, position);
    struct stamp s = stamps_get(&row->stamps, f->tag, NULL, 0);
    if (!is_own(t->r, &s)) /* its writer tells it */
        return 0;
    struct merge_field *out = &c->fields[c->count++];
    *out = (struct merge_field){.name = f->name};
    put_stamp(t, &s, out);
    return put_value(t, row, f, &row->values[position], out, error);
}

/* Unknown fields go all or none: the dirty set has one mark for them. */
static int add_unknown(struct taking *t, const struct row *row, struct wire_change *c,
                       struct raum_error *error)
{
    struct value open = {0};
    struct json_doc doc;
    int result = value_open(t->r, row, NULL, &row->extra, t->a, &open, error);
    if (result < 0 || open.kind != VALUE_TEXT)
        return result;
    json_init(&doc);
    result = json_parse(&doc, open.text, open.len, 0, error);
    struct json_value root = json_root(&doc);
    for (struct json_value v = result == 0 ? json_first(root) : (struct json_value){0};
         v.doc && c->count < WIRE_FIELDS_MAX; v = json_next(root, v)) {
        const char *name = json_str(json_key(v), t->a);
        if (!name) {
            result = err_set(error, RAUM_ENOMEM, NULL);
            break;
        }
        struct stamp s = stamps_get(&row->stamps, 0, name, strlen(name));
        if (!is_own(t->r, &s))
            continue;
        struct merge_field *out = &c->fields[c->count++];
        *out = (struct merge_field){.name = name};
        out->value = json_raw(v, &out->len); /* lent from the arena's copy */
        put_stamp(t, &s, out);
        t->bytes += out->len + 160;
    }
    json_release(&doc);
    return result;
}

static int add_author(struct taking *t, const struct row *row, struct wire_change *c,
                      struct raum_error *error)
{
    struct merge_field *out = &c->fields[c->count++];
    struct stamp s = stamps_get(&row->stamps, TAG_AUTHOR, NULL, 0);
    struct buf text;
    struct json_writer w;
    *out = (struct merge_field){.name = "authorId"};
    put_stamp(t, &s, out);
    buf_init(&text, 4096);
    json_begin(&w, &text);
    json_put_str(&w, intern_account(t->r, row->author));
    out->len = text.len;
    out->value = arena_copy(t->a, buf_text(&text), text.len);
    int result = buf_error(&text, error);
    buf_release(&text);
    return result == 0 && !out->value ? err_set(error, RAUM_ENOMEM, NULL) : result;
}

static int fill(struct taking *t, const struct row *row, uint64_t tags, struct wire_change *c,
                struct raum_error *error)
{
    const struct space *s = intern_space(t->r, row->space);
    int result = 0;
    bool making = (tags & (UINT64_C(1) << TAG_CREATED_AT)) != 0 && row->author == t->r->account_ref;
    bool deleted = (tags & (UINT64_C(1) << TAG_DELETED_AT)) != 0 &&
                   row->values[ROW_DELETED_AT].kind != VALUE_NULL;
    *c = (struct wire_change){.app = row->table ? row->table->app : NULL,
                              .table = row->table ? row->table->name : row->opaque,
                              .id = row->id,
                              .op = making    ? WIRE_INSERT
                                    : deleted ? WIRE_DELETE
                                              : WIRE_UPDATE};
    c->space = s ? arena_str(t->a, s->id) : NULL;
    c->fields = arena_zero(t->a, WIRE_FIELDS_MAX * sizeof *c->fields);
    if (!c->space || !c->fields)
        return err_set(error, RAUM_ENOMEM, NULL);
    bool user = row->table && row->table->level == LEVEL_USER;
    for (int i = user ? ROW_CREATED_AT : 0; i < row_count(row->table) && result == 0; i++)
        if (tags & (UINT64_C(1) << row_field(row->table, i)->tag))
            result = add_known(t, row, i, c, error);
    if (result == 0 && making)
        result = add_author(t, row, c, error);
    if (result == 0 && (tags & EXTRA_BIT))
        result = add_unknown(t, row, c, error);
    return result;
}

/* ---- the dirty set ---- */

static int take_row(struct taking *t, int64_t n, int table, uint64_t tags, struct raum_error *error)
{
    struct row row;
    const struct schema_table *known = table == DDL_OPAQUE ? NULL : schema_table_number(table);
    struct outgoing *out = t->out;
    int result = row_load_number(t->r, known, n, t->a, &row, error);
    if (result == RAUM_END) /* erased meanwhile */
        return 0;
    if (result == 0)
        result = fill(t, &row, tags, &out->changes[out->count], error);
    if (result == RAUM_EKEY_MISSING) /* cannot be read here now: it waits for its key */
        return 0;
    if (result < 0)
        return result;
    out->rows[out->count++] = (struct outgoing_row){known, n, tags};
    return 0;
}

/* Spaces that the server knows, or learns by itself: one's own sentinel. */
static const char pending_sql[] =
    "SELECT d.n, d.tbl, d.fields FROM dirty d JOIN spaces s ON s.ref = d.n >> 40 WHERE s.role > 0 "
    "AND (s.offline = 0 OR s.type <= 0) AND NOT EXISTS (SELECT 1 FROM parked p WHERE p.n = d.n AND "
    "p.tbl = d.tbl) ORDER BY d.tbl, d.n";

int outgoing_take(struct raum *r, struct arena *a, struct outgoing *out, struct raum_error *error)
{
    struct db_stmt s = {0};
    struct taking t = {.r = r, .a = a, .out = out};
    *out = (struct outgoing){0};
    out->changes = arena_zero(a, OUTGOING_CHANGES_MAX * sizeof *out->changes);
    out->rows = arena_zero(a, OUTGOING_CHANGES_MAX * sizeof *out->rows);
    if (!out->changes || !out->rows)
        return err_set(error, RAUM_ENOMEM, NULL);
    int result = replica_look(r, error);
    if (result == 0)
        result = db_prepare(r->db, &s, &db_grant_own, pending_sql, error);
    while (result == 0 && (result = db_step(&s, error)) == 0) {
        if (out->count == OUTGOING_CHANGES_MAX || t.bytes >= OUTGOING_BYTES_MAX) {
            out->more = true;
            break;
        }
        result = take_row(&t, db_int(&s, 0), (int)db_int(&s, 1), (uint64_t)db_int(&s, 2), error);
    }
    db_finish(&s);
    return result == RAUM_END ? 0 : result;
}

int outgoing_waits(struct raum *r, bool *out, struct raum_error *error)
{
    struct db_stmt s = {0};
    int result = replica_look(r, error);
    if (result == 0)
        result = db_prepare(r->db, &s, &db_grant_own, pending_sql, error);
    if (result == 0)
        result = db_step(&s, error);
    *out = result == 0;
    db_finish(&s);
    return result == RAUM_END ? 0 : result;
}

/* ---- what becomes of them ---- */

static const struct merge_field *sent(const struct wire_change *c, const char *name)
{
    for (uint32_t i = 0; i < c->count; i++)
        if (strcmp(c->fields[i].name, name) == 0)
            return &c->fields[i];
    return NULL;
}

/* The tags that were sent and have not been written since. What was not sent was another's then,
 * and is done with unless it was written here since. */
static uint64_t unchanged(const struct raum *r, const struct row *row, const struct wire_change *c,
                          uint64_t tags)
{
    uint64_t done = 0;
    bool user = row->table && row->table->level == LEVEL_USER;
    for (int i = 0; i < row_count(row->table); i++) {
        const struct schema_field *f = row_field(row->table, i);
        const struct merge_field *s = sent(c, f->name);
        if ((tags & (UINT64_C(1) << f->tag)) == 0)
            continue;
        struct stamp now = stamps_get(&row->stamps, f->tag, NULL, 0);
        bool others = !s && (!is_own(r, &now) || (user && i == ROW_VISIBILITY));
        if (others || (s && s->stamp.at == now.at) || PLANT(SYNC_ACK))
            done |= UINT64_C(1) << f->tag;
    }
    return done;
}

static bool unknown_unchanged(const struct raum *r, const struct row *row,
                              const struct wire_change *c)
{
    for (uint32_t i = 0; i < row->stamps.count; i++) {
        const struct stamp_entry *e = &row->stamps.entries[i];
        if (e->tag != 0 || !is_own(r, &e->stamp))
            continue;
        const struct merge_field *s = NULL;
        for (uint32_t k = 0; k < c->count && !s; k++)
            if (strlen(c->fields[k].name) == e->name_len &&
                memcmp(c->fields[k].name, e->name, e->name_len) == 0)
                s = &c->fields[k];
        if (!s || s->stamp.at != e->stamp.at)
            return false;
    }
    return true;
}

static int clear(struct raum *r, const struct outgoing_row *row, uint64_t tags,
                 struct raum_error *error)
{
    struct db_stmt s = {0};
    int result =
        db_prepare(r->db, &s, &db_grant_own,
                   "UPDATE dirty SET fields = fields & ~?3 WHERE n = ?1 AND tbl = ?2", error);
    if (result == 0) {
        db_bind_int(&s, 1, row->n);
        db_bind_int(&s, 2, row->table ? row->table->number : DDL_OPAQUE);
        db_bind_int(&s, 3, (int64_t)tags);
        result = db_run(&s, error);
    }
    db_finish(&s);
    if (result == 0)
        result = db_prepare(r->db, &s, &db_grant_own,
                            "DELETE FROM dirty WHERE n = ?1 AND tbl = ?2 AND fields = 0", error);
    if (result == 0) {
        db_bind_int(&s, 1, row->n);
        db_bind_int(&s, 2, row->table ? row->table->number : DDL_OPAQUE);
        result = db_run(&s, error);
    }
    db_finish(&s);
    return result;
}

/* The row that was sent. RAUM_END: it was erased meanwhile, and its number may be another's. */
static int load_sent(struct raum *r, const struct outgoing *o, uint32_t index, struct arena *a,
                     struct row *row, struct raum_error *error)
{
    const struct outgoing_row *of = &o->rows[index];
    const struct wire_change *c = &o->changes[index];
    int result = row_load_number(r, of->table, of->n, a, row, error);
    bool same = result == 0 && strcmp(row->id, c->id) == 0 &&
                (of->table || strcmp(row->opaque, c->table) == 0);
    return result < 0 ? result : same ? 0 : RAUM_END;
}

int outgoing_done(struct raum *r, const struct outgoing *o, uint32_t index,
                  struct raum_error *error)
{
    const struct outgoing_row *of = &o->rows[index];
    const struct wire_change *c = &o->changes[index];
    struct arena a;
    struct row row;
    int result = replica_begin(r, error);
    if (result < 0)
        return result;
    arena_init(&a, 64u << 20);
    result = load_sent(r, o, index, &a, &row, error);
    if (result == 0) {
        uint64_t done = unchanged(r, &row, c, of->tags);
        if ((of->tags & EXTRA_BIT) && unknown_unchanged(r, &row, c))
            done |= EXTRA_BIT;
        if (of->tags & (UINT64_C(1) << TAG_AUTHOR)) /* goes with the making */
            done |= UINT64_C(1) << TAG_AUTHOR;
        result = clear(r, of, done, error);
    }
    arena_release(&a);
    return replica_end(r, result == RAUM_END ? 0 : result, error);
}

int outgoing_park(struct raum *r, const struct outgoing *o, uint32_t index, int code,
                  struct raum_error *error)
{
    const struct outgoing_row *of = &o->rows[index];
    struct db_stmt s = {0};
    struct arena a;
    struct row row;
    int result = replica_begin(r, error);
    if (result < 0)
        return result;
    arena_init(&a, 64u << 20);
    result = load_sent(r, o, index, &a, &row, error);
    arena_release(&a);
    if (result) /* with its row went what was refused of it */
        return replica_end(r, result == RAUM_END ? 0 : result, error);
    result = db_prepare(r->db, &s, &db_grant_own,
                        "INSERT INTO parked (n, tbl, code) VALUES (?1, ?2, ?3) ON CONFLICT (n, "
                        "tbl) DO UPDATE SET code = excluded.code",
                        error);
    if (result == 0) {
        db_bind_int(&s, 1, of->n);
        db_bind_int(&s, 2, of->table ? of->table->number : DDL_OPAQUE);
        db_bind_int(&s, 3, code);
        result = db_run(&s, error);
    }
    db_finish(&s);
    return replica_end(r, result, error);
}

int outgoing_retry(struct raum *r, int code, struct raum_error *error)
{
    struct db_stmt s = {0};
    int result = replica_begin(r, error);
    if (result < 0)
        return result;
    result =
        db_prepare(r->db, &s, &db_grant_own, "DELETE FROM parked WHERE ?1 = 0 OR code = ?1", error);
    if (result == 0) {
        db_bind_int(&s, 1, code);
        result = db_run(&s, error);
    }
    db_finish(&s);
    return replica_end(r, result, error);
}

/* The making of a row of one's own, and the fields that this account wrote last. */
static int offer_row(void *arg, struct row *row, struct raum_error *error)
{
    struct raum *r = arg;
    uint64_t tags = 0;
    bool extra = false;
    if (PLANT(SYNC_OFFER))
        return 0;
    for (int i = 0; i < row_count(row->table); i++) {
        const struct schema_field *f = row_field(row->table, i);
        struct stamp s = stamps_get(&row->stamps, f->tag, NULL, 0);
        if (is_own(r, &s))
            tags |= UINT64_C(1) << f->tag;
    }
    /* Unknown fields that were made with the row have no stamp of their own. */
    extra = row->extra.kind != VALUE_NULL && is_own(r, &row->stamps.row);
    for (uint32_t i = 0; i < row->stamps.count && !extra; i++)
        extra = row->stamps.entries[i].tag == 0 && is_own(r, &row->stamps.entries[i].stamp);
    return tags || extra ? dirty_mark(r, row, tags, extra, error) : 0;
}

int outgoing_offer_all(struct raum *r, struct raum_error *error)
{
    int result = replica_begin(r, error);
    if (result < 0)
        return result;
    for (uint32_t ref = 0; ref < r->space_count && result == 0; ref++) {
        const struct space *s = intern_space(r, ref);
        if (s && s->id && s->role != 0 && (!s->offline || s->type <= 0))
            result = row_walk(r, ref, offer_row, r, error);
    }
    return replica_end(r, result, error);
}

/* ---- a clock that was ahead ---- */

/* Of any hand that this device sends for: an agent's, a guest's before it signed in. */
static bool is_late(const struct raum *r, const struct stamp *s, uint64_t limit)
{
    return s->at > limit && is_own(r, s);
}

/* A stamp is shared by many fields, also by such that were taken already, for a clock may be a
 * little ahead: what gets another time is to be sent again, or here and there would differ. */
static int restamp_row(struct raum *r, const struct outgoing_row *of, uint64_t limit,
                       struct arena *a, struct raum_error *error)
{
    struct row row;
    uint64_t tags = 0;
    int result = row_load_number(r, of->table, of->n, a, &row, error);
    if (result)
        return result == RAUM_END ? 0 : result;
    bool whole = is_late(r, &row.stamps.row, limit), extra = whole && row.extra.kind != VALUE_NULL;
    for (int i = 0; i < row_count(row.table); i++) {
        const struct schema_field *f = row_field(row.table, i);
        struct stamp s = stamps_get(&row.stamps, f->tag, NULL, 0);
        if (is_late(r, &s, limit))
            tags |= UINT64_C(1) << f->tag;
    }
    struct stamp maker = stamps_get(&row.stamps, TAG_AUTHOR, NULL, 0);
    if (is_late(r, &maker, limit)) /* goes with the making */
        tags |= UINT64_C(1) << TAG_CREATED_AT;
    uint64_t at = clock_tick(&r->clock, clock_ms(limit));
    if (whole)
        row.stamps.row.at = at;
    for (uint32_t i = 0; i < row.stamps.count; i++) {
        struct stamp_entry *e = &row.stamps.entries[i];
        if (!is_late(r, &e->stamp, limit))
            continue;
        extra |= e->tag == 0;
        e->stamp.at = at;
    }
    if (!tags && !extra)
        return 0;
    result = row_update(r, &row, 0, a, error);
    return result ? result : dirty_mark(r, &row, tags, extra, error);
}

int outgoing_restamp(struct raum *r, uint64_t server_time, struct raum_error *error)
{
    struct db_stmt s = {0};
    struct arena a;
    int result = replica_begin(r, error);
    if (result < 0)
        return result;
    r->clock.last = server_time;
    arena_init(&a, 64u << 20);
    result =
        db_prepare(r->db, &s, &db_grant_own, "SELECT n, tbl FROM dirty ORDER BY tbl, n", error);
    while (result == 0 && (result = db_step(&s, error)) == 0) {
        int table = (int)db_int(&s, 1);
        struct outgoing_row of = {table == DDL_OPAQUE ? NULL : schema_table_number(table),
                                  db_int(&s, 0), 0};
        result = restamp_row(r, &of, server_time, &a, error);
        arena_reset(&a);
    }
    db_finish(&s);
    arena_release(&a);
    return replica_end(r, result == RAUM_END ? 0 : result, error);
}

int outgoing_state(struct raum *r, uint32_t space, struct outgoing_state *out,
                   struct raum_error *error)
{
    struct db_stmt s = {0};
    int result = replica_look(r, error);
    if (result == 0)
        result = db_prepare(r->db, &s, &db_grant_own,
                            "SELECT count(*), count(p.n) FROM dirty d LEFT JOIN parked p ON p.n = "
                            "d.n AND p.tbl = d.tbl WHERE ?1 = 0 OR d.n >> 40 = ?1",
                            error);
    if (result == 0) {
        db_bind_int(&s, 1, space);
        result = db_step(&s, error);
    }
    if (result == 0) {
        out->parked = db_int(&s, 1);
        out->pending = db_int(&s, 0) - out->parked;
    }
    db_finish(&s);
    return result;
}

static int tell_parked(struct raum *r, struct db_stmt *s, struct arena *a, outgoing_each *each,
                       void *arg, struct raum_error *error)
{
    struct row row;
    int table = (int)db_int(s, 1);
    int result = row_load_number(r, table == DDL_OPAQUE ? NULL : schema_table_number(table),
                                 db_int(s, 0), a, &row, error);
    if (result)
        return result == RAUM_END ? 0 : result;
    const struct space *space = intern_space(r, row.space);
    return each(arg, space ? space->id : "", row.table ? row.table->name : row.opaque, row.id,
                (int)db_int(s, 2), error);
}

int outgoing_parked(struct raum *r, outgoing_each *each, void *arg, struct raum_error *error)
{
    struct db_stmt s = {0};
    struct arena a;
    int result = replica_look(r, error);
    if (result < 0)
        return result;
    arena_init(&a, 64u << 20);
    result = db_prepare(r->db, &s, &db_grant_own, "SELECT n, tbl, code FROM parked ORDER BY tbl, n",
                        error);
    while (result == 0 && (result = db_step(&s, error)) == 0) {
        result = tell_parked(r, &s, &a, each, arg, error);
        arena_reset(&a);
    }
    db_finish(&s);
    arena_release(&a);
    return result == RAUM_END ? 0 : result;
}
