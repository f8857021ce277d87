/* SPDX-License-Identifier: Apache-2.0 */
/* account.h - the one line that a log gets about a request: what it took and how fast it went. */
#ifndef FATHOM_SERVER_ANSWER_ACCOUNT_H
#define FATHOM_SERVER_ANSWER_ACCOUNT_H

#include "server/compute/turn.h"

enum account_end { ACCOUNT_ANSWERED, ACCOUNT_LEFT, ACCOUNT_FAILED };

void account_of_turn(struct buffer *line, const struct turn *turn, enum account_end how);
void account_of_waiting(struct buffer *line, const struct job *job); /* whose client left before its turn */
void account_of_tokens(struct buffer *line, const struct job *job,
                       size_t n_tokens); /* and nothing computed */
void account_of_refusal(struct buffer *line, const struct job *job, const struct refusal *refusal);

#endif
