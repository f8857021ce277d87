/* SPDX-License-Identifier: Apache-2.0 */
/* report.h - what a benchmark found, and its forms: a table for a screen, Markdown, CSV, JSON. */
#ifndef FATHOM_CLI_BENCH_REPORT_H
#define FATHOM_CLI_BENCH_REPORT_H

#include "cli/bench/grid.h"
#include "cli/bench/list.h"
#include "cli/bench/machine.h"
#include "cli/inspect/model.h"

enum bench_kind { BENCH_PROMPT, BENCH_ANSWER };

/* Tokens a second over a number of runs. */
struct bench_test {
    enum bench_kind kind;
    uint32_t n_tokens;
    uint32_t depth; /* positions held before */
    uint32_t n_runs;
    double median, low, high;
    double forecast; /* what a plan says; 0: nothing, or nobody asked */
};

#define BENCH_MOST_TESTS (BENCH_LIST_MOST * (BENCH_LIST_MOST + 1)) /* each depth: prompts and an answer */

struct bench_tests {
    struct bench_test items[BENCH_MOST_TESTS];
    size_t n_items;
};

struct bench_model {
    char name[128];
    uint64_t weight_bytes;
    struct geometry geometry;
    struct part_sum parts[PART_COUNT];
    uint64_t token_bytes;          /* of weights, read for one token */
    uint64_t prompt_products;      /* multiply-adds with weights, of a token of a prompt but the last */
    uint64_t cache_position_bytes; /* that attention reads of a position, all layers */
    struct bench_tests tests;
};

/* A plan of a model that was not timed; its tests have forecasts, from `low` to `high`. */
struct bench_forecast {
    char name[128];
    uint64_t weight_bytes;    /* of the whole model */
    uint64_t token_bytes;     /* of weights, read for one token */
    uint64_t room_bytes;      /* of memory for weights on this machine */
    bool fits;                /* the weights, in that */
    double drive_rate;        /* bytes a second, 0: not needed or not measured */
    struct bench_tests ideal; /* were all weights in memory */
    struct bench_tests here;  /* on this machine; 0 where a drive is read whose rate is not known */
    char sentence[256];       /* what limits it here */
};

/* A turn of a conversation. */
struct bench_turn {
    const char *prompt;                    /* borrowed */
    size_t n_prompt, n_cached;             /* tokens of the whole conversation; held from before */
    size_t n_answer;                       /* tokens */
    double prompt_seconds, answer_seconds; /* of n_prompt - n_cached, and of n_answer - 1 */
};

#define BENCH_MOST_MODELS 2

struct bench_report {
    struct bench_machine machine;
    struct bench_model models[BENCH_MOST_MODELS];
    size_t n_models;
    const char *cache_name;          /* "f16" */
    struct bench_forecast *forecast; /* NULL: none */
    const struct bench_turn *turns;  /* [n_turns] of --chat, instead of tests */
    size_t n_turns;
};

/* Bytes a second that an answer reads: weights, and the cache at the middle of the answer. */
double bench_read_rate(const struct bench_model *model, const struct bench_test *test);
/* Multiply-adds with weights a second that a prompt takes. */
double bench_product_rate(const struct bench_model *model, const struct bench_test *test);
/* Either of them as a share of what the machine can. */
double bench_share(const struct bench_report *report, const struct bench_model *model,
                   const struct bench_test *test);
double bench_turn_prompt_rate(const struct bench_turn *turn); /* tokens a second; 0: nothing was computed */
double bench_turn_answer_rate(const struct bench_turn *turn);

void bench_report_show(const struct bench_report *report, enum grid_form form, struct buffer *page);
bool bench_report_json(const struct bench_report *report, struct buffer *page, struct error *err);

#endif
