/* SPDX-License-Identifier: Apache-2.0 */
/* chat.c - prompts and answers in turn. An answer goes back into the conversation as a client sends it,
 * without its reasoning. */
#include "cli/bench/chat.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/memory.h"
#include "cli/bench/time.h"
#include "cli/terminal.h"

#define FILE_LIMIT     ((size_t)1 << 20)
#define R1_TEMPERATURE 0.6f  /* both recommended on DeepSeek-R1's model card, "Usage */
#define R1_TOP_P       0.95f /* Recommendations" */

/* What people have long measured chat programs with. */
static const char customary[] = "Count from one to ten in French.\nNow give pronunciation tips.\n";

struct player {
    const struct fathom_vocabulary *vocabulary;
    struct fathom_session *session;
    struct fathom_sampler *sampler;
    struct fathom_message messages[2 * BENCH_MOST_TURNS];
    char *answers[BENCH_MOST_TURNS]; /* owned */
    size_t n_messages, n_answers;
    uint32_t n_answer;
};

bool bench_chat_read(struct bench_chat *chat, const char *path, struct error *err)
{
    *chat = (struct bench_chat){0};
    if (path == NULL)
        buffer_append_text(&chat->text, customary);
    else if (!file_read(&chat->text, path, FILE_LIMIT, err))
        return fail_in(err, path);
    if (!buffer_ok(&chat->text, err))
        return false;
    if (chat->text.n_bytes == 0)
        return fail(err, "%s: holds no message", path);
    char *end = chat->text.bytes + chat->text.n_bytes;
    for (char *line = chat->text.bytes; line != NULL && line < end;) {
        size_t n = strcspn(line, "\r\n");
        char *next = line + n + 1;
        line[n] = '\0';
        if (n > 0 && chat->n_turns == BENCH_MOST_TURNS)
            return fail(err, "%s: more than %d messages", path, BENCH_MOST_TURNS);
        if (n > 0)
            chat->turns[chat->n_turns++].prompt = line;
        line = next;
    }
    return chat->n_turns > 0 || fail(err, "%s: holds no message", path);
}

void bench_chat_release(struct bench_chat *chat)
{
    buffer_release(&chat->text);
    *chat = (struct bench_chat){0};
}

/* ---- a turn ---- */

static size_t count_held(const struct player *player, const struct fathom_tokens *prompt)
{
    size_t n_held, n = 0;
    const uint32_t *held = fathom_session_tokens(player->session, &n_held);
    while (n < n_held && n < prompt->n && held[n] == prompt->ids[n])
        n++;
    return n;
}

static bool compute_prompt(struct player *player, struct bench_turn *turn, const struct fathom_tokens *prompt,
                           struct error *err)
{
    struct fathom_error reason;
    turn->n_prompt = prompt->n;
    turn->n_cached = count_held(player, prompt);
    struct bar bar = bar_begin("prompt", BAR_TOKENS);
    struct fathom_progress progress = {bar_report, &bar};
    bool held = fathom_session_hold(player->session, prompt->ids, prompt->n, &progress, NULL, &reason);
    turn->prompt_seconds = clock_seconds() - bar.begun;
    bar_end(&bar);
    return held || fail(err, "%s", reason.text);
}

/* The token's part of the answer proper into `text`. */
static bool take_token(struct fathom_reply *reply, uint32_t token, struct buffer *text, struct error *err)
{
    struct fathom_error reason;
    struct fathom_event event;
    if (!fathom_reply_push(reply, token, &reason))
        return fail(err, "%s", reason.text);
    while (fathom_reply_next(reply, &event))
        if (event.kind == FATHOM_CONTENT)
            buffer_append(text, event.text, event.n_bytes);
    return true;
}

/* The answer without its reasoning into `text`. The time is that of the tokens behind the first, which the
 * prompt's has brought. */
static bool generate(struct player *player, struct bench_turn *turn, struct fathom_reply *reply,
                     struct buffer *text, struct error *err)
{
    struct fathom_error reason;
    struct bar bar = bar_begin("answer", BAR_TOKENS);
    uint32_t room = fathom_session_room(player->session);
    uint32_t most = player->n_answer <= room ? player->n_answer : room + 1;
    bool ok = true;
    while (ok && turn->n_answer < most) {
        uint32_t token = fathom_sampler_pick(player->sampler, fathom_session_logits(player->session));
        fathom_sampler_accept(player->sampler, token);
        turn->n_answer++;
        if (fathom_token_ends_answer(player->vocabulary, token))
            break;
        ok = take_token(reply, token, text, err) &&
             (bar_report(&bar, turn->n_answer, most) || fail(err, "stopped"));
        if (ok && turn->n_answer < most && !fathom_session_push(player->session, token, &reason))
            ok = fail(err, "%s", reason.text);
    }
    turn->answer_seconds = clock_seconds() - bar.begun;
    bar_end(&bar);
    return ok && buffer_ok(text, err);
}

static bool keep_answer(struct player *player, const struct buffer *text, struct error *err)
{
    char *copy = memory_copy_text(buffer_text(text), text->n_bytes, "an answer", err);
    if (copy == NULL)
        return false;
    player->answers[player->n_answers++] = copy;
    player->messages[player->n_messages++] =
        (struct fathom_message){.role = FATHOM_ASSISTANT, .content = copy};
    return true;
}

static bool play_turn(struct player *player, struct bench_turn *turn, struct error *err)
{
    struct fathom_error reason;
    struct fathom_tokens prompt = {0};
    struct fathom_reply *reply = NULL;
    struct buffer text = {0};
    player->messages[player->n_messages++] =
        (struct fathom_message){.role = FATHOM_USER, .content = turn->prompt};
    struct fathom_chat chat = {.messages = player->messages, .n_messages = player->n_messages};
    chat.held = fathom_session_tokens(player->session, &chat.n_held);
    if (fathom_prompt(player->vocabulary, &chat, &prompt, &reason))
        reply = fathom_reply_open(player->vocabulary, prompt.ids, prompt.n, &reason);
    bool ok = reply != NULL || fail(err, "%s", reason.text);
    ok = ok && compute_prompt(player, turn, &prompt, err) && generate(player, turn, reply, &text, err) &&
         keep_answer(player, &text, err);
    fathom_tokens_release(&prompt);
    fathom_reply_close(reply);
    buffer_release(&text);
    return ok;
}

static bool open_player(struct player *player, const struct computation *computation,
                        struct fathom_model *model, struct error *err)
{
    struct fathom_error reason;
    struct fathom_model_info info = fathom_model_info(model);
    const struct fathom_sampling sampling = {.temperature = R1_TEMPERATURE, .top_p = R1_TOP_P, .seed = 1};
    player->vocabulary = fathom_model_vocabulary(model);
    player->session = computation_session(computation, model, 0, &reason);
    if (player->session != NULL)
        player->sampler = fathom_sampler_open(info.n_vocabulary, &sampling, &reason);
    return player->sampler != NULL || fail(err, "%s", reason.text);
}

bool bench_chat_play(struct bench_chat *chat, const struct computation *computation, const char *path,
                     uint32_t n_answer, struct bench_model *model, struct error *err)
{
    struct fathom_model *opened = bench_model_open(computation, path, model, err);
    if (opened == NULL)
        return false;
    struct player player = {.n_answer = n_answer};
    bool ok = open_player(&player, computation, opened, err);
    for (size_t i = 0; ok && i < chat->n_turns; i++)
        ok = play_turn(&player, &chat->turns[i], err);
    for (size_t i = 0; i < player.n_answers; i++)
        memory_free(player.answers[i]);
    fathom_sampler_close(player.sampler);
    fathom_session_close(player.session);
    fathom_model_close(opened);
    return ok;
}
