/* SPDX-License-Identifier: Apache-2.0 */
/* attend.h - the inner loops of attention, for many queries at once.
 *
 * Sixteen queries (heads of one row, or rows of one head) are the lanes of a
 * bundle. Keys are spread over the lanes one word at a time, so they are
 * read as they lie, and a softmax over positions never sums across lanes:
 * what a lane gets depends on its own query alone.
 *
 * A word is one float, or two int16 where a float would be. How int16 lie in
 * their words is a level's own affair, since its functions alone read what
 * its functions packed. In pairs the product of two words adds the products
 * of what they hold: keys are packed along their columns, values along
 * positions, odd ends filled up with zeros. Where all sizes are whole chunks
 * a level may split numbers into planes of bytes instead: kernel.h's
 * attend_chunks.
 *
 * In int16 a vector is scaled to length 32767 and rounded to nearest even, its plain and its rotary part
 * each for itself, since they differ in size. So no number is larger, no product of two vectors is
 * beyond 2^30 (Cauchy and Schwarz), sums are exact, and their bits are the same on every level. The
 * law is generic/attend_int16.c. */
#ifndef FATHOM_KERNEL_ATTEND_H
#define FATHOM_KERNEL_ATTEND_H

#include <float.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"

#define ATTEND_LANES 16
#define ATTEND_PARTS 2
/* The most positions of a block: so many weights of ATTEND_WEIGHTS / 128 add up without overflow. */
#define ATTEND_POSITIONS 128
#define ATTEND_CHUNK     64 /* numbers, or positions, that a level may want together */

/* Numbers of a query or a key: [plain | rotary]. The plain part of an absorbed one is of latents. */
struct attend_size {
    size_t plain, rotary;
};

/* out[bundle][row][lane] = rows times panels. A result over floats is one chain of additions in the order of
 * the columns; one over int16 is plain part + rotary part, exact but for that sum and the scales. */
struct attend_product {
    const void *panels; /* [n_bundles], of `size`, as pack_queries writes them */
    size_t n_bundles;
    const void *rows; /* [n_rows][row_words], of `size`: floats, or as pack_keys writes them */
    size_t n_rows;
    struct attend_size size;
    size_t row_words;
    float *out;
    size_t out_bundle; /* floats from one bundle's results to the next's */
    size_t out_row;    /* floats from one row's results to the next's; at least ATTEND_LANES */
};

/* A block's values, from the plain parts of its packed rows. */
struct attend_values {
    const void *rows; /* [n_positions][row_words], as pack_keys writes them */
    size_t row_words;
    size_t n_positions; /* at most ATTEND_POSITIONS */
    size_t n_columns;   /* of the plain part */
    void *words;        /* [words of n_positions, whole chunks][value_words] */
    size_t value_words; /* at least n_columns */
};

/* Softmax over the positions that a bundle has seen: sum of e^(score - highest), lane by lane. */
struct attend_running {
    float highest[ATTEND_LANES]; /* begins at -FLT_MAX, which takes part in sums where -infinity cannot */
    float sum[ATTEND_LANES];
};

/* A block's scores become the weights of its positions. */
struct attend_weigh {
    float *scores;             /* [n_positions][lane], room for whole chunks; used up */
    size_t n_positions;        /* at most ATTEND_POSITIONS */
    const uint32_t *n_seen;    /* [lane] of n_positions, from the first; NULL: all of them */
    const float *value_scales; /* [n_positions], scale_stride floats apart; int16 alone */
    size_t scale_stride;
    struct attend_running *running;
    void *weights; /* [words of n_positions, whole chunks][lane]; may be `scores` */
    float *shrink; /* [lane] what earlier sums are multiplied with */
    float *scale;  /* [lane] what sums of weight * value are multiplied with; int16 alone */
};

/* out[bundle][column][lane] = out * shrink + sum over positions of weight * value: over floats in ascending
 * order, over int16 exact and multiplied with scale. */
struct attend_sum {
    const void *weights; /* [n_bundles][n_words][lane], bundles weights_bundle words apart */
    size_t weights_bundle;
    const float *shrink; /* [n_bundles][lane] */
    const float *scale;  /* [n_bundles][lane]; int16 alone */
    size_t n_bundles;
    const void *values; /* [n_words][value_words] floats, of which the first n_columns count, or as packed */
    size_t n_words;     /* of positions */
    size_t value_words;
    size_t n_columns;
    float *out; /* [n_bundles][n_columns][lane] */
};

struct attend_kernels {
    size_t word_numbers; /* 1: floats, which need no packing of keys and values; 2: int16 */
    size_t line_words;   /* packed rows are a multiple of it long */
    /* A panel from x[n_lanes][stride]: attend_row_words(size) of each lane; further lanes are zero. */
    void (*pack_queries)(const float *x, size_t stride, size_t n_lanes, struct attend_size size, void *panel);
    /* rows[n][row_words] from x[n][stride]: int16 of both parts, then a scale of each, attend_row_words(size)
     * words. NULL where words are floats */
    void (*pack_keys)(const float *x, size_t stride, size_t n, struct attend_size size, void *rows,
                      size_t row_words);
    void (*pack_values)(const struct attend_values *values); /* NULL where words are floats */
    void (*product)(const struct attend_product *product);
    void (*weigh)(const struct attend_weigh *weigh);
    void (*sum)(const struct attend_sum *sum);
};

/* Words that hold n numbers. */
static inline size_t attend_words(const struct attend_kernels *kernels, size_t n)
{
    return (n + kernels->word_numbers - 1) / kernels->word_numbers;
}

/* Where the scales of a packed row stand, behind its words. */
static inline size_t attend_scales_at(struct attend_size size)
{
    return (size.plain + 1) / 2 + (size.rotary + 1) / 2;
}

/* Of a row, or of a lane of a panel. At most ATTEND_PARTS more than it has numbers. */
static inline size_t attend_row_words(const struct attend_kernels *kernels, struct attend_size size)
{
    if (kernels->word_numbers == 1)
        return size.plain + size.rotary;
    return round_up(attend_scales_at(size) + ATTEND_PARTS, kernels->line_words);
}

/* ---- scales of int16 ---- */

#define ATTEND_LENGTH   32767.0f
#define ATTEND_SHORTEST 0x1p-40f /* shorter vectors are zero; their squares would soon be */
#define ATTEND_SQUARES  64       /* partial sums of squares: column i in the one of i % 64 */

/* What a vector of this length is multiplied with before it is rounded. 0: its numbers are zero. */
static inline float attend_factor(float length)
{
    return length >= ATTEND_SHORTEST && length <= FLT_MAX ? ATTEND_LENGTH / length : 0.0f;
}

/* What its numbers are multiplied with to get it back: not a number where the vector is none. */
static inline float attend_scale(float length)
{
    return attend_factor(length) == 0.0f ? length - length : length / ATTEND_LENGTH;
}

/* A block's weights of a lane, each times its value's scale, are multiplied so that none is above this and
 * all together are at most twice it, rounding aside: times 32767 that is below 2^31. */
#define ATTEND_WEIGHTS 32700.0f
/* Positions whose score is further below the highest count as nothing: millions of them would weigh 1e-11 of
 * the highest. It keeps all products of scales and weights in the range of normal floats. */
#define ATTEND_LEAST (-40.0f)

#endif
