/* What Raum's data is: modules, tables, fields, rights, space types. Const data, visible in
 * tables.c; the engine, the server and the browser read the same. Numbers (table, field tag) are
 * frozen: they stand in files and stamps. Knows no handle and no database. */
#ifndef SCHEMA_SCHEMA_H
#define SCHEMA_SCHEMA_H

#include "base/json.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SCHEMA_VERSION 47
#define SCHEMA_FIELDS_MAX 32      /* fields a table, base fields included; also bits of a mask */
#define SCHEMA_TEXT_MAX 100000    /* bytes of a text field */
#define SCHEMA_LIST_MAX 1000      /* items of a list field */
#define SCHEMA_EXTRA_MAX 16000000 /* bytes of the unknown fields of a row */
#define SCHEMA_GUEST "guest"
#define SCHEMA_PERSONAL "_personal:" /* sentinel prefix of the personal space */
#define SCHEMA_OFFLINE "_space:"     /* prefix of a space made offline */
#define SCHEMA_USER "user:"          /* partition of user-level rows */

enum schema_space_type {
    SPACE_PERSONAL,
    SPACE_BRAND,
    SPACE_CLUB,
    SPACE_FAMILY,
    SPACE_TEAM,
    SPACE_PRACTICE,
    SPACE_TYPES,
};
enum schema_module {
    MODULE_PROFILE,
    MODULE_WARDROBE,
    MODULE_PICTURE,
    MODULE_TAGS,
    MODULE_TASKS,
    MODULE_SCENES,
    MODULES,
};
enum schema_level {
    LEVEL_SPACE, /* rows belong to a space */
    LEVEL_USER,  /* rows belong to an account */
};
enum schema_type {
    TYPE_TEXT,
    TYPE_INT,
    TYPE_REAL,
    TYPE_BOOL,
    TYPE_TIME,    /* RFC 3339 UTC */
    TYPE_DATE,    /* YYYY-MM-DD */
    TYPE_TEXTS,   /* array of strings */
    TYPE_JSON,    /* any value */
    TYPE_ACCOUNT, /* an account's id; stored as its number, so that a guest becomes real in one row
                   */
};
/* Who may write a field (CONTRACT §2). */
enum schema_right {
    RIGHT_MEMBER,  /* any member, on rows they can see */
    RIGHT_FIXED,   /* set at creation, never again */
    RIGHT_AUTHOR,  /* only the row's author */
    RIGHT_CONSENT, /* only the person in the picture turns it on; any member may turn it off */
    RIGHT_PERSON,  /* only the person of the slot, with a picture of that person */
    RIGHT_DELETE,  /* the author, or an admin or owner of the space */
};
enum schema_flags {
    FIELD_SEALED = 1,   /* ciphertext in personal spaces and user partitions */
    FIELD_REQUIRED = 2, /* not null on insert */
};

/* Tags of the fields that every row has. A table's own fields start at TAG_OWN. */
enum schema_tag {
    TAG_VISIBILITY = 1,
    TAG_DELETED_AT = 2,
    TAG_CREATED_AT = 3,
    TAG_AUTHOR = 4,
    TAG_SPACE = 5,
    TAG_OWN = 8,
};

struct schema_field {
    const char *name; /* leaf fields with a dot: "usage.aiReference" */
    uint8_t tag;      /* 1..63, frozen, unique in the table */
    uint8_t type;     /* enum schema_type */
    uint8_t right;    /* enum schema_right */
    uint8_t flags;    /* enum schema_flags */
    const char
        *fallback; /* value on insert as JSON, "@author" for the author's id, or NULL for null */
    const char *const *choices; /* NULL-terminated, or NULL for any */
};

/* A column that is computed when read; SQL over the row's alias `d` and other data tables.
 * `needs`: tables besides the own one that it reads, for live queries. */
struct schema_derived {
    const char *name;
    const char *sql;
    const char *needs; /* one table name or NULL */
};

struct schema_table {
    const char *name;
    const char *app;
    uint8_t number; /* frozen, 1..62 */
    uint8_t module, level;
    const struct schema_field *fields;    /* own fields, ends with name NULL */
    const struct schema_derived *derived; /* ends with name NULL, or NULL */
    const char *const
        *indexes; /* column lists after `space`, e.g. "kind, createdAt"; NULL-terminated, or NULL */
};

extern const struct schema_table schema_tables[]; /* ends with name NULL */
extern const size_t schema_table_count;
/* The base fields, in column order: visibility, createdAt, deletedAt; ends with name NULL. */
extern const struct schema_field schema_base[];

const struct schema_table *schema_table(const char *name);
const struct schema_table *schema_table_text(const char *name, size_t len);
const struct schema_table *schema_table_number(int number);
/* Tables whose row id is `<person>:<slot>`: structural uniqueness of the slots (G-T10). */
bool schema_is_slots(const struct schema_table *t);
/* Own field by name; NULL if there is none. Base fields are found too, and they alone in a table
 * that this version does not know (t NULL). */
const struct schema_field *schema_field(const struct schema_table *t, const char *name, size_t len);
const struct schema_field *schema_field_tag(const struct schema_table *t, int tag);
size_t schema_field_count(const struct schema_table *t);
/* True if a derived column of the table has this name (also spaceId's siblings updatedAt …): never
 * stored. */
bool schema_is_derived(const struct schema_table *t, const char *name, size_t len);

const char *schema_space_type_name(int type); /* "personal" … */
int schema_space_type(const char *name);      /* or -1 */
const char *schema_module_name(int module);
/* The one capability table (G-T6). */
bool schema_allowed(int module, int space_type);

/* Checks a value against a field: type, choices, lengths. Null is always fine unless
 * FIELD_REQUIRED. RAUM_EBAD_CHANGE names the field. */
int schema_check(const struct schema_field *f, struct json_value v,
                 struct raum_error *error) BASE_CHECK;
/* The same for what comes from elsewhere: in an ordinary field a word that is no choice here is one
 * of a newer version's, and is kept (G-S16). Where rights hang on the word it has to be known. */
int schema_check_foreign(const struct schema_field *f, struct json_value v,
                         struct raum_error *error) BASE_CHECK;

#endif
