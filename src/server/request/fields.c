/* SPDX-License-Identifier: Apache-2.0 */
/* fields.c - the table.
 *
 * Refused is what would make another answer than the one that was asked for.
 * Other samplers and switches that OpenAI's API does not have (mirostat, DRY)
 * are without effect: front ends send them with every request, at defaults that
 * do nothing. */
#include "server/request/fields.h"

#include <string.h>

#define REAL(member, low, high) read_sampling_real, offsetof(struct fathom_sampling, member), low, high

static const struct field fields[] = {
    /* honoured */
    {"model", OF_ANSWERS | OF_TOKENIZE, read_model},
    {"messages", OF_CHAT, read_conversation},
    {"prompt", OF_PROMPTS, read_prompt},
    {"content", OF_TOKENIZE, read_prompt},
    {"parse_special", OF_PROMPTS, read_parse_special},
    {"add_special", OF_PROMPTS, read_add_begin},
    {"add_special_tokens", OF_PROMPTS, read_add_begin},
    {"with_pieces", OF_TOKENIZE, read_with_pieces},
    {"return_token_strs", OF_TOKENIZE, read_with_pieces},
    {"temperature", OF_ANSWERS, REAL(temperature, 0, 5)},
    {"top_p", OF_ANSWERS, read_top_p},
    {"top_k", OF_ANSWERS, read_top_k},
    {"min_p", OF_ANSWERS, REAL(min_p, 0, 1)},
    {"repetition_penalty", OF_ANSWERS, REAL(repetition_penalty, 0.01, 10)},
    {"repeat_penalty", OF_ANSWERS, REAL(repetition_penalty, 0.01, 10)},
    {"repeat_last_n", OF_ANSWERS, read_repeat_last},
    {"presence_penalty", OF_ANSWERS, REAL(presence_penalty, -2, 2)},
    {"frequency_penalty", OF_ANSWERS, REAL(frequency_penalty, -2, 2)},
    {"seed", OF_ANSWERS, read_seed},
    {"stop", OF_ANSWERS, read_stop},
    {"max_tokens", OF_ANSWERS, read_max_tokens},
    {"max_completion_tokens", OF_ANSWERS, read_max_completion_tokens},
    {"logit_bias", OF_ANSWERS, read_logit_bias},
    {"logprobs", OF_CHAT, read_logprobs},
    {"logprobs", OF_COMPLETION, read_logprob_count},
    {"top_logprobs", OF_CHAT, read_top_logprobs},
    {"stream", OF_ANSWERS, read_stream},
    {"stream_options", OF_ANSWERS, read_stream_options},
    {"response_format", OF_CHAT, read_response_format},
    {"json_schema", OF_ANSWERS, read_schema},
    {"grammar", OF_ANSWERS, read_grammar},
    {"tools", OF_CHAT, read_tool_list},
    {"tool_choice", OF_CHAT, read_choice},
    {"parallel_tool_calls", OF_CHAT, read_parallel},
    {"continue_final_message", OF_CHAT, read_continue},
    {"reasoning_effort", OF_CHAT, read_effort},
    {"enable_thinking", OF_CHAT, read_enable_thinking},
    {"chat_template_kwargs", OF_CHAT, read_template_values},
    {"thinking", OF_CHAT, read_thinking},
    {"reasoning", OF_CHAT, read_reasoning},
    {"thinking_budget", OF_CHAT, read_thinking_budget},
    {"reasoning_budget", OF_CHAT, read_thinking_budget},
    /* refused, unless they ask for nothing */
    {"n", OF_ANSWERS, refuse_unless_one},
    {"best_of", OF_ANSWERS, refuse_unless_one},
    {"modalities", OF_CHAT, read_modalities},
    {"audio", OF_CHAT, refuse_unless_empty},
    {"functions", OF_CHAT, refuse_unless_empty},
    {"function_call", OF_CHAT, refuse_unless_empty},
    {"web_search_options", OF_CHAT, refuse_always},
    {"suffix", OF_COMPLETION, refuse_unless_empty},
    {"echo", OF_COMPLETION, refuse_unless_empty},
    {"min_tokens", OF_ANSWERS, refuse_unless_empty},
    {"ignore_eos", OF_ANSWERS, refuse_unless_empty},
    {"stop_token_ids", OF_ANSWERS, refuse_unless_empty},
    {"bad_words", OF_ANSWERS, refuse_unless_empty},
    {"use_beam_search", OF_ANSWERS, refuse_unless_empty},
    {"prompt_logprobs", OF_ANSWERS, refuse_unless_empty},
    {"structured_outputs", OF_ANSWERS, refuse_unless_empty},
    {"guided_json", OF_ANSWERS, refuse_unless_empty},
    {"guided_regex", OF_ANSWERS, refuse_unless_empty},
    {"guided_choice", OF_ANSWERS, refuse_unless_empty},
    {"guided_grammar", OF_ANSWERS, refuse_unless_empty},
};

#define N_FIELDS (sizeof fields / sizeof *fields)

const struct field *field_find(enum request_kind kind, const char *name)
{
    for (size_t i = 0; i < N_FIELDS; i++)
        if ((fields[i].kinds & 1u << kind) != 0 && strcmp(fields[i].name, name) == 0)
            return &fields[i];
    return NULL;
}

const struct field *field_at(size_t i)
{
    return i < N_FIELDS ? &fields[i] : NULL;
}
