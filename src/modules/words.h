/* Small help for the modules that live on one table with a name: building the fields of a row,
 * asking for one value. */
#ifndef MODULES_WORDS_H
#define MODULES_WORDS_H

#include "engine/query.h"
#include "engine/store.h"

#define WORDS_JSON_MAX ((size_t)4 << 20)

/* One member of a row to be written: a string, or NULL to leave it out. */
struct words_field {
    const char *key, *text;
};
/* Inserts a row with these string fields; `raw`: further members as JSON ("\"sortOrder\":1"), or
 * NULL. */
int words_insert(struct raum_handle *h, const char *table, const struct words_field *fields,
                 int count, const char *raw, char id[RAUM_ID_MAX],
                 struct raum_error *error) BASE_CHECK;
/* The text of the first column of the first row; up to two bound texts. NOT_FOUND if there is none,
 * or it is null. */
int words_find(struct raum_handle *h, const char *sql, const char *first, const char *second,
               char out[RAUM_ID_MAX], struct raum_error *error) BASE_CHECK;
/* Appends the text as SQL writes it, in quotes: for statements that run behind the fence as a
 * watch, where nothing is bound. */
void words_quote(struct buf *out, const char *text);

#endif
