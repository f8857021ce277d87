/* SPDX-License-Identifier: Apache-2.0 */
/* chat.c - `fathom chat`: a conversation, message by message, and the commands that a line may hold instead.
 *
 * Answers go to standard output, everything else to standard error. Only
 * the end of the input, Ctrl-C at an empty prompt and a broken output end it. */
#include <stdio.h>
#include <string.h>

#include "base/amount.h"
#include "cli/chat/file.h"
#include "cli/chat/line.h"
#include "cli/chat/show.h"
#include "cli/chat/talk.h"
#include "cli/command.h"
#include "cli/setup.h"
#include "cli/terminal.h"
#include "fathom.h"

struct chat {
    struct source source;
    struct computation computation;
    struct sampling sampling;
    const char *system;
    uint64_t n_tokens;
    int think; /* 0: not given; otherwise 1 + enum fathom_think */
    bool fold;
};

static const struct option chat_options[] = {
    {"system", 's', "TEXT", INTO_TEXT(struct chat, system),
     .help = "system prompt; R1 is meant to have none"},
    {"max-new-tokens", 'n', "N", INTO_COUNT(struct chat, n_tokens), .low = 1, .high = UINT32_MAX,
     .help = "end each answer after N tokens; by default it may fill the context"},
    {"think", 0, NULL, INTO_CHOICE(struct chat, think), .choices = think_choices,
     .help = "reasoning: as the model's template has it (the default), always, or not at all"},
    {"fold", 0, NULL, INTO_FLAG(struct chat, fold), .help = "show each reasoning as one line"},
    {0},
};

static const struct option_group chat_groups[] = {
    {"Options", chat_options, 0},
    {"Sampling", sampling_options, offsetof(struct chat, sampling)},
    {"Model", source_options, offsetof(struct chat, source)},
    {"Computation", computation_options, offsetof(struct chat, computation)},
    {0},
};

static const struct example chat_examples[] = {
    {"chat -m DeepSeek-R1-UD-Q2_K_XL/", "talk with a model"},
    {"chat -m model.gguf --think off -s 'Answer in French.'", "no reasoning, and a system prompt"},
    {"chat -m model.gguf < questions.txt > answers.txt", "a message a line, one conversation"},
    {0},
};

const struct help chat_help = {
    .synopsis = "[-m MODEL] [OPTION]...",
    .description =
        "Holds a conversation; without -m with Minnow, the small model that ships with Fathom, which shows "
        "how it goes and is not DeepSeek-R1. On a terminal lines can be edited and are remembered from one "
        "time to the "
        "next, in $XDG_STATE_HOME/fathom/history or ~/.local/state/fathom/history. A paste of several lines "
        "is one message, and a line that ends in a backslash goes on in the next. A line may also be a "
        "command; /help lists them.\n\n"
        "The reasoning is dim, or one line with --fold or after /fold. Ctrl-C during the reasoning closes "
        "it and has the answer begin; during the answer, or the second time, it stops, and what was said "
        "stays. On an empty prompt Ctrl-C twice, or Ctrl-D, leaves.\n\n"
        "After each answer a line on standard error says how long prompt and answer were, how many tokens "
        "of the prompt were held from the turn before, how fast it went, and how full the context is.\n\n"
        "/save keeps the tokens as well as the words, so a conversation that is loaded again goes on as it "
        "would have: with the same seed it gets the same answers, but for what rounding changes in long "
        "ones.\n\n"
        "When standard input is no terminal, each line is a message and nothing is prompted for. When "
        "standard output is none, only the answers go there, without their reasoning.",
    .groups = chat_groups,
    .examples = chat_examples,
    .exit_status = "Off a terminal, a line that could not be answered or carried out is told on standard "
                   "error, the rest is still read, and the status is 1 at the end.",
};

/* All that goes on between the first line and the last. */
struct room {
    struct talk talk;
    struct show show;
    struct fathom_model *model;
    bool terminal; /* a person types */
};

/* ---- answers ---- */

static bool answer(struct room *room, struct error *err)
{
    struct turn turn;
    size_t n_used;
    interrupt_take();
    room->show = show_begin(room->show.folded);
    if (!talk_answer(&room->talk, &room->show, &turn, err))
        return false;
    fathom_session_tokens(room->talk.session, &n_used);
    show_turn(&turn, n_used, fathom_session_context(room->talk.session));
    if (room->terminal && talk_last(&room->talk)->open)
        show_note("the reasoning was cut; /answer closes it and has the answer begin");
    return true;
}

/* Who reads the answers on a terminal, and did not type the messages there, wants to see both. */
static bool echo(const struct room *room, const char *text, struct error *err)
{
    if (room->terminal || !terminal_is(stdout))
        return true;
    return stdout_write("> ", 2, err) && stdout_write_text(text, strlen(text), err) &&
           stdout_write("\n", 1, err) && stdout_flush(err);
}

static bool waits_for_an_answer(struct room *room)
{
    const struct talk_message *last = talk_last(&room->talk);
    return last != NULL && last->role == FATHOM_USER;
}

/* A message that nothing came back to is none. */
static bool say(struct room *room, const char *text, struct error *err)
{
    if (!echo(room, text, err) || !talk_add(&room->talk, FATHOM_USER, text, NULL, err))
        return false;
    if (answer(room, err))
        return true;
    if (!waits_for_an_answer(room))
        return false;
    talk_drop_last(&room->talk);
    return fail_in(err, "the message is left out");
}

/* ---- commands ---- */

static bool do_help(struct room *room, const char *text, struct error *err);

static bool do_clear(struct room *room, const char *text, struct error *err)
{
    (void)text, (void)err;
    talk_clear(&room->talk);
    show_note("the conversation is empty");
    return true;
}

static bool do_retry(struct room *room, const char *text, struct error *err)
{
    (void)text;
    struct talk *talk = &room->talk;
    struct talk_message before = {0};
    if (talk_last(talk) == NULL || talk_last(talk)->role == FATHOM_SYSTEM)
        return fail(err, "nothing was said yet");
    if (talk_last(talk)->role == FATHOM_ASSISTANT)
        before = talk_take_last(talk);
    talk->n_retries++;
    bool done =
        waits_for_an_answer(room) ? answer(room, err) : fail(err, "there is no message to answer again");
    if (!done)
        talk->n_retries--;
    if (!done && before.content != NULL &&
        (talk_last(talk) == NULL || talk_last(talk)->role != FATHOM_ASSISTANT))
        talk_put_back(talk, &before);
    else
        talk_drop_taken(&before);
    return done;
}

static bool do_answer(struct room *room, const char *text, struct error *err)
{
    (void)text;
    const struct talk_message *last = talk_last(&room->talk);
    if (last == NULL || !last->open)
        return fail(err, "no reasoning is open");
    return answer(room, err);
}

static bool do_save(struct room *room, const char *text, struct error *err)
{
    if (!chat_save(&room->talk, text, err))
        return false;
    show_note("%zu messages are in %s", room->talk.n_messages, text);
    return true;
}

static bool do_load(struct room *room, const char *text, struct error *err)
{
    if (!chat_load(&room->talk, text, err))
        return false;
    show_note("%zu messages from %s", room->talk.n_messages, text);
    return true;
}

static bool do_stats(struct room *room, const char *text, struct error *err)
{
    (void)text, (void)err;
    size_t n_used;
    struct fathom_session *session = room->talk.session;
    struct fathom_stats stats = fathom_session_stats(session);
    fathom_session_tokens(session, &n_used);
    show_note("%zu messages; context %zu of %u tokens, %s of cache", room->talk.n_messages, n_used,
              fathom_session_context(session), amount_bytes(stats.cache_bytes).text);
    show_note("computed %llu tokens of prompts in %s, %llu of answers in %s",
              (unsigned long long)stats.n_prompt_tokens, amount_seconds(stats.prompt_seconds).text,
              (unsigned long long)stats.n_generated_tokens, amount_seconds(stats.generated_seconds).text);
    return true;
}

static bool do_think(struct room *room, const char *text, struct error *err)
{
    (void)text, (void)err;
    room->talk.think = FATHOM_THINK_FORCE;
    show_note("the next answers begin with reasoning");
    return true;
}

static bool do_nothink(struct room *room, const char *text, struct error *err)
{
    (void)text, (void)err;
    room->talk.think = FATHOM_THINK_OFF;
    show_note("the next answers have no reasoning");
    return true;
}

static bool do_fold(struct room *room, const char *text, struct error *err)
{
    (void)text, (void)err;
    room->show.folded = !room->show.folded;
    show_note(room->show.folded ? "a reasoning is one line" : "a reasoning is shown");
    return true;
}

static bool do_system(struct room *room, const char *text, struct error *err)
{
    if (!talk_system(&room->talk, text, err))
        return false;
    show_note(text[0] != '\0' ? "that is the system prompt now" : "there is no system prompt now");
    return true;
}

static const struct chat_command {
    const char *name;
    const char *argument; /* NULL: takes none */
    const char *says;
    bool (*run)(struct room *room, const char *text, struct error *err);
    bool optional; /* the argument */
} chat_commands[] = {
    {"/help", NULL, "this list", do_help},
    {"/clear", NULL, "forget the conversation; the system prompt stays", do_clear},
    {"/retry", NULL, "answer the last message again", do_retry},
    {"/answer", NULL, "close a reasoning that was cut, and answer", do_answer},
    {"/think", NULL, "the next answers reason first", do_think},
    {"/nothink", NULL, "the next answers do not reason", do_nothink},
    {"/fold", NULL, "show reasonings as one line each, or in full", do_fold},
    {"/system", "TEXT", "set the system prompt, or without TEXT remove it", do_system, true},
    {"/save", "FILE", "write the conversation as JSON", do_save},
    {"/load", "FILE", "go on with a conversation that was saved", do_load},
    {"/stats", NULL, "what was computed, and how much memory it takes", do_stats},
};
static const size_t n_chat_commands = sizeof chat_commands / sizeof *chat_commands;

static bool do_help(struct room *room, const char *text, struct error *err)
{
    (void)room, (void)text, (void)err;
    for (size_t i = 0; i < n_chat_commands; i++) {
        const struct chat_command *c = &chat_commands[i];
        fprintf(stderr, "  %-8s %-5s %s\n", c->name, c->argument != NULL ? c->argument : "", c->says);
    }
    fputs("  Ctrl-C         in a reasoning: answer now; in an answer: stop; twice at the prompt: leave\n"
          "  Ctrl-D         leave\n"
          "  A line that ends in \\ goes on in the next; a paste of many lines is one message.\n",
          stderr);
    return true;
}

/* A slash and one word of small letters; "/usr/bin" is a message like any other. */
static size_t command_bytes(const char *line)
{
    if (line[0] != '/')
        return 0;
    size_t n = 1 + strspn(line + 1, "abcdefghijklmnopqrstuvwxyz");
    return n > 1 && strchr(" \n", line[n]) != NULL ? n : 0; /* strchr finds the end, too */
}

static bool command(struct room *room, const char *line, size_t n_name, struct error *err)
{
    const char *text = line + n_name + strspn(line + n_name, " \n");
    for (size_t i = 0; i < n_chat_commands; i++) {
        const struct chat_command *c = &chat_commands[i];
        if (strlen(c->name) != n_name || memcmp(c->name, line, n_name) != 0)
            continue;
        if (c->argument == NULL && text[0] != '\0')
            return fail(err, "%s takes nothing behind it", c->name);
        if (c->argument != NULL && !c->optional && text[0] == '\0')
            return fail(err, "%s needs a value, %s", c->name, c->argument);
        return c->run(room, text, err);
    }
    return fail(err, "no command %.*s; /help lists them", (int)n_name, line);
}

/* ---- the conversation ---- */

static bool take_line(struct room *room, const struct buffer *line, struct error *err)
{
    const char *text = buffer_text(line);
    if (strlen(text) != line->n_bytes)
        return fail(err, "the message holds a zero byte, which no message may");
    if (text[strspn(text, " \t\n")] == '\0')
        return true;
    size_t n_name = command_bytes(text);
    return n_name > 0 ? command(room, text, n_name, err) : say(room, text, err);
}

/* Until the input is over; returns the exit status. */
static int converse(struct room *room, struct line_source *source, const char *name)
{
    struct buffer line = {0};
    struct error err;
    int status = STATUS_DONE;
    for (bool asked = false;;) {
        enum line_result result = line_read(source, &line, &err);
        if (result == LINE_FAILED)
            status = command_failed(name, err.text);
        if (result == LINE_FAILED || result == LINE_OVER || (result == LINE_DROPPED && asked))
            break;
        asked = result == LINE_DROPPED && line.n_bytes == 0;
        if (asked)
            show_note("Ctrl-C again, or Ctrl-D, leaves");
        if (result == LINE_READ && !take_line(room, &line, &err)) {
            if (room->terminal)
                terminal_write_line(stderr, err.text);
            else
                status = command_failed(name, err.text);
        }
        if (ferror(stdout))
            status = STATUS_FAILED;
        if (ferror(stdout) || (!room->terminal && interrupted()))
            break;
    }
    if (!room->terminal && interrupted())
        status = STATUS_INTERRUPTED;
    buffer_release(&line);
    return status;
}

static bool open_room(struct room *room, const struct chat *settings, struct error *err)
{
    room->show = show_begin(settings->fold);
    room->talk.most_tokens = settings->n_tokens;
    room->talk.interrupt_closes = room->terminal;
    room->talk.think = settings->think != 0 ? (enum fathom_think)(settings->think - 1) : FATHOM_THINK_AUTO;
    if (!talk_open(&room->talk, room->model, &settings->computation, &settings->sampling, err))
        return false;
    if (settings->computation.verbose)
        sampling_say(&settings->sampling, fathom_session_context(room->talk.session));
    return settings->system == NULL || talk_system(&room->talk, settings->system, err);
}

int command_chat(int argc, char **argv)
{
    struct chat settings = {.n_tokens = UINT64_MAX, .sampling = sampling_defaults()};
    settings.sampling.temperature = SAMPLING_BY_MODEL;
    int status;
    if (!command_begin(argc, argv, &settings, &status))
        return status;
    sampling_settle(&settings.sampling, &settings.source);
    struct buffer path = {0};
    struct error err;
    struct fathom_error reason;
    struct line_source source = {0};
    struct room room = {.terminal = terminal_is(stdin) && terminal_is(stderr)};
    status = source_locate_or_ship(&settings.source, argv[0], &path);
    if (status != STATUS_DONE)
        goto done;
    room.model = computation_open(&settings.computation, buffer_text(&path), &reason);
    if (room.model == NULL) {
        status = command_failed(argv[0], reason.text);
    } else if (!open_room(&room, &settings, &err) || !line_open(&source, room.terminal, &err)) {
        status = command_failed(argv[0], err.text);
    } else {
        if (room.terminal)
            show_note("%s; /help lists the commands", fathom_model_info(room.model).name);
        room.terminal ? interrupt_catch_all() : interrupt_catch();
        status = converse(&room, &source, argv[0]);
    }

done:
    line_close(&source);
    talk_close(&room.talk);
    fathom_model_close(room.model);
    buffer_release(&path);
    return status;
}
