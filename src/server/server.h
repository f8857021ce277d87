/* SPDX-License-Identifier: Apache-2.0 */
/* server.h - an HTTP server with the API that programs for OpenAI's models speak, over one model.
 *
 * Two threads: whoever calls server_run() talks to clients, and never
 * computes; docs/serving.md says what clients may ask. */
#ifndef FATHOM_SERVER_SERVER_H
#define FATHOM_SERVER_SERVER_H

#include <stdint.h>

#include "base/error.h"

struct server_options {
    const char *host; /* a name or address to listen on */
    uint16_t port;    /* 0: any that is free */
};

struct server;

/* Listens: clients can connect from here on, and are answered while server_run() runs. */
struct server *server_open(const struct server_options *options, struct error *err);
const char *server_url(const struct server *server);       /* "http://127.0.0.1:8080" */
bool server_run(struct server *server, struct error *err); /* until server_stop() */
void server_stop(struct server *server);                   /* from any thread or signal handler */
void server_close(struct server *server);                  /* NULL is fine */

#endif
