/* /mcp: the Model Context Protocol over HTTP for agents, and where its tokens come from (RFC 9728).
 * The order of the checks is that of the protocol's own servers: origin, method, bearer, types. */
#include "server/guard.h"
#include "server/mcp/gate.h"
#include "server/routes/routes.h"
#include <string.h>
#include <strings.h>

#define BEARER_MAX 512

/* Pages of other origins may not use what a browser can reach. A program sends no Origin. */
static int check_origin(struct call *c)
{
    const char *origin = http_header(c->http, "Origin");
    const char *own = arena_printf(c->arena, "%s://%s", c->http->tls ? "https" : "http",
                                   c->http->host ? c->http->host : "");
    if (!own)
        return RAUM_ENOMEM;
    if (!origin || strcasecmp(origin, own) == 0 || guard_trusts(c->server, c->arena, origin))
        return 0;
    int rc = mcp_gate_refuse(c, 403, MCP_TRANSPORT, "Invalid Origin");
    return rc ? rc : 1;
}

/* The value of "Authorization: Bearer …"; NULL: none. */
static const char *bearer(struct call *c)
{
    const char *text = http_header(c->http, "Authorization");
    if (!text || strncasecmp(text, "Bearer ", 7) != 0)
        return NULL;
    text += 7 + strspn(text + 7, " ");
    return *text && strlen(text) <= BEARER_MAX ? text : NULL;
}

/* A text of ours, or of an error, within quotes of a header and of JSON: plain. */
static const char *plain(struct call *c, const char *text)
{
    char *copy = arena_str(c->arena, text);
    for (char *at = copy; at && *at; at++)
        if (*at == '"' || *at == '\\' || (unsigned char)*at < ' ' || (unsigned char)*at > '~')
            *at = '\'';
    return copy ? copy : "";
}

static int unauthorized(struct call *c, const char *text)
{
    const char *why = plain(c, text);
    struct buf out;
    int rc = http_addf(c->http, "WWW-Authenticate",
                       "Bearer error=\"invalid_token\", error_description=\"%s\", "
                       "resource_metadata=\"%s/.well-known/oauth-protected-resource/mcp\"",
                       why, c->server->origin);
    buf_init(&out, 8192);
    buf_printf(&out, "{\"error\":\"invalid_token\",\"error_description\":\"%s\"}", why);
    if (rc == 0)
        rc = http_reply_buf(c->http, 401, "application/json", &out);
    buf_release(&out);
    return rc ? rc : 1;
}

static int refuse_guest(struct call *c, int rc)
{
    if (rc == RAUM_ENOT_ALLOWED)
        return unauthorized(c, c->error.text);
    if (rc == RAUM_ERATE_LIMITED || rc == RAUM_EBUSY) {
        bool busy = rc == RAUM_EBUSY;
        rc = http_add(c->http, "Retry-After", busy ? "1" : "60");
        if (rc == 0)
            rc = mcp_gate_refuse(c, busy ? 503 : 429, MCP_TRANSPORT,
                                 busy ? "The server is busy" : "Too many requests");
    }
    return rc ? rc : 1;
}

/* 0: the guest is in, and must be let go; 1: answered. */
static int enter(struct call *c, struct mcp_guest *guest)
{
    const struct mcp_backend *b = c->server->options.mcp;
    const char *token = bearer(c);
    int rc = check_origin(c);
    memset(guest, 0, sizeof *guest);
    if (rc)
        return rc;
    if (!b)
        return unauthorized(c, token ? "This token is not known" : "A token is needed");
    rc = b->enter(b->ctx, c->sql, token, guest, &c->error);
    return rc ? refuse_guest(c, rc) : 0;
}

static void leave(struct call *c, struct mcp_guest *guest)
{
    c->server->options.mcp->leave(c->server->options.mcp->ctx, guest);
}

static bool accepts(const struct call *c, const char *type)
{
    const char *text;
    for (int i = 0; (text = http_header_at(c->http, "Accept", i)); i++) {
        size_t len = strlen(type);
        for (; *text; text++)
            if (strncasecmp(text, type, len) == 0 && strchr(",; \t", text[len]))
                return true;
    }
    return false;
}

static bool is_json(const struct call *c)
{
    const char *type = http_header(c->http, "Content-Type");
    return type && strncasecmp(type, "application/json", 16) == 0 && strchr("; \t", type[16]);
}

static int post(struct call *c)
{
    struct mcp_guest guest;
    int rc = enter(c, &guest);
    if (rc)
        return rc < 0 ? rc : 0;
    if (accepts(c, "application/json") && accepts(c, "text/event-stream") && is_json(c))
        return mcp_gate_post(c->server->gate, c, &guest);
    leave(c, &guest);
    if (!is_json(c))
        return mcp_gate_refuse(c, 415, MCP_TRANSPORT,
                               "Unsupported Media Type: Content-Type must be application/json");
    return mcp_gate_refuse(c, 406, MCP_TRANSPORT,
                           "Not Acceptable: Client must accept both application/json and "
                           "text/event-stream");
}

/* Without sessions there is nothing to read or to end. */
static int not_here(struct call *c)
{
    int rc = http_add(c->http, "Allow", "POST");
    return rc ? rc : mcp_gate_refuse(c, 405, MCP_TRANSPORT, "Method not allowed");
}

static bool stateless(const struct call *c)
{
    const char *version = http_header(c->http, "MCP-Protocol-Version");
    return version && strcmp(version, MCP_STATELESS) == 0;
}

static int get(struct call *c)
{
    struct mcp_guest guest;
    if (stateless(c))
        return not_here(c);
    int rc = enter(c, &guest);
    if (rc)
        return rc < 0 ? rc : 0;
    if (accepts(c, "text/event-stream"))
        rc = mcp_gate_get(c->server->gate, c, guest.agent);
    else
        rc = mcp_gate_refuse(c, 406, MCP_TRANSPORT,
                             "Not Acceptable: Client must accept text/event-stream");
    leave(c, &guest);
    return rc;
}

static int delete(struct call *c)
{
    struct mcp_guest guest;
    if (stateless(c))
        return not_here(c);
    int rc = enter(c, &guest);
    if (rc)
        return rc < 0 ? rc : 0;
    rc = mcp_gate_delete(c->server->gate, c, guest.agent);
    leave(c, &guest);
    return rc;
}

/* Tokens are made by people here, not by a server of OAuth; so none is named. */
static int metadata(struct call *c)
{
    struct buf out;
    struct json_writer w;
    buf_init(&out, 8192);
    json_begin(&w, &out);
    json_open_object(&w);
    json_put_key(&w, "resource");
    json_put_str(&w, arena_printf(c->arena, "%s/mcp", c->server->origin));
    json_put_key(&w, "resource_name");
    json_put_str(&w, "Raum");
    json_put_key(&w, "bearer_methods_supported");
    json_put_raw(&w, "[\"header\"]", 10);
    json_put_key(&w, "resource_documentation");
    json_put_str(&w, arena_printf(c->arena, "%s/llms.txt", c->server->origin));
    json_close_object(&w);
    int rc = buf_error(&out, &c->error);
    if (rc == 0)
        rc = call_json(c, 200, &out);
    buf_release(&out);
    return rc;
}

const struct route mcp_routes[] = {
    {"POST", "/mcp", post, ROUTE_RAW},
    {"GET", "/mcp", get, 0},
    {"DELETE", "/mcp", delete, ROUTE_RAW},
    {"GET", "/.well-known/oauth-protected-resource", metadata, 0},
    {"GET", "/.well-known/oauth-protected-resource/mcp", metadata, 0},
    {0},
};
