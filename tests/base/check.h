/* What the tests of this folder share: cmocka's headers in the order it wants, a seeded source of
 * random numbers. RAUM_SEED in the environment replays a run; a failing test prints its seed. */
#ifndef TESTS_BASE_CHECK_H
#define TESTS_BASE_CHECK_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static uint64_t check_state;

__attribute__((unused)) static void check_seed(uint64_t seed)
{
    const char *given = getenv("RAUM_SEED");
    check_state = given ? strtoull(given, NULL, 10) : seed;
}

/* splitmix64 */
__attribute__((unused)) static uint64_t check_random(void)
{
    uint64_t z = check_state += 0x9E3779B97F4A7C15u;
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9u;
    z = (z ^ z >> 27) * 0x94D049BB133111EBu;
    return z ^ z >> 31;
}

/* 0 … n-1 */
__attribute__((unused)) static uint32_t check_below(uint32_t n)
{
    return (uint32_t)(check_random() % n);
}

#endif
