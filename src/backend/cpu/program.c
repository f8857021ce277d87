/* SPDX-License-Identifier: Apache-2.0 */
/* program.c - the list of a step's verbs, and its run. Knows nothing of what they do. */
#include "backend/cpu/program.h"

#include <assert.h>

/* project, append, attend, reduce; route, shared, handover and its sum, reduce; and embed, narrow and head
 * around the layers */
#define VERBS_PER_LAYER 9
#define VERBS_AROUND    3

bool program_init(struct program *program, struct blocks *blocks, uint32_t n_layers, struct error *err)
{
    *program = (struct program){.capacity = (size_t)n_layers * VERBS_PER_LAYER + VERBS_AROUND};
    program->verbs = blocks_take(blocks, program->capacity, sizeof *program->verbs, "a step's verbs", err);
    return program->verbs != NULL;
}

struct verb *program_add(struct program *program, verb_run *run)
{
    assert(program->n_verbs < program->capacity);
    struct verb *verb = &program->verbs[program->n_verbs++];
    *verb = (struct verb){.run = run};
    return verb;
}

struct verb *program_add_call(struct program *program, verb_call *call)
{
    struct verb *verb = program_add(program, NULL);
    verb->call = call;
    return verb;
}

struct verb *program_last(struct program *program, verb_run *run)
{
    if (program->n_verbs == 0 || program->verbs[program->n_verbs - 1].run != run)
        return NULL;
    return &program->verbs[program->n_verbs - 1];
}

size_t program_behind(const struct program *program, verb_run *run)
{
    size_t n = program->n_verbs;
    while (n > 0 && program->verbs[n - 1].run != run)
        n--;
    return n;
}

void program_cut(struct program *program, size_t n_verbs)
{
    if (program->n_verbs > n_verbs)
        program->n_verbs = n_verbs;
}

/* Verbs that the team runs in one go.
 *
 * Member 0 asks whether the step is stopped, before a barrier, and the others learn of it behind that one. By
 * then it may have asked again, before the next; so what it leaves is no flag but the first verb that nobody
 * runs: who is a barrier behind does not stop there. */
struct stretch {
    struct cpu *cpu;
    const struct step *step;
    struct verb *verbs;
    size_t n_verbs;
    atomic_size_t end; /* n_verbs until the step is stopped */
};

static void look_whether_stopped(struct stretch *stretch, const struct member *member, size_t next)
{
    if (member->index == 0 && step_is_stopped(stretch->step))
        atomic_store_explicit(&stretch->end, next, memory_order_relaxed);
}

static bool is_at_end(struct stretch *stretch, size_t next)
{
    return next >= atomic_load_explicit(&stretch->end, memory_order_relaxed);
}

static void run_stretch(void *argument, const struct member *member)
{
    struct stretch *stretch = argument;
    for (size_t i = 0; i < stretch->n_verbs; i++) {
        struct verb *verb = &stretch->verbs[i];
        verb->run(stretch->cpu, member, verb);
        if (verb->joins_next || i + 1 == stretch->n_verbs)
            continue;
        look_whether_stopped(stretch, member, i + 1);
        team_barrier(member);
        if (is_at_end(stretch, i + 1))
            return;
    }
}

/* False: stopped. */
static bool run_together(struct cpu *cpu, struct team *team, const struct step *step, struct verb *verbs,
                         size_t n_verbs)
{
    struct stretch stretch = {.cpu = cpu, .step = step, .verbs = verbs, .n_verbs = n_verbs};
    atomic_init(&stretch.end, n_verbs);
    if (n_verbs > 0)
        team_run(team, run_stretch, &stretch);
    return atomic_load_explicit(&stretch.end, memory_order_relaxed) == n_verbs;
}

bool program_run(struct program *program, struct cpu *cpu, struct team *team, const struct step *step)
{
    struct verb *verbs = program->verbs;
    const size_t n_verbs = program->n_verbs;
    bool going = true;
    program->n_verbs = 0;
    for (size_t i = 0; going && i < n_verbs;) {
        const size_t begin = i;
        while (i < n_verbs && verbs[i].call == NULL)
            i++;
        going = run_together(cpu, team, step, verbs + begin, i - begin);
        for (; going && i < n_verbs && verbs[i].call != NULL; i++) {
            going = !step_is_stopped(step);
            if (going)
                verbs[i].call(cpu, &verbs[i]);
        }
    }
    return going;
}
