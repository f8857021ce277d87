/* SPDX-License-Identifier: Apache-2.0 */
/* worker.h - the thread that computes: it alone has the model, from loading to closing it.
 *
 * Others hand it jobs, whose answers come through their streams, and look at
 * what it is doing. */
#ifndef FATHOM_SERVER_COMPUTE_WORKER_H
#define FATHOM_SERVER_COMPUTE_WORKER_H

#include "server/compute/schedule.h"

struct worker;

struct worker_options {
    const char *path;                  /* of the model */
    struct fathom_model_options model; /* n_sessions is the worker's to set */
    struct schedule_options schedule;  /* n_piece is the worker's to set */
};

/* Starts to load. What the options point to outlives the worker; the eventfd `wake` hears of changes. */
struct worker *worker_start(const struct worker_options *options, int wake, struct error *err);
bool worker_submit(struct worker *worker,
                   struct job *job); /* takes it over; false: it does not, and is STOPPED */
/* Logs and counts a request that was refused before it became a job. The thread that computes writes the
 * line, since a log may be slow. */
void worker_note_refusal(struct worker *worker, const char *line);
/* Ends what waits now, and what runs in so many seconds. Then worker_view() says STOPPED. */
void worker_stop(struct worker *worker, double grace_seconds);
void worker_free(struct worker *worker); /* waits for the thread; NULL is fine */

enum worker_phase { WORKER_LOADING, WORKER_READY, WORKER_STOPPED };

/* What can be seen from outside, at any time and at once. */
struct worker_view {
    enum worker_phase phase;
    bool stopping;                 /* or STOPPED */
    uint32_t percent;              /* loaded */
    uint32_t n_running, n_waiting; /* requests */
    uint64_t n_held;               /* tokens, in all conversations */
    uint32_t n_ahead;              /* conversations whose next turn is to be begun while there is time */
    struct fathom_model_info info; /* READY; its texts live as long as the worker */
    struct fathom_stats stats;     /* of the model, READY */
    const struct tally *tally;
    const char *failure; /* STOPPED: why it could not load; NULL: it did */
};
struct worker_view worker_view(struct worker *worker);
bool worker_is_full(const struct worker *worker); /* as many chats run as may at once: another waits */

#endif
