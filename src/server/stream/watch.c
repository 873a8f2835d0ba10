#include "server/stream/watch.h"

#include "server/auth/auth.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#define WATCHED_MAX 500
#define ROUND_MS 500   /* between two looks around */
#define AGAIN_MS 1000  /* after that, one is asked for again; the answer is 4 s old at most */
#define ARENA_BYTES ((size_t)4 << 20)

/* Headers by which a caller is known to the other server, and from where it comes. */
static const char *const kept[] = {"Cookie", "Authorization", "User-Agent", "X-Forwarded-For"};
#define KEPT (sizeof kept / sizeof *kept)

struct watched {
    struct http_stream *stream;
    char *account, *peer, *host, *values[KEPT]; /* values may be NULL */
    int64_t asked;                              /* ms */
    struct watched *next;
};

struct watch {
    struct server *server;
    struct sql *sql;
    struct arena arena;
    pthread_t thread;
    bool started;
    pthread_mutex_t lock; /* of the following */
    pthread_cond_t wanted;
    struct watched *list;
    int count;
    bool closed;
};

static int64_t now_ms(const struct watch *w)
{
    return w->server->env->now_ms(w->server->env->ctx);
}

static void let_go(struct watched *one)
{
    http_stream_unref(one->stream);
    free(one->account);
    free(one->peer);
    free(one->host);
    for (size_t i = 0; i < KEPT; i++)
        free(one->values[i]);
    free(one);
}

/* The same request once more, as far as who it is from goes. */
static bool is_somebody(struct watch *w, const struct watched *one)
{
    struct http_header headers[KEPT];
    struct http_request q = {.id = "watch",
                             .method = "GET",
                             .path = "/api/v1/sync/stream",
                             .query = "",
                             .body = "",
                             .host = one->host,
                             .peer = one->peer,
                             .headers = headers};
    for (size_t i = 0; i < KEPT; i++)
        if (one->values[i])
            headers[q.header_count++] = (struct http_header){kept[i], one->values[i]};
    arena_reset(&w->arena);
    buf_init(&q.answer, 4096);
    struct call c = {.server = w->server, .sql = w->sql, .http = &q, .rest = ""};
    q.arena = w->arena;
    c.arena = &q.arena;
    int rc = auth_session(&c);
    bool is = rc == 0 && c.session && strcmp(c.session->account, one->account) == 0;
    w->arena = q.arena; /* it may have grown */
    buf_release(&q.answer);
    return is;
}

/* The next one that is due, taken off the list; those that were closed are let go. */
static struct watched *take_due(struct watch *w)
{
    struct watched **at = &w->list, *one;
    int64_t now = now_ms(w);
    while ((one = *at)) {
        if (http_stream_closed(one->stream)) {
            *at = one->next;
            w->count--;
            let_go(one);
        } else if (now - one->asked >= AGAIN_MS || one->asked > now) {
            *at = one->next;
            return one;
        } else {
            at = &one->next;
        }
    }
    return NULL;
}

static void ask_one(struct watch *w, struct watched *one)
{
    pthread_mutex_unlock(&w->lock);
    one->asked = now_ms(w);
    bool stays = is_somebody(w, one);
    if (!stays)
        http_stream_close(one->stream);
    pthread_mutex_lock(&w->lock);
    if (stays) {
        one->next = w->list;
        w->list = one;
    } else {
        w->count--;
        let_go(one);
    }
}

static void *run(void *arg)
{
    struct watch *w = arg;
    pthread_mutex_lock(&w->lock);
    while (!w->closed) {
        struct watched *one = take_due(w);
        if (one) {
            ask_one(w, one);
            continue;
        }
        struct timespec until;
        clock_gettime(CLOCK_REALTIME, &until);
        until.tv_nsec += ROUND_MS * 1000000L;
        until.tv_sec += until.tv_nsec / 1000000000;
        until.tv_nsec %= 1000000000;
        pthread_cond_timedwait(&w->wanted, &w->lock, &until);
    }
    pthread_mutex_unlock(&w->lock);
    return NULL;
}

int watch_new(struct watch **out, struct server *s, struct raum_error *error)
{
    struct watch *w = *out = calloc(1, sizeof *w);
    sigset_t all, before;
    if (!w)
        return err_set(error, RAUM_ENOMEM, NULL);
    w->server = s;
    arena_init(&w->arena, ARENA_BYTES);
    pthread_mutex_init(&w->lock, NULL);
    pthread_cond_init(&w->wanted, NULL);
    int rc = sql_open(&w->sql, s->database, s->env, error);
    if (rc == 0) {
        sigfillset(&all); /* signals belong to whoever called us */
        pthread_sigmask(SIG_SETMASK, &all, &before);
        w->started = pthread_create(&w->thread, NULL, run, w) == 0;
        pthread_sigmask(SIG_SETMASK, &before, NULL);
        rc = w->started ? 0 : err_set(error, RAUM_ENOMEM, "no thread can be started");
    }
    if (rc) {
        watch_free(w);
        *out = NULL;
    }
    return rc;
}

void watch_free(struct watch *w)
{
    if (!w)
        return;
    pthread_mutex_lock(&w->lock);
    w->closed = true;
    pthread_cond_signal(&w->wanted);
    pthread_mutex_unlock(&w->lock);
    if (w->started)
        pthread_join(w->thread, NULL);
    while (w->list) {
        struct watched *one = w->list;
        w->list = one->next;
        let_go(one);
    }
    sql_close(w->sql);
    arena_release(&w->arena);
    pthread_cond_destroy(&w->wanted);
    pthread_mutex_destroy(&w->lock);
    free(w);
}

static int copy(char **out, const char *text)
{
    *out = text ? strdup(text) : NULL;
    return text && !*out ? RAUM_ENOMEM : 0;
}

static int fill(struct watched *one, struct call *c)
{
    int rc = copy(&one->account, c->session->account);
    if (rc == 0)
        rc = copy(&one->peer, c->http->peer);
    if (rc == 0)
        rc = copy(&one->host, c->http->host);
    for (size_t i = 0; i < KEPT && rc == 0; i++)
        rc = copy(&one->values[i], http_header(c->http, kept[i]));
    return rc;
}

int watch_add(struct watch *w, struct call *c)
{
    struct watched *one = calloc(1, sizeof *one);
    int rc = one ? fill(one, c) : RAUM_ENOMEM;
    if (rc) {
        if (one)
            let_go(one);
        return err_set(&c->error, rc, NULL);
    }
    one->asked = now_ms(w);
    one->stream = http_stream_ref(c->http->stream);
    pthread_mutex_lock(&w->lock);
    bool full = w->count >= WATCHED_MAX;
    if (!full) {
        w->count++;
        one->next = w->list;
        w->list = one;
    }
    pthread_mutex_unlock(&w->lock);
    if (!full)
        return 0;
    let_go(one);
    return err_at(&c->error, "streams", RAUM_EBUSY, "too many streams are open; try again");
}
