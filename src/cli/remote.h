/* The server that an account of this device is connected to: where it is, the session there, and
 * how to ask it. What it refuses comes back as one of our codes with a sentence for people; what
 * cannot be reached as UNREACHABLE. Knows addresses, no command and no replica.
 *
 *     DATA/accounts/<account>/server.json (0600)   {"url","email","token","ca"?} */
#ifndef CLI_REMOTE_H
#define CLI_REMOTE_H

#include "base/json.h"
#include "net/client.h"
#include <stdbool.h>

#define REMOTE_URL_MAX 1000
#define REMOTE_TOKEN_MAX 512
#define REMOTE_EMAIL_MAX 320
#define REMOTE_CA_MAX 4096
#define REMOTE_HEADERS 8
#define REMOTE_FILE "server.json"

struct remote {
    struct client *client;    /* made at the first request */
    char url[REMOTE_URL_MAX]; /* no slash at the end */
    char email[REMOTE_EMAIL_MAX];
    char token[REMOTE_TOKEN_MAX]; /* of the session; "" before there is one */
    char ca[REMOTE_CA_MAX];       /* PEM of a house's own authority; "": the system's */
    int timeout_ms;               /* of one request; 0: as the client has it */
    /* Asked several times a second while a request is on its way; true ends it: INTERRUPTED. NULL:
     * nobody gives up. */
    bool (*stop)(void *arg);
    void *stop_arg;
};
struct remote_answer {
    int status;
    struct client_answer raw;
    struct json_doc doc;
    struct json_value root; /* none if the body is no JSON */
};

/* Fields of `r` are set, `client` NULL. USAGE for an address that is none. */
int remote_init(struct remote *r, const char *url, const char *ca,
                struct raum_error *error) BASE_CHECK;
void remote_release(struct remote *r); /* wipes the token; NULL is fine */
/* NOT_FOUND: the account in this folder has no server. */
int remote_read(struct remote *r, const char *folder, struct raum_error *error) BASE_CHECK;
int remote_write(const struct remote *r, const char *folder, struct raum_error *error) BASE_CHECK;
int remote_remove(const char *folder, struct raum_error *error) BASE_CHECK;
/* The four texts, as members of an object that is open; and back. */
void remote_put(const struct remote *r, struct json_writer *w);
bool remote_get(struct remote *r, struct json_value object);

/* One exchange. A status of 400 and more is an error: one of our codes, the sentence through tr().
 * GET, PUT and DELETE are tried once more when the server does not answer. `answer` is released by
 * the caller in any case. */
int remote_send(struct remote *r, const char *method, const char *path, const char *type,
                const void *body, size_t len, struct remote_answer *answer,
                struct raum_error *error) BASE_CHECK;
/* The same with more headers ("Name: value", ends with NULL, at most REMOTE_HEADERS; NULL: none).
 */
int remote_send_with(struct remote *r, const char *method, const char *path,
                     const char *const *more, const char *type, const void *body, size_t len,
                     struct remote_answer *answer, struct raum_error *error) BASE_CHECK;
/* The same with a JSON body (NULL: none). */
int remote_ask(struct remote *r, const char *method, const char *path, const struct buf *body,
               struct remote_answer *answer, struct raum_error *error) BASE_CHECK;
/* The same as a stream of events (net/client.h), with one more header (NULL: none). */
int remote_stream(struct remote *r, const char *path, const char *header,
                  struct client_stream **out, struct raum_error *error) BASE_CHECK;
void remote_answer_release(struct remote_answer *answer); /* wipes what came */
/* Text as a part of a path or query. */
void remote_escape(struct buf *out, const char *text);
/* Does the error say that the session is over? */
bool remote_ended(const struct raum_error *error);

#endif
