/* What must be true: after each step of each device's file, looked at by a connection of its own,
 * below all views; at rest of everything. */
#include "sim/sim.h"

#include "base/clock.h"
#include "engine/ddl.h"
#include "schema/stamps.h"
#include <stdio.h>

/* ---- things known by (space, table, id, name) ---- */

#define KNOWN (1u << 15)
struct known {
    const char *space, *table, *id, *name; /* name NULL: the row was shared once */
    struct mfield f;
};
static struct known told[KNOWN], opened[KNOWN];
static uint32_t told_used[KNOWN], told_count, opened_used[KNOWN], opened_count;

static struct known *place(struct known *list, uint32_t *used, uint32_t *count, struct known key,
                           bool make)
{
    uint64_t h = ((uintptr_t)key.space * 31 + (uintptr_t)key.table) * 31 + (uintptr_t)key.id;
    h = (h * 31 + (uintptr_t)key.name) * UINT64_C(0x9E3779B97F4A7C15);
    uint32_t at = (uint32_t)(h >> 40) & (KNOWN - 1);
    while (list[at].id && (list[at].space != key.space || list[at].table != key.table ||
                           list[at].id != key.id || list[at].name != key.name))
        at = (at + 1) & (KNOWN - 1);
    if (!list[at].id && !make)
        return NULL;
    if (!list[at].id) {
        if (*count == KNOWN / 2)
            sim_die("too much is known");
        used[(*count)++] = at;
        list[at] = key;
    }
    return &list[at];
}

static void clear(struct known *list, const uint32_t *used, uint32_t *count)
{
    for (uint32_t i = 0; i < *count; i++)
        list[used[i]] = (struct known){0};
    *count = 0;
}

void check_shared(const char *space, const char *table, const char *id)
{
    place(told, told_used, &told_count, (struct known){space, table, id, NULL, {0}}, true);
}

bool check_was_shared(const char *space, const char *table, const char *id)
{
    return place(told, told_used, &told_count, (struct known){space, table, id, NULL, {0}}, false);
}

void check_told(const char *space, const char *table, const char *id, const struct mfield *f)
{
    if (strcmp(f->name, "authorId") == 0 || strcmp(f->name, "spaceId") == 0)
        return;
    struct known *k =
        place(told, told_used, &told_count, (struct known){space, table, id, f->name, {0}}, true);
    if (!k->f.name || model_order(table, f, &k->f) > 0)
        k->f = *f;
}

void check_forget(void)
{
    clear(told, told_used, &told_count);
    clear(opened, opened_used, &opened_count);
}

/* ---- a device's file, raw ---- */

struct raw {
    sqlite3 *db;
    sqlite3_stmt *rows, *orphans, *spaces, *clock;
    uint64_t seen; /* state of the disk that was looked at */
};
static struct raw raws[DEVICES];

static void raw_prepare(struct raw *raw, sqlite3_stmt **out, const char *sql)
{
    if (sqlite3_prepare_v3(raw->db, sql, -1, SQLITE_PREPARE_PERSISTENT, out, NULL) != SQLITE_OK)
        sim_die("%s: %s", sql, sqlite3_errmsg(raw->db));
}

static struct raw *raw_open(int device)
{
    struct raw *raw = &raws[device];
    const struct device *d = &sim.devices[device];
    char path[120];
    struct buf sql;
    if (raw->db)
        return raw;
    snprintf(path, sizeof path, "%s/accounts/%s/raum.db", d->root, sim_accounts[d->account]);
    if (sqlite3_open_v2(path, &raw->db, SQLITE_OPEN_READWRITE, NULL) != SQLITE_OK)
        sim_die("%s cannot be looked at", path);
    buf_init(&sql, 1 << 16);
    for (const struct schema_table *t = schema_tables; t->name; t++)
        buf_printf(&sql,
                   "SELECT '%s', %s, space, author, visibility FROM \"data_%s\" WHERE author <> "
                   "(SELECT ref FROM accounts WHERE id = ?1) UNION ALL ",
                   t->name,
                   schema_is_slots(t)
                       ? "(SELECT a.id FROM accounts a WHERE a.ref = person) || ':' || slot"
                       : "id",
                   t->name);
    buf_str(&sql, "SELECT tbl, id, space, author, visibility FROM data_opaque WHERE author <> "
                  "(SELECT ref FROM accounts WHERE id = ?1)");
    raw_prepare(raw, &raw->rows, buf_text(&sql));
    buf_reset(&sql);
    buf_str(&sql, "SELECT n, what FROM (SELECT n, 'dirty' AS what FROM dirty ");
    for (const struct schema_table *t = schema_tables; t->name; t++)
        buf_printf(&sql, "UNION ALL SELECT n, '%s' FROM \"data_%s\" ", t->name, t->name);
    buf_str(&sql, "UNION ALL SELECT n, 'opaque' FROM data_opaque "
                  "UNION ALL SELECT n, 'parked' FROM parked "
                  "UNION ALL SELECT n, 'conflicts' FROM conflicts "
                  "UNION ALL SELECT space << 40, 'media' FROM media "
                  "UNION ALL SELECT space << 40, 'keys' FROM keys "
                  "UNION ALL SELECT space << 40, 'coming' FROM coming) "
                  "WHERE n >> 40 NOT IN (SELECT ref FROM spaces)");
    raw_prepare(raw, &raw->orphans, buf_text(&sql));
    raw_prepare(raw, &raw->spaces, "SELECT id, role FROM spaces WHERE ref = ?1 OR ?1 = 0");
    raw_prepare(raw, &raw->clock, "SELECT value FROM meta WHERE key = 'clock'");
    sqlite3_bind_text(raw->rows, 1, sim_accounts[d->account], -1, SQLITE_STATIC);
    buf_release(&sql);
    raw->seen = 0;
    return raw;
}

void check_close(int device)
{
    struct raw *raw = &raws[device];
    sqlite3_finalize(raw->rows);
    sqlite3_finalize(raw->orphans);
    sqlite3_finalize(raw->spaces);
    sqlite3_finalize(raw->clock);
    sqlite3_close(raw->db);
    *raw = (struct raw){0};
}

static const char *column(sqlite3_stmt *s, int at)
{
    return model_str((const char *)sqlite3_column_text(s, at));
}

/* A row of another's making: of a shared space, not private, and shared by its author once. */
static void check_foreign(int device, struct raw *raw)
{
    sqlite3_stmt *s = raw->rows;
    const char *table = column(s, 0), *id = column(s, 1);
    if (strcmp((const char *)sqlite3_column_text(s, 4), "private") == 0)
        sim_die("device %d holds %s/%s, private to another", device, table, id);
    sqlite3_bind_int64(raw->spaces, 1, sqlite3_column_int64(s, 2));
    const char *space = sqlite3_step(raw->spaces) == SQLITE_ROW ? column(raw->spaces, 0) : NULL;
    sqlite3_reset(raw->spaces);
    if (!space || !check_was_shared(space, table, id))
        sim_die("device %d holds %s/%s of %s, which was never shared with it", device, table, id,
                space ? space : "nowhere");
}

/* Neither another's personal space nor one that nobody ever let it into. */
static void check_spaces(int device, struct raw *raw)
{
    const struct device *d = &sim.devices[device];
    const char *account = sim_accounts[d->account];
    sqlite3_bind_int64(raw->spaces, 1, 0);
    while (sqlite3_step(raw->spaces) == SQLITE_ROW) {
        const char *id = (const char *)sqlite3_column_text(raw->spaces, 0),
                   *colon = strchr(id, ':');
        const char *own = strncmp(id, "p-", 2) == 0 ? id + 2 : colon ? colon + 1 : account;
        if (strcmp(own, account) != 0)
            sim_die("device %d of %s knows %s", device, account, id);
    }
    sqlite3_reset(raw->spaces);
}

void check_device(int device)
{
    uint64_t now = disk_changes(device);
    if (!sim.devices[device].r || disk_is_dead(device) || raws[device].seen == now)
        return;
    struct raw *raw = raw_open(device);
    raw->seen = now;
    check_spaces(device, raw);
    int rc;
    while ((rc = sqlite3_step(raw->rows)) == SQLITE_ROW)
        check_foreign(device, raw);
    if (rc != SQLITE_DONE)
        sim_die("device %d cannot be looked at: %s", device, sqlite3_errmsg(raw->db));
    sqlite3_reset(raw->rows);
    if (sqlite3_step(raw->orphans) == SQLITE_ROW)
        sim_die("device %d holds something (%s) of space %lld, which is not there", device,
                column(raw->orphans, 1), (long long)(sqlite3_column_int64(raw->orphans, 0) >> 40));
    sqlite3_reset(raw->orphans);
}

/* G-O1: what was said to be done before it died is there: writes are in the order of its clock. */
void check_after_boot(int device)
{
    struct raw *raw = raw_open(device);
    uint64_t clock = 0;
    if (sqlite3_step(raw->clock) == SQLITE_ROW)
        clock = (uint64_t)sqlite3_column_int64(raw->clock, 0);
    sqlite3_reset(raw->clock);
    if (clock < sim.devices[device].told_clock)
        sim_die("device %d lost a write in a crash", device);
    sim.devices[device].told_clock = clock;
}

/* ---- at rest: a device against the model ---- */

struct looking {
    int device;
    struct raum *r;
    const char *space; /* as the server calls it */
    int found;         /* rows that the model has too */
    int slots;
};

/* Fields that were refused are the sender's own: its user decides. 0: the row is not parked. */
static uint64_t parked_mask(struct raum *r, const struct row *row)
{
    char sql[200];
    int64_t mask = 0;
    snprintf(
        sql, sizeof sql,
        "SELECT d.fields FROM dirty d JOIN parked p ON p.n = d.n AND p.tbl = d.tbl WHERE d.n = "
        "%lld AND d.tbl = %d",
        (long long)row->n, row->table ? row->table->number : DDL_OPAQUE);
    int result = db_query_int(r->db, sql, &mask, &sim.error);
    if (result < 0)
        sim_die("%s: %s", sql, sim.error.text);
    return result == 0 ? (uint64_t)mask : 0;
}

/* Another's edit that only the author's devices still hold, since the server that knew it was
 * restored and the row turned private before it was offered again: nobody may offer it. */
static bool is_stranded(struct looking *l, const struct mrow *m, struct stamp s)
{
    const struct actor *actor = intern_actor(l->r, s.actor);
    return sim.weather.restores && model_is_private(m) && actor &&
           strcmp(intern_account(l->r, actor->account), model_field_text(m, "authorId")) != 0;
}

static void compare_stamp(struct looking *l, const struct mrow *m, const struct mfield *f,
                          struct stamp s)
{
    const struct actor *actor = intern_actor(l->r, s.actor);
    const char *by = actor ? intern_account(l->r, actor->account) : "";
    if (s.at != f->at || !actor || strcmp(actor->device, f->dev) != 0 || strcmp(by, f->by) != 0)
        sim_die(
            "device %d has %s of %s/%s in %s as of %llu by %s of %s, the model as of %llu by %s "
            "of %s",
            l->device, f->name, m->table, m->id, m->space, (unsigned long long)s.at, by,
            actor ? actor->device : "?", (unsigned long long)f->at, f->by, f->dev);
}

/* What is sealed opens to the same on each device. */
static void compare_value(struct looking *l, const struct mrow *m, const struct mfield *f,
                          const char *value)
{
    const char *wanted = f->value;
    if (strncmp(f->value, "\"raum:1:", 8) == 0) {
        struct known *k = place(opened, opened_used, &opened_count,
                                (struct known){m->space, m->table, m->id, f->name, {0}}, true);
        if (!k->f.value)
            k->f.value = value;
        wanted = k->f.value;
    }
    if (!model_same(wanted, value))
        sim_die("device %d has %s of %s/%s in %s as %s, the model as %s", l->device, f->name,
                m->table, m->id, m->space, value, wanted);
}

static const char *value_text(struct looking *l, const struct row *row,
                              const struct schema_field *f, const struct value *v)
{
    struct buf b;
    struct json_writer w;
    buf_init(&b, 1 << 20);
    json_begin(&w, &b);
    NEED(value_put_json(l->r, row, f, v, &w, &sim.error));
    const char *text = model_text(buf_text(&b), b.len);
    buf_release(&b);
    return text;
}

static int compare_known(struct looking *l, const struct row *row, const struct mrow *m,
                         uint64_t parked)
{
    int count = 0;
    bool user = row->table && row->table->level == LEVEL_USER;
    for (int i = user ? ROW_CREATED_AT : 0; i < row_count(row->table); i++) {
        const struct schema_field *f = row_field(row->table, i);
        const struct mfield *mf = model_field(m, f->name);
        struct stamp s = stamps_get(&row->stamps, f->tag, NULL, 0);
        count += mf != NULL;
        if ((parked >> f->tag & 1) || is_stranded(l, m, s))
            continue;
        if (!mf && s.at != 0)
            sim_die("device %d has %s of %s/%s, the model has not", l->device, f->name, m->table,
                    m->id);
        if (!mf)
            continue;
        compare_stamp(l, m, mf, s);
        compare_value(l, m, mf, value_text(l, row, f, &row->values[i]));
    }
    return count;
}

static int compare_unknown(struct looking *l, const struct row *row, const struct mrow *m,
                           bool parked)
{
    struct arena a;
    struct value extra = {0};
    struct json_doc doc;
    int count = 0;
    arena_init(&a, 1 << 22);
    json_init(&doc);
    NEED(value_open(l->r, row, NULL, &row->extra, &a, &extra, &sim.error));
    if (extra.kind == VALUE_TEXT)
        NEED(json_parse(&doc, extra.text, extra.len, 0, &sim.error));
    struct json_value root = extra.kind == VALUE_TEXT ? json_root(&doc) : (struct json_value){0};
    for (struct json_value v = json_first(root); v.doc; v = json_next(root, v)) {
        size_t len;
        const char *name = json_str(json_key(v), &a), *raw = json_raw(v, &len);
        const struct mfield *f = model_field(m, name);
        count += f != NULL;
        struct stamp s = stamps_get(&row->stamps, 0, name, strlen(name));
        if (parked || is_stranded(l, m, s))
            continue;
        if (!f)
            sim_die("device %d has %s of %s/%s, the model has not", l->device, name, m->table,
                    m->id);
        compare_stamp(l, m, f, s);
        compare_value(l, m, f, model_text(raw, len));
    }
    json_release(&doc);
    arena_release(&a);
    return count;
}

static int compare_row(void *arg, struct row *row, struct raum_error *e)
{
    struct looking *l = arg;
    const char *table = model_str(row->table ? row->table->name : row->opaque);
    const struct mrow *m = model_find(&sim.model, l->space, table, model_str(row->id));
    uint64_t parked = parked_mask(l->r, row);
    (void)e;
    if (!m && parked)
        return 0;
    if (!m)
        sim_die("device %d has %s/%s in %s, the model has not", l->device, table, row->id,
                l->space);
    l->found++;
    const char *author = intern_account(l->r, row->author);
    if (strcmp(author, model_field_text(m, "authorId")) != 0)
        sim_die("device %d has %s as author of %s/%s", l->device, author, table, row->id);
    if (!parked)
        compare_stamp(l, m, model_field(m, "authorId"),
                      stamps_get(&row->stamps, TAG_AUTHOR, NULL, 0));
    int count = 1 + compare_known(l, row, m, parked) + compare_unknown(l, row, m, parked & 1);
    if (count != m->count && !parked)
        sim_die("device %d has %d of %d fields of %s/%s", l->device, count, m->count, table,
                row->id);
    return 0;
}

/* G-S15: only another person's edit of a field in a shared space. */
static void check_notices(int device)
{
    char sql[300];
    const struct raum *r = sim.devices[device].r;
    snprintf(
        sql, sizeof sql,
        "SELECT count(*) FROM conflicts c JOIN spaces s ON s.ref = c.n >> 40 WHERE c.by = %u OR "
        "s.sealed",
        r->account_ref);
    if (kit_raw(sim.devices[device].r, sql))
        sim_die("device %d has a notice of its own account's doing", device);
}

/* At most one holder for a space, a person and a slot (G-T10). */
static void check_slots(int device)
{
    if (kit_raw(sim.devices[device].r,
                "SELECT count(*) FROM (SELECT 1 FROM data_meSlots WHERE deletedAt IS NULL GROUP BY "
                "space, person, slot HAVING count(*) > 1)"))
        sim_die("device %d has two holders of one slot", device);
}

static int visible_rows(int device, const char *space)
{
    const char *account = sim_accounts[sim.devices[device].account];
    int count = 0;
    for (int i = 0; i < sim.model.count; i++) {
        const struct mrow *m = &sim.model.rows[i];
        count += m->space == space &&
                 (!model_is_private(m) || strcmp(model_field_text(m, "authorId"), account) == 0);
    }
    return count;
}

static void name_missing(int device, const struct space *s, const char *space)
{
    struct arena a;
    const char *account = sim_accounts[sim.devices[device].account];
    arena_init(&a, 1 << 20);
    for (int i = 0; i < sim.model.count; i++) {
        const struct mrow *m = &sim.model.rows[i];
        struct row row;
        if (m->space != space ||
            (model_is_private(m) && strcmp(model_field_text(m, "authorId"), account) != 0))
            continue;
        if (row_load(sim.devices[device].r, s->ref, schema_table(m->table), m->table, m->id, &a,
                     &row, &sim.error) == RAUM_END)
            sim_die("device %d of %s lacks %s/%s of %s", device, account, m->table, m->id, space);
    }
    sim_die("device %d has other rows of %s than the model", device, space);
}

static void check_place(int device, int place)
{
    struct device *d = &sim.devices[device];
    const char *id = device_space(device, place);
    char name[60];
    if (!id)
        return;
    if (place == PLACE_PERSONAL)
        snprintf(name, sizeof name, "p-%s", sim_accounts[d->account]);
    struct looking l = {device, d->r, model_str(place == PLACE_PERSONAL ? name : id), 0, 0};
    const struct space *s = intern_space_find(d->r, id);
    struct outgoing_state state;
    NEED(outgoing_state(d->r, s->ref, &state, &sim.error));
    if (state.pending)
        sim_die("device %d still has %lld rows of %s to send", device, (long long)state.pending,
                id);
    NEED(row_walk(d->r, s->ref, compare_row, &l, &sim.error));
    if (l.found != visible_rows(device, l.space))
        name_missing(device, s, l.space);
}

void check_all(void)
{
    for (int i = 0; i < DEVICES; i++) {
        for (int place = 0; place < PLACES; place++)
            check_place(i, place);
        check_slots(i);
        check_notices(i);
    }
    for (uint32_t n = 0; n < told_count; n++) {
        const struct known *k = &told[told_used[n]];
        if (!k->name)
            continue;
        const struct mrow *row = model_find(&sim.model, k->space, k->table, k->id);
        const struct mfield *f = model_field(row, k->name);
        /* Turned private before a restored server heard of the edit: there is no row to edit. */
        if (row && model_is_private(row) && model_field_text(row, "authorId") != k->f.by)
            continue;
        /* Offered again by a clock that was ahead, it may be stamped anew; it is the same write. */
        bool same = f && strcmp(f->dev, k->f.dev) == 0 && model_same(f->value, k->f.value);
        if (!f || (!same && model_order(k->table, &k->f, f) > 0))
            sim_die("%s of %s/%s in %s was acknowledged and is lost", k->name, k->table, k->id,
                    k->space);
    }
}
