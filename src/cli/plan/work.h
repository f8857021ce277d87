/* SPDX-License-Identifier: Apache-2.0 */
/* work.h - a model and a machine brought together for a plan: what `fathom plan` shows, and what `fathom
 * bench` holds its times against. */
#ifndef FATHOM_CLI_PLAN_WORK_H
#define FATHOM_CLI_PLAN_WORK_H

#include "cli/setup.h"
#include "kernel/kernel.h"
#include "weights/plan.h"

/* Zeroed before anything else, and never moved. */
struct plan_work {
    struct gguf file;
    struct catalog catalog;
    struct plan_rules rules;
    struct plan_machine machine; /* the caller may give another */
    struct plan_request request; /* points to the above; the caller may change what it asks for */
    struct plan plan;
    enum isa isa;
    struct error drive_silence; /* "" where the drive's rate is known, or nobody asked */
};

/* Opens the model and makes the request of what the options say. */
bool plan_work_open(struct plan_work *work, const struct computation *computation, const char *path,
                    struct error *err);
/* The same for a model that lies open in work->file. */
bool plan_work_take(struct plan_work *work, const struct computation *computation, struct error *err);
/* This machine, without rates. */
bool plan_work_see_machine(struct plan_work *work, struct error *err);
/* And its rates, but for the drive's, on pages such as these weights will lie on. A second or two. */
bool plan_work_measure(struct plan_work *work, struct error *err);

/* Fills work->plan. */
bool plan_work_make(struct plan_work *work, struct error *err);
/* The same, and where a token will wait for the drive, times the one that holds the file `path` first. */
bool plan_work_make_with_drive(struct plan_work *work, const char *path, struct error *err);
void plan_work_close(struct plan_work *work); /* zeroed or failed is fine */

enum cache_format plan_cache_of(const struct computation *computation);

#endif
