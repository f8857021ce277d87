/* SPDX-License-Identifier: Apache-2.0 */
/* kernel.c - every product of the kernel table on every instruction set: first checked against the law,
 * then timed.
 *
 * One thread. By default the operands stay in the second-level cache, so the figures are what a core can
 * compute; --mib spreads the rows over memory instead. A figure is the best of several rounds. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/memory.h"
#include "kernel/kernel.h"
#include "kernel/random_blocks.h"
#include "quant/decode.h"

#define ROUNDS        80
#define ROUND_SECONDS 0.0005
#define TOLERANCE     1e-5   /* of the sum of |weight| |activation| */
#define WIDE          0x1p-7 /* the same, where both operands are rounded to bfloat16 */

struct options {
    size_t n_rows;    /* of a call */
    size_t n_columns; /* of a row */
    size_t n_tokens;
    size_t mib; /* of weights that the calls walk through; 0: one call's rows, again and again */
    bool panel; /* the product for many tokens */
    bool wide;  /* for still more, where there is one */
    bool csv;
    bool only_isa;
    enum isa isa;
    bool only_format;
    enum format format;
};

struct operands {
    uint8_t *weights; /* [n_calls][n_rows][row_bytes] */
    size_t n_calls;
    uint8_t *activations; /* [n_tokens][activation_bytes] */
    float *out;           /* [n_tokens][n_rows] */
    struct product product;
};

static void release_operands(struct operands *o)
{
    memory_free(o->weights);
    memory_free(o->activations);
    memory_free(o->out);
}

/* Random rows; with --mib the first call's rows again and again, since only their place matters. */
static bool make_operands(struct operands *o, const struct options *options, enum format format,
                          struct error *err)
{
    struct random random = random_seeded(1);
    bool floats = format_info(format)->float_activations;
    size_t n = options->n_columns;
    size_t row_bytes = format_row_bytes(format, n);
    size_t call_bytes = row_bytes * options->n_rows;
    size_t activation_bytes = floats ? round_up(n * sizeof(float), 64) : activation_row_bytes(n);

    *o = (struct operands){.n_calls = max_size(1, (options->mib << 20) / call_bytes)};
    o->weights = memory_allocate(o->n_calls, call_bytes, "weights", err);
    o->activations = memory_allocate(options->n_tokens, activation_bytes, "activations", err);
    o->out = memory_allocate(options->n_tokens * options->n_rows, sizeof(float), "outputs", err);
    float *x = memory_allocate(n, sizeof(float), "an activation", err);
    if (!o->weights || !o->activations || !o->out || !x) {
        memory_free(x);
        release_operands(o);
        return false;
    }
    random_blocks(&random, format, o->weights, options->n_rows * n);
    for (size_t call = 1; call < o->n_calls; call++)
        memcpy(o->weights + call * call_bytes, o->weights, call_bytes);
    for (size_t token = 0; token < options->n_tokens; token++) {
        for (size_t i = 0; i < n; i++)
            x[i] = (float)random_normal(&random);
        if (floats)
            memcpy(o->activations + token * activation_bytes, x, n * sizeof(float));
        else
            activation_encode(x, o->activations + token * activation_bytes, n);
    }
    memory_free(x);
    o->product = (struct product){.rows = o->weights,
                                  .row_bytes = row_bytes,
                                  .n_rows = options->n_rows,
                                  .n_columns = n,
                                  .activations = o->activations,
                                  .activation_bytes = activation_bytes,
                                  .n_tokens = options->n_tokens,
                                  .out = o->out,
                                  .out_stride = options->n_rows};
    return true;
}

/* The first and the last output against decoded weights in double. */
static bool is_right(const struct operands *o, enum format format, double tolerance, float *weights)
{
    const struct product *p = &o->product;
    float *values = weights + p->n_columns;
    for (int last = 0; last < 2; last++) {
        size_t row = last ? p->n_rows - 1 : 0, token = last ? p->n_tokens - 1 : 0;
        const uint8_t *x = o->activations + token * p->activation_bytes;
        double sum = 0.0, sizes = 0.0;
        decode_row(format, o->weights + row * p->row_bytes, weights, p->n_columns);
        if (format_info(format)->float_activations)
            memcpy(values, x, p->n_columns * sizeof(float));
        else
            activation_decode(x, values, p->n_columns);
        for (size_t i = 0; i < p->n_columns; i++) {
            sum += (double)weights[i] * values[i];
            sizes += fabs((double)weights[i] * values[i]);
        }
        if (!(fabs(p->out[token * p->out_stride + row] - sum) <= tolerance * sizes))
            return false;
    }
    return true;
}

/* Seconds of one call, the best of ROUNDS. */
static double call_seconds(const struct operands *o, product_fn *product)
{
    struct product p = o->product;
    size_t call_bytes = p.row_bytes * p.n_rows;
    double best = INFINITY;

    for (int round = 0; round < ROUNDS; round++) {
        double start = clock_seconds(), now = start;
        size_t n_calls = 0;
        while (now - start < ROUND_SECONDS || n_calls % o->n_calls != 0) {
            p.rows = o->weights + n_calls % o->n_calls * call_bytes;
            p.next = o->weights + (n_calls + 1) % o->n_calls * call_bytes;
            product(&p);
            n_calls++;
            now = clock_seconds();
        }
        best = fmin(best, (now - start) / (double)n_calls);
    }
    return best;
}

/* The one that was asked for; NULL: the level has none. */
static product_fn *product_of(const struct kernels *kernels, const struct options *options,
                              enum format format)
{
    if (options->wide)
        return kernels->wide_product[format];
    return (options->panel ? kernels->panel_product : kernels->product)[format];
}

static bool bench_format(const struct kernels *kernels, const struct options *options, enum format format,
                         double *generic_seconds, struct error *err)
{
    const struct format_info *info = format_info(format);
    struct operands o;
    float *decoded = memory_allocate(2 * options->n_columns, sizeof(float), "a decoded row", err);
    if (!decoded)
        return false;
    if (!make_operands(&o, options, format, err)) {
        memory_free(decoded);
        return false;
    }
    product_fn *product = product_of(kernels, options, format);
    product(&o.product);
    bool right = is_right(&o, format, options->wide ? WIDE : TOLERANCE, decoded);
    double seconds = call_seconds(&o, product);
    if (kernels->isa == ISA_GENERIC)
        *generic_seconds = seconds;
    double weights = (double)(options->n_rows * options->n_columns);
    double bytes = (double)(o.product.row_bytes * options->n_rows);
    printf(options->csv ? "%s,%s,%zu,%.3f,%.3f,%.3f,%.2f,%s\n"
                        : "%-8s %-8s %3zu %8.2f %8.2f %8.2f %7.1f  %s\n",
           isa_name(kernels->isa), info->name, options->n_tokens, weights / seconds * 1e-9,
           bytes / seconds * 1e-9, weights * (double)options->n_tokens / seconds * 1e-9,
           *generic_seconds / seconds, right ? "right" : "WRONG");
    release_operands(&o);
    memory_free(decoded);
    return right || fail(err, "%s on %s gives wrong products", info->name, isa_name(kernels->isa));
}

static bool bench_all(const struct options *options, struct error *err)
{
    double generic_seconds[FORMAT_COUNT];
    for (int format = 0; format < FORMAT_COUNT; format++)
        generic_seconds[format] = NAN;
    printf(options->csv ? "isa,format,tokens,gweights_per_s,gbytes_per_s,gmac_per_s,times_generic,check\n"
                        : "isa      format   tok   Gwt/s     GB/s   GMAC/s  x generic\n");
    for (int isa = 0; isa < ISA_COUNT; isa++) {
        struct kernels kernels;
        if (options->only_isa && isa != (int)options->isa)
            continue;
        if (!isa_available((enum isa)isa)) { /* what no figure stands for */
            fprintf(stderr, "%s: not on this machine\n", isa_name((enum isa)isa));
            continue;
        }
        if (!kernels_fill(&kernels, (enum isa)isa, err))
            return false;
        for (int format = 0; format < FORMAT_COUNT; format++)
            if ((!options->only_format || format == (int)options->format) &&
                product_of(&kernels, options, (enum format)format) != NULL)
                if (!bench_format(&kernels, options, (enum format)format, &generic_seconds[format], err))
                    return false;
    }
    return true;
}

static bool read_options(int n, char **words, struct options *options)
{
    *options = (struct options){.n_rows = 64, .n_columns = 2048, .n_tokens = 1};
    for (int i = 1; i < n; i++) {
        const char *value = i + 1 < n ? words[i + 1] : "";
        if (strcmp(words[i], "--csv") == 0) {
            options->csv = true;
            continue;
        }
        if (strcmp(words[i], "--panel") == 0) {
            options->panel = true;
            continue;
        }
        if (strcmp(words[i], "--wide") == 0) {
            options->wide = true;
            continue;
        }
        if (strcmp(words[i], "--rows") == 0)
            options->n_rows = strtoull(value, NULL, 10);
        else if (strcmp(words[i], "--columns") == 0)
            options->n_columns = strtoull(value, NULL, 10);
        else if (strcmp(words[i], "--tokens") == 0)
            options->n_tokens = strtoull(value, NULL, 10);
        else if (strcmp(words[i], "--mib") == 0)
            options->mib = strtoull(value, NULL, 10);
        else if (strcmp(words[i], "--isa") == 0)
            options->only_isa = isa_by_name(value, &options->isa);
        else if (strcmp(words[i], "--format") == 0)
            options->only_format = format_by_name(value, &options->format);
        else
            return false;
        i++;
    }
    return options->n_rows > 0 && options->n_tokens > 0 && options->n_columns > 0 &&
           options->n_columns % 256 == 0;
}

int main(int n, char **words)
{
    struct options options;
    struct error err = {""};
    if (!read_options(n, words, &options)) {
        fprintf(stderr,
                "usage: %s [--isa NAME] [--format NAME] [--rows N] [--columns N (of 256)] [--tokens N]\n"
                "       [--mib N] [--panel | --wide] [--csv]\n",
                words[0]);
        return 2;
    }
    if (!bench_all(&options, &err)) {
        fprintf(stderr, "%s: %s\n", words[0], err.text);
        return 1;
    }
    return 0;
}
