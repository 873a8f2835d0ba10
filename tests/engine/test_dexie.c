/* Dexie exports as files: any order of members, cut off anywhere, wrong in every way, endless. */
#include "dexie_feed.h"

#include "base/json.h"
#include "engine/dexie_check.h"

#include <malloc.h>

/* ---- live memory: the linker sends malloc, realloc and free here ---- */

void *__real_malloc(size_t len);
void *__real_realloc(void *data, size_t len);
void __real_free(void *data);
void *__wrap_malloc(size_t len);
void *__wrap_realloc(void *data, size_t len);
void __wrap_free(void *data);

static size_t live, peak;
static long fail_from = -1; /* this allocation and all after it fail */

static bool refuses(void)
{
    if (fail_from < 0)
        return false;
    if (fail_from > 0)
        fail_from--;
    return fail_from == 0;
}

static void *count(void *data)
{
    live += malloc_usable_size(data);
    peak = live > peak ? live : peak;
    return data;
}

void *__wrap_malloc(size_t len)
{
    return refuses() ? NULL : count(__real_malloc(len));
}

void *__wrap_realloc(void *data, size_t len)
{
    if (refuses())
        return NULL;
    live -= malloc_usable_size(data);
    return count(__real_realloc(data, len));
}

void __wrap_free(void *data)
{
    live -= malloc_usable_size(data);
    __real_free(data);
}

/* ---- what is in a file ---- */

static void contents(void **state)
{
    (void)state;
    static const struct {
        const char *name, *schema, *key;
        int rows, inbound;
    } tables[] = {
        {"meImages", "id,kind,primaryFor,createdAt", "id", 10, true},
        {"tags", "id,name,userId", "id", 2, true},
        {"tasks", "id,order,[userId+status],*labels", "id", 1, true},
        {"workbenchScenes", "id,order", "id", 1, true},
        {"userContext", "id", "id", 1, true},
        {"counters", "++seq,k", "seq", 2, true},
        {"kv", "", "", 6, false},
    };
    struct raum_error error = {0};
    struct dexie_file file;
    struct feed feed = {0};
    char *data = feed_load("legacy-v38-odd.json", &feed.len);
    feed.data = data;
    assert_int_equal(feed_scan(&feed, &file, &error), 0);
    assert_string_equal(file.database, "mana");
    assert_true(file.version == 38);
    assert_int_equal(file.rows, 23);
    assert_int_equal(file.bytes, feed.len);
    assert_int_equal(file.table_count, 7);
    for (size_t i = 0; i < 7; i++) {
        const struct dexie_table *t = &file.tables[i];
        assert_string_equal(t->name, tables[i].name);
        assert_string_equal(t->schema, tables[i].schema);
        assert_string_equal(t->key, tables[i].key);
        assert_int_equal(t->rows, tables[i].rows);
        assert_int_equal(t->inbound, tables[i].inbound);
        assert_int_equal(data[t->offset - 1], '[');
        assert_false(t->local || t->skip);
        assert_ptr_equal(dexie_table(&file, tables[i].name), t);
    }
    assert_null(dexie_table(&file, "meImage"));
    assert_int_equal(file.owner_count, 1);
    assert_string_equal(file.owners[0].id, "user_01");
    assert_int_equal(file.owners[0].rows, 11);
    assert_int_equal(file.owners[0].authored, 0);
    dexie_release(&file);
    dexie_release(NULL);
    free(data);
}

/* ---- files made by hand ---- */

#define FORMAT "\"formatName\":\"dexie\",\"formatVersion\":1"
#define HEAD "{" FORMAT ",\"data\":{\"databaseName\":\"d\",\"databaseVersion\":39.5,\"tables\":["
#define LISTED(name) "{\"name\":\"" name "\",\"schema\":\"id\",\"rowCount\":1}"
#define MID "],\"data\":["
#define ENTRY(name, rows) "{\"tableName\":\"" name "\",\"inbound\":true,\"rows\":[" rows "]}"
#define TAIL "]}}"
#define FILE_OF(rows) HEAD LISTED("t") MID ENTRY("t", rows) TAIL

static int scan_text(const char *text, struct dexie_file *file, struct raum_error *error)
{
    struct feed feed = {.data = text, .len = strlen(text)};
    return feed_scan(&feed, file, error);
}

static void check_owner(const struct dexie_file *file, size_t i, const char *id, int rows,
                        int authored)
{
    assert_true(i < file->owner_count);
    assert_string_equal(file->owners[i].id, id);
    assert_int_equal(file->owners[i].rows, rows);
    assert_int_equal(file->owners[i].authored, authored);
}

/* Persons count where a row names them, wrapped or not, and nowhere else. */
static void owners(void **state)
{
    (void)state;
    static const char text[] = HEAD LISTED("t") "," LISTED("_l") MID
        ENTRY("t", "{\"userId\":\"a\"},{\"userId\":\"b\",\"authorId\":\"a\"},{\"id\":1},"
                   "{\"userId\":\"\"},{\"userId\":5},{\"userId\":null},{\"userId\":{\"x\":\"no\"}},"
                   "{\"userId\":[\"no\"]},{\"x\":{\"userId\":\"no\"}},{\"userId\":\"\\u0001\"},"
                   "{\"x\":\"userId\",\"y\":\"no\"},{\"userId\":\"\\u0061\"},"
                   "{\"$\":{\"userId\":\"c\",\"o\":{\"userId\":\"no\"}},\"$types\":true},"
                   "{\"$\":{\"authorId\":\"c\",\"$types\":{}},\"$types\":{\"$\":{"
                   "\"userId\":\"no\"}}},"
                   "{\"$types\":{\"$\":{\"userId\":\"no\"}},\"$\":[1,{\"userId\":\"c\",\"o\":[{"
                   "\"userId\":"
                   "\"no\"}]}]}") ","
        "{\"inbound\":true,\"rows\":[{\"userId\":\"local\"},{\"userId\":\"a\"}],"
        "\"tableName\":\"_l\"}"
        TAIL;
    struct raum_error error = {0};
    struct dexie_file file;
    if (scan_text(text, &file, &error) != 0)
        fail_msg("%s", error.text);
    assert_int_equal(file.owner_count, 3);
    check_owner(&file, 0, "a", 2, 1);
    check_owner(&file, 1, "b", 1, 0);
    check_owner(&file, 2, "c", 2, 1);
    assert_int_equal(file.other_owners, 0);
    assert_true(dexie_table(&file, "_l")->local && dexie_table(&file, "_l")->skip);
    dexie_release(&file);
}

/* Local tables are listed and left out; tables without rows, or without an entry, come last. */
static void tables(void **state)
{
    (void)state;
    static const char text[] = HEAD LISTED("z") "," LISTED("_l") "," LISTED("a") "," LISTED("b") MID
        ENTRY("_l", "{\"id\":1}") "," ENTRY("b", "{\"id\":2}") "," ENTRY("z", "") TAIL;
    struct raum_error error = {0};
    struct dexie_file file;
    struct buf out;
    struct feed feed = {.data = text, .len = sizeof text - 1};
    assert_int_equal(feed_scan(&feed, &file, &error), 0);
    assert_true(file.version == 39.5);
    assert_string_equal(file.tables[0].name, "_l");
    assert_string_equal(file.tables[1].name, "b");
    assert_string_equal(file.tables[2].name, "z");
    assert_string_equal(file.tables[3].name, "a");
    assert_int_equal(file.tables[3].offset, 0);
    dexie_release(&file);
    buf_init(&out, 1000);
    assert_int_equal(feed_rows(&feed, &out, &error), 0);
    assert_string_equal(buf_text(&out), "b 2 {\"id\":2}\n");
    buf_release(&out);
}

/* ---- any order ---- */

/* The n-th order of the parts, joined by commas. */
static void put_order(struct buf *out, const char *const *parts, int count, int n,
                      const char *space)
{
    const char *left[4] = {0};
    for (int i = 0; i < count; i++)
        left[i] = parts[i];
    for (int k = count; k > 0; k--) {
        int at = n % k;
        n /= k;
        buf_printf(out, "%s%s%s%s", space, left[at], space, k > 1 ? "," : "");
        for (int i = at; i < k - 1; i++)
            left[i] = left[i + 1];
    }
}

static void any_order(void **state)
{
    (void)state;
    static const char *const spaces[] = {"", " ", "\r\n\t"};
    static const char *const entry[] = {"\"tableName\":\"t\"", "\"inbound\" : true",
                                        "\"rows\":[{\"id\":\"]}\\\"{[\"} , {\"id\":2,\"l\":[]}]"};
    struct raum_error error = {0};
    struct buf rows, data, all, out;
    buf_init(&rows, 10000), buf_init(&data, 10000), buf_init(&all, 10000), buf_init(&out, 10000);
    for (int n = 0; n < 6 * 24 * 6; n++) {
        const char *space = spaces[n % 3];
        buf_reset(&rows), buf_reset(&data), buf_reset(&all), buf_reset(&out);
        buf_str(&rows, "\"data\":[{");
        put_order(&rows, entry, 3, n, space);
        buf_str(&rows, "}]");
        const char *const parts[] = {"\"databaseName\":\"d\"", "\"databaseVersion\":1",
                                     "\"tables\":[" LISTED("t") "]", rows.data};
        buf_str(&data, "\"data\":{");
        put_order(&data, parts, 4, n / 6, space);
        buf_str(&data, "}");
        const char *const outer[] = {"\"formatName\":\"dexie\"", "\"formatVersion\":1", data.data};
        buf_printf(&all, "%s{", space);
        put_order(&all, outer, 3, n / (6 * 24), space);
        buf_printf(&all, "}%s", space);
        struct feed feed = {.data = all.data, .len = all.len, .step = (size_t)n % 5};
        if (feed_rows(&feed, &out, &error) != 0)
            fail_msg("%s: %s", all.data, error.text);
        assert_string_equal(out.data, "t \"]}\\\"{[\" {\"id\":\"]}\\\"{[\"}\n"
                                      "t 2 {\"id\":2,\"l\":[]}\n");
    }
    buf_release(&rows), buf_release(&data), buf_release(&all), buf_release(&out);
}

/* ---- not an export ---- */

static void cut_off_anywhere(void **state)
{
    (void)state;
    static const char *const files[] = {"dexie-quirks.json", "legacy-v38-odd-compact.json"};
    for (int i = 0; i < 2; i++) {
        struct feed feed = {0};
        struct dexie_file file;
        char *data = feed_load(files[i], &feed.len);
        size_t len = feed.len;
        while (len > 0 && data[len - 1] == '\n')
            len--;
        for (size_t cut = 0; cut < len; cut++) {
            struct raum_error error = {0};
            char *copy = malloc(cut + 1); /* its own block: an over-read is seen */
            memcpy(copy, data, cut);
            feed = (struct feed){.data = copy, .len = cut, .step = cut % 3 ? 0 : 11};
            assert_int_equal(feed_scan(&feed, &file, &error), RAUM_ECORRUPT);
            if (!strstr(error.text, "the file is cut off: it ends at byte"))
                fail_msg("cut at %zu: %s", cut, error.text);
            dexie_release(&file);
            free(copy);
        }
        free(data);
    }
}

static const struct {
    const char *text, *says;
} wrong[] = {
    {"[]", "byte 0: an object was expected"},
    {"\x89PNG\r\n", "byte 0: an object was expected"},
    {"{}", "formatName, formatVersion and data are needed"},
    {"{" FORMAT "}", "formatName, formatVersion and data are needed"},
    {"{\"formatName\":\"taxi\"", "the format is not \"dexie\""},
    {"{\"formatName\":1,", "the format is not \"dexie\""},
    {"{\"formatVersion\":2,", "only version 1 of the format is known"},
    {"{\"formatVersion\":\"1\",", "only version 1 of the format is known"},
    {"{" FORMAT ",\"formatVersion\":1", "a part is there twice"},
    {"{" FORMAT ",\"formatName\":\"dexie\"", "a part is there twice"},
    {"{" FORMAT ",\"data\":[]", "the data must be an object"},
    {"{" FORMAT ",\"data\":{}}", "data needs databaseName"},
    {"{" FORMAT ",\"data\":{\"databaseName\":5,", "databaseName must be a text"},
    {"{" FORMAT ",\"data\":{\"databaseName\":\"a\\u0000\",", "databaseName must be a text"},
    {"{" FORMAT ",\"data\":{\"databaseVersion\":\"5\",", "databaseVersion must be a number"},
    {"{" FORMAT ",\"data\":{\"databaseVersion\":1e999,", "databaseVersion must be a number"},
    {"{" FORMAT ",\"data\":{\"databaseVersion\":1,\"databaseVersion\":1,", "is there twice"},
    {"{" FORMAT ",\"data\":{\"tables\":{}", "the tables must be an array"},
    {"{" FORMAT ",\"data\":{\"data\":{}", "the data must be an array"},
    {"{" FORMAT ",\"data\":{\"tables\":[5,", "a table needs a name"},
    {"{" FORMAT ",\"data\":{\"tables\":[{\"schema\":\"\"},", "a table needs a name"},
    {"{" FORMAT ",\"data\":{\"tables\":[{\"name\":\"a\"},", "a table needs a schema"},
    {"{" FORMAT ",\"data\":{\"tables\":[" LISTED("t") "," LISTED("t"), "listed twice"},
    {HEAD MID ENTRY("t", "") TAIL, "table t has rows but is not listed"},
    {HEAD LISTED("t") MID ENTRY("t", "") "," ENTRY("t", "") TAIL,
     "rows of a table are there twice"},
    {HEAD MID "5", "a table must be an object"},
    {HEAD MID "{\"tableName\":5,", "tableName must be a text"},
    {HEAD MID "{\"tableName\":\"a\",\"tableName\":\"a\",", "a part of a table is there twice"},
    {HEAD MID "{\"inbound\":1,", "inbound must be true or false"},
    {HEAD MID "{\"inbound\":true,\"inbound\":true,", "a part of a table is there twice"},
    {HEAD MID "{\"rows\":{}", "the rows must be an array"},
    {HEAD MID "{\"rows\":[],\"rows\":[]", "a part of a table is there twice"},
    {HEAD MID "{\"rows\":[],\"inbound\":true}", "a table needs tableName, inbound and rows"},
    {HEAD MID "{\"tableName\":\"t\",\"rows\":[]}", "a table needs tableName, inbound and rows"},
    {HEAD MID "{\"tableName\":\"t\",\"inbound\":true}",
     "a table needs tableName, inbound and rows"},
    {FILE_OF("5"), "a row must be an object"},
    {FILE_OF("null"), "a row must be an object"},
    {FILE_OF("[1,2]"), "a row of this table must be an object"},
    {FILE_OF("{\"id\":1}") "x", "nothing may follow the end"},
    {FILE_OF("{\"id\":1}") " {", "nothing may follow the end"},
    {FILE_OF("{\"id\":1},"), "a value was expected"},
    {FILE_OF(",{\"id\":1}"), "a value was expected"},
    {FILE_OF("{\"id\":1} {\"id\":2}"), "a comma or a closing bracket was expected"},
    {FILE_OF("{\"id\":01}"), "a number must not begin with 0"},
    {FILE_OF("{\"id\":1,}"), "a key was expected"},
    {FILE_OF("{\"id\" 1}"), "a colon was expected"},
    {FILE_OF("{\"id\":\"\n\"}"), "a control character in a text"},
    {FILE_OF("{\"id\":\"\\x\"}"), "not an escape of JSON"},
    {FILE_OF("{\"id\":\"\\u12g4\"}"), "not an escape of JSON"},
    {FILE_OF("{\"id\":\"\xC0\x80\"}"), "not valid UTF-8"},
    {"{" FORMAT ",5:1}", "a key was expected"},
    {"{" FORMAT " \"x\":1}", "a comma or a closing bracket was expected"},
    {"{\"a\" 5}", "a colon was expected"},
};

static void wrong_files(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        struct raum_error error = {0};
        struct dexie_file file;
        int rc = scan_text(wrong[i].text, &file, &error);
        if (rc != RAUM_ECORRUPT || !strstr(error.text, wrong[i].says))
            fail_msg("%s\n  gave %d %s\n  wanted %s", wrong[i].text, rc, error.text, wrong[i].says);
        dexie_release(&file);
        /* nobody has to ask why */
        assert_int_equal(scan_text(wrong[i].text, &file, NULL), RAUM_ECORRUPT);
        dexie_release(&file);
    }
}

/* What newer exporters may add is stepped over. */
static void unknown_members(void **state)
{
    (void)state;
    static const char text[] = "{\"x\":[{\"a\":1}],\"a member with quite a long name\":{},"
        FORMAT ",\"data\":{\"y\":null,\"databaseName\":\"d\",\"databaseVersion\":1,\"tables\":["
        "{\"name\":\"t\",\"schema\":\"id\",\"z\":[1]}],\"data\":[{\"w\":\"rows\","
        "\"tableName\":\"t\","
        "\"inbound\":true,\"rows\":[{\"id\":1}],\"v\":{}}]},\"u\":-1.5e+3}";
    struct raum_error error = {0};
    struct feed feed = {.data = text, .len = sizeof text - 1};
    struct buf out;
    buf_init(&out, 1000);
    assert_int_equal(feed_rows(&feed, &out, &error), 0);
    assert_string_equal(buf_text(&out), "t 1 {\"id\":1}\n");
    buf_release(&out);
}

/* The second pass trusts nothing that the first one did not see. */
static void changed_between(void **state)
{
    (void)state;
    static const char before[] = FILE_OF("{\"id\":1},{\"id\":2}");
    static const char *const after[] = {
        FILE_OF("{\"id\":1},{\"id\":"), FILE_OF("{\"id\":1}"), FILE_OF("{\"id\":1},{\"id\":2},{}"),
        FILE_OF("{\"id\":1},5"), FILE_OF("{\"id\":1} {\"id\":2}"), HEAD, "",
        FILE_OF("{\"id\":1},{\"id\"}"),
    };
    for (size_t i = 0; i < sizeof after / sizeof *after; i++) {
        struct raum_error error = {0};
        struct dexie_file file;
        struct buf out;
        buf_init(&out, 1000);
        assert_int_equal(scan_text(before, &file, &error), 0);
        struct feed feed = {.data = after[i], .len = strlen(after[i])};
        assert_int_equal(dexie_rows(&file, feed_read, &feed, feed_each, &out, &error),
                         RAUM_ECORRUPT);
        assert_true(error.text[0]);
        dexie_release(&file);
        buf_release(&out);
    }
}

static int stop_at_two(void *arg, const struct dexie_row *row, struct raum_error *error)
{
    ++*(int *)arg;
    return row->number == 1 ? err_set(error, RAUM_EINTERRUPTED, "enough") : 0;
}

static void errors_of_others(void **state)
{
    (void)state;
    static const char text[] = FILE_OF("{\"id\":1},{\"id\":2},{\"id\":3}");
    struct raum_error error = {0};
    struct dexie_file file;
    int seen = 0;
    struct feed feed = {.data = text, .len = 60, .fail = RAUM_EIO};
    assert_int_equal(feed_scan(&feed, &file, &error), RAUM_EIO);
    dexie_release(&file);
    feed = (struct feed){.data = text, .len = sizeof text - 1};
    assert_int_equal(feed_scan(&feed, &file, &error), 0);
    feed.at = 0;
    assert_int_equal(dexie_rows(&file, feed_read, &feed, stop_at_two, &seen, &error),
                     RAUM_EINTERRUPTED);
    assert_string_equal(error.text, "enough");
    assert_int_equal(seen, 2);
    feed = (struct feed){.data = text, .len = 60, .fail = RAUM_EIO};
    assert_int_equal(dexie_rows(&file, feed_read, &feed, stop_at_two, &seen, &error), RAUM_EIO);
    dexie_release(&file);
}

/* ---- limits ---- */

/* A file with one row {"id":FILL…} whose filling comes from a pattern, made as it is read. */
struct endless {
    const char *head, *pattern, *tail;
    size_t head_len, len, tail_len; /* len: bytes of pattern in all */
    size_t pattern_len, at;
};

static int64_t endless_read(void *ctx, void *buf, size_t n)
{
    struct endless *e = ctx;
    char *out = buf;
    size_t total = e->head_len + e->len + e->tail_len, done = 0;
    while (done < n && e->at < total) {
        size_t in = e->at - e->head_len, from, left;
        const char *piece;
        if (e->at < e->head_len) {
            piece = e->head, from = e->at, left = e->head_len - from;
        } else if (in < e->len) {
            piece = e->pattern, from = in % e->pattern_len, left = e->pattern_len - from;
            left = left < e->len - in ? left : e->len - in;
        } else {
            piece = e->tail, from = in - e->len, left = e->tail_len - from;
        }
        left = left < n - done ? left : n - done;
        memcpy(out + done, piece + from, left);
        done += left;
        e->at += left;
    }
    return (int64_t)done;
}

static struct endless endless_of(const char *head, const char *pattern, size_t len,
                                 const char *tail)
{
    return (struct endless){.head = head, .pattern = pattern, .tail = tail, .len = len,
                            .head_len = strlen(head), .pattern_len = strlen(pattern),
                            .tail_len = strlen(tail)};
}

struct tally {
    uint64_t rows, bytes;
};

static int tally_each(void *arg, const struct dexie_row *row, struct raum_error *error)
{
    struct tally *t = arg;
    (void)error;
    t->rows++;
    t->bytes += row->json_len;
    for (size_t i = 0; i < row->part_count; i++)
        t->bytes += row->parts[i].len;
    return 0;
}

/* Both passes over an endless file; the first error. */
static int run_endless(struct endless e, struct tally *tally, struct raum_error *error)
{
    struct dexie_file file;
    *tally = (struct tally){0};
    int rc = dexie_scan(&file, endless_read, &e, error);
    e.at = 0;
    if (rc == 0)
        rc = dexie_rows(&file, endless_read, &e, tally_each, tally, error);
    dexie_release(&file);
    return rc;
}

#define ROWS_HEAD HEAD LISTED("t") MID "{\"tableName\":\"t\",\"inbound\":true,\"rows\":["
#define ROWS_TAIL "]}" TAIL

static void big_rows(void **state)
{
    (void)state;
    static const char head[] = ROWS_HEAD "{\"id\":\"";
    static const char blob[] = ROWS_HEAD "{\"b\":{\"type\":\"\",\"data\":\"";
    static const char blob_tail[] = "\"},\"$types\":{\"b\":\"blob2\"}}" ROWS_TAIL;
    struct raum_error error = {0};
    struct tally tally;
    size_t fits = DEXIE_ROW_MAX - strlen("{\"id\":\"\"}");
    assert_int_equal(run_endless(endless_of(head, "a", fits, "\"}" ROWS_TAIL), &tally, &error), 0);
    assert_int_equal(tally.bytes, DEXIE_ROW_MAX);
    assert_int_equal(run_endless(endless_of(head, "a", fits + 1, "\"}" ROWS_TAIL), &tally, &error),
                     RAUM_ETOO_LARGE);
    assert_non_null(strstr(error.text, "is larger than 16 MiB"));
    assert_int_equal(run_endless(endless_of(head, "a", 3 * fits, "\"}" ROWS_TAIL), &tally, &error),
                     RAUM_ETOO_LARGE);
    assert_non_null(strstr(error.text, "is larger than 16 MiB"));
    assert_int_equal(tally.rows, 0);
    size_t base64 = (fits - 100) / 4 * 4;
    peak = live;
    size_t before = live;
    assert_int_equal(run_endless(endless_of(blob, "AAEC", base64, blob_tail), &tally, &error), 0);
    assert_int_equal(tally.bytes, base64 / 4 * 3 + strlen("{\"b\":{\"$raum\":\"blob\","
                                                          "\"type\":\"\",\"part\":0}}"));
    assert_true(peak - before < 40u << 20);
}

static void many_values(void **state)
{
    (void)state;
    static const char head[] = ROWS_HEAD "{\"id\":[0";
    struct raum_error error = {0};
    struct tally tally;
    size_t count = DEXIE_VALUES_MAX - 4; /* the row, "id", the array, the first 0 */
    size_t before = live;
    peak = live;
    assert_int_equal(run_endless(endless_of(head, ",0", 2 * count, "]}" ROWS_TAIL), &tally, &error),
                     0);
    assert_int_equal(tally.rows, 1);
    assert_true(peak - before < 30u << 20);
    assert_int_equal(run_endless(endless_of(head, ",0", 2 * count + 2, "]}" ROWS_TAIL), &tally,
                                 &error),
                     RAUM_ETOO_LARGE);
}

static void deep_rows(void **state)
{
    (void)state;
    for (int depth = 1; depth < 80; depth++) {
        struct raum_error error = {0};
        struct buf text, out;
        buf_init(&text, 10000), buf_init(&out, 10000);
        buf_str(&text, ROWS_HEAD "{\"x\":");
        for (int i = 1; i < depth; i++)
            buf_str(&text, i % 2 ? "[" : "{\"$raum\":");
        buf_str(&text, "0");
        for (int i = depth - 1; i > 0; i--)
            buf_str(&text, i % 2 ? "]" : "}");
        buf_str(&text, "}" ROWS_TAIL);
        struct feed feed = {.data = text.data, .len = text.len};
        int rc = feed_rows(&feed, &out, &error);
        assert_int_equal(rc, depth <= DEXIE_DEPTH_MAX + 1 ? 0 : RAUM_ECORRUPT);
        assert_true(rc == 0 || strstr(error.text, "nested too deeply"));
        buf_release(&text), buf_release(&out);
    }
}

static void many_tables(void **state)
{
    (void)state;
    for (unsigned count = DEXIE_TABLES_MAX - 1; count <= DEXIE_TABLES_MAX + 1; count++) {
        struct raum_error error = {0};
        struct dexie_file file;
        struct buf text;
        buf_init(&text, 1u << 20);
        buf_str(&text, HEAD);
        for (unsigned i = 0; i < count; i++)
            buf_printf(&text, "%s{\"name\":\"t%u\",\"schema\":\"id\"}", i ? "," : "", i);
        buf_str(&text, MID TAIL);
        struct feed feed = {.data = text.data, .len = text.len};
        assert_int_equal(feed_scan(&feed, &file, &error),
                         count <= DEXIE_TABLES_MAX ? 0 : RAUM_ETOO_LARGE);
        dexie_release(&file);
        buf_release(&text);
    }
}

static void many_owners(void **state)
{
    (void)state;
    struct raum_error error = {0};
    struct dexie_file file;
    struct buf text;
    buf_init(&text, 1u << 20);
    buf_str(&text, ROWS_HEAD);
    for (unsigned i = 0; i < 2 * DEXIE_OWNERS_MAX + 10; i++)
        buf_printf(&text, "%s{\"userId\":\"u%u\"}", i ? "," : "", i % (DEXIE_OWNERS_MAX + 5));
    buf_str(&text, ROWS_TAIL);
    struct feed feed = {.data = text.data, .len = text.len};
    assert_int_equal(feed_scan(&feed, &file, &error), 0);
    assert_int_equal(file.owner_count, DEXIE_OWNERS_MAX);
    assert_int_equal(file.other_owners, 10);
    for (size_t i = 0; i < file.owner_count; i++)
        assert_int_equal(file.owners[i].rows, 2);
    dexie_release(&file);
    buf_release(&text);
}

static void long_names(void **state)
{
    (void)state;
    char name[1200], text[3000];
    for (size_t len = 997; len < 1001; len++) {
        struct raum_error error = {0};
        struct dexie_file file;
        memset(name, 'n', len);
        name[len] = '\0';
        snprintf(text, sizeof text, HEAD "{\"name\":\"%s\",\"schema\":\"id\"}" MID TAIL, name);
        int rc = scan_text(text, &file, &error);
        assert_int_equal(rc, len + 2 <= DEXIE_NAME_MAX ? 0 : RAUM_ECORRUPT);
        dexie_release(&file);
    }
}

/* A million rows, a quarter of a gigabyte, in the memory of one window. */
static void endless_file(void **state)
{
    (void)state;
    static const char row[] =
        ",{\"id\":\"0123456789\",\"userId\":\"user_01\",\"kind\":\"face\",\"label\":\"Bild\","
        "\"width\":1024,\"tags\":[\"a\",\"b\"],\"usage\":{\"aiReference\":true},"
        "\"createdAt\":\"2026-04-01T00:00:00.000Z\",\"note\":\"zwölf Boxkämpfer jagen Viktor quer "
        "über den großen Sylter Deich\",\"$types\":{\"tags\":\"arrayNonindexKeys\"}}";
    const size_t cut = strlen(",\"$types\":{\"tags\":\"arrayNonindexKeys\"}");
    struct raum_error error = {0};
    struct tally tally;
    size_t before = live;
    peak = live;
    struct endless e = endless_of(ROWS_HEAD "{}", row, 1000000 * (sizeof row - 1), ROWS_TAIL);
    assert_int_equal(run_endless(e, &tally, &error), 0);
    assert_int_equal(tally.rows, 1000001);
    assert_int_equal(tally.bytes, 2 + 1000000 * (sizeof row - 2 - cut));
    assert_true(peak - before < 1u << 20);
    assert_int_equal(live, before);
}

/* The shape of a real export of 5,000 pictures, a member here and there missing or odd. */
static void five_thousand(void **state)
{
    (void)state;
    struct raum_error error = {0};
    struct dexie_file file;
    struct buf text;
    struct tally tally = {0};
    buf_init(&text, 8u << 20);
    buf_str(&text, ROWS_HEAD);
    for (int i = 0; i < 5000; i++) {
        buf_printf(&text, "%s{\"id\":\"img-%05d\"", i ? "," : "", i);
        if (i % 500 != 13)
            buf_str(&text, ",\"userId\":\"user_01\"");
        if (i % 1000 == 17)
            buf_str(&text, ",\"thumb\":{\"type\":\"image/png\",\"data\":\"AAEC\"}");
        buf_printf(&text, ",\"tags\":[],\"createdAt\":%s",
                   i % 1000 == 19 ? "1775001600000" : "\"x\"");
        buf_printf(&text, ",\"$types\":{\"tags\":\"arrayNonindexKeys\"%s%s}}",
                   i % 1000 == 17 ? ",\"thumb\":\"blob2\"" : "",
                   i % 1000 == 19 ? ",\"createdAt\":\"date\"" : "");
    }
    buf_str(&text, ROWS_TAIL);
    struct feed feed = {.data = text.data, .len = text.len, .step = 1000};
    assert_int_equal(feed_scan(&feed, &file, &error), 0);
    assert_int_equal(file.rows, 5000);
    check_owner(&file, 0, "user_01", 4990, 0);
    feed.at = 0;
    assert_int_equal(dexie_rows(&file, feed_read, &feed, tally_each, &tally, &error), 0);
    assert_int_equal(tally.rows, 5000);
    dexie_release(&file);
    buf_release(&text);
}

/* Each allocation in turn fails: the rows are as they should be, or there is an error. */
static void torture(void **state)
{
    (void)state;
    struct feed feed = {0};
    struct buf out;
    char *data = feed_load("dexie-quirks.json", &feed.len);
    feed.data = data;
    char *whole = NULL;
    for (long n = 0; n < 10000; n++) {
        struct raum_error error = {0};
        static char room[1u << 20];
        buf_init(&out, 100000);
        buf_add(&out, room, 60000); /* so that the lines need no memory of their own */
        buf_reset(&out);
        size_t before = live;
        fail_from = n == 0 ? -1 : n;
        int rc = feed_rows(&feed, &out, &error);
        bool failed = fail_from == 0;
        fail_from = -1;
        assert_int_equal(live, before);
        if (n == 0) {
            assert_int_equal(rc, 0);
            whole = strdup(out.data);
        } else if (rc == 0) {
            assert_string_equal(out.data, whole);
        } else {
            assert_true(failed);
            assert_true(rc == RAUM_ENOMEM || rc == RAUM_ETOO_LARGE || rc == RAUM_ECORRUPT);
            assert_true(error.text[0]);
        }
        buf_release(&out);
        if (n && !failed)
            break;
        assert_true(n < 9999);
    }
    free(whole);
    free(data);
}

/* ---- the strict check against the parser ---- */

static uint64_t seed = 0x9E3779B97F4A7C15u;

static uint32_t next_random(uint32_t below)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return (uint32_t)((seed >> 32) % below);
}

/* Both must say the same of any bytes; keys that stand twice are the parser's matter alone. */
static void check_agrees(void **state)
{
    (void)state;
    static const char *const samples[] = {
        "{\"a\":[1,-2.5e+3,0,true,false,null,\"x\\u00e9\\ud83d\\ude42\\\"\"],\"b\":{}}",
        "[\"\xC3\xA4\xE2\x82\xAC\xF0\x9F\x99\x82\",{\"k\":[[]]},0.1,1E9,-0]",
        "{\"\\\\\":\"\\n\\/\",\"long text without anything special in it\":\"another one\"}",
        "[\xED\x9F\xBF\"\xEF\xBF\xBF\xF4\x8F\xBF\xBF\xEE\x80\x80\xE0\xA0\x80\xF0\x90\x80\x80\"]",
    };
    static const char bytes[] = "{}[]\",:\\0123456789-+.eEtrufalsn u\n\xC0\xC2\xE0\xED\xF0\xF4\x80"
                                "\x9F\xA0\xBF\xFF\x01";
    int good = 0, bad = 0;
    for (int n = 0; n < 100000; n++) {
        char text[128 + DEXIE_PAD] = {0};
        size_t len = strlen(samples[n % 4]);
        memcpy(text, samples[n % 4], len);
        for (uint32_t k = next_random(4); k > 0; k--)
            text[next_random((uint32_t)len)] = bytes[next_random(sizeof bytes - 1)];
        struct json_doc doc;
        struct dexie_check check;
        struct raum_error error = {0};
        json_init(&doc);
        text[len] = ' ';
        int parsed = json_parse(&doc, text, len + 1, JSON_LONE, &error);
        int checked = dexie_check_value(&check, text, len + 1);
        if (checked == 0 && strspn(check.at, " \n") != (size_t)(text + len + 1 - check.at))
            checked = RAUM_ECORRUPT; /* something follows */
        if ((parsed == 0) != (checked == 0) && !strstr(error.text, "there twice"))
            fail_msg("%s: parser %d %s, check %d %s", text, parsed, error.text, checked,
                     check.what ? check.what : "");
        good += checked == 0;
        bad += checked != 0;
        json_release(&doc);
    }
    assert_true(good > 5000 && bad > 5000);
}

/* A check that takes everything for JSON would not get past check_agrees: the planted bug. */
static void check_fires(void **state)
{
    (void)state;
    static const char text[] = "{\"a\":01}\0\0\0\0\0\0\0";
    struct dexie_check check;
    assert_int_equal(dexie_check_value(&check, text, 8), RAUM_ECORRUPT);
    assert_int_equal(check.at - text, 6);
    assert_int_equal(dexie_check_value(&check, "{\"a\":1\0\0\0\0\0\0\0\0", 6), DEXIE_MORE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(contents),         cmocka_unit_test(owners),
        cmocka_unit_test(tables),           cmocka_unit_test(any_order),
        cmocka_unit_test(cut_off_anywhere), cmocka_unit_test(wrong_files),
        cmocka_unit_test(unknown_members),  cmocka_unit_test(changed_between),
        cmocka_unit_test(errors_of_others), cmocka_unit_test(big_rows),
        cmocka_unit_test(many_values),      cmocka_unit_test(deep_rows),
        cmocka_unit_test(many_tables),      cmocka_unit_test(many_owners),
        cmocka_unit_test(long_names),       cmocka_unit_test(endless_file),
        cmocka_unit_test(five_thousand),    cmocka_unit_test(torture),
        cmocka_unit_test(check_agrees),     cmocka_unit_test(check_fires),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
