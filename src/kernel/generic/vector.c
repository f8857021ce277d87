/* SPDX-License-Identifier: Apache-2.0 */
/* vector.c - the vector entries of the table in plain C: norm, activation function, sums and conversions.
 */
#include "kernel/generic/generic.h"

#include <math.h>

#include "kernel/generic/exponential.h"
#include "quant/decode.h"
#include "quant/half.h"

void generic_rms_norm(const float *x, const float *gain, float epsilon, float *out, size_t n)
{
    double squares = 0.0;
    for (size_t i = 0; i < n; i++)
        squares += (double)x[i] * x[i];
    float scale = (float)(1.0 / sqrt(squares / (double)n + (double)epsilon));
    for (size_t i = 0; i < n; i++)
        out[i] = x[i] * scale * gain[i];
}

void generic_silu_multiply(const float *gate, const float *up, float *out, size_t n)
{
    for (size_t i = 0; i < n; i++)
        out[i] = gate[i] / (1.0f + generic_exponential_of(-gate[i])) * up[i];
}

void generic_add_scaled(float a, const float *x, float *y, size_t n)
{
    for (size_t i = 0; i < n; i++)
        y[i] += a * x[i];
}

void generic_scale_add(float a, float *y, float b, const float *x, size_t n)
{
    for (size_t i = 0; i < n; i++)
        y[i] = a * y[i] + b * x[i];
}

void generic_exponential(const float *x, float *out, size_t n)
{
    for (size_t i = 0; i < n; i++)
        out[i] = generic_exponential_of(x[i]);
}

void generic_f16_to_float(const uint16_t *x, float *out, size_t n)
{
    for (size_t i = 0; i < n; i++)
        out[i] = float_from_f16(x[i]);
}

void generic_float_to_f16(const float *x, uint16_t *out, size_t n)
{
    for (size_t i = 0; i < n; i++)
        out[i] = float_to_f16(x[i]);
}

void generic_q8_0_to_float(const void *blocks, float *out, size_t n)
{
    decode_row(FORMAT_Q8_0, blocks, out, n);
}

void generic_q4_0_to_float(const void *blocks, float *out, size_t n)
{
    decode_row(FORMAT_Q4_0, blocks, out, n);
}
