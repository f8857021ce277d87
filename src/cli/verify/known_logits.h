/* SPDX-License-Identifier: Apache-2.0 */
/* known_logits.h - tokens and what a model says to them, as somebody else computed it: NAME.json and
 * NAME.logits.f32 beside NAME.gguf. A machine can be held against them, instruction set by instruction
 * set. */
#ifndef FATHOM_CLI_VERIFY_KNOWN_LOGITS_H
#define FATHOM_CLI_VERIFY_KNOWN_LOGITS_H

#include "base/buffer.h"
#include "base/error.h"
#include "cli/ids.h"

struct known_logits {
    struct ids tokens;
    size_t first_row; /* rows are given from this position on */
    size_t n_rows;
    size_t n_vocabulary;
    struct buffer floats; /* float32 [n_rows][n_vocabulary] */
};

/* Whether there are any beside `path`, a .gguf file. */
bool known_logits_exist(const char *path);
/* Errors name the file. */
bool known_logits_read(struct known_logits *known, const char *path, struct error *err);
void known_logits_release(struct known_logits *known);

/* One row, by value of its place among the known ones. */
const float *known_logits_row(const struct known_logits *known, size_t row);

#endif
