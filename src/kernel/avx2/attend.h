/* SPDX-License-Identifier: Apache-2.0 */
/* attend.h - what attention over floats and over int16 share on this level. */
#ifndef FATHOM_KERNEL_AVX2_ATTEND_H
#define FATHOM_KERNEL_AVX2_ATTEND_H

#include <immintrin.h>

#include "kernel/attend.h"

/* All bits of the lanes, from `first` on, that see position i. */
static inline __m256 seen(const struct attend_weigh *w, size_t i, size_t first)
{
    if (w->n_seen == NULL)
        return _mm256_castsi256_ps(_mm256_set1_epi32(-1));
    __m256i n_seen = _mm256_loadu_si256((const __m256i *)(const void *)(w->n_seen + first));
    return _mm256_castsi256_ps(_mm256_cmpgt_epi32(n_seen, _mm256_set1_epi32((int)i)));
}

/* The highest score so far of the lanes from `first` on. */
static inline __m256 highest_score(const struct attend_weigh *w, size_t first)
{
    __m256 highest = _mm256_loadu_ps(w->running->highest + first);
    for (size_t i = 0; i < w->n_positions; i++) {
        __m256 higher = _mm256_max_ps(highest, _mm256_loadu_ps(w->scores + i * ATTEND_LANES + first));
        highest = _mm256_blendv_ps(highest, higher, seen(w, i, first));
    }
    return highest;
}

#endif
