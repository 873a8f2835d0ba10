/* Sessions: who has which, for how long. */
#include "base/base64.h"
#include "server/mcp/inside.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define AGENT_SESSIONS 32

int64_t gate_now(const struct mcp_gate *g)
{
    return g->env->now_ms(g->env->ctx);
}

static void lock(void *ctx)
{
    struct gate_session *s = ctx;
    pthread_mutex_lock(&s->lock);
}

static void unlock(void *ctx)
{
    struct gate_session *s = ctx;
    pthread_mutex_unlock(&s->lock);
}

static void session_free(struct gate_session *s)
{
    mcp_free(s->mcp);
    gate_lanes_free(s);
    pthread_mutex_destroy(&s->lock);
    pthread_mutex_destroy(&s->lanes_lock);
    free(s);
}

void gate_session_unref(struct gate_session *s)
{
    if (!s)
        return;
    pthread_mutex_lock(&s->gate->lock);
    bool last = --s->refs == 0;
    pthread_mutex_unlock(&s->gate->lock);
    if (last)
        session_free(s);
}

/* Under the gate's lock. False: it was out already. */
static bool take_out(struct gate_session *s)
{
    struct gate_session **at = &s->gate->sessions;
    while (*at && *at != s)
        at = &(*at)->next;
    if (!*at)
        return false;
    *at = s->next;
    s->gate->session_count--;
    return true;
}

void gate_session_end(struct gate_session *s)
{
    pthread_mutex_lock(&s->gate->lock);
    bool was = take_out(s);
    pthread_mutex_unlock(&s->gate->lock);
    mcp_end(s->mcp);
    gate_posts_end(s);
    gate_lanes_close(s);
    if (was)
        gate_session_unref(s);
}

/* Under the gate's lock: the longest unused session of the agent, or of all when there are too
 * many; counted. */
static struct gate_session *too_many(struct mcp_gate *g, const char *agent)
{
    struct gate_session *oldest = NULL, *own = NULL;
    int count = 0;
    for (struct gate_session *s = g->sessions; s; s = s->next) {
        if (!s->id[0])
            continue;
        if (!oldest || s->used < oldest->used)
            oldest = s;
        if (strcmp(s->agent, agent) != 0)
            continue;
        count++;
        if (!own || s->used < own->used)
            own = s;
    }
    struct gate_session *victim = count >= AGENT_SESSIONS                 ? own
                                  : g->session_count >= g->o.sessions_max ? oldest
                                                                          : NULL;
    if (victim)
        victim->refs++;
    return victim;
}

static struct gate_session *make(struct mcp_gate *g, const char *agent, bool stateless)
{
    struct gate_session *s = calloc(1, sizeof *s);
    struct mcp_options o = {.env = g->env, .lock_ctx = s, .lock = lock, .unlock = unlock};
    unsigned char random[16];
    if (!s)
        return NULL;
    memcpy(o.key, g->key, sizeof o.key);
    s->gate = g;
    s->refs = 2; /* the gate's and the caller's */
    s->used = gate_now(g);
    snprintf(s->agent, sizeof s->agent, "%s", agent);
    if (!stateless) {
        g->env->random(g->env->ctx, random, sizeof random);
        hex_put(s->id, random, sizeof random);
        o.session = s->id;
    }
    pthread_mutex_init(&s->lock, NULL);
    pthread_mutex_init(&s->lanes_lock, NULL);
    if (mcp_new(&s->mcp, &o, NULL) != 0) {
        session_free(s);
        return NULL;
    }
    return s;
}

int gate_session_new(struct mcp_gate *g, const char *agent, bool stateless,
                     struct gate_session **out, struct raum_error *error)
{
    struct gate_session *s = *out = make(g, agent, stateless), *victim = NULL;
    if (!s)
        return err_set(error, RAUM_ENOMEM, NULL);
    pthread_mutex_lock(&g->lock);
    if (!stateless)
        victim = too_many(g, agent);
    s->next = g->sessions;
    g->sessions = s;
    g->session_count++;
    pthread_mutex_unlock(&g->lock);
    if (victim) {
        gate_session_end(victim);
        gate_session_unref(victim);
    }
    return 0;
}

struct gate_session *gate_session_find(struct mcp_gate *g, const char *id, const char *agent)
{
    pthread_mutex_lock(&g->lock);
    struct gate_session *s = g->sessions;
    while (s && (!s->id[0] || strcmp(s->id, id) != 0 || strcmp(s->agent, agent) != 0))
        s = s->next;
    if (s) {
        s->refs++;
        s->used = gate_now(g);
    }
    pthread_mutex_unlock(&g->lock);
    return s;
}
