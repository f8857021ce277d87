/* SPDX-License-Identifier: Apache-2.0 */
/* depth.c - what a context costs: steps of a model behind caches of several depths, each beside the same step
 * at depth 0 in turn, so that a machine's moods fall on both.
 *
 * The caches hold random latents, which cost nothing to make and as much to attend to as real ones: so
 * depth 32768 can be timed in seconds. `fathom bench -d` computes its context, and takes hours for that. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backend/cpu/cpu.h"
#include "base/bytes.h"
#include "base/clock.h"
#include "base/memory.h"
#include "base/random.h"
#include "model/cache.h"
#include "model/forward.h"
#include "model/rope.h"
#include "quant/encode.h"
#include "weights/resident.h"

#define MOST_PAIRS 512
#define MOST_RUNS  32

struct bench {
    const char *path, *isa;
    size_t n_rows, depth, n_runs, n_threads;
    enum cache_format format;
    enum attention_form form;

    struct gguf file;
    struct catalog catalog;
    struct topology topology;
    struct team *team;
    struct backend *backend;
    struct resident weights;
    struct forward forward;
    struct held_cache held;
    struct row *rows;
    float *logits; /* [n_vocabulary] of the last row */
    float frequencies[MOST_PAIRS];
};

static bool open_model(struct bench *b, struct error *err)
{
    if (!gguf_open(&b->file, b->path, err) || !catalog_read(&b->catalog, &b->file, err) ||
        !topology_read(&b->topology, NULL, err))
        return false;
    const struct geometry *g = &b->catalog.geometry;
    rope_frequencies(g, b->frequencies);
    b->team = team_create(&b->topology, b->n_threads, err);
    if (b->team == NULL)
        return false;
    b->backend = cpu_create(&(struct cpu_options){.geometry = g,
                                                  .rope = {b->frequencies, rope_score_scale(g)},
                                                  .team = b->team,
                                                  .isa = b->isa,
                                                  .max_rows = b->n_rows},
                            err);
    if (b->backend == NULL)
        return false;
    b->rows = memory_allocate(b->n_rows, sizeof *b->rows, "rows", err);
    b->logits = memory_allocate(g->n_vocabulary, sizeof *b->logits, "logits", err);
    b->forward = (struct forward){.backend = b->backend, .geometry = g, .weights = &b->weights};
    return b->rows != NULL && b->logits != NULL &&
           resident_load(&b->weights, &b->catalog, &(struct homes){b->backend, b->backend}, NULL, err) &&
           held_cache_open(&b->held, b->backend, b->format, b->depth + b->n_rows, err);
}

static void close_model(struct bench *b)
{
    if (b->held.bytes != NULL)
        held_cache_close(&b->held);
    resident_release(&b->weights);
    backend_free(b->backend);
    team_free(b->team);
    topology_release(&b->topology);
    catalog_release(&b->catalog);
    gguf_close(&b->file);
    memory_free(b->rows);
    memory_free(b->logits);
}

/* Positions of random latents, in the cache's own format. */
static bool fill_cache(struct bench *b, struct error *err)
{
    const struct geometry *g = &b->catalog.geometry;
    const enum format format = cache_numbers(b->format);
    const size_t n = (size_t)g->n_layers * geometry_cache_values(g) / 32 * 32; /* whole blocks */
    struct random random = random_seeded(1);
    float *values = memory_allocate(n, sizeof(float), "latents", err);
    uint8_t *bytes =
        memory_allocate(1, b->backend->cache_position_bytes(b->backend, b->format), "latents", err);
    bool ok = values != NULL && bytes != NULL;
    for (size_t position = 0; ok && position < b->depth; position++) {
        for (size_t i = 0; i < n && position % 64 == 0; i++) /* each 64 times: nobody looks */
            values[i] = (float)random_normal(&random);
        if (position % 64 == 0)
            encode_row(format, values, bytes, n);
        b->backend->cache_import(b->backend, b->held.bytes, position, 1, bytes);
    }
    memory_free(values);
    memory_free(bytes);
    return ok;
}

static bool time_step(struct bench *b, size_t position, double *seconds, struct error *err)
{
    for (size_t i = 0; i < b->n_rows; i++)
        b->rows[i] = (struct row){.token = (uint32_t)(i * 37 % b->catalog.geometry.n_vocabulary),
                                  .position = (uint32_t)(position + i),
                                  .cache = b->held.bytes,
                                  .wants_logits = i + 1 == b->n_rows};
    double begun = clock_seconds();
    const struct step step = {
        .rows = b->rows, .n_rows = b->n_rows, .attention = b->form, .logits = b->logits};
    bool ok = forward_step(&b->forward, &step, err);
    *seconds = clock_seconds() - begun;
    return ok;
}

static int compare_seconds(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(double *seconds, size_t n)
{
    qsort(seconds, n, sizeof *seconds, compare_seconds);
    return seconds[n / 2];
}

static bool run(struct bench *b, struct error *err)
{
    double near[MOST_RUNS], deep[MOST_RUNS];
    if (!open_model(b, err) || !fill_cache(b, err) || !time_step(b, b->depth, deep, err) ||
        !time_step(b, 0, near, err))
        return false;
    for (size_t i = 0; i < b->n_runs; i++)
        if (!time_step(b, 0, &near[i], err) || !time_step(b, b->depth, &deep[i], err))
            return false;
    double before = median(near, b->n_runs), behind = median(deep, b->n_runs);
    printf("%zu rows, depth %zu: %.2f tok/s, %.2f at depth 0 (%.0f%%); %.2f ms more a step, best %.2f\n",
           b->n_rows, b->depth, (double)b->n_rows / behind, (double)b->n_rows / before, 100 * before / behind,
           1e3 * (behind - before), 1e3 * (deep[0] - near[0]));
    return true;
}

static enum cache_format cache_by_name(const char *name)
{
    static const char *const names[] = {"f16", "f32", "q8_0", "q4_0"}; /* as in enum cache_format */
    int i = CACHE_Q4_0;
    while (i > CACHE_F16 && strcmp(name, names[i]) != 0)
        i--;
    return (enum cache_format)i;
}

static bool read_options(int n, char **words, struct bench *b)
{
    *b = (struct bench){.n_rows = 1, .depth = 8192, .n_runs = 9, .form = ATTENTION_AUTO};
    for (int i = 1; i + 1 < n; i += 2) {
        const char *value = words[i + 1];
        if (strcmp(words[i], "-m") == 0)
            b->path = value;
        else if (strcmp(words[i], "-p") == 0)
            b->n_rows = strtoull(value, NULL, 10);
        else if (strcmp(words[i], "-d") == 0)
            b->depth = strtoull(value, NULL, 10);
        else if (strcmp(words[i], "-r") == 0)
            b->n_runs = min_size(strtoull(value, NULL, 10), MOST_RUNS);
        else if (strcmp(words[i], "-t") == 0)
            b->n_threads = strtoull(value, NULL, 10);
        else if (strcmp(words[i], "--isa") == 0)
            b->isa = value;
        else if (strcmp(words[i], "--kv") == 0)
            b->format = cache_by_name(value);
        else if (strcmp(words[i], "--attention") == 0)
            b->form = strcmp(value, "expanded") == 0   ? ATTENTION_EXPANDED
                      : strcmp(value, "absorbed") == 0 ? ATTENTION_ABSORBED
                                                       : ATTENTION_AUTO;
        else
            return false;
    }
    return b->path != NULL && b->n_rows > 0 && b->n_runs > 0;
}

int main(int n, char **words)
{
    struct bench bench;
    struct error err = {""};
    if (!read_options(n, words, &bench)) {
        fprintf(stderr,
                "usage: %s -m MODEL [-d DEPTH] [-p ROWS] [-r RUNS] [-t THREADS] [--isa NAME]\n"
                "       [--attention auto|absorbed|expanded] [--kv f16|f32|q8_0|q4_0]\n",
                words[0]);
        return 2;
    }
    bool ok = run(&bench, &err);
    close_model(&bench);
    if (!ok)
        fprintf(stderr, "%s: %s\n", words[0], err.text);
    return ok ? 0 : 1;
}
