/* SPDX-License-Identifier: Apache-2.0 */
/* panel_small.c - blocks of 32 values with one scale: Q8_0, Q4_0 to Q5_1 and IQ4_NL, eight blocks a
 * span. */
#include <stddef.h>

#include "kernel/avx512/avx512.h"
#include "kernel/avx512/panel.h"
#include "quant/codebook.h"

#define BLOCKS (SPAN / BLOCK_SMALL)

INLINE void unpack_q8_0(const struct packed *rows, struct span *to)
{
    const __m512i sign = _mm512_set1_epi8((char)0x80);
    UNROLL
    for (size_t block = 0; block < BLOCKS; block++) {
        size_t at = block * sizeof(struct block_q8_0);
        __m512i head[4], codes[8];
        load_rows(rows, at, head);
        load_rows(rows, at + offsetof(struct block_q8_0, codes), codes);
        load_rows(rows, at + offsetof(struct block_q8_0, codes) + 16, codes + 4);
        _mm512_store_ps(to->scales[block], lower_halves(head[0]));
        UNROLL
        for (size_t i = 0; i < 8; i++)
            put_codes(to, 8 * block + i, _mm512_xor_si512(codes[i], sign));
    }
}

/* Sixteen bytes of two codes each, at the end of a block. */
INLINE void put_nibbles(const struct packed *rows, size_t byte, size_t block, struct span *to)
{
    __m512i packed[4];
    load_rows(rows, byte, packed);
    UNROLL
    for (size_t i = 0; i < 4; i++) {
        put_codes(to, 8 * block + i, bits_at(packed[i], 0, 15));
        put_codes(to, 8 * block + 4 + i, bits_at(packed[i], 4, 15));
    }
}

INLINE void unpack_q4_0(const struct packed *rows, struct span *to)
{
    UNROLL
    for (size_t block = 0; block < BLOCKS; block++) {
        size_t at = block * sizeof(struct block_q4_0);
        __m512i head[4];
        load_rows(rows, at, head);
        _mm512_store_ps(to->scales[block], lower_halves(head[0]));
        put_nibbles(rows, at + offsetof(struct block_q4_0, codes), block, to);
    }
}

INLINE void unpack_q4_1(const struct packed *rows, struct span *to)
{
    UNROLL
    for (size_t block = 0; block < BLOCKS; block++) {
        size_t at = block * sizeof(struct block_q4_1);
        __m512i head[4];
        load_rows(rows, at, head);
        _mm512_store_ps(to->scales[block], lower_halves(head[0]));
        _mm512_store_ps(to->minima[block], upper_halves(head[0]));
        put_nibbles(rows, at + offsetof(struct block_q4_1, codes), block, to);
    }
}

/* The same with a fifth bit: bit i of `high` is value i's. */
INLINE void put_fives(const struct packed *rows, size_t byte, size_t block, __m512i high, struct span *to)
{
    /* Four bits times this stand in four bytes, each at bit 0 of its own and higher ones of others. */
    const __m512i spread = _mm512_set1_epi32(0x00204081), lowest = _mm512_set1_epi8(1);
    __m512i packed[4];
    load_rows(rows, byte, packed);
    UNROLL
    for (size_t i = 0; i < 8; i++) {
        __m512i four = _mm512_and_si512(_mm512_srli_epi32(high, (unsigned)(4 * i)), _mm512_set1_epi32(15));
        __m512i fifth = _mm512_and_si512(_mm512_mullo_epi32(four, spread), lowest);
        __m512i low = bits_at(packed[i % 4], i < 4 ? 0 : 4, 15);
        put_codes(to, 8 * block + i, _mm512_or_si512(low, _mm512_slli_epi32(fifth, 4)));
    }
}

INLINE void unpack_q5_0(const struct packed *rows, struct span *to)
{
    UNROLL
    for (size_t block = 0; block < BLOCKS; block++) {
        size_t at = block * sizeof(struct block_q5_0);
        __m512i head[4];
        load_rows(rows, at, head);
        __m512i high = _mm512_or_si512(_mm512_srli_epi32(head[0], 16), _mm512_slli_epi32(head[1], 16));
        _mm512_store_ps(to->scales[block], lower_halves(head[0]));
        put_fives(rows, at + offsetof(struct block_q5_0, codes), block, high, to);
    }
}

INLINE void unpack_q5_1(const struct packed *rows, struct span *to)
{
    UNROLL
    for (size_t block = 0; block < BLOCKS; block++) {
        size_t at = block * sizeof(struct block_q5_1);
        __m512i head[4];
        load_rows(rows, at, head);
        _mm512_store_ps(to->scales[block], lower_halves(head[0]));
        _mm512_store_ps(to->minima[block], upper_halves(head[0]));
        put_fives(rows, at + offsetof(struct block_q5_1, codes), block, head[1], to);
    }
}

INLINE void unpack_iq4_nl(const struct packed *rows, struct span *to)
{
    __m512i book = _mm512_broadcast_i32x4(_mm_loadu_si128((const __m128i *)codebook_iq4));
    book = _mm512_xor_si512(book, _mm512_set1_epi8((char)0x80));
    UNROLL
    for (size_t block = 0; block < BLOCKS; block++) {
        size_t at = block * sizeof(struct block_iq4_nl);
        __m512i head[4], packed[4];
        load_rows(rows, at, head);
        load_rows(rows, at + offsetof(struct block_iq4_nl, codes), packed);
        _mm512_store_ps(to->scales[block], lower_halves(head[0]));
        UNROLL
        for (size_t i = 0; i < 4; i++) {
            put_codes(to, 8 * block + i, _mm512_shuffle_epi8(book, bits_at(packed[i], 0, 15)));
            put_codes(to, 8 * block + 4 + i, _mm512_shuffle_epi8(book, bits_at(packed[i], 4, 15)));
        }
    }
}

#define SMALL(name, ...)                                                                                \
    PANEL_PRODUCT(name, .span_bytes = BLOCKS * sizeof(struct block_##name), .small = true, .group = 32, \
                  __VA_ARGS__)

SMALL(q8_0, .offset = 128)
SMALL(q4_0, .offset = 8)
SMALL(q4_1, .minimum = 32)
SMALL(q5_0, .offset = 16)
SMALL(q5_1, .minimum = 32)
SMALL(iq4_nl, .offset = 128)
