#include "engine/fields.h"

#include "engine/intern.h"
#include <string.h>

#define NAME_MAX_BYTES 200
#define DEPTH_MAX (JSON_DEPTH_MAX - 4) /* what surrounds a value in archives can be read, too */

static bool is(const char *name, size_t len, const char *text)
{
    return strlen(text) == len && memcmp(name, text, len) == 0;
}

void fields_rights(struct raum *r, const struct row *row, bool exists, struct rights_row *out)
{
    const struct value *visibility = &row->values[ROW_VISIBILITY];
    *out = (struct rights_row){.author = intern_account(r, row->author), .exists = exists};
    out->is_private =
        visibility->kind == VALUE_TEXT && is(visibility->text, visibility->len, "private");
    for (int i = ROW_BASE; i < row_count(row->table); i++) {
        const struct schema_field *f = row_field(row->table, i);
        if (f->type == TYPE_ACCOUNT && row->values[i].kind == VALUE_INT)
            out->subject = intern_account(r, (uint32_t)row->values[i].i);
    }
}

int fields_text(struct json_value v, struct arena *a, const char **out, struct raum_error *error)
{
    const char *text;
    size_t len;
    *out = NULL;
    if (!json_is(v, JSON_STRING))
        return 0;
    if (!json_text(v, a, &text, &len))
        return err_set(error, RAUM_ENOMEM, NULL);
    if (memchr(text, 0, len))
        return 0;
    *out = arena_copy(a, text, len);
    return *out ? 0 : err_set(error, RAUM_ENOMEM, NULL);
}

/* ---- unknown fields ---- */

static int rewrite_extra(const struct value *old, const char *name, size_t len,
                         struct json_value value, struct buf *out, struct raum_error *error)
{
    struct json_doc doc;
    struct json_writer w;
    struct arena a;
    int result = 0;
    json_init(&doc);
    arena_init(&a, SCHEMA_EXTRA_MAX);
    json_begin(&w, out);
    json_open_object(&w);
    if (old->kind == VALUE_TEXT)
        result = json_parse(&doc, old->text, old->len, 0, error);
    for (struct json_value m = result == 0 && old->kind == VALUE_TEXT ? json_first(json_root(&doc))
                                                                     : (struct json_value){0};
         m.doc; m = json_next(json_root(&doc), m)) {
        const char *key;
        size_t key_len;
        if (!json_text(json_key(m), &a, &key, &key_len)) {
            result = err_set(error, RAUM_ENOMEM, NULL);
            break;
        }
        if (key_len == len && memcmp(key, name, len) == 0)
            continue;
        json_put_key_len(&w, key, key_len);
        json_put_value(&w, m);
    }
    if (value.doc && result == 0) {
        json_put_key_len(&w, name, len);
        json_put_value(&w, value);
    }
    json_close_object(&w);
    json_release(&doc);
    arena_release(&a);
    return result ? result : buf_error(out, error);
}

int fields_set_extra(struct raum *r, struct row *row, const char *name, size_t len,
                     struct json_value value, struct stamp stamp, struct arena *a,
                     struct raum_error *error)
{
    struct value old;
    struct buf text;
    if (len == 0 || len > NAME_MAX_BYTES)
        return err_at(error, "fields", RAUM_EBAD_CHANGE, "a field's name has 1 to %d bytes",
                      NAME_MAX_BYTES);
    buf_init(&text, SCHEMA_EXTRA_MAX);
    int result = value_open(r, row, NULL, &row->extra, a, &old, error);
    if (result == 0)
        result = rewrite_extra(&old, name, len, value, &text, error);
    if (result == 0) {
        row->extra = (struct value){.kind = VALUE_TEXT, .len = (uint32_t)text.len,
                                    .text = arena_copy(a, buf_text(&text), text.len)};
        const char *kept = arena_copy(a, name, len);
        result = row->extra.text && kept ? stamps_set(&row->stamps, 0, kept, len, stamp, a)
                                         : RAUM_ENOMEM;
        if (result < 0)
            err_set(error, result, NULL);
    }
    buf_release(&text);
    return result;
}

static int write_extra(struct fields_write *w, const char *name, size_t len, struct json_value v,
                       struct raum_error *error)
{
    int result = fields_set_extra(w->handle->raum, w->row, name, len, v, w->stamp, w->arena, error);
    w->mask |= ROW_MASK_EXTRA;
    return result;
}

/* ---- known fields ---- */

static bool same_value(const struct value *a, const struct value *b)
{
    if (a->kind != b->kind)
        return false;
    switch ((enum value_kind)a->kind) {
    case VALUE_NULL:
        return true;
    case VALUE_INT:
        return a->i == b->i;
    case VALUE_REAL:
        return a->r == b->r;
    case VALUE_TEXT:
    case VALUE_SEALED:
        return a->len == b->len && memcmp(a->text, b->text, a->len) == 0;
    }
    return false;
}

/* The subject of the picture a slot is to show; NULL if there is no such live picture in the space.
 */
static int slot_subject(struct fields_write *w, struct json_value v, const char **subject,
                        struct raum_error *error)
{
    struct raum *r = w->handle->raum;
    const struct schema_table *t = schema_table("meImages");
    struct row image;
    struct rights_row rights;
    *subject = NULL;
    const char *id;
    int result = fields_text(v, w->arena, &id, error);
    if (result < 0 || !id)
        return result;
    result = row_load(r, w->row->space, t, NULL, id, w->arena, &image, error);
    if (result == 0 && image.values[ROW_DELETED_AT].kind == VALUE_NULL) {
        fields_rights(r, &image, true, &rights);
        bool hidden = rights.is_private && strcmp(rights.author, r->account) != 0;
        *subject = hidden ? NULL : rights.subject;
    }
    return result < 0 ? result : 0;
}

/* Fixed fields may be repeated with the value they have; anything else is refused. */
static int write_known(struct fields_write *w, const struct schema_field *f, struct json_value v,
                       struct raum_error *error)
{
    struct raum *r = w->handle->raum;
    const char *subject = NULL;
    struct value value = {0}, old = {0};
    int position = row_position(w->row->table, f);
    int result = schema_check(f, v, error);
    if (result == 0 && f->right == RIGHT_PERSON && json_is(v, JSON_STRING))
        result = slot_subject(w, v, &subject, error);
    if (result == 0)
        result = value_from_json(r, f, v, w->arena, &value, error);
    if (result == 0 && w->op == OP_UPDATE)
        result = value_open(r, w->row, f, &w->row->values[position], w->arena, &old, error);
    if (result < 0)
        return result;
    if (w->op == OP_UPDATE && same_value(&old, &value))
        return 0;
    result = rights_field(f, w->op, &w->rights, v, subject, r->account, error);
    if (result < 0)
        return result;
    w->row->values[position] = value;
    w->mask |= 1u << position;
    w->tags |= UINT64_C(1) << f->tag;
    if (w->op == OP_INSERT)
        return 0;
    result = stamps_set(&w->row->stamps, f->tag, NULL, 0, w->stamp, w->arena);
    return result < 0 ? err_set(error, result, NULL) : 0;
}

/* spaceId and authorId stand in columns of their own: they may be named, never changed (G-T7). */
static int check_fixed(struct fields_write *w, const char *name, struct json_value v,
                       const char *now, struct raum_error *error)
{
    (void)w;
    if (now && json_equals(v, now))
        return 0;
    return err_at(error, "fields", RAUM_EIMMUTABLE_FIELD, "%s is set by Raum and never changes",
                  name);
}

static bool has_leaves(const struct schema_table *t, const char *name, size_t len)
{
    for (const struct schema_field *f = t->fields; f->name; f++)
        if (strlen(f->name) > len && memcmp(f->name, name, len) == 0 && f->name[len] == '.')
            return true;
    return false;
}

static int write_member(struct fields_write *w, const char *name, size_t len, struct json_value v,
                        bool whole, struct raum_error *error);

/* `usage: {…}` is its leaves. Consent is never turned on that way: a stale copy of the whole must
 * not undo a no. */
static int write_leaves(struct fields_write *w, const char *name, size_t len,
                        struct json_value object, struct raum_error *error)
{
    for (struct json_value m = json_first(object); m.doc; m = json_next(object, m)) {
        const char *leaf;
        size_t leaf_len;
        if (!json_text(json_key(m), w->arena, &leaf, &leaf_len))
            return err_set(error, RAUM_ENOMEM, NULL);
        char *full = arena_alloc(w->arena, len + leaf_len + 2);
        if (!full)
            return err_set(error, RAUM_ENOMEM, NULL);
        memcpy(full, name, len);
        full[len] = '.';
        memcpy(full + len + 1, leaf, leaf_len);
        full[len + 1 + leaf_len] = '\0';
        int result = write_member(w, full, len + 1 + leaf_len, m, true, error);
        if (result < 0)
            return result;
    }
    return 0;
}

static int write_member(struct fields_write *w, const char *name, size_t len, struct json_value v,
                        bool whole, struct raum_error *error)
{
    struct raum *r = w->handle->raum;
    const struct schema_table *t = w->row->table;
    bool on;
    if (is(name, len, "id"))
        return json_equals(v, w->row->id) ? 0 : check_fixed(w, "id", v, NULL, error);
    if (is(name, len, "spaceId") || is(name, len, "userId")) {
        const struct space *s = intern_space(r, w->row->space);
        bool space = name[0] == 's';
        return check_fixed(w, space ? "spaceId" : "userId", v, space && s ? s->id : NULL, error);
    }
    if (is(name, len, "authorId"))
        return check_fixed(w, "authorId", v, intern_account(r, w->row->author), error);
    if (schema_is_derived(t, name, len))
        return err_at(error, "fields", RAUM_EBAD_CHANGE,
                      "%.*s is worked out by Raum and cannot be written", (int)len, name);
    if (is(name, len, "deletedAt") || (is(name, len, "visibility") && t->level == LEVEL_USER))
        return err_at(error, "fields", RAUM_EBAD_CHANGE, "%.*s cannot be written here", (int)len,
                      name);
    if (has_leaves(t, name, len))
        return json_is(v, JSON_OBJECT) ? write_leaves(w, name, len, v, error)
                                       : err_at(error, "fields", RAUM_EBAD_CHANGE,
                                                "%.*s: an object is wanted", (int)len, name);
    const struct schema_field *f = schema_field(t, name, len);
    if (!f)
        return write_extra(w, name, len, v, error);
    if (whole && f->right == RIGHT_CONSENT && json_bool(v, &on) && on)
        return 0;
    return write_known(w, f, v, error);
}

int fields_apply(struct fields_write *w, struct json_value fields, struct raum_error *error)
{
    if (!json_is(fields, JSON_OBJECT))
        return err_at(error, "fields", RAUM_EBAD_CHANGE, "the fields are one JSON object");
    for (struct json_value m = json_first(fields); m.doc; m = json_next(fields, m)) {
        const char *name;
        size_t len;
        if (!json_text(json_key(m), w->arena, &name, &len))
            return err_set(error, RAUM_ENOMEM, NULL);
        if (json_depth(m) > DEPTH_MAX)
            return err_at(error, "fields", RAUM_ETOO_LARGE, "%.*s: at most %d levels", (int)len,
                          name, DEPTH_MAX);
        int result = write_member(w, name, len, m, false, error);
        if (result < 0)
            return result;
    }
    return 0;
}

/* ---- fallbacks ---- */

void fields_fallback(const struct row *row, const struct schema_field *f, struct value *out)
{
    const char *text = f->fallback;
    if (!text)
        return;
    if (text[0] == '@')
        *out = (struct value){.kind = VALUE_INT, .i = row->author};
    else if (text[0] == '"')
        *out =
            (struct value){.kind = VALUE_TEXT, .len = (uint32_t)strlen(text) - 2, .text = text + 1};
    else if (text[0] == '[')
        *out = (struct value){.kind = VALUE_TEXT, .len = (uint32_t)strlen(text), .text = text};
    else if (f->type == TYPE_REAL)
        *out = (struct value){.kind = VALUE_REAL, .r = 0};
    else
        *out = (struct value){.kind = VALUE_INT, .i = text[0] == 't'};
}

int fields_complete(struct fields_write *w, struct raum_error *error)
{
    for (int i = 0; i < row_count(w->row->table); i++) {
        const struct schema_field *f = row_field(w->row->table, i);
        struct value *v = &w->row->values[i];
        if (!(w->mask >> i & 1) && v->kind == VALUE_NULL)
            fields_fallback(w->row, f, v);
        if (v->kind == VALUE_NULL && f->flags & FIELD_REQUIRED)
            return err_at(error, "fields", RAUM_EBAD_CHANGE, "%s is missing", f->name);
        w->tags |= UINT64_C(1) << f->tag;
    }
    return 0;
}
