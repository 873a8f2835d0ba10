/* The key that signs JWTs, and the tokens signed lately. The key is a row of the database, its
 * secret half sealed with the server's secret; made when first needed. A token of the same session
 * is handed out again for some seconds, so that reading a session costs no signature. */
#ifndef SERVER_AUTH_JWT_H
#define SERVER_AUTH_JWT_H

#include "server/call.h"

struct auth_keys;

int auth_keys_new(struct auth_keys **out, const struct raum_env *env,
                  struct raum_error *error) BASE_CHECK;
void auth_keys_free(struct auth_keys *k); /* NULL is fine */
/* A JWT of the call's session, in its arena. */
int jwt_of_session(struct call *c, const char **out) BASE_CHECK;
/* {"keys":[…]} of all keys, the newest last. */
int jwt_put_keys(struct call *c, struct json_writer *w) BASE_CHECK;

#endif
