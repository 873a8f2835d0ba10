#include "server/store/sql_driver.h"

#include "base/utf8.h"
#include "server/store/migrations.h"
#include "server/store/sql_words.h"

#include <assert.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

/* ---- connections */

bool sql_url_is_postgres(const char *url)
{
    return strncmp(url, "postgres://", 11) == 0 || strncmp(url, "postgresql://", 13) == 0;
}

int sql_open(struct sql **out, const char *url, const struct raum_env *env,
             struct raum_error *error)
{
    *out = NULL;
    int result = sql_url_is_postgres(url) ? sql_postgres_open(out, url, error)
                                          : sql_sqlite_open(out, url, error);
    if (result == 0)
        (*out)->env = env;
    return result;
}

void sql_forget_all(struct sql *c)
{
    for (int set = 0; set < SQL_CACHE_SETS; set++)
        for (int way = 0; way < SQL_CACHE_WAYS; way++) {
            struct sql_stmt *s = &c->cache[set][way];
            if (!s->address)
                continue;
            c->driver->forget(c, s);
            free(s->text);
            *s = (struct sql_stmt){0};
        }
}

static void drop_scope(struct sql *c)
{
    while (c->scope_count > 0)
        free(c->scope[--c->scope_count].value);
}

void sql_close(struct sql *c)
{
    if (!c)
        return;
    drop_scope(c);
    if (c->depth > 0)
        c->driver->rollback(c);
    c->depth = 0;
    c->closing = true;
    if (c->slot)
        c->slot_release(c->slot);
    sql_forget_all(c);
    sql_rows_free(c->spare); /* it has no home any more: this ends it */
    c->driver->close(c);
}

void **sql_slot(struct sql *c, void (*release)(void *thing))
{
    c->slot_release = release;
    return &c->slot;
}

/* ---- statements */

/* The statement of this text and these types: from its place by the text's address, else prepared
 * into it. */
static int find(struct sql *c, struct sql_stmt **out, const char *sql, const char *types,
                struct raum_error *error)
{
    size_t set = ((uintptr_t)sql >> 3) * 2654435761u % SQL_CACHE_SETS;
    struct sql_stmt *place = NULL;
    for (int way = 0; way < SQL_CACHE_WAYS; way++) {
        struct sql_stmt *s = &c->cache[set][way];
        if (sql && s->text && s->address == sql && strcmp(s->types, types) == 0 &&
            strcmp(s->text, sql) == 0) {
            *out = s;
            return 0;
        }
        if (!s->address && !place)
            place = s;
    }
    if (!place) {
        place = &c->cache[set][c->next[set]++ % SQL_CACHE_WAYS];
        c->driver->forget(c, place);
        free(place->text);
    }
    *place = (struct sql_stmt){.text = strdup(sql)};
    if (!place->text)
        return err_set(error, RAUM_ENOMEM, NULL);
    memcpy(place->types, types, strlen(types) + 1);
    int result = c->driver->prepare(c, place, error);
    if (result < 0) {
        free(place->text);
        *place = (struct sql_stmt){0};
        return result;
    }
    place->address = sql;
    *out = place;
    return 0;
}

static bool is_text(const char *text, size_t len)
{
    return utf8_valid(text, len) && !memchr(text, 0, len);
}

static bool are_texts(const char *const *texts, size_t count)
{
    bool good = true;
    for (size_t i = 0; i < count && good; i++)
        good = is_text(texts[i], strlen(texts[i]));
    return good;
}

/* Both databases are given the same texts: UTF-8 without NUL, as PostgreSQL wants it. */
static int take(struct sql_value *v, char type, va_list *args, struct raum_error *error)
{
    *v = (struct sql_value){.type = type};
    switch (type) {
    case 'i':
        v->number = va_arg(*args, int64_t);
        return 0;
    case 's':
        v->data = va_arg(*args, const char *);
        v->len = v->data ? strlen(v->data) : 0;
        break;
    case 't':
    case 'b':
    case 'I':
    case 'T':
    case 'B':
        v->data = va_arg(*args, const void *);
        v->len = va_arg(*args, size_t);
        break;
    default:
        assert(type == 'n');
        return 0;
    }
    bool good = type == 'T'                                  ? are_texts(v->data, v->len)
                : (type == 's' || type == 't') && v->data ? is_text(v->data, v->len)
                                                             : true;
    if (!good)
        return err_at(error, "sql", RAUM_EBAD_CHANGE, "a text is not valid UTF-8");
    return 0;
}

static int take_all(struct sql_value *values, const char *types, va_list *args,
                    struct raum_error *error)
{
    int result = 0;
    assert(strlen(types) <= SQL_PARAMS_MAX);
    for (int i = 0; result == 0 && types[i]; i++)
        result = take(&values[i], types[i], args, error);
    return result;
}

static int run_once(struct sql *c, struct sql_rows *rows, struct raum_error *error, const char *sql,
                    const char *types, const struct sql_value *values)
{
    struct sql_stmt *s = NULL;
    int result = 0;
    if (c->depth == 0 && c->driver->ready)
        result = c->driver->ready(c, error);
    if (result == 0)
        result = find(c, &s, sql, types, error);
    if (result == 0)
        result = c->driver->run(c, s, values, (int)strlen(types), rows, error);
    return result;
}

static int run(struct sql *c, struct sql_rows *rows, struct raum_error *error, const char *sql,
               const char *types, va_list *args)
{
    struct sql_value values[SQL_PARAMS_MAX];
    int result = take_all(values, types, args, error);
    if (result == 0)
        result = run_once(c, rows, error, sql, types, values);
    /* Nobody knows whether a lost write took place; a read may simply be asked again. */
    if (result == RAUM_EUNREACHABLE && c->depth == 0 && sql_words_reads(sql))
        result = run_once(c, rows, error, sql, types, values);
    drop_scope(c); /* it was sent, and holds as long as the transaction */
    return result;
}

int sql_later(struct sql *c, struct raum_error *error, const char *sql, const char *types, ...)
{
    struct sql_value values[SQL_PARAMS_MAX];
    struct sql_stmt *s = NULL;
    int count = (int)strlen(types);
    va_list args;
    assert(c->depth > 0 && "what comes later comes before the commit");
    va_start(args, types);
    int result = take_all(values, types, &args, error);
    va_end(args);
    if (result == 0)
        result = find(c, &s, sql, types, error);
    if (result == 0)
        result = c->driver->later ? c->driver->later(c, s, values, count, error)
                                  : c->driver->run(c, s, values, count, NULL, error);
    drop_scope(c);
    return result;
}

int sql_run(struct sql *c, struct raum_error *error, const char *sql, const char *types, ...)
{
    va_list args;
    va_start(args, types);
    int result = run(c, NULL, error, sql, types, &args);
    va_end(args);
    return result;
}

int64_t sql_changed(const struct sql *c)
{
    return c->changed;
}

static int query(struct sql *c, struct sql_rows **out, struct raum_error *error, const char *sql,
                 const char *types, va_list *args)
{
    struct sql_rows *rows = c->spare ? c->spare : calloc(1, sizeof *rows);
    *out = NULL;
    if (!rows)
        return err_set(error, RAUM_ENOMEM, NULL);
    if (!c->spare)
        arena_init(&rows->arena, SQL_ROWS_MAX);
    c->spare = NULL;
    rows->home = c;
    int result = run(c, rows, error, sql, types, args);
    if (result < 0) {
        sql_rows_free(rows);
        return result;
    }
    *out = rows;
    return 0;
}

int sql_many(struct sql *c, struct sql_rows **out, struct raum_error *error, const char *sql,
             const char *types, ...)
{
    va_list args;
    va_start(args, types);
    int result = query(c, out, error, sql, types, &args);
    va_end(args);
    return result;
}

int sql_one(struct sql *c, struct sql_rows **out, struct raum_error *error, const char *sql,
            const char *types, ...)
{
    va_list args;
    va_start(args, types);
    int result = query(c, out, error, sql, types, &args);
    va_end(args);
    return result < 0 ? result : sql_next(*out, error);
}

/* ---- rows */

int sql_rows_columns(struct sql_rows *rows, int columns, struct raum_error *error)
{
    rows->columns = columns;
    rows->names = arena_zero(&rows->arena, (size_t)columns * sizeof *rows->names + 1);
    return rows->names ? 0 : err_set(error, RAUM_ENOMEM, NULL);
}

struct sql_cell *sql_rows_add(struct sql_rows *rows)
{
    struct sql_row *row =
        arena_zero(&rows->arena, sizeof *row + (size_t)rows->columns * sizeof row->cells[0]);
    if (!row)
        return NULL;
    if (rows->last)
        rows->last->next = row;
    else
        rows->first = row;
    rows->last = row;
    return row->cells;
}

bool sql_cell_set(struct sql_rows *rows, struct sql_cell *cell, char type, const void *data,
                  size_t len)
{
    cell->type = type;
    cell->data = arena_copy(&rows->arena, data, len);
    cell->len = len;
    return cell->data != NULL;
}

int sql_next(struct sql_rows *rows, struct raum_error *error)
{
    (void)error; /* all rows are here already */
    if (!rows)
        return RAUM_END;
    rows->now = !rows->begun ? rows->first : rows->now ? rows->now->next : NULL;
    rows->begun = true;
    return rows->now ? 0 : RAUM_END;
}

void sql_rows_free(struct sql_rows *rows)
{
    if (!rows)
        return;
    struct sql *home = rows->home;
    if (home && !home->spare) {
        struct arena arena = rows->arena;
        arena_reset(&arena);
        *rows = (struct sql_rows){.arena = arena};
        home->spare = rows;
        return;
    }
    arena_release(&rows->arena);
    free(rows);
}

static const struct sql_cell *cell(const struct sql_rows *rows, const char *name)
{
    assert(rows->now && "no row");
    for (int i = 0; i < rows->columns; i++)
        if (strcmp(rows->names[i], name) == 0)
            return &rows->now->cells[i];
    assert(!"no such column");
    abort();
}

const char *sql_text(struct sql_rows *rows, const char *name)
{
    const struct sql_cell *x = cell(rows, name);
    assert(x->type == 't' || x->type == 'n');
    return x->type == 't' ? x->data : NULL;
}

int64_t sql_int(struct sql_rows *rows, const char *name)
{
    const struct sql_cell *x = cell(rows, name);
    assert(x->type == 'i' || x->type == 'n');
    return x->type == 'i' ? x->number : 0;
}

const void *sql_bytes(struct sql_rows *rows, const char *name, size_t *len)
{
    const struct sql_cell *x = cell(rows, name);
    assert(x->type == 'b' || x->type == 'n');
    *len = x->type == 'b' ? x->len : 0;
    return x->type == 'b' ? x->data : NULL;
}

bool sql_null(struct sql_rows *rows, const char *name)
{
    return cell(rows, name)->type == 'n';
}

char *sql_copy(struct sql_rows *rows, const char *name, struct arena *a)
{
    const char *text = sql_text(rows, name);
    return text ? arena_str(a, text) : NULL;
}

/* ---- transactions */

int sql_begin(struct sql *c, struct raum_error *error)
{
    if (c->depth == 0) {
        int result = RAUM_EUNREACHABLE;
        for (int i = 0; i < 2 && result == RAUM_EUNREACHABLE; i++) {
            result = c->driver->ready ? c->driver->ready(c, error) : 0;
            if (result == 0)
                result = c->driver->begin(c, error);
        }
        if (result < 0)
            return result;
        drop_scope(c);
        c->failed = 0;
    }
    c->depth++;
    return 0;
}

int sql_end(struct sql *c, int result, struct raum_error *error)
{
    assert(c->depth > 0);
    if (c->depth > 1) {
        c->depth--;
        if (result < 0 && c->failed == 0)
            c->failed = result;
        return result < 0 ? result : 0;
    }
    if (result >= 0 && c->failed < 0)
        result = err_at(error, "sql", c->failed,
                        "a part of the transaction failed: nothing was written");
    if (result >= 0) {
        result = c->driver->commit(c, error);
        if (result < 0)
            c->driver->rollback(c);
    } else
        c->driver->rollback(c);
    c->depth = 0;
    drop_scope(c);
    return result;
}

const char *const sql_part_texts[] = {"SAVEPOINT part", "RELEASE part",
                                      "ROLLBACK TO part; RELEASE part"};

int sql_part_begin(struct sql *c, struct raum_error *error)
{
    assert(c->depth == 1 && "a part of a transaction, and of no other part");
    int result = c->driver->part(c, SQL_PART_BEGIN, error);
    c->depth += result == 0;
    return result;
}

int sql_part_end(struct sql *c, int result, struct raum_error *error)
{
    assert(c->depth == 2);
    c->depth--;
    bool undo = result < 0 || c->failed < 0;
    if (result >= 0 && undo)
        result = err_at(error, "sql", c->failed, "a part of it failed: nothing was written");
    int ended =
        c->driver->part(c, undo ? SQL_PART_UNDO : SQL_PART_KEEP, undo ? NULL : error);
    c->failed = ended < 0 ? ended : 0; /* what happened within is over with it */
    return ended < 0 && result >= 0 ? ended : result;
}

int sql_scope(struct sql *c, const char *name, const char *value, struct raum_error *error)
{
    if (!sql_is_postgres(c))
        return 0;
    if (!utf8_valid(value, strlen(value)))
        return err_at(error, "sql", RAUM_EBAD_CHANGE, "a text is not valid UTF-8");
    char *copy = strdup(value);
    if (!copy)
        return err_set(error, RAUM_ENOMEM, NULL);
    int at = 0;
    while (at < c->scope_count && strcmp(c->scope[at].name, name) != 0)
        at++;
    assert(at < SQL_SCOPES);
    if (at < c->scope_count)
        free(c->scope[at].value);
    else
        c->scope_count++;
    c->scope[at].name = name;
    c->scope[at].value = copy;
    return 0;
}

int sql_lock(struct sql *c, const char *name, struct raum_error *error)
{
    assert(c->depth > 0 && "a lock lasts as long as its transaction");
    return c->driver->lock(c, name, error);
}

int sql_notify(struct sql *c, const char *channel, const char *payload, struct raum_error *error)
{
    size_t len = strlen(payload);
    assert(c->depth > 0 && "a notice is heard when its transaction is committed");
    if (len > SQL_NOTICE_MAX)
        return err_at(error, "sql", RAUM_ETOO_LARGE, "a notice has at most %d bytes",
                      SQL_NOTICE_MAX);
    if (!utf8_valid(payload, len))
        return err_at(error, "sql", RAUM_EBAD_CHANGE, "a text is not valid UTF-8");
    return c->driver->notify(c, channel, payload, error);
}

/* ---- migrations */

static int read_version(struct sql *c, int64_t *version, struct raum_error *error)
{
    struct sql_rows *rows;
    int result = sql_one(c, &rows, error, "SELECT version FROM server_version WHERE id = 1", "");
    if (result == 0)
        *version = sql_int(rows, "version");
    sql_rows_free(rows);
    return result;
}

/* A path that leads to another program's file would otherwise get our tables too. */
static int refuse_strangers(struct sql *c, struct raum_error *error)
{
    struct sql_rows *rows;
    if (sql_is_postgres(c))
        return 0; /* a name that is taken fails by itself there, others are none of ours */
    int result = sql_one(c, &rows, error,
                         "SELECT count(*) AS n FROM sqlite_schema"
                         " WHERE name <> 'server_version' AND name NOT LIKE 'sqlite_%'",
                         "");
    if (result == 0 && sql_int(rows, "n") > 0)
        result = err_at(error, "sql", RAUM_ECORRUPT,
                        "the database is another program's, not a Raum server's");
    sql_rows_free(rows);
    return result;
}

static int bring_up(struct sql *c, struct raum_error *error)
{
    int64_t version = 0, newest = 0;
    while (migrations[newest].both)
        newest++;
    int result = c->driver->script(c,
                                   "CREATE TABLE IF NOT EXISTS server_version ("
                                   "id BIGINT PRIMARY KEY, version BIGINT NOT NULL)",
                                   error);
    if (result == 0)
        result = read_version(c, &version, error);
    if (result == RAUM_END) {
        result = refuse_strangers(c, error);
        if (result == 0)
            result = sql_run(c, error, "INSERT INTO server_version VALUES (1, 0)", "");
    }
    if (result == 0 && version > newest)
        return err_at(error, "sql", RAUM_ENEWER_DATABASE,
                      "the database has version %lld, this program knows %lld: use a newer one",
                      (long long)version, (long long)newest);
    for (int64_t at = version; result == 0 && at < newest; at++) {
        result = c->driver->script(c, migrations[at].both, error);
        if (result == 0 && migrations[at].postgres && sql_is_postgres(c))
            result = c->driver->script(c, migrations[at].postgres, error);
    }
    if (result == 0 && version < newest)
        result =
            sql_run(c, error, "UPDATE server_version SET version = ?1 WHERE id = 1", "i", newest);
    return result;
}

int sql_migrate(struct sql *c, struct raum_error *error)
{
    int result = sql_begin(c, error);
    if (result < 0)
        return result;
    /* Another node may be at it: its steps may take longer than a request would wait. */
    if (sql_is_postgres(c))
        result = c->driver->script(
            c, "SET LOCAL lock_timeout = '10min'; SET LOCAL statement_timeout = '30min'", error);
    if (result == 0)
        result = sql_lock(c, "migrations", error);
    if (result == 0)
        result = bring_up(c, error);
    if (result == 0 && c->driver->judge)
        result = c->driver->judge(c, error);
    return sql_end(c, result, error);
}
