/* SPDX-License-Identifier: Apache-2.0 */
/* cpu.c - the CPU backend's life: creation, the step's beginning and end, and the verbs too small for a file.
 */
#include "backend/cpu/cpu.h"

#include <assert.h>
#include <math.h>
#include <string.h>

#include "backend/cpu/state.h"
#include "base/bytes.h"
#include "base/memory.h"
#include "quant/decode.h"

void cpu_fail(struct cpu *cpu, const struct error *err)
{
    if (!cpu->failed)
        cpu->error = *err;
    cpu->failed = true;
}

/* ---- a step ---- */

static bool expand(const struct cpu *cpu, const struct segment *segment)
{
    switch (cpu->step->attention) {
    case ATTENTION_ABSORBED:
        return false;
    case ATTENTION_EXPANDED:
        return true;
    case ATTENTION_AUTO:
        break;
    }
    return !cpu->exact && segment->n_rows >= ATTENTION_EXPAND_ROWS;
}

static void find_segments(struct cpu *cpu)
{
    const struct row *rows = cpu->step->rows;
    cpu->n_segments = 0;
    for (size_t i = 0; i < cpu->step->n_rows; i++) {
        if (i == 0 || rows[i].cache != rows[i - 1].cache)
            cpu->segments[cpu->n_segments++] =
                (struct segment){.first_row = i, .first_position = rows[i].position, .cache = rows[i].cache};
        cpu->segments[cpu->n_segments - 1].n_rows++;
    }
    for (size_t i = 0; i < cpu->n_segments; i++) {
        struct segment *segment = &cpu->segments[i];
        segment->expanded = expand(cpu, segment);
        for (size_t row = segment->first_row; row < segment->first_row + segment->n_rows; row++) {
            cpu->sessions[row] = (uint32_t)i;
            cpu->together[row] = (uint32_t)segment->n_rows;
        }
    }
}

static void list_wanted(struct cpu *cpu)
{
    cpu->n_wanted = 0;
    for (size_t row = 0; row < cpu->step->n_rows; row++)
        if (cpu->step->rows[row].wants_logits)
            cpu->wanted[cpu->n_wanted++] = (uint32_t)row;
}

static void begin(struct backend *backend, const struct step *step)
{
    struct cpu *cpu = cpu_of(backend);
    size_t n_pairs = cpu->geometry.head_rotary / 2;
    assert(step->n_rows > 0 && step->n_rows <= backend->max_rows);
    cpu->step = step;
    cpu->failed = false;
    cpu->pending = false;
    cpu->n_verbs = SIZE_MAX;
    find_segments(cpu);
    list_wanted(cpu);
    /* Angles reach thousands of radians at long contexts, where float would lose the turn's fraction. */
    for (size_t row = 0; row < step->n_rows; row++) {
        float *rotation = cpu->rotation + row * n_pairs * 2;
        for (size_t i = 0; i < n_pairs; i++) {
            double angle = (double)step->rows[row].position * (double)cpu->frequencies[i];
            rotation[2 * i] = (float)cos(angle);
            rotation[2 * i + 1] = (float)sin(angle);
        }
    }
}

static bool end(struct backend *backend, struct error *err)
{
    struct cpu *cpu = cpu_of(backend);
    program_cut(&cpu->program, cpu->n_verbs);
    bool ran = program_run(&cpu->program, cpu, cpu->team, cpu->step);
    cpu->step = NULL;
    if (cpu->failed)
        return fail(err, "%s", cpu->error.text);
    return ran || fail(err, "stopped");
}

/* ---- verbs that are run here ---- */

static void run_embed(struct cpu *cpu, const struct member *member, struct verb *verb)
{
    const struct weight *embedding = verb->args.embed.embedding;
    struct range share = team_share(member, cpu->step->n_rows, 1);
    for (size_t row = share.begin; row < share.end; row++) {
        const uint8_t *at = embedding->handle;
        decode_row(embedding->format, at + cpu->step->rows[row].token * embedding->row_stride,
                   cpu->hidden[0] + row * embedding->n_columns, embedding->n_columns);
    }
}

static void call_rank_sum(struct cpu *cpu, struct verb *verb)
{
    (void)verb;
    cpu->rank_sum.sum(cpu->rank_sum.ranks, cpu->delta, cpu->step->n_rows * cpu->geometry.n_hidden);
}

/* The step becomes one of its rows that want logits; what attention left for them is added on the way. Of
 * segments only who belongs together is read from here on: positions may have gaps. */
static void call_narrow(struct cpu *cpu, struct verb *verb)
{
    const size_t n_hidden = cpu->geometry.n_hidden;
    for (size_t i = 0; i < cpu->n_wanted; i++) {
        const size_t row = cpu->wanted[i];
        float *to = verb->hidden.to + i * n_hidden;
        memcpy(to, verb->hidden.from + row * n_hidden, n_hidden * sizeof(float));
        cpu->kernels.add_scaled(1.0f, cpu->delta + row * n_hidden, to, n_hidden);
        cpu->kept[i] = cpu->step->rows[row];
    }
    cpu->narrowed = *cpu->step;
    cpu->narrowed.rows = cpu->kept;
    cpu->narrowed.n_rows = cpu->n_wanted;
    cpu->step = &cpu->narrowed;
    find_segments(cpu);
    list_wanted(cpu);
}

enum { PHASE_LOGITS };

static void run_head(struct cpu *cpu, const struct member *member, struct verb *verb)
{
    const struct head_args *args = &verb->args.head;
    const struct operand *normed = cpu_norm_wanted(cpu, member, &verb->hidden, args->norm);
    cpu_product_strips(cpu, verb, PHASE_LOGITS,
                       &(struct product_all){args->output, normed, cpu->n_wanted, cpu->step->logits});
}

/* ---- verbs as they are called: written down ---- */

static void embed(struct backend *backend, const struct embed_args *args)
{
    struct cpu *cpu = cpu_of(backend);
    program_add(&cpu->program, run_embed)->args.embed = *args;
    cpu->current = 0;
}

static void project(struct backend *backend, const struct project_args *args)
{
    struct verb *verb = program_add(&cpu_of(backend)->program, run_project);
    verb->args.project = *args;
    verb->hidden = cpu_take_hidden(cpu_of(backend));
    verb->joins_next = true; /* a member appends the rows that it finished */
}

static void append(struct backend *backend, uint32_t layer)
{
    program_add(&cpu_of(backend)->program, run_append)->args.append_layer = layer;
}

static void attend(struct backend *backend, const struct attend_args *args)
{
    program_add(&cpu_of(backend)->program, run_attend)->args.attend = *args;
}

static void dense(struct backend *backend, const struct dense_args *args)
{
    struct verb *verb = program_add(&cpu_of(backend)->program, run_dense);
    verb->args.dense = *args;
    verb->hidden = cpu_take_hidden(cpu_of(backend));
}

static void route(struct backend *backend, const struct route_args *args)
{
    struct verb *verb = program_add(&cpu_of(backend)->program, run_route);
    verb->args.route = *args;
    verb->hidden = cpu_take_hidden(cpu_of(backend));
    verb->joins_next = cpu_of(backend)->step->n_rows == 1; /* member 0 chooses while others go on */
}

static void shared(struct backend *backend, const struct shared_args *args)
{
    program_add(&cpu_of(backend)->program, run_shared)->args.shared = *args;
}

/* Shared experts just called for run together with these. */
static void experts(struct backend *backend, const struct experts_args *args)
{
    struct program *program = &cpu_of(backend)->program;
    struct verb *verb = program_last(program, run_shared);
    struct mixture_args mixture = {.experts = *args,
                                   .has_shared = verb != NULL && verb->args.shared.gate != NULL};
    if (verb != NULL)
        mixture.shared = verb->args.shared;
    else
        verb = program_add(program, run_mixture);
    verb->run = run_mixture;
    verb->args.mixture = mixture;
}

static void handover(struct backend *backend, expert_compute *compute, void *owner)
{
    struct program *program = &cpu_of(backend)->program;
    program_add_call(program, call_handover)->args.handover = (struct handover_args){compute, owner};
    program_add(program, run_add_routed);
}

/* The addition itself is made by the next verb that normalizes. */
static void reduce(struct backend *backend)
{
    struct cpu *cpu = cpu_of(backend);
    if (cpu->rank_sum.sum != NULL)
        program_add_call(&cpu->program, call_rank_sum);
    cpu->pending = true;
}

static void narrow(struct backend *backend)
{
    struct cpu *cpu = cpu_of(backend);
    assert(cpu->pending); /* attention's half is still to be added */
    if (cpu->n_wanted == 0)
        cpu->n_verbs = program_behind(&cpu->program, run_append);
    else if (cpu->n_wanted < cpu->step->n_rows)
        program_add_call(&cpu->program, call_narrow)->hidden = cpu_take_hidden(cpu);
}

/* Where no row wants logits, there need not be room for any. */
static void head(struct backend *backend, const struct head_args *args)
{
    if (cpu_of(backend)->n_wanted == 0)
        return;
    struct verb *verb = program_add(&cpu_of(backend)->program, run_head);
    verb->args.head = *args;
    verb->hidden = cpu_take_hidden(cpu_of(backend));
}

static void report(const struct backend *backend, struct backend_report *total)
{
    const struct cpu *cpu = (const struct cpu *)backend;
    total->n_experts += cpu->report.n_experts;
    total->expert_bytes += cpu->report.expert_bytes;
}

/* ---- creation ---- */

static bool allocate_state(struct cpu *cpu, struct error *err)
{
    const struct geometry *g = &cpu->geometry;
    size_t n = cpu->backend.max_rows;
    cpu->segments = blocks_take(&cpu->blocks, n, sizeof(struct segment), "segments", err);
    cpu->sessions = blocks_take(&cpu->blocks, n, sizeof(uint32_t), "rows", err);
    cpu->together = blocks_take(&cpu->blocks, n, sizeof(uint32_t), "rows", err);
    cpu->wanted = blocks_take(&cpu->blocks, n, sizeof(uint32_t), "rows", err);
    cpu->kept = blocks_take(&cpu->blocks, n, sizeof(struct row), "rows", err);
    cpu->rotation = blocks_take(&cpu->blocks, n, g->head_rotary * sizeof(float), "rotations", err);
    cpu->hidden[0] = blocks_take(&cpu->blocks, n, g->n_hidden * sizeof(float), "hidden state", err);
    cpu->hidden[1] = blocks_take(&cpu->blocks, n, g->n_hidden * sizeof(float), "hidden state", err);
    cpu->delta = blocks_take(&cpu->blocks, n, g->n_hidden * sizeof(float), "hidden state", err);
    return cpu->segments != NULL && cpu->sessions != NULL && cpu->together != NULL && cpu->wanted != NULL &&
           cpu->kept != NULL && cpu->rotation != NULL && cpu->hidden[0] != NULL && cpu->hidden[1] != NULL &&
           cpu->delta != NULL && operand_init(&cpu->normed, &cpu->blocks, n, g->n_hidden, cpu->forms, err) &&
           program_init(&cpu->program, &cpu->blocks, g->n_layers, err);
}

static bool allocate_attention(struct cpu *cpu, struct error *err)
{
    const struct geometry *g = &cpu->geometry;
    size_t n = cpu->backend.max_rows, n_query = (size_t)g->n_heads * geometry_head_query(g);
    cpu->query_raw = blocks_take(&cpu->blocks, n, g->query_rank * sizeof(float), "queries", err);
    cpu->query = blocks_take(&cpu->blocks, n, n_query * sizeof(float), "queries", err);
    cpu->latent = blocks_take(&cpu->blocks, n, geometry_cache_values(g) * sizeof(float), "latents", err);
    return cpu->query_raw != NULL && cpu->query != NULL && cpu->latent != NULL &&
           operand_init(&cpu->query_low, &cpu->blocks, n, g->query_rank, cpu->forms, err) &&
           operand_init(&cpu->heads, &cpu->blocks, n, (size_t)g->n_heads * g->head_value, cpu->forms, err) &&
           split_create(cpu, err);
}

static bool allocate_feed_forward(struct cpu *cpu, struct error *err)
{
    const struct geometry *g = &cpu->geometry;
    size_t n = cpu->backend.max_rows;
    if (!operand_init(&cpu->inner, &cpu->blocks, n, cpu_inner_columns(g), cpu->forms, err))
        return false;
    if (g->n_experts == 0)
        return true;
    cpu->router_scores = blocks_take(&cpu->blocks, n, g->n_experts * sizeof(float), "router scores", err);
    cpu->chosen = blocks_take(&cpu->blocks, n, g->n_experts_used * sizeof(uint32_t), "router choices", err);
    cpu->chosen_weights =
        blocks_take(&cpu->blocks, n, g->n_experts_used * sizeof(float), "router choices", err);
    cpu->routed = blocks_take(&cpu->blocks, n, g->n_hidden * sizeof(float), "expert sums", err);
    return cpu->router_scores != NULL && cpu->chosen != NULL && cpu->chosen_weights != NULL &&
           cpu->routed != NULL && cpu_slots_create(cpu, err);
}

static bool allocate_members(struct cpu *cpu, struct error *err)
{
    const struct geometry *g = &cpu->geometry;
    size_t n_members = team_size(cpu->team);
    cpu->scratch_bytes =
        round_up(max_size(cpu_attention_scratch(g, cpu->backend.max_rows), cpu_feed_forward_scratch()),
                 MEMORY_ALIGNMENT);
    cpu->scratch = blocks_take(&cpu->blocks, n_members, cpu->scratch_bytes, "scratch", err);
    cpu->own = blocks_take(&cpu->blocks, n_members, sizeof *cpu->own, "scratch", err);
    if (cpu->scratch == NULL || cpu->own == NULL)
        return false;
    cpu->own[0] = (struct own){cpu->normed, cpu->query_low, cpu->heads.int8};
    cpu->normed_wanted = cpu->normed;
    cpu->normed.together = cpu->query_low.together = cpu->together;
    cpu->heads.together = cpu->inner.together = cpu->together;
    for (size_t i = 1; i < n_members; i++) {
        struct own *own = &cpu->own[i];
        if (!operand_init(&own->normed, &cpu->blocks, 1, g->n_hidden, cpu->forms, err) ||
            !operand_init(&own->query_low, &cpu->blocks, 1, g->query_rank, cpu->forms, err))
            return false;
        if (cpu->heads.int8 == NULL)
            continue;
        own->heads_int8 = blocks_take(&cpu->blocks, 1, cpu->heads.int8_bytes, "activations", err);
        if (own->heads_int8 == NULL)
            return false;
    }
    return true;
}

static void destroy(struct backend *backend)
{
    struct cpu *cpu = cpu_of(backend);
    blocks_release(&cpu->blocks);
    memory_free(cpu);
}

static const struct backend cpu_backend = {
    .name = "cpu",
    .weight_allocate = cpu_weight_allocate,
    .weight_upload = cpu_weight_upload,
    .weight_map = cpu_weight_map,
    .weight_release = cpu_weight_release,
    .cache_create = cpu_cache_create,
    .cache_free = cpu_cache_free,
    .cache_truncate = cpu_cache_truncate,
    .cache_copy = cpu_cache_copy,
    .cache_position_bytes = cpu_cache_position_bytes,
    .cache_export = cpu_cache_export,
    .cache_import = cpu_cache_import,
    .begin = begin,
    .end = end,
    .embed = embed,
    .project = project,
    .append = append,
    .attend = attend,
    .dense = dense,
    .route = route,
    .shared = shared,
    .experts = experts,
    .reduce = reduce,
    .narrow = narrow,
    .head = head,
    .handover = handover,
    .experts_batch = cpu_experts_batch,
    .report = report,
    .destroy = destroy,
};

bool cpu_choose_kernels(struct kernels *kernels, const char *name, struct error *err)
{
    enum isa isa = isa_best();
    if (name != NULL && !isa_by_name(name, &isa))
        return fail(err, "unknown instruction set '%s': generic, avx2, avxvnni, avx512, avx512vbmi, amx",
                    name);
    return kernels_fill(kernels, isa, err);
}

const char *cpu_isa(const struct backend *backend)
{
    return isa_name(((const struct cpu *)backend)->kernels.isa);
}

struct backend *cpu_create(const struct cpu_options *options, struct error *err)
{
    const struct geometry *g = options->geometry;
    struct cpu *cpu = memory_allocate(1, sizeof *cpu, "the CPU backend", err);
    if (cpu == NULL)
        return NULL;
    cpu->backend = cpu_backend;
    cpu->backend.max_rows = options->max_rows;
    cpu->geometry = *g;
    cpu->team = options->team;
    cpu->rank_sum = options->rank_sum;
    cpu->score_scale = options->rope.score_scale;
    cpu->exact = options->exact;
    cpu->forms = cpu_forms(options);
    cpu->slot_forms = cpu_slot_forms(options);
    cpu->frequencies = blocks_take(&cpu->blocks, g->head_rotary / 2, sizeof(float), "frequencies", err);
    if (cpu->frequencies == NULL || !cpu_choose_kernels(&cpu->kernels, options->isa, err) ||
        !allocate_state(cpu, err) || !allocate_attention(cpu, err) || !allocate_feed_forward(cpu, err) ||
        !allocate_members(cpu, err)) {
        destroy(&cpu->backend);
        return NULL;
    }
    memcpy(cpu->frequencies, options->rope.frequencies, g->head_rotary / 2 * sizeof(float));
    return &cpu->backend;
}
