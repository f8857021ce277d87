/* SPDX-License-Identifier: Apache-2.0 */
/* generic.h - what the files of generic/ give to fill.c: the table's entries in plain C.
 *
 * Their contracts are at the table in kernel.h. */
#ifndef FATHOM_KERNEL_GENERIC_GENERIC_H
#define FATHOM_KERNEL_GENERIC_GENERIC_H

#include "kernel/kernel.h"

extern product_fn *const generic_products[FORMAT_COUNT]; /* int8 activations; NULL for the float formats */
extern product_fn *const generic_exact_products[FORMAT_COUNT]; /* float activations, every format */

void generic_rms_norm(const float *x, const float *gain, float epsilon, float *out, size_t n);
void generic_silu_multiply(const float *gate, const float *up, float *out, size_t n);
void generic_add_scaled(float a, const float *x, float *y, size_t n);
void generic_scale_add(float a, float *y, float b, const float *x, size_t n);
void generic_exponential(const float *x, float *out, size_t n);
void generic_f16_to_float(const uint16_t *x, float *out, size_t n);
void generic_float_to_f16(const float *x, uint16_t *out, size_t n);
void generic_q8_0_to_float(const void *blocks, float *out, size_t n);
void generic_q4_0_to_float(const void *blocks, float *out, size_t n);

void generic_attend_pack_queries(const float *x, size_t stride, size_t n_lanes, struct attend_size size,
                                 void *panel);
void generic_attend_unpack(const float *lanes, size_t n, size_t n_lanes, float *to, size_t stride);
void generic_attend_product(const struct attend_product *product);
void generic_attend_weigh(const struct attend_weigh *weigh);
void generic_attend_sum(const struct attend_sum *sum);

void generic_attend_int16_pack_queries(const float *x, size_t stride, size_t n_lanes, struct attend_size size,
                                       void *panel);
void generic_attend_int16_pack_keys(const float *x, size_t stride, size_t n, struct attend_size size,
                                    void *rows, size_t row_words);
void generic_attend_int16_pack_values(const struct attend_values *values);
void generic_attend_int16_product(const struct attend_product *product);
void generic_attend_int16_weigh(const struct attend_weigh *weigh);
void generic_attend_int16_sum(const struct attend_sum *sum);

#endif
