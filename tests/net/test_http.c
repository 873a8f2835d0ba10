#include "net/kit.h"

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

static int start(void **state)
{
    struct http_options o = kit_options();
    (void)state;
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

/* Sends text on one connection and expects what stands in the answer. */
static void expect(const char *text, const char *const *parts)
{
    int fd = kit_connect(port);
    kit_say(fd, text);
    char *answer = kit_answer(fd, 2000);
    for (int i = 0; parts[i]; i++)
        if (!strstr(answer, parts[i]))
            fail_msg("no %s in %s", parts[i], answer);
    free(answer);
    close(fd);
}

static int count(const char *text, const char *part)
{
    int n = 0;
    for (; (text = strstr(text, part)); text++)
        n++;
    return n;
}

static void test_answers(void **state)
{
    (void)state;
    expect("GET /echo?x=%41+b&y HTTP/1.1\r\nHost: Example.ORG:80\r\n\r\n",
           (const char *[]){"HTTP/1.1 200 OK\r\n", "GET /echo?x=%41+b&y host=example.org:80 body=0",
                            "x=A b", "X-One: 1\r\n", "Set-Cookie: a=1\r\n", "Set-Cookie: b=2\r\n",
                            "X-Request-Id: ", "Date: ", "Content-Length: ", NULL});
    expect("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc",
           (const char *[]){"body=3", NULL});
    expect("DELETE /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc",
           (const char *[]){"DELETE /echo?", "body=3", NULL});
    expect("POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n"
           "a\r\n0123456789\r\n0\r\n\r\n",
           (const char *[]){"body=13", NULL});
    expect("GET /nothing HTTP/1.1\r\nHost: a\r\n\r\n", (const char *[]){" 404 Not Found", NULL});
    expect("GET /none HTTP/1.1\r\nHost: a\r\n\r\n",
           (const char *[]){" 500 Internal Server Error", NULL});
    expect("\r\n\r\nGET /echo HTTP/1.0\r\nHost: a\r\n\r\n", (const char *[]){" 200 OK", NULL});
    expect("OPTIONS /echo HTTP/1.1\r\nHost: a\r\n\r\n", (const char *[]){"OPTIONS", NULL});
}

static void test_head(void **state)
{
    int fd = kit_connect(port);
    (void)state;
    kit_say(fd, "HEAD /echo HTTP/1.1\r\nHost: a\r\n\r\n");
    char *answer = kit_read(fd, 200, NULL, NULL);
    char *end = strstr(answer, "\r\n\r\n");
    assert_non_null(end);
    assert_string_equal(end, "\r\n\r\n");
    assert_null(strstr(answer, "Content-Length: 0"));
    assert_non_null(strstr(answer, "Content-Length: "));
    assert_null(strstr(answer, "\nServer:"));
    free(answer);
    close(fd);
}

static void test_continue(void **state)
{
    int fd = kit_connect(port);
    (void)state;
    kit_say(fd, "GET /echo HTTP/1.1\r\nHost: a\r\n\r\n");
    char *first = kit_answer(fd, 2000); /* on a connection that has been used before */
    kit_say(fd,
            "POST /echo HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n");
    char *go_on = kit_read(fd, 200, NULL, NULL);
    assert_string_equal(go_on, "HTTP/1.1 100 Continue\r\n\r\n");
    kit_say(fd, "abc");
    char *answer = kit_answer(fd, 2000);
    assert_non_null(strstr(answer, "body=3"));
    free(first);
    free(go_on);
    free(answer);
    close(fd);
}

static void test_pipelining(void **state)
{
    int fd = kit_connect(port);
    (void)state;
    for (int i = 0; i < 20; i++)
        kit_say(fd, "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nxyGET /slow/1 "
                    "HTTP/1.1\r\nHost: a\r\n\r\nPOST /echo HTTP/1.1\r\nHost: a\r\n"
                    "Transfer-Encoding: chunked\r\n\r\n1\r\nz\r\n0\r\n\r\n");
    char *answer = kit_read(fd, 500, NULL, NULL);
    assert_int_equal(count(answer, "HTTP/1.1 200 OK"), 60);
    assert_int_equal(count(answer, "GET /slow/1?"), 20);
    assert_int_equal(count(answer, "body=1 "), 20);
    /* in their order */
    assert_true(strstr(answer, "body=2 ") < strstr(answer, "GET /slow/1?"));
    assert_true(strstr(answer, "GET /slow/1?") < strstr(answer, "body=1 "));
    free(answer);
    close(fd);
}

static void test_half_closed(void **state)
{
    int fd = kit_connect(port);
    bool closed;
    (void)state;
    kit_say(fd, "GET /slow/100 HTTP/1.1\r\nHost: a\r\n\r\n");
    shutdown(fd, SHUT_WR);
    char *answer = kit_read(fd, 1000, NULL, &closed);
    assert_non_null(strstr(answer, "GET /slow/100"));
    assert_true(closed);
    free(answer);
    close(fd);
}

static void test_big(void **state)
{
    int fd = kit_connect(port);
    size_t len;
    bool closed;
    (void)state;
    kit_say(fd, "GET /big/3000000 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    char *answer = kit_read(fd, 1000, &len, &closed);
    char *body = strstr(answer, "\r\n\r\n");
    assert_true(closed);
    assert_non_null(body);
    assert_int_equal(answer + len - body - 4, 3000000);
    free(answer);
    close(fd);
}

/* Bytes one by one, all states of the gate. */
/* The body of one answer is the file's bytes. */
static void is_file(char *answer, size_t len)
{
    char wanted[64];
    const char *body = strstr(answer, "\r\n\r\n");
    assert_non_null(body);
    body += 4;
    snprintf(wanted, sizeof wanted, "Content-Length: %zu\r\n", len);
    assert_non_null(strstr(answer, wanted));
    assert_null(strstr(answer, "chunked"));
    assert_int_equal(strlen(body), len);
    for (size_t i = 0; i < len; i++)
        if (body[i] != 'a' + (int)(i / 1000 % 26))
            fail_msg("byte %zu of %zu is %d", i, len, body[i]);
    free(answer);
}

/* Small ones, large ones, the sizes around the pieces; and the connection goes on afterwards. */
static void test_file(void **state)
{
    static const size_t sizes[] = {0, 1, 65535, 65536, 65537, 131072, 131073, 5000000};
    (void)state;
    int fd = kit_connect(port);
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        char text[128];
        snprintf(text, sizeof text, "GET /file/%zu HTTP/1.1\r\nHost: a\r\n\r\n", sizes[i]);
        kit_say(fd, text);
        is_file(kit_answer(fd, 5000), sizes[i]);
    }
    kit_say(fd, "HEAD /file/5000000 HTTP/1.1\r\nHost: a\r\n\r\n");
    char *answer = kit_read(fd, 500, NULL, NULL);
    assert_non_null(strstr(answer, "Content-Length: 5000000\r\n"));
    assert_string_equal(strstr(answer, "\r\n\r\n"), "\r\n\r\n");
    free(answer);
    close(fd);
}

/* Pipelined behind each other, over 1.0, closed by the reader in the middle. */
static void test_files_in_a_row(void **state)
{
    bool closed;
    (void)state;
    int fd = kit_connect(port);
    for (int i = 0; i < 5; i++)
        kit_say(fd, "GET /file/300000 HTTP/1.1\r\nHost: a\r\n\r\n"
                    "GET /echo HTTP/1.1\r\nHost: a\r\n\r\n");
    char *answer = kit_read(fd, 1000, NULL, NULL);
    assert_int_equal(count(answer, "HTTP/1.1 200 OK"), 10);
    assert_int_equal(count(answer, "GET /echo?"), 5);
    free(answer);
    close(fd);
    fd = kit_connect(port);
    kit_say(fd, "GET /file/700000 HTTP/1.0\r\nHost: a\r\n\r\n");
    is_file(kit_read(fd, 2000, NULL, &closed), 700000);
    assert_true(closed);
    close(fd);
    for (int i = 0; i < 20; i++) {
        fd = kit_connect(port);
        kit_say(fd, "GET /file/20000000 HTTP/1.1\r\nHost: a\r\n\r\n");
        kit_sleep(2);
        close(fd);
    }
}

/* A file that is shorter than was promised: less comes, and never the next answer in its place. */
static void test_file_cut_short(void **state)
{
    bool closed;
    size_t got;
    (void)state;
    int fd = kit_connect(port);
    kit_say(fd, "GET /file/short/800000 HTTP/1.1\r\nHost: a\r\n\r\n");
    kit_say(fd, "GET /echo HTTP/1.1\r\nHost: a\r\n\r\n");
    char *answer = kit_read(fd, 2000, &got, &closed);
    assert_true(closed);
    assert_true(got < 500000);
    assert_null(strstr(answer, "GET /echo?"));
    free(answer);
    close(fd);
    fd = kit_connect(port);
    kit_say(fd, "GET /file/short/800 HTTP/1.1\r\nHost: a\r\n\r\n");
    answer = kit_answer(fd, 2000);
    assert_non_null(strstr(answer, " 500 "));
    free(answer);
    close(fd);
}

/* Twenty readers of 20 MB who do not read: they hold pieces, not files (G-O3). */
static void test_files_unread(void **state)
{
    int fds[20];
    struct http_stats stats;
    (void)state;
    for (int i = 0; i < 20; i++) {
        fds[i] = kit_connect(port);
        kit_say(fds[i], "GET /file/20000000 HTTP/1.1\r\nHost: a\r\n\r\n");
    }
    kit_sleep(700);
    http_stats(server, &stats);
    assert_true(stats.buffered < (size_t)20 << 18);
    is_file(kit_answer(fds[0], 5000), 20000000);
    for (int i = 0; i < 20; i++)
        close(fds[i]);
}

static void test_dripped(void **state)
{
    static const char text[] =
        "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
        "5\r\nhello\r\n10\r\n0123456789abcdef\r\n0\r\n\r\n";
    int fd = kit_connect(port);
    (void)state;
    for (size_t i = 0; i < sizeof text - 1; i++) {
        kit_send(fd, text + i, 1);
        if (i % 8 == 0)
            kit_sleep(1);
    }
    char *answer = kit_answer(fd, 2000);
    assert_non_null(strstr(answer, "body=21"));
    free(answer);
    close(fd);
}

static void test_gone_meanwhile(void **state)
{
    (void)state;
    for (int i = 0; i < 30; i++) { /* the other end leaves while a worker has its request */
        int fd = kit_connect(port);
        struct linger now = {1, 0};
        kit_say(fd, "POST /slow/20 HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc");
        if (i % 2)
            setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
        kit_sleep(i % 3);
        close(fd);
    }
    kit_sleep(300);
    struct http_stats stats;
    expect("GET /echo HTTP/1.1\r\nHost: a\r\n\r\n", (const char *[]){" 200 OK", NULL});
    kit_sleep(50);
    http_stats(server, &stats);
    assert_int_equal(stats.buffered, 0);
}

static void test_graceful_stop(void **state)
{
    struct http_options o = kit_options();
    struct http_server *s = kit_start(&o);
    struct http_stats stats;
    int running = kit_connect(http_port(s)), idle = kit_connect(http_port(s));
    int begun = kit_connect(http_port(s)), at = http_port(s);
    bool closed;
    (void)state;
    kit_say(running, "GET /slow/300 HTTP/1.1\r\nHost: a\r\n\r\n");
    kit_say(idle, "GET /echo HTTP/1.1\r\nHost: a\r\n\r\n");
    kit_say(begun, "GET /echo HT");
    free(kit_answer(idle, 2000));
    http_stats(s, &stats);
    assert_int_equal(stats.connections_open, 3);
    int64_t before = kit_now();
    http_stop(s, 5000);
    assert_true(kit_now() - before < 2000);
    char *answer = kit_read(running, 1000, NULL, &closed);
    assert_non_null(strstr(answer, "200 OK"));
    assert_non_null(strstr(answer, "Connection: close"));
    assert_true(closed);
    free(answer);
    free(kit_read(idle, 1000, NULL, &closed));
    assert_true(closed);
    free(kit_read(begun, 1000, NULL, &closed));
    assert_true(closed);
    assert_int_equal(kit_connect(at), -1);
    close(running);
    close(idle);
    close(begun);
}

static int bad_start(void *arg, void **out, struct raum_error *error)
{
    (void)arg;
    (void)out;
    return err_set(error, RAUM_ENOT_FOUND, "no such thing");
}

static void test_start_errors(void **state)
{
    struct http_options o = kit_options();
    struct http_server *s;
    struct raum_error error;
    (void)state;
    o.port = port;
    assert_int_equal(http_start(&s, &o, &error), RAUM_EIO);
    assert_non_null(strstr(error.text, "in use"));
    assert_null(s);
    o.port = 0;
    o.host = "no such host";
    assert_int_equal(http_start(&s, &o, &error), RAUM_EUSAGE);
    o.host = NULL;
    o.worker_start = bad_start;
    assert_int_equal(http_start(&s, &o, &error), RAUM_ENOT_FOUND);
    assert_string_equal(error.text, "no such thing");
}

static void test_queue_full(void **state)
{
    struct http_options o = kit_options();
    int fds[40], busy = 0, done = 0;
    (void)state;
    o.workers = 1;
    o.queue_max = 5;
    struct http_server *s = kit_start(&o);
    for (int i = 0; i < 40; i++) {
        fds[i] = kit_connect(http_port(s));
        kit_say(fds[i], "GET /slow/50 HTTP/1.1\r\nHost: a\r\n\r\n");
    }
    for (int i = 0; i < 40; i++) {
        char *answer = kit_answer(fds[i], 2000);
        busy += strstr(answer, " 503 ") && strstr(answer, "Retry-After: 1");
        done += strstr(answer, " 200 ") != NULL;
        free(answer);
        close(fds[i]);
        if (i == 0)
            kit_sleep(200);
    }
    assert_int_equal(busy + done, 40);
    assert_true(done >= 5 && busy >= 20);
    http_stop(s, 1000);
}

static void test_connections_max(void **state)
{
    struct http_options o = kit_options();
    int fds[10], open = 0;
    (void)state;
    o.connections_max = 6;
    struct http_server *s = kit_start(&o);
    for (int i = 0; i < 10; i++)
        fds[i] = kit_connect(http_port(s));
    kit_sleep(100);
    for (int i = 0; i < 10; i++) {
        kit_say(fds[i], "GET /echo HTTP/1.1\r\nHost: a\r\n\r\n");
        char *answer = kit_answer(fds[i], 2000);
        open += strstr(answer, " 200 ") != NULL;
        free(answer);
    }
    assert_int_equal(open, 6);
    for (int i = 0; i < 10; i++)
        close(fds[i]);
    kit_sleep(100);
    fds[0] = kit_connect(http_port(s));
    kit_say(fds[0], "GET /echo HTTP/1.1\r\nHost: a\r\n\r\n");
    char *answer = kit_answer(fds[0], 2000);
    assert_non_null(strstr(answer, " 200 "));
    free(answer);
    close(fds[0]);
    http_stop(s, 1000);
}

static void test_two_loops(void **state)
{
    struct http_options o = kit_options();
    int fds[50];
    (void)state;
    o.loops = 3;
    struct http_server *s = kit_start(&o);
    for (int i = 0; i < 50; i++) {
        fds[i] = kit_connect(http_port(s));
        kit_say(fds[i], "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nab");
    }
    for (int i = 0; i < 50; i++) {
        char *answer = kit_answer(fds[i], 2000);
        assert_non_null(strstr(answer, "body=2"));
        free(answer);
        close(fds[i]);
    }
    http_stop(s, 1000);
}

static int64_t log_now(void *ctx)
{
    (void)ctx;
    return 1700000000000;
}

static void test_log(void **state)
{
    struct http_options o = kit_options();
    struct raum_error error;
    int ends[2];
    (void)state;
    assert_int_equal(pipe(ends), 0);
    assert_int_equal(net_log_new(&o.log, ends[1], LOG_INFO, log_now, NULL, &error), 0);
    struct http_server *s = kit_start(&o);
    int fd = kit_connect(http_port(s));
    kit_say(fd, "GET /reset/SecretTokenOfThirtyTwoLetters?token=secret HTTP/1.1\r\nHost: a\r\n"
                "Cookie: session=secret\r\nAuthorization: Bearer secret\r\n\r\n");
    char *answer = kit_answer(fd, 2000);
    close(fd);
    assert_int_equal(
        kit_status(http_port(s), "GET /%00?secret HTTP/1.1\r\nHost: a\r\n\r\n", 37, 500), 400);
    http_stop(s, 1000);
    net_log_free(o.log);
    char text[4096] = {0};
    assert_true(read(ends[0], text, sizeof text - 1) > 0);
    char *id = strstr(answer, "X-Request-Id: ");
    assert_non_null(id);
    id[14 + 16] = '\0';
    assert_non_null(strstr(text, id + 14));
    assert_non_null(strstr(text, "\"method\":\"GET\",\"path\":\"/reset/*\",\"status\":404,"));
    assert_non_null(strstr(text, "\"event\":\"refused\",\"status\":400,\"why\":\"path\""));
    assert_non_null(strstr(text, "\"peer\":\"127.0.0.1\"}\n"));
    assert_null(strstr(text, "secret"));
    assert_null(strstr(text, "Secret"));
    free(answer);
    close(ends[0]);
    close(ends[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_answers),       cmocka_unit_test(test_head),
        cmocka_unit_test(test_continue),      cmocka_unit_test(test_pipelining),
        cmocka_unit_test(test_half_closed),   cmocka_unit_test(test_big),
        cmocka_unit_test(test_file),          cmocka_unit_test(test_files_in_a_row),
        cmocka_unit_test(test_file_cut_short), cmocka_unit_test(test_files_unread),
        cmocka_unit_test(test_dripped),       cmocka_unit_test(test_gone_meanwhile),
        cmocka_unit_test(test_graceful_stop), cmocka_unit_test(test_start_errors),
        cmocka_unit_test(test_queue_full),    cmocka_unit_test(test_connections_max),
        cmocka_unit_test(test_two_loops),     cmocka_unit_test(test_log),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
