/* A client of an MCP host without any I/O: sends a message, keeps what comes back. */
#ifndef TESTS_TOOLS_CLIENT_H
#define TESTS_TOOLS_CLIENT_H

#include "tools/mcp/mcp.h"

#define CLIENT_MESSAGES 64

struct client {
    struct mcp *mcp;
    const struct mcp_host *host;
    char *messages[CLIENT_MESSAGES]; /* since the last request; owned */
    int statuses[CLIENT_MESSAGES];
    enum mcp_sent kinds[CLIENT_MESSAGES];
    int count, done;
    struct json_doc doc; /* of the last message */
    struct mcp_sink sink;
    void (*heard)(struct client *c, const char *json); /* during a call; may be NULL */
};
void client_open(struct client *c, const struct mcp_host *host);
void client_close(struct client *c);
/* Forgets what came, sends; `headers` may be NULL. */
void client_send(struct client *c, const char *json, const struct mcp_headers *headers);
/* The same with initialize and the capabilities. */
void client_begin(struct client *c, const char *capabilities);
/* The last message, parsed; fails the test if there is none. */
struct json_value client_last(struct client *c);
/* Text of a path in the last message: "result.content.0.text", "error.code"; "" if absent. A number
 * or truth as it is written. Lent until the next call. */
const char *client_at(struct client *c, const char *path);

#endif
