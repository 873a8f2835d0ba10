/* The upgrade of rows of older apps, versions 27 to 42: an append-only list of steps, each a rule
 * for a class of tables, all that are due folded into one pass over a row (ARCHITECTURE §4, G-U2).
 * Pure: a row in, the row changed in place; no clock, no database, no file. Raum's own step 43 is
 * in legacy43.h.
 *
 * A row is a list of fields in the order of the source. A rule sets a field only if it is missing
 * or null. */
#ifndef SCHEMA_LEGACY_H
#define SCHEMA_LEGACY_H

#include "base/arena.h"
#include "base/err.h"
#include "base/json.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LEGACY_VERSION 42     /* what legacy_upgrade() ends at */
#define LEGACY_VERSION_MAX 60 /* newer files are refused */
#define LEGACY_GUEST "guest"

enum legacy_level {
    LEGACY_LOCAL, /* name begins with "_": never imported */
    LEGACY_USER,  /* belongs to an account, carries userId */
    LEGACY_DATA,  /* belongs to a space; unknown tables too */
};

/* Where a table stands at LEGACY_VERSION. */
enum legacy_level legacy_level(const char *table);
/* Today's name of a table: "globalTags" is "tags". Others as they are. */
const char *legacy_table_name(const char *name);

/* One field. `json` is its value's compact text, lent or in the row's arena; NULL: absent
 * (dropped). */
struct legacy_field {
    const char *name; /* not NUL-terminated */
    const char *json;
    uint32_t name_len, json_len;
    struct json_value value; /* the same, parsed; none when a step set it */
};

struct legacy_row {
    const char *table; /* today's name */
    const char *key;   /* primary key as JSON; NULL if unknown */
    size_t key_len;
    struct legacy_field *fields;
    uint32_t count, cap;
    struct arena *arena;
    uint32_t changed; /* bit i: step i of legacy_steps changed the row */
};

/* One entry of the ladder; `apply` NULL: the step changes no rows (a table appeared). */
struct legacy_step {
    int version;
    enum legacy_level level; /* tables that stood there at that version */
    const char *table;       /* only this one; NULL: all of the level */
    int (*apply)(struct legacy_row *row);
    const char *what;        /* for the report: "spaceId, authorId, visibility" */
};
extern const struct legacy_step legacy_steps[];
extern const size_t legacy_step_count;

/* A row from parsed JSON, compact as dexie_row's: its members become fields (texts stay lent from
 * the value). A value that is no object becomes one field "$". `table` is the file's name for it.
 * RAUM_ENOMEM. */
int legacy_row_init(struct legacy_row *row, struct arena *arena, const char *table, const char *key,
                    size_t key_len, struct json_value value) BASE_CHECK;
/* The field, or NULL when it is absent. */
struct legacy_field *legacy_get(const struct legacy_row *row, const char *name);
/* Sets or appends; json must live as long as the row. RAUM_ENOMEM. */
int legacy_set(struct legacy_row *row, const char *name, const char *json, size_t len) BASE_CHECK;
void legacy_drop(struct legacy_row *row, const char *name);

/* 0 if a file of this version can be taken: RAUM_ENEWER_DATABASE above LEGACY_VERSION_MAX,
 * RAUM_ECORRUPT when it is no version (not finite, below 0). From 43 no step is due. */
int legacy_check_version(double version, struct raum_error *error) BASE_CHECK;
/* Applies every step above `version` in order. Twice is as once. RAUM_ENOMEM. */
int legacy_upgrade(struct legacy_row *row, double version) BASE_CHECK;

#endif
