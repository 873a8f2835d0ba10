#include "net/http_inside.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define LINGER_MS 2000
#define REFUSED_LINES_MAX 20 /* a second */
#define GREETINGS_MAX 1000   /* a handshake that is not finished takes 48 KB, a later one 17 */

void conn_move(struct conn *c, enum conn_state state, int64_t deadline)
{
    struct http_loop *l = c->loop;
    if (c->state != CONN_STATES)
        TAILQ_REMOVE(&l->lists[c->state], c, place);
    c->state = (uint8_t)state;
    c->deadline = deadline;
    TAILQ_INSERT_TAIL(&l->lists[state], c, place);
}

void conn_ready(struct conn *c)
{
    if (!c->is_ready)
        TAILQ_INSERT_TAIL(&c->loop->ready, c, ready);
    c->is_ready = true;
}

/* ---- counting */

static void count_to(struct conn *c, size_t bytes)
{
    struct http_server *s = c->loop->server;
    size_t before = c->counted, total;
    if (bytes == before)
        return;
    c->counted = bytes;
    if (bytes < before) {
        atomic_fetch_sub_explicit(&s->buffered, before - bytes, memory_order_relaxed);
        return;
    }
    total = atomic_fetch_add_explicit(&s->buffered, bytes - before, memory_order_relaxed) + bytes -
            before;
    size_t peak = atomic_load_explicit(&s->buffered_peak, memory_order_relaxed);
    while (total > peak && !atomic_compare_exchange_weak(&s->buffered_peak, &peak, total))
        continue;
    if (total > s->o.buffered_max)
        atomic_store_explicit(&c->loop->evict, true, memory_order_relaxed);
    /* What came in one turn can be much: nothing waits for its end beyond an eighth more. */
    c->overrun = c->overrun || total > s->o.buffered_max + s->o.buffered_max / 8;
}

void conn_count(struct conn *c)
{
    count_to(c, evbuffer_get_length(c->in) + (c->job ? c->job->held : 0) +
                    evbuffer_get_length(bufferevent_get_output(c->bev)));
}

/* ---- libevent's callbacks: they only note what happened */

/* Bytes have come: they become ours. Copied behind what is there, since chains of the socket's
 * buffer are half empty; moved when they are the first, as nearly always. */
static void on_input(struct evbuffer *input, const struct evbuffer_cb_info *info, void *arg)
{
    struct conn *c = arg;
    struct evbuffer_iovec part[4];
    if (info->n_added == 0 || c->passing)
        return;
    if (c->overrun || c->state == CONN_STREAM || c->state == CONN_LINGER) {
        evbuffer_drain(input, evbuffer_get_length(input));
    } else if (evbuffer_get_length(c->in) == 0) {
        evbuffer_add_buffer(c->in, input);
    } else {
        while (evbuffer_get_length(input) > 0) {
            int n = evbuffer_peek(input, -1, NULL, part, 4);
            size_t len = 0;
            for (int i = 0; i < n && i < 4; len += part[i++].iov_len)
                evbuffer_add(c->in, part[i].iov_base, part[i].iov_len);
            evbuffer_drain(input, len);
        }
    }
    c->loop->greetings -= c->greeting;
    c->greeting = false;
    conn_count(c);
    conn_ready(c);
}

static void on_output(struct evbuffer *output, const struct evbuffer_cb_info *info, void *arg)
{
    struct conn *c = arg;
    if (info->n_deleted == 0)
        return;
    conn_count(c);
    if (c->state == CONN_WRITE)
        c->started = c->loop->now; /* it reads */
    if (file_waits(c))
        conn_ready(c);
    if (c->stream)
        stream_sent(c->stream, evbuffer_get_length(output));
    if (c->state == CONN_LINGER && evbuffer_get_length(output) == 0)
        conn_ready(c);
}

/* evhttp lets the connection go. */
static void on_close(struct evhttp_connection *evcon, void *arg)
{
    struct conn *c = arg;
    struct http_loop *l = c->loop;
    (void)evcon;
    evbuffer_remove_cb_entry(bufferevent_get_input(c->bev), c->in_cb);
    evbuffer_remove_cb_entry(bufferevent_get_output(c->bev), c->out_cb);
    if (c->job) {
        struct job *j = c->job;
        /* A request in evhttp's list goes with it; one taken off the list is ours to free. */
        if (j->req && evhttp_request_get_connection(j->req))
            j->req = NULL;
        j->conn = NULL;
        c->job = NULL;
        if (!j->queued) {
            job_free(j);
        } else { /* still in memory, so still counted */
            j->orphan = true;
            atomic_fetch_add_explicit(&l->server->buffered, j->held, memory_order_relaxed);
        }
    }
    count_to(c, 0);
    http_file_free(c->file);
    if (c->stream)
        stream_gone(c->stream);
    TAILQ_REMOVE(&l->lists[c->state], c, place);
    if (c->is_ready)
        TAILQ_REMOVE(&l->ready, c, ready);
    if (l->passing == c)
        l->passing = NULL;
    l->greetings -= c->greeting;
    atomic_fetch_sub(&l->server->open, 1);
    evbuffer_free(c->in);
    free(c);
}

struct bufferevent *conn_new(struct event_base *base, void *arg)
{
    struct http_loop *l = arg;
    struct http_server *s = l->server;
    struct conn *c = calloc(1, sizeof *c);
    struct evbuffer *in = evbuffer_new();
    struct bufferevent *bev = s->tls ? tls_bufferevent(base, s->tls)
                                     : bufferevent_socket_new(base, -1, BEV_OPT_CLOSE_ON_FREE);
    if (c && in && bev) {
        *c = (struct conn){.loop = l, .bev = bev, .in = in, .state = CONN_STATES};
        c->in_cb = evbuffer_add_cb(bufferevent_get_input(bev), on_input, c);
        c->out_cb = evbuffer_add_cb(bufferevent_get_output(bev), on_output, c);
    }
    if (!c || !c->in_cb || !c->out_cb) {
        if (bev)
            bufferevent_free(bev);
        if (in)
            evbuffer_free(in);
        free(c);
        return NULL;
    }
    /* evhttp is not called for an empty buffer: we take the bytes first. */
    bufferevent_setwatermark(bev, EV_READ, 1, 0);
    atomic_fetch_add_explicit(&s->connections, 1, memory_order_relaxed);
    c->overrun = atomic_fetch_add(&s->open, 1) >= s->o.connections_max;
    conn_move(c, CONN_HEAD, INT64_MAX);
    conn_ready(c);
    return bev;
}

/* Most answers fit into the socket: written here, they cost no turn of the loop and no call to have
 * the socket watched for writing. Whatever goes wrong is left for libevent to find. */
bool conn_write(struct conn *c)
{
    struct evbuffer *output = bufferevent_get_output(c->bev);
    if (c->loop->server->tls)
        return false;
    evbuffer_unfreeze(output, 1);
    evbuffer_write(output, bufferevent_getfd(c->bev));
    evbuffer_freeze(output, 1);
    return evbuffer_get_length(output) == 0;
}

/* ---- ends */

void conn_close(struct conn *c)
{
    /* As if the other end had gone: the one way in which evhttp leaves us a request that a worker
     * still has. */
    bufferevent_trigger_event(c->bev, BEV_EVENT_READING | BEV_EVENT_EOF, 0);
}

static const char *refusal_code(int status)
{
    switch (status) {
    case 408:
        return "TIMEOUT";
    case 413:
    case 414:
    case 431:
        return "TOO_LARGE";
    case 503:
        return "BUSY";
    default:
        return "BAD_REQUEST";
    }
}

/* At most so many lines a second: who floods the server must not flood its disk. */
static void log_refusal(struct conn *c, int status, const char *why)
{
    struct http_loop *l = c->loop;
    char *address = NULL;
    ev_uint16_t port;
    if (l->now / 1000 != l->refused_second) {
        l->refused_second = l->now / 1000;
        l->refused_count = 0;
    }
    if (l->refused_count++ >= REFUSED_LINES_MAX || !l->server->o.log)
        return;
    evhttp_connection_get_peer(c->evcon, &address, &port);
    NET_LOG(l->server->o.log, LOG_INFO, "refused", {"status", NULL, status}, {"why", why, 0},
            {"peer", address ? address : "", 0});
}

void conn_refuse(struct conn *c, int status, const char *why)
{
    static const char body[] = "{\"error\":{\"code\":\"%s\",\"message\":\"%s: %s\"}}";
    struct http_server *s = c->loop->server;
    bufferevent_data_cb on_read, on_write;
    bufferevent_event_cb on_event;
    void *arg;
    char text[256];
    atomic_fetch_add_explicit(&s->refused, 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&s->classes[status / 100], 1, memory_order_relaxed);
    log_refusal(c, status, why);
    evbuffer_drain(c->in, evbuffer_get_length(c->in));
    conn_move(c, CONN_LINGER, c->loop->now + LINGER_MS);
    /* evhttp knows nothing of this answer and must not hear that it was written. */
    bufferevent_getcb(c->bev, &on_read, &on_write, &on_event, &arg);
    bufferevent_setcb(c->bev, NULL, NULL, on_event, arg);
    int len =
        snprintf(text, sizeof text, body, refusal_code(status), http_status_text(status), why);
    evbuffer_add_printf(bufferevent_get_output(c->bev),
                        "HTTP/1.1 %d %s\r\nContent-Type: application/json\r\n"
                        "Content-Length: %d\r\n%sConnection: close\r\n\r\n%s",
                        status, http_status_text(status), len,
                        status == 503 ? "Retry-After: 1\r\n" : "", text);
    bufferevent_enable(c->bev, EV_READ | EV_WRITE);
    conn_count(c);
}

/* The answer to a refused request has left: our half is closed, theirs is read for a while, so that
 * the answer is not lost to a reset. */
static void linger(struct conn *c)
{
    evbuffer_drain(c->in, evbuffer_get_length(c->in));
    if (evbuffer_get_length(bufferevent_get_output(c->bev)) > 0)
        return;
    if (!c->loop->server->tls)
        shutdown(bufferevent_getfd(c->bev), SHUT_WR);
    else if (c->deadline > c->loop->now + LINGER_MS / 4)
        c->deadline = c->loop->now + LINGER_MS / 4;
}

/* ---- the gate */

/* A whole request: evhttp gets it and calls job_arrived. c may be gone afterwards. */
static void pass(struct conn *c, const struct head *h, const char *data, size_t total)
{
    struct http_loop *l = c->loop;
    struct evbuffer *input = bufferevent_get_input(c->bev);
    struct job *j = job_new(l);
    if (!j || !job_fill(j, c, data, h)) {
        if (j)
            job_free(j);
        conn_refuse(c, 503, "memory");
        return;
    }
    j->conn = c;
    j->held = total;
    c->job = j;
    conn_move(c, CONN_WAIT, c->started + l->server->o.request_ms);
    c->passing = true;
    if (!l->server->tls)
        evbuffer_unfreeze(input, 0);
    int moved = evbuffer_remove_buffer(c->in, input, total);
    if (!l->server->tls)
        evbuffer_freeze(input, 0);
    c->passing = false;
    if (moved != (int)total) {
        conn_close(c);
        return;
    }
    l->passing = c;
    bufferevent_trigger(c->bev, EV_READ, 0);
    /* It must have taken all of it, as one request. Where it reads otherwise than we do, nothing of
     * the connection can be trusted. */
    if (l->passing == c && (evbuffer_get_length(input) > 0 || (c->job && !c->job->queued)))
        conn_close(c);
    l->passing = NULL;
}

static void pass_again(struct conn *c, size_t total)
{
    struct head h;
    const char *why = "", *data = (const char *)evbuffer_pullup(c->in, (ev_ssize_t)c->head_len);
    int status = data ? head_parse(&h, data, c->head_len, &why) : 503;
    if (status)
        conn_refuse(c, status, why);
    else
        pass(c, &h, data, total);
}

static void gate_chunks(struct conn *c)
{
    size_t len = evbuffer_get_length(c->in);
    while (c->chunk_at < len) {
        struct evbuffer_ptr at;
        struct evbuffer_iovec part;
        size_t used;
        if (evbuffer_ptr_set(c->in, &at, c->chunk_at, EVBUFFER_PTR_SET) < 0 ||
            evbuffer_peek(c->in, -1, &at, &part, 1) < 1)
            return;
        enum head_scan_result r = head_chunks(&c->chunks, part.iov_base, part.iov_len,
                                              c->loop->server->o.body_max, &used);
        c->chunk_at += used;
        if (r == HEAD_BAD || r == HEAD_LARGE) {
            conn_refuse(c, r == HEAD_BAD ? 400 : 413, "chunked body");
            return;
        }
        if (r == HEAD_DONE) {
            pass_again(c, c->chunk_at);
            return;
        }
    }
}

static void gate_body(struct conn *c)
{
    size_t total = c->head_len + (size_t)(c->length > 0 ? c->length : 0);
    if (c->chunked)
        gate_chunks(c);
    else if (evbuffer_get_length(c->in) >= total)
        pass_again(c, total);
}

static bool ask_credentials(struct conn *c, const char *data, const struct head *h)
{
    struct http_server *s = c->loop->server;
    struct job *j = &c->loop->probe;
    if (!s->o.credentials)
        return false;
    arena_reset(&j->q.arena);
    return job_fill(j, c, data, h) && s->o.credentials(s->o.arg, &j->q);
}

static void go_on(struct conn *c)
{
    static const char text[] = "HTTP/1.1 100 Continue\r\n\r\n";
    bufferevent_data_cb on_read, on_write;
    bufferevent_event_cb on_event;
    void *arg;
    bufferevent_getcb(c->bev, &on_read, &on_write, &on_event, &arg);
    bufferevent_setcb(c->bev, on_read, NULL, on_event, arg);
    evbuffer_add(bufferevent_get_output(c->bev), text, sizeof text - 1);
    bufferevent_enable(c->bev, EV_WRITE);
}

/* A head that is whole. */
static void gate_parsed(struct conn *c, const char *data)
{
    struct http_server *s = c->loop->server;
    struct head h;
    const char *why = "";
    char path[HEAD_TARGET_MAX + 1];
    int status = head_parse(&h, data, c->head_len, &why);
    if (!status && !head_path(h.target.at, h.target.len, path))
        status = 400, why = "path";
    if (!status && h.length > 0 && (uint64_t)h.length > s->o.body_max)
        status = 413, why = "body";
    /* evhttp would leave it lying there and read it as a request. */
    if (!status && (h.chunked || h.length > 0) && h.method.at[0] == 'H')
        status = 400, why = "a HEAD with a body";
    if (status) {
        conn_refuse(c, status, why);
        return;
    }
    c->credentials = false;
    c->length = h.length;
    c->chunked = h.chunked;
    if (!h.chunked && h.length <= 0) {
        pass(c, &h, data, c->head_len);
        return;
    }
    c->credentials = ask_credentials(c, data, &h);
    c->chunks = (struct head_chunks){0};
    c->chunk_at = c->head_len;
    conn_move(c, CONN_BODY, c->started + s->o.request_ms);
    if (h.expect && evbuffer_get_length(c->in) == c->head_len)
        go_on(c);
    gate_body(c);
}

static void gate_head(struct conn *c)
{
    size_t max = c->loop->server->o.header_max;
    char two[2] = {0};
    /* Empty lines before a request are forgiven (RFC 9112 §2.2). */
    while (c->scan.at == 0 && evbuffer_copyout(c->in, two, 2) == 2 && two[0] == '\r' &&
           two[1] == '\n')
        evbuffer_drain(c->in, 2);
    size_t len = evbuffer_get_length(c->in);
    if (len == 0 || (len == 1 && two[0] == '\r'))
        return;
    if (len > max)
        len = max;
    const char *data = (const char *)evbuffer_pullup(c->in, (ev_ssize_t)len);
    switch (data ? head_scan(&c->scan, data, len) : HEAD_BAD) {
    case HEAD_DONE:
        c->head_len = c->scan.at;
        c->scan = (struct head_scan){0};
        gate_parsed(c, data);
        return;
    case HEAD_MORE:
        if (len == max)
            conn_refuse(c, c->scan.lines ? 431 : 414, "head");
        return;
    default:
        conn_refuse(c, 400, "head");
    }
}

/* Room for one more handshake: the one that has taken longest gives way. */
static void close_oldest_greeting(struct http_loop *l)
{
    struct conn *c;
    TAILQ_FOREACH(c, &l->lists[CONN_HEAD], place)
    if (c->greeting) {
        conn_close(c);
        return;
    }
}

/* The first turn of a connection: evhttp has made its own half of it by now. */
static bool adopt(struct conn *c)
{
    struct http_loop *l = c->loop;
    void *arg;
    bufferevent_getcb(c->bev, NULL, NULL, NULL, &arg);
    if (!arg || evhttp_connection_get_bufferevent(arg) != c->bev)
        abort(); /* another libevent than the one this was written for */
    c->evcon = arg;
    evhttp_connection_set_closecb(c->evcon, on_close, c);
    bufferevent_set_timeouts(c->bev, NULL, NULL); /* deadlines are ours */
    c->started = l->now;
    c->deadline = l->now + l->server->o.header_ms;
    if (c->overrun || atomic_load(&l->server->stopping)) { /* one too many */
        atomic_fetch_add_explicit(&l->server->refused, 1, memory_order_relaxed);
        conn_close(c);
        return false;
    }
    if (l->server->tls) {
        if (l->greetings >= GREETINGS_MAX)
            close_oldest_greeting(l);
        c->greeting = true;
        l->greetings++;
    }
    return true;
}

void conn_gate(struct conn *c)
{
    struct http_loop *l = c->loop;
    if (!c->evcon && !adopt(c))
        return;
    if (c->state == CONN_LINGER) {
        linger(c);
        return;
    }
    if (c->overrun) {
        c->overrun = false;
        if (c->state == CONN_HEAD || c->state == CONN_BODY)
            conn_refuse(c, 503, "memory");
        else if (c->state != CONN_WAIT)
            conn_close(c);
        return;
    }
    if (c->state == CONN_IDLE && evbuffer_get_length(c->in) > 0) {
        c->started = l->now;
        conn_move(c, CONN_HEAD, l->now + l->server->o.header_ms);
    }
    if (c->state == CONN_HEAD)
        gate_head(c);
    else if (c->state == CONN_BODY)
        gate_body(c);
    else if (c->file)
        file_more(c);
}

/* ---- time and memory */

static void expire(struct conn *c)
{
    bool begun = c->state == CONN_BODY || (c->state == CONN_HEAD && evbuffer_get_length(c->in) > 0);
    if (begun)
        conn_refuse(c, 408, "deadline");
    else
        conn_close(c);
}

void conn_deadlines(struct http_loop *l)
{
    static const enum conn_state all[] = {CONN_HEAD, CONN_BODY, CONN_WAIT, CONN_WRITE, CONN_LINGER};
    struct http_server *s = l->server;
    struct conn *c, *next;
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        for (c = TAILQ_FIRST(&l->lists[all[i]]); c; c = next) {
            next = TAILQ_NEXT(c, place);
            bool stalled = c->state == CONN_WRITE && c->started + s->o.request_ms <= l->now;
            if (c->deadline <= l->now || stalled)
                expire(c);
        }
    /* All idle ones wait equally long: the first is the oldest. */
    while ((c = TAILQ_FIRST(&l->lists[CONN_IDLE])) && c->deadline <= l->now)
        conn_close(c);
}

static struct conn *largest(struct http_loop *l, bool anonymous)
{
    static const enum conn_state all[] = {CONN_HEAD, CONN_BODY, CONN_WRITE, CONN_STREAM};
    struct conn *c, *best = NULL;
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        TAILQ_FOREACH(c, &l->lists[all[i]], place)
    if (!(anonymous && c->credentials) && c->counted > (best ? best->counted : 0))
        best = c;
    return best;
}

void conn_evict(struct http_loop *l)
{
    struct http_server *s = l->server;
    while (atomic_load(&s->buffered) > s->o.buffered_max) {
        struct conn *c = largest(l, true);
        for (int i = 0; !c && i < s->o.loops; i++)
            if (&s->loops[i] != l && !atomic_exchange(&s->loops[i].evict, true))
                loop_wake(&s->loops[i]);
        if (!c && (s->o.loops == 1 ||
                   atomic_load(&s->buffered) > s->o.buffered_max + s->o.buffered_max / 8))
            c = largest(l, false);
        if (!c)
            return;
        if (c->state == CONN_HEAD || c->state == CONN_BODY)
            conn_refuse(c, 503, "memory");
        else
            conn_close(c);
    }
}
