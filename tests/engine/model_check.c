#include "engine/model.h"

#include <unistd.h>

void differs(const char *fmt, ...)
{
    va_list args;
    fprintf(stderr, "model: seed %llu, operation %ld (%s): ", (unsigned long long)m.seed, m.op,
            m.doing);
    va_start(args, fmt);
    vfprintf(stderr, fmt, args);
    va_end(args);
    fprintf(stderr, "\nerror: %s\n", error.text);
    fflush(NULL);
    _exit(1);
}

/* ---- one row ---- */

static uint32_t ref_of(int replica, int space)
{
    if (space == SPACE_USER)
        return m.raums[replica]->user_ref;
    const struct space *s = intern_space_find(m.raums[replica], m.now[replica]->spaces[space].id);
    if (!s)
        differs("replica %d has no space %s", replica, m.now[replica]->spaces[space].id);
    return s->ref;
}

static void load(int replica, const struct mrow *want, struct arena *a, struct row *row)
{
    const struct schema_table *t = schema_table(table_names[want->table]);
    int result =
        row_load(m.raums[replica], ref_of(replica, want->space), t, NULL, want->id, a, row, &error);
    if (result != 0)
        differs("replica %d has no row %s %s", replica, t->name, want->id);
}

/* Value and stamp of a field as the engine has them. */
static void value_of(int replica, const struct mrow *want, const struct row *row, enum field f,
                     struct arena *a, char out[200], struct stamp *stamp)
{
    const struct mcolumn *c = &columns[want->table][f];
    struct raum *r = m.raums[replica];
    struct buf text;
    struct json_writer w;
    buf_init(&text, 199);
    out[0] = '\0';
    int result = 0;
    if (c->tag) {
        const struct schema_field *field = schema_field(row->table, c->name, strlen(c->name));
        json_begin(&w, &text);
        result = value_put_json(r, row, field, &row->values[row_position(row->table, field)], &w,
                                &error);
        *stamp = stamps_get(&row->stamps, c->tag, NULL, 0);
    } else {
        struct value extra;
        struct json_doc doc;
        json_init(&doc);
        result = value_open(r, row, NULL, &row->extra, a, &extra, &error);
        if (result == 0 && extra.kind == VALUE_TEXT) {
            size_t len;
            result = json_parse(&doc, extra.text, extra.len, 0, &error);
            struct json_value v = json_get(json_root(&doc), c->name);
            const char *raw = v.doc ? json_raw(v, &len) : NULL;
            if (raw)
                buf_add(&text, raw, len);
        }
        json_release(&doc);
        *stamp = stamps_get(&row->stamps, 0, c->name, strlen(c->name));
    }
    if (result < 0)
        differs("%s of %s cannot be read", c->name, want->id);
    snprintf(out, 200, "%s", buf_text(&text));
    buf_release(&text);
}

static void check_field(int replica, const struct mrow *want, const struct row *row, enum field f,
                        struct arena *a)
{
    char value[200];
    struct stamp s;
    const struct mfield *field = &want->f[f];
    if (!columns[want->table][f].name)
        return;
    value_of(replica, want, row, f, a, value, &s);
    if (strcmp(value, field->value) != 0)
        differs("replica %d, %s %s: %s is %s, the oracle says %s", replica,
                table_names[want->table], want->id, columns[want->table][f].name, value,
                field->value);
    if (f == F_X && !value[0])
        return;
    const struct actor *actor = intern_actor(m.raums[replica], s.actor);
    if (s.at != field->at || !actor || strcmp(actor->device, m.devices[field->device]) != 0)
        differs("replica %d, %s %s: %s is stamped %llx by %s, the oracle says %llx by %s", replica,
                table_names[want->table], want->id, columns[want->table][f].name,
                (unsigned long long)s.at, actor ? actor->device : "nobody",
                (unsigned long long)field->at, m.devices[field->device]);
    if ((s.origin == ORIGIN_AGENT) != field->agent || (actor->agent[0] != 0) != field->agent)
        differs("replica %d, %s %s: %s by an agent? %d", replica, table_names[want->table],
                want->id, columns[want->table][f].name, s.origin);
}

static int64_t one_int(struct raum *r, const char *sql, int64_t a, int64_t b)
{
    struct db_stmt s;
    int64_t value = 0;
    OK(db_prepare(r->db, &s, &db_grant_own, sql, &error));
    db_bind_int(&s, 1, a);
    db_bind_int(&s, 2, b);
    int result = db_step(&s, &error);
    if (result < 0)
        differs("%s", sql);
    if (result == 0)
        value = db_int(&s, 0);
    db_finish(&s);
    return value;
}

static void compare(int replica, const struct mrow *want, const struct row *row, struct arena *a)
{
    struct raum *r = m.raums[replica];
    for (int f = 0; f < FIELDS; f++)
        check_field(replica, want, row, (enum field)f, a);
    const char *author = intern_account(r, row->author);
    if (!author || strcmp(author, accounts[want->author]) != 0)
        differs("replica %d, %s %s: by %s, the oracle says %s", replica, table_names[want->table],
                want->id, author ? author : "nobody", accounts[want->author]);
    int64_t dirty = one_int(r, "SELECT fields FROM dirty WHERE n = ?1 AND tbl = ?2", row->n,
                            row->table->number);
    if ((uint64_t)dirty != want->dirty)
        differs("replica %d, %s %s: marked %llx, the oracle says %llx", replica,
                table_names[want->table], want->id, (unsigned long long)dirty,
                (unsigned long long)want->dirty);
}

void check_row(int replica, const struct mrow *want)
{
    struct arena a;
    struct row row;
    arena_init(&a, 1 << 22);
    load(replica, want, &a, &row);
    compare(replica, want, &row, &a);
    arena_release(&a);
}

static uint64_t newest_of(const struct mrow *row)
{
    uint64_t newest = row->rest_at;
    for (int f = 0; f < FIELDS; f++)
        newest = row->f[f].at > newest ? row->f[f].at : newest;
    return newest > row->author_at ? newest : row->author_at;
}

/* One time for the whole write, newer than all in the row; unless it had to climb over a faster
 * clock, newer than all that this replica wrote. */
static void take_time(int replica, const struct mrow *row, bool inserted, uint64_t at)
{
    struct mreplica *x = m.now[replica];
    uint64_t newest = inserted ? 0 : newest_of(row);
    struct clock above = {.last = newest};
    if (at <= newest)
        differs("replica %d, %s: written at %llx over %llx", replica, row->id,
                (unsigned long long)at, (unsigned long long)newest);
    if (clock_tick(&above, 0) == at && !inserted)
        return;
    if (at <= x->last_tick)
        differs("replica %d, %s: written at %llx after %llx", replica, row->id,
                (unsigned long long)at, (unsigned long long)x->last_tick);
    x->last_tick = at;
}

void check_written(int replica, struct mrow *want, unsigned written, bool agent, bool inserted)
{
    struct arena a;
    struct row row;
    char value[200];
    struct stamp s = {0};
    arena_init(&a, 1 << 22);
    load(replica, want, &a, &row);
    for (int f = 0; f < FIELDS; f++)
        if (written >> f & 1 && columns[want->table][f].name) {
            value_of(replica, want, &row, (enum field)f, &a, value, &s);
            if (f == F_DELETED ||
                (inserted && f == F_CREATED && !want->f[f].value[0])) /* a time that Raum chose */
                snprintf(want->f[f].value, VALUE, "%.40s", value);
            break;
        }
    if (written)
        take_time(replica, want, inserted, s.at);
    if (inserted) { /* the time of making is Raum's, too */
        value_of(replica, want, &row, F_CREATED, &a, value, &s);
        if (!want->f[F_CREATED].value[0])
            snprintf(want->f[F_CREATED].value, VALUE, "%.40s", value);
        want->author_at = want->rest_at = s.at;
        want->author_device = want->rest_device = replica;
    }
    for (int f = 0; f < FIELDS; f++)
        if (written >> f & 1) {
            want->f[f].at = s.at;
            want->f[f].device = replica;
            want->f[f].agent = agent;
            if (!inserted)
                want->dirty |= UINT64_C(1) << columns[want->table][f].tag;
        }
    compare(replica, want, &row, &a);
    arena_release(&a);
}

/* ---- what a handle sees ---- */

static const char *plain(const char *json, char out[VALUE])
{
    if (strcmp(json, "null") == 0)
        return "";
    if (strcmp(json, "true") == 0 || strcmp(json, "false") == 0)
        return json[0] == 't' ? "1" : "0";
    snprintf(out, VALUE, "%.*s", (int)strlen(json) - 2, json + 1);
    return out;
}

static const char *slot_of(const struct mreplica *x, const struct mrow *image)
{
    static const char *const slots[] = {"avatar", "face-ref", "body-ref"};
    char value[VALUE];
    for (int s = 0; s < 3; s++)
        for (int i = 0; i < ROWS; i++) {
            const struct mrow *row = &x->rows[i];
            if (row->used && row->table == T_SLOTS && row->space == image->space &&
                !oracle_deleted(row) && !oracle_hidden(x, row) &&
                strcmp(plain(row->f[F_C].value, value), image->id) == 0 &&
                strcmp(plain(row->f[F_B].value, value), slots[s]) == 0)
                return slots[s];
        }
    return "";
}

static int by_id(const void *a, const void *b)
{
    return strcmp((*(const struct mrow *const *)a)->id, (*(const struct mrow *const *)b)->id);
}

static void expect(const struct mreplica *x, enum table t, int space, struct buf *out)
{
    const struct mrow *rows[ROWS];
    char values[4][VALUE];
    int count = 0;
    for (int i = 0; i < ROWS; i++) {
        const struct mrow *row = &x->rows[i];
        if (row->used && row->table == t && row->space == space && !oracle_deleted(row) &&
            (space == SPACE_USER || !oracle_hidden(x, row)))
            rows[count++] = row;
    }
    qsort(rows, (size_t)count, sizeof *rows, by_id);
    for (int i = 0; i < count; i++) {
        const struct mrow *row = rows[i];
        buf_printf(out, "%s%s", i ? "\n" : "", row->id);
        if (space != SPACE_USER)
            buf_printf(out, "|%s|%s", accounts[row->author],
                       plain(row->f[F_VISIBILITY].value, values[0]));
        for (int f = F_A; f <= F_D; f++)
            if (columns[t][f].name)
                buf_printf(out, "|%s", plain(row->f[f].value, values[0]));
        if (t == T_IMAGES)
            buf_printf(out, "|%s", slot_of(x, row));
    }
}

static const char *const selects[TABLES] = {
    ("SELECT id, authorId, visibility, kind, label, \"usage.aiReference\", subjectId, primaryFor "
     "FROM meImages ORDER BY id"),
    "SELECT id, authorId, visibility, person, slot, imageId FROM meSlots ORDER BY id",
    "SELECT id, authorId, visibility, name, color FROM tags ORDER BY id",
    "SELECT id, theme, locale FROM userSettings ORDER BY id",
};

/* The same question to SQL behind the fence. */
static void ask_fence(struct raum_handle *h, const char *sql, struct buf *out)
{
    struct raum_query *q;
    int result, rows = 0;
    OK(raum_query_new(h, sql, &q, &error));
    while ((result = raum_query_step(q, &error)) == 0) {
        if (rows++)
            buf_char(out, '\n');
        for (int i = 0; i < raum_query_columns(q); i++) {
            size_t len;
            const char *value = raum_query_text(q, i, &len);
            if (i)
                buf_char(out, '|');
            buf_add(out, value, len);
        }
    }
    if (result != RAUM_END)
        differs("behind the fence: %s", sql);
    raum_query_free(q);
}

static void check_view(int replica, struct raum_handle *h, enum table t, int space, bool fence)
{
    struct buf want, got;
    buf_init(&want, 1 << 20);
    buf_init(&got, 1 << 20);
    expect(m.now[replica], t, space, &want);
    if (fence)
        ask_fence(h, selects[t], &got);
    else
        buf_str(&got, kit_rows(h, selects[t]));
    if (strcmp(buf_text(&want), buf_text(&got)) != 0)
        differs("replica %d, %s in %s%s:\n%s\nthe oracle says\n%s", replica, table_names[t],
                space == SPACE_USER ? "its settings" : m.now[replica]->spaces[space].id,
                fence ? " (fence)" : "", buf_text(&got), buf_text(&want));
    buf_release(&want);
    buf_release(&got);
}

/* ---- a whole replica ---- */

static int64_t total(int replica)
{
    int64_t count = 0;
    for (int t = 0; t < TABLES; t++) {
        char sql[80];
        snprintf(sql, sizeof sql, "SELECT count(*) FROM data_%s", table_names[t]);
        count += kit_raw(m.raums[replica], sql);
    }
    return count;
}

static void check_spaces(int replica)
{
    const struct mreplica *x = m.now[replica];
    int64_t count = 0;
    for (int i = 0; i < SPACES; i++) {
        if (!x->spaces[i].used)
            continue;
        const struct space *s = intern_space_find(m.raums[replica], x->spaces[i].id);
        if (!s || s->role != x->spaces[i].role || s->type != x->spaces[i].type ||
            s->offline != x->spaces[i].offline)
            differs("replica %d: space %s", replica, x->spaces[i].id);
        count++;
    }
    if (count != kit_raw(m.raums[replica], "SELECT count(*) FROM spaces WHERE type >= 0"))
        differs("replica %d has other spaces", replica);
}

static void check_handles(int replica)
{
    for (int h = 0; h < HANDLES; h++) {
        int at = m.at[replica][h];
        const char *is = raum_scope_space(m.raums[replica] ? m.handles[replica][h] : NULL);
        bool there = at != NOT_READY && m.now[replica]->spaces[at].used;
        if (there != (is != NULL) || (there && strcmp(is, m.now[replica]->spaces[at].id) != 0))
            differs("replica %d, handle %d is in %s", replica, h, is ? is : "no space");
        if (!there || m.now[replica]->spaces[at].role == ROLE_NONE)
            continue;
        for (int t = T_IMAGES; t < T_SETTINGS; t++)
            check_view(replica, m.handles[replica][h], (enum table)t, at, true);
    }
    check_view(replica, m.settings[replica], T_SETTINGS, SPACE_USER, true);
}

void check_replica(int replica)
{
    const struct mreplica *x = m.now[replica];
    int64_t rows = 0, dirty = 0, shown = 0;
    struct raum_handle *h, *across;
    OK(replica_look(m.raums[replica], &error));
    check_spaces(replica);
    OK(raum_scope_new(m.raums[replica], &h, &error));
    OK(raum_across_new(m.raums[replica], &across, &error));
    for (int i = 0; i < ROWS; i++) {
        const struct mrow *row = &x->rows[i];
        if (!row->used)
            continue;
        check_row(replica, row);
        rows++;
        dirty += row->dirty != 0;
        shown += row->table == T_TAGS && x->spaces[row->space].role > ROLE_NONE &&
                 !oracle_deleted(row) && !oracle_hidden(x, row);
    }
    if (rows != total(replica) || dirty != kit_raw(m.raums[replica], "SELECT count(*) FROM dirty"))
        differs("replica %d has %lld rows, %lld marked; the oracle says %lld, %lld", replica,
                (long long)total(replica),
                (long long)kit_raw(m.raums[replica], "SELECT count(*) FROM dirty"), (long long)rows,
                (long long)dirty);
    for (int i = 0; i < SPACES; i++)
        if (x->spaces[i].used && x->spaces[i].role > ROLE_NONE) {
            OK(raum_scope_set(h, x->spaces[i].id, &error));
            for (int t = T_IMAGES; t < T_SETTINGS; t++)
                check_view(replica, h, (enum table)t, i, false);
        }
    if (kit_int(across, "SELECT count(*) FROM across_tags") != shown)
        differs("replica %d shows other tags across its spaces", replica);
    raum_handle_free(h);
    raum_handle_free(across);
    check_handles(replica);
}

void check_all(void)
{
    for (int i = 0; i < REPLICAS; i++)
        check_replica(i);
}
