/* What a server says about this account's spaces becomes true here: sentinels and offline-made
 * spaces become real (G-U4), names, slugs and roles follow, spaces that one is not in any more are
 * hidden. One transaction, and again has no effect. Knows nothing of how it was asked. */
#ifndef ENGINE_RECONCILE_H
#define ENGINE_RECONCILE_H

#include "engine/replica.h"

struct reconcile_space { /* one that the server says the account is in */
    const char *id, *slug, *name;
    int type, role;
};
struct reconcile_made { /* what an offline-made space became there */
    const char *local, *id, *slug;
};
enum reconcile_event {
    RECONCILE_JOINED, /* was not here before */
    RECONCILE_LEFT,   /* not a member any more: hidden, and marked to be erased (engine/leave.h) */
    RECONCILE_KEPT,   /* a server that came back from a backup does not know it: only hidden */
    RECONCILE_SLUG,   /* an offline-made space got another slug: `before` */
};
/* Called after the commit; the space is lent for the call. */
typedef void reconcile_tell(void *arg, enum reconcile_event event, const struct space *space,
                            const char *before);

#define RECONCILE_EPOCH "spaces-epoch" /* meta: the epoch of the last list */

/* epoch: of the server's database as it gave the list, NULL if it did not say. If it is another
 * than that of the list before, the server has lost what came after its backup: what it does not
 * know is not erased (G-O4). Follow with leave_finish. CORRUPT: the server's personal space is
 * another one than this replica's, or a space's type changed. */
int reconcile_spaces(struct raum *r, const struct reconcile_space *list, unsigned count,
                     const struct reconcile_made *made, unsigned made_count, const char *epoch,
                     reconcile_tell *tell, void *arg, struct raum_error *error) BASE_CHECK;

#endif
