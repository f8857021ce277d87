/* SPDX-License-Identifier: Apache-2.0 */
/* panel.h - products with many tokens: sixteen rows at a time, a row a lane.
 *
 * A panel is a stretch of columns of sixteen rows, unpacked a row a lane or, where codes are looked up, by
 * the functions that dot.h takes, and transposed: a vector has the codes of four columns of eight rows.
 * Multiplied with four activations of a token, broadcast, it adds to the sums of all rows at once, and
 * nothing is left to be added across lanes.
 *
 * panel_walk.c goes over rows, columns and tokens for every format alike. What depends on the instructions
 * that multiply is a `struct panel_level`: panel.c has that of AVX2, vnni_panel.c that of AVX-VNNI. */
#ifndef FATHOM_KERNEL_AVX2_PANEL_H
#define FATHOM_KERNEL_AVX2_PANEL_H

#include "kernel/avx2/dot.h"
#include "kernel/lanes/lanes.h"
#include "kernel/place.h"

#define PARTS (PANEL_ROWS / LANES)
/* Of 256 columns: codes, scales, factors and minima of them are 28 KB. */
#define PANEL_SPANS 4
#define MOST_TOKENS 6 /* that share a panel's loads */

#define PANEL_BLOCKS (PANEL_SPANS * BLOCK_SUPER / BLOCK_SMALL) /* of 32 columns */

struct panel {
    /* [four columns][row][column]; of 16 bits: [two columns][row][column], in the order of panel.c */
    _Alignas(32) uint8_t codes[PANEL_BLOCKS * 8][PANEL_ROWS][4];
    int16_t scales[PANEL_BLOCKS * 2][PANEL_ROWS][2]; /* [16 columns][row]: twice the same; avx2 alone */
    /* avx2: [32 columns][row], what multiplies those scales; avxvnni: [as the format has scales][row] */
    float factors[PANEL_BLOCKS * 2][PANEL_ROWS];
    float minima[PANEL_BLOCKS * 2][PANEL_ROWS]; /* [as the format has them][row]: what is added */
};

/* A token beside a panel. */
struct token {
    const int8_t *values;               /* [n_columns] */
    const float *scales;                /* [n_columns / 32] */
    int32_t prepared[PANEL_BLOCKS * 8]; /* what the level makes of the values: see prepare() in its file */
    float sums[PANEL_BLOCKS * 2];       /* scale times values of as many columns as share a minimum */
    float *out;                         /* [PANEL_ROWS] */
};

/* A block of LANES rows each, `at` bytes into the rows, unpacked. */
typedef void unpack_rows_fn(const uint8_t *const rows[LANES], size_t at, struct weights to[LANES]);

/* out += panel times each token, a number that the function is made for; where column is 0, out = that. */
typedef void multiply_fn(const struct panel *panel, const struct token *tokens, const struct place *place);

/* A format, as panels take it. */
struct panel_format {
    struct family family;
    unpack_rows_fn *unpack_rows; /* where codes are looked up; else NULL */
};

/* LANES rows of n_blocks blocks of 32 columns to the panel, from its row `row` on. */
typedef void fill_fn(const struct panel_format *format, const uint8_t *const rows[LANES], size_t n_blocks,
                     struct panel *panel, size_t row);

/* What a set of instructions does its own way. */
struct panel_level {
    fill_fn *fill;
    /* `prepared` of n_blocks blocks of 32 columns, from values and the sums of 16 of them */
    void (*prepare)(const struct family *family, const int16_t *sums, size_t n_blocks, struct token *to);
    multiply_fn *const *(*functions_for)(const struct family *family); /* [n_tokens]: of 1 token, 2 ... */
    size_t n_tokens;                                                   /* at most MOST_TOKENS */
    bool widens; /* codes with signs take 16 bits: half as many columns are a panel */
};

/* The product of the table, any number of tokens. */
void avx2_walk_panels(const struct panel_format *format, const struct panel_level *level,
                      const struct product *product);
/* The product of the table, any number of tokens, with panels filled by that function. */
void avx2_panel_product(const struct panel_format *format, fill_fn *fill, const struct product *product);

/* The first n - first of eight lanes. */
INLINE __m256i lanes_below(size_t n, size_t first)
{
    const __m256i lanes = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
    return _mm256_cmpgt_epi32(_mm256_set1_epi32(n > first ? (int)(n - first) : 0), lanes);
}

/* A multiply_fn of N tokens, over the multiply_tokens() and the struct kind of the file. */
#define MULTIPLY(name, N, ...)                                                                               \
    static void name##_##N(const struct panel *panel, const struct token *tokens, const struct place *place) \
    {                                                                                                        \
        multiply_tokens((struct kind){.n_tokens = N, __VA_ARGS__}, panel, tokens, place);                    \
    }

/* The table's entry of a format for few tokens, and the format for panels of every level. */
#define PRODUCTS(name, ...)                                       \
    void avx2_product_##name(const struct product *p)             \
    {                                                             \
        multiply((struct family){unpack_##name, __VA_ARGS__}, p); \
    }                                                             \
    const struct panel_format avx2_panel_##name = {{unpack_##name, __VA_ARGS__}, NULL};

/* The same of a format that is looked up. */
#define LOOKED_UP(name, ...) unpack_##name, __VA_ARGS__, .unpack_vector = unpack_vector_##name
#define LOOKED_UP_PRODUCTS(name, ...)                                                                     \
    void avx2_product_##name(const struct product *p)                                                     \
    {                                                                                                     \
        multiply((struct family){LOOKED_UP(name, __VA_ARGS__)}, p);                                       \
    }                                                                                                     \
    static void unpack_rows_##name(const uint8_t *const rows[LANES], size_t at, struct weights to[LANES]) \
    {                                                                                                     \
        const struct family f = {LOOKED_UP(name, __VA_ARGS__)};                                           \
        for (size_t r = 0; r < LANES; r++) {                                                              \
            unpack_##name(rows[r] + at, &to[r]);                                                          \
            unpack_vectors(f, rows[r] + at, &to[r]);                                                      \
        }                                                                                                 \
    }                                                                                                     \
    const struct panel_format avx2_panel_##name = {{LOOKED_UP(name, __VA_ARGS__)}, unpack_rows_##name};

#endif
