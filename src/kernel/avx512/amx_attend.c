/* SPDX-License-Identifier: Apache-2.0 */
/* amx_attend.c - attention's products in the tiles of AMX. Run on an Intel Xeon of 2023 (Emerald Rapids). */
#include "kernel/avx512/amx_attend.h"

#include "kernel/avx512/avx512.h"

void amx_attend_product(const struct attend_product *product)
{
    product_in_tiles(product);
}

void amx_attend_sum(const struct attend_sum *sum)
{
    sum_in_tiles(sum);
}

bool amx_attend_is_right(void)
{
    return attend_tiles_are_right();
}
