/* The parser of Server-Sent Events: the examples of the standard, any cut, and its bounds. */
#include "sync/sse.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static char heard[4096];

static int hear(void *arg, const struct sse_event *e)
{
    size_t len = strlen(heard);
    (void)arg;
    assert_int_equal(strlen(e->data), e->len);
    snprintf(heard + len, sizeof heard - len, "[%s|%s|%s]", e->name, e->data, e->id);
    return strcmp(e->name, "stop") == 0 ? RAUM_END : 0;
}

/* Whole, byte by byte, and in two pieces at every place: always the same. */
static void parses(const char *text, const char *wanted)
{
    size_t len = strlen(text);
    for (size_t cut = 0; cut <= len + 1; cut++) {
        struct sse p;
        sse_init(&p);
        heard[0] = '\0';
        if (cut == len + 1) {
            for (size_t i = 0; i < len; i++)
                assert_int_equal(sse_feed(&p, text + i, 1, hear, NULL), 0);
        } else {
            assert_int_equal(sse_feed(&p, text, cut, hear, NULL), 0);
            assert_int_equal(sse_feed(&p, text + cut, len - cut, hear, NULL), 0);
        }
        assert_string_equal(heard, wanted);
        sse_release(&p);
    }
}

static void test_events(void **state)
{
    (void)state;
    parses("data: a\n\n", "[message|a|]");
    parses("data: a\ndata: b\n\ndata:c\n\n", "[message|a\nb|][message|c|]");
    parses("event: add\ndata: 1\n\ndata: 2\n\n", "[add|1|][message|2|]");
    parses("id: 7\ndata: 1\n\ndata: 2\n\nid\ndata: 3\n\n",
           "[message|1|7][message|2|7][message|3|]");
    parses(": nothing\n\ndata\n\ndata\ndata\n\ndata:", "[message||][message|\n|]");
    parses("data:  two blanks\r\n\r\ndata: cr\r\rdata: lf\n\n",
           "[message| two blanks|][message|cr|][message|lf|]");
    parses("\xef\xbb\xbf"
           "data: bom\n\n\xef\xbb\xbf"
           "data: no\n\n",
           "[message|bom|]");
    parses("event: lost\n\ndata: x\nretry: 5\nother: y\n\ndata: cut off", "[message|x|]");
    parses("event: 0123456789012345678901234567890123456789012345678901234567890123\ndata: 1\n\n",
           "[?|1|]");
}

static void test_stop(void **state)
{
    struct sse p;
    static const char text[] = "event: stop\ndata: 1\n\ndata: 2\n\n";
    (void)state;
    sse_init(&p);
    heard[0] = '\0';
    assert_int_equal(sse_feed(&p, text, strlen(text), hear, NULL), RAUM_END);
    assert_string_equal(heard, "[stop|1|]");
    sse_reset(&p);
    assert_int_equal(sse_feed(&p, "data: 3\n\n", 9, hear, NULL), 0);
    assert_string_equal(heard, "[stop|1|][message|3|]");
    sse_release(&p);
}

/* A line without an end, data without an end, an id without an end: each has its bound. */
static void test_bounds(void **state)
{
    struct sse p;
    (void)state;
    char *much = malloc(SSE_EVENT_MAX);
    assert_non_null(much);
    memset(much, 'x', SSE_EVENT_MAX);
    sse_init(&p);
    assert_int_equal(sse_feed(&p, much, SSE_EVENT_MAX, hear, NULL), 0);
    assert_int_equal(sse_feed(&p, "x", 1, hear, NULL), RAUM_ETOO_LARGE);
    assert_int_equal(sse_feed(&p, "\ndata: 1\n\n", 10, hear, NULL), RAUM_ETOO_LARGE);
    sse_reset(&p);
    heard[0] = '\0';
    assert_int_equal(sse_feed(&p, "data: 1\n\n", 9, hear, NULL), 0);
    assert_string_equal(heard, "[message|1|]");
    memcpy(much, "data:", 5);
    much[SSE_EVENT_MAX / 2] = '\n';
    int result = 0;
    for (int i = 0; i < 3 && result == 0; i++)
        result = sse_feed(&p, much, SSE_EVENT_MAX / 2 + 1, hear, NULL);
    assert_int_equal(result, RAUM_ETOO_LARGE);
    sse_reset(&p);
    memcpy(much, "id: ", 4);
    much[SSE_ID_MAX + 100] = '\n';
    assert_int_equal(sse_feed(&p, much, SSE_ID_MAX + 101, hear, NULL), RAUM_ETOO_LARGE);
    sse_reset(&p);
    heard[0] = '\0';
    assert_int_equal(sse_feed(&p, "data: 2\n\n", 9, hear, NULL), 0);
    assert_string_equal(heard, "[message|2|]");
    sse_release(&p);
    free(much);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_events),
        cmocka_unit_test(test_stop),
        cmocka_unit_test(test_bounds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
