#define _GNU_SOURCE
#include "cli/bench_load.h"
#include "cli/bench.h"
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define ANSWER_MAX ((size_t)4 << 20)
#define ANSWER_FIRST 16384
#define EVENTS 64

struct line {
    struct load_client *client;
    int fd;
    size_t got, cap;
    double sent; /* ms */
    char *in;    /* cap + 1 bytes */
};

struct load {
    int port, poll;
    struct line *lines;
    int count;
    struct load_result *out;
};

static void hang_up(struct line *l)
{
    if (l->fd >= 0)
        close(l->fd);
    l->fd = -1;
}

static int dial(struct load *load, struct line *l, struct raum_error *error)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)load->port)};
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = l};
    int yes = 1, room = 1 << 20;
    inet_pton(AF_INET, "127.0.0.1", &to.sin_addr);
    l->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    l->got = 0;
    if (l->fd < 0 || connect(l->fd, (const struct sockaddr *)&to, sizeof to) != 0 ||
        setsockopt(l->fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes) != 0 ||
        setsockopt(l->fd, SOL_SOCKET, SO_SNDBUF, &room, sizeof room) != 0 ||
        fcntl(l->fd, F_SETFL, O_NONBLOCK) != 0 ||
        epoll_ctl(load->poll, EPOLL_CTL_ADD, l->fd, &event) != 0) {
        err_set(error, RAUM_EUNREACHABLE, "127.0.0.1:%d: %s", load->port, strerror(errno));
        hang_up(l);
        return RAUM_EUNREACHABLE;
    }
    return 0;
}

/* The requests are small: a socket that has just been answered takes one whole. */
static bool ask(struct line *l)
{
    l->got = 0;
    l->sent = bench_now_ms();
    return l->fd >= 0 &&
           send(l->fd, l->client->request, l->client->len, MSG_NOSIGNAL) == (ssize_t)l->client->len;
}

/* Status of a whole answer; 0: more to come; -1: none that is understood. */
static int answered(struct line *l, const char **body, size_t *len)
{
    l->in[l->got] = '\0';
    const char *end = strstr(l->in, "\r\n\r\n"), *length = strcasestr(l->in, "\r\ncontent-length:");
    if (!end)
        return l->got < ANSWER_FIRST ? 0 : -1;
    if (l->got < 12 || memcmp(l->in, "HTTP/1.1 ", 9) != 0 || !length || length > end)
        return -1;
    *body = end + 4;
    *len = strtoul(length + 17, NULL, 10);
    size_t whole = (size_t)(*body - l->in) + *len;
    if (whole > ANSWER_MAX || l->got > whole)
        return -1;
    return l->got < whole ? 0 : (int)strtol(l->in + 9, NULL, 10);
}

static void count_one(struct load_result *r, int status, double ms)
{
    size_t step = (size_t)(ms * 1000 / LOAD_STEP_US);
    if (status < 200 || status > 299) {
        r->failed++;
        return;
    }
    r->done++;
    r->steps[step < LOAD_STEPS ? step : LOAD_STEPS]++;
}

static void redial(struct load *load, struct line *l)
{
    load->out[l->client->group].failed++;
    hang_up(l);
    if (dial(load, l, NULL) == 0 && !ask(l))
        hang_up(l);
}

/* Room for more of an answer; false: there is none. */
static bool has_room(struct line *l)
{
    if (l->got < l->cap)
        return true;
    size_t cap = l->cap ? l->cap * 4 : ANSWER_FIRST;
    char *in = cap <= ANSWER_MAX ? realloc(l->in, cap + 1) : NULL;
    if (!in)
        return false;
    l->in = in;
    l->cap = cap;
    return true;
}

static void readable(struct load *load, struct line *l)
{
    const char *body = NULL;
    size_t len = 0;
    ssize_t n = has_room(l) ? read(l->fd, l->in + l->got, l->cap - l->got) : 0;
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    l->got += n > 0 ? (size_t)n : 0;
    int status = n > 0 ? answered(l, &body, &len) : -1;
    if (status == 0)
        return;
    if (status > 0) {
        count_one(&load->out[l->client->group], status, bench_now_ms() - l->sent);
        if (l->client->next && status < 300)
            l->client->next(l->client, body, len);
        if (ask(l))
            return;
    }
    redial(load, l);
}

static int run(struct load *load, double seconds, struct raum_error *error)
{
    struct epoll_event events[EVENTS];
    double begun = bench_now_ms(), now = begun;
    for (int i = 0; i < load->count; i++) {
        int rc = dial(load, &load->lines[i], error);
        if (rc)
            return rc;
        if (!ask(&load->lines[i]))
            return err_set(error, RAUM_EUNREACHABLE, NULL);
    }
    while (now - begun < seconds * 1000) {
        int n = epoll_wait(load->poll, events, EVENTS, 100);
        if (cli_stop)
            return err_set(error, RAUM_EINTERRUPTED, NULL);
        for (int i = 0; i < n; i++)
            readable(load, events[i].data.ptr);
        now = bench_now_ms();
    }
    for (int i = 0; i < LOAD_GROUPS; i++)
        load->out[i].seconds = (now - begun) / 1000;
    return 0;
}

int load_run(int port, struct load_client *clients, int count, double seconds,
             struct load_result out[LOAD_GROUPS], struct raum_error *error)
{
    struct load load = {.port = port, .count = count, .out = out};
    int rc = 0;
    memset(out, 0, LOAD_GROUPS * sizeof *out);
    load.lines = calloc((size_t)count, sizeof *load.lines);
    load.poll = epoll_create1(EPOLL_CLOEXEC);
    if (!load.lines || load.poll < 0)
        rc = err_set(error, RAUM_ENOMEM, NULL);
    if (!load.lines)
        load.count = 0;
    for (int i = 0; rc == 0 && i < load.count; i++)
        load.lines[i] = (struct line){.client = &clients[i], .fd = -1};
    if (rc == 0)
        rc = run(&load, seconds, error);
    for (int i = 0; load.lines && i < count; i++) {
        hang_up(&load.lines[i]);
        free(load.lines[i].in);
    }
    free(load.lines);
    if (load.poll >= 0)
        close(load.poll);
    return rc;
}

double load_rate(const struct load_result *r)
{
    return r->seconds > 0 ? (double)r->done / r->seconds : 0;
}

double load_percentile(const struct load_result *r, double share)
{
    uint64_t seen = 0, wanted = (uint64_t)((double)r->done * share);
    for (size_t i = 0; i <= LOAD_STEPS; i++) {
        seen += r->steps[i];
        if (seen > wanted)
            return (double)(i + 1) * LOAD_STEP_US / 1000;
    }
    return 0;
}
