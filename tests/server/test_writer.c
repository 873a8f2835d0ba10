/* The one writer: what is told was committed before (G-O1), many pushes are one transaction, one
 * that fails takes none of the others along, and what is too much is refused at once. */
#include "server/kit.h"

#include "server/relay/writer.h"
#include <pthread.h>
#include <stdatomic.h>
#include <sys/stat.h>
#include <time.h>

#define JOBS 40
#define THREADS 8

static struct kit kit;
static struct relay_writer *writer;

struct job {
    struct relay_job job;
    struct relay_exchange exchange;
    struct arena arena;
    struct json_doc doc;
    atomic_int done;
    int64_t found; /* rows that another connection saw when it was told */
    char id[32];
};

static int set_up(void **state)
{
    (void)state;
    kit_open(&kit);
    KIT_OK(&kit, sql_run(kit.sql, &kit.error,
                         "INSERT INTO accounts (id, name, email, email_verified, created, updated) "
                         "VALUES ('anna', 'a', 'a', 1, 0, 0)",
                         ""));
    KIT_OK(&kit, sql_run(kit.sql, &kit.error,
                         "INSERT INTO spaces (id, name, slug, type, created) VALUES ('fam', 'f', "
                         "'fam', 'family', 1)",
                         ""));
    KIT_OK(&kit, sql_run(kit.sql, &kit.error,
                         "INSERT INTO members (id, space, account, role, created) VALUES ('m', "
                         "'fam', 'anna', 'owner', 1)",
                         ""));
    KIT_OK(&kit, relay_writer_new(&writer, kit.url, raum_env_native(), &kit.error));
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    relay_writer_free(writer);
    kit_close(&kit);
    return 0;
}

static int64_t rows_of(struct sql *c, const char *id)
{
    struct sql_rows *rows;
    struct raum_error e;
    assert_int_equal(
        sql_one(c, &rows, &e, "SELECT count(*) AS n FROM records WHERE id = ?1", "s", id), 0);
    int64_t n = sql_int(rows, "n");
    sql_rows_free(rows);
    return n;
}

/* On the writer's thread: another connection must see it by now. */
static void told(struct relay_job *job)
{
    struct job *j = job->arg;
    struct sql *c = kit_connect(&kit);
    j->found = rows_of(c, j->id);
    sql_close(c);
    atomic_store(&j->done, 1);
}

static void prepare(struct job *j, int n, size_t memory)
{
    static const struct relay_caller who = {.account = "anna", .client = "phone"};
    *j = (struct job){.job = {.exchange = &j->exchange, .done = told, .arg = j}};
    arena_init(&j->arena, 1u << 20);
    json_init(&j->doc);
    snprintf(j->id, sizeof j->id, "row-%d", n);
    const char *text = arena_printf(
        &j->arena,
        "{\"clientId\":\"phone\",\"changes\":[{\"table\":\"tasks\",\"id\":\"%s\",\"op\":"
        "\"insert\",\"spaceId\":\"fam\",\"fields\":{\"title\":{\"value\":\"t%d\",\"at\":"
        "\"2026-01-01T00:00:00.000000000Z\"}}}]}",
        j->id, n);
    KIT_OK(&kit, json_parse(&j->doc, text, strlen(text), 0, &kit.error));
    KIT_OK(&kit, relay_exchange_read(&j->exchange, &who, &j->doc, &j->arena, &kit.error));
    if (memory)
        j->arena.max = j->arena.used + memory;
    j->job.arena = &j->arena;
}

static void release(struct job *j)
{
    json_release(&j->doc);
    arena_release(&j->arena);
}

static void pause_ms(int ms)
{
    nanosleep(&(struct timespec){ms / 1000, ms % 1000 * 1000000L}, NULL);
}

static void wait_for(struct job *j)
{
    for (int i = 0; i < 10000 && !atomic_load(&j->done); i++)
        pause_ms(1);
    assert_true(atomic_load(&j->done));
}

/* While somebody else writes, what comes gathers: then it is one transaction. */
static void test_many_are_one_G_O1(void **state)
{
    static struct job jobs[JOBS];
    struct relay_writer_counts counts;
    (void)state;
    KIT_OK(&kit, sql_begin(kit.sql, &kit.error)); /* the gate is ours */
    for (int i = 0; i < JOBS; i++) {
        prepare(&jobs[i], i, 0);
        KIT_OK(&kit, relay_writer_submit(writer, &jobs[i].job, &kit.error));
        if (i == 0)
            pause_ms(100); /* it has taken the first alone by now */
    }
    pause_ms(100);
    for (int i = 0; i < JOBS; i++)
        assert_false(atomic_load(&jobs[i].done)); /* nobody is told before it is written */
    KIT_OK(&kit, sql_end(kit.sql, 0, &kit.error));
    for (int i = 0; i < JOBS; i++) {
        wait_for(&jobs[i]);
        assert_int_equal(jobs[i].job.result, 0);
        assert_int_equal(jobs[i].exchange.results[0].status, WIRE_APPLIED);
        assert_int_equal(jobs[i].found, 1);
        assert_int_equal(jobs[i].exchange.count, 1);
        release(&jobs[i]);
    }
    relay_writer_counts(writer, &counts);
    assert_int_equal(counts.jobs, JOBS);
    assert_int_equal(counts.groups, 2);
    assert_int_equal(counts.waiting, 0);
}

/* One without memory in the midst of others: undone alone, names that it made included. */
static void test_one_fails_alone(void **state)
{
    static struct job jobs[5];
    (void)state;
    KIT_OK(&kit, sql_begin(kit.sql, &kit.error));
    for (int i = 0; i < 5; i++) {
        prepare(&jobs[i], i, i == 2 ? 8 : 0);
        KIT_OK(&kit, relay_writer_submit(writer, &jobs[i].job, &kit.error));
    }
    KIT_OK(&kit, sql_end(kit.sql, 0, &kit.error));
    for (int i = 0; i < 5; i++) {
        wait_for(&jobs[i]);
        assert_int_equal(jobs[i].job.result, i == 2 ? RAUM_ENOMEM : 0);
        assert_int_equal(jobs[i].found, i != 2);
        release(&jobs[i]);
    }
    prepare(&jobs[0], 2, 0); /* sent again it goes through */
    KIT_OK(&kit, relay_writer_submit(writer, &jobs[0].job, &kit.error));
    wait_for(&jobs[0]);
    assert_int_equal(jobs[0].found, 1);
    release(&jobs[0]);
}

static void test_bounded(void **state)
{
    struct job *jobs = calloc(WRITER_JOBS_MAX + 1, sizeof *jobs);
    struct relay_writer_counts counts;
    (void)state;
    assert_non_null(jobs);
    KIT_OK(&kit, sql_begin(kit.sql, &kit.error));
    for (int i = 0; i <= WRITER_JOBS_MAX; i++) {
        prepare(&jobs[i], i, 0);
        int wanted = i < WRITER_JOBS_MAX ? 0 : RAUM_EBUSY;
        assert_int_equal(relay_writer_submit(writer, &jobs[i].job, NULL), wanted);
    }
    KIT_OK(&kit, sql_end(kit.sql, 0, &kit.error));
    for (int i = 0; i < WRITER_JOBS_MAX; i++) {
        wait_for(&jobs[i]);
        assert_int_equal(jobs[i].found, 1);
    }
    assert_false(atomic_load(&jobs[WRITER_JOBS_MAX].done));
    relay_writer_counts(writer, &counts);
    assert_int_equal(counts.refused, 1);
    for (int i = 0; i <= WRITER_JOBS_MAX; i++)
        release(&jobs[i]);
    free(jobs);
}

/* The database stays taken: all are told so, and nothing is written behind their back. */
static void test_busy(void **state)
{
    static struct job jobs[2];
    (void)state;
    KIT_OK(&kit, sql_begin(kit.sql, &kit.error));
    for (int i = 0; i < 2; i++) {
        prepare(&jobs[i], i, 0);
        KIT_OK(&kit, relay_writer_submit(writer, &jobs[i].job, &kit.error));
    }
    for (int i = 0; i < 2; i++) {
        for (int k = 0; k < 5000 && !atomic_load(&jobs[i].done); k++)
            pause_ms(10);
        assert_int_equal(jobs[i].job.result, RAUM_EBUSY);
        release(&jobs[i]);
    }
    KIT_OK(&kit, sql_end(kit.sql, 0, &kit.error));
    pause_ms(50);
    assert_int_equal(rows_of(kit.sql, "row-0") + rows_of(kit.sql, "row-1"), 0);
}

static void *submit_some(void *arg)
{
    struct job *jobs = arg;
    for (int i = 0; i < JOBS; i++) {
        while (relay_writer_submit(writer, &jobs[i].job, NULL) != 0)
            pause_ms(1);
        if (i % 7 == 0)
            pause_ms(1);
    }
    return NULL;
}

static void test_threads_and_end(void **state)
{
    struct job *jobs = calloc((size_t)JOBS * THREADS, sizeof *jobs);
    pthread_t threads[THREADS];
    struct sql_rows *rows;
    (void)state;
    assert_non_null(jobs);
    for (int i = 0; i < JOBS * THREADS; i++)
        prepare(&jobs[i], i, 0);
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, submit_some, &jobs[(size_t)i * JOBS]),
                         0);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    relay_writer_free(writer); /* what was submitted is done first */
    writer = NULL;
    for (int i = 0; i < JOBS * THREADS; i++) {
        assert_true(atomic_load(&jobs[i].done));
        assert_int_equal(jobs[i].job.result, 0);
        assert_int_equal(jobs[i].found, 1);
        release(&jobs[i]);
    }
    /* Each has a place of its own in the order of commits (G-S2). */
    KIT_OK(&kit, sql_one(kit.sql, &rows, &kit.error,
                         "SELECT count(DISTINCT seq) AS n, max(seq) AS last FROM records", ""));
    assert_int_equal(sql_int(rows, "n"), JOBS * THREADS);
    assert_int_equal(sql_int(rows, "last"), JOBS * THREADS);
    sql_rows_free(rows);
    free(jobs);
}

/* The log does not grow with what is written: it is moved into the file beside the writing. */
static void test_log_is_bounded(void **state)
{
    static struct job job;
    struct stat s;
    char path[sizeof kit.url + 8];
    off_t most = 0;
    (void)state;
    snprintf(path, sizeof path, "%s-wal", kit.url);
    for (int i = 0; i < 400; i++) {
        prepare(&job, i, 0);
        KIT_OK(&kit, relay_writer_submit(writer, &job.job, &kit.error));
        wait_for(&job);
        assert_int_equal(job.job.result, 0);
        release(&job);
        assert_int_equal(stat(path, &s), 0);
        most = s.st_size > most ? s.st_size : most;
    }
    /* Each is several pages of 8 KiB: all of them would be more than twice this. */
    assert_in_range(most, 1, 400 * 8192);
    assert_int_equal(rows_of(kit.sql, "row-399"), 1);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_many_are_one_G_O1), TEST(test_one_fails_alone),
        TEST(test_bounded),           TEST(test_busy),
        TEST(test_threads_and_end),   TEST(test_log_is_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
