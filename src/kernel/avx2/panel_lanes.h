/* SPDX-License-Identifier: Apache-2.0 */
/* panel_lanes.h - packed rows to panels, a row a lane: for all formats but those that are looked up, which
 * panel_put.h is for. */
#ifndef FATHOM_KERNEL_AVX2_PANEL_LANES_H
#define FATHOM_KERNEL_AVX2_PANEL_LANES_H

#include "kernel/avx2/panel.h"
#include "kernel/lanes/lanes_k.h"
#include "kernel/lanes/lanes_small.h"

#define MOST_BLOCK_BYTES sizeof(struct block_q6_k)

typedef void unpack_lanes_fn(const struct packed *rows, struct span *to);
/* Where the rows of a panel from `row` on take `block`: each level says so. */
typedef struct span span_of_fn(const struct family *f, struct panel *panel, size_t block, size_t row);

/* The rows as they lie; where the last is there several times, its block is copied, and theirs with it. */
INLINE struct packed packed_rows(const struct family *f, const uint8_t *const rows[LANES], size_t at,
                                 uint8_t blocks[LANES][MOST_BLOCK_BYTES])
{
    size_t stride = (size_t)(rows[1] - rows[0]);
    if (rows[LANES - 1] == rows[0] + (LANES - 1) * stride)
        return (struct packed){rows[0] + at, stride};
    for (size_t r = 0; r < LANES; r++)
        memcpy(blocks[r], rows[r] + at, f->span_bytes);
    return (struct packed){blocks[0], MOST_BLOCK_BYTES};
}

/* How a format gets into the panels of a level. */
struct filling {
    unpack_lanes_fn *unpack;
    span_of_fn *span_of;
};

INLINE void fill_packed(const struct family *f, struct filling filling, const uint8_t *const rows[LANES],
                        size_t n_blocks, struct panel *panel, size_t row)
{
    uint8_t blocks[LANES][MOST_BLOCK_BYTES];
    size_t at = 0;
    for (size_t block = 0; block < n_blocks; block += (size_t)n_vectors(*f)) {
        const struct packed packed = packed_rows(f, rows, at, blocks);
        struct span to = filling.span_of(f, panel, block, row);
        filling.unpack(&packed, &to);
        at += f->span_bytes;
    }
}

/* A fill_fn, whose panels' rows lie as span_of() says. */
#define FILL_PACKED(name, span_of)                                                                          \
    static void fill_##name(const struct panel_format *format, const uint8_t *const rows[LANES],            \
                            size_t n_blocks, struct panel *panel, size_t row)                               \
    {                                                                                                       \
        fill_packed(&format->family, (struct filling){unpack_##name, span_of}, rows, n_blocks, panel, row); \
    }
#define UNPACK_SMALL(name)                                                \
    INLINE void unpack_##name(const struct packed *rows, struct span *to) \
    {                                                                     \
        unpack_blocks_##name(rows, 1, to);                                \
    }

UNPACK_SMALL(q8_0)
UNPACK_SMALL(q4_0)
UNPACK_SMALL(q4_1)
UNPACK_SMALL(q5_0)
UNPACK_SMALL(q5_1)
UNPACK_SMALL(iq4_nl)

#endif
