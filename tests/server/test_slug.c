/* Slugs: the rules by example and, for random text, by property. */
#include "base/utf8.h"
#include "server/spaces/slug.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static uint64_t state;

static unsigned next(void)
{
    state = state * 6364136223846793005u + 1442695040888963407u;
    return (unsigned)(state >> 33);
}

static void seeded(void *ctx, void *out, size_t len)
{
    (void)ctx;
    for (size_t i = 0; i < len; i++)
        ((unsigned char *)out)[i] = (unsigned char)next();
}

static const struct raum_env env = {.random = seeded};

static void examples(void **unused)
{
    (void)unused;
    static const char *const pairs[][2] = {
        {"anna", "anna"},
        {"Anna.Maria+x", "anna-maria-x"},
        {"--a--b--", "a-b"},
        {"__", ""},
        {"", ""},
        {"\xc3\x9c"
         "bersicht",
         "bersicht"},
        {"caf\xc3\xa9 noir", "caf-noir"},
        {"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"},
        {"aaaaaaaaaaaaaaaaaaaaaaaaaaaaa-b", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaa"},
        {"aaaaaaaaaaaaaaaaaaaaaaaaaaaa-bc", "aaaaaaaaaaaaaaaaaaaaaaaaaaaa-b"},
        {"../../etc", "etc"},
    };
    for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++) {
        char out[SLUG_SIZE];
        slug_from(pairs[i][0], strlen(pairs[i][0]), out);
        assert_string_equal(out, pairs[i][1]);
    }
}

static void valid(void **unused)
{
    (void)unused;
    static const char *const good[] = {"a", "a-b", "0", "a1-2-3"};
    static const char *const bad[] = {"",    "-",   "a-",  "-a",  "a--b",     "A",        "a b",
                                      "a/b", "a.b", "a_b", "a\n", "\xc3\xa9", "deleted:x"};
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
        assert_true(slug_valid(good[i], strlen(good[i])));
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_false(slug_valid(bad[i], strlen(bad[i])));
    char longest[SLUG_MAX + 1];
    memset(longest, 'x', sizeof longest);
    assert_true(slug_valid(longest, SLUG_MAX));
    assert_false(slug_valid(longest, SLUG_MAX + 1));
    assert_false(slug_valid("a\0b", 3));
}

static void reserved(void **unused)
{
    (void)unused;
    static const char *const names[] = {"me",
                                        "admin",
                                        "api",
                                        "auth",
                                        "login",
                                        "logout",
                                        "signup",
                                        "signin",
                                        "register",
                                        "settings",
                                        "new",
                                        "app",
                                        "www",
                                        "support",
                                        "help",
                                        "billing",
                                        "invite",
                                        "health",
                                        "ready",
                                        "metrics",
                                        "openapi",
                                        "mcp",
                                        "sync",
                                        "accept-invitation",
                                        "reset-password",
                                        "assets"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        assert_true(slug_reserved(names[i]));
    assert_false(slug_reserved("anna"));
    assert_false(slug_reserved("me-2"));
    assert_false(slug_reserved(""));
}

/* Of any text: empty or valid, not too long, again the same; suffixes keep it valid. */
static void properties(void **unused)
{
    (void)unused;
    const char *given = getenv("RAUM_SEED");
    uint64_t seed = given ? strtoull(given, NULL, 10) : 20261125;
    print_message("seed %llu\n", (unsigned long long)seed);
    state = seed;
    static const char likely[] = "aAzZ09--__..//  \xc3\xa4@";
    for (int round = 0; round < 50000; round++) {
        char text[80], made[SLUG_SIZE], again[SLUG_SIZE], more[SLUG_SIZE];
        size_t len = next() % sizeof text;
        for (size_t i = 0; i < len; i++)
            text[i] = next() % 4 ? likely[next() % (sizeof likely - 1)] : (char)next();
        slug_from(text, len, made);
        assert_true(strlen(made) <= SLUG_MADE_MAX);
        assert_true(made[0] == '\0' || slug_valid(made, strlen(made)));
        slug_from(made, strlen(made), again);
        assert_string_equal(made, again);
        if (slug_valid(text, len) && len <= SLUG_MADE_MAX) {
            assert_int_equal(strlen(made), len);
            assert_memory_equal(made, text, len);
        }
        slug_number(more, made, 2 + (int)(next() % 998));
        assert_true(slug_valid(more, strlen(more)));
        slug_random(more, made, &env);
        assert_true(slug_valid(more, strlen(more)));
        if (len > 0 && len <= SLUG_MAX && slug_valid(text, len)) { /* long ones typed by hand */
            char hand[SLUG_SIZE];
            memcpy(hand, text, len);
            hand[len] = '\0';
            slug_number(more, hand, 999);
            assert_true(slug_valid(more, strlen(more)));
            slug_random(hand, hand, &env); /* in place */
            assert_true(slug_valid(hand, strlen(hand)));
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(examples),
        cmocka_unit_test(valid),
        cmocka_unit_test(reserved),
        cmocka_unit_test(properties),
    };
    return cmocka_run_group_tests_name("slug", tests, NULL, NULL);
}
