/* How the spaces' routes answer: Better Auth's organization errors by their code, and transactions
 * that hold a space's lock. Knows no rule. */
#ifndef SERVER_SPACES_ANSWER_H
#define SERVER_SPACES_ANSWER_H

#include "server/call.h"
#include "server/spaces/space.h"

/* Results of the functions below and of what uses them: 0 go on, ANSWERED: the request has its
 * answer, an error; negative: an error that is not the caller's. */
#define ANSWERED 2

/* An error of the organization plugin with the message that belongs to the code. */
int answer_error(struct call *c, int status, const char *code) BASE_CHECK;
/* One with its own message; code may be NULL. */
int answer_fail(struct call *c, int status, const char *code, const char *message) BASE_CHECK;
/* A status without any body. */
int answer_bare(struct call *c, int status) BASE_CHECK;
/* What a route gives back. */
int answer_done(int rc) BASE_CHECK;
/* Loads the session; without one 401 UNAUTHORIZED. */
int answer_session(struct call *c) BASE_CHECK;

/* A JSON answer under way. */
struct answer {
    struct buf buf;
    struct json_writer w;
};
void answer_begin(struct answer *a);
/* Sends and releases. */
int answer_send(struct call *c, struct answer *a) BASE_CHECK;

/* Runs work in a transaction in which nobody else holds `lock`; commits when it gives 0. */
typedef int answer_work(struct call *c, void *arg);
int answer_locked(struct call *c, const char *kind, const char *id, answer_work *work,
                  void *arg) BASE_CHECK;

/* `asked` unless NULL or empty, else the session's active space, which may be NULL. */
const char *answer_space(const struct call *c, const char *asked);

#endif
