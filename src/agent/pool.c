#define _GNU_SOURCE
#include "agent/pool.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define BUCKETS 1024
#define AWAKE_MAX 16
#define IDLE_MS 60000
#define WAIT_MS 30000 /* for one that others work in */
#define LOOK_MS 20    /* between two looks whether the waiting should end */

struct entry {
    struct agent_replica replica; /* first: agent_pool_leave finds the entry by it */
    struct entry *next;
    bool busy, doomed;
    int waiting;
    int64_t used; /* ms, monotonic */
};
struct agent_pool {
    struct agent_pool_options o;
    char *root; /* owned */
    pthread_mutex_t lock;
    pthread_cond_t left;
    struct entry *buckets[BUCKETS];
    int known, awake;
    uint64_t wakes;
};

static int64_t now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static struct entry **place(struct agent_pool *p, const char *account, const char *space)
{
    uint32_t h = 2166136261u;
    for (const char *at = account; *at; at++)
        h = (h ^ (unsigned char)*at) * 16777619u;
    for (const char *at = space; *at; at++)
        h = (h ^ (unsigned char)*at) * 16777619u;
    struct entry **at = &p->buckets[(h ^ h >> 16) % BUCKETS];
    while (*at && (strcmp((*at)->replica.space, space) != 0 ||
                   strcmp((*at)->replica.account, account) != 0))
        at = &(*at)->next;
    return at;
}

static int known(struct agent_pool *p, const char *account, const char *space, struct entry **out,
                 struct raum_error *error)
{
    struct entry **at = place(p, account, space);
    *out = *at;
    if (*at)
        return 0;
    struct entry *e = calloc(1, sizeof *e);
    int result =
        e ? agent_replica_init(&e->replica, p->o.env, p->o.port, p->o.root, account, space, error)
          : err_set(error, RAUM_ENOMEM, NULL);
    if (result < 0) {
        free(e);
        return result;
    }
    p->known++;
    *out = *at = e;
    return 0;
}

/* ---- putting away ---- */

/* Files are closed and removed without the lock: the entry is busy meanwhile. */
static void put_away(struct agent_pool *p, struct entry *e)
{
    e->busy = true;
    pthread_mutex_unlock(&p->lock);
    agent_replica_sleep(&e->replica);
    pthread_mutex_lock(&p->lock);
    e->busy = false;
    p->awake--;
    pthread_cond_broadcast(&p->left);
}

/* Of one that is not busy; it is not known any more, unless somebody came meanwhile. */
static void wipe(struct agent_pool *p, struct entry *e)
{
    p->awake -= e->replica.raum != NULL;
    e->busy = true;
    pthread_mutex_unlock(&p->lock);
    agent_replica_wipe(&e->replica);
    pthread_mutex_lock(&p->lock);
    e->busy = e->doomed = false;
    if (e->waiting) {
        pthread_cond_broadcast(&p->left);
        return;
    }
    *place(p, e->replica.account, e->replica.space) = e->next;
    p->known--;
    agent_replica_release(&e->replica);
    free(e);
}

static struct entry *longest_unused(struct agent_pool *p)
{
    struct entry *found = NULL;
    for (int i = 0; i < BUCKETS; i++)
        for (struct entry *e = p->buckets[i]; e; e = e->next)
            if (e->replica.raum && !e->busy && !e->waiting && !e->doomed &&
                (!found || e->used < found->used))
                found = e;
    return found;
}

static void make_room(struct agent_pool *p)
{
    struct entry *old;
    while (p->awake > p->o.awake_max && (old = longest_unused(p)))
        put_away(p, old);
}

/* The lock is let go for a moment. */
static void wipe_here(struct agent_pool *p, struct entry *e)
{
    p->awake -= e->replica.raum != NULL;
    e->doomed = false;
    pthread_mutex_unlock(&p->lock);
    agent_replica_wipe(&e->replica);
    pthread_mutex_lock(&p->lock);
}

/* ---- taking ---- */

static void short_wait(struct agent_pool *p)
{
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_nsec += LOOK_MS * 1000000L;
    until.tv_sec += until.tv_nsec / 1000000000L;
    until.tv_nsec %= 1000000000L;
    pthread_cond_timedwait(&p->left, &p->lock, &until);
}

static int wait_for(struct agent_pool *p, struct entry *e, bool (*stop)(void *arg), void *arg,
                    struct raum_error *error)
{
    int64_t until = now_ms() + WAIT_MS;
    int result = 0;
    e->waiting++;
    while (e->busy && result == 0) {
        short_wait(p);
        if (e->busy && stop && stop(arg))
            result = err_set(error, RAUM_EINTERRUPTED, NULL);
        else if (e->busy && now_ms() > until)
            result = err_set(error, RAUM_EBUSY, "others work in this space; try again");
    }
    e->waiting--;
    return result;
}

int agent_pool_take(struct agent_pool *p, const char *account, const char *space,
                    bool (*stop)(void *arg), void *arg, struct agent_replica **out,
                    struct raum_error *error)
{
    struct entry *e;
    *out = NULL;
    pthread_mutex_lock(&p->lock);
    int result = known(p, account, space, &e, error);
    if (result == 0)
        result = wait_for(p, e, stop, arg, error);
    if (result == 0) {
        e->busy = true;
        if (e->doomed) /* it is allowed again: from the start */
            wipe_here(p, e);
        if (!e->replica.raum) {
            p->wakes++;
            p->awake++;
            make_room(p);
        }
        *out = &e->replica;
    }
    pthread_mutex_unlock(&p->lock);
    return result;
}

void agent_pool_leave(struct agent_pool *p, struct agent_replica *r)
{
    struct entry *e = (struct entry *)r;
    pthread_mutex_lock(&p->lock);
    e->busy = false;
    e->used = now_ms();
    p->awake -= e->replica.raum == NULL; /* it could not be opened, or was wiped */
    if (e->doomed && !e->waiting)
        wipe(p, e);
    else
        make_room(p);
    pthread_cond_broadcast(&p->left);
    pthread_mutex_unlock(&p->lock);
}

/* ---- who may not be here any more ---- */

struct suspect {
    char *account, *space;
    bool stays;
};

static void free_suspects(struct suspect *list, int count)
{
    for (int i = 0; i < count; i++) {
        free(list[i].account);
        free(list[i].space);
    }
    free(list);
}

/* Copies, because the database is asked without the lock. NULL: no memory. */
static struct suspect *suspects(struct agent_pool *p, const char *account, int *count)
{
    struct suspect *list = calloc((size_t)p->known + 1, sizeof *list);
    *count = 0;
    for (int i = 0; list && i < BUCKETS; i++)
        for (struct entry *e = p->buckets[i]; e; e = e->next) {
            if (account && strcmp(e->replica.account, account) != 0)
                continue;
            struct suspect *s = &list[(*count)++];
            s->account = strdup(e->replica.account);
            s->space = strdup(e->replica.space);
        }
    return list;
}

static void doom(struct agent_pool *p, const struct suspect *s)
{
    struct entry *e = *place(p, s->account, s->space);
    if (!e)
        return;
    e->doomed = true;
    if (!e->busy && !e->waiting)
        wipe(p, e);
}

void agent_pool_news(struct agent_pool *p, const char *account)
{
    int count;
    pthread_mutex_lock(&p->lock);
    struct suspect *list = suspects(p, account, &count);
    pthread_mutex_unlock(&p->lock);
    for (int i = 0; list && i < count; i++) {
        bool any = true;
        if (list[i].account && list[i].space &&
            p->o.port->any(p->o.port->ctx, list[i].account, list[i].space, &any, NULL) != 0)
            any = true; /* not known: whoever comes is asked for anyway */
        list[i].stays = any;
    }
    pthread_mutex_lock(&p->lock);
    for (int i = 0; list && i < count; i++)
        if (!list[i].stays)
            doom(p, &list[i]);
    pthread_mutex_unlock(&p->lock);
    if (list)
        free_suspects(list, count);
}

void agent_pool_tick(struct agent_pool *p)
{
    struct entry *e;
    int64_t before = now_ms() - p->o.idle_ms;
    pthread_mutex_lock(&p->lock);
    while ((e = longest_unused(p)) && e->used < before)
        put_away(p, e);
    pthread_mutex_unlock(&p->lock);
}

void agent_pool_counts(struct agent_pool *p, struct agent_pool_counts *out)
{
    pthread_mutex_lock(&p->lock);
    *out = (struct agent_pool_counts){p->wakes, p->known, p->awake};
    pthread_mutex_unlock(&p->lock);
}

/* ---- coming and going ---- */

struct finding {
    struct agent_pool *pool;
    struct raum_error *error;
    int result;
};

/* A folder that says nothing of itself is none of ours, or was cut off while it was made. */
static int find_one(void *arg, const char *name, int is_folder)
{
    struct finding *f = arg;
    struct agent_pool *p = f->pool;
    const char *account, *space;
    struct entry *e;
    struct arena a;
    if (!is_folder)
        return 0;
    arena_init(&a, 65536);
    const char *folder = arena_printf(&a, "%s/%s", p->o.root, name);
    if (folder && agent_replica_read(p->o.env, folder, &a, &account, &space, NULL) == 0 &&
        f->result == 0)
        f->result = known(p, account, space, &e, f->error);
    arena_release(&a);
    return 0;
}

int agent_pool_new(struct agent_pool **out, const struct agent_pool_options *options,
                   struct raum_error *error)
{
    struct agent_pool *p = *out = calloc(1, sizeof *p);
    if (!p)
        return err_set(error, RAUM_ENOMEM, NULL);
    p->o = *options;
    p->o.root = p->root = strdup(options->root);
    if (!p->root) {
        free(p);
        *out = NULL;
        return err_set(error, RAUM_ENOMEM, NULL);
    }
    if (!p->o.awake_max)
        p->o.awake_max = AWAKE_MAX;
    if (!p->o.idle_ms)
        p->o.idle_ms = IDLE_MS;
    pthread_mutex_init(&p->lock, NULL);
    pthread_cond_init(&p->left, NULL);
    const struct raum_env *env = p->o.env;
    struct finding f = {.pool = p, .error = error};
    int result = env->folder_make(env->ctx, p->o.root, 0700);
    if (result == 0)
        result = env->folder_list(env->ctx, p->o.root, find_one, &f);
    if (result < 0)
        err_set(error, result, "cannot use %s: %s", p->o.root, raum_code_text(result));
    else
        result = f.result;
    if (result == 0) {
        agent_pool_news(p, NULL);
        return 0;
    }
    agent_pool_free(p);
    *out = NULL;
    return result;
}

void agent_pool_free(struct agent_pool *p)
{
    if (!p)
        return;
    for (int i = 0; i < BUCKETS; i++)
        for (struct entry *e; (e = p->buckets[i]);) {
            p->buckets[i] = e->next;
            agent_replica_release(&e->replica);
            free(e);
        }
    pthread_cond_destroy(&p->left);
    pthread_mutex_destroy(&p->lock);
    free(p->root);
    free(p);
}
