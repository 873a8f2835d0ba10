/* A real Better Auth server behind this one (`raum serve --auth URL`): it holds accounts, sessions
 * and memberships; Raum asks it, and passes /api/auth on to it, so that one address serves all.
 *
 *     request → cookie or bearer → cache → get-session, organization/list, a role for each
 *             → rows in accounts, spaces, members → the route, which reads those rows as always
 *
 * What was ended there is refused here within five seconds at worst (ARCHITECTURE §7: nothing older
 * than UPSTREAM_FRESH_MS is used), at once when it was ended through this address. When the
 * foreign server does not answer, the request fails with UNREACHABLE: nobody becomes anonymous by
 * that. Organizations without one of the six types are no spaces and are left out. A personal
 * space that the foreign server does not know is ours. Knows no route but /api/auth. */
#ifndef SERVER_AUTH_UPSTREAM_H
#define SERVER_AUTH_UPSTREAM_H

#include "server/call.h"

#define UPSTREAM_FRESH_MS 4000 /* from the beginning of the load */
#define UPSTREAM_LOAD_MS                                                                           \
    4000                        /* how long a load may take in all; a slower server counts as none \
                                 */
#define UPSTREAM_SPACES_MAX 100 /* organizations of one account; more are left out */

struct upstream;

/* url: http(s)://host[:port][/path], with or without /api/auth at its end. USAGE: none of that. */
int upstream_new(struct upstream **out, const char *url, struct net_log *log,
                 const struct raum_env *env, struct raum_error *error) BASE_CHECK;
void upstream_free(struct upstream *u); /* NULL is fine */

/* Loads c->session (NULL: nobody) and brings the rows of its account up to date. For auth_session.
 * UNREACHABLE. */
int upstream_session(struct call *c) BASE_CHECK;
/* Does this head carry what was somebody's session a moment ago? No I/O; for deciding whose body
 * may wait. */
bool upstream_known(struct upstream *u, const struct http_request *head);
/* Answers a request for /api/auth/… with what the foreign server answers. */
int upstream_pass(struct call *c) BASE_CHECK;
/* Sets user.image there, as the caller (NULL: none). UNREACHABLE, NOT_ALLOWED. */
int upstream_set_image(struct call *c, const char *url) BASE_CHECK;
/* Makes an organization there, as the caller, who becomes its owner; its id lies in the call's
 * arena. `local_id` is kept in its metadata. EXISTS: the slug is taken. UNREACHABLE, NOT_ALLOWED.
 */
int upstream_make_space(struct call *c, const char *name, const char *slug, const char *type,
                        const char *local_id, const char **id) BASE_CHECK;
/* Those who make one hold this, so that a device that asks twice at once gets one. */
void upstream_making(struct upstream *u, bool begins);
/* Deletes it there, as the caller; there is no undo. NOT_FOUND, NOT_ALLOWED, UNREACHABLE. */
int upstream_delete_space(struct call *c, const char *id) BASE_CHECK;
/* Its members as a JSON array of {id userId name email image role createdAt}. NOT_FOUND: the caller
 * is none of them; UNREACHABLE. */
int upstream_put_members(struct call *c, const char *space, struct json_writer *w) BASE_CHECK;

#endif
