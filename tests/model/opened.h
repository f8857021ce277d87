/* SPDX-License-Identifier: Apache-2.0 */
/* opened.h - a small model without the engine, so that a test may choose its backends and its steps: file,
 * catalog and rope; a backend on the processor; and steps made of portions. What goes wrong ends the test. */
#ifndef FATHOM_TESTS_MODEL_OPENED_H
#define FATHOM_TESTS_MODEL_OPENED_H

#include <string.h>

#include "check.h"

#include "backend/cpu/cpu.h"
#include "golden_case.h"
#include "model/cache.h"
#include "model/forward.h"
#include "model/rope.h"
#include "weights/forged.h"

#define OPENED_MAX_PAIRS 512 /* config.c allows rotary parts of 1024 */
#define OPENED_MAX_ROWS  256 /* of a step */

struct opened {
    struct buffer image; /* of a forged one */
    struct gguf file;
    struct catalog catalog;
    const struct geometry *geometry; /* the catalog's */
    float frequencies[OPENED_MAX_PAIRS];
    struct rope rope;
    struct topology topology;
};

static inline void opened_must(bool done, const struct error *err)
{
    if (!done)
        fail_msg("%s", err->text);
}

static inline void opened_read(struct opened *opened)
{
    struct error err = {0};
    opened_must(catalog_read(&opened->catalog, &opened->file, &err), &err);
    opened_must(topology_read(&opened->topology, NULL, &err), &err);
    opened->geometry = &opened->catalog.geometry;
    rope_frequencies(opened->geometry, opened->frequencies);
    opened->rope = (struct rope){opened->frequencies, rope_score_scale(opened->geometry)};
}

static inline void opened_file(struct opened *opened, const char *path)
{
    struct error err = {0};
    *opened = (struct opened){0};
    opened_must(gguf_open(&opened->file, path, &err), &err);
    opened_read(opened);
}

static inline void opened_golden(struct opened *opened, const char *name)
{
    char path[160];
    snprintf(path, sizeof path, "tests/golden/%s.gguf", name);
    opened_file(opened, path);
}

static inline void opened_image(struct opened *opened, struct buffer image)
{
    struct error err = {0};
    *opened = (struct opened){.image = image};
    opened_must(gguf_open_bytes(&opened->file, opened->image.bytes, opened->image.n_bytes, "FORGED", &err),
                &err);
    opened_read(opened);
}

static inline void opened_forged(struct opened *opened, const struct model *model, uint64_t seed)
{
    opened_image(opened, forged_image(model, seed));
}

/* With weights that nobody should compute with. */
static inline void opened_blank(struct opened *opened, const struct model *model)
{
    struct image image = model_image(model);
    opened_image(opened, image_finish(&image));
}

static inline void opened_close(struct opened *opened)
{
    topology_release(&opened->topology);
    catalog_release(&opened->catalog);
    gguf_close(&opened->file);
    buffer_release(&opened->image);
}

/* ---- a backend on the processor, and everything at home there ---- */

struct station {
    struct team *team;
    struct backend *backend;
    struct resident weights;
    struct forward forward;
};

static inline struct backend *station_backend_team(struct station *station, const struct opened *opened,
                                                   const char *isa, bool exact, size_t n_threads)
{
    struct error err = {0};
    station->team = team_create(&opened->topology, n_threads, &err);
    opened_must(station->team != NULL, &err);
    station->backend =
        cpu_create(&(struct cpu_options){.geometry = opened->geometry,
                                         .rope = opened->rope,
                                         .team = station->team,
                                         .isa = isa,
                                         .exact = exact,
                                         .int8_experts = catalog_experts_take_int8(&opened->catalog),
                                         .max_rows = OPENED_MAX_ROWS},
                   &err);
    opened_must(station->backend != NULL, &err);
    return station->backend;
}

static inline struct backend *station_backend(struct station *station, const struct opened *opened,
                                              const char *isa, bool exact)
{
    return station_backend_team(station, opened, isa, exact, 2);
}

static inline void opened_load(const struct opened *opened, struct backend *model, struct backend *experts,
                               struct resident *weights)
{
    struct error err = {0};
    opened_must(resident_load(weights, &opened->catalog, &(struct homes){model, experts}, NULL, &err), &err);
}

static inline void station_open_team(struct station *station, const struct opened *opened, const char *isa,
                                     bool exact, size_t n_threads)
{
    *station = (struct station){0};
    station_backend_team(station, opened, isa, exact, n_threads);
    opened_load(opened, station->backend, station->backend, &station->weights);
    station->forward = (struct forward){
        .backend = station->backend, .geometry = opened->geometry, .weights = &station->weights};
}

static inline void station_open(struct station *station, const struct opened *opened, const char *isa,
                                bool exact)
{
    station_open_team(station, opened, isa, exact, 2);
}

static inline void station_close(struct station *station)
{
    resident_release(&station->weights);
    backend_free(station->backend);
    team_free(station->team);
}

/* ---- steps ---- */

/* n tokens behind those that the cache holds. */
struct portion {
    struct held_cache *held;
    const uint32_t *tokens;
    size_t n;
};

/* One step over all portions; every row's logits, one after the other. */
static inline bool portions_try(const struct forward *forward, const struct portion *portions, size_t n,
                                enum attention_form attention, float *logits, struct error *err)
{
    struct row rows[OPENED_MAX_ROWS];
    size_t n_rows = 0;
    for (size_t p = 0; p < n; p++)
        for (size_t i = 0; i < portions[p].n; i++)
            rows[n_rows++] = (struct row){.token = portions[p].tokens[i],
                                          .position = (uint32_t)(portions[p].held->n_held + i),
                                          .cache = portions[p].held->bytes,
                                          .wants_logits = true};
    const struct step step = {.rows = rows, .n_rows = n_rows, .attention = attention, .logits = logits};
    if (!forward_step(forward, &step, err))
        return false;
    for (size_t p = 0; p < n; p++)
        held_cache_extend(portions[p].held, portions[p].n);
    return true;
}

static inline void portions_step(const struct forward *forward, const struct portion *portions, size_t n,
                                 enum attention_form attention, float *logits)
{
    struct error err = {0};
    opened_must(portions_try(forward, portions, n, attention, logits, &err), &err);
}

static inline void held_open(struct held_cache *held, struct backend *backend, enum cache_format format,
                             size_t n_positions)
{
    struct error err = {0};
    opened_must(held_cache_open(held, backend, format, n_positions, &err), &err);
}

/* Tokens of one new session in steps of `chunk` (0: whole); every row's logits, which the caller frees. */
static inline float *station_logits(const struct forward *forward, const uint32_t *tokens, size_t n_tokens,
                                    enum attention_form attention, size_t chunk)
{
    size_t n_vocabulary = forward->geometry->n_vocabulary;
    float *logits = calloc(n_tokens * n_vocabulary, sizeof(float));
    struct held_cache held;
    assert_non_null(logits);
    held_open(&held, forward->backend, CACHE_F16, n_tokens);
    for (size_t at = 0; at < n_tokens; at = held.n_held) {
        size_t n = min_size(chunk > 0 ? chunk : n_tokens, n_tokens - at);
        portions_step(forward, &(struct portion){&held, tokens + at, n}, 1, attention,
                      logits + at * n_vocabulary);
    }
    held_cache_close(&held);
    return logits;
}

/* Tokens of no meaning. */
static inline void tokens_fill(uint32_t *tokens, size_t n, const struct geometry *geometry, uint64_t seed)
{
    struct random random = random_seeded(seed);
    for (size_t i = 0; i < n; i++)
        tokens[i] = (uint32_t)random_below(&random, geometry->n_vocabulary);
}

#endif
