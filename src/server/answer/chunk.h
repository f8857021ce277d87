/* SPDX-License-Identifier: Apache-2.0 */
/* chunk.h - a streamed answer: OpenAI's chunks as server-sent events, each whole at the end of a buffer.
 *
 * A stream is chunk_begin(), then texts and calls in the order in which a reply
 * brings them, chunk_finish(), chunk_usage() where the client asked for it,
 * chunk_done(). An error in the middle is chunk_error() and chunk_done(). */
#ifndef FATHOM_SERVER_ANSWER_CHUNK_H
#define FATHOM_SERVER_ANSWER_CHUNK_H

#include "server/answer/answer.h"

void chunk_begin(struct buffer *out,
                 const struct answer_head *head); /* a chat's role; of a completion nothing */
void chunk_reasoning(struct buffer *out, const struct answer_head *head, const char *text, size_t n_bytes);
/* `logprobs` are those of the tokens that this text was made of, or NULL. */
void chunk_content(struct buffer *out, const struct answer_head *head, const char *text, size_t n_bytes,
                   const struct logprobs *logprobs);
/* Of a chat: call number `call`, from 0, begins; then pieces of its arguments. */
void chunk_call(struct buffer *out, const struct answer_head *head, size_t call, const char *id,
                const char *name);
void chunk_arguments(struct buffer *out, const struct answer_head *head, size_t call, const char *text,
                     size_t n_bytes);
/* The last chunk with a choice: why the answer ended, and how long it took. */
void chunk_finish(struct buffer *out, const struct answer_head *head, enum finish finish,
                  const struct answer_timings *timings);
void chunk_usage(struct buffer *out, const struct answer_head *head, const struct answer_usage *usage);
void chunk_error(struct buffer *out, const struct refusal *refusal);
void chunk_done(struct buffer *out); /* "data: [DONE]" */
/* A comment, one line, which clients pass over: it keeps proxies from closing a stream that waits. */
void chunk_ping(struct buffer *out, const char *what);

#endif
