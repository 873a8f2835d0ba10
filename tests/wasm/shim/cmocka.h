/* As much of cmocka as the engine's tests use, for WebAssembly, where there is none: no longjmp, so
 * the first assertion that fails ends the program, with its place said. The same tests run under
 * the real cmocka natively. */
#ifndef WASM_SHIM_CMOCKA_H
#define WASM_SHIM_CMOCKA_H

#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef uintmax_t LargestIntegralType;
typedef void CMUnitTestFunction(void **state);
typedef int CMFixtureFunction(void **state);
struct CMUnitTest {
    const char *name;
    CMUnitTestFunction *test_func;
    CMFixtureFunction *setup_func, *teardown_func;
    void *initial_state;
};

#define cmocka_unit_test(f) {#f, f, NULL, NULL, NULL}
#define cmocka_unit_test_setup(f, s) {#f, f, s, NULL, NULL}
#define cmocka_unit_test_setup_teardown(f, s, t) {#f, f, s, t, NULL}
#define cmocka_run_group_tests(tests, setup, teardown)                                             \
    shim_run(tests, sizeof(tests) / sizeof((tests)[0]), setup, teardown)
#define cmocka_run_group_tests_name(name, tests, setup, teardown)                                  \
    shim_run(tests, sizeof(tests) / sizeof((tests)[0]), setup, teardown)

_Noreturn void shim_fail(const char *file, int line, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
int shim_run(const struct CMUnitTest *tests, size_t count, CMFixtureFunction *setup,
             CMFixtureFunction *teardown);
void shim_skip(void);
void print_message(const char *format, ...) __attribute__((format(printf, 1, 2)));
#define print_error print_message

#define fail_msg(...) shim_fail(__FILE__, __LINE__, __VA_ARGS__)
#define fail() shim_fail(__FILE__, __LINE__, "failed")
#define skip()                                                                                     \
    do {                                                                                           \
        shim_skip();                                                                               \
        return;                                                                                    \
    } while (0)
#define assert_true(c) ((c) ? (void)0 : shim_fail(__FILE__, __LINE__, "%s", #c))
#define assert_false(c) ((c) ? shim_fail(__FILE__, __LINE__, "not: %s", #c) : (void)0)
#define assert_non_null(p) assert_true((p) != NULL)
#define assert_null(p) assert_true((p) == NULL)
#define assert_ptr_equal(a, b) assert_true((const void *)(a) == (const void *)(b))

static inline void shim_int(intmax_t a, intmax_t b, int same, const char *file, int line)
{
    if ((a == b) != same)
        shim_fail(file, line, "%lld %s %lld", (long long)a, same ? "is not" : "is", (long long)b);
}
static inline void shim_text(const char *a, const char *b, int same, const char *file, int line)
{
    if ((strcmp(a, b) == 0) != same)
        shim_fail(file, line, "\"%s\" %s \"%s\"", a, same ? "is not" : "is", b);
}
static inline void shim_bytes(const void *a, const void *b, size_t len, int same, const char *file,
                              int line)
{
    if ((memcmp(a, b, len) == 0) != same)
        shim_fail(file, line, "%zu bytes %s", len, same ? "differ" : "are the same");
}
#define assert_int_equal(a, b) shim_int((intmax_t)(a), (intmax_t)(b), 1, __FILE__, __LINE__)
#define assert_int_not_equal(a, b) shim_int((intmax_t)(a), (intmax_t)(b), 0, __FILE__, __LINE__)
#define assert_string_equal(a, b) shim_text(a, b, 1, __FILE__, __LINE__)
#define assert_string_not_equal(a, b) shim_text(a, b, 0, __FILE__, __LINE__)
#define assert_memory_equal(a, b, n) shim_bytes(a, b, n, 1, __FILE__, __LINE__)
#define assert_memory_not_equal(a, b, n) shim_bytes(a, b, n, 0, __FILE__, __LINE__)
#define assert_in_range(v, low, high)                                                              \
    assert_true((uintmax_t)(v) >= (uintmax_t)(low) && (uintmax_t)(v) <= (uintmax_t)(high))

#endif
