/* A house: a server without sockets whose clock the test holds, with people who are signed in.
 * Calls go through call_dispatch. Accounts and sessions are written as rows: passwords are not what
 * these tests are about. Mails are kept, not sent. */
#ifndef TESTS_SERVER_HOUSE_H
#define TESTS_SERVER_HOUSE_H

#include "server/kit.h"

#include "base/json.h"
#include "server/call.h"

struct house {
    struct kit kit;
    struct server server;
    struct raum_env env;
    int64_t now;     /* ms */
    uint64_t random; /* state; seeded */
    struct arena arena;
};

struct person {
    char id[33], token[33], name[40], email[80], personal[33];
};

struct answered {
    int status;
    struct arena arena; /* of the request: texts and headers */
    char *text;
    struct json_doc doc;
    struct json_value json; /* none when the body is no JSON */
    bool cookie;            /* the session cookie was sent */
};

/* The last mail that went out, of all houses. */
struct house_mail {
    char to[100], subject[300], text[2000];
    int count;
};
extern struct house_mail house_mail;

void house_open(struct house *h, uint64_t seed);
void house_close(struct house *h);
/* One with the address name@example.com, verified; a personal space; a session. */
void house_person(struct house *h, struct person *p, const char *name);
void house_verified(struct house *h, const struct person *p, bool verified);
/* Asks as somebody (NULL: nobody); path with query; body NULL: none. */
void house_ask(struct house *h, struct sql *sql, const struct person *p, const char *method,
               const char *path, const char *body, struct answered *a);
void house_done(struct answered *a);
/* An arena-printed text, good until the house closes. */
const char *house_text(struct house *h, const char *fmt, ...) BASE_PRINTF(2, 3);
/* A POST to /api/auth/organization/<what>. The answer's text, good until the house closes; fails
 * the test unless the status is right. */
const char *house_post(struct house *h, const struct person *p, const char *what, const char *body,
                       int status);
const char *house_get(struct house *h, const struct person *p, const char *path, int status);
/* The member at a dotted path of a JSON text: "members.0.id"; "" if there is none. */
const char *house_at(struct house *h, const char *json, const char *path);
/* Asserts a refusal: status and code ("" for a body without one). */
void house_refused(struct house *h, const struct person *p, const char *method, const char *path,
                   const char *body, int status, const char *code);
/* The integer that a query of one column named n gives. */
int64_t house_count(struct house *h, const char *sql, const char *value);
/* A space made by p; its id. */
const char *house_space(struct house *h, const struct person *p, const char *slug);
/* Invites and accepts; the member's id. */
const char *house_join(struct house *h, const struct person *owner, const char *space,
                       const struct person *p, const char *role);

#endif
