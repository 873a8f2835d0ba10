/* The relay on both databases: who may write and read (G-S1, G-T9, G-T12), that nothing is missed
 * or doubled (G-S2, G-S5), that one bad change stays alone (G-S6), that what is fixed stays (G-T7).
 */
#include "server/kit.h"

#include "base/clock.h"
#include "server/relay/relay.h"
#include <pthread.h>

static struct kit kit;
static struct relay *relay;
static struct arena arena;
static struct json_doc doc;
static struct wire_result results[WIRE_CHANGES_MAX];
static int64_t now = INT64_C(1775030400000); /* 2026-04-01T08:00:00Z */

static int64_t fixed_now(void *ctx)
{
    (void)ctx;
    return now;
}
static struct raum_env env;

static const char *const accounts[] = {"anna", "bert", "cleo"};

static void run_sql(const char *sql)
{
    KIT_OK(&kit, sql_run(kit.sql, &kit.error, sql, ""));
}

static int set_up(void **state)
{
    (void)state;
    env = *raum_env_native();
    env.now_ms = fixed_now;
    kit_open(&kit);
    for (size_t i = 0; i < 3; i++) {
        char space[32];
        snprintf(space, sizeof space, "p-%s", accounts[i]);
        KIT_OK(&kit, sql_run(kit.sql, &kit.error,
                             "INSERT INTO accounts (id, name, email, email_verified, created, "
                             "updated) VALUES (?1, ?1, ?1, 1, 0, 0)",
                             "s", accounts[i]));
        KIT_OK(&kit, sql_run(kit.sql, &kit.error,
                             "INSERT INTO spaces (id, name, slug, type, created) VALUES (?1, ?1, "
                             "?1, 'personal', 1)",
                             "s", space));
        KIT_OK(&kit, sql_run(kit.sql, &kit.error,
                             "INSERT INTO members (id, space, account, role, created) VALUES (?1, "
                             "?1, ?2, 'owner', 1)",
                             "ss", space, accounts[i]));
        KIT_OK(&kit, sql_run(kit.sql, &kit.error,
                             "INSERT INTO personal_spaces (account, space) VALUES (?1, ?2)", "ss",
                             accounts[i], space));
    }
    run_sql("INSERT INTO spaces (id, name, slug, type, created) VALUES ('fam', 'Fam', 'fam', "
            "'family', 2)");
    run_sql("INSERT INTO members (id, space, account, role, created) VALUES ('m1', 'fam', 'anna', "
            "'owner', 1), ('m2', 'fam', 'bert', 'member', 1)");
    KIT_OK(&kit, relay_new(&relay, kit.sql, &env, &kit.error));
    arena_init(&arena, 256u << 20);
    json_init(&doc);
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

/* ---- pushing and pulling in short ---- */

static struct wire_request request;
static uint32_t written_count;

static void push_as(const char *account, const char *client, const char *changes)
{
    struct relay_caller who = {.account = account, .client = client};
    struct relay_written *written;
    char *text = arena_printf(&arena, "{\"clientId\":\"%s\",\"changes\":[%s]}", client, changes);
    assert_non_null(text);
    KIT_OK(&kit, json_parse(&doc, text, strlen(text), 0, &kit.error));
    KIT_OK(&kit, wire_read_request(&doc, &arena, &request, &kit.error));
    KIT_OK(&kit, relay_push(relay, &who, &request, &arena, results, &written, &written_count,
                            &kit.error));
}

static void expect(uint32_t index, enum wire_status status, int code)
{
    if (results[index].status != status || results[index].code != code)
        fail_msg("change %u: %s %s", index, wire_status_name(results[index].status),
                 results[index].code ? raum_code_name(results[index].code) : "");
}

/* One stamped field of a row. */
static const char *write_of(const char *op, const char *table, const char *id, const char *space,
                            const char *name, const char *value, int ms)
{
    char at[CLOCK_TEXT];
    clock_format(clock_at(now + ms, 0), at);
    return arena_printf(&arena,
                        "{\"table\":\"%s\",\"id\":\"%s\",\"op\":\"%s\",\"spaceId\":\"%s\","
                        "\"fields\":{\"%s\":{\"value\":%s,\"at\":\"%s\"}}}",
                        table, id, op, space, name, value, at);
}

static struct relay_page page;

static const char *pull_as(const char *account, const char *since, const char *space)
{
    struct relay_caller who = {.account = account, .client = "reader"};
    KIT_OK(&kit, relay_pull(relay, &who, since, space, &arena, &page, &kit.error));
    return page.answer.until;
}

static const struct wire_change *found(const char *id)
{
    for (uint32_t i = 0; i < page.answer.change_count; i++)
        if (strcmp(page.answer.changes[i].id, id) == 0)
            return &page.answer.changes[i];
    return NULL;
}

static const char *value_of(const struct wire_change *c, const char *name)
{
    for (uint32_t i = 0; c && i < c->count; i++)
        if (strcmp(c->fields[i].name, name) == 0)
            return arena_copy(&arena, c->fields[i].value, c->fields[i].len);
    return "";
}

/* ---- tests ---- */

static void test_round_trip(void **state)
{
    (void)state;
    push_as("anna", "phone", write_of("insert", "tasks", "t1", "fam", "title", "\"Brot\"", 0));
    expect(0, WIRE_APPLIED, 0);
    assert_int_equal(written_count, 1);
    const char *cursor = pull_as("bert", NULL, NULL);
    const struct wire_change *c = found("t1");
    assert_non_null(c);
    assert_string_equal(c->space, "fam");
    assert_string_equal(value_of(c, "title"), "\"Brot\"");
    assert_string_equal(value_of(c, "authorId"), "\"anna\"");
    assert_string_equal(value_of(c, "visibility"), "\"space\"");
    assert_false(page.answer.more);
    cursor = pull_as("bert", cursor, NULL);
    assert_int_equal(page.answer.change_count, 0);
    push_as("bert", "laptop", write_of("update", "tasks", "t1", "fam", "title", "\"Milch\"", 5));
    expect(0, WIRE_APPLIED, 0);
    pull_as("bert", cursor, NULL);
    assert_int_equal(page.answer.change_count, 1);
    pull_as("cleo", NULL, NULL); /* not in it */
    assert_int_equal(page.answer.change_count, 0);
    struct relay_caller cleo = {.account = "cleo", .client = "x"};
    assert_int_equal(relay_pull(relay, &cleo, NULL, "fam", &arena, &page, NULL), RAUM_ENOT_FOUND);
    assert_int_equal(relay_pull(relay, &cleo, NULL, "nowhere", &arena, &page, NULL),
                     RAUM_ENOT_FOUND);
}

static void test_again_and_older_G_S5(void **state)
{
    (void)state;
    const char *first = write_of("insert", "tasks", "t1", "fam", "title", "\"a\"", 10);
    push_as("anna", "phone", first);
    expect(0, WIRE_APPLIED, 0);
    push_as("anna", "phone", first);
    expect(0, WIRE_DUPLICATE, 0);
    assert_int_equal(written_count, 0);
    push_as("anna", "phone", write_of("update", "tasks", "t1", "fam", "title", "\"b\"", 5));
    expect(0, WIRE_STALE, 0);
    /* Without a stamp: the time of receipt, the same again when it is sent again. */
    static const char plain[] = "{\"table\":\"tasks\",\"id\":\"t1\",\"op\":\"update\",\"spaceId\":"
                                "\"fam\",\"data\":{\"title\":\"plain\"}}";
    push_as("bert", "old", plain);
    expect(0, WIRE_APPLIED, 0);
    now += 1000;
    push_as("bert", "old", plain);
    expect(0, WIRE_DUPLICATE, 0);
    push_as("anna", "phone", write_of("update", "tasks", "t1", "fam", "title", "\"c\"", 0));
    expect(0, WIRE_APPLIED, 0);
    push_as("bert", "old", plain); /* late, and lost: it does not come back as new */
    expect(0, WIRE_STALE, 0);
    pull_as("anna", NULL, "fam");
    assert_string_equal(value_of(found("t1"), "title"), "\"c\"");
}

static void test_who_may_G_S1_G_U4(void **state)
{
    (void)state;
    push_as("cleo", "x", write_of("insert", "tasks", "t1", "fam", "title", "\"x\"", 0));
    expect(0, WIRE_REJECTED, RAUM_ENOT_ALLOWED);
    push_as("cleo", "x", write_of("insert", "tasks", "t1", "nowhere", "title", "\"x\"", 0));
    expect(0, WIRE_REJECTED, RAUM_ENOT_ALLOWED); /* no difference */
    push_as("cleo", "x", write_of("insert", "tasks", "t1", "user:anna", "title", "\"x\"", 0));
    expect(0, WIRE_REJECTED, RAUM_EBAD_CHANGE);
    push_as("cleo", "x",
            write_of("insert", "userSettings", "s", "user:anna", "theme", "\"dark\"", 0));
    expect(0, WIRE_REJECTED, RAUM_ENOT_ALLOWED);
    push_as("cleo", "x", write_of("insert", "tasks", "t1", "_personal:anna", "title", "\"x\"", 0));
    expect(0, WIRE_REJECTED, RAUM_ENOT_ALLOWED);
    push_as("cleo", "x", write_of("insert", "tasks", "t1", "_space:none", "title", "\"x\"", 0));
    expect(0, WIRE_REJECTED, RAUM_ENOT_ALLOWED);
    push_as("cleo", "x", write_of("insert", "tasks", "t2", "_personal:cleo", "title", "\"x\"", 0));
    expect(0, WIRE_APPLIED, 0);
    pull_as("cleo", NULL, "p-cleo");
    assert_non_null(found("t2"));
    pull_as("anna", NULL, NULL);
    assert_int_equal(page.answer.change_count, 0);
    run_sql("DELETE FROM members WHERE id = 'm2'"); /* removed: the next push is refused */
    push_as("bert", "b", write_of("insert", "tasks", "t3", "fam", "title", "\"x\"", 0));
    expect(0, WIRE_REJECTED, RAUM_ENOT_ALLOWED);
}

static void test_one_bad_G_S6(void **state)
{
    (void)state;
    char *three = arena_printf(
        &arena,
        "%s,{\"table\":\"tasks\",\"id\":\"bad\",\"op\":\"insert\",\"spaceId\":\"fam\","
        "\"data\":{\"isCompleted\":\"maybe\"}},%s",
        write_of("insert", "tasks", "t1", "fam", "title", "\"a\"", 0),
        write_of("insert", "tasks", "t2", "p-anna", "title", "\"raum:1:0123456789abcdef:AA\"", 0));
    push_as("anna", "phone", three);
    expect(0, WIRE_APPLIED, 0);
    expect(1, WIRE_REJECTED, RAUM_EBAD_CHANGE);
    expect(2, WIRE_APPLIED, 0);
    pull_as("anna", NULL, NULL);
    assert_int_equal(page.answer.change_count, 2);
    assert_null(found("bad"));
}

static void test_fixed_G_T7(void **state)
{
    (void)state;
    static const char *const names[] = {"authorId", "createdAt", "subjectId"};
    push_as("anna", "phone", write_of("insert", "meImages", "i1", "fam", "kind", "\"face\"", 0));
    expect(0, WIRE_APPLIED, 0);
    for (size_t i = 0; i < 3; i++)
        for (int ms = -1000; ms <= 1000; ms += 2000) { /* however old it says it is */
            const char *value = i == 1 ? "\"2020-01-01T00:00:00.000Z\"" : "\"bert\"";
            push_as("bert", "b", write_of("update", "meImages", "i1", "fam", names[i], value, ms));
            expect(0, WIRE_REJECTED, RAUM_EIMMUTABLE_FIELD);
        }
    pull_as("anna", NULL, "fam");
    assert_string_equal(value_of(found("i1"), "authorId"), "\"anna\"");
    assert_string_equal(value_of(found("i1"), "subjectId"), "\"anna\"");
}

static void test_consent_G_T12(void **state)
{
    (void)state;
    push_as("anna", "phone", write_of("insert", "meImages", "i1", "fam", "kind", "\"face\"", 0));
    push_as("bert", "b",
            write_of("update", "meImages", "i1", "fam", "usage.aiReference", "true", 5));
    expect(0, WIRE_REJECTED, RAUM_ENOT_ALLOWED);
    push_as("anna", "old",
            "{\"table\":\"meImages\",\"id\":\"i1\",\"op\":\"update\",\"spaceId\":\"fam\",\"data\":{"
            "\"usage\":{\"aiReference\":true,\"showInProfile\":false}}}");
    expect(0, WIRE_APPLIED, 0); /* showInProfile alone */
    pull_as("anna", NULL, "fam");
    assert_string_not_equal(value_of(found("i1"), "usage.aiReference"), "true");
    assert_string_equal(value_of(found("i1"), "usage.showInProfile"), "false");
    push_as("anna", "phone",
            write_of("update", "meImages", "i1", "fam", "usage.aiReference", "true", 10));
    expect(0, WIRE_APPLIED, 0);
    push_as("bert", "b",
            write_of("update", "meImages", "i1", "fam", "usage.aiReference", "false", 15));
    expect(0, WIRE_APPLIED, 0); /* off: anybody */
    /* Slots: one's own, with a picture of oneself. */
    push_as("bert", "b",
            write_of("insert", "meSlots", "anna:avatar", "fam", "imageId", "\"i1\"", 0));
    assert_int_equal(results[0].status, WIRE_REJECTED);
    push_as("bert", "b",
            "{\"table\":\"meSlots\",\"id\":\"bert:avatar\",\"op\":\"insert\",\"spaceId\":\"fam\","
            "\"data\":{\"person\":\"bert\",\"slot\":\"avatar\",\"imageId\":\"i1\"}}");
    expect(0, WIRE_REJECTED, RAUM_ENOT_ALLOWED);
    push_as("anna", "phone",
            "{\"table\":\"meSlots\",\"id\":\"anna:avatar\",\"op\":\"insert\",\"spaceId\":\"fam\","
            "\"data\":{\"person\":\"anna\",\"slot\":\"avatar\",\"imageId\":\"i1\"}}");
    expect(0, WIRE_APPLIED, 0);
    push_as("bert", "b",
            write_of("update", "meSlots", "anna:avatar", "fam", "imageId", "null", 50));
    expect(0, WIRE_REJECTED, RAUM_ENOT_ALLOWED);
}

static void test_private_G_T9(void **state)
{
    (void)state;
    push_as("anna", "phone", write_of("insert", "tasks", "t1", "fam", "title", "\"a\"", 0));
    push_as("anna", "phone",
            write_of("insert", "tasks", "t2", "fam", "visibility", "\"private\"", 0));
    const char *cursor = pull_as("bert", NULL, "fam");
    assert_non_null(found("t1"));
    assert_null(found("t2"));
    assert_int_equal(page.retract_count, 0); /* never shared: never mentioned */
    push_as("bert", "b", write_of("update", "tasks", "t2", "fam", "title", "\"hers\"", 5));
    expect(0, WIRE_REJECTED, RAUM_ENOT_FOUND);
    push_as("bert", "b", write_of("update", "tasks", "t1", "fam", "visibility", "\"private\"", 5));
    expect(0, WIRE_REJECTED, RAUM_ENOT_ALLOWED);
    push_as("anna", "phone",
            write_of("update", "tasks", "t1", "fam", "visibility", "\"private\"", 6));
    expect(0, WIRE_APPLIED, 0);
    pull_as("bert", cursor, "fam");
    assert_int_equal(page.answer.change_count, 0);
    assert_int_equal(page.retract_count, 1);
    assert_string_equal(page.retracts[0].id, "t1");
    pull_as("anna", NULL, "fam");
    assert_non_null(found("t1"));
    assert_non_null(found("t2"));
}

/* More than a page of withdrawals, from two spaces: none is lost. */
static void test_many_withdrawn_G_T9(void **state)
{
    (void)state;
    struct buf made, gone;
    uint32_t retracts = 0;
    run_sql("INSERT INTO spaces (id, name, slug, type, created) VALUES ('club', 'Club', 'club', "
            "'club', 3)");
    run_sql("INSERT INTO members (id, space, account, role, created) VALUES ('c1', 'club', 'anna', "
            "'owner', 1), ('c2', 'club', 'bert', 'member', 1)");
    buf_init(&made, 8u << 20);
    buf_init(&gone, 8u << 20);
    for (int i = 0; i < 1400; i++) {
        char id[16];
        const char *space = i % 2 ? "club" : "fam", *comma = i ? "," : "";
        snprintf(id, sizeof id, "t%d", i);
        buf_printf(&made, "%s%s", comma,
                   write_of("insert", "tasks", id, space, "title", "\"a\"", 0));
        buf_printf(&gone, "%s%s", comma,
                   write_of("update", "tasks", id, space, "visibility", "\"private\"", 1));
    }
    push_as("anna", "phone", buf_text(&made));
    const char *cursor = NULL;
    do
        cursor = pull_as("bert", cursor, NULL);
    while (page.answer.more);
    push_as("anna", "phone", buf_text(&gone));
    for (int i = 0; i < 5; i++) {
        cursor = pull_as("bert", cursor, NULL);
        assert_int_equal(page.answer.change_count, 0);
        retracts += page.retract_count;
        if (!page.answer.more)
            break;
    }
    assert_int_equal(retracts, 1400);
    buf_release(&made);
    buf_release(&gone);
}

static void test_delete_and_restore(void **state)
{
    (void)state;
    push_as("anna", "phone", write_of("insert", "tasks", "t1", "fam", "title", "\"a\"", 0));
    static const char gone[] = "\"2026-04-01T08:00:00.000Z\"";
    push_as("bert", "b", write_of("delete", "tasks", "t1", "fam", "deletedAt", gone, 5));
    expect(0, WIRE_REJECTED, RAUM_ENOT_ALLOWED); /* not the author, no admin */
    push_as("anna", "phone", write_of("delete", "tasks", "t1", "fam", "deletedAt", gone, 6));
    expect(0, WIRE_APPLIED, 0);
    push_as("bert", "b", write_of("update", "tasks", "t1", "fam", "title", "\"late\"", 7));
    expect(0, WIRE_APPLIED, 0); /* kept beneath the deletion (G-S10) */
    push_as("bert", "b", write_of("update", "tasks", "t1", "fam", "deletedAt", "null", 8));
    expect(0, WIRE_REJECTED, RAUM_ENOT_ALLOWED);
    push_as("anna", "phone", write_of("update", "tasks", "t1", "fam", "deletedAt", "null", 9));
    expect(0, WIRE_APPLIED, 0);
    pull_as("bert", NULL, "fam");
    assert_string_equal(value_of(found("t1"), "title"), "\"late\"");
    assert_string_equal(value_of(found("t1"), "deletedAt"), "null");
}

static void test_clock_G_S9(void **state)
{
    (void)state;
    int year = 365 * 24 * 3600; /* seconds; write_of takes ms */
    push_as("anna", "phone",
            "{\"table\":\"tasks\",\"id\":\"t1\",\"op\":\"insert\",\"spaceId\":\"fam\",\"fields\":{"
            "\"title\":{\"value\":\"x\",\"at\":\"2099-01-01T00:00:00Z\"}}}");
    expect(0, WIRE_REJECTED, RAUM_ECLOCK_AHEAD);
    assert_true(results[0].server_time == clock_at(now, 0));
    push_as("anna", "phone", write_of("insert", "tasks", "t1", "fam", "title", "\"x\"", 299000));
    expect(0, WIRE_APPLIED, 0);
    push_as("anna", "phone", write_of("insert", "tasks", "t2", "fam", "title", "\"x\"", 301000));
    expect(0, WIRE_REJECTED, RAUM_ECLOCK_AHEAD);
    push_as("anna", "phone", write_of("insert", "tasks", "t3", "fam", "title", "\"x\"", -year));
    expect(0, WIRE_APPLIED, 0);
    push_as("anna", "phone",
            "{\"table\":\"tasks\",\"id\":\"t4\",\"op\":\"insert\",\"spaceId\":\"fam\",\"fields\":{"
            "\"title\":{\"value\":\"x\",\"at\":\"2026-04-01T08:00:00Z\",\"by\":\"bert\"}}}");
    expect(0, WIRE_REJECTED, RAUM_ENOT_ALLOWED); /* in another's name (G-A4) */
}

static void test_unknown_G_S16(void **state)
{
    (void)state;
    push_as("anna", "phone", write_of("insert", "hologram", "h1", "fam", "depth", "[1,2]", 0));
    expect(0, WIRE_APPLIED, 0);
    push_as("anna", "phone", write_of("insert", "tasks", "t1", "fam", "mood", "{\"a\":1}", 0));
    expect(0, WIRE_APPLIED, 0);
    pull_as("bert", NULL, "fam");
    assert_string_equal(value_of(found("h1"), "depth"), "[1,2]");
    assert_string_equal(value_of(found("t1"), "mood"), "{\"a\":1}");
}

static void test_pages_and_epoch_G_S2(void **state)
{
    (void)state;
    struct buf b;
    const char *cursor = NULL;
    uint32_t seen = 0, rounds = 0;
    for (int batch = 0; batch < 3; batch++) {
        buf_init(&b, 8u << 20);
        for (int i = 0; i < 900; i++) {
            char id[16];
            snprintf(id, sizeof id, "t%d", batch * 900 + i);
            buf_printf(&b, "%s%s", i ? "," : "",
                       write_of("insert", "tasks", id, "fam", "title", "\"same time\"", 0));
        }
        push_as("anna", "phone", buf_text(&b));
        buf_release(&b);
    }
    do {
        cursor = pull_as("bert", cursor, NULL);
        seen += page.answer.change_count;
        assert_true(++rounds < 20);
    } while (page.answer.more);
    assert_int_equal(seen, 2700);
    assert_true(rounds >= 3);
    static const char *const odd[] = {"", "1970-01-01T00:00:00.000Z", "AAAA", "%%%", "AQ"};
    for (size_t i = 0; i < 5; i++) {
        pull_as("bert", odd[i], NULL);
        assert_int_equal(page.answer.change_count, RELAY_PAGE_MAX);
    }
    KIT_OK(&kit, relay_new_epoch(kit.sql, &env, &kit.error));
    pull_as("bert", cursor, NULL); /* a restored server: from the start (G-O4) */
    assert_int_equal(page.answer.change_count, RELAY_PAGE_MAX);
}

/* A cursor over hundreds of spaces is long; it goes through the wire both ways all the same. */
static void test_many_spaces_G_S2(void **state)
{
    (void)state;
    struct wire_answer answer;
    const char *since = "";
    for (int i = 0; i < 300; i++) {
        char id[16];
        snprintf(id, sizeof id, "s%d", i);
        KIT_OK(&kit, sql_run(kit.sql, &kit.error,
                             "INSERT INTO spaces (id, name, slug, type, created) VALUES (?1, ?1, "
                             "?1, 'team', 9)",
                             "s", id));
        KIT_OK(&kit, sql_run(kit.sql, &kit.error,
                             "INSERT INTO members (id, space, account, role, created) VALUES (?1, "
                             "?1, 'anna', 'owner', 9)",
                             "s", id));
        push_as("anna", "phone", write_of("insert", "tasks", "t", id, "title", "\"a\"", 0));
    }
    for (uint32_t round = 0; round < 2; round++) {
        struct relay_caller who = {.account = "anna", .client = "phone"};
        struct relay_written *written;
        struct buf out;
        uint32_t count;
        char *text = arena_printf(&arena, "{\"since\":\"%s\",\"changes\":[]}", since);
        buf_init(&out, 8u << 20);
        KIT_OK(&kit, json_parse(&doc, text, strlen(text), 0, &kit.error));
        KIT_OK(&kit,
               relay_exchange(relay, &who, &doc, NULL, &arena, &out, &written, &count, &kit.error));
        KIT_OK(&kit, json_parse(&doc, buf_text(&out), out.len, 0, &kit.error));
        KIT_OK(&kit, wire_read_answer(&doc, &arena, &answer, &kit.error));
        since = answer.until;
        assert_int_equal(answer.change_count, round ? 0 : 300);
        assert_true(strlen(since) > 1000);
        buf_release(&out);
    }
}

/* Eight writers at once while a reader follows: every row once, in some order, none missed. */
struct writer {
    pthread_t thread;
    int number, failed;
};

/* One task by a connection of its own. 0: applied. */
static int write_one(struct sql *c, const char *account, const char *id)
{
    struct raum_error error = {0};
    struct relay *mine;
    struct arena a;
    struct json_doc d;
    struct wire_request q;
    struct wire_result r[1];
    struct relay_written *written;
    uint32_t count;
    struct relay_caller who = {.account = account, .client = "w"};
    arena_init(&a, 8u << 20);
    json_init(&d);
    char *text = arena_printf(&a,
                              "{\"changes\":[{\"table\":\"tasks\",\"id\":\"%s\",\"op\":\"insert\","
                              "\"spaceId\":\"fam\",\"data\":{\"title\":\"x\"}}]}",
                              id);
    int failed = relay_new(&mine, c, &env, &error) != 0;
    failed += json_parse(&d, text, strlen(text), 0, &error) != 0;
    failed += wire_read_request(&d, &a, &q, &error) != 0;
    failed += relay_push(mine, &who, &q, &a, r, &written, &count, &error) != 0;
    failed += r[0].status != WIRE_APPLIED;
    relay_free(mine);
    json_release(&d);
    arena_release(&a);
    return failed;
}

static void *write_many(void *arg)
{
    struct writer *w = arg;
    struct raum_error error = {0};
    struct relay *mine;
    struct sql *c = kit_connect(&kit);
    struct relay_caller who = {.account = w->number % 2 ? "anna" : "bert", .client = "w"};
    w->failed += relay_new(&mine, c, &env, &error) != 0;
    for (int i = 0; i < 25; i++) {
        struct arena a;
        struct json_doc d;
        struct wire_request q;
        struct wire_result r[1];
        struct relay_written *written;
        uint32_t count;
        arena_init(&a, 8u << 20);
        json_init(&d);
        char *text = arena_printf(&a,
                                  "{\"changes\":[{\"table\":\"tasks\",\"id\":\"w%d-%d\","
                                  "\"op\":\"insert\",\"spaceId\":\"fam\",\"data\":{\"title\":"
                                  "\"x\"}}]}",
                                  w->number, i);
        w->failed += json_parse(&d, text, strlen(text), 0, &error) != 0;
        w->failed += wire_read_request(&d, &a, &q, &error) != 0;
        int rc;
        do /* a busy machine makes a writer wait too long: it tries again, as a device does */
            rc = relay_push(mine, &who, &q, &a, r, &written, &count, &error);
        while (rc == RAUM_EBUSY);
        if (rc != 0 || r[0].status != WIRE_APPLIED)
            print_message("%d: %d %s\n", w->number, rc, error.text);
        w->failed += rc != 0 || r[0].status != WIRE_APPLIED;
        json_release(&d);
        arena_release(&a);
    }
    relay_free(mine);
    sql_close(c);
    return NULL;
}

static void test_concurrent_writers_G_S2(void **state)
{
    (void)state;
    struct writer writers[8];
    const char *cursor = NULL;
    static char seen[8][25];
    int total = 0, failed = 0;
    memset(seen, 0, sizeof seen);
    for (int i = 0; i < 8; i++) {
        writers[i] = (struct writer){.number = i};
        assert_int_equal(pthread_create(&writers[i].thread, NULL, write_many, &writers[i]), 0);
    }
    for (int round = 0; round < 20000 && total < 200; round++) {
        arena_reset(&arena);
        char kept[1024];
        const char *next = pull_as("anna", cursor, "fam");
        for (uint32_t i = 0; i < page.answer.change_count; i++) {
            int w = -1, n = -1;
            assert_int_equal(sscanf(page.answer.changes[i].id, "w%d-%d", &w, &n), 2);
            assert_int_equal(seen[w][n]++, 0);
            total++;
        }
        static char last[1024];
        snprintf(kept, sizeof kept, "%s", next);
        memcpy(last, kept, sizeof last);
        cursor = last;
    }
    for (int i = 0; i < 8; i++) {
        pthread_join(writers[i].thread, NULL);
        failed += writers[i].failed;
    }
    assert_int_equal(failed, 0);
    assert_int_equal(total, 200);
}

static void *write_second(void *arg)
{
    struct sql *c = kit_connect(&kit);
    *(int *)arg = write_one(c, "bert", "second");
    sql_close(c);
    return NULL;
}

/* The one whose transaction began first commits last; a reader that stands between the two commits
 * misses neither. (On SQLite the second waits for the first: there is one writer.) */
static void test_opposite_order_G_S2(void **state)
{
    (void)state;
    pthread_t second;
    int failed = 0, seen[2] = {0};
    struct sql *first = kit_connect(&kit);
    const char *cursor = pull_as("anna", NULL, "fam");
    KIT_OK(&kit, sql_begin(first, &kit.error));
    assert_int_equal(pthread_create(&second, NULL, write_second, &failed), 0);
    if (kit_is_postgres())
        pthread_join(second, NULL);
    for (int turn = 0; turn < 2; turn++) {
        cursor = arena_str(&arena, pull_as("anna", cursor, "fam"));
        seen[0] += found("first") != NULL;
        seen[1] += found("second") != NULL;
        if (turn == 0) {
            if (kit_is_postgres())
                assert_int_equal(seen[1], 1);
            assert_int_equal(write_one(first, "anna", "first"), 0);
            KIT_OK(&kit, sql_end(first, 0, &kit.error));
            if (!kit_is_postgres())
                pthread_join(second, NULL);
        }
    }
    assert_int_equal(failed, 0);
    assert_int_equal(seen[0], 1);
    assert_int_equal(seen[1], 1);
    sql_close(first);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_round_trip),
        TEST(test_again_and_older_G_S5),
        TEST(test_who_may_G_S1_G_U4),
        TEST(test_one_bad_G_S6),
        TEST(test_fixed_G_T7),
        TEST(test_consent_G_T12),
        TEST(test_private_G_T9),
        TEST(test_delete_and_restore),
        TEST(test_many_withdrawn_G_T9),
        TEST(test_clock_G_S9),
        TEST(test_unknown_G_S16),
        TEST(test_pages_and_epoch_G_S2),
        TEST(test_concurrent_writers_G_S2),
        TEST(test_many_spaces_G_S2),
        TEST(test_opposite_order_G_S2),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
