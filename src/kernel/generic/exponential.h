/* SPDX-License-Identifier: Apache-2.0 */
/* exponential.h - e^x in plain C, in a shape that compilers turn into vectors.
 *
 * x = k ln 2 + r; the Taylor series of e^r to r^7, whose remainder for |r| <= ln(2) / 2 is below 2^-27;
 * times 2^k in two steps, so that neither factor is out of range. Within 2 units in the last place where
 * the result is normal (tests/kernel/test_vector.c); e^0 is 1, and below -104 comes 0. */
#ifndef FATHOM_KERNEL_GENERIC_EXPONENTIAL_H
#define FATHOM_KERNEL_GENERIC_EXPONENTIAL_H

#include "quant/half.h"

static inline float generic_exponential_of(float x)
{
    const float to_integer = 0x1.8p23f; /* added and taken away again, it rounds to the nearest integer */
    /* Beyond, the result is zero or infinite anyway. NaN fails both comparisons and stays. */
    x = x < -150.0f ? -150.0f : x;
    x = x > 150.0f ? 150.0f : x;
    float k = (x * 0x1.715476p+0f + to_integer) - to_integer;
    float r = (x - k * 0x1.62e400p-1f) - k * 0x1.7f7d1cp-20f; /* the first product is exact */
    float sum = 1.0f / 5040;
    sum = sum * r + 1.0f / 720;
    sum = sum * r + 1.0f / 120;
    sum = sum * r + 1.0f / 24;
    sum = sum * r + 1.0f / 6;
    sum = sum * r + 0.5f;
    sum = sum * r + 1.0f;
    sum = sum * r + 1.0f;
    uint32_t whole = float_to_bits(k + 0x1.8p23f) - float_to_bits(0x1.8p23f) + 512; /* k + 512 */
    uint32_t half = whole / 2, rest = whole - half;
    return sum * float_from_bits((half - 256 + 127) << 23) * float_from_bits((rest - 256 + 127) << 23);
}

#endif
