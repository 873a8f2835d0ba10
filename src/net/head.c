#include "net/head.h"

#include "base/utf8.h"
#include <string.h>
#include <strings.h>

enum { IN_LINE, AFTER_CR, LINE_START, LAST_CR };

enum head_scan_result head_scan(struct head_scan *scan, const char *data, size_t len)
{
    while (scan->at < len) {
        unsigned char c = (unsigned char)data[scan->at++];
        switch (scan->state) {
        case AFTER_CR:
            if (c != '\n')
                return HEAD_BAD;
            scan->lines++;
            scan->state = LINE_START;
            continue;
        case LAST_CR:
            return c == '\n' ? HEAD_DONE : HEAD_BAD;
        case LINE_START:
            scan->state = IN_LINE;
            if (c == '\r') {
                scan->state = LAST_CR;
                continue;
            }
            if (c == ' ') /* a folded line */
                return HEAD_BAD;
            break;
        default:
            if (c == '\r' && scan->at > 1) {
                scan->state = AFTER_CR;
                continue;
            }
        }
        if (c < 0x20 || c == 0x7f) /* tabs too: parsers differ in where they count as blanks */
            return HEAD_BAD;
    }
    return HEAD_MORE;
}

/* tchar of RFC 9110 §5.6.2. */
static bool is_token(struct head_slice s)
{
    for (size_t i = 0; i < s.len; i++) {
        char c = s.at[i];
        bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        if (!plain && (c == '\0' || !strchr("!#$%&'*+-.^_`|~", c)))
            return false;
    }
    return s.len > 0;
}

static bool same(struct head_slice s, const char *text)
{
    return s.len == strlen(text) && strncasecmp(s.at, text, s.len) == 0;
}

static int refuse(int status, const char **why, const char *text)
{
    *why = text;
    return status;
}

static bool known_method(struct head_slice m)
{
    static const char *const methods[] = {"GET",   "HEAD",   "POST",   "PUT",
                                          "PATCH", "DELETE", "OPTIONS"};
    for (size_t i = 0; i < sizeof methods / sizeof *methods; i++)
        if (m.len == strlen(methods[i]) && memcmp(m.at, methods[i], m.len) == 0)
            return true;
    return false;
}

/* METHOD SP target SP HTTP/1.x, exactly one blank each. */
static int parse_first(struct head *h, const char *line, size_t len, const char **why)
{
    const char *end = line + len, *blank = memchr(line, ' ', len);
    const char *last = blank ? memchr(blank + 1, ' ', (size_t)(end - blank - 1)) : NULL;
    if (!last || memchr(last + 1, ' ', (size_t)(end - last - 1)))
        return refuse(400, why, "first line");
    h->method = (struct head_slice){line, (size_t)(blank - line)};
    h->target = (struct head_slice){blank + 1, (size_t)(last - blank - 1)};
    struct head_slice version = {last + 1, (size_t)(end - last - 1)};
    if (!is_token(h->method) || version.len != 8 || memcmp(version.at, "HTTP/", 5) != 0)
        return refuse(400, why, "first line");
    if (memcmp(version.at, "HTTP/1.", 7) != 0 || (version.at[7] != '0' && version.at[7] != '1'))
        return refuse(505, why, "version");
    h->minor = version.at[7] - '0';
    if (!known_method(h->method))
        return refuse(501, why, "method");
    if (h->target.len > HEAD_TARGET_MAX)
        return refuse(414, why, "target");
    if (h->target.len == 0 || h->target.at[0] != '/')
        return refuse(400, why, "form of the target");
    for (size_t i = 0; i < h->target.len; i++)
        if ((unsigned char)h->target.at[i] >= 0x7f || h->target.at[i] == '#')
            return refuse(400, why, "target");
    return 0;
}

/* Digits only: no sign, no blank, no list. -1 when it is anything else or beyond 2^53. */
static int64_t parse_length(struct head_slice s)
{
    int64_t n = 0;
    if (s.len == 0 || s.len > 15)
        return -1;
    for (size_t i = 0; i < s.len; i++) {
        if (s.at[i] < '0' || s.at[i] > '9')
            return -1;
        n = n * 10 + (s.at[i] - '0');
    }
    return n;
}

/* A name, an address, a bracketed IPv6 address, each perhaps with a port. */
static bool is_host(struct head_slice s)
{
    bool bracket = s.len > 0 && s.at[0] == '[';
    if (s.len == 0 || s.len > 255)
        return false;
    for (size_t i = 0; i < s.len; i++) {
        char c = s.at[i];
        bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                     c == '.' || c == '-' || c == '_' || c == ':';
        if (!plain && !(bracket && (c == '[' || c == ']')))
            return false;
    }
    return true;
}

static int parse_special(struct head *h, const struct head_field *f, const char **why)
{
    if (same(f->name, "Host")) {
        if (h->host.at)
            return refuse(400, why, "two Host fields");
        if (!is_host(f->value))
            return refuse(400, why, "Host");
        h->host = f->value;
    } else if (same(f->name, "Content-Length")) {
        if (h->length >= 0)
            return refuse(400, why, "two lengths");
        h->length = parse_length(f->value);
        if (h->length < 0)
            return refuse(f->value.len > 15 ? 413 : 400, why, "Content-Length");
    } else if (same(f->name, "Transfer-Encoding")) {
        if (h->chunked || !same(f->value, "chunked"))
            return refuse(400, why, "Transfer-Encoding");
        h->chunked = true;
    } else if (same(f->name, "Expect")) {
        if (!same(f->value, "100-continue"))
            return refuse(417, why, "Expect");
        h->expect = true;
    } else if (same(f->name, "Upgrade") && same(f->value, "h2c")) {
        return 0; /* an offer that may be ignored */
    }
    return 0;
}

static int parse_field(struct head *h, const char *line, size_t len, const char **why)
{
    const char *colon = memchr(line, ':', len);
    if (!colon)
        return refuse(400, why, "a field without a colon");
    if (h->count == HEAD_FIELDS_MAX)
        return refuse(431, why, "too many fields");
    struct head_field *f = &h->fields[h->count++];
    const char *at = colon + 1, *end = line + len;
    while (at < end && *at == ' ')
        at++;
    while (end > at && end[-1] == ' ')
        end--;
    f->name = (struct head_slice){line, (size_t)(colon - line)};
    f->value = (struct head_slice){at, (size_t)(end - at)};
    if (!is_token(f->name))
        return refuse(400, why, "name of a field");
    return parse_special(h, f, why);
}

int head_parse(struct head *h, const char *data, size_t len, const char **why)
{
    const char *end = data + len, *line = data;
    h->host = (struct head_slice){0};
    h->length = -1;
    h->chunked = h->expect = false;
    h->count = 0;
    for (bool first = true; line < end; first = false) {
        const char *stop = memchr(line, '\r', (size_t)(end - line));
        if (!stop || stop + 1 >= end || stop[1] != '\n')
            return refuse(400, why, "end of a line");
        if (stop == line && !first)
            break;
        int status = first ? parse_first(h, line, (size_t)(stop - line), why)
                           : parse_field(h, line, (size_t)(stop - line), why);
        if (status)
            return status;
        line = stop + 2;
    }
    if (!h->host.at)
        return refuse(400, why, "no Host");
    if (h->chunked && (h->length >= 0 || h->minor == 0))
        return refuse(400, why, "a length beside a transfer encoding");
    if (h->minor == 0 || (!h->chunked && h->length <= 0))
        h->expect = false;
    return 0;
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The byte that stands at *at ("%41" or a plain one), *at moved behind it; -1 if that is none. */
static int next_byte(const char **at, const char *end)
{
    const char *p = *at;
    if (*p != '%') {
        *at = p + 1;
        return (unsigned char)*p;
    }
    if (end - p < 3)
        return -1;
    int high = hex_digit(p[1]), low = hex_digit(p[2]);
    if (high < 0 || low < 0)
        return -1;
    *at = p + 3;
    return high << 4 | low;
}

static bool bad_part(const char *part, const char *end, bool last)
{
    size_t len = (size_t)(end - part);
    return (len == 0 && !last) || (len == 1 && part[0] == '.') ||
           (len == 2 && part[0] == '.' && part[1] == '.');
}

bool head_path(const char *target, size_t len, char *out)
{
    const char *query = len ? memchr(target, '?', len) : NULL;
    const char *at = target, *end = query ? query : target + len;
    char *to = out, *part = out + 1;
    if (at == end || *at != '/')
        return false;
    *to++ = *at++;
    while (at < end) {
        bool encoded = *at == '%';
        int c = next_byte(&at, end);
        if (c < 0x20 || c == 0x7f || c == '\\' || (encoded && c == '/'))
            return false;
        if (c == '/') {
            if (bad_part(part, to, false))
                return false;
            part = to + 1;
        }
        *to++ = (char)c;
    }
    *to = '\0';
    return !bad_part(part, to, true) && utf8_valid(out, (size_t)(to - out));
}

struct head_slice head_query(const char *target, size_t len)
{
    const char *mark = len ? memchr(target, '?', len) : NULL;
    if (!mark)
        return (struct head_slice){target + len, 0};
    return (struct head_slice){mark + 1, (size_t)(target + len - mark - 1)};
}

/* Decodes to out; -1 when it is broken. */
static long decode_form(const char *at, const char *end, char *out)
{
    char *to = out;
    while (at < end) {
        int c = *at == '+' ? (at++, ' ') : next_byte(&at, end);
        if (c <= 0)
            return -1;
        *to++ = (char)c;
    }
    *to = '\0';
    return to - out;
}

long head_param(const char *query, size_t query_len, const char *name, char *out)
{
    const char *at = query, *end = query + query_len;
    size_t name_len = strlen(name);
    while (at < end) {
        const char *stop = memchr(at, '&', (size_t)(end - at));
        if (!stop)
            stop = end;
        const char *equals = memchr(at, '=', (size_t)(stop - at));
        long len = decode_form(at, equals ? equals : stop, out);
        if (len >= 0 && (size_t)len == name_len && memcmp(out, name, name_len) == 0) {
            len = equals ? decode_form(equals + 1, stop, out) : (out[0] = '\0', 0);
            return len >= 0 && utf8_valid(out, (size_t)len) ? len : -1;
        }
        at = stop + 1;
    }
    return -1;
}

/* "q=0", "q=0.0", "q=0.000" behind a semicolon. */
static bool weight_is_zero(const char *at, const char *end)
{
    while (at < end && (*at == ' ' || *at == '\t' || *at == ';'))
        at++;
    if (end - at < 3 || (*at | 0x20) != 'q' || at[1] != '=' || at[2] != '0')
        return false;
    for (at += 3; at < end && *at != ' ' && *at != '\t' && *at != ';'; at++)
        if (*at != '.' && *at != '0')
            return false;
    return true;
}

bool head_lists(const char *value, const char *token)
{
    size_t len = strlen(token);
    while (value && *value) {
        while (*value == ' ' || *value == '\t' || *value == ',')
            value++;
        const char *end = value + strcspn(value, ",");
        size_t word = strcspn(value, ",; \t");
        if (word == len && strncasecmp(value, token, len) == 0)
            return !weight_is_zero(value + word, end);
        value = end;
    }
    return false;
}

enum { SIZE, SIZE_LF, DATA, DATA_CR, DATA_LF, END_CR, END_LF };

/* One byte of framing. */
static enum head_scan_result chunk_byte(struct head_chunks *c, char byte)
{
    int digit = hex_digit(byte);
    switch (c->state) {
    case SIZE:
        if (digit >= 0 && c->digits < 8) {
            c->left = c->left << 4 | (unsigned)digit;
            c->digits++;
            return HEAD_MORE;
        }
        c->state = SIZE_LF;
        return byte == '\r' && c->digits > 0 ? HEAD_MORE : HEAD_BAD;
    case SIZE_LF:
        c->state = c->left ? DATA : END_CR;
        c->digits = 0;
        return byte == '\n' ? HEAD_MORE : HEAD_BAD;
    case DATA_CR:
        c->state = DATA_LF;
        return byte == '\r' ? HEAD_MORE : HEAD_BAD;
    case DATA_LF:
        c->state = SIZE;
        return byte == '\n' ? HEAD_MORE : HEAD_BAD;
    case END_CR:
        c->state = END_LF;
        return byte == '\r' ? HEAD_MORE : HEAD_BAD;
    default:
        return byte == '\n' ? HEAD_DONE : HEAD_BAD;
    }
}

enum head_scan_result head_chunks(struct head_chunks *c, const char *data, size_t len,
                                  uint64_t body_max, size_t *used)
{
    enum head_scan_result result = HEAD_MORE;
    size_t at = 0;
    while (at < len && result == HEAD_MORE) {
        if (c->state == DATA) {
            size_t n = len - at < c->left ? len - at : (size_t)c->left;
            at += n;
            c->left -= n;
            c->body += n;
            if (c->left == 0)
                c->state = DATA_CR;
            continue;
        }
        result = chunk_byte(c, data[at++]);
        if (result == HEAD_MORE && c->state == DATA && c->left > body_max - c->body)
            result = HEAD_LARGE;
    }
    c->raw += at;
    /* Chunks of single bytes must not multiply what a body may take. */
    if (result == HEAD_MORE && c->raw > 2 * body_max + 65536)
        result = HEAD_LARGE;
    *used = at;
    return result;
}

/* Digits of a range; -1 when there are none or too many. */
static int64_t digits(const char **at)
{
    size_t len = strspn(*at, "0123456789");
    int64_t n = 0;
    if (len == 0 || len > 15)
        return -1;
    for (size_t i = 0; i < len; i++)
        n = n * 10 + ((*at)[i] - '0');
    *at += len;
    return n;
}

int head_range(const char *text, int64_t size, int64_t *first, int64_t *count)
{
    *first = 0;
    *count = size;
    if (strncmp(text, "bytes=", 6) != 0)
        return 1;
    const char *at = text + 6;
    bool from = *at != '-';
    int64_t a = from ? digits(&at) : 0;
    if (a < 0 || *at++ != '-')
        return 1;
    int64_t b = *at ? digits(&at) : from ? INT64_MAX : -1;
    if (b < 0 || *at || (from && b < a))
        return 1; /* several, or none at all: all of it is an answer, too */
    if (from ? a >= size : b == 0 || size == 0)
        return -1;
    if (!from)
        a = b < size ? size - b : 0;
    else if (b > size - 1)
        b = size - 1;
    *first = a;
    *count = from ? b - a + 1 : size - a;
    return 0;
}

bool head_has_tag(const char *list, const char *tag)
{
    size_t len = strlen(tag);
    while (*list) {
        list += strspn(list, " \t,");
        if (*list == '*')
            return true;
        if (strncmp(list, "W/", 2) == 0)
            list += 2;
        if (strncmp(list, tag, len) == 0 && (list[len] == '\0' || strchr(" \t,", list[len])))
            return true;
        list += strcspn(list, ",");
    }
    return false;
}
