/* SPDX-License-Identifier: Apache-2.0 */
/* attend.h - the inner loops of attention, for many queries at once.
 *
 * Sixteen queries (heads of one row, or rows of one head) are the lanes of a
 * bundle. Keys are spread over the lanes one number at a time, so they are
 * read as they lie, and a softmax over positions never sums across lanes:
 * what a lane gets depends on its own query alone.
 *
 * Numbers stand in words, which are one float, or two bfloat16 where a float
 * would be. The product of two words adds the products of what they hold. Keys are packed
 * along their columns, values along positions. Odd ends are filled up with
 * zeros. All counts are of words, so the loops are the same for both. */
#ifndef FATHOM_KERNEL_ATTEND_H
#define FATHOM_KERNEL_ATTEND_H

#include <stddef.h>
#include <stdint.h>

#define ATTEND_LANES 16

/* out[bundle][row][lane] = rows times panels. A result is one chain of additions in the order of the words.
 */
struct attend_product {
    const float *panels; /* [n_bundles][n_words][lane] */
    size_t n_bundles;
    const float *rows; /* [n_rows][row_words], of which the first n_words count */
    size_t n_rows;
    size_t n_words;
    size_t row_words;
    float *out;
    size_t out_bundle; /* floats from one bundle's results to the next's */
    size_t out_row;    /* floats from one row's results to the next's; at least ATTEND_LANES */
};

/* Softmax over the positions that a bundle has seen: sum of e^(score - highest), lane by lane. */
struct attend_running {
    float highest[ATTEND_LANES]; /* begins at -FLT_MAX, which takes part in sums where -infinity cannot */
    float sum[ATTEND_LANES];
};

/* A block's scores become the weights of its positions. */
struct attend_weigh {
    float *scores; /* [n_positions][lane]; used up */
    size_t n_positions;
    const uint32_t *n_seen; /* [lane] of n_positions, from the first; NULL: all of them */
    struct attend_running *running;
    float *weights; /* [words of n_positions][lane]; may be `scores` */
    float *shrink;  /* [lane] what earlier sums are multiplied with */
};

/* out[bundle][column][lane] = out * shrink + sum over positions of weight * value, in ascending order. */
struct attend_sum {
    const float *weights; /* [n_bundles][n_words][lane], bundles weights_bundle words apart */
    size_t weights_bundle;
    const float *shrink; /* [n_bundles][lane] */
    size_t n_bundles;
    const float *values; /* [n_words][value_words], of which the first n_columns count */
    size_t n_words;      /* of positions */
    size_t value_words;
    size_t n_columns;
    float *out; /* [n_bundles][n_columns][lane] */
};

struct attend_kernels {
    size_t word_numbers; /* 1: floats, which need no packing of keys and values; 2: bfloat16 */
    /* panel[words of n][lane] from x[n_lanes][stride]; further lanes are zero */
    void (*pack_queries)(const float *x, size_t stride, size_t n_lanes, size_t n, float *panel);
    /* words of n numbers. NULL where word_numbers is 1 */
    void (*pack_key)(const float *x, size_t n, float *words);
    /* n words, each of two positions; later NULL: zeros. NULL where word_numbers is 1 */
    void (*pack_values)(const float *earlier, const float *later, size_t n, float *words);
    void (*product)(const struct attend_product *product);
    void (*weigh)(const struct attend_weigh *weigh);
    void (*sum)(const struct attend_sum *sum);
};

/* Words that hold n numbers. */
static inline size_t attend_words(const struct attend_kernels *kernels, size_t n)
{
    return (n + kernels->word_numbers - 1) / kernels->word_numbers;
}

#endif
