/* SPDX-License-Identifier: Apache-2.0 */
/* weights.c - filling tensors. The deviations keep a forged model's hidden states in the range of a
 * real one's: a matrix product of n columns neither grows nor shrinks its input. */
#include "cli/forge/weights.h"

#include <math.h>
#include <string.h>

#include "base/bytes.h"
#include "base/index.h"
#include "base/memory.h"

bool forge_weights_init(struct forge_weights *weights, uint64_t seed, struct error *err)
{
    *weights = (struct forge_weights){.seed = seed};
    for (enum format format = 0; format < FORMAT_COUNT; format++)
        weights->scales[format] = random_weights_scale(format);
    weights->pool = memory_allocate(FORGE_POOL_BYTES, 1, "random blocks", err);
    return weights->pool != NULL;
}

void forge_weights_release(struct forge_weights *weights)
{
    memory_free(weights->pool);
    *weights = (struct forge_weights){0};
}

static bool is_norm(enum role role)
{
    return role_is_float(role) && role != ROLE_ROUTER && role != ROLE_ROUTER_BIAS;
}

static double deviation(const struct forge_tensor *tensor)
{
    double unit = 1 / sqrt((double)tensor->shape.n_columns);
    switch (tensor->role) {
    case ROLE_TOKEN_EMBEDDING:
        return 0.7;
    case ROLE_ROUTER:
        return 1.5 * unit; /* scores far enough apart that rounding seldom changes a choice */
    case ROLE_ROUTER_BIAS:
        return 0.05; /* changes some choices and decides none: scores lie between 0 and 1 */
    default:
        return unit;
    }
}

static void fill_pool(struct forge_weights *weights, const struct forge_tensor *tensor, struct random *random,
                      size_t n_blocks)
{
    if (!is_norm(tensor->role)) {
        random_weights_fill(tensor->format, weights->scales[tensor->format], deviation(tensor), random,
                            weights->pool, n_blocks);
        return;
    }
    for (size_t i = 0; i < n_blocks; i++) {
        float gain = (float)(0.5 + random_unit(random));
        memcpy(weights->pool + i * sizeof gain, &gain, sizeof gain);
    }
}

static bool write_tensor(struct forge_weights *weights, const struct forge_tensor *tensor,
                         struct gguf_writer *writer, const struct progress *progress, struct error *err)
{
    char name[GGUF_NAME_BYTES];
    role_tensor_name(tensor->role, tensor->layer, name, sizeof name);
    struct random random = random_seeded(weights->seed ^ hash_bytes(name, strlen(name)));

    const struct format_info *info = format_info(tensor->format);
    uint64_t n_blocks =
        tensor->shape.n_matrices * tensor->shape.n_rows * tensor->shape.n_columns / info->block_values;
    size_t n_pool = min_size(n_blocks, FORGE_POOL_BYTES / info->block_bytes);
    fill_pool(weights, tensor, &random, n_pool);
    for (uint64_t left = n_blocks; left > 0;) {
        size_t start = left == n_blocks ? 0 : random_below(&random, n_pool);
        size_t n = min_size(left, n_pool - start);
        if (!gguf_write_data(writer, weights->pool + start * info->block_bytes, n * info->block_bytes, err))
            return false;
        if (!progress_report(progress, writer->output.n_bytes, gguf_writer_size(writer)))
            return fail(err, "stopped");
        left -= n;
    }
    return true;
}

bool forge_weights_write(struct forge_weights *weights, const struct forge_tensors *tensors,
                         struct gguf_writer *writer, const struct progress *progress, struct error *err)
{
    for (size_t i = 0; i < tensors->n_items; i++)
        if (!write_tensor(weights, &tensors->items[i], writer, progress, err))
            return false;
    return true;
}
