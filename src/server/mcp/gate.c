#include "server/mcp/inside.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define KEEP_EVERY_MS 5000

/* ---- posts: a message on its way ---- */

static void post_unref(struct post *p)
{
    struct mcp_gate *g = p->session->gate;
    pthread_mutex_lock(&g->lock);
    bool last = --p->refs == 0;
    pthread_mutex_unlock(&g->lock);
    if (!last)
        return;
    if (!p->guest_left)
        g->o.backend->leave(g->o.backend->ctx, &p->guest);
    gate_session_unref(p->session);
    buf_release(&p->answer);
    free(p->text);
    free(p);
}

/* The HTTP request may go on: once. */
static void post_resume(struct post *p)
{
    struct mcp_gate *g = p->session->gate;
    pthread_mutex_lock(&g->lock);
    struct http_request *q = p->q;
    p->q = NULL;
    pthread_mutex_unlock(&g->lock);
    if (q)
        http_resume(q);
}

/* True once: who may write the answer. */
static bool settle_post(struct post *p)
{
    struct mcp_gate *g = p->session->gate;
    pthread_mutex_lock(&g->lock);
    bool first = !p->settled;
    p->settled = true;
    pthread_mutex_unlock(&g->lock);
    return first;
}

static void sink_send(void *ctx, enum mcp_sent what, int status, const char *json, size_t len)
{
    struct post *p = ctx;
    if (!p->lane && !settle_post(p))
        return;
    if (!p->lane && what == MCP_ANSWER) {
        buf_add(&p->answer, json, len);
        p->status = status;
        return; /* done follows at once */
    }
    if (!p->lane && !(p->lane = gate_lane_open(p->session)))
        return;
    if (what == MCP_BREAK)
        gate_lane_break(p->session, p->lane);
    else
        gate_lane_add(p->session, p->lane, json, len);
    post_resume(p);
}

static void enter_session(struct post *p)
{
    struct mcp_gate *g = p->session->gate;
    pthread_mutex_lock(&g->lock);
    p->beside = p->session->posts;
    p->session->posts = p;
    pthread_mutex_unlock(&g->lock);
}

static void leave_session(struct post *p)
{
    struct mcp_gate *g = p->session->gate;
    pthread_mutex_lock(&g->lock);
    struct post **at = &p->session->posts;
    while (*at && *at != p)
        at = &(*at)->beside;
    if (*at)
        *at = p->beside;
    pthread_mutex_unlock(&g->lock);
}

/* One that waits for an answer which will not come any more; counted. */
static struct post *post_waiting(struct gate_session *s)
{
    pthread_mutex_lock(&s->gate->lock);
    struct post *p = s->posts;
    while (p && p->settled)
        p = p->beside;
    if (p) {
        p->settled = true;
        p->refs++;
    }
    pthread_mutex_unlock(&s->gate->lock);
    return p;
}

/* G-A3 */
void gate_posts_end(struct gate_session *s)
{
    for (struct post *p; (p = post_waiting(s));) {
        mcp_put_error(&p->answer, NULL, MCP_NO_SESSION, "The session has ended");
        p->status = 404;
        post_resume(p);
        post_unref(p);
    }
}

/* Nothing of the session holds a stateless one any longer. */
static void sink_done(void *ctx)
{
    struct post *p = ctx;
    struct mcp_gate *g = p->session->gate;
    leave_session(p);
    if (p->lane)
        gate_lane_over(p->session, p->lane);
    if (!p->session->id[0])
        gate_session_end(p->session);
    g->o.backend->leave(g->o.backend->ctx, &p->guest);
    p->guest_left = true;
    post_resume(p);
    post_unref(p);
}

/* ---- the request's side ---- */

static int put_session(struct call *c, const struct gate_session *s)
{
    return s->id[0] ? http_add(c->http, "Mcp-Session-Id", s->id) : 0;
}

/* The reader of a stream has gone. Of a stateless request that is its end; a session's goes on. */
static void reader_gone(void *arg)
{
    struct gate_session *s = arg;
    if (!s->id[0])
        gate_session_end(s);
    gate_session_unref(s);
}

static int open_stream(struct call *c, struct gate_session *s, struct http_stream **out)
{
    struct http_stream_hooks hooks = {reader_gone, s};
    int rc = put_session(c, s);
    if (rc == 0)
        rc = http_add(c->http, "Cache-Control", "no-cache, no-transform");
    if (rc == 0)
        rc = http_add(c->http, "X-Accel-Buffering", "no");
    pthread_mutex_lock(&s->gate->lock);
    s->refs++; /* the hook's */
    pthread_mutex_unlock(&s->gate->lock);
    if (rc == 0)
        rc = http_stream_begin(c->http, "text/event-stream", &hooks, out);
    if (rc)
        gate_session_unref(s);
    return rc;
}

static int reply(struct call *c, struct post *p)
{
    if (!p->status)
        return http_reply(c->http, 202, NULL, "", 0);
    int rc = buf_error(&p->answer, &c->error);
    if (rc == 0)
        rc = put_session(c, p->session);
    return rc ? rc : http_reply_buf(c->http, p->status, "application/json", &p->answer);
}

static int post_later(struct call *c)
{
    struct post *p = c->state;
    struct http_stream *out;
    int rc = 0;
    if (p->lane) {
        rc = open_stream(c, p->session, &out);
        if (rc == 0)
            gate_lane_attach(p->session, p->lane, out, 0);
    } else {
        rc = reply(c, p);
    }
    post_unref(p);
    return rc;
}

int mcp_gate_refuse(struct call *c, int status, int code, const char *message)
{
    struct buf out;
    buf_init(&out, 4096);
    mcp_put_error(&out, NULL, code, message);
    int rc = buf_error(&out, &c->error);
    return rc ? rc : http_reply_buf(c->http, status, "application/json", &out);
}

static struct post *post_new(struct gate_session *s, const struct mcp_guest *guest, struct call *c)
{
    struct post *p = calloc(1, sizeof *p);
    char *text = malloc(c->http->body_len + 1);
    if (!p || !text) {
        free(p);
        free(text);
        return NULL;
    }
    memcpy(text, c->http->body, c->http->body_len);
    *p = (struct post){.session = s, .guest = *guest, .text = text, .len = c->http->body_len};
    p->headers =
        (struct mcp_headers){http_header(c->http, "MCP-Protocol-Version"),
                             http_header(c->http, "Mcp-Method"), http_header(c->http, "Mcp-Name")};
    p->refs = 2;
    buf_init(&p->answer, MCP_ANSWER_MAX);
    return p;
}

static void receive(struct post *p)
{
    const struct mcp_sink sink = {p, sink_send, sink_done};
    mcp_receive(p->session->mcp, p->guest.host, &p->headers, p->text, p->len, &sink);
}

static bool enqueue(struct mcp_gate *g, struct post *p)
{
    pthread_mutex_lock(&g->lock);
    bool room = g->waiting < g->o.queue_max && !g->stopping;
    if (room) {
        if (g->last)
            g->last->next = p;
        else
            g->first = p;
        g->last = p;
        g->waiting++;
        pthread_cond_signal(&g->work);
    }
    pthread_mutex_unlock(&g->lock);
    return room;
}

/* The guest is the post's from here on. */
static int send_off(struct mcp_gate *g, struct call *c, struct post *p, bool queued)
{
    c->state = p;
    c->later = post_later;
    if (!queued) {
        receive(p);
        return post_later(c);
    }
    p->q = c->http;
    http_suspend(c->http);
    enter_session(p);
    if (enqueue(g, p))
        return CALL_LATER;
    /* Never waited: resumed at once, with an answer that says so. */
    if (settle_post(p)) {
        mcp_put_error(&p->answer, NULL, MCP_TRANSPORT, "The server is busy");
        p->status = 503;
    }
    sink_done(p);
    return CALL_LATER;
}

/* The session that a message belongs to: found, made, or 1: answered. */
static int choose_session(struct mcp_gate *g, struct call *c, const char *agent,
                          const struct mcp_glance *look, struct gate_session **out)
{
    const char *id = http_header(c->http, "Mcp-Session-Id");
    const char *version = http_header(c->http, "MCP-Protocol-Version");
    int rc = 1;
    *out = NULL;
    if (look->stateless)
        return gate_session_new(g, agent, true, out, &c->error);
    if (look->initialize && !id)
        return gate_session_new(g, agent, false, out, &c->error);
    if (!look->rpc)
        rc = mcp_gate_refuse(c, 400, MCP_PARSE_ERROR,
                             look->json ? "Parse error: no JSON-RPC 2.0 message"
                                        : "Parse error: no valid JSON");
    else if (!id)
        rc = mcp_gate_refuse(c, 400, MCP_TRANSPORT, "Bad Request: Mcp-Session-Id is required");
    else if (version && !mcp_version_known(version))
        rc = mcp_gate_refuse(c, 400, MCP_TRANSPORT, "Bad Request: Unsupported protocol version");
    else if (!(*out = gate_session_find(g, id, agent)))
        rc = mcp_gate_refuse(c, 404, MCP_NO_SESSION, "Session not found");
    else
        return 0;
    return rc ? rc : 1;
}

/* What began no session leaves none behind. */
static void settle(struct gate_session *s, bool initialize)
{
    if (initialize && !mcp_initialized(s->mcp))
        gate_session_end(s);
    gate_session_unref(s);
}

int mcp_gate_post(struct mcp_gate *g, struct call *c, struct mcp_guest *guest)
{
    const char *version = http_header(c->http, "MCP-Protocol-Version");
    struct mcp_glance look = mcp_look(c->http->body, c->http->body_len, version);
    struct gate_session *s;
    int rc = choose_session(g, c, guest->agent, &look, &s);
    struct post *p = rc == 0 ? post_new(s, guest, c) : NULL;
    if (!p) {
        g->o.backend->leave(g->o.backend->ctx, guest);
        if (rc == 0) {
            settle(s, true);
            rc = err_set(&c->error, RAUM_ENOMEM, NULL);
        }
        return rc == 1 ? 0 : rc;
    }
    /* The post has the caller's reference; one more for settle. */
    pthread_mutex_lock(&g->lock);
    s->refs++;
    pthread_mutex_unlock(&g->lock);
    bool queued = look.request && !look.initialize;
    rc = send_off(g, c, p, queued);
    settle(s, !queued && look.initialize && !look.stateless);
    return rc;
}

int mcp_gate_get(struct mcp_gate *g, struct call *c, const char *agent)
{
    const char *id = http_header(c->http, "Mcp-Session-Id");
    const char *last = http_header(c->http, "Last-Event-ID");
    uint64_t after = 0;
    struct http_stream *out;
    if (!id)
        return mcp_gate_refuse(c, 400, MCP_TRANSPORT, "Bad Request: Mcp-Session-Id is required");
    struct gate_session *s = gate_session_find(g, id, agent);
    if (!s)
        return mcp_gate_refuse(c, 404, MCP_NO_SESSION, "Session not found");
    struct lane *l = last ? gate_lane_find(s, last, &after) : gate_lane_side(s);
    int rc;
    if (!l)
        rc = last ? mcp_gate_refuse(c, 400, MCP_TRANSPORT, "Bad Request: unknown Last-Event-ID")
                  : err_set(&c->error, RAUM_ENOMEM, NULL);
    else if (!last && gate_lane_read(s, l))
        rc = mcp_gate_refuse(c, 409, MCP_TRANSPORT,
                             "Conflict: only one stream of its own is open per session");
    else if ((rc = open_stream(c, s, &out)) == 0)
        gate_lane_attach(s, l, out, after);
    gate_session_unref(s);
    return rc;
}

int mcp_gate_delete(struct mcp_gate *g, struct call *c, const char *agent)
{
    const char *id = http_header(c->http, "Mcp-Session-Id");
    if (!id)
        return mcp_gate_refuse(c, 400, MCP_TRANSPORT, "Bad Request: Mcp-Session-Id is required");
    struct gate_session *s = gate_session_find(g, id, agent);
    if (!s)
        return mcp_gate_refuse(c, 404, MCP_NO_SESSION, "Session not found");
    gate_session_end(s);
    gate_session_unref(s);
    return http_reply(c->http, 200, NULL, "", 0);
}

/* ---- from the backend ---- */

/* The sessions of an agent (NULL: of everybody), each counted; free() the list. */
static struct gate_session **gather(struct mcp_gate *g, const char *agent, int *count)
{
    *count = 0;
    pthread_mutex_lock(&g->lock);
    struct gate_session **list =
        malloc(sizeof(struct gate_session *) * (size_t)(g->session_count + 1));
    for (struct gate_session *s = list ? g->sessions : NULL; s; s = s->next)
        if (!agent || strcmp(s->agent, agent) == 0) {
            s->refs++;
            list[(*count)++] = s;
        }
    pthread_mutex_unlock(&g->lock);
    return list;
}

static void side_send(void *ctx, enum mcp_sent what, int status, const char *json, size_t len)
{
    struct gate_session *s = ctx;
    struct lane *l = gate_lane_side(s);
    (void)what;
    (void)status;
    if (l)
        gate_lane_add(s, l, json, len);
}

void mcp_gate_changed(struct mcp_gate *g, const char *agent, enum mcp_change what, const char *uri)
{
    int count;
    struct gate_session **list = gather(g, agent, &count);
    for (int i = 0; i < count; i++) {
        const struct mcp_sink side = {list[i], side_send, NULL};
        mcp_changed(list[i]->mcp, what, uri, list[i]->id[0] ? &side : NULL);
        gate_session_unref(list[i]);
    }
    free(list);
}

void mcp_gate_end(struct mcp_gate *g, const char *agent)
{
    int count;
    struct gate_session **list = gather(g, agent, &count);
    for (int i = 0; i < count; i++) {
        gate_session_end(list[i]);
        gate_session_unref(list[i]);
    }
    free(list);
}

bool mcp_gate_listening(struct mcp_gate *g, const char *agent)
{
    int count;
    bool any = false;
    struct gate_session **list = gather(g, agent, &count);
    for (int i = 0; i < count; i++) {
        any = any || mcp_subscribed(list[i]->mcp);
        gate_session_unref(list[i]);
    }
    free(list);
    return any;
}

/* ---- threads ---- */

static void *runner(void *arg)
{
    struct mcp_gate *g = arg;
    pthread_mutex_lock(&g->lock);
    for (;;) {
        while (!g->first && !g->stopping)
            pthread_cond_wait(&g->work, &g->lock);
        struct post *p = g->first;
        if (!p)
            break;
        g->first = p->next;
        if (!g->first)
            g->last = NULL;
        g->waiting--;
        pthread_mutex_unlock(&g->lock);
        receive(p);
        pthread_mutex_lock(&g->lock);
    }
    pthread_mutex_unlock(&g->lock);
    return NULL;
}

static void keep(struct mcp_gate *g, bool alive)
{
    int count;
    struct gate_session **list = gather(g, NULL, &count);
    int64_t now = gate_now(g);
    for (int i = 0; i < count; i++) {
        struct gate_session *s = list[i];
        if (alive)
            gate_lanes_alive(s);
        pthread_mutex_lock(&g->lock);
        bool old = s->id[0] && now - s->used > g->o.idle_ms;
        pthread_mutex_unlock(&g->lock);
        struct lane *side = old ? gate_lane_side(s) : NULL;
        if (old && mcp_idle(s->mcp) && !(side && gate_lane_read(s, side)))
            gate_session_end(s);
        gate_session_unref(s);
    }
    free(list);
}

static void *keeper(void *arg)
{
    struct mcp_gate *g = arg;
    int64_t since = 0;
    pthread_mutex_lock(&g->lock);
    while (!g->stopping) {
        struct timespec until;
        int step = g->o.alive_ms < KEEP_EVERY_MS ? g->o.alive_ms : KEEP_EVERY_MS;
        clock_gettime(CLOCK_REALTIME, &until);
        until.tv_sec += step / 1000;
        until.tv_nsec += (long)(step % 1000) * 1000000;
        until.tv_sec += until.tv_nsec / 1000000000;
        until.tv_nsec %= 1000000000;
        int rc = 0;
        while (!g->stopping && rc != ETIMEDOUT)
            rc = pthread_cond_timedwait(&g->tick, &g->lock, &until);
        if (g->stopping)
            break;
        pthread_mutex_unlock(&g->lock);
        since += step;
        keep(g, since >= g->o.alive_ms);
        if (since >= g->o.alive_ms)
            since = 0;
        pthread_mutex_lock(&g->lock);
    }
    pthread_mutex_unlock(&g->lock);
    return NULL;
}

static int start_threads(struct mcp_gate *g, struct raum_error *error)
{
    g->threads = calloc((size_t)g->o.runners, sizeof *g->threads);
    if (!g->threads)
        return err_set(error, RAUM_ENOMEM, NULL);
    while (g->thread_count < g->o.runners) {
        if (pthread_create(&g->threads[g->thread_count], NULL, runner, g) != 0)
            return err_set(error, RAUM_EIO, "no more threads can be started");
        g->thread_count++;
    }
    if (pthread_create(&g->keeper, NULL, keeper, g) != 0)
        return err_set(error, RAUM_EIO, "no more threads can be started");
    g->keeping = true;
    return 0;
}

int mcp_gate_new(struct mcp_gate **out, const struct mcp_gate_options *options,
                 struct raum_error *error)
{
    struct mcp_gate *g = *out = calloc(1, sizeof *g);
    if (!g)
        return err_set(error, RAUM_ENOMEM, NULL);
    g->o = *options;
    g->o.runners = g->o.runners ? g->o.runners : 4;
    g->o.queue_max = g->o.queue_max ? g->o.queue_max : 512;
    g->o.sessions_max = g->o.sessions_max ? g->o.sessions_max : 10000;
    g->o.idle_ms = g->o.idle_ms ? g->o.idle_ms : (int64_t)6 * 3600 * 1000;
    g->o.alive_ms = g->o.alive_ms ? g->o.alive_ms : 20000;
    g->env = options->env;
    g->env->random(g->env->ctx, g->key, sizeof g->key);
    pthread_mutex_init(&g->lock, NULL);
    pthread_cond_init(&g->work, NULL);
    pthread_cond_init(&g->tick, NULL);
    int rc = 0;
    if (g->o.backend && g->o.backend->start)
        rc = g->o.backend->start(g->o.backend->ctx, g, error);
    if (rc == 0 && g->o.backend)
        rc = start_threads(g, error);
    if (rc) {
        mcp_gate_free(g);
        *out = NULL;
    }
    return rc;
}

void mcp_gate_stop(struct mcp_gate *g)
{
    if (!g)
        return;
    pthread_mutex_lock(&g->lock);
    bool was = g->stopping;
    g->stopping = true;
    pthread_cond_broadcast(&g->work);
    pthread_cond_broadcast(&g->tick);
    pthread_mutex_unlock(&g->lock);
    mcp_gate_end(g, NULL);
    if (was)
        return;
    for (int i = 0; i < g->thread_count; i++)
        pthread_join(g->threads[i], NULL);
    if (g->keeping)
        pthread_join(g->keeper, NULL);
}

void mcp_gate_free(struct mcp_gate *g)
{
    if (!g)
        return;
    mcp_gate_stop(g);
    pthread_mutex_destroy(&g->lock);
    pthread_cond_destroy(&g->work);
    pthread_cond_destroy(&g->tick);
    free(g->threads);
    free(g);
}
