/* The fence: everybody else's SQL (G-T2, G-T3). A separate in-memory connection per handle in
 * which nothing exists but read-only virtual tables, one per table that the handle has, each
 * forwarding to scoped statements (scope_prepare) with equality, range, order and limit pushed
 * down. What does not exist there cannot be named.
 *
 * The fence has its own deny-by-default authorizer, a list of allowed functions, a deadline,
 * limits of heap, length and rows, and errors in our own words. A text holds one statement. */
#ifndef ENGINE_FENCE_H
#define ENGINE_FENCE_H

#include "engine/query.h"

struct fence_limits {
    int64_t deadline_ms;  /* time of one statement: 5,000 */
    int64_t heap_bytes;   /* growth of SQLite's memory: 64 MiB */
    int64_t rows;         /* delivered rows: 100,000 */
    int64_t looks; /* at the clock, one in 250 instructions: an end also where it stands still */
    int length;           /* bytes of a value or of the SQL: 1,000,000 / 100,000 */
};
extern const struct fence_limits fence_defaults;

int fence_open(struct raum_handle *h, struct fence **out, struct raum_error *error) BASE_CHECK;
void fence_close(struct fence *f);
void fence_set_limits(struct fence *f, const struct fence_limits *limits);
/* Prepares one SELECT; anything else, and anything behind it but blanks and comments, is
 * RAUM_EBAD_SQL. */
int fence_prepare(struct fence *f, const char *sql, size_t len, sqlite3_stmt **out,
                  struct raum_error *error) BASE_CHECK;
/* As db_step, under the limits. Time counts inside of calls only, from the first step to the reset:
 * a reader may take its time. LIMIT, INTERRUPTED (the handle was switched), SCOPE_NOT_READY; after
 * any error the statement is reset. Several statements may be open at once. */
int fence_step(struct fence *f, sqlite3_stmt *stmt, struct raum_error *error) BASE_CHECK;
void fence_reset(struct fence *f, sqlite3_stmt *stmt);
/* Resets every statement; open cursors let go of the replica. Before a switch. Statements in
 * mid-step answer INTERRUPTED until fence_reset. */
void fence_interrupt(struct fence *f);
/* The tables (bit per schema number) that a prepared statement reads, derived columns' tables
 * included. */
uint64_t fence_tables(struct fence *f, sqlite3_stmt *stmt);

#endif
