/* Rows with stamps of their own, merged field by field (sync/merge.h): imports, archives, adoption,
 * and later what the server sends. */
#include "base/plant.h"
#include "engine/conflicts.h"
#include "engine/ddl.h"
#include "engine/fields.h"
#include "engine/intern.h"
#include "engine/store.h"
#include "sync/merge.h"
#include <string.h>

struct merge {
    struct raum *r;
    struct row *mine, *theirs;
    struct arena *arena;
    uint32_t mask;
    uint64_t tags;
    int changed;
    bool notices; /* from the server: what it writes over is noted (G-S15) */
};

static enum merge_choice choose(const struct raum *r, bool fixed, const struct stamp *theirs,
                                const struct stamp *mine)
{
    struct merge_side a = {theirs->at, intern_device(r, theirs->actor)};
    struct merge_side b = {mine->at, intern_device(r, mine->actor)};
    return merge_choose(fixed, &a, &b);
}

/* As the server would compare it: the JSON that crosses. */
static int put(struct merge *m, const struct row *row, const struct schema_field *f,
               const struct value *v, struct buf *out, struct raum_error *error)
{
    struct json_writer w;
    struct value value = *v;
    int result = value_seal(m->r, row, f, &value, m->arena, error);
    buf_init(out, SCHEMA_EXTRA_MAX);
    json_begin(&w, out);
    if (result == 0)
        result = value_put_wire(m->r, row, f, &value, &w, error);
    return result ? result : buf_error(out, error);
}

/* One sealed, the other not yet: the same text under another key is the same write. */
static int same_text(struct merge *m, const struct schema_field *f, const struct value *theirs,
                     const struct value *mine, bool *out, struct raum_error *error)
{
    struct value a = {0}, b = {0};
    *out = false;
    if ((theirs->kind == VALUE_SEALED) == (mine->kind == VALUE_SEALED))
        return 0;
    int result = value_open(m->r, m->theirs, f, theirs, m->arena, &a, error);
    if (result == 0)
        result = value_open(m->r, m->mine, f, mine, m->arena, &b, error);
    if (result == RAUM_EKEY_MISSING) /* yet to come: then as the server, which has none */
        return 0;
    *out = result == 0 && a.kind == VALUE_TEXT && b.kind == VALUE_TEXT &&
           merge_compare_values(a.text, a.len, b.text, b.len) == 0;
    return result;
}

/* Only asked when stamps are equal: true if theirs is the greater of two different values. Sealed
 * ones are compared as they are, for the server cannot open them. */
static int greater(struct merge *m, const struct schema_field *f, const struct value *theirs,
                   const struct value *mine, bool *out, struct raum_error *error)
{
    struct buf a, b;
    bool same;
    *out = false;
    int result = same_text(m, f, theirs, mine, &same, error);
    if (result || same)
        return result;
    result = put(m, m->theirs, f, theirs, &a, error);
    if (result == 0) {
        result = put(m, m->mine, f, mine, &b, error);
        *out = result == 0 && merge_compare_values(buf_text(&a), a.len, buf_text(&b), b.len) > 0;
        buf_release(&b);
    }
    buf_release(&a);
    return result;
}

/* Accounts by id: their numbers differ from file to file. */
static const void *bytes_of(const struct raum *r, const struct schema_field *f,
                            const struct value *v, size_t *len)
{
    const char *account = f->type == TYPE_ACCOUNT ? intern_account(r, (uint32_t)v->i) : NULL;
    if (v->kind == VALUE_INT && account) {
        *len = strlen(account);
        return account;
    }
    if (v->kind == VALUE_TEXT || v->kind == VALUE_SEALED) {
        *len = v->len;
        return v->text;
    }
    *len = v->kind == VALUE_NULL ? 0 : sizeof v->i;
    return &v->i;
}

/* Before it is written over. Equal content is no conflict. */
static int note_conflict(struct merge *m, int position, const struct stamp *mine,
                         const struct stamp *theirs, struct raum_error *error)
{
    const struct schema_field *f = row_field(m->mine->table, position);
    struct value a = {0}, b = {0};
    size_t a_len, b_len;
    int result = value_open(m->r, m->theirs, f, &m->theirs->values[position], m->arena, &a, error);
    if (result == 0)
        result = value_open(m->r, m->mine, f, &m->mine->values[position], m->arena, &b, error);
    if (result < 0) /* what cannot be read here cannot be shown */
        return result == RAUM_EKEY_MISSING ? 0 : result;
    const void *a_bytes = bytes_of(m->r, f, &a, &a_len), *b_bytes = bytes_of(m->r, f, &b, &b_len);
    if (a.kind == b.kind && merge_compare_values(a_bytes, a_len, b_bytes, b_len) == 0)
        return 0;
    return conflicts_note(m->r, m->mine, f, mine, theirs, error);
}

static int merge_position(struct merge *m, int position, struct raum_error *error)
{
    const struct schema_field *f = row_field(m->mine->table, position);
    struct stamp theirs = stamps_get(&m->theirs->stamps, f->tag, NULL, 0);
    struct stamp mine = stamps_get(&m->mine->stamps, f->tag, NULL, 0);
    enum merge_choice choice = choose(m->r, f->right == RIGHT_FIXED, &theirs, &mine);
    bool take = choice == MERGE_TAKE;
    if (choice == MERGE_TIE) {
        int result =
            greater(m, f, &m->theirs->values[position], &m->mine->values[position], &take, error);
        if (result < 0)
            return result;
    }
    if (!take)
        return 0;
    int result = m->notices ? note_conflict(m, position, &mine, &theirs, error) : 0;
    if (result < 0)
        return result;
    m->mine->values[position] = m->theirs->values[position];
    m->mask |= 1u << position;
    m->tags |= UINT64_C(1) << f->tag;
    m->changed++;
    result = stamps_set(&m->mine->stamps, f->tag, NULL, 0, theirs, m->arena);
    return result < 0 ? err_set(error, result, NULL) : 0;
}

/* The author belongs to the making, as the fixed fields do. */
static int merge_author(struct merge *m, struct raum_error *error)
{
    struct stamp theirs = stamps_get(&m->theirs->stamps, TAG_AUTHOR, NULL, 0);
    struct stamp mine = stamps_get(&m->mine->stamps, TAG_AUTHOR, NULL, 0);
    const char *a = intern_account(m->r, m->theirs->author),
               *b = intern_account(m->r, m->mine->author);
    enum merge_choice choice = choose(m->r, true, &theirs, &mine);
    bool take = choice == MERGE_TAKE;
    if (choice == MERGE_TIE && a && b)
        take = strcmp(a, b) > 0;
    if (!take)
        return 0;
    m->mine->author = m->theirs->author;
    m->mask |= ROW_MASK_AUTHOR;
    m->tags |= UINT64_C(1) << TAG_AUTHOR;
    m->changed++;
    int result = stamps_set(&m->mine->stamps, TAG_AUTHOR, NULL, 0, theirs, m->arena);
    return result < 0 ? err_set(error, result, NULL) : 0;
}

static int merge_unknown(struct merge *m, const struct json_doc *mine, const char *name, size_t len,
                         struct json_value value, struct raum_error *error)
{
    char *key = arena_copy(m->arena, name, len);
    if (!key)
        return err_set(error, RAUM_ENOMEM, NULL);
    struct json_value old = mine->count ? json_get(json_root(mine), key) : (struct json_value){0};
    struct stamp theirs = stamps_get(&m->theirs->stamps, 0, name, len);
    struct stamp stamp = stamps_get(&m->mine->stamps, 0, name, len);
    enum merge_choice choice = choose(m->r, false, &theirs, &stamp);
    bool take = choice == MERGE_TAKE || !old.doc; /* one that it never had, whatever its age */
    if (choice == MERGE_TIE && old.doc && !json_same(old, value)) {
        size_t a_len, b_len;
        const char *a = json_raw(value, &a_len), *b = json_raw(old, &b_len);
        take = merge_compare_values(a, a_len, b, b_len) > 0;
    }
    if (!take)
        return 0;
    m->mask |= ROW_MASK_EXTRA;
    m->changed++;
    return fields_set_extra(m->r, m->mine, key, len, value, theirs, m->arena, error);
}

static int merge_extra(struct merge *m, struct raum_error *error)
{
    struct value theirs = {0}, mine = {0};
    struct json_doc a, b;
    int result = value_open(m->r, m->theirs, NULL, &m->theirs->extra, m->arena, &theirs, error);
    if (result == 0)
        result = value_open(m->r, m->mine, NULL, &m->mine->extra, m->arena, &mine, error);
    if (result < 0 || theirs.kind != VALUE_TEXT)
        return result;
    json_init(&a);
    json_init(&b);
    result = json_parse(&a, theirs.text, theirs.len, 0, error);
    if (result == 0 && mine.kind == VALUE_TEXT)
        result = json_parse(&b, mine.text, mine.len, 0, error);
    struct json_value root = json_root(&a);
    for (struct json_value v = result == 0 ? json_first(root) : (struct json_value){0}; v.doc;
         v = json_next(root, v)) {
        const char *name;
        size_t len;
        if (!json_text(json_key(v), m->arena, &name, &len))
            result = err_set(error, RAUM_ENOMEM, NULL);
        else
            result = merge_unknown(m, &b, name, len, v, error);
        if (result < 0)
            break;
    }
    json_release(&a);
    json_release(&b);
    return result;
}

static void tell(struct raum *r, const struct row *row, enum rights_op op)
{
    struct change change = {.table = row->table ? row->table->number : DDL_OPAQUE,
                            .op = (uint8_t)op,
                            .origin = row->stamps.row.origin,
                            .space = row->space,
                            .actor = row->stamps.row.actor,
                            .n = row->n};
    replica_changed(r, &change);
}

static int insert_whole(struct raum *r, struct row *row, bool push, struct arena *a, int *changed,
                        struct raum_error *error)
{
    uint64_t tags = 0;
    for (int i = 0; i < row_count(row->table); i++)
        tags |= UINT64_C(1) << row_field(row->table, i)->tag;
    int result = row_insert(r, row, a, error);
    if (result == 0 && push)
        result = dirty_mark(r, row, tags, row->extra.kind != VALUE_NULL, error);
    if (result < 0)
        return result;
    *changed = row_count(row->table);
    tell(r, row, OP_INSERT);
    return 0;
}

/* Decides field by field; `m->mine` holds the outcome, nothing is written. */
static int decide(struct merge *m, struct raum_error *error)
{
    int result = 0;
    for (int i = 0; i < row_count(m->mine->table) && result == 0; i++)
        result = merge_position(m, i, error);
    if (result == 0)
        result = merge_author(m, error);
    return result || PLANT(MERGE_UNKNOWN) ? result : merge_extra(m, error);
}

int store_merge_dry(struct raum *r, struct row *incoming, struct arena *a, int *changed,
                    struct raum_error *error)
{
    struct row mine;
    *changed = 0;
    int result = row_load(r, incoming->space, incoming->table, incoming->opaque, incoming->id, a,
                          &mine, error);
    if (result == RAUM_END) {
        *changed = row_count(incoming->table);
        return 0;
    }
    struct merge m = {.r = r, .mine = &mine, .theirs = incoming, .arena = a};
    if (result == 0)
        result = decide(&m, error);
    *changed = m.changed;
    incoming->n = mine.n;
    return result;
}

int store_merge(struct raum *r, struct row *incoming, bool push, struct arena *a, int *changed,
                struct raum_error *error)
{
    struct row mine;
    *changed = 0;
    int result = row_load(r, incoming->space, incoming->table, incoming->opaque, incoming->id, a,
                          &mine, error);
    if (result == RAUM_END)
        return insert_whole(r, incoming, push, a, changed, error);
    if (result < 0)
        return result;
    struct merge m = {
        .r = r, .mine = &mine, .theirs = incoming, .arena = a, .notices = !push};
    result = decide(&m, error);
    incoming->n = mine.n;
    if (result < 0 || m.changed == 0)
        return result;
    *changed = m.changed;
    result = row_update(r, &mine, m.mask, a, error);
    if (result == 0 && push)
        result = dirty_mark(r, &mine, m.tags, (m.mask & ROW_MASK_EXTRA) != 0, error);
    if (result == 0)
        tell(r, &mine, OP_UPDATE);
    return result;
}
