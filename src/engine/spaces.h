/* The spaces of this account on this device: list, make (offline too), rename, choose, and how
 * sentinels become real (G-U4). Knows nothing of members: they are the server's. */
#ifndef ENGINE_SPACES_H
#define ENGINE_SPACES_H

#include "engine/replica.h"

/* Makes `_space:<uuid>` with a slug from the name (unique on this device, reserved words get a
 * suffix). */
int spaces_create(struct raum *r, const char *name, int type, const struct space **out,
                  struct raum_error *error) BASE_CHECK;
/* By slug or id, of those the account is in; "personal" is the personal one. NOT_FOUND. */
int spaces_find(struct raum *r, const char *slug_or_id, const struct space **out,
                struct raum_error *error) BASE_CHECK;
int spaces_rename(struct raum *r, const char *slug_or_id, const char *name,
                  struct raum_error *error) BASE_CHECK;
/* The remembered active space, else the personal one. */
const struct space *spaces_active(struct raum *r);
int spaces_use(struct raum *r, const char *slug_or_id, const struct space **out,
               struct raum_error *error) BASE_CHECK;
/* The slug of a name: lower case, runs outside [a-z0-9-] to '-', trimmed, at most 30; umlauts
 * spelled out. */
void spaces_slug(const char *name, char out[40]);
/* Neither reserved nor a space's of this account. */
bool spaces_slug_free(const struct raum *r, const char *slug);
/* Erases an offline space that only this device knows, with rows and media references; personal:
 * refused. BUSY: it is erased, but another process still reads the state before, so that the log
 * could not be emptied. */
int spaces_delete(struct raum *r, const char *slug_or_id, struct raum_error *error) BASE_CHECK;
/* The rows of a space and all that refers to it, references to pictures included; inside a
 * transaction. Then, outside of it, the log: BUSY, as above. */
int spaces_forget(struct raum *r, uint32_t ref, struct raum_error *error) BASE_CHECK;
int spaces_empty_log(struct raum *r, struct raum_error *error) BASE_CHECK;
/* A sentinel or offline id becomes the real one: one row; if both ids have rows here, they are
 * merged by the ordinary rule, and handles follow. One transaction; again: no effect (G-U4).
 * NOT_ALLOWED: it is real already, a personal space would become a shared one or the other way
 * round, another account's sentinel. */
int spaces_become(struct raum *r, const char *from_id, const char *to_id,
                  struct raum_error *error) BASE_CHECK;

#endif
