/* The methods of the protocol: a const table, a function each. */
#include "tools/mcp/inside.h"
#include <stdlib.h>
#include <string.h>

static int bad(struct raum_error *error, const char *what)
{
    return err_at(error, "mcp", RAUM_EUSAGE, "Invalid params: %s", what);
}

/* A text of the params that must be there. */
static const char *need(struct mcp_call *c, const char *key, size_t max)
{
    const char *text = json_str(json_get(c->message.params, key), &c->arena);
    return text && strlen(text) <= max ? text : NULL;
}

static void put_offer(struct json_writer *w, const char *name, bool changes, bool subscribe)
{
    json_put_key(w, name);
    json_open_object(w);
    if (subscribe) {
        json_put_key(w, "subscribe");
        json_put_bool(w, true);
    }
    if (changes) {
        json_put_key(w, "listChanged");
        json_put_bool(w, true);
    }
    json_close_object(w);
}

static void put_offers(struct mcp_call *c)
{
    unsigned o = c->host->offers;
    bool changes = o & MCP_SUBSCRIBE;
    json_put_key(&c->w, "capabilities");
    json_open_object(&c->w);
    if (o & MCP_TOOLS)
        put_offer(&c->w, "tools", changes, false);
    if (o & MCP_RESOURCES)
        put_offer(&c->w, "resources", changes, changes);
    if (o & MCP_PROMPTS)
        put_offer(&c->w, "prompts", changes, false);
    if (o & MCP_LOGGING)
        put_offer(&c->w, "logging", false, false);
    if (o & MCP_COMPLETIONS)
        put_offer(&c->w, "completions", false, false);
    json_close_object(&c->w);
}

static void put_instructions(struct mcp_call *c)
{
    if (!c->host->instructions)
        return;
    json_put_key(&c->w, "instructions");
    json_put_str(&c->w, c->host->instructions);
}

static int initialize(struct mcp_call *c, struct raum_error *error)
{
    struct mcp *s = c->session;
    struct json_value client = json_get(c->message.params, "capabilities");
    const char *version = need(c, "protocolVersion", MCP_NAME_MAX);
    if (!version || !json_is(client, JSON_OBJECT))
        return bad(error, "protocolVersion and capabilities are needed");
    mcp_lock(s);
    bool again = s->initialized;
    if (!again) {
        s->initialized = true;
        s->sampling = json_is(json_get(client, "sampling"), JSON_OBJECT);
        s->elicitation = json_is(json_get(client, "elicitation"), JSON_OBJECT);
        s->roots = json_is(json_get(client, "roots"), JSON_OBJECT);
    }
    mcp_unlock(s);
    if (again) {
        mcp_call_fail(c, 400, MCP_INVALID_REQUEST, "Invalid Request: initialized already", NULL);
        return METHOD_DONE;
    }
    json_put_key(&c->w, "protocolVersion");
    json_put_str(&c->w, mcp_version_known(version) ? version : MCP_LATEST);
    put_offers(c);
    json_put_key(&c->w, "serverInfo");
    json_open_object(&c->w);
    json_put_key(&c->w, "name");
    json_put_str(&c->w, c->host->name);
    if (c->host->title) {
        json_put_key(&c->w, "title");
        json_put_str(&c->w, c->host->title);
    }
    json_put_key(&c->w, "version");
    json_put_str(&c->w, c->host->version);
    json_close_object(&c->w);
    put_instructions(c);
    return 0;
}

static int discover(struct mcp_call *c, struct raum_error *error)
{
    (void)error;
    json_put_key(&c->w, "supportedVersions");
    json_open_array(&c->w);
    json_put_str(&c->w, MCP_STATELESS);
    json_close_array(&c->w);
    put_offers(c);
    put_instructions(c);
    return 0;
}

static int ping(struct mcp_call *c, struct raum_error *error)
{
    (void)c;
    (void)error;
    return 0;
}

static int set_level(struct mcp_call *c, struct raum_error *error)
{
    enum mcp_level level = mcp_level_of(json_get(c->message.params, "level"));
    if (level == MCP_LEVELS)
        return bad(error, "no such level");
    atomic_store(&c->session->level, (int)level);
    return 0;
}

/* ---- lists ---- */

static int list(struct mcp_call *c, enum mcp_list what, const char *key, struct raum_error *error)
{
    struct json_value given = json_get(c->message.params, "cursor");
    const char *cursor = json_str(given, &c->arena);
    char next[MCP_NAME_MAX] = "";
    if (given.doc && (!cursor || strlen(cursor) >= MCP_NAME_MAX))
        return bad(error, "cursor is none of ours");
    json_put_key(&c->w, key);
    json_open_array(&c->w);
    int rc = c->host->list(c->host->ctx, c, what, cursor, &c->w, next, error);
    if (rc)
        return rc;
    json_close_array(&c->w);
    if (*next) {
        json_put_key(&c->w, "nextCursor");
        json_put_str(&c->w, next);
    }
    return 0;
}

static int list_tools(struct mcp_call *c, struct raum_error *error)
{
    return list(c, MCP_LIST_TOOLS, "tools", error);
}

static int list_resources(struct mcp_call *c, struct raum_error *error)
{
    return list(c, MCP_LIST_RESOURCES, "resources", error);
}

static int list_templates(struct mcp_call *c, struct raum_error *error)
{
    return list(c, MCP_LIST_TEMPLATES, "resourceTemplates", error);
}

static int list_prompts(struct mcp_call *c, struct raum_error *error)
{
    return list(c, MCP_LIST_PROMPTS, "prompts", error);
}

/* ---- tools, resources, prompts ---- */

static int call_tool(struct mcp_call *c, struct raum_error *error)
{
    const char *name = need(c, "name", MCP_NAME_MAX);
    struct json_value args = json_get(c->message.params, "arguments");
    if (!name || (args.doc && !json_is(args, JSON_OBJECT)))
        return bad(error, "name is a text, arguments an object");
    int rc = c->host->call_tool(c->host->ctx, c, name, args, &c->w, error);
    return rc == RAUM_ENOT_FOUND ? err_at(error, "mcp", rc, "Unknown tool: %.128s", name) : rc;
}

static int read_resource(struct mcp_call *c, struct raum_error *error)
{
    const char *uri = need(c, "uri", MCP_URI_MAX);
    if (!uri)
        return bad(error, "uri is needed");
    json_put_key(&c->w, "contents");
    json_open_array(&c->w);
    int rc = c->host->read(c->host->ctx, c, uri, &c->w, error);
    if (rc == RAUM_ENOT_FOUND)
        return err_at(error, "mcp", rc, "Resource not found");
    if (rc == 0)
        json_close_array(&c->w);
    return rc;
}

static int get_prompt(struct mcp_call *c, struct raum_error *error)
{
    const char *name = need(c, "name", MCP_NAME_MAX);
    struct json_value args = json_get(c->message.params, "arguments");
    if (!name || (args.doc && !json_is(args, JSON_OBJECT)))
        return bad(error, "name is a text, arguments an object");
    int rc = c->host->prompt(c->host->ctx, c, name, args, &c->w, error);
    return rc == RAUM_ENOT_FOUND ? err_at(error, "mcp", rc, "Unknown prompt: %.128s", name) : rc;
}

static int complete(struct mcp_call *c, struct raum_error *error)
{
    struct json_value ref = json_get(c->message.params, "ref"),
                      arg = json_get(c->message.params, "argument");
    bool prompt = json_equals(json_get(ref, "type"), "ref/prompt");
    const char *name = json_str(json_get(ref, prompt ? "name" : "uri"), &c->arena);
    const char *argument = json_str(json_get(arg, "name"), &c->arena);
    const char *value = json_str(json_get(arg, "value"), &c->arena);
    int total = 0;
    if (!name || !argument || !value ||
        (!prompt && !json_equals(json_get(ref, "type"), "ref/resource")))
        return bad(error, "ref and argument are needed");
    json_put_key(&c->w, "completion");
    json_open_object(&c->w);
    json_put_key(&c->w, "values");
    json_open_array(&c->w);
    int rc =
        c->host->complete(c->host->ctx, c, prompt, name, argument, value, &c->w, &total, error);
    if (rc)
        return rc;
    json_close_array(&c->w);
    json_put_key(&c->w, "total");
    json_put_int(&c->w, total);
    json_put_key(&c->w, "hasMore");
    json_put_bool(&c->w, total > 100);
    json_close_object(&c->w);
    return 0;
}

/* ---- subscriptions ---- */

static int subscribe(struct mcp_call *c, struct raum_error *error)
{
    struct mcp *s = c->session;
    const char *uri = need(c, "uri", MCP_URI_MAX);
    if (!uri)
        return bad(error, "uri is needed");
    int rc = c->host->subscribe(c->host->ctx, uri, error);
    if (rc)
        return rc == RAUM_ENOT_FOUND ? err_at(error, "mcp", rc, "Resource not found") : rc;
    char *copy = strdup(uri);
    if (!copy)
        return err_set(error, RAUM_ENOMEM, NULL);
    mcp_lock(s);
    bool known = false, room = s->uri_count < MCP_SUBSCRIPTIONS_MAX;
    for (int i = 0; i < s->uri_count; i++)
        known = known || strcmp(s->uris[i], uri) == 0;
    if (!known && room)
        s->uris[s->uri_count++] = copy;
    mcp_unlock(s);
    if (known || !room)
        free(copy);
    return known || room ? 0 : bad(error, "too many subscriptions");
}

static int unsubscribe(struct mcp_call *c, struct raum_error *error)
{
    struct mcp *s = c->session;
    const char *uri = need(c, "uri", MCP_URI_MAX);
    if (!uri)
        return bad(error, "uri is needed");
    mcp_lock(s);
    for (int i = 0; i < s->uri_count; i++)
        if (strcmp(s->uris[i], uri) == 0) {
            free(s->uris[i]);
            s->uris[i] = s->uris[--s->uri_count];
            break;
        }
    mcp_unlock(s);
    return 0;
}

/* The uris that a listener names and may know of, one behind the other. */
static int listened_uris(struct mcp_call *c, struct json_value list, struct buf *out,
                         struct raum_error *error)
{
    int count = 0;
    for (struct json_value v = json_first(list); v.doc; v = json_next(list, v)) {
        const char *uri = json_str(v, &c->arena);
        if (!uri || strlen(uri) > MCP_URI_MAX || ++count > MCP_SUBSCRIPTIONS_MAX)
            return bad(error, "resourceSubscriptions are uris, not too many");
        int rc = c->host->subscribe(c->host->ctx, uri, error);
        if (rc == 0)
            buf_add(out, uri, strlen(uri) + 1);
        else if (rc != RAUM_ENOT_FOUND)
            return rc;
    }
    return buf_error(out, error);
}

static void acknowledge(struct mcp_call *c, const char *uris, size_t len)
{
    static const char *const kinds[] = {"toolsListChanged", "resourcesListChanged",
                                        "promptsListChanged"};
    struct buf out;
    struct json_writer w;
    buf_init(&out, MCP_MESSAGE_MAX);
    json_begin(&w, &out);
    json_open_object(&w);
    json_put_key(&w, "jsonrpc");
    json_put_str(&w, "2.0");
    json_put_key(&w, "method");
    json_put_str(&w, "notifications/subscriptions/acknowledged");
    json_put_key(&w, "params");
    json_open_object(&w);
    json_put_key(&w, "notifications");
    json_open_object(&w);
    for (unsigned i = 0; i < 3; i++)
        if (c->heard & 1u << i) {
            json_put_key(&w, kinds[i]);
            json_put_bool(&w, true);
        }
    if (len) {
        json_put_key(&w, "resourceSubscriptions");
        json_open_array(&w);
        for (size_t at = 0; at < len; at += strlen(uris + at) + 1)
            json_put_str(&w, uris + at);
        json_close_array(&w);
    }
    json_close_object(&w);
    json_put_key(&w, "_meta");
    json_open_object(&w);
    json_put_key(&w, META_SUBSCRIPTION);
    json_put_raw(&w, c->message.id, strlen(c->message.id));
    json_close_object(&w);
    json_close_object(&w);
    json_close_object(&w);
    c->sink.send(c->sink.ctx, MCP_INTERIM, 200, buf_text(&out), out.len);
    buf_release(&out);
}

static int listen(struct mcp_call *c, struct raum_error *error)
{
    struct json_value wish = json_get(c->message.params, "notifications");
    struct buf uris;
    if (!json_is(wish, JSON_OBJECT))
        return bad(error, "notifications is needed");
    buf_init(&uris, (size_t)MCP_SUBSCRIPTIONS_MAX * (MCP_URI_MAX + 1));
    int rc = listened_uris(c, json_get(wish, "resourceSubscriptions"), &uris, error);
    if (rc) {
        buf_release(&uris);
        return rc;
    }
    if (json_is(json_get(wish, "toolsListChanged"), JSON_TRUE))
        c->heard |= 1u << MCP_TOOLS_CHANGED;
    if (json_is(json_get(wish, "resourcesListChanged"), JSON_TRUE))
        c->heard |= 1u << MCP_RESOURCES_CHANGED;
    if (json_is(json_get(wish, "promptsListChanged"), JSON_TRUE))
        c->heard |= 1u << MCP_PROMPTS_CHANGED;
    if (uris.len)
        c->heard |= 1u << MCP_RESOURCE;
    acknowledge(c, uris.data, uris.len);
    mcp_lock(c->session);
    c->listened = buf_detach(&uris, &c->listened_len);
    c->listening = true;
    mcp_unlock(c->session);
    return METHOD_DONE;
}

const struct method mcp_methods[] = {
    {"initialize", ERA_SESSION, 0, NULL, METHOD_FIRST, initialize},
    {"ping", ERA_SESSION, 0, NULL, METHOD_FIRST, ping},
    {"logging/setLevel", ERA_SESSION, MCP_LOGGING, NULL, 0, set_level},
    {"server/discover", ERA_STATELESS, 0, NULL, METHOD_CACHED, discover},
    {"tools/list", ERA_SESSION | ERA_STATELESS, MCP_TOOLS, NULL, METHOD_CACHED, list_tools},
    {"tools/call", ERA_SESSION | ERA_STATELESS, MCP_TOOLS, "name", METHOD_INPUT, call_tool},
    {"resources/list", ERA_SESSION | ERA_STATELESS, MCP_RESOURCES, NULL, METHOD_CACHED,
     list_resources},
    {"resources/templates/list", ERA_SESSION | ERA_STATELESS, MCP_RESOURCES, NULL, METHOD_CACHED,
     list_templates},
    {"resources/read", ERA_SESSION | ERA_STATELESS, MCP_RESOURCES, "uri",
     METHOD_CACHED | METHOD_INPUT, read_resource},
    {"resources/subscribe", ERA_SESSION, MCP_RESOURCES | MCP_SUBSCRIBE, NULL, 0, subscribe},
    {"resources/unsubscribe", ERA_SESSION, MCP_RESOURCES | MCP_SUBSCRIBE, NULL, 0, unsubscribe},
    {"prompts/list", ERA_SESSION | ERA_STATELESS, MCP_PROMPTS, NULL, METHOD_CACHED, list_prompts},
    {"prompts/get", ERA_SESSION | ERA_STATELESS, MCP_PROMPTS, "name", METHOD_INPUT, get_prompt},
    {"completion/complete", ERA_SESSION | ERA_STATELESS, MCP_COMPLETIONS, NULL, 0, complete},
    {"subscriptions/listen", ERA_STATELESS, MCP_SUBSCRIBE, NULL, 0, listen},
    {0},
};
