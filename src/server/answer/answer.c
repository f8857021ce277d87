/* SPDX-License-Identifier: Apache-2.0 */
/* answer.c - the objects of OpenAI's chat and completion API (platform reference, 2025) with two additions
 * that others made usual: `reasoning_content` (DeepSeek's API) and `timings` (llama.cpp's server). */
#include "server/answer/answer.h"

#include <inttypes.h>

#include "server/answer/json_writer.h"

/* ---- parts, which chunks have too ---- */

const char *finish_name(enum finish finish)
{
    static const char *const names[] = {
        [FINISH_STOP] = "stop", [FINISH_LENGTH] = "length", [FINISH_TOOL_CALLS] = "tool_calls"};
    return names[finish];
}

void answer_write_head(struct buffer *out, const struct answer_head *head, const char *object)
{
    buffer_append_text(out, "{\"id\":");
    json_write_string(out, head->id);
    buffer_append_format(out, ",\"object\":\"%s\",\"created\":%" PRId64 ",\"model\":", object, head->created);
    json_write_string(out, head->model);
    buffer_append_format(out, ",\"system_fingerprint\":\"fathom-%s\"", fathom_version());
}

void answer_write_usage(struct buffer *out, const struct answer_usage *usage)
{
    buffer_append_format(out,
                         "{\"prompt_tokens\":%u,\"completion_tokens\":%u,\"total_tokens\":%" PRIu64
                         ",\"prompt_tokens_details\":{\"cached_tokens\":%u}"
                         ",\"completion_tokens_details\":{\"reasoning_tokens\":%u}}",
                         usage->n_prompt, usage->n_completion,
                         (uint64_t)usage->n_prompt + usage->n_completion, usage->n_cached,
                         usage->n_reasoning);
}

/* "prompt_n":8,"prompt_ms":...: a count, its time, and both ways of dividing them. */
static void write_rates(struct buffer *out, const char *what, uint32_t n, double seconds)
{
    buffer_append_format(out, ",\"%s_n\":%u,\"%s_ms\":", what, n, what);
    json_write_number(out, 1000 * seconds, 6);
    buffer_append_format(out, ",\"%s_per_token_ms\":", what);
    json_write_number(out, n > 0 ? 1000 * seconds / n : 0, 6);
    buffer_append_format(out, ",\"%s_per_second\":", what);
    json_write_number(out, seconds > 0 ? n / seconds : 0, 6);
}

void answer_write_timings(struct buffer *out, const struct answer_timings *timings)
{
    buffer_append_format(out, "{\"cache_n\":%u", timings->n_cached);
    write_rates(out, "prompt", timings->n_prompt, timings->prompt_seconds);
    write_rates(out, "predicted", timings->n_predicted, timings->predicted_seconds);
    buffer_append_text(out, "}");
}

/* ---- whole answers ---- */

static void write_calls(struct buffer *out, const struct answer *answer)
{
    buffer_append_text(out, ",\"tool_calls\":[");
    for (size_t i = 0; i < answer->n_calls; i++) {
        buffer_append_text(out, i > 0 ? ",{\"id\":" : "{\"id\":");
        json_write_string(out, answer->calls[i].id);
        buffer_append_text(out, ",\"type\":\"function\",\"function\":{\"name\":");
        json_write_string(out, answer->calls[i].name);
        buffer_append_text(out, ",\"arguments\":");
        json_write_string(out, answer->calls[i].arguments);
        buffer_append_text(out, "}}");
    }
    buffer_append_text(out, "]");
}

static void write_message(struct buffer *out, const struct answer *answer)
{
    buffer_append_text(out, "\"message\":{\"role\":\"assistant\",\"content\":");
    if (answer->n_calls > 0 && answer->content_bytes == 0)
        buffer_append_text(out, "null");
    else
        json_write_text(out, answer->content, answer->content_bytes);
    if (answer->reasoning != NULL) {
        buffer_append_text(out, ",\"reasoning_content\":");
        json_write_text(out, answer->reasoning, answer->reasoning_bytes);
    }
    if (answer->n_calls > 0)
        write_calls(out, answer);
    buffer_append_text(out, ",\"refusal\":null}");
}

void answer_write(struct buffer *out, const struct answer_head *head, const struct answer *answer)
{
    answer_write_head(out, head, head->is_chat ? "chat.completion" : "text_completion");
    buffer_append_text(out, ",\"choices\":[{\"index\":0,");
    if (head->is_chat) {
        write_message(out, answer);
    } else {
        buffer_append_text(out, "\"text\":");
        json_write_text(out, answer->content, answer->content_bytes);
    }
    buffer_append_text(out, ",\"logprobs\":");
    logprobs_write(out, answer->logprobs);
    buffer_append_format(out, ",\"finish_reason\":\"%s\"}],\"usage\":", finish_name(answer->finish));
    answer_write_usage(out, &answer->usage);
    buffer_append_text(out, ",\"timings\":");
    answer_write_timings(out, &answer->timings);
    buffer_append_text(out, "}\n");
}
