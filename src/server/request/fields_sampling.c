/* SPDX-License-Identifier: Apache-2.0 */
/* fields_sampling.c - fields that change which token is picked, and where an answer ends. */
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "server/request/fields.h"

#define STOP_BYTES 1024 /* fathom_stop_open()'s limit */

bool read_sampling_real(struct reading *reading, const struct field *field, const json_t *value)
{
    double real;
    if (!read_real(reading, field->name, value, field->low, field->high, &real))
        return false;
    *(float *)((char *)&reading->request->sampling + field->offset) = (float)real;
    return true;
}

/* The library takes 0 for no limit; a client means the likeliest token alone. */
bool read_top_p(struct reading *reading, const struct field *field, const json_t *value)
{
    double real;
    if (!read_real(reading, field->name, value, 0, 1, &real))
        return false;
    reading->request->sampling.top_p = fmaxf((float)real, FLT_MIN);
    return true;
}

/* -1 and 0 are no limit. */
bool read_top_k(struct reading *reading, const struct field *field, const json_t *value)
{
    int64_t number;
    if (!read_whole(reading, field->name, value, -1, INT32_MAX, &number))
        return false;
    reading->request->sampling.top_k = number > 0 ? (uint32_t)number : 0;
    return true;
}

/* llama.cpp's: 0 switches the penalty off, -1 looks back over everything. */
bool read_repeat_last(struct reading *reading, const struct field *field, const json_t *value)
{
    if (!read_whole(reading, field->name, value, -1, INT32_MAX, &reading->repeat_last))
        return false;
    reading->has_repeat_last = true;
    return true;
}

/* Those below zero ask for any. */
bool read_seed(struct reading *reading, const struct field *field, const json_t *value)
{
    int64_t number;
    if (!read_whole(reading, field->name, value, INT64_MIN, INT64_MAX, &number))
        return false;
    reading->request->has_seed = number >= 0;
    reading->request->sampling.seed = number >= 0 ? (uint64_t)number : 0;
    return true;
}

/* -1 is no limit. */
static bool read_limit(struct reading *reading, const struct field *field, const json_t *value,
                       int64_t *tokens)
{
    int64_t number;
    if (!read_whole(reading, field->name, value, -1, INT32_MAX, &number))
        return false;
    if (number == 0)
        return refuse(reading->refusal, "invalid_value", field->name, "%s must be 1 or more", field->name);
    *tokens = number;
    return true;
}

bool read_max_tokens(struct reading *reading, const struct field *field, const json_t *value)
{
    return read_limit(reading, field, value, &reading->max_tokens);
}

bool read_max_completion_tokens(struct reading *reading, const struct field *field, const json_t *value)
{
    return read_limit(reading, field, value, &reading->max_completion_tokens);
}

/* ---- lists ---- */

static bool add_stop(struct reading *reading, const char *param, const json_t *value)
{
    struct request *request = reading->request;
    const char **stop = &request->stops[request->n_stops];
    if (!read_text(reading, param, value, stop))
        return false;
    size_t n_bytes = json_string_length(value);
    if (n_bytes == 0 || n_bytes > STOP_BYTES)
        return refuse(reading->refusal, "invalid_value", param, "%s must be of 1 to %d bytes", param,
                      STOP_BYTES);
    request->n_stops++;
    return true;
}

bool read_stop(struct reading *reading, const struct field *field, const json_t *value)
{
    struct request *request = reading->request;
    size_t n = json_is_array(value) ? json_array_size(value) : 1;
    if (!json_is_array(value) && !json_is_string(value))
        return reading_wrong_type(reading, field->name, "a string or a list of strings");
    if (n > REQUEST_STOPS)
        return refuse(reading->refusal, "invalid_value", field->name, "stop has %zu strings, at most %d", n,
                      REQUEST_STOPS);
    request->stops = arena_allocate(&request->arena, n, sizeof *request->stops);
    if (request->stops == NULL)
        return reading_no_memory(reading);
    if (json_is_string(value))
        return json_string_length(value) == 0 || add_stop(reading, field->name, value);
    for (size_t i = 0; i < n; i++) {
        struct param param;
        param = param_of("stop[%zu]", i);
        if (!add_stop(reading, param.text, json_array_get(value, i)))
            return false;
    }
    return true;
}

/* A token's id as the key of an object. */
static bool read_id(const char *key, uint32_t *id)
{
    uint64_t number = 0;
    size_t n = strspn(key, "0123456789");
    if (n == 0 || n > 10 || key[n] != '\0')
        return false;
    for (size_t i = 0; i < n; i++)
        number = 10 * number + (uint64_t)(key[i] - '0');
    *id = (uint32_t)number;
    return number < FATHOM_NO_TOKEN;
}

/* OpenAI's: -100 forbids a token, and the rest is added to its logit. */
bool read_logit_bias(struct reading *reading, const struct field *field, const json_t *value)
{
    struct request *request = reading->request;
    size_t n = json_object_size(value), i = 0;
    const char *key;
    json_t *add;
    if (!json_is_object(value))
        return reading_wrong_type(reading, field->name, "an object of token ids and numbers");
    if (n > REQUEST_BIASES)
        return refuse(reading->refusal, "invalid_value", field->name, "logit_bias has %zu tokens, at most %d",
                      n, REQUEST_BIASES);
    struct fathom_bias *biases = arena_allocate(&request->arena, n, sizeof *biases);
    if (biases == NULL)
        return reading_no_memory(reading);
    json_object_foreach((json_t *)value, key, add)
    {
        double real;
        if (!read_id(key, &biases[i].token))
            return refuse(reading->refusal, "invalid_value", field->name, "%.32s is no token's id", key);
        if (!read_real(reading, field->name, add, -100, 100, &real))
            return false;
        biases[i++].add = real > -100 ? (float)real : -INFINITY;
    }
    request->sampling.biases = biases;
    request->sampling.n_biases = n;
    return true;
}
