/* A growing byte buffer with a maximum. Failure sticks: after the first refused append the buffer
 * keeps its bytes, every later append is a no-op, and buf_error() says why. So a run of appends is
 * checked once, at the end. */
#ifndef BASE_BUF_H
#define BASE_BUF_H

#include "base/err.h"
#include <stddef.h>
#include <stdint.h>

struct buf {
    char *data; /* NULL or len bytes and a NUL; owned */
    size_t len, cap;
    size_t max; /* refuses to hold more bytes than this */
    int error;  /* 0, RAUM_ENOMEM or RAUM_ETOO_LARGE */
};

void buf_init(struct buf *b, size_t max);
void buf_release(struct buf *b);
void buf_reset(struct buf *b); /* empties, clears the error, keeps capacity */
void buf_add(struct buf *b, const void *data, size_t len);
void buf_str(struct buf *b, const char *text);
void buf_char(struct buf *b, char c);
void buf_printf(struct buf *b, const char *fmt, ...) BASE_PRINTF(2, 3);
/* Room for len more bytes and a NUL behind them, to be written by the caller and then counted by
 * b->len += len (who writes fewer sets the NUL himself); NULL on error. */
char *buf_room(struct buf *b, size_t len);
/* 0, or the first error; sets `error` then. */
int buf_error(const struct buf *b, struct raum_error *error) BASE_CHECK;
/* Moves the bytes out (free() them; NUL-terminated); the buffer is empty afterwards. */
char *buf_detach(struct buf *b, size_t *len);
/* "" when empty, else data: always NUL-terminated. Lent until the next append. */
const char *buf_text(const struct buf *b);

#endif
