/* Pictures that agents have made: on the caller's thread, by a connection of its own, so that
 * nobody else waits for a seat meanwhile. */
#include "server/agents/desk_inside.h"
#include "server/generate/generate.h"
#include "server/routes/routes.h"
#include <stdio.h>

struct making {
    struct agent_desk *desk;
    struct agent_entry *entry;
    const struct generate_request *asked;
};

static bool is_over(void *arg)
{
    const struct making *m = arg;
    return m->asked->stop && m->asked->stop(m->asked->arg);
}

static int written(void *arg, struct sql *c, const struct relay_exchange *x,
                   struct raum_error *error)
{
    struct making *m = arg;
    m->entry->call.took = desk_now(m->desk) - m->entry->call.created;
    int result = desk_log_written(c, m->entry, x, error);
    m->entry->stored = m->entry->stored || result == 0;
    return result;
}

static int take_turn(struct agent_desk *d, const char *account, struct raum_error *error)
{
    int wait = generate_wait(d->server, account);
    if (wait)
        return err_set(error, RAUM_ERATE_LIMITED, "too many pictures; again in %d seconds", wait);
    pthread_mutex_lock(&d->lock);
    bool room = d->making < DESK_MAKING_MAX;
    d->making += room;
    pthread_mutex_unlock(&d->lock);
    return room ? 0
                : err_set(error, RAUM_EBUSY, "other agents' pictures are being made: try again");
}

static void leave_turn(struct agent_desk *d)
{
    pthread_mutex_lock(&d->lock);
    d->making--;
    pthread_mutex_unlock(&d->lock);
}

int agent_desk_generate(struct agent_desk *d, const struct generate_request *request,
                        struct agent_entry *entry, struct generate_answer *out,
                        struct raum_error *error)
{
    struct making m = {d, entry, request};
    struct generate_request q = *request;
    struct sql *sql = NULL;
    *out = (struct generate_answer){.count = 0};
    int result = take_turn(d, q.account, error);
    if (result)
        return result;
    q.stop = is_over;
    q.written = written;
    q.arg = &m;
    result = sql_open(&sql, d->server->database, d->server->env, error);
    if (result == 0)
        result = generate_run(d->server->generator, sql, &q, out, error);
    if (out->count == 0) /* what was noted of it was undone with it */
        entry->stored = false;
    sql_close(sql);
    leave_turn(d);
    return result;
}
