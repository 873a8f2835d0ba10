/* Live queries: 20 watched queries of 200 rows, re-run and diffed after one row has changed. */
#include "cli/bench_data.h"
#include "engine/store.h"
#include <stdio.h>
#include <string.h>

#define QUERIES 20
#define ROWS 200
#define RUNS 31

static void count_event(void *arg, const struct raum_watch_event *event)
{
    int *events = arg;
    if (event->kind == RAUM_WATCH_UPDATE)
        ++*events;
}

static int rerun(struct raum *raum, struct raum_handle *scope, const char *id, int *events,
                 double *ms, struct raum_error *error)
{
    struct bench_times times = {0};
    char json[64];
    int result = 0;
    for (int i = 0; i < RUNS && result == 0; i++) {
        int len = snprintf(json, sizeof json, "{\"label\":\"Changed %d\"}", i);
        *events = 0;
        result = raum_update(scope, "meImages", id, json, (size_t)len, error);
        double started = bench_now_ms();
        if (result == 0)
            result = raum_poll(raum, error);
        bench_time(&times, started);
        if (result == 0 && *events != QUERIES)
            result =
                err_set(error, RAUM_EINTERNAL, "%d of %d queries saw the change", *events, QUERIES);
    }
    *ms = bench_median(&times);
    return result;
}

/* What SQLite alone takes to run the same queries over a plain table, nothing sealed or diffed. */
static int time_plain(double *ms, struct raum_error *error)
{
    struct db *db = NULL;
    struct db_stmt insert = {0}, query = {0};
    struct bench_times times = {0};
    int result = bench_plain(":memory:", &db, error);
    for (int i = 0; i < ROWS && result == 0; i++)
        result = bench_plain_insert(db, &insert, i, "one", error);
    if (result == 0)
        result = db_prepare(db, &query, &db_grant_own,
                            "SELECT id, kind, label, width, height, createdAt FROM pictures WHERE "
                            "spaceId = 'one' AND width > ?1 ORDER BY createdAt DESC LIMIT 200",
                            error);
    for (int i = 0; i < RUNS && result == 0; i++) {
        double started = bench_now_ms();
        size_t bytes = 0, len = 0;
        for (int k = 0; k < QUERIES && result == 0; k++) {
            db_bind_int(&query, 1, k);
            while ((result = db_step(&query, error)) == 0)
                for (int at = 0; at < 6; at++, bytes += len)
                    db_text(&query, at, &len);
            db_reset(&query);
            result = result < 0 ? result : 0;
        }
        bench_time(&times, started);
        if (result == 0 && !bytes)
            result = err_set(error, RAUM_EINTERNAL, "nothing was read");
    }
    *ms = bench_median(&times);
    db_finish(&insert);
    db_finish(&query);
    db_close(db);
    return result;
}

static int run(struct bench_run *b, struct raum_error *error)
{
    struct raum *raum = NULL;
    struct raum_handle *scope = NULL;
    char id[RAUM_ID_MAX], json[400], sql[160];
    int events = 0;
    double ms = 0, plain = 0;
    int result = bench_open(b, "live", &raum, &scope, error);
    if (result == 0)
        result = bench_fill(raum, scope, ROWS - 1, 50, error);
    int len = bench_picture(json, sizeof json, ROWS);
    if (result == 0)
        result = raum_insert(scope, "meImages", json, (size_t)len, id, error);
    for (int i = 0; i < QUERIES && result == 0; i++) {
        struct raum_watch *watch;
        snprintf(sql, sizeof sql,
                 "SELECT id, kind, label, width, height, createdAt FROM meImages WHERE width > %d "
                 "ORDER BY createdAt DESC LIMIT 200",
                 i);
        result = raum_watch_new(scope, sql, count_event, &events, &watch, error);
    }
    if (result == 0)
        result = raum_poll(raum, error);
    if (result == 0)
        result = rerun(raum, scope, id, &events, &ms, error);
    raum_close(raum);
    if (result == 0)
        result = time_plain(&plain, error);
    if (result == 0)
        bench_line(b, "20 live queries of 200 rows re-run and diffed", ms, "ms", plain, 5, false);
    return result;
}

const struct bench bench_live = {"live", "re-run watched queries", run};
