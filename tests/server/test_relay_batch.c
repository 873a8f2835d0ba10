/* Many changes at once on both databases: a later change of a record sees the earlier ones, what is
 * refused leaves no trace (G-S6), a device is not sent what it has just told, nothing grows without
 * end (G-O3), and what is kept for a month goes after a month. */
#include "server/kit.h"

#include "base/clock.h"
#include "server/relay/relay.h"

static struct kit kit;
static struct relay *relay;
static struct arena arena;
static struct json_doc doc;
static int64_t now = INT64_C(1775030400000);
static struct relay_exchange x;
static struct relay_page page;
static struct raum_env env;

static int64_t fixed_now(void *ctx)
{
    (void)ctx;
    return now;
}

/* On PostgreSQL rows of the relay are seen through a partition only. */
static const char *partition = "fam";

static void run_sql(const char *sql)
{
    KIT_OK(&kit, sql_scope(kit.sql, "partition", partition, &kit.error));
    KIT_OK(&kit, sql_run(kit.sql, &kit.error, sql, ""));
}

static int64_t number_of(const char *sql)
{
    struct sql_rows *rows;
    KIT_OK(&kit, sql_scope(kit.sql, "partition", partition, &kit.error));
    KIT_OK(&kit, sql_one(kit.sql, &rows, &kit.error, sql, ""));
    int64_t n = sql_int(rows, "n");
    sql_rows_free(rows);
    return n;
}

static int set_up(void **state)
{
    (void)state;
    env = *raum_env_native();
    env.now_ms = fixed_now;
    kit_open(&kit);
    run_sql("INSERT INTO accounts (id, name, email, email_verified, created, updated) VALUES "
            "('anna', 'a', 'a', 1, 0, 0), ('bert', 'b', 'b', 1, 0, 0)");
    run_sql("INSERT INTO spaces (id, name, slug, type, created) VALUES ('fam', 'F', 'fam', "
            "'family', 1), ('club', 'C', 'club', 'club', 2)");
    run_sql("INSERT INTO members (id, space, account, role, created) VALUES ('1', 'fam', 'anna', "
            "'owner', 1), ('2', 'fam', 'bert', 'member', 1), ('3', 'club', 'anna', 'owner', 1)");
    KIT_OK(&kit, relay_new(&relay, kit.sql, &env, &kit.error));
    arena_init(&arena, 256u << 20);
    json_init(&doc);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    relay_free(relay);
    arena_release(&arena);
    json_release(&doc);
    kit_close(&kit);
    return 0;
}

/* ---- in short ---- */

static void push_since(const char *account, const char *since, const char *changes)
{
    struct relay_caller who = {.account = account, .client = "phone"};
    char *text = arena_printf(&arena, "{\"clientId\":\"phone\",\"since\":\"%s\",\"changes\":[%s]}",
                              since, changes);
    assert_non_null(text);
    KIT_OK(&kit, json_parse(&doc, text, strlen(text), 0, &kit.error));
    KIT_OK(&kit, relay_exchange_read(&x, &who, &doc, &arena, &kit.error));
    KIT_OK(&kit, relay_exchange_push(relay, &x, &arena, &kit.error));
}

static void push(const char *changes)
{
    push_since("anna", "", changes);
}

static void expect(uint32_t index, enum wire_status status, int code)
{
    if (x.results[index].status != status || x.results[index].code != code)
        fail_msg("change %u: %s %s", index, wire_status_name(x.results[index].status),
                 x.results[index].code ? raum_code_name(x.results[index].code) : "");
}

static const char *change(const char *op, const char *table, const char *id, const char *fields)
{
    return arena_printf(&arena,
                        "{\"table\":\"%s\",\"id\":\"%s\",\"op\":\"%s\",\"spaceId\":\"fam\","
                        "\"fields\":{%s}}",
                        table, id, op, fields);
}

static const char *field(const char *name, const char *value, int ms)
{
    char at[CLOCK_TEXT];
    clock_format(clock_at(now + ms, 0), at);
    return arena_printf(&arena, "\"%s\":{\"value\":%s,\"at\":\"%s\"}", name, value, at);
}

static const char *join(const char *a, const char *b)
{
    return arena_printf(&arena, "%s,%s", a, b);
}

static const char *pull(const char *account, const char *since)
{
    struct relay_caller who = {.account = account, .client = "reader"};
    KIT_OK(&kit, relay_pull(relay, &who, since, NULL, &arena, &page, &kit.error));
    return page.answer.until;
}

static const char *value_of(const char *id, const char *name)
{
    for (uint32_t i = 0; i < page.answer.change_count; i++) {
        const struct wire_change *c = &page.answer.changes[i];
        for (uint32_t k = 0; k < c->count && strcmp(c->id, id) == 0; k++)
            if (strcmp(c->fields[k].name, name) == 0)
                return arena_copy(&arena, c->fields[k].value, c->fields[k].len);
    }
    return "";
}

/* What the partition says of itself is what lies there. */
static void counts_are_true(void)
{
    assert_int_equal(number_of("SELECT records AS n FROM partitions WHERE id = 'fam'"),
                     number_of("SELECT count(*) AS n FROM records r JOIN partitions p ON p.ref = "
                               "r.part WHERE p.id = 'fam'"));
    assert_int_equal(number_of("SELECT bytes AS n FROM partitions WHERE id = 'fam'"),
                     number_of("SELECT coalesce(sum(length(body)), 0) AS n FROM records r JOIN "
                               "partitions p ON p.ref = r.part WHERE p.id = 'fam'"));
}

/* ---- tests ---- */

static void test_later_sees_earlier(void **state)
{
    (void)state;
    const char *list = change("insert", "tasks", "t", field("title", "\"a\"", 0));
    list = join(list, change("update", "tasks", "t", field("title", "\"b\"", 1)));
    list = join(list, change("update", "tasks", "t", field("title", "\"old\"", -5)));
    list = join(list, change("update", "tasks", "t", field("title", "\"b\"", 1)));
    list = join(list, change("update", "tasks", "t", field("priority", "\"high\"", 2)));
    list = join(list, change("update", "tasks", "t", field("authorId", "\"bert\"", 3)));
    list = join(list, change("update", "tasks", "nobody", field("title", "\"x\"", 3)));
    push(list);
    expect(0, WIRE_APPLIED, 0);
    expect(1, WIRE_APPLIED, 0);
    expect(2, WIRE_STALE, 0);
    expect(3, WIRE_DUPLICATE, 0);
    expect(4, WIRE_APPLIED, 0);
    expect(5, WIRE_REJECTED, RAUM_EIMMUTABLE_FIELD);
    expect(6, WIRE_REJECTED, RAUM_ENOT_FOUND);
    pull("bert", NULL);
    assert_int_equal(page.answer.change_count, 1);
    assert_string_equal(value_of("t", "title"), "\"b\"");
    assert_string_equal(value_of("t", "priority"), "\"high\"");
    assert_string_equal(value_of("t", "authorId"), "\"anna\"");
    /* Three places in the order of commits, the record at the last; what was overwritten is kept.
     */
    assert_int_equal(number_of("SELECT seq AS n FROM partitions WHERE id = 'fam'"), 3);
    assert_int_equal(number_of("SELECT seq AS n FROM records"), 3);
    assert_int_equal(number_of("SELECT count(*) AS n FROM history"), 1);
    assert_int_equal(number_of("SELECT seq AS n FROM history"), 2);
    counts_are_true();
}

/* Refused after a field of it was merged: the fields before it are not there either. */
static void test_refused_whole_G_S6(void **state)
{
    (void)state;
    push(change("insert", "tasks", "t", field("title", "\"a\"", 0)));
    push(join(change("update", "tasks", "t",
                     join(field("title", "\"b\"", 5), field("visibility", "\"public\"", 5))),
              change("update", "tasks", "t", field("priority", "\"low\"", 6))));
    expect(0, WIRE_REJECTED, RAUM_EBAD_CHANGE);
    expect(1, WIRE_APPLIED, 0);
    push_since("bert", "",
               join(change("update", "tasks", "t",
                           join(field("description", "\"mine\"", 7),
                                field("visibility", "\"private\"", 7))),
                    change("update", "tasks", "t", field("title", "\"c\"", 8))));
    expect(0, WIRE_REJECTED, RAUM_ENOT_ALLOWED); /* another's visibility (G-T12) */
    expect(1, WIRE_APPLIED, 0);
    pull("anna", NULL);
    assert_string_equal(value_of("t", "title"), "\"c\"");
    assert_string_equal(value_of("t", "priority"), "\"low\"");
    assert_string_equal(value_of("t", "description"), "");
    counts_are_true();
}

/* A picture that comes in the same request as the slot that holds it, and one of somebody else. */
static void test_picture_of_the_batch(void **state)
{
    (void)state;
    const char *mine = join(field("kind", "\"face\"", 0), field("mediaId", "\"m1\"", 0));
    push_since("bert", "", change("insert", "meImages", "pb", mine));
    expect(0, WIRE_APPLIED, 0);
    const char *list = change("insert", "meImages", "pa", mine);
    list = join(list, change("insert", "meSlots", "anna:avatar",
                             join(field("slot", "\"avatar\"", 1), field("imageId", "\"pa\"", 1))));
    list =
        join(list, change("insert", "meSlots", "anna:face-ref",
                          join(field("slot", "\"face-ref\"", 1), field("imageId", "\"pb\"", 1))));
    push(list);
    expect(0, WIRE_APPLIED, 0);
    expect(1, WIRE_APPLIED, 0);
    assert_int_equal(x.results[2].status, WIRE_REJECTED);
    assert_int_equal(number_of("SELECT count(*) AS n FROM records"), 3);
}

/* More than a batch holds, each record twice, far apart. */
static void test_many(void **state)
{
    (void)state;
    struct buf list;
    buf_init(&list, 4u << 20);
    for (int round = 0; round < 2; round++)
        for (int i = 0; i < 333; i++) {
            char id[16], title[32];
            snprintf(id, sizeof id, "t%d", i);
            snprintf(title, sizeof title, "\"title %d\"", i * 2 + round);
            buf_printf(
                &list, "%s%s", list.len ? "," : "",
                change(round ? "update" : "insert", "tasks", id, field("title", title, round)));
        }
    push(buf_text(&list));
    buf_release(&list);
    for (uint32_t i = 0; i < 666; i++)
        expect(i, WIRE_APPLIED, 0);
    pull("bert", NULL);
    assert_int_equal(page.answer.change_count, 333);
    assert_string_equal(value_of("t332", "title"), "\"title 665\"");
    assert_int_equal(number_of("SELECT count(*) AS n FROM history"), 333);
    counts_are_true();
}

/* ---- what a device has just told ---- */

static uint32_t heard(const char *since, const char *changes, const char **until)
{
    struct buf json;
    struct json_doc answer;
    buf_init(&json, 4u << 20);
    json_init(&answer);
    push_since("anna", since, changes);
    KIT_OK(&kit, relay_exchange_answer(relay, &x, NULL, &arena, &json, &kit.error));
    KIT_OK(&kit, json_parse(&answer, json.data, json.len, 0, &kit.error));
    uint32_t n = json_count(json_get(json_root(&answer), "serverChanges"));
    *until = json_str(json_get(json_root(&answer), "syncedUntil"), &arena);
    json_release(&answer);
    buf_release(&json);
    return n;
}

static const char *whole(const char *id, const char *title, int ms)
{
    const char *rest = join(field("visibility", "\"space\"", ms),
                            field("createdAt", "\"2026-04-01T08:00:00.000Z\"", ms));
    rest = join(rest, field("authorId", "\"anna\"", ms));
    return change("insert", "tasks", id, join(field("title", title, ms), rest));
}

static void test_own_is_not_sent_back(void **state)
{
    (void)state;
    const char *cursor = "", *before;
    assert_int_equal(heard(cursor, whole("a", "\"1\"", 0), &cursor), 0);
    assert_int_equal(
        heard(cursor, change("update", "tasks", "a", field("title", "\"2\"", 1)), &cursor), 0);
    /* It knows it all: nothing is behind its cursor. */
    pull("anna", cursor);
    assert_int_equal(page.answer.change_count, 0);
    before = cursor;
    push_since("bert", "", change("update", "tasks", "a", field("priority", "\"low\"", 2)));
    /* Somebody wrote in between: all of it is sent, the own with it (G-S2). */
    assert_int_equal(heard(before, whole("b", "\"1\"", 3), &cursor), 2);
    /* A device that lost its answer stands before its own write, and is sent it (G-S5, G-S7). */
    assert_int_equal(heard(cursor, whole("c", "\"1\"", 4), &before), 0);
    assert_int_equal(heard(cursor, whole("c", "\"1\"", 4), &before), 1);
    assert_int_equal(heard("", whole("d", "\"1\"", 5), &cursor), 4);
    /* What the server filled in, the device does not have yet. */
    assert_int_equal(
        heard(cursor, change("insert", "tasks", "e", field("title", "\"1\"", 6)), &cursor), 1);
    assert_int_equal(heard(cursor,
                           "{\"table\":\"tasks\",\"id\":\"e\",\"op\":\"update\",\"spaceId\":"
                           "\"fam\",\"data\":{\"title\":\"plain\"}}",
                           &cursor),
                     1);
    assert_int_equal(heard(cursor,
                           "{\"table\":\"tasks\",\"id\":\"e\",\"op\":\"delete\",\"spaceId\":"
                           "\"fam\"}",
                           &cursor),
                     1);
    /* The others are sent everything. */
    pull("bert", NULL);
    assert_int_equal(page.answer.change_count, 5);
}

/* ---- bounds ---- */

static void test_record_too_large_G_O3(void **state)
{
    (void)state;
    size_t len = RELAY_RECORD_MAX - 2000;
    char *text = arena_alloc(&arena, len + 3);
    assert_non_null(text);
    memset(text, 'x', len + 2);
    text[0] = text[len + 1] = '"';
    text[len + 2] = '\0';
    push(join(change("insert", "tasks", "t", field("fromTheFuture", text, 0)),
              change("update", "tasks", "t", field("alsoNew", "\"small\"", 1))));
    expect(0, WIRE_APPLIED, 0);
    expect(1, WIRE_APPLIED, 0);
    text[2002] = '\0';
    text[2001] = '"';
    push(join(change("update", "tasks", "t", field("third", text, 2)),
              change("update", "tasks", "t", field("alsoNew", "\"other\"", 3))));
    expect(0, WIRE_REJECTED, RAUM_ETOO_LARGE);
    expect(1, WIRE_APPLIED, 0);
    counts_are_true();
}

static void test_partition_full_G_O3(void **state)
{
    (void)state;
    char text[200];
    push(join(change("insert", "tasks", "a", field("title", "\"a\"", 0)),
              change("insert", "tasks", "b", field("title", "\"b\"", 0))));
    snprintf(text, sizeof text, "UPDATE partitions SET records = %lld WHERE id = 'fam'",
             (long long)RELAY_PART_RECORDS_MAX - 1);
    run_sql(text);
    push(join(change("insert", "tasks", "c", field("title", "\"c\"", 0)),
              change("insert", "tasks", "d", field("title", "\"d\"", 0))));
    expect(0, WIRE_APPLIED, 0);
    expect(1, WIRE_REJECTED, RAUM_ELIMIT);
    push(change("update", "tasks", "a", field("title", "\"still\"", 1)));
    expect(0, WIRE_APPLIED, 0);
    snprintf(text, sizeof text, "UPDATE partitions SET bytes = %lld, records = 3 WHERE id = 'fam'",
             (long long)RELAY_PART_BYTES_MAX);
    run_sql(text);
    push(join(change("update", "tasks", "a", field("title", "\"much longer than before\"", 2)),
              join(change("update", "tasks", "a", field("title", "\"less\"", 3)),
                   change("delete", "tasks", "b",
                          field("deletedAt", "\"2026-04-01T08:00:00.000Z\"", 3)))));
    expect(0, WIRE_REJECTED, RAUM_ELIMIT);
    expect(1, WIRE_APPLIED, 0);
    expect(2, WIRE_APPLIED, 0);
    push("{\"table\":\"tasks\",\"id\":\"z\",\"op\":\"insert\",\"spaceId\":\"club\",\"data\":{"
         "\"title\":\"elsewhere\"}}");
    expect(0, WIRE_APPLIED, 0);
}

/* ---- a month ---- */

static void write_some(const char *id, int count, int ms)
{
    struct buf list;
    buf_init(&list, 4u << 20);
    for (int i = 0; i < count; i++) {
        char title[32];
        snprintf(title, sizeof title, "\"%d\"", i);
        buf_printf(&list, "%s%s", list.len ? "," : "",
                   change(i == 0 && ms == 0 ? "insert" : "update", "tasks", id,
                          field("title", title, ms + i)));
    }
    push(buf_text(&list));
    buf_release(&list);
}

static void test_sweep(void **state)
{
    (void)state;
    static const char plain[] = "{\"table\":\"tasks\",\"id\":\"p\",\"op\":\"insert\",\"spaceId\":"
                                "\"club\",\"data\":{\"title\":\"plain\"}}";
    int64_t begun = now;
    write_some("t", 2601, 0); /* more than one statement takes */
    push(plain);
    assert_int_equal(number_of("SELECT count(*) AS n FROM history"), 2600);
    now += RELAY_KEEP_MS - 1000;
    write_some("t", 5, 10000);
    KIT_OK(&kit, relay_sweep(kit.sql, now, &kit.error));
    assert_int_equal(number_of("SELECT count(*) AS n FROM history"), 2605);
    partition = "club";
    assert_int_equal(number_of("SELECT count(*) AS n FROM receipts"), 1);
    now += 2000;
    KIT_OK(&kit, relay_sweep(kit.sql, now, &kit.error));
    assert_int_equal(number_of("SELECT count(*) AS n FROM receipts"), 0);
    partition = "fam";
    assert_int_equal(number_of("SELECT count(*) AS n FROM history"), 5);
    assert_true(number_of("SELECT count(*) AS n FROM records") > 0);
    now += RELAY_KEEP_MS;
    KIT_OK(&kit, relay_sweep(kit.sql, now, &kit.error));
    assert_int_equal(number_of("SELECT count(*) AS n FROM history"), 0);
    now = begun;
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_later_sees_earlier),   TEST(test_refused_whole_G_S6),
        TEST(test_picture_of_the_batch), TEST(test_many),
        TEST(test_own_is_not_sent_back), TEST(test_record_too_large_G_O3),
        TEST(test_partition_full_G_O3),  TEST(test_sweep),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
