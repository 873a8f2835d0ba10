#include "tools/mcp/inside.h"
#include <stdlib.h>
#include <string.h>

#define ARENA_MAX ((size_t)8 << 20)

void mcp_lock(struct mcp *s)
{
    if (s->o.lock)
        s->o.lock(s->o.lock_ctx);
}

void mcp_unlock(struct mcp *s)
{
    if (s->o.unlock)
        s->o.unlock(s->o.lock_ctx);
}

int mcp_new(struct mcp **out, const struct mcp_options *options, struct raum_error *error)
{
    struct mcp *s = *out = calloc(1, sizeof *s);
    if (!s)
        return err_set(error, RAUM_ENOMEM, NULL);
    s->o = *options;
    atomic_init(&s->level, MCP_INFO);
    return 0;
}

void mcp_free(struct mcp *s)
{
    if (!s)
        return;
    mcp_end(s);
    for (int i = 0; i < s->uri_count; i++)
        free(s->uris[i]);
    free(s);
}

/* ---- the calls of a session ---- */

static bool enter(struct mcp_call *c)
{
    struct mcp *s = c->session;
    mcp_lock(s);
    bool room = s->call_count < MCP_CALLS_MAX;
    if (room) {
        c->next = s->calls;
        s->calls = c;
        s->call_count++;
    }
    mcp_unlock(s);
    return room;
}

/* Under the lock. False: somebody else has taken it out already. */
static bool leave(struct mcp_call *c)
{
    for (struct mcp_call **at = &c->session->calls; *at; at = &(*at)->next)
        if (*at == c) {
            *at = c->next;
            c->session->call_count--;
            return true;
        }
    return false;
}

static void finish(struct mcp_call *c)
{
    struct mcp_sink sink = c->sink;
    mcp_call_free(c);
    sink.done(sink.ctx);
}

static void answer(struct mcp_call *c)
{
    if (buf_error(&c->out, NULL))
        mcp_call_fail(c, 200, MCP_INTERNAL, "The answer is too large", NULL);
    if (!mcp_cancelled(c))
        c->sink.send(c->sink.ctx, MCP_ANSWER, c->status, buf_text(&c->out), c->out.len);
}

static void host_failed(struct mcp_call *c, int rc, const struct raum_error *error)
{
    if (rc == RAUM_ENOT_FOUND || rc == RAUM_EUSAGE) {
        struct buf data;
        struct json_writer w;
        struct json_value uri = json_get(c->message.params, "uri");
        buf_init(&data, 8192);
        json_begin(&w, &data);
        json_open_object(&w);
        if (json_is(uri, JSON_STRING)) {
            json_put_key(&w, "uri");
            json_put_value(&w, uri);
        }
        json_close_object(&w);
        mcp_call_fail(c, 200, MCP_INVALID_PARAMS, error->text,
                      buf_error(&data, NULL) == 0 && data.len > 2 ? buf_text(&data) : NULL);
        buf_release(&data);
    } else {
        mcp_call_fail(c, 200, MCP_INTERNAL, "Internal error", NULL);
    }
}

static void close_result(struct mcp_call *c, bool complete)
{
    struct json_writer *w = &c->w;
    if (c->stateless) {
        if (complete && (c->method->flags & METHOD_CACHED)) {
            json_put_key(w, "ttlMs");
            json_put_int(w, 0);
            json_put_key(w, "cacheScope");
            json_put_str(w, "private");
        }
        json_put_key(w, "_meta");
        json_open_object(w);
        json_put_key(w, META_SERVER);
        json_open_object(w);
        json_put_key(w, "name");
        json_put_str(w, c->host->name);
        json_put_key(w, "version");
        json_put_str(w, c->host->version);
        json_close_object(w);
        json_close_object(w);
    }
    json_close_object(w);
    json_close_object(w);
}

/* True: the call is over. False: it waits for the client, or listens. */
static bool run_once(struct mcp_call *c)
{
    struct raum_error error = {0};
    mcp_call_result(c);
    if (c->stateless) {
        json_put_key(&c->w, "resultType");
        json_put_str(&c->w, "complete");
    }
    int rc = c->method->run(c, &error);
    if (c->listening)
        return false;
    if (rc == MCP_NEEDS_INPUT && c->ask_count && mcp_call_needs(c)) {
        if (!c->stateless)
            return false;
        close_result(c, false);
        return true;
    }
    if (rc == 0)
        close_result(c, true);
    else if (rc != METHOD_DONE)
        host_failed(c, rc < 0 ? rc : RAUM_EINTERNAL, &error);
    return true;
}

static bool all_answered(const struct mcp_call *c)
{
    for (int i = 0; i < c->ask_count; i++)
        if (c->asks[i].sent && !c->asks[i].answer)
            return false;
    return true;
}

void mcp_call_run(struct mcp_call *c)
{
    for (;;) {
        bool over = run_once(c);
        mcp_lock(c->session);
        if (!over && !mcp_cancelled(c)) {
            /* Answers may have come while we asked. */
            bool again = !c->listening && all_answered(c);
            c->running = again;
            c->waiting = !again && !c->listening;
            mcp_unlock(c->session);
            if (again)
                continue;
            return;
        }
        bool ours = leave(c);
        mcp_unlock(c->session);
        if (over && ours)
            answer(c);
        finish(c);
        return;
    }
}

/* ---- messages ---- */

static const struct method *find_method(const char *name)
{
    for (const struct method *m = mcp_methods; m->name; m++)
        if (strcmp(m->name, name) == 0)
            return m;
    return NULL;
}

static void refuse_text(const struct mcp_sink *sink, int code, const char *message)
{
    struct buf out;
    buf_init(&out, 4096);
    mcp_put_error(&out, NULL, code, message);
    sink->send(sink->ctx, MCP_ANSWER, 400, buf_text(&out), out.len);
    buf_release(&out);
    sink->done(sink->ctx);
}

/* The call of the client's request with this id; under the lock. */
static struct mcp_call *find_call(struct mcp *s, const char *id, size_t len)
{
    for (struct mcp_call *c = s->calls; c; c = c->next)
        if (strlen(c->message.id) == len && memcmp(c->message.id, id, len) == 0)
            return c;
    return NULL;
}

static void cancel(struct mcp *s, struct json_value params)
{
    size_t len;
    struct json_value id = json_get(params, "requestId");
    const char *raw = json_raw(id, &len);
    if (!raw)
        return;
    mcp_lock(s);
    struct mcp_call *c = find_call(s, raw, len);
    bool idle = c && !c->running;
    if (c)
        atomic_store(&c->cancelled, true);
    if (idle)
        leave(c);
    mcp_unlock(s);
    if (idle)
        finish(c);
}

/* The answer to one of our requests; the last one makes the call go on. */
static void take_response(struct mcp *s, const struct message *m)
{
    struct mcp_call *ready = NULL;
    mcp_lock(s);
    for (struct mcp_call *c = s->calls; c && m->id; c = c->next)
        for (int i = 0; i < c->ask_count; i++) {
            struct ask *a = &c->asks[i];
            if (!a->sent || a->answer || strcmp(a->id, m->id) != 0)
                continue;
            size_t len = 2;
            const char *raw = m->result.doc ? json_raw(m->result, &len) : "{}";
            a->answer = malloc(len + 1);
            if (!a->answer)
                break;
            memcpy(a->answer, raw, len);
            a->answer[len] = '\0';
            a->len = len;
            if (c->waiting && all_answered(c)) {
                c->waiting = false;
                c->running = true;
                ready = c;
            }
            break;
        }
    mcp_unlock(s);
    if (ready)
        mcp_call_run(ready);
}

static void take_request(struct mcp_call *c)
{
    c->method = find_method(c->message.method);
    c->running = true;
    if (!mcp_call_checked(c) || (c->stateless && !mcp_call_inputs(c))) {
        answer(c);
        finish(c);
    } else if (!enter(c)) {
        mcp_call_fail(c, 200, MCP_TRANSPORT, "Too many requests at once", NULL);
        answer(c);
        finish(c);
    } else {
        mcp_call_run(c);
    }
}

static void take_notification(struct mcp *s, const struct message *m)
{
    if (strcmp(m->method, "notifications/cancelled") == 0)
        cancel(s, m->params);
}

static const char *own_text(struct arena *a, const char *text)
{
    return text ? arena_str(a, text) : NULL;
}

static struct mcp_call *call_new(struct mcp *s, const struct mcp_host *host,
                                 const struct mcp_headers *h, const char *text, size_t len,
                                 const struct mcp_sink *sink)
{
    struct mcp_call *c = calloc(1, sizeof *c);
    char *copy = malloc(len + 1);
    if (!c || !copy) {
        free(c);
        free(copy);
        return NULL;
    }
    memcpy(copy, text, len);
    copy[len] = '\0';
    c->session = s;
    c->host = host;
    c->sink = *sink;
    c->text = copy;
    c->progressed = -1;
    atomic_init(&c->cancelled, false);
    json_init(&c->doc);
    arena_init(&c->arena, ARENA_MAX);
    buf_init(&c->out, MCP_ANSWER_MAX);
    if (h) {
        c->has_headers = true;
        c->headers =
            (struct mcp_headers){own_text(&c->arena, h->version), own_text(&c->arena, h->method),
                                 own_text(&c->arena, h->name)};
    }
    return c;
}

void mcp_receive(struct mcp *s, const struct mcp_host *host, const struct mcp_headers *headers,
                 const char *text, size_t len, const struct mcp_sink *sink)
{
    struct raum_error error = {0};
    struct mcp_call *c =
        len <= MCP_MESSAGE_MAX ? call_new(s, host, headers, text, len, sink) : NULL;
    if (!c) {
        refuse_text(sink, MCP_PARSE_ERROR, "Parse error: the message is too large");
        return;
    }
    bool json = json_parse(&c->doc, c->text, len, 0, &error) == 0;
    if (json)
        c->message = mcp_message_read(&c->doc, &c->arena);
    if (!json || c->message.kind == MESSAGE_NONE) {
        bool batch = json && json_is(json_root(&c->doc), JSON_ARRAY);
        mcp_call_free(c);
        refuse_text(sink, MCP_PARSE_ERROR,
                    batch  ? "Parse error: one message at a time"
                    : json ? "Parse error: no JSON-RPC 2.0 message"
                           : "Parse error: no valid JSON");
        return;
    }
    c->stateless = mcp_look(c->text, len, headers ? headers->version : NULL).stateless;
    if (c->message.kind == MESSAGE_REQUEST) {
        take_request(c);
        return;
    }
    if (c->message.kind == MESSAGE_RESPONSE)
        take_response(s, &c->message);
    else
        take_notification(s, &c->message);
    finish(c);
}

/* ---- what nobody asked for at this moment ---- */

static const char *const change_methods[] = {
    "notifications/tools/list_changed", "notifications/resources/list_changed",
    "notifications/prompts/list_changed", "notifications/resources/updated"};

static void put_change(struct buf *out, enum mcp_change what, const char *uri, const char *id)
{
    struct json_writer w;
    json_begin(&w, out);
    json_open_object(&w);
    json_put_key(&w, "jsonrpc");
    json_put_str(&w, "2.0");
    json_put_key(&w, "method");
    json_put_str(&w, change_methods[what]);
    if (uri || id) {
        json_put_key(&w, "params");
        json_open_object(&w);
        if (uri) {
            json_put_key(&w, "uri");
            json_put_str(&w, uri);
        }
        if (id) {
            json_put_key(&w, "_meta");
            json_open_object(&w);
            json_put_key(&w, META_SUBSCRIPTION);
            json_put_raw(&w, id, strlen(id));
            json_close_object(&w);
        }
        json_close_object(&w);
    }
    json_close_object(&w);
}

static bool listens_to(const struct mcp_call *c, enum mcp_change what, const char *uri)
{
    if (!c->listening || mcp_cancelled(c) || !(c->heard & 1u << what))
        return false;
    for (size_t at = 0; what == MCP_RESOURCE && at < c->listened_len;) {
        if (strcmp(c->listened + at, uri) == 0)
            return true;
        at += strlen(c->listened + at) + 1;
    }
    return what != MCP_RESOURCE;
}

static bool subscribed_to(const struct mcp *s, const char *uri)
{
    for (int i = 0; i < s->uri_count; i++)
        if (strcmp(s->uris[i], uri) == 0)
            return true;
    return false;
}

static void tell(const struct mcp_sink *sink, enum mcp_change what, const char *uri, const char *id)
{
    struct buf out;
    buf_init(&out, 8192);
    put_change(&out, what, uri, id);
    if (buf_error(&out, NULL) == 0)
        sink->send(sink->ctx, MCP_INTERIM, 200, buf_text(&out), out.len);
    buf_release(&out);
}

void mcp_changed(struct mcp *s, enum mcp_change what, const char *uri, const struct mcp_sink *side)
{
    if (what != MCP_RESOURCE)
        uri = NULL;
    mcp_lock(s);
    for (struct mcp_call *c = s->calls; c; c = c->next)
        if (listens_to(c, what, uri))
            tell(&c->sink, what, uri, c->message.id);
    bool wanted = s->initialized && (what != MCP_RESOURCE || subscribed_to(s, uri));
    mcp_unlock(s);
    if (wanted && side)
        tell(side, what, uri, NULL);
}

void mcp_end(struct mcp *s)
{
    struct mcp_call *over = NULL;
    mcp_lock(s);
    for (struct mcp_call **at = &s->calls; *at;) {
        struct mcp_call *c = *at;
        atomic_store(&c->cancelled, true);
        if (c->running) {
            at = &c->next;
            continue;
        }
        *at = c->next;
        s->call_count--;
        c->next = over;
        over = c;
    }
    mcp_unlock(s);
    while (over) {
        struct mcp_call *c = over;
        over = c->next;
        finish(c);
    }
}

bool mcp_initialized(struct mcp *s)
{
    mcp_lock(s);
    bool is = s->initialized;
    mcp_unlock(s);
    return is;
}

bool mcp_idle(struct mcp *s)
{
    mcp_lock(s);
    bool idle = !s->calls;
    mcp_unlock(s);
    return idle;
}

bool mcp_subscribed(struct mcp *s)
{
    mcp_lock(s);
    bool is = s->uri_count > 0;
    for (struct mcp_call *c = s->calls; c; c = c->next)
        is = is || c->listening;
    mcp_unlock(s);
    return is;
}
