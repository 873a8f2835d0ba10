#include "net/http_inside.h"

#include <stdlib.h>

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
    buf_init(&s->pending, SIZE_MAX / 4);
    pthread_mutex_init(&s->lock, NULL);
    q->stream = *out = s;
    return 0;
}

void http_stream_unref(struct http_stream *s)
{
    if (!s || atomic_fetch_sub(&s->refs, 1) > 1)
        return;
    pthread_mutex_destroy(&s->lock);
    buf_release(&s->pending);
    free(s);
}

/* Puts the stream on its loop's list, once; called with its lock held. */
static void tell_loop(struct http_stream *s)
{
    struct http_loop *l = s->loop;
    if (s->dirty)
        return;
    s->dirty = true;
    atomic_fetch_add(&s->refs, 1);
    pthread_mutex_lock(&l->lock);
    s->next = l->dirty;
    l->dirty = s;
    pthread_mutex_unlock(&l->lock);
    loop_wake(l);
}

int http_stream_send(struct http_stream *s, const void *data, size_t len)
{
    int result = 0;
    pthread_mutex_lock(&s->lock);
    if (!s->closed) {
        size_t unread = s->pending.len + atomic_load_explicit(&s->unsent, memory_order_relaxed);
        if (unread + len <= s->loop->server->o.stream_max)
            buf_add(&s->pending, data, len);
        else
            s->closed = true; /* the reader is too slow */
        s->closed = s->closed || s->pending.error;
        tell_loop(s);
    }
    if (s->closed)
        result = RAUM_EUNREACHABLE;
    pthread_mutex_unlock(&s->lock);
    return result;
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

static void free_data(const void *data, size_t len, void *arg)
{
    (void)len;
    (void)arg;
    free((void *)(uintptr_t)data);
}

/* On the loop: what was queued since the last time. */
void stream_flush(struct http_stream *s)
{
    char *data = NULL;
    size_t len = 0;
    pthread_mutex_lock(&s->lock);
    s->dirty = false;
    bool closed = s->closed, started = s->started;
    if (!closed && started && s->pending.len > 0) {
        data = buf_detach(&s->pending, &len);
        if (data) /* until the output says better */
            atomic_fetch_add_explicit(&s->unsent, len, memory_order_relaxed);
    }
    pthread_mutex_unlock(&s->lock);
    if (!s->conn) {
        free(data);
        return;
    }
    if (closed) {
        conn_close(s->conn);
        return;
    }
    struct evbuffer *chunk = data ? evbuffer_new() : NULL;
    if (chunk && evbuffer_add_reference(chunk, data, len, free_data, NULL) == 0) {
        evhttp_send_reply_chunk(s->req, chunk);
        data = NULL;
        if (conn_write(s->conn))
            bufferevent_disable(s->conn->bev, EV_WRITE); /* until the next chunk */
        atomic_store_explicit(&s->unsent, evbuffer_get_length(bufferevent_get_output(s->conn->bev)),
                              memory_order_relaxed);
        conn_count(s->conn);
    }
    free(data);
    if (chunk)
        evbuffer_free(chunk);
}

/* On the loop: the handler has returned, the head of the answer goes out. */
void stream_start(struct http_stream *s, struct job *j)
{
    struct conn *c = j->conn;
    s->conn = c;
    s->req = j->req;
    c->stream = s;
    atomic_fetch_add(&s->loop->server->streams, 1);
    conn_move(c, CONN_STREAM, INT64_MAX);
    evbuffer_drain(c->in, evbuffer_get_length(c->in));
    evhttp_send_reply_start(j->req, j->q.status, http_status_text(j->q.status));
    conn_count(c);
    pthread_mutex_lock(&s->lock);
    s->started = true;
    pthread_mutex_unlock(&s->lock);
    stream_flush(s);
}

/* On the loop: the connection has gone, or went before the stream began. */
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
    buf_release(&s->pending);
    pthread_mutex_unlock(&s->lock);
    if (s->hooks.closed)
        s->hooks.closed(s->hooks.arg);
    http_stream_unref(s);
}
