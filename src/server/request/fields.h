/* SPDX-License-Identifier: Apache-2.0 */
/* fields.h - the one table of what the members of a body mean; docs/serving.md shows it as three lists. */
#ifndef FATHOM_SERVER_REQUEST_FIELDS_H
#define FATHOM_SERVER_REQUEST_FIELDS_H

#include "server/request/reading.h"

enum {
    OF_CHAT = 1 << REQUEST_CHAT,
    OF_COMPLETION = 1 << REQUEST_COMPLETION,
    OF_TOKENIZE = 1 << REQUEST_TOKENIZE,
    OF_ANSWERS = OF_CHAT | OF_COMPLETION,
    OF_PROMPTS = OF_COMPLETION | OF_TOKENIZE
};

struct field;
/* A value that is not null, into the request. False: refused. */
typedef bool field_reader(struct reading *reading, const struct field *field, const json_t *value);

struct field {
    const char *name;
    unsigned kinds; /* of requests that have it */
    field_reader *read;
    size_t offset;    /* where its float stands in `struct fathom_sampling`, for read_sampling_real */
    double low, high; /* its range */
};

/* NULL: a field without effect. */
const struct field *field_find(enum request_kind kind, const char *name);
const struct field *field_at(size_t i); /* in the order of the table; NULL behind the last */

/* ---- readers: sampling ---- */

field_reader read_sampling_real, read_top_p, read_top_k, read_repeat_last, read_seed, read_logit_bias;
field_reader read_stop, read_max_tokens, read_max_completion_tokens;

/* ---- reasoning ---- */

field_reader read_template_values, read_enable_thinking, read_effort, read_thinking, read_reasoning;
field_reader read_thinking_budget;
void thinking_settle(struct reading *reading); /* what all of them say together */

/* ---- what is asked, and the shape of the answer ---- */

field_reader read_model, read_conversation, read_tool_list, read_choice, read_parallel, read_continue;
field_reader read_prompt, read_parse_special, read_add_begin, read_with_pieces;
field_reader read_stream, read_stream_options, read_logprobs, read_logprob_count, read_top_logprobs;
field_reader read_response_format, read_schema, read_grammar, read_modalities;
field_reader refuse_unless_one;   /* n: a second answer is never made */
field_reader refuse_unless_empty; /* null, false, 0, "", [] and {} ask for nothing */
field_reader refuse_always;       /* {} asks for something */

#endif
