/* SPDX-License-Identifier: Apache-2.0 */
/* bench.c - `fathom bench`: how fast a model runs here, beside what the machine can do; or, without a model,
 * a forecast for DeepSeek-R1 from layers that are forged for it. */
#include <stdio.h>
#include <string.h>

#include "base/amount.h"
#include "base/memory.h"
#include "cli/bench/chat.h"
#include "cli/bench/forecast.h"
#include "cli/bench/slice.h"
#include "cli/bench/time.h"
#include "cli/command.h"
#include "cli/terminal.h"

#define DEFAULT_ANSWER      64
#define DEFAULT_CHAT_ANSWER 256
#define SLICE_MOE_LAYERS    2 /* so that no cache keeps a layer's weights from one token to the next */
#define NOT_GIVEN           UINT64_MAX

struct bench {
    struct source source;
    struct computation computation;
    const char *prompts, *depths, *chat_file, *mix;
    uint64_t n_answer, n_runs;
    bool chat, forecast, json, csv, markdown;
};

static const struct option bench_options[] = {
    {"prompt", 'p', "N,...", INTO_TEXT(struct bench, prompts),
     .help = "lengths of the prompts to time (pp), in tokens; by default 512; 0: none"},
    {"max-new-tokens", 'n', "N", INTO_COUNT(struct bench, n_answer), .high = BENCH_MOST_TOKEN,
     .help =
         "tokens of the answers to time (tg); by default 64, and at most 256 a turn with --chat; 0: none"},
    {"depth", 'd', "N,...", INTO_TEXT(struct bench, depths),
     .help = "tokens that the context holds before; by default 0"},
    {"runs", 'r', "N", INTO_COUNT(struct bench, n_runs), .low = 1, .high = 1000,
     .help = "times that each test runs, of which the median is shown; by default 3"},
    {"chat", 0, NULL, INTO_FLAG(struct bench, chat),
     .help = "time a conversation instead: the messages in FILE, one a line, or two customary ones"},
    {NULL, 0, "FILE", INTO_TEXT(struct bench, chat_file), .help = "messages for --chat"},
    {"forecast", 0, NULL, INTO_FLAG(struct bench, forecast),
     .help = "beside what is measured show what 'fathom plan' forecasts of it, and how far that is off"},
    {"mix", 0, "MIX", INTO_TEXT(struct bench, mix),
     .help = "without a model: formats of the weights to forge, as 'fathom forge' names them; by default "
             "UD-Q2_K_XL"},
    {0},
};

static const struct option form_options[] = {
    {"json", 0, NULL, INTO_FLAG(struct bench, json), .help = "write JSON, with everything that was measured"},
    {"csv", 0, NULL, INTO_FLAG(struct bench, csv), .help = "write CSV, a line for each test"},
    {"md", 0, NULL, INTO_FLAG(struct bench, markdown), .help = "write tables for Markdown"},
    {0},
};

static const struct option_group bench_groups[] = {
    {"Options", bench_options, 0},
    {"Output", form_options, 0},
    {"Model", source_options, offsetof(struct bench, source)},
    {"Computation", computation_options, offsetof(struct bench, computation)},
    {0},
};

static const struct example bench_examples[] = {
    {"bench", "forge a slice of DeepSeek-R1, time it, and forecast the whole on this machine"},
    {"bench -m model.gguf -p 128,512 -n 32 -d 0,8192", "prompts and answers, fresh and behind 8192 tokens"},
    {"bench -m model.gguf --chat --md", "two turns of a chat, to paste in a report"},
    {"bench -m slice.gguf --forecast", "how well the plan's forecast holds on this machine"},
    {0},
};

const struct help bench_help = {
    .synopsis = "-m MODEL [OPTION]...\n-m MODEL --chat [FILE] [OPTION]...\n[--mix MIX] [OPTION]...",
    .description =
        "Times prompts (pp) and answers (tg) of random tokens, after a warm-up, and shows the median, the "
        "lowest and the highest of several runs in tokens a second. Beside them stand the bytes that an "
        "answer reads and the multiply-adds that a prompt takes, as a share of what this machine reads from "
        "memory and multiplies at best, which is measured before and after.\n\n"
        "Without a model it forges layers of DeepSeek-R1 in their real size, with random weights, into "
        "XDG_CACHE_HOME or ~/.cache, in fathom/ (8 GiB with the default mix; it says so before, and uses "
        "them again the next time), and times them. The whole model is then forecast for this machine, "
        "whether "
        "memory holds it or not, by what 'fathom plan' would say: from bytes, and from rates that are "
        "measured "
        "first. How far that was off for the layers stands beside their times.",
    .groups = bench_groups,
    .examples = bench_examples,
};

/* ---- what is asked ---- */

/* What one option alone cannot know to be wrong. STATUS_DONE: all is well. */
static int check(const struct bench *bench, const struct bench_work *work)
{
    bool given = bench->source.model != NULL || bench->source.name != NULL;
    if (bench->json + bench->csv + bench->markdown > 1)
        return command_misused("bench", "--json, --csv and --md exclude each other");
    if (bench->chat_file != NULL && !bench->chat)
        return command_misused("bench", "unexpected argument '%s'; a model is given with -m",
                               bench->chat_file);
    if (bench->chat && !given)
        return command_misused("bench", "--chat needs a model with words: add -m MODEL");
    if (bench->mix != NULL && given)
        return command_misused("bench", "--mix is for the model that is forged without -m; leave one out");
    if (bench->chat && (bench->prompts != NULL || bench->depths != NULL))
        return command_misused("bench", "--chat times a conversation; leave -p and -d out");
    if (bench->chat && bench->forecast)
        return command_misused("bench", "--forecast is about lengths and depths, not about --chat");
    if (bench->computation.exact && (bench->forecast || !given))
        return command_misused("bench", "there is no forecast for --exact");
    if (bench->chat && bench->n_answer == 0)
        return command_misused("bench", "--chat -n 0: nothing to answer with");
    if (!bench->chat && work->prompts.n_items == 0 && work->n_answer == 0)
        return command_misused("bench", "-p 0 -n 0: nothing to time");
    uint64_t n_context = bench->computation.n_context;
    if (!bench->chat && n_context > 0 && n_context < bench_work_context(work))
        return command_misused("bench", "-c %llu: these tests take a context of %u tokens",
                               (unsigned long long)n_context, bench_work_context(work));
    return STATUS_DONE;
}

static int read_work(const struct bench *bench, struct bench_work *work)
{
    struct error err;
    *work = (struct bench_work){.n_runs = (uint32_t)bench->n_runs,
                                .n_answer = bench->n_answer == NOT_GIVEN ? DEFAULT_ANSWER
                                                                         : (uint32_t)bench->n_answer};
    if (!bench_list_parse(&work->prompts, "-p", bench->prompts != NULL ? bench->prompts : "512", &err) ||
        !bench_list_parse(&work->depths, "-d", bench->depths != NULL ? bench->depths : "0", &err))
        return command_misused("bench", "%s", err.text);
    bench_list_drop_zero(&work->prompts);
    bench_list_sort(&work->depths);
    return STATUS_DONE;
}

/* ---- the work ---- */

static bool begin(const struct bench *bench, struct bench_report *report, struct error *err)
{
    enum isa isa = bench->computation.isa == 0 ? isa_best() : (enum isa)(bench->computation.isa - 1);
    report->cache_name = computation_cache_name(&bench->computation);
    return bench_machine_read(&report->machine, (uint32_t)bench->computation.n_threads, isa_used(isa), err) &&
           bench_machine_measure(&report->machine, &report->machine.before, err);
}

static bool print(const struct bench *bench, const struct bench_report *report, struct error *err)
{
    struct buffer page = {0};
    bool ok = true;
    if (bench->json)
        ok = bench_report_json(report, &page, err);
    else
        bench_report_show(report,
                          bench->csv        ? GRID_CSV
                          : bench->markdown ? GRID_MARKDOWN
                                            : GRID_SCREEN,
                          &page);
    ok = ok && buffer_ok(&page, err) && stdout_write_text(page.bytes, page.n_bytes, err) && stdout_flush(err);
    buffer_release(&page);
    return ok;
}

static bool time_model(const struct bench *bench, const struct bench_work *work, const char *path,
                       struct bench_report *report, struct error *err)
{
    const struct computation *computation = &bench->computation;
    struct plan_work plan = {0};
    report->n_models = 1;
    bool ok = begin(bench, report, err) &&
              (!bench->forecast || bench_forecast_open(&plan, work, computation, path, err)) &&
              bench_time(work, computation, path, &report->models[0], err) &&
              bench_machine_measure(&report->machine, &report->machine.after, err) &&
              (!bench->forecast || bench_forecast_tests(&plan, &report->models[0].tests, err)) &&
              print(bench, report, err);
    plan_work_close(&plan);
    return ok;
}

static bool time_chat(const struct bench *bench, const char *path, struct bench_report *report,
                      struct error *err)
{
    struct bench_chat chat;
    uint64_t n_answer = bench->n_answer == NOT_GIVEN ? DEFAULT_CHAT_ANSWER : bench->n_answer;
    bool ok = bench_chat_read(&chat, bench->chat_file, err);
    report->n_models = 1;
    report->turns = chat.turns;
    report->n_turns = chat.n_turns;
    ok = ok && begin(bench, report, err) &&
         bench_chat_play(&chat, &bench->computation, path, (uint32_t)n_answer, &report->models[0], err) &&
         bench_machine_measure(&report->machine, &report->machine.after, err) && print(bench, report, err);
    bench_chat_release(&chat);
    return ok;
}

/* As many layers with experts as memory holds, SLICE_MOE_LAYERS at most. */
static bool choose_slice(struct bench_slice *slice, const struct mix *mix, uint64_t room_bytes,
                         struct error *err)
{
    for (uint32_t n_moe = SLICE_MOE_LAYERS; n_moe > 0; n_moe--) {
        if (!bench_slice_choose(slice, mix, 0, n_moe, err))
            return false;
        if (slice->n_bytes < room_bytes)
            return true;
        if (n_moe > 1)
            bench_slice_release(slice);
    }
    return fail(err,
                "one layer with experts takes %s in %s and %s of memory are free: it could not be timed; "
                "choose a smaller --mix",
                amount_bytes(slice->n_bytes).text, mix->name, amount_bytes(room_bytes).text);
}

static bool time_slice(const struct bench *bench, const struct bench_work *work,
                       const struct bench_whole *whole, const struct bench_slice *slice,
                       struct bench_report *report, struct error *err)
{
    struct bench_model *model = &report->models[report->n_models++];
    const char *path = buffer_text(&slice->path);
    return bench_time(work, &bench->computation, path, model, err) &&
           bench_whole_compare(whole, work, &bench->computation, path, &model->tests, err);
}

static bool forecast(const struct bench *bench, const struct bench_work *work, const struct mix *mix,
                     struct bench_report *report, struct error *err)
{
    struct bench_forecast result;
    struct bench_whole whole = {0};
    struct bench_slice dense = {0}, moe = {0};
    bool ok = begin(bench, report, err) && choose_slice(&moe, mix, report->machine.available_bytes, err) &&
              bench_slice_choose(&dense, mix, 1, 0, err) && bench_slice_make(&moe, err) &&
              bench_slice_make(&dense, err) &&
              bench_whole_open(&whole, work, &bench->computation, mix, err) &&
              time_slice(bench, work, &whole, &dense, report, err) &&
              time_slice(bench, work, &whole, &moe, report, err) &&
              bench_machine_measure(&report->machine, &report->machine.after, err) &&
              bench_whole_forecast(&whole, &report->models[1].tests, buffer_text(&moe.path), &result, err);
    report->forecast = &result;
    ok = ok && print(bench, report, err);
    report->forecast = NULL; /* it ends here */
    bench_whole_close(&whole);
    bench_slice_release(&dense);
    bench_slice_release(&moe);
    return ok;
}

static int run(const struct bench *bench, const struct bench_work *work, struct bench_report *report)
{
    struct error err;
    if (bench->source.model == NULL && bench->source.name == NULL) {
        const struct mix *mix = mix_choose("bench", bench->mix != NULL ? bench->mix : "UD-Q2_K_XL");
        if (mix == NULL)
            return STATUS_USAGE;
        interrupt_catch();
        return forecast(bench, work, mix, report, &err) ? STATUS_DONE : command_failed("bench", err.text);
    }
    struct buffer path = {0};
    int status = source_locate(&bench->source, "bench", &path);
    if (status == STATUS_DONE) {
        interrupt_catch();
        bool ok = bench->chat ? time_chat(bench, buffer_text(&path), report, &err)
                              : time_model(bench, work, buffer_text(&path), report, &err);
        status = ok ? STATUS_DONE : command_failed("bench", err.text);
    }
    buffer_release(&path);
    return status;
}

int command_bench(int argc, char **argv)
{
    struct bench bench = {.n_answer = NOT_GIVEN, .n_runs = 3};
    struct bench_work work;
    int status;
    if (!command_begin(argc, argv, &bench, &status))
        return status;
    status = read_work(&bench, &work);
    if (status == STATUS_DONE)
        status = check(&bench, &work);
    if (status != STATUS_DONE)
        return status;
    struct error err;
    struct bench_report *report = memory_allocate(1, sizeof *report, "a report", &err);
    if (report == NULL)
        return command_failed("bench", err.text);
    status = run(&bench, &work, report);
    memory_free(report);
    return status;
}
