/* SPDX-License-Identifier: Apache-2.0 */
/* random_weights.h - random weights as packed blocks of any format, without a quantizer: the codes are random
 * bytes, and the scales are set so that the decoded values have the wanted deviation. */
#ifndef FATHOM_QUANT_RANDOM_WEIGHTS_H
#define FATHOM_QUANT_RANDOM_WEIGHTS_H

#include "base/random.h"
#include "quant/format.h"

/* What random codes of a format decode to. */
struct random_scale {
    double deviation;     /* of the values, with scale 1 and the minimum below */
    double minimum_ratio; /* minimum / scale for which their mean is zero; 0 for formats without a minimum */
};

/* Measured through decode_row() on seeded blocks: the same on every machine. */
struct random_scale random_weights_scale(enum format format);
/* n_blocks blocks whose values have mean 0 and standard deviation `deviation`; single scales vary by half. */
void random_weights_fill(enum format format, struct random_scale scale, double deviation,
                         struct random *random, uint8_t *blocks, size_t n_blocks);

#endif
