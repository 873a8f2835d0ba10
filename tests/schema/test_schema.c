/* The schema as frozen text (numbers and tags stand in files and stamps), the capability table
 * (G-T6), one level per table (G-T1), and the checks of every type against hostile values (G-O3).
 */
#include "base/buf.h"
#include "base/id.h"
#include "base/json.h"
#include "schema/schema.h"
#include "schema/stamps.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const char *const types[] = {"text", "int",   "real", "bool",   "time",
                                    "date", "texts", "json", "account"};
static const char *const rights[] = {"member", "fixed", "author", "consent", "person", "delete"};

/* ---- frozen ---- */

static void put_field(struct buf *out, const struct schema_field *f)
{
    buf_printf(out, "  %d %s %s %s%s%s", f->tag, f->name, types[f->type], rights[f->right],
               f->flags & FIELD_SEALED ? " sealed" : "",
               f->flags & FIELD_REQUIRED ? " required" : "");
    if (f->fallback)
        buf_printf(out, " = %s", f->fallback);
    for (const char *const *c = f->choices; c && *c; c++)
        buf_printf(out, "%s%s", c == f->choices ? " of " : "|", *c);
    buf_char(out, '\n');
}

static void put_schema(struct buf *out)
{
    buf_printf(out, "version %d\nbase\n", SCHEMA_VERSION);
    for (const struct schema_field *f = schema_base; f->name; f++)
        put_field(out, f);
    for (const struct schema_table *t = schema_tables; t->name; t++) {
        buf_printf(out, "%d %s %s %s %s\n", t->number, t->app, t->name,
                   schema_module_name(t->module), t->level == LEVEL_SPACE ? "space" : "user");
        for (const struct schema_field *f = t->fields; f->name; f++)
            put_field(out, f);
        for (const struct schema_derived *d = t->derived; d && d->name; d++)
            buf_printf(out, "  - %s%s%s\n", d->name, d->needs ? " from " : "",
                       d->needs ? d->needs : "");
    }
    for (int i = 0; i < SPACE_TYPES; i++)
        buf_printf(out, "type %d %s\n", i, schema_space_type_name(i));
    for (int i = 0; i < MODULES; i++)
        buf_printf(out, "module %d %s\n", i, schema_module_name(i));
    for (int i = 0; i < ORIGINS; i++)
        buf_printf(out, "origin %d %s\n", i, stamp_origin_name(i));
    buf_printf(out, "tags %d %d %d %d %d %d\n", TAG_VISIBILITY, TAG_DELETED_AT, TAG_CREATED_AT,
               TAG_AUTHOR, TAG_SPACE, TAG_OWN);
}

/* Whoever changes a line of tests/data/schema.txt changes the meaning of files that people have:
 * lines are only added. RAUM_SCHEMA_PRINT=1 prints the text of today. */
static void read_frozen(struct buf *out)
{
    char path[1024], line[1024];
    snprintf(path, sizeof path, "%s/schema.txt",
             getenv("RAUM_TEST_DATA") ? getenv("RAUM_TEST_DATA") : "tests/data");
    FILE *f = fopen(path, "r");
    assert_non_null(f);
    while (fgets(line, sizeof line, f))
        buf_str(out, line);
    fclose(f);
}

static void test_frozen(void **state)
{
    (void)state;
    struct buf now, frozen;
    buf_init(&now, 1 << 20);
    buf_init(&frozen, 1 << 20);
    put_schema(&now);
    read_frozen(&frozen);
    const char *a = buf_text(&frozen), *b = buf_text(&now);
    if (getenv("RAUM_SCHEMA_PRINT"))
        fputs(b, stdout);
    for (int line = 1; *a || *b; line++) {
        size_t a_len = strcspn(a, "\n"), b_len = strcspn(b, "\n");
        if (a_len != b_len || memcmp(a, b, a_len) != 0)
            fail_msg("line %d is \"%.*s\", frozen was \"%.*s\"", line, (int)b_len, b, (int)a_len,
                     a);
        a += a_len + (a[a_len] != 0);
        b += b_len + (b[b_len] != 0);
    }
    buf_release(&now);
    buf_release(&frozen);
}

static void test_unique(void **state)
{
    (void)state;
    uint64_t numbers = 0;
    size_t tables = 0;
    for (const struct schema_table *t = schema_tables; t->name; t++, tables++) {
        uint64_t tags = 0;
        assert_in_range(t->number, 1, 62);
        assert_false(numbers >> t->number & 1);
        numbers |= UINT64_C(1) << t->number;
        assert_true(t->module < MODULES);
        assert_ptr_equal(schema_table(t->name), t);
        assert_ptr_equal(schema_table_number(t->number), t);
        assert_true(3 + schema_field_count(t) <= SCHEMA_FIELDS_MAX - 2);
        for (const struct schema_field *f = t->fields; f->name; f++) {
            assert_in_range(f->tag, TAG_OWN, 63);
            assert_false(tags >> f->tag & 1);
            tags |= UINT64_C(1) << f->tag;
            assert_ptr_equal(schema_field(t, f->name, strlen(f->name)), f);
            assert_ptr_equal(schema_field_tag(t, f->tag), f);
            assert_false(schema_is_derived(t, f->name, strlen(f->name)));
        }
        for (const struct schema_derived *d = t->derived; d && d->name; d++) {
            assert_true(schema_is_derived(t, d->name, strlen(d->name)));
            assert_true(!d->needs || schema_table(d->needs));
        }
        assert_true(schema_is_derived(t, "updatedAt", 9));
        assert_int_equal(schema_is_slots(t), strcmp(t->name, "meSlots") == 0);
    }
    assert_int_equal(tables, schema_table_count);
    assert_false(schema_is_slots(NULL));
    assert_null(schema_table("meimages"));
    assert_null(schema_table(""));
    assert_null(schema_table_text("meImages", 7));
    assert_null(schema_table_number(0));
    assert_null(schema_table_number(63));
}

/* G-T1: a table is of one level, and no field of any table is the other level's owner. */
static void test_one_level_G_T1(void **state)
{
    (void)state;
    static const char *const owners[] = {"userId", "spaceId", "authorId",
                                         "space",  "author",  "user"};
    for (const struct schema_table *t = schema_tables; t->name; t++) {
        assert_true(t->level == LEVEL_SPACE || t->level == LEVEL_USER);
        for (size_t i = 0; i < sizeof owners / sizeof owners[0]; i++)
            assert_null(schema_field(t, owners[i], strlen(owners[i])));
    }
    for (const struct schema_table *t = schema_tables; t->name; t++)
        assert_int_equal(t->level == LEVEL_USER, strcmp(t->name, "userContext") == 0 ||
                                                     strcmp(t->name, "userSettings") == 0 ||
                                                     strcmp(t->name, "userTagPresets") == 0);
}

/* G-T6: six modules, six types, thirty-six times yes; nothing outside. */
static void test_capabilities_G_T6(void **state)
{
    (void)state;
    static const char *const spaces[] = {"personal", "brand", "club", "family", "team", "practice"};
    static const char *const mods[] = {"profile", "wardrobe", "picture", "tags", "tasks", "scenes"};
    assert_int_equal(SPACE_TYPES, 6);
    assert_int_equal(MODULES, 6);
    for (int m = 0; m < 6; m++) {
        assert_string_equal(schema_module_name(m), mods[m]);
        assert_string_equal(schema_space_type_name(m), spaces[m]);
        assert_int_equal(schema_space_type(spaces[m]), m);
        for (int s = 0; s < 6; s++)
            assert_true(schema_allowed(m, s));
    }
    for (int i = 0; i < 6; i++) {
        assert_false(schema_allowed(-1, i) || schema_allowed(6, i) || schema_allowed(i, -1) ||
                     schema_allowed(i, 6));
        assert_false(schema_allowed(i, 31) || schema_allowed(i, 32) || schema_allowed(i, 1 << 30));
    }
    assert_int_equal(schema_space_type("Personal"), -1);
    assert_int_equal(schema_space_type(""), -1);
    assert_string_equal(schema_space_type_name(-1), "");
    assert_string_equal(schema_space_type_name(6), "");
    assert_string_equal(schema_module_name(-1), "");
    assert_string_equal(schema_module_name(6), "");
}

/* ---- checks ---- */

/* G-S16: what a newer version calls a kind is kept; what rights hang on has to be known. */
static void foreign_words(void **state)
{
    (void)state;
    static const struct {
        const char *table, *field, *json;
        bool kept;
    } cases[] = {
        {"wardrobeGarments", "category", "\"swimwear\"", true},
        {"wardrobeGarments", "category", "\"top\"", true},
        {"wardrobeGarments", "category", "7", false},
        {"wardrobeGarments", "category", "null", false},
        {"wardrobeOutfits", "season", "[\"monsoon\"]", true},
        {"wardrobeOutfits", "season", "[7]", false},
        {"meImages", "visibility", "\"public\"", false},
        {"meSlots", "slot", "\"throne\"", false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct json_doc doc;
        const struct schema_field *f =
            schema_field(schema_table(cases[i].table), cases[i].field, strlen(cases[i].field));
        json_init(&doc);
        assert_int_equal(json_parse(&doc, cases[i].json, strlen(cases[i].json), JSON_LONE, NULL),
                         0);
        int result = schema_check_foreign(f, json_root(&doc), NULL);
        assert_int_equal(result, cases[i].kept ? 0 : RAUM_EBAD_CHANGE);
        json_release(&doc);
    }
}

static int check_text(const struct schema_field *f, const char *json, size_t len)
{
    struct json_doc doc;
    struct raum_error error;
    err_clear(&error);
    json_init(&doc);
    int result = json_parse(&doc, json, len, 0, &error);
    if (result < 0)
        fail_msg("the test's JSON is wrong: %.60s", json);
    result = schema_check(f, json_root(&doc), &error);
    assert_int_equal(error.code, result);
    if (result < 0)
        assert_non_null(strstr(error.text, f->name)); /* says which field */
    json_release(&doc);
    return result;
}

static int check(const char *table, const char *field, const char *json)
{
    const struct schema_table *t = schema_table(table);
    const struct schema_field *f = schema_field(t, field, strlen(field));
    assert_non_null(f);
    return check_text(f, json, strlen(json));
}

#define FINE(table, field, json) assert_int_equal(check(table, field, json), 0)
#define BAD(table, field, json) assert_int_equal(check(table, field, json), RAUM_EBAD_CHANGE)

static void test_scalars(void **state)
{
    (void)state;
    FINE("meImages", "label", "\"\"");
    FINE("meImages", "label", "null");
    FINE("meImages", "label", "\"\\u0000\\ud83d\\ude00 \\\" ' ; DROP TABLE\"");
    BAD("meImages", "label", "1");
    BAD("meImages", "label", "[]");
    BAD("meImages", "label", "{}");
    BAD("meImages", "label", "true");
    FINE("meImages", "kind", "\"face\"");
    FINE("meImages", "kind", "\"fa\\u0063e\"");
    BAD("meImages", "kind", "\"Face\"");
    BAD("meImages", "kind", "\"face\\u0000\"");
    BAD("meImages", "kind", "\"\"");
    BAD("meImages", "kind", "null");
    FINE("meImages", "width", "9223372036854775807");
    FINE("meImages", "width", "-9223372036854775808");
    FINE("meImages", "width", "-0");
    BAD("meImages", "width", "9223372036854775808");
    BAD("meImages", "width", "1.0");
    BAD("meImages", "width", "1e3");
    BAD("meImages", "width", "\"1\"");
    BAD("meImages", "width", "[1]");
    FINE("tags", "sortOrder", "-1.5e-300");
    FINE("tags", "sortOrder", "123456789012345678901234567890");
    BAD("tags", "sortOrder", "1e999");
    BAD("tags", "sortOrder", "\"1\"");
    FINE("meImages", "usage.aiReference", "false");
    BAD("meImages", "usage.aiReference", "null");
    BAD("meImages", "usage.aiReference", "1");
    BAD("meImages", "usage.aiReference", "\"true\"");
    BAD("meImages", "usage.aiReference", "{\"a\":true}");
    FINE("meImages", "visibility", "\"space\"");
    FINE("meImages", "visibility", "\"private\"");
    BAD("meImages", "visibility", "\"public\"");
    BAD("meImages", "visibility", "\"unlisted\"");
    BAD("meImages", "visibility", "\"PRIVATE\"");
    BAD("meImages", "visibility", "null");
}

static void test_times_and_people(void **state)
{
    (void)state;
    FINE("meImages", "createdAt", "\"2026-04-01T12:00:00.000Z\"");
    FINE("meImages", "createdAt", "\"2026-04-01T12:00:00+02:00\"");
    BAD("meImages", "createdAt", "\"2026-04-01\"");
    BAD("meImages", "createdAt", "\"\"");
    BAD("meImages", "createdAt", "0");
    BAD("meImages", "createdAt", "null");
    BAD("meImages", "createdAt", "\"2026-02-30T12:00:00Z\"");
    BAD("meImages", "createdAt", "\"2026-04-01T12:00:00.000Z \"");
    FINE("wardrobeWears", "wornAt", "\"2024-02-29\"");
    BAD("wardrobeWears", "wornAt", "\"2023-02-29\"");
    BAD("wardrobeWears", "wornAt", "\"2023-02-29T00:00:00Z\"");
    BAD("wardrobeWears", "wornAt", "[]");
    BAD("wardrobeWears", "wornAt", "null");
    FINE("meSlots", "person", "\"anna\"");
    FINE("meSlots", "person", "\"M\xc3\xbcller & S\xc3\xb6hne\"");
    BAD("meSlots", "person", "\"\"");
    BAD("meSlots", "person", "\"a\\u0000b\"");
    BAD("meSlots", "person", "\"a\\nb\"");
    BAD("meSlots", "person", "\"\\u0061nna\""); /* one spelling only: rights compare bytes */
    BAD("meSlots", "person", "7");
    BAD("meSlots", "person", "null");
    char text[300];
    memset(text, 'x', sizeof text);
    text[0] = '"', text[ID_LEN_MAX + 1] = '"', text[ID_LEN_MAX + 2] = '\0';
    FINE("meSlots", "person", text);
    text[ID_LEN_MAX + 1] = 'x', text[ID_LEN_MAX + 2] = '"', text[ID_LEN_MAX + 3] = '\0';
    BAD("meSlots", "person", text);
}

static void test_lists(void **state)
{
    (void)state;
    FINE("meImages", "tags", "[]");
    FINE("meImages", "tags", "[\"a\",\"a\",\"\"]");
    FINE("meImages", "tags", "null");
    BAD("meImages", "tags", "[null]");
    BAD("meImages", "tags", "[[\"a\"]]");
    BAD("meImages", "tags", "{\"0\":\"a\"}");
    BAD("meImages", "tags", "\"a\"");
    FINE("wardrobeOutfits", "season", "[\"spring\",\"winter\"]");
    BAD("wardrobeOutfits", "season", "[\"spring\",\"Winter\"]");
    BAD("wardrobeOutfits", "season", "\"spring\"");
    FINE("tasks", "priority", "{\"a\":[1,{\"b\":null}]}");
    FINE("tasks", "priority", "null");
    FINE("tasks", "priority", "\"high\"");
}

static void test_limits_G_O3(void **state)
{
    (void)state;
    struct buf text;
    buf_init(&text, 1 << 20);
    for (int over = 0; over < 2; over++) {
        int wanted = over ? RAUM_ETOO_LARGE : 0;
        buf_reset(&text);
        buf_char(&text, '"');
        for (int i = 0; i < SCHEMA_TEXT_MAX - 2 + over; i++)
            buf_char(&text, 'x');
        buf_char(&text, '"');
        assert_int_equal(check("meImages", "label", buf_text(&text)), wanted);
        assert_int_equal(check("tasks", "priority", buf_text(&text)), wanted);
        buf_reset(&text);
        buf_char(&text, '[');
        for (int i = 0; i < SCHEMA_LIST_MAX + over; i++)
            buf_str(&text, i ? ",\"x\"" : "\"x\"");
        buf_char(&text, ']');
        assert_int_equal(check("meImages", "tags", buf_text(&text)), wanted);
    }
    buf_release(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(foreign_words),
        cmocka_unit_test(test_frozen),
        cmocka_unit_test(test_unique),
        cmocka_unit_test(test_one_level_G_T1),
        cmocka_unit_test(test_capabilities_G_T6),
        cmocka_unit_test(test_scalars),
        cmocka_unit_test(test_times_and_people),
        cmocka_unit_test(test_lists),
        cmocka_unit_test(test_limits_G_O3),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
