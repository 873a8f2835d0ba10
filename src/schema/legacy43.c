#include "schema/legacy43.h"

#include "base/clock.h"
#include "base/id.h"
#include "schema/schema.h"

#include <stdlib.h>
#include <string.h>

#define DATE_MS_MAX 8.64e15 /* of a JavaScript Date */
#define NAME_BYTES_MAX (128u << 20) /* what an id is derived from */
#define EPOCH "1970-01-01T00:00:00.000Z"
#define DATE_LEN 10         /* "2026-04-01" */
#define OWNER_LEN_MAX (ID_LEN_MAX - (sizeof SCHEMA_PERSONAL - 1)) /* so is its sentinel's */

struct work {
    struct legacy_row *row;
    const struct raum_env *env;
    const struct schema_table *table; /* NULL: not known to this version */
    struct legacy_out *out;
    struct arena *arena;
    struct json_value meta, times;    /* __fieldMeta, __fieldTimestamps */
    size_t cap;                       /* of out->fields */
    bool *full;                       /* an allocation failed: what was read is not to be trusted */
};

/* A moment that a row names, as a stamp and as text. */
struct moment {
    uint64_t at;
    const char *text;
};

/* ---- small things ---- */

/* Remembers an allocation that failed. */
static char *kept(const struct work *w, char *text)
{
    if (!text)
        *w->full = true;
    return text;
}

/* The text of a string value; false if it is none. */
static bool read_text(const struct work *w, struct json_value v, const char **text, size_t *len)
{
    if (!json_is(v, JSON_STRING))
        return false;
    bool ok = json_text(v, w->arena, text, len);
    *w->full |= !ok;
    return ok;
}

/* The same, NUL-terminated; NULL if it is none or holds U+0000. */
static const char *read_name(const struct work *w, struct json_value v)
{
    const char *text;
    size_t len;
    if (!read_text(w, v, &text, &len) || memchr(text, '\0', len))
        return NULL;
    return kept(w, arena_copy(w->arena, text, len));
}

/* As read_name, from the JSON text of a string. */
static const char *text_of(const struct work *w, const char *json, size_t len)
{
    if (!json || len < 2 || json[0] != '"')
        return NULL;
    if (!memchr(json, '\\', len))
        return kept(w, arena_copy(w->arena, json + 1, len - 2));
    struct json_doc doc;
    json_init(&doc);
    int rc = json_parse(&doc, json, len, JSON_LONE, NULL);
    const char *text = rc == 0 ? read_name(w, json_root(&doc)) : NULL;
    *w->full |= rc == RAUM_ENOMEM;
    json_release(&doc);
    return text;
}

static const char *json_of(const struct work *w, const char *text)
{
    struct buf buf;
    struct json_writer writer;
    buf_init(&buf, 2 * ID_LEN_MAX + 2); /* an id needs no longer escapes */
    json_begin(&writer, &buf);
    json_put_str(&writer, text);
    const char *json = kept(w, buf.error ? NULL : arena_copy(w->arena, buf.data, buf.len));
    buf_release(&buf);
    return json;
}

/* prefix and name as C text: U+0000 in it becomes U+FFFD. NULL: no memory. */
static char *join(const struct work *w, const char *prefix, const char *name, size_t len)
{
    size_t before = strlen(prefix);
    char *text = kept(w, arena_alloc(w->arena, before + 3 * len + 1)), *out = text;
    if (!text)
        return NULL;
    memcpy(out, prefix, before);
    out += before;
    if (!memchr(name, '\0', len)) {
        memcpy(out, name, len);
        out += len;
    } else {
        for (size_t i = 0; i < len; i++) {
            memcpy(out, name[i] ? &name[i] : "\xEF\xBF\xBD", name[i] ? 1 : 3);
            out += name[i] ? 1 : 3;
        }
    }
    *out = '\0';
    return text;
}

static bool is_null(const struct legacy_field *field)
{
    return field->json_len == 4 && memcmp(field->json, "null", 4) == 0;
}

/* True of null and of an empty text. */
static bool is_nothing(const struct legacy_field *field)
{
    return is_null(field) || (field->json_len == 2 && field->json[0] == '"');
}

/* Takes a field out of the row: false if it is absent. */
static bool take(struct work *w, const char *name, struct legacy_field *out)
{
    struct legacy_field *field = legacy_get(w->row, name);
    *out = (struct legacy_field){0};
    if (!field)
        return false;
    *out = *field;
    field->json = NULL;
    return true;
}

/* ---- times ---- */

static bool read_time_text(const struct work *w, const char *text, size_t len, struct moment *out)
{
    char day[] = "YYYY-MM-DDT00:00:00.000Z", plain[CLOCK_TEXT];
    int64_t ms;
    if (clock_parse_date(text, len) == 0) {
        memcpy(day, text, len);
        text = day;
        len = sizeof day - 1;
    }
    if (clock_parse(text, len, &out->at) != 0 || clock_parse_ms(text, len, &ms) != 0)
        return false;
    clock_format_ms(ms, plain);
    out->text = kept(w, arena_str(w->arena, plain));
    return out->text != NULL;
}

/* A time as older apps wrote it: RFC 3339, a date, or milliseconds. */
static bool read_time(const struct work *w, struct json_value v, struct moment *out)
{
    const char *text;
    size_t len;
    double ms;
    char plain[CLOCK_TEXT];
    if (read_text(w, v, &text, &len))
        return read_time_text(w, text, len, out);
    if (!json_double(v, &ms) || ms < -DATE_MS_MAX || ms > DATE_MS_MAX)
        return false;
    out->at = clock_at((int64_t)ms, 0);
    clock_format_ms((int64_t)ms, plain);
    out->text = kept(w, arena_str(w->arena, plain));
    return out->text != NULL;
}

/* The old stamp of a field: {at, …} or a time in __fieldMeta, a time in __fieldTimestamps. */
static bool old_stamp(struct work *w, const char *name, uint64_t *at)
{
    struct moment moment;
    if (!w->meta.doc && !w->times.doc)
        return false;
    struct json_value meta = json_get(w->meta, name), inner = json_get(meta, "at");
    if (!read_time(w, inner.doc ? inner : meta, &moment) &&
        !read_time(w, json_get(w->times, name), &moment))
        return false;
    *at = moment.at;
    return true;
}

/* The time of a field; of a leaf: its own stamp, else the one of what it was nested in. */
static uint64_t time_of(struct work *w, const char *name, const char *outer)
{
    uint64_t at = w->out->at;
    if (old_stamp(w, name, &at) || !outer)
        return at;
    (void)old_stamp(w, outer, &at);
    return at;
}

/* ---- fields ---- */

static int add(struct work *w, const char *name, const char *json, size_t len, uint64_t at)
{
    struct legacy_out *out = w->out;
    if (!name || !json)
        return RAUM_ENOMEM;
    if (out->count == w->cap) {
        size_t cap = w->cap ? w->cap * 2 : 24;
        struct legacy_value *fields = arena_alloc(w->arena, cap * sizeof *fields);
        if (!fields)
            return RAUM_ENOMEM;
        if (out->count)
            memcpy(fields, out->fields, out->count * sizeof *fields);
        out->fields = fields;
        w->cap = cap;
    }
    out->fields[out->count++] = (struct legacy_value){name, json, len, at};
    return 0;
}

static bool is_taken(const struct work *w, const char *name)
{
    for (size_t i = 0; i < w->out->count; i++)
        if (strcmp(w->out->fields[i].name, name) == 0)
            return true;
    return legacy_get(w->row, name) != NULL;
}

/* "wearCount" → "legacyWearCount", again until nothing else is called so. NULL: no memory. */
static const char *aside_name(struct work *w, const char *name)
{
    do {
        char *longer = join(w, "legacy", name, strlen(name));
        if (!longer)
            return NULL;
        char *first = longer + strlen("legacy");
        if (*first >= 'a' && *first <= 'z')
            *first = (char)(*first - 'a' + 'A');
        name = longer;
    } while (is_taken(w, name));
    return name;
}

/* Keeps what has no place any more, under a name that nobody reads as something else. */
static int keep_aside(struct work *w, const char *name, const struct legacy_field *field)
{
    if (!field->json || is_nothing(field))
        return 0;
    return add(w, aside_name(w, name), field->json, field->json_len, time_of(w, name, NULL));
}

/* As keep_aside, of a value that should have been readable. */
static int keep_unread(struct work *w, const char *name, const struct legacy_field *field)
{
    if (field->json && !is_nothing(field))
        w->out->notes |= LEGACY_FIELD_KEPT;
    return keep_aside(w, name, field);
}

/* A field that this version does not know, under its own name. */
static int add_free(struct work *w, const char *name, const struct legacy_field *field,
                    const char *outer)
{
    const char *own = is_taken(w, name) ? aside_name(w, name) : name;
    return add(w, own, field->json, field->json_len, time_of(w, name, outer));
}

/* ---- what every row has ---- */

static int take_times(struct work *w)
{
    struct legacy_out *out = w->out;
    struct legacy_field created, updated, index, meta, times;
    struct moment made, changed;
    bool has_created = take(w, "createdAt", &created) && read_time(w, created.value, &made);
    bool has_updated = take(w, "updatedAt", &updated);
    has_updated = has_updated && read_time(w, updated.value, &changed);
    (void)take(w, "_updatedAtIndex", &index);
    if (take(w, "__fieldMeta", &meta))
        w->meta = meta.value;
    if (take(w, "__fieldTimestamps", &times))
        w->times = times.value;
    out->at = has_updated ? changed.at : has_created ? made.at : clock_at(0, 0);
    out->created_at = has_created ? made.text : has_updated ? changed.text : EPOCH;
    int rc = has_created ? 0 : keep_unread(w, "createdAt", &created);
    if (rc == 0 && !has_updated)
        rc = keep_unread(w, "updatedAt", &updated);
    if (rc == 0 && !json_is(w->meta, JSON_OBJECT))
        rc = keep_unread(w, "__fieldMeta", &meta);
    if (rc == 0 && !json_is(w->times, JSON_OBJECT))
        rc = keep_unread(w, "__fieldTimestamps", &times);
    return rc;
}

/* Deleted is what JavaScript takes for true. */
static int take_deleted(struct work *w)
{
    struct legacy_field field;
    struct moment moment;
    double number;
    bool there = take(w, "deletedAt", &field) && !is_null(&field);
    w->out->deleted_set_at = time_of(w, "deletedAt", NULL);
    if (!there || json_is(field.value, JSON_FALSE) || json_equals(field.value, "") ||
        (json_double(field.value, &number) && number == 0))
        return 0;
    if (read_time(w, field.value, &moment)) {
        w->out->deleted_at = moment.text;
        return 0;
    }
    char text[CLOCK_TEXT];
    clock_format_ms(clock_ms(w->out->deleted_set_at), text);
    w->out->deleted_at = arena_str(w->arena, text);
    return w->out->deleted_at ? keep_unread(w, "deletedAt", &field) : RAUM_ENOMEM;
}

/* An id that a field names; NULL if it names none. */
static const char *id_in(struct work *w, const struct legacy_field *field, size_t len_max)
{
    const char *id = text_of(w, field->json, field->json_len);
    size_t len = id ? strlen(id) : 0;
    return len <= len_max && id_valid(id, len) ? id : NULL;
}

/* Owner and space. A row of a space is its author's, a user-level one its user's (G-T1). */
static int take_owner(struct work *w)
{
    struct legacy_out *out = w->out;
    struct legacy_field user, author, space;
    bool user_level = legacy_level(w->row->table) == LEGACY_USER;
    (void)take(w, "userId", &user), (void)take(w, "authorId", &author);
    (void)take(w, "spaceId", &space);
    const char *user_id = id_in(w, &user, OWNER_LEN_MAX);
    const char *author_id = user_level ? NULL : id_in(w, &author, OWNER_LEN_MAX);
    const char *space_id = user_level ? NULL : id_in(w, &space, ID_LEN_MAX);
    out->owner = author_id ? author_id : user_id ? user_id : SCHEMA_GUEST;
    if (strcmp(out->owner, SCHEMA_GUEST) == 0)
        out->notes |= LEGACY_NO_OWNER;
    if (!user_level)
        out->space_id = space_id ? space_id
                                 : join(w, SCHEMA_PERSONAL, out->owner, strlen(out->owner));
    if (!user_level && !out->space_id)
        return RAUM_ENOMEM;
    int rc = user_id && strcmp(user_id, out->owner) == 0 ? 0 : keep_unread(w, "userId", &user);
    if (rc == 0 && !author_id)
        rc = keep_unread(w, "authorId", &author);
    if (rc == 0 && !space_id)
        rc = keep_unread(w, "spaceId", &space);
    return rc;
}

/* space and private stay; unlisted and public are seen by the members as before, anything else by
 * the author alone. */
static int take_visibility(struct work *w)
{
    struct legacy_field field;
    (void)take(w, "visibility", &field);
    if (!w->out->space_id)
        return keep_unread(w, "visibility", &field);
    const char *said = text_of(w, field.json, field.json_len);
    w->out->visibility_at = time_of(w, "visibility", NULL);
    if (!field.json || is_null(&field) || (said && strcmp(said, "space") == 0)) {
        w->out->visibility = "space";
        return 0;
    }
    bool open = said && (strcmp(said, "unlisted") == 0 || strcmp(said, "public") == 0);
    w->out->visibility = open ? "space" : "private";
    if (said && strcmp(said, "private") == 0)
        return 0;
    w->out->notes |= LEGACY_VISIBILITY;
    return keep_aside(w, "visibility", &field);
}

/* ---- identity ---- */

/* An id for a key that is no text: its kind and its value. Keys of other kinds have other prefixes,
 * so that 42 and "42" stay two rows. */
static const char *id_of_value(struct work *w, struct json_value v)
{
    size_t len;
    const char *raw = json_raw(v, &len), *value = read_name(w, json_get(v, "value"));
    const char *kind = json_is(v, JSON_NUMBER) ? "number" : "key";
    if (json_is(v, JSON_ARRAY))
        kind = "array";
    if (json_is(v, JSON_STRING))
        return read_name(w, v);
    if (json_get(v, "$raum").doc && value) {
        kind = json_equals(json_get(v, "$raum"), "date") ? "date" : "binary";
        return kept(w, arena_printf(w->arena, "%s:%s", kind, value));
    }
    if (len > ID_LEN_MAX)
        return NULL;
    return kept(w, arena_printf(w->arena, "%s:%.*s", kind, (int)len, raw));
}

/* An id from bytes: the same on every device. */
static int derive_id(struct work *w, const char *bytes, size_t len)
{
    struct buf name;
    char id[ID_TEXT];
    buf_init(&name, NAME_BYTES_MAX);
    buf_printf(&name, "legacy %s\n", w->out->table);
    buf_add(&name, bytes, len);
    int rc = buf_error(&name, NULL);
    if (rc == 0)
        id_derive(w->env, name.data, name.len, id);
    buf_release(&name);
    w->out->id = rc ? NULL : arena_str(w->arena, id);
    w->out->notes |= LEGACY_ID_MADE;
    return w->out->id ? 0 : RAUM_ENOMEM;
}

static int compare_names(const void *a, const void *b)
{
    const struct legacy_field *x = *(struct legacy_field *const *)a;
    const struct legacy_field *y = *(struct legacy_field *const *)b;
    size_t len = x->name_len < y->name_len ? x->name_len : y->name_len;
    int order = memcmp(x->name, y->name, len);
    return order ? order : (x->name_len > y->name_len) - (x->name_len < y->name_len);
}

/* An id for a row that names none: from all its fields, in whatever order they stand. */
static int derive_from_row(struct work *w)
{
    const struct legacy_row *row = w->row;
    struct legacy_field **sorted = arena_alloc(w->arena, (row->count + 1) * sizeof *sorted);
    struct buf all;
    size_t count = 0;
    if (!sorted)
        return RAUM_ENOMEM;
    for (uint32_t i = 0; i < row->count; i++)
        if (row->fields[i].json)
            sorted[count++] = &row->fields[i];
    qsort(sorted, count, sizeof *sorted, compare_names);
    buf_init(&all, NAME_BYTES_MAX / 2);
    for (size_t i = 0; i < count; i++) {
        buf_add(&all, sorted[i]->name, sorted[i]->name_len);
        buf_char(&all, '\n');
        buf_add(&all, sorted[i]->json, sorted[i]->json_len);
        buf_char(&all, '\n');
    }
    int rc = buf_error(&all, NULL);
    rc = rc ? rc : derive_id(w, buf_text(&all), all.len);
    buf_release(&all);
    return rc;
}

/* The id out of JSON: a text as it is, else made of it. */
static int id_from_json(struct work *w, const char *json, size_t len)
{
    struct json_doc doc;
    json_init(&doc);
    int rc = json_parse(&doc, json, len, JSON_LONE, NULL);
    const char *id = rc == 0 ? id_of_value(w, json_root(&doc)) : NULL;
    bool text = json_is(json_root(&doc), JSON_STRING);
    json_release(&doc);
    if (rc)
        return rc;
    if (!id || !id_valid(id, strlen(id)))
        return derive_id(w, json, len);
    w->out->id = id;
    if (!text)
        w->out->notes |= LEGACY_ID_MADE;
    return 0;
}

/* From the primary key, else the field "id", else the row. A field that became it is used up. */
static int find_id(struct work *w, struct legacy_field *field)
{
    const struct legacy_row *row = w->row;
    bool there = take(w, "id", field) && !is_null(field);
    bool is_key = there && row->key && row->key_len == field->json_len &&
                  memcmp(row->key, field->json, row->key_len) == 0;
    if (is_key || (there && !row->key)) {
        w->out->id = id_in(w, field, ID_LEN_MAX);
        if (w->out->id)
            field->json = NULL;
        return w->out->id ? 0 : id_from_json(w, field->json, field->json_len);
    }
    if (row->key)
        return id_from_json(w, row->key, row->key_len);
    return derive_from_row(w);
}

/* ---- values of known tables ---- */

static bool is_choice(const struct schema_field *f, struct json_value v)
{
    const char *const *choice = f->choices;
    while (choice && *choice && !json_equals(v, *choice))
        choice++;
    return !choice || *choice;
}

/* A list of texts out of a text, or out of a list with other things in it. *lossy: something had to
 * go. NULL: cannot. */
static const char *texts_of(struct work *w, const struct schema_field *f, struct json_value v,
                            bool *lossy, size_t *len)
{
    struct buf list;
    struct json_writer out;
    struct json_value only = json_is(v, JSON_STRING) ? v : json_first(v);
    if (!json_is(v, JSON_STRING) && !json_is(v, JSON_ARRAY) && !json_is(v, JSON_NULL))
        return NULL;
    buf_init(&list, SCHEMA_EXTRA_MAX);
    json_begin(&out, &list);
    json_open_array(&out);
    while (only.doc) {
        struct json_value name = json_is(only, JSON_OBJECT) ? json_get(only, "name") : only;
        bool fits = json_is(name, JSON_STRING) && is_choice(f, name);
        *lossy |= !fits || !json_is(only, JSON_STRING);
        if (fits)
            json_put_value(&out, name);
        only = json_is(v, JSON_STRING) ? (struct json_value){0} : json_next(v, only);
    }
    json_close_array(&out);
    const char *json = NULL;
    if (list.error != RAUM_ETOO_LARGE)
        json = kept(w, list.error ? NULL : arena_copy(w->arena, list.data, list.len));
    *len = list.len;
    buf_release(&list);
    return json;
}

/* "2026-04-01" of a time, as JSON. */
static const char *day_json(const struct work *w, const char *time)
{
    return kept(w, arena_printf(w->arena, "\"%.*s\"", DATE_LEN, time));
}

/* A known field's value in its type; false if it cannot be. */
static bool fit(struct work *w, const struct schema_field *f, struct legacy_field *field,
                bool *lossy)
{
    struct moment moment;
    struct json_doc doc;
    const char *json = NULL;
    size_t len = 0;
    if (schema_check(f, field->value, NULL) == 0 && !(f->type == TYPE_TEXTS && is_null(field)))
        return true;
    if (f->type == TYPE_TEXTS) {
        json = texts_of(w, f, field->value, lossy, &len);
    } else if (f->type == TYPE_DATE && read_time(w, field->value, &moment)) {
        json = day_json(w, moment.text);
        len = DATE_LEN + 2;
        *lossy = strcmp(moment.text + DATE_LEN, "T00:00:00.000Z") != 0;
    }
    if (!json)
        return false;
    json_init(&doc);
    int rc = json_parse(&doc, json, len, 0, NULL);
    bool fits = rc == 0 && schema_check(f, json_root(&doc), NULL) == 0;
    *w->full |= rc == RAUM_ENOMEM;
    json_release(&doc);
    field->json = json;
    field->json_len = (uint32_t)len;
    return fits;
}

/* A field as the schema has it, else aside. `outer`: what a leaf was nested in. */
static int add_known(struct work *w, const struct schema_field *f, struct legacy_field *field,
                     const char *outer)
{
    struct legacy_field before = *field;
    bool lossy = false;
    if (!fit(w, f, field, &lossy))
        return keep_unread(w, f->name, &before);
    int rc = lossy ? keep_unread(w, f->name, &before) : 0;
    return rc ? rc : add(w, f->name, field->json, field->json_len, time_of(w, f->name, outer));
}

/* usage {aiReference, showInProfile, …} → leaf fields. */
static int take_usage(struct work *w)
{
    struct legacy_field usage, leaf;
    int rc = 0;
    if (!take(w, "usage", &usage))
        return 0;
    if (!json_is(usage.value, JSON_OBJECT))
        return keep_unread(w, "usage", &usage);
    for (struct json_value v = json_first(usage.value); v.doc && rc == 0;
         v = json_next(usage.value, v)) {
        const char *text = NULL;
        size_t len = 0;
        bool ok = read_text(w, json_key(v), &text, &len);
        const char *name = ok ? join(w, "usage.", text, len) : NULL;
        if (!name)
            return RAUM_ENOMEM;
        leaf = (struct legacy_field){.value = v, .json = json_raw(v, &len)};
        leaf.json_len = (uint32_t)len;
        const struct schema_field *f = schema_field(w->table, name, strlen(name));
        if (f)
            rc = add_known(w, f, &leaf, "usage");
        else
            rc = add_free(w, name, &leaf, "usage");
    }
    return rc;
}

/* A row that this one gives rise to, with the same owner, space and visibility. */
static int new_row(struct work *w, const char *table, uint64_t at, struct work *made)
{
    struct legacy_out *row = arena_zero(w->arena, sizeof *row);
    char text[CLOCK_TEXT];
    clock_format_ms(clock_ms(at), text);
    const char *created = arena_str(w->arena, text);
    if (!row || !created)
        return RAUM_ENOMEM;
    const struct legacy_out *out = w->out;
    *row = (struct legacy_out){.table = table, .owner = out->owner, .space_id = out->space_id,
                               .visibility = out->visibility, .created_at = created, .at = at,
                               .visibility_at = at, .deleted_set_at = at, .next = out->next};
    *made = *w;
    made->out = w->out->next = row;
    made->cap = 0;
    return 0;
}

static int add_text(struct work *w, const char *name, const char *text)
{
    const char *json = json_of(w, text);
    return json ? add(w, name, json, strlen(json), w->out->at) : RAUM_ENOMEM;
}

/* primaryFor → a row of meSlots. A deleted holder leaves its slot empty. */
static int take_slot(struct work *w)
{
    const struct schema_table *slots = schema_table("meSlots");
    struct legacy_field field;
    struct work row;
    if (!take(w, "primaryFor", &field) || is_nothing(&field))
        return 0;
    if (schema_check(schema_field(slots, "slot", 4), field.value, NULL) != 0) {
        w->out->notes |= LEGACY_SLOT_UNKNOWN;
        return keep_aside(w, "primaryFor", &field);
    }
    if (w->out->deleted_at)
        return keep_aside(w, "primaryFor", &field);
    int rc = new_row(w, slots->name, time_of(w, "primaryFor", NULL), &row);
    if (rc == 0)
        rc = add_text(&row, "imageId", w->out->id);
    if (rc == 0)
        rc = add_text(&row, "person", w->out->owner);
    if (rc == 0)
        rc = add(&row, "slot", field.json, field.json_len, row.out->at);
    return rc;
}

/* lastWornAt → a row of wardrobeWears for that day; how often before then nobody knows
 * (legacyWearCount). */
static int take_wear(struct work *w, const char *link)
{
    struct legacy_field field;
    struct moment moment;
    struct work row;
    if (!take(w, "lastWornAt", &field))
        return 0;
    int rc = keep_aside(w, "lastWornAt", &field);
    if (rc || w->out->deleted_at || !read_time(w, field.value, &moment))
        return rc;
    rc = new_row(w, "wardrobeWears", time_of(w, "lastWornAt", NULL), &row);
    if (rc == 0)
        rc = add_text(&row, link, w->out->id);
    if (rc == 0)
        rc = add(&row, "wornAt", day_json(w, moment.text), DATE_LEN + 2, row.out->at);
    const char *name = arena_printf(w->arena, "%s %s", link, w->out->id);
    if (rc == 0 && !name)
        rc = RAUM_ENOMEM;
    return rc ? rc : derive_id(&row, name, strlen(name));
}

static int take_special(struct work *w)
{
    const char *name = w->row->table;
    int rc = 0;
    if (strcmp(name, "meImages") == 0 && (rc = take_slot(w)) == 0)
        rc = take_usage(w);
    else if (strcmp(name, "wardrobeGarments") == 0)
        rc = take_wear(w, "garmentId");
    else if (strcmp(name, "wardrobeOutfits") == 0)
        rc = take_wear(w, "outfitId");
    return rc;
}

/* A field that no rule has taken. */
static int take_field(struct work *w, struct legacy_field *taken)
{
    const struct schema_table *t = w->table;
    const struct schema_field *f = t ? schema_field(t, taken->name, taken->name_len) : NULL;
    bool leaf = t && memchr(taken->name, '.', taken->name_len); /* leaves come nested */
    if (f && !leaf)
        return add_known(w, f, taken, NULL);
    const char *name = join(w, "", taken->name, taken->name_len);
    if (!name)
        return RAUM_ENOMEM;
    if (leaf || (t && schema_is_derived(t, taken->name, taken->name_len)))
        return keep_aside(w, name, taken);
    return add_free(w, name, taken, NULL);
}

static int take_rest(struct work *w)
{
    int rc = 0;
    for (uint32_t i = 0; i < w->row->count && rc == 0; i++) {
        struct legacy_field taken = w->row->fields[i];
        w->row->fields[i].json = NULL;
        if (taken.json)
            rc = take_field(w, &taken);
    }
    return rc;
}

static int compare_values(const void *a, const void *b)
{
    const struct legacy_value *x = a, *y = b;
    return strcmp(x->name, y->name);
}

int legacy_normalise(struct legacy_row *row, const struct raum_env *env, struct legacy_out *out)
{
    static int (*const parts[])(struct work *w) = {
        take_deleted, take_owner, take_visibility, take_special, take_rest,
    };
    bool full = false;
    struct work w = {.row = row, .env = env, .table = schema_table(row->table), .out = out,
                     .arena = row->arena, .full = &full};
    struct legacy_field id;
    *out = (struct legacy_out){.table = row->table};
    int rc = find_id(&w, &id);
    if (rc == 0)
        rc = take_times(&w);
    if (rc == 0)
        rc = keep_aside(&w, "id", &id);
    for (size_t i = 0; i < sizeof parts / sizeof *parts && rc == 0; i++)
        rc = parts[i](&w);
    if (rc == 0 && out->count)
        qsort(out->fields, out->count, sizeof *out->fields, compare_values);
    return full ? RAUM_ENOMEM : rc;
}
