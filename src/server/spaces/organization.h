/* The endpoints of Better Auth's organization plugin, with the rules of spaces on top: the type is
 * required and never changes, the personal space is nobody else's, the last owner stays. One
 * function a route; the table stands in organization.c. */
#ifndef SERVER_SPACES_ORGANIZATION_H
#define SERVER_SPACES_ORGANIZATION_H

#include "server/spaces/answer.h"

/* organization.c: making, changing, deleting */
int organization_create(struct call *c);
int organization_check_slug(struct call *c);
int organization_update(struct call *c);
int organization_delete(struct call *c);

/* organization_read.c */
int organization_list(struct call *c);
int organization_set_active(struct call *c);
int organization_get(struct call *c);
int organization_get_full(struct call *c);
int organization_active_member(struct call *c);
int organization_active_role(struct call *c);
int organization_has_permission(struct call *c);

/* members.c */
int members_list(struct call *c);
int members_update_role(struct call *c);
int members_remove(struct call *c);
int members_leave(struct call *c);

/* invitations.c, invitations_read.c */
int invitations_invite(struct call *c);
int invitations_accept(struct call *c);
int invitations_reject(struct call *c);
int invitations_cancel(struct call *c);
int invitations_get(struct call *c);
int invitations_list(struct call *c);
int invitations_list_mine(struct call *c);
/* Those of a space that somebody with these roles sees, as a JSON array. */
int invitations_put(struct call *c, struct json_writer *w, const char *space, const char *roles);

/* Shared with space_routes. Within a transaction that holds the space's lock. */
/* The caller's membership and the space: 0, RAUM_END if he is no member, negative. */
int space_mine(struct call *c, const char *space, struct space *s, struct member *m) BASE_CHECK;
/* Soft: the space is gone for all at once, its slug free, and comes back within 30 days. */
int space_delete(struct call *c, const struct space *s) BASE_CHECK;
/* What a space's metadata becomes: JSON text with the type in it and no tier. NULL: no memory. */
const char *space_metadata(struct call *c, struct json_value metadata, const char *type);
/* 0, or ANSWERED with 403 when the account is in too many spaces. */
int space_room_for(struct call *c) BASE_CHECK;
/* Inserts a space of the session's account; fills s and m. EXISTS: the slug is taken. */
int space_make(struct call *c, struct space *s, struct member *m) BASE_CHECK;

#endif
