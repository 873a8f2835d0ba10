/* The HTTP side of the Model Context Protocol: sessions, streams that open only when something is
 * streamed, resumption. What is served to whom is a port, struct mcp_backend; the protocol is
 * tools/mcp. Knows no tool and no agent beyond its name.
 *
 *     worker: bearer → guest; request → runner's queue (the HTTP request waits, suspended)
 *     runner: mcp_receive → host … → first interim message: the request goes on as a stream
 *                                  → answer only: it goes on as plain JSON
 *
 * Every event of a session's stream is kept for a while, so that a reader who was cut off asks for
 * what it missed (Last-Event-ID). All of it is bounded (G-O3); what ends an agent ends its
 * sessions, streams and running calls at once (G-A3). */
#ifndef SERVER_MCP_GATE_H
#define SERVER_MCP_GATE_H

#include "net/http.h"
#include "tools/mcp/mcp.h"

struct call;
struct sql;
struct mcp_gate;

#define MCP_AGENT_MAX 256

/* Who asks, for the time of one message. */
struct mcp_guest {
    const struct mcp_host *host; /* the backend's, until leave; used by one runner at a time */
    char agent[MCP_AGENT_MAX];   /* to whom sessions belong */
    void *ref;                   /* the backend's */
};
struct mcp_backend {
    void *ctx;
    /* Before the first enter. The gate outlives every call of the backend. May be NULL. */
    int (*start)(void *ctx, struct mcp_gate *gate, struct raum_error *error);
    /* On an HTTP worker, for each message: whose bearer is it (NULL: none was sent), and may it be
     * used now? NOT_ALLOWED with a text: 401. RATE_LIMITED: 429. BUSY: 503. */
    int (*enter)(void *ctx, struct sql *sql, const char *bearer, struct mcp_guest *guest,
                 struct raum_error *error);
    /* The message is dealt with. On any thread; does not wait. */
    void (*leave)(void *ctx, struct mcp_guest *guest);
};

struct mcp_gate_options {
    const struct mcp_backend *backend; /* lent; NULL: nobody is let in */
    const struct raum_env *env;
    int runners;      /* 0: 4 */
    int queue_max;    /* 0: 512 messages that wait for one */
    int sessions_max; /* 0: 10,000; of one agent 32, its longest unused one goes */
    int64_t idle_ms;  /* 0: six hours */
    int alive_ms;     /* 0: 20 s between two comments on an open stream */
};
int mcp_gate_new(struct mcp_gate **out, const struct mcp_gate_options *options,
                 struct raum_error *error) BASE_CHECK;
/* Ends everything that runs, so that the HTTP server can stop. */
void mcp_gate_stop(struct mcp_gate *gate);
/* After the HTTP server has stopped; NULL is fine. */
void mcp_gate_free(struct mcp_gate *gate);

/* From the backend, by any thread. */
void mcp_gate_changed(struct mcp_gate *gate, const char *agent, enum mcp_change what,
                      const char *uri);
void mcp_gate_end(struct mcp_gate *gate, const char *agent);
/* Is any session of the agent subscribed to something? */
bool mcp_gate_listening(struct mcp_gate *gate, const char *agent);

/* For the route; each answers the request. */
int mcp_gate_post(struct mcp_gate *gate, struct call *c, struct mcp_guest *guest) BASE_CHECK;
int mcp_gate_get(struct mcp_gate *gate, struct call *c, const char *agent) BASE_CHECK;
int mcp_gate_delete(struct mcp_gate *gate, struct call *c, const char *agent) BASE_CHECK;
/* A JSON-RPC error as the body. */
int mcp_gate_refuse(struct call *c, int status, int code, const char *message) BASE_CHECK;

#endif
