/* Backup and restore of a server (G-O4): taken while others write, put back whole or not at all,
 * whatever was done to the file (G-O2, G-O3) and whenever the process was killed (G-O1). */
#include "server/kit.h"

#include "native/tarball.h"
#include "server/home.h"
#include "server/store/backup.h"
#include <sodium.h>

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static char folder[64], data[96], other[96], file[96];
static struct raum_error error, *e = &error;
static struct server_backup_report report;

#define OK(call)                                                                                   \
    do {                                                                                           \
        int result_ = (call);                                                                      \
        if (result_ != 0)                                                                          \
            fail_msg("%s: %d %s", #call, result_, error.text);                                     \
    } while (0)

static const struct raum_env *env(void)
{
    return raum_env_native();
}

static const char *in(const char *where, const char *name)
{
    static char path[4][300];
    static int next;
    next = (next + 1) % 4;
    snprintf(path[next], sizeof path[next], "%s/%s", where, name);
    return path[next];
}

static void put_file(const char *where, const char *name, const char *text)
{
    OK(env()->file_write(NULL, in(where, name), text, strlen(text), 0600));
}

static const char *get_file(const char *where, const char *name)
{
    static char text[256];
    void *bytes;
    size_t len;
    if (env()->file_read(NULL, in(where, name), sizeof text - 1, &bytes, &len) != 0)
        return "none";
    memcpy(text, bytes, len);
    text[len] = '\0';
    free(bytes);
    return text;
}

static struct sql *open_server(const char *where)
{
    struct sql *c;
    OK(sql_open(&c, in(where, "server.db"), env(), e));
    OK(sql_migrate(c, e));
    return c;
}

static int put_account(struct sql *c, int64_t n, const char *name)
{
    char id[32];
    snprintf(id, sizeof id, "%s%lld", name, (long long)n);
    return sql_run(c, e,
                   "INSERT INTO accounts (id, name, email, email_verified, created, updated)"
                   " VALUES (?1, ?2, ?1, 0, ?3, 0)",
                   "ssi", id, name, n);
}

/* Named by a hash: the first letter of `name`, 64 times. */
static const char *picture(const char *name, const char *ending)
{
    static char out[2][128];
    static int next;
    char hash[65] = "";
    next = !next;
    memset(hash, *name == 'm' ? 'a' : 'b', 64);
    snprintf(out[next], sizeof out[next], "media/%.2s/%s.%s", hash, hash, ending);
    return out[next];
}

/* A directory as a server leaves it, everything in it named after `name`. */
static void make_server(const char *folder_name, const char *name)
{
    char where[256];
    snprintf(where, sizeof where, "%s", folder_name); /* it may be one of `in` */
    OK(env()->folder_make(NULL, where, 0700));
    put_file(where, "secret", name);
    put_file(where, "vault.key", name);
    char folder_of[32];
    snprintf(folder_of, sizeof folder_of, "%.8s", picture(name, ""));
    OK(env()->folder_make(NULL, in(where, folder_of), 0700));
    put_file(where, picture(name, "jpg"), name);
    put_file(where, picture(name, "thumb.webp"), name);
    struct sql *c = open_server(where);
    for (int i = 0; i < 5; i++)
        OK(put_account(c, i, name));
    sql_close(c);
}

/* "name:count" of the accounts in a server.db, or "none". */
static const char *accounts(const char *where, const char *database)
{
    static char out[64];
    struct sql *c;
    struct sql_rows *rows;
    if (access(in(where, database), F_OK) != 0)
        return "none";
    OK(sql_open(&c, in(where, database), env(), e));
    OK(sql_one(c, &rows, e, "SELECT max(name) AS s, min(name) AS l, count(*) AS n FROM accounts",
               ""));
    assert_string_equal(sql_text(rows, "s"), sql_text(rows, "l"));
    snprintf(out, sizeof out, "%s:%lld", sql_text(rows, "s"), (long long)sql_int(rows, "n"));
    sql_rows_free(rows);
    sql_close(c);
    return out;
}

static int set_up(void **state)
{
    (void)state;
    snprintf(folder, sizeof folder, "%s/backup-XXXXXX", P_tmpdir);
    assert_non_null(mkdtemp(folder));
    snprintf(data, sizeof data, "%s/data", folder);
    snprintf(other, sizeof other, "%s/other", folder);
    snprintf(file, sizeof file, "%s/server.raum", folder);
    make_server(data, "mine");
    return 0;
}

static atomic_int stop;
static pthread_t thread;
static bool writing;

static int tear_down(void **state)
{
    (void)state;
    atomic_store(&stop, 1);
    if (writing) /* a test that failed: nobody forks while another thread is at work */
        pthread_join(thread, NULL);
    writing = false;
    kit_remove(folder);
    return 0;
}

static int backup(void)
{
    return server_backup_write(data, NULL, file, env(), &report, e);
}

static int restore(bool force)
{
    return server_backup_restore(other, file, force, env(), &report, e);
}

static void check_is(const char *where, const char *name)
{
    char expected[64];
    snprintf(expected, sizeof expected, "%s:5", name);
    assert_string_equal(get_file(where, "secret"), name);
    assert_string_equal(get_file(where, "vault.key"), name);
    assert_string_equal(accounts(where, "server.db"), expected);
    assert_string_equal(get_file(where, picture(name, "jpg")), name);
    assert_string_equal(get_file(where, picture(name, "thumb.webp")), name);
    assert_int_not_equal(access(in(where, "restore"), F_OK), 0);
}

/* ---- */

static void test_there_and_back(void **state)
{
    (void)state;
    struct stat s;
    OK(env()->folder_make(NULL, in(data, "tls"), 0700));
    put_file(data, "tls/authority.key", "house");
    /* A picture of several pieces, and what is none. */
    size_t large = ((size_t)9 << 20) + 5, got;
    char *bytes = malloc(large);
    void *again;
    for (size_t i = 0; i < large; i++)
        bytes[i] = (char)(i * 7 + i / 1000);
    OK(env()->file_write(NULL, in(data, picture("mine", "large.webp")), bytes, large, 0600));
    put_file(data, "media/aa/.new-1.tmp", "x");
    put_file(data, "media/notes.txt", "x");
    OK(backup());
    assert_int_equal(report.pictures, 1);
    assert_int_equal(stat(file, &s), 0);
    assert_int_equal(s.st_mode & 0777, 0600);
    assert_true(report.database && report.secret && report.vault_key);
    assert_int_equal(report.files, 3);
    assert_int_not_equal(access(in(data, "backup.part"), F_OK), 0);
    OK(restore(false));
    assert_true(report.database && report.secret && report.vault_key);
    check_is(other, "mine");
    assert_int_equal(report.pictures, 1);
    OK(env()->file_read(NULL, in(other, picture("mine", "large.webp")), large, &again, &got));
    assert_int_equal(got, large);
    assert_memory_equal(again, bytes, large);
    free(again);
    free(bytes);
    assert_string_equal(get_file(other, "media/notes.txt"), "none");
    assert_string_equal(get_file(other, "tls/authority.key"), "house");
    assert_int_equal(stat(in(other, "server.db"), &s), 0);
    assert_int_equal(s.st_mode & 0777, 0600);
    assert_int_equal(stat(in(other, "vault.key"), &s), 0);
    assert_int_equal(s.st_mode & 0777, 0600);
    assert_int_equal(stat(other, &s), 0);
    assert_int_equal(s.st_mode & 0777, 0700);
    struct sql *c = open_server(other); /* and it works on */
    OK(put_account(c, 9, "mine"));
    sql_close(c);
}

static void test_what_stood_there(void **state)
{
    (void)state;
    OK(backup());
    make_server(other, "theirs");
    struct sql *c = open_server(other); /* what is only in its WAL goes aside with it */
    int fd[2];
    assert_int_equal(pipe(fd), 0);
    sql_close(c);
    pid_t child = fork();
    if (child == 0) {
        struct sql *mine;
        if (sql_open(&mine, in(other, "server.db"), env(), e) != 0 ||
            put_account(mine, 77, "theirs") != 0)
            _exit(1);
        kill(getpid(), SIGKILL);
    }
    waitpid(child, NULL, 0);
    close(fd[0]);
    close(fd[1]);
    assert_int_equal(restore(false), RAUM_EEXISTS);
    assert_non_null(strstr(e->text, "--force"));
    assert_string_equal(get_file(other, "secret"), "theirs");
    for (int i = 0; i < 2; i++) {
        OK(restore(true));
        check_is(other, "mine");
        const char *old = i == 0 ? "theirs" : "mine";
        assert_string_equal(get_file(other, "secret.old"), old);
        assert_string_equal(get_file(other, "vault.key.old"), old);
        assert_string_equal(accounts(other, "server.db.old"), i == 0 ? "theirs:6" : "mine:5");
    }
}

static void test_in_use(void **state)
{
    (void)state;
    int lock;
    OK(backup());
    make_server(other, "theirs");
    OK(home_lock(other, &lock, e));
    assert_int_equal(restore(true), RAUM_EBUSY);
    close(lock);
    check_is(other, "theirs");
}

static void *write_on(void *arg)
{
    (void)arg;
    struct raum_error mine;
    struct sql *c;
    intptr_t written = 0;
    if (sql_open(&c, in(data, "server.db"), env(), &mine) != 0)
        return NULL;
    while (!atomic_load(&stop)) {
        int result = sql_begin(c, &mine);
        for (int i = 0; result == 0 && i < 2; i++) /* always an even number more */
            result = put_account(c, 1000 + written * 2 + i, "mine");
        if (sql_end(c, result, &mine) != 0)
            break;
        written++;
    }
    sql_close(c);
    return (void *)written;
}

/* G-O4: the copy is of one moment, and who writes meanwhile is not kept from it. */
static void test_while_writing(void **state)
{
    (void)state;
    void *written;
    atomic_store(&stop, 0);
    assert_int_equal(pthread_create(&thread, NULL, write_on, NULL), 0);
    writing = true;
    for (int i = 0; i < 4; i++) {
        usleep(30000);
        OK(backup());
        OK(restore(i > 0));
        long long count = strtoll(accounts(other, "server.db") + 5, NULL, 10);
        assert_true(count >= 5);
        assert_int_equal(count % 2, 1);
    }
    atomic_store(&stop, 1);
    pthread_join(thread, &written);
    writing = false;
    assert_true((intptr_t)written > 0);
}

static void test_nothing_to_back_up(void **state)
{
    (void)state;
    assert_int_equal(server_backup_write(other, NULL, file, env(), &report, e), RAUM_ENOT_FOUND);
    assert_int_not_equal(access(file, F_OK), 0);
    /* PostgreSQL has tools of its own: only the secrets are taken. */
    OK(server_backup_write(data, "postgres://raum@db.example/raum", file, env(), &report, e));
    assert_false(report.database);
    assert_true(report.secret && report.vault_key);
    OK(restore(false));
    assert_false(report.database);
    assert_string_equal(get_file(other, "vault.key"), "mine");
    assert_int_not_equal(access(in(other, "server.db"), F_OK), 0);
}

static void spoil(const char *path, off_t at, unsigned char bits)
{
    unsigned char c = 0;
    int fd = open(path, O_RDWR);
    assert_true(fd >= 0 && pread(fd, &c, 1, at) == 1);
    c ^= bits;
    assert_int_equal(pwrite(fd, &c, 1, at), 1);
    close(fd);
}

/* G-O2: a damaged database makes no backup that would take the place of a good one. */
static void test_damaged_database(void **state)
{
    (void)state;
    struct stat before, after;
    OK(backup());
    assert_int_equal(stat(file, &before), 0);
    for (off_t at = 4096; at < 3 * 4096; at++)
        spoil(in(data, "server.db"), at, 0x5a);
    assert_int_equal(backup(), RAUM_ECORRUPT);
    assert_int_equal(stat(file, &after), 0);
    assert_true(before.st_size == after.st_size && before.st_ino == after.st_ino);
    OK(restore(false));
}

/* One bit anywhere, or an end anywhere: refused, and what stood there stands. */
static void test_damaged_file(void **state)
{
    (void)state;
    struct stat s;
    int refused = 0, tried = 0;
    OK(backup());
    make_server(other, "theirs");
    assert_int_equal(stat(file, &s), 0);
    for (off_t at = 0; at < s.st_size; at += 1 + s.st_size / 60) {
        spoil(file, at, 0x10);
        int result = restore(true);
        spoil(file, at, 0x10);
        tried++;
        if (result != 0) {
            refused++;
            check_is(other, "theirs");
            continue;
        }
        check_is(other, "mine"); /* bits that mean nothing: then nothing was lost */
        kit_remove(other);
        make_server(other, "theirs");
    }
    assert_true(refused > tried / 2);
    for (off_t len = s.st_size - 1; len >= 0; len -= 1 + s.st_size / 25) {
        assert_int_equal(truncate(file, len), 0);
        assert_true(restore(true) < 0);
    }
    check_is(other, "theirs");
    assert_int_not_equal(access(in(other, "restore.part"), F_OK), 0);
}

/* ---- archives that somebody made by hand */

struct entry {
    const char *name, *text;
    size_t len; /* 0: of the text */
};

static void make_archive(const struct entry *entries, int count, bool right)
{
    struct tarball_writer *w;
    unsigned char digest[32];
    char hex[65];
    crypto_hash_sha256_state state;
    crypto_hash_sha256_init(&state);
    OK(tarball_write(&w, file, e));
    for (int i = 0; i < count; i++) {
        size_t len = entries[i].len ? entries[i].len : strlen(entries[i].text);
        unsigned char lens[16] = {0};
        for (int k = 0; k < 8; k++) {
            lens[k] = (unsigned char)(strlen(entries[i].name) >> (8 * k));
            lens[8 + k] = (unsigned char)(len >> (8 * k));
        }
        crypto_hash_sha256_update(&state, lens, 16);
        crypto_hash_sha256_update(&state, (const unsigned char *)entries[i].name,
                                  strlen(entries[i].name));
        crypto_hash_sha256_update(&state, (const unsigned char *)entries[i].text, len);
        OK(tarball_put(w, entries[i].name, entries[i].text, len, e));
    }
    crypto_hash_sha256_final(&state, digest);
    sodium_bin2hex(hex, sizeof hex, digest, sizeof digest);
    if (right)
        OK(tarball_put(w, "end", hex, 64, e));
    OK(tarball_finish(w, e));
    tarball_writer_free(w);
}

#define MANIFEST(version, database)                                                                \
    {"manifest.json",                                                                              \
     "{\"format\":\"raum-server\",\"version\":" version ",\"database\":\"" database "\"}", 0}

static void refused(const struct entry *entries, int count, int code)
{
    make_archive(entries, count, true);
    int result = restore(true);
    if (result != code)
        fail_msg("%s … %s: %d %s", entries[0].name, entries[count - 1].name, result, e->text);
    check_is(other, "theirs");
    assert_int_not_equal(access(in(other, "restore.part"), F_OK), 0);
    assert_int_not_equal(access(in(folder, "escaped"), F_OK), 0);
}

/* The bytes of a real server.db, changed by `sql`. */
static char *database_of(const char *sql, size_t *len)
{
    void *bytes;
    struct sql *c;
    char path[128];
    snprintf(path, sizeof path, "%s/made.db", folder);
    unlink(path);
    OK(sql_open(&c, path, env(), e));
    OK(sql_migrate(c, e));
    if (sql)
        OK(sql_run(c, e, sql, ""));
    sql_close(c);
    OK(env()->file_read(NULL, path, (size_t)64 << 20, &bytes, len));
    return bytes;
}

static void test_archives_by_hand(void **state)
{
    (void)state;
    const struct entry pg = MANIFEST("1", "postgresql"), lite = MANIFEST("1", "sqlite");
    size_t len;
    make_server(other, "theirs");
#define REFUSED(code, ...)                                                                         \
    refused((const struct entry[]){__VA_ARGS__},                                                   \
            (int)(sizeof((const struct entry[]){__VA_ARGS__}) / sizeof(struct entry)), code)
    REFUSED(RAUM_ECORRUPT, {"secret", "x", 0});
    REFUSED(RAUM_ECORRUPT, {"secret", "x", 0}, pg);
    REFUSED(RAUM_ECORRUPT, pg, pg);
    REFUSED(RAUM_ECORRUPT, {"manifest.json", "{\"format\":\"raum-archive\",\"version\":1}", 0});
    REFUSED(RAUM_ECORRUPT, {"manifest.json", "{", 0});
    REFUSED(RAUM_ENEWER_DATABASE, MANIFEST("2", "sqlite"));
    REFUSED(RAUM_ECORRUPT, pg, {"../escaped", "x", 0});
    REFUSED(RAUM_ECORRUPT, pg, {"tls/../../escaped", "x", 0});
    REFUSED(RAUM_ECORRUPT, pg, {"authorized_keys", "x", 0});
    REFUSED(RAUM_ECORRUPT, pg, {"lock", "x", 0});
#define A16 "aaaaaaaaaaaaaaaa"
#define A64 A16 A16 A16 A16
    REFUSED(RAUM_ECORRUPT, pg, {"media/x", "x", 0});
    REFUSED(RAUM_ECORRUPT, pg, {"media/aa/" A64 ".jpg", "x", 0});
    REFUSED(RAUM_ECORRUPT, pg, {"media/aa/" A64 ".jpg/000001", "x", 0});
    REFUSED(RAUM_ECORRUPT, pg, {"media/bb/" A64 ".jpg/000000", "x", 0});
    REFUSED(RAUM_ECORRUPT, pg, {"media/aa/" A64 ".html/000000", "x", 0});
    REFUSED(RAUM_ECORRUPT, pg, {"media/aa/" A64 "/../../../x.jpg/000000", "x", 0});
    REFUSED(RAUM_ECORRUPT, pg, {"media/../" A64 ".jpg/000000", "x", 0});
    REFUSED(RAUM_EIO, pg, {"media/aa/" A64 ".jpg/000000", "x", 0},
            {"media/aa/" A64 ".png/000000", "x", 0}, {"media/aa/" A64 ".jpg/000000", "x", 0});
    REFUSED(RAUM_ECORRUPT, pg, {"secret", "x", 0}, {"secret", "y", 0});
    REFUSED(RAUM_ECORRUPT, pg, {"server.db/000000", "x", 0}); /* it said there was none */
    REFUSED(RAUM_ECORRUPT, lite);
    REFUSED(RAUM_ECORRUPT, lite, {"server.db/000000", "no database", 0});
    REFUSED(RAUM_ECORRUPT, lite, {"server.db/000001", "x", 0});
    REFUSED(RAUM_ECORRUPT, lite, {"server.db", "x", 0});
    char *bytes = database_of("UPDATE server_version SET version = 1000", &len);
    REFUSED(RAUM_ENEWER_DATABASE, lite, {"server.db/000000", bytes, len});
    free(bytes);
    bytes = database_of("DROP TABLE server_version", &len);
    REFUSED(RAUM_ECORRUPT, lite, {"server.db/000000", bytes, len});
    free(bytes);
    bytes = database_of("PRAGMA foreign_keys=OFF", &len);
    REFUSED(RAUM_ECORRUPT, lite, {"server.db/000000", bytes, len / 2});
    /* The head of a page: elsewhere on it there may be nothing yet that could be damaged. */
    memset(bytes + len / 2 / 8192 * 8192, 0x33, 3000);
    REFUSED(RAUM_ECORRUPT, lite, {"server.db/000000", bytes, len});
    free(bytes);
    bytes = database_of(NULL, &len);
    const struct entry good[] = {lite,
                                 {"secret", "made", 0},
                                 {"vault.key", "made", 0},
                                 {"server.db/000000", bytes, 8192},
                                 {"server.db/000001", bytes + 8192, len - 8192}};
    make_archive(good, 5, false); /* without its end */
    assert_int_equal(restore(true), RAUM_ECORRUPT);
    check_is(other, "theirs");
    make_archive(good, 5, true); /* and what the others differ from */
    OK(restore(true));
    assert_string_equal(get_file(other, "secret"), "made");
    free(bytes);
}

/* ---- killed */

/* G-O1: wherever the restore is killed, the next start finds the one or the other, never a database
 * beside another one's key. */
static void test_killed(void **state)
{
    (void)state;
    int after = 0, before = 0;
    const int rounds = 24;
    OK(backup());
    int64_t took = env()->now_ms(NULL);
    OK(restore(true));
    took = env()->now_ms(NULL) - took;
    for (int round = 0; round < rounds; round++) {
        int lock;
        kit_remove(other);
        make_server(other, "theirs");
        pid_t child = fork();
        if (child == 0)
            _exit(restore(true) == 0 ? 0 : 1);
        usleep((useconds_t)(took * 1500 * round / rounds));
        kill(child, SIGKILL);
        waitpid(child, NULL, 0);
        OK(home_lock(other, &lock, e));
        OK(server_backup_settle(other, env(), e)); /* as each start does */
        close(lock);
        bool mine = strcmp(get_file(other, "secret"), "mine") == 0;
        after += mine;
        before += !mine;
        check_is(other, mine ? "mine" : "theirs");
    }
    assert_true(before > 0);
    printf("killed before %d times, after %d times\n", before, after);
}

/* Each single step of the moving: the files as they are between any two of them. */
static void test_settled_from_anywhere(void **state)
{
    (void)state;
    static const char *const steps[][2] = {
        {"secret", "secret.old"},          {"restore/secret", "secret"},
        {"vault.key", "vault.key.old"},    {"restore/vault.key", "vault.key"},
        {"server.db", "server.db.old"},    {"server.db-wal", "server.db.old-wal"},
        {"restore/server.db", "server.db"}};
    const int count = sizeof steps / sizeof steps[0];
    for (int done = 0; done <= count; done++) {
        kit_remove(other);
        make_server(other, "theirs");
        make_server(in(other, "restore"), "mine");
        pid_t child = fork(); /* leaves a WAL behind */
        if (child == 0) {
            struct sql *c;
            if (sql_open(&c, in(other, "server.db"), env(), e) == 0 &&
                put_account(c, 99, "theirs") == 0)
                kill(getpid(), SIGKILL);
            _exit(1);
        }
        waitpid(child, NULL, 0);
        assert_int_equal(access(in(other, "server.db-wal"), F_OK), 0);
        for (int i = 0; i < done; i++)
            assert_int_equal(rename(in(other, steps[i][0]), in(other, steps[i][1])), 0);
        OK(server_backup_settle(other, env(), e));
        check_is(other, "mine");
        assert_string_equal(accounts(other, "server.db.old"), "theirs:6");
        assert_string_equal(get_file(other, "vault.key.old"), "theirs");
        OK(server_backup_settle(other, env(), e));
        check_is(other, "mine");
    }
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_there_and_back),
        TEST(test_what_stood_there),
        TEST(test_in_use),
        TEST(test_while_writing),
        TEST(test_nothing_to_back_up),
        TEST(test_damaged_database),
        TEST(test_damaged_file),
        TEST(test_archives_by_hand),
        TEST(test_killed),
        TEST(test_settled_from_anywhere),
    };
    return cmocka_run_group_tests_name("server_backup", tests, NULL, NULL);
}
