/* Hosted agents, on both databases: what a tool does is what the others see, and what they do it
 * sees with its next call (G-A2); it stops at once (G-A3); each field says whose it is, and a run
 * is undone (G-A4); above the policy is refused (G-A5). */
#include "agent/home.h"

#include "server/relay/relay.h"

#include <dirent.h>
#include <pthread.h>
#include <stdatomic.h>
#include <time.h>

static bool has(const char *text, const char *part)
{
    return strstr(text, part) != NULL;
}

static void pause_ms(int ms)
{
    nanosleep(&(struct timespec){.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000L}, NULL);
}

static void test_agrees_with_others_G_A2(void **state)
{
    (void)state;
    struct agent a = make_agent(&anna, FAM,
                                ",\"tools\":[\"todo.create\",\"todo.complete\","
                                "\"todo.delete\"]");
    assert_true(has(must(&a, "todo.list", "{}"), "\"tasks\":[]"));
    const char *id = at(must(&a, "todo.create", "{\"title\":\"Brot\"}"), "id");
    assert_true(has(seen_by(&bert, FAM), "Brot")); /* at once */
    assert_true(has(must(&a, "todo.list", "{}"), "Brot"));
    /* What others do is there with the next call. */
    by_hand(&bert, FAM, "tasks", "update", id, "\"title\":\"Kuchen\"");
    assert_true(has(must(&a, "todo.list", "{}"), "Kuchen"));
    by_hand(&bert, FAM, "tasks", "insert", "t2", "\"title\":\"Milch\",\"isCompleted\":false");
    assert_true(has(must(&a, "todo.list", "{}"), "Milch"));
    must(&a, "todo.complete", arena_printf(&arena, "{\"id\":\"%s\"}", id));
    assert_true(has(seen_by(&bert, FAM), "\"isCompleted\":{\"value\":true"));
    must(&a, "todo.delete", "{\"id\":\"t2\"}");
    assert_false(has(must(&a, "todo.list", "{}"), "Milch"));
    const char *all = seen_by(&bert, FAM);
    assert_true(has(all, "\"deletedAt\":{\"value\":\"20"));
}

/* Agent, on whose behalf, and which call: G-A4. */
static void test_attribution_and_undo_G_A4(void **state)
{
    struct reply r;
    (void)state;
    struct agent a = make_agent(&anna, FAM, "");
    must(&a, "todo.list", "{}");
    const char *id = at(must(&a, "todo.create", "{\"title\":\"Brot\"}"), "id");
    const char *row = seen_by(&bert, FAM);
    assert_true(has(row, arena_printf(&arena, "\"by\":\"%s\"", anna.id)));
    assert_true(has(row, arena_printf(&arena, "\"agent\":\"%s\"", a.id)));
    assert_true(has(row, "\"origin\":\"agent\""));
    for (int i = 0; i < 100; i++, pause_ms(20)) {
        desk_ask(&desk, "GET", "/api/v1/spaces/" FAM "/log", anna.token, NULL, &r);
        if (has(buf_text(&r.body), "todo.list"))
            break;
        desk_done(&r);
    }
    const char *log = arena_str(&arena, buf_text(&r.body));
    desk_done(&r);
    assert_true(has(log, "\"tool\":\"todo.create\""));
    assert_true(has(log, id));
    assert_true(has(log, "\"changes\":1"));
    assert_true(has(log, "\"agentName\":\"Stylist\""));
    /* One run: the first call's name. */
    struct json_doc doc;
    json_init(&doc);
    OK(json_parse(&doc, log, strlen(log), 0, E));
    struct json_value calls = json_get(json_root(&doc), "calls");
    const char *run_id = json_str(json_get(json_first(calls), "run"), &arena);
    for (struct json_value v = json_first(calls); v.doc; v = json_next(calls, v)) {
        assert_true(json_equals(json_get(v, "run"), run_id));
        assert_int_equal(strlen(json_str(json_get(v, "digest"), &arena)), TOOL_DIGEST - 1);
    }
    json_release(&doc);
    char body[128];
    snprintf(body, sizeof body, "{\"run\":\"%s\"}", run_id);
    DESK_IS(&desk, 200, "POST", "/api/v1/agents/undo", anna.token, body);
    assert_false(has(must(&a, "todo.list", "{}"), "Brot"));
}

/* A session is a run: undoing one leaves what the same agent did beside it in another. */
static void test_run_of_session(void **state)
{
    struct reply r;
    (void)state;
    struct agent a = make_agent(&anna, FAM, ""), b = a;
    a.session = "5e551011";
    b.session = "5e551012";
    must(&a, "todo.create", "{\"title\":\"Brot\"}");
    must(&b, "todo.create", "{\"title\":\"Kuchen\"}");
    must(&a, "todo.create", "{\"title\":\"Salz\"}");
    desk_ask(&desk, "GET", "/api/v1/spaces/" FAM "/log", anna.token, NULL, &r);
    struct json_doc doc;
    json_init(&doc);
    OK(json_parse(&doc, buf_text(&r.body), r.body.len, 0, E));
    struct json_value calls = json_get(json_root(&doc), "calls"), last = json_first(calls),
                      middle = json_next(calls, last), first = json_next(calls, middle);
    const char *run_id = json_str(json_get(last, "run"), &arena);
    assert_true(json_equals(json_get(first, "run"), run_id));
    assert_false(json_equals(json_get(middle, "run"), run_id));
    json_release(&doc);
    desk_done(&r);
    char body[128];
    snprintf(body, sizeof body, "{\"run\":\"%s\"}", run_id);
    DESK_IS(&desk, 200, "POST", "/api/v1/agents/undo", anna.token, body);
    const char *left = must(&a, "todo.list", "{}");
    assert_true(has(left, "Kuchen"));
    assert_false(has(left, "Brot") || has(left, "Salz"));
}

static void test_policy_G_A5(void **state)
{
    const char *out;
    (void)state;
    struct agent reads = make_agent(&anna, FAM, ",\"readOnly\":true"),
                 writes = make_agent(&anna, FAM, ""),
                 one = make_agent(&anna, FAM, ",\"tools\":[\"todo.complete\"]");
    by_hand(&bert, FAM, "tasks", "insert", "t1", "\"title\":\"Milch\",\"isCompleted\":false");
    int refused = call_tool(&reads, "todo.create", "{\"title\":\"Brot\"}", &out);
    assert_int_equal(refused, RAUM_ENOT_ALLOWED);
    assert_int_equal(call_tool(&reads, "todo.complete", "{\"id\":\"t1\"}", &out), refused);
    assert_int_equal(call_tool(&one, "todo.create", "{\"title\":\"Brot\"}", &out), refused);
    must(&one, "todo.complete", "{\"id\":\"t1\"}");
    must(&writes, "todo.create", "{\"title\":\"Kuchen\"}");
    /* Destructive ones need their name, all writes are not enough. */
    assert_int_equal(call_tool(&writes, "todo.delete", "{\"id\":\"t1\"}", &out), refused);
    const char *all = seen_by(&bert, FAM);
    assert_false(has(all, "Brot"));
    assert_false(has(all, "\"deletedAt\":{\"value\":\"20"));
    assert_true(has(must(&reads, "todo.list", "{\"all\":true}"), "Kuchen"));
    assert_int_not_equal(call_tool(&reads, "no.such", "{}", &out), 0);
}

static void test_rate_G_A5(void **state)
{
    const char *out;
    (void)state;
    host_options.unlimited = false;
    home_restart_host();
    struct agent a = make_agent(&anna, FAM, ""), b = make_agent(&anna, FAM, "");
    for (int i = 0; i < TOOL_RATE; i++)
        must(&a, "tags.list", "{}");
    assert_int_equal(call_tool(&a, "tags.list", "{}", &out), RAUM_ERATE_LIMITED);
    must(&a, "todo.list", "{}"); /* per tool */
    must(&b, "tags.list", "{}"); /* and per agent */
}

/* ---- ending ---- */

struct long_call {
    struct agent_who who;
    atomic_bool began, stopped;
    int result;
    int64_t stopped_at;
};

static int until_stopped(void *arg, struct tool_call *call, struct raum_error *error)
{
    struct long_call *x = arg;
    atomic_store(&x->began, true);
    for (int i = 0; i < 5000 && !tool_cancelled(call); i++)
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    x->stopped_at = now();
    atomic_store(&x->stopped, true);
    return tool_cancelled(call) ? err_set(error, RAUM_EINTERRUPTED, NULL) : 0;
}

static void *long_run(void *arg)
{
    struct long_call *x = arg;
    struct raum_error error = {0};
    x->result = agent_host_read(host, &x->who, NULL, until_stopped, x, &error);
    return NULL;
}

static int folders(void)
{
    char path[512];
    int count = 0;
    snprintf(path, sizeof path, "%s/agents", desk.kit.folder);
    DIR *d = opendir(path);
    for (struct dirent *e; d && (e = readdir(d));)
        count += e->d_name[0] != '.';
    if (d)
        closedir(d);
    return count;
}

enum how { BY_REVOKING, BY_LEAVING, BY_EXPIRY, BY_HOST };

static void stop_by(enum how how, const struct agent *a)
{
    switch (how) {
    case BY_REVOKING:
        revoke_agent(&bert, a);
        break;
    case BY_LEAVING:
        leave(&bert);
        break;
    case BY_EXPIRY: /* it was known from the beginning: see below */
    case BY_HOST:
        break;
    }
}

static void one_end(enum how how)
{
    struct long_call x = {0};
    struct agent_grant grant;
    pthread_t thread;
    const char *out;
    struct agent a = make_agent(&bert, FAM, "");
    must(&a, "todo.create", "{\"title\":\"Brot\"}");
    assert_int_equal(folders(), 1);
    if (how == BY_EXPIRY) {
        OK(sql_run(desk.sql, E, "UPDATE agents SET expires = ?1 WHERE id = ?2", "is", now() + 300,
                   a.id));
        must(&a, "todo.list", "{}"); /* it hears of it */
    }
    OK(agent_desk_token(port, a.token, &arena, &grant, E));
    x.who = serve_agents_who(&grant);
    assert_int_equal(pthread_create(&thread, NULL, long_run, &x), 0);
    while (!atomic_load(&x.began))
        pause_ms(1);
    int64_t began = how == BY_EXPIRY ? grant.expires : now();
    stop_by(how, &a);
    pthread_join(thread, NULL);
    assert_int_equal(x.result, RAUM_ENOT_ALLOWED); /* no answer any more */
    if (x.stopped_at - began > 50)
        fail_msg("a running call went on for %lld ms", (long long)(x.stopped_at - began));
    assert_int_equal(ended, 1);
    assert_int_equal(call_tool(&a, "todo.list", "{}", &out), RAUM_ENOT_ALLOWED);
    /* Nobody may use it any more: nothing of it is left. Of an expiry a minute later. */
    for (int i = 0; i < 100 && folders() && how != BY_EXPIRY; i++)
        pause_ms(20);
    assert_int_equal(folders(), how == BY_EXPIRY);
}

static void test_revoked_G_A3(void **state)
{
    (void)state;
    one_end(BY_REVOKING);
}
static void test_left_G_A3(void **state)
{
    (void)state;
    one_end(BY_LEAVING);
}
static void test_expired_G_A3(void **state)
{
    (void)state;
    one_end(BY_EXPIRY);
}

/* What a process before left is wiped at the start, if nobody may use it any more. */
static void test_left_behind(void **state)
{
    (void)state;
    struct agent a = make_agent(&bert, FAM, "");
    must(&a, "todo.list", "{}");
    home_restart_host();
    assert_int_equal(folders(), 1);
    agent_desk_on_news(port, NULL, NULL); /* nobody hears it */
    leave(&bert);
    home_restart_host();
    assert_int_equal(folders(), 0);
}

/* ---- replicas ---- */

static void test_two_agents_one_replica(void **state)
{
    struct agent_pool_counts counts;
    (void)state;
    struct agent a = make_agent(&anna, FAM, ""), b = make_agent(&anna, FAM, ""),
                 c = make_agent(&bert, FAM, "");
    must(&a, "todo.create", "{\"title\":\"Brot\"}");
    assert_true(has(must(&b, "todo.list", "{}"), "Brot"));
    assert_true(has(must(&c, "todo.list", "{}"), "Brot"));
    must(&b, "todo.create", "{\"title\":\"Milch\"}");
    const char *all = seen_by(&bert, FAM);
    assert_true(has(all, arena_printf(&arena, "\"agent\":\"%s\"", a.id)));
    assert_true(has(all, arena_printf(&arena, "\"agent\":\"%s\"", b.id)));
    agent_host_counts(host, &counts);
    assert_int_equal(counts.known, 2);
    assert_int_equal(counts.awake, 2);
    assert_int_equal(counts.wakes, 2);
}

static void test_few_are_awake(void **state)
{
    struct agent_pool_counts counts;
    (void)state;
    host_options.awake_max = 1;
    home_restart_host();
    struct agent a = make_agent(&anna, FAM, ""), b = make_agent(&bert, FAM, ""),
                 c = make_agent(&cleo, CLUB, "");
    for (int i = 0; i < 3; i++) {
        must(&a, "todo.create", "{\"title\":\"Brot\"}");
        assert_true(has(must(&b, "todo.list", "{}"), "Brot"));
        assert_false(has(must(&c, "todo.list", "{}"), "Brot"));
        agent_host_counts(host, &counts);
        assert_int_equal(counts.awake, 1);
    }
    assert_int_equal(counts.known, 3);
    assert_int_equal(counts.wakes, 9);
}

/* A file that is damaged is fetched again. */
static void test_damaged(void **state)
{
    char command[700];
    (void)state;
    struct agent a = make_agent(&anna, FAM, "");
    must(&a, "todo.create", "{\"title\":\"Brot\"}");
    agent_desk_on_news(port, NULL, NULL);
    agent_host_free(host);
    snprintf(command, sizeof command,
             "for f in %s/agents/*/accounts/*/raum.db; do printf nonsense >\"$f\"; rm -f "
             "\"$f\"-wal; done",
             desk.kit.folder);
    assert_int_equal(system(command), 0);
    OK(agent_host_new(&host, &host_options, E));
    assert_true(has(must(&a, "todo.list", "{}"), "Brot"));
}

/* The server came back from a backup. */
static void test_new_epoch(void **state)
{
    (void)state;
    struct agent a = make_agent(&anna, FAM, "");
    must(&a, "todo.create", "{\"title\":\"Brot\"}");
    OK(sql_begin(desk.sql, E));
    OK(relay_new_epoch(desk.sql, raum_env_native(), E));
    OK(sql_end(desk.sql, 0, E));
    by_hand(&bert, FAM, "tasks", "insert", "t2", "\"title\":\"Milch\",\"isCompleted\":false");
    const char *list = must(&a, "todo.list", "{}");
    assert_true(has(list, "Brot"));
    if (!has(list, "Milch"))
        fail_msg("%s", list);
}

/* Several threads: each write once, none lost, and replicas as the server. */
static void *many(void *arg)
{
    struct agent_grant grant;
    struct arena a;
    struct raum_error error = {0};
    struct json_doc doc;
    static const char args[] = "{\"title\":\"viele\"}";
    arena_init(&a, 16u << 20);
    json_init(&doc);
    long failed = json_parse(&doc, args, strlen(args), 0, &error);
    for (int i = 0; i < 15; i++) {
        struct buf json, more;
        int rc = agent_desk_token(port, arg, &a, &grant, &error);
        struct agent_who who = serve_agents_who(&grant);
        buf_init(&json, 1u << 20);
        buf_init(&more, 1u << 20);
        if (rc == 0)
            rc = agent_host_tool(host, &who, "todo.create", json_root(&doc), NULL, &json, &more,
                                 &error);
        failed += rc != 0;
        buf_release(&json);
        buf_release(&more);
    }
    json_release(&doc);
    arena_release(&a);
    return (void *)failed;
}

static void test_many_threads(void **state)
{
    pthread_t threads[6];
    struct agent agents[3] = {make_agent(&anna, FAM, ""), make_agent(&bert, FAM, ""),
                              make_agent(&anna, CLUB, "")};
    void *failed;
    int count = 0;
    (void)state;
    for (int i = 0; i < 6; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, many, agents[i % 3].token), 0);
    for (int i = 0; i < 6; i++) {
        pthread_join(threads[i], &failed);
        assert_null(failed);
    }
    for (const char *p = seen_by(&bert, FAM); (p = strstr(p, "viele")); p++)
        count++;
    assert_int_equal(count, 60);
    count = 0;
    for (const char *p = must(&agents[0], "todo.list", "{\"limit\":200}"); (p = strstr(p, "viele"));
         p++)
        count++;
    assert_int_equal(count, 60);
}

/* What the relay refuses was not done, and nothing of it comes later. */
static void test_refused_there(void **state)
{
    const char *out;
    (void)state;
    struct agent a = make_agent(&anna, FAM, "");
    must(&a, "todo.create", "{\"title\":\"Brot\"}");
    OK(sql_begin(desk.sql, E));
    OK(sql_scope(desk.sql, "partition", FAM, E));
    OK(sql_run(desk.sql, E, "UPDATE partitions SET records = 1000000 WHERE id = ?1", "s", FAM));
    OK(sql_end(desk.sql, 0, E));
    assert_int_equal(call_tool(&a, "todo.create", "{\"title\":\"Zuviel\"}", &out), RAUM_ELIMIT);
    OK(sql_begin(desk.sql, E));
    OK(sql_scope(desk.sql, "partition", FAM, E));
    OK(sql_run(desk.sql, E, "UPDATE partitions SET records = 1 WHERE id = ?1", "s", FAM));
    OK(sql_end(desk.sql, 0, E));
    assert_false(has(must(&a, "todo.list", "{}"), "Zuviel"));
    must(&a, "todo.create", "{\"title\":\"Milch\"}");
    assert_false(has(seen_by(&bert, FAM), "Zuviel"));
}

/* ---- the personal space ---- */

static void test_sealed_needs_leave(void **state)
{
    const char *out;
    (void)state;
    struct agent closed = make_agent(&anna, anna.personal, ""),
                 open = make_agent(&anna, anna.personal, ",\"sealed\":true");
    assert_int_equal(call_tool(&closed, "todo.list", "{}", &out), RAUM_ELOCKED);
    assert_true(has(out, "raum mcp"));
    /* The owner lets it, but no key has come yet. */
    assert_int_equal(call_tool(&open, "todo.list", "{}", &out), RAUM_ELOCKED);
    DESK_IS(
        &desk, 200, "PUT", "/api/v1/vault/0000000000000001", anna.token,
        "{\"id\":\"0000000000000001\",\"partition\":\"personal\",\"created\":\"2026-11-25T00:00:"
        "00.000Z\",\"kind\":\"server\",\"secret\":\"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8"
        "\"}");
    must(&open, "todo.create", "{\"title\":\"Tagebuch\"}");
    assert_true(has(must(&open, "todo.list", "{}"), "Tagebuch"));
    assert_int_equal(call_tool(&closed, "todo.list", "{}", &out), RAUM_ELOCKED);
    /* On the server and in the replica's files it is sealed, and the key is in none of them. */
    const char *all = seen_by(&anna, anna.personal);
    assert_false(has(all, "Tagebuch"));
    assert_true(has(all, "raum:1:"));
    char command[700];
    snprintf(command, sizeof command,
             "! grep -rqa -e Tagebuch -e AAECAwQFBgcICQ %s/agents && ! find %s/agents -name "
             "keys.json | grep -q .",
             desk.kit.folder, desk.kit.folder);
    assert_int_equal(system(command), 0);
    home_restart_host();
    assert_true(has(must(&open, "todo.list", "{}"), "Tagebuch"));
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, home_up, home_down)
    const struct CMUnitTest tests[] = {
        T(test_agrees_with_others_G_A2),
        T(test_attribution_and_undo_G_A4),
        T(test_run_of_session),
        T(test_policy_G_A5),
        T(test_rate_G_A5),
        T(test_revoked_G_A3),
        T(test_left_G_A3),
        T(test_expired_G_A3),
        T(test_left_behind),
        T(test_two_agents_one_replica),
        T(test_few_are_awake),
        T(test_damaged),
        T(test_new_epoch),
        T(test_many_threads),
        T(test_refused_there),
        T(test_sealed_needs_leave),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
