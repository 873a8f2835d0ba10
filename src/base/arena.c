#include "base/arena.h"

#include <stdalign.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BLOCK_BYTES 16384

struct arena_block {
    struct arena_block *next;
    size_t len, cap;
    alignas(max_align_t) char data[];
};

void arena_init(struct arena *a, size_t max)
{
    *a = (struct arena){.max = max};
}

static void free_from(struct arena_block *block)
{
    while (block) {
        struct arena_block *next = block->next;
        free(block);
        block = next;
    }
}

void arena_release(struct arena *a)
{
    if (!a)
        return;
    free_from(a->blocks);
    a->blocks = NULL;
    a->used = 0;
}

void arena_reset(struct arena *a)
{
    struct arena_block *keep = a->blocks;
    if (keep && keep->cap == BLOCK_BYTES) {
        free_from(keep->next);
        keep->next = NULL;
        keep->len = 0;
    } else {
        free_from(keep);
        a->blocks = NULL;
    }
    a->used = 0;
}

void *arena_alloc(struct arena *a, size_t len)
{
    const size_t align = alignof(max_align_t);
    if (len > a->max || a->used > a->max - len || len > SIZE_MAX / 4)
        return NULL;
    len = (len + align - 1) / align * align;
    struct arena_block *block = a->blocks;
    if (!block || block->cap - block->len < len) {
        size_t cap = len > BLOCK_BYTES ? len : BLOCK_BYTES;
        block = malloc(sizeof *block + cap);
        if (!block)
            return NULL;
        *block = (struct arena_block){.next = a->blocks, .cap = cap};
        a->blocks = block;
    }
    void *at = block->data + block->len;
    block->len += len;
    a->used += len;
    return at;
}

void *arena_zero(struct arena *a, size_t len)
{
    void *at = arena_alloc(a, len);
    if (at)
        memset(at, 0, len);
    return at;
}

char *arena_copy(struct arena *a, const void *data, size_t len)
{
    char *at = arena_alloc(a, len + 1);
    if (at) {
        if (len)
            memcpy(at, data, len);
        at[len] = '\0';
    }
    return at;
}

char *arena_str(struct arena *a, const char *text)
{
    return arena_copy(a, text, strlen(text));
}

char *arena_printf(struct arena *a, const char *fmt, ...)
{
    va_list args, again;
    va_start(args, fmt);
    va_copy(again, args);
    int len = vsnprintf(NULL, 0, fmt, args);
    va_end(args);
    char *at = len < 0 ? NULL : arena_alloc(a, (size_t)len + 1);
    if (at)
        vsnprintf(at, (size_t)len + 1, fmt, again);
    va_end(again);
    return at;
}
