/* What generation costs a space, and what is kept about it: one row each, written before anything
 * is asked of a provider and closed with what became of it (G-P6). Counts and names, never a word
 * of a prompt. Knows no provider and no picture's bytes. */
#ifndef SERVER_GENERATE_LEDGER_H
#define SERVER_GENERATE_LEDGER_H

#include "server/store/sql.h"

#define LEDGER_UNITS INT64_C(3000) /* of a space, unless the host says other */
#define LEDGER_WINDOW_MS (INT64_C(30) * 24 * 3600 * 1000) /* within so long */
#define LEDGER_KEEP_MS (INT64_C(365) * 24 * 3600 * 1000)
#define LEDGER_LOST_MS (INT64_C(15) * 60 * 1000) /* nothing takes so long */

struct ledger_entry {
    const char *id, *space, *account, *agent;        /* agent NULL: the person's own hand */
    const char *model, *refs, *size, *quality, *row; /* refs, row: JSON */
    int wanted;
    int64_t units; /* that it takes if all of it is delivered */
};
/* Takes the units out of the space's allowance, in a transaction of its own. LIMIT: there are not
 * so many left. */
int ledger_reserve(struct sql *c, const struct ledger_entry *e, int64_t usual, int64_t now,
                   struct raum_error *error) BASE_CHECK;
/* Delivered: `units` are what counts now. */
int ledger_deliver(struct sql *c, const char *id, const char *model, int made, int64_t units,
                   int64_t now, struct raum_error *error) BASE_CHECK;
/* Nothing was: all units go back. outcome: the code's name. */
int ledger_release(struct sql *c, const char *id, const char *outcome, int64_t now,
                   struct raum_error *error) BASE_CHECK;
/* Units that a space may still use. */
int ledger_left(struct sql *c, const char *space, int64_t usual, int64_t now, int64_t *left,
                struct raum_error *error) BASE_CHECK;
/* units < 0: as the server's usual one again. */
int ledger_set(struct sql *c, const char *space, int64_t units,
               struct raum_error *error) BASE_CHECK;
/* Gives back what a server that was killed had reserved; forgets what is older than a year. */
int ledger_sweep(struct sql *c, int64_t now, struct raum_error *error) BASE_CHECK;

#endif
