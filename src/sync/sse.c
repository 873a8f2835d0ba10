#include "sync/sse.h"

#include <string.h>

void sse_init(struct sse *p)
{
    memset(p, 0, sizeof *p);
    buf_init(&p->line, SSE_EVENT_MAX);
    buf_init(&p->data, SSE_EVENT_MAX);
    buf_init(&p->id, SSE_ID_MAX);
}

void sse_reset(struct sse *p)
{
    buf_reset(&p->line);
    buf_reset(&p->data);
    p->name[0] = '\0';
    p->after_cr = p->started = p->any_data = false;
    if (p->id.error)
        buf_reset(&p->id);
    p->error = 0;
}

void sse_release(struct sse *p)
{
    buf_release(&p->line);
    buf_release(&p->data);
    buf_release(&p->id);
}

static int dispatch(struct sse *p, sse_fn *each, void *arg)
{
    int result = 0;
    if (p->any_data) {
        struct sse_event event = {.name = p->name[0] ? p->name : "message",
                                  .data = buf_text(&p->data),
                                  .len = p->data.len,
                                  .id = buf_text(&p->id)};
        result = each(arg, &event);
    }
    buf_reset(&p->data);
    p->any_data = false;
    p->name[0] = '\0';
    return result;
}

static bool is(const char *field, size_t len, const char *name)
{
    return strlen(name) == len && memcmp(field, name, len) == 0;
}

static void take_field(struct sse *p, const char *field, size_t field_len, const char *value,
                       size_t len)
{
    if (is(field, field_len, "data")) {
        if (p->any_data)
            buf_char(&p->data, '\n');
        buf_add(&p->data, value, len);
        p->any_data = true;
    } else if (is(field, field_len, "event")) {
        bool fits = len < sizeof p->name && !memchr(value, '\0', len);
        if (!fits) { /* nobody waits for it */
            value = "?";
            len = 1;
        }
        memcpy(p->name, value, len);
        p->name[len] = '\0';
    } else if (is(field, field_len, "id") && !memchr(value, '\0', len)) {
        buf_reset(&p->id);
        buf_add(&p->id, value, len);
    }
}

static int take_line(struct sse *p, sse_fn *each, void *arg)
{
    const char *line = buf_text(&p->line);
    size_t len = p->line.len;
    if (!p->started && len >= 3 && memcmp(line, "\xef\xbb\xbf", 3) == 0) {
        line += 3;
        len -= 3;
    }
    p->started = true;
    int result = 0;
    if (len == 0) {
        result = dispatch(p, each, arg);
    } else if (line[0] != ':') {
        const char *colon = memchr(line, ':', len);
        size_t name = colon ? (size_t)(colon - line) : len;
        const char *value = colon ? colon + 1 : line + len;
        size_t rest = len - (size_t)(value - line);
        if (rest > 0 && *value == ' ') {
            value++;
            rest--;
        }
        take_field(p, line, name, value, rest);
    }
    buf_reset(&p->line);
    int full = p->data.error ? p->data.error : p->id.error;
    return result ? result : full;
}

int sse_feed(struct sse *p, const void *data, size_t len, sse_fn *each, void *arg)
{
    const char *at = data, *end = at + len;
    while (at < end && p->error == 0) {
        if (p->after_cr && *at == '\n') {
            p->after_cr = false;
            at++;
            continue;
        }
        p->after_cr = false;
        const char *stop = at;
        while (stop < end && *stop != '\n' && *stop != '\r')
            stop++;
        buf_add(&p->line, at, (size_t)(stop - at));
        p->error = p->line.error;
        at = stop;
        if (stop == end || p->error)
            break;
        p->after_cr = *stop == '\r';
        at = stop + 1;
        int result = take_line(p, each, arg);
        if (p->data.error || p->id.error)
            p->error = result;
        if (result)
            return result;
    }
    return p->error;
}
