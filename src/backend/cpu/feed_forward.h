/* SPDX-License-Identifier: Apache-2.0 */
/* feed_forward.h - down(silu(gate x) * up x) of one expert for its rows, in strips that members take: dense
 * layers, shared and routed experts alike. */
#ifndef FATHOM_BACKEND_CPU_FEED_FORWARD_H
#define FATHOM_BACKEND_CPU_FEED_FORWARD_H

#include "backend/cpu/state.h"

/* One expert and the rows that go to it. */
struct job {
    const void *gate, *up, *down; /* a matrix each */
    size_t first_input;           /* its first row in the input */
    size_t first_slot;            /* its first row in inner and out */
    size_t n_rows;
};

/* Format, sizes and strides of the jobs' matrices, and the work space between the phases. */
struct expert_kind {
    const struct weight *gate, *up, *down;
    struct strips inner_strips, down_strips; /* of gate and up, and of down */
    const struct operand *input;             /* [row][n_hidden] */
    struct operand inner;                    /* [slot][gate->n_rows] */
};

/* Where a strip of an expert's rows begins. */
static inline const void *down_rows(const struct expert_kind *kind, const struct job *job, size_t strip)
{
    return matrix_row(kind->down, job->down, strip * kind->down_strips.n_rows);
}

struct job_list {
    const struct job *jobs;
    size_t n_jobs;
};

/* Gate and up rows of the jobs, one job's strips after another's, counted by the verb's phase: each is a part
 * of inner, quantized. */
void inner_jobs(struct cpu *cpu, const struct member *member, const struct expert_kind *kind,
                const struct job_list *list, struct verb *verb, size_t phase);
/* Strip `strip` of down rows: out [slot][n_hidden]. `next`: the rows that the member reads then, or NULL. */
void down_strip(struct cpu *cpu, const struct expert_kind *kind, const struct job *job, size_t strip,
                const void *next, float *out);

#endif
