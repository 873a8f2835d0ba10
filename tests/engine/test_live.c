/* Live queries: what is delivered, applied in order, is what the query answers (G-T2); after a
 * switch nothing of the space before it comes any more, in any interleaving (G-T8). */
#include "engine/fence_inside.h"
#include "engine/live.h"
#include "engine/live_list.h"
#include "engine/room.h"
#include "engine/sqlgen.h"

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
    room_fill(&room, 8);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    fence_plant = FENCE_SOUND;
    room_close(&room);
    return 0;
}

static void write_row(const char *table, const char *id, const char *json)
{
    char made[RAUM_ID_MAX];
    OK(id ? raum_update(room.scope, table, id, json, strlen(json), &room.error)
          : raum_insert(room.scope, table, json, strlen(json), made, &room.error));
}

/* ---- a listener that keeps the rows it was told of, as a page would ---- */

#define SHOWN_MAX 400
struct shown {
    char *rows[SHOWN_MAX];
    int count, batches, resets, inserts, updates, moves, deletes, not_ready;
    bool open;          /* in a batch */
    bool deaf;          /* forgets moves: a harness that must fail */
    char space[RAUM_ID_MAX];
    unsigned marks;     /* seen since the last reset */
    void (*meddle)(struct shown *s, const struct raum_watch_event *event);
    int meddle_at, events; /* call it at this event */
    struct raum_watch *watch, *other;
};

static void row_text(const struct raum_query *q, struct buf *out)
{
    for (int i = 0; i < raum_query_columns(q); i++) {
        const char *text = raum_query_text(q, i, NULL);
        buf_printf(out, "%s=%d:%s|", raum_query_name(q, i), raum_query_type(q, i),
                   text ? text : "");
    }
}

static char *row_of(const struct raum_query *q)
{
    struct buf out;
    buf_init(&out, 1 << 20);
    row_text(q, &out);
    return buf_detach(&out, NULL);
}

static void take_out(struct shown *s, int at)
{
    assert_in_range(at, 0, s->count - 1);
    memmove(s->rows + at, s->rows + at + 1, (size_t)(s->count - at - 1) * sizeof *s->rows);
    s->count--;
}

static void put_in(struct shown *s, int at, char *row)
{
    assert_in_range(at, 0, s->count);
    assert_true(s->count < SHOWN_MAX);
    memmove(s->rows + at + 1, s->rows + at, (size_t)(s->count - at) * sizeof *s->rows);
    s->rows[at] = row;
    s->count++;
}

static void forget(struct shown *s)
{
    for (int i = 0; i < s->count; i++)
        free(s->rows[i]);
    s->count = 0;
    s->marks = 0;
}

static void listen(void *arg, const struct raum_watch_event *event)
{
    struct shown *s = arg;
    char *row = NULL;
    assert_true(event->kind == RAUM_WATCH_BEGIN || event->kind == RAUM_WATCH_NOT_READY || s->open);
    switch (event->kind) {
    case RAUM_WATCH_BEGIN:
        s->open = true;
        s->batches++;
        break;
    case RAUM_WATCH_RESET:
        s->resets++;
        forget(s);
        break;
    case RAUM_WATCH_INSERT:
        s->inserts++;
        put_in(s, event->to, row_of(event->row));
        break;
    case RAUM_WATCH_UPDATE:
        s->updates++;
        assert_int_equal(event->from, event->to);
        assert_in_range(event->to, 0, s->count - 1);
        free(s->rows[event->to]);
        s->rows[event->to] = row_of(event->row);
        break;
    case RAUM_WATCH_MOVE:
        s->moves++;
        if (s->deaf)
            break;
        row = s->rows[event->from];
        take_out(s, event->from);
        put_in(s, event->to, row);
        break;
    case RAUM_WATCH_DELETE:
        s->deletes++;
        assert_in_range(event->from, 0, s->count - 1);
        free(s->rows[event->from]);
        take_out(s, event->from);
        break;
    case RAUM_WATCH_END:
        s->open = false;
        break;
    case RAUM_WATCH_NOT_READY:
        s->not_ready++;
        assert_null(event->space);
        break;
    }
    if (event->row) {
        struct buf text;
        buf_init(&text, 1 << 20);
        row_text(event->row, &text);
        s->marks |= room_marks_in(buf_text(&text), text.len);
        buf_release(&text);
        assert_non_null(event->key);
        assert_string_equal(event->space, raum_scope_space(room.scope)); /* G-T8 */
    }
    snprintf(s->space, sizeof s->space, "%s", event->space ? event->space : "");
    if (s->meddle && ++s->events == s->meddle_at)
        s->meddle(s, event);
}

/* True if the listener's rows are the answer to the query. */
static bool agrees(const struct shown *s, const char *sql)
{
    struct raum_query *q;
    int at = 0;
    bool same = true;
    OK(raum_query_new(room.scope, sql, &q, &room.error));
    while (raum_query_step(q, &room.error) == 0 && at < SHOWN_MAX) {
        char *row = row_of(q);
        same &= at < s->count && strcmp(row, s->rows[at]) == 0;
        free(row);
        at++;
    }
    raum_query_free(q);
    return same && at == s->count && !s->open;
}

static struct raum_watch *watch(struct shown *s, const char *sql)
{
    struct raum_watch *w;
    OK(raum_watch_new(room.scope, sql, listen, s, &w, &room.error));
    s->watch = w;
    return w;
}

static void poll(void)
{
    OK(raum_poll(room.raum, &room.error));
}

/* ---- the ordinary course ---- */

static void test_changes(void **state)
{
    static const char sql[] = "SELECT id, title, sortOrder FROM tasks ORDER BY sortOrder, id";
    struct shown s = {0};
    char id[RAUM_ID_MAX];
    (void)state;
    struct raum_watch *w = watch(&s, sql);
    assert_int_equal(s.batches, 0);
    poll();
    assert_true(s.batches == 1 && s.resets == 1 && s.inserts == 8);
    assert_true(agrees(&s, sql));
    assert_string_equal(s.space, room.space[1]);
    poll();
    assert_int_equal(s.batches, 1);
    write_row("tasks", NULL, "{\"title\":\"new\",\"sortOrder\":2.25,\"id\":\"new\"}");
    poll();
    assert_true(s.batches == 2 && s.inserts == 9 && s.updates == 0 && s.moves == 0);
    assert_true(agrees(&s, sql));
    write_row("tasks", "new", "{\"title\":\"newer\"}");
    poll();
    assert_true(s.batches == 3 && s.updates == 1 && s.moves == 0);
    assert_true(agrees(&s, sql));
    write_row("tasks", "new", "{\"sortOrder\":99}");
    poll();
    assert_true(s.batches == 4 && s.updates == 2 && s.moves == 1);
    assert_true(agrees(&s, sql));
    snprintf(id, sizeof id, "%s-t0", room_marks[1]);
    write_row("tasks", id, "{\"description\":\"not shown\"}");
    poll();
    assert_int_equal(s.batches, 4);
    OK(raum_delete(room.scope, "tasks", id, &room.error));
    poll();
    assert_true(s.batches == 5 && s.deletes == 1);
    assert_true(agrees(&s, sql));
    OK(raum_restore(room.scope, "tasks", id, &room.error));
    OK(raum_delete(room.scope, "tasks", "new", &room.error));
    poll();
    assert_true(agrees(&s, sql));
    raum_watch_free(w);
    forget(&s);
}

/* Values bound once hold for every run, also when the space comes later and after a switch. */
static void test_parameters(void **state)
{
    static const char sql[] = "SELECT id, title FROM tasks WHERE sortOrder >= ? AND title <> ?";
    struct shown s = {0}, other = {0};
    struct raum_watch *w, *none;
    (void)state;
    room_use(&room, -1);
    OK(live_watch(room.scope, sql, "[2.5, \"not \\\"this\\\" one\"]", listen, &s, &w, &room.error));
    poll();
    assert_int_equal(s.count, 0);
    room_use(&room, 1);
    write_row("tasks", NULL, "{\"title\":\"not \\\"this\\\" one\",\"sortOrder\":99}");
    write_row("tasks", NULL, "{\"title\":\"low\",\"sortOrder\":1}");
    poll();
    int before = s.count;
    write_row("tasks", NULL, "{\"title\":\"high\",\"sortOrder\":99}");
    poll();
    assert_int_equal(s.count, before + 1);
    room_use(&room, 0);
    poll();
    room_use(&room, 1);
    poll();
    assert_int_equal(s.count, before + 1);
    static const char *const wrong[] = {"[1, 2, 3]", "[true]", "[[]]", "{", "[1"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        assert_true(live_watch(room.scope, sql, wrong[i], listen, &other, &none, &room.error) < 0);
    raum_watch_free(w);
    forget(&s);
}

static int runs_of(const char *sql)
{
    int runs = 0;
    for (sqlite3_stmt *stmt = NULL; (stmt = sqlite3_next_stmt(room.scope->fence->memory, stmt));)
        if (strcmp(sqlite3_sql(stmt), sql) == 0)
            runs += sqlite3_stmt_status(stmt, SQLITE_STMTSTATUS_RUN, 0);
    return runs;
}

static void test_dependencies(void **state)
{
    static const char sql[] = "SELECT id, wearCount FROM wardrobeGarments";
    static const char narrow[] = "SELECT name FROM wardrobeGarments";
    struct shown s = {0}, n = {0};
    char json[300];
    (void)state;
    struct raum_watch *w = watch(&s, sql), *v = watch(&n, narrow);
    poll();
    int before = runs_of(sql), before_narrow = runs_of(narrow);
    write_row("tasks", NULL, "{\"title\":\"other table\"}");
    poll();
    assert_int_equal(runs_of(sql), before);
    snprintf(json, sizeof json, "{\"garmentId\":\"%s-g1\",\"wornAt\":\"2024-02-01\"}",
             room_marks[1]);
    write_row("wardrobeWears", NULL, json);
    poll();
    assert_int_equal(runs_of(sql), before + 1); /* derived from wears */
    assert_int_equal(runs_of(narrow), before_narrow);
    assert_true(s.updates == 1 && n.batches == 1);
    assert_true(agrees(&s, sql));
    assert_true(fence_tables(room.scope->fence, NULL) == 0);
    raum_watch_free(w);
    raum_watch_free(v);
    forget(&s);
    forget(&n);
}

static void test_other_process(void **state)
{
    static const char sql[] = "SELECT id, title FROM tasks ORDER BY id";
    struct shown s = {0};
    struct raum *other;
    struct raum_handle *theirs;
    char id[RAUM_ID_MAX];
    (void)state;
    struct raum_watch *w = watch(&s, sql);
    poll();
    room_again(&room, &other);
    OK(raum_scope_new(other, &theirs, &room.error));
    OK(raum_scope_set(theirs, room.space[1], &room.error));
    OK(raum_insert(theirs, "tasks", "{\"title\":\"theirs\"}", 18, id, &room.error));
    poll();
    assert_true(s.inserts == 9 && agrees(&s, sql));
    OK(raum_delete(theirs, "tasks", id, &room.error));
    poll();
    assert_true(s.deletes == 1 && agrees(&s, sql));
    raum_close(other);
    raum_watch_free(w);
    forget(&s);
}

static void test_transaction(void **state)
{
    static const char sql[] = "SELECT id FROM tags ORDER BY id";
    struct shown s = {0};
    (void)state;
    struct raum_watch *w = watch(&s, sql);
    poll();
    OK(raum_begin(room.raum, &room.error));
    write_row("tags", NULL, "{\"name\":\"x\",\"id\":\"a\"}");
    poll();
    assert_int_equal(s.batches, 1); /* not committed, not delivered */
    raum_rollback(room.raum);
    poll();
    assert_int_equal(s.inserts, 8);
    assert_true(agrees(&s, sql));
    raum_watch_free(w);
    forget(&s);
}

/* Without one id column rows are told apart by place; repeated and missing ids are no trouble. */
static void test_keys(void **state)
{
    static const char *const list[] = {
        "SELECT title FROM tasks ORDER BY title",
        "SELECT a.id, b.id FROM tasks a JOIN taskTags b ON b.taskId = a.id ORDER BY 1, 2",
        "SELECT a.id, b.tagId FROM tasks a LEFT JOIN taskTags b ON 1 ORDER BY a.dueDate, 2",
        "SELECT b.id, a.title FROM tasks a LEFT JOIN taskTags b ON b.taskId = a.id ORDER BY b.id, "
        "a.title DESC",
        "SELECT width AS id, kind FROM meImages ORDER BY kind",
        "SELECT NULL AS id, x'00ff' AS b, 1.5 AS r, title AS \"a \"\"b\"\"\" FROM tasks ORDER BY "
        "title",
        "SELECT count(*) FROM tasks",
        "SELECT 1 AS id"};
    (void)state;
    for (size_t i = 0; i < sizeof list / sizeof list[0]; i++) {
        struct shown s = {0};
        char json[200], id[40];
        struct raum_watch *w = watch(&s, list[i]);
        poll();
        for (int k = 0; k < 6; k++) {
            if (!agrees(&s, list[i]))
                fail_msg("%s", list[i]);
            snprintf(id, sizeof id, "%s-t%d", room_marks[1], k);
            snprintf(json, sizeof json, "{\"title\":\"%d\",\"dueDate\":\"%d\"}", k * 7 % 5,
                     k * 5 % 7);
            write_row("tasks", id, json);
            snprintf(id, sizeof id, "%s-x%d", room_marks[1], k - k % 2);
            OK(k % 2 ? raum_restore(room.scope, "taskTags", id, &room.error)
                     : raum_delete(room.scope, "taskTags", id, &room.error));
            snprintf(id, sizeof id, "%s-i%d", room_marks[1], k);
            write_row("meImages", id, k % 2 ? "{\"width\":3}" : "{\"kind\":\"hands\"}");
            poll();
        }
        assert_true(agrees(&s, list[i]));
        raum_watch_free(w);
        forget(&s);
    }
}

static void test_errors(void **state)
{
    struct shown s = {0}, good = {0};
    struct raum_watch *w, *many[LIVE_WATCHES_MAX + 1];
    (void)state;
    assert_int_equal(raum_watch_new(room.scope, "SELEC", listen, &s, &w, &room.error),
                     RAUM_EBAD_SQL);
    assert_int_equal(
        raum_watch_new(room.scope, "SELECT * FROM spaces", listen, &s, &w, &room.error),
        RAUM_EUNKNOWN_TABLE);
    w = watch(&s, "WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c WHERE i < 10001) "
                  "SELECT i, id"
                  " FROM c, (SELECT id FROM tasks LIMIT 1)");
    struct raum_watch *v = watch(&good, "SELECT id FROM tasks ORDER BY id");
    assert_int_equal(raum_poll(room.raum, &room.error), RAUM_ELIMIT);
    assert_string_equal(room.error.text, "a live query has at most 10000 rows");
    assert_true(s.batches == 0 && good.batches == 1);
    poll(); /* not run again before something changes */
    write_row("tasks", NULL, "{\"title\":\"x\"}");
    assert_int_equal(raum_poll(room.raum, &room.error), RAUM_ELIMIT);
    assert_true(agrees(&good, "SELECT id FROM tasks ORDER BY id"));
    raum_watch_free(w);
    raum_watch_free(v);
    raum_watch_free(NULL);
    forget(&good);
    int count = 0, result;
    while ((result =
                raum_watch_new(room.scope, "SELECT 1", listen, &s, &many[count], &room.error)) == 0)
        count++;
    assert_true(count == LIVE_WATCHES_MAX && result == RAUM_ELIMIT);
    while (count > 0)
        raum_watch_free(many[--count]);
}

/* The widest row there can be, after a statement that was stopped. */
static void test_wide(void **state)
{
    struct buf sql;
    struct shown s = {0};
    (void)state;
    buf_init(&sql, 20000);
    buf_str(&sql, "SELECT id");
    for (int i = 1; i < 500; i++)
        buf_printf(&sql, ", '%d' || title AS c%d", i, i);
    buf_str(&sql, " FROM tasks ORDER BY id");
    struct raum_watch *w = watch(&s, buf_text(&sql));
    assert_int_equal(room_count(&room, "SELECT zeroblob(900000000)"), RAUM_ELIMIT);
    struct fence_limits limits = fence_defaults;
    limits.looks = 100;
    fence_set_limits(room.scope->fence, &limits);
    assert_int_equal(room_count(&room,
                                "WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c)"
                                " SELECT max(i) FROM c"),
                     RAUM_ELIMIT);
    poll();
    assert_true(s.inserts == 8 && agrees(&s, buf_text(&sql)));
    raum_watch_free(w);
    forget(&s);
    buf_release(&sql);
}

/* ---- the switch (G-T8) ---- */

static void test_switch(void **state)
{
    static const char sql[] = "SELECT id, title FROM tasks ORDER BY id";
    struct shown s = {0};
    (void)state;
    room_use(&room, -1);
    struct raum_watch *w = watch(&s, sql);
    poll();
    poll();
    assert_true(s.not_ready == 1 && s.batches == 0);
    for (int i = 0; i < ROOM_SPACES; i++) {
        room_use(&room, i);
        poll();
        assert_true(s.resets == i + 1 && s.marks == 1u << i && agrees(&s, sql));
        assert_string_equal(s.space, room.space[i]);
    }
    room_use(&room, 0);
    room_use(&room, 3); /* there and back again is a switch too */
    poll();
    assert_true(s.resets == ROOM_SPACES + 1 && agrees(&s, sql));
    room_use(&room, -1);
    poll();
    assert_int_equal(s.not_ready, 2);
    room_use(&room, 1);
    raum_watch_free(w);
    forget(&s);
}

/* At the meddle_at'th event the callback switches; what it is told afterwards must be of the new
 * space. */
static void meddle_switch(struct shown *s, const struct raum_watch_event *event)
{
    (void)s;
    room_use(&room, 2);
    if (event->row) { /* what it holds in its hands is gone as well */
        assert_null(raum_query_text(event->row, 0, NULL));
        assert_int_equal(raum_query_type(event->row, 0), RAUM_NULL);
    }
}

static void meddle_not_ready(struct shown *s, const struct raum_watch_event *event)
{
    (void)s, (void)event;
    room_use(&room, -1);
}

/* Changes that make a batch of every kind of event, if the callback left the space as it was. */
static void stir(int round)
{
    char id[40], json[100];
    const char *space = raum_scope_space(room.scope);
    if (!space || strcmp(space, room.space[1]) != 0)
        return;
    for (int i = 0; i < 4; i++) {
        snprintf(id, sizeof id, "%s-t%d", room_marks[1], i);
        snprintf(json, sizeof json, "{\"sortOrder\":%d,\"title\":\"%s stirred %d\"}",
                 (i * 7 + round * 3) % 11, room_marks[1], round);
        write_row("tasks", id, json);
    }
    snprintf(id, sizeof id, "%s-t%d", room_marks[1], 4 + round % 4);
    int result = raum_delete(room.scope, "tasks", id, &room.error);
    assert_true(result == 0 || result == RAUM_ENOT_FOUND);
    snprintf(id, sizeof id, "%s-t%d", room_marks[1], 4 + (round + 3) % 4);
    result = raum_restore(room.scope, "tasks", id, &room.error);
    assert_true(result == 0 || result == RAUM_ENOT_FOUND);
}

static void interleave(void (*meddle)(struct shown *, const struct raum_watch_event *), int rounds)
{
    static const char sql[] = "SELECT id, title FROM tasks ORDER BY sortOrder, id";
    for (int at = 1; at <= rounds; at++) {
        struct shown s = {.meddle = meddle, .meddle_at = at};
        room_use(&room, 1);
        struct raum_watch *w = watch(&s, sql);
        poll();
        if (at > 10) { /* in the first batch, or in one of changes */
            stir(at);
            poll();
        }
        assert_true(s.events >= at || s.meddle_at > s.events);
        for (int i = 0; i < 3; i++)
            poll();
        if (room.scope->space && s.watch)
            assert_true(agrees(&s, sql) &&
                        s.marks == (strcmp(raum_scope_space(room.scope), room.space[2]) ? 2u : 4u));
        if (s.watch)
            raum_watch_free(w);
        forget(&s);
    }
    room_use(&room, 1);
}

static void test_switch_within(void **state)
{
    (void)state;
    interleave(meddle_switch, 22);
    interleave(meddle_not_ready, 22);
}

/* ---- callbacks that do what they like ---- */

static void meddle_write(struct shown *s, const struct raum_watch_event *event)
{
    (void)s, (void)event;
    write_row("tasks", NULL, "{\"title\":\"from within\"}");
    write_row("tags", NULL, "{\"name\":\"from within\"}");
}

static void meddle_poll(struct shown *s, const struct raum_watch_event *event)
{
    meddle_write(s, event);
    poll();
}

static void meddle_free(struct shown *s, const struct raum_watch_event *event)
{
    raum_watch_free(s->watch);
    s->watch = NULL;
    if (event->row)
        assert_null(raum_query_text(event->row, 0, NULL));
}

static void meddle_query(struct shown *s, const struct raum_watch_event *event)
{
    char *before = event->row ? row_of(event->row) : NULL;
    (void)s;
    assert_true(room_count(&room, "SELECT * FROM tasks a, tasks b") > 0);
    if (before) { /* the row is its own */
        char *after = row_of(event->row);
        assert_string_equal(before, after);
        free(after);
    }
    free(before);
}

static void meddle_watch(struct shown *s, const struct raum_watch_event *event)
{
    static struct shown more;
    struct raum_watch *mine = s->watch;
    (void)event;
    forget(&more);
    more = (struct shown){0};
    s->other = watch(&more, "SELECT id FROM tags");
    s->watch = mine;
    poll();
    assert_int_equal(more.batches, 1);
    raum_watch_free(s->other);
    forget(&more);
}

static void test_meddling(void **state)
{
    (void)state;
    interleave(meddle_write, 22);
    interleave(meddle_poll, 22);
    interleave(meddle_free, 22);
    interleave(meddle_query, 22);
    interleave(meddle_watch, 22);
}

static struct raum_handle *doomed;

static void free_handle(void *arg, const struct raum_watch_event *event)
{
    int *countdown = arg;
    (void)event;
    if (--*countdown == 0) {
        raum_handle_free(doomed);
        doomed = NULL;
    }
}

static void test_handle_goes(void **state)
{
    (void)state;
    for (int at = 1; at < 12; at++) {
        struct raum_watch *w, *v;
        int countdown = at;
        OK(raum_scope_new(room.raum, &doomed, &room.error));
        OK(raum_scope_set(doomed, room.space[2], &room.error));
        OK(raum_watch_new(doomed, "SELECT * FROM tasks", free_handle, &countdown, &w, &room.error));
        OK(raum_watch_new(doomed, "SELECT * FROM tags", free_handle, &countdown, &v, &room.error));
        poll();
        poll();
        raum_handle_free(doomed);
        raum_watch_free(w);
        raum_watch_free(v);
        poll();
    }
}

/* ---- random changes: what is delivered is the answer ---- */

static void random_change(struct sqlgen *g)
{
    static const char *const tables[] = {"tasks", "meImages", "taskTags", "tags"};
    static const char letters[] = "tixy";
    int t = (int)sqlgen_random(g, 4);
    char id[40], json[200];
    snprintf(id, sizeof id, "%s-%c%d",
             room_marks[raum_scope_space(room.scope)[0] == '_' &&
                                strcmp(raum_scope_space(room.scope), room.space[0]) == 0
                            ? 0
                            : 1],
             letters[t], (int)sqlgen_random(g, 8));
    static const char *const fields[] = {"\"sortOrder\":%d,\"title\":\"t%d\"",
                                         "\"width\":%d,\"label\":\"l%d\"", "",
                                         "\"sortOrder\":%d,\"color\":\"c%d\""};
    char inner[150];
    snprintf(inner, sizeof inner, fields[t], (int)sqlgen_random(g, 6), (int)sqlgen_random(g, 3));
    snprintf(json, sizeof json, "{%s}", inner);
    int result = sqlgen_random(g, 3) == 0 ? raum_delete(room.scope, tables[t], id, &room.error)
                 : sqlgen_random(g, 3) == 0
                     ? raum_restore(room.scope, tables[t], id, &room.error)
                     : raum_update(room.scope, tables[t], id, json, strlen(json), &room.error);
    assert_true(result == 0 || result == RAUM_ENOT_FOUND || result == RAUM_EBAD_CHANGE);
}

static void test_random(void **state)
{
    static const char *const list[] = {
        "SELECT * FROM tasks ORDER BY sortOrder DESC, id",
        "SELECT id, label FROM meImages ORDER BY width, label, id",
        ("SELECT a.id, count(b.id) FROM tasks a LEFT JOIN taskTags b ON b.taskId = a.id GROUP BY "
         "a.id ORDER BY 2, 1"),
        "SELECT color, count(*) FROM tags GROUP BY color ORDER BY 2, 1",
        "SELECT max(sortOrder) FROM tasks",
        "SELECT id FROM tasks WHERE sortOrder > 2 ORDER BY title, id LIMIT 3 OFFSET 1"};
    enum { QUERIES = sizeof list / sizeof list[0] };
    struct shown s[QUERIES] = {0};
    struct raum_watch *w[QUERIES];
    const char *given = getenv("RAUM_SEED");
    struct sqlgen g;
    (void)state;
    sqlgen_init(&g, given ? strtoull(given, NULL, 10) : 1, false);
    for (int i = 0; i < QUERIES; i++)
        w[i] = watch(&s[i], list[i]);
    for (int round = 0; round < 150; round++) {
        for (uint32_t i = sqlgen_random(&g, 6); i > 0; i--)
            random_change(&g);
        if (sqlgen_random(&g, 12) == 0)
            room_use(&room, (int)sqlgen_random(&g, 2));
        poll();
        for (int i = 0; i < QUERIES; i++)
            if (!agrees(&s[i], list[i]))
                fail_msg("round %d: %s", round, list[i]);
    }
    assert_true(s[0].moves > 10 && s[0].updates > 10 && s[0].deletes > 5 && s[0].resets > 3);
    for (int i = 0; i < QUERIES; i++) {
        raum_watch_free(w[i]);
        forget(&s[i]);
    }
    sqlgen_release(&g);
}

/* ---- the differ alone ---- */

static void fill_list(struct live_list *list, struct live_index *index, sqlite3_stmt *stmt,
                      const int *keys, const int *values, int count)
{
    for (int i = 0; i < count; i++) {
        sqlite3_bind_int(stmt, 1, keys[i]);
        sqlite3_bind_int(stmt, 2, values[i]);
        assert_int_equal(sqlite3_step(stmt), SQLITE_ROW);
        OK(live_add(list, index, stmt, 0, 42, &room.error));
        sqlite3_reset(stmt);
    }
}

struct applied {
    const struct live_list *old, *new;
    int keys[100], values[100], count, moves;
};

static bool apply(void *arg, const struct live_change *c)
{
    struct applied *a = arg;
    int key =
        (int)strtol(live_key(c->kind == LIVE_DELETE ? a->old : a->new, c->row), NULL, 10);
    if (c->kind == LIVE_DELETE || c->kind == LIVE_MOVE) {
        assert_in_range(c->from, 0, a->count - 1);
        assert_int_equal(a->keys[c->from], key);
        int value = a->values[c->from];
        memmove(a->keys + c->from, a->keys + c->from + 1,
                (size_t)(a->count - c->from - 1) * sizeof(int));
        memmove(a->values + c->from, a->values + c->from + 1,
                (size_t)(a->count - c->from - 1) * sizeof(int));
        a->count--;
        if (c->kind == LIVE_DELETE)
            return true;
        a->moves++;
        assert_int_not_equal(c->from, c->to);
        memmove(a->keys + c->to + 1, a->keys + c->to, (size_t)(a->count - c->to) * sizeof(int));
        memmove(a->values + c->to + 1, a->values + c->to, (size_t)(a->count - c->to) * sizeof(int));
        a->keys[c->to] = key;
        a->values[c->to] = value;
        a->count++;
        return true;
    }
    if (c->kind == LIVE_INSERT) {
        assert_in_range(c->to, 0, a->count);
        memmove(a->keys + c->to + 1, a->keys + c->to, (size_t)(a->count - c->to) * sizeof(int));
        memmove(a->values + c->to + 1, a->values + c->to, (size_t)(a->count - c->to) * sizeof(int));
        a->keys[c->to] = key;
        a->count++;
    }
    a->values[c->to] = -1; /* told anew: taken from the new list below */
    return true;
}

/* Rows that survive less the longest ascending run of their old places: no way has fewer moves. */
static int fewest_moves(const struct live_list *new)
{
    int best[100], longest = 0, survivors = 0;
    for (uint32_t i = 0; i < new->count; i++) {
        if (new->rows[i].was == LIVE_NONE)
            continue;
        survivors++;
        best[i] = 1;
        for (uint32_t k = 0; k < i; k++)
            if (new->rows[k].was != LIVE_NONE &&new->rows[k].was < new->rows[i].was &&
                best[k] >= best[i])
                best[i] = best[k] + 1;
        longest = best[i] > longest ? best[i] : longest;
    }
    return survivors - longest;
}

static void test_differ(void **state)
{
    struct sqlgen g;
    sqlite3 *db;
    sqlite3_stmt *stmt;
    (void)state;
    sqlgen_init(&g, 7, false);
    assert_int_equal(sqlite3_open(":memory:", &db), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(db, "SELECT ?1 AS id, ?2", -1, &stmt, NULL), SQLITE_OK);
    for (int round = 0; round < 20000; round++) {
        struct live_list old, new, none;
        struct live_index index;
        struct live_diff diff;
        struct applied a = {.old = &old, .new = &new};
        int keys[40], values[40], count = (int)sqlgen_random(&g, 12),
                                  range = 1 + (int)sqlgen_random(&g, 20);
        live_list_init(&old), live_list_init(&new), live_list_init(&none);
        a.count = (int)sqlgen_random(&g, 12);
        for (int i = 0; i < a.count; i++) { /* keys may repeat */
            a.keys[i] = (int)sqlgen_random(&g, (uint32_t)range);
            a.values[i] = (int)sqlgen_random(&g, 3);
        }
        for (int i = 0; i < count; i++) {
            keys[i] = (int)sqlgen_random(&g, (uint32_t)range);
            values[i] = (int)sqlgen_random(&g, 3);
        }
        OK(live_index_init(&index, &none, &room.error));
        fill_list(&old, &index, stmt, a.keys, a.values, a.count);
        live_index_release(&index);
        OK(live_index_init(&index, &old, &room.error));
        fill_list(&new, &index, stmt, keys, values, count);
        live_index_release(&index);
        OK(live_diff_init(&diff, &old, &new, &room.error));
        assert_true(live_diff_walk(&diff, apply, &a));
        assert_int_equal(a.count, count);
        for (int i = 0; i < count; i++) {
            assert_int_equal(a.keys[i], keys[i]);
            assert_true(a.values[i] == -1 || a.values[i] == values[i]);
        }
        assert_int_equal(a.moves, fewest_moves(&new));
        live_diff_release(&diff);
        live_list_release(&old);
        live_list_release(&new);
    }
    sqlite3_finalize(stmt);
    sqlite3_close(db);
    sqlgen_release(&g);
}

/* ---- the harness fires ---- */

static int foreign_events;

static void count_foreign(void *arg, const struct raum_watch_event *event)
{
    bool *switched = arg;
    if (*switched && event->row)
        foreign_events += strcmp(event->space, raum_scope_space(room.scope)) != 0;
    if (event->kind == RAUM_WATCH_RESET && !*switched) {
        *switched = true;
        room_use(&room, 2);
    }
}

static void test_plants(void **state)
{
    static const char sql[] = "SELECT id, sortOrder FROM tasks ORDER BY sortOrder, id";
    struct shown s = {.deaf = true};
    (void)state;
    room_use(&room, 1);
    struct raum_watch *w = watch(&s, sql);
    poll();
    stir(1);
    poll();
    assert_false(agrees(&s, sql)); /* a listener that misses moves is found out */
    raum_watch_free(w);
    forget(&s);
    for (int planted = 0; planted < 2; planted++) {
        bool switched = false;
        fence_plant = planted ? FENCE_PLANT_LIVE : FENCE_SOUND;
        foreign_events = 0;
        room_use(&room, 1);
        OK(raum_watch_new(room.scope, sql, count_foreign, &switched, &w, &room.error));
        poll();
        assert_true(planted ? foreign_events > 0 : foreign_events == 0);
        raum_watch_free(w);
    }
    fence_plant = FENCE_SOUND;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_changes, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_parameters, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_dependencies, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_other_process, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_transaction, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_keys, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_errors, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_wide, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_switch, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_switch_within, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_meddling, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_handle_goes, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_random, set_up, tear_down),
        cmocka_unit_test(test_differ),
        cmocka_unit_test_setup_teardown(test_plants, set_up, tear_down),
    };
    return cmocka_run_group_tests_name("live queries", tests, NULL, NULL);
}
