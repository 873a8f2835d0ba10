/* Rows of any table, and single queries. */
#include "base/err.h"
#include "engine/store.h"
#include "modules/profile/user_context.h"
#include "wasm/app.h"

#define ROW_MAX ((size_t)8 << 20)

struct target {
    struct raum_handle *handle;
    const char *table, *id;
};

/* The user-level tables are written through the account's handle. */
static int find_target(struct call *c, bool with_id, struct target *t)
{
    t->table = call_text(c, "table");
    const struct schema_table *table = t->table ? schema_table(t->table) : NULL;
    bool own = table && table->level == LEVEL_USER;
    t->handle = t->table ? (own ? call_own(c) : call_scope(c)) : NULL;
    t->id = with_id && t->handle ? call_text(c, "id") : NULL;
    return t->handle && (t->id || !with_id) ? 0 : c->error->code;
}

static int insert_row(struct call *c)
{
    struct target t;
    char id[RAUM_ID_MAX];
    int rc = find_target(c, false, &t);
    if (rc == 0)
        rc = store_insert(t.handle, t.table, json_get(c->args, "fields"), id, c->error);
    if (rc == 0)
        answer_id(c, id);
    return rc;
}

/* All of a list, or none. */
static int insert_rows(struct call *c)
{
    struct target t;
    struct json_value rows = json_get(c->args, "rows");
    char id[RAUM_ID_MAX];
    int rc = find_target(c, false, &t);
    if (rc == 0 && !json_is(rows, JSON_ARRAY))
        rc = call_wrong(c, "rows", "has to be a list");
    if (rc == 0)
        rc = replica_begin(c->app->raum, c->error);
    if (rc)
        return rc;
    json_open_array(c->out);
    for (struct json_value v = json_first(rows); v.doc && rc == 0; v = json_next(rows, v)) {
        rc = store_insert(t.handle, t.table, v, id, c->error);
        json_put_str(c->out, id);
    }
    json_close_array(c->out);
    return replica_end(c->app->raum, rc, c->error);
}

static int update_row(struct call *c)
{
    struct target t;
    int rc = find_target(c, true, &t);
    return rc ? rc
              : store_update(t.handle, t.table, t.id, json_get(c->args, "fields"), c->error);
}

static int delete_row(struct call *c)
{
    struct target t;
    int rc = find_target(c, true, &t);
    return rc ? rc : store_delete(t.handle, t.table, t.id, c->error);
}

static int restore_row(struct call *c)
{
    struct target t;
    int rc = find_target(c, true, &t);
    return rc ? rc : store_restore(t.handle, t.table, t.id, c->error);
}

static int get_row(struct call *c)
{
    struct target t;
    struct buf row;
    buf_init(&row, ROW_MAX);
    int rc = find_target(c, true, &t);
    if (rc == 0)
        rc = store_get(t.handle, t.table, t.id, true, &row, c->error);
    if (rc == 0)
        json_put_raw(c->out, buf_text(&row), row.len);
    buf_release(&row);
    return rc;
}

static int bind(struct call *c, struct raum_query *q)
{
    struct json_value list = json_get(c->args, "params");
    int at = 0, rc = 0;
    for (struct json_value v = json_first(list); v.doc && rc == 0; v = json_next(list, v)) {
        int64_t whole;
        double real;
        const char *text;
        size_t len;
        at++;
        if (json_int(v, &whole))
            rc = raum_query_bind_int(q, at, whole);
        else if (json_double(v, &real))
            rc = raum_query_bind_real(q, at, real);
        else if (json_text(v, c->arena, &text, &len))
            rc = raum_query_bind_text(q, at, text, len);
        else if (!json_is(v, JSON_NULL))
            rc = RAUM_EUSAGE;
    }
    return rc ? call_wrong(c, "params", "do not fit the statement") : 0;
}

static int query_rows(struct call *c)
{
    const char *sql = call_text(c, "sql");
    struct raum_handle *h = sql ? call_handle(c) : NULL;
    struct raum_query *q = NULL;
    if (!h)
        return c->error->code;
    int rc = raum_query_new(h, sql, &q, c->error);
    if (rc == 0)
        rc = bind(c, q);
    json_open_array(c->out);
    while (rc == 0 && (rc = raum_query_step(q, c->error)) == 0)
        answer_row(c->out, q);
    json_close_array(c->out);
    raum_query_free(q);
    return rc == RAUM_END ? 0 : rc;
}

/* ---- what a person tells about themselves ---- */

static int get_me(struct call *c)
{
    struct raum_handle *own = call_own(c);
    struct buf row;
    buf_init(&row, ROW_MAX);
    int rc = own ? user_context_get(own, &row, c->error) : c->error->code;
    if (rc == 0)
        json_put_raw(c->out, buf_text(&row), row.len);
    buf_release(&row);
    return rc;
}

static int set_me(struct call *c)
{
    struct raum_handle *own = call_own(c);
    return own ? user_context_set(own, json_get(c->args, "fields"), c->error) : c->error->code;
}

const struct call_entry calls_rows[] = {
    {"insert", insert_row, CALL_ONCE},
    {"insert.many", insert_rows, CALL_ONCE},
    {"update", update_row, CALL_ONCE},
    {"delete", delete_row, CALL_ONCE},
    {"restore", restore_row, CALL_ONCE},
    {"get", get_row, CALL_READ},
    {"query", query_rows, CALL_READ},
    {"me.get", get_me, CALL_READ},
    {"me.set", set_me, CALL_ONCE},
    {0},
};
