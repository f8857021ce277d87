/* SPDX-License-Identifier: Apache-2.0 */
/* terminal.h - the two streams that a person sees, and Ctrl-C.
 *
 * Results go to standard output, everything else to standard error. Progress
 * and colour are for people: they appear on terminals only, colour not where
 * NO_COLOR is set (no-color.org). */
#ifndef FATHOM_CLI_TERMINAL_H
#define FATHOM_CLI_TERMINAL_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "base/error.h"
#include "fathom.h"

bool terminal_is(FILE *stream);
bool terminal_has_colour(FILE *stream);
unsigned terminal_columns(FILE *stream); /* 80 where it is not known */
/* A line of text, which a terminal gets broken between words, where it would break it anywhere. */
void terminal_write_line(FILE *stream, const char *text);

/* From here on the first Ctrl-C only raises a flag, so that work ends cleanly; the second ends the
 * process. */
void interrupt_catch(void);
bool interrupted(void);
/* The same for a program that a person stays in: no Ctrl-C ends the process, and the flag can be lowered
 * again. Returns what it was. */
void interrupt_catch_all(void);
bool interrupt_take(void);
/* While a session is given, a Ctrl-C that is caught also stops what it computes, at once; NULL: no longer,
 * and it can go on. */
void interrupt_cancels(struct fathom_session *session);

/* Standard output, checked: a full disk or a closed pipe is a failure like any other. */
bool stdout_write(const void *bytes, size_t n_bytes, struct error *err);
/* The same for text whose author is a model or a file: a terminal gets '?' for control characters other than
 * line breaks and tabs, since those could do anything to it; a file gets the bytes as they are. */
bool stdout_write_text(const char *text, size_t n_bytes, struct error *err);
bool stdout_flush(struct error *err);

enum bar_unit { BAR_BYTES, BAR_TOKENS };

/* How far a long job is, on stderr: a bar with rate and time left on a terminal, a line now and then
 * elsewhere, and nothing at all for a job that is short. */
struct bar {
    const char *what; /* "prompt" */
    enum bar_unit unit;
    bool terminal;
    double begun;         /* clock_seconds() */
    double due;           /* when to draw next */
    uint64_t done_before; /* of the whole, before it began: not part of the rate */
    bool drawn;           /* the line is on the screen now */
};

struct bar bar_begin(const char *what, enum bar_unit unit);
/* For `struct progress` and `struct fathom_progress`: `listener` is the bar. False once Ctrl-C was caught. */
bool bar_report(void *listener, uint64_t done, uint64_t total);
void bar_end(struct bar *bar); /* clears the line; before anything else is written there */

#endif
