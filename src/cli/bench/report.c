/* SPDX-License-Identifier: Apache-2.0 */
/* report.c - rates from times, and the report as tables. Rates are decimal (GB/s = 1e9 bytes), as
 * memory is sold; sizes of models are binary, as everywhere else. */
#include "cli/bench/report.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/amount.h"
#include "cli/help.h"

#define GIGA           1e9
#define MEGA           1e6
#define UNQUIET        0.15 /* a machine whose bandwidth moved by more was not left alone */
#define PROMPT_LETTERS 44

double bench_read_rate(const struct bench_model *model, const struct bench_test *test)
{
    double positions = test->depth + test->n_tokens / 2.0;
    return test->median * ((double)model->token_bytes + positions * (double)model->cache_position_bytes);
}

double bench_product_rate(const struct bench_model *model, const struct bench_test *test)
{
    return test->median * (double)model->prompt_products;
}

double bench_share(const struct bench_report *report, const struct bench_model *model,
                   const struct bench_test *test)
{
    struct bench_peak peak = bench_machine_peak(&report->machine);
    return test->kind == BENCH_PROMPT ? bench_product_rate(model, test) / peak.all_products
                                      : bench_read_rate(model, test) / peak.read_bytes;
}

double bench_turn_prompt_rate(const struct bench_turn *turn)
{
    double n = (double)(turn->n_prompt - turn->n_cached);
    return turn->prompt_seconds > 0 ? n / turn->prompt_seconds : 0;
}

double bench_turn_answer_rate(const struct bench_turn *turn)
{
    return turn->n_answer > 1 && turn->answer_seconds > 0
               ? (double)(turn->n_answer - 1) / turn->answer_seconds
               : 0;
}

/* ---- tests ---- */

static const struct grid_column test_columns[] = {
    {"model", "model", true, true},
    {"test", "test", true, false},
    {"depth", "depth", false, false},
    {"tok/s", "tokens_per_second", false, false},
    {"lowest", "lowest", false, false},
    {"highest", "highest", false, false},
    {"runs", "runs", false, false},
    {"GMAC/s", "gmac_per_second", false, false},
    {"GB/s", "gb_per_second", false, false},
    {"of peak", "percent_of_peak", false, false},
    {"forecast", "forecast_tokens_per_second", false, false},
    {"threads", "threads", false, true},
    {"isa", "isa", true, true},
    {"cache", "cache", true, true},
    {"read", "machine_read_gb_per_second", false, true},
    {"products", "machine_gmac_per_second", false, true},
    {0},
};

static void add_test_name(struct grid *grid, const struct bench_test *test)
{
    grid_cell(grid, "%s%u", test->kind == BENCH_PROMPT ? "pp" : "tg", test->n_tokens);
    grid_cell(grid, "%u", test->depth);
}

static void add_rate(struct grid *grid, double rate)
{
    grid_cell(grid, "%s", rate > 0 ? amount_rate(rate).text : "");
}

/* "2.95, -12%": the forecast, and how far it lies from what was measured. */
static void add_forecast(struct grid *grid, const struct bench_test *test, bool csv)
{
    if (test->forecast > 0 && !csv)
        grid_cell(grid, "%s, %+.0f%%", amount_rate(test->forecast).text,
                  100 * (test->forecast / test->median - 1));
    else
        add_rate(grid, test->forecast);
}

/* The cells that say where it was measured. */
static void add_surroundings(struct grid *grid, const struct bench_report *report)
{
    struct bench_peak peak = bench_machine_peak(&report->machine);
    grid_cell(grid, "%u", report->machine.n_threads);
    grid_cell(grid, "%s", isa_name(report->machine.isa));
    grid_cell(grid, "%s", report->cache_name);
    grid_cell(grid, "%.2f", peak.read_bytes / GIGA);
    grid_cell(grid, "%.1f", peak.all_products / GIGA);
}

static void add_test(struct grid *grid, const struct bench_report *report, const struct bench_model *model,
                     const struct bench_test *test, bool csv)
{
    bool prompt = test->kind == BENCH_PROMPT;
    grid_cell(grid, "%s", model->name);
    add_test_name(grid, test);
    grid_cell(grid, "%s", amount_rate(test->median).text);
    grid_cell(grid, "%s", amount_rate(test->low).text);
    grid_cell(grid, "%s", amount_rate(test->high).text);
    grid_cell(grid, "%u", test->n_runs);
    grid_cell(grid, "%s", prompt ? amount_rate(bench_product_rate(model, test) / GIGA).text : "");
    grid_cell(grid, "%s", prompt ? "" : amount_rate(bench_read_rate(model, test) / GIGA).text);
    grid_cell(grid, csv ? "%.1f" : "%.0f%%", 100 * bench_share(report, model, test));
    add_forecast(grid, test, csv);
    add_surroundings(grid, report);
}

static void show_tests(const struct bench_report *report, const struct bench_model *model,
                       enum grid_form form, struct buffer *page)
{
    struct grid grid = {.columns = test_columns};
    for (size_t i = 0; i < model->tests.n_items; i++)
        add_test(&grid, report, model, &model->tests.items[i], false);
    grid_show(&grid, form, page);
    grid_release(&grid);
}

/* One table for everything, since a CSV file has one head. What is forecast has no runs. */
static void show_csv(const struct bench_report *report, struct buffer *page)
{
    struct grid grid = {.columns = test_columns};
    for (size_t m = 0; m < report->n_models; m++)
        for (size_t i = 0; i < report->models[m].tests.n_items; i++)
            add_test(&grid, report, &report->models[m], &report->models[m].tests.items[i], true);
    const struct bench_tests *tests = report->forecast != NULL ? &report->forecast->here : NULL;
    for (size_t i = 0; tests != NULL && i < tests->n_items; i++) {
        grid_cell(&grid, "%s, not measured", report->forecast->name);
        add_test_name(&grid, &tests->items[i]);
        grid_cell(&grid, "%s", "");
        add_rate(&grid, tests->items[i].low);
        add_rate(&grid, tests->items[i].high);
        for (int empty = 0; empty < 4; empty++) /* runs to of peak */
            grid_cell(&grid, "%s", "");
        add_rate(&grid, tests->items[i].forecast);
        add_surroundings(&grid, report);
    }
    grid_show(&grid, GRID_CSV, page);
    grid_release(&grid);
}

/* ---- parts ---- */

static const struct grid_column part_columns[] = {
    {"a token reads", "part", true, false},
    {"MB", "mb", false, false},
    {"share", "share", false, false},
    {"ms at full speed", "ms", false, false},
    {0},
};

static void add_part(struct grid *grid, const char *name, double n_bytes, double all, double rate)
{
    grid_cell(grid, "%s", name);
    grid_cell(grid, "%.1f", n_bytes / MEGA);
    grid_cell(grid, "%.0f%%", 100 * n_bytes / all);
    grid_cell(grid, "%.2f", 1000 * n_bytes / rate);
}

static void show_parts(const struct bench_report *report, const struct bench_model *model,
                       enum grid_form form, struct buffer *page)
{
    double rate = bench_machine_peak(&report->machine).read_bytes, all = (double)model->token_bytes;
    struct grid grid = {.columns = part_columns};
    for (enum part part = 0; part < PART_COUNT; part++)
        if (model->parts[part].token_bytes > 0)
            add_part(&grid, part_name(part), (double)model->parts[part].token_bytes, all, rate);
    add_part(&grid, "all weights", all, all, rate);
    for (size_t i = 0; i < model->tests.n_items; i++) {
        const struct bench_test *test = &model->tests.items[i];
        if (test->kind != BENCH_ANSWER || test->depth == 0)
            continue;
        char name[48];
        snprintf(name, sizeof name, "and cache at %u", test->depth);
        add_part(&grid, name, (double)test->depth * (double)model->cache_position_bytes, all, rate);
    }
    grid_show(&grid, form, page);
    grid_release(&grid);
}

/* ---- the machine, models and forecasts in words ---- */

static void show_machine(const struct bench_report *report, struct buffer *page)
{
    const struct bench_machine *m = &report->machine;
    buffer_append_format(page, "%s%s%u threads, %s: reads %s GB/s before, %s after;\n", m->processor,
                         m->processor[0] != '\0' ? ", " : "", m->n_threads, isa_name(m->isa),
                         amount_rate(m->before.read_bytes / GIGA).text,
                         amount_rate(m->after.read_bytes / GIGA).text);
    buffer_append_format(
        page,
        "multiplies in the cache at %s GMAC/s on one thread, %s on all; %s and %s "
        "after\n",
        amount_rate(m->before.core_products / GIGA).text, amount_rate(m->before.all_products / GIGA).text,
        amount_rate(m->after.core_products / GIGA).text, amount_rate(m->after.all_products / GIGA).text);
    double moved = fabs(m->after.read_bytes - m->before.read_bytes) / m->before.read_bytes;
    double slowed = fabs(m->after.all_products - m->before.all_products) / m->before.all_products;
    if (moved > UNQUIET || slowed > UNQUIET)
        buffer_append_format(page,
                             "these moved by %.0f%% in between: something else was running, and the figures "
                             "below may be low\n",
                             100 * fmax(moved, slowed));
}

static void show_model(const struct bench_report *report, const struct bench_model *model,
                       enum grid_form form, struct buffer *page)
{
    const char *strong = form == GRID_MARKDOWN ? "**" : "";
    buffer_append_format(page, "\n%s%s%s: %s, %s cache\n\n", strong, model->name, strong,
                         amount_bytes(model->weight_bytes).text, report->cache_name);
    show_tests(report, model, form, page);
    buffer_append_text(page, "\n");
    show_parts(report, model, form, page);
}

static const struct grid_column forecast_columns[] = {
    {"test", "test", true, false},
    {"depth", "depth", false, false},
    {"tok/s, all in memory", "ideal", false, false},
    {"tok/s here", "here", false, false},
    {0},
};

/* "4.1", or "1.6 to 2.9" where a drive leaves that open. */
static void add_range(struct grid *grid, const struct bench_test *test)
{
    if (test->low == 0)
        grid_cell(grid, "%s", "?");
    else if (test->high > 1.02 * test->low)
        grid_cell(grid, "%s to %s", amount_rate(test->low).text, amount_rate(test->high).text);
    else
        grid_cell(grid, "%s", amount_rate(test->low).text);
}

static void show_forecast(const struct bench_forecast *f, enum grid_form form, struct buffer *page)
{
    buffer_append_format(page,
                         "\nForecast, not a measurement: %s whole, as 'fathom plan' does it\nfrom bytes and "
                         "rates; how far that is off here stands beside the tests above\n\n",
                         f->name);
    struct grid grid = {.columns = forecast_columns};
    for (size_t i = 0; i < f->ideal.n_items; i++) {
        add_test_name(&grid, &f->ideal.items[i]);
        add_range(&grid, &f->ideal.items[i]);
        add_range(&grid, &f->here.items[i]);
    }
    grid_show(&grid, form, page);
    grid_release(&grid);
    struct buffer text = {0};
    buffer_append_format(&text, "Its weights take %s and this machine has room for %s: they %s.",
                         amount_bytes(f->weight_bytes).text, amount_bytes(f->room_bytes).text,
                         f->fits ? "fit" : "do not fit, so a drive is read");
    if (!f->fits && f->drive_rate == 0)
        buffer_append_text(&text, " How fast the drive reads is not known.");
    else if (f->sentence[0] != '\0')
        buffer_append_format(&text, " Here %s.", f->sentence);
    buffer_append_text(page, "\n");
    help_wrap(page, buffer_text(&text), 0, 0);
    buffer_release(&text);
}

/* ---- conversations ---- */

static const struct grid_column turn_columns[] = {
    {"prompt", "prompt", true, false},
    {"pp", "prompt_tokens_per_second", false, false},
    {"tg", "answer_tokens_per_second", false, false},
    {"cached", "cached_tokens", false, false},
    {"of", "prompt_tokens", false, false},
    {"answer", "answer_tokens", false, false},
    {0},
};

/* Length of the text, or of what fits before "..." between two characters. */
static int shortened(const char *text, size_t letters)
{
    size_t at = 0, n = 0;
    for (; text[at] != '\0'; at++)
        if (((unsigned char)text[at] & 0xC0) != 0x80 && n++ == letters)
            break;
    return (int)at;
}

static void show_turns(const struct bench_report *report, enum grid_form form, struct buffer *page)
{
    struct grid grid = {.columns = turn_columns};
    for (size_t i = 0; i < report->n_turns; i++) {
        const struct bench_turn *turn = &report->turns[i];
        int n = form == GRID_CSV ? (int)strlen(turn->prompt) : shortened(turn->prompt, PROMPT_LETTERS);
        double prompt_rate = bench_turn_prompt_rate(turn), answer_rate = bench_turn_answer_rate(turn);
        grid_cell(&grid, "%.*s%s", n, turn->prompt, turn->prompt[n] != '\0' ? "..." : "");
        grid_cell(&grid, "%s", prompt_rate > 0 ? amount_rate(prompt_rate).text : "");
        grid_cell(&grid, "%s", answer_rate > 0 ? amount_rate(answer_rate).text : "");
        grid_cell(&grid, "%zu", turn->n_cached);
        grid_cell(&grid, "%zu", turn->n_prompt);
        grid_cell(&grid, "%zu", turn->n_answer);
    }
    grid_show(&grid, form, page);
    grid_release(&grid);
}

void bench_report_show(const struct bench_report *report, enum grid_form form, struct buffer *page)
{
    if (form == GRID_CSV && report->turns != NULL)
        show_turns(report, form, page);
    else if (form == GRID_CSV)
        show_csv(report, page);
    if (form == GRID_CSV)
        return;

    show_machine(report, page);
    for (size_t i = 0; i < report->n_models && report->turns == NULL; i++)
        show_model(report, &report->models[i], form, page);
    if (report->forecast != NULL)
        show_forecast(report->forecast, form, page);
    if (report->turns != NULL) {
        buffer_append_format(page, "\n%s: %s, %s cache\n\n", report->models[0].name,
                             amount_bytes(report->models[0].weight_bytes).text, report->cache_name);
        show_turns(report, form, page);
    }
}
