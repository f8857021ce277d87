/* SPDX-License-Identifier: Apache-2.0 */
/* rates.c - products of every format with one row and with many, on weights that no cache holds; activations
 * that none holds either; and attention on a block that one does.
 *
 * Members take strips of rows in turn, as products deal them out, until time is up. */
#include "backend/cpu/rates.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "backend/cpu/state.h"
#include "base/bytes.h"
#include "base/clock.h"
#include "base/memory.h"
#include "machine/pages.h"
#include "machine/probe.h"
#include "quant/random_weights.h"

#define POOL_BYTES      ((size_t)4 << 20) /* of random blocks, repeated */
#define PRODUCT_SECONDS 0.02              /* of each of PRODUCT_RUNS, of which the median counts */
#define PRODUCT_RUNS    3
#define RUN_BYTES       ((size_t)4 << 20) /* of strips that follow each other: about an expert's matrix */
#define RUN_STRIDE      1009              /* a prime: all runs have their turn */

#define PASSED_VALUES 2048 /* at a time: an expert's row in DeepSeek-R1 */

#define CHUNK_ROWS 512 /* of activations: no core's own cache holds those that it will need again */

struct bench {
    const struct kernels *kernels;
    const struct cpu_shapes *shapes;
    struct team *team;
    uint8_t *weights; /* [n_bytes] of one format at a time */
    size_t n_bytes;
    float *floats;    /* [CHUNK_ROWS][n_columns] activations */
    uint8_t *int8;    /* [CHUNK_ROWS][activation_row_bytes(n_columns)] the same, quantized */
    float *outputs;   /* [member][n_outputs] */
    double *rates;    /* [member] */
    float *attention; /* [member][attention_floats()] */
    uint8_t *pool;    /* [POOL_BYTES] */
    size_t n_outputs;
    bool is_filled; /* the weights are, in the shape's format */
    /* the run under way */
    struct cpu_shape shape;
    size_t n_rows;
    atomic_size_t next_strip;
};

/* ---- products ---- */

/* All weights as strips. */
struct dealt {
    size_t n_rows; /* of a strip */
    size_t n_bytes;
    size_t n_run; /* strips that follow each other */
    size_t n;
};

static struct dealt deal(const struct bench *bench, size_t row_bytes)
{
    struct dealt strips = {.n_rows = cpu_strip_rows(bench->kernels, row_bytes, bench->n_bytes / row_bytes,
                                                    bench->n_rows, team_size(bench->team))};
    strips.n_bytes = strips.n_rows * row_bytes;
    strips.n = bench->n_bytes / strips.n_bytes;
    strips.n_run = min_size(max_size(RUN_BYTES / strips.n_bytes, 1), strips.n);
    return strips;
}

/* The strips of a run follow each other, which processors guess; the runs, like experts, do not. */
static const uint8_t *take_strip(struct bench *bench, const struct dealt *strips)
{
    size_t step = atomic_fetch_add(&bench->next_strip, 1);
    size_t run = step / strips->n_run * RUN_STRIDE % (strips->n / strips->n_run);
    return bench->weights + (run * strips->n_run + step % strips->n_run) * strips->n_bytes;
}

/* Activation rows that a strip meets. A few are an expert's share of a chunk, which is one of many: these
 * have the mean and the deviation of such shares, where 8 of 256 experts are drawn 512 times. All strips of a
 * run have the same few; many pass by each strip. */
static struct range rows_of(const struct bench *bench, const struct dealt *strips, const uint8_t *strip)
{
    static const size_t shares[] = {10, 13, 15, 16, 17, 19, 22};
    size_t index = (size_t)(strip - bench->weights) / strips->n_bytes, run = index / strips->n_run;
    size_t n = bench->n_rows, begin = index;
    if (n == 1)
        return (struct range){0, 1};
    if (n == CPU_FEW_ROWS) {
        n = shares[run % (sizeof shares / sizeof *shares)];
        begin = run;
    }
    begin = begin * bench->n_rows % (CHUNK_ROWS - n + 1);
    return (struct range){begin, begin + n};
}

static void multiply_strips(void *argument, const struct member *member)
{
    struct bench *bench = argument;
    size_t n_columns = bench->shape.n_columns, row_bytes = format_row_bytes(bench->shape.format, n_columns);
    const struct dealt strips = deal(bench, row_bytes);
    bool floats = format_info(bench->shape.format)->float_activations;
    const uint8_t *activations = floats ? (const uint8_t *)bench->floats : bench->int8;
    size_t activation_bytes = floats ? n_columns * sizeof(float) : activation_row_bytes(n_columns);
    const uint8_t *strip = take_strip(bench, &strips), *next;
    size_t n_done = 0;
    double begun = clock_seconds(), now = begun;
    for (; now - begun < PRODUCT_SECONDS; now = clock_seconds(), strip = next) {
        struct range rows = rows_of(bench, &strips, strip);
        size_t n_rows = rows.end - rows.begin;
        product_fn *product = kernels_product(bench->kernels, bench->shape.format, n_rows);
        next = take_strip(bench, &strips);
        n_done += n_rows;
        product(&(struct product){.rows = strip,
                                  .row_bytes = row_bytes,
                                  .n_rows = strips.n_rows,
                                  .n_columns = n_columns,
                                  .activations = activations + rows.begin * activation_bytes,
                                  .activation_bytes = activation_bytes,
                                  .n_tokens = n_rows,
                                  .next = next,
                                  .out = bench->outputs + member->index * bench->n_outputs,
                                  .out_stride = strips.n_rows});
    }
    bench->rates[member->index] = (double)(n_done * strips.n_rows * n_columns) / (now - begun);
}

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* The median over runs of what all members do together. */
static double median_rate(struct bench *bench, team_work *work)
{
    double runs[PRODUCT_RUNS] = {0};
    for (size_t run = 0; run < PRODUCT_RUNS; run++) {
        team_run(bench->team, work, bench);
        for (size_t i = 0; i < team_size(bench->team); i++)
            runs[run] += bench->rates[i];
    }
    qsort(runs, PRODUCT_RUNS, sizeof *runs, ascending);
    return runs[PRODUCT_RUNS / 2];
}

static double product_rate(struct bench *bench, size_t n_rows)
{
    bench->n_rows = n_rows;
    return median_rate(bench, multiply_strips);
}

/* The pool's blocks, again and again. */
static void repeat_pool(void *argument, const struct member *member)
{
    const struct bench *bench = argument;
    size_t block_bytes = format_info(bench->shape.format)->block_bytes;
    size_t pool_bytes = POOL_BYTES / block_bytes * block_bytes;
    struct range share = team_share(member, bench->n_bytes / pool_bytes + 1, 1);
    for (size_t at = share.begin * pool_bytes; at < share.end * pool_bytes && at < bench->n_bytes;
         at += pool_bytes)
        memcpy(bench->weights + at, bench->pool, min_size(pool_bytes, bench->n_bytes - at));
}

static void fill_weights(struct bench *bench, enum format format)
{
    struct random random = random_seeded(1);
    if (bench->is_filled && bench->shape.format == format)
        return;
    bench->shape.format = format;
    bench->is_filled = true;
    random_weights_fill(format, random_weights_scale(format), 0.01, &random, bench->pool,
                        POOL_BYTES / format_info(format)->block_bytes);
    team_run(bench->team, repeat_pool, bench);
}

/* Weights in another format, and activations in rows of another length. */
static void take_shape(struct bench *bench, struct cpu_shape shape)
{
    fill_weights(bench, shape.format);
    bench->shape = shape;
    for (size_t i = 0; i < (size_t)shape.n_columns * CHUNK_ROWS; i++)
        bench->floats[i] = (float)(i % 127) / 64 - 1;
    for (size_t row = 0; row < CHUNK_ROWS && shape.n_columns % ACTIVATION_BLOCK == 0; row++)
        bench->kernels->quantize(bench->floats + row * shape.n_columns,
                                 bench->int8 + row * activation_row_bytes(shape.n_columns), shape.n_columns);
}

/* ---- what lies between products ---- */

/* What one product gives is written, and read and quantized for the next, long after. */
static void pass_on(void *argument, const struct member *member)
{
    struct bench *bench = argument;
    size_t half = bench->n_bytes / sizeof(float) / 2;
    const float *read = (const void *)bench->weights;
    float *written = (float *)(void *)bench->weights + half;
    struct range share = team_share(member, half, PASSED_VALUES);
    uint8_t *int8 = (void *)(bench->outputs + member->index * bench->n_outputs);
    size_t at = share.begin, n_done = 0;
    double begun = clock_seconds(), now = begun;
    for (; now - begun < PRODUCT_SECONDS; now = clock_seconds(), n_done += PASSED_VALUES) {
        bench->kernels->quantize(read + at, int8, PASSED_VALUES);
        memcpy(written + at, read + at, PASSED_VALUES * sizeof *read);
        at = at + 2 * PASSED_VALUES <= share.end ? at + PASSED_VALUES : share.begin;
    }
    bench->rates[member->index] = (double)n_done / (now - begun);
}

static double activation_rate(struct bench *bench)
{
    fill_weights(bench, FORMAT_F32);
    return median_rate(bench, pass_on);
}

/* ---- attention ---- */

/* What a member attends with: two bundles of queries, as the backend takes them. */
struct attention {
    float *panels; /* [bundle][latent_rank + rotary][lane] */
    float *block;  /* [ATTEND_POSITIONS][latent_rank + rotary, scales] keys, and values within them */
    float *scores; /* [bundle][ATTEND_POSITIONS][lane] */
    float *shrink; /* [bundle][lane] */
    float *scale;  /* [bundle][lane] */
    float *output; /* [bundle][latent_rank][lane] */
};

#define LANES (2 * ATTEND_LANES)

static size_t attention_floats(const struct cpu_shapes *shapes)
{
    size_t latent = shapes->latent_rank, row = latent + shapes->head_rotary + ATTEND_PARTS;
    return LANES * (row + ATTEND_POSITIONS + 2 + latent) + ATTEND_POSITIONS * row;
}

static struct attention attention_of(const struct bench *bench, size_t member)
{
    size_t row = bench->shapes->latent_rank + bench->shapes->head_rotary + ATTEND_PARTS;
    struct attention a = {.panels = bench->attention + member * attention_floats(bench->shapes)};
    a.block = a.panels + LANES * row;
    a.scores = a.block + ATTEND_POSITIONS * row;
    a.shrink = a.scores + LANES * ATTEND_POSITIONS;
    a.scale = a.shrink + LANES;
    a.output = a.scale + LANES;
    return a;
}

static void attend_blocks(void *argument, const struct member *member)
{
    struct bench *bench = argument;
    size_t latent = bench->shapes->latent_rank, values = latent + bench->shapes->head_rotary, n_done = 0;
    const struct attention a = attention_of(bench, member->index);
    const struct attend_size size = {latent, bench->shapes->head_rotary};
    const struct attend_kernels *kernels =
        kernels_attend_int16(bench->kernels, (size.plain | size.rotary) % ATTEND_CHUNK == 0);
    const struct attend_product product = {.panels = a.panels,
                                           .n_bundles = LANES / ATTEND_LANES,
                                           .rows = a.block,
                                           .n_rows = ATTEND_POSITIONS,
                                           .size = size,
                                           .row_words = attend_row_words(kernels, size),
                                           .out = a.scores,
                                           .out_bundle = ATTEND_POSITIONS * ATTEND_LANES,
                                           .out_row = ATTEND_LANES};
    const struct attend_sum sum = {.weights = a.scores,
                                   .weights_bundle = ATTEND_POSITIONS * ATTEND_LANES,
                                   .shrink = a.shrink,
                                   .scale = a.scale,
                                   .n_bundles = LANES / ATTEND_LANES,
                                   .values = a.block,
                                   .n_words = attend_words(kernels, ATTEND_POSITIONS),
                                   .value_words = latent,
                                   .n_columns = latent,
                                   .out = a.output};
    struct attend_running running[LANES / ATTEND_LANES] = {0};
    double begun = clock_seconds(), now = begun;
    for (; now - begun < PRODUCT_SECONDS; now = clock_seconds(), n_done++) {
        kernels->product(&product);
        for (size_t bundle = 0; bundle < LANES / ATTEND_LANES; bundle++) {
            float *scores = a.scores + bundle * product.out_bundle;
            kernels->weigh(&(struct attend_weigh){.scores = scores,
                                                  .n_positions = ATTEND_POSITIONS,
                                                  .value_scales = a.block + attend_scales_at(size),
                                                  .scale_stride = product.row_words,
                                                  .running = &running[bundle],
                                                  .weights = scores,
                                                  .shrink = a.shrink + bundle * ATTEND_LANES,
                                                  .scale = a.scale + bundle * ATTEND_LANES});
        }
        kernels->sum(&sum);
    }
    bench->rates[member->index] =
        (double)(n_done * ATTEND_POSITIONS * LANES * (values + latent)) / (now - begun);
}

/* ---- all of it ---- */

static bool open_bench(struct bench *bench, struct error *err)
{
    size_t n_members = team_size(bench->team);
    size_t n_columns = 0;
    for (size_t i = 0; i < bench->shapes->n_items; i++)
        n_columns = max_size(n_columns, bench->shapes->items[i].n_columns);
    bench->n_outputs = (size_t)CPU_MANY_ROWS * STRIP_ROWS; /* more than any strip's */
    bench->n_bytes = probe_memory_bytes(n_members);
    bench->weights = pages_allocate(bench->n_bytes, "measuring", err);
    bench->pool = memory_allocate(POOL_BYTES, 1, "measuring", err);
    bench->floats = memory_allocate(CHUNK_ROWS, n_columns * sizeof(float), "measuring", err);
    bench->int8 = memory_allocate(CHUNK_ROWS, activation_row_bytes(round_up(n_columns, ACTIVATION_BLOCK)),
                                  "measuring", err);
    bench->outputs = memory_allocate(n_members, bench->n_outputs * sizeof(float), "measuring", err);
    bench->rates = memory_allocate(n_members, sizeof(double), "measuring", err);
    bench->attention =
        memory_allocate(n_members, attention_floats(bench->shapes) * sizeof(float), "measuring", err);
    if (bench->weights == NULL || bench->pool == NULL || bench->floats == NULL || bench->int8 == NULL ||
        bench->outputs == NULL || bench->rates == NULL || bench->attention == NULL)
        return false;
    if (bench->shapes->small_pages)
        pages_keep_small(bench->weights, bench->n_bytes);
    return true;
}

static void close_bench(struct bench *bench)
{
    pages_free(bench->weights, bench->n_bytes);
    memory_free(bench->pool);
    memory_free(bench->floats);
    memory_free(bench->int8);
    memory_free(bench->outputs);
    memory_free(bench->rates);
    memory_free(bench->attention);
}

bool cpu_rates_measure(struct cpu_rates *rates, struct team *team, const char *isa,
                       const struct cpu_shapes *shapes, struct error *err)
{
    struct kernels kernels;
    struct bench bench = {.kernels = &kernels, .shapes = shapes, .team = team};
    *rates = (struct cpu_rates){0};
    if (!cpu_choose_kernels(&kernels, isa, err))
        return false;
    bool ok = open_bench(&bench, err);
    for (size_t i = 0; ok && i < shapes->n_items; i++) {
        take_shape(&bench, shapes->items[i]);
        rates->products[rates->n_products++] = (struct cpu_rate){.format = shapes->items[i].format,
                                                                 .n_columns = shapes->items[i].n_columns,
                                                                 .one = product_rate(&bench, 1),
                                                                 .few = product_rate(&bench, CPU_FEW_ROWS),
                                                                 .many = product_rate(&bench, CPU_MANY_ROWS)};
    }
    if (ok) {
        rates->activations = activation_rate(&bench);
        rates->attention = median_rate(&bench, attend_blocks);
    }
    close_bench(&bench);
    return ok;
}
