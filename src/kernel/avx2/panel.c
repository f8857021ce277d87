/* SPDX-License-Identifier: Apache-2.0 */
/* panel.c - fills panels and multiplies them, for every format alike. */
#include "kernel/avx2/panel.h"
#include "kernel/place.h"

#define PANEL_TOKENS 4 /* that share a panel's loads */
#define PARTS        (PANEL_ROWS / LANES)
#define COLUMNS      (PANEL_BLOCKS * BLOCK_SMALL) /* of a panel */
#define PANELS       2 /* beside each other: what is made ready of a token serves all */

/* ---- multiplying ---- */

/* A token beside a panel. */
struct token {
    const int8_t *values;         /* [n_columns] */
    const float *scales;          /* [n_columns / 32] */
    __m256i starts[PANEL_BLOCKS]; /* what sums of 16 bits begin with: a lane's for each four columns */
    float sums[PANEL_BLOCKS * 2]; /* scale times values of as many columns as share a minimum */
    float *out;                   /* [PANEL_ROWS] */
};

/* What a loop over a panel is made for: constants wherever it is expanded. */
struct kind {
    size_t n_tokens;
    size_t fours; /* whose products a sum of 16 bits holds: 4, 2, or 1 where codes are signed */
    int minimum;  /* as in struct family; 0, and fours over 1: codes have an offset */
};

/* The lanes of one token. */
struct sums {
    __m256i of[PARTS];
};

INLINE __m256i load_codes(const struct panel *panel, size_t four, size_t part)
{
    return _mm256_load_si256((const __m256i *)(const void *)panel->codes[four][part * LANES]);
}

/* Keeps a sum as written: gcc adds up products in trees, for which registers are too few. */
INLINE __m256i kept(__m256i v)
{
    __asm__("" : "+x"(v));
    return v;
}

/* Sums of 16 bits of `k.fours` fours from the panel's `four` on. */
INLINE void sum_fours(struct kind k, const struct panel *panel, const struct token *tokens, size_t four,
                      struct sums sums[PANEL_TOKENS])
{
    UNROLL
    for (size_t i = 0; i < k.fours; i++) {
        __m256i codes[PARTS];
        UNROLL
        for (size_t part = 0; part < PARTS; part++)
            codes[part] = kept(load_codes(panel, four + i, part));
        UNROLL
        for (size_t t = 0; t < k.n_tokens; t++) {
            __m256i x = _mm256_set1_epi32((int)load_u32((const uint8_t *)tokens[t].values + 4 * (four + i)));
            UNROLL
            for (size_t part = 0; part < PARTS; part++) {
                __m256i *sum = &sums[t].of[part];
                if (k.fours == 1) {
                    *sum =
                        _mm256_maddubs_epi16(_mm256_abs_epi8(codes[part]), _mm256_sign_epi8(x, codes[part]));
                    continue;
                }
                __m256i pairs = _mm256_maddubs_epi16(codes[part], x);
                bool fresh = i == 0 && k.minimum > 0;
                *sum = kept(fresh ? pairs : _mm256_add_epi16(*sum, pairs));
            }
        }
    }
}

/* to += scales times sums of codes, 16 columns from group `group` on. */
INLINE void add_group(struct kind k, const struct panel *panel, const struct token *tokens, size_t group,
                      struct sums to[PANEL_TOKENS])
{
    UNROLL
    for (size_t i = 0; i < 4; i += k.fours) {
        struct sums sums[PANEL_TOKENS];
        UNROLL
        for (size_t t = 0; t < k.n_tokens; t++) {
            const int *starts = (const int *)(const void *)&tokens[t].starts[group / 2];
            UNROLL
            for (size_t part = 0; part < PARTS; part++)
                if (k.minimum == 0 && k.fours > 1)
                    sums[t].of[part] = _mm256_set1_epi32(starts[group % 2 * 4 + i]);
        }
        sum_fours(k, panel, tokens, 4 * group + i, sums);
        UNROLL
        for (size_t part = 0; part < PARTS; part++) {
            __m256i scales =
                _mm256_load_si256((const __m256i *)(const void *)panel->scales[group][part * LANES]);
            UNROLL
            for (size_t t = 0; t < k.n_tokens; t++) {
                __m256i scaled = _mm256_madd_epi16(sums[t].of[part], scales);
                bool fresh = i == 0 && group % 2 == 0;
                to[t].of[part] = fresh ? scaled : _mm256_add_epi32(to[t].of[part], scaled);
            }
        }
    }
}

struct totals {
    __m256 of[PARTS];
};

/* totals += minimum times sum of values */
INLINE void add_minima(struct kind k, const struct panel *panel, const struct token *tokens, size_t group,
                       struct totals totals[PANEL_TOKENS])
{
    UNROLL
    for (size_t part = 0; part < PARTS; part++) {
        __m256 minima = _mm256_load_ps(panel->minima[group] + part * LANES);
        UNROLL
        for (size_t t = 0; t < k.n_tokens; t++)
            totals[t].of[part] =
                _mm256_fmadd_ps(minima, _mm256_set1_ps(tokens[t].sums[group]), totals[t].of[part]);
    }
}

INLINE void add_block(struct kind k, const struct panel *panel, const struct token *tokens, size_t block,
                      struct totals totals[PANEL_TOKENS])
{
    struct sums sums[PANEL_TOKENS];
    add_group(k, panel, tokens, 2 * block, sums);
    add_group(k, panel, tokens, 2 * block + 1, sums);
    UNROLL
    for (size_t part = 0; part < PARTS; part++) {
        __m256 factors = _mm256_load_ps(panel->factors[block] + part * LANES);
        UNROLL
        for (size_t t = 0; t < k.n_tokens; t++) {
            __m256 sum = _mm256_mul_ps(_mm256_cvtepi32_ps(sums[t].of[part]), factors);
            totals[t].of[part] =
                _mm256_fmadd_ps(sum, _mm256_set1_ps(tokens[t].scales[block]), totals[t].of[part]);
        }
    }
    if (k.minimum == 32)
        add_minima(k, panel, tokens, block, totals);
    if (k.minimum == 16) {
        add_minima(k, panel, tokens, 2 * block, totals);
        add_minima(k, panel, tokens, 2 * block + 1, totals);
    }
}

/* A mask of the lanes below n, of a vector whose first lane is `first`. */
INLINE __m256i lanes_below(size_t n, size_t first)
{
    const __m256i lanes = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
    return _mm256_cmpgt_epi32(_mm256_set1_epi32(n > first ? (int)(n - first) : 0), lanes);
}

INLINE void multiply_tokens(struct kind k, const struct panel *panel, const struct token *tokens,
                            const struct place *place)
{
    struct totals totals[PANEL_TOKENS];
    UNROLL
    for (size_t t = 0; t < k.n_tokens; t++)
        UNROLL
    for (size_t part = 0; part < PARTS; part++)
        totals[t].of[part] =
            place->column == 0 ? _mm256_setzero_ps() : _mm256_loadu_ps(tokens[t].out + part * LANES);
    for (size_t block = 0; block < place->n_columns / BLOCK_SMALL; block++)
        add_block(k, panel, tokens, block, totals);
    UNROLL
    for (size_t t = 0; t < k.n_tokens; t++)
        UNROLL
    for (size_t part = 0; part < PARTS; part++)
        _mm256_storeu_ps(tokens[t].out + part * LANES, totals[t].of[part]);
}

typedef void multiply_fn(const struct panel *panel, const struct token *tokens, const struct place *place);

/* A function for each number of tokens, of one kind of format. */
#define MULTIPLY(name, N, ...)                                                                               \
    static void name##_##N(const struct panel *panel, const struct token *tokens, const struct place *place) \
    {                                                                                                        \
        multiply_tokens((struct kind){.n_tokens = N, __VA_ARGS__}, panel, tokens, place);                    \
    }
#define MULTIPLY_EACH(name, ...)   \
    MULTIPLY(name, 1, __VA_ARGS__) \
    MULTIPLY(name, 2, __VA_ARGS__) \
    MULTIPLY(name, 3, __VA_ARGS__) \
    MULTIPLY(name, 4, __VA_ARGS__) \
    static multiply_fn *const name[PANEL_TOKENS] = {name##_1, name##_2, name##_3, name##_4};

MULTIPLY_EACH(by_four, .fours = 4)
MULTIPLY_EACH(by_two, .fours = 2)
MULTIPLY_EACH(with_signs, .fours = 1)
MULTIPLY_EACH(with_minima_of_16, .fours = 4, .minimum = 16)
MULTIPLY_EACH(with_minima_of_32, .fours = 4, .minimum = 32)

static multiply_fn *const *functions_for(struct family f)
{
    if (f.has_signs)
        return with_signs;
    if (f.minimum > 0)
        return f.minimum == 16 ? with_minima_of_16 : with_minima_of_32;
    return f.wide ? by_two : by_four;
}

/* What sums of 16 bits begin with, for 32 columns: -offset times the values at their lanes' columns, of two
 * fours in every second lane, or of four in every fourth. */
INLINE __m256i starts_of(struct family f, const int8_t *values)
{
    __m256i x = _mm256_loadu_si256((const __m256i *)(const void *)values);
    __m256i of_one = _mm256_maddubs_epi16(_mm256_set1_epi8((char)f.offset), x);
    __m256i of_two = _mm256_add_epi16(of_one, _mm256_shuffle_epi32(of_one, _MM_SHUFFLE(2, 3, 0, 1)));
    __m256i of_four = _mm256_add_epi16(of_two, _mm256_shuffle_epi32(of_two, _MM_SHUFFLE(1, 0, 3, 2)));
    return _mm256_sub_epi16(_mm256_setzero_si256(), f.wide ? of_two : of_four);
}

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

static void load_token(struct family f, const struct place *place, const struct activation *x,
                       struct token *to)
{
    const int16_t *sums = x->sums + place->column / ACTIVATION_SUM_BLOCK;
    size_t n_blocks = place->n_columns / BLOCK_SMALL;
    to->values = x->values + place->column;
    to->scales = x->scales + place->column / ACTIVATION_BLOCK;
    for (size_t block = 0; f.offset > 0 && block < n_blocks; block++)
        to->starts[block] = starts_of(f, to->values + block * BLOCK_SMALL);
    for (size_t block = 0; f.minimum == 32 && block < n_blocks; block += 8)
        put_sums_of_32(sums + 2 * block, to->scales + block, lanes_below(n_blocks, block), to->sums + block);
    for (size_t block = 0; f.minimum == 16 && block < n_blocks; block += 4)
        put_sums_of_16(sums + 2 * block, to->scales + block, to->sums + 2 * block);
}

/* Fewer rows than a panel has: the others' sums go nowhere. */
static void multiply_edge(multiply_fn *function, const struct panel *panel, struct token *tokens, size_t n,
                          const struct place *place, size_t n_rows)
{
    float rows[PANEL_TOKENS][PANEL_ROWS] = {{0}};
    float *out[PANEL_TOKENS];
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
static void multiply_tokens_all(struct family f, const struct panel panels[PANELS], const struct product *p,
                                const struct place *place)
{
    multiply_fn *const *functions = functions_for(f);
    struct token tokens[PANEL_TOKENS];
    for (size_t first = 0; first < p->n_tokens; first += PANEL_TOKENS) {
        size_t n = min_size(PANEL_TOKENS, p->n_tokens - first);
        for (size_t t = 0; t < n; t++) {
            uint8_t *row = (uint8_t *)p->activations + (first + t) * p->activation_bytes;
            struct activation x = activation_view(row, p->n_columns);
            load_token(f, place, &x, &tokens[t]);
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

/* Lane j of vector i becomes lane i of vector j. */
INLINE void transpose(__m256i v[LANES])
{
    __m256i w[LANES];
    UNROLL
    for (int i = 0; i < 8; i += 2) {
        w[i] = _mm256_unpacklo_epi32(v[i], v[i + 1]);
        w[i + 1] = _mm256_unpackhi_epi32(v[i], v[i + 1]);
    }
    UNROLL
    for (int i = 0; i < 8; i += 4) { /* lanes of rows i to i + 3, columns j and j + 4 */
        v[i] = _mm256_unpacklo_epi64(w[i], w[i + 2]);
        v[i + 1] = _mm256_unpackhi_epi64(w[i], w[i + 2]);
        v[i + 2] = _mm256_unpacklo_epi64(w[i + 1], w[i + 3]);
        v[i + 3] = _mm256_unpackhi_epi64(w[i + 1], w[i + 3]);
    }
    UNROLL
    for (int j = 0; j < 4; j++) {
        w[j] = _mm256_permute2x128_si256(v[j], v[4 + j], 0x20);
        w[4 + j] = _mm256_permute2x128_si256(v[j], v[4 + j], 0x31);
    }
    UNROLL
    for (int i = 0; i < 8; i++)
        v[i] = w[i];
}

INLINE void store(void *to, __m256i v)
{
    _mm256_store_si256((__m256i *)to, v);
}

INLINE void put_factors(const struct weights rows[LANES], float *to)
{
    UNROLL
    for (size_t r = 0; r < LANES; r++)
        to[r] = rows[r].scale;
}

/* Sixteen groups' scales: even ones, then odd ones, in each row. */
INLINE void put_scales(const struct weights rows[LANES], struct panel *panel, size_t group, size_t row)
{
    UNROLL
    for (size_t half = 0; half < 2; half++) {
        __m256i v[LANES];
        UNROLL
        for (size_t r = 0; r < LANES; r++)
            v[r] = half == 0 ? _mm256_unpacklo_epi16(rows[r].scales, rows[r].scales)
                             : _mm256_unpackhi_epi16(rows[r].scales, rows[r].scales);
        transpose(v);
        UNROLL
        for (size_t i = 0; i < 4; i++) {
            store(panel->scales[group + 8 * half + 2 * i][row], v[i]);
            store(panel->scales[group + 8 * half + 2 * i + 1][row], v[4 + i]);
        }
    }
}

/* Sixteen groups' minima, or every second where 32 columns share one. */
INLINE void put_minima(struct family f, const struct weights rows[LANES], struct panel *panel, size_t block,
                       size_t row)
{
    UNROLL
    for (size_t half = 0; half < 2; half++) {
        __m256i v[LANES];
        UNROLL
        for (size_t r = 0; r < LANES; r++) {
            __m128i eight = half == 0 ? _mm256_castsi256_si128(rows[r].minima)
                                      : _mm256_extracti128_si256(rows[r].minima, 1);
            __m256 minima = _mm256_cvtepi32_ps(_mm256_cvtepi16_epi32(eight));
            v[r] = _mm256_castps_si256(_mm256_mul_ps(minima, _mm256_set1_ps(rows[r].minimum)));
        }
        transpose(v);
        UNROLL
        for (size_t i = 0; i < LANES; i++) {
            if (f.minimum == 16)
                store(panel->minima[2 * block + 8 * half + i] + row, v[i]);
            else if (i % 2 == 0)
                store(panel->minima[block + 4 * half + i / 2] + row, v[i]);
        }
    }
}

void avx2_put_rows(struct family f, const struct weights rows[LANES], struct panel *panel, size_t block,
                   size_t row)
{
    size_t n = f.small ? 1 : MOST_VECTORS;
    for (size_t v = 0; v < n; v++) {
        __m256i codes[LANES];
        UNROLL
        for (size_t r = 0; r < LANES; r++)
            codes[r] = rows[r].codes[v];
        transpose(codes);
        UNROLL
        for (size_t i = 0; i < LANES; i++)
            store(panel->codes[8 * (block + v) + i][row], codes[i]);
        put_factors(rows, panel->factors[block + v] + row);
    }
    if (!f.small)
        put_scales(rows, panel, 2 * block, row);
    if (f.minimum > 0 && !f.small)
        put_minima(f, rows, panel, block, row);
    if (f.minimum > 0 && f.small)
        for (size_t r = 0; r < LANES; r++)
            panel->minima[block][row + r] = rows[r].minimum;
}

static void put_ones(struct panel *panel)
{
    for (size_t group = 0; group < PANEL_BLOCKS * 2; group++)
        for (size_t row = 0; row < PANEL_ROWS; row += LANES)
            store(panel->scales[group][row], _mm256_set1_epi16(1));
}

INLINE struct piece piece_of(struct family f)
{
    return (struct piece){f.small ? BLOCK_SMALL : BLOCK_SUPER, f.span_bytes};
}

/* Past the last row is the last again: computed, and not written. `soon`: where the panel begins that will be
 * filled at this place after this one; NULL: not known. */
static void fill_panel(struct family f, fill_fn *fill, const struct product *p, const struct place *place,
                       const uint8_t *soon, struct panel *panel)
{
    const uint8_t *first = (const uint8_t *)p->rows;
    size_t at = bytes_before(piece_of(f), place->column),
           n_bytes = bytes_before(piece_of(f), place->n_columns);
    for (size_t row = 0; row < PANEL_ROWS; row += LANES) {
        const uint8_t *rows[LANES];
        for (size_t r = 0; r < LANES; r++) {
            rows[r] = first + min_size(place->row + row + r, p->n_rows - 1) * p->row_bytes + at;
            for (size_t byte = 0; soon != NULL && byte < n_bytes; byte += 64)
                _mm_prefetch((const char *)soon + (row + r) * p->row_bytes + byte, _MM_HINT_T1);
        }
        fill(rows, place->n_columns / BLOCK_SMALL, panel, row);
    }
}

void avx2_multiply_panels(struct family f, fill_fn *fill, const struct product *p)
{
    const struct place most = {.row = PANELS * PANEL_ROWS, .n_columns = COLUMNS};
    struct panel panels[PANELS];
    if (f.small) /* no scales beside the factors */
        for (size_t i = 0; i < PANELS; i++)
            put_ones(&panels[i]);
    for (size_t row = 0; row < p->n_rows; row += most.row) {
        for (size_t column = 0; column < p->n_columns; column += COLUMNS) {
            struct place place = {row, column, min_size(COLUMNS, p->n_columns - column)};
            const uint8_t *soon = next_place(p, &place, &most, piece_of(f));
            for (size_t i = 0; i < PANELS && place.row < p->n_rows; i++, place.row += PANEL_ROWS)
                fill_panel(f, fill, p, &place, soon != NULL ? soon + i * PANEL_ROWS * p->row_bytes : NULL,
                           &panels[i]);
            place.row = row;
            multiply_tokens_all(f, panels, p, &place);
        }
    }
}
