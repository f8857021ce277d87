/* SPDX-License-Identifier: Apache-2.0 */
/* vector.c - vector entries of the table that gain from wider vectors. The last values, fewer than a vector,
 * are masked, so a value's bits do not depend on its place. */
#include <immintrin.h>

#include "kernel/avx512/avx512.h"
#include "kernel/avx512/exponential.h"

#define LANES 16

/* The lanes of n values, from the i-th on. */
static inline __mmask16 lanes_from(size_t i, size_t n)
{
    return (__mmask16)(n - i < LANES ? (1u << (n - i)) - 1 : 0xFFFF);
}

void avx512_exponential(const float *x, float *out, size_t n)
{
    for (size_t i = 0; i < n; i += LANES) {
        __mmask16 lanes = lanes_from(i, n);
        _mm512_mask_storeu_ps(out + i, lanes, exponential(_mm512_maskz_loadu_ps(lanes, x + i)));
    }
}

void avx512_silu_multiply(const float *gate, const float *up, float *out, size_t n)
{
    for (size_t i = 0; i < n; i += LANES) {
        __mmask16 lanes = lanes_from(i, n);
        __m512 x = _mm512_maskz_loadu_ps(lanes, gate + i), y = _mm512_maskz_loadu_ps(lanes, up + i);
        __m512 e = exponential(_mm512_sub_ps(_mm512_setzero_ps(), x));
        __m512 silu = _mm512_div_ps(x, _mm512_add_ps(_mm512_set1_ps(1.0f), e));
        _mm512_mask_storeu_ps(out + i, lanes, _mm512_mul_ps(silu, y));
    }
}

void avx512_scale_add(float a, float *y, float b, const float *x, size_t n)
{
    const __m512 first = _mm512_set1_ps(a), second = _mm512_set1_ps(b);
    for (size_t i = 0; i < n; i += LANES) {
        __mmask16 lanes = lanes_from(i, n);
        __m512 scaled = _mm512_mul_ps(first, _mm512_maskz_loadu_ps(lanes, y + i));
        __m512 sum = _mm512_fmadd_ps(second, _mm512_maskz_loadu_ps(lanes, x + i), scaled);
        _mm512_mask_storeu_ps(y + i, lanes, sum);
    }
}
