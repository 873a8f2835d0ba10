/* Rate limits in memory: how often a key was seen within a window. Bounded: a table of fixed size,
 * the oldest of a bucket gives way, so that a flood of new keys costs memory for nobody. Knows no
 * route; keys are hashed with a secret of the process and never kept. Several threads. */
#ifndef SERVER_LIMITER_H
#define SERVER_LIMITER_H

#include "base/err.h"
#include <raum/env.h>
#include <stdbool.h>
#include <stdint.h>

struct limiter;

struct limiter_rule {
    int64_t window_ms;
    int most; /* within a window */
};

int limiter_new(struct limiter **out, const struct raum_env *env,
                struct raum_error *error) BASE_CHECK;
void limiter_free(struct limiter *l); /* NULL is fine */
/* Counts one. 0: allowed; else the seconds after which it will be (at least 1). As Better Auth
 * does it: a refused one does not count, an allowed one moves the window. */
int limiter_take(struct limiter *l, const char *kind, const char *key,
                 const struct limiter_rule *rule);
/* A budget that refills steadily: `most` units within a window; takes `amount` of them (at most
 * `most`). 0, or the seconds after which there are enough; nothing is taken then. */
int limiter_spend(struct limiter *l, const char *kind, const char *key,
                  const struct limiter_rule *rule, int amount);
/* Seconds to wait if `most` are there already, without counting. */
int limiter_look(struct limiter *l, const char *kind, const char *key,
                 const struct limiter_rule *rule);
/* Forgets a key: what it counted was mended (a right password after wrong ones). */
void limiter_clear(struct limiter *l, const char *kind, const char *key);

#endif
