/* The part of JSON Schema that tools use: what fits, what does not, and that it says where. */
#include "base/check.h"

#include "tools/json_schema.h"

static struct raum_error error;

static int check(const char *schema, const char *value)
{
    struct json_doc s, v;
    json_init(&s);
    json_init(&v);
    assert_int_equal(json_parse(&s, schema, strlen(schema), 0, &error), 0);
    assert_int_equal(json_parse(&v, value, strlen(value), 0, &error), 0);
    int rc = json_schema_check(json_root(&s), json_root(&v), &error);
    json_release(&s);
    json_release(&v);
    return rc;
}

#define FITS(schema, value)                                                                        \
    do {                                                                                           \
        if (check(schema, value) != 0)                                                             \
            fail_msg("%s refused %s: %s", schema, value, error.text);                              \
    } while (0)
#define SAYS(schema, value, said)                                                                  \
    do {                                                                                           \
        assert_int_equal(check(schema, value), RAUM_EUSAGE);                                       \
        assert_string_equal(error.text, said);                                                     \
    } while (0)

static void test_types(void **state)
{
    static const char *const names[] = {"string", "number", "boolean", "array",
                                        "object", "null",   "integer"};
    static const char *const values[] = {"\"a\"", "1.5", "true", "[]", "{}", "null", "1"};
    char schema[64];
    (void)state;
    for (int i = 0; i < 7; i++)
        for (int k = 0; k < 7; k++) {
            snprintf(schema, sizeof schema, "{\"type\":\"%s\"}", names[i]);
            bool fits = i == k || (i == 1 && k == 6);
            assert_int_equal(check(schema, values[k]), fits ? 0 : RAUM_EUSAGE);
        }
    FITS("{\"type\":\"integer\"}", "2.0");
    SAYS("{\"type\":\"integer\"}", "2.5", "must be of type \"integer\"");
    FITS("{\"type\":[\"string\",\"null\"]}", "null");
    SAYS("{\"type\":[\"string\",\"null\"]}", "3", "is of the wrong type");
    SAYS("{\"type\":\"nothing\"}", "3", "must be of type \"nothing\"");
    FITS("true", "3");
}

static void test_limits(void **state)
{
    (void)state;
    FITS("{\"minLength\":2,\"maxLength\":3}", "\"\\u00e4\\u00f6\\ud83d\\ude00\"");
    SAYS("{\"maxLength\":3}", "\"abcd\"", "characters are too many, at most 3");
    SAYS("{\"minLength\":1}", "\"\"", "characters are too few, at least 1");
    FITS("{\"minimum\":1,\"maximum\":200}", "200");
    FITS("{\"minimum\":1,\"maximum\":200}", "1");
    SAYS("{\"minimum\":1,\"maximum\":200}", "0", "must be at least 1");
    SAYS("{\"minimum\":1,\"maximum\":200}", "201", "must be at most 200");
    FITS("{\"minItems\":1,\"maxItems\":2}", "[1,1]");
    SAYS("{\"minItems\":1}", "[]", "items are too few, at least 1");
    SAYS("{\"maxItems\":2}", "[1,2,3]", "items are too many, at most 2");
    SAYS("{\"uniqueItems\":true}", "[1,2,1.0]", "holds the same item twice");
    FITS("{\"uniqueItems\":true}", "[1,2,\"1\"]");
}

static void test_words(void **state)
{
    (void)state;
    FITS("{\"enum\":[\"a\",1]}", "1.0");
    SAYS("{\"enum\":[\"a\",1]}", "\"b\"", "must be one of [\"a\",1]");
    FITS("{\"const\":true}", "true");
    SAYS("{\"const\":true}", "false", "is not what it must be");
    FITS("{\"anyOf\":[{\"type\":\"string\"},{\"type\":\"null\"}]}", "null");
    SAYS("{\"anyOf\":[{\"type\":\"string\"},{\"type\":\"null\"}]}", "1",
         "is none of what it may be");
}

static void test_nested(void **state)
{
    static const char schema[] =
        "{\"type\":\"object\",\"properties\":{\"a\":{\"type\":\"array\",\"items\":"
        "{\"$ref\":\"#/$defs/b\"}}},\"required\":[\"a\"],\"additionalProperties\":false,"
        "\"$defs\":{\"b\":{\"type\":\"object\",\"required\":[\"c\"]}}}";
    (void)state;
    FITS(schema, "{\"a\":[{\"c\":1,\"d\":2}]}");
    SAYS(schema, "{\"a\":[{\"c\":1},{}]}", "a/1/c is missing");
    SAYS(schema, "{\"a\":[3]}", "a/0: must be of type \"object\"");
    SAYS(schema, "{}", "a is missing");
    SAYS(schema, "{\"a\":[],\"z\":1}", "z is not known");
    FITS("{\"additionalProperties\":{\"type\":\"string\"}}", "{\"x\":\"y\"}");
    SAYS("{\"additionalProperties\":{\"type\":\"string\"}}", "{\"x\":1}",
         "x: must be of type \"string\"");
}

/* A schema that turns in a circle ends; one that knows more than we is refused. */
static void test_none_of_ours(void **state)
{
    struct json_doc doc;
    (void)state;
    assert_int_equal(
        check("{\"$ref\":\"#/$defs/a\",\"$defs\":{\"a\":{\"$ref\":\"#/$defs/a\"}}}", "1"),
        RAUM_EINTERNAL);
    assert_int_equal(check("{\"$ref\":\"#/$defs/z\",\"$defs\":{}}", "1"), RAUM_EINTERNAL);
    static const char *const odd[] = {"{\"pattern\":\"a\"}",
                                      "{\"properties\":{\"a\":{\"oneOf\":[]}}}",
                                      "{\"items\":{\"not\":{}}}", "[]"};
    json_init(&doc);
    for (size_t i = 0; i < sizeof odd / sizeof *odd; i++) {
        assert_int_equal(json_parse(&doc, odd[i], strlen(odd[i]), 0, &error), 0);
        assert_int_equal(json_schema_known(json_root(&doc), &error), RAUM_EINTERNAL);
    }
    json_release(&doc);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_types),        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_words),        cmocka_unit_test(test_nested),
        cmocka_unit_test(test_none_of_ours),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
