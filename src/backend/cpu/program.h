/* SPDX-License-Identifier: Apache-2.0 */
/* program.h - a step as the CPU runs it: verbs are written down as they are called, and the whole team runs
 * them in one go when the step ends.
 *
 * So a step costs one dispatch of the team, and a verb as many barriers as its
 * phases need. Between verbs stands one barrier, unless the verb joins the
 * next: then each member's own order is enough. What leaves this backend (a
 * sum over ranks, experts elsewhere) is called between two dispatches, while
 * the team is at rest: whoever is called may use it. */
#ifndef FATHOM_BACKEND_CPU_PROGRAM_H
#define FATHOM_BACKEND_CPU_PROGRAM_H

#include <stdatomic.h>

#include "backend/backend.h"
#include "machine/blocks.h"
#include "machine/team.h"

struct cpu;
struct verb;

/* Called by every member; it is in step with the others only as its own barriers make it. */
typedef void verb_run(struct cpu *cpu, const struct member *member, struct verb *verb);
/* Called by the thread that ends the step, alone. */
typedef void verb_call(struct cpu *cpu, struct verb *verb);

/* What a verb normalizes: hidden state, with what the last half-layer left in delta still to be added. The
 * sum goes to another buffer, since other members may still read the old one. */
struct hidden {
    const float *from; /* [row][n_hidden] */
    float *to;         /* [row][n_hidden] = from + delta; NULL: nothing is to be added */
};

struct mixture_args {
    struct experts_args experts;
    struct shared_args shared;
    bool has_shared;
};

struct handover_args {
    expert_compute *compute;
    void *owner;
};

#define VERB_PHASES 4

struct verb {
    verb_run *run;
    verb_call *call; /* instead of run; NULL: run */
    bool joins_next;
    struct hidden hidden; /* for verbs that begin with a norm */
    union {
        struct embed_args embed;
        struct project_args project;
        uint32_t append_layer;
        struct attend_args attend;
        struct dense_args dense;
        struct route_args route;
        struct shared_args shared;
        struct mixture_args mixture;
        struct handover_args handover;
        struct head_args head;
    } args;
    atomic_size_t next_item[VERB_PHASES]; /* items of a phase go to whoever is free */
};

struct program {
    struct verb *verbs; /* [capacity] */
    size_t n_verbs;
    size_t capacity;
};

/* Its memory is of `blocks`. */
bool program_init(struct program *program, struct blocks *blocks, uint32_t n_layers, struct error *err);
/* The next verb, zeroed but for `run` or `call`; the caller fills in its arguments. */
struct verb *program_add(struct program *program, verb_run *run);
struct verb *program_add_call(struct program *program, verb_call *call);
/* The last verb, if it is `run`; NULL otherwise. */
struct verb *program_last(struct program *program, verb_run *run);
/* How many there are up to the last that is `run`, and with it. */
size_t program_behind(const struct program *program, verb_run *run);
/* Forgets those behind the first n_verbs. */
void program_cut(struct program *program, size_t n_verbs);
/* Runs all and leaves the program empty. False: the step was stopped between two verbs. */
bool program_run(struct program *program, struct cpu *cpu, struct team *team, const struct step *step);

static inline size_t take_item(struct verb *verb, size_t phase)
{
    return atomic_fetch_add_explicit(&verb->next_item[phase], 1, memory_order_relaxed);
}

#endif
