/* The wear log of a space (table wardrobeWears): a row each time something was worn, so that what
 * two devices write adds up. What was worn is not changed by what happens later: wearing an outfit
 * is one row for the outfit and, in the same transaction, one for each of its garments that is
 * there, which names both; an outfit that is put together anew afterwards keeps its past. */
#ifndef MODULES_WARDROBE_WEARS_H
#define MODULES_WARDROBE_WEARS_H

#include "engine/query.h"

/* `day`: YYYY-MM-DD; USAGE if it is none, or has not begun anywhere on earth. The garment or outfit
 * is a live one of the space, or NOT_FOUND. What was private stays so. `id`: the row's, of an
 * outfit its own. */
int wears_garment(struct raum_handle *h, const char *garment, const char *day, char id[RAUM_ID_MAX],
                  struct raum_error *error) BASE_CHECK;
/* *garments: for how many of its garments it counts; may be NULL. */
int wears_outfit(struct raum_handle *h, const char *outfit, const char *day, char id[RAUM_ID_MAX],
                 int *garments, struct raum_error *error) BASE_CHECK;
/* Takes one back; that of an outfit with those of its garments. */
int wears_remove(struct raum_handle *h, const char *id, struct raum_error *error) BASE_CHECK;

/* The log, the newest day first; an outfit's garments are one entry with it. `garment`, `outfit`:
 * only theirs, for a garment also as part of an outfit. NULL: all. */
enum wear_column {
    WEAR_ID,
    WEAR_DAY,
    WEAR_GARMENT, /* id or null */
    WEAR_OUTFIT,  /* id or null */
    WEAR_PARTS,   /* of an outfit's entry: how many garments */
    WEAR_CREATED,
    WEAR_COLUMNS,
};
int wears_query(struct raum_handle *h, const char *garment, const char *outfit,
                struct raum_query **out, struct raum_error *error) BASE_CHECK;

/* What is an entry of the log by itself: not the part of an outfit whose own row is there. Over
 * rows `w` of wardrobeWears. */
#define WEARS_ENTRY                                                                                \
    "(w.garmentId IS NULL OR w.outfitId IS NULL OR NOT EXISTS (SELECT 1 FROM wardrobeWears e "     \
    "WHERE e.outfitId = w.outfitId AND e.garmentId IS NULL AND e.wornAt = w.wornAt))"

#endif
