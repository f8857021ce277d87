/* SPDX-License-Identifier: Apache-2.0 */
/* asked.h - bodies to requests, for tests: text with ' for ", since C escapes the other. */
#ifndef FATHOM_TESTS_SERVER_ASKED_H
#define FATHOM_TESTS_SERVER_ASKED_H

#include <stdio.h>
#include <string.h>

#include "check.h"
#include "server/request/request.h"

/* The body's ' become ". */
static inline bool ask(struct request *request, enum request_kind kind, const char *body,
                       struct refusal *refusal)
{
    char json[8192];
    size_t n = strlen(body);
    assert_true(n < sizeof json);
    for (size_t i = 0; i < n; i++)
        json[i] = body[i];
    for (size_t i = 0; i < n; i++)
        if (json[i] == '\'')
            json[i] = '"';
    memset(refusal, 0, sizeof *refusal);
    return request_parse(request, kind, json, n, NULL, refusal);
}

/* A chat with one message, and these fields beside it: "'n': 1". */
static inline bool ask_chat(struct request *request, const char *fields, struct refusal *refusal)
{
    char body[8192];
    int n = snprintf(body, sizeof body, "{'messages': [{'role': 'user', 'content': 'Hi'}]%s%s}",
                     fields[0] != '\0' ? ", " : "", fields);
    assert_true(n > 0 && (size_t)n < sizeof body);
    return ask(request, REQUEST_CHAT, body, refusal);
}

#endif
