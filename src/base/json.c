#include "base/json_internal.h"

#include "base/utf8.h"

#include <stdlib.h>
#include <string.h>

static const char twice[] = "this key is there twice";

struct frame {
    uint32_t node; /* the array or object */
    uint64_t seen; /* a bit per hash of its keys: a clear bit says "certainly new" */
};

struct parser {
    struct json_doc *doc;
    const char *text, *end;
    const char *at;
    const char *wrong; /* where the error is, with what */
    const char *what;
    int depth;
    struct frame frames[JSON_DEPTH_MAX];
};

void json_init(struct json_doc *doc)
{
    *doc = (struct json_doc){0};
}

void json_release(struct json_doc *doc)
{
    if (!doc)
        return;
    free(doc->nodes);
    *doc = (struct json_doc){0};
}

static int wrong(struct parser *p, const char *at, const char *what)
{
    p->wrong = at;
    p->what = what;
    return RAUM_EBAD_JSON;
}

/* Line and column (in characters) from 1. What the text holds there is not told: it is data. */
static int explain(const struct parser *p, struct raum_error *error)
{
    const char *line_start = p->text;
    uint32_t line = 1;
    for (const char *s = p->text; s < p->wrong; s++)
        if (*s == '\n') {
            line++;
            line_start = s + 1;
        }
    size_t column = utf8_count(line_start, (size_t)(p->wrong - line_start)) + 1;
    return err_at(error, "json", RAUM_EBAD_JSON, "line %u, column %zu: %s", (unsigned)line, column,
                  p->what);
}

/* ---- the tape ---- */

static bool grow(struct json_doc *doc)
{
    uint32_t cap = doc->cap ? doc->cap * 2 : 64;
    struct json_node *nodes =
        cap > doc->cap ? realloc(doc->nodes, (size_t)cap * sizeof *nodes) : NULL;
    if (!nodes)
        return false;
    doc->nodes = nodes;
    doc->cap = cap;
    return true;
}

static struct json_node *push(struct parser *p, enum json_type type, const char *start,
                              const char *end)
{
    struct json_doc *doc = p->doc;
    if (doc->count == doc->cap && !grow(doc))
        return NULL;
    struct json_node *node = &doc->nodes[doc->count++];
    node->start = (uint32_t)(start - p->text);
    node->len = (uint32_t)(end - start);
    node->next = doc->count;
    node->count = 0;
    node->type = (uint8_t)type;
    node->escaped = false;
    return node;
}

/* ---- texts ---- */

/* Steps over what ended a plain run: an escape or a character beyond ASCII. */
static int string_special(struct parser *p, const char **at)
{
    const char *s = *at;
    if (*s == '\\') {
        int32_t code = json_read_escape(at, p->end);
        if (code < 0)
            return wrong(p, s, "this is not an escape of JSON");
        if ((json_is_high(code) || json_is_low(code)) && !(p->doc->flags & JSON_LONE))
            return wrong(p, s, "half of a surrogate pair");
        return 0;
    }
    if ((unsigned char)*s < 0x20)
        return wrong(p, s, "a control character in a text must be escaped");
    uint32_t code;
    size_t size = utf8_get(s, (size_t)(p->end - s), &code);
    if (size == 0)
        return wrong(p, s, "not valid UTF-8");
    *at = s + size;
    return 0;
}

/* p->at is behind the opening quote; ends behind the closing one. */
static int read_string(struct parser *p)
{
    const char *start = p->at, *at = start;
    bool escaped = false;
    for (;;) {
        at = json_skip_plain(at, p->end);
        if (at == p->end)
            return wrong(p, start - 1, "this text does not end");
        if (*at == '"')
            break;
        escaped |= *at == '\\';
        int rc = string_special(p, &at);
        if (rc)
            return rc;
    }
    struct json_node *node = push(p, JSON_STRING, start, at);
    if (!node)
        return RAUM_ENOMEM;
    node->escaped = escaped;
    p->at = at + 1;
    return 0;
}

/* ---- keys ---- */

static int no_duplicates(struct parser *p, uint32_t object)
{
    const struct json_doc *doc = p->doc;
    uint32_t count = doc->nodes[object].count;
    struct json_entry *entries = json_sorted_members(doc, object);
    if (!entries)
        return RAUM_ENOMEM;
    int rc = 0;
    for (uint32_t i = 1; i < count && rc == 0; i++)
        if (json_compare_entries(&entries[i - 1], &entries[i]) == 0) {
            uint32_t a = entries[i - 1].node, b = entries[i].node;
            rc = wrong(p, doc->text + doc->nodes[a > b ? a : b].start - 1, twice);
        }
    free(entries);
    return rc;
}

/* One of 64 bits for a key. Length, first, middle and last byte tell most keys of one object apart;
 * an escaped key has every bit, it is always compared. */
static inline uint64_t key_bits(const struct json_doc *doc, const struct json_node *key)
{
    if (key->escaped)
        return ~(uint64_t)0;
    const unsigned char *text = (const unsigned char *)doc->text + key->start;
    uint32_t hash = key->len;
    if (key->len > 0)
        hash += text[0] * 0x1F1F1Fu + text[key->len / 2] * 0x3E5u + text[key->len - 1] * 0x1003Fu;
    return (uint64_t)1 << (hash * 2654435769u >> 26);
}

/* The key just read against the earlier ones of a still small object. */
static int check_key(struct parser *p, struct frame *frame)
{
    const struct json_doc *doc = p->doc;
    const struct json_node *nodes = doc->nodes;
    uint32_t key = doc->count - 1;
    uint64_t bits = key_bits(doc, &nodes[key]);
    bool look = (frame->seen & bits) != 0;
    frame->seen |= bits;
    if (!look)
        return 0;
    for (uint32_t other = frame->node + 1; other < key; other = nodes[other + 1].next)
        if (json_same_strings(doc, &nodes[other], doc, &nodes[key]))
            return wrong(p, doc->text + nodes[key].start - 1, twice);
    return 0;
}

/* ---- the grammar ---- */

static inline void skip_space(struct parser *p)
{
    const char *at = p->at, *end = p->end;
    while (at < end && (*at == ' ' || *at == '\n' || *at == '\r' || *at == '\t'))
        at++;
    p->at = at;
}

static inline bool is_digit(const char *at, const char *end)
{
    return at < end && *at >= '0' && *at <= '9';
}

static int read_number(struct parser *p)
{
    const char *start = p->at, *at = start, *end = p->end;
    at += *at == '-';
    if (!is_digit(at, end))
        return wrong(p, start, "a number needs digits");
    if (*at == '0')
        at++;
    else
        while (is_digit(at, end))
            at++;
    if (is_digit(at, end))
        return wrong(p, start, "a number must not begin with 0");
    if (at < end && *at == '.') {
        at++;
        if (!is_digit(at, end))
            return wrong(p, start, "a digit must follow the point");
        while (is_digit(at, end))
            at++;
    }
    if (at < end && (*at == 'e' || *at == 'E')) {
        at++;
        at += at < end && (*at == '+' || *at == '-');
        if (!is_digit(at, end))
            return wrong(p, start, "a digit must follow the exponent's sign");
        while (is_digit(at, end))
            at++;
    }
    p->at = at;
    return push(p, JSON_NUMBER, start, at) ? 0 : RAUM_ENOMEM;
}

static int read_word(struct parser *p, const char *word, size_t len, enum json_type type)
{
    const char *start = p->at;
    if ((size_t)(p->end - start) < len || memcmp(start, word, len) != 0)
        return wrong(p, start, "a value was expected");
    p->at = start + len;
    return push(p, type, start, p->at) ? 0 : RAUM_ENOMEM;
}

/* "key": of the innermost object. */
static int read_key(struct parser *p)
{
    skip_space(p);
    if (p->at == p->end || *p->at != '"')
        return wrong(p, p->at, "a key in quotes was expected");
    p->at++;
    int rc = read_string(p);
    if (rc)
        return rc;
    struct frame *frame = &p->frames[p->depth - 1];
    if (++p->doc->nodes[frame->node].count <= JSON_DIRECT_MAX && (rc = check_key(p, frame)) != 0)
        return rc;
    skip_space(p);
    if (p->at == p->end || *p->at != ':')
        return wrong(p, p->at, "a colon was expected");
    p->at++;
    return 0;
}

static int close_container(struct parser *p)
{
    uint32_t at = p->frames[--p->depth].node;
    struct json_node *node = &p->doc->nodes[at];
    p->at++;
    node->len = (uint32_t)(p->at - p->text) - node->start;
    node->next = p->doc->count;
    if (node->type == JSON_OBJECT && node->count > JSON_DIRECT_MAX)
        return no_duplicates(p, at);
    return 0;
}

/* Steps after open_container and read_value: */
enum step { STEP_DONE = 0, STEP_VALUE = 1 }; /* a value is complete; one must follow */

static int open_container(struct parser *p)
{
    bool object = *p->at == '{';
    if (p->depth == JSON_DEPTH_MAX)
        return wrong(p, p->at, "nested too deeply");
    if (!push(p, object ? JSON_OBJECT : JSON_ARRAY, p->at, p->at))
        return RAUM_ENOMEM;
    p->frames[p->depth++] = (struct frame){.node = p->doc->count - 1};
    p->at++;
    skip_space(p);
    if (p->at < p->end && *p->at == (object ? '}' : ']'))
        return close_container(p);
    int rc = 0;
    if (object)
        rc = read_key(p);
    else
        p->doc->nodes[p->doc->count - 1].count = 1;
    return rc ? rc : STEP_VALUE;
}

static int read_value(struct parser *p)
{
    skip_space(p);
    if (p->at == p->end)
        return wrong(p, p->at, "a value was expected, the text ends");
    switch (*p->at) {
    case '"':
        p->at++;
        return read_string(p);
    case '{':
    case '[':
        return open_container(p);
    case 't':
        return read_word(p, "true", 4, JSON_TRUE);
    case 'f':
        return read_word(p, "false", 5, JSON_FALSE);
    case 'n':
        return read_word(p, "null", 4, JSON_NULL);
    default:
        if (*p->at == '-' || is_digit(p->at, p->end))
            return read_number(p);
        return wrong(p, p->at, "a value was expected");
    }
}

/* What may follow a complete value: closing brackets, then a comma, or the end. */
static int after_value(struct parser *p)
{
    while (p->depth > 0) {
        struct json_node *parent = &p->doc->nodes[p->frames[p->depth - 1].node];
        bool object = parent->type == JSON_OBJECT;
        skip_space(p);
        char c = p->at < p->end ? *p->at : '\0';
        if (c == ',') {
            p->at++;
            int rc = 0;
            if (object)
                rc = read_key(p);
            else
                parent->count++;
            return rc ? rc : STEP_VALUE;
        }
        if (c != (object ? '}' : ']'))
            return wrong(p, p->at, object ? "a comma or } is missing" : "a comma or ] is missing");
        int rc = close_container(p);
        if (rc)
            return rc;
    }
    return STEP_DONE;
}

int json_parse(struct json_doc *doc, const char *text, size_t len, unsigned flags,
               struct raum_error *error)
{
    doc->text = text;
    doc->count = 0;
    doc->flags = flags;
    if (len >= UINT32_MAX)
        return err_at(error, "json", RAUM_ETOO_LARGE, NULL);
    struct parser p;
    p.doc = doc;
    p.text = p.at = text;
    p.end = text + len;
    p.depth = 0;
    int rc;
    do {
        rc = read_value(&p);
        if (rc == STEP_DONE)
            rc = after_value(&p);
    } while (rc == STEP_VALUE);
    if (rc == 0) {
        skip_space(&p);
        if (p.at < p.end)
            rc = wrong(&p, p.at, "nothing may follow the value");
    }
    if (rc == 0)
        return 0;
    doc->count = 0;
    return rc == RAUM_EBAD_JSON ? explain(&p, error) : err_at(error, "json", rc, NULL);
}
