/* The outfits of a space (table wardrobeOutfits): garments of the same space that go together, in
 * order. A garment that was deleted stays in the list and is shown as gone, until somebody takes it
 * out or it comes back. */
#ifndef MODULES_WARDROBE_OUTFITS_H
#define MODULES_WARDROBE_OUTFITS_H

#include "engine/query.h"
#include "modules/wardrobe/garments.h"

#define OUTFIT_GARMENTS_MAX 16

/* casual work … other, and spring … winter; end with NULL. */
const char *const *outfit_occasions(void);
const char *const *outfit_seasons(void);

/* NULL leaves a field as it is, "" empties it; lists with -1 stay as they are. */
struct outfit_fields {
    const char *name, *description, *occasion, *visibility;
    const char *const *seasons;
    int season_count;
    const char *const *tags;
    int tag_count;
};

/* `garments`: ids of live garments of the space, else NOT_FOUND; the same one twice is once. USAGE
 * without any, with more than OUTFIT_GARMENTS_MAX, without a name. */
int outfits_create(struct raum_handle *h, const struct outfit_fields *fields,
                   const char *const *garments, int count, char id[RAUM_ID_MAX],
                   struct raum_error *error) BASE_CHECK;
/* Puts garments behind the others and takes some out, gone ones too. An outfit keeps at least one
 * (NOT_ALLOWED). `fields` may be empty if there are garments to change. */
struct outfit_change {
    const char *const *add;
    int add_count;
    const char *const *remove; /* NOT_FOUND for one that is not in it */
    int remove_count;
};
int outfits_set(struct raum_handle *h, const char *id, const struct outfit_fields *fields,
                const struct outfit_change *change, struct raum_error *error) BASE_CHECK;
int outfits_favorite(struct raum_handle *h, const char *id, bool on,
                     struct raum_error *error) BASE_CHECK;
int outfits_archive(struct raum_handle *h, const char *id, bool on,
                    struct raum_error *error) BASE_CHECK;
int outfits_delete(struct raum_handle *h, const char *id, struct raum_error *error) BASE_CHECK;
int outfits_restore(struct raum_handle *h, const char *id, struct raum_error *error) BASE_CHECK;
int outfits_find(struct raum_handle *h, const char *id_or_name, char id[RAUM_ID_MAX],
                 struct raum_error *error) BASE_CHECK;

enum outfit_column {
    OUTFIT_ID,
    OUTFIT_NAME,
    OUTFIT_OCCASION,
    OUTFIT_SEASONS,  /* a JSON list */
    OUTFIT_GARMENTS, /* how many, gone ones too */
    OUTFIT_GONE,     /* how many of them are not here any more */
    OUTFIT_FAVORITE,
    OUTFIT_WORN, /* how often, as a whole */
    OUTFIT_LAST, /* the day, or null */
    OUTFIT_TAGS, /* a JSON list */
    OUTFIT_ARCHIVED,
    OUTFIT_CREATED,
    OUTFIT_COLUMNS,
};
/* Favourites first, then the newest. */
struct outfit_filter {
    const char *occasion, *season, *tag; /* NULL: any */
    const char *garment;                 /* an id: those it is in */
    bool favorites;
    enum wardrobe_shelf shelf;
};
int outfits_sql(const struct outfit_filter *filter, struct buf *out,
                struct raum_error *error) BASE_CHECK;
int outfits_query(struct raum_handle *h, const struct outfit_filter *filter,
                  struct raum_query **out, struct raum_error *error) BASE_CHECK;
/* Appends the row as JSON, deleted ones too, with wearCount, lastWornAt, lastTryOn
 * and "garments":[{"id","name","category","gone"}] in order; what is unknown about a gone one is
 * null.
 */
int outfits_json(struct raum_handle *h, const char *id, struct buf *out,
                 struct raum_error *error) BASE_CHECK;

#endif
