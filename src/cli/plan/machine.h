/* SPDX-License-Identifier: Apache-2.0 */
/* machine.h - machines as JSON: what `fathom plan --json` says of this one can be given to --machine on
 * another, and so can what nobody has. */
#ifndef FATHOM_CLI_PLAN_MACHINE_H
#define FATHOM_CLI_PLAN_MACHINE_H

#include <jansson.h>

#include "weights/plan.h"

/* An object; rates that were not measured are left out. NULL: no memory. */
json_t *plan_machine_json(const struct plan_machine *machine);

/* Reads a file that is such an object, or has one as "machine". Keys: threads, node_bytes, memory_bytes,
 * available_bytes, lock_bytes, read_rate, drive_rate, attention_rate, activation_rate, rates; or instead of
 * the first four "hwloc", a synthetic topology in hwloc's syntax. Errors name the key; the caller names the
 * file. */
bool plan_machine_read(struct plan_machine *machine, const char *path, struct error *err);

#endif
