/* Step 43: legacy rows in Raum's normal form. Each row is spelled out, with what becomes of it. */
#include "base/buf.h"
#include "base/clock.h"
#include "schema/legacy43.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const char *or_dash(const char *text)
{
    return text ? text : "-";
}

static void put_at(struct buf *out, uint64_t at)
{
    char text[CLOCK_TEXT];
    clock_format(at, text);
    buf_printf(out, "@%.10s", text);
    if (strcmp(text + 10, "T00:00:00.000000000Z") != 0)
        buf_str(out, text + 10);
}

/* table id owner space visibility created deleted @row notes: name=json@time … ; the row's own time
 * is left out. */
static void put_row(struct buf *out, const struct legacy_out *row)
{
    static const char *const notes[] = {"no-owner", "id-made", "slot-unknown", "kept",
                                        "visibility"};
    buf_printf(out, "%s %s %s %s %s %s %s ", row->table, or_dash(row->id), row->owner,
               or_dash(row->space_id), or_dash(row->visibility), row->created_at,
               or_dash(row->deleted_at));
    put_at(out, row->at);
    for (int i = 0; i < 5; i++)
        if (row->notes >> i & 1)
            buf_printf(out, " %s", notes[i]);
    if (row->visibility && row->visibility_at != row->at) {
        buf_str(out, " visibility");
        put_at(out, row->visibility_at);
    }
    if (row->deleted_set_at != row->at) {
        buf_str(out, " deleted");
        put_at(out, row->deleted_set_at);
    }
    buf_char(out, ':');
    for (size_t i = 0; i < row->count; i++) {
        const struct legacy_value *f = &row->fields[i];
        buf_printf(out, " %s=%.*s", f->name, (int)f->json_len, f->json);
        if (f->at != row->at)
            put_at(out, f->at);
    }
    buf_char(out, '\n');
    if (row->next)
        put_row(out, row->next);
}

static int normalise(const char *table, const char *key, const char *json, double version,
                     struct arena *a, struct buf *out)
{
    struct json_doc doc;
    struct legacy_row row;
    struct legacy_out normal;
    json_init(&doc);
    assert_int_equal(json_parse(&doc, json, strlen(json), JSON_LONE, NULL), 0);
    int rc = legacy_row_init(&row, a, table, key, key ? strlen(key) : 0, json_root(&doc));
    if (rc == 0)
        rc = legacy_upgrade(&row, version);
    if (rc == 0)
        rc = legacy_normalise(&row, raum_env_native(), &normal);
    if (rc == 0)
        put_row(out, &normal);
    json_release(&doc);
    return rc;
}

static void check_key(const char *table, const char *key, const char *json, const char *expected)
{
    struct arena arena;
    struct buf out;
    arena_init(&arena, 1u << 20);
    buf_init(&out, 1u << 20);
    assert_int_equal(normalise(table, key, json, 42, &arena, &out), 0);
    if (strcmp(buf_text(&out), expected) != 0)
        fail_msg("%s %s\n  gave   %s\n  wanted %s", table, json, buf_text(&out), expected);
    buf_release(&out);
    arena_release(&arena);
}

static void check(const char *table, const char *json, const char *expected)
{
    check_key(table, NULL, json, expected);
}

#define DAY(n) "2026-04-0" n "T00:00:00.000Z"
#define EPOCH "1970-01-01T00:00:00.000Z"
#define PLACE "\"spaceId\":\"s\",\"authorId\":\"u\",\"visibility\":\"space\""
#define TIMES "\"createdAt\":\"" DAY("1") "\",\"updatedAt\":\"" DAY("2") "\""
#define ROW "{\"id\":\"i\"," PLACE "," TIMES
#define OUT(table) table " i u s space " DAY("1") " - @2026-04-02"
#define NO_TIMES(table) table " i u s space " EPOCH " - @1970-01-01"

/* ---- identity ---- */

static void ids(void **state)
{
    (void)state;
    static const struct {
        const char *key, *json, *id, *fields;
    } cases[] = {
        {NULL, "\"id\":\"a b\"", "a b", ""},
        {"\"a\"", "\"id\":\"a\"", "a", ""},
        {"\"a\\\"b\"", "\"id\":\"a\\\"b\"", "a\"b", ""},
        {"\"k\"", "\"v\":1", "k", " v=1"},
        {"\"k\"", "\"id\":\"other\"", "k", " legacyId=\"other\""},
        {"\"k\"", "\"id\":null", "k", ""},
        {"42", "\"v\":1", "number:42", " v=1"},
        {"-0.5", "\"v\":1", "number:-0.5", " v=1"},
        {"42", "\"id\":42", "number:42", " legacyId=42"},
        {NULL, "\"id\":42", "number:42", " legacyId=42"},
        {NULL, "\"id\":true", "key:true", " legacyId=true"},
        {"[1,\"x\"]", "\"v\":1", "array:[1,\"x\"]", " v=1"},
        {"{\"$raum\":\"date\",\"value\":\"" DAY("1") "\"}", "\"v\":1", "date:" DAY("1"), " v=1"},
        {"{\"$raum\":\"date\",\"value\":\"" DAY("1") "\"}", "\"id\":\"" DAY("1") "\"",
         "date:" DAY("1"), " legacyId=\"" DAY("1") "\""},
        {"{\"$raum\":\"uint8array\",\"value\":\"AQI=\"}", "\"v\":1", "binary:AQI=", " v=1"},
        {"{\"$raum\":\"uint8array\"}", "\"v\":1", "key:{\"$raum\":\"uint8array\"}", " v=1"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char json[300], expected[600];
        bool text = strchr("ak", cases[i].id[0]) && !strchr(cases[i].id, ':');
        snprintf(json, sizeof json, "{%s," PLACE "}", cases[i].json);
        snprintf(expected, sizeof expected, "kv %s u s space " EPOCH " - @1970-01-01%s:%s\n",
                 cases[i].id, text ? "" : " id-made", cases[i].fields);
        check_key("kv", cases[i].key, json, expected);
    }
}

/* Ids that cannot be ids, and rows without: the same one on every device, whatever order the fields
 * have. */
static void ids_derived(void **state)
{
    (void)state;
    char json[700], expected[900], long_id[204];
    memset(long_id, 'x', sizeof long_id);
    long_id[0] = long_id[202] = '"';
    long_id[203] = '\0';
    const struct {
        const char *id, *made;
    } cases[] = {
        {"\"\"", "9df443d9-e262-8869-8abb-f6cb6c70592a"},
        {"\"a\\u0000\"", "2651bb2c-5e56-8585-9e2b-96e2678c1cd7"},
        {"\"a\\u0001\"", "677f8602-4dd0-8354-ab9c-546ba9edd5cf"},
        {long_id, "832d11bb-4b75-87aa-9820-7ad61fae0fd6"},
    };
    static const char made[] = "kv %s u s space " EPOCH " - @1970-01-01 id-made: v=1 w=[2]\n";
    static const char by_row[] = "603026ad-1df8-8c5c-8cb5-bfa49a3f9faa",
        by_row_of_kv2[] = "34db2095-b3a1-8d37-9bbe-97ff1b155ad7";
    snprintf(expected, sizeof expected, made, by_row);
    check("kv", "{\"v\":1,\"w\":[2]," PLACE "}", expected);
    check("kv", "{" PLACE ",\"w\":[2],\"v\":1}", expected);
    snprintf(expected, sizeof expected, made, by_row_of_kv2);
    memmove(expected + 3, expected + 2, strlen(expected + 2) + 1);
    expected[2] = '2';
    check("kv2", "{" PLACE ",\"w\":[2],\"v\":1}", expected);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        snprintf(json, sizeof json, "{\"id\":%s," PLACE "}", cases[i].id);
        bool empty = strcmp(cases[i].id, "\"\"") == 0;
        snprintf(expected, sizeof expected, "kv %s u s space " EPOCH " - @1970-01-01 id-made:%s%s"
                                                                     "\n",
                 cases[i].made, empty ? "" : " legacyId=", empty ? "" : cases[i].id);
        check("kv", json, expected);
    }
    long_id[201] = '"'; /* one less is an id */
    long_id[202] = '\0';
    snprintf(json, sizeof json, "{\"id\":%s," PLACE "}", long_id);
    long_id[201] = '\0';
    snprintf(expected, sizeof expected, "kv %s u s space " EPOCH " - @1970-01-01:\n", long_id + 1);
    check("kv", json, expected);
}

/* ---- owner, space, visibility ---- */

static void owners(void **state)
{
    (void)state;
    static const struct {
        const char *json, *expected;
    } cases[] = {
        {"\"spaceId\":\"s\",\"authorId\":\"a\",\"visibility\":\"private\"", "a s private"},
        {"\"spaceId\":\"s\",\"userId\":\"u\"", "u s space"},
        {"\"spaceId\":\"s\",\"userId\":\"a\",\"authorId\":\"a\"", "a s space"},
        {"\"authorId\":\"a\"", "a _personal:a space"},
        {"\"spaceId\":\"\",\"authorId\":\"a\\u00e9\"", "aé _personal:aé space"},
        {"\"spaceId\":null,\"authorId\":null", "guest _personal:guest space"},
        {"", "guest _personal:guest space"},
        {"\"authorId\":\"guest\",\"spaceId\":\"_personal:u\"", "guest _personal:u space"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char json[300], expected[300];
        bool guest = strncmp(cases[i].expected, "guest", 5) == 0;
        snprintf(json, sizeof json, "{\"id\":\"i\"%s%s}", cases[i].json[0] ? "," : "",
                 cases[i].json);
        snprintf(expected, sizeof expected, "tasks i %s " EPOCH " - @1970-01-01%s:\n",
                 cases[i].expected, guest ? " no-owner" : "");
        check("tasks", json, expected);
    }
    check("tasks", "{\"id\":\"i\",\"spaceId\":5,\"authorId\":[],\"userId\":\"u\"}",
          "tasks i u _personal:u space " EPOCH
          " - @1970-01-01 kept: legacyAuthorId=[] legacySpaceId=5\n");
    check("tasks", "{\"id\":\"i\",\"spaceId\":\"s\",\"authorId\":\"a\",\"userId\":\"u\"}",
          "tasks i a s space " EPOCH " - @1970-01-01 kept: legacyUserId=\"u\"\n");
}

/* An owner must leave room for the sentinel of its personal space. */
static void long_owner(void **state)
{
    (void)state;
    char owner[202], json[600], expected[1000];
    memset(owner, 'x', sizeof owner);
    owner[190] = '\0';
    snprintf(json, sizeof json, "{\"id\":\"i\",\"userId\":\"%s\"}", owner);
    snprintf(expected, sizeof expected, "tasks i %s _personal:%s space " EPOCH " - @1970-01-01:\n",
             owner, owner);
    check("tasks", json, expected);
    owner[190] = 'x';
    owner[191] = '\0';
    snprintf(json, sizeof json, "{\"id\":\"i\",\"userId\":\"%s\"}", owner);
    snprintf(expected, sizeof expected,
             "tasks i guest _personal:guest space " EPOCH
             " - @1970-01-01 no-owner kept: legacyUserId=\"%s\"\n",
             owner);
    check("tasks", json, expected);
}

static void visibility(void **state)
{
    (void)state;
    static const struct {
        const char *json, *expected;
    } cases[] = {
        {"\"space\"", "space " EPOCH " - @1970-01-01:"},
        {"\"private\"", "private " EPOCH " - @1970-01-01:"},
        {"null", "space " EPOCH " - @1970-01-01:"},
        {"\"unlisted\"", "space " EPOCH " - @1970-01-01 visibility: legacyVisibility=\"unlisted\""},
        {"\"public\"", "space " EPOCH " - @1970-01-01 visibility: legacyVisibility=\"public\""},
        {"\"secret\"", "private " EPOCH " - @1970-01-01 visibility: legacyVisibility=\"secret\""},
        {"5", "private " EPOCH " - @1970-01-01 visibility: legacyVisibility=5"},
        {"\"\"", "private " EPOCH " - @1970-01-01 visibility:"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char json[300], expected[300];
        snprintf(json, sizeof json,
                 "{\"id\":\"i\",\"spaceId\":\"s\",\"authorId\":\"u\",\"visibility\":%s}",
                 cases[i].json);
        snprintf(expected, sizeof expected, "tasks i u s %s\n", cases[i].expected);
        check("tasks", json, expected);
    }
}

/* G-T1: a user-level row has a user and nothing of a space. */
static void g_t1_user_level(void **state)
{
    (void)state;
    check("userContext", "{\"id\":\"singleton\",\"userId\":\"u\",\"freeform\":\"f\"}",
          "userContext singleton u - - " EPOCH " - @1970-01-01: freeform=\"f\"\n");
    check("userContext", "{\"id\":\"singleton\",\"interests\":null}",
          "userContext singleton guest - - " EPOCH " - @1970-01-01 no-owner: interests=[]\n");
    check("userSettings",
          "{\"id\":\"x\",\"userId\":\"u\",\"spaceId\":\"s\",\"authorId\":\"a\","
          "\"visibility\":\"space\"}",
          "userSettings x u - - " EPOCH " - @1970-01-01 kept: legacyAuthorId=\"a\" "
          "legacySpaceId=\"s\" legacyVisibility=\"space\"\n");
    check("userTagPresets",
          "{\"id\":\"p\",\"userId\":\"u\",\"name\":\"n\",\"tags\":[{\"name\":\"t\"}]}",
          "userTagPresets p u - - " EPOCH " - @1970-01-01: name=\"n\" tags=[{\"name\":\"t\"}]\n");
}

/* ---- times ---- */

/* G-U3: the field's stamp, else updatedAt, else createdAt, else the epoch; never now. */
static void g_u3_stamps(void **state)
{
    (void)state;
    check("kv", ROW ",\"v\":1}", OUT("kv") ": v=1\n");
    check("kv", "{\"id\":\"i\"," PLACE ",\"v\":1,\"createdAt\":\"" DAY("1") "\"}",
          "kv i u s space " DAY("1") " - @2026-04-01: v=1\n");
    check("kv", "{\"id\":\"i\"," PLACE ",\"v\":1,\"updatedAt\":\"" DAY("2") "\"}",
          "kv i u s space " DAY("2") " - @2026-04-02: v=1\n");
    check("kv", "{\"id\":\"i\"," PLACE ",\"v\":1,\"_updatedAtIndex\":5}", NO_TIMES("kv") ": v=1\n");
    check("kv",
          ROW ",\"v\":1,\"w\":2,\"x\":3,\"__fieldTimestamps\":{\"v\":\"" DAY(
              "3") "\",\"w\":1775001600000,"
                   "\"y\":\"" DAY("3") "\"}}",
          OUT("kv") ": v=1@2026-04-03 w=2@2026-04-01 x=3\n");
    check("kv",
          ROW ",\"v\":1,\"w\":2,\"x\":3,\"y\":4,\"__fieldMeta\":{\"v\":{\"at\":\"" DAY(
              "3") "\",\"actor\":\"b\"},"
                   "\"w\":\"" DAY("4") "\",\"x\":{\"at\":\"no\"},\"y\":{}}}",
          OUT("kv") ": v=1@2026-04-03 w=2@2026-04-04 x=3 y=4\n");
    check("kv",
          ROW ",\"v\":1,\"w\":2,\"__fieldMeta\":{\"v\":{\"at\":\"" DAY(
              "3") "\"}},"
                   "\"__fieldTimestamps\":{\"v\":\"" DAY("4") "\",\"w\":\"" DAY("4") "\"}}",
          OUT("kv") ": v=1@2026-04-03 w=2@2026-04-04\n");
    check("kv",
          ROW ",\"__fieldMeta\":{\"visibility\":{\"at\":\"" DAY("3") "\"},"
                                                                     "\"deletedAt\":{\"at\":\"" DAY(
                                                                         "4") "\"}}}",
          OUT("kv") " visibility@2026-04-03 deleted@2026-04-04:\n");
    check("kv", ROW ",\"__fieldMeta\":7,\"__fieldTimestamps\":\"x\"}",
          OUT("kv") " kept: legacy__fieldMeta=7 legacy__fieldTimestamps=\"x\"\n");
    check("kv", ROW ",\"__fieldMeta\":null}", OUT("kv") ":\n");
}

static void times(void **state)
{
    (void)state;
    static const struct {
        const char *json, *text, *at, *kept;
    } cases[] = {
        {"\"2026-04-01T02:00:00+02:00\"", DAY("1"), "@2026-04-01", NULL},
        {"\"2026-04-01T00:00:00Z\"", DAY("1"), "@2026-04-01", NULL},
        {"\"2026-04-01t00:00:00.000z\"", DAY("1"), "@2026-04-01", NULL},
        {"\"2026-04-01 00:00:00.000Z\"", DAY("1"), "@2026-04-01", NULL},
        {"\"2026-04-01\"", DAY("1"), "@2026-04-01", NULL},
        {"1775001600000", DAY("1"), "@2026-04-01", NULL},
        {"1775001600000.7", DAY("1"), "@2026-04-01", NULL},
        {"\"2026-04-01T00:00:00.123456789Z\"", "2026-04-01T00:00:00.123Z",
         "@2026-04-01T00:00:00.123456789Z", NULL},
        {"\"1965-05-05T10:00:00.000Z\"", "1965-05-05T10:00:00.000Z", "@1970-01-01", NULL},
        {"-5", "1969-12-31T23:59:59.995Z", "@1970-01-01", NULL},
        {"8640000000000000", "9999-12-31T23:59:59.999Z", "@2527-06-23T06:20:44.415000000Z", NULL},
        {"-8640000000000000", "0000-01-01T00:00:00.000Z", "@1970-01-01", NULL},
        {"8640000000000001", EPOCH, "@1970-01-01", "8640000000000001"},
        {"1e300", EPOCH, "@1970-01-01", "1e300"},
        {"-1e300", EPOCH, "@1970-01-01", "-1e300"},
        {"\"yesterday\"", EPOCH, "@1970-01-01", "\"yesterday\""},
        {"\"2026-02-30\"", EPOCH, "@1970-01-01", "\"2026-02-30\""},
        {"{\"a\":1}", EPOCH, "@1970-01-01", "{\"a\":1}"},
        {"null", EPOCH, "@1970-01-01", NULL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char json[300], expected[300];
        snprintf(json, sizeof json, "{\"id\":\"i\"," PLACE ",\"createdAt\":%s}", cases[i].json);
        snprintf(expected, sizeof expected, "kv i u s space %s - %s%s:%s%s\n", cases[i].text,
                 cases[i].at, cases[i].kept ? " kept" : "",
                 cases[i].kept ? " legacyCreatedAt=" : "", cases[i].kept ? cases[i].kept : "");
        check("kv", json, expected);
    }
    check("kv", "{\"id\":\"i\"," PLACE ",\"createdAt\":\"x\",\"updatedAt\":\"" DAY("2") "\"}",
          "kv i u s space " DAY("2") " - @2026-04-02 kept: legacyCreatedAt=\"x\"\n");
    check("kv", "{\"id\":\"i\"," PLACE ",\"createdAt\":\"" DAY("1") "\",\"updatedAt\":[1]}",
          "kv i u s space " DAY("1") " - @2026-04-01 kept: legacyUpdatedAt=[1]\n");
}

static void deleted(void **state)
{
    (void)state;
    static const struct {
        const char *json, *expected;
    } cases[] = {
        {"\"" DAY("3") "\"", DAY("3") " @2026-04-02:"},
        {"\"2026-04-03\"", DAY("3") " @2026-04-02:"},
        {"1775001600000", DAY("1") " @2026-04-02:"},
        {"null", "- @2026-04-02:"},
        {"false", "- @2026-04-02:"},
        {"0", "- @2026-04-02:"},
        {"0.0", "- @2026-04-02:"},
        {"\"\"", "- @2026-04-02:"},
        {"true", DAY("2") " @2026-04-02 kept: legacyDeletedAt=true"},
        {"\"yes\"", DAY("2") " @2026-04-02 kept: legacyDeletedAt=\"yes\""},
        {"{}", DAY("2") " @2026-04-02 kept: legacyDeletedAt={}"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char json[300], expected[300];
        snprintf(json, sizeof json, ROW ",\"deletedAt\":%s}", cases[i].json);
        snprintf(expected, sizeof expected, "kv i u s space " DAY("1") " %s\n", cases[i].expected);
        check("kv", json, expected);
    }
    check("kv", ROW ",\"deletedAt\":true,\"__fieldTimestamps\":{\"deletedAt\":\"" DAY("3") "\"}}",
          "kv i u s space " DAY("1") " " DAY("3") " @2026-04-02 kept deleted@2026-04-03: "
                                                  "legacyDeletedAt=true@2026-04-03\n");
}

/* ---- tables ---- */

#define SLOT(slot, at, more)                                                                       \
    "meSlots - u s " more " @" at ": imageId=\"i\" person=\"u\" slot=\"" slot "\"\n"

static void slots(void **state)
{
    (void)state;
    check("meImages", ROW ",\"primaryFor\":\"avatar\"}",
          OUT("meImages") ":\n" SLOT("avatar", "2026-04-02", "space " DAY("2") " -"));
    check("meImages",
          ROW ",\"primaryFor\":\"face-ref\",\"__fieldMeta\":{\"primaryFor\":{\"at\":\"" DAY(
              "3") "\"}}}",
          OUT("meImages") ":\n" SLOT("face-ref", "2026-04-03", "space " DAY("3") " -"));
    check("meImages",
          "{\"id\":\"i\",\"spaceId\":\"s\",\"authorId\":\"u\",\"visibility\":\"private\","
          "\"primaryFor\":\"body-ref\"}",
          "meImages i u s private " EPOCH
          " - @1970-01-01:\n" SLOT("body-ref", "1970-01-01", "private " EPOCH " -"));
    check("meImages", ROW ",\"primaryFor\":\"try-on\"}",
          OUT("meImages") " slot-unknown: legacyPrimaryFor=\"try-on\"\n");
    check("meImages", ROW ",\"primaryFor\":7}",
          OUT("meImages") " slot-unknown: legacyPrimaryFor=7\n");
    check("meImages", ROW ",\"primaryFor\":null}", OUT("meImages") ":\n");
    check("meImages", ROW ",\"primaryFor\":\"\"}", OUT("meImages") ":\n");
    check("meImages", ROW ",\"primaryFor\":\"avatar\",\"deletedAt\":\"" DAY("3") "\"}",
          "meImages i u s space " DAY("1") " " DAY(
              "3") " @2026-04-02: legacyPrimaryFor=\"avatar\"\n");
    check("tasks", ROW ",\"primaryFor\":\"avatar\"}", OUT("tasks") ": primaryFor=\"avatar\"\n");
    check("meImages",
          "{\"id\":\"i\\\"\\\\\",\"spaceId\":\"s\",\"authorId\":\"a\\\"b\",\"primaryFor\":"
          "\"avatar\"}",
          "meImages i\"\\ a\"b s space " EPOCH " - @1970-01-01:\n"
          "meSlots - a\"b s space " EPOCH " - @1970-01-01: imageId=\"i\\\"\\\\\" person=\"a\\\"b\" "
          "slot=\"avatar\"\n");
}

/* G-T12: consent is only what was consent. */
static void g_t12_usage(void **state)
{
    (void)state;
    check("meImages", ROW ",\"usage\":{\"aiReference\":true,\"showInProfile\":false}}",
          OUT("meImages") ": usage.aiReference=true usage.showInProfile=false\n");
    check("meImages", ROW ",\"usage\":{\"aiReference\":null,\"other\":[1],\"\":2}}",
          OUT("meImages") ": usage.=2 usage.other=[1]\n");
    check("meImages", ROW ",\"usage\":{\"aiReference\":1,\"showInProfile\":\"true\"}}",
          OUT("meImages") " kept: legacyUsage.aiReference=1 legacyUsage.showInProfile=\"true\"\n");
    check("meImages", ROW ",\"usage\":null}", OUT("meImages") ":\n");
    check("meImages", ROW ",\"usage\":true}", OUT("meImages") " kept: legacyUsage=true\n");
    check("meImages", ROW ",\"usage.aiReference\":true}",
          OUT("meImages") ": legacyUsage.aiReference=true\n");
    check("meImages", ROW ",\"usage.aiReference\":true,\"usage\":{\"aiReference\":false}}",
          OUT("meImages") ": legacyUsage.aiReference=true usage.aiReference=false\n");
    check("meImages",
          ROW ",\"usage\":{\"aiReference\":true,\"showInProfile\":true,\"x\":1},"
              "\"__fieldTimestamps\":{\"usage\":\"" DAY("3") "\",\"usage.showInProfile\":\"" DAY(
                  "4") "\"}}",
          OUT("meImages") ": usage.aiReference=true@2026-04-03 usage.showInProfile=true@2026-04-04 "
                          "usage.x=1@2026-04-03\n");
    check("meImages", ROW ",\"usage.aiReference\":true,\"usage\":{\"aiReference\":5}}",
          OUT("meImages") " kept: legacyLegacyUsage.aiReference=true "
          "legacyUsage.aiReference=5\n");
    check("tasks", ROW ",\"usage\":{\"aiReference\":true}}",
          OUT("tasks") ": usage={\"aiReference\":true}\n");
}

/* What Raum derives is never stored; what was there is not lost. */
static void derived(void **state)
{
    (void)state;
    check(
        "meImages",
        ROW ",\"storagePath\":\"p\",\"publicUrl\":\"q\",\"thumbnailUrl\":null,\"kind\":\"face\","
            "\"width\":5,\"label\":null}",
        OUT("meImages") ": kind=\"face\" label=null legacyPublicUrl=\"q\" legacyStoragePath=\"p\" "
                        "width=5\n");
    check("wardrobeOutfits", ROW ",\"lastTryOn\":\"x\"}",
          OUT("wardrobeOutfits") ": legacyLastTryOn=\"x\"\n");
    check("kv", ROW ",\"storagePath\":\"p\"}", OUT("kv") ": storagePath=\"p\"\n");
    check("meImages", ROW ",\"publicUrl\":\"q\",\"legacyPublicUrl\":1,\"legacyLegacyPublicUrl\":2}",
          OUT("meImages") ": legacyLegacyLegacyPublicUrl=\"q\" legacyLegacyPublicUrl=2 "
                          "legacyPublicUrl=1\n");
}

static void wears(void **state)
{
    (void)state;
    check(
        "wardrobeGarments", ROW ",\"wearCount\":3,\"lastWornAt\":\"2026-04-03T10:00:00.000Z\"}",
        OUT("wardrobeGarments") ": legacyLastWornAt=\"2026-04-03T10:00:00.000Z\" "
                                "legacyWearCount=3\n"
                                "wardrobeWears 234f9768-aebf-8253-b84d-d1b93e0760db u s space " DAY(
                                    "2") " - @2026-04-02 "
                                         "id-made: garmentId=\"i\" wornAt=\"2026-04-03\"\n");
    check("wardrobeOutfits",
          ROW ",\"lastWornAt\":\"2026-04-03\",\"__fieldMeta\":{\"lastWornAt\":{\"at\":"
              "\"" DAY("4") "\"}}}",
          OUT("wardrobeOutfits") ": legacyLastWornAt=\"2026-04-03\"@2026-04-04\n"
          "wardrobeWears ca030888-e3c9-8b96-b69e-4547c0d3f660 u s space " DAY("4") " - @2026-04-04 "
          "id-made: outfitId=\"i\" wornAt=\"2026-04-03\"\n");
    check("wardrobeGarments", ROW ",\"lastWornAt\":\"2026-04-03\",\"deletedAt\":1}",
          "wardrobeGarments i u s space " DAY("1") " 1970-01-01T00:00:00.001Z @2026-04-02: "
                                                   "legacyLastWornAt=\"2026-04-03\"\n");
    check("wardrobeGarments", ROW ",\"lastWornAt\":\"once\",\"wearCount\":null}",
          OUT("wardrobeGarments") ": legacyLastWornAt=\"once\"\n");
    check("wardrobeGarments", ROW ",\"lastWornAt\":null}", OUT("wardrobeGarments") ":\n");
}

/* What does not fit a field of the schema is made to fit, or stays aside. */
static void fitting(void **state)
{
    (void)state;
    static const struct {
        const char *json, *expected; /* of a garment */
    } cases[] = {
        {"\"tags\":[\"a\",\"b\"]", ": tags=[\"a\",\"b\"]"},
        {"\"tags\":null", ": tags=[]"},
        {"\"tags\":\"a\"", ": tags=[\"a\"]"},
        {"\"tags\":[\"a\",5,{\"name\":\"n\"},{\"x\":1}]",
         " kept: legacyTags=[\"a\",5,{\"name\":\"n\"},{\"x\":1}] tags=[\"a\",\"n\"]"},
        {"\"tags\":{\"a\":1}", " kept: legacyTags={\"a\":1}"},
        {"\"purchasedAt\":\"2026-04-01\"", ": purchasedAt=\"2026-04-01\""},
        {"\"purchasedAt\":\"" DAY("1") "\"", ": purchasedAt=\"2026-04-01\""},
        {"\"purchasedAt\":1775001600000", ": purchasedAt=\"2026-04-01\""},
        {"\"purchasedAt\":\"2026-04-01T10:00:00.000Z\"",
         " kept: legacyPurchasedAt=\"2026-04-01T10:00:00.000Z\" purchasedAt=\"2026-04-01\""},
        {"\"purchasedAt\":\"soon\"", " kept: legacyPurchasedAt=\"soon\""},
        {"\"category\":\"hat\"", ": category=\"hat\""},
        {"\"category\":\"boat\"", " kept: legacyCategory=\"boat\""},
        {"\"category\":null", ":"},
        {"\"priceCents\":1.5", " kept: legacyPriceCents=1.5"},
        {"\"priceCents\":150", ": priceCents=150"},
        {"\"isArchived\":1", " kept: legacyIsArchived=1"},
        {"\"name\":{\"de\":\"x\"}", " kept: legacyName={\"de\":\"x\"}"},
        {"\"name\":null", ": name=null"},
        {"\"a.b\":1,\"z.b\":2,\"_.b\":3", ": legacyA.b=1 legacyZ.b=2 legacy_.b=3"},
        {"\"$types\":\"x\",\"Zebra\":1,\"\\u0000n\":2", ": $types=\"x\" Zebra=1 \xEF\xBF\xBDn=2"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char json[400], expected[400];
        snprintf(json, sizeof json, ROW ",%s}", cases[i].json);
        snprintf(expected, sizeof expected, OUT("wardrobeGarments") "%s\n", cases[i].expected);
        check("wardrobeGarments", json, expected);
    }
    check(
        "wardrobeOutfits", ROW ",\"season\":[\"spring\",\"rainy\"]}",
        OUT("wardrobeOutfits") " kept: legacySeason=[\"spring\",\"rainy\"] season=[\"spring\"]\n");
    check("wardrobeGarments", ROW ",\"name\":5,\"__fieldTimestamps\":{\"name\":\"" DAY("3") "\"}}",
          OUT("wardrobeGarments") " kept: legacyName=5@2026-04-03\n");
}

/* A list that stays too long whatever is left out stays aside whole; ids may be all quotes; a row
 * may have many fields. */
static void large(void **state)
{
    (void)state;
    struct buf json, expected;
    buf_init(&json, 1u << 20), buf_init(&expected, 1u << 20);
    buf_str(&json, ROW ",\"tags\":[5");
    buf_str(&expected, OUT("wardrobeGarments") " kept: legacyTags=[5");
    for (int i = 0; i < 1001; i++)
        buf_str(&json, ",\"t\""), buf_str(&expected, ",\"t\"");
    buf_str(&json, "]}");
    buf_str(&expected, "]\n");
    check("wardrobeGarments", json.data, expected.data);
    buf_reset(&json), buf_reset(&expected);
    buf_str(&json, ROW), buf_str(&expected, OUT("kv") ":");
    for (int i = 0; i < 100; i++) {
        buf_printf(&json, ",\"f%02d\":%d", 99 - i, 99 - i);
        buf_printf(&expected, " f%02d=%d", i, i);
    }
    buf_str(&json, "}"), buf_str(&expected, "\n");
    check("kv", json.data, expected.data);
    char id[402], plain[202];
    for (int i = 0; i < 200; i++)
        memcpy(id + 2 * i, "\\\"", 2), plain[i] = '"';
    id[400] = plain[200] = '\0';
    buf_reset(&json), buf_reset(&expected);
    buf_printf(&json, "{\"id\":\"%s\"," PLACE ",\"primaryFor\":\"avatar\"}", id);
    buf_printf(&expected, "meImages %s u s space " EPOCH " - @1970-01-01:\nmeSlots - u s space"
                                                         " " EPOCH
               " - @1970-01-01: imageId=\"%s\" person=\"u\" slot=\"avatar\"\n", plain, id);
    check("meImages", json.data, expected.data);
    buf_release(&json), buf_release(&expected);
}

/* Rows of tables nobody knows keep every field under its name (G-S16). */
static void opaque(void **state)
{
    (void)state;
    check_key("kv", "\"k\"", "5",
              "kv k guest _personal:guest space " EPOCH " - @1970-01-01 no-owner: $=5\n");
    check("kv",
          ROW ",\"a.b\":1,\"wearCount\":2,\"tags\":\"t\",\"primaryFor\":\"avatar\",\"\\u0000\":1,"
              "\"\xEF\xBF\xBD\":2}",
          OUT("kv") ": a.b=1 legacy\xEF\xBF\xBD=1 primaryFor=\"avatar\" tags=\"t\" wearCount=2 "
                    "\xEF\xBF\xBD=2\n");
}

static void check_memory(const char *table, const char *row, const char *expected)
{
    int failed = 0, done = 0;
    for (size_t max = 0; max < 8000; max += 8) {
        struct arena arena;
        struct buf out;
        arena_init(&arena, max);
        buf_init(&out, 1u << 16);
        int rc = normalise(table, NULL, row, 38, &arena, &out);
        if (rc == 0)
            assert_string_equal(buf_text(&out), expected);
        else
            assert_int_equal(rc, RAUM_ENOMEM);
        failed += rc != 0;
        done += rc == 0;
        buf_release(&out);
        arena_release(&arena);
    }
    assert_true(failed > 100 && done > 100);
}

/* With too little memory there is an error, never another row. */
static void memory(void **state)
{
    (void)state;
    check_memory(
        "meImages",
        "{\"id\":\"i\\u0061\",\"userId\":\"u\\u0062\",\"primaryFor\":\"avatar\",\"tags\":[\"a\",5],"
        "\"usage\":{\"aiReference\":true,\"x\":1},\"storagePath\":\"p\","
        "\"createdAt\":1775001600000,"
        "\"visibility\":\"public\",\"__fieldMeta\":{\"tags\":{\"at\":\"2026-04-03\"}},\"free\":1,"
        "\"updatedAt\":\"2026-04-02\"}",
        "meImages ia ub _personal:ub space " DAY("1") " - @2026-04-02 kept visibility: free=1 "
        "legacyStoragePath=\"p\" legacyTags=[\"a\",5]@2026-04-03 legacyVisibility=\"public\" "
        "tags=[\"a\"]@2026-04-03 usage.aiReference=true usage.x=1\n"
        "meSlots - ub _personal:ub space " DAY("2") " - @2026-04-02: imageId=\"ia\" person=\"ub\" "
        "slot=\"avatar\"\n");
    check_memory("wardrobeGarments",
                 "{\"id\":\"i\",\"userId\":\"u\",\"lastWornAt\":\"2026-04-03\",\"deletedAt\":null}",
                 "wardrobeGarments i u _personal:u space " EPOCH " - @1970-01-01: "
                 "legacyLastWornAt=\"2026-04-03\"\n"
                 "wardrobeWears 234f9768-aebf-8253-b84d-d1b93e0760db u _personal:u space " EPOCH
                 " - @1970-01-01 id-made: garmentId=\"i\" wornAt=\"2026-04-03\"\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ids),         cmocka_unit_test(ids_derived),
        cmocka_unit_test(owners),      cmocka_unit_test(long_owner),
        cmocka_unit_test(visibility),  cmocka_unit_test(g_t1_user_level),
        cmocka_unit_test(g_u3_stamps), cmocka_unit_test(times),
        cmocka_unit_test(deleted),     cmocka_unit_test(slots),
        cmocka_unit_test(g_t12_usage), cmocka_unit_test(derived),
        cmocka_unit_test(wears),       cmocka_unit_test(fitting),
        cmocka_unit_test(opaque),      cmocka_unit_test(large),
        cmocka_unit_test(memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
