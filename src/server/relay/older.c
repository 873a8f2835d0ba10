/* Older clients: each knows the tables of one app (CONTRACT §5), none has keys or slots. The relay
 * merges what they write like everything else; here is what they may say and what they are told. */
#include "server/relay/inside.h"

#include "base/base64.h"
#include "base/clock.h"
#include <stdio.h>
#include <string.h>

/* ---- which tables ---- */

int relay_older_tables(struct relay *r, const struct relay_caller *who,
                       int64_t out[RELAY_APP_TABLES], struct raum_error *error)
{
    int count = 0, result = 0;
    memset(out, 0, RELAY_APP_TABLES * sizeof *out);
    for (const struct schema_table *t = schema_tables; t->name && result == 0; t++) {
        if (strcmp(t->app, who->app) != 0 || (who->table && strcmp(t->name, who->table) != 0))
            continue;
        if (count == RELAY_APP_TABLES)
            return err_at(error, "relay", RAUM_EINTERNAL, "%s has more tables than a pull", t->app);
        result = relay_ref_find(r, t->name, &out[count++], error);
    }
    return result;
}

void relay_older_tag(const struct relay *r, const char *epoch, const char *app, const char *table,
                     char out[17])
{
    unsigned char hash[8];
    char text[17 + 2 * WIRE_NAME_MAX + 4];
    int len = snprintf(text, sizeof text, "%s\n%.*s\n%.*s", epoch, WIRE_NAME_MAX, app,
                       WIRE_NAME_MAX, table ? table : "");
    r->env->hash(r->env->ctx, hash, sizeof hash, text, (size_t)len, NULL);
    hex_put(out, hash, sizeof hash);
}

/* ---- what they say ---- */

/* Theirs alone: indexes, stamps of before, the owner that the partition is. */
static bool is_local(const char *name)
{
    return strncmp(name, "__", 2) == 0 || strcmp(name, "_updatedAtIndex") == 0 ||
           strcmp(name, "userId") == 0;
}

static void narrow(struct wire_change *c, const char *app)
{
    const struct schema_table *t = schema_table(c->table);
    uint32_t kept = 0;
    if (!t || strcmp(t->app, app) != 0 || (c->app && strcmp(c->app, app) != 0)) {
        c->error = RAUM_EUNKNOWN_TABLE;
        return;
    }
    for (uint32_t i = 0; i < c->count; i++) {
        const char *name = c->fields[i].name;
        if (!is_local(name) && !schema_is_derived(t, name, strlen(name)))
            c->fields[kept++] = c->fields[i];
    }
    if (c->op == WIRE_UPDATE && kept == 0) /* a write of nothing that is anybody's to write */
        c->error = RAUM_EBAD_CHANGE;
    c->count = kept;
}

void relay_older_request(struct wire_request *q, const char *app)
{
    for (uint32_t i = 0; i < q->count; i++)
        if (!q->changes[i].error)
            narrow(&q->changes[i], app);
}

/* Null, too: a client that was never told the value says nothing by having none. */
bool relay_older_sealed(const struct relay_caller *who, const struct relay_part *p,
                        const struct schema_field *f, const struct merge_field *in)
{
    bool sealed = p->type < 0 || p->type == SPACE_PERSONAL;
    return who->app && sealed && f && (f->flags & FIELD_SEALED) && !relay_is_sealed(f, in);
}

/* ---- what they are told ---- */

static bool is_null(const struct merge_field *f)
{
    return f->len == 4 && memcmp(f->value, "null", 4) == 0;
}

struct slot {
    const char *person, *image; /* image NULL: empty */
    const char *name;
    struct merge_stamp newest; /* of its fields */
    struct slot *next;
};
struct telling {
    struct relay *relay;
    struct arena *a;
    int64_t account; /* number of the caller's name */
    int64_t slots;   /* number of their table */
    const char *space;
    struct slot *of; /* those of `space` that the caller may see */
};

/* The first of these is what a picture is shown for. */
static int rank(const char *slot)
{
    static const char *const names[] = {"avatar", "face-ref", "body-ref"};
    int at = 0;
    while (at < 3 && strcmp(names[at], slot) != 0)
        at++;
    return at;
}

static int add_slot(struct telling *t, struct sql_rows *rows, struct raum_error *error)
{
    struct merge_record record;
    size_t len;
    const void *body = sql_bytes(rows, "body", &len);
    const char *kept = arena_copy(t->a, body, len);
    struct slot *s = arena_zero(t->a, sizeof *s);
    if (!kept || !s)
        return err_set(error, RAUM_ENOMEM, NULL);
    int result = relay_body_read(t->relay, kept, len, t->a, &record, error);
    if (result < 0)
        return result;
    const struct merge_field *gone = merge_find(&record, "deletedAt");
    s->person = relay_text(&record, "person", t->a);
    s->name = relay_text(&record, "slot", t->a);
    if (!gone || is_null(gone))
        s->image = relay_text(&record, "imageId", t->a);
    for (uint32_t i = 0; i < record.count; i++)
        if (record.fields[i].stamp.at > s->newest.at)
            s->newest = record.fields[i].stamp;
    if (!s->person || !s->name)
        return 0;
    s->next = t->of;
    t->of = s;
    return 0;
}

/* At most three a person who was ever a member. G-T9: another's private one says nothing. */
static int load_slots(struct telling *t, const char *space, struct raum_error *error)
{
    struct sql_rows *rows;
    if (t->space && strcmp(t->space, space) == 0)
        return 0;
    t->space = space;
    t->of = NULL;
    int result = sql_scope(t->relay->sql, "partition", space, error);
    if (result < 0)
        return result;
    result = sql_many(t->relay->sql, &rows, error,
                      "SELECT r.body AS body FROM records r JOIN partitions p ON p.ref = "
                      "r.part WHERE p.id = ?1 AND r.tbl = ?2 AND (r.private = 0 OR r.author = "
                      "?3)",
                      "sii", space, t->slots, t->account);
    while (result == 0 && (result = sql_next(rows, error)) == 0)
        result = add_slot(t, rows, error);
    sql_rows_free(rows);
    return result == RAUM_END ? 0 : result;
}

/* Its time is that of the last change of any of the person's slots: the picture that lost one is
 * told so by it, too. */
static int put_primary(struct telling *t, const struct wire_change *c, struct merge_record *out)
{
    const struct merge_record all = {c->fields, c->count, c->count};
    const struct merge_field *made = merge_find(&all, "createdAt");
    struct merge_field f = {.name = "primaryFor", .value = "null", .len = 4};
    const char *subject = relay_text(&all, "subjectId", t->a);
    const char *best = NULL;
    if (!subject)
        subject = relay_text(&all, "authorId", t->a);
    if (made)
        f.stamp = made->stamp;
    for (const struct slot *s = t->of; s; s = s->next) {
        if (subject && strcmp(s->person, subject) == 0 && s->newest.at > f.stamp.at)
            f.stamp = s->newest;
        if (s->image && strcmp(s->image, c->id) == 0 && (!best || rank(s->name) < rank(best)))
            best = s->name;
    }
    if (best) {
        f.value = arena_printf(t->a, "\"%s\"", best); /* one of three words */
        if (!f.value)
            return RAUM_ENOMEM;
        f.len = strlen(f.value);
    }
    return merge_put(out, &f, t->a);
}

/* A row that was withdrawn is deleted for them (withdraw, below): shared again, it is back. */
static int put_alive(const struct wire_change *c, struct merge_record *out, struct arena *a)
{
    const struct merge_record all = {c->fields, c->count, c->count};
    const struct merge_field *gone = merge_find(&all, "deletedAt"),
                             *made = merge_find(&all, "createdAt"),
                             *seen = merge_find(&all, "visibility");
    if (!made || !seen || seen->stamp.at <= made->stamp.at || c->op == WIRE_DELETE ||
        (gone && gone->stamp.at > seen->stamp.at))
        return 0;
    struct merge_field f = {.name = "deletedAt", .value = "null", .len = 4, .stamp = seen->stamp};
    return merge_put(out, &f, a);
}

static int tell(struct telling *t, struct wire_change *c, struct raum_error *error)
{
    const struct schema_table *table = schema_table(c->table);
    struct merge_record out = {0};
    int result = 0;
    for (uint32_t i = 0; i < c->count && result == 0; i++) {
        const struct merge_field *f = &c->fields[i];
        const struct schema_field *own = schema_field(table, f->name, strlen(f->name));
        if (own && relay_is_sealed(own, f))
            continue;
        if (strcmp(f->name, "deletedAt") == 0 && !is_null(f)) {
            c->op = WIRE_DELETE;
            c->deleted = relay_text(&(struct merge_record){c->fields, c->count, c->count},
                                    "deletedAt", t->a);
        }
        result = merge_put(&out, f, t->a);
    }
    if (result == 0)
        result = put_alive(c, &out, t->a);
    if (result == 0 && strcmp(c->table, "meImages") == 0) {
        result = load_slots(t, c->space, error);
        if (result == 0)
            result = put_primary(t, c, &out);
    }
    c->fields = out.fields;
    c->count = out.count;
    return result == RAUM_ENOMEM ? err_set(error, result, NULL) : result;
}

/* They know no withdrawing: what turned private is deleted there, without a word of what it was. */
static int withdraw(struct telling *t, struct relay_page *page, struct raum_error *error)
{
    char now[CLOCK_TEXT];
    struct wire_answer *answer = &page->answer;
    const struct raum_env *env = t->relay->env;
    struct wire_change *all =
        arena_zero(t->a, ((size_t)answer->change_count + page->retract_count + 1) * sizeof *all);
    clock_format_ms(env->now_ms(env->ctx), now);
    const char *kept = arena_str(t->a, now);
    if (!all || !kept)
        return err_set(error, RAUM_ENOMEM, NULL);
    memcpy(all, answer->changes, answer->change_count * sizeof *all);
    for (uint32_t i = 0; i < page->retract_count; i++) {
        const struct relay_retract *gone = &page->retracts[i];
        all[answer->change_count++] = (struct wire_change){.app = gone->app,
                                                           .table = gone->table,
                                                           .id = gone->id,
                                                           .space = gone->space,
                                                           .op = WIRE_DELETE,
                                                           .deleted = kept};
    }
    answer->changes = all;
    page->retract_count = 0;
    return 0;
}

int relay_older_page(struct relay *r, const struct relay_caller *who, struct arena *a,
                     struct relay_page *page, struct raum_error *error)
{
    struct telling t = {.relay = r, .a = a};
    int result = relay_ref_find(r, who->account, &t.account, error);
    if (result == 0)
        result = relay_ref_find(r, "meSlots", &t.slots, error);
    for (uint32_t i = 0; i < page->answer.change_count && result == 0; i++)
        result = tell(&t, &page->answer.changes[i], error);
    return result == 0 && page->retract_count ? withdraw(&t, page, error) : result;
}
