/* A server without a socket for tests of routes: requests go straight into call_dispatch, as a
 * worker would hand them over. On both databases, by the kit. */
#ifndef TESTS_SERVER_DESK_H
#define TESTS_SERVER_DESK_H

#include "base/json.h"
#include "net/http.h"
#include "server/call.h"
#include "server/kit.h"
#include "server/server.h"

#define DESK_ORIGIN "http://raum.test"
#define DESK_PASSWORD "correct horse"

struct desk {
    struct kit kit;
    struct server *server;
    struct server_options options;
    struct sql *sql; /* what requests use; lent from the server unless a test puts another here */
};

struct reply {
    int status;
    struct buf body;
    struct http_request http; /* for headers of the answer */
    struct json_doc doc;
    struct json_value json; /* none when the body is no JSON */
};

void desk_open(struct desk *d);
/* With more options; folder, address and database are the desk's. */
void desk_open_with(struct desk *d, const struct server_options *more);
/* The server ends and starts again on what lies there. */
void desk_restart(struct desk *d);
void desk_close(struct desk *d);
/* One more session of a new or old account; out holds the bearer token. */
void desk_sign_up(struct desk *d, const char *email, char out[64]);
int desk_sign_in(struct desk *d, const char *email, const char *password, char out[64]);

/* target: path and query. token NULL: nobody. type and body NULL: none. headers: "name", "value", …
 * NULL; or NULL. The reply is released by the caller. */
void desk_send(struct desk *d, struct sql *sql, const char *method, const char *target,
               const char *token, const char *type, const void *body, size_t len,
               const char *const *headers, struct reply *r);
/* JSON, or no body at all. */
void desk_ask(struct desk *d, const char *method, const char *target, const char *token,
              const char *json, struct reply *r);
void desk_done(struct reply *r);
const char *desk_header(const struct reply *r, const char *name); /* NULL: none */
/* A string inside the JSON answer, "error.code"; "" when absent. Lent, from a static buffer. */
const char *desk_text(const struct reply *r, const char *path);

/* desk_ask, the status, and done. */
#define DESK_IS(d, wanted, method, target, token, json)                                            \
    do {                                                                                           \
        struct reply reply_;                                                                       \
        desk_ask(d, method, target, token, json, &reply_);                                         \
        if (reply_.status != (wanted))                                                             \
            fail_msg("%s %s: %d %s", method, target, reply_.status, buf_text(&reply_.body));       \
        desk_done(&reply_);                                                                        \
    } while (0)
/* The same with a code of our own. */
#define DESK_CODE(d, wanted, code, method, target, token, json)                                    \
    do {                                                                                           \
        struct reply reply_;                                                                       \
        desk_ask(d, method, target, token, json, &reply_);                                         \
        if (reply_.status != (wanted) || strcmp(desk_text(&reply_, "error.code"), code) != 0)      \
            fail_msg("%s %s: %d %s", method, target, reply_.status, buf_text(&reply_.body));       \
        desk_done(&reply_);                                                                        \
    } while (0)

#endif
