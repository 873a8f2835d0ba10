/* /api/v1/sync: what a device has to tell, and what is new to it, in one exchange (CONTRACT §5);
 * /sync/{app}: the same for older clients, app by app. Who asks is the session's account, never a
 * name in the body. */
#include "server/limiter.h"
#include "server/relay/writer.h"
#include "server/routes/routes.h"
#include <string.h>

#define MEMORY_MAX ((size_t)96 << 20) /* of one exchange */
/* A budget in KiB: so much at once, and 1 MiB a second after that. A request costs its body and 4:
 * a first upload of a large replica goes through, a loop does not. */
static const struct limiter_rule rule = {.window_ms = 128 * 1024, .most = 128 * 1024};
#define REQUEST_COST 4
#define ANSWER_MAX ((size_t)16 << 20)

static int answer(struct call *c, int rc, struct buf *json)
{
    if (rc == 0)
        return http_reply_buf(c->http, 200, "application/json", json);
    if (rc == RAUM_EBAD_CHANGE)
        return call_fail(c, 400, "BAD_CHANGE", c->error.text);
    return call_error(c, rc);
}

/* An exchange on its way: it may lie with the writer between its reading and its answer. */
struct round {
    struct arena arena;
    struct relay_exchange exchange;
    struct relay_job job;
    const char *space;
};

static int finish(struct call *c)
{
    struct round *x = c->state;
    struct buf json;
    struct relay *relay;
    int rc = x->job.result;
    c->error = x->job.error;
    buf_init(&json, ANSWER_MAX);
    if (rc == 0)
        rc = relay_of(&relay, c->sql, c->server->env, &c->error);
    if (rc == 0)
        rc = relay_exchange_answer(relay, &x->exchange, x->space, &x->arena, &json, &c->error);
    rc = answer(c, rc, &json);
    buf_release(&json);
    arena_release(&x->arena);
    return rc;
}

static void written(struct relay_job *job)
{
    http_resume(job->arg);
}

/* On SQLite pushes of many go into one transaction; the worker is free for others meanwhile. */
static int hand_over(struct call *c, struct round *x)
{
    x->job.exchange = &x->exchange;
    x->job.arena = &x->arena;
    x->job.done = written;
    x->job.arg = c->http;
    int rc = relay_writer_submit(c->server->writer, &x->job, &c->error);
    if (rc) {
        x->job.result = rc;
        x->job.error = c->error;
        return finish(c);
    }
    c->later = finish;
    http_suspend(c->http);
    return CALL_LATER;
}

/* 0, or 1: answered with 429. */
static int check_rate(struct call *c)
{
    const struct server *s = c->server;
    int cost = REQUEST_COST + (int)(c->http->body_len / 1024);
    if (!s->options.limits || !s->limiter)
        return 0;
    int wait = limiter_spend(s->limiter, "sync", c->session->account, &rule, cost);
    if (!wait)
        return 0;
    int rc = http_addf(c->http, "Retry-After", "%d", wait);
    if (rc == 0)
        rc = call_error(c, RAUM_ERATE_LIMITED);
    return rc ? rc : 1;
}

static struct relay_caller caller_of(const struct call *c)
{
    return (struct relay_caller){.account = c->session->account,
                                 .client = http_header(c->http, "X-Client-Id")};
}

static int exchange_as(struct call *c, const struct relay_caller *who, const char *space)
{
    struct relay *relay;
    int limited = check_rate(c);
    if (limited)
        return limited;
    struct round *x = c->state = arena_zero(c->arena, sizeof *x);
    if (!x)
        return RAUM_ENOMEM;
    arena_init(&x->arena, MEMORY_MAX);
    x->space = space;
    int rc = relay_exchange_read(&x->exchange, who, &c->doc, &x->arena, &x->job.error);
    bool waits = c->server->writer && c->http->server; /* without a loop nobody could resume it */
    if (rc == 0 && waits && x->exchange.request.count)
        return hand_over(c, x);
    if (rc == 0)
        rc = relay_of(&relay, c->sql, c->server->env, &c->error);
    if (rc == 0)
        rc = relay_exchange_push(relay, &x->exchange, &x->arena, &x->job.error);
    x->job.result = rc;
    return finish(c);
}

static int exchange(struct call *c)
{
    struct relay_caller who = caller_of(c);
    return exchange_as(c, &who, http_param(c->http, "space"));
}

/* ---- older clients ---- */

static bool is_app(const char *name, const char *table)
{
    for (const struct schema_table *t = schema_tables; t->name; t++)
        if (strcmp(t->app, name) == 0 && (!table || strcmp(t->name, table) == 0))
            return true;
    return false;
}

/* Which app the path names: its tail is `verb`. 1: answered. */
static int app_of(struct call *c, const char *verb, struct relay_caller *who)
{
    const char *slash = strchr(c->rest, '/');
    char *app = arena_copy(c->arena, c->rest, slash ? (size_t)(slash - c->rest) : strlen(c->rest));
    const char *tail = slash ? slash + 1 : "";
    if (!app)
        return RAUM_ENOMEM;
    *who = caller_of(c);
    who->app = app;
    if (is_app(app, NULL) && strcmp(tail, verb) == 0)
        return 0;
    int rc = is_app(app, NULL) && (!*tail || strcmp(tail, "pull") == 0)
                 ? call_fail(c, 405, "NOT_ALLOWED", "This path takes another method")
                 : call_fail(c, 404, "NOT_FOUND", "There is no such app to be synced");
    return rc ? rc : 1;
}

static int older_push(struct call *c)
{
    struct relay_caller who;
    int rc = app_of(c, "", &who);
    return rc ? rc : exchange_as(c, &who, NULL);
}

static int older_pull(struct call *c)
{
    struct arena a;
    struct buf json;
    struct relay *relay;
    struct relay_caller who;
    int rc = app_of(c, "pull", &who);
    if (rc)
        return rc;
    rc = check_rate(c);
    if (rc)
        return rc;
    who.table = http_param(c->http, "collection");
    if (who.table && !*who.table)
        who.table = NULL;
    if (who.table && !is_app(who.app, who.table))
        return call_fail(c, 400, "UNKNOWN_TABLE", "The app has no such collection");
    rc = relay_of(&relay, c->sql, c->server->env, &c->error);
    arena_init(&a, MEMORY_MAX);
    buf_init(&json, ANSWER_MAX);
    if (rc == 0)
        rc = relay_pull_json(relay, &who, http_param(c->http, "since"), &a, &json, &c->error);
    rc = answer(c, rc, &json);
    buf_release(&json);
    arena_release(&a);
    return rc;
}

const struct route sync_routes[] = {
    {"POST", "/api/v1/sync", exchange, ROUTE_SESSION | ROUTE_BODY},
    {"POST", "/sync/", older_push, ROUTE_SESSION | ROUTE_BODY | ROUTE_PREFIX},
    {"GET", "/sync/", older_pull, ROUTE_SESSION | ROUTE_PREFIX},
    {0},
};
