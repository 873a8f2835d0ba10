#include "tools/mcp/inside.h"
#include <string.h>

/* An id as it was sent: a text or a number; NULL for anything else. */
static const char *read_id(struct json_value v, struct arena *a)
{
    size_t len;
    const char *raw = json_raw(v, &len);
    if ((!json_is(v, JSON_STRING) && !json_is(v, JSON_NUMBER)) || len > MCP_NAME_MAX)
        return NULL;
    return arena_copy(a, raw, len);
}

static bool may_be(struct json_value v, enum json_type type)
{
    return !v.doc || json_is(v, type);
}

struct message mcp_message_read(const struct json_doc *doc, struct arena *a)
{
    struct message m = {.kind = MESSAGE_NONE};
    struct json_value root = json_root(doc), id = json_get(root, "id"),
                      method = json_get(root, "method");
    if (!json_is(root, JSON_OBJECT) || !json_equals(json_get(root, "jsonrpc"), "2.0"))
        return m;
    m.id = read_id(id, a);
    m.method = json_str(method, a);
    m.params = json_get(root, "params");
    m.meta = json_get(m.params, "_meta");
    m.result = json_get(root, "result");
    if (id.doc && !m.id && !(json_is(id, JSON_NULL) && !method.doc))
        return m;
    if (method.doc) {
        if (m.method && *m.method && strlen(m.method) <= MCP_NAME_MAX &&
            may_be(m.params, JSON_OBJECT) && may_be(m.meta, JSON_OBJECT))
            m.kind = m.id ? MESSAGE_REQUEST : MESSAGE_NOTIFICATION;
    } else if (m.result.doc || json_is(json_get(root, "error"), JSON_OBJECT)) {
        if (may_be(m.result, JSON_OBJECT))
            m.kind = MESSAGE_RESPONSE;
    }
    return m;
}

bool mcp_version_known(const char *version)
{
    static const char *const known[] = {"2024-10-07", "2024-11-05", "2025-03-26",
                                        "2025-06-18", MCP_LATEST,   NULL};
    for (int i = 0; known[i]; i++)
        if (strcmp(version, known[i]) == 0)
            return true;
    return false;
}

static bool means_stateless(const struct message *m, const char *version)
{
    if (m->kind == MESSAGE_RESPONSE || m->kind == MESSAGE_NONE)
        return false;
    if (json_get(m->meta, META_VERSION).doc)
        return true;
    if (!version || mcp_version_known(version))
        return false;
    return strcmp(version, MCP_STATELESS) == 0 || strcmp(m->method, "initialize") != 0;
}

struct mcp_glance mcp_look(const char *text, size_t len, const char *version_header)
{
    struct mcp_glance g = {.json = false};
    struct json_doc doc;
    struct arena a;
    json_init(&doc);
    arena_init(&a, 1 << 16);
    if (json_parse(&doc, text, len, 0, NULL) == 0) {
        struct message m = mcp_message_read(&doc, &a);
        g.json = true;
        g.rpc = m.kind != MESSAGE_NONE;
        g.request = m.kind == MESSAGE_REQUEST;
        g.notification = m.kind == MESSAGE_NOTIFICATION;
        g.initialize = g.request && strcmp(m.method, "initialize") == 0;
        g.stateless = means_stateless(&m, version_header);
    }
    arena_release(&a);
    json_release(&doc);
    return g;
}

void mcp_put_error(struct buf *out, const char *id, int code, const char *message)
{
    struct json_writer w;
    json_begin(&w, out);
    json_open_object(&w);
    json_put_key(&w, "jsonrpc");
    json_put_str(&w, "2.0");
    json_put_key(&w, "id");
    json_put_raw(&w, id ? id : "null", id ? strlen(id) : 4);
    json_put_key(&w, "error");
    json_open_object(&w);
    json_put_key(&w, "code");
    json_put_int(&w, code);
    json_put_key(&w, "message");
    json_put_str(&w, message);
    json_close_object(&w);
    json_close_object(&w);
}

static const char *const levels[MCP_LEVELS] = {"debug", "info",     "notice", "warning",
                                               "error", "critical", "alert",  "emergency"};

enum mcp_level mcp_level_of(struct json_value name)
{
    for (int i = 0; i < MCP_LEVELS; i++)
        if (json_equals(name, levels[i]))
            return (enum mcp_level)i;
    return MCP_LEVELS;
}

/* Which level the client wants; MCP_LEVELS: none. */
static int wanted(const struct mcp_call *c)
{
    return c->stateless ? (int)mcp_level_of(json_get(c->message.meta, META_LEVEL))
                        : atomic_load(&c->session->level);
}

static void open_notification(struct json_writer *w, struct buf *out, const char *method)
{
    json_begin(w, out);
    json_open_object(w);
    json_put_key(w, "jsonrpc");
    json_put_str(w, "2.0");
    json_put_key(w, "method");
    json_put_str(w, method);
    json_put_key(w, "params");
    json_open_object(w);
}

static void send(struct mcp_call *c, struct json_writer *w, struct buf *out)
{
    json_close_object(w);
    json_close_object(w);
    if (buf_error(out, NULL) == 0 && !mcp_cancelled(c))
        c->sink.send(c->sink.ctx, MCP_INTERIM, 200, buf_text(out), out->len);
    buf_release(out);
}

void mcp_log(struct mcp_call *c, enum mcp_level level, const char *logger, const char *data)
{
    struct buf out;
    struct json_writer w;
    if (!(c->host->offers & MCP_LOGGING) || (int)level < wanted(c))
        return;
    buf_init(&out, MCP_MESSAGE_MAX);
    open_notification(&w, &out, "notifications/message");
    json_put_key(&w, "level");
    json_put_str(&w, levels[level]);
    if (logger) {
        json_put_key(&w, "logger");
        json_put_str(&w, logger);
    }
    json_put_key(&w, "data");
    json_put_raw(&w, data, strlen(data));
    send(c, &w, &out);
}

void mcp_progress(struct mcp_call *c, double done, double total, const char *text)
{
    struct json_value token = json_get(c->message.meta, "progressToken");
    struct buf out;
    struct json_writer w;
    if ((!json_is(token, JSON_STRING) && !json_is(token, JSON_NUMBER)) || done <= c->progressed)
        return;
    c->progressed = done;
    buf_init(&out, MCP_MESSAGE_MAX);
    open_notification(&w, &out, "notifications/progress");
    json_put_key(&w, "progressToken");
    json_put_value(&w, token);
    json_put_key(&w, "progress");
    json_put_double(&w, done);
    if (total > 0) {
        json_put_key(&w, "total");
        json_put_double(&w, total);
    }
    if (text) {
        json_put_key(&w, "message");
        json_put_str(&w, text);
    }
    send(c, &w, &out);
}

void mcp_break(struct mcp_call *c)
{
    c->sink.send(c->sink.ctx, MCP_BREAK, 200, "", 0);
}

bool mcp_cancelled(const struct mcp_call *c)
{
    return atomic_load(&c->cancelled);
}

bool mcp_is_stateless(const struct mcp_call *c)
{
    return c->stateless;
}

const char *mcp_session(const struct mcp_call *c)
{
    return c->session->o.session;
}

struct arena *mcp_arena(struct mcp_call *c)
{
    return &c->arena;
}

void mcp_tool_fail(struct json_writer *result, const char *text)
{
    json_put_key(result, "content");
    json_open_array(result);
    json_open_object(result);
    json_put_key(result, "type");
    json_put_str(result, "text");
    json_put_key(result, "text");
    json_put_str(result, text);
    json_close_object(result);
    json_close_array(result);
    json_put_key(result, "isError");
    json_put_bool(result, true);
}
