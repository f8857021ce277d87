/* SPDX-License-Identifier: Apache-2.0 */
/* serve.c - `fathom serve`: the command's options, its log, and the signals that end it. */
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "cli/command.h"
#include "cli/setup.h"
#include "cli/shipped.h"
#include "cli/terminal.h"
#include "server/server.h"

struct serve {
    struct source source;
    struct computation computation;
    struct sampling sampling;
    const char *host, *alias, *key_file;
    uint64_t port, n_parallel, n_tokens, think_budget, grace_seconds;
    struct option_list origins;
    int think; /* 0: not given; otherwise 1 + enum fathom_think */
    int chores;
    bool demo, strict_model;
};

enum { CHORES_OFF, CHORES_AUTO };

static const struct option_choice chores_choices[] = {{"auto", CHORES_AUTO}, {"off", CHORES_OFF}, {0}};

static const struct option serve_options[] = {
    {"demo", 0, NULL, INTO_FLAG(struct serve, demo),
     .help = "serve Minnow, the small model that ships with Fathom: a demonstration, not DeepSeek-R1"},
    {"host", 0, "ADDRESS", INTO_TEXT(struct serve, host),
     .help = "address to listen on; by default 127.0.0.1, which only this machine reaches"},
    {"port", 0, "N", INTO_COUNT(struct serve, port), .high = 65535,
     .help = "port to listen on; by default 8080; 0 takes a free one, which is printed"},
    {"api-key-file", 0, "FILE", INTO_TEXT(struct serve, key_file),
     .help = "keys, one a line, of which clients must show one; by default any will do"},
    {"cors-origin", 0, "ORIGIN", INTO_LIST(struct serve, origins),
     .help = "a web page that may use the server, such as https://chat.example.org; by default none may"},
    {"alias", 0, "NAME", INTO_TEXT(struct serve, alias),
     .help = "the model's name for clients; by default its file's"},
    {"strict-model", 0, NULL, INTO_FLAG(struct serve, strict_model),
     .help = "refuse requests for a model of another name, which are answered by default"},
    {"parallel", 0, "N", INTO_COUNT(struct serve, n_parallel), .low = 1, .high = PARALLEL_MOST,
     .help = "chats to answer at once, others wait; by default 2. There is to be memory for as many full "
             "contexts"},
    {"chores", 0, NULL, INTO_CHOICE(struct serve, chores), .choices = chores_choices,
     .help =
         "what front ends ask beside a chat (titles, tags, autocompletion): auto, the default, knows it and "
         "answers without reasoning, after the chats; off, like anything else"},
    {"grace", 0, "SECONDS", INTO_COUNT(struct serve, grace_seconds), .high = 86400,
     .help = "time for answers to end once the server is to stop; by default 30"},
    {0},
};

static const struct option answer_options[] = {
    {"max-new-tokens", 'n', "N", INTO_COUNT(struct serve, n_tokens), .low = 1, .high = UINT32_MAX,
     .help = "end answers after N tokens; by default they may fill the context"},
    {"think", 0, NULL, INTO_CHOICE(struct serve, think), .choices = think_choices,
     .help = "reasoning: as the model's template has it (the default), always, or not at all"},
    {"think-budget", 0, "N", INTO_COUNT(struct serve, think_budget), .low = 1, .high = UINT32_MAX,
     .help =
         "tokens of reasoning, which is closed then; by default three quarters of what the answer may have"},
    {0},
};

static const struct option_group serve_groups[] = {
    {"Options", serve_options, 0},
    {"Answers, where a request does not say otherwise", answer_options, 0},
    {"Sampling, likewise", sampling_options, offsetof(struct serve, sampling)},
    {"Model", source_options, offsetof(struct serve, source)},
    {"Computation", computation_options, offsetof(struct serve, computation)},
    {0},
};

static const struct example serve_examples[] = {
    {"serve -m DeepSeek-R1-UD-Q2_K_XL/",
     "serve a model to programs on this machine, at http://127.0.0.1:8080/v1"},
    {"serve -m model.gguf --host 0.0.0.0 --api-key-file keys", "and to others, who need a key"},
    {0},
};

const struct help serve_help = {
    .synopsis = "-m MODEL [OPTION]...\n--demo [OPTION]...",
    .description =
        "Answers programs that speak the HTTP interface of OpenAI's models: chats and completions, streamed "
        "or "
        "not, with the reasoning apart. docs/serving.md tells how to put open-webui or an editor in "
        "front. A browser that opens its address gets a page to chat with.\n\n"
        "Clients can connect at once, and wait while the model is loaded. Conversations stay in memory, and "
        "while nobody asks for anything the beginning of the next turn is computed, so that it starts at "
        "once. "
        "-c is the context of one conversation.\n\n"
        "A line on standard error tells of each request. Ctrl-C or SIGTERM lets answers end; a second one "
        "does "
        "not wait for them.",
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

static void write_line(void *listener, const char *line)
{
    (void)listener;
    fprintf(stderr, "%s\n", line);
}

static bool show_loading(void *listener, uint64_t done, uint64_t total)
{
    bool go_on = bar_report(listener, done, total);
    if (done == total)
        bar_end(listener);
    return go_on;
}

/* "DeepSeek-R1-UD-Q2_K_XL" of the path of its first shard. */
static bool name_model(const struct serve *settings, const char *path, struct buffer *name, struct error *err)
{
    const char *slash = strrchr(path, '/'), *file = slash != NULL ? slash + 1 : path;
    size_t n = strlen(file), n_shard = strlen("-00001-of-00005");
    if (settings->alias != NULL || settings->demo) {
        buffer_append_text(name, settings->alias != NULL ? settings->alias : "minnow-demo");
        return buffer_ok(name, err);
    }
    if (n > 5 && strcmp(file + n - 5, ".gguf") == 0)
        n -= 5;
    if (n > n_shard && memcmp(file + n - n_shard, "-00001-of-", 10) == 0)
        n -= n_shard;
    buffer_append(name, file, n);
    return buffer_ok(name, err);
}

static int locate(const struct serve *settings, const char *command, struct buffer *path)
{
    struct error err;
    if (!settings->demo)
        return source_locate(&settings->source, command, path);
    if (settings->source.model != NULL || settings->source.name != NULL)
        return command_misused(command, "-m and --demo both say what to serve; leave one out");
    if (!shipped_find(path, &err))
        return command_failed(command, err.text);
    shipped_say();
    return STATUS_DONE;
}

static struct server_options options_of(const struct serve *settings, const char *path, const char *name,
                                        struct bar *bar)
{
    struct server_options options = {
        .host = settings->host,
        .port = (uint16_t)settings->port,
        .worker = {.path = path,
                   .model = computation_model(&settings->computation),
                   .schedule = {.model_id = name,
                                .n_parallel = (uint32_t)settings->n_parallel,
                                .log = {.write = write_line},
                                .read_rate = computation_read_rate(&settings->computation)}},
        .defaults = {.sampling = sampling_options_of(&settings->sampling),
                     .think =
                         settings->think != 0 ? (enum fathom_think)(settings->think - 1) : FATHOM_THINK_AUTO,
                     .think_budget = (uint32_t)settings->think_budget,
                     .max_tokens = (uint32_t)settings->n_tokens},
        .strict_model = settings->strict_model,
        .chores = settings->chores == CHORES_AUTO,
        .key_file = settings->key_file,
        .origins = settings->origins.items,
        .n_origins = settings->origins.n_items,
        .grace_seconds = (double)settings->grace_seconds,
    };
    options.worker.model.progress = (struct fathom_progress){show_loading, bar};
    return options;
}

static int serve(const struct server_options *options, const char *command)
{
    struct error err;
    running = server_open(options, &err);
    if (running == NULL)
        return command_failed(command, err.text);
    const struct sigaction action = {.sa_handler = on_signal, .sa_flags = (int)SA_RESTART};
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGINT, &action, NULL);
    fprintf(stderr, "listening on %s\nopen %s/ in a browser to chat\n", server_url(running),
            server_url(running));
    bool done = server_run(running, &err);
    signal(SIGTERM, SIG_DFL);
    signal(SIGINT, SIG_DFL);
    server_close(running);
    bar_end(options->worker.model.progress.listener); /* of a loading that did not end */
    return done ? STATUS_DONE : command_failed(command, err.text);
}

int command_serve(int argc, char **argv)
{
    struct serve settings = {.host = "127.0.0.1",
                             .port = 8080,
                             .n_parallel = 2,
                             .grace_seconds = 30,
                             .chores = CHORES_AUTO,
                             .sampling = sampling_defaults()};
    int status;
    settings.sampling.seed = 0; /* a new one for each answer */
    settings.sampling.temperature = SAMPLING_BY_MODEL;
    if (!command_begin(argc, argv, &settings, &status))
        return status;
    sampling_settle(&settings.sampling, &settings.source);
    struct buffer path = {0}, name = {0};
    struct error err;
    struct bar bar = bar_begin("weights", BAR_BYTES);
    status = locate(&settings, argv[0], &path);
    if (status == STATUS_DONE && !name_model(&settings, buffer_text(&path), &name, &err))
        status = command_failed(argv[0], err.text);
    if (status == STATUS_DONE) {
        const struct server_options options =
            options_of(&settings, buffer_text(&path), buffer_text(&name), &bar);
        status = serve(&options, argv[0]);
    }
    buffer_release(&name);
    buffer_release(&path);
    return status;
}
