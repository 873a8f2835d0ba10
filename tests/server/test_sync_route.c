/* /api/v1/sync as a route, on both databases: who is asked for, what is too much at once (413) or
 * too often (429), and that the server's sweep takes the relay along. */
#include "server/desk.h"

#include "server/relay/relay.h"

static struct desk desk;
static char anna[64];

static int set_up(void **state)
{
    (void)state;
    desk_open(&desk);
    desk_sign_up(&desk, "anna@example.org", anna);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    desk_close(&desk);
    return 0;
}

static void test_exchange(void **state)
{
    struct reply r;
    (void)state;
    static const char push[] =
        "{\"clientId\":\"phone\",\"changes\":[{\"table\":\"tasks\",\"id\":\"t\",\"op\":\"insert\","
        "\"data\":{\"title\":\"Brot\"}},{\"table\":\"tasks\",\"id\":\"t\",\"op\":\"dance\"}]}";
    desk_ask(&desk, "POST", "/api/v1/sync", anna, push, &r);
    assert_int_equal(r.status, 200);
    assert_non_null(strstr(buf_text(&r.body), "\"applied\""));
    assert_non_null(strstr(buf_text(&r.body), "\"BAD_CHANGE\""));
    assert_non_null(strstr(buf_text(&r.body), "Brot")); /* it has been filled in */
    desk_done(&r);
    desk_ask(&desk, "POST", "/api/v1/sync", anna, push, &r);
    assert_non_null(strstr(buf_text(&r.body), "\"duplicate\""));
    desk_done(&r);
    DESK_CODE(&desk, 401, "UNAUTHORIZED", "POST", "/api/v1/sync", NULL, push);
    DESK_CODE(&desk, 400, "BAD_CHANGE", "POST", "/api/v1/sync", anna,
              "{\"clientId\":\"p\","
              "\"changes\":7}");
    DESK_CODE(&desk, 404, "NOT_FOUND", "POST", "/api/v1/sync?space=elsewhere", anna, push);
}

static void test_too_many_changes_G_O3(void **state)
{
    struct buf list;
    (void)state;
    buf_init(&list, 4u << 20);
    buf_str(&list, "{\"clientId\":\"phone\",\"changes\":[{}");
    for (int i = 0; i < WIRE_CHANGES_MAX; i++)
        buf_str(&list, ",{}");
    buf_str(&list, "]}");
    DESK_CODE(&desk, 413, "TOO_LARGE", "POST", "/api/v1/sync", anna, buf_text(&list));
    buf_release(&list);
}

/* A loop without pause is stopped, and told for how long; somebody else is not. */
static void test_rate_G_O3(void **state)
{
    char bert[64];
    struct reply r;
    struct buf big;
    int allowed = 0;
    (void)state;
    desk_sign_up(&desk, "bert@example.org", bert);
    desk.server->options.limits = true;
    buf_init(&big, 2u << 20);
    buf_str(&big, "{\"clientId\":\"phone\",\"changes\":[],\"more\":\"");
    for (int i = 0; i < 1000; i++)
        buf_printf(&big, "%01000d", 0);
    buf_str(&big, "\"}");
    for (;; allowed++) {
        desk_ask(&desk, "POST", "/api/v1/sync", anna, buf_text(&big), &r);
        if (r.status != 200)
            break;
        assert_true(allowed < 1000);
        desk_done(&r);
    }
    assert_int_equal(r.status, 429);
    assert_true(allowed > 100); /* a first upload goes through */
    assert_string_equal(desk_text(&r, "error.code"), "RATE_LIMITED");
    const char *wait = desk_header(&r, "Retry-After");
    assert_non_null(wait);
    assert_in_range(strtol(wait, NULL, 10), 1, 128);
    desk_done(&r);
    buf_release(&big);
    DESK_IS(&desk, 200, "POST", "/api/v1/sync", bert, "{\"clientId\":\"p\",\"changes\":[]}");
    desk.server->options.limits = false;
}

static void test_sweep_takes_the_relay_along(void **state)
{
    struct raum_error e = {0};
    struct sql_rows *rows;
    (void)state;
    DESK_IS(&desk, 200, "POST", "/api/v1/sync", anna,
            "{\"clientId\":\"p\",\"changes\":[{\"table\":\"tasks\",\"id\":\"t\",\"op\":\"insert\","
            "\"data\":{\"title\":\"Brot\"}}]}");
    assert_int_equal(sql_run(desk.sql, &e, "UPDATE receipts SET created = created - ?1", "i",
                             RELAY_KEEP_MS + 60000),
                     0);
    assert_int_equal(server_sweep(desk.server, &e), 0);
    assert_int_equal(sql_one(desk.sql, &rows, &e, "SELECT count(*) AS n FROM receipts", ""), 0);
    assert_int_equal(sql_int(rows, "n"), 0);
    sql_rows_free(rows);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_exchange),
        TEST(test_too_many_changes_G_O3),
        TEST(test_rate_G_O3),
        TEST(test_sweep_takes_the_relay_along),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
