/* SPDX-License-Identifier: Apache-2.0 */
/* tile_shapes.h - how large AMX's tiles are, as LDTILECFG reads it (Intel's manual of instructions, TILECFG).
 *
 * Tiles belong to a thread: who shapes them gives them back. */
#ifndef FATHOM_KERNEL_AVX512_TILE_SHAPES_H
#define FATHOM_KERNEL_AVX512_TILE_SHAPES_H

#include <stdint.h>

struct tile_shapes {
    uint8_t palette; /* 1 */
    uint8_t start_row, reserved[14];
    uint16_t row_bytes[16]; /* [tile], of eight; 64 at most */
    uint8_t n_rows[16];     /* the same; 16 at most */
};

#endif
