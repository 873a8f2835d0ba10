/* Imports into a replica: what of a file arrives where, that a second time changes nothing (G-U1),
 * that nothing is lost (G-U2), that two devices make the same bytes and no newer edit is
 * overwritten (G-U3), dry runs (G-U7), and what a crash leaves. The Dexie reader and the legacy
 * steps have tests of their own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "engine/doctor.h"
#include "engine/import.h"
#include "engine/intern.h"
#include "engine/room.h"
#include "engine/row.h"
#include "engine/staging.h"
#include "schema/rights.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* ---- a source in memory ---- */

struct text {
    const char *data;
    size_t len, at;
};

static long text_read(void *ctx, void *buf, size_t len)
{
    struct text *t = ctx;
    size_t left = t->len - t->at, part = left < len ? left : len;
    memcpy(buf, t->data + t->at, part);
    t->at += part;
    return (long)part;
}

static int text_rewind(void *ctx)
{
    ((struct text *)ctx)->at = 0;
    return 0;
}

static int import_text(struct room *room, const char *data, size_t len,
                       const struct import_options *options, struct import_report *report)
{
    static const struct import_options plain;
    struct text text = {data, len, 0};
    struct import_source source = {&text, text_read, text_rewind, (int64_t)len};
    memset(&room->error, 0, sizeof room->error);
    return import_run(room->raum, &source, options ? options : &plain, report, &room->error);
}

static const struct import_table *table(const struct import_report *report, const char *name)
{
    for (int i = 0; i < report->count; i++)
        if (strcmp(report->tables[i].name, name) == 0)
            return &report->tables[i];
    fail_msg("the report has no table %s", name);
    return NULL;
}

/* The fixture's shape (`rows` pictures of version 39) made by code, so that it is here without the
 * original. */
static char *fixture(int rows, size_t *len)
{
    struct buf b;
    buf_init(&b, 64u << 20);
    buf_printf(&b,
               "{\"formatName\":\"dexie\",\"formatVersion\":1,\"data\":{\"databaseName\":\"mana\","
               "\"databaseVersion\":39,"
               "\"tables\":[{\"name\":\"meImages\",\"schema\":\"id,kind\",\"rowCount\":%d},"
               "{\"name\":\"tags\",\"schema\":\"id\",\"rowCount\":1},{\"name\":\"_outbox\","
               "\"schema\":\"id\","
               "\"rowCount\":1},{\"name\":\"moods\",\"schema\":\"id\",\"rowCount\":1}],\"data\":["
               "{\"tableName\":\"meImages\",\"inbound\":true,\"rows\":[",
               rows);
    for (int i = 0; i < rows; i++) {
        buf_printf(&b, "%s{\"id\":\"img-%05d\"", i ? "," : "", i);
        if (i % 500 != 13)
            buf_str(&b, ",\"userId\":\"user_01\"");
        buf_printf(
            &b,
            ",\"kind\":\"face\",\"primaryFor\":%s,\"label\":\"Bild "
            "%d\",\"mediaId\":\"m-%d\",\"storagePath\":"
            "\"users/user_01/me/%d.png\",\"width\":1024,\"height\":1536,\"tags\":[\"a\"],\"usage\":"
            "{\"aiReference\":%s,\"showInProfile\":false},\"createdAt\":\"2026-04-01T00:00:%02d."
            "000Z\","
            "\"updatedAt\":\"2026-04-01T00:00:%02d.000Z\"",
            i ? "null" : "\"avatar\"", i, i, i, i % 2 ? "false" : "true", i % 60, i % 60);
        if (i % 500 == 15)
            buf_str(&b, ",\"deletedAt\":\"2026-04-02T00:00:00.000Z\"");
        if (i % 1000 == 17)
            buf_str(&b,
                    ",\"thumb\":{\"type\":\"image/webp\",\"data\":\"ERITFBUWFxgZGhscHR4fIA==\"}");
        if (i % 1000 == 18)
            buf_str(&b, ",\"spaceId\":\"space-legacy\"");
        buf_printf(&b, ",\"$types\":{\"tags\":\"arrayNonindexKeys\"%s}}",
                   i % 1000 == 17 ? ",\"thumb\":\"blob2\"" : "");
    }
    buf_str(&b,
            "]},{\"tableName\":\"tags\",\"inbound\":true,\"rows\":[{\"id\":\"t0\",\"name\":\"tag "
            "0\",\"userId\":"
            "\"user_01\"}]},{\"tableName\":\"_outbox\",\"inbound\":true,\"rows\":[{\"id\":\"o\"}]},"
            "{\"tableName\":\"moods\",\"inbound\":true,\"rows\":[{\"id\":\"m1\",\"userId\":\"user_"
            "01\",\"mood\":"
            "\"fine\",\"updatedAt\":\"2026-04-01T00:00:00.000Z\"}]}]}}");
    assert_int_equal(b.error, 0);
    return buf_detach(&b, len);
}

/* Every row of a partition with its stamps, as text: what two devices must agree on. */
static int dump_row(void *arg, struct row *row, struct raum_error *error)
{
    struct buf *out = ((void **)arg)[0], stamps;
    struct raum *r = ((void **)arg)[1];
    buf_printf(out, "%s %s %s", row->table ? row->table->name : row->opaque, row->id,
               intern_account(r, row->author));
    for (int i = -1; i < row_count(row->table); i++) {
        const struct value *v = i < 0 ? &row->extra : &row->values[i];
        buf_printf(out, "|%d:", v->kind);
        if (v->kind == VALUE_INT)
            buf_printf(out, "%lld", (long long)v->i);
        if (v->kind == VALUE_TEXT || v->kind == VALUE_SEALED)
            buf_add(out, v->text, v->len);
    }
    buf_init(&stamps, 1 << 20);
    for (uint32_t i = 0; i < row->stamps.count; i++)
        row->stamps.entries[i].stamp.actor = 0; /* local numbers */
    buf_printf(out, "|%s|", intern_device(r, row->stamps.row.actor));
    row->stamps.row.actor = 0;
    stamps_write(&row->stamps, &stamps);
    buf_add(out, stamps.data, stamps.len);
    buf_char(out, '\n');
    buf_release(&stamps);
    return buf_error(out, error);
}

static char *dump(struct raum *r, size_t *len)
{
    struct buf out;
    void *arg[2] = {&out, r};
    struct raum_error error;
    buf_init(&out, 64u << 20);
    for (uint32_t ref = 1; ref < r->space_count; ref++)
        if (intern_space(r, ref)) {
            buf_printf(&out, "== %s\n", intern_space(r, ref)->id);
            assert_int_equal(row_walk(r, ref, dump_row, arg, &error), 0);
        }
    return buf_detach(&out, len);
}

static void same_dump(struct raum *a, struct raum *b)
{
    size_t a_len, b_len;
    char *x = dump(a, &a_len), *y = dump(b, &b_len);
    assert_int_equal(a_len, b_len);
    assert_memory_equal(x, y, a_len);
    free(x);
    free(y);
}

/* An empty replica: the rows of a room would be in the way. */
static void bare_open(struct room *room)
{
    memset(room, 0, sizeof *room);
    snprintf(room->folder, sizeof room->folder, "%s/raum-import-XXXXXX",
             getenv("TMPDIR") ? getenv("TMPDIR") : P_tmpdir);
    assert_non_null(mkdtemp(room->folder));
    struct raum_options options = {.folder = room->folder};
    if (raum_open(&room->raum, &options, &room->error) < 0)
        fail_msg("%s", room->error.text);
    assert_int_equal(raum_scope_new(room->raum, &room->scope, &room->error), 0);
    assert_int_equal(raum_scope_set(room->scope, intern_personal(room->raum)->id, &room->error), 0);
}

static void bare_close(struct room *room)
{
    char command[200];
    raum_close(room->raum);
    snprintf(command, sizeof command, "rm -r '%s'", room->folder);
    assert_int_equal(system(command), 0);
}

static void bare_reopen(struct room *room)
{
    struct raum_options options = {.folder = room->folder};
    raum_close(room->raum);
    if (raum_open(&room->raum, &options, &room->error) < 0)
        fail_msg("%s", room->error.text);
    assert_int_equal(raum_scope_new(room->raum, &room->scope, &room->error), 0);
    assert_int_equal(raum_scope_set(room->scope, intern_personal(room->raum)->id, &room->error), 0);
}

static bool there(const struct room *room, const char *name)
{
    char path[256];
    struct stat st;
    snprintf(path, sizeof path, "%s/accounts/guest/%s", room->folder, name);
    return stat(path, &st) == 0;
}

/* ---- tests ---- */

/* G-U2: every row arrives where it belongs, none is lost. */
static void test_everything_arrives(void **state)
{
    struct room room;
    struct import_report report;
    size_t len;
    (void)state;
    char *text = fixture(2000, &len);
    bare_open(&room);
    OK(import_text(&room, text, len, NULL, &report));
    assert_string_equal(report.owner, "user_01");
    assert_int_equal(table(&report, "meImages")->added, 2000);
    assert_int_equal(table(&report, "tags")->added, 1);
    assert_int_equal(table(&report, "moods")->added, 1);
    assert_true(table(&report, "moods")->opaque);
    assert_true(table(&report, "_outbox")->local);
    assert_int_equal(table(&report, "_outbox")->left, 1);
    assert_int_equal(report.spaces, 1);
    import_report_release(&report);

    assert_string_equal(room_ask(&room, "SELECT count(*) FROM meImages"),
                        "1994"); /* 2000 - 4 deleted - 2 elsewhere */
    assert_string_equal(room_ask(&room, "SELECT count(DISTINCT id) FROM meImages"), "1994");
    assert_string_equal(room_ask(&room, "SELECT primaryFor FROM meImages WHERE id = 'img-00000'"),
                        "avatar");
    assert_string_equal(room_ask(&room, "SELECT id || imageId FROM meSlots"),
                        "guest:avatarimg-00000");
    assert_string_equal(room_ask(&room, "SELECT label FROM meImages WHERE id = 'img-00013'"),
                        "Bild 13");
    assert_string_equal(
        room_ask(&room, "SELECT count(*) FROM meImages WHERE \"usage.aiReference\""), "998");
    assert_string_equal(
        room_ask(&room, "SELECT authorId || subjectId FROM meImages WHERE id = 'img-00001'"),
        "guestguest");
    assert_string_equal(room_ask(&room, "SELECT updatedAt FROM meImages WHERE id = 'img-00001'"),
                        "2026-04-01T00:00:01.000000000Z");
    const struct space *other = NULL;
    for (uint32_t i = 1; i < room.raum->space_count; i++)
        if (intern_space(room.raum, i) &&
            strcmp(intern_space(room.raum, i)->name, "Imported: space-legacy") == 0)
            other = intern_space(room.raum, i);
    assert_non_null(other);
    assert_true(other->offline);
    OK(raum_scope_set(room.scope, other->id, &room.error));
    assert_string_equal(room_ask(&room, "SELECT count(*) FROM meImages"), "2");
    assert_string_equal(room_ask(&room, "SELECT count(*) FROM tags"), "0");
    free(text);
    bare_close(&room);
}

static void no_fault(void *arg, enum doctor_level level, const char *check, const char *text)
{
    (void)arg;
    if (level == DOCTOR_FAULT)
        fail_msg("%s: %s", check, text);
}

/* G-U1, G-U3: again, and again after a reopen, changes no byte of a row; unknown fields are kept
 * and sealed. */
static void test_again_changes_nothing(void **state)
{
    struct room room;
    struct import_report report;
    struct buf row;
    size_t len, before_len, after_len;
    (void)state;
    char *text = fixture(600, &len);
    bare_open(&room);
    OK(import_text(&room, text, len, NULL, &report));
    import_report_release(&report);
    char *before = dump(room.raum, &before_len);
    OK(import_text(&room, text, len, NULL, &report));
    for (int i = 0; i < report.count; i++)
        assert_int_equal(report.tables[i].added + report.tables[i].changed, 0);
    import_report_release(&report);
    bare_reopen(&room);
    OK(import_text(&room, text, len, NULL, &report));
    import_report_release(&report);
    char *after = dump(room.raum, &after_len);
    assert_int_equal(before_len, after_len);
    assert_memory_equal(before, after, before_len);
    assert_null(strstr(before, "users/user_01/me/1.png")); /* sealed */
    buf_init(&row, 1 << 20);
    OK(store_get(room.scope, "meImages", "img-00001", false, &row, &room.error));
    assert_non_null(strstr(buf_text(&row), "\"users/user_01/me/1.png\""));
    buf_reset(&row);
    OK(store_get(room.scope, "meImages", "img-00017", false, &row, &room.error));
    assert_non_null(strstr(buf_text(&row),
                           "ERITFBUWFxgZGhscHR4fIA")); /* no picture: the bytes stay in the row */
    assert_int_equal(doctor_run(room.raum, no_fault, NULL, &room.error), 0);
    assert_false(there(&room, "staging.db"));
    buf_release(&row);
    free(before), free(after), free(text);
    bare_close(&room);
}

/* G-U3: two devices of one account (one ring) make the same bytes of the same file. */
static void test_two_devices_same_bytes(void **state)
{
    struct room a, b;
    struct import_report report;
    char command[600];
    size_t len;
    (void)state;
    char *text = fixture(600, &len);
    bare_open(&a);
    OK(import_text(&a, text, len, NULL, &report));
    import_report_release(&report);
    /* The second device has the first one's ring and names of keys, and nothing else. */
    bare_open(&b);
    snprintf(command, sizeof command,
             "cp '%s/accounts/guest/keys.json' '%s/accounts/guest/keys.json'", a.folder, b.folder);
    assert_int_equal(system(command), 0);
    snprintf(command, sizeof command, "ATTACH '%s/accounts/guest/raum.db' AS other", a.folder);
    sqlite3_set_authorizer(b.raum->db->handle, NULL, NULL);
    assert_int_equal(sqlite3_exec(b.raum->db->handle, command, NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_exec(b.raum->db->handle,
                                  "INSERT INTO keys SELECT * FROM other.keys; DETACH other", NULL,
                                  NULL, NULL),
                     SQLITE_OK);
    bare_reopen(&b);
    OK(import_text(&b, text, len, NULL, &report));
    import_report_release(&report);
    same_dump(a.raum, b.raum);
    free(text);
    bare_close(&a);
    bare_close(&b);
}

/* G-U3: a real edit that is newer than the file stays; what it did not touch is taken. */
static void test_newer_edit_stays(void **state)
{
    struct room room;
    struct import_report report;
    static const char edit[] = "{\"label\":\"mine\"}";
    size_t len;
    (void)state;
    char *text = fixture(20, &len);
    bare_open(&room);
    OK(import_text(&room, text, len, NULL, &report));
    import_report_release(&report);
    OK(raum_update(room.scope, "meImages", "img-00003", edit, strlen(edit), &room.error));
    OK(raum_delete(room.scope, "meImages", "img-00004", &room.error));
    OK(import_text(&room, text, len, NULL, &report));
    import_report_release(&report);
    assert_string_equal(room_ask(&room, "SELECT label FROM meImages WHERE id = 'img-00003'"),
                        "mine");
    assert_string_equal(room_ask(&room, "SELECT count(*) FROM meImages WHERE id = 'img-00004'"),
                        "0");
    free(text);
    bare_close(&room);
}

/* G-U7: a dry run tells the same and leaves every file as it was. */
static void test_dry_run(void **state)
{
    struct room room;
    struct import_report dry, real;
    struct import_options options = {.dry_run = true};
    char command[400];
    size_t len;
    (void)state;
    char *text = fixture(600, &len);
    bare_open(&room);
    snprintf(command, sizeof command,
             "cd '%s' && find . -type f | sort | xargs sha256sum >../import-sums-%d", room.folder,
             getpid());
    assert_int_equal(system(command), 0);
    OK(import_text(&room, text, len, &options, &dry));
    snprintf(
        command, sizeof command,
        "cd '%s' && sha256sum --quiet -c ../import-sums-%d && test $(find . -type f | wc -l) = "
        "$(wc -l <../import-sums-%d) && rm ../import-sums-%d",
        room.folder, getpid(), getpid(), getpid());
    assert_int_equal(system(command), 0);
    assert_string_equal(room_ask(&room, "SELECT count(*) FROM meImages"), "0");
    OK(import_text(&room, text, len, NULL, &real));
    assert_int_equal(dry.count, real.count);
    for (int i = 0; i < dry.count; i++) {
        assert_string_equal(dry.tables[i].name, real.tables[i].name);
        assert_int_equal(dry.tables[i].added, real.tables[i].added);
        assert_int_equal(dry.tables[i].left, real.tables[i].left);
    }
    import_report_release(&dry);
    import_report_release(&real);
    free(text);
    bare_close(&room);
}

#define HEAD(version)                                                                              \
    "{\"formatName\":\"dexie\",\"formatVersion\":1,\"data\":{\"databaseName\":\"mana\","           \
    "\"databaseVersion\":" #version                                                                \
    ",\"tables\":[{\"name\":\"tasks\",\"schema\":\"id\",\"rowCount\":3}],\"data\":[{"              \
    "\"tableName\":\"tasks\",\"inbound\":true,\"rows\":["
#define TAIL "]}]}}"

static int import_str(struct room *room, const char *text, const struct import_options *options,
                      struct import_report *report)
{
    return import_text(room, text, strlen(text), options, report);
}

/* Whose rows: one person and nobody's are taken, several ask for --owner, others' rows are left and
 * counted. */
static void test_owners(void **state)
{
    static const char two[] = HEAD(30) "{\"id\":\"a\",\"title\":\"A\",\"userId\":\"u1\"},{\"id\":"
                                       "\"b\",\"title\":\"B\",\"userId\":\"u2\"},"
                                       "{\"id\":\"c\",\"title\":\"C\"}" TAIL;
    struct room room;
    struct import_report report;
    struct import_options options = {.owner = "u2"}, stranger = {.owner = "u9"};
    (void)state;
    bare_open(&room);
    assert_int_equal(import_str(&room, two, NULL, &report), RAUM_EUSAGE);
    assert_non_null(strstr(room.error.text, "u1, u2"));
    assert_int_equal(import_str(&room, two, &stranger, &report), RAUM_ENOT_FOUND);
    assert_string_equal(room_ask(&room, "SELECT count(*) FROM tasks"), "0");
    OK(import_str(&room, two, &options, &report));
    assert_int_equal(table(&report, "tasks")->left, 1);
    assert_int_equal(table(&report, "tasks")->added, 2);
    import_report_release(&report);
    assert_string_equal(
        room_ask(&room, "SELECT group_concat(title) FROM (SELECT title FROM tasks ORDER BY id)"),
        "B,C");
    bare_close(&room);
}

/* Rows of a shared space keep their authors; another person's sentinel is not taken (G-U4). */
static void test_authors(void **state)
{
    static const char text[] = HEAD(41) "{\"id\":\"a\",\"title\":\"A\",\"spaceId\":\"_personal:"
                                        "u1\",\"authorId\":\"u1\",\"visibility\":\"space\"},"
                                        "{\"id\":\"b\",\"title\":\"B\",\"spaceId\":\"club-1\","
                                        "\"authorId\":\"u2\",\"visibility\":\"space\"},"
                                        "{\"id\":\"c\",\"title\":\"C\",\"spaceId\":\"_personal:"
                                        "u2\",\"authorId\":\"u2\",\"visibility\":\"private\"}" TAIL;
    struct room room;
    struct import_report report;
    struct import_options options = {.owner = "u1"};
    (void)state;
    bare_open(&room);
    OK(import_str(&room, text, &options, &report));
    assert_int_equal(table(&report, "tasks")->left, 1);
    import_report_release(&report);
    assert_string_equal(room_ask(&room, "SELECT group_concat(title || authorId) FROM tasks"),
                        "Aguest");
    const struct space *club = intern_space_slug(room.raum, "personal");
    for (uint32_t i = 1; i < room.raum->space_count; i++)
        if (intern_space(room.raum, i) && strstr(intern_space(room.raum, i)->name, "club-1"))
            club = intern_space(room.raum, i);
    OK(raum_scope_set(room.scope, club->id, &room.error));
    assert_string_equal(room_ask(&room, "SELECT group_concat(title || authorId) FROM tasks"),
                        "Bu2");
    bare_close(&room);
}

/* Values that are not what the field takes are kept under another name, and the row arrives. */
static void test_odd_values(void **state)
{
    static const char text[] = HEAD(42) "{\"id\":\"a\",\"title\":42,\"isCompleted\":\"perhaps\","
                                        "\"spaceId\":null,\"priority\":{\"x\":[1]},"
                                        "\"usage\":1,\"primaryFor\":3}" TAIL;
    struct room room;
    struct import_report report;
    struct buf row;
    (void)state;
    bare_open(&room);
    OK(import_str(&room, text, NULL, &report));
    import_report_release(&report);
    buf_init(&row, 1 << 20);
    OK(store_get(room.scope, "tasks", "a", false, &row, &room.error));
    assert_non_null(strstr(buf_text(&row), "42"));
    assert_non_null(strstr(buf_text(&row), "\"perhaps\""));
    assert_non_null(strstr(buf_text(&row), "\"priority\":{\"x\":[1]}"));
    buf_release(&row);
    bare_close(&room);
}

/* Wrong, truncated or newer files: a clear error, nothing imported, nothing left. */
static void test_bad_files(void **state)
{
    static const char newer[] = HEAD(99) "{\"id\":\"a\"}" TAIL;
    struct room room;
    struct import_report report;
    size_t len;
    (void)state;
    char *text = fixture(30, &len);
    bare_open(&room);
    for (size_t cut = 0; cut < len; cut += 1 + len / 97) {
        assert_int_equal(import_text(&room, text, cut, NULL, &report), RAUM_ECORRUPT);
        assert_true(room.error.text[0] != '\0');
        import_report_release(&report);
    }
    assert_int_equal(import_str(&room, newer, NULL, &report), RAUM_ENEWER_DATABASE);
    assert_int_equal(import_str(&room, "hello", NULL, &report), RAUM_ECORRUPT);
    assert_string_equal(room_ask(&room, "SELECT count(*) FROM meImages"), "0");
    assert_false(there(&room, "staging.db"));
    assert_int_equal(room.raum->space_count > 3 && intern_space(room.raum, 3) != NULL, 0);
    free(text);
    bare_close(&room);
}

/* ---- crashes ---- */

/* Works in a child that dies without a word after `progress` has been told something `after` times.
 */
struct dying {
    int left;
    const char *what;
};

static void die_at(void *arg, const char *what, double done)
{
    struct dying *d = arg;
    (void)done;
    if ((!d->what || strcmp(d->what, what) == 0) && --d->left < 0)
        _exit(7);
}

static int import_and_die(struct room *room, const char *text, size_t len, const char *what,
                          int after)
{
    int status;
    fflush(NULL);
    raum_close(room->raum);
    room->raum = NULL;
    pid_t child = fork();
    if (child == 0) {
        struct dying dying = {after, what};
        struct import_options options = {.progress = die_at, .progress_arg = &dying};
        struct import_report report;
        struct raum_options open = {.folder = room->folder};
        if (raum_open(&room->raum, &open, NULL) < 0)
            _exit(1);
        _exit(import_text(room, text, len, &options, &report) == 0 ? 0 : 1);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    struct raum_options open = {.folder = room->folder};
    if (raum_open(&room->raum, &open, &room->error) < 0)
        fail_msg("%s", room->error.text);
    assert_int_equal(raum_scope_new(room->raum, &room->scope, NULL), 0);
    assert_int_equal(raum_scope_set(room->scope, intern_personal(room->raum)->id, NULL), 0);
    return WEXITSTATUS(status);
}

/* G-U1: dead while reading, the replica is as before; dead while merging, the next open ends the
 * work. */
static void test_crash(void **state)
{
    struct room room;
    size_t len;
    (void)state;
    char *text = fixture(6000, &len);
    bare_open(&room);
    assert_int_equal(import_and_die(&room, text, len, "read", 2), 7);
    assert_string_equal(room_ask(&room, "SELECT count(*) FROM meImages"), "0");
    assert_false(there(&room, "staging.db"));
    assert_int_equal(import_and_die(&room, text, len, "merge", 2), 7);
    assert_string_equal(room_ask(&room, "SELECT count(*) FROM meImages"), "5982");
    assert_false(there(&room, "staging.db"));
    assert_int_equal(doctor_run(room.raum, no_fault, NULL, &room.error), 0);
    free(text);
    bare_close(&room);
}

/* A second process leaves a running import alone; damage of a staging keeps nobody out. */
static void test_staging(void **state)
{
    struct room room;
    struct staging *s = NULL;
    struct raum *second = NULL;
    char path[256];
    (void)state;
    bare_open(&room);
    OK(staging_new(&s, room.raum, false, &room.error));
    OK(staging_add(s, "a record", 8, &room.error));
    room_again(&room, &second);
    assert_true(there(&room, "staging.db"));
    struct staging *other = NULL;
    assert_int_equal(staging_new(&other, second, false, &room.error), RAUM_EBUSY);
    raum_close(second);
    OK(staging_complete(s, &room.error));
    staging_close(s, false);
    bare_reopen(&room); /* complete, but its record is no row: discarded, and the door is open */
    assert_false(there(&room, "staging.db"));
    snprintf(path, sizeof path, "%s/accounts/guest/staging.db", room.folder);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs("this was a file once", file);
    fclose(file);
    bare_reopen(&room);
    assert_false(there(&room, "staging.db"));
    bare_close(&room);
}

/* A first start on an old export runs once (`once`), whatever happens later to the rows. */
static void test_once(void **state)
{
    struct room room;
    struct import_report report;
    struct import_options options = {.once = "legacy"};
    size_t len;
    (void)state;
    char *text = fixture(10, &len);
    bare_open(&room);
    assert_int_equal(import_text(&room, text, len, &options, &report), 0);
    import_report_release(&report);
    assert_int_equal(import_text(&room, text, len, &options, &report), RAUM_END);
    import_report_release(&report);
    free(text);
    bare_close(&room);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_everything_arrives),
        cmocka_unit_test(test_again_changes_nothing),
        cmocka_unit_test(test_two_devices_same_bytes),
        cmocka_unit_test(test_newer_edit_stays),
        cmocka_unit_test(test_dry_run),
        cmocka_unit_test(test_owners),
        cmocka_unit_test(test_authors),
        cmocka_unit_test(test_odd_values),
        cmocka_unit_test(test_bad_files),
        cmocka_unit_test(test_crash),
        cmocka_unit_test(test_staging),
        cmocka_unit_test(test_once),
    };
    return cmocka_run_group_tests_name("import", tests, NULL, NULL);
}
