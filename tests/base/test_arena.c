#include "base/alloc.h"
#include "base/arena.h"
#include "base/check.h"

#include <stdalign.h>

static void test_gives_aligned_writable_memory(void **state)
{
    (void)state;
    struct arena a;
    unsigned char *parts[300];
    size_t sizes[300];
    arena_init(&a, 1 << 20);
    check_seed(1);
    for (int i = 0; i < 300; i++) {
        sizes[i] = check_below(i % 50 ? 100 : 40000);
        parts[i] = arena_alloc(&a, sizes[i]);
        assert_non_null(parts[i]);
        assert_int_equal((uintptr_t)parts[i] % alignof(max_align_t), 0);
        memset(parts[i], i, sizes[i]);
    }
    for (int i = 0; i < 300; i++) /* nobody wrote into his neighbour */
        for (size_t k = 0; k < sizes[i]; k++)
            assert_int_equal(parts[i][k], (unsigned char)i);
    arena_release(&a);
    arena_release(&a);
    arena_release(NULL);
}

static void test_refuses_beyond_the_maximum(void **state)
{
    (void)state;
    struct arena a;
    arena_init(&a, 1000);
    assert_null(arena_alloc(&a, 1001));
    assert_null(arena_alloc(&a, SIZE_MAX));
    assert_non_null(arena_alloc(&a, 1000));
    assert_null(arena_alloc(&a, 1));
    arena_reset(&a);
    assert_non_null(arena_alloc(&a, 600));
    assert_null(arena_alloc(&a, 600));
    arena_release(&a);
    arena_init(&a, SIZE_MAX);
    assert_null(arena_alloc(&a, SIZE_MAX));
    assert_null(arena_alloc(&a, SIZE_MAX - 8));
    arena_release(&a);
}

/* What is kept is bounded, used again, and given back at the end. */
static void test_keep(void **state)
{
    (void)state;
    struct arena a;
    arena_init(&a, 1 << 20);
    arena_keep(&a, 100000);
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < 1000; i++) {
            char *at = arena_alloc(&a, 500);
            assert_non_null(at);
            memset(at, round, 500);
        }
        assert_non_null(arena_alloc(&a, 200000));
        assert_null(arena_alloc(&a, 1 << 20));
        arena_reset(&a);
        assert_int_equal(a.used, 0);
        assert_true(a.kept > 0 && a.kept <= 100000);
    }
    arena_release(&a);
    assert_int_equal(a.kept, 0);
    assert_non_null(arena_alloc(&a, 10));
    arena_release(&a);
}

static void test_reset_keeps_one_block(void **state)
{
    (void)state;
    struct arena a;
    arena_init(&a, 1 << 20);
    char *first = arena_alloc(&a, 10);
    arena_reset(&a);
    assert_int_equal(a.used, 0);
    alloc_fail_from(0);
    assert_ptr_equal(arena_alloc(&a, 10), first);
    alloc_fail_from(-1);
    assert_non_null(arena_alloc(&a, 100000)); /* a block of its own */
    arena_reset(&a);
    assert_non_null(arena_alloc(&a, 10));
    arena_release(&a);
}

static void test_copies(void **state)
{
    (void)state;
    struct arena a;
    arena_init(&a, 4096);
    assert_string_equal(arena_str(&a, "text"), "text");
    assert_memory_equal(arena_copy(&a, "a\0b", 3), "a\0b", 4);
    assert_string_equal(arena_copy(&a, NULL, 0), "");
    assert_string_equal(arena_printf(&a, "%d-%s", 7, "x"), "7-x");
    unsigned char *zero = arena_zero(&a, 100);
    for (int i = 0; i < 100; i++)
        assert_int_equal(zero[i], 0);
    assert_null(arena_printf(&a, "%5000d", 1));
    assert_null(arena_zero(&a, 5000));
    arena_release(&a);
}

static void test_without_memory(void **state)
{
    (void)state;
    struct arena a;
    arena_init(&a, 1 << 20);
    alloc_fail_from(0);
    assert_null(arena_str(&a, "x"));
    assert_null(arena_zero(&a, 1));
    assert_null(arena_printf(&a, "x"));
    alloc_fail_from(-1);
    assert_string_equal(arena_str(&a, "x"), "x");
    arena_release(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_gives_aligned_writable_memory),
        cmocka_unit_test(test_refuses_beyond_the_maximum),
        cmocka_unit_test(test_keep),
        cmocka_unit_test(test_reset_keeps_one_block),
        cmocka_unit_test(test_copies),
        cmocka_unit_test(test_without_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
