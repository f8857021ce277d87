/* SPDX-License-Identifier: Apache-2.0 */
/* paged.c - the system's page cache as a source of experts.
 *
 * Faults read in whatever size the kernel guesses, one after the other;
 * asking for whole matrices ahead keeps the drive busy. A large chunk wants
 * more experts than memory holds, so no more than a window of them is asked
 * for before they are computed: what is read too early is dropped again. */
#include "weights/paged.h"

#include "base/memory.h"
#include "machine/pages.h"

/* The 16 experts of two tokens, 230 MB in DeepSeek-R1's smaller blends: deep enough for any drive. */
#define WINDOW_EXPERTS 16

static struct paged *paged_of(struct expert_source *source)
{
    return (struct paged *)source;
}

static const uint8_t *matrix(const struct weight *weight, uint32_t id)
{
    return (const uint8_t *)weight->handle + id * weight->matrix_stride;
}

static struct expert expert_at(const struct paged *paged, uint32_t id)
{
    const struct weight *weights = paged->resident->layers[paged->layer].weights;
    return (struct expert){.id = id,
                           .gate = matrix(&weights[ROLE_EXPERT_GATE], id),
                           .up = matrix(&weights[ROLE_EXPERT_UP], id),
                           .down = matrix(&weights[ROLE_EXPERT_DOWN], id)};
}

static size_t matrix_bytes(const struct weight *weight)
{
    return weight->row_stride * weight->n_rows;
}

static bool lies_in_memory(const struct paged *paged, uint32_t id)
{
    const struct weight *weights = paged->resident->layers[paged->layer].weights;
    const struct expert expert = expert_at(paged, id);
    return pages_are_held(expert.gate, matrix_bytes(&weights[ROLE_EXPERT_GATE])) &&
           pages_are_held(expert.up, matrix_bytes(&weights[ROLE_EXPERT_UP])) &&
           pages_are_held(expert.down, matrix_bytes(&weights[ROLE_EXPERT_DOWN]));
}

static bool *known_of(const struct paged *paged, uint32_t layer, uint32_t id)
{
    return paged->known != NULL ? &paged->known[layer * (size_t)GEOMETRY_MAX_EXPERTS + id] : NULL;
}

/* What is known is not looked up again: that takes the kernel some 20 us an expert. */
static bool is_held(const struct paged *paged, uint32_t id)
{
    bool *known = known_of(paged, paged->layer, id);
    bool held = (known != NULL && *known) || (paged->is_told && lies_in_memory(paged, id));
    if (known != NULL)
        *known = held;
    return held;
}

static void ask(const struct paged *paged, uint32_t id)
{
    const struct weight *weights = paged->resident->layers[paged->layer].weights;
    const struct expert expert = expert_at(paged, id);
    pages_will_need(expert.gate, matrix_bytes(&weights[ROLE_EXPERT_GATE]));
    pages_will_need(expert.up, matrix_bytes(&weights[ROLE_EXPERT_UP]));
    pages_will_need(expert.down, matrix_bytes(&weights[ROLE_EXPERT_DOWN]));
}

/* False where nothing stays: what want() finds out then would be found out twice. */
static bool are_there(struct expert_source *source, uint32_t layer, const uint32_t *ids, size_t n_ids)
{
    struct paged *paged = paged_of(source);
    size_t n_held = 0;
    paged->layer = layer;
    while (paged->known != NULL && n_held < n_ids && is_held(paged, ids[n_held]))
        n_held++;
    return n_held == n_ids;
}

/* Held ones keep their order, missing ones stand behind them in theirs. */
static void want(struct expert_source *source, uint32_t layer, const uint32_t *ids, size_t n_ids)
{
    struct paged *paged = paged_of(source);
    uint32_t missing[GEOMETRY_MAX_EXPERTS] = {0};
    size_t n_missing = 0;
    paged->layer = layer;
    paged->n_wanted = paged->n_delivered = 0;
    for (size_t i = 0; i < n_ids; i++) {
        if (is_held(paged, ids[i]))
            paged->order[paged->n_wanted++] = ids[i];
        else
            missing[n_missing++] = ids[i];
    }
    paged->n_asked = paged->n_wanted;
    for (size_t i = 0; i < n_missing; i++)
        paged->order[paged->n_wanted++] = missing[i];
    for (size_t i = 0; i < n_missing && i < WINDOW_EXPERTS; i++)
        ask(paged, paged->order[paged->n_asked++]);
}

static bool next(struct expert_source *source, struct expert *expert)
{
    struct paged *paged = paged_of(source);
    if (paged->n_delivered == paged->n_wanted)
        return false;
    *expert = expert_at(paged, paged->order[paged->n_delivered++]);
    return true;
}

/* What was held at first may have been dropped since; a fault brings it back, slowly. */
static void done(struct expert_source *source, uint32_t id)
{
    struct paged *paged = paged_of(source);
    bool *known = known_of(paged, paged->layer, id);
    if (known != NULL)
        *known = true;
    if (paged->n_asked < paged->n_wanted && paged->n_asked < paged->n_delivered + WINDOW_EXPERTS)
        ask(paged, paged->order[paged->n_asked++]);
}

static bool failed(struct expert_source *source, struct error *err)
{
    (void)source;
    (void)err;
    return false;
}

static bool is_told(const struct gguf *file)
{
    for (size_t i = 0; i < file->n_shards; i++)
        if (!pages_are_told(file->shards[i].path))
            return false;
    return true;
}

bool paged_init(struct paged *paged, const struct resident *resident, const struct gguf *file, bool stays,
                struct error *err)
{
    *paged = (struct paged){
        .source = {are_there, want, next, done, failed}, .resident = resident, .is_told = is_told(file)};
    if (!stays)
        return true;
    paged->known = memory_allocate(resident->n_layers, GEOMETRY_MAX_EXPERTS * sizeof *paged->known,
                                   "a list of experts", err);
    return paged->known != NULL;
}

void paged_release(struct paged *paged)
{
    memory_free(paged->known);
    paged->known = NULL;
}
