/* SPDX-License-Identifier: Apache-2.0 */
/* amx_wide.h - products with many tokens in the tiles of AMX: panels widened to bfloat16.
 *
 * Tiles of bytes would have to be stored every 32 columns, where scales change, and to store one takes a core
 * 14 cycles in which it does nothing else, where a product takes 16 (Intel Xeon of 2023): at best 1.35 times
 * the speed of VPDPBUSD, and with 16 tokens as good as none. So scales go into the operands, and sums stay in
 * tiles, in float. Weights and activations are rounded to 8 bits, by 2^-8 of themselves at most, which adds a
 * fifth to the error that activations have in int8 (NMSE 5.5e-6 beside 2.9e-5).
 *
 * Columns are added up in their order, 32 at a time, whatever rows and tokens stand beside them.
 *
 * Whoever includes this may define the instructions of amx_tile.h otherwise before. */
#ifndef FATHOM_KERNEL_AVX512_AMX_WIDE_H
#define FATHOM_KERNEL_AVX512_AMX_WIDE_H

#include <math.h>

#include "kernel/avx512/avx512.h"
#include "kernel/avx512/panel_multiply.h"
#include "kernel/avx512/tile_shapes.h"
#ifndef TILE_CONFIGURE
#include "kernel/avx512/amx_tile.h"
#endif

#define WIDE_PANELS   (WIDE_ROWS / PANEL_ROWS) /* 256 KB stay in the second-level cache while tokens pass */
#define TILE_TOKENS   16                       /* of a tile */
#define TILE_COLUMNS  32                       /* of a tile, in pairs: column i beside 16 + i */
#define BUNDLE_TOKENS (2 * TILE_TOKENS)
#define TOKENS_AHEAD  8 /* whose values are asked for: 1.15 times as fast beside 2048 tokens */

_Static_assert(COLUMNS % TILE_COLUMNS == 0, "a panel is whole tiles");

/* ---- numbers in bfloat16 ---- */

/* Bits of floats, rounded to the upper 16, the larger where both are as near. */
INLINE __m512i rounded(__m512 x)
{
    return _mm512_add_epi32(_mm512_castps_si512(x), _mm512_set1_epi32(0x8000));
}

/* What is no number becomes one whose bits do not overflow when they are rounded. */
INLINE __m512 plain_nan(__m512 x)
{
    return _mm512_mask_mov_ps(x, _mm512_cmp_ps_mask(x, x, _CMP_UNORD_Q), _mm512_set1_ps(NAN));
}

/* The upper halves of both, `low`'s below `high`'s. */
INLINE __m512i pair_of_halves(__m512i low, __m512i high)
{
    const __m512i upper = _mm512_set1_epi32((int)0xFFFF0000);
    return _mm512_ternarylogic_epi64(upper, high, _mm512_srli_epi32(low, 16), 0xEA);
}

/* A panel's columns as the second operand of a product of tiles. */
struct wide_panel {
    _Alignas(64) uint32_t pairs[COLUMNS / 2][PANEL_ROWS]; /* [pair of columns][row] */
};

/* Tokens as the first. */
struct wide_tokens {
    _Alignas(64) uint32_t pairs[BUNDLE_TOKENS][COLUMNS / 2]; /* [token][pair of columns] */
};

/* Scales and what is added, of sixteen columns of a panel. */
struct sixteen {
    __m512 scales, base;
};

INLINE struct sixteen sixteen_of(const struct panel_format *f, const struct panel *panel, size_t at)
{
    size_t group = f->flat ? at * 16 / SPAN * (SPAN / ACTIVATION_BLOCK) : at * 16 / f->group;
    const __m512 scales = plain_nan(_mm512_load_ps(panel->scales[group]));
    if (f->minimum > 0)
        return (struct sixteen){scales, plain_nan(_mm512_load_ps(panel->minima[at * 16 / f->minimum]))};
    return (struct sixteen){scales, _mm512_mul_ps(scales, _mm512_set1_ps(-(float)f->offset))};
}

/* Column i of four of each row: code times scale, and what is added. */
INLINE __m512i widen_column(__m512i codes, unsigned i, const struct sixteen *s)
{
    __m512i code = _mm512_srli_epi32(codes, 8 * i);
    code = i < 3 ? _mm512_and_si512(code, _mm512_set1_epi32(255)) : code;
    return rounded(_mm512_fmadd_ps(_mm512_cvtepi32_ps(code), s->scales, s->base));
}

static void widen_panel(const struct panel_format *f, const struct panel *from, size_t n_columns,
                        struct wide_panel *to)
{
    for (size_t at = 0; at < n_columns / 16; at += 2) {
        const struct sixteen first = sixteen_of(f, from, at), second = sixteen_of(f, from, at + 1);
        UNROLL
        for (size_t i = 0; i < 4; i++) {
            __m512i low = _mm512_load_si512(from->codes[4 * at + i]);
            __m512i high = _mm512_load_si512(from->codes[4 * at + 4 + i]);
            UNROLL
            for (unsigned j = 0; j < 4; j++)
                _mm512_store_si512(
                    to->pairs[8 * at + 4 * i + j],
                    pair_of_halves(widen_column(low, j, &first), widen_column(high, j, &second)));
        }
    }
}

/* Sixteen values of a token. */
INLINE __m512i widen_values(const int8_t *values, __m512 scale)
{
    __m512i integers = _mm512_cvtepi8_epi32(_mm_loadu_si128((const __m128i *)(const void *)values));
    return rounded(_mm512_mul_ps(_mm512_cvtepi32_ps(integers), scale));
}

/* Tokens of a product from `first` on, the place's columns. Those past the last are zeros. */
static void widen_tokens(const struct product *p, const struct place *place, size_t first,
                         struct wide_tokens *to)
{
    size_t n = min_size(BUNDLE_TOKENS, p->n_tokens - first);
    for (size_t t = 0; t < n; t++) {
        const uint8_t *ahead =
            (const uint8_t *)p->activations + (first + t + TOKENS_AHEAD) * p->activation_bytes;
        for (size_t i = 0; i < place->n_columns; i += 64)
            __builtin_prefetch(ahead + place->column + i, 0, 3);
        const struct activation view =
            activation_view((uint8_t *)p->activations + (first + t) * p->activation_bytes, p->n_columns);
        for (size_t column = 0; column < place->n_columns; column += TILE_COLUMNS) {
            const int8_t *values = view.values + place->column + column;
            const __m512 scale =
                plain_nan(_mm512_set1_ps(view.scales[(place->column + column) / ACTIVATION_BLOCK]));
            _mm512_store_si512(to->pairs[t] + column / 2,
                               pair_of_halves(widen_values(values, scale), widen_values(values + 16, scale)));
        }
    }
    if (n < BUNDLE_TOKENS)
        memset(to->pairs[n], 0, (BUNDLE_TOKENS - n) * sizeof to->pairs[0]);
}

/* ---- tiles ---- */

/* Numbers of tiles. Sums: of the first tokens and the second, of the first panel and the second. */
#define TOKENS_0 0
#define TOKENS_1 1
#define PANEL_0  2
#define PANEL_1  3
#define SUMS_00  4
#define SUMS_01  5
#define SUMS_10  6
#define SUMS_11  7

/* All eight are as large as tiles are. */
INLINE struct tile_shapes whole_tiles(void)
{
    struct tile_shapes shapes = {.palette = 1};
    for (int i = 0; i < 8; i++) {
        shapes.row_bytes[i] = 64;
        shapes.n_rows[i] = 16;
    }
    return shapes;
}

/* Where a tile's sums are: among the outputs, or beside them where not all of them are outputs. */
struct sums {
    float *at;
    size_t stride; /* floats from token to token */
};

#define LOAD_SUMS(tile, sums)  TILE_LOAD(tile, (sums).at, (sums).stride * sizeof(float))
#define STORE_SUMS(tile, sums) TILE_STORE(tile, (sums).at, (sums).stride * sizeof(float))

/* A bundle's tokens times a pair of panels. */
INLINE void multiply_in_tiles(const struct wide_tokens *tokens, const struct wide_panel panels[PAIR],
                              size_t n_columns, const struct sums sums[2][PAIR])
{
    LOAD_SUMS(SUMS_00, sums[0][0]);
    LOAD_SUMS(SUMS_01, sums[0][1]);
    LOAD_SUMS(SUMS_10, sums[1][0]);
    LOAD_SUMS(SUMS_11, sums[1][1]);
    for (size_t column = 0; column < n_columns; column += TILE_COLUMNS) {
        TILE_LOAD(TOKENS_0, &tokens->pairs[0][column / 2], sizeof tokens->pairs[0]);
        TILE_LOAD_ONCE(PANEL_0, panels[0].pairs[column / 2], sizeof panels[0].pairs[0]);
        TILE_MULTIPLY_BF16(SUMS_00, TOKENS_0, PANEL_0);
        TILE_LOAD_ONCE(PANEL_1, panels[1].pairs[column / 2], sizeof panels[1].pairs[0]);
        TILE_MULTIPLY_BF16(SUMS_01, TOKENS_0, PANEL_1);
        TILE_LOAD(TOKENS_1, &tokens->pairs[TILE_TOKENS][column / 2], sizeof tokens->pairs[0]);
        TILE_MULTIPLY_BF16(SUMS_10, TOKENS_1, PANEL_0);
        TILE_MULTIPLY_BF16(SUMS_11, TOKENS_1, PANEL_1);
    }
    STORE_SUMS(SUMS_00, sums[0][0]);
    STORE_SUMS(SUMS_01, sums[0][1]);
    STORE_SUMS(SUMS_10, sums[1][0]);
    STORE_SUMS(SUMS_11, sums[1][1]);
}

/* ---- outputs ---- */

/* Sixteen tokens and sixteen rows of a product, or what there is of them. */
struct corner {
    float *out;
    size_t stride, n_tokens;
    __mmask16 rows;
};

INLINE struct corner corner_of(const struct product *p, size_t token, size_t row)
{
    size_t n_tokens = token < p->n_tokens ? min_size(TILE_TOKENS, p->n_tokens - token) : 0;
    return (struct corner){p->out + token * p->out_stride + row, p->out_stride, n_tokens,
                           row < p->n_rows ? lanes_below(p->n_rows - row, 0) : 0};
}

/* Sums begin with zero in the first columns. Those that are not all outputs are computed beside them. */
INLINE struct sums begin_sums(const struct corner *c, bool first, float beside[TILE_TOKENS][PANEL_ROWS])
{
    bool whole = c->n_tokens == TILE_TOKENS && c->rows == 0xFFFF;
    struct sums sums = whole ? (struct sums){c->out, c->stride} : (struct sums){beside[0], PANEL_ROWS};
    for (size_t t = 0; t < TILE_TOKENS && (first || !whole); t++) {
        __mmask16 rows = first || t >= c->n_tokens ? 0 : c->rows;
        _mm512_storeu_ps(sums.at + t * sums.stride, _mm512_maskz_loadu_ps(rows, c->out + t * c->stride));
    }
    return sums;
}

INLINE void end_sums(const struct corner *c, const struct sums *sums)
{
    for (size_t t = 0; t < c->n_tokens && sums->at != c->out; t++)
        _mm512_mask_storeu_ps(c->out + t * c->stride, c->rows, _mm512_loadu_ps(sums->at + t * sums->stride));
}

/* ---- the walk ---- */

/* What is made ready of rows and tokens. */
struct wide_workbench {
    struct panel panel; /* on its way */
    struct wide_panel panels[WIDE_PANELS];
    struct wide_tokens tokens;
    _Alignas(64) float beside[2][PAIR][TILE_TOKENS][PANEL_ROWS];
};

static void multiply_pair_in_tiles(const struct product *p, const struct place *place, size_t token,
                                   const struct wide_panel panels[PAIR], struct wide_workbench *w)
{
    struct corner corners[2][PAIR];
    struct sums sums[2][PAIR];
    for (size_t t = 0; t < 2; t++)
        for (size_t i = 0; i < PAIR; i++) {
            corners[t][i] = corner_of(p, token + t * TILE_TOKENS, place->row + i * PANEL_ROWS);
            sums[t][i] = begin_sums(&corners[t][i], place->column == 0, w->beside[t][i]);
        }
    multiply_in_tiles(&w->tokens, panels, place->n_columns, sums);
    for (size_t t = 0; t < 2; t++)
        for (size_t i = 0; i < PAIR; i++)
            end_sums(&corners[t][i], &sums[t][i]);
}

/* The rows from place->row on, in panels, and memory is asked for what comes then. Beside the last of an odd
 * number stands what was there before, and nothing of it is kept. */
static void widen_rows(const struct panel_format *f, const struct product *p, struct place place,
                       size_t n_panels, struct wide_workbench *w)
{
    const struct piece piece = {SPAN, f->span_bytes};
    const struct place most = {.row = WIDE_ROWS, .n_columns = COLUMNS};
    const uint8_t *after = next_place(p, &place, &most, piece);
    const uint8_t *next =
        (const uint8_t *)p->rows + place.row * p->row_bytes + bytes_before(piece, place.column);
    for (size_t i = 0; i < n_panels; i++, place.row += PANEL_ROWS) {
        next = i + 1 < n_panels ? next + PANEL_ROWS * p->row_bytes : after;
        if (next != NULL)
            ask_for_rows(&(struct ahead_rows){(const char *)next, p->row_bytes,
                                              (place.n_columns + SPAN - 1) / SPAN * f->span_bytes,
                                              PANEL_ROWS});
        avx512_fill_panel(f, p, &place, &w->panel);
        widen_panel(f, &w->panel, place.n_columns, &w->panels[i]);
    }
}

/* All tokens times up to WIDE_ROWS rows from place->row on. */
static void multiply_wide_place(const struct panel_format *f, const struct product *p,
                                const struct place *whole, struct wide_workbench *w)
{
    struct place place = *whole;
    size_t n_panels = (min_size(WIDE_ROWS, p->n_rows - place.row) + PANEL_ROWS - 1) / PANEL_ROWS;
    widen_rows(f, p, place, n_panels, w);
    for (size_t token = 0; token < p->n_tokens; token += BUNDLE_TOKENS) {
        place.row = whole->row;
        widen_tokens(p, &place, token, &w->tokens);
        for (size_t i = 0; i < n_panels; i += PAIR, place.row += PAIR * PANEL_ROWS)
            multiply_pair_in_tiles(p, &place, token, w->panels + i, w);
    }
}

/* The product of the table, any number of tokens. Tiles belong to a thread: each call shapes them for itself
 * and gives them back. */
static void multiply_wide(const struct panel_format *f, const struct product *p)
{
    struct wide_workbench w;
    const struct tile_shapes shapes = whole_tiles();
    TILE_CONFIGURE(&shapes);
    for (size_t row = 0; row < p->n_rows; row += WIDE_ROWS) {
        for (size_t column = 0; column < p->n_columns; column += COLUMNS) {
            const struct place place = {row, column, min_size(COLUMNS, p->n_columns - column)};
            multiply_wide_place(f, p, &place, &w);
        }
    }
    TILE_RELEASE();
}

/* ---- a proof that the machine does what the model does ---- */

#define PROBE_ROWS    (2 * PANEL_ROWS + 1)
#define PROBE_COLUMNS (COLUMNS + BLOCK_SUPER)
#define PROBE_TOKENS  (BUNDLE_TOKENS + 1)

/* Rows of Q8_0 whose scale is 1, and tokens of whole numbers: sums are whole, and exact in any order. */
static void fill_probe(struct block_q8_0 rows[PROBE_ROWS][PROBE_COLUMNS / BLOCK_SMALL], uint8_t *activations,
                       size_t activation_bytes)
{
    uint32_t next = 1;
    for (size_t row = 0; row < PROBE_ROWS; row++)
        for (size_t i = 0; i < PROBE_COLUMNS; i++) {
            struct block_q8_0 *block = &rows[row][i / BLOCK_SMALL];
            store_u16(block->scale, 0x3C00);
            block->codes[i % BLOCK_SMALL] = (uint8_t)((next = next * 1664525 + 1013904223) >> 24);
        }
    for (size_t token = 0; token < PROBE_TOKENS; token++) {
        float x[PROBE_COLUMNS];
        for (size_t i = 0; i < PROBE_COLUMNS; i++)
            x[i] = i % ACTIVATION_BLOCK == 0 ? 127.0f
                                             : (float)((int32_t)(next = next * 1664525 + 1013904223) >> 26);
        activation_encode(x, activations + token * activation_bytes, PROBE_COLUMNS);
    }
}

/* Whether a product in tiles is what it must be, of whole bundles and of one token more. */
static bool wide_is_right(product_fn *q8_0)
{
    struct block_q8_0 rows[PROBE_ROWS][PROBE_COLUMNS / BLOCK_SMALL];
    _Alignas(64) uint8_t activations[PROBE_TOKENS * 2 * PROBE_COLUMNS];
    float out[PROBE_TOKENS][PROBE_ROWS];
    size_t activation_bytes = activation_row_bytes(PROBE_COLUMNS);
    if (activation_bytes > 2 * PROBE_COLUMNS)
        return false;
    fill_probe(rows, activations, activation_bytes);
    q8_0(&(struct product){.rows = rows,
                           .row_bytes = sizeof rows[0],
                           .n_rows = PROBE_ROWS,
                           .n_columns = PROBE_COLUMNS,
                           .activations = activations,
                           .activation_bytes = activation_bytes,
                           .n_tokens = PROBE_TOKENS,
                           .out = out[0],
                           .out_stride = PROBE_ROWS});
    for (size_t token = 0; token < PROBE_TOKENS; token++) {
        const struct activation x = activation_view(activations + token * activation_bytes, PROBE_COLUMNS);
        for (size_t row = 0; row < PROBE_ROWS; row++) {
            int32_t sum = 0;
            for (size_t i = 0; i < PROBE_COLUMNS; i++)
                sum += (int8_t)rows[row][i / BLOCK_SMALL].codes[i % BLOCK_SMALL] * x.values[i];
            if (out[token][row] != (float)sum)
                return false;
        }
    }
    return true;
}

/* Every format with the panels that the levels below fill: X(name in functions, level). */
/* clang-format off */
#define EACH_WIDE_FORMAT(X)                                                                              \
    X(q8_0, avx512) X(q4_0, avx512) X(q4_1, avx512) X(q5_0, avx512) X(q5_1, avx512)                       \
    X(q2_k, avx512) X(q3_k, avx512) X(q4_k, avx512) X(q5_k, avx512) X(q6_k, avx512)                       \
    X(iq1_s, avx512) X(iq1_m, avx512) X(iq2_xxs, vbmi) X(iq2_xs, vbmi) X(iq2_s, avx512)                   \
    X(iq3_xxs, vbmi) X(iq3_s, vbmi) X(iq4_nl, avx512) X(iq4_xs, avx512)
/* clang-format on */

#endif
