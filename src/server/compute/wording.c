/* SPDX-License-Identifier: Apache-2.0 */
/* wording.c - what of a request the model is shown. */
#include "server/compute/wording.h"

#include <stdio.h>
#include <string.h>

#include "base/memory.h"

void wording_release(struct wording *prompt)
{
    fathom_tokens_release(&prompt->owned);
    *prompt = (struct wording){0};
}

static struct fathom_chat chat_of(const struct request *request, const struct fathom_tokens *held)
{
    return (struct fathom_chat){
        .messages = request->messages,
        .n_messages = request->n_messages,
        .tools = request->tools,
        .n_tools = request->tool_choice == TOOLS_NONE ? 0 : request->n_tools,
        .think = request_thinks(request),
        .ending = request->continues ? FATHOM_CONTINUE : FATHOM_ANSWER,
        .held = held->ids,
        .n_held = held->n,
    };
}

static bool has_tokens(const struct fathom_vocabulary *vocabulary, const struct request *request,
                       struct fathom_error *err)
{
    const uint32_t n_vocabulary = fathom_vocabulary_size(vocabulary);
    for (size_t i = 0; i < request->n_prompt_ids; i++)
        if (request->prompt_ids[i] >= n_vocabulary) {
            snprintf(err->text, sizeof err->text, "token %u: the model has %u", request->prompt_ids[i],
                     n_vocabulary);
            return false;
        }
    return true;
}

bool wording_prompt(const struct fathom_vocabulary *vocabulary, const struct request *request,
                    const struct fathom_tokens *held, struct wording *prompt, struct fathom_error *err)
{
    bool done;
    if (request->prompt_ids != NULL) {
        wording_release(prompt);
        *prompt = (struct wording){.ids = request->prompt_ids, .n = request->n_prompt_ids};
        return has_tokens(vocabulary, request, err);
    }
    if (request->kind == REQUEST_CHAT) {
        const struct fathom_chat chat = chat_of(request, held);
        done = fathom_prompt(vocabulary, &chat, &prompt->owned, err);
    } else {
        unsigned flags = (request->parse_special ? FATHOM_PARSE_SPECIAL : 0u) |
                         (request->add_begin ? FATHOM_ADD_BEGIN : 0u);
        done =
            fathom_tokenize(vocabulary, request->prompt, request->prompt_bytes, flags, &prompt->owned, err);
    }
    prompt->ids = prompt->owned.ids;
    prompt->n = prompt->owned.n;
    return done;
}

/* An answer that goes on with the client's last message is one message with it. */
static char *joined(const struct fathom_message *beginning, const struct fathom_message *answer)
{
    size_t n_first = beginning->content != NULL ? strlen(beginning->content) : 0;
    size_t n_second = strlen(answer->content);
    char *text = memory_allocate(n_first + n_second + 1, 1, "a message", NULL);
    if (text == NULL)
        return NULL;
    if (n_first > 0)
        memcpy(text, beginning->content, n_first);
    memcpy(text + n_first, answer->content, n_second);
    return text;
}

bool wording_next_turn(const struct fathom_vocabulary *vocabulary, const struct request *request,
                       const struct fathom_message *answer, const struct fathom_tokens *held,
                       struct fathom_tokens *tokens)
{
    struct fathom_chat chat = chat_of(request, held);
    const size_t n_kept = request->n_messages - (request->continues ? 1 : 0);
    struct fathom_message *messages = memory_allocate(n_kept + 1, sizeof *messages, "messages", NULL);
    char *text = NULL;
    bool done = messages != NULL;
    if (done) {
        memcpy(messages, request->messages, n_kept * sizeof *messages);
        messages[n_kept] = *answer;
    }
    if (done && request->continues) {
        messages[n_kept].content = text = joined(&request->messages[n_kept], answer);
        done = text != NULL;
    }
    chat.messages = messages;
    chat.n_messages = n_kept + 1;
    chat.ending = FATHOM_NEXT_TURN;
    done = done && fathom_prompt(vocabulary, &chat, tokens, NULL);
    memory_free(text);
    memory_free(messages);
    return done;
}
