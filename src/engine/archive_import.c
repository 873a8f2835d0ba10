#include "engine/archive.h"

#include "base/base64.h"
#include "base/utf8.h"
#include "engine/intern.h"
#include "engine/media_work.h"
#include "engine/row.h"
#include "engine/spaces.h"
#include "engine/store.h"
#include "schema/rights.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ROW_ARENA_MAX ((size_t)64 << 20)
#define MANIFEST_ARENA_MAX ((size_t)16 << 20)

/* A space of the archive, and which one of ours it is. */
struct part_space {
    const char *id, *name, *slug;
    int type, role; /* type -1: the user's own rows */
    bool offline;
    uint32_t ref; /* 0: left out */
};

struct importing {
    struct raum *r;
    const struct archive_source *source;
    const struct archive_media *media;
    struct archive_report *report;
    struct arena keep, arena; /* of the manifest; of one row */
    struct json_doc doc;
    struct part_space *spaces;
    struct db_stmt add_media;
    uint64_t created; /* of the row at hand */
    bool one_person;  /* the archive's account and ours count as one */
};

void archive_digest(const struct raum_env *env, unsigned char state[RAUM_HASH_BYTES],
                    const char *name, const void *data, size_t len)
{
    unsigned char text[3 * RAUM_HASH_BYTES];
    memcpy(text, state, RAUM_HASH_BYTES);
    env->hash(env->ctx, text + RAUM_HASH_BYTES, RAUM_HASH_BYTES, name, strlen(name), NULL);
    env->hash(env->ctx, text + 2 * RAUM_HASH_BYTES, RAUM_HASH_BYTES, data, len, NULL);
    env->hash(env->ctx, state, RAUM_HASH_BYTES, text, sizeof text, NULL);
}

static int damaged(const char *what, struct raum_error *error)
{
    return err_at(error, "archive", RAUM_ECORRUPT, "not a whole archive: %s", what);
}

static int parse(struct importing *x, const void *data, size_t len, struct json_value *root,
                 struct raum_error *error)
{
    int result = json_parse(&x->doc, data, len, 0, NULL);
    if (result == RAUM_ENOMEM)
        return err_set(error, result, NULL);
    if (result < 0 || !json_is(json_root(&x->doc), JSON_OBJECT))
        return damaged("something in it is not JSON", error);
    *root = json_root(&x->doc);
    return 0;
}

/* ---- the manifest ---- */

static const char *id_of(struct json_value v, struct arena *a)
{
    const char *id = json_str(v, a);
    return id && id_valid(id, strlen(id)) ? id : NULL;
}

static int read_space(struct importing *x, struct json_value v, struct part_space *s,
                      struct raum_error *error)
{
    const char *type = json_str(json_get(v, "type"), &x->keep);
    const char *role = json_str(json_get(v, "role"), &x->keep);
    s->id = id_of(json_get(v, "id"), &x->keep);
    s->name = json_str(json_get(v, "name"), &x->keep);
    s->slug = json_str(json_get(v, "slug"), &x->keep);
    s->type = type && strcmp(type, "user") != 0 ? schema_space_type(type) : -1;
    s->role = role ? rights_role(role) : ROLE_NONE;
    bool user = type && strcmp(type, "user") == 0;
    if (!s->id || !s->slug || !json_bool(json_get(v, "offline"), &s->offline) ||
        s->role == ROLE_NONE || (s->type < 0 && !user) ||
        (!user && (!s->name || !id_valid(s->name, strlen(s->name)))))
        return damaged("a space of the manifest", error);
    return 0;
}

static int read_manifest(struct importing *x, const void *data, size_t len,
                         struct raum_error *error)
{
    struct json_value root = {0}, list;
    int64_t version = 0;
    int result = parse(x, data, len, &root, error);
    if (result < 0)
        return result;
    list = json_get(root, "spaces");
    const char *account = id_of(json_get(root, "account"), &x->keep);
    if (!json_equals(json_get(root, "format"), ARCHIVE_FORMAT) || !account ||
        !json_int(json_get(root, "version"), &version) || !json_is(list, JSON_ARRAY))
        return damaged("its manifest", error);
    if (version > ARCHIVE_VERSION)
        return err_at(error, "archive", RAUM_ENEWER_DATABASE,
                      "the archive was made by a newer version of Raum");
    uint32_t count = json_count(list);
    if (count == 0 || count > ARCHIVE_SPACES_MAX)
        return damaged("its list of spaces", error);
    memcpy(x->report->account, account, strlen(account) + 1);
    x->one_person = strcmp(account, x->r->account) == 0 || strcmp(account, SCHEMA_GUEST) == 0 ||
                    strcmp(x->r->account, SCHEMA_GUEST) == 0;
    x->spaces = calloc(count, sizeof *x->spaces);
    if (!x->spaces)
        return err_set(error, RAUM_ENOMEM, NULL);
    for (struct json_value v = json_first(list); v.doc && result == 0; v = json_next(list, v))
        result = read_space(x, v, &x->spaces[x->report->spaces++], error);
    return result;
}

/* ---- names of entries ---- */

enum entry {
    ENTRY_STRANGE,
    ENTRY_MANIFEST,
    ENTRY_ROWS,
    ENTRY_MEDIA_LINES,
    ENTRY_PICTURE,
    ENTRY_END
};

/* "spaces/0/meImages.2.jsonl" → 0 and "meImages". */
static bool rows_name(const char *name, int spaces, int *n, char table[128])
{
    char *end;
    long number = strtol(name, &end, 10);
    if (end == name || *end != '/' || number < 0 || number >= spaces)
        return false;
    size_t len = strlen(++end);
    if (len < 7 || strcmp(end + len - 6, ".jsonl") != 0)
        return false;
    const char *dot = memchr(end, '.', len);
    if ((size_t)(dot - end) >= 128 || dot == end)
        return false;
    memcpy(table, end, (size_t)(dot - end));
    table[dot - end] = '\0';
    *n = (int)number;
    return true;
}

static enum entry entry_of(const char *name, int spaces, int *n, char table[128])
{
    unsigned char hash[RAUM_HASH_BYTES];
    if (strcmp(name, "manifest.json") == 0)
        return ENTRY_MANIFEST;
    if (strcmp(name, "end.json") == 0)
        return ENTRY_END;
    if (strncmp(name, "spaces/", 7) == 0 && rows_name(name + 7, spaces, n, table))
        return strcmp(table, "media") == 0 ? ENTRY_MEDIA_LINES : ENTRY_ROWS;
    if (strncmp(name, "media/", 6) == 0 && strlen(name) > 6 + 2 * sizeof hash &&
        hex_read(hash, sizeof hash, name + 6, 2 * sizeof hash) && name[6 + 2 * sizeof hash] == '.')
        return ENTRY_PICTURE;
    return ENTRY_STRANGE;
}

/* ---- the first pass: is it whole ---- */

static int check_end(struct importing *x, const unsigned char *digest, int64_t entries,
                     const void *data, size_t len, struct raum_error *error)
{
    struct json_value root = {0};
    char hex[2 * RAUM_HASH_BYTES + 1];
    int64_t count;
    int result = parse(x, data, len, &root, error);
    if (result < 0)
        return result;
    hex_put(hex, digest, RAUM_HASH_BYTES);
    if (!json_int(json_get(root, "entries"), &count) || count != entries ||
        !json_equals(json_get(root, "digest"), hex))
        return damaged("its digest is another", error);
    return 0;
}

static int verify(struct importing *x, struct raum_error *error)
{
    unsigned char digest[RAUM_HASH_BYTES] = {0};
    const char *name;
    const void *data;
    char table[128];
    size_t len;
    int n, result;
    int64_t entries = 0;
    bool ended = false;
    while ((result = x->source->next(x->source->ctx, &name, &data, &len, error)) == 0) {
        enum entry entry = entry_of(name, x->report->spaces, &n, table);
        if (ended || (entries == 0) != (entry == ENTRY_MANIFEST) || entry == ENTRY_STRANGE)
            return damaged("its entries are not in order", error);
        if (entry == ENTRY_MANIFEST)
            result = read_manifest(x, data, len, error);
        else if (entry == ENTRY_END)
            result = check_end(x, digest, entries, data, len, error);
        if (result < 0)
            return result;
        ended = entry == ENTRY_END;
        archive_digest(x->r->env, digest, name, data, len);
        entries++;
    }
    if (result < 0)
        return result;
    return ended ? 0 : damaged("its end is missing", error);
}

/* ---- the second: pictures ---- */

static int take_pictures(struct importing *x, struct raum_error *error)
{
    const char *name;
    const void *data;
    char hash[2 * RAUM_HASH_BYTES + 1], table[128];
    size_t len;
    int n, result = x->source->rewind(x->source->ctx, error);
    if (result < 0)
        return result;
    while ((result = x->source->next(x->source->ctx, &name, &data, &len, error)) == 0) {
        if (entry_of(name, x->report->spaces, &n, table) != ENTRY_PICTURE)
            continue;
        memcpy(hash, name + 6, sizeof hash - 1);
        hash[sizeof hash - 1] = '\0';
        result = x->media->write(x->media->ctx, hash, data, len, error);
        if (result < 0)
            return result;
        x->report->pictures++;
    }
    return result == RAUM_END ? 0 : result;
}

/* ---- the third: spaces ---- */

static void choose_slug(const struct raum *r, const struct part_space *s, const char *name,
                        char out[48])
{
    char base[40];
    size_t len = strlen(s->slug);
    bool fine =
        len > 0 && len < 40 && strspn(s->slug, "abcdefghijklmnopqrstuvwxyz0123456789-") == len;
    if (fine)
        memcpy(base, s->slug, len + 1);
    else
        spaces_slug(name, base);
    snprintf(out, 48, "%s", base);
    for (int i = 2; i < 100000 && !spaces_slug_free(r, out); i++)
        snprintf(out, 48, "%s-%d", base, i);
}

static int make_space(struct importing *x, struct part_space *s, const char *id, const char *name,
                      int type, int role, bool offline, struct raum_error *error)
{
    char slug[48];
    choose_slug(x->r, s, name, slug);
    struct space made = {.type = type,
                         .role = role,
                         .offline = offline,
                         .id = (char *)(uintptr_t)id,
                         .slug = slug,
                         .name = (char *)(uintptr_t)name};
    int result = intern_space_add(x->r, &made, error);
    s->ref = made.ref;
    x->report->made++;
    return result;
}

/* A space of somebody else's, or one this account is not in: an offline space, the same one each
 * time. */
static int imported_space(struct importing *x, struct part_space *s, struct raum_error *error)
{
    struct buf text;
    char derived[ID_TEXT], id[ID_TEXT + 16], name[RAUM_ID_MAX + 16];
    buf_init(&text, 4096);
    buf_printf(&text, "archive\x1f%s\x1f%s", x->report->account, s->id);
    id_derive(x->r->env, buf_text(&text), text.len, derived);
    buf_release(&text);
    snprintf(id, sizeof id, "%s%s", SCHEMA_OFFLINE, derived);
    const struct space *known = intern_space_find(x->r, id);
    if (known && known->role > ROLE_NONE) {
        s->ref = known->ref;
        return 0;
    }
    int len = (int)utf8_cut(s->name, strlen(s->name), ID_LEN_MAX - 10);
    snprintf(name, sizeof name, "Imported: %.*s", len, s->name);
    return make_space(x, s, id, name, s->type == SPACE_PERSONAL ? SPACE_TEAM : s->type, ROLE_OWNER,
                      true, error);
}

/* Name and id of a personal space that has neither yet come with the archive of the same account.
 */
static int complete_personal(struct importing *x, const struct part_space *s,
                             struct raum_error *error)
{
    struct space mine = *intern_personal(x->r);
    size_t prefix = strlen(SCHEMA_PERSONAL);
    bool renamed = strcmp(mine.name, "Personal") == 0 && strcmp(s->name, mine.name) != 0;
    bool real = strcmp(x->report->account, x->r->account) == 0 &&
                strncmp(mine.id, SCHEMA_PERSONAL, prefix) == 0 &&
                strncmp(s->id, SCHEMA_PERSONAL, prefix) != 0 && !intern_space_find(x->r, s->id);
    if (renamed)
        mine.name = (char *)(uintptr_t)s->name;
    if (real) {
        mine.id = (char *)(uintptr_t)s->id;
        mine.offline = s->offline;
    }
    return renamed || real ? intern_space_put(x->r, &mine, error) : 0;
}

static int find_space(struct importing *x, struct part_space *s, struct raum_error *error)
{
    bool same = strcmp(x->report->account, x->r->account) == 0;
    if (s->type < 0) {
        s->ref = x->one_person ? x->r->user_ref : 0;
        return 0;
    }
    if (s->type == SPACE_PERSONAL && x->one_person) {
        s->ref = intern_personal(x->r)->ref;
        return complete_personal(x, s, error);
    }
    const struct space *known = intern_space_find(x->r, s->id);
    if (known && known->role > ROLE_NONE && known->type == s->type && s->type != SPACE_PERSONAL) {
        s->ref = known->ref;
        return 0;
    }
    if (known || s->type == SPACE_PERSONAL)
        return imported_space(x, s, error);
    if (strncmp(s->id, SCHEMA_OFFLINE, strlen(SCHEMA_OFFLINE)) == 0)
        return make_space(x, s, s->id, s->name, s->type, ROLE_OWNER, true, error);
    return same ? make_space(x, s, s->id, s->name, s->type, s->role, s->offline, error)
                : imported_space(x, s, error);
}

/* ---- rows ---- */

/* Who is meant by an account of the archive. */
static int account_ref(struct importing *x, struct json_value v, uint32_t *ref,
                       struct raum_error *error)
{
    const char *id = id_of(v, &x->arena);
    if (!id)
        return damaged("an account's id", error);
    if (x->one_person && strcmp(id, x->report->account) == 0)
        *ref = x->r->account_ref;
    else
        return intern_account_ref(x->r, id, ref, error);
    return 0;
}

static int read_actor(struct importing *x, struct json_value v, uint32_t *actor,
                      struct raum_error *error)
{
    uint32_t account = 0;
    *actor = 0;
    if (!json_get(v, "by").doc)
        return 0;
    int result = account_ref(x, json_get(v, "by"), &account, error);
    if (result < 0)
        return result;
    const char *device = json_str(json_get(v, "dev"), &x->arena);
    const char *agent = json_get(v, "agent").doc ? id_of(json_get(v, "agent"), &x->arena) : "";
    if (!agent || !device || (*device && !id_valid(device, strlen(device))))
        return damaged("a stamp's device", error);
    return intern_actor_ref(x->r, account, device, agent, actor, error);
}

/* A time ahead of ours by more than the limit would win against every edit to come. It becomes the
 * row's time of creation, or the first of all times: the same at each import, and no real edit is
 * older. */
static int read_stamp(struct importing *x, struct json_value v, struct stamp *out,
                      struct raum_error *error)
{
    const char *at, *origin;
    size_t at_len, origin_len;
    int64_t now = x->r->env->now_ms(x->r->env->ctx);
    int result = read_actor(x, v, &out->actor, error);
    if (result < 0)
        return result;
    if (!json_text(json_get(v, "at"), &x->arena, &at, &at_len) ||
        !json_text(json_get(v, "origin"), &x->arena, &origin, &origin_len) ||
        clock_parse(at, at_len, &out->at) < 0 || stamp_origin(origin, origin_len) < 0)
        return damaged("a stamp", error);
    out->origin = (uint8_t)stamp_origin(origin, origin_len);
    if (clock_see(&x->r->clock, out->at, now) < 0)
        out->at = clock_ms(x->created) < now ? x->created : 0;
    return 0;
}

static int set_stamp(struct importing *x, struct row *row, int tag, struct json_value name,
                     struct json_value v, struct raum_error *error)
{
    struct stamp stamp = {0};
    const char *text = NULL;
    size_t len = 0;
    int result = read_stamp(x, v, &stamp, error);
    if (result == 0 && tag == 0) {
        text = json_str(name, &x->arena);
        len = text ? strlen(text) : 0;
        result = text ? 0 : damaged("a field's name", error);
    }
    if (result < 0)
        return result;
    result = stamps_set(&row->stamps, tag, text, len, stamp, &x->arena);
    return result < 0 ? err_set(error, result, NULL) : 0;
}

static int tag_of(const struct schema_table *t, const char *name)
{
    const struct schema_field *f = t ? schema_field(t, name, strlen(name)) : NULL;
    for (const struct schema_field *b = schema_base; !f && b->name; b++)
        f = strcmp(b->name, name) == 0 ? b : NULL;
    if (f)
        return f->tag;
    long number = name[0] == '#' ? strtol(name + 1, NULL, 10) : 0;
    return number > 0 && number < 64 ? (int)number : 0;
}

static int read_stamps(struct importing *x, struct json_value stamps, struct row *row,
                       struct raum_error *error)
{
    static const char *const lists[] = {"fields", "unknown"};
    int result = read_stamp(x, json_get(stamps, "row"), &row->stamps.row, error);
    for (int i = 0; i < 2 && result == 0; i++) {
        struct json_value list = json_get(stamps, lists[i]);
        for (struct json_value v = json_first(list); v.doc && result == 0; v = json_next(list, v)) {
            const char *name = json_str(json_key(v), &x->arena);
            int tag = i == 0 && name ? tag_of(row->table, name) : 0;
            result = name ? set_stamp(x, row, tag, json_key(v), v, error)
                          : damaged("a field's name", error);
        }
    }
    return result;
}

static int read_value(struct importing *x, struct row *row, const struct schema_field *f,
                      struct json_value v, struct raum_error *error)
{
    struct value *to = &row->values[row_position(row->table, f)];
    struct raum_error why;
    if (!v.doc || json_is(v, JSON_NULL))
        return 0;
    if (schema_check_foreign(f, v, &why) < 0)
        return damaged(why.text, error);
    if (f->type != TYPE_ACCOUNT)
        return value_from_json(x->r, f, v, &x->arena, to, error);
    uint32_t ref = 0;
    int result = account_ref(x, v, &ref, error);
    *to = (struct value){.kind = VALUE_INT, .i = result < 0 ? 0 : ref};
    return result;
}

/* Known fields to their places; the others stay among the unknown ones (G-S16). */
static int read_fields(struct importing *x, struct json_value root, struct row *row,
                       struct raum_error *error)
{
    struct json_value fields = json_get(root, "fields"), extra = json_get(root, "extra");
    struct buf text;
    struct json_writer w;
    bool any = extra.doc != NULL;
    int result = 0;
    buf_init(&text, SCHEMA_EXTRA_MAX);
    json_begin(&w, &text);
    json_open_object(&w);
    for (struct json_value v = json_first(extra); v.doc; v = json_next(extra, v)) {
        const char *name = json_str(json_key(v), &x->arena);
        json_put_key(&w, name ? name : "");
        json_put_value(&w, v);
    }
    for (struct json_value v = json_first(fields); v.doc && result == 0; v = json_next(fields, v)) {
        const char *name = json_str(json_key(v), &x->arena);
        size_t len = name ? strlen(name) : 0;
        const struct schema_field *f =
            name && row->table ? schema_field(row->table, name, len) : NULL;
        if (f && f->tag >= TAG_OWN) {
            result = read_value(x, row, f, v, error);
        } else if (!name || f || (row->table && schema_is_derived(row->table, name, len)) ||
                   json_get(extra, name).doc) {
            result = damaged("a field that cannot be one", error);
        } else {
            json_put_key(&w, name);
            json_put_value(&w, v);
            any = true;
        }
    }
    json_close_object(&w);
    if (result == 0)
        result = buf_error(&text, error);
    if (result == 0 && any) {
        row->extra = (struct value){.kind = VALUE_TEXT,
                                    .len = (uint32_t)text.len,
                                    .text = arena_copy(&x->arena, buf_text(&text), text.len)};
        result = row->extra.text ? 0 : err_set(error, RAUM_ENOMEM, NULL);
    }
    buf_release(&text);
    return result;
}

/* A slot's id names its person, who may be called otherwise here. */
static int read_id(struct importing *x, struct json_value root, struct row *row,
                   struct raum_error *error)
{
    row->id = id_of(json_get(root, "id"), &x->arena);
    if (row->id && row->table && schema_is_slots(row->table)) {
        const struct schema_field *person = schema_field(row->table, "person", 6);
        const struct schema_field *slot = schema_field(row->table, "slot", 4);
        const struct value *who = &row->values[row_position(row->table, person)];
        const struct value *which = &row->values[row_position(row->table, slot)];
        const char *account = intern_account(x->r, (uint32_t)who->i);
        row->id = who->kind == VALUE_INT && which->kind == VALUE_TEXT && account
                      ? arena_printf(&x->arena, "%s:%.*s", account, (int)which->len, which->text)
                      : NULL;
    }
    return row->id && strlen(row->id) < RAUM_ID_MAX ? 0 : damaged("a row's id", error);
}

static int read_row(struct importing *x, struct json_value root, const char *table, uint32_t space,
                    struct row *row, struct raum_error *error)
{
    static const char *const base[ROW_BASE] = {"visibility", "createdAt", "deletedAt"};
    memset(row, 0, sizeof *row);
    row->space = space;
    row->table = schema_table(table);
    if (!row->table && strcmp(table, "other") == 0)
        row->opaque = id_of(json_get(root, "table"), &x->arena);
    else if (!row->table)
        row->opaque = id_valid(table, strlen(table)) ? table : NULL;
    if (!row->table && (!row->opaque || schema_table(row->opaque)))
        return damaged("a row's table", error);
    bool user = space == x->r->user_ref;
    if (row->table && (row->table->level == LEVEL_USER) != user)
        return damaged("a table that does not belong there", error);
    int result = account_ref(x, json_get(root, "author"), &row->author, error);
    for (int i = 0; i < ROW_BASE && result == 0; i++)
        result = read_value(x, row, &schema_base[i], json_get(root, base[i]), error);
    const struct value *created = &row->values[ROW_CREATED_AT];
    if (created->kind != VALUE_TEXT || clock_parse(created->text, created->len, &x->created) < 0)
        x->created = 0;
    if (result == 0 && row->values[ROW_VISIBILITY].kind != VALUE_TEXT)
        result = damaged("a row's visibility", error);
    if (result == 0)
        result = read_fields(x, root, row, error);
    if (result == 0)
        result = read_id(x, root, row, error);
    return result ? result : read_stamps(x, json_get(root, "stamps"), row, error);
}

static int take_row(struct importing *x, const char *table, uint32_t space, const char *line,
                    size_t len, struct raum_error *error)
{
    struct json_value root = {0};
    struct row row = {0};
    int changed = 0, result = parse(x, line, len, &root, error);
    x->report->rows++;
    if (space == 0) {
        x->report->left++;
        return result;
    }
    if (result == 0)
        result = read_row(x, root, table, space, &row, error);
    if (result < 0)
        return result;
    if (row.author != x->r->account_ref && row.values[ROW_VISIBILITY].len == 7) { /* "private" */
        x->report->left++;
        return 0;
    }
    result = store_merge(x->r, &row, true, &x->arena, &changed, error);
    if (result < 0)
        return result;
    if (changed == 0)
        x->report->same++;
    else if (changed == row_count(row.table))
        x->report->added++;
    else
        x->report->changed++;
    return 0;
}

/* ---- lines of pictures ---- */

static int bind_time(struct importing *x, int at, struct json_value v, struct raum_error *error)
{
    const char *text;
    size_t len;
    uint64_t time;
    if (!v.doc || json_is(v, JSON_NULL)) {
        db_bind_null(&x->add_media, at);
        return 0;
    }
    if (!json_text(v, &x->arena, &text, &len) || clock_parse(text, len, &time) < 0)
        return damaged("a picture's time", error);
    db_bind_text(&x->add_media, at, text, len);
    return 0;
}

static void bind_number(struct importing *x, int at, struct json_value v)
{
    int64_t number;
    if (json_int(v, &number))
        db_bind_int(&x->add_media, at, number);
    else
        db_bind_null(&x->add_media, at);
}

/* What a server has is of no use to a space that it does not know. */
static int64_t sent_of(struct importing *x, uint32_t space, struct json_value v)
{
    const struct space *s = intern_space(x->r, space);
    int64_t sent = MEDIA_UNSENT;
    bool known = s && !s->offline && json_int(v, &sent);
    return known && (sent == MEDIA_SENT || sent == MEDIA_CAME) ? sent : MEDIA_UNSENT;
}

static int take_picture_line(struct importing *x, uint32_t space, const char *line, size_t len,
                             struct raum_error *error)
{
    struct json_value root = {0};
    unsigned char bytes[RAUM_HASH_BYTES];
    int64_t size;
    int result = parse(x, line, len, &root, error);
    if (result < 0 || space == 0)
        return result;
    int64_t sent = sent_of(x, space, json_get(root, "sent"));
    const char *id = id_of(json_get(root, "id"), &x->arena);
    const char *hash = json_str(json_get(root, "hash"), &x->arena);
    const char *type = id_of(json_get(root, "type"), &x->arena);
    const char *purpose = id_of(json_get(root, "purpose"), &x->arena);
    if (!id || !hash || !hex_read(bytes, sizeof bytes, hash, strlen(hash)) || !type ||
        strlen(type) > 8 || strspn(type, "abcdefghijklmnopqrstuvwxyz0123456789") != strlen(type) ||
        !json_int(json_get(root, "bytes"), &size) ||
        !json_is(json_get(root, "created"), JSON_STRING))
        return damaged("a picture's line", error);
    if (!x->add_media.stmt)
        result =
            db_prepare(x->r->db, &x->add_media, &db_grant_own,
                       "INSERT OR IGNORE INTO media (space, id, hash, type, bytes, width, height,"
                       " purpose, created, deleted, sent) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                       error);
    if (result < 0)
        return result;
    db_bind_int(&x->add_media, 1, space);
    db_bind_str(&x->add_media, 2, id);
    db_bind_str(&x->add_media, 3, hash);
    db_bind_str(&x->add_media, 4, type);
    db_bind_int(&x->add_media, 5, size);
    bind_number(x, 6, json_get(root, "width"));
    bind_number(x, 7, json_get(root, "height"));
    db_bind_int(&x->add_media, 11, sent);
    db_bind_str(&x->add_media, 8, purpose);
    result = bind_time(x, 9, json_get(root, "created"), error);
    if (result == 0)
        result = bind_time(x, 10, json_get(root, "deleted"), error);
    if (result == 0)
        result = db_run(&x->add_media, error);
    if (result == 0 && sent != MEDIA_UNSENT) /* its bytes may not be inside */
        return media_work_add(x->r, space, id, MEDIA_DO_THUMB, error);
    if (result == 0)
        return 0;
    db_reset(&x->add_media);
    return result;
}

/* ---- the whole ---- */

static int take_lines(struct importing *x, enum entry entry, int n, const char *table,
                      const char *data, size_t len, struct raum_error *error)
{
    int result = 0;
    uint32_t space = x->spaces[n].ref;
    if (len == 0 || data[len - 1] != '\n')
        return damaged("a file of rows", error);
    while (len > 0 && result == 0) {
        const char *end = memchr(data, '\n', len);
        size_t line = (size_t)(end - data);
        result = entry == ENTRY_MEDIA_LINES ? take_picture_line(x, space, data, line, error)
                                            : take_row(x, table, space, data, line, error);
        arena_reset(&x->arena);
        data += line + 1;
        len -= line + 1;
    }
    return result;
}

static int take_rows(struct importing *x, struct raum_error *error)
{
    const char *name;
    const void *data;
    char table[128];
    size_t len;
    int n, result = x->source->rewind(x->source->ctx, error);
    for (int i = 0; i < x->report->spaces && result == 0; i++)
        result = find_space(x, &x->spaces[i], error);
    while (result == 0 &&
           (result = x->source->next(x->source->ctx, &name, &data, &len, error)) == 0) {
        enum entry entry = entry_of(name, x->report->spaces, &n, table);
        if (entry == ENTRY_PICTURE || entry == ENTRY_END)
            break;
        if (entry == ENTRY_ROWS || entry == ENTRY_MEDIA_LINES)
            result = take_lines(x, entry, n, table, data, len, error);
    }
    return result == RAUM_END ? 0 : result;
}

int archive_import(struct raum *r, const struct archive_source *source,
                   const struct archive_media *media, bool dry, struct archive_report *report,
                   struct raum_error *error)
{
    struct importing x = {.r = r, .source = source, .media = media, .report = report};
    *report = (struct archive_report){0};
    arena_init(&x.keep, MANIFEST_ARENA_MAX);
    arena_init(&x.arena, ROW_ARENA_MAX);
    json_init(&x.doc);
    int result = verify(&x, error);
    if (result == 0 && !dry && media && media->write)
        result = take_pictures(&x, error);
    if (result == 0)
        result = replica_begin(r, error);
    if (result == 0) {
        result = take_rows(&x, error);
        db_finish(&x.add_media);
        if (dry)
            replica_rollback(r);
        else
            result = replica_end(r, result, error);
        if (result == 0 && !dry)
            (void)!db_empty_log(r->db, NULL);
    }
    free(x.spaces);
    json_release(&x.doc);
    arena_release(&x.arena);
    arena_release(&x.keep);
    return result;
}
