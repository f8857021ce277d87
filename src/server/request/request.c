/* SPDX-License-Identifier: Apache-2.0 */
/* request.c - a body to a request: JSON, field by field, then what fields say together. */
#include "server/request/request.h"

#include <string.h>

#include "server/request/fields.h"
#include "server/request/messages.h"

#define BODY_FIELDS 256 /* at the top: more are no client's */

/* An upper bound of the values in a text, if it is JSON. "{}," takes 235 bytes once it is parsed (jansson
 * 2.14): without a limit, 16 MiB would become 1.3 GB. */
static size_t count_values(const char *body, size_t n_bytes)
{
    size_t n = 1;
    bool in_string = false;
    for (size_t i = 0; i < n_bytes; i++) {
        if (in_string && body[i] == '\\')
            i++;
        else if (body[i] == '"')
            in_string = !in_string;
        else if (!in_string)
            n += body[i] == ',' || body[i] == '[' || body[i] == '{';
    }
    return n;
}

static json_t *load(const char *body, size_t n_bytes, struct refusal *refusal)
{
    json_error_t reason;
    if (n_bytes > REQUEST_BYTES) {
        refuse_with(refusal, 413, REFUSAL_INVALID, "request_too_large", "the body is over %zu MiB",
                    REQUEST_BYTES >> 20);
        return NULL;
    }
    if (count_values(body, n_bytes) > REQUEST_VALUES) {
        refuse_with(refusal, 413, REFUSAL_INVALID, "request_too_large", "the body has more than %d values",
                    REQUEST_VALUES);
        return NULL;
    }
    /* deep nesting, numbers that are too large and escaped zeros are errors of jansson's too */
    json_t *root = json_loadb(body, n_bytes, JSON_REJECT_DUPLICATES, &reason);
    if (root == NULL)
        refuse(refusal, "invalid_json", "", "the body is not JSON: line %d, column %d: %s", reason.line,
               reason.column, reason.text);
    else if (!json_is_object(root))
        refuse(refusal, "invalid_json", "", "the body must be a JSON object");
    else if (json_object_size(root) > BODY_FIELDS)
        refuse(refusal, "invalid_json", "", "the body has more than %d fields", BODY_FIELDS);
    else
        return root;
    json_decref(root);
    return NULL;
}

static bool read_fields(struct reading *reading, json_t *root)
{
    const char *name;
    json_t *value;
    json_object_foreach(root, name, value)
    {
        if (json_is_null(value))
            continue;
        const struct field *field = field_find(reading->request->kind, name);
        if (field == NULL)
            reading_ignore(reading, name);
        else if (!field->read(reading, field, value))
            return false;
    }
    return true;
}

static bool missing(struct reading *reading, const char *param)
{
    return refuse(reading->refusal, "missing_required_parameter", param, "%s is missing", param);
}

/* What has to be there. */
static bool settle_question(struct reading *reading)
{
    struct request *request = reading->request;
    if (request->kind == REQUEST_TOKENIZE && request->prompt_bytes > TOKENIZE_BYTES)
        return refuse_with(reading->refusal, 413, REFUSAL_INVALID, "request_too_large",
                           "the text has more than %zu bytes", TOKENIZE_BYTES);
    if (request->kind != REQUEST_CHAT)
        return request->prompt != NULL || request->n_prompt_ids > 0 ||
               missing(reading, request->kind == REQUEST_TOKENIZE ? "content" : "prompt");
    if (reading->messages == NULL)
        return missing(reading, "messages");
    return read_messages(reading, reading->messages) &&
           (reading->tool_choice == NULL || read_tool_choice(reading, reading->tool_choice));
}

static bool settle_logprobs(struct reading *reading)
{
    if (reading->n_top_logprobs > 0 && !reading->request->logprobs)
        return refuse(reading->refusal, "invalid_value", "top_logprobs", "top_logprobs needs logprobs");
    reading->request->n_top_logprobs = reading->n_top_logprobs > 0 ? (uint32_t)reading->n_top_logprobs : 0;
    return true;
}

static void settle_limits(struct reading *reading)
{
    struct request *request = reading->request;
    int64_t limit =
        reading->max_completion_tokens != 0 ? reading->max_completion_tokens : reading->max_tokens;
    if (limit != 0)
        request->max_tokens = limit > 0 ? (uint32_t)limit : 0;
    if (reading->has_repeat_last) {
        request->sampling.repetition_window = reading->repeat_last > 0 ? (uint32_t)reading->repeat_last : 0;
        if (reading->repeat_last == 0)
            request->sampling.repetition_penalty = 1;
    }
}

bool request_parse(struct request *request, enum request_kind kind, const char *body, size_t n_bytes,
                   const struct request_defaults *defaults, struct refusal *refusal)
{
    static const struct request_defaults none;
    const struct request_defaults *from = defaults != NULL ? defaults : &none;
    *request = (struct request){.kind = kind,
                                .parallel_calls = true,
                                .add_begin = true,
                                .sampling = from->sampling,
                                .think = from->think,
                                .think_budget = from->think_budget,
                                .max_tokens = from->max_tokens};
    struct reading reading = {.request = request, .refusal = refusal, .n_top_logprobs = -1};
    json_t *root = load(body, n_bytes, refusal);
    bool parsed =
        root != NULL && read_fields(&reading, root) && settle_question(&reading) && settle_logprobs(&reading);
    if (parsed) {
        settle_limits(&reading);
        thinking_settle(&reading);
        parsed = !request->ignored.failed || reading_no_memory(&reading);
    }
    json_decref(root);
    if (!parsed)
        request_release(request);
    return parsed;
}

static size_t text_bytes(const char *text)
{
    return text != NULL ? strlen(text) : 0;
}

size_t request_text_bytes(const struct request *request)
{
    size_t n_bytes = request->prompt_bytes;
    for (size_t i = 0; i < request->n_messages; i++) {
        const struct fathom_message *message = &request->messages[i];
        n_bytes += text_bytes(message->content);
        for (size_t j = 0; j < message->n_calls; j++)
            n_bytes += text_bytes(message->calls[j].name) + text_bytes(message->calls[j].arguments);
    }
    for (size_t i = 0; i < request->n_tools && request->tool_choice != TOOLS_NONE; i++) {
        const struct fathom_tool *tool = &request->tools[i];
        n_bytes += text_bytes(tool->name) + text_bytes(tool->description) + text_bytes(tool->parameters);
    }
    return n_bytes;
}

enum fathom_think request_thinks(const struct request *request)
{
    return request->quick || request->chore != CHORE_NONE ? FATHOM_THINK_OFF : request->think;
}

void request_release(struct request *request)
{
    arena_release(&request->arena);
    buffer_release(&request->ignored);
    *request = (struct request){0};
}
