/* `raum bench auth`: the server as a process of its own, with many accounts, asked by 64
 * connections who they are. Beside it the same load on /health: what frame, loops and sockets cost
 * alone. */
#define _GNU_SOURCE
#include "base/err.h"
#include "cli/bench.h"
#include "cli/bench_load.h"
#include "cli/bench_server.h"
#include "server/auth/crypto.h"
#include "server/server.h"
#include "server/store/sql.h"
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ACCOUNTS 100000
#define CONNECTIONS 64
#define SIGN_INS 16 /* at once: more than the pool takes */
#define SECONDS 5
#define PASSWORD "a bench's password"
#define WEEK_MS ((int64_t)7 * 86400000)

/* ---- the accounts ---- */

static int put_account(struct sql *sql, int n, const char *hash, int64_t now, struct raum_error *e)
{
    char id[40], mail[64], token[40];
    snprintf(id, sizeof id, "account%025d", n);
    snprintf(token, sizeof token, "token%027d", n);
    snprintf(mail, sizeof mail, "person%d@example.org", n);
    int rc = sql_run(sql, e,
                     "INSERT INTO accounts (id, name, email, email_verified, created, updated)"
                     " VALUES (?1, ?2, ?3, 1, ?4, ?4)",
                     "sssi", id, mail, mail, now);
    if (rc == 0)
        rc = sql_run(sql, e,
                     "INSERT INTO credentials (id, account, hash, created, updated)"
                     " VALUES (?1, ?1, ?2, ?3, ?3)",
                     "ssi", id, hash, now);
    if (rc)
        return rc;
    return sql_run(
        sql, e,
        "INSERT INTO sessions (id, token, account, ip, agent, remember, created, updated,"
        " expires) VALUES (?1, ?2, ?1, '127.0.0.1', 'bench', 1, ?3, ?3, ?4)",
        "ssii", id, token, now, now + WEEK_MS);
}

static int fill(struct server *server, int count, struct raum_error *error)
{
    char hash[CRYPTO_PASSWORD_MAX];
    int64_t now = server->env->now_ms(server->env->ctx);
    int rc = crypto_password_hash(PASSWORD, hash, error);
    if (rc == 0)
        rc = sql_begin(server->sql, error);
    if (rc)
        return rc;
    for (int i = 0; i < count && rc == 0; i++)
        rc = cli_stop ? RAUM_EINTERRUPTED : put_account(server->sql, i, hash, now, error);
    return sql_end(server->sql, rc, error);
}

static int make(const char *data, int count, struct raum_error *error)
{
    struct server *server;
    int rc = bench_server_open(&server, data, error);
    if (rc)
        return rc;
    rc = fill(server, count, error);
    server_stop(server);
    return rc;
}

/* ---- the load ---- */

struct asking {
    char text[CONNECTIONS + SIGN_INS][512];
    struct load_client clients[CONNECTIONS + SIGN_INS];
};

static void put_request(struct asking *a, int i, int group, const char *text)
{
    if (!a)
        return;
    snprintf(a->text[i], sizeof a->text[i], "%s", text);
    a->clients[i] = (struct load_client){a->text[i], strlen(a->text[i]), group};
}

static void prepare(struct asking *a, bool health, int accounts, int port)
{
    char text[512], body[160];
    for (int i = 0; i < CONNECTIONS; i++) {
        snprintf(text, sizeof text,
                 "GET %s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n"
                 "Authorization: Bearer token%027d\r\n\r\n",
                 health ? "/health" : "/api/auth/get-session", port,
                 (int)((int64_t)i * accounts / CONNECTIONS));
        put_request(a, i, 0, text);
    }
    for (int i = 0; i < SIGN_INS; i++) {
        int len = snprintf(body, sizeof body,
                           "{\"email\":\"person%d@example.org\",\"password\":\"" PASSWORD "\"}",
                           accounts - 1 - i);
        snprintf(text, sizeof text,
                 "POST /api/auth/sign-in/email HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n"
                 "Content-Type: application/json\r\nContent-Length: %d\r\n\r\n%s",
                 port, len, body);
        put_request(a, CONNECTIONS + i, 1, text);
    }
}

/* A second to get warm, then what counts. *cost: what the server computed for one answer, in µs:
 * that says more than the rate when the machine has other things to do. */
static int measure(struct bench_run *b, const struct bench_server *child, struct asking *a,
                   int count, struct load_result out[LOAD_GROUPS], double *cost,
                   struct raum_error *error)
{
    double seconds = b->scale < 1 ? 1 : SECONDS;
    int rc = load_run(child->port, a->clients, count, seconds / 5, out, error);
    double before = bench_server_computed(child);
    if (rc == 0)
        rc = load_run(child->port, a->clients, count, seconds, out, error);
    *cost = rc == 0 && out && out->done
                ? (bench_server_computed(child) - before) * 1e6 / (double)out->done
                : 0;
    return rc;
}

static int compare(struct bench_run *b, const struct bench_server *child, struct asking *a,
                   int accounts, struct load_result *own, struct load_result *raw,
                   struct raum_error *error)
{
    double cost, raw_cost, other;
    prepare(a, true, accounts, child->port);
    int rc = measure(b, child, a, CONNECTIONS, raw, &raw_cost, error);
    prepare(a, false, accounts, child->port);
    if (rc == 0)
        rc = measure(b, child, a, CONNECTIONS, own, &cost, error);
    if (rc)
        return rc;
    bench_line(b, "who am I, 64 connections", load_rate(own), "/s", load_rate(raw), 30000, true);
    bench_line(b, "the middle one of them", load_percentile(own, 0.5), "ms",
               load_percentile(raw, 0.5), 0, false);
    bench_line(b, "the slowest hundredth", load_percentile(own, 0.99), "ms",
               load_percentile(raw, 0.99), 10, false);
    bench_line(b, "computed for one of them", cost, "µs", raw_cost, 0, false);
    rc = measure(b, child, a, CONNECTIONS + SIGN_INS, own, &other, error);
    if (rc)
        return rc;
    bench_line(b, "the slowest hundredth while many sign in", load_percentile(own, 0.99), "ms",
               load_percentile(raw, 0.99), 20, false);
    bench_line(b, "who am I meanwhile", load_rate(own), "/s", load_rate(raw), 0, true);
    bench_line(b, "sign-ins meanwhile", load_rate(own + 1), "/s", 0, 0, true);
    if (own->failed || own[1].failed)
        cli_note(b->cli, "not answered as they should: %llu, %llu sign-ins",
                 (unsigned long long)own->failed, (unsigned long long)own[1].failed);
    return 0;
}

static int run(struct bench_run *b, struct raum_error *error)
{
    int accounts = (int)(ACCOUNTS * b->scale);
    struct bench_server child = {0};
    struct asking *a = calloc(1, sizeof *a);
    struct load_result *results = calloc(2 * LOAD_GROUPS, sizeof *results);
    int rc = a && results ? make(b->folder, accounts, error) : err_set(error, RAUM_ENOMEM, NULL);
    if (rc == 0)
        rc = bench_server_start(&child, b->folder, NULL, error);
    if (rc == 0)
        rc = compare(b, &child, a, accounts, results, results + LOAD_GROUPS, error);
    if (rc == 0) {
        sleep(2); /* the last sign-ins give back what they took */
        bench_line(b, "memory afterwards", bench_server_memory(&child, "VmRSS"), "MB", 0, 60,
                   false);
        bench_line(b, "memory at most", bench_server_memory(&child, "VmHWM"), "MB", 0, 0, false);
    }
    bench_server_stop(&child);
    free(results);
    free(a);
    return rc;
}

const struct bench bench_auth = {"auth", "sessions and sign-ins of the server", run};
