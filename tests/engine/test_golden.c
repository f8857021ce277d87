/* SPDX-License-Identifier: Apache-2.0 */
/* Logits of the golden models against the float64 reference, exact and fast, in both forms of attention and
 * on every instruction set; and the same bits whole, in chunks, token by token, and for any number of
 * threads. */
#include <string.h>

#include "base/bytes.h"
#include "check.h"
#include "fathom.h"
#include "golden_case.h"
#include "kernel/kernel.h"

#define EXACT_BOUND       1e-8   /* rounding of float32 sums */
#define FAST_BOUND        1.5e-2 /* int8 activations: worst model */
#define FAST_MEDIAN_BOUND 2e-3   /* and the median over models */

#define N_CHUNK  7 /* a multiple of no block */
#define N_SINGLE 6 /* tokens that come one by one, at the beginning and at the end */

static const enum fathom_attention forms[] = {FATHOM_ATTENTION_ABSORBED, FATHOM_ATTENTION_EXPANDED};
#define N_FORMS (sizeof forms / sizeof *forms)

/* ---- computing ---- */

static struct golden_case read_case(size_t i)
{
    struct golden_case golden;
    if (!golden_read(&golden, golden_names[i]))
        fail_msg("%s cannot be read", golden_names[i]);
    return golden;
}

static struct fathom_model *open_model(const struct golden_case *golden,
                                       const struct fathom_model_options *options)
{
    struct fathom_error err = {0};
    struct fathom_model *model = fathom_model_open(golden->path, options, &err);
    if (model == NULL)
        fail_msg("%s: %s", golden->path, err.text);
    return model;
}

static struct fathom_session *open_session(struct fathom_model *model)
{
    struct fathom_error err = {0};
    struct fathom_session *session = fathom_session_open(model, NULL, &err);
    if (session == NULL)
        fail_msg("%s", err.text);
    return session;
}

struct logits {
    float *values; /* [n_tokens][n_vocabulary] */
    size_t n_vocabulary;
};

static bool take(void *listener, size_t position, const float *logits)
{
    struct logits *into = listener;
    memcpy(into->values + position * into->n_vocabulary, logits, into->n_vocabulary * sizeof(float));
    return true;
}

/* All rows' logits, to be freed; the session then holds all tokens. */
static float *hold_all(struct fathom_session *session, const struct golden_case *golden)
{
    struct fathom_error err = {0};
    struct logits into = {calloc(golden->n_tokens * golden->n_vocabulary, sizeof(float)),
                          golden->n_vocabulary};
    const struct fathom_logits_listener listener = {take, &into};
    if (!fathom_session_hold(session, golden->tokens, golden->n_tokens, NULL, &listener, &err))
        fail_msg("%s: %s", golden->path, err.text);
    return into.values;
}

/* The same, of a model opened for it. */
static float *compute(const struct golden_case *golden, const struct fathom_model_options *options)
{
    struct fathom_model *model = open_model(golden, options);
    struct fathom_session *session = open_session(model);
    float *logits = hold_all(session, golden);
    fathom_session_close(session);
    fathom_model_close(model);
    return logits;
}

/* ---- the same, whole or in parts ---- */

/* Where many tokens are multiplied over panels, floats are added in another order than for one, or operands
 * are rounded otherwise. That turns over some activations' rounding to int8 in the layers behind, so the
 * difference may be as large as what rounding to int8 costs at all, and has the same bound, in the rows that
 * have logits: in others it may choose another expert. Parts must give the bits of the whole with --exact,
 * and where one product takes any number of tokens. */
static bool same_bits(const struct fathom_model_options *options)
{
    return options->exact || (options->isa != NULL && strcmp(options->isa, "generic") == 0);
}

static void assert_same(const struct golden_case *golden, const struct fathom_model_options *options,
                        const float *got, size_t position, size_t n_tokens, const float *whole)
{
    if (!same_bits(options) && position < golden->first_row) {
        size_t n_before = min_size(n_tokens, golden->first_row - position);
        got += n_before * golden->n_vocabulary;
        n_tokens -= n_before;
        position += n_before;
    }
    size_t n = n_tokens * golden->n_vocabulary;
    const float *want = whole + position * golden->n_vocabulary;
    if (n == 0)
        return;
    if (same_bits(options) ? memcmp(got, want, n * sizeof(float)) != 0 : !(nmse(got, want, n) <= FAST_BOUND))
        fail_msg("%s: %zu tokens from %zu on: not as in the whole, nmse %g", golden->path, n_tokens, position,
                 nmse(got, want, n));
}

static void assert_same_bits(const struct golden_case *golden, const float *got, const float *want,
                             const char *how)
{
    if (memcmp(got, want, golden->n_tokens * golden->n_vocabulary * sizeof(float)) != 0)
        fail_msg("%s: %s gives other bits", golden->path, how);
}

static void push_alike(struct fathom_session *session, const struct golden_case *golden,
                       const struct fathom_model_options *options, size_t position, const float *whole)
{
    struct fathom_error err = {0};
    if (!fathom_session_push(session, golden->tokens[position], &err))
        fail_msg("%s: %s", golden->path, err.text);
    assert_same(golden, options, fathom_session_logits(session), position, 1, whole);
}

/* For a form of attention, whole, in chunks and one by one, cold or on a kept beginning, are alike. */
static void check_chunks(const struct golden_case *golden, struct fathom_model_options options,
                         const float *whole)
{
    struct fathom_error err = {0};
    options.chunk_tokens = N_CHUNK;
    struct fathom_model *model = open_model(golden, &options);
    struct fathom_session *session = open_session(model);
    float *chunked = hold_all(session, golden);
    assert_same(golden, &options, chunked, 0, golden->n_tokens, whole);
    free(chunked);

    size_t n_kept = golden->n_tokens - N_SINGLE;
    if (!fathom_session_hold(session, golden->tokens, n_kept, NULL, NULL, &err))
        fail_msg("%s: %s", golden->path, err.text);
    for (size_t i = n_kept; i < golden->n_tokens; i++)
        push_alike(session, golden, &options, i, whole);
    fathom_session_close(session);

    session = open_session(model);
    for (size_t i = 0; i < N_SINGLE; i++)
        push_alike(session, golden, &options, i, whole);
    fathom_session_close(session);
    fathom_model_close(model);
}

/* ---- the reference ---- */

static double error_of(const struct golden_case *golden, const float *logits)
{
    return nmse(logits + golden->first_row * golden->n_vocabulary, golden->logits,
                golden->n_rows * golden->n_vocabulary);
}

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void check_errors(double *errors, double bound, double median_bound)
{
    for (size_t i = 0; i < N_GOLDEN; i++)
        if (!(errors[i] <= bound))
            fail_msg("%s: nmse %.2e, bound %.0e", golden_names[i], errors[i], bound);
    qsort(errors, N_GOLDEN, sizeof *errors, ascending);
    double median = (errors[(N_GOLDEN - 1) / 2] + errors[N_GOLDEN / 2]) / 2;
    print_message("    nmse: median %.2e, worst %.2e\n", median, errors[N_GOLDEN - 1]);
    if (!(median <= median_bound))
        fail_msg("median nmse %.2e, bound %.0e", median, median_bound);
}

/* Both forms against the reference, whole; everything else by its bits. */
static void check_forms(struct fathom_model_options options, double bound, double median_bound)
{
    for (size_t f = 0; f < N_FORMS; f++) {
        double errors[N_GOLDEN];
        options.attention = forms[f];
        for (size_t i = 0; i < N_GOLDEN; i++) {
            struct golden_case golden = read_case(i);
            options.chunk_tokens = (uint32_t)golden.n_tokens;
            float *whole = compute(&golden, &options);
            errors[i] = error_of(&golden, whole);
            check_chunks(&golden, options, whole);
            free(whole);
            golden_release(&golden);
        }
        check_errors(errors, bound, median_bound);
    }
}

static void exact_matches_the_reference(void **state)
{
    (void)state;
    check_forms((struct fathom_model_options){.exact = true, .n_threads = 2}, EXACT_BOUND, EXACT_BOUND);
}

static void fast_stays_within_bounds(void **state)
{
    (void)state;
    check_forms((struct fathom_model_options){.n_threads = 2}, FAST_BOUND, FAST_MEDIAN_BOUND);
}

/* Where no panel is in the way, whole and in parts are the same to the last bit. */
static void one_product_gives_the_same_bits_in_parts(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_GOLDEN; i += 4) {
        struct golden_case golden = read_case(i);
        const struct fathom_model_options options = {.isa = "generic",
                                                     .n_threads = 2,
                                                     .attention = FATHOM_ATTENTION_ABSORBED,
                                                     .chunk_tokens = (uint32_t)golden.n_tokens};
        float *whole = compute(&golden, &options);
        check_chunks(&golden, options, whole);
        free(whole);
        golden_release(&golden);
    }
}

/* Those below the best one, which the others test. */
static void every_instruction_set_stays_within_bounds(void **state)
{
    (void)state;
    for (enum isa isa = ISA_GENERIC; isa < ISA_COUNT; isa++) {
        double errors[N_GOLDEN];
        if (isa == isa_best() || !isa_available(isa)) {
            print_message("    %s: %s\n", isa_name(isa), isa == isa_best() ? "the best" : "not here");
            continue;
        }
        for (size_t i = 0; i < N_GOLDEN; i++) {
            struct golden_case golden = read_case(i);
            const struct fathom_model_options options = {.isa = isa_name(isa), .n_threads = 2};
            float *logits = compute(&golden, &options);
            errors[i] = error_of(&golden, logits);
            free(logits);
            golden_release(&golden);
        }
        print_message("    %s\n", isa_name(isa));
        check_errors(errors, FAST_BOUND, FAST_MEDIAN_BOUND);
    }
}

/* ---- threads ---- */

static void threads_and_runs_give_the_same_bits(void **state)
{
    (void)state;
    static const uint32_t threads[] = {1, 2, 3, 8, 1};
    for (size_t i = 0; i < N_GOLDEN; i++) {
        struct golden_case golden = read_case(i);
        for (size_t f = 0; f < N_FORMS; f++) {
            struct fathom_model_options options = {.attention = forms[f],
                                                   .chunk_tokens = (uint32_t)golden.n_tokens};
            float *first = NULL;
            for (size_t t = 0; t < sizeof threads / sizeof *threads; t++) {
                options.n_threads = threads[t];
                float *logits = compute(&golden, &options);
                if (first != NULL) {
                    assert_same_bits(&golden, logits, first, "another number of threads, or another run,");
                    free(logits);
                } else {
                    first = logits;
                }
            }
            free(first);
        }
        golden_release(&golden);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(exact_matches_the_reference),
        cmocka_unit_test(fast_stays_within_bounds),
        cmocka_unit_test(one_product_gives_the_same_bits_in_parts),
        cmocka_unit_test(every_instruction_set_stays_within_bounds),
        cmocka_unit_test(threads_and_runs_give_the_same_bits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
