/* One device's conversation with its server: events in, actions out. No socket, no clock, no
 * thread: the command drives it with libcurl, the browser with fetch, the simulation with a fake
 * network and virtual time.
 *
 *     IDLE ──start──▶ SEND ──answer──▶ SEND …            more to send or to fetch
 *                      │                └─────▶ IDLE     nothing left
 *                      └──no answer, 5xx, 429──▶ WAIT ──time, awake──▶ SEND
 *                      └──401, 403 ──▶ STOPPED           who asks is not known there any more
 *
 * Beside it events of the server's stream may come at any time, also while an answer is awaited:
 * they are merged as they come (session_event).
 *
 * A request carries what is dirty and the cursor; the answer says what became of each change and
 * brings what is behind the cursor. The cursor is kept with the rows it brought, in one
 * transaction: a crash asks again, and merging again has no effect (G-S5). A fresh device asks for
 * the space that is active first, then for all else; table `coming` says which spaces are not
 * whole. A space with a cursor of its own there comes by that one: what the common cursor says of
 * it is not here, because the space was erased meanwhile (engine/leave.h). */
#ifndef SYNC_SESSION_H
#define SYNC_SESSION_H

#include "engine/leave.h"
#include "engine/replica.h"

#define SESSION_WAIT_FIRST_MS 1000
#define SESSION_WAIT_MAX_MS 60000

struct session;

enum session_action {
    SESSION_SEND,    /* POST `body` to /api/v1/sync[?space=], then session_answer */
    SESSION_WAIT,    /* nothing before `until`, then session_next */
    SESSION_IDLE,    /* all is sent and fetched; session_start begins anew */
    SESSION_STOPPED, /* signed out there: `error` */
};
struct session_step {
    enum session_action action;
    const char *body; /* lent until the answer */
    size_t len;
    const char *space; /* narrows to one; NULL: all. Lent until the answer */
    int64_t until;     /* ms */
};
struct session_counts {
    uint32_t sent, applied, stale, parked; /* changes */
    uint32_t received, merged, retracted;  /* rows */
    uint32_t unknown; /* of spaces that are not known here: ask for the list of spaces */
    uint32_t left;    /* spaces that the stream said were left */
    int64_t behind;   /* about how many rows are still to come, as last heard */
};

/* The replica is lent. A guest has no server: NOT_CONFIGURED. */
int session_new(struct session **out, struct raum *r, struct raum_error *error) BASE_CHECK;
void session_free(struct session *s); /* NULL is fine */
/* The replica holds one space and no other is to come: every request is narrowed to it. */
void session_narrow(struct session *s, uint32_t space);
/* Something was written here, or the server said that there is news. */
void session_start(struct session *s);
/* The network is there again: nothing is waited for but what the server asked for. */
void session_awake(struct session *s);
int session_next(struct session *s, int64_t now_ms, struct session_step *out,
                 struct raum_error *error) BASE_CHECK;
/* The answer to what was sent. status 0: there was none. retry_ms: what the server asked for, or
 * 0. Errors are of this device (disk, damage); the server's lead to WAIT. */
int session_answer(struct session *s, int64_t now_ms, int status, int64_t retry_ms,
                   const void *body, size_t len, struct raum_error *error) BASE_CHECK;
/* One event of GET /api/v1/sync/stream. RAUM_END: it is not what a server says, end the stream; a
 * negative code as in session_answer. After one the session may want to send: session_next. */
int session_event(struct session *s, int64_t now_ms, const char *name, const void *data, size_t len,
                  struct raum_error *error) BASE_CHECK;
/* Where a stream begins: the cursor, copied to *out (NULL: the start). */
int session_since(struct session *s, struct arena *a, char **out,
                  struct raum_error *error) BASE_CHECK;
/* Hears, while an answer that says there is more is still to be merged, what will be asked next:
 * its answer may be fetched meanwhile. `step` is lent for the call. When session_next then asks the
 * very same (space and body), that answer is the answer; if not, it is thrown away. */
typedef void session_ahead(void *arg, const struct session_step *step);
void session_on_ahead(struct session *s, session_ahead *ahead, void *arg);
/* Should the list of spaces be asked for? Once for each reason. */
bool session_ask_spaces(struct session *s);
/* Hears of spaces that the stream says were left, once they are erased. */
void session_on_left(struct session *s, leave_tell *tell, void *arg);
/* Is some of the space still on the server only, as far as is known? */
int session_coming(struct raum *r, uint32_t space, bool *out, struct raum_error *error) BASE_CHECK;
/* Since session_new. */
const struct session_counts *session_counts(const struct session *s);
/* Why the last request was not answered well; NULL when it was. */
const char *session_trouble(const struct session *s);

#endif
