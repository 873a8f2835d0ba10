/* Hosted agents of `raum serve`: joins the server's desk (server/agents/desk.h), which knows no
 * tool, with the host (agent/host.h), which knows no server, and both with /mcp. */
#ifndef CLI_SERVE_AGENTS_H
#define CLI_SERVE_AGENTS_H

#include "agent/host.h"
#include "server/agents/desk.h"
#include "server/mcp/gate.h"
#include <stdatomic.h>

/* The port over a desk; texts of its answers lie in the arenas that are given. */
void serve_agents_port(struct agent_port *port, struct agent_desk *desk);
/* The bytes of pictures, over a desk. */
void serve_agents_media(struct tool_media *media, struct agent_desk *desk);
/* A grant as a host knows it: texts are lent from the grant, names of tools, too. */
struct agent_who serve_agents_who(const struct agent_grant *grant);

/* Both, as a backend of /mcp. */
struct serve_agents {
    struct mcp_backend backend; /* for server_options.mcp */
    struct agent_port port;
    struct tool_media media;
    struct mcp_gate *gate;
    struct agent_host *host;
    atomic_bool open;
};
void serve_agents_init(struct serve_agents *s);
/* After server_start; until then whoever comes is told to come again. Closed by itself when the
 * server stops. */
int serve_agents_open(struct serve_agents *s, struct server *server,
                      struct raum_error *error) BASE_CHECK;

#endif
