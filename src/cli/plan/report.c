/* SPDX-License-Identifier: Apache-2.0 */
/* report.c - this machine on a page that fits a bug report. */
#include "cli/plan/view.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/amount.h"
#include "cli/help.h"
#include "fathom.h"
#include "kernel/kernel.h"

#define LABEL_COLUMN 16

/* "  cores         24 with 2 hardware threads each", wrapped. */
static void __attribute__((format(printf, 3, 4)))
say(struct buffer *page, const char *label, const char *format, ...)
{
    char text[ERROR_TEXT_BYTES];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    buffer_append_format(page, "  %-14s", label);
    help_wrap(page, text, LABEL_COLUMN, LABEL_COLUMN);
}

static const char *plural(uint64_t n, const char *one, const char *several)
{
    return n == 1 ? one : several;
}

static void show_system(const struct report *report, bool colour, struct buffer *page)
{
    buffer_append_format(page, "%sfathom %s%s on %s%s\n", colour ? "\033[1m" : "", fathom_version(),
                         colour ? "\033[0m" : "", report->system,
                         report->virtual_machine ? ", a virtual machine" : "");
    buffer_append_format(page, "%s%s", report->distribution, report->distribution[0] != '\0' ? "\n\n" : "\n");
}

static void show_processor(const struct machine_view *view, struct buffer *page)
{
    const struct topology *topology = &view->topology;
    size_t per_core = topology->n_cores > 0 ? topology->n_processors / topology->n_cores : 1;
    struct buffer text = {0};
    buffer_append_format(&text, "%zu", topology->n_cores);
    if (per_core > 1)
        buffer_append_format(&text, " with %zu hardware threads each", per_core);
    if (topology->n_nodes > 1)
        buffer_append_format(&text, ", on %zu memory nodes", topology->n_nodes);
    if (topology->quota > 0)
        buffer_append_format(&text, ", a quota of %.3g", topology->quota);
    buffer_append_format(&text, "; %u %s by default", view->machine.n_threads,
                         plural(view->machine.n_threads, "thread", "threads"));
    say(page, "processor", "%s", view->report.processor[0] != '\0' ? view->report.processor : "unknown");
    say(page, "cores", "%s", buffer_text(&text));
    buffer_release(&text);
}

static void show_abilities(const struct report *report, const char *label, bool present, struct buffer *page)
{
    struct buffer list = {0};
    for (enum ability a = 0; a < ABILITY_COUNT; a++)
        if (report->abilities[a] == present)
            buffer_append_format(&list, "%s%s", list.n_bytes > 0 ? ", " : "", ability_name(a));
    say(page, label, "%s", list.n_bytes > 0 ? buffer_text(&list) : "none");
    buffer_release(&list);
}

static void show_instructions(const struct report *report, struct buffer *page)
{
    static const char *const permissions[] = {[PERMISSION_NOT_NEEDED] = "",
                                              [PERMISSION_GIVEN] = "; the system lets this process use AMX",
                                              [PERMISSION_REFUSED] =
                                                  "; the system refuses AMX to this process"};
    say(page, "instructions", "%s kernels%s", isa_name(isa_best()), permissions[report->amx]);
    show_abilities(report, "  it has", true, page);
    show_abilities(report, "  it lacks", false, page);
}

static void show_memory(const struct machine_view *view, struct buffer *page)
{
    static const char *const huge[] = {[HUGE_PAGES_UNKNOWN] = "not known",
                                       [HUGE_PAGES_ALWAYS] = "always",
                                       [HUGE_PAGES_ON_REQUEST] = "on request",
                                       [HUGE_PAGES_OFF] = "off"};
    const struct memory_modules *modules = &view->report.modules;
    const struct topology *topology = &view->topology;
    say(page, "memory", "%s, of which %s available", amount_bytes(topology->memory_bytes).text,
        amount_bytes(topology->available_bytes).text);
    if (modules->n_modules > 0 && !view->report.virtual_machine)
        say(page, "  modules", "%u at %u MT/s", modules->n_modules, modules->speed);
    for (size_t i = 0; topology->n_nodes > 1 && i < topology->n_nodes; i++)
        say(page, i == 0 ? "  nodes" : "", "node%zu: %s", i,
            amount_bytes(topology->nodes[i].memory_bytes).text);
    if (view->machine.read_rate > 0)
        say(page, "  read at", "%s GB/s by %u %s, measured now",
            amount_rate(view->machine.read_rate / 1e9).text, view->machine.n_threads,
            plural(view->machine.n_threads, "thread", "threads"));
    else
        say(page, "  read at", "not measured");
    say(page, "  huge pages", "%s", huge[view->report.huge_pages]);
}

static void show_drive(const struct drive *drive, struct buffer *page)
{
    struct buffer text = {0};
    buffer_append_text(&text, drive_kind_name(drive->kind));
    if (drive->device[0] != '\0')
        buffer_append_format(&text, ", %s", drive->device);
    if (drive->model[0] != '\0')
        buffer_append_format(&text, " (%s)", drive->model);
    if (drive->file_system[0] != '\0')
        buffer_append_format(&text, ", %s", drive->file_system);
    say(page, "drive here", "%s, %s free", buffer_text(&text), amount_bytes(drive->free_bytes).text);
    say(page, "  read at", "not measured: there is no file to read; -m MODEL has one");
    buffer_release(&text);
}

static void show_gpus(const struct gpus *gpus, struct buffer *page)
{
    int major = gpus->version / 1000, minor = gpus->version % 1000 / 10;
    switch (gpus->driver) {
    case GPU_NO_DRIVER:
        say(page, "GPU", "no NVIDIA driver (" GPU_LIBRARY " is not there)");
        break;
    case GPU_REFUSED:
        say(page, "GPU", "driver for CUDA %d.%d, which does not start (CUDA error %d)", major, minor,
            gpus->refusal);
        break;
    case GPU_DRIVER:
        say(page, "GPU", "driver for CUDA %d.%d%s; not used yet", major, minor,
            gpus->n_items == 0 ? ", and no GPU" : "");
        break;
    }
    for (size_t i = 0; i < gpus->n_items; i++)
        say(page, "", "%s, %s, compute capability %d.%d", gpus->items[i].name,
            amount_bytes(gpus->items[i].memory_bytes).text, gpus->items[i].compute_major,
            gpus->items[i].compute_minor);
}

static void show_faults(const struct machine_view *view, bool colour, struct buffer *page)
{
    buffer_append_format(page, "\n%s  %s%s\n", colour ? "\033[1m" : "",
                         view->n_faults > 0 ? "what costs speed" : "nothing known costs speed here",
                         colour ? "\033[0m" : "");
    for (size_t i = 0; i < view->n_faults; i++) {
        buffer_append_text(page, "  - ");
        help_wrap(page, view->faults[i].what, 4, 4);
        buffer_append_text(page, "    ");
        help_wrap(page, view->faults[i].cure, 4, 4);
    }
}

void machine_show(const struct machine_view *view, bool colour, struct buffer *page)
{
    show_system(&view->report, colour, page);
    show_processor(view, page);
    show_instructions(&view->report, page);
    show_memory(view, page);
    show_drive(&view->drive, page);
    show_gpus(&view->gpus, page);
    show_faults(view, colour, page);
}
