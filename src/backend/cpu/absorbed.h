/* SPDX-License-Identifier: Apache-2.0 */
/* absorbed.h - the steps of absorbed attention, as absorbed.c takes them one after the other for some heads
 * of a row, and split.c by many members for all heads of one. */
#ifndef FATHOM_BACKEND_CPU_ABSORBED_H
#define FATHOM_BACKEND_CPU_ABSORBED_H

#include "backend/cpu/attention.h"

/* Ranges are merged one after the other, so a row may be computed by as many members as it has ranges. What
 * one begins with and how many there are at most: a longer row has longer ranges, a power of two times this.
 */
#define ATTENTION_RANGE  1024
#define ATTENTION_RANGES 32

/* The length of a row's ranges, by its number of positions alone. */
static inline size_t range_length(size_t n_positions)
{
    size_t length = ATTENTION_RANGE;
    while (n_positions > length * ATTENTION_RANGES)
        length *= 2;
    return length;
}

static inline size_t range_count(size_t n_positions)
{
    size_t length = range_length(n_positions);
    return (n_positions + length - 1) / length;
}

/* What some heads have of some positions: softmax and weighted sum, not divided. */
struct partial {
    float *highest; /* [head] */
    float *sum;     /* [head] */
    float *outputs; /* [head][latent_rank] */
};

static inline struct partial partial_at(const struct partial *partial, size_t head, size_t rank)
{
    return (struct partial){partial->highest + head, partial->sum + head, partial->outputs + head * rank};
}

static inline struct partial take_partial(struct pieces *pieces, size_t n_heads, size_t rank)
{
    struct partial partial;
    partial.highest = take_floats(pieces, n_heads);
    partial.sum = take_floats(pieces, n_heads);
    partial.outputs = take_floats(pieces, n_heads * rank);
    return partial;
}

/* A vector of one head on its way through a weight, in both forms that products take. */
struct vector {
    float *floats; /* [max(latent_rank, plain)] */
    uint8_t *int8; /* quantized */
};

struct vector take_vector(struct pieces *pieces, const struct geometry *geometry);

/* Of one item: */
struct absorbed {
    float *panels; /* [bundle][words of latent_rank + rotary, scales][lane] */
    float *block;  /* [ATTENTION_BLOCK][latent_rank + rotary] */
    float *keys;   /* [ATTENTION_BLOCK][words of latent_rank + rotary, scales] */
    float *values; /* as pack_values has them, value_stride(latent_rank) a pair of positions */
    struct workbench workbench;
    struct running running;
};

struct absorbed take_absorbed(struct pieces *pieces, const struct geometry *geometry, size_t n_heads);

/* out[latent_rank + rotary]: the query of a row's head over latents. */
void absorb_query(const struct attend_work *work, const struct vector *vector, size_t row, size_t head,
                  float *out);
/* queries[n_heads][latent_rank + rotary] become panels. */
void absorbed_pack(const struct attend_work *work, const struct absorbed *a, const float *queries,
                   size_t n_heads);
/* The packed queries over positions begin .. end - 1. */
void attend_range(const struct attend_work *work, const struct absorbed *a, size_t n_heads,
                  const struct range *positions, const struct partial *out);
/* One head's total takes in the range that follows. */
void partial_merge(const struct kernels *kernels, const struct partial *total, const struct partial *next,
                   size_t rank);
/* The head's value of the row, from all of its positions. */
void finish_head(const struct attend_work *work, const struct vector *vector, const struct partial *total,
                 size_t row, size_t head);

#endif
