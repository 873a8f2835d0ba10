/* The simulation: several accounts, devices and spaces around one relay; clocks that are wrong and
 * jump, a network that loses, repeats, delays and reorders, devices cut off for long, devices and
 * server that die at any write, members that come and go, rows that turn private, a server that is
 * restored from an older backup, guests that sign in, imports, older and newer and hostile clients.
 * Everything follows from the seed.
 *
 *     sim [FIRST [COUNT [STEPS]]]      seeds FIRST … FIRST + COUNT - 1
 *     RAUM_PLANT=n                     with the n-th planted bug of sync (src/base/plant.h)
 *     RAUM_JOBS=n                      in n processes
 *     RAUM_TEST_POSTGRES=URL           the relay there (tests/server/postgres)
 *
 * After each step no row lies on a device whose account may not see it (G-T9, G-S1, G-S3), and each
 * answer of the server is what a second, naive implementation comes to. When all has come to rest
 * every device holds what the model holds (G-S4 … G-S12), and nothing that was acknowledged is lost
 * (G-O1, G-O4, G-S5). */
#include "sim/sim.h"

#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

struct sim sim;
bool sim_postgres;
#ifdef RAUM_MODEL_PLANTS
int raum_plant;
#endif

const char *const sim_accounts[ACCOUNTS] = {"anna", "bert", "cleo", "dora"};
const char *const sim_spaces[SHARED] = {"fam", "club", "team"};
static const int owners[DEVICES] = {0, 0, 1, 1, 2, 3};
static int steps_wanted = 150;
static char *blank; /* a device's database, before it is anybody's */
static size_t blank_len;

/* ---- failing ---- */

/* The fewest steps, of some tries, that still fail: a shorter way to look at. */
static void shrink(void)
{
    char command[400], self[300];
    ssize_t len = readlink("/proc/self/exe", self, sizeof self - 1);
    int best = sim.step < steps_wanted ? sim.step + 1 : steps_wanted;
    if (len < 0 || getenv("RAUM_SIM_CHILD"))
        return;
    self[len] = '\0';
    for (int by = best / 2, tries = 0; by > 0 && tries < 12; tries++) {
        snprintf(command, sizeof command, "RAUM_SIM_CHILD=1 '%s' %llu 1 %d >/dev/null 2>&1", self,
                 (unsigned long long)sim.seed, best - by);
        if (best - by > 0 && system(command) != 0)
            best -= by;
        else
            by /= 2;
    }
    printf("sim: again: %s%s%s%s %llu 1 %d\n", getenv("RAUM_PLANT") ? "RAUM_PLANT=" : "",
           getenv("RAUM_PLANT") ? getenv("RAUM_PLANT") : "", getenv("RAUM_PLANT") ? " " : "", self,
           (unsigned long long)sim.seed, best);
}

_Noreturn void sim_die(const char *fmt, ...)
{
    va_list args;
    printf("sim: seed %llu, step %d: ", (unsigned long long)sim.seed, sim.step);
    va_start(args, fmt);
    vprintf(fmt, args);
    va_end(args);
    printf("\n");
    fflush(stdout);
    if (!getenv("RAUM_SIM_QUICK"))
        shrink();
    fflush(stdout);
    _exit(1);
}

uint32_t sim_below(uint32_t n)
{
    return (uint32_t)(kit_random(&sim.state) % n);
}

/* ---- devices ---- */

bool sim_done(int device, int result, bool refusable, const char *what)
{
    struct device *d = &sim.devices[device];
    if (result < 0 && !refusable && !disk_is_dead(device))
        sim_die("device %d: %s: %s", device, what, sim.error.text);
    if (!d->r)
        return result >= 0;
    /* One that was ahead is set back, perhaps by what its death cut off. */
    uint64_t least = d->r->clock.last < d->r->clock_saved ? d->r->clock.last : d->r->clock_saved;
    if (result >= 0 && !disk_is_dead(device))
        d->told_clock = d->r->clock_saved;
    else if (least < d->told_clock)
        d->told_clock = least;
    return result >= 0;
}

static void make_blank(void)
{
    struct kit_world world;
    struct raum *r;
    sqlite3 *db;
    static const char file[] = "/owner-0/accounts/nobody/raum.db";
    kit_world_init(&world, 1);
    disk_env(&world.env);
    NEED(raum_open(
        &r, &(struct raum_options){.folder = "/owner-0", .account = "nobody", .env = &world.env},
        &sim.error));
    raum_close(r);
    if (sqlite3_open(file, &db) != SQLITE_OK ||
        sqlite3_exec(db,
                     "DELETE FROM meta; DELETE FROM spaces; DELETE FROM accounts; DELETE FROM "
                     "actors; DELETE FROM sqlite_sequence; PRAGMA wal_checkpoint(TRUNCATE)",
                     NULL, NULL, NULL) != SQLITE_OK)
        sim_die("no blank database: %s", sqlite3_errmsg(db));
    sqlite3_close(db);
    const void *data = disk_get(file, &blank_len);
    blank = malloc(blank_len);
    memcpy(blank, data, blank_len);
}

void device_open(int i)
{
    struct device *d = &sim.devices[i];
    struct raum_options options = {
        .folder = d->root, .account = sim_accounts[d->account], .env = &d->world.env};
    NEED(raum_open(&d->r, &options, &sim.error));
    NEED(session_new(&d->session, d->r, &sim.error));
    session_on_ahead(d->session, net_ahead, d);
}

void device_close(int i)
{
    struct device *d = &sim.devices[i];
    check_close(i);
    session_free(d->session);
    for (int s = 0; s < PLACES; s++) {
        raum_handle_free(d->scopes[s]);
        d->scopes[s] = NULL;
    }
    raum_close(d->r);
    d->r = NULL;
    d->session = NULL;
    free(d->late);
    d->late = NULL;
    net_drop_early(d);
}

void device_reboot(int i)
{
    device_close(i);
    disk_revive(i, sim_below(2), &sim.state);
    device_open(i);
    check_after_boot(i);
}

static void new_device(int i)
{
    struct device *d = &sim.devices[i];
    char path[120];
    d->account = owners[i];
    d->last = -1;
    snprintf(d->root, sizeof d->root, "/owner-%d", i);
    kit_world_init(&d->world, sim.seed * 31 + (uint64_t)i + 1);
    disk_env(&d->world.env);
    snprintf(path, sizeof path, "%s/accounts/%s/raum.db", d->root, sim_accounts[d->account]);
    disk_put(path, blank, blank_len);
    device_open(i);
}

const char *device_space(int i, int place)
{
    const struct device *d = &sim.devices[i];
    if (place == PLACE_PERSONAL)
        return intern_personal(d->r)->id;
    if (place == PLACE_USER)
        return intern_user(d->r)->id;
    const struct space *s = intern_space_find(d->r, sim_spaces[place]);
    return s && s->role != ROLE_NONE ? s->id : NULL;
}

struct raum_handle *device_scope(int i, int place)
{
    struct device *d = &sim.devices[i];
    const char *space = device_space(i, place);
    if (!space)
        return NULL;
    if (place == PLACE_USER) {
        if (!d->scopes[place])
            NEED(raum_account_new(d->r, &d->scopes[place], &sim.error));
        return d->scopes[place];
    }
    if (!d->scopes[place])
        NEED(raum_scope_new(d->r, &d->scopes[place], &sim.error));
    NEED(raum_scope_set(d->scopes[place], space, &sim.error)); /* it may have been left since */
    return d->scopes[place];
}

/* ---- steps ---- */

static void sync_some(int i)
{
    struct device *d = &sim.devices[i];
    bool learns = sim_below(2) || !d->met; /* else it knows roles of before */
    if (!d->met && d->cut > sim.step)
        return;
    if (learns && d->cut <= sim.step && !people_learn(i))
        return;
    session_start(d->session);
    for (uint32_t n = 1 + sim_below(4); n > 0; n--)
        if (!net_turn(i, false) || disk_is_dead(i))
            break;
}

static void clock_jumps(int i)
{
    static const int64_t jumps[] = {-86400000, -5000,  5000,
                                    280000,    400000, INT64_C(365) * 86400000};
    sim.devices[i].world.now_ms = sim.server_world.now_ms + jumps[sim_below(6)];
}

static void rare(int i)
{
    switch (sim_below(7)) {
    case 0:
        clock_jumps(i);
        break;
    case 1: /* cut off for long */
        sim.devices[i].cut = sim.step + 10 + (int)sim_below(60);
        break;
    case 2:
        edit_import(i);
        break;
    case 3:
        if (sim.weather.actors && sim_below(3) == 0)
            edit_adopt(i);
        break;
    case 4:
        if (sim.weather.restores)
            server_backup();
        break;
    case 5:
        if (sim.weather.restores && sim_below(2))
            server_restore();
        break;
    default:
        device_reboot(i);
    }
}

static void one_step(void)
{
    int i = (int)sim_below(DEVICES);
    uint32_t what = sim_below(100);
    int64_t by = (int64_t)sim_below(2000);
    sim.server_world.now_ms += by;
    for (int k = 0; k < DEVICES; k++)
        sim.devices[k].world.now_ms += by;
    if (sim.weather.crashes && sim_below(20) == 0)
        disk_kill_after(i, (long)sim_below(sim_below(2) ? 8 : 60));
    if (what < 45)
        edit_some(i);
    else if (what < 78)
        sync_some(i);
    else if (what < 81)
        net_deliver_packet();
    else if (what < 84)
        net_stream(i);
    else if (what < 88 && sim.weather.people)
        people_move();
    else if (what < 94 && sim.weather.actors)
        actor_some();
    else
        rare(i);
    for (int k = 0; k < DEVICES; k++) {
        if (disk_is_dead(k))
            device_reboot(k);
        disk_kill_after(k, -1);
        check_device(k);
    }
}

static void come_to_rest(void)
{
    while (sim.packets[0].account)
        net_deliver_packet();
    for (int round = 0; round < 6; round++)
        for (int i = 0; i < DEVICES; i++) {
            struct device *d = &sim.devices[i];
            d->cut = 0;
            d->world.now_ms = sim.server_world.now_ms;
            (void)people_learn(i);
            session_start(d->session);
            for (int n = 0; net_turn(i, true); n++)
                if (n > 600)
                    sim_die("device %d never comes to rest: %s", i, session_trouble(d->session));
            check_device(i);
        }
}

static void one_seed(uint64_t seed, int steps)
{
    sim = (struct sim){.seed = seed, .state = seed * 7919 + 17};
    sqlite3_randomness(0, NULL);
    uint32_t kind = (uint32_t)(seed % 4);
    sim.weather = (struct weather){.restores = kind == 0 && !sim_postgres,
                                   .people = kind == 1 || kind == 3,
                                   .actors = kind >= 2,
                                   .crashes = seed / 4 % 2 == 0};
    kit_world_init(&sim.server_world, seed);
    disk_env(&sim.server_world.env);
    server_fill();
    for (int i = 0; i < DEVICES; i++)
        new_device(i);
    for (sim.step = 0; sim.step < steps; sim.step++)
        one_step();
    come_to_rest();
    check_all();
    for (int i = 0; i < DEVICES; i++) {
        device_close(i);
        free(sim.devices[i].sent);
    }
    net_forget();
    actor_forget();
    check_forget();
    people_forget_keys();
    server_close();
    model_release(&sim.model);
    model_release(&sim.backup);
    model_texts_clear();
    disk_clear();
}

/* Every `jobs`-th seed. */
static void work(uint64_t first, uint64_t count, int steps, uint64_t jobs)
{
    steps_wanted = steps;
    make_blank();
    server_template();
    for (uint64_t n = 0; n * jobs < count; n++) {
        one_seed(first + n * jobs, steps);
        if (n && n % 100 == 0 && getenv("RAUM_JOBS"))
            fprintf(stderr, "sim: %llu seeds\n", (unsigned long long)n);
    }
}

static bool work_apart(uint64_t first, uint64_t count, int steps, uint64_t jobs)
{
    bool fine = true;
    for (uint64_t w = 0; w < jobs; w++) {
        fflush(NULL);
        if (fork() == 0) {
            if (w < count)
                work(first + w, count - w, steps, jobs);
            fflush(NULL);
            _exit(0);
        }
    }
    for (uint64_t w = 0; w < jobs; w++) {
        int status;
        fine &= wait(&status) > 0 && WIFEXITED(status) && WEXITSTATUS(status) == 0;
    }
    return fine;
}

int main(int argc, char **argv)
{
    const char *seeds = getenv("RAUM_SEEDS"), *plant = getenv("RAUM_PLANT");
    const char *jobs = getenv("RAUM_JOBS"), *postgres = getenv("RAUM_TEST_POSTGRES");
    uint64_t first = argc > 1 ? strtoull(argv[1], NULL, 10) : 1;
    uint64_t count = argc > 2 ? strtoull(argv[2], NULL, 10) : 20;
    int steps = argc > 3 ? (int)strtol(argv[3], NULL, 10) : 150;
    bool fine = true;
    if (seeds && argc <= 3)
        count = strtoull(seeds, NULL, 10);
#ifdef RAUM_MODEL_PLANTS
    int number = plant ? (int)strtol(plant, NULL, 10) : 0;
    raum_plant = number ? PLANT_RELAY_ROLE - 1 + number : PLANT_NONE;
#else
    (void)plant;
#endif
    sim_postgres = postgres && *postgres;
    disk_init();
    if (jobs && strtoull(jobs, NULL, 10) > 1)
        fine = work_apart(first, count, steps, strtoull(jobs, NULL, 10));
    else
        work(first, count, steps, 1);
    if (fine)
        printf("sim: %llu seeds from %llu, %d steps each: all agree\n", (unsigned long long)count,
               (unsigned long long)first, steps);
    return !fine;
}
