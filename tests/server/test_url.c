/* URLs: what is trusted, what is refused, and that nothing in between is read differently by a
 * browser. */
#include "server/kit.h"
#include "server/url.h"

static struct arena arena;

static int set_up(void **state)
{
    (void)state;
    arena_init(&arena, 1 << 20);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    arena_release(&arena);
    return 0;
}

static void is(const char *got, const char *wanted)
{
    if (!wanted)
        assert_null(got);
    else {
        assert_non_null(got);
        assert_string_equal(got, wanted);
    }
}

static void test_origin(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"http://A.Example/x?y#z", "http://a.example"},
        {"https://a.example:443/", "https://a.example"},
        {"https://a.example:8443", "https://a.example:8443"},
        {"http://a.example:443", "http://a.example:443"},
        {"HTTP://a.example:80?q", "http://a.example"},
        {"http://[::1]:7117/", "http://[::1]:7117"},
        {"http://", NULL},
        {"http:///x", NULL},
        {"http://a.example\\@b.example", NULL},
        {"http://user@b.example", NULL},
        {"http://a.example:", NULL},
        {"http://a b.example", NULL},
        {"http://a.example\tb", NULL},
        {"//a.example", NULL},
        {"javascript:alert(1)", NULL},
        {"null", NULL},
        {"", NULL},
        {"http:/a.example", NULL},
        {"http://a.example%2f.b", NULL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        is(url_origin(&arena, cases[i][0]), cases[i][1]);
    char *lang = arena_alloc(&arena, 4000);
    memset(lang, 'a', 3999);
    memcpy(lang, "http://", 7);
    lang[3999] = '\0';
    assert_null(url_origin(&arena, lang));
}

static void test_patterns(void **state)
{
    (void)state;
    static const struct {
        const char *url, *pattern;
        bool match;
    } cases[] = {
        {"https://a.example/x", "https://a.example", true},
        {"https://a.example.evil", "https://a.example", false},
        {"http://a.example", "https://a.example", false},
        {"https://x.a.example", "https://*.a.example", true},
        {"https://x.y.a.example", "https://*.a.example", true},
        {"https://a.example", "https://*.a.example", false},
        {"https://evil.example/.a.example", "https://*.a.example", false},
        {"https://x.a.example", "*.a.example", true},
        {"http://x.a.example:81", "*.a.example", false},
        {"http://192.168.1.7", "http://192.168.*", true},
        {"http://192.168.evil.example", "http://192.168.*", false},
        {"http://192.168.1.7", "192.168.*", true},
        {"http://192.168.evil.example", "192.168.*", false},
        {"https://a1.example", "https://a?.example", true},
        {"https://a.example@evil.example", "https://a.example", false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        if (url_matches(&arena, cases[i].url, cases[i].pattern) != cases[i].match)
            fail_msg("%s against %s", cases[i].url, cases[i].pattern);
    /* A pattern of many stars takes no time that anybody would notice. */
    char url[2000] = "http://";
    memset(url + 7, 'a', 1900);
    assert_false(url_matches(&arena, url, "http://*a*a*a*a*a*a*a*a*a*a*a*a*a*a*b"));
}

static void test_relative(void **state)
{
    (void)state;
    static const char *const good[] = {"/", "/a", "/a/b?c=//d", "/a?x=%2F", "/a#//b", "/%2e"};
    static const char *const bad[] = {"",       "a",         "//a",   "/\\a",  "/a\\b",
                                      "/a%2fb", "/%5Ca/%2F", "/a\nb", "/a\tb", "http://a"};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        if (!url_relative(good[i]))
            fail_msg("%s is refused", good[i]);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        if (url_relative(bad[i]))
            fail_msg("%s is taken", bad[i]);
}

static void test_hosts(void **state)
{
    (void)state;
    static const char *const addresses[] = {"127.0.0.1",   "127.0.0.1:7117", "localhost:1",
                                            "[::1]:7117",  "192.168.1.2",    "[fe80::1]",
                                            "a.localhost", "10.0.0.1:80"};
    static const char *const names[] = {
        "",      "evil.example", "127.0.0.1.evil.example", "[::1",       "localhost.evil", "::1",
        "127.1", "xlocalhost",   "[evil.example]",         "0x7f.0.0.1", "1.2.3.4.5"};
    for (size_t i = 0; i < sizeof addresses / sizeof *addresses; i++)
        if (!url_host_is_address(addresses[i]))
            fail_msg("%s is none", addresses[i]);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (url_host_is_address(names[i]))
            fail_msg("%s is one", names[i]);
}

static void test_encoding(void **state)
{
    (void)state;
    struct buf out;
    buf_init(&out, 1000);
    url_encode(&out, "a/b?c=d e+f&ä~");
    assert_string_equal(buf_text(&out), "a%2Fb%3Fc%3Dd%20e%2Bf%26%C3%A4~");
    is(url_decode(&arena, out.data, out.len, false), "a/b?c=d e+f&ä~");
    buf_release(&out);
    is(url_decode(&arena, "a+b%20c", 7, true), "a b c");
    is(url_decode(&arena, "a+b", 3, false), "a+b");
    is(url_decode(&arena, "%", 1, false), NULL);
    is(url_decode(&arena, "%4", 2, false), NULL);
    is(url_decode(&arena, "%4g", 3, false), NULL);
    is(url_decode(&arena, "a%00b", 5, false), NULL);
    is(url_decode(&arena, "%ff", 3, false), NULL);
    is(url_decode(&arena, "a\0b", 3, false), NULL);
    is(url_decode(&arena, "", 0, false), "");
}

static void test_add(void **state)
{
    (void)state;
    is(url_add(&arena, "/x", "a", "b c"), "/x?a=b%20c");
    is(url_add(&arena, "/x?y=1", "a", "b"), "/x?y=1&a=b");
    is(url_add(&arena, "/x?y=1#z?", "a", "b"), "/x?y=1&a=b#z?");
    is(url_add(&arena, "/x#z", "a", "b"), "/x?a=b#z");
    is(url_add(&arena, "/x?", "a", "b"), "/x?a=b");
    is(url_add(&arena, "http://h:1", "a", "b"), "http://h:1/?a=b");
    is(url_add(&arena, "http://h:1/", "a", "b"), "http://h:1/?a=b");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_origin, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_patterns, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_relative, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_hosts, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_encoding, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_add, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
