/* SPDX-License-Identifier: Apache-2.0 */
/* gate.h - waiting until somebody else says go on: a count that only grows, watched by spinning and then
 * by sleeping on a futex.
 *
 * What is written before gate_open() is visible after the gate_wait() that saw it. No wake-up is lost: a
 * sleeper announces itself before it looks at the count for the last time, and an opener counts before
 * it looks for sleepers, all in one order that every thread agrees on. */
#ifndef FATHOM_MACHINE_GATE_H
#define FATHOM_MACHINE_GATE_H

#include <stdatomic.h>
#include <stdint.h>

struct gate {
    _Alignas(64) _Atomic uint32_t count; /* openings, modulo 2^32; on a line that only sleepers share */
    _Atomic uint32_t n_sleepers;
};

uint32_t gate_count(struct gate *gate);
/* Returns when the count is no longer `seen`. Spins for spin_seconds at most before it sleeps. */
void gate_wait(struct gate *gate, uint32_t seen, double spin_seconds);
void gate_open(struct gate *gate); /* counts one opening and wakes everybody */

#endif
