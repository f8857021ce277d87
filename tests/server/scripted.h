/* SPDX-License-Identifier: Apache-2.0 */
/* scripted.h - a model that says what a test has written down: which token follows which.
 *
 * Its layers add nothing to the hidden state, which is the last token and
 * nothing else, so its logits are a table. Texts of the script are tokens of
 * their own, whole; all other text is bytes. */
#ifndef FATHOM_TESTS_SERVER_SCRIPTED_H
#define FATHOM_TESTS_SERVER_SCRIPTED_H

#include <stddef.h>

#include "scratch.h"

/* Control tokens are given as they are spelled; those of a script need not be listed anywhere. */
struct scripted_step {
    const char *from, *to;
    float logit; /* of `to` behind `from`; where nothing is said it is 0 */
};

/* The token of a script's text. */
unsigned scripted_token(const struct scripted_step *steps, size_t n_steps, const char *text);

/* Writes the model with R1's template (without <think> at its end), and returns its path, valid until the
 * next call on `scratch`. */
const char *scripted_write(struct scratch *scratch, const struct scripted_step *steps, size_t n_steps);

#endif
