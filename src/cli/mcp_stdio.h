/* The Model Context Protocol on standard input and output: one message a line. A thread reads, so
 * that a running call hears that it is cancelled; everything else happens on the caller's thread,
 * which owns the replica. */
#ifndef CLI_MCP_STDIO_H
#define CLI_MCP_STDIO_H

#include "cli/cli.h"
#include "tools/mcp/mcp.h"

struct mcp_stdio;
int mcp_stdio_new(struct mcp_stdio **out, const struct raum_env *env, int in, int to,
                  struct raum_error *error) BASE_CHECK;
void mcp_stdio_free(struct mcp_stdio *s); /* NULL is fine */
/* Until the input ends or cli_stop: 0. `idle` is called several times a second between messages;
 * IO: nobody reads our answers any more. */
int mcp_stdio_run(struct mcp_stdio *s, const struct mcp_host *host, void (*idle)(void *arg),
                  void *arg, struct raum_error *error) BASE_CHECK;
/* Tells the client of a change, if it asked for that. On the caller's thread. */
void mcp_stdio_changed(struct mcp_stdio *s, enum mcp_change what, const char *uri);

#endif
