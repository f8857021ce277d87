/* SPDX-License-Identifier: Apache-2.0 */
/* avx512.h - what the files of avx512/ give to fill.c. Contracts are at the table in kernel.h. */
#ifndef FATHOM_KERNEL_AVX512_AVX512_H
#define FATHOM_KERNEL_AVX512_AVX512_H

#include "kernel/levels.h"

struct panel_format; /* panel.h */

#define WIDE_ROWS 256 /* that tiles are multiplied with before tokens are widened anew */

#define AVX512_PRODUCT(NAME, name) product_fn avx512_product_##name;
EACH_FLOAT_FORMAT(AVX512_PRODUCT)
EACH_QUANTIZED_FORMAT(AVX512_PRODUCT)
#undef AVX512_PRODUCT

#define AVX512_PANEL_PRODUCT(NAME, name)                  \
    extern const struct panel_format avx512_panel_##name; \
    product_fn avx512_panel_product_##name;
EACH_QUANTIZED_FORMAT(AVX512_PANEL_PRODUCT)
#undef AVX512_PANEL_PRODUCT

extern const struct panel_format vbmi_panel_iq2_xxs, vbmi_panel_iq2_xs, vbmi_panel_iq3_xxs, vbmi_panel_iq3_s;

#define AMX_WIDE_PRODUCT(NAME, name) product_fn amx_wide_product_##name;
EACH_QUANTIZED_FORMAT(AMX_WIDE_PRODUCT)
#undef AMX_WIDE_PRODUCT
bool amx_is_right(void); /* tiles do what they are taken for */

product_fn vbmi_product_iq2_xxs, vbmi_product_iq2_xs, vbmi_product_iq3_xxs, vbmi_product_iq3_s;
product_fn vbmi_panel_product_iq2_xxs, vbmi_panel_product_iq2_xs, vbmi_panel_product_iq3_xxs,
    vbmi_panel_product_iq3_s;

void avx512_exponential(const float *x, float *out, size_t n);
void avx512_silu_multiply(const float *gate, const float *up, float *out, size_t n);
void avx512_scale_add(float a, float *y, float b, const float *x, size_t n);

void avx512_attend_pack_queries(const float *x, size_t stride, size_t n_lanes, struct attend_size size,
                                void *panel);
void avx512_attend_unpack(const float *lanes, size_t n, size_t n_lanes, float *to, size_t stride);
void avx512_attend_product(const struct attend_product *product);
void avx512_attend_weigh(const struct attend_weigh *weigh);
void avx512_attend_sum(const struct attend_sum *sum);

void avx512_attend_int16_pack_queries(const float *x, size_t stride, size_t n_lanes, struct attend_size size,
                                      void *panel);
void avx512_attend_int16_pack_keys(const float *x, size_t stride, size_t n, struct attend_size size,
                                   void *rows, size_t row_words);
void avx512_attend_int16_pack_values(const struct attend_values *values);
void avx512_attend_int16_product(const struct attend_product *product);
void avx512_attend_int16_weigh(const struct attend_weigh *weigh);
void avx512_attend_int16_sum(const struct attend_sum *sum);

void amx_attend_product(const struct attend_product *product);
void amx_attend_sum(const struct attend_sum *sum);
bool amx_attend_is_right(void); /* tiles give the sums that attention's law has */

#endif
