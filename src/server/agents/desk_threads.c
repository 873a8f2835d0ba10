/* The desk's two threads: one hears what may end an agent, one writes the log. */
#define _GNU_SOURCE
#include "server/agents/desk_inside.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#define OUTSIDE_MS 200 /* how often the host's hand beside the server is looked for */
#define AGAIN_MS 1000  /* until a log that could not be written is tried again */
#define ROOM_MS 5000   /* that a caller waits for room in it */
#define GROUP 2000     /* lines of one transaction */

/* ---- hearing ---- */

int desk_wake_new(void)
{
    return eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
}

static void tell(struct agent_desk *d, const char *account)
{
    pthread_mutex_lock(&d->news_lock);
    if (d->news)
        d->news(d->news_arg, account);
    pthread_mutex_unlock(&d->news_lock);
}

/* The end of a session is none of an agent's, but an account that is disabled ends them, too. */
static void heard(struct agent_desk *d, char *payload)
{
    struct notice n;
    if (!notice_read(payload, &n))
        return;
    switch (n.kind) {
    case NOTICE_MEMBERS:
    case NOTICE_ENDED:
    case NOTICE_AGENT:
        tell(d, n.id);
        break;
    case NOTICE_SPACE:
        tell(d, NULL);
        break;
    case NOTICE_WRITTEN: /* a replica asks for that with its next call */
    case NOTICES:
        break;
    }
}

void *desk_hear(void *desk)
{
    struct agent_desk *d = desk;
    int64_t outside = 0, now;
    struct raum_error error = {0};
    (void)!notice_outside_count(d->hear_sql, &outside, &error);
    while (!atomic_load(&d->stopping)) {
        struct sql_notice n = {0};
        int result = sql_listener_wait(d->listener, d->wake_fd, OUTSIDE_MS, &n, &error);
        if (result == 0 && n.heard == SQL_HEARD_GAP)
            tell(d, NULL);
        if (result == 0 && n.heard == SQL_HEARD_NOTICE) {
            char *payload = strdup(n.payload);
            if (payload)
                heard(d, payload);
            else
                tell(d, NULL);
            free(payload);
        }
        if (notice_outside_count(d->hear_sql, &now, &error) == 0 && now != outside) {
            outside = now;
            tell(d, NULL);
        }
    }
    return NULL;
}

/* ---- the log ---- */

static void deadline(struct timespec *t, int ms)
{
    clock_gettime(CLOCK_REALTIME, t);
    t->tv_nsec += (long)(ms % 1000) * 1000000;
    t->tv_sec += ms / 1000 + t->tv_nsec / 1000000000;
    t->tv_nsec %= 1000000000;
}

/* One block: the line and its texts. */
static struct desk_line *line_new(const struct agent_call *c)
{
    const char *const from[] = {c->id,   c->space,  c->agent,   c->account, c->run,
                                c->tool, c->digest, c->outcome, c->writes};
    char *to[sizeof from / sizeof *from];
    size_t count = sizeof from / sizeof *from, size = 0;
    for (size_t i = 0; i < count; i++)
        size += from[i] ? strlen(from[i]) + 1 : 0;
    struct desk_line *l = malloc(sizeof *l + size);
    char *at = (char *)(l + 1);
    if (!l)
        return NULL;
    for (size_t i = 0; i < count; i++) {
        size_t len = from[i] ? strlen(from[i]) + 1 : 0;
        to[i] = from[i] ? memcpy(at, from[i], len) : NULL;
        at += len;
    }
    *l = (struct desk_line){.call = *c};
    l->call.id = to[0];
    l->call.space = to[1];
    l->call.agent = to[2];
    l->call.account = to[3];
    l->call.run = to[4];
    l->call.tool = to[5];
    l->call.digest = to[6];
    l->call.outcome = to[7];
    l->call.writes = to[8];
    return l;
}

int agent_desk_log(struct agent_desk *d, const struct agent_call *call, struct raum_error *error)
{
    struct desk_line *l = line_new(call);
    struct timespec until;
    int waited = 0;
    if (!l)
        return err_set(error, RAUM_ENOMEM, NULL);
    deadline(&until, ROOM_MS);
    pthread_mutex_lock(&d->log_lock);
    while (d->line_count >= DESK_LOG_MAX && waited == 0)
        waited = pthread_cond_timedwait(&d->log_room, &d->log_lock, &until);
    bool full = d->line_count >= DESK_LOG_MAX;
    if (!full) {
        *d->last = l;
        d->last = &l->next;
        d->line_count++;
        pthread_cond_signal(&d->log_wanted);
    }
    pthread_mutex_unlock(&d->log_lock);
    if (full)
        free(l);
    return full ? err_set(error, RAUM_EBUSY, "the log of agents cannot be written") : 0;
}

static int write_lines(struct agent_desk *d, struct desk_line *l, struct raum_error *error)
{
    int result = sql_begin(d->log_sql, error);
    if (result < 0)
        return result;
    for (; l && result == 0; l = l->next)
        result = agents_log_put(d->log_sql, &l->call, error);
    return sql_end(d->log_sql, result, error);
}

static struct desk_line *take_lines(struct agent_desk *d, int *count)
{
    struct desk_line *first = d->first, **at = &d->first;
    for (*count = 0; *at && *count < GROUP; ++*count)
        at = &(*at)->next;
    d->first = *at;
    *at = NULL;
    if (!d->first)
        d->last = &d->first;
    return first;
}

/* In front of all others again. */
static void put_back(struct agent_desk *d, struct desk_line *lines)
{
    struct desk_line **at = &lines;
    while (*at)
        at = &(*at)->next;
    if (!d->first)
        d->last = at;
    *at = d->first;
    d->first = lines;
}

static void rest(struct agent_desk *d, int ms)
{
    struct timespec until;
    deadline(&until, ms);
    while (!atomic_load(&d->stopping) &&
           pthread_cond_timedwait(&d->log_room, &d->log_lock, &until) != ETIMEDOUT)
        ;
}

static void complain(struct agent_desk *d, const struct raum_error *error)
{
    NET_LOG(d->server->options.log, LOG_ERROR, "agents-log",
            {"code", raum_code_name(error->code), 0}, {"text", error->text, 0});
}

/* One that fails for a reason of its own must not keep the others waiting for ever. */
static int write_each(struct agent_desk *d, struct desk_line *lines, struct raum_error *error)
{
    int result = write_lines(d, lines, error);
    if (result == 0 || result == RAUM_EBUSY || result == RAUM_EFULL || result == RAUM_EIO)
        return result;
    for (struct desk_line *l = lines; l; l = l->next) {
        struct desk_line one = {.call = l->call};
        if (write_lines(d, &one, error) < 0)
            complain(d, error);
    }
    return 0;
}

static void free_lines(struct desk_line *l)
{
    while (l) {
        struct desk_line *next = l->next;
        free(l);
        l = next;
    }
}

void *desk_scribe(void *desk)
{
    struct agent_desk *d = desk;
    struct raum_error error = {0};
    pthread_mutex_lock(&d->log_lock);
    for (;;) {
        int count;
        while (!d->first && !atomic_load(&d->stopping))
            pthread_cond_wait(&d->log_wanted, &d->log_lock);
        if (!d->first)
            break;
        rest(d, DESK_LOG_MS); /* more of them come */
        struct desk_line *lines = take_lines(d, &count);
        pthread_mutex_unlock(&d->log_lock);
        int result = write_each(d, lines, &error);
        if (result < 0)
            complain(d, &error);
        pthread_mutex_lock(&d->log_lock);
        if (result < 0 && !atomic_load(&d->stopping)) {
            put_back(d, lines);
            rest(d, AGAIN_MS);
            continue;
        }
        free_lines(lines);
        d->line_count -= count;
        pthread_cond_broadcast(&d->log_room);
    }
    pthread_mutex_unlock(&d->log_lock);
    return NULL;
}

void desk_stop(struct agent_desk *d)
{
    const uint64_t one = 1;
    pthread_mutex_lock(&d->log_lock);
    atomic_store(&d->stopping, true);
    pthread_cond_broadcast(&d->log_wanted);
    pthread_cond_broadcast(&d->log_room);
    pthread_mutex_unlock(&d->log_lock);
    if (d->wake_fd >= 0 && write(d->wake_fd, &one, sizeof one) != sizeof one)
        (void)0; /* it looks by itself within OUTSIDE_MS */
    if (d->hearing)
        pthread_join(d->hearer, NULL);
    if (d->writing)
        pthread_join(d->scribe, NULL);
    if (d->wake_fd >= 0)
        close(d->wake_fd);
    free_lines(d->first);
}
