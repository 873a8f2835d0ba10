/* The reader against a corpus of files and against another reader, jansson. Both must take the same
 * documents and see the same values. Where they differ by design it is said in `agree`, nowhere
 * else. In the corpus y_ is taken, n_ refused; i_ the RFC leaves open: i_lone_ is taken only with
 * JSON_LONE, the others always. */
#define _POSIX_C_SOURCE 200809L
#include "base/check.h"
#include "base/json.h"
#include "base/other_json.h"

#include <ctype.h>
#include <dirent.h>

static struct json_doc doc;
static struct arena arena;
static struct buf ours, theirs;

static int set_up(void **state)
{
    (void)state;
    json_init(&doc);
    arena_init(&arena, 1 << 26);
    buf_init(&ours, 1 << 26);
    buf_init(&theirs, 1 << 26);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    json_release(&doc);
    arena_release(&arena);
    buf_release(&ours);
    buf_release(&theirs);
    return 0;
}

/* ---- our side of the comparison ---- */

static bool too_large; /* a number that jansson cannot hold has been seen */
static bool nul_key;

static void put(struct json_value v);

static bool is_real(const char *number, size_t len)
{
    return memchr(number, '.', len) || memchr(number, 'e', len) || memchr(number, 'E', len);
}

static void put_number(struct json_value v)
{
    int64_t integer;
    double real;
    size_t len;
    const char *raw = json_raw(v, &len);
    if (json_int(v, &integer))
        other_put_integer(&ours, integer);
    else if (is_real(raw, len) && json_double(v, &real))
        other_put_real(&ours, real);
    else
        too_large = true;
}

static void put_text(char kind, struct json_value v)
{
    const char *text;
    size_t len;
    assert_true(json_text(v, &arena, &text, &len));
    nul_key |= kind == 'k' && len && memchr(text, '\0', len);
    other_put_text(&ours, kind, text, len);
}

static void put_children(struct json_value v)
{
    bool object = json_is(v, JSON_OBJECT);
    buf_char(&ours, object ? '{' : '[');
    for (struct json_value child = json_first(v); child.doc; child = json_next(v, child)) {
        if (object)
            put_text('k', json_key(child));
        put(child);
    }
    buf_char(&ours, object ? '}' : ']');
}

static void put(struct json_value v)
{
    switch (json_type(v)) {
    case JSON_NONE:
        fail();
        break;
    case JSON_NULL:
        buf_char(&ours, 'n');
        break;
    case JSON_FALSE:
        buf_char(&ours, 'f');
        break;
    case JSON_TRUE:
        buf_char(&ours, 't');
        break;
    case JSON_NUMBER:
        put_number(v);
        break;
    case JSON_STRING:
        put_text('s', v);
        break;
    case JSON_ARRAY:
    case JSON_OBJECT:
        put_children(v);
        break;
    }
}

static bool nul_behind_token(const char *text, size_t len)
{
    for (size_t i = 1; i < len; i++)
        if (text[i] == '\0' && isalnum((unsigned char)text[i - 1]))
            return true;
    return false;
}

/* Whether both readers say the same of two texts, which but for the planted fault are one. */
static bool agree(const char *a, size_t a_len, const char *b, size_t b_len)
{
    struct raum_error error;
    arena_reset(&arena);
    buf_reset(&ours);
    buf_reset(&theirs);
    too_large = nul_key = false;
    int rc = json_parse(&doc, a, a_len, 0, &error);
    if (rc == 0)
        put(json_root(&doc));
    switch (other_read(b, b_len, &theirs)) {
    case OTHER_TAKES: /* jansson goes deeper, and loses a NUL byte behind a number or word */
        if (rc != 0)
            return strstr(error.text, "nested too deeply") || nul_behind_token(b, b_len);
        return ours.len == theirs.len && memcmp(ours.data, theirs.data, ours.len) == 0;
    case OTHER_REFUSES:
        return rc != 0;
    case OTHER_NUMBER: /* jansson holds integers of 64 bits and finite doubles only */
        return rc != 0 || too_large;
    case OTHER_NUL_KEY: /* jansson's keys end at the first NUL */
        return rc != 0 || nul_key;
    case OTHER_DEEP:
        return rc != 0;
    }
    return false;
}

static void check_agree(const char *text, size_t len)
{
    char *exact = malloc(len + 1); /* a look beyond the end is seen */
    memcpy(exact, text, len);
    char *shrunk = realloc(exact, len ? len : 1);
    if (!agree(shrunk, len, shrunk, len))
        fail_msg("the readers differ on %zu bytes: %.*s", len, (int)len, shrunk);
    free(shrunk);
}

/* ---- the corpus ---- */

struct sample {
    char name[200];
    char *text;
    size_t len;
};

static struct sample samples[600];
static size_t sample_count;

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct sample *)a)->name, ((const struct sample *)b)->name);
}

static int read_corpus(void **state)
{
    char path[4096];
    const char *data = getenv("RAUM_TEST_DATA");
    snprintf(path, sizeof path, "%s/json", data ? data : "tests/data");
    DIR *folder = opendir(path);
    if (!folder)
        return -1;
    for (struct dirent *entry; (entry = readdir(folder));) {
        if (!strstr(entry->d_name, ".json"))
            continue;
        struct sample *s = &samples[sample_count++];
        assert_true(sample_count < sizeof samples / sizeof samples[0]);
        snprintf(s->name, sizeof s->name, "%.190s", entry->d_name);
        snprintf(path, sizeof path, "%s/json/%s", data ? data : "tests/data", s->name);
        FILE *file = fopen(path, "rb");
        assert_non_null(file);
        s->text = malloc(1 << 20);
        s->len = fread(s->text, 1, 1 << 20, file);
        fclose(file);
    }
    closedir(folder);
    qsort(samples, sample_count, sizeof samples[0], by_name); /* one order, one run of chance */
    return set_up(state);
}

static int drop_corpus(void **state)
{
    while (sample_count)
        free(samples[--sample_count].text);
    return tear_down(state);
}

static bool begins(const char *text, const char *with)
{
    return strncmp(text, with, strlen(with)) == 0;
}

static void test_corpus(void **state)
{
    (void)state;
    int taken = 0, refused = 0;
    for (size_t i = 0; i < sample_count; i++) {
        const struct sample *s = &samples[i];
        bool lone = begins(s->name, "i_lone_"), two_keys = begins(s->name, "i_lone_halves_as_two");
        bool expected = s->name[0] != 'n' && !lone;
        struct raum_error error = {0};
        int rc = json_parse(&doc, s->text, s->len, 0, &error);
        if ((rc == 0) != expected)
            fail_msg("%s: %s", s->name, rc ? error.text : "taken");
        assert_true(rc == 0 || rc == RAUM_EBAD_JSON);
        taken += rc == 0;
        refused += rc != 0;
        rc = json_parse(&doc, s->text, s->len, JSON_LONE, &error);
        if ((rc == 0) != (expected || (lone && !two_keys)))
            fail_msg("%s with JSON_LONE: %s", s->name, rc ? error.text : "taken");
    }
    assert_true(taken >= 60 && refused >= 120);
}

static void test_corpus_like_the_other_reader(void **state)
{
    (void)state;
    for (size_t i = 0; i < sample_count; i++)
        check_agree(samples[i].text, samples[i].len);
}

static void test_a_fault_would_be_seen(void **state)
{
    (void)state;
    static const char *const pairs[][2] = {
        {"[1,2]", "[1,3]"}, {"{\"a\":1}", "{\"b\":1}"},
        {"[1]", "[1.0]"},   {"\"a\"", "\"a\\u0000\""},
        {"[1]", "[1"},      {"[1", "[1]"},
        {"[[]]", "[]"},     {"true", "false"},
        {"1", "1e999"},     {"{\"a\":1}", "{\"\\u0000\":1}"},
    };
    for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++) {
        const char *a = pairs[i][0], *b = pairs[i][1];
        assert_true(agree(a, strlen(a), a, strlen(a)));
        if (agree(a, strlen(a), b, strlen(b)))
            fail_msg("no difference seen between %s and %s", a, b);
    }
}

/* ---- generated documents ---- */

static void any_blank(struct buf *b)
{
    while (check_below(6) == 0)
        buf_char(b, " \t\r\n"[check_below(4)]);
}

static void any_text(struct buf *b, int most)
{
    static const char *const parts[] = {
        "a",
        "bc",
        "key",
        "\\n",
        "\\\"",
        "\\\\",
        "\\/",
        "\\u0041",
        "\\u00e9",
        "\\u20AC",
        "\\ud83d\\ude00",
        "\xC3\xA9",
        "\xE2\x82\xAC",
        "\xF0\x9F\x98\x80",
        " ",
        "0123456789abcdef",
        "\x7F",
        "/",
        "\\t",
        "\\u001f",
        "\\uffff",
        "\\u0000",
    };
    buf_char(b, '"');
    for (int i = (int)check_below((uint32_t)most); i > 0; i--)
        buf_str(b, parts[check_below(sizeof parts / sizeof parts[0] - (check_below(20) != 0))]);
    buf_char(b, '"');
}

static void any_number(struct buf *b)
{
    if (check_below(3) == 0)
        buf_char(b, '-');
    if (check_below(5) == 0)
        buf_char(b, '0');
    else
        buf_printf(b, "%llu", (unsigned long long)((check_random() >> check_below(63)) | 1));
    if (check_below(3) == 0)
        buf_printf(b, ".%0*u", (int)check_below(12) + 1, check_below(100000));
    if (check_below(4) == 0)
        buf_printf(
            b, "%c%s%u", "eE" [check_below(2)], (const char *[]) { "", "+", "-" }[check_below(3)],
            check_below(check_below(8) ? 30 : 400));
}

static void any_value(struct buf *b, int depth);

static void any_children(struct buf *b, int depth, bool object)
{
    uint32_t count = check_below(depth > 4 ? 3 : 7);
    if (check_below(60) == 0)
        count = 20 + check_below(20); /* about where keys are no more compared one by one */
    buf_char(b, object ? '{' : '[');
    for (uint32_t i = 0; i < count; i++) {
        if (i)
            buf_char(b, ',');
        any_blank(b);
        if (object && check_below(3))
            buf_printf(b, "\"k%u\"", check_below(10) ? i : check_below(count));
        else if (object)
            any_text(b, 5);
        any_blank(b);
        if (object)
            buf_char(b, ':');
        any_value(b, depth + 1);
    }
    any_blank(b);
    buf_char(b, object ? '}' : ']');
}

static void any_value(struct buf *b, int depth)
{
    any_blank(b);
    uint32_t kind = check_below(depth == 0 ? 2 : depth < 8 ? 9 : 7);
    if (depth == 0 || kind >= 7)
        any_children(b, depth, kind % 2);
    else if (kind < 3)
        buf_str(b, (const char *[]){"null", "true", "false"}[kind]);
    else if (kind < 5)
        any_number(b);
    else
        any_text(b, 8);
    any_blank(b);
}

/* Changes a byte, cuts, doubles, swaps or drops a piece. */
static void mutate(struct buf *b)
{
    static const char likely[] = "{}[]\",:\\0123456789-+.eEtrufalsn \n\t\x01\x7F\x80\xC3\xED\xF4";
    for (uint32_t n = 1 + check_below(3); n > 0 && b->len > 0; n--) {
        size_t at = check_below((uint32_t)b->len), rest = b->len - at;
        size_t len = 1 + check_below((uint32_t)(rest < 20 ? rest : 20));
        switch (check_below(5)) {
        case 0:
            b->data[at] = likely[check_below(sizeof likely)];
            break;
        case 1:
            b->data[at] = (char)check_random();
            break;
        case 2:
            b->len = at;
            break;
        case 3: /* drop */
            if (len > rest)
                len = rest;
            memmove(b->data + at, b->data + at + len, rest - len);
            b->len -= len;
            break;
        default: /* double */
            if (len > rest)
                len = rest;
            if (buf_room(b, len)) {
                memmove(b->data + at + len, b->data + at, rest);
                b->len += len;
            }
            break;
        }
    }
}

static void test_generated_and_mutated(void **state)
{
    (void)state;
    struct buf text;
    int taken = 0, refused = 0;
    buf_init(&text, 1 << 20);
    check_seed(31);
    for (int i = 0; i < 8000; i++) {
        buf_reset(&text);
        any_value(&text, 0);
        for (int round = 0; round < 4; round++) {
            check_agree(text.data, text.len);
            *(json_root(&doc).doc ? &taken : &refused) += 1;
            mutate(&text);
        }
    }
    assert_true(taken > 5000 && refused > 5000); /* else the generator tells nothing */
    buf_release(&text);
}

static void test_mutated_corpus(void **state)
{
    (void)state;
    struct buf text;
    buf_init(&text, 1 << 20);
    check_seed(32);
    for (size_t i = 0; i < sample_count; i++)
        for (int round = 0; round < 60 && samples[i].len < 2000; round++) {
            buf_reset(&text);
            buf_add(&text, samples[i].text, samples[i].len);
            mutate(&text);
            check_agree(buf_text(&text), text.len);
        }
    buf_release(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_corpus),
        cmocka_unit_test(test_corpus_like_the_other_reader),
        cmocka_unit_test(test_a_fault_would_be_seen),
        cmocka_unit_test(test_generated_and_mutated),
        cmocka_unit_test(test_mutated_corpus),
    };
    return cmocka_run_group_tests(tests, read_corpus, drop_corpus);
}
