/* SPDX-License-Identifier: Apache-2.0 */
/* server.h - an HTTP server with the API that programs for OpenAI's models speak, over one model.
 *
 * Two threads: the one that calls server_run() talks to clients and never
 * computes, the other has the model and never waits for a client. So what is
 * slow in one shows nowhere else. docs/serving.md says what clients may ask. */
#ifndef FATHOM_SERVER_SERVER_H
#define FATHOM_SERVER_SERVER_H

#include "server/compute/worker.h"
#include "server/request/request.h"

struct server_options {
    const char *host; /* a name or address to listen on */
    uint16_t port;    /* 0: any that is free */
    struct worker_options worker;
    struct request_defaults defaults;
    bool strict_model;          /* other names than the model's are refused */
    bool chores;                /* front ends' chores are known and done on the side */
    const char *key_file;       /* NULL: anybody who can connect may ask */
    const char *const *origins; /* [n_origins] web pages that may ask */
    size_t n_origins;
    double head_seconds;  /* that the head of a request may take to come; 0: a minute */
    double grace_seconds; /* that answers have to end in once the server is to stop */
};

struct server;

/* Listens, and begins to load the model. What the options point to outlives the server. */
struct server *server_open(const struct server_options *options, struct error *err);
const char *server_url(const struct server *server); /* "http://127.0.0.1:8080" */
/* Until server_stop(), and what ran then has ended; or the model cannot be loaded. */
bool server_run(struct server *server, struct error *err);
void server_stop(struct server *server);  /* from any thread or signal handler; the second time at once */
void server_close(struct server *server); /* NULL is fine */

#endif
