/* SPDX-License-Identifier: Apache-2.0 */
/* panel_walk.c - goes over rows, columns and tokens: fills panels and hands them to what multiplies them. */
#include "kernel/avx2/panel.h"

#define PANELS 4 /* beside each other: what is made ready of a token serves all */

/* ---- tokens ---- */

/* Scale times sum of values: of eight blocks of 32, of which `lanes` are there. */
INLINE void put_sums_of_32(const int16_t *sums, const float *scales, __m256i lanes, float *to)
{
    __m256i halves = _mm256_maskload_epi32((const int *)(const void *)sums, lanes);
    __m256 whole = _mm256_cvtepi32_ps(_mm256_madd_epi16(halves, _mm256_set1_epi16(1)));
    _mm256_storeu_ps(to, _mm256_mul_ps(whole, _mm256_maskload_ps(scales, lanes)));
}

/* The same of eight groups of 16. */
INLINE void put_sums_of_16(const int16_t *sums, const float *scales, float *to)
{
    const __m256i pairs = _mm256_setr_epi32(0, 0, 1, 1, 2, 2, 3, 3);
    __m256 of_16 = _mm256_cvtepi32_ps(_mm256_cvtepi16_epi32(load_16((const uint8_t *)sums)));
    __m256 twice = _mm256_permutevar8x32_ps(_mm256_castps128_ps256(_mm_loadu_ps(scales)), pairs);
    _mm256_storeu_ps(to, _mm256_mul_ps(of_16, twice));
}

static void load_token(const struct family *f, const struct panel_level *level, const struct place *place,
                       const struct activation *x, struct token *to)
{
    const int16_t *sums = x->sums + place->column / ACTIVATION_SUM_BLOCK;
    size_t n_blocks = place->n_columns / BLOCK_SMALL;
    to->values = x->values + place->column;
    to->scales = x->scales + place->column / ACTIVATION_BLOCK;
    level->prepare(f, sums, n_blocks, to);
    for (size_t block = 0; f->minimum == 32 && block < n_blocks; block += 8)
        put_sums_of_32(sums + 2 * block, to->scales + block, lanes_below(n_blocks, block), to->sums + block);
    for (size_t block = 0; f->minimum == 16 && block < n_blocks; block += 4)
        put_sums_of_16(sums + 2 * block, to->scales + block, to->sums + 2 * block);
}

/* ---- multiplying ---- */

/* Fewer rows than a panel has: the others' sums go nowhere. */
static void multiply_edge(multiply_fn *function, const struct panel *panel, struct token *tokens, size_t n,
                          const struct place *place, size_t n_rows)
{
    float rows[MOST_TOKENS][PANEL_ROWS] = {{0}};
    float *out[MOST_TOKENS];
    for (size_t t = 0; t < n; t++) {
        out[t] = tokens[t].out;
        tokens[t].out = rows[t];
        if (place->column > 0)
            memcpy(rows[t], out[t], n_rows * sizeof(float));
    }
    function(panel, tokens, place);
    for (size_t t = 0; t < n; t++) {
        tokens[t].out = out[t];
        memcpy(out[t], rows[t], n_rows * sizeof(float));
    }
}

/* out += panels times every token's activations; where column is 0, out = that. */
static void multiply_panels(const struct family *f, const struct panel_level *level,
                            const struct panel panels[PANELS], const struct product *p,
                            const struct place *place)
{
    multiply_fn *const *functions = level->functions_for(f);
    struct token tokens[MOST_TOKENS];
    for (size_t first = 0, n = 0; first < p->n_tokens; first += n) {
        /* As many in each turn, about: sums of few tokens would wait for themselves. */
        size_t left = p->n_tokens - first, n_turns = (left + level->n_tokens - 1) / level->n_tokens;
        n = (left + n_turns - 1) / n_turns;
        for (size_t t = 0; t < n; t++) {
            uint8_t *row = (uint8_t *)p->activations + (first + t) * p->activation_bytes;
            struct activation x = activation_view(row, p->n_columns);
            load_token(f, level, place, &x, &tokens[t]);
            tokens[t].out = p->out + (first + t) * p->out_stride + place->row;
        }
        for (size_t i = 0; i < PANELS && place->row + i * PANEL_ROWS < p->n_rows; i++) {
            size_t n_rows = p->n_rows - place->row - i * PANEL_ROWS;
            if (n_rows < PANEL_ROWS)
                multiply_edge(functions[n - 1], &panels[i], tokens, n, place, n_rows);
            else
                functions[n - 1](&panels[i], tokens, place);
            for (size_t t = 0; t < n; t++)
                tokens[t].out += PANEL_ROWS;
        }
    }
}

/* ---- filling ---- */

INLINE struct piece piece_of(const struct family *f)
{
    return (struct piece){f->small ? BLOCK_SMALL : BLOCK_SUPER, f->span_bytes};
}

/* Past the last row is the last again: computed, and not written. `soon`: where the panel begins that will be
 * filled at this place after this one; NULL: not known. */
static void fill_panel(const struct panel_format *format, const struct panel_level *level,
                       const struct product *p, const struct place *place, const uint8_t *soon,
                       struct panel *panel)
{
    const struct piece piece = piece_of(&format->family);
    const uint8_t *first = (const uint8_t *)p->rows;
    size_t at = bytes_before(piece, place->column), n_bytes = bytes_before(piece, place->n_columns);
    for (size_t row = 0; row < PANEL_ROWS; row += LANES) {
        const uint8_t *rows[LANES];
        for (size_t r = 0; r < LANES; r++) {
            rows[r] = first + min_size(place->row + row + r, p->n_rows - 1) * p->row_bytes + at;
            for (size_t byte = 0; soon != NULL && byte < n_bytes; byte += 64)
                _mm_prefetch((const char *)soon + (row + r) * p->row_bytes + byte, _MM_HINT_T1);
        }
        level->fill(format, rows, place->n_columns / BLOCK_SMALL, panel, row);
    }
}

void avx2_walk_panels(const struct panel_format *format, const struct panel_level *level,
                      const struct product *p)
{
    const bool wide = level->widens && format->family.has_signs;
    const struct place most = {.row = PANELS * PANEL_ROWS,
                               .n_columns = PANEL_BLOCKS * BLOCK_SMALL / (wide ? 2 : 1)};
    const struct piece piece = piece_of(&format->family);
    struct panel panels[PANELS];
    for (size_t row = 0; row < p->n_rows; row += most.row) {
        for (size_t column = 0; column < p->n_columns; column += most.n_columns) {
            struct place place = {row, column, min_size(most.n_columns, p->n_columns - column)};
            const uint8_t *soon = next_place(p, &place, &most, piece);
            for (size_t i = 0; i < PANELS && place.row < p->n_rows; i++, place.row += PANEL_ROWS)
                fill_panel(format, level, p, &place,
                           soon != NULL ? soon + i * PANEL_ROWS * p->row_bytes : NULL, &panels[i]);
            place.row = row;
            multiply_panels(&format->family, level, panels, p, &place);
        }
    }
}
