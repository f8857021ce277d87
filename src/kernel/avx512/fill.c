/* SPDX-License-Identifier: Apache-2.0 */
/* fill.c - what AVX-512 with VNNI does better than AVX2, and what VBMI with GFNI and BF16 add to it. */
#include "kernel/avx512/avx512.h"

void avx512_fill(struct kernels *kernels)
{
#define SET_PRODUCT(NAME, name) kernels->product[FORMAT_##NAME] = avx512_product_##name;
    EACH_FLOAT_FORMAT(SET_PRODUCT)
    EACH_QUANTIZED_FORMAT(SET_PRODUCT)
#undef SET_PRODUCT
    kernels->exponential = avx512_exponential;
    kernels->silu_multiply = avx512_silu_multiply;
    kernels->scale_add = avx512_scale_add;
    kernels->attend_unpack = avx512_attend_unpack;
    kernels->attend_float = (struct attend_kernels){.word_numbers = 1,
                                                    .pack_queries = avx512_attend_pack_queries,
                                                    .product = avx512_attend_product,
                                                    .weigh = avx512_attend_weigh,
                                                    .sum = avx512_attend_sum};
    kernels->attend = kernels->attend_float;
}

void avx512_vbmi_fill(struct kernels *kernels)
{
    kernels->product[FORMAT_IQ2_XXS] = vbmi_product_iq2_xxs;
    kernels->product[FORMAT_IQ2_XS] = vbmi_product_iq2_xs;
    kernels->product[FORMAT_IQ3_XXS] = vbmi_product_iq3_xxs;
    kernels->product[FORMAT_IQ3_S] = vbmi_product_iq3_s;
}

void avx512_bf16_fill(struct kernels *kernels)
{
    kernels->attend = (struct attend_kernels){.word_numbers = 2,
                                              .pack_queries = bf16_attend_pack_queries,
                                              .pack_key = bf16_attend_pack_key,
                                              .pack_values = bf16_attend_pack_values,
                                              .product = bf16_attend_product,
                                              .weigh = bf16_attend_weigh,
                                              .sum = bf16_attend_sum};
}
