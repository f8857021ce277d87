/* SPDX-License-Identifier: Apache-2.0 */
/* exponential.h - e^x of sixteen floats: the series of generic/exponential.h with fused operations, within
 * one unit in the last place where the result is normal (tests/kernel/test_vector.c). */
#ifndef FATHOM_KERNEL_AVX512_EXPONENTIAL_H
#define FATHOM_KERNEL_AVX512_EXPONENTIAL_H

#include <immintrin.h>

/* From -150 to 150, or of what is no number; beyond, of no use. */
static inline __m512 exponential_within(__m512 x)
{
    const __m512 ln2_high = _mm512_set1_ps(0x1.62e400p-1f), ln2_low = _mm512_set1_ps(0x1.7f7d1cp-20f);
    __m512 k = _mm512_roundscale_ps(_mm512_mul_ps(x, _mm512_set1_ps(0x1.715476p+0f)),
                                    _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
    __m512 r = _mm512_fnmadd_ps(k, ln2_low, _mm512_fnmadd_ps(k, ln2_high, x));
    __m512 sum = _mm512_set1_ps(1.0f / 5040);
    sum = _mm512_fmadd_ps(sum, r, _mm512_set1_ps(1.0f / 720));
    sum = _mm512_fmadd_ps(sum, r, _mm512_set1_ps(1.0f / 120));
    sum = _mm512_fmadd_ps(sum, r, _mm512_set1_ps(1.0f / 24));
    sum = _mm512_fmadd_ps(sum, r, _mm512_set1_ps(1.0f / 6));
    sum = _mm512_fmadd_ps(sum, r, _mm512_set1_ps(0.5f));
    sum = _mm512_fmadd_ps(sum, r, _mm512_set1_ps(1.0f));
    sum = _mm512_fmadd_ps(sum, r, _mm512_set1_ps(1.0f));
    return _mm512_scalef_ps(sum, k);
}

static inline __m512 exponential(__m512 x)
{
    /* Beyond, the result is zero or infinite anyway. In this order NaN stays. */
    x = _mm512_min_ps(_mm512_set1_ps(150.0f), _mm512_max_ps(_mm512_set1_ps(-150.0f), x));
    return exponential_within(x);
}

#endif
