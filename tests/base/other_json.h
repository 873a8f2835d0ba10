/* The other reader: jansson, kept apart because it calls its things as we call ours. Gives what it
 * saw as a plain text of its values, made for comparison. */
#ifndef TESTS_BASE_OTHER_JSON_H
#define TESTS_BASE_OTHER_JSON_H

#include "base/buf.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum other_result {
    OTHER_TAKES,
    OTHER_REFUSES,
    OTHER_NUMBER,  /* refuses a number that fits neither 64 bits nor a double */
    OTHER_NUL_KEY, /* refuses U+0000 in a key */
    OTHER_DEEP,    /* refuses to go 2048 deep */
};

enum other_result other_read(const char *text, size_t len, struct buf *seen);

/* The plain text: both sides write with these. */
void other_put_text(struct buf *seen, char kind, const char *text, size_t len);
void other_put_integer(struct buf *seen, int64_t value);
void other_put_real(struct buf *seen, double value);

#endif
