#include "agent/home.h"

#include "base/clock.h"
#include "server/notice.h"

struct desk desk;
struct agent_desk *port;
struct agent_host *host;
struct arena arena;
struct resident anna, bert, cleo;
struct agent_host_options host_options;
int ended;
int64_t ended_at;

static struct agent_port agent_port;
static struct tool_media media;
static char root[512];

int64_t now(void)
{
    return raum_env_native()->now_ms(raum_env_native()->ctx);
}

void run(const char *sql, const char *value)
{
    OK(sql_run(desk.sql, E, sql, "s", value));
}

static const char *one_text(const char *sql, const char *value)
{
    struct sql_rows *rows;
    OK(sql_one(desk.sql, &rows, E, sql, "s", value));
    const char *out = sql_copy(rows, "t", &arena);
    sql_rows_free(rows);
    return out;
}

static void move_in(struct resident *who, const char *email)
{
    desk_sign_up(&desk, email, who->token);
    snprintf(who->id, sizeof who->id, "%s",
             one_text("SELECT id AS t FROM accounts WHERE email = ?1", email));
    snprintf(who->personal, sizeof who->personal, "%s",
             one_text("SELECT space AS t FROM personal_spaces WHERE account = ?1", who->id));
}

void join(struct resident *who, const char *space, const char *role)
{
    static int turn;
    snprintf(who->member, sizeof who->member, "member-%d", turn++);
    OK(sql_begin(desk.sql, E));
    OK(sql_run(desk.sql, E,
               "INSERT INTO members (id, space, account, role, created) VALUES (?1, ?2, ?3, ?4, "
               "?5)",
               "ssssi", who->member, space, who->id, role, now()));
    OK(notice_members(desk.sql, who->id, E));
    OK(sql_end(desk.sql, 0, E));
}

void leave(struct resident *who)
{
    OK(sql_begin(desk.sql, E));
    OK(sql_run(desk.sql, E, "DELETE FROM members WHERE account = ?1 AND space = '" FAM "'", "s",
               who->id));
    OK(notice_members(desk.sql, who->id, E));
    OK(sql_end(desk.sql, 0, E));
}

static void told(void *arg, const char *agent)
{
    (void)arg;
    (void)agent;
    ended_at = now();
    __atomic_add_fetch(&ended, 1, __ATOMIC_SEQ_CST);
}

static void news(void *arg, const char *account)
{
    (void)arg;
    agent_host_news(host, account);
}

static void start_host(void)
{
    host_options.env = raum_env_native();
    host_options.port = &agent_port;
    host_options.root = root;
    host_options.media = &media;
    host_options.ended = told;
    OK(agent_host_new(&host, &host_options, E));
    agent_desk_on_news(port, news, NULL);
}

void home_restart_host(void)
{
    agent_desk_on_news(port, NULL, NULL);
    agent_host_free(host);
    start_host();
}

int home_up(void **state)
{
    (void)state;
    ended = 0;
    desk_open(&desk);
    arena_init(&arena, 256u << 20);
    move_in(&anna, "anna@example.org");
    move_in(&bert, "bert@example.org");
    move_in(&cleo, "cleo@example.org");
    run("INSERT INTO spaces (id, name, slug, type, created) VALUES ('" FAM
        "', 'Familie', 'familie', 'family', 1), ('" CLUB "', 'Klub', ?1, 'club', 2)",
        "klub");
    join(&anna, CLUB, "owner");
    join(&cleo, CLUB, "member");
    join(&anna, FAM, "owner");
    join(&bert, FAM, "member");
    OK(agent_desk_new(&port, desk.server, E));
    serve_agents_port(&agent_port, port);
    serve_agents_media(&media, port);
    snprintf(root, sizeof root, "%s/agents", desk.kit.folder);
    host_options.unlimited = true;
    start_host();
    return 0;
}

int home_down(void **state)
{
    (void)state;
    agent_desk_on_news(port, NULL, NULL);
    agent_host_free(host);
    agent_desk_free(port);
    arena_release(&arena);
    desk_close(&desk);
    memset(&host_options, 0, sizeof host_options);
    return 0;
}

struct agent make_agent(const struct resident *who, const char *space, const char *more)
{
    struct agent out = {.session = NULL};
    struct reply r;
    char body[512];
    snprintf(body, sizeof body, "{\"name\":\"Stylist\",\"spaceId\":\"%s\"%s}", space, more);
    desk_ask(&desk, "POST", "/api/v1/agents", who->token, body, &r);
    if (r.status != 200)
        fail_msg("%d %s", r.status, buf_text(&r.body));
    snprintf(out.id, sizeof out.id, "%s", desk_text(&r, "agent.id"));
    snprintf(out.token, sizeof out.token, "%s", desk_text(&r, "token"));
    desk_done(&r);
    return out;
}

void revoke_agent(const struct resident *who, const struct agent *agent)
{
    char path[128];
    snprintf(path, sizeof path, "/api/v1/agents/%s", agent->id);
    DESK_IS(&desk, 200, "DELETE", path, who->token, NULL);
}

int call_tool(const struct agent *agent, const char *tool, const char *args, const char **out)
{
    struct raum_error error = {0};
    struct agent_grant grant;
    struct json_doc doc;
    struct buf json, more;
    int rc = agent_desk_token(port, agent->token, &arena, &grant, &error);
    if (rc < 0) {
        *out = arena_str(&arena, error.text);
        return rc;
    }
    struct agent_who who = serve_agents_who(&grant);
    who.session = agent->session;
    json_init(&doc);
    buf_init(&json, 16u << 20);
    buf_init(&more, 16u << 20);
    assert_int_equal(json_parse(&doc, args, strlen(args), 0, &error), 0);
    rc = agent_host_tool(host, &who, tool, json_root(&doc), NULL, &json, &more, &error);
    *out = arena_str(&arena, rc ? error.text : buf_text(&json));
    buf_release(&json);
    buf_release(&more);
    json_release(&doc);
    return rc;
}

const char *must(const struct agent *agent, const char *tool, const char *args)
{
    const char *out;
    int rc = call_tool(agent, tool, args, &out);
    if (rc)
        fail_msg("%s %s: %s %s", tool, args, raum_code_name(rc), out);
    return out;
}

const char *at(const char *json, const char *path)
{
    struct json_doc doc;
    json_init(&doc);
    assert_int_equal(json_parse(&doc, json, strlen(json), 0, NULL), 0);
    struct json_value v = json_root(&doc);
    while (*path) {
        char name[64];
        size_t len = strcspn(path, ".");
        snprintf(name, sizeof name, "%.*s", (int)len, path);
        v = json_get(v, name);
        path += len + (path[len] == '.');
    }
    const char *text = json_str(v, &arena);
    json_release(&doc);
    if (!text)
        fail_msg("no text at %s of %s", path, json);
    return text;
}

/* ---- by hand ---- */

static void put_fields(struct buf *b, struct json_value fields, const char *time)
{
    struct json_writer w;
    json_begin(&w, b);
    json_open_object(&w);
    for (struct json_value v = json_first(fields); v.doc; v = json_next(fields, v)) {
        json_put_key(&w, json_str(json_key(v), &arena));
        json_open_object(&w);
        json_put_key(&w, "value");
        json_put_value(&w, v);
        json_put_key(&w, "at");
        json_put_str(&w, time);
        json_close_object(&w);
    }
    json_close_object(&w);
}

void by_hand(const struct resident *who, const char *space, const char *table, const char *op,
             const char *id, const char *fields)
{
    static struct clock clock;
    bool whole = strcmp(op, "insert") == 0;
    char time[CLOCK_TEXT];
    struct json_doc doc;
    struct reply r;
    struct buf b;
    const char *all =
        arena_printf(&arena, "{%s%s%s}", whole ? "\"createdAt\":\"2026-11-25T00:00:00.000Z\"" : "",
                     whole && *fields ? "," : "", fields);
    clock_format(clock_tick(&clock, now()), time);
    json_init(&doc);
    assert_int_equal(json_parse(&doc, all, strlen(all), 0, NULL), 0);
    buf_init(&b, 1u << 20);
    buf_printf(&b,
               "{\"clientId\":\"phone\",\"changes\":[{\"table\":\"%s\",\"id\":\"%s\",\"op\":\"%s\","
               "\"spaceId\":\"%s\",\"fields\":",
               table, id, op, space);
    put_fields(&b, json_root(&doc), time);
    buf_str(&b, "}]}");
    desk_ask(&desk, "POST", "/api/v1/sync", who->token, buf_text(&b), &r);
    if (r.status != 200 || !strstr(buf_text(&r.body), "\"applied\""))
        fail_msg("%d %s", r.status, buf_text(&r.body));
    desk_done(&r);
    buf_release(&b);
    json_release(&doc);
}

const char *seen_by(const struct resident *who, const char *space)
{
    struct reply r;
    char path[128];
    snprintf(path, sizeof path, "/api/v1/sync?space=%s", space);
    desk_ask(&desk, "POST", path, who->token, "{\"clientId\":\"tablet\",\"changes\":[]}", &r);
    assert_int_equal(r.status, 200);
    const char *out = arena_str(&arena, buf_text(&r.body));
    desk_done(&r);
    return out;
}
