/* SPDX-License-Identifier: Apache-2.0 */
/* command.h - what a command is: a name, a function, and the text that helps with it.
 *
 * Each command is one file, with its settings, its option table, its help and
 * its function; the table of them all is in command.c. */
#ifndef FATHOM_CLI_COMMAND_H
#define FATHOM_CLI_COMMAND_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "cli/options.h"

enum {
    STATUS_DONE = 0,
    STATUS_FAILED = 1,       /* one line on stderr says why and what to do */
    STATUS_USAGE = 2,        /* the command line itself is wrong */
    STATUS_INTERRUPTED = 130 /* stopped by Ctrl-C: 128 + SIGINT, as shells have it */
};

struct example {
    const char *line; /* without "fathom "; NULL ends the list */
    const char *says;
};

struct help {
    const char *synopsis;    /* behind "fathom NAME "; forms separated by '\n' */
    const char *description; /* paragraphs separated by an empty line; wrapped when shown */
    const struct option_group *groups;
    const struct example *examples;
    const char *exit_status; /* what this command adds to the general meaning; NULL: nothing */
};

struct command {
    const char *name;
    const char *summary;               /* one line, no full stop */
    int (*run)(int argc, char **argv); /* argv[0] is the command's name; returns the exit status */
    const struct help *help;
};

extern const struct command commands[]; /* [n_commands] in the order of the overview */
extern const size_t n_commands;
const struct command *command_find(const char *name); /* NULL: there is none */
int command_unknown(const char *name);                /* says so: STATUS_USAGE */

/* The first thing that a command does: reads its options into `settings`, which holds the defaults.
 * False: return *status; help was shown, or the line was wrong, and that has been said. */
bool command_begin(int argc, char **argv, void *settings, int *status);

/* Write "fathom NAME: TEXT" to stderr and return the status: STATUS_FAILED, or STATUS_INTERRUPTED after
 * Ctrl-C; and STATUS_USAGE. Without a name: "fathom: TEXT". */
int command_failed(const char *name, const char *text);
int command_misused(const char *name, const char *format, ...) __attribute__((format(printf, 2, 3)));

int command_run(int argc, char **argv);
int command_chat(int argc, char **argv);
int command_serve(int argc, char **argv);
int command_tokenize(int argc, char **argv);
int command_logits(int argc, char **argv);
int command_plan(int argc, char **argv);
int command_inspect(int argc, char **argv);
int command_forge(int argc, char **argv);
int command_bench(int argc, char **argv);
int command_pull(int argc, char **argv);
int command_verify(int argc, char **argv);
int command_help(int argc, char **argv);

extern const struct help run_help, chat_help, serve_help, tokenize_help, logits_help, inspect_help, plan_help,
    forge_help, bench_help, pull_help, verify_help, help_help;

#endif
