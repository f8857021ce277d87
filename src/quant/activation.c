/* SPDX-License-Identifier: Apache-2.0 */
/* activation.c - the reference of the int8 activation format: what every kernel must give, bit for bit.
 *
 * Each step is one correctly rounded operation (two divisions, a product, a
 * rounding), so an instruction set has no freedom but order, and the maximum
 * and the integer sums do not depend on order. */
#include "quant/activation.h"

#include <assert.h>
#include <float.h>
#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "base/bytes.h"
#include "quant/half.h"

#define PLANE_ALIGNMENT 64 /* a cache line, and the width of an AVX-512 register */

static size_t values_bytes(size_t n_columns)
{
    return round_up(n_columns, PLANE_ALIGNMENT);
}

static size_t scales_bytes(size_t n_columns)
{
    return round_up(n_columns / ACTIVATION_BLOCK * sizeof(float), PLANE_ALIGNMENT);
}

static size_t sums_bytes(size_t n_columns)
{
    return round_up(n_columns / ACTIVATION_SUM_BLOCK * sizeof(int16_t), PLANE_ALIGNMENT);
}

size_t activation_row_bytes(size_t n_columns)
{
    assert(n_columns % ACTIVATION_BLOCK == 0);
    return values_bytes(n_columns) + scales_bytes(n_columns) + sums_bytes(n_columns);
}

struct activation activation_view(void *row, size_t n_columns)
{
    uint8_t *at = row;
    uint8_t *scales = at + values_bytes(n_columns);
    uint8_t *sums = scales + scales_bytes(n_columns);

    assert((uintptr_t)row % PLANE_ALIGNMENT == 0);
    return (struct activation){(int8_t *)at, (float *)(void *)scales, (int16_t *)(void *)sums};
}

/* By the bits of sizes, of which those of infinity and of what is no number are the largest. */
static float largest_size(const float *x)
{
    uint32_t largest = 0;
    for (int i = 0; i < ACTIVATION_BLOCK; i++) {
        uint32_t size = float_to_bits(fabsf(x[i]));
        largest = size > largest ? size : largest;
    }
    return float_from_bits(largest);
}

static float encode_block(const float *x, int8_t *values)
{
    float largest = largest_size(x);
    if (!(largest <= FLT_MAX)) {
        memset(values, 0, ACTIVATION_BLOCK);
        return largest;
    }
    bool zero = largest < ACTIVATION_LEAST;
    float inverse = zero ? 0.0f : 127.0f / largest;
    for (int i = 0; i < ACTIVATION_BLOCK; i++)
        values[i] = (int8_t)rintf(x[i] * inverse);
    return zero ? 0.0f : largest / 127.0f;
}

void activation_encode(const float *x, void *row, size_t n_columns)
{
    struct activation a = activation_view(row, n_columns);

    for (size_t block = 0; block < n_columns / ACTIVATION_BLOCK; block++)
        a.scales[block] = encode_block(x + block * ACTIVATION_BLOCK, a.values + block * ACTIVATION_BLOCK);
    for (size_t group = 0; group < n_columns / ACTIVATION_SUM_BLOCK; group++) {
        int sum = 0;
        for (int i = 0; i < ACTIVATION_SUM_BLOCK; i++)
            sum += a.values[group * ACTIVATION_SUM_BLOCK + i];
        a.sums[group] = (int16_t)sum;
    }
}

void activation_decode(const void *row, float *x, size_t n_columns)
{
    const int8_t *values = row;
    const float *scales = (const void *)(values + values_bytes(n_columns));

    for (size_t i = 0; i < n_columns; i++)
        x[i] = scales[i / ACTIVATION_BLOCK] * (float)values[i];
}
