/* SPDX-License-Identifier: Apache-2.0 */
/* fill.c - what AVX2 (with FMA, F16C and BMI2) does better than plain C. */
#include "kernel/avx2/avx2.h"

void avx2_fill(struct kernels *kernels)
{
#define SET_PRODUCT(NAME, name) \
    kernels->product[FORMAT_##NAME] = kernels->panel_product[FORMAT_##NAME] = avx2_product_##name;
    EACH_FLOAT_FORMAT(SET_PRODUCT)
    EACH_QUANTIZED_FORMAT(SET_PRODUCT)
#undef SET_PRODUCT
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
    kernels->attend = kernels->attend_float;
}
