/* Replicas that talk to the relay by their sessions, no socket between them: what is written on one
 * device is on the others, whatever is lost on the way (G-S3 … G-S10, G-S12, G-T9, G-T10). Time,
 * randomness and the network are the test's. */
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
    struct sql_rows *rows;
    OK(sql_one(sql, &rows, &error, "SELECT count(*) AS n FROM records", ""));
    assert_int_equal(sql_int(rows, "n"), 5);
    sql_rows_free(rows);
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
    struct arena a;
    struct json_doc doc;
    struct wire_answer answer;
    struct incoming_report report;
    arena_init(&a, 1 << 20);
    buf_init(&text, 1 << 20);
    json_init(&doc);
    buf_printf(&text,
               "{\"serverChanges\":[{\"table\":\"tasks\",\"id\":\"%s\",\"op\":\"update\","
               "\"spaceId\":\"%s\",\"fields\":{",
               id, space);
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++)
        buf_printf(&text,
                   "%s\"%s\":{\"value\":%s,\"at\":\"2026-03-01T00:00:00Z\",\"dev\":\"export\","
                   "\"by\":\"anna\"}",
                   i ? "," : "", fields[i][0],
                   strcmp(field, fields[i][0]) == 0 ? value : fields[i][1]);
    buf_str(&text, "}}]}");
    OK(json_parse(&doc, buf_text(&text), text.len, 0, &error));
    OK(wire_read_answer(&doc, &a, &answer, &error));
    OK(incoming_apply(d->r, answer.changes, answer.change_count, &report, &error));
    assert_int_equal(report.unknown, 0);
    json_release(&doc);
    buf_release(&text);
    arena_release(&a);
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

static void test_restored_server_G_O4(void **state)
{
    char id[RAUM_ID_MAX], other[RAUM_ID_MAX];
    (void)state;
    OK(kit_insert(devices[0].family, "tasks", "{\"title\":\"alt\",\"newer\":7}", id));
    everybody(2);
    OK(kit_update(devices[2].family, "tasks", id, "{\"description\":\"von bert\"}"));
    OK(kit_insert(devices[2].family, "tags", "{\"name\":\"seins\"}", other));
    everybody(2);
    run("DELETE FROM records"); /* the backup was older than all of it */
    OK(relay_new_epoch(sql, &server_world.env, &error));
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
        TEST(test_restored_server_G_O4),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
