/* What the files of server/mcp share. Locks, outer first: the gate's, a session's, its lanes'. */
#ifndef SERVER_MCP_INSIDE_H
#define SERVER_MCP_INSIDE_H

#include "server/call.h"
#include "server/mcp/gate.h"
#include <pthread.h>
#include <stdatomic.h>

#define SESSION_ID 37
#define KEPT_MAX ((size_t)512 << 10)    /* bytes of events of a session, and of each at least one */
#define KEPT_ALL_MAX ((size_t)64 << 20) /* of all sessions; beyond it only the last ones */
#define LANES_MAX 32                    /* of a session; the oldest finished ones go */
#define RETRY_MS 500                    /* when a reader should come back after a break */

struct event {
    struct event *next;
    uint64_t number;
    size_t len;
    char data[];
};
/* What one request streams, or a session's own stream (number 0). */
struct lane {
    struct lane *next;
    uint64_t number, sent; /* `sent`: number of the last event */
    struct event *first, *last;
    struct http_stream *out; /* counted; NULL: nobody reads */
    bool over;               /* nothing more comes */
    bool opened;             /* somebody reads or has read */
    bool broken;             /* the connection is to be cut when it is there … */
    uint64_t broken_at;      /* … behind this event */
};

struct gate_session {
    struct gate_session *next;
    struct mcp_gate *gate;
    char id[SESSION_ID]; /* "": of one stateless request */
    char agent[MCP_AGENT_MAX];
    struct mcp *mcp;
    pthread_mutex_t lock; /* mcp's */
    pthread_mutex_t lanes_lock;
    struct lane *lanes;
    uint64_t lane_count;
    size_t kept;
    struct post *posts; /* whose requests wait; the gate's lock */
    int refs;
    int64_t used;
};

/* One POST, from the worker to the runner and back. */
struct post {
    struct post *beside;          /* in the session */
    struct post *next;            /* in the queue */
    struct gate_session *session; /* counted */
    struct mcp_guest guest;
    bool guest_left;
    struct http_request *q; /* NULL: it was resumed, or is not suspended */
    struct lane *lane;
    char *text; /* owned */
    size_t len;
    struct mcp_headers headers; /* in the request's arena: until it is resumed; copied by mcp */
    struct buf answer;
    int status;   /* 0: no answer */
    bool settled; /* the answer is written, or being written: once; the gate's lock */
    int refs;     /* the sink's and the request's */
};

struct mcp_gate {
    struct mcp_gate_options o;
    const struct raum_env *env;
    unsigned char key[RAUM_KEY_BYTES];
    pthread_mutex_t lock;
    pthread_cond_t work, tick;
    struct gate_session *sessions;
    int session_count;
    struct post *first, *last;
    int waiting;
    pthread_t *threads;
    int thread_count;
    pthread_t keeper;
    bool keeping, stopping;
    atomic_size_t kept; /* bytes of events of all sessions */
};

/* session.c */
int gate_session_new(struct mcp_gate *g, const char *agent, bool stateless,
                     struct gate_session **out, struct raum_error *error) BASE_CHECK;
/* Counted; NULL: none of this agent. */
struct gate_session *gate_session_find(struct mcp_gate *g, const char *id, const char *agent);
void gate_session_unref(struct gate_session *s);
/* Takes it out, cancels what runs, closes its streams. */
void gate_session_end(struct gate_session *s);
int64_t gate_now(const struct mcp_gate *g);

/* gate.c: requests of an ended session do not wait for what still runs. */
void gate_posts_end(struct gate_session *s);

/* lanes.c; the lanes' lock is theirs */
struct lane *gate_lane_open(struct gate_session *s);
struct lane *gate_lane_side(struct gate_session *s); /* number 0 */
void gate_lane_add(struct gate_session *s, struct lane *l, const char *json, size_t len);
void gate_lane_over(struct gate_session *s, struct lane *l);
void gate_lane_break(struct gate_session *s, struct lane *l);
/* Gives the lane to a reader who has seen `after`; takes the reference. */
void gate_lane_attach(struct gate_session *s, struct lane *l, struct http_stream *out,
                      uint64_t after);
/* The lane of an event id, if nothing after it is lost. */
struct lane *gate_lane_find(struct gate_session *s, const char *event, uint64_t *after);
bool gate_lane_read(struct gate_session *s, struct lane *l); /* somebody reads it now */
void gate_lanes_close(struct gate_session *s);
void gate_lanes_free(struct gate_session *s);
void gate_lanes_alive(struct gate_session *s);

#endif
