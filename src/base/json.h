/* Strict JSON (RFC 8259), our own: one reader for native and WebAssembly that alters nothing.
 *
 * The reader makes one tape of nodes over text that stays the caller's: zero copy, escapes are
 * decoded only when a text is asked for. Refused: anything RFC 8259 refuses (so a NUL byte; its
 * escape is a character like others), invalid UTF-8, unpaired surrogates (unless JSON_LONE),
 * duplicate keys, depth over JSON_DEPTH_MAX, trailing bytes.
 * Numbers keep their text: integers up to 64 bits are exact.
 *
 * The writer appends to a struct buf; commas are its business; misuse is an assertion. */
#ifndef BASE_JSON_H
#define BASE_JSON_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define JSON_DEPTH_MAX 64

enum json_type {
    JSON_NONE, /* no such value */
    JSON_NULL,
    JSON_FALSE,
    JSON_TRUE,
    JSON_NUMBER,
    JSON_STRING,
    JSON_ARRAY,
    JSON_OBJECT,
};

enum json_flags {
    JSON_LONE = 1, /* unpaired surrogate escapes are read as U+FFFD (imports of older exports) */
};

/* One node of the tape. Members of an object are pairs: a JSON_STRING node for the key, then the
 * value. */
struct json_node {
    uint32_t start; /* offset of the first byte (of a string: behind the quote) */
    uint32_t len;   /* bytes (of a string: without the quotes) */
    uint32_t next;  /* index of the node after this value and all it holds */
    uint32_t count; /* items of an array, members of an object */
    uint8_t type;   /* enum json_type */
    bool escaped;   /* string: holds a backslash */
};

struct json_doc {
    const char *text; /* lent by the caller for the life of the doc */
    struct json_node *nodes;
    uint32_t count, cap;
    unsigned flags;
};

/* A value in a doc; .doc NULL means "none". Copy freely; valid while the doc is. */
struct json_value {
    const struct json_doc *doc;
    uint32_t at;
};

void json_init(struct json_doc *doc);
void json_release(struct json_doc *doc);
/* Parses len bytes (< 4 GiB; others RAUM_ETOO_LARGE). Reuses the doc's memory: 20 bytes a value or
 * key. RAUM_EBAD_JSON with line, column and what was expected (never with what stands there);
 * RAUM_ENOMEM. The text must outlive the doc's use. */
int json_parse(struct json_doc *doc, const char *text, size_t len, unsigned flags,
               struct raum_error *error) BASE_CHECK;
struct json_value json_root(const struct json_doc *doc);

enum json_type json_type(struct json_value v);
bool json_is(struct json_value v, enum json_type type);
uint32_t json_count(struct json_value v); /* items or members; 0 for others */
int json_depth(struct json_value v);      /* arrays and objects within each other; 0 for others */
/* Member of an object by its key (decoded compare); none if absent or not an object. */
struct json_value json_get(struct json_value object, const char *key);
/* The same by a key of any doc: a text, as json_key gives it. */
struct json_value json_get_key(struct json_value object, struct json_value key);
/* Iteration over the values of an array or an object:
 *     for (v = json_first(x); v.doc; v = json_next(x, v)) */
struct json_value json_first(struct json_value parent);
struct json_value json_next(struct json_value parent, struct json_value child);
/* The key of a member found by json_first/json_next. Only for children of objects. */
struct json_value json_key(struct json_value member);

/* The text of a string. Zero copy when nothing is escaped (then NOT NUL-terminated), else decoded
 * into the arena.
 * False when v is no string or memory ran out. */
bool json_text(struct json_value v, struct arena *arena, const char **text, size_t *len);
/* As json_text but always a NUL-terminated arena copy; NULL when no string, when it holds U+0000,
 * or no memory. */
const char *json_str(struct json_value v, struct arena *arena);
/* True if v is a string equal to the NUL-terminated text. */
bool json_equals(struct json_value v, const char *text);
/* An integer that fits (1.0 and 1e3 do not count as integers: false). */
bool json_int(struct json_value v, int64_t *out);
bool json_double(struct json_value v, double *out); /* any finite number */
bool json_bool(struct json_value v, bool *out);
/* The value's source bytes, quotes included. Lent from the text. */
const char *json_raw(struct json_value v, size_t *len);
/* Deep comparison: numbers by value (integers exactly), objects regardless of order. */
bool json_same(struct json_value a, struct json_value b);

struct json_writer {
    struct buf *out;
    uint64_t first; /* a bit per depth: nothing written at this level yet */
    uint64_t array; /* a bit per depth: this level is an array */
    int depth;
    bool after_key;
    bool pretty; /* two-space indentation */
};

void json_begin(struct json_writer *w, struct buf *out);
void json_open_object(struct json_writer *w);
void json_close_object(struct json_writer *w);
void json_open_array(struct json_writer *w);
void json_close_array(struct json_writer *w);
void json_put_key(struct json_writer *w, const char *key);
void json_put_key_len(struct json_writer *w, const char *key, size_t len);
void json_put_null(struct json_writer *w);
void json_put_bool(struct json_writer *w, bool value);
void json_put_int(struct json_writer *w, int64_t value);
/* With the fewest rightly rounded digits that read back equal; null when not finite. */
void json_put_double(struct json_writer *w, double value);
/* NUL-terminated, as json_put_text; NULL writes null. */
void json_put_str(struct json_writer *w, const char *text);
/* Each invalid byte becomes U+FFFD (in keys too). */
void json_put_text(struct json_writer *w, const char *text, size_t len);
void json_put_raw(struct json_writer *w, const char *json, size_t len); /* one valid value, as is */
/* A compact copy of a parsed value, strings and numbers as they are spelt; none writes null. */
void json_put_value(struct json_writer *w, struct json_value v);

#endif
