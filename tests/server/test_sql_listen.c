/* Notices between connections, one suite on SQLite and PostgreSQL: heard after the commit, in its
 * order, by everybody of the same schema and by nobody else; what was missed is told. */
#include "server/kit.h"

#include "server/store/sql_listen.h"

#include <pthread.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#define SOON 5000

static struct kit k;
static struct raum_error *e = &k.error;
static struct sql_listener *ear;

#define OK(call) KIT_OK(&k, call)

static int set_up(void **state)
{
    (void)state;
    kit_open(&k);
    OK(sql_listen(&ear, k.url, "changes", e));
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    sql_listener_free(ear);
    kit_close(&k);
    return 0;
}

static int64_t now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void say(struct sql *c, const char *channel, const char *payload)
{
    OK(sql_begin(c, e));
    OK(sql_notify(c, channel, payload, e));
    OK(sql_end(c, 0, e));
}

static enum sql_heard hear(struct sql_listener *l, int wait_ms, struct sql_notice *out)
{
    OK(sql_listener_wait(l, -1, wait_ms, out, e));
    return out->heard;
}

static void hears(struct sql_listener *l, const char *payload)
{
    struct sql_notice n;
    assert_int_equal(hear(l, SOON, &n), SQL_HEARD_NOTICE);
    assert_string_equal(n.payload, payload);
}

static void hears_nothing(struct sql_listener *l)
{
    struct sql_notice n;
    assert_int_equal(hear(l, 50, &n), SQL_HEARD_NOTHING);
    assert_null(n.payload);
}

static void test_after_the_commit(void **state)
{
    (void)state;
    struct sql *c = kit_connect(&k);
    OK(sql_begin(c, e));
    OK(sql_notify(c, "changes", "one", e));
    OK(sql_notify(c, "changes", "two", e));
    OK(sql_notify(c, "changes", "one", e));
    hears_nothing(ear);
    OK(sql_begin(c, e));
    OK(sql_notify(c, "changes", "", e));
    OK(sql_end(c, 0, e));
    hears_nothing(ear);
    OK(sql_end(c, 0, e));
    hears(ear, "one");
    hears(ear, "two");
    hears(ear, "");
    hears_nothing(ear);
    say(k.sql, "changes", "Z\xc3\xbcge '$1 \\ \xf0\x9f\x8c\xb3");
    hears(ear, "Z\xc3\xbcge '$1 \\ \xf0\x9f\x8c\xb3");
    sql_close(c);
}

static void test_not_after_a_rollback(void **state)
{
    (void)state;
    OK(sql_begin(k.sql, e));
    OK(sql_notify(k.sql, "changes", "no", e));
    assert_int_equal(sql_end(k.sql, RAUM_ENOT_FOUND, e), RAUM_ENOT_FOUND);
    OK(sql_begin(k.sql, e));
    OK(sql_begin(k.sql, e));
    OK(sql_notify(k.sql, "changes", "no", e));
    assert_int_equal(sql_end(k.sql, RAUM_EBUSY, e), RAUM_EBUSY);
    assert_int_equal(sql_end(k.sql, 0, e), RAUM_EBUSY);
    struct sql *c = kit_connect(&k);
    OK(sql_begin(c, e));
    OK(sql_notify(c, "changes", "no", e));
    sql_close(c);
    say(k.sql, "changes", "yes");
    hears(ear, "yes");
    hears_nothing(ear);
}

static void test_who_hears(void **state)
{
    (void)state;
    struct sql_listener *second, *other, *stranger;
    struct kit elsewhere;
    kit_open(&elsewhere); /* another schema of the same database, or another file */
    OK(sql_listen(&second, k.url, "changes", e));
    OK(sql_listen(&other, k.url, "accounts", e));
    OK(sql_listen(&stranger, elsewhere.url, "changes", e));
    say(k.sql, "changes", "here");
    hears(ear, "here");
    hears(second, "here");
    hears_nothing(other);
    hears_nothing(stranger);
    say(k.sql, "accounts", "gone");
    hears(other, "gone");
    say(elsewhere.sql, "changes", "there");
    hears(stranger, "there");
    sql_listener_free(second);
    say(k.sql, "changes", "again");
    hears(ear, "again");
    hears_nothing(ear);
    sql_listener_free(other);
    sql_listener_free(stranger);
    sql_listener_free(NULL);
    kit_close(&elsewhere);
}

static void test_payloads(void **state)
{
    (void)state;
    char *text = malloc(SQL_NOTICE_MAX + 2);
    memset(text, 'x', SQL_NOTICE_MAX + 1);
    text[SQL_NOTICE_MAX + 1] = 0;
    OK(sql_begin(k.sql, e));
    assert_int_equal(sql_notify(k.sql, "changes", text, e), RAUM_ETOO_LARGE);
    assert_int_equal(sql_notify(k.sql, "changes", "\xff", e), RAUM_EBAD_CHANGE);
    text[SQL_NOTICE_MAX] = 0;
    OK(sql_notify(k.sql, "changes", text, e));
    OK(sql_end(k.sql, 0, e));
    hears(ear, text);
    hears_nothing(ear);
    free(text);
}

static void test_waiting_ends(void **state)
{
    (void)state;
    struct sql_notice n;
    int wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    int64_t from = now_ms();
    OK(sql_listener_wait(ear, wake, 200, &n, e));
    assert_int_equal(n.heard, SQL_HEARD_NOTHING);
    assert_in_range(now_ms() - from, 195, 2000);
    eventfd_write(wake, 1);
    from = now_ms();
    OK(sql_listener_wait(ear, wake, SOON, &n, e));
    assert_int_equal(n.heard, SQL_HEARD_NOTHING);
    assert_true(now_ms() - from < SOON / 2);
    say(k.sql, "changes", "one"); /* whoever is woken all the time hears, too */
    for (from = now_ms(); n.heard == SQL_HEARD_NOTHING && now_ms() - from < SOON;)
        OK(sql_listener_wait(ear, wake, 1, &n, e));
    assert_int_equal(n.heard, SQL_HEARD_NOTICE);
    close(wake);
}

#define SPEAKERS 4
#define WORDS 100

static void *speak(void *arg)
{
    struct raum_error error;
    struct sql *c = NULL;
    int result = sql_open(&c, k.url, raum_env_native(), &error);
    for (int i = 0; i < WORDS && result == 0; i++) {
        char payload[32];
        snprintf(payload, sizeof payload, "%d %d", *(int *)arg, i);
        result = sql_begin(c, &error);
        if (result == 0) {
            result = sql_notify(c, "changes", payload, &error);
            result = sql_end(c, result, &error);
        }
    }
    sql_close(c);
    return result == 0 ? NULL : arg;
}

static void test_many_speak(void **state)
{
    (void)state;
    pthread_t threads[SPEAKERS];
    int numbers[SPEAKERS], next[SPEAKERS] = {0};
    void *failed;
    for (int i = 0; i < SPEAKERS; i++) {
        numbers[i] = i;
        assert_int_equal(pthread_create(&threads[i], NULL, speak, &numbers[i]), 0);
    }
    for (int i = 0; i < SPEAKERS * WORDS; i++) {
        struct sql_notice n;
        int who, word;
        assert_int_equal(hear(ear, SOON, &n), SQL_HEARD_NOTICE);
        assert_int_equal(sscanf(n.payload, "%d %d", &who, &word), 2);
        assert_in_range(who, 0, SPEAKERS - 1);
        assert_int_equal(word, next[who]++);
    }
    for (int i = 0; i < SPEAKERS; i++) {
        pthread_join(threads[i], &failed);
        assert_null(failed);
    }
    hears_nothing(ear);
}

/* G-O3: who does not listen costs a bounded amount, and learns that something is missing. */
static void test_slow_listener(void **state)
{
    (void)state;
    struct sql_notice n;
    if (kit_is_postgres())
        skip(); /* there the kernel's buffers and the database's queue hold it */
    for (int i = 0; i < 2000; i++) {
        char payload[32];
        snprintf(payload, sizeof payload, "%d", i);
        say(k.sql, "changes", payload);
    }
    assert_int_equal(hear(ear, 0, &n), SQL_HEARD_GAP);
    hears_nothing(ear);
    say(k.sql, "changes", "more");
    hears(ear, "more");
    hears_nothing(ear);
}

/* ---- the connection is lost */

static void postgres(const char *verb)
{
    char command[1024];
    snprintf(command, sizeof command, "'%s' %s '%s' >/dev/null",
             getenv("RAUM_TEST_POSTGRES_SH"), verb, getenv("RAUM_TEST_POSTGRES_DIR"));
    assert_int_equal(system(command), 0);
}

static void test_line_is_cut(void **state)
{
    (void)state;
    struct sql_notice n;
    if (!kit_is_postgres())
        skip();
    for (int i = 0; i < 3; i++) {
        say(k.sql, "changes", "before");
        hears(ear, "before");
        OK(sql_run(k.sql, e,
                   "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE "
                   "'LISTEN%' AND pid <> pg_backend_pid()",
                   ""));
        assert_int_equal(hear(ear, SOON, &n), SQL_HEARD_GAP);
        say(k.sql, "changes", "after");
        hears(ear, "after");
        hears_nothing(ear);
    }
}

static void test_database_is_away(void **state)
{
    (void)state;
    struct sql_notice n;
    int wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK), result = 0;
    if (!kit_is_postgres())
        skip();
    postgres("stop");
    int64_t from = now_ms();
    for (int i = 0; i < 3; i++) {
        result = sql_listener_wait(ear, wake, SOON, &n, e);
        assert_int_equal(result, RAUM_EUNREACHABLE);
        assert_non_null(strstr(e->text, "database"));
        assert_null(strstr(e->text, "raum-test")); /* the password */
    }
    assert_true(now_ms() - from >= 1900); /* not as fast as it can */
    eventfd_write(wake, 1);
    from = now_ms();
    OK(sql_listener_wait(ear, wake, SOON, &n, e));
    assert_true(now_ms() - from < 500);
    postgres("again");
    for (from = now_ms(); now_ms() - from < 20000 && n.heard == SQL_HEARD_NOTHING;)
        result = sql_listener_wait(ear, -1, SOON, &n, e);
    assert_int_equal(result, 0);
    assert_int_equal(n.heard, SQL_HEARD_GAP);
    say(k.sql, "changes", "after");
    hears(ear, "after");
    close(wake);
}

static void test_cannot_listen(void **state)
{
    (void)state;
    struct sql_listener *l = ear;
    assert_true(sql_listen(&l, kit_is_postgres() ? "postgres://127.0.0.1:1/x" : "/no/such/file",
                           "changes", e) < 0);
    assert_null(l);
    assert_true(strlen(e->text) > 0);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_after_the_commit),
        TEST(test_not_after_a_rollback),
        TEST(test_who_hears),
        TEST(test_payloads),
        TEST(test_waiting_ends),
        TEST(test_many_speak),
        TEST(test_slow_listener),
        TEST(test_line_is_cut),
        TEST(test_database_is_away),
        TEST(test_cannot_listen),
    };
    return cmocka_run_group_tests_name("sql_listen", tests, NULL, NULL);
}
