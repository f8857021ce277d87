/* SPDX-License-Identifier: Apache-2.0 */
/* view.h - a plan, and this machine, as people and programs see them. */
#ifndef FATHOM_CLI_PLAN_VIEW_H
#define FATHOM_CLI_PLAN_VIEW_H

#include "base/buffer.h"
#include "machine/drive.h"
#include "machine/gpu.h"
#include "machine/report.h"
#include "weights/plan.h"

struct plan_view {
    const struct plan *plan;
    const struct plan_machine *machine;
    const struct gguf *file;
    const char *cache_name;    /* "f16" */
    const char *drive_silence; /* why the drive's rate is not known; NULL: it is, or nobody asks */
};

void plan_show(const struct plan_view *view, bool colour, struct buffer *page);
bool plan_json(const struct plan_view *view, struct buffer *page, struct error *err);

/* What limits a speed, and by how much, in one sentence without full stop. */
void plan_sentence(const struct plan_view *view, struct buffer *page);

/* This machine, to paste in a report. */
struct machine_view {
    struct topology topology;
    struct report report;
    struct gpus gpus;
    struct drive drive; /* of the current folder */
    struct plan_machine machine;
    struct fault faults[FAULTS_MOST];
    size_t n_faults;
};

void machine_show(const struct machine_view *view, bool colour, struct buffer *page);
bool machine_json(const struct machine_view *view, struct buffer *page, struct error *err);

#endif
