/* SPDX-License-Identifier: Apache-2.0 */
/* slots.h - conversations kept in memory, so that the next request of one computes only what is new.
 *
 * A slot is a session and what is known of its conversation. A request gets
 * the slot whose tokens begin its prompt; where there is none, a new one, and
 * those least recently used are closed when all together hold too much. Front
 * ends' chores have a small slot of their own, so they never push out a chat. */
#ifndef FATHOM_SERVER_COMPUTE_SLOTS_H
#define FATHOM_SERVER_COMPUTE_SLOTS_H

#include "server/compute/wording.h"

#define SLOTS_MOST  32   /* conversations, those being answered included */
#define SIDE_TOKENS 8192 /* context of chores: titles and tags are asked of the last few messages */

struct slot {
    struct fathom_session *session; /* NULL: the slot is free */
    bool taken;                     /* by a turn */
    uint64_t used;                  /* turns that were over by the end of its last one */
    size_t n_base;                  /* tokens that the conversation's next prompt will begin with, about */
    struct fathom_tokens later;     /* the same, known: to be held while nobody asks for anything; or none */
};

struct slots {
    struct fathom_model *model; /* borrowed */
    const struct fathom_vocabulary *vocabulary;
    uint32_t n_context;   /* positions of a conversation */
    uint64_t most_tokens; /* that all may hold together */
    uint64_t most_bytes;  /* of a text that may fit a context: more is refused before it is tokenized */
    uint64_t n_turns;     /* that are over */
    struct slot items[SLOTS_MOST];
    struct slot side; /* for chores */
};

/* n_parallel conversations are answered at once at most, so that many are sure to be held in full. */
void slots_init(struct slots *slots, struct fathom_model *model, uint32_t n_parallel);
void slots_release(struct slots *slots); /* zeroed is fine */

/* Takes the slot that is best for a request, and replaces *prompt by the request's, as the slot's own tokens
 * spell it; what the slot holds stays until slot_begin(). NULL: refused. */
struct slot *slots_take(struct slots *slots, const struct request *request, struct wording *prompt,
                        struct refusal *refusal);
/* The side slot, if nobody has it and the request fits; NULL with status 0: it does not fit there. */
struct slot *slots_take_side(struct slots *slots, const struct request *request, struct wording *prompt,
                             struct refusal *refusal);
/* Leaves a beginning of the prompt in the session, which is not all of it. */
void slot_begin(struct slot *slot, const struct wording *prompt);
void slots_give_back(struct slots *slots, struct slot *slot);
/* What was to be held later is held, or cannot be. */
void slot_settle_later(struct slot *slot, bool held);
/* Closes those that were not used for longest, until all together hold no more than they may. */
void slots_trim(struct slots *slots);
/* The one used last that has something to hold later; NULL: none. */
struct slot *slots_find_idle(struct slots *slots);
uint32_t slots_ahead(const struct slots *slots);           /* how many have */
uint64_t slots_held(const struct slots *slots);            /* tokens, of all */
struct fathom_tokens slot_tokens(const struct slot *slot); /* borrowed */

#endif
