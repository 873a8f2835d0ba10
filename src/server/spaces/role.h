/* Roles and what they may, as Better Auth's organization plugin has them: a member has a list of
 * roles, comma-joined. Pure. */
#ifndef SERVER_SPACES_ROLE_H
#define SERVER_SPACES_ROLE_H

#include <stdbool.h>
#include <stddef.h>

#define ROLE_OWNER "owner"

/* Is `role` in the list? */
bool role_has(const char *list, const char *role);
/* The highest of a list: "owner", "admin", "member". Unknown ones count as member. */
const char *role_highest(const char *list);
bool role_known(const char *role, size_t len);
/* The unknown ones of a list, joined by ", ", as far as they fit; how many bytes. */
size_t role_unknown(const char *list, char *out, size_t size);
/* One of the list's roles may do this with the resource. */
bool role_may(const char *list, const char *resource, const char *action);
/* The actions of one role (owner, admin, member) on a resource, comma-joined; NULL: no such
 * resource. */
const char *role_actions(const char *role, const char *resource);

#endif
