#include "sim/model.h"

#include "base/clock.h"
#include "schema/rights.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- texts ---- */

#define TEXTS (1u << 17)
static const char *texts[TEXTS];
static uint32_t used[TEXTS], used_count;
static struct arena text_arena;
static bool text_ready;

const char *model_text(const char *text, size_t len)
{
    uint64_t h = 14695981039346656037u;
    for (size_t i = 0; i < len; i++)
        h = (h ^ (unsigned char)text[i]) * UINT64_C(1099511628211);
    if (!text_ready)
        arena_init(&text_arena, 256u << 20);
    text_ready = true;
    uint32_t at = (uint32_t)(h ^ h >> 32) & (TEXTS - 1);
    while (texts[at] && (strlen(texts[at]) != len || memcmp(texts[at], text, len) != 0))
        at = (at + 1) & (TEXTS - 1);
    if (!texts[at]) {
        if (used_count == TEXTS / 2)
            abort();
        used[used_count++] = at;
        texts[at] = arena_copy(&text_arena, text, len);
    }
    return texts[at];
}

const char *model_str(const char *text)
{
    return text ? model_text(text, strlen(text)) : NULL;
}

void model_texts_clear(void)
{
    for (uint32_t i = 0; i < used_count; i++)
        texts[used[i]] = NULL;
    used_count = 0;
    if (text_ready)
        arena_reset(&text_arena);
}

static const char *text_of(struct json_value v)
{
    struct arena a;
    arena_init(&a, 1 << 20);
    const char *text = json_str(v, &a), *out = text ? model_str(text) : NULL;
    arena_release(&a);
    return out;
}

/* JSON of a text. */
static const char *quoted(const char *text)
{
    struct buf b;
    struct json_writer w;
    buf_init(&b, 1 << 16);
    json_begin(&w, &b);
    json_put_str(&w, text);
    const char *out = model_text(buf_text(&b), b.len);
    buf_release(&b);
    return out;
}

static const char *unquoted(const char *json)
{
    struct json_doc doc;
    const char *out = NULL;
    json_init(&doc);
    if (json && json_parse(&doc, json, strlen(json), 0, NULL) == 0)
        out = text_of(json_root(&doc));
    json_release(&doc);
    return out;
}

bool model_same(const char *a, const char *b)
{
    struct json_doc x, y;
    if (a == b || strcmp(a, b) == 0)
        return true;
    json_init(&x);
    json_init(&y);
    bool same = json_parse(&x, a, strlen(a), 0, NULL) == 0 &&
                json_parse(&y, b, strlen(b), 0, NULL) == 0 &&
                json_same(json_root(&x), json_root(&y));
    json_release(&x);
    json_release(&y);
    return same;
}

/* ---- the model ---- */

void model_release(struct model *m)
{
    free(m->rows);
    free(m->receipts);
    *m = (struct model){0};
}

void model_copy(struct model *to, const struct model *from)
{
    struct mrow *rows = realloc(to->rows, (size_t)(from->count + 1) * sizeof *rows);
    struct mreceipt *receipts =
        realloc(to->receipts, (size_t)(from->receipt_count + 1) * sizeof *receipts);
    *to = *from;
    to->rows = rows;
    to->cap = from->count + 1;
    to->receipts = receipts;
    to->receipt_cap = from->receipt_count + 1;
    if (from->count)
        memcpy(rows, from->rows, (size_t)from->count * sizeof *rows);
    if (from->receipt_count)
        memcpy(receipts, from->receipts, (size_t)from->receipt_count * sizeof *receipts);
}

struct mrow *model_find(const struct model *m, const char *space, const char *table, const char *id)
{
    for (int i = m->count - 1; i >= 0; i--)
        if (m->rows[i].id == id && m->rows[i].table == table && m->rows[i].space == space)
            return &m->rows[i];
    return NULL;
}

const struct mfield *model_field(const struct mrow *row, const char *name)
{
    for (int i = 0; row && i < row->count; i++)
        if (strcmp(row->f[i].name, name) == 0)
            return &row->f[i];
    return NULL;
}

const char *model_field_text(const struct mrow *row, const char *name)
{
    const struct mfield *f = model_field(row, name);
    return f ? unquoted(f->value) : NULL;
}

bool model_is_private(const struct mrow *row)
{
    const struct mfield *f = model_field(row, "visibility");
    return f && strcmp(f->value, "\"private\"") == 0;
}

static int part_of(struct model *m, const char *space)
{
    for (int i = 0; i < m->part_count; i++)
        if (m->parts[i].space == space)
            return i;
    if (m->part_count == MODEL_PARTS)
        abort();
    m->parts[m->part_count].space = space;
    m->parts[m->part_count].seq = m->parts[m->part_count].taken = 0;
    return m->part_count++;
}

bool model_seen(struct model *m, const char *space, int64_t seq)
{
    int p = part_of(m, space);
    int64_t taken = m->parts[p].taken, by = seq - m->parts[p].seq;
    m->parts[p].seq = seq;
    m->parts[p].taken = 0;
    return taken ? by >= taken : by == 0;
}

int64_t model_seq(const struct model *m, const char *space)
{
    for (int i = 0; i < m->part_count; i++)
        if (m->parts[i].space == space)
            return m->parts[i].seq;
    return 0;
}

/* ---- which write stands (docs/sync.md, rules 2 to 5) ---- */

bool model_is_fixed(const char *table, const char *name)
{
    static const char *const fixed[][2] = {{"", "spaceId"},
                                           {"", "authorId"},
                                           {"", "createdAt"},
                                           {"meImages", "subjectId"},
                                           {"meSlots", "person"},
                                           {"meSlots", "slot"},
                                           {"wardrobeWears", "garmentId"},
                                           {"wardrobeWears", "outfitId"},
                                           {"taskTags", "taskId"},
                                           {"taskTags", "tagId"}};
    for (size_t i = 0; i < sizeof fixed / sizeof fixed[0]; i++)
        if (strcmp(fixed[i][1], name) == 0 && (!fixed[i][0][0] || strcmp(fixed[i][0], table) == 0))
            return true;
    return false;
}

static int later(const struct mfield *a, const struct mfield *b)
{
    bool a_old = strcmp(a->dev, "migration") == 0, b_old = strcmp(b->dev, "migration") == 0;
    if (a->at != b->at)
        return a->at > b->at ? 1 : -1;
    if (a_old != b_old)
        return a_old ? -1 : 1;
    return strcmp(a->dev, b->dev);
}

int model_order(const char *table, const struct mfield *a, const struct mfield *b)
{
    int order = later(a, b);
    if (order)
        return model_is_fixed(table, a->name) ? -order : order;
    return model_same(a->value, b->value) ? 0 : strcmp(a->value, b->value);
}

/* ---- one change ---- */

struct incoming {
    struct mfield f;
    bool plain, whole;
};
struct applying {
    struct model *m;
    const struct mcaller *who;
    const char *client, *space, *table, *id, *op;
    int role;
    struct mrow *row; /* as it is; NULL: none */
    struct incoming f[MODEL_FIELDS];
    int count;
    struct mreceipt fresh; /* the time that it got, if it is taken */
    struct mresult *result;
};

static bool refuse(struct applying *x, int code)
{
    x->result->status = "rejected";
    x->result->code = code;
    return false;
}

static const struct incoming *brought(const struct applying *x, const char *name)
{
    for (int i = 0; i < x->count; i++)
        if (strcmp(x->f[i].f.name, name) == 0)
            return &x->f[i];
    return NULL;
}

static void add(struct applying *x, const char *name, const char *value, bool plain)
{
    if (x->count == MODEL_FIELDS)
        abort();
    x->f[x->count++] =
        (struct incoming){{model_str(name), value, x->client, x->who->account, 0}, plain, false};
}

static void read_stamped(struct applying *x, struct json_value fields)
{
    for (struct json_value v = json_first(fields); v.doc; v = json_next(fields, v)) {
        size_t len;
        const char *at = text_of(json_get(v, "at")), *dev = text_of(json_get(v, "dev")),
                   *by = text_of(json_get(v, "by"));
        const char *raw = json_raw(json_get(v, "value"), &len);
        add(x, text_of(json_key(v)), model_text(raw, len), false);
        struct incoming *in = &x->f[x->count - 1];
        if (clock_parse(at, strlen(at), &in->f.at) != 0)
            abort();
        in->f.dev = dev ? dev : in->f.dev;
        in->f.by = by ? by : in->f.by;
    }
}

/* The time of a deletion is that of its write. */
static void read_deletion(struct applying *x, struct json_value v)
{
    size_t len;
    const char *text = text_of(v), *raw = v.doc ? json_raw(v, &len) : NULL;
    if (!raw || brought(x, "deletedAt"))
        return;
    add(x, "deletedAt", model_text(raw, len), !text);
    if (text && clock_parse(text, strlen(text), &x->f[x->count - 1].f.at) != 0)
        abort();
}

static void read_data(struct applying *x, struct json_value data)
{
    for (struct json_value v = json_first(data); v.doc; v = json_next(data, v)) {
        size_t len;
        const char *name = text_of(json_key(v)), *raw = json_raw(v, &len);
        char full[128];
        if (strcmp(name, "id") == 0 || strcmp(name, "spaceId") == 0)
            continue;
        if (strcmp(name, "usage") != 0) {
            if (!brought(x, name))
                add(x, name, model_text(raw, len), true);
            continue;
        }
        for (struct json_value u = json_first(v); u.doc; u = json_next(v, u)) {
            raw = json_raw(u, &len);
            snprintf(full, sizeof full, "usage.%s", text_of(json_key(u)));
            add(x, full, model_text(raw, len), true);
            x->f[x->count - 1].whole = true;
        }
    }
}

static void add_default(struct applying *x, const char *name, const char *text)
{
    const struct incoming *oldest = NULL;
    if (brought(x, name))
        return;
    for (int i = 0; i < x->count; i++)
        if (!x->f[i].plain && (!oldest || x->f[i].f.at < oldest->f.at))
            oldest = &x->f[i];
    struct incoming from = oldest ? *oldest : (struct incoming){.plain = true};
    add(x, name, quoted(text), from.plain);
    if (oldest) {
        x->f[x->count - 1].f.at = from.f.at;
        x->f[x->count - 1].f.dev = from.f.dev;
    }
}

/* Takes out what is only said, refuses what may not be said. */
static bool check_fields(struct applying *x)
{
    int kept = 0;
    for (int i = 0; i < x->count; i++) {
        struct incoming *in = &x->f[i];
        const char *name = in->f.name,
                   *author = x->row ? model_field_text(x->row, "authorId") : x->who->account;
        if (strcmp(name, "authorId") == 0 && unquoted(in->f.value) != author)
            return refuse(x, x->row ? RAUM_EIMMUTABLE_FIELD : RAUM_ENOT_ALLOWED);
        bool making = !in->plain && strcmp(x->op, "insert") == 0;
        if ((strcmp(name, "authorId") == 0 && !making) || strcmp(name, "spaceId") == 0 ||
            strcmp(name, "id") == 0 || strcmp(name, "updatedAt") == 0)
            continue;
        if (in->f.by != x->who->account)
            return refuse(x, RAUM_ENOT_ALLOWED);
        if (!in->plain && clock_ms(in->f.at) > x->who->now_ms + CLOCK_AHEAD_MS_MAX)
            return refuse(x, RAUM_ECLOCK_AHEAD);
        x->f[kept++] = *in;
    }
    x->count = kept;
    return true;
}

static void complete(struct applying *x)
{
    char now[CLOCK_TEXT];
    clock_format_ms(x->who->now_ms, now);
    if (strcmp(x->op, "delete") == 0)
        add_default(x, "deletedAt", now);
    if (x->row)
        return;
    if (strncmp(x->space, "user:", 5) != 0)
        add_default(x, "visibility", "space");
    add_default(x, "createdAt", now);
    add_default(x, "authorId", x->who->account);
    if (strcmp(x->table, "meImages") == 0)
        add_default(x, "subjectId", x->who->account);
    if (strcmp(x->table, "meSlots") == 0)
        add_default(x, "person", x->who->account);
}

/* What came without a time gets that of its first receipt, above all that the row holds. */
static void give_times(struct applying *x, struct json_value change)
{
    struct model *m = x->m;
    struct clock clock = {m->last};
    uint64_t at = 0;
    size_t len;
    bool any = false;
    for (int i = 0; i < x->count; i++)
        any |= x->f[i].plain;
    if (!any)
        return;
    const char *raw = json_raw(change, &len);
    struct buf b;
    buf_init(&b, 1 << 20);
    buf_printf(&b, "%s %.*s", x->client, (int)len, raw);
    const char *key = model_text(buf_text(&b), b.len);
    buf_release(&b);
    for (int i = 0; i < m->receipt_count && !at; i++)
        if (m->receipts[i].key == key)
            at = m->receipts[i].at;
    if (!at) {
        for (int i = 0; x->row && i < x->row->count; i++)
            if (x->row->f[i].at > clock.last &&
                clock_ms(x->row->f[i].at) <= x->who->now_ms + CLOCK_AHEAD_MS_MAX)
                clock.last = x->row->f[i].at;
        at = m->last = clock_tick(&clock, x->who->now_ms);
        x->fresh = (struct mreceipt){key, at};
    }
    for (int i = 0; i < x->count; i++)
        if (x->f[i].plain)
            x->f[i].f.at = at;
}

/* What was refused leaves no receipt: it may come again. */
static void keep_receipt(struct applying *x)
{
    struct model *m = x->m;
    if (!x->fresh.key)
        return;
    if (m->receipt_count == m->receipt_cap) {
        m->receipt_cap = m->receipt_cap ? m->receipt_cap * 2 : 64;
        m->receipts = realloc(m->receipts, (size_t)m->receipt_cap * sizeof *m->receipts);
    }
    m->receipts[m->receipt_count++] = x->fresh;
}

/* Whose picture, whose slot. */
static const char *subject_of(const struct applying *x)
{
    const char *name = strcmp(x->table, "meSlots") == 0    ? "person"
                       : strcmp(x->table, "meImages") == 0 ? "subjectId"
                                                           : NULL;
    if (!name)
        return NULL;
    const char *text = model_field_text(x->row, name);
    if (!text && !model_field(x->row, name) && brought(x, name))
        text = unquoted(brought(x, name)->f.value);
    if (!text && x->row)
        text = model_field_text(x->row, "authorId");
    return text ? text : x->who->account;
}

static bool is_null(const struct mfield *f)
{
    return !f || strcmp(f->value, "null") == 0;
}

static bool may_at_all(struct applying *x, const char *author, const char *subject)
{
    const struct incoming *gone = brought(x, "deletedAt");
    const struct mfield *old = model_field(x->row, "deletedAt");
    bool turns = x->row && gone && (!old || model_order(x->table, &gone->f, old) > 0) &&
                 is_null(&gone->f) != is_null(old);
    bool user = strcmp(x->table, "userSettings") == 0 || strcmp(x->table, "userTagPresets") == 0;
    if (x->row && model_is_private(x->row) && author != x->who->account)
        return refuse(x, RAUM_ENOT_FOUND);
    if (user)
        return true;
    if (turns && author != x->who->account && x->role < ROLE_ADMIN)
        return refuse(x, RAUM_ENOT_ALLOWED);
    if (strcmp(x->table, "meSlots") == 0 && subject != x->who->account)
        return refuse(x, RAUM_ENOT_ALLOWED);
    return true;
}

static bool may_fix(struct applying *x, const struct mfield *f, const struct mfield *old, int order,
                    bool own)
{
    bool making = strcmp(x->op, "insert") == 0;
    if (!x->row)
        return true;
    if (!old)
        return (own && making) || refuse(x, RAUM_EIMMUTABLE_FIELD);
    if (making && (order < 0 || (order > 0 && (own || f->at == old->at))))
        return true;
    return f->value == old->value || refuse(x, RAUM_EIMMUTABLE_FIELD);
}

/* A slot takes only pictures of its own person, and there must be one. */
static bool may_hold(struct applying *x, const struct mfield *f, const char *subject)
{
    const char *id = unquoted(f->value);
    if (is_null(f))
        return true;
    const struct mrow *picture = id ? model_find(x->m, x->space, model_str("meImages"), id) : NULL;
    const char *of = model_field_text(picture, "subjectId");
    if (!picture)
        return refuse(x, RAUM_ENOT_FOUND);
    return (of ? of : model_field_text(picture, "authorId")) == subject ||
           refuse(x, RAUM_ENOT_ALLOWED);
}

static bool may_write(struct applying *x, const struct mfield *f, const char *author,
                      const char *subject)
{
    if (strcmp(f->name, "visibility") == 0 && author != x->who->account)
        return refuse(x, RAUM_ENOT_ALLOWED);
    if (strcmp(x->table, "meImages") == 0 && strcmp(f->name, "usage.aiReference") == 0 &&
        strcmp(f->value, "true") == 0 && subject != x->who->account)
        return refuse(x, RAUM_ENOT_ALLOWED);
    if (strcmp(x->table, "meSlots") == 0 && strcmp(f->name, "imageId") == 0)
        return may_hold(x, f, subject);
    return true;
}

static void put(struct mrow *row, const struct mfield *f)
{
    for (int i = 0; i < row->count; i++)
        if (row->f[i].name == f->name) {
            row->f[i] = *f;
            return;
        }
    if (row->count == MODEL_FIELDS)
        abort();
    row->f[row->count++] = *f;
}

static bool merge(struct applying *x, struct mrow *out, const char *author, const char *subject,
                  int *taken)
{
    int kept = 0;
    *taken = 0;
    for (int i = 0; i < x->count; i++) {
        const struct mfield *f = &x->f[i].f, *old = model_field(x->row, f->name);
        int order = old ? model_order(x->table, f, old) : 1;
        if (model_is_fixed(x->table, f->name) &&
            !may_fix(x, f, old, order, author == x->who->account))
            return false;
        bool consent = strcmp(x->table, "meImages") == 0 &&
                       strcmp(f->name, "usage.aiReference") == 0 && strcmp(f->value, "true") == 0;
        if (x->f[i].whole && consent && !(old && strcmp(old->value, "true") == 0))
            continue;
        kept += order < 0;
        if (order <= 0)
            continue;
        if (!may_write(x, f, author, subject))
            return false;
        put(out, f);
        ++*taken;
    }
    x->result->lost = kept > 0;
    x->result->status = *taken ? "applied" : kept ? "stale" : "duplicate";
    return true;
}

static bool is_slot_named(struct applying *x)
{
    char id[200];
    const struct incoming *person = brought(x, "person"), *slot = brought(x, "slot");
    const char *which = slot ? unquoted(slot->f.value) : NULL;
    if (strcmp(x->table, "meSlots") != 0 || x->row)
        return true;
    snprintf(id, sizeof id, "%s:%s", person ? unquoted(person->f.value) : x->who->account,
             which ? which : "");
    return (which && strcmp(id, x->id) == 0) || refuse(x, RAUM_EBAD_CHANGE);
}

static void apply(struct applying *x, struct json_value change)
{
    int taken;
    struct mrow row = {.space = x->space, .table = x->table, .id = x->id};
    read_stamped(x, json_get(change, "fields"));
    read_deletion(x, json_get(change, "deletedAt"));
    read_data(x, json_get(change, "data"));
    x->row = model_find(x->m, x->space, x->table, x->id);
    if (!x->row && strcmp(x->op, "insert") != 0) {
        refuse(x, RAUM_ENOT_FOUND);
        return;
    }
    if (!check_fields(x))
        return;
    complete(x);
    if (!is_slot_named(x))
        return;
    give_times(x, change);
    const char *subject = subject_of(x);
    const char *author = x->row ? model_field_text(x->row, "authorId") : x->who->account;
    if (x->row)
        row = *x->row;
    if (!may_at_all(x, author, subject) || !merge(x, &row, author, subject, &taken))
        return;
    keep_receipt(x);
    if (!taken)
        return;
    x->m->parts[part_of(x->m, x->space)].taken++;
    if (x->row) {
        *x->row = row;
        return;
    }
    if (x->m->count == x->m->cap) {
        x->m->cap = x->m->cap ? x->m->cap * 2 : 64;
        x->m->rows = realloc(x->m->rows, (size_t)x->m->cap * sizeof *x->m->rows);
    }
    x->m->rows[x->m->count++] = row;
}

/* One's own sentinel is one's personal space, anybody else's is nobody's. */
static const char *partition(const struct mcaller *who, const char *space)
{
    char id[200];
    size_t len = strlen("_personal:");
    if (!space ||
        (strncmp(space, "_personal:", len) == 0 && strcmp(space + len, who->account) == 0)) {
        snprintf(id, sizeof id, "p-%s", who->account);
        return model_str(id);
    }
    snprintf(id, sizeof id, "user:%s", who->account);
    if (space[0] == '_' || (strncmp(space, "user:", 5) == 0 && strcmp(space, id) != 0))
        return NULL;
    return space;
}

void model_apply(struct model *m, const struct mcaller *who, const struct json_doc *request,
                 const char *only, struct mresult *results)
{
    struct json_value root = json_root(request), list = json_get(root, "changes");
    int index = 0;
    for (struct json_value v = json_first(list); v.doc; v = json_next(list, v), index++) {
        struct applying x = {.m = m, .who = who, .client = text_of(json_get(root, "clientId"))};
        const char *space = partition(who, text_of(json_get(v, "spaceId")));
        if (only && space != only)
            continue;
        results[index] = (struct mresult){.space = space};
        x.result = &results[index];
        x.table = x.result->table = text_of(json_get(v, "table"));
        x.id = x.result->id = text_of(json_get(v, "id"));
        x.op = text_of(json_get(v, "op"));
        x.space = space;
        x.role = space ? who->role(who->account, space) : ROLE_NONE;
        if (x.role == ROLE_NONE)
            refuse(&x, RAUM_ENOT_ALLOWED);
        else
            apply(&x, v);
    }
}
