/* Pictures that hosted agents have made, with the built-in collage, true pictures and the true
 * worker, on both databases: nobody waits for the replica meanwhile; who says no is not in them
 * (G-P1); who is ended has neither answer nor picture (G-A3); the rows name the agent and go with
 * its run (G-A4). */
#include "server/gallery.h"

#include "agent/host.h"
#include "cli/serve_agents.h"
#include "server/agents/desk.h"

#include <pthread.h>
#include <stdatomic.h>
#include <time.h>

#define OK(call) KIT_OK(&g.desk.kit, call)
#define E (&g.desk.kit.error)
#define WISH "{\"prompt\":\"p\",\"referenceMediaIds\":[\"face\",\"shirt\"]}"

static struct agent_desk *port;
static struct agent_host *host;
static struct agent_port agent_port;
static struct tool_media media;
static struct arena arena;
static char token[64], agent_id[64];
static atomic_bool hold;
static atomic_int held; /* at a reference, until hold is off */

static void pause_ms(int ms)
{
    nanosleep(&(struct timespec){.tv_nsec = ms * 1000000L}, NULL);
}

static void wait_here(void)
{
    atomic_fetch_add(&held, 1);
    while (atomic_load(&hold))
        pause_ms(2);
    atomic_fetch_sub(&held, 1);
}

static void news(void *arg, const char *account)
{
    (void)arg;
    agent_host_news(host, account);
}

static void make_agent(void)
{
    struct reply r;
    desk_ask(&g.desk, "POST", "/api/v1/agents", g.anna,
             "{\"name\":\"Stylist\",\"spaceId\":\"fam\"}", &r);
    assert_int_equal(r.status, 200);
    snprintf(token, sizeof token, "%s", desk_text(&r, "token"));
    snprintf(agent_id, sizeof agent_id, "%s", desk_text(&r, "agent.id"));
    desk_done(&r);
}

static int set_up(void **state)
{
    char root[512];
    gallery_set_up(state);
    arena_init(&arena, 64u << 20);
    OK(agent_desk_new(&port, g.desk.server, E));
    serve_agents_port(&agent_port, port);
    serve_agents_media(&media, port);
    snprintf(root, sizeof root, "%s/agents", g.desk.kit.folder);
    const struct agent_host_options options = {.env = raum_env_native(),
                                               .port = &agent_port,
                                               .root = root,
                                               .media = &media,
                                               .unlimited = true};
    OK(agent_host_new(&host, &options, E));
    agent_desk_on_news(port, news, NULL);
    assert_int_equal(put_as(g.anna, "fam", "face", "me", "gps.jpg"), 204);
    row(g.anna, "insert", "i1", "fam", "mediaId=\"face\";kind=\"face\";usage.aiReference=true");
    assert_int_equal(put_as(g.bert, "fam", "shirt", "wardrobe", "gps.png"), 204);
    assert_string_equal(pushed(g.bert, "insert", "wardrobeGarments", "g1", "fam",
                               "category=\"top\";mediaIds=[\"shirt\"]"),
                        "applied");
    make_agent();
    atomic_store(&hold, false);
    g.meanwhile = wait_here;
    return 0;
}

static int tear_down(void **state)
{
    agent_desk_on_news(port, NULL, NULL);
    agent_host_free(host);
    agent_desk_free(port);
    arena_release(&arena);
    return gallery_tear_down(state);
}

/* A call with the token; by any thread. */
struct asking {
    const char *tool, *args;
    pthread_t thread;
    int result;
    char text[4096];
};

static void *ask(void *arg)
{
    struct asking *x = arg;
    struct raum_error error = {0};
    struct agent_grant grant;
    struct json_doc doc;
    struct buf json, more;
    struct arena a;
    arena_init(&a, 1 << 20);
    json_init(&doc);
    buf_init(&json, 16u << 20);
    buf_init(&more, 16u << 20);
    x->result = agent_desk_token(port, token, &a, &grant, &error);
    if (x->result == 0)
        x->result = json_parse(&doc, x->args, strlen(x->args), 0, &error);
    if (x->result == 0) {
        const struct agent_who who = serve_agents_who(&grant);
        x->result =
            agent_host_tool(host, &who, x->tool, json_root(&doc), NULL, &json, &more, &error);
    }
    snprintf(x->text, sizeof x->text, "%s", x->result ? error.text : buf_text(&json));
    buf_release(&json);
    buf_release(&more);
    json_release(&doc);
    arena_release(&a);
    return NULL;
}

static struct asking call(const char *tool, const char *args)
{
    struct asking x = {.tool = tool, .args = args};
    ask(&x);
    return x;
}

static void begin(struct asking *x, const char *tool, const char *args)
{
    *x = (struct asking){.tool = tool, .args = args};
    assert_int_equal(pthread_create(&x->thread, NULL, ask, x), 0);
}

static void until_held(void)
{
    for (int i = 0; i < 5000 && atomic_load(&held) == 0; i++)
        pause_ms(2);
    assert_int_equal(atomic_load(&held), 1);
}

static int64_t pictures(void)
{
    return count_of("SELECT count(*) AS n FROM media WHERE purpose = 'picture'");
}

static int64_t charged(void)
{
    return count_of("SELECT CAST(coalesce(sum(made), 0) AS BIGINT) AS n FROM generations");
}

static void test_nobody_waits(void **state)
{
    struct asking one, two;
    (void)state;
    assert_int_equal(call("todo.list", "{}").result, 0); /* it is awake */
    atomic_store(&hold, true);
    begin(&one, "me.generateWithReference", WISH);
    until_held();
    struct asking other = call("todo.create", "{\"title\":\"Brot\"}");
    if (other.result)
        fail_msg("%s", other.text);
    begin(&two, "me.generateWithReference", WISH);
    for (int i = 0; i < 2000 && count_of("SELECT count(*) AS n FROM generations") < 2; i++)
        pause_ms(2);
    assert_int_equal(call("me.generateWithReference", WISH).result, RAUM_EBUSY);
    atomic_store(&hold, false);
    pthread_join(one.thread, NULL);
    pthread_join(two.thread, NULL);
    if (one.result || two.result)
        fail_msg("%s %s", one.text, two.text);
    assert_non_null(strstr(one.text, "\"model\":\"collage\""));
    assert_int_equal(pictures(), 2);
    assert_int_equal(charged(), 2);
    assert_non_null(strstr(call("todo.list", "{}").text, "Brot"));
}

/* In the middle of it: nothing was delivered, so nothing is charged or there. */
static void test_ended_A3(void **state)
{
    struct asking x;
    char path[128];
    (void)state;
    atomic_store(&hold, true);
    begin(&x, "me.generateWithReference", WISH);
    until_held();
    snprintf(path, sizeof path, "/api/v1/agents/%s", agent_id);
    DESK_IS(&g.desk, 200, "DELETE", path, g.anna, NULL);
    pause_ms(200); /* the news */
    atomic_store(&hold, false);
    pthread_join(x.thread, NULL);
    assert_int_equal(x.result, RAUM_ENOT_ALLOWED);
    assert_int_equal(pictures(), 0);
    assert_int_equal(charged(), 0);
    assert_int_equal(call("me.generateWithReference", WISH).result, RAUM_ENOT_ALLOWED);
}

/* Switched off by the person's other device: before a call, and while one is at it. */
static void test_consent_P1(void **state)
{
    struct asking x;
    (void)state;
    assert_int_equal(call("me.generateWithReference", WISH).result, 0);
    atomic_store(&hold, true);
    begin(&x, "me.generateWithReference", WISH);
    until_held();
    row(g.anna, "update", "i1", "fam", "usage.aiReference=false");
    atomic_store(&hold, false);
    pthread_join(x.thread, NULL);
    assert_int_equal(x.result, RAUM_ECONSENT_REQUIRED);
    assert_int_equal(call("me.generateWithReference", WISH).result, RAUM_ECONSENT_REQUIRED);
    assert_int_equal(pictures(), 1);
    assert_int_equal(charged(), 1);
}

/* Each row is in the log of its call, and names the agent; taken back it is deleted. */
static void test_undone_A4(void **state)
{
    struct reply r;
    char body[200];
    (void)state;
    struct asking x = call("me.generateWithReference", WISH);
    assert_int_equal(x.result, 0);
    desk_ask(&g.desk, "POST", "/api/v1/sync?space=fam", g.anna,
             "{\"clientId\":\"tablet\",\"changes\":[]}", &r);
    const char *rows = arena_str(&arena, buf_text(&r.body));
    desk_done(&r);
    const char *image = strstr(rows, "\"table\":\"images\"");
    assert_non_null(image);
    assert_non_null(strstr(image, agent_id));
    assert_non_null(strstr(image, "\"prompt\":{\"value\":\"p\"")); /* a family's is not sealed */
    desk_ask(&g.desk, "GET", "/api/v1/spaces/fam/log", g.bert, NULL, &r);
    assert_non_null(strstr(buf_text(&r.body), "\"changes\":2")); /* the row, and its prompt */
    assert_non_null(strstr(buf_text(&r.body), "\"agentName\":\"Stylist\""));
    const char *run = strstr(buf_text(&r.body), "\"run\":\"");
    assert_non_null(run);
    snprintf(body, sizeof body, "{\"run\":\"%.36s\"}", run + 7);
    desk_done(&r);
    desk_ask(&g.desk, "POST", "/api/v1/agents/undo", g.anna, body, &r);
    assert_int_equal(r.status, 200);
    assert_non_null(strstr(buf_text(&r.body), "\"table\":\"images\""));
    assert_non_null(strstr(buf_text(&r.body), "\"deleted\":true"));
    desk_done(&r);
}

#undef T
#define T(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

static int run_all(void)
{
    const struct CMUnitTest tests[] = {T(test_nobody_waits), T(test_ended_A3), T(test_consent_P1),
                                       T(test_undone_A4)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

int main(int argc, char **argv)
{
    return gallery_main(argc, argv, run_all);
}
