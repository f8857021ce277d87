/* SPDX-License-Identifier: Apache-2.0 */
/* product_k.c - the K-quants and IQ4_XS: blocks of 256 values with packed integer scales. */
#include <stddef.h>

#include "kernel/avx512/avx512.h"
#include "kernel/avx512/dot.h"
#include "quant/codebook.h"

#define EACH_BYTE 0x0101010101010101u

/* 32 bytes, and beside them the same bytes shifted right; what crosses from byte to byte the caller masks
 * off. */
INLINE __m512i load_shifted(const uint8_t *at, int shift)
{
    __m512i both = _mm512_broadcast_i64x4(_mm256_loadu_si256((const __m256i *)at));
    __m512i shifts = _mm512_inserti64x4(_mm512_setzero_si512(), _mm256_set1_epi16((short)shift), 1);
    return _mm512_srlv_epi16(both, shifts);
}

INLINE __m512 scaled(__m512i integers, float scale)
{
    return _mm512_mul_ps(_mm512_cvtepi32_ps(integers), _mm512_set1_ps(scale));
}

INLINE float half_at(const uint8_t *at)
{
    return _cvtsh_ss(load_u16(at));
}

/* Sixteen bytes, the first eight in `low`. */
INLINE __m128i sixteen_bytes(uint64_t low, uint64_t high)
{
    return _mm_set_epi64x((long long)high, (long long)low);
}

INLINE void unpack_q2_k(const uint8_t *block, struct weights *to)
{
    const struct block_q2_k *b = (const void *)block;
    const __m128i nibble = _mm_set1_epi8(15);
    __m512i packed = load_once(b->codes);
    __m128i groups = _mm_loadu_si128((const __m128i *)b->groups);

    UNROLL
    for (int v = 0; v < MOST_VECTORS; v++)
        to->codes[v] = _mm512_and_si512(packed, _mm512_set1_epi8((char)(3 << 2 * v)));
    struct two_floats scale_minimum = load_two_halves(b->scale);
    to->scales = scaled(_mm512_cvtepu8_epi32(_mm_and_si128(groups, nibble)), scale_minimum.of[0]);
    to->minima = _mm256_cvtepu8_epi16(_mm_and_si128(_mm_srli_epi16(groups, 4), nibble));
    to->minimum = scale_minimum.of[1];
}

/* The third bits are moved once, to the four bits from 3 on; the lower two are brought below each. */
INLINE void unpack_q3_k(const uint8_t *block, struct weights *to)
{
    const struct block_q3_k *b = (const void *)block;
    const __m512i left_3_right_1 = _mm512_inserti64x4(_mm512_set1_epi32(3), _mm256_set1_epi32(31), 1);
    __m512i packed = load_once(b->codes);
    __m512i high = _mm512_broadcast_i64x4(_mm256_loadu_si256((const __m256i *)b->high));
    high = _mm512_rolv_epi32(high, left_3_right_1);

    to->codes[0] = _mm512_and_si512(_mm512_slli_epi16(packed, 1), _mm512_set1_epi8(3 << 1));
    to->codes[1] = _mm512_and_si512(packed, _mm512_set1_epi8(3 << 2));
    to->codes[2] = _mm512_and_si512(_mm512_srli_epi16(packed, 1), _mm512_set1_epi8(3 << 3));
    to->codes[3] = _mm512_and_si512(_mm512_srli_epi16(packed, 2), _mm512_set1_epi8(3 << 4));
    UNROLL
    for (int v = 0; v < MOST_VECTORS; v++)
        to->codes[v] = or_masked(to->codes[v], high, _mm512_set1_epi8((char)(8 << v)));

    /* Scale i: four bits in half i / 8 of byte i % 8, two more at bit 2 (i / 4) of byte 8 + i % 4. */
    uint64_t low_bits = load_u64(b->groups), upper = load_u32(b->groups + 8);
    upper |= upper >> 2 << 32;
    uint64_t first = (low_bits & 15 * EACH_BYTE) | (upper & 3 * EACH_BYTE) << 4;
    uint64_t second = (low_bits >> 4 & 15 * EACH_BYTE) | (upper & 48 * EACH_BYTE);
    __m128i groups = _mm_sub_epi8(sixteen_bytes(first, second), _mm_set1_epi8(32));
    to->scales = scaled(_mm512_cvtepi8_epi32(groups),
                        load_two_halves(block + offsetof(struct block_q3_k, scale) - 2).of[1]);
}

/* The scales and minima of Q4_K and Q5_K: `at` is the block's scale, its minimum, and 12 bytes of groups. */
INLINE __m512 load_groups_k(const uint8_t *at)
{
    const __m512i scale_then_minimum = _mm512_set_epi32(1, 1, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0);
    uint64_t whole =
        load_u64(at + 4); /* four scales, four minima: six bits, and two more of those in `split` */
    uint32_t split = load_u32(at + 12);
    uint32_t scales = (split & 0x0F0F0F0F) | ((uint32_t)whole >> 2 & 0x30303030);
    uint32_t minima = (split >> 4 & 0x0F0F0F0F) | ((uint32_t)(whole >> 34) & 0x30303030);
    uint64_t low = whole & 63 * EACH_BYTE;
    __m128i groups =
        sixteen_bytes((uint32_t)low | (uint64_t)scales << 32, low >> 32 | (uint64_t)minima << 32);
    __m128 both =
        _mm_cvtph_ps(_mm_cvtsi32_si128((int)(load_u32(at) ^ 0x80000000))); /* the minimum is subtracted */
    __m512 factors = _mm512_permutexvar_ps(scale_then_minimum, _mm512_castps128_ps512(both));
    return _mm512_mul_ps(_mm512_cvtepi32_ps(_mm512_cvtepu8_epi32(groups)), factors);
}

INLINE void unpack_q4_k(const uint8_t *block, struct weights *to)
{
    const struct block_q4_k *b = (const void *)block;
    UNROLL
    for (int v = 0; v < MOST_VECTORS; v += 2) {
        __m512i packed = load_once(b->codes + 32 * v);
        to->codes[v] = _mm512_and_si512(packed, _mm512_set1_epi8(15));
        to->codes[v + 1] = _mm512_and_si512(packed, _mm512_set1_epi8((char)(15 << 4)));
    }
    to->scales = load_groups_k(block);
}

/* The lower four bits of odd vectors are left one higher, so that one move of the fifth serves both. */
INLINE void unpack_q5_k(const uint8_t *block, struct weights *to)
{
    const struct block_q5_k *b = (const void *)block;
    __m512i high = load_shifted(b->high, 2);
    UNROLL
    for (int v = 0; v < MOST_VECTORS; v += 2) {
        __m512i packed = load_once(b->codes + 32 * v);
        __m512i fifth = v == 0 ? _mm512_slli_epi16(high, 4) : high;
        to->codes[v] = _mm512_and_si512(packed, _mm512_set1_epi8(15));
        to->codes[v + 1] = _mm512_and_si512(_mm512_srli_epi16(packed, 3), _mm512_set1_epi8(15 << 1));
        to->codes[v] = or_masked(to->codes[v], fifth, _mm512_set1_epi8(1 << 4));
        to->codes[v + 1] = or_masked(to->codes[v + 1], fifth, _mm512_set1_epi8(1 << 5));
    }
    to->scales = load_groups_k(block);
}

INLINE void unpack_q6_k(const uint8_t *block, struct weights *to)
{
    const struct block_q6_k *b = (const void *)block;
    const __m512i nibble = _mm512_set1_epi8(15), upper_bits = _mm512_set1_epi8(48);
    UNROLL
    for (int half = 0; half < 2; half++) {
        __m512i packed = load_once(b->codes + 64 * half);
        __m512i high = load_shifted(b->high + 32 * half, 2);
        __m512i low_codes = _mm512_and_si512(packed, nibble);
        __m512i high_codes = _mm512_and_si512(_mm512_srli_epi16(packed, 4), nibble);
        to->codes[2 * half] = or_masked(low_codes, _mm512_slli_epi16(high, 4), upper_bits);
        to->codes[2 * half + 1] = or_masked(high_codes, high, upper_bits);
    }
    __m128i groups = _mm_loadu_si128((const __m128i *)b->groups);
    to->scales = scaled(_mm512_cvtepi8_epi32(groups),
                        load_two_halves(block + offsetof(struct block_q6_k, scale) - 2).of[1]);
}

INLINE void unpack_iq4_xs(const uint8_t *block, struct weights *to)
{
    const struct block_iq4_xs *b = (const void *)block;
    const __m512i nibble = _mm512_set1_epi8(15);
    __m512i book = _mm512_broadcast_i32x4(_mm_loadu_si128((const __m128i *)codebook_iq4));
    book = _mm512_xor_si512(book, _mm512_set1_epi8((char)0x80));

    UNROLL
    for (int half = 0; half < 2; half++) {
        __m512i packed = load_once(b->codes + 64 * half);
        __m512i high = _mm512_and_si512(_mm512_srli_epi16(packed, 4), nibble);
        to->codes[2 * half] = _mm512_shuffle_epi8(book, _mm512_and_si512(packed, nibble));
        to->codes[2 * half + 1] = _mm512_shuffle_epi8(book, high);
    }
    uint64_t groups = _pdep_u64(load_u32(b->groups), 15 * EACH_BYTE);
    groups |= _pdep_u64(load_u16(b->groups_high), 48 * EACH_BYTE);
    __m256i wide = _mm256_cvtepu8_epi32(_mm_cvtsi64_si128((long long)groups));
    wide = _mm256_sub_epi32(wide, _mm256_set1_epi32(32));
    __m256 scales = _mm256_mul_ps(_mm256_cvtepi32_ps(wide), _mm256_set1_ps(half_at(b->scale)));
    to->scales = _mm512_zextps256_ps512(scales);
}

PRODUCT(q2_k, sizeof(struct block_q2_k), .order = QUARTERS_16, .minima = true, .shifts = {0, 2, 4, 6})
PRODUCT(q3_k, sizeof(struct block_q3_k), .order = QUARTERS_16, .offset = 4, .shifts = {1, 2, 3, 4})
PRODUCT(q4_k, sizeof(struct block_q4_k), .order = HALVES_32, .minima = true, .shifts = {0, 4, 0, 4})
PRODUCT(q5_k, sizeof(struct block_q5_k), .order = HALVES_32, .minima = true, .shifts = {0, 1, 0, 1})
PRODUCT(q6_k, sizeof(struct block_q6_k), .order = LINEAR_16, .offset = 32)
PRODUCT(iq4_xs, sizeof(struct block_iq4_xs), .order = NIBBLES_32, .offset = 128)
