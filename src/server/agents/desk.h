/* What hosted agents need of the server, by any thread: which token holds, an exchange with the
 * relay in the name of the agent's owner, the owner's keys, the log, and to be told when an agent
 * may have ended. Has a few connections of its own, a thread that writes the log and one that hears
 * notices. Knows no tool and no replica (those are agent/host.h, which the server does not know).
 *
 * A call that writes is logged in the transaction of what it writes: neither is there without the
 * other. Others are gathered and written together within LOG_MS. */
#ifndef SERVER_AGENTS_DESK_H
#define SERVER_AGENTS_DESK_H

#include "media/sniff.h"
#include "media/store.h"
#include "server/agents/agents.h"

#define DESK_SEATS_MAX 8   /* connections */
#define DESK_LOG_MAX 16384 /* entries that wait to be written; whoever brings more, waits */
#define DESK_LOG_MS 50

struct agent_desk;

/* The server is lent; it need not listen. */
int agent_desk_new(struct agent_desk **out, struct server *s, struct raum_error *error) BASE_CHECK;
/* What waits in the log is written first. NULL is fine. */
void agent_desk_free(struct agent_desk *d);

/* Something about this account changed (memberships, agents, the account itself), or with NULL
 * anything may have: whoever runs calls or holds data looks anew. Called on the desk's thread. */
typedef void agent_desk_news(void *arg, const char *account);
void agent_desk_on_news(struct agent_desk *d, agent_desk_news *news, void *arg);
/* Called by agent_desk_free first of all: whoever uses the desk lets go of it. */
void agent_desk_on_close(struct agent_desk *d, void (*close)(void *arg), void *arg);

/* As agents_by_token and agents_by_id; texts in the arena. */
int agent_desk_token(struct agent_desk *d, const char *token, struct arena *a,
                     struct agent_grant *out, struct raum_error *error) BASE_CHECK;
int agent_desk_id(struct agent_desk *d, const char *id, struct arena *a, struct agent_grant *out,
                  struct raum_error *error) BASE_CHECK;
/* As agents_any. */
int agent_desk_any(struct agent_desk *d, const char *account, const char *space, bool *out,
                   struct raum_error *error) BASE_CHECK;
/* What GET /api/v1/vault says; the caller wipes it. */
int agent_desk_keys(struct agent_desk *d, const char *account, struct buf *out,
                    struct raum_error *error) BASE_CHECK;
/* The epoch of the server's database, and slug of a space. */
int agent_desk_place(struct agent_desk *d, const char *space, char epoch[17], struct arena *a,
                     const char **slug, struct raum_error *error) BASE_CHECK;

/* The bytes of a picture that the account may read there now (G-P2); free() them. NOT_FOUND alike
 * for what is foreign, deleted or was never there; TOO_LARGE. *type is a literal. */
int agent_desk_media(struct agent_desk *d, const char *account, const char *space, const char *id,
                     enum media_variant variant, size_t max, void **data, size_t *len,
                     const char **type, struct raum_error *error) BASE_CHECK;

/* POST /api/v1/sync?space= without HTTP: `body` as the wire has it, `answer` gets the answer.
 * What it brings is written as `account`; `entry` (NULL: nothing is logged) is logged with it,
 * once, with what was written. NOT_FOUND: not in the space (any more). */
struct agent_entry {
    struct agent_call call; /* texts lent; changes and writes are the desk's */
    struct buf writes;      /* its own; buf_init'd by the caller, who releases it */
    bool stored;
};
int agent_desk_exchange(struct agent_desk *d, const char *account, const char *space,
                        const void *body, size_t len, struct agent_entry *entry, struct buf *answer,
                        struct raum_error *error) BASE_CHECK;
/* A call that wrote nothing. Copied. BUSY: the log cannot be written. */
int agent_desk_log(struct agent_desk *d, const struct agent_call *call,
                   struct raum_error *error) BASE_CHECK;

/* As generate_run, for an agent: its stop and arg count, `written` is the desk's, and the entry is
 * logged with the rows that are made. At most DESK_MAKING_MAX at once, others are BUSY, so that
 * agents who do something else find a runner. */
#define DESK_MAKING_MAX 2
struct generate_request;
struct generate_answer;
int agent_desk_generate(struct agent_desk *d, const struct generate_request *request,
                        struct agent_entry *entry, struct generate_answer *out,
                        struct raum_error *error) BASE_CHECK;

#endif
