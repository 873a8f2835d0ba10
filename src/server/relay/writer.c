#include "server/relay/writer.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>

/* Pages of the log. Moving it into the file costs as much as writing it, so another thread does
 * that, every LOG_STEP; what came meanwhile is moved by the writer itself once it is LOG_LONG,
 * which is little then, and the log begins anew. */
#ifndef LOG_STEP /* the test has smaller ones */
#define LOG_STEP 8000
#define LOG_LONG 24000
#endif

struct relay_writer {
    struct sql *sql, *tidier_sql;
    struct relay *relay;
    pthread_t thread, tidier;
    int tidied_at;        /* pages when the tidier was last sent; the writer's own */
    pthread_mutex_t lock; /* of the following */
    pthread_cond_t wanted, tidy_wanted;
    enum { TIDIER_IDLE, TIDIER_SENT, TIDIER_DONE } tidying;
    struct relay_job *first, **last;
    uint32_t count;
    size_t bytes;
    struct relay_writer_counts counts;
    bool closed;
};

static int push(struct relay_writer *w, struct relay_job *job, struct raum_error *error)
{
    int result = sql_part_begin(w->sql, error);
    if (result < 0)
        return result;
    result = relay_exchange_push(w->relay, job->exchange, job->arena, error);
    return sql_part_end(w->sql, result, error);
}

/* The jobs from `first` up to `end` in one transaction; each has its own result if 0 is returned,
 * else nothing was written: *begun says whether the database could be had at all. */
static int write_some(struct relay_writer *w, struct relay_job *first, const struct relay_job *end,
                      bool *begun, struct raum_error *error)
{
    int result = sql_begin(w->sql, error);
    *begun = result == 0;
    if (result < 0)
        return result;
    for (struct relay_job *job = first; job != end; job = job->next) {
        job->error = (struct raum_error){0};
        job->result = push(w, job, &job->error);
        if (job->result < 0) /* what it named is undone */
            relay_forget(w->relay);
    }
    result = sql_end(w->sql, 0, error);
    if (result < 0)
        relay_forget(w->relay);
    return result;
}

static void write_group(struct relay_writer *w, struct relay_job *first)
{
    struct raum_error error = {0};
    bool begun;
    int result = write_some(w, first, NULL, &begun, &error);
    for (struct relay_job *job = first; result < 0 && job; job = job->next) {
        int own = begun ? write_some(w, job, job->next, &begun, &error) : result;
        if (own < 0) { /* one may have spoilt it for all: then the others go through alone */
            job->result = own;
            job->error = error;
        }
    }
}

/* The next ones to be written together; at least one. */
static struct relay_job *take_group(struct relay_writer *w, uint32_t *count, size_t *bytes)
{
    struct relay_job *first = w->first, *last = first;
    uint32_t changes = first->exchange->request.count;
    *count = 1;
    *bytes = first->bytes;
    while (last->next && changes + last->next->exchange->request.count <= WRITER_GROUP) {
        last = last->next;
        changes += last->exchange->request.count;
        *bytes += last->bytes;
        ++*count;
    }
    w->first = last->next;
    if (!w->first)
        w->last = &w->first;
    last->next = NULL;
    return first;
}

/* A log that cannot be moved now is tried again after the next group: it is no failure of theirs.
 */
static void *run_tidier(void *arg)
{
    struct relay_writer *w = arg;
    pthread_mutex_lock(&w->lock);
    for (;;) {
        while (w->tidying != TIDIER_SENT && !w->closed)
            pthread_cond_wait(&w->tidy_wanted, &w->lock);
        if (w->closed)
            break;
        pthread_mutex_unlock(&w->lock);
        int result = sql_tidy_log(w->tidier_sql, NULL);
        pthread_mutex_lock(&w->lock);
        w->tidying = result == 0 ? TIDIER_DONE : TIDIER_IDLE;
    }
    pthread_mutex_unlock(&w->lock);
    return NULL;
}

static void watch_log(struct relay_writer *w)
{
    int pages = sql_log_pages(w->sql);
    if (pages < w->tidied_at) /* it has begun anew */
        w->tidied_at = 0;
    pthread_mutex_lock(&w->lock);
    bool finish = w->tidying == TIDIER_DONE && pages >= LOG_LONG;
    if (w->tidying == TIDIER_DONE)
        w->tidying = TIDIER_IDLE;
    if (w->tidying == TIDIER_IDLE && pages - w->tidied_at >= LOG_STEP) {
        w->tidying = TIDIER_SENT;
        w->tidied_at = pages;
        pthread_cond_signal(&w->tidy_wanted);
    }
    pthread_mutex_unlock(&w->lock);
    int result = finish ? sql_tidy_log(w->sql, NULL) : 0;
    (void)result; /* as the tidier's */
}

static void *run(void *arg)
{
    struct relay_writer *w = arg;
    pthread_mutex_lock(&w->lock);
    for (;;) {
        uint32_t count;
        size_t bytes;
        while (!w->first && !w->closed)
            pthread_cond_wait(&w->wanted, &w->lock);
        if (!w->first)
            break;
        struct relay_job *job = take_group(w, &count, &bytes);
        pthread_mutex_unlock(&w->lock);
        write_group(w, job);
        pthread_mutex_lock(&w->lock);
        w->count -= count;
        w->bytes -= bytes;
        w->counts.groups++;
        w->counts.jobs += count;
        pthread_mutex_unlock(&w->lock);
        while (job) { /* it is its owner's as soon as it is told */
            struct relay_job *next = job->next;
            job->done(job);
            job = next;
        }
        watch_log(w);
        pthread_mutex_lock(&w->lock);
    }
    pthread_mutex_unlock(&w->lock);
    return NULL;
}

static void stop(struct relay_writer *w, pthread_t thread)
{
    pthread_mutex_lock(&w->lock);
    w->closed = true;
    pthread_cond_signal(&w->wanted);
    pthread_cond_signal(&w->tidy_wanted);
    pthread_mutex_unlock(&w->lock);
    pthread_join(thread, NULL);
}

/* They take no signals: those belong to whoever called us. */
static int start(struct relay_writer *w, struct raum_error *error)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int failed = pthread_create(&w->tidier, NULL, run_tidier, w);
    if (!failed) {
        failed = pthread_create(&w->thread, NULL, run, w);
        if (failed)
            stop(w, w->tidier);
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return failed ? err_set(error, RAUM_ENOMEM, "no thread can be started") : 0;
}

static void dispose(struct relay_writer *w)
{
    relay_free(w->relay);
    sql_close(w->sql);
    sql_close(w->tidier_sql);
    pthread_cond_destroy(&w->tidy_wanted);
    pthread_cond_destroy(&w->wanted);
    pthread_mutex_destroy(&w->lock);
    free(w);
}

int relay_writer_new(struct relay_writer **out, const char *database, const struct raum_env *env,
                     struct raum_error *error)
{
    struct relay_writer *w = calloc(1, sizeof *w);
    *out = NULL;
    if (!w)
        return err_set(error, RAUM_ENOMEM, NULL);
    w->last = &w->first;
    pthread_mutex_init(&w->lock, NULL);
    pthread_cond_init(&w->wanted, NULL);
    pthread_cond_init(&w->tidy_wanted, NULL);
    int result = sql_open(&w->sql, database, env, error);
    if (result == 0)
        result = sql_open(&w->tidier_sql, database, env, error);
    if (result == 0)
        result = sql_writes_most(w->sql, error);
    if (result == 0)
        result = relay_new(&w->relay, w->sql, env, error);
    if (result == 0)
        result = start(w, error);
    if (result < 0)
        dispose(w);
    else
        *out = w;
    return result;
}

int relay_writer_submit(struct relay_writer *w, struct relay_job *job, struct raum_error *error)
{
    job->bytes = job->arena->used;
    job->next = NULL;
    pthread_mutex_lock(&w->lock);
    bool full =
        w->count >= WRITER_JOBS_MAX || (w->count && w->bytes + job->bytes > WRITER_BYTES_MAX);
    if (!full) {
        *w->last = job;
        w->last = &job->next;
        w->count++;
        w->bytes += job->bytes;
        pthread_cond_signal(&w->wanted);
    }
    w->counts.refused += full;
    pthread_mutex_unlock(&w->lock);
    return full ? err_at(error, "relay", RAUM_EBUSY, "too much is waiting to be written") : 0;
}

void relay_writer_counts(struct relay_writer *w, struct relay_writer_counts *out)
{
    pthread_mutex_lock(&w->lock);
    *out = w->counts;
    out->waiting = w->count;
    pthread_mutex_unlock(&w->lock);
}

void relay_writer_free(struct relay_writer *w)
{
    if (!w)
        return;
    stop(w, w->thread);
    pthread_join(w->tidier, NULL);
    dispose(w);
}
