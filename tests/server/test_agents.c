/* Agents on the server, on both databases: who makes, sees and ends them; which tokens hold (G-A1,
 * G-A3); that what they wrote and what is logged of it are one, and a run is undone where nobody
 * edited since (G-A4). */
#include "server/desk.h"

#include "base/clock.h"
#include "server/agents/desk.h"
#include "server/notice.h"
#include "server/relay/relay.h"
#include <pthread.h>
#include <stdatomic.h>
#include <time.h>

static struct desk desk;
static struct agent_desk *port;
static struct arena arena;

static struct somebody {
    char token[64], id[64], personal[64], member[64];
} anna, bert, cleo;

#define OK(call) KIT_OK(&desk.kit, call)
#define E (&desk.kit.error)
#define FAM "fam0000000000000000000000000000x"

static int64_t now(void)
{
    return raum_env_native()->now_ms(raum_env_native()->ctx);
}

static const char *one_text(const char *sql, const char *value)
{
    struct sql_rows *rows;
    OK(sql_one(desk.sql, &rows, E, sql, "s", value));
    const char *out = sql_copy(rows, "t", &arena);
    sql_rows_free(rows);
    return out;
}

static void sign_up(struct somebody *who, const char *email)
{
    desk_sign_up(&desk, email, who->token);
    snprintf(who->id, sizeof who->id, "%s",
             one_text("SELECT id AS t FROM accounts WHERE email = ?1", email));
    snprintf(who->personal, sizeof who->personal, "%s",
             one_text("SELECT space AS t FROM personal_spaces WHERE account = ?1", who->id));
}

static void join(struct somebody *who, const char *role)
{
    static int turn;
    snprintf(who->member, sizeof who->member, "member-%d", turn++);
    OK(sql_begin(desk.sql, E));
    OK(sql_run(desk.sql, E,
               "INSERT INTO members (id, space, account, role, created) VALUES (?1, ?2, ?3, ?4, "
               "?5)",
               "ssssi", who->member, FAM, who->id, role, now()));
    OK(notice_members(desk.sql, who->id, E));
    OK(sql_end(desk.sql, 0, E));
}

static void leave(struct somebody *who)
{
    OK(sql_begin(desk.sql, E));
    OK(sql_run(desk.sql, E, "DELETE FROM members WHERE id = ?1", "s", who->member));
    OK(notice_members(desk.sql, who->id, E));
    OK(sql_end(desk.sql, 0, E));
}

static int set_up(void **state)
{
    (void)state;
    desk_open(&desk);
    arena_init(&arena, 64u << 20);
    sign_up(&anna, "anna@example.org");
    sign_up(&bert, "bert@example.org");
    sign_up(&cleo, "cleo@example.org");
    OK(sql_run(desk.sql, E,
               "INSERT INTO spaces (id, name, slug, type, created) VALUES ('" FAM
               "', 'Familie', 'familie', 'family', 1)",
               ""));
    join(&anna, "owner");
    join(&bert, "member");
    OK(agent_desk_new(&port, desk.server, E));
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    agent_desk_free(port);
    arena_release(&arena);
    desk_close(&desk);
    return 0;
}

/* ---- making ---- */

static void make(const struct somebody *who, const char *body, char id[64], char token[64])
{
    struct reply r;
    desk_ask(&desk, "POST", "/api/v1/agents", who->token, body, &r);
    if (r.status != 200)
        fail_msg("%d %s", r.status, buf_text(&r.body));
    snprintf(id, 64, "%s", desk_text(&r, "agent.id"));
    snprintf(token, 64, "%s", desk_text(&r, "token"));
    assert_string_equal(desk_header(&r, "Cache-Control"), "no-store");
    desk_done(&r);
}

#define STYLIST "{\"name\":\"Stylist\",\"spaceId\":\"" FAM "\"}"

static int64_t count(const char *sql)
{
    struct sql_rows *rows;
    OK(sql_one(desk.sql, &rows, E, sql, ""));
    int64_t n = sql_int(rows, "n");
    sql_rows_free(rows);
    return n;
}

static int holds(const char *token)
{
    struct agent_grant g;
    return agent_desk_token(port, token, &arena, &g, E);
}

static void test_make_see_end(void **state)
{
    char id[64], token[64], path[128];
    struct reply r;
    (void)state;
    make(&anna, STYLIST, id, token);
    assert_int_equal(strlen(token) + 1, AGENT_TOKEN_SIZE);
    /* The token is nowhere: not in the table, not in any list. */
    struct sql_rows *rows;
    OK(sql_one(desk.sql, &rows, E, "SELECT * FROM agents", ""));
    size_t len;
    const void *hash = sql_bytes(rows, "hash", &len);
    assert_int_equal(len, 32);
    assert_null(memmem(hash, len, token + strlen(AGENT_TOKEN), 8));
    sql_rows_free(rows);
    desk_ask(&desk, "GET", "/api/v1/agents", anna.token, NULL, &r);
    assert_int_equal(json_count(json_get(r.json, "agents")), 1);
    assert_null(strstr(buf_text(&r.body), token));
    assert_non_null(strstr(buf_text(&r.body), "\"active\":true"));
    desk_done(&r);
    /* It is hers alone. */
    desk_ask(&desk, "GET", "/api/v1/agents", bert.token, NULL, &r);
    assert_int_equal(json_count(json_get(r.json, "agents")), 0);
    desk_done(&r);
    snprintf(path, sizeof path, "/api/v1/agents/%s", id);
    DESK_CODE(&desk, 404, "NOT_FOUND", "DELETE", path, bert.token, NULL);
    DESK_CODE(&desk, 404, "NOT_FOUND", "DELETE", "/api/v1/agents/nobody", anna.token, NULL);
    assert_int_equal(holds(token), 0);
    DESK_IS(&desk, 200, "DELETE", path, anna.token, NULL);
    DESK_IS(&desk, 200, "DELETE", path, anna.token, NULL);
    assert_int_equal(holds(token), RAUM_ENOT_ALLOWED);
    desk_ask(&desk, "GET", "/api/v1/agents", anna.token, NULL, &r);
    assert_non_null(strstr(buf_text(&r.body), "\"active\":false"));
    desk_done(&r);
    DESK_CODE(&desk, 401, "UNAUTHORIZED", "GET", "/api/v1/agents", NULL, NULL);
}

/* A token opens no data route, and makes no agents. */
static void test_token_is_no_session_G_A1(void **state)
{
    char id[64], token[64];
    (void)state;
    make(&anna, STYLIST, id, token);
    static const char *const paths[] = {"/api/v1/agents", "/api/v1/vault", "/api/v1/spaces",
                                        "/api/v1/spaces/" FAM "/log", NULL};
    for (int i = 0; paths[i]; i++)
        DESK_IS(&desk, 401, "GET", paths[i], token, NULL);
    DESK_IS(&desk, 401, "POST", "/api/v1/agents", token, STYLIST);
    DESK_IS(&desk, 401, "POST", "/api/v1/agents/undo", token, "{\"run\":\"x\"}");
    DESK_IS(&desk, 401, "POST", "/api/v1/sync", token, "{\"clientId\":\"p\",\"changes\":[]}");
}

static void test_refused(void **state)
{
    static const struct {
        const char *body;
        int status;
        const char *code;
    } all[] = {
        {"{\"name\":\"\",\"spaceId\":\"" FAM "\"}", 400, "BAD_CHANGE"},
        {"{\"name\":\"  \",\"spaceId\":\"" FAM "\"}", 400, "BAD_CHANGE"},
        {"{\"name\":\"a\\nb\",\"spaceId\":\"" FAM "\"}", 400, "BAD_CHANGE"},
        {"{\"name\":\"a\"}", 400, "BAD_CHANGE"},
        {"{\"name\":\"a\",\"spaceId\":\"elsewhere\"}", 404, "NOT_FOUND"},
        {"{\"name\":\"a\",\"spaceId\":\"" FAM "\",\"tools\":\"x\"}", 400, "BAD_CHANGE"},
        {"{\"name\":\"a\",\"spaceId\":\"" FAM "\",\"tools\":[\"a b\"]}", 400, "BAD_CHANGE"},
        {"{\"name\":\"a\",\"spaceId\":\"" FAM "\",\"tools\":[7]}", 400, "BAD_CHANGE"},
        {"{\"name\":\"a\",\"spaceId\":\"" FAM "\",\"expiresAt\":\"soon\"}", 400, "BAD_CHANGE"},
        {"{\"name\":\"a\",\"spaceId\":\"" FAM "\",\"expiresAt\":\"2020-01-01T00:00:00Z\"}", 400,
         "BAD_CHANGE"},
    };
    char body[128];
    (void)state;
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        DESK_CODE(&desk, all[i].status, all[i].code, "POST", "/api/v1/agents", anna.token,
                  all[i].body);
    /* Only for oneself, where one is a member. */
    DESK_CODE(&desk, 404, "NOT_FOUND", "POST", "/api/v1/agents", cleo.token, STYLIST);
    snprintf(body, sizeof body, "{\"name\":\"a\",\"spaceId\":\"%s\"}", bert.personal);
    DESK_CODE(&desk, 404, "NOT_FOUND", "POST", "/api/v1/agents", anna.token, body);
    assert_int_equal(count("SELECT count(*) AS n FROM agents"), 0);
}

static void test_grant_as_made(void **state)
{
    char id[64], token[64];
    struct agent_grant g;
    (void)state;
    make(&anna,
         "{\"name\":\"A\",\"spaceId\":\"" FAM
         "\",\"tools\":[\"todo.delete\",\"todo.create\"],\"expiresAt\":null,\"sealed\":true}",
         id, token);
    OK(agent_desk_token(port, token, &arena, &g, E));
    assert_string_equal(g.id, id);
    assert_string_equal(g.account, anna.id);
    assert_string_equal(g.space, FAM);
    assert_int_equal(g.tool_count, 2);
    assert_string_equal(g.tools[0], "todo.delete");
    assert_false(g.all_writes);
    assert_false(g.read_only);
    assert_true(g.sealed);
    assert_int_equal(g.expires, 0);
    make(&anna, "{\"name\":\"B\",\"spaceId\":\"" FAM "\",\"readOnly\":true}", id, token);
    OK(agent_desk_token(port, token, &arena, &g, E));
    assert_true(g.read_only);
    assert_false(g.all_writes);
    assert_in_range(g.expires - now(), (AGENT_DAYS - 1) * INT64_C(86400000),
                    AGENT_DAYS * INT64_C(86400000));
    make(&anna, STYLIST, id, token);
    OK(agent_desk_token(port, token, &arena, &g, E));
    assert_true(g.all_writes);
}

/* ---- holding ---- */

static void test_forged(void **state)
{
    char id[64], token[64], other[128];
    (void)state;
    make(&anna, STYLIST, id, token);
    assert_int_equal(holds(token), 0);
    for (size_t i = 0; token[i]; i++) { /* one letter off */
        snprintf(other, sizeof other, "%s", token);
        other[i] = other[i] == 'A' ? 'B' : 'A';
        assert_int_equal(holds(other), RAUM_ENOT_ALLOWED);
    }
    snprintf(other, sizeof other, "%sA", token);
    assert_int_equal(holds(other), RAUM_ENOT_ALLOWED);
    assert_int_equal(holds(""), RAUM_ENOT_ALLOWED);
    assert_int_equal(holds(anna.token), RAUM_ENOT_ALLOWED);
    assert_int_equal(holds(id), RAUM_ENOT_ALLOWED);
}

static void run(const char *sql, const char *value)
{
    OK(sql_run(desk.sql, E, sql, "s", value));
}

/* G-A3: expiry, membership, space, account. */
static void test_ends(void **state)
{
    char id[64], token[64];
    (void)state;
    make(&bert, STYLIST, id, token);
    assert_int_equal(holds(token), 0);
    run("UPDATE agents SET expires = 1 WHERE id = ?1", id);
    assert_int_equal(holds(token), RAUM_ENOT_ALLOWED);
    run("UPDATE agents SET expires = NULL WHERE id = ?1", id);
    assert_int_equal(holds(token), 0);
    run("UPDATE accounts SET disabled = 1 WHERE id = ?1", bert.id);
    assert_int_equal(holds(token), RAUM_ENOT_ALLOWED);
    run("UPDATE accounts SET disabled = 0 WHERE id = ?1", bert.id);
    run("UPDATE spaces SET deleted = 1 WHERE id = ?1", FAM);
    assert_int_equal(holds(token), RAUM_ENOT_ALLOWED);
    run("UPDATE spaces SET deleted = NULL WHERE id = ?1", FAM);
    assert_int_equal(holds(token), 0);
    leave(&bert);
    assert_int_equal(holds(token), RAUM_ENOT_ALLOWED);
    /* Who comes back makes new ones: the old ones stay ended. */
    join(&bert, "member");
    assert_int_equal(holds(token), RAUM_ENOT_ALLOWED);
    bool any;
    OK(agent_desk_any(port, bert.id, FAM, &any, E));
    assert_false(any);
}

/* ---- being told ---- */

static atomic_int told;
static atomic_bool told_bert;

static void news(void *arg, const char *account)
{
    (void)arg;
    atomic_store(&told_bert, account && strcmp(account, bert.id) == 0);
    atomic_fetch_add(&told, 1);
}

static int64_t wait_told(void)
{
    int64_t began = now();
    while (!atomic_load(&told) && now() - began < 5000)
        nanosleep(&(struct timespec){.tv_nsec = 200000}, NULL);
    assert_true(atomic_load(&told));
    assert_true(atomic_load(&told_bert));
    atomic_store(&told, 0);
    return now() - began;
}

static void test_news_G_A3(void **state)
{
    char id[64], token[64], path[128];
    (void)state;
    make(&bert, STYLIST, id, token);
    atomic_store(&told, 0);
    agent_desk_on_news(port, news, NULL);
    snprintf(path, sizeof path, "/api/v1/agents/%s", id);
    DESK_IS(&desk, 200, "DELETE", path, bert.token, NULL);
    int64_t took = wait_told();
    leave(&bert);
    int64_t second = wait_told();
    agent_desk_on_news(port, NULL, NULL);
    assert_in_range(took < second ? took : second, 0, 50);
}

/* ---- writing, logging ---- */

static uint64_t tick(void)
{
    static struct clock clock;
    return clock_tick(&clock, now());
}

static void put_field(struct json_writer *w, const char *name, const char *json, uint64_t at,
                      const char *agent)
{
    char text[CLOCK_TEXT];
    clock_format(at, text);
    json_put_key(w, name);
    json_open_object(w);
    json_put_key(w, "value");
    json_put_raw(w, json, strlen(json));
    json_put_key(w, "at");
    json_put_str(w, text);
    if (agent) {
        json_put_key(w, "agent");
        json_put_str(w, agent);
        json_put_key(w, "origin");
        json_put_str(w, "agent");
    }
    json_close_object(w);
}

/* A whole row, or with op "update" its title alone. */
static void put_task(struct buf *b, const char *dev, const char *op, const char *id,
                     const char *title, const char *visibility, const char *agent)
{
    struct json_writer w;
    uint64_t at = tick();
    bool whole = strcmp(op, "insert") == 0;
    json_begin(&w, b);
    json_open_object(&w);
    json_put_key(&w, "clientId");
    json_put_str(&w, dev);
    json_put_key(&w, "changes");
    json_open_array(&w);
    json_open_object(&w);
    json_put_key(&w, "table");
    json_put_str(&w, "tasks");
    json_put_key(&w, "id");
    json_put_str(&w, id);
    json_put_key(&w, "op");
    json_put_str(&w, op);
    json_put_key(&w, "spaceId");
    json_put_str(&w, FAM);
    json_put_key(&w, "fields");
    json_open_object(&w);
    put_field(&w, "title", title, at, agent);
    if (whole) {
        put_field(&w, "visibility", visibility, at, agent);
        put_field(&w, "createdAt", "\"2026-11-25T00:00:00.000Z\"", at, agent);
    }
    json_close_object(&w);
    json_close_object(&w);
    json_close_array(&w);
    json_close_object(&w);
    assert_int_equal(buf_error(b, NULL), 0);
}

static void by_hand(const struct somebody *who, const char *op, const char *id, const char *title,
                    const char *visibility)
{
    struct buf b;
    struct reply r;
    buf_init(&b, 65536);
    put_task(&b, "phone", op, id, title, visibility, NULL);
    desk_ask(&desk, "POST", "/api/v1/sync", who->token, buf_text(&b), &r);
    assert_int_equal(r.status, 200);
    assert_non_null(strstr(buf_text(&r.body), "\"applied\""));
    desk_done(&r);
    buf_release(&b);
}

/* A call of an agent of `who` that writes; the call's id is `call`. */
static void by_agent(const struct somebody *who, const char *call, const char *run_id,
                     const char *op, const char *id, const char *title, const char *visibility)
{
    struct buf body, answer;
    struct agent_entry e = {.call = {.id = call,
                                     .space = FAM,
                                     .agent = "agent-1",
                                     .account = who->id,
                                     .run = run_id,
                                     .tool = "todo.create",
                                     .digest = "00",
                                     .outcome = "ok",
                                     .created = now()}};
    buf_init(&body, 65536);
    buf_init(&answer, 1u << 20);
    buf_init(&e.writes, 65536);
    put_task(&body, "replica", op, id, title, visibility, "agent-1");
    OK(agent_desk_exchange(port, who->id, FAM, buf_text(&body), body.len, &e, &answer, E));
    assert_non_null(strstr(buf_text(&answer), "\"applied\""));
    assert_true(e.stored);
    assert_int_equal(e.call.changes, 1);
    buf_release(&body);
    buf_release(&answer);
    buf_release(&e.writes);
}

/* The title of a task as the family sees it; NULL: deleted; "" if there is no such row. */
static const char *title_of(const struct somebody *who, const char *id)
{
    struct reply r;
    const char *out = "";
    desk_ask(&desk, "POST", "/api/v1/sync?space=" FAM, who->token,
             "{\"clientId\":\"tablet\",\"changes\":[]}", &r);
    assert_int_equal(r.status, 200);
    struct json_value list = json_get(r.json, "serverChanges");
    for (struct json_value v = json_first(list); v.doc; v = json_next(list, v)) {
        if (!json_equals(json_get(v, "id"), id))
            continue;
        struct json_value fields = json_get(v, "fields");
        struct json_value gone = json_get(json_get(fields, "deletedAt"), "value");
        out = json_is(gone, JSON_STRING)
                  ? NULL
                  : json_str(json_get(json_get(fields, "title"), "value"), &arena);
    }
    desk_done(&r);
    return out;
}

static const char *undo(const struct somebody *who, const char *run_id, int status)
{
    char body[128];
    struct reply r;
    snprintf(body, sizeof body, "{\"run\":\"%s\"}", run_id);
    desk_ask(&desk, "POST", "/api/v1/agents/undo", who->token, body, &r);
    if (r.status != status)
        fail_msg("%d %s", r.status, buf_text(&r.body));
    const char *out = arena_str(&arena, buf_text(&r.body));
    desk_done(&r);
    return out;
}

static const char *log_of(const struct somebody *who, const char *path, int status)
{
    struct reply r;
    desk_ask(&desk, "GET", path, who->token, NULL, &r);
    if (r.status != status)
        fail_msg("%d %s", r.status, buf_text(&r.body));
    const char *out = arena_str(&arena, buf_text(&r.body));
    desk_done(&r);
    return out;
}

#define LOG "/api/v1/spaces/" FAM "/log"

static void test_log(void **state)
{
    struct agent_call read = {.id = "01-read",
                              .space = FAM,
                              .agent = "agent-1",
                              .account = anna.id,
                              .run = "run-1",
                              .tool = "todo.list",
                              .digest = "ab",
                              .outcome = "NOT_ALLOWED",
                              .created = now(),
                              .took = 3};
    (void)state;
    OK(agent_desk_log(port, &read, E));
    by_agent(&anna, "02-write", "run-1", "insert", "t1", "\"Brot\"", "\"space\"");
    for (int i = 0; i < 100 && !strstr(log_of(&anna, LOG, 200), "01-read"); i++)
        nanosleep(&(struct timespec){.tv_nsec = 20000000}, NULL);
    const char *hers = log_of(&anna, LOG, 200), *his = log_of(&bert, LOG, 200);
    assert_non_null(strstr(hers, "\"outcome\":\"NOT_ALLOWED\""));
    assert_non_null(strstr(hers, "\"tookMs\":3"));
    assert_true(strstr(hers, "02-write") < strstr(hers, "01-read")); /* the newest first */
    assert_non_null(strstr(hers, "\"changes\":1"));
    assert_non_null(strstr(hers, "\"t1\""));
    /* Every member sees it; ids of rows only the agent's owner (G-T9). */
    assert_non_null(strstr(his, "02-write"));
    assert_non_null(strstr(his, "\"ownerName\""));
    assert_null(strstr(his, "\"t1\""));
    assert_null(strstr(his, "writes"));
    assert_null(strstr(hers, "Brot")); /* never a value */
    log_of(&cleo, LOG, 404);
    assert_null(strstr(log_of(&anna, LOG "?before=02-write", 200), "02-write"));
    assert_non_null(strstr(log_of(&anna, LOG "?before=02-write", 200), "01-read"));
    assert_null(strstr(log_of(&anna, LOG "?limit=1", 200), "01-read"));
    log_of(&anna, LOG "?limit=0", 400);
}

static void test_log_of_one_agent(void **state)
{
    char id[64], token[64], path[128];
    (void)state;
    make(&anna, STYLIST, id, token);
    struct agent_call read = {.id = "01",
                              .space = FAM,
                              .agent = id,
                              .account = anna.id,
                              .run = "r",
                              .tool = "t",
                              .digest = "",
                              .outcome = "ok",
                              .created = now(),
                              .took = 0};
    OK(agent_desk_log(port, &read, E));
    snprintf(path, sizeof path, "/api/v1/agents/%s/log", id);
    for (int i = 0; i < 100 && !strstr(log_of(&anna, path, 200), "\"01\""); i++)
        nanosleep(&(struct timespec){.tv_nsec = 20000000}, NULL);
    assert_non_null(strstr(log_of(&anna, path, 200), "\"agentName\":\"Stylist\""));
    log_of(&bert, path, 404);
    log_of(&anna, "/api/v1/agents/nobody/log", 404);
    leave(&anna); /* what happens there is none of hers any more */
    assert_null(strstr(log_of(&anna, path, 200), "\"01\""));
}

/* ---- undoing ---- */

static void test_undo_makes_it_as_it_was(void **state)
{
    (void)state;
    by_hand(&anna, "insert", "t1", "\"Brot\"", "\"space\"");
    by_agent(&anna, "c1", "run", "update", "t1", "\"Kuchen\"", NULL);
    by_agent(&anna, "c2", "run", "insert", "t2", "\"Torte\"", "\"space\"");
    by_agent(&anna, "c3", "run", "update", "t1", "\"Eis\"", NULL);
    assert_string_equal(title_of(&bert, "t1"), "Eis");
    assert_string_equal(title_of(&bert, "t2"), "Torte");
    const char *said = undo(&anna, "run", 200);
    assert_string_equal(title_of(&bert, "t1"), "Brot");
    assert_null(title_of(&bert, "t2"));
    assert_non_null(strstr(said, "{\"table\":\"tasks\",\"id\":\"t1\",\"deleted\":false,\"fields\":["
                                 "\"title\"],\"left\":[]}"));
    assert_non_null(strstr(said, "{\"table\":\"tasks\",\"id\":\"t2\",\"deleted\":true,\"fields\":["
                                 "],\"left\":[]}"));
    assert_null(strstr(log_of(&anna, LOG, 200), "\"undoneAt\":null"));
    /* Again: there is nothing of the run any more. */
    said = undo(&anna, "run", 200);
    assert_non_null(strstr(said, "\"fields\":[]"));
    assert_string_equal(title_of(&bert, "t1"), "Brot");
}

static void test_undo_one_call(void **state)
{
    (void)state;
    by_agent(&anna, "c1", "run", "insert", "t1", "\"eins\"", "\"space\"");
    by_agent(&anna, "c2", "run", "update", "t1", "\"zwei\"", NULL);
    undo(&anna, "c2", 200);
    assert_string_equal(title_of(&anna, "t1"), "eins");
}

static void test_undo_leaves_what_was_edited_since(void **state)
{
    (void)state;
    by_hand(&anna, "insert", "t1", "\"Brot\"", "\"space\"");
    by_agent(&anna, "c1", "run", "update", "t1", "\"Kuchen\"", NULL);
    by_agent(&anna, "c2", "run", "insert", "t2", "\"Torte\"", "\"space\"");
    by_hand(&bert, "update", "t1", "\"Milch\"", NULL);
    by_hand(&bert, "update", "t2", "\"Apfeltorte\"", NULL);
    const char *said = undo(&anna, "run", 200);
    assert_string_equal(title_of(&bert, "t1"), "Milch");
    assert_string_equal(title_of(&bert, "t2"), "Apfeltorte");
    assert_non_null(strstr(said, "\"id\":\"t1\",\"deleted\":false,\"fields\":[],\"left\":[{"
                                 "\"field\":\"title\",\"reason\":\"EDITED\"}]"));
    assert_non_null(strstr(said, "\"id\":\"t2\",\"deleted\":false"));
}

/* The same value, written by hand since, is an edit all the same. */
static void test_undo_same_value(void **state)
{
    (void)state;
    by_hand(&anna, "insert", "t1", "\"Brot\"", "\"space\"");
    by_agent(&anna, "c1", "run", "update", "t1", "\"Kuchen\"", NULL);
    by_hand(&bert, "update", "t1", "\"Kuchen\"", NULL);
    undo(&anna, "run", 200);
    assert_string_equal(title_of(&bert, "t1"), "Kuchen");
}

/* By a member's own rights: another may edit the shared row, but not delete it. */
static void test_undo_by_another(void **state)
{
    (void)state;
    by_hand(&anna, "insert", "t1", "\"Brot\"", "\"space\"");
    by_agent(&anna, "c1", "run", "update", "t1", "\"Kuchen\"", NULL);
    by_agent(&anna, "c2", "run", "insert", "t2", "\"Torte\"", "\"space\"");
    by_agent(&anna, "c3", "run", "insert", "p1", "\"Geheim\"", "\"private\"");
    const char *said = undo(&bert, "run", 200);
    assert_string_equal(title_of(&anna, "t1"), "Brot");
    assert_string_equal(title_of(&anna, "t2"), "Torte");
    assert_non_null(strstr(said, "\"reason\":\"NOT_ALLOWED\""));
    /* What is private to her is not there for him (G-T9). */
    assert_null(strstr(said, "p1"));
    assert_string_equal(title_of(&anna, "p1"), "Geheim");
    undo(&cleo, "run", 404);
    undo(&anna, "elsewhere", 404);
    /* She finishes it. */
    undo(&anna, "run", 200);
    assert_null(title_of(&anna, "t2"));
    assert_null(title_of(&anna, "p1"));
}

static void test_undo_brings_back(void **state)
{
    struct reply r;
    (void)state;
    by_hand(&anna, "insert", "t1", "\"Brot\"", "\"space\"");
    struct buf body, answer;
    char at[CLOCK_TEXT];
    struct agent_entry e = {.call = {.id = "c1",
                                     .space = FAM,
                                     .agent = "agent-1",
                                     .account = anna.id,
                                     .run = "run",
                                     .tool = "todo.delete",
                                     .digest = "00",
                                     .outcome = "ok",
                                     .created = now()}};
    buf_init(&body, 65536);
    buf_init(&answer, 1u << 20);
    buf_init(&e.writes, 65536);
    clock_format(tick(), at);
    buf_printf(&body,
               "{\"clientId\":\"replica\",\"changes\":[{\"table\":\"tasks\",\"id\":\"t1\",\"op\":"
               "\"delete\",\"spaceId\":\"" FAM "\",\"fields\":{\"deletedAt\":{\"value\":\"2026-11-"
               "25T00:00:00.000Z\",\"at\":\"%s\",\"agent\":\"agent-1\"}}}]}",
               at);
    OK(agent_desk_exchange(port, anna.id, FAM, buf_text(&body), body.len, &e, &answer, E));
    buf_release(&body);
    buf_release(&answer);
    buf_release(&e.writes);
    assert_null(title_of(&bert, "t1"));
    undo(&anna, "run", 200);
    assert_string_equal(title_of(&bert, "t1"), "Brot");
    (void)r;
}

static void test_undo_for_30_days(void **state)
{
    (void)state;
    by_hand(&anna, "insert", "t1", "\"Brot\"", "\"space\"");
    by_agent(&anna, "c1", "run", "update", "t1", "\"Kuchen\"", NULL);
    OK(sql_begin(desk.sql, E));
    OK(sql_scope(desk.sql, "partition", FAM, E));
    OK(sql_run(desk.sql, E, "UPDATE agent_calls SET created = created - ?1", "i",
               RELAY_KEEP_MS + 1000));
    OK(sql_end(desk.sql, 0, E));
    undo(&anna, "run", 404);
    assert_non_null(strstr(log_of(&anna, LOG, 200), "\"c1\""));
    OK(agents_sweep(desk.sql, now(), E));
    assert_null(strstr(log_of(&anna, LOG, 200), "\"c1\""));
}

/* Neither the write nor its line in the log is there without the other. */
static void test_log_and_write_are_one(void **state)
{
    struct buf body, answer;
    (void)state;
    by_agent(&anna, "c1", "run", "insert", "t1", "\"eins\"", "\"space\"");
    struct agent_entry e = {.call = {.id = "c1", /* it is taken: the log refuses the line */
                                     .space = FAM,
                                     .agent = "agent-1",
                                     .account = anna.id,
                                     .run = "run",
                                     .tool = "t",
                                     .digest = "",
                                     .outcome = "ok",
                                     .created = now()}};
    buf_init(&body, 65536);
    buf_init(&answer, 1u << 20);
    buf_init(&e.writes, 65536);
    put_task(&body, "replica", "update", "t1", "\"zwei\"", NULL, "agent-1");
    assert_int_not_equal(
        agent_desk_exchange(port, anna.id, FAM, buf_text(&body), body.len, &e, &answer, E), 0);
    assert_false(e.stored);
    buf_release(&body);
    buf_release(&answer);
    buf_release(&e.writes);
    assert_string_equal(title_of(&anna, "t1"), "eins");
    by_agent(&anna, "c2", "run", "update", "t1", "\"drei\"", NULL); /* and it goes on */
    assert_string_equal(title_of(&anna, "t1"), "drei");
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        T(test_make_see_end),
        T(test_token_is_no_session_G_A1),
        T(test_refused),
        T(test_grant_as_made),
        T(test_forged),
        T(test_ends),
        T(test_news_G_A3),
        T(test_log),
        T(test_log_of_one_agent),
        T(test_undo_makes_it_as_it_was),
        T(test_undo_one_call),
        T(test_undo_leaves_what_was_edited_since),
        T(test_undo_same_value),
        T(test_undo_by_another),
        T(test_undo_brings_back),
        T(test_undo_for_30_days),
        T(test_log_and_write_are_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
