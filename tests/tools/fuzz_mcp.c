/* Any bytes as messages, a line each, to a session that has begun: every request gets one answer or
 * waits, every answer is one JSON-RPC message, every sink is done in the end. */
#include "base/json.h"
#include "tools/mcp/fixtures.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

struct count {
    int begun, done, answers;
};

static void need(bool truth)
{
    if (!truth)
        abort();
}

static void take(void *ctx, enum mcp_sent what, int status, const char *json, size_t len)
{
    struct count *c = ctx;
    struct json_doc doc;
    if (what == MCP_BREAK)
        return;
    c->answers += what == MCP_ANSWER;
    need(status == 200 || status == 400 || status == 404);
    json_init(&doc);
    need(json_parse(&doc, json, len, 0, NULL) == 0);
    need(json_equals(json_get(json_root(&doc), "jsonrpc"), "2.0"));
    json_release(&doc);
}

static void done(void *ctx)
{
    struct count *c = ctx;
    c->done++;
}

static void changed(void *arg, enum mcp_change what)
{
    mcp_changed(*(struct mcp **)arg, what, NULL, NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct mcp *mcp = NULL;
    struct mcp_fixtures f = {changed, &mcp};
    const struct mcp_host host = mcp_fixtures_host(&f);
    const struct mcp_options o = {.env = raum_env_native()};
    struct count c = {0};
    const struct mcp_sink sink = {&c, take, done};
    static const struct mcp_headers headers = {"2026-07-28", "tools/call", "test_simple_text"};
    const char *text = (const char *)data;
    need(mcp_new(&mcp, &o, NULL) == 0);
    for (int line = 0; len; line++) {
        const char *end = memchr(text, '\n', len);
        size_t part = end ? (size_t)(end - text) : len;
        mcp_look(text, part, line % 2 ? "2026-07-28" : NULL);
        mcp_receive(mcp, &host, line % 5 == 4 ? &headers : NULL, text, part, &sink);
        c.begun++;
        need(c.answers <= c.begun && c.done <= c.begun);
        text += part + (end != NULL);
        len -= part + (end != NULL);
    }
    mcp_end(mcp);
    need(c.done == c.begun);
    mcp_free(mcp);
    return 0;
}
