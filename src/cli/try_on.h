/* The two ways in which `raum try-on` gets its picture: from the account's server, or as a collage
 * on this device. Both end with the picture in the media store and its row in the space. */
#ifndef CLI_TRY_ON_H
#define CLI_TRY_ON_H

#include "cli/pool.h"
#include "modules/picture/generator.h"
#include "modules/wardrobe/try_on.h"

#define TRY_ON_FILE_MAX ((size_t)64 << 20)

struct tried {
    struct picture_answer answer;
    void *data; /* bytes of the first; free() */
    size_t len;
};

/* The port over HTTP: what is new here is told first, so that the server knows row and consent.
 * ctx: struct cli, online. */
int try_on_ask(void *ctx, const struct picture_order *order, struct picture_answer *out,
               struct raum_error *error);
/* Sends rows and pictures, asks, writes the prompt where only this account can read it, and fetches
 * what was made; of the first the bytes. The command is online. Ctrl-C ends it at once, and so does
 * `stop` (may be NULL): INTERRUPTED. */
int try_on_server(struct cli *cli, struct pool *pool, const struct picture_order *order,
                  bool (*stop)(void *arg), void *arg, struct tried *out) BASE_CHECK;
/* Nothing leaves the device. */
int try_on_here(struct cli *cli, struct pool *pool, const struct picture_order *order,
                const struct try_on *t, struct tried *out) BASE_CHECK;

#endif
