/* SPDX-License-Identifier: Apache-2.0 */
/* weights.h - the numbers of forged tensors, streamed into a file.
 *
 * A tensor larger than the pool repeats the pool's random blocks, each time from another place on: neither
 * memory nor the number of random numbers grows with the model. Each tensor's values depend on the seed and
 * its own name alone. */
#ifndef FATHOM_CLI_FORGE_WEIGHTS_H
#define FATHOM_CLI_FORGE_WEIGHTS_H

#include "base/progress.h"
#include "cli/forge/model.h"
#include "quant/random_weights.h"

#define FORGE_POOL_BYTES ((size_t)4 << 20) /* more than a core's own cache, so that timing sees memory */

struct forge_weights {
    uint64_t seed;
    struct random_scale scales[FORMAT_COUNT];
    uint8_t *pool; /* [FORGE_POOL_BYTES] owned */
};

bool forge_weights_init(struct forge_weights *weights, uint64_t seed, struct error *err);
void forge_weights_release(struct forge_weights *weights);

/* Writes all tensors to `writer`, which has them in this order; `progress` counts the bytes of the file.
 * Fails with "stopped" where progress says so. */
bool forge_weights_write(struct forge_weights *weights, const struct forge_tensors *tensors,
                         struct gguf_writer *writer, const struct progress *progress, struct error *err);

#endif
