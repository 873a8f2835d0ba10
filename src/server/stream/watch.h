/* With --auth, sessions are rows of another server's: this asks it, again and again, whether those
 * who keep streams open are still somebody (G-S3). What is no session any more, or cannot be asked
 * for, is closed: within five seconds, as requests are refused (auth/upstream.h). Memberships that
 * changed there come by the rows that each answer writes. Knows no events. */
#ifndef SERVER_STREAM_WATCH_H
#define SERVER_STREAM_WATCH_H

#include "server/call.h"

struct watch;

/* Starts its thread. */
int watch_new(struct watch **out, struct server *s, struct raum_error *error) BASE_CHECK;
/* After the HTTP server has stopped; NULL is fine. */
void watch_free(struct watch *w);
/* From now on, for the stream that the call was answered with. BUSY: as many are open as can be
 * asked for in time. */
int watch_add(struct watch *w, struct call *c) BASE_CHECK;

#endif
