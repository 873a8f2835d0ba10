/* What is on the disk, byte by byte: nothing that is sealed is in the clear in any file under the
 * data directory, at any moment (G-K1), and of an erased space nothing is left at all (G-S3's part
 * on the device). */
#include "engine/backup.h"
#include "engine/kit.h"
#include "engine/seal.h"

#include <dirent.h>
#include <sys/stat.h>
#include <unistd.h>

static char folder[128];
static struct kit_world world;
static struct raum *r;

static int set_up(void **state)
{
    (void)state;
    kit_folder(folder);
    kit_world_init(&world, 51);
    r = kit_open(folder, "anna", &world.env);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    raum_close(r);
    kit_remove(folder);
    return 0;
}

/* ---- the scanner ---- */

static int hits_in(const char *path, const char *mark)
{
    FILE *f = fopen(path, "rb");
    size_t len = strlen(mark), at = 0;
    int hits = 0;
    for (int c; f && (c = fgetc(f)) != EOF;) { /* marks begin with a letter that they hold once */
        at = (char)c == mark[at] ? at + 1 : (char)c == mark[0];
        if (at == len) {
            hits++;
            at = 0;
        }
    }
    if (f)
        fclose(f);
    return hits;
}

static int files;

static int hits_below(const char *dir_path, const char *mark)
{
    char path[1024];
    int hits = 0;
    DIR *dir = opendir(dir_path);
    for (struct dirent *e; dir && (e = readdir(dir));) {
        struct stat st;
        if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
            continue;
        snprintf(path, sizeof path, "%s/%s", dir_path, e->d_name);
        if (strstr(e->d_name, mark))
            hits++;
        if (lstat(path, &st) == 0 && S_ISDIR(st.st_mode))
            hits += hits_below(path, mark);
        else
            hits += hits_in(path, mark), files++;
    }
    if (dir)
        closedir(dir);
    return hits;
}

static int hits(const char *mark)
{
    files = 0;
    int found = hits_below(folder, mark);
    assert_true(files >= 2);
    return found;
}

#define SECRET "Qsecret-that-nobody-may-read"
#define PLAIN "Zplain-and-to-be-found"
#define ERASED "Xerased-with-its-space"

static void clean(const char *when)
{
    int found = hits(SECRET);
    if (found)
        fail_msg("%d times in the clear %s", found, when);
    assert_true(hits(PLAIN) > 0); /* the scanner sees what is there */
}

/* One row with every sealed field of the table marked, and an unknown field, too. */
static void put_marked(struct raum_handle *h, const struct schema_table *t, int number,
                       size_t extra, char id[RAUM_ID_MAX])
{
    struct buf json;
    buf_init(&json, 1 << 20);
    buf_printf(&json, "{\"unknown\":{\"deep\":[\"%s-u%d\"]}", SECRET, number);
    for (const struct schema_field *f = t->fields; f->name; f++) {
        if (f->flags & FIELD_SEALED && f->type == TYPE_TEXT) {
            buf_printf(&json, ",\"%s\":\"%s-%d ", f->name, SECRET, number);
            for (size_t i = 0; i < extra; i++)
                buf_str(&json, SECRET);
            buf_char(&json, '"');
        } else if (f->flags & FIELD_SEALED)
            buf_printf(&json, ",\"%s\":[\"%s-%d\"]", f->name, SECRET, number);
    }
    if (schema_is_slots(t))
        buf_printf(&json, ",\"slot\":\"%s\"",
                   number % 3 == 0   ? "avatar"
                   : number % 3 == 1 ? "face-ref"
                                     : "body-ref");
    else if (t->number == 6)
        buf_str(&json, ",\"wornAt\":\"2026-01-01\"");
    else if (t->number == 11)
        buf_str(&json, ",\"taskId\":\"a\",\"tagId\":\"b\"");
    buf_char(&json, '}');
    OK(kit_insert(h, t->name, buf_text(&json), id));
    buf_release(&json);
}

static int sink_write(void *ctx, const void *data, size_t len, struct raum_error *e)
{
    (void)e;
    return fwrite(data, 1, len, ctx) == len ? 0 : RAUM_EIO;
}

static void test_sealed_everywhere_G_K1(void **state)
{
    (void)state;
    char id[RAUM_ID_MAX], update[200], path[200];
    struct raum_handle *own = kit_scope(r, NULL), *account;
    OK(raum_account_new(r, &account, &error));
    OK(kit_insert(own, "meImages", "{\"mediaId\":\"" PLAIN "\"}", id));
    for (int number = 0; number < 3; number++)
        for (const struct schema_table *t = schema_tables; t->name; t++) {
            struct raum_handle *h = t->level == LEVEL_SPACE ? own : account;
            put_marked(h, t, number, number == 2 ? 200 : 0, id);
            OK(kit_update(h, t->name, id,
                          "{\"unknown\":\"" SECRET "-again\",\"more\":\"" SECRET "\"}"));
            if (number == 1)
                OK(raum_delete(h, t->name, id, &error));
        }
    clean("while it is open");
    OK(kit_insert(own, "meImages",
                  "{\"id\":\"x\",\"label\":\"" SECRET "\",\"visibility\":\"private\"}", id));
    for (int i = 0; i < 20; i++) {
        snprintf(update, sizeof update,
                 "{\"visibility\":\"%s\",\"label\":\"%s-%d\",\"tags\":[\"%s\"]}",
                 i % 2 ? "space" : "private", SECRET, i, SECRET);
        OK(kit_update(own, "meImages", "x", update));
    }
    OK(raum_begin(r, &error));
    put_marked(own, schema_table("tags"), 9, 500, id);
    clean("in a transaction");
    raum_rollback(r);
    assert_int_equal(kit_int(own, "SELECT count(*) FROM meImages WHERE label = '" SECRET "-19'"),
                     1);
    clean("after a search for it");
    REFUSED(RAUM_EBAD_CHANGE,
            kit_insert(own, "meImages", "{\"label\":\"" SECRET "\",\"kind\":\"" SECRET "\"}", id));
    assert_null(strstr(error.text, SECRET));
    /* Keys change, ids become real, spaces are joined. */
    OK(replica_begin(r, &error));
    OK(seal_rotate(r, own->space, &error));
    OK(replica_commit(r, &error));
    put_marked(own, schema_table("meImages"), 7, 0, id);
    kit_join(r, "real", SPACE_PERSONAL, ROLE_OWNER);
    struct raum_handle *real = kit_scope(r, "real");
    put_marked(real, schema_table("meImages"), 8, 0, id);
    OK(spaces_become(r, "_personal:anna", "real", &error));
    clean("after spaces were joined");
    snprintf(path, sizeof path, "%s/backup", folder);
    FILE *f = fopen(path, "wb");
    struct chunks_sink sink = {.ctx = f, .write = sink_write};
    struct backup_report report;
    OK(backup_write(r, "a passphrase", &sink, &report, &error));
    fclose(f);
    clean("after a backup");
    OK(db_exec(r->db, "PRAGMA wal_checkpoint(TRUNCATE)", &error));
    clean("after a checkpoint");
    assert_int_equal(kit_int(real, "SELECT count(*) FROM meImages WHERE label LIKE '" SECRET "%'"),
                     1 + 1 + 1 + 2);
    raum_close(r);
    r = NULL;
    clean("after closing");
    r = kit_open(folder, "anna", &world.env);
    clean("after opening again");
}

/* A shared space is in the clear for its members, and gone without a trace once it is deleted. */
static void test_erased_space(void **state)
{
    (void)state;
    char id[RAUM_ID_MAX], json[3000];
    const struct space *s;
    OK(spaces_create(r, "Bleibt", SPACE_TEAM, &s, &error));
    struct raum_handle *stays = kit_scope(r, s->id);
    OK(spaces_create(r, ERASED, SPACE_TEAM, &s, &error));
    struct raum_handle *goes = kit_scope(r, s->id);
    char slug[60];
    snprintf(slug, sizeof slug, "%s", s->slug);
    for (int i = 0; i < 120; i++) {
        int len = snprintf(json, sizeof json, "{\"label\":\"%s-%d\",\"mediaId\":\"%s\",\"u\":\"%s",
                           ERASED, i, ERASED, ERASED);
        for (int j = 0; j < (i % 10 == 0 ? 60 : 1); j++) /* some larger than a page */
            len += snprintf(json + len, sizeof json - (size_t)len, " %s", ERASED);
        snprintf(json + len, sizeof json - (size_t)len, "\"}");
        OK(kit_insert(goes, "meImages", json, id));
        OK(kit_insert(stays, "meImages", "{\"label\":\"" PLAIN "\"}", id));
        if (i % 7 == 0) {
            OK(kit_insert(goes, "wardrobeWears",
                          "{\"wornAt\":\"2026-01-01\",\"garmentId\":\"" ERASED "\"}", id));
            OK(kit_insert(goes, "images", "{\"wardrobeOutfitId\":\"" ERASED "\"}",
                          id)); /* an index */
        }
        if (i % 11 == 0)
            OK(db_exec(r->db, "PRAGMA wal_checkpoint(PASSIVE)", &error));
    }
    assert_true(hits(ERASED) > 120);
    OK(spaces_delete(r, slug, &error));
    assert_int_equal(hits(ERASED), 0);
    assert_true(hits(PLAIN) > 120);
    raum_close(r);
    r = kit_open(folder, "anna", &world.env);
    assert_int_equal(hits(ERASED), 0);
}

/* Two processes: the one that erased cannot empty the log under a reader; when the reader is gone,
 * it is. */
static void test_erased_under_a_reader(void **state)
{
    (void)state;
    char id[RAUM_ID_MAX];
    const struct space *s;
    struct raum_query *q;
    OK(kit_insert(kit_scope(r, NULL), "meImages", "{\"mediaId\":\"" PLAIN "\"}", id));
    OK(spaces_create(r, "Geht", SPACE_TEAM, &s, &error));
    struct raum_handle *goes = kit_scope(r, s->id), *across;
    for (int i = 0; i < 20; i++)
        OK(kit_insert(goes, "meImages", "{\"label\":\"" ERASED "\"}", id));
    struct raum *reader = kit_open(folder, "anna", &world.env);
    OK(raum_across_new(reader, &across, &error));
    OK(query_view(across, "SELECT id FROM across_meImages", &q, &error));
    OK(raum_query_step(q, &error));
    sqlite3_busy_timeout(r->db->handle, 20);
    REFUSED(RAUM_EBUSY, spaces_delete(r, "geht", &error));
    raum_close(reader);
    raum_close(r);
    r = NULL;
    assert_int_equal(hits(ERASED), 0);
    assert_true(hits(PLAIN) > 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_sealed_everywhere_G_K1),
        TEST(test_erased_space),
        TEST(test_erased_under_a_reader),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
