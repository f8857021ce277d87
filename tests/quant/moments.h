/* SPDX-License-Identifier: Apache-2.0 */
/* moments.h - mean and standard deviation of values. */
#ifndef FATHOM_TESTS_QUANT_MOMENTS_H
#define FATHOM_TESTS_QUANT_MOMENTS_H

#include <math.h>
#include <stddef.h>

struct moments {
    double mean, deviation;
};

static inline struct moments moments_of(const float *values, size_t n)
{
    double sum = 0, squares = 0;
    for (size_t i = 0; i < n; i++) {
        sum += values[i];
        squares += (double)values[i] * values[i];
    }
    double mean = sum / (double)n;
    return (struct moments){mean, sqrt(squares / (double)n - mean * mean)};
}

#endif
