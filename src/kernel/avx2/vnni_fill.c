/* SPDX-License-Identifier: Apache-2.0 */
/* vnni_fill.c - fills this level's panels: from rows that are looked up one by one as AVX2 unpacks them, from
 * all others a row a lane. */
#include "kernel/avx2/avx2.h"
#include "kernel/avx2/panel_lanes.h"
#include "kernel/avx2/panel_put.h"
#include "kernel/avx2/vnni_panel.h"

/* Where the rows of a panel from `row` on take `block`. */
INLINE struct span span_of(const struct family *f, struct panel *panel, size_t block, size_t row)
{
    size_t column = block * BLOCK_SMALL;
    float *scales = panel->factors[column / group_of(f)] + row;
    float *minima = panel->minima[f->minimum > 0 ? column / f->minimum : 0] + row;
    return (struct span){.scales = rows_from(scales),
                         .minima = rows_from(minima),
                         .codes = (uint8_t(*)[PANEL_ROWS][4])(void *)panel->codes[column / 4][row]};
}

/* Scales of even groups come first in each row, then those of odd ones. */
static void put_looked_up_scales(const struct family *f, const struct weights rows[LANES],
                                 struct panel *panel, size_t block, size_t row)
{
    const __m256 factors = scales_of(rows);
    struct span to = span_of(f, panel, block, row);
    size_t n = BLOCK_SMALL / group_of(f);
    for (size_t odd = 0; odd < n; odd++) {
        __m256i v[LANES];
        UNROLL
        for (size_t r = 0; r < LANES; r++)
            v[r] = half_of(rows[r].scales, odd);
        put_floats_of_rows(v, factors, to.scales + odd, n);
    }
}

static void fill_looked_up(const struct panel_format *format, const uint8_t *const rows[LANES],
                           size_t n_blocks, struct panel *panel, size_t row)
{
    fill_unpacked(format, rows, n_blocks, panel, row, put_looked_up_scales);
}

/* ---- the table's entries ---- */

#define PANEL_PRODUCT(name, fill)                              \
    void avxvnni_panel_product_##name(const struct product *p) \
    {                                                          \
        avxvnni_panel_product(&avx2_panel_##name, fill, p);    \
    }
#define PACKED(name)           \
    FILL_PACKED(name, span_of) \
    PANEL_PRODUCT(name, fill_##name)

PACKED(q8_0)
PACKED(q4_0)
PACKED(q4_1)
PACKED(q5_0)
PACKED(q5_1)
PACKED(iq4_nl)
PACKED(q2_k)
PACKED(q3_k)
PACKED(q4_k)
PACKED(q5_k)
PACKED(q6_k)
PACKED(iq4_xs)
PANEL_PRODUCT(iq1_s, fill_looked_up)
PANEL_PRODUCT(iq1_m, fill_looked_up)
PANEL_PRODUCT(iq2_xxs, fill_looked_up)
PANEL_PRODUCT(iq2_xs, fill_looked_up)
PANEL_PRODUCT(iq2_s, fill_looked_up)
PANEL_PRODUCT(iq3_xxs, fill_looked_up)
PANEL_PRODUCT(iq3_s, fill_looked_up)
