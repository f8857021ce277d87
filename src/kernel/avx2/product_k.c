/* SPDX-License-Identifier: Apache-2.0 */
/* product_k.c - the K-quants and IQ4_XS: blocks of 256 values with packed integer scales. */
#include "kernel/avx2/avx2.h"
#include "kernel/avx2/panel.h"
#include "quant/codebook.h"

#define EACH_BYTE 0x0101010101010101u

/* 32 bytes, four codes of two bits in each, the lowest first. */
INLINE void unpack_quarters(const uint8_t *at, __m256i codes[4])
{
    const __m256i two_bits = _mm256_set1_epi8(3);
    __m256i packed = load_32(at);
    codes[0] = _mm256_and_si256(packed, two_bits);
    codes[1] = _mm256_and_si256(_mm256_srli_epi16(packed, 2), two_bits);
    codes[2] = _mm256_and_si256(_mm256_srli_epi16(packed, 4), two_bits);
    codes[3] = _mm256_and_si256(_mm256_srli_epi16(packed, 6), two_bits);
}

/* 32 bytes, two codes in each. */
INLINE void unpack_halves(const uint8_t *at, __m256i codes[2])
{
    const __m256i nibble = _mm256_set1_epi8(15);
    __m256i packed = load_32(at);
    codes[0] = _mm256_and_si256(packed, nibble);
    codes[1] = _mm256_and_si256(_mm256_srli_epi16(packed, 4), nibble);
}

/* Bit v of each byte to bit `to`, both constants. */
INLINE __m256i bit_moved(__m256i bytes, int v, int to)
{
    return v <= to ? _mm256_slli_epi16(bytes, to - v) : _mm256_srli_epi16(bytes, v - to);
}

INLINE void unpack_q2_k(const uint8_t *block, struct weights *to)
{
    const struct block_q2_k *b = (const void *)block;
    const __m128i nibble = _mm_set1_epi8(15);
    __m128i groups = load_16(b->groups);

    unpack_quarters(b->codes, to->codes);
    unpack_quarters(b->codes + 32, to->codes + 4);
    to->scales = scales_of_16(_mm_and_si128(groups, nibble));
    to->minima = _mm256_cvtepu8_epi16(_mm_and_si128(_mm_srli_epi16(groups, 4), nibble));
    to->scale = half_at(b->scale);
    to->minimum = -half_at(b->minimum);
}

INLINE void unpack_q3_k(const uint8_t *block, struct weights *to)
{
    const struct block_q3_k *b = (const void *)block;
    const __m256i third_bit = _mm256_set1_epi8(4);
    __m256i high = load_32(b->high);

    unpack_quarters(b->codes, to->codes);
    unpack_quarters(b->codes + 32, to->codes + 4);
    UNROLL
    for (int v = 0; v < MOST_VECTORS; v++)
        to->codes[v] = or_masked(to->codes[v], bit_moved(high, v, 2), third_bit);

    /* Scale i: four bits in half i / 8 of byte i % 8, two more at bit 2 (i / 4) of byte 8 + i % 4. */
    uint64_t low_bits = load_u64(b->groups), upper = load_u32(b->groups + 8);
    upper |= upper >> 2 << 32;
    uint64_t first = (low_bits & 15 * EACH_BYTE) | (upper & 3 * EACH_BYTE) << 4;
    uint64_t second = (low_bits >> 4 & 15 * EACH_BYTE) | (upper & 48 * EACH_BYTE);
    __m128i groups = _mm_set_epi64x((long long)second, (long long)first);
    to->scales = scales_of_16(_mm_sub_epi8(groups, _mm_set1_epi8(32)));
    to->scale = half_at(b->scale);
}

/* The scales and minima of Q4_K and Q5_K: `at` is the block's scale, its minimum, and 12 bytes of groups. */
INLINE void unpack_groups_k(const uint8_t *at, struct weights *to)
{
    uint64_t whole =
        load_u64(at + 4); /* four scales, four minima: six bits, and two more of those in `split` */
    uint32_t split = load_u32(at + 12);
    uint32_t scales = (split & 0x0F0F0F0F) | ((uint32_t)whole >> 2 & 0x30303030);
    uint32_t minima = (split >> 4 & 0x0F0F0F0F) | ((uint32_t)(whole >> 34) & 0x30303030);
    uint64_t low = whole & 63 * EACH_BYTE;
    __m128i all_minima = _mm_cvtsi64_si128((long long)(low >> 32 | (uint64_t)minima << 32));

    to->scales = scales_of_32((uint32_t)low | (uint64_t)scales << 32);
    to->minima = _mm256_cvtepu8_epi16(_mm_unpacklo_epi8(all_minima, all_minima));
    to->scale = half_at(at);
    to->minimum = -half_at(at + 2);
}

INLINE void unpack_q4_k(const uint8_t *block, struct weights *to)
{
    const struct block_q4_k *b = (const void *)block;
    UNROLL
    for (int v = 0; v < MOST_VECTORS; v += 2)
        unpack_halves(b->codes + 16 * v, to->codes + v);
    unpack_groups_k(block, to);
}

INLINE void unpack_q5_k(const uint8_t *block, struct weights *to)
{
    const struct block_q5_k *b = (const void *)block;
    const __m256i fifth_bit = _mm256_set1_epi8(16);
    __m256i high = load_32(b->high);
    UNROLL
    for (int v = 0; v < MOST_VECTORS; v += 2)
        unpack_halves(b->codes + 16 * v, to->codes + v);
    UNROLL
    for (int v = 0; v < MOST_VECTORS; v++)
        to->codes[v] = or_masked(to->codes[v], bit_moved(high, v, 4), fifth_bit);
    unpack_groups_k(block, to);
}

INLINE void unpack_q6_k(const uint8_t *block, struct weights *to)
{
    const struct block_q6_k *b = (const void *)block;
    const __m256i upper_bits = _mm256_set1_epi8(48);
    UNROLL
    for (int half = 0; half < 2; half++) {
        __m256i high = load_32(b->high + 32 * half);
        __m256i first[2], second[2];
        unpack_halves(b->codes + 64 * half, first);
        unpack_halves(b->codes + 64 * half + 32, second);
        __m256i *codes = to->codes + 4 * half;
        codes[0] = or_masked(first[0], _mm256_slli_epi16(high, 4), upper_bits);
        codes[1] = or_masked(second[0], _mm256_slli_epi16(high, 2), upper_bits);
        codes[2] = or_masked(first[1], high, upper_bits);
        codes[3] = or_masked(second[1], _mm256_srli_epi16(high, 2), upper_bits);
    }
    to->scales = scales_of_16(load_16(b->groups));
    to->scale = half_at(b->scale);
}

INLINE void unpack_iq4_xs(const uint8_t *block, struct weights *to)
{
    const struct block_iq4_xs *b = (const void *)block;
    __m256i book = _mm256_broadcastsi128_si256(load_16((const uint8_t *)codebook_iq4));
    UNROLL
    for (int v = 0; v < MOST_VECTORS; v++)
        to->codes[v] = _mm256_shuffle_epi8(book, unpack_nibbles(b->codes + 16 * v));

    uint64_t groups = _pdep_u64(load_u32(b->groups), 15 * EACH_BYTE);
    groups |= _pdep_u64(load_u16(b->groups_high), 48 * EACH_BYTE);
    to->scales = _mm256_sub_epi16(scales_of_32(groups), _mm256_set1_epi16(32));
    to->scale = half_at(b->scale);
}

PRODUCTS(q2_k, sizeof(struct block_q2_k), .group = 16, .folds = true, .minimum = 16, .magnitude = 3)
PRODUCTS(q3_k, sizeof(struct block_q3_k), .group = 16, .folds = true, .offset = 4, .magnitude = 4)
PRODUCTS(q4_k, sizeof(struct block_q4_k), .minimum = 32, .magnitude = 15)
PRODUCTS(q5_k, sizeof(struct block_q5_k), .minimum = 32, .magnitude = 31)
PRODUCTS(q6_k, sizeof(struct block_q6_k), .group = 16, .offset = 32, .magnitude = 32)
PRODUCTS(iq4_xs, sizeof(struct block_iq4_xs), .has_signs = true)
