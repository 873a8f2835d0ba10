/* Better Auth's cookies: names, signatures, attributes, and the bearer header that stands for one.
 * Signature: HMAC-SHA256 of the value with the server's secret, standard base64 (44 characters).
 * Knows no database. */
#ifndef SERVER_AUTH_COOKIES_H
#define SERVER_AUTH_COOKIES_H

#include "server/call.h"

#define COOKIE_AGE 604800 /* seconds */
#define COOKIE_VALUE_MAX 256
#define COOKIE_SIGNATURE 44

enum cookie { COOKIE_TOKEN, COOKIE_DATA, COOKIE_FORGET };

void cookie_sign(const char *secret, const char *value, char out[COOKIE_SIGNATURE + 1]);
/* Is `text` a value with its right signature behind a dot? Copies the value. */
bool cookie_verify(const char *secret, const char *text, char value[COOKIE_VALUE_MAX]);

/* The value of a signed cookie of the request; false: none, or not by us. */
bool cookie_get(const struct server *s, const struct http_request *q, enum cookie which,
                char value[COOKIE_VALUE_MAX]);
/* The session token of the request: of the bearer header if that is one, else of the cookie.
 * *proven: it was signed. False: there is none. */
bool cookie_token(const struct server *s, const struct http_request *q,
                  char token[COOKIE_VALUE_MAX], bool *proven);

/* Sends the session's cookies and set-auth-token. */
int cookie_send(struct call *c, const char *token, bool remember) BASE_CHECK;
/* Takes back what was sent and clears all of them. */
int cookie_clear(struct call *c) BASE_CHECK;

#endif
