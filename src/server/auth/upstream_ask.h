/* Requests to the foreign auth server, made as the caller of a call: with his cookies, his bearer
 * token and his address. Keeps connections. Knows no endpoint. */
#ifndef SERVER_AUTH_UPSTREAM_ASK_H
#define SERVER_AUTH_UPSTREAM_ASK_H

#include "net/client.h"
#include "server/call.h"

#define ASK_PASS_MS 10000 /* a request that is passed on; sending a mail may take its time */

struct asker; /* several threads */

/* base without a slash at its end and without /api/auth; copied. */
int asker_new(struct asker **out, const char *base, struct raum_error *error) BASE_CHECK;
void asker_free(struct asker *a); /* NULL is fine */

struct ask {
    const char *method;
    const char *path; /* behind /api/auth, percent-encoded, with its query */
    const char *type; /* Content-Type; NULL: none */
    const void *body; /* NULL: none */
    size_t len;
    int timeout_ms;
    bool whole; /* with all headers of the call, as a proxy; else only who asks, and our Origin */
};
/* 0 with whatever status came; UNREACHABLE, TOO_LARGE. `answer` is released by the caller in any
 * case. */
int asker_run(struct asker *a, struct call *c, const struct ask *q,
              struct client_answer *answer) BASE_CHECK;
/* The call's own request as `q`, to be passed on. */
int asker_copy(struct call *c, struct ask *q) BASE_CHECK;
/* Makes the call's answer of one that came. */
int asker_reply(struct call *c, const struct client_answer *answer) BASE_CHECK;

#endif
