/* SPDX-License-Identifier: Apache-2.0 */
/* past_answer.c - texts between the tags that front ends are known to write (open-webui 0.6, and clients that
 * show a model's output as it is). */
#include "server/request/past_answer.h"

#include <string.h>

#define THINK_OPEN    "<think>"
#define THINK_CLOSE   "</think>"
#define DETAILS_OPEN  "<details type=\"reasoning\""
#define DETAILS_CLOSE "</details>"

static char *skip_white(char *text)
{
    return text + strspn(text, " \t\r\n");
}

static bool begins(const char *text, const char *with)
{
    return strncmp(text, with, strlen(with)) == 0;
}

static bool opens_details(const char *text)
{
    return begins(text, DETAILS_OPEN) && strchr(" \t\r\n>", text[strlen(DETAILS_OPEN)]) != NULL;
}

/* What stands inside is escaped by those who write it, so the first end is theirs. */
static void drop_details(char *text)
{
    char *to = text, *from = text;
    bool at_line_start = true;
    while (*from != '\0') {
        if (at_line_start && opens_details(from)) {
            char *end = strstr(from, DETAILS_CLOSE);
            from = end != NULL ? skip_white(end + strlen(DETAILS_CLOSE)) : from + strlen(from);
            continue;
        }
        at_line_start = *from == '\n';
        *to++ = *from++;
    }
    *to = '\0';
}

char *past_answer_split(char *text, const char **reasoning)
{
    char *content = skip_white(text);
    *reasoning = NULL;
    if (begins(content, THINK_OPEN)) {
        char *thought = skip_white(content + strlen(THINK_OPEN));
        char *end = strstr(thought, THINK_CLOSE);
        *reasoning = thought;
        if (end == NULL)
            return thought + strlen(thought);
        *end = '\0';
        text = skip_white(end + strlen(THINK_CLOSE));
    } else if (opens_details(content)) {
        text = content;
    }
    drop_details(text);
    return text;
}

/* ---- chores ---- */

#define HISTORY "<chat_history>"

/* Looked for before the history, where the words are the front end's own, in this order: an autocompletion's
 * text names no key of the others. */
static const struct {
    const char *mark;
    enum chore chore;
} marks[] = {
    {"autocompletion", CHORE_AUTOCOMPLETE},
    {"\"follow_ups\"", CHORE_FOLLOW_UPS},
    {"\"tags\"", CHORE_TAGS},
    {"\"title\"", CHORE_TITLE},
};

enum chore chore_of(const char *text)
{
    const char *history = strstr(text, HISTORY);
    if (!begins(text + strspn(text, " \t\r\n"), "### Task:") || history == NULL)
        return CHORE_NONE;
    for (size_t i = 0; i < sizeof marks / sizeof *marks; i++) {
        const char *mark = strstr(text, marks[i].mark);
        if (mark != NULL && mark < history)
            return marks[i].chore;
    }
    return CHORE_OTHER;
}

const char *chore_name(enum chore chore)
{
    static const char *const names[] = {[CHORE_NONE] = "",
                                        [CHORE_TITLE] = "title",
                                        [CHORE_TAGS] = "tags",
                                        [CHORE_FOLLOW_UPS] = "follow-ups",
                                        [CHORE_AUTOCOMPLETE] = "autocomplete",
                                        [CHORE_OTHER] = "chore"};
    return names[chore];
}
