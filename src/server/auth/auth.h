/* Better Auth's core protocol under /api/auth: accounts, sessions, cookies, bearer, JWT. What other
 * folders of the server need of it is here; routes are auth_routes. */
#ifndef SERVER_AUTH_AUTH_H
#define SERVER_AUTH_AUTH_H

#include "server/call.h"

extern const struct route auth_routes[];

/* Loads c->session from cookie or bearer token (once per call; refreshes it as Better Auth does);
 * with --auth, asks the foreign server. 0 also when there is none: look at c->session. */
int auth_session(struct call *c) BASE_CHECK;
/* Origin and Sec-Fetch rules for a request that changes something. 0, or 1: answered with 403. */
int auth_check_origin(struct call *c) BASE_CHECK;
/* Sends the session cookie (and set-auth-token) again. */
int auth_send_session(struct call *c, const struct session *s) BASE_CHECK;
/* Makes a session of an account and sends it; c->session is it afterwards. */
int auth_open_session(struct call *c, const char *account, bool remember) BASE_CHECK;
/* The active space of this session (NULL: none), stored and in c->session. */
int auth_set_active(struct call *c, const char *space) BASE_CHECK;
/* {"id","name","email","image"…}: Better Auth's user object of the session's account. */
void auth_put_user(struct json_writer *w, const struct session *s);
/* May this URL be redirected to: relative ("/…", not "//…") or of our own or a trusted origin. */
bool auth_url_trusted(const struct server *s, const char *url);
/* As Better Auth validates mail addresses; also lower-cases into the arena. NULL: none. */
const char *auth_email(struct call *c, const char *text);

#endif
