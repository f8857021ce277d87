/* SPDX-License-Identifier: Apache-2.0 */
/* machine.h - this machine held against known logits: each of its instruction sets computes them, and
 * each gives the same bits whether one thread does it or all. */
#ifndef FATHOM_CLI_VERIFY_MACHINE_H
#define FATHOM_CLI_VERIFY_MACHINE_H

#include "cli/verify/known_logits.h"
#include "kernel/kernel.h"

struct way_finding {
    const char *name; /* "avx2"; "exact" for decoded weights and float activations */
    const char *used; /* the same, or the level that computes in its place, since it failed its own test */
    double error;     /* squared, over the squared logits, all rows together; not a number: some were none */
    double bound;
    bool same_bits; /* for one thread and for all */
};

struct machine_findings {
    struct way_finding ways[ISA_COUNT + 1];
    size_t n_ways;
    unsigned n_threads;
};

/* `path`: the model that `known` is of. A second or two for a small one. */
bool verify_machine(const char *path, const struct known_logits *known, struct machine_findings *findings,
                    struct error *err);
bool way_is_right(const struct way_finding *way);

#endif
