/* SPDX-License-Identifier: Apache-2.0 */
/* panel_walk.c - goes over rows, columns and tokens: fills panels, makes tokens ready, and hands both to what
 * multiplies them. */
#include "kernel/avx512/panel_multiply.h"

#include <assert.h>

/* ---- tokens ---- */

INLINE void store_starts(int32_t *to, __m512i starts)
{
    __m512i bits = _mm512_castps_si512(_mm512_set1_ps(SUM_START));
    _mm512_storeu_si512(to, _mm512_add_epi32(bits, starts));
}

/* An activation row from a panel's first column on. */
struct row {
    const int8_t *values;
    const float *scales;
    const int16_t *sums;
};

/* The row's `n` groups of `columns` columns from group `first` on, at most 16. */
INLINE void load_groups(const struct panel_format *f, size_t columns, const struct row *row, size_t first,
                        size_t n, struct token *to)
{
    const __m512i pairs = _mm512_set_epi32(7, 7, 6, 6, 5, 5, 4, 4, 3, 3, 2, 2, 1, 1, 0, 0);
    const __m512i factor = _mm512_set1_epi16(f->minimum == 0 ? (int16_t)-f->offset : 1);
    const int16_t *sums_at = row->sums + first * columns / ACTIVATION_SUM_BLOCK;
    size_t block = first * columns / ACTIVATION_BLOCK;
    __mmask16 lanes = lanes_below(n, 0);
    __m512i sums;
    __m512 scales;
    if (columns == 16) {
        sums = _mm512_cvtepu16_epi32(_mm256_maskz_loadu_epi16(lanes, sums_at));
        __m256 eight = _mm256_maskz_loadu_ps((__mmask8)lanes_below(n / 2, 0), row->scales + block);
        _mm256_storeu_ps(to->scales + block, eight);
        scales = _mm512_permutexvar_ps(pairs, _mm512_castps256_ps512(eight));
    } else {
        sums = _mm512_maskz_loadu_epi32(lanes, sums_at); /* two halves of a group */
        scales = _mm512_maskz_loadu_ps(lanes, row->scales + block);
        _mm512_storeu_ps(to->scales + block, scales);
    }
    sums = _mm512_madd_epi16(sums, factor);
    if (f->minimum == 0)
        store_starts(to->starts + first, sums);
    else
        _mm512_storeu_ps(to->sums + first, _mm512_mul_ps(scales, _mm512_cvtepi32_ps(sums)));
}

/* As the row's groups are those of scales or of minima. */
INLINE void load_row(const struct panel_format *f, size_t columns, const struct row *row, size_t n_columns,
                     struct token *to)
{
    size_t n_groups = n_columns / columns;
    for (size_t first = 0; first < n_groups; first += 16)
        load_groups(f, columns, row, first, min_size(16, n_groups - first), to);
}

void avx512_load_tokens(const struct panel_format *f, const struct product *p, const struct place *place,
                        size_t first, size_t n, struct token *to)
{
    size_t columns = f->minimum > 0 ? f->minimum : f->group;
    const struct activation view =
        activation_view((uint8_t *)p->activations + first * p->activation_bytes, p->n_columns);
    struct row row = {view.values + place->column, view.scales + place->column / ACTIVATION_BLOCK,
                      view.sums + place->column / ACTIVATION_SUM_BLOCK};
    for (size_t t = 0; t < n; t++) {
        to[t].values = row.values;
        if (place->n_columns < COLUMNS)
            load_row(f, columns, &row, place->n_columns, &to[t]);
        else if (columns == 16)
            load_row(f, 16, &row, COLUMNS, &to[t]);
        else
            load_row(f, 32, &row, COLUMNS, &to[t]);
        to[t].out = p->out + (first + t) * p->out_stride + place->row;
        row.values += p->activation_bytes;
        row.scales += p->activation_bytes / sizeof(float);
        row.sums += p->activation_bytes / sizeof(int16_t);
    }
}

/* ---- filling ---- */

static void fill_edge(const struct panel_format *f, const struct packed *rows, size_t n_rows,
                      size_t n_columns, struct panel *panel, size_t span)
{
    uint8_t blocks[PANEL_ROWS][MOST_SPAN_BYTES];
    const struct packed whole = copy_edge(f, rows, n_rows, n_columns, blocks);
    f->fill(&whole, panel, span);
}

void avx512_fill_panel(const struct panel_format *f, const struct product *p, const struct place *place,
                       struct panel *panel)
{
    size_t n_rows = min_size(PANEL_ROWS, p->n_rows - place->row);
    const uint8_t *first = (const uint8_t *)p->rows + place->row * p->row_bytes;
    for (size_t span = 0; span * SPAN < place->n_columns; span++) {
        size_t n_columns = min_size(SPAN, place->n_columns - span * SPAN);
        const struct packed rows = {first + (place->column / SPAN + span) * f->span_bytes, p->row_bytes};
        if (n_rows < PANEL_ROWS || n_columns < SPAN)
            fill_edge(f, &rows, n_rows, n_columns, panel, span);
        else
            f->fill(&rows, panel, span);
    }
}

static void fill_pair(const struct panel_format *f, const struct product *p, struct place place,
                      struct panel panels[PAIR])
{
    for (size_t i = 0; i < PAIR && place.row < p->n_rows; i++, place.row += PANEL_ROWS)
        avx512_fill_panel(f, p, &place, &panels[i]);
}

/* ---- the walk ---- */

/* Rows that stand in panels at once. Tokens that all pass at once are made ready anew for each pair, and the
 * pair's memory, always the same, stays in the first-level cache. For more, what is made ready serves two. */
static size_t most_rows(size_t n_tokens)
{
    return n_tokens <= MOST_TOKENS ? PAIR * PANEL_ROWS : PAIRS * PAIR * PANEL_ROWS;
}

/* What pair `i` of the place will hold next: the first tokens pass while memory is asked for it. */
static struct ahead_rows rows_ahead(const struct panel_format *f, const struct product *p,
                                    const struct place *place, const uint8_t *next, size_t i)
{
    if (next == NULL)
        return (struct ahead_rows){0};
    size_t n_steps = place->n_columns / ACTIVATION_BLOCK * (p->n_tokens > PASS_TOKENS ? 2 : 1);
    assert(n_steps > 0);
    return (struct ahead_rows){.at = (const char *)next + i * PAIR * PANEL_ROWS * p->row_bytes,
                               .row_bytes = p->row_bytes,
                               .n_bytes = (place->n_columns + SPAN - 1) / SPAN * f->span_bytes,
                               .a_step = (PAIR * PANEL_ROWS + n_steps - 1) / n_steps};
}

/* All tokens times the rows from place->row to `end`. Pairs are filled just before the first tokens need
 * them. */
static void multiply_place(const struct panel_format *f, const struct product *p, const struct place *whole,
                           size_t end, const uint8_t *next, const struct multiply *multiply)
{
    struct panel panels[PAIRS][PAIR];
    struct token tokens[MOST_TOKENS];
    for (size_t first = 0, n; first < p->n_tokens; first += n) {
        n = multiply->tokens_at_once(p->n_tokens - first);
        struct place place = *whole;
        avx512_load_tokens(f, p, &place, first, n, tokens);
        for (size_t i = 0; place.row < end; i++, place.row += PAIR * PANEL_ROWS) {
            struct ahead_rows ahead = {0};
            if (first == 0) {
                fill_pair(f, p, place, panels[i]);
                ahead = rows_ahead(f, p, &place, next, i);
            }
            const struct pair pair = pair_of(panels[i], p->n_rows - place.row);
            multiply->pair(f, &pair, tokens, n, &place, &ahead);
            for (size_t t = 0; t < n; t++)
                tokens[t].out += PAIR * PANEL_ROWS;
        }
    }
}

void avx512_walk_panels(const struct panel_format *f, const struct product *p,
                        const struct multiply *multiply)
{
    const struct place most = {.row = most_rows(p->n_tokens), .n_columns = COLUMNS};
    for (size_t row = 0; row < p->n_rows; row += most.row) {
        for (size_t column = 0; column < p->n_columns; column += COLUMNS) {
            struct place place = {row, column, min_size(COLUMNS, p->n_columns - column)};
            const uint8_t *next = next_place(p, &place, &most, (struct piece){SPAN, f->span_bytes});
            multiply_place(f, p, &place, min_size(row + most.row, p->n_rows), next, multiply);
        }
    }
}
