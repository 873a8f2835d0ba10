/* SQLite, wrapped: statements that carry their permission, transactions, errors in our codes.
 *
 * A connection denies by default. Each statement belongs to a `db_grant`; the authorizer asks the
 * grant of the statement that is being prepared or stepped, so that a re-prepare inside step is
 * judged by the same rule as the first prepare (facts: engine). A grant that is NULL allows
 * nothing. Knows no table's name. Not safe from several threads at once: a connection is its
 * caller's. */
#ifndef DB_DB_H
#define DB_DB_H

#include "base/buf.h"
#include "base/err.h"
#include <sqlite3.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct db;

/* Arguments as SQLite's authorizer callback. Returns SQLITE_OK, SQLITE_DENY or SQLITE_IGNORE. */
struct db_grant {
    int (*allow)(void *ctx, int action, const char *a, const char *b, const char *schema,
                 const char *within);
    void *ctx;
};

/* Everything except ATTACH, DETACH and loading of extensions: for the engine's own fixed texts. */
extern const struct db_grant db_grant_own;

enum db_open_flags {
    DB_CREATE = 1,    /* make the file if absent */
    DB_READ_ONLY = 2, /* never writes, not even a WAL */
    DB_PLAIN = 4, /* no WAL (for files that are built and then renamed): journal off, not synced */
    DB_NO_WAIT = 8,      /* BUSY at once instead of after five seconds */
    DB_LARGE_PAGES = 16, /* a file that is made gets pages of 8 KiB: for rows of some 100 bytes */
};

/* A prepared statement with its grant. `stmt` NULL: not prepared. */
struct db_stmt {
    sqlite3_stmt *stmt;
    struct db *db;
    const struct db_grant *grant;
};

struct db {
    sqlite3 *handle;
    const struct db_grant *grant; /* in force now; NULL denies */
    int depth;                    /* 0, or nesting of db_begin */
    bool failed;                  /* a nested transaction asked to roll back */
    struct db_stmt undo;          /* ROLLBACK, prepared ahead: it wants no memory then */
    struct db_stmt start, finish; /* BEGIN IMMEDIATE and COMMIT, from the first time on */
    struct db_stmt version;       /* PRAGMA user_version (db_version) */
    bool read_only;
};

/* Opens with WAL, synchronous=FULL, secure_delete, temp_store=MEMORY, busy timeout 5 s, defensive
 * mode, no trusted schema, double-quoted strings off. RAUM_ECORRUPT for other files,
 * RAUM_ENOT_FOUND, RAUM_EIO … */
int db_open(struct db **out, const char *path, unsigned flags, struct raum_error *error) BASE_CHECK;
void db_close(struct db *db);

/* Turns an SQLite result into our code with the connection's text; what names the action. */
int db_fail(struct db *db, int rc, const char *what, struct raum_error *error);

int db_prepare(struct db *db, struct db_stmt *out, const struct db_grant *grant, const char *sql,
               struct raum_error *error) BASE_CHECK;
/* 0: a row; RAUM_END: done; negative: failed. */
int db_step(struct db_stmt *s, struct raum_error *error) BASE_CHECK;
/* Steps to the end and resets. */
int db_run(struct db_stmt *s, struct raum_error *error) BASE_CHECK;
void db_reset(struct db_stmt *s);  /* resets and clears the bindings */
void db_finish(struct db_stmt *s); /* finalizes; NULL is fine */

/* Binding: index from 1. Texts and blobs are lent until the next reset. NULL text binds NULL. */
void db_bind_int(struct db_stmt *s, int at, int64_t value);
void db_bind_double(struct db_stmt *s, int at, double value);
void db_bind_str(struct db_stmt *s, int at, const char *text);
void db_bind_text(struct db_stmt *s, int at, const char *text, size_t len);
void db_bind_blob(struct db_stmt *s, int at, const void *data, size_t len);
void db_bind_null(struct db_stmt *s, int at);

/* Columns: index from 0. Lent until the next step or reset. */
int64_t db_int(struct db_stmt *s, int at);
const char *db_text(struct db_stmt *s, int at, size_t *len); /* NULL for NULL; len may be NULL */
const void *db_blob(struct db_stmt *s, int at, size_t *len);
bool db_is_null(struct db_stmt *s, int at);

/* Runs one or several fixed statements under db_grant_own. */
int db_exec(struct db *db, const char *sql, struct raum_error *error) BASE_CHECK;
/* As printf; %s parts must be our own words, never input. */
int db_execf(struct db *db, struct raum_error *error, const char *fmt, ...)
    BASE_PRINTF(3, 4) BASE_CHECK;
/* First column of the first row; *out untouched and RAUM_END if there is none. */
int db_query_int(struct db *db, const char *sql, int64_t *out, struct raum_error *error) BASE_CHECK;

/* The file's own number, as any connection sees it now: PRAGMA user_version. */
int db_version(struct db *db, int64_t *out, struct raum_error *error) BASE_CHECK;

/* Transactions nest: only the outermost begins and commits; a rollback within makes the outermost
 * roll back. */
int db_begin(struct db *db, struct raum_error *error) BASE_CHECK; /* BEGIN IMMEDIATE */
int db_commit(struct db *db, struct raum_error *error) BASE_CHECK;
void db_rollback(struct db *db);
/* After large or erasing transactions: everything into the file, the log cut to nothing, so that
 * the next writer does not pay for it and nothing erased stays in it. BUSY: somebody still reads an
 * earlier state, the log stays. */
int db_empty_log(struct db *db, struct raum_error *error) BASE_CHECK;

#endif
