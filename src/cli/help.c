/* SPDX-License-Identifier: Apache-2.0 */
/* help.c - one text, two forms: lines of 80 columns for the screen, roff for the manual page. */
#include "cli/help.h"

#include <string.h>

#include "cli/terminal.h"
#include "fathom.h"

#define PAGE_COLUMNS 80
#define HELP_COLUMN  28 /* where the words about an option begin */

static const char purpose[] = "run DeepSeek-R1, and models built like it, from GGUF files";

static const char about[] =
    "Fathom computes DeepSeek-R1 671B and its relatives (DeepSeek-V2, V2-Lite, V3) on the machine at "
    "hand, from the GGUF files that people share. MODEL is everywhere a .gguf file, any shard of a split "
    "one, a folder that holds one model, or REPO:QUANT that 'fathom pull' or huggingface-cli fetched.";

static const char more_help[] =
    "'fathom help COMMAND' and 'fathom COMMAND --help' explain a command, 'fathom help --man' prints the "
    "manual page, 'fathom --version' the version.";

/* What every exit status means, for all commands. */
static const struct {
    const char *status, *means;
} statuses[] = {
    {"0", "done"},
    {"1", "failed; one line on standard error says why"},
    {"2", "the command line is wrong; one line on standard error says how"},
    {"130", "stopped by Ctrl-C"},
};

static const char environment[] =
    "NO_COLOR, set to anything, keeps colour out of the messages. XDG_DATA_HOME, XDG_STATE_HOME and "
    "XDG_CACHE_HOME say where fetched models, the history of chats and forged slices lie. HF_ENDPOINT and "
    "HF_TOKEN are the host that 'fathom pull' asks and the token for it; HF_HUB_CACHE and HF_HOME say where "
    "huggingface-cli puts models.";

/* ---- the screen ---- */

static void heading(struct buffer *page, const char *title, bool colour)
{
    buffer_append_format(page, colour ? "\n\033[1m%s\033[0m\n" : "\n%s\n", title);
}

static void spaces(struct buffer *page, size_t n)
{
    buffer_append_format(page, "%*s", (int)n, "");
}

void help_wrap(struct buffer *page, const char *text, size_t column, size_t indent)
{
    bool line_start = true;
    while (*text != '\0') {
        if (*text == '\n') {
            buffer_append_text(page, "\n\n");
            text += strspn(text, "\n");
            spaces(page, indent);
            column = indent;
            line_start = true;
            continue;
        }
        size_t n = strcspn(text, " \n");
        if (!line_start && column + 1 + n > PAGE_COLUMNS) {
            buffer_append_text(page, "\n");
            spaces(page, indent);
            column = indent;
            line_start = true;
        }
        if (!line_start) {
            buffer_append_text(page, " ");
            column++;
        }
        buffer_append(page, text, n);
        column += n;
        line_start = false;
        text += n;
        text += strspn(text, " ");
    }
    buffer_append_text(page, "\n");
}

/* A term, and its explanation beside it, or below where the term is long. */
static void term(struct buffer *page, const char *name, const char *says, size_t column)
{
    size_t used = 2 + strlen(name);
    buffer_append_format(page, "  %s", name);
    if (used + 2 > column) {
        buffer_append_text(page, "\n");
        used = 0;
    }
    spaces(page, column - used);
    help_wrap(page, says, column, column);
}

/* "-n, --max-new-tokens N", "    --kv f16|f32", "MODEL". */
static void option_term(struct buffer *name, const struct option *option)
{
    if (option->name == NULL) {
        buffer_append_text(name, option->argument);
        return;
    }
    if (option->letter != '\0')
        buffer_append_format(name, "-%c, --%s", option->letter, option->name);
    else
        buffer_append_format(name, "    --%s", option->name);
    if (option->kind == OPTION_FLAG)
        return;
    if (option->argument != NULL) {
        buffer_append_format(name, " %s", option->argument);
        return;
    }
    const char *between = " ";
    for (const struct option_choice *c = option->choices; c->name != NULL; c++) {
        if (c->value == CHOICE_NOT_BUILT)
            continue;
        buffer_append_format(name, "%s%s", between, c->name);
        between = "|";
    }
}

void help_overview(struct buffer *page, bool colour)
{
    buffer_append_format(page, "fathom %s - %s\n", fathom_version(), purpose);
    heading(page, "Usage", colour);
    buffer_append_text(page, "  fathom COMMAND [OPTION]...\n");
    heading(page, "Commands", colour);
    for (size_t i = 0; i < n_commands; i++)
        term(page, commands[i].name, commands[i].summary, 14);
    buffer_append_text(page, "\n");
    help_wrap(page, about, 0, 0);
    buffer_append_text(page, "\n");
    help_wrap(page, more_help, 0, 0);
}

/* Each line of a synopsis, with the program's name before it. */
static void each_form(struct buffer *page, const struct command *command, size_t indent)
{
    struct buffer line = {0};
    size_t later = indent + strlen("fathom ") + strlen(command->name) + 1;
    for (const char *form = command->help->synopsis; *form != '\0';) {
        size_t n = strcspn(form, "\n");
        buffer_clear(&line);
        buffer_append_format(&line, "fathom %s %.*s", command->name, (int)n, form);
        spaces(page, indent);
        help_wrap(page, buffer_text(&line), indent, later);
        form += n + (form[n] == '\n');
    }
    buffer_release(&line);
}

void help_command(struct buffer *page, const struct command *command, bool colour)
{
    const struct help *help = command->help;
    buffer_append_format(page, "fathom %s - %s\n", command->name, command->summary);
    heading(page, "Usage", colour);
    each_form(page, command, 2);
    buffer_append_text(page, "\n");
    help_wrap(page, help->description, 0, 0);
    for (const struct option_group *g = help->groups; g->options != NULL; g++) {
        heading(page, g->title, colour);
        for (const struct option *o = g->options; o->help != NULL; o++) {
            struct buffer name = {0};
            option_term(&name, o);
            term(page, buffer_text(&name), o->help, HELP_COLUMN);
            buffer_release(&name);
        }
    }
    heading(page, "Examples", colour);
    for (const struct example *e = help->examples; e->line != NULL; e++) {
        buffer_append_format(page, "  fathom %s\n      ", e->line);
        help_wrap(page, e->says, 6, 6);
    }
    heading(page, "Exit status", colour);
    for (size_t i = 0; i < sizeof statuses / sizeof *statuses; i++)
        term(page, statuses[i].status, statuses[i].means, 7);
    if (help->exit_status != NULL) {
        buffer_append_text(page, "\n");
        help_wrap(page, help->exit_status, 0, 0);
    }
}

/* ---- the manual page ---- */

/* Appends text that roff is to print as it stands: dashes stay dashes, no line is taken for a request. */
static void roff(struct buffer *page, const char *text)
{
    for (bool line_start = true; *text != '\0'; line_start = *text == '\n', text++) {
        if (line_start && (*text == '.' || *text == '\''))
            buffer_append_text(page, "\\&");
        if (*text == '-')
            buffer_append_text(page, "\\-");
        else if (*text == '\\')
            buffer_append_text(page, "\\e");
        else if (*text == '\'')
            buffer_append_text(page, "\\(aq");
        else if (*text == '"')
            buffer_append_text(page, "\\(dq");
        else if (*text == '\n' && text[1] == '\n')
            buffer_append_text(page, "\n.PP");
        else if (*text != '\n' || text[1] != '\0')
            buffer_append(page, text, 1);
    }
    buffer_append_text(page, "\n");
}

/* A term in bold with its explanation indented under it. */
static void roff_term(struct buffer *page, const char *name, const char *says)
{
    buffer_append_text(page, ".TP\n.B \"");
    size_t end = page->n_bytes;
    roff(page, name + strspn(name, " "));
    if (page->n_bytes > end)
        page->bytes[--page->n_bytes] = '\0'; /* the line break, which the quote comes before */
    buffer_append_text(page, "\"\n");
    roff(page, says);
}

static void manual_command(struct buffer *page, const struct command *command)
{
    const struct help *help = command->help;
    buffer_append_format(page, ".SS \"fathom %s\"\n", command->name);
    buffer_append_text(page, ".nf\n");
    struct buffer forms = {0};
    each_form(&forms, command, 0);
    roff(page, buffer_text(&forms));
    buffer_release(&forms);
    buffer_append_text(page, ".fi\n.PP\n");
    roff(page, help->description);
    for (const struct option_group *g = help->groups; g->options != NULL; g++) {
        buffer_append_text(page, ".PP\n.I \"");
        buffer_append_format(page, "%s:\"\n", g->title);
        for (const struct option *o = g->options; o->help != NULL; o++) {
            struct buffer name = {0};
            option_term(&name, o);
            roff_term(page, buffer_text(&name), o->help);
            buffer_release(&name);
        }
    }
    buffer_append_text(page, ".PP\n.I \"Examples:\"\n");
    for (const struct example *e = help->examples; e->line != NULL; e++) {
        struct buffer line = {0};
        buffer_append_format(&line, "fathom %s", e->line);
        roff_term(page, buffer_text(&line), e->says);
        buffer_release(&line);
    }
    if (help->exit_status != NULL) {
        buffer_append_text(page, ".PP\n");
        roff(page, help->exit_status);
    }
}

void help_manual(struct buffer *page)
{
    buffer_append_format(page, ".TH FATHOM 1 \"\" \"fathom %s\" \"User Commands\"\n", fathom_version());
    buffer_append_text(page, ".SH NAME\nfathom \\- ");
    roff(page, purpose);
    buffer_append_text(page, ".SH SYNOPSIS\n.B fathom\n.I COMMAND\n[\\fIOPTION\\fR]...\n.SH DESCRIPTION\n");
    roff(page, about);
    buffer_append_text(page, ".SH COMMANDS\n");
    for (size_t i = 0; i < n_commands; i++)
        roff_term(page, commands[i].name, commands[i].summary);
    for (size_t i = 0; i < n_commands; i++)
        manual_command(page, &commands[i]);
    buffer_append_text(page, ".SH EXIT STATUS\n");
    for (size_t i = 0; i < sizeof statuses / sizeof *statuses; i++)
        roff_term(page, statuses[i].status, statuses[i].means);
    buffer_append_text(page, ".SH ENVIRONMENT\n");
    roff(page, environment);
}

/* ---- the command ---- */

int help_print(const char *name, struct buffer *page)
{
    struct error err;
    bool printed =
        buffer_ok(page, &err) && stdout_write(page->bytes, page->n_bytes, &err) && stdout_flush(&err);
    buffer_release(page);
    return printed ? STATUS_DONE : command_failed(name, err.text);
}

struct help_settings {
    const char *command;
    bool man;
};

static const struct option help_options[] = {
    {.argument = "COMMAND", INTO_TEXT(struct help_settings, command), .help = "the command to explain"},
    {"man", INTO_FLAG(struct help_settings, man),
     .help = "print the manual page of all commands, fathom(1), as input for man -l"},
    {0},
};

static const struct option_group help_groups[] = {
    {"Options", help_options, 0},
    {0},
};

static const struct example help_examples[] = {
    {"help run", "what 'run' does and every option it takes, the same as 'fathom run --help'"},
    {"help --man | man -l -", "the whole manual"},
    {0},
};

const struct help help_help = {
    .synopsis = "[COMMAND]\n--man",
    .description = "Explains a command, or lists them all.",
    .groups = help_groups,
    .examples = help_examples,
};

int command_help(int argc, char **argv)
{
    struct help_settings settings = {0};
    int status;
    if (!command_begin(argc, argv, &settings, &status))
        return status;
    struct buffer page = {0};
    bool colour = terminal_has_colour(stdout);
    if (settings.man) {
        help_manual(&page);
    } else if (settings.command == NULL) {
        help_overview(&page, colour);
    } else {
        const struct command *command = command_find(settings.command);
        if (command == NULL)
            return command_unknown(settings.command);
        help_command(&page, command, colour);
    }
    return help_print(argv[0], &page);
}
