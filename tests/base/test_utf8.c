#include "base/check.h"
#include "base/utf8.h"

/* RFC 3629's table, read another way than the code does: by ranges of the second byte. */
static size_t size_by_table(const unsigned char *s, size_t len)
{
    static const struct {
        unsigned char first, last, from, to;
        size_t size;
    } rows[] = {
        {0xC2, 0xDF, 0x80, 0xBF, 2}, {0xE0, 0xE0, 0xA0, 0xBF, 3}, {0xE1, 0xEC, 0x80, 0xBF, 3},
        {0xED, 0xED, 0x80, 0x9F, 3}, {0xEE, 0xEF, 0x80, 0xBF, 3}, {0xF0, 0xF0, 0x90, 0xBF, 4},
        {0xF1, 0xF3, 0x80, 0xBF, 4}, {0xF4, 0xF4, 0x80, 0x8F, 4},
    };
    if (len && s[0] < 0x80)
        return 1;
    for (size_t i = 0; len && i < sizeof rows / sizeof rows[0]; i++) {
        if (s[0] < rows[i].first || s[0] > rows[i].last)
            continue;
        if (len < rows[i].size || s[1] < rows[i].from || s[1] > rows[i].to)
            return 0;
        for (size_t k = 2; k < rows[i].size; k++)
            if (s[k] < 0x80 || s[k] > 0xBF)
                return 0;
        return rows[i].size;
    }
    return 0;
}

static void test_every_code_point_both_ways(void **state)
{
    (void)state;
    for (uint32_t code = 0; code < 0x110000; code++) {
        char text[4];
        uint32_t again = 0;
        size_t size = utf8_put(text, code);
        uint32_t expected = code >= 0xD800 && code <= 0xDFFF ? 0xFFFD : code;
        assert_int_equal(utf8_get(text, size, &again), size);
        assert_int_equal(again, expected);
        assert_int_equal(size_by_table((unsigned char *)text, size), size);
        assert_int_equal(utf8_get(text, size - 1, &again), 0); /* cut short */
        assert_true(utf8_valid(text, size));
        assert_false(size > 1 && utf8_valid(text, size - 1));
        assert_int_equal(utf8_count(text, size), 1);
    }
    char text[4];
    assert_int_equal(utf8_put(text, 0x110000), 3);
    assert_memory_equal(text, "\xEF\xBF\xBD", 3);
    assert_int_equal(utf8_put(text, UINT32_MAX), 3);
}

static void test_all_starts_of_four_bytes(void **state)
{
    (void)state;
    /* Every first and second byte, and the edges of the third and fourth. */
    static const unsigned char edges[] = {0x00, 0x7F, 0x80, 0xBF, 0xC0, 0xFF};
    for (unsigned first = 0; first < 256; first++)
        for (unsigned second = 0; second < 256; second++)
            for (size_t k = 0; k < 36; k++) {
                unsigned char s[4] = {(unsigned char)first, (unsigned char)second, edges[k / 6],
                                      edges[k % 6]};
                uint32_t code;
                for (size_t len = 0; len <= 4; len++)
                    assert_int_equal(utf8_get((char *)s, len, &code), size_by_table(s, len));
            }
}

static void test_valid_at_every_offset(void **state)
{
    (void)state;
    char text[40];
    for (size_t at = 0; at < 30; at++) {
        memset(text, 'a', sizeof text);
        memcpy(text + at, "\xE2\x82\xAC", 3);
        assert_true(utf8_valid(text, sizeof text));
        assert_true(utf8_valid(text, at + 3));
        assert_false(utf8_valid(text, at + 2));
        text[at] = '\xFF';
        assert_false(utf8_valid(text, sizeof text));
    }
    assert_true(utf8_valid("", 0));
    assert_true(utf8_valid("\0", 1));
}

static void test_cut(void **state)
{
    (void)state;
    const char *text = "a\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80z"; /* 1 2 3 4 1 */
    static const size_t expected[] = {0, 1, 1, 3, 3, 3, 6, 6, 6, 6, 10, 11, 11};
    for (size_t max = 0; max < 13; max++)
        assert_int_equal(utf8_cut(text, 11, max), expected[max]);
    assert_int_equal(utf8_cut("\x80\x80", 2, 1), 0); /* not valid: still inside */
    assert_int_equal(utf8_count(text, 11), 5);
}

static void test_width(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        size_t width;
    } rows[] = {
        {"", 0},
        {"abc", 3},
        {"K\xC3\xBCste", 5},
        {"e\xCC\x81", 1},                        /* e and a combining accent */
        {"\xE6\x97\xA5\xE6\x9C\xAC", 4},         /* two ideographs */
        {"\xED\x95\x9C", 2},                     /* Hangul */
        {"\xEF\xBC\xA1", 2},                     /* full-width A */
        {"\xEF\xBD\xB1", 1},                     /* half-width katakana */
        {"\xF0\x9F\x98\x80", 2},                 /* a face */
        {"\xF0\x9F\x91\x8D\xF0\x9F\x8F\xBD", 2}, /* thumb and skin tone */
        {"\xE2\x9D\xA4\xEF\xB8\x8F", 1},         /* heart and variation selector */
        {"\xE2\x80\x8B", 0},                     /* zero-width space */
        {"\xE2\x82\xAC", 1},                     /* euro */
        {"\xE3\x82\xAB\xE3\x82\x99", 2},         /* ka and its voicing mark */
        {"\xFF"
         "a",
         2}, /* invalid: one each */
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        assert_int_equal(utf8_width(rows[i].text, strlen(rows[i].text)), rows[i].width);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_code_point_both_ways),
        cmocka_unit_test(test_all_starts_of_four_bytes),
        cmocka_unit_test(test_valid_at_every_offset),
        cmocka_unit_test(test_cut),
        cmocka_unit_test(test_width),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
