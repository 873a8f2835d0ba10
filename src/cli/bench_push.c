/* `raum bench push`: 64 devices push 50 changes at a time, over HTTP, as JSON, each answer durable.
 * Beside it the same rows put into the same tables by SQLite alone, in transactions of 5,000, and
 * the relay without HTTP. With RAUM_BENCH_POSTGRES (a URL) the server is measured on that, too. */
#define _GNU_SOURCE
#include "base/err.h"
#include "cli/bench_data.h"
#include "cli/bench_load.h"
#include "cli/bench_relay.h"
#include "cli/bench_server.h"
#include "server/relay/relay.h"
#include "server/server.h"
#include "server/store/sql.h"
#include <stdlib.h>
#include <string.h>

#define DEVICES 64
#define SPACES 16 /* of each */
#define RECORDS 200000
#define SECONDS 5
#define RAW_GROUP 5000
#define BODIES 1024

struct pushing {
    struct bench_run *b;
    const char *database; /* NULL: SQLite in the folder */
    char folder[1100], file[1200], copy[1200];
    struct bench_device devices[DEVICES];
    uint32_t rows[DEVICES][SPACES];
    struct load_client clients[DEVICES];
    struct buf requests[DEVICES];
    struct load_result results[LOAD_GROUPS];
    uint64_t refused; /* answers with a change that was not applied */
    int port;
};

/* ---- the records that are there ---- */

/* Every device has seen what is there. */
static int catch_up(struct pushing *p, struct sql *sql, struct raum_error *error)
{
    struct relay *relay;
    struct relay_page page = {0};
    struct arena a;
    int rc = relay_new(&relay, sql, raum_env_native(), error);
    arena_init(&a, 64u << 20);
    for (int i = 0; i < DEVICES && rc == 0; i++) {
        struct bench_device *d = &p->devices[i];
        char account[48];
        snprintf(account, sizeof account, "account%025d", i);
        const struct relay_caller who = {.account = account, .client = "bench"};
        do {
            arena_reset(&a);
            rc = relay_pull(relay, &who, d->since, NULL, &a, &page, error);
            if (rc == 0)
                snprintf(d->since, sizeof d->since, "%s", page.answer.until);
        } while (rc == 0 && page.answer.more);
    }
    arena_release(&a);
    relay_free(relay);
    return rc;
}

static void make_devices(struct pushing *p)
{
    memset(p->rows, 0, sizeof p->rows);
    for (int i = 0; i < DEVICES; i++) {
        struct bench_device *d = &p->devices[i];
        buf_release(&d->request);
        *d = (struct bench_device){.account = i,
                                   .spaces = SPACES,
                                   .rows = p->rows[i],
                                   .random = (uint64_t)(i + 1) * UINT64_C(0x9e3779b97f4a7c15)};
        buf_init(&d->request, 4u << 20);
    }
}

static int fill(struct pushing *p, struct raum_error *error)
{
    struct server *server;
    uint64_t changes;
    const struct raum_env *env = raum_env_native();
    const struct server_options options = {
        .data = p->folder, .host = "127.0.0.1", .database = p->database, .env = env};
    make_devices(p);
    int rc = server_open(&server, &options, error);
    if (rc)
        return rc;
    rc = bench_relay_people(server->sql, 0, DEVICES, SPACES, env->now_ms(env->ctx), error);
    if (rc == 0)
        rc = bench_relay_push(server->sql, p->devices, DEVICES, true,
                              (int)(RECORDS * p->b->scale / BENCH_BATCH), 0, &changes, error);
    if (rc == 0)
        rc = catch_up(p, server->sql, error);
    server_stop(server);
    return rc;
}

/* ---- over HTTP ---- */

static void put_request(struct load_client *self, struct bench_device *d, struct buf *out, int port)
{
    const struct raum_env *env = raum_env_native();
    if (bench_device_write(d, false, env->now_ms(env->ctx)) != 0)
        return;
    buf_reset(out);
    buf_printf(out,
               "POST /api/v1/sync HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n"
               "Authorization: Bearer token%027d\r\nContent-Type: application/json\r\n"
               "Content-Length: %zu\r\n\r\n",
               port, d->account, d->request.len);
    buf_add(out, d->request.data, d->request.len);
    self->request = buf_text(out);
    self->len = out->len;
}

static void next(struct load_client *self, const char *body, size_t len)
{
    struct pushing *p = self->arg;
    size_t i = (size_t)(self - p->clients);
    p->refused += memmem(body, len, "\"rejected\"", 10) != NULL;
    bench_device_heard(&p->devices[i], body, len);
    put_request(self, &p->devices[i], &p->requests[i], p->port);
}

static int push_over_http(struct pushing *p, double *rate, double *cost, struct raum_error *error)
{
    struct bench_server child = {0};
    double seconds = p->b->scale < 1 ? 2 : SECONDS, before = 0;
    int rc = bench_server_start(&child, p->b->folder, p->database, error);
    p->port = child.port;
    for (int i = 0; i < DEVICES && rc == 0; i++) {
        p->clients[i] = (struct load_client){.next = next, .arg = p};
        buf_init(&p->requests[i], 4u << 20);
        put_request(&p->clients[i], &p->devices[i], &p->requests[i], p->port);
    }
    if (rc == 0) /* to get warm, and every device to know where it stands */
        rc = load_run(p->port, p->clients, DEVICES, seconds / 2, p->results, error);
    before = bench_server_computed(&child);
    if (rc == 0)
        rc = load_run(p->port, p->clients, DEVICES, seconds, p->results, error);
    double done = (double)p->results[0].done * BENCH_BATCH;
    *rate = rc == 0 ? done / p->results[0].seconds : 0;
    *cost = done > 0 ? (bench_server_computed(&child) - before) * 1e6 / done : 0;
    bench_server_stop(&child);
    for (int i = 0; i < DEVICES; i++)
        buf_release(&p->requests[i]);
    if (rc == 0 && (p->results[0].failed || p->refused))
        cli_note(p->b->cli, "not answered as they should: %llu, with refused changes: %llu",
                 (unsigned long long)p->results[0].failed, (unsigned long long)p->refused);
    return rc;
}

/* ---- SQLite alone ---- */

struct body {
    void *data;
    size_t len;
};

static int take_bodies(struct db *db, struct body *out, int *count, int64_t *tbl,
                       struct raum_error *error)
{
    struct db_stmt s = {0};
    int rc = db_prepare(db, &s, &db_grant_own, "SELECT tbl, body FROM records LIMIT 1024", error);
    for (*count = 0; rc == 0 && *count < BODIES && (rc = db_step(&s, error)) == 0; ++*count) {
        struct body *b = &out[*count];
        const void *data = db_blob(&s, 1, &b->len);
        *tbl = db_int(&s, 0);
        b->data = malloc(b->len + 1);
        if (!b->data)
            rc = err_set(error, RAUM_ENOMEM, NULL);
        else
            memcpy(b->data, data, b->len);
    }
    db_finish(&s);
    return rc == RAUM_END ? 0 : rc;
}

/* As a device's batch has it: most of the rows are there already. */
static int upsert(struct pushing *p, struct db_stmt *s, struct bench_device *d, int which,
                  int64_t seq, int64_t tbl, const struct body *body, struct raum_error *error)
{
    char id[64];
    int part = d->account * SPACES + which;
    bool there = bench_device_below(d, BENCH_BATCH) < BENCH_UPDATES && d->rows[which];
    uint32_t row = there ? bench_device_below(d, d->rows[which]) : d->rows[which]++;
    (void)p;
    snprintf(id, sizeof id, "01900000-%04x-7%03x-8000-%012x", row >> 12 & 0xffff, row & 0xfff,
             (unsigned)part);
    db_bind_int(s, 1, part + 1);
    db_bind_int(s, 2, tbl);
    db_bind_str(s, 3, id);
    db_bind_int(s, 4, seq);
    db_bind_blob(s, 5, body->data, body->len);
    return db_run(s, error);
}

static int run_raw(struct pushing *p, struct db *db, const struct body *bodies, int count,
                   int64_t tbl, double *rate, struct raum_error *error)
{
    struct db_stmt s = {0};
    double seconds = p->b->scale < 1 ? 2 : SECONDS, begun = bench_now_ms(), now = begun;
    uint64_t done = 0;
    int rc = db_prepare(
        db, &s, &db_grant_own,
        "INSERT INTO records (part, tbl, id, seq, shared, private, author, body) VALUES (?1, ?2, "
        "?3, ?4, ?4, 0, 1, ?5) ON CONFLICT (part, tbl, id) DO UPDATE SET seq = ?4, shared = ?4, "
        "private = 0, author = 1, body = ?5",
        error);
    while (rc == 0 && now - begun < seconds * 1000) {
        struct bench_device *d = NULL;
        int which = 0;
        rc = cli_stop ? RAUM_EINTERRUPTED : db_begin(db, error);
        for (int i = 0; i < RAW_GROUP && rc == 0; i++, done++) {
            if (i % BENCH_BATCH == 0) {
                d = &p->devices[done / BENCH_BATCH % DEVICES];
                which = (int)bench_device_below(d, SPACES);
            }
            rc = upsert(p, &s, d, which, (int64_t)(1000000 + done), tbl,
                        &bodies[done % (uint64_t)count], error);
        }
        if (rc == 0)
            rc = db_commit(db, error);
        now = bench_now_ms();
    }
    db_finish(&s);
    *rate = now > begun ? (double)done * 1000 / (now - begun) : 0;
    return rc;
}

static int raw_limit(struct pushing *p, double *rate, struct raum_error *error)
{
    struct db *db = NULL;
    struct body *bodies = calloc(BODIES, sizeof *bodies);
    int count = 0;
    int64_t tbl = 1;
    int rc = bodies ? db_open(&db, p->copy, 0, error) : err_set(error, RAUM_ENOMEM, NULL);
    if (rc == 0)
        rc = db_exec(db, "PRAGMA wal_autocheckpoint=16000; PRAGMA cache_size=-65536", error);
    if (rc == 0)
        rc = take_bodies(db, bodies, &count, &tbl, error);
    if (rc == 0 && count == 0)
        rc = err_set(error, RAUM_EINTERNAL, "there is no record");
    if (rc == 0)
        rc = run_raw(p, db, bodies, count, tbl, rate, error);
    db_close(db);
    for (int i = 0; bodies && i < count; i++)
        free(bodies[i].data);
    free(bodies);
    return rc;
}

/* ---- together ---- */

static int copy(const char *from, const char *to, struct raum_error *error)
{
    char block[65536];
    FILE *in = fopen(from, "rb"), *out = fopen(to, "wb");
    size_t n = 0;
    bool ok = in && out;
    while (ok && (n = fread(block, 1, sizeof block, in)) > 0)
        ok = fwrite(block, 1, n, out) == n;
    if (in)
        fclose(in);
    if (out && fclose(out) != 0)
        ok = false;
    return ok ? 0 : err_set(error, RAUM_EIO, "cannot copy %s", from);
}

/* The relay on one thread, with its JSON, its merging and its commits, on a copy. */
static int relay_alone(struct pushing *p, double *rate, struct raum_error *error)
{
    struct sql *sql;
    uint64_t changes = 0;
    double seconds = p->b->scale < 1 ? 2 : SECONDS;
    int rc = sql_open(&sql, p->copy, raum_env_native(), error);
    double begun = bench_now_ms();
    if (rc == 0)
        rc = sql_writes_most(sql, error);
    if (rc == 0)
        rc = bench_relay_push(sql, p->devices, DEVICES, false, 1 << 30, seconds, &changes, error);
    *rate = (double)changes * 1000 / (bench_now_ms() - begun);
    sql_close(rc ? NULL : sql);
    return rc;
}

static int on_sqlite(struct pushing *p, struct raum_error *error)
{
    double raw = 0, alone = 0, rate = 0, cost = 0;
    uint32_t rows[DEVICES][SPACES];
    int rc = fill(p, error);
    memcpy(rows, p->rows, sizeof rows);
    if (rc == 0)
        rc = copy(p->file, p->copy, error);
    if (rc == 0)
        rc = raw_limit(p, &raw, error);
    memcpy(p->rows, rows, sizeof rows);
    if (rc == 0)
        rc = copy(p->file, p->copy, error);
    if (rc == 0)
        rc = relay_alone(p, &alone, error);
    memcpy(p->rows, rows, sizeof rows);
    if (rc == 0)
        rc = push_over_http(p, &rate, &cost, error);
    if (rc)
        return rc;
    bench_line(p->b, "changes, durable, 64 connections", rate, "/s", raw, raw / 2, true);
    bench_line(p->b, "the same against the target", rate, "/s", raw, 60000, true);
    bench_line(p->b, "the middle answer to 50 changes", load_percentile(p->results, 0.5), "ms", 0,
               0, false);
    bench_line(p->b, "the slowest hundredth", load_percentile(p->results, 0.99), "ms", 0, 0, false);
    bench_line(p->b, "the server computed for a change", cost, "µs", 1e6 / raw, 0, false);
    bench_line(p->b, "the relay on one thread, without HTTP", alone, "/s", raw, 0, true);
    return 0;
}

static int on_postgres(struct pushing *p, struct raum_error *error)
{
    double rate = 0, cost = 0;
    int rc = fill(p, error);
    if (rc == 0)
        rc = push_over_http(p, &rate, &cost, error);
    if (rc == 0)
        bench_line(p->b, "changes, durable, on PostgreSQL", rate, "/s", 0, 20000, true);
    return rc;
}

static int run(struct bench_run *b, struct raum_error *error)
{
    const char *postgres = getenv("RAUM_BENCH_POSTGRES");
    struct pushing *p = calloc(1, sizeof *p);
    if (!p)
        return err_set(error, RAUM_ENOMEM, NULL);
    p->b = b;
    snprintf(p->folder, sizeof p->folder, "%s/server", b->folder);
    snprintf(p->file, sizeof p->file, "%s/server.db", p->folder);
    snprintf(p->copy, sizeof p->copy, "%s/copy.db", b->folder);
    p->database = postgres && *postgres ? postgres : NULL;
    int rc = p->database ? on_postgres(p, error) : on_sqlite(p, error);
    for (int i = 0; i < DEVICES; i++)
        buf_release(&p->devices[i].request);
    free(p);
    return rc;
}

const struct bench bench_push = {"push", "changes of many devices into the server", run};
