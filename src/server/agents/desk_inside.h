/* What desk.c and its two threads (desk_threads.c) share. */
#ifndef SERVER_AGENTS_DESK_INSIDE_H
#define SERVER_AGENTS_DESK_INSIDE_H

#include "server/agents/desk.h"
#include "server/notice.h"
#include "server/relay/relay.h"
#include <pthread.h>
#include <stdatomic.h>

/* An entry of the log that waits; its texts lie behind it. */
struct desk_line {
    struct agent_call call;
    struct desk_line *next;
};

struct agent_desk {
    struct server *server;
    atomic_bool stopping;

    pthread_mutex_t lock; /* of the seats */
    pthread_cond_t seat_free;
    struct sql *seats[DESK_SEATS_MAX]; /* those that are free */
    int free_count, seat_count;
    int making; /* pictures at this moment */

    pthread_mutex_t news_lock; /* held while the news are told */
    agent_desk_news *news;
    void *news_arg;
    void (*close)(void *arg);
    void *close_arg;
    struct sql_listener *listener;
    struct sql *hear_sql;
    int wake_fd;
    pthread_t hearer;
    bool hearing;

    pthread_mutex_t log_lock; /* of the lines */
    pthread_cond_t log_wanted, log_room;
    struct desk_line *first, **last;
    int line_count;
    struct sql *log_sql;
    pthread_t scribe;
    bool writing;
};

int64_t desk_now(const struct agent_desk *d);
/* Logs an entry with what an exchange wrote, or adds that to the line that it has (entry->stored).
 * In the transaction of the exchange; x->count is 1. */
int desk_log_written(struct sql *sql, struct agent_entry *e, const struct relay_exchange *x,
                     struct raum_error *error) BASE_CHECK;
int desk_wake_new(void); /* a descriptor, or -1 */
void *desk_hear(void *desk);
void *desk_scribe(void *desk);
void desk_stop(struct agent_desk *d); /* both threads; what waits is written */

#endif
