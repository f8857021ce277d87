/* SPDX-License-Identifier: Apache-2.0 */
/* golden_case.h - a small model with tokens and the logits that a float64 reference computed for them:
 * STEM.gguf, STEM.json and STEM.logits.f32. */
#ifndef FATHOM_TESTS_GOLDEN_CASE_H
#define FATHOM_TESTS_GOLDEN_CASE_H

#include <jansson.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

struct golden_case {
    char path[128]; /* of the model */
    uint32_t *tokens;
    size_t n_tokens;
    size_t first_row; /* logits are given from this position on */
    size_t n_rows;
    size_t n_vocabulary;
    float *logits; /* [n_rows][n_vocabulary] */
};

/* Models that stand for the formats and layouts people run; see tests/golden/README.md. */
static const char *const golden_names[] = {"v3-legacy",   "v3-256-q4_0",     "v3-iq1_m", "v3-iq1_s",
                                           "v3-iq2_xxs",  "v3-kvb-q2_k_xl",  "v3-iq3",   "v3-q3_k_m",
                                           "v2lite-q8_0", "v3-longyarn-q8_0"};
#define N_GOLDEN (sizeof golden_names / sizeof *golden_names)

static inline size_t golden_number(const json_t *object, const char *key)
{
    return (size_t)json_integer_value(json_object_get(object, key));
}

/* False, with nothing to release, where a file is missing or does not fit. */
static inline int golden_read_at(struct golden_case *golden, const char *stem)
{
    char path[160];
    snprintf(golden->path, sizeof golden->path, "%s.gguf", stem);
    snprintf(path, sizeof path, "%s.json", stem);
    json_t *json = json_load_file(path, 0, NULL);
    if (json == NULL)
        return 0;
    const json_t *tokens = json_object_get(json, "tokens");
    golden->n_tokens = json_array_size(tokens);
    golden->first_row = golden_number(json, "first_logits_row");
    golden->n_rows = golden_number(json, "rows");
    golden->n_vocabulary = golden_number(json, "n_vocab");
    golden->tokens = calloc(golden->n_tokens, sizeof(uint32_t));
    golden->logits = calloc(golden->n_rows * golden->n_vocabulary, sizeof(float));
    for (size_t i = 0; i < golden->n_tokens; i++)
        golden->tokens[i] = (uint32_t)json_integer_value(json_array_get(tokens, i));
    json_decref(json);
    snprintf(path, sizeof path, "%s.logits.f32", stem);
    FILE *file = fopen(path, "rb");
    size_t n = golden->n_rows * golden->n_vocabulary;
    int whole = file != NULL && fread(golden->logits, sizeof(float), n, file) == n;
    if (file != NULL)
        fclose(file);
    return whole;
}

/* The same of tests/golden/NAME. */
static inline int golden_read(struct golden_case *golden, const char *name)
{
    char stem[96];
    snprintf(stem, sizeof stem, "tests/golden/%s", name);
    return golden_read_at(golden, stem);
}

static inline void golden_release(struct golden_case *golden)
{
    free(golden->tokens);
    free(golden->logits);
}

/* Squared error over squared reference, of n values. */
static inline double nmse(const float *got, const float *want, size_t n)
{
    double error = 0.0, power = 0.0;
    for (size_t i = 0; i < n; i++) {
        double d = (double)got[i] - (double)want[i];
        error += d * d;
        power += (double)want[i] * (double)want[i];
    }
    return error / power;
}

#endif
