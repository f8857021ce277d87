/* SPDX-License-Identifier: Apache-2.0 */
/* lanes_small.h - blocks of 32 values with one scale: Q8_0, Q4_0 to Q5_1 and IQ4_NL. */
#ifndef FATHOM_KERNEL_LANES_LANES_SMALL_H
#define FATHOM_KERNEL_LANES_LANES_SMALL_H

#include <stdbool.h>

#include "kernel/lanes/lanes.h"
#include "quant/codebook.h"

/* Puts down a block's codes, which begin at byte `at` of the rows; head: the bytes that the block begins
 * with, four to a vector. */
typedef void put_block_fn(const struct packed *rows, size_t at, const ints head[4], size_t block,
                          struct span *to);

struct layout {
    size_t n_bytes, codes_at;
    bool minimum;
};

/* A block begins with its scale, which its minimum follows if there is one, and ends with codes. */
INLINE void unpack_block(const struct packed *rows, struct layout layout, put_block_fn *put_block,
                         size_t block, struct span *to)
{
    ints head[4];
    load_rows(rows, block * layout.n_bytes, head);
    VECTOR(store_ps)(to->scales[block], lower_halves(head[0]));
    for (size_t i = 0; to->paired && i < 2; i++)
        store_ints(to->pairs[2 * block + i], VECTOR(set1_epi16)(1));
    if (layout.minimum)
        VECTOR(store_ps)(to->minima[block], upper_halves(head[0]));
    put_block(rows, block * layout.n_bytes + layout.codes_at, head, block, to);
}

INLINE void put_bytes(const struct packed *rows, size_t at, const ints head[4], size_t block, struct span *to)
{
    const ints sign = all_bytes(0x80);
    (void)head;
    ints codes[8];
    load_rows(rows, at, codes);
    load_rows(rows, at + 16, codes + 4);
    UNROLL
    for (size_t i = 0; i < 8; i++)
        put_codes(to, 8 * block + i, codes[i] ^ sign);
}

/* Two codes a byte. */
INLINE void put_nibbles(const struct packed *rows, size_t at, const ints head[4], size_t block,
                        struct span *to)
{
    (void)head;
    ints packed[4];
    load_rows(rows, at, packed);
    UNROLL
    for (size_t i = 0; i < 4; i++) {
        put_codes(to, 8 * block + i, bits_at(packed[i], 0, 15));
        put_codes(to, 8 * block + 4 + i, bits_at(packed[i], 4, 15));
    }
}

/* The same with a fifth bit: bit i of `high` is value i's. */
INLINE void put_fives(const struct packed *rows, size_t at, ints high, size_t block, struct span *to)
{
    /* Four bits times this stand in four bytes, each at bit 0 of its own and higher ones of others. */
    const ints spread = all_lanes(0x00204081), lowest = all_bytes(1);
    ints packed[4];
    load_rows(rows, at, packed);
    UNROLL
    for (size_t i = 0; i < 8; i++) {
        ints four = move_right(high, 4 * i) & all_lanes(15);
        ints fifth = VECTOR(mullo_epi32)(four, spread) & lowest;
        ints low = bits_at(packed[i % 4], i < 4 ? 0 : 4, 15);
        put_codes(to, 8 * block + i, low | move_left(fifth, 4));
    }
}

INLINE void put_fives_behind_scale(const struct packed *rows, size_t at, const ints head[4], size_t block,
                                   struct span *to)
{
    ints high = move_right(head[0], 16) | move_left(head[1], 16);
    put_fives(rows, at, high, block, to);
}

INLINE void put_fives_behind_minimum(const struct packed *rows, size_t at, const ints head[4], size_t block,
                                     struct span *to)
{
    put_fives(rows, at, head[1], block, to);
}

INLINE void put_looked_up(const struct packed *rows, size_t at, const ints head[4], size_t block,
                          struct span *to)
{
    (void)head;
    ints book = load_book(codebook_iq4) ^ all_bytes(0x80);
    ints packed[4];
    load_rows(rows, at, packed);
    UNROLL
    for (size_t i = 0; i < 4; i++) {
        put_codes(to, 8 * block + i, bytes_look_up(book, bits_at(packed[i], 0, 15)));
        put_codes(to, 8 * block + 4 + i, bytes_look_up(book, bits_at(packed[i], 4, 15)));
    }
}

/* n_blocks blocks of a format, a number that is known when it is compiled. */
#define UNPACK_BLOCKS(name, put_block, has_minimum)                                                      \
    INLINE void unpack_blocks_##name(const struct packed *rows, size_t n_blocks, struct span *to)        \
    {                                                                                                    \
        const struct layout layout = {sizeof(struct block_##name), offsetof(struct block_##name, codes), \
                                      has_minimum};                                                      \
        UNROLL                                                                                           \
        for (size_t block = 0; block < n_blocks; block++)                                                \
            unpack_block(rows, layout, put_block, block, to);                                            \
    }

UNPACK_BLOCKS(q8_0, put_bytes, false)
UNPACK_BLOCKS(q4_0, put_nibbles, false)
UNPACK_BLOCKS(q4_1, put_nibbles, true)
UNPACK_BLOCKS(q5_0, put_fives_behind_scale, false)
UNPACK_BLOCKS(q5_1, put_fives_behind_minimum, true)
UNPACK_BLOCKS(iq4_nl, put_looked_up, false)

#endif
