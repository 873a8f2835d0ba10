/* Allocations that fail on purpose: the linker wraps malloc and realloc of the code under test
 * (--wrap). Knows nothing of what is tested. */
#ifndef TESTS_BASE_ALLOC_H
#define TESTS_BASE_ALLOC_H

/* The n-th allocation from now (0: the next) and all after it fail; -1: none does. */
void alloc_fail_from(long n);
/* True if one has failed since alloc_fail_from. */
int alloc_failed(void);

#endif
