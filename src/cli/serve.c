/* SPDX-License-Identifier: Apache-2.0 */
/* serve.c - `fathom serve`: the command's options, and the signals that end it. */
#include <signal.h>
#include <stdio.h>

#include "cli/command.h"
#include "cli/setup.h"
#include "server/server.h"

struct serve {
    const char *host;
    uint64_t port;
};

static const struct option serve_options[] = {
    {"host", 0, "ADDRESS", INTO_TEXT(struct serve, host),
     .help = "address to listen on; by default 127.0.0.1, which only this machine reaches"},
    {"port", 0, "N", INTO_COUNT(struct serve, port), .high = 65535,
     .help = "port to listen on; by default 8080; 0 takes a free one, which is printed"},
    {0},
};

static const struct option_group serve_groups[] = {
    {"Options", serve_options, 0},
    {0},
};

static const struct example serve_examples[] = {
    {"serve --port 8000", "answer http://127.0.0.1:8000/health"},
    {0},
};

const struct help serve_help = {
    .synopsis = "[OPTION]...",
    .description = "Listens for HTTP and answers /health; no model is served yet. Ctrl-C or SIGTERM ends it.",
    .groups = serve_groups,
    .examples = serve_examples,
};

/* What the signal handler stops; it can get nothing else. */
static struct server *running;

static void on_signal(int number)
{
    (void)number;
    server_stop(running);
}

int command_serve(int argc, char **argv)
{
    struct serve settings = {.host = "127.0.0.1", .port = 8080};
    int status;
    if (!command_begin(argc, argv, &settings, &status))
        return status;
    const struct server_options options = {.host = settings.host, .port = (uint16_t)settings.port};
    struct error err;
    running = server_open(&options, &err);
    if (running == NULL)
        return command_failed(argv[0], err.text);
    const struct sigaction action = {.sa_handler = on_signal, .sa_flags = (int)SA_RESETHAND};
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGINT, &action, NULL);
    fprintf(stderr, "listening on %s\n", server_url(running));
    bool done = server_run(running, &err);
    server_close(running);
    return done ? STATUS_DONE : command_failed(argv[0], err.text);
}
