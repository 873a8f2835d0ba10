#include "engine/store.h"

#include "base/plant.h"
#include "engine/ddl.h"
#include "engine/fields.h"
#include "engine/intern.h"
#include <string.h>

#define ARENA_MAX (16u << 20)

static int find_table(struct raum_handle *h, const char *name, const struct schema_table **t,
                      struct raum_error *error)
{
    *t = schema_table(name);
    if (!*t)
        return err_at(error, "store", RAUM_EUNKNOWN_TABLE, "no such table: %s", name);
    return scope_check(h, *t, error);
}

static uint64_t newest(const struct stamps *s)
{
    uint64_t at = s->row.at;
    for (uint32_t i = 0; i < s->count; i++)
        at = s->entries[i].stamp.at > at ? s->entries[i].stamp.at : at;
    return at;
}

/* A write is newer than all it was written over, also when that came from a clock ahead of ours:
 * else it would be lost at the next merge. `over`: NULL on insert. */
static struct stamp now(struct raum_handle *h, const struct stamps *over)
{
    struct clock above = {.last = over ? newest(over) : 0};
    uint64_t at = replica_tick(h->raum);
    if (above.last >= at && !PLANT(OVERWRITE))
        at = clock_tick(&above, 0);
    return (struct stamp){.at = at, .actor = h->actor, .origin = h->origin};
}

static void tell(struct raum_handle *h, const struct row *row, enum rights_op op)
{
    struct change change = {
        .table = row->table ? row->table->number : DDL_OPAQUE,
        .op = (uint8_t)op,
        .origin = h->origin,
        .space = row->space,
        .actor = h->actor,
        .n = row->n,
    };
    replica_changed(h->raum, &change);
}

static int role_of(struct raum_handle *h)
{
    const struct space *s = intern_space(h->raum, h->space);
    return s ? s->role : ROLE_NONE;
}

/* ---- insert ---- */

static int slot_id(struct raum_handle *h, struct json_value fields, struct arena *a,
                   const char **id, struct raum_error *error)
{
    const char *person = NULL, *slot = NULL;
    int result = fields_text(json_get(fields, "person"), a, &person, error);
    if (result == 0)
        result = fields_text(json_get(fields, "slot"), a, &slot, error);
    if (result < 0)
        return result;
    if (!slot)
        return err_at(error, "store", RAUM_EBAD_CHANGE, "slot is missing");
    *id = arena_printf(a, "%s:%s", person ? person : h->raum->account, slot);
    if (PLANT(SLOT))
        *id = arena_printf(a, "%s:%s%llu", h->raum->account, slot,
                           (unsigned long long)h->raum->clock.last);
    return *id ? 0 : err_set(error, RAUM_ENOMEM, NULL);
}

static int choose_id(struct raum_handle *h, const struct schema_table *t, struct json_value fields,
                     struct arena *a, const char **id, struct raum_error *error)
{
    char made[ID_TEXT];
    struct json_value given = json_get(fields, "id");
    if (schema_is_slots(t))
        return slot_id(h, fields, a, id, error);
    if (!given.doc) {
        id_new(&h->raum->ids, h->raum->env, made);
        *id = arena_str(a, made);
        return *id ? 0 : err_set(error, RAUM_ENOMEM, NULL);
    }
    int result = fields_text(given, a, id, error);
    if (result < 0)
        return result;
    if (!*id || !id_valid(*id, strlen(*id)))
        return err_at(error, "store", RAUM_EBAD_CHANGE, "an id is 1 to %d characters of text",
                      ID_LEN_MAX);
    return 0;
}

/* Rights ask for the row as it would be: the subject must be known before the fields are judged. */
static int future_rights(struct fields_write *w, struct json_value fields, struct raum_error *error)
{
    struct raum *r = w->handle->raum;
    w->rights = (struct rights_row){.author = r->account, .subject = r->account};
    for (int i = ROW_BASE; i < row_count(w->row->table); i++) {
        const struct schema_field *f = row_field(w->row->table, i);
        const char *given = NULL;
        int result = f->type == TYPE_ACCOUNT
                         ? fields_text(json_get(fields, f->name), w->arena, &given, error)
                         : 0;
        if (result < 0)
            return result;
        w->rights.subject = given ? given : w->rights.subject;
    }
    return 0;
}

static int insert(struct raum_handle *h, const struct schema_table *t, struct json_value fields,
                  struct arena *a, char out[RAUM_ID_MAX], struct raum_error *error)
{
    struct raum *r = h->raum;
    struct row row = {.table = t, .space = h->space, .author = r->account_ref};
    struct fields_write w = {
        .handle = h, .op = OP_INSERT, .row = &row, .arena = a, .stamp = now(h, NULL)};
    char created[CLOCK_TEXT];
    int result = choose_id(h, t, fields, a, &row.id, error);
    if (result < 0)
        return result;
    row.stamps.row = w.stamp;
    result = future_rights(&w, fields, error);
    if (result == 0)
        result = rights_row(t, OP_INSERT, &w.rights, r->account, role_of(h), error);
    if (result == 0)
        result = fields_apply(&w, fields, error);
    if (result == 0 && row.values[ROW_CREATED_AT].kind == VALUE_NULL) {
        clock_format_ms(clock_ms(w.stamp.at), created);
        row.values[ROW_CREATED_AT] =
            (struct value){.kind = VALUE_TEXT, .len = (uint32_t)strlen(created), .text = created};
    }
    if (result == 0)
        result = fields_complete(&w, error);
    if (result == 0)
        result = row_insert(r, &row, a, error);
    if (result == 0)
        result = dirty_mark(r, &row, w.tags, (w.mask & ROW_MASK_EXTRA) != 0, error);
    if (result == 0 && out)
        memcpy(out, row.id, strlen(row.id) + 1);
    if (result == 0)
        tell(h, &row, OP_INSERT);
    return result;
}

int store_insert(struct raum_handle *h, const char *table, struct json_value fields,
                 char id[RAUM_ID_MAX], struct raum_error *error)
{
    struct arena a;
    const struct schema_table *t;
    int result = replica_begin(h->raum, error);
    if (result < 0)
        return result;
    arena_init(&a, ARENA_MAX);
    result = find_table(h, table, &t, error);
    if (result == 0)
        result = insert(h, t, fields, &a, id, error);
    arena_release(&a);
    return replica_end(h->raum, result, error);
}

/* ---- update, delete, restore ---- */

static int not_found(const char *table, const char *id, struct raum_error *error)
{
    return err_at(error, "store", RAUM_ENOT_FOUND, "%s has no row %s here", table, id);
}

/* The stored row with the handle's right to `op` checked. */
static int load_for(struct fields_write *w, const struct schema_table *t, const char *id,
                    bool deleted, struct raum_error *error)
{
    struct raum_handle *h = w->handle;
    int result = row_load(h->raum, h->space, t, NULL, id, w->arena, w->row, error);
    if (result < 0)
        return result;
    if (result == RAUM_END || (w->row->values[ROW_DELETED_AT].kind != VALUE_NULL) != deleted)
        return not_found(t->name, id, error);
    fields_rights(h->raum, w->row, true, &w->rights);
    result = rights_row(t, w->op, &w->rights, h->raum->account, role_of(h), error);
    return result == RAUM_ENOT_FOUND ? not_found(t->name, id, error) : result;
}

static int save(struct fields_write *w, struct raum_error *error)
{
    struct raum *r = w->handle->raum;
    if (w->mask == 0)
        return 0;
    int result = row_update(r, w->row, w->mask, w->arena, error);
    if (result == 0 && !(PLANT(DIRTY) && w->op == OP_UPDATE))
        result = dirty_mark(r, w->row, w->tags, (w->mask & ROW_MASK_EXTRA) != 0, error);
    if (result == 0)
        tell(w->handle, w->row, w->op);
    return result;
}

static int set_deleted(struct fields_write *w, struct raum_error *error)
{
    char *text = arena_alloc(w->arena, CLOCK_TEXT);
    if (!text)
        return err_set(error, RAUM_ENOMEM, NULL);
    clock_format_ms(clock_ms(w->stamp.at), text);
    w->row->values[ROW_DELETED_AT] =
        w->op == OP_DELETE
            ? (struct value){.kind = VALUE_TEXT, .len = (uint32_t)strlen(text), .text = text}
            : (struct value){.kind = VALUE_NULL};
    w->mask |= 1u << ROW_DELETED_AT;
    w->tags |= UINT64_C(1) << TAG_DELETED_AT;
    if (PLANT(RESTORE_STAMP) && w->op == OP_RESTORE)
        return 0;
    int result = stamps_set(&w->row->stamps, TAG_DELETED_AT, NULL, 0, w->stamp, w->arena);
    return result < 0 ? err_set(error, result, NULL) : 0;
}

static int change(struct raum_handle *h, enum rights_op op, const char *table, const char *id,
                  struct json_value fields, struct raum_error *error)
{
    struct arena a;
    struct row row;
    const struct schema_table *t;
    int result = replica_begin(h->raum, error);
    if (result < 0)
        return result;
    arena_init(&a, ARENA_MAX);
    struct fields_write w = {.handle = h, .op = op, .row = &row, .arena = &a};
    result = find_table(h, table, &t, error);
    if (result == 0)
        result = load_for(&w, t, id, op == OP_RESTORE, error);
    if (result == 0) {
        w.stamp = now(h, &row.stamps);
        result = op == OP_UPDATE ? fields_apply(&w, fields, error) : set_deleted(&w, error);
    }
    if (result == 0)
        result = save(&w, error);
    arena_release(&a);
    return replica_end(h->raum, result, error);
}

int store_update(struct raum_handle *h, const char *table, const char *id, struct json_value fields,
                 struct raum_error *error)
{
    return change(h, OP_UPDATE, table, id, fields, error);
}

int store_delete(struct raum_handle *h, const char *table, const char *id, struct raum_error *error)
{
    return change(h, OP_DELETE, table, id, (struct json_value){0}, error);
}

int store_restore(struct raum_handle *h, const char *table, const char *id,
                  struct raum_error *error)
{
    return change(h, OP_RESTORE, table, id, (struct json_value){0}, error);
}

/* ---- from text ---- */

int store_insert_text(struct raum_handle *h, const char *table, const char *json, size_t len,
                      char id[RAUM_ID_MAX], struct raum_error *error)
{
    struct json_doc doc;
    json_init(&doc);
    int result = json_parse(&doc, json, len, 0, error);
    if (result == 0)
        result = store_insert(h, table, json_root(&doc), id, error);
    json_release(&doc);
    return result;
}

int store_update_text(struct raum_handle *h, const char *table, const char *id, const char *json,
                      size_t len, struct raum_error *error)
{
    struct json_doc doc;
    json_init(&doc);
    int result = json_parse(&doc, json, len, 0, error);
    if (result == 0)
        result = store_update(h, table, id, json_root(&doc), error);
    json_release(&doc);
    return result;
}

int raum_insert(struct raum_handle *handle, const char *table, const char *json, size_t len,
                char id[RAUM_ID_MAX], struct raum_error *error)
{
    return store_insert_text(handle, table, json, len, id, error);
}

int raum_update(struct raum_handle *handle, const char *table, const char *id, const char *json,
                size_t len, struct raum_error *error)
{
    return store_update_text(handle, table, id, json, len, error);
}

int raum_delete(struct raum_handle *handle, const char *table, const char *id,
                struct raum_error *error)
{
    return store_delete(handle, table, id, error);
}

int raum_restore(struct raum_handle *handle, const char *table, const char *id,
                 struct raum_error *error)
{
    return store_restore(handle, table, id, error);
}

/* ---- one row out ---- */

/* Leaf fields "a.b" of one parent stand together in the schema: they become one object. */
static int put_fields(struct raum *r, const struct row *row, struct json_writer *w,
                      struct raum_error *error)
{
    const char *open = NULL;
    size_t open_len = 0;
    int result = 0;
    for (int i = ROW_BASE; i < row_count(row->table) && result == 0; i++) {
        const struct schema_field *f = row_field(row->table, i);
        const char *dot = strchr(f->name, '.');
        size_t len = dot ? (size_t)(dot - f->name) : 0;
        if (open && (!dot || len != open_len || memcmp(open, f->name, len) != 0)) {
            json_close_object(w);
            open = NULL;
        }
        if (dot && !open) {
            json_put_key_len(w, f->name, len);
            json_open_object(w);
            open = f->name;
            open_len = len;
        }
        json_put_key(w, dot ? dot + 1 : f->name);
        result = value_put_json(r, row, f, &row->values[i], w, error);
    }
    if (open)
        json_close_object(w);
    return result;
}

static int put_extra(struct raum *r, const struct row *row, struct arena *a, struct json_writer *w,
                     struct raum_error *error)
{
    struct value extra = {0};
    struct json_doc doc;
    int result = value_open(r, row, NULL, &row->extra, a, &extra, error);
    if (result < 0 || extra.kind != VALUE_TEXT)
        return result;
    json_init(&doc);
    result = json_parse(&doc, extra.text, extra.len, 0, error);
    struct json_value root = json_root(&doc);
    for (struct json_value m = result == 0 ? json_first(root) : (struct json_value){0}; m.doc;
         m = json_next(root, m)) {
        const char *name = NULL;
        size_t len = 0;
        if (!json_text(json_key(m), a, &name, &len)) {
            result = err_set(error, RAUM_ENOMEM, NULL);
            break;
        }
        json_put_key_len(w, name, len);
        json_put_value(w, m);
    }
    json_release(&doc);
    return result;
}

static int put_row(struct raum *r, const struct row *row, struct arena *a, struct buf *out,
                   struct raum_error *error)
{
    struct json_writer w;
    char updated[CLOCK_TEXT];
    const struct space *s = intern_space(r, row->space);
    int result = 0;
    json_begin(&w, out);
    json_open_object(&w);
    json_put_key(&w, "id");
    json_put_str(&w, row->id);
    if (row->table->level == LEVEL_SPACE) {
        json_put_key(&w, "spaceId");
        json_put_str(&w, s ? s->id : NULL);
        json_put_key(&w, "authorId");
        json_put_str(&w, intern_account(r, row->author));
    }
    for (int i = row->table->level == LEVEL_SPACE ? 0 : 1; i < ROW_BASE && result == 0; i++) {
        json_put_key(&w, schema_base[i].name);
        result = value_put_json(r, row, &schema_base[i], &row->values[i], &w, error);
    }
    clock_format(newest(&row->stamps), updated);
    json_put_key(&w, "updatedAt");
    json_put_str(&w, updated);
    if (result == 0)
        result = put_fields(r, row, &w, error);
    if (result == 0)
        result = put_extra(r, row, a, &w, error);
    json_close_object(&w);
    return result ? result : buf_error(out, error);
}

int store_get(struct raum_handle *h, const char *table, const char *id, bool deleted_too,
              struct buf *out, struct raum_error *error)
{
    struct arena a;
    struct row row = {0};
    struct rights_row rights;
    const struct schema_table *t;
    int result = replica_look(h->raum, error);
    if (result < 0)
        return result;
    arena_init(&a, ARENA_MAX);
    result = find_table(h, table, &t, error);
    if (result == 0)
        result = row_load(h->raum, h->space, t, NULL, id, &a, &row, error);
    if (result == 0)
        fields_rights(h->raum, &row, true, &rights);
    bool hidden = result == 0 && rights.is_private && strcmp(rights.author, h->raum->account) != 0;
    bool gone = result == 0 && !deleted_too && row.values[ROW_DELETED_AT].kind != VALUE_NULL;
    if (result == RAUM_END || hidden || gone)
        result = not_found(table, id, error);
    if (result == 0 && row.table)
        result = put_row(h->raum, &row, &a, out, error);
    arena_release(&a);
    return result;
}
