/* SQLite: one file, several connections of this process, WAL. A write waits at the gate of the
 * file, then commits with synchronous=FULL: what was answered survives a loss of power (G-O1). */
#include "db/db.h"
#include "server/store/sql_driver.h"
#include "server/store/sql_gate.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define OPEN_PAUSE_MS 20
#define CHECKPOINT_PAGES "16000" /* 125 MiB of log; at the usual 1,000 a third of the time goes */

struct lite {
    struct sql sql;
    struct db *db;
    struct sql_gate *gate;
    int log_pages;          /* after the last commit (sql_writes_most) */
    struct sql_said *said;  /* in this transaction */
    struct sql_said **mark; /* where the part of it that is at work began to say something */
};

static struct db *db_of(struct sql *c)
{
    return ((struct lite *)c)->db;
}

/* The same meanings that PostgreSQL's states have. */
static int refine(struct sql *c, int result, struct raum_error *error)
{
    switch (sqlite3_extended_errcode(db_of(c)->handle)) {
    case SQLITE_CONSTRAINT_UNIQUE:
    case SQLITE_CONSTRAINT_PRIMARYKEY:
    case SQLITE_CONSTRAINT_ROWID:
        return err_at(error, "sql", RAUM_EEXISTS, NULL);
    case SQLITE_CONSTRAINT_FOREIGNKEY:
        return err_at(error, "sql", RAUM_ENOT_FOUND, "what this refers to is not there");
    case SQLITE_CONSTRAINT_NOTNULL:
    case SQLITE_CONSTRAINT_CHECK:
        return err_at(error, "sql", RAUM_EBAD_CHANGE, NULL);
    default:
        return result;
    }
}

static int lite_prepare(struct sql *c, struct sql_stmt *s, struct raum_error *error)
{
    struct db_stmt *stmt = calloc(1, sizeof *stmt);
    if (!stmt)
        return err_set(error, RAUM_ENOMEM, NULL);
    int result = db_prepare(db_of(c), stmt, &db_grant_own, s->text, error);
    if (result < 0) {
        free(stmt);
        return result;
    }
    s->handle = stmt;
    return 0;
}

static void lite_forget(struct sql *c, struct sql_stmt *s)
{
    (void)c;
    db_finish(s->handle);
    free(s->handle);
    s->handle = NULL;
}

static void bind(struct db_stmt *stmt, const struct sql_value *values, int count)
{
    for (int i = 0; i < count; i++) {
        const struct sql_value *v = &values[i];
        if (v->type == 'i')
            db_bind_int(stmt, i + 1, v->number);
        else if (!v->data)
            db_bind_null(stmt, i + 1);
        else if (v->type == 'b')
            db_bind_blob(stmt, i + 1, v->data, v->len);
        else
            db_bind_text(stmt, i + 1, v->data, v->len);
    }
}

static bool take_cell(struct sql_rows *rows, struct sql_cell *cell, struct db_stmt *stmt, int i)
{
    size_t len;
    switch (sqlite3_column_type(stmt->stmt, i)) {
    case SQLITE_NULL:
        cell->type = 'n';
        return true;
    case SQLITE_INTEGER:
    case SQLITE_FLOAT:
        cell->type = 'i';
        cell->number = db_int(stmt, i);
        return true;
    case SQLITE_BLOB: {
        const void *data = db_blob(stmt, i, &len);
        return sql_cell_set(rows, cell, 'b', data, len);
    }
    default: {
        const char *text = db_text(stmt, i, &len);
        return text && sql_cell_set(rows, cell, 't', text, len);
    }
    }
}

static int name_columns(struct sql_rows *rows, struct db_stmt *stmt, struct raum_error *error)
{
    int result = sql_rows_columns(rows, sqlite3_column_count(stmt->stmt), error);
    for (int i = 0; result == 0 && i < rows->columns; i++) {
        const char *name = sqlite3_column_name(stmt->stmt, i);
        rows->names[i] = name ? arena_str(&rows->arena, name) : NULL;
        if (!rows->names[i])
            result = err_set(error, RAUM_ENOMEM, NULL);
    }
    return result;
}

static int collect(struct sql_rows *rows, struct db_stmt *stmt, struct raum_error *error)
{
    int result = rows ? name_columns(rows, stmt, error) : 0;
    while (result == 0 && (result = db_step(stmt, error)) == 0) {
        struct sql_cell *cells = rows ? sql_rows_add(rows) : NULL;
        bool fits = !rows || cells;
        for (int i = 0; rows && fits && i < rows->columns; i++)
            fits = take_cell(rows, &cells[i], stmt, i);
        if (!fits)
            result = err_at(error, "sql", RAUM_ELIMIT, "a result is too large");
    }
    return result == RAUM_END ? 0 : result;
}

static int lite_run(struct sql *c, struct sql_stmt *s, const struct sql_value *values, int count,
                    struct sql_rows *rows, struct raum_error *error)
{
    struct lite *l = (struct lite *)c;
    struct db_stmt *stmt = s->handle;
    bool writes = !sqlite3_stmt_readonly(stmt->stmt), gated = writes && c->depth == 0;
    int result = gated ? sql_gate_enter(l->gate, SQL_WAIT_MS, error) : 0;
    if (result < 0)
        return result;
    bind(stmt, values, count);
    result = collect(rows, stmt, error);
    if (result < 0)
        result = refine(c, result, error);
    c->changed = writes && result == 0 ? sqlite3_changes64(l->db->handle) : 0;
    db_reset(stmt);
    if (gated)
        sql_gate_leave(l->gate);
    return result;
}

static int lite_script(struct sql *c, const char *text, struct raum_error *error)
{
    return db_exec(db_of(c), text, error);
}

static int lite_begin(struct sql *c, struct raum_error *error)
{
    struct lite *l = (struct lite *)c;
    int result = sql_gate_enter(l->gate, SQL_WAIT_MS, error);
    if (result < 0)
        return result;
    result = db_begin(l->db, error);
    if (result < 0)
        sql_gate_leave(l->gate);
    return result;
}

/* The gate is left by whichever of the two comes last: a commit that failed is rolled back. */
static int lite_commit(struct sql *c, struct raum_error *error)
{
    struct lite *l = (struct lite *)c;
    int result = db_commit(l->db, error);
    if (result == 0) {
        sql_said_deliver(&l->said, l->gate); /* within the gate: in the order of commits */
        sql_gate_leave(l->gate);
    }
    return result < 0 ? refine(c, result, error) : 0;
}

static void lite_rollback(struct sql *c)
{
    struct lite *l = (struct lite *)c;
    db_rollback(l->db);
    sql_said_drop(&l->said);
    sql_gate_leave(l->gate);
}

static int lite_part(struct sql *c, enum sql_part what, struct raum_error *error)
{
    struct lite *l = (struct lite *)c;
    int result = db_exec(l->db, sql_part_texts[what], error);
    if (what == SQL_PART_BEGIN)
        for (l->mark = &l->said; *l->mark; l->mark = &(*l->mark)->next)
            continue;
    else if (what == SQL_PART_UNDO)
        sql_said_drop(l->mark);
    return result;
}

static int lite_lock(struct sql *c, const char *name, struct raum_error *error)
{
    (void)c, (void)name, (void)error; /* the transaction is the lock: there is one writer */
    return 0;
}

static int lite_notify(struct sql *c, const char *channel, const char *payload,
                       struct raum_error *error)
{
    return sql_say(&((struct lite *)c)->said, channel, payload, error);
}

static void lite_close(struct sql *c)
{
    struct lite *l = (struct lite *)c;
    db_close(l->db);
    sql_gate_release(l->gate);
    free(l);
}

static const struct sql_driver driver = {
    .close = lite_close,
    .prepare = lite_prepare,
    .forget = lite_forget,
    .run = lite_run,
    .script = lite_script,
    .begin = lite_begin,
    .commit = lite_commit,
    .rollback = lite_rollback,
    .part = lite_part,
    .lock = lite_lock,
    .notify = lite_notify,
};

/* SQLite would make it readable for others; its WAL and index take the rights of the file. A file
 * that is there is left alone: to open and close it here would drop the locks of other
 * connections. */
static int make_private(const char *path, struct raum_error *error)
{
    int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd >= 0)
        close(fd);
    else if (errno != EEXIST)
        return err_at(error, "sql", errno == EACCES || errno == EROFS ? RAUM_EREAD_ONLY : RAUM_EIO,
                      "cannot make %s: %s", path, strerror(errno));
    return 0;
}

/* To make a new file a WAL one, a connection must be alone with it, and SQLite does not wait for
 * that: so it is tried again here while others are at the same. */
static int open_alone(struct lite *l, const char *path, struct raum_error *error)
{
    const struct timespec pause = {.tv_nsec = OPEN_PAUSE_MS * 1000000L};
    struct timespec from, now;
    clock_gettime(CLOCK_MONOTONIC, &from);
    for (;;) {
        int result = db_open(&l->db, path, DB_CREATE | DB_LARGE_PAGES, error);
        clock_gettime(CLOCK_MONOTONIC, &now);
        if (result != RAUM_EBUSY || (now.tv_sec - from.tv_sec) * 1000 > SQL_WAIT_MS)
            return result;
        nanosleep(&pause, NULL);
    }
}

int sql_sqlite_open(struct sql **out, const char *path, struct raum_error *error)
{
    struct lite *l = calloc(1, sizeof *l);
    if (!l)
        return err_set(error, RAUM_ENOMEM, NULL);
    l->sql.driver = &driver;
    int result = make_private(path, error);
    if (result == 0)
        result = sql_gate_of(&l->gate, path, error);
    if (result == 0)
        result = open_alone(l, path, error);
    if (result == 0)
        result = db_exec(l->db,
                         "PRAGMA foreign_keys=ON; PRAGMA cache_size=-4096;"
                         "PRAGMA wal_autocheckpoint=" CHECKPOINT_PAGES,
                         error);
    if (result < 0) {
        lite_close(&l->sql);
        return result;
    }
    *out = &l->sql;
    return 0;
}

static int count_pages(void *arg, sqlite3 *handle, const char *name, int pages)
{
    (void)handle, (void)name;
    ((struct lite *)arg)->log_pages = pages;
    return SQLITE_OK;
}

int sql_writes_most(struct sql *c, struct raum_error *error)
{
    struct lite *l = (struct lite *)c;
    if (sql_is_postgres(c))
        return 0;
    sqlite3_wal_hook(l->db->handle, count_pages, l); /* in the place of the automatic one */
    return db_exec(l->db, "PRAGMA cache_size=-65536", error);
}

int sql_log_pages(const struct sql *c)
{
    return sql_is_postgres(c) ? 0 : ((const struct lite *)c)->log_pages;
}

int sql_tidy_log(struct sql *c, struct raum_error *error)
{
    if (sql_is_postgres(c))
        return 0;
    int rc =
        sqlite3_wal_checkpoint_v2(db_of(c)->handle, NULL, SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);
    return rc == SQLITE_OK || rc == SQLITE_BUSY ? 0 : db_fail(db_of(c), rc, "cannot tidy", error);
}

bool sql_is_postgres(const struct sql *c)
{
    return c->driver != &driver;
}
