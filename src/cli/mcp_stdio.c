#include "cli/mcp_stdio.h"
#include "base/err.h"
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define WAITING_MAX 64 /* messages; the reader then waits */
#define IDLE_MS 200
#define CHUNK 65536

struct line {
    struct line *next;
    size_t len;
    bool too_long;
    char text[];
};
struct mcp_stdio {
    struct mcp *mcp;
    int in, to;
    pthread_t reader;
    bool reading;
    pthread_mutex_t lock; /* of the queue */
    pthread_mutex_t mcp_lock;
    pthread_cond_t news, room;
    struct line *first, *last;
    int waiting;
    bool ended, stopping, deaf;
};

static void lock_mcp(void *ctx)
{
    pthread_mutex_lock(&((struct mcp_stdio *)ctx)->mcp_lock);
}

static void unlock_mcp(void *ctx)
{
    pthread_mutex_unlock(&((struct mcp_stdio *)ctx)->mcp_lock);
}

/* ---- out ---- */

static bool write_all(struct mcp_stdio *s, const char *data, size_t len)
{
    while (len && !s->deaf) {
        ssize_t n = write(s->to, data, len);
        if (n > 0) {
            data += n;
            len -= (size_t)n;
        } else if (n < 0 && errno == EAGAIN) {
            struct pollfd p = {.fd = s->to, .events = POLLOUT};
            (void)!poll(&p, 1, IDLE_MS);
        } else if (n < 0 && errno != EINTR) {
            s->deaf = true;
        }
    }
    return !s->deaf;
}

/* A newline between the parts of a JSON text is as good as a blank, and would end the message. */
static void send(void *ctx, enum mcp_sent what, int status, const char *json, size_t len)
{
    struct mcp_stdio *s = ctx;
    char *line = what == MCP_BREAK ? NULL : malloc(len + 1);
    (void)status;
    if (!line)
        return;
    for (size_t i = 0; i < len; i++)
        line[i] = json[i] == '\n' || json[i] == '\r' ? ' ' : json[i];
    line[len] = '\n';
    write_all(s, line, len + 1);
    free(line);
}

static void done(void *ctx)
{
    (void)ctx;
}

void mcp_stdio_changed(struct mcp_stdio *s, enum mcp_change what, const char *uri)
{
    const struct mcp_sink sink = {s, send, done};
    mcp_changed(s->mcp, what, uri, &sink);
}

/* ---- in ---- */

/* A cancellation goes past the queue: what it means is running. */
static void take_line(struct mcp_stdio *s, const char *text, size_t len, bool too_long)
{
    const struct mcp_sink sink = {s, send, done};
    while (len && memchr(" \t\r", text[len - 1], 3))
        len--;
    if (!len && !too_long)
        return;
    if (!too_long && mcp_look(text, len, NULL).notification) {
        mcp_receive(s->mcp, NULL, NULL, text, len, &sink);
        return;
    }
    struct line *l = malloc(sizeof *l + len + 1);
    if (!l)
        return;
    *l = (struct line){.len = len, .too_long = too_long};
    memcpy(l->text, text, len);
    l->text[len] = '\0';
    pthread_mutex_lock(&s->lock);
    while (s->waiting >= WAITING_MAX && !s->stopping)
        pthread_cond_wait(&s->room, &s->lock);
    if (s->last)
        s->last->next = l;
    else
        s->first = l;
    s->last = l;
    s->waiting++;
    pthread_cond_signal(&s->news);
    pthread_mutex_unlock(&s->lock);
}

struct reading {
    struct buf line;
    bool too_long;
};

static void take_bytes(struct mcp_stdio *s, struct reading *r, const char *data, size_t len)
{
    while (len) {
        const char *end = memchr(data, '\n', len);
        size_t part = end ? (size_t)(end - data) : len;
        if (!r->too_long)
            buf_add(&r->line, data, part);
        r->too_long = r->too_long || buf_error(&r->line, NULL) != 0;
        if (!end)
            return;
        take_line(s, buf_text(&r->line), r->too_long ? 0 : r->line.len, r->too_long);
        buf_reset(&r->line);
        r->too_long = false;
        data = end + 1;
        len -= part + 1;
    }
}

static bool is_stopping(struct mcp_stdio *s)
{
    pthread_mutex_lock(&s->lock);
    bool stopping = s->stopping;
    pthread_mutex_unlock(&s->lock);
    return stopping;
}

static void *read_lines(void *arg)
{
    struct mcp_stdio *s = arg;
    struct reading r = {.too_long = false};
    char *chunk = malloc(CHUNK);
    ssize_t n = 1;
    buf_init(&r.line, MCP_MESSAGE_MAX);
    while (chunk && n != 0 && !is_stopping(s)) {
        struct pollfd p = {.fd = s->in, .events = POLLIN};
        if (poll(&p, 1, IDLE_MS) <= 0)
            continue;
        n = read(s->in, chunk, CHUNK);
        if (n > 0)
            take_bytes(s, &r, chunk, (size_t)n);
        else if (n < 0 && errno != EINTR && errno != EAGAIN)
            n = 0;
    }
    if (!is_stopping(s))
        take_bytes(s, &r, "\n", 1); /* the last line may lack its end */
    free(chunk);
    buf_release(&r.line);
    pthread_mutex_lock(&s->lock);
    s->ended = true;
    pthread_cond_signal(&s->news);
    pthread_mutex_unlock(&s->lock);
    return NULL;
}

int mcp_stdio_new(struct mcp_stdio **out, const struct raum_env *env, int in, int to,
                  struct raum_error *error)
{
    struct mcp_stdio *s = *out = calloc(1, sizeof *s);
    struct mcp_options o = {.env = env, .lock_ctx = s, .lock = lock_mcp, .unlock = unlock_mcp};
    if (!s)
        return err_set(error, RAUM_ENOMEM, NULL);
    env->random(env->ctx, o.key, sizeof o.key);
    s->in = in;
    s->to = to;
    pthread_mutex_init(&s->lock, NULL);
    pthread_mutex_init(&s->mcp_lock, NULL);
    pthread_cond_init(&s->news, NULL);
    pthread_cond_init(&s->room, NULL);
    int rc = mcp_new(&s->mcp, &o, error);
    if (rc == 0 && pthread_create(&s->reader, NULL, read_lines, s) != 0)
        rc = err_set(error, RAUM_EIO, NULL);
    s->reading = rc == 0;
    if (rc) {
        mcp_stdio_free(s);
        *out = NULL;
    }
    return rc;
}

void mcp_stdio_free(struct mcp_stdio *s)
{
    if (!s)
        return;
    pthread_mutex_lock(&s->lock);
    s->stopping = true;
    pthread_cond_signal(&s->room);
    pthread_mutex_unlock(&s->lock);
    if (s->reading)
        pthread_join(s->reader, NULL);
    for (struct line *l; (l = s->first);) {
        s->first = l->next;
        free(l);
    }
    mcp_free(s->mcp);
    pthread_cond_destroy(&s->news);
    pthread_cond_destroy(&s->room);
    pthread_mutex_destroy(&s->lock);
    pthread_mutex_destroy(&s->mcp_lock);
    free(s);
}

/* The next message; NULL: none for a while, or none will come (*ended). */
static struct line *next_line(struct mcp_stdio *s, bool *ended)
{
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_nsec += IDLE_MS * 1000000L;
    until.tv_sec += until.tv_nsec / 1000000000;
    until.tv_nsec %= 1000000000;
    pthread_mutex_lock(&s->lock);
    while (!s->first && !s->ended &&
           pthread_cond_timedwait(&s->news, &s->lock, &until) != ETIMEDOUT)
        ;
    struct line *l = s->first;
    if (l) {
        s->first = l->next;
        if (!s->first)
            s->last = NULL;
        s->waiting--;
        pthread_cond_signal(&s->room);
    }
    *ended = !l && s->ended;
    pthread_mutex_unlock(&s->lock);
    return l;
}

static void too_long(struct mcp_stdio *s)
{
    struct buf out;
    buf_init(&out, 4096);
    mcp_put_error(&out, NULL, MCP_PARSE_ERROR, "Parse error: a message has at most 1 MiB");
    send(s, MCP_ANSWER, 400, buf_text(&out), out.len);
    buf_release(&out);
}

int mcp_stdio_run(struct mcp_stdio *s, const struct mcp_host *host, void (*idle)(void *arg),
                  void *arg, struct raum_error *error)
{
    const struct mcp_sink sink = {s, send, done};
    bool ended = false;
    while (!ended && !cli_stop && !s->deaf) {
        struct line *l = next_line(s, &ended);
        if (l && l->too_long)
            too_long(s);
        else if (l)
            mcp_receive(s->mcp, host, NULL, l->text, l->len, &sink);
        free(l);
        idle(arg);
    }
    return s->deaf ? err_at(error, "mcp", RAUM_EIO, "nobody reads the answers any more") : 0;
}
