#define _GNU_SOURCE
#include "agent/host.h"

#include "agent/seen.h"
#include "base/base64.h"
#include "base/id.h"
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define ARENA_BYTES ((size_t)32 << 20)
#define WRITES_MAX ((size_t)1 << 20)
#define TICK_MS 20    /* how soon an expiry ends what runs */
#define LONG_TICKS 50 /* … and how seldom idle replicas are looked for */
#define HASHED 16

/* A call on its way; in the list of those that can be stopped. */
struct running {
    const struct agent_who *who;
    const struct tool_hooks *hooks; /* the caller's; may be NULL */
    atomic_bool ended;
    struct running *next, **at;
};
struct agent_host {
    struct agent_host_options o;
    struct agent_pool *pool;
    struct seen *seen;
    pthread_mutex_t lock; /* of the following */
    pthread_cond_t closing;
    struct tool_rates *rates;
    struct id_source ids;
    struct running *running;
    bool closed;
    pthread_t keeper;
    bool keeping;
};

static int64_t now_ms(const struct agent_host *h)
{
    return h->o.env->now_ms(h->o.env->ctx);
}

/* ---- calls that can be stopped ---- */

static bool is_over(void *arg)
{
    struct running *x = arg;
    if (atomic_load(&x->ended))
        return true;
    return x->hooks && x->hooks->cancelled && x->hooks->cancelled(x->hooks->ctx);
}

static void tell_progress(void *ctx, double done, double total, const char *text)
{
    struct running *x = ctx;
    if (x->hooks && x->hooks->progress && !atomic_load(&x->ended))
        x->hooks->progress(x->hooks->ctx, done, total, text);
}

static void begin(struct agent_host *h, struct running *x)
{
    pthread_mutex_lock(&h->lock);
    x->next = h->running;
    x->at = &h->running;
    if (x->next)
        x->next->at = &x->next;
    h->running = x;
    pthread_mutex_unlock(&h->lock);
}

static void end(struct agent_host *h, struct running *x)
{
    pthread_mutex_lock(&h->lock);
    *x->at = x->next;
    if (x->next)
        x->next->at = x->at;
    pthread_mutex_unlock(&h->lock);
}

/* G-A3: what runs for this agent sees it at its next look. */
static void stop_calls(struct agent_host *h, const char *agent)
{
    pthread_mutex_lock(&h->lock);
    for (struct running *x = h->running; x; x = x->next)
        if (strcmp(x->who->agent, agent) == 0)
            atomic_store(&x->ended, true);
    pthread_mutex_unlock(&h->lock);
    if (h->o.ended)
        h->o.ended(h->o.arg, agent);
}

/* ---- working in a replica ---- */

struct job {
    struct agent_host *host;
    const struct agent_who *who;
    struct running running;
    struct agent_replica *replica;
    struct arena arena;
    struct tool_call call;
};

static int enter(struct job *j, const char *run, struct raum_error *error)
{
    struct agent_host *h = j->host;
    struct raum_handle *handle;
    int result = agent_pool_take(h->pool, j->who->account, j->who->space, is_over, &j->running,
                                 &j->replica, error);
    if (result == 0)
        result = agent_replica_wake(j->replica, j->who, error);
    if (result == 0)
        result = agent_replica_handle(j->replica, j->who->agent, &handle, error);
    if (result < 0)
        return result;
    j->call = (struct tool_call){.scope = handle,
                                 .env = h->o.env,
                                 .arena = &j->arena,
                                 .actor = j->who->agent,
                                 .run = run,
                                 .media = h->o.media,
                                 .generator = h->o.generator,
                                 .hooks = {&j->running, tell_progress, is_over}};
    return is_over(&j->running) ? err_set(error, RAUM_EINTERRUPTED, NULL) : 0;
}

/* What a failed call wrote is not told to anybody: the replica comes anew from the relay. */
static void drop_writes(struct job *j)
{
    bool dirty = true;
    if (!j->replica || !j->replica->raum)
        return;
    while (j->replica->raum->depth > 0)
        raum_rollback(j->replica->raum);
    if (agent_replica_dirty(j->replica, &dirty, NULL) != 0 || dirty)
        agent_replica_wipe(j->replica);
}

static void job_begin(struct job *j, struct agent_host *h, const struct agent_who *who,
                      const struct tool_hooks *hooks)
{
    *j = (struct job){.host = h, .who = who, .running = {.who = who, .hooks = hooks}};
    arena_init(&j->arena, ARENA_BYTES);
    begin(h, &j->running);
}

static void job_end(struct job *j)
{
    if (j->replica)
        agent_pool_leave(j->host->pool, j->replica);
    end(j->host, &j->running);
    arena_release(&j->arena);
}

/* Whoever was ended meanwhile has neither answer nor effect. */
static int still_holds(struct job *j, int result, struct raum_error *error)
{
    if (atomic_load(&j->running.ended))
        return err_set(error, RAUM_ENOT_ALLOWED, "no such agent, or it has ended");
    return result;
}

int agent_host_read(struct agent_host *h, const struct agent_who *who,
                    const struct tool_hooks *hooks, agent_work *work, void *arg,
                    struct raum_error *error)
{
    struct job j;
    job_begin(&j, h, who, hooks);
    int result = enter(&j, NULL, error);
    if (result == 0)
        result = work(arg, &j.call, error);
    drop_writes(&j);
    result = still_holds(&j, result, error);
    job_end(&j);
    return result;
}

/* ---- tools ---- */

/* As tools_call hashes them: of calls that do not come that far. */
static void digest(struct agent_host *h, struct json_value args, char out[TOOL_DIGEST])
{
    unsigned char hash[HASHED];
    struct json_writer w;
    struct buf b;
    buf_init(&b, WRITES_MAX);
    json_begin(&w, &b);
    json_put_value(&w, args);
    h->o.env->hash(h->o.env->ctx, hash, sizeof hash, buf_text(&b), b.len, NULL);
    buf_release(&b);
    hex_put(out, hash, sizeof hash);
}

struct logged {
    char digest[TOOL_DIGEST];
    char outcome[48];
    int64_t took_ms;
};

static void take_log(void *ctx, const struct tool_logged *entry)
{
    struct logged *l = ctx;
    snprintf(l->digest, sizeof l->digest, "%s", entry->digest);
    snprintf(l->outcome, sizeof l->outcome, "%s", entry->outcome);
    l->took_ms = entry->took_ms;
}

static int take_rate(struct agent_host *h, const struct agent_who *who, const char *tool,
                     struct raum_error *error)
{
    int wait = 0;
    if (h->o.unlimited || !tools_find(tool))
        return 0;
    pthread_mutex_lock(&h->lock);
    int result = tool_rates_take(h->rates, who->agent, tool, now_ms(h), &wait, error);
    pthread_mutex_unlock(&h->lock);
    return result;
}

/* The tool, and the relay told what it wrote, with its line in the log: one transaction there. */
static int run_tool(struct job *j, struct agent_note *note, struct logged *l,
                    struct json_value args, struct buf *json, struct buf *more,
                    struct raum_error *error)
{
    const struct tool_gate gate = {.grant = &j->who->grant, .log = take_log, .log_ctx = l};
    const struct tool *tool = tools_find(note->tool);
    bool dirty = false, reads = tool && tool->policy == TOOL_READ;
    int result = enter(j, note->run, error);
    if (result == 0 && reads)
        result = replica_begin(j->replica->raum, error); /* one look at the file for all of it */
    if (result == 0)
        result = tools_call(&j->call, &gate, note->tool, args, json, more, error);
    while (j->replica && j->replica->raum && j->replica->raum->depth > 0)
        replica_rollback(j->replica->raum); /* it only read: so nothing of it is left, either */
    result = still_holds(j, result, error);
    if (result == 0 && !reads)
        result = agent_replica_dirty(j->replica, &dirty, error);
    note->digest = l->digest;
    note->outcome = "ok";
    note->took_ms = now_ms(j->host) - note->at;
    if (result == 0 && dirty)
        result = agent_replica_push(j->replica, j->who, note, error);
    if (result < 0)
        drop_writes(j);
    return result;
}

static void new_id(struct agent_host *h, char out[ID_TEXT])
{
    pthread_mutex_lock(&h->lock);
    id_new(&h->ids, h->o.env, out);
    pthread_mutex_unlock(&h->lock);
}

/* Called after its session, or after its first call. */
static void choose_run(struct agent_host *h, const struct agent_who *who, const char *call,
                       char run[ID_TEXT])
{
    char name[256];
    int len =
        snprintf(name, sizeof name, "run:%s:%s", who->agent, who->session ? who->session : "");
    if (who->session && len > 0 && (size_t)len < sizeof name) {
        seen_note(h->seen, who);
        id_derive(h->o.env, name, (size_t)len, run);
    } else {
        seen_run(h->seen, who, now_ms(h), call, run);
    }
}

/* Names of no tool come from outside: they are cut, and the log takes them as text. */
static const char *tool_name(const char *tool, char out[64])
{
    size_t len = strlen(tool);
    bool plain = len > 0 && len < 64;
    for (size_t i = 0; plain && i < len; i++)
        plain = (unsigned char)tool[i] > ' ' && (unsigned char)tool[i] < 0x7f;
    snprintf(out, 64, "%s", plain ? tool : "?");
    return out;
}

int agent_host_tool(struct agent_host *h, const struct agent_who *who, const char *tool,
                    struct json_value args, const struct tool_hooks *hooks, struct buf *json,
                    struct buf *more, struct raum_error *error)
{
    struct job j;
    struct logged l = {.outcome = ""};
    char call[ID_TEXT], run[ID_TEXT], name[64];
    job_begin(&j, h, who, hooks);
    new_id(h, call);
    choose_run(h, who, call, run);
    struct agent_note note = {.call = call,
                              .run = run,
                              .agent = who->agent,
                              .account = who->account,
                              .space = who->space,
                              .tool = tool,
                              .at = now_ms(h)};
    buf_init(&note.writes, WRITES_MAX);
    digest(h, args, l.digest);
    int result = take_rate(h, who, tool, error);
    if (result == 0)
        result = run_tool(&j, &note, &l, args, json, more, error);
    job_end(&j);
    note.tool = tool_name(tool, name);
    note.digest = l.digest;
    note.took_ms = now_ms(h) - note.at;
    note.outcome = result ? raum_code_name(result) : "ok";
    if (!note.stored) { /* nobody gets an answer that is not in the log */
        struct raum_error logging = {0};
        int logged = h->o.port->log(h->o.port->ctx, &note, &logging);
        if (logged < 0 && result == 0)
            result = err_set(error, logged, "%s", logging.text);
    }
    buf_release(&note.writes);
    return result;
}

void agent_host_greet(struct agent_host *h, const struct agent_who *who)
{
    seen_note(h->seen, who);
}

/* ---- who ended ---- */

static void check_one(void *arg, const char *agent)
{
    struct agent_host *h = arg;
    struct raum_error error = {0};
    struct agent_who who;
    struct arena a;
    arena_init(&a, 1u << 20);
    int result = h->o.port->holds(h->o.port->ctx, agent, &a, &who, &error);
    arena_release(&a);
    if (result != RAUM_ENOT_ALLOWED) /* or not to be known now: it is asked for with each call */
        return;
    seen_forget(h->seen, agent);
    stop_calls(h, agent);
}

void agent_host_news(struct agent_host *h, const char *account)
{
    seen_each(h->seen, account, 0, check_one, h);
    agent_pool_news(h->pool, account);
}

void agent_host_counts(struct agent_host *h, struct agent_pool_counts *out)
{
    agent_pool_counts(h->pool, out);
}

static void expire_one(void *arg, const char *agent)
{
    struct agent_host *h = arg;
    seen_forget(h->seen, agent);
    stop_calls(h, agent);
}

static bool rest(struct agent_host *h)
{
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_nsec += TICK_MS * 1000000L;
    until.tv_sec += until.tv_nsec / 1000000000L;
    until.tv_nsec %= 1000000000L;
    pthread_mutex_lock(&h->lock);
    if (!h->closed)
        pthread_cond_timedwait(&h->closing, &h->lock, &until);
    bool on = !h->closed;
    pthread_mutex_unlock(&h->lock);
    return on;
}

static void *keep(void *arg)
{
    struct agent_host *h = arg;
    for (unsigned turn = 1; rest(h); turn++) {
        seen_each(h->seen, NULL, now_ms(h), expire_one, h);
        if (turn % LONG_TICKS == 0)
            agent_pool_tick(h->pool);
        if (turn % (LONG_TICKS * 60) == 0) /* expired ones, too, leave nothing */
            agent_pool_news(h->pool, NULL);
    }
    return NULL;
}

/* It takes no signals: those belong to whoever called us. */
static int start(struct agent_host *h, struct raum_error *error)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    h->keeping = pthread_create(&h->keeper, NULL, keep, h) == 0;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return h->keeping ? 0 : err_set(error, RAUM_ENOMEM, "no thread can be started");
}

int agent_host_new(struct agent_host **out, const struct agent_host_options *options,
                   struct raum_error *error)
{
    struct agent_host *h = *out = calloc(1, sizeof *h);
    if (!h)
        return err_set(error, RAUM_ENOMEM, NULL);
    h->o = *options;
    pthread_mutex_init(&h->lock, NULL);
    pthread_cond_init(&h->closing, NULL);
    const struct agent_pool_options pool = {.env = h->o.env,
                                            .port = h->o.port,
                                            .root = h->o.root,
                                            .awake_max = h->o.awake_max,
                                            .idle_ms = h->o.idle_ms};
    int result = tool_rates_new(&h->rates, error);
    if (result == 0)
        result = seen_new(&h->seen, HOST_SEEN_MAX, error);
    if (result == 0)
        result = agent_pool_new(&h->pool, &pool, error);
    if (result == 0)
        result = start(h, error);
    if (result < 0) {
        agent_host_free(h);
        *out = NULL;
    }
    return result;
}

void agent_host_free(struct agent_host *h)
{
    if (!h)
        return;
    pthread_mutex_lock(&h->lock);
    h->closed = true;
    pthread_cond_broadcast(&h->closing);
    pthread_mutex_unlock(&h->lock);
    if (h->keeping)
        pthread_join(h->keeper, NULL);
    agent_pool_free(h->pool);
    seen_free(h->seen);
    tool_rates_free(h->rates);
    pthread_cond_destroy(&h->closing);
    pthread_mutex_destroy(&h->lock);
    free(h);
}
