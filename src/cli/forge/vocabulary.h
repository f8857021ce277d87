/* SPDX-License-Identifier: Apache-2.0 */
/* vocabulary.h - the words of a forged model: one token for each byte, DeepSeek-R1's special tokens,
 * and filler up to the size asked for; or the tokenizer of another file. */
#ifndef FATHOM_CLI_FORGE_VOCABULARY_H
#define FATHOM_CLI_FORGE_VOCABULARY_H

#include "gguf/writer.h"

#define FORGE_LEAST_VOCABULARY 276       /* 256 bytes and 20 special tokens */
#define FORGE_MOST_VOCABULARY  (1 << 24) /* what weights/config.c takes */

/* Any text can be written with it, a byte a token. n_tokens >= FORGE_LEAST_VOCABULARY. */
void forge_vocabulary_write(struct gguf_writer *writer, uint32_t n_tokens);

/* The number of tokens in `file`, and all its tokenizer keys into the other. */
bool forge_vocabulary_count(const struct gguf *file, uint32_t *n_tokens, struct error *err);
void forge_vocabulary_copy(struct gguf_writer *writer, const struct gguf *file);

extern const char forge_chat_template[]; /* DeepSeek-R1's */

#endif
