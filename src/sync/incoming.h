/* What the server tells this device: changes of the wire merged into the replica, rows withdrawn.
 * Knows neither when nor from whom (sync/session.h). */
#ifndef SYNC_INCOMING_H
#define SYNC_INCOMING_H

#include "engine/replica.h"
#include "sync/wire.h"

struct incoming_report {
    uint32_t merged, same;
    uint32_t unknown; /* of spaces that this device does not know (yet) */
    uint64_t heard;   /* the newest time among them */
};

/* Merges in one transaction: stamps stay as they came, nothing becomes dirty, the clock learns
 * (G-S12: what is unsent here stays so and is merged by the same rule). A change that cannot be
 * read is an error of the server's: CORRUPT, and nothing is taken. */
int incoming_apply(struct raum *r, const struct wire_change *changes, uint32_t count,
                   struct incoming_report *report, struct raum_error *error) BASE_CHECK;
/* Takes a row away that its author made private (G-T9). Not here: no effect. */
int incoming_retract(struct raum *r, const char *space, const char *table, const char *id,
                     struct raum_error *error) BASE_CHECK;

#endif
