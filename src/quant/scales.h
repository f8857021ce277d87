/* SPDX-License-Identifier: Apache-2.0 */
/* scales.h - whether blocks can mean numbers at all. Any bits are a code, but a block whose scale or minimum
 * is infinite or no number decodes to values that are, and spoils every sum it enters: what damage to a file
 * shows as, and never what an encoder wrote. */
#ifndef FATHOM_QUANT_SCALES_H
#define FATHOM_QUANT_SCALES_H

#include "quant/format.h"

/* The place of the first of n_blocks blocks that decodes to anything but finite numbers; n_blocks: none does.
 * `blocks` may have any alignment. In formats without blocks every value is one. */
size_t scales_find_broken(enum format format, const void *blocks, size_t n_blocks);

#endif
