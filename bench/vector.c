/* SPDX-License-Identifier: Apache-2.0 */
/* vector.c - the kernel table's work on vectors (norm, activation function, quantizing, sums, conversions) on
 * every instruction set: first checked against generic/, then timed.
 *
 * Usage: vector [--csv] [VALUES]; 7168 values, R1's hidden state, where nothing is said. One thread, operands
 * in its caches; a figure is the best of several rounds. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/memory.h"
#include "base/random.h"
#include "kernel/kernel.h"
#include "quant/half.h"

#define ROUNDS        40
#define ROUND_SECONDS 0.0005
#define TOLERANCE     1e-5 /* of the largest value */

struct vectors {
    size_t n;
    float *x, *y;     /* [n] operands: never written */
    float *out;       /* [n] */
    uint16_t *halves; /* [n] x as binary16 */
    uint8_t *row;     /* [2][activation_row_bytes(n)]: int8 with scales, or binary16 */
};

/* One entry of the table: runs it, and leaves its result as floats in `out`. */
struct entry {
    const char *name;
    size_t value_bytes; /* read and written for each value */
    void (*run)(const struct kernels *kernels, struct vectors *v);
    void (*collect)(struct vectors *v); /* NULL: the result is in `out` already */
};

static void quantize(const struct kernels *kernels, struct vectors *v)
{
    kernels->quantize(v->x, v->row, v->n);
}

static void collect_row(struct vectors *v)
{
    activation_decode(v->row, v->out, v->n);
}

static void rms_norm(const struct kernels *kernels, struct vectors *v)
{
    kernels->rms_norm(v->x, v->y, 1e-6f, v->out, v->n);
}

static void silu_multiply(const struct kernels *kernels, struct vectors *v)
{
    kernels->silu_multiply(v->x, v->y, v->out, v->n);
}

static void add_scaled(const struct kernels *kernels, struct vectors *v)
{
    kernels->add_scaled(0.5f, v->x, v->out, v->n);
}

static void scale_add(const struct kernels *kernels, struct vectors *v)
{
    kernels->scale_add(0.5f, v->out, 0.25f, v->x, v->n);
}

static void exponential(const struct kernels *kernels, struct vectors *v)
{
    kernels->exponential(v->x, v->out, v->n);
}

static void widen(const struct kernels *kernels, struct vectors *v)
{
    kernels->f16_to_float(v->halves, v->out, v->n);
}

static void narrow(const struct kernels *kernels, struct vectors *v)
{
    kernels->float_to_f16(v->x, (uint16_t *)(void *)v->row, v->n);
}

static void collect_halves(struct vectors *v)
{
    for (size_t i = 0; i < v->n; i++)
        v->out[i] = float_from_f16(((const uint16_t *)(const void *)v->row)[i]);
}

static const struct entry entries[] = {
    {"quantize", 5, quantize, collect_row},     {"rms_norm", 12, rms_norm, NULL},
    {"silu_multiply", 12, silu_multiply, NULL}, {"add_scaled", 12, add_scaled, NULL},
    {"scale_add", 12, scale_add, NULL},         {"exponential", 8, exponential, NULL},
    {"f16_to_float", 6, widen, NULL},           {"float_to_f16", 6, narrow, collect_halves},
};
#define N_ENTRIES (sizeof entries / sizeof *entries)

static void release_vectors(struct vectors *v)
{
    memory_free(v->x);
    memory_free(v->y);
    memory_free(v->out);
    memory_free(v->halves);
    memory_free(v->row);
}

static bool make_vectors(struct vectors *v, size_t n, struct error *err)
{
    struct random random = random_seeded(1);
    *v = (struct vectors){.n = n};
    v->x = memory_allocate(n, sizeof(float), "a vector", err);
    v->y = memory_allocate(n, sizeof(float), "a vector", err);
    v->out = memory_allocate(n, sizeof(float), "a vector", err);
    v->halves = memory_allocate(n, sizeof(uint16_t), "a vector", err);
    v->row = memory_allocate(2, activation_row_bytes(n), "a vector", err);
    if (v->x == NULL || v->y == NULL || v->out == NULL || v->halves == NULL || v->row == NULL) {
        release_vectors(v);
        return false;
    }
    for (size_t i = 0; i < n; i++) {
        v->x[i] = (float)random_normal(&random);
        v->y[i] = (float)random_normal(&random);
        v->halves[i] = float_to_f16(v->x[i]);
    }
    return true;
}

/* The result of one run, from outputs of zero. */
static void result(const struct entry *entry, const struct kernels *kernels, struct vectors *v, float *to)
{
    memset(v->out, 0, v->n * sizeof(float));
    entry->run(kernels, v);
    if (entry->collect != NULL)
        entry->collect(v);
    memcpy(to, v->out, v->n * sizeof(float));
}

static bool is_near(const float *a, const float *b, size_t n)
{
    float largest = 0;
    for (size_t i = 0; i < n; i++)
        largest = fmaxf(largest, fabsf(b[i]));
    for (size_t i = 0; i < n; i++)
        if (!(fabsf(a[i] - b[i]) <= (float)TOLERANCE * largest)) /* nor is what is no number */
            return false;
    return true;
}

static double run_seconds(const struct entry *entry, const struct kernels *kernels, struct vectors *v)
{
    double best = INFINITY;
    for (int round = 0; round < ROUNDS; round++) {
        double begun = clock_seconds(), now = begun;
        size_t n_runs = 0;
        for (; now - begun < ROUND_SECONDS; now = clock_seconds(), n_runs++)
            entry->run(kernels, v);
        best = fmin(best, (now - begun) / (double)n_runs);
    }
    return best;
}

/* expected [entry][n]: generic's results; results [n] */
static bool bench_level(const struct kernels *kernels, struct vectors *v, float *expected, float *found,
                        double *generic_seconds, bool csv)
{
    bool right = true;
    for (size_t i = 0; i < N_ENTRIES; i++) {
        bool generic = kernels->isa == ISA_GENERIC;
        result(&entries[i], kernels, v, generic ? expected + i * v->n : found);
        bool near = generic || is_near(found, expected + i * v->n, v->n);
        double seconds = run_seconds(&entries[i], kernels, v);
        if (generic)
            generic_seconds[i] = seconds;
        printf(csv ? "%s,%s,%zu,%.3f,%.3f,%.2f,%s\n" : "%-10s %-14s %6zu %9.3f %8.2f %9.1f  %s\n",
               isa_name(kernels->isa), entries[i].name, v->n, (double)v->n / seconds * 1e-9,
               (double)(v->n * entries[i].value_bytes) / seconds * 1e-9, generic_seconds[i] / seconds,
               near ? "right" : "WRONG");
        right &= near;
    }
    return right;
}

static bool bench_all(struct vectors *v, bool csv, struct error *err)
{
    double generic_seconds[N_ENTRIES] = {0};
    float *expected = memory_allocate(N_ENTRIES + 1, v->n * sizeof(float), "results", err);
    bool ok = expected != NULL;
    printf(csv ? "isa,entry,values,gvalues_per_s,gbytes_per_s,times_generic,check\n"
               : "isa        entry          values  Gvalue/s     GB/s  x generic\n");
    for (int isa = 0; ok && isa < ISA_COUNT; isa++) {
        struct kernels kernels;
        if (!isa_available((enum isa)isa))
            continue;
        ok = kernels_fill(&kernels, (enum isa)isa, err) &&
             (bench_level(&kernels, v, expected, expected + N_ENTRIES * v->n, generic_seconds, csv) ||
              fail(err, "%s differs from generic", isa_name(kernels.isa)));
    }
    memory_free(expected);
    return ok;
}

int main(int n_words, char **words)
{
    bool csv = n_words > 1 && strcmp(words[1], "--csv") == 0;
    size_t n = n_words > 1 + csv ? strtoull(words[1 + csv], NULL, 10) : 7168;
    struct vectors vectors;
    struct error err;
    if (n_words > 2 + csv || n == 0 || n % ACTIVATION_BLOCK != 0) {
        fprintf(stderr, "usage: %s [--csv] [VALUES (of %d)]\n", words[0], ACTIVATION_BLOCK);
        return 2;
    }
    if (!make_vectors(&vectors, n, &err)) {
        fprintf(stderr, "%s: %s\n", words[0], err.text);
        return 1;
    }
    bool ok = bench_all(&vectors, csv, &err);
    if (!ok)
        fprintf(stderr, "%s: %s\n", words[0], err.text);
    release_vectors(&vectors);
    return ok ? 0 : 1;
}
