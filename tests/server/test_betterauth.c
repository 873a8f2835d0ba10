/* Taking over a Better Auth server. tests/data/betterauth/database.sql is what better-auth 1.7
 * wrote when three people signed up, made four organizations and invited each other. */
#include "server/kit.h"

#include "base/arena.h"
#include "db/db.h"
#include "server/auth/crypto.h"
#include "server/store/betterauth.h"

#include <unistd.h>

#define ANNA "s7DwIZtzCfI0XgZj9thgM6ngTDTcC878"
#define BEN "xPh4lquyN83b7iaBwPW6gVcP55Iuyxb5"
#define CEM "SEA6b2WVbUAhXXsBfsGw6g0cavWAoslb"
#define FAMILY "Y6r5KnDgVeNQMkLU8b18JNCltaKs8JGR"
#define ANNAS "ThHwmMKf6OyLI5WW6gvnIg4rHlknY6qe"
#define OLD_TEAM "hNRx9ljxDxy9xkZDuoigZxAba2PehCQ5"
#define HELP "MMICLtYWTzuoNBodSsPocMNxqeaUgoTo"

static struct kit k;
static struct raum_error *e = &k.error;
static struct db *from;
static char file[128];
static struct betterauth_report report;

#define OK(call) KIT_OK(&k, call)

static void load(void)
{
    char path[512];
    void *text;
    size_t len;
    snprintf(path, sizeof path, "%s/betterauth/database.sql", getenv("RAUM_TEST_DATA"));
    OK(raum_env_native()->file_read(NULL, path, 1 << 20, &text, &len));
    char *sql = strndup(text, len);
    OK(db_exec(from, sql, e));
    free(text);
    free(sql);
}

static int set_up(void **state)
{
    (void)state;
    kit_open(&k);
    snprintf(file, sizeof file, "%s/better.db", k.folder);
    OK(db_open(&from, file, DB_CREATE, e));
    load();
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    betterauth_report_release(&report);
    db_close(from);
    kit_close(&k);
    return 0;
}

static int import(void)
{
    betterauth_report_release(&report);
    return betterauth_import(k.sql, file, raum_env_native(), &report, e);
}

static int64_t number(const char *sql)
{
    struct sql_rows *rows;
    OK(sql_one(k.sql, &rows, e, sql, ""));
    int64_t n = sql_int(rows, "n");
    sql_rows_free(rows);
    return n;
}

/* The column `s` of the only row, or "none". */
static const char *text(const char *sql)
{
    static char out[400];
    struct sql_rows *rows;
    int result = sql_one(k.sql, &rows, e, sql, "");
    assert_true(result == 0 || result == RAUM_END);
    snprintf(out, sizeof out, "%s", result == RAUM_END ? "none" : sql_text(rows, "s"));
    sql_rows_free(rows);
    return out;
}

static int64_t everything(void)
{
    return number("SELECT (SELECT count(*) FROM accounts) + (SELECT count(*) FROM credentials) +"
                  " (SELECT count(*) FROM spaces) + (SELECT count(*) FROM members) +"
                  " (SELECT count(*) FROM personal_spaces) + (SELECT count(*) FROM invitations)"
                  " AS n");
}

/* Whatever was imported: each live account has its personal space and owns it, alone; each space
 * has an owner and a type. */
static void check_rules(void)
{
    assert_int_equal(number("SELECT count(*) AS n FROM accounts a WHERE NOT EXISTS ("
                            "SELECT 1 FROM personal_spaces p JOIN spaces s ON s.id = p.space"
                            " JOIN members m ON m.space = s.id AND m.account = a.id"
                            " WHERE p.account = a.id AND s.type = 'personal'"
                            " AND m.role LIKE '%owner%')"),
                     0);
    assert_int_equal(number("SELECT count(*) AS n FROM spaces s WHERE s.type = 'personal' AND"
                            " 1 <> (SELECT count(*) FROM members m WHERE m.space = s.id)"),
                     0);
    assert_int_equal(number("SELECT count(*) AS n FROM spaces s WHERE s.type = 'personal' AND"
                            " 1 <> (SELECT count(*) FROM personal_spaces p WHERE p.space = s.id)"),
                     0);
    assert_int_equal(number("SELECT count(*) AS n FROM spaces s WHERE NOT EXISTS ("
                            "SELECT 1 FROM members m WHERE m.space = s.id"
                            " AND m.role LIKE '%owner%')"),
                     0);
    assert_int_equal(number("SELECT count(*) AS n FROM spaces WHERE type NOT IN ('personal',"
                            "'brand','club','family','team','practice')"
                            " OR metadata NOT LIKE '%\"type\":\"' || type || '\"%'"),
                     0);
}

static void test_a_real_one(void **state)
{
    (void)state;
    OK(import());
    assert_int_equal(report.accounts, 3);
    assert_int_equal(report.passwords, 3);
    assert_int_equal(report.spaces, 4);
    assert_int_equal(report.members, 5);
    assert_int_equal(report.invitations, 2);
    assert_int_equal(report.personal, 3); /* Anna brought hers */
    assert_int_equal(report.present + report.orphans, 0);
    check_rules();
    assert_int_equal(number("SELECT count(*) AS n FROM spaces"), 6);
    assert_string_equal(text("SELECT space AS s FROM personal_spaces WHERE account = '" ANNA "'"),
                        ANNAS);
    assert_string_equal(
        text("SELECT type || slug || metadata AS s FROM spaces WHERE id = '" FAMILY "'"),
        "familyfamilie{\"type\":\"family\",\"color\":\"green\"}");
    assert_string_equal(text("SELECT type || ' ' || slug || ' ' || metadata AS s FROM spaces"
                             " WHERE id = '" OLD_TEAM "'"),
                        "team old-team {\"type\":\"team\"}");
    assert_string_equal(text("SELECT type || ' ' || slug AS s FROM spaces WHERE id = '" HELP "'"),
                        "club help-2");
    assert_string_equal(
        text("SELECT role AS s FROM members WHERE account = '" BEN "' AND space = '" FAMILY "'"),
        "admin");
    assert_string_equal(text("SELECT status AS s FROM invitations WHERE email = 'new@example.test'"
                             " AND space = '" FAMILY "' AND inviter = '" ANNA "'"),
                        "pending");
    assert_int_equal(number("SELECT created AS n FROM accounts WHERE id = '" ANNA "'"),
                     1795597750629);
    assert_int_equal(number("SELECT email_verified AS n FROM accounts WHERE id = '" BEN "'"), 1);
    assert_int_equal(number("SELECT email_verified AS n FROM accounts WHERE id = '" CEM "'"), 0);
    assert_int_equal(report.changed, 3);
    assert_non_null(strstr(buf_text(&report.notes), "Old_Team becomes old-team"));
    assert_non_null(strstr(buf_text(&report.notes), "none of the six types"));
    assert_non_null(strstr(buf_text(&report.notes), "help becomes help-2"));
}

static void test_passwords_still_open(void **state)
{
    (void)state;
    char hash[CRYPTO_PASSWORD_MAX];
    bool rehash;
    OK(import());
    snprintf(hash, sizeof hash, "%s",
             text("SELECT hash AS s FROM credentials WHERE account = '" ANNA "'"));
    OK(crypto_password_check("anna-passwort", hash, &rehash, e));
    assert_true(rehash);
    assert_int_equal(crypto_password_check("ben-passwort", hash, &rehash, e), RAUM_ENOT_ALLOWED);
    snprintf(hash, sizeof hash, "%s",
             text("SELECT hash AS s FROM credentials WHERE account = '" BEN "'"));
    OK(crypto_password_check("Pa\xc3\x9fwort \xc3\xa4\xc3\xb6"
                             "fi 1",
                             hash, &rehash, e));
}

static void test_again(void **state)
{
    (void)state;
    OK(import());
    int64_t before = everything();
    /* What happened here since stays: a new password, a left space, a renamed one, one deleted. */
    OK(sql_run(k.sql, e, "UPDATE credentials SET hash = 'new' WHERE account = '" BEN "'", ""));
    OK(sql_run(k.sql, e, "UPDATE accounts SET email = 'anna@new.test' WHERE id = '" ANNA "'", ""));
    OK(sql_run(k.sql, e,
               "UPDATE spaces SET name = 'Us', slug = 'us'"
               " WHERE id = '" FAMILY "'",
               ""));
    OK(sql_run(k.sql, e, "DELETE FROM members WHERE account = '" BEN "' AND space = '" FAMILY "'",
               ""));
    for (int i = 0; i < 2; i++) {
        OK(import());
        assert_int_equal(report.accounts + report.passwords + report.spaces + report.members +
                             report.invitations + report.personal + report.changed,
                         0);
        assert_int_equal(report.present, 7);
        assert_int_equal(everything(), before - 1);
        assert_string_equal(text("SELECT hash AS s FROM credentials WHERE account = '" BEN "'"),
                            "new");
        assert_string_equal(text("SELECT name || slug AS s FROM spaces WHERE id = '" FAMILY "'"),
                            "Usus");
    }
    /* Who deleted the account here does not come back. */
    OK(sql_run(k.sql, e,
               "DELETE FROM spaces WHERE id ="
               " (SELECT space FROM personal_spaces WHERE account = '" CEM "')",
               ""));
    OK(sql_run(k.sql, e, "DELETE FROM accounts WHERE id = '" CEM "'", ""));
    OK(sql_run(k.sql, e, "INSERT INTO gone_accounts (id, deleted) VALUES ('" CEM "', 1)", ""));
    OK(import());
    assert_int_equal(report.accounts, 0);
    /* Who came since does, with what he joined. */
    OK(db_exec(from,
               "INSERT INTO user VALUES ('d', 'Dee', 'DEE@Example.Test', 0, NULL,"
               " 1764060382000, '2025-11-25 08:46:22');"
               "INSERT INTO member VALUES ('dm', '" FAMILY "', 'd', 'member',"
               " '2025-11-25T08:46:22.000Z');"
               "INSERT INTO member VALUES ('dp', '" ANNAS "', 'd', 'owner',"
               " '2025-11-25T08:46:22.000Z');",
               e));
    OK(import());
    assert_int_equal(report.accounts, 1);
    assert_int_equal(report.members, 1); /* not into Anna's personal space */
    assert_int_equal(report.personal, 1);
    assert_string_equal(text("SELECT email AS s FROM accounts WHERE id = 'd'"), "dee@example.test");
    assert_int_equal(number("SELECT created - updated AS n FROM accounts WHERE id = 'd'"), 0);
    check_rules();
}

/* Whatever cannot be taken is refused whole, and the row is named. */
static void refuses(const char *damage, int code, const char *mentions)
{
    int64_t before = everything();
    OK(db_exec(from, damage, e));
    int result = import();
    if (result != code)
        fail_msg("%s: %d %s", damage, result, e->text);
    if (!strstr(e->text, mentions))
        fail_msg("%s: \"%s\" does not mention %s", damage, e->text, mentions);
    assert_int_equal(everything(), before);
    assert_int_equal(report.accounts, 0);
}

static void test_refused_whole(void **state)
{
    (void)state;
    OK(sql_run(k.sql, e,
               "INSERT INTO accounts (id, name, email, email_verified, created, updated)"
               " VALUES ('other', 'O', 'cem@example.test', 1, 0, 0)",
               ""));
    refuses("SELECT 1", RAUM_EEXISTS, "cem@example.test");
    OK(sql_run(k.sql, e, "DELETE FROM accounts", ""));
    refuses("UPDATE user SET email = 'no address' WHERE name = 'Ben'", RAUM_EBAD_CHANGE, BEN);
    refuses("UPDATE user SET email = 'ben@example.test', name = CAST(x'ff00' AS TEXT)"
            " WHERE name = 'Ben'",
            RAUM_EBAD_CHANGE, BEN);
    refuses("UPDATE user SET name = 'Ben', id = '' WHERE email LIKE 'ben%'", RAUM_EBAD_CHANGE,
            "no id");
    refuses("UPDATE user SET id = hex(zeroblob(100)) WHERE id = ''", RAUM_EBAD_CHANGE, "100");
    refuses("UPDATE user SET id = '" BEN "' WHERE email LIKE 'ben%';"
            "UPDATE organization SET name = CAST(x'c0af' AS TEXT) WHERE id = '" HELP "'",
            RAUM_EBAD_CHANGE, HELP);
    OK(db_exec(from, "UPDATE organization SET name = 'x' WHERE id = '" HELP "'", e));
    OK(import());
}

static void test_other_files(void **state)
{
    (void)state;
    char path[160], server[512];
    OK(db_exec(from, "ALTER TABLE account RENAME TO accountx", e));
    assert_int_equal(import(), RAUM_ECORRUPT);
    assert_non_null(strstr(e->text, "account"));
    snprintf(path, sizeof path, "%s/none.db", k.folder);
    assert_int_equal(betterauth_import(k.sql, path, raum_env_native(), &report, e),
                     RAUM_ENOT_FOUND);
    assert_int_equal(access(path, F_OK), -1);
    snprintf(path, sizeof path, "%s/text.db", k.folder);
    FILE *f = fopen(path, "w");
    for (int i = 0; i < 200; i++)
        fputs("not a database, a letter\n", f);
    fclose(f);
    assert_int_equal(betterauth_import(k.sql, path, raum_env_native(), &report, e), RAUM_ECORRUPT);
    if (!kit_is_postgres()) { /* our own file is none of Better Auth's */
        snprintf(server, sizeof server, "%s", k.url);
        assert_int_equal(betterauth_import(k.sql, server, raum_env_native(), &report, e),
                         RAUM_ECORRUPT);
    }
}

/* Better Auth without the organization plugin. */
static void test_without_organizations(void **state)
{
    (void)state;
    OK(db_exec(from, "DROP TABLE invitation; DROP TABLE member; DROP TABLE organization", e));
    OK(import());
    assert_int_equal(report.accounts, 3);
    assert_int_equal(report.spaces, 0);
    assert_int_equal(report.personal, 3);
    check_rules();
}

/* What other configurations and years leave behind. */
static void test_odd_rows(void **state)
{
    (void)state;
    OK(db_exec(
        from,
        "ALTER TABLE user ADD COLUMN banned integer;"
        "UPDATE user SET banned = 1 WHERE name = 'Anna';"
        "UPDATE account SET password = '$2b$10$bcrypt' WHERE userId = '" BEN "';"
        "DELETE FROM account WHERE userId = '" CEM "';"
        "UPDATE organization SET slug = 'ANNA', metadata = '{\"a\":1,\"type\":\"kingdom\"'"
        " WHERE id = '" OLD_TEAM "';"
        /* second personal spaces, shared ones, ones of nobody */
        "INSERT INTO organization VALUES ('p2', 'Second', 'second', NULL, 'x',"
        " '{\"type\":\"personal\",\"keep\":[1,2]}'),"
        " ('p3', 'Shared', 'shared', NULL, 'x', '{\"type\":\"personal\"}'),"
        " ('p4', 'Nobody', 'nobody', NULL, 'x', '{\"type\":\"team\"}'),"
        " ('p5', '', '\xf0\x9f\x8c\xb3', NULL, 'x', '[]'),"
        " ('p6', 'Ownerless', 'me', NULL, 'x', '{\"type\":\"brand\",\"type\":\"club\"}'),"
        " ('zz', 'A\nB', 'a--b', NULL, 1764060382, '{\"type\":\"practice\",\"t\":\"\\u00e9\"}');"
        "INSERT INTO member VALUES ('m1', 'p2', '" ANNA "', 'owner', 'x'),"
        " ('m2', 'p3', '" CEM "', 'owner', 'x'), ('m3', 'p3', '" BEN "', 'member', 'x'),"
        " ('m4', 'p5', '" CEM "', 'owner,admin', 'x'),"
        " ('m5', 'p6', '" CEM "', 'member', '2020-01-01T00:00:00Z'),"
        " ('m6', 'p6', '" BEN "', 'admin', '2021-01-01T00:00:00Z'),"
        " ('m7', 'p6', '" ANNA "', 'king', '2019-01-01T00:00:00Z'),"
        " ('m8', 'zz', 'ghost', 'owner', 'x'), ('m9', 'nowhere', '" ANNA "', 'owner', 'x'),"
        " ('m10', 'zz', '" ANNA "', 'owner', 'x'), ('m11', 'zz', '" ANNA "', 'member', 'x');"
        "INSERT INTO invitation VALUES ('i1', 'zz', 'X@Y', NULL, 'weird', 'x', 'x', 'ghost'),"
        " ('i2', 'p4', 'x@y', 'member', 'pending', 'x', 'x', 'ghost');",
        e));
    OK(import());
    check_rules();
    assert_int_equal(number("SELECT disabled AS n FROM accounts WHERE id = '" ANNA "'"), 1);
    assert_int_equal(report.passwords, 1);
    assert_string_equal(text("SELECT hash AS s FROM credentials WHERE account = '" BEN "'"),
                        "none");
    assert_int_equal(number("SELECT count(*) AS n FROM spaces WHERE id = 'p4'"), 0);
    assert_string_equal(text("SELECT metadata AS s FROM spaces WHERE id = 'p3'"),
                        "{\"type\":\"team\"}");
    assert_string_equal(text("SELECT account AS s FROM members WHERE space = 'p6'"
                             " AND role = 'owner'"),
                        BEN);
    assert_string_equal(text("SELECT role AS s FROM members WHERE id = 'm7'"), "member");
    assert_string_equal(text("SELECT status || role AS s FROM invitations WHERE id = 'i1'"),
                        "canceledmember");
    assert_int_equal(number("SELECT count(*) AS n FROM members WHERE space = 'zz'"), 1);
    assert_int_equal(number("SELECT created AS n FROM spaces WHERE id = 'zz'"), 1764060382000);
    assert_int_equal(report.orphans, 3);
    assert_non_null(strstr(buf_text(&report.notes), "(A B): its slug a--b becomes a-b"));
    assert_non_null(strstr(buf_text(&report.notes), "must be reset"));
    size_t lines = 0;
    for (const char *c = buf_text(&report.notes); (c = strchr(c, '\n')); c++)
        lines++;
    assert_int_equal(lines, report.changed);
    OK(import());
    assert_int_equal(report.accounts + report.members + report.invitations, 0);
}

/* A house of a thousand, in one transaction. */
static void test_many(void **state)
{
    (void)state;
    OK(db_exec(
        from,
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 300)"
        " INSERT INTO user SELECT 'u' || i, 'Anna', 'anna' || (i % 3) || '@' || i || '.test',"
        " 1, NULL, '2026-01-01T00:00:00.000Z', '2026-01-01T00:00:00.000Z' FROM n;",
        e));
    OK(import());
    assert_int_equal(report.accounts, 303);
    assert_int_equal(report.personal, 303);
    check_rules();
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_a_real_one),  TEST(test_passwords_still_open),
        TEST(test_again),       TEST(test_refused_whole),
        TEST(test_other_files), TEST(test_without_organizations),
        TEST(test_odd_rows),    TEST(test_many),
    };
    return cmocka_run_group_tests_name("betterauth", tests, NULL, NULL);
}
