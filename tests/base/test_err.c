#include "base/check.h"
#include "base/err.h"

static void test_codes_are_frozen_and_named(void **state)
{
    (void)state;
    static const int codes[] = {
#define CODE(name, number, status, text) number,
        RAUM_ERRORS(CODE)
#undef CODE
    };
    for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++) {
        assert_true(codes[i] < 0);
        assert_int_equal(err_code(raum_code_name(codes[i])), codes[i]);
        assert_true(raum_code_text(codes[i])[0] != '\0');
        assert_in_range(raum_code_exit(codes[i]), 1, 6);
        for (size_t k = 0; k < i; k++)
            assert_int_not_equal(codes[i], codes[k]);
    }
    /* They cross the library's boundary: these may never change. */
    assert_int_equal(RAUM_EINTERNAL, -1);
    assert_int_equal(RAUM_EBAD_JSON, -9);
    assert_int_equal(RAUM_ENOT_FOUND, -34);
    assert_int_equal(RAUM_ECLOCK_AHEAD, -43);
    assert_int_equal(RAUM_ENOT_CONFIGURED, -49);
}

static void test_unknown_codes(void **state)
{
    (void)state;
    assert_string_equal(raum_code_name(-9999), "INTERNAL");
    assert_string_equal(raum_code_name(0), "OK");
    assert_string_equal(raum_code_name(RAUM_END), "OK");
    assert_int_equal(raum_code_exit(-9999), 1);
    assert_int_equal(raum_code_exit(0), 0);
    assert_int_equal(err_code("NO_SUCH_NAME"), RAUM_EINTERNAL);
}

static void test_setting(void **state)
{
    (void)state;
    struct raum_error error;
    assert_int_equal(err_set(&error, RAUM_EBUSY, NULL), RAUM_EBUSY);
    assert_string_equal(error.text, raum_code_text(RAUM_EBUSY));
    assert_null(error.origin);
    assert_int_equal(err_at(&error, "here", RAUM_EIO, "%d of %s", 3, "it"), RAUM_EIO);
    assert_int_equal(error.code, RAUM_EIO);
    assert_string_equal(error.origin, "here");
    assert_string_equal(error.text, "3 of it");
    assert_int_equal(err_set(&error, RAUM_EIO, "%1000d", 1), RAUM_EIO);
    assert_int_equal(strlen(error.text), RAUM_ERROR_TEXT_MAX - 1);
    err_clear(&error);
    assert_int_equal(error.code, 0);
    assert_string_equal(error.text, "");
    assert_int_equal(err_set(NULL, RAUM_EIO, "x"), RAUM_EIO);
    assert_int_equal(err_at(NULL, "x", RAUM_EIO, NULL), RAUM_EIO);
    err_clear(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_codes_are_frozen_and_named),
        cmocka_unit_test(test_unknown_codes),
        cmocka_unit_test(test_setting),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
