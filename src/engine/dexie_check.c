#include "engine/dexie_check.h"

#include "base/err.h"
#include "engine/dexie.h"

#include <string.h>

bool dexie_is_space(char c)
{
    return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}

static int wrong(struct dexie_check *c, const char *at, const char *what)
{
    c->at = at;
    c->what = what;
    return at >= c->end ? DEXIE_MORE : RAUM_ECORRUPT;
}

#define ONES 0x0101010101010101u
#define HIGHS 0x8080808080808080u

/* The first byte at or behind s that is a quote, a backslash, below 0x20 or beyond ASCII. The NULs
 * behind the window end every run. */
static inline const char *skip_plain(const char *s)
{
    for (;; s += 8) {
        uint64_t eight;
        memcpy(&eight, s, sizeof eight);
        uint64_t quote = eight ^ (ONES * '"'), slash = eight ^ (ONES * '\\');
        uint64_t found = (quote - ONES) | (slash - ONES) | (eight - ONES * 0x20) | eight;
        if (found & HIGHS)
            break;
    }
    while ((unsigned char)*s >= 0x20 && (unsigned char)*s < 0x80 && *s != '"' && *s != '\\')
        s++;
    return s;
}

static bool is_hex(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

static int check_escape(struct dexie_check *c, const char **at)
{
    const char *s = *at + 1;
    if (*s == 'u') {
        for (int i = 1; i <= 4; i++)
            if (!is_hex(s[i]))
                return wrong(c, s + i, "not an escape of JSON");
        *at = s + 5;
        return 0;
    }
    if (*s == '\0' || !strchr("\"\\/bfnrt", *s))
        return wrong(c, s, "not an escape of JSON");
    *at = s + 1;
    return 0;
}

/* RFC 3629: the second byte's range depends on the first. */
static int check_utf8(struct dexie_check *c, const char **at)
{
    const unsigned char *s = (const unsigned char *)*at;
    int size = s[0] < 0xE0 ? 2 : s[0] < 0xF0 ? 3 : 4;
    if (s[0] < 0xC2 || s[0] > 0xF4)
        return wrong(c, *at, "not valid UTF-8");
    unsigned low = s[0] == 0xE0 ? 0xA0 : s[0] == 0xF0 ? 0x90 : 0x80;
    unsigned high = s[0] == 0xED ? 0x9F : s[0] == 0xF4 ? 0x8F : 0xBF;
    for (int i = 1; i < size; i++, low = 0x80, high = 0xBF)
        if (s[i] < low || s[i] > high)
            return wrong(c, *at + i, "not valid UTF-8");
    *at += size;
    return 0;
}

/* c->at is at the opening quote; ends behind the closing one. */
static int check_string(struct dexie_check *c)
{
    const char *s = c->at + 1;
    for (;;) {
        s = skip_plain(s);
        if (*s == '"')
            break;
        int rc;
        if (*s == '\\')
            rc = check_escape(c, &s);
        else if ((unsigned char)*s >= 0x80)
            rc = check_utf8(c, &s);
        else
            return wrong(c, s, "a control character in a text");
        if (rc)
            return rc;
    }
    c->at = s + 1;
    return 0;
}

static const char *skip_digits(const char *s)
{
    while (*s >= '0' && *s <= '9')
        s++;
    return s;
}

static int check_number(struct dexie_check *c)
{
    const char *s = c->at + (*c->at == '-'), *digits = s;
    s = skip_digits(s);
    if (s == digits)
        return wrong(c, s, "a value was expected");
    if (*digits == '0' && s > digits + 1)
        return wrong(c, digits + 1, "a number must not begin with 0");
    if (*s == '.') {
        digits = s + 1;
        s = skip_digits(digits);
        if (s == digits)
            return wrong(c, s, "not a number");
    }
    if (*s == 'e' || *s == 'E') {
        digits = s + 1 + (s[1] == '+' || s[1] == '-');
        s = skip_digits(digits);
        if (s == digits)
            return wrong(c, s, "not a number");
    }
    if (s >= c->end)
        return DEXIE_MORE; /* it may go on */
    c->at = s;
    return 0;
}

static int check_word(struct dexie_check *c, const char *word)
{
    const char *s = c->at;
    for (; *word; word++, s++)
        if (*s != *word)
            return wrong(c, s, "a value was expected");
    c->at = s;
    return 0;
}

static const char *skip_spaces(const char *s)
{
    while (dexie_is_space(*s))
        s++;
    return s;
}

static bool key_is(const char *quoted, size_t len, const char *name)
{
    size_t name_len = strlen(name);
    return len == name_len + 2 && memcmp(quoted + 1, name, name_len) == 0;
}

/* Is this the member of a row that names a person? The row may be wrapped: {"$":{…}},
 * {"$":[key,{…}]}. */
static void look_at_key(struct dexie_check *c, const char *key, size_t len)
{
    if (c->depth == 1)
        c->wrapped = key_is(key, len, "$");
    bool in_tuple = c->depth == 3 && !(c->objects & 2);
    bool of_row = c->depth == 1 || (c->wrapped && (c->depth == 2 || in_tuple));
    c->wanted = NULL;
    if (!of_row)
        return;
    if (key_is(key, len, "userId"))
        c->wanted = &c->user;
    else if (key_is(key, len, "authorId"))
        c->wanted = &c->author;
}

/* "key": and the white space behind it. */
static int check_key(struct dexie_check *c)
{
    const char *key = c->at = skip_spaces(c->at);
    if (*key != '"')
        return wrong(c, key, "a key was expected");
    int rc = check_string(c);
    if (rc)
        return rc;
    look_at_key(c, key, (size_t)(c->at - key));
    c->at = skip_spaces(c->at);
    if (*c->at != ':')
        return wrong(c, c->at, "a colon was expected");
    c->at++;
    c->values++;
    return 0;
}

/* A value up to its first inner value. *open: such a value (or key) follows. */
static int check_start(struct dexie_check *c, bool *open)
{
    const char *s = c->at = skip_spaces(c->at);
    *open = false;
    c->values++;
    struct dexie_spot *wanted = c->wanted;
    c->wanted = NULL;
    switch (*s) {
    case '{':
    case '[':
        if (c->depth == DEXIE_DEPTH_MAX + 1)
            return wrong(c, s, "nested too deeply");
        c->depth++;
        c->objects = c->objects << 1 | (*s == '{');
        c->at = skip_spaces(s + 1);
        *open = *c->at != (*s == '{' ? '}' : ']'); /* the end is check_end's */
        return *open && *s == '{' ? check_key(c) : 0;
    case '"': {
        int rc = check_string(c);
        if (rc == 0 && wanted)
            *wanted = (struct dexie_spot){s, (size_t)(c->at - s)};
        return rc;
    }
    case 't':
        return check_word(c, "true");
    case 'f':
        return check_word(c, "false");
    case 'n':
        return check_word(c, "null");
    default:
        return check_number(c);
    }
}

/* What follows a complete value, or an opening bracket with nothing in it. *open as above. */
static int check_end(struct dexie_check *c, bool *open)
{
    *open = false;
    while (c->depth > 0) {
        bool object = c->objects & 1;
        const char *s = c->at = skip_spaces(c->at);
        if (*s == ',') {
            c->at++;
            *open = true;
            return object ? check_key(c) : 0;
        }
        if (*s != (object ? '}' : ']'))
            return wrong(c, s, "a comma or a closing bracket was expected");
        c->at++;
        c->depth--;
        c->objects >>= 1;
    }
    return 0;
}

int dexie_check_value(struct dexie_check *c, const char *text, size_t len)
{
    *c = (struct dexie_check){.at = text, .end = text + len};
    for (bool open = true; open;) {
        int rc = check_start(c, &open);
        if (rc == 0 && !open)
            rc = check_end(c, &open);
        if (rc)
            return rc;
    }
    return 0;
}
