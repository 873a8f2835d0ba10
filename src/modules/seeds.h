/* Rows that nobody typed: every device makes the same one, with a fixed id and the lowest stamp
 * there is. So they lose against every edit and every deletion, here and elsewhere, and never come
 * back (G-S14). */
#ifndef MODULES_SEEDS_H
#define MODULES_SEEDS_H

#include "engine/scope.h"

#define SEEDS_CREATED "1970-01-01T00:00:00.000Z"

/* Makes the row (handle's space, id) from a JSON object of fields unless the space has or had it.
 * *made: false if it was here before, deleted ones included. May be NULL. */
int seeds_put(struct raum_handle *h, const char *table, const char *id, const char *json,
              bool *made, struct raum_error *error) BASE_CHECK;

#endif
