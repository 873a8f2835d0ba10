/* Step 43, Raum's own: an upgraded legacy row becomes Raum's normal form: identity and times as
 * texts, every field with a time, leaf fields, slots and wears as rows of their own. Nothing is
 * lost: what has no place any more stays among the fields under "legacy" and its name
 * (legacyWearCount, legacyPrimaryFor, …).
 *
 * The result depends on the row alone, never on the time of the upgrade: two devices make the same
 * bytes (G-U3). Times are the field's own old stamp (__fieldMeta, __fieldTimestamps), else
 * updatedAt, else createdAt, else the epoch. Stamps carry the device "migration", which is the
 * store's business. */
#ifndef SCHEMA_LEGACY43_H
#define SCHEMA_LEGACY43_H

#include "schema/legacy.h"
#include <raum/env.h>

struct legacy_value {
    const char *name; /* "usage.aiReference" for a leaf; NUL-terminated */
    const char *json; /* compact JSON text, not NUL-terminated */
    size_t json_len;
    uint64_t at;      /* base/clock.h */
};

/* What the report tells the user about a row; bits of `notes`. */
enum legacy_note {
    LEGACY_NO_OWNER = 1,       /* nobody was named: a guest's row */
    LEGACY_ID_MADE = 2,        /* the id is made of the key or of the row's bytes */
    LEGACY_SLOT_UNKNOWN = 4,   /* primaryFor named a slot that Raum does not have */
    LEGACY_FIELD_KEPT = 8,     /* a value that could not be read was kept under a "legacy" name */
    LEGACY_VISIBILITY = 16,    /* unlisted, public or unknown became space or private */
};

struct legacy_out {
    const char *table;
    const char *id;         /* NULL for meSlots: made of space, person and slot */
    const char *owner;      /* author, of a user-level row its user; "guest": nobody's */
    const char *space_id;   /* NULL: user-level */
    const char *visibility; /* "space" or "private"; NULL: user-level */
    const char *created_at; /* RFC 3339 with milliseconds */
    const char *deleted_at; /* NULL: live */
    uint64_t at;            /* time of the row and of all that has none of its own */
    uint64_t visibility_at, deleted_set_at; /* times of these two fields */
    struct legacy_value *fields;
    size_t count;
    unsigned notes;
    struct legacy_out *next; /* rows that this one gave rise to (meSlots, wardrobeWears) */
};

/* `row` must be upgraded; it is used up. Everything in `out` lives in the row's arena or where the
 * row's texts do. Uses env->hash only. RAUM_ENOMEM. */
int legacy_normalise(struct legacy_row *row, const struct raum_env *env,
                     struct legacy_out *out) BASE_CHECK;

#endif
