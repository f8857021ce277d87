/* SPDX-License-Identifier: Apache-2.0 */
/* attend_int16.c - attention over pairs of int16: VPDPWSSD multiplies twice as many as a float multiply-add,
 * exactly, and has been there as long as this level. */
#include "kernel/avx512/attend_int16.h"
#include "kernel/avx512/avx512.h"

/* sum + product, as _mm512_dpwssd_epi32() would be, for which gcc 12 copies every sum to another register and
 * back: 122 GMAC/s for 188. */
INLINE __m512 multiply(__m512 sum, __m512 lanes, __m512 word)
{
    __asm__("vpdpwssd %2, %1, %0" : "+v"(sum) : "v"(lanes), "v"(word));
    return sum;
}

/* ---- rows of numbers ---- */

/* Sixteen words: 32 numbers, rounded. */
INLINE __m512i round_numbers(__m512 low, __m512 high, __m512 factor)
{
    const __m512i order = _mm512_setr_epi64(0, 2, 4, 6, 1, 3, 5, 7);
    __m512i words = _mm512_packs_epi32(_mm512_cvtps_epi32(_mm512_mul_ps(low, factor)),
                                       _mm512_cvtps_epi32(_mm512_mul_ps(high, factor)));
    return _mm512_permutexvar_epi64(order, words);
}

/* The same of the first n of 32 numbers; without a factor they are zeros, whatever they were. */
INLINE __m512i round_some(const float *x, size_t n, float factor)
{
    n = factor == 0.0f ? 0 : n;
    __m512 high = _mm512_maskz_loadu_ps(n > LANES ? first_lanes(n - LANES) : 0, x + LANES);
    return round_numbers(_mm512_maskz_loadu_ps(first_lanes(n), x), high, _mm512_set1_ps(factor));
}

/* Whole words of int16; returns the scale. */
INLINE float pack_part(const float *x, size_t n, float *words)
{
    const float length = length_of(x, n), factor = attend_factor(length);
    size_t i = 0;
    for (; factor != 0.0f && i + 2 * LANES <= n; i += 2 * LANES)
        _mm512_storeu_si512(
            words + i / 2,
            round_numbers(_mm512_loadu_ps(x + i), _mm512_loadu_ps(x + i + LANES), _mm512_set1_ps(factor)));
    for (; i < n; i += 2 * LANES)
        _mm512_mask_storeu_epi32(words + i / 2, first_lanes((n - i + 1) / 2),
                                 round_some(x + i, n - i, factor));
    return attend_scale(length);
}

static void pack_key(const float *x, struct attend_size size, void *row)
{
    float *words = row, *scales = words + attend_scales_at(size);
    scales[0] = pack_part(x, size.plain, words);
    scales[1] = pack_part(x + size.plain, size.rotary, words + (size.plain + 1) / 2);
}

void avx512_attend_int16_pack_keys(const float *x, size_t stride, size_t n, struct attend_size size,
                                   void *rows, size_t row_words)
{
    for (size_t i = 0; i < n; i++)
        pack_key(x + i * stride, size, (float *)rows + i * row_words);
}

/* A part of all lanes: its words and its scales. */
static void pack_lanes(const float *x, size_t stride, size_t n_lanes, size_t n, float *words, float *scales)
{
    float factors[LANES];
    scale_lanes(x, stride, n_lanes, n, factors, scales);
    for (size_t i = 0; i < n; i += 2 * LANES) {
        const size_t n_left = min_size(2 * LANES, n - i);
        __m512 v[LANES];
        for (size_t lane = 0; lane < LANES; lane++)
            v[lane] = lane < n_lanes
                          ? _mm512_castsi512_ps(round_some(x + lane * stride + i, n_left, factors[lane]))
                          : _mm512_setzero_ps();
        transpose(v);
        for (size_t word = 0; word < (n_left + 1) / 2; word++)
            _mm512_storeu_ps(words + (i / 2 + word) * LANES, v[word]);
    }
}

void avx512_attend_int16_pack_queries(const float *x, size_t stride, size_t n_lanes, struct attend_size size,
                                      void *panel)
{
    float *words = panel, *scales = words + attend_scales_at(size) * LANES;
    pack_lanes(x, stride, n_lanes, size.plain, words, scales);
    pack_lanes(x + size.plain, stride, n_lanes, size.rotary, words + (size.plain + 1) / 2 * LANES,
               scales + LANES);
}

/* Two positions' words; later NULL: zeros. */
static void pack_pair(const void *earlier, const void *later, size_t n, void *words)
{
    size_t i = 0;
    for (; later != NULL && i + LANES <= n; i += LANES) {
        __m512i first =
            _mm512_cvtepu16_epi32(_mm256_loadu_si256((const __m256i *)((const int16_t *)earlier + i)));
        __m512i second =
            _mm512_cvtepu16_epi32(_mm256_loadu_si256((const __m256i *)((const int16_t *)later + i)));
        _mm512_storeu_si512((float *)words + i, _mm512_or_si512(first, _mm512_slli_epi32(second, 16)));
    }
    for (; i < n; i += LANES) {
        const __mmask16 lanes = first_lanes(n - i);
        const __m256i first = _mm256_maskz_loadu_epi16(lanes, (const int16_t *)earlier + i);
        const __m256i second =
            _mm256_maskz_loadu_epi16(later == NULL ? 0 : lanes, (const int16_t *)later + i);
        __m512i pairs = _mm512_or_si512(_mm512_cvtepu16_epi32(first),
                                        _mm512_slli_epi32(_mm512_cvtepu16_epi32(second), 16));
        _mm512_mask_storeu_epi32((float *)words + i, lanes, pairs);
    }
}

void avx512_attend_int16_pack_values(const struct attend_values *v)
{
    for (size_t p = 0; p < v->n_positions; p += 2) {
        const float *earlier = (const float *)v->rows + p * v->row_words;
        pack_pair(earlier, p + 1 < v->n_positions ? earlier + v->row_words : NULL, v->n_columns,
                  (float *)v->words + p / 2 * v->value_words);
    }
}

/* ---- products ---- */

INLINE void clear(__m512 sums[TILE][BUNDLES], int n_rows, int n_bundles)
{
    UNROLL
    for (int r = 0; r < n_rows; r++)
        for (int b = 0; b < n_bundles; b++)
            sums[r][b] = _mm512_setzero_ps();
}

INLINE __m512 times(__m512 sum, __m512 scale)
{
    return _mm512_mul_ps(_mm512_cvtepi32_ps(_mm512_castps_si512(sum)), scale);
}

INLINE void product_tile(const void *work, size_t row, size_t bundle, int n_rows, int n_bundles)
{
    const struct attend_product *p = work;
    const size_t n_words = attend_scales_at(p->size), n_plain = (p->size.plain + 1) / 2;
    const size_t panel_floats = (n_words + ATTEND_PARTS) * LANES;
    const float *rows = (const float *)p->rows + row * p->row_words;
    const float *panels = (const float *)p->panels + bundle * panel_floats;
    for (size_t part = 0; part < ATTEND_PARTS; part++) {
        const size_t begin = part == 0 ? 0 : n_plain, end = part == 0 ? n_plain : n_words;
        const struct grid grid = {
            panels + begin * LANES, panel_floats, rows + begin, p->row_words, 1, end - begin};
        __m512 sums[TILE][BUNDLES];
        clear(sums, n_rows, n_bundles);
        multiply_tile(multiply, &grid, n_rows, n_bundles, sums);
        UNROLL
        for (int r = 0; r < n_rows; r++) {
            const __m512 row_scale = _mm512_set1_ps(rows[(size_t)r * p->row_words + n_words + part]);
            UNROLL
            for (int b = 0; b < n_bundles; b++) {
                const float *scales = panels + (size_t)b * panel_floats + (n_words + part) * LANES;
                float *out = p->out + (bundle + (size_t)b) * p->out_bundle + (row + (size_t)r) * p->out_row;
                __m512 before = _mm512_maskz_loadu_ps(part == 0 ? 0 : 0xFFFF, out);
                __m512 scale = _mm512_mul_ps(row_scale, _mm512_loadu_ps(scales));
                _mm512_storeu_ps(out, _mm512_add_ps(before, times(sums[r][b], scale)));
            }
        }
    }
}

void avx512_attend_int16_product(const struct attend_product *product)
{
    walk_tiles(product_tile, product, product->n_rows, product->n_bundles);
}

INLINE void sum_tile(const void *work, size_t column, size_t bundle, int n_columns, int n_bundles)
{
    const struct attend_sum *s = work;
    const struct grid grid = grid_of_sum(s, column, bundle);
    __m512 sums[TILE][BUNDLES];
    clear(sums, n_columns, n_bundles);
    multiply_tile(multiply, &grid, n_columns, n_bundles, sums);
    UNROLL
    for (int b = 0; b < n_bundles; b++) {
        float *out = s->out + ((bundle + (size_t)b) * s->n_columns + column) * LANES;
        const __m512 shrink = _mm512_loadu_ps(s->shrink + (bundle + (size_t)b) * LANES);
        const __m512 scale = _mm512_loadu_ps(s->scale + (bundle + (size_t)b) * LANES);
        UNROLL
        for (int c = 0; c < n_columns; c++, out += LANES) {
            __m512 before = _mm512_mul_ps(_mm512_loadu_ps(out), shrink);
            _mm512_storeu_ps(out, _mm512_add_ps(before, times(sums[c][b], scale)));
        }
    }
}

void avx512_attend_int16_sum(const struct attend_sum *sum)
{
    walk_tiles(sum_tile, sum, sum->n_columns, sum->n_bundles);
}

/* ---- weights ---- */

void avx512_attend_int16_weigh(const struct attend_weigh *w)
{
    const __m512 factor = weigh_scores(w);
    /* Words of two positions may take the place of the first one's floats. */
    for (size_t i = 0; i < w->n_positions; i += 2) {
        __m512 first = _mm512_loadu_ps(w->scores + i * LANES);
        __m512 second =
            _mm512_maskz_loadu_ps(i + 1 < w->n_positions ? 0xFFFF : 0, w->scores + (i + 1) * LANES);
        __m512i low = _mm512_cvtps_epi32(_mm512_mul_ps(first, factor));
        __m512i high = _mm512_cvtps_epi32(_mm512_mul_ps(second, factor));
        _mm512_storeu_si512((float *)w->weights + i / 2 * LANES,
                            _mm512_or_si512(low, _mm512_slli_epi32(high, 16)));
    }
}
