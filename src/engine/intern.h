/* Interned ids: spaces (and user partitions), accounts, actors. Rows and stamps hold the numbers,
 * so an id becomes another by updating one row (ARCHITECTURE §3). Reads come from the replica's
 * caches. */
#ifndef ENGINE_INTERN_H
#define ENGINE_INTERN_H

#include "engine/replica.h"

/* By number; NULL if there is none. Lent until names change. */
const struct space *intern_space(const struct raum *r, uint32_t ref);
const char *intern_account(const struct raum *r, uint32_t ref);
const struct actor *intern_actor(const struct raum *r, uint32_t ref);
/* The stamp's device: what breaks ties. "" if unknown. */
const char *intern_device(const struct raum *r, uint32_t actor);

/* The user partition of the account; NULL before the first open made it. */
const struct space *intern_user(const struct raum *r);
/* Numbers by id; 0 if there is none. */
uint32_t intern_account_find(const struct raum *r, const char *id);
uint32_t intern_actor_find(const struct raum *r, uint32_t account, const char *device,
                           const char *agent);

/* By id; NULL if there is none. Spaces of which this account is no member are found too: check
 * role. */
const struct space *intern_space_find(const struct raum *r, const char *id);
const struct space *intern_space_slug(const struct raum *r, const char *slug);
const struct space *intern_personal(const struct raum *r); /* the account's personal space; NULL
                                                              only before the first open made it */

/* Find or make; inside a transaction. 0 is never a valid ref. */
int intern_account_ref(struct raum *r, const char *id, uint32_t *ref,
                       struct raum_error *error) BASE_CHECK;
int intern_actor_ref(struct raum *r, uint32_t account, const char *device, const char *agent,
                     uint32_t *ref, struct raum_error *error) BASE_CHECK;
/* Makes the row of a space; fields as given (ref is filled). RAUM_EEXISTS if the id is there. */
int intern_space_add(struct raum *r, struct space *space, struct raum_error *error) BASE_CHECK;
/* Writes id, slug, name, type, role, offline of a space; `space->ref` says which. */
int intern_space_put(struct raum *r, const struct space *space,
                     struct raum_error *error) BASE_CHECK;
int intern_account_rename(struct raum *r, uint32_t ref, const char *id,
                          struct raum_error *error) BASE_CHECK;
/* Reads all caches anew. */
int intern_load(struct raum *r, struct raum_error *error) BASE_CHECK;
void intern_release(struct raum *r);

#endif
