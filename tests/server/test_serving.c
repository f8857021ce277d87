/* SPDX-License-Identifier: Apache-2.0 */
/* What clients get over HTTP: answers streamed and whole, ends, refusals, and who is let in. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "scratch.h"
#include "server/serving.h"

#define CHAT "POST /v1/chat/completions"

/* The contents of a stream's chunks, or of an object, joined; still in JSON's escapes. */
static struct buffer contents_of(const char *answer, const char *field)
{
    struct buffer text = {0};
    const size_t n = strlen(field);
    for (const char *at = strstr(answer, field); at != NULL; at = strstr(at, field)) {
        at += n;
        const char *end = at;
        while (*end != '"')
            end += *end == '\\' ? 2 : 1;
        buffer_append(&text, at, (size_t)(end - at));
    }
    return text;
}

static void a_stream_says_what_the_whole_answer_says(void **state)
{
    struct serving *serving = *state;
    char *whole = ask_server(serving, CHAT, "",
                             "{'messages': [{'role': 'user', 'content': 'One'}], 'max_tokens': 24, "
                             "'temperature': 0}");
    char *stream = ask_server(serving, CHAT, "",
                              "{'messages': [{'role': 'user', 'content': 'One'}], 'max_tokens': 24, "
                              "'temperature': 0, 'stream': true, 'stream_options': {'include_usage': true}}");
    struct buffer first = contents_of(whole, "\"content\":\""),
                  second = contents_of(stream, "\"content\":\"");
    assert_has(whole, "HTTP/1.1 200");
    assert_has(whole, "\"finish_reason\":\"length\"");
    assert_has(whole, "\"model\":\"golden\"");
    assert_has(stream, "text/event-stream");
    assert_has(stream, "\"finish_reason\":\"length\"");
    assert_has(stream, "data: [DONE]\n\n");
    assert_true(first.n_bytes > 0);
    assert_string_equal(buffer_text(&first), buffer_text(&second));
    assert_true(number_in(whole, "completion_tokens") == 24);
    assert_true(number_in(stream, "completion_tokens") == 24);
    assert_true(number_in(stream, "cached_tokens") == number_in(stream, "prompt_tokens") - 1);
    buffer_release(&first);
    buffer_release(&second);
    free(whole);
    free(stream);
}

static void a_full_context_ends_an_answer(void **state)
{
    struct serving *serving = *state;
    char *answer = ask_server(serving, CHAT, "",
                              "{'messages': [{'role': 'user', 'content': 'On and on'}], 'temperature': 0, "
                              "'logit_bias': {'1': -100}}");
    assert_has(answer, "\"finish_reason\":\"length\"");
    assert_true(number_in(answer, "total_tokens") == 257); /* the last one need not be held */
    free(answer);
}

static void a_prompt_beyond_the_context_is_refused(void **state)
{
    struct serving *serving = *state;
    struct buffer body = {0};
    buffer_append_text(&body, "{'stream': true, 'messages': [{'role': 'user', 'content': '");
    for (int i = 0; i < 400; i++)
        buffer_append_text(&body, "a b ");
    buffer_append_text(&body, "'}]}");
    char *answer = ask_server(serving, CHAT, "", buffer_text(&body));
    assert_has(answer, "HTTP/1.1 400");
    assert_has(answer, "\"context_length_exceeded\"");
    buffer_release(&body);
    free(answer);
}

static void reasoning_leaves_room_for_the_answer(void **state)
{
    struct serving *serving = *state;
    const char *body =
        "{'messages': [{'role': 'user', 'content': 'Why?'}], 'temperature': 0, 'max_tokens': 80, "
        "'logit_bias': {'1': -100}, 'enable_thinking': true%s}";
    struct buffer asked = {0};
    buffer_append_format(&asked, body, "");
    char *answer = ask_server(serving, CHAT, "", buffer_text(&asked));
    assert_has(answer, "\"reasoning_content\":\"");
    assert_true(number_in(answer, "reasoning_tokens") >= 57 && number_in(answer, "reasoning_tokens") < 80);
    assert_has_not(answer, "\"content\":\"\"");
    free(answer);
    buffer_clear(&asked);
    buffer_append_format(&asked, body, ", 'thinking_budget': 7");
    answer = ask_server(serving, CHAT, "", buffer_text(&asked));
    assert_true(number_in(answer, "reasoning_tokens") >= 7 && number_in(answer, "reasoning_tokens") < 16);
    free(answer);
    answer =
        ask_server(serving, CHAT, "",
                   "{'messages': [{'role': 'user', 'content': 'Why?'}], 'temperature': 0, 'max_tokens': 10, "
                   "'logit_bias': {'1': -100}, 'enable_thinking': true}");
    assert_has_not(answer, "\"content\":\"\"");
    assert_true(number_in(answer, "completion_tokens") == 10);
    free(answer);
    buffer_release(&asked);
}

static void completions_go_on_with_a_text(void **state)
{
    struct serving *serving = *state;
    char *answer = ask_server(serving, "POST /v1/completions", "",
                              "{'prompt': 'Once upon', 'max_tokens': 5, 'temperature': 0}");
    assert_has(answer, "\"text_completion\"");
    assert_has(answer, "\"text\":\"");
    free(answer);
    answer = ask_server(serving, "POST /v1/tokenize", "", "{'content': 'Once upon'}");
    assert_has(answer, "{\"tokens\": [");
    free(answer);
}

static void what_makes_no_sense_is_a_4xx(void **state)
{
    static const struct {
        const char *line, *headers, *body, *says;
    } cases[] = {
        {CHAT, "", "{", " 400 "},
        {CHAT, "", "{'messages': 1}", " 400 "},
        {CHAT, "", "{'messages': [{'role': 'user', 'content': 'x'}], 'n': 2}", " 400 "},
        {CHAT, "", "{'messages': [{'role': 'user', 'content': 'x'}], 'logit_bias': {'99999': 1}}", " 400 "},
        {"POST /v1/completions", "", "{'prompt': [1, 999999]}", " 400 "},
        {"GET /v1/nothing", "", NULL, " 404 "},
        {"GET /v1/chat/completions", "", NULL, " 405 "},
        {"POST /health", "", "{}", " 405 "},
        {CHAT, "Origin: https://elsewhere.example\r\n", "{}", " 403 "},
        {"POST /v1/requests/none/answer", "", "{}", " 404 "},
        {"POST /v1/tokenize", "", "{'prompt': [1, 999999]}", " 400 "},
        {"DELETE /v1/models", "", NULL, "\r\nAllow: GET, HEAD, OPTIONS\r\n"},
        {"GET /v1/tokenize", "", NULL, "\r\nAllow: POST, OPTIONS\r\n"},
        {CHAT, "Content-Length: 99999999\r\n", NULL, " 413 "},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char *answer = ask_server(*state, cases[i].line, cases[i].headers, cases[i].body);
        assert_has(answer, cases[i].says);
        assert_has(answer, "{\"error\":{\"message\":");
        free(answer);
    }
}

static void a_text_too_long_to_tokenize_is_refused(void **state)
{
    struct buffer body = {0};
    buffer_append_text(&body, "{'content': '");
    while (body.n_bytes < TOKENIZE_BYTES + 20)
        buffer_append_text(&body, "a text that is long ");
    buffer_append_text(&body, "'}");
    char *answer = ask_server(*state, "POST /v1/tokenize", "", buffer_text(&body));
    assert_has(answer, " 413 ");
    free(answer);
    answer = ask_server(*state, "POST /v1/completions", "", buffer_text(&body));
    assert_has(answer, " 400 ");
    free(answer);
    buffer_release(&body);
}

/* Bodies where there is nothing to be said. */
static void bodies_are_passed_over_where_none_is_read(void **state)
{
    struct buffer body = {0};
    while (body.n_bytes < 100000)
        buffer_append_text(&body, "nothing of interest ");
    char *answer = ask_server(*state, "GET /health", "", buffer_text(&body));
    assert_has(answer, "\"ok\"");
    free(answer);
    buffer_release(&body);
}

static void pages_that_were_listed_may_ask(void **state)
{
    char *answer = ask_server(*state, "GET /v1/models", "Origin: https://chat.example\r\n", NULL);
    assert_has(answer, "HTTP/1.1 200");
    assert_has(answer, "Access-Control-Allow-Origin: https://chat.example\r\n");
    assert_has(answer, "Access-Control-Expose-Headers: X-Request-Id, X-Fathom-Ignored\r\n");
    free(answer);
    answer =
        ask_server(*state, "OPTIONS /v1/chat/completions",
                   "Origin: https://chat.example\r\nAccess-Control-Request-Headers: x-one, x-two\r\n", NULL);
    assert_has(answer, "Access-Control-Allow-Headers: x-one, x-two\r\n");
    free(answer);
    answer = ask_server(*state, "OPTIONS /v1/chat/completions", "Origin: https://chat.example\r\n", NULL);
    assert_has(answer, "HTTP/1.1 204");
    assert_has(answer, "Access-Control-Allow-Headers: Authorization, Content-Type\r\n");
    free(answer);
    answer =
        ask_server(*state, "OPTIONS /v1/chat/completions", "Origin: https://chat.example.evil\r\n", NULL);
    assert_has(answer, "HTTP/1.1 403");
    free(answer);
}

static void two_names_are_listed_with_their_context(void **state)
{
    char *answer = ask_server(*state, "GET /v1/models", "", NULL);
    assert_has(answer, "\"golden\"");
    assert_has(answer, "\"golden:quick\"");
    assert_true(number_in(answer, "context_length") == 256);
    free(answer);
    answer = ask_server(*state, "GET /v1/models/golden:quick", "", NULL);
    assert_has(answer, "{\"id\": \"golden:quick\"");
    free(answer);
    answer = ask_server(*state, "GET /v1/models/silver", "", NULL);
    assert_has(answer, "\"model_not_found\"");
    free(answer);
    answer = ask_server(*state, "GET /props", "", NULL);
    assert_true(number_in(answer, "n_ctx") == 256);
    free(answer);
}

/* ---- servers of their own ---- */

static void only_keys_from_the_file_open(void **state)
{
    (void)state;
    struct scratch scratch;
    struct serving serving = serving_with(64, 1);
    scratch_make(&scratch);
    serving.options.key_file = scratch_write_text(&scratch, "keys", "# ours\n\n  one-key \nanother\n");
    serving_start(&serving);
    static const struct {
        const char *header, *says;
    } cases[] = {
        {"", " 401 "},
        {"Authorization: Bearer one-ke\r\n", " 401 "},
        {"Authorization: Bearer one-key2\r\n", " 401 "},
        {"Authorization: Bearer\r\n", " 401 "},
        {"Authorization: Bearer one-key\r\n", " 200 "},
        {"authorization: bearer another\r\n", " 200 "},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char *answer = ask_server(&serving, "GET /v1/models", cases[i].header, NULL);
        assert_has(answer, cases[i].says);
        free(answer);
    }
    char *answer = ask_server(&serving, "GET /health", "", NULL);
    assert_has(answer, " 200 ");
    free(answer);
    serving_stop(&serving);
    scratch_remove(&scratch);
}

static void other_names_are_refused_where_that_is_asked(void **state)
{
    (void)state;
    struct serving serving = serving_with(64, 1);
    serving.options.strict_model = true;
    serving_start(&serving);
    char *answer =
        ask_server(&serving, CHAT, "", "{'model': 'gpt-4', 'messages': [{'role': 'user', 'content': 'x'}]}");
    assert_has(answer, " 404 ");
    assert_has(answer, "\"model_not_found\"");
    free(answer);
    answer = ask_server(&serving, CHAT, "",
                        "{'model': 'golden:quick', 'messages': [{'role': 'user', 'content': 'x'}], "
                        "'max_tokens': 2}");
    assert_has(answer, " 200 ");
    free(answer);
    serving_stop(&serving);
}

struct lines {
    pthread_mutex_t lock;
    struct buffer text;
};

static void keep_line(void *context, const char *line)
{
    struct lines *lines = context;
    pthread_mutex_lock(&lines->lock);
    buffer_append_format(&lines->text, "%s\n", line);
    pthread_mutex_unlock(&lines->lock);
}

static void every_request_gets_a_line(void **state)
{
    (void)state;
    struct lines lines = {.lock = PTHREAD_MUTEX_INITIALIZER};
    struct serving serving = serving_with(64, 1);
    serving.options.worker.schedule.log = (struct server_log){keep_line, &lines};
    serving_start(&serving);
    wait_until_loaded(&serving);
    free(ask_server(&serving, "GET /of%0Amine", "", NULL));
    free(ask_server(&serving, CHAT, "", "{'messages': 1}"));
    free(ask_server(&serving, "POST /v1/tokenize", "", "{'content': 'Once'}"));
    free(ask_server(&serving, "POST /v1/completions", "", "{'prompt': 'Once', 'max_tokens': 2}"));
    assert_true(metric_of(&serving, "fathom_requests_total") == 4);
    assert_true(metric_of(&serving, "fathom_refused_total") == 2);
    serving_stop(&serving);
    assert_has(buffer_text(&lines.text), "\nGET /of?mine: refused, 404: there is nothing at /of?mine\n");
    assert_has(buffer_text(&lines.text), "\nPOST /v1/chat/completions: refused, 400: ");
    assert_has(buffer_text(&lines.text), "\ntokenize tokens-");
    assert_has(buffer_text(&lines.text), "\ncompletion cmpl-");
    buffer_release(&lines.text);
}

/* Loading that goes on until it is let go. */
struct gate {
    pthread_mutex_t lock;
    pthread_cond_t opened;
    bool open;
};

static bool wait_at_gate(void *context, uint64_t done, uint64_t total)
{
    struct gate *gate = context;
    (void)done, (void)total;
    pthread_mutex_lock(&gate->lock);
    while (!gate->open)
        pthread_cond_wait(&gate->opened, &gate->lock);
    pthread_mutex_unlock(&gate->lock);
    return true;
}

static void chats_wait_for_the_model_and_nothing_else_does(void **state)
{
    (void)state;
    struct gate gate = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, false};
    struct serving serving = serving_with(64, 1);
    serving.options.worker.model.load = FATHOM_LOAD_COPY;
    serving.options.worker.model.progress = (struct fathom_progress){wait_at_gate, &gate};
    serving_start(&serving);
    char *answer = ask_server(&serving, "GET /health", "", NULL);
    assert_has(answer, "\"loading\"");
    free(answer);
    answer = ask_server(&serving, "GET /v1/models", "", NULL);
    assert_has(answer, "\"golden\"");
    free(answer);
    answer = ask_server(&serving, "GET /", "", NULL);
    assert_has(answer, "<!doctype html>");
    free(answer);
    int client = serving_connect(&serving);
    send_request(client, CHAT, "",
                 "{'stream': true, 'max_tokens': 3, 'messages': [{'role': 'user', 'content': 'x'}]}");
    answer = receive_until(client, "\n: loading");
    assert_has(answer, "HTTP/1.1 200");
    free(answer);
    pthread_mutex_lock(&gate.lock);
    gate.open = true;
    pthread_cond_broadcast(&gate.opened);
    pthread_mutex_unlock(&gate.lock);
    answer = receive_all(client);
    assert_has(answer, "\"finish_reason\":");
    assert_has(answer, "data: [DONE]");
    free(answer);
    close(client);
    serving_stop(&serving);
}

static void a_model_that_cannot_be_loaded_ends_the_server(void **state)
{
    (void)state;
    struct serving serving = serving_with(64, 1);
    serving.options.worker.path = "tests/golden/README.md";
    serving_start(&serving);
    serving_wait(&serving);
    assert_false(serving.done);
    assert_non_null(strstr(serving.err.text, "README.md"));
}

/* A byte now and then keeps a connection from being idle, and from nothing else. */
static void a_head_that_trickles_is_not_waited_for(void **state)
{
    (void)state;
    struct serving serving = serving_with(64, 1);
    serving.options.head_seconds = 0.3;
    serving_start(&serving);
    wait_until_loaded(&serving);
    int client = serving_connect(&serving);
    send_text(client, "GET /health HTTP/1.1\r\nHost: localhost\r\nX-Slow: ");
    bool closed = false;
    for (int i = 0; i < 200 && !closed; i++) {
        struct timespec pause = {.tv_nsec = 20000000};
        char byte;
        send_text(client, "x");
        nanosleep(&pause, NULL);
        ssize_t n = recv(client, &byte, 1, MSG_DONTWAIT);
        closed = n == 0 || (n < 0 && errno != EAGAIN);
    }
    assert_true(closed);
    close(client);
    /* an answer may take longer, and the connection is good for another one */
    client = serving_connect(&serving);
    send_text(client, "GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n");
    free(receive_until(client, "waiting"));
    send_text(client, "GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    char *answer = receive_all(client);
    assert_has(answer, "\"ok\"");
    free(answer);
    close(client);
    serving_stop(&serving);
}

/* ---- one server for most ---- */

static int open_serving(void **state)
{
    static struct serving serving; /* cmocka wants it to outlive this call */
    static const char *const origins[] = {"https://chat.example"};
    serving = serving_with(256, 2);
    serving.options.origins = origins;
    serving.options.n_origins = 1;
    serving_start(&serving);
    wait_until_loaded(&serving);
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
        cmocka_unit_test(a_stream_says_what_the_whole_answer_says),
        cmocka_unit_test(a_full_context_ends_an_answer),
        cmocka_unit_test(a_prompt_beyond_the_context_is_refused),
        cmocka_unit_test(reasoning_leaves_room_for_the_answer),
        cmocka_unit_test(completions_go_on_with_a_text),
        cmocka_unit_test(what_makes_no_sense_is_a_4xx),
        cmocka_unit_test(a_text_too_long_to_tokenize_is_refused),
        cmocka_unit_test(bodies_are_passed_over_where_none_is_read),
        cmocka_unit_test(pages_that_were_listed_may_ask),
        cmocka_unit_test(two_names_are_listed_with_their_context),
        cmocka_unit_test(only_keys_from_the_file_open),
        cmocka_unit_test(other_names_are_refused_where_that_is_asked),
        cmocka_unit_test(every_request_gets_a_line),
        cmocka_unit_test(a_head_that_trickles_is_not_waited_for),
        cmocka_unit_test(chats_wait_for_the_model_and_nothing_else_does),
        cmocka_unit_test(a_model_that_cannot_be_loaded_ends_the_server),
    };
    return cmocka_run_group_tests(tests, open_serving, close_serving);
}
