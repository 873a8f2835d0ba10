/* /api/v1/sync: what a device has to tell, and what is new to it, in one exchange (CONTRACT §5).
 * Who asks is the session's account, never a name in the body. */
#include "server/relay/relay.h"
#include "server/routes/routes.h"

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

static int exchange(struct call *c)
{
    struct arena a;
    struct buf json;
    struct relay *relay;
    struct relay_written *written;
    uint32_t count;
    struct relay_caller who = {.account = c->session->account,
                               .client = http_header(c->http, "X-Client-Id")};
    int rc = relay_of(c, &relay);
    arena_init(&a, MEMORY_MAX);
    buf_init(&json, ANSWER_MAX);
    if (rc == 0)
        rc = relay_exchange(relay, &who, &c->doc, http_param(c->http, "space"), &a, &json, &written,
                            &count, &c->error);
    rc = answer(c, rc, &json);
    buf_release(&json);
    arena_release(&a);
    return rc;
}

const struct route sync_routes[] = {
    {"POST", "/api/v1/sync", exchange, ROUTE_SESSION | ROUTE_BODY},
    {0},
};
