/* SPDX-License-Identifier: Apache-2.0 */
/* panel_multiply.h - tokens beside a panel, and the loop over its blocks: how integer sums become floats.
 *
 * How the integer sums come about is a function that the caller gives: they are exact, so whatever it is, the
 * bits of a product are the same. */
#ifndef FATHOM_KERNEL_AVX512_PANEL_MULTIPLY_H
#define FATHOM_KERNEL_AVX512_PANEL_MULTIPLY_H

#include "kernel/avx512/panel.h"
#include "kernel/place.h"

#define COLUMNS     (PANEL_SPANS * SPAN) /* of a panel */
#define GROUPS_16   (COLUMNS / 16)
#define PANELS      2  /* beside each other: what is made ready of a token serves both */
#define MOST_TOKENS 16 /* beside a panel at once */

/* A token beside a panel. Its groups are those of the format's scales, or of its minima if there are any. */
struct token {
    const int8_t *values;      /* [n_columns] */
    const float *scales;       /* [n_columns / 32] */
    const int16_t *sums_of_16; /* [n_columns / 16] */
    int32_t starts[GROUPS_16]; /* -offset times a group's values: what its sum of codes begins with */
    float sums[GROUPS_16];     /* scale times a group's values: what minima multiply */
    float *out;                /* [PANEL_ROWS] */
};

/* Makes `n` tokens of a product ready, from token `first` on. */
void avx512_load_tokens(const struct panel_format *f, const struct product *p, const struct place *place,
                        size_t first, size_t n, struct token *to);

/* out += panels times the activations of `n` tokens from `first` on, at most MOST_TOKENS; where column is 0,
 * out = that. */
typedef void multiply_panels_fn(const struct panel_format *f, const struct panel panels[PANELS],
                                const struct product *p, const struct place *place, size_t first, size_t n);
multiply_panels_fn avx512_multiply_panels;

/* The product of the table, any number of tokens, with panels multiplied by that function. */
void avx512_walk_panels(const struct panel_format *format, const struct product *product,
                        multiply_panels_fn *multiply);

/* A span at the matrix's edge: what is missing of rows and of columns is zero, with scales of zero. */
INLINE struct packed copy_edge(const struct panel_format *f, const struct packed *rows, size_t n_rows,
                               size_t n_columns, uint8_t blocks[PANEL_ROWS][MOST_SPAN_BYTES])
{
    size_t n_bytes =
        n_columns < SPAN ? f->span_bytes / (SPAN / BLOCK_SMALL) * (n_columns / BLOCK_SMALL) : f->span_bytes;
    memset(blocks, 0, PANEL_ROWS * MOST_SPAN_BYTES);
    for (size_t r = 0; r < n_rows; r++)
        memcpy(blocks[r], rows->at + r * rows->stride, n_bytes);
    return (struct packed){blocks[0], MOST_SPAN_BYTES};
}

/* What a loop over a panel is made for: constants wherever it is expanded. */
struct kind {
    size_t n_tokens;
    int group;   /* as in struct panel_format */
    int minimum; /* the same; 0: codes have an offset */
};

/* What sums are made of. */
struct sides {
    const struct panel *panel;
    const struct token *tokens; /* [n_tokens] */
    const __m512i *made;        /* NULL, or sums that are there already, as the sum_fn has them */
};

/* sums[token] += the codes of the panel's group times the token's values. */
typedef void sum_fn(struct kind k, const struct sides *sides, size_t group, __m512i sums[MOST_TOKENS]);

/* sums[token] = those of a group of the panel, less what the codes' offset adds to them. */
INLINE void sum_group(struct kind k, const struct sides *sides, sum_fn *add_sums, size_t group,
                      __m512i sums[MOST_TOKENS])
{
    UNROLL
    for (size_t t = 0; t < k.n_tokens; t++)
        sums[t] = k.minimum == 0 ? _mm512_set1_epi32(sides->tokens[t].starts[group]) : _mm512_setzero_si512();
    add_sums(k, sides, group, sums);
}

/* totals += scale times minimum times sum of values */
INLINE void add_minima(struct kind k, const struct sides *sides, size_t group, __m512 totals[MOST_TOKENS])
{
    __m512 minima = _mm512_load_ps(sides->panel->minima[group]);
    UNROLL
    for (size_t t = 0; t < k.n_tokens; t++)
        totals[t] = _mm512_fmadd_ps(minima, _mm512_set1_ps(sides->tokens[t].sums[group]), totals[t]);
}

INLINE void add_block_of_32(struct kind k, const struct sides *sides, sum_fn *add_sums, size_t block,
                            __m512 totals[MOST_TOKENS])
{
    __m512i sums[MOST_TOKENS];
    __m512 scales = _mm512_load_ps(sides->panel->scales[block]);
    sum_group(k, sides, add_sums, block, sums);
    UNROLL
    for (size_t t = 0; t < k.n_tokens; t++) {
        __m512 part = _mm512_mul_ps(_mm512_cvtepi32_ps(sums[t]), scales);
        totals[t] = _mm512_fmadd_ps(part, _mm512_set1_ps(sides->tokens[t].scales[block]), totals[t]);
    }
}

INLINE void add_block_of_16(struct kind k, const struct sides *sides, sum_fn *add_sums, size_t block,
                            __m512 totals[MOST_TOKENS])
{
    __m512i sums[MOST_TOKENS];
    __m512 parts[MOST_TOKENS];
    __m512 scales = _mm512_load_ps(sides->panel->scales[2 * block]);
    sum_group(k, sides, add_sums, 2 * block, sums);
    UNROLL
    for (size_t t = 0; t < k.n_tokens; t++)
        parts[t] = _mm512_mul_ps(_mm512_cvtepi32_ps(sums[t]), scales);
    sum_group(k, sides, add_sums, 2 * block + 1, sums);
    scales = _mm512_load_ps(sides->panel->scales[2 * block + 1]);
    UNROLL
    for (size_t t = 0; t < k.n_tokens; t++) {
        parts[t] = _mm512_fmadd_ps(_mm512_cvtepi32_ps(sums[t]), scales, parts[t]);
        totals[t] = _mm512_fmadd_ps(parts[t], _mm512_set1_ps(sides->tokens[t].scales[block]), totals[t]);
    }
}

/* totals += 32 columns of the panel times each token's. */
INLINE void add_block(struct kind k, const struct sides *sides, sum_fn *add_sums, size_t block,
                      __m512 totals[MOST_TOKENS])
{
    if (k.group == 16)
        add_block_of_16(k, sides, add_sums, block, totals);
    else
        add_block_of_32(k, sides, add_sums, block, totals);
    if (k.minimum == 32)
        add_minima(k, sides, block, totals);
    if (k.minimum == 16) {
        add_minima(k, sides, 2 * block, totals);
        add_minima(k, sides, 2 * block + 1, totals);
    }
}

INLINE void load_totals(struct kind k, const struct token *tokens, const struct place *place, __mmask16 rows,
                        __m512 totals[MOST_TOKENS])
{
    UNROLL
    for (size_t t = 0; t < k.n_tokens; t++)
        totals[t] = place->column == 0 ? _mm512_setzero_ps() : _mm512_maskz_loadu_ps(rows, tokens[t].out);
}

INLINE void store_totals(struct kind k, const struct token *tokens, __mmask16 rows,
                         const __m512 totals[MOST_TOKENS])
{
    UNROLL
    for (size_t t = 0; t < k.n_tokens; t++)
        _mm512_mask_storeu_ps(tokens[t].out, rows, totals[t]);
}

#endif
