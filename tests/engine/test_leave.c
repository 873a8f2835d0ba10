/* Leaving a space: of what is erased nothing is left in any byte below the data directory, what no
 * server has is set aside and comes back as a space of one's own, killed anywhere it goes on at the
 * next open (G-S3). */
#include "engine/archive.h"
#include "engine/kit.h"
#include "engine/leave.h"
#include "engine/media_refs.h"
#include "engine/quarantine.h"

#include <dirent.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define GONE "Xgone-with-its-space"
#define ASIDE "Yaside-unsent"
#define STAYS "Zstays-where-it-is"

static char folder[128];
static struct kit_world world;
static struct raum *r;
static struct raum_handle *team, *own;
static char shared_hash[MEDIA_REF_HASH], team_hash[MEDIA_REF_HASH];

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
        hits += strstr(e->d_name, mark) != NULL;
        if (lstat(path, &st) == 0 && S_ISDIR(st.st_mode))
            hits += hits_below(path, mark);
        else
            hits += hits_in(path, mark);
    }
    if (dir)
        closedir(dir);
    return hits;
}

static int hits(const char *mark)
{
    return hits_below(folder, mark);
}

/* ---- a space with everything ---- */

static void write_file(const char *area, const char *hash, const char *rest, const char *text)
{
    char path[600];
    snprintf(path, sizeof path, "%s/%s/%.2s", r->folder, area, hash);
    OK(world.env.folder_make(world.env.ctx, path, 0700));
    snprintf(path, sizeof path, "%s/%s/%.2s/%s%s", r->folder, area, hash, hash, rest);
    OK(world.env.file_write(world.env.ctx, path, text, strlen(text), 0600));
}

static void add_picture(uint32_t space, const char *id, char hash[MEDIA_REF_HASH], char digit)
{
    struct media_ref ref = {.type = "jpg", .purpose = "me", .bytes = 3};
    memset(hash, digit, MEDIA_REF_HASH - 1);
    hash[MEDIA_REF_HASH - 1] = '\0';
    snprintf(ref.id, sizeof ref.id, "%s", id);
    memcpy(ref.hash, hash, sizeof ref.hash);
    OK(replica_begin(r, &error));
    OK(media_refs_add(r, space, &ref, &error));
    OK(replica_commit(r, &error));
}

static void sent(void)
{
    OK(replica_begin(r, &error));
    OK(db_exec(r->db, "DELETE FROM dirty", &error));
    OK(replica_commit(r, &error));
}

static int set_up(void **state)
{
    char id[RAUM_ID_MAX], json[600];
    (void)state;
    kit_folder(folder);
    kit_world_init(&world, 61);
    r = kit_open(folder, "anna", &world.env);
    kit_join(r, "Xteam-id", SPACE_TEAM, ROLE_MEMBER);
    team = kit_scope(r, "Xteam-id");
    own = kit_scope(r, NULL);
    for (int i = 0; i < 60; i++) {
        snprintf(json, sizeof json,
                 "{\"id\":\"r%d\",\"label\":\"" GONE "\",\"mediaId\":\"" GONE "\",\"u\":\"" GONE
                 "\"}",
                 i);
        OK(kit_insert(team, "meImages", json, id));
        OK(kit_insert(team, "images", "{\"wardrobeOutfitId\":\"" GONE "\"}", id)); /* an index */
        OK(kit_insert(own, "meImages", "{\"mediaId\":\"" STAYS "\"}", id));
    }
    add_picture(team->space, "m1", team_hash, 'a');
    add_picture(team->space, "m2", shared_hash, 'b');
    add_picture(own->space, "m3", shared_hash, 'b');
    write_file("media", team_hash, ".jpg", "picture " ASIDE);
    write_file("media", team_hash, ".thumb.webp", GONE);
    write_file("trash", team_hash, ".1700000000000.jpg", GONE);
    write_file("media", shared_hash, ".jpg", STAYS "-picture");
    sent();
    OK(kit_insert(team, "meImages", "{\"id\":\"p\",\"label\":\"x\",\"mediaId\":\"m1\"}", id));
    sent(); /* the row is at the server, its picture is not */
    OK(kit_insert(team, "tags", "{\"id\":\"t\",\"name\":\"" ASIDE "\"}", id));
    OK(kit_update(team, "meImages", "r1", "{\"label\":\"" ASIDE "-edit\"}"));
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

static void mark(void)
{
    OK(replica_begin(r, &error));
    OK(leave_mark(r, team->space, false, &error));
    OK(replica_commit(r, &error));
}

static void reopen(void)
{
    raum_close(r);
    r = kit_open(folder, "anna", &world.env);
    own = kit_scope(r, NULL);
}

static struct quarantine found;
static int found_count;

static int find_each(void *arg, const struct quarantine *q, struct raum_error *e)
{
    (void)arg, (void)e;
    found = *q;
    found_count++;
    return 0;
}

static int quarantines(void)
{
    found_count = 0;
    OK(quarantine_each(r, find_each, NULL, &error));
    return found_count;
}

static void all_gone(void)
{
    assert_int_equal(hits(GONE), 0);
    assert_int_equal(hits("Xteam-id"), 0);
    assert_int_equal(hits(ASIDE), 0); /* what is set aside is sealed */
    assert_int_equal(hits(team_hash), 0);
    assert_true(hits(STAYS) > 60);
    assert_int_equal(hits(STAYS "-picture"), 1);
    assert_int_equal(kit_raw(r, "SELECT count(*) FROM leaving"), 0);
    assert_int_equal(kit_raw(r, "SELECT count(*) FROM dirty"), 0);
    assert_int_equal(quarantines(), 1);
    assert_int_equal(found.rows, 3);
    assert_int_equal(found.pictures, 2);
    assert_int_equal(found.at_ms, world.now_ms);
}

static int told;

static void tell(void *arg, const struct leave_report *report)
{
    (void)arg;
    told++;
    assert_int_equal(report->rows, 3);
    assert_int_equal(report->pictures, 2);
    assert_non_null(report->quarantine);
    assert_false(report->traces);
}

static void test_nothing_is_left_G_S3(void **state)
{
    struct raum_query *q = NULL;
    (void)state;
    told = 0;
    assert_true(hits(GONE) > 120);
    mark();
    assert_int_not_equal(query_view(team, "SELECT * FROM tags", &q, &error), 0); /* at once */
    assert_int_not_equal(kit_insert(team, "tags", "{\"name\":\"late\"}", NULL), 0);
    OK(leave_finish(r, tell, NULL, &error));
    assert_int_equal(told, 1);
    all_gone();
    OK(leave_finish(r, tell, NULL, &error));
    assert_int_equal(told, 1);
    raum_handle_free(team);
    reopen();
    all_gone();
}

/* Who goes on where another was killed says the same. */
static void test_told_after_an_interruption(void **state)
{
    struct quarantine q;
    (void)state;
    told = 0;
    mark();
    OK(replica_begin(r, &error));
    OK(quarantine_write(r, team->space, world.now_ms, &q, &error));
    OK(db_exec(r->db, "UPDATE leaving SET state = 2", &error));
    OK(replica_commit(r, &error));
    OK(leave_finish(r, tell, NULL, &error));
    assert_int_equal(told, 1);
    all_gone();
    raum_handle_free(team);
}

/* ---- back from the quarantine ---- */

struct entries {
    char names[40][300];
    char *data[40];
    size_t len[40];
    int count, at;
};

static int take_entry(void *ctx, const char *name, const void *data, size_t len,
                      struct raum_error *e)
{
    struct entries *x = ctx;
    (void)e;
    snprintf(x->names[x->count], sizeof x->names[0], "%s", name);
    x->data[x->count] = malloc(len + 1);
    memcpy(x->data[x->count], data, len);
    x->len[x->count++] = len;
    return 0;
}

static int next_entry(void *ctx, const char **name, const void **data, size_t *len,
                      struct raum_error *e)
{
    struct entries *x = ctx;
    (void)e;
    if (x->at == x->count)
        return RAUM_END;
    *name = x->names[x->at];
    *data = x->data[x->at];
    *len = x->len[x->at++];
    return 0;
}

static int rewind_entries(void *ctx, struct raum_error *e)
{
    (void)e;
    ((struct entries *)ctx)->at = 0;
    return 0;
}

static int picture_back(void *ctx, const char *hash, const void *data, size_t len,
                        struct raum_error *e)
{
    (void)e;
    const char *wanted = strcmp(hash, team_hash) == 0 ? "picture " ASIDE : STAYS "-picture";
    assert_int_equal(len, strlen(wanted));
    assert_memory_equal(data, wanted, len);
    ++*(int *)ctx;
    return 0;
}

static void test_exported_it_is_a_space_of_ones_own(void **state)
{
    static struct entries x;
    int pictures = 0;
    struct archive_report report;
    const struct space *s;
    const struct archive_sink sink = {&x, take_entry};
    const struct archive_source source = {&x, next_entry, rewind_entries};
    const struct archive_media media = {&pictures, NULL, picture_back};
    (void)state;
    mark();
    OK(leave_finish(r, NULL, NULL, &error));
    assert_int_equal(quarantines(), 1);
    OK(quarantine_export(r, found.id, &sink, &error));
    for (int i = 0; i < x.count; i++)
        assert_null(strstr(x.names[i], GONE));
    OK(archive_import(r, &source, &media, false, &report, &error));
    assert_int_equal(report.added, 3);
    assert_int_equal(pictures, 2);
    OK(spaces_find(r, "quarantine-xteam-id", &s, &error));
    assert_true(s->offline && s->role == ROLE_OWNER);
    struct raum_handle *back = kit_scope(r, s->id);
    assert_non_null(strstr(kit_get(back, "tags", "t", false), ASIDE));
    assert_non_null(strstr(kit_get(back, "meImages", "p", false), "\"mediaId\":\"m1\""));
    const char *edit = kit_get(back, "meImages", "r1", false);
    assert_non_null(strstr(edit, ASIDE "-edit"));
    assert_null(strstr(edit, GONE)); /* only what was not sent */
    assert_true(kit_raw(r, "SELECT count(*) FROM dirty") >= 3);
    raum_handle_free(back);
    for (int i = 0; i < x.count; i++)
        free(x.data[i]);
    raum_handle_free(team);
    /* Nobody without the ring opens it, and it does not stay for ever. */
    char path[600], kept[QUARANTINE_ID];
    snprintf(kept, sizeof kept, "%s", found.id);
    snprintf(path, sizeof path, "%s/keys.json", r->folder);
    raum_close(r);
    assert_int_equal(unlink(path), 0);
    r = kit_open(folder, "anna", &world.env);
    REFUSED(RAUM_EKEY_MISSING, quarantine_export(r, kept, &sink, &error));
    assert_int_equal(quarantines(), 1);
    assert_true(found.locked);
    world.now_ms += QUARANTINE_MS - 1000;
    reopen();
    assert_int_equal(quarantines(), 1);
    world.now_ms += 2000;
    reopen();
    assert_int_equal(quarantines(), 0);
    REFUSED(RAUM_ENOT_FOUND, quarantine_drop(r, kept, &error));
    REFUSED(RAUM_ENOT_FOUND, quarantine_drop(r, "../keys.json", &error));
}

static void test_damaged_quarantine(void **state)
{
    char path[600];
    void *data;
    size_t len;
    static struct entries x;
    const struct archive_sink sink = {&x, take_entry};
    (void)state;
    mark();
    OK(leave_finish(r, NULL, NULL, &error));
    assert_int_equal(quarantines(), 1);
    x.count = 0;
    snprintf(path, sizeof path, "%s/quarantine/%s/1", r->folder, found.id);
    OK(world.env.file_read(world.env.ctx, path, 1 << 20, &data, &len));
    ((char *)data)[len / 2] ^= 1;
    OK(world.env.file_write(world.env.ctx, path, data, len, 0600));
    REFUSED(RAUM_ECORRUPT, quarantine_export(r, found.id, &sink, &error));
    unlink(path);
    REFUSED(RAUM_ECORRUPT, quarantine_export(r, found.id, &sink, &error));
    snprintf(path, sizeof path, "%s/quarantine/%s/head", r->folder, found.id);
    free(data);
    OK(world.env.file_read(world.env.ctx, path, 1 << 20, &data, &len));
    for (size_t cut = 0; cut < len; cut += 7) {
        OK(world.env.file_write(world.env.ctx, path, data, cut, 0600));
        assert_int_not_equal(quarantine_export(r, found.id, &sink, &error), 0);
    }
    free(data);
    for (int i = 0; i < x.count; i++)
        free(x.data[i]);
    OK(quarantine_drop(r, found.id, &error));
    raum_handle_free(team);
}

static void test_nothing_to_keep(void **state)
{
    (void)state;
    sent();
    OK(replica_begin(r, &error));
    OK(media_refs_erase(r, team->space, "m1", &error));
    OK(media_refs_erase(r, team->space, "m2", &error));
    OK(replica_commit(r, &error));
    mark();
    OK(leave_finish(r, NULL, NULL, &error));
    assert_int_equal(quarantines(), 0);
    assert_int_equal(hits(GONE), 2); /* files that no row names are the sweep's */
    raum_handle_free(team);
}

/* ---- killed anywhere ---- */

struct dying {
    struct raum_env env;
    int left; /* file operations until it dies */
};
static struct dying dying;

static void step(void)
{
    if (dying.left-- == 0)
        _exit(9);
}

static int dying_write(void *ctx, const char *path, const void *data, size_t len, int mode)
{
    step();
    int result = world.env.file_write(ctx, path, data, len, mode);
    step();
    return result;
}

static int dying_remove(void *ctx, const char *path)
{
    step();
    int result = world.env.file_remove(ctx, path);
    step();
    return result;
}

/* A child that dies in the middle of leaving; also between two of the database's own steps. */
static int die_at(int count)
{
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        dying = (struct dying){.env = world.env, .left = count};
        dying.env.file_write = dying_write;
        dying.env.file_remove = dying_remove;
        struct raum_options o = {.folder = folder, .account = "anna", .env = &dying.env};
        struct raum *mine;
        _exit(raum_open(&mine, &o, NULL) == 0 ? 0 : 1); /* goes on where it was, or dies */
    }
    int status;
    waitpid(child, &status, 0);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static void test_killed_anywhere_it_goes_on_G_S3(void **state)
{
    int deaths = 0, count = 0;
    (void)state;
    mark();
    raum_handle_free(team);
    raum_close(r);
    r = NULL;
    for (int result = 9; result == 9; count++) {
        result = die_at(count);
        assert_true(result == 9 || result == 0);
        deaths += result == 9;
        assert_in_range(count, 0, 200);
    }
    assert_true(deaths > 8);
    r = kit_open(folder, "anna", &world.env);
    own = kit_scope(r, NULL);
    all_gone();
}

/* Another process reads: the space is gone, the log goes when the reader is. */
static void test_under_a_reader(void **state)
{
    struct raum_query *q;
    struct raum_handle *across;
    (void)state;
    mark();
    struct raum *reader = kit_open(folder, "guest", &world.env);
    raum_close(reader); /* another account's: sees nothing, changes nothing */
    raum_handle_free(team);
    OK(raum_across_new(r, &across, &error));
    OK(query_view(across, "SELECT id FROM across_meImages", &q, &error));
    OK(raum_query_step(q, &error));
    struct raum *second = kit_open(folder, "anna", &world.env); /* goes on with it */
    sqlite3_busy_timeout(second->db->handle, 20);
    raum_query_free(q);
    raum_close(second);
    reopen();
    all_gone();
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_nothing_is_left_G_S3),
        TEST(test_told_after_an_interruption),
        TEST(test_exported_it_is_a_space_of_ones_own),
        TEST(test_damaged_quarantine),
        TEST(test_nothing_to_keep),
        TEST(test_killed_anywhere_it_goes_on_G_S3),
        TEST(test_under_a_reader),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
