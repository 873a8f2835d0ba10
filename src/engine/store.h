/* The write path, in one transaction: schema → capability → rights → stamp → seal → row, stamps,
 * dirty set → events. And the other way in: rows that carry stamps of their own (imports, archives,
 * adoption, later the server's) are merged field by field. */
#ifndef ENGINE_STORE_H
#define ENGINE_STORE_H

#include "engine/row.h"
#include "engine/scope.h"

/* `fields`: a JSON object; "id" taken if there, leaf fields nested or dotted, unknown names kept.
 */
int store_insert(struct raum_handle *h, const char *table, struct json_value fields,
                 char id[RAUM_ID_MAX], struct raum_error *error) BASE_CHECK;
int store_update(struct raum_handle *h, const char *table, const char *id, struct json_value fields,
                 struct raum_error *error) BASE_CHECK;
int store_delete(struct raum_handle *h, const char *table, const char *id,
                 struct raum_error *error) BASE_CHECK;
int store_restore(struct raum_handle *h, const char *table, const char *id,
                  struct raum_error *error) BASE_CHECK;
/* The same from text, for callers with JSON at hand made by printf-like means. */
int store_insert_text(struct raum_handle *h, const char *table, const char *json, size_t len,
                      char id[RAUM_ID_MAX], struct raum_error *error) BASE_CHECK;
int store_update_text(struct raum_handle *h, const char *table, const char *id, const char *json,
                      size_t len, struct raum_error *error) BASE_CHECK;
/* The row's JSON as members see it (leaf fields nested), live or deleted, if the handle may read
 * it. NOT_FOUND. */
int store_get(struct raum_handle *h, const char *table, const char *id, bool deleted_too,
              struct buf *out, struct raum_error *error) BASE_CHECK;

/* What store_merge would do, without doing it. */
int store_merge_dry(struct raum *r, struct row *incoming, struct arena *a, int *changed,
                    struct raum_error *error) BASE_CHECK;
/* Merges a row with stamps into its partition: inserts, or takes each field that wins
 * (sync/merge.h). The row's texts are plain or sealed for this partition. Marks what changed as
 * dirty if `push`; without it is news of the server, and what it writes over is noted
 * (engine/conflicts.h). *changed: fields taken; of a new row row_count(). */
int store_merge(struct raum *r, struct row *incoming, bool push, struct arena *a, int *changed,
                struct raum_error *error) BASE_CHECK;

void store_release(struct raum *r);

#endif
