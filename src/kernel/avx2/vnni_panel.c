/* SPDX-License-Identifier: Apache-2.0 */
/* vnni_panel.c - panels multiplied by VPDPBUSD on 256 bits, which adds the products of four columns to a sum
 * of 32 bits.
 *
 * Sums hold all columns that share a scale, and scales are floats. Codes with signs are put as code + 128,
 * and where each 16 columns have a small scale, codes times it fit a byte: that product is made when they are
 * put, once for all tokens, and 32 columns make one sum. */
#include "kernel/avx2/avx2.h"
#include "kernel/avx2/panel_put.h"
#include "kernel/sum_start.h"

#define PANEL_TOKENS 6 /* their sums, two vectors of codes and one of activations fill 15 registers */

/* What makes codes with signs unsigned, and products of a code and its scale, at most 128, taken from it. */
#define SIGN_OFFSET 128

/* ---- multiplying ---- */

/* What a loop over a panel is made for: constants wherever it is expanded. */
struct kind {
    size_t n_tokens;
    size_t group; /* columns that share a scale: 16 or 32 */
    int minimum;  /* as in struct family; 0: codes have an offset */
};

/* The lanes of one token. */
struct sums {
    __m256i of[PARTS];
};

/* sums = SUM_START's bits plus those of a group, less what the codes' offset adds to them. */
INLINE void sum_group(struct kind k, const struct panel *panel, const struct token *tokens, size_t group,
                      struct sums sums[PANEL_TOKENS])
{
    size_t n = k.group / 4;
    UNROLL
    for (size_t t = 0; t < k.n_tokens; t++)
        UNROLL
    for (size_t part = 0; part < PARTS; part++)
        sums[t].of[part] = k.minimum == 0 ? _mm256_set1_epi32(tokens[t].starts[group])
                                          : _mm256_castps_si256(_mm256_set1_ps(SUM_START));
    UNROLL
    for (size_t i = 0; i < n; i++) {
        __m256i codes[PARTS];
        UNROLL
        for (size_t part = 0; part < PARTS; part++)
            codes[part] = load_32(panel->codes[group * n + i][part * LANES]);
        UNROLL
        for (size_t t = 0; t < k.n_tokens; t++) {
            uint32_t four = load_u32((const uint8_t *)tokens[t].values + 4 * (group * n + i));
            UNROLL
            for (size_t part = 0; part < PARTS; part++)
                sums[t].of[part] =
                    _mm256_dpbusd_avx_epi32(sums[t].of[part], codes[part], _mm256_set1_epi32((int)four));
        }
    }
}

/* total += scale times sum, of a token's lanes */
INLINE __m256 add_scaled_sum(__m256 total, __m256i sum, __m256 scales, float factor)
{
    __m256 less = _mm256_mul_ps(scales, _mm256_set1_ps(-SUM_START));
    __m256 part = _mm256_fmadd_ps(_mm256_castsi256_ps(sum), scales, less);
    return _mm256_fmadd_ps(part, _mm256_set1_ps(factor), total);
}

/* totals += a group of the panel times each token's, and the minima of its columns. */
INLINE void add_group(struct kind k, const struct panel *panel, const struct token *tokens, size_t group,
                      float (*totals)[PANEL_ROWS])
{
    size_t block = group * k.group / BLOCK_SMALL;
    size_t n_minima = k.minimum == 0 ? 0 : BLOCK_SMALL / (size_t)k.minimum;
    struct sums sums[PANEL_TOKENS];
    sum_group(k, panel, tokens, group, sums);
    UNROLL
    for (size_t part = 0; part < PARTS; part++) {
        __m256 scales = _mm256_load_ps(panel->factors[group] + part * LANES);
        UNROLL
        for (size_t t = 0; t < k.n_tokens; t++) {
            float *to = totals[t] + part * LANES;
            __m256 total =
                add_scaled_sum(_mm256_load_ps(to), sums[t].of[part], scales, tokens[t].scales[block]);
            UNROLL
            for (size_t i = 0; i < n_minima; i++)
                total = _mm256_fmadd_ps(_mm256_load_ps(panel->minima[block * n_minima + i] + part * LANES),
                                        _mm256_set1_ps(tokens[t].sums[block * n_minima + i]), total);
            _mm256_store_ps(to, total);
        }
    }
}

INLINE void multiply_tokens(struct kind k, const struct panel *panel, const struct token *tokens,
                            const struct place *place)
{
    _Alignas(32) float totals[PANEL_TOKENS][PANEL_ROWS] = {{0}};
    for (size_t t = 0; place->column > 0 && t < k.n_tokens; t++)
        memcpy(totals[t], tokens[t].out, sizeof totals[t]);
    for (size_t group = 0; group < place->n_columns / k.group; group++) {
        /* Registers are for sums. gcc keeps totals there, and stores sums, unless these are read here. */
        __asm__("" : : "r"(totals) : "memory");
        add_group(k, panel, tokens, group, totals);
    }
    for (size_t t = 0; t < k.n_tokens; t++)
        memcpy(tokens[t].out, totals[t], sizeof totals[t]);
}

#define MULTIPLY_EACH(name, ...)                                                  \
    MULTIPLY(name, 1, __VA_ARGS__)                                                \
    MULTIPLY(name, 2, __VA_ARGS__)                                                \
    MULTIPLY(name, 3, __VA_ARGS__)                                                \
    MULTIPLY(name, 4, __VA_ARGS__)                                                \
    MULTIPLY(name, 5, __VA_ARGS__)                                                \
    MULTIPLY(name, 6, __VA_ARGS__)                                                \
    static multiply_fn *const name[PANEL_TOKENS] = {name##_1, name##_2, name##_3, \
                                                    name##_4, name##_5, name##_6};

MULTIPLY_EACH(of_16, .group = 16)
MULTIPLY_EACH(of_32, .group = 32)
MULTIPLY_EACH(of_32_minima_of_16, .group = 32, .minimum = 16)
MULTIPLY_EACH(of_32_minima_of_32, .group = 32, .minimum = 32)

/* Columns of a panel that share a scale. */
INLINE size_t group_of(const struct family *f)
{
    return f->group == 16 && !f->folds ? 16 : 32;
}

static multiply_fn *const *functions_for(const struct family *f)
{
    if (group_of(f) == 16)
        return of_16;
    return f->minimum == 0 ? of_32 : f->minimum == 16 ? of_32_minima_of_16 : of_32_minima_of_32;
}

/* ---- tokens ---- */

/* What is taken from a panel's codes. */
INLINE int offset_of(const struct family *f)
{
    return f->has_signs || f->folds ? SIGN_OFFSET : f->offset;
}

/* SUM_START's bits less offset times the values of each group. */
static void put_starts(const struct family *f, const int16_t *sums, size_t n_blocks, struct token *to)
{
    const bool fine = group_of(f) == 16;
    const __m256i start = _mm256_castps_si256(_mm256_set1_ps(SUM_START));
    const __m256i offset = fine ? _mm256_set1_epi32(offset_of(f)) : _mm256_set1_epi16((short)offset_of(f));
    size_t n_groups = n_blocks * BLOCK_SMALL / group_of(f);
    for (size_t group = 0; f->minimum == 0 && group < n_groups; group += LANES) {
        __m256i pairs = fine ? _mm256_cvtepi16_epi32(load_16((const uint8_t *)(sums + group)))
                             : _mm256_maskload_epi32((const int *)(const void *)(sums + 2 * group),
                                                     lanes_below(n_groups, group));
        _mm256_storeu_si256((__m256i *)(void *)(to->starts + group),
                            _mm256_sub_epi32(start, _mm256_madd_epi16(pairs, offset)));
    }
}

/* ---- filling ---- */

/* Codes as they are, with another sign, or times their group's scale. */
enum form { PLAIN, SIGNED, SCALED, SCALED_LESS };

INLINE enum form form_of(const struct family *f)
{
    if (f->folds)
        return f->minimum > 0 ? SCALED : SCALED_LESS;
    return f->has_signs ? SIGNED : PLAIN;
}

/* SCALED_LESS is SIGN_OFFSET less the product, which may be 128 but not -128. */
INLINE __m256i codes_of(const struct family *f, enum form form, const struct weights *w, int v)
{
    if (form == PLAIN)
        return w->codes[v];
    if (form == SIGNED)
        return _mm256_xor_si256(w->codes[v], _mm256_set1_epi8((char)SIGN_OFFSET));
    __m256i scales = scales_of_vector(w, v);
    /* Both bytes of a word at once: what the lower takes of the upper, where it is negative, comes back. */
    __m256i products = _mm256_mullo_epi16(w->codes[v], scales);
    if (form == SCALED)
        return products;
    __m256i start = _mm256_mullo_epi16(scales, _mm256_set1_epi16(f->offset));
    start = _mm256_add_epi16(start, _mm256_set1_epi16(SIGN_OFFSET));
    return _mm256_sub_epi16(_mm256_add_epi16(start, _mm256_slli_epi16(start, 8)), products);
}

INLINE void put_all_codes(const struct family *f, enum form form, const struct weights rows[LANES],
                          uint8_t (*to)[PANEL_ROWS][4], size_t row)
{
    for (int v = 0; v < n_vectors(*f); v++) {
        __m256i codes[LANES];
        UNROLL
        for (size_t r = 0; r < LANES; r++)
            codes[r] = codes_of(f, form, &rows[r], v);
        put_codes(codes, to + 8 * v, row);
    }
}

/* Scales of groups, or where there is but one for the block, it for each 32 columns. */
static void put_scales(const struct family *f, const struct weights rows[LANES], float (*to)[PANEL_ROWS],
                       size_t row)
{
    __m256 factors = scales_of(rows);
    if (form_of(f) == SCALED_LESS)
        factors = _mm256_xor_ps(factors, _mm256_set1_ps(-0.0f));
    if (f->small || f->folds) {
        for (int v = 0; v < n_vectors(*f); v++)
            _mm256_store_ps(to[v] + row, factors);
        return;
    }
    size_t n = BLOCK_SMALL / group_of(f);
    for (size_t odd = 0; odd < n; odd++) { /* even ones come first in each row, then odd ones */
        __m256i v[LANES];
        UNROLL
        for (size_t r = 0; r < LANES; r++)
            v[r] = half_of(rows[r].scales, odd);
        put_floats(v, factors, to + odd, n, row);
    }
}

static void put_rows(const struct family *f, const struct weights rows[LANES], struct panel *panel,
                     size_t block, size_t row)
{
    uint8_t(*codes)[PANEL_ROWS][4] = panel->codes + 8 * block;
    switch (form_of(f)) {
    case PLAIN:
        put_all_codes(f, PLAIN, rows, codes, row);
        break;
    case SIGNED:
        put_all_codes(f, SIGNED, rows, codes, row);
        break;
    case SCALED:
        put_all_codes(f, SCALED, rows, codes, row);
        break;
    case SCALED_LESS:
        put_all_codes(f, SCALED_LESS, rows, codes, row);
        break;
    }
    put_scales(f, rows, panel->factors + block * BLOCK_SMALL / group_of(f), row);
    if (f->minimum > 0)
        put_minima(f, rows, panel, block, row);
}

#define PANEL_PRODUCT(NAME, name)                                                                    \
    void avxvnni_panel_product_##name(const struct product *p)                                       \
    {                                                                                                \
        static const struct panel_level level = {put_rows, put_starts, functions_for, PANEL_TOKENS}; \
        avx2_walk_panels(&avx2_panel_##name, &level, p);                                             \
    }
EACH_QUANTIZED_FORMAT(PANEL_PRODUCT)
