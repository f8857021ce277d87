/* SPDX-License-Identifier: Apache-2.0 */
/* serving.h - a server over a golden model, and clients on plain sockets, for tests.
 *
 * The model is exact, so that the likeliest tokens of a prompt are the same
 * whatever is cached and whoever computes beside it. Whatever goes wrong in
 * here ends the test. */
#ifndef FATHOM_TESTS_SERVER_SERVING_H
#define FATHOM_TESTS_SERVER_SERVING_H

#include <pthread.h>

#include "check.h"
#include "server/server.h"

#define SERVING_MODEL "tests/golden/v3-256-q4_0.gguf"

struct serving {
    struct server *server;
    struct server_options options;
    pthread_t thread;
    bool running;
    bool done; /* what server_run() returned */
    struct error err;
    int port;
};

/* n_context tokens, n_parallel chats; what else is to be different is changed before serving_start(). */
struct serving serving_with(uint32_t n_context, uint32_t n_parallel);
void serving_start(struct serving *serving);
void serving_stop(struct serving *serving); /* and waits; it must end well */
void serving_wait(struct serving *serving); /* until it ends by itself */

int serving_connect(const struct serving *serving); /* a socket that waits for 20 seconds at most */
void send_text(int client, const char *text);
/* A request with a body whose ' become ", or without one (NULL). `headers` are more lines, or "". */
void send_request(int client, const char *line, const char *headers, const char *body);
/* All that comes until the other side closes; the caller frees it. */
char *receive_all(int client);
/* Until the text was seen, or the other side closes. */
char *receive_until(int client, const char *text);

/* One request on a connection of its own: status and headers and body. The caller frees it. */
char *ask_server(const struct serving *serving, const char *line, const char *headers, const char *body);

void assert_has(const char *answer, const char *text);
void assert_has_not(const char *answer, const char *text);
/* The number behind `"name": ` or `"name":`, or behind a metric's name and a space; -1: it is not there. */
double number_in(const char *answer, const char *name);
double metric_of(const struct serving *serving, const char *name);
/* Waits for 10 seconds at most. */
void wait_for_metric(const struct serving *serving, const char *name, double value);
void wait_until_loaded(const struct serving *serving);

#endif
