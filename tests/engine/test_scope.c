/* Handles: what a statement may see is a property of the connection (G-T2, G-T3), of one space at a
 * time (G-T8), of the one capability table (G-T6). The engine's own statements; other people's SQL
 * is test_fence's. */
#include "engine/kit.h"

#include "engine/ddl.h"

#define SPACES 6

static char folder[128];
static struct kit_world world;
static struct raum *r;
static struct raum_handle *own, *team, *account, *across;
static const char *const ids[SPACES] = {"s-brand", "s-club",     "s-family",
                                        "s-team",  "s-practice", "s-other"};

static int set_up(void **state)
{
    (void)state;
    char id[RAUM_ID_MAX];
    kit_folder(folder);
    kit_world_init(&world, 31);
    r = kit_open(folder, "anna", &world.env);
    own = kit_scope(r, NULL);
    OK(raum_account_new(r, &account, &error));
    OK(raum_across_new(r, &across, &error));
    OK(kit_insert(own, "tags", "{\"name\":\"personal\",\"color\":\"_personal:anna\"}", id));
    for (int i = 0; i < SPACES; i++) {
        char json[100];
        kit_join(r, ids[i], i < 5 ? SPACE_BRAND + i : SPACE_BRAND, ROLE_MEMBER);
        struct raum_handle *h = kit_scope(r, ids[i]);
        for (int j = 0; j <= i; j++) {
            snprintf(json, sizeof json, "{\"name\":\"n%d\",\"color\":\"%s\"}", j, ids[i]);
            OK(kit_insert(h, "tags", json, id));
        }
        raum_handle_free(h);
    }
    OK(kit_insert(account, "userSettings", "{\"theme\":\"dark\"}", id));
    team = kit_scope(r, "s-team");
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    raum_close(r);
    kit_remove(folder);
    return 0;
}

/* ---- G-T2 ---- */

static void test_one_space_G_T2(void **state)
{
    (void)state;
    for (int i = 0; i < SPACES; i++) {
        OK(raum_scope_set(team, ids[i], &error));
        assert_string_equal(raum_scope_space(team), ids[i]);
        assert_int_equal(kit_int(team, "SELECT count(*) FROM tags"), i + 1);
        assert_int_equal(kit_int(team, "SELECT count(*) FROM tags WHERE color = spaceId"), i + 1);
        assert_int_equal(kit_int(team, "SELECT count(*) FROM tags WHERE spaceId <> 's'"), i + 1);
        assert_int_equal(kit_int(team, "SELECT count(*) FROM tags WHERE color LIKE '_personal%'"),
                         0);
    }
    assert_string_equal(kit_rows(own, "SELECT name, spaceId FROM tags"), "personal|_personal:anna");
    assert_int_equal(kit_int(across, "SELECT count(*) FROM across_tags"),
                     1 + 1 + 2 + 3 + 4 + 5 + 6);
    assert_int_equal(kit_int(across, "SELECT count(*) FROM across_tags WHERE color <> spaceId"), 0);
    assert_string_equal(kit_rows(account, "SELECT theme FROM userSettings"), "dark");
    /* By id from elsewhere: absent for reading and writing. */
    OK(raum_scope_set(team, "s-team", &error));
    char id[RAUM_ID_MAX];
    snprintf(id, sizeof id, "%s", kit_rows(own, "SELECT id FROM tags"));
    REFUSED(RAUM_ENOT_FOUND, kit_update(team, "tags", id, "{\"name\":\"x\"}"));
    REFUSED(RAUM_ENOT_FOUND, raum_delete(team, "tags", id, &error));
    assert_string_equal(kit_get(team, "tags", id, true), "");
}

static void test_switching(void **state)
{
    (void)state;
    REFUSED(RAUM_ENOT_FOUND, raum_scope_set(team, "nowhere", &error));
    REFUSED(RAUM_ENOT_FOUND, raum_scope_set(team, "", &error));
    REFUSED(RAUM_ENOT_FOUND,
            raum_scope_set(team, "user:anna", &error)); /* a partition is no space */
    REFUSED(RAUM_ENOT_FOUND, raum_scope_set(team, "_personal:bert", &error));
    assert_string_equal(raum_scope_space(team), "s-team"); /* where it was */
    uint64_t generation = team->generation;
    OK(raum_scope_set(team, "s-team", &error));
    assert_true(team->generation == generation); /* no switch */
    /* Not (any more) a member: neither to be entered nor seen across. */
    OK(replica_begin(r, &error));
    struct space space = *intern_space_find(r, "s-team");
    space.role = ROLE_NONE;
    OK(intern_space_put(r, &space, &error));
    OK(replica_commit(r, &error));
    struct raum_query *q;
    REFUSED(RAUM_ENOT_FOUND, query_view(team, "SELECT * FROM tags", &q, &error));
    OK(raum_scope_set(team, "s-club", &error));
    REFUSED(RAUM_ENOT_FOUND, raum_scope_set(team, "s-team", &error));
    assert_int_equal(kit_int(across, "SELECT count(*) FROM across_tags WHERE spaceId = 's-team'"),
                     0);
}

/* A query that runs while the handle is switched ends; it never goes on in the other space (G-T8).
 */
static void test_switch_in_mid_step_G_T8(void **state)
{
    (void)state;
    struct raum_query *q, *other;
    OK(query_view(team, "SELECT color FROM tags UNION ALL SELECT color FROM tags", &q, &error));
    OK(query_view(own, "SELECT color FROM tags", &other, &error));
    OK(raum_query_step(q, &error));
    assert_string_equal(raum_query_text(q, 0, NULL), "s-team");
    OK(raum_scope_set(team, "s-other", &error));
    REFUSED(RAUM_EINTERRUPTED, raum_query_step(q, &error));
    REFUSED(RAUM_EINTERRUPTED, raum_query_step(q, &error));
    OK(raum_query_step(other, &error)); /* another handle's goes on */
    assert_string_equal(raum_query_text(other, 0, NULL), "_personal:anna");
    assert_int_equal(raum_query_step(other, &error), RAUM_END);
    assert_int_equal(raum_query_step(other, &error), RAUM_END);
    query_reset(q);
    int rows = 0;
    while (raum_query_step(q, &error) == 0) {
        rows++;
        assert_string_equal(raum_query_text(q, 0, NULL), "s-other");
    }
    assert_int_equal(rows, 12);
    /* Back to nothing in the middle. */
    query_reset(q);
    OK(raum_query_step(q, &error));
    OK(raum_scope_set(team, NULL, &error));
    REFUSED(RAUM_EINTERRUPTED, raum_query_step(q, &error));
    query_reset(q);
    REFUSED(RAUM_ESCOPE_NOT_READY, raum_query_step(q, &error));
    raum_query_free(q);
    raum_query_free(other);
}

/* Statements of several handles take turns, also while another connection changes the schema, so
 * that each is prepared again in mid-step: each under its own grant. */
static void test_turns(void **state)
{
    (void)state;
    struct raum_query *q[3];
    struct raum_handle *h[3] = {team, own, kit_scope(r, "s-other")};
    static const char *const wanted[3] = {"s-team", "_personal:anna", "s-other"};
    int rows[3] = {0};
    struct raum *second = kit_open(folder, "anna", &world.env);
    for (int i = 0; i < 3; i++)
        OK(query_view(h[i], "SELECT color, spaceId FROM tags ORDER BY name", &q[i], &error));
    for (int round = 0; round < 10; round++) {
        for (int i = 0; i < 3; i++)
            if (raum_query_step(q[i], &error) == 0) {
                rows[i]++;
                assert_string_equal(raum_query_text(q[i], 0, NULL), wanted[i]);
                assert_string_equal(raum_query_text(q[i], 1, NULL), wanted[i]);
            }
        if (round == 1)
            OK(db_exec(second->db, "CREATE TABLE other_schema (a)", &error));
    }
    assert_int_equal(rows[0], 4);
    assert_int_equal(rows[1], 1);
    assert_int_equal(rows[2], 6);
    for (int i = 0; i < 3; i++) { /* and once more, prepared anew */
        query_reset(q[i]);
        OK(raum_query_step(q[i], &error));
        assert_string_equal(raum_query_text(q[i], 0, NULL), wanted[i]);
        raum_query_free(q[i]);
    }
    raum_close(second);
}

/* ---- G-T3: the grant of the engine's own statements denies by default ---- */

static void denied(struct raum_handle *h, const char *sql)
{
    struct db_stmt s;
    int result = scope_prepare(h, &s, sql, &error);
    if (result == 0) {
        result = db_step(&s, &error);
        if (result >= 0)
            fail_msg("ran: %s", sql);
    }
    db_finish(&s);
}

static const char *const forbidden[] = {
    /* base tables, under every name */
    "SELECT * FROM data_tags",
    "SELECT * FROM main.data_tags",
    "SELECT count(*) FROM data_tags",
    "SELECT (SELECT name FROM data_tags)",
    "SELECT * FROM tags WHERE id IN (SELECT id FROM data_tags)",
    "WITH tags AS (SELECT * FROM data_tags) SELECT * FROM tags",
    "WITH x(a) AS (SELECT id FROM main.data_tags) SELECT a FROM x",
    "SELECT * FROM tags JOIN data_tags USING (id)",
    "SELECT * FROM tags NATURAL JOIN data_tags",
    "SELECT 1 FROM tags UNION SELECT n FROM data_tags",
    "SELECT * FROM data_opaque",
    "SELECT * FROM spaces",
    "SELECT * FROM accounts",
    "SELECT * FROM actors",
    "SELECT * FROM keys",
    "SELECT * FROM meta",
    "SELECT * FROM dirty",
    "SELECT * FROM media",
    "SELECT * FROM intents",
    "SELECT * FROM sqlite_schema",
    "SELECT * FROM sqlite_master",
    "SELECT * FROM sqlite_temp_schema",
    "SELECT * FROM temp.sqlite_master",
    "SELECT * FROM sqlite_sequence",
    "SELECT * FROM pragma_table_list",
    "SELECT * FROM pragma_function_list",
    /* what belongs to the inside of the views */
    "SELECT scope_ref()",
    "SELECT scope_id()",
    "SELECT scope_account()",
    "SELECT account_id(1)",
    "SELECT space_id(1)",
    "SELECT stamps_time(x'00')",
    "SELECT open_value(x'01', 'a', 264, 1)",
    "SELECT media_path(1, 'a', 0)",
    "SELECT * FROM tags WHERE account_id(1) = 'anna'",
    /* functions that are on no list */
    "SELECT load_extension('x')",
    "SELECT randomblob(8)",
    "SELECT zeroblob(900000000)",
    "SELECT sqlite_version()",
    "SELECT printf('%s', name) FROM tags",
    "SELECT fts3_tokenizer('simple')",
    "SELECT hex(name) FROM tags",
    /* writing, and everything that is no reading */
    "INSERT INTO tags (id) VALUES ('x')",
    "UPDATE tags SET name = 'x'",
    "DELETE FROM tags",
    "INSERT INTO data_tags (id) VALUES ('x')",
    "UPDATE data_tags SET name = 'x'",
    "DELETE FROM data_tags",
    "CREATE TABLE x (a)",
    "CREATE TEMP TABLE x (a)",
    "CREATE VIEW x AS SELECT 1",
    "CREATE TEMP VIEW x AS SELECT 1",
    "CREATE INDEX x ON data_tags (name)",
    "CREATE TRIGGER x AFTER INSERT ON data_tags BEGIN SELECT 1; END",
    "DROP TABLE data_tags",
    "DROP VIEW tags",
    "ALTER TABLE data_tags ADD COLUMN x",
    "ANALYZE",
    "REINDEX",
    "VACUUM",
    "VACUUM INTO 'copy.db'",
    "ATTACH 'x.db' AS x",
    "ATTACH ':memory:' AS x",
    "DETACH main",
    "PRAGMA user_version",
    "PRAGMA user_version = 1",
    "PRAGMA query_only = OFF",
    "PRAGMA writable_schema = ON",
    "PRAGMA table_info(data_tags)",
    "BEGIN",
    "COMMIT",
    "ROLLBACK",
    "SAVEPOINT x",
    "WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c) SELECT count(*) FROM c",
    "CREATE VIRTUAL TABLE x USING fts5(a)",
    "SELECT * FROM dbstat",
    /* tables of another level or mode */
    "SELECT * FROM userSettings",
    "SELECT * FROM userContext",
    "SELECT * FROM across_tags",
    "SELECT * FROM nothing",
};

static void test_denied_G_T3(void **state)
{
    (void)state;
        struct raum_handle *h[] = {team, own};
    for (size_t i = 0; i < sizeof forbidden / sizeof *forbidden; i++)
        for (size_t j = 0; j < 2; j++)
            denied(h[j], forbidden[i]);
    denied(account, "SELECT * FROM tags");
    denied(account, "SELECT * FROM across_tags");
    denied(account, "SELECT * FROM data_userSettings");
    denied(across, "SELECT * FROM tags");
    denied(across, "SELECT * FROM userSettings");
    denied(across, "SELECT * FROM data_tags");
    assert_int_equal(kit_int(team, "SELECT count(*) FROM tags"), 4);
    assert_int_equal(kit_int(across, "SELECT count(*) FROM across_tags"), 22);
}

/* The secret names of the inner views: not to be named directly, of this connection only, and they
 * show no more than the outer ones. (A CTE under such a name would read base tables: that is why it
 * has 128 random bits.) */
static void test_inner_names_G_T3(void **state)
{
    (void)state;
    char sql[300];
    assert_int_equal(strlen(r->secret), DDL_INNER - 1);
    assert_int_equal(strspn(r->secret, "0123456789abcdef"), DDL_INNER - 1);
    static const char *const shapes[] = {
        "SELECT * FROM \"%stags\"",
        "SELECT * FROM temp.\"%stags\"",
        "SELECT * FROM across_tags, \"%stags\"",
        "SELECT (SELECT name FROM \"%stags\")",
        "SELECT * FROM \"across_%stags\"",
        "SELECT * FROM tags JOIN \"%stags\" USING (id)",
        "WITH meImages AS (SELECT * FROM \"%stags\") SELECT * FROM meImages",
    };
    struct raum_handle *h[] = {team, account, across};
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++)
        for (size_t j = 0; j < 3; j++) {
            snprintf(sql, sizeof sql, shapes[i], r->secret);
            denied(h[j], sql);
        }
    snprintf(sql, sizeof sql, "WITH tags AS (SELECT * FROM \"%stags\") SELECT count(*) FROM tags",
             r->secret);
    assert_int_equal(kit_int(team, sql), 4);
    struct raum *second = kit_open(folder, "anna", NULL);
    assert_string_not_equal(second->secret, r->secret);
    raum_close(second);
}

/* A statement of ours without any grant: nothing at all. */
static void test_no_grant(void **state)
{
    (void)state;
    struct db_stmt s;
    REFUSED(RAUM_ENOT_ALLOWED, db_prepare(r->db, &s, NULL, "SELECT 1", &error));
    db_finish(&s);
    /* The engine's own grant has no handle: the views are empty under it, they borrow nobody's
     * scope. */
    assert_int_equal(kit_raw(r, "SELECT count(*) FROM tags"), 0);
    assert_int_equal(kit_raw(r, "SELECT count(*) FROM userSettings"), 0);
    assert_int_equal(
        kit_raw(r, "SELECT scope_ref() IS NULL AND scope_id() IS NULL AND scope_account() IS NULL"),
        1);
    REFUSED(RAUM_ENOT_ALLOWED, db_exec(r->db, "ATTACH ':memory:' AS x", &error));
}

/* ---- shape ---- */

static void test_columns(void **state)
{
    (void)state;
    for (const struct schema_table *t = schema_tables; t->name; t++) {
        struct scope_column columns[SCOPE_COLUMNS_MAX];
        char sql[100];
        struct scope_column few[3] = {{0}, {0}, {.name = "mine"}};
        size_t count = scope_columns(t, columns, SCOPE_COLUMNS_MAX);
        assert_int_equal(scope_columns(t, few, 2), count); /* says how many, writes no more */
        assert_string_equal(few[2].name, "mine");
        struct raum_query *q;
        snprintf(sql, sizeof sql, "SELECT * FROM %s", t->name);
        OK(query_view(t->level == LEVEL_SPACE ? team : account, sql, &q, &error));
        assert_int_equal(raum_query_columns(q), count);
        for (size_t i = 0; i < count; i++)
            assert_string_equal(raum_query_name(q, (int)i), columns[i].name);
        assert_null(columns[count].name);
        raum_query_free(q);
        if (t->level == LEVEL_USER)
            continue;
        snprintf(sql, sizeof sql, "SELECT * FROM across_%s", t->name);
        OK(query_view(across, sql, &q, &error));
        assert_int_equal(raum_query_columns(q), count);
        for (size_t i = 0; i < count; i++)
            assert_string_equal(raum_query_name(q, (int)i), columns[i].name);
        raum_query_free(q);
    }
}

/* G-T6: a type of space in which no module is: every answer of the engine agrees with the table. */
static void test_capability_G_T6(void **state)
{
    (void)state;
    char id[RAUM_ID_MAX];
    struct raum_query *q;
    kit_join(r, "strange", 17, ROLE_OWNER);
    struct raum_handle *h = kit_scope(r, "strange");
    for (const struct schema_table *t = schema_tables; t->name; t++) {
        char sql[100];
        bool user = t->level == LEVEL_USER;
        assert_int_equal(scope_has(team, t), !user);
        assert_int_equal(scope_has(account, t), user);
        assert_int_equal(scope_has(across, t), !user);
        assert_false(scope_has(h, t));
        int wanted = user ? RAUM_EUNKNOWN_TABLE : RAUM_EMODULE_NOT_IN_SPACE;
        REFUSED(wanted, scope_check(h, t, &error));
        REFUSED(wanted, kit_insert(h, t->name, "{\"slot\":\"avatar\"}", id));
        REFUSED(wanted, raum_delete(h, t->name, "x", &error));
        snprintf(sql, sizeof sql, "SELECT * FROM %s", t->name);
        assert_int_equal(query_view(h, sql, &q, &error), RAUM_ENOT_ALLOWED);
    }
    for (int type = 0; type < SPACE_TYPES; type++)
        for (const struct schema_table *t = schema_tables; t->name; t++)
            if (t->level == LEVEL_SPACE && type > 0) {
                OK(raum_scope_set(h, ids[type - 1], &error));
                assert_int_equal(scope_check(h, t, &error) == 0, schema_allowed(t->module, type));
            }
}

/* Everything a handle holds goes with it, whatever the order. */
static void test_lifetimes(void **state)
{
    (void)state;
    struct raum_query *q;
    raum_handle_free(NULL);
    raum_query_free(NULL);
    raum_close(NULL);
    struct raum_handle *h = kit_scope(r, "s-team");
    OK(query_view(h, "SELECT * FROM tags", &q, &error));
    OK(raum_query_step(q, &error));
    raum_handle_free(h); /* with its query, in mid-step */
    h = kit_scope(r, "s-team");
    OK(query_view(h, "SELECT * FROM tags", &q, &error));
    OK(raum_query_step(q, &error));
    OK(raum_begin(r,
                  &error)); /* and the replica with handle, query and transaction: by tear_down */
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_one_space_G_T2), TEST(test_switching),   TEST(test_switch_in_mid_step_G_T8),
        TEST(test_turns),          TEST(test_denied_G_T3), TEST(test_inner_names_G_T3),
        TEST(test_no_grant),       TEST(test_columns),     TEST(test_capability_G_T6),
        TEST(test_lifetimes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
