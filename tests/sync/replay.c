#include "sync/replay.h"

#include "sync/incoming.h"

void replay_read(const struct log_op *op, struct arena *a, struct json_doc *doc,
                 struct wire_request *q)
{
    char *text = arena_printf(a, "{\"clientId\":\"%s\",\"changes\":[%s]}", op->device,
                              op->change);
    assert_non_null(text);
    OK(json_parse(doc, text, strlen(text), 0, &error));
    OK(wire_read_request(doc, a, q, &error));
    assert_int_equal(q->count, 1);
    assert_int_equal(q->changes[0].error, 0);
}

void replay_sign(const struct log_op *op, struct wire_change *c)
{
    for (uint32_t i = 0; i < c->count; i++) {
        struct merge_stamp *s = &c->fields[i].stamp;
        s->by = op->account;
        if (!s->dev)
            s->dev = op->device;
    }
}

struct walk {
    struct raum *r;
    struct arena *a;
    struct log_state *s;
};

static void add_stamped(const struct walk *w, const struct row *row, const char *name,
                        const char *value, size_t len, struct stamp s)
{
    const struct actor *actor = intern_actor(w->r, s.actor);
    struct merge_field f = {.name = name, .value = value, .len = len};
    if (s.at == 0) /* nobody ever wrote it */
        return;
    f.stamp = (struct merge_stamp){.at = s.at,
                                   .dev = actor->device,
                                   .by = intern_account(w->r, actor->account),
                                   .agent = actor->agent[0] ? actor->agent : NULL,
                                   .origin = s.origin};
    log_state_add(w->s, row->table ? row->table->name : row->opaque, row->id, &f);
}

static void add_extra(const struct walk *w, const struct row *row)
{
    struct value extra;
    struct json_doc doc;
    OK(value_open(w->r, row, NULL, &row->extra, w->a, &extra, &error));
    if (extra.kind != VALUE_TEXT)
        return;
    json_init(&doc);
    OK(json_parse(&doc, extra.text, extra.len, 0, &error));
    struct json_value root = json_root(&doc);
    for (struct json_value m = json_first(root); m.doc; m = json_next(root, m)) {
        size_t len;
        const char *raw = json_raw(m, &len), *name = json_str(json_key(m), w->a);
        add_stamped(w, row, name, raw, len, stamps_get(&row->stamps, 0, name, strlen(name)));
    }
    json_release(&doc);
}

static int add_row(void *arg, struct row *row, struct raum_error *e)
{
    const struct walk *w = arg;
    const char *author = intern_account(w->r, row->author);
    char *quoted = arena_printf(w->a, "\"%s\"", author);
    (void)e;
    add_stamped(w, row, "authorId", quoted, strlen(quoted),
                stamps_get(&row->stamps, TAG_AUTHOR, NULL, 0));
    for (int i = 0; i < row_count(row->table); i++) {
        const struct schema_field *f = row_field(row->table, i);
        struct buf text;
        struct json_writer json;
        buf_init(&text, 1 << 16);
        json_begin(&json, &text);
        OK(value_put_json(w->r, row, f, &row->values[i], &json, &error));
        add_stamped(w, row, f->name, buf_text(&text), text.len,
                    stamps_get(&row->stamps, f->tag, NULL, 0));
        buf_release(&text);
    }
    add_extra(w, row);
    return 0;
}

/* A device hears of rows with their making, always: what is missing is that of the first one. */
static void complete(struct arena *a, struct wire_change *all, int at)
{
    struct wire_change *c = &all[at];
    int made = 0;
    while (strcmp(all[made].id, c->id) != 0)
        made++;
    struct merge_field *fields = arena_alloc(a, (c->count + 2) * sizeof *fields);
    assert_non_null(fields);
    memcpy(fields, c->fields, c->count * sizeof *fields);
    for (uint32_t i = 0; i < all[made].count; i++)
        if (strcmp(all[made].fields[i].name, "authorId") == 0 ||
            strcmp(all[made].fields[i].name, "createdAt") == 0)
            fields[c->count++] = all[made].fields[i];
    c->fields = fields;
}

/* Takes in what the relay took, one change after the other. backwards: makings first, then all
 * else from the end to the beginning. */
void replay_engine(struct kit_world *world, struct arena *a, const char *folder, uint64_t seed,
                   const char *taken, bool backwards, struct buf *out)
{
    static struct wire_change changes[REPLAY_OPERATIONS];
    static struct json_doc docs[REPLAY_OPERATIONS];
    struct raum *r = kit_open(folder, "anna", &world->env);
    struct log_state s = {0};
    struct walk w = {r, a, &s};
    struct incoming_report report;
    struct log l;
    struct log_op op;
    kit_join(r, LOG_SPACE, SPACE_FAMILY, ROLE_OWNER);
    log_init(&l, seed);
    for (int i = 0; i < REPLAY_OPERATIONS; i++) {
        struct wire_request q;
        log_next(&l, &op);
        json_init(&docs[i]);
        replay_read(&op, a, &docs[i], &q);
        replay_sign(&op, &q.changes[0]);
        changes[i] = q.changes[0];
        if (changes[i].op != WIRE_INSERT)
            complete(a, changes, i);
    }
    for (int i = 0; i < REPLAY_OPERATIONS; i++)
        if ((!taken || taken[i] != 'r') && (!backwards || changes[i].op == WIRE_INSERT))
            OK(incoming_apply(r, &changes[i], 1, &report, &error));
    for (int i = REPLAY_OPERATIONS; backwards && i-- > 0;)
        if ((!taken || taken[i] != 'r') && changes[i].op != WIRE_INSERT)
            OK(incoming_apply(r, &changes[i], 1, &report, &error));
    OK(row_walk(r, intern_space_find(r, LOG_SPACE)->ref, add_row, &w, &error));
    log_state_text(&s, out);
    for (int i = 0; i < REPLAY_OPERATIONS; i++)
        json_release(&docs[i]);
    log_release(&l);
    raum_close(r);
}
