/* The framing of an HTTP/1.x request, checked before anything else looks at it: where the head
 * ends, which length the body has, what the target means. Pure functions over bytes, so that they
 * can be fuzzed; knows no socket and no memory but the caller's.
 *
 * Strict on purpose. Whatever two parsers could read in two ways is refused: bare line feeds, tabs,
 * folded lines, blanks before a colon, two lengths, a length beside a transfer encoding, encoded
 * slashes, dot segments. */
#ifndef NET_HEAD_H
#define NET_HEAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HEAD_FIELDS_MAX 100
#define HEAD_TARGET_MAX 8192

/* Results of scans: more bytes are needed, or the bytes can never be right. */
enum head_scan_result { HEAD_MORE = 0, HEAD_DONE = 1, HEAD_BAD = -1, HEAD_LARGE = -2 };

/* Where in a head a scan stands; all zero at its start. */
struct head_scan {
    uint32_t at;    /* bytes looked at */
    uint32_t lines; /* line ends seen */
    uint8_t state;
};

struct head_slice {
    const char *at;
    size_t len;
};
struct head_field {
    struct head_slice name, value;
};
struct head {
    struct head_slice method, target, host;
    int minor;       /* of HTTP/1.minor */
    int64_t length;  /* Content-Length; -1: none */
    bool chunked, expect; /* Expect: 100-continue, of a 1.1 request with a body */
    int count;
    struct head_field fields[HEAD_FIELDS_MAX];
};

/* Looks at the bytes from scan->at on (data begins at the head's first byte). HEAD_DONE: the head
 * is data[0 .. scan->at), its empty line included. HEAD_BAD: a control character, a bare LF. */
enum head_scan_result head_scan(struct head_scan *scan, const char *data, size_t len);

/* Reads a whole head. 0, or the status to refuse it with (400 405 414 501 505) and why. Slices lie
 * in data. */
int head_parse(struct head *h, const char *data, size_t len, const char **why);

/* Percent-decodes the path of a target (up to '?') to out, which has room for len + 1 bytes.
 * False: it does not begin with a slash, holds an encoded slash, a backslash, a control character,
 * invalid UTF-8 or percent signs, an empty part, "." or "..". */
bool head_path(const char *target, size_t len, char *out);
/* What is behind the first '?' of a target; an empty slice at its end if there is none. */
struct head_slice head_query(const char *target, size_t len);
/* The first parameter of that name, decoded ('+' is a blank) to out (room for query_len + 1); its
 * length, or -1: none, or one that decodes to a NUL or to invalid UTF-8. */
long head_param(const char *query, size_t query_len, const char *name, char *out);
/* Whether a comma list holds the token, in any case ("br" in "gzip, br;q=0.5"). A weight of zero
 * counts as not there. */
bool head_lists(const char *value, const char *token);

/* "bytes=0-99" (RFC 9110 §14.2), of a body of `size` bytes: first and count. 0: one range; 1: none
 * that is understood, or several: all of it is sent; -1: it lies outside. */
int head_range(const char *value, int64_t size, int64_t *first, int64_t *count);
/* Is a tag, in its quotes, in an If-None-Match list? "*" is any; compared weakly. */
bool head_has_tag(const char *list, const char *tag);

/* Framing of a chunked body; all zero at its start. */
struct head_chunks {
    uint64_t left;  /* of the chunk being skipped */
    uint64_t body;  /* bytes of body so far */
    uint64_t raw;   /* bytes looked at, framing included */
    uint8_t state, digits;
};
/* Feeds the next bytes; *used says how many belong to the body. HEAD_DONE behind the last chunk;
 * chunk extensions and trailers are HEAD_BAD; HEAD_LARGE: more than body_max bytes. */
enum head_scan_result head_chunks(struct head_chunks *c, const char *data, size_t len,
                                  uint64_t body_max, size_t *used);

#endif
