/* SPDX-License-Identifier: Apache-2.0 */
/* messages.c - messages of a chat.
 *
 * Reasoning that comes back is dropped here, as text, since no template shows it again; only the last
 * message, where it is an answer to go on with, keeps it. */
#include "server/request/messages.h"

#include <stdio.h>
#include <string.h>

#include "server/request/past_answer.h"

/* ---- content ---- */

/* A part of a content: text, or a refusal of an earlier answer, which was text too. */
static bool read_part(struct reading *reading, const char *param, const json_t *part, struct buffer *text)
{
    struct param inner;
    const char *type = json_string_value(json_object_get(part, "type"));
    if (type == NULL)
        return reading_wrong_type(reading, param, "an object with a type");
    bool is_refusal = strcmp(type, "refusal") == 0;
    if (!is_refusal && strcmp(type, "text") != 0)
        return refuse(reading->refusal, "unsupported_value", param,
                      "%s is of type %.40s; this model reads only text", param, type);
    const json_t *value = json_object_get(part, is_refusal ? "refusal" : "text");
    inner = param_of("%s.%s", param, is_refusal ? "refusal" : "text");
    if (!json_is_string(value))
        return reading_wrong_type(reading, inner.text, "a string");
    buffer_append(text, json_string_value(value), json_string_length(value));
    return true;
}

/* A string, or a list of parts, which are joined; NULL where there is none. */
static bool read_content(struct reading *reading, const char *param, const json_t *content, char **text)
{
    struct buffer joined = {0};
    bool read = true;
    *text = NULL;
    if (content == NULL || json_is_null(content))
        return true;
    if (json_is_string(content)) {
        buffer_append(&joined, json_string_value(content), json_string_length(content));
    } else if (json_is_array(content)) {
        for (size_t i = 0; read && i < json_array_size(content); i++) {
            struct param inner;
            inner = param_of("%s[%zu]", param, i);
            read = read_part(reading, inner.text, json_array_get(content, i), &joined);
        }
    } else {
        read = reading_wrong_type(reading, param, "a string or a list of parts");
    }
    if (read && !joined.failed)
        *text = arena_copy(&reading->request->arena, buffer_text(&joined), joined.n_bytes);
    buffer_release(&joined);
    return read && (*text != NULL || reading_no_memory(reading));
}

/* ---- calls ---- */

static bool read_arguments(struct reading *reading, const char *param, const json_t *arguments,
                           const char **text)
{
    if (json_is_object(arguments)) /* some clients parse them and forget to write them again */
        return read_json(reading, arguments, text);
    return read_text(reading, param, arguments, text);
}

static bool read_call(struct reading *reading, const char *param, const json_t *value,
                      struct fathom_tool_call *call)
{
    struct param inner;
    const json_t *function = json_object_get(value, "function");
    const json_t *id = json_object_get(value, "id");
    inner = param_of("%s.function", param);
    if (!json_is_object(function))
        return reading_wrong_type(reading, inner.text, "an object");
    inner = param_of("%s.function.name", param);
    if (!read_text(reading, inner.text, json_object_get(function, "name"), &call->name))
        return false;
    if (call->name[0] == '\0')
        return refuse(reading->refusal, "invalid_value", inner.text, "%s is empty", inner.text);
    inner = param_of("%s.function.arguments", param);
    if (!read_arguments(reading, inner.text, json_object_get(function, "arguments"), &call->arguments))
        return false;
    inner = param_of("%s.id", param);
    return id == NULL || json_is_null(id) || read_text(reading, inner.text, id, &call->id);
}

static bool read_calls(struct reading *reading, const char *param, const json_t *values,
                       struct fathom_message *message)
{
    size_t n = json_array_size(values);
    if (values == NULL || json_is_null(values))
        return true;
    if (!json_is_array(values))
        return reading_wrong_type(reading, param, "a list");
    if (n > REQUEST_CALLS)
        return refuse(reading->refusal, "invalid_value", param, "%s has %zu calls; at most %d", param, n,
                      REQUEST_CALLS);
    struct fathom_tool_call *calls = arena_allocate(&reading->request->arena, n, sizeof *calls);
    if (calls == NULL)
        return reading_no_memory(reading);
    for (size_t i = 0; i < n; i++) {
        struct param inner;
        inner = param_of("%s[%zu]", param, i);
        if (!read_call(reading, inner.text, json_array_get(values, i), &calls[i]))
            return false;
    }
    message->calls = calls;
    message->n_calls = n;
    return true;
}

/* ---- messages ---- */

static bool read_role(struct reading *reading, const char *param, const json_t *value, enum fathom_role *role)
{
    static const struct {
        const char *name;
        enum fathom_role role;
    } roles[] = {{"system", FATHOM_SYSTEM},
                 {"developer", FATHOM_SYSTEM},
                 {"user", FATHOM_USER},
                 {"assistant", FATHOM_ASSISTANT},
                 {"tool", FATHOM_TOOL}};
    if (!json_is_string(value))
        return reading_wrong_type(reading, param, "a string");
    for (size_t i = 0; i < sizeof roles / sizeof *roles; i++)
        if (strcmp(json_string_value(value), roles[i].name) == 0) {
            *role = roles[i].role;
            return true;
        }
    return refuse(reading->refusal, "invalid_value", param,
                  "%s is none of system, developer, user, assistant and tool", param);
}

/* Any of the names that it is sent under; NULL: none. */
static const json_t *reasoning_of(const json_t *value)
{
    const json_t *reasoning = json_object_get(value, "reasoning_content");
    if (!json_is_string(reasoning))
        reasoning = json_object_get(value, "reasoning");
    return json_is_string(reasoning) ? reasoning : NULL;
}

static bool read_assistant(struct reading *reading, const char *param, const json_t *value,
                           struct fathom_message *message, char *content)
{
    struct param inner;
    const json_t *reasoning = reasoning_of(value);
    inner = param_of("%s.tool_calls", param);
    if (!read_calls(reading, inner.text, json_object_get(value, "tool_calls"), message))
        return false;
    if (content != NULL)
        message->content = past_answer_split(content, &message->reasoning);
    else if (message->n_calls == 0)
        message->content = "";
    inner = param_of("%s.reasoning_content", param);
    return message->reasoning != NULL || reasoning == NULL ||
           read_text(reading, inner.text, reasoning, &message->reasoning);
}

static const char *const known_members[] = {"role",         "content",   "tool_calls",
                                            "tool_call_id", "reasoning", "reasoning_content",
                                            "prefix",       "refusal",   NULL};

static bool read_message(struct reading *reading, size_t i, const json_t *value,
                         struct fathom_message *message)
{
    struct param param, inner;
    char *content;
    param = param_of("messages[%zu]", i);
    if (!json_is_object(value))
        return reading_wrong_type(reading, param.text, "an object");
    inner = param_of("%s.role", param.text);
    if (!read_role(reading, inner.text, json_object_get(value, "role"), &message->role))
        return false;
    inner = param_of("%s.content", param.text);
    if (!read_content(reading, inner.text, json_object_get(value, "content"), &content))
        return false;
    reading_ignore_others(reading, "messages", value, known_members);
    if (message->role == FATHOM_ASSISTANT)
        return read_assistant(reading, param.text, value, message, content);
    message->content = content;
    if (content == NULL)
        return refuse(reading->refusal, "missing_required_parameter", inner.text, "%s is missing",
                      inner.text);
    const json_t *call_id = json_object_get(value, "tool_call_id");
    inner = param_of("%s.tool_call_id", param.text);
    return message->role != FATHOM_TOOL || call_id == NULL || json_is_null(call_id) ||
           read_text(reading, inner.text, call_id, &message->call_id);
}

/* An answer at the end is gone on with; everywhere else its reasoning is left out. */
static bool settle_last(struct reading *reading, const json_t *values)
{
    struct request *request = reading->request;
    struct fathom_message *last = &request->messages[request->n_messages - 1];
    const json_t *prefix = json_object_get(json_array_get(values, request->n_messages - 1), "prefix");
    bool is_answer = last->role == FATHOM_ASSISTANT;
    if (is_answer && last->n_calls > 0)
        return refuse(reading->refusal, "invalid_value", "messages",
                      "the last message calls tools, and what they returned is missing");
    if (!is_answer && (reading->continues == WISH_YES || json_is_true(prefix)))
        return refuse(reading->refusal, "invalid_value", "messages",
                      "only an assistant's message at the end can be continued");
    request->continues = is_answer && reading->continues != WISH_NO;
    for (size_t i = 0; i < request->n_messages - request->continues; i++)
        request->messages[i].reasoning = NULL;
    if (request->n_messages == 1 && last->role == FATHOM_USER)
        request->chore = chore_of(last->content);
    return true;
}

bool read_messages(struct reading *reading, const json_t *messages)
{
    struct request *request = reading->request;
    size_t n = json_array_size(messages);
    if (!json_is_array(messages))
        return reading_wrong_type(reading, "messages", "a list");
    if (n == 0 || n > REQUEST_MESSAGES)
        return refuse(reading->refusal, "invalid_value", "messages", "messages has %zu items, not 1 to %d", n,
                      REQUEST_MESSAGES);
    request->messages = arena_allocate(&request->arena, n, sizeof *request->messages);
    if (request->messages == NULL)
        return reading_no_memory(reading);
    request->n_messages = n;
    for (size_t i = 0; i < n; i++)
        if (!read_message(reading, i, json_array_get(messages, i), &request->messages[i]))
            return false;
    return settle_last(reading, messages);
}
