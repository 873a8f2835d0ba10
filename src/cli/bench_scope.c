/* Reading one space of many: 200 of 100,000 rows with two sealed fields, by view and behind the
 * fence, beside a filter over all rows in memory, which is what systems without a scope in the
 * connection do. */
#include "cli/bench_data.h"
#include "engine/spaces.h"
#include <stdio.h>
#include <string.h>

#define SPACES 500
#define ROWS_EACH 200
#define RUNS 31
#define ALL "SELECT * FROM meImages ORDER BY createdAt DESC"

static int fill_spaces(struct raum *raum, struct raum_handle *scope, int spaces,
                       struct raum_error *error)
{
    char name[32];
    int result = bench_fill(raum, scope, ROWS_EACH, 50, error);
    for (int i = 1; i < spaces && result == 0; i++) {
        const struct space *s;
        snprintf(name, sizeof name, "Space %d", i);
        result = spaces_create(raum, name, SPACE_TEAM, &s, error);
        if (result == 0)
            result = raum_scope_set(scope, s->id, error);
        if (result == 0)
            result = bench_fill(raum, scope, ROWS_EACH, 200, error);
    }
    return result;
}

static int time_reads(struct raum_handle *scope, bool fenced, double *ms, struct raum_error *error)
{
    struct bench_times times = {0};
    for (int i = 0; i < RUNS; i++) {
        int rows;
        double started = bench_now_ms();
        int result = bench_query(scope, ALL, fenced, &rows, error);
        if (result < 0)
            return result;
        if (rows != ROWS_EACH)
            return err_set(error, RAUM_EINTERNAL, "%d rows instead of %d", rows, ROWS_EACH);
        bench_time(&times, started);
    }
    *ms = bench_median(&times);
    return 0;
}

/* All rows of a table in memory, compared one by one, as a client-side filter does. */
static int time_filter(int spaces, double *ms, struct raum_error *error)
{
    struct db *db = NULL;
    struct db_stmt insert = {0}, all = {0};
    struct bench_times times = {0};
    char space[32];
    int result = bench_plain(":memory:", &db, error);
    if (result == 0)
        result = db_begin(db, error);
    for (int i = 0; i < spaces * ROWS_EACH && result == 0; i++) {
        snprintf(space, sizeof space, "space-%d", i % spaces);
        result = bench_plain_insert(db, &insert, i, space, error);
    }
    if (result == 0)
        result = db_commit(db, error);
    if (result == 0)
        result = db_prepare(db, &all, &db_grant_own, "SELECT * FROM pictures", error);
    for (int run = 0; run < 5 && result == 0; run++) {
        double started = bench_now_ms();
        int rows = 0;
        while ((result = db_step(&all, error)) == 0)
            rows += strcmp(db_text(&all, 1, NULL), "space-7") == 0 && db_text(&all, 8, NULL);
        db_reset(&all);
        result = result < 0          ? result
                 : rows == ROWS_EACH ? 0
                                     : err_set(error, RAUM_EINTERNAL, "%d rows", rows);
        bench_time(&times, started);
    }
    *ms = bench_median(&times);
    db_finish(&insert);
    db_finish(&all);
    db_close(db);
    return result;
}

static int run(struct bench_run *b, struct raum_error *error)
{
    struct raum *raum = NULL;
    struct raum_handle *scope = NULL;
    char personal[RAUM_ID_MAX];
    double view = 0, fence = 0, filter = 0;
    int spaces = (int)(SPACES * b->scale);
    int result = bench_open(b, "scope", &raum, &scope, error);
    if (result == 0) {
        snprintf(personal, sizeof personal, "%s", raum_scope_space(scope));
        result = fill_spaces(raum, scope, spaces, error);
    }
    if (result == 0)
        result = raum_scope_set(scope, personal, error);
    if (result == 0)
        result = time_reads(scope, false, &view, error);
    if (result == 0)
        result = time_reads(scope, true, &fence, error);
    if (result == 0)
        result = time_filter(spaces, &filter, error);
    raum_close(raum);
    if (result < 0)
        return result;
    bench_line(b, "scoped read, 200 of 100,000 rows: view", view, "ms", filter, 0.7, false);
    bench_line(b, "the same behind the fence", fence, "ms", filter, 1.0, false);
    bench_line(b, "filter over all rows / view", filter / view, "times", 0, 25, true);
    return 0;
}

const struct bench bench_scope = {"scope", "read one space of many", run};
