#define _GNU_SOURCE
#include "net/http_inside.h"

#include "base/utf8.h"
#include <assert.h>
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#define ARENA_MAX ((size_t)4 << 20)
#define SPARE_MAX 128
#define COPY_MAX 4096       /* smaller answers are copied beside their head */
#define DRAIN_BYTES_A_MS 16 /* the slowest reader that is waited for */
#define LOG_PATH_MAX 256
#define LOG_PART_MAX 20
#define SLOW_NICE 5
#define BUSY "{\"error\":{\"code\":\"BUSY\",\"message\":\"too much to do; try again\"}}"
#define NO_ANSWER "{\"error\":{\"code\":\"INTERNAL\",\"message\":\"no answer\"}}"

struct job *job_new(struct http_loop *l)
{
    struct job *j = l->spare;
    if (j) {
        l->spare = j->next;
        l->spare_count--;
    } else {
        j = calloc(1, sizeof *j);
        if (!j)
            return NULL;
        arena_init(&j->q.arena, ARENA_MAX + l->server->o.body_max);
    }
    j->loop = l;
    j->started = l->now;
    return j;
}

void job_free(struct job *j)
{
    struct http_loop *l = j->loop;
    struct arena arena = j->q.arena;
    if (j->orphan)
        atomic_fetch_sub_explicit(&l->server->buffered, j->held, memory_order_relaxed);
    buf_release(&j->q.answer);
    http_file_free(j->q.file);
    if (l->spare_count >= SPARE_MAX) {
        arena_release(&arena);
        free(j);
        return;
    }
    arena_reset(&arena);
    memset(j, 0, sizeof *j);
    j->q.arena = arena;
    j->next = l->spare;
    l->spare = j;
    l->spare_count++;
}

static uint64_t next_random(struct http_loop *l)
{
    l->seed ^= l->seed << 13;
    l->seed ^= l->seed >> 7;
    l->seed ^= l->seed << 17;
    return l->seed * 0x2545F4914F6CDD1Du;
}

static char *copy_slice(struct arena *a, struct head_slice s)
{
    return arena_copy(a, s.at, s.len);
}

static bool fill_headers(struct http_request *q, const struct head *h)
{
    struct http_header *list = arena_alloc(&q->arena, (size_t)(h->count + 1) * sizeof *list);
    if (!list)
        return false;
    for (int i = 0; i < h->count; i++) {
        list[i].name = copy_slice(&q->arena, h->fields[i].name);
        list[i].value = copy_slice(&q->arena, h->fields[i].value);
        if (!list[i].name || !list[i].value)
            return false;
    }
    q->headers = list;
    q->header_count = h->count;
    return true;
}

bool job_fill(struct job *j, const struct conn *c, const char *data, const struct head *h)
{
    struct http_request *q = &j->q;
    struct http_server *s = c->loop->server;
    char *path = arena_alloc(&q->arena, h->target.len + 1), *host, *peer = NULL;
    ev_uint16_t port;
    (void)data;
    if (!path || !head_path(h->target.at, h->target.len, path))
        return false;
    evhttp_connection_get_peer(c->evcon, &peer, &port);
    snprintf(j->peer, sizeof j->peer, "%s", peer ? peer : "");
    snprintf(j->id, sizeof j->id, "%016llx", (unsigned long long)next_random(c->loop));
    j->started = c->started;
    host = copy_slice(&q->arena, h->host);
    for (char *at = host; at && *at; at++)
        *at = (char)tolower((unsigned char)*at);
    q->id = j->id;
    q->peer = j->peer;
    q->path = path;
    q->host = host;
    q->method = copy_slice(&q->arena, h->method);
    q->query = copy_slice(&q->arena, head_query(h->target.at, h->target.len));
    q->tls = s->tls != NULL;
    q->server = s;
    q->body = "";
    q->status = 0;
    buf_init(&q->answer, SIZE_MAX / 4);
    return host && q->method && q->query && fill_headers(q, h);
}

/* ---- from evhttp to a worker */

static bool take_body(struct job *j, struct evbuffer *from, size_t len)
{
    char *body = arena_alloc(&j->q.arena, len + 1);
    if (!body || evbuffer_remove(from, body, len) != (int)len)
        return false;
    body[len] = '\0';
    j->q.body = body;
    j->q.body_len = len;
    return true;
}

static void answer_instead(struct http_request *q, int status, const char *text)
{
    buf_release(&q->answer);
    q->out_count = 0;
    if (http_reply(q, status, "application/json", text, strlen(text)) < 0 ||
        (status == 503 && http_add(q, "Retry-After", "1") < 0))
        q->status = status;
}

static void answer_busy(struct job *j)
{
    answer_instead(&j->q, 503, BUSY);
    atomic_fetch_add_explicit(&j->q.server->refused, 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&j->q.server->classes[5], 1, memory_order_relaxed);
    job_answer(j);
}

void job_arrived(struct evhttp_request *req, void *arg)
{
    struct http_loop *l = arg;
    struct conn *c = l->passing;
    struct job *j = c ? c->job : NULL;
    /* Only what the gate let through comes here, and at once. Anything else would be a request that
     * evhttp has read out of the leavings of another. */
    if (!j || evhttp_connection_get_bufferevent(evhttp_request_get_connection(req)) != c->bev) {
        evhttp_send_error(req, 400, NULL); /* closes */
        return;
    }
    struct evbuffer *body = evhttp_request_get_input_buffer(req);
    size_t len = evbuffer_get_length(body);
    j->req = req;
    j->queued = true;
    if (len > 0 && !take_body(j, body, len)) {
        answer_busy(j);
        return;
    }
    conn_count(c);
    struct http_server *s = l->server;
    bool slow = s->o.slow && s->o.slow(s->o.arg, &j->q);
    bool heavy = !slow && s->o.heavy && s->o.heavy(s->o.arg, &j->q);
    j->queue = &s->queues[slow ? QUEUE_SLOW : heavy ? QUEUE_HEAVY : QUEUE_FAST];
    if (heavy)
        c->deadline = l->now + s->o.heavy_ms;
    int waiting = j->queue->count; /* a look without the lock */
    if (waiting + l->batch_count >= j->queue->max) {
        answer_busy(j);
        return;
    }
    j->next = NULL;
    *l->batch_end = j;
    l->batch_end = &j->next;
    l->batch_count++;
}

static void push(struct job_queue *queue, struct job *j)
{
    queue->added++;
    j->next = NULL;
    *queue->last = j;
    queue->last = &j->next;
    queue->count++;
}

static void wake(struct job_queue *queue)
{
    int count = queue->waiting < queue->added ? queue->waiting : queue->added;
    for (int i = 0; i < count; i++)
        pthread_cond_signal(&queue->wanted);
    queue->added = 0;
}

/* What one turn has brought goes to the workers under one lock, and no more of them are woken than
 * are needed. */
void job_submit(struct http_loop *l)
{
    struct http_server *s = l->server;
    if (l->batch_count == 0)
        return;
    pthread_mutex_lock(&s->lock);
    for (struct job *j = l->batch, *next; j; j = next) {
        next = j->next;
        push(j->queue, j);
    }
    for (int k = 0; k < QUEUES; k++)
        wake(&s->queues[k]);
    pthread_mutex_unlock(&s->lock);
    l->batch = NULL;
    l->batch_end = &l->batch;
    l->batch_count = 0;
}

/* ---- on a worker */

/* Some paths hold a secret (a reset link's token), and such parts are long: the log has "*". */
static void clean_path(const char *path, char out[LOG_PATH_MAX + 1])
{
    size_t to = 0;
    while (*path && to < LOG_PATH_MAX - LOG_PART_MAX - 1) {
        size_t len = strcspn(path + 1, "/");
        out[to++] = '/';
        if (len > LOG_PART_MAX) {
            out[to++] = '*';
        } else {
            memcpy(out + to, path + 1, len);
            to += len;
        }
        path += 1 + len;
    }
    out[to] = '\0';
}

static void log_request(struct http_server *s, struct job *j)
{
    char path[LOG_PATH_MAX + 1];
    struct http_request *q = &j->q;
    if (!s->o.log)
        return;
    clean_path(q->path, path);
    NET_LOG(s->o.log, LOG_INFO, "request", {"id", q->id, 0}, {"method", q->method, 0},
            {"path", path, 0}, {"status", NULL, q->status}, {"ms", NULL, http_now() - j->started},
            {"bytes", NULL, (int64_t)http_answer_len(q)}, {"peer", q->peer, 0});
}

/* An answer is memory too. Small ones always find room, large ones not beyond the limit. */
static void count_answer(struct http_server *s, struct job *j)
{
    size_t total = atomic_load_explicit(&s->buffered, memory_order_relaxed);
    if (j->q.answer.len > COPY_MAX * 4 &&
        total + j->q.answer.len > s->o.buffered_max + s->o.buffered_max / 8)
        answer_instead(&j->q, 503, BUSY);
    j->answered = j->q.answer.len;
    atomic_fetch_add_explicit(&s->buffered, j->answered, memory_order_relaxed);
}

/* A suspended request goes on when its handler has returned and somebody has resumed it: the later
 * of the two puts it in front of those that are new, for it holds memory and is nearly done. */
static void let_go(struct job *j, int what)
{
    struct http_server *s = j->q.server;
    struct job_queue *queue = j->queue;
    if (atomic_fetch_and(&j->awaits, ~what) != what)
        return;
    pthread_mutex_lock(&s->lock);
    j->next = queue->first;
    queue->first = j;
    if (!j->next)
        queue->last = &j->next;
    queue->count++;
    s->suspended--;
    if (s->closed) { /* the others wait for this to be over, too */
        for (int i = 0; i < QUEUES; i++)
            pthread_cond_broadcast(&s->queues[i].wanted);
    } else if (queue->waiting > 0)
        pthread_cond_signal(&queue->wanted);
    pthread_mutex_unlock(&s->lock);
}

void http_suspend(struct http_request *q)
{
    pthread_mutex_lock(&q->server->lock);
    q->server->suspended++;
    pthread_mutex_unlock(&q->server->lock);
    q->suspended = true;
}

void http_resume(struct http_request *q)
{
    let_go((struct job *)q, JOB_RESUME); /* it is the first member of one */
}

static void run(struct http_server *s, struct job *j, void *state)
{
    struct http_request *q = &j->q;
    q->suspended = false;
    atomic_store(&j->awaits, JOB_HANDLER | JOB_RESUME);
    s->o.handle(s->o.arg, state, q);
    if (q->suspended) { /* j may be with another worker as soon as it is let go */
        let_go(j, JOB_HANDLER);
        return;
    }
    if (q->status < 200 || q->status > 599 || q->answer.error)
        answer_instead(q, 500, NO_ANSWER);
    count_answer(s, j);
    atomic_fetch_add_explicit(&s->requests, 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&s->classes[q->status / 100], 1, memory_order_relaxed);
    log_request(s, j);
    struct http_loop *l = j->loop;
    pthread_mutex_lock(&l->lock);
    j->next = l->done;
    l->done = j;
    pthread_mutex_unlock(&l->lock);
    loop_wake(l);
}

static bool start_worker(struct http_server *s, void **state)
{
    struct raum_error why = {0};
    int result = s->o.worker_start ? s->o.worker_start(s->o.arg, state, &why) : 0;
    pthread_mutex_lock(&s->lock);
    if (result < 0) {
        s->failed = result;
        s->why = why;
    }
    s->started++;
    pthread_cond_broadcast(&s->changed);
    pthread_mutex_unlock(&s->lock);
    return result >= 0;
}

void *job_worker(void *arg)
{
    const struct job_worker *self = arg;
    struct http_server *s = self->server;
    struct job_queue *queue = self->queue;
    void *state = NULL;
    if (!start_worker(s, &state))
        return NULL;
    /* A thread of its own priority; whoever asks little goes first. */
    if (queue != &s->queues[QUEUE_FAST])
        setpriority(PRIO_PROCESS, (id_t)gettid(), SLOW_NICE);
    pthread_mutex_lock(&s->lock);
    for (;;) {
        while (!queue->first && !(s->closed && s->suspended == 0)) {
            queue->waiting++;
            pthread_cond_wait(&queue->wanted, &s->lock);
            queue->waiting--;
        }
        struct job *j = queue->first;
        if (!j)
            break;
        queue->first = j->next;
        if (!queue->first)
            queue->last = &queue->first;
        queue->count--;
        pthread_mutex_unlock(&s->lock);
        run(s, j, state);
        pthread_mutex_lock(&s->lock);
    }
    pthread_mutex_unlock(&s->lock);
    if (s->o.worker_stop)
        s->o.worker_stop(s->o.arg, state);
    return NULL;
}

/* ---- back on the loop */

static void on_complete(struct evhttp_request *req, void *arg)
{
    struct conn *c = arg;
    struct http_server *s = c->loop->server;
    (void)req;
    conn_move(c, CONN_IDLE, c->loop->now + s->o.idle_ms);
    if (evbuffer_get_length(c->in) > 0)
        conn_ready(c);
}

static void free_data(const void *data, size_t len, void *arg)
{
    (void)len;
    (void)arg;
    free((void *)(uintptr_t)data);
}

static bool has_no_body(int status)
{
    return status == 204 || status == 304;
}

static void put_answer(struct http_request *q, struct evhttp_request *req)
{
    struct evkeyvalq *headers = evhttp_request_get_output_headers(req);
    struct evbuffer *out = evhttp_request_get_output_buffer(req);
    size_t len = http_answer_len(q);
    for (int i = 0; i < q->out_count; i++)
        evhttp_add_header(headers, q->out[i].name, q->out[i].value);
    evhttp_add_header(headers, "X-Request-Id", q->id);
    if (q->stream)
        return;
    if (strcmp(q->method, "HEAD") == 0) {
        char text[24];
        snprintf(text, sizeof text, "%zu", len);
        if (!has_no_body(q->status))
            evhttp_add_header(headers, "Content-Length", text);
    } else if (q->file) {
        return; /* file_start */
    } else if (len > COPY_MAX && !has_no_body(q->status)) {
        char *data = buf_detach(&q->answer, NULL);
        if (data && evbuffer_add_reference(out, data, len, free_data, NULL) < 0)
            free(data);
    } else if (len > 0 && !has_no_body(q->status)) {
        evbuffer_add(out, q->answer.data, len);
    }
}

void job_answer(struct job *j)
{
    struct conn *c = j->conn;
    struct http_server *s = j->loop->server;
    struct http_request *q = &j->q;
    struct evhttp_request *req = j->req;
    atomic_fetch_sub_explicit(&s->buffered, j->answered, memory_order_relaxed);
    if (q->stream && strcmp(q->method, "HEAD") == 0) { /* its head is all there is */
        stream_gone(q->stream);
        q->stream = NULL;
    }
    if (c && c->state == CONN_WAIT) {
        bool stopping = atomic_load_explicit(&s->stopping, memory_order_relaxed);
        size_t len = http_answer_len(q);
        if ((len > COPY_MAX || q->stream) && s->o.credentials)
            c->credentials = s->o.credentials(s->o.arg, q);
        put_answer(q, req);
        j->req = NULL;
        c->job = NULL;
        if (q->stream) {
            j->req = req;
            stream_start(q->stream, j);
            job_free(j);
            return;
        }
        if (stopping)
            evhttp_add_header(evhttp_request_get_output_headers(req), "Connection", "close");
        conn_move(c, CONN_WRITE,
                  j->loop->now + s->o.request_ms + (int64_t)(len / DRAIN_BYTES_A_MS));
        c->started = j->loop->now;
        evhttp_request_set_on_complete_cb(req, on_complete, c);
        if (q->file && strcmp(q->method, "HEAD") != 0)
            file_start(c, q, req);
        else
            evhttp_send_reply(req, q->status, http_status_text(q->status), NULL);
        /* What comes now waits in the socket: a half-closed one gets its answer, and who does not
         * read cannot fill our memory with further requests. */
        bufferevent_disable(c->bev, EV_READ);
        conn_count(c);
        if (c->file)
            conn_ready(c);
        else if (conn_write(c)) /* evhttp goes on to the next request, or closes: c may be gone */
            bufferevent_trigger(c->bev, EV_WRITE, 0);
    } else {
        if (q->stream)
            stream_gone(q->stream);
        if (req)
            evhttp_request_free(req);
    }
    job_free(j);
}
