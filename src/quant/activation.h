/* SPDX-License-Identifier: Apache-2.0 */
/* activation.h - the one quantized activation format, and how a row of it lies in memory.
 *
 * A row of n values (n a multiple of 32) is three planes:
 *   int8_t  values[n]       value = scale * int8, int8 in -127..127
 *   float   scales[n / 32]  one for 32 values: max |x| / 127, zero where max |x| < ACTIVATION_LEAST
 *   int16_t sums[n / 16]    the sum of 16 int8 values: what minima of K-quants and offset codes multiply
 * each starting on a cache line, so that a row is one block of memory and rows follow each other at
 * activation_row_bytes(n). Quantizing is: id = 127 / max |x|, int8 = round to nearest even of x * id;
 * where the scale is zero, all 32 values are. A block that has an infinity or a NaN gets the larger of them
 * as its scale, and values of zero, so that every product with it is NaN. What lies between two planes is
 * never read. */
#ifndef FATHOM_QUANT_ACTIVATION_H
#define FATHOM_QUANT_ACTIVATION_H

#include <stddef.h>
#include <stdint.h>

#define ACTIVATION_BLOCK     32        /* values that share a scale */
#define ACTIVATION_SUM_BLOCK 16        /* values that share a sum */
#define ACTIVATION_LEAST     0x1p-120f /* smaller counts as zero, so that 127 / max |x| is finite */

struct activation {
    int8_t *values; /* [n_columns] */
    float *scales;  /* [n_columns / 32] */
    int16_t *sums;  /* [n_columns / 16] */
};

size_t activation_row_bytes(size_t n_columns);                  /* a multiple of 64 */
struct activation activation_view(void *row, size_t n_columns); /* row: 64-byte aligned */
/* The reference; kernels must give the same bits. */
void activation_encode(const float *x, void *row, size_t n_columns);
void activation_decode(const void *row, float *x, size_t n_columns);

#endif
