/* SPDX-License-Identifier: Apache-2.0 */
/* attend.c - attention's loops on every instruction set, over floats and over int16, in DeepSeek-R1's sizes:
 * multiply-adds a second in both products, and what a softmax and the packing of a block cost.
 *
 * One thread, operands in its second-level cache. A figure is the best of many rounds. That the loops are
 * right is tests/kernel/test_attend.c's business. */
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/memory.h"
#include "base/random.h"
#include "kernel/kernel.h"

#define ROUNDS       300
#define POSITIONS    128 /* of a block */
#define TOGETHER     8   /* positions that are packed at a time */
#define COLUMNS      576 /* of a key: latent and rotary part */
#define VALUES       512
#define BUNDLES      8 /* 128 heads */
#define LANES        ATTEND_LANES
#define VALUE_STRIDE (VALUES + 16) /* words, as backend/cpu/attention.h has them */

struct attention {
    const struct attend_kernels *kernels;
    const struct kernels *table;
    uint16_t *halves; /* [POSITIONS][COLUMNS] */
    float *floats;    /* [POSITIONS][COLUMNS] */
    float *queries;   /* [LANES][COLUMNS] */
    float *panels;    /* [BUNDLES][words of COLUMNS, scales][LANES] */
    float *keys;      /* [POSITIONS][words of COLUMNS, scales] */
    float *values;    /* VALUE_STRIDE a pair of POSITIONS */
    float *scores;    /* [BUNDLES][POSITIONS][LANES] */
    float *out;       /* [BUNDLES][VALUES][LANES] */
    float shrink[BUNDLES * LANES], scale[BUNDLES * LANES];
    struct attend_running running[BUNDLES];
};

static const struct attend_size key_size = {VALUES, COLUMNS - VALUES};

static void pack(struct attention *a)
{
    const struct attend_kernels *k = a->kernels;
    if (k->word_numbers == 1) {
        a->table->f16_to_float(a->halves, a->floats, (size_t)POSITIONS * COLUMNS);
        return;
    }
    const size_t key_words = attend_row_words(k, key_size);
    for (size_t p = 0; p < POSITIONS; p += TOGETHER) {
        a->table->f16_to_float(a->halves + p * COLUMNS, a->floats, (size_t)TOGETHER * COLUMNS);
        k->pack_keys(a->floats, COLUMNS, TOGETHER, key_size, a->keys + p * key_words, key_words);
    }
    k->pack_values(&(struct attend_values){.rows = a->keys,
                                           .row_words = key_words,
                                           .n_positions = POSITIONS,
                                           .n_columns = VALUES,
                                           .words = a->values,
                                           .value_words = VALUE_STRIDE});
}

static void score(struct attention *a)
{
    const struct attend_kernels *k = a->kernels;
    k->product(&(struct attend_product){.panels = a->panels,
                                        .n_bundles = BUNDLES,
                                        .rows = k->word_numbers == 1 ? a->floats : a->keys,
                                        .n_rows = POSITIONS,
                                        .size = key_size,
                                        .row_words = attend_row_words(k, key_size),
                                        .out = a->scores,
                                        .out_bundle = POSITIONS * LANES,
                                        .out_row = LANES});
}

static void weigh(struct attention *a)
{
    for (size_t b = 0; b < BUNDLES; b++)
        a->kernels->weigh(&(struct attend_weigh){.scores = a->scores + b * POSITIONS * LANES,
                                                 .n_positions = POSITIONS,
                                                 .value_scales = a->keys + attend_scales_at(key_size),
                                                 .scale_stride = attend_row_words(a->kernels, key_size),
                                                 .running = &a->running[b],
                                                 .weights = a->scores + b * POSITIONS * LANES,
                                                 .shrink = a->shrink + b * LANES,
                                                 .scale = a->scale + b * LANES});
}

static void add(struct attention *a)
{
    const struct attend_kernels *k = a->kernels;
    k->sum(&(struct attend_sum){.weights = a->scores,
                                .weights_bundle = POSITIONS * LANES,
                                .shrink = a->shrink,
                                .scale = a->scale,
                                .n_bundles = BUNDLES,
                                .values = k->word_numbers == 1 ? a->floats : a->values,
                                .n_words = attend_words(k, POSITIONS),
                                .value_words = k->word_numbers == 1 ? COLUMNS : VALUE_STRIDE,
                                .n_columns = VALUES,
                                .out = a->out});
}

static void start(struct attention *a)
{
    struct random random = random_seeded(1);
    for (size_t i = 0; i < (size_t)POSITIONS * COLUMNS; i++)
        a->floats[i] = (float)random_normal(&random);
    /* Queries so small that scores are of size 1. */
    for (size_t i = 0; i < (size_t)LANES * COLUMNS; i++)
        a->queries[i] = (float)(random_normal(&random) / sqrt(COLUMNS));
    for (size_t b = 0; b < BUNDLES; b++) {
        a->kernels->pack_queries(a->queries, COLUMNS, LANES, key_size,
                                 a->panels + b * LANES * attend_row_words(a->kernels, key_size));
        a->running[b] = (struct attend_running){0};
    }
    memset(a->out, 0, sizeof(float) * BUNDLES * VALUES * LANES);
    a->table->float_to_f16(a->floats, a->halves, (size_t)POSITIONS * COLUMNS);
    pack(a);
}

static double seconds_of(struct attention *a, void (*part)(struct attention *))
{
    double best = INFINITY;
    for (int round = 0; round < ROUNDS; round++) {
        score(a); /* real scores before each softmax */
        double begun = clock_seconds();
        part(a);
        best = fmin(best, clock_seconds() - begun);
    }
    return best;
}

static void bench_level(struct attention *a, bool fast)
{
    const double keys = (double)BUNDLES * LANES * POSITIONS * COLUMNS, values = keys / COLUMNS * VALUES;
    a->kernels = fast ? kernels_attend_int16(a->table, true) : &a->table->attend_float;
    start(a);
    double packing = seconds_of(a, pack), scores = seconds_of(a, score), softmax = seconds_of(a, weigh),
           sums = seconds_of(a, add), all = packing + scores + softmax + sums;
    printf("%-10s  %-6s %8.1f %8.1f %9.1f%% %9.1f%% %9.1f\n", isa_name(a->table->isa),
           a->kernels->word_numbers == 1 ? "floats" : "int16", keys / scores * 1e-9, values / sums * 1e-9,
           100 * softmax / all, 100 * packing / all, (keys + values) / all * 1e-9);
}

int main(void)
{
    struct error err = {""};
    struct attention a = {0};
    const size_t block = (size_t)POSITIONS * COLUMNS;
    a.halves = memory_allocate(block, sizeof *a.halves, "a block", &err);
    a.floats = memory_allocate(block, sizeof(float), "a block", &err);
    a.keys = memory_allocate(block, sizeof(float), "a block", &err);
    a.values = memory_allocate(block, sizeof(float), "a block", &err);
    a.queries = memory_allocate((size_t)LANES * COLUMNS, sizeof(float), "queries", &err);
    a.panels = memory_allocate((size_t)BUNDLES * LANES * COLUMNS, sizeof(float), "queries", &err);
    a.scores = memory_allocate((size_t)BUNDLES * LANES * POSITIONS, sizeof(float), "scores", &err);
    a.out = memory_allocate((size_t)BUNDLES * LANES * VALUES, sizeof(float), "outputs", &err);
    if (!a.halves || !a.floats || !a.keys || !a.values || !a.queries || !a.panels || !a.scores || !a.out) {
        fprintf(stderr, "%s\n", err.text);
        return 1;
    }
    printf("isa         words    scores   values  softmax   packing   together   (GMAC/s)\n");
    for (int isa = 0; isa < ISA_COUNT; isa++) {
        struct kernels kernels;
        if (!isa_available((enum isa)isa) || !kernels_fill(&kernels, (enum isa)isa, &err))
            continue;
        a.table = &kernels;
        bench_level(&a, false);
        bench_level(&a, true);
    }
    float *const blocks[] = {a.floats, a.keys, a.values, a.queries, a.panels, a.scores, a.out};
    for (size_t i = 0; i < sizeof blocks / sizeof *blocks; i++)
        memory_free(blocks[i]);
    memory_free(a.halves);
    return 0;
}
