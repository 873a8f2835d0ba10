/* The server that the protocol's conformance suite expects: tools, resources and prompts with fixed
 * names that hold no data of anybody. Offered by `raum serve --mcp-fixtures`, instead of the real
 * ones. */
#ifndef TOOLS_MCP_FIXTURES_H
#define TOOLS_MCP_FIXTURES_H

#include "tools/mcp/mcp.h"

struct mcp_fixtures {
    /* A tool made a list change; called within a call. */
    void (*changed)(void *arg, enum mcp_change what);
    void *arg;
};
/* `f` is lent for the life of the host. */
struct mcp_host mcp_fixtures_host(struct mcp_fixtures *f);

#endif
