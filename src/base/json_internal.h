/* What the parts of the JSON module share: the scan over plain text, texts with their
 * escapes, keys of big objects, and numbers as texts. Only json*.c include it. */
#ifndef BASE_JSON_INTERNAL_H
#define BASE_JSON_INTERNAL_H

#include "base/json.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define JSON_NUMBER_TEXT 32 /* the longest text of a double and a NUL, generously */

/* The first byte in [at, end) that is not plain text: a quote, a backslash, a control character, or
 * the beginning of a character beyond ASCII. Eight bytes at a time; a borrow in the subtractions
 * can only raise a false alarm, and the bytes are then looked at one by one. */
static inline const char *json_skip_plain(const char *at, const char *end)
{
    const uint64_t ones = 0x0101010101010101u;
    while (end - at >= 8) {
        uint64_t eight;
        memcpy(&eight, at, sizeof eight);
        uint64_t quote = eight ^ (ones * '"'), slash = eight ^ (ones * '\\');
        if (((quote - ones) | (slash - ones) | (eight - ones * 0x20) | eight) & (ones * 0x80))
            break;
        at += 8;
    }
    while (at < end && (unsigned char)*at >= 0x20 && (unsigned char)*at < 0x80 && *at != '"' &&
           *at != '\\')
        at++;
    return at;
}

static inline bool json_is_high(int32_t unit)
{
    return unit >= 0xD800 && unit < 0xDC00;
}

static inline bool json_is_low(int32_t unit)
{
    return unit >= 0xDC00 && unit < 0xE000;
}

/* Reads the escape at *at (a backslash) and steps behind it. Gives the code point, for half a
 * surrogate pair that half, -1 if it is no escape. */
int32_t json_read_escape(const char **at, const char *end);

/* Walks a string's decoded bytes without memory. */
struct json_decoder {
    const char *at, *end;
    char bytes[4];
    uint8_t have, used;
};

struct json_decoder json_decoder_of(const struct json_doc *doc, const struct json_node *node);
/* The next byte, or -1 at the end. */
int json_decode_byte(struct json_decoder *d);

/* Order of two strings by their decoded bytes; whether they are equal. */
int json_compare_strings(const struct json_doc *a_doc, const struct json_node *a,
                         const struct json_doc *b_doc, const struct json_node *b);
bool json_same_strings(const struct json_doc *a_doc, const struct json_node *a,
                       const struct json_doc *b_doc, const struct json_node *b);

/* Up to this many members an object's keys are compared one by one, beyond that sorted. */
#define JSON_DIRECT_MAX 24

/* A member of a big object: sorted by hash first, by the key itself where hashes agree. So hostile
 * keys cost a comparison more, never a squared run. */
struct json_entry {
    const struct json_doc *doc;
    uint32_t hash, node; /* of the key */
};

int json_compare_entries(const void *a, const void *b);
/* The members of the object at `node`, sorted; free(). NULL without memory. */
struct json_entry *json_sorted_members(const struct json_doc *doc, uint32_t node);

/* All take a text that the grammar of JSON numbers accepts. */
bool json_number_int(const char *text, size_t len, int64_t *out);
/* The nearest double, whatever the locale; infinity when it is too large. */
double json_number_double(const char *text, size_t len);
/* Equal in value, exactly: 1, 1.0 and 10e-1 are, 9007199254740993 and its nearest double not. */
bool json_number_same(const char *a, size_t a_len, const char *b, size_t b_len);
/* A finite number with the fewest rightly rounded digits that read back equal, in the notation of
 * JavaScript but for -0. */
size_t json_number_format(double value, char out[JSON_NUMBER_TEXT]);

#endif
