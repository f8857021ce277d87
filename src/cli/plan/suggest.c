/* SPDX-License-Identifier: Apache-2.0 */
/* suggest.c - the files of unsloth/DeepSeek-R1-GGUF that are mixes of ours, by name. Sizes are those of
 * our mixes, which differ from the files' by up to a tenth. */
#include "cli/plan/suggest.h"

#include <stdio.h>

#include "base/amount.h"
#include "cli/forge/file.h"
#include "cli/help.h"
#include "cli/mix.h"
#include "cli/plan/view.h"

#define REPOSITORY "unsloth/DeepSeek-R1-GGUF"

/* As the repository names them, largest first. */
static const char *const quants[] = {"Q8_0",       "Q4_K_M",   "Q3_K_M",  "UD-Q2_K_XL",
                                     "UD-IQ2_XXS", "UD-IQ1_M", "UD-IQ1_S"};
#define N_QUANTS (sizeof quants / sizeof *quants)

#define AMPLE_BYTES ((uint64_t)1 << 50) /* of memory: more than any of them needs */

/* A file that is not there, and its plan. */
struct candidate {
    struct plan_work work;
    struct mapping hole;
};

static bool open_candidate(struct candidate *candidate, const char *quant,
                           const struct computation *computation, const struct plan_machine *machine,
                           struct error *err)
{
    struct plan_work *work = &candidate->work;
    if (!forge_file_imagine_r1(mix_find(quant), &candidate->hole, &work->file, err) ||
        !plan_work_take(work, computation, err))
        return false;
    work->machine = *machine;
    return plan_work_make(work, err);
}

static void close_candidate(struct candidate *candidate)
{
    plan_work_close(&candidate->work);
    mapping_close(&candidate->hole);
}

enum fit { FIT_NOT, FIT_FROM_DISK, FIT_IN_MEMORY };

/* A line of the table. Where the file does not fit, `err` says why. */
static enum fit show_candidate(const char *quant, const struct computation *computation,
                               const struct plan_machine *machine, struct buffer *page, struct error *err)
{
    static const char *const says[] = {[FIT_NOT] = "does not fit",
                                       [FIT_FROM_DISK] = "larger than memory: experts read from disk, slow",
                                       [FIT_IN_MEMORY] = "memory holds it"};
    struct candidate candidate = {0};
    const struct plan_work *work = &candidate.work;
    enum fit fit = FIT_NOT;
    if (open_candidate(&candidate, quant, computation, machine, err))
        fit = work->plan.exceeds_memory ? FIT_FROM_DISK : FIT_IN_MEMORY;
    buffer_append_format(page, "  %-12s about %10s   %s\n", quant, amount_bytes(gguf_bytes(&work->file)).text,
                         says[fit]);
    close_candidate(&candidate);
    return fit;
}

/* How fast the suggested one would be, in one sentence. */
static bool append_speed(const char *quant, const struct computation *computation,
                         const struct plan_machine *machine, bool measure, struct buffer *text,
                         struct error *err)
{
    struct candidate candidate = {0};
    struct plan_work *work = &candidate.work;
    bool ok = open_candidate(&candidate, quant, computation, machine, err) &&
              (!measure || (plan_work_measure(work, err) && plan_work_make(work, err)));
    if (ok && work->plan.forecast.known) {
        const struct plan_view view = {.plan = &work->plan, .machine = &work->machine, .file = &work->file};
        buffer_append_format(text, " It would answer with about %s tokens a second; ",
                             amount_rate(work->plan.forecast.first.low).text);
        plan_sentence(&view, text);
        buffer_append_text(text, ".");
    }
    close_candidate(&candidate);
    return ok;
}

/* Whether any machine could have such a plan: what is asked for may be what is wrong. */
static bool could_be_planned(const struct computation *computation, struct error *err)
{
    const struct plan_machine ample = {.n_threads = 1,
                                       .n_nodes = 1,
                                       .memory_bytes = AMPLE_BYTES,
                                       .available_bytes = AMPLE_BYTES,
                                       .lock_bytes = UINT64_MAX};
    struct candidate candidate = {0};
    bool planned = open_candidate(&candidate, quants[N_QUANTS - 1], computation, &ample, err);
    close_candidate(&candidate);
    return planned;
}

bool plan_suggest(const struct computation *computation, const struct plan_machine *machine, bool measure,
                  struct buffer *page, struct error *err)
{
    struct buffer text = {0};
    const char *best = NULL;
    enum fit smallest = FIT_NOT;
    bool ok = true;
    if (!could_be_planned(computation, err))
        return false;
    buffer_append_format(page,
                         "DeepSeek-R1, in the files of " REPOSITORY ", with %s of memory available:\n\n",
                         amount_bytes(machine->available_bytes).text);
    for (size_t i = 0; i < N_QUANTS; i++) {
        smallest = show_candidate(quants[i], computation, machine, page, err);
        if (smallest == FIT_IN_MEMORY && best == NULL)
            best = quants[i];
    }
    buffer_append_text(page, "\n");
    if (smallest == FIT_NOT) {
        buffer_append_format(&text, "Memory holds not even what the smallest needs beside its weights: %s",
                             err->text);
        help_wrap(page, buffer_text(&text), 0, 0);
        buffer_release(&text);
        return buffer_ok(page, err);
    }
    if (best != NULL) {
        buffer_append_format(&text, "Take %s, the largest that memory holds.", best);
        ok = ok && append_speed(best, computation, machine, measure, &text, err);
    } else {
        best = quants[N_QUANTS - 1];
        buffer_append_format(
            &text,
            "Memory holds none of them. %s is the smallest: what does not fit of it would be read "
            "from disk while it answers, and 'fathom bench' without a model says how slow that "
            "is.",
            best);
    }
    help_wrap(page, buffer_text(&text), 0, 0);
    buffer_release(&text);
    buffer_append_format(page,
                         "\n    fathom pull " REPOSITORY ":%s\n    fathom plan -m " REPOSITORY
                         ":%s\n    fathom chat -m " REPOSITORY ":%s\n",
                         best, best, best);
    return ok && buffer_ok(page, err);
}
