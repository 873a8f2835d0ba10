/* The one merge rule (docs/sync.md): field-level last writer wins on (at, device, value). Pure: the
 * same functions decide on a device, in the relay on either database and in the browser. Knows
 * neither storage nor who may write what (schema/rights.h).
 *
 * The engine keeps typed rows and asks merge_choose field by field; the relay keeps records, lists
 * of named fields as the wire has them, and merges them whole. Both come to the same. */
#ifndef SYNC_MERGE_H
#define SYNC_MERGE_H

#include "base/arena.h"
#include "base/err.h"
#include "schema/schema.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MERGE_MIGRATION "migration" /* device of upgrades: sorts below all others (G-U3) */
#define MERGE_FIELDS_MAX 512        /* of a record: what newer versions add is kept, bounded */

struct merge_side {
    uint64_t at;
    const char *device;
};

/* < 0, 0, > 0: whether a loses, is the same write, or wins against b. */
int merge_compare(const struct merge_side *a, const struct merge_side *b);
/* The last tie-break, for equal times of equal devices with different values (a replayed import
 * that was altered): the greater bytes win, so that every replica decides alike. */
int merge_compare_values(const void *a, size_t a_len, const void *b, size_t b_len);

enum merge_choice {
    MERGE_KEEP, /* mine stays */
    MERGE_SAME, /* the very same write: nothing to do */
    MERGE_TAKE, /* theirs takes its place */
    MERGE_TIE,  /* one time, one device: the values decide (merge_compare_values) */
};
/* One field. `fixed`: what a row was made with stays, and of two makings under one id (slots,
 * seeds) the first holds (G-T7). */
enum merge_choice merge_choose(bool fixed, const struct merge_side *theirs,
                               const struct merge_side *mine);

/* ---- records ---- */

struct merge_stamp {
    uint64_t at;          /* base/clock.h */
    const char *dev, *by; /* device and account; NULL: not known here */
    const char *agent;    /* NULL: the person's own hand */
    int origin;           /* enum stamp_origin */
};
struct merge_field {
    const char *name;  /* "label", "usage.aiReference" */
    const char *value; /* one JSON value as it was spelt; not NUL-terminated */
    size_t len;
    struct merge_stamp stamp;
    bool plain; /* no stamp came with it: `at` means nothing */
    bool whole; /* came as part of an object: never turns consent on (G-T12) */
};
struct merge_record {
    struct merge_field *fields; /* ascending by name, each once */
    uint32_t count, cap;
};

/* Is this field of the table fixed at the making of a row? `authorId` and `spaceId` are. */
bool merge_is_fixed(const struct schema_table *t, const char *name);
/* NULL: the record does not have it. */
const struct merge_field *merge_find(const struct merge_record *r, const char *name);
/* What would become of one incoming field, whatever came before it or comes later (G-S10).
 * A field that the record does not have is taken, whatever
 * its age. */
enum merge_choice merge_plan(const struct schema_table *t, const struct merge_record *mine,
                             const struct merge_field *theirs);
/* Puts a field in (in the place of the one of that name). Texts are lent, not copied; the list
 * grows in the arena. RAUM_ENOMEM, RAUM_ETOO_LARGE. */
int merge_put(struct merge_record *r, const struct merge_field *f, struct arena *a) BASE_CHECK;
/* Plans and puts all. *taken: how many took their place; *kept: how many lost to what is newer. */
int merge_record(const struct schema_table *t, struct merge_record *mine,
                 const struct merge_field *theirs, uint32_t count, struct arena *a, uint32_t *taken,
                 uint32_t *kept) BASE_CHECK;

#endif
