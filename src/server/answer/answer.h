/* SPDX-License-Identifier: Apache-2.0 */
/* answer.h - an answer in OpenAI's JSON, in one piece, and what streamed chunks share with it.
 *
 * Everything is written at the end of a buffer, from plain facts. */
#ifndef FATHOM_SERVER_ANSWER_ANSWER_H
#define FATHOM_SERVER_ANSWER_ANSWER_H

#include "server/answer/logprobs.h"
#include "server/request/refusal.h"

enum finish {
    FINISH_STOP,   /* the model ended it, or a stop string */
    FINISH_LENGTH, /* max_tokens, or the context is full */
    FINISH_TOOL_CALLS
};
const char *finish_name(enum finish finish); /* "stop" */

/* What every object of one answer repeats. */
struct answer_head {
    bool is_chat;        /* chat.completion; otherwise text_completion */
    const char *id;      /* "chatcmpl-..." or "cmpl-...", unique */
    const char *model;   /* the id that was served */
    int64_t created;     /* seconds since 1970 */
    bool promises_usage; /* include_usage: every chunk but the last has "usage": null */
};

struct answer_usage {
    uint32_t n_prompt, n_cached;        /* cached ones are among the prompt's */
    uint32_t n_completion, n_reasoning; /* reasoning is part of the completion */
};

/* llama.cpp's `timings`. Cached tokens took no time and are not among n_prompt here. */
struct answer_timings {
    uint32_t n_cached, n_prompt, n_predicted;
    double prompt_seconds, predicted_seconds;
};

struct answer_call {
    const char *id; /* "call_..." */
    const char *name;
    const char *arguments; /* as the model wrote them */
};

struct answer {
    const char *reasoning; /* [reasoning_bytes]; NULL: the answer has none */
    size_t reasoning_bytes;
    const char *content; /* [content_bytes] */
    size_t content_bytes;
    const struct answer_call *calls; /* [n_calls] */
    size_t n_calls;
    enum finish finish;
    const struct logprobs *logprobs; /* NULL: none asked for */
    struct answer_usage usage;
    struct answer_timings timings;
};
void answer_write(struct buffer *out, const struct answer_head *head, const struct answer *answer);

/* Parts: "{" and the members of a head, which stays open; an object each. */
void answer_write_head(struct buffer *out, const struct answer_head *head, const char *object);
void answer_write_usage(struct buffer *out, const struct answer_usage *usage);
void answer_write_timings(struct buffer *out, const struct answer_timings *timings);

#endif
