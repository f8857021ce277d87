/* SPDX-License-Identifier: Apache-2.0 */
/* line.h - messages as a person types them, or as a pipe brings them.
 *
 * On a terminal lines are edited and remembered, and a paste of many lines is
 * one message. A line that ends in a backslash goes on in the next, anywhere. */
#ifndef FATHOM_CLI_CHAT_LINE_H
#define FATHOM_CLI_CHAT_LINE_H

#include <stdbool.h>

#include "base/buffer.h"
#include "base/error.h"

struct line_editor; /* of a terminal */

struct line_source {
    struct line_editor *editor; /* owned; NULL: standard input is read as it is */
};

enum line_result {
    LINE_READ,
    LINE_DROPPED, /* Ctrl-C; the text is what had been typed */
    LINE_OVER,    /* Ctrl-D, or the end of the input */
    LINE_FAILED
};

bool line_open(struct line_source *source, bool terminal, struct error *err);
/* Replaces *text by the next message, without its line break. */
enum line_result line_read(struct line_source *source, struct buffer *text, struct error *err);
void line_close(struct line_source *source);

#endif
