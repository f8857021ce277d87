/* SPDX-License-Identifier: Apache-2.0 */
/* random_blocks.h - rows of weights for tests and benches: every bit pattern a block can hold, at a sane
 * scale. */
#ifndef FATHOM_TESTS_KERNEL_RANDOM_BLOCKS_H
#define FATHOM_TESTS_KERNEL_RANDOM_BLOCKS_H

#include "base/random.h"
#include "quant/blocks.h"
#include "quant/format.h"
#include "quant/scales.h"

/* Either sign, between 2^-12 and 2^-8. */
static inline uint16_t random_scale(struct random *random)
{
    float size = (float)(1.0 + 15.0 * random_unit(random)) / 4096.0f;
    return float_to_f16(random_below(random, 2) ? size : -size);
}

/* n_values: whole blocks. */
static inline void random_blocks(struct random *random, enum format format, void *blocks, size_t n_values)
{
    const struct format_info *info = format_info(format);
    uint8_t *block = blocks;

    for (size_t i = 0; i < n_values / info->block_values; i++, block += info->block_bytes) {
        float value = (float)random_normal(random);
        random_bytes(random, block, info->block_bytes);
        scales_put(format, block, random_scale(random), random_scale(random));
        if (format == FORMAT_F32)
            store_u32(block, float_to_bits(value));
        if (format == FORMAT_F16)
            store_u16(block, float_to_f16(value));
        if (format == FORMAT_BF16)
            store_u16(block, float_to_bf16(value));
    }
}

#endif
