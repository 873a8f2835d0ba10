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
    const char *type;    /* Content-Type of the body */
    int timeout_ms;      /* 0: 30 s in all */
    size_t max;          /* 0: 8 MiB of answer */
    const char *ca_file; /* PEM of a house's own authority; NULL: the system's */
    bool no_redirects;   /* a redirect is the answer, also within the same place */
    /* Asked several times a second; true ends the exchange, with UNREACHABLE. NULL: nobody does. */
    bool (*stop)(void *arg);
    void *stop_arg;
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

/* ---- answers that do not end ---- */

struct client_stream; /* one request whose answer is read as it comes; a connection of its own */

#define CLIENT_STREAM_HELD                                                                         \
    ((size_t)1 << 20)            /* bytes that wait to be read; then the server waits              \
                                  */
#define CLIENT_STREAM_QUIET_S 90 /* nothing for so long: UNREACHABLE */

/* Begins; nothing is sent before the first read. No redirects; timeout_ms and max do not count.
 * `q` is not needed afterwards. USAGE, NOMEM. */
int client_stream_open(struct client_stream **out, const struct client_request *q,
                       struct raum_error *error) BASE_CHECK;
void client_stream_free(struct client_stream *s); /* NULL is fine */
/* Waits until something came, at most timeout_ms or until a signal, and appends it to `into`. 0,
 * also when nothing came; RAUM_END: the server ended it, all is read; UNREACHABLE, also when it was
 * cut off. */
int client_stream_read(struct client_stream *s, int timeout_ms, struct buf *into,
                       struct raum_error *error) BASE_CHECK;
/* 0 before the answer's head is there. */
int client_stream_status(const struct client_stream *s);
/* As client_header. */
const char *client_stream_header(const struct client_stream *s, const char *name);

#endif
