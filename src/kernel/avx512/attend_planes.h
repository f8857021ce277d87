/* SPDX-License-Identifier: Apache-2.0 */
/* attend_planes.h - int16 as two planes of bytes, as tiles multiply them: n = 256 * high + low, high signed
 * and low not.
 *
 * Numbers lie in chunks of 64: of each its high bytes, then its low ones. In both, byte j of word i is number
 * 16 j + i of the chunk, which makes splitting cheap; products do not ask for the order of what they add up,
 * as long as both sides have the same. */
#ifndef FATHOM_KERNEL_AVX512_ATTEND_PLANES_H
#define FATHOM_KERNEL_AVX512_ATTEND_PLANES_H

#include "kernel/attend.h"

#define PLANE_BYTES ATTEND_CHUNK      /* of a chunk */
#define CHUNK_BYTES (2 * PLANE_BYTES) /* both planes: as many words as pairs would take */

/* Rows are whole lines of the cache, and so every plane lies in one: rows of tiles that lie in two take up to
 * half as long again. */
#define PLANES_LINE_WORDS 16

/* Kernels over planes, but for the two products. A key is [chunk][plane][word], then its scales; a panel of
 * queries [chunk][plane][word][lane], then its scales; values are [column][chunk of
 * positions][plane][position], weights [four positions][plane][lane]. Positions past the last are zeros, up
 * to a whole chunk. */
void avx512_planes_pack_queries(const float *x, size_t stride, size_t n_lanes, struct attend_size size,
                                void *panel);
void avx512_planes_pack_keys(const float *x, size_t stride, size_t n, struct attend_size size, void *rows,
                             size_t row_words);
void avx512_planes_pack_values(const struct attend_values *values);
void avx512_planes_weigh(const struct attend_weigh *weigh);

#endif
