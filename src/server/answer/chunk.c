/* SPDX-License-Identifier: Apache-2.0 */
/* chunk.c - one event a call: a few copies into the buffer, and no allocation of its own. */
#include "server/answer/chunk.h"

#include "server/answer/json_writer.h"

/* Up to the inside of the choice. */
static void open_chunk(struct buffer *out, const struct answer_head *head)
{
    buffer_append_text(out, "data: ");
    answer_write_head(out, head, head->is_chat ? "chat.completion.chunk" : "text_completion");
    buffer_append_text(out, ",\"choices\":[{\"index\":0,");
}

/* From behind the delta to the end of the event; a member of the chunk may follow the choice. */
static void close_choice(struct buffer *out, const struct answer_head *head, const char *finish)
{
    buffer_append_text(out, ",\"finish_reason\":");
    json_write_string(out, finish);
    buffer_append_text(out, head->promises_usage ? "}],\"usage\":null" : "}]");
}

static void close_chunk(struct buffer *out, const struct answer_head *head)
{
    close_choice(out, head, NULL);
    buffer_append_text(out, "}\n\n");
}

void chunk_begin(struct buffer *out, const struct answer_head *head)
{
    if (!head->is_chat)
        return;
    open_chunk(out, head);
    buffer_append_text(out, "\"delta\":{\"role\":\"assistant\",\"content\":\"\"},\"logprobs\":null");
    close_chunk(out, head);
}

void chunk_reasoning(struct buffer *out, const struct answer_head *head, const char *text, size_t n_bytes)
{
    open_chunk(out, head);
    buffer_append_text(out, "\"delta\":{\"reasoning_content\":");
    json_write_text(out, text, n_bytes);
    buffer_append_text(out, "},\"logprobs\":null");
    close_chunk(out, head);
}

void chunk_content(struct buffer *out, const struct answer_head *head, const char *text, size_t n_bytes,
                   const struct logprobs *logprobs)
{
    open_chunk(out, head);
    buffer_append_text(out, head->is_chat ? "\"delta\":{\"content\":" : "\"text\":");
    json_write_text(out, text, n_bytes);
    buffer_append_text(out, head->is_chat ? "}" : "");
    buffer_append_text(out, ",\"logprobs\":");
    logprobs_write(out, logprobs);
    close_chunk(out, head);
}

void chunk_call(struct buffer *out, const struct answer_head *head, size_t call, const char *id,
                const char *name)
{
    open_chunk(out, head);
    buffer_append_format(out, "\"delta\":{\"tool_calls\":[{\"index\":%zu,\"id\":", call);
    json_write_string(out, id);
    buffer_append_text(out, ",\"type\":\"function\",\"function\":{\"name\":");
    json_write_string(out, name);
    buffer_append_text(out, ",\"arguments\":\"\"}}]},\"logprobs\":null");
    close_chunk(out, head);
}

void chunk_arguments(struct buffer *out, const struct answer_head *head, size_t call, const char *text,
                     size_t n_bytes)
{
    open_chunk(out, head);
    buffer_append_format(out, "\"delta\":{\"tool_calls\":[{\"index\":%zu,\"function\":{\"arguments\":", call);
    json_write_text(out, text, n_bytes);
    buffer_append_text(out, "}}]},\"logprobs\":null");
    close_chunk(out, head);
}

void chunk_finish(struct buffer *out, const struct answer_head *head, enum finish finish,
                  const struct answer_timings *timings)
{
    open_chunk(out, head);
    buffer_append_text(out, head->is_chat ? "\"delta\":{}" : "\"text\":\"\"");
    buffer_append_text(out, ",\"logprobs\":null");
    close_choice(out, head, finish_name(finish));
    buffer_append_text(out, ",\"timings\":");
    answer_write_timings(out, timings);
    buffer_append_text(out, "}\n\n");
}

void chunk_usage(struct buffer *out, const struct answer_head *head, const struct answer_usage *usage)
{
    buffer_append_text(out, "data: ");
    answer_write_head(out, head, head->is_chat ? "chat.completion.chunk" : "text_completion");
    buffer_append_text(out, ",\"choices\":[],\"usage\":");
    answer_write_usage(out, usage);
    buffer_append_text(out, "}\n\n");
}

void chunk_error(struct buffer *out, const struct refusal *refusal)
{
    buffer_append_text(out, "data: ");
    refusal_write(out, refusal);
    buffer_append_text(out, "\n\n");
}

void chunk_done(struct buffer *out)
{
    buffer_append_text(out, "data: [DONE]\n\n");
}

void chunk_ping(struct buffer *out, const char *what)
{
    buffer_append_format(out, ": %s\n\n", what);
}
