/* SPDX-License-Identifier: Apache-2.0 */
/* job.c - making and freeing jobs, and the random numbers that requests need. */
#include "server/compute/job.h"

#include <stdio.h>
#include <sys/random.h>

#include "base/clock.h"
#include "base/memory.h"

/* Up to 256 bytes come whole, once the system has any (getrandom(2)). */
static uint64_t random_number(void)
{
    uint64_t number = 0;
    while (getrandom(&number, sizeof number, 0) != (ssize_t)sizeof number)
        continue;
    return number;
}

void id_make(char id[ID_BYTES], const char *prefix)
{
    snprintf(id, ID_BYTES, "%s%016llx%016llx", prefix, (unsigned long long)random_number(),
             (unsigned long long)random_number());
}

uint64_t seed_make(void)
{
    return random_number();
}

struct job *job_create(struct request *request, struct stream *stream, struct error *err)
{
    static const char *const prefixes[] = {
        [REQUEST_CHAT] = "chatcmpl-", [REQUEST_COMPLETION] = "cmpl-", [REQUEST_TOKENIZE] = "tokens-"};
    struct job *job = memory_allocate(1, sizeof *job, "a request", err);
    if (job == NULL) {
        request_release(request);
        return NULL;
    }
    job->request = *request;
    *request = (struct request){0};
    stream_hold(stream);
    job->stream = stream;
    job->arrived = clock_seconds();
    id_make(job->id, prefixes[job->request.kind]);
    return job;
}

void job_free(struct job *job)
{
    if (job == NULL)
        return;
    request_release(&job->request);
    stream_drop(job->stream);
    memory_free(job);
}
