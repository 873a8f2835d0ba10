#include "server/reader.h"

#include "server/kit.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static int64_t now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* More bytes, until the time is over. False: none came. */
static bool more(struct reader *r, int64_t until)
{
    struct pollfd fd = {.fd = r->fd, .events = POLLIN};
    char bytes[65536];
    int64_t left = until - now_ms();
    if (r->closed || poll(&fd, 1, left > 0 ? (int)left : 0) <= 0)
        return false;
    ssize_t n = read(r->fd, bytes, sizeof bytes);
    if (n < 0 && errno == EINTR)
        return true;
    r->closed = n <= 0;
    if (n > 0) {
        buf_add(&r->in, bytes, (size_t)n);
        buf_add(&r->all, bytes, (size_t)n);
    }
    return n > 0;
}

/* The text up to the empty line is taken; NULL: it is not here. */
static char *block(struct reader *r, const char *end)
{
    const char *from = buf_text(&r->in) + r->at, *to = strstr(from, end);
    if (!to)
        return NULL;
    char *text = strndup(from, (size_t)(to - from));
    r->at += (size_t)(to - from) + strlen(end);
    if (r->at > 1 << 20) {
        struct buf rest;
        buf_init(&rest, r->in.max);
        buf_add(&rest, r->in.data + r->at, r->in.len - r->at);
        buf_release(&r->in);
        r->in = rest;
        r->at = 0;
    }
    return text;
}

void reader_open(struct reader *r, int port, const char *token, const char *client,
                 const char *query, const char *last)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    struct buf text;
    *r = (struct reader){0};
    buf_init(&r->in, (size_t)256 << 20);
    buf_init(&r->all, (size_t)256 << 20);
    json_init(&r->doc);
    buf_init(&text, 1 << 20);
    inet_pton(AF_INET, "127.0.0.1", &to.sin_addr);
    r->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(r->fd, (struct sockaddr *)&to, sizeof to), 0);
    buf_printf(&text, "GET /api/v1/sync/stream%s HTTP/1.0\r\nHost: 127.0.0.1\r\n", query);
    if (token)
        buf_printf(&text, "Authorization: Bearer %s\r\n", token);
    if (client)
        buf_printf(&text, "X-Client-Id: %s\r\n", client);
    if (last)
        buf_printf(&text, "Last-Event-ID: %s\r\n", last);
    buf_str(&text, "\r\n");
    assert_int_equal(send(r->fd, text.data, text.len, MSG_NOSIGNAL), text.len);
    buf_release(&text);
    int64_t until = now_ms() + 20000;
    char *head;
    while (!(head = block(r, "\r\n\r\n")))
        if (!more(r, until))
            fail_msg("no head: %s", buf_text(&r->in));
    r->status = (int)strtol(head + 9, NULL, 10);
    free(head);
}

static void take_line(struct reader *r, const char *line, const char **data)
{
    if (strncmp(line, "event: ", 7) == 0) {
        free(r->event);
        r->event = strdup(line + 7);
    } else if (strncmp(line, "id: ", 4) == 0) {
        free(r->id);
        free(r->cursor);
        r->id = strdup(line + 4);
        r->cursor = strdup(line + 4);
    } else if (strncmp(line, "data: ", 6) == 0) {
        *data = line + 6;
    } else {
        fail_msg("an odd line: %.100s", line);
    }
}

static void take(struct reader *r, char *text)
{
    const char *data = "";
    free(r->event);
    free(r->id);
    r->event = strdup("");
    r->id = strdup("");
    for (char *at = text, *line; (line = strsep(&at, "\n"));)
        take_line(r, line, &data);
    json_release(&r->doc);
    json_init(&r->doc);
    if (json_parse(&r->doc, data, strlen(data), 0, NULL) != 0)
        fail_msg("no JSON: %.200s", data);
    r->data = json_root(&r->doc);
}

bool reader_next(struct reader *r, int ms)
{
    int64_t until = now_ms() + ms;
    for (;;) {
        char *text = block(r, "\n\n");
        if (!text) {
            if (!more(r, until))
                return false;
            continue;
        }
        free(r->text);
        r->text = text;
        take(r, text);
        if (strcmp(r->event, "heartbeat") != 0)
            return true;
    }
}

void reader_expect(struct reader *r, const char *event)
{
    if (!reader_next(r, 20000))
        fail_msg("no %s came%s", event, r->closed ? ": closed" : "");
    if (strcmp(r->event, event) != 0)
        fail_msg("%s instead of %s", r->event, event);
}

void reader_quiet(struct reader *r, int ms)
{
    if (reader_next(r, ms))
        fail_msg("%s came: %.300s", r->event, r->text);
    assert_false(r->closed);
}

void reader_ends(struct reader *r, int ms)
{
    int64_t until = now_ms() + ms;
    while (!r->closed && now_ms() < until)
        more(r, until);
    assert_true(r->closed);
}

const char *reader_text(struct reader *r, const char *key)
{
    static char text[16384];
    struct arena a;
    arena_init(&a, 1 << 20);
    const char *found = json_str(json_get(r->data, key), &a);
    snprintf(text, sizeof text, "%s", found ? found : "");
    arena_release(&a);
    return text;
}

int reader_count(struct reader *r)
{
    struct json_value list = json_get(r->data, "changes");
    int count = 0;
    for (struct json_value v = json_first(list); v.doc; v = json_next(list, v))
        count++;
    return count;
}

const char *reader_id(struct reader *r, int n)
{
    static char text[200];
    struct arena a;
    struct json_value list = json_get(r->data, "changes"), v = json_first(list);
    arena_init(&a, 1 << 20);
    while (v.doc && n-- > 0)
        v = json_next(list, v);
    const char *found = v.doc ? json_str(json_get(v, "id"), &a) : NULL;
    snprintf(text, sizeof text, "%s", found ? found : "");
    arena_release(&a);
    return text;
}

void reader_close(struct reader *r)
{
    if (r->fd >= 0)
        close(r->fd);
    buf_release(&r->in);
    buf_release(&r->all);
    json_release(&r->doc);
    free(r->event);
    free(r->id);
    free(r->cursor);
    free(r->text);
    *r = (struct reader){.fd = -1};
}
