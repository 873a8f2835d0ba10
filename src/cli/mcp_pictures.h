/* Who makes the pictures that tools of `raum mcp` ask for: the account's server, as `raum try-on`
 * has it; for a guest a collage on this device. */
#ifndef CLI_MCP_PICTURES_H
#define CLI_MCP_PICTURES_H

#include "cli/try_on.h"
#include "tools/tools.h"

struct mcp_pictures {
    struct tool_generator port; /* for a tool_call */
    struct cli *cli;
    struct pool *pool;
    const char *agent; /* in whose name */
};
/* All lent; the replica and its scope are open when the port is used. */
void mcp_pictures_init(struct mcp_pictures *m, struct cli *cli, struct pool *pool,
                       const char *agent);

#endif
