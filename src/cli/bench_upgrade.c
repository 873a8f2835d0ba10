/* Upgrades: a million legacy rows through steps 28 to 43 and the merge; a space's id becoming real;
 * opening a large replica; an idle engine. Memory is the peak of a child process that does nothing
 * else. */
#define _POSIX_C_SOURCE 200809L /* fork, pipe */
#include "cli/bench_data.h"
#include "cli/scratch.h"
#include "engine/import.h"
#include "engine/intern.h"
#include "engine/spaces.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define ROWS 1000000

/* A Dexie export of version 27 made on the fly: tasks of one person. */
struct source {
    int rows, next;
    char line[600];
    size_t at, len;
    bool ended;
};

static void next_line(struct source *s)
{
    s->at = 0;
    if (s->next == 0)
        s->len = (size_t)snprintf(
            s->line, sizeof s->line,
            "{\"formatName\":\"dexie\",\"formatVersion\":1,\"data\":{\"databaseName\":\"mana\","
            "\"databaseVersion\":27,\"tables\":[{\"name\":\"tasks\",\"schema\":\"id,order\","
            "\"rowCount\":%d}],\"data\":[{\"tableName\":\"tasks\",\"inbound\":true,\"rows\":[\n",
            s->rows);
    else if (s->next <= s->rows)
        s->len = (size_t)snprintf(
            s->line, sizeof s->line,
            "%s{\"id\":\"0190a000-%04x-7%03x-8000-%012x\",\"userId\":\"user_01\",\"title\":\"Water "
            "the plants %d\",\"description\":\"every second day, not too much\",\"isCompleted\":%s,"
            "\"priority\":\"high\",\"labels\":[\"home\"],\"createdAt\":\"2025-04-01T00:00:%02d."
            "000Z\","
            "\"updatedAt\":\"2025-05-01T00:00:%02d.000Z\",\"$types\":{\"labels\":"
            "\"arrayNonindexKeys\"}}",
            s->next > 1 ? ",\n" : "", s->next >> 12 & 0xffff, s->next & 0xfff, s->next, s->next,
            s->next % 3 ? "false" : "true", s->next % 60, s->next % 60);
    else if (!s->ended) {
        s->len = (size_t)snprintf(s->line, sizeof s->line, "]}]}}");
        s->ended = true;
    } else
        s->len = 0;
    s->next++;
}

static long read_source(void *ctx, void *buf, size_t len)
{
    struct source *s = ctx;
    size_t got = 0;
    while (got < len) {
        if (s->at == s->len)
            next_line(s);
        if (s->len == 0)
            break;
        size_t part = s->len - s->at < len - got ? s->len - s->at : len - got;
        memcpy((char *)buf + got, s->line + s->at, part);
        s->at += part;
        got += part;
    }
    return (long)got;
}

static int rewind_source(void *ctx)
{
    struct source *s = ctx;
    *s = (struct source){.rows = s->rows};
    return 0;
}

/* What a child found out. */
struct outcome {
    int result;
    double import_ms, open_ms, reconcile_ms, idle_mib, peak_mib;
    struct raum_error error;
};

static int import_rows(struct bench_run *b, int rows, struct outcome *o)
{
    struct raum *raum = NULL;
    struct raum_handle *scope;
    struct source s = {.rows = rows};
    struct import_source source = {&s, read_source, rewind_source, -1};
    struct import_options options = {0};
    struct import_report report = {0};
    int result = bench_open(b, "upgrade", &raum, &scope, &o->error);
    double started = bench_now_ms();
    if (result == 0)
        result = import_run(raum, &source, &options, &report, &o->error);
    o->import_ms = bench_now_ms() - started;
    if (result == 0 && (report.count != 1 || report.tables[0].added != rows))
        result = err_set(&o->error, RAUM_EINTERNAL, "not all rows arrived");
    import_report_release(&report);
    o->peak_mib = bench_resident(true);
    if (result == 0) {
        started = bench_now_ms();
        result = spaces_become(raum, intern_personal(raum)->id, "the-real-one", &o->error);
        o->reconcile_ms = bench_now_ms() - started;
    }
    raum_close(raum);
    return result;
}

static int open_rows(struct bench_run *b, int rows, struct outcome *o)
{
    struct bench_times times = {0};
    (void)rows;
    int result = 0;
    for (int i = 0; i < 15 && result == 0; i++) {
        struct raum *raum = NULL;
        struct raum_handle *scope;
        double started = bench_now_ms();
        result = bench_open(b, "upgrade", &raum, &scope, &o->error);
        bench_time(&times, started);
        raum_close(raum);
    }
    o->open_ms = bench_median(&times);
    return result;
}

static int idle(struct bench_run *b, int rows, struct outcome *o)
{
    struct raum *raum = NULL;
    struct raum_handle *scope;
    (void)rows;
    int result = bench_open(b, "idle", &raum, &scope, &o->error);
    o->idle_mib = bench_resident(false);
    raum_close(raum);
    return result;
}

/* In a process of its own, so that memory is of this work alone. */
static int in_child(struct bench_run *b, int rows,
                    int (*work)(struct bench_run *, int, struct outcome *), struct outcome *o,
                    struct raum_error *error)
{
    int ends[2];
    if (pipe(ends) < 0)
        return err_set(error, RAUM_EIO, "cannot make a pipe");
    pid_t child = fork();
    if (child == 0) {
        struct outcome mine = {0};
        mine.result = work(b, rows, &mine);
        ssize_t wrote = write(ends[1], &mine, sizeof mine);
        _exit(wrote == sizeof mine ? 0 : 1);
    }
    close(ends[1]);
    ssize_t got = child > 0 ? read(ends[0], o, sizeof *o) : -1;
    close(ends[0]);
    if (child > 0)
        waitpid(child, NULL, 0);
    if (got != sizeof *o)
        return err_set(error, RAUM_EIO, "the measuring process died");
    if (o->result < 0)
        *error = o->error;
    return o->result;
}

static int run(struct bench_run *b, struct raum_error *error)
{
    struct outcome import = {0}, open = {0}, rest = {0};
    int rows = (int)(ROWS * b->scale);
    int result = in_child(b, rows, idle, &rest, error);
    if (result == 0)
        result = in_child(b, rows, import_rows, &import, error);
    if (result == 0)
        result = in_child(b, rows, open_rows, &open, error);
    if (result < 0)
        return result;
    char what[80];
    snprintf(what, sizeof what, "%d legacy rows, steps 28 to 43, merged", rows);
    bench_line(b, what, import.import_ms / 1e3, "s", 0, 25 * b->scale, false);
    bench_line(b, "its peak memory", import.peak_mib, "MiB", 0, 200, false);
    bench_line(b, "a space of that size becomes real", import.reconcile_ms, "ms", 0, 50, false);
    bench_line(b, "open a replica of that size", open.open_ms, "ms", 0, 20, false);
    bench_line(b, "an idle engine, whole process", rest.idle_mib, "MiB", 0, 8, false);
    return 0;
}

const struct bench bench_upgrade = {"upgrade", "bring a million old rows in, open them", run};
