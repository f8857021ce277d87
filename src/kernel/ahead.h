/* SPDX-License-Identifier: Apache-2.0 */
/* ahead.h - asks memory for the rows that come next while those of a tile are multiplied.
 *
 * A quantized row of 2048 columns is a few hundred bytes and a tile reads several at once, so the processor's
 * own prefetchers, which want some lines in a row and stop at every page, hardly start. On Zen 4 one thread
 * then reads Q3_K rows of that length from memory at 4 GB/s; asked for one tile ahead, at 14. Results do not
 * depend on any of this, and an address that is not mapped does no harm. */
#ifndef FATHOM_KERNEL_AHEAD_H
#define FATHOM_KERNEL_AHEAD_H

#include "kernel/kernel.h"

/* Of a tile: this one and the next together fill a first-level cache of 32 KiB. Larger ones go to the second,
 * and so does what has more than 4 bits a weight: a core waits for few lines on their way to the first (24
 * on Zen 4), 14 GB/s, which those formats could multiply faster: Q6_K 9 GB/s, and by way of the second 22. */
#define AHEAD_NEAR_BYTES ((size_t)16 << 10)

/* How far ahead at least, which is several tiles where rows are short: memory takes about 0.1 us to answer,
 * and a core multiplies 15 to 30 GB/s. */
#define AHEAD_LEAST_BYTES ((size_t)4 << 10)

struct ahead {
    const char *at;
    bool near; /* to the first-level cache */
};

/* What follows the tile of n_rows rows from `row` on: a piece as large as the tile. */
static inline struct ahead ahead_of_tile(const struct product *p, size_t row, size_t n_rows)
{
    size_t tile_bytes = n_rows * p->row_bytes, n_bytes = p->n_rows * p->row_bytes;
    size_t to = row * p->row_bytes + tile_bytes;
    if (tile_bytes < AHEAD_LEAST_BYTES)
        to += AHEAD_LEAST_BYTES / tile_bytes * tile_bytes;
    const char *at = (const char *)p->rows + row * p->row_bytes; /* asked for again, nothing happens */
    if (to < n_bytes)
        at = (const char *)p->rows + to;
    else if (p->next != NULL)
        at = (const char *)p->next + (to - n_bytes);
    return (struct ahead){at, 2 * p->row_bytes <= p->n_columns && tile_bytes <= AHEAD_NEAR_BYTES};
}

/* The next n_bytes of it. */
static inline __attribute__((always_inline)) void ahead_fetch(struct ahead *ahead, size_t n_bytes)
{
    const size_t line = 64;
    if (ahead->near)
        for (size_t i = 0; i < n_bytes; i += line)
            __builtin_prefetch(ahead->at + i, 0, 3);
    else
        for (size_t i = 0; i < n_bytes; i += line)
            __builtin_prefetch(ahead->at + i, 0, 2);
    ahead->at += n_bytes;
}

#endif
