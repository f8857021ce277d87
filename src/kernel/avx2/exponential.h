/* SPDX-License-Identifier: Apache-2.0 */
/* exponential.h - e^x of eight floats: the series of generic/exponential.h with fused operations, within one
 * unit in the last place where the result is normal (tests/kernel/test_vector.c). */
#ifndef FATHOM_KERNEL_AVX2_EXPONENTIAL_H
#define FATHOM_KERNEL_AVX2_EXPONENTIAL_H

#include <immintrin.h>

static inline __m256 exponential(__m256 x)
{
    const __m256 ln2_high = _mm256_set1_ps(0x1.62e400p-1f), ln2_low = _mm256_set1_ps(0x1.7f7d1cp-20f);
    /* Beyond, the result is zero or infinite anyway. In this order NaN stays. */
    x = _mm256_min_ps(_mm256_set1_ps(150.0f), _mm256_max_ps(_mm256_set1_ps(-150.0f), x));
    __m256i k = _mm256_cvtps_epi32(_mm256_mul_ps(x, _mm256_set1_ps(0x1.715476p+0f)));
    __m256 whole = _mm256_cvtepi32_ps(k);
    __m256 r = _mm256_fnmadd_ps(whole, ln2_low, _mm256_fnmadd_ps(whole, ln2_high, x));
    __m256 sum = _mm256_set1_ps(1.0f / 5040);
    sum = _mm256_fmadd_ps(sum, r, _mm256_set1_ps(1.0f / 720));
    sum = _mm256_fmadd_ps(sum, r, _mm256_set1_ps(1.0f / 120));
    sum = _mm256_fmadd_ps(sum, r, _mm256_set1_ps(1.0f / 24));
    sum = _mm256_fmadd_ps(sum, r, _mm256_set1_ps(1.0f / 6));
    sum = _mm256_fmadd_ps(sum, r, _mm256_set1_ps(0.5f));
    sum = _mm256_fmadd_ps(sum, r, _mm256_set1_ps(1.0f));
    sum = _mm256_fmadd_ps(sum, r, _mm256_set1_ps(1.0f));

    /* 2^k in two steps, so that neither factor is out of range */
    __m256i half = _mm256_srai_epi32(k, 1), rest = _mm256_sub_epi32(k, half);
    const __m256i bias = _mm256_set1_epi32(127);
    __m256 first = _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_add_epi32(half, bias), 23));
    __m256 second = _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_add_epi32(rest, bias), 23));
    return _mm256_mul_ps(_mm256_mul_ps(sum, first), second);
}

#endif
