/* SPDX-License-Identifier: Apache-2.0 */
/* time.h - a model timed: prompts and answers of given lengths, behind given depths. */
#ifndef FATHOM_CLI_BENCH_TIME_H
#define FATHOM_CLI_BENCH_TIME_H

#include "cli/bench/report.h"
#include "cli/setup.h"

struct bench_work {
    struct bench_list prompts; /* tokens each; none: prompts are not timed */
    struct bench_list depths;  /* ascending */
    uint32_t n_answer;         /* tokens; 0: answers are not timed */
    uint32_t n_runs;
};

/* Positions that the work takes. */
uint32_t bench_work_context(const struct bench_work *work);

/* Opens the file, adds its parts up and times it. Tokens are random and seeded, so the same work computes the
 * same. Progress goes to stderr; "stopped" after Ctrl-C. */
bool bench_time(const struct bench_work *work, const struct computation *computation, const char *path,
                struct bench_model *model, struct error *err);

/* The figures of a file alone, without the tests. */
bool bench_model_read(const struct computation *computation, const char *path, struct bench_model *model,
                      struct error *err);
/* The same, and the file opened, when all that memory holds of it has been read. NULL: it could not. */
struct fathom_model *bench_model_open(const struct computation *computation, const char *path,
                                      struct bench_model *model, struct error *err);

#endif
