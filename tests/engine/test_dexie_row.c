/* Rows of Dexie exports: every type of Typeson, in every place, whole and broken. */
#include "dexie_feed.h"

#include "base/arena.h"

static char *text_of(const char *name, char *out, size_t len, size_t step)
{
    struct raum_error error = {0};
    struct feed feed = {.data = out, .len = len, .step = step};
    struct buf lines;
    buf_init(&lines, 10u << 20);
    if (feed_rows(&feed, &lines, &error) != 0)
        fail_msg("%s: %s", name, error.text);
    return buf_detach(&lines, NULL);
}

static void check_file(const char *name, const char *expected)
{
    static const size_t steps[] = {0, 1, 7, 4096};
    size_t len;
    char *data = feed_load(name, &len);
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
        char *lines = text_of(name, data, len, steps[i]);
        assert_string_equal(lines, expected);
        free(lines);
    }
    free(data);
}

#define IMAGE(n, user, kind, slot, label)                                                          \
    "{\"id\":\"img-0000" n "\"," user "\"kind\":\"" kind "\",\"primaryFor\":" slot                 \
    ",\"label\":\"" label "\",\"mediaId\":\"m-" n "\",\"storagePath\":\"users/user_01/me/" n       \
    ".png\",\"publicUrl\":\"https://cdn.example/" n ".png\",\"width\":1024,\"height\":1536,"
#define MINE "\"userId\":\"user_01\","
#define TAGS "\"tags\":[\"a\",\"b\"],"
#define NONE "\"tags\":[],"
#define USAGE(ai) "\"usage\":{\"aiReference\":" ai ",\"showInProfile\":false},"
#define AT(n)                                                                                      \
    "\"createdAt\":\"2026-04-01T00:00:0" n ".000Z\",\"updatedAt\":\"2026-04-01T00:00:0" n ".000Z\""
#define ROW(n) "meImages \"img-0000" n "\" "

static const char odd_rows[] =
    ROW("0") IMAGE("0", MINE, "face", "\"avatar\"", "Bild 0") TAGS USAGE("true") AT("0") "}\n"
    ROW("1") IMAGE("1", MINE, "fullbody", "\"try-on\"", "Bild 1") NONE USAGE("false") AT("1") "}\n"
    ROW("2") IMAGE("2", "", "reference", "null", "Bild 2") NONE USAGE("true") AT("2") "}\n"
    ROW("3") IMAGE("3", MINE, "face", "null", "Bild 3") NONE USAGE("false") AT("3")
    ",\"spaceId\":null}\n"
    ROW("4") IMAGE("4", MINE, "fullbody", "null", "Bild 4") NONE USAGE("true") AT("4")
    ",\"deletedAt\":\"2026-04-01T00:00:00.000Z\"}\n"
    ROW("5") IMAGE("5", MINE, "reference", "null", "Bild 5") NONE USAGE("false") AT("5")
    ",\"deletedAt\":\"2026-04-01T00:00:00.000Z\"}\n"
    ROW("6") IMAGE("6", MINE, "face", "null",
                   "日本語 🙂 \\\"q\\\" \\\\ \xE2\x80\xA8 \\u0000 é e\xCC\x81 \xEF\xBF\xBDlone")
    NONE USAGE("true") AT("6") "}\n"
    ROW("7") IMAGE("7", MINE, "fullbody", "null", "Bild 7") TAGS USAGE("false") AT("7")
    ",\"blob\":{\"$raum\":\"blob\",\"type\":\"image/png\",\"part\":0}} "
    "| blob image/png =000102faff89\n"
    ROW("8") IMAGE("8", MINE, "reference", "null", "Bild 8") NONE USAGE("true") AT("8")
    ",\"nan\":{\"$raum\":\"number\",\"value\":\"NaN\"}"
    ",\"inf\":{\"$raum\":\"number\",\"value\":\"Infinity\"}"
    ",\"ninf\":{\"$raum\":\"number\",\"value\":\"-Infinity\"}"
    ",\"big\":{\"$raum\":\"bigint\",\"value\":\"12345678901234567890\"}"
    ",\"d\":\"1970-01-01T00:00:00.000Z\",\"bad\":null"
    ",\"re\":{\"$raum\":\"regexp\",\"source\":\"a+\",\"flags\":\"gi\"}"
    ",\"map\":{\"$raum\":\"map\",\"value\":[[\"k\",1]]}"
    ",\"set\":{\"$raum\":\"set\",\"value\":[1,\"x\"]}"
    ",\"u8\":{\"$raum\":\"uint8array\",\"part\":0}"
    ",\"f32\":{\"$raum\":\"float32array\",\"value\":\"AADAPw==\"}"
    ",\"ab\":{\"$raum\":\"arraybuffer\",\"part\":1},\"negz\":0"
    ",\"nested\":{\"when\":\"1970-01-01T00:00:00.001Z\",\"list\":[\"1970-01-01T00:00:00.002Z\","
    "null,null,{\"x\":{\"$raum\":\"uint8array\",\"part\":2}}],\"$types\":\"literal\","
    "\"a.b\":\"1970-01-01T00:00:00.003Z\"},\"str\":\"#literal hash\"} "
    "| u8  =010203 | ab  =0908 | nested.list.3.x  =07\n"
    ROW("9") IMAGE("9", MINE, "face", "null", "Bild 9") NONE USAGE("false")
    "\"createdAt\":\"2026-04-01T00:00:00.000Z\",\"updatedAt\":\"2026-04-01T00:00:09.000Z\"}\n"
    "tags \"t1\" {\"id\":\"t1\",\"name\":\"x\",\"userId\":\"user_01\"}\n"
    "tags \"t2\" {\"id\":\"t2\",\"name\":\"ünï\"}\n"
    "tasks \"k1\" {\"id\":\"k1\",\"order\":1,\"userId\":\"user_01\",\"status\":\"open\","
    "\"labels\":[\"l1\",\"l2\"]}\n"
    "workbenchScenes \"s1\" {\"id\":\"s1\",\"order\":0,"
    "\"openApps\":[{\"appId\":\"todo\",\"widthPx\":480.5}]}\n"
    "userContext \"singleton\" {\"id\":\"singleton\",\"about\":{\"bio\":\"hi\"},"
    "\"freeform\":\"line1\\nline2\"}\n"
    "counters 1 {\"k\":\"a\",\"seq\":1}\n"
    "counters 2 {\"k\":\"b\",\"seq\":2}\n"
    "kv 42 {\"v\":2}\n"
    "kv {\"$raum\":\"date\",\"value\":\"2026-04-01T00:00:00.000Z\"} {\"v\":3}\n"
    "kv \"dateval\" \"1970-01-01T00:00:00.005Z\"\n"
    "kv \"outbound-str\" {\"v\":1}\n"
    "kv \"prim\" \"plain string value\"\n"
    "kv [1,\"x\"] {\"v\":4}\n";

static void odd_file(void **state)
{
    (void)state;
    check_file("legacy-v38-odd.json", odd_rows);
}

/* Pretty or compact: the same bytes come out (G-U3). */
static void odd_file_compact(void **state)
{
    (void)state;
    check_file("legacy-v38-odd-compact.json", odd_rows);
}

static void quirks(void **state)
{
    (void)state;
    check_file("dexie-quirks.json",
               "a \"1\" {\"id\":\"1\",\"$types\":{\"x\":\"date\"},\"x\":5}\n"
               "a \"2\" {\"id\":\"2\",\"list\":[{\"$raum\":\"blob\",\"type\":\"\",\"part\":0}],"
               "\"nested\":{\"b\":{\"$raum\":\"blob\",\"type\":\"x/y\",\"part\":1}}} "
               "| list.0  =0102 | nested.b x/y =03\n"
               "a \"3\" {\"id\":\"3\",\"sparse\":[null,null,\"z\"]}\n"
               "a \"4\" {\"id\":\"4\",\"a1\":{\"$raum\":\"uint8array\",\"part\":0},"
               "\"so\":{\"$raum\":\"uint8array\",\"part\":1}} | a1  =0203 | so  =\n"
               "a \"5\" {\"id\":\"5\",\"k.ey\":\"1970-01-01T00:00:00.001Z\","
               "\"til~de\":\"1970-01-01T00:00:00.002Z\",\"empty\":\"\",\"emptyObj\":{},"
               "\"emptyArr\":[],\"t\":true,\"n\":1e+300,\"i\":-5.5}\n"
               "arr \"k1\" [1,\"1970-01-01T00:00:00.009Z\"]\n"
               "arr \"k2\" null\n"
               "arr \"k3\" null\n"
               "bin {\"$raum\":\"date\",\"value\":\"1970-01-01T00:00:00.003Z\"} "
               "{\"id\":\"1970-01-01T00:00:00.003Z\",\"v\":2}\n"
               "bin {\"$raum\":\"uint8array\",\"value\":\"AQI=\"} "
               "{\"id\":{\"$raum\":\"uint8array\",\"part\":0},\"v\":1} | id  =0102\n");
}

/* ---- one row at a time ---- */

/* Decodes one row of a table with this key; the line without the table's name. */
static int decode(const char *schema, bool inbound, const char *row, struct buf *out,
                  struct raum_error *error)
{
    struct buf file;
    buf_init(&file, 64u << 20);
    buf_printf(&file,
               "{\"formatName\":\"dexie\",\"formatVersion\":1,\"data\":{\"databaseName\":\"d\","
               "\"databaseVersion\":1,\"tables\":[{\"name\":\"t\",\"schema\":\"%s\","
               "\"rowCount\":1}],"
               "\"data\":[{\"tableName\":\"t\",\"inbound\":%s,\"rows\":[%s]}]}}",
               schema, inbound ? "true" : "false", row);
    struct feed feed = {.data = file.data, .len = file.len};
    int rc = feed_rows(&feed, out, error);
    buf_release(&file);
    return rc;
}

static void check_row(const char *schema, bool inbound, const char *row, const char *expected)
{
    struct raum_error error = {0};
    struct buf out;
    buf_init(&out, 64u << 20);
    int rc = decode(schema, inbound, row, &out, &error);
    if (rc != 0)
        fail_msg("%s: %s", row, error.text);
    assert_true(strncmp(buf_text(&out), "t ", 2) == 0);
    out.data[out.len - 1] = '\0';
    if (strcmp(out.data + 2, expected) != 0)
        fail_msg("%s\n  gave   %s\n  wanted %s", row, out.data + 2, expected);
    buf_release(&out);
}

/* {"x":VALUE} with the marks given; expected: what becomes of x, and the parts. */
static void check_value(const char *value, const char *marks, const char *expected)
{
    struct buf row, line;
    buf_init(&row, 1u << 20);
    buf_init(&line, 1u << 20);
    buf_printf(&row, "{\"x\":%s,\"$types\":{%s}}", value, marks);
    if (expected[0] == '-')
        buf_printf(&line, "- {}%s", expected + 1);
    else {
        const char *bar = strstr(expected, " | ");
        size_t len = bar ? (size_t)(bar - expected) : strlen(expected);
        buf_printf(&line, "- {\"x\":%.*s}%s", (int)len, expected, bar ? bar : "");
    }
    check_row("id", true, row.data, line.data);
    buf_release(&row);
    buf_release(&line);
}

struct value_case {
    const char *value, *marks, *expected; /* expected "-": the member goes */
};

static void check_values(const struct value_case *cases, size_t count)
{
    for (size_t i = 0; i < count; i++)
        check_value(cases[i].value, cases[i].marks, cases[i].expected);
}
#define CHECK_VALUES(cases) check_values(cases, sizeof(cases) / sizeof *(cases))

static void types(void **state)
{
    (void)state;
    static const struct value_case cases[] = {
        {"0", "\"x\":\"undef\"", "-"},
        {"[0,1]", "\"x\":\"arrayNonindexKeys\",\"x.0\":\"undef\"", "[null,1]"},
        {"[0,0]", "\"x.0\":\"sparseUndefined\",\"x.1\":\"undef\"", "[null,null]"},
        {"{\"0\":1,\"k\":2}", "\"x\":\"arrayNonindexKeys\"",
         "{\"$raum\":\"array\",\"value\":{\"0\":1,\"k\":2}}"},
        {"\"NaN\"", "\"x\":\"nan\"", "{\"$raum\":\"number\",\"value\":\"NaN\"}"},
        {"\"12\"", "\"x\":\"bigint\"", "{\"$raum\":\"bigint\",\"value\":\"12\"}"},
        {"\"-12\"", "\"x\":\"bigintObject\"", "{\"$raum\":\"bigint\",\"value\":\"-12\"}"},
        {"\"s\"", "\"x\":\"StringObject\"", "\"s\""},
        {"1.50", "\"x\":\"NumberObject\"", "1.50"},
        {"true", "\"x\":\"BooleanObject\"", "true"},
        {"{\"a\":1}", "\"x\":\"userObject\"", "{\"a\":1}"},
        {"{\"source\":\"\\\\d\",\"flags\":\"\"}", "\"x\":\"regexp\"",
         "{\"$raum\":\"regexp\",\"source\":\"\\\\d\",\"flags\":\"\"}"},
        {"[[0,[1]]]", "\"x\":\"map\",\"x.0\":\"arrayNonindexKeys\",\"x.0.0\":\"date\"",
         "{\"$raum\":\"map\",\"value\":[[\"1970-01-01T00:00:00.000Z\",[1]]]}"},
        {"[0]", "\"x\":\"set\",\"x.0\":\"date\"",
         "{\"$raum\":\"set\",\"value\":[\"1970-01-01T00:00:00.000Z\"]}"},
        {"{\"type\":\"t\",\"data\":\"\"}", "\"x\":\"blob2\"",
         "{\"$raum\":\"blob\",\"type\":\"t\",\"part\":0} | x t ="},
        {"{\"type\":\"t\",\"stringContents\":\"a\\u0000\\u00ff\"}", "\"x\":\"blob\"",
         "{\"$raum\":\"blob\",\"type\":\"t\",\"part\":0} | x t =6100ff"},
        {"{\"type\":\"t\",\"stringContents\":\"a\",\"name\":\"f\",\"lastModified\":7}",
         "\"x\":\"file\"",
         "{\"$raum\":\"file\",\"type\":\"t\",\"name\":\"f\",\"lastModified\":7,\"part\":0} "
         "| x t f=61"},
        {"\"AQID\"", "\"x\":\"arraybuffer\"",
         "{\"$raum\":\"arraybuffer\",\"part\":0} | x  =010203"},
        {"{\"s\":\"AQI=\"}", "\"x\":\"arraybuffer\"",
         "{\"$raum\":\"arraybuffer\",\"part\":0} | x  =0102"},
        {"\"AQI=\"", "\"x\":\"uint8array\"", "{\"$raum\":\"uint8array\",\"part\":0} | x  =0102"},
        {"{\"encoded\":\"AQIDBA==\",\"byteOffset\":1,\"length\":2}", "\"x\":\"uint8clampedarray\"",
         "{\"$raum\":\"uint8clampedarray\",\"part\":0} | x  =0203"},
        {"{\"encoded\":\"AQIDBA==\",\"byteOffset\":2,\"byteLength\":1}", "\"x\":\"dataview\"",
         "{\"$raum\":\"dataview\",\"part\":0} | x  =03"},
        {"{\"encoded\":\"AQIDBA==\"}", "\"x\":\"int16array\"",
         "{\"$raum\":\"int16array\",\"value\":\"AQIDBA==\"}"},
        {"{\"buffer\":\"AQIDBAUGBwg=\",\"byteOffset\":4,\"length\":1}",
         "\"x\":\"uint32array2\",\"x.buffer\":\"arraybuffer\"",
         "{\"$raum\":\"uint32array\",\"value\":\"BQYHCA==\"}"},
        {"{\"buffer\":\"AQ==\",\"byteOffset\":0,\"length\":1}", "\"x\":\"int8array2\"",
         "{\"$raum\":\"int8array\",\"value\":\"AQ==\"}"},
        {"[{\"encoded\":\"AQI=\"},{\"index\":0,\"byteOffset\":1,\"length\":1}]",
         "\"x.0\":\"uint8array\",\"x.1\":\"uint8array\"",
         "[{\"$raum\":\"uint8array\",\"part\":0},{\"$raum\":\"uint8array\",\"part\":1}] "
         "| x.0  =0102 | x.1  =02"},
        {"[\"AQI=\",{\"index\":0}]", "\"x.0\":\"arraybuffer\",\"x.1\":\"arraybuffer\"",
         "[{\"$raum\":\"arraybuffer\",\"part\":0},{\"$raum\":\"arraybuffer\",\"part\":1}] "
         "| x.0  =0102 | x.1  =0102"},
    };
    CHECK_VALUES(cases);
}

/* What cannot be decoded stays as it was, with what it was meant to be. */
#define KEPT(type, value) "{\"$raum\":\"typeson\",\"type\":" type ",\"value\":" value "}"

static void broken_types(void **state)
{
    (void)state;
    static const struct value_case cases[] = {
        {"1", "\"x\":\"imagedata\"", KEPT("\"imagedata\"", "1")},
        {"[5]", "\"x\":\"filelist\",\"x.0\":\"date\"",
         KEPT("\"filelist\"", "[\"1970-01-01T00:00:00.005Z\"]")},
        {"\"x\"", "\"x\":\"date\"", KEPT("\"date\"", "\"x\"")},
        {"true", "\"x\":\"date\"", KEPT("\"date\"", "true")},
        {"1", "\"x\":\"date22\"", KEPT("\"date22\"", "1")},
        {"\"1x\"", "\"x\":\"bigint\"", KEPT("\"bigint\"", "\"1x\"")},
        {"\"-\"", "\"x\":\"bigint\"", KEPT("\"bigint\"", "\"-\"")},
        {"\"\"", "\"x\":\"bigint\"", KEPT("\"bigint\"", "\"\"")},
        {"5", "\"x\":\"bigint\"", KEPT("\"bigint\"", "5")},
        {"{\"source\":\"a\"}", "\"x\":\"regexp\"", KEPT("\"regexp\"", "{\"source\":\"a\"}")},
        {"{\"source\":1,\"flags\":\"\"}", "\"x\":\"regexp\"",
         KEPT("\"regexp\"", "{\"source\":1,\"flags\":\"\"}")},
        {"{}", "\"x\":\"map\"", KEPT("\"map\"", "{}")},
        {"\"a\"", "\"x\":\"set\"", KEPT("\"set\"", "\"a\"")},
        {"{\"data\":\"A\"}", "\"x\":\"blob2\"", KEPT("\"blob2\"", "{\"data\":\"A\"}")},
        {"{\"data\":\"A=B=\"}", "\"x\":\"blob2\"", KEPT("\"blob2\"", "{\"data\":\"A=B=\"}")},
        {"{\"data\":\"AA A\"}", "\"x\":\"blob2\"", KEPT("\"blob2\"", "{\"data\":\"AA A\"}")},
        {"{\"data\":\"é==\"}", "\"x\":\"blob2\"", KEPT("\"blob2\"", "{\"data\":\"é==\"}")},
        {"{\"stringContents\":\"日\"}", "\"x\":\"file\"",
         KEPT("\"file\"", "{\"stringContents\":\"日\"}")},
        {"7", "\"x\":\"arraybuffer\"", KEPT("\"arraybuffer\"", "7")},
        {"{\"index\":0}", "\"x\":\"arraybuffer\"", KEPT("\"arraybuffer\"", "{\"index\":0}")},
        {"{\"index\":-1}", "\"x\":\"uint8array\"", KEPT("\"uint8array\"", "{\"index\":-1}")},
        {"{\"encoded\":\"AQI=\",\"byteOffset\":3}", "\"x\":\"uint8array\"",
         KEPT("\"uint8array\"", "{\"encoded\":\"AQI=\",\"byteOffset\":3}")},
        {"{\"encoded\":\"AQI=\",\"byteOffset\":1,\"length\":2}", "\"x\":\"uint8array\"",
         KEPT("\"uint8array\"", "{\"encoded\":\"AQI=\",\"byteOffset\":1,\"length\":2}")},
        {"{\"encoded\":\"AQI=\",\"length\":-1}", "\"x\":\"uint8array\"",
         KEPT("\"uint8array\"", "{\"encoded\":\"AQI=\",\"length\":-1}")},
        {"{\"encoded\":\"AQI=\",\"length\":9007199254740993}", "\"x\":\"float64array\"",
         KEPT("\"float64array\"", "{\"encoded\":\"AQI=\",\"length\":9007199254740993}")},
        {"{\"encoded\":\"AQI=\",\"length\":1.5}", "\"x\":\"uint8array\"",
         KEPT("\"uint8array\"", "{\"encoded\":\"AQI=\",\"length\":1.5}")},
        {"{\"encoded\":\"AQI=\",\"length\":1}", "\"x\":\"float32array\"",
         KEPT("\"float32array\"", "{\"encoded\":\"AQI=\",\"length\":1}")},
        {"1", "\"x\":[\"date\",\"set\"]", KEPT("[\"date\",\"set\"]", "1")},
        {"1", "\"x\":[\"date\",\"odd\"]", KEPT("[\"date\",\"odd\"]", "1")},
        {"1", "\"x\":[]", KEPT("[]", "1")},
        {"1", "\"x\":5", KEPT("5", "1")},
        {"1", "\"x\":\"\"", KEPT("\"\"", "1")},
    };
    CHECK_VALUES(cases);
}

/* Base64 has 64 characters and no others; what ends short is padded. */
static void base64(void **state)
{
    (void)state;
    static const char chars[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for (int c = 0x20; c < 0x7F; c++) {
        char value[40], expected[200];
        snprintf(value, sizeof value, "{\"data\":\"AA%s%cA\"}",
                 c == '"' || c == '\\' ? "\\" : "", c);
        const char *at = strchr(chars, c);
        int number = at ? (int)(at - chars) : 0;
        if (at)
            snprintf(expected, sizeof expected,
                     "{\"$raum\":\"blob\",\"part\":0} | x  =00%02x%02x", number >> 2,
                     (number & 3) << 6);
        else
            snprintf(expected, sizeof expected, KEPT("\"blob2\"", "%s"), value);
        check_value(value, "\"x\":\"blob2\"", expected);
    }
}

static void dates(void **state)
{
    (void)state;
    static const struct {
        const char *ms, *expected;
    } cases[] = {
        {"0", "\"1970-01-01T00:00:00.000Z\""},
        {"-1", "\"1969-12-31T23:59:59.999Z\""},
        {"1775001600123", "\"2026-04-01T00:00:00.123Z\""},
        {"951782399999", "\"2000-02-28T23:59:59.999Z\""},
        {"951868799999", "\"2000-02-29T23:59:59.999Z\""},
        {"951868800000", "\"2000-03-01T00:00:00.000Z\""},
        {"-2203891200001", "\"1900-02-28T23:59:59.999Z\""},
        {"-2203891200000", "\"1900-03-01T00:00:00.000Z\""},
        {"1.9", "\"1970-01-01T00:00:00.001Z\""},
        {"-1.9", "\"1969-12-31T23:59:59.999Z\""},
        {"1e3", "\"1970-01-01T00:00:01.000Z\""},
        {"-62167219200000", "\"0000-01-01T00:00:00.000Z\""},
        {"253402300799999", "\"9999-12-31T23:59:59.999Z\""},
        {"-62167219200001", "{\"$raum\":\"date\",\"value\":\"-62167219200001\"}"},
        {"253402300800000", "{\"$raum\":\"date\",\"value\":\"253402300800000\"}"},
        {"8640000000000000", "{\"$raum\":\"date\",\"value\":\"8640000000000000\"}"},
        {"8640000000000001", "null"},
        {"-8640000000000001", "null"},
        {"1e300", "null"},
        {"\"NaN\"", "null"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        check_value(cases[i].ms, "\"x\":\"date\"", cases[i].expected);
}

/* An object that stood before is named by its place. */
static void references(void **state)
{
    (void)state;
    check_row("id", true, "{\"id\":1,\"a\":{\"d\":5},\"b\":\"#a\",\"$types\":{\"a.d\":\"date\","
                          "\"b\":\"#\"}}",
              "1 {\"id\":1,\"a\":{\"d\":\"1970-01-01T00:00:00.005Z\"},"
              "\"b\":{\"d\":\"1970-01-01T00:00:00.005Z\"}}");
    check_row("id", true, "{\"id\":1,\"k.y\":[[7]],\"b\":\"#k~1y.0\",\"c\":\"#b\","
                          "\"$types\":{\"b\":\"#\",\"c\":\"#\"}}",
              "1 {\"id\":1,\"k.y\":[[7]],\"b\":[7],\"c\":[7]}");
    check_row("id", true,
              "{\"id\":1,\"a\":{\"buffer\":\"AQI=\",\"byteOffset\":0,\"length\":1},\"b\":{"
              "\"buffer\":"
              "\"#a.buffer\",\"byteOffset\":1,\"length\":1},\"$types\":{\"a\":\"uint8array2\","
              "\"a.buffer\":\"arraybuffer\",\"b\":\"uint8array2\",\"b.buffer\":\"#\"}}",
              "1 {\"id\":1,\"a\":{\"$raum\":\"uint8array\",\"part\":0},"
              "\"b\":{\"$raum\":\"uint8array\",\"part\":1}} | a  =01 | b  =02");
    /* round in a circle, to nowhere, without its sign */
    check_row("id", true, "{\"id\":1,\"a\":{\"up\":\"#a\"},\"$types\":{\"a.up\":\"#\"}}",
              "1 {\"id\":1,\"a\":{\"up\":" KEPT("\"#\"", "\"#a\"") "}}");
    check_row("id", true, "{\"id\":1,\"up\":\"#\",\"$types\":{\"up\":\"#\"}}",
              "1 {\"id\":1,\"up\":" KEPT("\"#\"", "\"#\"") "}");
    check_row("id", true, "{\"id\":1,\"b\":\"#no.9\",\"c\":\"a\",\"d\":\"#id.x\","
                          "\"$types\":{\"b\":\"#\",\"c\":\"#\",\"d\":\"#\"}}",
              "1 {\"id\":1,\"b\":" KEPT("\"#\"", "\"#no.9\"") ",\"c\":" KEPT("\"#\"", "\"a\"")
              ",\"d\":" KEPT("\"#\"", "\"#id.x\"") "}");
    check_row("id", true, "{\"id\":1,\"a\":[1,2],\"b\":\"#a.1\",\"c\":\"#a.2\",\"d\":\"#a.1x\","
                          "\"$types\":"
                          "{\"b\":\"#\",\"c\":\"#\",\"d\":\"#\"}}",
              "1 {\"id\":1,\"a\":[1,2],\"b\":2,\"c\":" KEPT("\"#\"", "\"#a.2\"") ",\"d\":"
              KEPT("\"#\"", "\"#a.1x\"") "}");
}

/* Two that name each other end by themselves; a thousand references are enough for a row. */
static void references_end(void **state)
{
    (void)state;
    struct raum_error error = {0};
    struct buf row, out;
    buf_init(&out, 64u << 20);
    assert_int_equal(decode("id", true, "{\"id\":1,\"a\":{\"b\":\"#b\"},\"b\":{\"a\":\"#a\"},"
                                        "\"$types\":{\"a.b\":\"#\",\"b.a\":\"#\"}}", &out, &error),
                                            0);
    assert_true(out.len < 2000);
    assert_non_null(strstr(out.data, "\"$raum\":\"typeson\",\"type\":\"#\""));
    buf_reset(&out);
    buf_init(&row, 1u << 20);
    buf_str(&row, "{\"id\":1,\"a\":[5],\"b\":[");
    for (int i = 0; i < 1200; i++)
        buf_printf(&row, "%s\"#a\"", i ? "," : "");
    buf_str(&row, "],\"$types\":{");
    for (int i = 0; i < 1200; i++)
        buf_printf(&row, "%s\"b.%d\":\"#\"", i ? "," : "", i);
    buf_str(&row, "}}");
    assert_int_equal(decode("id", true, row.data, &out, &error), 0);
    int followed = 0, left = 0;
    for (const char *at = out.data; (at = strstr(at, "[5]")); at++)
        followed++;
    for (const char *at = out.data; (at = strstr(at, "\"#a\"")); at++)
        left++;
    assert_int_equal(followed, 1001);
    assert_int_equal(left, 200);
    buf_release(&row);
    buf_release(&out);
}

/* A row that references blow up is refused, with little memory. */
static void references_bomb(void **state)
{
    (void)state;
    struct raum_error error = {0};
    struct buf row, out;
    buf_init(&row, 1u << 20);
    buf_init(&out, 64u << 20);
    buf_str(&row, "{\"id\":1,\"v0\":[1,1,1,1,1,1,1,1,1,1]");
    for (int i = 1; i < 8; i++) {
        buf_printf(&row, ",\"v%d\":[", i);
        for (int n = 0; n < 10; n++)
            buf_printf(&row, "%s\"#v%d\"", n ? "," : "", i - 1);
        buf_str(&row, "]");
    }
    buf_str(&row, ",\"$types\":{\"id\":\"userObject\"");
    for (int i = 1; i < 8; i++)
        for (int n = 0; n < 10; n++)
            buf_printf(&row, ",\"v%d.%d\":\"#\"", i, n);
    buf_str(&row, "}}");
    int rc = decode("id", true, row.data, &out, &error);
    assert_true(rc == 0 || rc == RAUM_ETOO_LARGE);
    assert_true(out.len < 1u << 20);
    buf_release(&row);
    buf_release(&out);
}

static void wrapping(void **state)
{
    (void)state;
    check_row("id", true, "{\"$\":{\"id\":1,\"$types\":7},\"$types\":true}",
              "1 {\"id\":1,\"$types\":7}");
    check_row("id", true, "{\"$\":{\"id\":1,\"d\":5},\"$types\":{\"$\":{\"d\":\"date\"}}}",
              "1 {\"id\":1,\"d\":\"1970-01-01T00:00:00.005Z\"}");
    check_row("id", true, "{\"$types\":{\"d\":\"date\"},\"id\":1,\"d\":5}",
              "1 {\"id\":1,\"d\":\"1970-01-01T00:00:00.005Z\"}");
    check_row("id", true, "{\"id\":1,\"$\":5,\"$types\":{\"$\":\"date\"}}",
              "1 {\"id\":1,\"$\":\"1970-01-01T00:00:00.005Z\"}");
    check_row("id", true, "{\"$\":5,\"$types\":{\"$\":\"date\"}}",
              "- {\"$\":\"1970-01-01T00:00:00.005Z\"}");
    check_row("id", true, "{\"id\":1,\"$types\":\"literal\"}",
              "1 {\"id\":1,\"$types\":\"literal\"}");
    check_row("", false, "{\"$\":[1,0],\"$types\":{\"$\":{\"1\":\"undef\"}}}", "1 null");
    check_row("", false, "{\"$\":[\"k\",{\"a\":0,\"b\":1}],\"$types\":{\"$\":{"
                         "\"\":\"arrayNonindexKeys\","
                         "\"1.a\":\"undef\"}}}", "\"k\" {\"b\":1}");
    check_row("", false, "{\"$\":[\"k\",{\"f\":{\"type\":\"t\",\"data\":\"AQ==\"}}],\"$types\":{"
                         "\"$\":{"
                         "\"1.f\":\"blob2\"}}}",
              "\"k\" {\"f\":{\"$raum\":\"blob\",\"type\":\"t\",\"part\":0}} | f t =01");
    check_row("", false, "{\"$\":[\"k\",{\"type\":\"t\",\"data\":\"AQ==\"}],\"$types\":{\"$\":{"
                         "\"1\":\"blob2\"}}}",
              "\"k\" {\"$raum\":\"blob\",\"type\":\"t\",\"part\":0} |  t =01");
    check_row("", false, "[\"k\",{\"a\":1}]", "\"k\" {\"a\":1}");
}

static void keys(void **state)
{
    (void)state;
    check_row("&id,x", true, "{\"id\":\"a\"}", "\"a\" {\"id\":\"a\"}");
    check_row("++", true, "{\"id\":\"a\"}", "- {\"id\":\"a\"}");
    check_row(" ++seq ,x", true, "{\"seq\":7}", "7 {\"seq\":7}");
    check_row("a.b", true, "{\"a\":{\"b\":3}}", "3 {\"a\":{\"b\":3}}");
    check_row("a.b", true, "{\"a\":{\"b\":0},\"$types\":{\"a.b\":\"date\"}}",
              "{\"$raum\":\"date\",\"value\":\"1970-01-01T00:00:00.000Z\"} "
              "{\"a\":{\"b\":\"1970-01-01T00:00:00.000Z\"}}");
    check_row("[a+b.c],x", true, "{\"b\":{\"c\":2},\"a\":1}", "[1,2] {\"b\":{\"c\":2},\"a\":1}");
    check_row("[a+b]", true, "{\"a\":1}", "- {\"a\":1}");
    check_row("id", true, "{\"a\":1}", "- {\"a\":1}");
    check_row("id", true, "{\"id\":[1,0],\"$types\":{\"id\":\"arrayNonindexKeys\","
                          "\"id.1\":\"date\"}}",
              "[1,{\"$raum\":\"date\",\"value\":\"1970-01-01T00:00:00.000Z\"}] "
              "{\"id\":[1,\"1970-01-01T00:00:00.000Z\"]}");
    check_row("id", true, "{\"id\":{\"buffer\":\"AAEC\",\"byteOffset\":1,\"length\":2},\"$types\":"
                          "{\"id\":\"uint8array2\",\"id.buffer\":\"arraybuffer\"}}",
              "{\"$raum\":\"uint8array\",\"value\":\"AQI=\"} "
              "{\"id\":{\"$raum\":\"uint8array\",\"part\":0}} | id  =0102");
}

/* Members whose names look like paths or like our own stand-ins. */
static void odd_names(void **state)
{
    (void)state;
    check_row("id", true, "{\"id\":1,\"a\":5,\"a.b\":6,\"a-b\":7,\"$types\":{\"a-b\":\"date\","
                          "\"a~1b\":\"date\"}}",
              "1 {\"id\":1,\"a\":5,\"a.b\":\"1970-01-01T00:00:00.006Z\","
              "\"a-b\":\"1970-01-01T00:00:00.007Z\"}");
    check_row("id", true, "{\"id\":1,\"a\":{\"b\":5},\"a-\":{\"b\":6},\"$types\":{"
                          "\"a-.b\":\"date\","
                          "\"a.b\":\"date\"}}",
              "1 {\"id\":1,\"a\":{\"b\":\"1970-01-01T00:00:00.005Z\"},"
              "\"a-\":{\"b\":\"1970-01-01T00:00:00.006Z\"}}");
    check_row("id", true, "{\"id\":1,\"\":5,\"''\":6,\"$types\":{\"''\":\"date\","
                          "\"''''\":\"nan\"}}",
              "1 {\"id\":1,\"\":\"1970-01-01T00:00:00.005Z\","
              "\"''\":{\"$raum\":\"number\",\"value\":\"NaN\"}}");
    check_row("id", true, "{\"id\":1,\"''\":6,\"o\":{\"''\":7},\"$types\":{\"''\":\"date\","
                          "\"o.''\":\"date\"}}",
              "1 {\"id\":1,\"''\":\"1970-01-01T00:00:00.006Z\",\"o\":{"
              "\"''\":\"1970-01-01T00:00:00.007Z\"}}");
    check_row("id", true, "{\"id\":1,\"~0\":5,\"$types\":{\"~00\":\"date\"}}",
              "1 {\"id\":1,\"~0\":\"1970-01-01T00:00:00.005Z\"}");
    check_row("id", true, "{\"id\":1,\"o\":{\"$raum\":\"blob\",\"part\":9}}",
              "1 {\"id\":1,\"o\":{\"$raum\":\"object\",\"value\":{\"$raum\":\"blob\","
              "\"part\":9}}}");
    check_row("id", true, "{\"id\":1,\"$raum\":0,\"$types\":{\"$raum\":\"undef\"}}",
              "1 {\"$raum\":\"object\",\"value\":{\"id\":1}}");
    check_row("id", true, "{\"id\":1,\"s\":\"$types\",\"$types\":{\"l\":\"arrayNonindexKeys\"},"
                          "\"l\":[]}",
              "1 {\"id\":1,\"s\":\"$types\",\"l\":[]}");
    check_row("id", true, "{\"id\":1,\"n\":{\"$types\":{\"x\":\"date\"},\"x\":1}}",
              "1 {\"id\":1,\"n\":{\"$types\":{\"x\":\"date\"},\"x\":1}}");
}

/* One spelling for texts, whatever the writer chose; half a pair becomes U+FFFD. */
static void spelling(void **state)
{
    (void)state;
    check_row("id", true, "{\"\\u0069d\":\"\\u0041\\/\\b\\f\\n\\r\\t\\u0001\\u00e9\\ud83d\\ude42"
                          "\\ud800\"}",
              "\"A/\\b\\f\\n\\r\\t\\u0001é🙂\xEF\xBF\xBD\" "
              "{\"id\":\"A/\\b\\f\\n\\r\\t\\u0001é🙂\xEF\xBF\xBD\"}");
    check_row("id", true, "{ \"id\" : 1 ,\n\t\"l\" : [ 1 , { \"a\" : -0 } ] , \"$types\" : "
                          "{ \"l\" : \"arrayNonindexKeys\" } }",
                              "1 {\"id\":1,\"l\":[1,{\"a\":-0}]}");
    check_row("id", true, "{\"id\":1,\"\\u0024types\":{\"d\":\"date\"},\"d\":0}",
              "1 {\"id\":1,\"d\":\"1970-01-01T00:00:00.000Z\"}");
    check_row("id", true, "{\"id\":1,\"n\":[1e+300,1E-7,0.10,12345678901234567890]}",
              "1 {\"id\":1,\"n\":[1e+300,1E-7,0.10,12345678901234567890]}");
}

static void refused(void **state)
{
    (void)state;
    static const struct {
        bool inbound;
        const char *row, *says;
    } cases[] = {
        {true, "{\"id\":1,\"id\":2}", "row 0 of table t: line 1, column 9: "
                                      "this key is there twice"},
        {true, "{\"id\":1,\"$types\":{\"l\":\"arrayNonindexKeys\"},\"$types\":{}}", "there twice"},
        {true, "{\"id\":1,\"$types\":{},\"$types\":{\"l\":\"arrayNonindexKeys\"}}", "there twice"},
        {true, "{\"id\":1,\"\\u0024types\":{},\"$types\":{\"l\":\"arrayNonindexKeys\"}}",
         "there twice"},
        {false, "{\"a\":1}", "row 0 of table t: a key and a value were expected"},
        {false, "{\"$\":[1],\"$types\":{\"$\":{\"\":\"arrayNonindexKeys\"}}}", "a key and a value"},
        {false, "[1,2,3]", "a key and a value"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct raum_error error = {0};
        struct buf out;
        buf_init(&out, 1000);
        assert_int_equal(decode("id", cases[i].inbound, cases[i].row, &out, &error), RAUM_ECORRUPT);
        if (!strstr(error.text, cases[i].says))
            fail_msg("%s: said %s", cases[i].row, error.text);
        assert_int_equal(out.len, 0);
        buf_release(&out);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(odd_file),       cmocka_unit_test(odd_file_compact),
        cmocka_unit_test(quirks),         cmocka_unit_test(types),
        cmocka_unit_test(broken_types),   cmocka_unit_test(base64),
        cmocka_unit_test(dates),
        cmocka_unit_test(references),     cmocka_unit_test(references_end),
        cmocka_unit_test(references_bomb), cmocka_unit_test(wrapping),
        cmocka_unit_test(keys),           cmocka_unit_test(odd_names),
        cmocka_unit_test(spelling),       cmocka_unit_test(refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
