/* Replicas that talk to the relay by their sessions, no socket between them: what is written on one
 * device is on the others, whatever is lost on the way (G-S3 … G-S10, G-S12, G-T9, G-T10). Time,
 * randomness and the network are the test's. */
#include "server/devices.h"

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

static void test_restored_server_G_O4(void **state)
{
    char id[RAUM_ID_MAX], other[RAUM_ID_MAX];
    (void)state;
    OK(kit_insert(devices[0].family, "tasks", "{\"title\":\"alt\"}", id));
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
        TEST(test_restored_server_G_O4),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
