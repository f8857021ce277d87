/* SPDX-License-Identifier: Apache-2.0 */
/* options.c - reading a command line by its table. Names may be typed with '_' for '-', values stand behind
 * '=' or as the next word, and a letter may have its value attached ("-n5"). */
#include "cli/options.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/amount.h"
#include "base/buffer.h"
#include "cli/spelling.h"

#define NAME_BYTES 64 /* a longer option is unknown */

/* The command line, and how far it is read. */
struct words {
    const struct option_group *groups;
    int argc;
    char **argv;
    int at; /* the word being read */
    size_t n_arguments;
    void *settings;
};

/* A row and the field that it sets. */
struct match {
    const struct option *option; /* NULL: nothing matches */
    void *field;
};

static struct match match_at(const struct words *words, const struct option_group *group,
                             const struct option *option)
{
    return (struct match){option, (char *)words->settings + group->target + option->target};
}

static struct match find_name(const struct words *words, const char *name)
{
    for (const struct option_group *g = words->groups; g->options != NULL; g++)
        for (const struct option *o = g->options; o->help != NULL; o++)
            if (o->name != NULL && strcmp(o->name, name) == 0)
                return match_at(words, g, o);
    return (struct match){0};
}

static struct match find_letter(const struct words *words, char letter)
{
    for (const struct option_group *g = words->groups; g->options != NULL; g++)
        for (const struct option *o = g->options; o->help != NULL; o++)
            if (o->letter == letter)
                return match_at(words, g, o);
    return (struct match){0};
}

static struct match find_argument(const struct words *words, size_t n)
{
    for (const struct option_group *g = words->groups; g->options != NULL; g++)
        for (const struct option *o = g->options; o->help != NULL; o++)
            if (o->name == NULL && n-- == 0)
                return match_at(words, g, o);
    return (struct match){0};
}

/* ---- values ---- */

static bool fail_range(const struct option *option, const char *word, const char *value, const char *what,
                       struct error *err)
{
    if (option->high == 0)
        return fail(err, "%s %s: expected %s, %.15g or more", word, value, what, option->low);
    return fail(err, "%s %s: expected %s from %.15g to %.15g", word, value, what, option->low, option->high);
}

static bool in_range(const struct option *option, double value)
{
    return value >= option->low && (option->high == 0 || value <= option->high);
}

static bool read_count(const struct match *m, const char *word, const char *value, struct error *err)
{
    errno = 0;
    char *end = NULL;
    unsigned long long count = isdigit((unsigned char)value[0]) ? strtoull(value, &end, 10) : 0;
    if (end == NULL || *end != '\0' || errno != 0 || !in_range(m->option, (double)count))
        return fail_range(m->option, word, value, "a whole number", err);
    *(uint64_t *)m->field = count;
    return true;
}

static bool read_size(const struct match *m, const char *word, const char *value, struct error *err)
{
    uint64_t n_bytes;
    if (!amount_parse_bytes(value, &n_bytes))
        return fail(err, "%s %s: expected a size, such as 640M or 24G", word, value);
    struct amount low = amount_bytes((uint64_t)m->option->low),
                  high = amount_bytes((uint64_t)m->option->high);
    if (!in_range(m->option, (double)n_bytes))
        return m->option->high == 0
                   ? fail(err, "%s %s: expected a size of %s or more", word, value, low.text)
                   : fail(err, "%s %s: expected a size from %s to %s", word, value, low.text, high.text);
    *(uint64_t *)m->field = n_bytes;
    return true;
}

static bool read_number(const struct match *m, const char *word, const char *value, struct error *err)
{
    char *end = NULL;
    double number = isspace((unsigned char)value[0]) ? 0 : strtod(value, &end);
    if (end == NULL || end == value || *end != '\0' || !isfinite(number) || !in_range(m->option, number))
        return fail_range(m->option, word, value, "a number", err);
    *(double *)m->field = number;
    return true;
}

/* "f16 or f32": the words that may be chosen. */
static void list_choices(const struct option_choice *choices, struct buffer *list)
{
    size_t left = 0;
    for (const struct option_choice *c = choices; c->name != NULL; c++)
        left += c->value != CHOICE_NOT_BUILT;
    for (const struct option_choice *c = choices; c->name != NULL; c++) {
        if (c->value == CHOICE_NOT_BUILT)
            continue;
        left--;
        buffer_append_text(list, c->name);
        buffer_append_text(list, left == 0 ? "" : left == 1 ? " or " : ", ");
    }
}

/* `reason`, and behind it the words that may be chosen. */
static bool fail_choice(const struct option *option, const char *reason, struct error *err)
{
    struct buffer list = {0};
    list_choices(option->choices, &list);
    fail(err, "%s %s", reason, buffer_text(&list));
    buffer_release(&list);
    return false;
}

static bool read_choice(const struct match *m, const char *word, const char *value, struct error *err)
{
    const struct option_choice *chosen = m->option->choices;
    while (chosen->name != NULL && strcmp(chosen->name, value) != 0)
        chosen++;
    if (chosen->name != NULL && chosen->value != CHOICE_NOT_BUILT) {
        *(int *)m->field = chosen->value;
        return true;
    }
    struct error reason;
    fail(&reason, "%s %s: %s", word, value, chosen->name != NULL ? "not built yet; use" : "expected");
    return fail_choice(m->option, reason.text, err);
}

static bool read_item(const struct match *m, const char *word, const char *value, struct error *err)
{
    struct option_list *list = m->field;
    if (list->n_items == OPTION_LIST_MOST)
        return fail(err, "%s: given more than %d times", word, OPTION_LIST_MOST);
    list->items[list->n_items++] = value;
    return true;
}

/* `word` is the option as it was typed, for errors. */
static bool read_value(const struct match *m, const char *word, const char *value, struct error *err)
{
    switch (m->option->kind) {
    case OPTION_FLAG:
        *(bool *)m->field = true;
        return true;
    case OPTION_TEXT:
        *(const char **)m->field = value;
        return true;
    case OPTION_COUNT:
        return read_count(m, word, value, err);
    case OPTION_SIZE:
        return read_size(m, word, value, err);
    case OPTION_NUMBER:
        return read_number(m, word, value, err);
    case OPTION_CHOICE:
        return read_choice(m, word, value, err);
    case OPTION_LIST:
        return read_item(m, word, value, err);
    }
    return false;
}

/* ---- words ---- */

/* Takes the option's value, from behind '=' or a letter, or from the next word, and stores it. */
static bool read_option(struct words *words, const struct match *m, const char *word, const char *attached,
                        struct error *err)
{
    if (m->option->kind == OPTION_FLAG) {
        if (attached != NULL)
            return fail(err, "%s takes no value", word);
        return read_value(m, word, NULL, err);
    }
    if (attached == NULL && words->at + 1 < words->argc)
        attached = words->argv[++words->at];
    if (attached == NULL && m->option->kind == OPTION_CHOICE)
        return fail_choice(m->option, "needs a value,", err) || fail_in(err, word);
    if (attached == NULL)
        return fail(err, "%s: needs a value, %s", word, m->option->argument);
    return read_value(m, word, attached, err);
}

static bool fail_unknown(const struct words *words, const char *word, const char *name, struct error *err)
{
    struct nearest nearest = nearest_to(name);
    for (const struct option_group *g = words->groups; g->options != NULL; g++)
        for (const struct option *o = g->options; o->help != NULL; o++)
            if (o->name != NULL)
                nearest_consider(&nearest, o->name);
    const struct alias *alias;
    for (size_t i = 0; (alias = alias_at(i)) != NULL; i++)
        if (find_name(words, alias->name).option != NULL)
            nearest_consider(&nearest, alias->typed);
    if (nearest.candidate != NULL)
        return fail(err, "no option %s; did you mean --%s?", word, nearest.candidate);
    return fail(err, "no option %s; 'fathom help %s' lists them", word, words->argv[0]);
}

/* The name in "--name=value", with '-' for '_'; false: too long for any option. */
static bool normalize(const char *typed, char name[NAME_BYTES])
{
    size_t n = strcspn(typed, "=");
    if (n >= NAME_BYTES)
        return false;
    for (size_t i = 0; i < n; i++)
        name[i] = typed[i] == '_' ? '-' : typed[i];
    name[n] = '\0';
    return true;
}

static bool read_long(struct words *words, const char *typed, struct error *err)
{
    char name[NAME_BYTES], word[NAME_BYTES + 2];
    if (!normalize(typed + 2, name))
        return fail(err, "no option %.20s...; 'fathom help %s' lists them", typed, words->argv[0]);
    size_t word_bytes = strcspn(typed, "=");
    memcpy(word, typed, word_bytes);
    word[word_bytes] = '\0';
    const char *attached = typed[word_bytes] == '=' ? typed + word_bytes + 1 : NULL;

    struct match m = find_name(words, name);
    if (m.option != NULL)
        return read_option(words, &m, word, attached, err);
    const struct alias *alias = alias_find(name);
    if (alias != NULL)
        m = find_name(words, alias->name);
    if (m.option != NULL && alias->value != NULL)
        return attached != NULL ? fail(err, "%s takes no value", word)
                                : read_value(&m, word, alias->value, err);
    if (m.option != NULL)
        return read_option(words, &m, word, attached, err);
    const char *refusal = option_refusal(name);
    if (refusal != NULL)
        return fail(err, "%s: %s", word, refusal);
    return fail_unknown(words, word, name, err);
}

static bool read_letter(struct words *words, const char *typed, struct error *err)
{
    char name[NAME_BYTES];
    if (typed[2] != '\0' && normalize(typed + 1, name) && (find_name(words, name).option || alias_find(name)))
        return fail(err, "no option %s; did you mean --%s?", typed, name);
    struct match m = find_letter(words, typed[1]);
    if (m.option == NULL)
        return fail(err, "no option %s; 'fathom help %s' lists them", typed, words->argv[0]);
    char word[] = {'-', typed[1], '\0'};
    return read_option(words, &m, word, typed[2] != '\0' ? typed + 2 : NULL, err);
}

static bool read_argument(struct words *words, const char *typed, struct error *err)
{
    struct match m = find_argument(words, words->n_arguments++);
    if (m.option == NULL)
        return fail(err, "unexpected argument '%s'; 'fathom help %s' says what it takes", typed,
                    words->argv[0]);
    return read_value(&m, m.option->argument, typed, err);
}

enum options_result options_read(const struct option_group *groups, int argc, char **argv, void *settings,
                                 struct error *err)
{
    struct words words = {.groups = groups, .argc = argc, .argv = argv, .settings = settings};
    bool only_arguments = false;
    for (words.at = 1; words.at < argc; words.at++) {
        const char *word = argv[words.at];
        bool read;
        if (only_arguments || word[0] != '-' || word[1] == '\0') {
            read = read_argument(&words, word, err);
        } else if (strcmp(word, "--") == 0) {
            read = only_arguments = true;
        } else if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0) {
            return OPTIONS_HELP;
        } else if (word[1] == '-') {
            read = read_long(&words, word, err);
        } else {
            read = read_letter(&words, word, err);
        }
        if (!read)
            return OPTIONS_WRONG;
    }
    return OPTIONS_READ;
}
