/* SPDX-License-Identifier: Apache-2.0 */
/* panel.h - products with many tokens: sixteen rows at a time, a row a lane.
 *
 * A panel is a stretch of columns of sixteen rows, unpacked by the functions that dot.h takes and
 * transposed: a vector has the codes of four columns of eight rows. VPMADDUBSW with four activations of a
 * token, broadcast, sums them in pairs to 16 bits for all rows at once, and nothing is left to be added
 * across lanes.
 *
 * Sums of 16 bits are exact because they hold the products of few columns, by the largest size of a value
 * (code less offset): 8 columns up to 32 (8 x 32 x 127 < 2^15: every format but those named here), 4 up to
 * 64 (IQ2: 43, IQ3_XXS: 62), 2 up to 128 (Q8_0, IQ4). They begin with -offset times the activations and
 * may wrap around on the way; the only operation that saturates instead, VPMADDUBSW, gets codes up to 128 and
 * stays below 2 x 128 x 127. A group's scale is multiplied in integers, as in dot.h. */
#ifndef FATHOM_KERNEL_AVX2_PANEL_H
#define FATHOM_KERNEL_AVX2_PANEL_H

#include "kernel/avx2/dot.h"

#define LANES       8 /* rows of a vector */
#define PANEL_ROWS  16
#define PANEL_SPANS 4 /* of 256 columns: 16 KB of codes stay in the first-level cache while tokens pass */

#define PANEL_BLOCKS (PANEL_SPANS * BLOCK_SUPER / BLOCK_SMALL) /* of 32 columns */

struct panel {
    _Alignas(32) uint8_t codes[PANEL_BLOCKS * 8][PANEL_ROWS][4]; /* [four columns][row][column] */
    int16_t scales[PANEL_BLOCKS * 2][PANEL_ROWS][2];             /* [16 columns][row]: twice the same */
    float factors[PANEL_BLOCKS][PANEL_ROWS];    /* [32 columns][row]: what multiplies those scales */
    float minima[PANEL_BLOCKS * 2][PANEL_ROWS]; /* [as the format has them][row]: what is added */
};

/* LANES rows of the panel from row `row` on: n_blocks blocks of 32 columns. */
typedef void fill_fn(const uint8_t *const rows[LANES], size_t n_blocks, struct panel *panel, size_t row);

void avx2_put_rows(struct family family, const struct weights rows[LANES], struct panel *panel, size_t block,
                   size_t row);
void avx2_multiply_panels(struct family family, fill_fn *fill, const struct product *product);

INLINE void fill_rows(struct family f, const uint8_t *const rows[LANES], size_t n_blocks, struct panel *panel,
                      size_t row)
{
    size_t at = 0;
    for (size_t block = 0; block < n_blocks; block += (size_t)n_vectors(f)) {
        struct weights unpacked[LANES];
        for (size_t r = 0; r < LANES; r++)
            f.unpack(rows[r] + at, &unpacked[r]);
        avx2_put_rows(f, unpacked, panel, block, row);
        at += f.span_bytes;
    }
}

/* The table's entries of a format: for few tokens and for many. */
#define PRODUCTS(name, ...)                                                                         \
    void avx2_product_##name(const struct product *p)                                               \
    {                                                                                               \
        multiply((struct family){unpack_##name, __VA_ARGS__}, p);                                   \
    }                                                                                               \
    static void fill_##name(const uint8_t *const rows[LANES], size_t n_blocks, struct panel *panel, \
                            size_t row)                                                             \
    {                                                                                               \
        const struct family f = {unpack_##name, __VA_ARGS__};                                       \
        fill_rows(f, rows, n_blocks, panel, row);                                                   \
    }                                                                                               \
    void avx2_panel_product_##name(const struct product *p)                                         \
    {                                                                                               \
        avx2_multiply_panels((struct family){unpack_##name, __VA_ARGS__}, fill_##name, p);          \
    }

#endif
