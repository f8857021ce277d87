/* SPDX-License-Identifier: Apache-2.0 */
/* logits.c - `fathom logits`: what the model says at every position of a list of tokens, as raw floats. */
#include <string.h>

#include "base/amount.h"
#include "base/file.h"
#include "base/output.h"
#include "cli/command.h"
#include "cli/ids.h"
#include "cli/setup.h"
#include "cli/terminal.h"
#include "fathom.h"

#define TOKENS_LIMIT ((size_t)1 << 28) /* bytes of the list: far more tokens than any context has */

struct logits {
    struct source source;
    struct computation computation;
    const char *tokens, *output;
};

static const struct option logits_options[] = {
    {"tokens", 0, "FILE", INTO_TEXT(struct logits, tokens),
     .help = "token ids, decimal, with white space between them; - is standard input"},
    {"output", 'o', "OUT.f32", INTO_TEXT(struct logits, output), .help = "file to write"},
    {0},
};

static const struct option_group logits_groups[] = {
    {"Options", logits_options, 0},
    {"Model", source_options, offsetof(struct logits, source)},
    {"Computation", computation_options, offsetof(struct logits, computation)},
    {0},
};

static const struct example logits_examples[] = {
    {"logits -m model.gguf --tokens ids.txt -o fast.f32", "one row of logits for each id in ids.txt"},
    {"logits -m model.gguf --tokens ids.txt -o exact.f32 --exact",
     "the same on the slow path, to compare with"},
    {0},
};

const struct help logits_help = {
    .synopsis = "-m MODEL --tokens FILE -o OUT.f32 [OPTION]...",
    .description =
        "Computes the model over a list of tokens, taken as it is: no begin token is added, and "
        "without -c the context is as long as the list. OUT.f32 receives little-endian 32-bit floats, a "
        "row for each token, a column for each entry of the vocabulary: the logits of the token that "
        "comes next. The file appears when it is complete, or not at all.",
    .groups = logits_groups,
    .examples = logits_examples,
};

/* Where the rows go, in the order of their positions. */
struct sink {
    struct output output;
    size_t row_bytes;
    size_t n_rows; /* written */
    struct error err;
};

static bool take_row(void *listener, size_t position, const float *logits)
{
    struct sink *sink = listener;
    if (position != sink->n_rows)
        return fail(&sink->err, "logits of position %zu came after %zu rows", position, sink->n_rows);
    sink->n_rows++;
    return output_write(&sink->output, logits, sink->row_bytes, &sink->err);
}

/* Finding out at the start is kinder than after an hour. */
static bool check_space(const struct sink *sink, const char *path, size_t n_rows, struct error *err)
{
    uint64_t free_bytes, needed = (uint64_t)sink->row_bytes * n_rows;
    if (file_free_space(path, &free_bytes, NULL) && free_bytes < needed)
        return fail(err, "needs %s, and %s are free", amount_bytes(needed).text,
                    amount_bytes(free_bytes).text);
    return true;
}

static bool compute(struct fathom_model *model, const struct logits *settings, const struct ids *ids,
                    struct sink *sink, struct error *err)
{
    struct fathom_error reason;
    struct fathom_session *session =
        computation_session(&settings->computation, model, (uint32_t)ids->n_items, &reason);
    if (session == NULL)
        return fail(err, "%s", reason.text);

    interrupt_catch();
    struct bar bar = bar_begin("logits", BAR_TOKENS);
    struct fathom_progress progress = {bar_report, &bar};
    struct fathom_logits_listener listener = {take_row, sink};
    bool held = fathom_session_hold(session, ids->items, ids->n_items, &progress, &listener, &reason);
    bar_end(&bar);
    fathom_session_close(session);
    if (!held)
        return fail(err, "%s", sink->err.text[0] != '\0' ? sink->err.text : reason.text);
    if (sink->n_rows != ids->n_items)
        return fail(err, "%zu rows of logits for %zu tokens", sink->n_rows, ids->n_items);
    return true;
}

static bool write_logits(struct fathom_model *model, const struct logits *settings, const struct ids *ids,
                         struct error *err)
{
    uint32_t n_vocabulary = fathom_model_info(model).n_vocabulary;
    if (!ids_check(ids, n_vocabulary, err))
        return fail_in(err, settings->tokens);

    struct sink sink = {.row_bytes = n_vocabulary * sizeof(float)};
    /* Opened first: that empties what a run that was killed has left. */
    bool opened = (output_open(&sink.output, settings->output, err) &&
                   check_space(&sink, settings->output, ids->n_items, err)) ||
                  fail_in(err, settings->output);
    bool done = opened && compute(model, settings, ids, &sink, err) &&
                (output_commit(&sink.output, err) || fail_in(err, settings->output));
    output_discard(&sink.output);
    return done;
}

static bool read_tokens(const struct logits *settings, struct ids *ids, struct error *err)
{
    struct buffer text = {0};
    bool read = file_read(&text, settings->tokens, TOKENS_LIMIT, err) && ids_parse(ids, &text, err);
    buffer_release(&text);
    if (read && ids->n_items == 0)
        read = fail(err, "holds no token ids");
    uint64_t n_context = settings->computation.n_context;
    if (read && n_context > 0 && n_context < ids->n_items)
        read = fail(err, "%zu tokens do not fit a context of %llu; leave -c out", ids->n_items,
                    (unsigned long long)n_context);
    return read || fail_in(err, settings->tokens);
}

/* Memory is planned for the tokens that there are. */
static struct fathom_model *open_for(const struct logits *settings, const struct ids *ids, const char *path,
                                     struct fathom_error *err)
{
    struct computation computation = settings->computation;
    if (computation.n_context == 0)
        computation.n_context = ids->n_items;
    return computation_open(&computation, path, err);
}

int command_logits(int argc, char **argv)
{
    struct logits settings = {0};
    int status;
    if (!command_begin(argc, argv, &settings, &status))
        return status;
    if (settings.tokens == NULL)
        return command_misused(argv[0], "no tokens given: add --tokens FILE, which holds token ids");
    if (settings.output == NULL || strcmp(settings.output, "-") == 0)
        return command_misused(argv[0], "no file given for the logits: add -o OUT.f32");

    struct buffer path = {0};
    struct ids ids = {0};
    struct error err;
    struct fathom_error reason;
    struct fathom_model *model = NULL;
    status = source_locate(&settings.source, argv[0], &path);
    if (status != STATUS_DONE)
        goto done;
    if (!read_tokens(&settings, &ids, &err))
        status = command_failed(argv[0], err.text);
    else if ((model = open_for(&settings, &ids, buffer_text(&path), &reason)) == NULL)
        status = command_failed(argv[0], reason.text);
    else if (!write_logits(model, &settings, &ids, &err))
        status = command_failed(argv[0], err.text);

done:
    fathom_model_close(model);
    ids_release(&ids);
    buffer_release(&path);
    return status;
}
