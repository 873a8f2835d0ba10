/* Notices of conflicts: this account's own edit of a field, written over by another person's
 * (G-S15). Only what the server brings raises one, and only a person's edit over a person's edit:
 * neither replays, upgrades, seeds and agents nor one's own other devices, and not the value that a
 * row was made with, which whoever edits it has seen. One for each field of a row, with the value
 * that lost, so that it can be put back. The newest are kept; they go with their row and are read
 * only in its space. Knows nothing of how rows are merged (engine/store_merge.c asks here). */
#ifndef ENGINE_CONFLICTS_H
#define ENGINE_CONFLICTS_H

#include "engine/row.h"

#define CONFLICTS_MAX 1000 /* of all spaces */

/* `mine` loses to `theirs`: noted if it is a conflict. `row`: as it was before. Inside the
 * transaction that merges. */
int conflicts_note(struct raum *r, const struct row *row, const struct schema_field *f,
                   const struct stamp *mine, const struct stamp *theirs,
                   struct raum_error *error) BASE_CHECK;

struct conflict {
    int64_t id;
    const char *table, *row, *field;
    const char *value; /* that lost, as JSON */
    size_t len;
    uint64_t at;    /* when it was written */
    const char *by; /* account that wrote over it */
};
/* Those of one space, oldest first. Lent for the call. Not 0 stops. */
typedef int conflicts_fn(void *arg, const struct conflict *c, struct raum_error *error);
int conflicts_each(struct raum *r, uint32_t space, conflicts_fn *each, void *arg,
                   struct raum_error *error) BASE_CHECK;
int conflicts_count(struct raum *r, uint32_t space, int64_t *count,
                    struct raum_error *error) BASE_CHECK;
/* Writes the value again, as an edit of now through the handle, and forgets the notice. NOT_FOUND:
 * not in the handle's space; else what the write path says. */
int conflicts_restore(struct raum_handle *h, int64_t id, struct raum_error *error) BASE_CHECK;
/* Forgets it; 0: all of the space. NOT_FOUND. */
int conflicts_dismiss(struct raum *r, uint32_t space, int64_t id,
                      struct raum_error *error) BASE_CHECK;

#endif
