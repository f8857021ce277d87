/* SPDX-License-Identifier: Apache-2.0 */
/* Several clients at once: nobody gets another's answer, waits for a slow one, or computes for one that left;
 * conversations go on where they were; and a server that stops lets answers end. */
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "server/serving.h"

#define CHAT "POST /v1/chat/completions"
#define LONG 4096 /* tokens of context, so that nothing ends by itself */

static void start(struct serving *serving, uint32_t n_context, uint32_t n_parallel)
{
    *serving = serving_with(n_context, n_parallel);
    serving_start(serving);
    wait_until_loaded(serving);
}

#define TASK "### Task:\\nGenerate a title.\\n<chat_history>\\nx\\n</chat_history>"

/* A chat about a number, which the model has never been asked; no end token, the likeliest others. */
static char *body_about(int number, const char *fields)
{
    struct buffer body = {0};
    buffer_append_format(&body,
                         "{'messages': [{'role': 'user', 'content': 'Say what %d is.'}], 'temperature': 0, "
                         "'logit_bias': {'1': -100}%s}",
                         number, fields);
    return body.bytes;
}

static char *ask_about(const struct serving *serving, int number, const char *fields)
{
    char *body = body_about(number, fields), *answer = ask_server(serving, CHAT, "", body);
    free(body);
    return answer;
}

/* A connection on which a chat was asked for. */
static int begin_chat(const struct serving *serving, int number, const char *fields)
{
    char *body = body_about(number, fields);
    int client = serving_connect(serving);
    send_request(client, CHAT, "", body);
    free(body);
    return client;
}

/* The message of an answer, from its role to its end. */
static char *message_in(const char *answer)
{
    const char *at = strstr(answer, "\"message\":"), *end = at != NULL ? strstr(at, "\"logprobs\"") : NULL;
    if (end == NULL)
        fail_msg("no message in: %s", answer);
    return strndup(at, (size_t)(end - at));
}

/* ---- company ---- */

#define CLIENTS 6
#define ROUNDS  3

struct client {
    const struct serving *serving;
    int first;
    char **expected; /* [CLIENTS * ROUNDS] what was said to a client alone */
    int n_wrong;
};

static void *ask_in_turn(void *context)
{
    struct client *client = context;
    for (int i = 0; i < CLIENTS * ROUNDS; i++) {
        int number = (client->first + i) % (CLIENTS * ROUNDS);
        char *answer = ask_about(client->serving, number, ", 'max_tokens': 8");
        char *message = message_in(answer);
        client->n_wrong += strcmp(message, client->expected[number]) != 0;
        free(message);
        free(answer);
    }
    return NULL;
}

static void everybody_gets_the_answer_that_one_alone_gets(void **state)
{
    (void)state;
    struct serving serving;
    start(&serving, 128, 4);
    char *expected[CLIENTS * ROUNDS];
    struct client clients[CLIENTS];
    pthread_t threads[CLIENTS];
    for (int i = 0; i < CLIENTS * ROUNDS; i++) {
        char *answer = ask_about(&serving, i, ", 'max_tokens': 8");
        expected[i] = message_in(answer);
        free(answer);
    }
    assert_string_not_equal(expected[0], expected[1]);
    for (int i = 0; i < CLIENTS; i++) {
        clients[i] = (struct client){.serving = &serving, .first = i * ROUNDS, .expected = expected};
        assert_int_equal(pthread_create(&threads[i], NULL, ask_in_turn, &clients[i]), 0);
    }
    for (int i = 0; i < CLIENTS; i++) {
        pthread_join(threads[i], NULL);
        assert_int_equal(clients[i].n_wrong, 0);
    }
    for (int i = 0; i < CLIENTS * ROUNDS; i++)
        free(expected[i]);
    serving_stop(&serving);
}

/* ---- leaving ---- */

static void nothing_is_computed_for_a_client_that_left(void **state)
{
    static const char *const ways[] = {"", ", 'stream': true"};
    (void)state;
    struct serving serving;
    start(&serving, LONG, 2);
    for (int i = 0; i < 2; i++) {
        int client = begin_chat(&serving, i, ways[i]);
        wait_for_metric(&serving, "fathom_requests_running", 1);
        close(client);
        wait_for_metric(&serving, "fathom_cancelled_total", i + 1);
        wait_for_metric(&serving, "fathom_requests_running", 0);
    }
    assert_true(metric_of(&serving, "fathom_generated_tokens_total") < LONG);
    serving_stop(&serving);
}

/* Its client sees life, though nothing is computed for it yet. */
static void a_stream_that_waits_for_others_begins_at_once(void **state)
{
    (void)state;
    struct serving serving;
    start(&serving, LONG, 1);
    int running = begin_chat(&serving, 3, "");
    wait_for_metric(&serving, "fathom_requests_running", 1);
    double begun = clock_seconds();
    int waiting = begin_chat(&serving, 4, ", 'stream': true");
    char *answer = receive_until(waiting, ": working");
    assert_has(answer, " 200 ");
    assert_has(answer, "text/event-stream");
    assert_true(clock_seconds() - begun < 0.9); /* one that is being read may take a second */
    wait_for_metric(&serving, "fathom_requests_waiting", 1);
    free(answer);
    close(running);
    answer = receive_until(waiting, "\"delta\"");
    assert_has(answer, "\"delta\"");
    free(answer);
    close(waiting);
    serving_stop(&serving);
}

static void what_was_read_of_a_prompt_stays(void **state)
{
    (void)state;
    struct serving serving;
    start(&serving, 2 * LONG, 1);
    struct buffer body = {0};
    buffer_append_text(&body, "{'messages': [{'role': 'user', 'content': '");
    for (int i = 0; i < LONG; i++)
        buffer_append_text(&body, "a ");
    buffer_append_text(&body, "'}]}");
    int client = serving_connect(&serving);
    send_request(client, CHAT, "", buffer_text(&body));
    while (metric_of(&serving, "fathom_computed_tokens_total") == 0)
        nanosleep(&(struct timespec){.tv_nsec = 2000000}, NULL);
    double begun = clock_seconds();
    close(client);
    wait_for_metric(&serving, "fathom_cancelled_total", 1);
    assert_true(metric_of(&serving, "fathom_computed_tokens_total") < LONG);
    assert_true(clock_seconds() - begun < 5);
    assert_true(metric_of(&serving, "fathom_generated_tokens_total") == 0);
    double n_computed = metric_of(&serving, "fathom_prompt_tokens_total");
    assert_true(n_computed > 0 && n_computed == metric_of(&serving, "fathom_computed_tokens_total"));
    client = serving_connect(&serving); /* the client tries again, and finds what was computed */
    send_request(client, CHAT, "", buffer_text(&body));
    wait_for_metric(&serving, "fathom_requests_running", 1);
    close(client);
    wait_for_metric(&serving, "fathom_cancelled_total", 2);
    assert_true(metric_of(&serving, "fathom_cached_tokens_total") >= n_computed - 1);
    buffer_release(&body);
    serving_stop(&serving);
}

#define MANY_BYTES ", 'stream': true, 'logprobs': true, 'top_logprobs': 20" /* about 3 KB a token */

/* Streams of so many bytes rest, and their clients count as gone after so long. */
static void start_impatient(struct serving *serving, uint32_t n_parallel, double patience_seconds)
{
    *serving = serving_with(2 * LONG, n_parallel);
    serving->options.worker.schedule.full_bytes = 65536;
    serving->options.worker.schedule.patience_seconds = patience_seconds;
    serving_start(serving);
    wait_until_loaded(serving);
}

/* It reads nothing, and asks for more than the socket and the stream hold. */
static void a_slow_reader_stalls_nobody(void **state)
{
    (void)state;
    struct serving serving;
    start_impatient(&serving, 2, 60);
    int slow = begin_chat(&serving, 1, MANY_BYTES);
    double held = -1, now = 0;
    for (int i = 0; i < 200 && (held != now || now < 100); i++) { /* until it stands still */
        nanosleep(&(struct timespec){.tv_nsec = 50000000}, NULL);
        held = now;
        now = metric_of(&serving, "fathom_held_tokens");
    }
    assert_true(held == now && now < 2 * LONG);
    assert_true(metric_of(&serving, "fathom_requests_running") == 1);
    char *answer = ask_about(&serving, 2, ", 'max_tokens': 4");
    assert_has(answer, "\"finish_reason\":\"length\"");
    free(answer);
    answer = ask_server(&serving, CHAT, "",
                        "{'messages': [{'role': 'user', 'content': '" TASK "'}], 'max_tokens': 4}");
    assert_has(answer, "HTTP/1.1 200");
    free(answer);
    wait_for_metric(&serving, "fathom_requests_running", 1);
    close(slow);
    wait_for_metric(&serving, "fathom_requests_running", 0);
    serving_stop(&serving);
}

/* As many as can be answered at once. */
static void who_reads_nothing_for_long_has_left(void **state)
{
    (void)state;
    struct serving serving;
    start_impatient(&serving, 1, 0.2);
    int slow = begin_chat(&serving, 1, MANY_BYTES);
    wait_for_metric(&serving, "fathom_requests_running", 1);
    char *answer = ask_about(&serving, 2, ", 'max_tokens': 4");
    assert_has(answer, "\"finish_reason\":\"length\"");
    free(answer);
    assert_true(metric_of(&serving, "fathom_cancelled_total") == 1);
    close(slow);
    serving_stop(&serving);
}

/* ---- conversations ---- */

#define FIRST  "{'role': 'user', 'content': 'How deep is the sea, and how do you know?'}"
#define SECOND "{'role': 'user', 'content': 'And why?'}"

/* The next turn's beginning is computed while the client reads, reasoning left out. */
static void a_second_turn_computes_what_is_new(void **state)
{
    (void)state;
    struct serving serving;
    start(&serving, 512, 2);
    struct buffer body = {0};
    char *answer = ask_server(&serving, CHAT, "",
                              "{'messages': [" FIRST "], 'temperature': 0, 'max_tokens': 60, "
                              "'enable_thinking': true, 'thinking_budget': 20, 'logit_bias': {'1': -100}}");
    const char *begin = strstr(answer, "\"content\":\"");
    assert_non_null(begin);
    begin += strlen("\"content\":");
    const char *end = begin + 1;
    while (*end != '"')
        end += *end == '\\' ? 2 : 1;
    double n_first = number_in(answer, "prompt_tokens");
    double n_content = number_in(answer, "completion_tokens") - number_in(answer, "reasoning_tokens");
    wait_for_metric(&serving, "fathom_idle_pending", 0);
    buffer_append_format(&body,
                         "{'messages': [" FIRST ", {'role': 'assistant', 'content': %.*s}, " SECOND
                         "], 'temperature': 0, 'max_tokens': 4}",
                         (int)(end + 1 - begin), begin);
    free(answer);
    answer = ask_server(&serving, CHAT, "", buffer_text(&body));
    double n_cached = number_in(answer, "cached_tokens"), n_second = number_in(answer, "prompt_tokens");
    assert_true(n_second > n_first + n_content - 8);
    if (n_second - n_cached > 14) /* the second question, and the template around it */
        fail_msg("%g of %g tokens are cached: %s", n_cached, n_second, answer);
    free(answer);
    buffer_release(&body);
    serving_stop(&serving);
}

/* Two with the same instructions, and answers that are longer than what is new in their questions. */
static void instructions_may_be_shared(void **state)
{
    (void)state;
    struct serving serving;
    static const char *const questions[] = {"How deep?", "Why blue?"};
    start(&serving, 1024, 2);
    for (int i = 0; i < 3; i++) {
        struct buffer body = {0};
        buffer_append_format(&body,
                             "{'messages': [{'role': 'system', 'content': 'You know the sea, and you like to "
                             "tell of it.'}, {'role': 'user', 'content': '%s'}], 'temperature': 0, "
                             "'max_tokens': 80, 'logit_bias': {'1': -100}}",
                             questions[i % 2]);
        char *answer = ask_server(&serving, CHAT, "", buffer_text(&body));
        double n_prompt = number_in(answer, "prompt_tokens");
        if (i == 2)
            assert_true(number_in(answer, "cached_tokens") >= n_prompt - 1);
        free(answer);
        buffer_release(&body);
        wait_for_metric(&serving, "fathom_idle_pending", 0);
        if (i == 1)
            assert_true(metric_of(&serving, "fathom_held_tokens") > n_prompt + 2 * 70);
    }
    serving_stop(&serving);
}

static void a_refused_request_leaves_the_chat_where_it_is(void **state)
{
    (void)state;
    struct serving serving;
    start(&serving, 512, 2);
    free(ask_about(&serving, 5, ", 'max_tokens': 40"));
    wait_for_metric(&serving, "fathom_idle_pending", 0);
    double held = metric_of(&serving, "fathom_held_tokens");
    char *answer = ask_about(&serving, 5, ", 'grammar': 'no rule at all'");
    assert_has(answer, " 400 ");
    assert_true(metric_of(&serving, "fathom_held_tokens") == held);
    free(answer);
    serving_stop(&serving);
}

static void a_chore_leaves_the_chat_where_it_is(void **state)
{
    (void)state;
    struct serving serving;
    start(&serving, 512, 1);
    char *answer = ask_about(&serving, 5, ", 'max_tokens': 4");
    double n_prompt = number_in(answer, "prompt_tokens");
    free(answer);
    answer = ask_server(&serving, CHAT, "",
                        "{'messages': [{'role': 'user', 'content': '" TASK "'}], 'max_tokens': 4, "
                        "'enable_thinking': true}");
    assert_has(answer, "HTTP/1.1 200");
    assert_has_not(answer, "reasoning_content\":\"");
    free(answer);
    answer = ask_about(&serving, 5, ", 'max_tokens': 4");
    assert_true(number_in(answer, "cached_tokens") >= n_prompt - 1);
    free(answer);
    serving_stop(&serving);
}

/* A chore runs where no chat does, and a half-typed line is worth nothing once there is more of it. */
static void chores_come_after_chats(void **state)
{
    (void)state;
    struct serving serving;
    start(&serving, LONG, 2);
    static const char half_typed[] =
        "{'messages': [{'role': 'user', 'content': '### Task:\\nYou are an autocompletion system.\\n"
        "<chat_history>\\nx\\n</chat_history>'}], 'max_tokens': 4}";
    int chat = begin_chat(&serving, 1, "");
    wait_for_metric(&serving, "fathom_requests_running", 1);
    int older = serving_connect(&serving), newer = serving_connect(&serving);
    send_request(older, CHAT, "", half_typed);
    wait_for_metric(&serving, "fathom_requests_waiting", 1);
    send_request(newer, CHAT, "", half_typed);
    char *answer = receive_all(older);
    assert_has(answer, " 410 ");
    assert_has(answer, "\"superseded\"");
    free(answer);
    wait_for_metric(&serving, "fathom_requests_waiting", 1);
    assert_true(metric_of(&serving, "fathom_requests_running") == 1);
    close(chat);
    answer = receive_all(newer);
    assert_has(answer, "HTTP/1.1 200");
    free(answer);
    close(older);
    close(newer);
    serving_stop(&serving);
}

static void a_chat_goes_before_a_chore_that_runs(void **state)
{
    (void)state;
    struct serving serving;
    start(&serving, LONG, 1);
    int chore = serving_connect(&serving);
    send_request(chore, CHAT, "",
                 "{'messages': [{'role': 'user', 'content': '" TASK "'}], 'logit_bias': {'1': -100}}");
    wait_for_metric(&serving, "fathom_requests_running", 1);
    char *answer = ask_about(&serving, 1, ", 'max_tokens': 4");
    assert_has(answer, "HTTP/1.1 200");
    free(answer);
    wait_for_metric(&serving, "fathom_requests_running", 1); /* the chore */
    close(chore);
    wait_for_metric(&serving, "fathom_requests_running", 0);
    serving_stop(&serving);
}

/* Those not used for longest go, when all together hold more than was planned for. */
static void old_conversations_make_room(void **state)
{
    (void)state;
    struct serving serving;
    start(&serving, 128, 1);
    for (int i = 0; i < 8; i++)
        free(ask_about(&serving, i, ", 'max_tokens': 20"));
    assert_true(metric_of(&serving, "fathom_held_tokens") <= 128);
    char *last = ask_about(&serving, 7, ", 'max_tokens': 1"), *first = ask_about(&serving, 0, "");
    assert_true(number_in(last, "cached_tokens") >= number_in(last, "prompt_tokens") - 1);
    assert_true(number_in(first, "cached_tokens") < number_in(first, "prompt_tokens") - 1);
    free(last);
    free(first);
    serving_stop(&serving);
}

/* The id of a stream's answer, from its first chunk. */
static char *id_in(const char *chunks)
{
    const char *at = strstr(chunks, "\"id\":\"");
    assert_non_null(at);
    at += strlen("\"id\":\"");
    return strndup(at, strcspn(at, "\""));
}

static void reasoning_ends_when_the_client_wants_the_answer(void **state)
{
    (void)state;
    struct serving serving;
    start(&serving, LONG, 2);
    struct buffer line = {0};
    int client = begin_chat(&serving, 9, ", 'stream': true, 'enable_thinking': true, 'max_tokens': 3000");
    char *begun = receive_until(client, "\"reasoning_content\":\"");
    char *id = id_in(begun);
    buffer_append_format(&line, "POST /v1/requests/%s/answer", id);
    char *answer = ask_server(&serving, buffer_text(&line), "", "");
    assert_has(answer, " 200 ");
    free(answer);
    answer = receive_until(client, "\"delta\":{\"content\":\"");
    assert_has(answer, "\"delta\":{\"content\":\"");
    free(answer);
    close(client);
    wait_for_metric(&serving, "fathom_requests_running", 0);
    assert_true(metric_of(&serving, "fathom_generated_tokens_total") < 2000);
    free(id);
    free(begun);
    buffer_release(&line);
    serving_stop(&serving);
}

/* ---- stopping ---- */

static void answers_may_end_when_the_server_stops(void **state)
{
    (void)state;
    struct serving serving;
    start(&serving, LONG, 1);
    int client = begin_chat(&serving, 3, ", 'stream': true, 'max_tokens': 100");
    int waiting = begin_chat(&serving, 4, "");
    wait_for_metric(&serving, "fathom_requests_running", 1);
    wait_for_metric(&serving, "fathom_requests_waiting", 1);
    server_stop(serving.server);
    char *answer = receive_all(client), *refused = receive_all(waiting);
    assert_has(answer, "\"finish_reason\":\"length\"");
    assert_has(answer, "data: [DONE]");
    assert_has(refused, " 503 ");
    free(answer);
    free(refused);
    close(client);
    close(waiting);
    serving_wait(&serving);
    assert_true(serving.done);
}

static void answers_that_take_too_long_are_closed(void **state)
{
    (void)state;
    struct serving serving = serving_with(LONG, 1);
    serving.options.grace_seconds = 0.05;
    serving_start(&serving);
    int client = begin_chat(&serving, 3, ", 'stream': true");
    char *begun = receive_until(client, "\"role\":\"assistant\"");
    server_stop(serving.server);
    char *answer = receive_all(client);
    assert_has(answer, "{\"error\":{\"message\":\"the server is stopping\"");
    free(begun);
    free(answer);
    close(client);
    serving_wait(&serving);
    assert_true(serving.done);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(everybody_gets_the_answer_that_one_alone_gets),
        cmocka_unit_test(nothing_is_computed_for_a_client_that_left),
        cmocka_unit_test(a_stream_that_waits_for_others_begins_at_once),
        cmocka_unit_test(what_was_read_of_a_prompt_stays),
        cmocka_unit_test(a_slow_reader_stalls_nobody),
        cmocka_unit_test(a_second_turn_computes_what_is_new),
        cmocka_unit_test(who_reads_nothing_for_long_has_left),
        cmocka_unit_test(instructions_may_be_shared),
        cmocka_unit_test(a_refused_request_leaves_the_chat_where_it_is),
        cmocka_unit_test(a_chore_leaves_the_chat_where_it_is),
        cmocka_unit_test(chores_come_after_chats),
        cmocka_unit_test(a_chat_goes_before_a_chore_that_runs),
        cmocka_unit_test(old_conversations_make_room),
        cmocka_unit_test(reasoning_ends_when_the_client_wants_the_answer),
        cmocka_unit_test(answers_may_end_when_the_server_stops),
        cmocka_unit_test(answers_that_take_too_long_are_closed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
