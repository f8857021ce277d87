/* SPDX-License-Identifier: Apache-2.0 */
/* account.c - figures of a turn, in the order in which they came about. */
#include "server/answer/account.h"

#include "base/clock.h"

static void append_head(struct buffer *line, const struct job *job)
{
    static const char *const kinds[] = {
        [REQUEST_CHAT] = "chat", [REQUEST_COMPLETION] = "completion", [REQUEST_TOKENIZE] = "tokenize"};
    const struct request *request = &job->request;
    const char *what = request->chore != CHORE_NONE ? chore_name(request->chore) : kinds[request->kind];
    buffer_append_format(line, "%s %s", what, job->id);
    if (request->ignored.n_bytes > 0)
        buffer_append_format(line, " (ignored: %s)", buffer_text(&request->ignored));
}

/* "24 tokens in 0.31 s, 77.4 tok/s" */
static void append_rate(struct buffer *line, size_t n_tokens, double seconds)
{
    buffer_append_format(line, "%zu tokens", n_tokens);
    if (n_tokens > 0 && seconds > 0)
        buffer_append_format(line, " in %.2f s, %.3g tok/s", seconds, (double)n_tokens / seconds);
}

static uint64_t read_bytes(const struct fathom_stats *stats)
{
    uint64_t n = 0;
    for (size_t part = 0; part < FATHOM_PARTS; part++)
        n += stats->read_bytes[part];
    return n;
}

/* What the steps of this request had to read a second: near the memory's rate, that is what limits it. */
static void append_reading(struct buffer *line, const struct turn *turn)
{
    const struct fathom_stats now = fathom_session_stats(turn->slot->session);
    double seconds = now.prompt_seconds + now.generated_seconds - turn->before.prompt_seconds -
                     turn->before.generated_seconds;
    if (seconds > 0)
        buffer_append_format(line, "; read %.3g GB/s",
                             (double)(read_bytes(&now) - read_bytes(&turn->before)) / seconds * 1e-9);
}

void account_of_turn(struct buffer *line, const struct turn *turn, enum account_end how)
{
    static const char *const ends[] = {[ACCOUNT_LEFT] = "the client left", [ACCOUNT_FAILED] = "failed: "};
    const double now = turn->ended > 0 ? turn->ended : clock_seconds();
    const double answered = turn->answered > 0 ? turn->answered : now;
    append_head(line, turn->job);
    buffer_append_format(line, ": waited %.2f s; prompt %zu tokens, %zu cached, ",
                         turn->begun - turn->job->arrived, turn->prompt.n, turn->n_cached);
    append_rate(line, turn_computed(turn), answered - turn->begun);
    buffer_append_text(line, "; answer ");
    append_rate(line, turn->n_generated, now - answered);
    if (turn->n_reasoning > 0)
        buffer_append_format(line, ", %zu of reasoning", turn->n_reasoning);
    append_reading(line, turn);
    buffer_append_format(line, "; %s%s", how == ACCOUNT_ANSWERED ? finish_name(turn->finish) : ends[how],
                         how == ACCOUNT_FAILED ? turn->failure.message : "");
}

void account_of_waiting(struct buffer *line, const struct job *job)
{
    append_head(line, job);
    buffer_append_format(line, ": waited %.2f s; the client left", clock_seconds() - job->arrived);
}

void account_of_tokens(struct buffer *line, const struct job *job, size_t n_tokens)
{
    append_head(line, job);
    buffer_append_format(line, ": %zu tokens", n_tokens);
}

void account_of_refusal(struct buffer *line, const struct job *job, const struct refusal *refusal)
{
    append_head(line, job);
    buffer_append_format(line, ": refused, %d: %s", refusal->status, refusal->message);
}
