/* SPDX-License-Identifier: Apache-2.0 */
/* kept.h - sums that stay as they are written. */
#ifndef FATHOM_KERNEL_AVX2_KEPT_H
#define FATHOM_KERNEL_AVX2_KEPT_H

#include <immintrin.h>

#include "kernel/unroll.h"

/* The same value, which nothing is known of any more: gcc adds up products in trees, for which sixteen
 * registers are too few, or stores every sum in every round. */
INLINE __m256i kept(__m256i value)
{
    __asm__("" : "+x"(value));
    return value;
}

#endif
