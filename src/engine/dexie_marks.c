#include "engine/dexie_marks.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void dexie_marks_init(struct dexie_marks *m, size_t path_max)
{
    *m = (struct dexie_marks){0};
    buf_init(&m->path, path_max);
}

void dexie_marks_release(struct dexie_marks *m)
{
    buf_release(&m->path);
}

/* Order of paths: the separator below every byte, so that what lies below a place follows it. */
static int compare_paths(const char *a, size_t a_len, const char *b, size_t b_len)
{
    size_t len = a_len < b_len ? a_len : b_len;
    for (size_t i = 0; i < len; i++)
        if (a[i] != b[i]) {
            int x = a[i] == '.' ? -1 : (unsigned char)a[i];
            int y = b[i] == '.' ? -1 : (unsigned char)b[i];
            return x - y;
        }
    return (a_len > b_len) - (a_len < b_len);
}

static int compare_marks(const void *a, const void *b)
{
    const struct dexie_mark *x = a, *y = b;
    return compare_paths(x->path, x->len, y->path, y->len);
}

int dexie_marks_read(struct dexie_marks *m, struct json_value marks, struct arena *arena)
{
    m->arena = arena;
    m->list = NULL;
    m->count = 0;
    buf_reset(&m->path);
    if (!json_is(marks, JSON_OBJECT) || json_count(marks) == 0)
        return 0;
    m->list = arena_alloc(arena, json_count(marks) * sizeof *m->list);
    if (!m->list)
        return RAUM_ETOO_LARGE;
    for (struct json_value v = json_first(marks); v.doc; v = json_next(marks, v)) {
        struct dexie_mark *mark = &m->list[m->count++];
        mark->type = v;
        if (!json_text(json_key(v), arena, &mark->path, &mark->len))
            return RAUM_ETOO_LARGE;
    }
    qsort(m->list, m->count, sizeof *m->list, compare_marks);
    return 0;
}

/* True if a place is another, or below it. The root is above all. */
static bool at_or_below(const char *place, size_t place_len, const char *path, size_t len)
{
    return len == 0 || (place_len >= len && memcmp(place, path, len) == 0 &&
                        (place_len == len || place[len] == '.'));
}

/* The marks of `in` at or below the place. */
static struct dexie_range narrow(const struct dexie_marks *m, struct dexie_range in)
{
    const char *path = buf_text(&m->path);
    size_t len = m->path.len, low = in.from, high = in.to;
    while (low < high) {
        size_t mid = low + (high - low) / 2;
        if (compare_paths(m->list[mid].path, m->list[mid].len, path, len) < 0)
            low = mid + 1;
        else
            high = mid;
    }
    struct dexie_range out = {low, low};
    for (high = in.to; out.to < high;) {
        size_t mid = out.to + (high - out.to) / 2;
        if (at_or_below(m->list[mid].path, m->list[mid].len, path, len))
            out.to = mid + 1;
        else
            high = mid;
    }
    return out;
}

/* Appends one component, escaped as Typeson does; `doubled`: as its newer versions, which tell an
 * empty key from none. */
static void add_component(struct buf *path, const char *key, size_t len, bool doubled)
{
    if (path->len)
        buf_char(path, '.');
    if (doubled && len == 0)
        buf_str(path, "''");
    for (size_t i = 0; i < len; i++) {
        bool pair = doubled && key[i] == '\'' && i + 1 < len && key[i + 1] == '\'';
        if (key[i] == '~')
            buf_str(path, "~0");
        else if (key[i] == '.')
            buf_str(path, "~1");
        else if (pair)
            buf_str(path, "''''");
        else
            buf_char(path, key[i]);
        i += pair;
    }
}

void dexie_marks_leave(struct dexie_marks *m, size_t len)
{
    m->path.len = len;
    if (m->path.data)
        m->path.data[len] = '\0';
}

struct dexie_range dexie_marks_all(const struct dexie_marks *m)
{
    return (struct dexie_range){0, m->count};
}

struct dexie_range dexie_marks_enter(struct dexie_marks *m, struct dexie_range range,
                                     const char *key, size_t len)
{
    size_t before = m->path.len;
    add_component(&m->path, key, len, true);
    struct dexie_range found = narrow(m, range);
    if (found.from < found.to || len == 0)
        return found;
    dexie_marks_leave(m, before);
    add_component(&m->path, key, len, false);
    return narrow(m, range);
}

struct dexie_range dexie_marks_enter_index(struct dexie_marks *m, struct dexie_range range,
                                           size_t index)
{
    char text[24];
    int len = snprintf(text, sizeof text, "%zu", index);
    return dexie_marks_enter(m, range, text, (size_t)len);
}

struct dexie_range dexie_marks_jump(struct dexie_marks *m, const char *path, size_t len)
{
    dexie_marks_leave(m, 0);
    buf_add(&m->path, path, len);
    return narrow(m, dexie_marks_all(m));
}

struct json_value dexie_marks_here(const struct dexie_marks *m, struct dexie_range range)
{
    if (range.from == range.to || m->list[range.from].len != m->path.len)
        return (struct json_value){0};
    return m->list[range.from].type;
}

bool dexie_marks_below(const struct dexie_marks *m, const char *path, size_t len)
{
    return at_or_below(buf_text(&m->path), m->path.len, path, len);
}

/* One component back to the key that it stands for. NULL: no memory. */
static const char *unescape(struct arena *a, const char *text, size_t len)
{
    char *key = arena_alloc(a, len + 1), *out = key;
    if (!key)
        return NULL;
    if (len == 2 && memcmp(text, "''", 2) == 0)
        len = 0;
    for (size_t i = 0; i < len; i++) {
        bool escape = text[i] == '~' && i + 1 < len && (text[i + 1] == '0' || text[i + 1] == '1');
        *out++ = !escape ? text[i] : text[i + 1] == '0' ? '~' : '.';
        i += escape;
    }
    *out = '\0';
    return key;
}

static struct json_value item_at(struct json_value array, const char *index)
{
    char *end;
    unsigned long n = strtoul(index, &end, 10);
    struct json_value v = json_first(array);
    for (; v.doc && n > 0; n--)
        v = json_next(array, v);
    return end == index || *end ? (struct json_value){0} : v;
}

int dexie_marks_find(const struct dexie_marks *m, struct json_value root, const char *path,
                     size_t len, struct json_value *out)
{
    for (size_t from = 0; root.doc && from < len;) {
        const char *dot = memchr(path + from, '.', len - from);
        size_t to = dot ? (size_t)(dot - path) : len;
        const char *key = unescape(m->arena, path + from, to - from);
        if (!key)
            return RAUM_ETOO_LARGE;
        root = json_is(root, JSON_ARRAY) ? item_at(root, key) : json_get(root, key);
        from = to + 1;
    }
    *out = root;
    return 0;
}
