/* Open streams of a listening server, on both databases: changes reach members and one's own
 * devices at once (G-S13), nothing is missed or doubled (G-S2), who joins gets the whole history,
 * who is removed or signed out is closed (G-S3), private rows go to nobody else (G-T9). On
 * PostgreSQL with a second node, too. */
#include "server/desk.h"
#include "server/reader.h"

#include "base/clock.h"
#include "server/admin.h"
#include "server/spaces/space.h"
#include "server/spaces/spaces.h"
#include <pthread.h>
#include <stdatomic.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static struct desk desk;
static int port;
static struct server_options options;

#define OK(call) KIT_OK(&desk.kit, call)
#define E (&desk.kit.error)

struct person {
    char id[33], token[33], second[33]; /* sessions of two devices */
    char space[33];                     /* the personal one */
};
static struct person anna, bert, cleo;
static char family[33];

static int64_t now_ms(void)
{
    return raum_env_native()->now_ms(raum_env_native()->ctx);
}

static void pause_ms(int ms)
{
    const struct timespec t = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000L};
    nanosleep(&t, NULL);
}

static void put_session(const char *account, char *token, int64_t expires)
{
    char id[33];
    space_new_id(raum_env_native(), id);
    space_new_id(raum_env_native(), token);
    OK(sql_run(desk.sql, E,
               "INSERT INTO sessions (id, token, account, ip, agent, remember, created, updated, "
               "expires) VALUES (?1, ?2, ?3, '', '', 0, ?4, ?4, ?5)",
               "sssii", id, token, account, now_ms(), expires));
}

static void put_person(struct person *p, const char *name)
{
    char mail[80];
    space_new_id(raum_env_native(), p->id);
    snprintf(mail, sizeof mail, "%s@example.org", name);
    OK(sql_begin(desk.sql, E));
    OK(sql_run(desk.sql, E,
               "INSERT INTO accounts (id, name, email, email_verified, created, updated) VALUES "
               "(?1, ?2, ?3, 1, ?4, ?4)",
               "sssi", p->id, name, mail, now_ms()));
    OK(spaces_make_personal(desk.sql, raum_env_native(), p->id, name, mail, p->space, E));
    OK(sql_end(desk.sql, 0, E));
    put_session(p->id, p->token, now_ms() + 3600000);
    put_session(p->id, p->second, now_ms() + 3600000);
}

/* ---- the routes in short ---- */

static const char *post(struct server *server, struct sql *sql, const char *token,
                        const char *path, const char *json, int status, const char *what)
{
    static _Thread_local char text[200];
    struct desk there = {.server = server, .sql = sql};
    struct reply r;
    desk_ask(&there, "POST", path, token, json, &r);
    if (r.status != status)
        fail_msg("%s: %d %s", path, r.status, buf_text(&r.body));
    snprintf(text, sizeof text, "%s", what ? desk_text(&r, what) : "");
    desk_done(&r);
    return text;
}

static void join(const struct person *owner, const struct person *p, const char *mail)
{
    char json[300];
    snprintf(json, sizeof json,
             "{\"email\":\"%s@example.org\",\"role\":\"member\",\"organizationId\":\"%s\"}", mail,
             family);
    const char *id = post(desk.server, desk.sql, owner->token,
                          "/api/auth/organization/invite-member", json, 200, "id");
    snprintf(json, sizeof json, "{\"invitationId\":\"%s\"}", id);
    post(desk.server, desk.sql, p->token, "/api/auth/organization/accept-invitation", json, 200,
         NULL);
}

static void remove_member(const struct person *owner, const char *mail)
{
    char json[300];
    snprintf(json, sizeof json,
             "{\"memberIdOrEmail\":\"%s@example.org\",\"organizationId\":\"%s\"}", mail, family);
    post(desk.server, desk.sql, owner->token, "/api/auth/organization/remove-member", json, 200,
         NULL);
}

static atomic_uint stamps;

/* One change of a field, by a device that stands at `until`; the answer's cursor goes there, too.
 * NULL: at the start. */
static void push_at(struct server *server, struct sql *sql, const char *token, const char *device,
                    const char *space, const char *op, const char *id, const char *field,
                    const char *value, const char *wanted, char *until)
{
    struct desk there = {.server = server, .sql = sql};
    char at[CLOCK_TEXT];
    struct reply r;
    size_t len = strlen(value) + 600 + (until ? strlen(until) : 0);
    char *json = malloc(len);
    clock_format(clock_at(now_ms(), atomic_fetch_add(&stamps, 1)), at);
    snprintf(json, len,
             "{\"clientId\":\"%s\",\"since\":\"%s\",\"changes\":[{\"app\":\"todo\",\"table\":"
             "\"tasks\",\"id\":\"%s\",\"op\":\"%s\",\"spaceId\":\"%s\",\"fields\":{\"%s\":{"
             "\"value\":%s,\"at\":\"%s\"}}}]}",
             device, until ? until : "", id, op, space, field, value, at);
    desk_ask(&there, "POST", "/api/v1/sync", token, json, &r);
    if (r.status != 200)
        fail_msg("push: %d %s", r.status, buf_text(&r.body));
    struct json_value first = json_first(json_get(r.json, "results"));
    if (!json_equals(json_get(first, "status"), wanted))
        fail_msg("push %s: %.300s", id, buf_text(&r.body));
    if (until)
        snprintf(until, 4096, "%s", desk_text(&r, "syncedUntil"));
    desk_done(&r);
    free(json);
}

static void push(const struct person *p, const char *device, const char *space, const char *id,
                 const char *title)
{
    push_at(desk.server, desk.sql, p->token, device, space, "insert", id, "title", title, "applied",
            NULL);
}

static void push_as(const struct person *p, const char *space, const char *op, const char *id,
                    const char *field, const char *value)
{
    push_at(desk.server, desk.sql, p->token, "phone", space, op, id, field, value, "applied", NULL);
}

/* ---- the house ---- */

static int open_with(int heartbeat_ms, int stuck_ms, int streams, int account_streams)
{
    char json[200];
    desk = (struct desk){0};
    kit_make(&desk.kit);
    options = (struct server_options){.data = desk.kit.folder,
                                      .host = "127.0.0.1",
                                      .origin = DESK_ORIGIN,
                                      .database = kit_is_postgres() ? desk.kit.url : NULL,
                                      .heartbeat_ms = heartbeat_ms,
                                      .stuck_ms = stuck_ms,
                                      .streams_max = streams,
                                      .account_streams_max = account_streams};
    OK(server_start(&desk.server, &options, E));
    desk.sql = desk.server->sql;
    port = server_port(desk.server);
    put_person(&anna, "anna");
    put_person(&bert, "bert");
    put_person(&cleo, "cleo");
    snprintf(json, sizeof json,
             "{\"name\":\"Fam\",\"slug\":\"fam\",\"metadata\":{\"type\":\"family\"}}");
    snprintf(family, sizeof family, "%s",
             post(desk.server, desk.sql, anna.token, "/api/auth/organization/create", json, 200,
                  "id"));
    join(&anna, &bert, "bert");
    return 0;
}

static int set_up(void **state)
{
    (void)state;
    return open_with(0, 0, 0, 0);
}

static int tear_down(void **state)
{
    (void)state;
    desk_close(&desk);
    return 0;
}

static void open_as(struct reader *r, const char *token, const char *device)
{
    reader_open(r, port, token, device, "", NULL);
    assert_int_equal(r->status, 200);
    reader_expect(r, "ready");
    assert_int_equal(strlen(reader_text(r, "epoch")), 16);
}

/* One row and nothing else: the event that brings it. */
static void expect_row(struct reader *r, const char *id)
{
    reader_expect(r, "changes");
    assert_string_equal(reader_text(r, "app"), "todo");
    assert_string_equal(reader_text(r, "table"), "tasks");
    assert_int_equal(reader_count(r), 1);
    assert_string_equal(reader_id(r, 0), id);
    assert_true(json_is(json_get(r->data, "hasMore"), JSON_FALSE));
    assert_string_equal(reader_text(r, "syncedUntil"), r->id);
    assert_true(strlen(r->id) > 20);
}

/* ---- tests ---- */

/* Co-members and one's own other devices at once; not the device that wrote (G-S13). */
static void test_at_once_G_S13(void **state)
{
    struct reader phone, laptop, other, outside;
    (void)state;
    open_as(&phone, anna.token, "phone");
    open_as(&laptop, anna.second, "laptop");
    open_as(&other, bert.token, "phone"); /* the same name, another account: no matter */
    open_as(&outside, cleo.token, "tablet");
    push(&anna, "phone", family, "t1", "\"Brot\\nund \\\"Salz\\\"\"");
    expect_row(&laptop, "t1");
    expect_row(&other, "t1");
    push(&bert, "phone", family, "t2", "\"Milch\"");
    expect_row(&phone, "t2");
    expect_row(&laptop, "t2");
    push(&anna, "phone", anna.space, "t3", "\"nur meins\"");
    expect_row(&laptop, "t3");
    reader_quiet(&phone, 100);
    reader_quiet(&other, 100);
    reader_quiet(&outside, 100);
    assert_null(strstr(buf_text(&other.all), "nur meins"));
    assert_null(strstr(buf_text(&outside.all), "Brot"));
    /* what it was not sent is behind it, too: its cursor has moved on */
    reader_close(&phone);
    push(&bert, "phone", family, "t4", "\"Eier\"");
    expect_row(&laptop, "t4");
    char *cursor = strdup(laptop.cursor);
    reader_close(&laptop);
    reader_open(&phone, port, anna.token, "phone", "", cursor);
    reader_expect(&phone, "ready");
    reader_quiet(&phone, 100);
    free(cursor);
    reader_close(&phone);
    reader_close(&other);
    reader_close(&outside);
}

/* A device that stands elsewhere than right before its own write gets everything, its own included:
 * nothing of others is passed over. */
static void test_own_write_behind(void **state)
{
    struct reader phone;
    char until[4096] = "", query[5000];
    (void)state;
    push_at(desk.server, desk.sql, anna.token, "phone", family, "insert", "a", "title", "\"a\"",
            "applied", until);
    push(&bert, "tablet", family, "b", "\"b\"");
    push(&anna, "phone", family, "c", "\"c\"");
    snprintf(query, sizeof query, "?since=%s", until);
    reader_open(&phone, port, anna.token, "phone", query, NULL);
    reader_expect(&phone, "ready");
    reader_expect(&phone, "changes"); /* b and c: the exchange's cursor is one of the stream */
    assert_int_equal(reader_count(&phone), 2);
    assert_string_equal(reader_id(&phone, 0), "b");
    reader_close(&phone);
    reader_open(&phone, port, anna.token, "phone", "?since=nonsense",
                until); /* the header counts */
    reader_expect(&phone, "ready");
    reader_expect(&phone, "changes");
    assert_int_equal(reader_count(&phone), 2);
    reader_close(&phone);
}

static void test_several_tables(void **state)
{
    struct reader r;
    (void)state;
    push(&anna, "phone", family, "t1", "\"x\"");
    push_at(desk.server, desk.sql, anna.token, "phone", anna.space, "insert", "t2", "title",
            "\"y\"", "applied", NULL);
    post(desk.server, desk.sql, anna.token, "/api/v1/sync",
         "{\"clientId\":\"phone\",\"since\":\"\",\"changes\":["
         "{\"table\":\"tags\",\"id\":\"g1\",\"op\":\"insert\",\"data\":{\"name\":\"rot\"}},"
         "{\"table\":\"tagGroups\",\"id\":\"g2\",\"op\":\"insert\",\"data\":{\"name\":\"Farben\"}},"
         "{\"table\":\"newThings\",\"id\":\"n1\",\"op\":\"insert\",\"data\":{\"odd\":[\n\r\n1 ]}},"
         "{\"table\":\"tags\",\"id\":\"g3\",\"op\":\"insert\",\"data\":{\"name\":\"blau\"}}]}",
         200, NULL);
    reader_open(&r, port, anna.token, "phone", "", NULL);
    reader_expect(&r, "ready");
    char first[4096] = "";
    int seen = 0, tables = 0;
    for (bool more = true; more; tables++) {
        reader_expect(&r, "changes");
        seen += reader_count(&r);
        more = json_is(json_get(r.data, "hasMore"), JSON_TRUE);
        if (strcmp(reader_text(&r, "table"), "tags") == 0)
            assert_int_equal(reader_count(&r), 2);
        if (!*first)
            snprintf(first, sizeof first, "%s", r.id);
    }
    assert_int_equal(seen, 6);
    assert_int_equal(tables, 5); /* tasks of two spaces, tags, tagGroups, newThings */
    /* whoever stops after the first event gets the rest */
    reader_close(&r);
    reader_open(&r, port, anna.token, "phone", "", first);
    reader_expect(&r, "ready");
    for (bool more = true; more;) {
        reader_expect(&r, "changes");
        more = json_is(json_get(r.data, "hasMore"), JSON_TRUE);
        seen += reader_count(&r);
    }
    assert_true(seen >= 6 + 5);
    reader_close(&r);
}

static void test_one_space(void **state)
{
    struct reader r;
    char query[100];
    (void)state;
    snprintf(query, sizeof query, "?space=%s", family);
    reader_open(&r, port, anna.token, "phone", query, NULL);
    assert_int_equal(r.status, 200);
    reader_expect(&r, "ready");
    push(&anna, "laptop", anna.space, "p1", "\"p\"");
    push(&anna, "laptop", family, "f1", "\"f\"");
    expect_row(&r, "f1");
    /* what lies in its other partitions was not sent, and its cursor says so */
    char *cursor = strdup(r.cursor);
    reader_close(&r);
    reader_open(&r, port, anna.token, "phone", "", cursor);
    reader_expect(&r, "ready");
    expect_row(&r, "p1");
    reader_close(&r);
    reader_open(&r, port, cleo.token, NULL, query, NULL);
    assert_int_equal(r.status, 404);
    reader_close(&r);
    snprintf(query, sizeof query, "?space=user:%s", anna.id);
    reader_open(&r, port, cleo.token, NULL, query, NULL);
    assert_int_equal(r.status, 404);
    reader_close(&r);
    reader_open(&r, port, anna.token, NULL, query, NULL);
    assert_int_equal(r.status, 200);
    reader_close(&r);
    free(cursor);
}

/* Nobody, a signed token alone, and one session too many. */
static void test_who_may(void **state)
{
    struct reader r, many[3];
    struct reply reply;
    (void)state;
    reader_open(&r, port, NULL, NULL, "", NULL);
    assert_int_equal(r.status, 401);
    reader_close(&r);
    desk_ask(&desk, "GET", "/api/auth/token", anna.token, NULL, &reply);
    assert_int_equal(reply.status, 200);
    reader_open(&r, port, desk_text(&reply, "token"), NULL, "", NULL);
    assert_int_equal(r.status, 401);
    desk_done(&reply);
    reader_close(&r);
    for (int i = 0; i < 3; i++)
        open_as(&many[i], anna.token, NULL);
    reader_open(&r, port, anna.token, NULL, "", NULL);
    assert_int_equal(r.status, 429);
    reader_ends(&r, 5000);
    assert_non_null(strstr(buf_text(&r.all), "Retry-After: 30"));
    assert_non_null(strstr(buf_text(&r.all), "RATE_LIMITED"));
    reader_close(&r);
    open_as(&r, bert.token, NULL);
    struct reader full;
    reader_open(&full, port, cleo.token, NULL, "", NULL);
    assert_int_equal(full.status, 503);
    reader_close(&full);
    reader_close(&r);
    reader_close(&many[0]);
    for (int i = 0; i < 100; i++) { /* its place is free again in a moment */
        reader_open(&r, port, anna.token, NULL, "", NULL);
        int status = r.status;
        reader_close(&r);
        if (status == 200)
            break;
        assert_true(status == 429 || status == 503); /* while the others are on their way */
        assert_true(i < 99);
        pause_ms(20);
    }
    reader_close(&many[1]);
    reader_close(&many[2]);
}

static int set_up_few(void **state)
{
    (void)state;
    return open_with(0, 0, 4, 3);
}

/* Whoever joins is told and gets the whole history over the open stream; whoever is removed is told
 * and closed, and the next request is refused (G-S3). */
static void test_joined_left_G_S3(void **state)
{
    struct reader r, again, owner;
    (void)state;
    push(&anna, "phone", family, "old1", "\"1\"");
    push(&bert, "phone", family, "old2", "\"2\"");
    open_as(&r, cleo.token, "tablet");
    open_as(&owner, anna.token, "laptop");
    reader_expect(&owner, "changes");
    assert_int_equal(reader_count(&owner), 2);
    join(&anna, &cleo, "cleo");
    reader_expect(&r, "space-joined");
    assert_string_equal(reader_text(&r, "spaceId"), family);
    reader_expect(&r, "changes");
    assert_int_equal(reader_count(&r), 2);
    push(&cleo, "tablet", family, "c1", "\"hallo\"");
    expect_row(&owner, "c1");
    reader_quiet(&r, 50);
    push(&anna, "phone", family, "new", "\"3\"");
    expect_row(&r, "new");
    expect_row(&owner, "new");
    remove_member(&anna, "cleo");
    push(&anna, "phone", family, "secret", "\"geheim\"");
    reader_expect(&r, "space-left");
    assert_string_equal(reader_text(&r, "spaceId"), family);
    assert_string_equal(reader_text(&r, "syncedUntil"), r.id);
    reader_ends(&r, 5000);
    assert_null(strstr(buf_text(&r.all), "geheim"));
    push_at(desk.server, desk.sql, cleo.token, "tablet", family, "insert", "c2", "title", "\"x\"",
            "rejected", NULL);
    reader_open(&again, port, cleo.token, "tablet", "", r.cursor);
    assert_int_equal(again.status, 200);
    reader_expect(&again, "ready");
    reader_quiet(&again, 100);
    /* in again: its cursor forgot the space when it left, so everything comes */
    join(&anna, &cleo, "cleo");
    reader_expect(&again, "space-joined");
    int seen = 0;
    while (seen < 5) {
        reader_expect(&again, "changes");
        seen += reader_count(&again);
    }
    assert_int_equal(seen, 5);
    reader_close(&again);
    reader_open(&again, port, cleo.token, "tablet", "", r.cursor);
    reader_expect(&again, "ready");
    reader_expect(&again, "changes");
    assert_int_equal(reader_count(&again), 5);
    reader_close(&r);
    reader_close(&again);
    reader_close(&owner);
}

/* Leaving oneself, and a space that is deleted and comes back. */
static void test_leave_and_delete(void **state)
{
    struct reader a, b;
    char json[200], path[200];
    (void)state;
    open_as(&a, anna.token, NULL);
    open_as(&b, bert.token, NULL);
    snprintf(json, sizeof json, "{\"organizationId\":\"%s\"}", family);
    post(desk.server, desk.sql, bert.token, "/api/auth/organization/leave", json, 200, NULL);
    reader_expect(&b, "space-left");
    reader_ends(&b, 5000);
    reader_close(&b);
    reader_quiet(&a, 50);
    join(&anna, &bert, "bert");
    push(&anna, "phone", family, "t1", "\"x\"");
    expect_row(&a, "t1");
    open_as(&b, bert.token, NULL);
    expect_row(&b, "t1");
    snprintf(path, sizeof path, "/api/v1/spaces/%s/delete", family);
    post(desk.server, desk.sql, anna.token, path, "{\"name\":\"Fam\"}", 200, NULL);
    reader_expect(&a, "space-left");
    reader_expect(&b, "space-left");
    reader_ends(&a, 5000);
    reader_ends(&b, 5000);
    reader_close(&a);
    reader_close(&b);
    open_as(&b, bert.token, NULL);
    reader_quiet(&b, 50);
    snprintf(path, sizeof path, "/api/v1/spaces/%s/undelete", family);
    post(desk.server, desk.sql, anna.token, path, "{}", 200, NULL);
    reader_expect(&b, "space-joined");
    expect_row(&b, "t1");
    reader_close(&b);
    /* made now: one's other devices hear of it */
    open_as(&b, bert.token, NULL);
    expect_row(&b, "t1");
    post(desk.server, desk.sql, bert.second, "/api/v1/spaces",
         "{\"localId\":\"_space:01900000-0000-7000-8000-000000000001\",\"name\":\"Marke\","
         "\"slug\":\"marke\",\"type\":\"brand\"}",
         200, NULL);
    reader_expect(&b, "space-joined");
    reader_close(&b);
}

/* A private row is in nobody else's stream, not in its bytes either; one that turns private is
 * taken back (G-T9). */
static void test_private_G_T9(void **state)
{
    struct reader other, own;
    (void)state;
    open_as(&other, anna.token, "phone");
    open_as(&own, bert.second, "laptop");
    push(&bert, "phone", family, "diary", "\"erst offen\"");
    expect_row(&other, "diary");
    expect_row(&own, "diary");
    push_as(&bert, family, "update", "diary", "visibility", "\"private\"");
    reader_expect(&other, "retract");
    assert_string_equal(reader_text(&other, "app"), "todo");
    assert_string_equal(reader_text(&other, "table"), "tasks");
    assert_string_equal(reader_text(&other, "id"), "diary");
    assert_string_equal(reader_text(&other, "spaceId"), family);
    assert_true(*other.id);
    expect_row(&own, "diary");
    push_as(&bert, family, "update", "diary", "title", "\"jetzt geheim\"");
    expect_row(&own, "diary");
    push_as(&bert, family, "insert", "never", "visibility", "\"private\"");
    push_as(&bert, family, "update", "never", "title", "\"nie gezeigt\"");
    expect_row(&own, "never");
    expect_row(&own, "never");
    push(&bert, "phone", family, "shown", "\"offen\"");
    while (strcmp(other.event, "changes") != 0 || strcmp(reader_id(&other, 0), "shown") != 0)
        assert_true(reader_next(&other, 5000));
    assert_null(strstr(buf_text(&other.all), "jetzt geheim"));
    assert_null(strstr(buf_text(&other.all), "nie gezeigt"));
    assert_null(strstr(buf_text(&other.all), "\"never\""));
    reader_close(&other);
    /* the same by catching up */
    reader_open(&other, port, anna.token, "phone", "", NULL);
    reader_expect(&other, "ready");
    reader_expect(&other, "retract");
    expect_row(&other, "shown");
    assert_null(strstr(buf_text(&other.all), "geheim"));
    /* and back again */
    push_as(&bert, family, "update", "diary", "visibility", "\"space\"");
    expect_row(&other, "diary");
    reader_close(&other);
    reader_close(&own);
}

static int set_up_quick(void **state)
{
    (void)state;
    return open_with(100, 600, 0, 0);
}

static void test_heartbeat(void **state)
{
    struct reader r;
    (void)state;
    open_as(&r, anna.token, NULL);
    assert_false(reader_next(&r, 1000));
    assert_false(r.closed);
    int beats = 0;
    for (const char *at = buf_text(&r.all);
         (at = strstr(at, "event: heartbeat\ndata: {\"serverTime")); at++)
        beats++;
    assert_true(beats >= 5 && beats <= 11);
    reader_close(&r);
}

/* A reader who does not read is closed, having cost no more than its limit; it comes back with its
 * cursor and misses nothing. One that reads slowly is waited for. */
static void test_slow_reader(void **state)
{
    enum { ROWS = 120, SIZE = 60000 };
    struct reader r;
    struct http_stats stats;
    static char title[SIZE + 3];
    char id[20], until[4096] = "";
    (void)state;
    memset(title, 'x', SIZE);
    title[0] = title[SIZE - 1] = '"';
    for (int i = 0; i < ROWS; i++) {
        snprintf(id, sizeof id, "r%03d", i);
        push_at(desk.server, desk.sql, anna.token, "phone", anna.space, "insert", id,
                "description", title, "applied", until);
    }
    int small = 65536;
    reader_open(&r, port, anna.token, NULL, "", NULL);
    setsockopt(r.fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
    bool closed = false;
    for (int i = 0; i < 200 && !closed; i++) {
        pause_ms(50);
        http_stats(desk.server->http, &stats);
        assert_true(stats.buffered < 600000);
        closed = stats.streams_open == 0;
    }
    assert_true(closed);
    int seen = 0, rounds = 0;
    char cursor[4096] = "";
    for (bool more = true; more; rounds++) { /* each time it stops reading after a while */
        int taken = 0;
        while (more && (rounds == 1 || taken < 20) && reader_next(&r, 5000)) {
            if (strcmp(r.event, "changes") != 0)
                continue;
            assert_int_equal(strcmp(reader_id(&r, 0), cursor) == 0, 0);
            seen += reader_count(&r);
            taken += reader_count(&r);
            more = json_is(json_get(r.data, "hasMore"), JSON_TRUE);
            snprintf(cursor, sizeof cursor, "%s", r.cursor);
            if (rounds == 1)
                pause_ms(10);
        }
        if (more) {
            reader_close(&r);
            reader_open(&r, port, anna.token, NULL, "", cursor);
        }
    }
    assert_int_equal(seen, ROWS);
    reader_close(&r);
}

/* ---- who is no longer signed in ---- */

static void closes(struct reader *r)
{
    reader_ends(r, 5000);
    reader_close(r);
}

static void stays(struct reader *r)
{
    reader_quiet(r, 30);
}

static void test_sessions_end(void **state)
{
    struct reader one, two, other;
    char json[200], token[64];
    struct reply reply;
    (void)state;
    open_as(&other, bert.token, NULL);
    open_as(&one, anna.token, NULL);
    open_as(&two, anna.second, NULL);
    post(desk.server, desk.sql, anna.token, "/api/auth/sign-out", "{}", 200, NULL);
    closes(&one);
    stays(&two);
    reader_open(&one, port, anna.token, NULL, "", NULL);
    assert_int_equal(one.status, 401);
    reader_close(&one);
    put_session(anna.id, anna.token, now_ms() + 3600000);
    open_as(&one, anna.token, NULL);
    snprintf(json, sizeof json, "{\"token\":\"%s\"}", anna.second);
    post(desk.server, desk.sql, anna.token, "/api/auth/revoke-session", json, 200, NULL);
    closes(&two);
    stays(&one);
    put_session(anna.id, anna.second, now_ms() + 3600000);
    open_as(&two, anna.second, NULL);
    post(desk.server, desk.sql, anna.token, "/api/auth/revoke-other-sessions", "{}", 200, NULL);
    closes(&two);
    stays(&one);
    post(desk.server, desk.sql, anna.token, "/api/auth/revoke-sessions", "{}", 200, NULL);
    closes(&one);
    put_session(anna.id, token, now_ms() + 400);
    open_as(&one, token, NULL);
    closes(&one); /* by itself */
    put_session(anna.id, token, now_ms() + 300000);
    open_as(&one, token, NULL);
    OK(admin_set_disabled(desk.sql, "anna@example.org", true, E));
    closes(&one);
    OK(admin_set_disabled(desk.sql, "anna@example.org", false, E));
    put_session(anna.id, token, now_ms() + 300000);
    open_as(&one, token, NULL);
    struct sql_rows *rows;
    OK(sql_one(desk.sql, &rows, E, "SELECT id FROM sessions WHERE token = ?1", "s", token));
    char id[64];
    snprintf(id, sizeof id, "%s", sql_text(rows, "id"));
    sql_rows_free(rows);
    OK(admin_end_session(desk.sql, id, E));
    closes(&one);
    desk_sign_up(&desk, "dora@example.org", token);
    open_as(&one, token, NULL);
    desk_ask(&desk, "POST", "/api/auth/change-password", token,
             "{\"currentPassword\":\"" DESK_PASSWORD
             "\",\"newPassword\":\"another horse\",\"revokeOtherSessions\":true}",
             &reply);
    assert_int_equal(reply.status, 200);
    snprintf(token, sizeof token, "%s", desk_text(&reply, "token"));
    desk_done(&reply);
    closes(&one);
    open_as(&one, token, NULL);
    desk_ask(&desk, "POST", "/api/auth/delete-user", token, "{\"password\":\"another horse\"}",
             &reply);
    assert_int_equal(reply.status, 200);
    desk_done(&reply);
    closes(&one);
    stays(&other);
    reader_close(&other);
}

/* ---- storms ---- */

#define WRITERS 4
#define ROWS_EACH 40

struct writer {
    int number;
    struct sql *sql;
    struct server *server;
    atomic_bool over;
};

static void *write_many(void *arg)
{
    struct writer *w = arg;
    char id[32], device[32];
    snprintf(device, sizeof device, "device-%d", w->number);
    for (int i = 0; i < ROWS_EACH; i++) {
        snprintf(id, sizeof id, "w%d-%03d", w->number, i);
        push_at(w->server, w->sql, w->number % 2 ? anna.token : bert.token, device, family,
                "insert", id, "title", "\"x\"", "applied", NULL);
    }
    atomic_store(&w->over, true);
    return NULL;
}

static void mark(unsigned char *seen, const char *id)
{
    int writer, row;
    assert_int_equal(sscanf(id, "w%d-%d", &writer, &row), 2);
    seen[writer * ROWS_EACH + row]++;
}

/* Takes what comes within ms. */
static int gather(struct reader *r, unsigned char *seen, int ms)
{
    int count = 0;
    while (reader_next(r, ms)) {
        if (strcmp(r->event, "changes") != 0)
            continue;
        int n = reader_count(r);
        for (int i = 0; i < n; i++)
            mark(seen, reader_id(r, i));
        count += n;
    }
    return count;
}

/* Writers in a storm, readers that come at any moment and some that leave and come back: each ends
 * with every row exactly once, as a pull does (G-S2). */
static void storm(struct server *second)
{
    enum { READERS = 8, ALL = WRITERS * ROWS_EACH };
    static unsigned char seen[READERS][ALL];
    static struct writer writers[WRITERS];
    struct reader readers[READERS];
    pthread_t threads[WRITERS];
    int counts[READERS] = {0}, ports[] = {port, second ? server_port(second) : port};
    memset(seen, 0, sizeof seen);
    for (int i = 0; i < WRITERS; i++) {
        struct server *server = second && i >= WRITERS / 2 ? second : desk.server;
        writers[i] = (struct writer){.number = i, .server = server};
        OK(sql_open(&writers[i].sql, desk.server->database, raum_env_native(), E));
        assert_int_equal(pthread_create(&threads[i], NULL, write_many, &writers[i]), 0);
    }
    for (int i = 0; i < READERS; i++) {
        pause_ms(20);
        reader_open(&readers[i], ports[i % 2], i % 2 ? anna.second : bert.second, NULL, "", NULL);
        assert_int_equal(readers[i].status, 200);
    }
    for (int i = 0; i < READERS; i += 2) { /* these break off in the middle and go on */
        char cursor[4096] = "";
        for (int k = 0; k < 3; k++) {
            counts[i] += gather(&readers[i], seen[i], 5);
            if (readers[i].cursor)
                snprintf(cursor, sizeof cursor, "%s", readers[i].cursor);
            reader_close(&readers[i]);
            reader_open(&readers[i], ports[k % 2], i % 2 ? anna.second : bert.second, NULL, "",
                        cursor);
        }
    }
    for (int i = 0; i < WRITERS; i++) {
        pthread_join(threads[i], NULL);
        sql_close(writers[i].sql);
    }
    for (int i = 0; i < READERS; i++) {
        for (int k = 0; k < 100 && counts[i] < ALL; k++)
            counts[i] += gather(&readers[i], seen[i], 100);
        counts[i] += gather(&readers[i], seen[i], 50);
        assert_int_equal(counts[i], ALL);
        for (int k = 0; k < ALL; k++)
            assert_int_equal(seen[i][k], 1);
        reader_close(&readers[i]);
    }
}

static void test_storm_G_S2(void **state)
{
    (void)state;
    storm(NULL);
}

/* ---- two nodes ---- */

static struct server *second;

static int set_up_two(void **state)
{
    static char folder[100];
    set_up(state);
    if (!kit_is_postgres())
        return 0;
    snprintf(folder, sizeof folder, "%s/second", desk.kit.folder);
    options.data = folder;
    OK(server_start(&second, &options, E));
    return 0;
}

static int tear_down_two(void **state)
{
    server_stop(second);
    second = NULL;
    return tear_down(state);
}

/* A member on each of two nodes of one database: changes, joining, removal, sessions that end. */
static void test_two_nodes(void **state)
{
    struct reader here, there, late;
    (void)state;
    if (!kit_is_postgres())
        skip();
    open_as(&here, anna.token, "phone");
    reader_open(&there, server_port(second), bert.token, "tablet", "", NULL);
    reader_expect(&there, "ready");
    push(&anna, "phone", family, "t1", "\"x\"");
    expect_row(&there, "t1");
    push_at(second, second->sql, bert.token, "tablet", family, "insert", "t2", "title", "\"y\"",
            "applied", NULL);
    expect_row(&here, "t2");
    reader_quiet(&there, 50); /* its own, from its own node */
    push_at(desk.server, desk.sql, bert.token, "tablet", family, "insert", "t3", "title", "\"z\"",
            "applied", NULL);
    expect_row(&here, "t3");
    reader_quiet(&there, 50); /* its own, from the other one */
    reader_open(&late, server_port(second), cleo.token, "pad", "", NULL);
    reader_expect(&late, "ready");
    join(&anna, &cleo, "cleo");
    reader_expect(&late, "space-joined");
    reader_expect(&late, "changes");
    assert_int_equal(reader_count(&late), 3);
    remove_member(&anna, "cleo");
    reader_expect(&late, "space-left");
    closes(&late);
    post(desk.server, desk.sql, bert.token, "/api/auth/sign-out", "{}", 200, NULL);
    closes(&there);
    OK(admin_set_disabled(second->sql, "anna@example.org", true, E));
    closes(&here);
}

static void test_storm_of_two_nodes(void **state)
{
    (void)state;
    if (!kit_is_postgres())
        skip();
    storm(second);
}

#define T(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
#define T2(f, up) cmocka_unit_test_setup_teardown(f, up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(test_at_once_G_S13),
        T(test_own_write_behind),
        T(test_several_tables),
        T(test_one_space),
        T2(test_who_may, set_up_few),
        T(test_joined_left_G_S3),
        T(test_leave_and_delete),
        T(test_private_G_T9),
        T2(test_heartbeat, set_up_quick),
        T2(test_slow_reader, set_up_quick),
        T(test_sessions_end),
        T(test_storm_G_S2),
        cmocka_unit_test_setup_teardown(test_two_nodes, set_up_two, tear_down_two),
        cmocka_unit_test_setup_teardown(test_storm_of_two_nodes, set_up_two, tear_down_two),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
