/* SPDX-License-Identifier: Apache-2.0 */
/* amx_wide.c - products with many tokens in the tiles of AMX, over its instructions. */
#include "kernel/avx512/amx_wide.h"
#include "kernel/avx512/avx512.h"

#define AMX_WIDE_PRODUCT(name, level)                     \
    void amx_wide_product_##name(const struct product *p) \
    {                                                     \
        multiply_wide(&level##_panel_##name, p);          \
    }
EACH_WIDE_FORMAT(AMX_WIDE_PRODUCT)

bool amx_is_right(void)
{
    return wide_is_right(amx_wide_product_q8_0);
}
