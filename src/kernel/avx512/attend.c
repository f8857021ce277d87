/* SPDX-License-Identifier: Apache-2.0 */
/* attend.c - attention over floats. */
#include "kernel/avx512/attend.h"

#include "base/bytes.h"
#include "kernel/avx512/avx512.h"

INLINE __m512 multiply(__m512 sum, __m512 lanes, __m512 word)
{
    return _mm512_fmadd_ps(lanes, word, sum);
}

void avx512_attend_pack_queries(const float *x, size_t stride, size_t n_lanes, size_t n, float *panel)
{
    for (size_t i = 0; i < n; i += LANES) {
        size_t n_left = min_size(LANES, n - i);
        __m512 v[LANES];
        for (size_t lane = 0; lane < LANES; lane++)
            v[lane] = _mm512_maskz_loadu_ps(lane < n_lanes ? first_lanes(n_left) : 0, x + lane * stride + i);
        transpose(v);
        for (size_t column = 0; column < n_left; column++)
            _mm512_storeu_ps(panel + (i + column) * LANES, v[column]);
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

void avx512_attend_product(const struct attend_product *product)
{
    attend_product(multiply, product);
}

void avx512_attend_weigh(const struct attend_weigh *w)
{
    __m512 highest = begin_weights(w), sum = _mm512_setzero_ps();
    for (size_t i = 0; i < w->n_positions; i++) {
        __m512 one = weight(w, i, highest);
        sum = _mm512_add_ps(sum, one);
        _mm512_storeu_ps(w->weights + i * LANES, one);
    }
    add_weights(w, sum);
}

void avx512_attend_sum(const struct attend_sum *sum)
{
    attend_sum(multiply, sum);
}
