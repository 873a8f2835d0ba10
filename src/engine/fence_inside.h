/* What the parts of the fence share: fence.c (statements, limits, errors), fence_vtab.c (the
 * tables and their inner statements), fence_rules.c (what may be named),
 * fence_functions.c. Nobody else includes
 * it. */
#ifndef ENGINE_FENCE_INSIDE_H
#define ENGINE_FENCE_INSIDE_H

#include "engine/fence.h"

#define FENCE_INNERS_MAX 64 /* inner statements kept for reuse */
#define FENCE_PLAN_MAX 64   /* bytes of a plan with its NUL */
#define FENCE_BEAT_OPS 250  /* instructions between two looks at the limits */

enum fence_stop { STOP_NONE, STOP_TIME, STOP_HEAP };

struct fence_table {
    struct fence *fence;
    const struct schema_table *table;
    struct scope_column columns[SCOPE_COLUMNS_MAX + 1];
    unsigned count;
    uint64_t own;                    /* bit of the table */
    uint64_t needs[SCOPE_COLUMNS_MAX]; /* per column: bits of the tables that it is derived from */
    uint64_t keys;                   /* columns that make a row unique in the handle */
    bool present;
};

/* One execution of a statement of the user's; kept from prepare until the statement is gone. */
struct fence_run {
    sqlite3_stmt *stmt;
    uint64_t tables;
    uint64_t generation; /* the handle's when it began */
    int64_t spent_ms;    /* inside fence_step, since it began */
    int64_t heap_start;
    int64_t rows, beats;
    bool active, interrupted;
    struct fence_run *next;
};

struct fence_inner; /* fence_vtab.c */

struct fence {
    struct raum_handle *handle;
    sqlite3 *memory;
    struct fence_limits limits;
    struct fence_table *tables; /* schema_table_count of them */
    uint64_t generation;        /* the handle's that `present` belongs to */
    bool building;              /* the fence's own statements are running: all is allowed */

    struct fence_inner **inners;
    unsigned inner_count;
    uint64_t uses; /* grows: age of inner statements */

    struct fence_run *runs;
    struct db_stmt pin; /* in mid-step while anything is read: one snapshot for all */
    unsigned cursors;   /* open ones */

    /* the call in progress */
    bool stepping;
    bool timed; /* since_ms is set: at the first beat */
    int64_t since_ms, spent_ms, heap_start, beats;
    enum fence_stop stop;
    uint64_t touched;         /* tables planned for */
    char refused[80];         /* what the authorizer refused first; "" if nothing */
    struct raum_error failed; /* of an inner statement */
};

/* fence_vtab.c */
int fence_vtab_module(struct fence *f);
/* Makes `present` what the handle has now. SQLite's result. */
int fence_vtab_sync(struct fence *f);
void fence_vtab_release(struct fence *f);
/* fence_functions.c: current_space(), current_account(), and those that need a bound. SQLite's
 * result. */
int fence_functions(struct fence *f);
/* fence_rules.c: limits, switches and the authorizer of the connection. SQLite's result. */
int fence_rules_close(struct fence *f);
/* fence.c: true if the deadline has passed or the heap grew too much; notes which. */
bool fence_exhausted(struct fence *f);
/* fence.c: the snapshot begins with the first cursor, ends with the last one outside of a step. */
int fence_pin(struct fence *f);
void fence_unpin(struct fence *f);

#ifdef RAUM_FENCE_PLANTS
/* Holes that were found in other designs, put back by tests to see that they are found again. */
enum fence_plant {
    FENCE_SOUND,
    FENCE_PLANT_CTE,    /* user SQL on the replica's connection, inner views of guessable names */
    FENCE_PLANT_USING,  /* user SQL on the replica's connection, behind the scoped views' authorizer
                         * alone
                         */
    FENCE_PLANT_SWITCH, /* statements in mid-step survive a switch */
    FENCE_PLANT_LIVE,   /* a batch goes on after a switch */
};
extern enum fence_plant fence_plant;
int fence_plant_prepare(struct fence *f, const char *sql, sqlite3_stmt **out);
int fence_plant_step(struct fence *f, sqlite3_stmt *stmt);
#endif

#endif
