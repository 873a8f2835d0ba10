#include "base/json_internal.h"

#include <math.h>
#include <stdlib.h>

static const struct json_node *node_of(struct json_value v)
{
    return &v.doc->nodes[v.at];
}

struct json_value json_root(const struct json_doc *doc)
{
    return (struct json_value){doc->count ? doc : NULL, 0};
}

enum json_type json_type(struct json_value v)
{
    return v.doc ? (enum json_type)node_of(v)->type : JSON_NONE;
}

bool json_is(struct json_value v, enum json_type type)
{
    return json_type(v) == type;
}

uint32_t json_count(struct json_value v)
{
    return v.doc ? node_of(v)->count : 0;
}

int json_depth(struct json_value v)
{
    uint32_t ends[JSON_DEPTH_MAX + 1];
    int open = 0, most = 0;
    for (uint32_t i = v.at; v.doc && i < node_of(v)->next; i++) {
        const struct json_node *node = &v.doc->nodes[i];
        while (open && i >= ends[open - 1])
            open--;
        if (node->type == JSON_ARRAY || node->type == JSON_OBJECT)
            ends[open++] = node->next;
        most = open > most ? open : most;
    }
    return most;
}

static bool node_equals(const struct json_doc *doc, const struct json_node *node, const char *text,
                        size_t len)
{
    if (!node->escaped)
        return node->len == len && memcmp(doc->text + node->start, text, len) == 0;
    struct json_decoder d = json_decoder_of(doc, node);
    for (size_t i = 0; i < len; i++)
        if (json_decode_byte(&d) != (unsigned char)text[i])
            return false;
    return json_decode_byte(&d) < 0;
}

struct json_value json_get(struct json_value object, const char *key)
{
    if (!json_is(object, JSON_OBJECT))
        return (struct json_value){0};
    const struct json_node *nodes = object.doc->nodes;
    size_t len = strlen(key);
    uint32_t end = nodes[object.at].next;
    for (uint32_t at = object.at + 1; at < end; at = nodes[at + 1].next)
        if (node_equals(object.doc, &nodes[at], key, len))
            return (struct json_value){object.doc, at + 1};
    return (struct json_value){0};
}

struct json_value json_get_key(struct json_value object, struct json_value key)
{
    if (!json_is(object, JSON_OBJECT) || !json_is(key, JSON_STRING))
        return (struct json_value){0};
    const struct json_node *nodes = object.doc->nodes, *wanted = node_of(key);
    uint32_t end = nodes[object.at].next;
    for (uint32_t at = object.at + 1; at < end; at = nodes[at + 1].next)
        if (json_compare_strings(object.doc, &nodes[at], key.doc, wanted) == 0)
            return (struct json_value){object.doc, at + 1};
    return (struct json_value){0};
}

/* The value that begins at `at` (at a key, the one behind it), unless the parent ends there. */
static struct json_value child_at(struct json_value parent, uint32_t at)
{
    if (at >= node_of(parent)->next)
        return (struct json_value){0};
    return (struct json_value){parent.doc, at + (node_of(parent)->type == JSON_OBJECT)};
}

struct json_value json_first(struct json_value parent)
{
    if (json_count(parent) == 0)
        return (struct json_value){0};
    return child_at(parent, parent.at + 1);
}

struct json_value json_next(struct json_value parent, struct json_value child)
{
    return child_at(parent, node_of(child)->next);
}

struct json_value json_key(struct json_value member)
{
    return (struct json_value){member.doc, member.at - 1};
}

bool json_text(struct json_value v, struct arena *arena, const char **text, size_t *len)
{
    if (!json_is(v, JSON_STRING))
        return false;
    const struct json_node *node = node_of(v);
    if (!node->escaped) {
        *text = v.doc->text + node->start;
        *len = node->len;
        return true;
    }
    char *out = arena_alloc(arena, (size_t)node->len + 1); /* decoding never lengthens */
    if (!out)
        return false;
    struct json_decoder d = json_decoder_of(v.doc, node);
    size_t used = 0;
    for (int byte; (byte = json_decode_byte(&d)) >= 0;)
        out[used++] = (char)byte;
    out[used] = '\0';
    *text = out;
    *len = used;
    return true;
}

const char *json_str(struct json_value v, struct arena *arena)
{
    const char *text;
    size_t len;
    if (!json_text(v, arena, &text, &len) || (len && memchr(text, '\0', len)))
        return NULL;
    return node_of(v)->escaped ? text : arena_copy(arena, text, len);
}

bool json_equals(struct json_value v, const char *text)
{
    return json_is(v, JSON_STRING) && node_equals(v.doc, node_of(v), text, strlen(text));
}

bool json_int(struct json_value v, int64_t *out)
{
    size_t len;
    const char *text = json_raw(v, &len);
    return json_is(v, JSON_NUMBER) && json_number_int(text, len, out);
}

bool json_double(struct json_value v, double *out)
{
    size_t len;
    const char *text = json_raw(v, &len);
    if (!json_is(v, JSON_NUMBER))
        return false;
    double value = json_number_double(text, len);
    if (!isfinite(value))
        return false;
    *out = value;
    return true;
}

bool json_bool(struct json_value v, bool *out)
{
    if (!json_is(v, JSON_TRUE) && !json_is(v, JSON_FALSE))
        return false;
    *out = json_is(v, JSON_TRUE);
    return true;
}

const char *json_raw(struct json_value v, size_t *len)
{
    *len = 0;
    if (!v.doc)
        return NULL;
    const struct json_node *node = node_of(v);
    bool string = node->type == JSON_STRING;
    *len = node->len + (string ? 2u : 0u);
    return v.doc->text + node->start - string;
}

/* ---- comparison ---- */

static bool same(struct json_value a, struct json_value b);

static bool same_arrays(struct json_value a, struct json_value b)
{
    struct json_value x = json_first(a), y = json_first(b);
    for (; x.doc; x = json_next(a, x), y = json_next(b, y))
        if (!y.doc || !same(x, y))
            return false;
    return true;
}

static bool same_sorted(struct json_value a, struct json_value b, const struct json_entry *x,
                        const struct json_entry *y)
{
    for (uint32_t i = 0; i < json_count(a); i++)
        if (json_compare_entries(&x[i], &y[i]) != 0 ||
            !same((struct json_value){a.doc, x[i].node + 1},
                  (struct json_value){b.doc, y[i].node + 1}))
            return false;
    return true;
}

/* The member of `object` with the key at `key` of another document; none if it is not there. */
static struct json_value find_member(struct json_value object, const struct json_doc *doc,
                                     const struct json_node *key)
{
    struct json_value v = json_first(object);
    while (v.doc && !json_same_strings(object.doc, node_of(json_key(v)), doc, key))
        v = json_next(object, v);
    return v;
}

static bool same_objects(struct json_value a, struct json_value b)
{
    struct json_entry *x = NULL, *y = NULL;
    bool equal = true;
    if (json_count(a) > JSON_DIRECT_MAX) {
        x = json_sorted_members(a.doc, a.at);
        y = json_sorted_members(b.doc, b.at);
        if (x && y) {
            equal = same_sorted(a, b, x, y);
            goto out;
        } /* without memory slowly, but rightly */
    }
    for (struct json_value v = json_first(a); v.doc && equal; v = json_next(a, v)) {
        struct json_value other = find_member(b, a.doc, node_of(json_key(v)));
        equal = other.doc && same(v, other);
    }
out:
    free(x);
    free(y);
    return equal;
}

/* Recursion ends: a document is at most JSON_DEPTH_MAX deep. */
static bool same(struct json_value a, struct json_value b)
{
    const struct json_node *x = node_of(a), *y = node_of(b);
    if (x->type != y->type || x->count != y->count)
        return false;
    switch ((enum json_type)x->type) {
    case JSON_NONE:
    case JSON_NULL:
    case JSON_FALSE:
    case JSON_TRUE:
        return true;
    case JSON_NUMBER:
        return json_number_same(a.doc->text + x->start, x->len, b.doc->text + y->start, y->len);
    case JSON_STRING:
        return json_same_strings(a.doc, x, b.doc, y);
    case JSON_ARRAY:
        return same_arrays(a, b);
    case JSON_OBJECT:
        return same_objects(a, b);
    }
    return false;
}

bool json_same(struct json_value a, struct json_value b)
{
    if (!a.doc || !b.doc)
        return a.doc == b.doc;
    return same(a, b);
}
