/* SPDX-License-Identifier: Apache-2.0 */
/* tools.c - the tools that a model may call, and whether it must. */
#include <stdio.h>
#include <string.h>

#include "server/request/messages.h"

#define NAME_BYTES 64 /* OpenAI's limit, and its set of characters with a point more */

static bool is_name(const char *name)
{
    size_t n = strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-");
    return n > 0 && n <= NAME_BYTES && name[n] == '\0';
}

static bool read_function(struct reading *reading, size_t i, const json_t *function, struct fathom_tool *tool)
{
    static const char *const known[] = {"name", "description", "parameters", NULL};
    struct param param;
    const json_t *description = json_object_get(function, "description");
    const json_t *parameters = json_object_get(function, "parameters");
    param = param_of("tools[%zu].function.name", i);
    if (!read_text(reading, param.text, json_object_get(function, "name"), &tool->name))
        return false;
    if (!is_name(tool->name))
        return refuse(reading->refusal, "invalid_value", param.text,
                      "%s must be 1 to %d letters, digits, \"_\", \"-\" or \".\"", param.text, NAME_BYTES);
    param = param_of("tools[%zu].function.description", i);
    if (description != NULL && !json_is_null(description) &&
        !read_text(reading, param.text, description, &tool->description))
        return false;
    param = param_of("tools[%zu].function.parameters", i);
    if (parameters != NULL && !json_is_null(parameters) && !json_is_object(parameters))
        return reading_wrong_type(reading, param.text, "an object");
    reading_ignore_others(reading, "tools.function", function, known);
    return !json_is_object(parameters) || read_json(reading, parameters, &tool->parameters);
}

static bool read_tool(struct reading *reading, size_t i, const json_t *value)
{
    struct fathom_tool *tools = reading->request->tools;
    struct param param;
    const char *type = json_string_value(json_object_get(value, "type"));
    const json_t *function = json_object_get(value, "function");
    param = param_of("tools[%zu].type", i);
    if (type == NULL || strcmp(type, "function") != 0)
        return refuse(reading->refusal, "unsupported_value", param.text, "%s must be \"function\"",
                      param.text);
    param = param_of("tools[%zu].function", i);
    if (!json_is_object(function))
        return reading_wrong_type(reading, param.text, "an object");
    if (!read_function(reading, i, function, &tools[i]))
        return false;
    for (size_t k = 0; k < i; k++)
        if (strcmp(tools[k].name, tools[i].name) == 0)
            return refuse(reading->refusal, "invalid_value", param.text, "two tools are called %s",
                          tools[i].name);
    return true;
}

bool read_tools(struct reading *reading, const json_t *tools)
{
    struct request *request = reading->request;
    size_t n = json_array_size(tools);
    if (!json_is_array(tools))
        return reading_wrong_type(reading, "tools", "a list");
    if (n > REQUEST_TOOLS)
        return refuse(reading->refusal, "invalid_value", "tools", "tools has %zu items, at most %d", n,
                      REQUEST_TOOLS);
    request->tools = arena_allocate(&request->arena, n, sizeof *request->tools);
    if (request->tools == NULL)
        return reading_no_memory(reading);
    request->n_tools = n;
    for (size_t i = 0; i < n; i++)
        if (!read_tool(reading, i, json_array_get(tools, i)))
            return false;
    return true;
}

static bool read_named_choice(struct reading *reading, const json_t *choice)
{
    struct request *request = reading->request;
    const char *type = json_string_value(json_object_get(choice, "type"));
    const char *name = json_string_value(json_object_get(json_object_get(choice, "function"), "name"));
    if (type == NULL || strcmp(type, "function") != 0 || name == NULL)
        return refuse(reading->refusal, "unsupported_value", "tool_choice",
                      "tool_choice as an object must have the type function and its name");
    for (size_t i = 0; i < request->n_tools; i++)
        if (strcmp(request->tools[i].name, name) == 0) {
            request->tool_choice = TOOLS_NAMED;
            request->tool_name = request->tools[i].name;
            return true;
        }
    return refuse(reading->refusal, "invalid_value", "tool_choice", "no tool is called %.64s", name);
}

bool read_tool_choice(struct reading *reading, const json_t *choice)
{
    struct request *request = reading->request;
    const char *word = json_string_value(choice);
    if (json_is_object(choice))
        return read_named_choice(reading, choice);
    if (word != NULL && strcmp(word, "auto") == 0)
        request->tool_choice = TOOLS_AUTO;
    else if (word != NULL && strcmp(word, "none") == 0)
        request->tool_choice = TOOLS_NONE;
    else if (word != NULL && strcmp(word, "required") == 0)
        request->tool_choice = TOOLS_REQUIRED;
    else
        return refuse(reading->refusal, "invalid_value", "tool_choice",
                      "tool_choice must be auto, none, required, or an object that names a function");
    if (request->tool_choice == TOOLS_REQUIRED && request->n_tools == 0)
        return refuse(reading->refusal, "invalid_value", "tool_choice", "tool_choice requires tools");
    return true;
}
