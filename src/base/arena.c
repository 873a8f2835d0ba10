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
    free_from(a->spare);
    a->blocks = a->spare = NULL;
    a->used = a->kept = 0;
}

void arena_keep(struct arena *a, size_t bytes)
{
#ifdef __SANITIZE_ADDRESS__ /* it sees what is used after a reset only if that is given back */
    bytes = 0;
#endif
    a->keep = bytes;
}

void arena_reset(struct arena *a)
{
    size_t keep = a->keep > BLOCK_BYTES ? a->keep : BLOCK_BYTES;
    while (a->blocks) {
        struct arena_block *block = a->blocks;
        a->blocks = block->next;
        if (block->cap == BLOCK_BYTES && a->kept + BLOCK_BYTES <= keep) {
            block->len = 0;
            block->next = a->spare;
            a->spare = block;
            a->kept += BLOCK_BYTES;
        } else {
            free(block);
        }
    }
    a->used = 0;
}

static struct arena_block *new_block(struct arena *a, size_t cap)
{
    struct arena_block *block = a->spare;
    if (block && cap == BLOCK_BYTES) {
        a->spare = block->next;
        a->kept -= BLOCK_BYTES;
    } else {
        block = malloc(sizeof *block + cap);
        if (!block)
            return NULL;
    }
    *block = (struct arena_block){.next = a->blocks, .cap = cap};
    return a->blocks = block;
}

void *arena_alloc(struct arena *a, size_t len)
{
    const size_t align = alignof(max_align_t);
    if (len > a->max || a->used > a->max - len || len > SIZE_MAX / 4)
        return NULL;
    len = (len + align - 1) / align * align;
    struct arena_block *block = a->blocks;
    if (!block || block->cap - block->len < len) {
        block = new_block(a, len > BLOCK_BYTES ? len : BLOCK_BYTES);
        if (!block)
            return NULL;
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
