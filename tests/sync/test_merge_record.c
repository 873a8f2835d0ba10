/* Records, as the relay merges them, against a second and naive model: it keeps every write for
 * ever and picks the winner of each field by looking at all of them (docs/sync.md). Whatever the
 * order, the repetitions and the detours over other replicas: the same (G-S8, G-S10). */
#include "sync/merge.h"

#include "base/json.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define WRITES 24
#define REPLICAS 3

static uint64_t seed = 7;

static uint32_t below(uint32_t n)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return (uint32_t)((seed >> 32) % n);
}

/* Few of everything, so that ties of each kind are common. createdAt and authorId are fixed. */
static const char *const names[] = {"authorId", "createdAt", "deletedAt", "label", "newer",
                                    "usage.aiReference"};
static const char *const devices[] = {"d1", "d2", MERGE_MIGRATION};
static const char *const values[] = {"1", "1.0", "\"a\"", "\"\\u0061\"", "\"b\"", "null"};
#define COUNT(list) (sizeof(list) / sizeof(list)[0])

static struct merge_field any_write(void)
{
    struct merge_field f = {.name = names[below(COUNT(names))],
                            .value = values[below(COUNT(values))]};
    f.len = strlen(f.value);
    f.stamp.at = 1 + below(4);
    f.stamp.dev = devices[below(COUNT(devices))];
    return f;
}

/* ---- the model: who wins of two writes to one field, spelt out ---- */

static int device_rank(const char *d)
{
    return strcmp(d, MERGE_MIGRATION) == 0 ? 0 : d[1] - '0';
}

/* The content of a value: spellings of the same are equal. */
static const char *content(const char *value)
{
    if (strcmp(value, "1.0") == 0)
        return "1";
    return strcmp(value, "\"\\u0061\"") == 0 ? "\"a\"" : value;
}

static bool beats(const struct merge_field *a, const struct merge_field *b)
{
    bool fixed = strcmp(a->name, "authorId") == 0 || strcmp(a->name, "createdAt") == 0;
    if (a->stamp.at != b->stamp.at)
        return fixed ? a->stamp.at < b->stamp.at : a->stamp.at > b->stamp.at;
    int x = device_rank(a->stamp.dev), y = device_rank(b->stamp.dev);
    if (x != y)
        return fixed ? x < y : x > y;
    return strcmp(content(a->value), content(b->value)) > 0;
}

static const struct merge_field *winner(const struct merge_field *all, const char *name)
{
    const struct merge_field *best = NULL;
    for (int i = 0; i < WRITES; i++)
        if (strcmp(all[i].name, name) == 0 && (!best || beats(&all[i], best)))
            best = &all[i];
    return best;
}

static void check(const struct merge_record *r, const struct merge_field *all)
{
    for (size_t i = 0; i < COUNT(names); i++) {
        const struct merge_field *is = merge_find(r, names[i]), *want = winner(all, names[i]);
        assert_true(!is == !want);
        if (!is)
            continue;
        assert_int_equal(is->stamp.at, want->stamp.at);
        assert_string_equal(is->stamp.dev, want->stamp.dev);
        assert_string_equal(content(is->value), content(want->value));
    }
    for (uint32_t i = 1; i < r->count; i++)
        assert_true(strcmp(r->fields[i - 1].name, r->fields[i].name) < 0);
}

/* Values of one content have several spellings; the tie of different contents is decided by bytes,
 * so the list above must not mix the two orders. */
static void test_values_are_ordered_alike(void **state)
{
    (void)state;
    for (size_t a = 0; a < COUNT(values); a++)
        for (size_t b = 0; b < COUNT(values); b++) {
            const char *x = values[a], *y = values[b];
            if (strcmp(content(x), content(y)) == 0)
                continue;
            int bytes = merge_compare_values(x, strlen(x), y, strlen(y));
            int model = strcmp(content(x), content(y));
            assert_int_equal(bytes > 0, model > 0);
        }
}

static void test_any_order_G_S8_G_S10(void **state)
{
    uint32_t taken, kept;
    (void)state;
    for (int round = 0; round < 3000; round++) {
        struct merge_field all[WRITES];
        struct merge_record replicas[REPLICAS] = {0};
        struct arena a;
        arena_init(&a, 4u << 20);
        for (int i = 0; i < WRITES; i++)
            all[i] = any_write();
        const struct schema_table *t = schema_table("meImages");
        for (int i = 0; i < WRITES; i++) /* each write somewhere, some twice */
            for (uint32_t n = 1 + below(2); n > 0; n--)
                assert_int_equal(merge_record(t, &replicas[below(REPLICAS)], &all[i], 1, &a,
                                              &taken, &kept),
                                 0);
        for (int i = 0; i < 2 * REPLICAS; i++) { /* then everybody tells the next */
            const struct merge_record *from = &replicas[i % REPLICAS];
            assert_int_equal(merge_record(t, &replicas[(i + 1) % REPLICAS], from->fields,
                                          from->count, &a, &taken, &kept),
                             0);
        }
        for (int i = 0; i < REPLICAS; i++)
            check(&replicas[i], all);
        /* Once more changes nothing, and says so (G-S5). */
        assert_int_equal(
            merge_record(t, &replicas[0], replicas[1].fields, replicas[1].count, &a, &taken, &kept),
            0);
        assert_int_equal(taken, 0);
        assert_int_equal(kept, 0);
        arena_release(&a);
    }
}

static void test_plan_says_what_put_does(void **state)
{
    (void)state;
    struct merge_record r = {0};
    struct arena a;
    arena_init(&a, 1u << 20);
    struct merge_field f = {.name = "label", .value = "\"x\"", .len = 3,
                            .stamp = {.at = 5, .dev = "d1"}};
    const struct schema_table *t = schema_table("meImages");
    assert_int_equal(merge_plan(t, &r, &f), MERGE_TAKE);
    assert_int_equal(merge_put(&r, &f, &a), 0);
    assert_int_equal(merge_plan(t, &r, &f), MERGE_SAME);
    f.stamp.at = 4;
    assert_int_equal(merge_plan(t, &r, &f), MERGE_KEEP);
    f.stamp.at = 6;
    assert_int_equal(merge_plan(t, &r, &f), MERGE_TAKE);
    arena_release(&a);
}

static void test_limits(void **state)
{
    (void)state;
    struct merge_record r = {0};
    struct arena a;
    char name[16];
    int result = 0;
    arena_init(&a, 4u << 20);
    for (int i = 0; i <= MERGE_FIELDS_MAX && result == 0; i++) {
        snprintf(name, sizeof name, "f%d", i);
        struct merge_field f = {.name = arena_str(&a, name), .value = "1", .len = 1,
                                .stamp = {.at = 1, .dev = "d"}};
        result = merge_put(&r, &f, &a);
    }
    assert_int_equal(result, RAUM_ETOO_LARGE);
    assert_int_equal(r.count, MERGE_FIELDS_MAX);
    arena_release(&a);
}

static void test_fixed(void **state)
{
    (void)state;
    const struct schema_table *t = schema_table("meSlots");
    assert_true(merge_is_fixed(t, "person"));
    assert_true(merge_is_fixed(t, "createdAt"));
    assert_true(merge_is_fixed(NULL, "authorId"));
    assert_true(merge_is_fixed(NULL, "spaceId"));
    assert_false(merge_is_fixed(t, "imageId"));
    assert_false(merge_is_fixed(t, "deletedAt"));
    assert_false(merge_is_fixed(NULL, "whatever"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_values_are_ordered_alike),
        cmocka_unit_test(test_any_order_G_S8_G_S10),
        cmocka_unit_test(test_plan_says_what_put_does),
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_fixed),
    };
    const char *given = getenv("RAUM_SEED");
    seed = given && strtoull(given, NULL, 10) ? strtoull(given, NULL, 10) : seed;
    print_message("seed %llu\n", (unsigned long long)seed);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
