#include "net/kit.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

static struct http_server *server;
static int port;

static int start(void **state)
{
    struct http_options o = kit_options();
    (void)state;
    o.idle_ms = 300; /* a stream is not idle, whatever it says */
    o.request_ms = 500;
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

static int open_stream(struct http_stream **s, const char *version)
{
    char text[100];
    int fd = kit_connect(port);
    snprintf(text, sizeof text, "GET /stream HTTP/%s\r\nHost: a\r\n\r\n", version);
    kit_say(fd, text);
    *s = kit_take_stream();
    return fd;
}

static void wait_closed(int count)
{
    for (int i = 0; i < 300 && kit_streams_closed < count; i++)
        kit_sleep(10);
    assert_int_equal(kit_streams_closed, count);
}

static void test_events(void **state)
{
    struct http_stream *s;
    bool closed;
    (void)state;
    kit_streams_closed = 0;
    int fd = open_stream(&s, "1.1");
    assert_int_equal(http_stream_send(s, "data: 1\n\n", 9), 0);
    char *head = kit_read(fd, 200, NULL, &closed);
    assert_false(closed);
    assert_non_null(strstr(head, "Content-Type: text/event-stream\r\n"));
    assert_non_null(strstr(head, "Transfer-Encoding: chunked\r\n"));
    assert_non_null(strstr(head, "\r\n\r\n9\r\ndata: 1\n\n\r\n"));
    kit_sleep(900); /* past every limit of requests */
    assert_int_equal(http_stream_send(s, "data: 2\n\n", 9), 0);
    char *more = kit_read(fd, 200, NULL, &closed);
    assert_string_equal(more, "9\r\ndata: 2\n\n\r\n");
    assert_int_equal(kit_streams_closed, 0);
    http_stream_close(s);
    free(kit_read(fd, 1000, NULL, &closed));
    assert_true(closed);
    wait_closed(1);
    assert_int_equal(http_stream_send(s, "x", 1), RAUM_EUNREACHABLE);
    http_stream_close(s);
    http_stream_unref(s);
    free(head);
    free(more);
    close(fd);
}

static void test_old_version(void **state)
{
    struct http_stream *s;
    bool closed;
    (void)state;
    int fd = open_stream(&s, "1.0");
    assert_int_equal(http_stream_send(s, "data: 1\n\n", 9), 0);
    kit_sleep(50);
    http_stream_close(s);
    char *text = kit_read(fd, 500, NULL, &closed);
    assert_non_null(strstr(text, "\r\n\r\ndata: 1\n\n"));
    assert_true(closed);
    wait_closed(2);
    http_stream_unref(s);
    free(text);
    close(fd);
}

static void test_head_of_stream(void **state)
{
    (void)state;
    int fd = kit_connect(port), before = kit_streams_closed;
    kit_say(fd, "HEAD /stream HTTP/1.1\r\nHost: a\r\n\r\n");
    struct http_stream *s = kit_take_stream();
    char *text = kit_read(fd, 150, NULL, NULL);
    assert_non_null(strstr(text, " 200 OK\r\n"));
    wait_closed(before + 1);
    assert_int_equal(http_stream_send(s, "x", 1), RAUM_EUNREACHABLE);
    http_stream_unref(s);
    free(text);
    close(fd);
}

/* The reader goes; the next words find out. */
static void test_reader_goes(void **state)
{
    struct http_stream *s;
    struct http_stats stats;
    (void)state;
    kit_streams_closed = 0;
    int fd = open_stream(&s, "1.1");
    close(fd);
    wait_closed(1);
    assert_int_equal(http_stream_send(s, "x", 1), RAUM_EUNREACHABLE);
    http_stream_unref(s);
    kit_sleep(50);
    http_stats(server, &stats);
    assert_int_equal(stats.streams_open, 0);
}

/* Who does not read is closed at the limit, and costs no more than it. */
static void test_slow_reader(void **state)
{
    struct http_stream *s;
    static char data[4096];
    struct http_stats stats;
    int result = 0, sent = 0;
    (void)state;
    memset(data, 'x', sizeof data);
    kit_streams_closed = 0;
    int fd = open_stream(&s, "1.1");
    kit_sleep(50);
    for (; result == 0 && sent < 5000; sent++) {
        result = http_stream_send(s, data, sizeof data);
        if (sent % 16 == 15)
            kit_sleep(1);
        http_stats(server, &stats);
        assert_true(stats.buffered <= 256 * 1024 + 65536);
    }
    assert_int_equal(result, RAUM_EUNREACHABLE);
    wait_closed(1);
    http_stream_unref(s);
    kit_sleep(50);
    http_stats(server, &stats);
    assert_int_equal(stats.buffered, 0);
    close(fd);
}

/* A reader that talks instead of listening fills nothing. */
static void test_talking_reader(void **state)
{
    struct http_stream *s;
    struct http_stats stats;
    static char junk[65536];
    (void)state;
    kit_streams_closed = 0;
    int fd = open_stream(&s, "1.1");
    kit_sleep(50);
    for (int i = 0; i < 100; i++)
        kit_send(fd, junk, sizeof junk);
    http_stats(server, &stats);
    assert_true(stats.buffered < 300000);
    assert_int_equal(http_stream_send(s, "still here", 10), 0);
    kit_sleep(100);
    char *text = kit_read(fd, 200, NULL, NULL);
    assert_non_null(strstr(text, "still here"));
    http_stream_close(s);
    wait_closed(1);
    http_stream_unref(s);
    free(text);
    close(fd);
}

struct storm {
    struct http_stream *streams[20];
    atomic_bool over;
};

static void *send_much(void *arg)
{
    struct storm *storm = arg;
    for (int i = 0; !atomic_load(&storm->over); i++) {
        (void)!http_stream_send(storm->streams[i % 20], "0123456789", 10);
        if (i % 100 == 0)
            kit_sleep(1);
    }
    return NULL;
}

/* Several threads send and close while readers come and go. */
static void test_storm(void **state)
{
    struct storm storm = {0};
    pthread_t threads[4];
    int fds[20];
    (void)state;
    kit_streams_closed = 0;
    for (int i = 0; i < 20; i++)
        fds[i] = open_stream(&storm.streams[i], "1.1");
    for (int i = 0; i < 4; i++)
        pthread_create(&threads[i], NULL, send_much, &storm);
    for (int i = 0; i < 20; i++) {
        kit_sleep(10);
        if (i % 2)
            close(fds[i]);
        else
            http_stream_close(storm.streams[i]);
    }
    kit_sleep(100);
    atomic_store(&storm.over, true);
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    wait_closed(20);
    for (int i = 0; i < 20; i++) {
        http_stream_unref(storm.streams[i]);
        if (i % 2 == 0)
            close(fds[i]);
    }
}

/* One piece for many: each reader gets it whole with its own words behind it, and it goes when the
 * last one has it. */
static void test_shared(void **state)
{
    enum { MANY = 8, LEN = 100000 };
    struct http_stream *streams[MANY];
    int fds[MANY];
    char *data = malloc(LEN);
    (void)state;
    kit_streams_closed = 0;
    memset(data, 'y', LEN);
    for (int i = 0; i < MANY; i++)
        fds[i] = open_stream(&streams[i], "1.1");
    struct http_shared *b = http_shared_new(data, LEN);
    assert_int_equal(http_shared_len(b), LEN);
    for (int i = 0; i < MANY; i++) {
        char own[20];
        snprintf(own, sizeof own, "own-%d\n", i);
        assert_int_equal(http_stream_share(streams[i], b, own, strlen(own)), 0);
    }
    http_shared_unref(b);
    for (int i = 0; i < MANY; i++) {
        char own[20];
        size_t len;
        snprintf(own, sizeof own, "own-%d\n\r\n", i);
        char *text = kit_read(fds[i], 300, &len, NULL);
        assert_true(len > LEN);
        assert_string_equal(text + len - strlen(own), own);
        free(text);
        assert_int_equal(http_stream_unread(streams[i]), 0);
        http_stream_close(streams[i]);
        http_stream_unref(streams[i]);
        close(fds[i]);
    }
    wait_closed(MANY);
    free(data);
}

/* What was queued before the end arrives; a reader that does not read cannot hold it open. */
static void test_finish(void **state)
{
    struct http_stream *s;
    bool closed;
    (void)state;
    kit_streams_closed = 0;
    int fd = open_stream(&s, "1.1");
    assert_int_equal(http_stream_send(s, "data: last\n\n", 12), 0);
    http_stream_finish(s);
    http_stream_finish(s);
    assert_int_equal(http_stream_send(s, "x", 1), RAUM_EUNREACHABLE);
    char *text = kit_read(fd, 500, NULL, &closed);
    assert_non_null(strstr(text, "data: last\n\n"));
    assert_true(closed);
    wait_closed(1);
    http_stream_unref(s);
    free(text);
    close(fd);
    fd = open_stream(&s, "1.1");
    http_stream_finish(s); /* nothing to send */
    free(kit_read(fd, 500, NULL, &closed));
    assert_true(closed);
    wait_closed(2);
    http_stream_unref(s);
    close(fd);
    fd = open_stream(&s, "1.1");
    char *much = calloc(1, 16u << 20);
    assert_int_equal(http_stream_send(s, much, 16u << 20), 0); /* one piece of any size */
    assert_int_equal(http_stream_send(s, "x", 1), RAUM_EUNREACHABLE);
    http_stream_unref(s);
    wait_closed(3);
    close(fd);
    fd = open_stream(&s, "1.1");
    assert_int_equal(http_stream_send(s, much, 16u << 20), 0);
    kit_sleep(100);
    http_stream_finish(s);
    assert_true(http_stream_unread(s) > 0);
    wait_closed(4); /* after a second */
    http_stream_unref(s);
    close(fd);
    free(much);
}

/* Written to before its head is out, by another thread: nothing is lost, and the end is said. */
static void test_eager(void **state)
{
    enum { AT_ONCE = 40, ROUNDS = 10 };
    static const char ask[] = "GET /eager HTTP/1.1\r\nHost: a\r\n\r\n";
    int fds[AT_ONCE];
    bool closed;
    (void)state;
    for (int round = 0; round < ROUNDS; round++) {
        for (int i = 0; i < AT_ONCE; i++) {
            fds[i] = kit_connect(port);
            kit_say(fds[i], ask);
        }
        for (int i = 0; i < AT_ONCE; i++) {
            size_t len;
            int events = 0;
            char *text = kit_read(fds[i], 5000, &len, &closed);
            for (const char *at = text; (at = strstr(at, "data: x\n\n")); at++)
                events++;
            assert_int_equal(events, KIT_EAGER);
            assert_true(len > 5 && memcmp(text + len - 5, "0\r\n\r\n", 5) == 0);
            assert_true(closed);
            free(text);
            close(fds[i]);
        }
    }
}

/* Streams that are open when the server stops are closed, and may be used afterwards. */
static void test_stop_with_streams(void **state)
{
    struct http_options o = kit_options();
    struct http_server *s = kit_start(&o);
    bool closed;
    (void)state;
    int fd = kit_connect(http_port(s));
    kit_say(fd, "GET /stream HTTP/1.1\r\nHost: a\r\n\r\n");
    struct http_stream *stream = kit_take_stream();
    kit_sleep(50);
    http_stop(s, 1000);
    assert_int_equal(kit_streams_closed, 1);
    assert_int_equal(http_stream_send(stream, "x", 1), RAUM_EUNREACHABLE);
    http_stream_close(stream);
    http_stream_unref(stream);
    free(kit_read(fd, 500, NULL, &closed));
    assert_true(closed);
    close(fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_events),         cmocka_unit_test(test_old_version),
        cmocka_unit_test(test_head_of_stream), cmocka_unit_test(test_reader_goes),
        cmocka_unit_test(test_slow_reader),    cmocka_unit_test(test_talking_reader),
        cmocka_unit_test(test_storm),          cmocka_unit_test(test_stop_with_streams),
        cmocka_unit_test(test_shared),         cmocka_unit_test(test_finish),
        cmocka_unit_test(test_eager),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
