/* SPDX-License-Identifier: Apache-2.0 */
/* panel_one.h - a single token in the order of panels: codes are multiplied as they are unpacked, a row a
 * lane, and never put down.
 *
 * The integer sums are those of panel.c and the floats are made of them by the same functions, so that one
 * token and many have the same bits. */
#ifndef FATHOM_KERNEL_AVX512_PANEL_ONE_H
#define FATHOM_KERNEL_AVX512_PANEL_ONE_H

#include "kernel/avx512/panel_multiply.h"

typedef void unpack_rows_fn(const struct packed *rows, struct span *to);

/* sum_fn: what unpacking has summed up. */
INLINE void add_summed(struct kind k, const struct sides *sides, size_t group,
                       __m512i sums[PAIR][MOST_TOKENS])
{
    sums[0][0] = _mm512_add_epi32(sums[0][0], sides->made[group % (size_t)(SPAN / k.group)]);
}

/* Sixteen rows and a token. */
struct single {
    struct panel panel; /* its scales alone: codes are never put down */
    struct token token;
    __m512 totals[PAIR][MOST_TOKENS]; /* one of them */
};

/* The total += span `span` of the panel's columns. */
INLINE void multiply_one_span(const struct panel_format *f, unpack_rows_fn *unpack, const struct packed *rows,
                              size_t span, struct single *s)
{
    const struct kind k = {.n_panels = 1, .n_tokens = 1, .group = f->group, .minimum = f->minimum};
    struct span to = {.scales = s->panel.scales + span * (SPAN / f->group),
                      .values = s->token.values + span * SPAN,
                      .group = f->group};
    UNROLL
    for (size_t i = 0; i < SPAN / 16; i++)
        to.sums[i] = _mm512_setzero_si512();
    unpack(rows, &to);
    const struct pair pair = {.panels = {&s->panel}};
    const struct sides sides = {&pair, &s->token, NULL, to.sums};
    UNROLL
    for (size_t block = 0; block < SPAN / ACTIVATION_BLOCK; block++)
        add_block(k, &sides, add_summed, span * (SPAN / ACTIVATION_BLOCK) + block, s->totals);
}

/* All rows with one token. Formats with blocks of 256 and no minima. */
INLINE void multiply_one(const struct panel_format *f, unpack_rows_fn *unpack, const struct product *p,
                         size_t token)
{
    struct single s;
    for (size_t row = 0; row < p->n_rows; row += PANEL_ROWS) {
        size_t n_rows = min_size(PANEL_ROWS, p->n_rows - row);
        struct ahead ahead = ahead_of_tile(p, row, n_rows);
        const uint8_t *at = (const uint8_t *)p->rows + row * p->row_bytes;
        s.totals[0][0] = _mm512_setzero_ps();
        for (size_t column = 0; column < p->n_columns; column += COLUMNS) {
            struct place place = {row, column, min_size(COLUMNS, p->n_columns - column)};
            avx512_load_tokens(f, p, &place, token, 1, &s.token);
            for (size_t span = 0; span < place.n_columns / SPAN; span++, at += f->span_bytes) {
                uint8_t blocks[PANEL_ROWS][MOST_SPAN_BYTES];
                struct packed rows = {at, p->row_bytes};
                ahead_fetch(&ahead, n_rows * f->span_bytes);
                if (n_rows < PANEL_ROWS)
                    rows = copy_edge(f, &rows, n_rows, SPAN, blocks);
                multiply_one_span(f, unpack, &rows, span, &s);
            }
        }
        _mm512_mask_storeu_ps(p->out + token * p->out_stride + row, lanes_below(n_rows, 0), s.totals[0][0]);
    }
}

/* The table's entry of a format that has a panel_format. */
#define ONE_PRODUCT(level, name)                                          \
    void level##_product_##name(const struct product *p)                  \
    {                                                                     \
        for (size_t token = 0; token < p->n_tokens; token++)              \
            multiply_one(&level##_panel_##name, unpack_##name, p, token); \
    }

#endif
