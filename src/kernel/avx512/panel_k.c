/* SPDX-License-Identifier: Apache-2.0 */
/* panel_k.c - the K-quants and IQ4_XS: blocks of 256 values with packed integer scales. */
#include <stddef.h>

#include "kernel/avx512/avx512.h"
#include "kernel/avx512/panel.h"
#include "quant/codebook.h"

/* Scales of four groups, a byte each: unsigned, times `factor`. */
INLINE void put_four(float (*to)[PANEL_ROWS], __m512i bytes, __m512 factor)
{
    UNROLL
    for (int i = 0; i < 4; i++) {
        __m512i of_group =
            _mm512_and_si512(_mm512_srli_epi32(bytes, (unsigned)(8 * i)), _mm512_set1_epi32(255));
        put_floats(to[i], of_group, factor);
    }
}

/* The same of signed bytes. */
INLINE void put_four_signed(float (*to)[PANEL_ROWS], __m512i bytes, __m512 factor)
{
    UNROLL
    for (int i = 0; i < 4; i++) {
        __m512i of_group = _mm512_srai_epi32(_mm512_slli_epi32(bytes, (unsigned)(24 - 8 * i)), 24);
        put_floats(to[i], of_group, factor);
    }
}

INLINE __m512 negative(__m512 v)
{
    return _mm512_xor_ps(v, _mm512_set1_ps(-0.0f));
}

/* Codes times their group's scale are at most 45, so that the product is made here, once for all tokens. */
INLINE void unpack_q2_k(const struct packed *rows, struct span *to)
{
    __m512i groups[4], last[4];
    load_rows(rows, offsetof(struct block_q2_k, groups), groups);
    load_rows(rows, sizeof(struct block_q2_k) - 16, last); /* ends with the scale and the minimum */
    __m512 scale = lower_halves(last[3]), minimum = negative(upper_halves(last[3]));
    for (size_t i = 0; i < 4; i++)
        put_four(to->minima + 4 * i, bits_at(groups[i], 4, 15), minimum);
    for (size_t i = 0; i < 8; i++)
        _mm512_store_ps(to->scales[i], scale);
    UNROLL
    for (size_t part = 0; part < 4; part++) { /* 16 bytes of codes: `odd` of the 32 of a half */
        size_t half = part / 2, odd = part % 2;
        __m512i packed[4];
        load_rows(rows, offsetof(struct block_q2_k, codes) + 16 * part, packed);
        UNROLL
        for (size_t j = 0; j < 4; j++) {
            size_t group = 8 * half + 2 * j + odd;
            __m512i byte = _mm512_srli_epi32(groups[group / 4], (unsigned)(8 * (group % 4)));
            byte = _mm512_and_si512(byte, _mm512_set1_epi32(15));
            __m512i twice = _mm512_or_si512(byte, _mm512_slli_epi32(byte, 16));
            UNROLL
            for (size_t i = 0; i < 4; i++)
                put_codes(to, 32 * half + 8 * j + 4 * odd + i,
                          _mm512_mullo_epi16(bits_at(packed[i], (int)(2 * j), 3), twice));
        }
    }
}

/* Sixteen scales of 6 bits, see decode_k.c, from the last 16 bytes of a block: they begin 2 bytes earlier. */
INLINE void put_scales_q3_k(const __m512i last[4], float (*to)[PANEL_ROWS])
{
    const __m512i four = _mm512_set1_epi8(15), two = _mm512_set1_epi8(48), bias = _mm512_set1_epi8(32);
    __m512 factor = upper_halves(last[3]);
    __m512i of[3];
    UNROLL
    for (int i = 0; i < 3; i++)
        of[i] = _mm512_or_si512(_mm512_srli_epi32(last[i], 16), _mm512_slli_epi32(last[i + 1], 16));
    UNROLL
    for (int i = 0; i < 4; i++) {
        __m512i low = _mm512_and_si512(i < 2 ? of[i] : _mm512_srli_epi32(of[i - 2], 4), four);
        __m512i scales = or_masked(low, move_bits(of[2], 2 * i, 4), two);
        put_four_signed(to + 4 * i, _mm512_sub_epi8(scales, bias), factor);
    }
}

INLINE void unpack_q3_k(const struct packed *rows, struct span *to)
{
    __m512i high[8], last[4];
    load_rows(rows, offsetof(struct block_q3_k, high), high);
    load_rows(rows, offsetof(struct block_q3_k, high) + 16, high + 4);
    load_rows(rows, sizeof(struct block_q3_k) - 16, last);
    put_scales_q3_k(last, to->scales);
    UNROLL
    for (size_t part = 0; part < 4; part++) {
        size_t half = part / 2, odd = part % 2;
        __m512i packed[4];
        load_rows(rows, offsetof(struct block_q3_k, codes) + 16 * part, packed);
        UNROLL
        for (size_t i = 0; i < 4; i++) {
            UNROLL
            for (size_t j = 0; j < 4; j++) {
                __m512i third = move_bits(high[4 * odd + i], (int)(4 * half + j), 2);
                put_codes(to, 32 * half + 8 * j + 4 * odd + i,
                          or_masked(bits_at(packed[i], (int)(2 * j), 3), third, _mm512_set1_epi8(4)));
            }
        }
    }
}

/* The first 16 bytes of Q4_K and Q5_K: scale, minimum, eight scales and eight minima of 6 bits. */
INLINE void put_groups_k(const struct packed *rows, struct span *to)
{
    const __m512i six = _mm512_set1_epi8(63), four = _mm512_set1_epi8(15), two = _mm512_set1_epi8(48);
    __m512i head[4];
    load_rows(rows, 0, head);
    __m512 scale = lower_halves(head[0]), minimum = negative(upper_halves(head[0]));
    __m512i scales = or_masked(_mm512_and_si512(head[3], four), _mm512_srli_epi32(head[1], 2), two);
    __m512i minima =
        or_masked(_mm512_and_si512(_mm512_srli_epi32(head[3], 4), four), _mm512_srli_epi32(head[2], 2), two);
    put_four(to->scales, _mm512_and_si512(head[1], six), scale);
    put_four(to->scales + 4, scales, scale);
    put_four(to->minima, _mm512_and_si512(head[2], six), minimum);
    put_four(to->minima + 4, minima, minimum);
}

INLINE void unpack_q4_k(const struct packed *rows, struct span *to)
{
    put_groups_k(rows, to);
    UNROLL
    for (size_t part = 0; part < 8; part++) {
        __m512i packed[4];
        load_rows(rows, offsetof(struct block_q4_k, codes) + 16 * part, packed);
        UNROLL
        for (size_t i = 0; i < 4; i++) {
            size_t fours = part / 2 * 16 + part % 2 * 4 + i;
            put_codes(to, fours, bits_at(packed[i], 0, 15));
            put_codes(to, fours + 8, bits_at(packed[i], 4, 15));
        }
    }
}

INLINE void unpack_q5_k(const struct packed *rows, struct span *to)
{
    const __m512i fifth = _mm512_set1_epi8(16);
    __m512i high[8];
    put_groups_k(rows, to);
    load_rows(rows, offsetof(struct block_q5_k, high), high);
    load_rows(rows, offsetof(struct block_q5_k, high) + 16, high + 4);
    UNROLL
    for (size_t part = 0; part < 8; part++) {
        __m512i packed[4];
        int bit = (int)(part / 2 * 2);
        load_rows(rows, offsetof(struct block_q5_k, codes) + 16 * part, packed);
        UNROLL
        for (size_t i = 0; i < 4; i++) {
            size_t fours = part / 2 * 16 + part % 2 * 4 + i;
            __m512i bits = high[part % 2 * 4 + i];
            put_codes(to, fours, or_masked(bits_at(packed[i], 0, 15), move_bits(bits, bit, 4), fifth));
            put_codes(to, fours + 8,
                      or_masked(bits_at(packed[i], 4, 15), move_bits(bits, bit + 1, 4), fifth));
        }
    }
}

INLINE void unpack_q6_k(const struct packed *rows, struct span *to)
{
    const __m512i upper = _mm512_set1_epi8(48);
    __m512i groups[4], last[4];
    load_rows(rows, offsetof(struct block_q6_k, groups), groups);
    load_rows(rows, sizeof(struct block_q6_k) - 16, last);
    for (size_t i = 0; i < 4; i++)
        put_four_signed(to->scales + 4 * i, groups[i], upper_halves(last[3]));
    UNROLL
    for (size_t part = 0; part < 4; part++) { /* 16 columns' upper bits, of four groups of columns */
        size_t half = part / 2, odd = part % 2;
        __m512i high[4], first[4], second[4];
        load_rows(rows, offsetof(struct block_q6_k, high) + 16 * part, high);
        load_rows(rows, 64 * half + 16 * odd, first);
        load_rows(rows, 64 * half + 16 * odd + 32, second);
        UNROLL
        for (size_t i = 0; i < 4; i++) {
            size_t fours = 32 * half + 4 * odd + i;
            put_codes(to, fours, or_masked(bits_at(first[i], 0, 15), move_bits(high[i], 0, 4), upper));
            put_codes(to, fours + 8, or_masked(bits_at(second[i], 0, 15), move_bits(high[i], 2, 4), upper));
            put_codes(to, fours + 16, or_masked(bits_at(first[i], 4, 15), high[i], upper));
            put_codes(to, fours + 24, or_masked(bits_at(second[i], 4, 15), move_bits(high[i], 6, 4), upper));
        }
    }
}

INLINE void unpack_iq4_xs(const struct packed *rows, struct span *to)
{
    __m512i book = _mm512_broadcast_i32x4(_mm_loadu_si128((const __m128i *)codebook_iq4));
    book = _mm512_xor_si512(book, _mm512_set1_epi8((char)0x80));
    __m512i head[4];
    load_rows(rows, 0, head); /* the scale, upper bits of groups, lower bits of groups */
    UNROLL
    for (unsigned i = 0; i < 8; i++) {
        __m512i low = _mm512_and_si512(_mm512_srli_epi32(head[1], 4 * i), _mm512_set1_epi32(15));
        __m512i high = move_bits(head[0], (int)(16 + 2 * i), 4);
        __m512i group = or_masked(low, high, _mm512_set1_epi32(48));
        group = _mm512_sub_epi32(group, _mm512_set1_epi32(32));
        put_floats(to->scales[i], group, lower_halves(head[0]));
    }
    UNROLL
    for (size_t block = 0; block < 8; block++) {
        __m512i packed[4];
        load_rows(rows, offsetof(struct block_iq4_xs, codes) + 16 * block, packed);
        UNROLL
        for (size_t i = 0; i < 4; i++) {
            put_codes(to, 8 * block + i, _mm512_shuffle_epi8(book, bits_at(packed[i], 0, 15)));
            put_codes(to, 8 * block + 4 + i, _mm512_shuffle_epi8(book, bits_at(packed[i], 4, 15)));
        }
    }
}

PANEL_PRODUCT(q2_k, .span_bytes = sizeof(struct block_q2_k), .group = 32, .minimum = 16)
PANEL_PRODUCT(q3_k, .span_bytes = sizeof(struct block_q3_k), .group = 16, .offset = 4)
PANEL_PRODUCT(q4_k, .span_bytes = sizeof(struct block_q4_k), .group = 32, .minimum = 32)
PANEL_PRODUCT(q5_k, .span_bytes = sizeof(struct block_q5_k), .group = 32, .minimum = 32)
PANEL_PRODUCT(q6_k, .span_bytes = sizeof(struct block_q6_k), .group = 16, .offset = 32)
PANEL_PRODUCT(iq4_xs, .span_bytes = sizeof(struct block_iq4_xs), .group = 32, .offset = 128)
