#include "base/alloc.h"
#include "base/buf.h"
#include "base/check.h"

static void test_appends(void **state)
{
    (void)state;
    struct buf b;
    struct raum_error error;
    buf_init(&b, 1000);
    assert_string_equal(buf_text(&b), "");
    buf_str(&b, "one");
    buf_char(&b, ' ');
    buf_add(&b, "two\0", 4);
    buf_add(&b, NULL, 0);
    buf_printf(&b, "%d", 3);
    assert_int_equal(b.len, 9);
    assert_memory_equal(buf_text(&b),
                        "one two\0"
                        "3",
                        10);
    assert_int_equal(buf_error(&b, &error), 0);
    buf_reset(&b);
    assert_string_equal(buf_text(&b), "");
    assert_int_equal(b.len, 0);
    buf_release(&b);
    buf_release(&b);
    buf_release(NULL);
}

static void test_error_sticks(void **state)
{
    (void)state;
    struct buf b;
    struct raum_error error;
    buf_init(&b, 5);
    buf_str(&b, "abcd");
    buf_str(&b, "ef");
    buf_char(&b, 'g'); /* would fit, but comes behind a refused one */
    buf_printf(&b, "h");
    assert_null(buf_room(&b, 0));
    assert_string_equal(buf_text(&b), "abcd");
    assert_int_equal(buf_error(&b, &error), RAUM_ETOO_LARGE);
    assert_int_equal(error.code, RAUM_ETOO_LARGE);
    assert_int_equal(buf_error(&b, NULL), RAUM_ETOO_LARGE);
    buf_reset(&b);
    buf_str(&b, "abcde"); /* exactly the maximum */
    assert_int_equal(buf_error(&b, NULL), 0);
    assert_string_equal(buf_text(&b), "abcde");
    buf_release(&b);
}

static void test_room(void **state)
{
    (void)state;
    struct buf b;
    buf_init(&b, SIZE_MAX);
    assert_null(buf_room(&b, SIZE_MAX));
    assert_int_equal(buf_error(&b, NULL), RAUM_ETOO_LARGE);
    buf_reset(&b);
    char *room = buf_room(&b, 100);
    assert_non_null(room);
    assert_string_equal(buf_text(&b), ""); /* nothing counted yet */
    memset(room, 'x', 100);
    b.len += 100;
    assert_int_equal(strlen(buf_text(&b)), 100);
    for (int i = 0; i < 5000; i++)
        buf_char(&b, 'y');
    assert_int_equal(strlen(buf_text(&b)), 5100);
    buf_release(&b);
}

static void test_detach(void **state)
{
    (void)state;
    struct buf b;
    size_t len = 9;
    buf_init(&b, 10);
    char *text = buf_detach(&b, &len);
    assert_string_equal(text, "");
    assert_int_equal(len, 0);
    free(text);
    buf_str(&b, "gone");
    text = buf_detach(&b, NULL);
    assert_string_equal(text, "gone");
    assert_int_equal(b.len, 0);
    assert_int_equal(b.max, 10);
    free(text);
    buf_str(&b, "longer than ten");
    assert_null(buf_detach(&b, &len));
    buf_release(&b);
}

static void test_without_memory(void **state)
{
    (void)state;
    for (long n = 0; n < 5; n++) {
        struct buf b;
        char expected[2000];
        buf_init(&b, 100000);
        alloc_fail_from(n);
        for (int i = 0; i < 300; i++)
            buf_str(&b, "abc");
        alloc_fail_from(-1);
        assert_int_equal(buf_error(&b, NULL), RAUM_ENOMEM);
        assert_int_equal(b.len % 3, 0); /* a refused append leaves nothing behind */
        for (size_t i = 0; i < b.len; i++)
            expected[i] = "abc"[i % 3];
        assert_memory_equal(buf_text(&b), expected, b.len);
        assert_int_equal(strlen(buf_text(&b)), b.len);
        buf_release(&b);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_appends),        cmocka_unit_test(test_error_sticks),
        cmocka_unit_test(test_room),           cmocka_unit_test(test_detach),
        cmocka_unit_test(test_without_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
