#define _POSIX_C_SOURCE 200809L
#include "base/alloc.h"
#include "base/check.h"
#include "base/json.h"

#include <locale.h>
#include <math.h>
#include <time.h>

/* One document and its memory for the whole program: reuse is tested on the way. */
static struct json_doc doc;
static struct arena arena;

static int set_up(void **state)
{
    (void)state;
    json_init(&doc);
    arena_init(&arena, 1 << 24);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    json_release(&doc);
    json_release(NULL);
    arena_release(&arena);
    return 0;
}

static struct json_value parse_with(const char *text, unsigned flags)
{
    struct raum_error error = {0};
    if (json_parse(&doc, text, strlen(text), flags, &error) != 0)
        fail_msg("%s: %s", text, error.text);
    return json_root(&doc);
}

static struct json_value parse(const char *text)
{
    return parse_with(text, 0);
}

static bool accepts(const char *text)
{
    return json_parse(&doc, text, strlen(text), 0, NULL) == 0;
}

/* ---- shape ---- */

static void test_types_and_iteration(void **state)
{
    (void)state;
    static const enum json_type types[] = {JSON_NULL,   JSON_FALSE, JSON_TRUE,  JSON_NUMBER,
                                           JSON_STRING, JSON_ARRAY, JSON_OBJECT};
    struct json_value root = parse("[null, false, true, 1, \"a\", [1,[2]], {\"k\":[{}]}]");
    assert_int_equal(json_type(root), JSON_ARRAY);
    assert_int_equal(json_count(root), 7);
    size_t i = 0;
    for (struct json_value v = json_first(root); v.doc; v = json_next(root, v)) {
        assert_int_equal(json_type(v), types[i]);
        assert_true(json_is(v, types[i++]));
    }
    assert_int_equal(i, 7);
    struct json_value none = {0};
    assert_int_equal(json_type(none), JSON_NONE);
    assert_int_equal(json_count(none), 0);
    assert_int_equal(json_count(parse("7")), 0);
    assert_null(json_first(parse("7")).doc);
    assert_null(json_first(parse("[]")).doc);
    assert_null(json_first(parse("{}")).doc);
    assert_null(json_first(none).doc);
}

/* By a key of another doc, however it is spelt. */
static void test_get_key(void **state)
{
    (void)state;
    struct json_doc keys;
    static const char text[] = "[\"\\u0061\",\"b\\u0000\",\"b\",\"ab\",1]";
    json_init(&keys);
    assert_int_equal(json_parse(&keys, text, sizeof text - 1, 0, NULL), 0);
    struct json_value list = json_root(&keys), a = json_first(list), nul = json_next(list, a),
                      b = json_next(list, nul), ab = json_next(list, b), one = json_next(list, ab);
    struct json_value object = parse("{\"b\\u0000\":1,\"a\":{\"ab\":4},\"b\":3}");
    int64_t n;
    assert_true(json_is(json_get_key(object, a), JSON_OBJECT));
    assert_true(json_int(json_get_key(object, nul), &n) && n == 1);
    assert_true(json_int(json_get_key(object, b), &n) && n == 3);
    assert_null(json_get_key(object, ab).doc);
    assert_null(json_get_key(object, one).doc);
    assert_null(json_get_key(object, (struct json_value){0}).doc);
    assert_null(json_get_key(parse("[]"), b).doc);
    json_release(&keys);
}

static void test_levels(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "7",           "\"[[\"", "[]", "{}", "[[],[]]", "[1,[2],3]", "{\"a\":{\"b\":[]},\"c\":[]}",
        "[[[]],[],{}]"};
    static const int depths[] = {0, 0, 1, 1, 2, 2, 3, 3};
    char text[2 * JSON_DEPTH_MAX + 1] = {0};
    for (size_t i = 0; i < sizeof depths / sizeof *depths; i++)
        assert_int_equal(json_depth(parse(texts[i])), depths[i]);
    memset(text, '[', JSON_DEPTH_MAX);
    memset(text + JSON_DEPTH_MAX, ']', JSON_DEPTH_MAX);
    assert_int_equal(json_depth(parse(text)), JSON_DEPTH_MAX);
    struct json_value root = parse("[[[1]],7]");
    assert_int_equal(json_depth(json_first(root)),
                     2); /* of one value, not of what stands behind it */
    assert_int_equal(json_depth(json_next(root, json_first(root))), 0);
    assert_int_equal(json_depth((struct json_value){0}), 0);
}

static void test_members(void **state)
{
    (void)state;
    struct json_value root = parse("{\"a\":1,\"b\":{\"a\":2},\"\\u0061b\":3,\"\":4,\"x\\ny\":[5]}");
    int64_t n;
    assert_true(json_int(json_get(root, "a"), &n) && n == 1);
    assert_true(json_int(json_get(json_get(root, "b"), "a"), &n) && n == 2);
    assert_true(json_int(json_get(root, "ab"), &n) && n == 3);
    assert_true(json_int(json_get(root, ""), &n) && n == 4);
    assert_int_equal(json_count(json_get(root, "x\ny")), 1);
    assert_null(json_get(root, "c").doc);
    assert_null(json_get(root, "a\\u0062").doc);
    assert_null(json_get(root, "abc").doc);
    assert_null(json_get(json_get(root, "a"), "a").doc);
    assert_null(json_get((struct json_value){0}, "a").doc);
    static const char *const keys[] = {"a", "b", "ab", "", "x\ny"};
    size_t i = 0;
    for (struct json_value v = json_first(root); v.doc; v = json_next(root, v))
        assert_true(json_equals(json_key(v), keys[i++]));
    assert_int_equal(i, 5);
    assert_null(json_get(parse("[\"a\",1]"), "a").doc); /* an array has no members */
}

static void test_raw(void **state)
{
    (void)state;
    static const char *const raws[] = {"-1.50",        "\"a\\n\"", "[ 1 , 2 ]",
                                       "{\"a\" :{} }", "null",     "\"\""};
    struct json_value root = parse("[-1.50,\"a\\n\" , [ 1 , 2 ],{\"a\" :{} },null,\"\"]");
    size_t i = 0, len;
    for (struct json_value v = json_first(root); v.doc; v = json_next(root, v), i++) {
        const char *raw = json_raw(v, &len);
        assert_int_equal(len, strlen(raws[i]));
        assert_memory_equal(raw, raws[i], len);
    }
    assert_null(json_raw((struct json_value){0}, &len));
    assert_int_equal(len, 0);
}

static void test_depth(void **state)
{
    (void)state;
    for (int object = 0; object < 2; object++)
        for (int depth = JSON_DEPTH_MAX - 1; depth <= JSON_DEPTH_MAX + 1; depth++) {
            char text[1000] = "";
            size_t used = 0;
            for (int i = 0; i < depth; i++)
                used += (size_t)snprintf(text + used, sizeof text - used, "%s",
                                         object && i + 1 < depth ? "{\"\":"
                                         : object                ? "{"
                                                                 : "[");
            for (int i = 0; i < depth; i++)
                text[used++] = object ? '}' : ']';
            assert_int_equal(accepts(text), depth <= JSON_DEPTH_MAX);
        }
    assert_true(accepts("[[1],[[1]],[[[1]]]]")); /* what is closed counts no more */
}

/* ---- texts ---- */

static void check_text(const char *json, const char *expected, size_t expected_len, unsigned flags)
{
    const char *text;
    size_t len;
    struct json_value v = parse_with(json, flags);
    assert_true(json_text(v, &arena, &text, &len));
    assert_int_equal(len, expected_len);
    assert_memory_equal(text, expected, len);
    const char *str = json_str(v, &arena);
    if (memchr(expected, '\0', expected_len)) {
        assert_null(str);
        assert_false(json_equals(v, expected));
    } else {
        assert_string_equal(str, expected);
        assert_true(json_equals(v, expected));
    }
    assert_false(json_equals(v, "something else"));
}

static void test_texts(void **state)
{
    (void)state;
    check_text("\"\"", "", 0, 0);
    check_text("\"plain\"", "plain", 5, 0);
    check_text("\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"", "\"\\/\b\f\n\r\t", 8, 0);
    check_text("\"\\u0041\\u00e9\\u20AC\"", "A\xC3\xA9\xE2\x82\xAC", 6, 0);
    check_text("\"\\ud83d\\ude00\"", "\xF0\x9F\x98\x80", 4, 0);
    check_text("\"\\uD800\\uDC00\\uDBFF\\uDFFF\"", "\xF0\x90\x80\x80\xF4\x8F\xBF\xBF", 8, 0);
    check_text("\"a\\u0000b\"", "a\0b", 3, 0);
    check_text("\"\\u0000\"", "\0", 1, 0);
    check_text("\"\xE2\x82\xAC\\n\xC3\xA9\"", "\xE2\x82\xAC\n\xC3\xA9", 6, 0);
    check_text("\"\\\\u0041\"", "\\u0041", 6, 0);
    struct json_value number = parse("1");
    const char *text;
    size_t len;
    assert_false(json_text(number, &arena, &text, &len));
    assert_null(json_str(number, &arena));
    assert_false(json_equals(number, "1"));
    assert_false(json_equals((struct json_value){0}, ""));
    /* Without escapes nothing is copied. */
    static const char lent[] = "\"lent\"";
    assert_int_equal(json_parse(&doc, lent, 6, 0, NULL), 0);
    assert_true(json_text(json_root(&doc), NULL, &text, &len));
    assert_ptr_equal(text, lent + 1);
    struct arena none;
    arena_init(&none, 0);
    assert_null(json_str(json_root(&doc), &none));
    assert_false(json_text(parse("\"\\n\""), &none, &text, &len));
    arena_release(&none);
}

/* Decoded texts of every length keep their NUL whatever is allocated behind them. */
static void test_decoded_texts_have_room(void **state)
{
    (void)state;
    for (size_t len = 1; len < 70; len++) {
        char json[80], expected[80];
        memset(expected, 'e', sizeof expected);
        expected[len - 1] = '\n';
        expected[len] = '\0';
        snprintf(json, sizeof json, "\"%.*s\\n\"", (int)len - 1, expected);
        const char *text = json_str(parse(json), &arena);
        memset(arena_alloc(&arena, 64), 'x', 64);
        assert_string_equal(text, expected);
    }
}

#define FFFD "\xEF\xBF\xBD"

static void test_halves_of_pairs(void **state)
{
    (void)state;
    static const struct {
        const char *json, *text;
    } rows[] = {
        {"\"\\ud800\"", FFFD},
        {"\"\\udfff\"", FFFD},
        {"\"a\\ud83dz\"", "a" FFFD "z"},
        {"\"\\ude00\\ud83d\"", FFFD FFFD},
        {"\"\\ud83d\\ud83d\\ude00\"", FFFD "\xF0\x9F\x98\x80"},
        {"\"\\ud83d\\n\"", FFFD "\n"},
        {"\"\\ud83d\\u0041\"", FFFD "A"},
        {"\"\\ud83d\\ude00\\ude00\"", "\xF0\x9F\x98\x80" FFFD},
        {"\"\\ud83dude00\"", FFFD "ude00"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        assert_false(accepts(rows[i].json));
        check_text(rows[i].json, rows[i].text, strlen(rows[i].text), JSON_LONE);
    }
    /* Two halves read as the same character, so as the same key. */
    assert_int_equal(json_parse(&doc, "{\"\\ud800\":1,\"\\ud801\":2}", 23, JSON_LONE, NULL),
                     RAUM_EBAD_JSON);
}

static void test_texts_at_every_offset(void **state)
{
    (void)state;
    /* The scan takes eight bytes at a time: whatever ends it must be seen at each place. */
    for (size_t len = 0; len < 40; len++)
        for (size_t at = 0; at < len; at++) {
            char text[64];
            memset(text, 'x', sizeof text);
            text[0] = '"';
            text[len + 1] = '"';
            text[len + 2] = '\0';
            assert_true(accepts(text));
            text[at + 1] = '\x1F';
            assert_false(accepts(text));
            text[at + 1] = ' ';
            assert_true(accepts(text));
            text[at + 1] = '\xFF';
            assert_false(accepts(text));
            text[at + 1] = '\x7F';
            assert_true(accepts(text));
            text[at + 1] = '"';
            assert_int_equal(accepts(text), false);
            text[at + 1] = '\\';
            text[at + 2] = at + 1 < len ? '\\' : text[at + 2];
            assert_int_equal(accepts(text), at + 1 < len);
        }
}

/* ---- numbers ---- */

static void test_integers_are_exact(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool fits;
        int64_t value;
    } rows[] = {
        {"0", true, 0},
        {"-0", true, 0},
        {"9007199254740993", true, 9007199254740993},
        {"9223372036854775807", true, INT64_MAX},
        {"9223372036854775808", false, 0},
        {"-9223372036854775808", true, INT64_MIN},
        {"-9223372036854775809", false, 0},
        {"9223372036854775810", false, 0},
        {"92233720368547758070", false, 0},
        {"18446744073709551616", false, 0},
        {"18446744073709551617", false, 0},
        {"1.0", false, 0},
        {"1e3", false, 0},
        {"1E0", false, 0},
        {"true", false, 0},
        {"\"1\"", false, 0},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        int64_t out = 77;
        assert_int_equal(json_int(parse(rows[i].text), &out), rows[i].fits);
        assert_int_equal(out, rows[i].fits ? rows[i].value : 77);
    }
    check_seed(11);
    for (int i = 0; i < 20000; i++) {
        int64_t value = (int64_t)(check_random() >> check_below(64)), out;
        char text[32];
        if (check_below(2))
            value = -value;
        snprintf(text, sizeof text, "%lld", (long long)value);
        assert_true(json_int(parse(text), &out));
        assert_int_equal(out, value);
    }
    int64_t out;
    assert_false(json_int((struct json_value){0}, &out));
}

static double to_double(const char *text)
{
    double out = NAN;
    assert_true(json_double(parse(text), &out));
    return out;
}

static void test_doubles_known(void **state)
{
    (void)state;
    double out = 77;
    assert_true(to_double("0.1") == 0.1);
    assert_true(to_double("1e3") == 1000);
    assert_true(signbit(to_double("-0")) && to_double("-0") == 0);
    assert_true(signbit(to_double("-0.0e5")));
    assert_true(to_double("1e23") == 1e23);
    assert_true(to_double("9007199254740993") == 9007199254740992.0);
    assert_true(to_double("9007199254740993.00000000000000000000001") == 9007199254740994.0);
    assert_true(to_double("2.2250738585072011e-308") == 2.2250738585072011e-308);
    assert_true(to_double("5e-324") == 5e-324);
    assert_true(to_double("2e-324") == 0);
    assert_true(to_double("1e-999999999999999999999") == 0);
    assert_true(to_double("0e999999999999999999999") == 0);
    assert_true(to_double("1.7976931348623157e308") == 1.7976931348623157e308);
    assert_false(json_double(parse("1.7976931348623159e308"), &out));
    assert_false(json_double(parse("1e309"), &out));
    assert_false(json_double(parse("-1e999999999999999999999"), &out));
    assert_false(json_double(parse("\"1\""), &out));
    assert_false(json_double((struct json_value){0}, &out));
    assert_true(out == 77);
}

static void test_doubles_of_many_digits(void **state)
{
    (void)state;
    static char text[5000];
    /* Ten to the thousandth, moved back by the exponent. */
    int used = snprintf(text, sizeof text, "1");
    memset(text + used, '0', 1000);
    memcpy(text + used + 1000, "e-1000", sizeof "e-1000");
    assert_true(to_double(text) == 1);
    used = snprintf(text, sizeof text, "0.");
    memset(text + used, '0', 1000);
    memcpy(text + used + 1000, "1e1001", sizeof "1e1001");
    assert_true(to_double(text) == 1);
    /* Exactly half way between two doubles, and a hair above it a thousand digits later. */
    used = snprintf(text, sizeof text, "9007199254740993.");
    memset(text + used, '0', 2000);
    text[used + 2000] = '\0';
    assert_true(to_double(text) == 9007199254740992.0);
    text[used + 1999] = '1';
    assert_true(to_double(text) == 9007199254740994.0);
    /* Half the smallest number has 751 digits. */
    char exact[1200], wanted[1200];
    snprintf(exact, sizeof exact, "%.1100f", 5e-324);
    double last = to_double(exact);
    assert_true(last == 5e-324);
    snprintf(wanted, sizeof wanted, "%.1100f", 1.5e-323);
    assert_true(to_double(wanted) == 1.5e-323);
}

/* Random spellings against strtod in the C locale. */
static void test_doubles_against_the_library(void **state)
{
    (void)state;
    check_seed(12);
    for (int i = 0; i < 200000; i++) {
        char text[64];
        size_t used = 0;
        if (check_below(2))
            text[used++] = '-';
        uint32_t whole = check_below(20), part = check_below(20);
        text[used++] = (char)('1' + check_below(9));
        for (uint32_t k = 0; k < whole; k++)
            text[used++] = (char)('0' + (check_below(3) ? check_below(10) : 0));
        if (part)
            text[used++] = '.';
        for (uint32_t k = 0; k < part; k++)
            text[used++] = (char)('0' + (check_below(3) ? check_below(10) : 0));
        text[used] = '\0';
        if (check_below(2))
            snprintf(text + used, sizeof text - used, "e%d",
                     (int)check_below(check_below(2) ? 700 : 60) - (int)check_below(350));
        double expected = strtod(text, NULL), out = 0;
        bool finite = json_double(parse(text), &out);
        assert_int_equal(finite, isfinite(expected) != 0);
        if (finite && out != expected)
            fail_msg("%s: %.17g, not %.17g", text, out, expected);
    }
}

static void test_doubles_do_not_ask_the_locale(void **state)
{
    (void)state;
    static const char *const names[] = {"de_DE.UTF-8", "de_DE.utf8", "fr_FR.UTF-8", "de_AT.UTF-8"};
    const char *found = NULL;
    for (size_t i = 0; i < sizeof names / sizeof names[0] && !found; i++)
        found = setlocale(LC_NUMERIC, names[i]);
    if (!found || *localeconv()->decimal_point == '.')
        skip();
    struct buf out;
    struct json_writer w;
    buf_init(&out, 100);
    json_begin(&w, &out);
    json_put_double(&w, 1234.56789012345678);
    double parsed = to_double("1234.5678901234567890123456789");
    setlocale(LC_NUMERIC, "C");
    assert_true(parsed == 1234.5678901234567890123456789);
    assert_string_equal(buf_text(&out), "1234.567890123457");
    buf_release(&out);
}

static void test_bools(void **state)
{
    (void)state;
    bool out;
    assert_true(json_bool(parse("true"), &out) && out);
    assert_true(json_bool(parse("false"), &out) && !out);
    out = true;
    assert_false(json_bool(parse("0"), &out));
    assert_true(out);
    assert_false(json_bool((struct json_value){0}, &out));
}

/* ---- keys ---- */

/* An object of count members "k0" … whose member `twice` (if not negative) is there again at the
 * end, spelt as `spelling` says: 0 as it was, 1 with an escape. */
static char *big_object(int count, int twice, int spelling)
{
    size_t cap = (size_t)count * 24 + 64, used = 1;
    char *text = malloc(cap);
    text[0] = '{';
    for (int i = 0; i < count; i++)
        used += (size_t)snprintf(text + used, cap - used, "%s\"k%d\":%d", i ? "," : "", i, i);
    if (twice >= 0)
        used += (size_t)snprintf(text + used, cap - used, ",\"%s%d\":0", spelling ? "\\u006b" : "k",
                                 twice);
    snprintf(text + used, cap - used, "}");
    return text;
}

static void test_a_key_twice_is_found_in_objects_of_any_size(void **state)
{
    (void)state;
    for (int count = 1; count < 70; count++) {
        char *text = big_object(count, -1, 0);
        assert_true(accepts(text));
        assert_int_equal(json_count(json_root(&doc)), count);
        free(text);
        for (int twice = 0; twice < count; twice++)
            for (int spelling = 0; spelling < 2; spelling++) {
                text = big_object(count, twice, spelling);
                assert_false(accepts(text));
                free(text);
            }
    }
}

/* A spelling with an escape meets the plain one whatever the quick look at keys makes of it. */
static void test_a_key_twice_is_found_for_any_name(void **state)
{
    (void)state;
    for (int i = 0; i < 3000; i++)
        for (int order = 0; order < 2; order++) {
            char text[64], plain[16], escaped[24];
            snprintf(plain, sizeof plain, "\"k%d\"", i);
            snprintf(escaped, sizeof escaped, "\"\\u006b%d\"", i);
            snprintf(text, sizeof text, "{%s:1,%s:2}", order ? plain : escaped,
                     order ? escaped : plain);
            assert_false(accepts(text));
            snprintf(text, sizeof text, "{%s:1,\"K%d\":2}", escaped, i);
            assert_true(accepts(text));
        }
}

/* If this were quadratic, the test would not end. */
static void test_a_very_big_object(void **state)
{
    (void)state;
    char *text = big_object(200000, -1, 0);
    assert_true(accepts(text));
    free(text);
    text = big_object(200000, 77777, 1);
    struct raum_error error;
    assert_int_equal(json_parse(&doc, text, strlen(text), 0, &error), RAUM_EBAD_JSON);
    assert_non_null(strstr(error.text, "twice"));
    free(text);
}

static void test_keys_whose_hashes_collide(void **state)
{
    (void)state;
    /* Pairs that the hash of big objects does not tell apart. */
    static const char pairs[] = "\"costarring\":1,\"liquid\":2,\"declinate\":3,\"macallums\":4,"
                                "\"altarage\":5,\"zinke\":6";
    char text[2000];
    size_t used = (size_t)snprintf(text, sizeof text, "{%s", pairs);
    for (int i = 0; i < 30; i++)
        used += (size_t)snprintf(text + used, sizeof text - used, ",\"k%d\":0", i);
    memcpy(text + used, "}", sizeof "}");
    struct json_value root = parse(text);
    assert_true(json_same(root, root));
    int64_t n;
    assert_true(json_int(json_get(root, "liquid"), &n) && n == 2);
    memcpy(text + used, ",\"macallums\":0}", sizeof ",\"macallums\":0}");
    assert_false(accepts(text));
}

/* ---- errors ---- */

static void test_errors_name_the_place(void **state)
{
    (void)state;
    static const struct {
        const char *json, *text;
    } rows[] = {
        {"", "line 1, column 1: a value was expected, the text ends"},
        {"[1,\n  tru]", "line 2, column 3: a value was expected"},
        {"[1,\r\n\n 2 3]", "line 3, column 4: a comma or ] is missing"},
        {"{\"\xC3\xA9\xE2\x82\xAC\":x}", "line 1, column 7: a value was expected"},
        {"{\"a\":1,}", "line 1, column 8: a key in quotes was expected"},
        {"{\"a\" 1}", "line 1, column 6: a colon was expected"},
        {"{\"a\":1", "line 1, column 7: a comma or } is missing"},
        {"[\"abc", "line 1, column 2: this text does not end"},
        {"[\"a\\x\"]", "line 1, column 4: this is not an escape of JSON"},
        {"[\"a\\ud800\"]", "line 1, column 4: half of a surrogate pair"},
        {"[\"a\nb\"]", "line 1, column 4: a control character in a text must be escaped"},
        {"[\"a\xFF\"]", "line 1, column 4: not valid UTF-8"},
        {"[-]", "line 1, column 2: a number needs digits"},
        {"[01]", "line 1, column 2: a number must not begin with 0"},
        {"[1.]", "line 1, column 2: a digit must follow the point"},
        {"[1e]", "line 1, column 2: a digit must follow the exponent's sign"},
        {"[1]x", "line 1, column 4: nothing may follow the value"},
        {"{\"a\":1,\n\"a\":2}", "line 2, column 1: this key is there twice"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct raum_error error = {0};
        assert_int_equal(json_parse(&doc, rows[i].json, strlen(rows[i].json), 0, &error),
                         RAUM_EBAD_JSON);
        assert_int_equal(error.code, RAUM_EBAD_JSON);
        assert_string_equal(error.text, rows[i].text);
        assert_null(json_root(&doc).doc); /* nothing of a refused document is left */
    }
    char deep[100];
    memset(deep, '[', sizeof deep);
    struct raum_error error;
    assert_int_equal(json_parse(&doc, deep, sizeof deep, 0, &error), RAUM_EBAD_JSON);
    assert_string_equal(error.text, "line 1, column 65: nested too deeply");
    char *big = big_object(30, 12, 0);
    assert_int_equal(json_parse(&doc, big, strlen(big), 0, &error), RAUM_EBAD_JSON);
    char expected[100];
    snprintf(expected, sizeof expected, "line 1, column %zu: this key is there twice",
             strlen(big) - strlen("\"k12\":0}") + 1);
    assert_string_equal(error.text, expected);
    free(big);
    assert_int_equal(json_parse(&doc, "", UINT32_MAX, 0, &error), RAUM_ETOO_LARGE);
    assert_int_equal(error.code, RAUM_ETOO_LARGE);
}

static void test_without_memory(void **state)
{
    (void)state;
    char *text = big_object(300, -1, 0);
    struct json_doc d;
    int failures = 0;
    for (long n = 0;; n++) {
        json_init(&d);
        struct raum_error error = {0};
        alloc_fail_from(n);
        int rc = json_parse(&d, text, strlen(text), 0, &error);
        bool failed = alloc_failed() != 0;
        alloc_fail_from(-1);
        assert_int_equal(rc, failed ? RAUM_ENOMEM : 0);
        assert_int_equal(error.code, rc);
        assert_int_equal(json_root(&d).doc == NULL, failed);
        if (failed) {
            failures++;
            assert_int_equal(json_parse(&d, text, strlen(text), 0, NULL), 0); /* usable again */
        }
        /* Comparison goes on without memory, only slower. */
        alloc_fail_from(0);
        assert_true(json_same(json_root(&d), json_root(&d)));
        alloc_fail_from(-1);
        json_release(&d);
        if (!failed)
            break;
    }
    assert_true(failures >= 5); /* the tape's doublings and the sorted keys */
    free(text);
}

/* ---- comparison ---- */

static bool same_with(const char *a, const char *b, unsigned flags)
{
    struct json_doc x, y;
    json_init(&x);
    json_init(&y);
    assert_int_equal(json_parse(&x, a, strlen(a), flags, NULL), 0);
    assert_int_equal(json_parse(&y, b, strlen(b), flags, NULL), 0);
    bool result = json_same(json_root(&x), json_root(&y));
    assert_int_equal(json_same(json_root(&y), json_root(&x)), result);
    json_release(&x);
    json_release(&y);
    return result;
}

static bool same(const char *a, const char *b)
{
    return same_with(a, b, 0);
}

static void test_same(void **state)
{
    (void)state;
    assert_true(same("[1,\"a\",null]", " [ 1 , \"\\u0061\" , null ] "));
    assert_true(
        same("{\"a\":1,\"b\":[{\"x\":1,\"y\":2}]}", "{\"b\":[{\"y\":2,\"x\":1}],\"\\u0061\":1}"));
    assert_false(same("{\"a\":1}", "{\"a\":1,\"b\":1}"));
    assert_false(same("{\"a\":1,\"c\":1}", "{\"a\":1,\"b\":1}"));
    assert_false(same("{\"a\":1}", "{\"a\":2}"));
    assert_false(same("[1,2]", "[2,1]"));
    assert_false(same("[1]", "[1,2]"));
    assert_false(same("[[1],2]", "[[1,2]]"));
    assert_false(same("[]", "{}"));
    assert_false(same("null", "false"));
    assert_false(same("0", "false"));
    assert_false(same("\"1\"", "1"));
    assert_false(same("\"a\"", "\"b\""));
    assert_false(same("\"a\"", "\"a\\u0000\""));
    assert_false(same("\"\\u0000a\"", "\"\\u0000b\""));
    assert_true(same_with("\"\\ud800\"", "\"\\udc01\"", JSON_LONE));
    struct json_value none = {0};
    assert_true(json_same(none, none));
    assert_false(json_same(none, parse("null")));
    assert_false(json_same(parse("null"), none));
}

static void test_same_numbers(void **state)
{
    (void)state;
    static const char *const equal[][2] = {
        {"1", "1.0"},
        {"1", "10e-1"},
        {"1", "0.1e1"},
        {"1000", "1e3"},
        {"1e3", "1E+03"},
        {"0", "-0"},
        {"0", "0.000e77"},
        {"0.001", "1e-3"},
        {"-12.50", "-125e-1"},
        {"123.456", "123456e-3"},
        {"100.001", "100001e-3"},
        {"1e400", "10e399"},
        {"123456789012345678901234567890", "1.2345678901234567890123456789e29"},
        {"1e99999999999999999999", "1e99999999999999999999"},
    };
    static const char *const different[][2] = {
        {"1", "-1"},
        {"1", "2"},
        {"1", "10"},
        {"0", "1"},
        {"0.1", "0.01"},
        {"12", "1.2"},
        {"9007199254740993", "9007199254740992"},
        {"9007199254740993", "9007199254740992.0"},
        {"0.1", "0.1000000000000000055511151231257827"},
        {"1e400", "1e401"},
        {"12", "123"},
        {"12.3", "12"},
        {"12", "10"},
        {"123", "120"},
        {"1.25", "1.2"},
        {"105", "15"},
        {"1e-400", "0"},
        {"1e99999999999999999999", "1e88888888888888888888"},
        {"1e99999999999999999999", "1e-99999999999999999999"},
    };
    for (size_t i = 0; i < sizeof equal / sizeof equal[0]; i++)
        if (!same(equal[i][0], equal[i][1]))
            fail_msg("%s is %s", equal[i][0], equal[i][1]);
    for (size_t i = 0; i < sizeof different / sizeof different[0]; i++)
        if (same(different[i][0], different[i][1]))
            fail_msg("%s is not %s", different[i][0], different[i][1]);
}

static void test_same_of_big_objects(void **state)
{
    (void)state;
    enum { COUNT = 5000 };
    char *forward = big_object(COUNT, -1, 0);
    struct buf backward;
    buf_init(&backward, 1 << 20);
    for (int i = COUNT - 1; i >= 0; i--)
        buf_printf(&backward, "%s\"k%d\":%d", i == COUNT - 1 ? "{" : ",", i, i);
    buf_char(&backward, '}');
    assert_true(same(forward, backward.data));
    char *member = strstr(backward.data, "\"k77\":77,");
    member[6] = '8'; /* another value */
    assert_false(same(forward, backward.data));
    member[6] = '7';
    member[1] = 'K'; /* another key */
    assert_false(same(forward, backward.data));
    member[1] = 'k';
    assert_true(same(forward, backward.data));
    free(forward);
    buf_release(&backward);
}

static void test_same_looks_at_every_member(void **state)
{
    (void)state;
    for (int count = 1; count < 60; count += 7) {
        char *a = big_object(count, -1, 0), *b = big_object(count, -1, 0);
        for (char *at = b; *at; at++)
            if (*at == 'k' || *at == ':') {
                char *changed = *at == 'k' ? at : at + 1, old = *changed;
                *changed = old == 'k' ? 'K' : old == '9' ? '8' : '9';
                assert_false(same(a, b));
                *changed = old;
            }
        assert_true(same(a, b));
        free(a);
        free(b);
    }
}

/* ---- speed, for information only ---- */

static void test_throughput(void **state)
{
    (void)state;
    struct buf text;
    struct timespec from, to;
    buf_init(&text, 1 << 20);
    buf_char(&text, '[');
    for (int i = 0; i < 90; i++)
        buf_printf(&text,
                   "%s{\"id\":\"0190a5b2-7c00-7000-8000-%012d\",\"spaceId\":\"_personal:guest\","
                   "\"createdAt\":\"2026-04-01T00:00:00.000000000Z\",\"width\":%d,\"kind\":"
                   "\"portrait\",\"caption\":\"An der K\xC3\xBCste\",\"tags\":[\"a\",\"b\"],"
                   "\"usage\":{\"aiReference\":true},\"deletedAt\":null}",
                   i ? "," : "", i, i * 7);
    buf_char(&text, ']');
    int rounds = 1000;
    clock_gettime(CLOCK_MONOTONIC, &from);
    for (int i = 0; i < rounds; i++)
        assert_int_equal(json_parse(&doc, text.data, text.len, 0, NULL), 0);
    clock_gettime(CLOCK_MONOTONIC, &to);
    double seconds = (double)(to.tv_sec - from.tv_sec) + (double)(to.tv_nsec - from.tv_nsec) / 1e9;
    print_message("parsed %zu bytes at %.0f MB/s in this build\n", text.len,
                  (double)text.len * rounds / seconds / 1e6);
    buf_release(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_get_key),
        cmocka_unit_test(test_levels),
        cmocka_unit_test(test_types_and_iteration),
        cmocka_unit_test(test_members),
        cmocka_unit_test(test_raw),
        cmocka_unit_test(test_depth),
        cmocka_unit_test(test_texts),
        cmocka_unit_test(test_decoded_texts_have_room),
        cmocka_unit_test(test_halves_of_pairs),
        cmocka_unit_test(test_texts_at_every_offset),
        cmocka_unit_test(test_integers_are_exact),
        cmocka_unit_test(test_doubles_known),
        cmocka_unit_test(test_doubles_of_many_digits),
        cmocka_unit_test(test_doubles_against_the_library),
        cmocka_unit_test(test_doubles_do_not_ask_the_locale),
        cmocka_unit_test(test_bools),
        cmocka_unit_test(test_a_key_twice_is_found_in_objects_of_any_size),
        cmocka_unit_test(test_a_key_twice_is_found_for_any_name),
        cmocka_unit_test(test_a_very_big_object),
        cmocka_unit_test(test_keys_whose_hashes_collide),
        cmocka_unit_test(test_errors_name_the_place),
        cmocka_unit_test(test_without_memory),
        cmocka_unit_test(test_same),
        cmocka_unit_test(test_same_numbers),
        cmocka_unit_test(test_same_of_big_objects),
        cmocka_unit_test(test_same_looks_at_every_member),
        cmocka_unit_test(test_throughput),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
