/* SPDX-License-Identifier: Apache-2.0 */
/* scales.h - the floating-point numbers of blocks: whether they are numbers at all, and others in their
 * place. Any bits are a code, but a block whose scale or minimum is infinite or no number decodes to values
 * that are, and spoils every sum it enters: what damage to a file shows as, never what an encoder wrote. */
#ifndef FATHOM_QUANT_SCALES_H
#define FATHOM_QUANT_SCALES_H

#include <stdbool.h>
#include <stdint.h>

#include "quant/format.h"

/* The place of the first of n_blocks blocks that decodes to anything but finite numbers; n_blocks: none does.
 * `blocks` may have any alignment. In formats without blocks every value is one. */
size_t scales_find_broken(enum format format, const void *blocks, size_t n_blocks);

bool scales_have_minimum(enum format format);
/* Gives one block this scale and, where its format has one, this minimum, both binary16. `block` may have any
 * alignment; formats without blocks have no scale. */
void scales_put(enum format format, void *block, uint16_t scale, uint16_t minimum);

#endif
