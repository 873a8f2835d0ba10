/* The store under several connections at once, and when its database goes away: no increment is
 * lost, nobody starves, tables are made once, what was committed survives a kill (G-O1). */
#include "server/kit.h"

#include "server/store/sql_gate.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static struct kit k;
static struct raum_error *e = &k.error;

#define OK(call) KIT_OK(&k, call)

static int set_up(void **state)
{
    (void)state;
    kit_open(&k);
    OK(sql_run(k.sql, e, "CREATE TABLE things (id TEXT PRIMARY KEY, n BIGINT NOT NULL)", ""));
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    kit_close(&k);
    return 0;
}

static int64_t sum(void)
{
    struct sql_rows *rows;
    OK(sql_one(k.sql, &rows, e, "SELECT sum(n) AS n FROM things", ""));
    int64_t n = sql_int(rows, "n");
    sql_rows_free(rows);
    return n;
}

static int64_t now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* ---- writers */

#define THREADS 8
#define ROUNDS 60

static atomic_int failures;
static atomic_llong slowest;

/* Reads, then writes what it read plus one: only a lock makes that right. */
static int increase(struct sql *c, struct raum_error *error)
{
    struct sql_rows *rows = NULL;
    int64_t n = 0;
    int result = sql_begin(c, error);
    if (result < 0)
        return result;
    result = sql_lock(c, "thing:1", error);
    if (result == 0)
        result = sql_one(c, &rows, error, "SELECT n FROM things WHERE id = '1'", "");
    if (result == 0)
        n = sql_int(rows, "n");
    sql_rows_free(rows);
    if (result == 0)
        result = sql_run(c, error, "UPDATE things SET n = ?1 WHERE id = '1'", "i", n + 1);
    return sql_end(c, result, error);
}

static void *writer(void *arg)
{
    struct raum_error error = {0};
    struct sql *c = arg;
    for (int i = 0; i < ROUNDS; i++) {
        char id[32];
        int64_t from = now_ms();
        int result = increase(c, &error);
        snprintf(id, sizeof id, "%p.%d", arg, i);
        if (result == 0)
            result = sql_run(c, &error, "INSERT INTO things (id, n) VALUES (?1, 0)", "s", id);
        if (result != 0) {
            atomic_fetch_add(&failures, 1);
            printf("%d %s\n", result, error.text);
        }
        int64_t took = now_ms() - from;
        if (took > atomic_load(&slowest))
            atomic_store(&slowest, took);
    }
    return NULL;
}

static void test_writers(void **state)
{
    (void)state;
    pthread_t threads[THREADS];
    struct sql *c[THREADS];
    atomic_store(&failures, 0);
    atomic_store(&slowest, 0);
    OK(sql_run(k.sql, e, "INSERT INTO things (id, n) VALUES ('1', 0)", ""));
    for (int i = 0; i < THREADS; i++)
        c[i] = kit_connect(&k);
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, writer, c[i]), 0);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    for (int i = 0; i < THREADS; i++)
        sql_close(c[i]);
    assert_int_equal(atomic_load(&failures), 0);
    assert_int_equal(sum(), THREADS * ROUNDS);
    assert_true(atomic_load(&slowest) < 4000);
}

/* A plant: the same without a transaction loses some, else this suite shows nothing. */
static void *careless(void *arg)
{
    struct raum_error error = {0};
    for (int i = 0; i < ROUNDS; i++) {
        struct sql_rows *rows = NULL;
        int result = sql_one(arg, &rows, &error, "SELECT n FROM things WHERE id = '1'", "");
        int64_t n = result == 0 ? sql_int(rows, "n") : 0;
        sql_rows_free(rows);
        usleep(100);
        if (result == 0)
            result = sql_run(arg, &error, "UPDATE things SET n = ?1 WHERE id = '1'", "i", n + 1);
        if (result != 0)
            atomic_fetch_add(&failures, 1);
    }
    return NULL;
}

static void test_plant_without_a_lock(void **state)
{
    (void)state;
    pthread_t threads[THREADS];
    struct sql *c[THREADS];
    atomic_store(&failures, 0);
    OK(sql_run(k.sql, e, "INSERT INTO things (id, n) VALUES ('1', 0)", ""));
    for (int i = 0; i < THREADS; i++)
        c[i] = kit_connect(&k);
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, careless, c[i]), 0);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    for (int i = 0; i < THREADS; i++)
        sql_close(c[i]);
    assert_int_equal(atomic_load(&failures), 0);
    assert_true(sum() < THREADS * ROUNDS);
}

/* ---- who waits */

static void *hold(void *arg)
{
    struct raum_error error;
    int result = sql_begin(arg, &error);
    if (result == 0)
        result = sql_lock(arg, "a", &error);
    atomic_store(&failures, result == 0 ? 1 : 2);
    usleep(300000);
    result = sql_end(arg, result, &error);
    return result == 0 ? arg : NULL;
}

static void test_lock_waits(void **state)
{
    (void)state;
    pthread_t thread;
    void *fine;
    struct sql *c = kit_connect(&k);
    atomic_store(&failures, 0);
    assert_int_equal(pthread_create(&thread, NULL, hold, c), 0);
    while (atomic_load(&failures) == 0)
        usleep(1000);
    int64_t from = now_ms();
    OK(sql_begin(k.sql, e));
    OK(sql_lock(k.sql, "a", e));
    OK(sql_lock(k.sql, "a", e)); /* one's own lock is no obstacle */
    OK(sql_lock(k.sql, "b", e));
    assert_true(now_ms() - from > 150);
    OK(sql_end(k.sql, 0, e));
    pthread_join(thread, &fine);
    assert_non_null(fine);
    sql_close(c);
}

/* Whoever waits longer than five seconds is told so, and the connection is as good as before. */
static void test_busy_after_five_seconds(void **state)
{
    (void)state;
    struct sql *c = kit_connect(&k);
    OK(sql_begin(c, e));
    OK(sql_lock(c, "a", e));
    int64_t from = now_ms();
    int result = sql_begin(k.sql, e);
    if (result == 0)
        result = sql_end(k.sql, sql_lock(k.sql, "a", e), e);
    assert_int_equal(result, RAUM_EBUSY);
    assert_in_range(now_ms() - from, 4500, 8000);
    OK(sql_end(c, 0, e));
    OK(sql_run(k.sql, e, "INSERT INTO things (id, n) VALUES ('x', 1)", ""));
    sql_close(c);
}

/* Row locks of two that wait for each other: one is told BUSY, the other goes on. SQLite has no
 * such case, the second begins when the first has ended. */
static void *cross(void *arg)
{
    struct raum_error error;
    int result = sql_begin(arg, &error);
    if (result == 0)
        result = sql_run(arg, &error, "UPDATE things SET n = n + 1 WHERE id = 'b'", "");
    usleep(100000);
    if (result == 0)
        result = sql_run(arg, &error, "UPDATE things SET n = n + 1 WHERE id = 'a'", "");
    result = sql_end(arg, result, &error);
    return (void *)(intptr_t)result;
}

static void test_deadlock(void **state)
{
    (void)state;
    pthread_t thread;
    void *other;
    struct sql *c = kit_connect(&k);
    OK(sql_run(k.sql, e, "INSERT INTO things (id, n) VALUES ('a', 0), ('b', 0)", ""));
    assert_int_equal(pthread_create(&thread, NULL, cross, c), 0);
    int result = sql_begin(k.sql, e);
    assert_int_equal(result, 0);
    result = sql_run(k.sql, e, "UPDATE things SET n = n + 10 WHERE id = 'a'", "");
    usleep(100000);
    if (result == 0)
        result = sql_run(k.sql, e, "UPDATE things SET n = n + 10 WHERE id = 'b'", "");
    result = sql_end(k.sql, result, e);
    pthread_join(thread, &other);
    int theirs = (int)(intptr_t)other;
    assert_true(result == 0 || result == RAUM_EBUSY);
    assert_true(theirs == 0 || theirs == RAUM_EBUSY);
    assert_true(result == 0 || theirs == 0);
    assert_int_equal(sum(), (result == 0 ? 20 : 0) + (theirs == 0 ? 2 : 0));
    sql_close(c);
}

static atomic_int order[THREADS], arrived;
struct turn {
    struct sql_gate *gate;
    int number;
};

static void *queue_up(void *arg)
{
    struct turn *t = arg;
    int result = sql_gate_enter(t->gate, 5000, NULL);
    if (result == 0) {
        atomic_store(&order[atomic_fetch_add(&arrived, 1)], t->number);
        sql_gate_leave(t->gate);
    }
    return NULL;
}

static void test_gate_is_fair(void **state)
{
    (void)state;
    pthread_t threads[THREADS];
    struct turn turns[THREADS];
    struct sql_gate *gate, *same;
    OK(sql_gate_of(&gate, k.folder, e));
    OK(sql_gate_of(&same, k.folder, e));
    assert_ptr_equal(gate, same);
    atomic_store(&arrived, 0);
    OK(sql_gate_enter(gate, 0, e));
    assert_int_equal(sql_gate_enter(same, 50, e), RAUM_EBUSY);
    for (int i = 0; i < THREADS; i++) {
        turns[i] = (struct turn){.gate = gate, .number = i};
        assert_int_equal(pthread_create(&threads[i], NULL, queue_up, &turns[i]), 0);
        usleep(20000);
    }
    assert_int_equal(atomic_load(&arrived), 0);
    sql_gate_leave(gate);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(atomic_load(&order[i]), i);
    OK(sql_gate_enter(same, 0, e));
    sql_gate_leave(same);
    sql_gate_release(gate);
    sql_gate_release(same);
    sql_gate_release(NULL);
}

/* ---- migrations */

static void *migrate(void *arg)
{
    struct raum_error error;
    struct sql *c = NULL;
    int result = sql_open(&c, arg, raum_env_native(), &error);
    if (result == 0)
        result = sql_migrate(c, &error);
    sql_close(c);
    if (result != 0) {
        printf("%d %s\n", result, error.text);
        atomic_fetch_add(&failures, 1);
    }
    return NULL;
}

static void test_migrations_at_once(void **state)
{
    (void)state;
    pthread_t threads[THREADS];
    struct sql_rows *rows;
    struct kit empty;
    kit_make(&empty);
    atomic_store(&failures, 0);
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, migrate, empty.url), 0);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(atomic_load(&failures), 0);
    empty.sql = kit_connect(&empty);
    OK(sql_one(empty.sql, &rows, e, "SELECT count(*) AS n FROM server_version", ""));
    assert_int_equal(sql_int(rows, "n"), 1);
    sql_rows_free(rows);
    kit_close(&empty);
}

/* The same from several processes: a host's command beside the server. */
static void test_opened_by_processes(void **state)
{
    (void)state;
    pid_t children[4];
    struct kit empty;
    for (int round = 0; round < 5; round++) {
        kit_make(&empty);
        for (int i = 0; i < 4; i++) {
            children[i] = fork();
            assert_true(children[i] >= 0);
            if (children[i] == 0) {
                struct sql *c = NULL;
                int result = sql_open(&c, empty.url, raum_env_native(), NULL);
                if (result == 0)
                    result = sql_migrate(c, NULL);
                sql_close(c);
                _exit(result == 0 ? 0 : 1);
            }
        }
        for (int i = 0; i < 4; i++) {
            int status;
            waitpid(children[i], &status, 0);
            assert_int_equal(status, 0);
        }
        kit_close(&empty);
    }
}

/* ---- durability */

static void write_until_killed(int fd)
{
    struct raum_error error;
    struct sql *c;
    if (sql_open(&c, k.url, raum_env_native(), &error) != 0)
        _exit(1);
    for (int64_t i = 1;; i++) {
        int result = sql_begin(c, &error);
        if (result == 0)
            result = sql_run(c, &error, "INSERT INTO things (id, n) VALUES (?1 || 'a', ?2)", "si",
                             "k", -i);
        if (result == 0)
            result = sql_run(c, &error, "UPDATE things SET id = ?1, n = ?2 WHERE n = ?3", "sii",
                             (char[]){(char)('0' + i % 10), (char)('0' + i / 10 % 10),
                                      (char)('0' + i / 100 % 10), (char)('0' + i / 1000), 0},
                             i, -i);
        if (sql_end(c, result, &error) != 0 || write(fd, &i, sizeof i) != sizeof i)
            _exit(1);
    }
}

/* G-O1: what was acknowledged (written to the pipe behind the commit) is there after a kill, and of
 * nothing only a part. */
static void test_kill(void **state)
{
    (void)state;
    int64_t last = 0, seen;
    int rounds = 6;
    for (int round = 0; round < rounds; round++) {
        int fd[2];
        OK(sql_run(k.sql, e, "DELETE FROM things", ""));
        assert_int_equal(pipe(fd), 0);
        sql_close(k.sql); /* a child may not inherit an open SQLite file */
        k.sql = NULL;
        pid_t child = fork();
        assert_true(child >= 0);
        if (child == 0)
            write_until_killed(fd[1]);
        close(fd[1]);
        for (last = 0; last < 20 + 17 * round && read(fd[0], &seen, sizeof seen) == sizeof seen;)
            last = seen;
        assert_true(last > 0);
        kill(child, SIGKILL);
        while (read(fd[0], &seen, sizeof seen) == sizeof seen)
            last = seen;
        waitpid(child, NULL, 0);
        close(fd[0]);
        k.sql = kit_connect(&k);
        struct sql_rows *rows;
        OK(sql_one(k.sql, &rows, e,
                   "SELECT count(*) AS n, max(n) AS top, min(n) AS low FROM things", ""));
        assert_true(sql_int(rows, "n") == sql_int(rows, "top"));
        assert_in_range(sql_int(rows, "n"), last, last + 1);
        assert_int_equal(sql_int(rows, "low"), 1);
        sql_rows_free(rows);
    }
}

/* ---- files (SQLite) and servers (PostgreSQL) that are not as they should be */

static void test_file(void **state)
{
    (void)state;
    struct sql *c = NULL;
    struct stat s;
    char path[600];
    if (kit_is_postgres())
        skip();
    assert_int_equal(stat(k.url, &s), 0);
    assert_int_equal(s.st_mode & 0777, 0600);
    snprintf(path, sizeof path, "%s-wal", k.url);
    assert_int_equal(stat(path, &s), 0);
    assert_int_equal(s.st_mode & 0777, 0600);
    snprintf(path, sizeof path, "%s/no/server.db", k.folder);
    assert_true(sql_open(&c, path, raum_env_native(), e) < 0);
    assert_null(c);
    assert_non_null(strstr(e->text, "server.db"));
    snprintf(path, sizeof path, "%s/text", k.folder);
    FILE *f = fopen(path, "w");
    for (int i = 0; i < 500; i++)
        fputs("This is a diary, not a database.\n", f);
    fclose(f);
    assert_int_equal(sql_open(&c, path, raum_env_native(), e), RAUM_ECORRUPT);
    assert_int_equal(sql_open(&c, k.folder, raum_env_native(), e) < 0, 1);
    assert_int_equal(stat(path, &s), 0);
    assert_int_equal(s.st_size, 500 * 33);
}

static int fill(int64_t *made)
{
    char id[16];
    int result = sql_begin(k.sql, e);
    for (int i = 0; result == 0 && i < 40; i++) {
        snprintf(id, sizeof id, "fill%lld", (long long)*made * 100 + i);
        result = sql_run(k.sql, e, "INSERT INTO things (id, n) VALUES (?1 || ?2, 1)", "st", id,
                         (char[4096]){[0 ... 4095] = 'x'}, (size_t)4096);
    }
    result = sql_end(k.sql, result, e);
    *made += result == 0;
    return result;
}

/* G-O2: no room left: the transaction that found none is gone whole, and is told so; the others
 * stand, reads go on, and with room again so do writes. */
static void test_full(void **state)
{
    (void)state;
    struct rlimit before, small;
    int64_t made = 0;
    int result = 0;
    if (kit_is_postgres())
        skip();
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    small = before;
    small.rlim_cur = (rlim_t)2 << 20;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    while (result == 0 && made < 100)
        result = fill(&made);
    int again = fill(&made);
    int64_t seen = sum();
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    assert_true(result == RAUM_EFULL || result == RAUM_EIO);
    assert_true(again < 0 && made > 0);
    assert_int_equal(seen, made * 40);
    OK(fill(&made));
    assert_int_equal(sum(), made * 40);
}

/* G-O2: another program's database gets none of our tables. */
static void test_strangers_file(void **state)
{
    (void)state;
    struct sql *c;
    struct sql_rows *rows;
    char path[128];
    if (kit_is_postgres())
        skip();
    snprintf(path, sizeof path, "%s/other.db", k.folder);
    OK(sql_open(&c, path, raum_env_native(), e));
    OK(sql_run(c, e, "CREATE TABLE user (id TEXT)", ""));
    assert_int_equal(sql_migrate(c, e), RAUM_ECORRUPT);
    OK(sql_one(c, &rows, e, "SELECT count(*) AS n FROM sqlite_schema", ""));
    assert_int_equal(sql_int(rows, "n"), 1);
    sql_rows_free(rows);
    sql_close(c);
}

static void test_addresses(void **state)
{
    (void)state;
    struct sql *c = NULL;
    const char *const bad[] = {"postgres://raum:hunter2@127.0.0.1:1/raum?connect_timeout=2",
                               "postgres://raum:hunter2@127.0.0.1:99999999/raum",
                               "postgres://raum:hunt%zz2@127.0.0.1/raum",
                               "postgresql://raum:hunter2@127.0.0.1/raum?no_such=1"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        int result = sql_open(&c, bad[i], raum_env_native(), e);
        assert_true(result == RAUM_EUNREACHABLE || result == RAUM_EUSAGE);
        assert_null(strstr(e->text, "hunt"));
        assert_null(c);
    }
    if (kit_is_postgres()) {
        char url[600];
        snprintf(url, sizeof url, "%s", k.url);
        memcpy(strstr(url, "raum-test"), "RAUM-TEST", 9);
        assert_int_equal(sql_open(&c, url, raum_env_native(), e), RAUM_EUNREACHABLE);
        assert_non_null(strstr(e->text, "password"));
        assert_null(strstr(e->text, "RAUM-TEST"));
    }
}

static int end_of(struct sql *c)
{
    struct sql_rows *rows;
    struct sql *other = kit_connect(&k);
    OK(sql_one(c, &rows, e, "SELECT pg_backend_pid() AS pid", ""));
    int64_t pid = sql_int(rows, "pid");
    sql_rows_free(rows);
    OK(sql_one(other, &rows, e, "SELECT pg_terminate_backend(CAST(?1 AS INTEGER)) AS done", "i",
               pid));
    int done = (int)sql_int(rows, "done");
    sql_rows_free(rows);
    sql_close(other);
    usleep(50000);
    return done;
}

/* A connection that the server closed is made anew: for reads, writes and new transactions; within
 * a transaction the loss is told and nothing of it was written. */
static void test_lost_connection(void **state)
{
    (void)state;
    if (!kit_is_postgres())
        skip();
    OK(sql_run(k.sql, e, "INSERT INTO things (id, n) VALUES ('a', 1)", ""));
    for (int i = 0; i < 2; i++) {
        assert_true(end_of(k.sql));
        assert_int_equal(sum(), 1 + i);
        assert_true(end_of(k.sql));
        OK(sql_run(k.sql, e, "UPDATE things SET n = n + 1", ""));
        assert_true(end_of(k.sql));
        OK(sql_begin(k.sql, e));
        OK(sql_end(k.sql, 0, e));
    }
    OK(sql_begin(k.sql, e));
    OK(sql_run(k.sql, e, "UPDATE things SET n = n + 100", ""));
    assert_true(end_of(k.sql));
    int result = sql_run(k.sql, e, "UPDATE things SET n = n + 100", "");
    assert_int_equal(result, RAUM_EUNREACHABLE);
    assert_int_equal(sql_run(k.sql, e, "UPDATE things SET n = n + 100", ""), RAUM_EUNREACHABLE);
    assert_int_equal(sql_end(k.sql, result, e), RAUM_EUNREACHABLE);
    assert_int_equal(sum(), 3);
    OK(sql_begin(k.sql, e));
    OK(sql_run(k.sql, e, "UPDATE things SET n = n + 100", ""));
    assert_true(end_of(k.sql));
    assert_true(sql_end(k.sql, 0, e) < 0);
    assert_int_equal(sum(), 3);
}

/* All that a role needs is a schema of its own; one that may make no tables is told so. */
static void test_tenant(void **state)
{
    (void)state;
    struct sql *c;
    struct sql_rows *rows;
    const char *at = kit_is_postgres() ? strchr(getenv("RAUM_TEST_POSTGRES"), '@') : NULL;
    char url[512];
    if (!at)
        skip();
    snprintf(url, sizeof url, "postgresql://tenant:raum-test%s", at);
    OK(sql_open(&c, url, raum_env_native(), e)); /* the search path names the role's schema first */
    OK(sql_migrate(c, e));
    OK(sql_migrate(c, e));
    OK(sql_one(c, &rows, e,
               "SELECT count(*) AS n FROM information_schema.tables"
               " WHERE table_schema = 'tenant' AND table_name = 'accounts'",
               ""));
    assert_int_equal(sql_int(rows, "n"), 1);
    sql_rows_free(rows);
    sql_close(c);
    snprintf(url, sizeof url, "postgres://tenant:raum-test%s?options=-csearch_path%%3Dpublic", at);
    OK(sql_open(&c, url, raum_env_native(), e));
    assert_int_equal(sql_migrate(c, e), RAUM_EREAD_ONLY);
    assert_non_null(strstr(e->text, "public"));
    sql_close(c);
    snprintf(url, sizeof url, "postgres://tenant:raum-test%s?options=-csearch_path%%3Dnone", at);
    OK(sql_open(&c, url, raum_env_native(), e));
    assert_true(sql_migrate(c, e) < 0);
    assert_non_null(strstr(e->text, "schema"));
    sql_close(c);
}

/* The whole server goes, as at a loss of power, and comes back. */
static void test_server_restarts(void **state)
{
    (void)state;
    const char *dir = getenv("RAUM_TEST_POSTGRES_DIR"), *script = getenv("RAUM_TEST_POSTGRES_SH");
    char command[1200];
    if (!kit_is_postgres() || !dir || !script)
        skip();
    OK(sql_run(k.sql, e, "INSERT INTO things (id, n) VALUES ('a', 1)", ""));
    snprintf(command, sizeof command, "'%s' crash '%s' >/dev/null", script, dir);
    assert_int_equal(system(command), 0);
    assert_int_equal(sql_run(k.sql, e, "UPDATE things SET n = 2", ""), RAUM_EUNREACHABLE);
    assert_int_equal(sql_begin(k.sql, e), RAUM_EUNREACHABLE);
    snprintf(command, sizeof command, "'%s' again '%s' >/dev/null", script, dir);
    assert_int_equal(system(command), 0);
    OK(sql_run(k.sql, e, "UPDATE things SET n = n + 2", ""));
    assert_int_equal(sum(), 3);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_writers),
        TEST(test_plant_without_a_lock),
        TEST(test_lock_waits),
        TEST(test_busy_after_five_seconds),
        TEST(test_deadlock),
        TEST(test_gate_is_fair),
        TEST(test_migrations_at_once),
        TEST(test_opened_by_processes),
        TEST(test_kill),
        TEST(test_file),
        TEST(test_full),
        TEST(test_strangers_file),
        TEST(test_addresses),
        TEST(test_lost_connection),
        TEST(test_tenant),
        TEST(test_server_restarts),
    };
    return cmocka_run_group_tests_name("sql_many", tests, NULL, NULL);
}
