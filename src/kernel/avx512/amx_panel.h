/* SPDX-License-Identifier: Apache-2.0 */
/* amx_panel.h - panels multiplied in tiles: TDPBSUD in place of VPDPBUSD, all else as avx512 has it.
 *
 * Not run on hardware: no machine with AMX was at hand. What the instructions do is modelled in C, in
 * tests/kernel/tile_model.h, and over the model every product has the bits of avx512's.
 *
 * A panel lies as TDPBSUD wants its second operand: [four columns][row][column]. Its first is tokens as
 * they are, [token][column], and so the sums of a group (16 or 32 columns) of sixteen tokens and sixteen
 * rows are one instruction. They go through memory, a few groups at a time, to where they become floats. The
 * sums are exact, the rest is shared: the same bits. Up to FEW tokens, which would leave most of a tile idle,
 * are left to VPDPBUSD.
 *
 * Whoever includes this may define the instructions of amx_tile.h otherwise before. */
#ifndef FATHOM_KERNEL_AVX512_AMX_PANEL_H
#define FATHOM_KERNEL_AVX512_AMX_PANEL_H

#include "kernel/avx512/avx512.h"
#include "kernel/avx512/panel_multiply.h"
#ifndef TILE_CONFIGURE
#include "kernel/avx512/amx_tile.h"
#endif

#define FEW          6 /* reckoned, not measured */
#define STRIP_BLOCKS 8 /* of 32 columns whose sums are made together: 8 or 16 KB */

_Static_assert(SPAN == STRIP_BLOCKS * ACTIVATION_BLOCK, "a strip is a span, where that has one scale");

/* Numbers of tiles. Fewer tokens than MOST_TOKENS have shapes of their own. */
#define WHOLE_TOKENS 0
#define WHOLE_SUMS   1
#define LAST_TOKENS  2
#define LAST_SUMS    3
#define CODES        4

/* What LDTILECFG reads (Intel's manual of instructions, TILECFG). */
struct tile_shapes {
    uint8_t palette, start_row, reserved[14];
    uint16_t row_bytes[16];
    uint8_t n_rows[16];
};

/* For groups of so many columns, and n_last tokens behind the last whole sixteen. */
INLINE struct tile_shapes tile_shapes_for(uint16_t group, uint8_t n_last)
{
    struct tile_shapes shapes = {.palette = 1};
    shapes.row_bytes[WHOLE_TOKENS] = group;
    shapes.n_rows[WHOLE_TOKENS] = MOST_TOKENS;
    shapes.row_bytes[WHOLE_SUMS] = PANEL_ROWS * sizeof(int32_t);
    shapes.n_rows[WHOLE_SUMS] = MOST_TOKENS;
    shapes.row_bytes[CODES] = PANEL_ROWS * 4;
    shapes.n_rows[CODES] = (uint8_t)(group / 4);
    if (n_last > 0) {
        shapes.row_bytes[LAST_TOKENS] = group;
        shapes.n_rows[LAST_TOKENS] = n_last;
        shapes.row_bytes[LAST_SUMS] = PANEL_ROWS * sizeof(int32_t);
        shapes.n_rows[LAST_SUMS] = n_last;
    }
    return shapes;
}

/* Up to MOST_TOKENS tokens of a product, one after the other. */
struct bundle {
    const int8_t *values; /* [n_tokens][stride], from the panel's first column on */
    size_t stride, n_tokens;
};

/* sums[group][token][row] of n_groups groups from `first` on. */
INLINE void sum_in_tiles(struct kind k, const struct panel *panel, const struct bundle *bundle, size_t first,
                         size_t n_groups, int32_t (*sums)[MOST_TOKENS][PANEL_ROWS])
{
    size_t columns = (size_t)k.group;
    for (size_t i = 0; i < n_groups; i++) {
        const int8_t *values = bundle->values + (first + i) * columns;
        TILE_LOAD(CODES, panel->codes[(first + i) * columns / 4], sizeof panel->codes[0]);
        if (bundle->n_tokens == MOST_TOKENS) {
            TILE_ZERO(WHOLE_SUMS);
            TILE_LOAD(WHOLE_TOKENS, values, bundle->stride);
            TILE_MULTIPLY(WHOLE_SUMS, WHOLE_TOKENS, CODES);
            TILE_STORE(WHOLE_SUMS, sums[i], sizeof sums[i][0]);
        } else {
            TILE_ZERO(LAST_SUMS);
            TILE_LOAD(LAST_TOKENS, values, bundle->stride);
            TILE_MULTIPLY(LAST_SUMS, LAST_TOKENS, CODES);
            TILE_STORE(LAST_SUMS, sums[i], sizeof sums[i][0]);
        }
    }
}

/* sum_fn: what tiles have summed up. */
INLINE void add_tiles(struct kind k, const struct sides *sides, size_t group, __m512i sums[PAIR][MOST_TOKENS])
{
    size_t strip_groups = (size_t)(STRIP_BLOCKS * ACTIVATION_BLOCK / k.group);
    UNROLL
    for (size_t t = 0; t < k.n_tokens; t++)
        sums[0][t] = _mm512_add_epi32(sums[0][t], sides->made[group % strip_groups * MOST_TOKENS + t]);
}

/* Tokens past the last are the last again: what becomes of their sums goes nowhere. */
INLINE void multiply_bundle(struct kind k, const struct sides *given, const struct bundle *bundle,
                            const struct place *place)
{
    _Alignas(64) int32_t sums[2 * STRIP_BLOCKS][MOST_TOKENS][PANEL_ROWS];
    const struct sides sides = {given->pair, given->tokens, given->ahead,
                                (const __m512i *)(const void *)sums};
    size_t n_blocks = place->n_columns / ACTIVATION_BLOCK, per_block = (size_t)(ACTIVATION_BLOCK / k.group);
    __m512 totals[PAIR][MOST_TOKENS];
    if (bundle->n_tokens < MOST_TOKENS)
        memset(sums, 0, sizeof sums);
    load_totals(k, &sides, place, totals);
    for (size_t first = 0; first < n_blocks; first += STRIP_BLOCKS) {
        size_t n = min_size(STRIP_BLOCKS, n_blocks - first);
        sum_in_tiles(k, given->pair->panels[0], bundle, first * per_block, n * per_block, sums);
        if (k.flat)
            add_flat_span(k, &sides, add_tiles, first / STRIP_BLOCKS, totals);
        for (size_t block = first; !k.flat && block < first + n; block++) {
            ask_for_rows(given->ahead);
            add_block(k, &sides, add_tiles, block, totals);
        }
    }
    store_totals(k, &sides, totals);
}

typedef void bundle_fn(const struct sides *sides, const struct bundle *bundle, const struct place *place);

/* A function for each kind of format. */
#define MULTIPLY_BUNDLE(name, ...)                                                                         \
    static void name(const struct sides *sides, const struct bundle *bundle, const struct place *place)    \
    {                                                                                                      \
        multiply_bundle((struct kind){.n_panels = 1, .n_tokens = MOST_TOKENS, __VA_ARGS__}, sides, bundle, \
                        place);                                                                            \
    }
MULTIPLY_BUNDLE(bundle_of_16, .group = 16)
MULTIPLY_BUNDLE(bundle_of_32, .group = 32)
MULTIPLY_BUNDLE(bundle_with_minima_of_32, .group = 32, .minimum = 32)
MULTIPLY_BUNDLE(bundle_flat, .group = 32, .flat = true)
MULTIPLY_BUNDLE(bundle_flat_with_minima_of_16, .group = 32, .minimum = 16, .flat = true)

static bundle_fn *bundle_function_for(const struct panel_format *f)
{
    if (f->group == 16)
        return bundle_of_16;
    if (f->flat)
        return f->minimum == 0 ? bundle_flat : bundle_flat_with_minima_of_16;
    return f->minimum == 0 ? bundle_of_32 : bundle_with_minima_of_32;
}

static void multiply_in_tiles(const struct panel_format *f, const struct pair *pair,
                              const struct token *given, size_t n, const struct place *place,
                              struct ahead_rows *ahead)
{
    if (n <= FEW) {
        avx512_multiply_pair(f, pair, given, n, place, ahead);
        return;
    }
    const struct bundle bundle = {given[0].values, (size_t)(given[1].values - given[0].values), n};
    bundle_fn *function = bundle_function_for(f);
    struct token tokens[MOST_TOKENS];
    float nowhere[PANEL_ROWS] = {0};
    for (size_t t = 0; t < MOST_TOKENS; t++) {
        tokens[t] = given[min_size(t, n - 1)];
        if (t >= n)
            tokens[t].out = nowhere;
    }
    for (size_t i = 0; i < PAIR && pair->rows[i] != 0; i++) {
        const struct pair one = {{pair->panels[i]}, {pair->rows[i]}};
        function(&(struct sides){&one, tokens, ahead, NULL}, &bundle, place);
        for (size_t t = 0; t < n; t++)
            tokens[t].out += PANEL_ROWS;
    }
}

/* All that tiles have rows for. */
static size_t bundle_of(size_t n_left)
{
    return min_size(n_left, MOST_TOKENS);
}

/* Tiles belong to a thread: each call shapes them for itself and gives them back. */
INLINE void multiply_panels_in_tiles(const struct panel_format *f, const struct product *p)
{
    const struct tile_shapes shapes = tile_shapes_for(f->group, (uint8_t)(p->n_tokens % MOST_TOKENS));
    TILE_CONFIGURE(&shapes);
    avx512_walk_panels(f, p, &(struct multiply){multiply_in_tiles, bundle_of});
    TILE_RELEASE();
}

/* ---- a proof that the machine does what the model does ---- */

#define PROBE_COLUMNS BLOCK_SUPER
#define PROBE_TOKENS  (MOST_TOKENS + FEW + 1) /* a whole bundle and another */

/* One format: its product in tiles, and what it must be. */
struct tile_probe {
    product_fn *in_tiles, *in_vectors;
    size_t block_values, block_bytes, scale_at; /* of a binary16 scale in the block */
};

/* Bytes that go through every value, signed and not, in blocks of scale 1. */
static void fill_probe(const struct tile_probe *probe, uint8_t *weights, size_t n_bytes, uint8_t *activations,
                       size_t activation_bytes)
{
    uint32_t next = 1;
    for (size_t i = 0; i < n_bytes; i++)
        weights[i] = (uint8_t)((next = next * 1664525 + 1013904223) >> 24);
    for (size_t at = 0; at < n_bytes; at += probe->block_bytes)
        store_u16(weights + at + probe->scale_at, 0x3C00);
    for (size_t token = 0; token < PROBE_TOKENS; token++) {
        float x[PROBE_COLUMNS];
        for (size_t i = 0; i < PROBE_COLUMNS; i++)
            x[i] = (float)((int32_t)(next = next * 1664525 + 1013904223) >> 24);
        activation_encode(x, activations + token * activation_bytes, PROBE_COLUMNS);
    }
}

/* Whether a product in tiles has the bits of VPDPBUSD: of whole and last tokens, and every byte. */
static bool probe_is_right(const struct tile_probe *probe)
{
    uint8_t weights[PANEL_ROWS * 2 * PROBE_COLUMNS];
    _Alignas(64) uint8_t activations[PROBE_TOKENS * 4 * PROBE_COLUMNS];
    float tiles[PROBE_TOKENS * PANEL_ROWS] = {0}, vectors[PROBE_TOKENS * PANEL_ROWS] = {0};
    size_t activation_bytes = activation_row_bytes(PROBE_COLUMNS);
    size_t row_bytes = PROBE_COLUMNS / probe->block_values * probe->block_bytes;
    if (activation_bytes > 4 * PROBE_COLUMNS || row_bytes > 2 * PROBE_COLUMNS)
        return false;
    fill_probe(probe, weights, PANEL_ROWS * row_bytes, activations, activation_bytes);
    struct product p = {.rows = weights,
                        .row_bytes = row_bytes,
                        .n_rows = PANEL_ROWS,
                        .n_columns = PROBE_COLUMNS,
                        .activations = activations,
                        .activation_bytes = activation_bytes,
                        .n_tokens = PROBE_TOKENS,
                        .out = vectors,
                        .out_stride = PANEL_ROWS};
    probe->in_vectors(&p);
    p.out = tiles;
    probe->in_tiles(&p);
    return memcmp((const uint8_t *)tiles, (const uint8_t *)vectors, sizeof tiles) == 0; /* bits, not values */
}

/* All shapes: Q8_0 has groups of 32 columns, and Q6_K of 16. */
static bool tiles_are_right(product_fn *q8_0, product_fn *q6_k)
{
    const struct tile_probe probes[] = {
        {q8_0, avx512_panel_product_q8_0, BLOCK_SMALL, sizeof(struct block_q8_0),
         offsetof(struct block_q8_0, scale)},
        {q6_k, avx512_panel_product_q6_k, BLOCK_SUPER, sizeof(struct block_q6_k),
         offsetof(struct block_q6_k, scale)},
    };
    return probe_is_right(&probes[0]) && probe_is_right(&probes[1]);
}

/* Every format with the panels that the levels below fill: X(name in functions, level). */
/* clang-format off */
#define EACH_PANEL_FORMAT(X)                                                                             \
    X(q8_0, avx512) X(q4_0, avx512) X(q4_1, avx512) X(q5_0, avx512) X(q5_1, avx512)                       \
    X(q2_k, avx512) X(q3_k, avx512) X(q4_k, avx512) X(q5_k, avx512) X(q6_k, avx512)                       \
    X(iq1_s, avx512) X(iq1_m, avx512) X(iq2_xxs, vbmi) X(iq2_xs, vbmi) X(iq2_s, avx512)                   \
    X(iq3_xxs, vbmi) X(iq3_s, vbmi) X(iq4_nl, avx512) X(iq4_xs, avx512)
/* clang-format on */

#endif
