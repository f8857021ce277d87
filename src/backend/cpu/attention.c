/* SPDX-License-Identifier: Apache-2.0 */
/* attention.c - the attend verb: queries turned to their positions, each session's rows in its form, output
 * projection. */
#include "backend/cpu/attention.h"

#include "base/bytes.h"

size_t cpu_attention_scratch(const struct geometry *geometry, size_t max_rows)
{
    return max_size(absorbed_scratch(geometry), expanded_scratch(geometry, max_rows));
}

/* Items a member should find, so that the last ones leave nobody idle for long. */
#define ITEMS_A_MEMBER 4
/* Less than a bundle wastes lanes, but a short context costs little beside the weights that each head reads.
 */
#define LEAST_HEADS 4

size_t attention_group(size_t n_heads, size_t least, size_t n_pieces, size_t n_members)
{
    size_t group = round_up(n_heads, ATTEND_LANES);
    while (group >= 2 * least && (n_heads + group - 1) / group * n_pieces < ITEMS_A_MEMBER * n_members)
        group = round_up(group / 2, min_size(group / 2, ATTEND_LANES));
    return group;
}

/* A model whose vectors, however they are taken, are whole chunks. */
static bool has_chunks(const struct geometry *g)
{
    return (g->latent_rank | g->head_plain | g->head_rotary | g->head_value) % ATTEND_CHUNK == 0;
}

static struct attend_work work_on(struct cpu *cpu, const struct verb *verb, const struct segment *segment)
{
    bool floats = cpu->exact || cpu_cache_format(segment->cache) == CACHE_F32;
    return (struct attend_work){cpu, &verb->args.attend, segment,
                                floats ? &cpu->kernels.attend_float
                                       : kernels_attend_int16(&cpu->kernels, has_chunks(&cpu->geometry))};
}

/* Items of all segments, one after the other: of an absorbed one (row, group of heads) pairs, of an expanded
 * one heads. */
static void attend_segments(struct cpu *cpu, const struct member *member, struct verb *verb)
{
    const size_t n_heads = cpu->geometry.n_heads;
    const size_t group = attention_group(n_heads, LEAST_HEADS, cpu->step->n_rows, member->n_members);
    const size_t n_groups = (n_heads + group - 1) / group;
    void *scratch = cpu_scratch(cpu, member);
    size_t item = take_item(verb, PHASE_HEADS), first = 0;
    for (size_t i = 0; i < cpu->n_segments; i++) {
        const struct segment *segment = &cpu->segments[i];
        const struct attend_work work = work_on(cpu, verb, segment);
        size_t n_items = segment->expanded ? n_heads : segment->n_rows * n_groups;
        for (; item < first + n_items; item = take_item(verb, PHASE_HEADS)) {
            size_t row = (item - first) / n_groups, head = (item - first) % n_groups * group;
            if (segment->expanded)
                attend_expanded(&work, item - first, scratch);
            else
                attend_absorbed(
                    &work, &(struct heads){segment->first_row + row, head, min_size(group, n_heads - head)},
                    scratch);
        }
        first += n_items;
    }
}

/* The heads' values in the form that products take: for one row by every member, else by shares. */
static struct operand finish_heads(struct cpu *cpu, const struct member *member)
{
    struct operand heads = cpu->heads;
    if (cpu->step->n_rows == 1) {
        heads.int8 = cpu->own[member->index].heads_int8;
        operand_quantize(&heads, &cpu->kernels, 0);
        return heads;
    }
    struct range rows = team_share(member, cpu->step->n_rows, 1);
    for (size_t row = rows.begin; row < rows.end; row++)
        operand_quantize(&heads, &cpu->kernels, row);
    team_barrier(member);
    return heads;
}

void run_attend(struct cpu *cpu, const struct member *member, struct verb *verb)
{
    if (split_pays(cpu)) {
        const struct attend_work work = work_on(cpu, verb, &cpu->segments[0]);
        attend_split(&work, member, verb, cpu_scratch(cpu, member));
    } else {
        attend_segments(cpu, member, verb);
    }
    team_barrier(member);
    const struct operand heads = finish_heads(cpu, member);
    cpu_product_strips(
        cpu, verb, PHASE_OUTPUT,
        &(struct product_all){verb->args.attend.output, &heads, cpu->step->n_rows, cpu->delta});
}
