/* SPDX-License-Identifier: Apache-2.0 */
/* panel_walk.c - goes over rows, columns and tokens: fills panels and hands them to what multiplies them. */
#include "kernel/avx2/panel.h"

#define PANELS 4 /* beside each other: what is made ready of a token serves all */

/* So few tokens are all made ready at once, for some columns of all rows, and pass a panel before the next is
 * filled in its place; panels then have half as many columns, so that they stay in a first-level cache of 32
 * KB. On Zen 3 at 20 to 32 tokens 5 to 10% faster than the other way (bench/kernel --panel --rows 256
 * --columns 7168 --mib 30); of 64 rows alone the other way is 3 to 6% faster from 48 on. */
#define FEW_TOKENS 40

/* What a walk is over. */
struct walk {
    const struct panel_format *format;
    const struct panel_level *level;
    const struct product *product;
    multiply_fn *const *functions;
    struct piece piece;
    struct place most; /* its rows and columns are those of a place */
    size_t n_passes;   /* of tokens, by a panel */
};

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

/* As many in each pass, about: sums of few tokens would wait for themselves. */
static size_t tokens_of_pass(const struct panel_level *level, size_t n_left)
{
    size_t n_passes = (n_left + level->n_tokens - 1) / level->n_tokens;
    return (n_left + n_passes - 1) / n_passes;
}

/* The product's n tokens from `first` on, at the place's columns. */
static void load_tokens(const struct walk *walk, const struct place *place, size_t first, size_t n,
                        struct token *to)
{
    const struct product *p = walk->product;
    for (size_t t = 0; t < n; t++) {
        uint8_t *row = (uint8_t *)p->activations + (first + t) * p->activation_bytes;
        struct activation x = activation_view(row, p->n_columns);
        load_token(&walk->format->family, walk->level, place, &x, &to[t]);
        to[t].out = p->out + (first + t) * p->out_stride + place->row;
    }
}

/* ---- filling ---- */

/* Past the last row is the last again: computed, and not written. */
static void fill_panel(const struct walk *walk, const struct place *place, struct panel *panel)
{
    const struct panel_format *format = walk->format;
    const struct product *p = walk->product;
    const uint8_t *first = (const uint8_t *)p->rows + bytes_before(walk->piece, place->column);
    for (size_t row = 0; row < PANEL_ROWS; row += LANES) {
        const uint8_t *rows[LANES];
        for (size_t r = 0; r < LANES; r++)
            rows[r] = first + min_size(place->row + row + r, p->n_rows - 1) * p->row_bytes;
        walk->level->fill(format, rows, place->n_columns / BLOCK_SMALL, panel, row);
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

/* The panel whose rows begin at `next`, while all passes go by another. */
static struct ahead_panel panel_ahead(const struct walk *walk, const struct place *place, const uint8_t *next)
{
    if (next == NULL)
        return (struct ahead_panel){0};
    size_t a_step = (PANEL_ROWS + walk->n_passes - 1) / walk->n_passes;
    const struct ahead_rows rows = {.at = (const char *)next,
                                    .row_bytes = walk->product->row_bytes,
                                    .n_bytes = bytes_before(walk->piece, place->n_columns),
                                    .a_step = a_step};
    return (struct ahead_panel){rows, (PANEL_ROWS + a_step - 1) / a_step};
}

static void ask_for_panel(struct ahead_panel *ahead)
{
    if (ahead->n_steps == 0)
        return;
    ahead->n_steps--;
    ask_for_rows(&ahead->rows);
}

/* out += the panel times n tokens, and where column is 0, out = that; memory is asked for some of the rows
 * ahead. The tokens' outputs then are the next panel's. */
static void multiply_panel(const struct walk *walk, const struct place *place, const struct panel *panel,
                           struct token *tokens, size_t n, struct ahead_panel *ahead)
{
    multiply_fn *function = walk->functions[n - 1];
    size_t n_rows = walk->product->n_rows - place->row;
    ask_for_panel(ahead);
    if (n_rows < PANEL_ROWS)
        multiply_edge(function, panel, tokens, n, place, n_rows);
    else
        function(panel, tokens, place);
    for (size_t t = 0; t < n; t++)
        tokens[t].out += PANEL_ROWS;
}

/* ---- the walk ---- */

/* The rows of the panel after that at `place`: the next ones, else the first ones' next columns, else what
 * the caller reads then; NULL: not known. */
static const uint8_t *next_panel(const struct walk *walk, const struct place *place)
{
    const struct product *p = walk->product;
    const uint8_t *rows = p->rows;
    size_t row = place->row + PANEL_ROWS, column = place->column + walk->most.n_columns;
    if (row < p->n_rows)
        return rows + row * p->row_bytes + bytes_before(walk->piece, place->column);
    return column < p->n_columns ? rows + bytes_before(walk->piece, column) : p->next;
}

/* All tokens, few, times the place's columns of all rows. */
static void multiply_few(const struct walk *walk, struct place place)
{
    const size_t n_rows = walk->product->n_rows, n_tokens = walk->product->n_tokens;
    struct panel panel;
    struct token tokens[FEW_TOKENS];
    load_tokens(walk, &place, 0, n_tokens, tokens);
    for (; place.row < n_rows; place.row += PANEL_ROWS) {
        struct ahead_panel ahead = panel_ahead(walk, &place, next_panel(walk, &place));
        fill_panel(walk, &place, &panel);
        for (size_t t = 0, n; t < n_tokens; t += n) {
            n = tokens_of_pass(walk->level, n_tokens - t);
            multiply_panel(walk, &place, &panel, &tokens[t], n, &ahead);
        }
    }
}

/* All tokens times the place's columns of the rows from its first on, PANELS panels of them. A panel is
 * filled just before the first tokens pass. */
static void multiply_many(const struct walk *walk, const struct place *whole)
{
    const struct product *p = walk->product;
    const uint8_t *next = next_place(p, whole, &walk->most, walk->piece);
    struct panel panels[PANELS];
    struct ahead_panel ahead[PANELS];
    struct token tokens[MOST_TOKENS];
    for (size_t i = 0; i < PANELS; i++)
        ahead[i] = panel_ahead(walk, whole, next == NULL ? NULL : next + i * PANEL_ROWS * p->row_bytes);
    for (size_t first = 0, n; first < p->n_tokens; first += n) {
        struct place place = *whole;
        n = tokens_of_pass(walk->level, p->n_tokens - first);
        load_tokens(walk, &place, first, n, tokens);
        for (size_t i = 0; i < PANELS && place.row < p->n_rows; i++, place.row += PANEL_ROWS) {
            if (first == 0)
                fill_panel(walk, &place, &panels[i]);
            multiply_panel(walk, &place, &panels[i], tokens, n, &ahead[i]);
        }
    }
}

/* The columns of a place from `column` on, of the rows from `row` on. */
static struct place place_at(const struct walk *walk, size_t row, size_t column)
{
    return (struct place){row, column, min_size(walk->most.n_columns, walk->product->n_columns - column)};
}

void avx2_walk_panels(const struct panel_format *format, const struct panel_level *level,
                      const struct product *p)
{
    const struct family *f = &format->family;
    const bool few = p->n_tokens <= FEW_TOKENS;
    const size_t n_parts = (few ? 2 : 1) * (level->widens && f->has_signs ? 2 : 1);
    const struct walk walk = {
        .format = format,
        .level = level,
        .product = p,
        .functions = level->functions_for(f),
        .piece = {f->small ? BLOCK_SMALL : BLOCK_SUPER, f->span_bytes},
        .most = {.row = PANELS * PANEL_ROWS, .n_columns = PANEL_BLOCKS * BLOCK_SMALL / n_parts},
        .n_passes = (p->n_tokens + level->n_tokens - 1) / level->n_tokens};
    for (size_t column = 0; few && column < p->n_columns; column += walk.most.n_columns)
        multiply_few(&walk, place_at(&walk, 0, column));
    for (size_t row = 0; !few && row < p->n_rows; row += walk.most.row)
        for (size_t column = 0; column < p->n_columns; column += walk.most.n_columns) {
            const struct place place = place_at(&walk, row, column);
            multiply_many(&walk, &place);
        }
}
