/* SPDX-License-Identifier: Apache-2.0 */
/* fill.c - what AVX2 (with FMA, F16C and BMI2) does better than plain C, and what AVX-VNNI adds to it. */
#include "kernel/avx2/avx2.h"
#include "quant/blocks.h"

/* Tokens from which on a panel pays, on one core of Zen 4 (bench/kernel --isa avx2 --rows 64 --columns 2048):
 * where blocks have 256 columns, where they have 32, and where these have signs, for which it gains least. */
#define SUPER_PANEL_TOKENS  4
#define SMALL_PANEL_TOKENS  8
#define SIGNED_PANEL_TOKENS 16

/* The same of AVX-VNNI, on one core of an Intel Xeon of 2023; for rows that are looked up one by one, which
 * dot products do for each token. */
#define VNNI_PANEL_TOKENS           3
#define VNNI_LOOKED_UP_PANEL_TOKENS 2

void avx2_fill(struct kernels *kernels)
{
#define SET_PRODUCT(NAME, name) \
    kernels->product[FORMAT_##NAME] = kernels->panel_product[FORMAT_##NAME] = avx2_product_##name;
    EACH_FLOAT_FORMAT(SET_PRODUCT)
    EACH_QUANTIZED_FORMAT(SET_PRODUCT)
#undef SET_PRODUCT
#define SET_PANEL_PRODUCT(NAME, name)                                  \
    kernels->panel_product[FORMAT_##NAME] = avx2_panel_product_##name; \
    kernels->panel_tokens[FORMAT_##NAME] =                             \
        format_info(FORMAT_##NAME)->block_values == BLOCK_SUPER ? SUPER_PANEL_TOKENS : SMALL_PANEL_TOKENS;
    EACH_QUANTIZED_FORMAT(SET_PANEL_PRODUCT)
#undef SET_PANEL_PRODUCT
    kernels->panel_tokens[FORMAT_Q8_0] = kernels->panel_tokens[FORMAT_IQ4_NL] = SIGNED_PANEL_TOKENS;
    kernels->quantize = avx2_quantize;
    kernels->rms_norm = avx2_rms_norm;
    kernels->silu_multiply = avx2_silu_multiply;
    kernels->add_scaled = avx2_add_scaled;
    kernels->scale_add = avx2_scale_add;
    kernels->exponential = avx2_exponential;
    kernels->f16_to_float = avx2_f16_to_float;
    kernels->float_to_f16 = avx2_float_to_f16;
    kernels->q8_0_to_float = avx2_q8_0_to_float;
    kernels->q4_0_to_float = avx2_q4_0_to_float;
    kernels->attend_float.product = avx2_attend_product;
    kernels->attend_float.weigh = avx2_attend_weigh;
    kernels->attend_float.sum = avx2_attend_sum;
    kernels->attend_int16.pack_key = avx2_attend_int16_pack_key;
    kernels->attend_int16.pack_values = avx2_attend_int16_pack_values;
    kernels->attend_int16.product = avx2_attend_int16_product;
    kernels->attend_int16.weigh = avx2_attend_int16_weigh;
    kernels->attend_int16.sum = avx2_attend_int16_sum;
}

void avxvnni_fill(struct kernels *kernels)
{
#define SET_PANEL_PRODUCT(NAME, name)                                     \
    kernels->panel_product[FORMAT_##NAME] = avxvnni_panel_product_##name; \
    kernels->panel_tokens[FORMAT_##NAME] = VNNI_PANEL_TOKENS;
    EACH_QUANTIZED_FORMAT(SET_PANEL_PRODUCT)
#undef SET_PANEL_PRODUCT
    for (int format = FORMAT_IQ1_S; format <= FORMAT_IQ3_S; format++)
        kernels->panel_tokens[format] = VNNI_LOOKED_UP_PANEL_TOKENS;
    kernels->attend_int16.product = avxvnni_attend_int16_product;
    kernels->attend_int16.sum = avxvnni_attend_int16_sum;
}
