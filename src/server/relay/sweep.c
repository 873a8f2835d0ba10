/* What the relay keeps for a time only: what fields held before, and when plain writes came. */
#include "server/relay/relay.h"

#include <stdio.h>

#define SWEEP_ROWS 2000 /* of one statement */

static int sweep_receipts(struct sql *c, int64_t oldest, struct raum_error *error)
{
    int result = 0;
    do
        result = sql_run(c, error,
                         "DELETE FROM receipts WHERE (part, digest) IN (SELECT part, digest FROM "
                         "receipts WHERE created < ?1 LIMIT ?2)",
                         "ii", oldest, (int64_t)SWEEP_ROWS);
    while (result == 0 && sql_changed(c) == SWEEP_ROWS);
    return result;
}

/* The last seq of the old ones at the beginning of a partition's history; 0: there are none. *more:
 * behind them there may be others. */
static int old_ones(struct sql *c, int64_t part, int64_t oldest, int64_t *last, bool *more,
                    struct raum_error *error)
{
    struct sql_rows *rows;
    int64_t seen = 0, old = 0;
    int result = sql_many(c, &rows, error,
                          "SELECT seq, created FROM history WHERE part = ?1 ORDER BY seq LIMIT ?2",
                          "ii", part, (int64_t)SWEEP_ROWS);
    *last = 0;
    while (result == 0 && (result = sql_next(rows, error)) == 0) {
        seen++;
        if (sql_int(rows, "created") >= oldest)
            break;
        *last = sql_int(rows, "seq");
        old++;
    }
    sql_rows_free(rows);
    *more = old == seen && seen == SWEEP_ROWS;
    return result == RAUM_END ? 0 : result;
}

static int sweep_history(struct sql *c, int64_t part, int64_t oldest, struct raum_error *error)
{
    bool more = true;
    int result = 0;
    while (more && result == 0) {
        int64_t last;
        result = old_ones(c, part, oldest, &last, &more, error);
        if (result == 0 && last)
            result = sql_run(c, error, "DELETE FROM history WHERE part = ?1 AND seq <= ?2", "ii",
                             part, last);
    }
    return result;
}

/* Nobody waits for another's deletions there, and only what is old may be looked at (sql_scope). */
static int sweep_postgres(struct sql *c, int64_t oldest, struct raum_error *error)
{
    char text[24];
    snprintf(text, sizeof text, "%lld", (long long)oldest);
    int result = sql_scope(c, "before", text, error);
    if (result == 0)
        result = sql_run(c, error, "DELETE FROM history WHERE created < ?1", "i", oldest);
    if (result == 0)
        result = sql_scope(c, "before", text, error);
    return result ? result
                  : sql_run(c, error, "DELETE FROM receipts WHERE created < ?1", "i", oldest);
}

int relay_sweep(struct sql *c, int64_t now_ms, struct raum_error *error)
{
    struct sql_rows *parts;
    int64_t oldest = now_ms - RELAY_KEEP_MS;
    if (sql_is_postgres(c))
        return sweep_postgres(c, oldest, error);
    int result = sql_many(c, &parts, error,
                          "SELECT ref FROM partitions p WHERE (SELECT created FROM history h WHERE "
                          "h.part = p.ref ORDER BY seq LIMIT 1) < ?1",
                          "i", oldest);
    while (result == 0 && (result = sql_next(parts, error)) == 0)
        result = sweep_history(c, sql_int(parts, "ref"), oldest, error);
    sql_rows_free(parts);
    return result < 0 ? result : sweep_receipts(c, oldest, error);
}
