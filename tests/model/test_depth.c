/* SPDX-License-Identifier: Apache-2.0 */
/* Rows so deep that their attention is split into several ranges of positions: the same bits for any number
 * of threads, in any company and in any step, and near what exact computation gives. */
#include <math.h>

#include "base/random.h"
#include "machine/team.h"
#include "opened.h"
#include "quant/half.h"

/* Ranges begin at multiples of 1024: three, the last of them short. */
#define N_TOKENS 2100
#define N_LAST   2 /* compared, at positions that nothing is a multiple of; panels take more */

static const struct depth_case {
    const char *model, *isa; /* isa NULL: the best */
    bool exact;
} cases[] = {
    {"v3-legacy", NULL, false}, {"v3-legacy", "generic", false},  {"v2lite-q8_0", NULL, false},
    {"v3-legacy", NULL, true},  {"v3-longyarn-q8_0", NULL, true},
};

/* A station of any number of threads, whose cache holds something for all but the last tokens. */
struct deep {
    struct station station;
    struct held_cache held;
    uint32_t tokens[N_TOKENS];
    float *logits; /* [OPENED_MAX_ROWS][n_vocabulary] */
};

/* Latents are normalized, so they look like this; nobody need compute them. */
static void fill(struct deep *deep, enum cache_format format)
{
    struct backend *backend = deep->station.backend;
    size_t n_bytes = backend->cache_position_bytes(backend, format), n_values = n_bytes / 4;
    struct random random = random_seeded(732);
    float *floats = malloc(n_bytes);
    assert_non_null(floats);
    uint16_t *halves = (uint16_t *)floats;
    if (format == CACHE_F16)
        n_values = n_bytes / 2;
    for (size_t position = 0; position < N_TOKENS - N_LAST; position++) {
        for (size_t i = 0; i < n_values; i++)
            if (format == CACHE_F16)
                halves[i] = float_to_f16((float)random_normal(&random));
            else
                floats[i] = (float)random_normal(&random);
        backend->cache_import(backend, deep->held.bytes, position, 1, floats);
    }
    held_cache_extend(&deep->held, N_TOKENS - N_LAST);
    free(floats);
}

static void deep_open(struct deep *deep, const struct opened *opened, const struct depth_case *of,
                      size_t n_threads)
{
    const enum cache_format format = of->exact ? CACHE_F32 : CACHE_F16;
    *deep = (struct deep){0};
    station_open_team(&deep->station, opened, of->isa, of->exact, n_threads);
    held_open(&deep->held, deep->station.backend, format, N_TOKENS);
    tokens_fill(deep->tokens, N_TOKENS, opened->geometry, 731);
    deep->logits = calloc(OPENED_MAX_ROWS * (size_t)opened->geometry->n_vocabulary, sizeof(float));
    assert_non_null(deep->logits);
    fill(deep, format);
}

static void deep_close(struct deep *deep)
{
    held_cache_close(&deep->held);
    free(deep->logits);
    station_close(&deep->station);
}

/* The last tokens, one a step or all in one: logits of each, in deep->logits. */
static const float *finish(struct deep *deep, bool together, size_t n_vocabulary)
{
    const struct forward *forward = &deep->station.forward;
    const uint32_t *last = deep->tokens + N_TOKENS - N_LAST;
    held_cache_truncate(&deep->held, N_TOKENS - N_LAST);
    for (size_t i = 0; i < (together ? 1 : N_LAST); i++)
        portions_step(forward, &(struct portion){&deep->held, last + i, together ? N_LAST : 1}, 1,
                      ATTENTION_ABSORBED, deep->logits + i * n_vocabulary);
    return deep->logits;
}

/* The same with another session's rows before and behind. */
static const float *finish_in_company(struct deep *deep, size_t n_vocabulary)
{
    struct held_cache others[2];
    enum { BEFORE = 5, BEHIND = 2 };
    held_cache_truncate(&deep->held, N_TOKENS - N_LAST);
    for (size_t i = 0; i < 2; i++)
        held_open(&others[i], deep->station.backend, CACHE_F16, BEFORE);
    const struct portion portions[] = {{&others[0], deep->tokens, BEFORE},
                                       {&deep->held, deep->tokens + N_TOKENS - N_LAST, N_LAST},
                                       {&others[1], deep->tokens + 7, BEHIND}};
    portions_step(&deep->station.forward, portions, 3, ATTENTION_ABSORBED, deep->logits);
    for (size_t i = 0; i < 2; i++)
        held_cache_close(&others[i]);
    return deep->logits + BEFORE * n_vocabulary;
}

static void threads_company_and_chunks_change_no_bit(void **state)
{
    (void)state;
    for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
        struct opened opened;
        struct deep first, second;
        opened_golden(&opened, cases[c].model);
        size_t n_vocabulary = opened.geometry->n_vocabulary, n = N_LAST * n_vocabulary * sizeof(float);
        deep_open(&first, &opened, &cases[c], 1);
        deep_open(&second, &opened, &cases[c], 3);
        float *expected = malloc(n);
        assert_non_null(expected);
        memcpy(expected, finish(&first, false, n_vocabulary), n);
        assert_memory_equal(finish(&first, true, n_vocabulary), expected, n);
        assert_memory_equal(finish(&second, false, n_vocabulary), expected, n);
        assert_memory_equal(finish(&second, true, n_vocabulary), expected, n);
        assert_memory_equal(finish_in_company(&second, n_vocabulary), expected, n);
        free(expected);
        deep_close(&first);
        deep_close(&second);
        opened_close(&opened);
    }
}

/* The absorbed form, split, against the expanded one, which is not: when exact, but for rounding. */
static void forms_agree(void **state)
{
    (void)state;
    static const struct depth_case exact = {"v3-legacy", NULL, true};
    struct opened opened;
    struct deep deep;
    opened_golden(&opened, exact.model);
    size_t n = N_LAST * (size_t)opened.geometry->n_vocabulary;
    deep_open(&deep, &opened, &exact, 2);
    float *absorbed = malloc(n * sizeof(float));
    assert_non_null(absorbed);
    memcpy(absorbed, finish(&deep, false, opened.geometry->n_vocabulary), n * sizeof(float));
    held_cache_truncate(&deep.held, N_TOKENS - N_LAST);
    portions_step(&deep.station.forward,
                  &(struct portion){&deep.held, deep.tokens + N_TOKENS - N_LAST, N_LAST}, 1,
                  ATTENTION_EXPANDED, deep.logits);
    double error = 0.0, size = 0.0;
    for (size_t i = 0; i < n; i++) {
        error += pow((double)absorbed[i] - deep.logits[i], 2);
        size += pow((double)deep.logits[i], 2);
    }
    if (!(error <= 1e-10 * size))
        fail_msg("the forms differ by an NMSE of %g", error / size);
    free(absorbed);
    deep_close(&deep);
    opened_close(&opened);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(threads_company_and_chunks_change_no_bit),
        cmocka_unit_test(forms_agree),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
