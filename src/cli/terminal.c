/* SPDX-License-Identifier: Apache-2.0 */
/* terminal.c - the two streams that a person sees, and Ctrl-C. */
#include "cli/terminal.h"

#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/amount.h"
#include "base/clock.h"

/* A person notices a wait after about half a second, and ten pictures a second look alive. */
#define BAR_FIRST_SECONDS 0.5
#define BAR_NEXT_SECONDS  0.1
/* Elsewhere than on a terminal a line is worth its place in a log only for long jobs. */
#define LOG_SECONDS 30.0
#define BAR_CELLS   16 /* with it, six digits of tokens and minutes left, a line fits 80 columns */

bool terminal_is(FILE *stream)
{
    return isatty(fileno(stream)) == 1;
}

bool terminal_has_colour(FILE *stream)
{
    const char *no_colour = getenv("NO_COLOR"), *kind = getenv("TERM");
    return terminal_is(stream) && (no_colour == NULL || no_colour[0] == '\0') &&
           (kind == NULL || strcmp(kind, "dumb") != 0);
}

unsigned terminal_columns(FILE *stream)
{
    struct winsize size;
    if (ioctl(fileno(stream), TIOCGWINSZ, &size) == 0 && size.ws_col > 0)
        return size.ws_col;
    return 80;
}

void terminal_write_line(FILE *stream, const char *text)
{
    size_t columns = terminal_is(stream) ? terminal_columns(stream) : SIZE_MAX, column = 0;
    while (*text != '\0') {
        size_t n_bytes = strcspn(text + 1, " ") + 1, width = 0; /* a word, and the space before it */
        for (size_t i = 0; i < n_bytes; i++)
            width += ((unsigned char)text[i] & 0xC0) != 0x80;
        if (column > 0 && column + width > columns) {
            fputc('\n', stream);
            text++, n_bytes--, width--;
            column = 0;
        }
        fwrite(text, 1, n_bytes, stream);
        text += n_bytes;
        column += width;
    }
    fputc('\n', stream);
}

/* All that a signal handler may do is to set such flags, so they cannot be parameters. */
static volatile sig_atomic_t interrupt_seen;
static _Atomic(struct fathom_session *) interrupt_session;

static void on_interrupt(int number)
{
    (void)number;
    interrupt_seen = 1;
    struct fathom_session *session = atomic_load(&interrupt_session);
    if (session != NULL)
        fathom_session_cancel(session, true);
}

void interrupt_cancels(struct fathom_session *session)
{
    struct fathom_session *before = atomic_exchange(&interrupt_session, session);
    if (before != NULL)
        fathom_session_cancel(before, false);
}

void interrupt_catch(void)
{
    struct sigaction action = {.sa_handler = on_interrupt, .sa_flags = (int)SA_RESETHAND | SA_RESTART};
    sigaction(SIGINT, &action, NULL);
}

void interrupt_catch_all(void)
{
    struct sigaction action = {.sa_handler = on_interrupt, .sa_flags = (int)SA_RESTART};
    sigaction(SIGINT, &action, NULL);
}

bool interrupt_take(void)
{
    bool seen = interrupt_seen != 0;
    interrupt_seen = 0;
    return seen;
}

bool interrupted(void)
{
    return interrupt_seen != 0;
}

bool stdout_write(const void *bytes, size_t n_bytes, struct error *err)
{
    if (n_bytes > 0 && fwrite(bytes, 1, n_bytes, stdout) != n_bytes)
        return fail_errno(err, "cannot write to standard output");
    return true;
}

/* Bytes of the control character that the text begins with, 0 where it begins with none. Those of U+0080 to
 * U+009F take two. */
static size_t control_bytes(const char *text, size_t n_bytes)
{
    unsigned char c = (unsigned char)text[0];
    if ((c < 0x20 && c != '\n' && c != '\t') || c == 0x7F)
        return 1;
    return n_bytes > 1 && c == 0xC2 && (unsigned char)text[1] >= 0x80 && (unsigned char)text[1] < 0xA0 ? 2
                                                                                                       : 0;
}

bool stdout_write_text(const char *text, size_t n_bytes, struct error *err)
{
    if (!terminal_is(stdout))
        return stdout_write(text, n_bytes, err);
    for (size_t at = 0; at < n_bytes;) {
        size_t n = control_bytes(text + at, n_bytes - at);
        if (!stdout_write(n > 0 ? "?" : text + at, 1, err))
            return false;
        at += n > 0 ? n : 1;
    }
    return true;
}

bool stdout_flush(struct error *err)
{
    if (fflush(stdout) != 0)
        return fail_errno(err, "cannot write to standard output");
    if (ferror(stdout))
        return fail(err, "cannot write to standard output");
    return true;
}

struct bar bar_begin(const char *what, enum bar_unit unit)
{
    struct bar bar = {.what = what, .unit = unit, .terminal = terminal_is(stderr), .begun = clock_seconds()};
    bar.due = bar.begun + (bar.terminal ? BAR_FIRST_SECONDS : LOG_SECONDS);
    return bar;
}

/* "prompt  [####            ]  26%  512 of 2000 tokens  61.3 tok/s  0:24 left", as much as fits. */
static void draw(const struct bar *bar, uint64_t done, uint64_t total, double elapsed)
{
    char cells[BAR_CELLS + 1], line[256];
    double share = total > 0 ? (double)done / (double)total : 0;
    double rate = elapsed > 0 && done > bar->done_before ? (double)(done - bar->done_before) / elapsed : 0;
    size_t filled = share < 1 ? (size_t)(share * BAR_CELLS) : BAR_CELLS;
    memset(cells, '#', filled);
    memset(cells + filled, ' ', BAR_CELLS - filled);
    cells[BAR_CELLS] = '\0';

    int n = snprintf(line, sizeof line, "%s  [%s] %3.0f%%  ", bar->what, cells, 100 * share);
    size_t room = sizeof line - (size_t)n;
    if (bar->unit == BAR_BYTES)
        n += snprintf(line + n, room, "%s of %s  %s/s", amount_bytes(done).text, amount_bytes(total).text,
                      amount_bytes((uint64_t)rate).text);
    else
        n += snprintf(line + n, room, "%llu of %llu tokens  %s tok/s", (unsigned long long)done,
                      (unsigned long long)total, amount_rate(rate).text);
    if (rate > 0)
        snprintf(line + n, sizeof line - (size_t)n, "  %s left",
                 amount_seconds((double)(total - done) / rate).text);
    if (bar->terminal)
        fprintf(stderr, "\r%.*s\033[K", (int)terminal_columns(stderr) - 1, line);
    else
        fprintf(stderr, "%s\n", line);
    fflush(stderr);
}

bool bar_report(void *listener, uint64_t done, uint64_t total)
{
    struct bar *bar = listener;
    double now = clock_seconds();
    if (now >= bar->due && done <= total) {
        draw(bar, done, total, now - bar->begun);
        bar->drawn = true;
        bar->due = now + (bar->terminal ? BAR_NEXT_SECONDS : LOG_SECONDS);
    }
    return !interrupted();
}

void bar_end(struct bar *bar)
{
    if (bar->drawn && bar->terminal) {
        fputs("\r\033[K", stderr);
        fflush(stderr);
    }
    bar->drawn = false;
}
