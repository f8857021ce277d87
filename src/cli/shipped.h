/* SPDX-License-Identifier: Apache-2.0 */
/* shipped.h - Minnow, the small model that comes with the program: what commands run where no other is
 * given. It shows that everything works; it is not DeepSeek-R1, and wherever it speaks that is said. */
#ifndef FATHOM_CLI_SHIPPED_H
#define FATHOM_CLI_SHIPPED_H

#include "base/buffer.h"
#include "base/error.h"

/* Appends the path of the model. False: it is not installed, or there is no memory; the error says which. */
bool shipped_find(struct buffer *path, struct error *err);
/* One line on standard error: what is speaking here. */
void shipped_say(void);

#endif
