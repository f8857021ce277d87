/* SPDX-License-Identifier: Apache-2.0 */
/* product_small.c - blocks of 32 values with one scale: Q8_0, Q4_0 to Q5_1 and IQ4_NL. */
#include "kernel/avx2/avx2.h"
#include "kernel/avx2/panel.h"
#include "quant/codebook.h"

/* Bit i of `bits` to bit 4 of byte i. */
INLINE __m256i fifth_bits(uint32_t bits)
{
    const __m256i byte_of = _mm256_setr_epi64x(0, 0x0101010101010101, 0x0202020202020202, 0x0303030303030303);
    const __m256i bit_of = _mm256_set1_epi64x((long long)0x8040201008040201);
    __m256i spread = _mm256_shuffle_epi8(_mm256_set1_epi32((int)bits), byte_of);
    __m256i set = _mm256_cmpeq_epi8(_mm256_and_si256(spread, bit_of), bit_of);
    return _mm256_and_si256(set, _mm256_set1_epi8(16));
}

INLINE void unpack_q8_0(const uint8_t *block, struct weights *to)
{
    const struct block_q8_0 *b = (const void *)block;
    to->codes[0] = load_32(b->codes);
    to->scale = half_at(b->scale);
}

INLINE void unpack_q4_0(const uint8_t *block, struct weights *to)
{
    const struct block_q4_0 *b = (const void *)block;
    to->codes[0] = unpack_nibbles(b->codes);
    to->scale = half_at(b->scale);
}

INLINE void unpack_q4_1(const uint8_t *block, struct weights *to)
{
    const struct block_q4_1 *b = (const void *)block;
    to->codes[0] = unpack_nibbles(b->codes);
    to->scale = half_at(b->scale);
    to->minimum = half_at(b->minimum);
}

INLINE void unpack_q5_0(const uint8_t *block, struct weights *to)
{
    const struct block_q5_0 *b = (const void *)block;
    to->codes[0] = _mm256_or_si256(unpack_nibbles(b->codes), fifth_bits(load_u32(b->high)));
    to->scale = half_at(b->scale);
}

INLINE void unpack_q5_1(const uint8_t *block, struct weights *to)
{
    const struct block_q5_1 *b = (const void *)block;
    to->codes[0] = _mm256_or_si256(unpack_nibbles(b->codes), fifth_bits(load_u32(b->high)));
    to->scale = half_at(b->scale);
    to->minimum = half_at(b->minimum);
}

INLINE void unpack_iq4_nl(const uint8_t *block, struct weights *to)
{
    const struct block_iq4_nl *b = (const void *)block;
    __m256i book = _mm256_broadcastsi128_si256(load_16((const uint8_t *)codebook_iq4));
    to->codes[0] = _mm256_shuffle_epi8(book, unpack_nibbles(b->codes));
    to->scale = half_at(b->scale);
}

PRODUCTS(q8_0, sizeof(struct block_q8_0), .small = true, .has_signs = true)
PRODUCTS(q4_0, sizeof(struct block_q4_0), .small = true, .offset = 8, .magnitude = 8)
PRODUCTS(q4_1, sizeof(struct block_q4_1), .small = true, .minimum = 32, .magnitude = 15)
PRODUCTS(q5_0, sizeof(struct block_q5_0), .small = true, .offset = 16, .magnitude = 16)
PRODUCTS(q5_1, sizeof(struct block_q5_1), .small = true, .minimum = 32, .magnitude = 31)
PRODUCTS(iq4_nl, sizeof(struct block_iq4_nl), .small = true, .has_signs = true)
