/* SPDX-License-Identifier: Apache-2.0 */
/* lanes.h - packed rows, a row a lane: what unpacking them into panels is made of.
 *
 * Blocks of as many rows as a vector has lanes are transposed, 16 bytes at a time, and each vector that is
 * unpacked then serves all of them. How a format is unpacked is written once, in lanes_k.h and lanes_small.h,
 * over vectors of the size that the including file is compiled for: 512 bits with AVX-512, otherwise 256. */
#ifndef FATHOM_KERNEL_LANES_LANES_H
#define FATHOM_KERNEL_LANES_LANES_H

#include <immintrin.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/bytes.h"
#include "kernel/unroll.h"
#include "quant/blocks.h"

#define PANEL_ROWS 16 /* of a panel: the lanes of one vector, or of two */

#if defined(__AVX512BW__)
#define LANES             16
#define VECTOR(operation) _mm512_##operation
typedef __m512i ints;
typedef __m512 floats;
#else
#define LANES             8
#define VECTOR(operation) _mm256_##operation
typedef __m256i ints;
typedef __m256 floats;
#endif

/* A block of 256 columns of LANES rows, or blocks of 32. */
struct packed {
    const uint8_t *at; /* the first row's */
    size_t stride;     /* bytes to the next row */
};

/* Where it goes, unpacked: from the first of LANES rows on.
 *
 * AVX2 sums products in 16 bits and multiplies the sums by groups' scales in integers: it wants those apart
 * from the codes, and the block's scale beside them. Codes with signs it wants in 16 bits. */
struct span {
    float (*scales)[PANEL_ROWS];     /* [group][row]; beside pairs the block's, [32 columns][row] */
    float (*minima)[PANEL_ROWS];     /* [group][row] */
    int16_t (*pairs)[PANEL_ROWS][2]; /* [16 columns][row] the group's scale, twice */
    bool paired;                     /* there are pairs */
    bool widened;                    /* codes have signs and 16 bits, in the order that put_codes() has */
    /* [four columns][row][column]. NULL, on AVX-512: codes are multiplied at once, with the values below. */
    uint8_t (*codes)[PANEL_ROWS][4];
    const int8_t *values;        /* [BLOCK_SUPER] of one token */
    ints sums[BLOCK_SUPER / 16]; /* [group][row] of their products */
    size_t group;                /* columns */
};

/* ---- what depends on the size of a vector ---- */

#if defined(__AVX512BW__)
INLINE void store_ints(void *to, ints v)
{
    _mm512_store_si512(to, v);
}

INLINE void put_codes(struct span *to, size_t fours, ints codes)
{
    if (to->codes != NULL) {
        store_ints(to->codes[fours], codes);
        return;
    }
    ints x = _mm512_set1_epi32((int)load_u32((const uint8_t *)to->values + 4 * fours));
    ints *sum = &to->sums[4 * fours / to->group];
    *sum = _mm512_dpbusd_epi32(*sum, codes, x);
}

/* 16 bytes of rows r, 4 + r, 8 + r and 12 + r. */
INLINE ints load_quarter(const uint8_t *at, size_t stride)
{
    ints v = _mm512_castsi128_si512(_mm_loadu_si128((const __m128i *)at));
    v = _mm512_mask_broadcast_i32x4(v, 0x00F0, _mm_loadu_si128((const __m128i *)(at + 4 * stride)));
    v = _mm512_mask_broadcast_i32x4(v, 0x0F00, _mm_loadu_si128((const __m128i *)(at + 8 * stride)));
    return _mm512_mask_broadcast_i32x4(v, 0xF000, _mm_loadu_si128((const __m128i *)(at + 12 * stride)));
}

/* The numbers of binary16 in the lower halves of lanes. */
INLINE floats lower_halves(ints lanes)
{
    return _mm512_cvtph_ps(_mm512_cvtepi32_epi16(lanes));
}

/* a | (b & mask) */
INLINE ints or_masked(ints a, ints b, ints mask)
{
    return _mm512_ternarylogic_epi64(a, b, mask, 0xF8);
}

/* 16 bytes, for bytes_look_up(). */
INLINE ints load_book(const int8_t *book)
{
    return _mm512_broadcast_i32x4(_mm_loadu_si128((const __m128i *)(const void *)book));
}
#else
INLINE void store_ints(void *to, ints v)
{
    _mm256_store_si256((__m256i *)to, v);
}

/* Bytes with signs as 16 bits: the even ones, and the odd ones. */
INLINE ints even_bytes(ints bytes)
{
    return _mm256_srai_epi16(_mm256_slli_epi16(bytes, 8), 8);
}

INLINE ints odd_bytes(ints bytes)
{
    return _mm256_srai_epi16(bytes, 8);
}

/* Codes with signs come as code + 128. Of 16 bits, those of 32 columns are in pairs: columns 0 and 2, 4 and 6
 * ..., then 1 and 3, 5 and 7 ... */
INLINE void put_codes(struct span *to, size_t fours, ints codes)
{
    if (!to->widened) {
        store_ints(to->codes[fours], codes);
        return;
    }
    ints with_signs = _mm256_xor_si256(codes, _mm256_set1_epi8((char)0x80));
    store_ints(to->codes[fours / 8 * 16 + fours % 8], even_bytes(with_signs));
    store_ints(to->codes[fours / 8 * 16 + 8 + fours % 8], odd_bytes(with_signs));
}

INLINE ints load_quarter(const uint8_t *at, size_t stride)
{
    __m128i second = _mm_loadu_si128((const __m128i *)(at + 4 * stride));
    return _mm256_set_m128i(second, _mm_loadu_si128((const __m128i *)at));
}

INLINE floats lower_halves(ints lanes)
{
    ints halves = _mm256_blend_epi16(lanes, _mm256_setzero_si256(), 0xAA);
    halves = _mm256_permute4x64_epi64(_mm256_packus_epi32(halves, halves), 0xD8);
    return _mm256_cvtph_ps(_mm256_castsi256_si128(halves));
}

INLINE ints or_masked(ints a, ints b, ints mask)
{
    return a | (b & mask);
}

INLINE ints load_book(const int8_t *book)
{
    return _mm256_broadcastsi128_si256(_mm_loadu_si128((const __m128i *)(const void *)book));
}
#endif

/* ---- lanes and their bytes ---- */

INLINE ints all_lanes(uint32_t v)
{
    return VECTOR(set1_epi32)((int)v);
}

INLINE ints all_bytes(uint8_t v)
{
    return VECTOR(set1_epi8)((char)v);
}

INLINE ints move_right(ints v, size_t n_bits)
{
    return VECTOR(srli_epi32)(v, (unsigned)n_bits);
}

INLINE ints move_left(ints v, size_t n_bits)
{
    return VECTOR(slli_epi32)(v, (unsigned)n_bits);
}

/* Bits from `from` on come to `to`; what crosses from byte to byte the caller masks off. */
INLINE ints move_bits(ints v, size_t from, size_t to)
{
    return from > to ? move_right(v, from - to) : move_left(v, to - from);
}

/* Fields of every byte. */
INLINE ints bits_at(ints v, size_t from, uint8_t mask)
{
    return move_right(v, from) & all_bytes(mask);
}

/* Byte i of every lane, as a number without or with a sign. */
INLINE ints byte_of(ints v, size_t i)
{
    return move_right(v, 8 * i) & all_lanes(255);
}

INLINE ints signed_byte_of(ints v, size_t i)
{
    return VECTOR(srai_epi32)(move_left(v, 24 - 8 * i), 24);
}

INLINE ints bytes_look_up(ints book, ints bytes)
{
    return VECTOR(shuffle_epi8)(book, bytes);
}

/* The numbers of binary16 in the upper halves of lanes. */
INLINE floats upper_halves(ints lanes)
{
    return lower_halves(move_right(lanes, 16));
}

INLINE void put_floats(float to[PANEL_ROWS], ints integers, floats factor)
{
    VECTOR(store_ps)(to, VECTOR(mul_ps)(VECTOR(cvtepi32_ps)(integers), factor));
}

/* The lower half of each lane in both. */
INLINE ints twice_of(ints v)
{
    return (v & all_lanes(0xFFFF)) | move_left(v, 16);
}

/* Bytes byte .. byte + 15 of each row: vector i has the i-th four of them, a row a lane. */
INLINE void load_rows(const struct packed *rows, size_t byte, ints to[4])
{
    ints quarter[4]; /* [i]: rows i, 4 + i and so on */
    UNROLL
    for (size_t i = 0; i < 4; i++)
        quarter[i] = load_quarter(rows->at + i * rows->stride + byte, rows->stride);
    ints a = VECTOR(unpacklo_epi32)(quarter[0], quarter[1]);
    ints b = VECTOR(unpackhi_epi32)(quarter[0], quarter[1]);
    ints c = VECTOR(unpacklo_epi32)(quarter[2], quarter[3]);
    ints d = VECTOR(unpackhi_epi32)(quarter[2], quarter[3]);
    to[0] = VECTOR(unpacklo_epi64)(a, c);
    to[1] = VECTOR(unpackhi_epi64)(a, c);
    to[2] = VECTOR(unpacklo_epi64)(b, d);
    to[3] = VECTOR(unpackhi_epi64)(b, d);
}

#endif
