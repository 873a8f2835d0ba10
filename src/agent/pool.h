/* The replicas that are known: all asleep but a few. Whoever works in one has it alone; the longest
 * unused ones are put away when others are needed or nobody came for a while. A replica of whom no
 * agent holds any more is wiped as soon as nobody works in it (G-A3). Threads: any. */
#ifndef AGENT_POOL_H
#define AGENT_POOL_H

#include "agent/replica.h"

struct agent_pool;

struct agent_pool_options {
    const struct raum_env *env;
    const struct agent_port *port;
    const char *root; /* folder of all replicas; made if absent */
    int awake_max;    /* 0: 16 */
    int idle_ms;      /* 0: 60 s, then it sleeps */
};

/* Finds what a process before left. What the options point to is lent, but for the root. */
int agent_pool_new(struct agent_pool **out, const struct agent_pool_options *options,
                   struct raum_error *error) BASE_CHECK;
/* Nobody works in any. NULL is fine. */
void agent_pool_free(struct agent_pool *p);

/* The replica of an account and a space, for the caller alone until it is left; known from now on.
 * Waits while others work in it; `stop` (may be NULL) ends the waiting: INTERRUPTED. BUSY: too
 * long. */
int agent_pool_take(struct agent_pool *p, const char *account, const char *space,
                    bool (*stop)(void *arg), void *arg, struct agent_replica **out,
                    struct raum_error *error) BASE_CHECK;
void agent_pool_leave(struct agent_pool *p, struct agent_replica *r);
/* Memberships or agents of the account (NULL: of any) changed: those that no agent may use any more
 * are wiped, at once or when they are left. */
void agent_pool_news(struct agent_pool *p, const char *account);
/* Puts away who was idle too long. Now and then. */
void agent_pool_tick(struct agent_pool *p);

struct agent_pool_counts {
    uint64_t wakes;
    int known, awake;
};
void agent_pool_counts(struct agent_pool *p, struct agent_pool_counts *out);

#endif
