/* GET /api/v1/sync/stream: what is new, as it comes (docs/sync.md). Who asks is the session's
 * account; a signed token alone opens nothing. */
#include "schema/schema.h"
#include "server/routes/routes.h"
#include "server/spaces/spaces.h"
#include "server/stream/hub.h"
#include "server/stream/watch.h"

#include <string.h>

/* A space one is not in looks like one that is not there. */
static int check_space(struct call *c, const char *space)
{
    const char *role, *account = c->session->account;
    size_t user = strlen(SCHEMA_USER);
    if (!space || (strncmp(space, SCHEMA_USER, user) == 0 && strcmp(space + user, account) == 0))
        return 0;
    int rc = spaces_role(c->sql, c->arena, space, account, &role, &c->error);
    return rc == 0 && !role ? err_set(&c->error, RAUM_ENOT_FOUND, NULL) : rc;
}

/* What a browser sends when it comes back says more than the address it once opened. */
static const char *since(struct call *c)
{
    const char *last = http_header(c->http, "Last-Event-ID");
    return last && *last ? last : http_param(c->http, "since");
}

static int refuse(struct call *c, int rc)
{
    if (rc != RAUM_ERATE_LIMITED)
        return call_error(c, rc);
    rc = http_add(c->http, "Retry-After", "30");
    return rc ? rc : call_fail(c, 429, "RATE_LIMITED", c->error.text);
}

static int stream(struct call *c)
{
    struct hub_asker who = {.account = c->session->account,
                            .session = c->server->upstream ? NULL : c->session->id,
                            .client = http_header(c->http, "X-Client-Id"),
                            .since = since(c),
                            .space = http_param(c->http, "space")};
    if (!c->server->hub)
        return call_fail(c, 503, "BUSY", "This server keeps no streams");
    int rc = check_space(c, who.space);
    if (rc == 0) /* a proxy that keeps events back would make them late */
        rc = http_add(c->http, "X-Accel-Buffering", "no");
    if (rc == 0)
        rc = http_add(c->http, "Cache-Control", "no-cache");
    if (rc == 0)
        rc = hub_open(c->server->hub, c->http, &who, &c->error);
    if (rc == 0 && c->server->watch && watch_add(c->server->watch, c) < 0)
        http_stream_close(c->http->stream);
    return rc ? refuse(c, rc) : 0;
}

const struct route stream_routes[] = {
    {"GET", "/api/v1/sync/stream", stream, ROUTE_SESSION},
    {0},
};
