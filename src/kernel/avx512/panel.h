/* SPDX-License-Identifier: Apache-2.0 */
/* panel.h - products with many tokens: sixteen rows at a time, a row a lane.
 *
 * A panel is a stretch of columns of sixteen rows. A vector has the codes of four columns of each, so
 * VPDPBUSD with four activations of a token, broadcast, adds to the sums of all rows at once, and nothing is
 * left to be added across lanes. A format is a function that unpacks a span: packed blocks of sixteen rows
 * are transposed, 16 bytes at a time, and each vector that is unpacked then serves all of them; formats that
 * are looked up one by one are unpacked as dot.h does and transposed afterwards. Group scales stay floats:
 * nothing is rounded that dot.h would keep, and only the order of the float sums differs. */
#ifndef FATHOM_KERNEL_AVX512_PANEL_H
#define FATHOM_KERNEL_AVX512_PANEL_H

#include "kernel/avx512/dot.h"

#define PANEL_ROWS      16
#define PANEL_SPANS     8 /* 32 KB of codes: they stay in the second-level cache while tokens pass */
#define MOST_SPAN_BYTES (SPAN / BLOCK_SMALL * sizeof(struct block_q8_0))

struct panel {
    _Alignas(64) uint8_t codes[PANEL_SPANS * SPAN / 4][PANEL_ROWS][4]; /* [four columns][row][column] */
    float scales[PANEL_SPANS * SPAN / 16][PANEL_ROWS];                 /* [group][row] */
    float minima[PANEL_SPANS * SPAN / 16][PANEL_ROWS];                 /* [group][row]: what is added */
};

/* A span of sixteen rows, in packed blocks. */
struct packed {
    const uint8_t *at; /* the first row's */
    size_t stride;     /* bytes to the next row */
};

/* Where an unpacked span goes. */
struct span {
    float (*scales)[PANEL_ROWS];     /* [group][row] */
    float (*minima)[PANEL_ROWS];     /* the same */
    uint8_t (*codes)[PANEL_ROWS][4]; /* [four columns][row][column]; NULL: multiplied at once, with */
    const int8_t *values;            /* [SPAN] of one token, and added to */
    __m512i sums[SPAN / 16];         /* [group][row] */
    size_t group;                    /* columns */
};

/* Span `span` of the panel from sixteen rows. */
typedef void fill_fn(const struct packed *rows, struct panel *panel, size_t span);

/* A format, as panels hold it. */
struct panel_format {
    fill_fn *fill;
    size_t span_bytes; /* of a row */
    uint8_t offset;    /* code - offset is what the scale multiplies; 0 where there are minima */
    uint8_t group;     /* columns that share a scale: 16 or 32 */
    uint8_t minimum;   /* columns that share a minimum: 16 or 32; 0: there are none */
    bool small;        /* blocks of 32: a row may end within a span */
};

/* The product of the table, any number of tokens. */
void avx512_panel_product(const struct panel_format *format, const struct product *product);

/* ---- what unpacking takes ---- */

INLINE void put_codes(struct span *to, size_t fours, __m512i codes)
{
    if (to->codes != NULL) {
        _mm512_store_si512(to->codes[fours], codes);
        return;
    }
    __m512i x = _mm512_set1_epi32((int)load_u32((const uint8_t *)to->values + 4 * fours));
    __m512i *sum = &to->sums[4 * fours / to->group];
    *sum = _mm512_dpbusd_epi32(*sum, codes, x);
}

/* Bytes byte .. byte + 15 of each row: vector i has the i-th four of them, a row a lane. */
INLINE void load_rows(const struct packed *rows, size_t byte, __m512i to[4])
{
    __m512i quarter[4]; /* [i]: rows i, 4 + i, 8 + i and 12 + i */
    UNROLL
    for (size_t i = 0; i < 4; i++) {
        const uint8_t *at = rows->at + i * rows->stride + byte;
        __m512i v = _mm512_castsi128_si512(_mm_loadu_si128((const __m128i *)at));
        v = _mm512_mask_broadcast_i32x4(v, 0x00F0, _mm_loadu_si128((const __m128i *)(at + 4 * rows->stride)));
        v = _mm512_mask_broadcast_i32x4(v, 0x0F00, _mm_loadu_si128((const __m128i *)(at + 8 * rows->stride)));
        v = _mm512_mask_broadcast_i32x4(v, 0xF000,
                                        _mm_loadu_si128((const __m128i *)(at + 12 * rows->stride)));
        quarter[i] = v;
    }
    __m512i a = _mm512_unpacklo_epi32(quarter[0], quarter[1]);
    __m512i b = _mm512_unpackhi_epi32(quarter[0], quarter[1]);
    __m512i c = _mm512_unpacklo_epi32(quarter[2], quarter[3]);
    __m512i d = _mm512_unpackhi_epi32(quarter[2], quarter[3]);
    to[0] = _mm512_unpacklo_epi64(a, c);
    to[1] = _mm512_unpackhi_epi64(a, c);
    to[2] = _mm512_unpacklo_epi64(b, d);
    to[3] = _mm512_unpackhi_epi64(b, d);
}

/* The numbers of binary16 in the lower halves of lanes. */
INLINE __m512 lower_halves(__m512i lanes)
{
    return _mm512_cvtph_ps(_mm512_cvtepi32_epi16(lanes));
}

/* The same of upper halves. */
INLINE __m512 upper_halves(__m512i lanes)
{
    return lower_halves(_mm512_srli_epi32(lanes, 16));
}

/* Bits from `from` on come to `to`; what crosses from byte to byte the caller masks off. */
INLINE __m512i move_bits(__m512i v, int from, int to)
{
    return from > to ? _mm512_srli_epi32(v, (unsigned)(from - to))
                     : _mm512_slli_epi32(v, (unsigned)(to - from));
}

/* Fields of every byte. */
INLINE __m512i bits_at(__m512i v, int from, uint8_t mask)
{
    return _mm512_and_si512(move_bits(v, from, 0), _mm512_set1_epi8((char)mask));
}

INLINE void put_floats(float to[PANEL_ROWS], __m512i integers, __m512 factor)
{
    _mm512_store_ps(to, _mm512_mul_ps(_mm512_cvtepi32_ps(integers), factor));
}

/* ---- the table's entry of a format ---- */

/* With fill_NAME given. */
#define PANEL_FORMAT(level, name, ...)                                           \
    const struct panel_format level##_panel_##name = {fill_##name, __VA_ARGS__}; \
    void level##_panel_product_##name(const struct product *p)                   \
    {                                                                            \
        avx512_panel_product(&level##_panel_##name, p);                          \
    }
#define LEVEL_PANEL_PRODUCT(level, name, ...)                                                        \
    static void fill_##name(const struct packed *rows, struct panel *panel, size_t span)             \
    {                                                                                                \
        const struct panel_format f = {NULL, __VA_ARGS__};                                           \
        struct span to = {.scales = panel->scales + span * (SPAN / f.group),                         \
                          .minima = panel->minima + (f.minimum > 0 ? span * (SPAN / f.minimum) : 0), \
                          .codes = panel->codes + span * (SPAN / 4)};                                \
        unpack_##name(rows, &to);                                                                    \
    }                                                                                                \
    PANEL_FORMAT(level, name, __VA_ARGS__)
#define PANEL_PRODUCT(name, ...) LEVEL_PANEL_PRODUCT(avx512, name, __VA_ARGS__)

/* From rows that dot.h's functions have unpacked. */
void avx512_transpose(const struct weights rows[PANEL_ROWS], struct family family, struct panel *panel,
                      size_t span);

#endif
