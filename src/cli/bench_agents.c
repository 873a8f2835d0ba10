/* `raum bench agents`: the server as a process of its own, a thousand agents of many owners. How
 * many reads a second by tools, beside the same load on /health; how long until one answers whose
 * replica was asleep; what knowing all of them costs in memory. */
#define _GNU_SOURCE
#include "base/err.h"
#include "cli/bench.h"
#include "cli/bench_load.h"
#include "cli/bench_server.h"
#include "server/agents/agents.h"
#include "server/auth/crypto.h"
#include "server/relay/relay.h"
#include "server/server.h"
#include "server/store/sql.h"
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define OWNERS 64
#define AGENTS 1000
#define TASKS 200 /* in each space */
#define CONNECTIONS 64
#define AT_WORK 16 /* owners whose agents work at once: as many replicas as are awake */
#define SECONDS 5
#define WRITERS 16

/* ---- the agents ---- */

static void token_of(int agent, char out[AGENT_TOKEN_SIZE])
{
    snprintf(out, AGENT_TOKEN_SIZE, AGENT_TOKEN "%0*d",
             (int)(AGENT_TOKEN_SIZE - 1 - strlen(AGENT_TOKEN)), agent);
}

static int put_owner(struct sql *sql, int n, int64_t now, struct raum_error *e)
{
    char id[40], space[40], mail[64];
    snprintf(id, sizeof id, "account%025d", n);
    snprintf(space, sizeof space, "space%027d", n);
    snprintf(mail, sizeof mail, "person%d@example.org", n);
    int rc = sql_run(sql, e,
                     "INSERT INTO accounts (id, name, email, email_verified, created, updated)"
                     " VALUES (?1, ?2, ?2, 1, ?3, ?3)",
                     "ssi", id, mail, now);
    if (rc == 0)
        rc = sql_run(sql, e,
                     "INSERT INTO spaces (id, name, slug, type, created)"
                     " VALUES (?1, 'Familie', ?1, 'family', ?2)",
                     "si", space, now);
    if (rc)
        return rc;
    return sql_run(sql, e,
                   "INSERT INTO members (id, space, account, role, created)"
                   " VALUES (?1, ?1, ?2, 'owner', ?3)",
                   "ssi", space, id, now);
}

static int put_agent(struct sql *sql, int n, int64_t now, struct raum_error *e)
{
    char id[40], account[40], space[40], token[AGENT_TOKEN_SIZE];
    unsigned char hash[32];
    snprintf(id, sizeof id, "agent%027d", n);
    snprintf(account, sizeof account, "account%025d", n % OWNERS);
    snprintf(space, sizeof space, "space%027d", n % OWNERS);
    token_of(n, token);
    crypto_sha256(token, strlen(token), hash);
    return sql_run(sql, e,
                   "INSERT INTO agents (id, hash, account, space, member, name, tools, read_only,"
                   " all_writes, sealed, created) VALUES (?1, ?2, ?3, ?4, ?4, 'Agent', '[]', 0, 1,"
                   " 0, ?5)",
                   "sbssi", id, (void *)hash, sizeof hash, account, space, now);
}

/* Each of a moment of its own, as people write them down. */
static int put_tasks(struct server *server, int owner, struct raum_error *error)
{
    char account[40], space[40];
    struct relay_written *written;
    struct relay *relay;
    struct json_doc doc;
    struct arena a;
    struct buf body, answer;
    uint32_t count;
    snprintf(account, sizeof account, "account%025d", owner);
    snprintf(space, sizeof space, "space%027d", owner);
    const struct relay_caller who = {.account = account};
    buf_init(&body, 1u << 20);
    buf_init(&answer, 16u << 20);
    arena_init(&a, 96u << 20);
    json_init(&doc);
    buf_str(&body, "{\"clientId\":\"bench\",\"changes\":[");
    for (int i = 0; i < TASKS; i++)
        buf_printf(&body,
                   "%s{\"table\":\"tasks\",\"id\":\"task-%d-%d\",\"op\":\"insert\",\"spaceId\":"
                   "\"%s\",\"data\":{\"title\":\"Etwas, das zu tun ist, Nummer %d\","
                   "\"isCompleted\":false,\"createdAt\":\"2026-01-02T%02d:%02d:00.000Z\"}}",
                   i ? "," : "", owner, i, space, i, i / 60, i % 60);
    buf_str(&body, "]}");
    int rc = buf_error(&body, error);
    if (rc == 0)
        rc = json_parse(&doc, buf_text(&body), body.len, 0, error);
    if (rc == 0)
        rc = relay_of(&relay, server->sql, server->env, error);
    if (rc == 0)
        rc = relay_exchange(relay, &who, &doc, space, &a, &answer, &written, &count, error);
    json_release(&doc);
    arena_release(&a);
    buf_release(&body);
    buf_release(&answer);
    return rc;
}

static int make(const char *data, struct raum_error *error)
{
    struct server *server;
    int rc = bench_server_open(&server, data, error);
    if (rc)
        return rc;
    int64_t now = server->env->now_ms(server->env->ctx);
    rc = sql_begin(server->sql, error);
    if (rc == 0) {
        for (int i = 0; i < OWNERS && rc == 0; i++)
            rc = put_owner(server->sql, i, now, error);
        for (int i = 0; i < AGENTS && rc == 0; i++)
            rc = put_agent(server->sql, i, now, error);
        rc = sql_end(server->sql, rc, error);
    }
    for (int i = 0; i < OWNERS && rc == 0; i++)
        rc = cli_stop ? RAUM_EINTERRUPTED : put_tasks(server, i, error);
    server_stop(server);
    return rc;
}

/* ---- the load ---- */

#define REQUEST_MAX 1024
struct asking {
    int port;
    int next; /* agent, of those who come by turns */
    char text[CONNECTIONS][REQUEST_MAX];
    struct load_client clients[CONNECTIONS];
};

static size_t put_call(const struct asking *a, int agent, const char *tool, const char *arguments,
                       char out[REQUEST_MAX])
{
    char body[512], token[AGENT_TOKEN_SIZE];
    token_of(agent, token);
    int len = snprintf(body, sizeof body,
                       "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/call\",\"params\":{"
                       "\"name\":\"%s\",\"arguments\":%s,\"_meta\":{"
                       "\"io.modelcontextprotocol/protocolVersion\":\"2026-07-28\","
                       "\"io.modelcontextprotocol/clientCapabilities\":{}}}}",
                       tool, arguments);
    return (size_t)snprintf(out, REQUEST_MAX,
                            "POST /mcp HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n"
                            "Authorization: Bearer %s\r\nContent-Type: application/json\r\n"
                            "Accept: application/json, text/event-stream\r\n"
                            "MCP-Protocol-Version: 2026-07-28\r\nMcp-Method: tools/call\r\n"
                            "Mcp-Name: %s\r\nContent-Length: %d\r\n\r\n%s",
                            a->port, token, tool, len, body);
}

static void prepare_reads(struct asking *a, bool health)
{
    for (int i = 0; i < CONNECTIONS; i++) {
        size_t len = put_call(a, i % AT_WORK, "todo.list", "{\"limit\":20}", a->text[i]);
        if (health)
            len = (size_t)snprintf(a->text[i], REQUEST_MAX,
                                   "GET /health HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n\r\n", a->port);
        a->clients[i] = (struct load_client){.request = a->text[i], .len = len};
    }
}

static void prepare_writes(struct asking *a)
{
    for (int i = 0; i < WRITERS; i++) {
        size_t len = put_call(a, i, "todo.create", "{\"title\":\"Brot\"}", a->text[i]);
        a->clients[i] = (struct load_client){.request = a->text[i], .len = len};
    }
}

/* The next agent; the next owner, too, so that its replica is asleep again. */
static void turn(struct load_client *self, const char *body, size_t len)
{
    struct asking *a = self->arg;
    (void)body;
    (void)len;
    a->next = (a->next + 1) % AGENTS;
    self->len = put_call(a, a->next, "todo.list", "{\"limit\":20}", a->text[0]);
}

static int wake_all(struct bench_run *b, struct asking *a, struct load_result *out,
                    struct raum_error *error)
{
    uint64_t done = 0;
    a->clients[0] = (struct load_client){.request = a->text[0], .next = turn, .arg = a};
    turn(&a->clients[0], NULL, 0);
    do {
        int rc = load_run(a->port, a->clients, 1, 1, out, error);
        if (rc)
            return rc;
        done += out->done;
        if (out->failed)
            return err_set(error, RAUM_EINTERNAL, "an agent was not answered");
    } while (done < AGENTS && b->scale >= 1); /* everybody was here once */
    return load_run(a->port, a->clients, 1, b->scale < 1 ? 1 : SECONDS, out, error);
}

static int run_reads(struct bench_run *b, const struct bench_server *child, struct asking *a,
                     struct load_result *own, struct load_result *raw, struct raum_error *error)
{
    double computed = 0, seconds = b->scale < 1 ? 1 : SECONDS;
    prepare_reads(a, true);
    int rc = load_run(a->port, a->clients, CONNECTIONS, seconds, raw, error);
    prepare_reads(a, false);
    if (rc == 0)
        rc = load_run(a->port, a->clients, CONNECTIONS, 1, own, error);
    computed = bench_server_computed(child);
    if (rc == 0)
        rc = load_run(a->port, a->clients, CONNECTIONS, seconds, own, error);
    if (rc)
        return rc;
    computed = bench_server_computed(child) - computed;
    bench_line(b, "reads by tools, 64 connections, 16 spaces", load_rate(own), "/s", load_rate(raw),
               5000, true);
    bench_line(b, "the slowest hundredth", load_percentile(own, 0.99), "ms",
               load_percentile(raw, 0.99), 20, false);
    bench_line(b, "computed for one of them", own->done ? computed * 1e6 / (double)own->done : 0,
               "µs", 0, 0, false);
    if (own->failed)
        return err_set(error, RAUM_EINTERNAL, "%llu calls were not answered",
                       (unsigned long long)own->failed);
    prepare_writes(a);
    rc = load_run(a->port, a->clients, WRITERS, seconds, own, error);
    bench_line(b, "writes by tools, 16 connections", load_rate(own), "/s", 0, 0, true);
    bench_line(b, "the slowest hundredth", load_percentile(own, 0.99), "ms", 0, 0, false);
    return rc;
}

static int measure(struct bench_run *b, const struct bench_server *child, struct asking *a,
                   struct load_result *results, struct raum_error *error)
{
    a->port = child->port;
    prepare_reads(a, true);
    int rc = load_run(a->port, a->clients, CONNECTIONS, 1, results, error);
    double before = bench_server_memory(child, "VmRSS");
    if (rc == 0)
        rc = wake_all(b, a, results, error);
    if (rc)
        return rc;
    bench_line(b, "an answer whose replica was asleep: the middle one",
               load_percentile(results, 0.5), "ms", 0, 0, false);
    bench_line(b, "the slowest hundredth", load_percentile(results, 0.99), "ms", 0, 50, false);
    bench_line(b, "memory for 1,000 known agents", bench_server_memory(child, "VmRSS") - before,
               "MB", 0, 64, false);
    return run_reads(b, child, a, results, results + LOAD_GROUPS, error);
}

static int run(struct bench_run *b, struct raum_error *error)
{
    struct bench_server child = {0};
    struct asking *a = calloc(1, sizeof *a);
    struct load_result *results = calloc(2 * LOAD_GROUPS, sizeof *results);
    int rc = a && results ? make(b->folder, error) : err_set(error, RAUM_ENOMEM, NULL);
    if (rc == 0)
        rc = bench_server_start(&child, b->folder, NULL, error);
    if (rc == 0)
        rc = measure(b, &child, a, results, error);
    bench_server_stop(&child);
    free(results);
    free(a);
    return rc;
}

const struct bench bench_agents = {"agents", "hosted agents: reads, waking, memory", run};
