/* SPDX-License-Identifier: Apache-2.0 */
/* time.c - runs and their medians.
 *
 * A depth is filled once, and each run begins by going back to it. Every run
 * has its own tokens, so that experts are chosen anew. */
#include "cli/bench/time.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/memory.h"
#include "base/random.h"
#include "cli/terminal.h"

#define WARM_TOKENS 512 /* 16 an expert in R1: all weights are touched once */
#define WARM_PUSHES 4
#define TOKEN_TRIES 64 /* vocabularies are ordinary tokens but for a few */

struct timing {
    const struct bench_work *work;
    struct fathom_session *session;
    const struct fathom_vocabulary *vocabulary;
    struct random random;
    uint32_t *tokens; /* [n_context] */
    uint32_t n_context;
    double *runs; /* [n_runs] seconds */
    struct bench_tests *tests;
};

/* ---- the file ---- */

static enum format cache_numbers_of(const struct computation *computation)
{
    static const enum format formats[] = {[FATHOM_CACHE_F16] = FORMAT_F16,
                                          [FATHOM_CACHE_F32] = FORMAT_F32,
                                          [FATHOM_CACHE_Q8_0] = FORMAT_Q8_0,
                                          [FATHOM_CACHE_Q4_0] = FORMAT_Q4_0};
    return formats[computation_cache(computation)];
}

/* Multiply-adds of a token with what a prompt leaves out but for its last token. */
static uint64_t last_products(const struct inspection *inspection)
{
    const struct catalog *catalog = &inspection->catalog;
    double products = 0;
    for (size_t i = 0; i < inspection->file.n_tensors; i++) {
        const struct gguf_tensor *tensor = &inspection->file.tensors[i];
        double n_values = (double)(tensor->dimensions[0] * tensor->dimensions[1] * tensor->dimensions[2]);
        uint64_t token_bytes = part_token_bytes(catalog, tensor, part_of(catalog, i));
        if (part_is_narrowed(catalog, i))
            products += n_values * (double)token_bytes / (double)tensor->n_bytes;
    }
    return (uint64_t)products;
}

bool bench_model_read(const struct computation *computation, const char *path, struct bench_model *model,
                      struct error *err)
{
    struct inspection inspection;
    if (!inspection_open(&inspection, path, err))
        return false;
    *model = (struct bench_model){.geometry = inspection.geometry};
    for (enum part part = 0; part < PART_COUNT; part++) {
        const struct part_sum *sum = &inspection.parts[part];
        model->parts[part] = *sum;
        model->weight_bytes += sum->n_bytes;
        model->token_bytes += sum->token_bytes;
        if (part != PART_EMBEDDING && part != PART_HEAD && sum->n_bytes > 0)
            model->prompt_products +=
                (uint64_t)((double)sum->n_weights * (double)sum->token_bytes / (double)sum->n_bytes);
    }
    model->prompt_products -= last_products(&inspection);
    model->cache_position_bytes = inspection_cache_bytes(&inspection, cache_numbers_of(computation));
    inspection_close(&inspection);
    return true;
}

/* What is timed is memory, not the drive that it is read from. */
static bool wait_for(const struct fathom_model *model, struct error *err)
{
    struct fathom_error reason;
    struct bar bar = bar_begin("reading", BAR_BYTES);
    struct fathom_progress progress = {bar_report, &bar};
    bool ok = fathom_model_wait(model, &progress, &reason);
    bar_end(&bar);
    return ok || fail(err, "%s", reason.text);
}

struct fathom_model *bench_model_open(const struct computation *computation, const char *path,
                                      struct bench_model *model, struct error *err)
{
    if (!bench_model_read(computation, path, model, err))
        return NULL;
    struct fathom_error reason;
    struct fathom_model *opened = computation_open(computation, path, &reason);
    if (opened == NULL) {
        fail(err, "%s", reason.text);
        return NULL;
    }
    snprintf(model->name, sizeof model->name, "%s", fathom_model_info(opened).name);
    if (!wait_for(opened, err)) {
        fathom_model_close(opened);
        return NULL;
    }
    return opened;
}

/* ---- tokens ---- */

uint32_t bench_work_context(const struct bench_work *work)
{
    uint32_t longest = bench_list_most(&work->prompts);
    return bench_list_most(&work->depths) + (work->n_answer > longest ? work->n_answer : longest);
}

static uint32_t ordinary_token(struct timing *t)
{
    uint32_t token = 0;
    for (int i = 0; i < TOKEN_TRIES; i++) {
        size_t n_bytes;
        token = (uint32_t)random_below(&t->random, fathom_vocabulary_size(t->vocabulary));
        if (!fathom_token_is_control(t->vocabulary, token) &&
            fathom_token_text(t->vocabulary, token, &n_bytes) != NULL && n_bytes > 0)
            break;
    }
    return token;
}

static void renew(struct timing *t, size_t first, size_t n)
{
    for (size_t i = first; i < first + n; i++)
        t->tokens[i] = ordinary_token(t);
}

static bool hold(struct timing *t, size_t n_tokens, const char *what, struct error *err)
{
    struct fathom_error reason;
    struct bar bar = bar_begin(what, BAR_TOKENS);
    struct fathom_progress progress = {bar_report, &bar};
    bool held = fathom_session_hold(t->session, t->tokens, n_tokens, &progress, NULL, &reason);
    bar_end(&bar);
    return held || fail(err, "%s", reason.text);
}

static bool push(struct timing *t, size_t n_tokens, const char *what, struct error *err)
{
    struct fathom_error reason;
    struct bar bar = bar_begin(what, BAR_TOKENS);
    bool ok = true;
    for (size_t i = 0; ok && i < n_tokens; i++) {
        ok = bar_report(&bar, i, n_tokens) || fail(err, "stopped");
        if (ok && !fathom_session_push(t->session, ordinary_token(t), &reason))
            ok = fail(err, "%s", reason.text);
    }
    bar_end(&bar);
    return ok;
}

/* ---- runs ---- */

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* The test's rates from the times of its runs. */
static void conclude(struct timing *t, struct bench_test *test)
{
    uint32_t n = test->n_runs;
    qsort(t->runs, n, sizeof *t->runs, ascending);
    test->median = test->n_tokens / ((t->runs[(n - 1) / 2] + t->runs[n / 2]) / 2);
    test->low = test->n_tokens / t->runs[n - 1];
    test->high = test->n_tokens / t->runs[0];
}

static bool run_once(struct timing *t, const struct bench_test *test, uint32_t run, struct error *err)
{
    bool prompt = test->kind == BENCH_PROMPT;
    char what[32];
    snprintf(what, sizeof what, "%s%u %u/%u", prompt ? "pp" : "tg", test->n_tokens, run + 1, test->n_runs);
    fathom_session_rewind(t->session, test->depth);
    if (prompt)
        renew(t, test->depth, test->n_tokens);
    double begun = clock_seconds();
    if (prompt ? !hold(t, (size_t)test->depth + test->n_tokens, what, err)
               : !push(t, test->n_tokens, what, err))
        return false;
    t->runs[run] = clock_seconds() - begun;
    return true;
}

static bool run_test(struct timing *t, struct bench_test test, struct error *err)
{
    test.n_runs = t->work->n_runs;
    for (uint32_t run = 0; run < test.n_runs; run++)
        if (!run_once(t, &test, run, err))
            return false;
    conclude(t, &test);
    t->tests->items[t->tests->n_items++] = test;
    return true;
}

static bool run_at_depth(struct timing *t, uint32_t depth, struct error *err)
{
    struct bench_test test = {.kind = BENCH_PROMPT, .depth = depth};
    for (size_t p = 0; p < t->work->prompts.n_items; p++) {
        test.n_tokens = t->work->prompts.items[p];
        if (!run_test(t, test, err))
            return false;
    }
    test.kind = BENCH_ANSWER;
    test.n_tokens = t->work->n_answer;
    return test.n_tokens == 0 || run_test(t, test, err);
}

static bool run_all(struct timing *t, struct error *err)
{
    size_t n_warm = min_size(WARM_TOKENS, t->n_context);
    size_t n_pushes = min_size(WARM_PUSHES, t->n_context - n_warm);
    renew(t, 0, n_warm);
    if (!hold(t, n_warm, "warm up", err) || !push(t, n_pushes, "warm up", err))
        return false;

    uint32_t filled = 0;
    for (size_t d = 0; d < t->work->depths.n_items; d++) {
        uint32_t depth = t->work->depths.items[d];
        if (depth > filled) {
            fathom_session_rewind(t->session, filled);
            renew(t, filled, depth - filled);
            if (!hold(t, depth, "fill", err))
                return false;
            filled = depth;
        }
        if (!run_at_depth(t, depth, err))
            return false;
    }
    return true;
}

static bool open_session(struct timing *t, const struct computation *computation, struct fathom_model *model,
                         struct error *err)
{
    struct fathom_error reason;
    t->session = computation_session(computation, model, bench_work_context(t->work), &reason);
    if (t->session == NULL)
        return fail(err, "%s", reason.text);
    t->n_context = fathom_session_context(t->session);
    if (t->n_context < bench_work_context(t->work))
        return fail(err, "a context of %u tokens; these tests take %u", t->n_context,
                    bench_work_context(t->work));
    t->tokens = memory_allocate(t->n_context, sizeof *t->tokens, "tokens", err);
    t->runs = memory_allocate(t->work->n_runs, sizeof *t->runs, "runs", err);
    return t->tokens != NULL && t->runs != NULL;
}

bool bench_time(const struct bench_work *work, const struct computation *computation, const char *path,
                struct bench_model *model, struct error *err)
{
    struct fathom_model *opened = bench_model_open(computation, path, model, err);
    if (opened == NULL)
        return false;
    struct timing t = {.work = work,
                       .vocabulary = fathom_model_vocabulary(opened),
                       .random = random_seeded(1),
                       .tests = &model->tests};
    bool ok = open_session(&t, computation, opened, err) && run_all(&t, err);
    memory_free(t.tokens);
    memory_free(t.runs);
    fathom_session_close(t.session);
    fathom_model_close(opened);
    return ok;
}
