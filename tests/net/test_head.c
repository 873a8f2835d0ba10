#include "net/head.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* The status that a head is refused with; 0: taken; -1: it never ends. */
static int judge(const char *text, size_t len)
{
    struct head_scan scan = {0};
    struct head h;
    const char *why = NULL;
    enum head_scan_result r = head_scan(&scan, text, len);
    /* Byte by byte it must be the same. */
    struct head_scan slow = {0};
    enum head_scan_result again = HEAD_MORE;
    for (size_t i = 1; i <= len && again == HEAD_MORE; i++)
        again = head_scan(&slow, text, i);
    assert_int_equal(r, again);
    assert_int_equal(scan.at, slow.at);
    if (r != HEAD_DONE)
        return r == HEAD_MORE ? -1 : 400;
    int status = head_parse(&h, text, scan.at, &why);
    assert_true(status == 0 || why);
    return status;
}

#define JUDGE(text) judge("" text, sizeof text - 1)
#define GET "GET / HTTP/1.1\r\nHost: a\r\n"
#define POST "POST / HTTP/1.1\r\nHost: a\r\n"

static void test_framing(void **state)
{
    (void)state;
    assert_int_equal(JUDGE(GET "\r\n"), 0);
    assert_int_equal(JUDGE(GET "X:   y z  \r\n\r\n"), 0);
    assert_int_equal(JUDGE(GET "X: \ty\r\n\r\n"), 400);
    assert_int_equal(JUDGE(POST "Transfer-Encoding:\tchunked\r\n\r\n"), 400);
    assert_int_equal(JUDGE("GET / HTTP/1.0\r\nHost: a\r\n\r\n"), 0);
    assert_int_equal(JUDGE(POST "Content-Length: 0\r\n\r\n"), 0);
    assert_int_equal(JUDGE(POST "Content-Length: 12\r\n\r\n"), 0);
    assert_int_equal(JUDGE(POST "transfer-encoding: Chunked\r\n\r\n"), 0);
    assert_int_equal(JUDGE(GET), -1);
    assert_int_equal(JUDGE("GET / HTTP/1.1\r\n\r\n"), 400);
    assert_int_equal(JUDGE(GET "Host: a\r\n\r\n"), 400);
    assert_int_equal(JUDGE(GET "host: b\r\n\r\n"), 400);
    assert_int_equal(JUDGE("GET / HTTP/1.1\r\nHost: \r\n\r\n"), 400);
    assert_int_equal(JUDGE("GET / HTTP/1.1\r\nHost: a/b\r\n\r\n"), 400);
    assert_int_equal(JUDGE("GET / HTTP/1.1\r\nHost: a b\r\n\r\n"), 400);
    assert_int_equal(JUDGE("GET / HTTP/1.1\r\nHost: a@b\r\n\r\n"), 400);
    assert_int_equal(JUDGE("GET / HTTP/1.1\r\nHost: [::1]:80\r\n\r\n"), 0);
    assert_int_equal(JUDGE(POST "Content-Length: 3\r\nContent-Length: 3\r\n\r\n"), 400);
    assert_int_equal(JUDGE(POST "Content-Length: 3, 3\r\n\r\n"), 400);
    assert_int_equal(JUDGE(POST "Content-Length: +3\r\n\r\n"), 400);
    assert_int_equal(JUDGE(POST "Content-Length: -1\r\n\r\n"), 400);
    assert_int_equal(JUDGE(POST "Content-Length: 0x3\r\n\r\n"), 400);
    assert_int_equal(JUDGE(POST "Content-Length: 3 3\r\n\r\n"), 400);
    assert_int_equal(JUDGE(POST "Content-Length:\r\n\r\n"), 400);
    assert_int_equal(JUDGE(POST "Content-Length: 99999999999999999999\r\n\r\n"), 413);
    assert_int_equal(JUDGE(POST "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n"), 400);
    assert_int_equal(JUDGE(POST "Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n"), 400);
    assert_int_equal(JUDGE(POST "Transfer-Encoding: gzip, chunked\r\n\r\n"), 400);
    assert_int_equal(JUDGE(POST "Transfer-Encoding: xchunked\r\n\r\n"), 400);
    assert_int_equal(JUDGE(POST "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n"),
                     400);
    assert_int_equal(JUDGE("POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"),
                     400);
    assert_int_equal(JUDGE(POST "Expect: 200-maybe\r\n\r\n"), 417);
}

static void test_lines(void **state)
{
    (void)state;
    assert_int_equal(JUDGE("GET / HTTP/1.1\nHost: a\n\n"), 400);
    assert_int_equal(JUDGE("GET / HTTP/1.1\r\nHost: a\n\r\n"), 400);
    assert_int_equal(JUDGE("GET / HTTP/1.1\r\nHost: a\r\r\n\r\n"), 400);
    assert_int_equal(JUDGE(GET " folded: 1\r\n\r\n"), 400);
    assert_int_equal(JUDGE(GET "X: 1\r\n\tmore\r\n\r\n"), 400);
    assert_int_equal(JUDGE(GET "X : 1\r\n\r\n"), 400);
    assert_int_equal(JUDGE(GET ": 1\r\n\r\n"), 400);
    assert_int_equal(JUDGE(GET "no colon\r\n\r\n"), 400);
    assert_int_equal(JUDGE(GET "X: a\0b\r\n\r\n"), 400);
    assert_int_equal(JUDGE(GET "X\0: b\r\n\r\n"), 400);
    assert_int_equal(JUDGE(GET "X: \x01\r\n\r\n"), 400);
    assert_int_equal(JUDGE(GET "X: \x7f\r\n\r\n"), 400);
    assert_int_equal(JUDGE(GET "X: \xc3\xa4\r\n\r\n"), 0);
    assert_int_equal(JUDGE("\x16\x03\x01"), 400);
    assert_int_equal(JUDGE("GET  / HTTP/1.1\r\nHost: a\r\n\r\n"), 400);
    assert_int_equal(JUDGE("GET /  HTTP/1.1\r\nHost: a\r\n\r\n"), 400);
    assert_int_equal(JUDGE("GET / a HTTP/1.1\r\nHost: a\r\n\r\n"), 400);
    assert_int_equal(JUDGE("GET /\tHTTP/1.1\r\nHost: a\r\n\r\n"), 400);
    assert_int_equal(JUDGE(" GET / HTTP/1.1\r\nHost: a\r\n\r\n"), 400);
    assert_int_equal(JUDGE("GET /\r\nHost: a\r\n\r\n"), 400);
    assert_int_equal(JUDGE("GET / HTTP/2.0\r\nHost: a\r\n\r\n"), 505);
    assert_int_equal(JUDGE("GET / HTTP/1.2\r\nHost: a\r\n\r\n"), 505);
    assert_int_equal(JUDGE("GET / http/1.1\r\nHost: a\r\n\r\n"), 400);
    assert_int_equal(JUDGE("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), 505);
    assert_int_equal(JUDGE("TRACE / HTTP/1.1\r\nHost: a\r\n\r\n"), 501);
    assert_int_equal(JUDGE("CONNECT a:80 HTTP/1.1\r\nHost: a\r\n\r\n"), 501);
    assert_int_equal(JUDGE("get / HTTP/1.1\r\nHost: a\r\n\r\n"), 501);
    assert_int_equal(JUDGE("GET http://a/ HTTP/1.1\r\nHost: a\r\n\r\n"), 400);
    assert_int_equal(JUDGE("OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n"), 400);
    assert_int_equal(JUDGE("GET /#x HTTP/1.1\r\nHost: a\r\n\r\n"), 400);
    assert_int_equal(JUDGE("GET /\xff HTTP/1.1\r\nHost: a\r\n\r\n"), 400);
}

static void test_many(void **state)
{
    static char text[20000];
    size_t len = 0;
    (void)state;
    len += (size_t)snprintf(text, sizeof text, GET);
    for (int i = 0; i < HEAD_FIELDS_MAX - 1; i++)
        len += (size_t)snprintf(text + len, sizeof text - len, "X-%d: 1\r\n", i);
    memcpy(text + len, "\r\n", 3);
    assert_int_equal(judge(text, len + 2), 0);
    memcpy(text + len, "Y: 1\r\n\r\n", 9);
    assert_int_equal(judge(text, len + 8), 431);
    len = (size_t)snprintf(text, sizeof text, "GET /");
    memset(text + len, 'a', HEAD_TARGET_MAX);
    len += HEAD_TARGET_MAX;
    len += (size_t)snprintf(text + len, sizeof text - len, " HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_int_equal(judge(text, len), 414);
}

static void path_is(const char *target, const char *wanted)
{
    char *out = malloc(strlen(target) + 1); /* exact: an overrun is seen */
    assert_non_null(out);
    bool good = head_path(target, strlen(target), out);
    if (good != (wanted != NULL) || (good && strcmp(out, wanted) != 0))
        fail_msg("%s became %s", target, good ? out : "none");
    free(out);
}

static void test_paths(void **state)
{
    static const char *const bad[] = {
        "",       "a",       "*",       "/a//b",     "//a",     "/./a",   "/a/.",   "/a/..",
        "/../a",  "/%2e/a",  "/%2e%2e", "/a/.%2E/b", "/%2f",    "/a%2fb", "/a%2Fb", "/a\\b",
        "/a%5cb", "/%00",    "/a%0ab",  "/%7f",      "/%",      "/%4",    "/%4g",   "/%zz",
        "/%ff",   "/%c0%ae", "/%c3",    "/%u0041",   "/a?/../",
    };
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad - 1; i++)
        path_is(bad[i], NULL);
    path_is("/", "/");
    path_is("/a/b/", "/a/b/");
    path_is("/a?/../x%00", "/a");
    path_is("/%41%c3%a4", "/A\xc3\xa4");
    path_is("/.well-known/...", "/.well-known/...");
    path_is("/a+b%2B", "/a+b+");
    path_is("/@slug/%25", "/@slug/%");
}

static void param_is(const char *query, const char *name, const char *wanted)
{
    char *out = malloc(strlen(query) + 1);
    assert_non_null(out);
    long len = head_param(query, strlen(query), name, out);
    if ((len >= 0) != (wanted != NULL) || (wanted && strcmp(out, wanted) != 0))
        fail_msg("%s of %s: %s", name, query, len >= 0 ? out : "none");
    free(out);
}

static void test_params(void **state)
{
    (void)state;
    param_is("a=1&b=2&a=3", "a", "1");
    param_is("a=1&b=2", "b", "2");
    param_is("a=1&b=2", "c", NULL);
    param_is("a&b", "a", "");
    param_is("a=", "a", "");
    param_is("&&=x&a=%26%3D+%2b", "a", "&= +");
    param_is("%61=x", "a", "x");
    param_is("a=%00", "a", NULL);
    param_is("a=%ff", "a", NULL);
    param_is("a=%4", "a", NULL);
    param_is("a=b=c", "a", "b=c");
    param_is("ab=1", "a", NULL);
    assert_int_equal(head_query("/a?b?c", 6).len, 3);
    assert_int_equal(head_query("/a", 2).len, 0);
}

static void test_lists(void **state)
{
    (void)state;
    assert_true(head_lists("br", "br"));
    assert_true(head_lists("gzip, BR;q=0.5", "br"));
    assert_true(head_lists("gzip,br", "br"));
    assert_false(head_lists("gzip", "br"));
    assert_false(head_lists("brotli", "br"));
    assert_false(head_lists("br;q=0", "br"));
    assert_false(head_lists("br; q=0.000", "br"));
    assert_false(head_lists("", "br"));
}

static enum head_scan_result chunks(const char *text, uint64_t max, uint64_t *body)
{
    struct head_chunks c = {0}, slow = {0};
    size_t used, len = strlen(text), at = 0;
    enum head_scan_result r = head_chunks(&c, text, len, max, &used), again = HEAD_MORE;
    while (at < len && again == HEAD_MORE) {
        size_t n;
        again = head_chunks(&slow, text + at, 1, max, &n);
        at += n;
    }
    assert_int_equal(r, again);
    assert_int_equal(c.body, slow.body);
    if (r == HEAD_DONE)
        assert_int_equal(used, at);
    if (body)
        *body = c.body;
    return r;
}

static void test_chunks(void **state)
{
    uint64_t body;
    (void)state;
    assert_int_equal(chunks("0\r\n\r\n", 100, &body), HEAD_DONE);
    assert_int_equal(body, 0);
    assert_int_equal(chunks("3\r\nabc\r\n0A\r\n0123456789\r\n0\r\n\r\nGET", 100, &body), HEAD_DONE);
    assert_int_equal(body, 13);
    assert_int_equal(chunks("3\r\nab", 100, NULL), HEAD_MORE);
    assert_int_equal(chunks("3\r\nabcd\r\n", 100, NULL), HEAD_BAD);
    assert_int_equal(chunks("3\nabc\n0\n\n", 100, NULL), HEAD_BAD);
    assert_int_equal(chunks("\r\n", 100, NULL), HEAD_BAD);
    assert_int_equal(chunks("-1\r\n", 100, NULL), HEAD_BAD);
    assert_int_equal(chunks(" 3\r\n", 100, NULL), HEAD_BAD);
    assert_int_equal(chunks("3 \r\nabc\r\n", 100, NULL), HEAD_BAD);
    assert_int_equal(chunks("0x3\r\nabc\r\n", 100, NULL), HEAD_BAD);
    assert_int_equal(chunks("3;ext=1\r\nabc\r\n", 100, NULL), HEAD_BAD);
    assert_int_equal(chunks("0\r\nTrailer: 1\r\n\r\n", 100, NULL), HEAD_BAD);
    assert_int_equal(chunks("fffffffff\r\n", 100, NULL), HEAD_BAD);
    assert_int_equal(chunks("ffffffff\r\n", 100, NULL), HEAD_LARGE);
    assert_int_equal(chunks("64\r\n", 100, NULL), HEAD_MORE);
    assert_int_equal(chunks("65\r\n", 100, NULL), HEAD_LARGE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_framing), cmocka_unit_test(test_lines),  cmocka_unit_test(test_many),
        cmocka_unit_test(test_paths),   cmocka_unit_test(test_params), cmocka_unit_test(test_lists),
        cmocka_unit_test(test_chunks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
