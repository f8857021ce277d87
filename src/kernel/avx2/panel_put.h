/* SPDX-License-Identifier: Apache-2.0 */
/* panel_put.h - rows that are looked up one by one, as dot.h's functions unpack them, to lanes. */
#ifndef FATHOM_KERNEL_AVX2_PANEL_PUT_H
#define FATHOM_KERNEL_AVX2_PANEL_PUT_H

#include "kernel/avx2/panel.h"

/* Lane j of vector i becomes lane i of vector j. */
INLINE void transpose(__m256i v[LANES])
{
    __m256i w[LANES];
    UNROLL
    for (int i = 0; i < 8; i += 2) {
        w[i] = _mm256_unpacklo_epi32(v[i], v[i + 1]);
        w[i + 1] = _mm256_unpackhi_epi32(v[i], v[i + 1]);
    }
    UNROLL
    for (int i = 0; i < 8; i += 4) { /* lanes of rows i to i + 3, columns j and j + 4 */
        v[i] = _mm256_unpacklo_epi64(w[i], w[i + 2]);
        v[i + 1] = _mm256_unpackhi_epi64(w[i], w[i + 2]);
        v[i + 2] = _mm256_unpacklo_epi64(w[i + 1], w[i + 3]);
        v[i + 3] = _mm256_unpackhi_epi64(w[i + 1], w[i + 3]);
    }
    UNROLL
    for (int j = 0; j < 4; j++) {
        w[j] = _mm256_permute2x128_si256(v[j], v[4 + j], 0x20);
        w[4 + j] = _mm256_permute2x128_si256(v[j], v[4 + j], 0x31);
    }
    UNROLL
    for (int i = 0; i < 8; i++)
        v[i] = w[i];
}

INLINE void store(void *to, __m256i v)
{
    _mm256_store_si256((__m256i *)to, v);
}

/* A panel's floats, [group][row], from a row on. */
INLINE float (*rows_from(float *at))[PANEL_ROWS]
{
    return (float(*)[PANEL_ROWS])(void *)at;
}

/* A block of LANES rows, 32 columns at a time. */
INLINE void put_codes_of_rows(const struct weights rows[LANES], uint8_t (*to)[PANEL_ROWS][4], size_t row)
{
    for (size_t vector = 0; vector < MOST_VECTORS; vector++) {
        __m256i codes[LANES];
        UNROLL
        for (size_t r = 0; r < LANES; r++)
            codes[r] = rows[r].codes[vector];
        transpose(codes);
        UNROLL
        for (size_t i = 0; i < LANES; i++)
            store(to[8 * vector + i][row], codes[i]);
    }
}

INLINE __m256 scales_of(const struct weights rows[LANES])
{
    return _mm256_setr_ps(rows[0].scale, rows[1].scale, rows[2].scale, rows[3].scale, rows[4].scale,
                          rows[5].scale, rows[6].scale, rows[7].scale);
}

INLINE __m256 minima_of(const struct weights rows[LANES])
{
    return _mm256_setr_ps(rows[0].minimum, rows[1].minimum, rows[2].minimum, rows[3].minimum, rows[4].minimum,
                          rows[5].minimum, rows[6].minimum, rows[7].minimum);
}

/* Eight integers of each row times the row's factor: the i-th of all to to[i * stride]. */
INLINE void put_floats_of_rows(__m256i numbers[LANES], __m256 factors, float (*to)[PANEL_ROWS], size_t stride)
{
    transpose(numbers);
    UNROLL
    for (size_t i = 0; i < LANES; i++)
        put_floats(to[i * stride], numbers[i], factors);
}

/* Eight of sixteen int16. */
INLINE __m256i half_of(__m256i numbers, size_t half)
{
    return _mm256_cvtepi16_epi32(half == 0 ? _mm256_castsi256_si128(numbers)
                                           : _mm256_extracti128_si256(numbers, 1));
}

/* Of 32 columns each, in every second of the 16 that rows have. */
INLINE void put_minima(const struct weights rows[LANES], struct panel *panel, size_t block, size_t row)
{
    __m256i v[LANES];
    UNROLL
    for (size_t r = 0; r < LANES; r++)
        v[r] = _mm256_srai_epi32(rows[r].minima, 16);
    put_floats_of_rows(v, minima_of(rows), rows_from(panel->minima[block] + row), 1);
}

/* The scales of LANES rows' block to the panel, from its row `row` and its 32 columns `block` on. */
typedef void put_scales_fn(const struct family *family, const struct weights rows[LANES], struct panel *panel,
                           size_t block, size_t row);

/* A fill_fn, but for how the unpacked rows' scales are put. */
INLINE void fill_unpacked(const struct panel_format *format, const uint8_t *const rows[LANES],
                          size_t n_blocks, struct panel *panel, size_t row, put_scales_fn *put_scales)
{
    struct weights unpacked[LANES];
    size_t at = 0;
    for (size_t block = 0; block < n_blocks; block += MOST_VECTORS) {
        format->unpack_rows(rows, at, unpacked);
        put_codes_of_rows(unpacked, panel->codes + 8 * block, row);
        put_scales(&format->family, unpacked, panel, block, row);
        if (format->family.minimum > 0)
            put_minima(unpacked, panel, block, row);
        at += format->family.span_bytes;
    }
}

#endif
