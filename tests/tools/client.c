#include "tools/client.h"

#include "base/check.h"

static void take(void *ctx, enum mcp_sent what, int status, const char *json, size_t len)
{
    struct client *c = ctx;
    assert_true(c->count < CLIENT_MESSAGES);
    assert_null(memchr(json, '\n', len));
    c->messages[c->count] = strndup(json, len);
    c->statuses[c->count] = status;
    c->kinds[c->count++] = what;
    if (c->heard)
        c->heard(c, json);
}

static void done(void *ctx)
{
    struct client *c = ctx;
    c->done++;
}

static void forget(struct client *c)
{
    while (c->count)
        free(c->messages[--c->count]);
    c->done = 0;
}

void client_open(struct client *c, const struct mcp_host *host)
{
    const struct mcp_options o = {.env = raum_env_native(), .key = {1, 2, 3}};
    memset(c, 0, sizeof *c);
    c->host = host;
    c->sink = (struct mcp_sink){c, take, done};
    json_init(&c->doc);
    assert_int_equal(mcp_new(&c->mcp, &o, NULL), 0);
}

void client_close(struct client *c)
{
    mcp_free(c->mcp);
    forget(c);
    json_release(&c->doc);
}

void client_send(struct client *c, const char *json, const struct mcp_headers *headers)
{
    forget(c);
    mcp_receive(c->mcp, c->host, headers, json, strlen(json), &c->sink);
}

void client_begin(struct client *c, const char *capabilities)
{
    char text[1024];
    snprintf(text, sizeof text,
             "{\"jsonrpc\":\"2.0\",\"id\":0,\"method\":\"initialize\",\"params\":{"
             "\"protocolVersion\":\"2025-11-25\",\"capabilities\":%s,"
             "\"clientInfo\":{\"name\":\"test\",\"version\":\"1\"}}}",
             capabilities);
    client_send(c, text, NULL);
    assert_string_equal(client_at(c, "result.protocolVersion"), "2025-11-25");
    client_send(c, "{\"jsonrpc\":\"2.0\",\"method\":\"notifications/initialized\"}", NULL);
    assert_int_equal(c->count, 0);
    assert_int_equal(c->done, 1);
}

struct json_value client_last(struct client *c)
{
    assert_true(c->count > 0);
    const char *text = c->messages[c->count - 1];
    assert_int_equal(json_parse(&c->doc, text, strlen(text), 0, NULL), 0);
    return json_root(&c->doc);
}

static struct json_value item(struct json_value list, const char *number)
{
    struct json_value v = json_first(list);
    for (long i = strtol(number, NULL, 10); i > 0 && v.doc; i--)
        v = json_next(list, v);
    return v;
}

const char *client_at(struct client *c, const char *path)
{
    static char text[65536];
    struct arena a;
    struct json_value v = client_last(c);
    char part[64];
    while (*path && v.doc) {
        size_t len = strcspn(path, ".");
        snprintf(part, sizeof part, "%.*s", (int)len, path);
        v = json_is(v, JSON_ARRAY) ? item(v, part) : json_get(v, part);
        path += len + (path[len] == '.');
    }
    size_t len = 0;
    const char *raw = json_raw(v, &len);
    arena_init(&a, 1 << 20);
    const char *plain = json_str(v, &a);
    if (plain)
        snprintf(text, sizeof text, "%s", plain);
    else
        snprintf(text, sizeof text, "%.*s", (int)len, raw ? raw : "");
    arena_release(&a);
    return text;
}
