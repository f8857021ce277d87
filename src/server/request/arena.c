/* SPDX-License-Identifier: Apache-2.0 */
/* arena.c - a list of blocks. Requests have tens of texts, so each has a block of its own, and a sanitizer
 * sees the first byte beyond it. */
#include "server/request/arena.h"

#include <stdint.h>
#include <string.h>

#include "base/memory.h"

struct arena_block {
    struct arena_block *before;
    _Alignas(max_align_t) char bytes[];
};

void *arena_allocate(struct arena *arena, size_t n, size_t item_bytes)
{
    size_t n_bytes;
    if (__builtin_mul_overflow(n, item_bytes, &n_bytes) ||
        __builtin_add_overflow(n_bytes, sizeof(struct arena_block), &n_bytes))
        return NULL;
    struct arena_block *block = memory_allocate(n_bytes, 1, "a request", NULL);
    if (block == NULL)
        return NULL;
    block->before = arena->newest;
    arena->newest = block;
    return block->bytes;
}

char *arena_copy(struct arena *arena, const char *text, size_t n_bytes)
{
    char *copy = n_bytes < SIZE_MAX ? arena_allocate(arena, n_bytes + 1, 1) : NULL;
    if (copy != NULL && n_bytes > 0)
        memcpy(copy, text, n_bytes);
    return copy;
}

void arena_release(struct arena *arena)
{
    for (struct arena_block *block = arena->newest, *before; block != NULL; block = before) {
        before = block->before;
        memory_free(block);
    }
    arena->newest = NULL;
}
