#include "base/alloc.h"

#include <stddef.h>

void *__real_malloc(size_t len);
void *__real_realloc(void *old, size_t len);
void *__wrap_malloc(size_t len);
void *__wrap_realloc(void *old, size_t len);

static long left = -1;
static int failed;

void alloc_fail_from(long n)
{
    left = n;
    failed = 0;
}

int alloc_failed(void)
{
    return failed;
}

static int refuse(void)
{
    if (left < 0)
        return 0;
    if (left > 0) {
        left--;
        return 0;
    }
    failed = 1;
    return 1;
}

void *__wrap_malloc(size_t len)
{
    return refuse() ? NULL : __real_malloc(len);
}

void *__wrap_realloc(void *old, size_t len)
{
    return refuse() ? NULL : __real_realloc(old, len);
}
