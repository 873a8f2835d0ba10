/* The server's database: one small interface over SQLite and PostgreSQL, so that every statement is
 * written once. Knows no table; the tables stand in store/migrations.c.
 *
 * SQL is the part both understand: TEXT, BIGINT, BLOB (BYTEA there), ?1 ?2 … (become $1 $2 …),
 * ON CONFLICT, RETURNING. Times are BIGINT milliseconds, truths 0 and 1. Statements are prepared
 * once per connection, by the text's address.
 *
 * A connection belongs to one thread at a time (one per worker). */
#ifndef SERVER_STORE_SQL_H
#define SERVER_STORE_SQL_H

#include "base/arena.h"
#include "base/err.h"
#include <raum/env.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct sql;      /* a connection */
struct sql_rows; /* the rows of one running statement */

/* "postgres://…" or "postgresql://…", else the path of an SQLite file (made if absent, 0600). */
int sql_open(struct sql **out, const char *url, const struct raum_env *env,
             struct raum_error *error) BASE_CHECK;
void sql_close(struct sql *c); /* NULL is fine; rolls back */
/* A place for one thing that lives as long as the connection (the relay's names): `release` is
 * called with it by sql_close. */
void **sql_slot(struct sql *c, void (*release)(void *thing));
bool sql_is_postgres(const struct sql *c);
/* This connection writes most of what is written: on SQLite it keeps 64 MiB of pages instead of
 * 4, and its commits do not move the log into the file: that is its owner's business
 * (sql_tidy_log). */
int sql_writes_most(struct sql *c, struct raum_error *error) BASE_CHECK;
/* Pages in SQLite's log after the last commit of such a connection. */
int sql_log_pages(const struct sql *c);
/* Moves what is in the log into the file, as far as nobody has to wait; on any connection. When all
 * was moved and nobody reads, the log begins anew with the next write. */
int sql_tidy_log(struct sql *c, struct raum_error *error) BASE_CHECK;
/* Brings the tables to this program's version, before anybody else may work; several nodes at once
 * are fine. NEWER_DATABASE. On PostgreSQL NOT_ALLOWED for a role that row-level security does not
 * bind: nothing would keep spaces apart but each statement's own filter. */
int sql_migrate(struct sql *c, struct raum_error *error) BASE_CHECK;

struct sql_span {
    const void *data;
    size_t len;
};
/* Parameters follow `types`, one letter each: s text or NULL · i int64_t (cast!) · t text with
 * size_t length · b bytes with size_t length (pointer NULL: null) · n null (takes no argument).
 * On PostgreSQL also arrays, for `unnest`, each with a size_t count behind it: I of int64_t ·
 * T of texts (const char *const *) · B of struct sql_span.
 * EXISTS: a UNIQUE or primary key refused it (the transaction goes on on both). */
int sql_run(struct sql *c, struct raum_error *error, const char *sql, const char *types,
            ...) BASE_CHECK;
/* The same within a transaction for what is not refused in good order and whose count nobody asks:
 * on PostgreSQL it travels with the next statement. If it fails that one fails, or sql_end, and the
 * transaction with it. */
int sql_later(struct sql *c, struct raum_error *error, const char *sql, const char *types,
              ...) BASE_CHECK;
/* Rows changed by the last sql_run. */
int64_t sql_changed(const struct sql *c);
/* One row: RAUM_END if there is none. *out is read by the functions below and freed by
 * sql_rows_free in any case. */
int sql_one(struct sql *c, struct sql_rows **out, struct raum_error *error, const char *sql,
            const char *types, ...) BASE_CHECK;
/* Many: then `while ((rc = sql_next(rows, error)) == 0)`. A result may all be in memory. */
int sql_many(struct sql *c, struct sql_rows **out, struct raum_error *error, const char *sql,
             const char *types, ...) BASE_CHECK;
int sql_next(struct sql_rows *rows, struct raum_error *error) BASE_CHECK;
void sql_rows_free(struct sql_rows *rows); /* before sql_close; NULL is fine */

/* Columns by name (an assertion if there is none); lent until the next row. */
const char *sql_text(struct sql_rows *rows, const char *name); /* NULL for null */
int64_t sql_int(struct sql_rows *rows, const char *name);      /* 0 for null */
const void *sql_bytes(struct sql_rows *rows, const char *name, size_t *len);
bool sql_null(struct sql_rows *rows, const char *name);
/* A copy in the arena; NULL for null (or no memory). */
char *sql_copy(struct sql_rows *rows, const char *name, struct arena *a);

/* A write transaction: BEGIN IMMEDIATE there, READ COMMITTED here; nests, only the outermost
 * commits. BUSY after five seconds. */
int sql_begin(struct sql *c, struct raum_error *error) BASE_CHECK;
/* Ends it: commits if result is 0, else rolls back; gives the first failure. */
int sql_end(struct sql *c, int result, struct raum_error *error) BASE_CHECK;
/* Within a transaction: a part of it that is undone alone if result is negative, everything else
 * stays; gives result, or why even that failed (then the transaction is lost). Parts do not nest.
 */
int sql_part_begin(struct sql *c, struct raum_error *error) BASE_CHECK;
int sql_part_end(struct sql *c, int result, struct raum_error *error) BASE_CHECK;
/* Within a transaction: nobody else holds the same name until it ends ("space:<id>"). On SQLite
 * the transaction itself is that lock. */
int sql_lock(struct sql *c, const char *name, struct raum_error *error) BASE_CHECK;
/* Which rows of the relay's tables this transaction may touch from now on; outside of one, the next
 * statement. PostgreSQL enforces it (migrations.c): without it these tables look empty and take
 * nothing, whatever a statement asks (G-T3); SQLite has no such fence, there it changes nothing.
 * name: "partition" (value: its id), "account" (its id: which partitions are its own, to read) or
 * "before" (ms: history and receipts made before, to delete). The value is copied. */
int sql_scope(struct sql *c, const char *name, const char *value,
              struct raum_error *error) BASE_CHECK;
/* Within a transaction: whoever listens on the channel (sql_listen.h) hears the payload once it is
 * committed; the same said twice may be heard once. channel: a word of ours, [a-z]+. payload: text
 * of at most SQL_NOTICE_MAX bytes, else TOO_LARGE. */
#define SQL_NOTICE_MAX 7999
int sql_notify(struct sql *c, const char *channel, const char *payload,
               struct raum_error *error) BASE_CHECK;

#endif
