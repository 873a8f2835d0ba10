#include "agent/seen.h"

#include "agent/host.h"
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define BUCKETS 2048

struct one {
    struct one *next; /* in its bucket */
    struct one *older, *newer;
    int64_t at, expires;
    char run[ID_TEXT];
    char *account; /* behind the agent */
    char agent[];
};
struct seen {
    pthread_mutex_t lock;
    struct one *buckets[BUCKETS];
    struct one *oldest, *newest;
    int count, most;
    int64_t next_expiry; /* none expires before; 0: none ever */
};

int seen_new(struct seen **out, int most, struct raum_error *error)
{
    struct seen *s = *out = calloc(1, sizeof *s);
    if (!s)
        return err_set(error, RAUM_ENOMEM, NULL);
    s->most = most;
    pthread_mutex_init(&s->lock, NULL);
    return 0;
}

static struct one **place(struct seen *s, const char *agent)
{
    uint32_t h = 2166136261u;
    for (const char *at = agent; *at; at++)
        h = (h ^ (unsigned char)*at) * 16777619u;
    struct one **at = &s->buckets[(h ^ h >> 16) % BUCKETS];
    while (*at && strcmp((*at)->agent, agent) != 0)
        at = &(*at)->next;
    return at;
}

static void unlink_age(struct seen *s, struct one *o)
{
    *(o->older ? &o->older->newer : &s->oldest) = o->newer;
    *(o->newer ? &o->newer->older : &s->newest) = o->older;
    o->older = o->newer = NULL;
}

static void link_newest(struct seen *s, struct one *o)
{
    o->older = s->newest;
    *(s->newest ? &s->newest->newer : &s->oldest) = o;
    s->newest = o;
}

static void drop(struct seen *s, struct one **at)
{
    struct one *o = *at;
    *at = o->next;
    unlink_age(s, o);
    s->count--;
    free(o);
}

static struct one *add(struct seen *s, struct one **at, const struct agent_who *who)
{
    size_t agent = strlen(who->agent) + 1, account = strlen(who->account) + 1;
    struct one *o = malloc(sizeof *o + agent + account);
    if (!o)
        return NULL;
    *o = (struct one){.account = o->agent + agent, .expires = who->expires};
    memcpy(o->agent, who->agent, agent);
    memcpy(o->account, who->account, account);
    *at = o;
    link_newest(s, o);
    s->count++;
    return o;
}

/* NULL: no memory. The lock is held. */
static struct one *note(struct seen *s, const struct agent_who *who)
{
    struct one **at = place(s, who->agent), *o = *at;
    if (!o && s->count >= s->most) {
        drop(s, place(s, s->oldest->agent));
        at = place(s, who->agent);
    }
    if (who->expires && (!s->next_expiry || who->expires < s->next_expiry))
        s->next_expiry = who->expires;
    if (!o)
        return add(s, at, who);
    o->expires = who->expires;
    unlink_age(s, o);
    link_newest(s, o);
    return o;
}

void seen_note(struct seen *s, const struct agent_who *who)
{
    pthread_mutex_lock(&s->lock);
    (void)note(s, who);
    pthread_mutex_unlock(&s->lock);
}

void seen_run(struct seen *s, const struct agent_who *who, int64_t now_ms, const char *call,
              char run[ID_TEXT])
{
    memcpy(run, call, strlen(call) + 1);
    pthread_mutex_lock(&s->lock);
    struct one *o = note(s, who);
    if (o) {
        bool goes_on = o->run[0] && now_ms - o->at < HOST_RUN_MS && now_ms >= o->at;
        if (!goes_on)
            memcpy(o->run, call, strlen(call) + 1);
        memcpy(run, o->run, sizeof o->run);
        o->at = now_ms;
    }
    pthread_mutex_unlock(&s->lock);
}

void seen_forget(struct seen *s, const char *agent)
{
    pthread_mutex_lock(&s->lock);
    struct one **at = place(s, agent);
    if (*at)
        drop(s, at);
    pthread_mutex_unlock(&s->lock);
}

static bool is_meant(const struct one *o, const char *account, int64_t expired_ms)
{
    if (expired_ms)
        return o->expires && o->expires <= expired_ms;
    return !account || strcmp(o->account, account) == 0;
}

/* Names, copied; ends with NULL. NULL: no memory, or nobody is meant. */
static char **names(struct seen *s, const char *account, int64_t expired_ms)
{
    int count = 0;
    for (struct one *o = s->oldest; o; o = o->newer)
        count += is_meant(o, account, expired_ms);
    char **list = count ? calloc((size_t)count + 1, sizeof *list) : NULL;
    int at = 0;
    for (struct one *o = s->oldest; o && list; o = o->newer)
        if (is_meant(o, account, expired_ms) && (list[at] = strdup(o->agent)))
            at++;
    return list;
}

static void look_ahead(struct seen *s, int64_t now_ms)
{
    s->next_expiry = 0;
    for (struct one *o = s->oldest; o; o = o->newer)
        if (o->expires > now_ms && (!s->next_expiry || o->expires < s->next_expiry))
            s->next_expiry = o->expires;
}

void seen_each(struct seen *s, const char *account, int64_t expired_ms, seen_fn *each, void *arg)
{
    pthread_mutex_lock(&s->lock);
    bool early = expired_ms && (!s->next_expiry || s->next_expiry > expired_ms);
    char **list = early ? NULL : names(s, account, expired_ms);
    if (expired_ms && !early)
        look_ahead(s, expired_ms);
    pthread_mutex_unlock(&s->lock);
    for (int i = 0; list && list[i]; i++) {
        each(arg, list[i]);
        free(list[i]);
    }
    free(list);
}

void seen_free(struct seen *s)
{
    if (!s)
        return;
    while (s->oldest)
        drop(s, place(s, s->oldest->agent));
    pthread_mutex_destroy(&s->lock);
    free(s);
}
