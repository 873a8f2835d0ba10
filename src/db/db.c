#include "db/db.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BUSY_MS 5000

static int allow_own(void *ctx, int action, const char *a, const char *b, const char *schema,
                     const char *within)
{
    (void)ctx, (void)a, (void)schema, (void)within;
    if (action == SQLITE_ATTACH || action == SQLITE_DETACH)
        return SQLITE_DENY;
    if (action == SQLITE_FUNCTION && b && strcmp(b, "load_extension") == 0)
        return SQLITE_DENY;
    return SQLITE_OK;
}

const struct db_grant db_grant_own = {.allow = allow_own};

static int authorize(void *ctx, int action, const char *a, const char *b, const char *schema,
                     const char *within)
{
    struct db *db = ctx;
    if (!db->grant)
        return SQLITE_DENY;
    return db->grant->allow(db->grant->ctx, action, a, b, schema, within);
}

static int code_of(int rc)
{
    switch (rc & 0xff) {
    case SQLITE_NOMEM:
        return RAUM_ENOMEM;
    case SQLITE_FULL:
        return RAUM_EFULL;
    case SQLITE_READONLY:
    case SQLITE_PERM:
        return RAUM_EREAD_ONLY;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
        return RAUM_ECORRUPT;
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return RAUM_EBUSY;
    case SQLITE_INTERRUPT:
    case SQLITE_ABORT:
        return RAUM_EINTERRUPTED;
    case SQLITE_TOOBIG:
        return RAUM_ETOO_LARGE;
    case SQLITE_AUTH:
        return RAUM_ENOT_ALLOWED;
    case SQLITE_IOERR:
    case SQLITE_CANTOPEN:
        return RAUM_EIO;
    default:
        return RAUM_EINTERNAL;
    }
}

int db_fail(struct db *db, int rc, const char *what, struct raum_error *error)
{
    int code = code_of(rc);
    const char *text = db && db->handle ? sqlite3_errmsg(db->handle) : sqlite3_errstr(rc);
    return err_at(error, "db", code, "%s: %s", what, text);
}

/* sqlite3_open does not tell an absent file from an unreadable one; ours is asked for by callers.
 */
static int fail_open(struct db *db, int rc, const char *path, struct raum_error *error)
{
    int sys = db->handle ? sqlite3_system_errno(db->handle) : 0;
    int code = code_of(rc);
    if ((rc & 0xff) == SQLITE_CANTOPEN && sys == 2)
        code = RAUM_ENOT_FOUND;
    else if ((rc & 0xff) == SQLITE_CANTOPEN && (sys == 13 || sys == 30))
        code = RAUM_EREAD_ONLY;
    err_at(error, "db", code, "cannot open %s: %s", path, sqlite3_errstr(rc));
    db_close(db);
    return code;
}

static int set_up(struct db *db, unsigned flags, struct raum_error *error)
{
    sqlite3_busy_timeout(db->handle, flags & DB_NO_WAIT ? 0 : BUSY_MS);
    /* Defensive mode would refuse journal_mode=OFF, silently. */
    sqlite3_db_config(db->handle, SQLITE_DBCONFIG_DEFENSIVE, flags & DB_PLAIN ? 0 : 1, NULL);
    sqlite3_db_config(db->handle, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
    sqlite3_db_config(db->handle, SQLITE_DBCONFIG_DQS_DML, 0, NULL);
    sqlite3_db_config(db->handle, SQLITE_DBCONFIG_DQS_DDL, 0, NULL);
    sqlite3_set_authorizer(db->handle, authorize, db);
    const char *sql = "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA secure_delete=ON;"
                      "PRAGMA temp_store=MEMORY; PRAGMA foreign_keys=OFF; PRAGMA cache_size=-4000;"
                      "PRAGMA journal_size_limit=67108864;";
    if (flags & DB_READ_ONLY)
        sql = "PRAGMA query_only=ON; PRAGMA temp_store=MEMORY; PRAGMA cache_size=-4000;"
              "SELECT count(*) FROM sqlite_schema;";
    else if (flags & DB_PLAIN)
        sql = "PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF; PRAGMA temp_store=MEMORY;"
              "PRAGMA locking_mode=EXCLUSIVE; PRAGMA cache_size=-16000;";
    if (flags & DB_LARGE_PAGES) { /* before anything is written */
        int result = db_exec(db, "PRAGMA page_size=8192", error);
        if (result < 0)
            return result;
    }
    return db_exec(db, sql, error);
}

int db_open(struct db **out, const char *path, unsigned flags, struct raum_error *error)
{
    struct db *db = calloc(1, sizeof *db);
    if (!db)
        return err_set(error, RAUM_ENOMEM, NULL);
    db->read_only = (flags & DB_READ_ONLY) != 0;
    int mode = db->read_only ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE;
    if (flags & DB_CREATE)
        mode |= SQLITE_OPEN_CREATE;
    int rc = sqlite3_open_v2(path, &db->handle, mode | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE,
                             NULL);
    if (rc == SQLITE_OK && !db->read_only && sqlite3_db_readonly(db->handle, "main") == 1)
        rc = SQLITE_READONLY; /* SQLite falls back silently: the first write would tell */
    if (rc != SQLITE_OK)
        return fail_open(db, rc, path, error);
    int result = set_up(db, flags, error);
    if (result < 0) {
        db_close(db);
        return result;
    }
    *out = db;
    return 0;
}

void db_close(struct db *db)
{
    if (!db)
        return;
    db->grant = &db_grant_own; /* closing may roll back, which asks */
    db_finish(&db->undo);
    db_finish(&db->start);
    db_finish(&db->finish);
    db_finish(&db->version);
    sqlite3_close_v2(db->handle);
    free(db);
}

int db_prepare(struct db *db, struct db_stmt *out, const struct db_grant *grant, const char *sql,
               struct raum_error *error)
{
    const struct db_grant *before = db->grant;
    *out = (struct db_stmt){.db = db, .grant = grant};
    db->grant = grant;
    int rc = sqlite3_prepare_v3(db->handle, sql, -1, SQLITE_PREPARE_PERSISTENT, &out->stmt, NULL);
    db->grant = before;
    if (rc != SQLITE_OK)
        return db_fail(db, rc, "cannot prepare", error);
    return 0;
}

int db_step(struct db_stmt *s, struct raum_error *error)
{
    const struct db_grant *before = s->db->grant;
    s->db->grant = s->grant;
    int rc = sqlite3_step(s->stmt);
    s->db->grant = before;
    if (rc == SQLITE_ROW)
        return 0;
    if (rc == SQLITE_DONE)
        return RAUM_END;
    return db_fail(s->db, rc, "cannot run", error);
}

int db_run(struct db_stmt *s, struct raum_error *error)
{
    int result;
    do
        result = db_step(s, error);
    while (result == 0);
    db_reset(s);
    return result == RAUM_END ? 0 : result;
}

void db_reset(struct db_stmt *s)
{
    if (!s->stmt)
        return;
    sqlite3_reset(s->stmt);
    sqlite3_clear_bindings(s->stmt);
}

void db_finish(struct db_stmt *s)
{
    if (!s)
        return;
    sqlite3_finalize(s->stmt);
    s->stmt = NULL;
}

void db_bind_int(struct db_stmt *s, int at, int64_t value)
{
    sqlite3_bind_int64(s->stmt, at, value);
}

void db_bind_double(struct db_stmt *s, int at, double value)
{
    sqlite3_bind_double(s->stmt, at, value);
}

void db_bind_str(struct db_stmt *s, int at, const char *text)
{
    sqlite3_bind_text(s->stmt, at, text, -1, SQLITE_STATIC);
}

void db_bind_text(struct db_stmt *s, int at, const char *text, size_t len)
{
    sqlite3_bind_text64(s->stmt, at, text, len, SQLITE_STATIC, SQLITE_UTF8);
}

void db_bind_blob(struct db_stmt *s, int at, const void *data, size_t len)
{
    sqlite3_bind_blob64(s->stmt, at, data ? data : "", len, SQLITE_STATIC);
}

void db_bind_null(struct db_stmt *s, int at)
{
    sqlite3_bind_null(s->stmt, at);
}

int64_t db_int(struct db_stmt *s, int at)
{
    return sqlite3_column_int64(s->stmt, at);
}

const char *db_text(struct db_stmt *s, int at, size_t *len)
{
    const char *text = (const char *)sqlite3_column_text(s->stmt, at);
    if (len)
        *len = text ? (size_t)sqlite3_column_bytes(s->stmt, at) : 0;
    return text;
}

const void *db_blob(struct db_stmt *s, int at, size_t *len)
{
    const void *data = sqlite3_column_blob(s->stmt, at);
    if (len)
        *len = (size_t)sqlite3_column_bytes(s->stmt, at);
    return data;
}

bool db_is_null(struct db_stmt *s, int at)
{
    return sqlite3_column_type(s->stmt, at) == SQLITE_NULL;
}

int db_exec(struct db *db, const char *sql, struct raum_error *error)
{
    const struct db_grant *before = db->grant;
    db->grant = &db_grant_own;
    int rc = sqlite3_exec(db->handle, sql, NULL, NULL, NULL);
    db->grant = before;
    return rc == SQLITE_OK ? 0 : db_fail(db, rc, "cannot run", error);
}

int db_execf(struct db *db, struct raum_error *error, const char *fmt, ...)
{
    struct buf sql;
    va_list args;
    char small[512];
    va_start(args, fmt);
    int len = vsnprintf(small, sizeof small, fmt, args);
    va_end(args);
    if (len >= 0 && (size_t)len < sizeof small)
        return db_exec(db, small, error);
    buf_init(&sql, 1000000);
    char *room = len < 0 ? NULL : buf_room(&sql, (size_t)len);
    int result = RAUM_ENOMEM;
    if (room) {
        va_start(args, fmt);
        vsnprintf(room, (size_t)len + 1, fmt, args);
        va_end(args);
        result = db_exec(db, room, error);
    }
    buf_release(&sql);
    return result;
}

int db_query_int(struct db *db, const char *sql, int64_t *out, struct raum_error *error)
{
    struct db_stmt s;
    int result = db_prepare(db, &s, &db_grant_own, sql, error);
    if (result == 0)
        result = db_step(&s, error);
    if (result == 0)
        *out = db_int(&s, 0);
    db_finish(&s);
    return result;
}

/* One of those that are run again and again: it stays prepared. */
static int take_own(struct db *db, struct db_stmt *s, const char *sql, struct raum_error *error)
{
    return s->stmt ? 0 : db_prepare(db, s, &db_grant_own, sql, error);
}

int db_version(struct db *db, int64_t *out, struct raum_error *error)
{
    int result = take_own(db, &db->version, "PRAGMA user_version", error);
    if (result == 0)
        result = db_step(&db->version, error);
    if (result == 0)
        *out = db_int(&db->version, 0);
    db_reset(&db->version);
    return result;
}

/* SQLite may have rolled back by itself. */
static void undo(struct db *db)
{
    if (!sqlite3_get_autocommit(db->handle) && db->undo.stmt) {
        int result = db_run(&db->undo, NULL);
        (void)result;
    }
}

int db_begin(struct db *db, struct raum_error *error)
{
    if (db->depth == 0) {
        int result = take_own(db, &db->undo, "ROLLBACK", error);
        if (result == 0)
            result = take_own(db, &db->start, "BEGIN IMMEDIATE", error);
        if (result == 0)
            result = db_run(&db->start, error);
        if (result < 0)
            return result;
        db->failed = false;
    }
    db->depth++;
    return 0;
}

int db_commit(struct db *db, struct raum_error *error)
{
    if (db->depth > 1) {
        db->depth--;
        return 0;
    }
    int result = db->failed ? err_at(error, "db", RAUM_EINTERRUPTED,
                                     "a part of the transaction failed: nothing was written")
                            : take_own(db, &db->finish, "COMMIT", error);
    if (result == 0)
        result = db_run(&db->finish, error);
    db->depth = 0;
    if (result < 0)
        undo(db);
    return result;
}

void db_rollback(struct db *db)
{
    if (db->depth > 1) {
        db->depth--;
        db->failed = true;
        return;
    }
    if (db->depth == 0)
        return;
    db->depth = 0;
    undo(db);
}

int db_empty_log(struct db *db, struct raum_error *error)
{
    int64_t busy = 1;
    int result = db_query_int(db, "PRAGMA wal_checkpoint(TRUNCATE)", &busy, error);
    if (result == 0 && busy)
        result = err_at(error, "db", RAUM_EBUSY, "another process still reads an earlier state");
    return result;
}
