/* Sessions as rows: loading the one of a request, making, refreshing, ending them. */
#ifndef SERVER_AUTH_SESSION_H
#define SERVER_AUTH_SESSION_H

#include "server/call.h"

#define SESSION_MS INT64_C(604800000)       /* how long one lasts */
#define SESSION_SHORT_MS INT64_C(86400000)  /* … when not to be remembered; never refreshed */
#define SESSION_UPDATE_MS INT64_C(86400000) /* older than this: refreshed */
#define SESSION_FRESH_MS INT64_C(86400000)  /* younger: may do what needs a fresh one */

/* Does this head carry a session that we signed? No I/O: for deciding whose body may wait. */
bool session_signed(const struct server *s, const struct http_request *head);
/* The session of a token with its account, in the call's arena; RAUM_END: none, over, or the
 * account is disabled. *over: there is a row, which is over. */
int session_find(struct call *c, const char *token, struct session **out, bool *over) BASE_CHECK;
/* The address that a session notes; "" for this machine. */
const char *session_address(struct call *c);
/* Inserts one, within whatever transaction runs; nothing is sent. */
int session_insert(struct call *c, const char *account, bool remember,
                   struct session **out) BASE_CHECK;
/* Better Auth's session object. */
void session_put(struct json_writer *w, const struct session *s);
/* The members of Better Auth's user object, without its braces. */
void session_put_user(struct json_writer *w, const struct session *s);
/* Is it younger than a day? */
bool session_fresh(const struct call *c);
/* Ends all of an account's sessions but one (NULL: all). */
int session_end_all(struct call *c, const char *account, const char *but_token) BASE_CHECK;
int session_end(struct call *c, const char *account, const char *token) BASE_CHECK;
/* The one of a token, whosever it is. */
int session_end_token(struct call *c, const char *token) BASE_CHECK;

#endif
