/* Spaces, members, invitations on the server: the organization endpoints of Better Auth and the
 * rules of spaces (ARCHITECTURE §4, CONTRACT §1). What other folders need of it is here. */
#ifndef SERVER_SPACES_SPACES_H
#define SERVER_SPACES_SPACES_H

#include "server/call.h"

extern const struct route organization_routes[]; /* /api/auth/organization/… */
extern const struct route space_routes[];        /* /api/v1/spaces… */

/* Within the transaction of the sign-up: the account's personal space, its owner the account. */
int spaces_make_personal(struct sql *c, const struct raum_env *env, const char *account,
                         const char *name, const char *email, char id_out[33],
                         struct raum_error *error) BASE_CHECK;
/* Within the transaction that deletes an account: its personal space goes, others' spaces stay
 * whole. A shared space of which it is the only owner: ownership passes to the longest-serving
 * admin, else member; if it is the only member the space is deleted. */
int spaces_account_gone(struct sql *c, const char *account, struct raum_error *error) BASE_CHECK;
/* The role ("owner", "admin", "member") of an account in a live space, in the arena; NULL: none. */
int spaces_role(struct sql *c, struct arena *a, const char *space, const char *account,
                const char **role, struct raum_error *error) BASE_CHECK;
/* Deletes for good what was deleted more than 30 days ago; ends invitations. */
int spaces_sweep(struct sql *c, int64_t now_ms, struct raum_error *error) BASE_CHECK;

#endif
