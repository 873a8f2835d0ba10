/* What the files of mcp share: a session, a call, a message. */
#ifndef TOOLS_MCP_INSIDE_H
#define TOOLS_MCP_INSIDE_H

#include "tools/mcp/mcp.h"
#include <stdatomic.h>

#define META_VERSION "io.modelcontextprotocol/protocolVersion"
#define META_CLIENT "io.modelcontextprotocol/clientCapabilities"
#define META_LEVEL "io.modelcontextprotocol/logLevel"
#define META_SERVER "io.modelcontextprotocol/serverInfo"
#define META_SUBSCRIPTION "io.modelcontextprotocol/subscriptionId"
#define ASKS_MAX 8

enum message_kind { MESSAGE_REQUEST, MESSAGE_NOTIFICATION, MESSAGE_RESPONSE, MESSAGE_NONE };
struct message {
    enum message_kind kind;
    const char *id;                 /* JSON; NULL: none */
    const char *method;             /* NULL: a response */
    struct json_value params, meta; /* or none */
    struct json_value result;       /* of a response: an object, or none (an error) */
};
/* Reads a parsed message; texts go into the arena. MESSAGE_NONE: no JSON-RPC 2.0. */
struct message mcp_message_read(const struct json_doc *doc, struct arena *a);

struct ask {
    char key[64];
    char id[48];  /* of the request to the client, as JSON */
    char *answer; /* owned; JSON; NULL: not yet */
    size_t len;
    struct json_doc doc; /* of the answer */
    const char *method;  /* in the call's arena */
    const char *params;
    bool sent;
};

struct method;
struct mcp_call {
    struct mcp *session;
    const struct mcp_host *host;
    struct mcp_sink sink;
    struct arena arena;
    char *text; /* the message; owned */
    struct json_doc doc;
    struct message message;
    const struct method *method;
    struct mcp_headers headers;
    bool has_headers, stateless;
    atomic_bool cancelled;
    double progressed; /* the last value sent: it only grows */
    struct ask asks[ASKS_MAX];
    int ask_count;
    bool running, waiting, listening;
    unsigned heard; /* listening: a bit per enum mcp_change */
    char *listened; /* listening: uris, each with a NUL; owned */
    size_t listened_len;
    const char *state; /* what the client brought back */
    const char *keep;
    struct buf out;
    struct json_writer w;
    int status;
    struct mcp_call *next;
};

struct mcp {
    struct mcp_options o;
    bool initialized;
    atomic_int level;
    bool sampling, elicitation, roots; /* of the client */
    uint64_t asked;
    struct mcp_call *calls;
    int call_count;
    char *uris[MCP_SUBSCRIPTIONS_MAX];
    int uri_count;
};

void mcp_lock(struct mcp *s);
void mcp_unlock(struct mcp *s);
/* Writes the error response of the call; nothing else of it is kept. */
void mcp_call_fail(struct mcp_call *c, int status, int code, const char *message, const char *data);
/* Opens the envelope, "result" and its object; call_result_end adds what every result carries. */
void mcp_call_result(struct mcp_call *c);
/* Runs the method of the call; then the call is over, or waits. */
void mcp_call_run(struct mcp_call *c);
/* The request is as its era demands: true, or false: the error is written. */
bool mcp_call_checked(struct mcp_call *c);
/* Reads inputResponses and requestState of a stateless request. */
bool mcp_call_inputs(struct mcp_call *c);
/* After MCP_NEEDS_INPUT: tells the client what is wanted. False: the call fails. */
bool mcp_call_needs(struct mcp_call *c);
void mcp_call_free(struct mcp_call *c);
struct json_value mcp_call_answer(struct ask *a);
enum mcp_level mcp_level_of(struct json_value name); /* MCP_LEVELS: none */

struct method {
    const char *name;
    unsigned eras;      /* ERA_… */
    unsigned offer;     /* needs this of the host */
    const char *header; /* stateless: the member of params that Mcp-Name repeats */
    unsigned flags;
    /* 0: the result is written; RAUM_E…; MCP_NEEDS_INPUT; METHOD_DONE: it has answered itself. */
    int (*run)(struct mcp_call *c, struct raum_error *error);
};
enum { ERA_SESSION = 1, ERA_STATELESS = 2 };
enum { METHOD_CACHED = 1, METHOD_INPUT = 2, METHOD_FIRST = 4 /* before initialize, too */ };
#define METHOD_DONE 4
extern const struct method mcp_methods[];

#endif
