/* `raum bench fanout`, `streams` and `revoke`: how soon a change of one is seen by another, what
 * ten thousand idle streams cost and how soon all of them hear the same, how soon a session's end
 * reaches what it keeps open. The server is a process of its own. */
#define _GNU_SOURCE
#include "base/err.h"
#include "cli/bench_data.h"
#include "cli/bench_listen.h"
#include <arpa/inet.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define CHANGES 1000
#define STREAMS 10000
#define BROADCASTS 7
#define REVOKES 60

struct many {
    double ms[CHANGES];
    int count;
    double computed; /* ms, of the process that writes, for one */
};

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double share(struct many *m, double part)
{
    if (m->count == 0)
        return 0;
    qsort(m->ms, (size_t)m->count, sizeof *m->ms, by_size);
    int at = (int)(part * m->count);
    return m->ms[at < m->count ? at : m->count - 1];
}

static int push(int fd, const struct bench_server *server, const char *id,
                struct raum_error *error)
{
    char json[1024], token[40], path[100];
    snprintf(token, sizeof token, "token%027d", 0);
    /* what is new to the writer is not measured: of his own partition, nothing */
    snprintf(path, sizeof path, "/api/v1/sync?space=user:account%025d", 0);
    listen_task(json, sizeof json, id, "What has to be done, as people write it");
    int status = listen_ask(fd, server->port, token, path, json, error);
    if (status >= 0 && status != 200)
        return err_set(error, RAUM_EUNREACHABLE, "the server answered %d", status);
    return status < 0 ? status : 0;
}

/* What no server can be quicker than: the row in SQLite with its fsync, the bytes over a socket. */
static int raw_change(struct db *db, struct db_stmt *insert, int ends[2], int i, double *ms,
                      struct raum_error *error)
{
    char text[700];
    memset(text, 'x', sizeof text);
    double begun = bench_now_ms();
    int rc = bench_plain_insert(db, insert, i, "space", error);
    if (rc == 0 && (write(ends[0], text, sizeof text) != sizeof text ||
                    recv(ends[1], text, sizeof text, MSG_WAITALL) != sizeof text))
        rc = err_set(error, RAUM_EIO, "%s", strerror(errno));
    *ms = bench_now_ms() - begun;
    return rc;
}

static int raw_changes(struct bench_run *b, int count, struct many *out, struct raum_error *error)
{
    char path[1100];
    struct db *db;
    struct db_stmt insert = {0};
    int ends[2];
    snprintf(path, sizeof path, "%s/raw.db", b->folder);
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, ends) != 0)
        return err_set(error, RAUM_EIO, "%s", strerror(errno));
    int rc = bench_plain(path, &db, error);
    if (rc == 0) {
        for (int i = 0; i < count && rc == 0; i++)
            rc = raw_change(db, &insert, ends, i, &out->ms[out->count++], error);
        db_finish(&insert);
        db_close(db);
    }
    close(ends[0]);
    close(ends[1]);
    return rc;
}

static int fan_out(const struct bench_server *server, int count, struct many *out,
                   struct raum_error *error)
{
    struct listeners l = {0};
    int fd = listen_dial(server->port, error), rc = fd < 0 ? fd : 0;
    if (rc == 0)
        rc = listen_open(&l, server->port, 1, 1, error);
    for (int i = -20; i < count && rc == 0; i++) { /* the first ones warm it */
        char id[64];
        snprintf(id, sizeof id, "row-%08d-end", i + 20);
        l.list[0].heard = false;
        double begun = bench_now_ms();
        rc = push(fd, server, id, error); /* its answer is read first */
        if (rc == 0)
            rc = listen_all(&l, id, error);
        if (rc == 0 && i >= 0)
            out->ms[out->count++] = bench_now_ms() - begun;
    }
    listen_close(&l);
    if (fd >= 0)
        close(fd);
    return rc;
}

static int run_fanout(struct bench_run *b, struct raum_error *error)
{
    struct bench_server server = {0};
    struct many *own = calloc(2, sizeof *own), *raw = own + 1;
    int count = (int)(CHANGES * b->scale);
    int rc = own ? listen_fill(b->folder, 2, error) : err_set(error, RAUM_ENOMEM, NULL);
    count = count < 50 ? 50 : count;
    if (rc == 0)
        rc = bench_server_start(&server, b->folder, NULL, error);
    if (rc == 0)
        rc = fan_out(&server, count, own, error);
    bench_server_stop(&server);
    if (rc == 0)
        rc = raw_changes(b, count, raw, error);
    if (rc == 0) {
        bench_line(b, "a change of one is seen by another, the middle one", share(own, 0.5), "ms",
                   share(raw, 0.5), 5, false);
        bench_line(b, "the slowest hundredth", share(own, 0.99), "ms", share(raw, 0.99), 25, false);
    }
    free(own);
    return rc;
}

/* ---- ten thousand ---- */

static int broadcast(const struct bench_server *server, struct listeners *l, int fd, int n,
                     double *ms, struct raum_error *error)
{
    char id[64];
    snprintf(id, sizeof id, "broadcast-%08d-end", n);
    for (int i = 0; i < l->count; i++)
        l->list[i].heard = false;
    double begun = bench_now_ms();
    int rc = push(fd, server, id, error);
    if (rc == 0)
        rc = listen_all(l, id, error);
    *ms = bench_now_ms() - begun;
    return rc;
}

/* A process that does nothing but write the same bytes to all: it takes `count` connections, and
 * for each byte that comes through `go` it writes once around. */
static void write_plainly(int listener, int count, int go)
{
    char text[800], byte;
    int *fds = calloc((size_t)count, sizeof *fds);
    memset(text, 'x', sizeof text);
    for (int i = 0; fds && i < count; i++)
        fds[i] = accept(listener, NULL, NULL);
    for (int n = 0; fds && read(go, &byte, 1) == 1; n++) {
        snprintf(text + 700, 32, "plain-%08d-end", n);
        for (int i = 0; i < count; i++)
            if (send(fds[i], text, sizeof text, MSG_NOSIGNAL) < 0)
                _exit(1);
    }
    _exit(0);
}

static int start_plain(int count, int *port, pid_t *pid, int *go, struct raum_error *error)
{
    struct sockaddr_in name = {.sin_family = AF_INET};
    socklen_t len = sizeof name;
    int pipes[2] = {-1, -1}, fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    inet_pton(AF_INET, "127.0.0.1", &name.sin_addr);
    bool ok = fd >= 0 && bind(fd, (struct sockaddr *)&name, sizeof name) == 0 &&
              listen(fd, 1024) == 0 && getsockname(fd, (struct sockaddr *)&name, &len) == 0 &&
              pipe(pipes) == 0;
    *port = ntohs(name.sin_port);
    *pid = ok ? fork() : -1;
    if (*pid == 0) {
        close(pipes[1]);
        write_plainly(fd, count, pipes[0]);
    }
    *go = pipes[1];
    if (pipes[0] >= 0)
        close(pipes[0]);
    if (fd >= 0)
        close(fd);
    return *pid > 0 ? 0 : err_set(error, RAUM_EIO, "%s", strerror(errno));
}

static double milliseconds(struct timeval t)
{
    return (double)t.tv_sec * 1000 + (double)t.tv_usec / 1000;
}

/* With what taking the connections costs, which is little. */
static int raw_broadcasts(int count, struct many *out, struct raum_error *error)
{
    struct listeners l = {0};
    struct rusage used;
    int port, go = -1;
    pid_t pid = 0;
    int rc = start_plain(count, &port, &pid, &go, error);
    if (rc == 0)
        rc = listen_plain(&l, port, count, error);
    for (int n = 0; n < BROADCASTS && rc == 0; n++) {
        char word[64];
        snprintf(word, sizeof word, "plain-%08d-end", n);
        for (int i = 0; i < count; i++)
            l.list[i].heard = false;
        double begun = bench_now_ms();
        rc = write(go, "x", 1) == 1 ? listen_all(&l, word, error)
                                    : err_set(error, RAUM_EIO, "%s", strerror(errno));
        out->ms[out->count++] = bench_now_ms() - begun;
    }
    if (go >= 0)
        close(go);
    listen_close(&l);
    if (pid > 0 && wait4(pid, NULL, 0, &used) == pid)
        out->computed = (milliseconds(used.ru_utime) + milliseconds(used.ru_stime)) / BROADCASTS;
    return rc;
}

static int idle_streams(struct bench_run *b, struct bench_server *server, int count,
                        struct many *own, struct raum_error *error)
{
    struct listeners l = {0};
    double before = bench_server_memory(server, "VmRSS");
    int fd = listen_dial(server->port, error), rc = fd < 0 ? fd : 0;
    for (int i = 0; i < count && rc == 0; i += 500)
        rc = listen_open(&l, server->port, i, count - i < 500 ? count - i : 500, error);
    if (rc == 0) {
        bench_line(b, "the server's memory before", before, "MB", 0, 0, false);
        bench_line(b, "with all streams open", bench_server_memory(server, "VmRSS"), "MB", 0, 150,
                   false);
    }
    double computed = bench_server_computed(server);
    for (int n = 0; n < BROADCASTS && rc == 0; n++)
        rc = broadcast(server, &l, fd, n, &own->ms[own->count++], error);
    own->computed = (bench_server_computed(server) - computed) * 1000 / BROADCASTS;
    if (rc == 0)
        bench_line(b, "after what all of them heard", bench_server_memory(server, "VmRSS"), "MB", 0,
                   150, false);
    listen_close(&l);
    if (fd >= 0)
        close(fd);
    return rc;
}

static int run_streams(struct bench_run *b, struct raum_error *error)
{
    struct bench_server server = {0};
    struct many *own = calloc(2, sizeof *own), *raw = own + 1;
    int count = (int)(STREAMS * b->scale);
    count = count < LISTEN_TEAM ? LISTEN_TEAM : count;
    int rc = own ? listen_fill(b->folder, count, error) : err_set(error, RAUM_ENOMEM, NULL);
    if (rc == 0)
        rc = bench_server_start(&server, b->folder, NULL, error);
    if (rc == 0)
        rc = idle_streams(b, &server, count, own, error);
    bench_server_stop(&server);
    if (rc == 0)
        rc = raw_broadcasts(count, raw, error);
    if (rc == 0) {
        bench_line(b, "streams", count, "", 0, 0, false);
        bench_line(b, "a change has reached all, the middle one", share(own, 0.5), "ms",
                   share(raw, 0.5), 250, false);
        bench_line(b, "the slowest", share(own, 1), "ms", share(raw, 1), 0, false);
        bench_line(b, "computed for it", own->computed, "ms", raw->computed, 0, false);
    }
    free(own);
    return rc;
}

/* ---- sessions that end ---- */

struct revoking {
    struct many closed, accepted, answered;
};

/* Session n ends by another one of its account. Meanwhile somebody asks with it, again and again:
 * the last answer he gets is measured from before the request. */
static int end_session(const struct bench_server *server, int n, int fds[2], struct revoking *out,
                  struct raum_error *error)
{
    struct listeners l = {0};
    char json[100], own[40], token[40];
    snprintf(own, sizeof own, "token%027d", n - LISTEN_TEAM);
    snprintf(token, sizeof token, "token%027d", n);
    snprintf(json, sizeof json, "{\"token\":\"%s\"}", token);
    int rc = listen_open(&l, server->port, n, 1, error);
    if (rc) {
        listen_close(&l);
        return rc;
    }
    double begun = bench_now_ms();
    int status = listen_ask(fds[0], server->port, own, "/api/auth/revoke-session", json, error);
    out->answered.ms[out->answered.count++] = bench_now_ms() - begun;
    rc = status < 0 ? status : listen_all(&l, NULL, error);
    out->closed.ms[out->closed.count++] = bench_now_ms() - begun;
    double last = 0;
    for (status = 200; status == 200 && rc == 0;) {
        status = listen_ask(fds[1], server->port, token, "/api/v1/vault", NULL, error);
        rc = status < 0 ? status : 0;
        if (status == 200)
            last = bench_now_ms() - begun;
    }
    out->accepted.ms[out->accepted.count++] = last;
    listen_close(&l);
    return rc;
}

static int run_revoke(struct bench_run *b, struct raum_error *error)
{
    struct bench_server server = {0};
    struct revoking *r = calloc(1, sizeof *r);
    int fds[2] = {-1, -1};
    int rc = r ? listen_fill(b->folder, 2 * LISTEN_TEAM, error) : err_set(error, RAUM_ENOMEM, NULL);
    if (rc == 0)
        rc = bench_server_start(&server, b->folder, NULL, error);
    for (int i = 0; i < 2 && rc == 0; i++) {
        fds[i] = listen_dial(server.port, error);
        rc = fds[i] < 0 ? fds[i] : 0;
    }
    for (int i = 0; i < REVOKES && rc == 0; i++)
        rc = end_session(&server, LISTEN_TEAM + i, fds, r, error);
    bench_server_stop(&server);
    if (rc == 0) {
        bench_line(b, "a session's end has closed its stream, the middle one",
                   share(&r->closed, 0.5), "ms", share(&r->answered, 0.5), 50, false);
        bench_line(b, "the slowest", share(&r->closed, 1), "ms", share(&r->answered, 1), 50, false);
        bench_line(b, "the last request that was accepted", share(&r->accepted, 1), "ms", 0, 50,
                   false);
    }
    for (int i = 0; i < 2; i++)
        if (fds[i] >= 0)
            close(fds[i]);
    free(r);
    return rc;
}

const struct bench bench_fanout = {"fanout", "a change of one device, seen by another", run_fanout};
const struct bench bench_streams = {"streams", "ten thousand open streams", run_streams};
const struct bench bench_revoke = {"revoke", "sessions that end", run_revoke};
