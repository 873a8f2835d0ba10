/* An HTTP client that waits for its answer (libcurl behind our own header). http and https, bounded
 * bodies and times, no redirects to other hosts, no cookies of its own. Knows no Raum noun. */
#ifndef NET_CLIENT_H
#define NET_CLIENT_H

#include "base/buf.h"
#include "base/err.h"
#include <stdbool.h>
#include <stddef.h>

struct client; /* keeps connections open between requests; one thread at a time */

struct client_request {
    const char *method, *url;
    const char *const *headers; /* "Name: value", ends with NULL; NULL: none */
    const void *body;           /* NULL: none */
    size_t body_len;
    const char *type;           /* Content-Type of the body */
    int timeout_ms;             /* 0: 30 s in all */
    size_t max;                 /* 0: 8 MiB of answer */
    const char *ca_file;        /* PEM of a house's own authority; NULL: the system's */
    bool no_redirects;          /* a redirect is the answer, also within the same place */
};
struct client_answer {
    int status;
    struct buf body;
    char **headers; /* "name: value", names in lower case */
    int header_count;
};

int client_new(struct client **out, struct raum_error *error) BASE_CHECK;
void client_free(struct client *c); /* NULL is fine */
/* 0 with whatever status came; UNREACHABLE with the reason in words (no such host, refused, timed
 * out, certificate), TOO_LARGE, USAGE for other schemes. `answer` is released by the caller in any
 * case. */
int client_run(struct client *c, const struct client_request *q, struct client_answer *answer,
               struct raum_error *error) BASE_CHECK;
/* First header of that name (lower case); NULL if there is none. n: the n-th, from 0. */
const char *client_header(const struct client_answer *a, const char *name, int n);
void client_answer_release(struct client_answer *a);

#endif
