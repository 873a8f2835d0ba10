/* Base64url without padding (RFC 4648 §5), strict when read: no other characters, no bits left
 * over, so that a value has one spelling. For keys and sealed values; knows nothing of them. */
#ifndef BASE_BASE64_H
#define BASE_BASE64_H

#include "base/buf.h"
#include <stdbool.h>
#include <stddef.h>

#define BASE64_LEN(bytes) (((size_t)(bytes) * 4 + 2) / 3)

void base64_put(struct buf *out, const void *data, size_t len);
/* Appends the bytes; false, and nothing appended, when the text is none or the buffer refuses. */
bool base64_get(struct buf *out, const char *text, size_t len);
/* Exactly `len` bytes into out. */
bool base64_read(void *out, size_t len, const char *text, size_t text_len);

/* Crockford's base32, for people: no I L O U. A digit's value in either case, O as 0, I and L as 1;
 * -1 for others. */
extern const char base32_digits[33];
int base32_digit(char c);

/* Lower-case hexadecimal: 2 * len digits and a NUL. */
void hex_put(char *out, const void *data, size_t len);
/* Exactly 2 * len lower-case digits. */
bool hex_read(void *out, size_t len, const char *text, size_t text_len);

#endif
