/* SPDX-License-Identifier: Apache-2.0 */
/* measure.h - the rates of this machine that a forecast wants, measured now and with the kernels that a
 * model would run: forecasts from constants are right only where the constants were taken. */
#ifndef FATHOM_CLI_PLAN_MEASURE_H
#define FATHOM_CLI_PLAN_MEASURE_H

#include "kernel/kernel.h"
#include "machine/team.h"
#include "weights/plan.h"

/* Weights whose rates are wanted. */
struct plan_shape {
    enum format format;
    uint32_t n_columns;
};

struct plan_shapes {
    struct plan_shape items[PLAN_MOST_RATES];
    size_t n_items;
    size_t latent_rank, head_rotary;
    bool small_pages; /* as mapped weights lie at worst; else huge ones */
};

struct plan_shapes plan_shapes_of(const struct gguf *file, const struct catalog *catalog);

/* Fills the rates of `machine`, but for the drive's. Takes a fifth of a second a shape, and up to 2 GiB while
 * it measures. */
bool plan_measure(struct plan_machine *machine, struct team *team, const struct kernels *kernels,
                  const struct plan_shapes *shapes, struct error *err);
/* The rate of memory alone. */
bool plan_measure_memory(struct plan_machine *machine, struct team *team, struct error *err);

#endif
