/* SPDX-License-Identifier: Apache-2.0 */
/* forecast.c - tests as questions to a plan. */
#include "cli/bench/forecast.h"

#include <stdio.h>

#include "cli/forge/file.h"
#include "cli/plan/view.h"
#include "weights/plan_forecast.h"

/* An answer is asked for at its middle, since its cache grows evenly. */
static struct plan_speed speed_of(const struct plan_work *plan, const struct bench_test *test)
{
    if (test->kind == BENCH_PROMPT)
        return plan_prompt_speed(&plan->plan, &plan->request, test->n_tokens, test->depth);
    return plan_answer_speed(&plan->plan, &plan->request, test->depth + test->n_tokens / 2.0);
}

bool bench_forecast_open(struct plan_work *plan, const struct bench_work *work,
                         const struct computation *computation, const char *path, struct error *err)
{
    if (!plan_work_open(plan, computation, path, err))
        return false;
    if (plan->request.n_context == 0)
        plan->request.n_context = bench_work_context(work);
    return plan_work_see_machine(plan, err) && plan_work_measure(plan, err);
}

bool bench_forecast_tests(struct plan_work *plan, struct bench_tests *tests, struct error *err)
{
    if (!plan_work_make_with_drive(plan, gguf_path(&plan->file), err))
        return false;
    for (size_t i = 0; i < tests->n_items; i++)
        tests->items[i].forecast = speed_of(plan, &tests->items[i]).low;
    return true;
}

/* ---- the whole model ---- */

bool bench_whole_open(struct bench_whole *whole, const struct bench_work *work,
                      const struct computation *computation, const struct mix *mix, struct error *err)
{
    struct plan_work *plan = &whole->plan;
    if (!forge_file_imagine_r1(mix, &whole->hole, &plan->file, err) ||
        !plan_work_take(plan, computation, err))
        return false;
    plan->request.n_context = bench_work_context(work);
    return plan_work_see_machine(plan, err) && plan_work_measure(plan, err);
}

void bench_whole_close(struct bench_whole *whole)
{
    plan_work_close(&whole->plan);
    mapping_close(&whole->hole);
}

bool bench_whole_compare(const struct bench_whole *whole, const struct bench_work *work,
                         const struct computation *computation, const char *path, struct bench_tests *tests,
                         struct error *err)
{
    struct plan_work plan = {0};
    bool ok = plan_work_open(&plan, computation, path, err);
    if (ok) {
        plan.machine = whole->plan.machine;
        plan.request.n_context = bench_work_context(work);
        ok = bench_forecast_tests(&plan, tests, err);
    }
    plan_work_close(&plan);
    return ok;
}

static void ask(const struct plan_work *plan, const struct bench_tests *tests, struct bench_tests *answers)
{
    answers->n_items = tests->n_items;
    for (size_t i = 0; i < tests->n_items; i++) {
        const struct bench_test *test = &tests->items[i];
        struct plan_speed speed = speed_of(plan, test);
        answers->items[i] = (struct bench_test){.kind = test->kind,
                                                .n_tokens = test->n_tokens,
                                                .depth = test->depth,
                                                .forecast = speed.low,
                                                .low = speed.low,
                                                .high = speed.high};
    }
}

/* The same plan on a machine with memory for everything. */
static bool ask_without_bounds(struct plan_work *plan, const struct bench_tests *tests,
                               struct bench_tests *answers, struct error *err)
{
    struct plan_machine here = plan->machine;
    uint64_t ram_bytes = plan->request.ram_bytes;
    plan->machine.memory_bytes = plan->machine.available_bytes = (uint64_t)1 << 50;
    plan->request.ram_bytes = 0;
    bool ok = plan_work_make(plan, err);
    if (ok)
        ask(plan, tests, answers);
    plan->machine = here;
    plan->request.ram_bytes = ram_bytes;
    return ok;
}

bool bench_whole_forecast(struct bench_whole *whole, const struct bench_tests *tests, const char *drive_path,
                          struct bench_forecast *forecast, struct error *err)
{
    struct plan_work *plan = &whole->plan;
    *forecast = (struct bench_forecast){0};
    snprintf(forecast->name, sizeof forecast->name, "%s", gguf_path(&plan->file));
    if (!ask_without_bounds(plan, tests, &forecast->ideal, err) ||
        !plan_work_make_with_drive(plan, drive_path, err))
        return false;
    ask(plan, tests, &forecast->here);
    forecast->weight_bytes = plan->plan.all.n_bytes;
    forecast->token_bytes = plan->plan.all.token_bytes;
    forecast->room_bytes = plan->plan.budget_bytes - plan->plan.needed_bytes;
    forecast->fits = !plan->plan.exceeds_memory;
    forecast->drive_rate = plan->machine.drive_rate;
    struct buffer sentence = {0};
    const struct plan_view view = {.plan = &plan->plan, .machine = &plan->machine, .file = &plan->file};
    if (plan->plan.forecast.known)
        plan_sentence(&view, &sentence);
    snprintf(forecast->sentence, sizeof forecast->sentence, "%s", buffer_text(&sentence));
    buffer_release(&sentence);
    return true;
}
