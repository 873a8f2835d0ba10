/* An HTTP/1.1 server behind our own small header: event loops read and write, workers run handlers.
 * Knows no Raum noun, no path and no cookie.
 *
 *     loop: accept → framing → body (counted) → queue → worker: handler → queue → loop: write
 *                                                 ^        suspended |
 *                                                 └──────────────────┘ resumed, by any thread
 *
 * Limits are total, not per read: a request that drips is ended by its deadline; the bytes buffered
 * over all connections are bounded, and the largest request without credentials goes first (G-O3).
 * What is malformed gets a 4xx or a closed connection before any handler sees it: duplicate or odd
 * Content-Length, missing or duplicate Host, control characters, absurd targets. */
#ifndef NET_HTTP_H
#define NET_HTTP_H

#include "base/arena.h"
#include "base/buf.h"
#include "net/log.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct http_server;
struct http_stream;
struct http_file;

struct http_header {
    const char *name, *value; /* the name as it was sent; compared regardless of case */
};

/* One request, owned by its worker from the call of the handler until it returns. All texts lie in
 * the arena and go with it. */
struct http_request {
    struct arena arena; /* 4 MiB at most; for the handler's use too */
    const char *id;     /* 16 hex digits; in the log and in X-Request-Id */
    const char *method; /* "GET" */
    const char *path;   /* percent-decoded, begins with /, no "." or ".." parts, no NUL */
    const char *query;  /* behind the '?', as sent; "" if none */
    const char *host;   /* the Host header, lower case */
    const char *peer;   /* address of the other end: "127.0.0.1" */
    bool tls;
    const struct http_header *headers;
    int header_count;
    const char *body; /* NUL behind it; "" if none */
    size_t body_len;

    /* The answer, filled by the functions below. */
    int status; /* 0: not answered yet; the dispatcher then says 500 */
    struct http_header *out;
    int out_count, out_cap;
    struct buf answer;
    struct http_file *file; /* instead of `answer` */
    struct http_stream *stream;
    struct http_server *server;
    bool suspended;
    void *later; /* the handler's: what it goes on with; NULL when it is called first */
};

/* First header of that name; NULL if there is none. */
const char *http_header(const struct http_request *q, const char *name);
/* The n-th (from 0) of that name. */
const char *http_header_at(const struct http_request *q, const char *name, int n);
/* A parameter of the query string, decoded ('+' is a blank), in the arena; NULL: none. */
const char *http_param(struct http_request *q, const char *name);

/* Adds a header to the answer; several of one name are sent as several (Set-Cookie). Name and value
 * are copied; a value with control characters is an assertion for our own and dropped otherwise. */
int http_add(struct http_request *q, const char *name, const char *value) BASE_CHECK;
int http_addf(struct http_request *q, const char *name, const char *fmt, ...)
    BASE_PRINTF(3, 4) BASE_CHECK;
/* Takes a header of the answer away again. */
void http_drop(struct http_request *q, const char *name);
/* Status, Content-Type (NULL: none) and body; replaces an earlier answer but keeps its headers. */
int http_reply(struct http_request *q, int status, const char *type, const void *body,
               size_t len) BASE_CHECK;
/* The same with a body that is taken over, not copied; `body` is empty afterwards, in any case. */
int http_reply_buf(struct http_request *q, int status, const char *type,
                   struct buf *body) BASE_CHECK;
/* The same with `len` bytes of an open file from `at` on, which are read as the other end takes
 * them: a large answer is never whole in memory. Takes the descriptor in any case. */
int http_reply_file(struct http_request *q, int status, const char *type, int fd, int64_t at,
                    size_t len) BASE_CHECK;
/* Reads up to len bytes of such an answer, for whoever called a handler without a server; the
 * number of them, 0 at the end. */
size_t http_file_read(struct http_file *file, void *out, size_t len);
void http_file_free(struct http_file *file); /* NULL is fine */

/* Called on a worker. `state` is what worker_start gave this worker. */
typedef void http_handler(void *arg, void *state, struct http_request *q);
/* Within the handler: when it returns the request is not answered, it waits, and the worker goes
 * on to others. http_resume, once, by any thread, even before the handler has returned: a worker
 * (another one, maybe) calls the handler again, before requests that are new. The other end may
 * have gone meanwhile; the request lives on all the same. What is never resumed holds http_stop. */
void http_suspend(struct http_request *q);
void http_resume(struct http_request *q);

struct http_options {
    const char *host;               /* "127.0.0.1", "::1", "0.0.0.0" */
    int port;                       /* 0: any free one; see http_port */
    const char *tls_cert, *tls_key; /* PEM files; both or neither */
    int loops, workers;     /* 0: 1 and 4 */
    size_t body_max;        /* 0: 1 MiB; more is 413 */
    size_t header_max;      /* 0: 16 KiB; more is 431 */
    size_t buffered_max;    /* 0: 48 MiB of heads, bodies, answers over all connections */
    int connections_max;    /* 0: 20,000, 4,000 over TLS; more are closed at once */
    int queue_max;          /* 0: 1,024 requests waiting for a worker; more get 503 + Retry-After */
    /* 0: 10 s for the head, 30 s in all, 60 s of keep-alive. An answer has request_ms more, and a
     * second for each 16 KB of it; its reader is let go after request_ms without progress. */
    int header_ms, request_ms, idle_ms;
    size_t stream_max;      /* 0: 256 KiB unread by a stream's reader, then it is closed */
    /* Is this request somebody's? Called on a loop with the headers only, before the body: decides
     * who goes first when memory is short. May be NULL. Cheap, no I/O. */
    bool (*credentials)(void *arg, const struct http_request *head);
    /* Does this request need long for reasons of its own (a password's hash)? Such wait in a queue
     * of their own, for workers of their own, so that nobody else waits behind them. May be NULL.
     * Called on a loop. */
    bool (*slow)(void *arg, const struct http_request *head);
    int slow_workers, slow_max; /* 0: 3, and 64 of them waiting; more get 503 + Retry-After */
    /* The same once more, for requests that wait for something else (a picture's decoder); they may
     * take heavy_ms. */
    bool (*heavy)(void *arg, const struct http_request *head);
    int heavy_workers, heavy_max; /* 0: as above */
    int heavy_ms;                 /* 0: five minutes */
    http_handler *handle;
    void *arg;
    int (*worker_start)(void *arg, void **state, struct raum_error *error); /* may be NULL */
    void (*worker_stop)(void *arg, void *state);                            /* may be NULL */
    struct net_log *log; /* one line a request; NULL: none */
};

/* Counters, for /metrics. */
struct http_stats {
    uint64_t requests, refused, by_class[6]; /* by_class[2]: 2xx */
    uint64_t connections, connections_open, streams_open;
    uint64_t buffered, buffered_peak; /* bytes */
};

/* Binds, listens and starts the threads. IO (address in use, said so), BAD_… for certificates. */
int http_start(struct http_server **out, const struct http_options *options,
               struct raum_error *error) BASE_CHECK;
int http_port(const struct http_server *s);
void http_stats(const struct http_server *s, struct http_stats *out);
/* Stops accepting, lets running requests end for up to grace_ms, closes the rest (streams after the
 * last answer), joins. A handler that does not return holds it. NULL is fine. */
void http_stop(struct http_server *s, int grace_ms);

/* Streams (Server-Sent Events): the handler answers with http_stream_begin instead of http_reply.
 * Afterwards the stream is a counted reference usable from any thread. */
struct http_stream_hooks {
    void (*closed)(void *arg); /* once, on a loop: the reader went, was too slow, or we closed it */
    void *arg;
};
int http_stream_begin(struct http_request *q, const char *type, const struct http_stream_hooks *h,
                      struct http_stream **out) BASE_CHECK;
/* Queues bytes (copied). UNREACHABLE when it is closed, or is closed by this because its reader is
 * too slow: more than options.stream_max would wait for it. A reader for whom nothing waits is sent
 * one piece of any size. */
int http_stream_send(struct http_stream *s, const void *data, size_t len) BASE_CHECK;
/* The same bytes for many streams, counted and never changed: each stream refers to them. */
struct http_shared;
struct http_shared *http_shared_new(const void *data, size_t len); /* copied; NULL: no memory */
void http_shared_unref(struct http_shared *b);                     /* NULL is fine */
size_t http_shared_len(const struct http_shared *b);
/* Queues them, and `len` bytes of this stream's own behind them (copied). As http_stream_send. */
int http_stream_share(struct http_stream *s, struct http_shared *b, const void *data,
                      size_t len) BASE_CHECK;
/* Bytes that wait for the reader; what the socket took does not count. */
size_t http_stream_unread(struct http_stream *s);
/* Closes it when what was queued has left, or after a second: nothing more is taken. */
void http_stream_finish(struct http_stream *s);
void http_stream_close(struct http_stream *s); /* within a loop's turn; pending bytes are dropped */
bool http_stream_closed(struct http_stream *s);
struct http_stream *http_stream_ref(struct http_stream *s);
void http_stream_unref(struct http_stream *s); /* NULL is fine */

#endif
