/* SPDX-License-Identifier: Apache-2.0 */
/* turn.h - one answer while it is computed: its prompt, then a token at a time, until something ends it.
 *
 * A turn computes nothing itself. It says which tokens its session needs next,
 * so that those of several turns go through the model in one step, and is
 * advanced when they are held. */
#ifndef FATHOM_SERVER_COMPUTE_TURN_H
#define FATHOM_SERVER_COMPUTE_TURN_H

#include "server/answer/delivery.h"
#include "server/compute/slots.h"

#define TURN_PENDING \
    128 /* tokens that are settled and not held: one that was picked, or those of a forced text */

struct turn {
    struct job *job;   /* owned; NULL: there is no turn */
    struct slot *slot; /* taken for it */
    const struct fathom_vocabulary *vocabulary;
    struct wording prompt; /* owned */
    size_t n_cached;       /* of the prompt, held before the turn began */

    struct fathom_sampler *sampler;
    struct fathom_constraint *constraint; /* NULL: none */
    bool constrained;                     /* the sampler asks it by now */
    bool called;                          /* the call that the client demands was opened */
    size_t n_white;                       /* tokens of white space that left open what the answer is */
    struct fathom_reply *reply;           /* of a chat */
    struct fathom_text_stream *text;      /* of a completion */
    struct delivery delivery;

    uint32_t pending[TURN_PENDING]; /* [n_pending] */
    size_t n_pending;
    size_t n_most;           /* tokens that the answer may have */
    size_t n_most_reasoning; /* and that its reasoning may have, so that there is room behind it */
    size_t n_generated, n_reasoning;

    bool over;
    enum finish finish;
    struct refusal failure;        /* status 0: there is none */
    double begun, answered, ended; /* clock_seconds(): taken up, first token picked, over */
    double blocked;             /* clock_seconds(): since then the client has read too little; 0: it reads */
    struct fathom_stats before; /* the session's, when the turn began */
    struct fathom_stats read;   /* and when its prompt was read */
};

/* Takes over the job, and the prompt that the slot was taken with. False: refused, nothing is taken over. */
bool turn_begin(struct turn *turn, struct job *job, struct slot *slot, struct wording *prompt,
                const struct fathom_vocabulary *vocabulary, struct refusal *refusal);
void turn_announce(struct turn *turn,
                   const char *model); /* the client is told that its answer is being made */
/* Frees what the turn has, but for the slot; a zeroed turn is fine. */
void turn_release(struct turn *turn);

/* The tokens that the session is to hold next, n_most of a prompt at most. */
struct fathom_piece turn_next(const struct turn *turn, size_t n_most);
bool turn_reads_prompt(const struct turn *turn);
/* They are held. Behind the prompt: picks a token and passes its text on, which may end the turn. */
void turn_advance(struct turn *turn);
/* Gives the client the end of its answer, or the failure. */
void turn_finish(struct turn *turn);

size_t turn_computed(const struct turn *turn); /* tokens of the prompt, so far */
struct answer_usage turn_usage(const struct turn *turn);
struct answer_timings turn_timings(const struct turn *turn);

#endif
