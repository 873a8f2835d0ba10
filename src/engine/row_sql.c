/* Rows in the database: load, insert, update, erase, walk, and the dirty set. Statements are
 * prepared once per table and kept. */
#include "engine/ddl.h"
#include "engine/intern.h"
#include "engine/row.h"
#include "engine/seal.h"
#include "engine/store.h"
#include <stdlib.h>
#include <string.h>

#define UPDATES_KEPT 6  /* update statements kept per table, by mask */
#define NUMBER_BITS 40  /* row number = space << 40 | counter */
#define FIXED_COLUMNS 7 /* n id space author visibility createdAt deletedAt */

struct table_sql {
    struct db_stmt load, number_load, insert, erase, last;
    struct {
        struct db_stmt stmt;
        uint32_t mask;
    } updates[UPDATES_KEPT];
    unsigned next_update;
    uint64_t number_serial; /* transaction in which `number` was read */
    uint32_t number_space;
    int64_t number; /* last row number given out */
};
struct store {
    struct table_sql tables[DDL_OPAQUE + 1];
    struct db_stmt dirty_put, dirty_erase, parked_erase, conflict_erase;
};

static struct store *the_store(struct raum *r)
{
    if (!r->store)
        r->store = calloc(1, sizeof *r->store);
    return r->store;
}

void store_release(struct raum *r)
{
    if (!r->store)
        return;
    for (int i = 0; i <= DDL_OPAQUE; i++) {
        struct table_sql *t = &r->store->tables[i];
        db_finish(&t->load);
        db_finish(&t->number_load);
        db_finish(&t->insert);
        db_finish(&t->erase);
        db_finish(&t->last);
        for (int j = 0; j < UPDATES_KEPT; j++)
            db_finish(&t->updates[j].stmt);
    }
    db_finish(&r->store->dirty_put);
    db_finish(&r->store->dirty_erase);
    db_finish(&r->store->parked_erase);
    db_finish(&r->store->conflict_erase);
    free(r->store);
    r->store = NULL;
}

static int number_of(const struct schema_table *t)
{
    return t ? t->number : DDL_OPAQUE;
}

static const char *name_of(const struct schema_table *t)
{
    return t ? t->name : "opaque";
}

static int prepare(struct raum *r, struct db_stmt *s, struct buf *sql, struct raum_error *error)
{
    int result = buf_error(sql, error);
    if (result == 0)
        result = db_prepare(r->db, s, &db_grant_own, buf_text(sql), error);
    buf_release(sql);
    return result;
}

static void column_list(struct buf *sql, const struct schema_table *t)
{
    buf_str(sql, "n, id, space, author, visibility, createdAt, deletedAt");
    for (const struct schema_field *f = t ? t->fields : NULL; f && f->name; f++)
        buf_printf(sql, ", \"%s\"", f->name);
    buf_str(sql, ", extra, stamps");
    if (!t)
        buf_str(sql, ", tbl");
}

/* The id as stored: a slot's holds the number of its person, so that a guest becomes real in one
 * row. *out NULL: nobody's slot. */
static int stored_id(struct raum *r, const struct schema_table *t, const char *id, struct arena *a,
                     const char **out)
{
    bool slot = schema_is_slots(t);
    const char *colon = slot ? strrchr(id, ':') : NULL;
    *out = slot ? NULL : id;
    if (!colon)
        return 0;
    char *person = arena_copy(a, id, (size_t)(colon - id));
    uint32_t ref = person ? intern_account_find(r, person) : 0;
    *out = ref ? arena_printf(a, "%u:%s", ref, colon + 1) : NULL;
    return person && (*out || !ref) ? 0 : RAUM_ENOMEM;
}

static const char *shown_id(struct raum *r, const struct schema_table *t, const char *stored,
                            struct arena *a)
{
    if (!schema_is_slots(t))
        return stored;
    const char *colon = strchr(stored, ':');
    const char *person = intern_account(r, (uint32_t)strtoul(stored, NULL, 10));
    return colon && person ? arena_printf(a, "%s%s", person, colon) : NULL;
}

/* ---- load ---- */

int value_take(struct db_stmt *s, int at, struct arena *a, struct value *out)
{
    size_t len;
    *out = (struct value){.kind = VALUE_NULL};
    switch (sqlite3_column_type(s->stmt, at)) {
    case SQLITE_INTEGER:
        *out = (struct value){.kind = VALUE_INT, .i = db_int(s, at)};
        return 0;
    case SQLITE_FLOAT:
        *out = (struct value){.kind = VALUE_REAL, .r = sqlite3_column_double(s->stmt, at)};
        return 0;
    case SQLITE_TEXT:
        out->kind = VALUE_TEXT;
        out->text = db_text(s, at, &len);
        break;
    case SQLITE_BLOB:
        out->kind = VALUE_SEALED;
        out->text = db_blob(s, at, &len);
        break;
    default:
        return 0;
    }
    out->len = (uint32_t)len;
    out->text = arena_copy(a, out->text, len);
    return out->text ? 0 : RAUM_ENOMEM;
}

static int take_row(struct raum *r, struct db_stmt *s, const struct schema_table *t,
                    const char *opaque, struct arena *a, struct row *out, struct raum_error *error)
{
    int fields = t ? (int)schema_field_count(t) : 0, result = 0;
    memset(out, 0, sizeof *out);
    out->table = t;
    out->n = db_int(s, 0);
    out->space = (uint32_t)db_int(s, 2);
    out->author = (uint32_t)db_int(s, 3);
    size_t len = 0;
    const char *id = db_text(s, 1, &len);
    id = id ? arena_copy(a, id, len) : NULL;
    out->id = id ? shown_id(r, t, id, a) : NULL;
    for (int i = 0; i < ROW_BASE + fields && result == 0; i++)
        result = value_take(s, 4 + i, a, &out->values[i]);
    if (result == 0)
        result = value_take(s, FIXED_COLUMNS + fields, a, &out->extra);
    const void *bytes = db_blob(s, FIXED_COLUMNS + fields + 1, &len);
    char *stamps = arena_copy(a, bytes, len);
    if (!t && !opaque)
        opaque = arena_str(a, db_text(s, FIXED_COLUMNS + 2, NULL));
    out->opaque = opaque;
    if (result < 0 || !out->id || !stamps)
        return err_set(error, RAUM_ENOMEM, NULL);
    result = stamps_read(&out->stamps, stamps, len, a);
    if (result < 0)
        err_at(error, "row", result, "the stamps of %s %s cannot be read", name_of(t), out->id);
    return result;
}

int row_load(struct raum *r, uint32_t space, const struct schema_table *t, const char *opaque,
             const char *id, struct arena *a, struct row *out, struct raum_error *error)
{
    struct store *store = the_store(r);
    const char *stored;
    if (!store || stored_id(r, t, id, a, &stored) < 0)
        return err_set(error, RAUM_ENOMEM, NULL);
    if (!stored)
        return RAUM_END;
    struct db_stmt *s = &store->tables[number_of(t)].load;
    int result = 0;
    if (!s->stmt) {
        struct buf sql;
        buf_init(&sql, 65536);
        buf_str(&sql, "SELECT ");
        column_list(&sql, t);
        buf_printf(&sql, " FROM \"data_%s\" WHERE space = ?1 AND id = ?2%s", name_of(t),
                   t ? "" : " AND tbl = ?3");
        result = prepare(r, s, &sql, error);
    }
    if (result < 0)
        return result;
    db_bind_int(s, 1, space);
    db_bind_str(s, 2, stored);
    if (!t)
        db_bind_str(s, 3, opaque);
    result = db_step(s, error);
    if (result == 0)
        result = take_row(r, s, t, opaque, a, out, error);
    db_reset(s);
    return result;
}

int row_load_number(struct raum *r, const struct schema_table *t, int64_t n, struct arena *a,
                    struct row *out, struct raum_error *error)
{
    struct store *store = the_store(r);
    int result = 0;
    if (!store)
        return err_set(error, RAUM_ENOMEM, NULL);
    struct db_stmt *s = &store->tables[number_of(t)].number_load;
    if (!s->stmt) {
        struct buf sql;
        buf_init(&sql, 65536);
        buf_str(&sql, "SELECT ");
        column_list(&sql, t);
        buf_printf(&sql, " FROM \"data_%s\" WHERE n = ?1", name_of(t));
        result = prepare(r, s, &sql, error);
    }
    if (result < 0)
        return result;
    db_bind_int(s, 1, n);
    result = db_step(s, error);
    if (result == 0)
        result = take_row(r, s, t, NULL, a, out, error);
    db_reset(s);
    return result;
}

/* ---- write ---- */

static int next_number(struct raum *r, struct table_sql *sql, const struct row *row, int64_t *n,
                       struct raum_error *error)
{
    int64_t first = (int64_t)row->space << NUMBER_BITS;
    if (sql->number_serial == r->serial && sql->number_space == row->space) {
        *n = ++sql->number;
        return 0;
    }
    int result = 0;
    if (!sql->last.stmt) {
        struct buf text;
        buf_init(&text, 1024);
        buf_printf(&text, "SELECT max(n) FROM \"data_%s\" WHERE n > ?1 AND n < ?2",
                   name_of(row->table));
        result = prepare(r, &sql->last, &text, error);
    }
    if (result < 0)
        return result;
    db_bind_int(&sql->last, 1, first);
    db_bind_int(&sql->last, 2, first + (INT64_C(1) << NUMBER_BITS));
    result = db_step(&sql->last, error);
    if (result < 0)
        return result;
    sql->number = db_is_null(&sql->last, 0) ? first : db_int(&sql->last, 0);
    sql->number_serial = r->serial;
    sql->number_space = row->space;
    db_reset(&sql->last);
    *n = ++sql->number;
    return 0;
}

int value_seal(struct raum *r, const struct row *row, const struct schema_field *f, struct value *v,
               struct arena *a, struct raum_error *error)
{
    if (v->kind != VALUE_TEXT || (f && !(f->flags & FIELD_SEALED)))
        return 0;
    const struct space *space = intern_space(r, row->space);
    if (!space || !space->sealed)
        return 0;
    struct buf bytes;
    buf_init(&bytes, SCHEMA_EXTRA_MAX + SEAL_OVERHEAD);
    struct seal_place place = row_place(row, f);
    int result = seal_value(r, row->space, &place, v->text, v->len, &bytes, error);
    if (result == 0) {
        v->kind = VALUE_SEALED;
        v->text = arena_copy(a, buf_text(&bytes), bytes.len);
        v->len = (uint32_t)bytes.len;
        result = v->text ? 0 : err_set(error, RAUM_ENOMEM, NULL);
    }
    buf_release(&bytes);
    return result;
}

void value_bind(struct db_stmt *s, int at, const struct value *v)
{
    switch ((enum value_kind)v->kind) {
    case VALUE_NULL:
        db_bind_null(s, at);
        break;
    case VALUE_INT:
        db_bind_int(s, at, v->i);
        break;
    case VALUE_REAL:
        db_bind_double(s, at, v->r);
        break;
    case VALUE_TEXT:
        db_bind_text(s, at, v->text, v->len);
        break;
    case VALUE_SEALED:
        db_bind_blob(s, at, v->text, v->len);
        break;
    }
}

static int prepare_insert(struct raum *r, struct db_stmt *s, const struct schema_table *t,
                          struct raum_error *error)
{
    struct buf sql;
    int columns = FIXED_COLUMNS + row_count(t) - ROW_BASE + 2 + (t ? 0 : 1);
    buf_init(&sql, 65536);
    buf_printf(&sql, "INSERT INTO \"data_%s\" (", name_of(t));
    column_list(&sql, t);
    buf_str(&sql, ") VALUES (");
    for (int i = 1; i <= columns; i++)
        buf_printf(&sql, "%s?%d", i > 1 ? ", " : "", i);
    buf_char(&sql, ')');
    return prepare(r, s, &sql, error);
}

static int run_insert(struct raum *r, struct db_stmt *s, const struct row *row, const char *stored,
                      const struct buf *stamps, struct raum_error *error)
{
    int count = row_count(row->table), at = FIXED_COLUMNS + count - ROW_BASE;
    db_bind_int(s, 1, row->n);
    db_bind_str(s, 2, stored);
    db_bind_int(s, 3, row->space);
    db_bind_int(s, 4, row->author);
    for (int i = 0; i < count; i++)
        value_bind(s, 5 + i, &row->values[i]);
    value_bind(s, at + 1, &row->extra);
    db_bind_blob(s, at + 2, stamps->data, stamps->len);
    if (!row->table)
        db_bind_str(s, at + 3, row->opaque);
    int result = db_run(s, error);
    if (result < 0 && (sqlite3_errcode(r->db->handle) & 0xff) == SQLITE_CONSTRAINT)
        return err_at(error, "row", RAUM_EEXISTS, "%s %s exists already", name_of(row->table),
                      row->id);
    return result;
}

int row_insert(struct raum *r, struct row *row, struct arena *a, struct raum_error *error)
{
    struct store *store = the_store(r);
    const char *stored;
    if (!store || stored_id(r, row->table, row->id, a, &stored) < 0)
        return err_set(error, RAUM_ENOMEM, NULL);
    if (!stored)
        return err_set(error, RAUM_EBAD_CHANGE, "no such person: %s", row->id);
    struct table_sql *sql = &store->tables[number_of(row->table)];
    struct buf stamps;
    buf_init(&stamps, SCHEMA_EXTRA_MAX);
    int result = sql->insert.stmt ? 0 : prepare_insert(r, &sql->insert, row->table, error);
    for (int i = 0; i < row_count(row->table) && result == 0; i++)
        result = value_seal(r, row, row_field(row->table, i), &row->values[i], a, error);
    if (result == 0)
        result = value_seal(r, row, NULL, &row->extra, a, error);
    stamps_write(&row->stamps, &stamps);
    if (result == 0)
        result = buf_error(&stamps, error);
    if (result == 0)
        result = next_number(r, sql, row, &row->n, error);
    if (result == 0)
        result = run_insert(r, &sql->insert, row, stored, &stamps, error);
    buf_release(&stamps);
    return result;
}

static int prepare_update(struct raum *r, struct db_stmt *s, const struct schema_table *t,
                          uint32_t mask, struct raum_error *error)
{
    static const char *const base[ROW_BASE] = {"visibility", "createdAt", "deletedAt"};
    struct buf sql;
    int at = 2;
    buf_init(&sql, 65536);
    buf_printf(&sql, "UPDATE \"data_%s\" SET stamps = ?2", name_of(t));
    for (int i = 0; i < row_count(t); i++)
        if (mask >> i & 1)
            buf_printf(&sql, ", \"%s\" = ?%d", i < ROW_BASE ? base[i] : row_field(t, i)->name,
                       ++at);
    if (mask & ROW_MASK_EXTRA)
        buf_printf(&sql, ", extra = ?%d", ++at);
    if (mask & ROW_MASK_AUTHOR)
        buf_printf(&sql, ", author = ?%d", ++at);
    buf_str(&sql, " WHERE n = ?1");
    return prepare(r, s, &sql, error);
}

static int update_statement(struct raum *r, const struct schema_table *t, uint32_t mask,
                            struct db_stmt **out, struct raum_error *error)
{
    struct store *store = the_store(r);
    if (!store)
        return err_set(error, RAUM_ENOMEM, NULL);
    struct table_sql *sql = &store->tables[number_of(t)];
    for (int i = 0; i < UPDATES_KEPT; i++)
        if (sql->updates[i].stmt.stmt && sql->updates[i].mask == mask) {
            *out = &sql->updates[i].stmt;
            return 0;
        }
    unsigned slot = sql->next_update++ % UPDATES_KEPT;
    db_finish(&sql->updates[slot].stmt);
    sql->updates[slot].mask = mask;
    *out = &sql->updates[slot].stmt;
    return prepare_update(r, *out, t, mask, error);
}

int row_update(struct raum *r, struct row *row, uint32_t mask, struct arena *a,
               struct raum_error *error)
{
    struct db_stmt *s = NULL;
    struct buf stamps;
    int at = 2;
    buf_init(&stamps, SCHEMA_EXTRA_MAX);
    stamps_write(&row->stamps, &stamps);
    int result = update_statement(r, row->table, mask, &s, error);
    for (int i = 0; i < row_count(row->table) && result == 0; i++)
        if (mask >> i & 1) {
            result = value_seal(r, row, row_field(row->table, i), &row->values[i], a, error);
            value_bind(s, ++at, &row->values[i]);
        }
    if (result == 0 && mask & ROW_MASK_EXTRA) {
        result = value_seal(r, row, NULL, &row->extra, a, error);
        value_bind(s, ++at, &row->extra);
    }
    if (result == 0 && mask & ROW_MASK_AUTHOR)
        db_bind_int(s, ++at, row->author);
    if (result == 0)
        result = buf_error(&stamps, error);
    if (result == 0) {
        db_bind_int(s, 1, row->n);
        db_bind_blob(s, 2, stamps.data, stamps.len);
        result = db_run(s, error);
    }
    buf_release(&stamps);
    return result;
}

static int erase_by_row(struct raum *r, struct db_stmt *s, const char *sql, const struct row *row,
                        struct raum_error *error)
{
    int result = s->stmt ? 0 : db_prepare(r->db, s, &db_grant_own, sql, error);
    if (result < 0)
        return result;
    db_bind_int(s, 1, row->n);
    db_bind_int(s, 2, number_of(row->table));
    return db_run(s, error);
}

/* What is kept of a row by its number: another row may get the number. */
static int erase_marks(struct raum *r, struct store *store, const struct row *row,
                       struct raum_error *error)
{
    int result = dirty_clear(r, row, error);
    if (result == 0)
        result = erase_by_row(r, &store->parked_erase,
                              "DELETE FROM parked WHERE n = ?1 AND tbl = ?2", row, error);
    if (result == 0)
        result = erase_by_row(r, &store->conflict_erase,
                              "DELETE FROM conflicts WHERE n = ?1 AND tbl = ?2", row, error);
    return result;
}

int row_erase(struct raum *r, const struct row *row, struct raum_error *error)
{
    struct store *store = the_store(r);
    if (!store)
        return err_set(error, RAUM_ENOMEM, NULL);
    struct db_stmt *s = &store->tables[number_of(row->table)].erase;
    int result = erase_marks(r, store, row, error);
    if (result == 0 && !s->stmt) {
        struct buf sql;
        buf_init(&sql, 1024);
        buf_printf(&sql, "DELETE FROM \"data_%s\" WHERE n = ?1", name_of(row->table));
        result = prepare(r, s, &sql, error);
    }
    if (result < 0)
        return result;
    store->tables[number_of(row->table)].number_serial = 0;
    db_bind_int(s, 1, row->n);
    return db_run(s, error);
}

/* ---- walk ---- */

static int walk_table(struct raum *r, uint32_t space, const struct schema_table *t, row_each *each,
                      void *arg, struct raum_error *error)
{
    struct arena a;
    struct buf sql;
    struct db_stmt s = {0};
    struct row row;
    arena_init(&a, 16u << 20);
    buf_init(&sql, 65536);
    buf_str(&sql, "SELECT ");
    column_list(&sql, t);
    buf_printf(&sql, " FROM \"data_%s\" WHERE n > ?1 AND n < ?2 ORDER BY n", name_of(t));
    int result = prepare(r, &s, &sql, error);
    if (result == 0) {
        db_bind_int(&s, 1, (int64_t)space << NUMBER_BITS);
        db_bind_int(&s, 2, (int64_t)(space + 1) << NUMBER_BITS);
    }
    while (result == 0 && (result = db_step(&s, error)) == 0) {
        result = take_row(r, &s, t, NULL, &a, &row, error);
        if (result == 0)
            result = each(arg, &row, error);
        arena_reset(&a);
    }
    db_finish(&s);
    arena_release(&a);
    return result == RAUM_END ? 0 : result;
}

int row_walk(struct raum *r, uint32_t space, row_each *each, void *arg, struct raum_error *error)
{
    int result = 0;
    for (const struct schema_table *t = schema_tables; t->name && result == 0; t++)
        result = walk_table(r, space, t, each, arg, error);
    return result ? result : walk_table(r, space, NULL, each, arg, error);
}

/* ---- dirty set ---- */

int dirty_mark(struct raum *r, const struct row *row, uint64_t tags, bool extra,
               struct raum_error *error)
{
    struct store *store = the_store(r);
    if (!store)
        return err_set(error, RAUM_ENOMEM, NULL);
    int result = 0;
    if (!store->dirty_put.stmt)
        result = db_prepare(r->db, &store->dirty_put, &db_grant_own,
                            "INSERT INTO dirty (n, tbl, fields) VALUES (?1, ?2, ?3) "
                            "ON CONFLICT (n, tbl) DO UPDATE SET fields = fields | excluded.fields",
                            error);
    if (result < 0)
        return result;
    db_bind_int(&store->dirty_put, 1, row->n);
    db_bind_int(&store->dirty_put, 2, number_of(row->table));
    db_bind_int(&store->dirty_put, 3, (int64_t)(tags | (extra ? 1 : 0)));
    return db_run(&store->dirty_put, error);
}

int dirty_clear(struct raum *r, const struct row *row, struct raum_error *error)
{
    struct store *store = the_store(r);
    if (!store)
        return err_set(error, RAUM_ENOMEM, NULL);
    return erase_by_row(r, &store->dirty_erase, "DELETE FROM dirty WHERE n = ?1 AND tbl = ?2", row,
                        error);
}
