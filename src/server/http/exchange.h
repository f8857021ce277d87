/* SPDX-License-Identifier: Apache-2.0 */
/* exchange.h - one request of one client, from its first line to the last byte of the answer.
 *
 * Belongs to the thread that talks to clients. While it waits for the thread
 * that computes, libmicrohttpd does not look at its socket: the loop does, so
 * that a client that leaves is noticed. */
#ifndef FATHOM_SERVER_HTTP_EXCHANGE_H
#define FATHOM_SERVER_HTTP_EXCHANGE_H

#include <microhttpd.h>

#include "server/compute/job.h"
#include "server/compute/worker.h"
#include "server/http/callers.h"
#include "server/http/keys.h"
#include "server/http/origins.h"

/* What all exchanges share. */
struct front {
    const char *model_id;
    const struct request_defaults *defaults;
    bool strict_model, chores;
    bool stopping;   /* nothing new is begun */
    int64_t created; /* seconds since 1970 */
    struct keys keys;
    struct origins origins;
    struct worker *worker;
    int wake;
    struct callers callers;
    struct exchange *exchanges; /* that are open */
    size_t body_bytes;          /* of all their bodies */
};

struct exchange {
    struct front *front;
    struct exchange *next, *previous;
    struct MHD_Connection *connection;
    int socket;
    struct caller *caller; /* whose connection it is; NULL: it is not timed */
    const struct route *route;
    const char *method;     /* the library's, as long as the exchange */
    char *path;             /* owned */
    double begun;           /* clock_seconds() */
    struct refusal refusal; /* status 0: nothing is wrong so far */
    struct buffer body;

    struct stream *stream; /* held; NULL: nothing is computed for it */
    bool streams;          /* the answer is sent while it is made */
    bool answering;        /* its head was sent */
    bool suspended;
    double pinged;         /* clock_seconds() of the last sign of life */
    char id[ID_BYTES];     /* of the job; "": there is none */
    struct buffer ignored; /* fields without effect, for a header */
};

/* NULL: no memory. The request's head was read. */
struct exchange *exchange_open(struct front *front, struct MHD_Connection *connection, const char *method,
                               const char *path);
void exchange_close(struct exchange *exchange); /* the client left, or has its answer */

enum MHD_Result exchange_take_body(struct exchange *exchange, const char *bytes, size_t n_bytes);
void exchange_drop_body(struct exchange *exchange); /* it was read, or never will be */
/* The whole request is here, or something has changed since the exchange was suspended. */
enum MHD_Result exchange_go_on(struct exchange *exchange);

/* Between the library's turns: resumes what can go on, and shows life to streams that wait too long. Returns
 * the milliseconds until it is to be called again, if nothing happens before; -1: it need not. */
int exchange_look(struct exchange *exchange);
void exchange_leave(struct exchange *exchange); /* the client has left */

/* Queues an answer, with the headers that all have. The response is the exchange's; NULL: no memory. */
enum MHD_Result exchange_queue(struct exchange *exchange, int status, const char *type,
                               struct MHD_Response *response);
/* The same of a whole one. */
enum MHD_Result exchange_send(struct exchange *exchange, int status, const char *type,
                              const struct buffer *body);
enum MHD_Result exchange_refuse(struct exchange *exchange, const struct refusal *refusal);
enum MHD_Result exchange_send_preflight(struct exchange *exchange);
const char *exchange_header(const struct exchange *exchange, const char *name); /* NULL: not sent */

#endif
