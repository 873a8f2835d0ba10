/* Live queries: watched SELECTs, re-run when a table they read has changed or the space was
 * switched, and diffed against what was delivered before: by the row's id and a hash of what it
 * shows. */
#ifndef ENGINE_LIVE_H
#define ENGINE_LIVE_H

#include "engine/fence.h"

#define LIVE_WATCHES_MAX 256
#define LIVE_ROWS_MAX 10000

/* Called by scope when a handle's space has changed: nothing of the previous space may be
 * delivered after it. */
void live_switched(struct raum_handle *h);
/* Called by scope when a handle goes away. */
void live_handle_gone(struct raum_handle *h);

#endif
