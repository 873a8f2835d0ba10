/* The pool of a space: its pictures of people, their slots, their consent (G-T4, G-T10, G-T12). All
 * reading goes through the handle, so an empty pool is empty: nothing is ever borrowed from another
 * space. Knows the tables meImages and meSlots, and that a picture has bytes; rights are the write
 * path's. */
#ifndef MODULES_PROFILE_ME_IMAGES_H
#define MODULES_PROFILE_ME_IMAGES_H

#include "engine/query.h"
#include "modules/pictures.h"

#define ME_LEGACY "legacy-avatar:" /* prefix of the media id of an adopted account picture */

extern const char *const me_kinds[]; /* face fullbody halfbody hands reference; ends with NULL */
extern const char *const me_slots[]; /* avatar face-ref body-ref; ends with NULL */

/* The columns of every query below, by position. */
enum me_column {
    ME_ID,
    ME_KIND,
    ME_LABEL,
    ME_TAGS,
    ME_SLOTS,
    ME_CONSENT,
    ME_WIDTH,
    ME_HEIGHT,
    ME_CREATED,
    ME_UPDATED,
    ME_VISIBILITY,
    ME_SUBJECT,
    ME_AUTHOR,
    ME_MEDIA,
    ME_COLUMNS,
};

/* The four queries, newest first. NULL filters: all. `tags` is a JSON list; `slots` a bit for each
 * of me_slots, null for none. */
struct me_filter {
    const char *kind;   /* one of me_kinds */
    const char *slot;   /* the holder of this slot … */
    const char *person; /* … of this person; NULL: the account's own */
    bool reference;     /* only pictures that AI may use: consent on, and real bytes */
};
int me_images_query(struct raum_handle *h, const struct me_filter *filter, struct raum_query **out,
                    struct raum_error *error) BASE_CHECK;
/* The same as SQL for behind the fence (raum_watch_new). USAGE for a kind or slot that is none. */
int me_images_sql(const struct raum_handle *h, const struct me_filter *filter, struct buf *out,
                  struct raum_error *error) BASE_CHECK;

struct me_new {
    const void *data; /* the file's bytes */
    size_t len;
    const char *kind;  /* NULL: by the slot (face, fullbody), else reference */
    const char *label; /* NULL: none */
    const char *const *tags;
    int tag_count;
    const char *slot; /* claimed for the account; the former holder stays in the pool. NULL: none */
    bool consent;
    bool is_private;
};
/* The kind it will have. */
const char *me_images_kind(const struct me_new *add);
/* Takes a picture into the handle's space. All or nothing: row, slot, reference and bytes. */
int me_images_add(struct raum_handle *h, struct pictures *p, const struct me_new *add,
                  char id[RAUM_ID_MAX], struct media_item *item,
                  struct raum_error *error) BASE_CHECK;

/* Deletes: the account's slots that it holds become empty in the same transaction, its bytes go to
 * the trash. With `forever` the bytes and what was written about it go at once; works on an already
 * deleted one too. */
int me_images_delete(struct raum_handle *h, struct pictures *p, const char *id, bool forever,
                     struct raum_error *error) BASE_CHECK;
/* NOT_FOUND if its bytes are gone for ever. Slots stay as they are. */
int me_images_restore(struct raum_handle *h, struct pictures *p, const char *id,
                      struct raum_error *error) BASE_CHECK;
/* Another space gets a picture of its own with the same bytes. Both handles of one replica. The
 * person in the picture stays; consent does not travel unless asked for, and then only by that
 * person. */
int me_images_copy(struct raum_handle *from, struct raum_handle *to, struct pictures *p,
                   const char *id, bool consent, char new_id[RAUM_ID_MAX],
                   struct raum_error *error) BASE_CHECK;

/* The account's slot in the handle's space gets this picture. */
int me_slots_claim(struct raum_handle *h, const char *slot, const char *image,
                   struct raum_error *error) BASE_CHECK;
/* Empties the account's slot; nothing there: fine. */
int me_slots_release(struct raum_handle *h, const char *slot, struct raum_error *error) BASE_CHECK;
/* Empties whichever of the account's slots hold this picture. */
int me_slots_release_image(struct raum_handle *h, const char *image,
                           struct raum_error *error) BASE_CHECK;
/* Consent to use by AI. NOT_ALLOWED to switch it on for somebody else's picture, or for a legacy
 * picture. */
int me_images_consent(struct raum_handle *h, const char *id, bool on,
                      struct raum_error *error) BASE_CHECK;

#endif
