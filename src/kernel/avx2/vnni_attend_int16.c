/* SPDX-License-Identifier: Apache-2.0 */
/* vnni_attend_int16.c - attention over pairs of int16 by VPDPWSSD, which adds as it multiplies. */
#include "kernel/avx2/attend_int16_multiply.h"
#include "kernel/avx2/avx2.h"

#define TILE 6 /* twelve sums: two in a cycle, each five cycles after the last */

INLINE __m256i add_product(__m256i sum, __m256i lanes, __m256i spread)
{
    return _mm256_dpwssd_avx_epi32(sum, lanes, spread);
}

void avxvnni_attend_int16_product(const struct attend_product *p)
{
    product_all(p, TILE, add_product);
}

void avxvnni_attend_int16_sum(const struct attend_sum *s)
{
    sum_all(s, TILE, add_product);
}
