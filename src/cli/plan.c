/* SPDX-License-Identifier: Apache-2.0 */
/* plan.c - `fathom plan`: what would be done with a model and this machine, before it is done; or this
 * machine alone. */
#include <stdio.h>

#include "cli/command.h"
#include "cli/forge/file.h"
#include "cli/mix.h"
#include "cli/plan/machine.h"
#include "cli/plan/suggest.h"
#include "cli/plan/view.h"
#include "cli/plan/work.h"
#include "cli/setup.h"
#include "cli/terminal.h"
#include "weights/plan_measure.h"

struct plan_settings {
    struct source source;
    struct computation computation;
    const char *mix;     /* of a model that is not there; NULL: one that is, or none */
    const char *machine; /* a file; NULL: this one */
    bool json, no_measure, suggest;
};

static const struct option plan_options[] = {
    {"mix", 0, "MIX", INTO_TEXT(struct plan_settings, mix),
     .help = "plan for DeepSeek-R1 in this mix of formats, as 'fathom forge' names them, without having it"},
    {"machine", 0, "FILE", INTO_TEXT(struct plan_settings, machine),
     .help = "plan for the machine that FILE describes in JSON, as --json writes it, instead of this one"},
    {"suggest", 0, NULL, INTO_FLAG(struct plan_settings, suggest),
     .help = "say which of the files that DeepSeek-R1 is shared in suits this machine, and how to get it"},
    {"no-measure", 0, NULL, INTO_FLAG(struct plan_settings, no_measure),
     .help = "measure nothing: homes and memory, and no forecast"},
    {"json", 0, NULL, INTO_FLAG(struct plan_settings, json),
     .help = "the same for programs; sizes are bytes, rates a second"},
    {0},
};

static const struct option_group plan_groups[] = {
    {"Options", plan_options, 0},
    {"Model", source_options, offsetof(struct plan_settings, source)},
    {"Computation", computation_options, offsetof(struct plan_settings, computation)},
    {0},
};

static const struct example plan_examples[] = {
    {"plan", "this machine, to paste in a bug report"},
    {"plan --suggest", "which DeepSeek-R1 to fetch for this machine"},
    {"plan --mix UD-Q2_K_XL", "what DeepSeek-R1 would take here, before 212 GiB are fetched"},
    {"plan -m DeepSeek-R1-UD-Q2_K_XL/", "what the model will take here, and how fast it will be"},
    {"plan -m model.gguf --load copy --place exps=map -c 65536", "whether a placement fits"},
    {"plan -m model.gguf --json | jq .forecast.answer_first.low", "tokens a second"},
    {0},
};

const struct help plan_help = {
    .synopsis = "[-m MODEL | --mix MIX | --suggest] [--machine FILE] [--no-measure] [--json] [OPTION]...",
    .description =
        "With a model: where its weights will lie, what memory it takes part by part, the context that fits, "
        "and a forecast of its speed with what limits it. The forecast is arithmetic from the bytes that a "
        "token reads and from the rates of this machine, which are measured first; that takes a second or "
        "two. No weights are read but some of those that memory cannot hold, to time the drive. What does "
        "not fit is refused here as it is by every other command, with exit status 1.\n\n"
        "Without a model: this machine, its rate of memory, and the settings of it that cost speed.",
    .groups = plan_groups,
    .examples = plan_examples,
};

/* ---- a model ---- */

/* This machine, or the one that a file describes, with as many threads as are asked for. */
static bool see_machine(struct plan_work *work, const struct plan_settings *settings, struct error *err)
{
    uint64_t n_threads = settings->computation.n_threads;
    if (settings->machine == NULL) {
        work->machine.n_threads = (uint32_t)n_threads;
        return plan_work_see_machine(work, err);
    }
    if (!plan_machine_read(&work->machine, settings->machine, err))
        return fail_in(err, settings->machine);
    if (n_threads > 0)
        work->machine.n_threads = (uint32_t)n_threads;
    return true;
}

static bool open_model(struct plan_work *work, const struct plan_settings *settings, const char *path,
                       struct mapping *hole, struct error *err)
{
    if (settings->mix == NULL)
        return plan_work_open(work, &settings->computation, path, err);
    return forge_file_imagine_r1(mix_find(settings->mix), hole, &work->file, err) &&
           plan_work_take(work, &settings->computation, err);
}

/* `path` of a model that is there. */
static bool plan_model(const struct plan_settings *settings, const char *path, struct buffer *page,
                       struct error *err)
{
    struct plan_work work = {0};
    struct mapping hole = {0};
    bool measures = settings->machine == NULL && !settings->no_measure;
    bool has_drive = measures && settings->mix == NULL;
    bool ok = open_model(&work, settings, path, &hole, err) && see_machine(&work, settings, err) &&
              (!measures || plan_work_measure(&work, err));
    if (settings->mix != NULL)
        fail(&work.drive_silence, "'fathom bench' without a model times it");
    ok = ok && (has_drive ? plan_work_make_with_drive(&work, gguf_path(&work.file), err)
                          : plan_work_make(&work, err));
    if (ok) {
        const struct plan_view view = {
            .plan = &work.plan,
            .machine = &work.machine,
            .file = &work.file,
            .cache_name = computation_cache_name(&settings->computation),
            .drive_silence = work.drive_silence.text[0] != '\0' ? work.drive_silence.text : NULL};
        if (settings->json)
            ok = plan_json(&view, page, err);
        else
            plan_show(&view, terminal_has_colour(stdout), page);
    }
    plan_work_close(&work);
    mapping_close(&hole);
    return ok;
}

static bool plan_any(const struct plan_settings *settings, struct buffer *page, struct error *err)
{
    struct plan_work work = {0};
    bool measures = settings->machine == NULL && !settings->no_measure;
    return see_machine(&work, settings, err) &&
           plan_suggest(&settings->computation, &work.machine, measures, page, err);
}

/* ---- this machine ---- */

static bool plan_here(const struct plan_settings *settings, struct buffer *page, struct error *err)
{
    struct machine_view view = {0};
    if (!topology_read(&view.topology, NULL, err))
        return false;
    report_read(&view.report, "");
    view.gpus = gpus_find(GPU_LIBRARY);
    view.drive = drive_of(".", "");
    view.n_faults = faults_find(&view.report, &view.topology, view.faults);
    view.machine = plan_machine_of(&view.topology, (size_t)settings->computation.n_threads);
    view.machine.lock_bytes = view.report.lock_limit;
    bool ok = true;
    if (!settings->no_measure) {
        struct team *team = team_create(&view.topology, view.machine.n_threads, err);
        ok = team != NULL && plan_measure_memory(&view.machine, team, err);
        team_free(team);
    }
    if (ok && settings->json)
        ok = machine_json(&view, page, err);
    else if (ok)
        machine_show(&view, terminal_has_colour(stdout), page);
    topology_release(&view.topology);
    return ok;
}

int command_plan(int argc, char **argv)
{
    struct plan_settings settings = {0};
    int status;
    if (!command_begin(argc, argv, &settings, &status))
        return status;
    bool has_model = settings.source.model != NULL || settings.source.name != NULL;
    if (settings.mix != NULL && has_model)
        return command_misused(argv[0], "--mix is for a model that is not there; leave it or -m out");
    if (settings.mix != NULL && mix_choose(argv[0], settings.mix) == NULL)
        return STATUS_USAGE;
    if (settings.suggest && (has_model || settings.mix != NULL || settings.json))
        return command_misused(argv[0],
                               "--suggest is for whoever has no model yet; leave out -m, --mix and --json");
    if (settings.machine != NULL && !has_model && settings.mix == NULL && !settings.suggest)
        return command_misused(
            argv[0], "--machine describes what to plan for, and no model is given: add -m or --mix");

    struct buffer path = {0}, page = {0};
    struct error err;
    status = has_model ? source_locate(&settings.source, argv[0], &path) : STATUS_DONE;
    if (status == STATUS_DONE) {
        bool ok = settings.suggest                    ? plan_any(&settings, &page, &err)
                  : has_model || settings.mix != NULL ? plan_model(&settings, buffer_text(&path), &page, &err)
                                                      : plan_here(&settings, &page, &err);
        if (!ok || !buffer_ok(&page, &err) || !stdout_write(page.bytes, page.n_bytes, &err) ||
            !stdout_flush(&err))
            status = command_failed(argv[0], err.text);
    }
    buffer_release(&path);
    buffer_release(&page);
    return status;
}
