/* The store's database: one suite on SQLite and PostgreSQL. What callers rely on must be the same
 * on both (G-O1, G-O2, G-O3). */
#include "server/kit.h"

#include "server/store/migrations.h"

static struct kit k;
static struct raum_error *e = &k.error;

#define OK(call) KIT_OK(&k, call)
#define FAILS(code, call) assert_int_equal(call, code)

static int set_up(void **state)
{
    (void)state;
    kit_open(&k);
    OK(sql_run(k.sql, e,
               kit_is_postgres() ? "CREATE TABLE things (id TEXT PRIMARY KEY, n BIGINT NOT NULL,"
                                   " name TEXT UNIQUE, data BYTEA)"
                                 : "CREATE TABLE things (id TEXT PRIMARY KEY, n BIGINT NOT NULL,"
                                   " name TEXT UNIQUE, data BLOB)",
               ""));
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    kit_close(&k);
    return 0;
}

static int put_on(struct sql *c, const char *id, int64_t n, const char *name)
{
    return sql_run(c, e, "INSERT INTO things (id, n, name) VALUES (?1, ?2, ?3)", "sis", id, n,
                   name);
}

static int put(const char *id, int64_t n, const char *name)
{
    return put_on(k.sql, id, n, name);
}

static int64_t count_on(struct sql *c)
{
    struct sql_rows *rows;
    OK(sql_one(c, &rows, e, "SELECT count(*) AS n FROM things", ""));
    int64_t n = sql_int(rows, "n");
    sql_rows_free(rows);
    return n;
}

static int64_t count(void)
{
    return count_on(k.sql);
}

/* ---- values */

static void test_values_return(void **state)
{
    (void)state;
    struct sql_rows *rows;
    const char bytes[] = "\0\xff'\\\x01 end", *name = "Z\xc3\xbcge 'n \\ $1 ?1 \xf0\x9f\x8c\xb3";
    const int64_t numbers[] = {0, 1, -1, INT64_MAX, INT64_MIN, 1764060382000};
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        OK(sql_run(k.sql, e, "INSERT INTO things (id, n, name, data) VALUES (?1, ?2, ?3, ?4)",
                   "sitb", "a", numbers[i], name, strlen(name), bytes, sizeof bytes));
        assert_int_equal(sql_changed(k.sql), 1);
        OK(sql_one(k.sql, &rows, e, "SELECT id, n, name, data FROM things WHERE n = ?1", "i",
                   numbers[i]));
        size_t len;
        assert_true(sql_int(rows, "n") == numbers[i]);
        assert_string_equal(sql_text(rows, "name"), name);
        const void *data = sql_bytes(rows, "data", &len);
        assert_int_equal(len, sizeof bytes);
        assert_memory_equal(data, bytes, len);
        assert_int_equal(sql_next(rows, e), RAUM_END);
        assert_int_equal(sql_next(rows, e), RAUM_END);
        sql_rows_free(rows);
        OK(sql_run(k.sql, e, "DELETE FROM things", ""));
    }
}

static void test_nulls_and_empties(void **state)
{
    (void)state;
    struct sql_rows *rows;
    size_t len = 7;
    OK(sql_run(k.sql, e, "INSERT INTO things (id, n, name, data) VALUES (?1, ?2, ?3, ?4)", "sisb",
               "null", (int64_t)1, NULL, NULL, (size_t)0));
    OK(sql_run(k.sql, e, "INSERT INTO things (id, n, name, data) VALUES (?1, ?2, ?3, ?4)", "sisb",
               "empty", (int64_t)2, "", "", (size_t)0));
    OK(sql_run(k.sql, e, "INSERT INTO things (id, n, name, data) VALUES (?1, ?2, ?3, ?4)", "sinn",
               "n", (int64_t)3));
    OK(sql_many(k.sql, &rows, e, "SELECT n, name, data FROM things ORDER BY n", ""));
    for (int i = 0; i < 3; i++) {
        OK(sql_next(rows, e));
        assert_int_equal(sql_null(rows, "name"), i != 1);
        assert_int_equal(sql_null(rows, "data"), i != 1);
        if (i == 1)
            assert_string_equal(sql_text(rows, "name"), "");
        else
            assert_null(sql_text(rows, "name"));
        const void *data = sql_bytes(rows, "data", &len);
        assert_int_equal(len, 0);
        assert_int_equal(data != NULL, i == 1);
    }
    sql_rows_free(rows);
    OK(sql_one(k.sql, &rows, e, "SELECT max(n) AS top, sum(n) AS all_of FROM things WHERE n > ?1",
               "i", (int64_t)100));
    assert_true(sql_null(rows, "top"));
    assert_int_equal(sql_int(rows, "all_of"), 0);
    sql_rows_free(rows);
    sql_rows_free(NULL);
}

/* Sums, truths and small numbers have other types on PostgreSQL. */
static void test_numbers_of_expressions(void **state)
{
    (void)state;
    struct sql_rows *rows;
    OK(put("a", 9000000000000000000, NULL));
    OK(put("b", 100000, NULL));
    OK(put("c", -30000, NULL));
    OK(sql_one(k.sql, &rows, e,
               "SELECT sum(n) AS sum, count(*) AS count, 7 AS seven, n > 0 AS more,"
               " CASE WHEN n < 0 THEN 1 ELSE 0 END AS less, length(id) AS len"
               " FROM things GROUP BY n, id ORDER BY n DESC LIMIT ?1 OFFSET ?2",
               "ii", (int64_t)5, (int64_t)1));
    assert_true(sql_int(rows, "sum") == 100000);
    assert_int_equal(sql_int(rows, "count"), 1);
    assert_int_equal(sql_int(rows, "seven"), 7);
    assert_int_equal(sql_int(rows, "more"), 1);
    assert_int_equal(sql_int(rows, "less"), 0);
    assert_int_equal(sql_int(rows, "len"), 1);
    sql_rows_free(rows);
    OK(sql_one(k.sql, &rows, e, "SELECT sum(n) AS sum, sum(n) < 0 AS less FROM things", ""));
    assert_true(sql_int(rows, "sum") == 9000000000000070000);
    assert_int_equal(sql_int(rows, "less"), 0);
    sql_rows_free(rows);
}

static void test_question_marks_in_quotes(void **state)
{
    (void)state;
    struct sql_rows *rows;
    OK(put("what?1", 4, "?1 it''s"));
    OK(sql_one(k.sql, &rows, e,
               "SELECT '?1 it''s ?2' AS \"odd?3\", n AS n -- ?4\n FROM things /* ?5 ' */"
               " WHERE id = ?1 AND n = ?2 AND ?1 = 'what?1'",
               "si", "what?1", (int64_t)4));
    assert_string_equal(sql_text(rows, "odd?3"), "?1 it's ?2");
    assert_int_equal(sql_int(rows, "n"), 4);
    sql_rows_free(rows);
}

static void test_ten_parameters(void **state)
{
    (void)state;
    struct sql_rows *rows;
    OK(sql_one(k.sql, &rows, e,
               "SELECT ?1 AS a, ?10 AS j, ?11 AS k, ?2 || ?11 AS bk, ?3 AS c, ?4 AS d, ?5 AS e,"
               " ?6 AS f, ?7 AS g, ?8 AS h, ?9 AS i",
               "sssssssssss", "1", "2", "3", "4", "5", "6", "7", "8", "9", "10", "11"));
    assert_string_equal(sql_text(rows, "a"), "1");
    assert_string_equal(sql_text(rows, "j"), "10");
    assert_string_equal(sql_text(rows, "k"), "11");
    assert_string_equal(sql_text(rows, "bk"), "211");
    sql_rows_free(rows);
}

static void test_arrays(void **state)
{
    (void)state;
    struct sql_rows *rows;
    const int64_t numbers[] = {1, -1, INT64_MIN};
    const char *const texts[] = {"a", "", "Z\xc3\xbcge,{}\"\\"}, *const bad[] = {"a", "\xff"};
    const struct sql_span spans[] = {{"\0x", 2}, {"", 0}, {"\xff", 1}};
    static const char sql[] = "SELECT n, t, b FROM unnest(?1, ?2, ?3) WITH ORDINALITY AS k (n, t, "
                              "b, i) WHERE t <> ?4 ORDER BY i";
    if (!kit_is_postgres())
        skip();
    for (size_t count = 0; count < 4; count++) {
        OK(sql_many(k.sql, &rows, e, sql, "ITBs", numbers, count, texts, count, spans, count,
                    "no"));
        for (size_t i = 0; i < count; i++) {
            size_t len;
            OK(sql_next(rows, e));
            assert_true(sql_int(rows, "n") == numbers[i]);
            assert_string_equal(sql_text(rows, "t"), texts[i]);
            const void *bytes = sql_bytes(rows, "b", &len);
            assert_int_equal(len, spans[i].len);
            assert_memory_equal(bytes, spans[i].data, len);
        }
        assert_int_equal(sql_next(rows, e), RAUM_END);
        sql_rows_free(rows);
    }
    FAILS(RAUM_EBAD_CHANGE, sql_many(k.sql, &rows, e, sql, "ITBs", numbers, (size_t)2, bad,
                                     (size_t)2, spans, (size_t)2, "no"));
    assert_null(rows);
}

/* G-O3: what is no text is refused before a database sees it, on both alike. */
static void test_bad_texts(void **state)
{
    (void)state;
    FAILS(RAUM_EBAD_CHANGE, put("\xff", 1, NULL));
    FAILS(RAUM_EBAD_CHANGE, put("\xc0\xaf", 1, NULL));
    FAILS(RAUM_EBAD_CHANGE, put("\xed\xa0\x80", 1, NULL));
    FAILS(RAUM_EBAD_CHANGE,
          sql_run(k.sql, e, "INSERT INTO things (id, n) VALUES (?1, 1)", "t", "a\0b", (size_t)3));
    assert_int_equal(count(), 0);
    OK(sql_begin(k.sql, e));
    FAILS(RAUM_EBAD_CHANGE, put("\xff", 1, NULL));
    OK(put("a", 1, NULL));
    OK(sql_end(k.sql, 0, e));
    assert_int_equal(count(), 1);
}

static void test_bytewise_order(void **state)
{
    (void)state;
    struct sql_rows *rows;
    const char *const in_order[] = {"", "A", "Z", "_", "a", "b", "\xc3\xa4", "\xf0\x9f\x8c\xb3"};
    for (size_t i = 8; i-- > 0;)
        OK(sql_run(k.sql, e,
                   "INSERT INTO accounts (id, name, email, email_verified, created, updated)"
                   " VALUES (?1, ?1, ?1, 0, 0, 0)",
                   "s", in_order[i]));
    OK(sql_many(k.sql, &rows, e, "SELECT name FROM accounts ORDER BY name", ""));
    for (size_t i = 0; i < 8; i++) {
        OK(sql_next(rows, e));
        assert_string_equal(sql_text(rows, "name"), in_order[i]);
    }
    sql_rows_free(rows);
    OK(sql_one(k.sql, &rows, e, "SELECT count(*) AS n FROM accounts WHERE name < 'a'", ""));
    assert_int_equal(sql_int(rows, "n"), 4);
    sql_rows_free(rows);
}

/* ---- statements */

static void test_returning(void **state)
{
    (void)state;
    struct sql_rows *rows;
    OK(sql_one(k.sql, &rows, e,
               "INSERT INTO things (id, n) VALUES (?1, ?2) ON CONFLICT (id)"
               " DO UPDATE SET n = things.n + excluded.n RETURNING id, n",
               "si", "a", (int64_t)5));
    assert_int_equal(sql_int(rows, "n"), 5);
    sql_rows_free(rows);
    OK(sql_begin(k.sql, e));
    OK(sql_one(k.sql, &rows, e,
               "INSERT INTO things (id, n) VALUES (?1, ?2) ON CONFLICT (id)"
               " DO UPDATE SET n = things.n + excluded.n RETURNING id, n",
               "si", "a", (int64_t)5));
    OK(sql_end(k.sql, 0, e)); /* with the rows still held */
    assert_int_equal(sql_int(rows, "n"), 10);
    assert_int_equal(sql_changed(k.sql), 1);
    sql_rows_free(rows);
    assert_int_equal(
        sql_one(k.sql, &rows, e, "DELETE FROM things WHERE id = ?1 RETURNING n", "s", "no"),
        RAUM_END);
    sql_rows_free(rows);
    assert_int_equal(sql_changed(k.sql), 0);
    OK(put("b", 1, NULL));
    OK(sql_run(k.sql, e, "UPDATE things SET n = 0", ""));
    assert_int_equal(sql_changed(k.sql), 2);
    OK(sql_run(k.sql, e, "INSERT INTO things (id, n) VALUES ('a', 1) ON CONFLICT DO NOTHING", ""));
    assert_int_equal(sql_changed(k.sql), 0);
}

/* Rows are read while the same statement and others run. */
static void test_rows_within_rows(void **state)
{
    (void)state;
    struct sql_rows *outer, *inner;
    for (int i = 0; i < 50; i++) {
        char id[8];
        snprintf(id, sizeof id, "%d", i);
        OK(put(id, i, NULL));
    }
    const char *sql = "SELECT n FROM things WHERE n >= ?1 ORDER BY n";
    int result, seen = 0;
    OK(sql_many(k.sql, &outer, e, sql, "i", (int64_t)10));
    while ((result = sql_next(outer, e)) == 0) {
        OK(sql_one(k.sql, &inner, e, sql, "i", sql_int(outer, "n")));
        assert_int_equal(sql_int(inner, "n"), sql_int(outer, "n"));
        sql_rows_free(inner);
        OK(sql_run(k.sql, e, "UPDATE things SET n = n + 100 WHERE n = ?1", "i",
                   sql_int(outer, "n")));
        seen++;
    }
    assert_int_equal(result, RAUM_END);
    assert_int_equal(seen, 40);
    sql_rows_free(outer);
}

/* The cache goes by addresses: other texts at the same address, other types for the same text, and
 * far more texts than it holds. */
static void test_cache(void **state)
{
    (void)state;
    struct sql_rows *rows;
    char text[64], many[600][40];
    for (int round = 0; round < 3; round++)
        for (int i = 0; i < 600; i++) {
            snprintf(text, sizeof text, "SELECT %d AS n", i % 7);
            OK(sql_one(k.sql, &rows, e, text, ""));
            assert_int_equal(sql_int(rows, "n"), i % 7);
            sql_rows_free(rows);
            snprintf(many[i], sizeof many[i], "SELECT %d AS n", i);
            OK(sql_one(k.sql, &rows, e, many[i], ""));
            assert_int_equal(sql_int(rows, "n"), i);
            sql_rows_free(rows);
        }
    for (int i = 0; i < 2; i++) {
        const char *either = "UPDATE things SET name = ?1 WHERE id = ?2";
        OK(sql_run(k.sql, e, either, "ss", "x", "a"));
        OK(sql_run(k.sql, e, either, "ns", "a"));
        OK(sql_run(k.sql, e, either, "ts", "xy", (size_t)1, "a"));
    }
}

static void test_bad_statements(void **state)
{
    (void)state;
    struct sql_rows *rows = (void *)1;
    for (int i = 0; i < 3; i++) {
        assert_true(sql_run(k.sql, e, "SELEKT 1", "") < 0);
        assert_true(strlen(e->text) > 0);
        assert_true(sql_one(k.sql, &rows, e, "SELECT no FROM such", "") < 0);
        assert_null(rows);
        sql_rows_free(rows);
        OK(put("a", 1, NULL));
        OK(sql_run(k.sql, e, "DELETE FROM things", ""));
    }
}

/* G-O3: a result is bounded. */
static void test_huge_result(void **state)
{
    (void)state;
    struct sql_rows *rows = NULL;
    size_t len = (size_t)9 << 20;
    char *big = malloc(len);
    memset(big, 'x', len);
    for (int i = 0; i < 9; i++) {
        char id[8];
        snprintf(id, sizeof id, "%d", i);
        OK(sql_run(k.sql, e, "INSERT INTO things (id, n, data) VALUES (?1, 1, ?2)", "sb", id, big,
                   len));
    }
    FAILS(RAUM_ELIMIT, sql_many(k.sql, &rows, e, "SELECT data FROM things", ""));
    assert_null(rows);
    OK(sql_one(k.sql, &rows, e, "SELECT data FROM things LIMIT 1", ""));
    size_t back;
    assert_memory_equal(sql_bytes(rows, "data", &back), big, len);
    assert_true(back == len);
    sql_rows_free(rows);
    free(big);
}

/* ---- constraints */

static void test_exists_outside(void **state)
{
    (void)state;
    OK(put("a", 1, "one"));
    FAILS(RAUM_EEXISTS, put("a", 2, "two"));
    FAILS(RAUM_EEXISTS, put("b", 2, "one"));
    FAILS(RAUM_EEXISTS,
          sql_run(k.sql, e, "INSERT INTO things (id, n) VALUES ('a', ?1)", "i", (int64_t)1));
    OK(put("b", 2, "two"));
    FAILS(RAUM_EEXISTS, sql_run(k.sql, e, "UPDATE things SET name = 'one' WHERE id = 'b'", ""));
    assert_int_equal(count(), 2);
}

/* The transaction goes on after a refusal, on both. */
static void test_exists_within(void **state)
{
    (void)state;
    struct sql_rows *rows;
    OK(put("a", 1, "one"));
    OK(sql_begin(k.sql, e));
    OK(put("b", 2, "two"));
    for (int i = 0; i < 3; i++) {
        FAILS(RAUM_EEXISTS, put("a", 3, "three"));
        FAILS(RAUM_EEXISTS, put("c", 3, "two"));
    }
    FAILS(RAUM_EEXISTS,
          sql_one(k.sql, &rows, e, "INSERT INTO things (id, n) VALUES ('a', 1) RETURNING id", ""));
    sql_rows_free(rows);
    FAILS(RAUM_EEXISTS, sql_run(k.sql, e, "UPDATE things SET name = 'one' WHERE id = 'b'", ""));
    OK(sql_begin(k.sql, e)); /* and within a nested one */
    FAILS(RAUM_EEXISTS, put("a", 3, "three"));
    OK(sql_end(k.sql, 0, e));
    OK(put("c", 3, "three"));
    OK(sql_one(k.sql, &rows, e, "SELECT count(*) AS n FROM things", ""));
    assert_int_equal(sql_int(rows, "n"), 3);
    sql_rows_free(rows);
    OK(sql_end(k.sql, 0, e));
    assert_int_equal(count(), 3);
}

static void test_foreign_keys(void **state)
{
    (void)state;
    const char *credential = "INSERT INTO credentials (id, account, hash, created, updated)"
                             " VALUES (?1, ?2, 'h', 0, 0)";
    OK(sql_begin(k.sql, e));
    FAILS(RAUM_ENOT_FOUND, sql_run(k.sql, e, credential, "ss", "c", "nobody"));
    OK(sql_run(k.sql, e,
               "INSERT INTO accounts (id, name, email, email_verified, created, updated)"
               " VALUES ('u', 'U', 'u@x', 0, 0, 0)",
               ""));
    OK(sql_run(k.sql, e, credential, "ss", "c", "u"));
    FAILS(RAUM_EBAD_CHANGE, sql_run(k.sql, e, "UPDATE accounts SET name = ?1", "n"));
    OK(sql_end(k.sql, 0, e));
    OK(sql_run(k.sql, e, "DELETE FROM accounts WHERE id = 'u'", ""));
    assert_int_equal(sql_changed(k.sql), 1);
    struct sql_rows *rows;
    assert_int_equal(sql_one(k.sql, &rows, e, "SELECT id FROM credentials", ""), RAUM_END);
    sql_rows_free(rows);
}

/* ---- transactions */

static void test_rollback(void **state)
{
    (void)state;
    OK(sql_begin(k.sql, e));
    OK(put("a", 1, NULL));
    FAILS(RAUM_ENOT_FOUND, sql_end(k.sql, RAUM_ENOT_FOUND, e));
    assert_int_equal(count(), 0);
    OK(sql_begin(k.sql, e));
    OK(put("a", 1, NULL));
    OK(sql_begin(k.sql, e));
    OK(put("b", 1, NULL));
    FAILS(RAUM_EBUSY, sql_end(k.sql, RAUM_EBUSY, e));
    FAILS(RAUM_EBUSY, sql_end(k.sql, 0, e));
    assert_int_equal(count(), 0);
    OK(sql_begin(k.sql, e));
    OK(sql_begin(k.sql, e));
    OK(put("a", 1, NULL));
    OK(sql_end(k.sql, 0, e));
    OK(put("b", 1, NULL));
    OK(sql_end(k.sql, 0, e));
    assert_int_equal(count(), 2);
}

static int put_later(const char *id, int64_t n)
{
    return sql_later(k.sql, e, "INSERT INTO things (id, n) VALUES (?1, ?2)", "si", id, n);
}

/* What is not waited for is seen by the next statement, and if it fails nothing of the transaction
 * is left, on both, whichever of them says so. */
static void test_later(void **state)
{
    (void)state;
    struct sql_rows *rows;
    OK(sql_begin(k.sql, e));
    OK(put_later("a", 1));
    OK(put_later("b", 2));
    OK(sql_one(k.sql, &rows, e, "SELECT sum(n) AS n FROM things", ""));
    assert_int_equal(sql_int(rows, "n"), 3);
    sql_rows_free(rows);
    OK(put_later("c", 3));
    FAILS(RAUM_EEXISTS, put("a", 4, NULL)); /* refused by itself, as ever */
    OK(put_later("d", 4));
    OK(sql_end(k.sql, 0, e));
    assert_int_equal(count(), 4);
    for (int next = 0; next < 3; next++) {
        OK(sql_begin(k.sql, e));
        OK(put("e", 5, NULL));
        int result = put_later("a", 5);
        if (result == 0 && next == 1)
            result = put("f", 6, NULL);
        if (result == 0 && next == 2)
            result = sql_lock(k.sql, "x", e);
        if (next > 0)
            assert_int_equal(result, RAUM_EEXISTS);
        FAILS(RAUM_EEXISTS, sql_end(k.sql, result, e));
        assert_int_equal(count(), 4);
    }
    OK(sql_begin(k.sql, e));
    OK(put_later("e", 5));
    FAILS(RAUM_EBUSY, sql_end(k.sql, RAUM_EBUSY, e));
    assert_int_equal(count(), 4);
}

/* A statement that failed for another reason must not let the rest be committed as if whole. */
static void test_failed_statement_is_not_committed_silently(void **state)
{
    (void)state;
    struct sql_rows *rows;
    OK(sql_begin(k.sql, e));
    OK(put("a", 1, NULL));
    int result = sql_one(k.sql, &rows, e, "SELECT no FROM such", "");
    sql_rows_free(rows);
    assert_true(result < 0);
    result = sql_end(k.sql, 0, e); /* the caller forgot to look */
    assert_int_equal(count(), result == 0 ? 1 : 0);
    OK(put("b", 1, NULL));
}

static void test_close_rolls_back(void **state)
{
    (void)state;
    struct sql *c = kit_connect(&k);
    OK(sql_begin(c, e));
    OK(put_on(c, "a", 1, NULL));
    sql_close(c);
    sql_close(NULL);
    assert_int_equal(count(), 0);
    OK(put("a", 1, NULL));
}

static void test_isolation(void **state)
{
    (void)state;
    struct sql *c = kit_connect(&k);
    OK(sql_begin(c, e));
    OK(put_on(c, "a", 1, NULL));
    assert_int_equal(count_on(c), 1);
    assert_int_equal(count(), 0);
    OK(sql_end(c, 0, e));
    assert_int_equal(count(), 1);
    sql_close(c);
}

/* A part that fails is undone alone, what came before and after it stays; on both. */
static void test_parts(void **state)
{
    (void)state;
    struct sql *c = kit_connect(&k);
    OK(sql_begin(c, e));
    OK(put_on(c, "a", 1, NULL));
    for (int i = 0; i < 3; i++) {
        char name[8];
        snprintf(name, sizeof name, "p%d", i);
        OK(sql_part_begin(c, e));
        OK(sql_begin(c, e)); /* nested transactions within a part are the part's */
        OK(put_on(c, name, 1, NULL));
        int result = sql_end(c, i == 1 ? RAUM_ENOT_FOUND : 0, e);
        assert_int_equal(sql_part_end(c, result, e), i == 1 ? RAUM_ENOT_FOUND : 0);
    }
    OK(sql_part_begin(c, e));
    OK(put_on(c, "q", 1, NULL));
    OK(sql_begin(c, e));
    assert_int_equal(sql_end(c, RAUM_EBUSY, e), RAUM_EBUSY); /* forgotten by who called it */
    assert_int_equal(sql_part_end(c, 0, e), RAUM_EBUSY);
    assert_int_equal(count_on(c), 3);
    assert_int_equal(count(), 0);
    OK(sql_end(c, 0, e));
    assert_int_equal(count(), 3);
    OK(sql_begin(c, e));
    OK(sql_part_begin(c, e));
    OK(put_on(c, "z", 1, NULL));
    OK(sql_part_end(c, 0, e));
    assert_int_equal(sql_end(c, RAUM_EBUSY, e), RAUM_EBUSY); /* the whole takes its parts along */
    assert_int_equal(count(), 3);
    sql_close(c);
}

/* ---- migrations */

static void test_migrate_again(void **state)
{
    (void)state;
    OK(put("a", 1, NULL));
    struct sql *c = kit_connect(&k);
    OK(sql_migrate(c, e));
    OK(sql_migrate(k.sql, e));
    assert_int_equal(count_on(c), 1);
    sql_close(c);
}

/* G-U6 on the server's side. */
static void test_newer_database(void **state)
{
    (void)state;
    struct sql_rows *rows;
    OK(sql_run(k.sql, e, "UPDATE server_version SET version = version + 1", ""));
    FAILS(RAUM_ENEWER_DATABASE, sql_migrate(k.sql, e));
    assert_non_null(strstr(e->text, "newer"));
    OK(sql_one(k.sql, &rows, e, "SELECT version FROM server_version", ""));
    int64_t newest = 0;
    while (migrations[newest].both)
        newest++;
    assert_int_equal(sql_int(rows, "version"), newest + 1);
    sql_rows_free(rows);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_values_return),
        TEST(test_parts),
        TEST(test_nulls_and_empties),
        TEST(test_numbers_of_expressions),
        TEST(test_question_marks_in_quotes),
        TEST(test_ten_parameters),
        TEST(test_arrays),
        TEST(test_bad_texts),
        TEST(test_bytewise_order),
        TEST(test_returning),
        TEST(test_rows_within_rows),
        TEST(test_cache),
        TEST(test_bad_statements),
        TEST(test_huge_result),
        TEST(test_exists_outside),
        TEST(test_exists_within),
        TEST(test_foreign_keys),
        TEST(test_rollback),
        TEST(test_failed_statement_is_not_committed_silently),
        TEST(test_later),
        TEST(test_close_rolls_back),
        TEST(test_isolation),
        TEST(test_migrate_again),
        TEST(test_newer_database),
    };
    return cmocka_run_group_tests_name("sql", tests, NULL, NULL);
}
