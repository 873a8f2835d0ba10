/* One call: its envelope, what its era demands of it, what it asks the client. */
#include "base/base64.h"
#include "tools/mcp/inside.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAC_BYTES 16
#define STATE_MAX ((size_t)64 << 10)

static void envelope(struct mcp_call *c)
{
    buf_reset(&c->out);
    json_begin(&c->w, &c->out);
    json_open_object(&c->w);
    json_put_key(&c->w, "jsonrpc");
    json_put_str(&c->w, "2.0");
    json_put_key(&c->w, "id");
    json_put_raw(&c->w, c->message.id, strlen(c->message.id));
}

void mcp_call_fail(struct mcp_call *c, int status, int code, const char *message, const char *data)
{
    envelope(c);
    json_put_key(&c->w, "error");
    json_open_object(&c->w);
    json_put_key(&c->w, "code");
    json_put_int(&c->w, code);
    json_put_key(&c->w, "message");
    json_put_str(&c->w, message);
    if (data) {
        json_put_key(&c->w, "data");
        json_put_raw(&c->w, data, strlen(data));
    }
    json_close_object(&c->w);
    json_close_object(&c->w);
    c->status = status;
}

void mcp_call_result(struct mcp_call *c)
{
    envelope(c);
    json_put_key(&c->w, "result");
    json_open_object(&c->w);
    c->status = 200;
}

void mcp_call_free(struct mcp_call *c)
{
    for (int i = 0; i < c->ask_count; i++) {
        json_release(&c->asks[i].doc);
        free(c->asks[i].answer);
    }
    json_release(&c->doc);
    buf_release(&c->out);
    arena_release(&c->arena);
    free(c->listened);
    free(c->text);
    free(c);
}

/* ---- 2026-07-28: what every request says ---- */

static bool refuse(struct mcp_call *c, int code, const char *message, const char *data)
{
    mcp_call_fail(c, 400, code, message, data);
    return false;
}

static bool unsupported(struct mcp_call *c, const char *requested)
{
    struct buf data;
    struct json_writer w;
    buf_init(&data, 4096);
    json_begin(&w, &data);
    json_open_object(&w);
    json_put_key(&w, "supported");
    json_open_array(&w);
    json_put_str(&w, MCP_STATELESS);
    json_close_array(&w);
    json_put_key(&w, "requested");
    json_put_str(&w, requested);
    json_close_object(&w);
    refuse(c, MCP_UNSUPPORTED_VERSION, "Unsupported protocol version", buf_text(&data));
    buf_release(&data);
    return false;
}

/* Header and body say the same; blanks around the header's do not count. */
static bool header_is(const char *header, const char *value)
{
    if (!header || !value)
        return false;
    header += strspn(header, " \t");
    size_t len = strlen(header);
    while (len && strchr(" \t", header[len - 1]))
        len--;
    return len == strlen(value) && memcmp(header, value, len) == 0;
}

static bool headers_match(struct mcp_call *c, const char *version)
{
    if (!header_is(c->headers.version, version))
        return refuse(c, MCP_HEADER_MISMATCH,
                      "Header mismatch: MCP-Protocol-Version is not what the body says", NULL);
    if (!header_is(c->headers.method, c->message.method))
        return refuse(c, MCP_HEADER_MISMATCH,
                      "Header mismatch: Mcp-Method is not what the body says", NULL);
    if (!c->method || !c->method->header)
        return true;
    const char *name = json_str(json_get(c->message.params, c->method->header), &c->arena);
    if (!header_is(c->headers.name, name))
        return refuse(c, MCP_HEADER_MISMATCH, "Header mismatch: Mcp-Name is not what the body says",
                      NULL);
    return true;
}

static bool stateless_checked(struct mcp_call *c)
{
    const char *version = json_str(json_get(c->message.meta, META_VERSION), &c->arena);
    if (!version && c->has_headers && c->headers.version &&
        !header_is(c->headers.version, MCP_STATELESS))
        return unsupported(c, c->headers.version);
    if (!version)
        return refuse(c, MCP_INVALID_PARAMS, "Invalid params: _meta/" META_VERSION " is missing",
                      NULL);
    if (!json_is(json_get(c->message.meta, META_CLIENT), JSON_OBJECT))
        return refuse(c, MCP_INVALID_PARAMS, "Invalid params: _meta/" META_CLIENT " is missing",
                      NULL);
    if (c->has_headers && !headers_match(c, version))
        return false;
    return strcmp(version, MCP_STATELESS) == 0 || unsupported(c, version);
}

bool mcp_call_checked(struct mcp_call *c)
{
    unsigned era = c->stateless ? ERA_STATELESS : ERA_SESSION;
    const struct method *m = c->method;
    if (c->stateless && !stateless_checked(c))
        return false;
    if (!m || !(m->eras & era) || (m->offer & ~c->host->offers)) {
        mcp_call_fail(c, c->stateless ? 404 : 200, MCP_UNKNOWN_METHOD, "Method not found", NULL);
        return false;
    }
    if (!c->stateless && !c->session->initialized && !(m->flags & METHOD_FIRST)) {
        mcp_call_fail(c, 200, MCP_INVALID_REQUEST, "Not initialized: begin with initialize", NULL);
        return false;
    }
    return true;
}

/* ---- asking the client ---- */

bool mcp_can(const struct mcp_call *c, const char *capability)
{
    const struct mcp *s = c->session;
    if (c->stateless)
        return json_is(json_get(json_get(c->message.meta, META_CLIENT), capability), JSON_OBJECT);
    return (strcmp(capability, "sampling") == 0 && s->sampling) ||
           (strcmp(capability, "elicitation") == 0 && s->elicitation) ||
           (strcmp(capability, "roots") == 0 && s->roots);
}

int mcp_lacks(struct mcp_call *c, const char *capability)
{
    char data[200];
    snprintf(data, sizeof data, "{\"requiredCapabilities\":{\"%.40s\":{}}}", capability);
    if (c->stateless)
        mcp_call_fail(c, 400, MCP_MISSING_CAPABILITY, "Missing a capability of the client", data);
    else
        mcp_call_fail(c, 200, MCP_INVALID_REQUEST, "The client does not have this capability",
                      data);
    return METHOD_DONE;
}

struct json_value mcp_call_answer(struct ask *a)
{
    if (!a->answer)
        return (struct json_value){0};
    if (!a->doc.text && json_parse(&a->doc, a->answer, a->len, 0, NULL) != 0)
        return (struct json_value){0};
    return json_root(&a->doc);
}

struct json_value mcp_ask(struct mcp_call *c, const char *key, const char *method,
                          const char *params)
{
    for (int i = 0; i < c->ask_count; i++)
        if (strcmp(c->asks[i].key, key) == 0) {
            c->asks[i].method = method;
            c->asks[i].params = arena_str(&c->arena, params);
            return mcp_call_answer(&c->asks[i]);
        }
    if (c->ask_count < ASKS_MAX) {
        struct ask *a = &c->asks[c->ask_count++];
        memset(a, 0, sizeof *a);
        json_init(&a->doc);
        snprintf(a->key, sizeof a->key, "%s", key);
        a->method = method;
        a->params = arena_str(&c->arena, params);
    }
    return (struct json_value){0};
}

static bool keep_answer(struct ask *a, struct json_value v)
{
    size_t len;
    const char *raw = json_raw(v, &len);
    a->answer = malloc(len + 1);
    if (!a->answer)
        return false;
    memcpy(a->answer, raw, len);
    a->answer[len] = '\0';
    a->len = len;
    return true;
}

/* Over the state, and what it was kept for. */
static void mac(const struct mcp_call *c, const char *state, unsigned char out[MAC_BYTES])
{
    const struct raum_env *env = c->session->o.env;
    unsigned char both[2 * MAC_BYTES];
    struct json_value name = json_get(c->message.params, "name");
    size_t len;
    const char *raw = json_raw(name, &len);
    env->hash(env->ctx, both, MAC_BYTES, state, strlen(state), c->session->o.key);
    env->hash(env->ctx, both + MAC_BYTES, MAC_BYTES, raw ? raw : c->message.method,
              raw ? len : strlen(c->message.method), c->session->o.key);
    env->hash(env->ctx, out, MAC_BYTES, both, sizeof both, c->session->o.key);
}

static bool read_state(struct mcp_call *c, const char *text)
{
    unsigned char said[MAC_BYTES], is[MAC_BYTES], differ = 0;
    struct buf plain;
    size_t len = strlen(text), head = BASE64_LEN(MAC_BYTES);
    buf_init(&plain, STATE_MAX);
    bool good = len > head && text[head] == '.' && base64_read(said, MAC_BYTES, text, head) &&
                base64_get(&plain, text + head + 1, len - head - 1);
    if (good) {
        c->state = arena_str(&c->arena, buf_text(&plain));
        good = c->state && strlen(c->state) == plain.len;
    }
    buf_release(&plain);
    if (!good)
        return false;
    mac(c, c->state, is);
    for (size_t i = 0; i < MAC_BYTES; i++)
        differ |= said[i] ^ is[i];
    return differ == 0;
}

bool mcp_call_inputs(struct mcp_call *c)
{
    struct json_value all = json_get(c->message.params, "inputResponses"),
                      state = json_get(c->message.params, "requestState");
    const char *text = json_str(state, &c->arena);
    if ((state.doc && !text) || (text && !read_state(c, text)))
        return refuse(c, MCP_INVALID_PARAMS, "Invalid params: requestState is not ours", NULL);
    for (struct json_value v = json_first(all); v.doc && c->ask_count < ASKS_MAX;
         v = json_next(all, v)) {
        const char *key = json_str(json_key(v), &c->arena);
        struct ask *a = &c->asks[c->ask_count];
        if (!key || strlen(key) >= sizeof a->key || !json_is(v, JSON_OBJECT))
            continue;
        memset(a, 0, sizeof *a);
        json_init(&a->doc);
        snprintf(a->key, sizeof a->key, "%s", key);
        if (!keep_answer(a, v))
            break;
        c->ask_count++;
    }
    return true;
}

const char *mcp_state(const struct mcp_call *c)
{
    return c->state;
}

void mcp_keep(struct mcp_call *c, const char *state)
{
    c->keep = arena_str(&c->arena, state);
}

static void put_kept(struct mcp_call *c)
{
    unsigned char sum[MAC_BYTES];
    struct buf text;
    buf_init(&text, 2 * STATE_MAX);
    mac(c, c->keep, sum);
    base64_put(&text, sum, sizeof sum);
    buf_char(&text, '.');
    base64_put(&text, c->keep, strlen(c->keep));
    json_put_key(&c->w, "requestState");
    json_put_str(&c->w, buf_text(&text));
    buf_release(&text);
}

/* The call ends here; the client calls again with the answers. */
static void want(struct mcp_call *c)
{
    mcp_call_result(c);
    json_put_key(&c->w, "resultType");
    json_put_str(&c->w, "input_required");
    json_put_key(&c->w, "inputRequests");
    json_open_object(&c->w);
    for (int i = 0; i < c->ask_count; i++) {
        const struct ask *a = &c->asks[i];
        if (a->answer || !a->method || !a->params)
            continue;
        json_put_key(&c->w, a->key);
        json_open_object(&c->w);
        json_put_key(&c->w, "method");
        json_put_str(&c->w, a->method);
        json_put_key(&c->w, "params");
        json_put_raw(&c->w, a->params, strlen(a->params));
        json_close_object(&c->w);
    }
    json_close_object(&c->w);
    if (c->keep)
        put_kept(c);
}

/* Under the lock: the ids must be known before an answer can come. */
static void name_asks(struct mcp_call *c)
{
    for (int i = 0; i < c->ask_count; i++)
        if (!c->asks[i].sent && !c->asks[i].answer)
            snprintf(c->asks[i].id, sizeof c->asks[i].id, "\"raum-%llu\"",
                     (unsigned long long)++c->session->asked);
}

static void send_ask(struct mcp_call *c, struct ask *a)
{
    struct buf out;
    buf_init(&out, MCP_MESSAGE_MAX);
    buf_printf(&out, "{\"jsonrpc\":\"2.0\",\"id\":%s,\"method\":\"%s\",\"params\":", a->id,
               a->method);
    buf_str(&out, a->params);
    buf_char(&out, '}');
    a->sent = true;
    if (buf_error(&out, NULL) == 0)
        c->sink.send(c->sink.ctx, MCP_INTERIM, 200, buf_text(&out), out.len);
    buf_release(&out);
}

bool mcp_call_needs(struct mcp_call *c)
{
    if (!(c->method->flags & METHOD_INPUT))
        return false;
    if (c->stateless) {
        want(c);
        return true;
    }
    mcp_lock(c->session);
    name_asks(c);
    mcp_unlock(c->session);
    for (int i = 0; i < c->ask_count; i++)
        if (!c->asks[i].sent && !c->asks[i].answer && c->asks[i].method && c->asks[i].params)
            send_ask(c, &c->asks[i]);
    return true;
}
