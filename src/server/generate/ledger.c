#include "server/generate/ledger.h"

#include <stdio.h>

int ledger_left(struct sql *c, const char *space, int64_t usual, int64_t now, int64_t *left,
                struct raum_error *error)
{
    struct sql_rows *rows;
    int rc = sql_one(c, &rows, error,
                     "SELECT (SELECT units FROM allowances WHERE space = ?1) AS allowed,"
                     " (SELECT CAST(coalesce(sum(units), 0) AS BIGINT) FROM generations"
                     " WHERE space = ?1 AND created > ?2) AS used",
                     "si", space, (int64_t)(now - LEDGER_WINDOW_MS));
    if (rc == 0)
        *left =
            (sql_null(rows, "allowed") ? usual : sql_int(rows, "allowed")) - sql_int(rows, "used");
    sql_rows_free(rows);
    return rc;
}

static int reserve(struct sql *c, const struct ledger_entry *e, int64_t usual, int64_t now,
                   struct raum_error *error)
{
    char name[300];
    int64_t left;
    snprintf(name, sizeof name, "allowance:%.200s", e->space);
    int rc = sql_lock(c, name, error);
    if (rc == 0)
        rc = ledger_left(c, e->space, usual, now, &left, error);
    if (rc)
        return rc;
    if (e->units > left)
        return err_at(error, "allowance", RAUM_ELIMIT,
                      "this space's allowance of pictures is used up: %lld units are left within "
                      "30 days, this takes %lld; ask the host, or wait",
                      (long long)(left < 0 ? 0 : left), (long long)e->units);
    return sql_run(c, error,
                   "INSERT INTO generations (id, space, account, agent, model, refs, size, quality,"
                   " wanted, units, state, row, created)"
                   " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, 'begun', ?11, ?12)",
                   "ssssssssiisi", e->id, e->space, e->account, e->agent, e->model, e->refs,
                   e->size, e->quality, (int64_t)e->wanted, e->units, e->row, now);
}

int ledger_reserve(struct sql *c, const struct ledger_entry *e, int64_t usual, int64_t now,
                   struct raum_error *error)
{
    int rc = sql_begin(c, error);
    return rc ? rc : sql_end(c, reserve(c, e, usual, now, error), error);
}

int ledger_deliver(struct sql *c, const char *id, const char *model, int made, int64_t units,
                   int64_t now, struct raum_error *error)
{
    return sql_run(c, error,
                   "UPDATE generations SET state = 'delivered', outcome = 'OK', model = ?2,"
                   " made = ?3, units = ?4, ended = ?5 WHERE id = ?1",
                   "ssiii", id, model, (int64_t)made, units, now);
}

int ledger_release(struct sql *c, const char *id, const char *outcome, int64_t now,
                   struct raum_error *error)
{
    return sql_run(c, error,
                   "UPDATE generations SET state = 'failed', outcome = ?2, units = 0, ended = ?3"
                   " WHERE id = ?1 AND state = 'begun'",
                   "ssi", id, outcome, now);
}

int ledger_set(struct sql *c, const char *space, int64_t units, struct raum_error *error)
{
    if (units < 0)
        return sql_run(c, error, "DELETE FROM allowances WHERE space = ?1", "s", space);
    return sql_run(c, error,
                   "INSERT INTO allowances (space, units) VALUES (?1, ?2)"
                   " ON CONFLICT (space) DO UPDATE SET units = ?2",
                   "si", space, units);
}

int ledger_sweep(struct sql *c, int64_t now, struct raum_error *error)
{
    int rc = sql_run(c, error,
                     "UPDATE generations SET state = 'failed', outcome = 'INTERRUPTED', units = 0,"
                     " ended = ?1 WHERE state = 'begun' AND created < ?2",
                     "ii", now, (int64_t)(now - LEDGER_LOST_MS));
    if (rc == 0)
        rc = sql_run(c, error, "DELETE FROM generations WHERE created < ?1", "i",
                     (int64_t)(now - LEDGER_KEEP_MS));
    return rc;
}
