/* The host's functions, on a connection of their own beside the server's, as another process has
 * it: what they change holds for the next request. */
#include "server/desk.h"

#include "server/admin.h"

static struct desk desk;
static struct sql *host;
static struct arena arena;
static char anna[64], bert[64];
static int64_t now;

static int set_up(void **state)
{
    (void)state;
    desk_open(&desk);
    desk_sign_up(&desk, "anna@example.org", anna);
    desk_sign_up(&desk, "bert@example.org", bert);
    host = kit_is_postgres() ? kit_connect(&desk.kit) : NULL;
    if (!host)
        KIT_OK(&desk.kit,
               sql_open(&host, desk.server->database, raum_env_native(), &desk.kit.error));
    arena_init(&arena, (size_t)16 << 20);
    now = raum_env_native()->now_ms(raum_env_native()->ctx);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    arena_release(&arena);
    sql_close(host);
    desk_close(&desk);
    return 0;
}

#define OK(call) KIT_OK(&desk.kit, call)
#define E (&desk.kit.error)

static void accounts(void **state)
{
    (void)state;
    struct admin_account *list, one;
    int count;
    OK(admin_accounts(host, &arena, NULL, 10, now, &list, &count, E));
    assert_int_equal(count, 2);
    assert_string_equal(list[0].email, "anna@example.org");
    assert_int_equal(list[0].sessions, 1);
    assert_int_equal(list[0].spaces, 1);
    assert_false(list[0].disabled);
    assert_true(list[0].seen > 0);
    /* page by page */
    OK(admin_accounts(host, &arena, NULL, 1, now, &list, &count, E));
    assert_int_equal(count, 1);
    OK(admin_accounts(host, &arena, list[0].email, 1, now, &list, &count, E));
    assert_int_equal(count, 1);
    assert_string_equal(list[0].email, "bert@example.org");
    OK(admin_accounts(host, &arena, list[0].email, 1, now, &list, &count, E));
    assert_int_equal(count, 0);
    /* by id or address */
    OK(admin_account(host, &arena, "ANNA@example.org", now, &one, E));
    OK(admin_account(host, &arena, one.id, now, &one, E));
    assert_string_equal(one.email, "anna@example.org");
    assert_int_equal(admin_account(host, &arena, "nobody@x.org", now, &one, E), RAUM_ENOT_FOUND);
    assert_int_equal(admin_account(host, &arena, "' OR 1=1 --", now, &one, E), RAUM_ENOT_FOUND);
}

static void disabling(void **state)
{
    (void)state;
    char again[64];
    const char *link;
    struct reply r;
    assert_int_equal(admin_set_disabled(host, "x", true, E), RAUM_ENOT_FOUND);
    /* A link on its way is void too. */
    OK(admin_reset_link(host, &arena, raum_env_native(), DESK_ORIGIN, "anna@example.org", &link,
                        E));
    OK(admin_set_disabled(host, "Anna@example.org", true, E));
    DESK_IS(&desk, 401, "GET", "/api/auth/organization/list", anna, NULL);
    assert_int_equal(desk_sign_in(&desk, "anna@example.org", DESK_PASSWORD, again), 401);
    const char *token = strstr(link, "token=") + 6;
    const char *body =
        arena_printf(&arena, "{\"newPassword\":\"another one\",\"token\":\"%s\"}", token);
    desk_ask(&desk, "POST", "/api/auth/reset-password", NULL, body, &r);
    assert_int_equal(r.status, 400);
    assert_string_equal(desk_text(&r, "code"), "INVALID_TOKEN");
    desk_done(&r);
    assert_int_equal(admin_reset_link(host, &arena, raum_env_native(), DESK_ORIGIN,
                                      "anna@example.org", &link, E),
                     RAUM_ENOT_ALLOWED);
    DESK_IS(&desk, 200, "GET", "/api/auth/organization/list", bert, NULL); /* others are not */
    OK(admin_set_disabled(host, "anna@example.org", false, E));
    assert_int_equal(desk_sign_in(&desk, "anna@example.org", DESK_PASSWORD, again), 200);
    DESK_IS(&desk, 200, "GET", "/api/auth/organization/list", again, NULL);
}

static void reset_links(void **state)
{
    (void)state;
    const char *link;
    char again[64];
    OK(admin_reset_link(host, &arena, raum_env_native(), DESK_ORIGIN, "bert@example.org", &link,
                        E));
    assert_memory_equal(
        link, DESK_ORIGIN "/reset-password?token=", strlen(DESK_ORIGIN "/reset-password?token="));
    const char *body = arena_printf(&arena, "{\"newPassword\":\"another one\",\"token\":\"%s\"}",
                                    strstr(link, "token=") + 6);
    DESK_IS(&desk, 200, "POST", "/api/auth/reset-password", NULL, body);
    DESK_IS(&desk, 400, "POST", "/api/auth/reset-password", NULL, body); /* once */
    assert_int_equal(desk_sign_in(&desk, "bert@example.org", DESK_PASSWORD, again), 401);
    assert_int_equal(desk_sign_in(&desk, "bert@example.org", "another one", again), 200);
}

static void sessions(void **state)
{
    (void)state;
    struct admin_session *list;
    int count;
    char again[64];
    assert_int_equal(desk_sign_in(&desk, "anna@example.org", DESK_PASSWORD, again), 200);
    OK(admin_sessions(host, &arena, "anna@example.org", now, &list, &count, E));
    assert_int_equal(count, 2);
    OK(admin_end_session(host, list[0].id, E));
    assert_int_equal(admin_end_session(host, list[0].id, E), RAUM_ENOT_FOUND);
    assert_int_equal(admin_end_session(host, anna, E), RAUM_ENOT_FOUND); /* a token is no id */
    DESK_IS(&desk, 401, "GET", "/api/auth/organization/list", anna, NULL);
    DESK_IS(&desk, 200, "GET", "/api/auth/organization/list", again, NULL);
    assert_int_equal(admin_sessions(host, &arena, "x", now, &list, &count, E), RAUM_ENOT_FOUND);
}

static void spaces(void **state)
{
    (void)state;
    struct admin_space *list;
    struct admin_stats stats;
    struct reply r;
    int count;
    DESK_IS(&desk, 200, "POST", "/api/auth/organization/create", anna,
            "{\"name\":\"Fam\",\"slug\":\"fam\",\"metadata\":{\"type\":\"family\"}}");
    OK(admin_spaces(host, &arena, NULL, 100, &list, &count, E));
    assert_int_equal(count, 3);
    assert_string_equal(list[2].slug, "fam");
    assert_string_equal(list[2].owner, "anna@example.org");
    assert_string_equal(list[2].tier, "public");
    assert_int_equal(list[2].members, 1);
    OK(admin_set_tier(host, "fam", "founder", E));
    assert_int_equal(admin_set_tier(host, "fam", "king", E), RAUM_EUSAGE);
    assert_int_equal(admin_set_tier(host, "none", "beta", E), RAUM_ENOT_FOUND);
    desk_ask(&desk, "GET", "/api/v1/spaces", anna, NULL, &r);
    assert_int_equal(r.status, 200);
    assert_non_null(strstr(buf_text(&r.body), "\"tier\":\"founder\""));
    desk_done(&r);
    /* Nothing that a client says sets it. */
    DESK_IS(&desk, 200, "POST", "/api/auth/organization/update", anna,
            "{\"data\":{\"tier\":\"guest\",\"metadata\":{\"tier\":\"guest\"}}}");
    OK(admin_spaces(host, &arena, "bert", 1, &list, &count, E));
    assert_string_equal(list[0].tier, "founder");

    DESK_IS(&desk, 200, "POST", "/api/auth/organization/delete", anna,
            arena_printf(&arena, "{\"organizationId\":\"%s\"}", list[0].id));
    OK(admin_set_disabled(host, "bert@example.org", true, E));
    OK(admin_stats(host, now, &stats, E));
    assert_int_equal(stats.accounts, 2);
    assert_int_equal(stats.disabled, 1);
    assert_int_equal(stats.sessions, 1);
    assert_int_equal(stats.spaces, 2);
    assert_int_equal(stats.personal, 2);
    assert_int_equal(stats.deleted, 1);
    assert_int_equal(stats.invitations, 0);
    OK(admin_spaces(host, &arena, "bert", 10, &list, &count, E));
    assert_int_equal(count, 1);
    assert_true(list[0].deleted > 0);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        CASE(accounts), CASE(disabling), CASE(reset_links), CASE(sessions), CASE(spaces),
    };
    return cmocka_run_group_tests_name("admin", tests, NULL, NULL);
}
