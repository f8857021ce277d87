/* SPDX-License-Identifier: Apache-2.0 */
/* talk.c - messages to a prompt, the prompt into the session, and the answer token by token. The session
 * keeps what two prompts in a row share, so a turn costs only what is new. */
#include "cli/chat/talk.h"

#include <stdio.h>
#include <string.h>

#include "base/buffer.h"
#include "base/clock.h"
#include "base/memory.h"
#include "base/utf8.h"
#include "cli/terminal.h"

bool talk_open(struct talk *talk, struct fathom_model *model, const struct computation *computation,
               const struct sampling *sampling, struct error *err)
{
    struct fathom_error reason;
    struct fathom_model_info info = fathom_model_info(model);
    talk->vocabulary = fathom_model_vocabulary(model);
    talk->seed = sampling->seed;
    talk->session = computation_session(computation, model, 0, &reason);
    if (talk->session != NULL)
        talk->sampler = sampling_open(sampling, info.n_vocabulary, &reason);
    return talk->sampler != NULL || fail(err, "%s", reason.text);
}

void talk_close(struct talk *talk)
{
    while (talk->n_messages > 0)
        talk_drop_last(talk);
    memory_free(talk->messages);
    ids_release(&talk->recalled);
    fathom_sampler_close(talk->sampler);
    fathom_session_close(talk->session);
    *talk = (struct talk){0};
}

/* ---- messages ---- */

/* NULL: no memory. */
static char *copy_text(const char *text, const char *what, struct error *err)
{
    struct buffer clean = {0};
    size_t n_bytes = strlen(text), used;
    for (size_t at = 0; at < n_bytes; at += used) {
        char character[4];
        uint32_t code_point = utf8_decode(text + at, n_bytes - at, &used);
        buffer_append(&clean, character, utf8_encode(code_point, character));
    }
    char *copy =
        buffer_ok(&clean, err) ? memory_copy_text(buffer_text(&clean), clean.n_bytes, what, err) : NULL;
    buffer_release(&clean);
    return copy;
}

static bool copy_message(struct talk_message *message, enum fathom_role role, const char *content,
                         const char *reasoning, struct error *err)
{
    *message = (struct talk_message){.role = role};
    message->content = copy_text(content, "a message", err);
    if (message->content == NULL)
        return false;
    if (reasoning != NULL)
        message->reasoning = copy_text(reasoning, "a reasoning", err);
    if (reasoning == NULL || message->reasoning != NULL)
        return true;
    memory_free(message->content);
    return false;
}

static bool make_room(struct talk *talk, struct error *err)
{
    if (talk->n_messages < talk->capacity)
        return true;
    size_t capacity = talk->capacity > 0 ? 2 * talk->capacity : 16;
    struct talk_message *messages = memory_allocate(capacity, sizeof *messages, "a longer conversation", err);
    if (messages == NULL)
        return false;
    if (talk->n_messages > 0)
        memcpy(messages, talk->messages, talk->n_messages * sizeof *messages);
    memory_free(talk->messages);
    talk->messages = messages;
    talk->capacity = capacity;
    return true;
}

bool talk_add(struct talk *talk, enum fathom_role role, const char *content, const char *reasoning,
              struct error *err)
{
    if (!make_room(talk, err) ||
        !copy_message(&talk->messages[talk->n_messages], role, content, reasoning, err))
        return false;
    talk->n_messages++;
    if (role != FATHOM_ASSISTANT)
        talk->n_retries = 0;
    return true;
}

struct talk_message *talk_last(struct talk *talk)
{
    return talk->n_messages > 0 ? &talk->messages[talk->n_messages - 1] : NULL;
}

void talk_drop_taken(struct talk_message *taken)
{
    memory_free(taken->content);
    memory_free(taken->reasoning);
    *taken = (struct talk_message){0};
}

struct talk_message talk_take_last(struct talk *talk)
{
    return talk->messages[--talk->n_messages];
}

void talk_put_back(struct talk *talk, const struct talk_message *taken)
{
    talk->messages[talk->n_messages++] = *taken; /* its room is still there */
}

void talk_drop_last(struct talk *talk)
{
    struct talk_message last = talk_take_last(talk);
    talk_drop_taken(&last);
}

static bool has_system(const struct talk *talk)
{
    return talk->n_messages > 0 && talk->messages[0].role == FATHOM_SYSTEM;
}

void talk_clear(struct talk *talk)
{
    size_t n_kept = has_system(talk);
    ids_release(&talk->recalled);
    while (talk->n_messages > n_kept)
        talk_drop_last(talk);
}

bool talk_system(struct talk *talk, const char *text, struct error *err)
{
    struct talk_message message = {0};
    if (!make_room(talk, err) || !copy_message(&message, FATHOM_SYSTEM, text, NULL, err))
        return false;
    size_t n_old = has_system(talk), n_new = text[0] != '\0';
    if (n_old > 0)
        memory_free(talk->messages[0].content);
    memmove(talk->messages + n_new, talk->messages + n_old,
            (talk->n_messages - n_old) * sizeof *talk->messages);
    talk->n_messages += n_new - n_old;
    if (n_new > 0)
        talk->messages[0] = message;
    else
        memory_free(message.content);
    return true;
}

/* ---- an answer ---- */

/* An answer while it is made. */
struct answer {
    struct talk *talk;
    struct show *show;
    struct turn *turn;
    struct fathom_reply *reply;
    struct buffer reasoning, content;
    bool open;   /* it ended inside the reasoning */
    bool closed; /* the reasoning, by Ctrl-C or a command */
};

static bool make_prompt(const struct talk *talk, enum fathom_ending ending, struct fathom_tokens *prompt,
                        struct error *err)
{
    struct fathom_message *messages =
        memory_allocate(talk->n_messages, sizeof *messages, "messages for a prompt", err);
    if (messages == NULL)
        return false;
    for (size_t i = 0; i < talk->n_messages; i++)
        messages[i] = (struct fathom_message){.role = talk->messages[i].role,
                                              .content = talk->messages[i].content,
                                              .reasoning = talk->messages[i].reasoning};
    struct fathom_chat chat = {.messages = messages,
                               .n_messages = talk->n_messages,
                               .think = ending == FATHOM_ANSWER ? talk->think : FATHOM_THINK_AUTO,
                               .ending = ending,
                               .held = talk->recalled.items,
                               .n_held = talk->recalled.n_items};
    if (chat.n_held == 0)
        chat.held = fathom_session_tokens(talk->session, &chat.n_held);
    struct fathom_error reason;
    bool made = fathom_prompt(talk->vocabulary, &chat, prompt, &reason);
    memory_free(messages);
    return made || fail(err, "%s", reason.text);
}

bool talk_tokens(const struct talk *talk, struct fathom_tokens *tokens, struct error *err)
{
    const struct talk_message *last = talk->n_messages > 0 ? &talk->messages[talk->n_messages - 1] : NULL;
    *tokens = (struct fathom_tokens){0};
    return last == NULL || last->role != FATHOM_ASSISTANT ||
           make_prompt(talk, last->open ? FATHOM_CONTINUE : FATHOM_NEXT_TURN, tokens, err);
}

static size_t count_held(const struct talk *talk, const struct fathom_tokens *prompt)
{
    size_t n_held, n = 0;
    const uint32_t *held = fathom_session_tokens(talk->session, &n_held);
    while (n < n_held && n < prompt->n && held[n] == prompt->ids[n])
        n++;
    return n;
}

static bool compute_prompt(struct answer *answer, const struct fathom_tokens *prompt, struct error *err)
{
    struct fathom_session *session = answer->talk->session;
    uint32_t n_context = fathom_session_context(session);
    if (prompt->n > n_context)
        return fail(err,
                    "the context is full: with this message the conversation has %zu tokens, and %u fit; "
                    "/clear starts anew",
                    prompt->n, n_context);
    answer->turn->n_prompt = prompt->n;
    answer->turn->n_held = count_held(answer->talk, prompt);
    struct fathom_error reason;
    struct bar bar = bar_begin("prompt", BAR_TOKENS);
    struct fathom_progress progress = {bar_report, &bar};
    interrupt_cancels(session); /* a chunk of a large model takes many seconds */
    bool held = fathom_session_hold(session, prompt->ids, prompt->n, &progress, NULL, &reason);
    interrupt_cancels(NULL);
    answer->turn->prompt_seconds = clock_seconds() - bar.begun;
    bar_end(&bar);
    if (!held && interrupted())
        return fail(err, "stopped before the answer began");
    if (!held)
        return fail(err, "%s", reason.text);
    ids_release(&answer->talk->recalled); /* the session holds them now */
    return true;
}

/* Without zero bytes, which no message may hold. */
static void append_text(struct buffer *buffer, const struct fathom_event *event)
{
    for (size_t i = 0; i < event->n_bytes; i++)
        if (event->text[i] != '\0')
            buffer_append(buffer, event->text + i, 1);
}

/* Keeps and shows what the reply has found. */
static bool take_events(struct answer *answer, struct error *err)
{
    struct fathom_event event;
    while (fathom_reply_next(answer->reply, &event)) {
        if (event.kind == FATHOM_END)
            answer->open = event.cut;
        else if (event.kind == FATHOM_REASONING)
            append_text(&answer->reasoning, &event);
        else
            append_text(&answer->content, &event);
        if (event.kind != FATHOM_END && !show_event(answer->show, &event, answer->turn, err))
            return false;
    }
    return buffer_ok(&answer->reasoning, err) && buffer_ok(&answer->content, err);
}

static bool take_token(struct answer *answer, uint32_t token, struct error *err)
{
    struct fathom_error reason;
    fathom_sampler_accept(answer->talk->sampler, token);
    if (!fathom_reply_push(answer->reply, token, &reason))
        return fail(err, "%s", reason.text);
    return take_events(answer, err);
}

static bool end(struct answer *answer, enum turn_ending ending)
{
    answer->turn->ending = ending;
    return true;
}

/* Has the model go on as if it had ended its reasoning itself. */
static bool close_reasoning(struct answer *answer, struct error *err)
{
    struct fathom_error reason;
    struct fathom_tokens tokens = {0};
    bool ok = fathom_reasoning_close(answer->talk->vocabulary, &tokens, &reason);
    if (ok && tokens.n > fathom_session_room(answer->talk->session))
        ok = fail(err, "the context is full: the answer has no room; /clear starts anew");
    else if (!ok)
        fail(err, "%s", reason.text);
    for (size_t i = 0; ok && i < tokens.n; i++) {
        ok = fathom_session_push(answer->talk->session, tokens.ids[i], &reason) ||
             fail(err, "%s", reason.text);
        ok = ok && take_token(answer, tokens.ids[i], err);
    }
    fathom_tokens_release(&tokens);
    answer->closed = true;
    return ok;
}

/* Picks a token, takes it and computes it. *over: the answer has ended. */
static bool next_token(struct answer *answer, bool *over, struct error *err)
{
    struct talk *talk = answer->talk;
    struct turn *turn = answer->turn;
    struct fathom_error reason;
    bool thinks = fathom_reply_is_reasoning(answer->reply);
    double begun = clock_seconds();
    uint32_t token = fathom_sampler_pick(talk->sampler, fathom_session_logits(talk->session));
    bool ends = fathom_token_ends_answer(talk->vocabulary, token);
    bool full = fathom_session_room(talk->session) == 0;
    *(thinks ? &turn->n_thought : &turn->n_answer) += !ends;
    if (!take_token(answer, token, err))
        return false;
    *over = ends || full;
    if (*over)
        return end(answer, ends ? TURN_ENDED : TURN_CONTEXT_FULL);
    bool pushed = fathom_session_push(talk->session, token, &reason);
    *(thinks ? &turn->thought_seconds : &turn->answer_seconds) += clock_seconds() - begun;
    return pushed || fail(err, "%s", reason.text);
}

static bool generate(struct answer *answer, struct error *err)
{
    struct turn *turn = answer->turn;
    for (bool over = false; !over;) {
        if (turn->n_thought + turn->n_answer == answer->talk->most_tokens)
            return end(answer, TURN_AT_LIMIT);
        if (interrupted()) {
            bool closes =
                answer->talk->interrupt_closes && !answer->closed && fathom_reply_is_reasoning(answer->reply);
            if (!closes)
                return end(answer, TURN_INTERRUPTED);
            interrupt_take();
            if (!close_reasoning(answer, err))
                return false;
        }
        if (!next_token(answer, &over, err))
            return false;
    }
    return true;
}

/* Each answer is drawn from its own seed, which does not depend on how the conversation came to be here. */
static void begin_draws(struct talk *talk, const struct fathom_tokens *prompt)
{
    uint64_t n_answers = 0;
    for (size_t i = 0; i < talk->n_messages; i++)
        n_answers += talk->messages[i].role == FATHOM_ASSISTANT;
    uint64_t seed = talk->seed + n_answers + ((uint64_t)talk->n_retries << 32);
    fathom_sampler_reset(talk->sampler, seed, prompt->ids, prompt->n, prompt->n);
}

/* The answer becomes the last message, or its last part. */
static bool keep(struct answer *answer, bool goes_on, struct error *err)
{
    struct talk *talk = answer->talk;
    struct buffer *thought = &answer->reasoning;
    if (goes_on) {
        struct talk_message *last = talk_last(talk);
        struct buffer whole = {0};
        buffer_append_text(&whole, last->reasoning != NULL ? last->reasoning : "");
        buffer_append_text(&whole, buffer_text(thought));
        buffer_release(thought);
        *thought = whole;
        if (!buffer_ok(thought, err))
            return false;
        talk_drop_last(talk);
    }
    if (!talk_add(talk, FATHOM_ASSISTANT, buffer_text(&answer->content),
                  thought->n_bytes > 0 ? buffer_text(thought) : NULL, err))
        return false;
    talk_last(talk)->open = answer->open;
    return true;
}

bool talk_answer(struct talk *talk, struct show *show, struct turn *turn, struct error *err)
{
    bool goes_on = talk_last(talk)->role == FATHOM_ASSISTANT;
    struct answer answer = {.talk = talk, .show = show, .turn = turn};
    struct fathom_tokens prompt = {0};
    struct fathom_error reason;
    *turn = (struct turn){0};
    bool done = make_prompt(talk, goes_on ? FATHOM_CONTINUE : FATHOM_ANSWER, &prompt, err) &&
                compute_prompt(&answer, &prompt, err);
    if (done) {
        answer.reply = fathom_reply_open(talk->vocabulary, prompt.ids, prompt.n, &reason);
        done = answer.reply != NULL || fail(err, "%s", reason.text);
        begin_draws(talk, &prompt);
    }
    if (done) {
        done = (!goes_on || close_reasoning(&answer, err)) && generate(&answer, err);
        struct error late = {"the answer could not be finished"}; /* the first error is the one to tell */
        bool ended = fathom_reply_finish(answer.reply, &reason) && take_events(&answer, &late);
        ended = show_end(show, turn, &late) && ended;
        ended = keep(&answer, goes_on, &late) && ended;
        if (done && !ended)
            done = fail(err, "%s", late.text);
    }
    fathom_reply_close(answer.reply);
    fathom_tokens_release(&prompt);
    buffer_release(&answer.reasoning);
    buffer_release(&answer.content);
    return done;
}
