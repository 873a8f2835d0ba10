/* Undoing a run: from what a call wrote (agents.h: writes) and what the history of the relay says
 * was there before. Newest call first; a field that holds something else by now was edited since,
 * and stays. What is put back is a write of the person who undoes, merged and judged like any
 * other (G-A4, G-T12). */
#include "base/clock.h"
#include "server/agents/agents.h"
#include "server/relay/inside.h"
#include "server/relay/store.h"
#include <stdlib.h>
#include <string.h>

#define CALLS_MAX 500
#define MEMORY_MAX ((size_t)96 << 20)
#define EDITED "EDITED"
#define DEVICE "undo" /* in stamps; nobody else is called that */

/* A field as it would be if what was undone so far had not been. */
struct field {
    const char *name, *value; /* value NULL: not there */
    size_t len;
    uint64_t at;
    const char *dev;
    bool touched; /* something was undone */
    const char *left;
};
struct row {
    const char *table, *id;
    const struct schema_table *type;
    struct relay_record stored;
    struct field *fields;
    uint32_t count;
    bool hidden;      /* another's private row: it is not there (G-T9) */
    uint64_t made_at; /* the run made it, then */
    const char *made_dev;
    struct row *next;
};
/* One exchange of a call: what it wrote to a stretch of seq. */
struct stretch {
    int64_t from, to;
    const char *dev;
};
struct undo {
    struct call *c;
    struct relay *relay;
    struct relay_caller who;
    struct relay_part part;
    struct arena a;
    struct row *rows, **end;
    uint32_t count;
    int64_t oldest;
    uint64_t newest; /* time of all that is seen */
};

/* ---- rows ---- */

static int read_fields(struct undo *u, struct row *r)
{
    struct relay_record *s = &r->stored;
    int result = relay_body_read(u->relay, s->body, s->len, &u->a, &s->fields, &u->c->error);
    r->fields = arena_zero(&u->a, ((size_t)s->fields.count + 1) * sizeof *r->fields);
    if (result == 0 && !r->fields)
        result = RAUM_ENOMEM;
    for (uint32_t i = 0; result == 0 && i < s->fields.count; i++) {
        const struct merge_field *f = &s->fields.fields[i];
        const char *dev = f->stamp.dev ? f->stamp.dev : "";
        r->fields[r->count++] = (struct field){.name = arena_str(&u->a, f->name),
                                               .value = f->value,
                                               .len = f->len,
                                               .at = f->stamp.at,
                                               .dev = arena_str(&u->a, dev)};
        if (f->stamp.at > u->newest)
            u->newest = f->stamp.at;
        if (!r->fields[i].name || !r->fields[i].dev)
            result = RAUM_ENOMEM;
    }
    return result;
}

static int load(struct undo *u, struct row *r)
{
    struct relay_record *one = &r->stored;
    int64_t account = 0;
    int result = relay_ref_find(u->relay, r->table, &r->stored.tbl, &u->c->error);
    if (result == 0)
        result = relay_ref_find(u->relay, u->who.account, &account, &u->c->error);
    r->stored.id = r->id;
    if (result == 0)
        result = relay_store_load(u->relay->sql, u->part.ref, &one, 1, &u->a, &u->c->error);
    if (result < 0 || !r->stored.exists)
        return result;
    r->hidden = r->stored.is_private && r->stored.author != account;
    return r->hidden ? 0 : read_fields(u, r);
}

static int row_of(struct undo *u, const char *table, const char *id, struct row **out)
{
    for (struct row *r = *out = u->rows; r; r = *out = r->next)
        if (strcmp(r->id, id) == 0 && strcmp(r->table, table) == 0)
            return 0;
    if (u->count == AGENT_UNDO_ROWS_MAX)
        return err_set(&u->c->error, RAUM_ELIMIT, "the run wrote to too many rows");
    struct row *r = *out = arena_zero(&u->a, sizeof *r);
    if (!r)
        return RAUM_ENOMEM;
    r->table = table;
    r->id = id;
    r->type = schema_table(table);
    *u->end = r;
    u->end = &r->next;
    u->count++;
    return load(u, r);
}

static struct field *field_of(struct row *r, const char *name)
{
    for (uint32_t i = 0; i < r->count; i++)
        if (strcmp(r->fields[i].name, name) == 0)
            return &r->fields[i];
    return NULL;
}

/* ---- what was there before ---- */

/* The entry of the history that a stretch made of a row; none: it overwrote nothing. */
static int read_before(struct undo *u, const struct row *r, const struct stretch *s,
                       struct merge_record *out)
{
    struct sql_rows *rows;
    *out = (struct merge_record){0};
    int result = sql_scope(u->relay->sql, "partition", u->part.id, &u->c->error);
    if (result < 0)
        return result;
    result = sql_one(u->relay->sql, &rows, &u->c->error,
                     "SELECT body FROM history WHERE part = ?1 AND seq > ?2 AND seq <= ?3 AND tbl "
                     "= ?4 AND id = ?5 ORDER BY seq LIMIT 1",
                     "iiiis", u->part.ref, s->from, s->to, r->stored.tbl, r->id);
    if (result == 0) {
        size_t len;
        const void *body = sql_bytes(rows, "body", &len);
        const char *kept = arena_copy(&u->a, body, len);
        result =
            kept ? relay_body_read(u->relay, kept, len, &u->a, out, &u->c->error) : RAUM_ENOMEM;
    }
    sql_rows_free(rows);
    return result == RAUM_END ? 0 : result;
}

static int step_back(struct undo *u, struct field *f, const struct merge_record *before)
{
    const struct merge_field *old = merge_find(before, f->name);
    f->touched = true;
    f->value = old ? old->value : NULL;
    f->len = old ? old->len : 0;
    f->at = old ? old->stamp.at : 0;
    f->dev = old && old->stamp.dev ? arena_str(&u->a, old->stamp.dev) : "";
    return f->dev ? 0 : RAUM_ENOMEM;
}

static int undo_row(struct undo *u, const struct stretch *s, struct json_value v)
{
    struct merge_record before;
    struct row *r;
    struct json_value times = json_get(v, "at");
    const char *table = json_str(json_get(v, "table"), &u->a),
               *id = json_str(json_get(v, "id"), &u->a);
    int result = table && id ? row_of(u, table, id, &r) : RAUM_ECORRUPT;
    if (result < 0 || !r->stored.exists || r->hidden)
        return result;
    result = read_before(u, r, s, &before);
    for (struct json_value t = json_first(times); t.doc && result == 0; t = json_next(times, t)) {
        const char *name = json_str(json_key(t), &u->a), *at = json_str(t, &u->a);
        struct field *f = name ? field_of(r, name) : NULL;
        if (!name || !at)
            return RAUM_ECORRUPT;
        if (!f || f->left)
            continue;
        bool same = f->at == strtoull(at, NULL, 10) && strcmp(f->dev, s->dev) == 0;
        if (same && strcmp(name, "createdAt") == 0) {
            r->made_at = f->at;
            r->made_dev = s->dev;
        }
        if (same)
            result = step_back(u, f, &before);
        else
            f->left = EDITED;
    }
    return result;
}

static int undo_writes(struct undo *u, const char *text)
{
    struct json_doc doc;
    json_init(&doc);
    int result = json_parse(&doc, text, strlen(text), 0, &u->c->error);
    struct json_value list = json_root(&doc);
    for (struct json_value v = json_first(list); v.doc && result == 0; v = json_next(list, v)) {
        struct stretch s = {.dev = json_str(json_get(v, "dev"), &u->a)};
        struct json_value rows = json_get(v, "rows");
        bool whole =
            s.dev && json_int(json_get(v, "from"), &s.from) && json_int(json_get(v, "to"), &s.to);
        result = whole ? 0 : RAUM_ECORRUPT;
        for (struct json_value r = json_first(rows); r.doc && result == 0; r = json_next(rows, r))
            result = undo_row(u, &s, r);
    }
    json_release(&doc);
    return result;
}

/* ---- putting it back ---- */

static bool was_made(struct row *r)
{
    struct field *made = field_of(r, "createdAt");
    return made && made->touched && !made->value;
}

/* Did nobody else write to it since? What the relay completed it with is of its making. */
static bool untouched(struct row *r)
{
    for (uint32_t i = 0; i < r->count; i++) {
        const struct field *f = &r->fields[i];
        bool of_making = f->at == r->made_at && strcmp(f->dev, r->made_dev) == 0;
        if (f->left || (f->value && !of_making))
            return false;
    }
    return true;
}

static void write_field(struct undo *u, struct wire_change *w, const char *name, const char *value,
                        size_t len, uint64_t at)
{
    w->fields[w->count++] =
        (struct merge_field){.name = name,
                             .value = value,
                             .len = len,
                             .stamp = {.at = at, .dev = DEVICE, .by = u->who.account}};
}

/* A field that was not there gets what a row is made with. */
static void put_back(struct undo *u, struct row *r, struct field *f, struct wire_change *w,
                     uint64_t at)
{
    const struct schema_field *own = schema_field(r->type, f->name, strlen(f->name));
    const char *value = f->value, *nothing = own && own->fallback ? own->fallback : "null";
    if (!value && nothing[0] == '@') /* the author's id: such a field is fixed anyway */
        nothing = "null";
    write_field(u, w, f->name, value ? value : nothing, value ? f->len : strlen(nothing), at);
}

/* What a row needs, as one change; without fields if nothing. */
static int change_of(struct undo *u, struct row *r, uint64_t at, struct wire_change *w)
{
    char now[CLOCK_TEXT];
    bool made = was_made(r), slot = r->type && schema_is_slots(r->type);
    *w = (struct wire_change){
        .app = r->type ? r->type->app : NULL, .table = r->table, .id = r->id, .op = WIRE_UPDATE};
    w->space = u->part.id;
    w->fields = arena_zero(&u->a, ((size_t)r->count + 1) * sizeof *w->fields);
    if (!w->fields)
        return RAUM_ENOMEM;
    if (made && !untouched(r)) { /* the row stays, and so does all of it */
        for (uint32_t i = 0; i < r->count; i++)
            if (r->fields[i].touched && !r->fields[i].left)
                r->fields[i].left = EDITED;
        return 0;
    }
    if (made && slot) {
        write_field(u, w, "imageId", "null", 4, at);
    } else if (made) {
        clock_format_ms(call_now(u->c), now);
        const char *json = arena_printf(&u->a, "\"%s\"", now);
        if (!json)
            return RAUM_ENOMEM;
        w->op = WIRE_DELETE;
        write_field(u, w, "deletedAt", json, strlen(json), at);
    }
    for (uint32_t i = 0; !made && i < r->count; i++)
        if (r->fields[i].touched && !r->fields[i].left)
            put_back(u, r, &r->fields[i], w, at);
    return 0;
}

static int push(struct undo *u, struct wire_request *q, struct row **of)
{
    struct relay_written *written;
    uint32_t count = 0;
    struct wire_result *results = arena_zero(&u->a, ((size_t)q->count + 1) * sizeof *results);
    if (!results)
        return RAUM_ENOMEM;
    int result = relay_push(u->relay, &u->who, q, &u->a, results, &written, &count, &u->c->error);
    for (uint32_t i = 0; i < q->count && result == 0; i++) {
        const char *why = results[i].status == WIRE_REJECTED ? raum_code_name(results[i].code)
                          : results[i].status == WIRE_STALE  ? EDITED
                                                             : NULL;
        for (uint32_t k = 0; why && k < of[i]->count; k++)
            if (of[i]->fields[k].touched && !of[i]->fields[k].left)
                of[i]->fields[k].left = why;
    }
    return result;
}

static int put_all_back(struct undo *u)
{
    struct wire_request q = {.client = DEVICE, .schema = 1};
    struct clock clock = {u->newest > u->relay->last ? u->newest : u->relay->last};
    uint64_t at = u->relay->last = clock_tick(&clock, call_now(u->c));
    int result = 0;
    struct row **of = arena_zero(&u->a, ((size_t)u->count + 1) * sizeof(struct row *));
    q.changes = arena_zero(&u->a, ((size_t)u->count + 1) * sizeof *q.changes);
    if (!q.changes || !of)
        return RAUM_ENOMEM;
    for (struct row *r = u->rows; r && result == 0; r = r->next) {
        if (!r->stored.exists || r->hidden)
            continue;
        result = change_of(u, r, at, &q.changes[q.count]);
        of[q.count] = r;
        q.count += result == 0 && q.changes[q.count].count > 0;
    }
    return result == 0 && q.count ? push(u, &q, of) : result;
}

/* ---- the run ---- */

/* The calls of it that this account may see, newest first; their space is the first one's. */
static int read_calls(struct undo *u, const char *run, const char **writes, int *count)
{
    struct sql_rows *rows;
    const char *space = NULL;
    int result = sql_scope(u->c->sql, "account", u->who.account, &u->c->error);
    if (result < 0)
        return result;
    result = sql_many(u->c->sql, &rows, &u->c->error,
                      "SELECT c.space AS space, c.writes AS writes FROM agent_calls c"
                      " JOIN members m ON m.space = c.space AND m.account = ?1"
                      " JOIN spaces s ON s.id = c.space AND s.deleted IS NULL"
                      " WHERE (c.run = ?2 OR c.id = ?2) AND c.created > ?3"
                      " ORDER BY c.id DESC LIMIT ?4",
                      "ssii", u->who.account, run, u->oldest, (int64_t)CALLS_MAX);
    while (result == 0 && (result = sql_next(rows, &u->c->error)) == 0) {
        if (!space)
            space = sql_copy(rows, "space", &u->a);
        if (!space || strcmp(space, sql_text(rows, "space")) != 0)
            continue;
        if (!sql_null(rows, "writes") && !(writes[(*count)++] = sql_copy(rows, "writes", &u->a)))
            result = RAUM_ENOMEM;
    }
    sql_rows_free(rows);
    u->part.id = space;
    if (result != RAUM_END)
        return result;
    return space ? 0 : err_set(&u->c->error, RAUM_ENOT_FOUND, "no such run, or it is too old");
}

static int mark_undone(struct undo *u, const char *run)
{
    int result = sql_scope(u->c->sql, "partition", u->part.id, &u->c->error);
    return result ? result
                  : sql_run(u->c->sql, &u->c->error,
                            "UPDATE agent_calls SET undone = ?1 WHERE space = ?2 AND (run = ?3 OR "
                            "id = ?3)",
                            "iss", call_now(u->c), u->part.id, run);
}

static int undo_run(struct undo *u, const char *run)
{
    const char *writes[CALLS_MAX];
    int count = 0;
    int result = read_calls(u, run, writes, &count);
    if (result == 0)
        result = relay_part_open(u->relay, &u->who, &u->part, &u->c->error);
    if (result == 0 && u->part.role == ROLE_NONE)
        result = err_set(&u->c->error, RAUM_ENOT_FOUND, "no such run, or it is too old");
    for (int i = 0; i < count && result == 0; i++)
        result = undo_writes(u, writes[i]);
    if (result == 0)
        result = put_all_back(u);
    return result ? result : mark_undone(u, run);
}

/* ---- telling ---- */

static int tell_row(struct undo *u, struct row *r, struct agent_undone *out)
{
    struct arena *a = u->c->arena;
    size_t room = ((size_t)r->count + 1) * sizeof(char *);
    *out = (struct agent_undone){.table = arena_str(a, r->table), .id = arena_str(a, r->id)};
    out->fields = arena_alloc(a, room);
    out->left = arena_alloc(a, room);
    out->why = arena_alloc(a, room);
    if (!out->table || !out->id || !out->fields || !out->left || !out->why)
        return RAUM_ENOMEM;
    for (uint32_t i = 0; i < r->count; i++) {
        const struct field *f = &r->fields[i];
        const char *name = f->touched || f->left ? arena_str(a, f->name) : "";
        if (!name)
            return RAUM_ENOMEM;
        if (f->left) {
            out->why[out->left_count] = f->left;
            out->left[out->left_count++] = name;
        } else if (f->touched) {
            out->fields[out->count++] = name;
        }
    }
    out->gone = was_made(r) && out->left_count == 0;
    return 0;
}

static int tell(struct undo *u, struct agent_undone **rows, int *count)
{
    int result = 0;
    *count = 0;
    *rows = arena_zero(u->c->arena, ((size_t)u->count + 1) * sizeof **rows);
    if (!*rows)
        return RAUM_ENOMEM;
    for (struct row *r = u->rows; r && result == 0; r = r->next)
        if (r->stored.exists && !r->hidden)
            result = tell_row(u, r, &(*rows)[(*count)++]);
    return result;
}

int agents_undo(struct call *c, const char *run, struct agent_undone **rows, int *count)
{
    struct undo u = {.c = c,
                     .who = {.account = c->session->account, .client = DEVICE},
                     .oldest = call_now(c) - RELAY_KEEP_MS};
    u.end = &u.rows;
    *count = 0;
    int result = relay_of(&u.relay, c->sql, c->server->env, &c->error);
    if (result < 0)
        return result;
    arena_init(&u.a, MEMORY_MAX);
    relay_trim(u.relay);
    result = sql_begin(c->sql, &c->error);
    if (result == 0) {
        result = undo_run(&u, run);
        result = sql_end(c->sql, result, &c->error);
        if (result < 0)
            relay_forget(u.relay);
    }
    if (result == 0)
        result = tell(&u, rows, count);
    arena_release(&u.a);
    return result;
}
