/* Backup and restore of a device: G-O4 (while others write, rows, stamps and media come back), G-O1
 * and G-U1 (killed anywhere), G-O2 (cut off, altered, wrong key: nothing changes), G-K1 (nothing in
 * the clear). */
#include "engine/backup.h"

#include "engine/archive.h"
#include "engine/intern.h"
#include "engine/room.h"
#include "schema/rights.h"

#include <fcntl.h>
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

static bool gentle;

#define SECRET "a label that nobody else may read"
#define PLAIN "a label in the shared space"
#define PHRASE "correct horse battery"

/* ---- a backup in memory ---- */

struct tape {
    struct buf bytes;
    size_t at;
};

static int tape_write(void *ctx, const void *data, size_t len, struct raum_error *e)
{
    struct tape *t = ctx;
    buf_add(&t->bytes, data, len);
    return buf_error(&t->bytes, e);
}

static int64_t tape_read(void *ctx, void *data, size_t n)
{
    struct tape *t = ctx;
    size_t left = t->bytes.len - t->at, take = left < n ? left : n;
    take = take > 1000 ? 1000 : take; /* in small pieces, as files may */
    memcpy(data, t->bytes.data + t->at, take);
    t->at += take;
    return (int64_t)take;
}

static int tape_rewind(void *ctx, struct raum_error *e)
{
    (void)e;
    ((struct tape *)ctx)->at = 0;
    return 0;
}

static struct backup_report report;

static void take_backup(struct raum *r, const char *passphrase, struct tape *tape,
                        struct raum_error *error)
{
    const struct chunks_sink sink = {tape, tape_write};
    *tape = (struct tape){0};
    buf_init(&tape->bytes, 1 << 28);
    int result = backup_write(r, passphrase, &sink, &report, error);
    if (result < 0)
        fail_msg("backup: %s", error->text);
}

/* With a ring of a device, or without any. */
static int restore_with(const char *root, const char *ring_path, const char *passphrase,
                        const char *paper, const struct raum_env *env, struct tape *tape,
                        struct raum_error *error)
{
    const struct chunks_source source = {tape, tape_read, tape_rewind};
    struct keyring *ring = NULL;
    err_clear(error);
    int result = keyring_open(&ring, raum_env_native(), ring_path, NULL, error);
    if (result == 0 && paper)
        result = keyring_recover(ring, paper, error);
    const struct backup_target target = {
        .env = env, .root = root, .ring = ring, .force = !gentle, .passphrase = passphrase};
    if (result == 0)
        result = backup_restore(&target, &source, &report, error);
    keyring_close(ring);
    return result;
}

static int restore_here(const struct room *room, struct tape *tape, struct raum_error *error)
{
    char ring[200];
    snprintf(ring, sizeof ring, "%s/accounts/guest/keys.json", room->folder);
    return restore_with(room->folder, ring, NULL, NULL, raum_env_native(), tape, error);
}

/* ---- what a replica holds, as one number: rows, stamps, pictures' records ---- */

struct digest {
    unsigned char bytes[RAUM_HASH_BYTES];
};

static int into_digest(void *ctx, const char *name, const void *data, size_t len,
                       struct raum_error *e)
{
    struct digest *d = ctx;
    (void)e;
    archive_digest(raum_env_native(), d->bytes, name, data, len);
    return 0;
}

static struct digest state_of(struct raum *r)
{
    struct digest d = {{0}};
    struct raum_error error;
    struct archive_report archive;
    const struct archive_sink sink = {&d, into_digest};
    if (archive_export(r, 0, &sink, NULL, &archive, &error) < 0)
        fail_msg("export: %s", error.text);
    return d;
}

static struct raum *open_folder(const char *folder)
{
    struct raum_options options = {.folder = folder};
    struct raum *r = NULL;
    struct raum_error error;
    if (raum_open(&r, &options, &error) < 0)
        fail_msg("open: %s", error.text);
    return r;
}

static struct digest state_in(const char *folder)
{
    struct raum *r = open_folder(folder);
    struct digest d = state_of(r);
    raum_close(r);
    return d;
}

#define SAME(a, b) (memcmp((a).bytes, (b).bytes, sizeof(a).bytes) == 0)

/* ---- a device with something on it ---- */

static void put_media(const char *folder, const char *name, const char *text)
{
    char path[300];
    const struct raum_env *env = raum_env_native();
    snprintf(path, sizeof path, "%s/accounts/guest/media/ab", folder);
    assert_int_equal(env->folder_make(NULL, path, 0700), 0);
    snprintf(path, sizeof path, "%s/accounts/guest/%s", folder, name);
    assert_int_equal(env->file_write(NULL, path, text, strlen(text), 0600), 0);
}

static bool has_media(const char *folder, const char *name, const char *text)
{
    char path[300];
    void *data = NULL;
    size_t len = 0;
    snprintf(path, sizeof path, "%s/accounts/guest/%s", folder, name);
    bool fine = raum_env_native()->file_read(NULL, path, 1 << 20, &data, &len) == 0 &&
                len == strlen(text) && memcmp(data, text, len) == 0;
    free(data);
    return fine;
}

static void add(struct room *room, int space, const char *label)
{
    char json[200], id[RAUM_ID_MAX];
    room_use(room, space);
    snprintf(json, sizeof json, "{\"kind\":\"face\",\"label\":\"%s\"}", label);
    OK(raum_insert(room->scope, "meImages", json, strlen(json), id, &room->error));
}

static void device_open(struct room *room)
{
    room_open(room);
    for (int i = 0; i < 50; i++) {
        add(room, 0, SECRET);
        add(room, 1, PLAIN);
    }
    put_media(room->folder, "media/ab/one.jpg", "picture one");
    put_media(room->folder, "media/ab/one.thumb.webp", "small picture one");
}

/* An empty folder of its own. */
static void new_folder(char folder[128])
{
    snprintf(folder, 128, "%s/raum-room-XXXXXX", P_tmpdir);
    assert_non_null(mkdtemp(folder));
}

static void remove_folder(const char *folder)
{
    char command[200];
    snprintf(command, sizeof command, "rm -rf '%s'", folder);
    assert_non_null(strstr(folder, "raum-room-"));
    assert_int_equal(system(command), 0);
}

/* ---- tests ---- */

static void test_back_again(void **state) /* G-O4 */
{
    (void)state;
    struct room a;
    struct tape tape;
    device_open(&a);
    struct digest before = state_of(a.raum);
    take_backup(a.raum, NULL, &tape, &a.error);
    assert_string_equal(report.account, "guest");
    assert_int_equal(report.files, 2);
    assert_null(memmem(tape.bytes.data, tape.bytes.len, SECRET, strlen(SECRET)));
    assert_null(memmem(tape.bytes.data, tape.bytes.len, PLAIN, strlen(PLAIN)));
    assert_null(memmem(tape.bytes.data, tape.bytes.len, "meImages", 8));
    assert_null(memmem(tape.bytes.data, tape.bytes.len, "picture one", 11));
    add(&a, 0, "written after the backup");
    put_media(a.folder, "media/ab/one.jpg", "shorter");
    assert_false(SAME(before, state_of(a.raum)));
    gentle = true;
    assert_int_equal(restore_here(&a, &tape, &a.error), RAUM_EEXISTS);
    gentle = false;
    assert_false(SAME(before, state_of(a.raum)));
    OK(restore_here(&a, &tape, &a.error));
    /* Who has the old file open is told. */
    assert_int_equal(raum_insert(a.scope, "meImages", "{}", 2, (char[RAUM_ID_MAX]){0}, &a.error),
                     RAUM_ENEWER_DATABASE);
    struct raum *again = open_folder(a.folder);
    assert_true(SAME(before, state_of(again)));
    assert_string_not_equal(raum_device(again), raum_device(a.raum));
    assert_true(has_media(a.folder, "media/ab/one.jpg", "picture one"));
    raum_close(again);
    assert_true(SAME(before, state_in(a.folder)));
    room_close(&a);
    buf_release(&tape.bytes);
}

static void test_new_device(void **state)
{
    (void)state;
    struct room a;
    struct tape tape, sealed;
    struct buf paper;
    char folder[128];
    device_open(&a);
    struct digest before = state_of(a.raum);
    take_backup(a.raum, NULL, &tape, &a.error);
    take_backup(a.raum, PHRASE, &sealed, &a.error);
    buf_init(&paper, 10000);
    OK(keyring_recovery(a.raum->ring, &paper, &a.error));
    const struct raum_env *env = raum_env_native();
    for (int way = 0; way < 2; way++) {
        new_folder(folder);
        assert_int_equal(restore_with(folder, NULL, NULL, NULL, env, &tape, &a.error),
                         RAUM_ELOCKED);
        assert_int_equal(restore_with(folder, NULL, PHRASE, NULL, env, &tape, &a.error),
                         RAUM_ELOCKED);
        assert_int_equal(restore_with(folder, NULL, "wrong", NULL, env, &sealed, &a.error),
                         RAUM_ELOCKED);
        if (way)
            OK(restore_with(folder, NULL, PHRASE, NULL, env, &sealed, &a.error));
        else
            OK(restore_with(folder, NULL, NULL, buf_text(&paper), env, &tape, &a.error));
        assert_true(SAME(before, state_in(folder)));
        assert_true(has_media(folder, "media/ab/one.thumb.webp", "small picture one"));
        remove_folder(folder);
    }
    buf_release(&paper), buf_release(&tape.bytes), buf_release(&sealed.bytes);
    room_close(&a);
}

static void test_empty_device(void **state) /* a key is made when there was none */
{
    (void)state;
    char folder[128];
    struct raum_error error;
    struct tape tape;
    new_folder(folder);
    struct raum *r = open_folder(folder);
    struct digest before = state_of(r);
    take_backup(r, NULL, &tape, &error);
    raum_close(r);
    struct room room = {0};
    memcpy(room.folder, folder, sizeof room.folder);
    assert_int_equal(restore_here(&room, &tape, &error), 0);
    assert_true(SAME(before, state_in(folder)));
    remove_folder(folder);
    buf_release(&tape.bytes);
}

static void test_damaged(void **state) /* G-O2 */
{
    (void)state;
    struct room a;
    struct tape tape;
    device_open(&a);
    take_backup(a.raum, NULL, &tape, &a.error);
    add(&a, 0, "later");
    put_media(a.folder, "media/ab/one.jpg", "later");
    struct digest before = state_of(a.raum);
    size_t whole = tape.bytes.len;
    for (size_t cut = 0; cut < whole; cut += 1 + whole / 61) {
        tape.bytes.len = cut;
        assert_int_equal(restore_here(&a, &tape, &a.error), RAUM_ECORRUPT);
    }
    tape.bytes.len = whole;
    for (size_t at = 0; at < whole; at += 1 + whole / 211) {
        tape.bytes.data[at] ^= 4;
        int result = restore_here(&a, &tape, &a.error);
        assert_true(result == RAUM_ECORRUPT || result == RAUM_ELOCKED ||
                    result == RAUM_ENEWER_DATABASE);
        tape.bytes.data[at] ^= 4;
    }
    buf_add(&tape.bytes, "x", 1);
    assert_int_equal(restore_here(&a, &tape, &a.error), RAUM_ECORRUPT);
    assert_true(SAME(before, state_of(a.raum)));
    assert_true(has_media(a.folder, "media/ab/one.jpg", "later"));
    tape.bytes.len = whole;
    OK(restore_here(&a, &tape, &a.error));
    room_close(&a);
    buf_release(&tape.bytes);
}

static void test_damaged_database(void **state) /* just what a backup is for */
{
    (void)state;
    struct room a;
    struct tape tape;
    char path[200];
    device_open(&a);
    struct digest before = state_of(a.raum);
    take_backup(a.raum, NULL, &tape, &a.error);
    raum_handle_free(a.scope);
    raum_close(a.raum);
    a.scope = NULL, a.raum = NULL;
    snprintf(path, sizeof path, "%s/accounts/guest/raum.db", a.folder);
    OK(raum_env_native()->file_write(
        NULL, path, "no database at all, but long enough to look at it", 49, 0600));
    OK(restore_here(&a, &tape, &a.error));
    assert_true(SAME(before, state_in(a.folder)));
    OK(raum_env_native()->file_remove(NULL, path)); /* and when it is gone */
    snprintf(path, sizeof path, "%s/accounts/guest/raum.db-wal", a.folder);
    OK(raum_env_native()->file_remove(NULL, path));
    OK(restore_here(&a, &tape, &a.error));
    assert_true(SAME(before, state_in(a.folder)));
    room_close(&a);
    buf_release(&tape.bytes);
}

static void test_passphrase_ring(void **state)
{
    (void)state;
    struct room a;
    struct tape tape;
    char folder[128];
    device_open(&a);
    OK(keyring_passphrase(a.raum->ring, PHRASE, &a.error));
    take_backup(a.raum, PHRASE, &tape, &a.error);
    new_folder(folder);
    OK(restore_with(folder, NULL, PHRASE, NULL, raum_env_native(), &tape, &a.error));
    struct raum_options options = {.folder = folder};
    struct raum *r = NULL;
    assert_int_equal(raum_open(&r, &options, &a.error), RAUM_ELOCKED); /* the ring stays locked */
    options.passphrase = PHRASE;
    OK(raum_open(&r, &options, &a.error));
    assert_true(SAME(state_of(a.raum), state_of(r)));
    raum_close(r);
    remove_folder(folder);
    room_close(&a);
    buf_release(&tape.bytes);
}

/* ---- others at work ---- */

/* Writes until it is told that the file was replaced. */
static void write_on(const struct room *room, int ready, pid_t parent)
{
    struct raum_options options = {.folder = room->folder};
    struct raum *r;
    struct raum_handle *h;
    struct raum_error error;
    char id[RAUM_ID_MAX];
    int result = raum_open(&r, &options, &error);
    if (result == 0)
        result = raum_scope_new(r, &h, &error);
    if (result == 0)
        result = raum_scope_set(h, room->space[1], &error);
    /* Not for ever: a test that failed does not tell us. */
    for (int i = 0; result == 0 && getppid() == parent; i++) {
        result = raum_insert(h, "meImages", "{\"label\":\"at work\"}", 19, id, &error);
        if (i == 3 && write(ready, "x", 1) != 1)
            result = RAUM_EIO;
    }
    _exit(result == RAUM_ENEWER_DATABASE ? 0 : 1);
}

static void test_while_writing(void **state) /* G-O4 */
{
    (void)state;
    struct room a;
    struct tape tape[3];
    char folder[128], c;
    int ready[2], status;
    device_open(&a);
    assert_int_equal(pipe(ready), 0);
    pid_t parent = getpid(), pid = fork();
    if (pid == 0)
        write_on(&a, ready[1], parent);
    assert_int_equal(read(ready[0], &c, 1), 1);
    for (int i = 0; i < 3; i++)
        take_backup(a.raum, NULL, &tape[i], &a.error);
    char ring[200];
    snprintf(ring, sizeof ring, "%s/accounts/guest/keys.json", a.folder);
    int64_t last = 0;
    for (int i = 0; i < 3; i++) {
        new_folder(folder);
        OK(restore_with(folder, ring, NULL, NULL, raum_env_native(), &tape[i], &a.error));
        struct raum *r = open_folder(folder);
        int64_t rows = 0;
        OK(db_query_int(r->db, "SELECT count(*) FROM data_meImages", &rows, &a.error));
        assert_true(rows >= 104 && rows >= last);
        last = rows;
        raum_close(r);
        remove_folder(folder);
    }
    /* Restored under the writer's feet: it is told, and what it wrote is not mixed in. */
    assert_int_equal(waitpid(pid, &status, WNOHANG), 0);
    OK(restore_here(&a, &tape[0], &a.error));
    waitpid(pid, &status, 0);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    new_folder(folder);
    OK(restore_with(folder, ring, NULL, NULL, raum_env_native(), &tape[0], &a.error));
    assert_true(SAME(state_in(folder), state_in(a.folder)));
    remove_folder(folder);
    room_close(&a);
    for (int i = 0; i < 3; i++)
        buf_release(&tape[i].bytes);
    close(ready[0]), close(ready[1]);
}

/* ---- killed ---- */

static int64_t now_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static void test_killed(void **state) /* G-O1 G-U1 */
{
    (void)state;
    struct room a;
    struct tape tape;
    int before_count = 0, after_count = 0;
    device_open(&a);
    struct digest restored = state_of(a.raum);
    take_backup(a.raum, NULL, &tape, &a.error);
    int64_t took = now_us();
    OK(restore_here(&a, &tape, &a.error));
    took = now_us() - took;
    for (int i = 0; i < 40; i++) {
        struct raum *r = open_folder(a.folder);
        struct raum_handle *h;
        char id[RAUM_ID_MAX];
        OK(raum_scope_new(r, &h, &a.error));
        OK(raum_scope_set(h, a.space[1], &a.error));
        OK(raum_insert(h, "meImages", "{\"label\":\"not in the backup\"}", 29, id, &a.error));
        struct digest before = state_of(r);
        raum_handle_free(h);
        raum_close(r);
        pid_t pid = fork();
        if (pid == 0)
            _exit(restore_here(&a, &tape, &a.error) != 0);
        int64_t until = now_us() + took * 3 / 2 * i / 40;
        while (now_us() < until)
            usleep(100);
        kill(pid, SIGKILL);
        waitpid(pid, &(int){0}, 0);
        struct digest now = state_in(a.folder);
        assert_true(SAME(now, before) || SAME(now, restored));
        SAME(now, restored) ? after_count++ : before_count++;
    }
    assert_true(before_count > 0);
    print_message("killed: %d before, %d after\n", before_count, after_count);
    room_close(&a);
    buf_release(&tape.bytes);
}

/* Every operation on files fails once, as on a full disk. */
static int calls_left;

static int counted(void)
{
    return calls_left-- == 0 ? RAUM_EFULL : 0;
}

static int write_or_fail(void *ctx, const char *path, const void *data, size_t len, int mode)
{
    int result = counted();
    return result ? result : raum_env_native()->file_write(ctx, path, data, len, mode);
}

static int rename_or_fail(void *ctx, const char *from, const char *to)
{
    int result = counted();
    return result ? result : raum_env_native()->file_rename(ctx, from, to);
}

static int remove_or_fail(void *ctx, const char *path)
{
    int result = counted();
    return result ? result : raum_env_native()->file_remove(ctx, path);
}

static int make_or_fail(void *ctx, const char *path, int mode)
{
    int result = counted();
    return result ? result : raum_env_native()->folder_make(ctx, path, mode);
}

static void test_failing_disk(void **state) /* G-O2 */
{
    (void)state;
    struct room a;
    struct tape tape;
    char ring[200];
    int result = -1;
    device_open(&a);
    struct digest restored = state_of(a.raum);
    take_backup(a.raum, NULL, &tape, &a.error);
    add(&a, 1, "later");
    struct digest before = state_of(a.raum);
    snprintf(ring, sizeof ring, "%s/accounts/guest/keys.json", a.folder);
    struct raum_env env = *raum_env_native();
    env.file_write = write_or_fail;
    env.file_rename = rename_or_fail;
    env.file_remove = remove_or_fail;
    env.folder_make = make_or_fail;
    int calls = 0;
    for (; result != 0; calls++) {
        calls_left = calls;
        result = restore_with(a.folder, ring, NULL, NULL, &env, &tape, &a.error);
        assert_true(result == 0 || result == RAUM_EFULL);
        struct digest now = state_in(a.folder);
        assert_true(SAME(now, before) || SAME(now, restored));
        assert_true(result < 0 || SAME(now, restored));
    }
    assert_true(calls > 10);
    room_close(&a);
    buf_release(&tape.bytes);
}

static void test_full_disk(void **state) /* G-O2: the database's own writes fail */
{
    (void)state;
    struct room a;
    struct tape tape;
    int status;
    device_open(&a);
    take_backup(a.raum, NULL, &tape, &a.error);
    add(&a, 1, "later");
    struct digest before = state_of(a.raum);
    pid_t pid = fork();
    if (pid == 0) {
        struct rlimit limit = {50000, 50000};
        signal(SIGXFSZ, SIG_IGN);
        setrlimit(RLIMIT_FSIZE, &limit);
        _exit(-restore_here(&a, &tape, &a.error));
    }
    waitpid(pid, &status, 0);
    assert_true(WIFEXITED(status));
    assert_true(WEXITSTATUS(status) == -RAUM_EFULL || WEXITSTATUS(status) == -RAUM_EIO);
    assert_true(SAME(before, state_in(a.folder)));
    assert_false(has_media(a.folder, "restore.part", ""));
    room_close(&a);
    buf_release(&tape.bytes);
}

static void test_leftovers(void **state) /* copies of data that a killed process left */
{
    (void)state;
    static const char *const names[] = {"backup.part", "restore.part", "keys.json.restore"};
    struct room a;
    char path[300];
    const struct timespec old[2] = {{1000, 0}, {1000, 0}};
    room_open(&a);
    for (int i = 0; i < 3; i++) {
        put_media(a.folder, names[i], "left");
        raum_close(open_folder(a.folder));
        assert_true(has_media(a.folder, names[i], "left")); /* somebody may be at it */
        snprintf(path, sizeof path, "%s/accounts/guest/%s", a.folder, names[i]);
        assert_int_equal(utimensat(AT_FDCWD, path, old, 0), 0);
        raum_close(open_folder(a.folder));
        assert_false(has_media(a.folder, names[i], "left"));
    }
    room_close(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_back_again),       cmocka_unit_test(test_new_device),
        cmocka_unit_test(test_empty_device),     cmocka_unit_test(test_damaged),
        cmocka_unit_test(test_damaged_database), cmocka_unit_test(test_passphrase_ring),
        cmocka_unit_test(test_while_writing),    cmocka_unit_test(test_killed),
        cmocka_unit_test(test_failing_disk),     cmocka_unit_test(test_full_disk),
        cmocka_unit_test(test_leftovers),
    };
    return cmocka_run_group_tests_name("backup", tests, NULL, NULL);
}
