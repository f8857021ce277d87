/* SPDX-License-Identifier: Apache-2.0 */
/* attention.h - what the two forms of attention share, and how the attend verb deals them out.
 *
 * Positions are taken in blocks that start at multiples of ATTENTION_BLOCK, and in the absorbed form in
 * ranges of blocks that start at multiples of a range's length, whatever the step. Blocks and ranges are
 * merged in ascending order, so a row's result depends on its own positions only: not on who computes a
 * range, nor on what else is computed. */
#ifndef FATHOM_BACKEND_CPU_ATTENTION_H
#define FATHOM_BACKEND_CPU_ATTENTION_H

#include "backend/cpu/state.h"

/* 128 positions of 576 numbers are 149 KB as int16, 295 KB as floats: a block stays in the second-level
 * cache while all heads of an item read it, and outputs are loaded and stored once for it. Half the length
 * costs 4% (bench/attend). */
#define ATTENTION_BLOCK ATTEND_POSITIONS
/* Positions that are packed at a time. */
#define PACKED_TOGETHER 8
/* Bundles of queries that take a block's scores at a time: as many as a kernel's tile has. */
#define ATTENTION_BUNDLES 2

/* Items of the attend verb's phases: a row by all members takes the first three, others the first alone. */
enum attend_phase { PHASE_HEADS, PHASE_RANGES, PHASE_VALUES, PHASE_OUTPUT };

struct attend_work {
    struct cpu *cpu;
    const struct attend_args *args;
    const struct segment *segment;
    const struct attend_kernels *kernels; /* floats where exactness is asked for or kept in the cache */
};

/* ---- pieces of a member's scratch ---- */

struct pieces {
    uint8_t *at; /* NULL: pieces are only counted */
    size_t n_bytes;
};

static inline float *take_floats(struct pieces *pieces, size_t n)
{
    float *piece = pieces->at == NULL ? NULL : (float *)(void *)(pieces->at + pieces->n_bytes);
    pieces->n_bytes += round_up(n * sizeof(float), 64);
    return piece;
}

/* ---- softmax block by block ---- */

/* Bundles of queries over the positions so far. */
struct running {
    struct attend_running *softmax; /* [bundle] */
    float *outputs;                 /* [bundle][n_values][lane] weighted sums, not divided */
    size_t n_values;
};

static inline struct running running_at(const struct running *running, size_t bundle)
{
    return (struct running){running->softmax + bundle,
                            running->outputs + bundle * running->n_values * ATTEND_LANES, running->n_values};
}

/* A block of positions, in the words of some kernels. */
struct block {
    const struct attend_kernels *kernels;
    struct attend_size size; /* of a key */
    const void *keys;        /* [n_positions][key_words] */
    size_t key_words;
    const void *values; /* floats: [n_positions][value_words]; else as pack_values has them */
    size_t value_words;
    const float *value_scales; /* [n_positions], scale_stride floats apart; of int16 alone */
    size_t scale_stride;
    size_t n_positions;
};

/* Floats between two rows of values: a line of the cache more than they need where rows would come to lie a
 * power of two apart, and fall on the same few sets of it. */
static inline size_t value_stride(size_t n_values)
{
    return n_values % 64 == 0 ? n_values + 16 : n_values;
}

/* What one call of running_add() works in. */
struct workbench {
    float *scores; /* [ATTENTION_BUNDLES][ATTENTION_BLOCK][lane] */
    float *shrink; /* [ATTENTION_BUNDLES][lane] */
    float *scale;  /* [ATTENTION_BUNDLES][lane] */
};

struct workbench take_workbench(struct pieces *pieces);

/* Nothing seen yet. */
void running_start(const struct running *running, size_t n_bundles);
/* Up to ATTENTION_BUNDLES bundles see a block: panels [bundle][words of a key][lane]. n_seen [bundle][lane]:
 * how many of its positions, NULL: all. */
void running_add(const struct running *running, const void *panels, size_t n_bundles,
                 const struct block *block, const uint32_t *n_seen, const struct workbench *workbench);

/* ---- the two forms ---- */

/* The query of a row and head, [plain | rotary], which whoever takes the item turns to its position and
 * scales, once. */
float *finish_query(const struct cpu *cpu, size_t row, size_t head);

/* How many heads an item takes, `least` or more, where there are `n_pieces` items for each: as many as share
 * a block with profit, few enough that all members have something to do. Changes no bit. */
size_t attention_group(size_t n_heads, size_t least, size_t n_pieces, size_t n_members);

/* Some heads of one row, absorbed. scratch: absorbed_scratch() bytes. */
struct heads {
    size_t row;
    size_t first, n;
};
void attend_absorbed(const struct attend_work *work, const struct heads *heads, void *scratch);
size_t absorbed_scratch(const struct geometry *geometry);

/* The same for all heads of a step's only row, by all members together: two more barriers, and the ranges of
 * its positions are shared out. */
void attend_split(const struct attend_work *work, const struct member *member, struct verb *verb,
                  void *scratch);
bool split_pays(const struct cpu *cpu); /* true: there are several ranges */

/* One head and all rows of the segment, expanded. scratch: expanded_scratch() bytes. */
void attend_expanded(const struct attend_work *work, size_t head, void *scratch);
size_t expanded_scratch(const struct geometry *geometry, size_t max_rows);

#endif
