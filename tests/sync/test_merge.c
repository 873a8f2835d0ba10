/* The merge rule: a total order with migration below all (G-U3), and field-level last writer wins
 * that no order of arrival changes (G-S10, G-S8). */
#include "engine/kit.h"
#include "sync/merge.h"

/* ---- the pure rule ---- */

static const uint64_t times[] = {0, 1, UINT64_C(1) << 40, UINT64_MAX};
static const char *const devices[] = {"",           "a",        "ab",   "b", "migration",
                                      "migration2", "migratio", "\xff", "zz"};
#define SIDES (sizeof times / sizeof *times * (sizeof devices / sizeof *devices))

static struct merge_side side(size_t i)
{
    size_t count = sizeof devices / sizeof *devices;
    return (struct merge_side){times[i / count], devices[i % count]};
}

static int sign(int n)
{
    return (n > 0) - (n < 0);
}

static int compare(size_t a, size_t b)
{
    struct merge_side x = side(a), y = side(b);
    return sign(merge_compare(&x, &y));
}

static void test_total_order(void **state)
{
    (void)state;
    for (size_t a = 0; a < SIDES; a++)
        for (size_t b = 0; b < SIDES; b++) {
            assert_int_equal(compare(a, b), -compare(b, a));
            assert_int_equal(compare(a, b) == 0, a == b);
            if (side(a).at != side(b).at) /* time first */
                assert_int_equal(compare(a, b) > 0, side(a).at > side(b).at);
            for (size_t c = 0; c < SIDES; c++)
                if (compare(a, b) <= 0 && compare(b, c) <= 0)
                    assert_true(compare(a, c) <= 0);
        }
}

static void test_migration_is_lowest_G_U3(void **state)
{
    (void)state;
    for (size_t d = 0; d < sizeof devices / sizeof *devices; d++) {
        struct merge_side upgrade = {7, MERGE_MIGRATION}, other = {7, devices[d]};
        int order = merge_compare(&upgrade, &other);
        assert_int_equal(sign(order), strcmp(devices[d], MERGE_MIGRATION) == 0 ? 0 : -1);
    }
    struct merge_side later = {8, MERGE_MIGRATION}, earlier = {7, "zz"};
    assert_true(merge_compare(&later, &earlier) > 0); /* its time is a copied one: it counts */
}

static void test_values(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        size_t len;
    } values[] = {{"", 0}, {"\0", 1}, {"a", 1}, {"a\0", 2}, {"aa", 2}, {"b", 1}, {"\xff", 1}};
    for (size_t a = 0; a < 7; a++)
        for (size_t b = 0; b < 7; b++) {
            int order =
                merge_compare_values(values[a].text, values[a].len, values[b].text, values[b].len);
            assert_int_equal(sign(order), (a > b) - (a < b)); /* the list is in their order */
        }
    assert_int_equal(merge_compare_values(NULL, 0, NULL, 0), 0);
    assert_true(merge_compare_values(NULL, 0, "a", 1) < 0);
}

/* ---- whole rows ---- */

#define REPLICAS 3
#define WRITES 7

static char folder[128];
static struct kit_world world;
static struct raum *replicas[REPLICAS];
static uint64_t seed;

static uint32_t below(uint32_t n)
{
    return (uint32_t)(kit_random(&seed) % n);
}

static int set_up(void **state)
{
    (void)state;
    char path[160];
    kit_folder(folder);
    kit_world_init(&world, 11);
    for (int i = 0; i < REPLICAS; i++) {
        snprintf(path, sizeof path, "%s/%d", folder, i);
        replicas[i] = kit_open(path, i < 2 ? "anna" : "bert", &world.env);
        kit_join(replicas[i], "team", SPACE_TEAM, ROLE_MEMBER);
    }
    const char *given = getenv("RAUM_SEED");
    seed = given ? strtoull(given, NULL, 10) : 5;
    print_message("seed %llu\n", (unsigned long long)seed);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    for (int i = 0; i < REPLICAS; i++)
        raum_close(replicas[i]);
    kit_remove(folder);
    return 0;
}

/* One write that arrives: a row with some fields, from some device, at some time. Few times,
 * devices and values, so that ties of every kind are common. */
struct write {
    bool slot;
    int author, person, device, at, kind, deleted, created, exceptions, extra, extra_at, value_at;
    char text[8];
    bool is_private;
};

static struct write any_write(bool slot)
{
    struct write w = {.slot = slot,
                      .author = (int)below(2),
                      .person = (int)below(2),
                      .device = (int)below(3),
                      .at = (int)below(4),
                      .kind = (int)below(3),
                      .deleted = (int)below(3),
                      .created = (int)below(3),
                      .exceptions = (int)below(4),
                      .extra = (int)below(3),
                      .extra_at = (int)below(4),
                      .value_at = (int)below(4),
                      .is_private = below(4) == 0};
    snprintf(w.text, sizeof w.text, "v%u", below(3));
    return w;
}

/* A device is one account's; two devices of anna's upgrade alike. */
static const char *const people[] = {"anna", "bert"};
static const char *const machines[] = {"d1", "d2", MERGE_MIGRATION};
static const char *const moments[] = {"2020-01-01T00:00:00.000Z", "2021-01-01T00:00:00.000Z",
                                      "2022-01-01T00:00:00.000Z"};

static struct value text_value(const char *text)
{
    return (struct value){.kind = VALUE_TEXT, .len = (uint32_t)strlen(text), .text = text};
}

static struct stamp stamp_of(struct raum *r, const struct write *w, int at)
{
    struct stamp s = {.at = clock_at(1600000000000 + at, 0), .origin = ORIGIN_USER};
    uint32_t account;
    OK(intern_account_ref(r, people[w->device == 1], &account, &error));
    OK(intern_actor_ref(r, account, machines[w->device], "", &s.actor, &error));
    return s;
}

static void arrive(struct raum *r, const struct write *w)
{
    struct arena a;
    char extra[64];
    int changed;
    const struct schema_table *t = schema_table(w->slot ? "meSlots" : "meImages");
    struct row row = {.table = t,
                      .space = intern_space_find(r, "team")->ref,
                      .id = w->slot ? "anna:avatar" : "picture"};
    arena_init(&a, 1 << 20);
    OK(replica_begin(r, &error));
    OK(intern_account_ref(r, people[w->author], &row.author, &error));
    row.values[ROW_VISIBILITY] = text_value(w->is_private ? "private" : "space");
    row.values[ROW_CREATED_AT] = text_value(moments[w->created]);
    if (w->deleted)
        row.values[ROW_DELETED_AT] = text_value(moments[w->deleted]);
    for (int i = ROW_BASE; i < row_count(t); i++) {
        const struct schema_field *f = row_field(t, i);
        uint32_t ref;
        OK(intern_account_ref(r, people[w->slot ? 0 : w->person], &ref, &error));
        if (f->type == TYPE_ACCOUNT)
            row.values[i] = (struct value){.kind = VALUE_INT, .i = ref};
        else if (f->type == TYPE_BOOL || f->type == TYPE_INT)
            row.values[i] = (struct value){.kind = VALUE_INT, .i = w->kind};
        else if (f->type == TYPE_TEXT)
            row.values[i] = text_value(strcmp(f->name, "slot") == 0 ? "avatar" : w->text);
        else
            row.values[i] = text_value("[]");
    }
    row.stamps.row = stamp_of(r, w, w->at);
    for (int i = 0; i < w->exceptions; i++)
        OK(stamps_set(&row.stamps, 8 + i, NULL, 0, stamp_of(r, w, w->value_at), &a));
    if (w->extra) {
        snprintf(extra, sizeof extra, "{\"n%d\":\"%s\"}", w->extra, w->text);
        row.extra = text_value(extra);
        snprintf(extra + 40, 8, "n%d", w->extra);
        OK(stamps_set(&row.stamps, 0, extra + 40, 2, stamp_of(r, w, w->extra_at), &a));
    }
    OK(store_merge(r, &row, below(2), &a, &changed, &error));
    OK(replica_commit(r, &error));
    arena_release(&a);
}

static char *all_of(struct raum *r)
{
    struct buf out;
    buf_init(&out, 1 << 22);
    kit_dump(r, intern_space_find(r, "team")->ref, &out);
    return buf_detach(&out, NULL);
}

static void all_same(char *texts[REPLICAS], int round)
{
    for (int r = 1; r < REPLICAS; r++)
        if (strcmp(texts[0], texts[r]) != 0) {
            size_t at = 0; /* the first difference, with what stands before it */
            while (texts[0][at] == texts[r][at])
                at++;
            at = at > 60 ? at - 60 : 0;
            fail_msg("round %d: replica 0 has …%.160s… and %d has …%.160s…", round, texts[0] + at,
                     r, texts[r] + at);
        }
    for (int r = 0; r < REPLICAS; r++)
        free(texts[r]);
}

static int erase(void *arg, struct row *row, struct raum_error *e)
{
    return row_erase(arg, row, e);
}

static void wipe(struct raum *r)
{
    OK(replica_begin(r, &error));
    OK(row_walk(r, intern_space_find(r, "team")->ref, erase, r, &error));
    OK(replica_commit(r, &error));
}

static void shuffle(int *order, int count)
{
    for (int i = count - 1; i > 0; i--) {
        int j = (int)below((uint32_t)i + 1), kept = order[i];
        order[i] = order[j];
        order[j] = kept;
    }
}

/* Commutative, idempotent: each replica gets all the writes in its own order, some of them twice.
 */
static void test_any_order_G_S10(void **state)
{
    (void)state;
    for (int round = 0; round < 250; round++) {
        struct write writes[WRITES];
        char *texts[REPLICAS];
        for (int i = 0; i < WRITES; i++)
            writes[i] = any_write(round % 4 == 0);
        for (int r = 0; r < REPLICAS; r++) {
            int order[WRITES];
            for (int i = 0; i < WRITES; i++)
                order[i] = i;
            shuffle(order, WRITES);
            wipe(replicas[r]);
            for (int i = 0; i < WRITES; i++) {
                arrive(replicas[r], &writes[order[i]]);
                if (below(3) == 0)
                    arrive(replicas[r], &writes[order[below((uint32_t)i + 1)]]);
            }
            texts[r] = all_of(replicas[r]);
        }
        all_same(texts, round);
    }
}

/* Associative: each replica gets a part of the writes, then they hand each other their rows in any
 * direction. */
static void test_hand_over_G_S10(void **state)
{
    (void)state;
    for (int round = 0; round < 120; round++) {
        char *texts[REPLICAS];
        for (int r = 0; r < REPLICAS; r++)
            wipe(replicas[r]);
        for (int i = 0; i < WRITES; i++) {
            struct write w = any_write(round % 4 == 0);
            w.is_private = false;
            arrive(replicas[below(REPLICAS)], &w);
        }
        for (int i = 0; i < 3; i++) { /* some detours, then once around both ways */
            uint32_t from = below(REPLICAS);
            OK(kit_hand_over(replicas[from], replicas[(from + 1 + below(2)) % REPLICAS], "team",
                             false, &error));
        }
        for (int i = 0; i < 2 * REPLICAS; i++)
            OK(kit_hand_over(replicas[i % REPLICAS], replicas[(i + 1) % REPLICAS], "team", false,
                             &error));
        for (int r = 0; r < REPLICAS; r++)
            texts[r] = all_of(replicas[r]);
        all_same(texts, round);
    }
}

/* Edit and delete race, in both orders, on three replicas: deleted, and the edit is kept for a
 * restore. */
static void test_edit_and_delete_G_S10(void **state)
{
    (void)state;
    for (int first = 0; first < 2; first++) {
        char id[RAUM_ID_MAX];
        struct raum_handle *h[REPLICAS];
        for (int r = 0; r < REPLICAS; r++) {
            wipe(replicas[r]);
            h[r] = kit_scope(replicas[r], "team");
        }
        OK(kit_insert(h[0], "tags", "{\"name\":\"old\"}", id));
        OK(kit_hand_over(replicas[0], replicas[1], "team", false, &error));
        OK(kit_hand_over(replicas[0], replicas[2], "team", false, &error));
        world.now_ms += 10;
        if (first == 0)
            OK(raum_delete(h[0], "tags", id, &error));
        OK(kit_update(h[2], "tags", id, "{\"name\":\"new\"}"));
        world.now_ms += 10;
        if (first == 1)
            OK(raum_delete(h[0], "tags", id, &error));
        for (int i = 0; i < 2 * REPLICAS; i++) {
            int from = first ? i % REPLICAS : (REPLICAS - i % REPLICAS) % REPLICAS;
            OK(kit_hand_over(replicas[from], replicas[(from + (first ? 1 : 2)) % REPLICAS], "team",
                             false, &error));
        }
        for (int r = 0; r < REPLICAS; r++) {
            REFUSED(RAUM_ENOT_FOUND, kit_update(h[r], "tags", id, "{}"));
            assert_non_null(strstr(kit_get(h[r], "tags", id, true), "\"new\""));
        }
        OK(raum_restore(h[1], "tags", id, &error));
        assert_non_null(strstr(kit_get(h[1], "tags", id, false), "\"new\""));
        for (int r = 0; r < REPLICAS; r++)
            raum_handle_free(h[r]);
    }
}

/* A row of a faster clock is edited here: the edit wins there, too (a hybrid clock learns what it
 * overwrites). */
static void test_edit_over_faster_clock_G_S9(void **state)
{
    (void)state;
    char id[RAUM_ID_MAX];
    struct raum_handle *fast = kit_scope(replicas[2], "team"),
                       *slow = kit_scope(replicas[0], "team");
    wipe(replicas[0]);
    wipe(replicas[2]);
    world.now_ms += 120000;
    OK(kit_insert(fast, "tags", "{\"name\":\"theirs\"}", id));
    world.now_ms -= 120000;
    OK(kit_hand_over(replicas[2], replicas[0], "team", false, &error));
    OK(kit_update(slow, "tags", id, "{\"name\":\"mine\"}"));
    OK(kit_hand_over(replicas[2], replicas[0], "team", false, &error));
    assert_non_null(strstr(kit_get(slow, "tags", id, false), "\"mine\""));
    OK(kit_hand_over(replicas[0], replicas[2], "team", false, &error));
    assert_non_null(strstr(kit_get(fast, "tags", id, false), "\"mine\""));
    raum_handle_free(fast);
    raum_handle_free(slow);
}

static void count_events(void *arg, const struct raum_watch_event *event)
{
    ((int *)arg)[event->kind]++;
}

/* What is merged in is seen by whoever watches: a new row, and one that changed. */
static void test_watched(void **state)
{
    (void)state;
    char id[RAUM_ID_MAX];
    int seen[RAUM_WATCH_NOT_READY + 1] = {0};
    struct raum_watch *watch;
    struct raum_handle *theirs = kit_scope(replicas[0], "team"),
                       *mine = kit_scope(replicas[1], "team");
    wipe(replicas[0]);
    wipe(replicas[1]);
    OK(raum_watch_new(mine, "SELECT id, name FROM tags", count_events, seen, &watch, &error));
    OK(raum_poll(replicas[1], &error));
    OK(kit_insert(theirs, "tags", "{\"name\":\"new\"}", id));
    OK(kit_hand_over(replicas[0], replicas[1], "team", false, &error));
    OK(raum_poll(replicas[1], &error));
    assert_int_equal(seen[RAUM_WATCH_INSERT], 1);
    OK(kit_update(theirs, "tags", id, "{\"name\":\"changed\"}"));
    OK(kit_hand_over(replicas[0], replicas[1], "team", false, &error));
    OK(raum_poll(replicas[1], &error));
    assert_int_equal(seen[RAUM_WATCH_UPDATE], 1);
    raum_watch_free(watch);
    raum_handle_free(theirs);
    raum_handle_free(mine);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_watched),
        cmocka_unit_test(test_total_order),
        cmocka_unit_test(test_migration_is_lowest_G_U3),
        cmocka_unit_test(test_values),
        cmocka_unit_test(test_any_order_G_S10),
        cmocka_unit_test(test_hand_over_G_S10),
        cmocka_unit_test(test_edit_and_delete_G_S10),
        cmocka_unit_test(test_edit_over_faster_clock_G_S9),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
