/* The one writer of a relay on SQLite: pushes of many requests become one transaction, each a
 * savepoint within it, with one fsync for all of them; nobody is told before that (G-O1). While it
 * is at work the next ones gather, so that under load groups grow by themselves and alone a push
 * waits for nothing. It takes its turn at the gate like every other writer of the server
 * (store/sql_gate.h) and holds it for one group only. Knows no HTTP. */
#ifndef SERVER_RELAY_WRITER_H
#define SERVER_RELAY_WRITER_H

#include "server/relay/relay.h"

#define WRITER_JOBS_MAX 512                 /* waiting; more are refused */
#define WRITER_BYTES_MAX ((size_t)96 << 20) /* of their arenas, together */
#define WRITER_GROUP 5000                   /* changes of one transaction, about */

struct relay_writer;

/* One push. The caller's memory, the writer's from submit until `done` is called. */
struct relay_job {
    struct relay_exchange *exchange;
    struct arena *arena;                 /* the exchange's */
    void (*done)(struct relay_job *job); /* on the writer's thread, after the commit */
    void *arg;
    int result; /* as relay_push */
    struct raum_error error;
    size_t bytes; /* the writer's */
    struct relay_job *next;
};

/* Opens a connection of its own to the database (SQLite) and starts the thread. */
int relay_writer_new(struct relay_writer **out, const char *database, const struct raum_env *env,
                     struct raum_error *error) BASE_CHECK;
/* BUSY: too many are waiting; `done` is not called then. Any thread. */
int relay_writer_submit(struct relay_writer *w, struct relay_job *job,
                        struct raum_error *error) BASE_CHECK;
/* Since it was started: transactions, the pushes in them, those refused because too many waited. */
struct relay_writer_counts {
    uint64_t groups, jobs, refused;
    uint32_t waiting;
};
void relay_writer_counts(struct relay_writer *w, struct relay_writer_counts *out);
/* What was submitted is done first. NULL is fine. */
void relay_writer_free(struct relay_writer *w);

#endif
