/* SPDX-License-Identifier: Apache-2.0 */
/* attend.h - attention's loops of this level, for words of either kind: what a kind adds is how two words
 * are multiplied and how weights are packed.
 *
 * A vector is one word of each lane of a bundle. A tile of rows (or columns) by bundles stays in registers
 * while the words go by, each sum a chain of its own, so tiles change no bit. */
#ifndef FATHOM_KERNEL_AVX512_ATTEND_H
#define FATHOM_KERNEL_AVX512_ATTEND_H

#include <immintrin.h>

#include "kernel/attend.h"
#include "kernel/avx512/exponential.h"
#include "kernel/unroll.h"

#define LANES   ATTEND_LANES
#define TILE    8 /* rows or columns */
#define BUNDLES 2

/* sum + word of each lane * the word spread over the lanes. */
typedef __m512 multiply_fn(__m512 sum, __m512 lanes, __m512 word);

INLINE void product_tile(multiply_fn *multiply, const struct attend_product *p, size_t bundle, size_t row,
                         int n_bundles, int n_rows)
{
    const float *panel = p->panels + bundle * p->n_words * LANES, *rows = p->rows + row * p->row_words;
    __m512 sums[TILE][BUNDLES];
    UNROLL
    for (int r = 0; r < n_rows; r++)
        for (int b = 0; b < n_bundles; b++)
            sums[r][b] = _mm512_setzero_ps();
    for (size_t word = 0; word < p->n_words; word++) {
        __m512 lanes[BUNDLES];
        UNROLL
        for (int b = 0; b < n_bundles; b++)
            lanes[b] = _mm512_loadu_ps(panel + ((size_t)b * p->n_words + word) * LANES);
        UNROLL
        for (int r = 0; r < n_rows; r++) {
            __m512 spread = _mm512_set1_ps(rows[(size_t)r * p->row_words + word]);
            UNROLL
            for (int b = 0; b < n_bundles; b++)
                sums[r][b] = multiply(sums[r][b], lanes[b], spread);
        }
    }
    UNROLL
    for (int r = 0; r < n_rows; r++)
        for (int b = 0; b < n_bundles; b++)
            _mm512_storeu_ps(p->out + (bundle + (size_t)b) * p->out_bundle + (row + (size_t)r) * p->out_row,
                             sums[r][b]);
}

INLINE void product_bundles(multiply_fn *multiply, const struct attend_product *p, size_t bundle,
                            int n_bundles)
{
    size_t row = 0;
    for (; row + TILE <= p->n_rows; row += TILE)
        product_tile(multiply, p, bundle, row, n_bundles, TILE);
    if (p->n_rows - row >= 4) {
        product_tile(multiply, p, bundle, row, n_bundles, 4);
        row += 4;
    }
    for (; row < p->n_rows; row++)
        product_tile(multiply, p, bundle, row, n_bundles, 1);
}

INLINE void attend_product(multiply_fn *multiply, const struct attend_product *p)
{
    size_t bundle = 0;
    for (; bundle + BUNDLES <= p->n_bundles; bundle += BUNDLES)
        product_bundles(multiply, p, bundle, BUNDLES);
    if (bundle < p->n_bundles)
        product_bundles(multiply, p, bundle, 1);
}

INLINE void sum_tile(multiply_fn *multiply, const struct attend_sum *s, size_t bundle, size_t column,
                     int n_bundles, int n_columns)
{
    const float *weights = s->weights + bundle * s->weights_bundle, *values = s->values + column;
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
    for (size_t word = 0; word < s->n_words; word++) {
        __m512 lanes[BUNDLES];
        UNROLL
        for (int b = 0; b < n_bundles; b++)
            lanes[b] = _mm512_loadu_ps(weights + (size_t)b * s->weights_bundle + word * LANES);
        UNROLL
        for (int c = 0; c < n_columns; c++) {
            __m512 spread = _mm512_set1_ps(values[word * s->value_words + (size_t)c]);
            UNROLL
            for (int b = 0; b < n_bundles; b++)
                sums[c][b] = multiply(sums[c][b], lanes[b], spread);
        }
    }
    UNROLL
    for (int b = 0; b < n_bundles; b++)
        for (int c = 0; c < n_columns; c++)
            _mm512_storeu_ps(out + ((size_t)b * s->n_columns + (size_t)c) * LANES, sums[c][b]);
}

INLINE void sum_bundles(multiply_fn *multiply, const struct attend_sum *s, size_t bundle, int n_bundles)
{
    size_t column = 0;
    for (; column + TILE <= s->n_columns; column += TILE)
        sum_tile(multiply, s, bundle, column, n_bundles, TILE);
    for (; column < s->n_columns; column++)
        sum_tile(multiply, s, bundle, column, n_bundles, 1);
}

INLINE void attend_sum(multiply_fn *multiply, const struct attend_sum *s)
{
    size_t bundle = 0;
    for (; bundle + BUNDLES <= s->n_bundles; bundle += BUNDLES)
        sum_bundles(multiply, s, bundle, BUNDLES);
    if (bundle < s->n_bundles)
        sum_bundles(multiply, s, bundle, 1);
}

/* The lanes that see position i. */
INLINE __mmask16 seen(const struct attend_weigh *w, size_t i)
{
    if (w->n_seen == NULL)
        return 0xFFFF;
    return _mm512_cmplt_epu32_mask(_mm512_set1_epi32((int)i), _mm512_loadu_si512(w->n_seen));
}

/* The weight of position i. */
INLINE __m512 weight(const struct attend_weigh *w, size_t i, __m512 highest)
{
    __m512 score = _mm512_loadu_ps(w->scores + i * LANES);
    return _mm512_maskz_mov_ps(seen(w, i), exponential(_mm512_sub_ps(score, highest)));
}

/* The highest score so far; shrink and the running sum are made to fit it. */
INLINE __m512 begin_weights(const struct attend_weigh *w)
{
    __m512 before = _mm512_loadu_ps(w->running->highest), highest = before;
    for (size_t i = 0; i < w->n_positions; i++)
        highest = _mm512_mask_max_ps(highest, seen(w, i), highest, _mm512_loadu_ps(w->scores + i * LANES));
    __m512 shrink = exponential(_mm512_sub_ps(before, highest));
    _mm512_storeu_ps(w->shrink, shrink);
    _mm512_storeu_ps(w->running->sum, _mm512_mul_ps(_mm512_loadu_ps(w->running->sum), shrink));
    _mm512_storeu_ps(w->running->highest, highest);
    return highest;
}

INLINE void add_weights(const struct attend_weigh *w, __m512 sum)
{
    _mm512_storeu_ps(w->running->sum, _mm512_add_ps(_mm512_loadu_ps(w->running->sum), sum));
}

/* Rows and columns change places. */
INLINE void transpose(__m512 v[LANES])
{
    __m512 t[LANES];
    UNROLL
    for (int i = 0; i < LANES; i += 2) {
        t[i] = _mm512_unpacklo_ps(v[i], v[i + 1]);
        t[i + 1] = _mm512_unpackhi_ps(v[i], v[i + 1]);
    }
    UNROLL
    for (int i = 0; i < LANES; i += 4) {
        v[i] = _mm512_shuffle_ps(t[i], t[i + 2], 0x44);
        v[i + 1] = _mm512_shuffle_ps(t[i], t[i + 2], 0xEE);
        v[i + 2] = _mm512_shuffle_ps(t[i + 1], t[i + 3], 0x44);
        v[i + 3] = _mm512_shuffle_ps(t[i + 1], t[i + 3], 0xEE);
    }
    UNROLL
    for (int half = 0; half < LANES; half += 8)
        for (int i = half; i < half + 4; i++) {
            t[i] = _mm512_shuffle_f32x4(v[i], v[i + 4], 0x88);
            t[i + 4] = _mm512_shuffle_f32x4(v[i], v[i + 4], 0xDD);
        }
    UNROLL
    for (int i = 0; i < 8; i++) {
        v[i] = _mm512_shuffle_f32x4(t[i], t[i + 8], 0x88);
        v[i + 8] = _mm512_shuffle_f32x4(t[i], t[i + 8], 0xDD);
    }
}

/* The first n of sixteen columns. */
INLINE __mmask16 first_lanes(size_t n)
{
    return (__mmask16)(n < LANES ? (1u << n) - 1 : 0xFFFF);
}

#endif
