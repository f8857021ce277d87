/* SPDX-License-Identifier: Apache-2.0 */
/* logprobs.h - log probabilities of tokens, gathered while an answer is written.
 *
 * OpenAI's shape is a list of entries for chats and four lists for
 * completions. Entries are kept as the text that they will be sent as. */
#ifndef FATHOM_SERVER_ANSWER_LOGPROBS_H
#define FATHOM_SERVER_ANSWER_LOGPROBS_H

#include <stdint.h>

#include "base/buffer.h"
#include "fathom.h"

/* Zeroed: none are wanted. */
struct logprobs {
    bool wanted;
    bool is_chat;
    uint32_t n_entries;
    size_t n_characters;                  /* of text so far: where the next token of a completion begins */
    struct buffer entries;                /* of a chat, or a completion's `tokens` */
    struct buffer numbers, tops, offsets; /* of a completion */
};

/* A token that was picked, and the likeliest ones, top[n_top], as fathom_logprobs() gives them. */
void logprobs_add(struct logprobs *logprobs, const struct fathom_vocabulary *vocabulary,
                  struct fathom_logprob picked, const struct fathom_logprob *top, size_t n_top);
/* What gathered was sent: what follows belongs to the next chunk. */
void logprobs_clear(struct logprobs *logprobs);
/* The object; null where none are wanted, or logprobs is NULL. */
void logprobs_write(struct buffer *out, const struct logprobs *logprobs);
void logprobs_release(struct logprobs *logprobs);

#endif
