/* SPDX-License-Identifier: Apache-2.0 */
/* vnni_panel.c - panels multiplied by VPDPBUSD on 256 bits, which adds the products of four columns to a sum
 * of 32 bits.
 *
 * Sums hold all columns that share a scale, and scales are floats. */
#include "kernel/avx2/vnni_panel.h"
#include "kernel/sum_start.h"

#define PANEL_TOKENS 6 /* their sums, two vectors of codes and one of activations fill 15 registers */

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
        sums[t].of[part] = k.minimum == 0 ? _mm256_set1_epi32(tokens[t].prepared[group])
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

static multiply_fn *const *functions_for(const struct family *f)
{
    if (group_of(f) == 16)
        return of_16;
    return f->minimum == 0 ? of_32 : f->minimum == 16 ? of_32_minima_of_16 : of_32_minima_of_32;
}

/* ---- tokens ---- */

/* What sums begin with: SUM_START's bits less offset times the values of each group. */
static void prepare(const struct family *f, const int16_t *sums, size_t n_blocks, struct token *to)
{
    const bool fine = group_of(f) == 16;
    const __m256i start = _mm256_castps_si256(_mm256_set1_ps(SUM_START));
    const __m256i offset = fine ? _mm256_set1_epi32(offset_of(f)) : _mm256_set1_epi16((short)offset_of(f));
    size_t n_groups = n_blocks * BLOCK_SMALL / group_of(f);
    for (size_t group = 0; f->minimum == 0 && group < n_groups; group += LANES) {
        __m256i pairs = fine ? _mm256_cvtepi16_epi32(load_16((const uint8_t *)(sums + group)))
                             : _mm256_maskload_epi32((const int *)(const void *)(sums + 2 * group),
                                                     lanes_below(n_groups, group));
        _mm256_storeu_si256((__m256i *)(void *)(to->prepared + group),
                            _mm256_sub_epi32(start, _mm256_madd_epi16(pairs, offset)));
    }
}

void avxvnni_panel_product(const struct panel_format *format, fill_fn *fill, const struct product *p)
{
    const struct panel_level level = {fill, prepare, functions_for, PANEL_TOKENS, .widens = false};
    avx2_walk_panels(format, &level, p);
}
