/* The file: several processes at once, a crowd at the first start, busy, full, read-only, newer,
 * damaged (G-O1, G-O2, G-U6). Children report by their exit status. */
#include "engine/kit.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static char folder[128];
static struct raum *r;

static int set_up(void **state)
{
    (void)state;
    kit_folder(folder);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    raum_close(r);
    r = NULL;
    kit_remove(folder);
    return 0;
}

/* ---- children ---- */

/* Runs a part in a process of its own: 0 is fine. cmocka is the parent's. */
static pid_t start(int (*part)(int number), int number)
{
    fflush(NULL);
    pid_t pid = fork();
    if (pid == 0)
        _exit(part(number));
    assert_true(pid > 0);
    return pid;
}

static void finish(pid_t pid)
{
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
        fail_msg("a child ended with %d",
                 WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status));
}

static int try_open(struct raum **out, bool read_only)
{
    return raum_open(
        out, &(struct raum_options){.folder = folder, .account = "anna", .read_only = read_only},
        &error);
}

/* ---- several processes ---- */

#define CROWD 6
#define EACH 60

/* Who waits five seconds for another is told so; under valgrind (RAUM_SLOW) that is no time. */
static int times(void)
{
    const char *slow = getenv("RAUM_SLOW");
    return slow ? (int)strtol(slow, NULL, 10) : 1;
}

static int open_only(int number)
{
    struct raum *own = NULL;
    struct raum_handle *h;
    char id[RAUM_ID_MAX];
    int rc = RAUM_EBUSY;
    (void)number;
    for (int i = 0; i < times() && rc == RAUM_EBUSY; i++)
        rc = try_open(&own, false);
    if (rc < 0 || !own->user_ref || !own->self_actor || !own->account_ref || !intern_personal(own))
        return 1;
    rc = raum_account_new(own, &h, &error) < 0 ? RAUM_EINTERNAL : RAUM_EBUSY;
    for (int i = 0; i < times() && rc == RAUM_EBUSY; i++)
        rc = kit_insert(h, "userSettings", "{\"theme\":\"dark\"}", id);
    if (rc < 0)
        return 2;
    raum_close(own);
    return 0;
}

/* All open a folder that nobody has made yet. */
static void test_crowd_at_first_start(void **state)
{
    (void)state;
    for (int round = 0; round < 5; round++) {
        pid_t pids[CROWD];
        for (int i = 0; i < CROWD; i++)
            pids[i] = start(open_only, i);
        for (int i = 0; i < CROWD; i++)
            finish(pids[i]);
        r = kit_open(folder, "anna", NULL);
        assert_int_equal(kit_raw(r, "SELECT count(*) FROM spaces"), 2);
        assert_int_equal(kit_raw(r, "SELECT count(*) FROM accounts"), 1);
        assert_int_equal(kit_raw(r, "SELECT count(*) FROM actors"), 1);
        assert_int_equal(kit_raw(r, "SELECT count(*) FROM data_userSettings"), CROWD);
        raum_close(r);
        r = NULL;
        kit_remove(folder);
        assert_int_equal(mkdir(folder, 0700), 0);
    }
}

/* Who waited too long for the others (a slow machine, valgrind) tries again, as BUSY says. */
static int insert(struct raum_handle *h, const char *json, char *id)
{
    int rc;
    do
        rc = kit_insert(h, "meImages", json, id);
    while (rc == RAUM_EBUSY);
    return rc;
}

static int update(struct raum_handle *h, const char *json)
{
    int rc;
    do
        rc = kit_update(h, "meImages", "shared", json);
    while (rc == RAUM_EBUSY);
    return rc;
}

static int write_rows(int number)
{
    struct raum *own;
    struct raum_handle *h;
    char id[RAUM_ID_MAX], json[200], agent[20];
    if (try_open(&own, false) < 0 || raum_scope_new(own, &h, &error) < 0 ||
        raum_scope_set(h, "team", &error) < 0)
        return 1;
    snprintf(agent, sizeof agent, "bot-%d", number);
    if (raum_handle_agent(h, agent, &error) < 0)
        return 2;
    uint64_t last = 0;
    for (int i = 0; i < EACH; i++) {
        snprintf(json, sizeof json,
                 "{\"id\":\"p%d-%d\",\"subjectId\":\"person-%d\",\"label\":\"l\"}", number, i,
                 i % 7);
        if (insert(h, json, id) < 0)
            return 3;
        if (own->clock.last <= last) /* each write of anybody's is later than all it has seen */
            return 4;
        last = own->clock.last;
        if (update(h, "{\"width\":1}") < 0 || update(h, "{\"width\":2}") < 0)
            return 5;
        if (number == 0 && i % 20 == 10) { /* names come up while the others write */
            const struct space *made;
            if (spaces_create(own, "Neu", SPACE_CLUB, &made, &error) < 0)
                return 6;
        }
    }
    raum_close(own);
    return 0;
}

static int each_at(void *arg, struct row *row, struct raum_error *e)
{
    uint64_t **at = arg;
    (void)e;
    if (strcmp(row->id, "shared") != 0)
        *(*at)++ = row->stamps.row.at;
    return 0;
}

static int by_number(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

/* Writers of several processes: every row there, no stamp twice, names seen by all, numbers unique.
 */
static void test_writers_at_once(void **state)
{
    (void)state;
    char id[RAUM_ID_MAX];
    r = kit_open(folder, "anna", NULL);
    kit_join(r, "team", SPACE_TEAM, ROLE_MEMBER);
    struct raum_handle *h = kit_scope(r, "team");
    OK(kit_insert(h, "meImages", "{\"id\":\"shared\"}", id));
    pid_t pids[3];
    for (int i = 0; i < 3; i++)
        pids[i] = start(write_rows, i);
    for (int i = 0; i < EACH; i++)
        OK(update(h, i % 2 ? "{\"height\":1}" : "{\"height\":2}"));
    for (int i = 0; i < 3; i++)
        finish(pids[i]);
    assert_int_equal(kit_int(h, "SELECT count(*) FROM meImages"), 3 * EACH + 1);
    assert_int_equal(kit_int(h, "SELECT count(*) FROM meImages WHERE subjectId LIKE 'person-%'"),
                     3 * EACH);
    for (int i = 0; i < 7; i++) {
        snprintf(id, sizeof id, "person-%d", i);
        assert_int_not_equal(intern_account_find(r, id), 0);
    }
    assert_int_equal(kit_raw(r, "SELECT count(*) FROM accounts"), 1 + 7);
    assert_int_equal(kit_raw(r, "SELECT count(*) FROM actors WHERE agent LIKE 'bot-%'"), 3);
    const struct space *s;
    OK(spaces_find(r, "neu-3", &s, &error)); /* made elsewhere, seen here */
    uint64_t times[3 * EACH + 1], *end = times;
    OK(row_walk(r, h->space, each_at, &end, &error));
    assert_int_equal(end - times, 3 * EACH);
    qsort(times, 3 * EACH, sizeof *times, by_number);
    for (int i = 1; i < 3 * EACH; i++)
        assert_true(times[i - 1] < times[i]);
    assert_true((uint64_t)kit_raw(r, "SELECT value FROM meta WHERE key = 'clock'") >=
                times[3 * EACH - 1]);
}

/* A space is renamed, joined, deleted elsewhere: the next look here knows. */
static void test_names_of_another_process(void **state)
{
    (void)state;
    const struct space *s;
    char id[RAUM_ID_MAX];
    r = kit_open(folder, "anna", NULL);
    struct raum *second = kit_open(folder, "anna", NULL);
    OK(spaces_create(second, "Marke", SPACE_BRAND, &s, &error));
    snprintf(id, sizeof id, "%s", s->id);
    struct raum_handle *h = kit_scope(r, id);
    OK(kit_insert(h, "tags", "{\"name\":\"x\"}", id));
    OK(spaces_find(second, "marke", &s, &error));
    snprintf(id, sizeof id, "%s", s->id);
    OK(spaces_become(second, id, "real", &error));
    assert_string_equal(kit_rows(h, "SELECT spaceId FROM tags"),
                        "real"); /* in the same place, under its new name */
    assert_string_equal(raum_scope_space(h), "real");
    OK(spaces_create(second, "Weg", SPACE_BRAND, &s, &error));
    OK(raum_scope_set(h, s->id, &error));
    OK(spaces_delete(second, "weg", &error));
    OK(spaces_create(second, "Neu", SPACE_BRAND, &s, &error));
    REFUSED(RAUM_ENOT_FOUND, kit_insert(h, "tags", "{\"name\":\"x\"}", id));
    raum_close(second);
}

/* ---- busy ---- */

static void test_busy(void **state)
{
    (void)state;
    char id[RAUM_ID_MAX];
    struct raum_query *q;
    r = kit_open(folder, "anna", NULL);
    struct raum_handle *h = kit_scope(r, NULL);
    OK(kit_insert(h, "tags", "{\"name\":\"x\"}", id));
    struct raum *second = kit_open(folder, "anna", NULL);
    sqlite3_busy_timeout(r->db->handle, 20);
    OK(raum_begin(second, &error));
    REFUSED(RAUM_EBUSY, kit_insert(h, "tags", "{\"name\":\"y\"}", id));
    REFUSED(RAUM_EBUSY, raum_begin(r, &error));
    REFUSED(RAUM_EUSAGE, raum_commit(r, &error));
    OK(query_view(h, "SELECT count(*) FROM tags", &q, &error)); /* who reads is not held up */
    OK(raum_query_step(q, &error));
    assert_int_equal(raum_query_int(q, 0), 1);
    raum_query_free(q);
    raum_rollback(second);
    OK(kit_insert(h, "tags", "{\"name\":\"y\"}", id));
    raum_close(second);
}

/* Who is in the middle of reading an older state cannot write over a newer one of another process:
 * BUSY, until the query has ended. */
static void test_busy_reading(void **state)
{
    (void)state;
    char id[RAUM_ID_MAX];
    struct raum_query *q;
    r = kit_open(folder, "anna", NULL);
    struct raum_handle *h = kit_scope(r, NULL);
    OK(kit_insert(h, "tags", "{\"name\":\"x\"}", id));
    OK(query_view(h, "SELECT name FROM tags", &q, &error));
    OK(raum_query_step(q, &error));
    OK(kit_insert(h, "tags", "{\"name\":\"y\"}", id)); /* nobody else wrote: fine */
    struct raum *second = kit_open(folder, "anna", NULL);
    OK(kit_insert(kit_scope(second, NULL), "tags", "{\"name\":\"z\"}", id));
    REFUSED(RAUM_EBUSY, kit_insert(h, "tags", "{\"name\":\"y\"}", id));
    raum_query_free(q);
    OK(kit_insert(h, "tags", "{\"name\":\"y\"}", id));
    raum_close(second);
}

/* ---- newer (G-U6) ---- */

static uint64_t bytes_of(const char *path)
{
    uint64_t sum = 1469598103934665603u;
    FILE *f = fopen(path, "rb");
    for (int c; f && (c = fgetc(f)) != EOF;)
        sum = (sum ^ (uint64_t)c) * 1099511628211u;
    if (f)
        fclose(f);
    return sum;
}

static const char *path_of(const char *name)
{
    static char path[300];
    snprintf(path, sizeof path, "%s/accounts/anna/%s", folder, name);
    return path;
}

static void test_newer_is_left_alone_G_U6(void **state)
{
    (void)state;
    char id[RAUM_ID_MAX];
    struct raum_query *q;
    r = kit_open(folder, "anna", NULL);
    struct raum_handle *h = kit_scope(r, NULL);
    OK(kit_insert(h, "tags", "{\"name\":\"x\"}", id));
    struct raum *second = kit_open(folder, "anna", NULL);
    /* While it is open: another program upgrades. */
    OK(db_exec(second->db, "PRAGMA user_version = 1000", &error));
    REFUSED(RAUM_ENEWER_DATABASE, kit_insert(h, "tags", "{\"name\":\"y\"}", id));
    REFUSED(RAUM_ENEWER_DATABASE, raum_begin(r, &error));
    REFUSED(RAUM_ENEWER_DATABASE, query_view(h, "SELECT * FROM tags", &q, &error));
    REFUSED(RAUM_ENEWER_DATABASE, raum_scope_set(h, "_personal:anna", &error));
    assert_int_equal(r->depth, 0);
    raum_close(second);
    raum_close(r);
    r = NULL;
    /* From then on: refused, no byte changed; reading for an export works. */
    uint64_t before = bytes_of(path_of("raum.db"));
    for (int i = 0; i < 3; i++)
        REFUSED(RAUM_ENEWER_DATABASE, try_open(&r, false));
    assert_true(bytes_of(path_of("raum.db")) == before);
    OK(try_open(&r, true));
    h = kit_scope(r, NULL);
    assert_string_equal(kit_rows(h, "SELECT name FROM tags"), "x");
    REFUSED(RAUM_EREAD_ONLY, kit_insert(h, "tags", "{\"name\":\"y\"}", id));
    REFUSED(RAUM_EREAD_ONLY, raum_begin(r, &error));
    REFUSED(RAUM_EREAD_ONLY, spaces_delete(r, "personal", &error));
    const struct space *s;
    REFUSED(RAUM_EREAD_ONLY, spaces_create(r, "x", SPACE_TEAM, &s, &error));
    REFUSED(RAUM_EREAD_ONLY, raum_handle_agent(h, "bot", &error));
    raum_close(r);
    r = NULL;
    assert_true(bytes_of(path_of("raum.db")) == before);
}

/* ---- read-only disk, full disk ---- */

static int as_nobody(int part)
{
    struct raum *own;
    int result;
    if (setgid(65534) != 0 || setuid(65534) != 0)
        return 0; /* not allowed to try: nothing to see here */
    result = try_open(&own, false);
    if (part == 0) { /* a folder that may be read */
        if (result != RAUM_EREAD_ONLY)
            return 1;
        if (try_open(&own, true) < 0 || kit_raw(own, "SELECT count(*) FROM data_tags") != 1)
            return 4; /* for an export */
        raum_close(own);
        return 0;
    }
    if (result == 0)
        return 2; /* a folder that may not even be read */
    return result == RAUM_ENOT_FOUND ? 3 : 0;
}

static void test_read_only_folder_G_O2(void **state)
{
    (void)state;
    char id[RAUM_ID_MAX];
    if (geteuid() != 0)
        skip();
    r = kit_open(folder, "anna", NULL);
    OK(kit_insert(kit_scope(r, NULL), "tags", "{\"name\":\"x\"}", id));
    raum_close(r);
    r = NULL;
    uint64_t before = bytes_of(path_of("raum.db"));
    assert_int_equal(chmod(folder, 0755), 0);
    snprintf(id, sizeof id, "%.120s/accounts", folder);
    assert_int_equal(chmod(id, 0755), 0);
    assert_int_equal(chmod(path_of(""), 0755), 0);
    assert_int_equal(chmod(path_of("raum.db"), 0644), 0);
    assert_int_equal(chmod(path_of("keys.json"), 0644), 0);
    finish(start(as_nobody, 0));
    assert_int_equal(chmod(path_of(""), 0700), 0);
    finish(start(as_nobody, 1));
    assert_true(bytes_of(path_of("raum.db")) == before);
}

/* The disk is full (no file may grow): each write says so, and nothing of it is there afterwards.
 */
static int write_until_full(int number)
{
    struct raum *own;
    struct raum_handle *h;
    char id[RAUM_ID_MAX], json[5000];
    int written = 0, refused = 0;
    (void)number;
    signal(SIGXFSZ, SIG_IGN);
    if (try_open(&own, false) < 0 || raum_scope_new(own, &h, &error) < 0 ||
        raum_scope_set(h, intern_personal(own)->id, &error) < 0)
        return 1;
    if (setrlimit(RLIMIT_FSIZE, &(struct rlimit){400000, 400000}) != 0)
        return 2;
    memset(json, 'x', sizeof json);
    for (int i = 0; i < 400 && refused < 5; i++) {
        json[snprintf(json, sizeof json, "{\"id\":\"r%d\",\"name\":\"", i)] = 'x';
        memcpy(json + sizeof json - 3, "\"}", 3);
        int result = kit_insert(h, "tags", json, id);
        if (result < 0 && result != RAUM_EFULL && result != RAUM_EIO)
            return 3;
        written += result == 0;
        refused += result < 0;
    }
    if (!refused || kit_raw(own, "SELECT count(*) FROM data_tags") != 1 + written)
        return 4;
    const struct space *s;
    int result = spaces_create(own, "Neu", SPACE_TEAM, &s, &error);
    if (result == 0 ? !intern_space_slug(own, "neu") : intern_space_slug(own, "neu") != NULL)
        return 5; /* the names in memory are those on the disk */
    raum_close(own);
    return written > 10 && written < 200 ? 0 : 6;
}

static void test_full_disk_G_O2(void **state)
{
    (void)state;
    char id[RAUM_ID_MAX];
    r = kit_open(folder, "anna", NULL);
    OK(kit_insert(kit_scope(r, NULL), "tags", "{\"name\":\"first\"}", id));
    raum_close(r);
    r = NULL;
    finish(start(write_until_full, 0));
    r = kit_open(folder, "anna", NULL);
    struct raum_handle *h = kit_scope(r, NULL);
    assert_true(kit_int(h, "SELECT count(*) FROM tags WHERE length(name) > 4000") > 10);
    assert_int_equal(
        kit_raw(r, "SELECT count(*) FROM pragma_integrity_check WHERE integrity_check = 'ok'"), 1);
    OK(kit_insert(h, "tags", "{\"name\":\"later\"}", id));
}

/* ---- damaged ---- */

static void put_file(const char *path, const void *data, size_t len)
{
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(data, 1, len, f), len);
    fclose(f);
}

static void test_wrong_files_G_O2(void **state)
{
    (void)state;
    static const char noise[8192] = "this is a text and no database at all, not even a small one";
    char path[300];
    snprintf(path, sizeof path, "%s/accounts", folder);
    mkdir(path, 0700);
    mkdir(path_of(""), 0700);
    snprintf(path, sizeof path, "%s", path_of("raum.db"));
    put_file(path, noise, sizeof noise);
    uint64_t before = bytes_of(path);
    REFUSED(RAUM_ECORRUPT, try_open(&r, false));
    REFUSED(RAUM_ECORRUPT, try_open(&r, true));
    assert_true(bytes_of(path) == before); /* nothing overwritten */
    /* Another program's database. */
    unlink(path);
    struct db *db;
    OK(db_open(&db, path, DB_CREATE, &error));
    OK(db_exec(
        db,
        "CREATE TABLE recipes (a); INSERT INTO recipes VALUES ('soup'); PRAGMA user_version = 3",
        &error));
    db_close(db);
    before = bytes_of(path);
    REFUSED(RAUM_ECORRUPT, try_open(&r, false));
    assert_true(bytes_of(path) == before);
    /* A folder where the file should be. */
    unlink(path);
    mkdir(path, 0700);
    assert_true(try_open(&r, false) < 0);
    rmdir(path);
    /* A key ring that is none. */
    put_file(path_of("keys.json"), "{", 1);
    REFUSED(RAUM_ECORRUPT, try_open(&r, false));
    put_file(path_of("keys.json"), "", 0);
    assert_true(try_open(&r, false) < 0);
    unlink(path_of("keys.json"));
    /* An account file that holds no id. */
    snprintf(path, sizeof path, "%s/account", folder);
    put_file(path, "a\0b\n", 4);
    REFUSED(RAUM_ECORRUPT, raum_open(&r, &(struct raum_options){.folder = folder}, &error));
    put_file(path, "\n", 1);
    REFUSED(RAUM_ECORRUPT, raum_open(&r, &(struct raum_options){.folder = folder}, &error));
    unlink(path);
    OK(raum_open(&r, &(struct raum_options){.folder = folder}, &error));
    assert_string_equal(raum_account(r), "guest");
}

/* Damage at any place: opening and using the file fails or works, and never breaks the process. */
static int use_damaged(int number)
{
    struct raum *own;
    struct raum_handle *h;
    struct raum_query *q;
    char id[RAUM_ID_MAX];
    (void)number;
    int result = try_open(&own, false);
    if (result < 0)
        return 0;
    if (raum_scope_new(own, &h, &error) == 0 && intern_personal(own) &&
        raum_scope_set(h, intern_personal(own)->id, &error) == 0) {
        result = kit_insert(h, "tags", "{\"name\":\"x\"}", id);
        result = kit_update(h, "meImages", "a", "{\"label\":\"z\"}");
        if (query_view(h, "SELECT * FROM meImages ORDER BY label", &q, &error) == 0) {
            while (raum_query_step(q, &error) == 0)
                ;
            raum_query_free(q);
        }
        struct buf out;
        buf_init(&out, 1 << 20);
        result = store_get(h, "meImages", "a", true, &out, &error);
        buf_release(&out);
        result = spaces_become(own, "_personal:anna", "real", &error);
    }
    raum_close(own);
    return 0;
}

static void test_damaged_anywhere_G_O2(void **state)
{
    (void)state;
    char id[RAUM_ID_MAX], path[300];
    uint64_t seed = 7;
    r = kit_open(folder, "anna", NULL);
    struct raum_handle *h = kit_scope(r, NULL);
    OK(kit_insert(h, "meImages", "{\"id\":\"a\",\"label\":\"l\",\"x\":1}", id));
    for (int i = 0; i < 30; i++)
        OK(kit_insert(h, "meImages", "{\"label\":\"l\"}", id));
    raum_close(r);
    r = NULL;
    snprintf(path, sizeof path, "%s", path_of("raum.db"));
    void *data;
    size_t len;
    const struct raum_env *env = raum_env_native();
    OK(env->file_read(env->ctx, path, 10 << 20, &data, &len));
    for (int round = 0; round < 60; round++) {
        unsigned char *copy = malloc(len);
        memcpy(copy, data, len);
        size_t size = round % 6 == 5 ? kit_random(&seed) % len : len; /* or cut off */
        for (int i = round % 6 == 5 ? 0 : 1 + round % 12; i > 0; i--) {
            size_t at = kit_random(&seed) % (round % 3 ? len : 4096);
            copy[at] ^= (unsigned char)(1 + kit_random(&seed) % 255);
        }
        kit_remove(path_of(""));
        mkdir(path_of(""), 0700);
        put_file(path, copy, size);
        free(copy);
        finish(start(use_damaged, round));
    }
    free(data);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_crowd_at_first_start),
        TEST(test_writers_at_once),
        TEST(test_names_of_another_process),
        TEST(test_busy),
        TEST(test_busy_reading),
        TEST(test_newer_is_left_alone_G_U6),
        TEST(test_read_only_folder_G_O2),
        TEST(test_full_disk_G_O2),
        TEST(test_wrong_files_G_O2),
        TEST(test_damaged_anywhere_G_O2),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
