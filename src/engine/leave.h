/* Leaving a space: everything of it goes from this device, and what no server has goes to the
 * quarantine first (G-S3). Table `leaving` says how far it is, so that whoever opens the replica
 * next goes on where a crash ended it:
 *
 *     MARKED ──quarantine written──▶ ASIDE ──files and rows erased──▶ ERASED ──log emptied──▶
 * (none) KEPT: hidden, but not erased: a server that came back from a backup does not know it
 *
 * From the mark on no handle reads the space. Knows neither why nor by whom it was left. */
#ifndef ENGINE_LEAVE_H
#define ENGINE_LEAVE_H

#include "engine/replica.h"

#define LEAVE_KEY "sync-left" /* meta: some space was erased since the cursor was new */

struct leave_report {
    const char *name, *slug; /* of the space that is gone */
    int64_t rows, pictures;  /* in the quarantine */
    const char *quarantine;  /* its id; NULL: nothing had to be kept */
    bool traces; /* another process still reads what was before: the log is emptied later */
};
/* Called once for each space, after the commit. */
typedef void leave_tell(void *arg, const struct leave_report *report);

/* Hides it and marks it. `keep`: only hides. Inside a transaction. Marked already: no effect. */
int leave_mark(struct raum *r, uint32_t space, bool keep, struct raum_error *error) BASE_CHECK;
/* Is it marked, or kept? */
int leave_marked(struct raum *r, uint32_t space, bool *out, struct raum_error *error) BASE_CHECK;
/* It was joined again before it was erased. Inside a transaction. */
int leave_unmark(struct raum *r, uint32_t space, struct raum_error *error) BASE_CHECK;
/* Erases what is marked. Outside a transaction. tell NULL: nobody wants to know. A log that cannot
 * be emptied yet is no error. */
int leave_finish(struct raum *r, leave_tell *tell, void *arg, struct raum_error *error) BASE_CHECK;

#endif
