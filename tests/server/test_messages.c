/* SPDX-License-Identifier: Apache-2.0 */
/* test_messages.c - conversations: roles, parts, calls, reasoning that comes back, chores; and bodies that
 * are no JSON, or more than anybody needs. */
#include <stdlib.h>

#include "base/buffer.h"
#include "server/asked.h"

/* ---- conversations ---- */

static const char *const roles[] = {"system", "user", "assistant", "tool"};

static void add_text(struct buffer *out, const char *text)
{
    buffer_append_text(out, text != NULL ? text : "-");
}

/* A line: "user Hi; assistant - [reasoning] {id name arguments}; tool result (id)". */
static void describe(const struct request *request, struct buffer *out)
{
    for (size_t i = 0; i < request->n_messages; i++) {
        const struct fathom_message *message = &request->messages[i];
        buffer_append_format(out, "%s%s ", i > 0 ? "; " : "", roles[message->role]);
        add_text(out, message->content);
        if (message->reasoning != NULL)
            buffer_append_format(out, " [%s]", message->reasoning);
        for (size_t k = 0; k < message->n_calls; k++)
            buffer_append_format(out, " {%s %s %s}",
                                 message->calls[k].id != NULL ? message->calls[k].id : "-",
                                 message->calls[k].name, message->calls[k].arguments);
        if (message->call_id != NULL)
            buffer_append_format(out, " (%s)", message->call_id);
    }
    if (request->continues)
        buffer_append_text(out, " ...");
}

#define USER "{'role': 'user', 'content': 'Hi'}"

static const struct {
    const char *messages, *comes_to;
} conversations[] = {
    {USER, "user Hi"},
    {"{'role': 'developer', 'content': 'Be brief.'}, " USER, "system Be brief.; user Hi"},
    {"{'role': 'user', 'content': ''}", "user "},
    {"{'role': 'user', 'content': [{'type': 'text', 'text': 'a'}, {'type': 'text', 'text': 'b'}]}",
     "user ab"},
    {"{'role': 'user', 'content': []}", "user "},
    {"{'role': 'assistant', 'content': [{'type': 'refusal', 'refusal': 'No.'}]}, " USER,
     "assistant No.; user Hi"},
    {"{'role': 'user', 'content': '<｜User｜>\\u00e9\\ud83d\\udc1f', 'name': 'x'}",
     "user <｜User｜>\xC3\xA9\xF0\x9F\x90\x9F"},
    /* calls and what they returned */
    {"{'role': 'assistant', 'content': null, 'tool_calls': [{'id': 'c1', 'type': 'function', 'function': "
     "{'name': 'f', 'arguments': '{}'}}]}, {'role': 'tool', 'tool_call_id': 'c1', 'content': 'ok'}",
     "assistant - {c1 f {}}; tool ok (c1)"},
    {"{'role': 'assistant', 'tool_calls': [{'function': {'name': 'f', 'arguments': {'b': 0.1, 'a': [1, "
     "'\xC3\xA9']}}}]}, {'role': 'tool', 'content': 'ok'}",
     "assistant - {- f {\"b\": 0.1, \"a\": [1, \"\xC3\xA9\"]}}; tool ok"},
    {"{'role': 'assistant', 'content': 'x', 'tool_calls': []}, " USER, "assistant x; user Hi"},
    {"{'role': 'assistant', 'content': null}, " USER, "assistant ; user Hi"},
    /* reasoning is left out, however it comes */
    {"{'role': 'assistant', 'content': 'A', 'reasoning_content': 'r'}, " USER, "assistant A; user Hi"},
    {"{'role': 'assistant', 'content': '<think>\\nr\\n</think>\\n\\nA'}, " USER, "assistant A; user Hi"},
    {"{'role': 'assistant', 'content': ' \\n<think></think>A'}, " USER, "assistant A; user Hi"},
    {"{'role': 'assistant', 'content': '<think>cut'}, " USER, "assistant ; user Hi"},
    {"{'role': 'assistant', 'content': '<details type=\\'reasoning\\' done=\\'true\\'>\\n"
     "<summary>Thought</summary>\\n> r\\n</details>\\nA'}, " USER,
     "assistant A; user Hi"},
    {"{'role': 'assistant', 'content': 'A\\n<details type=\\'reasoning\\'>r</details>\\n\\nB'}, " USER,
     "assistant A\nB; user Hi"},
    {"{'role': 'assistant', 'content': '<details type=\\'reasoning\\' >cut'}, " USER, "assistant ; user Hi"},
    /* but nothing else is */
    {"{'role': 'assistant', 'content': 'say <think>x</think>'}, " USER,
     "assistant say <think>x</think>; user Hi"},
    {"{'role': 'assistant', 'content': 'a <details type=\\'reasoning\\'>b</details>'}, " USER,
     "assistant a <details type=\"reasoning\">b</details>; user Hi"},
    {"{'role': 'assistant', 'content': '<details>b</details>'}, " USER,
     "assistant <details>b</details>; user Hi"},
    {"{'role': 'assistant', 'content': ' A '}, " USER, "assistant  A ; user Hi"},
    {"{'role': 'user', 'content': '<think>a</think>b'}", "user <think>a</think>b"},
    /* an answer that goes on */
    {USER ", {'role': 'assistant', 'content': 'A'}", "user Hi; assistant A ..."},
    {USER ", {'role': 'assistant', 'content': 'A', 'prefix': true}", "user Hi; assistant A ..."},
    {USER ", {'role': 'assistant', 'content': 'A', 'reasoning_content': 'r'}",
     "user Hi; assistant A [r] ..."},
    {USER ", {'role': 'assistant', 'content': 'A', 'reasoning': 'r'}", "user Hi; assistant A [r] ..."},
    {USER ", {'role': 'assistant', 'content': '<think>\\nr'}", "user Hi; assistant  [r] ..."},
    {USER ", {'role': 'assistant', 'content': '<think>r</think>A'}", "user Hi; assistant A [r] ..."},
};

static void read_conversations(void **state)
{
    (void)state;
    struct request request;
    struct refusal refusal;
    for (size_t i = 0; i < sizeof conversations / sizeof *conversations; i++) {
        struct buffer body = {0}, found = {0};
        buffer_append_format(&body, "{'messages': [%s]}", conversations[i].messages);
        /* \' is an escaped quote: ask() makes \" of it */
        if (!ask(&request, REQUEST_CHAT, buffer_text(&body), &refusal))
            fail_msg("%s: %s", conversations[i].messages, refusal.message);
        describe(&request, &found);
        if (strcmp(buffer_text(&found), conversations[i].comes_to) != 0)
            fail_msg("%s:\n%s\nexpected\n%s", conversations[i].messages, buffer_text(&found),
                     conversations[i].comes_to);
        request_release(&request);
        buffer_release(&body);
        buffer_release(&found);
    }
}

static void not_continued(void **state)
{
    (void)state;
    struct request request;
    struct refusal refusal;
    assert_true(ask(&request, REQUEST_CHAT,
                    "{'messages': [" USER ", {'role': 'assistant', 'content': 'A', 'reasoning': 'r'}], "
                    "'continue_final_message': false}",
                    &refusal));
    assert_false(request.continues);
    assert_null(request.messages[1].reasoning);
    request_release(&request);
}

static void read_tool(void **state)
{
    (void)state;
    struct request request;
    struct refusal refusal;
    assert_true(ask_chat(&request,
                         "'tools': [{'type': 'function', 'function': {'name': 'get.it', 'strict': true, "
                         "'description': 'gets', 'parameters': {'type':'object','properties':{}}}}], "
                         "'tool_choice': {'type': 'function', 'function': {'name': 'get.it'}}",
                         &refusal));
    assert_string_equal(request.tools[0].name, "get.it");
    assert_string_equal(request.tools[0].description, "gets");
    assert_string_equal(request.tools[0].parameters, "{\"type\": \"object\", \"properties\": {}}");
    assert_string_equal(request.tool_name, "get.it");
    assert_string_equal(buffer_text(&request.ignored), "tools.function.strict");
    request_release(&request);
}

/* ---- chores ---- */

static const struct {
    const char *content;
    enum chore chore;
} chores[] = {
    {"### Task:\\nName it.\\nJSON: { \\'title\\': \\'...\\' }\\n<chat_history>\\n</chat_history>",
     CHORE_TITLE},
    {"### Task:\\nJSON: { \\'tags\\': [] }\\n<chat_history>", CHORE_TAGS},
    {"### Task:\\nJSON: { \\'follow_ups\\': [] }\\n<chat_history>", CHORE_FOLLOW_UPS},
    {"### Task:\\nYou are an autocompletion system.\\n<chat_history>", CHORE_AUTOCOMPLETE},
    {"### Task:\\nSearch: { \\'queries\\': [] }\\n<chat_history>", CHORE_OTHER},
    {"### Task:\\nSum up.\\n<chat_history>USER: \\'title\\'", CHORE_OTHER},
    {"### Task:\\nWrite \\'title\\'", CHORE_NONE},
    {"Look: ### Task:\\n\\'title\\' <chat_history>", CHORE_NONE},
    {"Hi", CHORE_NONE},
};

static void known_chores(void **state)
{
    (void)state;
    struct request request;
    struct refusal refusal;
    for (size_t i = 0; i < sizeof chores / sizeof *chores; i++)
        for (int alone = 0; alone < 2; alone++) {
            struct buffer body = {0};
            buffer_append_format(&body, "{'messages': [%s{'role': 'user', 'content': '%s'}]}",
                                 alone ? "" : USER ", ", chores[i].content);
            assert_true(ask(&request, REQUEST_CHAT, buffer_text(&body), &refusal));
            assert_int_equal(request.chore, alone ? chores[i].chore : CHORE_NONE);
            request_release(&request);
            buffer_release(&body);
        }
    assert_string_equal(chore_name(CHORE_FOLLOW_UPS), "follow-ups");
}

/* ---- refused ---- */

static const struct {
    const char *messages, *param;
} refused[] = {
    {"", "messages"},
    {"5", "messages[0]"},
    {"{'content': 'Hi'}", "messages[0].role"},
    {USER ", {'role': 5, 'content': 'Hi'}", "messages[1].role"},
    {"{'role': 'function', 'content': 'Hi'}", "messages[0].role"},
    {"{'role': 'User', 'content': 'Hi'}", "messages[0].role"},
    {"{'role': 'user'}", "messages[0].content"},
    {"{'role': 'user', 'content': null}", "messages[0].content"},
    {"{'role': 'user', 'content': 5}", "messages[0].content"},
    {"{'role': 'tool', 'tool_call_id': 'x'}", "messages[0].content"},
    {"{'role': 'tool', 'content': 'x', 'tool_call_id': 5}", "messages[0].tool_call_id"},
    {"{'role': 'user', 'content': ['Hi']}", "messages[0].content[0]"},
    {"{'role': 'user', 'content': [{'type': 'text'}]}", "messages[0].content[0].text"},
    {"{'role': 'user', 'content': [{'type': 'text', 'text': 'a'}, {'type': 'image_url', 'image_url': {}}]}",
     "messages[0].content[1]"},
    {"{'role': 'user', 'content': [{'type': 'input_audio'}]}", "messages[0].content[0]"},
    {"{'role': 'assistant', 'tool_calls': {}}", "messages[0].tool_calls"},
    {"{'role': 'assistant', 'tool_calls': [{}]}", "messages[0].tool_calls[0].function"},
    {"{'role': 'assistant', 'tool_calls': [{'function': {'name': ''}}]}",
     "messages[0].tool_calls[0].function.name"},
    {"{'role': 'assistant', 'tool_calls': [{'function': {'name': 'f', 'arguments': 5}}]}",
     "messages[0].tool_calls[0].function.arguments"},
    {"{'role': 'assistant', 'tool_calls': [{'id': 5, 'function': {'name': 'f', 'arguments': ''}}]}",
     "messages[0].tool_calls[0].id"},
    {"{'role': 'assistant', 'tool_calls': [{'function': {'name': 'f', 'arguments': ''}}]}", "messages"},
    {"{'role': 'user', 'content': 'x', 'prefix': true}", "messages"},
};

static void refused_conversations(void **state)
{
    (void)state;
    struct request request;
    struct refusal refusal;
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        struct buffer body = {0};
        buffer_append_format(&body, "{'messages': [%s]}", refused[i].messages);
        if (ask(&request, REQUEST_CHAT, buffer_text(&body), &refusal))
            fail_msg("%s: not refused", refused[i].messages);
        if (refusal.status != 400 || strcmp(refusal.param, refused[i].param) != 0)
            fail_msg("%s: %s (%s)", refused[i].messages, refusal.param, refusal.message);
        buffer_release(&body);
    }
}

static const char *const broken[] = {
    "",
    " ",
    "{",
    "[]",
    "'x'",
    "{}{}",
    "{'messages': }",
    "{'messages': [], 'messages': []}",
    "{'messages': [{'role': 'user', 'role': 'system', 'content': 'x'}]}",
    "{'messages': [{'role': 'user', 'content': '\xFF'}]}",
    "{'messages': [{'role': 'user', 'content': '\xC0\xAF'}]}",
    "{'messages': [{'role': 'user', 'content': '\\ud800'}]}",
    "{'messages': [{'role': 'user', 'content': 'a\\u0000b'}]}",
    "{'seed': 99999999999999999999999}",
    "{'temperature': 1e999}",
    "{'temperature': NaN}",
    "{'temperature': 01}",
    "{'a': 'line\nbreak'}",
};

static void broken_bodies(void **state)
{
    (void)state;
    struct request request;
    struct refusal refusal;
    for (size_t i = 0; i < sizeof broken / sizeof *broken; i++) {
        if (ask(&request, REQUEST_CHAT, broken[i], &refusal))
            fail_msg("%s: not refused", broken[i]);
        assert_int_equal(refusal.status, 400);
        assert_string_equal(refusal.code, "invalid_json");
        assert_string_equal(refusal.param, "");
    }
    assert_false(request_parse(&request, REQUEST_CHAT, "{}\0", 3, NULL, &refusal));
    assert_string_equal(refusal.code, "invalid_json");
}

/* `n` times `item` between head and tail. */
static void expect_status(const char *head, const char *item, size_t n, const char *tail, int status)
{
    struct buffer body = {0};
    struct request request;
    struct refusal refusal = {0};
    buffer_append_text(&body, head);
    for (size_t i = 0; i < n; i++)
        buffer_append_text(&body, item);
    buffer_append_text(&body, tail);
    if (request_parse(&request, REQUEST_CHAT, body.bytes, body.n_bytes, NULL, &refusal))
        request_release(&request);
    assert_int_equal(refusal.status, status);
    buffer_release(&body);
}

static void too_much(void **state)
{
    (void)state;
    static const char message[] = "{\"role\": \"user\", \"content\": \"\"},";
    static const char last[] = "{\"role\": \"user\", \"content\": \"\"}]}";
    expect_status("{\"a\": ", "[", 100000, "", 400);
    expect_status("{\"messages\": ", "[{\"content\": ", 3000, "", 400);
    expect_status("{\"a\": [0", ", {}", REQUEST_VALUES / 2 - 8,
                  "], \"messages\": [{\"role\": \"user\", \"content\": \"\"}]}", 0);
    expect_status("{\"a\": [0", ", {}", REQUEST_VALUES / 2, "]}", 413);
    expect_status("{\"messages\": [{\"role\": \"user\", \"content\": \"\\\"", ",", REQUEST_VALUES, "\"}]}",
                  0);
    expect_status("{\"messages\": [", message, REQUEST_MESSAGES - 1, last, 0);
    expect_status("{\"messages\": [", message, REQUEST_MESSAGES, last, 400);
    expect_status("{\"messages\": [{\"role\": \"user\", \"content\": \"", "0123456789abcdef", 1 << 20,
                  "\"}]}", 413);
    expect_status("{\"messages\": [{\"role\": \"user\", \"content\": \"x\"}], \"stop\": [\"a\"", ", \"a\"",
                  REQUEST_STOPS, "]}", 400);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(read_conversations),
        cmocka_unit_test(not_continued),
        cmocka_unit_test(read_tool),
        cmocka_unit_test(known_chores),
        cmocka_unit_test(refused_conversations),
        cmocka_unit_test(broken_bodies),
        cmocka_unit_test(too_much),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
