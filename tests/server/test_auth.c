/* Better Auth's core protocol, through call_dispatch, on both databases. */
#include "server/desk.h"

static void test_sign_up(void **state)
{
    (void)state;
    struct desk d;
    char token[64];
    desk_open(&d);
    desk_sign_up(&d, "anna@example.org", token);
    struct reply r;
    desk_ask(&d, "GET", "/api/auth/get-session", token, NULL, &r);
    assert_int_equal(r.status, 200);
    assert_string_equal(desk_text(&r, "user.email"), "anna@example.org");
    assert_non_null(desk_header(&r, "set-auth-jwt"));
    desk_done(&r);
    desk_close(&d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sign_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
