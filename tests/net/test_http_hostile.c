/* G-O3: what strangers send ends in a 4xx or a closed connection, within its time and its memory.
 * Some numbers depend on the machine and are printed. */
#include "net/kit.h"

#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#ifdef __SANITIZE_ADDRESS__
#define PLAIN 0 /* memory is not what it would be */
#else
#define PLAIN 1
#endif
#define IDLE_WANTED 10000
#define GET "GET /echo HTTP/1.1\r\nHost: a\r\n"
#define POST "POST /echo HTTP/1.1\r\nHost: a\r\n"

static struct http_server *server;
static int port;

static bool has_credentials(void *arg, const struct http_request *head)
{
    (void)arg;
    return http_header(head, "Authorization") != NULL;
}

static int start(void **state)
{
    struct http_options o = kit_options();
    (void)state;
    o.header_ms = 500;
    o.request_ms = 900;
    o.idle_ms = 700;
    o.credentials = has_credentials;
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

static void still_alive(void)
{
    assert_int_equal(kit_status(port, GET "\r\n", sizeof GET + 1, 2000), 200);
}

static void test_malformed(void **state)
{
#define CASE(status, text) {status, "" text, sizeof text - 1}
    static const struct {
        int status;
        const char *text;
        size_t len;
    } cases[] = {
        CASE(400, POST "Content-Length: 3\r\nContent-Length: 4\r\n\r\nabc"),
        CASE(400, POST "Content-Length: 3\r\nContent-Length: 3\r\n\r\nabc"),
        CASE(400, POST "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
        CASE(400, POST "Content-Length: -3\r\n\r\n"),
        CASE(400, POST "Content-Length: 1e3\r\n\r\n"),
        CASE(400, POST "Content-Length: 3,4\r\n\r\n"),
        CASE(400, POST "Content-Length: \x0b3\r\n\r\n"),
        CASE(400, POST "Content-Length : 3\r\n\r\nabc"),
        CASE(400, POST "Transfer-Encoding: chunked\r\n\r\nzz\r\n"),
        CASE(400, POST "Transfer-Encoding: chunked\r\n\r\n3;a=b\r\nabc\r\n0\r\n\r\n"),
        CASE(400, POST "Transfer-Encoding: chunked\r\n\r\n3\r\nabcXX"),
        CASE(400, POST "Transfer-Encoding: chunked\r\n\r\n0\r\nHost: b\r\n\r\n"),
        CASE(400, POST "Transfer-Encoding: identity\r\n\r\n"),
        CASE(400, POST "Transfer-Encoding:\x0b"
                       "chunked\r\n\r\n"),
        CASE(413, POST "Content-Length: 32212254720\r\n\r\n"),
        CASE(413, POST "Content-Length: 99999999999999999999999\r\n\r\n"),
        CASE(413, POST "Content-Length: 1048577\r\n\r\n"),
        CASE(413, POST "Expect: 100-continue\r\nContent-Length: 1048577\r\n\r\n"),
        CASE(413, POST "Transfer-Encoding: chunked\r\n\r\n100001\r\n"),
        CASE(413, POST "Transfer-Encoding: chunked\r\n\r\nffffffff\r\n"),
        CASE(400, POST "Transfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\n"),
        CASE(400, "HEAD /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc"),
        CASE(400, "GET /echo HTTP/1.1\r\n\r\n"),
        CASE(400, GET "Host: b\r\n\r\n"),
        CASE(400, GET "X: a\0b\r\n\r\n"),
        CASE(400, "GET /ec\0ho HTTP/1.1\r\nHost: a\r\n\r\n"),
        CASE(400, "\0\0\0\0\0\0\0\0"),
        CASE(400, GET "X: \x1b[2J\r\n\r\n"),
        CASE(400, GET "X: 1\r\n folded: 2\r\n\r\n"),
        CASE(400, "GET /echo HTTP/1.1\nHost: a\n\n"),
        CASE(400, GET "no colon here\r\n\r\n"),
        CASE(400, "GET /echo/../echo HTTP/1.1\r\nHost: a\r\n\r\n"),
        CASE(400, "GET /%2e%2e/%2e%2e/etc/passwd HTTP/1.1\r\nHost: a\r\n\r\n"),
        CASE(400, "GET /echo%2f..%2fetc HTTP/1.1\r\nHost: a\r\n\r\n"),
        CASE(400, "GET /echo%00 HTTP/1.1\r\nHost: a\r\n\r\n"),
        CASE(400, "GET /..\\..\\windows HTTP/1.1\r\nHost: a\r\n\r\n"),
        CASE(400, "GET /%c0%ae%c0%ae/ HTTP/1.1\r\nHost: a\r\n\r\n"),
        CASE(400, "GET http://b/echo HTTP/1.1\r\nHost: a\r\n\r\n"),
        CASE(400, "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n"),
        CASE(501, "CONNECT b:443 HTTP/1.1\r\nHost: b\r\n\r\n"),
        CASE(501, "TRACE /echo HTTP/1.1\r\nHost: a\r\n\r\n"),
        CASE(501, "FROBNICATE /echo HTTP/1.1\r\nHost: a\r\n\r\n"),
        CASE(505, "GET /echo HTTP/3.0\r\nHost: a\r\n\r\n"),
        CASE(505, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
        CASE(417, POST "Expect: tea\r\nContent-Length: 3\r\n\r\nabc"),
        CASE(400, "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"),
        CASE(400, "SSH-2.0-OpenSSH_9.2\r\n\r\n"),
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        int got = kit_status(port, cases[i].text, cases[i].len, 2000);
        if (got != cases[i].status)
            fail_msg("%d instead of %d for %s", got, cases[i].status, cases[i].text);
    }
    still_alive();
}

static void test_long_heads(void **state)
{
    static char text[70000];
    (void)state;
    memset(text, 'a', sizeof text);
    memcpy(text, "GET /", 5);
    assert_int_equal(kit_status(port, text, sizeof text, 2000), 414);
    memcpy(text, GET "X: ", sizeof GET + 2);
    assert_int_equal(kit_status(port, text, sizeof text, 2000), 431);
    size_t len = sizeof GET - 1;
    for (int i = 0; i < 150; i++, len += 6)
        memcpy(text + len, "X: 1\r\n", 6);
    memcpy(text + len, "\r\n", 2);
    assert_int_equal(kit_status(port, text, len + 2, 2000), 431);
    memset(text, ':', sizeof text); /* no end at all */
    assert_int_equal(kit_status(port, text, sizeof text, 2000), 414);
    for (size_t i = 0; i < sizeof text; i += 2) /* nothing but empty lines */
        memcpy(text + i, "\r\n", 2);
    assert_int_equal(kit_status(port, text, sizeof text, 2000), 0);
    still_alive();
}

/* Two parsers that disagree are what smuggling lives of: count what is answered. */
static void test_smuggling(void **state)
{
    static const struct {
        const char *text;
        int answers, good;
    } cases[] = {
        {POST "Content-Length: 0\r\n\r\n" GET "\r\n", 2, 2},
        {POST "Content-Length: 5\r\n\r\n" GET "\r\n", 2, 1}, /* "GET /" is its body */
        {GET "Content-Length: 41\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: a\r\nXyzw: 1\r\n\r\n", 2,
         1},
        {"DELETE /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 27\r\n\r\n"
         "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
         1, 1},
        {GET "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n" GET "\r\n", 2, 2},
        {POST "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n" GET "\r\n", 2, 2},
        {POST "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" GET "\r\n", 1, 0},
        {POST "Transfer-Encoding: chunked\r\nTransfer-Encoding: x\r\n\r\n0\r\n\r\n" GET "\r\n", 1,
         0},
        {"HEAD /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 41\r\n\r\n" GET "\r\n", 1, 0},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        int fd = kit_connect(port), answers = 0, good = 0;
        kit_say(fd, cases[i].text);
        char *text = kit_read(fd, 250, NULL, NULL);
        for (char *at = text; (at = strstr(at, "HTTP/1.1 ")); at++) {
            answers++;
            good += strncmp(at + 9, "200", 3) == 0;
        }
        if (answers != cases[i].answers || good != cases[i].good || strstr(text, "/smuggled"))
            fail_msg("%d answers, %d good: %s\n%s", answers, good, cases[i].text, text);
        free(text);
        close(fd);
    }
}

static uint64_t seed;

static unsigned pick(unsigned below)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return (unsigned)(seed >> 33) % below;
}

/* Good requests with a few bytes changed, dropped, doubled, cut anywhere: whatever becomes of them,
 * each "200" is one that the gate and evhttp understood alike, and the server stays. */
static void test_mutations(void **state)
{
    static const char *const good[] = {
        GET "Connection: keep-alive\r\nAccept: */*\r\n\r\n",
        POST "Content-Length: 12\r\n\r\nhello, world" GET "\r\n",
        POST "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0a\r\n0123456789\r\n0\r\n\r\n" GET
             "\r\n",
        "HEAD /echo?a=b HTTP/1.0\r\nHost: a\r\nConnection: keep-alive\r\n\r\n" GET "\r\n",
    };
    static const char odd[] = "\r\n\t :;,0123456789abcdefx%/.\\?#\0\x7f\xff";
    const char *given = getenv("RAUM_SEED");
    seed = given ? strtoull(given, NULL, 10) : (uint64_t)kit_now() * 2654435761u + 1;
    print_message("RAUM_SEED=%llu\n", (unsigned long long)seed);
    (void)state;
    for (int i = 0; i < 1500; i++) {
        char text[600];
        const char *from = good[pick(4)];
        size_t len = strlen(from);
        memcpy(text, from, len);
        for (unsigned n = pick(4) + 1; n > 0 && len > 2; n--) {
            size_t at = pick((unsigned)len);
            switch (pick(4)) {
            case 0:
                text[at] = odd[pick(sizeof odd - 1)];
                break;
            case 1:
                memmove(text + at, text + at + 1, --len - at);
                break;
            case 2:
                memmove(text + at + 1, text + at, len++ - at);
                text[at] = odd[pick(sizeof odd - 1)];
                break;
            default:
                text[at] = (char)pick(256);
            }
        }
        int fd = kit_connect(port);
        size_t cut = pick((unsigned)len);
        kit_send(fd, text, cut);
        if (i % 8 == 0)
            kit_sleep(1);
        kit_send(fd, text + cut, len - cut);
        if (i % 50 == 0) {
            char *answer = kit_answer(fd, 2500); /* an answer, a refusal or an end */
            assert_true(*answer == '\0' || strncmp(answer, "HTTP/1.", 7) == 0);
            free(answer);
        }
        close(fd);
    }
    still_alive();
}

/* Connections that get a byte every 50 ms, all at once: each ends when its total time is over. */
static void test_drips(void **state)
{
    static const struct {
        const char *first, *drip;
        int least, most;
    } cases[] = {
        {"", "GET /aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", 450, 1500},
        {GET, "X: 1\r\n", 450, 1500},
        {POST "Content-Length: 1000\r\n\r\n", "x", 850, 2000},
        {POST "Transfer-Encoding: chunked\r\n\r\n", "1\r\nx\r\n", 850, 2000},
        {"\r\n", "\r\n", 450, 1500},
    };
    enum { COUNT = sizeof cases / sizeof *cases };
    int fds[COUNT], ended[COUNT] = {0}, left = COUNT;
    (void)state;
    int64_t begun = kit_now();
    for (int i = 0; i < COUNT; i++) {
        fds[i] = kit_connect(port);
        kit_say(fds[i], cases[i].first);
    }
    for (size_t step = 0; left > 0 && kit_now() - begun < 5000; step++) {
        kit_sleep(50);
        for (int i = 0; i < COUNT; i++) {
            struct pollfd p = {fds[i], POLLIN, 0};
            if (!ended[i] && poll(&p, 1, 0) > 0) {
                ended[i] = (int)(kit_now() - begun);
                left--;
            } else if (!ended[i])
                kit_send(fds[i], cases[i].drip + step % strlen(cases[i].drip), 1);
        }
    }
    for (int i = 0; i < COUNT; i++) {
        char *answer = kit_answer(fds[i], 100);
        if (ended[i] < cases[i].least || ended[i] > cases[i].most)
            fail_msg("ended after %d ms: %s", ended[i], cases[i].first);
        assert_true(*answer == '\0' || strstr(answer, " 408 "));
        free(answer);
        close(fds[i]);
    }
    still_alive();
}

/* Many at once do not hold up others. */
static void test_slowloris(void **state)
{
    int fds[400];
    bool closed;
    (void)state;
    for (int i = 0; i < 400; i++) {
        fds[i] = kit_connect(port);
        kit_say(fds[i], i % 2 ? "GET /echo HTTP/1.1\r\nHo" : POST "Content-Length: 100\r\n\r\nx");
    }
    int64_t before = kit_now();
    still_alive();
    assert_true(kit_now() - before < 1000);
    kit_sleep(1300);
    for (int i = 0; i < 400; i++) {
        char *text = kit_read(fds[i], 3000, NULL, &closed);
        assert_true(closed);
        assert_non_null(strstr(text, " 408 "));
        free(text);
        close(fds[i]);
    }
    still_alive();
}

static void test_idle_is_closed(void **state)
{
    int used = kit_connect(port), unused = kit_connect(port);
    bool closed;
    (void)state;
    int64_t begun = kit_now();
    kit_say(used, GET "\r\n");
    free(kit_answer(used, 1000));
    free(kit_read(unused, 3000, NULL, &closed));
    assert_true(closed && kit_now() - begun < 1500);
    free(kit_read(used, 3000, NULL, &closed));
    assert_true(closed && kit_now() - begun >= 650 && kit_now() - begun < 2500);
    close(used);
    close(unused);
}

static void test_garbage(void **state)
{
    static char noise[5000];
    (void)state;
    srand(7);
    for (int i = 0; i < 300; i++) {
        size_t len = 1 + (size_t)rand() % sizeof noise;
        for (size_t k = 0; k < len; k++)
            noise[k] = (char)rand();
        if (i % 3 == 0) /* a good beginning */
            memcpy(noise, POST, len < sizeof POST - 1 ? len : sizeof POST - 1);
        int fd = kit_connect(port);
        struct linger now = {1, 0};
        kit_send(fd, noise, len);
        if (i % 5 == 0)
            setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
        if (i % 5 == 1)
            shutdown(fd, SHUT_WR);
        if (i % 20 == 0) {
            char *answer = kit_answer(fd, 1500);
            assert_true(*answer == '\0' || strstr(answer, "HTTP/1.1 4"));
            free(answer);
        }
        close(fd);
    }
    still_alive();
}

/* In the end nothing is left that is counted. */
static void settle(struct http_server *s)
{
    struct http_stats stats;
    for (int i = 0; i < 500; i++) {
        http_stats(s, &stats);
        if (stats.buffered == 0)
            return;
        kit_sleep(10);
    }
    fail_msg("%zu bytes are still counted", (size_t)stats.buffered);
}

/* Who asks for much and reads nothing is let go in time, and counted until then. */
static void test_slow_readers(void **state)
{
    struct http_options o = kit_options();
    struct http_stats stats;
    int fds[60], small = 16384;
    (void)state;
    o.request_ms = 600;
    o.buffered_max = (size_t)24 << 20;
    struct http_server *s = kit_start(&o);
    for (int i = 0; i < 60; i++) {
        fds[i] = kit_connect(http_port(s));
        setsockopt(fds[i], SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
        kit_say(fds[i], "GET /big/6000000 HTTP/1.1\r\nHost: a\r\n\r\n");
    }
    int64_t begun = kit_now();
    do {
        kit_sleep(10);
        http_stats(s, &stats);
    } while (kit_now() - begun < 1000 && stats.requests < 60);
    assert_true(stats.buffered_peak < (size_t)40 << 20);
    settle(s); /* no progress for 600 ms */
    for (int i = 0; i < 60; i++)
        close(fds[i]);
    http_stop(s, 1000);
}

/* 200 bodies of 1 MiB at once, none of them anybody's; one that is somebody's goes through. */
static void bodies(int loops)
{
    struct http_options o = kit_options();
    static char body[(1 << 20) - 1];
    char head[200];
    struct http_stats stats;
    int fds[200], refused = 0;
    o.loops = loops;
    o.buffered_max = (size_t)20 << 20;
    o.credentials = has_credentials;
    struct http_server *s = kit_start(&o);
    long before = kit_rss_kb(), most = 0;
    int mine = kit_connect(http_port(s));
    kit_say(mine, POST "Authorization: Bearer x\r\nContent-Length: 1048576\r\n\r\n");
    kit_send(mine, body, sizeof body);
    snprintf(head, sizeof head, POST "Content-Length: %d\r\n\r\n", 1 << 20);
    for (int i = 0; i < 200; i++) {
        fds[i] = kit_connect(http_port(s));
        kit_say(fds[i], head);
        kit_send(fds[i], body, sizeof body); /* all but the last byte */
        if (kit_rss_kb() > most)
            most = kit_rss_kb();
        http_stats(s, &stats);
        assert_true(stats.buffered <= o.buffered_max + o.buffered_max / 4);
    }
    kit_say(mine, "x");
    char *answer = kit_answer(mine, 5000);
    assert_non_null(strstr(answer, " 200 OK"));
    assert_non_null(strstr(answer, "body=1048576"));
    free(answer);
    for (int tries = 0; tries < 200 && refused < 178; tries++) { /* the kernel holds much, too */
        kit_sleep(50);
        refused = 0;
        for (int i = 0; i < 200; i++) {
            struct pollfd p = {fds[i], POLLIN, 0};
            refused += poll(&p, 1, 0) > 0;
        }
    }
    for (int i = 0; i < 200; i++)
        close(fds[i]);
    http_stats(s, &stats);
    print_message("%d loops: %d of 200 refused, peak %.1f MiB, memory +%ld MiB\n", loops, refused,
                  (double)stats.buffered_peak / 1048576, (most - before) >> 10);
    assert_true(refused >= 178 && refused < 195);
    if (PLAIN)
        assert_true(most - before < 60 * 1024);
    close(mine);
    settle(s);
    http_stop(s, 1000);
}

static void test_bodies(void **state)
{
    (void)state;
    bodies(1);
    bodies(2);
}

/* Requests whose senders left are still in memory while they wait, and still counted. */
static void test_abandoned(void **state)
{
    struct http_options o = kit_options();
    static char body[1 << 20];
    struct http_stats stats;
    (void)state;
    o.workers = 1;
    o.buffered_max = (size_t)10 << 20;
    struct http_server *s = kit_start(&o);
    int first = kit_connect(http_port(s));
    kit_say(first, "GET /slow/700 HTTP/1.1\r\nHost: a\r\n\r\n");
    kit_sleep(50);
    for (int i = 0; i < 60; i++) {
        int fd = kit_connect(http_port(s));
        kit_say(fd, POST "Content-Length: 1048576\r\n\r\n");
        kit_send(fd, body, sizeof body);
        close(fd);
    }
    http_stats(s, &stats);
    assert_true(stats.buffered_peak < (size_t)14 << 20);
    free(kit_answer(first, 3000));
    close(first);
    settle(s);
    http_stop(s, 1000);
}

/* The other ends, in a process of their own: it says "made" through the pipe and waits. */
static int open_many(int to, int count, int report, int wait)
{
    int made = 0;
    char byte;
    for (; made < count; made++) {
        int fd = kit_connect(to);
        if (fd < 0)
            break;
        if (made % 4 == 0) { /* a quarter of them have been used */
            char answer[1000];
            kit_say(fd, GET "\r\n");
            if (recv(fd, answer, sizeof answer, 0) < 20)
                break;
        }
    }
    (void)!write(report, &made, sizeof made);
    (void)!read(wait, &byte, 1);
    return 0;
}

static void test_idle_connections(void **state)
{
    struct http_options o = kit_options();
    struct rlimit limit;
    int reports[2], waits[2], made = 0;
    (void)state;
    o.header_ms = 60000;
    struct http_server *s = kit_start(&o); /* raises the limit of descriptors */
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
    int count = PLAIN ? IDLE_WANTED : IDLE_WANTED / 3;
    if (limit.rlim_cur < (rlim_t)count + 200)
        count = (int)limit.rlim_cur - 200;
    assert_int_equal(pipe(reports) + pipe(waits), 0);
    long before = kit_rss_kb();
    pid_t child = fork();
    if (child == 0) {
        close(waits[1]);
        _exit(open_many(http_port(s), count, reports[1], waits[0]));
    }
    assert_int_equal(read(reports[0], &made, sizeof made), sizeof made);
    double each = (double)(kit_rss_kb() - before) / made;
    print_message("%d idle connections, %.2f KB each\n", made, each);
    assert_int_equal(made, count);
    if (PLAIN)
        assert_true(each <= 6);
    int64_t begun = kit_now();
    assert_int_equal(kit_status(http_port(s), GET "\r\n", sizeof GET + 1, 2000), 200);
    assert_true(kit_now() - begun < 1000);
    for (int i = 0; i < 2; i++) {
        close(waits[i]);
        close(reports[i]);
    }
    assert_int_equal(waitpid(child, NULL, 0), child);
    http_stop(s, 5000);
}

/* No descriptor is left for the next connection: the server waits without burning time, and goes
 * on when there are some again. */
static void test_descriptors(void **state)
{
    struct rlimit limit, low;
    int fds[60], reports[2];
    (void)state;
    assert_int_equal(pipe(reports), 0);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
    pid_t child = fork(); /* with the old limit */
    if (child == 0) {
        int made = 0;
        for (; made < 60; made++) {
            fds[made] = kit_connect(port);
            kit_say(fds[made], "GET");
        }
        kit_sleep(300);
        (void)!write(reports[1], &made, sizeof made);
        _exit(0);
    }
    low = limit;
    low.rlim_cur = (rlim_t)dup(0) + 20;
    close((int)low.rlim_cur - 20);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &low), 0);
    clock_t before = clock();
    int made = 0;
    assert_int_equal(read(reports[0], &made, sizeof made), sizeof made);
    assert_int_equal(made, 60);
    if (PLAIN)
        assert_true(clock() - before < CLOCKS_PER_SEC / 10);
    assert_int_equal(waitpid(child, NULL, 0), child);
    kit_sleep(200);
    still_alive();
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
    close(reports[0]);
    close(reports[1]);
}

int main(void)
{
    /* The connections first, while memory is fresh: what they cost is measured. */
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_idle_connections),
        cmocka_unit_test(test_malformed),
        cmocka_unit_test(test_long_heads),
        cmocka_unit_test(test_smuggling),
        cmocka_unit_test(test_drips),
        cmocka_unit_test(test_slowloris),
        cmocka_unit_test(test_idle_is_closed),
        cmocka_unit_test(test_garbage),
        cmocka_unit_test(test_mutations),
        cmocka_unit_test(test_slow_readers),
        cmocka_unit_test(test_bodies),
        cmocka_unit_test(test_abandoned),
        cmocka_unit_test(test_descriptors),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
