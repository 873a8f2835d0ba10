/* Tags, tasks, scenes, seeds. */
#include "modules/pool.h"
#include "modules/scenes/scenes.h"
#include "modules/seeds.h"
#include "modules/tags/tags.h"
#include "modules/tasks/tasks.h"

static void tags(void **state)
{
    (void)state;
    struct place p;
    char id[RAUM_ID_MAX], found[RAUM_ID_MAX];
    place_open(&p, "lena");
    OK(tags_create(p.home, "Sommer", "#d97706", NULL, NULL, id, &error));
    REFUSED(RAUM_EEXISTS, tags_create(p.home, "sommer", NULL, NULL, NULL, found, &error));
    REFUSED(RAUM_EUSAGE, tags_create(p.home, "", NULL, NULL, NULL, found, &error));
    OK(tags_find(p.home, "SOMMER", found, &error));
    assert_string_equal(found, id);
    OK(tags_find(p.home, id, found, &error));
    REFUSED(RAUM_ENOT_FOUND, tags_find(p.home, "Winter", found, &error));
    OK(tags_delete(p.home, id, &error));
    REFUSED(RAUM_ENOT_FOUND, tags_find(p.home, id, found, &error));
    OK(tags_create(p.home, "Sommer", NULL, NULL, NULL, found, &error)); /* the name is free again */
    place_close(&p);
}

static void presets(void **state)
{
    (void)state;
    static const char list[] =
        "[{\"name\":\"Sommer\",\"color\":\"#d97706\",\"groupName\":\"Zeiten\"},"
        "{\"name\":\"Winter\",\"groupName\":\"zeiten\"},{\"name\":\"Berge\"}]";
    static const char *const bad[] = {
        "{}", "[1]", "[{\"color\":\"x\"}]", "[{\"name\":\"\"}]", "[{\"name\":3}]", "null"};
    struct place p;
    struct json_doc doc;
    struct raum_handle *own;
    char preset[RAUM_ID_MAX], id[RAUM_ID_MAX];
    int made;
    place_open(&p, "lena");
    json_init(&doc);
    OK(raum_account_new(p.raum, &own, &error));
    OK(json_parse(&doc, list, sizeof list - 1, 0, &error));
    OK(tags_preset_create(own, "Natur", json_root(&doc), true, preset, &error));
    OK(tags_create(p.home, "WINTER", "#ffffff", NULL, NULL, id, &error)); /* stays as it is */
    OK(tags_preset_copy(own, preset, p.home, &made, &error));
    assert_int_equal(made, 2);
    assert_int_equal(kit_int(p.home, "SELECT count(*) FROM tags"), 3);
    assert_int_equal(kit_int(p.home, "SELECT count(*) FROM tagGroups"), 1);
    assert_int_equal(kit_int(p.home, "SELECT count(*) FROM tags WHERE groupId IS NOT NULL"), 1);
    OK(tags_preset_copy(own, preset, p.home, &made, &error)); /* again: nothing new */
    assert_int_equal(made, 0);
    REFUSED(RAUM_ENOT_FOUND, tags_preset_copy(own, "nobody", p.home, &made, &error));
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        OK(json_parse(&doc, bad[i], strlen(bad[i]), 0, &error));
        REFUSED(RAUM_EBAD_CHANGE, tags_preset_create(own, "x", json_root(&doc), false, id, &error));
    }
    json_release(&doc);
    raum_handle_free(own);
    place_close(&p);
}

static void tasks(void **state)
{
    (void)state;
    struct place p;
    char tag[RAUM_ID_MAX], id[RAUM_ID_MAX];
    struct raum_query *q;
    place_open(&p, "lena");
    OK(tags_create(p.home, "Haus", NULL, NULL, NULL, tag, &error));
    const char *const both[] = {tag, tag};
    OK(tasks_add(
        p.home,
        &(struct tasks_new){.title = "Fotos", .due = "2026-04-30", .tags = both, .tag_count = 2},
        id, &error));
    assert_int_equal(kit_int(p.home, "SELECT count(*) FROM taskTags"),
                     1); /* the same tag twice is once */
    struct buf names;
    buf_init(&names, 4096);
    OK(tasks_tags(p.home, id, &names, &error));
    assert_string_equal(buf_text(&names), "[\"Haus\"]");
    buf_release(&names);
    REFUSED(RAUM_EUSAGE, tasks_add(p.home, &(struct tasks_new){.title = ""}, id, &error));
    REFUSED(RAUM_EUSAGE,
            tasks_add(p.home, &(struct tasks_new){.title = "x", .due = "tomorrow"}, id, &error));
    REFUSED(RAUM_EUSAGE,
            tasks_add(p.home, &(struct tasks_new){.title = "x", .due = "2026-02-30"}, id, &error));
    OK(kit_int(p.home, "SELECT count(*) FROM tasks") == 1 ? 0 : -1);
    OK(tasks_add(p.home, &(struct tasks_new){.title = "x", .due = "2026-04-30T10:00:00Z"}, id,
                 &error));
    OK(tasks_delete(p.home, id, &error));
    char task[RAUM_ID_MAX];
    snprintf(task, sizeof task, "%s", kit_rows(p.home, "SELECT id FROM tasks"));
    OK(tasks_done(p.home, task, true, &error));
    OK(tasks_query(p.home, false, &q, &error));
    assert_int_equal(raum_query_step(q, &error), RAUM_END);
    raum_query_free(q);
    OK(tasks_query(p.home, true, &q, &error));
    OK(raum_query_step(q, &error));
    raum_query_free(q);
    OK(tasks_delete(p.home, task, &error));
    REFUSED(RAUM_ENOT_FOUND, tasks_done(p.home, task, true, &error));
    place_close(&p);
}

static void scenes(void **state)
{
    (void)state;
    struct place p;
    char active[RAUM_ID_MAX], made[7][RAUM_ID_MAX], name[16];
    place_open(&p, "lena");
    kit_join(p.raum, "sp-marke", SPACE_BRAND, ROLE_OWNER);
    struct raum_handle *brand = kit_scope(p.raum, "sp-marke");
    OK(scenes_active(p.home, active, &error));
    assert_string_equal(active, "");
    OK(scenes_seed(p.home, &error));
    OK(scenes_seed(brand, &error));
    OK(scenes_active(p.home, active, &error));
    assert_string_equal(active, SCENES_HOME);
    for (int i = 0; i < 7; i++) {
        snprintf(name, sizeof name, "Scene %d", i);
        OK(scenes_create(p.home, name, made[i], &error));
        OK(scenes_use(p.home, made[i], &error));
    }
    OK(scenes_active(brand, active, &error)); /* per space */
    assert_string_equal(active, SCENES_HOME);
    raum_handle_free(brand);
    place_again(&p);
    OK(scenes_active(p.home, active, &error)); /* per device, for good */
    assert_string_equal(active, made[6]);
    for (int i = 6; i >= 2; i--) { /* five are remembered, newest first */
        OK(scenes_active(p.home, active, &error));
        assert_string_equal(active, made[i]);
        OK(raum_delete(p.home, "workbenchScenes", made[i], &error));
    }
    OK(scenes_active(p.home, active, &error));
    assert_string_equal(active, SCENES_HOME);
    OK(scenes_use(p.home, "scene 1", &error)); /* by name */
    REFUSED(RAUM_ENOT_FOUND, scenes_use(p.home, made[6], &error));
    OK(replica_begin(p.raum, &error)); /* what is remembered may be damaged */
    char key[32];
    snprintf(key, sizeof key, "scenes.%u", p.home->space);
    OK(replica_meta_set(p.raum, key, "{not json", &error));
    OK(replica_commit(p.raum, &error));
    OK(scenes_active(p.home, active, &error));
    assert_string_equal(active, SCENES_HOME);
    OK(scenes_use(p.home, SCENES_HOME, &error));
    place_close(&p);
}

static const char *home_name(struct raum_handle *h)
{
    return kit_rows(h, "SELECT name FROM workbenchScenes WHERE id = '" SCENES_HOME "'");
}

/* G-S14: a seed never overwrites what was customised, and never comes back. */
static void seeds(void **state)
{
    (void)state;
    struct place p[2];
    bool made;
    for (int i = 0; i < 2; i++) {
        place_open(&p[i], "lena");
        p[i].world.seed = 60 + (uint64_t)i;
    }
    char home[RAUM_ID_MAX];
    snprintf(home, sizeof home, "%s", intern_personal(p[0].raum)->id);
    OK(scenes_seed(p[0].home, &error));
    OK(kit_update(p[0].home, "workbenchScenes", SCENES_HOME, "{\"name\":\"Mein Tisch\"}"));
    OK(scenes_seed(p[0].home, &error));
    assert_string_equal(home_name(p[0].home), "Mein Tisch");
    /* A second device, set up a year later, seeds before it hears of the first. */
    p[1].world.now_ms += INT64_C(365) * 24 * 3600 * 1000;
    OK(scenes_seed(p[1].home, &error));
    OK(kit_hand_over(p[1].raum, p[0].raum, home, false, &error));
    assert_string_equal(home_name(p[0].home), "Mein Tisch");
    OK(kit_hand_over(p[0].raum, p[1].raum, home, false, &error));
    assert_string_equal(home_name(p[1].home), "Mein Tisch");
    OK(raum_delete(p[0].home, "workbenchScenes", SCENES_HOME, &error));
    OK(scenes_seed(p[0].home, &error));
    place_again(&p[0]);
    OK(scenes_seed(p[0].home, &error));
    assert_string_equal(home_name(p[0].home), "");
    OK(kit_hand_over(p[0].raum, p[1].raum, home, false, &error));
    OK(scenes_seed(p[1].home, &error));
    assert_string_equal(home_name(p[1].home), "");
    OK(kit_hand_over(p[1].raum, p[0].raum, home, false, &error));
    assert_string_equal(home_name(p[0].home), "");
    OK(seeds_put(p[0].home, "tags", "seed-tag", "{\"name\":\"Eins\"}", &made, &error));
    assert_true(made);
    /* It is told to the others as any row is. */
    assert_int_equal(kit_raw(p[0].raum, "SELECT count(*) FROM dirty WHERE tbl = 8"), 1);
    OK(seeds_put(p[0].home, "tags", "seed-tag", "{\"name\":\"Zwei\"}", &made, &error));
    assert_false(made);
    REFUSED(RAUM_EUNKNOWN_TABLE, seeds_put(p[0].home, "userSettings", "x", "{}", &made, &error));
    for (int i = 0; i < 2; i++)
        place_close(&p[i]);
}

/* In a shared space only its owner seeds: two members would make two authors of one row. */
static void seeds_of_members(void **state)
{
    (void)state;
    struct place p;
    place_open(&p, "bert");
    kit_join(p.raum, "sp-team", SPACE_TEAM, ROLE_MEMBER);
    struct raum_handle *h = kit_scope(p.raum, "sp-team");
    OK(scenes_seed(h, &error));
    assert_string_equal(home_name(h), "");
    raum_handle_free(h);
    place_close(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tags),   cmocka_unit_test(presets), cmocka_unit_test(tasks),
        cmocka_unit_test(scenes), cmocka_unit_test(seeds),   cmocka_unit_test(seeds_of_members),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
