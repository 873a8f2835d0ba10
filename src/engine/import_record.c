#include "engine/import_record.h"

#include "base/base64.h"
#include "engine/fields.h"
#include "engine/intern.h"
#include "schema/rights.h"
#include "sync/merge.h"
#include <stdio.h>
#include <string.h>

#define PART_DEPTH_MAX 60

/* ---- writing ---- */

struct writing {
    struct raum *r;
    const struct legacy_out *from;
    const struct dexie_row *source;
    const struct import_options *options;
    struct json_writer w;
    struct buf media; /* JSON objects, separated by commas */
    int64_t count;
};

static void note_media(struct writing *x, const struct media_ref *ref)
{
    struct json_writer w;
    if (x->media.len)
        buf_char(&x->media, ',');
    json_begin(&w, &x->media);
    json_open_object(&w);
    json_put_key(&w, "id"), json_put_str(&w, ref->id);
    json_put_key(&w, "hash"), json_put_str(&w, ref->hash);
    json_put_key(&w, "type"), json_put_str(&w, ref->type);
    json_put_key(&w, "bytes"), json_put_int(&w, ref->bytes);
    json_put_key(&w, "width"), json_put_int(&w, ref->width);
    json_put_key(&w, "height"), json_put_int(&w, ref->height);
    json_close_object(&w);
}

/* The same part of the same row gets the same media id on every device. */
static int name_media(struct writing *x, const struct dexie_part *part, struct media_ref *ref)
{
    struct buf name;
    buf_init(&name, 1 << 16);
    buf_printf(&name, "media\x1f%s\x1f%s\x1f%s\x1f%s", x->from->table,
               x->from->id ? x->from->id : "", part->path, ref->hash);
    id_derive(x->r->env, buf_text(&name), name.len, ref->id);
    int result = buf_error(&name, NULL);
    buf_release(&name);
    return result;
}

static int put_part(struct writing *x, struct json_value v, uint32_t number,
                    struct raum_error *error)
{
    const struct dexie_part *part = &x->source->parts[number];
    struct media_ref ref = {.purpose = "me"};
    int result = RAUM_EUNSUPPORTED_MEDIA;
    if (x->options->media)
        result = x->options->media(x->options->media_arg, part->type, part->bytes, part->len, &ref,
                                   error);
    if (result == 0)
        result = name_media(x, part, &ref);
    if (result < 0 && result != RAUM_EUNSUPPORTED_MEDIA && result != RAUM_ETOO_LARGE)
        return result;
    json_open_object(&x->w);
    if (result == 0) {
        note_media(x, &ref);
        x->count++;
        json_put_key(&x->w, "$raum"), json_put_str(&x->w, "media");
        json_put_key(&x->w, "type"), json_put_str(&x->w, part->type);
        json_put_key(&x->w, "mediaId"), json_put_str(&x->w, ref.id);
    } else {
        struct buf text;
        buf_init(&text, DEXIE_ROW_MAX * 2u);
        base64_put(&text, part->bytes, part->len);
        json_put_key(&x->w, "$raum"), json_put_value(&x->w, json_get(v, "$raum"));
        json_put_key(&x->w, "type"), json_put_str(&x->w, part->type);
        if (part->name)
            json_put_key(&x->w, "name"), json_put_str(&x->w, part->name);
        json_put_key(&x->w, "data"), json_put_text(&x->w, buf_text(&text), text.len);
        result = buf_error(&text, error);
        buf_release(&text);
    }
    json_close_object(&x->w);
    return result;
}

/* Copies a value with its parts put in place. */
static int put_value(struct writing *x, struct json_value v, int depth, struct raum_error *error)
{
    int64_t part;
    int result = 0;
    bool object = json_is(v, JSON_OBJECT);
    if (depth > PART_DEPTH_MAX || (!object && !json_is(v, JSON_ARRAY))) {
        json_put_value(&x->w, v);
        return 0;
    }
    if (object && json_is(json_get(v, "$raum"), JSON_STRING) &&
        json_int(json_get(v, "part"), &part) && part >= 0 && (uint64_t)part < x->source->part_count)
        return put_part(x, v, (uint32_t)part, error);
    object ? json_open_object(&x->w) : json_open_array(&x->w);
    for (struct json_value m = json_first(v); m.doc && result == 0; m = json_next(v, m)) {
        if (object) {
            const char *key;
            size_t len;
            if (!json_text(json_key(m), x->source->arena, &key, &len))
                return err_set(error, RAUM_ENOMEM, NULL);
            json_put_key_len(&x->w, key, len);
        }
        result = put_value(x, m, depth + 1, error);
    }
    object ? json_close_object(&x->w) : json_close_array(&x->w);
    return result;
}

static int put_field(struct writing *x, const struct legacy_value *f, struct raum_error *error)
{
    int result = 0;
    json_open_array(&x->w);
    json_put_str(&x->w, f->name);
    json_put_int(&x->w, (int64_t)f->at);
    if (x->source->part_count == 0) {
        json_put_raw(&x->w, f->json, f->json_len);
    } else {
        struct json_doc doc;
        json_init(&doc);
        result = json_parse(&doc, f->json, f->json_len, 0, error);
        if (result == 0)
            result = put_value(x, json_root(&doc), 0, error);
        json_release(&doc);
    }
    json_close_array(&x->w);
    return result;
}

static bool own(const char *id, const char *owner)
{
    return !id || strcmp(id, owner) == 0 || strcmp(id, SCHEMA_GUEST) == 0;
}

static void put_head(struct writing *x, const char *owner)
{
    const struct legacy_out *from = x->from;
    const struct {
        const char *key, *text;
    } texts[] = {{"t", from->table},      {"i", from->id},         {"s", from->space_id},
                 {"v", from->visibility}, {"c", from->created_at}, {"d", from->deleted_at}};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        json_put_key(&x->w, texts[i].key);
        json_put_str(&x->w, texts[i].text);
    }
    json_put_key(&x->w, "a");
    json_put_str(&x->w, own(from->owner, owner) ? NULL : from->owner);
    json_put_key(&x->w, "at"), json_put_int(&x->w, (int64_t)from->at);
    json_put_key(&x->w, "vat"), json_put_int(&x->w, (int64_t)from->visibility_at);
    json_put_key(&x->w, "dat"), json_put_int(&x->w, (int64_t)from->deleted_set_at);
}

int import_record_write(struct raum *r, const struct legacy_out *from,
                        const struct dexie_row *source, const struct import_options *options,
                        const char *owner, struct buf *out, int64_t *media,
                        struct raum_error *error)
{
    struct writing x = {.r = r, .from = from, .source = source, .options = options};
    int result = 0;
    buf_init(&x.media, 1 << 20);
    json_begin(&x.w, out);
    json_open_object(&x.w);
    put_head(&x, owner);
    json_put_key(&x.w, "f");
    json_open_array(&x.w);
    for (size_t i = 0; i < from->count && result == 0; i++)
        result = put_field(&x, &from->fields[i], error);
    json_close_array(&x.w);
    if (x.media.len) {
        json_put_key(&x.w, "m");
        buf_char(&x.media, ']');
        struct buf list;
        buf_init(&list, 1 << 20);
        buf_char(&list, '[');
        buf_add(&list, x.media.data, x.media.len);
        json_put_raw(&x.w, buf_text(&list), list.len);
        buf_release(&list);
    }
    json_close_object(&x.w);
    *media += x.count;
    if (result == 0)
        result = buf_error(&x.media, error);
    buf_release(&x.media);
    return result ? result : buf_error(out, error);
}

/* ---- reading ---- */

struct reading {
    struct raum *r;
    struct row *row;
    struct arena *arena;
    struct json_value record;
    struct stamp stamp;  /* of the row */
    struct buf extra;
    struct json_writer w;
    bool has_extra;
};

/* A space of the file that is no sentinel: the one of that id if this account is in it, else an
 * offline space that every device derives alike. */
static int foreign_space(struct raum *r, const char *id, struct import_spaces *spaces,
                         struct raum_error *error)
{
    char derived[ID_TEXT], local[ID_TEXT + 16], slug[48], name[RAUM_ID_MAX + 16];
    struct buf text;
    const struct space *s = intern_space_find(r, id);
    if (s && s->type >= 0 && s->role > ROLE_NONE) {
        spaces->ref = s->ref;
        return 0;
    }
    buf_init(&text, 1024);
    buf_printf(&text, "import\x1f%s", id);
    id_derive(r->env, buf_text(&text), text.len, derived);
    buf_release(&text);
    snprintf(local, sizeof local, "%s%s", SCHEMA_OFFLINE, derived);
    s = intern_space_find(r, local);
    if (s) {
        spaces->ref = s->ref;
        return 0;
    }
    snprintf(name, sizeof name, "Imported: %s", id);
    snprintf(slug, sizeof slug, "imported-%.8s", derived);
    struct space made = {.type = SPACE_TEAM,
                         .role = ROLE_OWNER,
                         .offline = true,
                         .id = local,
                         .slug = slug,
                         .name = name};
    int result = intern_space_add(r, &made, error);
    spaces->ref = made.ref;
    spaces->made++;
    return result;
}

static int find_space(struct reading *x, struct import_spaces *spaces, struct raum_error *error)
{
    const char *id = json_str(json_get(x->record, "s"), x->arena);
    if (!id) {
        x->row->space = x->r->user_ref;
        return 0;
    }
    if (strncmp(id, SCHEMA_PERSONAL, strlen(SCHEMA_PERSONAL)) == 0) {
        x->row->space = intern_personal(x->r)->ref;
        return 0;
    }
    int result = 0;
    if (strcmp(spaces->id, id) != 0) {
        if (!id_valid(id, strlen(id)))
            return err_at(error, "import", RAUM_ECORRUPT, "a space's id is no id");
        result = foreign_space(x->r, id, spaces, error);
        memcpy(spaces->id, id, strlen(id) + 1);
    }
    x->row->space = spaces->ref;
    return result;
}

static int find_author(struct reading *x, struct raum_error *error)
{
    const char *id = json_str(json_get(x->record, "a"), x->arena);
    int result = 0;
    x->row->author = x->r->account_ref;
    if (id)
        result = intern_account_ref(x->r, id, &x->row->author, error);
    if (result == 0)
        result =
            intern_actor_ref(x->r, x->row->author, MERGE_MIGRATION, "", &x->stamp.actor, error);
    return result;
}

static uint64_t time_of(struct json_value v)
{
    int64_t at = 0;
    return json_int(v, &at) ? (uint64_t)at : 0;
}

static int set_stamp(struct reading *x, int tag, const char *name, size_t len, uint64_t at,
                     struct raum_error *error)
{
    struct stamp stamp = x->stamp;
    stamp.at = at;
    int result = stamps_set(&x->row->stamps, tag, name, len, stamp, x->arena);
    return result < 0 ? err_set(error, result, NULL) : 0;
}

static int put_unknown(struct reading *x, const char *prefix, const char *name, struct json_value v,
                       uint64_t at, struct raum_error *error)
{
    const char *full = prefix[0] ? arena_printf(x->arena, "%s%s", prefix, name) : name;
    if (!full)
        return err_set(error, RAUM_ENOMEM, NULL);
    json_put_key(&x->w, full);
    json_put_value(&x->w, v);
    x->has_extra = true;
    return set_stamp(x, 0, full, strlen(full), at, error);
}

/* Accounts named in fields: the importing one's own names become its number. */
static int account_value(struct reading *x, struct json_value v, struct value *out,
                         struct raum_error *error)
{
    const char *id = json_str(v, x->arena);
    uint32_t ref = x->row->author;
    int result = id && !json_is(json_get(x->record, "a"), JSON_NULL)
                     ? intern_account_ref(x->r, id, &ref, error)
                     : 0;
    *out = (struct value){.kind = VALUE_INT, .i = ref};
    return result;
}

static int read_field(struct reading *x, struct json_value item, struct raum_error *error)
{
    struct json_value name_value = json_first(item), at_value = json_next(item, name_value);
    struct json_value v = json_next(item, at_value);
    const char *name = json_str(name_value, x->arena);
    uint64_t at = time_of(at_value);
    const struct schema_table *t = x->row->table;
    if (!name)
        return err_at(error, "import", RAUM_ECORRUPT, "a field's name cannot be read");
    const struct schema_field *f = t ? schema_field(t, name, strlen(name)) : NULL;
    if (!f || f->tag < TAG_OWN)
        return put_unknown(x, f || (t && schema_is_derived(t, name, strlen(name))) ? "legacy." : "",
                           name, v, at, error);
    if (schema_check(f, v, NULL) < 0)
        return put_unknown(x, "legacy.", name, v, at, error);
    struct value *to = &x->row->values[row_position(t, f)];
    int result = f->type == TYPE_ACCOUNT ? account_value(x, v, to, error)
                                         : value_from_json(x->r, f, v, x->arena, to, error);
    return result ? result : set_stamp(x, f->tag, NULL, 0, at, error);
}

static int read_base(struct reading *x, struct raum_error *error)
{
    static const char *const keys[ROW_BASE] = {"v", "c", "d"};
    int result = 0;
    for (int i = 0; i < ROW_BASE && result == 0; i++) {
        struct json_value v = json_get(x->record, keys[i]);
        if (i == ROW_CREATED_AT && !json_is(v, JSON_STRING))
            return err_at(error, "import", RAUM_ECORRUPT, "a row has no time of creation");
        result = value_from_json(x->r, &schema_base[i], v, x->arena, &x->row->values[i], error);
    }
    if (x->row->values[ROW_VISIBILITY].kind == VALUE_NULL)
        fields_fallback(x->row, &schema_base[ROW_VISIBILITY], &x->row->values[ROW_VISIBILITY]);
    if (result == 0)
        result = set_stamp(x, TAG_VISIBILITY, NULL, 0, time_of(json_get(x->record, "vat")), error);
    return result
               ? result
               : set_stamp(x, TAG_DELETED_AT, NULL, 0, time_of(json_get(x->record, "dat")), error);
}

static int read_fields(struct reading *x, struct raum_error *error)
{
    struct json_value list = json_get(x->record, "f");
    int result = 0;
    json_begin(&x->w, &x->extra);
    json_open_object(&x->w);
    for (struct json_value item = json_first(list); item.doc && result == 0;
         item = json_next(list, item))
        result = read_field(x, item, error);
    json_close_object(&x->w);
    for (int i = ROW_BASE; i < row_count(x->row->table); i++)
        if (x->row->values[i].kind == VALUE_NULL)
            fields_fallback(x->row, row_field(x->row->table, i), &x->row->values[i]);
    if (result == 0)
        result = buf_error(&x->extra, error);
    if (result < 0 || !x->has_extra)
        return result;
    char *text = arena_copy(x->arena, buf_text(&x->extra), x->extra.len);
    x->row->extra = (struct value){.kind = VALUE_TEXT, .len = (uint32_t)x->extra.len, .text = text};
    return text ? 0 : err_set(error, RAUM_ENOMEM, NULL);
}

static int read_id(struct reading *x, struct raum_error *error)
{
    const struct schema_table *t = x->row->table;
    x->row->id = json_str(json_get(x->record, "i"), x->arena);
    if (schema_is_slots(t)) {
        const struct schema_field *slot = schema_field(t, "slot", 4);
        const struct value *v = &x->row->values[row_position(t, slot)];
        const struct value *person = &x->row->values[row_position(t, schema_field(t, "person", 6))];
        const char *account = intern_account(x->r, (uint32_t)person->i);
        x->row->id = v->kind == VALUE_TEXT && account
                         ? arena_printf(x->arena, "%s:%.*s", account, (int)v->len, v->text)
                         : NULL;
    }
    if (!x->row->id || !id_valid(x->row->id, strlen(x->row->id)))
        return err_at(error, "import", RAUM_ECORRUPT, "a row has no id");
    return 0;
}

static void copy_word(char *out, size_t size, struct json_value v, struct arena *a)
{
    const char *text = json_str(v, a);
    snprintf(out, size, "%s", text ? text : "");
}

static int add_media(struct reading *x, struct raum_error *error)
{
    struct json_value list = json_get(x->record, "m");
    for (struct json_value m = json_first(list); m.doc; m = json_next(list, m)) {
        struct media_ref ref = {.purpose = "me"};
        copy_word(ref.id, sizeof ref.id, json_get(m, "id"), x->arena);
        copy_word(ref.hash, sizeof ref.hash, json_get(m, "hash"), x->arena);
        copy_word(ref.type, sizeof ref.type, json_get(m, "type"), x->arena);
        ref.bytes = (int64_t)time_of(json_get(m, "bytes"));
        ref.width = (int64_t)time_of(json_get(m, "width"));
        ref.height = (int64_t)time_of(json_get(m, "height"));
        int result = media_refs_add(x->r, x->row->space, &ref, error);
        if (result < 0 && result != RAUM_EEXISTS)
            return result;
    }
    return 0;
}

int import_record_read(struct raum *r, const void *record, size_t len, bool dry,
                       struct json_doc *doc, struct import_spaces *spaces, struct arena *a,
                       struct row *out, struct raum_error *error)
{
    struct reading x = {.r = r, .row = out, .arena = a};
    int result = json_parse(doc, record, len, 0, error);
    if (result < 0)
        return result;
    memset(out, 0, sizeof *out);
    x.record = json_root(doc);
    x.stamp = (struct stamp){.at = time_of(json_get(x.record, "at")), .origin = ORIGIN_MIGRATION};
    const char *table = json_str(json_get(x.record, "t"), a);
    if (!table)
        return err_at(error, "import", RAUM_ECORRUPT, "a row has no table");
    out->table = schema_table(table);
    out->opaque = table;
    buf_init(&x.extra, SCHEMA_EXTRA_MAX);
    result = find_author(&x, error);
    out->stamps.row = x.stamp;
    if (result == 0)
        result = find_space(&x, spaces, error);
    if (result == 0)
        result = read_base(&x, error);
    if (result == 0)
        result = read_fields(&x, error);
    if (result == 0)
        result = read_id(&x, error);
    if (result == 0 && !dry)
        result = add_media(&x, error);
    buf_release(&x.extra);
    return result;
}
