/* SPDX-License-Identifier: Apache-2.0 */
/* split.c - absorbed attention of a step's only row, by all members together: each head's query; then ranges
 * of positions, each by groups of heads; then each head's ranges merged in ascending order. The steps are
 * those of absorbed.c, so the bits are too. */
#include <assert.h>
#include <string.h>

#include "backend/cpu/absorbed.h"

/* What members leave for each other. */
struct split {
    float *queries;       /* [head][latent_rank + rotary] */
    struct partial parts; /* [range][head] */
};

static struct pieces lay_out(struct split *split, const struct geometry *g, uint8_t *at)
{
    struct pieces pieces = {.at = at};
    split->queries = take_floats(&pieces, (size_t)g->n_heads * geometry_cache_values(g));
    split->parts = take_partial(&pieces, (size_t)ATTENTION_RANGES * g->n_heads, g->latent_rank);
    return pieces;
}

size_t split_bytes(const struct geometry *geometry)
{
    struct split split;
    return lay_out(&split, geometry, NULL).n_bytes;
}

bool split_create(struct cpu *cpu, struct error *err)
{
    cpu->split = blocks_take(&cpu->blocks, 1, sizeof *cpu->split, "attention", err);
    uint8_t *bytes = blocks_take(&cpu->blocks, 1, split_bytes(&cpu->geometry), "attention", err);
    if (cpu->split == NULL || bytes == NULL)
        return false;
    lay_out(cpu->split, &cpu->geometry, bytes);
    return true;
}

bool split_pays(const struct cpu *cpu)
{
    return cpu->step->n_rows == 1 && !cpu->segments[0].expanded &&
           range_count(cpu->step->rows[0].position + 1) > 1;
}

static void attend_ranges(const struct attend_work *work, const struct member *member, struct verb *verb,
                          void *scratch)
{
    const struct cpu *cpu = work->cpu;
    const struct geometry *g = &cpu->geometry;
    const size_t n_positions = cpu->step->rows[0].position + 1, length = range_length(n_positions);
    const size_t n_ranges = range_count(n_positions);
    const size_t group = attention_group(g->n_heads, ATTEND_LANES, n_ranges, member->n_members);
    const size_t n_groups = (g->n_heads + group - 1) / group;
    struct pieces pieces = {.at = scratch};
    const struct absorbed a = take_absorbed(&pieces, g, group);
    size_t packed = SIZE_MAX, item; /* the first head whose group is in the panels */
    while ((item = take_item(verb, PHASE_RANGES)) < n_ranges * n_groups) {
        size_t index = item % n_ranges, head = item / n_ranges * group;
        size_t n_heads = min_size(group, g->n_heads - head);
        if (packed != head)
            absorbed_pack(work, &a, cpu->split->queries + head * geometry_cache_values(g), n_heads);
        packed = head;
        const struct range positions = {index * length, min_size((index + 1) * length, n_positions)};
        const struct partial out = partial_at(&cpu->split->parts, index * g->n_heads + head, g->latent_rank);
        attend_range(work, &a, n_heads, &positions, &out);
    }
}

static void finish_values(const struct attend_work *work, struct verb *verb, void *scratch)
{
    const struct cpu *cpu = work->cpu;
    const struct geometry *g = &cpu->geometry;
    const size_t n_ranges = range_count(cpu->step->rows[0].position + 1);
    struct pieces pieces = {.at = scratch};
    const struct vector vector = take_vector(&pieces, g);
    size_t head;
    while ((head = take_item(verb, PHASE_VALUES)) < g->n_heads) {
        const struct partial total = partial_at(&cpu->split->parts, head, g->latent_rank);
        for (size_t i = 1; i < n_ranges; i++) {
            const struct partial next = partial_at(&cpu->split->parts, i * g->n_heads + head, g->latent_rank);
            partial_merge(&cpu->kernels, &total, &next, g->latent_rank);
        }
        finish_head(work, &vector, &total, 0, head);
    }
}

void attend_split(const struct attend_work *work, const struct member *member, struct verb *verb,
                  void *scratch)
{
    const struct geometry *g = &work->cpu->geometry;
    struct pieces pieces = {.at = scratch};
    const struct vector vector = take_vector(&pieces, g);
    size_t head;
    while ((head = take_item(verb, PHASE_HEADS)) < g->n_heads)
        absorb_query(work, &vector, 0, head, work->cpu->split->queries + head * geometry_cache_values(g));
    team_barrier(member);
    attend_ranges(work, member, verb, scratch);
    team_barrier(member);
    finish_values(work, verb, scratch);
}
