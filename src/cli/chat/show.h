/* SPDX-License-Identifier: Apache-2.0 */
/* show.h - an answer on its way to the reader, and the line about it.
 *
 * On a terminal the reasoning is dim, or folded into one line; elsewhere only the answer proper is written,
 * each with a line break at its end. */
#ifndef FATHOM_CLI_CHAT_SHOW_H
#define FATHOM_CLI_CHAT_SHOW_H

#include "base/error.h"
#include "fathom.h"

enum turn_ending { TURN_ENDED, TURN_AT_LIMIT, TURN_CONTEXT_FULL, TURN_INTERRUPTED };

/* What one answer took. */
struct turn {
    size_t n_prompt, n_held;    /* tokens; those held cost nothing */
    size_t n_thought, n_answer; /* tokens generated */
    double prompt_seconds, thought_seconds, answer_seconds;
    enum turn_ending ending;
};

struct show {
    bool terminal, colour; /* of standard output */
    bool folded;           /* a choice that lasts */
    bool thinking;         /* the reasoning is being shown */
    bool dim;
    char last; /* byte written */
};

struct show show_begin(bool folded);
bool show_event(struct show *show, const struct fathom_event *event, const struct turn *turn,
                struct error *err);
/* Ends what was shown with a line break. */
bool show_end(struct show *show, const struct turn *turn, struct error *err);
/* "prompt 21 tokens, 12 held, 64.2 tok/s; answer 133 tokens, 8.43 tok/s; context 154 of 32768", on standard
 * error. */
void show_turn(const struct turn *turn, size_t n_used, uint32_t n_context);
/* A dim line on standard error. */
void show_note(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
