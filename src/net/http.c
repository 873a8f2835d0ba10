#include "net/http_inside.h"

#include <assert.h>
#include <errno.h>
#include <event2/listener.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/eventfd.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#define TICK_MS 100
#define DAY_S 86400
#define BACKLOG 1024
#define OUT_MAX 64 /* headers of an answer */

int64_t http_now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

const char *http_status_text(int status)
{
    static const struct {
        int status;
        const char *text;
    } texts[] = {
        {200, "OK"},
        {201, "Created"},
        {202, "Accepted"},
        {204, "No Content"},
        {206, "Partial Content"},
        {301, "Moved Permanently"},
        {302, "Found"},
        {303, "See Other"},
        {304, "Not Modified"},
        {307, "Temporary Redirect"},
        {308, "Permanent Redirect"},
        {400, "Bad Request"},
        {401, "Unauthorized"},
        {403, "Forbidden"},
        {404, "Not Found"},
        {405, "Method Not Allowed"},
        {408, "Request Timeout"},
        {409, "Conflict"},
        {410, "Gone"},
        {412, "Precondition Failed"},
        {413, "Content Too Large"},
        {414, "URI Too Long"},
        {415, "Unsupported Media Type"},
        {416, "Range Not Satisfiable"},
        {417, "Expectation Failed"},
        {421, "Misdirected Request"},
        {422, "Unprocessable Content"},
        {423, "Locked"},
        {429, "Too Many Requests"},
        {431, "Request Header Fields Too Large"},
        {460, "Checksum Mismatch"},
        {500, "Internal Server Error"},
        {501, "Not Implemented"},
        {502, "Bad Gateway"},
        {503, "Service Unavailable"},
        {504, "Gateway Timeout"},
        {505, "HTTP Version Not Supported"},
        {507, "Insufficient Storage"},
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        if (texts[i].status == status)
            return texts[i].text;
    return "Status";
}

/* ---- what handlers use */

const char *http_header_at(const struct http_request *q, const char *name, int n)
{
    for (int i = 0; i < q->header_count; i++)
        if (strcasecmp(q->headers[i].name, name) == 0 && n-- == 0)
            return q->headers[i].value;
    return NULL;
}

const char *http_header(const struct http_request *q, const char *name)
{
    return http_header_at(q, name, 0);
}

const char *http_param(struct http_request *q, const char *name)
{
    size_t len = strlen(q->query);
    char *out = len ? arena_alloc(&q->arena, len + 1) : NULL;
    return out && head_param(q->query, len, name, out) >= 0 ? out : NULL;
}

static bool is_clean(const char *text, bool name)
{
    for (const char *at = text; *at; at++)
        if ((unsigned char)*at < 0x20 || *at == 0x7f || (name && (*at == ':' || *at == ' ')))
            return false;
    return !name || *text;
}

int http_add(struct http_request *q, const char *name, const char *value)
{
    if (!is_clean(name, true) || !is_clean(value, false)) {
        assert(!"a header with control characters");
        return 0;
    }
    if (q->out_count == OUT_MAX)
        return RAUM_ETOO_LARGE;
    if (q->out_count == q->out_cap) {
        int cap = q->out_cap ? q->out_cap * 2 : 8;
        struct http_header *more = arena_alloc(&q->arena, (size_t)cap * sizeof *more);
        if (!more)
            return RAUM_ENOMEM;
        if (q->out_count)
            memcpy(more, q->out, (size_t)q->out_count * sizeof *more);
        q->out = more;
        q->out_cap = cap;
    }
    struct http_header *h = &q->out[q->out_count];
    h->name = arena_str(&q->arena, name);
    h->value = arena_str(&q->arena, value);
    if (!h->name || !h->value)
        return RAUM_ENOMEM;
    q->out_count++;
    return 0;
}

int http_addf(struct http_request *q, const char *name, const char *fmt, ...)
{
    struct buf value;
    va_list args, again;
    va_start(args, fmt);
    va_copy(again, args);
    buf_init(&value, 65536);
    int len = vsnprintf(NULL, 0, fmt, args), result = RAUM_ENOMEM;
    va_end(args);
    char *at = len < 0 ? NULL : buf_room(&value, (size_t)len);
    if (at) {
        vsnprintf(at, (size_t)len + 1, fmt, again);
        result = http_add(q, name, at);
    } else if (value.error)
        result = value.error;
    va_end(again);
    buf_release(&value);
    return result;
}

void http_drop(struct http_request *q, const char *name)
{
    int kept = 0;
    for (int i = 0; i < q->out_count; i++)
        if (strcasecmp(q->out[i].name, name) != 0)
            q->out[kept++] = q->out[i];
    q->out_count = kept;
}

int http_reply(struct http_request *q, int status, const char *type, const void *body, size_t len)
{
    http_drop(q, "Content-Type");
    buf_reset(&q->answer);
    http_file_free(q->file);
    q->file = NULL;
    q->status = status;
    if (type) {
        int result = http_add(q, "Content-Type", type);
        if (result < 0)
            return result;
    }
    if (len > 0)
        buf_add(&q->answer, body, len);
    return q->answer.error;
}

int http_reply_buf(struct http_request *q, int status, const char *type, struct buf *body)
{
    int result = http_reply(q, status, type, NULL, 0);
    if (result == 0)
        result = body->error;
    if (result == 0) {
        size_t max = q->answer.max;
        buf_release(&q->answer);
        q->answer = *body;
        q->answer.max = max;
        *body = (struct buf){.max = body->max};
    }
    buf_release(body);
    return result;
}

/* ---- a loop */

void loop_wake(struct http_loop *l)
{
    uint64_t one = 1;
    if (atomic_exchange(&l->sleeping, false))
        while (write(l->wake_fd, &one, sizeof one) < 0 && errno == EINTR)
            continue;
}

static void on_wake(evutil_socket_t fd, short what, void *arg)
{
    uint64_t count;
    (void)what;
    (void)arg;
    while (read(fd, &count, sizeof count) < 0 && errno == EINTR)
        continue;
}

static void on_tick(evutil_socket_t fd, short what, void *arg)
{
    struct http_loop *l = arg;
    (void)fd;
    (void)what;
    l->ticking = false;
}

/* No descriptors left: a listener that is ready for ever would spin. It rests until the next tick.
 */
static void on_accept_error(struct evconnlistener *listener, void *arg)
{
    struct http_loop *l = arg;
    (void)l;
    evconnlistener_disable(listener);
}

static void close_list(struct http_loop *l, enum conn_state state)
{
    struct conn *c;
    while ((c = TAILQ_FIRST(&l->lists[state])))
        conn_close(c);
}

static void drain_queues(struct http_loop *l)
{
    pthread_mutex_lock(&l->lock);
    struct job *done = l->done, *order = NULL;
    struct http_stream *dirty = l->dirty;
    l->done = NULL;
    l->dirty = NULL;
    pthread_mutex_unlock(&l->lock);
    while (done) { /* pushed in front: turned around, first come first served */
        struct job *next = done->next;
        done->next = order;
        order = done;
        done = next;
    }
    while (order) {
        struct job *next = order->next;
        job_answer(order);
        order = next;
        if (atomic_exchange_explicit(&l->evict, false, memory_order_relaxed))
            conn_evict(l);
    }
    stream_drain(dirty);
}

/* All requests that were begun have been answered, or time is over. */
static void stopping(struct http_loop *l)
{
    struct http_server *s = l->server;
    if (l->bound) {
        evhttp_del_accept_socket(l->http, l->bound);
        l->bound = NULL;
    }
    close_list(l, CONN_IDLE);
    close_list(l, CONN_HEAD);
    close_list(l, CONN_BODY);
    bool quiet = TAILQ_EMPTY(&l->lists[CONN_WAIT]) && TAILQ_EMPTY(&l->lists[CONN_WRITE]);
    if (quiet && l->running) {
        l->running = false;
        pthread_mutex_lock(&s->lock);
        s->quiet++;
        pthread_cond_broadcast(&s->changed);
        pthread_mutex_unlock(&s->lock);
    }
}

/* Between two turns of libevent: everything that was noted is done. */
static void turn(struct http_loop *l)
{
    struct conn *c;
    l->now = http_now();
    drain_queues(l);
    while ((c = TAILQ_FIRST(&l->ready))) {
        TAILQ_REMOVE(&l->ready, c, ready);
        c->is_ready = false;
        conn_gate(c);
    }
    if (atomic_exchange(&l->evict, false))
        conn_evict(l);
    job_submit(l);
    if (!l->ticking) {
        static const struct timeval tick = {0, TICK_MS * 1000};
        conn_deadlines(l);
        if (l->bound)
            evconnlistener_enable(evhttp_bound_socket_get_listener(l->bound));
        l->ticking = evtimer_add(l->tick, &tick) == 0;
    }
    if (atomic_load_explicit(&l->server->stopping, memory_order_relaxed))
        stopping(l);
}

static bool has_work(struct http_loop *l)
{
    pthread_mutex_lock(&l->lock);
    bool work = l->done || l->dirty;
    pthread_mutex_unlock(&l->lock);
    return work || !TAILQ_EMPTY(&l->ready);
}

static void *run_loop(void *arg)
{
    struct http_loop *l = arg;
    while (!atomic_load(&l->server->ending)) {
        turn(l);
        /* Who adds work after this sees that we sleep and wakes us; who added it before is seen. */
        atomic_store(&l->sleeping, true);
        event_base_loop(l->base, EVLOOP_ONCE | (has_work(l) ? EVLOOP_NONBLOCK : 0));
        atomic_store(&l->sleeping, false);
    }
    l->now = http_now();
    drain_queues(l);
    for (int i = 0; i < CONN_STATES; i++)
        close_list(l, i);
    drain_queues(l);
    event_base_loop(l->base, EVLOOP_NONBLOCK); /* what libevent frees later is freed */
    return NULL;
}

static int open_loop(struct http_server *s, struct http_loop *l, struct raum_error *error)
{
    static const struct timeval day = {DAY_S, 0};
    struct event_config *config = event_config_new();
    l->server = s;
    l->running = true;
    l->batch_end = &l->batch;
    TAILQ_INIT(&l->ready);
    for (int i = 0; i < CONN_STATES; i++)
        TAILQ_INIT(&l->lists[i]);
    pthread_mutex_init(&l->lock, NULL);
    arena_init(&l->probe.q.arena, 256 * 1024);
    if (getrandom(&l->seed, sizeof l->seed, 0) != sizeof l->seed || l->seed == 0)
        l->seed = (uint64_t)http_now() | 1;
    if (config) /* a request's several changes of one descriptor become one call, or none */
        event_config_set_flag(config,
                              EVENT_BASE_FLAG_EPOLL_USE_CHANGELIST | EVENT_BASE_FLAG_NOLOCK);
    l->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    l->base = config ? event_base_new_with_config(config) : NULL;
    if (config)
        event_config_free(config);
    l->http = l->base ? evhttp_new(l->base) : NULL;
    l->wake = l->base ? event_new(l->base, l->wake_fd, EV_READ | EV_PERSIST, on_wake, l) : NULL;
    l->tick = l->base ? evtimer_new(l->base, on_tick, l) : NULL;
    int fd = l->http ? dup(s->listener) : -1;
    l->bound = fd >= 0 ? evhttp_accept_socket_with_handle(l->http, fd) : NULL;
    if (l->wake_fd < 0 || !l->wake || !l->tick || !l->bound || event_add(l->wake, NULL) < 0)
        return err_set(error, RAUM_ENOMEM, NULL);
    evconnlistener_set_error_cb(evhttp_bound_socket_get_listener(l->bound), on_accept_error);
    evhttp_set_bevcb(l->http, conn_new, l);
    evhttp_set_gencb(l->http, job_arrived, l);
    evhttp_set_timeout_tv(l->http, &day);
    evhttp_set_default_content_type(l->http, NULL);
    evhttp_set_max_headers_size(l->http, (ev_ssize_t)s->o.header_max * 2);
    evhttp_set_max_body_size(l->http, (ev_ssize_t)s->o.body_max);
    evhttp_set_allowed_methods(l->http, EVHTTP_REQ_GET | EVHTTP_REQ_POST | EVHTTP_REQ_HEAD |
                                            EVHTTP_REQ_PUT | EVHTTP_REQ_DELETE |
                                            EVHTTP_REQ_OPTIONS | EVHTTP_REQ_PATCH);
    return 0;
}

static void close_loop(struct http_loop *l)
{
    if (!l->server)
        return;
    if (l->http)
        evhttp_free(l->http);
    if (l->wake)
        event_free(l->wake);
    if (l->tick)
        event_free(l->tick);
    if (l->base)
        event_base_free(l->base);
    if (l->wake_fd >= 0)
        close(l->wake_fd);
    while (l->spare) {
        struct job *next = l->spare->next;
        arena_release(&l->spare->q.arena);
        free(l->spare);
        l->spare = next;
    }
    arena_release(&l->probe.q.arena);
    pthread_mutex_destroy(&l->lock);
}

/* ---- the server */

static int listen_on(struct http_server *s, struct raum_error *error)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE}, *found = NULL;
    struct sockaddr_storage name;
    socklen_t len = sizeof name;
    char port[16];
    int on = 1;
    snprintf(port, sizeof port, "%d", s->o.port);
    int failed = getaddrinfo(s->o.host, port, &hints, &found);
    if (failed)
        return err_set(error, RAUM_EUSAGE, "%s is no address to listen on: %s", s->o.host,
                       gai_strerror(failed));
    int fd = socket(found->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    bool ok = fd >= 0;
    if (ok) { /* options that accepted sockets inherit */
        setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
        setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        ok = bind(fd, found->ai_addr, found->ai_addrlen) == 0 && listen(fd, BACKLOG) == 0 &&
             getsockname(fd, (struct sockaddr *)&name, &len) == 0;
    }
    int why = errno;
    freeaddrinfo(found);
    s->listener = fd;
    if (!ok && why == EADDRINUSE)
        return err_set(error, RAUM_EIO, "%s port %d is in use by another program", s->o.host,
                       s->o.port);
    if (!ok)
        return err_set(error, RAUM_EIO, "cannot listen on %s port %d: %s", s->o.host, s->o.port,
                       strerror(why));
    s->port = ntohs(name.ss_family == AF_INET6 ? ((struct sockaddr_in6 *)&name)->sin6_port
                                               : ((struct sockaddr_in *)&name)->sin_port);
    return 0;
}

static void fill_defaults(struct http_options *o)
{
    o->host = o->host ? o->host : "127.0.0.1";
    o->loops = o->loops ? o->loops : 1;
    o->workers = o->workers ? o->workers : 4;
    o->body_max = o->body_max ? o->body_max : (size_t)1 << 20;
    o->header_max = o->header_max ? o->header_max : 16384;
    o->buffered_max = o->buffered_max ? o->buffered_max : (size_t)48 << 20;
    if (!o->connections_max)
        o->connections_max = o->tls_cert ? 4000 : 20000;
    o->queue_max = o->queue_max ? o->queue_max : 1024;
    o->slow_workers = !o->slow ? 0 : o->slow_workers ? o->slow_workers : 3;
    o->slow_max = o->slow_max ? o->slow_max : 64;
    o->heavy_workers = !o->heavy ? 0 : o->heavy_workers ? o->heavy_workers : 3;
    o->heavy_max = o->heavy_max ? o->heavy_max : 64;
    o->heavy_ms = o->heavy_ms ? o->heavy_ms : 300000;
    o->header_ms = o->header_ms ? o->header_ms : 10000;
    o->request_ms = o->request_ms ? o->request_ms : 30000;
    o->idle_ms = o->idle_ms ? o->idle_ms : 60000;
    o->stream_max = o->stream_max ? o->stream_max : 256 * 1024;
}

/* What libevent has to say, a server hears as return values; its standard error is not libevent's.
 */
static void say_nothing(int severity, const char *text)
{
    (void)severity;
    (void)text;
}

static void raise_descriptors(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
}

/* Threads take no signals: those belong to whoever called us, and a broken pipe is a return value.
 */
static int start_threads(struct http_server *s, struct raum_error *error)
{
    sigset_t all, before;
    int result = 0;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    for (int k = 0; k < QUEUES; k++)
        for (int i = 0; i < s->queues[k].workers && result == 0; i++) {
            struct job_worker *w = &s->workers[s->worker_count];
            w->server = s;
            w->queue = &s->queues[k];
            if (pthread_create(&w->thread, NULL, job_worker, w) != 0)
                result = err_set(error, RAUM_ENOMEM, "no thread can be started");
            else
                s->worker_count++;
        }
    pthread_mutex_lock(&s->lock);
    while (s->started < s->worker_count)
        pthread_cond_wait(&s->changed, &s->lock);
    if (s->failed && result == 0) {
        result = s->failed;
        if (error)
            *error = s->why;
    }
    pthread_mutex_unlock(&s->lock);
    for (int i = 0; i < s->o.loops && result == 0; i++)
        if (pthread_create(&s->loops[i].thread, NULL, run_loop, &s->loops[i]) != 0)
            result = err_set(error, RAUM_ENOMEM, "no thread can be started");
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return result;
}

static void join_workers(struct http_server *s)
{
    pthread_mutex_lock(&s->lock);
    s->closed = true;
    for (int k = 0; k < QUEUES; k++)
        pthread_cond_broadcast(&s->queues[k].wanted);
    pthread_mutex_unlock(&s->lock);
    for (int i = 0; i < s->worker_count; i++)
        pthread_join(s->workers[i].thread, NULL);
    s->worker_count = 0;
}

static void join_loops(struct http_server *s)
{
    atomic_store(&s->ending, true);
    for (int i = 0; i < s->o.loops; i++)
        if (s->loops[i].thread) {
            loop_wake(&s->loops[i]);
            pthread_join(s->loops[i].thread, NULL);
        }
}

static void server_free(struct http_server *s)
{
    join_workers(s);
    join_loops(s);
    for (int i = 0; i < s->o.loops && s->loops; i++)
        close_loop(&s->loops[i]);
    if (s->listener >= 0)
        close(s->listener);
    if (s->tls)
        tls_close(s->tls);
    pthread_mutex_destroy(&s->lock);
    for (int k = 0; k < QUEUES; k++)
        pthread_cond_destroy(&s->queues[k].wanted);
    pthread_cond_destroy(&s->changed);
    free(s->workers);
    free(s->loops);
    free(s);
}

static void open_queues(struct http_server *s)
{
    const int workers[QUEUES] = {s->o.workers, s->o.slow_workers, s->o.heavy_workers};
    const int max[QUEUES] = {s->o.queue_max, s->o.slow_max, s->o.heavy_max};
    for (int k = 0; k < QUEUES; k++) {
        struct job_queue *q = &s->queues[k];
        q->last = &q->first;
        q->workers = workers[k];
        q->max = max[k];
        pthread_cond_init(&q->wanted, NULL);
    }
}

int http_start(struct http_server **out, const struct http_options *options,
               struct raum_error *error)
{
    struct http_server *s = calloc(1, sizeof *s);
    pthread_condattr_t monotonic;
    int result = 0;
    *out = NULL;
    if (!s)
        return err_set(error, RAUM_ENOMEM, NULL);
    s->o = *options;
    fill_defaults(&s->o);
    s->listener = -1;
    open_queues(s);
    pthread_mutex_init(&s->lock, NULL);
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&s->changed, &monotonic);
    pthread_condattr_destroy(&monotonic);
    s->loops = calloc((size_t)s->o.loops, sizeof *s->loops);
    s->workers = calloc((size_t)(s->o.workers + s->o.slow_workers + s->o.heavy_workers),
                        sizeof *s->workers);
    if (!s->loops || !s->workers)
        result = err_set(error, RAUM_ENOMEM, NULL);
    if (result == 0 && (s->o.tls_cert || s->o.tls_key))
        result = tls_open(&s->tls, s->o.tls_cert, s->o.tls_key, error);
    raise_descriptors();
    event_set_log_callback(say_nothing);
    if (result == 0)
        result = listen_on(s, error);
    for (int i = 0; i < s->o.loops && result == 0; i++)
        result = open_loop(s, &s->loops[i], error);
    if (result == 0)
        result = start_threads(s, error);
    if (result < 0)
        server_free(s);
    else
        *out = s;
    return result;
}

int http_port(const struct http_server *s)
{
    return s->port;
}

void http_stats(const struct http_server *s, struct http_stats *out)
{
    *out = (struct http_stats){
        .requests = atomic_load(&s->requests),
        .refused = atomic_load(&s->refused),
        .connections = atomic_load(&s->connections),
        .connections_open = (uint64_t)atomic_load(&s->open),
        .streams_open = (uint64_t)atomic_load(&s->streams),
        .buffered = atomic_load(&s->buffered),
        .buffered_peak = atomic_load(&s->buffered_peak),
    };
    for (int i = 0; i < 6; i++)
        out->by_class[i] = atomic_load(&s->classes[i]);
}

void http_stop(struct http_server *s, int grace_ms)
{
    struct timespec until;
    if (!s)
        return;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += grace_ms / 1000;
    until.tv_nsec += (long)(grace_ms % 1000) * 1000000;
    if (until.tv_nsec >= 1000000000) {
        until.tv_sec++;
        until.tv_nsec -= 1000000000;
    }
    close(s->listener); /* the loops' copies go with their next turn */
    s->listener = -1;
    atomic_store(&s->stopping, true);
    for (int i = 0; i < s->o.loops; i++)
        loop_wake(&s->loops[i]);
    pthread_mutex_lock(&s->lock);
    while (s->quiet < s->o.loops &&
           pthread_cond_timedwait(&s->changed, &s->lock, &until) != ETIMEDOUT)
        continue;
    pthread_mutex_unlock(&s->lock);
    server_free(s);
}
