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

static int run(struct bench_run *b, struct raum_error *error)
{
    struct raum *raum = NULL;
    struct raum_handle *scope = NULL;
    char id[RAUM_ID_MAX], json[400], sql[160];
    int events = 0;
    double ms = 0;
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
        bench_line(b, "20 live queries of 200 rows re-run and diffed", ms, "ms", 0, 5, false);
    return result;
}

const struct bench bench_live = {"live", "re-run watched queries", run};
