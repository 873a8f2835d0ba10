/* Agents on the server: credentials that are bound to one space, what they did there, and taking it
 * back. A token is shown once and kept as its hash. Whether an agent still holds is asked of the
 * tables with every call: its row, its expiry, the very membership it was made under, the account
 * and the space (G-A3). Knows no tool; what a tool is allowed to do is the host's business
 * (agent/host.h).
 *
 *     token    raum_agent_<43 letters and digits>
 *     writes   [{"from":seq,"to":seq,"dev":device,"rows":[{"table","id","at":{field: time}}]}]
 */
#ifndef SERVER_AGENTS_AGENTS_H
#define SERVER_AGENTS_AGENTS_H

#include "server/call.h"

#define AGENT_TOKEN "raum_agent_"
#define AGENT_TOKEN_SIZE 56 /* with its NUL */
#define AGENT_NAME_MAX 80
#define AGENT_TOOLS_MAX 64
#define AGENT_OF_ACCOUNT_MAX 200
#define AGENT_DAYS 90 /* that one lasts if nothing is said */

extern const struct route agent_routes[]; /* /api/v1/agents… */

/* Texts lie in the arena that it was read into. */
struct agent_grant {
    const char *id, *name, *account, *space;
    const char *owner; /* the account's name */
    const char *space_name;
    const char *const *tools;
    int tool_count;
    bool read_only, all_writes, sealed;
    int64_t created, expires, revoked; /* ms; 0: never */
    int role;                          /* of the account in the space, enum rights_role */
    int space_type;                    /* enum schema_space_type */
    int64_t seq;                       /* of the space's partition: what a replica must have seen */
};

/* The one of a token, or of an id, that holds now. NOT_ALLOWED: there is none, or not any more; it
 * is never said which. */
int agents_by_token(struct sql *c, const char *token, int64_t now_ms, struct arena *a,
                    struct agent_grant *out, struct raum_error *error) BASE_CHECK;
int agents_by_id(struct sql *c, const char *id, int64_t now_ms, struct arena *a,
                 struct agent_grant *out, struct raum_error *error) BASE_CHECK;
/* Does any agent of the account hold in the space? */
int agents_any(struct sql *c, const char *account, const char *space, int64_t now_ms, bool *out,
               struct raum_error *error) BASE_CHECK;
/* GET /api/v1/spaces/{id}/log, for a member. */
int agents_space_log(struct call *c, const char *space) BASE_CHECK;
/* Forgets calls that are older than 30 days, and agents that ended before. */
int agents_sweep(struct sql *c, int64_t now_ms, struct raum_error *error) BASE_CHECK;

/* ---- what they did ---- */

struct agent_call {
    const char *id, *space, *agent, *account, *run, *tool, *digest, *outcome;
    int64_t created, took, changes; /* ms, ms, rows */
    const char *writes;             /* NULL: none */
    int64_t undone;
};
int agents_log_put(struct sql *c, const struct agent_call *entry,
                   struct raum_error *error) BASE_CHECK;

/* ---- taking it back ---- */

#define AGENT_UNDO_ROWS_MAX 2000

/* What became of a run: for each row what was undone and what was left, and why. */
struct agent_undone {
    const char *table, *id;
    const char **fields; /* undone; NULL with `gone` */
    int count;
    bool gone;         /* the run had made the row: it is deleted again */
    const char **left; /* fields that stay as they are */
    const char **why;  /* "EDITED", or a code of the relay */
    int left_count;
};
/* Undoes the calls of a run, or one call, for a member of its space: each field that still holds
 * what the run wrote gets what it held before, by the member's own write and rights. NOT_FOUND:
 * none that this account may see; 30 days are over. One transaction. */
int agents_undo(struct call *c, const char *run, struct agent_undone **rows, int *count) BASE_CHECK;

#endif
