/* SPDX-License-Identifier: Apache-2.0 */
/* blocks.h - memory that is taken in blocks and given back all at once.
 *
 * A block of PAGES_HUGE_BYTES or more is of pages.h: in huge pages where the system has them (up to one more
 * than was asked for), and real, on the toucher's memory node, only where it is touched. A smaller one has
 * exactly the size asked for, so that a sanitizer sees the first byte beyond. */
#ifndef FATHOM_MACHINE_BLOCKS_H
#define FATHOM_MACHINE_BLOCKS_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

struct block;

/* Zeroed: none yet. */
struct blocks {
    struct block *last; /* owned; each knows the one before it */
    uint64_t n_bytes;   /* asked for in all */
};

/* `n` items of `item_bytes` each, zeroed, on a cache line of their own until blocks_release(). NULL: no
 * memory for "what", or the product overflows. n == 0 gives a block that must not be read. */
void *blocks_take(struct blocks *blocks, size_t n, size_t item_bytes, const char *what, struct error *err);
void blocks_release(struct blocks *blocks);

#endif
