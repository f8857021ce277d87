/* SPDX-License-Identifier: Apache-2.0 */
/* encode.h - floats to blocks, for F32, F16, BF16, Q8_0, Q4_0, Q4_K and Q6_K.
 *
 * The float formats and Q8_0 round as ggml's reference does, bit for bit; Q4_K
 * and Q6_K search for the least squared error. All give the same bits on every
 * machine. */
#ifndef FATHOM_QUANT_ENCODE_H
#define FATHOM_QUANT_ENCODE_H

#include "quant/format.h"

bool encode_supported(enum format format);
/* n_values: whole blocks. Values that a block's scale cannot reach become infinite, as in ggml, or in Q4_K
 * and Q6_K are clipped; what is not finite gives an unspecified block. */
void encode_row(enum format format, const float *values, void *blocks, size_t n_values);

#endif
