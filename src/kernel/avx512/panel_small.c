/* SPDX-License-Identifier: Apache-2.0 */
/* panel_small.c - blocks of 32 values with one scale in panels of this level, eight blocks a span. */
#include "kernel/avx512/avx512.h"
#include "kernel/avx512/panel.h"
#include "kernel/lanes/lanes_small.h"

#define BLOCKS (SPAN / BLOCK_SMALL)

#define SMALL(name, ...)                                                                                \
    INLINE void unpack_##name(const struct packed *rows, struct span *to)                               \
    {                                                                                                   \
        unpack_blocks_##name(rows, BLOCKS, to);                                                         \
    }                                                                                                   \
    PANEL_PRODUCT(name, .span_bytes = BLOCKS * sizeof(struct block_##name), .small = true, .group = 32, \
                  __VA_ARGS__)

SMALL(q8_0, .offset = 128)
SMALL(q4_0, .offset = 8)
SMALL(q4_1, .minimum = 32)
SMALL(q5_0, .offset = 16)
SMALL(q5_1, .minimum = 32)
SMALL(iq4_nl, .offset = 128)
