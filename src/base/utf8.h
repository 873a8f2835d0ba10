/* UTF-8: strict validation (RFC 3629: no overlong forms, no surrogates), cutting at a character,
 * columns on a terminal. Knows no language and no normal form. */
#ifndef BASE_UTF8_H
#define BASE_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

bool utf8_valid(const char *text, size_t len);
/* Bytes of the character that text begins with (1..4), its code point in code; 0 if none. */
size_t utf8_get(const char *text, size_t len, uint32_t *code);
/* Writes one code point (1..4 bytes) to out, gives the count. Surrogates and > 0x10FFFF: U+FFFD. */
size_t utf8_put(char out[4], uint32_t code);
/* The longest prefix of at most max bytes that ends at a character boundary. */
size_t utf8_cut(const char *text, size_t len, size_t max);
/* Code points in valid text. */
size_t utf8_count(const char *text, size_t len);
/* Columns on a terminal: combining marks 0, wide (East Asian, emoji) 2, others 1. */
size_t utf8_width(const char *text, size_t len);

#endif
