/* SPDX-License-Identifier: Apache-2.0 */
/* A prompt that is one long piece, given up in its middle: by its client, who streams or not, or since the
 * server has to stop. Nobody waits for the rest of it, and nothing of it is left behind. */
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "server/serving.h"

#define CHAT  "POST /v1/chat/completions"
#define WORDS 3500 /* seconds in one piece, on the exact model */
#define CHUNK 4096

static void start(struct serving *serving)
{
    *serving = serving_with(CHUNK + 64, 2);
    serving->options.worker.model.chunk_tokens = CHUNK;
    serving_start(serving);
    wait_until_loaded(serving);
}

static int begin_long(const struct serving *serving, const char *fields, double n_running)
{
    struct buffer body = {0};
    buffer_append_format(
        &body, "{'max_tokens': 1, 'temperature': 0%s, 'messages': [{'role': 'user', 'content': '", fields);
    for (int i = 0; i < WORDS; i++)
        buffer_append_text(&body, "a ");
    buffer_append_text(&body, "'}]}");
    int client = serving_connect(serving);
    send_request(client, CHAT, "", buffer_text(&body));
    buffer_release(&body);
    wait_for_metric(serving, "fathom_requests_running", n_running);
    nanosleep(&(struct timespec){.tv_nsec = 50000000}, NULL); /* into the piece */
    return client;
}

static void a_piece_of_a_prompt_is_left_midway(void **state)
{
    static const char *const ways[] = {"", ", 'stream': true"};
    (void)state;
    struct serving serving;
    start(&serving);
    for (int i = 0; i < 2; i++) {
        int client = begin_long(&serving, ways[i], 1);
        close(client);
        wait_for_metric(&serving, "fathom_cancelled_total", i + 1);
        assert_true(metric_of(&serving, "fathom_computed_tokens_total") == 0);
        assert_true(metric_of(&serving, "fathom_held_tokens") == 0);
    }
    /* and the conversation's session goes on as any other */
    char *answer =
        ask_server(&serving, CHAT, "", "{'messages': [{'role': 'user', 'content': 'a'}], 'max_tokens': 2}");
    assert_has(answer, "HTTP/1.1 200");
    free(answer);
    serving_stop(&serving);
}

static void who_decodes_beside_it_loses_nothing(void **state)
{
    static const char body[] = "{'messages': [{'role': 'user', 'content': 'One'}], 'max_tokens': 400, "
                               "'temperature': 0, 'logit_bias': {'1': -100}}";
    (void)state;
    struct serving serving;
    start(&serving);
    char *alone = ask_server(&serving, CHAT, "", body);
    int staying = serving_connect(&serving);
    send_request(staying, CHAT, "", body);
    wait_for_metric(&serving, "fathom_requests_running", 1);
    int leaving = begin_long(&serving, "", 2);
    close(leaving);
    char *beside = receive_all(staying);
    const char *first = strstr(alone, "\"message\""), *second = strstr(beside, "\"message\"");
    assert_true(first != NULL && second != NULL);
    assert_memory_equal(first, second, strcspn(first, "}"));
    assert_true(metric_of(&serving, "fathom_cancelled_total") == 1);
    close(staying);
    free(alone);
    free(beside);
    serving_stop(&serving);
}

static void a_server_that_has_to_stop_does_not_wait_for_it(void **state)
{
    (void)state;
    struct serving serving;
    start(&serving);
    serving.options.grace_seconds = 0;
    int client = begin_long(&serving, "", 1);
    server_stop(serving.server);
    server_stop(serving.server); /* for the second time: at once */
    char *answer = receive_all(client);
    assert_has(answer, " 503 ");
    assert_has(answer, "the server is stopping");
    serving_wait(&serving);
    close(client);
    free(answer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_piece_of_a_prompt_is_left_midway),
        cmocka_unit_test(who_decodes_beside_it_loses_nothing),
        cmocka_unit_test(a_server_that_has_to_stop_does_not_wait_for_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
