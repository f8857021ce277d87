/* SPDX-License-Identifier: Apache-2.0 */
/* refusal.h - why a request is not answered, in the four words of OpenAI's error object. */
#ifndef FATHOM_SERVER_REQUEST_REFUSAL_H
#define FATHOM_SERVER_REQUEST_REFUSAL_H

#include "base/buffer.h"

/* The types that OpenAI's clients tell errors by; llama.cpp's for a model that still loads. */
#define REFUSAL_INVALID     "invalid_request_error"
#define REFUSAL_KEY         "authentication_error"
#define REFUSAL_SERVER      "server_error"
#define REFUSAL_UNAVAILABLE "unavailable_error"

/* Zeroed: nothing is refused. Text may hold what the client sent: it is escaped where it is written. */
struct refusal {
    int status;       /* of HTTP: 400 to 599 */
    const char *type; /* one of those above */
    const char *code; /* a literal for programs, "context_length_exceeded"; NULL: none */
    char param[96];   /* the field at fault, "messages[2].content"; "": none */
    char message[320];
};

/* The request is at fault (status 400). Return false, so that a caller can `return refuse(...)`. */
bool refuse(struct refusal *refusal, const char *code, const char *param, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
/* Any other status and type; `param` is "". */
bool refuse_with(struct refusal *refusal, int status, const char *type, const char *code, const char *format,
                 ...) __attribute__((format(printf, 5, 6)));

void refusal_write(struct buffer *out, const struct refusal *refusal); /* {"error": {...}}, no line break */

#endif
