/* The body of a request as a JSON value: media types, broken JSON, and what a route demands of its
 * members, each complaint in Better Auth's words. Inside src/server only. */
#ifndef SERVER_CALL_BODY_H
#define SERVER_CALL_BODY_H

#include "server/call.h"

/* Fills c->doc and c->body. 0, or 1: answered with 400 or 415. */
int call_body_read(struct call *c) BASE_CHECK;
/* Then: an object where one is needed, with its members as the route wants them. 0, or 1. */
int call_body_check(struct call *c) BASE_CHECK;

#endif
