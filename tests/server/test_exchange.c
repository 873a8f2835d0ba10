/* Replicas that talk to the relay by their sessions, no socket between them: what is written on one
 * device is on the others, whatever is lost on the way (G-S3 … G-S10, G-S12, G-T9, G-T10). Time,
 * randomness and the network are the test's. */
#include "modules/scenes/scenes.h"
#include "server/devices.h"
#include "sync/incoming.h"
#include "sync/outgoing.h"

static void test_two_devices_and_a_member_G_S4_G_S8(void **state)
{
    char id[RAUM_ID_MAX];
    (void)state;
    OK(kit_insert(devices[0].personal, "meImages", "{\"kind\":\"face\",\"label\":\"Geheim\"}", id));
    OK(kit_insert(devices[0].family, "tasks", "{\"title\":\"Brot\"}", id));
    OK(kit_update(devices[0].family, "tasks", id, "{\"isCompleted\":true}"));
    everybody(2);
    same(0, 1, "pa");
    same(0, 1, "fam");
    same(0, 2, "fam");
    char *mine = content(&devices[2], "pb");
    assert_null(strstr(mine, "Geheim"));
    free(mine);
    make_device(3); /* fresh: the whole history at once */
    sync_device(&devices[3]);
    same(0, 3, "fam");
    OK(kit_update(devices[2].family, "tasks", id, "{\"title\":\"Milch\"}"));
    everybody(2);
    for (int i = 1; i < DEVICES; i++)
        same(0, i, "fam");
    assert_non_null(strstr(kit_get(devices[3].family, "tasks", id, false), "Milch"));
}

static void test_lost_on_the_way_G_S5(void **state)
{
    char id[RAUM_ID_MAX];
    (void)state;
    for (int i = 0; i < 5; i++) {
        OK(kit_insert(devices[0].family, "tags", "{\"name\":\"t\"}", id));
        lose_answers = i % 3;
        lose_requests = (i + 1) % 3;
        sync_device(&devices[0]);
    }
    assert_int_equal(count_records(), 5);
    everybody(1);
    same(0, 2, "fam");
}

static void test_offline_edits_meet_G_S10_G_S12(void **state)
{
    char id[RAUM_ID_MAX];
    uint64_t seed = 3;
    (void)state;
    OK(kit_insert(devices[0].family, "tasks", "{\"title\":\"start\"}", id));
    everybody(2);
    for (int round = 0; round < 60; round++) {
        char json[64];
        int i = (int)(kit_random(&seed) % 3);
        world.now_ms += (int64_t)(kit_random(&seed) % 3);
        server_world.now_ms = world.now_ms;
        snprintf(json, sizeof json, "{\"%s\":\"%d\"}",
                 kit_random(&seed) % 2 ? "title" : "description", round);
        (void)!kit_update(devices[i].family, "tasks", id, json);
        if (kit_random(&seed) % 8 == 0)
            (void)!raum_delete(devices[0].family, "tasks", id, NULL);
        if (kit_random(&seed) % 8 == 0)
            (void)!raum_restore(devices[1].family, "tasks", id, NULL);
        if (kit_random(&seed) % 3 == 0)
            sync_device(&devices[kit_random(&seed) % 3]);
    }
    everybody(3);
    same(0, 1, "fam");
    same(0, 2, "fam");
}

static void test_slots_G_T10(void **state)
{
    char one[RAUM_ID_MAX], two[RAUM_ID_MAX], slot[RAUM_ID_MAX], json[300];
    (void)state;
    OK(kit_insert(devices[0].personal, "meImages", "{\"kind\":\"face\"}", one));
    OK(kit_insert(devices[1].personal, "meImages", "{\"kind\":\"face\"}", two));
    snprintf(json, sizeof json, "{\"slot\":\"avatar\",\"imageId\":\"%s\"}", one);
    OK(kit_insert(devices[0].personal, "meSlots", json, slot));
    world.now_ms += 5;
    snprintf(json, sizeof json, "{\"slot\":\"avatar\",\"imageId\":\"%s\"}", two);
    OK(kit_insert(devices[1].personal, "meSlots", json, slot));
    everybody(3);
    same(0, 1, "pa");
    const char *holder = kit_get(devices[0].personal, "meSlots", "anna:avatar", false);
    assert_non_null(strstr(holder, two)); /* the later claim, on both */
}

static void test_private_is_withdrawn_G_T9(void **state)
{
    char id[RAUM_ID_MAX];
    (void)state;
    OK(kit_insert(devices[0].family, "tasks", "{\"title\":\"Geschenk\"}", id));
    everybody(2);
    assert_string_not_equal(kit_get(devices[2].family, "tasks", id, true), "");
    OK(kit_update(devices[0].family, "tasks", id, "{\"visibility\":\"private\"}"));
    everybody(2);
    char *his = content(&devices[2], "fam");
    assert_null(strstr(his, "Geschenk"));
    free(his);
    same(0, 1, "fam");
}

static void test_clock_ahead_G_S9(void **state)
{
    char id[RAUM_ID_MAX];
    (void)state;
    OK(kit_insert(devices[2].family, "tasks", "{\"title\":\"vorher\"}", id));
    everybody(2);
    world.now_ms += INT64_C(365) * 86400000; /* all devices; the server knows better */
    OK(kit_update(devices[0].family, "tasks", id, "{\"title\":\"aus der Zukunft\"}"));
    world.now_ms -= INT64_C(365) * 86400000;
    sync_device(&devices[0]);
    assert_int_equal(session_counts(devices[0].session)->parked, 0);
    everybody(1);
    assert_non_null(strstr(kit_get(devices[2].family, "tasks", id, false), "Zukunft"));
    world.now_ms += 10;
    server_world.now_ms += 10;
    OK(kit_update(devices[2].family, "tasks", id, "{\"title\":\"danach\"}"));
    everybody(2);
    same(0, 2, "fam");
    assert_non_null(strstr(kit_get(devices[0].family, "tasks", id, false), "danach"));
}

static void test_refused_is_parked_G_S6(void **state)
{
    char id[RAUM_ID_MAX], mine[RAUM_ID_MAX];
    (void)state;
    run("DELETE FROM members WHERE id = '4'"); /* bert does not know it yet */
    OK(kit_insert(devices[2].family, "tasks", "{\"title\":\"zu spät\"}", id));
    OK(kit_insert(devices[2].personal, "tasks", "{\"title\":\"meins\"}", mine));
    sync_device(&devices[2]);
    assert_int_equal(session_counts(devices[2].session)->parked, 1);
    assert_int_equal(session_counts(devices[2].session)->applied, 1);
    char *theirs;
    everybody(1);
    theirs = content(&devices[0], "fam");
    assert_null(strstr(theirs, "zu spät")); /* no member sees a trace (G-S1) */
    free(theirs);
}

/* A change that comes from elsewhere. */
static void import_change(struct device *d, const char *change)
{
    struct arena a;
    struct json_doc doc;
    struct wire_answer answer;
    struct incoming_report report;
    arena_init(&a, 1 << 20);
    json_init(&doc);
    char *text = arena_printf(&a, "{\"serverChanges\":[%s]}", change);
    OK(json_parse(&doc, text, strlen(text), 0, &error));
    OK(wire_read_answer(&doc, &a, &answer, &error));
    OK(incoming_apply(d->r, answer.changes, answer.change_count, &report, &error));
    assert_int_equal(report.unknown, 0);
    json_release(&doc);
    arena_release(&a);
}

static char edited[RAUM_ID_MAX];
static int edits;

/* The same field, another field, and a new row of the table that is being pulled. */
static void edit_meanwhile(struct device *d)
{
    char id[RAUM_ID_MAX];
    char json[100];
    meanwhile = NULL;
    edits++;
    snprintf(json, sizeof json, "{\"title\":\"meiner %d\",\"priority\":%d}", edits, edits);
    OK(kit_update(d->family, "tasks", edited, json));
    OK(kit_insert(d->family, "tasks", "{\"title\":\"nebenbei\"}", id));
}

/* The pull brings a row that is edited before it arrives: the edit is stamped later than what it
 * did not know, is there, and goes out. */
static void test_edit_while_pulled_G_S12(void **state)
{
    char json[64], mine[32];
    (void)state;
    edits = 0;
    OK(kit_insert(devices[0].family, "tasks", "{\"title\":\"start\"}", edited));
    everybody(2);
    for (int round = 0; round < 3; round++) {
        world.now_ms += 1000;
        server_world.now_ms += 1000;
        snprintf(json, sizeof json, "{\"title\":\"seiner %d\"}", round);
        snprintf(mine, sizeof mine, "meiner %d", round + 1);
        OK(kit_update(devices[2].family, "tasks", edited, json));
        sync_device(&devices[2]);
        world.now_ms += 10;
        server_world.now_ms += 10;
        meanwhile = edit_meanwhile;
        sync_device(&devices[0]);
        assert_null(meanwhile);
        assert_non_null(strstr(kit_get(devices[0].family, "tasks", edited, false), mine));
        everybody(2);
        same(0, 1, "fam");
        same(0, 2, "fam");
        const char *his = kit_get(devices[2].family, "tasks", edited, false);
        assert_non_null(strstr(his, mine));
    }
    char *all = content(&devices[2], "fam");
    int rows = 0;
    for (const char *at = all; (at = strstr(at, "nebenbei")); at++)
        rows++;
    assert_int_equal(rows, 3);
    free(all);
}

static const char *home_of(struct raum_handle *h)
{
    return kit_rows(h, "SELECT name FROM workbenchScenes WHERE id = '" SCENES_HOME "'");
}

/* Both of her devices make the first scene, each before it hears of the other, the second a year
 * later; one has given it a name, and deletes it in the end. */
static void test_seeds_G_S14(void **state)
{
    (void)state;
    OK(scenes_seed(devices[0].family, &error));
    OK(kit_update(devices[0].family, "workbenchScenes", SCENES_HOME, "{\"name\":\"Mein Tisch\"}"));
    sync_device(&devices[0]);
    world.now_ms += INT64_C(365) * 86400000;
    server_world.now_ms = world.now_ms;
    OK(scenes_seed(devices[1].family, &error));
    everybody(3);
    for (int i = 0; i < 3; i++)
        assert_string_equal(home_of(devices[i].family), "Mein Tisch");
    same(0, 1, "fam");
    same(0, 2, "fam");
    OK(raum_delete(devices[0].family, "workbenchScenes", SCENES_HOME, &error));
    sync_device(&devices[0]);
    make_device(3); /* makes it once more, not knowing */
    OK(scenes_seed(devices[3].family, &error));
    everybody(3);
    for (int i = 0; i < DEVICES; i++) {
        OK(scenes_seed(devices[i].family, &error));
        assert_string_equal(home_of(devices[i].family), "");
    }
    everybody(2);
    for (int i = 1; i < DEVICES; i++)
        same(0, i, "fam");
}

#define STAMPED(name, value)                                                                       \
    "\"" name "\":{\"value\":" value ",\"at\":\"2026-03-01T00:00:00Z\",\"dev\":\"export\",\"by\":" \
    "\"anna\"}"

/* What a newer version writes goes round by devices and a server that do not know it. */
static void test_unknown_comes_back_G_S16(void **state)
{
    char id[RAUM_ID_MAX];
    (void)state;
    OK(kit_insert(devices[0].family, "tasks", "{\"title\":\"t\",\"mood\":{\"a\":[1,2]}}", id));
    import_change(
        &devices[0],
        "{\"table\":\"holograms\",\"id\":\"h1\",\"op\":\"insert\",\"spaceId\":\"fam\","
        "\"fields\":{" STAMPED("depth", "{\"x\":1}") "," STAMPED(
            "createdAt",
            "\"2026-03-01T00:00:"
            "00.000Z\"") "," STAMPED("authorId",
                                     "\"anna\"") "," STAMPED("visibility",
                                                             "\"space\"") "," STAMPED("deletedAt",
                                                                                      "null") "}}");
    OK(outgoing_offer_all(devices[0].r, &error));
    everybody(2);
    OK(kit_update(devices[2].family, "tasks", id, "{\"title\":\"bert war hier\"}"));
    everybody(2);
    same(0, 1, "fam");
    same(0, 2, "fam");
    forget_records(); /* all of it comes back from those who never knew what it was */
    everybody(3);
    make_device(3);
    sync_device(&devices[3]);
    same(0, 3, "fam");
    char *all = content(&devices[3], "fam");
    assert_non_null(strstr(all, "+mood="));
    assert_non_null(strstr(all, "holograms h1"));
    free(all);
}

/* Slots of two people in two spaces, claimed, emptied and deleted on every device in any order:
 * one holder a slot on each replica, the same everywhere, other spaces' as they were. */
static void test_slots_in_any_order_G_T10(void **state)
{
    static const char *const names[] = {"avatar", "face-ref"};
    char pictures[3][2][RAUM_ID_MAX], json[300], claim[300], id[RAUM_ID_MAX], row[RAUM_ID_MAX];
    uint64_t seed = 11;
    (void)state;
    for (int i = 0; i < 3; i++)
        for (int k = 0; k < 2; k++)
            OK(kit_insert(devices[i].family, "meImages", "{\"kind\":\"face\"}", pictures[i][k]));
    OK(kit_insert(devices[0].personal, "meImages", "{\"kind\":\"face\"}", id));
    snprintf(json, sizeof json, "{\"slot\":\"avatar\",\"imageId\":\"%s\"}", id);
    OK(kit_insert(devices[0].personal, "meSlots", json, row));
    everybody(2);
    char *before = content(&devices[0], "pa");
    for (int round = 0; round < 80; round++) {
        int i = (int)(kit_random(&seed) % 3);
        const char *slot = names[kit_random(&seed) % 2];
        world.now_ms += (int64_t)(kit_random(&seed) % 2);
        server_world.now_ms = world.now_ms;
        snprintf(row, sizeof row, "%s:%s", devices[i].account, slot);
        const char *picture = pictures[i][kit_random(&seed) % 2];
        snprintf(json, sizeof json, "{\"slot\":\"%s\",\"imageId\":\"%s\"}", slot, picture);
        if (kit_random(&seed) % 4)
            snprintf(claim, sizeof claim, "{\"imageId\":\"%s\"}", picture);
        else
            snprintf(claim, sizeof claim, "{\"imageId\":null}");
        if (kit_insert(devices[i].family, "meSlots", json, id) != 0)
            (void)!kit_update(devices[i].family, "meSlots", row, claim);
        if (kit_random(&seed) % 9 == 0)
            (void)!raum_delete(devices[i].family, "meSlots", row, NULL);
        if (kit_random(&seed) % 3 == 0)
            sync_device(&devices[kit_random(&seed) % 3]);
    }
    everybody(3);
    same(0, 1, "fam");
    same(0, 2, "fam");
    for (int i = 0; i < 3; i++)
        assert_string_equal(kit_rows(devices[i].family,
                                     "SELECT count(*) FROM (SELECT person, slot FROM meSlots WHERE "
                                     "imageId IS NOT NULL GROUP BY person, slot HAVING count(*) > "
                                     "1)"),
                            "0");
    char *after = content(&devices[0], "pa");
    assert_string_equal(before, after);
    free(before);
    free(after);
}

/* A row as a replayed import has it: every field from one device, at one time. */
static void import(struct device *d, const char *space, const char *id, const char *field,
                   const char *value)
{
    static const char *const fields[][2] = {
        {"createdAt", "\"2026-03-01T00:00:00.000Z\""},
        {"authorId", "\"anna\""},
        {"visibility", "\"space\""},
        {"deletedAt", "null"},
        {"title", "\"t\""},
        {"description", "null"},
        {"isCompleted", "false"},
        {"dueDate", "null"},
        {"priority", "null"},
        {"sortOrder", "0"},
    };
    struct buf text;
    buf_init(&text, 1 << 20);
    buf_printf(&text,
               "{\"table\":\"tasks\",\"id\":\"%s\",\"op\":\"update\",\"spaceId\":\"%s\","
               "\"fields\":{",
               id, space);
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++)
        buf_printf(&text,
                   "%s\"%s\":{\"value\":%s,\"at\":\"2026-03-01T00:00:00Z\",\"dev\":\"export\","
                   "\"by\":\"anna\"}",
                   i ? "," : "", fields[i][0],
                   strcmp(field, fields[i][0]) == 0 ? value : fields[i][1]);
    buf_str(&text, "}}");
    import_change(d, buf_text(&text));
    buf_release(&text);
}

/* Two devices took in the same export, which somebody altered in between: one write, two values.
 * Both devices, the server and a fresh device come to the same, sealed or not (docs/sync.md, 4). */
static void test_altered_import_G_U3_G_S8(void **state)
{
    static const char *const values[][3] = {
        {"title", "\"a\"", "\"a \""},     {"title", "\"a\"", "\"b\""},
        {"title", "\"ä\"", "\"a\\\"\""},  {"title", "\"\"", "null"},
        {"title", "\"x\\ny\"", "\"x!\""}, {"title", "\"long and longer\"", "\"long\""},
        {"isCompleted", "true", "false"}, {"sortOrder", "10", "9"},
        {"sortOrder", "-1.5", "256"},     {"sortOrder", "null", "0"},
        {"priority", "{\"a\":1}", "[]"},  {"priority", "\"high\"", "2"},
        {"dueDate", "null", "\"2026\""},
    };
    (void)state;
    for (size_t i = 0; i < sizeof values / sizeof *values; i++)
        for (int turn = 0; turn < 2; turn++)
            for (int k = 0; k < 2; k++) {
                char id[16];
                snprintf(id, sizeof id, "t%zu-%d", i, turn);
                const char *space = k ? "pa" : "fam";
                import(&devices[0], space, id, values[i][0], values[i][1 + turn]);
                import(&devices[1], space, id, values[i][0], values[i][2 - turn]);
            }
    for (int i = 0; i < 2; i++)
        OK(outgoing_offer_all(devices[i].r, &error));
    everybody(3);
    make_device(3);
    devices_share_key(devices[0].r, devices[3].r);
    sync_device(&devices[3]);
    for (int k = 0; k < 2; k++) {
        same(0, 1, k ? "pa" : "fam");
        same(0, 3, k ? "pa" : "fam");
    }
}

/* Words that only a newer version knows travel through an older server and are kept by older
 * devices, who change other fields of the row meanwhile (G-S16). */
static void test_newer_words_G_S16(void **state)
{
    (void)state;
    char garment[RAUM_ID_MAX], outfit[RAUM_ID_MAX];
    OK(kit_insert(devices[0].family, "wardrobeGarments", "{\"name\":\"Badehose\"}", garment));
    OK(kit_insert(devices[0].family, "wardrobeOutfits", "{\"name\":\"Strand\"}", outfit));
    kit_raw(devices[0].r, "UPDATE data_wardrobeGarments SET category = 'swimwear' RETURNING 1");
    kit_raw(devices[0].r, "UPDATE data_wardrobeOutfits SET occasion = 'beach', "
                          "season = '[\"summer\",\"monsoon\"]' RETURNING 1");
    everybody(2);
    OK(kit_update(devices[2].family, "wardrobeGarments", garment, "{\"brand\":\"Meer\"}"));
    everybody(2);
    for (int i = 0; i < 3; i++) {
        struct raum_handle *h = devices[i].family;
        assert_string_equal(kit_rows(h, "SELECT category, brand FROM wardrobeGarments"),
                            "swimwear|Meer");
        assert_string_equal(kit_rows(h, "SELECT occasion, season FROM wardrobeOutfits"),
                            "beach|[\"summer\",\"monsoon\"]");
    }
    same(0, 2, "fam");
}

static void test_restored_server_G_O4(void **state)
{
    char id[RAUM_ID_MAX], other[RAUM_ID_MAX];
    (void)state;
    OK(kit_insert(devices[0].family, "tasks", "{\"title\":\"alt\",\"newer\":7}", id));
    everybody(2);
    OK(kit_update(devices[2].family, "tasks", id, "{\"description\":\"von bert\"}"));
    OK(kit_insert(devices[2].family, "tags", "{\"name\":\"seins\"}", other));
    everybody(2);
    forget_records();
    OK(kit_update(devices[2].family, "tasks", id, "{\"title\":\"neu\"}"));
    sync_device(&devices[2]); /* the edit comes before the row: it waits */
    everybody(3);
    same(0, 2, "fam");
    make_device(3); /* complete again from its devices */
    sync_device(&devices[3]);
    same(0, 3, "fam");
    const char *row = kit_get(devices[3].family, "tasks", id, false);
    assert_non_null(strstr(row, "neu"));
    assert_non_null(strstr(row, "von bert"));
    assert_non_null(strstr(row, "\"newer\":7")); /* of a newer version, made with the row */
    assert_string_not_equal(kit_get(devices[3].family, "tags", other, false), "");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, devices_set_up, devices_tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_two_devices_and_a_member_G_S4_G_S8),
        TEST(test_lost_on_the_way_G_S5),
        TEST(test_offline_edits_meet_G_S10_G_S12),
        TEST(test_slots_G_T10),
        TEST(test_private_is_withdrawn_G_T9),
        TEST(test_clock_ahead_G_S9),
        TEST(test_refused_is_parked_G_S6),
        TEST(test_altered_import_G_U3_G_S8),
        TEST(test_edit_while_pulled_G_S12),
        TEST(test_seeds_G_S14),
        TEST(test_unknown_comes_back_G_S16),
        TEST(test_slots_in_any_order_G_T10),
        TEST(test_newer_words_G_S16),
        TEST(test_restored_server_G_O4),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
