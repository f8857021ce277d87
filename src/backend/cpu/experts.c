/* SPDX-License-Identifier: Apache-2.0 */
/* experts.c - routed experts, with the shared ones beside them: tokens sorted by expert, each expert run once
 * for all its tokens, results added up in the router's order.
 *
 * A slot is one (row, chosen expert) pair. Each has a place of its own for
 * input and output, so experts may be computed in any order, as they arrive,
 * and the sum still has the same bits. */
#include <stdlib.h>
#include <string.h>

#include "backend/cpu/feed_forward.h"
#include "base/bytes.h"
#include "base/memory.h"

struct slots {
    struct operand inputs; /* [slot][n_hidden] */
    struct operand inner;  /* [slot][n_expert_ff] */
    float *outputs;        /* [slot][n_hidden] */
    uint32_t *slot_of;     /* [row][n_experts_used] */
    uint32_t *together;    /* [slot] slots of its expert that are its session's */
    uint32_t *first;       /* [n_experts + 1] slots of an expert stand together, from here on */
    uint32_t *wanted;      /* [n_experts] ids of those with at least one row */
    size_t n_wanted, n_delivered;
    bool delivered;   /* by the source, one after the other; else all lie at their handles */
    struct job *jobs; /* [n_experts] of the wave under way */
    size_t n_jobs;
};

bool cpu_slots_create(struct cpu *cpu, struct error *err)
{
    const struct geometry *g = &cpu->geometry;
    size_t n = cpu->backend.max_rows * g->n_experts_used;
    struct slots *slots = cpu->slots = blocks_take(&cpu->blocks, 1, sizeof *slots, "expert slots", err);
    if (slots == NULL)
        return false;
    slots->outputs = blocks_take(&cpu->blocks, n, g->n_hidden * sizeof(float), "expert outputs", err);
    slots->slot_of = blocks_take(&cpu->blocks, n, sizeof(uint32_t), "expert slots", err);
    slots->together = blocks_take(&cpu->blocks, n, sizeof(uint32_t), "expert slots", err);
    slots->first = blocks_take(&cpu->blocks, g->n_experts + 1, sizeof(uint32_t), "expert slots", err);
    slots->wanted = blocks_take(&cpu->blocks, g->n_experts, sizeof(uint32_t), "expert ids", err);
    slots->jobs = blocks_take(&cpu->blocks, g->n_experts, sizeof(struct job), "expert jobs", err);
    if (slots->outputs == NULL || slots->slot_of == NULL || slots->together == NULL || slots->first == NULL ||
        slots->wanted == NULL || slots->jobs == NULL ||
        !operand_init(&slots->inputs, &cpu->blocks, n, g->n_hidden, cpu->slot_forms, err) ||
        !operand_init(&slots->inner, &cpu->blocks, n, g->n_expert_ff, cpu->forms, err))
        return false;
    slots->inputs.together = slots->inner.together = slots->together;
    return true;
}

enum { PHASE_SHARED, PHASE_INNER, PHASE_DOWN, PHASE_SUM };

/* What the members of one run share; its counters are the verb's. */
struct experts_run {
    struct cpu *cpu;
    struct verb *verb;
    const struct experts_args *args;
    const struct shared_args *shared; /* NULL: none here */
    const struct expert_batch *batch; /* outputs NULL: the sum is added to delta, behind the shared experts */
};

/* A member's view of it. */
struct experts_work {
    const struct experts_run *run;
    const struct member *member;
    struct expert_kind routed;
    struct expert_kind shared;
    struct job shared_job;
};

/* ---- from rows to slots ---- */

/* Largest first: the last items are then small, and members end together. */
static int by_rows(const void *a, const void *b)
{
    const struct job *x = a, *y = b;
    if (x->n_rows != y->n_rows)
        return x->n_rows < y->n_rows ? 1 : -1;
    return (x->first_slot > y->first_slot) - (x->first_slot < y->first_slot);
}

static struct job expert_job(const struct slots *slots, const struct expert *expert, bool one_row)
{
    size_t first = slots->first[expert->id];
    return (struct job){.gate = expert->gate,
                        .up = expert->up,
                        .down = expert->down,
                        .first_input = one_row ? 0 : first,
                        .first_slot = first,
                        .n_rows = slots->first[expert->id + 1] - first};
}

/* All wanted experts, where they lie. */
static void list_resident(struct slots *slots, const struct experts_args *args, bool one_row)
{
    for (size_t i = 0; i < slots->n_wanted; i++) {
        uint32_t id = slots->wanted[i];
        const struct expert expert = {.id = id,
                                      .gate = weight_matrix(args->gate, id),
                                      .up = weight_matrix(args->up, id),
                                      .down = weight_matrix(args->down, id)};
        slots->jobs[i] = expert_job(slots, &expert, one_row);
    }
    slots->n_jobs = slots->n_wanted;
    qsort(slots->jobs, slots->n_jobs, sizeof *slots->jobs, by_rows);
}

static void count_experts(struct backend_report *report, const struct experts_args *args, size_t n)
{
    uint64_t all_bytes = weight_bytes(args->gate) + weight_bytes(args->up) + weight_bytes(args->down);
    report->n_experts += n;
    report->expert_bytes += all_bytes / args->gate->n_matrices * n;
}

/* Rows are in order, hence sessions too: an expert's slots of one session stand together. */
static void count_together(struct slots *slots, const struct experts_run *run)
{
    size_t n_used = run->cpu->geometry.n_experts_used;
    for (size_t i = 0; i < run->batch->n_rows * n_used; i++)
        slots->together[slots->slot_of[i]] = run->batch->sessions[i / n_used];
    for (size_t i = 0; i < slots->n_wanted; i++) {
        size_t end = slots->first[slots->wanted[i] + 1], next;
        for (size_t slot = slots->first[slots->wanted[i]]; slot < end; slot = next) {
            for (next = slot + 1; next < end && slots->together[next] == slots->together[slot];)
                next++;
            for (size_t same = slot; same < next; same++)
                slots->together[same] = (uint32_t)(next - slot);
        }
    }
}

static bool are_there(const struct experts_args *args, const struct slots *slots)
{
    struct expert_source *source = args->source;
    return source == NULL || (source->are_there != NULL &&
                              source->are_there(source, args->layer, slots->wanted, slots->n_wanted));
}

/* Counting sort of slots by expert; stable, so rows stand in order within an expert. */
static void sort_slots(const struct experts_run *run)
{
    struct slots *slots = run->cpu->slots;
    size_t n_experts = run->cpu->geometry.n_experts;
    size_t n_slots = run->batch->n_rows * run->cpu->geometry.n_experts_used;
    uint32_t next[GEOMETRY_MAX_EXPERTS];

    memset(slots->first, 0, (n_experts + 1) * sizeof *slots->first);
    for (size_t i = 0; i < n_slots; i++)
        slots->first[run->batch->chosen[i] + 1]++;
    slots->n_wanted = 0;
    for (uint32_t e = 0; e < n_experts; e++) {
        if (slots->first[e + 1] > 0)
            slots->wanted[slots->n_wanted++] = e;
        slots->first[e + 1] += slots->first[e];
        next[e] = slots->first[e];
    }
    for (size_t i = 0; i < n_slots; i++)
        slots->slot_of[i] = next[run->batch->chosen[i]]++;
    count_together(slots, run);
    count_experts(&run->cpu->report, run->args, slots->n_wanted);
    slots->delivered = !are_there(run->args, slots);
    if (!slots->delivered)
        list_resident(slots, run->args, run->batch->n_rows == 1);
}

static bool takes_floats(const struct cpu *cpu, const struct weight *weight)
{
    return cpu->exact || cpu->slots->inputs.int8 == NULL || format_info(weight->format)->float_activations;
}

/* Puts each row, in the forms that its experts take, where they will read it; one row stays where it is. */
static void fill_slots(const struct experts_work *work)
{
    const struct experts_run *run = work->run;
    struct cpu *cpu = run->cpu;
    const struct operand *inputs = &cpu->slots->inputs;
    size_t n_used = cpu->geometry.n_experts_used, n_hidden = cpu->geometry.n_hidden;
    bool floats = takes_floats(cpu, run->args->gate) || takes_floats(cpu, run->args->up);
    struct range share = team_share(work->member, run->batch->n_rows, 1);
    for (size_t row = share.begin; row < share.end; row++) {
        const float *x = run->batch->inputs + row * n_hidden;
        const uint8_t *int8 = NULL;
        for (size_t k = 0; k < (run->batch->n_rows == 1 ? 1 : n_used); k++) {
            size_t slot = run->batch->n_rows == 1 ? 0 : cpu->slots->slot_of[row * n_used + k];
            if (floats)
                memcpy(operand_row(inputs, slot), x, n_hidden * sizeof(float));
            if (inputs->int8 == NULL)
                continue;
            uint8_t *to = inputs->int8 + slot * inputs->int8_bytes;
            if (int8 == NULL)
                cpu->kernels.quantize(x, to, n_hidden);
            else
                memcpy(to, int8, inputs->int8_bytes);
            int8 = to;
        }
    }
}

/* ---- phases ---- */

static void run_shared_inner(const struct experts_work *work)
{
    const struct job_list list = {&work->shared_job, 1};
    if (work->run->shared != NULL)
        inner_jobs(work->run->cpu, work->member, &work->shared, &list, work->run->verb, PHASE_SHARED);
}

static void run_inner(const struct experts_work *work)
{
    const struct slots *slots = work->run->cpu->slots;
    const struct job_list list = {slots->jobs, slots->n_jobs};
    inner_jobs(work->run->cpu, work->member, &work->routed, &list, work->run->verb, PHASE_INNER);
}

/* `next`: what this member reads then, or NULL, here and below. */
static void down_jobs(const struct experts_work *work, size_t strip, const void *next)
{
    const struct slots *slots = work->run->cpu->slots;
    for (size_t i = 0; i < slots->n_jobs; i++) {
        bool last = i + 1 == slots->n_jobs;
        down_strip(work->run->cpu, &work->routed, &slots->jobs[i], strip,
                   last ? next : down_rows(&work->routed, &slots->jobs[i + 1], strip), slots->outputs);
    }
}

/* The strip's part of each row's result: shared experts, then the routed ones in the router's order. */
static void sum_strip(const struct experts_work *work, size_t strip, const void *next)
{
    const struct experts_run *run = work->run;
    struct cpu *cpu = run->cpu;
    size_t n_used = cpu->geometry.n_experts_used, n_hidden = cpu->geometry.n_hidden;
    size_t begin = strip * work->routed.down_strips.n_rows;
    size_t n = min_size(work->routed.down_strips.n_rows, n_hidden - begin);
    if (run->shared != NULL)
        down_strip(cpu, &work->shared, &work->shared_job, strip, next, cpu->delta);
    for (size_t row = 0; row < run->batch->n_rows; row++) {
        float sum[STRIP_ROWS] = {0};
        for (size_t k = 0; k < n_used; k++) {
            size_t slot = cpu->slots->slot_of[row * n_used + k];
            cpu->kernels.add_scaled(run->batch->weights[row * n_used + k],
                                    cpu->slots->outputs + slot * n_hidden + begin, sum, n);
        }
        if (run->shared != NULL)
            cpu->kernels.add_scaled(1.0f, sum, cpu->delta + row * n_hidden + begin, n);
        else
            memcpy(run->batch->outputs + row * n_hidden + begin, sum, n * sizeof(float));
    }
}

static void run_down_and_sum(const struct experts_work *work)
{
    const struct experts_run *run = work->run;
    const struct job *first = run->cpu->slots->jobs;
    size_t n = work->routed.down_strips.n, strip = take_item(run->verb, PHASE_DOWN), next;
    for (; strip < n; strip = next) {
        next = take_item(run->verb, PHASE_DOWN);
        const void *next_rows = next < n ? down_rows(&work->routed, first, next) : NULL;
        down_jobs(work, strip,
                  run->shared != NULL ? down_rows(&work->shared, &work->shared_job, strip) : next_rows);
        sum_strip(work, strip, next_rows);
    }
}

/* One expert a wave, as the source delivers them; member 0 talks to the source. */
static void run_delivered(const struct experts_work *work)
{
    struct expert_source *source = work->run->args->source;
    struct slots *slots = work->run->cpu->slots;
    struct verb *verb = work->run->verb;
    bool leads = work->member->index == 0;
    struct expert expert;
    size_t strip;
    if (leads) {
        slots->n_delivered = 0;
        source->want(source, work->run->args->layer, slots->wanted, slots->n_wanted);
    }
    for (;;) {
        if (leads) {
            slots->n_jobs = source->next(source, &expert) ? 1 : 0;
            slots->n_delivered += slots->n_jobs;
            if (slots->n_jobs > 0)
                slots->jobs[0] = expert_job(slots, &expert, work->run->batch->n_rows == 1);
            atomic_store_explicit(&verb->next_item[PHASE_INNER], 0, memory_order_relaxed);
            atomic_store_explicit(&verb->next_item[PHASE_DOWN], 0, memory_order_relaxed);
        }
        team_barrier(work->member);
        if (slots->n_jobs == 0)
            break;
        run_inner(work);
        team_barrier(work->member);
        while ((strip = take_item(verb, PHASE_DOWN)) < work->routed.down_strips.n)
            down_jobs(work, strip, NULL);
        team_barrier(work->member);
        if (leads)
            source->done(source, expert.id);
    }
    while ((strip = take_item(verb, PHASE_SUM)) < work->routed.down_strips.n)
        sum_strip(work, strip, NULL);
}

/* False: not all experts that were wanted have come. */
static bool all_came(const struct cpu *cpu, const struct experts_args *args, struct error *err)
{
    const struct slots *slots = cpu->slots;
    if (!slots->delivered)
        return true;
    if (args->source->failed(args->source, err))
        return false;
    return slots->n_delivered == slots->n_wanted ||
           fail(err, "layer %u: %zu of %zu experts came", args->layer, slots->n_delivered, slots->n_wanted);
}

/* Of n_rows rows, those that an expert has where all are chosen evenly: how its strips are cut. One row has
 * strips of its own kind, as long as memory likes them. */
static size_t rows_of_expert(const struct geometry *g, size_t n_rows)
{
    return n_rows == 1 ? 1 : max_size(2, n_rows * g->n_experts_used / g->n_experts);
}

/* `input`: the batch's single row, ready in this member's reach; NULL: rows are put into slots first. */
static void run_experts(const struct experts_run *run, const struct member *member,
                        const struct operand *input, const struct operand *shared_input)
{
    struct cpu *cpu = run->cpu;
    const struct experts_args *args = run->args;
    struct experts_work work = {.run = run, .member = member};
    size_t n_tokens = run->batch->n_rows, n_of_expert = rows_of_expert(&cpu->geometry, n_tokens);
    work.routed = (struct expert_kind){.gate = args->gate,
                                       .up = args->up,
                                       .down = args->down,
                                       .down_strips = cpu_strips(cpu, args->down, 1, n_of_expert),
                                       .input = input != NULL ? input : &cpu->slots->inputs,
                                       .inner = cpu->slots->inner};
    if (run->shared != NULL) {
        const struct shared_args *shared = run->shared;
        work.shared = (struct expert_kind){.gate = shared->gate,
                                           .up = shared->up,
                                           .down = shared->down,
                                           .inner_strips = cpu_strips(cpu, shared->gate, 1, n_tokens),
                                           .down_strips = work.routed.down_strips, /* added up together */
                                           .input = shared_input,
                                           .inner = operand_of_width(&cpu->inner, shared->gate->n_rows)};
        work.shared_job = (struct job){.gate = shared->gate->handle,
                                       .up = shared->up->handle,
                                       .down = shared->down->handle,
                                       .n_rows = run->batch->n_rows};
    }
    if (member->index == 0)
        sort_slots(run);
    run_shared_inner(&work);
    team_barrier(member);
    if (input == NULL) {
        fill_slots(&work);
        team_barrier(member);
    }
    const bool delivered = cpu->slots->delivered;
    work.routed.inner_strips =
        cpu_strips(cpu, args->gate, delivered ? 1 : cpu->geometry.n_experts_used, n_of_expert);
    if (delivered) {
        run_delivered(&work);
        return;
    }
    run_inner(&work);
    team_barrier(member);
    run_down_and_sum(&work);
}

/* ---- experts at home here ---- */

void run_mixture(struct cpu *cpu, const struct member *member, struct verb *verb)
{
    const struct mixture_args *args = &verb->args.mixture;
    const struct operand *normed = cpu_own_or_shared(cpu, &cpu->own[member->index].normed, &cpu->normed);
    const struct expert_batch batch = {.n_rows = cpu->step->n_rows,
                                       .inputs = cpu->normed.floats,
                                       .chosen = cpu->chosen,
                                       .weights = cpu->chosen_weights,
                                       .sessions = cpu->sessions,
                                       .outputs = cpu->delta};
    const struct experts_run run = {.cpu = cpu,
                                    .verb = verb,
                                    .args = &args->experts,
                                    .shared = args->has_shared ? &args->shared : NULL,
                                    .batch = &batch};
    run_experts(&run, member, batch.n_rows == 1 ? normed : NULL, normed);
    struct error err = {0};
    if (member->index == 0 && !all_came(cpu, &args->experts, &err))
        cpu_fail(cpu, &err);
}

/* ---- experts at home here, rows elsewhere ---- */

static void run_batch(void *argument, const struct member *member)
{
    run_experts(argument, member, NULL, NULL);
}

bool cpu_experts_batch(struct backend *backend, const struct experts_args *args,
                       const struct expert_batch *batch, struct error *err)
{
    struct cpu *cpu = cpu_of(backend);
    struct verb counters = {0};
    struct experts_run run = {.cpu = cpu, .verb = &counters, .args = args, .batch = batch};
    team_run(cpu->team, run_batch, &run);
    return all_came(cpu, args, err);
}

/* ---- rows here, experts elsewhere ---- */

void call_handover(struct cpu *cpu, struct verb *verb)
{
    const struct expert_batch batch = {.n_rows = cpu->step->n_rows,
                                       .inputs = cpu->normed.floats,
                                       .chosen = cpu->chosen,
                                       .weights = cpu->chosen_weights,
                                       .sessions = cpu->sessions,
                                       .outputs = cpu->routed};
    struct error err = {0};
    if (!verb->args.handover.compute(verb->args.handover.owner, &batch, &err))
        cpu_fail(cpu, &err);
}

void run_add_routed(struct cpu *cpu, const struct member *member, struct verb *verb)
{
    (void)verb;
    struct range share = team_share(member, cpu->step->n_rows * cpu->geometry.n_hidden, 32);
    cpu->kernels.add_scaled(1.0f, cpu->routed + share.begin, cpu->delta + share.begin,
                            share.end - share.begin);
}
