/* The question that follows the one whose answer is still being merged (session_on_ahead), asked on
 * a thread and a connection of its own: a device that fetches much does not wait for the server,
 * nor the server for it. One at a time, so two answers are in memory at most. */
#ifndef CLI_AHEAD_H
#define CLI_AHEAD_H

#include "cli/remote.h"
#include "sync/session.h"
#include <pthread.h>

struct ahead {
    struct remote remote; /* a copy of the settings, with its own connection */
    struct session *session;
    pthread_t thread;
    bool running;
    struct buf path, body; /* as asked */
    struct remote_answer answer;
};

/* From now on the session's questions are asked ahead; until ahead_release, before session_free. */
void ahead_init(struct ahead *a, const struct remote *r, struct session *s);
void ahead_release(struct ahead *a);
/* Was exactly this asked ahead? Then its answer, waited for, is *out, to be released by the caller;
 * else what was asked is forgotten, and the caller asks. */
bool ahead_take(struct ahead *a, const char *path, const struct session_step *step,
                struct remote_answer *out);
/* Where such a question goes: "/api/v1/sync", narrowed to the step's space. */
void ahead_path(struct buf *out, const struct session_step *step);

#endif
