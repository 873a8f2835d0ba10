/* Spaces are kept apart by the database, not by each statement's own filter (G-T3): on PostgreSQL
 * by row-level security that binds the tables' owner, too. Raw SQL tries to get round it, and the
 * relay's own statements are made to forget their filters; on SQLite the same relay then shows and
 * spoils what is foreign, so the test would see it. */
#include "server/forgetful.h"
#include "server/kit.h"

#undef sql_run
#undef sql_one
#undef sql_many
#include "base/clock.h"
#include "server/relay/relay.h"

static struct kit kit;
static struct raum_error *e = &kit.error;
static struct relay *relay;
static struct arena arena;
static struct json_doc doc;
static struct wire_result results[8];
static struct raum_env env;
static int64_t now = INT64_C(1775030400000);
static int64_t fam, cleos; /* refs */
static bool forgetting;
static int forgot;

#define OK(call) KIT_OK(&kit, call)

static int64_t fixed_now(void *ctx)
{
    (void)ctx;
    return now;
}

/* ---- forgetting */

/* What says which partition, in the relay's words, and the same saying nothing. */
static const char *const filters[][2] = {
    {"WHERE part = ?1", "WHERE (part = ?1 OR 1 = 1)"},
    {"p.id = ?1", "(p.id = ?1 OR 1 = 1)"},
    {"FROM partitions WHERE id = ?1", "FROM partitions WHERE (id = ?1 OR 1 = 1)"},
    {"WHERE ref = ?2", "WHERE (ref = ?2 OR 1 = 1)"},
    {"WHERE m.account = ?1", "WHERE (m.account = ?1 OR 1 = 1)"},
    {"WHERE created < ?1", "WHERE (created < ?1 OR 1 = 1)"},
};

const char *forgetful(const char *sql)
{
    static char text[4096];
    for (size_t i = 0; forgetting && i < sizeof filters / sizeof filters[0]; i++) {
        const char *at = strstr(sql, filters[i][0]);
        if (!at)
            continue;
        int len = snprintf(text, sizeof text, "%.*s%s%s", (int)(at - sql), sql, filters[i][1],
                           at + strlen(filters[i][0]));
        assert_in_range(len, 1, sizeof text - 1);
        forgot++;
        return text;
    }
    return sql;
}

/* ---- a house with anna, bert (in fam) and cleo (not) */

static void run_sql(const char *sql)
{
    OK(sql_run(kit.sql, e, sql, ""));
}

static void add_account(const char *name)
{
    OK(sql_run(kit.sql, e,
               "INSERT INTO accounts (id, name, email, email_verified, created, updated) VALUES "
               "(?1, ?1, ?1, 1, 0, 0)",
               "s", name));
}

static void add_space(const char *id, const char *type, const char *owner)
{
    OK(sql_run(kit.sql, e,
               "INSERT INTO spaces (id, name, slug, type, created) VALUES (?1, ?1, ?1, ?2, 1)",
               "ss", id, type));
    OK(sql_run(kit.sql, e,
               "INSERT INTO members (id, space, account, role, created) VALUES (?1, ?1, ?2, "
               "'owner', 1)",
               "ss", id, owner));
    if (strcmp(type, "personal") == 0)
        OK(sql_run(kit.sql, e, "INSERT INTO personal_spaces (account, space) VALUES (?1, ?2)", "ss",
                   owner, id));
}

static void push(const char *account, const char *space, const char *id, const char *title, int ms)
{
    char at[CLOCK_TEXT];
    struct relay_caller who = {.account = account, .client = account};
    struct relay_written *written;
    struct wire_request q;
    uint32_t count;
    clock_format(clock_at(now + ms, 0), at);
    char *text = arena_printf(
        &arena,
        "{\"clientId\":\"%s\",\"changes\":[{\"table\":\"tasks\",\"id\":\"%s\",\"op\":\"insert\","
        "\"spaceId\":\"%s\",\"fields\":{\"title\":{\"value\":\"%s\",\"at\":\"%s\"}}},"
        "{\"table\":\"tasks\",\"id\":\"%s\",\"op\":\"update\",\"spaceId\":\"%s\","
        "\"data\":{\"note\":\"at %d\"}}]}",
        account, id, space, title, at, id, space, ms);
    OK(json_parse(&doc, text, strlen(text), 0, e));
    OK(wire_read_request(&doc, &arena, &q, e));
    OK(relay_push(relay, &who, &q, &arena, results, &written, &count, e));
    assert_int_equal(results[0].status, WIRE_APPLIED);
    assert_int_equal(results[1].status, WIRE_APPLIED);
}

static void scope(const char *name, const char *value)
{
    OK(sql_scope(kit.sql, name, value, e));
}

static int64_t number(const char *sql)
{
    struct sql_rows *rows;
    OK(sql_one(kit.sql, &rows, e, sql, ""));
    int64_t n = sql_int(rows, "n");
    sql_rows_free(rows);
    return n;
}

static int set_up(void **state)
{
    (void)state;
    forgetting = false;
    env = *raum_env_native();
    env.now_ms = fixed_now;
    kit_open(&kit);
    arena_init(&arena, 256u << 20);
    json_init(&doc);
    OK(relay_new(&relay, kit.sql, &env, e));
    add_account("anna");
    add_account("bert");
    add_account("cleo");
    add_space("p-anna", "personal", "anna");
    add_space("p-bert", "personal", "bert");
    add_space("p-cleo", "personal", "cleo");
    add_space("fam", "family", "anna");
    run_sql("INSERT INTO members (id, space, account, role, created) VALUES ('b', 'fam', 'bert', "
            "'member', 1)");
    push("anna", "fam", "t1", "Brot", 0);
    push("anna", "fam", "t1", "Milch", 5); /* history */
    push("bert", "p-bert", "mine", "own", 0);
    push("cleo", "p-cleo", "t1", "secret", 9);
    push("cleo", "p-cleo", "t2", "diary", 0);
    push("cleo", "p-cleo", "t2", "diary 2", 5);
    scope("partition", "fam");
    fam = number("SELECT ref AS n FROM partitions WHERE id = 'fam'");
    scope("partition", "p-cleo");
    cleos = number("SELECT ref AS n FROM partitions WHERE id = 'p-cleo'");
    assert_true(fam && cleos && fam != cleos);
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

/* ---- raw SQL on the server's role */

static const char *const bound[] = {"partitions", "records", "history", "receipts"};

static int64_t rows_of(const char *table)
{
    char sql[64];
    snprintf(sql, sizeof sql, "SELECT count(*) AS n FROM %s", table);
    return number(sql);
}

static void test_nothing_without_a_scope_G_T3(void **state)
{
    (void)state;
    char sql[128];
    if (!kit_is_postgres())
        skip();
    for (int round = 0; round < 2; round++) {
        OK(round ? sql_begin(kit.sql, e) : 0);
        for (size_t i = 0; i < 4; i++) {
            assert_int_equal(rows_of(bound[i]), 0);
            snprintf(sql, sizeof sql, "UPDATE %s SET %s = 7", bound[i],
                     i < 2 ? "seq" : "created");
            OK(sql_run(kit.sql, e, sql, ""));
            assert_int_equal(sql_changed(kit.sql), 0);
            snprintf(sql, sizeof sql, "DELETE FROM %s", bound[i]);
            OK(sql_run(kit.sql, e, sql, ""));
            assert_int_equal(sql_changed(kit.sql), 0);
        }
        assert_int_equal(number("SELECT count(*) AS n FROM records r JOIN partitions p ON p.ref = "
                                "r.part OR 1 = 1"),
                         0);
        OK(round ? sql_end(kit.sql, 0, e) : 0);
    }
    scope("partition", "nowhere");
    assert_int_equal(rows_of("records"), 0);
    scope("partition", "");
    assert_int_equal(rows_of("records"), 0);
    scope("partition", "p-cleo");
    assert_int_equal(rows_of("records"), 2); /* all that was tried changed nothing */
}

static void test_a_scope_shows_its_own_only_G_T3(void **state)
{
    (void)state;
    if (!kit_is_postgres())
        skip();
    const int64_t cleo_has[] = {1, 2, 2, 3}, fam_has[] = {1, 1, 2, 2};
    for (size_t i = 0; i < 4; i++) {
        scope("partition", "p-cleo");
        int64_t n = rows_of(bound[i]);
        scope("partition", "fam");
        int64_t m = rows_of(bound[i]);
        if (n != cleo_has[i] || m != fam_has[i])
            fail_msg("%s: %d and %d", bound[i], (int)n, (int)m);
        assert_int_equal(rows_of(bound[i]), 0); /* it held for one statement */
    }
    OK(sql_begin(kit.sql, e));
    scope("partition", "fam");
    assert_int_equal(number("SELECT count(*) AS n FROM records WHERE id = 't2'"), 0);
    assert_int_equal(number("SELECT min(part) AS n FROM records"), fam);
    scope("partition", "p-cleo");
    assert_int_equal(number("SELECT min(part) AS n FROM records"), cleos);
    assert_int_equal(number("SELECT max(part) AS n FROM records"), cleos);
    OK(sql_end(kit.sql, 0, e));
    assert_int_equal(rows_of("records"), 0); /* and until the end of the transaction */
    OK(sql_begin(kit.sql, e));
    scope("partition", "p-cleo");
    assert_int_equal(rows_of("records"), 2);
    assert_int_equal(sql_end(kit.sql, RAUM_EBUSY, e), RAUM_EBUSY);
    assert_int_equal(rows_of("records"), 0);
}

#define REFUSED(call)                                                                              \
    do {                                                                                           \
        assert_true((call) < 0);                                                                   \
        assert_non_null(strstr(e->text, "row-level security"));                                    \
    } while (0)

static void test_nothing_is_written_across_G_T3(void **state)
{
    (void)state;
    static const char insert[] =
        "INSERT INTO records (part, tbl, id, seq, shared, private, author, body) VALUES (?1, ?2, "
        "?3, 99, 99, 0, 1, '') ON CONFLICT (part, tbl, id) DO UPDATE SET body = ''";
    if (!kit_is_postgres())
        skip();
    OK(sql_begin(kit.sql, e));
    scope("partition", "fam");
    int64_t tbl = number("SELECT tbl AS n FROM records");
    REFUSED(sql_run(kit.sql, e, insert, "iis", cleos, tbl, "new"));
    REFUSED(sql_run(kit.sql, e, insert, "iis", cleos, tbl, "t1"));
    REFUSED(sql_run(kit.sql, e, "UPDATE records SET part = ?1, seq = 98", "i", cleos));
    REFUSED(sql_run(kit.sql, e, "UPDATE partitions SET id = 'p-cleo2'", ""));
    REFUSED(sql_run(kit.sql, e, "INSERT INTO partitions (id, seq) VALUES ('other', 0)", ""));
    REFUSED(sql_run(kit.sql, e,
                    "INSERT INTO history (part, tbl, id, seq, created, body) VALUES (?1, ?2, 't1', "
                    "99, 0, '')",
                    "ii", cleos, tbl));
    REFUSED(sql_run(kit.sql, e,
                    "INSERT INTO receipts (part, digest, at, created) VALUES (?1, '', 0, 0)", "i",
                    cleos));
    OK(sql_run(kit.sql, e, "UPDATE records SET author = 1 WHERE part = ?1", "i", cleos));
    assert_int_equal(sql_changed(kit.sql), 0);
    OK(sql_run(kit.sql, e, "DELETE FROM records WHERE part = ?1", "i", cleos));
    assert_int_equal(sql_changed(kit.sql), 0);
    OK(sql_run(kit.sql, e, insert, "iis", fam, tbl, "new")); /* its own, though */
    OK(sql_end(kit.sql, 0, e));
    scope("partition", "p-cleo");
    assert_int_equal(number("SELECT count(*) AS n FROM records WHERE length(body) > 0"), 2);
}

static void test_an_account_lists_its_own_G_T3(void **state)
{
    (void)state;
    if (!kit_is_postgres())
        skip();
    scope("account", "bert");
    assert_int_equal(rows_of("partitions"), 2); /* fam, p-bert */
    scope("account", "cleo");
    assert_int_equal(number("SELECT ref AS n FROM partitions"), cleos);
    OK(sql_begin(kit.sql, e));
    scope("account", "bert");
    for (size_t i = 1; i < 4; i++)
        assert_int_equal(rows_of(bound[i]), 0);
    OK(sql_run(kit.sql, e, "UPDATE partitions SET seq = 0", ""));
    assert_int_equal(sql_changed(kit.sql), 0);
    OK(sql_end(kit.sql, 0, e));
}

static void test_a_sweep_reaches_what_is_old_only_G_T3(void **state)
{
    (void)state;
    char text[24];
    OK(relay_sweep(kit.sql, now + RELAY_KEEP_MS - 1, e));
    scope("partition", "p-cleo");
    assert_int_equal(number("SELECT count(*) AS n FROM history WHERE part > 0"),
                     kit_is_postgres() ? 2 : 4);
    if (kit_is_postgres()) {
        snprintf(text, sizeof text, "%lld", (long long)now);
        OK(sql_begin(kit.sql, e));
        scope("before", text);
        for (size_t i = 0; i < 4; i++) {
            char sql[64];
            assert_int_equal(rows_of(bound[i]), 0);
            snprintf(sql, sizeof sql, "DELETE FROM %s", bound[i]);
            OK(sql_run(kit.sql, e, sql, ""));
            assert_int_equal(sql_changed(kit.sql), 0);
        }
        OK(sql_end(kit.sql, 0, e));
    }
    OK(relay_sweep(kit.sql, now + RELAY_KEEP_MS + 1, e));
    for (size_t i = 2; i < 4; i++) {
        scope("partition", "p-cleo");
        assert_int_equal(rows_of(bound[i]), 0);
        scope("partition", "fam");
        assert_int_equal(rows_of(bound[i]), 0);
    }
}

/* ---- statements without their filter */

static uint32_t pulled(const char *account, const char *space, const char *word)
{
    struct relay_caller who = {.account = account, .client = "reader"};
    struct relay_page page;
    uint32_t seen = 0;
    OK(relay_pull(relay, &who, NULL, space, &arena, &page, e));
    for (uint32_t i = 0; i < page.answer.change_count; i++)
        for (uint32_t k = 0; k < page.answer.changes[i].count; k++) {
            const struct merge_field *f = &page.answer.changes[i].fields[k];
            seen += memmem(f->value, f->len, word, strlen(word)) != NULL;
        }
    return seen;
}

static void test_a_pull_without_its_filters_G_T3(void **state)
{
    (void)state;
    assert_int_equal(pulled("bert", NULL, "Milch"), 1);
    assert_int_equal(pulled("bert", NULL, "secret"), 0);
    forgetting = true;
    forgot = 0;
    uint32_t own = pulled("bert", NULL, "Milch"), all = pulled("bert", NULL, "secret");
    uint32_t one = pulled("bert", "fam", "secret");
    assert_true(forgot >= 6);
    if (kit_is_postgres()) {
        assert_true(own >= 1);
        assert_int_equal(all, 0);
        assert_int_equal(one, 0);
    } else { /* the planted bug is one */
        assert_true(all > 0 && one > 0);
    }
}

static void test_a_push_without_its_filters_G_T3(void **state)
{
    (void)state;
    forgetting = true;
    forgot = 0;
    if (kit_is_postgres()) {
        push("bert", "fam", "t1", "Butter", 20); /* under cleo's id */
        push("bert", "fam", "t2", "Salz", 20);
        assert_true(forgot >= 4);
    }
    OK(relay_sweep(kit.sql, now, e));
    forgetting = false;
    if (kit_is_postgres()) {
        assert_int_equal(pulled("bert", NULL, "Butter"), 1);
        assert_int_equal(pulled("bert", NULL, "Salz"), 1);
        assert_int_equal(pulled("bert", NULL, "diary"), 0);
        assert_int_equal(pulled("cleo", NULL, "secret"), 1);
        assert_int_equal(pulled("cleo", NULL, "Butter"), 0);
        assert_int_equal(pulled("cleo", NULL, "Salz"), 0);
        scope("partition", "p-cleo");
        assert_int_equal(number("SELECT seq AS n FROM partitions"), 6);
    }
    scope("partition", "p-cleo");
    /* On SQLite the sweep looks for the last old one before it deletes: there was none. */
    assert_int_equal(rows_of("history"), kit_is_postgres() ? 2 : 4);
}

/* ---- roles that are not bound */

static void as_super(struct sql **c)
{
    char url[512];
    const char *at = strrchr(getenv("RAUM_TEST_POSTGRES"), ':');
    snprintf(url, sizeof url, "postgres://postgres@/raum?host=%s/socket&port=%.*s&options="
             "-csearch_path%%3D%s", getenv("RAUM_TEST_POSTGRES_DIR"),
             (int)strcspn(at + 1, "/"), at + 1, kit.schema);
    OK(sql_open(c, url, raum_env_native(), e));
}

static void test_roles_above_it_are_refused_G_T3(void **state)
{
    (void)state;
    struct sql *super;
    if (!kit_is_postgres())
        skip();
    as_super(&super);
    assert_int_equal(sql_migrate(super, e), RAUM_ENOT_ALLOWED);
    assert_non_null(strstr(e->text, "postgres"));
    assert_non_null(strstr(e->text, "ordinary role"));
    OK(sql_run(super, e, "ALTER ROLE raum BYPASSRLS", ""));
    assert_int_equal(sql_migrate(kit.sql, e), RAUM_ENOT_ALLOWED);
    OK(sql_run(super, e, "ALTER ROLE raum NOBYPASSRLS", ""));
    OK(sql_migrate(kit.sql, e));
    run_sql("ALTER TABLE records NO FORCE ROW LEVEL SECURITY");
    assert_true(number("SELECT count(*) AS n FROM records") > 0);
    assert_int_equal(sql_migrate(kit.sql, e), RAUM_ENOT_ALLOWED);
    assert_non_null(strstr(e->text, "policies"));
    run_sql("ALTER TABLE records FORCE ROW LEVEL SECURITY");
    OK(sql_migrate(kit.sql, e));
    sql_close(super);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_nothing_without_a_scope_G_T3),
        TEST(test_a_scope_shows_its_own_only_G_T3),
        TEST(test_nothing_is_written_across_G_T3),
        TEST(test_an_account_lists_its_own_G_T3),
        TEST(test_a_sweep_reaches_what_is_old_only_G_T3),
        TEST(test_a_pull_without_its_filters_G_T3),
        TEST(test_a_push_without_its_filters_G_T3),
        TEST(test_roles_above_it_are_refused_G_T3),
    };
    return cmocka_run_group_tests_name("relay_fence", tests, NULL, NULL);
}
