/* What is done. model [FIRST [SEEDS]]: environment RAUM_SEED (the first), RAUM_SEEDS (how many),
 * RAUM_OPS (operations of each, 5,000), RAUM_PLANT (with planted bugs built in: which one). The end
 * is an exit status. */
#include "engine/model.h"

#include "base/plant.h"
#include <unistd.h>

struct model m;
#ifdef RAUM_MODEL_PLANTS
int raum_plant;
#endif

uint32_t below(uint32_t n)
{
    return (uint32_t)(kit_random(&m.state) % n);
}

static bool chance(uint32_t percent)
{
    return below(100) < percent;
}

/* ---- set-up ---- */

static const struct {
    const char *id;
    int type, roles[ACCOUNTS];
} shared[] = {
    {"s-all", SPACE_TEAM, {ROLE_OWNER, ROLE_MEMBER, ROLE_ADMIN}},
    {"s-two", SPACE_FAMILY, {ROLE_MEMBER, ROLE_OWNER, ROLE_NONE}},
    {"s-club", SPACE_CLUB, {ROLE_ADMIN, ROLE_NONE, ROLE_OWNER}},
    {"s-brand", SPACE_BRAND, {ROLE_OWNER, ROLE_MEMBER, ROLE_MEMBER}},
};
#define SHARED ((int)(sizeof shared / sizeof *shared))

void model_open(int i)
{
    char path[160];
    snprintf(path, sizeof path, "%s/%d", m.folder, i);
    m.raums[i] = kit_open(path, accounts[m.now[i]->account], &m.worlds[i].env);
    for (int h = 0; h < HANDLES; h++) {
        m.handles[i][h] = kit_scope(m.raums[i], NULL);
        m.at[i][h] = 0;
        m.agent[i][h] = false;
    }
    OK(raum_account_new(m.raums[i], &m.settings[i], &error));
}

void model_close(int i)
{
    raum_close(m.raums[i]);
    m.raums[i] = NULL;
}

static struct mspace *new_space(struct mreplica *x, const char *id, int type, int role,
                                bool offline)
{
    for (int i = 0; i < SPACES; i++)
        if (!x->spaces[i].used && !x->spaces[i].id[0]) { /* a place is used once only */
            x->spaces[i] =
                (struct mspace){.used = true, .offline = offline, .type = type, .role = role};
            snprintf(x->spaces[i].id, sizeof x->spaces[i].id, "%s", id);
            return &x->spaces[i];
        }
    return NULL;
}

static void begin_world(uint64_t seed, long ops)
{
    m = (struct model){.seed = seed, .state = seed, .ops = ops, .doing = "starting"};
    kit_folder(m.folder);
    m.before = calloc(1, sizeof *m.before);
    for (int i = 0; i < REPLICAS; i++) {
        char id[80];
        m.now[i] = calloc(1, sizeof *m.now[i]);
        m.now[i]->account = i % ACCOUNTS;
        kit_world_init(&m.worlds[i], seed * REPLICAS + (uint64_t)i);
        m.worlds[i].now_ms += (int64_t)below(3) * 1000;
        model_open(i);
        snprintf(m.devices[i], sizeof m.devices[i], "%s", raum_device(m.raums[i]));
        snprintf(id, sizeof id, "_personal:%s", accounts[i % ACCOUNTS]);
        new_space(m.now[i], id, SPACE_PERSONAL, ROLE_OWNER, true);
        for (int s = 0; s < SHARED; s++)
            if (shared[s].roles[i % ACCOUNTS]) {
                kit_join(m.raums[i], shared[s].id, shared[s].type, shared[s].roles[i % ACCOUNTS]);
                new_space(m.now[i], shared[s].id, shared[s].type, shared[s].roles[i % ACCOUNTS],
                          false);
            }
    }
}

static void end_world(void)
{
    for (int i = 0; i < REPLICAS; i++) {
        model_close(i);
        free(m.now[i]);
    }
    free(m.before);
    kit_remove(m.folder);
}

/* ---- writing ---- */

static void settle(int result, int wanted)
{
    if (result != wanted)
        differs("%s, the oracle says %s", raum_code_name(result), raum_code_name(wanted));
    if (result < 0 && m.in_transaction)
        m.spoilt = true;
}

/* A value for a field, now and then one that it does not take. */
static void any_value(enum table t, enum field f, char out[VALUE])
{
    uint32_t odd = below(20);
    if (odd == 0)
        snprintf(out, VALUE, "null");
    else if (odd == 1)
        snprintf(out, VALUE, "7");
    else if (f == F_VISIBILITY)
        snprintf(out, VALUE, "\"%s\"", odd == 2 ? "public" : chance(65) ? "space" : "private");
    else if (f == F_CREATED)
        snprintf(out, VALUE, "\"201%u-01-01T00:00:00.000Z\"", below(10));
    else if (f == F_DELETED)
        snprintf(out, VALUE, "\"2019-01-01T00:00:00.000Z\"");
    else if (t == T_IMAGES && f == F_A)
        snprintf(out, VALUE, "\"%s\"", odd == 2 ? "nobody" : chance(50) ? "face" : "hands");
    else if (t == T_IMAGES && f == F_C)
        snprintf(out, VALUE, "%s", chance(60) ? "true" : "false");
    else if ((t == T_IMAGES && f == F_D) || (t == T_SLOTS && f == F_A))
        snprintf(out, VALUE, "\"%s\"", odd == 2 ? "dora" : accounts[below(ACCOUNTS)]);
    else if (t == T_SLOTS && f == F_B)
        snprintf(out, VALUE, "\"%s\"",
                 chance(50)   ? "avatar"
                 : chance(50) ? "face-ref"
                              : "body-ref");
    else if (t == T_SLOTS && f == F_C)
        snprintf(out, VALUE, "\"i%u\"", below(9));
    else if (f == F_X && odd < 5)
        snprintf(out, VALUE, "{\"a\":[%u,null]}", below(3));
    else
        snprintf(out, VALUE, "\"v%u\"", below(50));
}

static enum field any_field(enum table t)
{
    enum field f;
    do
        f = (enum field)below(FIELDS);
    while (!columns[t][f].name);
    return f;
}

static void any_id(const struct mreplica *x, enum table t, char out[VALUE])
{
    static const char *const slots[] = {"avatar", "face-ref", "body-ref"};
    if (t == T_SLOTS)
        snprintf(out, VALUE, "%s:%s", chance(85) ? accounts[x->account] : accounts[below(ACCOUNTS)],
                 slots[below(3)]);
    else
        snprintf(out, VALUE, "%c%u",
                 t == T_IMAGES ? 'i'
                 : t == T_TAGS ? 't'
                               : 'u',
                 below(t == T_SETTINGS ? 3 : 9));
}

/* One of the replica's handles; mostly one that stands somewhere. */
static struct raum_handle *any_handle(int i, enum table t, int *space, bool *agent)
{
    int h = (int)below(HANDLES);
    *space = t == T_SETTINGS ? SPACE_USER : m.at[i][h];
    *agent = t != T_SETTINGS && m.agent[i][h];
    return t == T_SETTINGS ? m.settings[i] : m.handles[i][h];
}

static enum table any_table(void)
{
    uint32_t n = below(10);
    return n < 4 ? T_IMAGES : n < 6 ? T_SLOTS : n < 9 ? T_TAGS : T_SETTINGS;
}

static void defaults(struct mrow *row, const char *subject)
{
    static const char *const values[TABLES][FIELDS] = {
        [T_IMAGES] = {"\"space\"", "", "null", "\"reference\"", "null", "false", "", ""},
        [T_SLOTS] = {"\"space\"", "", "null", "", "", "null", "", ""},
        [T_TAGS] = {"\"space\"", "", "null", "", "null", "", "", ""},
        [T_SETTINGS] = {"\"space\"", "", "null", "null", "null", "", "", ""},
    };
    for (int f = 0; f < FIELDS; f++)
        snprintf(row->f[f].value, VALUE, "%s", values[row->table][f]);
    if (row->table == T_IMAGES)
        snprintf(row->f[F_D].value, VALUE, "%s", subject);
    if (row->table == T_SLOTS) {
        snprintf(row->f[F_A].value, VALUE, "%s", subject);
        snprintf(row->f[F_B].value, VALUE, "\"%s\"", strchr(row->id, ':') + 1);
    }
}

static void insert_row(int i, struct raum_handle *h, int space, bool agent, enum table t,
                       const char *id, enum field f, const char *value, const char *subject,
                       const char *x)
{
    struct mreplica *o = m.now[i];
    struct buf json;
    char got[RAUM_ID_MAX];
    const char *name = columns[t][f].name;
    buf_init(&json, 4096);
    if (t == T_SLOTS)
        buf_printf(&json, "{\"slot\":\"%s\",\"person\":%s", strchr(id, ':') + 1, subject);
    else
        buf_printf(&json, "{\"id\":\"%s\"", id);
    if (t == T_TAGS && f != F_A)
        buf_str(&json, ",\"name\":\"n\"");
    if (t == T_IMAGES)
        buf_printf(&json, ",\"subjectId\":%s", subject);
    buf_printf(&json, ",\"%s\":%s", name, value);
    if (x)
        buf_printf(&json, ",\"x\":%s", x);
    buf_char(&json, '}');
    int wanted = oracle_insert(o, space, t, id, f, value, subject);
    err_clear(&error);
    settle(kit_insert(h, table_names[t], buf_text(&json), got), wanted);
    buf_release(&json);
    if (wanted)
        return;
    struct mrow *row = oracle_new(o, t, space, id);
    row->author = o->account;
    defaults(row, subject);
    if (t == T_TAGS)
        snprintf(row->f[F_A].value, VALUE, "\"n\"");
    snprintf(row->f[f].value, VALUE, "%s", value);
    if (x)
        snprintf(row->f[F_X].value, VALUE, "%s", x);
    row->dirty = oracle_all_tags(t, x != NULL);
    unsigned written = 0;
    for (int j = 0; j < FIELDS; j++)
        if (columns[t][j].name && (j != F_X || x))
            written |= 1u << j;
    check_written(i, row, written, agent, true);
}

static void do_insert(int i)
{
    enum table t = any_table();
    int space;
    bool agent;
    char id[VALUE], value[VALUE], subject[VALUE], x[VALUE];
    struct raum_handle *h = any_handle(i, t, &space, &agent);
    static const enum field given[TABLES][4] = {{F_VISIBILITY, F_A, F_B, F_C},
                                                {F_VISIBILITY, F_C, F_C, F_CREATED},
                                                {F_VISIBILITY, F_A, F_B, F_CREATED},
                                                {F_A, F_B, F_A, F_VISIBILITY}};
    enum field f = given[t][below(4)];
    any_id(m.now[i], t, id);
    any_value(t, f, value);
    if (t == T_SLOTS)
        snprintf(subject, VALUE, "\"%.*s\"", (int)strcspn(id, ":"), id);
    else
        snprintf(subject, VALUE, "\"%s\"",
                 chance(75) ? accounts[m.now[i]->account] : accounts[below(ACCOUNTS)]);
    any_value(t, F_X, x);
    insert_row(i, h, space, agent, t, id, f, value, subject, chance(30) ? x : NULL);
}

/* `usage` as a whole: false counts, true does not (G-T12). */
static void write_usage(int i, struct raum_handle *h, int space, bool agent, const char *id)
{
    const char *value = chance(50) ? "true" : "false";
    char json[80];
    snprintf(json, sizeof json, "{\"usage\":{\"aiReference\":%s}}", value);
    int wanted = oracle_change(m.now[i], space, T_IMAGES, id, OP_UPDATE, F_C, "false");
    err_clear(&error);
    settle(kit_update(h, "meImages", id, json), wanted);
    if (wanted)
        return;
    struct mrow *row = oracle_find(m.now[i], T_IMAGES, space, id);
    bool turned = strcmp(value, "false") == 0 && strcmp(row->f[F_C].value, "true") == 0;
    if (turned)
        snprintf(row->f[F_C].value, VALUE, "false");
    check_written(i, row, turned ? 1u << F_C : 0, agent, false);
}

static void update_field(int i, struct raum_handle *h, int space, bool agent, enum table t,
                         const char *id, enum field f, const char *value)
{
    char json[200];
    snprintf(json, sizeof json, "{\"%s\":%s}", columns[t][f].name, value);
    int wanted = oracle_change(m.now[i], space, t, id, OP_UPDATE, f, value);
    err_clear(&error);
    settle(kit_update(h, table_names[t], id, json), wanted);
    if (wanted)
        return;
    struct mrow *row = oracle_find(m.now[i], t, space, id);
    bool changed = f == F_X || strcmp(row->f[f].value, value) != 0;
    snprintf(row->f[f].value, VALUE, "%s", value);
    check_written(i, row, changed ? 1u << f : 0, agent, false);
}

static void do_update(int i)
{
    enum table t = any_table();
    int space;
    bool agent;
    char id[VALUE], value[VALUE];
    struct raum_handle *h = any_handle(i, t, &space, &agent);
    enum field f = any_field(t);
    any_id(m.now[i], t, id);
    any_value(t, f, value);
    if (t == T_IMAGES && chance(15))
        write_usage(i, h, space, agent, id);
    else
        update_field(i, h, space, agent, t, id, f, value);
}

static void do_delete_or_restore(int i)
{
    enum table t = any_table();
    int space;
    bool agent;
    char id[VALUE];
    struct raum_handle *h = any_handle(i, t, &space, &agent);
    enum rights_op op = chance(50) ? OP_DELETE : OP_RESTORE;
    any_id(m.now[i], t, id);
    int wanted = oracle_change(m.now[i], space, t, id, op, F_DELETED, "");
    err_clear(&error);
    int (*write)(struct raum_handle *, const char *, const char *, struct raum_error *) =
        op == OP_DELETE ? raum_delete : raum_restore;
    settle(write(h, table_names[t], id, &error), wanted);
    if (wanted)
        return;
    struct mrow *row = oracle_find(m.now[i], t, space, id);
    check_written(i, row, 1u << F_DELETED, agent, false);
    if (oracle_deleted(row) != (op == OP_DELETE))
        differs("%s is %s", id, row->f[F_DELETED].value);
}

/* What is wrong in form, whatever the row. */
static void do_nonsense(int i)
{
    char id[RAUM_ID_MAX];
    struct raum_handle *h = m.handles[i][0];
    int space = m.at[i][0];
    int there = space == NOT_READY             ? RAUM_ESCOPE_NOT_READY
                : m.now[i]->spaces[space].role ? 0
                                               : RAUM_ENOT_FOUND;
    err_clear(&error);
    switch (below(6)) {
    case 0:
        settle(kit_insert(h, "nothing", "{}", id), RAUM_EUNKNOWN_TABLE);
        break;
    case 1:
        settle(kit_insert(h, "userSettings", "{}", id), RAUM_EUNKNOWN_TABLE);
        break;
    case 2:
        settle(kit_insert(m.settings[i], "tags", "{\"name\":\"x\"}", id), RAUM_EUNKNOWN_TABLE);
        break;
    case 3:
        settle(kit_insert(h, "tags", "{\"name\":\"x\",\"primaryFor\":1,\"spaceId\":\"elsewhere\"}",
                          id),
               there ? there : RAUM_EIMMUTABLE_FIELD);
        break;
    case 4:
        settle(kit_insert(h, "tags", "[]", id), there ? there : RAUM_EBAD_CHANGE);
        break;
    default:
        if (kit_insert(h, "tags", "{\"name\":", id) != RAUM_EBAD_JSON) /* before any transaction */
            differs("half a JSON");
    }
}

/* ---- handles ---- */

static void switch_to(int i, int h, int space)
{
    const struct mreplica *x = m.now[i];
    OK(raum_scope_set(m.handles[i][h], space == NOT_READY ? NULL : x->spaces[space].id, &error));
    m.at[i][h] = space;
}

static int any_space(const struct mreplica *x, int most)
{
    for (int tries = 0; tries < 200; tries++) {
        int space = (int)below((uint32_t)most);
        if (x->spaces[space].used && x->spaces[space].role > ROLE_NONE)
            return space;
    }
    return 0;
}

static int space_count(const struct mreplica *x)
{
    int count = 0;
    while (count < SPACES && x->spaces[count].id[0])
        count++;
    return count;
}

static void do_switch(int i)
{
    int h = (int)below(HANDLES), before = m.at[i][h];
    struct raum_query *q = NULL;
    bool ready = before != NOT_READY && m.now[i]->spaces[before].role > ROLE_NONE, row = false;
    if (ready && chance(50)) { /* in the middle of reading */
        OK(query_view(m.handles[i][h],
                      "SELECT spaceId FROM tags UNION ALL SELECT spaceId FROM meImages", &q,
                      &error));
        row = raum_query_step(q, &error) == 0;
    }
    if (chance(5)) {
        err_clear(&error);
        int result =
            raum_scope_set(m.handles[i][h], chance(50) ? "nowhere" : "_personal:nobody", &error);
        if (result != RAUM_ENOT_FOUND)
            differs("a space that is not there");
    } else
        switch_to(i, h,
                  chance(4) ? NOT_READY
                            : any_space(m.now[i], chance(50) ? space_count(m.now[i]) : 1 + SHARED));
    while (row) { /* G-T8: no row of another space behind the switch */
        int result = raum_query_step(q, &error);
        if (m.at[i][h] != before && result != RAUM_EINTERRUPTED)
            differs("a query went on after a switch: %s", raum_code_name(result));
        row = result == 0;
    }
    raum_query_free(q);
}

static void do_agent(int i)
{
    int h = (int)below(HANDLES);
    m.agent[i][h] = !m.agent[i][h];
    OK(raum_handle_agent(m.handles[i][h], m.agent[i][h] ? "bot" : NULL, &error));
}

static void do_look(int i)
{
    check_replica(i);
}

/* ---- transactions, restarts, time ---- */

static void do_begin(int i)
{
    OK(raum_begin(m.raums[i], &error));
    memcpy(m.before, m.now[i], sizeof *m.before);
    m.in_transaction = true;
    m.spoilt = false;
}

static void do_end(int i)
{
    bool back = chance(25);
    m.in_transaction = false;
    err_clear(&error);
    if (back) {
        raum_rollback(m.raums[i]);
    } else {
        int result = raum_commit(m.raums[i], &error);
        if (result != (m.spoilt ? RAUM_EINTERRUPTED : 0))
            differs("a commit: %s", raum_code_name(result));
    }
    if (!back && !m.spoilt)
        return;
    memcpy(m.now[i], m.before, sizeof *m.before);
    for (int h = 0; h < HANDLES; h++) /* the space it stood in was never made */
        if (m.at[i][h] != NOT_READY && !m.now[i]->spaces[m.at[i][h]].used)
            m.at[i][h] = NOT_READY;
    if (chance(10))
        check_replica(i);
}

static void do_reopen(int i)
{
    model_close(i);
    model_open(i);
    check_replica(i);
}

static void do_clock(int i)
{
    uint32_t kind = below(10);
    int64_t jump = kind == 0 ? 600000 : kind == 1 ? -600000 : kind == 2 ? -5 : (int64_t)below(4);
    m.worlds[i].now_ms += jump;
}

/* ---- spaces ---- */

static void do_make_space(int i)
{
    const struct space *s;
    if (space_count(m.now[i]) > SPACES - 2)
        return;
    OK(spaces_create(m.raums[i], "Neu", SPACE_BRAND + (int)below(5), &s, &error));
    new_space(m.now[i], s->id, s->type, ROLE_OWNER, true);
}

static int any_offline(const struct mreplica *x)
{
    int count = space_count(x);
    for (int tries = 0; tries < 30; tries++) {
        int space = (int)below((uint32_t)count);
        if (x->spaces[space].used && x->spaces[space].offline &&
            x->spaces[space].type != SPACE_PERSONAL)
            return space;
    }
    return -1;
}

/* An offline space becomes real: under an id nobody has, or one that has rows here already. */
static void do_become(int i)
{
    struct mreplica *x = m.now[i];
    int from = any_offline(x), to = any_space(x, 1 + SHARED);
    char id[80];
    if (from < 0)
        return;
    if (x->spaces[to].type != SPACE_PERSONAL && x->spaces[to].used && chance(50)) {
        OK(spaces_become(m.raums[i], x->spaces[from].id, x->spaces[to].id, &error));
        if (from != to)
            oracle_join(x, from, to);
        for (int h = 0; h < HANDLES; h++)
            m.at[i][h] = m.at[i][h] == from ? to : m.at[i][h];
    } else {
        snprintf(id, sizeof id, "real-%d-%ld", i, m.op);
        OK(spaces_become(m.raums[i], x->spaces[from].id, id, &error));
        OK(spaces_become(m.raums[i], x->spaces[from].id, id, &error)); /* again */
        snprintf(x->spaces[from].id, sizeof x->spaces[from].id, "%s", id);
        x->spaces[from].offline = false;
    }
}

static void do_personal(int i)
{
    struct mspace *own = &m.now[i]->spaces[0];
    char id[80];
    if (chance(30)) {
        err_clear(&error);
        settle(spaces_become(m.raums[i], "_personal:dora", "p-dora", &error), RAUM_ENOT_FOUND);
        return;
    }
    err_clear(&error);
    if (chance(30)) { /* sealed rows do not come to lie open */
        settle(spaces_become(m.raums[i], own->id, "s-all", &error), RAUM_ENOT_ALLOWED);
        return;
    }
    if (!own->offline)
        return;
    snprintf(id, sizeof id, "p-%s", accounts[m.now[i]->account]);
    OK(spaces_become(m.raums[i], own->id, id, &error));
    snprintf(own->id, sizeof own->id, "%s", id);
    own->offline = false;
}

static void do_delete_space(int i)
{
    int space = any_offline(m.now[i]);
    char id[RAUM_ID_MAX];
    err_clear(&error);
    if (chance(20)) {
        settle(spaces_delete(m.raums[i], m.now[i]->spaces[0].id, &error),
               RAUM_ESPACE_PERSONAL_UNDELETABLE);
        return;
    }
    if (space < 0 || chance(50))
        return;
    OK(spaces_delete(m.raums[i], m.now[i]->spaces[space].id, &error));
    oracle_erase(m.now[i], space);
    for (int h = 0; h < HANDLES; h++)
        if (m.at[i][h] == space) {
            settle(kit_insert(m.handles[i][h], "tags", "{\"name\":\"x\"}", id), RAUM_ENOT_FOUND);
            switch_to(i, h, NOT_READY);
        }
}

static void do_role(int i)
{
    struct mreplica *x = m.now[i];
    int space = 1 + (int)below(SHARED);
    if (!x->spaces[space].used || x->spaces[space].type == SPACE_PERSONAL ||
        x->spaces[space].offline)
        return;
    int role = chance(10) ? ROLE_NONE : ROLE_MEMBER + (int)below(3);
    OK(replica_begin(m.raums[i], &error));
    struct space s = *intern_space_find(m.raums[i], x->spaces[space].id);
    s.role = role;
    OK(intern_space_put(m.raums[i], &s, &error));
    OK(replica_commit(m.raums[i], &error));
    x->spaces[space].role = role;
}

/* Rows from another replica, as they come from the server; now and then also those that should have
 * been kept back, as when they became private after they had arrived. */
static void do_hand_over(int i)
{
    int from = (int)below(REPLICAS), space = (int)below(1 + SHARED), to;
    bool user = from != i && m.now[from]->account == m.now[i]->account && chance(30),
         leaky = chance(20);
    const char *id = user ? "user:anna" : m.now[from]->spaces[space].id;
    if (from == i || !id[0])
        return;
    to = user ? SPACE_USER : oracle_space(m.now[i], id);
    if (!user && (to < 0 || !m.now[from]->spaces[space].used))
        return;
    OK(kit_hand_over(m.raums[from], m.raums[i], id, leaky, &error));
    for (int n = 0; n < ROWS; n++) {
        const struct mrow *row = &m.now[from]->rows[n];
        if (!row->used || row->space != (user ? SPACE_USER : space))
            continue;
        if (oracle_private(row) && row->author != m.now[i]->account && !leaky)
            continue;
        oracle_merge(m.now[i], to, row, false);
    }
    if (chance(15))
        check_replica(i);
}

/* Two people write the same field of the same row at the very same time. */
static void do_race(int i)
{
    int j = (i + 1 + (int)below(REPLICAS - 1)) % REPLICAS, space = (int)below(1 + SHARED);
    const char *id = m.now[i]->spaces[space].id;
    int there = id[0] ? oracle_space(m.now[j], id) : -1;
    if (there < 0 || !m.now[i]->spaces[space].used || !m.now[i]->spaces[space].role ||
        !m.now[j]->spaces[there].role)
        return;
    int64_t now = 0;
    for (int r = 0; r < REPLICAS; r++)
        now = m.worlds[r].now_ms > now ? m.worlds[r].now_ms : now;
    for (int r = 0; r < REPLICAS; r++)
        now = clock_ms(m.raums[r]->clock.last) > now ? clock_ms(m.raums[r]->clock.last) : now;
    for (int r = 0; r < REPLICAS; r++)
        m.worlds[r].now_ms = now + 1;
    for (int n = 0; n < ROWS; n++) {
        const struct mrow *row = &m.now[i]->rows[n];
        if (!row->used || row->table != T_TAGS || row->space != space ||
            !oracle_find(m.now[j], T_TAGS, there, row->id))
            continue;
        for (int side = 0; side < 2; side++) {
            char value[VALUE];
            int r = side ? j : i;
            snprintf(value, VALUE, "\"r%u\"", below(50));
            switch_to(r, 0, side ? there : space);
            update_field(r, m.handles[r][0], side ? there : space, m.agent[r][0], T_TAGS, row->id,
                         F_B, value);
        }
        return;
    }
}

/* ---- the run ---- */

static const struct {
    const char *name;
    int weight;
    void (*run)(int replica);
    bool within; /* also inside a transaction */
} kinds[] = {
    {"insert", 260, do_insert, true},
    {"update", 330, do_update, true},
    {"delete or restore", 110, do_delete_or_restore, true},
    {"nonsense", 12, do_nonsense, true},
    {"switch", 70, do_switch, true},
    {"begin", 40, do_begin, false},
    {"clock", 60, do_clock, true},
    {"make a space", 7, do_make_space, true},
    {"become real", 4, do_become, true},
    {"personal becomes real", 1, do_personal, true},
    {"delete a space", 3, do_delete_space, false},
    {"role", 5, do_role, true},
    {"agent", 6, do_agent, false},
    {"hand over", 22, do_hand_over, true},
    {"race", 8, do_race, false},
    {"look", 2, do_look, true},
    {"reopen", 3, do_reopen, false},
    {"crash", 1, model_crash, false},
};
#define KINDS (sizeof kinds / sizeof *kinds)

static void one_operation(void)
{
    int all = 0;
    if (m.in_transaction && chance(18)) {
        m.doing = "end of a transaction";
        do_end(m.turn);
        return;
    }
    if (!m.in_transaction)
        m.turn = (int)below(REPLICAS);
    for (size_t k = 0; k < KINDS; k++)
        all += kinds[k].weight;
    int pick = (int)below((uint32_t)all);
    size_t k = 0;
    while (pick >= kinds[k].weight)
        pick -= kinds[k++].weight;
    m.doing = kinds[k].name;
    if (kinds[k].within || !m.in_transaction)
        kinds[k].run(m.turn);
}

static void run(uint64_t seed, long ops)
{
    begin_world(seed, ops);
    for (m.op = 1; m.op <= ops; m.op++) {
        one_operation();
        if (m.op % 500 == 0 && !m.in_transaction)
            check_all();
    }
    if (m.in_transaction)
        do_end(m.turn);
    m.doing = "end";
    check_all();
    end_world();
}

static long number(const char *name, long fallback)
{
    const char *text = getenv(name);
    return text ? strtol(text, NULL, 10) : fallback;
}

int main(int argc, char **argv)
{
    if (argc > 1 && strcmp(argv[1], "plants") == 0) { /* how many there are */
        printf("%d\n", PLANTS - 1);
        return 0;
    }
    long first = number("RAUM_SEED", argc > 1 ? strtol(argv[1], NULL, 10) : 1);
    long seeds = number("RAUM_SEEDS", argc > 2 ? strtol(argv[2], NULL, 10) : 20);
    long ops = number("RAUM_OPS", 5000);
#ifdef RAUM_MODEL_PLANTS
    raum_plant = (int)number("RAUM_PLANT", 0);
#endif
    for (long seed = first; seed < first + seeds; seed++)
        run((uint64_t)seed, ops);
    printf("model: %ld operations, seeds %ld to %ld: engine and oracle agree\n", seeds * ops, first,
           first + seeds - 1);
    return 0;
}
