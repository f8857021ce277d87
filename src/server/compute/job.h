/* SPDX-License-Identifier: Apache-2.0 */
/* job.h - a request that is to be computed: what was asked, and where the answer goes. */
#ifndef FATHOM_SERVER_COMPUTE_JOB_H
#define FATHOM_SERVER_COMPUTE_JOB_H

#include "server/compute/stream.h"
#include "server/request/request.h"

#define ID_BYTES 48 /* "chatcmpl-" and 32 hexadecimal digits */

struct job {
    struct job *next; /* in whose list it waits */
    struct request request;
    struct stream *stream; /* held */
    char id[ID_BYTES];     /* nobody can guess it: who knows it may close the reasoning */
    double arrived;        /* clock_seconds() */
};

/* Takes the request over, which is zeroed then. NULL, and the request is released: no memory. */
struct job *job_create(struct request *request, struct stream *stream, struct error *err);
void job_free(struct job *job); /* NULL is fine */

/* A prefix, and 32 digits that nobody can guess. */
void id_make(char id[ID_BYTES], const char *prefix);
uint64_t seed_make(void);

#endif
