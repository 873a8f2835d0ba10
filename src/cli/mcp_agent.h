/* An agent's token at `raum mcp`: the server says whose it is, for which space and what it may do;
 * the tools then run on this device, in the account's own replica, where what is sealed can be
 * read. Calls are told to the server, for its log. Knows no tool. */
#ifndef CLI_MCP_AGENT_H
#define CLI_MCP_AGENT_H

#include "cli/cli.h"
#include "tools/tools.h"

struct mcp_agent;

/* Opens the replica, asks the account's server, and sets cli->space. NOT_ALLOWED: the token is
 * none, its agent has ended, or it is of another account. NOT_CONFIGURED, UNREACHABLE. */
int mcp_agent_new(struct mcp_agent **out, struct cli *cli, const char *token) BASE_CHECK;
void mcp_agent_free(struct mcp_agent *a); /* sends what waits; wipes the token; NULL is fine */
const char *mcp_agent_id(const struct mcp_agent *a);
const struct tool_grant *mcp_agent_grant(const struct mcp_agent *a);
/* tool_gate.log, with the agent as its context: kept until mcp_agent_goes_on sends it. */
void mcp_agent_log(void *agent, const struct tool_logged *entry);
/* Several times a second: sends what waits, asks again now and then. False: the agent has ended
 * (said once). A server that cannot be reached ends nobody. */
bool mcp_agent_goes_on(struct mcp_agent *a);

#endif
