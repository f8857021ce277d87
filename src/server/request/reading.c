/* SPDX-License-Identifier: Apache-2.0 */
/* reading.c - values checked one by one. */
#include "server/request/reading.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define IGNORED_BYTES 512 /* of the list: it goes into a header and a log line */
#define NAME_BYTES    64  /* of each name */

/* ---- refusals and their fields ---- */

bool reading_wrong_type(struct reading *reading, const char *param, const char *what)
{
    return refuse(reading->refusal, "invalid_type", param, "%s must be %s", param, what);
}

bool reading_no_memory(struct reading *reading)
{
    return refuse_with(reading->refusal, 503, REFUSAL_SERVER, "no_memory", "no memory for this request");
}

struct param param_of(const char *format, ...)
{
    struct param param;
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(param.text, sizeof param.text, format, arguments);
    va_end(arguments);
    return param;
}

/* ---- values ---- */

bool read_flag(struct reading *reading, const char *param, const json_t *value, bool *flag)
{
    if (!json_is_boolean(value))
        return reading_wrong_type(reading, param, "true or false");
    *flag = json_is_true(value);
    return true;
}

bool read_whole(struct reading *reading, const char *param, const json_t *value, int64_t low, int64_t high,
                int64_t *number)
{
    double real = json_number_value(value);
    if (!json_is_number(value) || real != floor(real))
        return reading_wrong_type(reading, param, "a whole number");
    /* as a double first: conversion of what is too large would be undefined */
    bool fits = json_is_integer(value) || fabs(real) < 0x1p53;
    int64_t whole = json_is_integer(value) ? json_integer_value(value) : fits ? (int64_t)real : 0;
    if (!fits || whole < low || whole > high)
        return refuse(reading->refusal, "invalid_value", param, "%s must be from %lld to %lld", param,
                      (long long)low, (long long)high);
    *number = whole;
    return true;
}

bool read_real(struct reading *reading, const char *param, const json_t *value, double low, double high,
               double *number)
{
    double real = json_number_value(value);
    if (!json_is_number(value))
        return reading_wrong_type(reading, param, "a number");
    if (!(real >= low && real <= high))
        return refuse(reading->refusal, "invalid_value", param, "%s must be from %g to %g", param, low, high);
    *number = real;
    return true;
}

bool read_text(struct reading *reading, const char *param, const json_t *value, const char **text)
{
    if (!json_is_string(value))
        return reading_wrong_type(reading, param, "a string");
    *text = arena_copy(&reading->request->arena, json_string_value(value), json_string_length(value));
    return *text != NULL || reading_no_memory(reading);
}

bool read_json(struct reading *reading, const json_t *value, const char **text)
{
    /* 15 digits: a decimal number that short is written back as it was read */
    char *dumped = json_dumps(value, JSON_ENCODE_ANY | JSON_REAL_PRECISION(15));
    *text = dumped != NULL ? arena_copy(&reading->request->arena, dumped, strlen(dumped)) : NULL;
    json_free_t release;
    json_get_alloc_funcs(NULL, &release);
    release(dumped);
    return *text != NULL || reading_no_memory(reading);
}

/* ---- fields without effect ---- */

static bool is_listed(const char *list, const char *name)
{
    size_t n_bytes = strlen(name);
    for (const char *at = list; (at = strstr(at, name)) != NULL; at += n_bytes)
        if ((at == list || at[-1] == ' ') && (at[n_bytes] == ',' || at[n_bytes] == '\0'))
            return true;
    return false;
}

void reading_ignore(struct reading *reading, const char *name)
{
    struct buffer *list = &reading->request->ignored;
    char safe[NAME_BYTES + 1];
    size_t n_bytes = strnlen(name, NAME_BYTES);
    for (size_t i = 0; i < n_bytes; i++)
        safe[i] = name[i] > ' ' && name[i] < 0x7F && name[i] != ',' ? name[i] : '?';
    safe[n_bytes] = '\0';
    if (n_bytes == 0 || is_listed(buffer_text(list), safe))
        return;
    if (list->n_bytes + n_bytes + sizeof ", ..." > IGNORED_BYTES)
        memcpy(safe, "...", sizeof "...");
    if (!is_listed(buffer_text(list), "..."))
        buffer_append_format(list, list->n_bytes > 0 ? ", %s" : "%s", safe);
}

void reading_ignore_others(struct reading *reading, const char *name, const json_t *object,
                           const char *const *known)
{
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)object, key, value)
    {
        size_t i = 0;
        while (known[i] != NULL && strcmp(known[i], key) != 0)
            i++;
        if (known[i] != NULL || json_is_null(value))
            continue;
        reading_ignore(reading, param_of("%s.%s", name, key).text);
    }
}
