#include "net/http_inside.h"

#include <event2/http_struct.h>
#include <stdlib.h>
#include <string.h>

#define FINISH_MS 1000

int http_stream_begin(struct http_request *q, const char *type, const struct http_stream_hooks *h,
                      struct http_stream **out)
{
    struct job *j = (struct job *)q; /* it is the first member of one */
    *out = NULL;
    if (q->stream)
        return RAUM_EINTERNAL;
    int result = http_reply(q, 200, type, NULL, 0);
    if (result < 0)
        return result;
    struct http_stream *s = calloc(1, sizeof *s);
    if (!s)
        return RAUM_ENOMEM;
    s->refs = 2; /* the caller's and the connection's */
    s->loop = j->loop;
    if (h)
        s->hooks = *h;
    pthread_mutex_init(&s->lock, NULL);
    q->stream = *out = s;
    return 0;
}

struct http_stream *http_stream_ref(struct http_stream *s)
{
    atomic_fetch_add(&s->refs, 1);
    return s;
}

bool http_stream_closed(struct http_stream *s)
{
    pthread_mutex_lock(&s->lock);
    bool closed = s->closed || s->finishing;
    pthread_mutex_unlock(&s->lock);
    return closed;
}

static void drop_pending(struct http_stream *s)
{
    if (s->pending)
        evbuffer_free(s->pending);
    s->pending = NULL;
}

void http_stream_unref(struct http_stream *s)
{
    if (!s || atomic_fetch_sub(&s->refs, 1) > 1)
        return;
    pthread_mutex_destroy(&s->lock);
    drop_pending(s);
    free(s);
}

/* Puts the stream on its loop's list, once; called with its lock held. */
static void tell_loop(struct http_stream *s)
{
    struct http_loop *l = s->loop;
    if (s->dirty)
        return;
    s->dirty = true;
    http_stream_ref(s);
    pthread_mutex_lock(&l->lock);
    s->next = l->dirty;
    l->dirty = s;
    pthread_mutex_unlock(&l->lock);
    loop_wake(l);
}

/* ---- bytes of many */

struct http_shared *http_shared_new(const void *data, size_t len)
{
    struct http_shared *b = malloc(sizeof *b + len);
    if (!b)
        return NULL;
    b->refs = 1;
    b->len = len;
    memcpy(b->data, data, len);
    return b;
}

void http_shared_unref(struct http_shared *b)
{
    if (b && atomic_fetch_sub(&b->refs, 1) == 1)
        free(b);
}

size_t http_shared_len(const struct http_shared *b)
{
    return b->len;
}

static void unref_shared(const void *data, size_t len, void *arg)
{
    (void)data;
    (void)len;
    http_shared_unref(arg);
}

/* ---- queueing */

static size_t unread(const struct http_stream *s)
{
    return (s->pending ? evbuffer_get_length(s->pending) : 0) +
           atomic_load_explicit(&s->unsent, memory_order_relaxed);
}

static bool queue(struct http_stream *s, struct http_shared *b, const void *data, size_t len)
{
    if (!s->pending && !(s->pending = evbuffer_new()))
        return false;
    if (b) {
        atomic_fetch_add(&b->refs, 1);
        if (evbuffer_add_reference(s->pending, b->data, b->len, unref_shared, b) != 0) {
            http_shared_unref(b);
            return false;
        }
    }
    return evbuffer_add(s->pending, data, len) == 0;
}

int http_stream_share(struct http_stream *s, struct http_shared *b, const void *data, size_t len)
{
    size_t more = len + (b ? b->len : 0);
    int result = 0;
    pthread_mutex_lock(&s->lock);
    if (!s->closed && !s->finishing) {
        size_t waiting = unread(s);
        /* The reader is too slow, or there is no memory. */
        if ((waiting > 0 && waiting + more > s->loop->server->o.stream_max) ||
            !queue(s, b, data, len))
            s->closed = true;
        tell_loop(s);
    }
    if (s->closed || s->finishing)
        result = RAUM_EUNREACHABLE;
    pthread_mutex_unlock(&s->lock);
    return result;
}

int http_stream_send(struct http_stream *s, const void *data, size_t len)
{
    return http_stream_share(s, NULL, data, len);
}

size_t http_stream_unread(struct http_stream *s)
{
    pthread_mutex_lock(&s->lock);
    size_t bytes = unread(s);
    pthread_mutex_unlock(&s->lock);
    return bytes;
}

void http_stream_finish(struct http_stream *s)
{
    pthread_mutex_lock(&s->lock);
    if (!s->closed && !s->finishing) {
        s->finishing = true;
        tell_loop(s);
    }
    pthread_mutex_unlock(&s->lock);
}

void http_stream_close(struct http_stream *s)
{
    pthread_mutex_lock(&s->lock);
    if (!s->closed) {
        s->closed = true;
        tell_loop(s);
    }
    pthread_mutex_unlock(&s->lock);
}

/* ---- on the loop */

/* What the socket did not take at once, libevent sends. */
void stream_sent(struct http_stream *s, size_t left)
{
    atomic_store_explicit(&s->unsent, left, memory_order_relaxed);
    if (left > 0 || !s->finishing)
        return;
    pthread_mutex_lock(&s->lock);
    if (!s->pending && !s->closed) {
        s->closed = true;
        tell_loop(s);
    }
    pthread_mutex_unlock(&s->lock);
}

static void send_chunk(struct http_stream *s, struct evbuffer *chunk)
{
    evhttp_send_reply_chunk(s->req, chunk);
    if (conn_write(s->conn))
        bufferevent_disable(s->conn->bev, EV_WRITE); /* until the next chunk */
    conn_count(s->conn);
}

/* So that the reader knows it has all of it. The connection is closed behind it, as its head
 * says. */
static void send_end(struct http_stream *s)
{
    static const char last[] = "0\r\n\r\n";
    struct bufferevent *bev = s->conn->bev;
    if (!s->req->chunked)
        return;
    evbuffer_add(bufferevent_get_output(bev), last, sizeof last - 1);
    if (!conn_write(s->conn))
        bufferevent_enable(bev, EV_WRITE);
}

/* What was queued since the last time. */
static void stream_flush(struct http_stream *s)
{
    struct evbuffer *chunk = NULL;
    pthread_mutex_lock(&s->lock);
    bool closed = s->closed, finishing = s->finishing && s->started;
    if (!closed && s->started && s->pending) {
        chunk = s->pending;
        s->pending = NULL;
        /* until the output says better */
        atomic_fetch_add_explicit(&s->unsent, evbuffer_get_length(chunk), memory_order_relaxed);
    }
    pthread_mutex_unlock(&s->lock);
    if (s->conn && closed) {
        conn_close(s->conn);
    } else if (s->conn && s->started) {
        if (chunk)
            send_chunk(s, chunk);
        if (finishing && s->conn->state == CONN_STREAM) {
            send_end(s);
            conn_move(s->conn, CONN_LINGER, s->loop->now + FINISH_MS);
        }
        stream_sent(s, evbuffer_get_length(bufferevent_get_output(s->conn->bev)));
    }
    if (chunk)
        evbuffer_free(chunk);
}

/* Those that were on the loop's list. Only who takes one off it may say that it is off: written to
 * in the meantime it goes onto the list anew, and its place in this one would be lost. */
void stream_drain(struct http_stream *list)
{
    while (list) {
        struct http_stream *s = list;
        list = s->next;
        pthread_mutex_lock(&s->lock);
        s->dirty = false;
        pthread_mutex_unlock(&s->lock);
        stream_flush(s);
        http_stream_unref(s);
    }
}

/* The handler has returned, the head of the answer goes out. */
void stream_start(struct http_stream *s, struct job *j)
{
    struct conn *c = j->conn;
    s->conn = c;
    s->req = j->req;
    c->stream = s;
    atomic_fetch_add(&s->loop->server->streams, 1);
    conn_move(c, CONN_STREAM, INT64_MAX);
    evbuffer_drain(c->in, evbuffer_get_length(c->in));
    evhttp_add_header(evhttp_request_get_output_headers(j->req), "Connection", "close");
    evhttp_send_reply_start(j->req, j->q.status, http_status_text(j->q.status));
    conn_count(c);
    pthread_mutex_lock(&s->lock);
    s->started = true;
    pthread_mutex_unlock(&s->lock);
    stream_flush(s);
}

/* The connection has gone, or went before the stream began. */
void stream_gone(struct http_stream *s)
{
    if (s->conn) {
        s->conn->stream = NULL;
        atomic_fetch_sub(&s->loop->server->streams, 1);
    }
    if (s->req && !evhttp_request_get_connection(s->req))
        evhttp_request_free(s->req); /* taken off the connection's list: nobody else does */
    s->conn = NULL;
    s->req = NULL;
    pthread_mutex_lock(&s->lock);
    s->closed = true;
    drop_pending(s);
    pthread_mutex_unlock(&s->lock);
    if (s->hooks.closed)
        s->hooks.closed(s->hooks.arg);
    http_stream_unref(s);
}
