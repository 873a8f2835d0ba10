/* Any bytes as a stream: whole, and cut at a place that the bytes choose, give the same events. */
#include "sync/sse.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static int hear(void *arg, const struct sse_event *e)
{
    struct buf *all = arg;
    if (strlen(e->name) >= SSE_NAME_MAX || e->data[e->len] != '\0' || strlen(e->id) > SSE_ID_MAX)
        abort();
    buf_printf(all, "%s|%zu|%s|", e->name, e->len, e->id);
    buf_add(all, e->data, e->len);
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct sse one, two;
    struct buf first, second;
    size_t cut = len ? data[0] % (len + 1) : 0;
    sse_init(&one);
    sse_init(&two);
    buf_init(&first, 64u << 20);
    buf_init(&second, 64u << 20);
    int whole = sse_feed(&one, data, len, hear, &first);
    int parts = sse_feed(&two, data, cut, hear, &second);
    if (parts == 0)
        parts = sse_feed(&two, data + cut, len - cut, hear, &second);
    if (whole != parts || first.len != second.len ||
        (first.len && memcmp(first.data, second.data, first.len) != 0))
        abort();
    sse_release(&one);
    sse_release(&two);
    buf_release(&first);
    buf_release(&second);
    return 0;
}
