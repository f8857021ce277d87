/* SPDX-License-Identifier: Apache-2.0 */
/* panel_multiply.h - tokens beside panels, and the loop over their blocks: how integer sums become floats.
 *
 * How the integer sums come about is a function that the caller gives: they are exact, so whatever it is, the
 * bits of a product are the same.
 *
 * A core has one or two ports for vectors of 512 bits, so sums are not converted: see sum_start.h. */
#ifndef FATHOM_KERNEL_AVX512_PANEL_MULTIPLY_H
#define FATHOM_KERNEL_AVX512_PANEL_MULTIPLY_H

#include "kernel/avx512/panel.h"
#include "kernel/place.h"
#include "kernel/sum_start.h"

#define COLUMNS     (PANEL_SPANS * SPAN) /* of a panel */
#define GROUPS_16   (COLUMNS / 16)
#define PAIR        2 /* panels that are multiplied together: a token's values are loaded once for both */
#define PAIRS       2 /* beside each other, at most: what is made ready of a token serves all */
#define PASS_TOKENS 8 /* beside a pair: their sums stay in registers, which VPDPBUSD is slow to add to */
#define MOST_TOKENS (2 * PASS_TOKENS) /* made ready at once: of two passes over a pair */

/* A token beside a panel. Its groups are those of the format's scales, or of its minima if there are any. */
struct token {
    const int8_t *values; /* [n_columns] */
    float *out;           /* [PAIR][PANEL_ROWS] */
    float scales[COLUMNS / ACTIVATION_BLOCK];
    /* SUM_START's bits less offset times a group's values: what its sum begins with */
    int32_t starts[GROUPS_16];
    float sums[GROUPS_16]; /* scale times a group's values: what minima multiply */
};

/* Makes `n` tokens of a product ready, from token `first` on. */
void avx512_load_tokens(const struct panel_format *f, const struct product *p, const struct place *place,
                        size_t first, size_t n, struct token *to);

/* The place's columns of the sixteen rows from place->row on. What is missing of rows and columns is zero,
 * with scales of zero. */
void avx512_fill_panel(const struct panel_format *f, const struct product *p, const struct place *place,
                       struct panel *panel);

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

/* Where a matrix ends with one panel, the second is the first again, and nothing of it is kept. */
struct pair {
    const struct panel *panels[PAIR];
    __mmask16 rows[PAIR]; /* that there are */
};

/* For the n_rows rows that are left. */
INLINE struct pair pair_of(const struct panel panels[PAIR], size_t n_rows)
{
    const struct panel *second = n_rows > PANEL_ROWS ? &panels[1] : &panels[0];
    return (struct pair){{&panels[0], second}, {lanes_below(n_rows, 0), lanes_below(n_rows, PANEL_ROWS)}};
}

/* What a loop over panels is made for: constants wherever it is expanded. */
struct kind {
    size_t n_panels; /* PAIR at most */
    size_t n_tokens;
    int group;   /* as in struct panel_format */
    int minimum; /* the same; 0: codes have an offset */
    bool flat;   /* as in struct panel_format */
};

/* What sums are made of. */
struct sides {
    const struct pair *pair;
    const struct token *tokens; /* [n_tokens] */
    struct ahead_rows *ahead;   /* asked for meanwhile */
    const __m512i *made;        /* NULL, or sums that are there already, as the sum_fn has them */
};

/* out += the pair's panels times `n` tokens, at most MOST_TOKENS; where column is 0, out = that. */
typedef void multiply_pair_fn(const struct panel_format *f, const struct pair *pair,
                              const struct token *tokens, size_t n, const struct place *place,
                              struct ahead_rows *ahead);
multiply_pair_fn avx512_multiply_pair;

/* How a walk over panels multiplies. */
struct multiply {
    multiply_pair_fn *pair;
    size_t (*tokens_at_once)(size_t n_left); /* of so many, at most MOST_TOKENS */
};

/* The product of the table, any number of tokens, multiplied so. */
void avx512_walk_panels(const struct panel_format *format, const struct product *product,
                        const struct multiply *multiply);

/* sums[panel][token] += the codes of the panel's group times the token's values. */
typedef void sum_fn(struct kind k, const struct sides *sides, size_t group, __m512i sums[PAIR][MOST_TOKENS]);

/* sums[panel][token] = SUM_START's bits plus those of a group, less what the codes' offset adds to them. */
INLINE void sum_group(struct kind k, const struct sides *sides, sum_fn *add_sums, size_t group,
                      __m512i sums[PAIR][MOST_TOKENS])
{
    UNROLL
    for (size_t t = 0; t < k.n_tokens; t++) {
        UNROLL
        for (size_t i = 0; i < k.n_panels; i++)
            sums[i][t] = k.minimum == 0 ? _mm512_set1_epi32(sides->tokens[t].starts[group])
                                        : _mm512_castps_si512(_mm512_set1_ps(SUM_START));
    }
    add_sums(k, sides, group, sums);
}

/* totals += the scale of panel `i`'s group, and of the block that it is of, times the group's sums. */
INLINE void add_scaled_sums(struct kind k, const struct sides *sides, size_t i, size_t group,
                            const __m512i sums[MOST_TOKENS], __m512 totals[MOST_TOKENS])
{
    size_t block = group * (size_t)k.group / ACTIVATION_BLOCK;
    __m512 scales = _mm512_load_ps(sides->pair->panels[i]->scales[group]);
    __m512 less = _mm512_mul_ps(scales, _mm512_set1_ps(-SUM_START));
    UNROLL
    for (size_t t = 0; t < k.n_tokens; t++) {
        __m512 part = _mm512_fmadd_ps(_mm512_castsi512_ps(sums[t]), scales, less);
        totals[t] = _mm512_fmadd_ps(part, _mm512_set1_ps(sides->tokens[t].scales[block]), totals[t]);
    }
}

/* totals += scale times minimum times sum of values */
INLINE void add_minima(struct kind k, const struct sides *sides, size_t i, size_t group,
                       __m512 totals[MOST_TOKENS])
{
    __m512 minima = _mm512_load_ps(sides->pair->panels[i]->minima[group]);
    UNROLL
    for (size_t t = 0; t < k.n_tokens; t++)
        totals[t] = _mm512_fmadd_ps(minima, _mm512_set1_ps(sides->tokens[t].sums[group]), totals[t]);
}

/* totals += 32 columns of the panels times each token's. */
INLINE void add_block(struct kind k, const struct sides *sides, sum_fn *add_sums, size_t block,
                      __m512 totals[PAIR][MOST_TOKENS])
{
    size_t n_groups = (size_t)(ACTIVATION_BLOCK / k.group);
    size_t n_minima = k.minimum == 0 ? 0 : (size_t)(ACTIVATION_BLOCK / k.minimum);
    UNROLL
    for (size_t of_block = 0; of_block < n_groups; of_block++) {
        __m512i sums[PAIR][MOST_TOKENS];
        size_t group = block * n_groups + of_block;
        sum_group(k, sides, add_sums, group, sums);
        UNROLL
        for (size_t i = 0; i < k.n_panels; i++)
            add_scaled_sums(k, sides, i, group, sums[i], totals[i]);
    }
    UNROLL
    for (size_t of_block = 0; of_block < n_minima; of_block++) {
        UNROLL
        for (size_t i = 0; i < k.n_panels; i++)
            add_minima(k, sides, i, block * n_minima + of_block, totals[i]);
    }
}

/* The same where all groups of a span have one scale, which then comes last: sums are only taken from
 * SUM_START, where Zen 4 does not multiply meanwhile, and multiplied by the activation's scale. */
INLINE void add_flat_block(struct kind k, const struct sides *sides, sum_fn *add_sums, size_t block,
                           __m512 parts[PAIR][MOST_TOKENS])
{
    __m512i sums[PAIR][MOST_TOKENS];
    sum_group(k, sides, add_sums, block, sums);
    UNROLL
    for (size_t i = 0; i < k.n_panels; i++) {
        UNROLL
        for (size_t t = 0; t < k.n_tokens; t++) {
            __m512 sum = _mm512_sub_ps(_mm512_castsi512_ps(sums[i][t]), _mm512_set1_ps(SUM_START));
            parts[i][t] = _mm512_fmadd_ps(sum, _mm512_set1_ps(sides->tokens[t].scales[block]), parts[i][t]);
        }
    }
}

/* totals += the span's scale times its parts. */
INLINE void add_scaled_parts(struct kind k, const struct sides *sides, size_t span,
                             const __m512 parts[PAIR][MOST_TOKENS], __m512 totals[PAIR][MOST_TOKENS])
{
    UNROLL
    for (size_t i = 0; i < k.n_panels; i++) {
        __m512 scales = _mm512_load_ps(sides->pair->panels[i]->scales[span * (SPAN / ACTIVATION_BLOCK)]);
        UNROLL
        for (size_t t = 0; t < k.n_tokens; t++)
            totals[i][t] = _mm512_fmadd_ps(parts[i][t], scales, totals[i][t]);
    }
}

/* totals += a span of the panels times each token's. Minima come behind the sums: registers do not hold
 * totals and parts at once. */
INLINE void add_flat_span(struct kind k, const struct sides *sides, sum_fn *add_sums, size_t span,
                          __m512 totals[PAIR][MOST_TOKENS])
{
    const size_t n_blocks = SPAN / ACTIVATION_BLOCK, n_minima = k.minimum == 0 ? 0 : SPAN / (size_t)k.minimum;
    __m512 parts[PAIR][MOST_TOKENS] = {{{0}}};
    for (size_t block = span * n_blocks; block < (span + 1) * n_blocks; block++) {
        ask_for_rows(sides->ahead);
        add_flat_block(k, sides, add_sums, block, parts);
    }
    for (size_t group = span * n_minima; group < (span + 1) * n_minima; group++) {
        UNROLL
        for (size_t i = 0; i < k.n_panels; i++)
            add_minima(k, sides, i, group, totals[i]);
    }
    add_scaled_parts(k, sides, span, parts, totals);
}

INLINE void load_totals(struct kind k, const struct sides *sides, const struct place *place,
                        __m512 totals[PAIR][MOST_TOKENS])
{
    UNROLL
    for (size_t i = 0; i < k.n_panels; i++) {
        UNROLL
        for (size_t t = 0; t < k.n_tokens; t++)
            totals[i][t] = place->column == 0 ? _mm512_setzero_ps()
                                              : _mm512_maskz_loadu_ps(sides->pair->rows[i],
                                                                      sides->tokens[t].out + i * PANEL_ROWS);
    }
}

INLINE void store_totals(struct kind k, const struct sides *sides, const __m512 totals[PAIR][MOST_TOKENS])
{
    UNROLL
    for (size_t i = 0; i < k.n_panels; i++) {
        UNROLL
        for (size_t t = 0; t < k.n_tokens; t++)
            _mm512_mask_storeu_ps(sides->tokens[t].out + i * PANEL_ROWS, sides->pair->rows[i], totals[i][t]);
    }
}

/* out += the panels times each token. */
INLINE void multiply_tokens(struct kind k, const struct sides *sides, const struct place *place,
                            sum_fn *add_sums)
{
    __m512 totals[PAIR][MOST_TOKENS];
    load_totals(k, sides, place, totals);
    for (size_t span = 0; k.flat && span < place->n_columns / SPAN; span++)
        add_flat_span(k, sides, add_sums, span, totals);
    for (size_t block = 0; !k.flat && block < place->n_columns / ACTIVATION_BLOCK; block++) {
        ask_for_rows(sides->ahead);
        add_block(k, sides, add_sums, block, totals);
    }
    store_totals(k, sides, totals);
}

#endif
