/* The ladder of older apps, 28 to 42: rows in every state come out as ARCHITECTURE §4 says. */
#include "base/buf.h"
#include "schema/legacy.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* A row upgraded `times` times, as "name=json name=json", and a bit per step that changed it. */
static int upgrade(const char *table, const char *json, double version, int times, struct arena *a,
                   struct buf *out, uint32_t *changed)
{
    struct json_doc doc;
    struct legacy_row row;
    json_init(&doc);
    assert_int_equal(json_parse(&doc, json, strlen(json), JSON_LONE, NULL), 0);
    int rc = legacy_row_init(&row, a, table, NULL, 0, json_root(&doc));
    for (int i = 0; i < times && rc == 0; i++)
        rc = legacy_upgrade(&row, version);
    buf_reset(out);
    for (uint32_t i = 0; i < row.count && rc == 0; i++)
        if (row.fields[i].json)
            buf_printf(out, "%s%.*s=%.*s", out->len ? " " : "", (int)row.fields[i].name_len,
                       row.fields[i].name, (int)row.fields[i].json_len, row.fields[i].json);
    *changed = rc == 0 ? row.changed : 0;
    json_release(&doc);
    return rc;
}

static void check(const char *table, const char *json, double version, const char *expected)
{
    for (int times = 1; times < 3; times++) { /* G-U1: a second run changes nothing */
        struct arena arena;
        struct buf out;
        uint32_t changed;
        arena_init(&arena, 1u << 20);
        buf_init(&out, 1u << 16);
        assert_int_equal(upgrade(table, json, version, times, &arena, &out, &changed), 0);
        if (strcmp(buf_text(&out), expected) != 0)
            fail_msg("%s %s from %g\n  gave   %s\n  wanted %s", table, json, version,
                     buf_text(&out), expected);
        buf_release(&out);
        arena_release(&arena);
    }
}

#define MINE(space, author) "spaceId=\"" space "\" authorId=\"" author "\" visibility=\"space\""

/* G-U2: live, deleted, without owner, null space, already stamped, unknown fields. */
static void g_u2_data_rows(void **state)
{
    (void)state;
    static const struct {
        const char *row, *from_27, *from_28, *from_35;
    } cases[] = {
        {"{\"id\":\"k\",\"userId\":\"u1\"}", "id=\"k\" " MINE("_personal:u1", "u1"), "id=\"k\"",
         "id=\"k\" userId=\"u1\""},
        {"{\"id\":\"k\"}", "id=\"k\" " MINE("_personal:guest", "guest"), "id=\"k\"", "id=\"k\""},
        {"{}", MINE("_personal:guest", "guest"), "", ""},
        {"{\"userId\":\"\"}", MINE("_personal:guest", "guest"), "", "userId=\"\""},
        {"{\"userId\":null}", MINE("_personal:guest", "guest"), "", "userId=null"},
        {"{\"userId\":7}", MINE("_personal:guest", "guest"), "", "userId=7"},
        {"{\"userId\":[\"u\"]}", MINE("_personal:guest", "guest"), "", "userId=[\"u\"]"},
        {"{\"userId\":\"a\\\"\\\\b\"}", MINE("_personal:a\\\"\\\\b", "a\\\"\\\\b"), "",
         "userId=\"a\\\"\\\\b\""},
        {"{\"spaceId\":null,\"userId\":\"u\"}", MINE("_personal:u", "u"), "spaceId=null",
         "spaceId=null userId=\"u\""},
        {"{\"spaceId\":\"s\",\"authorId\":\"a\",\"visibility\":\"private\"}",
         "spaceId=\"s\" authorId=\"a\" visibility=\"private\"",
         "spaceId=\"s\" authorId=\"a\" visibility=\"private\"",
         "spaceId=\"s\" authorId=\"a\" visibility=\"private\""},
        {"{\"spaceId\":\"s\",\"authorId\":\"a\",\"visibility\":\"private\",\"userId\":\"u\"}",
         "spaceId=\"s\" authorId=\"a\" visibility=\"private\"",
         "spaceId=\"s\" authorId=\"a\" visibility=\"private\"",
         "spaceId=\"s\" authorId=\"a\" visibility=\"private\" userId=\"u\""},
        {"{\"spaceId\":\"s\",\"userId\":\"u\"}",
         "spaceId=\"s\" authorId=\"u\" visibility=\"space\"", "spaceId=\"s\"",
         "spaceId=\"s\" userId=\"u\""},
        {"{\"visibility\":null,\"authorId\":null,\"spaceId\":\"\"}",
         "visibility=\"space\" authorId=\"guest\" spaceId=\"\"",
         "visibility=null authorId=null spaceId=\"\"",
         "visibility=null authorId=null spaceId=\"\""},
        {"{\"spaceId\":5,\"visibility\":false,\"authorId\":\"nulls\"}",
         "spaceId=5 visibility=false authorId=\"nulls\"",
         "spaceId=5 visibility=false authorId=\"nulls\"",
         "spaceId=5 visibility=false authorId=\"nulls\""},
        {"{\"deletedAt\":\"2026-04-01T00:00:00.000Z\",\"userId\":\"u\",\"new\":{\"x\":[1]}}",
         "deletedAt=\"2026-04-01T00:00:00.000Z\" new={\"x\":[1]} " MINE("_personal:u", "u"),
         "deletedAt=\"2026-04-01T00:00:00.000Z\" new={\"x\":[1]}",
         "deletedAt=\"2026-04-01T00:00:00.000Z\" userId=\"u\" new={\"x\":[1]}"},
    };
    static const char *const names[] = {"tasks", "images", "wardrobeGarments", "never heard of"};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        for (size_t t = 0; t < sizeof names / sizeof *names; t++) {
            check(names[t], cases[i].row, 0, cases[i].from_27);
            check(names[t], cases[i].row, 27, cases[i].from_27);
            check(names[t], cases[i].row, 27.9, cases[i].from_27);
            check(names[t], cases[i].row, 28, cases[i].from_28);
            check(names[t], cases[i].row, 34.5, cases[i].from_28);
            check(names[t], cases[i].row, 35, cases[i].from_35);
            check(names[t], cases[i].row, 60, cases[i].from_35);
        }
}

/* User-level tables keep their user and have no space (G-T1). */
static void g_u2_user_rows(void **state)
{
    (void)state;
    static const char *const names[] = {"userContext", "userSettings", "userTagPresets"};
    static const char row[] = "{\"id\":\"s\",\"userId\":\"u\",\"spaceId\":\"x\",\"authorId\":\"a\","
                              "\"visibility\":\"space\",\"q\":1}";
    static const char whole[] =
        "id=\"s\" userId=\"u\" spaceId=\"x\" authorId=\"a\" visibility=\"space\" q=1";
    for (size_t t = 0; t < sizeof names / sizeof *names; t++)
        for (int v = 0; v <= 60; v++)
            check(names[t], row, v, v < 36 ? "id=\"s\" userId=\"u\" q=1" : whole);
    check("userContext", "{\"id\":\"s\"}", 20, "id=\"s\"");
    check("userContext", "{\"spaceId\":null}", 20, "");
}

/* meImages has been user-level until 40: nothing before 40 touches it. */
static void g_u2_me_images(void **state)
{
    (void)state;
    static const struct {
        const char *row, *before_40, *from_40;
    } cases[] = {
        {"{\"id\":\"i\",\"userId\":\"u\"}", "id=\"i\" " MINE("_personal:u", "u"),
         "id=\"i\" userId=\"u\""},
        {"{\"id\":\"i\"}", "id=\"i\" " MINE("_personal:guest", "guest"), "id=\"i\""},
        {"{\"userId\":\"u\",\"spaceId\":null,\"deletedAt\":5}",
         "spaceId=\"_personal:u\" deletedAt=5 authorId=\"u\" visibility=\"space\"",
         "userId=\"u\" spaceId=null deletedAt=5"},
        {"{\"userId\":\"u\",\"spaceId\":\"space-legacy\",\"authorId\":\"a\",\"visibility\":"
         "\"private\"}",
         "spaceId=\"space-legacy\" authorId=\"a\" visibility=\"private\"",
         "userId=\"u\" spaceId=\"space-legacy\" authorId=\"a\" visibility=\"private\""},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        for (double v = 0; v <= 60; v += 0.5)
            check("meImages", cases[i].row, v, v < 40 ? cases[i].before_40 : cases[i].from_40);
}

/* What was not due or changed nothing is not reported. */
static void g_u7_changed(void **state)
{
    (void)state;
    static const struct {
        const char *table, *row;
        double version;
        int steps[3]; /* versions that changed the row */
    } cases[] = {
        {"tasks", "{\"userId\":\"u\"}", 27, {28, 35}},
        {"tasks", "{}", 27, {28}},
        {"tasks", "{\"userId\":\"u\"}", 28, {35}},
        {"tasks", "{\"userId\":\"u\"}", 35, {0}},
        {"tasks", "{\"spaceId\":\"s\",\"authorId\":\"a\",\"visibility\":\"space\"}", 0, {0}},
        {"tasks", "{\"spaceId\":\"s\",\"authorId\":\"a\",\"visibility\":null}", 0, {28}},
        {"userContext", "{\"userId\":\"u\"}", 0, {0}},
        {"userContext", "{\"visibility\":\"u\"}", 0, {36}},
        {"meImages", "{\"userId\":\"u\"}", 38, {40}},
        {"meImages",
         "{\"spaceId\":\"s\",\"authorId\":\"a\",\"visibility\":\"space\",\"userId\":1}",
         39,
         {40}},
        {"meImages", "{\"userId\":\"u\"}", 40, {0}},
        {"images", "{\"spaceId\":\"s\",\"authorId\":\"a\",\"visibility\":\"space\"}", 41, {0}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct arena arena;
        struct buf out;
        uint32_t changed, expected = 0;
        arena_init(&arena, 1u << 20);
        buf_init(&out, 1u << 16);
        assert_int_equal(
            upgrade(cases[i].table, cases[i].row, cases[i].version, 1, &arena, &out, &changed), 0);
        for (size_t s = 0; s < legacy_step_count; s++)
            for (int k = 0; k < 3; k++)
                if (legacy_steps[s].apply && legacy_steps[s].version == cases[i].steps[k])
                    expected |= 1u << s;
        assert_int_equal(changed, expected);
        buf_release(&out);
        arena_release(&arena);
    }
}

/* The list is append-only: what stands here stays. */
static void the_ladder(void **state)
{
    (void)state;
    static const struct {
        int version;
        enum legacy_level level;
        const char *table;
        bool rows;
    } steps[] = {
        {28, LEGACY_DATA, NULL, true},
        {34, LEGACY_USER, "userTagPresets", false},
        {35, LEGACY_DATA, NULL, true},
        {36, LEGACY_USER, NULL, true},
        {38, LEGACY_USER, "meImages", false},
        {40, LEGACY_DATA, "meImages", true},
        {41, LEGACY_DATA, "wardrobeGarments", false},
        {41, LEGACY_DATA, "wardrobeOutfits", false},
        {42, LEGACY_DATA, "images", false},
    };
    const size_t count = sizeof steps / sizeof *steps;
    assert_int_equal(legacy_step_count, count);
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(legacy_steps[i].version, steps[i].version);
        assert_int_equal(legacy_steps[i].level, steps[i].level);
        assert_int_equal(legacy_steps[i].apply != NULL, steps[i].rows);
        if (steps[i].table)
            assert_string_equal(legacy_steps[i].table, steps[i].table);
        else
            assert_null(legacy_steps[i].table);
        assert_true(legacy_steps[i].what[0]);
        assert_true(i == 0 || steps[i - 1].version <= steps[i].version);
    }
    assert_int_equal(steps[count - 1].version, LEGACY_VERSION);
}

static void tables(void **state)
{
    (void)state;
    assert_int_equal(legacy_level("_sync"), LEGACY_LOCAL);
    assert_int_equal(legacy_level("userContext"), LEGACY_USER);
    assert_int_equal(legacy_level("userSettings"), LEGACY_USER);
    assert_int_equal(legacy_level("userTagPresets"), LEGACY_USER);
    assert_int_equal(legacy_level("meImages"), LEGACY_DATA);
    assert_int_equal(legacy_level("tags"), LEGACY_DATA);
    assert_int_equal(legacy_level("kv"), LEGACY_DATA);
    assert_int_equal(legacy_level(""), LEGACY_DATA);
    assert_string_equal(legacy_table_name("globalTags"), "tags");
    assert_string_equal(legacy_table_name("globalTag"), "globalTag");
    assert_string_equal(legacy_table_name("tags"), "tags");
}

static void versions(void **state)
{
    (void)state;
    struct raum_error error;
    static const double good[] = {0, 1, 27, 38, 38.5, 42, 43, 60};
    static const double none[] = {-1, -0.5, NAN, INFINITY, -INFINITY};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        assert_int_equal(legacy_check_version(good[i], NULL), 0);
    for (size_t i = 0; i < sizeof none / sizeof *none; i++)
        assert_int_equal(legacy_check_version(none[i], NULL), RAUM_ECORRUPT);
    assert_int_equal(legacy_check_version(60.5, &error), RAUM_ENEWER_DATABASE);
    assert_string_equal(error.text, "the file's database is of version 60.5; this program knows "
                                    "versions up to 60");
    assert_int_equal(legacy_check_version(1e300, &error), RAUM_ENEWER_DATABASE);
}

/* Values that are no objects, names with escapes, many fields. */
static void shapes(void **state)
{
    (void)state;
    check("kv", "5", 42, "$=5");
    check("kv", "null", 42, "$=null");
    check("kv", "[1,{\"a\":2}]", 27, "$=[1,{\"a\":2}] " MINE("_personal:guest", "guest"));
    check("kv", "\"text\"", 42, "$=\"text\"");
    check("kv", "{\"\\u0061\\n\":1,\"userI\\u0064\":\"u\"}", 27, "a\n=1 " MINE("_personal:u", "u"));
    check("globalTags", "{\"userId\":\"u\"}", 30, "");
    struct arena arena;
    struct json_doc doc;
    struct legacy_row row;
    static char names[100][16];
    arena_init(&arena, 1u << 20);
    json_init(&doc);
    assert_int_equal(json_parse(&doc, "{}", 2, 0, NULL), 0);
    assert_int_equal(legacy_row_init(&row, &arena, "globalTags", "1", 1, json_root(&doc)), 0);
    assert_string_equal(row.table, "tags");
    assert_int_equal(row.key_len, 1);
    for (int i = 0; i < 100; i++) {
        snprintf(names[i], sizeof names[i], "f%d", i);
        assert_int_equal(legacy_set(&row, names[i], "1", 1), 0);
    }
    assert_int_equal(legacy_set(&row, "f7", "22", 2), 0);
    legacy_drop(&row, "f8");
    legacy_drop(&row, "f8");
    assert_null(legacy_get(&row, "f8"));
    assert_null(legacy_get(&row, "f"));
    assert_int_equal(legacy_get(&row, "f7")->json_len, 2);
    assert_int_equal(legacy_get(&row, "f99")->json_len, 1);
    assert_int_equal(row.count, 100);
    json_release(&doc);
    arena_release(&arena);
}

/* With too little memory there is an error, never another row. */
static void memory(void **state)
{
    (void)state;
    static const char row[] = "{\"id\":\"k\",\"us\\u0065rId\":\"u1\",\"deletedAt\":null}";
    int failed = 0, done = 0;
    for (size_t max = 0; max < 2000; max += 8) {
        struct arena arena;
        struct buf out;
        uint32_t changed;
        arena_init(&arena, max);
        buf_init(&out, 1u << 16);
        int rc = upgrade("tasks", row, 0, 1, &arena, &out, &changed);
        if (rc == 0)
            assert_string_equal(buf_text(&out),
                                "id=\"k\" deletedAt=null " MINE("_personal:u1", "u1"));
        else
            assert_int_equal(rc, RAUM_ENOMEM);
        failed += rc != 0;
        done += rc == 0;
        buf_release(&out);
        arena_release(&arena);
    }
    assert_true(failed > 3 && done > 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(g_u2_data_rows), cmocka_unit_test(g_u2_user_rows),
        cmocka_unit_test(g_u2_me_images), cmocka_unit_test(g_u7_changed),
        cmocka_unit_test(the_ladder),     cmocka_unit_test(tables),
        cmocka_unit_test(versions),       cmocka_unit_test(shapes),
        cmocka_unit_test(memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
