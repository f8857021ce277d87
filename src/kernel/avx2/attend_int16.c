/* SPDX-License-Identifier: Apache-2.0 */
/* attend_int16.c - attention over pairs of int16: VPMADDWD multiplies twice as many as a float
 * multiply-add. */
#include "base/bytes.h"
#include "kernel/avx2/attend.h"
#include "kernel/avx2/attend_int16_multiply.h"
#include "kernel/avx2/avx2.h"
#include "kernel/avx2/exponential.h"
#include "kernel/unroll.h"

#define TILE 4

/* ---- rows of numbers ---- */

#define VECTORS (ATTEND_SQUARES / HALF)

static void add_squares(const float *x, __m256 sums[VECTORS])
{
    UNROLL
    for (int i = 0; i < VECTORS; i++) {
        __m256 v = _mm256_loadu_ps(x + i * HALF);
        sums[i] = _mm256_add_ps(sums[i], _mm256_mul_ps(v, v));
    }
}

static float length_of(const float *x, size_t n)
{
    __m256 sums[VECTORS];
    float rest[ATTEND_SQUARES] = {0};
    for (int i = 0; i < VECTORS; i++)
        sums[i] = _mm256_setzero_ps();
    for (; n >= ATTEND_SQUARES; n -= ATTEND_SQUARES, x += ATTEND_SQUARES)
        add_squares(x, sums);
    memcpy(rest, x, n * sizeof *x);
    add_squares(rest, sums);
    for (int half = VECTORS / 2; half > 0; half /= 2)
        for (int i = 0; i < half; i++)
            sums[i] = _mm256_add_ps(sums[i], sums[i + half]);
    __m128 sum = _mm_add_ps(_mm256_castps256_ps128(sums[0]), _mm256_extractf128_ps(sums[0], 1));
    sum = _mm_add_ps(sum, _mm_movehl_ps(sum, sum));
    sum = _mm_add_ss(sum, _mm_movehdup_ps(sum));
    return _mm_cvtss_f32(_mm_sqrt_ss(sum));
}

/* Sixteen numbers, rounded. */
INLINE __m256i round_numbers(const float *x, __m256 factor)
{
    __m256i low = _mm256_cvtps_epi32(_mm256_mul_ps(_mm256_loadu_ps(x), factor));
    __m256i high = _mm256_cvtps_epi32(_mm256_mul_ps(_mm256_loadu_ps(x + HALF), factor));
    return _mm256_permute4x64_epi64(_mm256_packs_epi32(low, high), 0xD8);
}

/* Whole words of int16; returns the scale. */
static float pack_part(const float *x, size_t n, int16_t *words)
{
    const float length = length_of(x, n), factor = attend_factor(length);
    float rest[2 * HALF] = {0};
    int16_t rounded[2 * HALF];
    size_t i = 0;
    if (factor == 0.0f) {
        memset(words, 0, (n + 1) / 2 * 2 * sizeof *words);
        return attend_scale(length);
    }
    for (; i + 2 * HALF <= n; i += 2 * HALF)
        _mm256_storeu_si256((__m256i *)(void *)(words + i), round_numbers(x + i, _mm256_set1_ps(factor)));
    memcpy(rest, x + i, (n - i) * sizeof *x);
    _mm256_storeu_si256((__m256i *)(void *)rounded, round_numbers(rest, _mm256_set1_ps(factor)));
    memcpy(words + i, rounded, (n - i + 1) / 2 * 2 * sizeof *words);
    return attend_scale(length);
}

static void pack_key(const float *x, struct attend_size size, void *row)
{
    int16_t *words = row;
    float *scales = (float *)row + attend_scales_at(size);
    scales[0] = pack_part(x, size.plain, words);
    scales[1] = pack_part(x + size.plain, size.rotary, words + (size.plain + 1) / 2 * 2);
}

void avx2_attend_int16_pack_keys(const float *x, size_t stride, size_t n, struct attend_size size, void *rows,
                                 size_t row_words)
{
    for (size_t i = 0; i < n; i++)
        pack_key(x + i * stride, size, (float *)rows + i * row_words);
}

/* Two positions' words; later NULL: zeros. */
static void pack_pair(const void *earlier, const void *later, size_t n, void *words)
{
    const int16_t *first = earlier, *second = later;
    size_t i = 0;
    for (; second != NULL && i + 2 * HALF <= n; i += 2 * HALF) {
        __m256i a = _mm256_loadu_si256((const __m256i *)(const void *)(first + i));
        __m256i b = _mm256_loadu_si256((const __m256i *)(const void *)(second + i));
        __m256i low = _mm256_unpacklo_epi16(a, b), high = _mm256_unpackhi_epi16(a, b);
        __m256i *to = (__m256i *)(void *)((int16_t *)words + 2 * i);
        _mm256_storeu_si256(to, _mm256_permute2x128_si256(low, high, 0x20));
        _mm256_storeu_si256(to + 1, _mm256_permute2x128_si256(low, high, 0x31));
    }
    for (; i < n; i++) {
        int16_t pair[2] = {first[i], second == NULL ? 0 : second[i]};
        memcpy((int16_t *)words + 2 * i, pair, sizeof pair);
    }
}

void avx2_attend_int16_pack_values(const struct attend_values *v)
{
    for (size_t p = 0; p < v->n_positions; p += 2) {
        const float *earlier = (const float *)v->rows + p * v->row_words;
        pack_pair(earlier, p + 1 < v->n_positions ? earlier + v->row_words : NULL, v->n_columns,
                  (float *)v->words + p / 2 * v->value_words);
    }
}

/* ---- products ---- */

INLINE __m256i add_product(__m256i sum, __m256i lanes, __m256i spread)
{
    return _mm256_add_epi32(sum, _mm256_madd_epi16(lanes, spread));
}

void avx2_attend_int16_product(const struct attend_product *p)
{
    product_all(p, TILE, add_product);
}

void avx2_attend_int16_sum(const struct attend_sum *s)
{
    sum_all(s, TILE, add_product);
}

/* ---- weights ---- */

/* A half's weights times the scales of their values, in place of its scores; returns what the largest
 * integer stands for. */
static __m256 weigh_half(const struct attend_weigh *w, size_t first)
{
    const __m256 least = _mm256_set1_ps(ATTEND_LEAST);
    struct attend_running *running = w->running;
    const __m256 before = _mm256_loadu_ps(running->highest + first), highest = highest_score(w, first);
    __m256 sum = _mm256_setzero_ps(), total = sum, most = sum;
    for (size_t i = 0; i < w->n_positions; i++) {
        __m256 below = _mm256_sub_ps(_mm256_loadu_ps(w->scores + i * LANES + first), highest);
        __m256 counts = _mm256_and_ps(_mm256_cmp_ps(below, least, _CMP_NLT_UQ), seen(w, i, first));
        __m256 one = _mm256_and_ps(counts, exponential(below));
        __m256 scaled = _mm256_mul_ps(one, _mm256_set1_ps(w->value_scales[i * w->scale_stride]));
        sum = _mm256_add_ps(sum, one);
        total = _mm256_add_ps(total, scaled);
        most = _mm256_max_ps(scaled, most);
        _mm256_storeu_ps(w->scores + i * LANES + first, scaled);
    }
    __m256 shrink = exponential(_mm256_sub_ps(before, highest));
    _mm256_storeu_ps(w->shrink + first, shrink);
    sum = _mm256_add_ps(_mm256_mul_ps(_mm256_loadu_ps(running->sum + first), shrink), sum);
    _mm256_storeu_ps(running->sum + first, sum);
    _mm256_storeu_ps(running->highest + first, highest);
    return _mm256_max_ps(most, _mm256_mul_ps(total, _mm256_set1_ps(0.5f)));
}

void avx2_attend_int16_weigh(const struct attend_weigh *w)
{
    const __m256 full = _mm256_set1_ps(ATTEND_WEIGHTS);
    __m256 factors[HALVES];
    for (size_t half = 0; half < HALVES; half++) {
        __m256 limit = weigh_half(w, half * HALF);
        __m256 some = _mm256_cmp_ps(limit, _mm256_setzero_ps(), _CMP_GT_OQ);
        factors[half] = _mm256_and_ps(some, _mm256_div_ps(full, limit));
        _mm256_storeu_ps(w->scale + half * HALF, _mm256_div_ps(limit, full));
    }
    /* Words of two positions may take the place of the first one's floats. */
    for (size_t i = 0; i < w->n_positions; i += 2)
        for (size_t half = 0; half < HALVES; half++) {
            const float *at = w->scores + i * LANES + half * HALF;
            __m256 first = _mm256_loadu_ps(at);
            __m256 second = i + 1 < w->n_positions ? _mm256_loadu_ps(at + LANES) : _mm256_setzero_ps();
            __m256i low = _mm256_cvtps_epi32(_mm256_mul_ps(first, factors[half]));
            __m256i high = _mm256_cvtps_epi32(_mm256_mul_ps(second, factors[half]));
            float *word = (float *)w->weights + i / 2 * LANES + half * HALF;
            _mm256_storeu_si256((__m256i *)(void *)word, _mm256_or_si256(low, _mm256_slli_epi32(high, 16)));
        }
}
