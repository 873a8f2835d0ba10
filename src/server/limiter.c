#include "server/limiter.h"
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define BUCKETS 8192 /* a power of two; with the ways: 65,536 keys, 2 MiB */
#define WAYS 8

struct entry {
    uint64_t key;  /* 0: free */
    int64_t last;  /* ms of the last one that counted */
    int64_t until; /* ms; afterwards it is as if it were free */
    int count;
};

struct limiter {
    const struct raum_env *env;
    unsigned char secret[RAUM_KEY_BYTES];
    pthread_mutex_t mutex;
    struct entry entries[BUCKETS][WAYS];
};

int limiter_new(struct limiter **out, const struct raum_env *env, struct raum_error *error)
{
    struct limiter *l = *out = calloc(1, sizeof *l);
    if (!l)
        return err_set(error, RAUM_ENOMEM, NULL);
    l->env = env;
    env->random(env->ctx, l->secret, sizeof l->secret);
    pthread_mutex_init(&l->mutex, NULL);
    return 0;
}

void limiter_free(struct limiter *l)
{
    if (!l)
        return;
    pthread_mutex_destroy(&l->mutex);
    free(l);
}

static uint64_t key_of(const struct limiter *l, const char *kind, const char *key)
{
    unsigned char hash[32];
    uint64_t out;
    char text[512];
    size_t kind_len = strlen(kind), key_len = strlen(key);
    if (kind_len > 200)
        kind_len = 200;
    if (key_len > sizeof text - kind_len - 1)
        key_len = sizeof text - kind_len - 1;
    memcpy(text, kind, kind_len);
    text[kind_len] = '\0';
    memcpy(text + kind_len + 1, key, key_len);
    l->env->hash(l->env->ctx, hash, sizeof hash, text, kind_len + 1 + key_len, l->secret);
    memcpy(&out, hash, sizeof out);
    return out ? out : 1;
}

/* The key's entry, or the one it may take: a free one, else the one that is over soonest. */
static struct entry *find(struct limiter *l, uint64_t key, int64_t now)
{
    struct entry *bucket = l->entries[key & (BUCKETS - 1)], *best = &bucket[0];
    for (int i = 0; i < WAYS; i++) {
        if (bucket[i].key == key)
            return &bucket[i];
        int64_t until = bucket[i].key && bucket[i].until > now ? bucket[i].until : 0;
        int64_t best_until = best->key && best->until > now ? best->until : 0;
        if (until < best_until)
            best = &bucket[i];
    }
    return best;
}

static int wait_of(const struct entry *e, const struct limiter_rule *rule, int64_t now)
{
    int64_t wait = (e->last + rule->window_ms - now + 999) / 1000;
    return wait < 1 ? 1 : (int)wait;
}

static int decide(struct limiter *l, const char *kind, const char *key,
                  const struct limiter_rule *rule, bool count)
{
    uint64_t hash = key_of(l, kind, key);
    int64_t now = l->env->now_ms(l->env->ctx);
    int wait = 0;
    pthread_mutex_lock(&l->mutex);
    struct entry *e = find(l, hash, now);
    /* A clock that went back must not keep anybody out for longer than a window. */
    bool same = e->key == hash && now < e->until && e->until - now <= rule->window_ms;
    if (same && e->count >= rule->most) {
        wait = wait_of(e, rule, now);
    } else if (count) {
        *e = (struct entry){.key = hash,
                            .last = now,
                            .until = now + rule->window_ms,
                            .count = same ? e->count + 1 : 1};
    }
    pthread_mutex_unlock(&l->mutex);
    return wait;
}

int limiter_take(struct limiter *l, const char *kind, const char *key,
                 const struct limiter_rule *rule)
{
    return decide(l, kind, key, rule, true);
}

int limiter_spend(struct limiter *l, const char *kind, const char *key,
                  const struct limiter_rule *rule, int amount)
{
    uint64_t hash = key_of(l, kind, key);
    int64_t now = l->env->now_ms(l->env->ctx), spent = 0, wait = 0;
    pthread_mutex_lock(&l->mutex);
    struct entry *e = find(l, hash, now);
    if (e->key == hash && now < e->until && e->last <= now)
        spent = e->count - (now - e->last) * rule->most / rule->window_ms;
    spent = (spent > 0 ? spent : 0) + amount;
    if (spent > rule->most)
        wait = ((spent - rule->most) * rule->window_ms / rule->most + 999) / 1000;
    else
        *e = (struct entry){
            .key = hash, .last = now, .until = now + rule->window_ms, .count = (int)spent};
    pthread_mutex_unlock(&l->mutex);
    return spent > rule->most && wait < 1 ? 1 : (int)wait;
}

int limiter_look(struct limiter *l, const char *kind, const char *key,
                 const struct limiter_rule *rule)
{
    return decide(l, kind, key, rule, false);
}

void limiter_clear(struct limiter *l, const char *kind, const char *key)
{
    uint64_t hash = key_of(l, kind, key);
    pthread_mutex_lock(&l->mutex);
    struct entry *e = find(l, hash, l->env->now_ms(l->env->ctx));
    if (e->key == hash)
        memset(e, 0, sizeof *e);
    pthread_mutex_unlock(&l->mutex);
}
