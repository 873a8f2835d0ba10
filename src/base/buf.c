#include "base/buf.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void buf_init(struct buf *b, size_t max)
{
    *b = (struct buf){.max = max};
}

void buf_release(struct buf *b)
{
    if (!b)
        return;
    free(b->data);
    *b = (struct buf){.max = b->max};
}

void buf_reset(struct buf *b)
{
    b->len = 0;
    b->error = 0;
    if (b->data)
        b->data[0] = '\0';
}

char *buf_room(struct buf *b, size_t len)
{
    if (b->error)
        return NULL;
    if (len > b->max - b->len || len > SIZE_MAX / 4 || b->len > SIZE_MAX / 4) {
        b->error = RAUM_ETOO_LARGE;
        return NULL;
    }
    size_t need = b->len + len + 1;
    if (need > b->cap) {
        size_t cap = b->cap ? b->cap : 64;
        while (cap < need)
            cap *= 2;
        char *data = realloc(b->data, cap);
        if (!data) {
            b->error = RAUM_ENOMEM;
            return NULL;
        }
        b->data = data;
        b->cap = cap;
    }
    b->data[b->len] = b->data[need - 1] = '\0';
    return b->data + b->len;
}

/* Most pieces are small and fit: those do not go through buf_room. */
static bool fits(const struct buf *b, size_t len)
{
    return len < b->cap - b->len && len <= b->max - b->len && !b->error;
}

void buf_add(struct buf *b, const void *data, size_t len)
{
    if (fits(b, len)) {
        if (len)
            memcpy(b->data + b->len, data, len);
        b->len += len;
        b->data[b->len] = '\0';
        return;
    }
    char *at = buf_room(b, len);
    if (!at)
        return;
    if (len)
        memcpy(at, data, len);
    b->len += len;
    b->data[b->len] = '\0';
}

void buf_str(struct buf *b, const char *text)
{
    buf_add(b, text, strlen(text));
}

void buf_char(struct buf *b, char c)
{
    if (fits(b, 1)) {
        b->data[b->len++] = c;
        b->data[b->len] = '\0';
        return;
    }
    buf_add(b, &c, 1);
}

void buf_printf(struct buf *b, const char *fmt, ...)
{
    va_list args, again;
    va_start(args, fmt);
    va_copy(again, args);
    int len = vsnprintf(NULL, 0, fmt, args);
    va_end(args);
    char *at = len < 0 ? NULL : buf_room(b, (size_t)len);
    if (at) {
        vsnprintf(at, (size_t)len + 1, fmt, again);
        b->len += (size_t)len;
    }
    va_end(again);
}

int buf_error(const struct buf *b, struct raum_error *error)
{
    return b->error ? err_set(error, b->error, NULL) : 0;
}

char *buf_detach(struct buf *b, size_t *len)
{
    if (!buf_room(b, 0))
        return NULL;
    char *data = b->data;
    data[b->len] = '\0';
    if (len)
        *len = b->len;
    *b = (struct buf){.max = b->max};
    return data;
}

const char *buf_text(const struct buf *b)
{
    return b->data ? b->data : "";
}
