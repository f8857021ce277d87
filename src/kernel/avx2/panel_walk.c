/* SPDX-License-Identifier: Apache-2.0 */
/* panel_walk.c - goes over rows, columns and tokens: fills panels and hands them to what multiplies them. */
#include "kernel/avx2/panel.h"

#define PANELS 4 /* beside each other: what is made ready of a token serves all */

/* So few tokens pass a panel one after the other before the next is filled in its place, and panels have half
 * as many columns, so that they stay in a first-level cache of 32 KB: with rows in memory a sixth faster at 6
 * tokens and a tenth at 16 (Zen 3, bench/kernel --panel --rows 512 --columns 7168 --mib 100). */
#define MOST_TOGETHER 18

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

/* Tokens that are made ready together, and pass panels some at a time: all where they are few, else those of
 * one pass. */
struct tokens {
    struct token of[MOST_TOGETHER];
    size_t n;
    size_t passes[MOST_TOGETHER]; /* tokens of each */
    size_t n_passes;
};

static_assert(MOST_TOGETHER >= MOST_TOKENS, "those of one pass");

static bool are_few(const struct product *p)
{
    return p->n_tokens <= MOST_TOGETHER;
}

/* As many in each pass, about: sums of few tokens would wait for themselves. */
static size_t tokens_of_pass(const struct panel_level *level, size_t n_left)
{
    size_t n_passes = (n_left + level->n_tokens - 1) / level->n_tokens;
    return (n_left + n_passes - 1) / n_passes;
}

/* The product's tokens from `first` on, at the place's columns. */
static void load_tokens(const struct family *f, const struct panel_level *level, const struct product *p,
                        const struct place *place, size_t first, struct tokens *to)
{
    size_t n_left = p->n_tokens - first;
    to->n = are_few(p) ? n_left : tokens_of_pass(level, n_left);
    to->n_passes = 0;
    for (size_t t = 0; t < to->n; t += to->passes[to->n_passes++])
        to->passes[to->n_passes] = tokens_of_pass(level, to->n - t);
    for (size_t t = 0; t < to->n; t++) {
        uint8_t *row = (uint8_t *)p->activations + (first + t) * p->activation_bytes;
        struct activation x = activation_view(row, p->n_columns);
        load_token(f, level, place, &x, &to->of[t]);
        to->of[t].out = p->out + (first + t) * p->out_stride + place->row;
    }
}

/* ---- filling ---- */

INLINE struct piece piece_of(const struct family *f)
{
    return (struct piece){f->small ? BLOCK_SMALL : BLOCK_SUPER, f->span_bytes};
}

/* Past the last row is the last again: computed, and not written. */
static void fill_panel(const struct panel_format *format, const struct panel_level *level,
                       const struct product *p, const struct place *place, struct panel *panel)
{
    const uint8_t *first = (const uint8_t *)p->rows + bytes_before(piece_of(&format->family), place->column);
    for (size_t row = 0; row < PANEL_ROWS; row += LANES) {
        const uint8_t *rows[LANES];
        for (size_t r = 0; r < LANES; r++)
            rows[r] = first + min_size(place->row + row + r, p->n_rows - 1) * p->row_bytes;
        level->fill(format, rows, place->n_columns / BLOCK_SMALL, panel, row);
    }
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

/* What a panel will hold next, asked for some rows with each pass until all have been. */
struct ahead_panel {
    struct ahead_rows rows;
    size_t n_steps; /* left */
};

static void ask_for_panel(struct ahead_panel *ahead)
{
    if (ahead->n_steps == 0)
        return;
    ahead->n_steps--;
    ask_for_rows(&ahead->rows);
}

/* Panel `i` of those that follow, while n_passes pass the one before. */
static struct ahead_panel panel_ahead(const struct product *p, const struct place *place, struct piece piece,
                                      const uint8_t *next, size_t i, size_t n_passes)
{
    if (next == NULL)
        return (struct ahead_panel){0};
    size_t a_step = (PANEL_ROWS + n_passes - 1) / n_passes;
    const struct ahead_rows rows = {.at = (const char *)next + i * PANEL_ROWS * p->row_bytes,
                                    .row_bytes = p->row_bytes,
                                    .n_bytes = bytes_before(piece, place->n_columns),
                                    .a_step = a_step};
    return (struct ahead_panel){rows, (PANEL_ROWS + a_step - 1) / a_step};
}

/* out += the panel times all tokens, and where column is 0, out = that; with each pass memory is asked for
 * some of the rows ahead. `n_rows`: that are left from the panel's first on. */
static void multiply_panel(multiply_fn *const *functions, const struct panel *panel, struct tokens *tokens,
                           const struct place *place, size_t n_rows, struct ahead_panel *ahead)
{
    struct token *first = tokens->of;
    for (size_t pass = 0; pass < tokens->n_passes; pass++) {
        size_t n = tokens->passes[pass];
        ask_for_panel(ahead);
        if (n_rows < PANEL_ROWS)
            multiply_edge(functions[n - 1], panel, first, n, place, n_rows);
        else
            functions[n - 1](panel, first, place);
        for (size_t t = 0; t < n; t++)
            first[t].out += PANEL_ROWS;
        first += n;
    }
}

/* ---- the walk ---- */

/* All tokens times the rows from place->row on, PANELS panels of them. A panel is filled just before the
 * first tokens pass. */
static void multiply_place(const struct panel_format *format, const struct panel_level *level,
                           const struct product *p, const struct place *whole, const uint8_t *next)
{
    const struct piece piece = piece_of(&format->family);
    multiply_fn *const *functions = level->functions_for(&format->family);
    const size_t n_passes = (p->n_tokens + level->n_tokens - 1) / level->n_tokens;
    struct panel panels[PANELS];
    struct ahead_panel ahead[PANELS];
    struct tokens tokens;
    for (size_t i = 0; i < PANELS; i++)
        ahead[i] = panel_ahead(p, whole, piece, next, i, n_passes);
    for (size_t first = 0; first < p->n_tokens; first += tokens.n) {
        struct place place = *whole;
        load_tokens(&format->family, level, p, &place, first, &tokens);
        for (size_t i = 0; i < PANELS && place.row < p->n_rows; i++, place.row += PANEL_ROWS) {
            struct panel *panel = &panels[are_few(p) ? 0 : i];
            if (first == 0)
                fill_panel(format, level, p, &place, panel);
            multiply_panel(functions, panel, &tokens, &place, p->n_rows - place.row, &ahead[i]);
        }
    }
}

void avx2_walk_panels(const struct panel_format *format, const struct panel_level *level,
                      const struct product *p)
{
    const bool wide = level->widens && format->family.has_signs;
    const size_t n_parts = (are_few(p) ? 2 : 1) * (wide ? 2 : 1);
    const struct place most = {.row = PANELS * PANEL_ROWS, .n_columns = PANEL_BLOCKS * BLOCK_SMALL / n_parts};
    for (size_t row = 0; row < p->n_rows; row += most.row) {
        for (size_t column = 0; column < p->n_columns; column += most.n_columns) {
            struct place place = {row, column, min_size(most.n_columns, p->n_columns - column)};
            const uint8_t *next = next_place(p, &place, &most, piece_of(&format->family));
            multiply_place(format, level, p, &place, next);
        }
    }
}
