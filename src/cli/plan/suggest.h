/* SPDX-License-Identifier: Apache-2.0 */
/* suggest.h - which of the files that DeepSeek-R1 is shared in suits a machine. */
#ifndef FATHOM_CLI_PLAN_SUGGEST_H
#define FATHOM_CLI_PLAN_SUGGEST_H

#include "base/buffer.h"
#include "cli/plan/work.h"

/* Appends the page: every file with what becomes of it on `machine`, the largest that memory holds, and the
 * commands that fetch it and talk with it. `measure`: the machine is this one, and its rates are taken for
 * the file that is suggested; a second or two. */
bool plan_suggest(const struct computation *computation, const struct plan_machine *machine, bool measure,
                  struct buffer *page, struct error *err);

#endif
