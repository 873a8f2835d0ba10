/* The Model Context Protocol, sans-I/O: messages in, messages out. Speaks revision 2025-11-25 (and
 * what older clients ask for) with sessions, and 2026-07-28 without; which one a request means is
 * seen from the request. What there is to list, call and read is a port, struct mcp_host; how
 * messages travel is the caller's, struct mcp_sink. Knows no tool, no socket, no thread.
 *
 *     mcp_receive ─ notification, response ─→ done at once
 *                 └ request → call → host ─→ sink: interim messages …, then the answer ─→ sink.done
 *                                     └ needs input ─→ sink: request to the client … mcp_receive
 *                                       (its response) → the host is asked again, from the start
 *
 * Several threads may call mcp_receive at once if the session has a lock; neither host nor sink is
 * ever called with it held. */
#ifndef TOOLS_MCP_MCP_H
#define TOOLS_MCP_MCP_H

#include "base/buf.h"
#include "base/json.h"
#include <raum/env.h>
#include <stdbool.h>

#define MCP_LATEST "2025-11-25"    /* with sessions: what a client that asks for another gets */
#define MCP_STATELESS "2026-07-28" /* without */
#define MCP_MESSAGE_MAX ((size_t)1 << 20)
#define MCP_ANSWER_MAX ((size_t)24 << 20) /* thumbnails in base64 included */
#define MCP_NAME_MAX 256                  /* bytes of names, ids, cursors, versions */
#define MCP_URI_MAX 1024
#define MCP_CALLS_MAX 64 /* of one session at a time */
#define MCP_SUBSCRIPTIONS_MAX 256

/* JSON-RPC's and MCP's own codes. */
enum mcp_error {
    MCP_PARSE_ERROR = -32700,
    MCP_INVALID_REQUEST = -32600,
    MCP_UNKNOWN_METHOD = -32601,
    MCP_INVALID_PARAMS = -32602,
    MCP_INTERNAL = -32603,
    MCP_TRANSPORT = -32000, /* of the HTTP binding: what has no better code */
    MCP_NO_SESSION = -32001,
    MCP_HEADER_MISMATCH = -32020, /* 2026-07-28 */
    MCP_MISSING_CAPABILITY = -32021,
    MCP_UNSUPPORTED_VERSION = -32022,
};

enum mcp_offer {
    MCP_TOOLS = 1,
    MCP_RESOURCES = 2,
    MCP_SUBSCRIBE = 4, /* to resources, and lists that change */
    MCP_PROMPTS = 8,
    MCP_LOGGING = 16,
    MCP_COMPLETIONS = 32,
};
enum mcp_list { MCP_LIST_TOOLS, MCP_LIST_RESOURCES, MCP_LIST_TEMPLATES, MCP_LIST_PROMPTS };
enum mcp_level {
    MCP_DEBUG,
    MCP_INFO,
    MCP_NOTICE,
    MCP_WARNING,
    MCP_ERROR,
    MCP_CRITICAL,
    MCP_ALERT,
    MCP_EMERGENCY,
    MCP_LEVELS,
};
enum mcp_change { MCP_TOOLS_CHANGED, MCP_RESOURCES_CHANGED, MCP_PROMPTS_CHANGED, MCP_RESOURCE };

struct mcp_call;

/* What a host function returns that asked the client something (mcp_ask). */
#define MCP_NEEDS_INPUT 3

/* What is served. Every function writes members of the result object; what it wrote is dropped when
 * it fails. RAUM_ENOT_FOUND (no such tool, resource, prompt) and RAUM_EUSAGE (cursor, arguments)
 * are invalid params to the client; anything else is internal and told without its text. What a
 * tool says in its own words is no failure here: mcp_tool_fail. */
struct mcp_host {
    void *ctx;
    const char *name, *title, *version;
    const char *instructions; /* for the model; NULL: none */
    unsigned offers;          /* enum mcp_offer */
    /* The items of a page; cursor NULL: from the start. `next`: where the following page begins,
     * left empty at the end. */
    int (*list)(void *ctx, struct mcp_call *call, enum mcp_list what, const char *cursor,
                struct json_writer *items, char next[MCP_NAME_MAX], struct raum_error *error);
    /* Writes content, structuredContent, isError. args: an object, or none. */
    int (*call_tool)(void *ctx, struct mcp_call *call, const char *name, struct json_value args,
                     struct json_writer *result, struct raum_error *error);
    /* Items of contents. */
    int (*read)(void *ctx, struct mcp_call *call, const char *uri, struct json_writer *contents,
                struct raum_error *error);
    /* Is there such a resource to be told about? */
    int (*subscribe)(void *ctx, const char *uri, struct raum_error *error);
    /* Writes description, messages. args: an object of strings, or none. */
    int (*prompt)(void *ctx, struct mcp_call *call, const char *name, struct json_value args,
                  struct json_writer *result, struct raum_error *error);
    /* Values for an argument of a prompt (is_prompt) or of a template that begin with `value`: at
     * most 100 into the array; *total: how many there are. */
    int (*complete)(void *ctx, struct mcp_call *call, bool is_prompt, const char *ref,
                    const char *argument, const char *value, struct json_writer *values, int *total,
                    struct raum_error *error);
};

/* How what belongs to one request travels. */
enum mcp_sent {
    MCP_INTERIM, /* a notification or a request to the client; more comes */
    MCP_ANSWER,  /* the response: the last one */
    MCP_BREAK,   /* nothing to send: the connection may be cut here (fixtures) */
};
struct mcp_sink {
    void *ctx;
    /* status: the HTTP status that goes with it if nothing was sent before. */
    void (*send)(void *ctx, enum mcp_sent what, int status, const char *json, size_t len);
    /* Once, when nothing more comes; also without an answer (a notification, cancelled). */
    void (*done)(void *ctx);
};

struct mcp_options {
    const struct raum_env *env;
    unsigned char key[RAUM_KEY_BYTES]; /* signs what a stateless client must bring back */
    const char *session;               /* the binding's name of it; NULL: it has none; lent */
    void *lock_ctx;                    /* lock NULL: one thread */
    void (*lock)(void *ctx);
    void (*unlock)(void *ctx);
};
/* What HTTP says beside the message; NULL: a binding without headers. Texts NULL: not sent. */
struct mcp_headers {
    const char *version, *method, *name;
};

struct mcp;

int mcp_new(struct mcp **out, const struct mcp_options *options,
            struct raum_error *error) BASE_CHECK;
/* No call may be running. NULL is fine. */
void mcp_free(struct mcp *s);
/* Takes one message. The sink is used until its done, the host as long; both may differ from
 * message to message. What is no JSON or no JSON-RPC is answered with an error, too (HTTP 400). */
void mcp_receive(struct mcp *s, const struct mcp_host *host, const struct mcp_headers *headers,
                 const char *text, size_t len, const struct mcp_sink *sink);
/* Something changed: to those who asked for it. `side` takes what belongs to no request (its done
 * is not called); `uri` only with MCP_RESOURCE. */
void mcp_changed(struct mcp *s, enum mcp_change what, const char *uri, const struct mcp_sink *side);
/* Cancels all that runs, waits or listens: nothing is sent any more. Running host functions see it
 * by mcp_cancelled. */
void mcp_end(struct mcp *s);
bool mcp_initialized(struct mcp *s); /* an initialize was answered */
bool mcp_idle(struct mcp *s);        /* nothing runs, waits or listens */
bool mcp_subscribed(struct mcp *s);  /* to any resource, or listening */

/* What a message is, for a binding that must know before it gives it away; all of it tolerant. */
struct mcp_glance {
    bool json, rpc;
    bool request; /* wants an answer */
    bool notification;
    bool initialize; /* is the request that begins a session */
    bool stateless;  /* means 2026-07-28, or a version that is none of ours */
};
struct mcp_glance mcp_look(const char *text, size_t len, const char *version_header);
/* One of those with sessions that we speak? */
bool mcp_version_known(const char *version);
/* An error response; id: JSON, NULL: null. */
void mcp_put_error(struct buf *out, const char *id, int code, const char *message);

/* ---- for hosts, within a call ---- */

void mcp_progress(struct mcp_call *call, double done, double total, const char *text);
/* `data`: JSON. Sent only to who asked for that level. */
void mcp_log(struct mcp_call *call, enum mcp_level level, const char *logger, const char *data);
bool mcp_cancelled(const struct mcp_call *call);
void mcp_break(struct mcp_call *call);
/* Asks the client (sampling/createMessage, elicitation/create, roots/list): its answer if it has
 * been given, else none; then the host function returns MCP_NEEDS_INPUT and is called again. `key`:
 * [a-z0-9_], tells one question from another. `params`: JSON object. */
struct json_value mcp_ask(struct mcp_call *call, const char *key, const char *method,
                          const char *params);
/* May the client be asked this? "sampling", "elicitation", "roots". */
bool mcp_can(const struct mcp_call *call, const char *capability);
/* Fails the call: a capability of the client is needed. Return its result. */
int mcp_lacks(struct mcp_call *call, const char *capability);
/* What the host had kept with the client when it asked (2026-07-28), or NULL; and what to keep. */
const char *mcp_state(const struct mcp_call *call);
void mcp_keep(struct mcp_call *call, const char *state);
bool mcp_is_stateless(const struct mcp_call *call);
const char *mcp_session(const struct mcp_call *call); /* mcp_options.session */
struct arena *mcp_arena(struct mcp_call *call);       /* of the call */

/* A tool's error in its own words, as a result. */
void mcp_tool_fail(struct json_writer *result, const char *text);

#endif
