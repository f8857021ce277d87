/* SPDX-License-Identifier: Apache-2.0 */
/* attend_int16.h - what attention over int16 does alike on this level, however numbers lie in their words:
 * the scales of vectors and of weights. The law is generic/attend_int16.c. */
#ifndef FATHOM_KERNEL_AVX512_ATTEND_INT16_H
#define FATHOM_KERNEL_AVX512_ATTEND_INT16_H

#include "kernel/avx512/attend.h"

#define VECTORS (ATTEND_SQUARES / LANES)

/* The root of the sum of squares, in the order of the law. */
INLINE float length_of(const float *x, size_t n)
{
    __m512 sums[VECTORS];
    UNROLL
    for (int i = 0; i < VECTORS; i++)
        sums[i] = _mm512_setzero_ps();
    for (; n >= ATTEND_SQUARES; n -= ATTEND_SQUARES, x += ATTEND_SQUARES) {
        UNROLL
        for (int i = 0; i < VECTORS; i++) {
            __m512 v = _mm512_loadu_ps(x + i * LANES);
            sums[i] = _mm512_add_ps(sums[i], _mm512_mul_ps(v, v));
        }
    }
    UNROLL
    for (size_t i = 0; i < VECTORS; i++) {
        __m512 v = _mm512_maskz_loadu_ps(n > i * LANES ? first_lanes(n - i * LANES) : 0, x + i * LANES);
        sums[i] = _mm512_add_ps(sums[i], _mm512_mul_ps(v, v));
    }
    __m512 all = _mm512_add_ps(_mm512_add_ps(sums[0], sums[2]), _mm512_add_ps(sums[1], sums[3]));
    __m256 eight = _mm256_add_ps(_mm512_castps512_ps256(all), _mm512_extractf32x8_ps(all, 1));
    __m128 sum = _mm_add_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps(eight, 1));
    sum = _mm_add_ps(sum, _mm_movehl_ps(sum, sum));
    sum = _mm_add_ss(sum, _mm_movehdup_ps(sum));
    return _mm_cvtss_f32(_mm_sqrt_ss(sum));
}

/* [lane] what a part's numbers are multiplied with before they are rounded, and their scales; zeros where
 * there is no lane. */
INLINE void scale_lanes(const float *x, size_t stride, size_t n_lanes, size_t n, float *factors,
                        float *scales)
{
    _mm512_storeu_ps(factors, _mm512_setzero_ps());
    _mm512_storeu_ps(scales, _mm512_setzero_ps());
    for (size_t lane = 0; lane < n_lanes; lane++) {
        const float length = length_of(x + lane * stride, n);
        factors[lane] = attend_factor(length);
        scales[lane] = attend_scale(length);
    }
}

/* Weights times the scales of their values, in place of scores; returns what they are multiplied with before
 * they are rounded. */
INLINE __m512 weigh_scores(const struct attend_weigh *w)
{
    const __m512 highest = begin_weights(w), least = _mm512_set1_ps(ATTEND_LEAST);
    __m512 sum = _mm512_setzero_ps(), total = sum, most = sum;
    for (size_t i = 0; i < w->n_positions; i++) {
        __m512 below = _mm512_sub_ps(_mm512_loadu_ps(w->scores + i * LANES), highest);
        __mmask16 counts = _mm512_mask_cmp_ps_mask(seen(w, i), below, least, _CMP_NLT_UQ);
        /* What does not count is not computed either: where results are subnormal, processors stumble. What a
         * lane does not see may be anything, and is dropped. */
        __m512 one = _mm512_maskz_mov_ps(counts, exponential_within(_mm512_max_ps(least, below)));
        __m512 scaled = _mm512_mul_ps(one, _mm512_set1_ps(w->value_scales[i * w->scale_stride]));
        sum = _mm512_add_ps(sum, one);
        total = _mm512_add_ps(total, scaled);
        most = _mm512_max_ps(scaled, most);
        _mm512_storeu_ps(w->scores + i * LANES, scaled);
    }
    add_weights(w, sum);
    /* What the largest integer stands for. */
    const __m512 limit = _mm512_max_ps(most, _mm512_mul_ps(total, _mm512_set1_ps(0.5f)));
    const __m512 full = _mm512_set1_ps(ATTEND_WEIGHTS);
    _mm512_storeu_ps(w->scale, _mm512_div_ps(limit, full));
    return _mm512_maskz_div_ps(_mm512_cmp_ps_mask(limit, _mm512_setzero_ps(), _CMP_GT_OQ), full, limit);
}

#endif
