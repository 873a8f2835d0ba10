/* One row in memory: values by position, unknown fields as JSON, stamps. The shape in which rows
 * travel between write path, merge, import and archive. Positions: 0 visibility, 1 createdAt, 2
 * deletedAt, then the table's own fields. Opaque tables (unknown to this version) have no own
 * fields: everything is in `extra`. */
#ifndef ENGINE_ROW_H
#define ENGINE_ROW_H

#include "base/arena.h"
#include "base/json.h"
#include "engine/replica.h"

enum value_kind {
    VALUE_NULL,
    VALUE_INT,    /* integers, booleans, account refs */
    VALUE_REAL,
    VALUE_TEXT,   /* texts, times; lists and JSON as compact JSON text */
    VALUE_SEALED, /* bytes at rest of engine/seal.h */
};
struct value {
    uint8_t kind;
    uint32_t len;
    union {
        int64_t i;
        double r;
        const char *text; /* lent or in the row's arena */
    };
};

#define ROW_BASE 3
#define ROW_VISIBILITY 0
#define ROW_CREATED_AT 1
#define ROW_DELETED_AT 2
#define ROW_VALUES_MAX SCHEMA_FIELDS_MAX

struct row {
    const struct schema_table *table; /* NULL: opaque */
    const char *opaque;               /* name of the unknown table */
    int64_t n;                        /* row number; 0: not stored yet */
    uint32_t space, author;           /* refs; author: of accounts */
    const char *id;                   /* as members see it, NUL-terminated */
    struct value values[ROW_VALUES_MAX];
    struct value extra; /* unknown fields: one JSON object (VALUE_TEXT or VALUE_SEALED), or null */
    struct stamps stamps;
};

int row_position(const struct schema_table *t, const struct schema_field *f);
const struct schema_field *row_field(const struct schema_table *t,
                                     int position); /* base fields too; NULL past the end */
int row_count(const struct schema_table *t); /* positions in use */

/* Reads the row (space, id), deleted ones too. RAUM_END if there is none. Texts are copied into the
 * arena. */
int row_load(struct raum *r, uint32_t space, const struct schema_table *t, const char *opaque,
             const char *id, struct arena *a, struct row *out, struct raum_error *error) BASE_CHECK;
/* The same by its number, of a known table or (t NULL) an opaque one. RAUM_END. */
int row_load_number(struct raum *r, const struct schema_table *t, int64_t n, struct arena *a,
                    struct row *out, struct raum_error *error) BASE_CHECK;
/* Writes a new row; fills n. Seals what the schema marks if the partition is sealed and it is not
 * sealed yet. */
int row_insert(struct raum *r, struct row *row, struct arena *a,
               struct raum_error *error) BASE_CHECK;
/* Writes the positions of `mask` (bit 31: extra, bit 30: author) and the stamps. */
int row_update(struct raum *r, struct row *row, uint32_t mask, struct arena *a,
               struct raum_error *error) BASE_CHECK;
#define ROW_MASK_EXTRA (1u << 31)
#define ROW_MASK_AUTHOR (1u << 30)
/* Takes the row away for good, with its dirty marks and all else that is kept by its number (purge,
 * merge of partitions). */
int row_erase(struct raum *r, const struct row *row, struct raum_error *error) BASE_CHECK;
/* Every row of a partition, deleted ones too, in order of table number, then row number. The row is
 * lent for the call. Stops at the first non-zero result and gives it back. */
typedef int row_each(void *arg, struct row *row, struct raum_error *error);
int row_walk(struct raum *r, uint32_t space, row_each *each, void *arg,
             struct raum_error *error) BASE_CHECK;

/* A value from checked JSON, and back. `place` of sealed values is the row's. */
int value_from_json(struct raum *r, const struct schema_field *f, struct json_value v,
                    struct arena *a, struct value *out, struct raum_error *error) BASE_CHECK;
int value_put_json(struct raum *r, const struct row *row, const struct schema_field *f,
                   const struct value *v, struct json_writer *w,
                   struct raum_error *error) BASE_CHECK;
/* The value as it crosses (sync/wire.h): what is sealed stays so, as text (G-K1). */
int value_put_wire(struct raum *r, const struct row *row, const struct schema_field *f,
                   const struct value *v, struct json_writer *w,
                   struct raum_error *error) BASE_CHECK;
/* Seals in place what the schema marks, if the partition is sealed and it is not sealed yet. f
 * NULL: `extra`. In a transaction. */
int value_seal(struct raum *r, const struct row *row, const struct schema_field *f,
               struct value *v, struct arena *a, struct raum_error *error) BASE_CHECK;
/* Opens a sealed value into the arena; others are copied as they are. f NULL: `extra`. */
int value_open(struct raum *r, const struct row *row, const struct schema_field *f,
               const struct value *v, struct arena *a, struct value *out,
               struct raum_error *error) BASE_CHECK;

/* A value as a column of a statement, and as a parameter (lent until the reset). ENOMEM. */
int value_take(struct db_stmt *s, int at, struct arena *a, struct value *out) BASE_CHECK;
void value_bind(struct db_stmt *s, int at, const struct value *v);

/* Where a value of the row is sealed (engine/seal.h). f NULL: `extra`. A slot's id names its
 * person, whose id may become another (adoption): there the slot alone counts. */
struct seal_place;
struct seal_place row_place(const struct row *row, const struct schema_field *f);

/* Dirty set: fields not yet acknowledged. mask by tag; names: unknown fields. */
int dirty_mark(struct raum *r, const struct row *row, uint64_t tags, bool extra,
               struct raum_error *error) BASE_CHECK;
int dirty_clear(struct raum *r, const struct row *row, struct raum_error *error) BASE_CHECK;

#endif
