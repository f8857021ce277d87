/* SPDX-License-Identifier: Apache-2.0 */
/* footprint.c - what cpu_create() will take, added up without taking it. A test holds the two together. */
#include "backend/cpu/state.h"
#include "base/bytes.h"

/* What operand_init() takes. */
static uint64_t operand_bytes(uint64_t n_rows, uint64_t n_columns, enum operand_forms forms)
{
    bool int8 = (forms & OPERAND_INT8) != 0 && n_columns % ACTIVATION_BLOCK == 0;
    uint64_t float_bytes = (forms & OPERAND_FLOATS) != 0 ? n_columns * sizeof(float) : 0;
    return n_rows * (float_bytes + (int8 ? activation_row_bytes(n_columns) : 0));
}

static uint64_t attention_bytes(const struct cpu_options *options)
{
    const struct geometry *g = options->geometry;
    enum operand_forms forms = cpu_forms(options);
    uint64_t n = options->max_rows, floats = g->query_rank + (uint64_t)g->n_heads * geometry_head_query(g) +
                                             geometry_cache_values(g);
    return n * floats * sizeof(float) + operand_bytes(n, g->query_rank, forms) +
           operand_bytes(n, (uint64_t)g->n_heads * g->head_value, forms) + split_bytes(g);
}

static uint64_t feed_forward_bytes(const struct cpu_options *options)
{
    const struct geometry *g = options->geometry;
    enum operand_forms forms = cpu_forms(options);
    uint64_t n = options->max_rows, n_slots = n * g->n_experts_used;
    uint64_t n_bytes = operand_bytes(n, cpu_inner_columns(g), forms);
    if (g->n_experts == 0)
        return n_bytes;
    n_bytes += n * ((uint64_t)g->n_experts + 2 * g->n_experts_used + g->n_hidden) * sizeof(float);
    return n_bytes + n_slots * (g->n_hidden * sizeof(float) + 2 * sizeof(uint32_t)) +
           operand_bytes(n_slots, g->n_hidden, cpu_slot_forms(options)) +
           operand_bytes(n_slots, g->n_expert_ff, forms);
}

static uint64_t member_bytes(const struct cpu_options *options)
{
    const struct geometry *g = options->geometry;
    enum operand_forms forms = cpu_forms(options);
    return max_size(cpu_attention_scratch(g, options->max_rows), cpu_feed_forward_scratch()) +
           operand_bytes(1, g->n_hidden, forms) + operand_bytes(1, g->query_rank, forms) +
           activation_row_bytes(round_up((size_t)g->n_heads * g->head_value, ACTIVATION_BLOCK));
}

uint64_t cpu_footprint(const struct cpu_options *options, size_t n_members)
{
    const struct geometry *g = options->geometry;
    uint64_t n = options->max_rows;
    uint64_t state = n * (sizeof(struct segment) + 3 * sizeof(uint32_t) + g->head_rotary * sizeof(float) +
                          3 * (uint64_t)g->n_hidden * sizeof(float)) +
                     operand_bytes(n, g->n_hidden, cpu_forms(options));
    return state + attention_bytes(options) + feed_forward_bytes(options) + n_members * member_bytes(options);
}
