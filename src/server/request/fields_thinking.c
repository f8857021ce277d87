/* SPDX-License-Identifier: Apache-2.0 */
/* fields_thinking.c - the many ways in which clients say whether, and how long, a model is to think.
 *
 * A no counts for all: who sends two that contradict sends one of them with every request. */
#include <string.h>

#include "server/request/fields.h"

#define LOW_EFFORT_TOKENS 1024 /* a minute or two at the 10 to 17 tokens a second of a home machine */

static void wish(struct reading *reading, bool thinks)
{
    if (reading->think != WISH_NO)
        reading->think = thinks ? WISH_YES : WISH_NO;
}

bool read_enable_thinking(struct reading *reading, const struct field *field, const json_t *value)
{
    bool thinks;
    if (!read_flag(reading, field->name, value, &thinks))
        return false;
    wish(reading, thinks);
    return true;
}

/* 0 closes the thinking, -1 is no limit. */
static bool read_budget(struct reading *reading, const char *param, const json_t *value)
{
    if (!read_whole(reading, param, value, -1, INT32_MAX, &reading->think_budget))
        return false;
    reading->has_budget = true;
    if (reading->think_budget == 0)
        wish(reading, false);
    return true;
}

bool read_thinking_budget(struct reading *reading, const struct field *field, const json_t *value)
{
    return read_budget(reading, field->name, value);
}

static bool set_effort(struct reading *reading, const char *param, const json_t *value)
{
    static const char *const efforts[] = {"none", "minimal", "low", "medium", "high", "xhigh", "max", NULL};
    if (!json_is_string(value))
        return reading_wrong_type(reading, param, "a string");
    size_t i = 0;
    while (efforts[i] != NULL && strcmp(efforts[i], json_string_value(value)) != 0)
        i++;
    if (efforts[i] == NULL)
        return refuse(reading->refusal, "invalid_value", param,
                      "%s is none of none, minimal, low, medium, high, xhigh and max", param);
    if (i != 2 && i != 3) /* low limits the thinking, medium changes nothing */
        wish(reading, i > 3);
    reading->low_effort = i == 2;
    return true;
}

bool read_effort(struct reading *reading, const struct field *field, const json_t *value)
{
    return set_effort(reading, field->name, value);
}

/* A member that is not there, or null, says nothing. */
static const json_t *member(const json_t *object, const char *name)
{
    const json_t *value = json_object_get(object, name);
    return json_is_null(value) ? NULL : value;
}

/* What vLLM and llama.cpp hand to a template: these two names are what templates know. */
bool read_template_values(struct reading *reading, const struct field *field, const json_t *value)
{
    static const char *const known[] = {"thinking", "enable_thinking", "thinking_budget", NULL};
    if (!json_is_object(value))
        return reading_wrong_type(reading, field->name, "an object");
    for (size_t i = 0; i < 2; i++) {
        const json_t *flag = member(value, known[i]);
        bool thinks;
        if (flag == NULL)
            continue;
        if (!read_flag(reading, "chat_template_kwargs.thinking", flag, &thinks))
            return false;
        wish(reading, thinks);
    }
    const json_t *budget = member(value, known[2]);
    reading_ignore_others(reading, field->name, value, known);
    return budget == NULL || read_budget(reading, "chat_template_kwargs.thinking_budget", budget);
}

/* DeepSeek's and Anthropic's: {"type": "enabled" | "disabled", "budget_tokens": N}. */
bool read_thinking(struct reading *reading, const struct field *field, const json_t *value)
{
    static const char *const known[] = {"type", "budget_tokens", NULL};
    const char *type = json_string_value(json_object_get(value, "type"));
    const json_t *budget = member(value, "budget_tokens");
    if (!json_is_object(value))
        return reading_wrong_type(reading, field->name, "an object");
    bool is_disabled = type != NULL && strcmp(type, "disabled") == 0;
    if (!is_disabled && (type == NULL || (strcmp(type, "enabled") != 0 && strcmp(type, "auto") != 0)))
        return refuse(reading->refusal, "invalid_value", "thinking.type",
                      "thinking.type is none of enabled, disabled and auto");
    if (strcmp(type, "auto") != 0)
        wish(reading, !is_disabled);
    reading_ignore_others(reading, field->name, value, known);
    return budget == NULL || read_budget(reading, "thinking.budget_tokens", budget);
}

/* OpenRouter's: {"effort": ..., "max_tokens": N, "enabled": ...}. */
bool read_reasoning(struct reading *reading, const struct field *field, const json_t *value)
{
    static const char *const known[] = {"effort", "max_tokens", "enabled", NULL};
    const json_t *effort = member(value, "effort"), *budget = member(value, "max_tokens"),
                 *enabled = member(value, "enabled");
    bool thinks;
    if (!json_is_object(value))
        return reading_wrong_type(reading, field->name, "an object");
    if (enabled != NULL) {
        if (!read_flag(reading, "reasoning.enabled", enabled, &thinks))
            return false;
        wish(reading, thinks);
    }
    reading_ignore_others(reading, field->name, value, known);
    return (effort == NULL || set_effort(reading, "reasoning.effort", effort)) &&
           (budget == NULL || read_budget(reading, "reasoning.max_tokens", budget));
}

void thinking_settle(struct reading *reading)
{
    struct request *request = reading->request;
    if (request->quick)
        reading->think = WISH_NO;
    if (reading->think != WISH_NONE)
        request->think = reading->think == WISH_YES ? FATHOM_THINK_FORCE : FATHOM_THINK_OFF;
    if (reading->has_budget)
        request->think_budget = reading->think_budget > 0 ? (uint32_t)reading->think_budget : 0;
    else if (reading->low_effort)
        request->think_budget = LOW_EFFORT_TOKENS;
}
