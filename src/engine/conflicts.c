#include "engine/conflicts.h"

#include "base/plant.h"
#include "engine/ddl.h"
#include "engine/intern.h"
#include "engine/scope.h"
#include "engine/store.h"
#include <string.h>

#define NUMBER_BITS 40

/* ---- noting ---- */

static bool is_conflict(const struct raum *r, const struct row *row, const struct schema_field *f,
                        const struct stamp *mine, const struct stamp *theirs)
{
    const struct actor *own = intern_actor(r, mine->actor), *other = intern_actor(r, theirs->actor);
    struct stamp making = stamps_get(&row->stamps, TAG_CREATED_AT, NULL, 0);
    return f->tag >= TAG_OWN && f->right != RIGHT_FIXED && own && other &&
           own->account == r->account_ref &&
           (other->account != r->account_ref || PLANT(SYNC_NOTICE)) &&
           mine->origin == ORIGIN_USER && theirs->origin == ORIGIN_USER && mine->at != making.at;
}

int conflicts_note(struct raum *r, const struct row *row, const struct schema_field *f,
                   const struct stamp *mine, const struct stamp *theirs, struct raum_error *error)
{
    struct db_stmt s;
    if (!is_conflict(r, row, f, mine, theirs))
        return 0;
    int result = db_prepare(r->db, &s, &db_grant_own,
                            "INSERT OR REPLACE INTO conflicts (n, tbl, tag, value, at, by) VALUES "
                            "(?1, ?2, ?3, ?4, ?5, ?6)",
                            error);
    if (result == 0) {
        db_bind_int(&s, 1, row->n);
        db_bind_int(&s, 2, row->table->number);
        db_bind_int(&s, 3, f->tag);
        value_bind(&s, 4, &row->values[row_position(row->table, f)]);
        db_bind_int(&s, 5, (int64_t)mine->at);
        db_bind_int(&s, 6, intern_actor(r, theirs->actor)->account);
        result = db_run(&s, error);
    }
    db_finish(&s);
    if (result == 0)
        result = db_execf(r->db, error,
                          "DELETE FROM conflicts WHERE id <= (SELECT max(id) FROM conflicts) - %d",
                          CONFLICTS_MAX);
    return result;
}

/* ---- reading ---- */

struct reading {
    struct raum *r;
    struct arena arena;
    struct buf text;
    struct row row;
    struct conflict c;
};

static void begin(struct reading *x, struct raum *r)
{
    x->r = r;
    arena_init(&x->arena, 64u << 20);
    buf_init(&x->text, SCHEMA_EXTRA_MAX);
}

static void end(struct reading *x)
{
    arena_release(&x->arena);
    buf_release(&x->text);
}

/* RAUM_END: nothing that can be shown, its key is missing. */
static int open_value(struct reading *x, const struct schema_field *f, const struct value *stored,
                      struct raum_error *error)
{
    struct value open;
    struct json_writer w;
    int result = value_open(x->r, &x->row, f, stored, &x->arena, &open, error);
    if (result < 0)
        return result == RAUM_EKEY_MISSING ? RAUM_END : result;
    buf_reset(&x->text);
    json_begin(&w, &x->text);
    if (open.kind == VALUE_NULL)
        json_put_null(&w);
    else
        result = value_put_json(x->r, &x->row, f, &open, &w, error);
    x->c.value = buf_text(&x->text);
    x->c.len = x->text.len;
    return result ? result : buf_error(&x->text, error);
}

/* The columns id, n, tbl, tag, value, at, by. RAUM_END: passed over. */
static int read_one(struct reading *x, struct db_stmt *s, struct raum_error *error)
{
    struct value stored;
    const struct schema_table *t = schema_table_number((int)db_int(s, 2));
    const struct schema_field *f = t ? schema_field_tag(t, (int)db_int(s, 3)) : NULL;
    if (!f)
        return RAUM_END;
    int result = row_load_number(x->r, t, db_int(s, 1), &x->arena, &x->row, error);
    if (result == 0)
        result = value_take(s, 4, &x->arena, &stored);
    if (result)
        return result < 0 ? err_set(error, result, NULL) : RAUM_END;
    const char *by = intern_account(x->r, (uint32_t)db_int(s, 6));
    x->c = (struct conflict){.id = db_int(s, 0),
                             .table = t->name,
                             .row = x->row.id,
                             .field = f->name,
                             .at = (uint64_t)db_int(s, 5),
                             .by = by ? by : ""};
    return open_value(x, f, &stored, error);
}

static int of_space(struct raum *r, struct db_stmt *s, uint32_t space, const char *sql,
                    struct raum_error *error)
{
    int result = db_prepare(r->db, s, &db_grant_own, sql, error);
    if (result == 0) {
        db_bind_int(s, 1, (int64_t)space << NUMBER_BITS);
        db_bind_int(s, 2, (int64_t)(space + 1) << NUMBER_BITS);
    }
    return result;
}

int conflicts_each(struct raum *r, uint32_t space, conflicts_fn *each, void *arg,
                   struct raum_error *error)
{
    struct db_stmt s = {0};
    struct reading x;
    begin(&x, r);
    int result = replica_look(r, error);
    if (result == 0)
        result = of_space(r, &s, space,
                          "SELECT id, n, tbl, tag, value, at, by FROM conflicts WHERE n > ?1 AND "
                          "n < ?2 ORDER BY id",
                          error);
    while (result == 0 && (result = db_step(&s, error)) == 0) {
        result = read_one(&x, &s, error);
        if (result == 0)
            result = each(arg, &x.c, error);
        else if (result == RAUM_END)
            result = 0;
        arena_reset(&x.arena);
    }
    db_finish(&s);
    end(&x);
    return result == RAUM_END ? 0 : result;
}

int conflicts_count(struct raum *r, uint32_t space, int64_t *count, struct raum_error *error)
{
    struct db_stmt s = {0};
    *count = 0;
    int result = replica_look(r, error);
    if (result == 0)
        result =
            of_space(r, &s, space, "SELECT count(*) FROM conflicts WHERE n > ?1 AND n < ?2", error);
    if (result == 0)
        result = db_step(&s, error);
    if (result == 0)
        *count = db_int(&s, 0);
    db_finish(&s);
    return result;
}

/* ---- what becomes of them ---- */

static int not_found(int64_t id, struct raum_error *error)
{
    return err_at(error, "conflicts", RAUM_ENOT_FOUND, "no such conflict in this space: %lld",
                  (long long)id);
}

static int find(struct reading *x, uint32_t space, int64_t id, struct raum_error *error)
{
    struct db_stmt s;
    int result = of_space(x->r, &s, space,
                          "SELECT id, n, tbl, tag, value, at, by FROM conflicts WHERE n > ?1 AND "
                          "n < ?2 AND id = ?3",
                          error);
    if (result == 0) {
        db_bind_int(&s, 3, id);
        result = db_step(&s, error);
    }
    if (result == 0)
        result = read_one(x, &s, error);
    db_finish(&s);
    return result == RAUM_END ? not_found(id, error) : result;
}

static int write_again(struct raum_handle *h, const struct reading *x, struct raum_error *error)
{
    struct buf json;
    struct json_writer w;
    buf_init(&json, SCHEMA_EXTRA_MAX + 1024);
    json_begin(&w, &json);
    json_open_object(&w);
    json_put_key(&w, x->c.field);
    json_put_raw(&w, x->c.value, x->c.len);
    json_close_object(&w);
    int result = buf_error(&json, error);
    if (result == 0)
        result = raum_update(h, x->c.table, x->c.row, buf_text(&json), json.len, error);
    buf_release(&json);
    return result;
}

int conflicts_restore(struct raum_handle *h, int64_t id, struct raum_error *error)
{
    struct raum *r = h->raum;
    struct reading x;
    int result = replica_begin(r, error);
    if (result < 0)
        return result;
    begin(&x, r);
    result = scope_there(h, error);
    if (result == 0)
        result = find(&x, h->space, id, error);
    if (result == 0)
        result = write_again(h, &x, error);
    if (result == 0)
        result = db_execf(r->db, error, "DELETE FROM conflicts WHERE id = %lld", (long long)id);
    end(&x);
    return replica_end(r, result, error);
}

int conflicts_dismiss(struct raum *r, uint32_t space, int64_t id, struct raum_error *error)
{
    struct db_stmt s = {0};
    int result = replica_begin(r, error);
    if (result < 0)
        return result;
    result =
        of_space(r, &s, space,
                 "DELETE FROM conflicts WHERE n > ?1 AND n < ?2 AND (?3 = 0 OR id = ?3)", error);
    if (result == 0) {
        db_bind_int(&s, 3, id);
        result = db_run(&s, error);
    }
    db_finish(&s);
    if (result == 0 && id && sqlite3_changes(r->db->handle) == 0)
        result = not_found(id, error);
    return replica_end(r, result, error);
}
