#include "base/json_internal.h"

#include "base/utf8.h"

#include <assert.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

void json_begin(struct json_writer *w, struct buf *out)
{
    *w = (struct json_writer){.out = out};
}

/* The bit of the innermost array or object. */
static uint64_t level(const struct json_writer *w)
{
    return (uint64_t)1 << (w->depth - 1);
}

static void new_line(struct json_writer *w)
{
    buf_char(w->out, '\n');
    for (int i = 0; i < w->depth; i++)
        buf_add(w->out, "  ", 2);
}

/* What belongs before an item of an array or a key: a comma, unless it is the first; a line. */
static void separate(struct json_writer *w)
{
    if (w->first & level(w))
        w->first &= ~level(w);
    else
        buf_char(w->out, ',');
    if (w->pretty)
        new_line(w);
}

static void before_value(struct json_writer *w)
{
    if (w->after_key) {
        w->after_key = false;
        return;
    }
    if (w->depth == 0)
        return;
    assert(w->array & level(w)); /* in an object a key comes first */
    separate(w);
}

static void open_level(struct json_writer *w, bool array)
{
    before_value(w);
    assert(w->depth < JSON_DEPTH_MAX);
    buf_char(w->out, array ? '[' : '{');
    w->depth++;
    w->first |= level(w);
    w->array = array ? w->array | level(w) : w->array & ~level(w);
}

static void close_level(struct json_writer *w, bool array)
{
    assert(w->depth > 0 && !w->after_key && array == ((w->array & level(w)) != 0));
    bool empty = (w->first & level(w)) != 0;
    w->depth--;
    if (w->pretty && !empty)
        new_line(w);
    buf_char(w->out, array ? ']' : '}');
}

void json_open_object(struct json_writer *w)
{
    open_level(w, false);
}

void json_close_object(struct json_writer *w)
{
    close_level(w, false);
}

void json_open_array(struct json_writer *w)
{
    open_level(w, true);
}

void json_close_array(struct json_writer *w)
{
    close_level(w, true);
}

static void put_escape(struct buf *out, unsigned char c)
{
    static const char names[] = {['"'] = '"',  ['\\'] = '\\', ['\b'] = 'b', ['\f'] = 'f',
                                 ['\n'] = 'n', ['\r'] = 'r',  ['\t'] = 't'};
    char text[] = {'\\', names[c]};
    if (text[1])
        buf_add(out, text, 2);
    else
        buf_printf(out, "\\u%04x", c);
}

static void put_quoted(struct buf *out, const char *text, size_t len)
{
    const char *at = text, *end = text + len, *done = text;
    char *room = json_skip_plain(text, end) == end ? buf_room(out, len + 2) : NULL;
    if (room) { /* as nearly all are: nothing to escape */
        room[0] = '"';
        if (len)
            memcpy(room + 1, text, len);
        room[len + 1] = '"';
        out->len += len + 2;
        return;
    }
    buf_char(out, '"');
    while (at < end) {
        uint32_t code;
        at = json_skip_plain(at, end);
        size_t size = at < end ? utf8_get(at, (size_t)(end - at), &code) : 0;
        if (size > 1) {
            at += size;
            continue;
        }
        buf_add(out, done, (size_t)(at - done));
        if (at < end && size == 1)
            put_escape(out, (unsigned char)*at);
        else if (at < end)
            buf_str(out, "\xEF\xBF\xBD");
        done = at += at < end;
    }
    buf_add(out, done, (size_t)(at - done));
    buf_char(out, '"');
}

void json_put_key(struct json_writer *w, const char *key)
{
    json_put_key_len(w, key, strlen(key));
}

void json_put_key_len(struct json_writer *w, const char *key, size_t len)
{
    assert(w->depth > 0 && !w->after_key && !(w->array & level(w)));
    separate(w);
    put_quoted(w->out, key, len);
    buf_add(w->out, ": ", w->pretty ? 2 : 1);
    w->after_key = true;
}

void json_put_raw(struct json_writer *w, const char *json, size_t len)
{
    before_value(w);
    buf_add(w->out, json, len);
}

void json_put_null(struct json_writer *w)
{
    json_put_raw(w, "null", 4);
}

void json_put_bool(struct json_writer *w, bool value)
{
    json_put_raw(w, value ? "true" : "false", value ? 4 : 5);
}

void json_put_int(struct json_writer *w, int64_t value)
{
    char text[24];
    int len = snprintf(text, sizeof text, "%" PRId64, value);
    json_put_raw(w, text, (size_t)len);
}

void json_put_double(struct json_writer *w, double value)
{
    char text[JSON_NUMBER_TEXT];
    if (isfinite(value))
        json_put_raw(w, text, json_number_format(value, text));
    else
        json_put_null(w);
}

void json_put_str(struct json_writer *w, const char *text)
{
    if (text)
        json_put_text(w, text, strlen(text));
    else
        json_put_null(w);
}

void json_put_text(struct json_writer *w, const char *text, size_t len)
{
    before_value(w);
    put_quoted(w->out, text, len);
}

/* A string's source, quotes included. As it stands, but for halves of surrogate pairs, which only
 * JSON_LONE lets in: nobody else could read them. */
static void put_source(struct buf *out, const char *text, size_t len)
{
    const char *at = text, *end = text + len, *done = text;
    while ((at = memchr(at, '\\', (size_t)(end - at)))) {
        const char *escape = at;
        int32_t code = json_read_escape(&at, end);
        if (!json_is_high(code) && !json_is_low(code))
            continue;
        buf_add(out, done, (size_t)(escape - done));
        buf_str(out, "\xEF\xBF\xBD");
        done = at;
    }
    buf_add(out, done, (size_t)(end - done));
}

/* Along the tape with an own stack: the depth of data is not the depth of the writer's caller. */
void json_put_value(struct json_writer *w, struct json_value v)
{
    struct {
        uint32_t end, items;
        bool object;
    } open[JSON_DEPTH_MAX];
    int depth = 0;
    if (!v.doc) {
        json_put_null(w);
        return;
    }
    before_value(w);
    const struct json_node *nodes = v.doc->nodes;
    uint32_t end = nodes[v.at].next;
    for (uint32_t at = v.at;;) {
        while (depth > 0 && at == open[depth - 1].end)
            buf_char(w->out, open[--depth].object ? '}' : ']');
        if (at == end)
            return;
        if (depth > 0 && open[depth - 1].items++ > 0)
            buf_char(w->out, open[depth - 1].object && open[depth - 1].items % 2 == 0 ? ':' : ',');
        struct json_value node = {v.doc, at++};
        enum json_type type = json_type(node);
        if (type == JSON_OBJECT || type == JSON_ARRAY) {
            open[depth].end = nodes[node.at].next;
            open[depth].items = 0;
            open[depth++].object = type == JSON_OBJECT;
            buf_char(w->out, type == JSON_OBJECT ? '{' : '[');
        } else {
            size_t len;
            const char *text = json_raw(node, &len);
            put_source(w->out, text, len);
        }
    }
}
