/* SPDX-License-Identifier: Apache-2.0 */
/* vnni_panel.h - panels as this level has them: codes without signs, and a float scale for each group.
 *
 * Codes with signs are put as code + 128. Where each 16 columns have a small scale (Q2_K and Q3_K), codes
 * times it fit a byte: that product is made when they are put, once for all tokens, and 32 columns are a
 * group. */
#ifndef FATHOM_KERNEL_AVX2_VNNI_PANEL_H
#define FATHOM_KERNEL_AVX2_VNNI_PANEL_H

#include "kernel/avx2/panel.h"

/* The product of the table, any number of tokens, with panels filled by that function. */
void avxvnni_panel_product(const struct panel_format *format, fill_fn *fill, const struct product *product);

/* Columns of a panel that share a scale. */
INLINE size_t group_of(const struct family *f)
{
    return f->group == 16 && !f->folds ? 16 : 32;
}

/* What is taken from a panel's codes. */
INLINE int offset_of(const struct family *f)
{
    return f->has_signs || f->folds ? 128 : f->offset;
}

#endif
