/* The protocol itself, against the fixtures: what the conformance suite does not ask. */
#include "base/check.h"

#include "tools/client.h"
#include "tools/mcp/fixtures.h"

static struct client client;
static struct mcp_fixtures fixtures;
static struct mcp_host host;
static struct client *listener; /* who is told of changes */

static void changed(void *arg, enum mcp_change what)
{
    (void)arg;
    if (listener)
        mcp_changed(listener->mcp, what, NULL, NULL);
}

static int set_up(void **state)
{
    (void)state;
    fixtures = (struct mcp_fixtures){changed, NULL};
    host = mcp_fixtures_host(&fixtures);
    listener = NULL;
    client_open(&client, &host);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    client_close(&client);
    return 0;
}

#define SEND(json) client_send(&client, json, NULL)
#define IS(path, text) assert_string_equal(client_at(&client, path), text)
#define CALL(id, name)                                                                             \
    "{\"jsonrpc\":\"2.0\",\"id\":" #id ",\"method\":\"tools/call\",\"params\":{\"name\":\"" name   \
    "\"}}"

static void test_no_json_rpc(void **state)
{
    static const char *const bad[] = {
        "",
        "{",
        "1",
        "[]",
        "null",
        "\"x\"",
        "{\"id\":1,\"method\":\"ping\"}",
        "{\"jsonrpc\":\"1.0\",\"id\":1,\"method\":\"ping\"}",
        "{\"jsonrpc\":\"2.0\",\"id\":1}",
        "{\"jsonrpc\":\"2.0\",\"id\":[1],\"method\":\"ping\"}",
        "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":3}",
        "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\",\"params\":[]}",
        "[{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\"}]"};
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        SEND(bad[i]);
        IS("error.code", "-32700");
        IS("id", "null");
        assert_int_equal(client.statuses[0], 400);
        assert_int_equal(client.done, 1);
    }
}

static void test_order(void **state)
{
    (void)state;
    SEND("{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\"}");
    IS("result", "{}");
    SEND("{\"jsonrpc\":\"2.0\",\"id\":\"a\",\"method\":\"tools/list\"}");
    IS("error.code", "-32600");
    IS("id", "a");
    client_begin(&client, "{}");
    SEND("{\"jsonrpc\":\"2.0\",\"id\":2,\"method\":\"tools/list\"}");
    IS("result.tools.0.name", "test_simple_text");
    SEND("{\"jsonrpc\":\"2.0\",\"id\":2,\"method\":\"initialize\",\"params\":{"
         "\"protocolVersion\":\"2025-11-25\",\"capabilities\":{}}}");
    IS("error.code", "-32600");
    assert_int_equal(client.statuses[0], 400);
    SEND("{\"jsonrpc\":\"2.0\",\"id\":2,\"method\":\"server/discover\"}");
    IS("error.code", "-32601");
}

static void test_versions(void **state)
{
    static const struct {
        const char *asked, *answered;
    } versions[] = {{"2024-11-05", "2024-11-05"},
                    {"2025-06-18", "2025-06-18"},
                    {"2026-07-28", "2025-11-25"},
                    {"1999-01-01", "2025-11-25"}};
    char text[400];
    (void)state;
    for (size_t i = 0; i < sizeof versions / sizeof *versions; i++) {
        client_close(&client);
        client_open(&client, &host);
        snprintf(text, sizeof text,
                 "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"initialize\",\"params\":{"
                 "\"protocolVersion\":\"%s\",\"capabilities\":{}}}",
                 versions[i].asked);
        SEND(text);
        IS("result.protocolVersion", versions[i].answered);
    }
    SEND("{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"initialize\",\"params\":{}}");
    IS("error.code", "-32602");
}

static void test_invalid_params(void **state)
{
    (void)state;
    client_begin(&client, "{}");
    SEND(CALL(1, "nope"));
    IS("error.code", "-32602");
    IS("error.message", "Unknown tool: nope");
    SEND("{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/call\",\"params\":{}}");
    IS("error.code", "-32602");
    SEND("{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/call\",\"params\":{"
         "\"name\":\"test_simple_text\",\"arguments\":[]}}");
    IS("error.code", "-32602");
    SEND("{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"resources/read\",\"params\":{"
         "\"uri\":\"test://no\"}}");
    IS("error.code", "-32602");
    IS("error.data.uri", "test://no");
    SEND("{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/list\",\"params\":{\"cursor\":\"x\"}}");
    IS("error.code", "-32602");
    SEND("{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/list\",\"params\":{\"cursor\":7}}");
    IS("error.code", "-32602");
    SEND("{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"logging/setLevel\",\"params\":{"
         "\"level\":\"loud\"}}");
    IS("error.code", "-32602");
    SEND("{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"what/ever\"}");
    IS("error.code", "-32601");
}

static void test_levels(void **state)
{
    (void)state;
    client_begin(&client, "{}");
    SEND(CALL(1, "test_tool_with_logging"));
    assert_int_equal(client.count, 4);
    SEND("{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"logging/setLevel\",\"params\":{"
         "\"level\":\"warning\"}}");
    IS("result", "{}");
    SEND(CALL(2, "test_tool_with_logging"));
    assert_int_equal(client.count, 1);
}

static void test_progress(void **state)
{
    (void)state;
    client_begin(&client, "{}");
    SEND(CALL(1, "test_tool_with_progress"));
    assert_int_equal(client.count, 1); /* nobody asked for it */
    SEND("{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/call\",\"params\":{"
         "\"name\":\"test_tool_with_progress\",\"_meta\":{\"progressToken\":\"t\"}}}");
    assert_int_equal(client.count, 4);
    assert_non_null(strstr(client.messages[0], "\"progressToken\":\"t\",\"progress\":0"));
    assert_int_equal(client.kinds[0], MCP_INTERIM);
    assert_int_equal(client.kinds[3], MCP_ANSWER);
}

/* The client gives up while the tool reports its progress: no answer comes. */
static void give_up(struct client *c, const char *json)
{
    static const char cancel[] = "{\"jsonrpc\":\"2.0\",\"method\":\"notifications/cancelled\","
                                 "\"params\":{\"requestId\":9}}";
    if (!strstr(json, "\"progress\":50"))
        return;
    c->heard = NULL;
    mcp_receive(c->mcp, c->host, NULL, cancel, strlen(cancel), &c->sink);
}

static void test_cancel(void **state)
{
    (void)state;
    client_begin(&client, "{}");
    client.heard = give_up;
    SEND("{\"jsonrpc\":\"2.0\",\"id\":9,\"method\":\"tools/call\",\"params\":{"
         "\"name\":\"test_tool_with_progress\",\"_meta\":{\"progressToken\":1}}}");
    assert_int_equal(client.count, 2); /* 0 and 50 */
    assert_int_equal(client.done, 2);  /* the call and the notification */
    assert_true(mcp_idle(client.mcp));
    SEND("{\"jsonrpc\":\"2.0\",\"method\":\"notifications/cancelled\","
         "\"params\":{\"requestId\":\"9\"}}");
    assert_int_equal(client.count, 0);
}

/* Two calls wait for the client at once; each gets its own answer, in whichever order. */
static void test_asking(void **state)
{
    char first[64], second[64], text[256];
    (void)state;
    client_begin(&client, "{\"elicitation\":{}}");
    SEND(CALL(1, "test_elicitation"));
    IS("method", "elicitation/create");
    snprintf(first, sizeof first, "%s", client_at(&client, "id"));
    assert_int_equal(client.done, 0);
    SEND(CALL(2, "test_elicitation"));
    snprintf(second, sizeof second, "%s", client_at(&client, "id"));
    assert_string_not_equal(first, second);
    snprintf(text, sizeof text,
             "{\"jsonrpc\":\"2.0\",\"id\":\"%s\",\"result\":{\"action\":\"decline\"}}", second);
    SEND(text);
    IS("id", "2");
    IS("result.content.0.text", "decline");
    assert_int_equal(client.done, 2);
    SEND(text); /* once more: nobody waits for it */
    assert_int_equal(client.count, 0);
    SEND("{\"jsonrpc\":\"2.0\",\"method\":\"notifications/cancelled\",\"params\":{"
         "\"requestId\":1}}");
    assert_int_equal(client.done, 2);
    assert_true(mcp_idle(client.mcp));
    SEND(CALL(3, "test_sampling")); /* never promised by this client */
    IS("error.code", "-32600");
}

/* What still waits when the session ends is let go, without a word. */
static void test_end(void **state)
{
    (void)state;
    client_begin(&client, "{\"elicitation\":{}}");
    SEND(CALL(1, "test_elicitation"));
    assert_false(mcp_idle(client.mcp));
    mcp_end(client.mcp);
    assert_true(mcp_idle(client.mcp));
    assert_int_equal(client.count, 1);
    assert_int_equal(client.done, 1);
}

static void test_crowd(void **state)
{
    char text[200];
    (void)state;
    client_begin(&client, "{\"elicitation\":{}}");
    for (int i = 0; i < MCP_CALLS_MAX; i++) {
        snprintf(text, sizeof text, CALL(0, "test_elicitation"));
        SEND(text);
        IS("method", "elicitation/create");
    }
    SEND(CALL(99, "test_simple_text"));
    IS("error.code", "-32000");
}

static void side_take(void *ctx, enum mcp_sent what, int status, const char *json, size_t len)
{
    (void)what;
    (void)status;
    snprintf(ctx, 256, "%.*s", (int)len, json);
}

static void test_subscriptions(void **state)
{
    char heard[256] = "";
    const struct mcp_sink side = {heard, side_take, NULL};
    (void)state;
    mcp_changed(client.mcp, MCP_RESOURCES_CHANGED, NULL, &side);
    assert_string_equal(heard, ""); /* nobody is there yet */
    client_begin(&client, "{}");
    mcp_changed(client.mcp, MCP_RESOURCE, "test://watched-resource", &side);
    assert_string_equal(heard, "");
    SEND("{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"resources/subscribe\",\"params\":{"
         "\"uri\":\"other://x\"}}");
    IS("error.code", "-32602");
    SEND("{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"resources/subscribe\",\"params\":{"
         "\"uri\":\"test://watched-resource\"}}");
    IS("result", "{}");
    mcp_changed(client.mcp, MCP_RESOURCE, "test://static-text", &side);
    assert_string_equal(heard, "");
    mcp_changed(client.mcp, MCP_RESOURCE, "test://watched-resource", &side);
    assert_non_null(strstr(heard, "notifications/resources/updated"));
    heard[0] = '\0';
    SEND("{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"resources/unsubscribe\",\"params\":{"
         "\"uri\":\"test://watched-resource\"}}");
    mcp_changed(client.mcp, MCP_RESOURCE, "test://watched-resource", &side);
    assert_string_equal(heard, "");
    mcp_changed(client.mcp, MCP_TOOLS_CHANGED, NULL, &side);
    assert_non_null(strstr(heard, "notifications/tools/list_changed"));
}

#define META                                                                                       \
    "\"_meta\":{\"io.modelcontextprotocol/protocolVersion\":\"2026-07-28\","                       \
    "\"io.modelcontextprotocol/clientCapabilities\":{\"elicitation\":{}}}"

/* The later revision: no session, and the headers say what the body says. */
static void test_stateless(void **state)
{
    static const char list[] =
        "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/list\",\"params\":{" META "}}";
    struct mcp_headers h = {"2026-07-28", " tools/list ", NULL};
    (void)state;
    client_send(&client, list, &h);
    IS("result.resultType", "complete");
    IS("result.cacheScope", "private");
    h.method = "tools/call";
    client_send(&client, list, &h);
    IS("error.code", "-32020");
    IS("id", "1");
    assert_int_equal(client.statuses[0], 400);
    h.method = NULL;
    client_send(&client, list, &h);
    IS("error.code", "-32020");
    client_send(&client, list, NULL); /* without headers there is nothing to compare */
    IS("result.resultType", "complete");
    SEND("{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\",\"params\":{" META "}}");
    IS("error.code", "-32601");
    assert_int_equal(client.statuses[0], 404);
}

/* What it asked is kept with the client, sealed; another call cannot be given it. */
static void test_state(void **state)
{
    char kept[300], text[1200];
    static const char again[] =
        "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/call\",\"params\":{\"name\":\"%s\","
        "\"inputResponses\":{\"confirm\":{\"action\":\"accept\",\"content\":{\"ok\":true}}},"
        "\"requestState\":\"%s%s\"," META "}}";
    (void)state;
    SEND("{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/call\",\"params\":{"
         "\"name\":\"test_input_required_result_request_state\"," META "}}");
    IS("result.resultType", "input_required");
    IS("result.inputRequests.confirm.method", "elicitation/create");
    snprintf(kept, sizeof kept, "%s", client_at(&client, "result.requestState"));
    snprintf(text, sizeof text, again, "test_input_required_result_request_state", kept, "");
    SEND(text);
    IS("result.content.0.text", "state-ok");
    snprintf(text, sizeof text, again, "test_input_required_result_request_state", kept, "A");
    SEND(text);
    IS("error.code", "-32602");
    snprintf(text, sizeof text, again, "test_input_required_result_tampered_state", kept, "");
    SEND(text);
    IS("error.code", "-32602");
}

static void test_listening(void **state)
{
    struct client other;
    (void)state;
    listener = &client;
    client_open(&other, &host);
    SEND("{\"jsonrpc\":\"2.0\",\"id\":7,\"method\":\"subscriptions/listen\",\"params\":{"
         "\"notifications\":{\"toolsListChanged\":true}," META "}}");
    IS("method", "notifications/subscriptions/acknowledged");
    assert_int_equal(client.done, 0);
    assert_true(mcp_subscribed(client.mcp));
    client_begin(&other, "{}");
    client_send(&other, CALL(1, "test_trigger_prompt_change"), NULL);
    assert_int_equal(client.count, 1); /* not asked for */
    client_send(&other, CALL(1, "test_trigger_tool_change"), NULL);
    assert_int_equal(client.count, 2);
    IS("method", "notifications/tools/list_changed");
    client_close(&other);
    mcp_end(client.mcp);
    assert_int_equal(client.done, 1);
    listener = NULL;
}

/* A whole message is at most so long; ids and names are bounded, too. */
static void test_sizes(void **state)
{
    char *text = malloc(MCP_MESSAGE_MAX + 2);
    (void)state;
    client_begin(&client, "{}");
    memset(text, ' ', MCP_MESSAGE_MAX + 1);
    text[MCP_MESSAGE_MAX + 1] = '\0';
    SEND(text);
    IS("error.code", "-32700");
    int len = snprintf(text, 100, "{\"jsonrpc\":\"2.0\",\"id\":\"");
    memset(text + len, 'a', 300);
    snprintf(text + len + 300, 100, "\",\"method\":\"ping\"}");
    SEND(text);
    IS("error.code", "-32700");
    free(text);
}

#define T(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(test_no_json_rpc), T(test_order),     T(test_versions),      T(test_invalid_params),
        T(test_levels),      T(test_progress),  T(test_cancel),        T(test_asking),
        T(test_end),         T(test_crowd),     T(test_subscriptions), T(test_stateless),
        T(test_state),       T(test_listening), T(test_sizes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
