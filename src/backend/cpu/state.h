/* SPDX-License-Identifier: Apache-2.0 */
/* state.h - what the CPU backend keeps between verbs; seen by backend/cpu/ and its tests alone.
 *
 * Every buffer has room for max_rows rows and is taken once, at creation:
 * nothing allocates during a step. What no step has filled yet costs no
 * memory, since large blocks are real only where they are touched. Row-wise
 * results are computed whole by one member of the team, from their own
 * operands, so no result depends on the number of threads or on the other rows
 * of the step. */
#ifndef FATHOM_BACKEND_CPU_STATE_H
#define FATHOM_BACKEND_CPU_STATE_H

#include "backend/cpu/cpu.h"
#include "backend/cpu/operand.h"
#include "backend/cpu/program.h"
#include "base/bytes.h"
#include "kernel/kernel.h"

/* Rows of one session within a step. */
struct segment {
    size_t first_row, n_rows;
    uint32_t first_position;
    struct cache *cache;
    bool expanded; /* the form of its attention */
};

/* A member's own copies of what a single row's verbs need: making them in every thread is cheaper than
 * waiting for one thread to make them for all. Member 0's are the shared ones, so that a row is there for
 * all. */
struct own {
    struct operand normed;    /* [1][n_hidden] */
    struct operand query_low; /* [1][query_rank] */
    uint8_t *heads_int8;      /* the int8 form of cpu->heads' row; NULL where there is none */
};

struct cpu {
    struct backend backend; /* first: the address of one is the address of the other */
    struct geometry geometry;
    struct kernels kernels;
    struct team *team;
    struct rank_sum rank_sum;
    struct blocks blocks; /* all memory of the pointers below */
    float *frequencies;   /* [head_rotary / 2] */
    float score_scale;
    bool exact;
    enum operand_forms forms, slot_forms; /* the latter: of the inputs of routed experts */

    /* the step under way */
    const struct step *step;
    struct program program;
    struct segment *segments; /* [max_rows] */
    size_t n_segments;
    uint32_t *sessions; /* [max_rows] the segment of each row */
    uint32_t *together; /* [max_rows] the rows of its segment */
    uint32_t *wanted;   /* [max_rows] rows that want logits */
    size_t n_wanted;
    size_t n_verbs;       /* of the program, at most, that are run */
    struct step narrowed; /* the step that takes its place behind narrow(), and */
    struct row *kept;     /* [max_rows] its rows */
    bool failed;          /* and then the line: */
    struct error error;
    struct backend_report report; /* of this step and all before; written by member 0 */

    float *hidden[2]; /* [row][n_hidden] the state, and where the next one goes */
    size_t current;   /* which of them holds it, as the verbs are written down */
    bool pending;     /* delta is still to be added to it */
    float *delta;     /* [row][n_hidden] what the layer's half adds to hidden */
    float *rotation;  /* [row][head_rotary / 2][cosine, sine] */

    struct operand normed;        /* [row][n_hidden] */
    struct operand normed_wanted; /* the same memory for rows that want logits: few at once */
    float *query_raw;             /* [row][query_rank] before its norm */
    struct operand query_low;     /* [row][query_rank] */
    float *query;                 /* [row][head][plain + rotary] */
    float *latent;                /* [row][latent_rank + rotary] */
    struct operand heads;         /* [row][head * value] */
    struct operand inner;         /* [row][cpu_inner_columns()] */
    struct own *own;              /* [member] */

    float *router_scores;  /* [row][n_experts] */
    uint32_t *chosen;      /* [row][n_experts_used] */
    float *chosen_weights; /* [row][n_experts_used] */
    float *routed;         /* [row][n_hidden] the routed experts' sum, where another backend computes it */
    struct slots *slots;   /* experts.c */

    struct split *split; /* split.c */

    uint8_t *scratch; /* [member][scratch_bytes] */
    size_t scratch_bytes;
};

static inline struct cpu *cpu_of(struct backend *backend)
{
    return (struct cpu *)backend;
}

static inline enum operand_forms cpu_forms(const struct cpu_options *options)
{
    return options->exact ? OPERAND_FLOATS : OPERAND_BOTH;
}

static inline enum operand_forms cpu_slot_forms(const struct cpu_options *options)
{
    return options->int8_experts && !options->exact ? OPERAND_INT8 : cpu_forms(options);
}

/* Columns of cpu->inner: the wider one's, in whole blocks, so that there is room for the int8 form of
 * whichever of the two is quantized. */
static inline size_t cpu_inner_columns(const struct geometry *g)
{
    return round_up(max_size(g->n_dense_layers > 0 ? g->n_dense_ff : 0, g->n_shared_ff), ACTIVATION_BLOCK);
}

static inline void *cpu_scratch(struct cpu *cpu, const struct member *member)
{
    return cpu->scratch + member->index * cpu->scratch_bytes;
}

/* The first failure of a step stays. */
void cpu_fail(struct cpu *cpu, const struct error *err);

/* ---- input.c: what verbs begin with ---- */

/* The state for the next verb that normalizes; called while verbs are written down. */
struct hidden cpu_take_hidden(struct cpu *cpu);

/* hidden (and delta) of the step's rows, or of those listed, normalized: [row][n_hidden], both forms, ready
 * for every member on return. One row is made by each member for itself, more are shared out and waited for.
 */
const struct operand *cpu_norm_input(struct cpu *cpu, const struct member *member,
                                     const struct hidden *hidden, const struct weight *norm);
const struct operand *cpu_norm_wanted(struct cpu *cpu, const struct member *member,
                                      const struct hidden *hidden, const struct weight *norm);

/* One row: the member's own; more: the shared one. For operands that a verb fills by cpu_norm_input()'s rule.
 */
static inline const struct operand *cpu_own_or_shared(const struct cpu *cpu, const struct operand *own,
                                                      const struct operand *shared)
{
    return cpu->step->n_rows == 1 ? own : shared;
}

/* Turns adjacent pairs of x[head_rotary] by the row's angles. */
void cpu_rotate(const struct cpu *cpu, size_t row, float *x);

/* ---- product.c ---- */

/* Rows begin .. end - 1 of a matrix times some tokens of the input, in the form that the weight takes:
 * out[token * out_stride + row - begin]. */
struct product_range {
    const struct weight *weight;
    const void *matrix; /* address of the matrix: one of the weight's, or bytes delivered for it */
    size_t begin, end;
    const struct operand *input;
    size_t first_token, n_tokens;
    const void *next; /* rows that this member reads after these, or NULL */
    float *out;
    size_t out_stride;
};
void cpu_product(const struct cpu *cpu, const struct product_range *range);

/* The table up to an instruction set; NULL: the best there is. */
bool cpu_choose_kernels(struct kernels *kernels, const char *name, struct error *err);

/* How the rows of a weight are dealt out: strips go to whoever is free. */
struct strips {
    size_t n_rows; /* of a strip; the last of a weight may be shorter */
    size_t n;      /* strips of a weight */
};
#define STRIP_ROWS 256
/* Rows of a strip, a multiple of 64 and at most STRIP_ROWS, where n_rows rows are dealt out together. */
size_t cpu_strip_rows(const struct kernels *kernels, size_t row_bytes, size_t n_rows, size_t n_tokens,
                      size_t n_members);
/* For n_weights weights of this shape that are dealt out together, and n_tokens tokens. */
struct strips cpu_strips(const struct cpu *cpu, const struct weight *weight, size_t n_weights,
                         size_t n_tokens);

/* A whole weight times the input's first n_tokens, out [token][weight->n_rows]. */
struct product_all {
    const struct weight *weight;
    const struct operand *input;
    size_t n_tokens;
    float *out;
};
/* Strips of rows go to whoever is free, counted by the verb's phase. */
void cpu_product_strips(const struct cpu *cpu, struct verb *verb, size_t phase,
                        const struct product_all *all);

static inline const void *weight_matrix(const struct weight *weight, size_t index)
{
    return (const uint8_t *)weight->handle + index * weight->matrix_stride;
}

/* Where a row of a matrix begins. */
static inline const void *matrix_row(const struct weight *weight, const void *matrix, size_t row)
{
    return (const uint8_t *)matrix + row * weight->row_stride;
}

static inline const float *weight_vector(const struct weight *weight)
{
    return weight->handle;
}

/* ---- memory.c ---- */

bool cpu_weight_allocate(struct backend *backend, struct weight *weight, struct error *err);
bool cpu_weight_upload(struct backend *backend, const struct weight *weight, const struct upload *upload,
                       struct error *err);
bool cpu_weight_map(struct backend *backend, struct weight *weight, const void *bytes, size_t row_stride,
                    size_t matrix_stride);
void cpu_weight_release(struct backend *backend, struct weight *weight);

/* ---- cache.c ---- */

struct cache *cpu_cache_create(struct backend *backend, enum cache_format format, size_t n_positions,
                               struct error *err);
void cpu_cache_free(struct backend *backend, struct cache *cache);
void cpu_cache_truncate(struct backend *backend, struct cache *cache, size_t n_kept);
void cpu_cache_copy(struct backend *backend, struct cache *to, const struct cache *from, size_t first,
                    size_t n);
size_t cpu_cache_position_bytes(const struct backend *backend, enum cache_format format);
void cpu_cache_export(struct backend *backend, const struct cache *cache, size_t first, size_t n,
                      void *bytes);
void cpu_cache_import(struct backend *backend, struct cache *cache, size_t first, size_t n,
                      const void *bytes);
/* n positions of a layer as floats, [position][latent_rank + rotary]: in place, or converted into `block`,
 * which has room for CACHE_BLOCK - 1 floats more. */
#define CACHE_BLOCK 32 /* numbers that share a scale in the quantized formats */
const float *cpu_cache_read(const struct cpu *cpu, const struct cache *cache, uint32_t layer, size_t first,
                            size_t n, float *block);

enum cache_format cpu_cache_format(const struct cache *cache);

/* ---- split.c: what members leave for each other ---- */

bool split_create(struct cpu *cpu, struct error *err);
size_t split_bytes(const struct geometry *geometry);

/* ---- the verbs ---- */

verb_run run_project, run_append, run_attend, run_route, run_dense, run_shared, run_mixture, run_add_routed;
verb_call call_handover;

size_t cpu_attention_scratch(const struct geometry *geometry, size_t max_rows); /* bytes a member */
size_t cpu_feed_forward_scratch(void);
bool cpu_slots_create(struct cpu *cpu, struct error *err);
bool cpu_experts_batch(struct backend *backend, const struct experts_args *args,
                       const struct expert_batch *batch, struct error *err);

#endif
