/* SPDX-License-Identifier: Apache-2.0 */
/* command.c - the table of commands, and how each begins and ends. */
#include "cli/command.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "cli/help.h"
#include "cli/spelling.h"
#include "cli/terminal.h"

const struct command commands[] = {
    {"chat", "talk with a model, message by message", command_chat, &chat_help},
    {"run", "answer one message, or continue a text", command_run, &run_help},
    {"serve", "answer other programs over HTTP", command_serve, &serve_help},
    {"plan", "say what a model will take and how fast it will be here", command_plan, &plan_help},
    {"inspect", "show what a model file holds", command_inspect, &inspect_help},
    {"tokenize", "turn text into token ids, and back", command_tokenize, &tokenize_help},
    {"logits", "write the logits of every position of a list of tokens", command_logits, &logits_help},
    {"forge", "make a model of random weights, for tests and timing", command_forge, &forge_help},
    {"bench", "time a model here, or forecast DeepSeek-R1 without one", command_bench, &bench_help},
    {"pull", "fetch a model from a host, and go on where that was interrupted", command_pull, &pull_help},
    {"verify", "check a model file and this machine", command_verify, &verify_help},
    {"help", "explain a command", command_help, &help_help},
};
const size_t n_commands = sizeof commands / sizeof *commands;

/* Commands whose names are settled and which do not exist yet. */
static const char *const to_come[] = {"quantize"};

const struct command *command_find(const char *name)
{
    for (size_t i = 0; i < n_commands; i++)
        if (strcmp(commands[i].name, name) == 0)
            return &commands[i];
    return NULL;
}

/* "fathom NAME: TEXT", its head in red on a terminal: an error must not drown in what was printed before.
 * Without a name, what is wrong is the command itself. */
static void say(const char *name, const char *text)
{
    bool colour = terminal_has_colour(stderr);
    fprintf(stderr, "%sfathom%s%s:%s %s\n", colour ? "\033[1;31m" : "", name != NULL ? " " : "",
            name != NULL ? name : "", colour ? "\033[0m" : "", text);
}

int command_unknown(const char *name)
{
    for (size_t i = 0; i < sizeof to_come / sizeof *to_come; i++)
        if (strcmp(to_come[i], name) == 0)
            return command_misused(name, "not built yet; 'fathom --help' lists what is");

    struct nearest nearest = nearest_to(name);
    for (size_t i = 0; i < n_commands; i++)
        nearest_consider(&nearest, commands[i].name);
    if (nearest.candidate != NULL)
        return command_misused(NULL, "no command '%s'; did you mean '%s'?", name, nearest.candidate);
    if (name[0] == '-')
        return command_misused(NULL, "no option %s before a command; 'fathom run %s' might be meant", name,
                               name);
    return command_misused(NULL, "no command '%s'; 'fathom --help' lists them", name);
}

bool command_begin(int argc, char **argv, void *settings, int *status)
{
    const struct command *command = command_find(argv[0]);
    struct error err;
    switch (options_read(command->help->groups, argc, argv, settings, &err)) {
    case OPTIONS_READ:
        return true;
    case OPTIONS_WRONG:
        *status = command_misused(command->name, "%s", err.text);
        return false;
    case OPTIONS_HELP:
        break;
    }
    struct buffer page = {0};
    help_command(&page, command, terminal_has_colour(stdout));
    *status = help_print(command->name, &page);
    return false;
}

int command_failed(const char *name, const char *text)
{
    say(name, text);
    return interrupted() ? STATUS_INTERRUPTED : STATUS_FAILED;
}

int command_misused(const char *name, const char *format, ...)
{
    char text[ERROR_TEXT_BYTES];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    struct error err;
    fail(&err, "%s", text); /* one line, whatever was typed */
    say(name, err.text);
    return STATUS_USAGE;
}
