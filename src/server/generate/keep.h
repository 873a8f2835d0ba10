/* What a provider delivered, on its way to being a picture of the space: first a file and a row of
 * `generated`, in the transaction that charges for it; then a picture and a row of `images`; then
 * both go. Whatever ends this in between, the next sweep goes on, so that what was paid for is not
 * lost (G-P6). Knows no provider.
 *
 *     FOLDER/generated/<media id>    a picture as it came
 *     FOLDER/generated/<id>.room     room that is held while a provider is at work */
#ifndef SERVER_GENERATE_KEEP_H
#define SERVER_GENERATE_KEEP_H

#include "base/id.h"
#include "server/generate/provider.h"
#include "server/media/media.h"
#include "server/relay/relay.h"

#define KEEP_ROOM ((int64_t)8 << 20) /* bytes that are held for each picture */

struct keep {
    const struct raum_env *env;
    struct media *media;
    char *folder; /* owned */
};
struct kept {
    char id[ID_TEXT], media[ID_TEXT]; /* of the row, of the picture */
};

int keep_open(struct keep *k, const struct raum_env *env, struct media *media, const char *folder,
              struct raum_error *error) BASE_CHECK;
void keep_close(struct keep *k);
/* Makes sure that n pictures will find room. FULL. */
int keep_hold(struct keep *k, const char *generation, int n, struct raum_error *error) BASE_CHECK;
void keep_let_go(struct keep *k, const char *generation);
/* Files, rows and the charge. `out` has room for results->count; the ids are made here. */
int keep_deliver(struct keep *k, struct sql *c, const char *generation, struct results *results,
                 int64_t units, struct kept *out, struct raum_error *error) BASE_CHECK;
/* Called in the transaction that writes the row, with what was pushed. */
typedef int keep_written(void *arg, struct sql *c, const struct relay_exchange *x,
                         struct raum_error *error);
/* Makes a picture and a row of one that was delivered. NOT_FOUND: whoever asked for it is no member
 * any more, and it is dropped. `written` may be NULL. */
int keep_finish(struct keep *k, struct sql *c, struct relay *relay, const char *media,
                keep_written *written, void *arg, struct raum_error *error) BASE_CHECK;
/* Finishes what was left lying. Goes on behind what fails. */
int keep_sweep(struct keep *k, struct sql *c, struct raum_error *error) BASE_CHECK;

#endif
