/* Processes killed at random instants of everything that takes a while: joining spaces, deleting
 * one, importing, merging a guest into an account, writing one by one. Whoever opens next finds
 * what was before or what is after, nothing between, and all that had been acknowledged (G-O1,
 * G-U1, G-U4, G-U5). RAUM_KILLS: how many in all; RAUM_SEED. */
#include "engine/adopt.h"
#include "engine/doctor.h"
#include "engine/import.h"
#include "engine/kit.h"

#include <signal.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static char folder[128], base[160], work[160];
static struct kit_world world;
static uint64_t seed;
static int kills;

static int set_up(void **state)
{
    (void)state;
    const char *given = getenv("RAUM_SEED"), *count = getenv("RAUM_KILLS");
    seed = given ? strtoull(given, NULL, 10) : (uint64_t)time(NULL);
    kills = count ? 1 + (int)strtol(count, NULL, 10) / 5 : 24;
    print_message("seed %llu, %d kills of each\n", (unsigned long long)seed, kills);
    kit_folder(folder);
    kit_world_init(&world, 71);
    snprintf(base, sizeof base, "%s/base", folder);
    snprintf(work, sizeof work, "%s/work", folder);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    kit_remove(folder);
    return 0;
}

static void copy_base(void)
{
    char command[600];
    snprintf(command, sizeof command, "rm -rf '%s' && cp -a '%s' '%s'", work, base, work);
    assert_int_equal(system(command), 0);
}

/* ---- what was found ---- */

static void fault(void *arg, enum doctor_level level, const char *check, const char *text)
{
    (void)arg;
    if (level == DOCTOR_FAULT)
        fail_msg("the doctor says %s: %s", check, text);
}

/* The remembered account's replica as text; the keys differ from run to run, the values behind them
 * do not. */
static char *state_of(void)
{
    struct raum *r = kit_open(work, NULL, &world.env);
    struct buf out;
    buf_init(&out, 64u << 20);
    assert_int_equal(
        kit_raw(r, "SELECT count(*) FROM pragma_integrity_check WHERE integrity_check <> 'ok'"), 0);
    assert_int_equal(doctor_run(r, fault, NULL, &error), 0);
    buf_printf(&out, "%s dirty %lld\n", raum_account(r),
               (long long)kit_raw(r, "SELECT total(fields) FROM dirty"));
    for (uint32_t ref = 1; ref < r->space_count; ref++) {
        const struct space *s = intern_space(r, ref);
        if (!s)
            continue;
        buf_printf(&out, "== %s %d %d\n", s->id, s->type, s->offline);
        kit_dump(r, ref, &out);
    }
    raum_close(r);
    return buf_detach(&out, NULL);
}

/* ---- killing ---- */

static int64_t microseconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

/* Runs the operation in a process of its own, killed after so many microseconds; -1: not at all.
 * True: it was done. */
static bool run(int (*operation)(void), int64_t instant)
{
    int status;
    fflush(NULL);
    pid_t pid = fork();
    if (pid == 0)
        _exit(operation() < 0);
    if (instant >= 0) {
        usleep((useconds_t)instant);
        kill(pid, SIGKILL);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    if (WIFEXITED(status) && WEXITSTATUS(status) != 0)
        fail_msg("the operation fails by itself");
    return WIFEXITED(status);
}

static void kill_many(int (*operation)(void))
{
    int before_count = 0, after_count = 0, caught = 0;
    copy_base();
    char *before = state_of();
    int64_t started = microseconds();
    run(operation, -1);
    int64_t took = microseconds() - started;
    char *after = state_of();
    assert_string_not_equal(before, after);
    for (int i = 0; i < kills; i++) {
        copy_base();
        int64_t instant = (int64_t)(kit_random(&seed) % (uint64_t)(took + took / 8));
        caught += !run(operation, instant);
        char *now = state_of();
        bool is_before = strcmp(now, before) == 0, is_after = strcmp(now, after) == 0;
        if (!is_before && !is_after)
            fail_msg("killed after %lld of %lld microseconds: neither before nor after",
                     (long long)instant, (long long)took);
        before_count += is_before;
        after_count += is_after;
        free(now);
        if (i % 8 == 0) { /* and what is left to do can be done */
            run(operation, -1);
            now = state_of();
            assert_string_equal(now, after);
            free(now);
        }
    }
    print_message("%d before, %d after, %d caught at work, %lld ms\n", before_count, after_count,
                  caught, (long long)took / 1000);
    assert_true(caught > 0);
    free(before);
    free(after);
}

/* ---- operations ---- */

#define ROWS 150

static void fill(struct raum_handle *h, const char *mark, int from, int to)
{
    char json[300], id[RAUM_ID_MAX];
    OK(raum_begin(h->raum, &error));
    for (int i = from; i < to; i++) {
        snprintf(json, sizeof json, "{\"id\":\"i%d\",\"label\":\"%s %d\",\"x\":\"%s\"}", i, mark, i,
                 mark);
        OK(kit_insert(h, "meImages", json, id));
    }
    OK(raum_commit(h->raum, &error));
}

static void make_base(void)
{
    const struct space *s;
    char id[RAUM_ID_MAX];
    struct raum *r = kit_open(base, "guest", &world.env);
    OK(spaces_create(r, "Marke", SPACE_BRAND, &s, &error));
    snprintf(id, sizeof id, "%s", s->id);
    struct raum_handle *marke = kit_scope(r, id), *own = kit_scope(r, NULL);
    kit_join(r, "real", SPACE_BRAND, ROLE_OWNER);
    struct raum_handle *real = kit_scope(r, "real");
    fill(own, "own", 0, ROWS);
    fill(marke, "marke", 0, ROWS);
    world.now_ms += 1000;
    fill(real, "real", ROWS / 2, ROWS + ROWS / 2);
    OK(kit_insert(marke, "meSlots", "{\"slot\":\"avatar\"}", id));
    OK(kit_insert(real, "meSlots", "{\"slot\":\"avatar\"}", id));
    raum_close(r);
}

static int with_guest(int (*work_on)(struct raum *))
{
    struct raum *r;
    int result = raum_open(
        &r, &(struct raum_options){.folder = work, .account = "guest", .env = &world.env}, &error);
    if (result < 0)
        return result;
    result = work_on(r);
    raum_close(r);
    return result;
}

static int join(struct raum *r)
{
    const struct space *s;
    if (spaces_find(r, "marke", &s, &error) < 0)
        return 0; /* done before */
    return spaces_become(r, s->id, "real", &error);
}

static int op_join(void)
{
    return with_guest(join);
}

static int erase(struct raum *r)
{
    const struct space *s;
    return spaces_find(r, "marke", &s, &error) < 0 ? 0 : spaces_delete(r, "marke", &error);
}

static int op_erase(void)
{
    return with_guest(erase);
}

/* An account without data on this device takes over the guest's file; one with data takes in its
 * rows. */
static int op_adopt(void)
{
    struct adopt_report report;
    struct raum_options options = {.folder = work, .env = &world.env};
    return adopt_guest(&options, "anna", "real-anna", NULL, NULL, &report, &error);
}

struct text {
    struct buf data;
    size_t at;
};
static struct text export;

static long export_read(void *ctx, void *out, size_t len)
{
    struct text *t = ctx;
    size_t rest = t->data.len - t->at, part = rest < len ? rest : len;
    memcpy(out, t->data.data + t->at, part);
    t->at += part;
    return (long)part;
}

static int export_rewind(void *ctx)
{
    ((struct text *)ctx)->at = 0;
    return 0;
}

static void make_export(void)
{
    buf_init(&export.data, 1 << 22);
    buf_str(&export.data,
            "{\"formatName\":\"dexie\",\"formatVersion\":1,\"data\":{\"databaseName\":\"mana\","
            "\"databaseVersion\":38,\"tables\":[{\"name\":\"meImages\",\"schema\":\"id\","
            "\"rowCount\":300}],"
            "\"data\":[{\"tableName\":\"meImages\",\"inbound\":true,\"rows\":[");
    for (int i = 0; i < 2 * ROWS; i++)
        buf_printf(&export.data,
                   "%s{\"id\":\"i%d\",\"userId\":\"u1\",\"kind\":\"face\",\"primaryFor\":%s,"
                   "\"label\":\"imported %d\","
                   "\"createdAt\":\"2026-01-01T00:00:00.000Z\",\"updatedAt\":\"2026-01-02T00:00:00."
                   "000Z\"}",
                   i ? "," : "", i, i == 7 ? "\"avatar\"" : "null", i);
    buf_str(&export.data, "]}]}}");
}

static int import(struct raum *r)
{
    struct import_source source = {&export, export_read, export_rewind, (int64_t)export.data.len};
    struct import_options options = {0};
    struct import_report report = {0};
    export.at = 0;
    int result = import_run(r, &source, &options, &report, &error);
    import_report_release(&report);
    return result;
}

static int op_import(void)
{
    return with_guest(import);
}

static void test_join_G_U4(void **state)
{
    (void)state;
    make_base();
    kill_many(op_join);
}

static void test_delete(void **state)
{
    (void)state;
    make_base();
    kill_many(op_erase);
}

static void test_import_G_U1(void **state)
{
    (void)state;
    make_base();
    make_export();
    kill_many(op_import);
    buf_release(&export.data);
}

static void test_adopt_by_moving_G_U5(void **state)
{
    (void)state;
    make_base();
    kill_many(op_adopt);
}

static void test_adopt_by_merging_G_U5(void **state)
{
    (void)state;
    make_base();
    struct raum *r = kit_open(base, "anna", &world.env);
    fill(kit_scope(r, NULL), "anna", ROWS / 2, ROWS);
    raum_close(r);
    kill_many(op_adopt);
}

/* ---- acknowledged writes ---- */

static int out;

static int op_write(void)
{
    struct raum *r = kit_open(work, "guest", &world.env);
    struct raum_handle *h = kit_scope(r, "real");
    char json[80], id[RAUM_ID_MAX];
    for (unsigned i = 0;; i++) {
        snprintf(json, sizeof json, "{\"id\":\"w%u\",\"name\":\"n\"}", i);
        if (kit_insert(h, "tags", json, id) < 0 || write(out, &i, sizeof i) != sizeof i)
            return -1;
    }
}

/* Killed under load: every write that was acknowledged is there, and at most the one that was on
 * its way besides. */
static void test_acknowledged_G_O1(void **state)
{
    (void)state;
    make_base();
    for (int i = 0; i < kills; i++) {
        int pipes[2];
        unsigned last, acknowledged = 0;
        copy_base();
        assert_int_equal(pipe(pipes), 0);
        out = pipes[1];
        fflush(NULL);
        pid_t pid = fork();
        if (pid == 0)
            _exit(op_write() < 0);
        close(pipes[1]);
        usleep((useconds_t)(kit_random(&seed) % 60000));
        kill(pid, SIGKILL);
        waitpid(pid, NULL, 0);
        while (read(pipes[0], &last, sizeof last) == sizeof last)
            acknowledged++;
        close(pipes[0]);
        char *now = state_of();
        unsigned there = 0;
        for (char *at = now; (at = strstr(at, "\ntags w")); at++)
            there++;
        if (there != acknowledged && there != acknowledged + 1)
            fail_msg("%u acknowledged, %u there", acknowledged, there);
        free(now);
    }
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_join_G_U4),
        TEST(test_delete),
        TEST(test_import_G_U1),
        TEST(test_adopt_by_moving_G_U5),
        TEST(test_adopt_by_merging_G_U5),
        TEST(test_acknowledged_G_O1),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
