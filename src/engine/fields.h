/* From a JSON object of fields to a row: which member is which field, checked by schema and rights.
 * One place for insert and update; unknown members become unknown fields (G-S16). */
#ifndef ENGINE_FIELDS_H
#define ENGINE_FIELDS_H

#include "engine/row.h"
#include "engine/scope.h"
#include "schema/rights.h"

struct fields_write {
    struct raum_handle *handle;
    enum rights_op op;
    struct row *row;        /* of an update: as stored; changed in place */
    struct rights_row rights;
    struct arena *arena;
    struct stamp stamp;
    uint32_t mask;          /* positions written; ROW_MASK_EXTRA */
    uint64_t tags;          /* the same by tag */
};

/* Applies all members. Of an update only those that change anything count. */
int fields_apply(struct fields_write *w, struct json_value fields,
                 struct raum_error *error) BASE_CHECK;
/* The schema's fallback of a field, if it has one. Lent for ever. */
void fields_fallback(const struct row *row, const struct schema_field *f, struct value *out);
/* Insert: fallbacks for what was not given, and what must be there. */
int fields_complete(struct fields_write *w, struct raum_error *error) BASE_CHECK;
/* Sets one unknown field: rewrites `extra`, stamps the name. value none: takes it away. */
int fields_set_extra(struct raum *r, struct row *row, const char *name, size_t len,
                     struct json_value value, struct stamp stamp, struct arena *a,
                     struct raum_error *error) BASE_CHECK;
/* A text with a NUL behind it; *out NULL if it is none or holds U+0000. RAUM_ENOMEM is neither. */
int fields_text(struct json_value v, struct arena *a, const char **out,
                struct raum_error *error) BASE_CHECK;
/* Reads what rights_row wants of a stored or new row. Texts are lent. */
void fields_rights(struct raum *r, const struct row *row, bool exists, struct rights_row *out);

#endif
