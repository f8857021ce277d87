/* SPDX-License-Identifier: Apache-2.0 */
/* feed_forward.c - an expert in two phases: (1) a strip of gate and up rows, silu, and the strip's part of
 * the down input, quantized; (2) a strip of down rows. And the verb of dense layers, which have one expert
 * for all rows. */
#include "backend/cpu/feed_forward.h"

#include <string.h>

#include "base/bytes.h"

/* Tokens whose gate and up values wait in scratch at once: rows are unpacked anew for as many more. */
#define SCRATCH_TOKENS 256
#define SCRATCH_VALUES (SCRATCH_TOKENS * STRIP_ROWS)

_Static_assert(STRIP_ROWS <= OPERAND_PART, "a strip's part of inner is quantized at once");

struct strip_scratch {
    float gate[SCRATCH_VALUES]; /* [token][row of the strip] */
    float up[SCRATCH_VALUES];
};

size_t cpu_feed_forward_scratch(void)
{
    return sizeof(struct strip_scratch);
}

static const void *gate_rows(const struct expert_kind *kind, const struct job *job, size_t strip)
{
    return matrix_row(kind->gate, job->gate, strip * kind->inner_strips.n_rows);
}

/* Strip `strip` of gate and up rows for all rows of the job; `next`: what this member reads then. */
static void inner_strip(struct cpu *cpu, const struct expert_kind *kind, const struct job *job, size_t strip,
                        const void *next, struct strip_scratch *scratch)
{
    size_t stride = kind->inner_strips.n_rows;
    size_t begin = strip * stride, end = min_size(begin + stride, kind->gate->n_rows);
    for (size_t done = 0; done < job->n_rows; done += SCRATCH_TOKENS) {
        size_t n_tokens = min_size(SCRATCH_TOKENS, job->n_rows - done);
        struct product_range range = {.weight = kind->gate,
                                      .matrix = job->gate,
                                      .begin = begin,
                                      .end = end,
                                      .input = kind->input,
                                      .first_token = job->first_input + done,
                                      .n_tokens = n_tokens,
                                      .next = matrix_row(kind->up, job->up, begin),
                                      .out = scratch->gate,
                                      .out_stride = stride};
        cpu_product(cpu, &range);
        range.weight = kind->up;
        range.matrix = job->up;
        range.next = done + n_tokens < job->n_rows ? gate_rows(kind, job, strip) : next;
        range.out = scratch->up;
        cpu_product(cpu, &range);
        for (size_t t = 0; t < n_tokens; t++) {
            size_t slot = job->first_slot + done + t;
            cpu->kernels.silu_multiply(scratch->gate + t * stride, scratch->up + t * stride,
                                       operand_row(&kind->inner, slot) + begin, end - begin);
            operand_quantize_part(&kind->inner, &cpu->kernels, slot, begin, end - begin);
        }
    }
}

/* An item is taken before the one in hand is computed, so that memory can be asked for its rows. */
void inner_jobs(struct cpu *cpu, const struct member *member, const struct expert_kind *kind,
                const struct job_list *list, struct verb *verb, size_t phase)
{
    size_t n = kind->inner_strips.n, n_items = list->n_jobs * n;
    size_t item = take_item(verb, phase), next;
    for (; item < n_items; item = next) {
        next = take_item(verb, phase);
        const void *next_rows = next < n_items ? gate_rows(kind, &list->jobs[next / n], next % n) : NULL;
        inner_strip(cpu, kind, &list->jobs[item / n], item % n, next_rows, cpu_scratch(cpu, member));
    }
}

void down_strip(struct cpu *cpu, const struct expert_kind *kind, const struct job *job, size_t strip,
                const void *next, float *out)
{
    size_t n_hidden = kind->down->n_rows, begin = strip * kind->down_strips.n_rows;
    cpu_product(cpu, &(struct product_range){.weight = kind->down,
                                             .matrix = job->down,
                                             .begin = begin,
                                             .end = min_size(begin + kind->down_strips.n_rows, n_hidden),
                                             .input = &kind->inner,
                                             .first_token = job->first_slot,
                                             .n_tokens = job->n_rows,
                                             .next = next,
                                             .out = out + job->first_slot * n_hidden + begin,
                                             .out_stride = n_hidden});
}

/* ---- one expert for all rows ---- */

enum { PHASE_INNER, PHASE_DOWN };

static void run_single(struct cpu *cpu, const struct member *member, struct verb *verb,
                       const struct shared_args *args, const struct operand *input)
{
    size_t n_tokens = cpu->step->n_rows;
    const struct expert_kind kind = {.gate = args->gate,
                                     .up = args->up,
                                     .down = args->down,
                                     .inner_strips = cpu_strips(cpu, args->gate, 1, n_tokens),
                                     .down_strips = cpu_strips(cpu, args->down, 1, n_tokens),
                                     .input = input,
                                     .inner = operand_of_width(&cpu->inner, args->gate->n_rows)};
    const struct job job = {
        .gate = args->gate->handle, .up = args->up->handle, .down = args->down->handle, .n_rows = n_tokens};
    inner_jobs(cpu, member, &kind, &(struct job_list){&job, 1}, verb, PHASE_INNER);
    team_barrier(member);
    size_t n = kind.down_strips.n, strip = take_item(verb, PHASE_DOWN), next;
    for (; strip < n; strip = next) {
        next = take_item(verb, PHASE_DOWN);
        down_strip(cpu, &kind, &job, strip, next < n ? down_rows(&kind, &job, next) : NULL, cpu->delta);
    }
}

void run_dense(struct cpu *cpu, const struct member *member, struct verb *verb)
{
    const struct dense_args *args = &verb->args.dense;
    const struct operand *normed = cpu_norm_input(cpu, member, &verb->hidden, args->norm);
    run_single(cpu, member, verb, &(struct shared_args){args->gate, args->up, args->down}, normed);
}

/* On what route() normalized; the routed experts are computed elsewhere. Without shared experts somebody must
 * still begin the sum. */
void run_shared(struct cpu *cpu, const struct member *member, struct verb *verb)
{
    if (verb->args.shared.gate == NULL) {
        struct range share = team_share(member, cpu->step->n_rows * cpu->geometry.n_hidden, 32);
        memset(cpu->delta + share.begin, 0, (share.end - share.begin) * sizeof(float));
        return;
    }
    run_single(cpu, member, verb, &verb->args.shared,
               cpu_own_or_shared(cpu, &cpu->own[member->index].normed, &cpu->normed));
}
