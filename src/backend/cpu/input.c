/* SPDX-License-Identifier: Apache-2.0 */
/* input.c - the norms that verbs begin with, and the addition of the last half-layer that they carry out on
 * the way. */
#include <string.h>

#include "backend/cpu/state.h"

struct hidden cpu_take_hidden(struct cpu *cpu)
{
    struct hidden hidden = {.from = cpu->hidden[cpu->current]};
    if (cpu->pending) {
        cpu->current = 1 - cpu->current;
        hidden.to = cpu->hidden[cpu->current];
    }
    cpu->pending = false;
    return hidden;
}

/* Row `row` of the state, normalized, as row `place` of `out`. */
static void norm_row(const struct cpu *cpu, const struct hidden *hidden, const struct weight *norm,
                     size_t row, const struct operand *out, size_t place)
{
    size_t n_hidden = cpu->geometry.n_hidden;
    float *x = operand_row(out, place);
    memcpy(x, hidden->from + row * n_hidden, n_hidden * sizeof(float));
    if (hidden->to != NULL)
        cpu->kernels.add_scaled(1.0f, cpu->delta + row * n_hidden, x, n_hidden);
    cpu->kernels.rms_norm(x, weight_vector(norm), cpu->geometry.norm_epsilon, x, n_hidden);
    operand_quantize(out, &cpu->kernels, place);
}

/* The state goes on to the other buffer, this member's share of all rows. Nobody reads it before the next
 * norm. */
static void pass_on(const struct cpu *cpu, const struct member *member, const struct hidden *hidden)
{
    if (hidden->to == NULL)
        return;
    struct range share = team_share(member, cpu->step->n_rows * cpu->geometry.n_hidden, 32);
    size_t n = share.end - share.begin;
    memcpy(hidden->to + share.begin, hidden->from + share.begin, n * sizeof(float));
    cpu->kernels.add_scaled(1.0f, cpu->delta + share.begin, hidden->to + share.begin, n);
}

const struct operand *cpu_norm_input(struct cpu *cpu, const struct member *member,
                                     const struct hidden *hidden, const struct weight *norm)
{
    const struct operand *own = &cpu->own[member->index].normed;
    pass_on(cpu, member, hidden);
    if (cpu->step->n_rows == 1) {
        norm_row(cpu, hidden, norm, 0, own, 0);
        return own;
    }
    struct range share = team_share(member, cpu->step->n_rows, 1);
    for (size_t row = share.begin; row < share.end; row++)
        norm_row(cpu, hidden, norm, row, &cpu->normed, row);
    team_barrier(member);
    return &cpu->normed;
}

const struct operand *cpu_norm_wanted(struct cpu *cpu, const struct member *member,
                                      const struct hidden *hidden, const struct weight *norm)
{
    const struct operand *own = &cpu->own[member->index].normed;
    if (cpu->n_wanted == 1) {
        norm_row(cpu, hidden, norm, cpu->wanted[0], own, 0);
        return own;
    }
    struct range share = team_share(member, cpu->n_wanted, 1);
    for (size_t i = share.begin; i < share.end; i++)
        norm_row(cpu, hidden, norm, cpu->wanted[i], &cpu->normed_wanted, i);
    team_barrier(member);
    return &cpu->normed_wanted;
}

void cpu_rotate(const struct cpu *cpu, size_t row, float *x)
{
    size_t n_pairs = cpu->geometry.head_rotary / 2;
    const float *angle = cpu->rotation + row * n_pairs * 2;
    for (size_t i = 0; i < n_pairs; i++, angle += 2) {
        float even = x[2 * i], odd = x[2 * i + 1];
        x[2 * i] = even * angle[0] - odd * angle[1];
        x[2 * i + 1] = even * angle[1] + odd * angle[0];
    }
}
