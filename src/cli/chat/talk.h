/* SPDX-License-Identifier: Apache-2.0 */
/* talk.h - a conversation: its messages, the session that holds them, and the next answer.
 *
 * Whatever goes wrong in a turn, the conversation before it stays. Nothing here reads what a person types;
 * what is shown goes through show.h. */
#ifndef FATHOM_CLI_CHAT_TALK_H
#define FATHOM_CLI_CHAT_TALK_H

#include "base/error.h"
#include "cli/chat/show.h"
#include "cli/ids.h"
#include "cli/setup.h"
#include "fathom.h"

/* Its texts are UTF-8, whatever was typed or generated, so that a file can hold them as they are. */
struct talk_message {
    enum fathom_role role; /* system, user or assistant */
    char *content;         /* owned, as is the other; never NULL */
    char *reasoning;       /* an answer's, or NULL */
    bool open;             /* an answer that ended inside its reasoning */
};

struct talk {
    const struct fathom_vocabulary *vocabulary;
    struct fathom_session *session; /* owned, as is the sampler */
    struct fathom_sampler *sampler;
    struct talk_message *messages; /* [n_messages], a system prompt only as the first */
    size_t n_messages, capacity;
    struct ids recalled; /* of a conversation that was loaded, until the session holds it; else none */
    enum fathom_think think;
    uint64_t seed;
    uint32_t n_retries;    /* of the last message: each draws other tokens */
    uint64_t most_tokens;  /* of one answer */
    bool interrupt_closes; /* Ctrl-C in the reasoning closes it, and only the next one stops */
};

bool talk_open(struct talk *talk, struct fathom_model *model, const struct computation *computation,
               const struct sampling *sampling, struct error *err);
void talk_close(struct talk *talk); /* a zeroed one is fine */

/* Copies the texts; `reasoning` may be NULL. */
bool talk_add(struct talk *talk, enum fathom_role role, const char *content, const char *reasoning,
              struct error *err);
struct talk_message *talk_last(struct talk *talk); /* NULL: nothing was said */
void talk_drop_last(struct talk *talk);
/* Out of the conversation for now; it is put back, or dropped behind what came in its place. */
struct talk_message talk_take_last(struct talk *talk);
void talk_put_back(struct talk *talk, const struct talk_message *taken);
void talk_drop_taken(struct talk_message *taken); /* a zeroed one is fine */
void talk_clear(struct talk *talk);               /* the system prompt stays */
/* What prompts that go on from here begin with, in the tokens that were generated where they spell it; of an
 * answer still in its reasoning, the reasoning too. None before the first answer. */
bool talk_tokens(const struct talk *talk, struct fathom_tokens *tokens, struct error *err);
/* The system prompt from the next answer on; "": none. */
bool talk_system(struct talk *talk, const char *text, struct error *err);

/* Answers the last message, a user's; or goes on with the last, an answer still in its reasoning, which is
 * closed first. What was answered is kept, however it ended, and also where this fails on the way. What is
 * drawn follows from the seed and the place in the conversation, so one that was loaded goes on alike. */
bool talk_answer(struct talk *talk, struct show *show, struct turn *turn, struct error *err);

#endif
