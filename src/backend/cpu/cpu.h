/* SPDX-License-Identifier: Apache-2.0 */
/* cpu.h - the backend that computes on the processor: verbs over kernel/'s table and machine/'s team. */
#ifndef FATHOM_BACKEND_CPU_H
#define FATHOM_BACKEND_CPU_H

#include "backend/backend.h"
#include "machine/team.h"

struct cpu_options {
    const struct geometry *geometry; /* copied */
    struct rope rope;                /* frequencies are copied */
    struct team *team;               /* borrowed; one backend at a time computes on it */
    const char *isa;                 /* highest instruction set to use, by name; NULL: the best there is */
    bool exact;                      /* float activations, decoded weights, attention absorbed unless asked */
    bool int8_experts;               /* no routed expert's gate or up takes floats: none are kept */
    size_t max_rows;                 /* of one step */
    struct rank_sum rank_sum;        /* zeroed: one rank */
};

struct backend *cpu_create(const struct cpu_options *options, struct error *err);

/* Bytes that cpu_create() takes for such a backend with a team of so many, within a few KB a member. Weights
 * and caches are not in it. Of the options geometry, exact, int8_experts and max_rows are read. */
uint64_t cpu_footprint(const struct cpu_options *options, size_t n_members);

/* The instruction set that its kernels come from: "avx512". */
const char *cpu_isa(const struct backend *backend);

#endif
