/* SPDX-License-Identifier: Apache-2.0 */
/* plan_measure.h - the rates of this machine that a forecast wants. */
#ifndef FATHOM_WEIGHTS_PLAN_MEASURE_H
#define FATHOM_WEIGHTS_PLAN_MEASURE_H

#include "weights/plan.h"

/* The shapes of a model's products. */
struct cpu_shapes plan_shapes_of(const struct gguf *file, const struct catalog *catalog);

/* Fills the rates of `machine`, but for the drive's, with the kernels of `isa`: see cpu_rates_measure(). */
bool plan_measure(struct plan_machine *machine, struct team *team, const char *isa,
                  const struct cpu_shapes *shapes, struct error *err);
/* The rate of memory alone, in a fifth of a second. */
bool plan_measure_memory(struct plan_machine *machine, struct team *team, struct error *err);

#endif
