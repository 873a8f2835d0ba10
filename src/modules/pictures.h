/* A space's pictures: bytes in the media store joined to references in the replica, so that the two
 * always agree. One rule, kept by pictures_settle: the file of a hash is live while any space has a
 * live reference, in the trash while there are only deleted ones, and gone when there is none
 * (G-P4, G-P7). Knows no table of the contract; the modules say what a picture is for. */
#ifndef MODULES_PICTURES_H
#define MODULES_PICTURES_H

#include "engine/media_refs.h"
#include "engine/scope.h"
#include "media/store.h"

struct pictures {
    struct raum *raum;
    struct media_store *store;           /* owned */
    const struct media_resizer *resizer; /* lent; NULL: no variants are made */
};

/* The store lies in the account's folder. Makes nothing yet. */
int pictures_open(struct pictures *p, struct raum *r, const struct media_resizer *resizer,
                  struct raum_error *error) BASE_CHECK;
void pictures_close(struct pictures *p);

/* The long part of taking a picture in: checks, cleans, resizes, stores. Outside a transaction, so
 * that nobody waits for it. Follow with pictures_add in one; if that does not happen,
 * pictures_settle takes it away again. */
int pictures_prepare(struct pictures *p, const void *data, size_t len, struct media_item *item,
                     struct raum_error *error) BASE_CHECK;
/* Within a transaction: makes sure that the prepared bytes are still there and refers to them from
 * the space. `id` receives a new one unless it holds one already. */
int pictures_add(struct pictures *p, uint32_t space, const char *purpose, const void *data,
                 size_t len, char id[RAUM_ID_MAX], struct media_item *item,
                 struct raum_error *error) BASE_CHECK;
/* The same for one that was prepared and whose bytes the caller has not kept. BUSY if they are gone
 * again. */
int pictures_refer(struct pictures *p, uint32_t space, const char *purpose,
                   const struct media_item *item, char id[RAUM_ID_MAX],
                   struct raum_error *error) BASE_CHECK;
/* Within a transaction: refers from another space to the same bytes; the new id goes to `id`. The
 * caller has checked the right to read at this moment. NOT_FOUND if the original is not here. */
int pictures_share(struct pictures *p, const struct media_ref *ref, uint32_t space,
                   char id[RAUM_ID_MAX], struct raum_error *error) BASE_CHECK;
/* Makes the rule true for a hash. In a transaction of its own, or within one (restoring: before the
 * commit). */
int pictures_settle(struct pictures *p, const char *hash, struct raum_error *error) BASE_CHECK;
/* The rule for every file and every reference, and the end of what lay in the trash for 30 days. */
int pictures_sweep(struct pictures *p, struct raum_error *error) BASE_CHECK;
/* Looks only: files that are not as the rule says, references whose bytes are not on this device,
 * and with `deep` originals whose bytes are no longer those of their hash. */
struct pictures_state {
    int64_t files, odd, missing, damaged;
};
int pictures_check(struct pictures *p, bool deep, struct pictures_state *state,
                   struct raum_error *error) BASE_CHECK;
/* Sweeps if the last time is a day ago. */
int pictures_tidy(struct pictures *p, struct raum_error *error) BASE_CHECK;
/* Where the picture of a space lies. NOT_FOUND alike for foreign, deleted and never there (G-P2).
 */
int pictures_path(struct pictures *p, uint32_t space, const char *id, enum media_variant variant,
                  char path[MEDIA_PATH_MAX], struct raum_error *error) BASE_CHECK;
int pictures_read(struct pictures *p, uint32_t space, const char *id, enum media_variant variant,
                  void **data, size_t *len, enum media_type *type,
                  struct raum_error *error) BASE_CHECK;

#endif
