/* SPDX-License-Identifier: Apache-2.0 */
/* serving.c - a server in a thread, and plain sockets to it. */
#include "server/serving.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define PATIENCE_SECONDS 20
#define WAITS            30000 /* of 2 ms and more: under sanitizers, beside other tests, 5000 did not do */
#define RECEIVE_BYTES    16384

/* ---- the server ---- */

struct serving serving_with(uint32_t n_context, uint32_t n_parallel)
{
    return (struct serving){
        .options = {
            .host = "127.0.0.1",
            .worker = {.path = SERVING_MODEL,
                       .model = {.exact = true, .n_threads = 1, .n_context = n_context, .chunk_tokens = 64},
                       .schedule = {.model_id = "golden", .n_parallel = n_parallel}},
            .chores = true,
            .grace_seconds = 20,
        }};
}

static void *run(void *context)
{
    struct serving *serving = context;
    serving->done = server_run(serving->server, &serving->err);
    return NULL;
}

void serving_start(struct serving *serving)
{
    serving->server = server_open(&serving->options, &serving->err);
    if (serving->server == NULL)
        fail_msg("%s", serving->err.text);
    serving->port = atoi(strrchr(server_url(serving->server), ':') + 1);
    assert_int_equal(pthread_create(&serving->thread, NULL, run, serving), 0);
    serving->running = true;
}

void serving_wait(struct serving *serving)
{
    if (serving->running)
        pthread_join(serving->thread, NULL);
    serving->running = false;
    server_close(serving->server);
    serving->server = NULL;
}

void serving_stop(struct serving *serving)
{
    server_stop(serving->server);
    serving_wait(serving);
    if (!serving->done)
        fail_msg("%s", serving->err.text);
}

/* ---- clients ---- */

int serving_connect(const struct serving *serving)
{
    const struct timeval patience = {.tv_sec = PATIENCE_SECONDS};
    const struct sockaddr_in address = {.sin_family = AF_INET,
                                        .sin_port = htons((uint16_t)serving->port),
                                        .sin_addr = {htonl(INADDR_LOOPBACK)}};
    int client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(client >= 0);
    setsockopt(client, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    setsockopt(client, SOL_SOCKET, SO_RCVBUF, &(int){RECEIVE_BYTES}, sizeof(int)); /* soon full, if unread */
    assert_int_equal(connect(client, (const struct sockaddr *)&address, sizeof address), 0);
    return client;
}

static void send_bytes(int client, const char *bytes, size_t n_bytes)
{
    while (n_bytes > 0) {
        ssize_t n = send(client, bytes, n_bytes, MSG_NOSIGNAL);
        if (n < 0) /* it was answered and closed before all was sent */
            return;
        bytes += n;
        n_bytes -= (size_t)n;
    }
}

void send_text(int client, const char *text)
{
    send_bytes(client, text, strlen(text));
}

void send_request(int client, const char *line, const char *headers, const char *body)
{
    struct buffer out = {0};
    size_t n_body = body != NULL ? strlen(body) : 0;
    buffer_append_format(&out, "%s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n%s", line, headers);
    if (body != NULL)
        buffer_append_format(&out, "Content-Length: %zu\r\n", n_body);
    buffer_append_text(&out, "\r\n");
    size_t n_head = out.n_bytes;
    buffer_append(&out, body, n_body);
    assert_true(buffer_ok(&out, NULL));
    for (size_t i = n_head; i < out.n_bytes; i++)
        if (out.bytes[i] == '\'')
            out.bytes[i] = '"';
    send_bytes(client, out.bytes, out.n_bytes);
    buffer_release(&out);
}

/* Until the text was seen, which may be NULL. */
static char *receive(int client, const char *text)
{
    struct buffer in = {0};
    char piece[4096];
    ssize_t n;
    while ((text == NULL || strstr(buffer_text(&in), text) == NULL) &&
           (n = recv(client, piece, sizeof piece, 0)) != 0) {
        if (n < 0 && errno == ECONNRESET)
            break;
        if (n < 0)
            fail_msg("nothing comes any more after: %s", buffer_text(&in));
        buffer_append(&in, piece, (size_t)n);
    }
    buffer_append(&in, "", 1);
    assert_true(buffer_ok(&in, NULL));
    return in.bytes;
}

char *receive_all(int client)
{
    return receive(client, NULL);
}

char *receive_until(int client, const char *text)
{
    return receive(client, text);
}

char *ask_server(const struct serving *serving, const char *line, const char *headers, const char *body)
{
    int client = serving_connect(serving);
    send_request(client, line, headers, body);
    char *answer = receive_all(client);
    close(client);
    return answer;
}

/* ---- what came ---- */

void assert_has(const char *answer, const char *text)
{
    if (strstr(answer, text) == NULL)
        fail_msg("no '%s' in: %s", text, answer);
}

void assert_has_not(const char *answer, const char *text)
{
    if (strstr(answer, text) != NULL)
        fail_msg("a '%s' in: %s", text, answer);
}

double number_in(const char *answer, const char *name)
{
    char key[128];
    snprintf(key, sizeof key, "\"%s\":", name);
    const char *at = strstr(answer, key);
    if (at != NULL)
        return strtod(at + strlen(key), NULL);
    snprintf(key, sizeof key, "\n%s ", name);
    at = strstr(answer, key);
    return at != NULL ? strtod(at + strlen(key), NULL) : -1;
}

double metric_of(const struct serving *serving, const char *name)
{
    char *answer = ask_server(serving, "GET /metrics", "", NULL);
    double value = number_in(answer, name);
    free(answer);
    return value;
}

static void pause_shortly(void)
{
    nanosleep(&(struct timespec){.tv_nsec = 2000000}, NULL);
}

void wait_for_metric(const struct serving *serving, const char *name, double value)
{
    double seen = -1;
    for (int i = 0; i < WAITS && seen != value; i++) {
        pause_shortly();
        seen = metric_of(serving, name);
    }
    if (seen != value)
        fail_msg("%s is %g and not %g", name, seen, value);
}

void wait_until_loaded(const struct serving *serving)
{
    wait_for_metric(serving, "fathom_loaded", 1);
}
