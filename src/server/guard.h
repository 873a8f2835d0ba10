/* What every request must pass before any route sees it, and what every answer carries: the Host,
 * CORS, the origins that may send cookies, security headers. Knows no session. */
#ifndef SERVER_GUARD_H
#define SERVER_GUARD_H

#include "server/call.h"

/* Is this origin ours or one of the trusted (patterns as url_matches reads them)? */
bool guard_trusts(const struct server *s, struct arena *a, const char *url);
/* 0, or 1: answered with 421 because the name in Host is none of ours: a page of a foreign name
 * that was bound to this machine's address must not talk to us. */
int guard_host(struct call *c) BASE_CHECK;
/* Answers a CORS preflight: 1; 0: it was none. */
int guard_preflight(struct call *c) BASE_CHECK;
/* Origin and Sec-Fetch rules of a request that changes something, and the URLs it wants to be sent
 * to. login: also without a cookie, as sign-in and sign-up need it. 0, or 1: answered with 403. */
int guard_origin(struct call *c, bool login) BASE_CHECK;
int guard_callbacks(struct call *c) BASE_CHECK;
/* Headers that go with every answer; what a route has set itself stays. */
int guard_finish(struct call *c) BASE_CHECK;

#endif
