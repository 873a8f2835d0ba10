#include "tools/mcp/fixtures.h"
#include <string.h>

#define PNG                                                                                        \
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8BQDwAEhQGAhKmMIQAAAABJRU5ErkJg" \
    "gg=="
#define WAV "UklGRiYAAABXQVZFZm10IBAAAAABAAEAQB8AAAB9AAACABAAZGF0YQIAAAAAAA=="
#define TEXT_ITEM "{\"type\":\"text\",\"text\":\"This is a simple text response for testing.\"}"
#define IMAGE_ITEM "{\"type\":\"image\",\"data\":\"" PNG "\",\"mimeType\":\"image/png\"}"
#define AUDIO_ITEM "{\"type\":\"audio\",\"data\":\"" WAV "\",\"mimeType\":\"audio/wav\"}"
#define RESOURCE_ITEM                                                                              \
    "{\"type\":\"resource\",\"resource\":{\"uri\":\"test://embedded-resource\","                   \
    "\"mimeType\":\"text/plain\",\"text\":\"This is an embedded resource content.\"}}"
#define NO_ARGUMENTS "{\"type\":\"object\",\"properties\":{}}"
#define ONE_TEXT(name)                                                                             \
    "{\"type\":\"object\",\"properties\":{\"" name "\":{\"type\":\"string\"}},"                    \
    "\"required\":[\"" name "\"]}"

struct turn {
    struct mcp_fixtures *f;
    struct mcp_call *call;
    struct json_value args;
    struct json_writer *out;
};
struct fixture {
    const char *name;
    const char *input;
    const char *content; /* what it always answers; NULL: as run says */
    int (*run)(struct turn *t);
};

static void put(struct json_writer *w, const char *key, const char *json)
{
    json_put_key(w, key);
    json_put_raw(w, json, strlen(json));
}

static int say(struct turn *t, const char *text)
{
    json_put_key(t->out, "content");
    json_open_array(t->out);
    json_open_object(t->out);
    put(t->out, "type", "\"text\"");
    json_put_key(t->out, "text");
    json_put_str(t->out, text);
    json_close_object(t->out);
    json_close_array(t->out);
    return 0;
}

static const char *text_of(struct turn *t, struct json_value v)
{
    const char *text = json_str(v, mcp_arena(t->call));
    return text ? text : "";
}

static int fails(struct turn *t)
{
    mcp_tool_fail(t->out, "This tool intentionally returns an error for testing");
    return 0;
}

static int logs(struct turn *t)
{
    mcp_log(t->call, MCP_INFO, "fixtures", "\"Tool execution started\"");
    mcp_log(t->call, MCP_INFO, "fixtures", "\"Tool processing data\"");
    mcp_log(t->call, MCP_INFO, "fixtures", "\"Tool execution completed\"");
    return say(t, "Logged.");
}

static int progresses(struct turn *t)
{
    mcp_progress(t->call, 0, 100, NULL);
    mcp_progress(t->call, 50, 100, NULL);
    mcp_progress(t->call, 100, 100, NULL);
    return say(t, "Done.");
}

/* Asks once; `answered` says that there is an answer. */
static int ask(struct turn *t, const char *capability, const char *key, const char *method,
               const char *params, struct json_value *answer)
{
    if (!mcp_can(t->call, capability))
        return mcp_lacks(t->call, capability);
    *answer = mcp_ask(t->call, key, method, params);
    return answer->doc && json_count(*answer) ? 0 : MCP_NEEDS_INPUT;
}

static int sampling(struct turn *t, const char *key, const char *prompt)
{
    struct buf params;
    struct json_writer w;
    struct json_value answer;
    buf_init(&params, 1 << 16);
    json_begin(&w, &params);
    json_open_object(&w);
    json_put_key(&w, "messages");
    json_open_array(&w);
    json_open_object(&w);
    put(&w, "role", "\"user\"");
    json_put_key(&w, "content");
    json_open_object(&w);
    put(&w, "type", "\"text\"");
    json_put_key(&w, "text");
    json_put_str(&w, prompt);
    json_close_object(&w);
    json_close_object(&w);
    json_close_array(&w);
    put(&w, "maxTokens", "100");
    json_close_object(&w);
    int rc = ask(t, "sampling", key, "sampling/createMessage", buf_text(&params), &answer);
    buf_release(&params);
    return rc ? rc : say(t, text_of(t, json_get(json_get(answer, "content"), "text")));
}

static int samples(struct turn *t)
{
    return sampling(t, "sample", text_of(t, json_get(t->args, "prompt")));
}

static int asks_capital(struct turn *t)
{
    return sampling(t, "capital_question", "What is the capital of France?");
}

static int form(struct turn *t, const char *key, const char *params)
{
    struct json_value answer;
    int rc = ask(t, "elicitation", key, "elicitation/create", params, &answer);
    if (rc)
        return rc;
    if (mcp_is_stateless(t->call) && !json_get(answer, "action").doc)
        return MCP_NEEDS_INPUT;
    return say(t, text_of(t, json_get(answer, "action")));
}

#define FORM(message, properties, required)                                                        \
    "{\"mode\":\"form\",\"message\":\"" message                                                    \
    "\",\"requestedSchema\":{\"type\":\"object\",\"properties\":{" properties                      \
    "},\"required\":[" required "]}}"
#define STRING_FIELD(name) "\"" name "\":{\"type\":\"string\"}"

static int elicits(struct turn *t)
{
    return form(t, "user",
                FORM("Please provide your information",
                     STRING_FIELD("username") "," STRING_FIELD("email"), "\"username\",\"email\""));
}

static int elicits_defaults(struct turn *t)
{
    return form(
        t, "defaults",
        FORM("Please review and update the form fields with defaults",
             "\"name\":{\"type\":\"string\",\"default\":\"John Doe\"},"
             "\"age\":{\"type\":\"integer\",\"default\":30},"
             "\"score\":{\"type\":\"number\",\"default\":95.5},"
             "\"status\":{\"type\":\"string\",\"enum\":[\"active\",\"inactive\",\"pending\"],"
             "\"default\":\"active\"},"
             "\"verified\":{\"type\":\"boolean\",\"default\":true}",
             ""));
}

#define OPTIONS                                                                                    \
    "[{\"const\":\"value1\",\"title\":\"First\"},{\"const\":\"value2\",\"title\":\"Second\"}]"

static int elicits_enums(struct turn *t)
{
    return form(t, "enums",
                FORM("Please choose",
                     "\"untitledSingle\":{\"type\":\"string\",\"enum\":[\"option1\",\"option2\"]},"
                     "\"titledSingle\":{\"type\":\"string\",\"oneOf\":" OPTIONS "},"
                     "\"legacyEnum\":{\"type\":\"string\",\"enum\":[\"opt1\",\"opt2\"],"
                     "\"enumNames\":[\"One\",\"Two\"]},"
                     "\"untitledMulti\":{\"type\":\"array\",\"items\":{\"type\":\"string\","
                     "\"enum\":[\"option1\",\"option2\"]}},"
                     "\"titledMulti\":{\"type\":\"array\",\"items\":{\"anyOf\":" OPTIONS "}}",
                     ""));
}

static int needs_name(struct turn *t)
{
    return form(t, "user_name", FORM("What is your name?", STRING_FIELD("name"), "\"name\""));
}

static int lists_roots(struct turn *t)
{
    struct json_value answer;
    int rc = ask(t, "roots", "client_roots", "roots/list", "{}", &answer);
    return rc ? rc : say(t, "Got the roots.");
}

#define CONFIRM FORM("Please confirm", "\"ok\":{\"type\":\"boolean\"}", "\"ok\"")

static int keeps_state(struct turn *t)
{
    struct json_value answer;
    mcp_keep(t->call, "confirming");
    int rc = ask(t, "elicitation", "confirm", "elicitation/create", CONFIRM, &answer);
    if (rc)
        return rc;
    return mcp_state(t->call) ? say(t, "state-ok") : MCP_NEEDS_INPUT;
}

static int asks_much(struct turn *t)
{
    struct json_value a, b, c;
    mcp_keep(t->call, "many");
    a = mcp_ask(t->call, "user_name", "elicitation/create",
                FORM("What is your name?", STRING_FIELD("name"), "\"name\""));
    b = mcp_ask(t->call, "greeting", "sampling/createMessage",
                "{\"messages\":[{\"role\":\"user\",\"content\":{\"type\":\"text\",\"text\":"
                "\"Greet\"}}],\"maxTokens\":50}");
    c = mcp_ask(t->call, "client_roots", "roots/list", "{}");
    return a.doc && b.doc && c.doc ? say(t, "Got all three.") : MCP_NEEDS_INPUT;
}

/* Two questions, one after the other; what the first one said is kept in the state. */
static int asks_twice(struct turn *t)
{
    struct json_value answer;
    const char *state = mcp_state(t->call);
    bool second = state && strcmp(state, "round-2") == 0;
    mcp_keep(t->call, second ? "round-2" : "round-1");
    int rc = second ? 0
                    : ask(t, "elicitation", "step1", "elicitation/create",
                          FORM("Step 1", STRING_FIELD("name"), "\"name\""), &answer);
    if (rc)
        return rc;
    mcp_keep(t->call, "round-2");
    rc = ask(t, "elicitation", "step2", "elicitation/create",
             FORM("Step 2", STRING_FIELD("color"), "\"color\""), &answer);
    return rc ? rc : say(t, "Both steps are done.");
}

static int asks_what_it_can(struct turn *t)
{
    if (mcp_can(t->call, "sampling"))
        return asks_capital(t);
    return mcp_can(t->call, "elicitation") ? needs_name(t) : say(t, "Nothing to ask with.");
}

static int needs_sampling(struct turn *t)
{
    return mcp_can(t->call, "sampling") ? say(t, "There it is.") : mcp_lacks(t->call, "sampling");
}

static int streams(struct turn *t)
{
    mcp_progress(t->call, 1, 2, NULL);
    return needs_name(t);
}

static int changes_tools(struct turn *t)
{
    t->f->changed(t->f->arg, MCP_TOOLS_CHANGED);
    return say(t, "The list of tools changed.");
}

static int changes_prompts(struct turn *t)
{
    t->f->changed(t->f->arg, MCP_PROMPTS_CHANGED);
    return say(t, "The list of prompts changed.");
}

static int reconnects(struct turn *t)
{
    mcp_break(t->call);
    return say(t, "Came back.");
}

static const struct fixture tools[] = {
    {"test_simple_text", NO_ARGUMENTS, "[" TEXT_ITEM "]", NULL},
    {"test_image_content", NO_ARGUMENTS, "[" IMAGE_ITEM "]", NULL},
    {"test_audio_content", NO_ARGUMENTS, "[" AUDIO_ITEM "]", NULL},
    {"test_embedded_resource", NO_ARGUMENTS, "[" RESOURCE_ITEM "]", NULL},
    {"test_multiple_content_types", NO_ARGUMENTS,
     "[" TEXT_ITEM "," IMAGE_ITEM "," RESOURCE_ITEM "]", NULL},
    {"test_error_handling", NO_ARGUMENTS, NULL, fails},
    {"test_tool_with_logging", NO_ARGUMENTS, NULL, logs},
    {"test_tool_with_progress", NO_ARGUMENTS, NULL, progresses},
    {"test_sampling", ONE_TEXT("prompt"), NULL, samples},
    {"test_elicitation", ONE_TEXT("message"), NULL, elicits},
    {"test_elicitation_sep1034_defaults", NO_ARGUMENTS, NULL, elicits_defaults},
    {"test_elicitation_sep1330_enums", NO_ARGUMENTS, NULL, elicits_enums},
    {"test_reconnection", NO_ARGUMENTS, NULL, reconnects},
    {"json_schema_2020_12_tool",
     "{\"$schema\":\"https://json-schema.org/draft/2020-12/schema\",\"type\":\"object\","
     "\"$defs\":{\"address\":{\"$anchor\":\"addressDef\",\"type\":\"object\",\"properties\":{"
     "\"street\":{\"type\":\"string\"},\"city\":{\"type\":\"string\"}}}},\"properties\":{"
     "\"name\":{\"type\":\"string\"},\"address\":{\"$ref\":\"#/$defs/address\"},"
     "\"contactMethod\":{\"type\":\"string\",\"enum\":[\"phone\",\"email\"]},"
     "\"phone\":{\"type\":\"string\"},\"email\":{\"type\":\"string\"}},"
     "\"allOf\":[{\"anyOf\":[{\"required\":[\"phone\"]},{\"required\":[\"email\"]}]}],"
     "\"if\":{\"properties\":{\"contactMethod\":{\"const\":\"phone\"}},"
     "\"required\":[\"contactMethod\"]},\"then\":{\"required\":[\"phone\"]},"
     "\"else\":{\"required\":[\"email\"]},\"additionalProperties\":false}",
     "[" TEXT_ITEM "]", NULL},
    {"test_input_required_result_elicitation", NO_ARGUMENTS, NULL, needs_name},
    {"test_input_required_result_sampling", NO_ARGUMENTS, NULL, asks_capital},
    {"test_input_required_result_list_roots", NO_ARGUMENTS, NULL, lists_roots},
    {"test_input_required_result_request_state", NO_ARGUMENTS, NULL, keeps_state},
    {"test_input_required_result_tampered_state", NO_ARGUMENTS, NULL, keeps_state},
    {"test_input_required_result_multiple_inputs", NO_ARGUMENTS, NULL, asks_much},
    {"test_input_required_result_multi_round", NO_ARGUMENTS, NULL, asks_twice},
    {"test_input_required_result_capabilities", NO_ARGUMENTS, NULL, asks_what_it_can},
    {"test_missing_capability", NO_ARGUMENTS, NULL, needs_sampling},
    {"test_streaming_elicitation", NO_ARGUMENTS, NULL, streams},
    {"test_logging_tool", NO_ARGUMENTS, NULL, logs},
    {"test_trigger_tool_change", NO_ARGUMENTS, NULL, changes_tools},
    {"test_trigger_prompt_change", NO_ARGUMENTS, NULL, changes_prompts},
    {0},
};

static const char resources[] =
    "{\"uri\":\"test://static-text\",\"name\":\"Static text\",\"mimeType\":\"text/plain\"},"
    "{\"uri\":\"test://static-binary\",\"name\":\"Static binary\",\"mimeType\":\"image/png\"},"
    "{\"uri\":\"test://watched-resource\",\"name\":\"Watched\",\"mimeType\":\"text/plain\"}";
static const char templates[] = "{\"uriTemplate\":\"test://template/{id}/data\","
                                "\"name\":\"Template\",\"mimeType\":\"application/json\"}";
static const char prompts[] =
    "{\"name\":\"test_simple_prompt\",\"description\":\"Without arguments\"},"
    "{\"name\":\"test_prompt_with_arguments\",\"description\":\"With two\",\"arguments\":["
    "{\"name\":\"arg1\",\"description\":\"First\",\"required\":true},"
    "{\"name\":\"arg2\",\"description\":\"Second\",\"required\":true}]},"
    "{\"name\":\"test_prompt_with_embedded_resource\",\"description\":\"With a resource\","
    "\"arguments\":[{\"name\":\"resourceUri\",\"description\":\"Its uri\",\"required\":true}]},"
    "{\"name\":\"test_prompt_with_image\",\"description\":\"With an image\"},"
    "{\"name\":\"test_input_required_result_prompt\",\"description\":\"Asks first\"}";

static int list(void *ctx, struct mcp_call *call, enum mcp_list what, const char *cursor,
                struct json_writer *w, char next[MCP_NAME_MAX], struct raum_error *error)
{
    (void)ctx;
    (void)call;
    (void)next;
    if (cursor)
        return err_at(error, "fixtures", RAUM_EUSAGE, "Invalid params: cursor is none of ours");
    if (what == MCP_LIST_RESOURCES)
        json_put_raw(w, resources, strlen(resources));
    if (what == MCP_LIST_TEMPLATES)
        json_put_raw(w, templates, strlen(templates));
    if (what == MCP_LIST_PROMPTS)
        json_put_raw(w, prompts, strlen(prompts));
    for (const struct fixture *f = tools; what == MCP_LIST_TOOLS && f->name; f++) {
        json_open_object(w);
        json_put_key(w, "name");
        json_put_str(w, f->name);
        put(w, "description", "\"A fixture of the conformance suite\"");
        put(w, "inputSchema", f->input);
        json_close_object(w);
    }
    return 0;
}

static int call_tool(void *ctx, struct mcp_call *call, const char *name, struct json_value args,
                     struct json_writer *w, struct raum_error *error)
{
    struct turn t = {ctx, call, args, w};
    (void)error;
    for (const struct fixture *f = tools; f->name; f++) {
        if (strcmp(f->name, name) != 0)
            continue;
        if (f->run)
            return f->run(&t);
        put(w, "content", f->content);
        return 0;
    }
    return RAUM_ENOT_FOUND;
}

static int read_one(void *ctx, struct mcp_call *call, const char *uri, struct json_writer *w,
                    struct raum_error *error)
{
    static const char head[] = "test://template/", tail[] = "/data";
    size_t len = strlen(uri), h = strlen(head), e = strlen(tail);
    bool text =
        strcmp(uri, "test://static-text") == 0 || strcmp(uri, "test://watched-resource") == 0;
    bool binary = strcmp(uri, "test://static-binary") == 0;
    bool template = len > h + e && strncmp(uri, head, h) == 0 && strcmp(uri + len - e, tail) == 0;
    (void)ctx;
    (void)call;
    (void)error;
    if (!text && !binary && !template)
        return RAUM_ENOT_FOUND;
    json_open_object(w);
    json_put_key(w, "uri");
    json_put_str(w, uri);
    put(w, "mimeType", binary ? "\"image/png\"" : "\"text/plain\"");
    json_put_key(w, binary ? "blob" : "text");
    if (template)
        json_put_text(w, uri + h, len - h - e);
    else
        json_put_str(w, binary ? PNG : "This is the content of the static text resource.");
    json_close_object(w);
    return 0;
}

static int subscribe(void *ctx, const char *uri, struct raum_error *error)
{
    (void)ctx;
    (void)error;
    return strncmp(uri, "test://", 7) == 0 ? 0 : RAUM_ENOT_FOUND;
}

static void put_message(struct json_writer *w, const char *content)
{
    json_open_object(w);
    put(w, "role", "\"user\"");
    put(w, "content", content);
    json_close_object(w);
}

static void put_text_message(struct json_writer *w, const char *text)
{
    json_open_object(w);
    put(w, "role", "\"user\"");
    json_put_key(w, "content");
    json_open_object(w);
    put(w, "type", "\"text\"");
    json_put_key(w, "text");
    json_put_str(w, text);
    json_close_object(w);
    json_close_object(w);
}

static void put_resource_message(struct json_writer *w, const char *uri)
{
    json_open_object(w);
    put(w, "role", "\"user\"");
    json_put_key(w, "content");
    json_open_object(w);
    put(w, "type", "\"resource\"");
    json_put_key(w, "resource");
    json_open_object(w);
    json_put_key(w, "uri");
    json_put_str(w, uri);
    put(w, "mimeType", "\"text/plain\"");
    put(w, "text", "\"Embedded resource content for testing.\"");
    json_close_object(w);
    json_close_object(w);
    json_close_object(w);
}

static int prompt(void *ctx, struct mcp_call *call, const char *name, struct json_value args,
                  struct json_writer *w, struct raum_error *error)
{
    struct turn t = {ctx, call, args, w};
    struct json_value answer;
    bool asks = strcmp(name, "test_input_required_result_prompt") == 0;
    (void)error;
    char *quoted = arena_printf(mcp_arena(call), "{\"name\":\"%s\",", name);
    if (!quoted || !strstr(prompts, quoted))
        return RAUM_ENOT_FOUND;
    int rc = asks ? ask(&t, "elicitation", "user_context", "elicitation/create",
                        FORM("Say more", STRING_FIELD("context"), "\"context\""), &answer)
                  : 0;
    if (rc)
        return rc;
    json_put_key(w, "messages");
    json_open_array(w);
    if (strcmp(name, "test_prompt_with_arguments") == 0) {
        put_text_message(w, text_of(&t, json_get(args, "arg1")));
        put_text_message(w, text_of(&t, json_get(args, "arg2")));
    } else if (strcmp(name, "test_prompt_with_embedded_resource") == 0) {
        put_resource_message(w, text_of(&t, json_get(args, "resourceUri")));
        put_text_message(w, "Please process the embedded resource above.");
    } else if (strcmp(name, "test_prompt_with_image") == 0) {
        put_message(w, IMAGE_ITEM);
        put_text_message(w, "Please analyze the image above.");
    } else {
        put_text_message(w, "This is a simple prompt for testing.");
    }
    json_close_array(w);
    return 0;
}

static int complete(void *ctx, struct mcp_call *call, bool is_prompt, const char *ref,
                    const char *argument, const char *value, struct json_writer *values, int *total,
                    struct raum_error *error)
{
    (void)ctx;
    (void)call;
    (void)is_prompt;
    (void)ref;
    (void)argument;
    (void)value;
    (void)values;
    (void)error;
    *total = 0;
    return 0;
}

struct mcp_host mcp_fixtures_host(struct mcp_fixtures *f)
{
    return (struct mcp_host){
        .ctx = f,
        .name = "raum-fixtures",
        .title = "Raum, conformance fixtures",
        .version = "1",
        .offers =
            MCP_TOOLS | MCP_RESOURCES | MCP_SUBSCRIBE | MCP_PROMPTS | MCP_LOGGING | MCP_COMPLETIONS,
        .list = list,
        .call_tool = call_tool,
        .read = read_one,
        .subscribe = subscribe,
        .prompt = prompt,
        .complete = complete,
    };
}
