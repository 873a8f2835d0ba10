/* `raum bench pull`: one device asks for a page of 1,000 records, on a server with 10, 1,000 and
 * 100,000 other spaces: the cost must not know how many there are. Beside it SQLite alone reading
 * the same rows. */
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

#define RECORDS 20000 /* of the one who asks */
#define SECONDS 3
#define OTHERS_FIRST 1000 /* number of the first account beside */
#define OTHERS_EACH 10    /* spaces of one account */

struct pulling {
    struct bench_run *b;
    char folder[1100], file[1200], request[3000];
    struct load_result results[LOAD_GROUPS];
    uint32_t rows[1];
    struct bench_device device;
    double records; /* in the page that is asked for */
};

static int open_server(struct pulling *p, struct server **out, struct raum_error *error)
{
    const struct server_options options = {
        .data = p->folder, .host = "127.0.0.1", .env = raum_env_native()};
    return server_open(out, &options, error);
}

/* Two records in each of the others' spaces, as copies of one that is there. */
static int fill_space(struct sql *sql, int n, struct raum_error *error)
{
    char id[40];
    snprintf(id, sizeof id, "space%08d", n);
    int rc = sql_run(sql, error, "INSERT INTO partitions (ref, id, seq) VALUES (?1, ?2, 2)", "is",
                     (int64_t)n + 100, id);
    for (int64_t i = 1; i <= 2 && rc == 0; i++)
        rc = sql_run(sql, error,
                     "INSERT INTO records (part, tbl, id, seq, shared, private, author, body)"
                     " SELECT ?1, r.tbl, r.id, ?2, ?2, 0, r.author, r.body FROM records r"
                     " WHERE r.part = (SELECT ref FROM partitions WHERE id = 'space00000000')"
                     " AND r.seq = ?2",
                     "ii", (int64_t)n + 100, i);
    return rc;
}

static int add_others(struct pulling *p, struct sql *sql, int from, int to,
                      struct raum_error *error)
{
    const struct raum_env *env = raum_env_native();
    int rc = bench_relay_people(sql, OTHERS_FIRST + from / OTHERS_EACH, (to - from) / OTHERS_EACH,
                                OTHERS_EACH, env->now_ms(env->ctx), error);
    (void)p;
    if (rc == 0)
        rc = sql_begin(sql, error);
    if (rc)
        return rc;
    for (int i = from; i < to && rc == 0; i++)
        rc = cli_stop ? RAUM_EINTERRUPTED : fill_space(sql, OTHERS_FIRST * OTHERS_EACH + i, error);
    return sql_end(sql, rc, error);
}

/* The page in the middle of what there is: its cursor goes into the request. */
static int aim(struct pulling *p, struct sql *sql, struct raum_error *error)
{
    struct relay *relay;
    struct relay_page page = {0};
    struct arena a;
    char account[48], since[1024] = "";
    snprintf(account, sizeof account, "account%025d", 0);
    const struct relay_caller who = {.account = account, .client = "bench"};
    int rc = relay_new(&relay, sql, raum_env_native(), error);
    arena_init(&a, 64u << 20);
    for (int i = 0; i < 2 && rc == 0; i++) {
        arena_reset(&a);
        rc = relay_pull(relay, &who, since, NULL, &a, &page, error);
        if (rc == 0 && i == 0)
            snprintf(since, sizeof since, "%s", page.answer.until);
    }
    p->records = rc == 0 ? page.answer.change_count : 0;
    arena_release(&a);
    relay_free(relay);
    char body[2000];
    int len = snprintf(body, sizeof body,
                       "{\"clientId\":\"bench\",\"since\":\"%s\",\"changes\":[]}", since);
    snprintf(p->device.since, sizeof p->device.since, "%.*s", len, body);
    return rc;
}

static int prepare(struct pulling *p, int from, int to, struct raum_error *error)
{
    struct server *server;
    uint64_t changes;
    const struct raum_env *env = raum_env_native();
    int rc = open_server(p, &server, error);
    if (rc)
        return rc;
    if (from == 0) {
        p->device = (struct bench_device){.spaces = 1, .rows = p->rows, .random = 7};
        buf_init(&p->device.request, 4u << 20);
        rc = bench_relay_people(server->sql, 0, 1, 1, env->now_ms(env->ctx), error);
        if (rc == 0)
            rc = bench_relay_push(server->sql, &p->device, 1, true,
                                  (int)(RECORDS * p->b->scale / BENCH_BATCH), 0, &changes, error);
        buf_release(&p->device.request);
    }
    if (rc == 0)
        rc = add_others(p, server->sql, from, to, error);
    if (rc == 0)
        rc = aim(p, server->sql, error);
    server_stop(server);
    return rc;
}

static int ask(struct pulling *p, double *ms, double *cost, struct raum_error *error)
{
    struct bench_server child = {0};
    struct load_client client = {.request = p->request};
    double seconds = p->b->scale < 1 ? 1 : SECONDS;
    int rc = bench_server_start(&child, p->b->folder, NULL, error);
    client.len = (size_t)snprintf(p->request, sizeof p->request,
                                  "POST /api/v1/sync HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n"
                                  "Authorization: Bearer token%027d\r\n"
                                  "Content-Type: application/json\r\nContent-Length: %zu\r\n\r\n%s",
                                  child.port, 0, strlen(p->device.since), p->device.since);
    if (rc == 0)
        rc = load_run(child.port, &client, 1, seconds / 3, p->results, error);
    double before = bench_server_computed(&child);
    if (rc == 0)
        rc = load_run(child.port, &client, 1, seconds, p->results, error);
    *cost = p->results[0].done
                ? (bench_server_computed(&child) - before) * 1e3 / (double)p->results[0].done
                : 0;
    *ms = load_percentile(p->results, 0.5);
    bench_server_stop(&child);
    if (rc == 0 && (p->results[0].done == 0 || p->results[0].failed))
        rc = err_set(error, RAUM_EINTERNAL, "a pull was not answered");
    return rc;
}

/* The same rows, by SQLite alone, each column read. */
static int raw_limit(struct pulling *p, double *ms, struct raum_error *error)
{
    struct db *db = NULL;
    struct db_stmt s = {0};
    struct bench_times times = {0};
    size_t bytes = 0, len;
    int rc = db_open(&db, p->file, 0, error);
    if (rc == 0)
        rc =
            db_prepare(db, &s, &db_grant_own,
                       "SELECT tbl, id, seq, shared, private, author, body FROM records WHERE part "
                       "= (SELECT ref FROM partitions WHERE id = 'space00000000') AND seq > ?1 "
                       "ORDER BY seq LIMIT ?1",
                       error);
    for (int i = 0; i < 40 && rc == 0; i++) {
        double started = bench_now_ms();
        db_bind_int(&s, 1, (int64_t)p->records);
        while ((rc = db_step(&s, error)) == 0) {
            db_text(&s, 1, &len);
            db_blob(&s, 6, &len);
            bytes += len;
        }
        rc = rc == RAUM_END ? 0 : rc;
        db_reset(&s);
        bench_time(&times, started);
    }
    *ms = bytes ? bench_median(&times) : 0;
    db_finish(&s);
    db_close(db);
    return rc;
}

static int run_all(struct pulling *p, struct raum_error *error)
{
    const int sizes[] = {10, 1000, (int)(100000 * p->b->scale)};
    double ms[3] = {0}, cost[3] = {0}, raw = 0;
    int rc = 0;
    for (int i = 0; i < 3 && rc == 0; i++) {
        rc = prepare(p, i ? sizes[i - 1] : 0, sizes[i], error);
        if (rc == 0)
            rc = raw_limit(p, &raw, error);
        if (rc == 0)
            rc = ask(p, &ms[i], &cost[i], error);
        if (rc)
            return rc;
        char what[80];
        double scale = p->records > 0 ? 1000 / p->records : 0;
        snprintf(what, sizeof what, "1,000 records, %d other spaces", sizes[i]);
        bench_line(p->b, what, ms[i] * scale, "ms", raw * scale, 0, false);
        snprintf(what, sizeof what, "computed for them, %d other spaces", sizes[i]);
        bench_line(p->b, what, cost[i] * scale, "ms", raw * scale, 0, false);
    }
    bench_line(p->b, "cost with the most others, in that with 10", cost[2] / cost[0], "times", 0,
               1.5, false);
    return 0;
}

static int run(struct bench_run *b, struct raum_error *error)
{
    struct pulling *p = calloc(1, sizeof *p);
    if (!p)
        return err_set(error, RAUM_ENOMEM, NULL);
    p->b = b;
    snprintf(p->folder, sizeof p->folder, "%s/server", b->folder);
    snprintf(p->file, sizeof p->file, "%s/server.db", p->folder);
    int rc = run_all(p, error);
    free(p);
    return rc;
}

const struct bench bench_pull = {"pull", "what is new for one, however many others there are", run};
