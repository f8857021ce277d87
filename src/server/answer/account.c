/* SPDX-License-Identifier: Apache-2.0 */
/* account.c - figures of a turn, in the order in which they came about. */
#include "server/answer/account.h"

#include "base/amount.h"
#include "base/clock.h"

/* Steps that read memory at this share of its rate wait for it: the rest goes to barriers, and to what reads
 * nothing. docs/numbers.md has the shares that were measured. */
#define MEMORY_SHARE 0.6
/* Seconds by the clock to seconds of steps: beyond it, most of the time it was not its turn. */
#define WAITING_SHARE 2.0

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
        buffer_append_format(line, " in %.2f s, %s tok/s", seconds,
                             amount_rate((double)n_tokens / seconds).text);
}

static uint64_t read_bytes(const struct fathom_stats *stats)
{
    uint64_t n = 0;
    for (size_t part = 0; part < FATHOM_PARTS; part++)
        n += stats->read_bytes[part];
    return n;
}

void account_limit(struct buffer *line, const struct account_phase *phase,
                   const struct account_machine *machine)
{
    const double rate = phase->step_seconds > 0 ? (double)phase->read_bytes / phase->step_seconds : 0;
    const struct amount gigabytes = amount_rate(rate * 1e-9), most = amount_rate(machine->read_rate * 1e-9);
    if (rate == 0)
        return;
    if (phase->seconds > WAITING_SHARE * phase->step_seconds)
        buffer_append_format(line, "; others' turns, or a slow reader, limit the %s: its steps took %.2f s",
                             phase->name, phase->step_seconds);
    else if (machine->read_rate == 0)
        buffer_append_format(line, "; read %s GB/s", gigabytes.text);
    else if (rate >= MEMORY_SHARE * machine->read_rate)
        buffer_append_format(line, "; memory limits the %s: read %s of %s GB/s", phase->name, gigabytes.text,
                             most.text);
    else
        buffer_append_format(line, "; the %s the %s: memory was read at %s of %s GB/s",
                             machine->exceeds_memory ? "drive limits" : "cores limit", phase->name,
                             gigabytes.text, most.text);
}

/* From one look at the session's statistics to another. */
static struct account_phase phase_between(const char *name, const struct fathom_stats *from,
                                          const struct fathom_stats *to, double seconds)
{
    return (struct account_phase){.name = name,
                                  .seconds = seconds,
                                  .step_seconds = to->prompt_seconds + to->generated_seconds -
                                                  from->prompt_seconds - from->generated_seconds,
                                  .read_bytes = read_bytes(to) - read_bytes(from)};
}

static struct account_phase longer_phase(const struct turn *turn, double answered, double now)
{
    const struct fathom_stats stats = fathom_session_stats(turn->slot->session);
    const bool is_answer = turn->answered > 0 && now - answered > answered - turn->begun;
    if (is_answer)
        return phase_between("answer", &turn->read, &stats, now - answered);
    return phase_between("prompt", &turn->before, turn->answered > 0 ? &turn->read : &stats,
                         answered - turn->begun);
}

void account_of_turn(struct buffer *line, const struct turn *turn, enum account_end how,
                     const struct account_machine *machine)
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
    const struct account_phase phase = longer_phase(turn, answered, now);
    account_limit(line, &phase, machine);
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
