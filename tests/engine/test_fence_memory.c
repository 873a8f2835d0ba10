/* Torture: each allocation of SQLite fails in turn while the fence is made, a statement prepared,
 * run, watched; whatever fails says so, nothing foreign is shown, nothing leaks, and the next time
 * all is well (G-O3). */
#include "engine/live.h"
#include "engine/room.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static sqlite3_mem_methods before;
static long countdown = -1; /* allocations until one fails; -1: none does */
static bool lasting;        /* and all after it */

static bool fails(void)
{
    if (countdown < 0)
        return false;
    if (countdown > 0) {
        countdown--;
        return false;
    }
    if (!lasting)
        countdown = -1;
    return true;
}

static void *failing_malloc(int size)
{
    return fails() ? NULL : before.xMalloc(size);
}

static void *failing_realloc(void *old, int size)
{
    return fails() ? NULL : before.xRealloc(old, size);
}

static struct room room;
static int events;

static void count_event(void *arg, const struct raum_watch_event *event)
{
    (void)arg;
    events += event->kind == RAUM_WATCH_INSERT;
}

/* A new handle each time: its fence is made within. 0, or the first failure. */
static int whole_life(void)
{
    static const char sql[] =
        "WITH c AS (SELECT taskId, count(*) AS n FROM taskTags GROUP BY taskId)"
        " SELECT t.id, upper(title), c.n, replace(title, 'T', printf('%05d', c.n)), rank() OVER "
        "(ORDER BY title)"
        " FROM tasks t LEFT JOIN c ON c.taskId = t.id WHERE t.id IN (SELECT id FROM tasks) ORDER "
        "BY 2 DESC";
    struct raum_handle *h = NULL;
    struct raum_query *q = NULL;
    struct raum_watch *w = NULL;
    int rows = 0, events_before = events, seen_rows;
    int result = raum_scope_new(room.raum, &h, &room.error);
    if (result == 0)
        result = raum_scope_set(h, room.space[1], &room.error);
    if (result == 0)
        result = raum_query_new(h, sql, &q, &room.error);
    if (result == 0) {
        unsigned seen = room_seen(q, &seen_rows, &room.error);
        assert_true((seen & ~2u) == 0);
        result = seen_rows < 0 ? seen_rows : 0;
        rows = seen_rows;
    }
    if (result == 0)
        result = raum_watch_new(h, "SELECT id, tags FROM meImages ORDER BY label", count_event,
                                NULL, &w, &room.error);
    if (result == 0)
        result = raum_poll(room.raum, &room.error);
    raum_query_free(q);
    raum_watch_free(w);
    raum_handle_free(h);
    if (result == 0) {
        assert_int_equal(rows, 6);
        assert_int_equal(events - events_before, 6);
    }
    return result;
}

static void torture(int step)
{
    long count = 0;
    for (bool done = false; !done; count += step) {
        countdown = count;
        int result = whole_life();
        done = lasting ? countdown >= 0 && countdown != 0 && result == 0 : countdown > 0;
        countdown = -1;
        if (result != 0 && result != RAUM_ENOMEM && result != RAUM_ELIMIT)
            fail_msg("allocation %ld: %s %s", count, raum_code_name(result), room.error.text);
        assert_true(count < 100000);
    }
    assert_int_equal(whole_life(), 0);
    print_message("%ld allocations\n", count);
    assert_true(count > 300);
}

static void test_one_fails(void **state)
{
    (void)state;
    lasting = false;
    torture(getenv("RAUM_SOAK") ? 1 : 4);
}

static void test_all_fail(void **state)
{
    (void)state;
    lasting = true;
    torture(getenv("RAUM_SOAK") ? 1 : 11);
}

static int set_up(void **state)
{
    (void)state;
    room_open(&room);
    room_fill(&room, 6);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    room_close(&room);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_one_fails),
                                       cmocka_unit_test(test_all_fail)};
    sqlite3_mem_methods methods;
    if (sqlite3_config(SQLITE_CONFIG_GETMALLOC, &before) != SQLITE_OK)
        return 1;
    methods = before;
    methods.xMalloc = failing_malloc;
    methods.xRealloc = failing_realloc;
    if (sqlite3_config(SQLITE_CONFIG_MALLOC, &methods) != SQLITE_OK)
        return 1;
    return cmocka_run_group_tests_name("fence, memory", tests, set_up, tear_down);
}
