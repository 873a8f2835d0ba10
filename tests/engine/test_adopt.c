/* A guest's data becomes an account's (G-U5): once, whole, whatever breaks off in between, and
 * nobody else sees it. The sentinels in it become real (G-U4). And the doctor, who must find what
 * is not whole. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "engine/adopt.h"
#include "engine/doctor.h"
#include "engine/intern.h"
#include "engine/media_refs.h"
#include "engine/room.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

struct house { /* a data directory, nothing open in it */
    char folder[128];
    struct raum_error error;
};

static void house_new(struct house *h)
{
    memset(h, 0, sizeof *h);
    const char *parent = getenv("TMPDIR");
    snprintf(h->folder, sizeof h->folder, "%s/raum-adopt-XXXXXX", parent ? parent : P_tmpdir);
    assert_non_null(mkdtemp(h->folder));
}

static void house_gone(struct house *h)
{
    char command[200];
    snprintf(command, sizeof command, "rm -r '%s'", h->folder);
    assert_int_equal(system(command), 0);
}

static struct raum *enter(struct house *h, const char *account, struct raum_handle **scope)
{
    struct raum *r = NULL;
    struct raum_options options = {.folder = h->folder, .account = account};
    if (raum_open(&r, &options, &h->error) < 0)
        fail_msg("%s", h->error.text);
    assert_int_equal(raum_scope_new(r, scope, NULL), 0);
    assert_int_equal(raum_scope_set(*scope, intern_personal(r)->id, NULL), 0);
    return r;
}

static void insert(struct raum_handle *scope, const char *table, const char *json)
{
    struct raum_error error;
    if (raum_insert(scope, table, json, strlen(json), NULL, &error) < 0)
        fail_msg("%s", error.text);
}

/* The first column of the first row, static. */
static const char *ask(struct raum_handle *scope, const char *sql)
{
    static char text[300];
    struct raum_query *q = NULL;
    struct raum_error error;
    if (raum_query_new(scope, sql, &q, &error) < 0)
        fail_msg("%s", error.text);
    const char *found = raum_query_step(q, &error) == 0 ? raum_query_text(q, 0, NULL) : "END";
    snprintf(text, sizeof text, "%s", found ? found : "NULL");
    raum_query_free(q);
    return text;
}

/* What a guest has: three pictures, a slot, a task, a setting, an offline space with a picture and
 * its media. */
static void live_as_guest(struct house *h)
{
    struct raum_handle *scope, *own;
    struct raum *r = enter(h, NULL, &scope);
    const struct space *club;
    insert(scope, "meImages",
           "{\"id\":\"p1\",\"label\":\"secret one\",\"kind\":\"face\",\"usage.aiReference\":true}");
    insert(scope, "meImages", "{\"id\":\"p2\",\"label\":\"two\",\"news\":{\"x\":1}}");
    insert(scope, "meImages", "{\"id\":\"p3\",\"label\":\"gone\"}");
    assert_int_equal(raum_delete(scope, "meImages", "p3", NULL), 0);
    insert(scope, "meSlots", "{\"slot\":\"avatar\",\"imageId\":\"p1\"}");
    insert(scope, "tasks", "{\"title\":\"a task\",\"visibility\":\"private\"}");
    assert_int_equal(raum_account_new(r, &own, NULL), 0);
    insert(own, "userContext", "{\"id\":\"me\",\"about\":\"somebody\"}");
    assert_int_equal(spaces_create(r, "Chess club", SPACE_CLUB, &club, NULL), 0);
    assert_int_equal(raum_scope_set(scope, club->id, NULL), 0);
    insert(scope, "meImages", "{\"id\":\"c1\",\"label\":\"board\"}");
    struct media_ref ref = {.id = "m1", .hash = "00", .type = "jpg", .purpose = "me", .bytes = 3};
    assert_int_equal(replica_begin(r, NULL), 0);
    assert_int_equal(media_refs_add(r, club->ref, &ref, NULL), 0);
    assert_int_equal(replica_commit(r, NULL), 0);
    raum_close(r);
}

static void expect_guest_data(struct raum *r, struct raum_handle *scope, const char *account,
                              const char *personal)
{
    struct raum_handle *own;
    struct media_ref ref;
    char want[100];
    assert_string_equal(raum_account(r), account);
    assert_string_equal(intern_personal(r)->id, personal);
    assert_string_equal(
        ask(scope,
            "SELECT group_concat(id || label) FROM (SELECT * FROM meImages WHERE id LIKE 'p_' "
            "ORDER BY id)"),
        "p1secret one,p2two");
    snprintf(want, sizeof want, "%s%s%s", account, account, personal);
    assert_string_equal(
        ask(scope, "SELECT authorId || subjectId || spaceId FROM meImages WHERE id = 'p1'"), want);
    snprintf(want, sizeof want, "%s:avatar%s", account, "p1");
    assert_string_equal(ask(scope, "SELECT id || imageId FROM meSlots"), want);
    assert_string_equal(ask(scope, "SELECT primaryFor FROM meImages WHERE id = 'p1'"), "avatar");
    assert_string_equal(ask(scope, "SELECT title FROM tasks"), "a task");
    assert_int_equal(raum_account_new(r, &own, NULL), 0);
    assert_string_equal(ask(own, "SELECT about FROM userContext"), "somebody");
    const struct space *club = intern_space_slug(r, "chess-club");
    assert_non_null(club);
    assert_int_equal(raum_scope_set(scope, club->id, NULL), 0);
    snprintf(want, sizeof want, "board%s", account);
    assert_string_equal(ask(scope, "SELECT label || authorId FROM meImages"), want);
    assert_int_equal(media_refs_find(r, club->ref, "m1", false, &ref, NULL), 0);
    assert_int_equal(raum_scope_set(scope, personal, NULL), 0);
    raum_handle_free(own);
}

static void no_fault(void *arg, enum doctor_level level, const char *check, const char *text)
{
    (void)arg;
    if (level == DOCTOR_FAULT)
        fail_msg("%s: %s", check, text);
}

static void test_guest_becomes_account(void **state)
{
    struct house h;
    struct adopt_report report;
    struct raum_handle *scope;
    (void)state;
    house_new(&h);
    live_as_guest(&h);
    struct raum_options options = {.folder = h.folder};
    OK(adopt_guest(&options, "lena", "space-lena", NULL, NULL, &report, &h.error));
    assert_true(report.moved);
    struct raum *r = enter(&h, NULL, &scope);
    expect_guest_data(r, scope, "lena", "space-lena");
    assert_int_equal(doctor_run(r, no_fault, NULL, &h.error), 0);
    raum_close(r);
    /* G-U5: the next guest, and another account on the same device, see none of it. */
    const char *others[] = {"guest", "paul"};
    for (int i = 0; i < 2; i++) {
        r = enter(&h, others[i], &scope);
        assert_string_equal(raum_account(r), others[i]);
        assert_string_equal(ask(scope, "SELECT count(*) FROM meImages"), "0");
        assert_null(intern_space_slug(r, "chess-club"));
        raum_close(r);
    }
    house_gone(&h);
}

static int copy_files(void *arg, const char *from, const char *to, struct raum_error *error)
{
    (void)error;
    assert_non_null(strstr(from, "guest"));
    assert_non_null(strstr(to, "lena"));
    ++*(int *)arg;
    return 0;
}

/* The account has data here: the guest's is merged in; once more brings nothing and loses nothing.
 */
static void test_guest_joins_account(void **state)
{
    struct house h;
    struct adopt_report report;
    struct raum_handle *scope;
    char path[200];
    struct stat st;
    int copied = 0;
    (void)state;
    house_new(&h);
    struct raum *r = enter(&h, "lena", &scope);
    insert(scope, "meImages", "{\"id\":\"own\",\"label\":\"mine\"}");
    raum_close(r);
    live_as_guest(&h);
    struct raum_options options = {.folder = h.folder};
    OK(adopt_guest(&options, "lena", "space-lena", copy_files, &copied, &report, &h.error));
    assert_false(report.moved);
    assert_int_equal(copied, 1);
    assert_int_equal(report.rows, 7);
    r = enter(&h, NULL, &scope);
    expect_guest_data(r, scope, "lena", "space-lena");
    assert_string_equal(ask(scope, "SELECT label FROM meImages WHERE id = 'own'"), "mine");
    assert_int_equal(doctor_run(r, no_fault, NULL, &h.error), 0);
    raum_close(r);
    snprintf(path, sizeof path, "%s/accounts/guest", h.folder);
    assert_int_not_equal(stat(path, &st), 0);
    OK(adopt_guest(&options, "lena", "space-lena", copy_files, &copied, &report, &h.error));
    assert_int_equal(report.rows, 0);
    r = enter(&h, NULL, &scope);
    expect_guest_data(r, scope, "lena", "space-lena");
    raum_close(r);
    house_gone(&h);
}

/* ---- breaking off ---- */

static struct {
    struct raum_env env;
    const struct raum_env *real;
    int left; /* file operations until the process dies */
} breaking;

static void count_down(void)
{
    if (--breaking.left < 0)
        _exit(9);
}

static int dying_write(void *ctx, const char *path, const void *data, size_t len, int mode)
{
    (void)ctx;
    count_down();
    return breaking.real->file_write(breaking.real->ctx, path, data, len, mode);
}

static int dying_rename(void *ctx, const char *from, const char *to)
{
    (void)ctx;
    count_down();
    return breaking.real->file_rename(breaking.real->ctx, from, to);
}

static int dying_remove(void *ctx, const char *path)
{
    (void)ctx;
    count_down();
    return breaking.real->file_remove(breaking.real->ctx, path);
}

static int dying_folder_remove(void *ctx, const char *path)
{
    (void)ctx;
    count_down();
    return breaking.real->folder_remove(breaking.real->ctx, path);
}

/* Adopts in a child that dies before its n-th change of a file. True if it got to the end. */
static bool adopt_dying(struct house *h, int n)
{
    int status;
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        struct adopt_report report;
        struct raum_options options = {.folder = h->folder, .env = &breaking.env};
        breaking.real = raum_env_native();
        breaking.env = *breaking.real;
        breaking.env.file_write = dying_write;
        breaking.env.file_rename = dying_rename;
        breaking.env.file_remove = dying_remove;
        breaking.env.folder_remove = dying_folder_remove;
        breaking.left = n;
        _exit(adopt_guest(&options, "lena", "space-lena", NULL, NULL, &report, NULL) == 0 ? 0 : 1);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_not_equal(WEXITSTATUS(status), 1);
    return WEXITSTATUS(status) == 0;
}

/* Whatever the moment, the data is with the guest or with the account, whole, and a repetition ends
 * the work. */
static void break_everywhere(bool joins)
{
    bool ended = false;
    for (int n = 0; !ended && n < 60; n++) {
        struct house h;
        struct raum_handle *scope;
        struct adopt_report report;
        house_new(&h);
        if (joins) {
            struct raum *own = enter(&h, "lena", &scope);
            raum_close(own);
        }
        live_as_guest(&h);
        ended = adopt_dying(&h, n);
        struct raum *r = enter(&h, NULL, &scope);
        if (strcmp(raum_account(r), "guest") == 0)
            expect_guest_data(r, scope, "guest", "_personal:guest");
        else
            expect_guest_data(r, scope, "lena", "space-lena");
        raum_close(r);
        struct raum_options options = {.folder = h.folder};
        OK(adopt_guest(&options, "lena", "space-lena", NULL, NULL, &report, &h.error));
        r = enter(&h, NULL, &scope);
        expect_guest_data(r, scope, "lena", "space-lena");
        assert_int_equal(doctor_run(r, no_fault, NULL, &h.error), 0);
        raum_close(r);
        house_gone(&h);
    }
    assert_true(ended);
}

static void test_breaks_while_moving(void **state)
{
    (void)state;
    break_everywhere(false);
}

static void test_breaks_while_joining(void **state)
{
    (void)state;
    break_everywhere(true);
}

static void test_wrong_names(void **state)
{
    struct house h;
    struct adopt_report report;
    (void)state;
    house_new(&h);
    live_as_guest(&h);
    struct raum_options options = {.folder = h.folder};
    assert_int_equal(adopt_guest(&options, "guest", "s", NULL, NULL, &report, &h.error),
                     RAUM_EUSAGE);
    assert_int_equal(adopt_guest(&options, "", "s", NULL, NULL, &report, &h.error), RAUM_EUSAGE);
    assert_int_equal(adopt_guest(&options, "lena", "_personal:paul", NULL, NULL, &report, &h.error),
                     RAUM_EUSAGE);
    assert_int_equal(adopt_guest(&options, "lena", "", NULL, NULL, &report, &h.error), RAUM_EUSAGE);
    house_gone(&h);
}

/* ---- the doctor ---- */

static int faults_of(struct raum *r);

static void count_fault(void *arg, enum doctor_level level, const char *check, const char *text)
{
    (void)check, (void)text;
    *(int *)arg += level == DOCTOR_FAULT;
}

static int faults_of(struct raum *r)
{
    int told = 0;
    int faults = doctor_run(r, count_fault, &told, NULL);
    assert_int_equal(faults, told);
    return faults;
}

/* Each harm that is done to a file is found. */
static void test_doctor_finds(void **state)
{
    static const char *const harms[] = {
        "UPDATE data_meImages SET label = 'in the clear' WHERE id = 'p1'",
        "UPDATE data_meImages SET label = (SELECT tags FROM data_meImages WHERE id = 'p1') WHERE "
        "id = 'p1'",
        "UPDATE data_meImages SET space = 99 WHERE id = 'p1'",
        "UPDATE data_meImages SET author = 99 WHERE id = 'p1'",
        "INSERT INTO dirty VALUES (5, 1, 1)",
        "INSERT INTO media (space, id, hash, type, bytes, created) VALUES (99, 'x', 'y', 'jpg', 1, "
        "'z')",
        "INSERT INTO keys (key_id, space, made, retired) VALUES (x'00', 99, 'z', NULL)",
        "INSERT INTO actors (account, device, agent) VALUES (99, 'd', '')",
        "UPDATE spaces SET role = 1 WHERE type = 0",
    };
    (void)state;
    for (size_t i = 0; i < sizeof harms / sizeof harms[0]; i++) {
        struct house h;
        struct raum_handle *scope;
        house_new(&h);
        live_as_guest(&h);
        struct raum *r = enter(&h, NULL, &scope);
        assert_int_equal(faults_of(r), 0);
        if (db_exec(r->db, harms[i], &h.error) < 0)
            fail_msg("%s", h.error.text);
        if (faults_of(r) < 1)
            fail_msg("not found: %s", harms[i]);
        raum_close(r);
        house_gone(&h);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_guest_becomes_account), cmocka_unit_test(test_guest_joins_account),
        cmocka_unit_test(test_breaks_while_moving),   cmocka_unit_test(test_breaks_while_joining),
        cmocka_unit_test(test_wrong_names),           cmocka_unit_test(test_doctor_finds),
    };
    return cmocka_run_group_tests_name("adopt", tests, NULL, NULL);
}
