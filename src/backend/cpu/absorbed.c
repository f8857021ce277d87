/* SPDX-License-Identifier: Apache-2.0 */
/* absorbed.c - attention over latents: the key's up-projection is moved to the query, the value's to the
 * output, so a position is one key of latent_rank + rotary numbers and one value of latent_rank, the same for
 * all heads. The lanes of a bundle are heads. */
#include "backend/cpu/absorbed.h"

#include <assert.h>
#include <string.h>

#include "quant/decode.h"

static size_t longest_vector(const struct geometry *g)
{
    return round_up(max_size(g->latent_rank, g->head_plain), ACTIVATION_BLOCK);
}

struct vector take_vector(struct pieces *pieces, const struct geometry *g)
{
    struct vector vector;
    vector.floats = take_floats(pieces, longest_vector(g));
    vector.int8 = (uint8_t *)take_floats(pieces, activation_row_bytes(longest_vector(g)) / sizeof(float));
    return vector;
}

static size_t n_bundles_of(size_t n_heads)
{
    return (n_heads + ATTEND_LANES - 1) / ATTEND_LANES;
}

struct absorbed take_absorbed(struct pieces *pieces, const struct geometry *g, size_t n_heads)
{
    const size_t n_values = geometry_cache_values(g), n_lanes = n_bundles_of(n_heads) * ATTEND_LANES;
    struct absorbed a;
    a.panels = take_floats(pieces, n_lanes * (n_values + ATTEND_PARTS));
    a.block = take_floats(pieces, ATTENTION_BLOCK * n_values + CACHE_BLOCK);
    a.keys = take_floats(pieces, ATTENTION_BLOCK * (n_values + ATTEND_PARTS));
    a.values = take_floats(pieces, ATTENTION_BLOCK / 2 * value_stride(g->latent_rank));
    a.workbench = take_workbench(pieces);
    a.running.softmax = (void *)take_floats(pieces, 2 * n_lanes);
    a.running.outputs = take_floats(pieces, n_lanes * g->latent_rank);
    a.running.n_values = g->latent_rank;
    return a;
}

/* ---- in and out of the latents' space ---- */

/* out[weight rows] = matrix of the head * x[weight columns], which lies in vector->floats, in the form that
 * the weight takes. */
static void product_of_vector(const struct cpu *cpu, const struct vector *vector, const struct weight *weight,
                              size_t head, float *out)
{
    struct operand x = {.floats = vector->floats, .n_columns = weight->n_columns};
    if (!cpu->exact && weight->n_columns % ACTIVATION_BLOCK == 0) {
        x.int8 = vector->int8;
        x.int8_bytes = activation_row_bytes(weight->n_columns);
        operand_quantize(&x, &cpu->kernels, 0);
    }
    cpu_product(cpu, &(struct product_range){
                         .weight = weight,
                         .matrix = weight_matrix(weight, head),
                         .end = weight->n_rows,
                         .input = &x,
                         .n_tokens = 1,
                         .next = head + 1 < weight->n_matrices ? weight_matrix(weight, head + 1) : NULL,
                         .out = out,
                         .out_stride = weight->n_rows});
}

/* query over latents = key_up(head)^T * plain part; the rotary part follows as it is. */
void absorb_query(const struct attend_work *work, const struct vector *vector, size_t row, size_t head,
                  float *out)
{
    const struct cpu *cpu = work->cpu;
    const struct geometry *g = &cpu->geometry;
    const struct weight *key_up = work->args->key_up;
    const float *query = finish_query(cpu, row, head);
    memcpy(out + g->latent_rank, query + g->head_plain, g->head_rotary * sizeof(float));
    if (work->args->key_by_latent) {
        memcpy(vector->floats, query, g->head_plain * sizeof(float));
        product_of_vector(cpu, vector, key_up, head, out);
        return;
    }
    memset(out, 0, g->latent_rank * sizeof(float));
    const uint8_t *at = weight_matrix(key_up, head);
    for (size_t i = 0; i < g->head_plain; i++, at += key_up->row_stride) {
        decode_row(key_up->format, at, vector->floats, g->latent_rank);
        cpu->kernels.add_scaled(query[i], vector->floats, out, g->latent_rank);
    }
}

void finish_head(const struct attend_work *work, const struct vector *vector, const struct partial *total,
                 size_t row, size_t head)
{
    const struct geometry *g = &work->cpu->geometry;
    for (size_t i = 0; i < g->latent_rank; i++)
        vector->floats[i] = total->outputs[i] / *total->sum;
    product_of_vector(work->cpu, vector, work->args->value_up, head,
                      operand_row(&work->cpu->heads, row) + head * g->head_value);
}

/* ---- a range of positions ---- */

static struct attend_size size_of(const struct geometry *g)
{
    return (struct attend_size){g->latent_rank, g->head_rotary};
}

void absorbed_pack(const struct attend_work *work, const struct absorbed *a, const float *queries,
                   size_t n_heads)
{
    const struct geometry *g = &work->cpu->geometry;
    const size_t n_values = geometry_cache_values(g), row_words = attend_row_words(work->kernels, size_of(g));
    for (size_t head = 0; head < n_heads; head += ATTEND_LANES)
        work->kernels->pack_queries(queries + head * n_values, n_values,
                                    min_size(ATTEND_LANES, n_heads - head), size_of(g),
                                    a->panels + head * row_words);
}

/* Words of more than one number are packed a few positions at a time, so that their floats never leave the
 * first-level cache. A position's value is the plain part of its key. */
static struct block read_block(const struct attend_work *work, const struct absorbed *a, size_t first,
                               size_t n)
{
    const struct geometry *g = &work->cpu->geometry;
    const struct attend_kernels *kernels = work->kernels;
    const struct cache *cache = work->segment->cache;
    const uint32_t layer = work->args->layer;
    const size_t n_values = geometry_cache_values(g), key_words = attend_row_words(kernels, size_of(g));
    struct block block = {.kernels = kernels, .size = size_of(g), .key_words = key_words, .n_positions = n};
    if (kernels->word_numbers == 1) {
        block.keys = block.values = cpu_cache_read(work->cpu, cache, layer, first, n, a->block);
        block.value_words = n_values;
        return block;
    }
    for (size_t p = 0; p < n; p += PACKED_TOGETHER) {
        const size_t n_here = min_size(PACKED_TOGETHER, n - p);
        const float *floats = cpu_cache_read(work->cpu, cache, layer, first + p, n_here, a->block);
        kernels->pack_keys(floats, n_values, n_here, size_of(g), a->keys + p * key_words, key_words);
    }
    block.value_words = value_stride(g->latent_rank);
    kernels->pack_values(&(struct attend_values){.rows = a->keys,
                                                 .row_words = key_words,
                                                 .n_positions = n,
                                                 .n_columns = g->latent_rank,
                                                 .words = a->values,
                                                 .value_words = block.value_words});
    block.keys = a->keys;
    block.values = a->values;
    block.value_scales = a->keys + attend_scales_at(size_of(g));
    block.scale_stride = key_words;
    return block;
}

void attend_range(const struct attend_work *work, const struct absorbed *a, size_t n_heads,
                  const struct range *positions, const struct partial *out)
{
    const size_t n_bundles = n_bundles_of(n_heads), rank = a->running.n_values;
    const size_t panel_floats = attend_row_words(work->kernels, size_of(&work->cpu->geometry)) * ATTEND_LANES;
    running_start(&a->running, n_bundles);
    for (size_t first = positions->begin; first < positions->end; first += ATTENTION_BLOCK) {
        const struct block block =
            read_block(work, a, first, min_size(ATTENTION_BLOCK, positions->end - first));
        for (size_t bundle = 0; bundle < n_bundles; bundle += ATTENTION_BUNDLES) {
            const struct running running = running_at(&a->running, bundle);
            running_add(&running, a->panels + bundle * panel_floats,
                        min_size(ATTENTION_BUNDLES, n_bundles - bundle), &block, NULL, &a->workbench);
        }
    }
    for (size_t head = 0; head < n_heads; head += ATTEND_LANES) {
        const struct running running = running_at(&a->running, head / ATTEND_LANES);
        const size_t n_lanes = min_size(ATTEND_LANES, n_heads - head);
        work->cpu->kernels.attend_unpack(running.outputs, rank, n_lanes, out->outputs + head * rank, rank);
        memcpy(out->highest + head, running.softmax->highest, n_lanes * sizeof(float));
        memcpy(out->sum + head, running.softmax->sum, n_lanes * sizeof(float));
    }
}

void partial_merge(const struct kernels *kernels, const struct partial *total, const struct partial *next,
                   size_t rank)
{
    float highest = *next->highest > *total->highest ? *next->highest : *total->highest;
    float shrink[2] = {*total->highest - highest, *next->highest - highest};
    kernels->exponential(shrink, shrink, 2);
    *total->highest = highest;
    *total->sum = shrink[0] * *total->sum + shrink[1] * *next->sum;
    kernels->scale_add(shrink[0], total->outputs, shrink[1], next->outputs, rank);
}

/* ---- all of it, for some heads ---- */

struct item {
    struct absorbed absorbed;
    struct vector vector;
    float *queries;       /* [head][latent_rank + rotary] */
    struct partial total; /* of the heads, positions so far */
    struct partial next;  /* the range that follows */
};

static struct item lay_out(const struct geometry *g, size_t n_heads, struct pieces *pieces)
{
    struct item item;
    item.absorbed = take_absorbed(pieces, g, n_heads);
    item.vector = take_vector(pieces, g);
    item.queries = take_floats(pieces, n_heads * geometry_cache_values(g));
    item.total = take_partial(pieces, n_heads, g->latent_rank);
    item.next = take_partial(pieces, n_heads, g->latent_rank);
    return item;
}

size_t absorbed_scratch(const struct geometry *g)
{
    struct pieces pieces = {0};
    lay_out(g, g->n_heads, &pieces);
    return pieces.n_bytes;
}

void attend_absorbed(const struct attend_work *work, const struct heads *heads, void *scratch)
{
    const struct geometry *g = &work->cpu->geometry;
    struct pieces pieces = {.at = scratch};
    const struct item item = lay_out(g, heads->n, &pieces);
    const size_t n_values = geometry_cache_values(g), rank = g->latent_rank;
    const size_t n_positions = work->cpu->step->rows[heads->row].position + 1;
    const size_t length = range_length(n_positions);
    assert(item.queries != NULL); /* NULL only where scratch is being counted */

    for (size_t h = 0; h < heads->n; h++)
        absorb_query(work, &item.vector, heads->row, heads->first + h, item.queries + h * n_values);
    absorbed_pack(work, &item.absorbed, item.queries, heads->n);
    for (size_t begin = 0; begin < n_positions; begin += length) {
        const struct range positions = {begin, min_size(begin + length, n_positions)};
        attend_range(work, &item.absorbed, heads->n, &positions, begin == 0 ? &item.total : &item.next);
        for (size_t h = 0; begin > 0 && h < heads->n; h++) {
            const struct partial total = partial_at(&item.total, h, rank);
            const struct partial next = partial_at(&item.next, h, rank);
            partial_merge(&work->cpu->kernels, &total, &next, rank);
        }
    }
    for (size_t h = 0; h < heads->n; h++) {
        const struct partial total = partial_at(&item.total, h, rank);
        finish_head(work, &item.vector, &total, heads->row, heads->first + h);
    }
}
