#include "schema/stamps.h"

#include <string.h>

#define STAMPS_VERSION 1

static const char *const origins[ORIGINS] = {"user", "agent", "system", "migration",
                                             "server-replay"};

const char *stamp_origin_name(int origin)
{
    return origin >= 0 && origin < ORIGINS ? origins[origin] : "system";
}

int stamp_origin(const char *name, size_t len)
{
    for (int i = 0; i < ORIGINS; i++)
        if (strlen(origins[i]) == len && memcmp(origins[i], name, len) == 0)
            return i;
    return -1;
}

struct cursor {
    const unsigned char *at, *end;
};

static bool take_varint(struct cursor *c, uint32_t *out)
{
    uint64_t value = 0;
    for (int shift = 0; shift <= 28; shift += 7) {
        if (c->at == c->end)
            return false;
        unsigned char byte = *c->at++;
        value |= (uint64_t)(byte & 0x7f) << shift;
        if (!(byte & 0x80)) {
            *out = (uint32_t)value;
            return value <= UINT32_MAX;
        }
    }
    return false;
}

static bool take_stamp(struct cursor *c, struct stamp *out)
{
    if (c->end - c->at < 8)
        return false;
    out->at = 0;
    for (int i = 0; i < 8; i++)
        out->at = out->at << 8 | *c->at++;
    if (!take_varint(c, &out->actor) || c->at == c->end)
        return false;
    out->origin = *c->at++;
    return out->origin < ORIGINS;
}

static bool take_entry(struct cursor *c, struct stamp_entry *out)
{
    *out = (struct stamp_entry){.tag = *c->at++};
    if (out->tag == 0) {
        if (!take_varint(c, &out->name_len) || (size_t)(c->end - c->at) < out->name_len)
            return false;
        out->name = (const char *)c->at;
        c->at += out->name_len;
    }
    return take_stamp(c, &out->stamp);
}

static void put_varint(struct buf *out, uint32_t value)
{
    while (value >= 0x80) {
        buf_char(out, (char)(value | 0x80));
        value >>= 7;
    }
    buf_char(out, (char)value);
}

static void put_stamp(struct buf *out, const struct stamp *s)
{
    char at[8];
    for (int i = 0; i < 8; i++)
        at[i] = (char)(s->at >> (56 - 8 * i));
    buf_add(out, at, sizeof at);
    put_varint(out, s->actor);
    buf_char(out, (char)s->origin);
}

static int compare(const struct stamp_entry *e, int tag, const char *name, size_t len)
{
    /* Unknown fields (tag 0) first, then tags: any fixed order serves. */
    if (e->tag != tag)
        return e->tag < tag ? -1 : 1;
    if (tag != 0)
        return 0;
    size_t least = e->name_len < len ? e->name_len : len;
    int order = memcmp(e->name, name, least);
    return order ? order : e->name_len < len ? -1 : e->name_len > len;
}

int stamps_read(struct stamps *s, const void *data, size_t len, struct arena *arena)
{
    struct cursor c = {data, (const unsigned char *)data + len};
    *s = (struct stamps){0};
    if (len == 0 || *c.at++ != STAMPS_VERSION || !take_stamp(&c, &s->row))
        return RAUM_ECORRUPT;
    struct cursor count = c;
    uint32_t entries = 0;
    struct stamp_entry e;
    for (; count.at < count.end; entries++)
        if (!take_entry(&count, &e))
            return RAUM_ECORRUPT;
    if (entries == 0)
        return 0;
    s->entries = arena_alloc(arena, entries * sizeof *s->entries);
    if (!s->entries)
        return RAUM_ENOMEM;
    for (; s->count < entries; s->count++) {
        take_entry(&c, &s->entries[s->count]);
        const struct stamp_entry *now = &s->entries[s->count];
        if (s->count && compare(now - 1, now->tag, now->name, now->name_len) >= 0)
            return RAUM_ECORRUPT;
    }
    return 0;
}

static bool equal(const struct stamp *a, const struct stamp *b)
{
    return a->at == b->at && a->actor == b->actor && a->origin == b->origin;
}

void stamps_write(const struct stamps *s, struct buf *out)
{
    buf_char(out, STAMPS_VERSION);
    put_stamp(out, &s->row);
    for (uint32_t i = 0; i < s->count; i++) {
        const struct stamp_entry *e = &s->entries[i];
        if (equal(&e->stamp, &s->row))
            continue;
        buf_char(out, (char)e->tag);
        if (e->tag == 0) {
            put_varint(out, e->name_len);
            buf_add(out, e->name, e->name_len);
        }
        put_stamp(out, &e->stamp);
    }
}

static uint32_t place(const struct stamps *s, int tag, const char *name, size_t len, bool *found)
{
    uint32_t i = 0;
    int order = 1;
    while (i < s->count && (order = compare(&s->entries[i], tag, name, len)) < 0)
        i++;
    *found = i < s->count && order == 0;
    return i;
}

struct stamp stamps_get(const struct stamps *s, int tag, const char *name, size_t len)
{
    bool found;
    uint32_t i = place(s, tag, name, len, &found);
    return found ? s->entries[i].stamp : s->row;
}

int stamps_set(struct stamps *s, int tag, const char *name, size_t len, struct stamp stamp,
               struct arena *arena)
{
    bool found;
    uint32_t i = place(s, tag, name, len, &found);
    if (found) {
        s->entries[i].stamp = stamp;
        return 0;
    }
    if (equal(&stamp, &s->row))
        return 0;
    struct stamp_entry *entries = arena_alloc(arena, (s->count + 1) * sizeof *entries);
    if (!entries)
        return RAUM_ENOMEM;
    if (s->count) {
        memcpy(entries, s->entries, i * sizeof *entries);
        memcpy(entries + i + 1, s->entries + i, (s->count - i) * sizeof *entries);
    }
    entries[i] = (struct stamp_entry){
        .stamp = stamp, .tag = (uint8_t)tag, .name = name, .name_len = (uint32_t)len};
    s->entries = entries;
    s->count++;
    return 0;
}

uint64_t stamps_newest(const void *data, size_t len)
{
    struct cursor c = {data, (const unsigned char *)data + len};
    struct stamp row;
    if (len == 0 || *c.at++ != STAMPS_VERSION || !take_stamp(&c, &row))
        return 0;
    uint64_t newest = row.at;
    struct stamp_entry e;
    while (c.at < c.end && take_entry(&c, &e))
        if (e.stamp.at > newest)
            newest = e.stamp.at;
    return newest;
}
