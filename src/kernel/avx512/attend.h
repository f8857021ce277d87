/* SPDX-License-Identifier: Apache-2.0 */
/* attend.h - attention's loops of this level, for words of either kind: what a kind adds is how two words
 * are multiplied, and what becomes of the sums.
 *
 * A vector is one word of each lane of a bundle. A tile of rows (or columns) by bundles stays in registers
 * while the words go by, each sum a chain of its own, so tiles change no bit. */
#ifndef FATHOM_KERNEL_AVX512_ATTEND_H
#define FATHOM_KERNEL_AVX512_ATTEND_H

#include <immintrin.h>

#include "base/bytes.h"
#include "kernel/attend.h"
#include "kernel/avx512/exponential.h"
#include "kernel/unroll.h"

#define LANES   ATTEND_LANES
#define TILE    8 /* rows or columns */
#define BUNDLES 2

/* sum + word of each lane * the word spread over the lanes. */
typedef __m512 multiply_fn(__m512 sum, __m512 lanes, __m512 word);

/* The words of a tile: row r (or column) has its word w at words[r * row_stride + w * word_stride]. */
struct grid {
    const float *lanes; /* [bundle][n_words][lane], bundles bundle_stride floats apart */
    size_t bundle_stride;
    const float *words;
    size_t row_stride, word_stride;
    size_t n_words;
};

/* Of a sum's tile of columns. */
INLINE struct grid grid_of_sum(const struct attend_sum *s, size_t column, size_t bundle)
{
    return (struct grid){.lanes = (const float *)s->weights + bundle * s->weights_bundle,
                         .bundle_stride = s->weights_bundle,
                         .words = (const float *)s->values + column,
                         .row_stride = 1,
                         .word_stride = s->value_words,
                         .n_words = s->n_words};
}

/* sums[row][bundle] += products of all words. */
INLINE void multiply_tile(multiply_fn *multiply, const struct grid *g, int n_rows, int n_bundles,
                          __m512 sums[TILE][BUNDLES])
{
    for (size_t word = 0; word < g->n_words; word++) {
        __m512 lanes[BUNDLES];
        UNROLL
        for (int b = 0; b < n_bundles; b++)
            lanes[b] = _mm512_loadu_ps(g->lanes + (size_t)b * g->bundle_stride + word * LANES);
        UNROLL
        for (int r = 0; r < n_rows; r++) {
            const float *at = g->words + (size_t)r * g->row_stride + word * g->word_stride;
            __m512 spread = _mm512_castsi512_ps(_mm512_set1_epi32((int)load_u32(at)));
            UNROLL
            for (int b = 0; b < n_bundles; b++)
                sums[r][b] = multiply(sums[r][b], lanes[b], spread);
        }
    }
}

/* A tile's work, from row (or column) `row` and bundle `bundle` on. */
typedef void tile_fn(const void *work, size_t row, size_t bundle, int n_rows, int n_bundles);

INLINE void walk_rows(tile_fn *tile, const void *work, size_t n_rows, size_t bundle, int n_bundles)
{
    size_t row = 0;
    for (; row + TILE <= n_rows; row += TILE)
        tile(work, row, bundle, TILE, n_bundles);
    if (n_rows - row >= TILE / 2) {
        tile(work, row, bundle, TILE / 2, n_bundles);
        row += TILE / 2;
    }
    for (; row < n_rows; row++)
        tile(work, row, bundle, 1, n_bundles);
}

/* All of n_rows by n_bundles, in tiles of sizes that are constants. */
INLINE void walk_tiles(tile_fn *tile, const void *work, size_t n_rows, size_t n_bundles)
{
    size_t bundle = 0;
    for (; bundle + BUNDLES <= n_bundles; bundle += BUNDLES)
        walk_rows(tile, work, n_rows, bundle, BUNDLES);
    if (bundle < n_bundles)
        walk_rows(tile, work, n_rows, bundle, 1);
}

/* The lanes that see position i. */
INLINE __mmask16 seen(const struct attend_weigh *w, size_t i)
{
    if (w->n_seen == NULL)
        return 0xFFFF;
    return _mm512_cmplt_epu32_mask(_mm512_set1_epi32((int)i), _mm512_loadu_si512(w->n_seen));
}

/* The highest score so far; shrink and the running sum are made to fit it. */
INLINE __m512 begin_weights(const struct attend_weigh *w)
{
    enum { CHAINS = 4 }; /* a maximum waits for the one before */
    __m512 before = _mm512_loadu_ps(w->running->highest), chains[CHAINS] = {before, before, before, before};
    size_t i = 0;
    for (; i + CHAINS <= w->n_positions; i += CHAINS) {
        UNROLL
        for (size_t c = 0; c < CHAINS; c++)
            chains[c] = _mm512_mask_max_ps(chains[c], seen(w, i + c), chains[c],
                                           _mm512_loadu_ps(w->scores + (i + c) * LANES));
    }
    for (; i < w->n_positions; i++)
        chains[0] =
            _mm512_mask_max_ps(chains[0], seen(w, i), chains[0], _mm512_loadu_ps(w->scores + i * LANES));
    __m512 highest = _mm512_max_ps(_mm512_max_ps(chains[0], chains[1]), _mm512_max_ps(chains[2], chains[3]));
    __m512 shrink = exponential(_mm512_sub_ps(before, highest));
    _mm512_storeu_ps(w->shrink, shrink);
    _mm512_storeu_ps(w->running->sum, _mm512_mul_ps(_mm512_loadu_ps(w->running->sum), shrink));
    _mm512_storeu_ps(w->running->highest, highest);
    return highest;
}

INLINE void add_weights(const struct attend_weigh *w, __m512 sum)
{
    _mm512_storeu_ps(w->running->sum, _mm512_add_ps(_mm512_loadu_ps(w->running->sum), sum));
}

/* Rows and columns change places. */
INLINE void transpose(__m512 v[LANES])
{
    __m512 t[LANES];
    UNROLL
    for (int i = 0; i < LANES; i += 2) {
        t[i] = _mm512_unpacklo_ps(v[i], v[i + 1]);
        t[i + 1] = _mm512_unpackhi_ps(v[i], v[i + 1]);
    }
    UNROLL
    for (int i = 0; i < LANES; i += 4) {
        v[i] = _mm512_shuffle_ps(t[i], t[i + 2], 0x44);
        v[i + 1] = _mm512_shuffle_ps(t[i], t[i + 2], 0xEE);
        v[i + 2] = _mm512_shuffle_ps(t[i + 1], t[i + 3], 0x44);
        v[i + 3] = _mm512_shuffle_ps(t[i + 1], t[i + 3], 0xEE);
    }
    UNROLL
    for (int half = 0; half < LANES; half += 8)
        for (int i = half; i < half + 4; i++) {
            t[i] = _mm512_shuffle_f32x4(v[i], v[i + 4], 0x88);
            t[i + 4] = _mm512_shuffle_f32x4(v[i], v[i + 4], 0xDD);
        }
    UNROLL
    for (int i = 0; i < 8; i++) {
        v[i] = _mm512_shuffle_f32x4(t[i], t[i + 8], 0x88);
        v[i + 8] = _mm512_shuffle_f32x4(t[i], t[i + 8], 0xDD);
    }
}

/* The first n of sixteen columns. */
INLINE __mmask16 first_lanes(size_t n)
{
    return (__mmask16)(n < LANES ? (1u << n) - 1 : 0xFFFF);
}

#endif
