/* SPDX-License-Identifier: Apache-2.0 */
/* rates.h - how fast this machine multiplies and attends, measured now, with the kernels and the strips of
 * rows that a step would have: constants are right only where they were taken. */
#ifndef FATHOM_BACKEND_CPU_RATES_H
#define FATHOM_BACKEND_CPU_RATES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "machine/team.h"
#include "quant/format.h"

/* Rows of activations for which products are measured, and between which rates are interpolated. */
#define CPU_FEW_ROWS  16  /* an expert's share of a chunk of 512 in DeepSeek-R1 */
#define CPU_MANY_ROWS 128 /* from here on a weight is unpacked often enough; on AMX 512 gain more */

#define CPU_MOST_RATES 96 /* a model has a dozen */

/* Weights whose rate is wanted. */
struct cpu_shape {
    enum format format;
    uint32_t n_columns;
};

struct cpu_shapes {
    struct cpu_shape items[CPU_MOST_RATES];
    size_t n_items;
    size_t latent_rank, head_rotary;
    bool small_pages; /* as mapped weights lie at worst; else huge ones */
};

/* Of weights in one format and in rows of one length, by all threads together: weights times activation rows
 * a second, read from memory. */
struct cpu_rate {
    enum format format;
    uint32_t n_columns;
    double one, few, many; /* with 1, CPU_FEW_ROWS and CPU_MANY_ROWS activation rows */
};

struct cpu_rates {
    struct cpu_rate products[CPU_MOST_RATES];
    size_t n_products;
    double activations; /* values a second between products: written, read and quantized, all threads */
    double attention;   /* multiply-adds a second, all threads */
};

/* By the whole team with the kernels of `isa` (NULL: the best). A fifth of a second a shape, and up to 2 GiB
 * while it measures. */
bool cpu_rates_measure(struct cpu_rates *rates, struct team *team, const char *isa,
                       const struct cpu_shapes *shapes, struct error *err);

#endif
