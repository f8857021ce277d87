/* SPDX-License-Identifier: Apache-2.0 */
/* panel_fill.c - fills this level's panels: rows that are looked up one by one as dot.h's functions unpack
 * them, all others a row a lane. */
#include "kernel/avx2/avx2.h"
#include "kernel/avx2/panel_lanes.h"
#include "kernel/avx2/panel_put.h"

/* ---- a row a lane ---- */

INLINE struct span span_of(const struct family *f, struct panel *panel, size_t block, size_t row)
{
    float *minima = panel->minima[f->minimum > 0 ? block * BLOCK_SMALL / f->minimum : 0] + row;
    return (struct span){.scales = rows_from(panel->factors[block] + row),
                         .minima = rows_from(minima),
                         .codes = (uint8_t(*)[PANEL_ROWS][4])(void *)panel->codes[8 * block][row],
                         .pairs = (int16_t(*)[PANEL_ROWS][2])(void *)panel->scales[2 * block][row],
                         .paired = true};
}

/* Of codes with signs, which have 16 bits. */
INLINE struct span wide_span_of(const struct family *f, struct panel *panel, size_t block, size_t row)
{
    (void)f;
    return (struct span){.scales = rows_from(panel->factors[block] + row),
                         .codes = (uint8_t(*)[PANEL_ROWS][4])(void *)panel->codes[16 * block][row],
                         .widened = true};
}

/* ---- looked up ---- */

/* Sixteen groups' scales: even ones, then odd ones, in each row. */
static void put_looked_up_scales(const struct family *f, const struct weights rows[LANES],
                                 struct panel *panel, size_t block, size_t row)
{
    (void)f; /* whatever its groups, `weights` has a scale for each 16 columns */
    const size_t group = 2 * block;
    UNROLL
    for (size_t half = 0; half < 2; half++) {
        __m256i v[LANES];
        UNROLL
        for (size_t r = 0; r < LANES; r++)
            v[r] = half == 0 ? _mm256_unpacklo_epi16(rows[r].scales, rows[r].scales)
                             : _mm256_unpackhi_epi16(rows[r].scales, rows[r].scales);
        transpose(v);
        UNROLL
        for (size_t i = 0; i < 4; i++) {
            store(panel->scales[group + 8 * half + 2 * i][row], v[i]);
            store(panel->scales[group + 8 * half + 2 * i + 1][row], v[4 + i]);
        }
    }
    const __m256 factors = scales_of(rows);
    for (size_t v = 0; v < MOST_VECTORS; v++)
        _mm256_store_ps(panel->factors[block + v] + row, factors);
}

static void fill_looked_up(const struct panel_format *format, const uint8_t *const rows[LANES],
                           size_t n_blocks, struct panel *panel, size_t row)
{
    fill_unpacked(format, rows, n_blocks, panel, row, put_looked_up_scales);
}

/* ---- the table's entries ---- */

#define PANEL_PRODUCT(name, fill)                           \
    void avx2_panel_product_##name(const struct product *p) \
    {                                                       \
        avx2_panel_product(&avx2_panel_##name, fill, p);    \
    }
#define PACKED(name, span_of)  \
    FILL_PACKED(name, span_of) \
    PANEL_PRODUCT(name, fill_##name)

PACKED(q8_0, wide_span_of)
PACKED(q4_0, span_of)
PACKED(q4_1, span_of)
PACKED(q5_0, span_of)
PACKED(q5_1, span_of)
PACKED(iq4_nl, wide_span_of)
PACKED(q2_k, span_of)
PACKED(q3_k, span_of)
PACKED(q4_k, span_of)
PACKED(q5_k, span_of)
PACKED(q6_k, span_of)
PACKED(iq4_xs, wide_span_of)
PANEL_PRODUCT(iq1_s, fill_looked_up)
PANEL_PRODUCT(iq1_m, fill_looked_up)
PANEL_PRODUCT(iq2_xxs, fill_looked_up)
PANEL_PRODUCT(iq2_xs, fill_looked_up)
PANEL_PRODUCT(iq2_s, fill_looked_up)
PANEL_PRODUCT(iq3_xxs, fill_looked_up)
PANEL_PRODUCT(iq3_s, fill_looked_up)
