/* SPDX-License-Identifier: Apache-2.0 */
/* fields_answer.c - what is asked, and in which shape the answer is to come. */
#include <stdio.h>
#include <string.h>

#include "server/request/fields.h"
#include "server/request/messages.h"

#define QUICK ":quick" /* behind a model's name: thinking closed, for a front end's own requests */

/* ---- what is asked ---- */

bool read_model(struct reading *reading, const struct field *field, const json_t *value)
{
    struct request *request = reading->request;
    size_t n_bytes = json_string_length(value), n_quick = strlen(QUICK);
    if (!read_text(reading, field->name, value, &request->model))
        return false;
    request->quick = n_bytes > n_quick && strcmp(request->model + n_bytes - n_quick, QUICK) == 0;
    if (request->quick)
        request->model = arena_copy(&request->arena, request->model, n_bytes - n_quick);
    return request->model != NULL || reading_no_memory(reading);
}

bool read_conversation(struct reading *reading, const struct field *field, const json_t *value)
{
    (void)field;
    reading->messages = value;
    return true;
}

bool read_tool_list(struct reading *reading, const struct field *field, const json_t *value)
{
    (void)field;
    return read_tools(reading, value);
}

bool read_choice(struct reading *reading, const struct field *field, const json_t *value)
{
    (void)field;
    reading->tool_choice = value;
    return true;
}

bool read_parallel(struct reading *reading, const struct field *field, const json_t *value)
{
    return read_flag(reading, field->name, value, &reading->request->parallel_calls);
}

bool read_continue(struct reading *reading, const struct field *field, const json_t *value)
{
    bool continues;
    if (!read_flag(reading, field->name, value, &continues))
        return false;
    reading->continues = continues ? WISH_YES : WISH_NO;
    return true;
}

static bool read_ids(struct reading *reading, const struct field *field, const json_t *value)
{
    struct request *request = reading->request;
    size_t n = json_array_size(value);
    request->prompt_ids = arena_allocate(&request->arena, n, sizeof *request->prompt_ids);
    if (request->prompt_ids == NULL)
        return reading_no_memory(reading);
    for (size_t i = 0; i < n; i++) {
        struct param param;
        int64_t id;
        param = param_of("%s[%zu]", field->name, i);
        if (!read_whole(reading, param.text, json_array_get(value, i), 0, FATHOM_NO_TOKEN - 1, &id))
            return false;
        request->prompt_ids[i] = (uint32_t)id;
    }
    request->n_prompt_ids = n;
    return true;
}

/* Text, ids, or a list of one of either. */
bool read_prompt(struct reading *reading, const struct field *field, const json_t *value)
{
    struct request *request = reading->request;
    if (request->prompt != NULL || request->prompt_ids != NULL)
        return refuse(reading->refusal, "invalid_value", field->name, "prompt and content are given");
    const json_t *first = json_array_get(value, 0);
    if (json_is_string(first) || json_is_array(first)) {
        if (json_array_size(value) > 1)
            return refuse(reading->refusal, "unsupported_value", field->name,
                          "%s holds several prompts: send a request for each", field->name);
        value = first;
    }
    if (json_is_array(value))
        return read_ids(reading, field, value);
    if (!json_is_string(value))
        return reading_wrong_type(reading, field->name, "a string or a list of token ids");
    request->prompt_bytes = json_string_length(value);
    return read_text(reading, field->name, value, &request->prompt);
}

bool read_parse_special(struct reading *reading, const struct field *field, const json_t *value)
{
    return read_flag(reading, field->name, value, &reading->request->parse_special);
}

bool read_add_begin(struct reading *reading, const struct field *field, const json_t *value)
{
    return read_flag(reading, field->name, value, &reading->request->add_begin);
}

bool read_with_pieces(struct reading *reading, const struct field *field, const json_t *value)
{
    return read_flag(reading, field->name, value, &reading->request->with_pieces);
}

/* ---- the shape of the answer ---- */

bool read_stream(struct reading *reading, const struct field *field, const json_t *value)
{
    return read_flag(reading, field->name, value, &reading->request->stream);
}

bool read_stream_options(struct reading *reading, const struct field *field, const json_t *value)
{
    static const char *const known[] = {"include_usage", NULL};
    const json_t *usage = json_object_get(value, known[0]);
    if (!json_is_object(value))
        return reading_wrong_type(reading, field->name, "an object");
    reading_ignore_others(reading, field->name, value, known);
    return usage == NULL || json_is_null(usage) ||
           read_flag(reading, "stream_options.include_usage", usage, &reading->request->include_usage);
}

bool read_logprobs(struct reading *reading, const struct field *field, const json_t *value)
{
    return read_flag(reading, field->name, value, &reading->request->logprobs);
}

bool read_top_logprobs(struct reading *reading, const struct field *field, const json_t *value)
{
    return read_whole(reading, field->name, value, 0, FATHOM_MOST_LOGPROBS, &reading->n_top_logprobs);
}

/* Of a completion: a number says both that and how many. */
bool read_logprob_count(struct reading *reading, const struct field *field, const json_t *value)
{
    reading->request->logprobs = true;
    return read_top_logprobs(reading, field, value);
}

static bool constrain(struct reading *reading, const char *param, enum fathom_constraint_kind kind)
{
    if (reading->request->is_constrained)
        return refuse(reading->refusal, "invalid_value", param,
                      "only one of response_format, json_schema and grammar can be given");
    reading->request->is_constrained = true;
    reading->request->constraint = kind;
    return true;
}

bool read_schema(struct reading *reading, const struct field *field, const json_t *value)
{
    if (!json_is_object(value))
        return reading_wrong_type(reading, field->name, "an object");
    return constrain(reading, field->name, FATHOM_JSON_SCHEMA) &&
           read_json(reading, value, &reading->request->constraint_text);
}

bool read_grammar(struct reading *reading, const struct field *field, const json_t *value)
{
    if (json_is_string(value) && json_string_length(value) == 0)
        return true;
    return read_text(reading, field->name, value, &reading->request->constraint_text) &&
           constrain(reading, field->name, FATHOM_GRAMMAR);
}

bool read_response_format(struct reading *reading, const struct field *field, const json_t *value)
{
    static const char *const known[] = {"type", "json_schema", "schema", NULL};
    static const struct field schema_field = {.name = "response_format.json_schema.schema"};
    static const struct field short_field = {.name = "response_format.schema"}; /* llama.cpp has it */
    const json_t *schema = json_object_get(value, "schema");
    const char *type = json_string_value(json_object_get(value, "type"));
    if (!json_is_object(value) || type == NULL)
        return reading_wrong_type(reading, field->name, "an object with a type");
    reading_ignore_others(reading, field->name, value, known);
    if (strcmp(type, "text") == 0)
        return true;
    if (strcmp(type, "json_object") == 0 && schema != NULL && !json_is_null(schema))
        return read_schema(reading, &short_field, schema);
    if (strcmp(type, "json_object") == 0)
        return constrain(reading, field->name, FATHOM_JSON_OBJECT);
    if (strcmp(type, "json_schema") == 0)
        return read_schema(reading, &schema_field,
                           json_object_get(json_object_get(value, "json_schema"), "schema"));
    return refuse(reading->refusal, "unsupported_value", "response_format.type",
                  "response_format.type is none of text, json_object and json_schema");
}

/* ---- refused ---- */

bool read_modalities(struct reading *reading, const struct field *field, const json_t *value)
{
    const char *only = json_string_value(json_array_get(value, 0));
    if (json_array_size(value) == 1 && only != NULL && strcmp(only, "text") == 0)
        return true;
    return refuse(reading->refusal, "unsupported_value", field->name, "this model writes only text");
}

bool refuse_unless_one(struct reading *reading, const struct field *field, const json_t *value)
{
    if (json_is_integer(value) && json_integer_value(value) == 1)
        return true;
    return refuse(reading->refusal, "unsupported_value", field->name,
                  "%s must be 1: send a request for each answer", field->name);
}

bool refuse_always(struct reading *reading, const struct field *field, const json_t *value)
{
    (void)value;
    return refuse(reading->refusal, "unsupported_parameter", field->name, "%s is not supported", field->name);
}

bool refuse_unless_empty(struct reading *reading, const struct field *field, const json_t *value)
{
    bool is_empty = json_is_false(value) || (json_is_number(value) && json_number_value(value) == 0) ||
                    (json_is_string(value) && json_string_length(value) == 0) ||
                    (json_is_array(value) && json_array_size(value) == 0) ||
                    (json_is_object(value) && json_object_size(value) == 0);
    return is_empty || refuse_always(reading, field, value);
}
