/* A call: one request being answered by one function of a route table. Joins what every route
 * needs: the connection of this worker, the session, the parsed body, answers and errors in the
 * shape of the path (Better Auth's under /api/auth, ours elsewhere).
 *
 * To add a route: one row in the table of its folder (auth/auth.c, spaces/organization.c,
 * routes/…), one function. A table ends with run NULL; server.c names the tables. */
#ifndef SERVER_CALL_H
#define SERVER_CALL_H

#include "base/json.h"
#include "net/http.h"
#include "server/server.h"
#include "server/store/sql.h"

/* The session of a call, as read from the database; texts in the call's arena. */
struct session {
    const char *id, *token, *account, *active_space; /* active_space may be NULL */
    const char *ip, *agent;
    int64_t created, updated, expires; /* ms */
    bool remember;
    /* of the account */
    const char *email, *name, *image; /* image may be NULL */
    bool email_verified;
    int64_t account_created, account_updated;
};

enum route_flags {
    ROUTE_SESSION = 1,  /* without a session: 401, the function is not called */
    ROUTE_BODY = 2,     /* a JSON object; missing or broken: 400 as Better Auth says it */
    ROUTE_BODY_MAY = 4, /* parsed if there is one */
    ROUTE_FORM = 8,     /* takes application/x-www-form-urlencoded too */
    ROUTE_PREFIX = 16,  /* path is a prefix; the rest is call->rest */
    ROUTE_RAW = 32,     /* the body is not JSON: not parsed, any type */
    ROUTE_RECORD = 64,  /* with ROUTE_BODY: complaints call the object a record, as zod does */
    ROUTE_LOGIN = 128,  /* the origin is checked without a cookie too: login forgery */
};

/* What a body must look like; checked before the session, worded as Better Auth does. */
enum call_type {
    CALL_END,
    CALL_STRING,
    CALL_TEXT /* not empty */,
    CALL_EMAIL,
    CALL_BOOL,
    CALL_OBJECT
};
struct call_field {
    const char *name;
    enum call_type type;
    bool optional; /* may be absent; null is never fine */
};

/* What a route returns that has suspended its request (http_suspend) and set `later`. */
#define CALL_LATER 2

struct call;
struct route {
    const char *method, *path;
    /* 0: answered (also with an error); negative: answered with 500; CALL_LATER. */
    int (*run)(struct call *c);
    unsigned flags;
    const struct call_field *fields; /* of the body; ends with CALL_END; NULL: not checked */
};

struct call {
    struct server *server;
    struct sql *sql; /* this worker's */
    struct http_request *http;
    struct arena *arena; /* of the request */
    const struct route *route;
    const char *rest; /* ROUTE_PREFIX: what follows, without '/' */
    struct json_doc doc;
    struct json_value body;  /* an object (ROUTE_BODY_MAY: whatever was sent), or none */
    struct session *session; /* NULL: nobody; loaded for ROUTE_SESSION, else by auth_session */
    bool session_known;      /* auth_session has looked */
    int (*later)(struct call *c); /* after CALL_LATER: goes on with it, on some worker */
    void *state;                  /* of the route, kept meanwhile */
    struct raum_error error;
};

/* Answers. */
int call_json(struct call *c, int status, const struct buf *json) BASE_CHECK;
int call_text(struct call *c, int status, const char *json) BASE_CHECK; /* a JSON literal of ours */
/* An error in the shape of the path. code NULL: none is sent (Better Auth has such). */
int call_fail(struct call *c, int status, const char *code, const char *message) BASE_CHECK;
int call_failf(struct call *c, int status, const char *code, const char *fmt, ...)
    BASE_PRINTF(4, 5) BASE_CHECK;
/* 401 in the shape of the path. */
int call_unauthorized(struct call *c) BASE_CHECK;
/* The same for a RAUM_E… with c->error: 404, 403 …; what is internal is logged, not told. */
int call_error(struct call *c, int result) BASE_CHECK;

/* Parts of the body, in the arena. Text of a member; NULL when absent or no string. */
const char *call_str(struct call *c, const char *key);
bool call_bool(struct call *c, const char *key, bool otherwise);
bool call_has(const struct call *c, const char *key);

/* Checks the body as a route's fields are: 0, or 1: answered with 400. */
int call_check(struct call *c, const struct call_field *fields) BASE_CHECK;
/* "string", "undefined": as zod names what it got. */
const char *call_type_name(struct json_value v);
/* A parameter of the query that must be there: 0 and the text, or 1: answered with 400. */
int call_need_param(struct call *c, const char *name, const char **out) BASE_CHECK;
/* The other end's address: the peer's, or behind a proxy on this machine what it forwards. */
const char *call_address(struct call *c);

/* Random text of [a-zA-Z0-9], in the arena; NULL: no memory. 32 is an id's or token's length. */
char *call_random(struct call *c, int length);
int64_t call_now(const struct call *c); /* ms */
/* "2026-11-23T04:57:38.073Z" */
void call_put_time(struct json_writer *w, int64_t ms);

/* Runs a request through the route tables: what the HTTP server's workers call, and tests without
 * any socket. */
void call_dispatch(struct server *s, struct sql *sql, struct http_request *q);

#endif
