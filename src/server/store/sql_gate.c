#include "server/store/sql_gate.h"

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

struct waiter {
    pthread_cond_t woken;
    bool mine; /* the gate was handed over */
    struct waiter *next;
};

struct sql_gate {
    dev_t device;
    ino_t file;
    int users;
    bool held;
    struct waiter *first;
    struct sql_gate *next;
};

/* All gates are under one mutex: it is held for a few instructions. */
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static struct sql_gate *gates;

int sql_gate_of(struct sql_gate **out, const char *path, struct raum_error *error)
{
    struct stat s;
    if (stat(path, &s) != 0)
        return err_at(error, "gate", RAUM_EIO, "cannot look at %s: %s", path, strerror(errno));
    pthread_mutex_lock(&mutex);
    struct sql_gate *g = gates;
    while (g && (g->device != s.st_dev || g->file != s.st_ino))
        g = g->next;
    if (!g && (g = calloc(1, sizeof *g))) {
        g->device = s.st_dev;
        g->file = s.st_ino;
        g->next = gates;
        gates = g;
    }
    if (g)
        g->users++;
    pthread_mutex_unlock(&mutex);
    *out = g;
    return g ? 0 : err_set(error, RAUM_ENOMEM, NULL);
}

void sql_gate_release(struct sql_gate *g)
{
    if (!g)
        return;
    pthread_mutex_lock(&mutex);
    if (--g->users == 0) {
        struct sql_gate **at = &gates;
        while (*at != g)
            at = &(*at)->next;
        *at = g->next;
        free(g);
    }
    pthread_mutex_unlock(&mutex);
}

static struct timespec in_ms(int wait_ms)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    t.tv_sec += wait_ms / 1000;
    t.tv_nsec += wait_ms % 1000 * 1000000L;
    if (t.tv_nsec >= 1000000000L) {
        t.tv_sec++;
        t.tv_nsec -= 1000000000L;
    }
    return t;
}

static void wait_for(struct sql_gate *g, int wait_ms, struct waiter *self)
{
    struct timespec until = in_ms(wait_ms);
    pthread_condattr_t kind;
    pthread_condattr_init(&kind);
    pthread_condattr_setclock(&kind, CLOCK_MONOTONIC);
    pthread_cond_init(&self->woken, &kind);
    pthread_condattr_destroy(&kind);
    struct waiter **at = &g->first;
    while (*at)
        at = &(*at)->next;
    *at = self;
    int rc = 0;
    while (!self->mine && rc != ETIMEDOUT)
        rc = pthread_cond_timedwait(&self->woken, &mutex, &until);
    if (!self->mine) { /* still in the queue */
        at = &g->first;
        while (*at != self)
            at = &(*at)->next;
        *at = self->next;
    }
    pthread_cond_destroy(&self->woken);
}

int sql_gate_enter(struct sql_gate *g, int wait_ms, struct raum_error *error)
{
    struct waiter self = {0};
    pthread_mutex_lock(&mutex);
    if (!g->held)
        g->held = self.mine = true;
    else
        wait_for(g, wait_ms, &self);
    pthread_mutex_unlock(&mutex);
    return self.mine ? 0 : err_at(error, "gate", RAUM_EBUSY, "the database is busy; try again");
}

void sql_gate_leave(struct sql_gate *g)
{
    pthread_mutex_lock(&mutex);
    struct waiter *next = g->first;
    if (next) {
        g->first = next->next;
        next->mine = true;
        pthread_cond_signal(&next->woken);
    } else
        g->held = false;
    pthread_mutex_unlock(&mutex);
}
