/* SPDX-License-Identifier: Apache-2.0 */
/* verify.c - `fathom verify`: whether a model file and this machine are to be trusted, in one verdict. */
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/amount.h"
#include "base/clock.h"
#include "cli/command.h"
#include "cli/setup.h"
#include "cli/shipped.h"
#include "cli/terminal.h"
#include "cli/verify/file.h"
#include "cli/verify/machine.h"

#define RATE_SECONDS 1.0 /* a rate of less time says more of the first read than of the drive */

struct verify {
    struct source source;
};

static const struct option_group verify_groups[] = {
    {"Model", source_options, offsetof(struct verify, source)},
    {0},
};

static const struct example verify_examples[] = {
    {"verify", "this installation and this machine"},
    {"verify -m unsloth/DeepSeek-R1-GGUF:UD-Q2_K_XL", "a model that was fetched, and this machine"},
    {0},
};

const struct help verify_help = {
    .synopsis = "[-m MODEL]",
    .description =
        "Reads a model's files from end to end: that all shards are there and every tensor has the shape and "
        "the "
        "place that the model gives it; that no block of weights has a scale that is infinite or no number; "
        "and "
        "that each file's SHA-256 is the one known of it, from NAME.sha256 beside it, as 'fathom pull' and "
        "sha256sum write it, or from huggingface_hub's cache. That takes as long as reading the files. "
        "Without -m "
        "the file is that of Minnow, the model that ships.\n\n"
        "Then this machine computes logits that are known: Minnow's, or those that lie beside MODEL as "
        "NAME.json "
        "and NAME.logits.f32, with every instruction set that it has and by --exact, with one thread and "
        "with "
        "all.\n\n"
        "The last line is the verdict.",
    .groups = verify_groups,
    .examples = verify_examples,
    .exit_status =
        "1 also where something is wrong with the file or the machine; standard error says what in one "
        "line.",
};

/* What is known in the end. */
struct verdict {
    bool file_whole, file_sound, machine_checked, machine_sound;
    bool never_right; /* no way of computing gave the known logits */
    struct file_findings findings;
};

/* A line of the page, on the screen at once: what follows may take an hour. */
static bool __attribute__((format(printf, 3, 4)))
say(struct error *err, const char *label, const char *format, ...)
{
    struct buffer line = {0};
    char text[2 * ERROR_TEXT_BYTES];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    buffer_append_format(&line, "%-13s%s\n", label, text);
    bool ok = buffer_ok(&line, err) && stdout_write_text(line.bytes, line.n_bytes, err) && stdout_flush(err);
    buffer_release(&line);
    return ok;
}

/* ---- the file ---- */

static void append_sums(const struct file_findings *findings, struct buffer *line)
{
    if (findings->n_wrong_sums > 0)
        buffer_append_format(line, "%s (%zu wrong in all)", findings->first_sum.text, findings->n_wrong_sums);
    else if (findings->n_sums == findings->n_shards)
        buffer_append_text(line, "SHA-256 as expected");
    else if (findings->n_sums > 0)
        buffer_append_format(line, "SHA-256 as expected of %zu files, not known of the others",
                             findings->n_sums);
    else
        buffer_append_text(line,
                           "SHA-256 not known; 'fathom pull' notes it, or sha256sum FILE > FILE.sha256");
}

static void append_weights(const struct file_findings *findings, double seconds, struct buffer *line)
{
    unsigned long long n_blocks = findings->n_blocks, n_broken = findings->n_broken;
    if (n_broken > 0)
        buffer_append_format(line, "%s (%llu of %llu blocks are like that)", findings->first_broken.text,
                             n_broken, n_blocks);
    else
        buffer_append_format(line, "%llu blocks, every scale a finite number", n_blocks);
    if (seconds >= RATE_SECONDS)
        buffer_append_format(line, "; read at %s/s",
                             amount_bytes((uint64_t)((double)findings->n_bytes / seconds)).text);
}

static bool say_bytes(const struct file_findings *findings, double seconds, struct error *err)
{
    struct buffer sums = {0}, weights = {0};
    append_sums(findings, &sums);
    append_weights(findings, seconds, &weights);
    bool ok = say(err, "  checksum", "%s", buffer_text(&sums)) &&
              say(err, "  weights", "%s", buffer_text(&weights));
    buffer_release(&sums);
    buffer_release(&weights);
    return ok;
}

static bool check_file(const char *path, struct verdict *verdict, struct error *err)
{
    struct file_findings *findings = &verdict->findings;
    verify_structure(path, findings);
    if (!say(err, "model", "%s", path))
        return false;
    if (findings->structure.text[0] != '\0')
        return say(err, "  structure", "%s", findings->structure.text);
    if (!say(err, "  structure", "%zu tensors of the expected shapes, %s in %zu file%s", findings->n_tensors,
             amount_bytes(findings->n_bytes).text, findings->n_shards, findings->n_shards == 1 ? "" : "s"))
        return false;
    verdict->file_whole = true;
    struct bar bar = bar_begin("reading", BAR_BYTES);
    double begun = bar.begun;
    const struct progress progress = {bar_report, &bar};
    bool ok = verify_bytes(path, findings, &progress, err);
    bar_end(&bar);
    verdict->file_sound = ok && file_is_sound(findings);
    return ok && say_bytes(findings, clock_seconds() - begun, err);
}

/* ---- the machine ---- */

static bool say_way(const struct way_finding *way, struct error *err)
{
    char label[24];
    snprintf(label, sizeof label, "  %s", way->name);
    const char *bits = way->same_bits ? "the same bits from one thread and from all"
                                      : "OTHER BITS from one thread than from all";
    if (strcmp(way->used, way->name) != 0)
        return say(err, label,
                   "UNUSED  it failed its own test, and %s computes in its place (%s); please report it",
                   way->used, way_is_right(way) ? "right" : "WRONG");
    if (isnan(way->error))
        return say(err, label, "WRONG   some logits are no numbers");
    return say(err, label, "%s   error %.1e, at most %.1e; %s", way_is_right(way) ? "right" : "WRONG",
               way->error, way->bound, bits);
}

static bool check_machine(const char *path, struct verdict *verdict, struct error *err)
{
    struct known_logits known;
    struct machine_findings findings;
    if (!known_logits_read(&known, path, err))
        return false;
    size_t n_rows = known.n_rows;
    bool ok = verify_machine(path, &known, &findings, err);
    known_logits_release(&known);
    if (!ok || !say(err, "machine", "%u thread%s; %zu rows of known logits of %s", findings.n_threads,
                    findings.n_threads == 1 ? "" : "s", n_rows, path))
        return false;
    verdict->machine_checked = verdict->machine_sound = verdict->never_right = true;
    for (size_t i = 0; i < findings.n_ways; i++) {
        verdict->machine_sound = verdict->machine_sound && way_is_right(&findings.ways[i]);
        verdict->never_right = verdict->never_right && !way_is_right(&findings.ways[i]);
        if (!say_way(&findings.ways[i], err))
            return false;
    }
    return true;
}

/* By the model itself where its logits are known, or else by the one that ships. */
static bool choose_reference(const char *path, struct buffer *reference)
{
    if (known_logits_exist(path))
        buffer_append_text(reference, path);
    else if (!shipped_find(reference, NULL) || !known_logits_exist(buffer_text(reference)))
        return false;
    return buffer_ok(reference, NULL);
}

/* ---- the verdict ---- */

static bool say_verdict(const struct verdict *verdict, struct error *err)
{
    bool wrong_machine = verdict->machine_checked && !verdict->machine_sound;
    const char *machine = wrong_machine              ? "; and this machine computes wrongly"
                          : verdict->machine_checked ? "; this machine computes rightly"
                                                     : "";
    if (!verdict->file_whole)
        return fail(err,
                    "verdict: the file is not whole, or no model of this kind, as said under 'structure'%s",
                    machine);
    if (!verdict->file_sound)
        return fail(err, "verdict: the file is damaged; remove %s and fetch it anew%s",
                    buffer_text(&verdict->findings.damaged), machine);
    if (wrong_machine && verdict->never_right)
        return fail(
            err, "verdict: the file is sound, and nothing gives its known logits, not even --exact: they are "
                 "of another model, or this program was built wrong");
    if (wrong_machine)
        return fail(err,
                    "verdict: the file is sound, and this machine computes wrongly: keep off what is WRONG "
                    "above by --isa, and please report it with the page of 'fathom plan'");
    if (!verdict->machine_checked)
        return say(err, "verdict",
                   "the file is sound; this machine was not checked (no known logits are here)");
    return say(err, "verdict", "the file is sound, and this machine computes rightly");
}

int command_verify(int argc, char **argv)
{
    struct verify settings = {0};
    struct verdict verdict = {0};
    struct buffer path = {0}, reference = {0};
    struct error err;
    int status;
    if (!command_begin(argc, argv, &settings, &status))
        return status;
    if (settings.source.model != NULL || settings.source.name != NULL)
        status = source_locate(&settings.source, argv[0], &path);
    else
        status = shipped_find(&path, &err) ? STATUS_DONE : command_failed(argv[0], err.text);
    if (status == STATUS_DONE) {
        interrupt_catch();
        bool ok = check_file(buffer_text(&path), &verdict, &err) &&
                  (!choose_reference(buffer_text(&path), &reference) ||
                   check_machine(buffer_text(&reference), &verdict, &err)) &&
                  say_verdict(&verdict, &err);
        if (!ok)
            status = command_failed(argv[0], err.text);
    }
    file_findings_release(&verdict.findings);
    buffer_release(&path);
    buffer_release(&reference);
    return status;
}
