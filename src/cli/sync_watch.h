/* The conversation of sync/session with the account's server, as commands hold it: clock, network
 * and words are here. */
#ifndef CLI_SYNC_WATCH_H
#define CLI_SYNC_WATCH_H

#include "cli/online.h"
#include "cli/sync_media.h"
#include "sync/session.h"

/* Until there is nothing to do; a server that is away is an error. */
int sync_round(struct cli *cli, struct session *s) BASE_CHECK;
/* Until Ctrl-C: what is written here, by any process, is sent at once; what the server's stream
 * says is merged at once (G-S13). Without a stream the server is asked every two seconds.
 * Pictures travel beside (NULL: none), one small request at a time. */
int sync_watch(struct cli *cli, struct session *s, const struct media_plan *plan) BASE_CHECK;
/* What came of it, in words or as one JSON object. */
void sync_say(struct cli *cli, const struct session_counts *n, const struct media_counts *pictures);

#endif
