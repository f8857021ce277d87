/* SPDX-License-Identifier: Apache-2.0 */
/* plan_measure.c - what a model multiplies, and how fast that goes here. */
#include "weights/plan_measure.h"

#include "machine/probe.h"

#define MEMORY_SECONDS 0.15

static void add_shape(struct cpu_shapes *shapes, struct cpu_shape shape)
{
    for (size_t i = 0; i < shapes->n_items; i++)
        if (shapes->items[i].format == shape.format && shapes->items[i].n_columns == shape.n_columns)
            return;
    if (shapes->n_items < CPU_MOST_RATES)
        shapes->items[shapes->n_items++] = shape;
}

struct cpu_shapes plan_shapes_of(const struct gguf *file, const struct catalog *catalog)
{
    struct cpu_shapes shapes = {.latent_rank = catalog->geometry.latent_rank,
                                .head_rotary = catalog->geometry.head_rotary};
    for (size_t i = 0; i < file->n_tensors; i++) {
        const struct gguf_tensor *tensor = &file->tensors[i];
        bool vector = tensor->dimensions[1] * tensor->dimensions[2] == 1; /* norms and biases: no products */
        if (!vector && part_token_bytes(catalog, tensor, part_of(catalog, i)) > 0)
            add_shape(&shapes, (struct cpu_shape){tensor->format, (uint32_t)tensor->dimensions[0]});
    }
    return shapes;
}

bool plan_measure_memory(struct plan_machine *machine, struct team *team, struct error *err)
{
    size_t n_bytes = probe_memory_bytes(team_size(team));
    return probe_read_bandwidth(team, n_bytes, MEMORY_SECONDS, &machine->read_rate, err);
}

bool plan_measure(struct plan_machine *machine, struct team *team, const char *isa,
                  const struct cpu_shapes *shapes, struct error *err)
{
    return plan_measure_memory(machine, team, err) &&
           cpu_rates_measure(&machine->rates, team, isa, shapes, err);
}
