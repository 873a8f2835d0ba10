#include "net/kit.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

_Atomic int kit_streams_closed;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct http_stream *last_stream;

int64_t kit_now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

void kit_sleep(int ms)
{
    struct timespec t = {ms / 1000, (long)(ms % 1000) * 1000000};
    nanosleep(&t, NULL);
}

static void on_closed(void *arg)
{
    (void)arg;
    kit_streams_closed++;
}

static void echo(struct http_request *q)
{
    const char *x = http_param(q, "x");
    char *text = arena_printf(&q->arena, "%s %s?%s host=%s body=%zu x=%s tls=%d", q->method,
                              q->path, q->query, q->host, q->body_len, x ? x : "-", q->tls);
    assert_non_null(text);
    assert_int_equal(q->body[q->body_len], 0);
    assert_int_equal(http_add(q, "X-One", "1"), 0);
    assert_int_equal(http_add(q, "Set-Cookie", "a=1"), 0);
    assert_int_equal(http_addf(q, "Set-Cookie", "b=%d", 2), 0);
    assert_int_equal(http_reply(q, 200, "text/plain", text, strlen(text)), 0);
}

static void big(struct http_request *q, long len)
{
    char *data = calloc(1, (size_t)len + 1);
    assert_non_null(data);
    memset(data, 'b', (size_t)len);
    assert_int_equal(http_reply(q, 200, "text/plain", data, (size_t)len), 0);
    free(data);
}

#define FILE_BYTES 20000000
static int file_fd;

/* Made once: 1,000 bytes of each letter in turn, behind six others. */
static void make_file(void)
{
    FILE *f = tmpfile();
    assert_non_null(f);
    fputs("before", f);
    for (int i = 0; i < FILE_BYTES / 1000; i++) {
        char block[1000];
        memset(block, 'a' + i % 26, sizeof block);
        assert_int_equal(fwrite(block, sizeof block, 1, f), 1);
    }
    assert_int_equal(fflush(f), 0);
    file_fd = dup(fileno(f));
    fclose(f);
}

/* BYTES of it; "/file/short/BYTES" ends in the middle. */
static void file(struct http_request *q, const char *text)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    bool cut = strncmp(text, "short/", 6) == 0;
    long len = strtol(text + (cut ? 6 : 0), NULL, 10);
    pthread_once(&once, make_file);
    int rc = http_reply_file(q, 200, "image/webp", dup(file_fd),
                             6 + (cut ? FILE_BYTES - len / 2 : 0), (size_t)len);
    assert_true(rc == 0 || cut);
}

static void stream(struct http_request *q)
{
    struct http_stream *s;
    struct http_stream_hooks hooks = {on_closed, NULL};
    assert_int_equal(http_stream_begin(q, "text/event-stream", &hooks, &s), 0);
    pthread_mutex_lock(&lock);
    http_stream_unref(last_stream);
    last_stream = s;
    pthread_mutex_unlock(&lock);
}

static void *talk(void *arg)
{
    struct http_stream *s = arg;
    for (int i = 0; i < KIT_EAGER; i++)
        (void)!http_stream_send(s, "data: x\n\n", 9);
    http_stream_finish(s);
    http_stream_unref(s);
    return NULL;
}

/* Somebody else writes to the stream while the handler has not even returned. */
static void eager(struct http_request *q)
{
    struct http_stream *s;
    pthread_t thread;
    assert_int_equal(http_stream_begin(q, "text/event-stream", NULL, &s), 0);
    assert_int_equal(pthread_create(&thread, NULL, talk, s), 0);
    pthread_detach(thread);
}

void kit_handle(void *arg, void *state, struct http_request *q)
{
    (void)arg;
    (void)state;
    if (strcmp(q->path, "/echo") == 0) {
        echo(q);
    } else if (strncmp(q->path, "/slow/", 6) == 0) {
        kit_sleep((int)strtol(q->path + 6, NULL, 10));
        echo(q);
    } else if (strncmp(q->path, "/big/", 5) == 0) {
        big(q, strtol(q->path + 5, NULL, 10));
    } else if (strncmp(q->path, "/file/", 6) == 0) {
        file(q, q->path + 6);
    } else if (strcmp(q->path, "/stream") == 0) {
        stream(q);
    } else if (strcmp(q->path, "/eager") == 0) {
        eager(q);
    } else if (strcmp(q->path, "/none") != 0) {
        assert_int_equal(http_reply(q, 404, "text/plain", "none", 4), 0);
    }
}

struct http_options kit_options(void)
{
    return (struct http_options){.handle = kit_handle};
}

struct http_server *kit_start(const struct http_options *options)
{
    struct http_server *s;
    struct raum_error error = {0};
    signal(SIGPIPE, SIG_IGN);
    kit_streams_closed = 0;
    if (http_start(&s, options, &error) < 0)
        fail_msg("%s", error.text);
    return s;
}

struct http_stream *kit_take_stream(void)
{
    for (int i = 0; i < 200; i++) {
        pthread_mutex_lock(&lock);
        struct http_stream *s = last_stream;
        last_stream = NULL;
        pthread_mutex_unlock(&lock);
        if (s)
            return s;
        kit_sleep(10);
    }
    fail_msg("no stream");
    return NULL;
}

int kit_connect(int port)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    if (connect(fd, (struct sockaddr *)&to, sizeof to) != 0) {
        close(fd);
        return -1;
    }
    return fd;
}

void kit_send(int fd, const void *data, size_t len)
{
    const char *at = data;
    while (len > 0) {
        ssize_t n = send(fd, at, len, MSG_NOSIGNAL);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return;
        at += n;
        len -= (size_t)n;
    }
}

void kit_say(int fd, const char *text)
{
    kit_send(fd, text, strlen(text));
}

char *kit_read(int fd, int ms, size_t *len, bool *closed)
{
    size_t used = 0, cap = 65536;
    char *text = malloc(cap + 1);
    bool end = false;
    while (text && !end) {
        struct pollfd p = {fd, POLLIN, 0};
        if (poll(&p, 1, ms) <= 0)
            break;
        if (used == cap)
            text = realloc(text, (cap *= 2) + 1);
        assert_non_null(text);
        ssize_t n = recv(fd, text + used, cap - used, 0);
        end = n <= 0;
        used += n > 0 ? (size_t)n : 0;
    }
    assert_non_null(text);
    text[used] = '\0';
    if (len)
        *len = used;
    if (closed)
        *closed = end;
    return text;
}

static bool is_whole(const char *text, size_t used)
{
    const char *end = strstr(text, "\r\n\r\n"), *at = strstr(text, "Content-Length: ");
    return end && at && at < end && used >= (size_t)(end - text) + 4 + strtoul(at + 16, NULL, 10);
}

char *kit_answer(int fd, int ms)
{
    size_t used = 0, cap = 65536;
    char *text = calloc(1, cap + 1);
    struct pollfd p = {fd, POLLIN, 0};
    while (text && !is_whole(text, used) && poll(&p, 1, ms) > 0) {
        if (used == cap)
            text = realloc(text, (cap *= 2) + 1);
        assert_non_null(text);
        ssize_t n = recv(fd, text + used, cap - used, 0);
        if (n <= 0)
            break;
        used += (size_t)n;
        text[used] = '\0';
    }
    assert_non_null(text);
    return text;
}

int kit_status(int port, const char *text, size_t len, int ms)
{
    int fd = kit_connect(port), status = -1;
    char byte;
    assert_true(fd >= 0);
    kit_send(fd, text, len);
    char *answer = kit_answer(fd, ms);
    if (strncmp(answer, "HTTP/1.", 7) == 0)
        status = (int)strtol(answer + 9, NULL, 10);
    else if (*answer == '\0' && recv(fd, &byte, 1, MSG_DONTWAIT) <= 0 && errno != EAGAIN)
        status = 0;
    free(answer);
    close(fd);
    return status;
}

long kit_rss_kb(void)
{
    char line[256];
    long kb = 0;
    FILE *file = fopen("/proc/self/status", "r");
    while (file && fgets(line, sizeof line, file))
        if (strncmp(line, "VmRSS:", 6) == 0)
            kb = strtol(line + 6, NULL, 10);
    if (file)
        fclose(file);
    return kb;
}
