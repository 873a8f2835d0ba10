/* The garments of a space (table wardrobeGarments): what hangs in the wardrobe, each with one or
 * several photographs. How often and when one was worn is counted from the wear log (wears.h),
 * never stored. All reading goes through the handle: another space's garment is not found. */
#ifndef MODULES_WARDROBE_GARMENTS_H
#define MODULES_WARDROBE_GARMENTS_H

#include "engine/query.h"
#include "modules/pictures.h"

#define GARMENT_PHOTOS_MAX 10
#define GARMENT_CURRENCY "EUR" /* of a price that names none */

/* top bottom dress … other; ends with NULL. Rows of newer versions may hold others. */
const char *const *garment_categories(void);

/* What is written about a garment. NULL leaves a field as it is, "" empties it. */
struct garment_fields {
    const char *name, *category, *brand, *color, *size, *material, *notes;
    const char *purchased; /* YYYY-MM-DD */
    const char *price;     /* as garment_price reads it */
    const char *visibility;
    const char *const *tags; /* anew */
    int tag_count;           /* -1: as they are */
};

/* Reads "49.90", "49,9", "49.90 EUR", "chf 20": hundredths to *cents; currency "" if none is named.
 * USAGE for anything else, below zero included. */
int garment_price(const char *text, int64_t *cents, char currency[4],
                  struct raum_error *error) BASE_CHECK;

/* A new garment from photographs that were prepared (pictures_prepare), the first one its cover:
 * all or nothing. On failure they are settled again. USAGE without a photograph, with more than
 * GARMENT_PHOTOS_MAX or for fields that cannot be. */
int garments_add(struct raum_handle *h, struct pictures *p, const struct garment_fields *fields,
                 const struct media_item *photos, int count, char id[RAUM_ID_MAX],
                 struct raum_error *error) BASE_CHECK;
/* The same from pictures that rows of the space show already: their media ids. NOT_FOUND for one
 * that is not to be seen here. */
int garments_add_shown(struct raum_handle *h, const struct garment_fields *fields,
                       const char *const *media, int count, char id[RAUM_ID_MAX],
                       struct raum_error *error) BASE_CHECK;
/* USAGE if nothing is to be set. */
int garments_set(struct raum_handle *h, const char *id, const struct garment_fields *fields,
                 struct raum_error *error) BASE_CHECK;
int garments_archive(struct raum_handle *h, const char *id, bool on,
                     struct raum_error *error) BASE_CHECK;

/* More photographs behind those it has; as garments_add. */
int garments_photos_add(struct raum_handle *h, struct pictures *p, const char *id,
                        const struct media_item *photos, int count,
                        struct raum_error *error) BASE_CHECK;
/* Lets go of one; its bytes go to the trash, with `forever` away. NOT_ALLOWED for the last one:
 * a garment has a photograph. NOT_FOUND for one that is not the garment's. */
int garments_photo_remove(struct raum_handle *h, struct pictures *p, const char *id,
                          const char *media, bool forever, struct raum_error *error) BASE_CHECK;
/* Makes one of its photographs the first, its cover. */
int garments_photo_first(struct raum_handle *h, const char *id, const char *media,
                         struct raum_error *error) BASE_CHECK;

/* As in the pool: the bytes go to the trash; with `forever` they and what was written about the
 * garment go at once. Outfits and the wear log keep its id and show it as gone. */
int garments_delete(struct raum_handle *h, struct pictures *p, const char *id, bool forever,
                    struct raum_error *error) BASE_CHECK;
/* NOT_FOUND if it was deleted for ever. */
int garments_restore(struct raum_handle *h, struct pictures *p, const char *id,
                     struct raum_error *error) BASE_CHECK;

/* The id of a live garment by id or name; see wardrobe_find. */
int garments_find(struct raum_handle *h, const char *id_or_name, char id[RAUM_ID_MAX],
                  struct raum_error *error) BASE_CHECK;

/* The columns of the queries below, by position. */
enum garment_column {
    GARMENT_ID,
    GARMENT_NAME,
    GARMENT_CATEGORY,
    GARMENT_COLOR,
    GARMENT_BRAND,
    GARMENT_SIZE,
    GARMENT_TAGS,   /* a JSON list */
    GARMENT_PHOTOS, /* how many */
    GARMENT_WORN,   /* how often */
    GARMENT_LAST,   /* the day it was last worn, or null */
    GARMENT_ARCHIVED,
    GARMENT_CREATED,
    GARMENT_COLUMNS,
};
enum wardrobe_shelf { SHELF_IN_USE, SHELF_ARCHIVED, SHELF_ALL };
/* Newest first. NULL: all. */
struct garment_filter {
    const char *category; /* one of garment_categories, or USAGE */
    const char *tag;      /* has this tag, whatever its case */
    enum wardrobe_shelf shelf;
};
/* SQL for behind the fence (raum_watch_new). */
int garments_sql(const struct garment_filter *filter, struct buf *out,
                 struct raum_error *error) BASE_CHECK;
int garments_query(struct raum_handle *h, const struct garment_filter *filter,
                   struct raum_query **out, struct raum_error *error) BASE_CHECK;
/* Appends the row as JSON, deleted ones too, with wearCount and lastWornAt. */
int garments_json(struct raum_handle *h, const char *id, struct buf *out,
                  struct raum_error *error) BASE_CHECK;

#endif
