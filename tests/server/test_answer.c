/* SPDX-License-Identifier: Apache-2.0 */
/* test_answer.c - answers and errors, whole and in chunks: the very text, and what a JSON parser and a reader
 * of event streams make of it. */
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "server/answer/chunk.h"

static const struct answer_head chat = {
    .is_chat = true, .id = "chatcmpl-1", .model = "r\"1", .created = 1700000000};
static const struct answer_head completion = {.id = "cmpl-1", .model = "r1", .created = 1700000000};
static const struct answer_usage usage = {.n_prompt = 10, .n_cached = 6, .n_completion = 5, .n_reasoning = 2};
static const struct answer_timings timings = {
    .n_cached = 6, .n_prompt = 4, .n_predicted = 5, .prompt_seconds = 0.5, .predicted_seconds = 2};

/* ---- reading what was written ---- */

/* The value at a path of keys and numbers, "choices.0.delta"; NULL: there is none. */
static const json_t *at(const json_t *value, const char *path)
{
    char step[64];
    while (*path != '\0') {
        size_t n = strcspn(path, ".");
        memcpy(step, path, n);
        step[n] = '\0';
        value =
            json_is_array(value) ? json_array_get(value, (size_t)atoi(step)) : json_object_get(value, step);
        path += n + (path[n] == '.');
    }
    return value;
}

static void expect(const json_t *value, const char *path, const char *expected)
{
    const json_t *found = at(value, path);
    char *text = found != NULL ? json_dumps(found, JSON_ENCODE_ANY | JSON_COMPACT) : NULL;
    if (text == NULL ? strcmp(expected, "nothing") != 0 : strcmp(text, expected) != 0)
        fail_msg("%s: %s, expected %s", path, text != NULL ? text : "nothing", expected);
    free(text);
}

/* The next event's data; checks that it is one line and an empty one. NULL: the stream is over. */
static json_t *next_event(const char **stream)
{
    json_t *value = NULL;
    while (value == NULL && **stream != '\0') {
        const char *end = strstr(*stream, "\n\n");
        assert_non_null(end);
        assert_null(memchr(*stream, '\n', (size_t)(end - *stream)));
        if (strncmp(*stream, "data: {", 7) == 0) {
            value = json_loadb(*stream + 6, (size_t)(end - *stream) - 6, JSON_REJECT_DUPLICATES, NULL);
            assert_non_null(value);
        } else {
            assert_true(**stream == ':' || strncmp(*stream, "data: [DONE]\n\n", 14) == 0);
        }
        *stream = end + 2;
    }
    return value;
}

static json_t *read_whole(const struct answer_head *head, const struct answer *answer)
{
    struct buffer out = {0};
    answer_write(&out, head, answer);
    json_t *value = json_loadb(buffer_text(&out), out.n_bytes, JSON_REJECT_DUPLICATES, NULL);
    assert_non_null(value);
    buffer_release(&out);
    return value;
}

/* ---- in one piece ---- */

static void whole_chat(void **state)
{
    (void)state;
    const struct answer answer = {.reasoning = "why\n",
                                  .reasoning_bytes = 4,
                                  .content = "so\xFF",
                                  .content_bytes = 3,
                                  .finish = FINISH_STOP,
                                  .usage = usage,
                                  .timings = timings};
    json_t *value = read_whole(&chat, &answer);
    expect(value, "id", "\"chatcmpl-1\"");
    expect(value, "object", "\"chat.completion\"");
    expect(value, "created", "1700000000");
    expect(value, "model", "\"r\\\"1\"");
    expect(value, "choices.0.index", "0");
    expect(value, "choices.0.message",
           "{\"role\":\"assistant\",\"content\":\"so\xEF\xBF\xBD\",\"reasoning_content\":\"why\\n\","
           "\"refusal\":null}");
    expect(value, "choices.0.logprobs", "null");
    expect(value, "choices.0.finish_reason", "\"stop\"");
    expect(value, "choices.1", "nothing");
    expect(value, "usage",
           "{\"prompt_tokens\":10,\"completion_tokens\":5,\"total_tokens\":15,"
           "\"prompt_tokens_details\":{\"cached_tokens\":6},"
           "\"completion_tokens_details\":{\"reasoning_tokens\":2}}");
    expect(value, "timings",
           "{\"cache_n\":6,\"prompt_n\":4,\"prompt_ms\":500,\"prompt_per_token_ms\":125,"
           "\"prompt_per_second\":8,\"predicted_n\":5,\"predicted_ms\":2000,"
           "\"predicted_per_token_ms\":400,\"predicted_per_second\":2.5}");
    json_decref(value);
}

static void whole_calls(void **state)
{
    (void)state;
    const struct answer_call calls[] = {{"call_1", "f", "{\"a\": 1}"}, {"call_2", "g", ""}};
    const struct answer answer = {.content = "", .calls = calls, .n_calls = 2, .finish = FINISH_TOOL_CALLS};
    json_t *value = read_whole(&chat, &answer);
    expect(value, "choices.0.message.content", "null");
    expect(value, "choices.0.message.reasoning_content", "nothing");
    expect(value, "choices.0.message.tool_calls.0",
           "{\"id\":\"call_1\",\"type\":\"function\",\"function\":{\"name\":\"f\","
           "\"arguments\":\"{\\\"a\\\": 1}\"}}");
    expect(value, "choices.0.message.tool_calls.1.function.arguments", "\"\"");
    expect(value, "choices.0.finish_reason", "\"tool_calls\"");
    expect(value, "timings.prompt_per_second", "0");
    json_decref(value);
}

static void whole_completion(void **state)
{
    (void)state;
    const struct answer answer = {.content = "x", .content_bytes = 1, .finish = FINISH_LENGTH};
    json_t *value = read_whole(&completion, &answer);
    expect(value, "object", "\"text_completion\"");
    expect(value, "choices.0", "{\"index\":0,\"text\":\"x\",\"logprobs\":null,\"finish_reason\":\"length\"}");
    json_decref(value);
}

/* ---- in chunks ---- */

static void chat_stream(void **state)
{
    (void)state;
    struct answer_head head = chat;
    struct buffer out = {0};
    head.promises_usage = true;
    chunk_ping(&out, "loading 40%");
    chunk_begin(&out, &head);
    chunk_reasoning(&out, &head, "a\n\nb", 4);
    chunk_content(&out, &head, "data: [DONE]\n\n", 14, NULL);
    chunk_call(&out, &head, 1, "call_x", "f");
    chunk_arguments(&out, &head, 1, "{\"", 2);
    chunk_finish(&out, &head, FINISH_TOOL_CALLS, &timings);
    chunk_usage(&out, &head, &usage);
    chunk_done(&out);
    static const char *const deltas[] = {
        "{\"role\":\"assistant\",\"content\":\"\"}",
        "{\"reasoning_content\":\"a\\n\\nb\"}",
        "{\"content\":\"data: [DONE]\\n\\n\"}",
        ("{\"tool_calls\":[{\"index\":1,\"id\":\"call_x\",\"type\":\"function\",\"function\":{\"name\":\"f\","
         "\"arguments\":\"\"}}]}"),
        "{\"tool_calls\":[{\"index\":1,\"function\":{\"arguments\":\"{\\\"\"}}]}",
        "{}",
    };
    const char *stream = buffer_text(&out);
    json_t *value;
    for (size_t i = 0; i < 6; i++) {
        assert_non_null(value = next_event(&stream));
        expect(value, "object", "\"chat.completion.chunk\"");
        expect(value, "choices.0.delta", deltas[i]);
        expect(value, "choices.0.finish_reason", i < 5 ? "null" : "\"tool_calls\"");
        expect(value, "choices.0.logprobs", "null");
        expect(value, "usage", "null");
        expect(value, "timings.prompt_n", i < 5 ? "nothing" : "4");
        json_decref(value);
    }
    assert_non_null(value = next_event(&stream));
    expect(value, "choices", "[]");
    expect(value, "usage.total_tokens", "15");
    json_decref(value);
    assert_string_equal(stream, "data: [DONE]\n\n");
    assert_null(next_event(&stream));
    buffer_release(&out);
}

static void completion_stream(void **state)
{
    (void)state;
    struct buffer out = {0};
    chunk_begin(&out, &completion);
    assert_int_equal(out.n_bytes, 0);
    chunk_content(&out, &completion, "x", 1, NULL);
    chunk_finish(&out, &completion, FINISH_LENGTH, &timings);
    const char *stream = buffer_text(&out);
    json_t *value = next_event(&stream);
    expect(value, "object", "\"text_completion\"");
    expect(value, "choices.0", "{\"index\":0,\"text\":\"x\",\"logprobs\":null,\"finish_reason\":null}");
    expect(value, "usage", "nothing");
    json_decref(value);
    value = next_event(&stream);
    expect(value, "choices.0", "{\"index\":0,\"text\":\"\",\"logprobs\":null,\"finish_reason\":\"length\"}");
    json_decref(value);
    buffer_release(&out);
}

/* A token's chunk takes no memory once the buffer is large enough. */
static void chunks_stay_in_place(void **state)
{
    (void)state;
    struct buffer out = {0};
    buffer_reserve(&out, 4096);
    const char *bytes = out.bytes;
    for (int i = 0; i < 1000; i++) {
        buffer_clear(&out);
        chunk_content(&out, &chat, " word", 5, NULL);
        chunk_reasoning(&out, &chat, " word", 5);
    }
    assert_ptr_equal(out.bytes, bytes);
    buffer_release(&out);
}

/* ---- log probabilities ---- */

static const char VOCABULARY[] = "tests/golden/deepseek-r1-vocab.gguf";

static uint32_t only_token(const struct fathom_vocabulary *vocabulary, const char *text)
{
    struct fathom_tokens tokens = {0};
    assert_true(fathom_tokenize(vocabulary, text, strlen(text), 0, &tokens, NULL));
    assert_int_equal(tokens.n, 1);
    uint32_t token = tokens.ids[0];
    fathom_tokens_release(&tokens);
    return token;
}

static void logprobs_of_both_kinds(void **state)
{
    (void)state;
    struct fathom_vocabulary *vocabulary = fathom_vocabulary_open(VOCABULARY, NULL);
    assert_non_null(vocabulary);
    const struct fathom_logprob sea = {only_token(vocabulary, " sea"), -0.25f};
    const struct fathom_logprob top[] = {sea, {only_token(vocabulary, " the"), -3.4e38f}};
    struct buffer out = {0};
    for (int is_chat = 0; is_chat < 2; is_chat++) {
        struct logprobs logprobs = {.wanted = true, .is_chat = is_chat};
        logprobs_add(&logprobs, vocabulary, sea, top, 2);
        logprobs_clear(&logprobs);
        logprobs_add(&logprobs, vocabulary, sea, top, 2);
        logprobs_add(&logprobs, vocabulary, top[1], NULL, 0);
        logprobs_write(&out, &logprobs);
        logprobs_release(&logprobs);
    }
    logprobs_write(&out, NULL);
    assert_string_equal(
        buffer_text(&out),
        "{\"tokens\":[\" sea\",\" the\"],\"token_logprobs\":[-0.25,-9999],"
        "\"top_logprobs\":[{\" sea\":-0.25,\" the\":-9999},{\" the\":-9999}],\"text_offset\":[4,8]}"
        "{\"content\":[{\"token\":\" sea\",\"logprob\":-0.25,\"bytes\":[32,115,101,97],\"top_logprobs\":["
        "{\"token\":\" sea\",\"logprob\":-0.25,\"bytes\":[32,115,101,97]},"
        "{\"token\":\" the\",\"logprob\":-9999,\"bytes\":[32,116,104,101]}]},"
        "{\"token\":\" the\",\"logprob\":-9999,\"bytes\":[32,116,104,101],\"top_logprobs\":[]}]}null");
    buffer_release(&out);
    fathom_vocabulary_close(vocabulary);
}

/* Bytes that are no characters are sent as U+FFFD, all of them. */
static void no_key_of_logprobs_comes_twice(void **state)
{
    (void)state;
    struct fathom_vocabulary *vocabulary = fathom_vocabulary_open(VOCABULARY, NULL);
    struct fathom_logprob top[3] = {{only_token(vocabulary, " sea"), -0.25f}};
    struct logprobs logprobs = {.wanted = true};
    struct buffer out = {0};
    size_t n = 1, n_bytes;
    for (uint32_t token = 0; n < 3; token++) {
        const char *text = fathom_token_text(vocabulary, token, &n_bytes);
        assert_non_null(text);
        if (n_bytes == 1 && (unsigned char)text[0] > 0x7F)
            top[n++] = (struct fathom_logprob){token, -1.5f};
    }
    logprobs_add(&logprobs, vocabulary, top[0], top, 3);
    logprobs_write(&out, &logprobs);
    assert_string_equal(buffer_text(&out), "{\"tokens\":[\" sea\"],\"token_logprobs\":[-0.25],"
                                           "\"top_logprobs\":[{\" sea\":-0.25,\"\xEF\xBF\xBD\":-1.5}],"
                                           "\"text_offset\":[0]}");
    buffer_release(&out);
    logprobs_release(&logprobs);
    fathom_vocabulary_close(vocabulary);
}

/* ---- errors ---- */

static void errors(void **state)
{
    (void)state;
    struct refusal refusal;
    struct buffer out = {0};
    assert_false(refuse(&refusal, "invalid_value", "a\"b", "%s is \n%d", "x", 5));
    assert_int_equal(refusal.status, 400);
    refusal_write(&out, &refusal);
    assert_false(refuse_with(&refusal, 503, REFUSAL_UNAVAILABLE, NULL, "loading"));
    assert_int_equal(refusal.status, 503);
    chunk_error(&out, &refusal);
    assert_string_equal(buffer_text(&out),
                        "{\"error\":{\"message\":\"x is \\n5\",\"type\":\"invalid_request_error\","
                        "\"param\":\"a\\\"b\",\"code\":\"invalid_value\"}}"
                        "data: {\"error\":{\"message\":\"loading\",\"type\":\"unavailable_error\","
                        "\"param\":null,\"code\":null}}\n\n");
    buffer_release(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whole_chat),
        cmocka_unit_test(whole_calls),
        cmocka_unit_test(whole_completion),
        cmocka_unit_test(chat_stream),
        cmocka_unit_test(completion_stream),
        cmocka_unit_test(chunks_stay_in_place),
        cmocka_unit_test(logprobs_of_both_kinds),
        cmocka_unit_test(no_key_of_logprobs_comes_twice),
        cmocka_unit_test(errors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
