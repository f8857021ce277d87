/* SPDX-License-Identifier: Apache-2.0 */
/* attend.c - attention over floats: a bundle is two vectors, and a tile of rows (or columns) stays in
 * registers while the words go by, each sum a chain of its own. */
#include "kernel/avx2/attend.h"
#include "kernel/avx2/avx2.h"
#include "kernel/avx2/exponential.h"
#include "kernel/unroll.h"

#define LANES  ATTEND_LANES
#define HALF   8
#define HALVES 2
#define TILE   4 /* with two vectors each: as many sums as hide the latency of an addition */

INLINE void product_tile(const struct attend_product *p, size_t bundle, size_t row, int n_rows)
{
    const size_t n = p->size.plain + p->size.rotary;
    const float *panel = (const float *)p->panels + bundle * n * LANES;
    const float *rows = (const float *)p->rows + row * p->row_words;
    __m256 sums[TILE][HALVES];
    UNROLL
    for (int r = 0; r < n_rows; r++)
        sums[r][0] = sums[r][1] = _mm256_setzero_ps();
    for (size_t word = 0; word < n; word++, panel += LANES) {
        __m256 low = _mm256_loadu_ps(panel), high = _mm256_loadu_ps(panel + HALF);
        UNROLL
        for (int r = 0; r < n_rows; r++) {
            __m256 spread = _mm256_set1_ps(rows[(size_t)r * p->row_words + word]);
            sums[r][0] = _mm256_fmadd_ps(low, spread, sums[r][0]);
            sums[r][1] = _mm256_fmadd_ps(high, spread, sums[r][1]);
        }
    }
    UNROLL
    for (int r = 0; r < n_rows; r++) {
        float *out = p->out + bundle * p->out_bundle + (row + (size_t)r) * p->out_row;
        _mm256_storeu_ps(out, sums[r][0]);
        _mm256_storeu_ps(out + HALF, sums[r][1]);
    }
}

void avx2_attend_product(const struct attend_product *p)
{
    for (size_t bundle = 0; bundle < p->n_bundles; bundle++) {
        size_t row = 0;
        for (; row + TILE <= p->n_rows; row += TILE)
            product_tile(p, bundle, row, TILE);
        for (; row < p->n_rows; row++)
            product_tile(p, bundle, row, 1);
    }
}

INLINE void sum_tile(const struct attend_sum *s, size_t bundle, size_t column, int n_columns)
{
    const float *weights = (const float *)s->weights + bundle * s->weights_bundle;
    const float *values = (const float *)s->values + column;
    const float *shrink = s->shrink + bundle * LANES;
    float *out = s->out + (bundle * s->n_columns + column) * LANES;
    __m256 sums[TILE][HALVES];
    UNROLL
    for (int c = 0; c < n_columns; c++) {
        sums[c][0] = _mm256_mul_ps(_mm256_loadu_ps(out + c * LANES), _mm256_loadu_ps(shrink));
        sums[c][1] = _mm256_mul_ps(_mm256_loadu_ps(out + c * LANES + HALF), _mm256_loadu_ps(shrink + HALF));
    }
    for (size_t word = 0; word < s->n_words; word++, weights += LANES, values += s->value_words) {
        __m256 low = _mm256_loadu_ps(weights), high = _mm256_loadu_ps(weights + HALF);
        UNROLL
        for (int c = 0; c < n_columns; c++) {
            __m256 spread = _mm256_set1_ps(values[c]);
            sums[c][0] = _mm256_fmadd_ps(low, spread, sums[c][0]);
            sums[c][1] = _mm256_fmadd_ps(high, spread, sums[c][1]);
        }
    }
    UNROLL
    for (int c = 0; c < n_columns; c++) {
        _mm256_storeu_ps(out + c * LANES, sums[c][0]);
        _mm256_storeu_ps(out + c * LANES + HALF, sums[c][1]);
    }
}

void avx2_attend_sum(const struct attend_sum *s)
{
    for (size_t bundle = 0; bundle < s->n_bundles; bundle++) {
        size_t column = 0;
        for (; column + TILE <= s->n_columns; column += TILE)
            sum_tile(s, bundle, column, TILE);
        for (; column < s->n_columns; column++)
            sum_tile(s, bundle, column, 1);
    }
}

static void weigh_half(const struct attend_weigh *w, size_t first)
{
    struct attend_running *running = w->running;
    float *weights = w->weights;
    const __m256 before = _mm256_loadu_ps(running->highest + first), highest = highest_score(w, first);
    __m256 sum = _mm256_setzero_ps();
    for (size_t i = 0; i < w->n_positions; i++) {
        __m256 score = _mm256_loadu_ps(w->scores + i * LANES + first);
        __m256 one = _mm256_and_ps(seen(w, i, first), exponential(_mm256_sub_ps(score, highest)));
        sum = _mm256_add_ps(sum, one);
        _mm256_storeu_ps(weights + i * LANES + first, one);
    }
    __m256 shrink = exponential(_mm256_sub_ps(before, highest));
    _mm256_storeu_ps(w->shrink + first, shrink);
    sum = _mm256_fmadd_ps(_mm256_loadu_ps(running->sum + first), shrink, sum);
    _mm256_storeu_ps(running->sum + first, sum);
    _mm256_storeu_ps(running->highest + first, highest);
}

void avx2_attend_weigh(const struct attend_weigh *w)
{
    weigh_half(w, 0);
    weigh_half(w, HALF);
}
