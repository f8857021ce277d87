/* SPDX-License-Identifier: Apache-2.0 */
/* Tools and constrained answers as clients see them: a model that follows a script is asked over HTTP, and
 * its answers come whole and in pieces. */
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "server/scripted.h"
#include "server/serving.h"

#define CHAT  "POST /v1/chat/completions"
#define END   "<｜end▁of▁sentence｜>"
#define CALLS "<｜tool▁calls▁begin｜>"
#define CALL  "<｜tool▁call▁begin｜>"
#define SEP   "<｜tool▁sep｜>"

/* Two calls, of look and of listen, then the end; "frequency_penalty: 1" makes it the other one, and an end,
 * where the first was before. Without calls, or where a constraint forbids them, JSON. */
static const struct scripted_step steps[] = {
    {"<｜Assistant｜>", "See ST", 12},
    {"See ST", CALLS, 9},
    {CALLS, CALL, 9},
    {CALL, "function", 9},
    {"function", SEP, 9},
    {SEP, "look\n```json", 5},
    {SEP, "listen\n```json", 4.5F},
    {"look\n```json", "\n{\"at\": ", 9},
    {"\n{\"at\": ", "\"the sea\"}", 9},
    {"\"the sea\"}", "\n```", 9},
    {"listen\n```json", "\n{\"to\": ", 9},
    {"\n{\"to\": ", "[1, 2]}", 9},
    {"[1, 2]}", "\n```", 9},
    {"\n```", "<｜tool▁call▁end｜>", 9},
    {"<｜tool▁call▁end｜>", CALL, 4},
    {"<｜tool▁call▁end｜>", "<｜tool▁calls▁end｜>", 2.5F},
    {"<｜tool▁calls▁end｜>", "OP", 5},
    {"OP", END, 9},
    {"\n", "{\"at\": ", 9}, /* behind a call that the server has opened */
    {"{\"at\": ", "\"the sea\"}", 9},
    {"<｜Assistant｜>", "{\"any\": [true]}", 8},
    {"<｜Assistant｜>", "{\"n\": 7}", 7},
    {"{\"any\": [true]}", END, 9},
    {"{\"n\": 7}", END, 9},
    {"<｜tool▁outputs▁end｜>", "It is deep.", 9},
    {"It is deep.", END, 9},
    /* what comes where a client forbids the first texts */
    {"<｜tool▁outputs▁end｜>", CALLS, 8},
    {"<｜tool▁outputs▁end｜>", CALL, 7},
    {"<｜tool▁outputs▁end｜>", "{\"any\": [true]}", 6},
    {"<｜Assistant｜>", "<think>", 11},
    {"<think>", "Hm.", 9},
    {"Hm.", "</think>", 9},
    {"</think>", "\n\n", 9},
    {"</think>", "{\"n\": 7}", 8},
    {"\n\n", "See ST", 9},
    {"\n\n", "{\"n\": 7}", 8},
};
#define N_STEPS (sizeof steps / sizeof *steps)

#define TOOLS                                                                                             \
    "'tools': [{'type': 'function', 'function': {'name': 'look', 'description': 'Look there', "           \
    "'parameters': {'type': 'object', 'properties': {'at': {'type': 'string'}}}}}, {'type': 'function', " \
    "'function': {'name': 'listen'}}]"
#define QUESTION "'messages': [{'role': 'user', 'content': 'How deep?'}], 'temperature': 0"

/* The one whole answer to a body of these fields. */
static json_t *ask_whole(const struct serving *serving, const char *fields)
{
    struct buffer body = {0};
    buffer_append_format(&body, "{%s}", fields);
    char *answer = ask_server(serving, CHAT, "", buffer_text(&body));
    const char *begin = strstr(answer, "\r\n\r\n");
    assert_has(answer, "HTTP/1.1 200");
    json_t *value = begin != NULL ? json_loads(begin + 4, JSON_REJECT_DUPLICATES, NULL) : NULL;
    if (value == NULL)
        fail_msg("no JSON in: %s", answer);
    buffer_release(&body);
    free(answer);
    return value;
}

static void expect(const json_t *value, const char *expected)
{
    char *text = value != NULL ? json_dumps(value, JSON_ENCODE_ANY) : NULL;
    if (text == NULL || strcmp(text, expected) != 0)
        fail_msg("%s, expected %s", text != NULL ? text : "nothing", expected);
    free(text);
}

static const json_t *choice_of(const json_t *answer)
{
    return json_array_get(json_object_get(answer, "choices"), 0);
}

static const json_t *message_of(const json_t *answer)
{
    return json_object_get(choice_of(answer), "message");
}

static const json_t *call_of(const json_t *holder, size_t i)
{
    return json_array_get(json_object_get(holder, "tool_calls"), i);
}

static void expect_call(const json_t *call, const char *name, const char *arguments)
{
    const json_t *function = json_object_get(call, "function");
    assert_int_equal(strncmp(json_string_value(json_object_get(call, "id")), "call_", 5), 0);
    expect(json_object_get(call, "type"), "\"function\"");
    assert_string_equal(json_string_value(json_object_get(function, "name")), name);
    assert_string_equal(json_string_value(json_object_get(function, "arguments")), arguments);
}

/* ---- calls ---- */

static void several_calls_come_in_one_answer(void **state)
{
    json_t *answer = ask_whole(*state, QUESTION ", " TOOLS ", 'frequency_penalty': 1, 'max_tokens': 60");
    const json_t *message = message_of(answer);
    expect(json_object_get(choice_of(answer), "finish_reason"), "\"tool_calls\"");
    expect(json_object_get(message, "content"), "\"See STOP\"");
    assert_int_equal(json_array_size(json_object_get(message, "tool_calls")), 2);
    expect_call(call_of(message, 0), "look", "{\"at\": \"the sea\"}");
    expect_call(call_of(message, 1), "listen", "{\"to\": [1, 2]}");
    assert_string_not_equal(json_string_value(json_object_get(call_of(message, 0), "id")),
                            json_string_value(json_object_get(call_of(message, 1), "id")));
    json_decref(answer);
}

/* One call is all that was asked for. */
static void calls_need_not_be_parallel(void **state)
{
    json_t *answer = ask_whole(*state, QUESTION ", " TOOLS ", 'parallel_tool_calls': false");
    expect(json_object_get(choice_of(answer), "finish_reason"), "\"tool_calls\"");
    assert_int_equal(json_array_size(json_object_get(message_of(answer), "tool_calls")), 1);
    json_decref(answer);
}

/* What the deltas of a stream say, one a line: "content", "call", "arguments", "finish". */
static struct buffer deltas_of(const char *stream)
{
    struct buffer lines = {0};
    for (const char *at = stream; (at = strstr(at, "data: {")) != NULL; at++) {
        json_t *chunk = json_loadb(at + 6, strcspn(at, "\n") - 6, JSON_REJECT_DUPLICATES, NULL);
        const json_t *choice = choice_of(chunk), *delta = json_object_get(choice, "delta");
        const json_t *call = call_of(delta, 0), *function = json_object_get(call, "function");
        const char *content = json_string_value(json_object_get(delta, "content"));
        const char *finish = json_string_value(json_object_get(choice, "finish_reason"));
        assert_non_null(chunk);
        if (content != NULL && content[0] != '\0')
            buffer_append_format(&lines, "content %s\n", content);
        if (call != NULL)
            buffer_append_format(&lines, "%s %d %s%s\n",
                                 json_object_get(call, "id") != NULL ? "call" : "arguments",
                                 (int)json_integer_value(json_object_get(call, "index")),
                                 json_object_get(function, "name") != NULL
                                     ? json_string_value(json_object_get(function, "name"))
                                     : "",
                                 json_string_value(json_object_get(function, "arguments")));
        if (finish != NULL)
            buffer_append_format(&lines, "finish %s\n", finish);
        json_decref(chunk);
    }
    return lines;
}

static void assert_streams(const struct serving *serving, const char *fields, const char *expected)
{
    struct buffer body = {0};
    buffer_append_format(&body, "{'stream': true, %s}", fields);
    char *answer = ask_server(serving, CHAT, "", buffer_text(&body));
    struct buffer lines = deltas_of(answer);
    assert_string_equal(buffer_text(&lines), expected);
    assert_has(answer, "data: [DONE]");
    buffer_release(&lines);
    buffer_release(&body);
    free(answer);
}

/* White space comes with what follows it: it might be a fence that closes. */
static void calls_are_streamed_in_pieces(void **state)
{
    assert_streams(*state, QUESTION ", " TOOLS ", 'frequency_penalty': 1, 'max_tokens': 60",
                   "content See ST\n"
                   "call 0 look\n"
                   "arguments 0 {\"at\":\n"
                   "arguments 0  \"the sea\"}\n"
                   "call 1 listen\n"
                   "arguments 1 {\"to\":\n"
                   "arguments 1  [1, 2]}\n"
                   "content OP\n"
                   "finish tool_calls\n");
}

/* What may begin a stop string is shown before the call that follows, and ends with it. */
static void a_stop_string_does_not_reach_over_a_call(void **state)
{
    assert_streams(*state,
                   QUESTION ", " TOOLS ", 'frequency_penalty': 1, 'max_tokens': 60, 'stop': ['STOP', 'P']",
                   "content See \n"
                   "content ST\n"
                   "call 0 look\n"
                   "arguments 0 {\"at\":\n"
                   "arguments 0  \"the sea\"}\n"
                   "call 1 listen\n"
                   "arguments 1 {\"to\":\n"
                   "arguments 1  [1, 2]}\n"
                   "content O\n"
                   "finish tool_calls\n");
}

static void whether_tools_are_called_is_the_clients_choice(void **state)
{
    static const struct {
        const char *fields, *finish, *content, *name;
    } cases[] = {
        {"'tool_choice': 'none'", "\"length\"", NULL, NULL},
        {"'tool_choice': 'auto', 'parallel_tool_calls': false", "\"tool_calls\"", "\"See ST\"", "look"},
        {"'tool_choice': 'required', 'parallel_tool_calls': false", "\"tool_calls\"", "null", "look"},
        {"'tool_choice': {'type': 'function', 'function': {'name': 'look'}}, 'parallel_tool_calls': false",
         "\"tool_calls\"", "null", "look"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct buffer fields = {0};
        buffer_append_format(&fields, QUESTION ", " TOOLS ", 'max_tokens': 40, %s", cases[i].fields);
        json_t *answer = ask_whole(*state, buffer_text(&fields));
        const json_t *message = message_of(answer);
        expect(json_object_get(choice_of(answer), "finish_reason"), cases[i].finish);
        if (cases[i].content != NULL)
            expect(json_object_get(message, "content"), cases[i].content);
        if (cases[i].name != NULL)
            expect_call(call_of(message, 0), cases[i].name, "{\"at\": \"the sea\"}");
        else
            assert_null(json_object_get(message, "tool_calls"));
        json_decref(answer);
        buffer_release(&fields);
    }
}

/* The client sends the calls back, with what came of them, and the model goes on behind it. */
static void results_come_back_as_messages(void **state)
{
    json_t *answer = ask_whole(
        *state,
        TOOLS ", 'temperature': 0, 'messages': [{'role': 'user', 'content': 'How deep?'}, "
              "{'role': 'assistant', 'content': null, 'tool_calls': [{'id': 'call_1', 'type': 'function', "
              "'function': {'name': 'look', 'arguments': '{}'}}]}, "
              "{'role': 'tool', 'tool_call_id': 'call_1', 'content': '10,994 m'}]");
    expect(json_object_get(choice_of(answer), "finish_reason"), "\"stop\"");
    expect(json_object_get(message_of(answer), "content"), "\"It is deep.\"");
    json_decref(answer);
}

/* The next turn's beginning, calls in it, is computed while the client runs its tools. */
static void a_conversation_with_calls_is_held(void **state)
{
    const struct serving *serving = *state;
    json_t *first = ask_whole(serving, "'messages': [{'role': 'user', 'content': 'How deep is it?'}], "
                                       "'temperature': 0, 'parallel_tool_calls': false, " TOOLS);
    wait_for_metric(serving, "fathom_idle_pending", 0);
    json_t *second = ask_whole(
        serving, TOOLS ", 'temperature': 0, 'messages': [{'role': 'user', 'content': 'How deep is it?'}, "
                       "{'role': 'assistant', 'content': 'See ST', 'tool_calls': [{'id': 'call_1', "
                       "'type': 'function', 'function': {'name': 'look', 'arguments': '{\\'at\\': \\'the "
                       "sea\\'}'}}]}, {'role': 'tool', 'tool_call_id': 'call_1', 'content': 'deep'}]");
    const json_t *usage = json_object_get(second, "usage");
    json_int_t n_prompt = json_integer_value(json_object_get(usage, "prompt_tokens"));
    json_int_t n_cached =
        json_integer_value(json_object_get(json_object_get(usage, "prompt_tokens_details"), "cached_tokens"));
    expect(json_object_get(message_of(second), "content"), "\"It is deep.\"");
    if (n_prompt - n_cached > 10) /* the tool's output, and the template around it */
        fail_msg("%d of %d tokens are cached", (int)n_cached, (int)n_prompt);
    json_decref(first);
    json_decref(second);
}

/* ---- constraints ---- */

static void json_is_what_comes(void **state)
{
    static const struct {
        const char *format, *content;
    } cases[] = {
        {"{'type': 'json_object'}", "\"{\\\"any\\\": [true]}\""},
        {"{'type': 'json_schema', 'json_schema': {'name': 'n', 'strict': true, 'schema': {'type': 'object', "
         "'properties': {'n': {'type': 'integer'}}, 'required': ['n'], 'additionalProperties': false}}}",
         "\"{\\\"n\\\": 7}\""},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct buffer fields = {0};
        buffer_append_format(&fields, QUESTION ", 'max_tokens': 60, 'response_format': %s", cases[i].format);
        json_t *answer = ask_whole(*state, buffer_text(&fields));
        expect(json_object_get(choice_of(answer), "finish_reason"), "\"stop\"");
        expect(json_object_get(message_of(answer), "content"), cases[i].content);
        json_decref(answer);
        buffer_release(&fields);
    }
}

/* The answer to a question without the text that it would begin with. */
static json_t *ask_without(const struct serving *serving, const char *text, const char *fields)
{
    struct buffer all = {0};
    buffer_append_format(&all, "'logit_bias': {'%u': -100}, 'max_tokens': 60, %s",
                         scripted_token(steps, N_STEPS, text), fields);
    json_t *answer = ask_whole(serving, buffer_text(&all));
    buffer_release(&all);
    return answer;
}

#define JSON_ANSWER "'response_format': {'type': 'json_object'}"
#define TOOL_CAME                                                                                        \
    "'temperature': 0, 'messages': [{'role': 'user', 'content': 'How deep?'}, {'role': 'assistant', "    \
    "'content': null, 'tool_calls': [{'id': 'call_1', 'type': 'function', 'function': {'name': 'look', " \
    "'arguments': '{}'}}]}, {'role': 'tool', 'tool_call_id': 'call_1', 'content': '10,994 m'}]"

/* A constraint is of the content: a model that would call a tool calls it, and otherwise JSON comes. */
static void json_leaves_calls_to_the_model(void **state)
{
    json_t *called = ask_without(*state, "It is deep.",
                                 TOOLS ", " JSON_ANSWER ", 'parallel_tool_calls': false, " TOOL_CAME);
    expect(json_object_get(choice_of(called), "finish_reason"), "\"tool_calls\"");
    expect_call(call_of(message_of(called), 0), "look", "{\"at\": \"the sea\"}");
    json_decref(called);
    json_t *answered = ask_whole(*state, TOOLS ", " JSON_ANSWER ", 'max_tokens': 60, " TOOL_CAME);
    expect(json_object_get(message_of(answered), "content"), "\"{\\\"any\\\": [true]}\"");
    json_decref(answered);
    json_t *demanded =
        ask_whole(*state, QUESTION ", " TOOLS ", " JSON_ANSWER
                                   ", 'tool_choice': 'required', 'parallel_tool_calls': false");
    expect_call(call_of(message_of(demanded), 0), "look", "{\"at\": \"the sea\"}");
    json_decref(demanded);
}

/* A model that would reason does so first, under a template that leaves that to it. */
static void json_and_calls_wait_for_a_reasoning(void **state)
{
    json_t *answer = ask_without(*state, "See ST", QUESTION ", " JSON_ANSWER);
    expect(json_object_get(message_of(answer), "reasoning_content"), "\"Hm.\"");
    expect(json_object_get(message_of(answer), "content"), "\"{\\\"n\\\": 7}\"");
    json_decref(answer);
    json_t *called = ask_without(*state, "See ST",
                                 QUESTION ", " TOOLS ", 'tool_choice': 'required', "
                                          "'parallel_tool_calls': false");
    expect(json_object_get(message_of(called), "reasoning_content"), "\"Hm.\"");
    expect_call(call_of(message_of(called), 0), "look", "{\"at\": \"the sea\"}");
    json_decref(called);
}

/* A client that has begun the answer gets the rest. */
static void json_goes_on_with_what_was_begun(void **state)
{
#define BEGUN(text)                                                                                    \
    "'temperature': 0, 'max_tokens': 20, 'continue_final_message': true, 'json_schema': {'type': "     \
    "'object', 'properties': {'n': {'const': 7}}, 'required': ['n'], 'additionalProperties': false}, " \
    "'messages': [{'role': 'user', 'content': 'How deep?'}, {'role': 'assistant', 'content': '" text "'}]"
    json_t *answer = ask_whole(*state, BEGUN("{\\'n\\': "));
    const char *rest = json_string_value(json_object_get(message_of(answer), "content"));
    assert_true(rest[0] == '7' && rest[strcspn(rest + 1, "7}") + 1] == '}'); /* white space between them */
    expect(json_object_get(choice_of(answer), "finish_reason"), "\"stop\"");
    json_decref(answer);
    char *refused = ask_server(*state, CHAT, "", "{" BEGUN("It is ") "}");
    assert_has(refused, "HTTP/1.1 400");
    assert_has(refused, "beginning");
    free(refused);
}

/* Neither several calls nor one alone. */
static void none_is_none(void **state)
{
    json_t *answer = ask_without(*state, "It is deep.", TOOLS ", 'tool_choice': 'none', " TOOL_CAME);
    assert_null(json_object_get(message_of(answer), "tool_calls"));
    expect(json_object_get(message_of(answer), "content"), "\"{\\\"any\\\": [true]}\"");
    json_decref(answer);
}

static void a_schema_that_cannot_be_kept_is_refused(void **state)
{
    char *answer =
        ask_server(*state, CHAT, "",
                   "{" QUESTION ", 'response_format': {'type': 'json_schema', 'json_schema': {'name': "
                   "'n', 'schema': {'type': 'number', 'multipleOf': 3}}}}");
    assert_has(answer, "HTTP/1.1 400");
    assert_has(answer, "multipleOf");
    free(answer);
}

static int open_serving(void **state)
{
    static struct serving serving; /* cmocka wants it to outlive this call */
    static struct scratch scratch;
    scratch_make(&scratch);
    serving = serving_with(2048, 2);
    serving.options.worker.path = scripted_write(&scratch, steps, N_STEPS);
    serving_start(&serving);
    wait_until_loaded(&serving);
    scratch_remove(&scratch);
    *state = &serving;
    return 0;
}

static int close_serving(void **state)
{
    serving_stop(*state);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(several_calls_come_in_one_answer),
        cmocka_unit_test(calls_need_not_be_parallel),
        cmocka_unit_test(calls_are_streamed_in_pieces),
        cmocka_unit_test(a_stop_string_does_not_reach_over_a_call),
        cmocka_unit_test(whether_tools_are_called_is_the_clients_choice),
        cmocka_unit_test(results_come_back_as_messages),
        cmocka_unit_test(a_conversation_with_calls_is_held),
        cmocka_unit_test(json_is_what_comes),
        cmocka_unit_test(json_leaves_calls_to_the_model),
        cmocka_unit_test(json_and_calls_wait_for_a_reasoning),
        cmocka_unit_test(json_goes_on_with_what_was_begun),
        cmocka_unit_test(none_is_none),
        cmocka_unit_test(a_schema_that_cannot_be_kept_is_refused),
    };
    return cmocka_run_group_tests(tests, open_serving, close_serving);
}
