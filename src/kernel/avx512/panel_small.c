/* SPDX-License-Identifier: Apache-2.0 */
/* panel_small.c - blocks of 32 values with one scale: Q8_0, Q4_0 to Q5_1 and IQ4_NL, eight blocks a
 * span. */
#include <stddef.h>

#include "kernel/avx512/avx512.h"
#include "kernel/avx512/panel.h"
#include "quant/codebook.h"

#define BLOCKS (SPAN / BLOCK_SMALL)

/* Puts down a block's codes, which begin at byte `at` of the span; head: the bytes that the block begins
 * with, four to a vector. */
typedef void put_block_fn(const struct packed *rows, size_t at, const __m512i head[4], size_t block,
                          struct span *to);

/* A block begins with its scale, which its minimum follows if there is one, and ends with codes. */
INLINE void unpack_blocks(const struct packed *rows, size_t block_bytes, size_t codes_at, bool minimum,
                          put_block_fn *put_block, struct span *to)
{
    UNROLL
    for (size_t block = 0; block < BLOCKS; block++) {
        __m512i head[4];
        load_rows(rows, block * block_bytes, head);
        _mm512_store_ps(to->scales[block], lower_halves(head[0]));
        if (minimum)
            _mm512_store_ps(to->minima[block], upper_halves(head[0]));
        put_block(rows, block * block_bytes + codes_at, head, block, to);
    }
}

INLINE void put_bytes(const struct packed *rows, size_t at, const __m512i head[4], size_t block,
                      struct span *to)
{
    const __m512i sign = _mm512_set1_epi8((char)0x80);
    (void)head;
    __m512i codes[8];
    load_rows(rows, at, codes);
    load_rows(rows, at + 16, codes + 4);
    UNROLL
    for (size_t i = 0; i < 8; i++)
        put_codes(to, 8 * block + i, _mm512_xor_si512(codes[i], sign));
}

/* Two codes a byte. */
INLINE void put_nibbles(const struct packed *rows, size_t at, const __m512i head[4], size_t block,
                        struct span *to)
{
    (void)head;
    __m512i packed[4];
    load_rows(rows, at, packed);
    UNROLL
    for (size_t i = 0; i < 4; i++) {
        put_codes(to, 8 * block + i, bits_at(packed[i], 0, 15));
        put_codes(to, 8 * block + 4 + i, bits_at(packed[i], 4, 15));
    }
}

/* The same with a fifth bit: bit i of `high` is value i's. */
INLINE void put_fives(const struct packed *rows, size_t at, __m512i high, size_t block, struct span *to)
{
    /* Four bits times this stand in four bytes, each at bit 0 of its own and higher ones of others. */
    const __m512i spread = _mm512_set1_epi32(0x00204081), lowest = _mm512_set1_epi8(1);
    __m512i packed[4];
    load_rows(rows, at, packed);
    UNROLL
    for (size_t i = 0; i < 8; i++) {
        __m512i four = _mm512_and_si512(_mm512_srli_epi32(high, (unsigned)(4 * i)), _mm512_set1_epi32(15));
        __m512i fifth = _mm512_and_si512(_mm512_mullo_epi32(four, spread), lowest);
        __m512i low = bits_at(packed[i % 4], i < 4 ? 0 : 4, 15);
        put_codes(to, 8 * block + i, _mm512_or_si512(low, _mm512_slli_epi32(fifth, 4)));
    }
}

INLINE void put_fives_behind_scale(const struct packed *rows, size_t at, const __m512i head[4], size_t block,
                                   struct span *to)
{
    __m512i high = _mm512_or_si512(_mm512_srli_epi32(head[0], 16), _mm512_slli_epi32(head[1], 16));
    put_fives(rows, at, high, block, to);
}

INLINE void put_fives_behind_minimum(const struct packed *rows, size_t at, const __m512i head[4],
                                     size_t block, struct span *to)
{
    put_fives(rows, at, head[1], block, to);
}

INLINE void put_looked_up(const struct packed *rows, size_t at, const __m512i head[4], size_t block,
                          struct span *to)
{
    (void)head;
    __m512i book = _mm512_broadcast_i32x4(_mm_loadu_si128((const __m128i *)codebook_iq4));
    book = _mm512_xor_si512(book, _mm512_set1_epi8((char)0x80));
    __m512i packed[4];
    load_rows(rows, at, packed);
    UNROLL
    for (size_t i = 0; i < 4; i++) {
        put_codes(to, 8 * block + i, _mm512_shuffle_epi8(book, bits_at(packed[i], 0, 15)));
        put_codes(to, 8 * block + 4 + i, _mm512_shuffle_epi8(book, bits_at(packed[i], 4, 15)));
    }
}

#define SMALL(name, put_block, code_offset, has_minimum)                                                    \
    INLINE void unpack_##name(const struct packed *rows, struct span *to)                                   \
    {                                                                                                       \
        unpack_blocks(rows, sizeof(struct block_##name), offsetof(struct block_##name, codes), has_minimum, \
                      put_block, to);                                                                       \
    }                                                                                                       \
    PANEL_PRODUCT(name, .span_bytes = BLOCKS * sizeof(struct block_##name), .small = true, .group = 32,     \
                  .offset = code_offset, .minimum = has_minimum ? 32 : 0)

SMALL(q8_0, put_bytes, 128, false)
SMALL(q4_0, put_nibbles, 8, false)
SMALL(q4_1, put_nibbles, 0, true)
SMALL(q5_0, put_fives_behind_scale, 16, false)
SMALL(q5_1, put_fives_behind_minimum, 0, true)
SMALL(iq4_nl, put_looked_up, 128, false)
