/* A database that went back in time is noticed and gets a new epoch, on both; one that did not
 * keeps its own (G-O4). */
#include "server/kit.h"

#include "server/epoch.h"
#include "server/relay/relay.h"
#include <sys/stat.h>
#include <unistd.h>

static struct kit kit;
static struct raum_error *e = &kit.error;

#define OK(call) KIT_OK(&kit, call)

static int set_up(void **state)
{
    (void)state;
    kit_open(&kit);
    OK(sql_run(kit.sql, e,
               "INSERT INTO accounts (id, name, email, email_verified, created, updated) VALUES "
               "('anna', 'anna', 'anna', 1, 0, 0)",
               ""));
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    kit_close(&kit);
    return 0;
}

static bool renews_on(struct sql *c, const char *folder)
{
    bool renewed = false;
    OK(epoch_check(c, folder, raum_env_native(), &renewed, e));
    return renewed;
}

static bool renews(void)
{
    return renews_on(kit.sql, kit.folder);
}

/* The epoch as a device hears it. */
static void epoch_of(struct sql *c, char out[32])
{
    struct relay *relay;
    struct arena a;
    struct relay_page page;
    struct relay_caller anna = {.account = "anna", .client = "phone"};
    arena_init(&a, 1 << 24);
    OK(relay_new(&relay, c, raum_env_native(), e));
    OK(relay_pull(relay, &anna, NULL, NULL, &a, &page, e));
    snprintf(out, 32, "%s", page.answer.epoch);
    relay_free(relay);
    arena_release(&a);
}

static void set_mark(int64_t n)
{
    OK(sql_run(kit.sql, e, "UPDATE relay_state SET value = ?1 WHERE key = 'mark'", "s",
               n == 1 ? "1" : "0"));
}

static void test_an_epoch_lasts_G_O4(void **state)
{
    (void)state;
    char first[32], later[32];
    epoch_of(kit.sql, first);
    for (int i = 0; i < 5; i++)
        assert_false(renews());
    epoch_of(kit.sql, later);
    assert_string_equal(first, later);
    /* Another node, with a data directory of its own. */
    char other[128];
    snprintf(other, sizeof other, "%s/other", kit.folder);
    assert_int_equal(mkdir(other, 0700), 0);
    for (int i = 0; i < 3; i++) {
        assert_false(renews_on(kit.sql, other));
        assert_false(renews());
    }
}

static void test_an_older_database_G_O4(void **state)
{
    (void)state;
    char first[32], later[32];
    for (int i = 0; i < 3; i++)
        assert_false(renews());
    epoch_of(kit.sql, first);
    set_mark(1); /* what it was in an earlier backup */
    assert_true(renews());
    epoch_of(kit.sql, later);
    assert_string_not_equal(first, later);
    assert_false(renews());
    epoch_of(kit.sql, first);
    assert_string_equal(first, later);
}

static void test_a_database_made_anew_G_O4(void **state)
{
    (void)state;
    for (int i = 0; i < 3; i++)
        assert_false(renews());
    OK(sql_run(kit.sql, e, "DELETE FROM relay_state WHERE key IN ('mark', 'place')", ""));
    assert_true(renews());
    assert_false(renews());
}

static void test_the_file_is_lost_or_spoilt(void **state)
{
    (void)state;
    char path[128];
    snprintf(path, sizeof path, "%s/mark", kit.folder);
    assert_false(renews());
    assert_int_equal(unlink(path), 0);
    assert_false(renews());
    assert_int_equal(access(path, R_OK), 0);
    FILE *f = fopen(path, "w");
    fputs("what?", f);
    fclose(f);
    assert_false(renews());
    set_mark(0);
    assert_true(renews());
    assert_int_equal(unlink(path), 0);
    assert_int_equal(mkdir(path, 0700), 0);
    bool renewed;
    assert_true(epoch_check(kit.sql, kit.folder, raum_env_native(), &renewed, e) < 0);
    assert_non_null(strstr(e->text, "mark"));
    rmdir(path);
}

/* A copy of the whole database beside the first, as pg_restore makes one. */
static void test_restored_elsewhere_G_O4(void **state)
{
    (void)state;
    struct sql *super, *copy;
    char url[512], first[32], later[32];
    if (!kit_is_postgres())
        skip();
    const char *at = strrchr(getenv("RAUM_TEST_POSTGRES"), ':');
    int port = (int)strtol(at + 1, NULL, 10);
    assert_false(renews());
    epoch_of(kit.sql, first);
    snprintf(url, sizeof url, "postgres://postgres@/postgres?host=%s/socket&port=%d",
             getenv("RAUM_TEST_POSTGRES_DIR"), port);
    OK(sql_open(&super, url, raum_env_native(), e));
    sql_close(kit.sql); /* a template has no visitors */
    kit.sql = NULL;
    OK(sql_run(super, e, "CREATE DATABASE copy TEMPLATE raum OWNER raum", ""));
    snprintf(url, sizeof url,
             "postgres://raum:raum-test@127.0.0.1:%d/copy?options=-csearch_path%%3D%s", port,
             kit.schema);
    OK(sql_open(&copy, url, raum_env_native(), e));
    OK(sql_migrate(copy, e)); /* its policies came along */
    epoch_of(copy, later);
    assert_string_equal(first, later);
    char other[128];
    snprintf(other, sizeof other, "%s/other", kit.folder);
    assert_int_equal(mkdir(other, 0700), 0);
    assert_true(renews_on(copy, other));
    epoch_of(copy, later);
    assert_string_not_equal(first, later);
    assert_false(renews_on(copy, other));
    sql_close(copy);
    OK(sql_run(super, e, "DROP DATABASE copy", ""));
    sql_close(super);
    kit.sql = kit_connect(&kit);
    assert_false(renews()); /* the first one is what it was */
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_an_epoch_lasts_G_O4),
        TEST(test_an_older_database_G_O4),
        TEST(test_a_database_made_anew_G_O4),
        TEST(test_the_file_is_lost_or_spoilt),
        TEST(test_restored_elsewhere_G_O4),
    };
    return cmocka_run_group_tests_name("epoch", tests, NULL, NULL);
}
