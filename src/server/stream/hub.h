/* The hub: every open stream of this node (docs/sync.md). It hears notices (server/notice.h), reads
 * what was written once, encodes it once, and hands it to all who are subscribed to the partition.
 * Who may see what is asked of a table of memberships in memory, kept true by notices; a notice is
 * only a reason to look into the database.
 *
 *     worker: session, space, limits → hub_open → the hub's thread: ready → catching up ⇄ live
 *
 * A stream has a position in each partition of its account. Live is who stands exactly where a
 * write began; everybody else reads from his position on, page by page as fast as he reads, between
 * two writes. So there is neither gap nor double (G-S2), a slow reader costs no more than what
 * waits for it, and a write that no stream waits for is not even read. Knows nothing of sessions
 * but their row, and no route. */
#ifndef SERVER_STREAM_HUB_H
#define SERVER_STREAM_HUB_H

#include "net/http.h"
#include <raum/env.h>

struct hub;

struct hub_options {
    const char *database; /* as for sql_open */
    const struct raum_env *env;
    struct net_log *log; /* NULL: none */
    int heartbeat_ms;    /* 0: 30 s */
    int stuck_ms;        /* 0: 60 s without a byte read by one for whom bytes wait: it is closed */
    int streams_max;     /* 0: 15,000 */
    int account_max;     /* 0: 100 of one account */
};

/* Who opens a stream; texts are copied. */
struct hub_asker {
    const char *account;
    /* Its id: when the row is gone or over, the stream is closed. NULL: none of ours. */
    const char *session;
    const char *client;  /* X-Client-Id; NULL: it is sent its own changes, too */
    const char *since;   /* cursor; NULL: from the start */
    const char *space;   /* the only partition; NULL: all of the account */
};

/* Starts its thread, with connections of its own. */
int hub_new(struct hub **out, const struct hub_options *options,
            struct raum_error *error) BASE_CHECK;
/* After the HTTP server has stopped; NULL is fine. */
void hub_free(struct hub *h);
/* Answers the request with a stream. RATE_LIMITED: too many of this account; BUSY: too many. */
int hub_open(struct hub *h, struct http_request *q, const struct hub_asker *who,
             struct raum_error *error) BASE_CHECK;

#endif
