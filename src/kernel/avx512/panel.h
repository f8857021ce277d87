/* SPDX-License-Identifier: Apache-2.0 */
/* panel.h - products with many tokens: sixteen rows at a time, a row a lane.
 *
 * A panel is a stretch of columns of sixteen rows. A vector has the codes of four columns of each, so
 * VPDPBUSD with four activations of a token, broadcast, adds to the sums of all rows at once, and nothing is
 * left to be added across lanes. A format is a function that unpacks a span: see lanes.h; formats that
 * are looked up one by one are unpacked as dot.h does and transposed afterwards. Group scales stay floats:
 * nothing is rounded that dot.h would keep, and only the order of the float sums differs. */
#ifndef FATHOM_KERNEL_AVX512_PANEL_H
#define FATHOM_KERNEL_AVX512_PANEL_H

#include "kernel/avx512/dot.h"
#include "kernel/lanes/lanes.h"

#define PANEL_SPANS     2 /* 8 KB of codes: a pair of panels stays in the first-level cache */
#define MOST_SPAN_BYTES (SPAN / BLOCK_SMALL * sizeof(struct block_q8_0))

struct panel {
    _Alignas(64) uint8_t codes[PANEL_SPANS * SPAN / 4][PANEL_ROWS][4]; /* [four columns][row][column] */
    float scales[PANEL_SPANS * SPAN / 16][PANEL_ROWS];                 /* [group][row] */
    float minima[PANEL_SPANS * SPAN / 16][PANEL_ROWS];                 /* [group][row]: what is added */
};

/* Span `span` of the panel from sixteen rows. */
typedef void fill_fn(const struct packed *rows, struct panel *panel, size_t span);

/* A format, as panels hold it. */
struct panel_format {
    fill_fn *fill;
    size_t span_bytes; /* of a row */
    uint8_t offset;    /* code - offset is what the scale multiplies; 0 where there are minima */
    uint8_t group;     /* columns that share a scale: 16 or 32 */
    uint8_t minimum;   /* columns that share a minimum: 16 or 32; 0: there are none */
    bool small;        /* blocks of 32: a row may end within a span */
    bool flat;         /* all groups of a span share one scale: theirs are in the codes */
};

/* The product of the table, any number of tokens. */
void avx512_panel_product(const struct panel_format *format, const struct product *product);

/* ---- the table's entry of a format ---- */

/* With fill_NAME given. */
#define PANEL_FORMAT(level, name, ...)                                           \
    const struct panel_format level##_panel_##name = {fill_##name, __VA_ARGS__}; \
    void level##_panel_product_##name(const struct product *p)                   \
    {                                                                            \
        avx512_panel_product(&level##_panel_##name, p);                          \
    }
#define LEVEL_PANEL_PRODUCT(level, name, ...)                                                        \
    static void fill_##name(const struct packed *rows, struct panel *panel, size_t span)             \
    {                                                                                                \
        const struct panel_format f = {NULL, __VA_ARGS__};                                           \
        struct span to = {.scales = panel->scales + span * (SPAN / f.group),                         \
                          .minima = panel->minima + (f.minimum > 0 ? span * (SPAN / f.minimum) : 0), \
                          .codes = panel->codes + span * (SPAN / 4)};                                \
        unpack_##name(rows, &to);                                                                    \
    }                                                                                                \
    PANEL_FORMAT(level, name, __VA_ARGS__)
#define PANEL_PRODUCT(name, ...) LEVEL_PANEL_PRODUCT(avx512, name, __VA_ARGS__)

/* From rows that dot.h's functions have unpacked. */
void avx512_transpose(const struct weights rows[PANEL_ROWS], struct family family, struct panel *panel,
                      size_t span);

#endif
