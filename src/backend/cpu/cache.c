/* SPDX-License-Identifier: Apache-2.0 */
/* cache.c - latents and rotary keys of one session in memory: [layer][position][latent_rank + rotary], each
 * position a row of the cache's format.
 *
 * A layer's positions stand together, since attention reads one layer. Pages
 * become real where they are written, so a long context costs address space,
 * not memory; but a huge page a layer from the first position on, which is
 * 122 MiB for DeepSeek-R1 and room for 1820 positions. */
#include "backend/cpu/state.h"

#include <assert.h>
#include <string.h>

#include "base/bytes.h"
#include "base/memory.h"
#include "machine/pages.h"
#include "quant/encode.h"

struct cache {
    enum cache_format format;
    size_t n_positions;
    uint32_t n_layers;
    uint32_t n_values;     /* of one position in one layer */
    size_t position_bytes; /* the same in bytes */
    size_t layer_bytes;
    uint8_t *bytes; /* [layer][position][position_bytes] */
};

static uint8_t *position_at(const struct cache *cache, uint32_t layer, size_t position)
{
    return cache->bytes + layer * cache->layer_bytes + position * cache->position_bytes;
}

struct cache *cpu_cache_create(struct backend *backend, enum cache_format format, size_t n_positions,
                               struct error *err)
{
    const struct geometry *geometry = &cpu_of(backend)->geometry;
    struct cache *cache = memory_allocate(1, sizeof *cache, "a cache", err);
    if (cache == NULL)
        return NULL;
    cache->format = format;
    cache->n_positions = n_positions;
    cache->n_layers = geometry->n_layers;
    cache->n_values = geometry_cache_values(geometry);
    cache->position_bytes = cache_row_bytes(geometry, format);
    cache->layer_bytes = round_up(n_positions * cache->position_bytes, PAGES_SMALL_BYTES);
    cache->bytes = pages_allocate(cache->n_layers * cache->layer_bytes, "a cache", err);
    if (cache->bytes != NULL)
        return cache;
    memory_free(cache);
    return NULL;
}

enum cache_format cpu_cache_format(const struct cache *cache)
{
    return cache->format;
}

void cpu_cache_free(struct backend *backend, struct cache *cache)
{
    (void)backend;
    if (cache == NULL)
        return;
    pages_free(cache->bytes, cache->n_layers * cache->layer_bytes);
    memory_free(cache);
}

void cpu_cache_truncate(struct backend *backend, struct cache *cache, size_t n_kept)
{
    (void)backend;
    size_t begin = round_up(n_kept * cache->position_bytes, PAGES_SMALL_BYTES);
    if (begin >= cache->layer_bytes)
        return;
    for (uint32_t layer = 0; layer < cache->n_layers; layer++)
        pages_discard(cache->bytes + layer * cache->layer_bytes + begin, cache->layer_bytes - begin);
}

void cpu_cache_copy(struct backend *backend, struct cache *to, const struct cache *from, size_t first,
                    size_t n)
{
    (void)backend;
    assert(to->format == from->format && first + n <= min_size(to->n_positions, from->n_positions));
    for (uint32_t layer = 0; layer < to->n_layers; layer++)
        memcpy(position_at(to, layer, first), position_at(from, layer, first), n * to->position_bytes);
}

size_t cpu_cache_position_bytes(const struct backend *backend, enum cache_format format)
{
    const struct geometry *geometry = &((const struct cpu *)backend)->geometry;
    return geometry->n_layers * cache_row_bytes(geometry, format);
}

void cpu_cache_export(struct backend *backend, const struct cache *cache, size_t first, size_t n, void *bytes)
{
    (void)backend;
    uint8_t *to = bytes;
    for (size_t position = first; position < first + n; position++)
        for (uint32_t layer = 0; layer < cache->n_layers; layer++, to += cache->position_bytes)
            memcpy(to, position_at(cache, layer, position), cache->position_bytes);
}

void cpu_cache_import(struct backend *backend, struct cache *cache, size_t first, size_t n, const void *bytes)
{
    (void)backend;
    const uint8_t *from = bytes;
    for (size_t position = first; position < first + n; position++)
        for (uint32_t layer = 0; layer < cache->n_layers; layer++, from += cache->position_bytes)
            memcpy(position_at(cache, layer, position), from, cache->position_bytes);
}

/* ---- numbers ---- */

/* Whole blocks, and one filled up with zeros. */
static void encode_blocks(enum format format, const float *values, size_t n, uint8_t *to)
{
    const struct format_info *info = format_info(format);
    const size_t n_whole = n / info->block_values * info->block_values;
    float rest[CACHE_BLOCK] = {0};
    encode_row(format, values, to, n_whole);
    if (n_whole == n)
        return;
    memcpy(rest, values + n_whole, (n - n_whole) * sizeof(float));
    encode_row(format, rest, to + format_row_bytes(format, n_whole), info->block_values);
}

/* The rows that this member finished in project(), each to its own position. */
void run_append(struct cpu *cpu, const struct member *member, struct verb *verb)
{
    struct range share = team_share(member, cpu->step->n_rows, 1);
    for (size_t r = share.begin; r < share.end; r++) {
        const struct row *row = &cpu->step->rows[r];
        const struct cache *cache = row->cache;
        const float *values = cpu->latent + r * cache->n_values;
        uint8_t *to = position_at(cache, verb->args.append_layer, row->position);
        switch (cache->format) {
        case CACHE_F16:
            cpu->kernels.float_to_f16(values, (uint16_t *)(void *)to, cache->n_values);
            break;
        case CACHE_F32:
            memcpy(to, values, cache->position_bytes);
            break;
        case CACHE_Q8_0:
        case CACHE_Q4_0:
            encode_blocks(cache_numbers(cache->format), values, cache->n_values, to);
            break;
        }
    }
}

const float *cpu_cache_read(const struct cpu *cpu, const struct cache *cache, uint32_t layer, size_t first,
                            size_t n, float *block)
{
    const uint8_t *from = position_at(cache, layer, first);
    if (cache->format == CACHE_F32)
        return (const float *)(const void *)from;
    if (cache->format == CACHE_F16) {
        cpu->kernels.f16_to_float((const uint16_t *)(const void *)from, block, n * cache->n_values);
        return block;
    }
    void (*decode)(const void *, float *, size_t) =
        cache->format == CACHE_Q8_0 ? cpu->kernels.q8_0_to_float : cpu->kernels.q4_0_to_float;
    /* What fills up a position's last block is overwritten by the next position. */
    for (size_t p = 0; p < n; p++)
        decode(from + p * cache->position_bytes, block + p * cache->n_values,
               round_up(cache->n_values, CACHE_BLOCK));
    return block;
}
