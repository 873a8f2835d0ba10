#include "base/json_internal.h"

#include "base/utf8.h"

#include <stdlib.h>

static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

/* Four hex digits, or -1. */
static int32_t hex4(const char *at, const char *end)
{
    int32_t value = 0;
    if (end - at < 4)
        return -1;
    for (int i = 0; i < 4; i++) {
        int digit = hex_value(at[i]);
        if (digit < 0)
            return -1;
        value = value << 4 | digit;
    }
    return value;
}

int32_t json_read_escape(const char **at, const char *end)
{
    const char *s = *at + 1;
    if (s == end)
        return -1;
    static const char names[] = "\"\\/bfnrt", codes[] = "\"\\/\b\f\n\r\t";
    if (*s != 'u') {
        const char *name = *s ? strchr(names, *s) : NULL;
        *at = s + 1;
        return name ? codes[name - names] : -1;
    }
    int32_t unit = hex4(s + 1, end);
    if (unit < 0)
        return -1;
    s += 5;
    *at = s;
    if (json_is_high(unit) && end - s >= 6 && s[0] == '\\' && s[1] == 'u') {
        int32_t low = hex4(s + 2, end);
        if (json_is_low(low)) {
            *at = s + 6;
            return 0x10000 + ((unit - 0xD800) << 10) + (low - 0xDC00);
        }
    }
    return unit;
}

struct json_decoder json_decoder_of(const struct json_doc *doc, const struct json_node *node)
{
    const char *start = doc->text + node->start;
    return (struct json_decoder){.at = start, .end = start + node->len};
}

/* utf8_put makes U+FFFD of half a pair (JSON_LONE). */
int json_decode_byte(struct json_decoder *d)
{
    if (d->used < d->have)
        return (unsigned char)d->bytes[d->used++];
    if (d->at == d->end)
        return -1;
    if (*d->at != '\\')
        return (unsigned char)*d->at++;
    d->have = (uint8_t)utf8_put(d->bytes, (uint32_t)json_read_escape(&d->at, d->end));
    d->used = 1;
    return (unsigned char)d->bytes[0];
}

int json_compare_strings(const struct json_doc *a_doc, const struct json_node *a,
                         const struct json_doc *b_doc, const struct json_node *b)
{
    if (!a->escaped && !b->escaped) {
        uint32_t len = a->len < b->len ? a->len : b->len;
        int order = memcmp(a_doc->text + a->start, b_doc->text + b->start, len);
        return order ? order : (a->len > b->len) - (a->len < b->len);
    }
    struct json_decoder x = json_decoder_of(a_doc, a), y = json_decoder_of(b_doc, b);
    for (;;) {
        int left = json_decode_byte(&x), right = json_decode_byte(&y);
        if (left != right)
            return left < right ? -1 : 1;
        if (left < 0)
            return 0;
    }
}

bool json_same_strings(const struct json_doc *a_doc, const struct json_node *a,
                       const struct json_doc *b_doc, const struct json_node *b)
{
    if (!a->escaped && !b->escaped && a->len != b->len)
        return false;
    return json_compare_strings(a_doc, a, b_doc, b) == 0;
}

static uint32_t hash_string(const struct json_doc *doc, const struct json_node *node)
{
    uint32_t hash = 2166136261u;
    if (!node->escaped) {
        const char *text = doc->text + node->start;
        for (uint32_t i = 0; i < node->len; i++)
            hash = (hash ^ (unsigned char)text[i]) * 16777619u;
        return hash;
    }
    struct json_decoder d = json_decoder_of(doc, node);
    for (int byte; (byte = json_decode_byte(&d)) >= 0;)
        hash = (hash ^ (uint32_t)byte) * 16777619u;
    return hash;
}

int json_compare_entries(const void *a, const void *b)
{
    const struct json_entry *x = a, *y = b;
    if (x->hash != y->hash)
        return x->hash < y->hash ? -1 : 1;
    return json_compare_strings(x->doc, &x->doc->nodes[x->node], y->doc, &y->doc->nodes[y->node]);
}

struct json_entry *json_sorted_members(const struct json_doc *doc, uint32_t node)
{
    uint32_t count = doc->nodes[node].count;
    struct json_entry *entries = malloc((size_t)count * sizeof *entries + 1);
    if (!entries)
        return NULL;
    uint32_t key = node + 1;
    for (uint32_t i = 0; i < count; i++) {
        entries[i] = (struct json_entry){doc, hash_string(doc, &doc->nodes[key]), key};
        key = doc->nodes[key + 1].next;
    }
    qsort(entries, count, sizeof *entries, json_compare_entries);
    return entries;
}
