/* The simulation: several accounts, devices and spaces around one relay; clocks that are wrong and
 * jump, a network that loses, repeats and delays, devices that are killed, members that come and
 * go, rows that turn private, a server that is restored from yesterday's backup. Everything follows
 * from the seed.
 *
 *     sim [FIRST [COUNT [STEPS]]]      seeds FIRST … FIRST + COUNT - 1
 *     RAUM_PLANT=n                     with the n-th planted bug of sync (src/base/plant.h)
 *
 * After each step no row lies on a device whose account may not see it (G-T9, G-S1). When all has
 * come to rest every device holds the same (G-S4 … G-S12), and nothing is older than what any
 * device ever held (G-O4, G-S5). */
#include "sim/sim.h"

#include <stdio.h>
#include <unistd.h>

struct sim sim;
#ifdef RAUM_MODEL_PLANTS
int raum_plant;
#endif

const char *const sim_accounts[ACCOUNTS] = {"anna", "bert", "cleo"};
const char *const sim_spaces[SPACES] = {"fam", "club"};
/* anna and bert have two devices each. */
const int sim_owner[DEVICES] = {0, 0, 1, 1, 2};

_Noreturn void sim_die(const char *fmt, ...)
{
    va_list args;
    printf("sim: seed %llu, step %d: ", (unsigned long long)sim.seed, sim.step);
    va_start(args, fmt);
    vprintf(fmt, args);
    va_end(args);
    printf("\n");
    fflush(stdout);
    _exit(1);
}

uint32_t sim_below(uint32_t n)
{
    return (uint32_t)(kit_random(&sim.state) % n);
}

static void run(const char *sql)
{
    struct raum_error e = {0};
    if (sql_run(sim.sql, &e, sql, "") != 0)
        sim_die("%s: %s", sql, e.text);
}

/* ---- the server ---- */

static void open_server(void)
{
    snprintf(sim.server_path, sizeof sim.server_path, "%s/server.db", sim.folder);
    NEED(sql_open(&sim.sql, sim.server_path, &sim.server_world.env, &sim.error));
    NEED(sql_migrate(sim.sql, &sim.error));
    NEED(relay_new(&sim.relay, sim.sql, &sim.server_world.env, &sim.error));
}

static void close_server(void)
{
    relay_free(sim.relay);
    sql_close(sim.sql);
}

static void fill_server(void)
{
    run("INSERT INTO accounts (id, name, email, email_verified, created, updated) VALUES ('anna', "
        "'a', 'a', 1, 0, 0), ('bert', 'b', 'b', 1, 0, 0), ('cleo', 'c', 'c', 1, 0, 0)");
    run("INSERT INTO spaces (id, name, slug, type, created) VALUES ('fam', 'F', 'fam', 'family', "
        "2), ('club', 'C', 'club', 'club', 3)");
    run("INSERT INTO members (id, space, account, role, created) VALUES ('1', 'fam', 'anna', "
        "'owner', 1), ('2', 'fam', 'bert', 'member', 1), ('3', 'club', 'anna', 'admin', 1), ('4', "
        "'club', 'bert', 'owner', 1), ('5', 'club', 'cleo', 'member', 1)");
    memcpy(sim.roles,
           (int[ACCOUNTS][SPACES]){
               {ROLE_OWNER, ROLE_ADMIN}, {ROLE_MEMBER, ROLE_OWNER}, {ROLE_NONE, ROLE_MEMBER}},
           sizeof sim.roles);
}

static void copy_file(const char *from, const char *to)
{
    char buffer[65536];
    FILE *in = fopen(from, "rb"), *out = fopen(to, "wb");
    if (!in || !out)
        sim_die("cannot copy %s", from);
    for (size_t n; (n = fread(buffer, 1, sizeof buffer, in)) > 0;)
        if (fwrite(buffer, 1, n, out) != n)
            sim_die("cannot write %s", to);
    fclose(in);
    if (fclose(out) != 0)
        sim_die("cannot write %s", to);
}

/* A backup is taken; or the server loses everything since the last one (G-O4). Members are as they
 * are: they are asked elsewhere. */
static void backup(void)
{
    char path[200];
    snprintf(path, sizeof path, "%s/backup.db", sim.folder);
    close_server();
    copy_file(sim.server_path, path);
    open_server();
    sim.has_backup = true;
}

static void set_role(int account, int space, int role)
{
    struct raum_error e = {0};
    int result = sql_run(sim.sql, &e, "DELETE FROM members WHERE account = ?1 AND space = ?2", "ss",
                         sim_accounts[account], sim_spaces[space]);
    if (result == 0 && role != ROLE_NONE)
        result = sql_run(sim.sql, &e,
                         "INSERT INTO members (id, space, account, role, created) VALUES (?1 || "
                         "?2, ?2, ?1, ?3, 1)",
                         "sss", sim_accounts[account], sim_spaces[space], rights_role_name(role));
    if (result < 0)
        sim_die("roles: %s", e.text);
    sim.roles[account][space] = role;
}

static void restore(void)
{
    char path[200], side[220];
    if (!sim.has_backup)
        return;
    snprintf(path, sizeof path, "%s/backup.db", sim.folder);
    close_server();
    snprintf(side, sizeof side, "%s-wal", sim.server_path);
    unlink(side);
    copy_file(path, sim.server_path);
    open_server();
    NEED(relay_new_epoch(sim.sql, &sim.server_world.env, &sim.error));
    for (int a = 0; a < ACCOUNTS; a++)
        for (int s = 0; s < SPACES; s++)
            set_role(a, s, sim.roles[a][s]);
}

/* ---- devices ---- */

static void open_device(int i)
{
    char path[200];
    struct device *d = &sim.devices[i];
    snprintf(path, sizeof path, "%s/device-%d", sim.folder, i);
    d->r = kit_open(path, sim_accounts[sim_owner[i]], &d->world.env);
    for (int s = 0; s < SPACES; s++)
        if (intern_space_find(d->r, sim_spaces[s])) {
            d->scopes[s] = NULL;
            sim_scope(i, s);
        }
    NEED(session_new(&d->session, d->r, &sim.error));
}

static void close_device(int i)
{
    struct device *d = &sim.devices[i];
    session_free(d->session);
    for (int s = 0; s < SPACES; s++) {
        raum_handle_free(d->scopes[s]);
        d->scopes[s] = NULL;
    }
    raum_close(d->r);
    free(d->late);
    d->late = NULL;
}

/* As the list of spaces would say it before a sync: roles of now. */
static void learn_roles(int i)
{
    struct device *d = &sim.devices[i];
    for (int s = 0; s < SPACES; s++) {
        int role = sim.roles[sim_owner[i]][s];
        const struct space *known = intern_space_find(d->r, sim_spaces[s]);
        if (known && known->role == role)
            continue;
        if (!known && role == ROLE_NONE)
            continue;
        if (!known) {
            kit_join(d->r, sim_spaces[s], s ? SPACE_CLUB : SPACE_FAMILY, role);
        } else {
            struct space changed = *known;
            changed.role = role;
            NEED(replica_begin(d->r, &sim.error));
            NEED(intern_space_put(d->r, &changed, &sim.error));
            NEED(replica_commit(d->r, &sim.error));
        }
        if (role != ROLE_NONE) /* what was refused meanwhile is offered again */
            NEED(outgoing_retry(d->r, 0, &sim.error));
    }
}

struct raum_handle *sim_scope(int device, int space)
{
    struct device *d = &sim.devices[device];
    const struct space *s = intern_space_find(d->r, sim_spaces[space]);
    if (!s || s->role == ROLE_NONE)
        return NULL;
    if (!d->scopes[space]) {
        NEED(raum_scope_new(d->r, &d->scopes[space], &sim.error));
        NEED(raum_scope_set(d->scopes[space], sim_spaces[space], &sim.error));
    }
    return d->scopes[space];
}

/* ---- the network ---- */

static int space_index(const char *id)
{
    for (int s = 0; s < SPACES; s++)
        if (strcmp(sim_spaces[s], id) == 0)
            return s;
    return -1;
}

static int64_t seq_of(int space)
{
    struct sql_rows *rows;
    struct raum_error e = {0};
    int64_t seq = 0;
    int result = sql_one(sim.sql, &rows, &e, "SELECT seq FROM partitions WHERE id = ?1", "s",
                         sim_spaces[space]);
    if (result == 0)
        seq = sql_int(rows, "seq");
    sql_rows_free(rows);
    return seq;
}

/* Nothing in an answer that the account may not see at this moment (G-S1, G-T9). */
static void check_answer(int device, const char *body, size_t len)
{
    struct arena a;
    struct json_doc doc;
    struct wire_answer answer;
    const char *account = sim_accounts[sim_owner[device]];
    arena_init(&a, 256u << 20);
    json_init(&doc);
    NEED(json_parse(&doc, body, len, 0, &sim.error));
    NEED(wire_read_answer(&doc, &a, &answer, &sim.error));
    for (uint32_t i = 0; i < answer.change_count; i++) {
        const struct wire_change *c = &answer.changes[i];
        int space = space_index(c->space);
        if (space >= 0 && sim.roles[sim_owner[device]][space] == ROLE_NONE)
            sim_die("%s was sent a row of %s", account, c->space);
    }
    json_release(&doc);
    arena_release(&a);
}

static int serve(int i, const struct session_step *step, char **body, size_t *len)
{
    struct arena a;
    struct buf out;
    struct json_doc doc;
    struct relay_written *written;
    struct raum_error e = {0};
    uint32_t count;
    struct relay_caller who = {.account = sim_accounts[sim_owner[i]]};
    int64_t before[SPACES];
    for (int s = 0; s < SPACES; s++)
        before[s] = seq_of(s);
    arena_init(&a, 256u << 20);
    buf_init(&out, 32u << 20);
    json_init(&doc);
    int result = json_parse(&doc, step->body, step->len, 0, &e);
    if (result == 0)
        result = relay_exchange(sim.relay, &who, &doc, NULL, &a, &out, &written, &count, &e);
    json_release(&doc);
    arena_release(&a);
    if (result < 0)
        sim_die("the server fails: %s", e.text);
    for (int s = 0; s < SPACES; s++)
        if (sim.roles[sim_owner[i]][s] == ROLE_NONE && seq_of(s) != before[s])
            sim_die("%s wrote to %s", sim_accounts[sim_owner[i]], sim_spaces[s]);
    *body = buf_detach(&out, len);
    check_answer(i, *body, *len);
    return 200;
}

static void answer(int i, int status, const char *body, size_t len, bool late)
{
    struct device *d = &sim.devices[i];
    struct raum_error e = {0};
    if (session_answer(d->session, d->world.now_ms, status, 0, body, len, &e) < 0)
        sim_die("device %d cannot take an answer: %s", i, e.text);
    if (session_counts(d->session)->unknown && !late) /* it may have left meanwhile */
        sim_check_unknown(i);
    sim_check_device(i);
}

/* One turn of a device's session. `fair`: nothing is lost. */
static bool turn(int i, bool fair)
{
    struct device *d = &sim.devices[i];
    struct session_step step;
    NEED(session_next(d->session, d->world.now_ms, &step, &sim.error));
    if (step.action == SESSION_WAIT) {
        if (fair)
            d->world.now_ms = step.until;
        return true;
    }
    if (step.action != SESSION_SEND)
        return false;
    char *body;
    size_t len;
    uint32_t luck = fair ? 99 : sim_below(100);
    if (d->late) { /* what was delayed arrives now */
        char *late = d->late;
        d->late = NULL;
        answer(i, 200, late, d->late_len, true);
        free(late);
        return true;
    }
    if (luck < 10) { /* the request is lost */
        answer(i, 0, NULL, 0, false);
        return true;
    }
    int status = serve(i, &step, &body, &len);
    if (luck < 20) { /* the request arrives twice */
        free(body);
        status = serve(i, &step, &body, &len);
    }
    if (luck >= 20 && luck < 30) { /* the answer is lost */
        answer(i, 0, NULL, 0, false);
        free(body);
    } else if (luck >= 30 && luck < 50) { /* the answer is late: edits come before it */
        d->late = body;
        d->late_len = len;
    } else {
        answer(i, status, body, len, false);
        free(body);
    }
    return true;
}

static void sync_some(int i)
{
    if (sim_below(2)) /* else it does not know yet what it may */
        learn_roles(i);
    session_start(sim.devices[i].session);
    for (uint32_t n = 1 + sim_below(4); n > 0; n--)
        if (!turn(i, false))
            break;
}

static void crash(int i)
{
    close_device(i); /* nothing of the session survives, everything committed does */
    open_device(i);
}

static void clock_jumps(int i)
{
    static const int64_t jumps[] = {-86400000, -5000,  5000,
                                    280000,    400000, INT64_C(365) * 86400000};
    sim.devices[i].world.now_ms = sim.server_world.now_ms + jumps[sim_below(6)];
}

static void somebody_comes_or_goes(void)
{
    /* cleo in the family; bert is a member or an admin of it. Owners stay. What somebody wrote who
     * has left since, nobody can offer again: the backup of before is not used (docs/sync.md). */
    sim.has_backup = false;
    if (sim_below(2))
        set_role(2, 0, sim.roles[2][0] == ROLE_NONE ? ROLE_MEMBER : ROLE_NONE);
    else
        set_role(1, 0, sim.roles[1][0] == ROLE_ADMIN ? ROLE_MEMBER : ROLE_ADMIN);
}

static void one_step(void)
{
    int i = (int)sim_below(DEVICES);
    uint32_t what = sim_below(100);
    int64_t by = (int64_t)sim_below(2000);
    sim.server_world.now_ms += by;
    for (int k = 0; k < DEVICES; k++)
        sim.devices[k].world.now_ms += by;
    if (what < 48)
        sim_edit(i);
    else if (what < 86)
        sync_some(i);
    else if (what < 89)
        crash(i);
    else if (what < 92)
        clock_jumps(i);
    else if (what < 97)
        somebody_comes_or_goes();
    else if (what < 99)
        backup();
    else
        restore();
    for (int k = 0; k < DEVICES; k++)
        sim_remember(k);
}

static void come_to_rest(void)
{
    for (int round = 0; round < 6; round++)
        for (int i = 0; i < DEVICES; i++) {
            struct device *d = &sim.devices[i];
            d->world.now_ms = sim.server_world.now_ms;
            learn_roles(i);
            session_start(d->session);
            for (int n = 0; turn(i, true); n++)
                if (n > 300)
                    sim_die("device %d never comes to rest: %s", i, session_trouble(d->session));
        }
}

static void one_seed(uint64_t seed, int steps)
{
    sim = (struct sim){.seed = seed, .state = seed * 7919 + 17};
    kit_folder(sim.folder);
    kit_world_init(&sim.server_world, seed);
    open_server();
    fill_server();
    for (int i = 0; i < DEVICES; i++) {
        kit_world_init(&sim.devices[i].world, seed * 31 + (uint64_t)i + 1);
        open_device(i);
        learn_roles(i);
    }
    for (sim.step = 0; sim.step < steps; sim.step++)
        one_step();
    come_to_rest();
    sim_check_all();
    for (int i = 0; i < DEVICES; i++)
        close_device(i);
    close_server();
    sim_forget();
    kit_remove(sim.folder);
}

int main(int argc, char **argv)
{
    const char *seeds = getenv("RAUM_SEEDS"), *plant = getenv("RAUM_PLANT");
    uint64_t first = argc > 1 ? strtoull(argv[1], NULL, 10) : 1;
    uint64_t count = argc > 2 ? strtoull(argv[2], NULL, 10) : 20;
    int steps = argc > 3 ? (int)strtol(argv[3], NULL, 10) : 150;
    if (seeds)
        count = strtoull(seeds, NULL, 10);
#ifdef RAUM_MODEL_PLANTS
    int number = plant ? (int)strtol(plant, NULL, 10) : 0;
    raum_plant = number ? PLANT_RELAY_ROLE - 1 + number : PLANT_NONE;
#else
    (void)plant;
#endif
    for (uint64_t seed = first; seed < first + count; seed++)
        one_seed(seed, steps);
    printf("sim: %llu seeds from %llu, %d steps each: all agree\n", (unsigned long long)count,
           (unsigned long long)first, steps);
    return 0;
}
