/* SPDX-License-Identifier: Apache-2.0 */
/* show.c - reasoning dimmed or folded, answers as they are, lines about them on standard error. */
#include "cli/chat/show.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/amount.h"
#include "base/buffer.h"
#include "cli/terminal.h"

static const char dim_on[] = "\033[2m", dim_off[] = "\033[0m";

struct show show_begin(bool folded)
{
    return (struct show){.terminal = terminal_is(stdout),
                         .colour = terminal_has_colour(stdout),
                         .folded = folded,
                         .last = '\n'};
}

/* ---- the answer ---- */

static bool put(const char *text, struct error *err)
{
    return stdout_write(text, strlen(text), err);
}

static bool set_dim(struct show *show, bool dim, struct error *err)
{
    if (!show->colour || show->dim == dim)
        return true;
    show->dim = dim;
    return put(dim ? dim_on : dim_off, err);
}

static bool put_text(struct show *show, const char *text, size_t n_bytes, struct error *err)
{
    if (n_bytes > 0)
        show->last = text[n_bytes - 1];
    return stdout_write_text(text, n_bytes, err);
}

static bool line_break(struct show *show, struct error *err)
{
    return show->last == '\n' || put_text(show, "\n", 1, err);
}

static bool begin_thinking(struct show *show, struct error *err)
{
    show->thinking = true;
    if (!set_dim(show, true, err))
        return false;
    return !show->folded || put_text(show, "thinking...", strlen("thinking..."), err);
}

/* The line that stands for a folded reasoning, and ends one that was shown. */
static bool end_thinking(struct show *show, const struct turn *turn, struct error *err)
{
    char line[96];
    snprintf(line, sizeof line, "thought for %.1f s, %zu token%s\n", turn->thought_seconds, turn->n_thought,
             turn->n_thought == 1 ? "" : "s");
    show->thinking = false;
    if (show->folded ? !put("\r\033[K", err) : !line_break(show, err))
        return false;
    return put_text(show, line, strlen(line), err) && set_dim(show, false, err);
}

static bool show_thought(struct show *show, const struct fathom_event *event, struct error *err)
{
    if (!show->terminal)
        return true;
    if (!show->thinking && !begin_thinking(show, err))
        return false;
    return show->folded || put_text(show, event->text, event->n_bytes, err);
}

bool show_event(struct show *show, const struct fathom_event *event, const struct turn *turn,
                struct error *err)
{
    if (event->kind == FATHOM_REASONING)
        return show_thought(show, event, err) && stdout_flush(err);
    if (show->thinking && !end_thinking(show, turn, err))
        return false;
    if (event->kind == FATHOM_CALL && (!line_break(show, err) || !put("calls ", err)))
        return false;
    if (event->text != NULL && event->n_bytes > 0 && !put_text(show, event->text, event->n_bytes, err))
        return false;
    if (event->kind == FATHOM_CALL && !put_text(show, " ", 1, err))
        return false;
    return stdout_flush(err);
}

bool show_end(struct show *show, const struct turn *turn, struct error *err)
{
    if (show->thinking && !end_thinking(show, turn, err))
        return false;
    bool nothing = !show->terminal && turn->n_answer == 0;
    return (nothing || line_break(show, err)) && stdout_flush(err);
}

/* ---- lines about it ---- */

static void append_rate(struct buffer *line, size_t n_tokens, double seconds)
{
    if (n_tokens > 0 && seconds > 0)
        buffer_append_format(line, ", %s tok/s", amount_rate((double)n_tokens / seconds).text);
}

static void append_count(struct buffer *line, const char *what, size_t n)
{
    buffer_append_format(line, "%s %zu token%s", what, n, n == 1 ? "" : "s");
}

void show_note(const char *format, ...)
{
    char line[1024];
    bool colour = terminal_has_colour(stderr);
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    fputs(colour ? dim_on : "", stderr);
    terminal_write_line(stderr, line);
    fputs(colour ? dim_off : "", stderr);
}

void show_turn(const struct turn *turn, size_t n_used, uint32_t n_context)
{
    static const char *const endings[] = {
        [TURN_ENDED] = "",
        [TURN_AT_LIMIT] = "; stopped by -n",
        [TURN_CONTEXT_FULL] = "; stopped because the context is full",
        [TURN_INTERRUPTED] = "; stopped by Ctrl-C",
    };
    struct buffer line = {0};
    append_count(&line, "prompt", turn->n_prompt);
    if (turn->n_held > 0)
        buffer_append_format(&line, ", %zu held", turn->n_held);
    append_rate(&line, turn->n_prompt - turn->n_held, turn->prompt_seconds);
    if (turn->n_thought > 0) {
        append_count(&line, "; thought", turn->n_thought);
        append_rate(&line, turn->n_thought, turn->thought_seconds);
    }
    append_count(&line, "; answer", turn->n_answer);
    append_rate(&line, turn->n_answer, turn->answer_seconds);
    buffer_append_format(&line, "%s; context %zu of %u", endings[turn->ending], n_used, n_context);
    show_note("%s", buffer_text(&line));
    if (turn->ending == TURN_CONTEXT_FULL)
        show_note("the context is full: /clear starts anew, /save FILE keeps what was said, and -c N at the "
                  "start makes it larger");
    buffer_release(&line);
}
