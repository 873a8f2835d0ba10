/* What must be true, after each step and at rest. */
#include "sim/sim.h"

#include "base/clock.h"
#include "engine/ddl.h"
#include "schema/stamps.h"
#include <stdio.h>

/* ---- nothing that may not be seen ---- */

static bool is_private(const struct row *row)
{
    const struct value *v = &row->values[ROW_VISIBILITY];
    return v->kind == VALUE_TEXT && v->len == 7 && memcmp(v->text, "private", 7) == 0;
}

static int look(void *arg, struct row *row, struct raum_error *e)
{
    int device = *(int *)arg;
    struct raum *r = sim.devices[device].r;
    (void)e;
    if (is_private(row) && row->author != r->account_ref)
        sim_die("device %d holds %s, private to %s", device, row->id,
                intern_account(r, row->author));
    return 0;
}

void sim_check_device(int device)
{
    struct raum *r = sim.devices[device].r;
    for (int s = 0; s < SPACES; s++) {
        const struct space *space = intern_space_find(r, sim_spaces[s]);
        if (space)
            NEED(row_walk(r, space->ref, look, &device, &sim.error));
    }
}

void sim_check_unknown(int device)
{
    for (int s = 0; s < SPACES; s++)
        if (!sim_scope(device, s) && sim.roles[sim_owner[device]][s] != ROLE_NONE)
            return; /* one that it is about to learn of */
    sim_die("device %d was sent rows of a space that it is not in", device);
}

/* ---- what was ever held ---- */

#define SEEN_MAX (1u << 17)
struct seen {
    uint64_t key, at;
    char device[ID_TEXT];
};
static struct seen seen[SEEN_MAX];

static uint64_t mix(uint64_t h, const char *text)
{
    for (; *text; text++)
        h = (h ^ (unsigned char)*text) * UINT64_C(1099511628211);
    return h * 31 + 7;
}

static struct seen *place(uint64_t key)
{
    uint32_t at = (uint32_t)key & (SEEN_MAX - 1);
    for (uint32_t n = 0; n < SEEN_MAX; n++, at = (at + 1) & (SEEN_MAX - 1))
        if (seen[at].key == key || seen[at].key == 0)
            return &seen[at];
    sim_die("too many fields");
}

struct remembering {
    struct raum *r;
    int space;
    bool check;
    int device;
};

static int compare(uint64_t at, const char *device, const struct seen *s)
{
    struct merge_side a = {at, device}, b = {s->at, s->device};
    return merge_compare(&a, &b);
}

static bool is_parked(struct raum *r, const struct row *row)
{
    char sql[160];
    int64_t n = 0;
    snprintf(sql, sizeof sql, "SELECT count(*) FROM parked WHERE n = %lld AND tbl = %d",
             (long long)row->n, row->table ? row->table->number : DDL_OPAQUE);
    NEED(db_query_int(r->db, sql, &n, &sim.error));
    return n > 0;
}

/* Stamps of a clock that is ahead are set right when they are sent: they do not count. */
static bool counts(const struct raum *r, uint64_t at)
{
    (void)r;
    return clock_ms(at) <= sim.server_world.now_ms;
}

static int each_field(void *arg, struct row *row, struct raum_error *e)
{
    struct remembering *m = arg;
    uint64_t base = mix(mix(mix(14695981039346656037u, sim_spaces[m->space]),
                            row->table ? row->table->name : row->opaque),
                        row->id);
    (void)e;
    for (int i = 0; i < row_count(row->table); i++) {
        const struct schema_field *f = row_field(row->table, i);
        struct stamp s = stamps_get(&row->stamps, f->tag, NULL, 0);
        const char *device = intern_device(m->r, s.actor);
        struct seen *at = place(mix(base, f->name));
        if (f->right == RIGHT_FIXED)
            continue;
        if (m->check) {
            if (at->key && compare(s.at, device, at) < 0)
                sim_die("device %d: %s of %s is older than what was there before", m->device,
                        f->name, row->id);
        } else if (counts(m->r, s.at) && (!at->key || compare(s.at, device, at) > 0)) {
            at->key = mix(base, f->name);
            at->at = s.at;
            snprintf(at->device, sizeof at->device, "%s", device);
        }
    }
    return 0;
}

/* Only what the server knows of: an edit that it is going to refuse is nobody's. */
static int remember_row(void *arg, struct row *row, struct raum_error *e)
{
    struct remembering *m = arg;
    char sql[160];
    int64_t n = 0;
    snprintf(sql, sizeof sql, "SELECT count(*) FROM dirty WHERE n = %lld AND tbl = %d",
             (long long)row->n, row->table ? row->table->number : DDL_OPAQUE);
    NEED(db_query_int(m->r->db, sql, &n, &sim.error));
    return n ? 0 : each_field(arg, row, e);
}

void sim_remember(int device)
{
    struct raum *r = sim.devices[device].r;
    for (int s = 0; s < SPACES; s++) {
        const struct space *space = intern_space_find(r, sim_spaces[s]);
        struct remembering m = {r, s, false, device};
        if (space && space->role != ROLE_NONE)
            NEED(row_walk(r, space->ref, remember_row, &m, &sim.error));
    }
}

/* ---- at rest ---- */

struct line {
    char id[RAUM_ID_MAX + 40];
    uint64_t hash;
    bool is_private;
    char author[32];
};
struct lines {
    struct raum *r;
    struct line list[MADE_MAX];
    int count;
};

static uint64_t stamp_hash(struct raum *r, uint64_t h, struct stamp s)
{
    const struct actor *actor = intern_actor(r, s.actor);
    char at[CLOCK_TEXT];
    clock_format(s.at, at);
    h = mix(mix(h, at), actor ? actor->device : "");
    return mix(h, actor ? intern_account(r, actor->account) : "");
}

static int add_line(void *arg, struct row *row, struct raum_error *e)
{
    struct lines *l = arg;
    struct buf text;
    struct json_writer w;
    if (l->count == MADE_MAX || is_parked(l->r, row))
        return 0;
    struct line *line = &l->list[l->count++];
    snprintf(line->id, sizeof line->id, "%s/%s", row->table ? row->table->name : row->opaque,
             row->id);
    snprintf(line->author, sizeof line->author, "%s", intern_account(l->r, row->author));
    line->is_private = is_private(row);
    line->hash = mix(1, line->author);
    buf_init(&text, 1 << 22);
    for (int i = 0; i < row_count(row->table); i++) {
        const struct schema_field *f = row_field(row->table, i);
        buf_reset(&text);
        json_begin(&w, &text);
        if (value_put_json(l->r, row, f, &row->values[i], &w, e) < 0)
            sim_die("a value cannot be read: %s", e->text);
        line->hash = stamp_hash(l->r, mix(line->hash, buf_text(&text)),
                                stamps_get(&row->stamps, f->tag, NULL, 0));
    }
    for (uint32_t i = 0; i < row->stamps.count; i++)
        if (row->stamps.entries[i].tag == 0)
            line->hash = stamp_hash(l->r, line->hash, row->stamps.entries[i].stamp);
    buf_release(&text);
    return 0;
}

static const struct line *find(const struct lines *l, const char *id)
{
    for (int i = 0; i < l->count; i++)
        if (strcmp(l->list[i].id, id) == 0)
            return &l->list[i];
    return NULL;
}

static struct lines lists[DEVICES];

static void read_lines(int device, int space)
{
    struct raum *r = sim.devices[device].r;
    lists[device].r = r;
    lists[device].count = 0;
    const struct space *s = intern_space_find(r, sim_spaces[space]);
    if (s && s->role != ROLE_NONE)
        NEED(row_walk(r, s->ref, add_line, &lists[device], &sim.error));
}

/* A row that this device has, but whose last write was refused: its owner decides. */
static bool is_parked_id(int device, int space, const char *id)
{
    struct raum *r = sim.devices[device].r;
    struct arena a;
    struct row row;
    char table[64];
    const char *slash = strchr(id, '/');
    snprintf(table, sizeof table, "%.*s", (int)(slash - id), id);
    arena_init(&a, 1 << 20);
    int result = row_load(r, intern_space_find(r, sim_spaces[space])->ref, schema_table(table),
                          table, slash + 1, &a, &row, &sim.error);
    bool parked = result == 0 && is_parked(r, &row);
    arena_release(&a);
    return parked;
}

/* Everything that device a may show to the account of device b is there, and the same. */
static void compare_devices(int a, int b, int space)
{
    const char *account = sim_accounts[sim_owner[b]];
    for (int i = 0; i < lists[a].count; i++) {
        const struct line *line = &lists[a].list[i], *other = find(&lists[b], line->id);
        if (line->is_private && strcmp(line->author, account) != 0)
            continue;
        if (other && other->hash != line->hash)
            sim_die("devices %d and %d differ in %s of %s", a, b, line->id, sim_spaces[space]);
        if (!other && !is_parked_id(b, space, line->id))
            sim_die("device %d lacks %s of %s, which %d has", b, line->id, sim_spaces[space], a);
    }
}

static void check_pending(int device)
{
    struct outgoing_state state;
    NEED(outgoing_state(sim.devices[device].r, 0, &state, &sim.error));
    for (int s = 0; s < SPACES; s++) {
        const struct space *space = intern_space_find(sim.devices[device].r, sim_spaces[s]);
        if (!space || space->role == ROLE_NONE)
            continue;
        NEED(outgoing_state(sim.devices[device].r, space->ref, &state, &sim.error));
        if (state.pending)
            sim_die("device %d still has %lld rows to send", device, (long long)state.pending);
    }
}

void sim_check_all(void)
{
    for (int i = 0; i < DEVICES; i++)
        check_pending(i);
    for (int s = 0; s < SPACES; s++) {
        for (int i = 0; i < DEVICES; i++)
            read_lines(i, s);
        for (int a = 0; a < DEVICES; a++)
            for (int b = 0; b < DEVICES; b++)
                if (a != b && sim_scope(a, s) && sim_scope(b, s))
                    compare_devices(a, b, s);
        for (int i = 0; i < DEVICES; i++) {
            const struct space *space = intern_space_find(sim.devices[i].r, sim_spaces[s]);
            struct remembering m = {sim.devices[i].r, s, true, i};
            if (space && space->role != ROLE_NONE)
                NEED(row_walk(sim.devices[i].r, space->ref, each_field, &m, &sim.error));
        }
    }
}

void sim_forget(void)
{
    memset(seen, 0, sizeof seen);
}
