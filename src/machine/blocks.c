/* SPDX-License-Identifier: Apache-2.0 */
/* blocks.c - a list of blocks. The size of each tells how it was allocated, and so how it is freed. Knows
 * nothing of what they are for. */
#include "machine/blocks.h"

#include "base/memory.h"
#include "machine/pages.h"

struct block {
    struct block *before;
    void *bytes;
    size_t n_bytes;
};

static bool is_in_pages(size_t n_bytes)
{
    return n_bytes >= PAGES_HUGE_BYTES;
}

static void free_bytes(void *bytes, size_t n_bytes)
{
    if (is_in_pages(n_bytes))
        pages_free(bytes, n_bytes);
    else
        memory_free(bytes);
}

void *blocks_take(struct blocks *blocks, size_t n, size_t item_bytes, const char *what, struct error *err)
{
    size_t n_bytes;
    if (__builtin_mul_overflow(n, item_bytes, &n_bytes))
        return memory_allocate(n, item_bytes, what, err); /* says so */
    void *bytes =
        is_in_pages(n_bytes) ? pages_allocate(n_bytes, what, err) : memory_allocate(n_bytes, 1, what, err);
    if (bytes == NULL)
        return NULL;
    struct block *block = memory_allocate(1, sizeof *block, what, err);
    if (block == NULL) {
        free_bytes(bytes, n_bytes);
        return NULL;
    }
    *block = (struct block){blocks->last, bytes, n_bytes};
    blocks->last = block;
    blocks->n_bytes += n_bytes;
    return bytes;
}

void blocks_release(struct blocks *blocks)
{
    for (struct block *block = blocks->last, *before; block != NULL; block = before) {
        before = block->before;
        free_bytes(block->bytes, block->n_bytes);
        memory_free(block);
    }
    *blocks = (struct blocks){0};
}
