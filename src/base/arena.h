/* Memory that is given back all at once: one arena per request or transaction. Bounded: an arena
 * refuses to grow past its maximum, callers then return RAUM_ENOMEM. */
#ifndef BASE_ARENA_H
#define BASE_ARENA_H

#include <stddef.h>

struct arena_block;
struct arena {
    struct arena_block *blocks, *spare;
    size_t used, max;
    size_t keep, kept; /* bytes that arena_reset keeps for reuse (0: one block); that it has */
};

void arena_init(struct arena *a, size_t max);
void arena_release(struct arena *a);
void arena_reset(struct arena *a); /* keeps a block for reuse, or as many as arena_keep says */
/* For one that is filled again and again: the system would give back and fetch every page anew. */
void arena_keep(struct arena *a, size_t bytes);
/* len bytes aligned for any type, not cleared; NULL when memory or the maximum is reached. */
void *arena_alloc(struct arena *a, size_t len);
void *arena_zero(struct arena *a, size_t len);
/* A copy with a NUL behind it; NULL as above. */
char *arena_copy(struct arena *a, const void *data, size_t len);
char *arena_str(struct arena *a, const char *text);
char *arena_printf(struct arena *a, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#endif
