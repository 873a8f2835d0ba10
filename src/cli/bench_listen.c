#define _GNU_SOURCE
#include "cli/bench_listen.h"
#include "base/clock.h"
#include "cli/bench.h"
#include "server/server.h"
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#define WAIT_MS 30000
#define EVENTS 256
#define WEEK_MS ((int64_t)7 * 86400000)

/* ---- people ---- */

static int put_member(struct sql *sql, int n, int64_t now, struct raum_error *e)
{
    char id[40], mail[64];
    snprintf(id, sizeof id, "account%025d", n);
    snprintf(mail, sizeof mail, "person%d@example.org", n);
    int rc = sql_run(sql, e,
                     "INSERT INTO accounts (id, name, email, email_verified, created, updated)"
                     " VALUES (?1, ?2, ?3, 1, ?4, ?4)",
                     "sssi", id, mail, mail, now);
    return rc ? rc
              : sql_run(sql, e,
                        "INSERT INTO members (id, space, account, role, created)"
                        " VALUES (?1, 'team', ?1, 'member', ?2)",
                        "si", id, now);
}

static int put_session(struct sql *sql, int n, int64_t now, struct raum_error *e)
{
    char id[40], token[40], account[40];
    snprintf(id, sizeof id, "session%025d", n);
    snprintf(token, sizeof token, "token%027d", n);
    snprintf(account, sizeof account, "account%025d", n % LISTEN_TEAM);
    return sql_run(
        sql, e,
        "INSERT INTO sessions (id, token, account, ip, agent, remember, created, updated,"
        " expires) VALUES (?1, ?2, ?3, '127.0.0.1', 'bench', 1, ?4, ?4, ?5)",
        "sssii", id, token, account, now, now + WEEK_MS);
}

static int fill(struct sql *sql, int sessions, int64_t now, struct raum_error *error)
{
    int rc = sql_begin(sql, error);
    if (rc)
        return rc;
    rc = sql_run(sql, error,
                 "INSERT INTO spaces (id, name, slug, type, created) VALUES ('team', 'Team',"
                 " 'team', 'team', ?1)",
                 "i", now);
    for (int i = 0; i < LISTEN_TEAM && rc == 0; i++)
        rc = put_member(sql, i, now, error);
    for (int i = 0; i < sessions && rc == 0; i++)
        rc = put_session(sql, i, now, error);
    return sql_end(sql, rc, error);
}

int listen_fill(const char *data, int sessions, struct raum_error *error)
{
    struct server *server;
    int rc = bench_server_open(&server, data, error);
    if (rc)
        return rc;
    rc = fill(server->sql, sessions, server->env->now_ms(server->env->ctx), error);
    server_stop(server);
    return rc;
}

void listen_task(char *out, size_t size, const char *id, const char *title)
{
    const struct raum_env *env = raum_env_native();
    char at[CLOCK_TEXT];
    clock_format(clock_at(env->now_ms(env->ctx), 0), at);
    snprintf(
        out, size,
        "{\"clientId\":\"writer\",\"since\":\"\",\"changes\":[{\"app\":\"todo\",\"table\":"
        "\"tasks\",\"id\":\"%s\",\"op\":\"insert\",\"spaceId\":\"team\",\"fields\":{\"title\":{"
        "\"value\":\"%s\",\"at\":\"%s\"}}}]}",
        id, title, at);
}

/* ---- sockets ---- */

static void raise_descriptors(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
}

int listen_dial(int port, struct raum_error *error)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    int yes = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    inet_pton(AF_INET, "127.0.0.1", &to.sin_addr);
    if (fd >= 0 && connect(fd, (const struct sockaddr *)&to, sizeof to) == 0 &&
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes) == 0)
        return fd;
    int why = errno;
    if (fd >= 0)
        close(fd);
    return err_set(error, RAUM_EUNREACHABLE, "127.0.0.1:%d: %s", port, strerror(why));
}

static int send_all(int fd, const char *text, size_t len, struct raum_error *error)
{
    while (len > 0) {
        ssize_t n = send(fd, text, len, MSG_NOSIGNAL);
        if (n <= 0)
            return err_set(error, RAUM_EUNREACHABLE, "%s", strerror(errno));
        text += n;
        len -= (size_t)n;
    }
    return 0;
}

/* The rest of an answer whose length its head says. */
static int read_answer(int fd, struct raum_error *error)
{
    char text[65536];
    size_t got = 0;
    for (;;) {
        ssize_t n = read(fd, text + got, sizeof text - 1 - got);
        if (n <= 0)
            return err_set(error, RAUM_EUNREACHABLE, "the server hung up");
        got += (size_t)n;
        text[got] = '\0';
        const char *end = strstr(text, "\r\n\r\n"), *length = strcasestr(text, "content-length:");
        if (end && length && length < end &&
            got >= (size_t)(end + 4 - text) + strtoul(length + 15, NULL, 10))
            return (int)strtol(text + 9, NULL, 10);
        if (got == sizeof text - 1)
            return err_set(error, RAUM_ETOO_LARGE, NULL);
    }
}

int listen_ask(int fd, int port, const char *token, const char *path, const char *json,
               struct raum_error *error)
{
    char text[8192];
    int len = snprintf(text, sizeof text,
                       "%s %s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nAuthorization: Bearer %s\r\n"
                       "Content-Type: application/json\r\nContent-Length: %zu\r\n\r\n%s",
                       json ? "POST" : "GET", path, port, token, json ? strlen(json) : 0,
                       json ? json : "");
    int rc = send_all(fd, text, (size_t)len, error);
    return rc ? rc : read_answer(fd, error);
}

/* ---- many ---- */

static int add(struct listeners *l, int fd, struct raum_error *error)
{
    struct epoll_event event = {.events = EPOLLIN, .data.u32 = (uint32_t)l->count};
    l->list[l->count++] = (struct listener){.fd = fd};
    if (fcntl(fd, F_SETFL, O_NONBLOCK) != 0 || epoll_ctl(l->poll, EPOLL_CTL_ADD, fd, &event) != 0)
        return err_set(error, RAUM_ELIMIT, "%s", strerror(errno));
    return 0;
}

static int more(struct listeners *l, int count, struct raum_error *error)
{
    raise_descriptors();
    if (!l->list)
        l->poll = epoll_create1(EPOLL_CLOEXEC);
    struct listener *list = realloc(l->list, (size_t)(l->count + count) * sizeof *list);
    if (!list || l->poll < 0)
        return err_set(error, RAUM_ENOMEM, NULL);
    l->list = list;
    return 0;
}

int listen_open(struct listeners *l, int port, int first, int count, struct raum_error *error)
{
    int rc = more(l, count, error);
    for (int i = first; i < first + count && rc == 0; i++) {
        char text[300];
        int len = snprintf(text, sizeof text,
                           "GET /api/v1/sync/stream HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n"
                           "Authorization: Bearer token%027d\r\nX-Client-Id: device-%d\r\n\r\n",
                           port, i, i);
        int fd = listen_dial(port, error);
        rc = fd < 0 ? fd : add(l, fd, error);
        if (rc == 0)
            rc = send_all(fd, text, (size_t)len, error);
        if (rc == 0 && cli_stop)
            rc = err_set(error, RAUM_EINTERRUPTED, NULL);
    }
    return rc ? rc : listen_all(l, "event: ready", error);
}

int listen_plain(struct listeners *l, int port, int count, struct raum_error *error)
{
    int rc = more(l, count, error);
    for (int i = 0; i < count && rc == 0; i++) {
        int fd = listen_dial(port, error);
        rc = fd < 0 ? fd : add(l, fd, error);
    }
    return rc;
}

/* True: what it waited for is here. */
static bool hear(struct listener *l, const char *word)
{
    char text[65536 + sizeof l->tail];
    size_t len = word ? strlen(word) : 0;
    ssize_t n;
    memcpy(text, l->tail, (size_t)l->tail_len);
    while ((n = read(l->fd, text + l->tail_len, 65536)) > 0) {
        size_t all = (size_t)(l->tail_len + n);
        l->heard = l->heard || (word && memmem(text, all, word, len));
        size_t keep = all < sizeof l->tail ? all : sizeof l->tail;
        memmove(text, text + all - keep, keep);
        l->tail_len = (int)keep;
    }
    memcpy(l->tail, text, (size_t)l->tail_len);
    l->closed = n == 0 || (errno != EAGAIN && errno != EINTR);
    return word ? l->heard : l->closed;
}

int listen_all(struct listeners *l, const char *word, struct raum_error *error)
{
    struct epoll_event events[EVENTS];
    double until = bench_now_ms() + WAIT_MS;
    int left = 0;
    for (int i = 0; i < l->count; i++)
        left += !(word ? l->list[i].heard && strcmp(word, "event: ready") == 0 : l->list[i].closed);
    while (left > 0) {
        int n = epoll_wait(l->poll, events, EVENTS, 100);
        if (cli_stop)
            return err_set(error, RAUM_EINTERRUPTED, NULL);
        if (bench_now_ms() > until)
            return err_set(error, RAUM_EUNREACHABLE, "%d of %d did not hear it", left, l->count);
        for (int i = 0; i < n; i++) {
            struct listener *one = &l->list[events[i].data.u32];
            bool before = word ? one->heard : one->closed, done = hear(one, word);
            left -= done && !before;
            if (one->closed)
                epoll_ctl(l->poll, EPOLL_CTL_DEL, one->fd, NULL);
            if (word && one->closed && !one->heard)
                return err_set(error, RAUM_EUNREACHABLE, "a stream was closed");
        }
    }
    return 0;
}

void listen_close(struct listeners *l)
{
    for (int i = 0; i < l->count; i++)
        close(l->list[i].fd);
    if (l->list)
        close(l->poll);
    free(l->list);
    *l = (struct listeners){0};
}
