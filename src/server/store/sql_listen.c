/* Who listens within this process (SQLite), and which of the two databases it is. */
#include "server/store/sql_driver.h"
#include "server/store/sql_gate.h"

#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#define HELD_MAX 1024 /* notices that wait for one listener; more are a gap */

struct lite_listener {
    struct sql_listener base;
    struct sql_gate *file;
    char *channel;
    int fd; /* readable when something was put into `first` */
    struct sql_said *first, **last;
    int held;
    bool gap;
    struct lite_listener *next;
};

/* All who listen are under one mutex: it is held for a few instructions, and for the copies of a
 * delivery. */
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static struct lite_listener *listeners;

/* ---- what is said */

static struct sql_said *said_new(const char *channel, const char *payload)
{
    size_t a = strlen(channel) + 1, b = strlen(payload) + 1;
    struct sql_said *s = malloc(sizeof *s + a + b);
    if (!s)
        return NULL;
    s->next = NULL;
    s->channel = (char *)(s + 1);
    s->payload = s->channel + a;
    memcpy(s->channel, channel, a);
    memcpy(s->payload, payload, b);
    return s;
}

int sql_say(struct sql_said **list, const char *channel, const char *payload,
            struct raum_error *error)
{
    for (; *list; list = &(*list)->next)
        if (strcmp((*list)->channel, channel) == 0 && strcmp((*list)->payload, payload) == 0)
            return 0;
    *list = said_new(channel, payload);
    return *list ? 0 : err_set(error, RAUM_ENOMEM, NULL);
}

void sql_said_drop(struct sql_said **list)
{
    while (*list) {
        struct sql_said *s = *list;
        *list = s->next;
        free(s);
    }
}

static void hand_over(struct lite_listener *l, const struct sql_said *said)
{
    struct sql_said *copy =
        l->held < HELD_MAX && !l->gap ? said_new(said->channel, said->payload) : NULL;
    if (copy) {
        *l->last = copy;
        l->last = &copy->next;
        l->held++;
    } else { /* what is held tells nothing more than the gap does */
        sql_said_drop(&l->first);
        l->last = &l->first;
        l->held = 0;
        l->gap = true;
    }
    eventfd_write(l->fd, 1);
}

void sql_said_deliver(struct sql_said **list, const struct sql_gate *file)
{
    if (!*list)
        return;
    pthread_mutex_lock(&mutex);
    for (struct lite_listener *l = listeners; l; l = l->next)
        for (const struct sql_said *s = *list; s && l->file == file; s = s->next)
            if (strcmp(s->channel, l->channel) == 0)
                hand_over(l, s);
    pthread_mutex_unlock(&mutex);
    sql_said_drop(list);
}

/* ---- listening */

static bool take_one(struct lite_listener *l, struct sql_notice *out)
{
    pthread_mutex_lock(&mutex);
    struct sql_said *s = l->first;
    if (l->gap)
        out->heard = SQL_HEARD_GAP;
    l->gap = false;
    if (s) {
        l->first = s->next;
        if (!l->first)
            l->last = &l->first;
        l->held--;
        memcpy(l->base.payload, s->payload, strlen(s->payload) + 1); /* sql_notify bounds it */
        *out = (struct sql_notice){SQL_HEARD_NOTICE, l->base.payload};
    }
    if (!l->first) {
        eventfd_t count;
        eventfd_read(l->fd, &count);
    }
    pthread_mutex_unlock(&mutex);
    free(s);
    return out->heard != SQL_HEARD_NOTHING;
}

static int lite_wait(struct sql_listener *base, int wake_fd, int wait_ms, struct sql_notice *out,
                     struct raum_error *error)
{
    struct lite_listener *l = (struct lite_listener *)base;
    struct pollfd fds[] = {{.fd = l->fd, .events = POLLIN}, {.fd = wake_fd, .events = POLLIN}};
    (void)error;
    if (!take_one(l, out) && poll(fds, 2, wait_ms) > 0)
        take_one(l, out);
    return 0;
}

static void lite_release(struct sql_listener *base)
{
    struct lite_listener *l = (struct lite_listener *)base, **at = &listeners;
    pthread_mutex_lock(&mutex);
    while (*at && *at != l)
        at = &(*at)->next;
    if (*at)
        *at = l->next;
    pthread_mutex_unlock(&mutex);
    sql_said_drop(&l->first);
    if (l->fd >= 0)
        close(l->fd);
    sql_gate_release(l->file);
    free(l->channel);
    free(l);
}

int sql_sqlite_listen(struct sql_listener **out, const char *path, const char *channel,
                      struct raum_error *error)
{
    struct lite_listener *l = calloc(1, sizeof *l);
    if (!l)
        return err_set(error, RAUM_ENOMEM, NULL);
    l->base.wait = lite_wait;
    l->base.release = lite_release;
    l->last = &l->first;
    l->channel = strdup(channel);
    l->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    int result = l->channel ? 0 : err_set(error, RAUM_ENOMEM, NULL);
    if (result == 0 && l->fd < 0)
        result = err_at(error, "sql", RAUM_ELIMIT, "too many files are open");
    if (result == 0)
        result = sql_gate_of(&l->file, path, error);
    if (result < 0) {
        lite_release(&l->base);
        return result;
    }
    pthread_mutex_lock(&mutex);
    l->next = listeners;
    listeners = l;
    pthread_mutex_unlock(&mutex);
    *out = &l->base;
    return 0;
}

/* ---- both */

int sql_listen(struct sql_listener **out, const char *url, const char *channel,
               struct raum_error *error)
{
    *out = NULL;
    return sql_url_is_postgres(url) ? sql_postgres_listen(out, url, channel, error)
                                    : sql_sqlite_listen(out, url, channel, error);
}

void sql_listener_free(struct sql_listener *l)
{
    if (l)
        l->release(l);
}

int sql_listener_wait(struct sql_listener *l, int wake_fd, int wait_ms, struct sql_notice *out,
                      struct raum_error *error)
{
    *out = (struct sql_notice){SQL_HEARD_NOTHING, NULL};
    return l->wait(l, wake_fd, wait_ms, out, error);
}
