/* File steps: G-U1 (before or after, killed anywhere), G-U6 (newer stays untouched), G-U7 (the old
 * file is the backup), G-O2 (full disk, read-only, another program's file). */
#include "db/steps.h"

#include <dirent.h>
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#define APPLICATION 0x54657374

static struct raum_error error;
static char folder[64], file[96];

/* ---- a small product with a history ---- */

static int rewrite(struct db *old, struct db *fresh, const char *create, const char *read,
                   const char *write, void (*tell)(void *, double), void *arg)
{
    struct db_stmt from = {0}, to = {0};
    int result = db_exec(fresh, create, &error);
    if (result == 0)
        result = db_prepare(old, &from, &db_grant_own, read, &error);
    if (result == 0)
        result = db_prepare(fresh, &to, &db_grant_own, write, &error);
    while (result == 0) {
        result = db_step(&from, &error);
        if (result)
            break;
        db_bind_int(&to, 1, db_int(&from, 0));
        db_bind_str(&to, 2, db_text(&from, 1, NULL));
        db_bind_str(&to, 3, db_text(&from, 2, NULL));
        result = db_run(&to, &error);
        if (tell)
            tell(arg, 0.5);
    }
    db_finish(&from);
    db_finish(&to);
    return result == RAUM_END ? 0 : result;
}

static int to_45(struct db *old, struct db *fresh, void *ctx, void (*tell)(void *, double),
                 void *arg, struct raum_error *e)
{
    (void)ctx, (void)e;
    return rewrite(old, fresh,
                   "CREATE TABLE thing (id INTEGER PRIMARY KEY, body TEXT, colour TEXT)",
                   "SELECT id, upper(body), colour FROM item", "INSERT INTO thing VALUES (?, ?, ?)",
                   tell, arg);
}

static int to_47(struct db *old, struct db *fresh, void *ctx, void (*tell)(void *, double),
                 void *arg, struct raum_error *e)
{
    (void)ctx, (void)e;
    return rewrite(old, fresh, "CREATE TABLE last (id INTEGER PRIMARY KEY, body TEXT, colour TEXT)",
                   "SELECT id, body || '!', colour FROM thing WHERE made IS NULL",
                   "INSERT INTO last VALUES (?, ?, ?)", tell, arg);
}

static int report_45(struct db *old, struct buf *report, struct raum_error *e)
{
    int64_t rows = 0;
    int result = db_query_int(old, "SELECT count(*) FROM item", &rows, e);
    buf_printf(report, "  item: %d rows\n", (int)rows);
    return result;
}

static const struct db_file_step list[] = {
    {.to = 44, .sql = "ALTER TABLE item ADD COLUMN colour TEXT DEFAULT 'red'"},
    {.to = 45, .rewrite = to_45, .report = report_45},
    {.to = 46, .sql = "ALTER TABLE thing ADD COLUMN made TEXT"},
    {.to = 47, .rewrite = to_47},
    {.to = 48, .sql = "CREATE INDEX by_body ON last (body)"},
    {.to = 0},
};

static struct db_steps program(int version)
{
    return (struct db_steps){.application = APPLICATION,
                             .version = version,
                             .list = list,
                             .create = "CREATE TABLE item (id INTEGER PRIMARY KEY, body TEXT)"};
}

static int open_with(struct db **db, int version, const struct raum_env *env)
{
    struct db_steps steps = program(version);
    *db = NULL;
    err_clear(&error);
    return steps_open(db, file, DB_CREATE, &steps, env, NULL, NULL, &error);
}

static int open_at(struct db **db, int version)
{
    return open_with(db, version, raum_env_native());
}

#define OK(call)                                                                                   \
    do {                                                                                           \
        if ((call) != 0)                                                                           \
            fail_msg("%s: %s", #call, error.text);                                                 \
    } while (0)

static int64_t ask(struct db *db, const char *sql)
{
    int64_t value = -1;
    OK(db_query_int(db, sql, &value, &error));
    return value;
}

static void make_43(int rows)
{
    struct db *db;
    OK(open_at(&db, 43));
    OK(db_begin(db, &error));
    OK(db_execf(db, &error,
                "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < %d)"
                "INSERT INTO item SELECT i, 'body ' || i FROM n",
                rows));
    OK(db_commit(db, &error));
    db_close(db);
}

static void check_45(struct db *db, int rows)
{
    assert_int_equal(ask(db, "PRAGMA user_version"), 45);
    assert_int_equal(ask(db, "PRAGMA application_id"), APPLICATION);
    assert_int_equal(
        ask(db, "SELECT count(*) FROM thing WHERE body = 'BODY ' || id AND colour = 'red'"), rows);
    assert_int_equal(
        ask(db, "SELECT count(*) FROM pragma_integrity_check WHERE integrity_check = 'ok'"), 1);
}

/* ---- files ---- */

static bool there(const char *suffix)
{
    char path[128];
    snprintf(path, sizeof path, "%s%s", file, suffix);
    return access(path, F_OK) == 0;
}

static uint64_t digest(const char *suffix)
{
    char path[128];
    uint64_t hash = 1469598103934665603u;
    snprintf(path, sizeof path, "%s%s", file, suffix);
    FILE *f = fopen(path, "rb");
    if (!f)
        return 0;
    for (int c = getc(f); c != EOF; c = getc(f))
        hash = (hash ^ (unsigned)c) * 1099511628211u;
    fclose(f);
    return hash;
}

static void copy(const char *from, const char *to)
{
    char a[128], b[128], block[65536];
    size_t got;
    snprintf(a, sizeof a, "%s%s", file, from);
    snprintf(b, sizeof b, "%s%s", file, to);
    FILE *in = fopen(a, "rb"), *out = fopen(b, "wb");
    assert_non_null(in);
    assert_non_null(out);
    while ((got = fread(block, 1, sizeof block, in)) > 0)
        assert_int_equal(fwrite(block, 1, got, out), got);
    fclose(in);
    fclose(out);
}

static void empty_folder(void)
{
    char path[400];
    DIR *d = opendir(folder);
    for (struct dirent *e = readdir(d); e; e = readdir(d)) {
        snprintf(path, sizeof path, "%s/%s", folder, e->d_name);
        if (e->d_name[0] != '.')
            unlink(path);
    }
    closedir(d);
}

static int set_up(void **state)
{
    (void)state;
    const char *root = getenv("TMPDIR");
    snprintf(folder, sizeof folder, "%s/steps-XXXXXX", root && strlen(root) < 40 ? root : P_tmpdir);
    assert_non_null(mkdtemp(folder));
    snprintf(file, sizeof file, "%s/raum.db", folder);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    chmod(folder, 0700);
    empty_folder();
    return rmdir(folder);
}

/* ---- the ordinary way ---- */

static void test_fresh(void **state)
{
    (void)state;
    struct db *db;
    OK(open_at(&db, 43));
    assert_int_equal(ask(db, "PRAGMA user_version"), 43);
    assert_int_equal(ask(db, "PRAGMA application_id"), APPLICATION);
    OK(db_exec(db, "INSERT INTO item VALUES (1, 'a')", &error));
    db_close(db);
    OK(open_at(&db, 43));
    assert_int_equal(ask(db, "SELECT count(*) FROM item"), 1);
    db_close(db);
    struct db_steps steps = program(43);
    empty_folder();
    assert_int_equal(steps_open(&db, file, 0, &steps, raum_env_native(), NULL, NULL, &error),
                     RAUM_ENOT_FOUND);
    assert_false(there(""));
}

static void test_in_place(void **state)
{
    (void)state;
    struct db *db;
    make_43(100);
    OK(open_at(&db, 44));
    assert_int_equal(ask(db, "PRAGMA user_version"), 44);
    assert_int_equal(ask(db, "SELECT count(*) FROM item WHERE colour = 'red'"), 100);
    db_close(db);
    assert_false(there(".old"));
    OK(open_at(&db, 44)); /* a second run changes nothing */
    db_close(db);
}

static void test_rewrite(void **state) /* G-U7 */
{
    (void)state;
    struct db *db;
    make_43(100);
    OK(open_at(&db, 45));
    check_45(db, 100);
    db_close(db);
    assert_true(there(".old"));
    copy(".old", ".copy");
    OK(open_at(&db, 45));
    db_close(db);
    assert_false(there(".old"));
    assert_false(there(".old-wal"));
    assert_false(there(".new"));
    assert_false(there(".part"));
    char path[128];
    snprintf(path, sizeof path, "%s.copy", file);
    OK(db_open(&db, path, 0, &error));
    assert_int_equal(ask(db, "SELECT count(*) FROM item WHERE body = 'body ' || id"), 100);
    assert_int_equal(ask(db, "PRAGMA user_version"), STEPS_MOVED);
    assert_int_equal(
        ask(db, "SELECT count(*) FROM pragma_table_info('item') WHERE name = 'colour'"), 0);
    db_close(db);
}

static void test_chain(void **state)
{
    (void)state;
    struct db *db;
    make_43(50);
    OK(open_at(&db, 48));
    assert_int_equal(ask(db, "PRAGMA user_version"), 48);
    assert_int_equal(ask(db, "SELECT count(*) FROM last WHERE body = 'BODY ' || id || '!'"), 50);
    assert_int_equal(ask(db, "SELECT count(*) FROM sqlite_schema WHERE name = 'by_body'"), 1);
    db_close(db);
    assert_false(there(".mid"));
    /* 46 → 48 by the program that comes later. */
    empty_folder();
    make_43(50);
    OK(open_at(&db, 46));
    db_close(db);
    OK(open_at(&db, 48));
    assert_int_equal(ask(db, "SELECT count(*) FROM last"), 50);
    db_close(db);
}

static void told(void *arg, double done)
{
    int *calls = arg;
    assert_true(done >= 0 && done <= 1);
    (*calls)++;
}

static void test_tells(void **state)
{
    (void)state;
    struct db *db;
    int calls = 0;
    struct db_steps steps = program(45);
    make_43(10);
    OK(steps_open(&db, file, DB_CREATE, &steps, raum_env_native(), told, &calls, &error));
    assert_int_equal(calls, 10);
    db_close(db);
}

static void test_dry_run(void **state)
{
    (void)state;
    struct buf report;
    struct db_steps steps = program(45);
    buf_init(&report, 10000);
    make_43(7);
    uint64_t before = digest("");
    OK(steps_dry_run(file, &steps, &report, &error));
    assert_string_equal(buf_text(&report),
                        "version 44: in place\nversion 45: into a new file\n  item: 7 rows\n");
    assert_true(before == digest(""));
    buf_reset(&report);
    steps = program(43);
    OK(steps_dry_run(file, &steps, &report, &error));
    assert_string_equal(buf_text(&report), "version 43: nothing to do\n");
    steps = program(42);
    assert_int_equal(steps_dry_run(file, &steps, &report, &error), RAUM_ENEWER_DATABASE);
    buf_release(&report);
}

/* ---- refusals ---- */

static void test_newer(void **state) /* G-U6 */
{
    (void)state;
    struct db *db, *other;
    make_43(10);
    /* With something in the WAL that the newer program has not written back yet. */
    OK(open_at(&other, 43));
    OK(db_exec(other, "PRAGMA user_version = 99; INSERT INTO item VALUES (1000, 'x')", &error));
    copy("", ".db1");
    copy("-wal", ".wal1");
    db_close(other);
    copy(".db1", "");
    copy(".wal1", "-wal");
    unlink("-shm");
    uint64_t main_file = digest(""), wal = digest("-wal");
    assert_int_equal(open_at(&db, 43), RAUM_ENEWER_DATABASE);
    assert_non_null(strstr(error.text, "99"));
    assert_true(main_file == digest("") && wal == digest("-wal"));
    struct db_steps steps = program(43);
    OK(steps_open(&db, file, DB_READ_ONLY, &steps, raum_env_native(), NULL, NULL, &error));
    assert_int_equal(ask(db, "SELECT count(*) FROM item"), 11);
    assert_int_not_equal(db_exec(db, "DELETE FROM item", &error), 0);
    db_close(db);
    assert_true(main_file == digest("") && wal == digest("-wal"));
}

static void test_read_only_older(void **state)
{
    (void)state;
    struct db *db;
    struct db_steps steps = program(45);
    make_43(10);
    OK(steps_open(&db, file, DB_READ_ONLY, &steps, raum_env_native(), NULL, NULL, &error));
    assert_int_equal(ask(db, "SELECT count(*) FROM item"), 10);
    db_close(db);
}

static void test_not_ours(void **state) /* G-O2 */
{
    (void)state;
    struct db *db;
    FILE *f = fopen(file, "wb");
    fputs("this is a letter to somebody and no database at all, and it is longer than a header: "
          "so that nobody may take it for one that has just been begun",
          f);
    fclose(f);
    uint64_t before = digest("");
    assert_int_equal(open_at(&db, 43), RAUM_ECORRUPT);
    assert_true(before == digest(""));
    empty_folder();
    OK(db_open(&db, file, DB_CREATE | DB_PLAIN, &error));
    OK(db_exec(db, "CREATE TABLE theirs (x); PRAGMA user_version = 3", &error));
    db_close(db);
    before = digest("");
    assert_int_equal(open_at(&db, 43), RAUM_ECORRUPT);
    assert_true(before == digest(""));
    struct db_steps mine = program(43);
    assert_int_equal(
        steps_open(&db, file, DB_READ_ONLY, &mine, raum_env_native(), NULL, NULL, &error),
        RAUM_ECORRUPT);
    /* Our mark without a version, and our version under another's mark. */
    static const char *const marks[] = {
        "PRAGMA application_id = 1415934836; PRAGMA user_version = 0",
        "PRAGMA application_id = 7; PRAGMA user_version = 43"};
    for (int i = 0; i < 2; i++) {
        empty_folder();
        OK(db_open(&db, file, DB_CREATE | DB_PLAIN, &error));
        OK(db_exec(db, "CREATE TABLE item (id INTEGER PRIMARY KEY, body TEXT)", &error));
        OK(db_exec(db, marks[i], &error));
        db_close(db);
        assert_int_equal(open_at(&db, 43), RAUM_ECORRUPT);
    }
    /* A version from which no step leads on. */
    empty_folder();
    make_43(1);
    struct db_steps steps = program(43);
    steps.list = &list[5];
    steps.version = 60;
    assert_int_equal(steps_open(&db, file, 0, &steps, raum_env_native(), NULL, NULL, &error),
                     RAUM_ECORRUPT);
    /* Begun by a process that died at once. */
    empty_folder();
    f = fopen(file, "wb");
    fclose(f);
    OK(open_at(&db, 43));
    assert_int_equal(ask(db, "PRAGMA user_version"), 43);
    db_close(db);
}

static void test_lost(void **state) /* nothing is made anew where something was */
{
    (void)state;
    struct db *db;
    make_43(5);
    copy("", ".old");
    unlink(file);
    assert_int_equal(open_at(&db, 43), RAUM_ECORRUPT);
    assert_false(there(""));
    empty_folder();
    make_43(5);
    OK(db_open(&db, file, 0, &error));
    OK(db_execf(db, &error, "PRAGMA user_version = %d", STEPS_MOVED));
    db_close(db);
    assert_int_equal(open_at(&db, 43), RAUM_ECORRUPT);
    assert_int_equal(open_at(&db, 45), RAUM_ECORRUPT);
    assert_true(there(""));
}

/* Runs in a child; its exit status comes back. */
static int in_child(int (*run)(void))
{
    int status;
    pid_t pid = fork();
    if (pid == 0)
        _exit(run());
    waitpid(pid, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static int upgrade_small_disk(void)
{
    struct db *db;
    struct rlimit limit = {100000, 100000};
    signal(SIGXFSZ, SIG_IGN);
    setrlimit(RLIMIT_FSIZE, &limit);
    return -open_at(&db, 45);
}

static void test_full_disk(void **state) /* G-O2 */
{
    (void)state;
    struct db *db;
    make_43(20000);
    uint64_t before = digest("");
    int code = -in_child(upgrade_small_disk);
    assert_true(code == RAUM_EFULL || code == RAUM_EIO);
    assert_true(before == digest(""));
    assert_false(there(".part"));
    OK(open_at(&db, 43)); /* still wholly before */
    assert_int_equal(ask(db, "SELECT count(*) FROM item"), 20000);
    db_close(db);
    OK(open_at(&db, 45));
    check_45(db, 20000);
    db_close(db);
}

static int upgrade_as_nobody(void)
{
    struct db *db;
    if (geteuid() == 0 && setuid(65534) != 0)
        return 99;
    return -open_at(&db, 45);
}

static void test_read_only_disk(void **state) /* G-O2 */
{
    (void)state;
    make_43(10);
    chmod(file, 0444);
    chmod(folder, 0555);
    uint64_t before = digest("");
    int code = -in_child(upgrade_as_nobody);
    chmod(folder, 0755);
    assert_int_equal(code, RAUM_EREAD_ONLY);
    assert_true(before == digest(""));
}

/* ---- killed anywhere ---- */

/* An env whose file operations end at the n-th, as if the process had been killed there. */
static int calls_left, calls_made;

static int counted(void)
{
    calls_made++;
    return calls_left-- > 0 ? 0 : RAUM_EIO;
}

static int rename_or_die(void *ctx, const char *from, const char *to)
{
    int result = counted();
    return result < 0 ? result : raum_env_native()->file_rename(ctx, from, to);
}

static int remove_or_die(void *ctx, const char *path)
{
    int result = counted();
    return result < 0 ? result : raum_env_native()->file_remove(ctx, path);
}

static struct raum_env mortal(int calls)
{
    struct raum_env env = *raum_env_native();
    env.file_rename = rename_or_die;
    env.file_remove = remove_or_die;
    calls_left = calls;
    calls_made = 0;
    return env;
}

static void test_killed_at_each_operation(void **state) /* G-U1 */
{
    (void)state;
    int result = -1, calls = 0;
    struct db *db;
    for (; result != 0; calls++) {
        struct raum_env env = mortal(calls);
        empty_folder();
        make_43(100);
        result = open_with(&db, 45, &env);
        db_close(db);
        assert_true(result == 0 || result == RAUM_EIO);
        OK(open_at(&db, 45));
        check_45(db, 100);
        db_close(db);
    }
    assert_true(calls > 8);
    /* And killed again while it tidies up. */
    for (int first = 0; first < calls; first++) {
        for (int second = 0; second < 10; second += 3) {
            struct raum_env env = mortal(first);
            empty_folder();
            make_43(20);
            result = open_with(&db, 45, &env);
            db_close(db);
            env = mortal(second);
            result = open_with(&db, 45, &env);
            db_close(db);
            OK(open_at(&db, 45));
            check_45(db, 20);
            db_close(db);
        }
    }
}

static int64_t now_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static void check_before_or_after(int rows)
{
    struct db *db;
    int result = db_open(&db, file, DB_READ_ONLY, &error);
    if (result == RAUM_ENOT_FOUND) {
        assert_true(there(".new") && there(".old"));
        return;
    }
    assert_int_equal(result, 0);
    int64_t version = ask(db, "PRAGMA user_version");
    if (version == 45)
        check_45(db, rows);
    else
        assert_int_equal(ask(db, "SELECT count(*) FROM item WHERE body = 'body ' || id"), rows);
    assert_true(version == 43 || version == 45 || (version == STEPS_MOVED && there(".new")));
    db_close(db);
}

static void test_killed_at_any_instant(void **state) /* G-U1 G-O1 */
{
    (void)state;
    const int rows = 3000;
    struct db *db;
    int finished = 0;
    make_43(rows);
    int64_t took = now_us();
    OK(open_at(&db, 45));
    took = now_us() - took;
    db_close(db);
    for (int i = 0; i < 60; i++) {
        empty_folder();
        make_43(rows);
        pid_t pid = fork();
        if (pid == 0) {
            int result = open_at(&db, 45);
            _exit(result != 0);
        }
        int64_t until = now_us() + took * 3 / 2 * i / 60;
        while (now_us() < until)
            usleep(50);
        int status;
        kill(pid, SIGKILL);
        waitpid(pid, &status, 0);
        if (WIFEXITED(status)) {
            assert_int_equal(WEXITSTATUS(status), 0);
            finished++;
        }
        check_before_or_after(rows);
        OK(open_at(&db, 45));
        check_45(db, rows);
        db_close(db);
    }
    assert_true(finished < 60);
}

/* ---- another file in its place ---- */

/* A database with `rows` rows under the name FILE.other. */
static void make_other(int version, int rows)
{
    char keep[96], other[128];
    struct db *db;
    memcpy(keep, file, sizeof keep);
    snprintf(other, sizeof other, "%s.other", file);
    snprintf(file, sizeof file, "%s/else.db", folder);
    make_43(rows);
    OK(open_at(&db, version));
    db_close(db);
    OK(raum_env_native()->file_rename(NULL, file, other));
    snprintf(other, sizeof other, "%s.old", file);
    unlink(other);
    memcpy(file, keep, sizeof file);
}

static int replace_with(int version, const struct raum_env *env)
{
    char other[128];
    struct db_steps steps = program(version);
    snprintf(other, sizeof other, "%s.other", file);
    err_clear(&error);
    return steps_replace(file, other, &steps, env, &error);
}

static void test_replace(void **state)
{
    (void)state;
    struct db *db, *held;
    make_43(10);
    OK(open_at(&held, 43));
    make_other(43, 20);
    OK(replace_with(43, raum_env_native()));
    assert_false(there(".other"));
    assert_true(there(".old"));
    assert_int_equal(steps_check(held, 43, &error), RAUM_ENEWER_DATABASE);
    db_close(held);
    OK(open_at(&db, 43));
    assert_int_equal(ask(db, "SELECT count(*) FROM item"), 20);
    db_close(db);
    assert_false(there(".old"));
    /* An older one is brought to this version by who opens it. */
    make_other(43, 30);
    OK(open_at(&db, 45));
    db_close(db);
    OK(replace_with(45, raum_env_native()));
    OK(open_at(&db, 45));
    check_45(db, 30);
    db_close(db);
    /* Where nothing is, and where something unreadable is. */
    for (int damaged = 0; damaged < 2; damaged++) {
        empty_folder();
        make_other(43, 5);
        if (damaged)
            OK(raum_env_native()->file_write(NULL, file, "a letter, not a database at all", 31,
                                             0600));
        OK(replace_with(43, raum_env_native()));
        assert_int_equal(there(".old"), damaged);
        OK(open_at(&db, 43));
        assert_int_equal(ask(db, "SELECT count(*) FROM item"), 5);
        db_close(db);
    }
}

static void test_replace_refused(void **state)
{
    (void)state;
    struct db *db;
    make_43(10);
    uint64_t before = digest("");
    assert_int_equal(replace_with(43, raum_env_native()), RAUM_ENOT_FOUND);
    make_other(45, 20);
    assert_int_equal(replace_with(43, raum_env_native()), RAUM_ENEWER_DATABASE);
    copy(".other", ".cut");
    char path[128], other[128];
    snprintf(path, sizeof path, "%s.cut", file);
    snprintf(other, sizeof other, "%s.other", file);
    assert_int_equal(truncate(path, 5000), 0);
    OK(raum_env_native()->file_rename(NULL, path, other));
    assert_int_equal(replace_with(45, raum_env_native()), RAUM_ECORRUPT);
    unlink(other);
    OK(db_open(&db, other, DB_CREATE | DB_PLAIN, &error));
    OK(db_exec(db, "CREATE TABLE theirs (x)", &error));
    db_close(db);
    assert_int_equal(replace_with(45, raum_env_native()), RAUM_ECORRUPT);
    assert_true(before == digest(""));
    /* A newer one is not taken away (G-U6). */
    make_other(43, 20);
    OK(open_at(&db, 45));
    db_close(db);
    before = digest("");
    assert_int_equal(replace_with(43, raum_env_native()), RAUM_ENEWER_DATABASE);
    assert_true(before == digest("") && there(".other"));
}

static void test_replace_killed(void **state) /* G-U1 */
{
    (void)state;
    struct db *db;
    int result = -1, calls = 0, before = 0, after = 0;
    for (; result != 0; calls++) {
        struct raum_env env = mortal(calls);
        empty_folder();
        make_43(10);
        make_other(43, 20);
        result = replace_with(43, &env);
        OK(open_at(&db, 43));
        int64_t rows = ask(db, "SELECT count(*) FROM item");
        assert_true(rows == 20 || (rows == 10 && result < 0));
        rows == 20 ? after++ : before++;
        db_close(db);
    }
    assert_true(before > 3 && after > 1);
}

static void test_leftovers(void **state)
{
    (void)state;
    static const char *const names[] = {".part", ".part-wal", ".mid", ".new"};
    struct db *db;
    for (int i = 0; i < 4; i++) {
        empty_folder();
        make_43(10);
        copy("", names[i]);
        OK(open_at(&db, 44));
        assert_int_equal(ask(db, "SELECT count(*) FROM item"), 10);
        db_close(db);
        assert_false(there(names[i]));
    }
}

/* ---- several processes ---- */

static void test_held_by_another(void **state)
{
    (void)state;
    int to_child[2], to_parent[2];
    char c = 'x';
    struct db *db;
    make_43(10);
    assert_int_equal(pipe(to_child), 0);
    assert_int_equal(pipe(to_parent), 0);
    pid_t pid = fork();
    if (pid == 0) {
        int fine = open_at(&db, 43) == 0;
        fine = fine && db_exec(db, "INSERT INTO item VALUES (11, 'body 11')", &error) == 0;
        fine = fine && write(to_parent[1], &c, 1) == 1 && read(to_child[0], &c, 1) == 1;
        fine = fine && db_begin(db, &error) == 0;
        fine = fine && steps_check(db, 43, &error) == RAUM_ENEWER_DATABASE;
        fine = fine && strstr(error.text, "open it again") != NULL;
        db_rollback(db);
        db_close(db); /* the last one of the old file: must not take the new file's WAL with it */
        _exit(!fine);
    }
    assert_int_equal(read(to_parent[0], &c, 1), 1);
    OK(open_at(&db, 45));
    check_45(db, 11);
    OK(db_exec(db, "INSERT INTO thing VALUES (12, 'BODY 12', 'red')", &error));
    assert_int_equal(write(to_child[1], &c, 1), 1);
    int status;
    waitpid(pid, &status, 0);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    assert_true(there("-wal"));
    struct db *again;
    OK(open_at(&again, 45));
    check_45(again, 12);
    OK(db_exec(db, "INSERT INTO thing VALUES (13, 'BODY 13', 'red')", &error));
    check_45(again, 13);
    db_close(again);
    db_close(db);
    OK(open_at(&db, 45));
    check_45(db, 13);
    db_close(db);
    close(to_child[0]), close(to_child[1]), close(to_parent[0]), close(to_parent[1]);
}

static void test_all_at_once(void **state)
{
    (void)state;
    pid_t pids[6];
    struct db *db;
    for (int round = 0; round < 5; round++) {
        empty_folder();
        if (round)
            make_43(2000);
        for (int i = 0; i < 6; i++) {
            pids[i] = fork();
            if (pids[i] == 0) {
                int result = open_at(&db, round ? 45 : 43);
                if (result == 0 && round)
                    result = ask(db, "SELECT count(*) FROM thing") == 2000 ? 0 : -99;
                db_close(db);
                _exit(-result);
            }
        }
        for (int i = 0; i < 6; i++) {
            int status;
            waitpid(pids[i], &status, 0);
            assert_true(WIFEXITED(status));
            assert_int_equal(WEXITSTATUS(status), 0);
        }
        OK(open_at(&db, round ? 45 : 43));
        if (round)
            check_45(db, 2000);
        db_close(db);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
        TEST(test_fresh),
        TEST(test_in_place),
        TEST(test_rewrite),
        TEST(test_chain),
        TEST(test_tells),
        TEST(test_dry_run),
        TEST(test_newer),
        TEST(test_read_only_older),
        TEST(test_not_ours),
        TEST(test_lost),
        TEST(test_full_disk),
        TEST(test_read_only_disk),
        TEST(test_killed_at_each_operation),
        TEST(test_killed_at_any_instant),
        TEST(test_replace),
        TEST(test_replace_refused),
        TEST(test_replace_killed),
        TEST(test_leftovers),
        TEST(test_held_by_another),
        TEST(test_all_at_once),
    };
    return cmocka_run_group_tests_name("steps", tests, NULL, NULL);
}
