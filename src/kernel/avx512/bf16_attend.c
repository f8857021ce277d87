/* SPDX-License-Identifier: Apache-2.0 */
/* bf16_attend.c - attention over pairs of bfloat16: VDPBF16PS adds both products of a pair to a float, at
 * twice the rate of floats. Scores, weights' sums and outputs stay floats. */
#include "base/bytes.h"
#include "kernel/avx512/attend.h"
#include "kernel/avx512/avx512.h"

INLINE __m512 multiply(__m512 sum, __m512 lanes, __m512 word)
{
    return _mm512_dpbf16_ps(sum, (__m512bh)lanes, (__m512bh)word);
}

/* Words of 32 numbers in a row; n of them count. */
INLINE __m512 words_of(const float *x, size_t n)
{
    __m512 low = _mm512_maskz_loadu_ps(first_lanes(n), x);
    __m512 high = _mm512_maskz_loadu_ps(n > LANES ? first_lanes(n - LANES) : 0, x + LANES);
    return (__m512)_mm512_cvtne2ps_pbh(high, low);
}

/* Words of a number of each. */
INLINE __m512 pairs_of(__m512 first, __m512 second)
{
    __m512i low = _mm512_cvtepu16_epi32((__m256i)_mm512_cvtneps_pbh(first));
    __m512i high = _mm512_cvtepu16_epi32((__m256i)_mm512_cvtneps_pbh(second));
    return _mm512_castsi512_ps(_mm512_or_si512(low, _mm512_slli_epi32(high, 16)));
}

void bf16_attend_pack_queries(const float *x, size_t stride, size_t n_lanes, size_t n, float *panel)
{
    for (size_t i = 0; i < n; i += 2 * LANES, panel += LANES * LANES) {
        size_t n_left = min_size(2 * LANES, n - i);
        __m512 v[LANES];
        for (size_t lane = 0; lane < LANES; lane++)
            v[lane] = lane < n_lanes ? words_of(x + lane * stride + i, n_left) : _mm512_setzero_ps();
        transpose(v);
        for (size_t word = 0; word < (n_left + 1) / 2; word++)
            _mm512_storeu_ps(panel + word * LANES, v[word]);
    }
}

void bf16_attend_pack_key(const float *x, size_t n, float *words)
{
    for (size_t i = 0; i < n; i += 2 * LANES, words += LANES) {
        size_t n_left = min_size(2 * LANES, n - i);
        _mm512_mask_storeu_ps(words, first_lanes((n_left + 1) / 2), words_of(x + i, n_left));
    }
}

void bf16_attend_pack_values(const float *earlier, const float *later, size_t n, float *words)
{
    for (size_t i = 0; i < n; i += LANES) {
        __mmask16 lanes = first_lanes(n - i);
        __m512 first = _mm512_maskz_loadu_ps(lanes, earlier + i);
        __m512 second = later == NULL ? _mm512_setzero_ps() : _mm512_maskz_loadu_ps(lanes, later + i);
        _mm512_mask_storeu_ps(words + i, lanes, pairs_of(first, second));
    }
}

void bf16_attend_product(const struct attend_product *product)
{
    attend_product(multiply, product);
}

void bf16_attend_weigh(const struct attend_weigh *w)
{
    __m512 highest = begin_weights(w), sum = _mm512_setzero_ps();
    for (size_t i = 0; i < w->n_positions; i += 2) {
        bool alone = i + 1 == w->n_positions;
        __m512 first = weight(w, i, highest);
        __m512 second = alone ? _mm512_setzero_ps() : weight(w, i + 1, highest);
        sum = _mm512_add_ps(_mm512_add_ps(sum, first), second);
        _mm512_storeu_ps(w->weights + i / 2 * LANES, pairs_of(first, second));
    }
    add_weights(w, sum);
}

void bf16_attend_sum(const struct attend_sum *sum)
{
    attend_sum(multiply, sum);
}
