/* SPDX-License-Identifier: Apache-2.0 */
/* fill.c - what AVX2 (with FMA, F16C and BMI2) does better than plain C, and what AVX-VNNI adds to it. */
#include "kernel/avx2/avx2.h"
#include "quant/blocks.h"

/* Tokens from which on a panel pays, by bench/kernel --rows 64 --columns 2048 on one core, of Zen 3 for AVX2
 * and of an Intel Xeon of 2023 for AVX-VNNI: dot products unpack a row again for each of up to three tokens,
 * which costs most where rows are looked up. (On AVX2 two tokens gain, too, but for Q8_0, and lose in Q4_K
 * and Q6_K where rows come from memory.) */
#define PANEL_TOKENS           3
#define LOOKED_UP_PANEL_TOKENS 2

void avx2_fill(struct kernels *kernels)
{
#define SET_PRODUCT(NAME, name) \
    kernels->product[FORMAT_##NAME] = kernels->panel_product[FORMAT_##NAME] = avx2_product_##name;
    EACH_FLOAT_FORMAT(SET_PRODUCT)
    EACH_QUANTIZED_FORMAT(SET_PRODUCT)
#undef SET_PRODUCT
#define SET_PANEL_PRODUCT(NAME, name)                                  \
    kernels->panel_product[FORMAT_##NAME] = avx2_panel_product_##name; \
    kernels->panel_tokens[FORMAT_##NAME] = PANEL_TOKENS;
    EACH_QUANTIZED_FORMAT(SET_PANEL_PRODUCT)
#undef SET_PANEL_PRODUCT
    for (int format = FORMAT_IQ1_S; format <= FORMAT_IQ3_S; format++)
        kernels->panel_tokens[format] = LOOKED_UP_PANEL_TOKENS;
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
    kernels->attend_int16.pack_keys = avx2_attend_int16_pack_keys;
    kernels->attend_int16.pack_values = avx2_attend_int16_pack_values;
    kernels->attend_int16.product = avx2_attend_int16_product;
    kernels->attend_int16.weigh = avx2_attend_int16_weigh;
    kernels->attend_int16.sum = avx2_attend_int16_sum;
}

void avxvnni_fill(struct kernels *kernels)
{
#define SET_PANEL_PRODUCT(NAME, name) kernels->panel_product[FORMAT_##NAME] = avxvnni_panel_product_##name;
    EACH_QUANTIZED_FORMAT(SET_PANEL_PRODUCT)
#undef SET_PANEL_PRODUCT
    kernels->attend_int16.product = avxvnni_attend_int16_product;
    kernels->attend_int16.sum = avxvnni_attend_int16_sum;
}
