/* SPDX-License-Identifier: Apache-2.0 */
/* panel.c - fills panels and multiplies them by VPDPBUSD, for every format alike. */
#include "kernel/avx512/panel_multiply.h"

#define PANEL_TOKENS \
    8 /* beside a pair of panels: their sums stay in registers, which VPDPBUSD is slow to add to */

/* ---- tokens ---- */

INLINE void store_starts(int32_t *to, __m512i starts)
{
    __m512i bits = _mm512_castps_si512(_mm512_set1_ps(SUM_START));
    _mm512_storeu_si512(to, _mm512_add_epi32(bits, starts));
}

/* `n` groups, at most 16, of `columns` columns from the token's group `first` on. */
INLINE void load_groups(const struct panel_format *f, size_t columns, size_t first, size_t n,
                        struct token *token)
{
    const __m512i pairs = _mm512_set_epi32(7, 7, 6, 6, 5, 5, 4, 4, 3, 3, 2, 2, 1, 1, 0, 0);
    const int16_t *sums_at = token->sums_of_16 + first * columns / ACTIVATION_SUM_BLOCK;
    const float *scales_at = token->scales + first * columns / ACTIVATION_BLOCK;
    __m512i sums;
    __m512 scales;
    if (columns == 16) {
        sums = _mm512_cvtepi16_epi32(_mm256_maskz_loadu_epi16(lanes_below(n, 0), sums_at));
        __m256 eight = _mm256_maskz_loadu_ps((__mmask8)lanes_below(n / 2, 0), scales_at);
        scales = _mm512_permutexvar_ps(pairs, _mm512_castps256_ps512(eight));
    } else {
        __m512i halves = _mm512_maskz_loadu_epi32(lanes_below(n, 0), sums_at);
        sums = _mm512_madd_epi16(halves, _mm512_set1_epi16(1));
        scales = _mm512_maskz_loadu_ps(lanes_below(n, 0), scales_at);
    }
    if (f->minimum == 0)
        store_starts(token->starts + first, _mm512_mullo_epi32(sums, _mm512_set1_epi32(-f->offset)));
    else
        _mm512_storeu_ps(token->sums + first, _mm512_mul_ps(scales, _mm512_cvtepi32_ps(sums)));
}

/* Where the planes of an activation row begin, in bytes. */
struct planes {
    size_t scales, sums;
};

static void load_token(const struct panel_format *f, const struct place *place, const struct planes *planes,
                       const uint8_t *row, struct token *to)
{
    const float *scales = (const float *)(const void *)(row + planes->scales);
    const int16_t *sums = (const int16_t *)(const void *)(row + planes->sums);
    size_t columns = f->minimum > 0 ? f->minimum : f->group, n_groups = place->n_columns / columns;
    to->values = (const int8_t *)row + place->column;
    to->scales = scales + place->column / ACTIVATION_BLOCK;
    to->sums_of_16 = sums + place->column / ACTIVATION_SUM_BLOCK;
    for (size_t first = 0; first < n_groups; first += 16)
        load_groups(f, columns, first, min_size(16, n_groups - first), to);
}

void avx512_load_tokens(const struct panel_format *f, const struct product *p, const struct place *place,
                        size_t first, size_t n, struct token *to)
{
    struct activation view = activation_view((uint8_t *)p->activations, p->n_columns);
    const struct planes planes = {(size_t)((uint8_t *)view.scales - (uint8_t *)p->activations),
                                  (size_t)((uint8_t *)view.sums - (uint8_t *)p->activations)};
    for (size_t t = 0; t < n; t++) {
        load_token(f, place, &planes, (const uint8_t *)p->activations + (first + t) * p->activation_bytes,
                   &to[t]);
        to[t].out = p->out + (first + t) * p->out_stride + place->row;
    }
}

/* ---- multiplying ---- */

/* Fours of columns, one after the other: a panel's vector times four values of a token, broadcast. */
INLINE void add_fours(struct kind k, const struct sides *sides, size_t group, __m512i sums[PAIR][MOST_TOKENS])
{
    size_t n = (size_t)k.group / 4;
    UNROLL
    for (size_t i = 0; i < n; i++) {
        __m512i codes[PAIR];
        UNROLL
        for (size_t j = 0; j < k.n_panels; j++)
            codes[j] = _mm512_load_si512(sides->pair->panels[j]->codes[group * n + i]);
        UNROLL
        for (size_t t = 0; t < k.n_tokens; t++) {
            uint32_t four = load_u32((const uint8_t *)sides->tokens[t].values + 4 * (group * n + i));
            UNROLL
            for (size_t j = 0; j < k.n_panels; j++)
                sums[j][t] = _mm512_dpbusd_epi32(sums[j][t], codes[j], _mm512_set1_epi32((int)four));
        }
    }
}

/* A function for each number of tokens, of one kind of format. */
#define MULTIPLY(name, N, ...)                                                                             \
    static void name##_##N(const struct pair *pair, const struct token *tokens, const struct place *place) \
    {                                                                                                      \
        multiply_tokens((struct kind){.n_panels = PAIR, .n_tokens = N, __VA_ARGS__},                       \
                        &(struct sides){pair, tokens, NULL}, place, add_fours);                            \
    }
#define MULTIPLY_EACH(name, ...)                                                            \
    MULTIPLY(name, 1, __VA_ARGS__)                                                          \
    MULTIPLY(name, 2, __VA_ARGS__)                                                          \
    MULTIPLY(name, 3, __VA_ARGS__)                                                          \
    MULTIPLY(name, 4, __VA_ARGS__)                                                          \
    MULTIPLY(name, 5, __VA_ARGS__)                                                          \
    MULTIPLY(name, 6, __VA_ARGS__)                                                          \
    MULTIPLY(name, 7, __VA_ARGS__)                                                          \
    MULTIPLY(name, 8, __VA_ARGS__)                                                          \
    static multiply_fn *const name[PANEL_TOKENS] = {name##_1, name##_2, name##_3, name##_4, \
                                                    name##_5, name##_6, name##_7, name##_8};

typedef void multiply_fn(const struct pair *pair, const struct token *tokens, const struct place *place);

MULTIPLY_EACH(of_16, .group = 16)
MULTIPLY_EACH(of_32, .group = 32)
MULTIPLY_EACH(of_32_minima_of_16, .group = 32, .minimum = 16)
MULTIPLY_EACH(of_32_minima_of_32, .group = 32, .minimum = 32)

static multiply_fn *const *functions_for(const struct panel_format *f)
{
    if (f->group == 16)
        return of_16;
    return f->minimum == 0 ? of_32 : f->minimum == 16 ? of_32_minima_of_16 : of_32_minima_of_32;
}

void avx512_multiply_panels(const struct panel_format *f, const struct panel panels[PANELS],
                            const struct product *p, const struct place *place, size_t first, size_t n)
{
    multiply_fn *const *functions = functions_for(f);
    struct token tokens[PANEL_TOKENS];
    size_t n_rows = p->n_rows - place->row;
    for (size_t end = first + n; first < end; first += PANEL_TOKENS) {
        n = min_size(PANEL_TOKENS, end - first);
        avx512_load_tokens(f, p, place, first, n, tokens);
        for (size_t i = 0; i < PANELS && i * PANEL_ROWS < n_rows; i += PAIR) {
            const struct pair pair = pair_of(panels + i, n_rows - i * PANEL_ROWS);
            functions[n - 1](&pair, tokens, place);
            for (size_t t = 0; t < n; t++)
                tokens[t].out += PAIR * PANEL_ROWS;
        }
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

/* Asks memory for a span of sixteen rows. */
static void prefetch_span(const struct packed *rows, size_t n_rows, size_t n_bytes)
{
    for (size_t r = 0; r < n_rows; r++)
        for (size_t byte = 0; byte < n_bytes; byte += 64)
            _mm_prefetch((const char *)rows->at + r * rows->stride + byte, _MM_HINT_T1);
}

/* `soon`: where the panel begins that will be filled at this place after this one; NULL: not known. */
static void fill_panel(const struct panel_format *f, const struct product *p, const struct place *place,
                       const uint8_t *soon, struct panel *panel)
{
    size_t n_rows = min_size(PANEL_ROWS, p->n_rows - place->row);
    const uint8_t *first = (const uint8_t *)p->rows + place->row * p->row_bytes;
    for (size_t span = 0; span * SPAN < place->n_columns; span++) {
        size_t n_columns = min_size(SPAN, place->n_columns - span * SPAN);
        const struct packed rows = {first + (place->column / SPAN + span) * f->span_bytes, p->row_bytes};
        if (soon != NULL) {
            prefetch_span(&(struct packed){soon, p->row_bytes}, n_rows, f->span_bytes);
            soon += f->span_bytes;
        }
        if (n_rows < PANEL_ROWS || n_columns < SPAN)
            fill_edge(f, &rows, n_rows, n_columns, panel, span);
        else
            f->fill(&rows, panel, span);
    }
}

void avx512_walk_panels(const struct panel_format *f, const struct product *p,
                        multiply_panels_fn *multiply_all)
{
    const struct place most = {.row = PANELS * PANEL_ROWS, .n_columns = COLUMNS};
    const struct piece piece = {SPAN, f->span_bytes};
    struct panel panels[PANELS];
    for (size_t row = 0; row < p->n_rows; row += most.row) {
        for (size_t column = 0; column < p->n_columns; column += COLUMNS) {
            struct place place = {row, column, min_size(COLUMNS, p->n_columns - column)};
            const uint8_t *soon = next_place(p, &place, &most, piece);
            for (size_t i = 0; i < PANELS && place.row < p->n_rows; i++, place.row += PANEL_ROWS)
                fill_panel(f, p, &place, soon != NULL ? soon + i * PANEL_ROWS * p->row_bytes : NULL,
                           &panels[i]);
            place.row = row;
            for (size_t first = 0; first < p->n_tokens; first += MOST_TOKENS)
                multiply_all(f, panels, p, &place, first, min_size(MOST_TOKENS, p->n_tokens - first));
        }
    }
}

void avx512_panel_product(const struct panel_format *f, const struct product *p)
{
    avx512_walk_panels(f, p, avx512_multiply_panels);
}
