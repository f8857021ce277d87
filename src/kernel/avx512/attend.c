/* SPDX-License-Identifier: Apache-2.0 */
/* attend.c - attention over floats. */
#include "kernel/avx512/attend.h"

#include "kernel/avx512/avx512.h"

INLINE __m512 multiply(__m512 sum, __m512 lanes, __m512 word)
{
    return _mm512_fmadd_ps(lanes, word, sum);
}

void avx512_attend_pack_queries(const float *x, size_t stride, size_t n_lanes, struct attend_size size,
                                void *panel)
{
    const size_t n = size.plain + size.rotary;
    for (size_t i = 0; i < n; i += LANES) {
        size_t n_left = min_size(LANES, n - i);
        __m512 v[LANES];
        for (size_t lane = 0; lane < LANES; lane++)
            v[lane] = _mm512_maskz_loadu_ps(lane < n_lanes ? first_lanes(n_left) : 0, x + lane * stride + i);
        transpose(v);
        for (size_t column = 0; column < n_left; column++)
            _mm512_storeu_ps((float *)panel + (i + column) * LANES, v[column]);
    }
}

void avx512_attend_unpack(const float *lanes, size_t n, size_t n_lanes, float *to, size_t stride)
{
    for (size_t i = 0; i < n; i += LANES) {
        size_t n_left = min_size(LANES, n - i);
        __m512 v[LANES];
        for (size_t column = 0; column < LANES; column++)
            v[column] = _mm512_maskz_loadu_ps(column < n_left ? 0xFFFF : 0, lanes + (i + column) * LANES);
        transpose(v);
        for (size_t lane = 0; lane < n_lanes; lane++)
            _mm512_mask_storeu_ps(to + lane * stride + i, first_lanes(n_left), v[lane]);
    }
}

INLINE void product_tile(const void *work, size_t row, size_t bundle, int n_rows, int n_bundles)
{
    const struct attend_product *p = work;
    const size_t n = p->size.plain + p->size.rotary;
    const struct grid grid = {(const float *)p->panels + bundle * n * LANES,
                              n * LANES,
                              (const float *)p->rows + row * p->row_words,
                              p->row_words,
                              1,
                              n};
    __m512 sums[TILE][BUNDLES];
    UNROLL
    for (int r = 0; r < n_rows; r++)
        for (int b = 0; b < n_bundles; b++)
            sums[r][b] = _mm512_setzero_ps();
    multiply_tile(multiply, &grid, n_rows, n_bundles, sums);
    UNROLL
    for (int r = 0; r < n_rows; r++)
        for (int b = 0; b < n_bundles; b++)
            _mm512_storeu_ps(p->out + (bundle + (size_t)b) * p->out_bundle + (row + (size_t)r) * p->out_row,
                             sums[r][b]);
}

void avx512_attend_product(const struct attend_product *product)
{
    walk_tiles(product_tile, product, product->n_rows, product->n_bundles);
}

void avx512_attend_weigh(const struct attend_weigh *w)
{
    __m512 highest = begin_weights(w), sum = _mm512_setzero_ps();
    float *weights = w->weights;
    for (size_t i = 0; i < w->n_positions; i++) {
        __m512 below = _mm512_sub_ps(_mm512_loadu_ps(w->scores + i * LANES), highest);
        __m512 one = _mm512_maskz_mov_ps(seen(w, i), exponential(below));
        sum = _mm512_add_ps(sum, one);
        _mm512_storeu_ps(weights + i * LANES, one);
    }
    add_weights(w, sum);
}

INLINE void sum_tile(const void *work, size_t column, size_t bundle, int n_columns, int n_bundles)
{
    const struct attend_sum *s = work;
    const struct grid grid = grid_of_sum(s, column, bundle);
    float *out = s->out + (bundle * s->n_columns + column) * LANES;
    __m512 sums[TILE][BUNDLES];
    UNROLL
    for (int b = 0; b < n_bundles; b++) {
        __m512 shrink = _mm512_loadu_ps(s->shrink + (bundle + (size_t)b) * LANES);
        UNROLL
        for (int c = 0; c < n_columns; c++)
            sums[c][b] =
                _mm512_mul_ps(_mm512_loadu_ps(out + ((size_t)b * s->n_columns + (size_t)c) * LANES), shrink);
    }
    multiply_tile(multiply, &grid, n_columns, n_bundles, sums);
    UNROLL
    for (int b = 0; b < n_bundles; b++)
        for (int c = 0; c < n_columns; c++)
            _mm512_storeu_ps(out + ((size_t)b * s->n_columns + (size_t)c) * LANES, sums[c][b]);
}

void avx512_attend_sum(const struct attend_sum *sum)
{
    walk_tiles(sum_tile, sum, sum->n_columns, sum->n_bundles);
}
