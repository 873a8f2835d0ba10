/* Accounts, what they are in which space, where their keys' copies are, and the server's file. */
#include "sim/sim.h"

#include "engine/leave.h"
#include "engine/reconcile.h"
#include "engine/vault.h"
#include <sys/stat.h>
#include <unistd.h>

#define COPIES 24

/* What the server keeps of an account's key ring. */
struct safe {
    char id[COPIES][VAULT_ID];
    char *body[COPIES];
    int count;
};
static struct safe safes[ACCOUNTS];
static char folder[128], path[400];
static char *server_blank, *server_saved;
static size_t server_blank_len, server_saved_len;

static const int roles_first[ACCOUNTS][SHARED] = {
    {ROLE_OWNER, ROLE_ADMIN, ROLE_MEMBER},
    {ROLE_MEMBER, ROLE_OWNER, ROLE_NONE},
    {ROLE_NONE, ROLE_MEMBER, ROLE_OWNER},
    {ROLE_NONE, ROLE_NONE, ROLE_MEMBER},
};
static const int types[SHARED] = {SPACE_FAMILY, SPACE_CLUB, SPACE_TEAM};
static const char *const type_names[SHARED] = {"family", "club", "team"};

/* ---- the server ---- */

static void run(const char *sql)
{
    if (sql_run(sim.sql, &sim.error, sql, "") != 0)
        sim_die("%s: %s", sql, sim.error.text);
}

void server_open(void)
{
    NEED(sql_open(&sim.sql, path, &sim.server_world.env, &sim.error));
    NEED(relay_new(&sim.relay, sim.sql, &sim.server_world.env, &sim.error));
    sim.model.last = 0;
}

void server_close(void)
{
    relay_free(sim.relay);
    sql_close(sim.sql);
    sim.relay = NULL;
    sim.sql = NULL;
}

static void set_role(int account, int space, int role)
{
    int result =
        sql_run(sim.sql, &sim.error, "DELETE FROM members WHERE account = ?1 AND space = ?2", "ss",
                sim_accounts[account], sim_spaces[space]);
    if (result == 0 && role != ROLE_NONE)
        result = sql_run(sim.sql, &sim.error,
                         "INSERT INTO members (id, space, account, role, created) VALUES (?1 || "
                         "'-' || ?2, ?2, ?1, ?3, 1)",
                         "sss", sim_accounts[account], sim_spaces[space], rights_role_name(role));
    if (result < 0)
        sim_die("roles: %s", sim.error.text);
    sim.roles[account][space] = role;
}

static void add_space(const char *id, const char *type)
{
    if (sql_run(sim.sql, &sim.error,
                "INSERT INTO spaces (id, name, slug, type, created) VALUES (?1, ?1, ?1, ?2, 1)",
                "ss", id, type) != 0)
        sim_die("spaces: %s", sim.error.text);
}

static void fill(void)
{
    char id[40];
    for (int s = 0; s < SHARED; s++)
        add_space(sim_spaces[s], type_names[s]);
    for (int a = 0; a < ACCOUNTS; a++) {
        snprintf(id, sizeof id, "p-%s", sim_accounts[a]);
        int result = sql_run(sim.sql, &sim.error,
                             "INSERT INTO accounts (id, name, email, email_verified, created, "
                             "updated) VALUES (?1, ?1, ?1, 1, 0, 0)",
                             "s", sim_accounts[a]);
        add_space(id, "personal");
        if (result == 0)
            result = sql_run(sim.sql, &sim.error,
                             "INSERT INTO members (id, space, account, role, created) VALUES (?1, "
                             "?1, ?2, 'owner', 1)",
                             "ss", id, sim_accounts[a]);
        if (result == 0)
            result = sql_run(sim.sql, &sim.error,
                             "INSERT INTO personal_spaces (account, space) VALUES (?1, ?2)", "ss",
                             sim_accounts[a], id);
        if (result < 0)
            sim_die("accounts: %s", sim.error.text);
        for (int s = 0; s < SHARED; s++)
            set_role(a, s, roles_first[a][s]);
    }
}

static void on_postgres(void)
{
    const char *url = getenv("RAUM_TEST_POSTGRES");
    char text[80];
    snprintf(path, sizeof path, "%s", url);
    snprintf(text, sizeof text, "CREATE SCHEMA sim%d", (int)getpid());
    NEED(sql_open(&sim.sql, path, &sim.server_world.env, &sim.error));
    run(text);
    sql_close(sim.sql);
    snprintf(path, sizeof path, "%s%coptions=-csearch_path%%3Dsim%d", url,
             strchr(url, '?') ? '&' : '?', (int)getpid());
}

/* Once a process: its tables are made, and everybody is there. */
void server_template(void)
{
    kit_world_init(&sim.server_world, 1);
    if (sim_postgres) {
        on_postgres();
    } else { /* its lock is on a real file (store/sql_gate.h), its bytes are in memory */
        kit_folder(folder);
        snprintf(path, sizeof path, "%s/owner-%d", folder, OWNER_SERVER);
        if (mkdir(path, 0700) != 0)
            sim_die("no folder %s", path);
        snprintf(path, sizeof path, "%s/owner-%d/server.db", folder, OWNER_SERVER);
    }
    NEED(sql_open(&sim.sql, path, &sim.server_world.env, &sim.error));
    NEED(sql_migrate(sim.sql, &sim.error));
    if (!sim_postgres)
        fill();
    sql_close(sim.sql);
    const void *data = disk_get(path, &server_blank_len);
    server_blank = malloc(server_blank_len + 1);
    if (data)
        memcpy(server_blank, data, server_blank_len);
    disk_clear();
}

/* Not DELETE: its row-level security would let nothing be seen. */
static void empty_postgres(void)
{
    run("TRUNCATE history, receipts, records, partitions, names, relay_state, members, "
        "personal_spaces, spaces, accounts CASCADE");
    fill();
}

void server_fill(void)
{
    if (!sim_postgres)
        disk_put(path, server_blank, server_blank_len);
    server_open();
    if (sim_postgres)
        empty_postgres();
    memcpy(sim.roles, roles_first, sizeof sim.roles);
}

/* A backup is taken; or the server loses everything since the last one (G-O4). */
void server_backup(void)
{
    server_close();
    const void *data = disk_get(path, &server_saved_len);
    server_saved = realloc(server_saved, server_saved_len);
    memcpy(server_saved, data, server_saved_len);
    server_open();
    model_copy(&sim.backup, &sim.model);
    sim.has_backup = true;
}

void server_restore(void)
{
    if (!sim.has_backup)
        return;
    server_close();
    disk_remove(path);
    disk_put(path, server_saved, server_saved_len);
    server_open();
    NEED(relay_new_epoch(sim.sql, &sim.server_world.env, &sim.error));
    model_copy(&sim.model, &sim.backup);
    sim.model.last = 0;
}

/* ---- members ---- */

static int account_of(const char *id)
{
    for (int a = 0; a < ACCOUNTS; a++)
        if (strcmp(sim_accounts[a], id) == 0)
            return a;
    return -1;
}

int people_role(const char *account, const char *space)
{
    int a = account_of(account);
    for (int s = 0; s < SHARED; s++)
        if (strcmp(sim_spaces[s], space) == 0)
            return a < 0 ? ROLE_NONE : sim.roles[a][s];
    const char *own = strncmp(space, "p-", 2) == 0      ? space + 2
                      : strncmp(space, "user:", 5) == 0 ? space + 5
                                                        : "";
    return strcmp(own, account) == 0 ? ROLE_OWNER : ROLE_NONE;
}

/* Removed, and taken back before the device asked for anything else. */
static void move_twice(int account, int space)
{
    int role = sim.roles[account][space];
    set_role(account, space, ROLE_NONE);
    for (int i = 0; i < DEVICES; i++)
        if (sim.devices[i].account == account && sim_below(2)) {
            if (sim_below(2))
                net_stream(i);
            else
                (void)people_learn(i);
        }
    set_role(account, space, role);
}

/* Owners stay. */
void people_move(void)
{
    static const int next[] = {ROLE_NONE, ROLE_NONE, ROLE_MEMBER, ROLE_MEMBER, ROLE_ADMIN};
    int a = (int)sim_below(ACCOUNTS), s = (int)sim_below(SHARED);
    if (sim.roles[a][s] == ROLE_OWNER)
        return;
    if (sim.roles[a][s] != ROLE_NONE && sim_below(3) == 0)
        move_twice(a, s);
    else
        set_role(a, s, next[sim_below(5)]);
}

/* ---- keys ---- */

static void put_copy(struct safe *s, const char *id, const char *body)
{
    for (int i = 0; i < s->count; i++)
        if (strcmp(s->id[i], id) == 0) {
            if (strcmp(s->body[i], body) != 0)
                sim_die("two keys have one id");
            return;
        }
    if (s->count == COPIES)
        sim_die("too many keys");
    snprintf(s->id[s->count], VAULT_ID, "%s", id);
    s->body[s->count++] = strdup(body);
}

static int take_keys(const struct vault *v, const struct safe *s, struct vault_news *news)
{
    struct buf b;
    buf_init(&b, VAULT_MAX);
    buf_str(&b, "{\"passphrase\":null,\"keys\":[");
    for (int i = 0; i < s->count; i++)
        buf_printf(&b, "%s%s", i ? "," : "", s->body[i]);
    buf_str(&b, "]}");
    int result = vault_take(v, buf_text(&b), b.len, news, &sim.error);
    buf_release(&b);
    return result;
}

static bool exchange_keys(int i)
{
    struct device *d = &sim.devices[i];
    struct vault v = {d->r, sim_accounts[d->account]};
    struct safe *s = &safes[d->account];
    struct vault_news news;
    char id[VAULT_ID];
    if (!sim_done(i, take_keys(&v, s, &news), false, "keys") ||
        !sim_done(i, vault_start(&v, &sim.error), false, "a vault") ||
        !sim_done(i, take_keys(&v, s, &news), false, "keys"))
        return false;
    for (;;) {
        struct buf b;
        buf_init(&b, VAULT_MAX);
        int result = vault_next(&v, &news, id, &b, &sim.error);
        if (result == 0)
            put_copy(s, id, buf_text(&b));
        buf_release(&b);
        if (!sim_done(i, result, false, "a key"))
            return false;
        if (result == RAUM_END)
            return true;
        if (!sim_done(i, vault_confirm(&v, id, &sim.error), false, "a key"))
            return false;
    }
}

void people_forget_keys(void)
{
    for (int a = 0; a < ACCOUNTS; a++) {
        for (int i = 0; i < safes[a].count; i++)
            free(safes[a].body[i]);
        safes[a].count = 0;
    }
}

/* ---- what a device is told ---- */

/* What is about to be left: how much of it nobody else has, and what must not be found any more. */
struct leaving {
    int device;
    int64_t unsent[SHARED];
};

/* G-S3: own writes that were not sent are set aside, all of them. */
static void on_left(void *arg, const struct leave_report *report)
{
    const struct leaving *l = arg;
    for (int s = 0; s < SHARED; s++)
        if (strcmp(report->slug, sim_spaces[s]) == 0 && l->unsent[s] >= 0 &&
            report->rows != l->unsent[s])
            sim_die("device %d set %lld rows of %s aside, %lld were not sent", l->device,
                    (long long)report->rows, sim_spaces[s], (long long)l->unsent[s]);
}

static void look_at_unsent(int i, struct leaving *l)
{
    const struct device *d = &sim.devices[i];
    *l = (struct leaving){.device = i};
    for (int s = 0; s < SHARED; s++) {
        const struct space *known = intern_space_find(d->r, sim_spaces[s]);
        char sql[80];
        snprintf(sql, sizeof sql, "SELECT count(*) FROM dirty WHERE n >> 40 = %u",
                 known ? known->ref : 0);
        /* An interrupted one may be half done: then nothing is compared. */
        l->unsent[s] = known && known->role != ROLE_NONE ? kit_raw(d->r, sql) : -1;
    }
}

/* G-S3: nothing of it is left on the disk, free pages and log included. */
static void check_left(int i, const struct leaving *before)
{
    struct device *d = &sim.devices[i];
    char id[RAUM_ID_MAX];
    for (int s = 0; s < SHARED; s++) {
        if (before->unsent[s] < 0 || intern_space_find(d->r, sim_spaces[s]))
            continue;
        for (int m = sim.made_count - 1, n = 0; m >= 0 && n < 12; m--) {
            if (sim.made[m].place != s)
                continue;
            snprintf(id, sizeof id, "%s", sim.made[m].id);
            if (disk_holds(d->root, id, strlen(id)))
                sim_die("device %d left %s and still holds %s/%s of it", i, sim_spaces[s],
                        sim.made[m].table, id);
            n++;
        }
    }
}

static int hear_spaces(int i, struct leaving *l)
{
    struct device *d = &sim.devices[i];
    struct reconcile_space list[SHARED + 1];
    unsigned count = 0;
    char own[40], epoch[17];
    snprintf(own, sizeof own, "p-%s", sim_accounts[d->account]);
    list[count++] =
        (struct reconcile_space){own, "personal", "Personal", SPACE_PERSONAL, ROLE_OWNER};
    for (int s = 0; s < SHARED; s++)
        if (sim.roles[d->account][s] != ROLE_NONE)
            list[count++] = (struct reconcile_space){sim_spaces[s], sim_spaces[s], sim_spaces[s],
                                                     types[s], sim.roles[d->account][s]};
    NEED(relay_epoch(sim.sql, &sim.server_world.env, epoch, &sim.error));
    look_at_unsent(i, l);
    int result = reconcile_spaces(d->r, list, count, NULL, 0, epoch, NULL, NULL, &sim.error);
    return result ? result : leave_finish(d->r, on_left, l, &sim.error);
}

bool people_learn(int i)
{
    struct device *d = &sim.devices[i];
    struct leaving l;
    bool changed = false;
    for (int s = 0; s < SHARED; s++) {
        const struct space *known = intern_space_find(d->r, sim_spaces[s]);
        changed |= (known ? known->role : ROLE_NONE) != sim.roles[d->account][s];
    }
    if (!sim_done(i, hear_spaces(i, &l), false, "the list of spaces"))
        return false;
    check_left(i, &l);
    for (int s = 0; s < SHARED; s++)
        if (sim.roles[d->account][s] == ROLE_NONE && intern_space_find(d->r, sim_spaces[s]))
            sim_die("device %d keeps %s, which it left", i, sim_spaces[s]);
    /* What was refused meanwhile is offered again. */
    if (changed && !sim_done(i, outgoing_retry(d->r, 0, &sim.error), false, "another try"))
        return false;
    d->met |= exchange_keys(i);
    return !disk_is_dead(i);
}
