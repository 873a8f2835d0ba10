/* A server with hosted agents and a few people, without sockets: what the tests of src/agent share.
 * anna and bert are in the family, cleo is in none but her own. Refuses to know what is tested. */
#ifndef TESTS_AGENT_HOME_H
#define TESTS_AGENT_HOME_H

#include "server/desk.h"

#include "agent/host.h"
#include "cli/serve_agents.h"

#define FAM "fam0000000000000000000000000000x"
#define CLUB "club000000000000000000000000000x" /* of anna and cleo */

struct resident {
    char token[64], id[64], personal[64], member[64];
};
struct agent {
    char id[64], token[64];
    const char *session; /* of the protocol; NULL: none */
};

extern struct desk desk;
extern struct agent_desk *port;
extern struct agent_host *host;
extern struct arena arena; /* of a test */
extern struct resident anna, bert, cleo;
extern struct agent_host_options host_options; /* for home_up; unlimited unless changed before */
extern int ended;                              /* how often the host said that an agent ended */
extern int64_t ended_at;

#define OK(call) KIT_OK(&desk.kit, call)
#define E (&desk.kit.error)

int home_up(void **state);
int home_down(void **state);
void home_restart_host(void);
int64_t now(void);
void run(const char *sql, const char *value);
/* Notices go with it, as the routes send them. */
void join(struct resident *who, const char *space, const char *role);
void leave(struct resident *who);
/* An agent of hers; `more`: members of the request's body, ",\"readOnly\":true" or "". */
struct agent make_agent(const struct resident *who, const char *space, const char *more);
void revoke_agent(const struct resident *who, const struct agent *agent);
/* Calls a tool with the agent's token: its code, and the structured content or the error's text,
 * in the arena. */
int call_tool(const struct agent *agent, const char *tool, const char *args, const char **out);
/* The same; fails the test unless it succeeds. */
const char *must(const struct agent *agent, const char *tool, const char *args);
/* A string of a JSON text at "task.id"; fails the test if there is none. */
const char *at(const char *json, const char *path);

/* By a person's own device: a whole row with these fields (JSON, "title":"…"), or an update. */
void by_hand(const struct resident *who, const char *space, const char *table, const char *op,
             const char *id, const char *fields);
/* What the server has of a space for somebody: {"serverChanges":…}, in the arena. */
const char *seen_by(const struct resident *who, const char *space);

#endif
