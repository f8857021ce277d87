/* SPDX-License-Identifier: Apache-2.0 */
/* account.h - the one line that a log gets about a request: what it took and how fast it went. */
#ifndef FATHOM_SERVER_ANSWER_ACCOUNT_H
#define FATHOM_SERVER_ANSWER_ACCOUNT_H

#include "server/compute/turn.h"

enum account_end { ACCOUNT_ANSWERED, ACCOUNT_LEFT, ACCOUNT_FAILED };

/* What its speed is held against. */
struct account_machine {
    double read_rate;    /* bytes a second that memory gives; 0: not known */
    bool exceeds_memory; /* it does not hold all weights */
};

/* The longer part of a turn. */
struct account_phase {
    const char *name;    /* "answer" */
    double seconds;      /* by the clock */
    double step_seconds; /* of the steps that it took part in */
    uint64_t read_bytes; /* that those had to read */
};
/* What limits it: nothing where no step was made. */
void account_limit(struct buffer *line, const struct account_phase *phase,
                   const struct account_machine *machine);

void account_of_turn(struct buffer *line, const struct turn *turn, enum account_end how,
                     const struct account_machine *machine);
void account_of_waiting(struct buffer *line, const struct job *job); /* whose client left before its turn */
void account_of_tokens(struct buffer *line, const struct job *job,
                       size_t n_tokens); /* and nothing computed */
void account_of_refusal(struct buffer *line, const struct job *job, const struct refusal *refusal);

#endif
