/* The tools, resources and prompts of one space as an MCP host (tools/mcp/mcp.h): what standard
 * input and hosted agents serve. One thread at a time, that of the replica; who serves several
 * locks around the functions of the mcp_host.
 *
 *     raum://image/ID     a picture of people that may be used by AI (G-P1), as JSON and as bytes
 *     raum://picture/ID   a picture that was made here
 *     raum://outfit/ID    an outfit with its garments
 *     raum://image/ID/VARIANT, raum://picture/ID/VARIANT   the bytes: thumb, medium, large
 */
#ifndef TOOLS_HOST_H
#define TOOLS_HOST_H

#include "tools/mcp/mcp.h"
#include "tools/tools.h"

#define HOST_KINDS 3

struct tools_host {
    /* What every call begins as; its arena and hooks are each call's own. Set by the caller.
     * Without a scope (NULL) tools, templates and prompts can be listed. */
    struct tool_call base;
    struct tool_gate gate; /* by the caller */
    /* Something that was listed or read has changed; NULL: nobody wants to know. By the caller. */
    void (*changed)(void *arg, enum mcp_change what, const char *uri);
    void *changed_arg;

    struct host_watch {
        struct tools_host *host;
        struct raum_watch *watch;
        bool primed, moved;
    } watches[HOST_KINDS];
};
/* `h` is filled by the caller, and lent to the result. */
struct mcp_host tools_host_mcp(struct tools_host *h);
/* What tools_call came to, as members of a tool's result: for who calls it in another way. `a`: of
 * the call. */
void tools_host_put(struct arena *a, struct json_writer *w, int rc, const struct buf *json,
                    const struct buf *more, const struct raum_error *error);
/* Ends its live queries. raum_poll delivers them meanwhile. */
void tools_host_release(struct tools_host *h);

#endif
