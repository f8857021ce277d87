/* SPDX-License-Identifier: Apache-2.0 */
/* amx_panel.c - products with many tokens in the tiles of AMX. Not run on hardware: see amx_panel.h. */
#include "kernel/avx512/amx_panel.h"
#include "kernel/avx512/avx512.h"

#define AMX_PANEL_PRODUCT(name, level)                      \
    void amx_panel_product_##name(const struct product *p)  \
    {                                                       \
        multiply_panels_in_tiles(&level##_panel_##name, p); \
    }
EACH_PANEL_FORMAT(AMX_PANEL_PRODUCT)

bool amx_is_right(void)
{
    return tiles_are_right(amx_panel_product_q8_0, amx_panel_product_q6_k);
}
