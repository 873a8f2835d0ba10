/* What hosted agents ask of the server they live in. The server does not know this folder, and this
 * folder no server: whoever knows both joins them (cli/serve_agents.c). Any thread may call. */
#ifndef AGENT_PORT_H
#define AGENT_PORT_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "tools/tools.h"

/* An agent that holds now, as its grant says. Texts lie in the arena that was given. */
struct agent_who {
    const char *agent, *name;       /* id and name */
    const char *account, *owner;    /* whose, and that person's name */
    const char *space, *space_name; /* the one it is bound to */
    int role, space_type;           /* of the owner there: enum rights_role, schema_space_type */
    bool sealed;                    /* the owner lets the server open what is sealed */
    struct tool_grant grant;
    int64_t expires;     /* ms; 0: never */
    int64_t seq;         /* what the server has of the space: a replica must have seen that */
    const char *session; /* of the protocol, that this call came in; NULL: none */
};

/* One call as the log has it. Texts are lent. */
struct agent_note {
    const char *call, *run, *agent, *account, *space, *tool, *digest, *outcome;
    int64_t at, took_ms;
    bool stored;       /* the port has logged it with what was written */
    struct buf writes; /* the port's own; init and release are the caller's */
    int64_t changes;
};

struct agent_port {
    void *ctx;
    /* The agent of this id. NOT_ALLOWED: it does not hold, or not any more. */
    int (*holds)(void *ctx, const char *agent, struct arena *a, struct agent_who *out,
                 struct raum_error *error);
    /* Does any agent of the account hold in the space? */
    int (*any)(void *ctx, const char *account, const char *space, bool *out,
               struct raum_error *error);
    /* Epoch of the server's database, slug of a space. */
    int (*place)(void *ctx, const char *space, char epoch[17], struct arena *a, const char **slug,
                 struct raum_error *error);
    /* The copies of the account's keys, as GET /api/v1/vault has them. The caller wipes it. */
    int (*keys)(void *ctx, const char *account, struct buf *out, struct raum_error *error);
    /* POST /api/v1/sync?space= as the account; `note` (may be NULL) is logged with what is written.
     */
    int (*exchange)(void *ctx, const char *account, const char *space, const void *body, size_t len,
                    struct agent_note *note, struct buf *answer, struct raum_error *error);
    /* A call that wrote nothing. */
    int (*log)(void *ctx, const struct agent_note *note, struct raum_error *error);
};

#endif
