/* A server in this process and raw sockets against it: what the tests of src/net share. */
#ifndef TESTS_NET_KIT_H
#define TESTS_NET_KIT_H

#include "net/http.h"
#include <stdbool.h>
#include <stddef.h>

/* Answers by path: /echo (method, path, query, host, body length), /slow/MS, /big/BYTES, /header,
 * /file/BYTES, /file/short/BYTES,
 * /stream (kept in kit_stream), /none (does not answer); else 404. */
void kit_handle(void *arg, void *state, struct http_request *q);
/* Defaults, kit_handle, port 0. */
struct http_options kit_options(void);
struct http_server *kit_start(const struct http_options *options); /* fails the test */

/* The stream that /stream began last, with a reference; waits up to two seconds. */
struct http_stream *kit_take_stream(void);
extern _Atomic int kit_streams_closed;

int kit_connect(int port);
void kit_send(int fd, const void *data, size_t len); /* errors are ignored: it may be closed */
void kit_say(int fd, const char *text);
/* Reads until the other end closes or `ms` have passed without a byte; returned text is static to
 * the call (free it), *len may be NULL, *closed says whether the end came. */
char *kit_read(int fd, int ms, size_t *len, bool *closed);
/* One whole answer with a Content-Length (free it), or what came within `ms`. */
char *kit_answer(int fd, int ms);
/* Sends text on a new connection, gives the status of what comes back; 0: closed without a word,
 * -1: nothing within `ms`. */
int kit_status(int port, const char *text, size_t len, int ms);
#define KIT_EAGER 60 /* events that GET /eager sends before it ends */
int64_t kit_now(void);
void kit_sleep(int ms);
long kit_rss_kb(void);

#endif
