/* SPDX-License-Identifier: Apache-2.0 */
/* model.c - opens a model: file, geometry, words, plan, team, backend, weights, in that order, so that what
 * is cheap to check fails before what is expensive. */
#include <string.h>

#include "base/memory.h"
#include "engine/constraint/token_tree.h"
#include "engine/engine.h"
#include "machine/pages.h"
#include "model/rope.h"

/* Choices that stand in one order, inside and outside; `fathom plan` takes those of weights likewise. */
_Static_assert((int)FATHOM_LOAD_AUTO == PLAN_LOAD_AUTO && (int)FATHOM_LOAD_MAP == PLAN_LOAD_MAP &&
                   (int)FATHOM_LOAD_COPY == PLAN_LOAD_COPY && (int)FATHOM_LOAD_LOCK == PLAN_LOAD_LOCK,
               "homes of weights");
_Static_assert((int)FATHOM_ATTENTION_AUTO == ATTENTION_AUTO &&
                   (int)FATHOM_ATTENTION_ABSORBED == ATTENTION_ABSORBED &&
                   (int)FATHOM_ATTENTION_EXPANDED == ATTENTION_EXPANDED,
               "forms of attention");

const char *fathom_version(void)
{
    return FATHOM_VERSION; /* given by the build */
}

bool public_outcome(struct fathom_error *err, const struct error *inner, enum fathom_outcome outcome)
{
    if (err != NULL && outcome != FATHOM_DONE) {
        _Static_assert(sizeof err->text == sizeof inner->text, "one line, inside and outside");
        memcpy(err->text, inner->text, sizeof err->text);
        err->outcome = outcome;
    }
    return outcome == FATHOM_DONE;
}

bool public_fail(struct fathom_error *err, const struct error *inner)
{
    return public_outcome(err, inner, FATHOM_FAILED);
}

static bool read_name(struct fathom_model *model, struct error *err)
{
    struct gguf_text name = {0};
    const struct gguf_key *key = gguf_find_key(&model->file, "general.name");
    if (key != NULL)
        gguf_key_text(key, &name);
    model->name = memory_copy_text(name.bytes, name.n_bytes, "a name", err);
    return model->name != NULL;
}

enum cache_format cache_format_of(const struct fathom_model *model, enum fathom_cache cache)
{
    switch (cache) {
    case FATHOM_CACHE_F16:
        return CACHE_F16;
    case FATHOM_CACHE_F32:
        return CACHE_F32;
    case FATHOM_CACHE_Q8_0:
        return CACHE_Q8_0;
    case FATHOM_CACHE_Q4_0:
        return CACHE_Q4_0;
    case FATHOM_CACHE_DEFAULT:
        break;
    }
    return model->cache;
}

static bool read_rules(struct plan_rules *rules, const struct fathom_model_options *options,
                       struct error *err)
{
    for (size_t i = 0; i < options->n_place; i++)
        if (!plan_rules_add(rules, options->place[i], err))
            return false;
    return true;
}

/* What memory does not hold is refused here, before it is asked for. */
static bool make_plan(struct fathom_model *model, const struct fathom_model_options *options,
                      struct error *err)
{
    if (!topology_read(&model->topology, NULL, err))
        return false;
    struct plan_machine machine = plan_machine_of(&model->topology, options->n_threads);
    machine.lock_bytes = pages_lock_limit();
    struct plan_rules rules = {0};
    const struct plan_request request = {.catalog = &model->catalog,
                                         .file = &model->file,
                                         .machine = &machine,
                                         .rules = &rules,
                                         .load = (enum plan_load)options->load,
                                         .cache = model->cache,
                                         .ram_bytes = options->ram_bytes,
                                         .n_context = options->n_context,
                                         .n_sessions = options->n_sessions,
                                         .chunk_tokens = options->chunk_tokens,
                                         .exact = model->exact};
    bool made = read_rules(&rules, options, err) && plan_make(&model->plan, &request, err);
    plan_rules_release(&rules);
    return made;
}

static bool load(struct fathom_model *model, const struct fathom_progress *progress, struct error *err)
{
    const struct progress inside = {progress->report, progress->listener};
    const struct settling settling = {.plan = &model->plan,
                                      .file = &model->file,
                                      .topology = &model->topology,
                                      .team = model->team,
                                      .progress = &inside};
    const struct homes homes = {model->backend, model->backend, &model->settled};
    if (!settle(&model->settled, &settling, err) ||
        !resident_load(&model->weights, &model->catalog, &homes, NULL, err))
        return false;
    if (!paged_init(&model->paged, &model->weights, &model->file, !model->plan.exceeds_memory, err))
        return false;
    model->weighed = weigh(&model->weights);
    model->weighed.copied_bytes += model->settled.copied_bytes;
    return true;
}

struct cpu_options model_cpu_options(const struct fathom_model *model)
{
    return (struct cpu_options){.geometry = &model->catalog.geometry,
                                .exact = model->exact,
                                .int8_experts = catalog_experts_take_int8(&model->catalog),
                                .max_rows = model->plan.chunk_tokens};
}

static bool create_backend(struct fathom_model *model, const struct fathom_model_options *options,
                           struct error *err)
{
    const struct geometry *geometry = &model->catalog.geometry;
    model->team = team_create(&model->topology, options->n_threads, err);
    float *frequencies = memory_allocate(geometry->head_rotary / 2, sizeof(float), "frequencies", err);
    if (model->team != NULL && frequencies != NULL) {
        struct cpu_options cpu = model_cpu_options(model);
        rope_frequencies(geometry, frequencies);
        cpu.rope = (struct rope){frequencies, rope_score_scale(geometry)};
        cpu.team = model->team;
        cpu.isa = options->isa;
        model->backend = cpu_create(&cpu, err);
    }
    memory_free(frequencies);
    return model->backend != NULL;
}

static bool open_parts(struct fathom_model *model, const char *path,
                       const struct fathom_model_options *options, struct error *err)
{
    if (!gguf_open(&model->file, path, err) || !read_name(model, err))
        return false;
    if (!catalog_read(&model->catalog, &model->file, err))
        return false;
    if (!vocabulary_open(&model->vocabulary.words, &model->file, err))
        return false;
    uint32_t n_words = model->vocabulary.words->n_tokens;
    if (n_words > model->catalog.geometry.n_vocabulary)
        return fail(err, "%u tokens in the vocabulary, but %u rows of output", n_words,
                    model->catalog.geometry.n_vocabulary);
    if (!make_plan(model, options, err) || !create_backend(model, options, err) ||
        !load(model, &options->progress, err))
        return false;
    if (!model->plan.exceeds_memory)
        read_ahead_start(&model->read_ahead, &model->file, &model->catalog, &model->plan);
    return true;
}

struct fathom_model *fathom_model_open(const char *path, const struct fathom_model_options *options,
                                       struct fathom_error *err)
{
    static const struct fathom_model_options defaults = {0};
    struct error inner = {0};
    if (options == NULL)
        options = &defaults;
    struct fathom_model *model = memory_allocate(1, sizeof *model, "a model", &inner);
    if (model != NULL) {
        model->exact = options->exact;
        model->attention = (enum attention_form)options->attention;
        model->cache = model->exact ? CACHE_F32 : CACHE_F16;
        model->cache = cache_format_of(model, options->cache);
        if (open_parts(model, path, options, &inner) && batch_open(&model->batch, model, &inner))
            return model;
    }
    fathom_model_close(model);
    public_fail(err, &inner);
    return NULL;
}

bool fathom_model_wait(const struct fathom_model *model, const struct fathom_progress *progress,
                       struct fathom_error *err)
{
    struct progress inside = {0};
    struct error inner = {0};
    if (progress != NULL)
        inside = (struct progress){progress->report, progress->listener};
    if (read_ahead_wait(&model->read_ahead, &inside))
        return true;
    fail(&inner, "stopped");
    return public_outcome(err, &inner, FATHOM_STOPPED);
}

void fathom_model_close(struct fathom_model *model)
{
    if (model == NULL)
        return;
    batch_close(&model->batch);
    read_ahead_stop(&model->read_ahead);
    paged_release(&model->paged);
    resident_release(&model->weights);
    backend_free(model->backend);
    settled_release(&model->settled);
    team_free(model->team);
    plan_release(&model->plan);
    topology_release(&model->topology);
    token_tree_free(model->vocabulary.tree);
    vocabulary_free(model->vocabulary.words);
    memory_free(model->name);
    catalog_release(&model->catalog);
    gguf_close(&model->file);
    memory_free(model);
}

const struct fathom_vocabulary *fathom_model_vocabulary(const struct fathom_model *model)
{
    return &model->vocabulary;
}

struct fathom_model_info fathom_model_info(const struct fathom_model *model)
{
    const struct geometry *geometry = &model->catalog.geometry;
    return (struct fathom_model_info){
        .name = model->name,
        .isa = cpu_isa(model->backend),
        .n_vocabulary = geometry->n_vocabulary,
        .n_context = geometry->n_context,
        .n_planned = model->plan.n_context,
        .exceeds_memory = model->plan.exceeds_memory,
        .n_threads = (uint32_t)team_size(model->team),
        .weight_bytes = model->weights.n_bytes,
        .cache_bytes_token = model->backend->cache_position_bytes(model->backend, model->cache),
    };
}
