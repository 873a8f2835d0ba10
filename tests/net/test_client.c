#include "net/client.h"
#include "net/kit.h"

#include <arpa/inet.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

static struct http_server *server;
static int port;
static char url[200];

/* Places that answer as a foreign server might. */
static void handle(void *arg, void *state, struct http_request *q)
{
    const char *to = http_param(q, "to");
    if (strcmp(q->path, "/redirect") == 0 && to) {
        assert_int_equal(http_add(q, "Location", to), 0);
        assert_int_equal(http_reply(q, 307, NULL, NULL, 0), 0);
    } else if (strcmp(q->path, "/many") == 0) {
        for (int i = 0; i < 60; i++)
            assert_int_equal(http_addf(q, "X-Many", "%d", i), 0);
        assert_int_equal(http_reply(q, 200, NULL, NULL, 0), 0);
    } else if (strcmp(q->path, "/headers") == 0) {
        for (int i = 0; i < q->header_count; i++) {
            buf_printf(&q->answer, "%s=%s\n", q->headers[i].name, q->headers[i].value);
        }
        char *text = arena_str(&q->arena, buf_text(&q->answer));
        assert_int_equal(http_reply(q, 200, "text/plain", text, strlen(text)), 0);
    } else {
        kit_handle(arg, state, q);
    }
}

static int start(void **state)
{
    struct http_options o = kit_options();
    (void)state;
    o.handle = handle;
    server = kit_start(&o);
    port = http_port(server);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    http_stop(server, 2000);
    return 0;
}

static const char *at(const char *path)
{
    snprintf(url, sizeof url, "http://127.0.0.1:%d%s", port, path);
    return url;
}

static int ask(struct client_request q, struct client_answer *answer, struct raum_error *error)
{
    struct client *c;
    assert_int_equal(client_new(&c, error), 0);
    int result = client_run(c, &q, answer, error);
    client_free(c);
    return result;
}

static void test_exchange(void **state)
{
    struct client *c;
    struct client_answer a;
    struct raum_error error;
    (void)state;
    assert_int_equal(client_new(&c, &error), 0);
    for (int i = 0; i < 3; i++) { /* one connection for all of them */
        struct client_request q = {.method = "POST",
                                   .url = at("/echo?x=1"),
                                   .body = "{}",
                                   .body_len = 2,
                                   .type = "application/json"};
        assert_int_equal(client_run(c, &q, &a, &error), 0);
        assert_int_equal(a.status, 200);
        assert_non_null(strstr(buf_text(&a.body), "POST /echo?x=1"));
        assert_non_null(strstr(buf_text(&a.body), "body=2 x=1"));
        assert_string_equal(client_header(&a, "content-type", 0), "text/plain");
        assert_string_equal(client_header(&a, "set-cookie", 0), "a=1");
        assert_string_equal(client_header(&a, "set-cookie", 1), "b=2");
        assert_null(client_header(&a, "set-cookie", 2));
        assert_null(client_header(&a, "set", 0));
        client_answer_release(&a);
    }
    struct http_stats stats;
    http_stats(server, &stats);
    assert_int_equal(stats.connections, 1);
    struct client_request head = {.method = "HEAD", .url = at("/echo")};
    assert_int_equal(client_run(c, &head, &a, &error), 0);
    assert_int_equal(a.body.len, 0);
    client_answer_release(&a);
    struct client_request post = {.method = "POST", .url = at("/echo")};
    assert_int_equal(client_run(c, &post, &a, &error), 0);
    assert_non_null(strstr(buf_text(&a.body), "POST /echo? host=127.0.0.1"));
    client_answer_release(&a);
    struct client_request delete = {.method = "DELETE", .url = at("/echo")};
    assert_int_equal(client_run(c, &delete, &a, &error), 0);
    assert_non_null(strstr(buf_text(&a.body), "DELETE /echo?"));
    client_answer_release(&a);
    struct client_request none = {.url = at("/nowhere")};
    assert_int_equal(client_run(c, &none, &a, &error), 0);
    assert_int_equal(a.status, 404);
    client_answer_release(&a);
    client_free(c);
}

static void test_headers(void **state)
{
    struct client_answer a;
    struct raum_error error;
    (void)state;
    struct client_request q = {.url = at("/headers"),
                               .headers = (const char *[]){"Authorization: Bearer x", NULL}};
    assert_int_equal(ask(q, &a, &error), 0);
    assert_non_null(strstr(buf_text(&a.body), "Authorization=Bearer x\n"));
    assert_null(strstr(buf_text(&a.body), "Cookie"));
    assert_null(strstr(buf_text(&a.body), "Expect"));
    client_answer_release(&a);
    q.headers = (const char *[]){"X: a\r\nEvil: b", NULL}; /* a value must not add a line */
    assert_int_equal(ask(q, &a, &error), RAUM_EUSAGE);
    client_answer_release(&a);
    struct client_request many = {.url = at("/many")};
    assert_int_equal(ask(many, &a, &error), 0);
    assert_string_equal(client_header(&a, "x-many", 59), "59");
    client_answer_release(&a);
}

static void test_limits(void **state)
{
    struct client_answer a;
    struct raum_error error;
    (void)state;
    struct client_request q = {.url = at("/big/100000"), .max = 99999};
    assert_int_equal(ask(q, &a, &error), RAUM_ETOO_LARGE);
    client_answer_release(&a);
    q.max = 100000;
    assert_int_equal(ask(q, &a, &error), 0);
    assert_int_equal(a.body.len, 100000);
    client_answer_release(&a);
    struct client_request slow = {.url = at("/slow/3000"), .timeout_ms = 300};
    int64_t begun = kit_now();
    assert_int_equal(ask(slow, &a, &error), RAUM_EUNREACHABLE);
    assert_true(kit_now() - begun < 2000);
    assert_non_null(strstr(error.text, "timed out"));
    client_answer_release(&a);
}

static void test_unreachable(void **state)
{
    struct client_answer a;
    struct raum_error error;
    (void)state;
    struct sockaddr_in name = {.sin_family = AF_INET};
    socklen_t len = sizeof name;
    int fd = socket(AF_INET, SOCK_STREAM, 0); /* bound, but nobody listens */
    name.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    assert_int_equal(bind(fd, (struct sockaddr *)&name, len), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&name, &len), 0);
    snprintf(url, sizeof url, "http://127.0.0.1:%d/", ntohs(name.sin_port));
    struct client_request q = {.url = url};
    assert_int_equal(ask(q, &a, &error), RAUM_EUNREACHABLE);
    assert_true(strlen(error.text) > 10);
    client_answer_release(&a);
    close(fd);
    q.url = "http://no-such-host.invalid/";
    assert_int_equal(ask(q, &a, &error), RAUM_EUNREACHABLE);
    client_answer_release(&a);
    static const char *const wrong[] = {
        "file:///etc/passwd", "ftp://a/",       "gopher://a", "", "a", "http://",
        "http://a b/",        "http://a:99999/"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        q.url = wrong[i];
        assert_int_equal(ask(q, &a, &error), RAUM_EUSAGE);
        client_answer_release(&a);
    }
    q.url = NULL;
    assert_int_equal(ask(q, &a, &error), RAUM_EUSAGE);
    client_answer_release(&a);
}

static void test_redirects(void **state)
{
    struct client_answer a;
    struct raum_error error;
    (void)state;
    struct client_request q = {
        .method = "POST", .url = at("/redirect?to=/echo"), .body = "abc", .body_len = 3};
    assert_int_equal(ask(q, &a, &error), 0);
    assert_int_equal(a.status, 200);
    assert_non_null(strstr(buf_text(&a.body), "POST /echo? "));
    assert_non_null(strstr(buf_text(&a.body), "body=3"));
    client_answer_release(&a);
    /* Elsewhere is for the caller to decide: his headers and body go to nobody else. */
    static const char *const others[] = {"http://example.invalid/", "//example.invalid/x",
                                         "https://127.0.0.1/echo", "http://127.0.0.1:1/echo",
                                         "file:///etc/passwd"};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        char path[100];
        snprintf(path, sizeof path, "/redirect?to=%s", others[i]);
        struct client_request other = {.url = at(path)};
        assert_int_equal(ask(other, &a, &error), 0);
        assert_int_equal(a.status, 307);
        client_answer_release(&a);
    }
    struct client_request round = {.url = at("/redirect?to=/redirect?to=/redirect")};
    assert_int_equal(ask(round, &a, &error), 0);
    assert_true(a.status == 307 || a.status == 404);
    client_answer_release(&a);
}

static void test_ipv6(void **state)
{
    struct http_options o = kit_options();
    struct http_server *s;
    struct client_answer a;
    struct raum_error error;
    (void)state;
    o.host = "::1";
    if (http_start(&s, &o, &error) < 0)
        skip(); /* a machine without it */
    snprintf(url, sizeof url, "http://[::1]:%d/echo", http_port(s));
    assert_int_equal(ask((struct client_request){.url = url}, &a, &error), 0);
    assert_non_null(strstr(buf_text(&a.body), "host=[::1]:"));
    client_answer_release(&a);
    http_stop(s, 1000);
}

/* A server that says what it likes. */
struct liar {
    int listener;
    const char *text;
    size_t len;
};

static void *lie(void *arg)
{
    struct liar *l = arg;
    int fd = accept(l->listener, NULL, NULL);
    char junk[1000];
    (void)!recv(fd, junk, sizeof junk, 0);
    kit_send(fd, l->text, l->len);
    shutdown(fd, SHUT_WR);
    while (recv(fd, junk, sizeof junk, 0) > 0)
        continue;
    close(fd);
    return NULL;
}

static int ask_liar(const char *text, size_t len, struct client_answer *a, struct raum_error *error)
{
    struct sockaddr_in name = {.sin_family = AF_INET};
    socklen_t name_len = sizeof name;
    struct liar l = {socket(AF_INET, SOCK_STREAM, 0), text, len};
    pthread_t thread;
    name.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    assert_int_equal(bind(l.listener, (struct sockaddr *)&name, name_len), 0);
    assert_int_equal(listen(l.listener, 5), 0);
    assert_int_equal(getsockname(l.listener, (struct sockaddr *)&name, &name_len), 0);
    snprintf(url, sizeof url, "http://127.0.0.1:%d/", ntohs(name.sin_port));
    pthread_create(&thread, NULL, lie, &l);
    int result =
        ask((struct client_request){.url = url, .timeout_ms = 2000, .max = 100000}, a, error);
    pthread_join(thread, NULL);
    close(l.listener);
    return result;
}

static void test_liars(void **state)
{
    static char text[200000];
    struct client_answer a;
    struct raum_error error;
    size_t len;
    (void)state;
#define LIE(x) ask_liar(x, sizeof x - 1, &a, &error)
    assert_int_equal(LIE("garbage\r\n\r\n"), RAUM_EUNREACHABLE);
    client_answer_release(&a);
    assert_int_equal(LIE(""), RAUM_EUNREACHABLE);
    client_answer_release(&a);
    assert_int_equal(LIE("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort"), RAUM_EUNREACHABLE);
    client_answer_release(&a);
    assert_int_equal(LIE("HTTP/1.1 200 OK\r\nContent-Length: 30000000000\r\n\r\n"),
                     RAUM_ETOO_LARGE);
    client_answer_release(&a);
    assert_int_equal(LIE("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"),
                     RAUM_EUNREACHABLE);
    client_answer_release(&a);
    assert_int_equal(LIE("HTTP/1.1 100 Continue\r\nX: 1\r\n\r\nHTTP/1.1 200 OK\r\nY: 2\r\n\r\nok"),
                     0);
    assert_null(client_header(&a, "x", 0));
    assert_string_equal(client_header(&a, "y", 0), "2");
    client_answer_release(&a);
    len = (size_t)snprintf(text, sizeof text, "HTTP/1.1 200 OK\r\n"); /* no end of headers */
    while (len < sizeof text - 100)
        len += (size_t)snprintf(text + len, sizeof text - len, "X-Long: %064d\r\n", 1);
    assert_int_equal(ask_liar(text, len, &a, &error), RAUM_ETOO_LARGE);
    client_answer_release(&a);
    len = (size_t)snprintf(text, sizeof text, "HTTP/1.1 200 OK\r\n\r\n"); /* a body without end */
    memset(text + len, 'x', sizeof text - len);
    assert_int_equal(ask_liar(text, sizeof text, &a, &error), RAUM_ETOO_LARGE);
    client_answer_release(&a);
}

/* ---- answers that do not end ---- */

static struct client_stream *open_stream(const char *path)
{
    struct client_stream *s = NULL;
    struct client_request q = {.url = at(path)};
    assert_int_equal(client_stream_open(&s, &q, NULL), 0);
    return s;
}

/* Until something is there, or the end. */
static int read_some(struct client_stream *s, struct buf *into)
{
    size_t before = into->len;
    int rc = 0;
    for (int i = 0; i < 200 && rc == 0 && into->len == before; i++)
        rc = client_stream_read(s, 50, into, NULL);
    return rc;
}

static void test_stream(void **state)
{
    struct buf in;
    struct http_stream *theirs = NULL;
    (void)state;
    buf_init(&in, 1 << 20);
    struct client_stream *s = open_stream("/stream");
    assert_int_equal(client_stream_status(s), 0);
    assert_int_equal(client_stream_read(s, 50, &in, NULL), 0);
    theirs = kit_take_stream();
    assert_int_equal(http_stream_send(theirs, "data: 1\n\n", 9), 0);
    assert_int_equal(read_some(s, &in), 0);
    assert_string_equal(buf_text(&in), "data: 1\n\n");
    assert_int_equal(client_stream_status(s), 200);
    assert_string_equal(client_stream_header(s, "content-type"), "text/event-stream");
    int64_t before = kit_now();
    buf_reset(&in);
    assert_int_equal(client_stream_read(s, 100, &in, NULL), 0); /* nothing: back in time */
    assert_in_range(kit_now() - before, 50, 3000);
    assert_int_equal(in.len, 0);
    assert_int_equal(http_stream_send(theirs, "data: 2\n\n", 9), 0);
    http_stream_finish(theirs);
    http_stream_unref(theirs);
    assert_int_equal(read_some(s, &in), 0); /* what came before the end is read first */
    assert_string_equal(buf_text(&in), "data: 2\n\n");
    assert_int_equal(read_some(s, &in), RAUM_END);
    assert_int_equal(client_stream_read(s, 50, &in, NULL), RAUM_END);
    client_stream_free(s);
    buf_release(&in);
}

/* Without its last chunk it has not ended. */
static void test_stream_cut(void **state)
{
    struct buf in;
    (void)state;
    buf_init(&in, 1 << 20);
    struct client_stream *s = open_stream("/stream");
    assert_int_equal(client_stream_read(s, 50, &in, NULL), 0);
    struct http_stream *theirs = kit_take_stream();
    assert_int_equal(http_stream_send(theirs, "data: 1\n\n", 9), 0);
    assert_int_equal(read_some(s, &in), 0);
    http_stream_close(theirs);
    http_stream_unref(theirs);
    assert_int_equal(read_some(s, &in), RAUM_EUNREACHABLE);
    assert_int_equal(client_stream_read(s, 50, &in, NULL), RAUM_EUNREACHABLE);
    client_stream_free(s);
    buf_release(&in);
}

static bool is_late(void *arg)
{
    return kit_now() > *(int64_t *)arg;
}

/* Whoever gives up has waited long enough, also for an answer that never ends. */
static void test_given_up(void **state)
{
    struct client *c;
    struct client_answer a;
    int64_t until = kit_now() + 200, before = kit_now();
    struct client_request q = {.url = at("/stream"), .stop = is_late, .stop_arg = &until};
    (void)state;
    assert_int_equal(client_new(&c, NULL), 0);
    assert_int_equal(client_run(c, &q, &a, NULL), RAUM_EUNREACHABLE);
    assert_in_range(kit_now() - before, 150, 1500);
    client_answer_release(&a);
    struct http_stream *theirs = kit_take_stream();
    http_stream_finish(theirs);
    http_stream_unref(theirs);
    until = kit_now() + 60000; /* the next one is as any */
    q.url = at("/echo");
    assert_int_equal(client_run(c, &q, &a, NULL), 0);
    assert_true(a.status >= 200);
    client_answer_release(&a);
    client_free(c);
}

/* More than is held waits in the connection; nothing of it is lost. */
static void test_stream_held(void **state)
{
    struct buf in;
    size_t total = 0;
    int rc = 0;
    (void)state;
    buf_init(&in, 4 << 20);
    struct client_stream *s = open_stream("/big/6000000");
    for (int i = 0; i < 20; i++) /* it comes, and nobody reads */
        kit_sleep(5);
    while (rc == 0) {
        buf_reset(&in);
        rc = read_some(s, &in);
        assert_true(in.len <= CLIENT_STREAM_HELD + 65536);
        total += in.len;
    }
    assert_int_equal(rc, RAUM_END);
    assert_int_equal(total, 6000000);
    client_stream_free(s);
    buf_release(&in);
}

static void test_stream_refused(void **state)
{
    struct buf in;
    struct raum_error error = {0};
    struct client_stream *s = NULL;
    struct client_request q = {.url = "ftp://127.0.0.1/"};
    (void)state;
    buf_init(&in, 1 << 20);
    assert_int_equal(client_stream_open(&s, &q, &error), RAUM_EUSAGE);
    assert_null(s);
    q.url = "http://127.0.0.1:1/";
    assert_int_equal(client_stream_open(&s, &q, &error), 0);
    assert_int_equal(read_some(s, &in), RAUM_EUNREACHABLE);
    client_stream_free(s);
    s = open_stream("/nowhere");
    (void)!read_some(s, &in);
    assert_int_equal(client_stream_status(s), 404);
    client_stream_free(s);
    client_stream_free(NULL);
    buf_release(&in);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_exchange),       cmocka_unit_test(test_headers),
        cmocka_unit_test(test_limits),         cmocka_unit_test(test_unreachable),
        cmocka_unit_test(test_redirects),      cmocka_unit_test(test_liars),
        cmocka_unit_test(test_ipv6),           cmocka_unit_test(test_stream),
        cmocka_unit_test(test_stream_cut),     cmocka_unit_test(test_stream_held),
        cmocka_unit_test(test_stream_refused), cmocka_unit_test(test_given_up),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
