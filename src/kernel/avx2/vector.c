/* SPDX-License-Identifier: Apache-2.0 */
/* vector.c - the vector entries of the table: quantizing, norm, activation function, sums and conversions.
 *
 * The last values, fewer than a vector, pass through a padded copy of the same code, so a value's bits do
 * not depend on its place. */
#include "kernel/avx2/avx2.h"

#include <float.h>
#include <immintrin.h>
#include <math.h>

#include "base/bytes.h"
#include "kernel/avx2/exponential.h"
#include "quant/blocks.h"

#define LANES 8

static inline __m256 load_part(const float *at, size_t n)
{
    float part[LANES] = {0};
    memcpy(part, at, n * sizeof *at);
    return _mm256_loadu_ps(part);
}

static inline void store_part(float *at, __m256 v, size_t n)
{
    float part[LANES];
    _mm256_storeu_ps(part, v);
    memcpy(at, part, n * sizeof *at);
}

static inline __m256 size_of(__m256 v)
{
    return _mm256_andnot_ps(_mm256_set1_ps(-0.0f), v);
}

/* As integers: what is no number is larger than all that is. */
static inline __m256i larger_size(__m256 a, __m256 b)
{
    return _mm256_max_epi32(_mm256_castps_si256(size_of(a)), _mm256_castps_si256(size_of(b)));
}

static inline float largest_lane(__m256i v)
{
    __m128i four = _mm_max_epi32(_mm256_castsi256_si128(v), _mm256_extracti128_si256(v, 1));
    __m128i two = _mm_max_epi32(four, _mm_shuffle_epi32(four, _MM_SHUFFLE(1, 0, 3, 2)));
    __m128i one = _mm_max_epi32(two, _mm_shuffle_epi32(two, _MM_SHUFFLE(2, 3, 0, 1)));
    return _mm_cvtss_f32(_mm_castsi128_ps(one));
}

/* 32 values to int8; the sums of both halves. */
static inline void quantize_block(const float *x, int8_t *values, float *scale, int16_t *sums)
{
    __m256 v[4];
    for (int i = 0; i < 4; i++)
        v[i] = _mm256_loadu_ps(x + LANES * i);
    float largest = largest_lane(_mm256_max_epi32(larger_size(v[0], v[1]), larger_size(v[2], v[3])));
    if (!(largest <= FLT_MAX)) {
        memset(values, 0, ACTIVATION_BLOCK);
        sums[0] = sums[1] = 0;
        *scale = largest;
        return;
    }
    bool zero = largest < ACTIVATION_LEAST;
    __m256 inverse = _mm256_set1_ps(zero ? 0.0f : 127.0f / largest);
    *scale = zero ? 0.0f : largest / 127.0f;

    __m256i words[4];
    for (int i = 0; i < 4; i++)
        words[i] = _mm256_cvtps_epi32(_mm256_mul_ps(v[i], inverse));
    __m256i first = _mm256_packs_epi32(words[0], words[1]), second = _mm256_packs_epi32(words[2], words[3]);
    __m256i in_order = _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7); /* packing goes by 128 bits */
    __m256i bytes = _mm256_permutevar8x32_epi32(_mm256_packs_epi16(first, second), in_order);
    _mm256_storeu_si256((__m256i *)(void *)values, bytes);

    /* Sums of eight as if unsigned, 128 more for each. */
    __m256i eights = _mm256_sad_epu8(_mm256_xor_si256(bytes, _mm256_set1_epi8(-128)), _mm256_setzero_si256());
    for (int half = 0; half < 2; half++) {
        __m128i two = half ? _mm256_extracti128_si256(eights, 1) : _mm256_castsi256_si128(eights);
        sums[half] = (int16_t)(_mm_cvtsi128_si32(two) + _mm_extract_epi16(two, 4) - 16 * 128);
    }
}

void avx2_quantize(const float *x, void *row, size_t n_columns)
{
    struct activation a = activation_view(row, n_columns);
    for (size_t block = 0; block < n_columns / ACTIVATION_BLOCK; block++) {
        size_t column = block * ACTIVATION_BLOCK;
        quantize_block(x + column, a.values + column, a.scales + block,
                       a.sums + column / ACTIVATION_SUM_BLOCK);
    }
}

void avx2_rms_norm(const float *x, const float *gain, float epsilon, float *out, size_t n)
{
    __m256d sums[2] = {_mm256_setzero_pd(), _mm256_setzero_pd()};
    for (size_t i = 0; i < n; i += LANES) {
        __m256 v = n - i >= LANES ? _mm256_loadu_ps(x + i) : load_part(x + i, n - i);
        __m256d low = _mm256_cvtps_pd(_mm256_castps256_ps128(v)),
                high = _mm256_cvtps_pd(_mm256_extractf128_ps(v, 1));
        sums[0] = _mm256_fmadd_pd(low, low, sums[0]);
        sums[1] = _mm256_fmadd_pd(high, high, sums[1]);
    }
    double part[4];
    _mm256_storeu_pd(part, _mm256_add_pd(sums[0], sums[1]));
    double squares = (part[0] + part[2]) + (part[1] + part[3]);
    __m256 scale = _mm256_set1_ps((float)(1.0 / sqrt(squares / (double)n + (double)epsilon)));

    size_t i = 0;
    for (; i + LANES <= n; i += LANES) {
        __m256 v = _mm256_mul_ps(_mm256_mul_ps(_mm256_loadu_ps(x + i), scale), _mm256_loadu_ps(gain + i));
        _mm256_storeu_ps(out + i, v);
    }
    if (i < n) {
        __m256 v = _mm256_mul_ps(_mm256_mul_ps(load_part(x + i, n - i), scale), load_part(gain + i, n - i));
        store_part(out + i, v, n - i);
    }
}

static inline __m256 silu_times(__m256 gate, __m256 up)
{
    __m256 e = exponential(_mm256_xor_ps(gate, _mm256_set1_ps(-0.0f)));
    return _mm256_mul_ps(_mm256_div_ps(gate, _mm256_add_ps(_mm256_set1_ps(1.0f), e)), up);
}

void avx2_silu_multiply(const float *gate, const float *up, float *out, size_t n)
{
    size_t i = 0;
    for (; i + LANES <= n; i += LANES)
        _mm256_storeu_ps(out + i, silu_times(_mm256_loadu_ps(gate + i), _mm256_loadu_ps(up + i)));
    if (i < n)
        store_part(out + i, silu_times(load_part(gate + i, n - i), load_part(up + i, n - i)), n - i);
}

void avx2_add_scaled(float a, const float *x, float *y, size_t n)
{
    const __m256 factor = _mm256_set1_ps(a);
    size_t i = 0;
    for (; i + LANES <= n; i += LANES)
        _mm256_storeu_ps(y + i, _mm256_fmadd_ps(factor, _mm256_loadu_ps(x + i), _mm256_loadu_ps(y + i)));
    if (i < n)
        store_part(y + i, _mm256_fmadd_ps(factor, load_part(x + i, n - i), load_part(y + i, n - i)), n - i);
}

void avx2_scale_add(float a, float *y, float b, const float *x, size_t n)
{
    const __m256 first = _mm256_set1_ps(a), second = _mm256_set1_ps(b);
    size_t i = 0;
    for (; i + LANES <= n; i += LANES) {
        __m256 scaled = _mm256_mul_ps(first, _mm256_loadu_ps(y + i));
        _mm256_storeu_ps(y + i, _mm256_fmadd_ps(second, _mm256_loadu_ps(x + i), scaled));
    }
    if (i < n) {
        __m256 scaled = _mm256_mul_ps(first, load_part(y + i, n - i));
        store_part(y + i, _mm256_fmadd_ps(second, load_part(x + i, n - i), scaled), n - i);
    }
}

void avx2_exponential(const float *x, float *out, size_t n)
{
    size_t i = 0;
    for (; i + LANES <= n; i += LANES)
        _mm256_storeu_ps(out + i, exponential(_mm256_loadu_ps(x + i)));
    if (i < n)
        store_part(out + i, exponential(load_part(x + i, n - i)), n - i);
}

void avx2_f16_to_float(const uint16_t *x, float *out, size_t n)
{
    size_t i = 0;
    for (; i + LANES <= n; i += LANES)
        _mm256_storeu_ps(out + i, _mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)(const void *)(x + i))));
    for (; i < n; i++)
        out[i] = _cvtsh_ss(x[i]);
}

void avx2_float_to_f16(const float *x, uint16_t *out, size_t n)
{
    size_t i = 0;
    for (; i + LANES <= n; i += LANES) {
        __m128i halves = _mm256_cvtps_ph(_mm256_loadu_ps(x + i), _MM_FROUND_TO_NEAREST_INT);
        _mm_storeu_si128((__m128i *)(void *)(out + i), halves);
    }
    for (; i < n; i++)
        out[i] = _cvtss_sh(x[i], _MM_FROUND_TO_NEAREST_INT);
}

/* Eight codes times the scale. */
static inline void store_scaled(float *out, __m128i codes, __m256 scale)
{
    _mm256_storeu_ps(out, _mm256_mul_ps(scale, _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(codes))));
}

static inline void store_sixteen(float *out, __m128i codes, __m256 scale)
{
    store_scaled(out, codes, scale);
    store_scaled(out + LANES, _mm_unpackhi_epi64(codes, codes), scale);
}

void avx2_q8_0_to_float(const void *blocks, float *out, size_t n)
{
    const struct block_q8_0 *block = blocks;
    for (size_t i = 0; i < n; i += BLOCK_SMALL, block++) {
        const __m256 scale = _mm256_set1_ps(_cvtsh_ss(load_u16(block->scale)));
        const __m128i *codes = (const __m128i *)(const void *)block->codes;
        store_sixteen(out + i, _mm_loadu_si128(codes), scale);
        store_sixteen(out + i + 2 * LANES, _mm_loadu_si128(codes + 1), scale);
    }
}

void avx2_q4_0_to_float(const void *blocks, float *out, size_t n)
{
    const struct block_q4_0 *block = blocks;
    const __m128i low = _mm_set1_epi8(15), offset = _mm_set1_epi8(8);
    for (size_t i = 0; i < n; i += BLOCK_SMALL, block++) {
        const __m256 scale = _mm256_set1_ps(_cvtsh_ss(load_u16(block->scale)));
        __m128i codes = _mm_loadu_si128((const __m128i *)(const void *)block->codes);
        __m128i first = _mm_and_si128(codes, low), second = _mm_and_si128(_mm_srli_epi16(codes, 4), low);
        store_sixteen(out + i, _mm_sub_epi8(first, offset), scale);
        store_sixteen(out + i + 2 * LANES, _mm_sub_epi8(second, offset), scale);
    }
}
