/* SPDX-License-Identifier: Apache-2.0 */
/* run.c - `fathom run`: one message answered, or one text continued, as it is computed.
 *
 * Only the answer goes to standard output; how it went is one line on
 * standard error. Text of the user never becomes a special token, unless
 * --raw asks for that. */
#include <string.h>

#include "base/amount.h"
#include "base/clock.h"
#include "base/file.h"
#include "cli/command.h"
#include "cli/setup.h"
#include "cli/terminal.h"
#include "fathom.h"

#define PROMPT_LIMIT ((size_t)64 << 20) /* bytes; the longest context holds about one megabyte of text */
#define NO_LIMIT     UINT64_MAX
#define MOST_TOKENS  UINT32_MAX

struct run {
    struct source source;
    struct computation computation;
    const char *prompt, *file;
    uint64_t n_tokens;
    struct sampling sampling;
    int think; /* 0: not given; otherwise 1 + enum fathom_think */
    bool raw;
};

static const struct option run_options[] = {
    {"prompt", 'p', "TEXT", INTO_TEXT(struct run, prompt), .help = "what to say; - reads standard input"},
    {"file", 'f', "FILE", INTO_TEXT(struct run, file),
     .help = "file with what to say, a line break at its end left out; - is standard input"},
    {"max-new-tokens", 'n', "N", INTO_COUNT(struct run, n_tokens), .high = MOST_TOKENS,
     .help = "stop after N tokens; by default the answer may fill the context"},
    {"raw", 0, NULL, INTO_FLAG(struct run, raw),
     .help = "no chat: the text is continued, and special tokens may be spelled in it"},
    {"think", 0, NULL, INTO_CHOICE(struct run, think), .choices = think_choices,
     .help = "reasoning: as the model's template has it (the default), always, or not at all"},
    {0},
};

static const struct option_group run_groups[] = {
    {"Options", run_options, 0},
    {"Sampling", sampling_options, offsetof(struct run, sampling)},
    {"Model", source_options, offsetof(struct run, source)},
    {"Computation", computation_options, offsetof(struct run, computation)},
    {0},
};

static const struct example run_examples[] = {
    {"run -m DeepSeek-R1-UD-Q2_K_XL/ -p 'Why is the sky blue?'", "ask one question"},
    {"run -m model.gguf -f letter.txt -n 500 > answer.txt", "answer a file, in 500 tokens at most"},
    {"run -m model.gguf --raw -p 'Once upon a time' --temp 0", "continue a text with the likeliest tokens"},
    {0},
};

const struct help run_help = {
    .synopsis = "[-m MODEL] -p TEXT [OPTION]...\n[-m MODEL] -f FILE [OPTION]...",
    .description =
        "Puts the text to the model as one message of a user, in the form that the model's own chat "
        "template gives it, and writes the answer to standard output while it is computed, the reasoning "
        "with it. The answer ends where the model ends it, after -n tokens, when the context is full, or "
        "at Ctrl-C (a second one ends the program at once). A last line on standard error says how long "
        "the prompt and the answer were, how fast they went, and why it ended.\n\n"
        "Without -m Minnow answers, the small model that ships with Fathom: a demonstration, not "
        "DeepSeek-R1.\n\n"
        "With --raw there is no template: the text is continued from the begin token on, and written "
        "without a line break of its own.",
    .groups = run_groups,
    .examples = run_examples,
    .exit_status = "An answer cut short by -n or by a full context is done, and exits 0.",
};

enum ending { ENDED_BY_TOKEN, ENDED_BY_LIMIT, ENDED_BY_CONTEXT, ENDED_BY_INTERRUPT };

static const char *const endings[] = {
    [ENDED_BY_TOKEN] = "the model ended it",
    [ENDED_BY_LIMIT] = "stopped by -n",
    [ENDED_BY_CONTEXT] = "stopped because the context is full",
    [ENDED_BY_INTERRUPT] = "stopped by Ctrl-C",
};

/* An answer while it is made. */
struct answer {
    const struct run *settings;
    const struct fathom_vocabulary *vocabulary;
    struct fathom_session *session;
    struct fathom_sampler *sampler;
    struct fathom_text_stream *text;
    size_t n_prompt, n_generated, n_computed; /* tokens */
    double prompt_seconds, answer_seconds;
    enum ending ending;
    char last; /* byte written; '\n' before the first */
};

/* ---- the prompt ---- */

static bool read_prompt(const struct run *settings, struct buffer *text, struct error *err)
{
    const char *path = settings->file != NULL ? settings->file : settings->prompt;
    if (settings->file == NULL && strcmp(path, "-") != 0) {
        buffer_append_text(text, path);
        return buffer_ok(text, err);
    }
    if (strcmp(path, "-") == 0 && terminal_is(stdin) && terminal_is(stderr))
        fputs("reading the text from the terminal; Ctrl-D on an empty line ends it\n", stderr);
    if (!file_read(text, path, PROMPT_LIMIT, err))
        return fail_in(err, strcmp(path, "-") == 0 ? "standard input" : path);
    if (text->n_bytes > 0 && text->bytes[text->n_bytes - 1] == '\n')
        text->bytes[--text->n_bytes] = '\0';
    return true;
}

static bool make_prompt(const struct run *settings, const struct fathom_vocabulary *vocabulary,
                        const struct buffer *text, struct fathom_tokens *tokens, struct error *err)
{
    struct fathom_error reason;
    if (settings->raw) {
        if (!fathom_tokenize(vocabulary, buffer_text(text), text->n_bytes,
                             FATHOM_PARSE_SPECIAL | FATHOM_ADD_BEGIN, tokens, &reason))
            return fail(err, "%s", reason.text);
        return tokens->n > 0 || fail(err, "the text is empty: there is nothing to continue");
    }
    if (strlen(buffer_text(text)) != text->n_bytes)
        return fail(err, "the text holds a zero byte, which no message may");
    struct fathom_message message = {.role = FATHOM_USER, .content = buffer_text(text)};
    struct fathom_chat chat = {.messages = &message, .n_messages = 1, .think = FATHOM_THINK_AUTO};
    if (settings->think != 0)
        chat.think = (enum fathom_think)(settings->think - 1);
    if (!fathom_prompt(vocabulary, &chat, tokens, &reason))
        return fail(err, "%s", reason.text);
    return true;
}

static bool compute_prompt(struct answer *answer, const struct fathom_tokens *tokens, struct error *err)
{
    uint32_t n_context = fathom_session_context(answer->session);
    if (tokens->n > n_context)
        return fail(err, "the prompt has %zu tokens and the context holds %u; ask for a larger one with -c",
                    tokens->n, n_context);
    struct fathom_error reason;
    struct bar bar = bar_begin("prompt", BAR_TOKENS);
    struct fathom_progress progress = {bar_report, &bar};
    interrupt_cancels(answer->session); /* a chunk of a large model takes many seconds */
    bool held = fathom_session_hold(answer->session, tokens->ids, tokens->n, &progress, NULL, &reason);
    interrupt_cancels(NULL);
    bar_end(&bar);
    if (!held)
        return interrupted() ? fail(err, "stopped before the answer began") : fail(err, "%s", reason.text);
    answer->n_prompt = tokens->n;
    answer->prompt_seconds = clock_seconds() - bar.begun;
    return true;
}

/* ---- the answer ---- */

static bool write_text(struct answer *answer, const char *bytes, size_t n_bytes, struct error *err)
{
    if (n_bytes == 0)
        return true;
    answer->last = bytes[n_bytes - 1];
    return stdout_write_text(bytes, n_bytes, err) && stdout_flush(err);
}

static bool write_token(struct answer *answer, uint32_t token, struct error *err)
{
    size_t n_bytes;
    const char *bytes = fathom_text_stream_push(answer->text, token, &n_bytes);
    return write_text(answer, bytes, n_bytes, err);
}

static bool token_is(const struct fathom_vocabulary *vocabulary, uint32_t token, const char *text)
{
    size_t n_bytes;
    const char *bytes = fathom_token_text(vocabulary, token, &n_bytes);
    return bytes != NULL && n_bytes == strlen(text) && memcmp(bytes, text, n_bytes) == 0;
}

/* Where the template already opened the reasoning, the answer would close what nobody saw opened: shows that
 * part of the prompt. */
static bool write_opened_reasoning(struct answer *answer, const struct fathom_tokens *prompt,
                                   struct error *err)
{
    size_t at = prompt->n;
    while (at > 0 && !token_is(answer->vocabulary, prompt->ids[at - 1], "<think>")) {
        if (token_is(answer->vocabulary, prompt->ids[at - 1], "</think>"))
            return true;
        at--;
    }
    for (size_t i = at; at > 0 && i <= prompt->n; i++)
        if (!write_token(answer, prompt->ids[i - 1], err))
            return false;
    return true;
}

static bool end(struct answer *answer, enum ending ending)
{
    answer->ending = ending;
    return true;
}

/* Picks and writes tokens until something ends the answer; a token is computed only when its successor is
 * asked for. */
static bool generate(struct answer *answer, struct error *err)
{
    uint32_t token = 0, n_context = fathom_session_context(answer->session);
    for (;; answer->n_generated++) {
        struct fathom_error reason;
        if (interrupted())
            return end(answer, ENDED_BY_INTERRUPT);
        if (answer->n_generated == answer->settings->n_tokens)
            return end(answer, ENDED_BY_LIMIT);
        if (answer->n_generated > 0) {
            if (answer->n_prompt + answer->n_computed == n_context)
                return end(answer, ENDED_BY_CONTEXT);
            if (!fathom_session_push(answer->session, token, &reason))
                return fail(err, "%s", reason.text);
            answer->n_computed++;
        }
        token = fathom_sampler_pick(answer->sampler, fathom_session_logits(answer->session));
        fathom_sampler_accept(answer->sampler, token);
        if (fathom_token_ends_answer(answer->vocabulary, token))
            return end(answer, ENDED_BY_TOKEN);
        if (!write_token(answer, token, err))
            return false;
    }
}

static bool finish(struct answer *answer, struct error *err)
{
    size_t n_bytes;
    const char *bytes = fathom_text_stream_finish(answer->text, &n_bytes);
    if (!write_text(answer, bytes, n_bytes, err))
        return false;
    if (answer->last != '\n' && (!answer->settings->raw || terminal_is(stdout)))
        return write_text(answer, "\n", 1, err);
    return true;
}

/* "prompt 21 tokens, 64.2 tok/s; answer 133 tokens, 8.43 tok/s; the model ended it; context 154 of 32768" */
static void say_how_it_went(const struct answer *answer)
{
    struct buffer line = {0};
    bool colour = terminal_has_colour(stderr);
    size_t n_used = answer->n_prompt + answer->n_computed;
    buffer_append_format(&line, "%sprompt %zu token%s", colour ? "\033[2m" : "", answer->n_prompt,
                         answer->n_prompt == 1 ? "" : "s");
    if (answer->prompt_seconds > 0)
        buffer_append_format(&line, ", %s tok/s",
                             amount_rate((double)answer->n_prompt / answer->prompt_seconds).text);
    buffer_append_format(&line, "; answer %zu token%s", answer->n_generated,
                         answer->n_generated == 1 ? "" : "s");
    if (answer->n_computed > 0 && answer->answer_seconds > 0)
        buffer_append_format(&line, ", %s tok/s",
                             amount_rate((double)answer->n_computed / answer->answer_seconds).text);
    buffer_append_format(&line, "; %s; context %zu of %u%s\n", endings[answer->ending], n_used,
                         fathom_session_context(answer->session), colour ? "\033[0m" : "");
    fputs(buffer_text(&line), stderr);
    buffer_release(&line);
}

/* ---- the command ---- */

static bool open_answer(struct answer *answer, struct fathom_model *model, struct error *err)
{
    const struct run *settings = answer->settings;
    struct fathom_model_info info = fathom_model_info(model);
    struct fathom_error reason;
    answer->vocabulary = fathom_model_vocabulary(model);
    answer->session = computation_session(&settings->computation, model, 0, &reason);
    if (answer->session != NULL)
        answer->sampler = sampling_open(&settings->sampling, info.n_vocabulary, &reason);
    if (answer->sampler != NULL)
        answer->text = fathom_text_stream_open(answer->vocabulary, &reason);
    if (answer->text == NULL)
        return fail(err, "%s", reason.text);
    if (settings->computation.verbose)
        sampling_say(&settings->sampling, fathom_session_context(answer->session));
    return true;
}

static bool answer_text(const struct run *settings, struct fathom_model *model, const struct buffer *text,
                        struct error *err)
{
    struct answer answer = {.settings = settings, .last = '\n'};
    struct fathom_tokens prompt = {0};
    bool done =
        open_answer(&answer, model, err) && make_prompt(settings, answer.vocabulary, text, &prompt, err);
    if (done) {
        interrupt_catch();
        done = compute_prompt(&answer, &prompt, err) &&
               (settings->raw || write_opened_reasoning(&answer, &prompt, err));
    }
    if (done) {
        double begun = clock_seconds();
        done = generate(&answer, err);
        answer.answer_seconds = clock_seconds() - begun;
        done = done && finish(&answer, err);
    }
    if (done)
        say_how_it_went(&answer);
    else if (answer.last != '\n' && terminal_is(stdout))
        fputs("\n", stderr); /* the reason gets a line of its own */
    fathom_tokens_release(&prompt);
    fathom_text_stream_close(answer.text);
    fathom_sampler_close(answer.sampler);
    fathom_session_close(answer.session);
    return done;
}

/* What one option alone cannot know to be wrong. STATUS_DONE: all is well. */
static int check(const struct run *settings, const char *command)
{
    if (settings->prompt == NULL && settings->file == NULL)
        return command_misused(command, "nothing to say: add -p TEXT or -f FILE (- is standard input)");
    if (settings->prompt != NULL && settings->file != NULL)
        return command_misused(command, "-p and -f both say what to say; leave one out");
    if (settings->raw && settings->think != 0)
        return command_misused(command, "--think belongs to the chat template, which --raw leaves out");
    return STATUS_DONE;
}

int command_run(int argc, char **argv)
{
    struct run settings = {.n_tokens = NO_LIMIT, .sampling = sampling_defaults()};
    settings.sampling.temperature = SAMPLING_BY_MODEL;
    int status;
    if (!command_begin(argc, argv, &settings, &status))
        return status;
    sampling_settle(&settings.sampling, &settings.source);
    status = check(&settings, argv[0]);
    if (status != STATUS_DONE)
        return status;

    struct buffer path = {0}, text = {0};
    struct error err;
    struct fathom_error reason;
    struct fathom_model *model = NULL;
    status = source_locate_or_ship(&settings.source, argv[0], &path);
    if (status != STATUS_DONE)
        goto done;
    if (!read_prompt(&settings, &text, &err))
        status = command_failed(argv[0], err.text);
    else if ((model = computation_open(&settings.computation, buffer_text(&path), &reason)) == NULL)
        status = command_failed(argv[0], reason.text);
    else if (!answer_text(&settings, model, &text, &err))
        status = command_failed(argv[0], err.text);
    else
        status = interrupted() ? STATUS_INTERRUPTED : STATUS_DONE;

done:
    fathom_model_close(model);
    buffer_release(&text);
    buffer_release(&path);
    return status;
}
