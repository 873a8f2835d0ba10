/* What the tests of the modules share: a replica with its pictures in a folder of its own, files to
 * add. */
#ifndef TESTS_MODULES_POOL_H
#define TESTS_MODULES_POOL_H

#include "engine/kit.h"
#include "modules/pictures.h"
#include "modules/profile/me_images.h"

struct place {
    char folder[128];
    struct kit_world world;
    struct raum *raum;
    struct raum_handle *home; /* the personal space */
    struct pictures pictures;
};
void place_open(struct place *p, const char *account);
void place_close(struct place *p);
/* Closes and opens again, as a new process would. */
void place_again(struct place *p);

/* The bytes of tests/data/media/NAME; free(). */
void *place_file(const char *name, size_t *len);
/* Adds that file; the id is copied out. The code. */
int place_add(struct place *p, struct raum_handle *h, const char *file, const char *slot,
              char id[RAUM_ID_MAX]);
/* "id id …" of a listing, in its order; lent until the next call. */
const char *place_list(struct raum_handle *h, const struct me_filter *filter);
/* Who holds the slot of this person here; "" if nobody. Lent until the next call. */
const char *place_holder(struct raum_handle *h, const char *person, const char *slot);
/* The media id of a picture, deleted ones too. Lent until the next call. */
const char *place_media(struct raum_handle *h, const char *id);
/* Is there a live file for the media of this space? */
bool place_opens(struct place *p, struct raum_handle *h, const char *media);

#endif
