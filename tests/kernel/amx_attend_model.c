/* SPDX-License-Identifier: Apache-2.0 */
/* amx_attend_model.c - kernel/avx512/amx_attend.h compiled over tile_model.h. */
#include "kernel/amx_model.h"

#if defined(__x86_64__)
#include "kernel/tile_model.h"

#include "kernel/avx512/amx_attend.h"

static void product(const struct attend_product *p)
{
    product_in_tiles(p);
}

static void sum(const struct attend_sum *s)
{
    sum_in_tiles(s);
}

struct attend_kernels amx_model_attend(void)
{
    return (struct attend_kernels){.word_numbers = 2,
                                   .line_words = PLANES_LINE_WORDS,
                                   .pack_queries = avx512_planes_pack_queries,
                                   .pack_keys = avx512_planes_pack_keys,
                                   .pack_values = avx512_planes_pack_values,
                                   .product = product,
                                   .weigh = avx512_planes_weigh,
                                   .sum = sum};
}

bool amx_model_attends_right(enum amx_fault fault)
{
    tile_model.takes_signed = fault == AMX_TAKES_SIGNED;
    tile_model.takes_first_signed = fault == AMX_TAKES_FIRST_SIGNED;
    tile_model.halves_depth = fault == AMX_HALVES_DEPTH;
    bool right = attend_tiles_are_right();
    tile_model.takes_signed = tile_model.takes_first_signed = tile_model.halves_depth = false;
    return right;
}
#else
struct attend_kernels amx_model_attend(void)
{
    return (struct attend_kernels){0};
}

bool amx_model_attends_right(enum amx_fault fault)
{
    return fault == AMX_NO_FAULT;
}
#endif
