/* SPDX-License-Identifier: Apache-2.0 */
/* wording.h - requests into the tokens of prompts. */
#ifndef FATHOM_SERVER_COMPUTE_WORDING_H
#define FATHOM_SERVER_COMPUTE_WORDING_H

#include "fathom.h"
#include "server/request/request.h"

struct wording {
    const uint32_t *ids; /* [n] */
    size_t n;
    struct fathom_tokens owned; /* none where the ids are the request's own */
};
void wording_release(struct wording *prompt); /* zeroed is fine */

/* Replaces *prompt; `held`, [n_held], keep their ids where they spell it. */
bool wording_prompt(const struct fathom_vocabulary *vocabulary, const struct request *request,
                    const struct fathom_tokens *held, struct wording *prompt, struct fathom_error *err);
/* Replaces *tokens by what the prompt of any longer conversation begins with, once this chat was answered. */
bool wording_next_turn(const struct fathom_vocabulary *vocabulary, const struct request *request,
                       const struct fathom_message *answer, const struct fathom_tokens *held,
                       struct fathom_tokens *tokens);

#endif
