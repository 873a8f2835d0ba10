/* Requests that wait without a worker: many more of them than workers, resumed by other threads at
 * any moment, with the other end gone, with the server stopping. */
#include "net/kit.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#define MANY 200

static struct http_server *server;
static int port;
static atomic_int suspended, answered;

/* ---- what resumes: one thread, with a list of whom and when ---- */

struct waiting {
    struct http_request *q;
    int64_t at;
};
static struct waiting list[MANY * 4];
static int count;
static bool ended;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_t resumer;

static void *resume_all(void *arg)
{
    (void)arg;
    for (;;) {
        struct http_request *q = NULL;
        pthread_mutex_lock(&lock);
        for (int i = 0; i < count && !q; i++)
            if (list[i].at <= kit_now()) {
                q = list[i].q;
                list[i] = list[--count];
            }
        bool over = ended && count == 0;
        pthread_mutex_unlock(&lock);
        if (q)
            http_resume(q);
        else if (over)
            return NULL;
        else
            kit_sleep(1);
    }
}

static void later(struct http_request *q, int ms)
{
    pthread_mutex_lock(&lock);
    list[count++] = (struct waiting){q, kit_now() + ms};
    pthread_mutex_unlock(&lock);
}

/* ---- the server: /later/MS waits once, /thrice three times, /now is resumed before it waits ----
 */

static void handle(void *arg, void *state, struct http_request *q)
{
    size_t times = strcmp(q->path, "/thrice") == 0 ? 3 : 1, done = (size_t)q->later;
    if (strcmp(q->path, "/echo") == 0) {
        kit_handle(arg, state, q);
        return;
    }
    if (done == times) {
        char *text = arena_printf(&q->arena, "after %zu: %.*s", done, (int)q->body_len, q->body);
        assert_non_null(text);
        assert_int_equal(http_reply(q, 200, "text/plain", text, strlen(text)), 0);
        answered++;
        return;
    }
    suspended++;
    q->later = (void *)(done + 1); /* NOLINT(performance-no-int-to-ptr): only a number */
    if (strcmp(q->path, "/now") == 0)
        http_resume(q);
    else
        later(q, strncmp(q->path, "/later/", 7) == 0 ? (int)strtol(q->path + 7, NULL, 10) : 3);
    if (strcmp(q->path, "/thrice") == 0)
        kit_sleep(5); /* it may be resumed by now */
    http_suspend(q);
}

static struct http_options options(void)
{
    struct http_options o = kit_options();
    o.handle = handle;
    o.workers = 2;
    return o;
}

static int start(void **state)
{
    struct http_options o = options();
    (void)state;
    suspended = answered = 0;
    ended = false;
    server = kit_start(&o);
    port = http_port(server);
    return pthread_create(&resumer, NULL, resume_all, NULL);
}

static int stop(void **state)
{
    (void)state;
    http_stop(server, 2000);
    server = NULL;
    pthread_mutex_lock(&lock);
    ended = true;
    pthread_mutex_unlock(&lock);
    return pthread_join(resumer, NULL);
}

static int ask(const char *path)
{
    char text[128];
    int fd = kit_connect(port);
    snprintf(text, sizeof text, "POST %s HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc",
             path);
    kit_say(fd, text);
    return fd;
}

static void hears(int fd, const char *part)
{
    char *answer = kit_answer(fd, 5000);
    if (!strstr(answer, part))
        fail_msg("no %s in %s", part, answer);
    free(answer);
    close(fd);
}

static void nothing_held(void)
{
    struct http_stats stats = {.buffered = 1};
    for (int i = 0; i < 200 && stats.buffered; i++) {
        kit_sleep(10);
        http_stats(server, &stats);
    }
    assert_int_equal(stats.buffered, 0);
}

/* ---- tests ---- */

static void test_many_more_than_workers(void **state)
{
    int fds[MANY];
    (void)state;
    for (int i = 0; i < MANY; i++)
        fds[i] = ask("/later/600");
    for (int i = 0; i < 200 && suspended < MANY; i++)
        kit_sleep(10);
    assert_int_equal(suspended, MANY); /* both workers took more while these wait */
    hears(ask("/echo"), "body=3");
    for (int i = 0; i < MANY; i++)
        hears(fds[i], "after 1: abc");
    nothing_held();
}

static void test_any_moment(void **state)
{
    static const char *const paths[] = {"/now", "/thrice", "/later/0", "/later/1"};
    int fds[MANY];
    (void)state;
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < MANY; i++)
            fds[i] = ask(paths[i % 4]);
        for (int i = 0; i < MANY; i++)
            hears(fds[i], i % 4 == 1 ? "after 3: abc" : "after 1: abc");
    }
    nothing_held();
}

static void test_pipelined(void **state)
{
    (void)state;
    int fd = kit_connect(port);
    kit_say(fd, "GET /later/20 HTTP/1.1\r\nHost: a\r\n\r\nGET /now HTTP/1.1\r\nHost: a\r\n\r\n"
                "GET /echo HTTP/1.1\r\nHost: a\r\n\r\n");
    for (int i = 0; i < 2; i++) {
        char *answer = kit_answer(fd, 3000);
        assert_non_null(strstr(answer, "after 1"));
        free(answer);
    }
    hears(fd, "GET /echo");
}

static void test_gone_meanwhile(void **state)
{
    struct linger now = {1, 0};
    (void)state;
    for (int i = 0; i < MANY; i++) {
        int fd = ask(i % 3 ? "/later/30" : "/thrice");
        if (i % 2)
            setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
        if (i % 5 == 0)
            kit_sleep(2);
        close(fd);
    }
    nothing_held();
    hears(ask("/later/1"), "after 1: abc");
}

/* Its time is over while it waits: the other end hears so, the request itself ends later. */
static void test_deadline(void **state)
{
    struct http_options o = options();
    (void)state;
    o.request_ms = 200;
    struct http_server *s = kit_start(&o);
    int was = port, before = answered;
    bool closed = false;
    port = http_port(s);
    int fd = ask("/later/900");
    char *said = kit_read(fd, 700, NULL, &closed);
    assert_true(closed);
    assert_null(strstr(said, "200 OK"));
    free(said);
    close(fd);
    for (int i = 0; i < 200 && answered == before; i++)
        kit_sleep(10);
    assert_int_equal(answered, before + 1);
    http_stop(s, 1000);
    port = was;
}

static void test_stop_waits(void **state)
{
    struct http_options o = options();
    struct http_server *s = kit_start(&o);
    int was = port;
    (void)state;
    port = http_port(s);
    int soon = ask("/later/300"), late = ask("/later/1200"), thrice = ask("/thrice");
    kit_sleep(100);
    int64_t begun = kit_now();
    http_stop(s, 600); /* the last one holds it for longer, as a handler that works would */
    assert_true(kit_now() - begun >= 1000);
    hears(soon, "after 1: abc");
    hears(thrice, "after 3: abc");
    hears(late, "after 1: abc");
    port = was;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_many_more_than_workers, start, stop),
        cmocka_unit_test_setup_teardown(test_any_moment, start, stop),
        cmocka_unit_test_setup_teardown(test_pipelined, start, stop),
        cmocka_unit_test_setup_teardown(test_gone_meanwhile, start, stop),
        cmocka_unit_test_setup_teardown(test_deadline, start, stop),
        cmocka_unit_test_setup_teardown(test_stop_waits, start, stop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
