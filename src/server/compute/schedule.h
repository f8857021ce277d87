/* SPDX-License-Identifier: Apache-2.0 */
/* schedule.h - whose tokens are computed next: of chats, then of chores, then of turns that are to come.
 *
 * Belongs to the one thread that computes, with the model and all sessions. A
 * round is one step of the model, a token or a piece of one prompt for every
 * chat that runs, so whatever comes in is seen a round later; a client that
 * leaves in the middle of its piece ends the step. */
#ifndef FATHOM_SERVER_COMPUTE_SCHEDULE_H
#define FATHOM_SERVER_COMPUTE_SCHEDULE_H

#include <stdatomic.h>

#include "base/meter.h"
#include "server/compute/turn.h"

#define PARALLEL_MOST 16 /* chats at once at most; slots must outnumber them */

/* What was done since the start, for any thread to read. */
struct tally {
    struct meter requests;  /* taken up */
    struct meter answered;  /* to their end */
    struct meter cancelled; /* because the client left */
    struct meter refused;
    struct meter prompt_tokens, cached_tokens, generated_tokens;
    atomic_uint n_chats; /* that have a place now; it is free before its client hears of the end */
};

/* Where lines about requests go. */
struct server_log {
    void (*write)(void *listener, const char *line); /* NULL: nowhere */
    void *listener;
};

struct schedule_options {
    const char *model_id; /* that answers name */
    uint32_t n_parallel;  /* chats at once, 1 to PARALLEL_MOST */
    uint32_t n_piece;     /* tokens of a prompt in one round */
    /* Of a stream, unread: then the answer rests, and after so long the client counts as one that left. 0:
     * 2 MiB, some 8000 tokens, so that most answers end without it; and a minute. */
    size_t full_bytes;
    double patience_seconds;
    struct server_log log;
    double read_rate; /* bytes a second that memory gives; 0: not known, and no line says what limits it */
};

struct schedule {
    struct schedule_options options;
    struct fathom_model *model; /* borrowed */
    struct slots slots;
    struct job *waiting; /* oldest first */
    struct turn turns[PARALLEL_MOST];
    struct turn side; /* a chore */
    struct tally *tally;
};

void schedule_init(struct schedule *schedule, struct fathom_model *model,
                   const struct schedule_options *options, struct tally *tally);
void schedule_release(struct schedule *schedule); /* nothing may be waiting or running */

void schedule_add(struct schedule *schedule, struct job *job); /* takes it over */

/* Before each round: drops those who left, and begins those for whom there is a place. */
void schedule_admit(struct schedule *schedule);
enum round { ROUND_WORKED, ROUND_BLOCKED, ROUND_NOTHING };
/* BLOCKED: all that runs waits for slow readers. */
enum round schedule_round(struct schedule *schedule);
/* Computes what turns to come will begin with, until `progress` stops it. */
void schedule_idle(struct schedule *schedule, const struct fathom_progress *progress);
bool schedule_has_idle_work(struct schedule *schedule);

/* Ends all that waits, or all that runs, with this. */
void schedule_refuse_waiting(struct schedule *schedule, const struct refusal *refusal);
void schedule_refuse_running(struct schedule *schedule, const struct refusal *refusal);
uint32_t schedule_running(const struct schedule *schedule);
uint32_t schedule_waiting(const struct schedule *schedule);

#endif
