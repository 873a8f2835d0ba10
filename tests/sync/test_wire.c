/* The codec of the wire: golden bytes both ways, the older spelling, and what is refused: alone in
 * its batch (G-S6), never silently (G-S16). */
#include "sync/wire.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

struct room {
    struct arena a;
    struct json_doc doc;
    char *text;
    size_t len;
    struct wire_request request;
    struct wire_answer answer;
    struct raum_error error;
};

static void open_room(struct room *r)
{
    *r = (struct room){0};
    arena_init(&r->a, 64u << 20);
    json_init(&r->doc);
}

static void close_room(struct room *r)
{
    arena_release(&r->a);
    json_release(&r->doc);
    free(r->text);
}

static int read_request(struct room *r, const char *text)
{
    assert_int_equal(json_parse(&r->doc, text, strlen(text), 0, &r->error), 0);
    return wire_read_request(&r->doc, &r->a, &r->request, &r->error);
}

static void load(struct room *r, const char *name)
{
    char path[4096];
    const char *folder = getenv("RAUM_TEST_DATA");
    assert_non_null(folder);
    snprintf(path, sizeof path, "%s/wire/%s", folder, name);
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    r->text = calloc(1, 65536);
    assert_non_null(r->text);
    r->len = fread(r->text, 1, 65535, file);
    fclose(file);
    assert_int_equal(json_parse(&r->doc, r->text, r->len, 0, &r->error), 0);
}

static void test_golden_request(void **state)
{
    struct room r;
    struct json_writer w;
    struct buf out;
    (void)state;
    open_room(&r);
    load(&r, "request.json");
    assert_int_equal(wire_read_request(&r.doc, &r.a, &r.request, &r.error), 0);
    assert_int_equal(r.request.count, 3);
    assert_int_equal(r.request.schema, 1);
    const struct wire_change *c = &r.request.changes[0];
    assert_string_equal(c->event, "e-1");
    assert_int_equal(c->op, WIRE_INSERT);
    assert_int_equal(c->count, 3);
    assert_string_equal(c->fields[2].name, "usage.aiReference");
    assert_string_equal(c->fields[2].stamp.dev, "phone");
    assert_string_equal(c->fields[2].stamp.by, "user_01");
    assert_int_equal(r.request.changes[1].fields[0].stamp.origin, ORIGIN_AGENT);
    assert_string_equal(r.request.changes[1].fields[0].stamp.agent, "stylist");
    buf_init(&out, WIRE_BYTES_MAX);
    json_begin(&w, &out);
    wire_put_request(&w, &r.request);
    assert_string_equal(buf_text(&out), r.text);
    buf_release(&out);
    close_room(&r);
}

static void test_golden_answer(void **state)
{
    struct room r;
    struct json_writer w;
    struct buf out;
    (void)state;
    open_room(&r);
    load(&r, "answer.json");
    assert_int_equal(wire_read_answer(&r.doc, &r.a, &r.answer, &r.error), 0);
    assert_int_equal(r.answer.result_count, 3);
    assert_int_equal(r.answer.results[2].code, RAUM_ECLOCK_AHEAD);
    assert_int_equal(r.answer.results[1].status, WIRE_STALE);
    assert_false(r.answer.more);
    buf_init(&out, WIRE_BYTES_MAX);
    json_begin(&w, &out);
    wire_put_answer(&w, &r.answer);
    assert_string_equal(buf_text(&out), r.text);
    buf_release(&out);
    close_room(&r);
}

static const struct merge_field *field(const struct wire_change *c, const char *name)
{
    for (uint32_t i = 0; i < c->count; i++)
        if (strcmp(c->fields[i].name, name) == 0)
            return &c->fields[i];
    return NULL;
}

static void test_older_spelling(void **state)
{
    struct room r;
    (void)state;
    open_room(&r);
    load(&r, "older.json");
    assert_int_equal(wire_read_request(&r.doc, &r.a, &r.request, &r.error), 0);
    const struct wire_change *c = r.request.changes;
    assert_int_equal(c[0].error, 0);
    assert_string_equal(c[0].space, "_personal:user_01");
    assert_non_null(field(&c[0], "usage.aiReference"));
    assert_non_null(field(&c[0], "usage.showInProfile"));
    assert_true(field(&c[0], "usage.aiReference")->whole);
    assert_null(field(&c[0], "usage"));
    assert_null(field(&c[0], "primaryFor")); /* derived: never stored */
    assert_null(field(&c[0], "publicUrl"));
    assert_null(field(&c[0], "id"));
    const struct merge_field *newer = field(&c[0], "newer"); /* G-S16 */
    assert_non_null(newer);
    assert_memory_equal(newer->value, "{\"a\":[1,2]}", newer->len);
    assert_int_equal(newer->stamp.at, 0);
    assert_string_equal(newer->stamp.by, "user_01");
    assert_string_equal(newer->stamp.dev, "browser-1");
    /* A short fraction is filled up: half a second is 500 ms, counter 0. */
    uint64_t half = field(&c[1], "title")->stamp.at;
    assert_int_equal(half & 0xfffff, 0);
    assert_int_equal((half >> 20) % 1000, 500);
    assert_int_equal(c[2].op, WIRE_DELETE);
    const struct merge_field *gone = field(&c[2], "deletedAt");
    assert_non_null(gone);
    assert_int_equal(gone->stamp.at, half - (UINT64_C(500) << 20));
    close_room(&r);
}

static void test_stamped_counts_before_plain(void **state)
{
    struct room r;
    (void)state;
    open_room(&r);
    static const char text[] =
        "{\"clientId\":\"c\",\"changes\":[{\"table\":\"tasks\",\"id\":\"t\",\"op\":\"update\","
        "\"data\":{\"title\":\"plain\",\"priority\":1},\"fields\":{\"title\":{\"value\":"
        "\"stamped\",\"at\":\"2026-04-01T08:00:00Z\"}}}]}";
    assert_int_equal(read_request(&r, text), 0);
    const struct wire_change *c = r.request.changes;
    assert_int_equal(c->error, 0);
    assert_int_equal(c->count, 2);
    assert_memory_equal(field(c, "title")->value, "\"stamped\"", 9);
    assert_int_equal(field(c, "priority")->stamp.at, 0);
    close_room(&r);
}

/* Each alone in a batch between two good ones: it is refused, they are not (G-S6). */
static void test_bad_change_stays_alone(void **state)
{
    static const char *const bad[] = {
        "1", "null", "[]", "{}", "{\"table\":\"tasks\"}",
        "{\"table\":\"tasks\",\"id\":\"t\"}",
        "{\"table\":\"tasks\",\"id\":\"t\",\"op\":\"merge\"}",
        "{\"table\":\"tasks\",\"id\":\"t\",\"op\":1}",
        "{\"table\":\"tasks\",\"id\":\"\",\"op\":\"update\"}",
        "{\"table\":\"\",\"id\":\"t\",\"op\":\"update\"}",
        "{\"table\":\"tasks\",\"id\":7,\"op\":\"update\"}",
        "{\"table\":\"tasks\",\"id\":\"a\\u0000b\",\"op\":\"update\"}",
        "{\"table\":\"tasks\",\"id\":\"a\\nb\",\"op\":\"update\"}",
        "{\"table\":\"tasks\",\"id\":\"t\",\"op\":\"update\",\"fields\":[]}",
        "{\"table\":\"tasks\",\"id\":\"t\",\"op\":\"update\",\"data\":[]}",
        "{\"table\":\"tasks\",\"id\":\"t\",\"op\":\"update\",\"fields\":{\"title\":1}}",
        "{\"table\":\"tasks\",\"id\":\"t\",\"op\":\"update\",\"fields\":{\"title\":{\"value\":1}}}",
        "{\"table\":\"tasks\",\"id\":\"t\",\"op\":\"update\",\"fields\":{\"title\":{\"value\":1,"
        "\"at\":\"\"}}}",
        "{\"table\":\"tasks\",\"id\":\"t\",\"op\":\"update\",\"fields\":{\"title\":{\"value\":1,"
        "\"at\":\"gestern\"}}}",
        "{\"table\":\"tasks\",\"id\":\"t\",\"op\":\"update\",\"fields\":{\"title\":{\"at\":"
        "\"2026-04-01T08:00:00Z\"}}}",
        "{\"table\":\"tasks\",\"id\":\"t\",\"op\":\"update\",\"fields\":{\"\":{\"value\":1,\"at\":"
        "\"2026-04-01T08:00:00Z\"}}}",
        "{\"table\":\"tasks\",\"id\":\"t\",\"op\":\"update\",\"origin\":\"server-replay\"}",
        "{\"table\":\"tasks\",\"id\":\"t\",\"op\":\"update\",\"origin\":\"god\"}",
        "{\"table\":\"tasks\",\"id\":\"t\",\"op\":\"update\",\"actor\":{\"account\":1}}",
        "{\"table\":\"tasks\",\"id\":\"t\",\"op\":\"delete\",\"deletedAt\":\"gestern\"}",
        "{\"table\":\"tasks\",\"id\":\"t\",\"op\":\"delete\",\"deletedAt\":5}",
        "{\"table\":\"tasks\",\"id\":\"t\",\"op\":\"update\",\"spaceId\":1}",
    };
    static const char good[] = "{\"table\":\"tasks\",\"id\":\"t\",\"op\":\"update\"}";
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct room r;
        char text[1024];
        open_room(&r);
        snprintf(text, sizeof text, "{\"clientId\":\"c\",\"changes\":[%s,%s,%s]}", good, bad[i],
                 good);
        if (read_request(&r, text) != 0)
            fail_msg("the whole request was refused for %s", bad[i]);
        assert_int_equal(r.request.count, 3);
        assert_int_equal(r.request.changes[0].error, 0);
        assert_int_equal(r.request.changes[2].error, 0);
        if (r.request.changes[1].error != RAUM_EBAD_CHANGE)
            fail_msg("taken: %s", bad[i]);
        close_room(&r);
    }
}

static void test_no_request_at_all(void **state)
{
    static const char *const bad[] = {
        "[]", "1", "{\"changes\":{}}", "{\"changes\":1}", "{\"clientId\":5}", "{\"since\":5}",
        "{\"schemaVersion\":\"1\"}", "{\"clientId\":\"a\\u0007\"}",
    };
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct room r;
        open_room(&r);
        assert_int_equal(read_request(&r, bad[i]), RAUM_EBAD_CHANGE);
        close_room(&r);
    }
}

static void many(struct buf *b, const char *head, const char *item, int count, const char *tail)
{
    buf_str(b, head);
    for (int i = 0; i < count; i++) {
        if (i)
            buf_char(b, ',');
        buf_printf(b, item, i);
    }
    buf_str(b, tail);
}

static void test_limits(void **state)
{
    struct room r;
    struct buf b;
    (void)state;
    buf_init(&b, 4u << 20);
    many(&b, "{\"changes\":[", "{\"id\":\"%d\"}", WIRE_CHANGES_MAX + 1, "]}");
    open_room(&r);
    assert_int_equal(read_request(&r, buf_text(&b)), RAUM_ETOO_LARGE);
    close_room(&r);
    buf_reset(&b);
    many(&b, "{\"changes\":[{\"table\":\"tasks\",\"id\":\"t\",\"op\":\"update\",\"data\":{",
         "\"f%d\":1", WIRE_FIELDS_MAX + 1, "}}]}");
    open_room(&r);
    assert_int_equal(read_request(&r, buf_text(&b)), 0);
    assert_int_equal(r.request.changes[0].error, RAUM_ETOO_LARGE);
    close_room(&r);
    buf_release(&b);
}

/* However little memory: NOMEM or the truth, never less than was sent. */
static void test_little_memory(void **state)
{
    struct room whole;
    (void)state;
    open_room(&whole);
    load(&whole, "request.json");
    for (size_t max = 0; max < 4096; max += 64) {
        struct arena a;
        struct wire_request q;
        arena_init(&a, max);
        int result = wire_read_request(&whole.doc, &a, &q, NULL);
        assert_true(result == 0 || result == RAUM_ENOMEM || result == RAUM_EBAD_CHANGE);
        if (result == 0) {
            assert_int_equal(q.count, 3);
            assert_int_equal(q.changes[0].count, 3);
        }
        arena_release(&a);
    }
    close_room(&whole);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_golden_request),
        cmocka_unit_test(test_golden_answer),
        cmocka_unit_test(test_older_spelling),
        cmocka_unit_test(test_stamped_counts_before_plain),
        cmocka_unit_test(test_bad_change_stays_alone),
        cmocka_unit_test(test_no_request_at_all),
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_little_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
