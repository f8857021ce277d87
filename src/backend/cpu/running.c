/* SPDX-License-Identifier: Apache-2.0 */
/* running.c - what both forms of attention do alike: a query made ready, and a softmax that grows block by
 * block. The highest score is kept aside, so that no exponential overflows (Milakov and Gimelshein 2018). */
#include <float.h>
#include <string.h>

#include "backend/cpu/attention.h"

float *finish_query(const struct cpu *cpu, size_t row, size_t head)
{
    const struct geometry *g = &cpu->geometry;
    float *query = cpu->query + (row * g->n_heads + head) * geometry_head_query(g);
    cpu_rotate(cpu, row, query + g->head_plain);
    for (size_t i = 0; i < geometry_head_query(g); i++)
        query[i] *= cpu->score_scale;
    return query;
}

struct workbench take_workbench(struct pieces *pieces)
{
    struct workbench workbench;
    workbench.scores = take_floats(pieces, (size_t)ATTENTION_BUNDLES * ATTENTION_BLOCK * ATTEND_LANES);
    workbench.shrink = take_floats(pieces, (size_t)ATTENTION_BUNDLES * ATTEND_LANES);
    workbench.scale = take_floats(pieces, (size_t)ATTENTION_BUNDLES * ATTEND_LANES);
    return workbench;
}

void running_start(const struct running *running, size_t n_bundles)
{
    for (size_t bundle = 0; bundle < n_bundles; bundle++) {
        struct attend_running *softmax = &running->softmax[bundle];
        for (size_t lane = 0; lane < ATTEND_LANES; lane++) {
            softmax->highest[lane] = -FLT_MAX;
            softmax->sum[lane] = 0.0f;
        }
    }
    memset(running->outputs, 0, n_bundles * running->n_values * ATTEND_LANES * sizeof(float));
}

void running_add(const struct running *running, const void *panels, size_t n_bundles,
                 const struct block *block, const uint32_t *n_seen, const struct workbench *workbench)
{
    enum { BUNDLE_SCORES = ATTENTION_BLOCK * ATTEND_LANES };
    const struct attend_kernels *kernels = block->kernels;
    kernels->product(&(struct attend_product){.panels = panels,
                                              .n_bundles = n_bundles,
                                              .rows = block->keys,
                                              .n_rows = block->n_positions,
                                              .size = block->size,
                                              .row_words = block->key_words,
                                              .out = workbench->scores,
                                              .out_bundle = BUNDLE_SCORES,
                                              .out_row = ATTEND_LANES});
    for (size_t bundle = 0; bundle < n_bundles; bundle++)
        kernels->weigh(
            &(struct attend_weigh){.scores = workbench->scores + bundle * BUNDLE_SCORES,
                                   .n_positions = block->n_positions,
                                   .n_seen = n_seen == NULL ? NULL : n_seen + bundle * ATTEND_LANES,
                                   .value_scales = block->value_scales,
                                   .scale_stride = block->scale_stride,
                                   .running = &running->softmax[bundle],
                                   .weights = workbench->scores + bundle * BUNDLE_SCORES,
                                   .shrink = workbench->shrink + bundle * ATTEND_LANES,
                                   .scale = workbench->scale + bundle * ATTEND_LANES});
    kernels->sum(&(struct attend_sum){.weights = workbench->scores,
                                      .weights_bundle = BUNDLE_SCORES,
                                      .shrink = workbench->shrink,
                                      .scale = workbench->scale,
                                      .n_bundles = n_bundles,
                                      .values = block->values,
                                      .n_words = attend_words(kernels, block->n_positions),
                                      .value_words = block->value_words,
                                      .n_columns = running->n_values,
                                      .out = running->outputs});
}
