/* SPDX-License-Identifier: Apache-2.0 */
/* test_fields.c - every field of docs/serving.md's three lists: what it sets, that it is named, or why it is
 * refused. */
#include <math.h>

#include "base/file.h"
#include "server/asked.h"
#include "server/request/fields.h"

/* ---- honoured ---- */

/* What a request came to, in the words that the table below checks: only what is not at its default. */
static void describe(const struct request *r, char *text, size_t n_bytes)
{
    struct buffer out = {0};
    const struct fathom_sampling *s = &r->sampling;
    const struct {
        const char *name;
        double value, usual;
    } numbers[] = {
        {"temperature", (double)s->temperature, 0},
        {"top_k", s->top_k, 0},
        {"min_p", (double)s->min_p, 0},
        {"repetition", (double)s->repetition_penalty, 0},
        {"window", s->repetition_window, 0},
        {"presence", (double)s->presence_penalty, 0},
        {"frequency", (double)s->frequency_penalty, 0},
        {"seed", r->has_seed ? (double)s->seed : -1, -1},
        {"stops", (double)r->n_stops, 0},
        {"max_tokens", r->max_tokens, 0},
        {"biases", (double)s->n_biases, 0},
        {"logprobs", r->logprobs, 0},
        {"tops", r->n_top_logprobs, 0},
        {"stream", r->stream, 0},
        {"usage", r->include_usage, 0},
        {"constraint", r->is_constrained ? (double)r->constraint : -1, -1},
        {"tools", (double)r->n_tools, 0},
        {"choice", r->tool_choice, TOOLS_AUTO},
        {"parallel", r->parallel_calls, 1},
        {"quick", r->quick, 0},
        {"think", r->think, FATHOM_THINK_AUTO},
        {"budget", r->think_budget, 0},
        {"special", r->parse_special, 0},
        {"begin", r->add_begin, 1},
        {"pieces", r->with_pieces, 0},
        {"ids", (double)r->n_prompt_ids, 0},
        {"bytes", (double)r->prompt_bytes, 0},
    };
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        if (fabs(numbers[i].value - numbers[i].usual) > 1e-6)
            buffer_append_format(&out, "%s%s %.7g", out.n_bytes > 0 ? ", " : "", numbers[i].name,
                                 numbers[i].value);
    if (s->top_p > 0)
        buffer_append_format(&out, "%stop_p %.2g", out.n_bytes > 0 ? ", " : "", (double)s->top_p);
    if (r->ignored.n_bytes > 0)
        buffer_append_format(&out, "%signored %s", out.n_bytes > 0 ? ", " : "", buffer_text(&r->ignored));
    snprintf(text, n_bytes, "%s", buffer_text(&out));
    buffer_release(&out);
}

static const struct {
    const char *fields, *comes_to;
} honoured[] = {
    {"", ""},
    {"'temperature': 0.5", "temperature 0.5"},
    {"'temperature': 1", "temperature 1"},
    {"'temperature': null", ""},
    {"'top_p': 0.9", "top_p 0.9"},
    {"'top_p': 0", "top_p 1.2e-38"},
    {"'top_k': 40", "top_k 40"},
    {"'top_k': -1", ""},
    {"'top_k': 40.0", "top_k 40"},
    {"'min_p': 0.05", "min_p 0.05"},
    {"'repetition_penalty': 1.1", "repetition 1.1"},
    {"'repeat_penalty': 1.1", "repetition 1.1"},
    {"'repeat_penalty': 1.1, 'repeat_last_n': 64", "repetition 1.1, window 64"},
    {"'repeat_penalty': 1.1, 'repeat_last_n': 0", "repetition 1"},
    {"'repeat_last_n': -1", ""},
    {"'presence_penalty': -2", "presence -2"},
    {"'frequency_penalty': 0.5", "frequency 0.5"},
    {"'seed': 42", "seed 42"},
    {"'seed': -1", ""},
    {"'stop': 'x'", "stops 1"},
    {"'stop': ''", ""},
    {"'stop': ['x', 'yy']", "stops 2"},
    {"'stop': []", ""},
    {"'max_tokens': 7", "max_tokens 7"},
    {"'max_tokens': -1", ""},
    {"'max_completion_tokens': 9, 'max_tokens': 7", "max_tokens 9"},
    {"'max_tokens': 7, 'max_completion_tokens': 9", "max_tokens 9"},
    {"'logit_bias': {'5': 1.5, '6': -100}", "biases 2"},
    {"'logprobs': true", "logprobs 1"},
    {"'logprobs': true, 'top_logprobs': 20", "logprobs 1, tops 20"},
    {"'logprobs': false, 'top_logprobs': 0", ""},
    {"'stream': true", "stream 1"},
    {"'stream': true, 'stream_options': {'include_usage': true}", "stream 1, usage 1"},
    {"'stream_options': {'include_obfuscation': false}", "ignored stream_options.include_obfuscation"},
    {"'response_format': {'type': 'text'}", ""},
    {"'response_format': {'type': 'json_object'}", "constraint 0"},
    {"'response_format': {'type': 'json_schema', 'json_schema': {'name': 'a', 'schema': {}}}",
     "constraint 1"},
    {"'response_format': {'type': 'json_object', 'schema': {'type': 'object'}}", "constraint 1"},
    {"'response_format': {'type': 'json_object', 'schema': null}", "constraint 0"},
    {"'json_schema': {'type': 'string'}", "constraint 1"},
    {"'grammar': 'root ::= [a-z]+'", "constraint 2"},
    {"'grammar': ''", ""},
    {"'tools': []", ""},
    {"'tools': [{'type': 'function', 'function': {'name': 'f'}}]", "tools 1"},
    {"'tool_choice': 'required', 'tools': [{'type': 'function', 'function': {'name': 'f'}}]",
     "tools 1, choice 2"},
    {"'tool_choice': {'type': 'function', 'function': {'name': 'f'}},"
     "'tools': [{'type': 'function', 'function': {'name': 'f'}}]",
     "tools 1, choice 3"},
    {"'tool_choice': 'none'", "choice 1"},
    {"'tool_choice': 'auto'", ""},
    {"'parallel_tool_calls': false", "parallel 0"},
    {"'model': 'r1'", ""},
    {"'model': 'r1:quick'", "quick 1, think 2"},
    {"'model': ':quick'", ""},
    {"'model': 'r1:quick', 'enable_thinking': true", "quick 1, think 2"},
    {"'reasoning_effort': 'none'", "think 2"},
    {"'reasoning_effort': 'minimal'", "think 2"},
    {"'reasoning_effort': 'low'", "budget 1024"},
    {"'reasoning_effort': 'medium'", ""},
    {"'reasoning_effort': 'high'", "think 1"},
    {"'enable_thinking': true", "think 1"},
    {"'enable_thinking': false", "think 2"},
    {"'enable_thinking': false, 'reasoning_effort': 'high'", "think 2"},
    {"'chat_template_kwargs': {'thinking': false}", "think 2"},
    {"'chat_template_kwargs': {'enable_thinking': true}", "think 1"},
    {"'chat_template_kwargs': {'thinking_budget': 99, 'colour': 1}",
     "budget 99, ignored chat_template_kwargs.colour"},
    {"'thinking': {'type': 'enabled', 'budget_tokens': 512}", "think 1, budget 512"},
    {"'thinking': {'type': 'disabled'}", "think 2"},
    {"'thinking': {'type': 'auto'}", ""},
    {"'reasoning': {'effort': 'low'}", "budget 1024"},
    {"'reasoning': {'max_tokens': 100, 'enabled': true, 'exclude': true}",
     "think 1, budget 100, ignored reasoning.exclude"},
    {"'thinking_budget': 100", "budget 100"},
    {"'thinking_budget': 0", "think 2"},
    {"'reasoning_budget': -1", ""},
    {"'reasoning_budget': -1, 'reasoning_effort': 'low'", ""},
    {"'continue_final_message': false", ""},
    {"'n': 1", ""},
    {"'n': null, 'audio': null, 'tools': null, 'stop': null, 'model': null", ""},
    {"'best_of': 1", ""},
    {"'modalities': ['text']", ""},
    {"'functions': [], 'function_call': '', 'echo': true", "ignored echo"},
};

static void honoured_fields(void **state)
{
    (void)state;
    struct request request;
    struct refusal refusal;
    char found[1024];
    for (size_t i = 0; i < sizeof honoured / sizeof *honoured; i++) {
        if (!ask_chat(&request, honoured[i].fields, &refusal))
            fail_msg("%s: %s", honoured[i].fields, refusal.message);
        describe(&request, found, sizeof found);
        if (strcmp(found, honoured[i].comes_to) != 0)
            fail_msg("%s: \"%s\", expected \"%s\"", honoured[i].fields, found, honoured[i].comes_to);
        request_release(&request);
    }
}

static const struct {
    enum request_kind kind;
    const char *body, *comes_to;
} prompts[] = {
    {REQUEST_COMPLETION, "{'prompt': 'Hi'}", "bytes 2"},
    {REQUEST_COMPLETION, "{'prompt': ['Hi']}", "bytes 2"},
    {REQUEST_COMPLETION, "{'prompt': [1, 2, 3]}", "ids 3"},
    {REQUEST_COMPLETION, "{'prompt': [[1, 2, 3]]}", "ids 3"},
    {REQUEST_COMPLETION, "{'prompt': ''}", ""},
    {REQUEST_COMPLETION, "{'prompt': 'Hi', 'parse_special': true}", "special 1, bytes 2"},
    {REQUEST_COMPLETION, "{'prompt': 'Hi', 'add_special_tokens': false}", "begin 0, bytes 2"},
    {REQUEST_COMPLETION, "{'prompt': 'Hi', 'logprobs': 5}", "logprobs 1, tops 5, bytes 2"},
    {REQUEST_COMPLETION, "{'prompt': 'Hi', 'logprobs': 0}", "logprobs 1, bytes 2"},
    {REQUEST_COMPLETION, "{'prompt': 'Hi', 'echo': false, 'suffix': ''}", "bytes 2"},
    {REQUEST_COMPLETION, "{'prompt': 'Hi', 'messages': []}", "bytes 2, ignored messages"},
    {REQUEST_TOKENIZE, "{'content': 'Hi', 'with_pieces': true, 'add_special': false}",
     "begin 0, pieces 1, bytes 2"},
    {REQUEST_TOKENIZE, "{'prompt': 'Hi', 'return_token_strs': true}", "pieces 1, bytes 2"},
    {REQUEST_TOKENIZE, "{'content': 'Hi', 'model': 'a', 'temperature': 1}", "bytes 2, ignored temperature"},
};

static void honoured_prompts(void **state)
{
    (void)state;
    struct request request;
    struct refusal refusal;
    char found[1024];
    for (size_t i = 0; i < sizeof prompts / sizeof *prompts; i++) {
        if (!ask(&request, prompts[i].kind, prompts[i].body, &refusal))
            fail_msg("%s: %s", prompts[i].body, refusal.message);
        describe(&request, found, sizeof found);
        if (strcmp(found, prompts[i].comes_to) != 0)
            fail_msg("%s: \"%s\", expected \"%s\"", prompts[i].body, found, prompts[i].comes_to);
        request_release(&request);
    }
}

/* ---- without effect ---- */

static void ignored_fields(void **state)
{
    (void)state;
    static const char *const names[] = {"user",
                                        "metadata",
                                        "store",
                                        "service_tier",
                                        "safety_identifier",
                                        "prompt_cache_key",
                                        "verbosity",
                                        "prediction",
                                        "cache_prompt",
                                        "id_slot",
                                        "timings_per_token",
                                        "return_progress",
                                        "mirostat",
                                        "dry_multiplier",
                                        "xtc_probability",
                                        "typical_p",
                                        "tfs_z",
                                        "samplers",
                                        "keep_alive",
                                        "reasoning_format"};
    struct request request;
    struct refusal refusal;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char fields[128];
        snprintf(fields, sizeof fields, "'%s': {'a': [1]}", names[i]);
        assert_true(ask_chat(&request, fields, &refusal));
        assert_string_equal(buffer_text(&request.ignored), names[i]);
        request_release(&request);
    }
}

/* Whatever a name holds, the list is one line of text, and short. */
static void ignored_list(void **state)
{
    (void)state;
    struct request request;
    struct refusal refusal;
    char fields[4096] = "'b': 1";
    assert_true(ask_chat(&request, "'b\\r\\nSet-Cookie: x': 1, '\xC3\xA9,': 1, 'b': 1, '': 1", &refusal));
    assert_string_equal(buffer_text(&request.ignored), "b??Set-Cookie:?x, ???, b");
    request_release(&request);
    for (int i = 0; i < 100; i++)
        snprintf(fields + strlen(fields), sizeof fields - strlen(fields), ", 'a field number %d': 1", i);
    assert_true(ask_chat(&request, fields, &refusal));
    assert_true(request.ignored.n_bytes <= 512);
    assert_string_equal(buffer_text(&request.ignored) + request.ignored.n_bytes - 5, ", ...");
    request_release(&request);
}

/* ---- refused ---- */

static const struct {
    const char *fields, *param, *code;
} refused[] = {
    {"'n': 2", "n", "unsupported_value"},
    {"'n': 0", "n", "unsupported_value"},
    {"'n': '1'", "n", "unsupported_value"},
    {"'best_of': 3", "best_of", "unsupported_value"},
    {"'modalities': ['text', 'audio']", "modalities", "unsupported_value"},
    {"'modalities': 'audio'", "modalities", "unsupported_value"},
    {"'audio': {'voice': 'x'}", "audio", "unsupported_parameter"},
    {"'functions': [{'name': 'f'}]", "functions", "unsupported_parameter"},
    {"'function_call': 'auto'", "function_call", "unsupported_parameter"},
    {"'web_search_options': {}", "web_search_options", "unsupported_parameter"},
    {"'min_tokens': 5", "min_tokens", "unsupported_parameter"},
    {"'ignore_eos': true", "ignore_eos", "unsupported_parameter"},
    {"'stop_token_ids': [1]", "stop_token_ids", "unsupported_parameter"},
    {"'bad_words': ['x']", "bad_words", "unsupported_parameter"},
    {"'use_beam_search': true", "use_beam_search", "unsupported_parameter"},
    {"'prompt_logprobs': 1", "prompt_logprobs", "unsupported_parameter"},
    {"'structured_outputs': {'json': {}}", "structured_outputs", "unsupported_parameter"},
    {"'guided_json': '{}'", "guided_json", "unsupported_parameter"},
    {"'guided_regex': 'a'", "guided_regex", "unsupported_parameter"},
    {"'guided_choice': ['a']", "guided_choice", "unsupported_parameter"},
    {"'guided_grammar': 'a'", "guided_grammar", "unsupported_parameter"},
    /* wrong types and ranges of what is honoured */
    {"'temperature': 5.1", "temperature", "invalid_value"},
    {"'temperature': -0.1", "temperature", "invalid_value"},
    {"'temperature': '1'", "temperature", "invalid_type"},
    {"'temperature': true", "temperature", "invalid_type"},
    {"'temperature': 1e300", "temperature", "invalid_value"},
    {"'top_p': 1.01", "top_p", "invalid_value"},
    {"'top_k': 0.5", "top_k", "invalid_type"},
    {"'top_k': 1e300", "top_k", "invalid_value"},
    {"'top_k': 4294967296", "top_k", "invalid_value"},
    {"'min_p': -1", "min_p", "invalid_value"},
    {"'repetition_penalty': 0", "repetition_penalty", "invalid_value"},
    {"'presence_penalty': 3", "presence_penalty", "invalid_value"},
    {"'seed': 'x'", "seed", "invalid_type"},
    {"'seed': 1e300", "seed", "invalid_value"},
    {"'stop': 5", "stop", "invalid_type"},
    {"'stop': ['a', 5]", "stop[1]", "invalid_type"},
    {"'stop': ['']", "stop[0]", "invalid_value"},
    {"'max_tokens': 0", "max_tokens", "invalid_value"},
    {"'max_tokens': -2", "max_tokens", "invalid_value"},
    {"'max_completion_tokens': 1.5", "max_completion_tokens", "invalid_type"},
    {"'logit_bias': [1]", "logit_bias", "invalid_type"},
    {"'logit_bias': {'x': 1}", "logit_bias", "invalid_value"},
    {"'logit_bias': {'4294967295': 1}", "logit_bias", "invalid_value"},
    {"'logit_bias': {'99999999999': 1}", "logit_bias", "invalid_value"},
    {"'logit_bias': {'1': 101}", "logit_bias", "invalid_value"},
    {"'logprobs': 1", "logprobs", "invalid_type"},
    {"'top_logprobs': 5", "top_logprobs", "invalid_value"},
    {"'logprobs': true, 'top_logprobs': 21", "top_logprobs", "invalid_value"},
    {"'stream': 'yes'", "stream", "invalid_type"},
    {"'stream_options': true", "stream_options", "invalid_type"},
    {"'stream_options': {'include_usage': 1}", "stream_options.include_usage", "invalid_type"},
    {"'response_format': 'json'", "response_format", "invalid_type"},
    {"'response_format': {'type': 'xml'}", "response_format.type", "unsupported_value"},
    {"'response_format': {'type': 'json_schema'}", "response_format.json_schema.schema", "invalid_type"},
    {"'response_format': {'type': 'json_object', 'schema': 1}", "response_format.schema", "invalid_type"},
    {"'json_schema': {}, 'grammar': 'root ::= \\'a\\''", "grammar", "invalid_value"},
    {"'tools': {}", "tools", "invalid_type"},
    {"'tools': [1]", "tools[0].type", "unsupported_value"},
    {"'tools': [{'type': 'web_search'}]", "tools[0].type", "unsupported_value"},
    {"'tools': [{'type': 'function'}]", "tools[0].function", "invalid_type"},
    {"'tools': [{'type': 'function', 'function': {'name': 'a b'}}]", "tools[0].function.name",
     "invalid_value"},
    {"'tools': [{'type': 'function', 'function': {'name': 'f', 'parameters': []}}]",
     "tools[0].function.parameters", "invalid_type"},
    {"'tools': [{'type': 'function', 'function': {'name': 'f'}},"
     "{'type': 'function', 'function': {'name': 'f'}}]",
     "tools[1].function", "invalid_value"},
    {"'tool_choice': 'required'", "tool_choice", "invalid_value"},
    {"'tool_choice': 'f'", "tool_choice", "invalid_value"},
    {"'tool_choice': {'type': 'function', 'function': {'name': 'f'}}", "tool_choice", "invalid_value"},
    {"'parallel_tool_calls': 1", "parallel_tool_calls", "invalid_type"},
    {"'model': 5", "model", "invalid_type"},
    {"'reasoning_effort': 'much'", "reasoning_effort", "invalid_value"},
    {"'reasoning_effort': 5", "reasoning_effort", "invalid_type"},
    {"'enable_thinking': 'no'", "enable_thinking", "invalid_type"},
    {"'chat_template_kwargs': []", "chat_template_kwargs", "invalid_type"},
    {"'chat_template_kwargs': {'thinking': 1}", "chat_template_kwargs.thinking", "invalid_type"},
    {"'thinking': 'on'", "thinking", "invalid_type"},
    {"'thinking': {'type': 'maybe'}", "thinking.type", "invalid_value"},
    {"'reasoning': []", "reasoning", "invalid_type"},
    {"'reasoning': {'effort': 'much'}", "reasoning.effort", "invalid_value"},
    {"'thinking_budget': -2", "thinking_budget", "invalid_value"},
    {"'continue_final_message': true", "messages", "invalid_value"},
    {"'continue_final_message': 1", "continue_final_message", "invalid_type"},
};

static void expect_refusal(enum request_kind kind, const char *body, const char *param, const char *code)
{
    struct request request;
    struct refusal refusal;
    if (ask(&request, kind, body, &refusal))
        fail_msg("%s: not refused", body);
    if (refusal.status != 400 || strcmp(refusal.param, param) != 0 || strcmp(refusal.code, code) != 0)
        fail_msg("%s: %d %s %s (%s)", body, refusal.status, refusal.param, refusal.code, refusal.message);
    assert_string_equal(refusal.type, "invalid_request_error");
    assert_true(refusal.message[0] != '\0');
    assert_null(request.arena.newest);
}

static void refused_fields(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        char body[1024];
        snprintf(body, sizeof body, "{'messages': [{'role': 'user', 'content': 'Hi'}], %s}",
                 refused[i].fields);
        expect_refusal(REQUEST_CHAT, body, refused[i].param, refused[i].code);
    }
}

static void refused_prompts(void **state)
{
    (void)state;
    expect_refusal(REQUEST_COMPLETION, "{}", "prompt", "missing_required_parameter");
    expect_refusal(REQUEST_COMPLETION, "{'prompt': []}", "prompt", "missing_required_parameter");
    expect_refusal(REQUEST_COMPLETION, "{'prompt': {}}", "prompt", "invalid_type");
    expect_refusal(REQUEST_COMPLETION, "{'prompt': ['a', 'b']}", "prompt", "unsupported_value");
    expect_refusal(REQUEST_COMPLETION, "{'prompt': [1, 'b']}", "prompt[1]", "invalid_type");
    expect_refusal(REQUEST_COMPLETION, "{'prompt': [-1]}", "prompt[0]", "invalid_value");
    expect_refusal(REQUEST_COMPLETION, "{'prompt': [4294967295]}", "prompt[0]", "invalid_value");
    expect_refusal(REQUEST_COMPLETION, "{'prompt': 'a', 'suffix': 'b'}", "suffix", "unsupported_parameter");
    expect_refusal(REQUEST_COMPLETION, "{'prompt': 'a', 'echo': true}", "echo", "unsupported_parameter");
    expect_refusal(REQUEST_COMPLETION, "{'prompt': 'a', 'logprobs': true}", "logprobs", "invalid_type");
    expect_refusal(REQUEST_TOKENIZE, "{}", "content", "missing_required_parameter");
    expect_refusal(REQUEST_TOKENIZE, "{'content': 'a', 'prompt': 'b'}", "prompt", "invalid_value");
    expect_refusal(REQUEST_CHAT, "{'model': 'r1'}", "messages", "missing_required_parameter");
}

/* ---- the lists themselves ---- */

/* The part of docs/serving.md under this heading, as a text of its own. */
static void read_section(struct buffer *section, const char *heading)
{
    struct buffer page = {0};
    assert_true(file_read(&page, "docs/serving.md", 1 << 20, NULL));
    const char *start = strstr(buffer_text(&page), heading);
    assert_non_null(start);
    start += strlen(heading);
    const char *end = strstr(start, "\n##");
    buffer_append(section, start, end != NULL ? (size_t)(end - start) : strlen(start));
    buffer_release(&page);
}

static bool names(const struct buffer *section, const char *field)
{
    char quoted[80];
    snprintf(quoted, sizeof quoted, "`%s", field);
    for (const char *at = buffer_text(section); (at = strstr(at, quoted)) != NULL; at++)
        if (strchr("`.", at[strlen(quoted)]) != NULL)
            return true;
    return false;
}

static bool is_refusing(const struct field *field)
{
    return field->read == refuse_unless_one || field->read == refuse_unless_empty ||
           field->read == refuse_always || field->read == read_modalities;
}

/* Each field of the table stands in the list where it belongs. */
static void documented(void **state)
{
    (void)state;
    struct buffer honours = {0}, refuses = {0};
    const struct field *field;
    read_section(&honours, "### Honoured\n");
    read_section(&refuses, "### Refused\n");
    for (size_t i = 0; (field = field_at(i)) != NULL; i++)
        if (!names(is_refusing(field) ? &refuses : &honours, field->name))
            fail_msg("docs/serving.md does not list %s where it belongs", field->name);
    buffer_release(&honours);
    buffer_release(&refuses);
}

/* What is said to have no effect is none of the table's, and what heads a row of the others is. */
static void nothing_else_documented(void **state)
{
    (void)state;
    static const char *const headings[] = {"### Honoured\n", "### Refused\n",
                                           "### Accepted without effect\n"};
    for (size_t i = 0; i < 3; i++) {
        struct buffer section = {0};
        read_section(&section, headings[i]);
        for (char *line = strtok(section.bytes, "\n"); line != NULL; line = strtok(NULL, "\n")) {
            const char *end = i < 2 ? strchr(line + 1, '|') : line + strlen(line);
            for (char *at = strchr(line, '`'); at != NULL && at < end && line[0] == (i < 2 ? '|' : '`');
                 at = strchr(at, '`')) {
                char name[64];
                size_t n = strcspn(at + 1, "`.");
                snprintf(name, sizeof name, "%.*s", (int)n, at + 1);
                bool known = field_find(REQUEST_CHAT, name) != NULL ||
                             field_find(REQUEST_COMPLETION, name) != NULL ||
                             field_find(REQUEST_TOKENIZE, name) != NULL;
                if (known != (i < 2))
                    fail_msg("docs/serving.md has %s in the wrong list", name);
                at = strchr(at + 1, '`') + 1;
            }
        }
        buffer_release(&section);
    }
}

/* -1 lifts the server's own limit. */
static void no_limit_is_an_answer_too(void **state)
{
    (void)state;
    static const char body[] = "{\"prompt\": \"x\", \"max_tokens\": -1}";
    const struct request_defaults defaults = {.max_tokens = 5};
    struct request request;
    struct refusal refusal;
    assert_true(request_parse(&request, REQUEST_COMPLETION, body, strlen(body), &defaults, &refusal));
    assert_int_equal(request.max_tokens, 0);
    request_release(&request);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(honoured_fields),
        cmocka_unit_test(honoured_prompts),
        cmocka_unit_test(ignored_fields),
        cmocka_unit_test(ignored_list),
        cmocka_unit_test(refused_fields),
        cmocka_unit_test(documented),
        cmocka_unit_test(nothing_else_documented),
        cmocka_unit_test(refused_prompts),
        cmocka_unit_test(no_limit_is_an_answer_too),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
