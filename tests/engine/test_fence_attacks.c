/* Whatever SQL is given to a handle, nothing but its own space can be named, and nothing hangs
 * (G-T2, G-T3, G-T8, G-T9). Each hole that is known to get round an authorizer alone is tried, and
 * three of them are planted back, to see that the checks below would notice. */
#include "engine/fence_inside.h"
#include "engine/room.h"
#include "engine/sqlgen.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#define STATEMENTS 10000
static struct room room;

static int set_up(void **state)
{
    (void)state;
    room_open(&room);
    room_fill(&room, 12);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    room_close(&room);
    return 0;
}

/* Seconds of a machine that is not slowed down: under valgrind RAUM_SLOW says how much it is. */
static double seconds(void)
{
    struct timespec t;
    const char *slow = getenv("RAUM_SLOW");
    clock_gettime(CLOCK_MONOTONIC, &t);
    return ((double)t.tv_sec + (double)t.tv_nsec / 1e9) / (slow ? strtod(slow, NULL) : 1);
}

static void set_limits(int64_t deadline_ms)
{
    struct fence_limits limits = fence_defaults;
    limits.deadline_ms = deadline_ms;
    assert_true(room_count(&room, "SELECT 1") == 1); /* the fence is made at first use */
    fence_set_limits(room.scope->fence, &limits);
}

/* No text of an error may show what is behind the fence, unless the user wrote it. */
static bool tells(const char *text, const char *sql)
{
    static const char *const hidden[] = {"data_",   "scope_ref", "open_value",
                                         "across_", "raum.db",   "stamps"};
    for (size_t i = 0; i < sizeof hidden / sizeof hidden[0]; i++)
        if (strstr(text, hidden[i]) && !strstr(sql, hidden[i]))
            return true;
    return strstr(text, room.raum->secret) != NULL;
}

/* The marks of other spaces and of private rows of others that a statement shows and does not
 * contain; *result as raum_query_step. */
static unsigned foreign(const char *sql, int space, int *result)
{
    struct raum_query *q;
    room.error.text[0] = '\0';
    *result = raum_query_new(room.scope, sql, &q, &room.error);
    if (*result < 0)
        return 0;
    unsigned seen = room_seen(q, result, &room.error);
    raum_query_free(q);
    return seen & ~(1u << space) & ~room_marks_in(sql, strlen(sql));
}

/* G-T3: what is outside cannot be named. */
static const char *const outside[] = {
    "SELECT * FROM data_meImages",
    "SELECT * FROM main.data_meImages",
    "SELECT * FROM temp.meImages",
    "SELECT * FROM across_meImages",
    "SELECT * FROM spaces",
    "SELECT * FROM accounts",
    "SELECT * FROM keys",
    "SELECT * FROM meta",
    "SELECT * FROM userContext",
    "SELECT * FROM userSettings",
    "WITH meImages AS (SELECT * FROM data_meImages) SELECT * FROM meImages",
    "WITH meImages AS (SELECT * FROM main.data_meImages) SELECT * FROM meImages",
    "WITH meImages(a) AS (SELECT label FROM data_meImages) SELECT a FROM meImages",
    "SELECT id FROM (SELECT 'x' AS id) m FULL JOIN data_meImages USING (id)",
    "SELECT id FROM (SELECT 'x' AS id) m NATURAL FULL JOIN data_meImages",
    "SELECT key_id FROM (SELECT 'x' AS key_id) m FULL JOIN keys USING (key_id)",
    "SELECT 1 FROM (SELECT 'x' AS id) m JOIN data_meImages USING (id)",
    "SELECT n FROM meImages",
    "SELECT space FROM meImages",
    "SELECT stamps FROM meImages",
    "SELECT rowid FROM meImages",
    "SELECT _rowid_ FROM meImages",
    "SELECT scope_ref()",
    "SELECT scope_account()",
    "SELECT open_value(label, id, 265) FROM meImages",
    "SELECT space_id(1), space_id(2)",
    "SELECT account_id(1)",
    "SELECT stamps_time(x'00')",
    "SELECT media_path(1, 'x', 0)",
    "SELECT * FROM sqlite_master",
    "SELECT * FROM sqlite_schema",
    "SELECT * FROM sqlite_temp_master",
    "SELECT * FROM main.sqlite_master",
    "SELECT count(*) FROM sqlite_master",
    "SELECT * FROM sqlite_sequence",
    "SELECT * FROM sqlite_stat1",
    "SELECT * FROM sqlite_stmt",
    "SELECT * FROM dbstat",
    "SELECT * FROM fts5vocab",
    "SELECT * FROM meImages_content",
    "SELECT * FROM pragma_table_info('meImages')",
    "SELECT count(*) FROM pragma_function_list",
    "SELECT * FROM pragma_database_list",
    "SELECT name FROM (SELECT 'x' AS name) FULL JOIN pragma_function_list USING (name)",
    "SELECT file FROM (SELECT 'x' AS file) FULL JOIN pragma_database_list USING (file)",
    "SELECT * FROM bytecode('SELECT 1')",
    "SELECT * FROM tables_used('SELECT 1')",
    "SELECT * FROM generate_series(1, 3)",
    "SELECT * FROM raum",
    "SELECT * FROM raum('tasks')",
    "SELECT load_extension('x')",
    "SELECT fts3_tokenizer('simple')",
    "SELECT fts5(1)",
    "SELECT readfile('/etc/passwd')",
    "SELECT writefile('x', 'y')",
    "SELECT edit('x')",
    "SELECT sqlite_version()",
    "SELECT sqlite_source_id()",
    "SELECT sqlite_compileoption_get(1)",
    "SELECT sqlite_log(1, 'x')",
    "SELECT last_insert_rowid()",
    "SELECT total_changes()",
    "SELECT json_patch('{}', '{}')",
    "SELECT rtreecheck('x')",
    "SELECT highlight(meImages, 0, '', '') FROM meImages",
    "SELECT 'x' MATCH 'y'",
    "SELECT 'x' REGEXP 'y'",
    "SELECT \"label\" FROM tasks", /* not taken for a text */
};

static void test_names(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof outside / sizeof outside[0]; i++) {
        int result = room_count(&room, outside[i]);
        if (result >= 0)
            fail_msg("not refused: %s", outside[i]);
        if (result != RAUM_EBAD_SQL && result != RAUM_EUNKNOWN_TABLE)
            fail_msg("%s: %s", raum_code_name(result), outside[i]);
        if (tells(room.error.text, outside[i]))
            fail_msg("%s tells: %s", outside[i], room.error.text);
    }
    /* A message repeats names that the user wrote, and no others. */
    assert_int_equal(room_count(&room, "SELECT * FROM no_such"), RAUM_EUNKNOWN_TABLE);
    assert_string_equal(room.error.text, "no such table: no_such");
    assert_int_equal(room_count(&room, "SELECT no_such FROM tasks"), RAUM_EBAD_SQL);
    assert_string_equal(room.error.text, "no such column: no_such");
    /* The fence's own schema can be reached by USING, and shows the handle's own tables. */
    int result;
    assert_int_equal(foreign("SELECT tbl_name, sql FROM (SELECT 'x' AS tbl_name, 'y' AS sql)"
                             " FULL JOIN sqlite_master USING (tbl_name, sql)", 1, &result), 0);
}

/* G-T3: nothing but one SELECT. */
static const char *const not_selects[] = {
    "EXPLAIN SELECT * FROM meImages",
    "EXPLAIN QUERY PLAN SELECT * FROM meImages",
    "PRAGMA table_list",
    "PRAGMA database_list",
    "PRAGMA temp_store=FILE",
    "PRAGMA writable_schema=ON",
    "PRAGMA hard_heap_limit=1",
    "VACUUM",
    "VACUUM INTO 'x.db'",
    "ATTACH 'raum.db' AS x",
    "ATTACH ':memory:' AS x",
    "DETACH main",
    "BEGIN",
    "BEGIN EXCLUSIVE",
    "COMMIT",
    "ROLLBACK",
    "SAVEPOINT x",
    "RELEASE x",
    "ANALYZE",
    "REINDEX",
    "CREATE TABLE x (a)",
    "CREATE TEMP TABLE x (a)",
    "CREATE TEMP VIEW x AS SELECT 1",
    "CREATE TEMP TABLE x AS SELECT * FROM meImages",
    "CREATE VIRTUAL TABLE x USING raum",
    "CREATE VIRTUAL TABLE x USING dbstat",
    "CREATE VIRTUAL TABLE temp.x USING fts5(a)",
    "CREATE TEMP TRIGGER x AFTER INSERT ON tasks BEGIN SELECT 1; END",
    "CREATE INDEX x ON tasks (id)",
    "DROP TABLE meImages",
    "DROP VIEW meImages",
    "ALTER TABLE tasks RENAME TO x",
    "INSERT INTO tasks (id) VALUES ('x')",
    "UPDATE tasks SET title = 'x'",
    "DELETE FROM tasks",
    "REPLACE INTO tasks (id) VALUES ('x')",
    "INSERT INTO sqlite_master VALUES (1, 2, 3, 4, 5)",
    "UPDATE sqlite_master SET sql = ''",
    "WITH x AS (SELECT 1) DELETE FROM tasks",
    "DELETE FROM tasks RETURNING *",
    "SELECT 1; SELECT 2",
    "SELECT 1; DROP TABLE tasks",
    "SELECT 1 /* x */; -- y\n;",
    "",
    "  ",
    "-- nothing",
    "/* nothing",
    ";",
    "SELECT",
    "SELECT (",
    "'",
    "SELECT 'x",
    "\"",
    "SELECT \xff",
    "x",
};

static void test_statements(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof not_selects / sizeof not_selects[0]; i++) {
        int result = room_count(&room, not_selects[i]);
        if (result != RAUM_EBAD_SQL)
            fail_msg("%s (%s): %s", raum_code_name(result), room.error.text, not_selects[i]);
        if (tells(room.error.text, not_selects[i]))
            fail_msg("%s tells: %s", not_selects[i], room.error.text);
    }
    assert_int_equal(room_count(&room, " -- one\n SELECT 1 ; /* two */ -- three"), 1);
    assert_int_equal(room_count(&room, "VALUES (1), (2)"), 2);
    sqlite3_stmt *stmt;
    assert_int_equal(fence_prepare(room.scope->fence, "SELECT 1\0, 2", 12, &stmt, &room.error),
                     RAUM_EBAD_SQL);
}

/* Bombs: each must end in time, with a limit named, or be harmless. */
static const char *const bombs[] = {
    "SELECT zeroblob(900000000)",
    "SELECT randomblob(900000000)",
    "SELECT length(printf('%.*c', 900000000, 'x'))",
    "SELECT length(printf('%*d', 900000000, 1))",
    "SELECT printf('%.900000000f', 1.0)",
    "SELECT hex(hex(hex(hex(hex(zeroblob(100000))))))",
    "WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c) SELECT count(*) FROM c",
    "WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c) SELECT i FROM c WHERE i < "
    "0",
    "WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c) SELECT * FROM c ORDER BY "
    "i",
    "WITH RECURSIVE c(i) AS (SELECT 1 UNION SELECT i + 1 FROM c) SELECT max(i) FROM c",
    "WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c) SELECT group_concat(i) "
    "FROM c",
    "WITH RECURSIVE c(i) AS (SELECT zeroblob(900000) UNION ALL SELECT zeroblob(900000) FROM c)"
    " SELECT count(DISTINCT hex(randomblob(400000))) FROM c",
    "WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c) SELECT "
    "json_group_array(i) FROM c",
    "SELECT count(*) FROM tasks a, tasks b, tasks c, tasks d, tasks e, tasks f, tasks g, tasks "
    "h, tasks i",
    "SELECT count(*) FROM tasks a JOIN tasks b JOIN tasks c JOIN tasks d JOIN tasks e JOIN "
    "tasks f JOIN tasks g"
    " ON a.title < b.title AND c.title < d.title AND e.title < f.title AND g.title > a.title",
    "SELECT instr(hex(zeroblob(490000)), hex(zeroblob(240000)) || '1')",
    "SELECT replace(hex(zeroblob(490000)), hex(zeroblob(240000)) || '1', '2')",
    "SELECT rtrim(hex(zeroblob(490000)), replace(hex(zeroblob(240000)), '0', 'b') || '0')",
    "SELECT hex(zeroblob(400000)) LIKE replace(hex(zeroblob(90)), '00', '%0') || 'b'",
    "SELECT hex(zeroblob(400000)) LIKE '%' || hex(zeroblob(90)) || 'b'",
    "SELECT hex(zeroblob(400000)) GLOB replace(hex(zeroblob(40)), '00', '*[0]') || 'b'",
    "SELECT 'x' LIKE hex(zeroblob(10000))",
    "SELECT count(*) FROM tasks a, tasks b, tasks c WHERE "
    "length(replace(hex(zeroblob(400000)), '0', a.title)) > 1",
    "SELECT max(json_extract('[' || replace(hex(zeroblob(200000)), '0', '[],') || '1]', '$[' "
    "|| length(a.id) || ']'))"
    " FROM tasks a, tasks b, tasks c",
    "SELECT count(*) FROM json_tree('[' || replace(hex(zeroblob(150000)), '0', '[],') || '1]') "
    "a,"
    " json_tree('[' || replace(hex(zeroblob(150000)), '0', '[],') || '1]') b",
    "SELECT sum(length(x)) OVER (ORDER BY x ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) "
    "FROM (WITH RECURSIVE"
    " c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) SELECT x FROM c)",
};

static void test_bombs(void **state)
{
    (void)state;
    set_limits(300);
    for (size_t i = 0; i < sizeof bombs / sizeof bombs[0]; i++) {
        double start = seconds();
        int result = room_count(&room, bombs[i]);
        double took = seconds() - start;
        if (took > 6) /* sanitizers and a busy machine included */
            fail_msg("%.1f s: %s", took, bombs[i]);
        if (result < 0 && result != RAUM_ELIMIT && result != RAUM_EBAD_SQL)
            fail_msg("%s: %s: %s", raum_code_name(result), room.error.text, bombs[i]);
    }
    assert_int_equal(room_count(&room, bombs[6]), RAUM_ELIMIT);
    assert_string_equal(room.error.text, "stopped: longer than 300 ms");
    assert_int_equal(room_count(&room, bombs[0]), RAUM_ELIMIT);
    assert_string_equal(room.error.text, "stopped: a value or text of more than 1000000 bytes");
    set_limits(fence_defaults.deadline_ms);
}

/* Statements that are small to write and large to plan: no handler is called while SQLite expands
 * them. */
static void bomb_of_names(struct buf *sql, const char *first, const char *each, int levels)
{
    buf_reset(sql);
    buf_str(sql, first);
    for (int i = 1; i <= levels; i++)
        buf_printf(sql, each, i, i - 1, i - 1);
    buf_printf(sql, " SELECT * FROM c%d", levels);
}

static void test_planning(void **state)
{
    struct buf sql;
    (void)state;
    buf_init(&sql, 200000);
    set_limits(1000);
    double start = seconds();
    bomb_of_names(&sql, "WITH c0 AS (SELECT 1)", ", c%d AS (SELECT 1 FROM c%d, c%d)", 60);
    assert_int_equal(room_count(&room, buf_text(&sql)), RAUM_ELIMIT);
    bomb_of_names(&sql, "WITH c0 AS (SELECT id a FROM tasks)",
                  ", c%d AS (SELECT a || a AS a FROM c%d /* %d */)", 60);
    assert_int_equal(room_count(&room, buf_text(&sql)), RAUM_ELIMIT);
    bomb_of_names(&sql, "WITH c0 AS (SELECT id a FROM tasks)",
                  ", c%d AS (SELECT a FROM c%d UNION ALL SELECT a FROM c%d)", 60);
    assert_true(room_count(&room, buf_text(&sql)) < 0);
    assert_true(sqlite3_hard_heap_limit64(-1) == 0 && sqlite3_soft_heap_limit64(-1) == 0);
    buf_reset(&sql);
    buf_str(&sql, "SELECT 1 FROM tasks t0");
    for (int i = 1; i < 64; i++)
        buf_printf(&sql, " JOIN tasks t%d ON t%d.id = t%d.id AND t%d.title = t%d.title", i, i,
                   i - 1, i, i / 2);
    assert_true(room_count(&room, buf_text(&sql)) != RAUM_EINTERNAL);
    buf_reset(&sql);
    buf_str(&sql, "SELECT 1 WHERE 1");
    for (int i = 0; i < 5000; i++)
        buf_str(&sql, " AND 1=1");
    assert_int_equal(room_count(&room, buf_text(&sql)), RAUM_EBAD_SQL); /* too deep */
    buf_reset(&sql);
    buf_str(&sql, "SELECT '");
    for (int i = 0; i < 100001; i++)
        buf_char(&sql, 'x');
    buf_str(&sql, "'");
    assert_int_equal(room_count(&room, buf_text(&sql)), RAUM_ELIMIT);
    buf_reset(&sql);
    for (int i = 0; i < 20000; i++)
        buf_str(&sql, "((((");
    assert_int_equal(room_count(&room, buf_text(&sql)), RAUM_EBAD_SQL);
    if (seconds() - start > 40)
        fail_msg("%.1f s", seconds() - start);
    set_limits(fence_defaults.deadline_ms);
    buf_release(&sql);
}

/* ---- the switch in mid-step (G-T8) ---- */

/* Rows that come after the switch from space 1 to space 2, while a statement was in mid-step; -1:
 * none could. */
static int rows_after_switch(const char *sql, int *result)
{
    struct fence *f;
    sqlite3_stmt *stmt;
    int rows = 0;
    room_use(&room, 1);
    assert_true(room_count(&room, "SELECT 1") == 1);
    f = room.scope->fence;
    OK(fence_prepare(f, sql, strlen(sql), &stmt, &room.error));
    OK(fence_step(f, stmt, &room.error));
    room_use(&room, 2);
    while ((*result = fence_step(f, stmt, &room.error)) == 0)
        rows++;
    fence_reset(f, stmt);
    sqlite3_finalize(stmt);
    room_use(&room, 1);
    return rows;
}

static const char *const busy[] = {
    "SELECT id FROM tasks",
    "SELECT id FROM tasks ORDER BY title",
    "SELECT id FROM tasks UNION ALL SELECT id FROM tags",
    "SELECT id, (SELECT max(id) FROM tags) FROM tasks",
    "SELECT a.id, b.id FROM tasks a, tags b",
    "SELECT current_space() FROM tasks",
    "SELECT id FROM tasks WHERE id IN (SELECT taskId FROM taskTags)",
    "WITH RECURSIVE c(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM c WHERE i < 5) SELECT i, (SELECT "
    "min(id) FROM tags)"
    " FROM c",
};

static void test_switch(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof busy / sizeof busy[0]; i++) {
        int result;
        assert_int_equal(rows_after_switch(busy[i], &result), 0);
        assert_int_equal(result, RAUM_EINTERRUPTED);
    }
    /* The query that runs anew after it shows the new space alone. */
    struct raum_query *q;
    int result;
    room_use(&room, 1);
    OK(raum_query_new(room.scope, busy[2], &q, &room.error));
    OK(raum_query_step(q, &room.error));
    room_use(&room, 2);
    assert_int_equal(raum_query_step(q, &room.error), RAUM_EINTERRUPTED);
    query_reset(q);
    assert_int_equal(room_seen(q, &result, &room.error), 1u << 2);
    assert_int_equal(result, 24);
    query_reset(q);
    room_use(&room, -1);
    assert_int_equal(raum_query_step(q, &room.error), RAUM_ESCOPE_NOT_READY);
    raum_query_free(q);
    assert_int_equal(room_count(&room, "SELECT 1"), RAUM_ESCOPE_NOT_READY);
    room_use(&room, 1);
}

/* Another process changes the schema in mid-step: inner statements are prepared anew, under the
 * same rule. */
static void test_schema_change(void **state)
{
    struct raum *other;
    struct raum_query *q;
    int result;
    (void)state;
    OK(raum_query_new(room.scope, "SELECT a.id, b.id FROM tasks a, (SELECT id FROM tags) b", &q,
                      &room.error));
    OK(raum_query_step(q, &room.error));
    room_again(&room, &other);
    OK(db_exec(
        other->db,
        "CREATE TABLE main.meImages (id, label); INSERT INTO main.meImages VALUES ('x', 'y');"
        "CREATE TABLE tasks_copy AS SELECT * FROM data_tasks;"
        "CREATE INDEX more ON data_tasks (title)",
        &room.error));
    assert_int_equal(room_seen(q, &result, &room.error), 1u << 1);
    assert_int_equal(result, 12 * 12 - 1);
    query_reset(q);
    assert_int_equal(room_seen(q, &result, &room.error), 1u << 1);
    assert_int_equal(result, 12 * 12);
    assert_int_equal(room_count(&room, "SELECT * FROM tasks_copy"), RAUM_EUNKNOWN_TABLE);
    assert_int_equal(room_count(&room, "SELECT * FROM meImages"),
                     12); /* the view, not that table */
    OK(db_exec(other->db, "DROP TABLE main.meImages; DROP TABLE tasks_copy; DROP INDEX more",
               &room.error));
    assert_int_equal(room_seen((query_reset(q), q), &result, &room.error), 1u << 1);
    raum_query_free(q);
    raum_close(other);
}

/* ---- generated statements (G-T2, G-T9) ---- */

static int leaks(uint64_t seed, int count, int *answered)
{
    struct sqlgen g;
    int found = 0;
    sqlgen_init(&g, seed, true);
    for (int i = 0; i < count; i++) {
        int result, space = i % ROOM_SPACES;
        room_use(&room, space);
        const char *sql = sqlgen_next(&g);
        unsigned seen = foreign(sql, space, &result);
        *answered += result > 0;
        found += seen != 0;
        if (seen && !fence_plant)
            print_error("marks %x in space %d: %s\n", seen, space, sql);
        if (result == RAUM_EINTERNAL || result == RAUM_ENOMEM ||
            (result < 0 && tells(room.error.text, sql) && !fence_plant))
            fail_msg("%s %s: %s", raum_code_name(result), room.error.text, sql);
    }
    sqlgen_release(&g);
    room_use(&room, 1);
    return found;
}

static void test_generated(void **state)
{
    const char *given = getenv("RAUM_SEED");
    uint64_t seed = given ? strtoull(given, NULL, 10) : 1;
    int answered = 0;
    (void)state;
    set_limits(400);
    int found = leaks(seed, STATEMENTS, &answered);
    print_message("seed %llu: %d of %d with rows\n", (unsigned long long)seed, answered,
                  STATEMENTS);
    assert_int_equal(found, 0);
    assert_true(answered > STATEMENTS / 5);
    set_limits(fence_defaults.deadline_ms);
}

/* ---- handles of the other kinds ---- */

static void test_other_handles(void **state)
{
    struct raum_handle *mine = room.scope, *account, *across;
    struct raum_query *q;
    int result;
    (void)state;
    OK(raum_account_new(room.raum, &account, &room.error));
    OK(raum_across_new(room.raum, &across, &room.error));
    room.scope = account;
    assert_int_equal(room_count(&room, "SELECT * FROM meImages"), RAUM_EUNKNOWN_TABLE);
    assert_int_equal(room_count(&room, "SELECT * FROM userSettings"), 0);
    assert_int_equal(room_count(&room, "SELECT spaceId FROM userSettings"), RAUM_EBAD_SQL);
    room.scope = across;
    assert_int_equal(room_count(&room, "SELECT * FROM userSettings"), RAUM_EUNKNOWN_TABLE);
    OK(raum_query_new(across, "SELECT * FROM tasks", &q, &room.error));
    assert_int_equal(room_seen(q, &result, &room.error),
                     (1u << ROOM_SPACES) - 1); /* no private, no left space */
    assert_int_equal(result, 12 * ROOM_SPACES);
    raum_query_free(q);
    assert_int_equal(room_count(&room, "SELECT a.id FROM tasks a, tasks b USING (id, spaceId)"),
                     12 * ROOM_SPACES);
    assert_int_equal(room_count(&room, "SELECT * FROM tasks WHERE title IS NULL OR dueDate = '05'"),
                     ROOM_SPACES);
    room.scope = mine;
    raum_handle_free(account);
    raum_handle_free(across);
}

/* ---- planted holes ---- */

static void test_plants(void **state)
{
    int result, answered = 0;
    (void)state;
    fence_plant = FENCE_PLANT_CTE;
    assert_int_not_equal(
        foreign("WITH meImages AS (SELECT * FROM data_meImages) SELECT * FROM meImages", 1,
                &result),
        0);
    fence_plant = FENCE_PLANT_USING;
    assert_int_not_equal(
        foreign("SELECT id FROM (SELECT 'x' AS id) m FULL JOIN data_meImages USING (id)", 1,
                &result),
        0);
    fence_plant = FENCE_PLANT_SWITCH;
    assert_int_not_equal(rows_after_switch(busy[2], &result), 0);
    fence_plant = FENCE_SOUND;
    fence_interrupt(room.scope->fence);
    assert_int_equal(leaks(1, 100, &answered), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names),          cmocka_unit_test(test_statements),
        cmocka_unit_test(test_bombs),          cmocka_unit_test(test_planning),
        cmocka_unit_test(test_switch),         cmocka_unit_test(test_schema_change),
        cmocka_unit_test(test_other_handles),  cmocka_unit_test(test_generated),
        cmocka_unit_test(test_plants),
    };
    return cmocka_run_group_tests_name("fence, attacks", tests, set_up, tear_down);
}
