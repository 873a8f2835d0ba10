#include "engine/dexie_row.h"

#include "base/clock.h"
#include "engine/dexie_bytes.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LEVELS_MAX 56   /* of plain JSON: below json_writer's limit, stand-ins included */
#define JUMPS_MAX 1000 /* references in a row; more stay as they are */
#define NESTED_MAX 8   /* references within references */
#define DATE_MS_MAX 8.64e15 /* either side of 1970 */

/* ---- the walk over a row ---- */

struct walk {
    struct dexie_decoder *d;
    struct json_writer w;
    struct json_value root; /* what the marks are relative to */
    struct dexie_marks *marks;
    struct dexie_bytes *buffers; /* in order of appearance: old encodings refer to them by number */
    size_t buffer_count, buffer_cap;
    struct dexie_part *parts;
    size_t part_count, part_cap;
    size_t prefix;         /* bytes of a path that lead to the row itself */
    uint32_t values;
    int jumps, nested; /* references followed in the row; those one is within now */
    bool skip_types;   /* the root holds the marks */
    bool inline_bytes; /* a key: self-contained */
    int error;
};

static void fail(struct walk *k, int code)
{
    if (!k->error)
        k->error = code;
}

/* ---- bytes ---- */

static void put_base64(struct walk *k, struct dexie_bytes bytes)
{
    char *text = arena_alloc(&k->d->arena, DEXIE_BASE64_LEN(bytes.len) + 2);
    if (!text) {
        fail(k, RAUM_ETOO_LARGE);
        json_put_null(&k->w);
        return;
    }
    text[0] = '"';
    size_t len = 1 + dexie_base64_encode(text + 1, bytes);
    text[len++] = '"';
    json_put_raw(&k->w, text, len);
}

/* The text of a string; false if it is none, or the walk has failed. */
static bool read_text(struct walk *k, struct json_value v, const char **text, size_t *len)
{
    if (!json_is(v, JSON_STRING))
        return false;
    if (json_text(v, &k->d->arena, text, len))
        return true;
    fail(k, RAUM_ETOO_LARGE);
    return false;
}

typedef int decode_bytes(struct arena *a, const char *text, size_t len, struct dexie_bytes *out);

static bool text_bytes(struct walk *k, struct json_value v, decode_bytes *decode,
                       struct dexie_bytes *out)
{
    const char *text;
    size_t len;
    int rc = RAUM_EBAD_CHANGE;
    if (read_text(k, v, &text, &len))
        rc = decode(&k->d->arena, text, len, out);
    if (rc == RAUM_ETOO_LARGE)
        fail(k, rc);
    return rc == 0;
}

/* Room for one more item in an array of the arena. */
static void *grow(struct walk *k, void *items, size_t count, size_t *cap, size_t size)
{
    if (count < *cap)
        return items;
    size_t more = *cap ? *cap * 2 : 8;
    void *bigger = arena_alloc(&k->d->arena, more * size);
    if (!bigger) {
        fail(k, RAUM_ETOO_LARGE);
        return NULL;
    }
    if (count)
        memcpy(bigger, items, count * size);
    *cap = more;
    return bigger;
}

static bool keep_buffer(struct walk *k, struct dexie_bytes bytes)
{
    void *room = grow(k, k->buffers, k->buffer_count, &k->buffer_cap, sizeof bytes);
    if (!room)
        return false;
    k->buffers = room;
    k->buffers[k->buffer_count++] = bytes;
    return true;
}

/* What a "#" stands for: the value that stood at an earlier place. */
static struct json_value target_of(struct walk *k, struct json_value v, const char **path,
                                   size_t *len)
{
    struct json_value target = {0};
    if (k->jumps == JUMPS_MAX || !read_text(k, v, path, len) || *len == 0 || **path != '#')
        return target;
    k->jumps++;
    ++*path;
    --*len;
    if (dexie_marks_find(k->marks, k->root, *path, *len, &target) < 0)
        fail(k, RAUM_ETOO_LARGE);
    return target;
}

/* An ArrayBuffer: base64, {"s":base64}, or {"index":n}, the n-th of the row. */
static bool read_buffer(struct walk *k, struct json_value v, struct dexie_bytes *out)
{
    int64_t index;
    struct json_value inner = json_get(v, "s");
    if (json_int(json_get(v, "index"), &index)) {
        if (index < 0 || (uint64_t)index >= k->buffer_count)
            return false;
        *out = k->buffers[index];
        return true;
    }
    return text_bytes(k, inner.doc ? inner : v, dexie_base64_decode, out) && keep_buffer(k, *out);
}

/* The member "buffer" of a view: a buffer, or a reference to one. */
static bool read_inner_buffer(struct walk *k, struct json_value v, struct dexie_range range,
                              struct dexie_bytes *out)
{
    struct json_value buffer = json_get(v, "buffer");
    size_t before = k->marks->path.len;
    struct dexie_range at = dexie_marks_enter(k->marks, range, "buffer", 6);
    bool reference = json_equals(dexie_marks_here(k->marks, at), "#");
    dexie_marks_leave(k->marks, before);
    const char *path;
    size_t len;
    if (reference)
        buffer = target_of(k, buffer, &path, &len);
    return buffer.doc && read_buffer(k, buffer, out);
}

/* ---- values ---- */

struct type {
    const char *name;
    /* Writes one value; false, and nothing written, if it is not what the type promises. */
    bool (*put)(struct walk *k, struct json_value v, struct dexie_range range,
                const struct type *type);
    const char *tag; /* of the stand-in */
    unsigned size;   /* bytes of an element */
};

static void put(struct walk *k, struct json_value v, struct dexie_range range);
static void put_plain(struct walk *k, struct json_value v, struct dexie_range range);

static void put_raw(struct walk *k, struct json_value v)
{
    size_t len;
    const char *raw = json_raw(v, &len);
    json_put_raw(&k->w, raw, len);
}

/* A text, spelled in the one way. */
static void put_text(struct walk *k, struct json_value v)
{
    const char *text;
    size_t len;
    if (read_text(k, v, &text, &len))
        json_put_text(&k->w, text, len);
    else
        json_put_null(&k->w);
}

static void open_tag(struct walk *k, const char *tag)
{
    json_open_object(&k->w);
    json_put_key(&k->w, "$raum");
    json_put_str(&k->w, tag);
}

static void put_tagged(struct walk *k, const char *tag, const char *value)
{
    open_tag(k, tag);
    json_put_key(&k->w, "value");
    json_put_str(&k->w, value);
    json_close_object(&k->w);
}

static bool put_same(struct walk *k, struct json_value v, struct dexie_range range,
                     const struct type *type)
{
    (void)type;
    put_plain(k, v, range);
    return true;
}

/* Every array has this mark; an object with it is an array with more than its items. */
static bool put_array(struct walk *k, struct json_value v, struct dexie_range range,
                      const struct type *type)
{
    if (!json_is(v, JSON_OBJECT))
        return put_same(k, v, range, type);
    open_tag(k, type->tag);
    json_put_key(&k->w, "value");
    put_plain(k, v, range);
    json_close_object(&k->w);
    return true;
}

static bool put_nothing(struct walk *k, struct json_value v, struct dexie_range range,
                        const struct type *type)
{
    (void)v, (void)range, (void)type;
    json_put_null(&k->w);
    return true;
}

/* RFC 3339 knows the years 0000 to 9999, a Date some more. */
static bool date_text(double ms, char out[CLOCK_TEXT])
{
    if (ms < (double)CLOCK_PLAIN_MS_MIN || ms > (double)CLOCK_PLAIN_MS_MAX)
        return false;
    clock_format_ms((int64_t)ms, out);
    return true;
}

static bool put_date(struct walk *k, struct json_value v, struct dexie_range range,
                     const struct type *type)
{
    (void)range;
    double ms;
    char text[CLOCK_TEXT];
    if (json_double(v, &ms)) {
        ms = trunc(ms);
    } else if (json_equals(v, "NaN")) {
        ms = NAN;
    } else {
        return false;
    }
    if (!(fabs(ms) <= DATE_MS_MAX)) {
        json_put_null(&k->w);
    } else if (!date_text(ms, text)) {
        snprintf(text, sizeof text, "%.0f", ms);
        put_tagged(k, type->tag, text);
    } else if (k->inline_bytes) {
        put_tagged(k, type->tag, text);
    } else {
        json_put_str(&k->w, text);
    }
    return true;
}

/* "NaN", "Infinity", "-Infinity": the type's name says which. */
static bool put_number(struct walk *k, struct json_value v, struct dexie_range range,
                       const struct type *type)
{
    (void)v, (void)range;
    put_tagged(k, "number", type->tag);
    return true;
}

static bool put_bigint(struct walk *k, struct json_value v, struct dexie_range range,
                       const struct type *type)
{
    (void)range;
    const char *text;
    size_t len;
    if (!read_text(k, v, &text, &len))
        return false;
    bool sign = len > 0 && *text == '-';
    for (size_t i = sign; i < len; i++)
        if (text[i] < '0' || text[i] > '9')
            return false;
    if (len == sign)
        return false;
    open_tag(k, type->tag);
    json_put_key(&k->w, "value");
    json_put_text(&k->w, text, len);
    json_close_object(&k->w);
    return true;
}

static bool put_regexp(struct walk *k, struct json_value v, struct dexie_range range,
                       const struct type *type)
{
    (void)range;
    struct json_value source = json_get(v, "source"), flags = json_get(v, "flags");
    if (!json_is(source, JSON_STRING) || !json_is(flags, JSON_STRING))
        return false;
    open_tag(k, type->tag);
    json_put_key(&k->w, "source");
    put_text(k, source);
    json_put_key(&k->w, "flags");
    put_text(k, flags);
    json_close_object(&k->w);
    return true;
}

/* Map and Set: arrays. */
static bool put_items(struct walk *k, struct json_value v, struct dexie_range range,
                      const struct type *type)
{
    if (!json_is(v, JSON_ARRAY))
        return false;
    open_tag(k, type->tag);
    json_put_key(&k->w, "value");
    put_plain(k, v, range);
    json_close_object(&k->w);
    return true;
}

/* A string as C text: NULL if it is none. U+0000 ends it. */
static const char *c_text(struct walk *k, struct json_value v)
{
    const char *text;
    size_t len;
    if (!read_text(k, v, &text, &len))
        return NULL;
    text = arena_copy(&k->d->arena, text, len);
    if (!text)
        fail(k, RAUM_ETOO_LARGE);
    return text;
}

/* The number of a new part: bytes at the place where the walk is. */
static int64_t add_part(struct walk *k, struct json_value v, struct dexie_bytes bytes)
{
    const struct buf *path = &k->marks->path;
    size_t skip = path->len < k->prefix ? path->len : k->prefix;
    const char *type = c_text(k, json_get(v, "type")), *name = c_text(k, json_get(v, "name"));
    const char *place = arena_copy(&k->d->arena, buf_text(path) + skip, path->len - skip);
    struct dexie_part *parts = grow(k, k->parts, k->part_count, &k->part_cap, sizeof *parts);
    if (!place || !parts) {
        fail(k, RAUM_ETOO_LARGE);
        return 0;
    }
    k->parts = parts;
    k->parts[k->part_count] = (struct dexie_part){
        .path = place, .type = type ? type : "", .name = name,
        .bytes = bytes.data, .len = bytes.len};
    return (int64_t)k->part_count++;
}

/* Hands bytes to the caller; of a key, writes them out. `v` may say type, name and lastModified. */
static void put_part(struct walk *k, const char *tag, struct json_value v, struct dexie_bytes bytes)
{
    static const char *const said[] = {"type", "name", "lastModified"};
    open_tag(k, tag);
    for (size_t i = 0; i < sizeof said / sizeof *said; i++)
        if (json_is(json_get(v, said[i]), i < 2 ? JSON_STRING : JSON_NUMBER)) {
            json_put_key(&k->w, said[i]);
            put_plain(k, json_get(v, said[i]), (struct dexie_range){0, 0});
        }
    json_put_key(&k->w, k->inline_bytes ? "value" : "part");
    if (k->inline_bytes)
        put_base64(k, bytes);
    else
        json_put_int(&k->w, add_part(k, v, bytes));
    json_close_object(&k->w);
}

/* {"type","data":base64}, or of older exporters {"type","stringContents"}. */
static bool put_blob(struct walk *k, struct json_value v, struct dexie_range range,
                     const struct type *type)
{
    (void)range;
    struct dexie_bytes bytes;
    if (!text_bytes(k, json_get(v, "data"), dexie_base64_decode, &bytes) &&
        !text_bytes(k, json_get(v, "stringContents"), dexie_latin1_decode, &bytes))
        return false;
    put_part(k, type->tag, v, bytes);
    return true;
}

static bool put_buffer(struct walk *k, struct json_value v, struct dexie_range range,
                       const struct type *type)
{
    (void)range;
    struct dexie_bytes bytes;
    if (!read_buffer(k, v, &bytes))
        return false;
    put_part(k, type->tag, (struct json_value){0}, bytes);
    return true;
}

/* A count of bytes or elements that a view names; `fallback` if it names none. */
static bool read_size(struct json_value v, const char *name, size_t fallback, size_t *out)
{
    int64_t n;
    struct json_value said = json_get(v, name);
    *out = fallback;
    if (!said.doc)
        return true;
    if (!json_int(said, &n) || n < 0 || n > (int64_t)DEXIE_ROW_MAX)
        return false;
    *out = (size_t)n;
    return true;
}

/* {"buffer","byteOffset","length"}; older exporters: {"encoded"|"index","byteOffset","length"} or
 * base64 alone; DataView: byteLength. */
static bool read_view(struct walk *k, struct json_value v, struct dexie_range range, unsigned size,
                      struct dexie_bytes *out)
{
    struct json_value encoded = json_get(v, "encoded");
    size_t offset, count;
    bool ok = json_get(v, "buffer").doc ? read_inner_buffer(k, v, range, out)
                                        : read_buffer(k, encoded.doc ? encoded : v, out);
    if (!ok || !read_size(v, "byteOffset", 0, &offset) || offset > out->len)
        return false;
    size_t rest = (out->len - offset) / size;
    const char *name = json_get(v, "byteLength").doc ? "byteLength" : "length";
    if (!read_size(v, name, rest, &count) || count > rest)
        return false;
    *out = (struct dexie_bytes){out->data + offset, count * size};
    return true;
}

static bool put_bytes(struct walk *k, struct json_value v, struct dexie_range range,
                      const struct type *type)
{
    struct dexie_bytes bytes;
    if (!read_view(k, v, range, 1, &bytes))
        return false;
    put_part(k, type->tag, (struct json_value){0}, bytes);
    return true;
}

static bool put_numbers(struct walk *k, struct json_value v, struct dexie_range range,
                        const struct type *type)
{
    struct dexie_bytes bytes;
    if (!read_view(k, v, range, type->size, &bytes))
        return false;
    open_tag(k, type->tag);
    json_put_key(&k->w, "value");
    put_base64(k, bytes);
    json_close_object(&k->w);
    return true;
}

/* "#path": the same object stood there before. One that holds this place is left as it is. */
static bool put_reference(struct walk *k, struct json_value v, struct dexie_range range,
                          const struct type *type)
{
    (void)range, (void)type;
    const char *path;
    size_t len;
    struct json_value target = target_of(k, v, &path, &len);
    if (!target.doc || k->nested == NESTED_MAX || dexie_marks_below(k->marks, path, len))
        return false;
    size_t here_len = k->marks->path.len;
    char *here = arena_copy(&k->d->arena, buf_text(&k->marks->path), here_len);
    if (!here) {
        fail(k, RAUM_ETOO_LARGE);
        return false;
    }
    k->nested++;
    put(k, target, dexie_marks_jump(k->marks, path, len));
    k->nested--;
    (void)dexie_marks_jump(k->marks, here, here_len);
    return true;
}

static const struct type types[] = {
    {"arrayNonindexKeys", put_array, "array", 0},
    {"undef", put_nothing, NULL, 0},
    {"sparseUndefined", put_nothing, NULL, 0},
    {"date", put_date, "date", 0},
    {"nan", put_number, "NaN", 0},
    {"infinity", put_number, "Infinity", 0},
    {"negativeInfinity", put_number, "-Infinity", 0},
    {"bigint", put_bigint, "bigint", 0},
    {"bigintObject", put_bigint, "bigint", 0},
    {"regexp", put_regexp, "regexp", 0},
    {"map", put_items, "map", 0},
    {"set", put_items, "set", 0},
    {"blob", put_blob, "blob", 0},
    {"file", put_blob, "file", 0},
    {"arraybuffer", put_buffer, "arraybuffer", 0},
    {"dataview", put_bytes, "dataview", 0},
    {"uint8array", put_bytes, "uint8array", 0},
    {"uint8clampedarray", put_bytes, "uint8clampedarray", 0},
    {"int8array", put_numbers, "int8array", 1},
    {"int16array", put_numbers, "int16array", 2},
    {"uint16array", put_numbers, "uint16array", 2},
    {"int32array", put_numbers, "int32array", 4},
    {"uint32array", put_numbers, "uint32array", 4},
    {"float32array", put_numbers, "float32array", 4},
    {"float64array", put_numbers, "float64array", 8},
    {"userObject", put_same, NULL, 0},
    {"StringObject", put_same, NULL, 0},
    {"NumberObject", put_same, NULL, 0},
    {"BooleanObject", put_same, NULL, 0},
    {"negativeZero", put_same, NULL, 0},
    {"#", put_reference, NULL, 0},
};

/* The type a mark names, with or without the "2" of newer encodings; NULL if it is unknown. */
static const struct type *type_named(struct json_value name)
{
    size_t len;
    const char *raw = json_raw(name, &len);
    if (!json_is(name, JSON_STRING) || len < 3)
        return NULL;
    len -= 2;
    for (int two = 0; two < 2; two++) {
        for (size_t i = 0; i < sizeof types / sizeof *types; i++)
            if (strlen(types[i].name) == len && memcmp(types[i].name, raw + 1, len) == 0)
                return &types[i];
        if (raw[len] != '2')
            break;
        len--;
    }
    return NULL;
}

/* A mark may be several names: all but one must be of no consequence. */
static const struct type *type_of(struct json_value mark)
{
    if (!json_is(mark, JSON_ARRAY))
        return type_named(mark);
    const struct type *found = NULL;
    for (struct json_value v = json_first(mark); v.doc; v = json_next(mark, v)) {
        const struct type *type = type_named(v);
        if (!type || (found && found->put != put_same && type->put != put_same))
            return NULL;
        if (!found || type->put != put_same)
            found = type;
    }
    return found;
}

static bool is_undefined(const struct type *type)
{
    return type && type->put == put_nothing;
}

static void put_members(struct walk *k, struct json_value v, struct dexie_range range)
{
    bool root = v.doc == k->root.doc && v.at == k->root.at;
    size_t before = k->marks->path.len;
    json_open_object(&k->w);
    for (struct json_value m = json_first(v); m.doc; m = json_next(v, m)) {
        const char *name;
        size_t len;
        if (root && k->skip_types && json_equals(json_key(m), "$types"))
            continue;
        if (!read_text(k, json_key(m), &name, &len))
            break;
        struct dexie_range at = dexie_marks_enter(k->marks, range, name, len);
        if (!is_undefined(type_of(dexie_marks_here(k->marks, at)))) {
            json_put_key_len(&k->w, name, len);
            put(k, m, at);
        }
        dexie_marks_leave(k->marks, before);
    }
    json_close_object(&k->w);
}

static void put_elements(struct walk *k, struct json_value v, struct dexie_range range)
{
    size_t index = 0, before = k->marks->path.len;
    json_open_array(&k->w);
    for (struct json_value item = json_first(v); item.doc; item = json_next(v, item)) {
        put(k, item, dexie_marks_enter_index(k->marks, range, index++));
        dexie_marks_leave(k->marks, before);
    }
    json_close_array(&k->w);
}

/* A value as JSON has it, whatever is marked below it. */
static void put_plain(struct walk *k, struct json_value v, struct dexie_range range)
{
    switch (json_type(v)) {
    case JSON_NONE:
    case JSON_NULL:
        json_put_null(&k->w);
        break;
    case JSON_FALSE:
    case JSON_TRUE:
    case JSON_NUMBER:
        put_raw(k, v);
        break;
    case JSON_STRING:
        put_text(k, v);
        break;
    case JSON_ARRAY:
        put_elements(k, v, range);
        break;
    case JSON_OBJECT:
        if (!json_get(v, "$raum").doc) {
            put_members(k, v, range);
            break;
        }
        open_tag(k, "object");
        json_put_key(&k->w, "value");
        put_members(k, v, range);
        json_close_object(&k->w);
        break;
    }
}

static void put(struct walk *k, struct json_value v, struct dexie_range range)
{
    if (++k->values > DEXIE_VALUES_MAX || k->w.depth > LEVELS_MAX || k->w.out->error)
        fail(k, RAUM_ETOO_LARGE);
    if (k->error) {
        json_put_null(&k->w);
        return;
    }
    struct json_value mark = dexie_marks_here(k->marks, range);
    const struct type *type = type_of(mark);
    if (!mark.doc) {
        put_plain(k, v, range);
    } else if (!type || !type->put(k, v, range, type)) {
        open_tag(k, "typeson");
        json_put_key(&k->w, "type");
        put_plain(k, mark, (struct dexie_range){0, 0});
        json_put_key(&k->w, "value");
        put_plain(k, v, range);
        json_close_object(&k->w);
    }
}

/* ---- rows ---- */

void dexie_decoder_init(struct dexie_decoder *d)
{
    *d = (struct dexie_decoder){0};
    json_init(&d->source);
    json_init(&d->plain);
    buf_init(&d->text, DEXIE_TEXT_MAX);
    buf_init(&d->key, DEXIE_ROW_MAX);
    dexie_marks_init(&d->marks, DEXIE_ROW_MAX);
    arena_init(&d->arena, DEXIE_ARENA_MAX);
}

void dexie_decoder_release(struct dexie_decoder *d)
{
    json_release(&d->source);
    json_release(&d->plain);
    buf_release(&d->text);
    buf_release(&d->key);
    dexie_marks_release(&d->marks);
    arena_release(&d->arena);
}

static int bad_row(const struct dexie_row *row, int code, const char *why, struct raum_error *error)
{
    if (code == RAUM_EBAD_JSON)
        code = RAUM_ECORRUPT;
    return err_at(error, "import", code, "row %llu of table %.100s: %s",
                  (unsigned long long)row->number, row->table->name, why);
}

static int parse(struct json_doc *doc, const char *text, size_t len, const struct dexie_row *row,
                 struct raum_error *error)
{
    struct raum_error why;
    int rc = json_parse(doc, text, len, JSON_LONE, &why);
    return rc ? bad_row(row, rc, why.text, error) : 0;
}

/* Takes the wrapping off, {"$":value,"$types":{"$":{…}}} or {"$":value,"$types":true}. Gives the
 * marks' object, or none. */
static struct json_value unwrap(struct walk *k, struct json_value row)
{
    struct json_value inner = json_get(row, "$"), marks = json_get(row, "$types");
    struct json_value inner_marks = json_get(marks, "$");
    k->root = row;
    if (json_count(row) == 2 && inner.doc && json_is(marks, JSON_TRUE)) {
        k->root = inner;
        return (struct json_value){0};
    }
    if (json_count(row) == 2 && inner.doc && json_count(marks) == 1 &&
        json_is(inner_marks, JSON_OBJECT)) {
        k->root = inner;
        return inner_marks;
    }
    k->skip_types = json_is(marks, JSON_OBJECT);
    return marks;
}

/* Writes the value at a key path such as "id" or "a.b"; false if the row has none. */
static bool put_key_value(struct walk *k, struct json_value v, const char *path, size_t len)
{
    struct dexie_range range = dexie_marks_all(k->marks);
    dexie_marks_leave(k->marks, 0);
    for (size_t from = 0; v.doc && from <= len;) {
        const char *dot = memchr(path + from, '.', len - from);
        size_t to = dot ? (size_t)(dot - path) : len;
        const char *name = arena_copy(&k->d->arena, path + from, to - from);
        if (!name)
            fail(k, RAUM_ETOO_LARGE);
        v = name ? json_get(v, name) : (struct json_value){0};
        range = dexie_marks_enter(k->marks, range, path + from, to - from);
        from = to + 1;
    }
    if (v.doc)
        put(k, v, range);
    return v.doc != NULL;
}

/* The primary key within the row: one value, or "[a+b]" several. */
static bool put_key(struct walk *k, const char *path)
{
    size_t len = strlen(path);
    if (path[0] != '[')
        return len > 0 && put_key_value(k, k->root, path, len);
    json_open_array(&k->w);
    for (const char *at = path + 1; *at && *at != ']';) {
        size_t part = strcspn(at, "+]");
        if (!put_key_value(k, k->root, at, part))
            return false;
        at += part + (at[part] == '+');
    }
    json_close_array(&k->w);
    return true;
}

static void set_key(struct walk *k, struct dexie_row *row)
{
    const struct buf *key = &k->d->key;
    row->key = key->data;
    row->key_len = key->len;
}

/* A row whose text needs no rewriting. */
static int decode_plain(struct dexie_decoder *d, struct dexie_row *row, struct raum_error *error)
{
    int rc = parse(&d->plain, row->json, row->json_len, row, error);
    if (rc)
        return rc;
    const char *path = row->table->key;
    row->value = json_root(&d->plain);
    if (!*path)
        return 0;
    if (!strpbrk(path, ".[")) {
        row->key = json_raw(json_get(row->value, path), &row->key_len);
        return 0;
    }
    struct walk k = {.d = d, .root = row->value, .marks = &d->marks};
    rc = dexie_marks_read(k.marks, (struct json_value){0}, &d->arena);
    json_begin(&k.w, &d->key);
    if (put_key(&k, path))
        set_key(&k, row);
    rc = rc ? rc : k.error ? k.error : buf_error(&d->key, NULL);
    return rc ? bad_row(row, rc, raum_code_text(rc), error) : 0;
}

/* Key and value of a row whose key stands beside it. */
static int split(struct walk *k, struct dexie_row *row, struct json_value *value,
                 struct raum_error *error)
{
    struct json_value key = json_first(k->root);
    if (!json_is(k->root, JSON_ARRAY) || json_count(k->root) != 2)
        return bad_row(row, RAUM_ECORRUPT, "a key and a value were expected", error);
    *value = json_next(k->root, key);
    json_begin(&k->w, &k->d->key);
    k->inline_bytes = true;
    put(k, key, dexie_marks_enter_index(k->marks, dexie_marks_all(k->marks), 0));
    set_key(k, row);
    dexie_marks_leave(k->marks, 0);
    return 0;
}

/* Writes the row and its key anew, with the marks applied. */
static int rewrite(struct walk *k, struct dexie_row *row, struct raum_error *error)
{
    struct dexie_decoder *d = k->d;
    struct json_value value = k->root;
    struct dexie_range all = dexie_marks_all(k->marks), range = all;
    if (!row->table->inbound) {
        int rc = split(k, row, &value, error);
        if (rc)
            return rc;
        range = dexie_marks_enter_index(k->marks, all, 1);
        k->prefix = 2;
    } else {
        json_begin(&k->w, &d->key);
        k->inline_bytes = true;
        if (put_key(k, row->table->key))
            set_key(k, row);
        dexie_marks_leave(k->marks, 0);
    }
    k->inline_bytes = false;
    k->buffer_count = k->part_count = k->values = 0;
    json_begin(&k->w, &d->text);
    put(k, value, range);
    int rc = k->error ? k->error : buf_error(&d->text, NULL);
    rc = rc ? rc : buf_error(&d->key, NULL);
    rc = rc ? rc : buf_error(&k->marks->path, NULL);
    return rc ? bad_row(row, rc, raum_code_text(rc), error) : 0;
}

static int decode_marked(struct dexie_decoder *d, const char *text, size_t len,
                         struct dexie_row *row, struct raum_error *error)
{
    struct walk k = {.d = d, .marks = &d->marks};
    int rc = parse(&d->source, text, len, row, error);
    if (rc)
        return rc;
    rc = dexie_marks_read(k.marks, unwrap(&k, json_root(&d->source)), &d->arena);
    if (rc)
        return bad_row(row, rc, raum_code_text(rc), error);
    rc = rewrite(&k, row, error);
    if (rc)
        return rc;
    row->json = buf_text(&d->text);
    row->json_len = d->text.len;
    row->parts = k.parts;
    row->part_count = k.part_count;
    rc = parse(&d->plain, row->json, row->json_len, row, error);
    row->value = json_root(&d->plain);
    return rc;
}

int dexie_decode(struct dexie_decoder *d, char *text, size_t len, bool plain, size_t marks_at,
                 struct dexie_row *row, struct raum_error *error)
{
    arena_reset(&d->arena);
    buf_reset(&d->text);
    buf_reset(&d->key);
    row->arena = &d->arena;
    if (!plain || !row->table->inbound)
        return decode_marked(d, text, len, row, error);
    if (marks_at) {
        text[marks_at] = '}';
        len = marks_at + 1;
    }
    row->json = text;
    row->json_len = len;
    return decode_plain(d, row, error);
}
