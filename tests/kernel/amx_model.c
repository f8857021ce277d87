/* SPDX-License-Identifier: Apache-2.0 */
/* amx_model.c - kernel/avx512/amx_wide.h compiled over tile_model.h. */
#include "kernel/amx_model.h"

#if defined(__x86_64__)
#include "kernel/tile_model.h"

#include "kernel/avx512/amx_wide.h"
#include "kernel/avx512/avx512.h"

#define MODEL_PRODUCT(name, level)                      \
    static void product_##name(const struct product *p) \
    {                                                   \
        multiply_wide(&level##_panel_##name, p);        \
    }
EACH_WIDE_FORMAT(MODEL_PRODUCT)

product_fn *amx_model_product(enum format format)
{
#define MODEL_ENTRY(NAME, name) [FORMAT_##NAME] = product_##name,
    static product_fn *const products[FORMAT_COUNT] = {EACH_QUANTIZED_FORMAT(MODEL_ENTRY)};
    return products[format];
}

bool amx_model_is_right(enum amx_fault fault)
{
    tile_model.swaps_pairs = fault == AMX_SWAPS_PAIRS;
    tile_model.halves_depth = fault == AMX_HALVES_DEPTH;
    bool right = wide_is_right(product_q8_0);
    tile_model.swaps_pairs = tile_model.halves_depth = false;
    return right;
}
#else
product_fn *amx_model_product(enum format format)
{
    (void)format;
    return NULL;
}

bool amx_model_is_right(enum amx_fault fault)
{
    return fault == AMX_NO_FAULT;
}
#endif
