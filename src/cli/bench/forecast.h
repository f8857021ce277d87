/* SPDX-License-Identifier: Apache-2.0 */
/* forecast.h - what a plan says of the tests that are timed, and of a model too large to be timed.
 * There is one forecast, the plan's (weights/plan_forecast.h): a benchmark shows how far it is off. */
#ifndef FATHOM_CLI_BENCH_FORECAST_H
#define FATHOM_CLI_BENCH_FORECAST_H

#include "cli/bench/report.h"
#include "cli/bench/time.h"
#include "cli/mix.h"
#include "cli/plan/work.h"

/* Measures the machine's rates for the file's weights, without opening it as a model. */
bool bench_forecast_open(struct plan_work *plan, const struct bench_work *work,
                         const struct computation *computation, const char *path, struct error *err);
/* Beside each test what the plan says of it. */
bool bench_forecast_tests(struct plan_work *plan, struct bench_tests *tests, struct error *err);

/* All of DeepSeek-R1 in a mix, which takes no memory and no disk. */
struct bench_whole {
    struct mapping hole;
    struct plan_work plan;
};

bool bench_whole_open(struct bench_whole *whole, const struct bench_work *work,
                      const struct computation *computation, const struct mix *mix, struct error *err);
/* Beside the tests of a slice what a plan says of them with the rates of the whole. */
bool bench_whole_compare(const struct bench_whole *whole, const struct bench_work *work,
                         const struct computation *computation, const char *path, struct bench_tests *tests,
                         struct error *err);
/* The tests for the whole model: were all of it in memory, and on this machine. `drive_path`: a file on the
 * drive that would hold it. */
bool bench_whole_forecast(struct bench_whole *whole, const struct bench_tests *tests, const char *drive_path,
                          struct bench_forecast *forecast, struct error *err);
void bench_whole_close(struct bench_whole *whole); /* zeroed is fine */

#endif
