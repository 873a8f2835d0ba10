/* Pictures on their way, as commands hold them: the requests of sync/media go through the account's
 * server, between those of the rows. */
#ifndef CLI_SYNC_MEDIA_H
#define CLI_SYNC_MEDIA_H

#include "cli/cli.h"
#include "cli/pool.h"
#include "sync/media.h"

struct sync_media {
    struct cli *cli;
    struct pool pool;
    struct media_sync *sync;
    int64_t until;    /* nothing to do before */
    bool idle, waits; /* waits: the server is away, or asked for patience */
};

/* cli->raum is open. Nothing is asked yet. */
int sync_media_open(struct sync_media *s, struct cli *cli,
                    const struct media_plan *plan) BASE_CHECK;
void sync_media_close(struct sync_media *s);
/* One request, or nothing: then s->idle. NOT_ALLOWED when the session is over. */
int sync_media_turn(struct sync_media *s) BASE_CHECK;
/* Until nothing is due. UNREACHABLE when the server answers no more. */
int sync_media_round(struct sync_media *s) BASE_CHECK;

/* `raum sync --media all|thumbs|none`. USAGE. */
int sync_media_plan(struct cli *cli, struct media_plan *out, bool *none) BASE_CHECK;

/* The original of one picture, if it is not here and the account has a server. What cannot be had
 * is said by whoever needs the file. */
int sync_media_fetch(struct cli *cli, uint32_t space, const char *media) BASE_CHECK;
/* All originals of a space (0: of all) that are not here. A server that is away is no error. */
int sync_media_fetch_all(struct cli *cli, uint32_t space) BASE_CHECK;

/* What of a row's picture is here: "original", "thumb"; NULL: nothing yet. */
const char *sync_media_here(struct cli *cli, uint32_t space, const char *media);

#endif
