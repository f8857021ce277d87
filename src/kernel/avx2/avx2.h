/* SPDX-License-Identifier: Apache-2.0 */
/* avx2.h - what the files of avx2/ give to fill.c. Contracts are at the table in kernel.h. */
#ifndef FATHOM_KERNEL_AVX2_AVX2_H
#define FATHOM_KERNEL_AVX2_AVX2_H

#include "kernel/levels.h"

struct panel_format; /* panel.h */

#define AVX2_PRODUCT(NAME, name) product_fn avx2_product_##name;
EACH_FLOAT_FORMAT(AVX2_PRODUCT)
EACH_QUANTIZED_FORMAT(AVX2_PRODUCT)
#undef AVX2_PRODUCT

#define AVX2_PANEL_PRODUCT(NAME, name)                  \
    extern const struct panel_format avx2_panel_##name; \
    product_fn avx2_panel_product_##name;
EACH_QUANTIZED_FORMAT(AVX2_PANEL_PRODUCT)
#undef AVX2_PANEL_PRODUCT

#define AVXVNNI_PANEL_PRODUCT(NAME, name) product_fn avxvnni_panel_product_##name;
EACH_QUANTIZED_FORMAT(AVXVNNI_PANEL_PRODUCT)
#undef AVXVNNI_PANEL_PRODUCT

void avx2_quantize(const float *x, void *row, size_t n_columns);
void avx2_rms_norm(const float *x, const float *gain, float epsilon, float *out, size_t n);
void avx2_silu_multiply(const float *gate, const float *up, float *out, size_t n);
void avx2_add_scaled(float a, const float *x, float *y, size_t n);
void avx2_scale_add(float a, float *y, float b, const float *x, size_t n);
void avx2_exponential(const float *x, float *out, size_t n);
void avx2_f16_to_float(const uint16_t *x, float *out, size_t n);
void avx2_float_to_f16(const float *x, uint16_t *out, size_t n);
void avx2_q8_0_to_float(const void *blocks, float *out, size_t n);
void avx2_q4_0_to_float(const void *blocks, float *out, size_t n);

void avx2_attend_product(const struct attend_product *product);
void avx2_attend_weigh(const struct attend_weigh *weigh);
void avx2_attend_sum(const struct attend_sum *sum);
void avx2_attend_int16_pack_keys(const float *x, size_t stride, size_t n, struct attend_size size, void *rows,
                                 size_t row_words);
void avx2_attend_int16_pack_values(const struct attend_values *values);
void avx2_attend_int16_product(const struct attend_product *product);
void avx2_attend_int16_weigh(const struct attend_weigh *weigh);
void avx2_attend_int16_sum(const struct attend_sum *sum);
void avxvnni_attend_int16_product(const struct attend_product *product);
void avxvnni_attend_int16_sum(const struct attend_sum *sum);

#endif
