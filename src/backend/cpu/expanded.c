/* SPDX-License-Identifier: Apache-2.0 */
/* expanded.c - attention over keys and values: one head at a time, each block of positions is expanded from
 * its latents, used by all rows of the session, and dropped. The lanes of a bundle are rows. */
#include <assert.h>
#include <string.h>

#include "backend/cpu/attention.h"
#include "quant/decode.h"

/* What lies in an item's scratch. Room for words is counted as if each held one number, scales beside. */
struct expanded {
    float *matrix;       /* [max(plain, value)][latent_rank] a matrix of the head, decoded */
    float *row;          /* [max(plain, latent_rank)] one decoded row of it, or [PACKED_TOGETHER] keys */
    float *key_panels;   /* [bundle of plain][words of latent_rank, scales][lane] */
    float *value_panels; /* [bundle of value][words of latent_rank, scales][lane] */
    float *queries;      /* [bundle of rows][words of plain + rotary, scales][lane] */
    float *latents;      /* [ATTENTION_BLOCK][latent_rank + rotary] */
    float *packed;       /* [ATTENTION_BLOCK][words of latent_rank, scales] */
    float *plain;        /* [ATTENTION_BLOCK][plain, whole bundles] */
    float *keys;         /* [ATTENTION_BLOCK][words of plain + rotary, scales] */
    float *expanded;     /* [ATTENTION_BLOCK][value, whole bundles] */
    float *value_rows;   /* [ATTENTION_BLOCK][words of value, scales] */
    float *values;       /* as pack_values has them, value_stride(value) a pair of positions */
    struct workbench workbench;
    struct running running; /* of all rows */
};

static size_t n_bundles_of(size_t n)
{
    return (n + ATTEND_LANES - 1) / ATTEND_LANES;
}

static struct attend_size size_of_latents(const struct geometry *g)
{
    return (struct attend_size){.plain = g->latent_rank};
}

static struct attend_size size_of_key(const struct geometry *g)
{
    return (struct attend_size){g->head_plain, g->head_rotary};
}

static struct attend_size size_of_value(const struct geometry *g)
{
    return (struct attend_size){.plain = g->head_value};
}

static struct expanded lay_out(const struct geometry *g, size_t n_rows, struct pieces *pieces)
{
    const size_t rank = g->latent_rank, longest = max_size(g->head_plain, g->head_value);
    const size_t n_query = geometry_head_query(g), n_bundles = n_bundles_of(n_rows);
    struct expanded x;
    x.matrix = take_floats(pieces, longest * rank);
    x.row = take_floats(pieces, max_size(PACKED_TOGETHER * n_query, rank));
    x.key_panels = take_floats(pieces, round_up(g->head_plain, ATTEND_LANES) * (rank + ATTEND_PARTS));
    x.value_panels = take_floats(pieces, round_up(g->head_value, ATTEND_LANES) * (rank + ATTEND_PARTS));
    x.queries = take_floats(pieces, n_bundles * ATTEND_LANES * (n_query + ATTEND_PARTS));
    x.latents = take_floats(pieces, (size_t)ATTENTION_BLOCK * geometry_cache_values(g) + CACHE_BLOCK);
    x.packed = take_floats(pieces, ATTENTION_BLOCK * (rank + ATTEND_PARTS));
    x.plain = take_floats(pieces, ATTENTION_BLOCK * round_up(g->head_plain, ATTEND_LANES));
    x.keys = take_floats(pieces, ATTENTION_BLOCK * (n_query + ATTEND_PARTS));
    x.expanded = take_floats(pieces, ATTENTION_BLOCK * round_up(g->head_value, ATTEND_LANES));
    x.value_rows = take_floats(pieces, (size_t)ATTENTION_BLOCK * (g->head_value + ATTEND_PARTS));
    x.values = take_floats(pieces, ATTENTION_BLOCK / 2 * value_stride(g->head_value));
    x.workbench = take_workbench(pieces);
    x.running.softmax = (void *)take_floats(pieces, n_bundles * 2 * ATTEND_LANES);
    x.running.outputs = take_floats(pieces, n_bundles * g->head_value * ATTEND_LANES);
    x.running.n_values = g->head_value;
    return x;
}

size_t expanded_scratch(const struct geometry *geometry, size_t max_rows)
{
    struct pieces pieces = {0};
    lay_out(geometry, max_rows, &pieces);
    return pieces.n_bytes;
}

/* ---- the head's matrices ---- */

/* Rows of latent_rank; each will be a lane. */
static void pack_matrix(const struct attend_work *work, const float *matrix, size_t n_rows, float *panels)
{
    const size_t rank = work->cpu->geometry.latent_rank;
    const struct attend_size size = size_of_latents(&work->cpu->geometry);
    for (size_t row = 0; row < n_rows; row += ATTEND_LANES)
        work->kernels->pack_queries(matrix + row * rank, rank, min_size(ATTEND_LANES, n_rows - row), size,
                                    panels + row * attend_row_words(work->kernels, size));
}

static void decode_matrices(const struct attend_work *work, const struct expanded *x, size_t head)
{
    const struct geometry *g = &work->cpu->geometry;
    const struct weight *key_up = work->args->key_up, *value_up = work->args->value_up;
    const uint8_t *at = weight_matrix(key_up, head);
    for (size_t r = 0; r < key_up->n_rows; r++, at += key_up->row_stride) {
        if (!work->args->key_by_latent) {
            decode_row(key_up->format, at, x->matrix + r * g->latent_rank, g->latent_rank);
            continue;
        }
        decode_row(key_up->format, at, x->row, g->head_plain);
        for (size_t i = 0; i < g->head_plain; i++)
            x->matrix[i * g->latent_rank + r] = x->row[i];
    }
    pack_matrix(work, x->matrix, g->head_plain, x->key_panels);
    at = weight_matrix(value_up, head);
    for (size_t r = 0; r < value_up->n_rows; r++, at += value_up->row_stride)
        decode_row(value_up->format, at, x->matrix + r * g->latent_rank, g->latent_rank);
    pack_matrix(work, x->matrix, g->head_value, x->value_panels);
}

/* ---- a block of positions ---- */

/* out[position][whole bundles of n] = latents times the panels of n rows. */
static void expand(const struct attend_work *work, const struct block *latents, const float *panels, size_t n,
                   float *out)
{
    work->kernels->product(&(struct attend_product){.panels = panels,
                                                    .n_bundles = n_bundles_of(n),
                                                    .rows = latents->keys,
                                                    .n_rows = latents->n_positions,
                                                    .size = latents->size,
                                                    .row_words = latents->key_words,
                                                    .out = out,
                                                    .out_bundle = ATTEND_LANES,
                                                    .out_row = round_up(n, ATTEND_LANES)});
}

/* Keys are [plain | rotary], the rotary part as the cache has it. */
static void finish_keys(const struct attend_work *work, const struct expanded *x, const float *latents,
                        size_t n)
{
    const struct geometry *g = &work->cpu->geometry;
    const struct attend_kernels *kernels = work->kernels;
    const size_t n_query = geometry_head_query(g), n_words = attend_row_words(kernels, size_of_key(g));
    for (size_t p = 0; p < n; p += PACKED_TOGETHER) {
        const size_t n_here = min_size(PACKED_TOGETHER, n - p);
        float *keys = kernels->word_numbers == 1 ? x->keys + p * n_words : x->row;
        for (size_t i = 0; i < n_here; i++) {
            float *key = keys + i * n_query;
            memcpy(key, x->plain + (p + i) * round_up(g->head_plain, ATTEND_LANES),
                   g->head_plain * sizeof(float));
            memcpy(key + g->head_plain, latents + (p + i) * geometry_cache_values(g) + g->latent_rank,
                   g->head_rotary * sizeof(float));
        }
        if (kernels->word_numbers > 1)
            kernels->pack_keys(keys, n_query, n_here, size_of_key(g), x->keys + p * n_words, n_words);
    }
}

static void finish_values(const struct attend_work *work, const struct expanded *x, size_t n,
                          struct block *block)
{
    const struct geometry *g = &work->cpu->geometry;
    const struct attend_kernels *kernels = work->kernels;
    const size_t n_floats = round_up(g->head_value, ATTEND_LANES);
    const size_t n_words = attend_row_words(kernels, size_of_value(g));
    if (kernels->word_numbers == 1) {
        block->values = x->expanded;
        block->value_words = n_floats;
        return;
    }
    kernels->pack_keys(x->expanded, n_floats, n, size_of_value(g), x->value_rows, n_words);
    block->values = x->values;
    block->value_words = value_stride(g->head_value);
    kernels->pack_values(&(struct attend_values){.rows = x->value_rows,
                                                 .row_words = n_words,
                                                 .n_positions = n,
                                                 .n_columns = g->head_value,
                                                 .words = x->values,
                                                 .value_words = block->value_words});
    block->value_scales = x->value_rows + attend_scales_at(size_of_value(g));
    block->scale_stride = n_words;
}

/* Positions first .. first + n - 1 as this head sees them. */
static struct block expand_block(const struct attend_work *work, const struct expanded *x, size_t first,
                                 size_t n)
{
    const struct geometry *g = &work->cpu->geometry;
    const struct attend_kernels *kernels = work->kernels;
    const size_t n_values = geometry_cache_values(g);
    const float *floats =
        cpu_cache_read(work->cpu, work->segment->cache, work->args->layer, first, n, x->latents);
    struct block latents = {
        .size = size_of_latents(g), .keys = floats, .key_words = n_values, .n_positions = n};
    if (kernels->word_numbers > 1) {
        latents.keys = x->packed;
        latents.key_words = attend_row_words(kernels, latents.size);
        kernels->pack_keys(floats, n_values, n, latents.size, x->packed, latents.key_words);
    }
    expand(work, &latents, x->key_panels, g->head_plain, x->plain);
    finish_keys(work, x, floats, n);
    expand(work, &latents, x->value_panels, g->head_value, x->expanded);
    struct block block = {.kernels = kernels,
                          .size = size_of_key(g),
                          .keys = x->keys,
                          .key_words = attend_row_words(kernels, size_of_key(g)),
                          .n_positions = n};
    finish_values(work, x, n, &block);
    return block;
}

/* ---- rows ---- */

static void start_rows(const struct attend_work *work, const struct expanded *x, size_t head)
{
    const struct cpu *cpu = work->cpu;
    const struct segment *segment = work->segment;
    const size_t n_query = geometry_head_query(&cpu->geometry);
    const struct attend_size size = size_of_key(&cpu->geometry);
    for (size_t row = 0; row < segment->n_rows; row++)
        finish_query(cpu, segment->first_row + row, head);
    for (size_t row = 0; row < segment->n_rows; row += ATTEND_LANES) {
        const float *queries =
            cpu->query + ((segment->first_row + row) * cpu->geometry.n_heads + head) * n_query;
        work->kernels->pack_queries(queries, cpu->geometry.n_heads * n_query,
                                    min_size(ATTEND_LANES, segment->n_rows - row), size,
                                    x->queries + row * attend_row_words(work->kernels, size));
    }
    running_start(&x->running, n_bundles_of(segment->n_rows));
}

/* A row sees itself and what is before. False: all rows of these bundles see all of the block. */
static bool count_seen(const struct segment *segment, size_t bundle, size_t first, size_t n,
                       uint32_t n_seen[ATTENTION_BUNDLES * ATTEND_LANES])
{
    size_t row = bundle * ATTEND_LANES;
    if (segment->first_position + row + 1 >= first + n)
        return false;
    for (size_t i = 0; i < ATTENTION_BUNDLES * ATTEND_LANES; i++) {
        size_t end = segment->first_position + row + i + 1; /* of what the row sees */
        n_seen[i] = (uint32_t)(end <= first ? 0 : min_size(end - first, n));
    }
    return true;
}

static void attend_block(const struct attend_work *work, const struct expanded *x, const struct block *block,
                         size_t first)
{
    const struct segment *segment = work->segment;
    const size_t n_bundles = n_bundles_of(segment->n_rows);
    uint32_t n_seen[ATTENTION_BUNDLES * ATTEND_LANES];
    for (size_t bundle = 0; bundle < n_bundles; bundle += ATTENTION_BUNDLES) {
        size_t end_row = min_size((bundle + ATTENTION_BUNDLES) * ATTEND_LANES, segment->n_rows);
        if (segment->first_position + end_row <= first)
            continue;
        bool some = count_seen(segment, bundle, first, block->n_positions, n_seen);
        const struct running running = running_at(&x->running, bundle);
        running_add(&running, x->queries + bundle * block->key_words * ATTEND_LANES,
                    min_size(ATTENTION_BUNDLES, n_bundles - bundle), block, some ? n_seen : NULL,
                    &x->workbench);
    }
}

static void finish_rows(const struct attend_work *work, const struct expanded *x, size_t head)
{
    const struct cpu *cpu = work->cpu;
    const struct segment *segment = work->segment;
    const size_t n_value = cpu->geometry.head_value;
    for (size_t row = 0; row < segment->n_rows; row++) {
        size_t bundle = row / ATTEND_LANES, lane = row % ATTEND_LANES;
        float *out = operand_row(&cpu->heads, segment->first_row + row) + head * n_value;
        const struct running running = running_at(&x->running, bundle);
        if (lane == 0)
            cpu->kernels.attend_unpack(running.outputs, n_value,
                                       min_size(ATTEND_LANES, segment->n_rows - row), out,
                                       cpu->heads.n_columns);
        for (size_t i = 0; i < n_value; i++)
            out[i] /= running.softmax->sum[lane];
    }
}

void attend_expanded(const struct attend_work *work, size_t head, void *scratch)
{
    const struct segment *segment = work->segment;
    struct pieces pieces = {.at = scratch};
    const struct expanded x = lay_out(&work->cpu->geometry, segment->n_rows, &pieces);
    size_t n_positions = segment->first_position + segment->n_rows;
    assert(x.row != NULL); /* NULL only where scratch is being counted */

    decode_matrices(work, &x, head);
    start_rows(work, &x, head);
    for (size_t first = 0; first < n_positions; first += ATTENTION_BLOCK) {
        const struct block block =
            expand_block(work, &x, first, min_size(ATTENTION_BLOCK, n_positions - first));
        attend_block(work, &x, &block, first);
    }
    finish_rows(work, &x, head);
}
