/* The real tools on a replica: what they take and give, what they refuse, and that nothing but the
 * one space is there (G-A1, G-A5, G-T6, G-P1). */
#include "modules/pool.h"
#include "modules/wardrobe/garments.h"
#include "tools/client.h"
#include "tools/host.h"
#include "tools/json_schema.h"

static struct place place;
static struct raum_handle *family;
static struct tools_host host;
static struct mcp_host served;
static struct tool_media media;
static struct tool_grant grant;
static struct client client;
static char logged[256];
static int changes;
static char changed_uri[256];

static void keep_log(void *ctx, const struct tool_logged *e)
{
    (void)ctx;
    snprintf(logged, sizeof logged, "%s %s %s %zu", e->actor, e->tool, e->outcome,
             strlen(e->digest));
}

static void changed(void *arg, enum mcp_change what, const char *uri)
{
    (void)arg;
    changes++;
    if (what == MCP_RESOURCE)
        snprintf(changed_uri, sizeof changed_uri, "%s", uri);
}

/* An agent in the personal space of Lena; the family's space lies in the same file. */
static int set_up(void **state)
{
    (void)state;
    place_open(&place, "lena");
    kit_join(place.raum, "family-1", SPACE_FAMILY, ROLE_OWNER);
    family = kit_scope(place.raum, "family-1");
    OK(raum_handle_agent(place.home, "stylist", &error));
    memset(&host, 0, sizeof host);
    media = (struct tool_media){&place.pictures, tool_media_pictures};
    grant = tool_grant_person;
    host.base = (struct tool_call){.scope = place.home,
                                   .env = &place.world.env,
                                   .actor = "stylist",
                                   .run = "run-1",
                                   .media = &media};
    OK(tool_rates_new(&host.gate.rates, &error));
    host.gate.grant = &grant;
    host.gate.log = keep_log;
    host.changed = changed;
    served = tools_host_mcp(&host);
    client_open(&client, &served);
    client_begin(&client, "{}");
    changes = 0;
    logged[0] = changed_uri[0] = '\0';
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    client_close(&client);
    tools_host_release(&host);
    tool_rates_free(host.gate.rates);
    raum_handle_free(family);
    place_close(&place);
    return 0;
}

static void ask(const char *method, const char *params)
{
    char text[8192];
    snprintf(text, sizeof text, "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"%s\",\"params\":%s}",
             method, params);
    client_send(&client, text, NULL);
}

static void call(const char *tool, const char *args)
{
    char text[8192];
    snprintf(text, sizeof text, "{\"name\":\"%s\",\"arguments\":%s}", tool, args);
    ask("tools/call", text);
}

#define IS(path, text) assert_string_equal(client_at(&client, path), text)
#define GOOD(tool, args)                                                                           \
    do {                                                                                           \
        call(tool, args);                                                                          \
        if (strcmp(client_at(&client, "result.isError"), "true") == 0 ||                           \
            !*client_at(&client, "result.structuredContent"))                                      \
            fail_msg("%s %s: %s", tool, args, client.messages[client.count - 1]);                  \
    } while (0)
#define BAD(tool, args, begin)                                                                     \
    do {                                                                                           \
        call(tool, args);                                                                          \
        IS("result.isError", "true");                                                              \
        if (strncmp(client_at(&client, "result.content.0.text"), begin, strlen(begin)) != 0)       \
            fail_msg("%s %s: %s", tool, args, client.messages[client.count - 1]);                  \
    } while (0)

/* A garment with one photograph; its id. */
static void add_garment(struct raum_handle *h, const char *name, const char *tag,
                        char id[RAUM_ID_MAX])
{
    const struct garment_fields fields = {
        .name = name, .category = "top", .tags = &tag, .tag_count = tag ? 1 : -1};
    struct media_item item;
    size_t len;
    void *data = place_file("gps.jpg", &len);
    OK(pictures_prepare(&place.pictures, data, len, &item, &error));
    OK(garments_add(h, &place.pictures, &fields, &item, 1, id, &error));
    free(data);
    place.world.now_ms += 1000;
}

static void test_descriptors(void **state)
{
    struct json_doc doc;
    int count = 0;
    (void)state;
    json_init(&doc);
    for (const struct tool *t = tools_all; t->name; t++, count++) {
        assert_true(strlen(t->title) > 0 && strlen(t->description) > 20);
        assert_true(strspn(t->name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.") ==
                    strlen(t->name));
        for (int i = 0; i < 2; i++) {
            const char *schema = i ? t->output : t->input;
            OK(json_parse(&doc, schema, strlen(schema), 0, &error));
            OK(json_schema_known(json_root(&doc), &error));
            assert_true(json_equals(json_get(json_root(&doc), "type"), "object"));
        }
        assert_true(!t->table || schema_table(t->table));
    }
    json_release(&doc);
    assert_int_equal(count, 15);
}

/* G-A5: what is not granted neither runs nor is it shown. */
static void test_grants(void **state)
{
    static const char *const names[] = {"todo.delete"};
    const struct tool *read = tools_find("todo.list"), *write = tools_find("todo.create"),
                      *delete = tools_find("todo.delete");
    struct tool admin = *read;
    (void)state;
    admin.scope = TOOL_ADMIN;
    assert_true(tools_granted(read, NULL));
    assert_false(tools_granted(write, NULL));
    assert_false(tools_granted(delete, &tool_grant_person));
    assert_true(tools_granted(write, &tool_grant_person));
    struct tool_grant g = {.names = names, .count = 1};
    assert_true(tools_granted(delete, &g));
    assert_false(tools_granted(write, &g));
    g.read_only = true;
    assert_false(tools_granted(delete, &g));
    assert_false(tools_granted(&admin, &g));
    assert_false(tools_granted(&admin, &tool_grant_person));

    GOOD("todo.create", "{\"title\":\"Fotos\"}");
    char args[300];
    snprintf(args, sizeof args, "{\"id\":\"%s\"}",
             client_at(&client, "result.structuredContent.id"));
    BAD("todo.delete", args, "NOT_ALLOWED");
    assert_string_equal(logged, "stylist todo.delete NOT_ALLOWED 32");
    assert_int_equal(kit_int(place.home, "SELECT count(*) FROM tasks"), 1);
    ask("tools/list", "{}");
    assert_null(strstr(client.messages[0], "todo.delete"));
    grant.names = names;
    grant.count = 1;
    ask("tools/list", "{}");
    assert_non_null(strstr(client.messages[0], "todo.delete"));
    GOOD("todo.delete", args);
    assert_string_equal(logged, "stylist todo.delete ok 32");
    BAD("todo.delete", args, "NOT_FOUND");
    grant = (struct tool_grant){.read_only = true, .all_writes = true};
    BAD("todo.create", "{\"title\":\"x\"}", "NOT_ALLOWED");
    assert_int_equal(kit_int(place.home, "SELECT count(*) FROM tasks"), 0);
}

static void test_rate(void **state)
{
    (void)state;
    for (int i = 0; i < TOOL_RATE; i++)
        GOOD("tags.list", "{}");
    BAD("tags.list", "{}", "RATE_LIMITED");
    assert_string_equal(logged, "stylist tags.list RATE_LIMITED 32");
    GOOD("todo.list", "{}"); /* another tool has its own */
    place.world.now_ms += TOOL_RATE_MS - 1;
    BAD("tags.list", "{}", "RATE_LIMITED");
    place.world.now_ms += 1;
    GOOD("tags.list", "{}");
    place.world.now_ms -= 3600 * 1000; /* a clock set right locks nobody out */
    GOOD("tags.list", "{}");
}

static void test_arguments(void **state)
{
    (void)state;
    BAD("todo.create", "{}", "USAGE: title is missing");
    BAD("todo.create", "{\"title\":\"\"}", "USAGE: title: characters are too few");
    BAD("todo.create", "{\"title\":\"x\",\"spaceId\":\"family-1\"}", "USAGE: spaceId is not known");
    BAD("todo.create", "{\"title\":\"x\",\"dueDate\":\"tomorrow\"}", "USAGE");
    BAD("todo.create", "{\"title\":\"x\",\"tags\":[\"nope\"]}", "NOT_FOUND");
    BAD("todo.list", "{\"limit\":201}", "USAGE: limit: must be at most 200");
    BAD("todo.list", "{\"cursor\":\"x\"}", "USAGE: cursor");
    BAD("todo.list", "{\"cursor\":\"1\"}", "USAGE: cursor");
    BAD("wardrobe.listGarments", "{\"category\":\"hats\"}", "USAGE: category: must be one of");
    BAD("me.generateWithReference", "{\"prompt\":\"x\",\"referenceMediaIds\":[]}", "USAGE");
    ask("tools/call", "{\"name\":\"todo.nope\"}");
    IS("error.code", "-32602");
    assert_string_equal(logged, "stylist me.generateWithReference USAGE 32");
    assert_int_equal(kit_int(place.home, "SELECT count(*) FROM tasks"), 0);
}

/* One statement serves a page: each task has its own tags, in their order, or none. */
static void test_tags_of_tasks(void **state)
{
    (void)state;
    GOOD("tags.create", "{\"name\":\"A \\u0022\"}");
    GOOD("tags.create", "{\"name\":\"B\"}");
    GOOD("todo.create", "{\"title\":\"t1\",\"tags\":[\"B\",\"A \\u0022\"]}");
    place.world.now_ms += 1000;
    GOOD("todo.create", "{\"title\":\"t2\"}");
    place.world.now_ms += 1000;
    GOOD("todo.create", "{\"title\":\"t3\",\"tags\":[\"B\"]}");
    place.world.now_ms += 1000;
    GOOD("todo.create", "{\"title\":\"t4\"}");
    GOOD("todo.list", "{\"limit\":3}");
    IS("result.structuredContent.tasks.0.tags", "[]");
    IS("result.structuredContent.tasks.1.title", "t3");
    IS("result.structuredContent.tasks.1.tags", "[\"B\"]");
    IS("result.structuredContent.tasks.2.tags", "[]");
    GOOD("todo.list", "{}");
    IS("result.structuredContent.tasks.1.tags", "[\"B\"]");
    IS("result.structuredContent.tasks.3.title", "t1");
    IS("result.structuredContent.tasks.3.tags", "[\"A \\\"\",\"B\"]");
}

#define NEVER "01a00000-0000-7000-8000-000000000000"

/* The answer, but for the id that was asked for. */
static void without(const char *text, const char *id, char *out, size_t size)
{
    const char *at = strstr(text, id);
    size_t head = at ? (size_t)(at - text) : strlen(text);
    snprintf(out, size, "%.*s%s", (int)head, text, at ? at + strlen(id) : "");
}

/* G-A1: ids of another space are as those that never were, word for word. */
static void test_other_space(void **state)
{
    char theirs[RAUM_ID_MAX], mine[RAUM_ID_MAX], task[RAUM_ID_MAX], args[600], never[600];
    char first[2048], second[2048];
    static const char *const shapes[][2] = {
        {"todo.complete", "{\"id\":\"%s\"}"},
        {"wardrobe.createOutfit", "{\"name\":\"x\",\"garmentIds\":[\"%s\"]}"},
        {"wardrobe.tryOn", "{\"outfitId\":\"%s\"}"},
        {"me.generateWithReference", "{\"prompt\":\"x\",\"referenceMediaIds\":[\"%s\"]}"},
        {"wardrobe.addGarment", "{\"name\":\"x\",\"category\":\"top\",\"mediaIds\":[\"%s\"]}"},
    };
    (void)state;
    add_garment(family, "Theirs", NULL, theirs);
    add_garment(place.home, "Mine", NULL, mine);
    OK(kit_insert(family, "tasks", "{\"title\":\"secret\"}", task));
    const char *const ids[] = {task, theirs, theirs,
                               kit_rows(family, "SELECT m.value FROM wardrobeGarments g, "
                                                "json_each(g.mediaIds) m"),
                               kit_rows(family, "SELECT m.value FROM wardrobeGarments g, "
                                                "json_each(g.mediaIds) m")};
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        char id[RAUM_ID_MAX];
        snprintf(id, sizeof id, "%.*s", (int)strcspn(ids[i], "\n"), ids[i]);
        snprintf(args, sizeof args, shapes[i][1], id);
        snprintf(never, sizeof never, shapes[i][1], NEVER);
        BAD(shapes[i][0], args, "NOT_FOUND");
        without(client.messages[0], id, first, sizeof first);
        BAD(shapes[i][0], never, "NOT_FOUND");
        without(client.messages[0], NEVER, second, sizeof second);
        assert_string_equal(first, second);
    }
    GOOD("wardrobe.listGarments", "{}");
    assert_null(strstr(client.messages[0], "Theirs"));
    assert_non_null(strstr(client.messages[0], "Mine"));
    GOOD("todo.list", "{\"all\":true}");
    assert_null(strstr(client.messages[0], "secret"));
    assert_int_equal(kit_int(family, "SELECT isCompleted FROM tasks"), 0);
}

/* Pages: every row once, also when the row that a cursor names has gone meanwhile. */
static void test_pages(void **state)
{
    char cursor[300], args[400], title[64];
    int seen = 0;
    (void)state;
    for (int i = 0; i < 7; i++) {
        char id[RAUM_ID_MAX];
        snprintf(title, sizeof title, "{\"title\":\"t%d\"}", i);
        OK(kit_insert(place.home, "tasks", title, id));
        place.world.now_ms += 1000;
    }
    GOOD("todo.list", "{\"limit\":3}");
    IS("result.structuredContent.tasks.0.title", "t6");
    IS("result.structuredContent.tasks.2.title", "t4");
    snprintf(cursor, sizeof cursor, "%s",
             client_at(&client, "result.structuredContent.nextCursor"));
    snprintf(args, sizeof args, "{\"limit\":3,\"cursor\":\"%s\"}", cursor);
    GOOD("todo.list", args);
    IS("result.structuredContent.tasks.0.title", "t3");
    snprintf(title, sizeof title, "%s", strchr(cursor, ':') + 1);
    OK(raum_delete(place.home, "tasks", title, &error));
    GOOD("todo.list", args);
    IS("result.structuredContent.tasks.0.title", "t3");
    GOOD("todo.list", "{\"limit\":200}");
    IS("result.structuredContent.nextCursor", "");
    for (const char *at = client.messages[0]; (at = strstr(at, "\\\"title\\\"")); at++)
        seen++;
    assert_int_equal(seen, 6);
}

/* G-P1: without the person's word there is no picture: not in a list, not by its id, not as bytes,
 * not as the cover of a garment. */
static void test_consent(void **state)
{
    char id[RAUM_ID_MAX], uri[400], args[600], shown[RAUM_ID_MAX];
    (void)state;
    OK(place_add(&place, place.home, "gps.jpg", NULL, id));
    snprintf(shown, sizeof shown, "%s", place_media(place.home, id));
    GOOD("me.listReferenceImages", "{\"thumbnails\":true}");
    IS("result.structuredContent.images", "[]");
    assert_non_null(strstr(client_at(&client, "result.structuredContent.note"), "released"));
    snprintf(uri, sizeof uri, "{\"uri\":\"raum://image/%s\"}", id);
    ask("resources/read", uri);
    IS("error.code", "-32602");
    snprintf(args, sizeof args, "{\"prompt\":\"x\",\"referenceMediaIds\":[\"%s\"]}", shown);
    BAD("me.generateWithReference", args, "CONSENT_REQUIRED");
    snprintf(args, sizeof args, "{\"name\":\"x\",\"category\":\"top\",\"mediaIds\":[\"%s\"]}",
             shown);
    GOOD("wardrobe.addGarment", args);
    GOOD("wardrobe.listGarments", "{\"thumbnails\":true}");
    assert_null(strstr(client.messages[0], "\"type\":\"image\""));

    raum_handle_free(place.home);
    place.home = kit_scope(place.raum, NULL);
    OK(me_images_consent(place.home, id, true, &error));
    OK(raum_handle_agent(place.home, "stylist", &error));
    host.base.scope = place.home;
    GOOD("me.listReferenceImages", "{}");
    IS("result.structuredContent.images.0.id", id);
    IS("result.content.1.type", "resource_link");
    ask("resources/read", uri);
    IS("result.contents.0.mimeType", "application/json");
    snprintf(args, sizeof args, "{\"prompt\":\"x\",\"referenceMediaIds\":[\"%s\"]}", shown);
    BAD("me.generateWithReference", args, "NOT_CONFIGURED");
}

static int generate(void *ctx, struct tool_call *c, const struct tool_generation *wish,
                    struct json_writer *out, struct raum_error *e)
{
    static const char good[] = "{\"images\":[{\"mediaId\":\"m\"}]}", odd[] = "{\"images\":[{}]}";
    (void)e;
    tool_progress(c, 1, 2, "half");
    assert_string_equal(wish->references[0], *(const char **)ctx ? *(const char **)ctx : "");
    json_put_raw(out, wish->count == 4 ? odd : good, strlen(wish->count == 4 ? odd : good));
    return 0;
}

/* What the port gives is checked against the schema, too. */
static void test_generator(void **state)
{
    char id[RAUM_ID_MAX], shown[RAUM_ID_MAX], args[600];
    const char *expected = shown;
    const struct tool_generator port = {&expected, generate, generate};
    (void)state;
    add_garment(place.home, "Hat", NULL, id);
    snprintf(
        shown, sizeof shown, "%s",
        kit_rows(place.home, "SELECT m.value FROM wardrobeGarments g, json_each(g.mediaIds) m"));
    shown[strcspn(shown, "\n")] = '\0';
    host.base.generator = &port;
    snprintf(args, sizeof args, "{\"prompt\":\"x\",\"referenceMediaIds\":[\"%s\"]}", shown);
    GOOD("me.generateWithReference", args);
    IS("result.structuredContent.images.0.mediaId", "m");
    snprintf(args, sizeof args, "{\"prompt\":\"x\",\"n\":4,\"referenceMediaIds\":[\"%s\"]}", shown);
    BAD("me.generateWithReference", args, "INTERNAL");
}

/* Writes through tools are the agent's, on behalf of the account (G-A4). */
static void test_outfits(void **state)
{
    char a[RAUM_ID_MAX], b[RAUM_ID_MAX], args[800], uri[300];
    (void)state;
    add_garment(place.home, "Coat", "Rain", a);
    add_garment(place.home, "Boots", NULL, b);
    GOOD("wardrobe.listGarments", "{\"tags\":[\"rain\"]}");
    IS("result.structuredContent.garments.0.name", "Coat");
    IS("result.structuredContent.garments.1", "");
    GOOD("wardrobe.listGarments", "{\"tags\":[\"rain\",\"sun\"]}");
    IS("result.structuredContent.garments", "[]");
    snprintf(args, sizeof args,
             "{\"name\":\"Rainy day\",\"garmentIds\":[\"%s\",\"%s\"],\"occasion\":\"casual\","
             "\"season\":[\"autumn\"],\"tags\":[\"wet\"]}",
             a, b);
    GOOD("wardrobe.createOutfit", args);
    IS("result.structuredContent.outfit.garments.0.name", "Coat");
    snprintf(uri, sizeof uri, "%s", client_at(&client, "result.content.1.uri"));
    assert_int_equal(strncmp(uri, "raum://outfit/", 14), 0);
    GOOD("wardrobe.listOutfits", "{\"occasion\":\"casual\"}");
    IS("result.structuredContent.outfits.0.name", "Rainy day");
    GOOD("wardrobe.listOutfits", "{\"favoriteOnly\":true}");
    IS("result.structuredContent.outfits", "[]");
    snprintf(args, sizeof args, "{\"uri\":\"%s\"}", uri);
    ask("resources/read", args);
    assert_non_null(strstr(client_at(&client, "result.contents.0.text"), "Rainy day"));
    ask("resources/subscribe", args);
    IS("result", "{}");
    OK(raum_poll(place.raum, &error));
    assert_int_equal(changes, 0);
    OK(kit_update(place.home, "wardrobeOutfits", uri + 14, "{\"name\":\"Wet day\"}"));
    OK(raum_poll(place.raum, &error));
    assert_string_equal(changed_uri, uri);
    OK(raum_delete(place.home, "wardrobeOutfits", uri + 14, &error));
    OK(raum_poll(place.raum, &error));
    assert_true(changes >= 3); /* the row, and the list */
    ask("resources/read", args);
    IS("error.code", "-32602");
    assert_int_equal(kit_raw(place.raum, "SELECT count(*) FROM actors WHERE agent = 'stylist'"), 1);
}

static void test_resources(void **state)
{
    static const char *const odd[] = {"raum://image/",      "raum://outfit/x/thumb",
                                      "raum://image/x/y",   "raum://image/x/thumb/",
                                      "file:///etc/passwd", "",
                                      "raum://nothing/x"};
    char args[600], id[RAUM_ID_MAX], json[200];
    int count = 0;
    (void)state;
    for (int i = 0; i < 120; i++) {
        snprintf(json, sizeof json, "{\"mediaId\":\"m%d\",\"prompt\":\"p\"}", i);
        OK(kit_insert(place.home, "images", json, id));
        place.world.now_ms += 10;
    }
    snprintf(args, sizeof args, "{}");
    for (int page = 0; *args && page < 5; page++) {
        ask("resources/list", args);
        for (const char *at = client.messages[0]; (at = strstr(at, "raum://picture/")); at++)
            count++;
        const char *next = client_at(&client, "result.nextCursor");
        if (*next)
            snprintf(args, sizeof args, "{\"cursor\":\"%s\"}", next);
        else
            *args = '\0';
    }
    assert_int_equal(count, 120);
    for (size_t i = 0; i < sizeof odd / sizeof *odd; i++) {
        snprintf(args, sizeof args, "{\"uri\":\"%s\"}", odd[i]);
        ask("resources/read", args);
        IS("error.code", "-32602");
    }
    ask("resources/list", "{\"cursor\":\"z\"}");
    IS("error.code", "-32602");
    ask("resources/templates/list", "{}");
    IS("result.resourceTemplates.0.uriTemplate", "raum://image/{id}");
}

static void test_prompts(void **state)
{
    char id[RAUM_ID_MAX];
    (void)state;
    OK(kit_insert(place.home, "tags", "{\"name\":\"Sommer\"}", id));
    ask("prompts/list", "{}");
    IS("result.prompts.0.name", "stylist");
    ask("prompts/get", "{\"name\":\"stylist\",\"arguments\":{\"occasion\":\"date\"}}");
    assert_non_null(
        strstr(client_at(&client, "result.messages.0.content.text"), "\noccasion: date"));
    ask("prompts/get", "{\"name\":\"packing\"}");
    IS("error.code", "-32602");
    ask("prompts/get", "{\"name\":\"nope\"}");
    IS("error.code", "-32602");
    ask("completion/complete", "{\"ref\":{\"type\":\"ref/prompt\",\"name\":\"stylist\"},"
                               "\"argument\":{\"name\":\"tag\",\"value\":\"so\"}}");
    IS("result.completion.values.0", "Sommer");
    ask("completion/complete", "{\"ref\":{\"type\":\"ref/prompt\",\"name\":\"stylist\"},"
                               "\"argument\":{\"name\":\"season\",\"value\":\"s\"}}");
    IS("result.completion.total", "2");
    ask("completion/complete", "{\"ref\":{\"type\":\"ref/resource\",\"uri\":\"raum://image/{id}/"
                               "{variant}\"},\"argument\":{\"name\":\"variant\",\"value\":\"\"}}");
    IS("result.completion.total", "3");
}

static void test_space(void **state)
{
    (void)state;
    GOOD("spaces.current", "{}");
    IS("result.structuredContent.type", "personal");
    IS("result.structuredContent.onBehalfOf", "lena");
    GOOD("tags.create", "{\"name\":\"A\",\"group\":\"G\"}");
    BAD("tags.create", "{\"name\":\"a\",\"group\":\"H\"}", "EXISTS");
    assert_int_equal(kit_int(place.home, "SELECT count(*) FROM tagGroups"), 1);
    GOOD("tags.list", "{}");
    IS("result.structuredContent.tags.0.name", "A");
    GOOD("scenes.list", "{}");
    OK(raum_scope_set(place.home, NULL, &error));
    BAD("tags.list", "{}", "SCOPE_NOT_READY");
}

#define T(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(test_descriptors),   T(test_grants),      T(test_rate),      T(test_arguments),
        T(test_tags_of_tasks), T(test_other_space), T(test_pages),     T(test_consent),
        T(test_generator),     T(test_outfits),     T(test_resources), T(test_prompts),
        T(test_space),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
