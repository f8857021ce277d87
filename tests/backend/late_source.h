/* SPDX-License-Identifier: Apache-2.0 */
/* late_source.h - an expert_source that delivers late, out of order, from copies that lie elsewhere.
 *
 * A thread copies each wanted expert into a block of its own after a random
 * moment; done() poisons the block. It checks what the contract asks of the
 * caller (want() once a layer with ids that differ, next() until false, done()
 * before the following next()) and ends the program where that is broken. */
#ifndef FATHOM_TESTS_BACKEND_LATE_SOURCE_H
#define FATHOM_TESTS_BACKEND_LATE_SOURCE_H

#include "backend/backend.h"

/* Where a layer's experts lie. */
struct late_layer {
    struct weight gate, up, down; /* handles: host memory; home NULL: a dense layer */
};

struct late_options {
    const struct late_layer *layers; /* [n_layers] borrowed */
    uint32_t n_layers;
    uint32_t n_experts;
    uint64_t seed; /* of order and moments */
};

struct late_source;

struct late_source *late_create(const struct late_options *options);
void late_free(struct late_source *source); /* checks that no layer was left unfinished */

struct expert_source *late_expert_source(struct late_source *source);

/* From now on, of `layer` only n_delivered experts come, and then "disk gone"; LATE_NEVER: all do. */
#define LATE_NEVER UINT32_MAX
void late_fail(struct late_source *source, uint32_t layer, size_t n_delivered);
/* The same, and it does not say that it failed. */
void late_fall_silent(struct late_source *source, uint32_t layer, size_t n_delivered);

/* How often an expert was wanted, and since when the last want() all wanted ones were done with. */
size_t late_n_wanted(const struct late_source *source, uint32_t layer, uint32_t id);
size_t late_n_wants(const struct late_source *source, uint32_t layer); /* calls of want() */

#endif
