/* SPDX-License-Identifier: Apache-2.0 */
/* test_placement.c - wherever weights lie, the logits are the same bits; and what memory cannot hold is
 * refused before it is loaded. */
#include <string.h>

#include "check.h"
#include "fathom.h"
#include "golden_case.h"

#define MODEL "tests/golden/v3-256-q4_0.gguf"

static struct golden_case golden;
static float *expected; /* [n_tokens][n_vocabulary] with all defaults */

static struct fathom_model *must_open(const struct fathom_model_options *options)
{
    struct fathom_error err = {0};
    struct fathom_model *model = fathom_model_open(MODEL, options, &err);
    if (model == NULL)
        fail_msg("%s", err.text);
    return model;
}

struct rows {
    float *logits;
    size_t n_vocabulary;
};

static bool take(void *listener, size_t position, const float *logits)
{
    struct rows *rows = listener;
    memcpy(rows->logits + position * rows->n_vocabulary, logits, rows->n_vocabulary * sizeof(float));
    return true;
}

/* Every position's logits, which the caller frees. */
static float *compute(struct fathom_model *model)
{
    struct fathom_error err = {0};
    struct rows rows = {calloc(golden.n_tokens * golden.n_vocabulary, sizeof(float)), golden.n_vocabulary};
    const struct fathom_logits_listener listener = {take, &rows};
    struct fathom_session *session = fathom_session_open(model, NULL, &err);
    assert_non_null(session);
    if (!fathom_session_hold(session, golden.tokens, golden.n_tokens, NULL, &listener, &err))
        fail_msg("%s", err.text);
    fathom_session_close(session);
    return rows.logits;
}

static int read_golden(void **state)
{
    (void)state;
    if (!golden_read(&golden, "v3-256-q4_0"))
        return 1;
    struct fathom_model *model = must_open(NULL);
    expected = compute(model);
    fathom_model_close(model);
    return 0;
}

static int free_golden(void **state)
{
    (void)state;
    free(expected);
    free(golden.tokens);
    free(golden.logits);
    return 0;
}

static void assert_same_bits(const struct fathom_model_options *options, bool exceeds_memory)
{
    struct fathom_model *model = must_open(options);
    assert_true(fathom_model_wait(model, NULL, NULL));
    float *logits = compute(model);
    assert_memory_equal(logits, expected, golden.n_tokens * golden.n_vocabulary * sizeof(float));
    assert_int_equal(fathom_model_info(model).exceeds_memory, exceeds_memory);
    free(logits);
    fathom_model_close(model);
}

static void every_home_gives_the_same_bits(void **state)
{
    (void)state;
    for (enum fathom_load load = FATHOM_LOAD_AUTO; load <= FATHOM_LOAD_COPY; load++)
        assert_same_bits(&(struct fathom_model_options){.load = load}, false);
    const char *const rules[] = {"blk\\.1\\..*_exps=node0", "norm=copy", "token_embd=map"};
    assert_same_bits(&(struct fathom_model_options){.load = FATHOM_LOAD_MAP, .place = rules, .n_place = 3},
                     false);
}

static void copies_are_told_in_the_statistics(void **state)
{
    (void)state;
    struct fathom_model *model = must_open(&(struct fathom_model_options){.load = FATHOM_LOAD_COPY});
    struct fathom_stats stats = fathom_model_stats(model);
    assert_true(stats.mapped_bytes == 0 && stats.copied_bytes == fathom_model_info(model).weight_bytes);
    fathom_model_close(model);
    const char *const rule = "_exps=copy";
    model = must_open(&(struct fathom_model_options){.load = FATHOM_LOAD_MAP, .place = &rule, .n_place = 1});
    stats = fathom_model_stats(model);
    assert_true(stats.mapped_bytes > 0 && stats.copied_bytes > 0);
    assert_true(stats.mapped_bytes + stats.copied_bytes == fathom_model_info(model).weight_bytes);
    fathom_model_close(model);
}

/* The least memory that is not refused does not hold the weights: experts then come page by page. */
static void experts_beyond_memory_give_the_same_bits(void **state)
{
    (void)state;
    struct fathom_model_options options = {.n_context = 64, .ram_bytes = 1 << 20, .load = FATHOM_LOAD_MAP};
    struct fathom_model *model = NULL;
    struct fathom_error err = {0};
    for (; model == NULL && options.ram_bytes < (uint64_t)1 << 32; options.ram_bytes += 100 << 10) {
        model = fathom_model_open(MODEL, &options, &err);
        if (model == NULL && strstr(err.text, "more than the") == NULL)
            fail_msg("%s", err.text);
    }
    assert_non_null(model);
    options.ram_bytes -= 100 << 10;
    fathom_model_close(model);
    assert_same_bits(&options, true);
}

struct heard {
    uint64_t last, total;
    bool stops;
};

static bool hear(void *listener, uint64_t done, uint64_t total)
{
    struct heard *heard = listener;
    heard->last = done;
    heard->total = total;
    return !heard->stops;
}

static void loading_is_told_and_stops(void **state)
{
    (void)state;
    struct heard heard = {0};
    struct fathom_model_options options = {.load = FATHOM_LOAD_COPY, .progress = {hear, &heard}};
    struct fathom_model *model = must_open(&options);
    assert_true(heard.total == fathom_model_info(model).weight_bytes && heard.last == heard.total);
    fathom_model_close(model);
    heard.stops = true;
    struct fathom_error err = {0};
    assert_null(fathom_model_open(MODEL, &options, &err));
    assert_string_equal(err.text, "stopped");
}

static void assert_refused(const struct fathom_model_options *options, const char *text)
{
    struct fathom_error err = {0};
    assert_null(fathom_model_open(MODEL, options, &err));
    if (strstr(err.text, text) == NULL || strstr(err.text, MODEL) == NULL)
        fail_msg("'%s' does not mention %s and '%s'", err.text, MODEL, text);
}

static void what_does_not_fit_is_refused(void **state)
{
    (void)state;
    assert_refused(&(struct fathom_model_options){.ram_bytes = 1 << 20}, "more than the 1.0 MiB");
    assert_refused(&(struct fathom_model_options){.ram_bytes = UINT64_MAX}, "this machine has");
    assert_refused(&(struct fathom_model_options){.n_context = 1 << 24}, "the model was made for");
    const char *const rules[] = {"absent=copy", "x=node1000"};
    assert_refused(&(struct fathom_model_options){.place = rules, .n_place = 1}, "matches no tensor");
    struct fathom_error err = {0};
    assert_null(fathom_model_open(
        MODEL, &(struct fathom_model_options){.place = (const char *const[]){"x=gpu0"}, .n_place = 1}, &err));
    assert_string_equal(strstr(err.text, "home gpu0: not built yet") != NULL ? "" : err.text, "");
}

static void sessions_have_the_planned_context(void **state)
{
    (void)state;
    struct fathom_error err = {0};
    struct fathom_model *model = must_open(&(struct fathom_model_options){.n_context = 96});
    assert_int_equal(fathom_model_info(model).n_planned, 96);
    struct fathom_session *session = fathom_session_open(model, NULL, &err);
    assert_int_equal(fathom_session_context(session), 96);
    fathom_session_close(session);
    fathom_model_close(model);
    model = must_open(NULL);
    assert_int_equal(fathom_model_info(model).n_planned, 32768);
    fathom_model_close(model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_home_gives_the_same_bits),
        cmocka_unit_test(copies_are_told_in_the_statistics),
        cmocka_unit_test(experts_beyond_memory_give_the_same_bits),
        cmocka_unit_test(loading_is_told_and_stops),
        cmocka_unit_test(what_does_not_fit_is_refused),
        cmocka_unit_test(sessions_have_the_planned_context),
    };
    return cmocka_run_group_tests(tests, read_golden, free_golden);
}
