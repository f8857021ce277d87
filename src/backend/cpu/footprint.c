/* SPDX-License-Identifier: Apache-2.0 */
/* footprint.c - what cpu_create() will take, added up without taking it. A test holds the two together. */
#include "backend/cpu/state.h"
#include "base/bytes.h"

/* What operand_init() takes. */
static uint64_t operand_bytes(uint64_t n_rows, uint64_t n_columns, bool floats_only)
{
    bool int8 = !floats_only && n_columns % ACTIVATION_BLOCK == 0;
    return n_rows * (n_columns * sizeof(float) + (int8 ? activation_row_bytes(n_columns) : 0));
}

static uint64_t attention_bytes(const struct geometry *g, uint64_t n, bool exact)
{
    uint64_t floats =
        g->query_rank + (uint64_t)g->n_heads * geometry_head_query(g) + geometry_cache_values(g);
    return n * floats * sizeof(float) + operand_bytes(n, g->query_rank, exact) +
           operand_bytes(n, (uint64_t)g->n_heads * g->head_value, exact) + split_bytes(g);
}

static uint64_t feed_forward_bytes(const struct geometry *g, uint64_t n, bool exact)
{
    uint64_t n_slots = n * g->n_experts_used, n_bytes = operand_bytes(n, cpu_inner_columns(g), exact);
    if (g->n_experts == 0)
        return n_bytes;
    n_bytes += n * ((uint64_t)g->n_experts + 2 * g->n_experts_used + g->n_hidden) * sizeof(float);
    return n_bytes + n_slots * (g->n_hidden * sizeof(float) + 2 * sizeof(uint32_t)) +
           operand_bytes(n_slots, g->n_hidden, exact) + operand_bytes(n_slots, g->n_expert_ff, exact);
}

static uint64_t member_bytes(const struct geometry *g, size_t max_rows, bool exact)
{
    return max_size(cpu_attention_scratch(g, max_rows), cpu_feed_forward_scratch()) +
           operand_bytes(1, g->n_hidden, exact) + operand_bytes(1, g->query_rank, exact) +
           activation_row_bytes(round_up((size_t)g->n_heads * g->head_value, ACTIVATION_BLOCK));
}

uint64_t cpu_footprint(const struct geometry *g, size_t max_rows, size_t n_members, bool exact)
{
    uint64_t n = max_rows;
    uint64_t state = n * (sizeof(struct segment) + 3 * sizeof(uint32_t) + g->head_rotary * sizeof(float) +
                          3 * (uint64_t)g->n_hidden * sizeof(float)) +
                     operand_bytes(n, g->n_hidden, exact);
    return state + attention_bytes(g, n, exact) + feed_forward_bytes(g, n, exact) +
           n_members * member_bytes(g, max_rows, exact);
}
