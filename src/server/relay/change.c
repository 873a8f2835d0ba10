#include "server/relay/change.h"

#include "base/plant.h"
#include <stdio.h>
#include <string.h>

#define ADDED_MAX 8       /* fields that a change is completed with */
#define FIELD_OVERHEAD 48 /* bytes that a field takes beside its value, at most */

/* The change is refused, the others go on (G-S6). */
static int refuse(struct relay_change *c, int code)
{
    c->result->status = WIRE_REJECTED;
    c->result->code = code;
    return RAUM_END;
}

/* ---- reading fields ---- */

static const char *text_of(const struct merge_field *f, struct arena *a)
{
    struct json_doc doc;
    const char *text = NULL;
    if (!f)
        return NULL;
    if (f->len >= 2 && f->value[0] == '"' && !memchr(f->value, '\\', f->len))
        return arena_copy(a, f->value + 1, f->len - 2);
    json_init(&doc);
    if (json_parse(&doc, f->value, f->len, 0, NULL) == 0)
        text = json_str(json_root(&doc), a);
    json_release(&doc);
    return text;
}

const char *relay_text(const struct merge_record *r, const char *name, struct arena *a)
{
    return text_of(merge_find(r, name), a);
}

static bool is_null(const struct merge_field *f)
{
    return !f || (f->len == 4 && memcmp(f->value, "null", 4) == 0);
}

static bool is_true(const struct merge_field *f)
{
    return f && f->len == 4 && memcmp(f->value, "true", 4) == 0;
}

static const struct merge_field *field_of(const struct merge_field *list, uint32_t count,
                                          const char *name)
{
    for (uint32_t i = 0; i < count; i++)
        if (strcmp(list[i].name, name) == 0)
            return &list[i];
    return NULL;
}

static const struct merge_field *incoming(const struct relay_change *c, const char *name)
{
    return field_of(c->fields, c->count, name);
}

/* ---- the change made complete ---- */

bool relay_is_sealed(const struct schema_field *f, const struct merge_field *in)
{
    static const char prefix[] = "\"raum:1:";
    return (f->flags & FIELD_SEALED) && in->len > sizeof prefix &&
           memcmp(in->value, prefix, sizeof prefix - 1) == 0;
}

static int check_value(struct relay_change *c, const struct schema_field *f,
                       const struct merge_field *in)
{
    struct json_doc *doc = &c->relay->doc;
    if (relay_is_sealed(f, in))
        return 0;
    int result = json_parse(doc, in->value, in->len, 0, NULL);
    if (result == 0)
        result = schema_check_foreign(f, json_root(doc), NULL);
    return result == 0 ? 0 : refuse(c, RAUM_EBAD_CHANGE);
}

static int add(struct relay_change *c, const struct merge_field *f)
{
    if (c->count == c->wire->count + ADDED_MAX)
        return refuse(c, RAUM_ETOO_LARGE);
    c->fields[c->count++] = *f;
    return 0;
}

static int add_text(struct relay_change *c, const char *name, const char *text,
                    const struct merge_stamp *stamp, bool plain)
{
    struct buf json;
    struct json_writer w;
    buf_init(&json, 4096);
    json_begin(&w, &json);
    json_put_str(&w, text);
    struct merge_field f = {.name = name, .len = json.len, .stamp = *stamp, .plain = plain};
    f.value = buf_error(&json, NULL) == 0 ? arena_copy(c->a, buf_text(&json), json.len) : NULL;
    buf_release(&json);
    return f.value ? add(c, &f) : RAUM_ENOMEM;
}

/* What is said of a row's place and maker is compared, not believed (G-T7). A maker that comes with
 * its stamp is merged: of two makings the earlier holds here as on devices. */
static int check_claim(struct relay_change *c, const struct merge_field *f, bool *drop)
{
    const char *text = text_of(f, c->a);
    *drop = true;
    if (strcmp(f->name, "spaceId") == 0) /* whose it is was decided before */
        return text ? 0 : refuse(c, RAUM_EBAD_CHANGE);
    if (!text)
        return refuse(c, RAUM_EBAD_CHANGE);
    const char *author =
        c->stored->exists ? relay_text(&c->record, "authorId", c->a) : c->who->account;
    if (author && strcmp(text, author) == 0) {
        *drop = f->plain || c->wire->op != WIRE_INSERT; /* of two makings the earlier holds */
        return 0;
    }
    return refuse(c, c->stored->exists ? RAUM_EIMMUTABLE_FIELD : RAUM_ENOT_ALLOWED);
}

static int take_field(struct relay_change *c, const struct merge_field *from)
{
    struct merge_field f = *from;
    bool drop = false;
    if (strcmp(f.name, "spaceId") == 0 || strcmp(f.name, "authorId") == 0) {
        int result = check_claim(c, &f, &drop);
        if (result)
            return result;
    }
    const struct schema_field *own = schema_field(c->table, f.name, strlen(f.name));
    if (strcmp(f.name, "id") == 0 || strcmp(f.name, "updatedAt") == 0 ||
        relay_older_sealed(c->who, c->part, own, &f))
        drop = true;
    if (drop)
        return 0;
    if (c->table && schema_is_derived(c->table, f.name, strlen(f.name)))
        return refuse(c, RAUM_EBAD_CHANGE); /* as on the device: worked out, never written */
    if (f.stamp.by && strcmp(f.stamp.by, c->who->account) != 0)
        return refuse(c, RAUM_ENOT_ALLOWED); /* nobody writes in another's name (G-A4) */
    f.stamp.by = c->who->account;
    if (c->who->agent)
        f.stamp.agent = c->who->agent;
    if (!f.stamp.dev)
        f.stamp.dev = c->who->client;
    if (!f.plain && clock_ms(f.stamp.at) > c->now_ms + CLOCK_AHEAD_MS_MAX) { /* G-S9 */
        c->result->server_time = clock_at(c->now_ms, 0);
        return refuse(c, RAUM_ECLOCK_AHEAD);
    }
    int result = own ? check_value(c, own, &f) : 0;
    return result ? result : add(c, &f);
}

static int text_or_nothing(struct relay_change *c, const char *name, const char *text)
{
    struct merge_stamp stamp = {
        .dev = c->who->client, .by = c->who->account, .agent = c->who->agent};
    bool plain = true;
    if (incoming(c, name))
        return 0;
    if (!field_of(c->wire->fields, c->wire->count, name)) /* it is said, only not believed */
        c->altered = true;
    for (uint32_t i = 0; i < c->count; i++) /* as old as the oldest of what it was made with */
        if (!c->fields[i].plain && (plain || c->fields[i].stamp.at < stamp.at)) {
            stamp = c->fields[i].stamp;
            plain = false;
        }
    return add_text(c, name, text, &stamp, plain);
}

/* A row that is new here gets what every row has. */
static int complete(struct relay_change *c)
{
    char now[CLOCK_TEXT];
    const struct wire_change *w = c->wire;
    int result = 0;
    c->fields = arena_alloc(c->a, ((size_t)w->count + ADDED_MAX) * sizeof *c->fields);
    if (!c->fields)
        return RAUM_ENOMEM;
    for (uint32_t i = 0; i < w->count && result == 0; i++)
        result = take_field(c, &w->fields[i]);
    clock_format_ms(c->now_ms, now);
    if (result == 0 && w->op == WIRE_DELETE)
        result = text_or_nothing(c, "deletedAt", now);
    if (result || c->stored->exists)
        return result;
    if (c->part->type >= 0)
        result = text_or_nothing(c, "visibility", "space");
    if (result == 0)
        result = text_or_nothing(c, "createdAt", now);
    if (result == 0)
        result = text_or_nothing(c, "authorId", c->who->account);
    for (const struct schema_field *f = c->table ? c->table->fields : NULL;
         f && f->name && result == 0; f++) /* a picture's subject, a slot's person */
        if (f->right == RIGHT_FIXED && f->type == TYPE_ACCOUNT && f->fallback)
            result = text_or_nothing(c, f->name, c->who->account);
    return result;
}

/* ---- the time of what came without one ---- */

static int digest(struct relay_change *c, unsigned char out[RAUM_HASH_BYTES])
{
    struct buf b;
    const struct raum_env *env = c->relay->env;
    buf_init(&b, RELAY_RECORD_MAX * 4);
    buf_printf(&b, "%s\n%s\n%s\n%s\n%d\n", c->who->client ? c->who->client : "", c->part->id,
               c->wire->table, c->wire->id, (int)c->wire->op);
    for (uint32_t i = 0; i < c->wire->count; i++) {
        const struct merge_field *f = &c->wire->fields[i];
        buf_printf(&b, "%s=%zu:", f->name, f->len);
        buf_add(&b, f->value, f->len);
    }
    int result = buf_error(&b, NULL);
    if (result == 0)
        env->hash(env->ctx, out, RAUM_HASH_BYTES, buf_text(&b), b.len, NULL);
    buf_release(&b);
    return result;
}

/* The same write sent again is the same write (G-S5): its time is kept for 30 days, unless it is
 * refused. */
static int receipt(struct relay_change *c, struct raum_error *error)
{
    struct sql_rows *rows;
    struct clock clock = {c->relay->last};
    int result = digest(c, c->digest);
    if (result < 0)
        return refuse(c, RAUM_ETOO_LARGE);
    result = sql_one(c->relay->sql, &rows, error,
                     "SELECT at FROM receipts WHERE part = ?1 AND digest = ?2", "ib", c->part->ref,
                     c->digest, sizeof c->digest);
    if (result == 0)
        c->at = (uint64_t)sql_int(rows, "at");
    sql_rows_free(rows);
    if (result != RAUM_END && !PLANT(RELAY_RECEIPT))
        return result;
    for (uint32_t i = 0; i < c->record.count; i++) /* who writes now has seen what is here */
        if (c->record.fields[i].stamp.at > clock.last &&
            clock_ms(c->record.fields[i].stamp.at) <= c->now_ms + CLOCK_AHEAD_MS_MAX)
            clock.last = c->record.fields[i].stamp.at;
    c->at = c->relay->last = clock_tick(&clock, c->now_ms);
    c->timed = true;
    return 0;
}

static int keep_receipt(struct relay_change *c, struct raum_error *error)
{
    if (!c->timed)
        return 0;
    return sql_run(c->relay->sql, error,
                   "INSERT INTO receipts (part, digest, at, created) VALUES (?1, ?2, ?3, ?4) "
                   "ON CONFLICT (part, digest) DO NOTHING",
                   "ibii", c->part->ref, c->digest, sizeof c->digest, (int64_t)c->at, c->now_ms);
}

static int stamp_plain(struct relay_change *c, struct raum_error *error)
{
    int result = 0;
    bool asked = false;
    for (uint32_t i = 0; i < c->count && result == 0; i++) {
        if (!c->fields[i].plain)
            continue;
        if (!asked)
            result = receipt(c, error);
        asked = c->altered = true;
        c->fields[i].stamp.at = c->at;
    }
    return result;
}

/* ---- who may ---- */

static const char *subject_of(const struct relay_change *c)
{
    const char *name = !c->table                                ? NULL
                       : schema_is_slots(c->table)              ? "person"
                       : schema_field(c->table, "subjectId", 9) ? "subjectId"
                                                                : NULL;
    if (!name)
        return NULL;
    const struct merge_field *f = merge_find(&c->record, name);
    if (!f)
        f = incoming(c, name);
    const char *text = text_of(f, c->a);
    if (!text && c->stored->exists) /* the schema's default */
        text = relay_text(&c->record, "authorId", c->a);
    return text ? text : c->who->account;
}

/* The person in the picture that a slot is to hold; NULL: no such picture in this space. */
static int picture_subject(struct relay_change *c, const struct merge_field *f, const char **out,
                           struct raum_error *error)
{
    const char *id = text_of(f, c->a);
    int64_t tbl = 0;
    *out = NULL;
    int result = id ? relay_ref_find(c->relay, "meImages", &tbl, error) : 0;
    if (result < 0 || tbl == 0)
        return result;
    const struct relay_record *picture = relay_batch_add(c->batch, tbl, id);
    if (!picture)
        return err_set(error, RAUM_ENOMEM, NULL);
    result = relay_batch_load(c->batch, error);
    if (result == 0 && picture->exists) {
        *out = relay_text(&picture->fields, "subjectId", c->a);
        if (!*out)
            *out = relay_text(&picture->fields, "authorId", c->a);
    }
    return result;
}

/* A field that is fixed at the making. Of two makings under one id (slots, seeds) the earlier
 * holds; anything else that would change one is refused (G-T7). */
static int may_fix(struct relay_change *c, const struct merge_field *f, enum merge_choice choice,
                   const char *author)
{
    const struct merge_field *old = merge_find(&c->record, f->name);
    bool own = author && strcmp(author, c->who->account) == 0;
    if (!c->stored->exists || PLANT(RELAY_FIXED))
        return 0;
    if (!old)
        return own && c->wire->op == WIRE_INSERT ? 0 : refuse(c, RAUM_EIMMUTABLE_FIELD);
    if (choice == MERGE_TAKE && c->wire->op == WIRE_INSERT && (own || f->stamp.at == old->stamp.at))
        return 0;
    if (choice == MERGE_KEEP && c->wire->op == WIRE_INSERT)
        return 0;
    if (f->len == old->len && memcmp(f->value, old->value, f->len) == 0)
        return 0;
    return refuse(c, RAUM_EIMMUTABLE_FIELD);
}

static int may_write(struct relay_change *c, const struct merge_field *f,
                     const struct rights_row *row, struct raum_error *error)
{
    const struct schema_field *own = schema_field(c->table, f->name, strlen(f->name));
    const char *subject = NULL;
    struct json_doc *doc = &c->relay->doc;
    if (!own || own->right == RIGHT_FIXED || PLANT(RELAY_RIGHTS))
        return 0;
    int result = own->right == RIGHT_PERSON ? picture_subject(c, f, &subject, error) : 0;
    if (result < 0)
        return result;
    int may = json_parse(doc, f->value, f->len, 0, NULL);
    if (may == 0)
        may = rights_field(own, c->stored->exists ? OP_UPDATE : OP_INSERT, row, json_root(doc),
                           subject, c->who->account, NULL);
    return may == 0 ? 0 : refuse(c, may);
}

static int may_at_all(struct relay_change *c, const struct rights_row *row)
{
    const struct merge_field *gone = incoming(c, "deletedAt");
    bool was_gone = !is_null(merge_find(&c->record, "deletedAt"));
    enum rights_op op = !c->stored->exists ? OP_INSERT : OP_UPDATE;
    if (c->stored->exists && gone && merge_plan(c->table, &c->record, gone) == MERGE_TAKE &&
        is_null(gone) != !was_gone)
        op = is_null(gone) ? OP_RESTORE : OP_DELETE;
    int role = PLANT(RELAY_ADMIN) ? ROLE_ADMIN : c->part->role;
    int may = rights_row(c->table, op, row, c->who->account, role, NULL);
    return may == 0 ? 0 : refuse(c, may);
}

/* A slot's id says whose it is and which (G-T10). */
static int check_slot(struct relay_change *c)
{
    if (!c->table || !schema_is_slots(c->table) || c->stored->exists)
        return 0;
    const char *person = text_of(incoming(c, "person"), c->a),
               *slot = text_of(incoming(c, "slot"), c->a);
    const char *id =
        arena_printf(c->a, "%s:%s", person ? person : c->who->account, slot ? slot : "");
    if (!id)
        return RAUM_ENOMEM;
    return slot && strcmp(id, c->wire->id) == 0 ? 0 : refuse(c, RAUM_EBAD_CHANGE);
}

/* ---- merging ---- */

/* The fields are the batch's until the change is taken: what is refused leaves no trace. */
static int own_fields(struct relay_change *c)
{
    struct merge_record *r = &c->record;
    struct merge_field *own = arena_alloc(c->a, (r->count + 8) * sizeof *own);
    if (!own)
        return RAUM_ENOMEM;
    if (r->count)
        memcpy(own, r->fields, r->count * sizeof *own);
    r->fields = own;
    r->cap = r->count + 8;
    return 0;
}

static int merge(struct relay_change *c, const struct rights_row *row, uint32_t *taken,
                 uint32_t *kept, struct raum_error *error)
{
    int result = 0;
    for (uint32_t i = 0; i < c->count && result == 0; i++) {
        const struct merge_field *f = &c->fields[i];
        const struct merge_field *old = merge_find(&c->record, f->name);
        enum merge_choice choice = merge_plan(c->table, &c->record, f);
        const struct schema_field *own = schema_field(c->table, f->name, strlen(f->name));
        if (merge_is_fixed(c->table, f->name))
            result = may_fix(c, f, choice, row->author);
        if (f->whole && own && own->right == RIGHT_CONSENT && is_true(f) && !is_true(old)) {
            c->altered = true;
            continue; /* G-T12 */
        }
        *kept += choice == MERGE_KEEP;
        if (result || choice != MERGE_TAKE)
            continue;
        result = may_write(c, f, row, error);
        if (result == 0 && *taken == 0)
            result = own_fields(c);
        if (result == 0 && old)
            result = merge_put(&c->before, old, c->a);
        if (result == 0)
            result = merge_put(&c->record, f, c->a);
        ++*taken;
    }
    if (result == RAUM_ETOO_LARGE)
        return refuse(c, RAUM_ETOO_LARGE);
    return result;
}

/* Made shared, private by now: somebody may hold it. */
static bool turned_private(const struct relay_change *c)
{
    const struct merge_field *made = merge_find(&c->record, "createdAt"),
                             *seen = merge_find(&c->record, "visibility");
    return made && seen && seen->stamp.at > made->stamp.at;
}

/* A server that came back from a backup has forgotten that it sent the row: it is withdrawn from
 * everybody (G-T9). Where that never happened, nobody has it. */
static int shared_before(struct relay_change *c, int64_t *shared, struct raum_error *error)
{
    bool restored;
    int result = relay_was_restored(c->relay, &restored, error);
    if (result == 0 && restored)
        *shared = c->part->seq;
    return result;
}

static size_t weight(const struct merge_record *r)
{
    size_t bytes = 0;
    for (uint32_t i = 0; i < r->count; i++)
        bytes += r->fields[i].len + FIELD_OVERHEAD;
    return bytes;
}

/* No partition grows without end; deleting and making smaller go on in one that is full. */
static bool is_full(const struct relay_change *c)
{
    const struct relay_part *p = c->part;
    if (!c->stored->exists)
        return p->records >= RELAY_PART_RECORDS_MAX || p->bytes >= RELAY_PART_BYTES_MAX;
    return p->bytes >= RELAY_PART_BYTES_MAX && c->wire->op != WIRE_DELETE &&
           weight(&c->record) > weight(&c->stored->fields);
}

/* The merged record takes its place in the batch. */
static int take(struct relay_change *c, struct raum_error *error)
{
    struct relay_record *to = c->stored;
    const char *visibility = relay_text(&c->record, "visibility", c->a);
    bool is_private = visibility && strcmp(visibility, "private") == 0;
    int64_t author = 0, shared = to->shared;
    if (weight(&c->record) > RELAY_RECORD_MAX)
        return refuse(c, RAUM_ETOO_LARGE);
    if (is_full(c))
        return refuse(c, RAUM_ELIMIT);
    int result = relay_ref(c->relay, relay_text(&c->record, "authorId", c->a), &author, error);
    c->part->seq++;
    if (!is_private)
        shared = c->part->seq;
    else if (result == 0 && !to->exists && turned_private(c))
        result = shared_before(c, &shared, error);
    if (result == 0)
        result = relay_batch_keep(c->batch, to, &c->before, error);
    if (result == 0)
        result = relay_shows(c, is_private, error);
    if (result)
        return result;
    if (!PLANT(RELAY_SEQ) || !to->exists)
        to->seq = c->part->seq;
    to->shared = shared;
    to->is_private = is_private;
    to->author = author;
    to->fields = c->record;
    c->part->records += !to->exists;
    to->exists = to->changed = true;
    return relay_slot_touch(c, error);
}

static int apply(struct relay_change *c, struct raum_error *error)
{
    uint32_t taken = 0, kept = 0;
    if (!c->stored->exists && c->wire->op != WIRE_INSERT)
        return refuse(c, RAUM_ENOT_FOUND); /* only who made a row can make it again */
    int result = complete(c);
    if (result == 0)
        result = check_slot(c);
    if (result == 0)
        result = stamp_plain(c, error);
    if (result)
        return result;
    struct rights_row row = {.author = c->stored->exists ? relay_text(&c->record, "authorId", c->a)
                                                         : c->who->account,
                             .subject = subject_of(c),
                             .is_private = c->stored->is_private,
                             .exists = c->stored->exists};
    result = may_at_all(c, &row);
    if (result == 0)
        result = merge(c, &row, &taken, &kept, error);
    if (result)
        return result;
    c->result->status = taken ? WIRE_APPLIED : kept ? WIRE_STALE : WIRE_DUPLICATE;
    c->result->beaten = kept > 0;
    if (taken)
        result = take(c, error);
    return result ? result : keep_receipt(c, error);
}

static int begin(struct relay_change *c, struct raum_error *error)
{
    int64_t tbl;
    if (c->part->role == ROLE_NONE) /* G-S1: the same for a space that is not there */
        return refuse(c, RAUM_ENOT_ALLOWED);
    if (c->table && c->part->type >= 0 && !schema_allowed(c->table->module, c->part->type))
        return refuse(c, RAUM_EMODULE_NOT_IN_SPACE);
    int result = c->table || c->wire->op == WIRE_INSERT
                     ? relay_ref(c->relay, c->wire->table, &tbl, error)
                     : relay_ref_find(c->relay, c->wire->table, &tbl, error);
    if (result < 0)
        return result;
    if (tbl == 0) /* nobody made a row of that name */
        return refuse(c, RAUM_ENOT_FOUND);
    c->altered = c->wire->space ? strcmp(c->wire->space, c->part->id) != 0 : c->part->type >= 0;
    if (c->table && schema_is_slots(c->table)) /* pictures move with it (relay_slot_touch) */
        c->altered = true;
    c->stored = relay_batch_add(c->batch, tbl, c->wire->id);
    return c->stored ? 0 : RAUM_ENOMEM;
}

/* Refused is as if it had never come. */
static int settle(int result, struct raum_error *error)
{
    if (result == RAUM_END)
        return 0;
    return result == RAUM_ENOMEM ? err_set(error, result, NULL) : result;
}

int relay_change_begin(struct relay_change *c, struct relay_batch *b, struct raum_error *error)
{
    c->batch = b;
    c->relay = b->relay;
    c->part = b->part;
    c->a = b->a;
    c->now_ms = b->now_ms;
    c->table = schema_table(c->wire->table);
    return settle(begin(c, error), error);
}

int relay_change_apply(struct relay_change *c, struct raum_error *error)
{
    int64_t seq = c->part->seq;
    if (!c->stored)
        return 0;
    c->record = c->stored->fields;
    int result = apply(c, error);
    if (result == RAUM_END)
        c->part->seq = seq;
    return settle(result, error);
}
