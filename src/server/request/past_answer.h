/* SPDX-License-Identifier: Apache-2.0 */
/* past_answer.h - what clients wrap around texts: reasoning before old answers, chores around a chat. */
#ifndef FATHOM_SERVER_REQUEST_PAST_ANSWER_H
#define FATHOM_SERVER_REQUEST_PAST_ANSWER_H

#include "server/request/request.h"

/* Takes an answer as a client sends it back apart, in place. Returns the content, within the text, without
 * `<think>...</think>` at its start and without `<details type="reasoning">...</details>` at the start of any
 * line, nor white space behind either; one that is never closed goes to the end. *reasoning: what stood in
 * `<think>`, or NULL. */
char *past_answer_split(char *text, const char **reasoning);

/* What a user's only message asks for, by the form that front ends give to their own requests: it begins with
 * "### Task:" and holds "<chat_history>". */
enum chore chore_of(const char *text);

#endif
