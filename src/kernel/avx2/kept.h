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

/* sum + products, of 16 bits and of 32, in the register that has the sum: gcc takes another one for kept(),
 * and moves it back. */
INLINE __m256i added_16(__m256i sum, __m256i products)
{
    __asm__("vpaddw %1, %0, %0" : "+x"(sum) : "x"(products));
    return sum;
}

INLINE __m256i added_32(__m256i sum, __m256i products)
{
    __asm__("vpaddd %1, %0, %0" : "+x"(sum) : "x"(products));
    return sum;
}

#endif
