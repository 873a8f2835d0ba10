#include "sync/incoming.h"

#include "engine/ddl.h"
#include "engine/intern.h"
#include "engine/media_work.h"
#include "engine/row.h"
#include "engine/seal.h"
#include "engine/store.h"
#include <string.h>

struct taking {
    struct raum *r;
    struct arena *a;
    struct json_doc doc;
    struct row row;
    uint64_t heard;
    struct buf extra;
    struct json_writer w;
    bool any_extra;
    struct media_watch pictures;
};

static int broken(struct raum_error *error)
{
    return err_at(error, "sync", RAUM_ECORRUPT, "the server sent a change that cannot be read");
}

/* ---- stamps ---- */

static int stamp_of(struct taking *t, const struct merge_stamp *from, struct stamp *out,
                    struct raum_error *error)
{
    struct raum *r = t->r;
    uint32_t account;
    *out = (struct stamp){.at = from->at, .origin = (uint8_t)from->origin};
    if (!from->by || !from->dev)
        return broken(error);
    int result = intern_account_ref(r, from->by, &account, error);
    if (result == 0)
        result = intern_actor_ref(r, account, from->dev, from->agent ? from->agent : "",
                                  &out->actor, error);
    if (from->at > t->heard)
        t->heard = from->at;
    if (result == 0) /* what is too far ahead is not learned */
        (void)!clock_see(&r->clock, from->at, r->env->now_ms(r->env->ctx));
    return result;
}

/* ---- values ---- */

static int sealed_value(struct taking *t, struct json_value v, struct value *out, bool *sealed,
                        struct raum_error *error)
{
    const char *text;
    size_t len;
    struct buf bytes;
    const struct space *s = intern_space(t->r, t->row.space);
    *sealed = s && s->sealed && json_text(v, t->a, &text, &len) && len > strlen(SEAL_PREFIX) &&
              memcmp(text, SEAL_PREFIX, strlen(SEAL_PREFIX)) == 0;
    if (!*sealed)
        return 0;
    buf_init(&bytes, SCHEMA_EXTRA_MAX);
    int result = seal_from_text(text, len, &bytes, error);
    if (result == 0) {
        *out = (struct value){.kind = VALUE_SEALED,
                              .len = (uint32_t)bytes.len,
                              .text = arena_copy(t->a, buf_text(&bytes), bytes.len)};
        if (!out->text)
            result = err_set(error, RAUM_ENOMEM, NULL);
    }
    buf_release(&bytes);
    return result;
}

static int take_known(struct taking *t, const struct schema_field *f,
                      const struct merge_field *from, struct raum_error *error)
{
    struct value *out = &t->row.values[row_position(t->row.table, f)];
    struct stamp stamp = {0};
    bool sealed = false;
    int result = json_parse(&t->doc, from->value, from->len, 0, NULL) == 0 ? 0 : broken(error);
    struct json_value v = json_root(&t->doc);
    if (result == 0 && (f->flags & FIELD_SEALED))
        result = sealed_value(t, v, out, &sealed, error);
    if (result == 0 && !sealed && schema_check_foreign(f, v, NULL) != 0)
        return 0; /* of a newer version's making: the field stays as it is here */
    if (result == 0 && !sealed)
        result = value_from_json(t->r, f, v, t->a, out, error);
    if (result == 0)
        result = stamp_of(t, &from->stamp, &stamp, error);
    if (result < 0)
        return result;
    result = stamps_set(&t->row.stamps, f->tag, NULL, 0, stamp, t->a);
    return result < 0 ? err_set(error, result, NULL) : 0;
}

static int take_unknown(struct taking *t, const struct merge_field *from, struct raum_error *error)
{
    struct stamp stamp = {0};
    int result = stamp_of(t, &from->stamp, &stamp, error);
    if (result < 0)
        return result;
    if (!t->any_extra)
        json_open_object(&t->w);
    t->any_extra = true;
    json_put_key(&t->w, from->name);
    json_put_raw(&t->w, from->value, from->len);
    const char *name = arena_str(t->a, from->name);
    result = name ? stamps_set(&t->row.stamps, 0, name, strlen(name), stamp, t->a) : RAUM_ENOMEM;
    return result < 0 ? err_set(error, result, NULL) : 0;
}

static int take_author(struct taking *t, const struct merge_field *from, struct raum_error *error)
{
    struct stamp stamp = {0};
    if (json_parse(&t->doc, from->value, from->len, 0, NULL) != 0)
        return broken(error);
    const char *author = json_str(json_root(&t->doc), t->a);
    int result = author ? intern_account_ref(t->r, author, &t->row.author, error) : broken(error);
    if (result == 0)
        result = stamp_of(t, &from->stamp, &stamp, error);
    if (result < 0)
        return result;
    result = stamps_set(&t->row.stamps, TAG_AUTHOR, NULL, 0, stamp, t->a);
    return result < 0 ? err_set(error, result, NULL) : 0;
}

static int take_field(struct taking *t, const struct merge_field *f, struct raum_error *error)
{
    const struct schema_field *field = schema_field(t->row.table, f->name, strlen(f->name));
    if (strcmp(f->name, "authorId") == 0)
        return take_author(t, f, error);
    if (strcmp(f->name, "id") == 0 || strcmp(f->name, "spaceId") == 0 ||
        (t->row.table && schema_is_derived(t->row.table, f->name, strlen(f->name))))
        return 0;
    return field ? take_known(t, field, f, error) : take_unknown(t, f, error);
}

/* ---- rows ---- */

/* The row's own stamp is that of its making, so that most fields need none of their own. A field
 * that the server does not have loses to whatever is here: its time is 0. */
static int start(struct taking *t, const struct wire_change *c, struct raum_error *error)
{
    const struct merge_field *making = NULL;
    struct stamp none = {.actor = t->r->self_actor, .origin = ORIGIN_SYSTEM};
    int result = 0;
    for (uint32_t i = 0; i < c->count; i++)
        if (strcmp(c->fields[i].name, "createdAt") == 0)
            making = &c->fields[i];
    t->row.stamps.row = none;
    if (making)
        result = stamp_of(t, &making->stamp, &t->row.stamps.row, error);
    for (int i = 0; i < row_count(t->row.table) && result == 0 && making; i++)
        result = stamps_set(&t->row.stamps, row_field(t->row.table, i)->tag, NULL, 0, none, t->a);
    if (result == 0 && making)
        result = stamps_set(&t->row.stamps, TAG_AUTHOR, NULL, 0, none, t->a);
    t->row.author = t->r->account_ref;
    t->row.values[ROW_VISIBILITY] = (struct value){.kind = VALUE_TEXT, .len = 5, .text = "space"};
    return result;
}

/* G-T1: a row lies where its table's level says. */
static uint32_t partition_of(struct raum *r, const struct wire_change *c,
                             const struct schema_table *table)
{
    if (c->space && strncmp(c->space, SCHEMA_USER, strlen(SCHEMA_USER)) == 0)
        return (!table || table->level == LEVEL_USER) &&
                       strcmp(c->space + strlen(SCHEMA_USER), r->account) == 0
                   ? r->user_ref
                   : 0;
    const struct space *s = c->space ? intern_space_find(r, c->space) : NULL;
    return s && s->type >= 0 && s->role != 0 && (!table || table->level == LEVEL_SPACE) ? s->ref
                                                                                        : 0;
}

static int take_change(struct taking *t, const struct wire_change *c,
                       struct incoming_report *report, struct raum_error *error)
{
    int changed = 0;
    if (c->error)
        return broken(error);
    t->row = (struct row){.table = schema_table(c->table), .opaque = c->table, .id = c->id};
    t->row.space = partition_of(t->r, c, t->row.table);
    if (t->row.space == 0) {
        report->unknown++;
        return 0;
    }
    buf_reset(&t->extra);
    json_begin(&t->w, &t->extra);
    t->any_extra = false;
    int result = start(t, c, error);
    for (uint32_t i = 0; i < c->count && result == 0; i++)
        result = take_field(t, &c->fields[i], error);
    if (result == 0 && t->any_extra) {
        json_close_object(&t->w);
        result = buf_error(&t->extra, error);
        t->row.extra = (struct value){
            .kind = VALUE_TEXT, .len = (uint32_t)t->extra.len, .text = buf_text(&t->extra)};
    }
    if (result == 0)
        result = media_watch_before(&t->pictures, t->row.space, t->row.table, c->id, error);
    if (result == 0)
        result = store_merge(t->r, &t->row, false, t->a, &changed, error);
    if (result == 0 && changed)
        result = media_watch_after(&t->pictures, t->row.space, t->row.table, c->id, error);
    report->merged += result == 0 && changed > 0;
    report->same += result == 0 && changed == 0;
    return result;
}

int incoming_apply(struct raum *r, const struct wire_change *changes, uint32_t count,
                   struct incoming_report *report, struct raum_error *error)
{
    struct arena a;
    struct taking t = {.r = r, .a = &a};
    *report = (struct incoming_report){0};
    int result = replica_begin(r, error);
    if (result < 0)
        return result;
    arena_init(&a, 64u << 20);
    buf_init(&t.extra, SCHEMA_EXTRA_MAX);
    json_init(&t.doc);
    media_watch_init(&t.pictures, r);
    for (uint32_t i = 0; i < count && result == 0; i++) {
        result = take_change(&t, &changes[i], report, error);
        arena_reset(&a);
    }
    report->heard = t.heard;
    media_watch_release(&t.pictures);
    json_release(&t.doc);
    buf_release(&t.extra);
    arena_release(&a);
    return replica_end(r, result, error);
}

int incoming_retract(struct raum *r, const char *space, const char *table, const char *id,
                     struct raum_error *error)
{
    struct arena a;
    struct row row;
    struct media_watch pictures;
    const struct schema_table *t = schema_table(table);
    int result = replica_begin(r, error);
    if (result < 0)
        return result;
    arena_init(&a, 64u << 20);
    media_watch_init(&pictures, r);
    const struct space *s = intern_space_find(r, space);
    result = s ? row_load(r, s->ref, t, table, id, &a, &row, error) : RAUM_END;
    if (result == 0 && row.author != r->account_ref) {
        struct change change = {.table = t ? t->number : DDL_OPAQUE,
                                .op = OP_DELETE,
                                .origin = ORIGIN_REPLAY,
                                .space = s->ref,
                                .actor = r->self_actor,
                                .n = row.n};
        replica_changed(r, &change);
        result = media_watch_before(&pictures, s->ref, t, id, error);
        if (result == 0)
            result = row_erase(r, &row, error);
        if (result == 0) /* its bytes go, too */
            result = media_watch_after(&pictures, s->ref, t, id, error);
    }
    media_watch_release(&pictures);
    arena_release(&a);
    return replica_end(r, result == RAUM_END ? 0 : result, error);
}
