/* SPDX-License-Identifier: Apache-2.0 */
/* A crowd: clients that ask, that leave in the middle, that send what is no request. Those who stay get what
 * one client alone gets, nothing is left running, and memory does not grow.
 *
 * FATHOM_LOAD=1000 asks so often, with 64 clients; `make check-load` does. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/random.h"
#include "server/serving.h"

#define CHAT    "POST /v1/chat/completions"
#define SUBJECT 8 /* different prompts */

/* AddressSanitizer keeps what was freed, and finds leaks by itself. */
#ifdef __SANITIZE_ADDRESS__
#define MAY_GROW (1 << 20)
#else
#define MAY_GROW 8192 /* KB: what 64 threads' arenas vary by */
#endif
#define SEED 20261123

struct crowd {
    const struct serving *serving;
    char *expected[SUBJECT]; /* contents, in JSON's escapes */
    int n_clients, n_each;
};

struct client {
    const struct crowd *crowd;
    pthread_t thread;
    struct random random;
    int n_answered, n_left, n_refused, n_wrong;
};

static char *body_about(int subject, bool stream)
{
    struct buffer body = {0};
    buffer_append_format(&body,
                         "{'messages': [{'role': 'user', 'content': '%d%d?'}], 'temperature': 0, "
                         "'max_tokens': 4, 'stream': %s}",
                         subject, 7 * subject, stream ? "true" : "false");
    return body.bytes;
}

/* The contents of chunks, or of an object, joined. */
static char *content_in(const char *answer)
{
    static const char field[] = "\"content\":\"";
    struct buffer text = {0};
    for (const char *at = strstr(answer, field); at != NULL; at = strstr(at, field)) {
        at += strlen(field);
        const char *end = at;
        while (*end != '"' && *end != '\0')
            end += *end == '\\' ? 2 : 1;
        buffer_append(&text, at, (size_t)(end - at));
    }
    buffer_append(&text, "", 1);
    return text.bytes;
}

static void stay(struct client *client)
{
    int subject = (int)random_below(&client->random, SUBJECT);
    char *body = body_about(subject, random_below(&client->random, 2) == 0);
    char *answer = ask_server(client->crowd->serving, CHAT, "", body), *content = content_in(answer);
    client->n_answered++;
    if (strcmp(content, client->crowd->expected[subject]) != 0) {
        print_error("to %d came: %s\n", subject, answer);
        client->n_wrong++;
    }
    free(content);
    free(answer);
    free(body);
}

/* With the request sent, or only the beginning of it. */
static void leave(struct client *client)
{
    int socket = serving_connect(client->crowd->serving);
    char *body = body_about((int)random_below(&client->random, SUBJECT), true);
    if (random_below(&client->random, 3) == 0)
        send_text(socket, "POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nContent-Length: 50\r\n\r\n{");
    else
        send_request(socket, CHAT, "", body);
    nanosleep(&(struct timespec){.tv_nsec = (long)random_below(&client->random, 20000000)}, NULL);
    close(socket);
    client->n_left++;
    free(body);
}

static void talk_nonsense(struct client *client)
{
    static const char *const bodies[] = {
        "",
        "{",
        "[]",
        "{'messages': [{}]}",
        "{'messages': [{'role': 'user', 'content': '\xFF'}]}",
        "{'messages': [{'role': 'nobody', 'content': 'x'}]}",
        "{'messages': 1e999}",
        "\x01\x02",
    };
    size_t which = random_below(&client->random, sizeof bodies / sizeof *bodies);
    char *answer = ask_server(client->crowd->serving, CHAT, "", bodies[which]);
    client->n_refused++;
    if (strncmp(answer, "HTTP/1.1 400 ", 13) != 0) {
        print_error("to nonsense %zu came: %s\n", which, answer);
        client->n_wrong++;
    }
    free(answer);
}

static void *be_client(void *context)
{
    struct client *client = context;
    for (int i = 0; i < client->crowd->n_each; i++)
        switch (random_below(&client->random, 4)) {
        case 0:
            leave(client);
            break;
        case 1:
            talk_nonsense(client);
            break;
        default:
            stay(client);
        }
    return NULL;
}

/* Memory of this process, in kilobytes. */
static long resident_kilobytes(void)
{
    long pages = 0, all;
    FILE *file = fopen("/proc/self/statm", "r");
    if (file == NULL || fscanf(file, "%ld %ld", &all, &pages) != 2)
        fail_msg("/proc/self/statm cannot be read");
    fclose(file);
    return pages * (sysconf(_SC_PAGESIZE) / 1024);
}

static int run_crowd(const struct crowd *crowd, uint64_t seed)
{
    struct client *clients = calloc((size_t)crowd->n_clients, sizeof *clients);
    int n_wrong = 0, n_answered = 0, n_left = 0, n_refused = 0;
    assert_non_null(clients);
    for (int i = 0; i < crowd->n_clients; i++) {
        clients[i] = (struct client){.crowd = crowd, .random = random_seeded(seed + (uint64_t)i)};
        assert_int_equal(pthread_create(&clients[i].thread, NULL, be_client, &clients[i]), 0);
    }
    for (int i = 0; i < crowd->n_clients; i++) {
        pthread_join(clients[i].thread, NULL);
        n_wrong += clients[i].n_wrong;
        n_answered += clients[i].n_answered;
        n_left += clients[i].n_left;
        n_refused += clients[i].n_refused;
    }
    print_message("%d clients: %d answered, %d left, %d refused, %ld KB\n", crowd->n_clients, n_answered,
                  n_left, n_refused, resident_kilobytes());
    free(clients);
    return n_wrong;
}

static void a_crowd_is_served(void **state)
{
    (void)state;
    const char *asked = getenv("FATHOM_LOAD");
    const int n_requests = asked != NULL ? atoi(asked) : 96, n_clients = asked != NULL ? 64 : 16;
    struct serving serving = serving_with(128, 4);
    serving_start(&serving);
    wait_until_loaded(&serving);
    struct crowd crowd = {
        .serving = &serving, .n_clients = n_clients, .n_each = n_requests / n_clients / 2 + 1};
    for (int i = 0; i < SUBJECT; i++) {
        char *body = body_about(i, false), *answer = ask_server(&serving, CHAT, "", body);
        crowd.expected[i] = content_in(answer);
        free(answer);
        free(body);
    }
    if (run_crowd(&crowd, SEED) > 0)
        fail_msg("wrong answers, seed %d", SEED);
    long before = resident_kilobytes();
    if (run_crowd(&crowd, SEED + 1000) > 0)
        fail_msg("wrong answers, seed %d", SEED + 1000);
    if (resident_kilobytes() > before + MAY_GROW)
        fail_msg("memory grew from %ld to %ld KB", before, resident_kilobytes());
    wait_for_metric(&serving, "fathom_requests_running", 0);
    wait_for_metric(&serving, "fathom_requests_waiting", 0);
    for (int i = 0; i < SUBJECT; i++)
        free(crowd.expected[i]);
    serving_stop(&serving);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(a_crowd_is_served)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
