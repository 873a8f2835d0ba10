/* What `raum serve` lets agents in with. */
#ifndef CLI_SERVE_MCP_H
#define CLI_SERVE_MCP_H

#include "cli/cli.h"
#include "server/mcp/gate.h"
#include "server/server.h"
#include "tools/mcp/fixtures.h"

struct serve_mcp {
    struct mcp_backend backend;
    struct mcp_fixtures fixtures;
    struct mcp_host host;
    struct mcp_gate *gate;
};
/* Sets o->mcp; `m` is lent until the server has stopped. USAGE: fixtures beyond this machine. */
int serve_mcp_options(struct cli *cli, struct server_options *o, struct serve_mcp *m) BASE_CHECK;

#endif
