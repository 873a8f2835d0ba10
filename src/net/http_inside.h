/* What the files of the HTTP server share: loops, connections, jobs, streams. Nobody else includes
 * this.
 *
 *     HEAD → BODY → WAIT (a worker has it) → WRITE → IDLE → HEAD …      a stream: WAIT → STREAM
 *       └──────┴── refused: LINGER (the answer is sent, what comes is thrown away)
 *
 * A connection belongs to one loop and is touched by its thread only. The socket's bytes are taken
 * from libevent's input buffer as they come and kept in `in`; evhttp gets to see a request when it
 * is whole and found sound, so that its own parser never meets anything else, and what is buffered
 * is always ours to count and to drop. All of that happens between two turns of libevent (turn in
 * http.c), never inside one of its callbacks. */
#ifndef NET_HTTP_INSIDE_H
#define NET_HTTP_INSIDE_H

#include "net/head.h"
#include "net/http.h"
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/http.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/queue.h>

struct ssl_ctx_st;
struct ssl_st;
struct conn;
struct job_queue;

/* A request on its way through a worker. */
enum { JOB_HANDLER = 1, JOB_RESUME = 2 };
struct job {
    struct http_request q;
    char id[17];
    struct http_loop *loop;
    struct conn *conn;          /* NULL: the other end has gone */
    struct evhttp_request *req; /* NULL: not seen by evhttp yet, or gone with the connection */
    struct job *next;
    size_t held;         /* bytes counted for it, with its connection's */
    size_t answered;     /* bytes of its answer, counted by the worker until it is sent */
    int64_t started;     /* ms */
    struct job_queue *queue; /* whose workers are for it */
    bool queued, orphan; /* orphan: held is counted without a connection */
    atomic_int awaits;   /* JOB_HANDLER, JOB_RESUME: what must be over before it is queued again */
    char peer[64];
};

enum conn_state {
    CONN_HEAD,
    CONN_BODY,
    CONN_WAIT,
    CONN_WRITE,
    CONN_STREAM,
    CONN_IDLE,
    CONN_LINGER,
    CONN_STATES,
};

struct conn {
    TAILQ_ENTRY(conn) place; /* in loop->lists[state] */
    TAILQ_ENTRY(conn) ready; /* in loop->ready, if is_ready */
    struct http_loop *loop;
    struct bufferevent *bev;         /* lent by evcon */
    struct evhttp_connection *evcon; /* NULL until the first turn */
    struct evbuffer *in;
    struct evbuffer_cb_entry *in_cb, *out_cb;
    struct job *job;
    struct http_stream *stream;
    struct http_file *file; /* what is left of the answer; owned */
    int64_t deadline; /* ms */
    int64_t started;  /* of the request; while it is answered, of the last progress */
    size_t counted;   /* of its bytes in server->buffered */
    size_t chunk_at, head_len;
    int64_t length;
    struct head_scan scan;
    struct head_chunks chunks;
    uint8_t state;
    bool is_ready, passing, chunked, credentials, overrun, greeting;
};
TAILQ_HEAD(conn_list, conn);

struct http_shared {
    atomic_int refs;
    size_t len;
    char data[];
};

struct http_stream {
    atomic_int refs;
    atomic_size_t unsent; /* bytes in the connection's output */
    struct http_loop *loop;
    struct http_stream_hooks hooks;
    pthread_mutex_t lock; /* of the following */
    struct evbuffer *pending; /* NULL: nothing */
    bool closed, dirty, started;
    atomic_bool finishing;    /* nothing more is taken; closed when all has left */
    struct http_stream *next; /* in loop->dirty */
    struct conn *conn;        /* the loop's */
    struct evhttp_request *req;
};

struct http_loop {
    struct http_server *server;
    struct event_base *base;
    struct evhttp *http;
    struct evhttp_bound_socket *bound;
    struct event *wake, *tick;
    int wake_fd;
    pthread_t thread;
    bool running, ticking;
    int64_t now; /* ms, monotonic, of this turn */
    uint64_t seed;
    struct conn_list lists[CONN_STATES], ready;
    int greetings; /* connections over TLS that have not sent a word yet */
    struct conn *passing;
    struct job *batch, **batch_end; /* for the workers, at the end of the turn */
    int batch_count;
    struct job *spare;
    int spare_count;
    struct job probe; /* heads are shown to options.credentials in this one */
    int64_t refused_second;
    int refused_count;
    atomic_bool sleeping, evict;
    pthread_mutex_t lock; /* of the following */
    struct job *done;
    struct http_stream *dirty;
};

/* Requests that wait for a worker, and the workers that wait for one. */
struct job_queue {
    pthread_cond_t wanted;
    struct job *first, **last;
    atomic_int count; /* read without the lock, too */
    int waiting, added;
    int workers, max;
};

enum job_queues { QUEUE_FAST, QUEUE_SLOW, QUEUE_HEAVY, QUEUES };

struct job_worker {
    struct http_server *server;
    struct job_queue *queue;
    pthread_t thread;
};

struct http_server {
    struct http_options o;
    int port, listener;
    struct ssl_ctx_st *tls;
    struct http_loop *loops;
    struct job_worker *workers; /* queue by queue */
    int worker_count;

    pthread_mutex_t lock; /* of the queues and the states below */
    pthread_cond_t changed;
    struct job_queue queues[QUEUES];
    int suspended; /* requests in no queue and with no worker */
    int started, failed, quiet;
    bool closed;
    struct raum_error why;

    atomic_bool stopping; /* no new requests */
    atomic_bool ending;   /* loops end */
    atomic_size_t buffered, buffered_peak;
    atomic_int open, streams;
    atomic_ullong requests, refused, connections, classes[6];
};

/* http.c */
int64_t http_now(void);
void loop_wake(struct http_loop *l); /* any thread */
const char *http_status_text(int status);

/* conn.c */
struct bufferevent *conn_new(struct event_base *base, void *loop); /* evhttp's bevcb */
void conn_gate(struct conn *c);
void conn_move(struct conn *c, enum conn_state state, int64_t deadline);
void conn_ready(struct conn *c);
void conn_close(struct conn *c); /* c is gone afterwards */
bool conn_write(struct conn *c);  /* what the socket takes at once; true: all of it */
void conn_count(struct conn *c); /* counts its bytes anew */
void conn_refuse(struct conn *c, int status, const char *why);
void conn_deadlines(struct http_loop *l);
void conn_evict(struct http_loop *l);

/* work.c */
struct job *job_new(struct http_loop *l);
void job_free(struct job *j);
/* Fills j->q from a head. False: no memory. */
bool job_fill(struct job *j, const struct conn *c, const char *data, const struct head *h);
void job_arrived(struct evhttp_request *req, void *loop); /* evhttp's gencb */
void job_answer(struct job *j);                           /* on its loop */
void job_submit(struct http_loop *l);
void *job_worker(void *server);

/* file.c */
size_t http_answer_len(const struct http_request *q); /* of its body, wherever that lies */
/* On the loop; the file becomes the connection's. */
void file_start(struct conn *c, struct http_request *q, struct evhttp_request *req);
void file_more(struct conn *c);        /* c may be gone afterwards */
bool file_waits(const struct conn *c); /* there is room for more of it */

/* stream.c */
void stream_start(struct http_stream *s, struct job *j);
void stream_drain(struct http_stream *list); /* of the loop */
void stream_sent(struct http_stream *s, size_t left); /* `left` bytes are still in the output */
void stream_gone(struct http_stream *s);

/* tls.c */
int tls_open(struct ssl_ctx_st **out, const char *cert, const char *key,
             struct raum_error *error) BASE_CHECK;
void tls_close(struct ssl_ctx_st *tls);
struct bufferevent *tls_bufferevent(struct event_base *base, struct ssl_ctx_st *tls);

#endif
