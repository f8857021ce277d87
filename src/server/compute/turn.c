/* SPDX-License-Identifier: Apache-2.0 */
/* turn.c - what one answer does with its logits. */
#include "server/compute/turn.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/memory.h"

/* A reasoning gets no more than three quarters of the tokens there are, and leaves no more than these: a long
 * answer has a thousand words. In an answer that short there is no room for any. */
#define MOST_RESERVED   2048
#define LEAST_TO_REASON 16
#define MOST_WHITE      4 /* tokens between reasoning and content; the reply drops them */

/* ---- the beginning ---- */

/* A model that is told of no tools may still have learned to call some, with or without what opens several
 * calls. Copies the biases, with those of both tokens behind them. */
static bool forbid_calls(const struct turn *turn, struct fathom_sampling *sampling,
                         struct fathom_bias **biases, struct fathom_error *err)
{
    struct fathom_tokens tokens = {0};
    if (!fathom_call_open(turn->vocabulary, NULL, &tokens, NULL) || tokens.n == 0)
        return true; /* its template has no calls */
    struct error inner = {0};
    *biases = memory_allocate(sampling->n_biases + 2, sizeof **biases, "biases", &inner);
    if (*biases == NULL) {
        snprintf(err->text, sizeof err->text, "%s", inner.text);
    } else {
        if (sampling->n_biases > 0)
            memcpy(*biases, sampling->biases, sampling->n_biases * sizeof **biases);
        for (size_t i = 0; i < min_size(tokens.n, 2); i++)
            (*biases)[sampling->n_biases++] = (struct fathom_bias){tokens.ids[i], -INFINITY};
        sampling->biases = *biases;
    }
    fathom_tokens_release(&tokens);
    return *biases != NULL;
}

static bool open_sampler(struct turn *turn, const struct request *request, struct fathom_error *err)
{
    struct fathom_sampling sampling = request->sampling;
    if (!request->has_seed && sampling.seed == 0)
        sampling.seed = seed_make();
    struct fathom_bias *biases = NULL;
    if (request->tool_choice == TOOLS_NONE && !forbid_calls(turn, &sampling, &biases, err))
        return false;
    turn->sampler = fathom_sampler_open(fathom_vocabulary_size(turn->vocabulary), &sampling, err);
    memory_free(biases);
    if (turn->sampler == NULL)
        return false;
    fathom_sampler_reset(turn->sampler, sampling.seed, turn->prompt.ids, turn->prompt.n, turn->prompt.n);
    return true;
}

/* What the client has begun, the constraint has behind it. */
static bool accept_beginning(struct turn *turn, const char *text, struct fathom_error *err)
{
    struct fathom_tokens tokens = {0};
    bool fits = fathom_tokenize(turn->vocabulary, text, strlen(text), 0, &tokens, err);
    for (size_t i = 0; fits && i < tokens.n; i++) {
        fits = fathom_constraint_accept(turn->constraint, tokens.ids[i]);
        if (!fits)
            snprintf(err->text, sizeof err->text, "the answer's beginning is none of what may be answered");
    }
    fathom_tokens_release(&tokens);
    return fits;
}

/* A call that the client demands is the answer, so there is no content to constrain. */
static bool open_constraint(struct turn *turn, const struct request *request, struct fathom_error *err)
{
    const char *text = request->constraint_text;
    if (!request->is_constrained || request->tool_choice >= TOOLS_REQUIRED)
        return true;
    turn->constraint = fathom_constraint_open(turn->vocabulary, request->constraint, text,
                                              text != NULL ? strlen(text) : 0, err);
    if (turn->constraint == NULL || !request->continues)
        return turn->constraint != NULL;
    return accept_beginning(turn, request->messages[request->n_messages - 1].content, err);
}

static bool open_reader(struct turn *turn, const struct request *request, struct fathom_error *err)
{
    if (request->kind == REQUEST_CHAT)
        turn->reply = fathom_reply_open(turn->vocabulary, turn->prompt.ids, turn->prompt.n, err);
    else
        turn->text = fathom_text_stream_open(turn->vocabulary, err);
    return turn->reply != NULL || turn->text != NULL;
}

/* Tokens that closing a reasoning takes. */
static size_t closing_tokens(const struct turn *turn)
{
    struct fathom_tokens tokens = {0};
    size_t n = fathom_reasoning_close(turn->vocabulary, &tokens, NULL) ? tokens.n : 0;
    fathom_tokens_release(&tokens);
    return n;
}

/* The last token of an answer need not be held. */
static void set_limits(struct turn *turn, const struct request *request)
{
    turn->n_most = fathom_session_context(turn->slot->session) - turn->prompt.n + 1;
    if (request->max_tokens > 0)
        turn->n_most = min_size(turn->n_most, request->max_tokens);
    const size_t n_reserved = min_size(turn->n_most / 4, MOST_RESERVED) + closing_tokens(turn);
    turn->n_most_reasoning =
        turn->n_most < LEAST_TO_REASON ? 0 : turn->n_most - min_size(turn->n_most, n_reserved);
    if (request->think_budget > 0)
        turn->n_most_reasoning = min_size(turn->n_most_reasoning, request->think_budget);
}

static bool is_reasoning(const struct turn *turn)
{
    return turn->reply != NULL && fathom_reply_is_reasoning(turn->reply);
}

/* The model may yet begin a reasoning; there is room for one. */
static bool may_think(const struct turn *turn)
{
    const struct request *request = &turn->job->request;
    return turn->reply != NULL && !request->continues && request_thinks(request) == FATHOM_THINK_AUTO &&
           turn->n_reasoning == 0 && turn->n_most_reasoning > 0;
}

/* The model may yet call a tool that it was offered, of its own choice. */
static bool may_call(const struct turn *turn)
{
    const struct request *request = &turn->job->request;
    return !request->continues && request->n_tools > 0 && request->tool_choice == TOOLS_AUTO;
}

/* Whether what waits for the content, a constraint or a call that is demanded, would be too early. */
static bool is_open(const struct turn *turn)
{
    bool demands = turn->job->request.tool_choice >= TOOLS_REQUIRED && !turn->called;
    bool waits = turn->constraint != NULL && !turn->constrained;
    return (waits || demands) && (may_think(turn) || may_call(turn)) && !is_reasoning(turn) &&
           turn->n_white < MOST_WHITE;
}

/* A constraint speaks of the content: it waits until the reasoning is over. */
static void constrain(struct turn *turn)
{
    if (turn->constraint == NULL || turn->constrained || is_reasoning(turn) || is_open(turn))
        return;
    fathom_sampler_constrain(turn->sampler, turn->constraint);
    turn->constrained = true;
}

bool turn_begin(struct turn *turn, struct job *job, struct slot *slot, struct wording *prompt,
                const struct fathom_vocabulary *vocabulary, struct refusal *refusal)
{
    struct fathom_error err;
    *turn = (struct turn){.job = job, .slot = slot, .vocabulary = vocabulary, .prompt = *prompt};
    turn->begun = clock_seconds();
    set_limits(turn, &job->request);
    if (open_sampler(turn, &job->request, &err) && open_constraint(turn, &job->request, &err) &&
        open_reader(turn, &job->request, &err) && delivery_open(&turn->delivery, job, &err)) {
        slot_begin(slot, prompt); /* not before: who is refused leaves the conversation as it is */
        *prompt = (struct wording){0};
        turn->n_cached = slot_tokens(slot).n;
        turn->before = fathom_session_stats(slot->session);
        stream_attach(job->stream, slot->session);
        constrain(turn);
        return true;
    }
    turn->job = NULL;
    turn->prompt = (struct wording){0};
    turn_release(turn);
    return refuse(refusal, "invalid_value", "", "%s", err.text);
}

void turn_announce(struct turn *turn, const char *model)
{
    delivery_begin(&turn->delivery, model);
}

void turn_release(struct turn *turn)
{
    if (turn->job != NULL)
        stream_attach(turn->job->stream, NULL);
    delivery_close(&turn->delivery);
    fathom_reply_close(turn->reply);
    fathom_text_stream_close(turn->text);
    fathom_sampler_close(turn->sampler);
    fathom_constraint_close(turn->constraint);
    wording_release(&turn->prompt);
    job_free(turn->job);
    *turn = (struct turn){0};
}

/* ---- what comes next ---- */

bool turn_reads_prompt(const struct turn *turn)
{
    return slot_tokens(turn->slot).n < turn->prompt.n;
}

struct fathom_piece turn_next(const struct turn *turn, size_t n_most)
{
    struct fathom_piece piece = {
        .session = turn->slot->session, .tokens = turn->pending, .n_tokens = turn->n_pending};
    if (turn_reads_prompt(turn)) {
        size_t n_held = slot_tokens(turn->slot).n;
        piece.tokens = turn->prompt.ids + n_held;
        piece.n_tokens = min_size(turn->prompt.n - n_held, n_most);
    }
    return piece;
}

/* ---- tokens ---- */

static void end(struct turn *turn, enum finish finish)
{
    turn->over = true;
    turn->finish = finish;
    turn->ended = clock_seconds();
}

static void fail_turn(struct turn *turn, const char *why)
{
    refuse_with(&turn->failure, 500, REFUSAL_SERVER, NULL, "%s", why);
    end(turn, FINISH_LENGTH);
}

static void pass_on(struct turn *turn)
{
    struct fathom_event event;
    while (fathom_reply_next(turn->reply, &event)) {
        delivery_take(&turn->delivery, &event);
        if (event.kind == FATHOM_CALL_END && !event.cut && !turn->job->request.parallel_calls)
            end(turn, FINISH_STOP); /* one call is all that was asked for */
    }
}

/* The token's text to the client. */
static void tell(struct turn *turn, uint32_t token)
{
    struct fathom_error err;
    size_t n_bytes;
    if (turn->text != NULL) {
        const char *text = fathom_text_stream_push(turn->text, token, &n_bytes);
        delivery_take_text(&turn->delivery, text, n_bytes);
    } else if (fathom_reply_push(turn->reply, token, &err)) {
        pass_on(turn);
    } else {
        fail_turn(turn, err.text);
    }
}

/* One token more in the answer, picked or forced. */
static void add(struct turn *turn, uint32_t token)
{
    turn->n_generated++;
    turn->n_reasoning += is_reasoning(turn);
    fathom_sampler_accept(turn->sampler, token);
    if (fathom_token_ends_answer(turn->vocabulary, token)) {
        end(turn, FINISH_STOP);
        return;
    }
    turn->pending[turn->n_pending++] = token;
    tell(turn, token);
    if (turn->over)
        return;
    constrain(turn);
    if (turn->delivery.stopped)
        end(turn, FINISH_STOP);
    else if (turn->n_generated >= turn->n_most)
        end(turn, FINISH_LENGTH);
}

static void force(struct turn *turn, struct fathom_tokens *tokens)
{
    for (size_t i = 0; i < tokens->n && turn->n_pending < TURN_PENDING && !turn->over; i++)
        add(turn, tokens->ids[i]);
    fathom_tokens_release(tokens);
}

/* The end of a reasoning that has had its share, or whose reader wants the answer. */
static bool close_reasoning(struct turn *turn)
{
    struct fathom_tokens tokens = {0};
    if (!is_reasoning(turn) ||
        (turn->n_reasoning < turn->n_most_reasoning && !stream_takes_answer_now(turn->job->stream)))
        return false;
    if (!fathom_reasoning_close(turn->vocabulary, &tokens, NULL) || tokens.n == 0)
        return false;
    force(turn, &tokens);
    return true;
}

/* A call that the client demands. */
static bool open_call(struct turn *turn)
{
    const struct request *request = &turn->job->request;
    struct fathom_tokens tokens = {0};
    if (turn->called || is_reasoning(turn) || is_open(turn) || request->tool_choice < TOOLS_REQUIRED)
        return false;
    turn->called = true;
    if (!fathom_call_open(turn->vocabulary, request->tool_name, &tokens, NULL) || tokens.n == 0)
        return false;
    force(turn, &tokens);
    return true;
}

static bool is_text(const struct turn *turn, uint32_t token, const char *text)
{
    size_t n_bytes;
    const char *bytes = fathom_token_text(turn->vocabulary, token, &n_bytes);
    return bytes != NULL && n_bytes == strlen(text) && memcmp(bytes, text, n_bytes) == 0;
}

static bool is_white(const struct turn *turn, uint32_t token)
{
    size_t n_bytes, n_white = 0;
    const char *bytes = fathom_token_text(turn->vocabulary, token, &n_bytes);
    while (bytes != NULL && n_white < n_bytes && strchr(" \t\r\n", bytes[n_white]) != NULL)
        n_white++;
    return n_white > 0 && n_white == n_bytes;
}

static bool begins_call(const struct turn *turn, uint32_t token)
{
    struct fathom_tokens tokens = {0};
    bool known = fathom_call_open(turn->vocabulary, NULL, &tokens, NULL);
    bool begins = false;
    for (size_t i = 0; known && i < min_size(tokens.n, 2); i++)
        begins = begins || tokens.ids[i] == token;
    fathom_tokens_release(&tokens);
    return begins;
}

/* What the model would go on with, where that is open: with white space behind a reasoning, which the reply
 * drops, it stays so, and so it does with a reasoning, which comes first. A call is not constrained; content
 * is, from this token on. */
static void settle(struct turn *turn, uint32_t token)
{
    if (turn->n_reasoning > 0 && is_white(turn, token)) {
        turn->n_white++;
        return;
    }
    if (may_think(turn) && is_text(turn, token, "<think>"))
        return;
    turn->n_white = MOST_WHITE;
    if (may_call(turn) && begins_call(turn, token)) {
        fathom_constraint_close(turn->constraint);
        turn->constraint = NULL;
    }
    constrain(turn);
}

static uint32_t pick(struct turn *turn, const float *logits)
{
    uint32_t token = fathom_sampler_pick(turn->sampler, logits);
    if (token == FATHOM_NO_TOKEN || !is_open(turn))
        return token;
    settle(turn, token);
    return turn->constrained ? fathom_sampler_pick(turn->sampler, logits) : token;
}

static void note_logprobs(struct turn *turn, const float *logits, uint32_t token)
{
    const struct request *request = &turn->job->request;
    struct fathom_logprob picked = {.token = token}, top[FATHOM_MOST_LOGPROBS];
    if (!request->logprobs || is_reasoning(turn) || fathom_token_ends_answer(turn->vocabulary, token))
        return;
    size_t n = fathom_logprobs(logits, fathom_vocabulary_size(turn->vocabulary), token, &picked.logprob, top,
                               min_size(request->n_top_logprobs, FATHOM_MOST_LOGPROBS));
    logprobs_add(&turn->delivery.logprobs, turn->vocabulary, picked, top, n);
}

/* A token of the model's, or instead the call that the client demands. */
static void take_next(struct turn *turn)
{
    const float *logits = fathom_session_logits(turn->slot->session);
    uint32_t token = pick(turn, logits);
    if (open_call(turn))
        return;
    if (token == FATHOM_NO_TOKEN) {
        fail_turn(turn, "no token can follow: the constraint, or the biases, forbid them all");
        return;
    }
    note_logprobs(turn, logits, token);
    add(turn, token);
}

void turn_advance(struct turn *turn)
{
    if (turn->over || turn_reads_prompt(turn))
        return;
    if (turn->n_generated == 0) {
        turn->answered = clock_seconds();
        turn->read = fathom_session_stats(turn->slot->session);
    }
    turn->n_pending = 0;
    if (!close_reasoning(turn) && !open_call(turn))
        take_next(turn);
    if (delivery_has_failed(&turn->delivery))
        fail_turn(turn, "the answer calls too many tools, or there is no memory for it");
    delivery_flush(&turn->delivery);
}

/* ---- the end ---- */

void turn_finish(struct turn *turn)
{
    size_t n_bytes;
    if (turn->failure.status != 0) {
        refuse_stream(turn->job->stream, &turn->failure);
        return;
    }
    if (turn->text != NULL) {
        const char *text = fathom_text_stream_finish(turn->text, &n_bytes);
        delivery_take_text(&turn->delivery, text, n_bytes);
    } else if (fathom_reply_finish(turn->reply, NULL)) {
        pass_on(turn);
    }
    if (turn->finish == FINISH_STOP && turn->delivery.n_calls > 0)
        turn->finish = FINISH_TOOL_CALLS;
    const struct delivery_end end = {
        .finish = turn->finish, .usage = turn_usage(turn), .timings = turn_timings(turn)};
    delivery_finish(&turn->delivery, &end);
}

size_t turn_computed(const struct turn *turn)
{
    return min_size(slot_tokens(turn->slot).n, turn->prompt.n) - turn->n_cached;
}

struct answer_usage turn_usage(const struct turn *turn)
{
    return (struct answer_usage){.n_prompt = (uint32_t)turn->prompt.n,
                                 .n_cached = (uint32_t)turn->n_cached,
                                 .n_completion = (uint32_t)turn->n_generated,
                                 .n_reasoning = (uint32_t)turn->n_reasoning};
}

struct answer_timings turn_timings(const struct turn *turn)
{
    return (struct answer_timings){.n_cached = (uint32_t)turn->n_cached,
                                   .n_prompt = (uint32_t)(turn->prompt.n - turn->n_cached),
                                   .n_predicted = (uint32_t)turn->n_generated,
                                   .prompt_seconds = turn->answered - turn->begun,
                                   .predicted_seconds = turn->ended - turn->answered};
}
