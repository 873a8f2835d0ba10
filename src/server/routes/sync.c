/* /api/v1/sync: what a device has to tell, and what is new to it, in one exchange (CONTRACT §5);
 * /sync/{app}: the same for older clients, app by app. Who asks is the session's account, never a
 * name in the body. */
#include "server/relay/relay.h"
#include "server/routes/routes.h"
#include <string.h>

#define MEMORY_MAX ((size_t)96 << 20) /* of one exchange */
#define ANSWER_MAX ((size_t)16 << 20)

static void release(void *thing)
{
    relay_free(thing);
}

/* The relay of this worker: it keeps the names it has seen for as long as the connection lives. */
static int relay_of(struct call *c, struct relay **out)
{
    void **slot = sql_slot(c->sql, release);
    if (!*slot) {
        int rc = relay_new(out, c->sql, c->server->env, &c->error);
        if (rc)
            return rc;
        *slot = *out;
    }
    *out = *slot;
    return 0;
}

static int answer(struct call *c, int rc, const struct buf *json)
{
    if (rc == 0)
        return call_json(c, 200, json);
    if (rc == RAUM_EBAD_CHANGE)
        return call_fail(c, 400, "BAD_CHANGE", c->error.text);
    return call_error(c, rc);
}

static struct relay_caller caller_of(const struct call *c)
{
    return (struct relay_caller){.account = c->session->account,
                                 .client = http_header(c->http, "X-Client-Id")};
}

static int exchange_as(struct call *c, const struct relay_caller *who, const char *space)
{
    struct arena a;
    struct buf json;
    struct relay *relay;
    struct relay_written *written;
    uint32_t count;
    int rc = relay_of(c, &relay);
    arena_init(&a, MEMORY_MAX);
    buf_init(&json, ANSWER_MAX);
    if (rc == 0)
        rc = relay_exchange(relay, who, &c->doc, space, &a, &json, &written, &count, &c->error);
    rc = answer(c, rc, &json);
    buf_release(&json);
    arena_release(&a);
    return rc;
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
    who.table = http_param(c->http, "collection");
    if (who.table && !*who.table)
        who.table = NULL;
    if (who.table && !is_app(who.app, who.table))
        return call_fail(c, 400, "UNKNOWN_TABLE", "The app has no such collection");
    rc = relay_of(c, &relay);
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
