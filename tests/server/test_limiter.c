/* The limiter: Better Auth's arithmetic, a clock that jumps, many keys, several threads. */
#include "server/kit.h"
#include "server/limiter.h"
#include <pthread.h>

static int64_t clock_now;

static int64_t fake_now(void *ctx)
{
    (void)ctx;
    return clock_now;
}

static const struct limiter_rule three = {10000, 3};

static struct limiter *open_limiter(void)
{
    static struct raum_env env;
    struct limiter *l;
    env = *raum_env_native();
    env.now_ms = fake_now;
    clock_now = 1000000;
    assert_int_equal(limiter_new(&l, &env, NULL), 0);
    return l;
}

static void test_window(void **state)
{
    (void)state;
    struct limiter *l = open_limiter();
    for (int i = 0; i < 3; i++) {
        assert_int_equal(limiter_take(l, "/sign-in", "a", &three), 0);
        clock_now += 1000;
    }
    /* The last one that was allowed was a second ago. */
    assert_int_equal(limiter_take(l, "/sign-in", "a", &three), 9);
    assert_int_equal(limiter_take(l, "/sign-in", "b", &three), 0);
    assert_int_equal(limiter_take(l, "/sign-up", "a", &three), 0);
    clock_now += 8500;
    assert_int_equal(limiter_take(l, "/sign-in", "a", &three), 1);
    clock_now += 500; /* refused ones did not move the window */
    for (int i = 0; i < 3; i++)
        assert_int_equal(limiter_take(l, "/sign-in", "a", &three), 0);
    assert_int_equal(limiter_take(l, "/sign-in", "a", &three), 10);
    limiter_free(l);
}

static void test_look_and_clear(void **state)
{
    (void)state;
    struct limiter *l = open_limiter();
    for (int i = 0; i < 100; i++)
        assert_int_equal(limiter_look(l, "f", "a", &three), 0);
    for (int i = 0; i < 3; i++)
        limiter_take(l, "f", "a", &three);
    assert_true(limiter_look(l, "f", "a", &three) > 0);
    limiter_clear(l, "f", "other");
    assert_true(limiter_look(l, "f", "a", &three) > 0);
    limiter_clear(l, "f", "a");
    assert_int_equal(limiter_look(l, "f", "a", &three), 0);
    limiter_free(l);
    limiter_free(NULL);
}

/* A clock that was set back keeps nobody out for longer than a window. */
/* A budget: so much at once, the rest as it refills. */
static void test_spend(void **state)
{
    (void)state;
    static const struct limiter_rule ten = {10000, 10}; /* one a second */
    struct limiter *l = open_limiter();
    assert_int_equal(limiter_spend(l, "s", "a", &ten, 6), 0);
    assert_int_equal(limiter_spend(l, "s", "a", &ten, 4), 0);
    assert_int_equal(limiter_spend(l, "s", "a", &ten, 1), 1);
    assert_int_equal(limiter_spend(l, "s", "a", &ten, 5), 5); /* nothing was taken for it */
    assert_int_equal(limiter_spend(l, "s", "b", &ten, 10), 0);
    assert_int_equal(limiter_spend(l, "t", "a", &ten, 10), 0);
    clock_now += 5000;
    assert_int_equal(limiter_spend(l, "s", "a", &ten, 5), 0);
    assert_int_equal(limiter_spend(l, "s", "a", &ten, 1), 1);
    for (int i = 0; i < 100; i++) { /* who keeps to it is never stopped */
        clock_now += 1000;
        assert_int_equal(limiter_spend(l, "s", "a", &ten, 1), 0);
    }
    clock_now -= 500000; /* a clock that went back keeps nobody out for long */
    int wait = limiter_spend(l, "s", "a", &ten, 1);
    assert_in_range(wait, 0, 10);
    clock_now += 1000000;
    assert_int_equal(limiter_spend(l, "s", "a", &ten, 10), 0);
    limiter_free(l);
}

static void test_clock_back(void **state)
{
    (void)state;
    struct limiter *l = open_limiter();
    for (int i = 0; i < 3; i++)
        limiter_take(l, "f", "a", &three);
    clock_now -= 500000;
    assert_int_equal(limiter_take(l, "f", "a", &three), 0);
    limiter_free(l);
}

/* A kind and a key cannot be mixed up, however they are cut. */
static void test_no_mixing(void **state)
{
    (void)state;
    struct limiter *l = open_limiter();
    for (int i = 0; i < 3; i++)
        limiter_take(l, "ab", "c", &three);
    assert_int_equal(limiter_take(l, "a", "bc", &three), 0);
    char lang[3000];
    memset(lang, 'x', sizeof lang - 1);
    lang[sizeof lang - 1] = '\0';
    assert_int_equal(limiter_take(l, lang, lang, &three), 0);
    limiter_free(l);
}

/* G-O3: a million keys take no more memory than one, and a refused key that is asked for now and
 * then is not pushed out by a flood of new ones within its window… as long as its bucket has free
 * places; a flood that fills all of them is let in rather than kept out. */
static void test_flood(void **state)
{
    (void)state;
    struct limiter *l = open_limiter();
    char key[32];
    for (int i = 0; i < 3; i++)
        limiter_take(l, "f", "victim", &three);
    for (int i = 0; i < 2000; i++) {
        snprintf(key, sizeof key, "%d", i);
        assert_int_equal(limiter_take(l, "f", key, &three), 0);
    }
    assert_true(limiter_take(l, "f", "victim", &three) > 0);
    for (int i = 0; i < 1000000; i++) {
        snprintf(key, sizeof key, "%d", i + 100000);
        limiter_take(l, "f", key, &three);
    }
    limiter_free(l);
}

static void *hammer(void *arg)
{
    int *allowed = calloc(1, sizeof *allowed);
    for (int i = 0; i < 5000; i++)
        *allowed += limiter_take(arg, "f", "one", &three) == 0;
    return allowed;
}

static void test_threads(void **state)
{
    (void)state;
    struct limiter *l = open_limiter();
    pthread_t threads[4];
    int allowed = 0;
    for (int i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, hammer, l), 0);
    for (int i = 0; i < 4; i++) {
        void *one;
        pthread_join(threads[i], &one);
        allowed += *(int *)one;
        free(one);
    }
    assert_int_equal(allowed, 3);
    limiter_free(l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_spend),
        cmocka_unit_test(test_window),     cmocka_unit_test(test_look_and_clear),
        cmocka_unit_test(test_clock_back), cmocka_unit_test(test_no_mixing),
        cmocka_unit_test(test_flood),      cmocka_unit_test(test_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
