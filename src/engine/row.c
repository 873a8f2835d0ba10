#include "engine/row.h"

#include "base/clock.h"
#include "engine/intern.h"
#include "engine/seal.h"
#include <string.h>

int row_position(const struct schema_table *t, const struct schema_field *f)
{
    switch (f->tag) {
    case TAG_VISIBILITY:
        return ROW_VISIBILITY;
    case TAG_CREATED_AT:
        return ROW_CREATED_AT;
    case TAG_DELETED_AT:
        return ROW_DELETED_AT;
    default:
        return ROW_BASE + (int)(f - t->fields);
    }
}

const struct schema_field *row_field(const struct schema_table *t, int position)
{
    if (position < ROW_BASE)
        return &schema_base[position];
    if (!t || position >= row_count(t))
        return NULL;
    return &t->fields[position - ROW_BASE];
}

int row_count(const struct schema_table *t)
{
    return ROW_BASE + (t ? (int)schema_field_count(t) : 0);
}

/* ---- values from JSON ---- */

static int no_memory(struct raum_error *error)
{
    return err_set(error, RAUM_ENOMEM, NULL);
}

static int text_value(const char *text, size_t len, struct value *out, struct raum_error *error)
{
    if (!text)
        return no_memory(error);
    *out = (struct value){.kind = VALUE_TEXT, .len = (uint32_t)len, .text = text};
    return 0;
}

static int from_time(struct json_value v, struct arena *a, struct value *out,
                     struct raum_error *error)
{
    char text[CLOCK_TEXT];
    uint64_t at;
    int64_t ms;
    size_t len;
    const char *raw = json_raw(v, &len);
    if (clock_parse(raw + 1, len - 2, &at) < 0 || clock_parse_ms(raw + 1, len - 2, &ms) < 0)
        return err_at(error, "row", RAUM_EBAD_CHANGE, "not a time");
    if (ms == clock_ms(at) && clock_counter(at))
        clock_format(at, text);
    else
        clock_format_ms(ms, text); /* before 1970, too */
    return text_value(arena_str(a, text), strlen(text), out, error);
}

static int from_document(struct json_value v, struct arena *a, struct value *out,
                         struct raum_error *error)
{
    struct buf text;
    struct json_writer w;
    buf_init(&text, SCHEMA_EXTRA_MAX);
    json_begin(&w, &text);
    json_put_value(&w, v);
    int result = buf_error(&text, error);
    if (result == 0)
        result = text_value(arena_copy(a, buf_text(&text), text.len), text.len, out, error);
    buf_release(&text);
    return result;
}

static int from_account(struct raum *r, struct json_value v, struct arena *a, struct value *out,
                        struct raum_error *error)
{
    uint32_t ref;
    const char *id = json_str(v, a);
    if (!id)
        return no_memory(error);
    int result = intern_account_ref(r, id, &ref, error);
    *out = (struct value){.kind = VALUE_INT, .i = ref};
    return result;
}

int value_from_json(struct raum *r, const struct schema_field *f, struct json_value v,
                    struct arena *a, struct value *out, struct raum_error *error)
{
    const char *text;
    size_t len;
    bool flag = false;
    *out = (struct value){.kind = VALUE_NULL};
    if (!v.doc || json_is(v, JSON_NULL))
        return 0;
    switch ((enum schema_type)f->type) {
    case TYPE_TEXT:
    case TYPE_DATE:
        if (!json_text(v, a, &text, &len))
            return no_memory(error);
        return text_value(arena_copy(a, text, len), len, out, error);
    case TYPE_INT:
        out->kind = VALUE_INT;
        return json_int(v, &out->i) ? 0 : err_at(error, "row", RAUM_EBAD_CHANGE, "not a number");
    case TYPE_REAL:
        out->kind = VALUE_REAL;
        return json_double(v, &out->r) ? 0 : err_at(error, "row", RAUM_EBAD_CHANGE, "not a number");
    case TYPE_BOOL:
        out->kind = VALUE_INT;
        if (!json_bool(v, &flag))
            return err_at(error, "row", RAUM_EBAD_CHANGE, "not true or false");
        out->i = flag;
        return 0;
    case TYPE_TIME:
        return from_time(v, a, out, error);
    case TYPE_TEXTS:
    case TYPE_JSON:
        return from_document(v, a, out, error);
    case TYPE_ACCOUNT:
        return from_account(r, v, a, out, error);
    }
    return err_at(error, "row", RAUM_EINTERNAL, NULL);
}

/* ---- opening and JSON out ---- */

struct seal_place row_place(const struct row *row, const struct schema_field *f)
{
    const char *colon = row->table && schema_is_slots(row->table) ? strrchr(row->id, ':') : NULL;
    const char *id = colon ? colon + 1 : row->id;
    return (struct seal_place){
        .app = row->table ? row->table->app : "",
        .table = row->table ? row->table->name : row->opaque,
        .field = f ? f->name : "",
        .row = id,
        .row_len = strlen(id),
        .space = row->space,
    };
}

int value_open(struct raum *r, const struct row *row, const struct schema_field *f,
               const struct value *v, struct arena *a, struct value *out, struct raum_error *error)
{
    *out = *v;
    if (v->kind != VALUE_SEALED)
        return 0;
    struct buf text;
    buf_init(&text, SCHEMA_EXTRA_MAX);
    struct seal_place place = row_place(row, f);
    int result = seal_open(r, &place, v->text, v->len, &text, error);
    if (result == 0)
        result = text_value(arena_copy(a, buf_text(&text), text.len), text.len, out, error);
    buf_release(&text);
    return result;
}

static void put_plain(struct raum *r, const struct schema_field *f, const struct value *v,
                      struct json_writer *w)
{
    if (v->kind == VALUE_INT && f->type == TYPE_ACCOUNT)
        json_put_str(w, intern_account(r, (uint32_t)v->i));
    else if (v->kind == VALUE_INT && f->type == TYPE_BOOL)
        json_put_bool(w, v->i != 0);
    else if (v->kind == VALUE_INT)
        json_put_int(w, v->i);
    else if (v->kind == VALUE_REAL)
        json_put_double(w, v->r);
    else if (v->kind == VALUE_TEXT && (f->type == TYPE_TEXTS || f->type == TYPE_JSON))
        json_put_raw(w, v->text, v->len);
    else if (v->kind == VALUE_TEXT)
        json_put_text(w, v->text, v->len);
    else
        json_put_null(w);
}

int value_put_json(struct raum *r, const struct row *row, const struct schema_field *f,
                   const struct value *v, struct json_writer *w, struct raum_error *error)
{
    if (v->kind != VALUE_SEALED) {
        put_plain(r, f, v, w);
        return 0;
    }
    struct arena a;
    struct value open;
    arena_init(&a, 4 * SCHEMA_EXTRA_MAX);
    int result = value_open(r, row, f, v, &a, &open, error);
    if (result == 0)
        put_plain(r, f, &open, w);
    else
        json_put_null(w); /* the key stands there already */
    arena_release(&a);
    return result;
}

int value_put_wire(struct raum *r, const struct row *row, const struct schema_field *f,
                   const struct value *v, struct json_writer *w, struct raum_error *error)
{
    struct buf sealed;
    if (v->kind != VALUE_SEALED)
        return value_put_json(r, row, f, v, w, error);
    buf_init(&sealed, SCHEMA_EXTRA_MAX);
    int result = seal_to_text(v->text, v->len, &sealed, error);
    if (result == 0)
        json_put_text(w, buf_text(&sealed), sealed.len);
    buf_release(&sealed);
    return result;
}
