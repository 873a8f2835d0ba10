/* What a device does with what a server says: the space that is active comes first and goes on
 * after a kill, a space that is left and joined again comes whole, events of the stream, notices of
 * conflicts, clocks (G-S3, G-S7, G-S9, G-S15, G-T9). */
#include "engine/conflicts.h"
#include "engine/leave.h"
#include "engine/reconcile.h"
#include "server/devices.h"
#include "sync/outgoing.h"
#include <time.h>

static uint32_t ref_of(int i, const char *space)
{
    const struct space *s = intern_space_find(devices[i].r, space);
    return s ? s->ref : 0;
}

static int64_t rows_of(int i, const char *space)
{
    char sql_text[120];
    snprintf(sql_text, sizeof sql_text, "SELECT count(*) FROM data_tags WHERE space = %u",
             ref_of(i, space));
    return kit_raw(devices[i].r, sql_text);
}

static void fill(struct raum_handle *h, int count)
{
    char id[RAUM_ID_MAX];
    OK(raum_begin(h->raum, &error));
    for (int i = 0; i < count; i++)
        OK(kit_insert(h, "tags", "{\"name\":\"t\"}", id));
    OK(raum_commit(h->raum, &error));
}

static bool coming(int i, const char *space)
{
    bool out = false;
    OK(session_coming(devices[i].r, ref_of(i, space), &out, &error));
    return out;
}

/* ---- what comes first ---- */

static void test_active_space_first_and_resumed(void **state)
{
    const struct space *s;
    (void)state;
    fill(devices[0].family, 2500);
    fill(devices[0].personal, 1500);
    sync_device(&devices[0]);
    make_device(3);
    OK(spaces_use(devices[3].r, "fam", &s, &error));
    int kills = 0;
    uint32_t received = 0;
    while (kills == 0 || coming(3, "fam") || coming(3, "pa")) { /* killed behind each answer */
        (void)sync_turns(&devices[3], 1);
        received += session_counts(devices[3].session)->received;
        if (rows_of(3, "fam") < 2500) {
            assert_int_equal(rows_of(3, "pa"), 0);
            assert_true(coming(3, "fam"));
        }
        if (rows_of(3, "pa") < 1500)
            assert_true(coming(3, "pa"));
        close_device(3);
        make_device(3);
        assert_in_range(++kills, 1, 50);
    }
    assert_true(kills > 4);
    assert_int_equal(received, 4000); /* nothing twice */
    assert_false(coming(3, "fam") || coming(3, "pa"));
    same(0, 3, "fam");
    assert_int_equal(rows_of(3, "pa"), 1500);
}

/* As raum sync does before each round: the list of spaces. */
static void reconcile(int i, bool family, const char *epoch)
{
    const struct reconcile_space list[] = {
        {i == 2 ? "pb" : "pa", "p", "P", SPACE_PERSONAL, ROLE_OWNER},
        {"fam", "fam", "F", SPACE_FAMILY, i == 2 ? ROLE_MEMBER : ROLE_OWNER}};
    OK(reconcile_spaces(devices[i].r, list, family ? 2 : 1, NULL, 0, epoch, NULL, NULL, &error));
    OK(leave_finish(devices[i].r, NULL, NULL, &error));
}

static void test_left_and_joined_again_G_S3(void **state)
{
    (void)state;
    fill(devices[0].family, 1200);
    fill(devices[2].personal, 700);
    everybody(2);
    assert_int_equal(rows_of(2, "fam"), 1200);
    /* Out and in again before the device ever asks: its cursor has seen all of it. */
    reconcile(2, false, "e");
    assert_int_equal(ref_of(2, "fam"), 0);
    assert_int_equal(kit_raw(devices[2].r, "SELECT count(*) FROM data_tags"), 700);
    reconcile(2, true, "e");
    uint32_t before = session_counts(devices[2].session)->received;
    sync_device(&devices[2]);
    same(0, 2, "fam");
    assert_int_equal(session_counts(devices[2].session)->received - before, 1200); /* of it alone */
    assert_false(coming(2, "fam"));
    fill(devices[0].family, 1);
    everybody(1);
    same(0, 2, "fam");
}

static void test_restored_server_erases_nothing_G_O4(void **state)
{
    (void)state;
    fill(devices[2].family, 3);
    everybody(2);
    reconcile(2, true, "e1");
    reconcile(2, false, "e2"); /* its backup is older than the space */
    assert_int_equal(rows_of(2, "fam"), 3);
    assert_int_equal(intern_space_find(devices[2].r, "fam")->role, ROLE_NONE);
    reconcile(2, false, "e2");
    assert_int_equal(rows_of(2, "fam"), 3);
    reconcile(2, true, "e2");
    assert_int_equal(intern_space_find(devices[2].r, "fam")->role, ROLE_MEMBER);
    reconcile(2, false, "e2");
    assert_int_equal(ref_of(2, "fam"), 0);
}

/* ---- events ---- */

static char *since_of(int i)
{
    static char kept[4096];
    struct arena a;
    char *text = NULL;
    arena_init(&a, 1 << 20);
    OK(session_since(devices[i].session, &a, &text, &error));
    snprintf(kept, sizeof kept, "%s", text ? text : "");
    arena_release(&a);
    return kept;
}

static int event(int i, const char *name, const char *data)
{
    err_clear(&error);
    return session_event(devices[i].session, device_world[i]->now_ms, name, data, strlen(data),
                         &error);
}

static void change_event(char *out, size_t size, const char *space, const char *title,
                         const char *until)
{
    snprintf(out, size,
             "{\"app\":\"todo\",\"table\":\"tasks\",\"changes\":[{\"app\":\"todo\",\"table\":"
             "\"tasks\",\"id\":\"row\",\"op\":\"update\",\"spaceId\":\"%s\",\"fields\":{"
             "\"createdAt\":{\"value\":\"2026-01-01T00:00:00.000000000Z\",\"at\":"
             "\"2026-01-01T00:00:00.000000000Z\",\"dev\":\"d\",\"by\":\"anna\"},\"authorId\":{"
             "\"value\":\"anna\",\"at\":\"2026-01-01T00:00:00.000000000Z\",\"dev\":\"d\",\"by\":"
             "\"anna\"},\"title\":{\"value\":\"%s\",\"at\":\"2026-01-01T00:00:01.000000000Z\","
             "\"dev\":\"d\",\"by\":\"anna\"}}}],\"syncedUntil\":\"%s\",\"hasMore\":false}",
             space, title, until);
}

static void test_events_of_the_stream_G_S13(void **state)
{
    char data[2000];
    (void)state;
    OK(event(2, "ready", "{\"epoch\":\"e\"}"));
    assert_true(session_ask_spaces(devices[2].session));
    assert_false(session_ask_spaces(devices[2].session));
    change_event(data, sizeof data, "fam", "Brot", "c1");
    OK(event(2, "changes", data));
    assert_non_null(strstr(kit_get(devices[2].family, "tasks", "row", false), "Brot"));
    assert_string_equal(since_of(2), "c1");
    OK(event(2, "changes", data)); /* twice is once */
    assert_int_equal(session_counts(devices[2].session)->merged, 1);
    OK(event(2, "heartbeat", "{\"serverTime\":\"2026-01-01T00:00:00.000000000Z\"}"));
    OK(event(2, "of a newer server", "{}"));
    OK(event(2, "retract", "{\"table\":\"tasks\",\"id\":\"row\",\"spaceId\":\"fam\"}")); /* G-T9 */
    assert_string_equal(kit_get(devices[2].family, "tasks", "row", true), "");
    /* A space that is not known: nothing is skipped, the list is asked for. */
    change_event(data, sizeof data, "elsewhere", "Neu", "c2");
    OK(event(2, "changes", data));
    assert_true(session_ask_spaces(devices[2].session));
    assert_string_equal(since_of(2), "c1");
    change_event(data, sizeof data, "fam", "Milch", "c3");
    OK(event(2, "changes", data));
    assert_string_equal(since_of(2), "c1");
    sync_device(&devices[2]); /* an answer makes it good */
    assert_string_not_equal(since_of(2), "c1");
    change_event(data, sizeof data, "fam", "Milch", "c4");
    OK(event(2, "changes", data));
    assert_string_equal(since_of(2), "c4");
    OK(event(2, "space-joined", "{\"spaceId\":\"new\"}"));
    assert_true(session_ask_spaces(devices[2].session));
}

static void test_events_that_are_none(void **state)
{
    static const char *const bad[] = {"", "no", "[", "{\"changes\":7}",
                                      "{\"changes\":[],\"hasMore\":2}"};
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_equal(event(2, "changes", bad[i]), RAUM_END);
    assert_int_equal(event(2, "retract", "{}"), RAUM_END);
    assert_int_equal(event(2, "space-left", "[]"), RAUM_END);
    assert_int_equal(event(2, "changes", "{\"changes\":[{}]}"), RAUM_ECORRUPT);
    OK(event(2, "space-left", "{\"spaceId\":\"nobody's\"}"));
    OK(event(2, "space-left", "{\"spaceId\":\"pb\"}")); /* a personal space is never left */
    OK(kit_insert(devices[2].personal, "tags", "{\"name\":\"x\"}", NULL));
    assert_string_equal(since_of(2), "");
}

static int told;

static void tell(void *arg, const struct leave_report *report)
{
    (void)arg;
    assert_string_equal(report->name, "fam");
    assert_int_equal(report->rows, 1);
    told++;
}

static void test_space_left_G_S3(void **state)
{
    (void)state;
    told = 0;
    fill(devices[0].family, 5);
    everybody(2);
    OK(kit_insert(devices[2].family, "tags", "{\"name\":\"ungesendet\"}", NULL));
    session_on_left(devices[2].session, tell, NULL);
    OK(event(2, "space-left", "{\"spaceId\":\"fam\"}"));
    assert_int_equal(told, 1);
    assert_int_equal(ref_of(2, "fam"), 0);
    OK(event(2, "space-left", "{\"spaceId\":\"fam\"}"));
    assert_int_equal(told, 1);
    assert_int_equal(session_counts(devices[2].session)->left, 1);
}

/* A row that is withdrawn while an older answer is on its way does not come back with it. */
static void test_withdrawn_under_way_G_T9(void **state)
{
    char id[RAUM_ID_MAX], data[400];
    struct session_step step;
    struct buf out;
    (void)state;
    OK(kit_insert(devices[0].family, "tasks", "{\"title\":\"Geschenk\"}", id));
    sync_device(&devices[0]);
    session_start(devices[2].session);
    OK(session_next(devices[2].session, world.now_ms, &step, &error));
    buf_init(&out, 16u << 20);
    assert_int_equal(serve(&devices[2], &step, &out), 200);
    OK(kit_update(devices[0].family, "tasks", id, "{\"visibility\":\"private\"}"));
    sync_device(&devices[0]);
    snprintf(data, sizeof data, "{\"table\":\"tasks\",\"id\":\"%s\",\"spaceId\":\"fam\"}", id);
    OK(event(2, "retract", data));
    OK(session_answer(devices[2].session, world.now_ms, 200, 0, buf_text(&out), out.len, &error));
    buf_release(&out);
    sync_device(&devices[2]);
    assert_string_equal(kit_get(devices[2].family, "tasks", id, true), "");
}

/* Another process took news in while an answer was on its way: the older answer moves nothing. */
static void test_cursor_moved_by_another_process(void **state)
{
    struct session_step step;
    struct buf out;
    char data[2000];
    (void)state;
    fill(devices[0].family, 2);
    sync_device(&devices[0]);
    session_start(devices[2].session);
    OK(session_next(devices[2].session, world.now_ms, &step, &error));
    buf_init(&out, 16u << 20);
    assert_int_equal(serve(&devices[2], &step, &out), 200);
    change_event(data, sizeof data, "fam", "Brot", "c9");
    OK(event(2, "changes", data)); /* stands for the other process */
    OK(session_answer(devices[2].session, world.now_ms, 200, 0, buf_text(&out), out.len, &error));
    assert_string_equal(since_of(2), "c9");
    assert_int_equal(rows_of(2, "fam"), 0);
    buf_release(&out);
    sync_device(&devices[2]);
    assert_int_equal(rows_of(2, "fam"), 2);
}

/* ---- conflicts ---- */

static int64_t notices(int i)
{
    int64_t count;
    OK(conflicts_count(devices[i].r, ref_of(i, "fam"), &count, &error));
    return count;
}

static void pull_all_again(int i)
{
    OK(replica_begin(devices[i].r, &error));
    OK(replica_meta_set(devices[i].r, "sync-cursor", NULL, &error));
    OK(replica_commit(devices[i].r, &error));
    sync_device(&devices[i]);
}

static void later(void)
{
    world.now_ms += 1000;
    server_world.now_ms = world.now_ms;
}

struct seen {
    int64_t id;
    char field[40], value[100], by[40];
    int count;
};

static int see(void *arg, const struct conflict *c, struct raum_error *e)
{
    struct seen *s = arg;
    (void)e;
    s->count++;
    s->id = c->id;
    snprintf(s->field, sizeof s->field, "%s", c->field);
    snprintf(s->value, sizeof s->value, "%.*s", (int)c->len, c->value);
    snprintf(s->by, sizeof s->by, "%s", c->by);
    return 0;
}

static void test_notice_shown_restored_dismissed_G_S15(void **state)
{
    char id[RAUM_ID_MAX];
    struct seen s = {0};
    (void)state;
    OK(kit_insert(devices[0].family, "tasks", "{\"title\":\"Brot\"}", id));
    everybody(2);
    later();
    OK(kit_update(devices[2].family, "tasks", id, "{\"title\":\"Milch\"}"));
    everybody(2);
    assert_int_equal(notices(0) + notices(1), 0); /* what it was made with, bert has seen */
    later();
    OK(kit_update(devices[0].family, "tasks", id, "{\"title\":\"Käse\"}"));
    later();
    OK(kit_update(devices[2].family, "tasks", id, "{\"title\":\"Wurst\",\"priority\":\"low\"}"));
    everybody(2);
    assert_int_equal(notices(0), 1);
    assert_int_equal(notices(1), 1); /* it had anna's edit */
    assert_int_equal(notices(2), 0); /* what he wrote last is there */
    OK(conflicts_each(devices[0].r, ref_of(0, "fam"), see, &s, &error));
    assert_string_equal(s.field, "title");
    assert_string_equal(s.value, "\"Käse\"");
    assert_string_equal(s.by, "bert");
    /* Only in its space, and only once. */
    REFUSED(RAUM_ENOT_FOUND, conflicts_restore(devices[0].personal, s.id, &error));
    REFUSED(RAUM_ENOT_FOUND, conflicts_dismiss(devices[0].r, ref_of(0, "pa"), s.id, &error));
    for (int i = 0; i < 3; i++)
        pull_all_again(0);
    assert_int_equal(notices(0), 1);
    later();
    OK(conflicts_restore(devices[0].family, s.id, &error));
    assert_int_equal(notices(0), 0);
    REFUSED(RAUM_ENOT_FOUND, conflicts_restore(devices[0].family, s.id, &error));
    everybody(2);
    same(0, 2, "fam");
    assert_non_null(strstr(kit_get(devices[2].family, "tasks", id, false), "Käse"));
    assert_int_equal(notices(2), 1); /* now his sausage */
    OK(conflicts_dismiss(devices[2].r, ref_of(2, "fam"), 0, &error));
    pull_all_again(2);
    assert_int_equal(notices(2), 0);
    OK(kit_update(devices[0].family, "tasks", id, "{\"title\":\"Brot\"}"));
    later();
    OK(kit_update(devices[2].family, "tasks", id, "{\"title\":\"Brot\"}")); /* the same */
    everybody(2);
    assert_int_equal(notices(0), 0);
    /* A notice goes with its row. */
    later();
    OK(kit_update(devices[0].family, "tasks", id, "{\"description\":\"x\"}"));
    later();
    OK(kit_update(devices[2].family, "tasks", id, "{\"description\":\"y\"}"));
    everybody(2);
    assert_int_equal(notices(0), 1);
    reconcile(0, false, NULL);
    assert_int_equal(kit_raw(devices[0].r, "SELECT count(*) FROM conflicts"), 0);
}

/* Every value is written once, so that a notice names its write. */
struct write {
    char value[24];
    int device;
    bool user, made;
};
static struct write writes[4000];
static int write_count;

static const char *new_value(int device, bool user, bool made)
{
    struct write *w = &writes[write_count++];
    snprintf(w->value, sizeof w->value, "\"v%d\"", write_count);
    w->device = device;
    w->user = user;
    w->made = made;
    return w->value;
}

static int check_notice(void *arg, const struct conflict *c, struct raum_error *e)
{
    int device = *(const int *)arg;
    char value[24];
    (void)e;
    snprintf(value, sizeof value, "%.*s", (int)c->len, c->value);
    for (int i = 0; i < write_count; i++) {
        const struct write *w = &writes[i];
        if (strcmp(w->value, value) != 0)
            continue;
        assert_string_equal(devices[w->device].account, devices[device].account);
        assert_true(w->user && !w->made);
        assert_string_not_equal(c->by, devices[device].account);
        return 0;
    }
    fail_msg("a notice about %s, which nobody wrote", value);
    return 0;
}

/* Random edits by persons and agents on three devices, with replays: each notice is of one's own
 * person's edit, written over by another account; with one account alone there is none. */
static void test_notices_are_only_conflicts_G_S15(void **state)
{
    static const char *const fields[] = {"title", "description"};
    const char *given = getenv("RAUM_SEED");
    uint64_t seed = given ? strtoull(given, NULL, 10) : (uint64_t)time(NULL);
    (void)state;
    printf("seed %llu\n", (unsigned long long)seed);
    char ids[4][RAUM_ID_MAX], json[200];
    int64_t total = 0;
    write_count = 0;
    for (int k = 0; k < 4; k++) {
        snprintf(json, sizeof json, "{\"title\":%s}", new_value(k % 3, true, true));
        OK(kit_insert(devices[k % 3].family, "tasks", json, ids[k]));
    }
    everybody(2);
    for (int step = 0; step < 500; step++) {
        bool alone = step < 150; /* anna's devices only */
        int i = (int)(kit_random(&seed) % (alone ? 2 : 3));
        bool agent = kit_random(&seed) % 4 == 0;
        world.now_ms += (int64_t)(kit_random(&seed) % 50);
        server_world.now_ms = world.now_ms;
        switch (kit_random(&seed) % 8) {
        case 0:
        case 1:
        case 2:
            sync_device(&devices[i]);
            break;
        case 3:
            pull_all_again(i);
            break;
        default:
            OK(raum_handle_agent(devices[i].family, agent ? "helper" : NULL, &error));
            snprintf(json, sizeof json, "{\"%s\":%s}", fields[kit_random(&seed) % 2],
                     new_value(i, !agent, false));
            OK(kit_update(devices[i].family, "tasks", ids[kit_random(&seed) % 4], json));
            OK(raum_handle_agent(devices[i].family, NULL, &error));
        }
        for (int k = 0; k < 3; k++) {
            OK(conflicts_each(devices[k].r, ref_of(k, "fam"), check_notice, &k, &error));
            if (alone)
                assert_int_equal(notices(k), 0);
        }
    }
    everybody(3);
    for (int k = 0; k < 3; k++) {
        OK(conflicts_each(devices[k].r, ref_of(k, "fam"), check_notice, &k, &error));
        total += notices(k);
    }
    assert_true(total > 0); /* else the test sees nothing */
    same(0, 2, "fam");
}

static void test_notices_are_bounded(void **state)
{
    char id[RAUM_ID_MAX], json[100];
    (void)state;
    OK(replica_begin(devices[0].r, &error));
    for (int i = 0; i < CONFLICTS_MAX + 200; i++) {
        snprintf(json, sizeof json, "{\"id\":\"r%d\",\"title\":\"a\"}", i);
        OK(kit_insert(devices[0].family, "tasks", json, id));
        OK(kit_update(devices[0].family, "tasks", id, "{\"title\":\"b\"}"));
    }
    OK(replica_commit(devices[0].r, &error));
    everybody(2);
    later();
    OK(replica_begin(devices[2].r, &error));
    for (int i = 0; i < CONFLICTS_MAX + 200; i++) {
        snprintf(json, sizeof json, "r%d", i);
        OK(kit_update(devices[2].family, "tasks", json, "{\"title\":\"c\"}"));
    }
    OK(replica_commit(devices[2].r, &error));
    everybody(2);
    assert_int_equal(notices(0), CONFLICTS_MAX);
}

/* ---- clocks ---- */

/* A year ahead, told, stamped anew; a retry gives the same. A month behind converges all the same.
 */
static void test_clocks_that_are_wrong_G_S9(void **state)
{
    char id[RAUM_ID_MAX];
    static struct kit_world ahead, behind;
    (void)state;
    OK(kit_insert(devices[0].family, "tasks", "{\"title\":\"start\"}", id));
    everybody(2);
    kit_world_init(&ahead, 77);
    kit_world_init(&behind, 78);
    ahead.now_ms = world.now_ms + INT64_C(365) * 86400000;
    behind.now_ms = world.now_ms - INT64_C(30) * 86400000;
    close_device(1);
    close_device(2);
    device_world[1] = &ahead;
    device_world[2] = &behind;
    make_device(1);
    make_device(2);
    OK(kit_update(devices[1].family, "tasks", id, "{\"title\":\"aus der Zukunft\"}"));
    lose_answers = 1; /* the retry, too */
    sync_device(&devices[1]);
    assert_int_equal(session_counts(devices[1].session)->parked, 0);
    char *one = content(&devices[1], "fam");
    sync_device(&devices[1]);
    char *two = content(&devices[1], "fam");
    assert_string_equal(one, two);
    free(one);
    free(two);
    everybody(1);
    assert_non_null(strstr(kit_get(devices[0].family, "tasks", id, false), "Zukunft"));
    later();
    OK(kit_update(devices[2].family, "tasks", id, "{\"title\":\"von gestern, aber danach\"}"));
    everybody(3);
    for (int i = 0; i < 3; i++)
        assert_non_null(strstr(kit_get(devices[i].family, "tasks", id, false), "gestern"));
    later();
    OK(kit_update(devices[0].family, "tasks", id, "{\"title\":\"zuletzt\"}"));
    everybody(3);
    for (int i = 0; i < 3; i++)
        assert_non_null(strstr(kit_get(devices[i].family, "tasks", id, false), "zuletzt"));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, devices_set_up, devices_tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_active_space_first_and_resumed),
        TEST(test_left_and_joined_again_G_S3),
        TEST(test_restored_server_erases_nothing_G_O4),
        TEST(test_events_of_the_stream_G_S13),
        TEST(test_events_that_are_none),
        TEST(test_space_left_G_S3),
        TEST(test_withdrawn_under_way_G_T9),
        TEST(test_cursor_moved_by_another_process),
        TEST(test_notice_shown_restored_dismissed_G_S15),
        TEST(test_notices_are_only_conflicts_G_S15),
        TEST(test_notices_are_bounded),
        TEST(test_clocks_that_are_wrong_G_S9),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
