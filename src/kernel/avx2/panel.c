/* SPDX-License-Identifier: Apache-2.0 */
/* panel.c - panels multiplied by VPMADDUBSW, which sums products in pairs to 16 bits.
 *
 * Sums of 16 bits are exact because they hold the products of few columns, by the magnitude of a value
 * (code less offset): 16 columns up to 16 (16 x 16 x 127 < 2^15), 8 up to 32, 6 up to 43, 4 up to 64. They
 * begin with -offset times the activations and may wrap around on the way; the only operation that saturates
 * instead, VPMADDUBSW, gets codes up to 127: at most 2 x 127 x 127. A group's scale is multiplied in
 * integers, as in dot.h.
 *
 * Codes with signs (Q8_0, IQ4) fill a byte, and are of 16 bits here, as the values beside them: VPMADDWD
 * sums their products in pairs to 32 bits. Of 32 columns the even ones come first in pairs, columns 0 and 2,
 * 4 and 6 ..., then the odd ones; panels and tokens both have them in this order. Turning values' signs for
 * VPMADDUBSW takes as many instructions and two registers more, which are not there. */
#include "kernel/avx2/panel.h"
#include "kernel/avx2/kept.h"

#define PANEL_TOKENS 4 /* that share a panel's loads */

/* ---- multiplying ---- */

/* What a loop over a panel is made for: constants wherever it is expanded. */
struct kind {
    size_t n_tokens;
    size_t
        fours;   /* of columns whose products a sum of 16 bits holds: 8, 4, 3 or 2; 0: codes are of 16 bits */
    int minimum; /* as in struct family; 0, and fours over 0: codes have an offset */
    bool flat;   /* 256 columns have one factor, which comes last */
};

/* The lanes of one token. */
struct sums {
    __m256i of[PARTS];
};

INLINE __m256i load_codes(const struct panel *panel, size_t four, size_t part)
{
    return _mm256_load_si256((const __m256i *)(const void *)panel->codes[four][part * LANES]);
}

/* Sums of 16 bits of `k.fours` fours from the panel's `four` on; of fewer at the end of a block. */
INLINE void sum_fours(struct kind k, const struct panel *panel, const struct token *tokens, size_t four,
                      struct sums sums[PANEL_TOKENS])
{
    const size_t n = min_size(k.fours, 8 - four % 8);
    UNROLL
    for (size_t i = 0; i < n; i++) {
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
                __m256i pairs = _mm256_maddubs_epi16(codes[part], x);
                bool fresh = i == 0 && k.minimum > 0;
                *sum = fresh ? pairs : added_16(*sum, pairs);
            }
        }
    }
}

/* to += scales times sums of codes, `k.fours` fours from `four` on; the first of a block: to = that. */
INLINE void add_fours(struct kind k, const struct panel *panel, const struct token *tokens, size_t four,
                      struct sums to[PANEL_TOKENS])
{
    struct sums sums[PANEL_TOKENS];
    UNROLL
    for (size_t t = 0; t < k.n_tokens; t++)
        UNROLL
    for (size_t part = 0; part < PARTS; part++)
        if (k.minimum == 0)
            sums[t].of[part] = _mm256_set1_epi32(tokens[t].prepared[four]);
    sum_fours(k, panel, tokens, four, sums);
    UNROLL
    for (size_t part = 0; part < PARTS; part++) {
        __m256i scales =
            _mm256_load_si256((const __m256i *)(const void *)panel->scales[four / 4][part * LANES]);
        UNROLL
        for (size_t t = 0; t < k.n_tokens; t++) {
            __m256i scaled = _mm256_madd_epi16(sums[t].of[part], scales);
            to[t].of[part] = four % 8 == 0 ? scaled : _mm256_add_epi32(to[t].of[part], scaled);
        }
    }
}

/* Sums of 32 columns whose codes are of 16 bits. */
INLINE void sum_pairs(struct kind k, const struct panel *panel, const struct token *tokens, size_t block,
                      struct sums sums[PANEL_TOKENS])
{
    const size_t n = BLOCK_SMALL / 2;
    UNROLL
    for (size_t i = 0; i < n; i++) {
        __m256i codes[PARTS];
        UNROLL
        for (size_t part = 0; part < PARTS; part++)
            codes[part] = kept(load_codes(panel, block * n + i, part));
        UNROLL
        for (size_t t = 0; t < k.n_tokens; t++) {
            __m256i x = _mm256_set1_epi32(tokens[t].prepared[block * n + i]);
            UNROLL
            for (size_t part = 0; part < PARTS; part++) {
                __m256i pairs = _mm256_madd_epi16(codes[part], x);
                sums[t].of[part] = i == 0 ? pairs : added_32(sums[t].of[part], pairs);
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

INLINE void add_all_minima(struct kind k, const struct panel *panel, const struct token *tokens, size_t block,
                           size_t n_blocks, struct totals totals[PANEL_TOKENS])
{
    size_t n = k.minimum == 0 ? 0 : BLOCK_SMALL / (size_t)k.minimum;
    for (size_t group = block * n; group < (block + n_blocks) * n; group++)
        add_minima(k, panel, tokens, group, totals);
}

/* totals += 32 columns of the panel times each token's; without the factor where that comes last. */
INLINE void add_block(struct kind k, const struct panel *panel, const struct token *tokens, size_t block,
                      struct totals totals[PANEL_TOKENS])
{
    struct sums sums[PANEL_TOKENS];
    const size_t n_sums = k.fours > 0 ? (8 + k.fours - 1) / k.fours : 0;
    if (k.fours == 0)
        sum_pairs(k, panel, tokens, block, sums);
    UNROLL
    for (size_t i = 0; i < n_sums; i++)
        add_fours(k, panel, tokens, 8 * block + i * k.fours, sums);
    UNROLL
    for (size_t part = 0; part < PARTS; part++) {
        __m256 factors = _mm256_load_ps(panel->factors[block] + part * LANES);
        UNROLL
        for (size_t t = 0; t < k.n_tokens; t++) {
            __m256 sum = _mm256_cvtepi32_ps(sums[t].of[part]);
            if (!k.flat)
                sum = _mm256_mul_ps(sum, factors);
            totals[t].of[part] =
                _mm256_fmadd_ps(sum, _mm256_set1_ps(tokens[t].scales[block]), totals[t].of[part]);
        }
    }
    if (!k.flat)
        add_all_minima(k, panel, tokens, block, 1, totals);
}

/* The same of 256 columns that have one factor. */
INLINE void add_flat_span(struct kind k, const struct panel *panel, const struct token *tokens, size_t first,
                          struct totals totals[PANEL_TOKENS])
{
    const size_t n_blocks = BLOCK_SUPER / BLOCK_SMALL;
    struct totals parts[PANEL_TOKENS] = {{{{0}}}};
    for (size_t block = first; block < first + n_blocks; block++)
        add_block(k, panel, tokens, block, parts);
    add_all_minima(k, panel, tokens, first, n_blocks, totals);
    UNROLL
    for (size_t part = 0; part < PARTS; part++) {
        __m256 factors = _mm256_load_ps(panel->factors[first] + part * LANES);
        UNROLL
        for (size_t t = 0; t < k.n_tokens; t++)
            totals[t].of[part] = _mm256_fmadd_ps(parts[t].of[part], factors, totals[t].of[part]);
    }
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
    const size_t n_blocks = place->n_columns / BLOCK_SMALL;
    for (size_t block = 0; k.flat && block < n_blocks; block += BLOCK_SUPER / BLOCK_SMALL)
        add_flat_span(k, panel, tokens, block, totals);
    for (size_t block = 0; !k.flat && block < n_blocks; block++)
        add_block(k, panel, tokens, block, totals);
    UNROLL
    for (size_t t = 0; t < k.n_tokens; t++)
        UNROLL
    for (size_t part = 0; part < PARTS; part++)
        _mm256_storeu_ps(tokens[t].out + part * LANES, totals[t].of[part]);
}

#define MULTIPLY_EACH(name, ...)   \
    MULTIPLY(name, 1, __VA_ARGS__) \
    MULTIPLY(name, 2, __VA_ARGS__) \
    MULTIPLY(name, 3, __VA_ARGS__) \
    MULTIPLY(name, 4, __VA_ARGS__) \
    static multiply_fn *const name[PANEL_TOKENS] = {name##_1, name##_2, name##_3, name##_4};

/* Flat where that is faster: not where sums are few columns' and no minima come behind. */
MULTIPLY_EACH(by_eight, .fours = 8)
MULTIPLY_EACH(by_four, .fours = 4)
MULTIPLY_EACH(by_three, .fours = 3)
MULTIPLY_EACH(by_two, .fours = 2)
MULTIPLY_EACH(of_16_bits, .fours = 0)
MULTIPLY_EACH(with_minima, .fours = 4, .minimum = 32)
MULTIPLY_EACH(by_eight_with_minima, .fours = 8, .minimum = 32)
MULTIPLY_EACH(flat_by_eight, .fours = 8, .flat = true)
MULTIPLY_EACH(flat_with_minima_of_16, .fours = 4, .minimum = 16, .flat = true)
MULTIPLY_EACH(flat_with_minima_of_32, .fours = 4, .minimum = 32, .flat = true)
MULTIPLY_EACH(flat_by_eight_with_minima, .fours = 8, .minimum = 32, .flat = true)

/* As struct kind has it. */
static size_t fours_of(const struct family *f)
{
    if (f->has_signs)
        return 0;
    if (f->magnitude > 32)
        return f->magnitude <= 43 && f->group == 0 ? 3 : 2; /* groups of 16 columns are no threes */
    return f->magnitude <= 16 && f->group == 0 ? 8 : 4;
}

static multiply_fn *const *functions_for_small(const struct family *f)
{
    if (f->minimum == 0)
        return by_eight;
    return fours_of(f) == 8 ? by_eight_with_minima : with_minima;
}

static multiply_fn *const *functions_for(const struct family *f)
{
    size_t fours = fours_of(f);
    if (fours == 0)
        return of_16_bits;
    if (f->small)
        return functions_for_small(f);
    if (f->minimum == 16)
        return flat_with_minima_of_16;
    if (f->minimum == 32)
        return fours == 8 ? flat_by_eight_with_minima : flat_with_minima_of_32;
    return fours == 8 ? flat_by_eight : fours == 4 ? by_four : fours == 3 ? by_three : by_two;
}

/* ---- tokens ---- */

/* The sums of the fours 0 to 2, 3 to 5, and 6 and 7, in lanes 0, 3 and 6. */
INLINE __m256i sums_of_threes(__m256i fours)
{
    __m256i second = _mm256_permutevar8x32_epi32(fours, _mm256_setr_epi32(1, 0, 0, 4, 0, 0, 7, 0));
    __m256i third = _mm256_permutevar8x32_epi32(fours, _mm256_setr_epi32(2, 0, 0, 5, 0, 0, 0, 0));
    third = _mm256_blend_epi32(third, _mm256_setzero_si256(), 1 << 6);
    return _mm256_add_epi16(fours, _mm256_add_epi16(second, third));
}

/* What sums of 16 bits begin with, for 32 columns: -offset times the values at their lanes' columns, of two
 * fours in every second lane, of three in every third, of four in every fourth, or of eight in all. */
INLINE __m256i starts_of(const struct family *f, const int8_t *values)
{
    __m256i x = _mm256_loadu_si256((const __m256i *)(const void *)values);
    __m256i of_one = _mm256_maddubs_epi16(_mm256_set1_epi8((char)f->offset), x);
    __m256i of_two = _mm256_add_epi16(of_one, _mm256_shuffle_epi32(of_one, _MM_SHUFFLE(2, 3, 0, 1)));
    __m256i of_four = _mm256_add_epi16(of_two, _mm256_shuffle_epi32(of_two, _MM_SHUFFLE(1, 0, 3, 2)));
    __m256i of_eight = _mm256_add_epi16(of_four, _mm256_permute2x128_si256(of_four, of_four, 1));
    size_t fours = fours_of(f);
    __m256i of_few = fours == 3 ? sums_of_threes(of_one) : of_two;
    return _mm256_sub_epi16(_mm256_setzero_si256(), fours == 8 ? of_eight : fours == 4 ? of_four : of_few);
}

static void prepare(const struct family *f, const int16_t *sums, size_t n_blocks, struct token *to)
{
    (void)sums;
    for (size_t block = 0; f->offset > 0 && block < n_blocks; block++)
        _mm256_storeu_si256((__m256i *)(void *)(to->prepared + 8 * block),
                            starts_of(f, to->values + block * BLOCK_SMALL));
    for (size_t block = 0; f->has_signs && block < n_blocks; block++) {
        __m256i x = _mm256_loadu_si256((const __m256i *)(const void *)(to->values + block * BLOCK_SMALL));
        _mm256_storeu_si256((__m256i *)(void *)(to->prepared + 16 * block), even_bytes(x));
        _mm256_storeu_si256((__m256i *)(void *)(to->prepared + 16 * block + 8), odd_bytes(x));
    }
}

void avx2_panel_product(const struct panel_format *format, fill_fn *fill, const struct product *p)
{
    const struct panel_level level = {fill, prepare, functions_for, PANEL_TOKENS, .widens = true};
    avx2_walk_panels(format, &level, p);
}
