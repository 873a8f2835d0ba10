/* The fence in ordinary use: what it shows, what it pushes down, its limits, and that nothing is
 * held longer than it is read (G-T2, G-T3, G-T5, G-K1). */
#include "engine/fence_inside.h"
#include "engine/room.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct room room;

static int set_up(void **state)
{
    (void)state;
    room_open(&room);
    room_fill(&room, 10);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    room_close(&room);
    return 0;
}

static struct fence *the_fence(void)
{
    assert_int_equal(room_count(&room, "SELECT 1"), 1);
    return room.scope->fence;
}

/* ---- what it shows ---- */

static char *all_rows(struct raum_query *q)
{
    struct buf out;
    buf_init(&out, 1 << 22);
    while (raum_query_step(q, &room.error) == 0) {
        for (int i = 0; i < raum_query_columns(q); i++) {
            const char *text = raum_query_text(q, i, NULL);
            buf_printf(&out, "%s:%d:%s|", raum_query_name(q, i), raum_query_type(q, i),
                       text ? text : "");
        }
        buf_char(&out, '\n');
    }
    raum_query_free(q);
    return buf_detach(&out, NULL);
}

/* Each table, each column, in a sealed and in a plain space: the same as through the engine's own
 * view. */
static void test_like_the_views(void **state)
{
    char sql[100];
    (void)state;
    for (int space = 0; space < ROOM_SPACES; space++)
        for (const struct schema_table *t = schema_tables; t->name; t++) {
            struct raum_query *view, *fenced;
            if (t->level != LEVEL_SPACE)
                continue;
            room_use(&room, space);
            snprintf(sql, sizeof sql, "SELECT * FROM %s ORDER BY id", t->name);
            OK(query_view(room.scope, sql, &view, &room.error));
            OK(raum_query_new(room.scope, sql, &fenced, &room.error));
            char *a = all_rows(view), *b = all_rows(fenced);
            assert_string_equal(a ? a : "", b ? b : "");
            free(a);
            free(b);
        }
}

static void test_not_ready(void **state)
{
    struct raum_query *q;
    (void)state;
    the_fence();
    OK(raum_query_new(room.scope, "SELECT 1", &q, &room.error));
    room_use(&room, -1);
    assert_int_equal(room_count(&room, "SELECT 1"), RAUM_ESCOPE_NOT_READY);
    assert_int_equal(raum_query_step(q, &room.error), RAUM_ESCOPE_NOT_READY);
    raum_query_free(q);
}

static void test_functions(void **state)
{
    char expected[RAUM_ID_MAX];
    (void)state;
    for (int i = 0; i < ROOM_SPACES; i++) {
        room_use(&room, i);
        snprintf(expected, sizeof expected, "%s", room.space[i]);
        assert_string_equal(room_ask(&room, "SELECT current_space()"), expected);
        assert_string_equal(
            room_ask(&room, "SELECT count(*) FROM tasks WHERE spaceId = current_space()"), "10");
    }
    assert_string_equal(room_ask(&room, "SELECT current_account()"), "guest");
    assert_string_equal(
        room_ask(&room, "SELECT count(*) FROM tasks WHERE authorId = current_account()"), "10");
}

static const char *const allowed[] = {"abs(1)",
                                      "acos(1)",
                                      "acosh(1)",
                                      "asin(1)",
                                      "asinh(1)",
                                      "atan(1)",
                                      "atan2(1,1)",
                                      "atanh(0)",
                                      "avg(1)",
                                      "ceil(1)",
                                      "ceiling(1)",
                                      "char(65)",
                                      "coalesce(1,2)",
                                      "cos(1)",
                                      "cosh(1)",
                                      "count(1)",
                                      "cume_dist() OVER ()",
                                      "current_date",
                                      "current_time",
                                      "current_timestamp",
                                      "date('now')",
                                      "datetime('now')",
                                      "degrees(1)",
                                      "dense_rank() OVER ()",
                                      "exp(1)",
                                      "first_value(1) OVER ()",
                                      "floor(1)",
                                      "format('x')",
                                      "glob('a','b')",
                                      "group_concat(1)",
                                      "hex(1)",
                                      "ifnull(1,2)",
                                      "iif(1,2,3)",
                                      "instr('a','b')",
                                      "json('[]')",
                                      "json_array(1)",
                                      "json_array_length('[]')",
                                      "json_extract('[]','$')",
                                      "json_group_array(1)",
                                      "json_group_object('a',1)",
                                      "json_insert('[]','$[0]',1)",
                                      "json_object('a',1)",
                                      "json_quote(1)",
                                      "json_remove('[]','$[0]')",
                                      "json_replace('[]','$[0]',1)",
                                      "json_set('[]','$[0]',1)",
                                      "json_type('[]')",
                                      "json_valid('[]')",
                                      "julianday('now')",
                                      "lag(1) OVER ()",
                                      "last_value(1) OVER ()",
                                      "lead(1) OVER ()",
                                      "length(1)",
                                      "like('a','b')",
                                      "likelihood(1,0.5)",
                                      "likely(1)",
                                      "ln(1)",
                                      "log(1)",
                                      "log10(1)",
                                      "log2(1)",
                                      "lower('A')",
                                      "ltrim('a')",
                                      "max(1)",
                                      "min(1)",
                                      "mod(1,1)",
                                      "nth_value(1,1) OVER ()",
                                      "ntile(1) OVER ()",
                                      "nullif(1,2)",
                                      "percent_rank() OVER ()",
                                      "pi()",
                                      "pow(1,1)",
                                      "power(1,1)",
                                      "printf('x')",
                                      "quote(1)",
                                      "radians(1)",
                                      "random()",
                                      "randomblob(1)",
                                      "rank() OVER ()",
                                      "replace('a','b','c')",
                                      "round(1)",
                                      "row_number() OVER ()",
                                      "rtrim('a')",
                                      "sign(1)",
                                      "sin(1)",
                                      "sinh(1)",
                                      "sqrt(1)",
                                      "strftime('%Y','now')",
                                      "substr('a',1)",
                                      "substring('a',1)",
                                      "sum(1)",
                                      "tan(1)",
                                      "tanh(1)",
                                      "time('now')",
                                      "total(1)",
                                      "trim('a')",
                                      "trunc(1)",
                                      "typeof(1)",
                                      "unicode('a')",
                                      "unixepoch('now')",
                                      "unlikely(1)",
                                      "upper('a')",
                                      "zeroblob(1)",
                                      "'[1]' -> 0",
                                      "'[1]' ->> 0",
                                      "'a' LIKE 'b'",
                                      "'a' GLOB 'b'",
                                      "(SELECT value FROM json_each('[1]'))",
                                      "(SELECT max(value) FROM json_tree('[1]'))"};

/* Every function that SQLite has is either on the list and can be called, or is unknown here. */
static void test_function_list(void **state)
{
    char sql[200];
    int unknown = 0;
    sqlite3 *db;
    sqlite3_stmt *list;
    (void)state;
    for (size_t i = 0; i < sizeof allowed / sizeof allowed[0]; i++) {
        snprintf(sql, sizeof sql, "SELECT %s FROM (SELECT 1)", allowed[i]);
        if (room_count(&room, sql) != 1)
            fail_msg("%s: %s", allowed[i], room.error.text);
    }
    assert_int_equal(sqlite3_open(":memory:", &db), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(db, "SELECT DISTINCT name, narg FROM pragma_function_list",
                                        -1, &list, NULL),
                     SQLITE_OK);
    while (sqlite3_step(list) == SQLITE_ROW) {
        const char *name = (const char *)sqlite3_column_text(list, 0);
        bool known = false;
        size_t len = strlen(name);
        for (size_t i = 0; i < sizeof allowed / sizeof allowed[0]; i++)
            known |= strncmp(allowed[i], name, len) == 0 &&
                     !strchr("abcdefghijklmnopqrstuvwxyz_0123456789", allowed[i][len]);
        known |= name[0] == '-' || strncmp(name, "current_", 8) == 0;
        int args = sqlite3_column_int(list, 1);
        snprintf(sql, sizeof sql, "SELECT \"%s\"(%.*s)", name, args > 0 ? 2 * args - 1 : 0,
                 "1,1,1,1,1,1,1,1");
        if (!known) {
            int result = room_count(&room, sql);
            if (result != RAUM_EBAD_SQL)
                fail_msg("%s: %d", sql, result);
            unknown++;
        }
    }
    assert_true(unknown > 20);
    sqlite3_finalize(list);
    sqlite3_close(db);
}

/* ---- what is pushed down ---- */

/* True if a statement on the replica's connection has this text. */
static bool has_inner(const char *text)
{
    sqlite3 *db = room.raum->db->handle;
    for (sqlite3_stmt *s = NULL; (s = sqlite3_next_stmt(db, s));)
        if (strcmp(sqlite3_sql(s), text) == 0)
            return true;
    return false;
}

static int inner_count(void)
{
    sqlite3 *db = room.raum->db->handle;
    int count = 0;
    for (sqlite3_stmt *s = NULL; (s = sqlite3_next_stmt(db, s));)
        count += strncmp(sqlite3_sql(s), "SELECT \"id\"", 11) == 0;
    return count;
}

static void test_pushed_down(void **state)
{
    static const char *const list[][2] = {
        {"SELECT title FROM tasks WHERE id = 'x'",
         "SELECT \"id\", \"spaceId\", \"title\" FROM \"tasks\" WHERE \"id\" = ?1"},
        {"SELECT count(*) FROM tasks", "SELECT \"id\", \"spaceId\" FROM \"tasks\""},
        {"SELECT kind FROM meImages WHERE width > 1 AND width <= 5 AND kind IS 'face' AND height "
         "IS NULL",
         "SELECT \"id\", \"spaceId\", \"kind\", \"width\", \"height\" FROM \"meImages\" WHERE "
         "\"width\" > ?1 AND"
         " \"width\" <= ?2 AND \"kind\" IS ?3 AND \"height\" IS NULL"},
        {"SELECT id FROM meImages ORDER BY createdAt DESC, id",
         "SELECT \"id\", \"spaceId\", \"createdAt\" FROM \"meImages\" ORDER BY \"createdAt\" DESC, "
         "\"id\""},
        {"SELECT id FROM tasks WHERE dueDate = 5",
         "SELECT \"id\", \"spaceId\", \"dueDate\" FROM \"tasks\""},
        {"SELECT id FROM meImages WHERE \"usage.aiReference\" = 1",
         "SELECT \"id\", \"spaceId\", \"usage.aiReference\" FROM \"meImages\" WHERE "
         "\"usage.aiReference\" = ?1"},
        /* sealed and derived columns never */
        {"SELECT id FROM meImages WHERE label = 'x' ORDER BY label",
         "SELECT \"id\", \"spaceId\", \"label\" FROM \"meImages\""},
        {"SELECT id FROM meImages WHERE authorId = 'x' AND updatedAt > 'x' ORDER BY updatedAt",
         "SELECT \"id\", \"spaceId\", \"authorId\", \"updatedAt\" FROM \"meImages\""},
    };
    (void)state;
    for (size_t i = 0; i < sizeof list / sizeof list[0]; i++) {
        assert_true(room_count(&room, list[i][0]) >= 0);
        if (!has_inner(list[i][1]))
            fail_msg("no inner statement %s for %s", list[i][1], list[i][0]);
    }
}

/* A join by id looks each row up; it does not read the table for each row. */
static void test_join_by_id(void **state)
{
    static const char inner[] =
        "SELECT \"id\", \"spaceId\", \"title\" FROM \"tasks\" WHERE \"id\" = ?1";
    (void)state;
    assert_int_equal(
        room_count(&room, "SELECT t.title FROM taskTags x JOIN tasks t ON t.id = x.taskId"), 10);
    assert_true(has_inner(inner));
    assert_int_equal(
        room_count(&room,
                   "SELECT (SELECT t.title FROM tasks t WHERE t.id = x.taskId) FROM taskTags x"),
        10);
}

static void test_inner_statements_are_few(void **state)
{
    char sql[200];
    (void)state;
    for (int i = 0; i < 300; i++) {
        snprintf(sql, sizeof sql, "SELECT %s%s%s%s%s%s%s id FROM meImages WHERE width = 1 %s",
                 i & 1 ? "kind," : "", i & 2 ? "label," : "", i & 4 ? "width," : "",
                 i & 8 ? "height," : "", i & 16 ? "tags," : "", i & 32 ? "mediaId," : "",
                 i & 64 ? "createdAt," : "", i & 128 ? "AND height = 7" : "");
        assert_true(room_count(&room, sql) >= 0);
    }
    assert_in_range(inner_count(), 30, FENCE_INNERS_MAX);
    /* More at once than are kept: the rest lives as long as its cursor. */
    struct buf many;
    buf_init(&many, 20000);
    buf_str(&many, "SELECT 0");
    for (int i = 0; i < 90; i++)
        buf_printf(&many,
                   " + (SELECT count(*) FROM tasks a%d WHERE a%d.id > 'x' AND a%d.sortOrder > %d)",
                   i, i, i, i);
    assert_int_equal(room_count(&room, buf_text(&many)), 1);
    assert_in_range(inner_count(), 30, FENCE_INNERS_MAX);
    buf_release(&many);
}

static uint64_t tables_of(const char *sql)
{
    struct fence *f = the_fence();
    sqlite3_stmt *stmt;
    OK(fence_prepare(f, sql, strlen(sql), &stmt, &room.error));
    uint64_t tables = fence_tables(f, stmt);
    sqlite3_finalize(stmt);
    return tables;
}

static void test_tables(void **state)
{
#define BIT(name) (UINT64_C(1) << schema_table(name)->number)
    (void)state;
    assert_true(tables_of("SELECT 1") == 0);
    assert_true(tables_of("SELECT name FROM wardrobeGarments") == BIT("wardrobeGarments"));
    assert_true(tables_of("SELECT wearCount FROM wardrobeGarments") ==
                (BIT("wardrobeGarments") | BIT("wardrobeWears")));
    assert_true(tables_of("SELECT * FROM wardrobeOutfits") ==
                (BIT("wardrobeOutfits") | BIT("wardrobeWears") | BIT("images")));
    assert_true(tables_of("SELECT count(*) FROM tasks a, tags b") == (BIT("tasks") | BIT("tags")));
    assert_true(
        tables_of("SELECT 1 WHERE EXISTS (SELECT 1 FROM meImages WHERE primaryFor = 'avatar')") ==
        (BIT("meImages") | BIT("meSlots")));
    assert_true(tables_of("WITH x AS (SELECT * FROM tags) SELECT 1 UNION ALL SELECT name FROM x") ==
                BIT("tags"));
}

/* When the handle's tables change, so do the fence's, for statements too that were prepared before.
 */
static void test_tables_follow(void **state)
{
    struct raum_query *q;
    (void)state;
    OK(raum_query_new(room.scope, "SELECT id FROM tasks", &q, &room.error));
    OK(raum_query_step(q, &room.error));
    query_reset(q);
    uint32_t space = room.scope->space;
    room.scope->mode = HANDLE_ACCOUNT; /* what a space without these modules would be */
    room.scope->space = room.raum->user_ref;
    room.scope->generation++;
    assert_int_equal(room_count(&room, "SELECT * FROM tasks"), RAUM_EUNKNOWN_TABLE);
    assert_int_equal(room_count(&room, "SELECT * FROM userSettings"), 0);
    query_reset(q);
    assert_int_equal(raum_query_step(q, &room.error), RAUM_EUNKNOWN_TABLE);
    assert_string_equal(room.error.text, "no such table: tasks");
    room.scope->mode = HANDLE_SCOPE;
    room.scope->space = space;
    room.scope->generation++;
    assert_int_equal(room_count(&room, "SELECT * FROM tasks"), 10);
    assert_int_equal(room_count(&room, "SELECT * FROM userSettings"), RAUM_EUNKNOWN_TABLE);
    query_reset(q);
    OK(raum_query_step(q, &room.error));
    raum_query_free(q);
}

/* ---- limits ---- */

static int64_t frozen_now(void *ctx)
{
    (void)ctx;
    return 1700000000000;
}

static int64_t leaping_now(void *ctx) /* back an hour at each look */
{
    static int64_t now = 1700000000000;
    (void)ctx;
    return now -= 3600000;
}

static void test_limits(void **state)
{
    struct fence *f = the_fence();
    struct fence_limits limits = fence_defaults;
    (void)state;
    limits.rows = 5;
    fence_set_limits(f, &limits);
    assert_int_equal(room_count(&room, "SELECT id FROM tasks LIMIT 5"), 5);
    assert_int_equal(room_count(&room, "SELECT id FROM tasks"), RAUM_ELIMIT);
    assert_string_equal(room.error.text, "stopped: more than 5 rows");
    limits = fence_defaults;
    limits.length = 1000;
    fence_set_limits(f, &limits);
    assert_int_equal(room_count(&room, "SELECT zeroblob(1000)"), 1);
    assert_int_equal(room_count(&room, "SELECT zeroblob(1001)"), RAUM_ELIMIT);
    assert_int_equal(room_count(&room, "SELECT replace(zeroblob(10), x'00', zeroblob(101))"),
                     RAUM_ELIMIT);
    assert_string_equal(room.error.text, "stopped: a value or text of more than 1000 bytes");
    limits = fence_defaults;
    limits.heap_bytes = 4 << 20;
    fence_set_limits(f, &limits);
    assert_int_equal(
        room_count(&room,
                   "WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c WHERE i < 50000)"
                   " SELECT count(DISTINCT hex(randomblob(200))) FROM c"),
        RAUM_ELIMIT);
    assert_string_equal(room.error.text, "stopped: more than 4194304 bytes of memory");
    assert_int_equal(room_count(&room, "SELECT count(*) FROM tasks"), 1);
    fence_set_limits(f, &fence_defaults);
}

/* Clocks of simulations may stand still, and clocks of machines be put back: it ends all the same.
 */
static void test_clocks(void **state)
{
    static const char endless[] =
        "WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c) SELECT count(*) FROM c";
    const struct raum_env *before = room.raum->env;
    struct raum_env env = *before;
    struct fence_limits limits = fence_defaults;
    (void)state;
    limits.looks = 20000;
    fence_set_limits(the_fence(), &limits);
    env.now_ms = frozen_now;
    room.raum->env = &env;
    assert_int_equal(room_count(&room, endless), RAUM_ELIMIT);
    env.now_ms = leaping_now;
    assert_int_equal(room_count(&room, endless), RAUM_ELIMIT);
    room.raum->env = before;
    fence_set_limits(room.scope->fence, &fence_defaults);
}

/* ---- one snapshot, and nobody in the way ---- */

static void insert_task(struct raum_handle *h, const char *id)
{
    char json[100], made[RAUM_ID_MAX];
    snprintf(json, sizeof json, "{\"id\":\"%s\",\"title\":\"x\"}", id);
    OK(raum_insert(h, "tasks", json, strlen(json), made, &room.error));
}

static void test_snapshot(void **state)
{
    struct raum *other;
    struct raum_handle *theirs;
    struct raum_query *q;
    int rows = 1;
    (void)state;
    room_again(&room, &other);
    OK(raum_scope_new(other, &theirs, &room.error));
    OK(raum_scope_set(theirs, room.space[1], &room.error));
    OK(raum_query_new(
        room.scope,
        "SELECT a.id, (SELECT count(*) FROM tasks b WHERE b.id >= '' AND b.title >= a.kind)"
        " FROM meImages a UNION ALL SELECT id, 0 FROM tasks",
        &q, &room.error));
    OK(raum_query_step(q, &room.error));
    insert_task(theirs, "theirs");
    while (raum_query_step(q, &room.error) == 0) {
        rows++;
        assert_string_not_equal(raum_query_text(q, 0, NULL), "theirs");
        assert_true(raum_query_int(q, 1) == 10 || raum_query_int(q, 1) == 0);
    }
    assert_int_equal(rows, 20);
    query_reset(q);
    rows = 0;
    while (raum_query_step(q, &room.error) == 0)
        rows++;
    assert_int_equal(rows, 21);
    raum_query_free(q);
    raum_close(other);
}

static bool reading(void)
{
    return sqlite3_txn_state(room.raum->db->handle, "main") != SQLITE_TXN_NONE;
}

/* A statement in mid-step does not keep its own process from writing, and lets go when it ends. */
static void test_writing_meanwhile(void **state)
{
    struct raum_query *q, *p;
    char id[20];
    int rows = 0;
    (void)state;
    OK(raum_query_new(room.scope, "SELECT id FROM tasks ORDER BY title", &q, &room.error));
    OK(raum_query_new(room.scope, "SELECT id FROM tags", &p, &room.error));
    while (raum_query_step(q, &room.error) == 0) {
        snprintf(id, sizeof id, "new-%d", rows++);
        insert_task(room.scope, id);
        query_reset(p);
        OK(raum_query_step(p, &room.error)); /* several at once */
        assert_true(rows < 100);
    }
    assert_true(reading()); /* p is */
    query_reset(p);
    assert_false(reading());
    assert_true(raum_query_step(p, &room.error) == 0 && reading());
    raum_query_free(q);
    raum_query_free(p);
    assert_false(reading());
    sqlite3_stmt *stmt; /* also when an owner only finalizes */
    OK(fence_prepare(room.scope->fence, "SELECT id FROM tasks", 20, &stmt, &room.error));
    OK(fence_step(room.scope->fence, stmt, &room.error));
    assert_true(reading());
    sqlite3_finalize(stmt);
    assert_false(reading());
    assert_int_equal(room_count(&room, "SELECT 1 / 0, abs(-9223372036854775808) FROM tasks"),
                     RAUM_EBAD_SQL);
    assert_false(reading());
}

static void test_bindings(void **state)
{
    struct raum_query *q;
    char id[40];
    (void)state;
    snprintf(id, sizeof id, "%s-t3", room_marks[1]);
    OK(raum_query_new(room.scope, "SELECT title FROM tasks WHERE id = ?1 OR sortOrder > ?2", &q,
                      &room.error));
    OK(raum_query_bind_text(q, 1, id, strlen(id)));
    OK(raum_query_bind_real(q, 2, 100.5));
    OK(raum_query_step(q, &room.error));
    assert_true(strstr(raum_query_text(q, 0, NULL), "Task 3") != NULL);
    assert_int_equal(raum_query_step(q, &room.error), RAUM_END);
    query_reset(q);
    OK(raum_query_bind_int(q, 2, 0));
    for (int i = 0; i < 10; i++)
        OK(raum_query_step(q, &room.error));
    assert_int_equal(raum_query_step(q, &room.error), RAUM_END);
    assert_int_equal(raum_query_bind_int(q, 3, 0), RAUM_EUSAGE);
    raum_query_free(q);
}

/* G-K1: sorting much does not write opened values into temporary files. */
static void test_no_files(void **state)
{
    (void)state;
    the_fence();
    sqlite3_stmt *stmt;
    room.scope->fence->building = true; /* the fence's own question */
    assert_int_equal(
        sqlite3_prepare_v2(room.scope->fence->memory, "PRAGMA temp_store", -1, &stmt, NULL),
        SQLITE_OK);
    assert_int_equal(sqlite3_step(stmt), SQLITE_ROW);
    assert_int_equal(sqlite3_column_int(stmt, 0), 2);
    sqlite3_finalize(stmt);
    room.scope->fence->building = false;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_like_the_views, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_not_ready, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_functions, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_function_list, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_pushed_down, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_join_by_id, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_inner_statements_are_few, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_tables, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_tables_follow, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_limits, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_clocks, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_snapshot, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_writing_meanwhile, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_bindings, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_no_files, set_up, tear_down),
    };
    return cmocka_run_group_tests_name("fence", tests, NULL, NULL);
}
