/* SPDX-License-Identifier: Apache-2.0 */
/* line.c - libedit on a terminal, plain lines elsewhere.
 *
 * Keys are read here and not by libedit, so that Ctrl-C can be one of them
 * and so that a paste can be taken whole: terminals put it between two marks
 * ("bracketed paste", xterm control sequences) once they are asked to. */
#include "cli/chat/line.h"

#include <errno.h>
#include <histedit.h>
#include <locale.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>
#include <wchar.h>

#include "base/file.h"
#include "base/memory.h"
#include "cli/places.h"
#include "cli/terminal.h"

#define MESSAGE_LIMIT    ((size_t)64 << 20) /* bytes; the longest context holds about one megabyte of text */
#define HISTORY_LINES    1000
#define KEY_INTERRUPT    0x1E         /* Ctrl-^, which nobody types: what Ctrl-C becomes */
#define PASTE_KEYS       L"\033[201~" /* ends a paste */
#define PASTE_KEYS_COUNT 6

struct line_editor {
    EditLine *edit;
    History *history;
    struct buffer history_path; /* empty: nothing is remembered */
    struct termios found;       /* the terminal, as it was found */
    bool interrupted, continued;
};

/* ---- keys ---- */

static struct line_editor *editor_of(EditLine *edit)
{
    void *editor = NULL;
    el_get(edit, EL_CLIENTDATA, &editor);
    return editor;
}

/* A byte of the keyboard's; false: Ctrl-C, or with *over the end. */
static bool read_byte(char *byte, bool *over)
{
    struct pollfd keyboard = {.fd = STDIN_FILENO, .events = POLLIN};
    *over = false;
    while (poll(&keyboard, 1, -1) < 0) /* never restarted after a signal, as read would be */
        if (errno != EINTR || interrupted())
            return false;
    *over = read(STDIN_FILENO, byte, 1) != 1;
    return !*over;
}

/* For libedit: 1 and a character, or 0 at the end. */
static int read_key(EditLine *edit, wchar_t *key)
{
    mbstate_t state = {0};
    (void)edit;
    for (;;) {
        char byte;
        bool over;
        if (!read_byte(&byte, &over)) {
            *key = KEY_INTERRUPT;
            return over ? 0 : 1;
        }
        size_t used = mbrtowc(key, &byte, 1, &state);
        if (used == (size_t)-2)
            continue;
        if (used == (size_t)-1)
            *key = L'?';
        return 1;
    }
}

static unsigned char on_interrupt_key(EditLine *edit, int key)
{
    (void)key;
    interrupt_take();
    editor_of(edit)->interrupted = true;
    return CC_NEWLINE;
}

/* Puts everything up to the end mark into the line, line breaks and all. */
static unsigned char on_paste(EditLine *edit, int key)
{
    size_t n = 0, capacity = 0;
    wchar_t *text = NULL, c;
    (void)key;
    while (el_wgetc(edit, &c) == 1 && c != KEY_INTERRUPT) {
        if (n + 2 > capacity) {
            size_t more = capacity > 0 ? 2 * capacity : 4096;
            text = memory_grow(text, capacity, more, sizeof *text, "a paste", NULL);
            if (text == NULL)
                return CC_ERROR;
            capacity = more;
        }
        text[n++] = c == L'\r' ? L'\n' : c;
        if (n >= PASTE_KEYS_COUNT &&
            wmemcmp(text + n - PASTE_KEYS_COUNT, PASTE_KEYS, PASTE_KEYS_COUNT) == 0) {
            n -= PASTE_KEYS_COUNT;
            break;
        }
    }
    size_t n_kept = 0;
    for (size_t i = 0; i < n; i++)
        if (text[i] >= L' ' || text[i] == L'\n' || text[i] == L'\t')
            text[n_kept++] = text[i];
    if (text != NULL)
        text[n_kept] = L'\0';
    int inserted = n_kept > 0 ? el_winsertstr(edit, text) : 0;
    memory_free(text);
    return inserted < 0 ? CC_ERROR : CC_REFRESH;
}

/* ---- the terminal between lines ---- */

/* What is typed during an answer is for the next line, and is shown there: not in the middle of the answer.
 * libedit takes the terminal as it finds it and leaves it so. */
static void hide_keys(const struct line_editor *editor)
{
    struct termios hidden = editor->found;
    hidden.c_lflag &= ~(tcflag_t)(ECHO | ECHONL);
    tcsetattr(STDIN_FILENO, TCSADRAIN, &hidden);
}

static void show_keys(const struct line_editor *editor)
{
    tcsetattr(STDIN_FILENO, TCSADRAIN, &editor->found);
}

/* ---- the editor ---- */

static char *prompt(EditLine *edit)
{
    static char first[] = "> ", later[] = ". "; /* libedit's type wants them writable; nobody writes */
    return editor_of(edit)->continued ? later : first;
}

/* What cannot be made or found shows when the history is written: then it is not. */
static void find_history(struct buffer *path)
{
    if (!place_append(PLACE_STATE, path, NULL))
        return;
    buffer_append_text(path, "/history");
    if (buffer_ok(path, NULL))
        file_make_folders(buffer_text(path), 0700, NULL);
}

static bool begin_editor(struct line_editor *editor)
{
    HistEvent event;
    setlocale(LC_CTYPE, "");
    if (MB_CUR_MAX == 1)
        setlocale(LC_CTYPE, "C.UTF-8"); /* models speak UTF-8, whatever the locale is */
    if (tcgetattr(STDIN_FILENO, &editor->found) != 0)
        return false;
    editor->edit = el_init("fathom", stdin, stderr, stderr);
    editor->history = history_init();
    if (editor->edit == NULL || editor->history == NULL)
        return false;
    EditLine *edit = editor->edit;
    history(editor->history, &event, H_SETSIZE, HISTORY_LINES);
    history(editor->history, &event, H_SETUNIQUE, 1);
    find_history(&editor->history_path);
    if (editor->history_path.n_bytes > 0)
        history(editor->history, &event, H_LOAD, buffer_text(&editor->history_path));
    el_set(edit, EL_CLIENTDATA, editor);
    el_set(edit, EL_PROMPT, prompt);
    el_set(edit, EL_EDITOR, "emacs");
    el_set(edit, EL_HIST, history, editor->history);
    el_set(edit, EL_GETCFN, read_key);
    el_set(edit, EL_ADDFN, "fathom-interrupt", "drops the line", on_interrupt_key);
    el_set(edit, EL_ADDFN, "fathom-paste", "inserts what is pasted", on_paste);
    el_source(edit, NULL);
    el_set(edit, EL_BIND, "^^", "fathom-interrupt", NULL);
    el_set(edit, EL_BIND, "^R", "em-inc-search-prev", NULL); /* as other shells have it */
    el_set(edit, EL_BIND, "\\e[200~", "fathom-paste", NULL);
    return true;
}

bool line_open(struct line_source *source, bool terminal, struct error *err)
{
    *source = (struct line_source){0};
    if (!terminal)
        return true;
    source->editor = memory_allocate(1, sizeof *source->editor, "the line editor", err);
    if (source->editor == NULL)
        return false;
    if (begin_editor(source->editor))
        return true;
    line_close(source);
    return fail(err, "this terminal cannot be used for editing; try 'cat | fathom chat ...'");
}

void line_close(struct line_source *source)
{
    if (source->editor == NULL)
        return;
    if (source->editor->edit != NULL) {
        el_end(source->editor->edit);
        show_keys(source->editor);
    }
    if (source->editor->history != NULL)
        history_end(source->editor->history);
    buffer_release(&source->editor->history_path);
    memory_free(source->editor);
    source->editor = NULL;
}

/* A history that cannot be kept is no reason to stop. */
static void remember(struct line_editor *editor, const struct buffer *text)
{
    HistEvent event;
    if (text->n_bytes == 0)
        return;
    history(editor->history, &event, H_ENTER, buffer_text(text));
    if (editor->history_path.n_bytes > 0)
        history(editor->history, &event, H_SAVE, buffer_text(&editor->history_path));
}

/* ---- lines ---- */

static enum line_result edit_line(struct line_editor *editor, struct buffer *text)
{
    int n_bytes = 0;
    editor->interrupted = false;
    fputs("\033[?2004h", stderr); /* marks around pastes */
    const char *line = el_gets(editor->edit, &n_bytes);
    fputs("\033[?2004l", stderr);
    hide_keys(editor);
    if (line != NULL)
        buffer_append(text, line, (size_t)n_bytes);
    if (editor->interrupted) {
        fputs("\n", stderr);
        return LINE_DROPPED;
    }
    if (line == NULL || n_bytes == 0) {
        fputs("\n", stderr);
        return LINE_OVER;
    }
    return LINE_READ;
}

static enum line_result plain_line(struct buffer *text, struct error *err)
{
    size_t begun = text->n_bytes;
    int c;
    while ((c = getc(stdin)) != EOF) {
        char byte = (char)c;
        buffer_append(text, &byte, 1);
        if (c == '\n')
            break;
        if (text->n_bytes > MESSAGE_LIMIT) {
            fail(err, "a message is longer than 64 MiB");
            return LINE_FAILED;
        }
    }
    if (ferror(stdin)) {
        fail_errno(err, "cannot read standard input");
        return LINE_FAILED;
    }
    return text->n_bytes > begun ? LINE_READ : LINE_OVER;
}

static void cut_line_break(struct buffer *text)
{
    if (text->n_bytes > 0 && text->bytes[text->n_bytes - 1] == '\n')
        text->bytes[--text->n_bytes] = '\0';
    if (text->n_bytes > 0 && text->bytes[text->n_bytes - 1] == '\r')
        text->bytes[--text->n_bytes] = '\0';
}

enum line_result line_read(struct line_source *source, struct buffer *text, struct error *err)
{
    enum line_result result;
    buffer_clear(text);
    for (bool goes_on = true, later = false; goes_on; later = true) {
        if (source->editor != NULL)
            source->editor->continued = later;
        result = source->editor != NULL ? edit_line(source->editor, text) : plain_line(text, err);
        if (result == LINE_OVER && later && text->n_bytes > 0)
            result = LINE_READ; /* the input ended behind a backslash */
        if (result != LINE_READ)
            return result;
        cut_line_break(text);
        goes_on = text->n_bytes > 0 && text->bytes[text->n_bytes - 1] == '\\' && !feof(stdin);
        if (goes_on)
            text->bytes[text->n_bytes - 1] = '\n';
    }
    if (source->editor != NULL)
        remember(source->editor, text);
    return buffer_ok(text, err) ? LINE_READ : LINE_FAILED;
}
