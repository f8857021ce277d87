/* SPDX-License-Identifier: Apache-2.0 */
/* fill.c - what AVX-512 with VNNI does better than AVX2, and what VBMI with GFNI and AMX add to it. */
#include "kernel/avx512/attend_planes.h"
#include "kernel/avx512/avx512.h"

/* Tokens from which on a panel pays, on one core of an Intel Xeon of 2023 (bench/kernel --rows 64 --columns
 * 2048). One and two are multiplied one by one, so that their rows are read in one piece; rows that are
 * looked up one by one take longer to put into a panel. */
#define PANEL_TOKENS           3
#define LOOKED_UP_PANEL_TOKENS 5

void avx512_fill(struct kernels *kernels)
{
#define SET_PRODUCT(NAME, name) \
    kernels->product[FORMAT_##NAME] = kernels->panel_product[FORMAT_##NAME] = avx512_product_##name;
    EACH_FLOAT_FORMAT(SET_PRODUCT)
    EACH_QUANTIZED_FORMAT(SET_PRODUCT)
#undef SET_PRODUCT
#define SET_PANEL_PRODUCT(NAME, name)                                    \
    kernels->panel_product[FORMAT_##NAME] = avx512_panel_product_##name; \
    kernels->panel_tokens[FORMAT_##NAME] = PANEL_TOKENS;
    EACH_QUANTIZED_FORMAT(SET_PANEL_PRODUCT)
#undef SET_PANEL_PRODUCT
    for (int format = FORMAT_IQ1_S; format <= FORMAT_IQ3_S; format++)
        kernels->panel_tokens[format] = LOOKED_UP_PANEL_TOKENS;
    kernels->exponential = avx512_exponential;
    kernels->silu_multiply = avx512_silu_multiply;
    kernels->scale_add = avx512_scale_add;
    kernels->attend_unpack = avx512_attend_unpack;
    kernels->attend_float = (struct attend_kernels){.word_numbers = 1,
                                                    .pack_queries = avx512_attend_pack_queries,
                                                    .product = avx512_attend_product,
                                                    .weigh = avx512_attend_weigh,
                                                    .sum = avx512_attend_sum};
    kernels->attend_int16 = (struct attend_kernels){.word_numbers = 2,
                                                    .line_words = 1,
                                                    .pack_queries = avx512_attend_int16_pack_queries,
                                                    .pack_keys = avx512_attend_int16_pack_keys,
                                                    .pack_values = avx512_attend_int16_pack_values,
                                                    .product = avx512_attend_int16_product,
                                                    .weigh = avx512_attend_int16_weigh,
                                                    .sum = avx512_attend_int16_sum};
}

void avx512_vbmi_fill(struct kernels *kernels)
{
#define SET_PRODUCTS(NAME, name)                                       \
    kernels->product[FORMAT_##NAME] = vbmi_product_##name;             \
    kernels->panel_product[FORMAT_##NAME] = vbmi_panel_product_##name; \
    kernels->panel_tokens[FORMAT_##NAME] = PANEL_TOKENS;
    SET_PRODUCTS(IQ2_XXS, iq2_xxs)
    SET_PRODUCTS(IQ2_XS, iq2_xs)
    SET_PRODUCTS(IQ3_XXS, iq3_xxs)
    SET_PRODUCTS(IQ3_S, iq3_s)
#undef SET_PRODUCTS
}

/* Tokens from which on tiles pay, on one core of an Intel Xeon of 2023 (bench/kernel --rows 256 --columns
 * 2048 --wide, in turn with --panel): in the cache 24 are too few, beside 32 they are 1.03 to 1.25 times as
 * fast; with rows in memory (--mib 30) 0.92 to 0.98 beside 32, and up to 1.23 beside 64. */
#define WIDE_TOKENS 48

/* Tiles that are not what they are taken for stay unused, and the table is the level's below; attention's
 * are tried by themselves. */
void amx_fill(struct kernels *kernels)
{
    if (!amx_is_right()) {
        kernels->isa = ISA_AVX512_VBMI;
        return;
    }
#define SET_WIDE_PRODUCT(NAME, name)                                \
    kernels->wide_product[FORMAT_##NAME] = amx_wide_product_##name; \
    kernels->wide_tokens[FORMAT_##NAME] = WIDE_TOKENS;
    EACH_QUANTIZED_FORMAT(SET_WIDE_PRODUCT)
#undef SET_WIDE_PRODUCT
    kernels->many_rows = WIDE_ROWS;
    if (amx_attend_is_right())
        kernels->attend_chunks = (struct attend_kernels){.word_numbers = 2,
                                                         .line_words = PLANES_LINE_WORDS,
                                                         .pack_queries = avx512_planes_pack_queries,
                                                         .pack_keys = avx512_planes_pack_keys,
                                                         .pack_values = avx512_planes_pack_values,
                                                         .product = amx_attend_product,
                                                         .weigh = avx512_planes_weigh,
                                                         .sum = amx_attend_sum};
}
