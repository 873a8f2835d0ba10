/* Server-Sent Events as they come, in pieces of any size: bytes in, events out. After the living
 * standard of HTML (§9.2): lines end with CR, LF or both, a colon at the start is a comment,
 * several data lines are joined by LF, an empty line ends the event, one without data is none. Pure
 * and bounded; knows no event by name. */
#ifndef SYNC_SSE_H
#define SYNC_SSE_H

#include "base/buf.h"
#include "base/err.h"
#include <stdbool.h>

#define SSE_NAME_MAX 64
#define SSE_ID_MAX ((size_t)64 << 10)
#define SSE_EVENT_MAX ((size_t)8 << 20) /* of a line, and of the data of an event */

struct sse {
    struct buf line, data, id;
    char name[SSE_NAME_MAX];
    bool after_cr, started, any_data;
    int error; /* 0, or why it goes no further */
};
struct sse_event {    /* lent for the call */
    const char *name; /* "message" if it has none */
    const char *data; /* NUL-terminated */
    size_t len;
    const char *id; /* the last that was given; "" if none */
};
/* Not 0 ends the feeding, which then returns it. */
typedef int sse_fn(void *arg, const struct sse_event *event);

void sse_init(struct sse *p);
/* Before another stream; the last id stays. */
void sse_reset(struct sse *p);
void sse_release(struct sse *p);
/* TOO_LARGE, NOMEM: for good, until the reset. */
int sse_feed(struct sse *p, const void *data, size_t len, sse_fn *each, void *arg) BASE_CHECK;

#endif
