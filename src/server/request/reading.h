/* SPDX-License-Identifier: Apache-2.0 */
/* reading.h - a body while it becomes a request: typed values out of JSON, or a refusal that names the field.
 *
 * A field's name may hold anything that a client sent, a value anything that
 * JSON can; a null field is one that was not sent. */
#ifndef FATHOM_SERVER_REQUEST_READING_H
#define FATHOM_SERVER_REQUEST_READING_H

#include <jansson.h>

#include "server/request/request.h"

/* The path of a field, "messages[2].content"; cut where it is too long. By value, so that paths can be made
 * from paths. */
struct param {
    char text[96];
};
struct param param_of(const char *format, ...) __attribute__((format(printf, 1, 2)));

enum wish { WISH_NONE, WISH_YES, WISH_NO };

/* What several fields say together is settled behind the last. */
struct reading {
    struct request *request;
    struct refusal *refusal;
    int64_t max_tokens, max_completion_tokens; /* -1: no limit; 0: not given */
    enum wish think;                           /* of several a no counts */
    bool low_effort;
    bool has_budget;
    int64_t think_budget; /* -1: no limit */
    bool has_repeat_last;
    int64_t repeat_last;
    enum wish continues;
    int64_t n_top_logprobs;               /* -1: not given */
    const json_t *messages, *tool_choice; /* read behind the other fields */
};

/* Refusals: all return false. */
bool reading_wrong_type(struct reading *reading, const char *param, const char *what); /* "a string" */
bool reading_no_memory(struct reading *reading);

bool read_flag(struct reading *reading, const char *param, const json_t *value, bool *flag);
/* Reals with nothing behind the point are whole too. */
bool read_whole(struct reading *reading, const char *param, const json_t *value, int64_t low, int64_t high,
                int64_t *number);
bool read_real(struct reading *reading, const char *param, const json_t *value, double low, double high,
               double *number);
/* A copy that the request owns. */
bool read_text(struct reading *reading, const char *param, const json_t *value, const char **text);
/* JSON as text, as the models were shown it: ", " and ": " between, characters as they are. */
bool read_json(struct reading *reading, const json_t *value, const char **text);

/* Names a field that has no effect, once; control characters and commas cannot get into the list. */
void reading_ignore(struct reading *reading, const char *name);
/* The same for the members of an object, under its name, that are not in `known` (NULL ends it). */
void reading_ignore_others(struct reading *reading, const char *name, const json_t *object,
                           const char *const *known);

#endif
