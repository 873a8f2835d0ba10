/* Live queries: watched SELECTs, re-run when a table they read has changed or the space was
 * switched, and diffed against what was delivered before: by the row's id and a hash of what it
 * shows. */
#ifndef ENGINE_LIVE_H
#define ENGINE_LIVE_H

#include "engine/fence.h"

#define LIVE_WATCHES_MAX 256
#define LIVE_ROWS_MAX 10000
#define LIVE_PARAMS_MAX 65536 /* bytes */

/* raum_watch_new with values for the statement's parameters: a JSON list of texts, numbers and
 * nulls, copied; NULL for none. USAGE: a value that no parameter takes. */
int live_watch(struct raum_handle *handle, const char *sql, const char *params,
               raum_watch_fn *each, void *arg, struct raum_watch **out,
               struct raum_error *error) BASE_CHECK;

/* Called by scope when a handle's space has changed: nothing of the previous space may be
 * delivered after it. */
void live_switched(struct raum_handle *h);
/* Called by scope when a handle goes away. */
void live_handle_gone(struct raum_handle *h);

#endif
