/* Memory that is given back all at once: one arena per request or transaction. Bounded: an arena
 * refuses to grow past its maximum, callers then return RAUM_ENOMEM. */
#ifndef BASE_ARENA_H
#define BASE_ARENA_H

#include <stddef.h>

struct arena_block;
struct arena {
    struct arena_block *blocks;
    size_t used, max;
};

void arena_init(struct arena *a, size_t max);
void arena_release(struct arena *a);
void arena_reset(struct arena *a); /* keeps the first block for reuse */
/* len bytes aligned for any type, not cleared; NULL when memory or the maximum is reached. */
void *arena_alloc(struct arena *a, size_t len);
void *arena_zero(struct arena *a, size_t len);
/* A copy with a NUL behind it; NULL as above. */
char *arena_copy(struct arena *a, const void *data, size_t len);
char *arena_str(struct arena *a, const char *text);
char *arena_printf(struct arena *a, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#endif
