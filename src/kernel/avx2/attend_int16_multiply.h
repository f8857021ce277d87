/* SPDX-License-Identifier: Apache-2.0 */
/* attend_int16_multiply.h - the two products of attention over pairs of int16, whatever adds up products of
 * pairs. A bundle is two vectors, and a tile of rows (or columns) stays in registers while the words go
 * by. */
#ifndef FATHOM_KERNEL_AVX2_ATTEND_INT16_MULTIPLY_H
#define FATHOM_KERNEL_AVX2_ATTEND_INT16_MULTIPLY_H

#include <immintrin.h>

#include "base/bytes.h"
#include "kernel/attend.h"
#include "kernel/avx2/kept.h"
#include "kernel/unroll.h"

#define LANES     ATTEND_LANES
#define HALF      8
#define HALVES    2
#define MOST_TILE 6

/* sum + the products of pairs */
typedef __m256i add_product_fn(__m256i sum, __m256i lanes, __m256i spread);

/* The words that a tile multiplies: that of row r (or column) and word w stands at r * row_stride + w *
 * word_stride. */
struct grid {
    const float *lanes; /* [n_words][lane] */
    const float *words;
    size_t row_stride, word_stride;
    size_t n_words;
};

INLINE void multiply_tile(const struct grid *g, int n_rows, add_product_fn *add_product,
                          __m256i sums[MOST_TILE][HALVES])
{
    UNROLL
    for (int r = 0; r < n_rows; r++)
        sums[r][0] = sums[r][1] = _mm256_setzero_si256();
    for (size_t word = 0; word < g->n_words; word++) {
        const __m256i *lanes = (const __m256i *)(const void *)(g->lanes + word * LANES);
        __m256i low = _mm256_loadu_si256(lanes), high = _mm256_loadu_si256(lanes + 1);
        UNROLL
        for (int r = 0; r < n_rows; r++) {
            const float *at = g->words + (size_t)r * g->row_stride + word * g->word_stride;
            __m256i spread = _mm256_set1_epi32((int)load_u32(at));
            sums[r][0] = kept(add_product(sums[r][0], low, spread));
            sums[r][1] = kept(add_product(sums[r][1], high, spread));
        }
    }
}

/* Rows of a bundle's panel. */
INLINE void product_tile(const struct attend_product *p, size_t bundle, size_t row, int n_rows,
                         add_product_fn *add_product)
{
    const size_t n_words = attend_scales_at(p->size), n_plain = (p->size.plain + 1) / 2;
    const float *panel = (const float *)p->panels + bundle * (n_words + ATTEND_PARTS) * LANES;
    const float *rows = (const float *)p->rows + row * p->row_words;
    float *out = p->out + bundle * p->out_bundle;
    for (size_t part = 0; part < ATTEND_PARTS; part++) {
        const size_t begin = part == 0 ? 0 : n_plain, end = part == 0 ? n_plain : n_words;
        const struct grid grid = {panel + begin * LANES, rows + begin, p->row_words, 1, end - begin};
        __m256i sums[MOST_TILE][HALVES];
        multiply_tile(&grid, n_rows, add_product, sums);
        UNROLL
        for (int i = 0; i < n_rows * HALVES; i++) {
            const int r = i / HALVES, half = i % HALVES;
            float *to = out + (row + (size_t)r) * p->out_row + half * HALF;
            __m256 scale = _mm256_set1_ps(rows[(size_t)r * p->row_words + n_words + part]);
            scale = _mm256_mul_ps(scale, _mm256_loadu_ps(panel + (n_words + part) * LANES + half * HALF));
            __m256 before = part == 0 ? _mm256_setzero_ps() : _mm256_loadu_ps(to);
            scale = _mm256_mul_ps(_mm256_cvtepi32_ps(sums[r][half]), scale);
            _mm256_storeu_ps(to, _mm256_add_ps(before, scale));
        }
    }
}

INLINE void product_all(const struct attend_product *p, int tile, add_product_fn *add_product)
{
    for (size_t bundle = 0; bundle < p->n_bundles; bundle++) {
        size_t row = 0;
        for (; row + (size_t)tile <= p->n_rows; row += (size_t)tile)
            product_tile(p, bundle, row, tile, add_product);
        for (; row + 2 <= p->n_rows; row += 2)
            product_tile(p, bundle, row, 2, add_product);
        if (row < p->n_rows)
            product_tile(p, bundle, row, 1, add_product);
    }
}

INLINE void sum_tile(const struct attend_sum *s, size_t bundle, size_t column, int n_columns,
                     add_product_fn *add_product)
{
    const struct grid grid = {(const float *)s->weights + bundle * s->weights_bundle,
                              (const float *)s->values + column, 1, s->value_words, s->n_words};
    __m256i sums[MOST_TILE][HALVES];
    multiply_tile(&grid, n_columns, add_product, sums);
    UNROLL
    for (int i = 0; i < n_columns * HALVES; i++) {
        const int half = i % HALVES * HALF;
        float *out = s->out + (bundle * s->n_columns + column + (size_t)(i / HALVES)) * LANES + half;
        __m256 shrink = _mm256_loadu_ps(s->shrink + bundle * LANES + half);
        __m256 scale = _mm256_loadu_ps(s->scale + bundle * LANES + half);
        __m256 added = _mm256_mul_ps(_mm256_cvtepi32_ps(sums[i / HALVES][i % HALVES]), scale);
        _mm256_storeu_ps(out, _mm256_add_ps(_mm256_mul_ps(_mm256_loadu_ps(out), shrink), added));
    }
}

INLINE void sum_all(const struct attend_sum *s, int tile, add_product_fn *add_product)
{
    for (size_t bundle = 0; bundle < s->n_bundles; bundle++) {
        size_t column = 0;
        for (; column + (size_t)tile <= s->n_columns; column += (size_t)tile)
            sum_tile(s, bundle, column, tile, add_product);
        for (; column + 2 <= s->n_columns; column += 2)
            sum_tile(s, bundle, column, 2, add_product);
        if (column < s->n_columns)
            sum_tile(s, bundle, column, 1, add_product);
    }
}

#endif
