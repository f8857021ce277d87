/* SPDX-License-Identifier: Apache-2.0 */
/* json.c - the report for programs. Rates are a second, sizes are bytes, shares are of 1. */
#include <jansson.h>

#include "cli/bench/report.h"
#include "cli/json_page.h"
#include "fathom.h"

static json_t *peak_value(const struct bench_peak *peak)
{
    return json_pack("{s:f, s:f, s:f}", "read_bytes", peak->read_bytes, "core_products", peak->core_products,
                     "all_products", peak->all_products);
}

static json_t *machine_value(const struct bench_machine *m)
{
    return json_pack("{s:s, s:I, s:s, s:I, s:I, s:o, s:o}", "processor", m->processor, "threads",
                     (json_int_t)m->n_threads, "isa", isa_name(m->isa), "memory_bytes",
                     (json_int_t)m->memory_bytes, "available_bytes", (json_int_t)m->available_bytes, "before",
                     peak_value(&m->before), "after", peak_value(&m->after));
}

/* What measured and forecast tests share. */
static json_t *test_value(const struct bench_test *test)
{
    json_t *value = json_pack("{s:s, s:I, s:I}", "kind", test->kind == BENCH_PROMPT ? "prompt" : "answer",
                              "tokens", (json_int_t)test->n_tokens, "depth", (json_int_t)test->depth);
    if (test->forecast > 0)
        json_object_set_new(value, "forecast", json_real(test->forecast));
    json_object_set_new(value, "lowest", json_real(test->low));
    json_object_set_new(value, "highest", json_real(test->high));
    return value;
}

static json_t *measured_value(const struct bench_report *report, const struct bench_model *model,
                              const struct bench_test *test)
{
    json_t *value = test_value(test);
    json_object_set_new(value, "tokens_per_second", json_real(test->median));
    json_object_set_new(value, "runs", json_integer((json_int_t)test->n_runs));
    if (test->kind == BENCH_PROMPT)
        json_object_set_new(value, "products_per_second", json_real(bench_product_rate(model, test)));
    else
        json_object_set_new(value, "read_bytes_per_second", json_real(bench_read_rate(model, test)));
    json_object_set_new(value, "share_of_peak", json_real(bench_share(report, model, test)));
    return value;
}

static json_t *tests_value(const struct bench_report *report, const struct bench_model *model)
{
    json_t *tests = json_array();
    for (size_t i = 0; i < model->tests.n_items; i++)
        json_array_append_new(tests, measured_value(report, model, &model->tests.items[i]));
    return tests;
}

static json_t *parts_value(const struct bench_model *model)
{
    json_t *parts = json_array();
    for (enum part part = 0; part < PART_COUNT; part++)
        if (model->parts[part].n_tensors > 0)
            json_array_append_new(parts, json_pack("{s:s, s:I, s:I}", "name", part_name(part), "bytes",
                                                   (json_int_t)model->parts[part].n_bytes, "token_bytes",
                                                   (json_int_t)model->parts[part].token_bytes));
    return parts;
}

static json_t *model_value(const struct bench_report *report, const struct bench_model *model)
{
    json_t *name = json_string(model->name); /* NULL where a file's name is no UTF-8 */
    return json_pack("{s:o, s:I, s:I, s:s, s:I, s:I, s:I, s:o, s:o}", "name",
                     name != NULL ? name : json_null(), "weight_bytes", (json_int_t)model->weight_bytes,
                     "layers", (json_int_t)model->geometry.n_layers, "cache", report->cache_name,
                     "cache_position_bytes", (json_int_t)model->cache_position_bytes, "token_bytes",
                     (json_int_t)model->token_bytes, "prompt_products", (json_int_t)model->prompt_products,
                     "parts", parts_value(model), "tests", tests_value(report, model));
}

static json_t *list_value(const struct bench_tests *tests)
{
    json_t *list = json_array();
    for (size_t i = 0; i < tests->n_items; i++)
        json_array_append_new(list, test_value(&tests->items[i]));
    return list;
}

static json_t *forecast_value(const struct bench_forecast *f)
{
    return json_pack("{s:s, s:I, s:I, s:I, s:b, s:f, s:s, s:o, s:o}", "name", f->name, "weight_bytes",
                     (json_int_t)f->weight_bytes, "token_bytes", (json_int_t)f->token_bytes, "room_bytes",
                     (json_int_t)f->room_bytes, "fits", f->fits, "drive_bytes_per_second", f->drive_rate,
                     "limit", f->sentence, "all_in_memory", list_value(&f->ideal), "here",
                     list_value(&f->here));
}

static json_t *turns_value(const struct bench_report *report)
{
    json_t *turns = json_array();
    for (size_t i = 0; i < report->n_turns; i++) {
        const struct bench_turn *turn = &report->turns[i];
        json_t *prompt = json_string(turn->prompt);
        json_array_append_new(turns, json_pack("{s:o, s:I, s:I, s:I, s:f, s:f, s:f, s:f}", "prompt",
                                               prompt != NULL ? prompt : json_null(), "prompt_tokens",
                                               (json_int_t)turn->n_prompt, "cached_tokens",
                                               (json_int_t)turn->n_cached, "answer_tokens",
                                               (json_int_t)turn->n_answer, "prompt_seconds",
                                               turn->prompt_seconds, "answer_seconds", turn->answer_seconds,
                                               "prompt_tokens_per_second", bench_turn_prompt_rate(turn),
                                               "answer_tokens_per_second", bench_turn_answer_rate(turn)));
    }
    return turns;
}

bool bench_report_json(const struct bench_report *report, struct buffer *page, struct error *err)
{
    json_t *root = json_object();
    json_object_set_new(root, "fathom", json_string(fathom_version()));
    json_object_set_new(root, "machine", machine_value(&report->machine));
    json_t *models = json_array();
    for (size_t i = 0; i < report->n_models; i++)
        json_array_append_new(models, model_value(report, &report->models[i]));
    json_object_set_new(root, "models", models);
    if (report->turns != NULL)
        json_object_set_new(root, "chat", turns_value(report));
    if (report->forecast != NULL)
        json_object_set_new(root, "forecast", forecast_value(report->forecast));

    return json_page(root, page, err);
}
