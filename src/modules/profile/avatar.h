/* The picture of the account: it follows the slots of the personal space and nothing else (G-T11),
 * and an account picture from before Raum becomes the first picture of the pool. Delivering is
 * somebody else's: here the answer is queued as an intent. */
#ifndef MODULES_PROFILE_AVATAR_H
#define MODULES_PROFILE_AVATAR_H

#include "engine/intents.h"
#include "modules/pictures.h"

#define AVATAR_INTENT "account-picture" /* value: media id in the personal space; null: none */

/* Media id of the holder of avatar, else of face-ref, in the personal space; "" if there is none.
 */
int avatar_holder(struct raum *r, char media[RAUM_ID_MAX], struct raum_error *error) BASE_CHECK;
/* Queues the holder if it is another than was queued last. Call after anything that may have
 * changed the slots of the personal space; within the same transaction or after it. */
int avatar_refresh(struct raum *r, struct raum_error *error) BASE_CHECK;

/* Makes the row of the old account picture: once per account, in the personal space, in the avatar
 * slot if that is free; the same on every device, and weaker than any edit. `url`: where it was.
 * bytes NULL: not reachable, the row is a placeholder. *made: false if it was here before (also
 * deleted). */
int avatar_adopt(struct raum *r, struct pictures *p, const char *url, const void *bytes, size_t len,
                 bool *made, struct raum_error *error) BASE_CHECK;

#endif
