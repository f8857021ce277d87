/* SPDX-License-Identifier: Apache-2.0 */
/* fill.c - the lowest level of the table: every entry, in plain C. */
#include "kernel/generic/generic.h"
#include "kernel/levels.h"

void generic_fill(struct kernels *kernels)
{
    for (int format = 0; format < FORMAT_COUNT; format++) {
        kernels->product_exact[format] = generic_exact_products[format];
        /* Without wider registers a float row costs no less than the accurate sum of it. */
        kernels->product[format] =
            generic_products[format] ? generic_products[format] : generic_exact_products[format];
        kernels->panel_product[format] = kernels->product[format];
        kernels->panel_tokens[format] = UINT8_MAX;
    }
    kernels->many_rows = 64;
    kernels->quantize = activation_encode;
    kernels->rms_norm = generic_rms_norm;
    kernels->silu_multiply = generic_silu_multiply;
    kernels->add_scaled = generic_add_scaled;
    kernels->scale_add = generic_scale_add;
    kernels->exponential = generic_exponential;
    kernels->f16_to_float = generic_f16_to_float;
    kernels->float_to_f16 = generic_float_to_f16;
    kernels->q8_0_to_float = generic_q8_0_to_float;
    kernels->q4_0_to_float = generic_q4_0_to_float;
    kernels->attend_unpack = generic_attend_unpack;
    kernels->attend_float = (struct attend_kernels){.word_numbers = 1,
                                                    .pack_queries = generic_attend_pack_queries,
                                                    .product = generic_attend_product,
                                                    .weigh = generic_attend_weigh,
                                                    .sum = generic_attend_sum};
    kernels->attend_int16 = (struct attend_kernels){.word_numbers = 2,
                                                    .line_words = 1,
                                                    .pack_queries = generic_attend_int16_pack_queries,
                                                    .pack_keys = generic_attend_int16_pack_keys,
                                                    .pack_values = generic_attend_int16_pack_values,
                                                    .product = generic_attend_int16_product,
                                                    .weigh = generic_attend_int16_weigh,
                                                    .sum = generic_attend_int16_sum};
}
