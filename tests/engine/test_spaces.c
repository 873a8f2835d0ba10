/* Spaces: slugs, making, choosing, deleting, and ids that become real (G-U4). */
#include "engine/kit.h"

#include "engine/seal.h"

static char folder[128];
static struct kit_world world;
static struct raum *r;

static int set_up(void **state)
{
    (void)state;
    kit_folder(folder);
    kit_world_init(&world, 41);
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

static const struct space *make(const char *name, int type)
{
    const struct space *s;
    OK(spaces_create(r, name, type, &s, &error));
    return s;
}

static void test_slugs(void **state)
{
    (void)state;
    static const char *const pairs[][2] = {
        {"Marke", "marke"},
        {"  A  b  ", "a-b"},
        {"\xc3\x84rzte & S\xc3\xb6hne GmbH", "aerzte-soehne-gmbh"},
        {"Stra\xc3\x9f"
         "e",
         "strasse"},
        {"---", "space"},
        {"", "space"},
        {"\xe6\x97\xa5\xe6\x9c\xac", "space"},
        {"a\xf0\x9f\x98\x80"
         "b",
         "a-b"},
        {"\xc3", "space"},
        {"a\xc3", "a"},
        {"../../etc", "etc"},
        {"a/b", "a-b"},
        {"012345678901234567890123456789abc", "012345678901234567890123456789"},
        {"01234567890123456789012345678 abc", "01234567890123456789012345678"},
        {"UPPER_case.9", "upper-case-9"},
    };
    char slug[40];
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
        spaces_slug(pairs[i][0], slug);
        assert_string_equal(slug, pairs[i][1]);
    }
    assert_string_equal(make("Marke", SPACE_BRAND)->slug, "marke");
    assert_string_equal(make("MARKE!", SPACE_CLUB)->slug, "marke-2");
    assert_string_equal(make("marke", SPACE_CLUB)->slug, "marke-3");
    assert_string_equal(make("Admin", SPACE_CLUB)->slug, "admin-2"); /* a word that the web needs */
    assert_string_equal(make("personal", SPACE_CLUB)->slug, "personal-2");
    const char *longest = "012345678901234567890123456789";
    assert_string_equal(make(longest, SPACE_TEAM)->slug, longest);
    assert_string_equal(make(longest, SPACE_TEAM)->slug, "012345678901234567890123456789-2");
}

static void test_making(void **state)
{
    (void)state;
    const struct space *s = NULL;
    char name[300];
    memset(name, 'x', sizeof name);
    name[201] = '\0';
    REFUSED(RAUM_EBAD_CHANGE, spaces_create(r, name, SPACE_TEAM, &s, &error));
    name[200] = '\0';
    OK(spaces_create(r, name, SPACE_TEAM, &s, &error));
    static const char *const bad[] = {"", " ", "\t \t", "a\nb", "a\x7f", "\xff", "\xc3", "\x01"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        REFUSED(RAUM_EBAD_CHANGE, spaces_create(r, bad[i], SPACE_TEAM, &s, &error));
        REFUSED(RAUM_EBAD_CHANGE, spaces_rename(r, "personal", bad[i], &error));
    }
    REFUSED(RAUM_ESPACE_METADATA_INVALID, spaces_create(r, "x", -1, &s, &error));
    REFUSED(RAUM_ESPACE_METADATA_INVALID, spaces_create(r, "x", SPACE_TYPES, &s, &error));
    REFUSED(RAUM_ENOT_ALLOWED, spaces_create(r, "x", SPACE_PERSONAL, &s, &error));
    assert_int_equal(kit_raw(r, "SELECT count(*) FROM spaces WHERE type >= 0"), 2);
    s = make("Verein", SPACE_CLUB);
    assert_int_equal(s->role, ROLE_OWNER);
    assert_true(s->offline);
    assert_false(s->sealed);
    assert_int_equal(strncmp(s->id, "_space:", 7), 0);
    assert_true(id_is_uuid(s->id + 7, strlen(s->id + 7)));
}

static void test_finding_and_choosing(void **state)
{
    (void)state;
    char id[RAUM_ID_MAX];
    const struct space *s;
    snprintf(id, sizeof id, "%s", make("Marke", SPACE_BRAND)->id);
    assert_int_equal(spaces_active(r)->type, SPACE_PERSONAL);
    OK(spaces_use(r, "marke", &s, &error));
    assert_string_equal(spaces_active(r)->id, id);
    OK(spaces_find(r, id, &s, &error));
    assert_string_equal(s->slug, "marke");
    OK(spaces_rename(r, "marke", "Haus Eins", &error));
    OK(spaces_find(r, "marke", &s, &error));
    assert_string_equal(s->name, "Haus Eins"); /* the address stays */
    static const char *const none[] = {"Marke",          "",      "user:anna", "mark",
                                       "_personal:bert", "marke "};
    for (size_t i = 0; i < sizeof none / sizeof *none; i++) {
        REFUSED(RAUM_ENOT_FOUND, spaces_find(r, none[i], &s, &error));
        REFUSED(RAUM_ENOT_FOUND, spaces_use(r, none[i], &s, &error));
    }
    assert_string_equal(spaces_active(r)->id, id);
    raum_close(r); /* remembered */
    r = kit_open(folder, "anna", &world.env);
    assert_string_equal(spaces_active(r)->id, id);
    kit_join(r, "joined", SPACE_TEAM, ROLE_ADMIN);
    REFUSED(RAUM_ENOT_ALLOWED, spaces_rename(r, "joined", "x", &error));
    REFUSED(RAUM_ENOT_ALLOWED, spaces_delete(r, "joined", &error));
    OK(spaces_delete(r, "marke", &error));
    assert_int_equal(spaces_active(r)->type, SPACE_PERSONAL);
}

static void test_deleting(void **state)
{
    (void)state;
    char id[RAUM_ID_MAX], kept[RAUM_ID_MAX];
    const struct space *s = make("Weg", SPACE_TEAM);
    struct raum_handle *h = kit_scope(r, s->id), *own = kit_scope(r, NULL);
    for (int i = 0; i < 50; i++)
        OK(kit_insert(h, "tags", "{\"name\":\"gone\"}", id));
    OK(kit_insert(own, "tags", "{\"name\":\"kept\"}", kept));
    REFUSED(RAUM_ESPACE_PERSONAL_UNDELETABLE, spaces_delete(r, "personal", &error));
    kit_join(r, "servers", SPACE_TEAM, ROLE_OWNER);
    REFUSED(RAUM_ENOT_CONFIGURED, spaces_delete(r, "servers", &error));
    OK(raum_begin(r, &error));
    REFUSED(RAUM_EUSAGE, spaces_delete(r, "weg", &error));
    raum_rollback(r);
    OK(spaces_delete(r, "weg", &error));
    REFUSED(RAUM_ENOT_FOUND, spaces_delete(r, "weg", &error));
    assert_int_equal(kit_raw(r, "SELECT count(*) FROM data_tags"), 1);
    assert_int_equal(kit_raw(r, "SELECT count(*) FROM dirty"), 1);
    assert_string_not_equal(kit_get(own, "tags", kept, false), "");
    struct raum_query *q;
    REFUSED(RAUM_ENOT_FOUND, query_view(h, "SELECT * FROM tags", &q, &error));
}

/* Another process reads while a space is deleted: said, because the log keeps what it reads. */
static void test_deleting_while_read(void **state)
{
    (void)state;
    char id[RAUM_ID_MAX];
    struct raum_query *q;
    const struct space *s = make("Weg", SPACE_TEAM);
    struct raum_handle *h = kit_scope(r, s->id);
    for (int i = 0; i < 3; i++)
        OK(kit_insert(h, "tags", "{\"name\":\"gone\"}", id));
    struct raum *reader = kit_open(folder, "anna", &world.env);
    struct raum_handle *across;
    OK(raum_across_new(reader, &across, &error));
    OK(query_view(across, "SELECT id FROM across_tags", &q, &error));
    OK(raum_query_step(q, &error));
    sqlite3_busy_timeout(r->db->handle, 50);
    REFUSED(RAUM_EBUSY, spaces_delete(r, "weg", &error));
    assert_int_equal(kit_raw(r, "SELECT count(*) FROM data_tags"), 0);
    raum_close(reader);
}

/* ---- what becomes real ---- */

static char *dump(const char *space)
{
    struct buf out;
    buf_init(&out, 1 << 22);
    kit_dump(r, intern_space_find(r, space)->ref, &out);
    return buf_detach(&out, NULL);
}

static void same_dump(const char *before, const char *space)
{
    char *now = dump(space);
    assert_string_equal(now, before);
    free(now);
}

/* One row, whichever space is active, again without effect; the rows, stamps and keys are the same.
 */
static void test_become_by_one_row_G_U4(void **state)
{
    (void)state;
    char id[RAUM_ID_MAX];
    struct raum_handle *own = kit_scope(r, NULL),
                       *other = kit_scope(r, make("Andere", SPACE_TEAM)->id);
    const struct space *s;
    for (int i = 0; i < 20; i++)
        OK(kit_insert(own, "meImages", "{\"label\":\"l\",\"x\":1}", id));
    OK(kit_insert(own, "meSlots", "{\"slot\":\"avatar\"}", id));
    OK(raum_delete(own, "meSlots", id, &error));
    OK(spaces_use(r, "andere", &s, &error));
    char *before = dump("_personal:anna");
    int64_t dirty = kit_raw(r, "SELECT sum(fields * 5 + n) FROM dirty");
    int64_t changes = sqlite3_total_changes64(r->db->handle);
    OK(spaces_become(r, "_personal:anna", "real-personal", &error));
    assert_in_range(sqlite3_total_changes64(r->db->handle) - changes, 1,
                    2); /* the space; the clock */
    assert_string_equal(raum_scope_space(own), "real-personal");
    assert_string_equal(spaces_active(r)->slug, "andere");
    same_dump(before, "real-personal");
    assert_int_equal(kit_raw(r, "SELECT sum(fields * 5 + n) FROM dirty"), dirty);
    assert_int_equal(
        kit_int(own,
                "SELECT count(*) FROM meImages WHERE spaceId = 'real-personal' AND label = 'l'"),
        20);
    changes = sqlite3_total_changes64(r->db->handle);
    OK(spaces_become(r, "_personal:anna", "real-personal", &error));
    assert_true(sqlite3_total_changes64(r->db->handle) - changes <= 1);
    REFUSED(RAUM_ENOT_FOUND, raum_scope_set(other, "_personal:anna", &error));
    raum_close(r);
    r = kit_open(folder, "anna", &world.env);
    same_dump(before, "real-personal");
    assert_string_equal(intern_personal(r)->id, "real-personal");
    assert_false(intern_personal(r)->offline);
    free(before);
}

/* Both ids have rows: the ordinary rule decides field by field; what only one has is moved. */
static void test_become_by_merging_G_U4(void **state)
{
    (void)state;
    char id[RAUM_ID_MAX], marke[RAUM_ID_MAX];
    snprintf(marke, sizeof marke, "%s", make("Marke", SPACE_BRAND)->id);
    kit_join(r, "real-brand", SPACE_BRAND, ROLE_OWNER);
    struct raum_handle *from = kit_scope(r, marke), *to = kit_scope(r, "real-brand");
    const struct space *s;
    OK(spaces_use(r, "marke", &s, &error));
    OK(kit_insert(from, "tags", "{\"id\":\"both\",\"name\":\"older\",\"icon\":\"i1\",\"only\":1}",
                  id));
    OK(kit_insert(from, "tags", "{\"id\":\"here\",\"name\":\"moved\"}", id));
    OK(kit_insert(from, "tags", "{\"id\":\"gone\",\"name\":\"deleted\"}", id));
    OK(raum_delete(from, "tags", "gone", &error));
    OK(kit_insert(from, "meSlots", "{\"slot\":\"avatar\"}", id));
    world.now_ms += 1000;
    OK(kit_insert(to, "tags", "{\"id\":\"both\",\"name\":\"newer\",\"icon\":\"i2\"}", id));
    OK(kit_insert(to, "tags", "{\"id\":\"there\",\"name\":\"stays\"}", id));
    OK(kit_insert(to, "meSlots", "{\"slot\":\"avatar\"}", id));
    world.now_ms += 1000;
    OK(kit_update(from, "tags", "both", "{\"icon\":\"i3\"}"));
    OK(db_exec(r->db, "DELETE FROM dirty", &error));
    OK(spaces_become(r, marke, "real-brand", &error));
    assert_string_equal(kit_rows(to, "SELECT id, name, icon FROM tags ORDER BY id"),
                        "both|newer|i3\nhere|moved|\nthere|stays|");
    assert_non_null(strstr(kit_get(to, "tags", "both", false), "\"only\":1"));
    assert_string_not_equal(kit_get(to, "tags", "gone", true), "");
    assert_int_equal(kit_int(to, "SELECT count(*) FROM meSlots"), 1); /* G-T10 */
    assert_string_equal(raum_scope_space(from), "real-brand");        /* follows */
    assert_string_equal(spaces_active(r)->id, "real-brand");
    assert_null(intern_space_find(r, marke));
    /* What the server has not got yet is to be pushed: the moved rows, and the fields that won. */
    assert_int_equal(
        kit_raw(r, "SELECT count(*) FROM dirty d JOIN data_tags t ON t.n = d.n WHERE d.tbl = 8 "
                   "AND t.id IN ('here', 'gone')"),
        2);
    assert_int_equal(kit_raw(r, "SELECT d.fields & 1280 FROM dirty d JOIN data_tags t ON t.n = d.n "
                                "WHERE d.tbl = 8 AND t.id = 'both'"),
                     1 << 10);
    assert_int_equal(kit_raw(r, "SELECT count(*) FROM dirty d WHERE NOT EXISTS "
                                "(SELECT 1 FROM data_tags t WHERE t.n = d.n) AND d.tbl = 8"),
                     0);
    char *before = dump("real-brand");
    OK(spaces_become(r, marke, "real-brand", &error)); /* again */
    same_dump(before, "real-brand");
    free(before);
}

/* Sealed rows are opened with the one key and sealed with the other; no key is left without a
 * space. */
static void test_become_sealed_G_K1(void **state)
{
    (void)state;
    char id[RAUM_ID_MAX];
    kit_join(r, "real-personal", SPACE_PERSONAL, ROLE_OWNER);
    kit_join(r, "somebody-elses", SPACE_PERSONAL, ROLE_MEMBER);
    struct raum_handle *own = kit_scope(r, "_personal:anna"), *to = kit_scope(r, "real-personal");
    OK(kit_insert(own, "meImages", "{\"id\":\"a\",\"label\":\"one\",\"x\":\"two\"}", id));
    OK(kit_insert(to, "meImages", "{\"id\":\"b\",\"label\":\"three\"}", id));
    REFUSED(RAUM_ENOT_ALLOWED, spaces_become(r, "_personal:anna", "somebody-elses", &error));
    OK(spaces_become(r, "_personal:anna", "real-personal", &error));
    assert_string_equal(intern_personal(r)->id, "real-personal");
    assert_string_equal(kit_rows(to, "SELECT id, label FROM meImages ORDER BY id"),
                        "a|one\nb|three");
    assert_non_null(strstr(kit_get(to, "meImages", "a", false), "\"x\":\"two\""));
    assert_int_equal(kit_raw(r, "SELECT count(*) FROM data_meImages WHERE typeof(label) <> 'blob'"),
                     0);
    assert_int_equal(
        kit_raw(r, "SELECT count(*) FROM keys WHERE space NOT IN (SELECT ref FROM spaces)"), 0);
    OK(kit_insert(to, "meImages", "{\"id\":\"c\",\"label\":\"four\"}", id));
    raum_close(r);
    r = kit_open(folder, "anna", &world.env);
    to = kit_scope(r, "real-personal");
    assert_int_equal(kit_raw(r, "SELECT count(*) FROM spaces WHERE type = 0"), 2);
    assert_string_equal(kit_rows(to, "SELECT id, label FROM meImages ORDER BY id"),
                        "a|one\nb|three\nc|four");
}

static void test_become_refused_G_U4(void **state)
{
    (void)state;
    char marke[RAUM_ID_MAX], id[RAUM_ID_MAX];
    snprintf(marke, sizeof marke, "%s", make("Marke", SPACE_BRAND)->id);
    kit_join(r, "real-brand", SPACE_BRAND, ROLE_OWNER);
    struct raum_handle *own = kit_scope(r, NULL);
    OK(kit_insert(own, "meImages", "{\"label\":\"secret\"}", id));
    char *before = dump("_personal:anna");
    REFUSED(RAUM_ENOT_FOUND, spaces_become(r, "nothing", "nowhere", &error));
    REFUSED(RAUM_ENOT_FOUND, spaces_become(r, "_personal:bert", "his-personal", &error));
    REFUSED(RAUM_ENOT_ALLOWED, spaces_become(r, "_personal:anna", "real-brand",
                                             &error)); /* sealed rows, in the open */
    REFUSED(RAUM_ENOT_ALLOWED, spaces_become(r, "_personal:anna", marke, &error));
    REFUSED(RAUM_ENOT_ALLOWED, spaces_become(r, marke, "_personal:anna", &error));
    REFUSED(RAUM_ENOT_ALLOWED, spaces_become(r, "_personal:anna", "_personal:bert", &error));
    REFUSED(RAUM_ENOT_ALLOWED, spaces_become(r, marke, "_personal:bert", &error));
    REFUSED(RAUM_ENOT_ALLOWED, spaces_become(r, "real-brand", "other", &error)); /* it is real */
    REFUSED(RAUM_EUSAGE, spaces_become(r, "user:anna", "user:bert", &error));
    REFUSED(RAUM_EUSAGE, spaces_become(r, marke, "user:anna", &error));
    REFUSED(RAUM_EUSAGE, spaces_become(r, marke, "", &error));
    REFUSED(RAUM_EUSAGE, spaces_become(r, marke, "a\nb", &error));
    OK(spaces_become(r, marke, marke, &error));
    same_dump(before, "_personal:anna");
    OK(raum_begin(r, &error));
    OK(spaces_become(r, "_personal:anna", "real-personal", &error));
    raum_rollback(r);
    assert_string_equal(raum_scope_space(own), "_personal:anna");
    same_dump(before, "_personal:anna");
    free(before);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_slugs),
        TEST(test_making),
        TEST(test_finding_and_choosing),
        TEST(test_deleting),
        TEST(test_deleting_while_read),
        TEST(test_become_by_one_row_G_U4),
        TEST(test_become_by_merging_G_U4),
        TEST(test_become_sealed_G_K1),
        TEST(test_become_refused_G_U4),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
