/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_request.c - any bytes as the body of a request; the first says of which kind.
 *
 * A body is refused by one of the client's errors, and the refusal is JSON, or
 * it gives a request in which nothing is left to check: texts are UTF-8, numbers
 * within their ranges, and the list of ignored fields can stand in a header. */
#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"
#include "server/request/request.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
    if (!holds)
        abort();
}

static void check_text(const char *text)
{
    require(text == NULL || utf8_valid(text, strlen(text)));
}

static void check_refusal(const struct request *request, const struct refusal *refusal)
{
    struct buffer out = {0};
    require(refusal->status >= 400 && refusal->status < 500 && refusal->message[0] != '\0');
    require(request->arena.newest == NULL && request->ignored.bytes == NULL);
    refusal_write(&out, refusal);
    json_t *read = json_loadb(buffer_text(&out), out.n_bytes, 0, NULL);
    require(json_is_object(json_object_get(read, "error")));
    json_decref(read);
    buffer_release(&out);
}

static void check_messages(const struct request *request)
{
    require((request->n_messages > 0) == (request->kind == REQUEST_CHAT));
    require(request->n_messages <= REQUEST_MESSAGES);
    for (size_t i = 0; i < request->n_messages; i++) {
        const struct fathom_message *message = &request->messages[i];
        bool is_answer = message->role == FATHOM_ASSISTANT, is_last = i + 1 == request->n_messages;
        require((unsigned)message->role <= FATHOM_TOOL);
        require(message->content != NULL || message->n_calls > 0);
        require(message->n_calls == 0 || (is_answer && !is_last));
        require(message->reasoning == NULL || (is_answer && is_last && request->continues));
        require(message->call_id == NULL || message->role == FATHOM_TOOL);
        check_text(message->content);
        check_text(message->reasoning);
        check_text(message->call_id);
        for (size_t k = 0; k < message->n_calls; k++) {
            require(message->calls[k].name[0] != '\0');
            check_text(message->calls[k].name);
            check_text(message->calls[k].arguments);
            check_text(message->calls[k].id);
        }
    }
    require(request->chore == CHORE_NONE || request->n_messages == 1);
}

static void check_tools(const struct request *request)
{
    require(request->n_tools <= REQUEST_TOOLS);
    require(request->n_tools > 0 || request->tool_choice <= TOOLS_NONE);
    require((request->tool_name != NULL) == (request->tool_choice == TOOLS_NAMED));
    for (size_t i = 0; i < request->n_tools; i++) {
        require(request->tools[i].name[0] != '\0');
        check_text(request->tools[i].description);
        check_text(request->tools[i].parameters);
    }
}

static void check_answer(const struct request *request)
{
    const struct fathom_sampling *s = &request->sampling;
    require(s->temperature >= 0 && s->temperature <= 5 && s->top_p >= 0 && s->top_p <= 1);
    require(s->min_p >= 0 && s->min_p <= 1);
    require(s->repetition_penalty >= 0 && isfinite(s->repetition_penalty));
    require(fabsf(s->presence_penalty) <= 2 && fabsf(s->frequency_penalty) <= 2);
    require(s->n_biases <= REQUEST_BIASES);
    for (size_t i = 0; i < s->n_biases; i++)
        require(s->biases[i].token != FATHOM_NO_TOKEN && s->biases[i].add <= 100);
    require(request->n_stops <= REQUEST_STOPS);
    for (size_t i = 0; i < request->n_stops; i++) {
        require(request->stops[i][0] != '\0' && strlen(request->stops[i]) <= 1024);
        check_text(request->stops[i]);
    }
    require(request->n_top_logprobs <= FATHOM_MOST_LOGPROBS);
    require(request->n_top_logprobs == 0 || request->logprobs);
    require(!request->is_constrained || request->constraint == FATHOM_JSON_OBJECT ||
            request->constraint_text != NULL);
    check_text(request->constraint_text);
    check_text(request->model);
}

static void check_prompt(const struct request *request)
{
    bool has_text = request->prompt != NULL, has_ids = request->n_prompt_ids > 0;
    require(request->kind == REQUEST_CHAT ? !has_text && !has_ids : has_text != has_ids);
    require(!has_text || utf8_valid(request->prompt, request->prompt_bytes));
}

static void check_ignored(const struct buffer *ignored)
{
    require(ignored->n_bytes <= 512);
    for (size_t i = 0; i < ignored->n_bytes; i++)
        require(ignored->bytes[i] >= ' ' && ignored->bytes[i] < 0x7F);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct request request;
    struct refusal refusal = {0};
    if (size < 1)
        return 0;
    enum request_kind kind = (enum request_kind)(data[0] % 3);
    json_object_seed(1);
    if (!request_parse(&request, kind, (const char *)data + 1, size - 1, NULL, &refusal)) {
        check_refusal(&request, &refusal);
        return 0;
    }
    check_messages(&request);
    check_tools(&request);
    check_answer(&request);
    check_prompt(&request);
    check_ignored(&request.ignored);
    request_release(&request);
    return 0;
}
