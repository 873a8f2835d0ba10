#include "base/alloc.h"
#include "base/check.h"
#include "base/json.h"

#include <math.h>

static struct buf out;
static struct json_writer w;

static int set_up(void **state)
{
    (void)state;
    buf_init(&out, 1 << 20);
    json_begin(&w, &out);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    buf_release(&out);
    return 0;
}

static void again(void)
{
    buf_reset(&out);
    json_begin(&w, &out);
}

static void write_sample(void)
{
    json_open_object(&w);
    json_put_key(&w, "none");
    json_put_null(&w);
    json_put_key(&w, "list");
    json_open_array(&w);
    json_put_int(&w, INT64_MIN);
    json_put_bool(&w, true);
    json_open_array(&w);
    json_close_array(&w);
    json_open_object(&w);
    json_close_object(&w);
    json_open_object(&w);
    json_put_key_len(&w, "a\0b", 3);
    json_put_bool(&w, false);
    json_close_object(&w);
    json_close_array(&w);
    json_put_key(&w, "raw");
    json_put_raw(&w, "[1, 2]", 6);
    json_put_key(&w, "");
    json_put_str(&w, NULL);
    json_put_key(&w, "text");
    json_put_str(&w, "a\"");
    json_close_object(&w);
}

static void test_compact(void **state)
{
    (void)state;
    write_sample();
    assert_string_equal(buf_text(&out),
                        "{\"none\":null,\"list\":[-9223372036854775808,true,[],{},"
                        "{\"a\\u0000b\":false}],\"raw\":[1, 2],\"\":null,\"text\":\"a\\\"\"}");
}

static void test_pretty(void **state)
{
    (void)state;
    w.pretty = true;
    write_sample();
    assert_string_equal(buf_text(&out), "{\n"
                                        "  \"none\": null,\n"
                                        "  \"list\": [\n"
                                        "    -9223372036854775808,\n"
                                        "    true,\n"
                                        "    [],\n"
                                        "    {},\n"
                                        "    {\n"
                                        "      \"a\\u0000b\": false\n"
                                        "    }\n"
                                        "  ],\n"
                                        "  \"raw\": [1, 2],\n"
                                        "  \"\": null,\n"
                                        "  \"text\": \"a\\\"\"\n"
                                        "}");
}

static void check_text(const char *text, size_t len, const char *expected)
{
    again();
    json_put_text(&w, text, len);
    assert_string_equal(buf_text(&out), expected);
    struct json_doc doc;
    json_init(&doc);
    assert_int_equal(json_parse(&doc, out.data, out.len, 0, NULL), 0);
    json_release(&doc);
}

static void test_texts(void **state)
{
    (void)state;
    check_text("", 0, "\"\"");
    check_text(NULL, 0, "\"\"");
    check_text("plain", 5, "\"plain\"");
    check_text("\"\\/\b\f\n\r\t", 8, "\"\\\"\\\\/\\b\\f\\n\\r\\t\"");
    check_text("\0\x01\x1F\x7F", 4, "\"\\u0000\\u0001\\u001f\x7F\"");
    check_text("\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80", 9,
               "\"\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80\"");
    check_text("\xFF", 1, "\"\xEF\xBF\xBD\"");
    check_text("a\xFF"
               "b\xC3",
               4,
               "\"a\xEF\xBF\xBD"
               "b\xEF\xBF\xBD\"");
    check_text("\xED\xA0\x80", 3, "\"\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\"");
    check_text("\xC3\xA9\n\xC3\xA9", 5, "\"\xC3\xA9\\n\xC3\xA9\"");
    check_text("\xFF\n\xFF\"", 4, "\"\xEF\xBF\xBD\\n\xEF\xBF\xBD\\\"\"");
}

static void test_any_bytes_become_a_text(void **state)
{
    (void)state;
    struct json_doc doc;
    struct arena arena;
    json_init(&doc);
    arena_init(&arena, 1 << 20);
    check_seed(21);
    for (int i = 0; i < 20000; i++) {
        char bytes[40];
        size_t len = check_below(sizeof bytes);
        for (size_t k = 0; k < len; k++)
            bytes[k] = (char)(check_below(3) ? check_random() : (uint64_t)"\"\\\n\xC3\xA9z"[k % 6]);
        again();
        json_put_text(&w, bytes, len);
        struct raum_error error;
        if (json_parse(&doc, out.data, out.len, 0, &error) != 0)
            fail_msg("%s: %s", out.data, error.text);
        arena_reset(&arena);
        const char *text;
        size_t text_len;
        assert_true(json_text(json_root(&doc), &arena, &text, &text_len));
        if (!memchr(text, 0xEF, text_len)) { /* nothing was invalid: nothing is altered */
            assert_int_equal(text_len, len);
            assert_memory_equal(text, bytes, len);
        }
    }
    json_release(&doc);
    arena_release(&arena);
}

/* ---- numbers ---- */

static void test_doubles_known(void **state)
{
    (void)state;
    static const struct {
        double value;
        const char *text;
    } rows[] = {
        {0, "0"},
        {-0.0, "-0"},
        {1, "1"},
        {-1.5, "-1.5"},
        {0.1, "0.1"},
        {1.0 / 3, "0.3333333333333333"},
        {100, "100"},
        {1e15, "1000000000000000"},
        {9007199254740991, "9007199254740991"},
        {9007199254740992, "9007199254740992"},
        {9007199254740994, "9007199254740994"},
        {123456789012345680000.0, "123456789012345680000"},
        {1e20, "100000000000000000000"},
        {1e21, "1e+21"},
        {1.5e21, "1.5e+21"},
        {1.7976931348623157e308, "1.7976931348623157e+308"},
        {0.000001, "0.000001"},
        {0.0000001, "1e-7"},
        {1.25e-7, "1.25e-7"},
        {0.00123, "0.00123"},
        {5e-324, "5e-324"},
        {1e-323, "1e-323"},
        {2.2250738585072014e-308, "2.2250738585072014e-308"},
        {1234.5, "1234.5"},
        {123456.789e3, "123456789"},
        {0.30000000000000004, "0.30000000000000004"},
        {1e23, "1e+23"},
        {NAN, "null"},
        {INFINITY, "null"},
        {-INFINITY, "null"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        again();
        json_put_double(&w, rows[i].value);
        assert_string_equal(buf_text(&out), rows[i].text);
    }
}

/* Significant digits of a number's text. */
static int digits_of(const char *text)
{
    int count = 0, zeros = 0, seen = 0;
    for (; *text && *text != 'e'; text++) {
        if (*text < '0' || *text > '9')
            continue;
        seen |= *text != '0';
        zeros = *text == '0' ? zeros + 1 : 0;
        count += seen;
    }
    return count - zeros;
}

static void test_doubles_read_back_and_are_short(void **state)
{
    (void)state;
    struct json_doc doc;
    json_init(&doc);
    check_seed(22);
    for (int i = 0; i < 60000; i++) {
        double value, back = 0;
        uint64_t bits = check_random();
        if (i % 3 == 0)
            value = (double)(int64_t)(check_random() >> check_below(64)) / 1000;
        else if (i % 3 == 1)
            value = (double)check_below(100000000) * pow(10, (int)check_below(40) - 20);
        else
            memcpy(&value, &bits, sizeof value);
        if (!isfinite(value))
            continue;
        again();
        json_put_double(&w, value);
        assert_int_equal(json_parse(&doc, out.data, out.len, 0, NULL), 0);
        assert_true(json_double(json_root(&doc), &back));
        if (memcmp(&back, &value, sizeof back) != 0)
            fail_msg("%a became %s", value, out.data);
        assert_true(out.len < 32);
        for (int fewer = 1; fewer < digits_of(out.data) && value != 0; fewer++) {
            char text[40];
            snprintf(text, sizeof text, "%.*e", fewer - 1, value);
            if (strtod(text, NULL) == value)
                fail_msg("%s could be %s", out.data, text);
        }
    }
    json_release(&doc);
}

static void test_integers(void **state)
{
    (void)state;
    again();
    json_open_array(&w);
    json_put_int(&w, 0);
    json_put_int(&w, -1);
    json_put_int(&w, INT64_MAX);
    json_close_array(&w);
    assert_string_equal(buf_text(&out), "[0,-1,9223372036854775807]");
}

/* ---- copies ---- */

static void check_copy(const char *json, const char *expected, unsigned flags)
{
    struct json_doc doc;
    json_init(&doc);
    assert_int_equal(json_parse(&doc, json, strlen(json), flags, NULL), 0);
    again();
    json_put_value(&w, json_root(&doc));
    assert_string_equal(buf_text(&out), expected);
    json_release(&doc);
}

static void test_copies_are_compact_and_spelt_alike(void **state)
{
    (void)state;
    check_copy(" 1.50e+07 ", "1.50e+07", 0);
    check_copy("[ ]", "[]", 0);
    check_copy("{ }", "{}", 0);
    check_copy("[ 1 , [ ] , { \"a\" : [ { } , null ] , \"b\" : \"\\u0061\\/\" } , -0.0 ]",
               "[1,[],{\"a\":[{},null],\"b\":\"\\u0061\\/\"},-0.0]", 0);
    check_copy("{\"a\":{\"b\":{\"c\":1},\"d\":2},\"e\":3}",
               "{\"a\":{\"b\":{\"c\":1},\"d\":2},\"e\":3}", 0);
    /* Halves of pairs do not leave the house. */
    check_copy("{\"\\ud800\":\"a\\udc00\\n\\ud83d\\ude00\\\\\"}",
               "{\"\xEF\xBF\xBD\":\"a\xEF\xBF\xBD\\n\\ud83d\\ude00\\\\\"}", JSON_LONE);
}

static void test_copies_of_parts(void **state)
{
    (void)state;
    static const char json[] = "{\"a\":[1,2,{\"x\":\"y\"}],\"b\":true,\"c\":{}}";
    struct json_doc doc;
    json_init(&doc);
    assert_int_equal(json_parse(&doc, json, strlen(json), 0, NULL), 0);
    struct json_value root = json_root(&doc);
    json_open_array(&w);
    for (struct json_value v = json_first(root); v.doc; v = json_next(root, v))
        json_put_value(&w, v);
    json_put_value(&w, (struct json_value){0});
    json_open_object(&w);
    json_put_key(&w, "k");
    json_put_value(&w, json_get(root, "a"));
    json_close_object(&w);
    json_close_array(&w);
    assert_string_equal(buf_text(&out),
                        "[[1,2,{\"x\":\"y\"}],true,{},null,{\"k\":[1,2,{\"x\":\"y\"}]}]");
    json_release(&doc);
}

static void test_the_deepest_document(void **state)
{
    (void)state;
    char text[2 * JSON_DEPTH_MAX + 1] = "";
    memset(text, '[', JSON_DEPTH_MAX);
    memset(text + JSON_DEPTH_MAX, ']', JSON_DEPTH_MAX);
    check_copy(text, text, 0);
    again();
    for (int i = 0; i < JSON_DEPTH_MAX; i++)
        json_open_array(&w);
    for (int i = 0; i < JSON_DEPTH_MAX; i++)
        json_close_array(&w);
    assert_string_equal(buf_text(&out), text);
    struct json_doc doc;
    json_init(&doc);
    assert_int_equal(json_parse(&doc, text, strlen(text), 0, NULL), 0);
    again();
    for (int i = 0; i < JSON_DEPTH_MAX - 1; i++)
        json_open_array(&w);
    json_put_value(&w, json_root(&doc)); /* deeper than any caller would go: no matter */
    for (int i = 0; i < JSON_DEPTH_MAX - 1; i++)
        json_close_array(&w);
    assert_int_equal(out.len, 2 * (2 * JSON_DEPTH_MAX - 1));
    json_release(&doc);
}

static void test_a_full_buffer_says_so_at_the_end(void **state)
{
    (void)state;
    for (size_t max = 0; max < 100; max++) {
        struct buf small;
        buf_init(&small, max);
        struct buf keep = out;
        out = small;
        json_begin(&w, &out);
        write_sample();
        assert_true(out.len <= max);
        assert_int_equal(buf_error(&out, NULL), RAUM_ETOO_LARGE);
        buf_release(&out);
        out = keep;
    }
    again();
    alloc_fail_from(0);
    struct buf none;
    buf_init(&none, 100);
    json_begin(&w, &none);
    write_sample();
    alloc_fail_from(-1);
    assert_int_equal(buf_error(&none, NULL), RAUM_ENOMEM);
    buf_release(&none);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_compact, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_pretty, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_texts, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_any_bytes_become_a_text, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_doubles_known, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_doubles_read_back_and_are_short, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_integers, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_copies_are_compact_and_spelt_alike, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_copies_of_parts, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_the_deepest_document, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_full_buffer_says_so_at_the_end, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
