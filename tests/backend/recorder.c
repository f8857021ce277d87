/* SPDX-License-Identifier: Apache-2.0 */
/* recorder.c - every call of struct backend, one line each. */
#include "recorder.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void write_down(const struct backend *backend, struct record record)
{
    struct recorder *recorder = (struct recorder *)(uintptr_t)backend;
    if (recorder->n_records == RECORDER_MAX) {
        fprintf(stderr, "recorder: more than %d calls\n", RECORDER_MAX);
        abort();
    }
    recorder->records[recorder->n_records++] = record;
}

bool recorder_same(const struct record *a, const struct record *b)
{
    return strcmp(a->call, b->call) == 0 && a->layer == b->layer &&
           memcmp(a->given, b->given, sizeof a->given) == 0 &&
           memcmp(a->numbers, b->numbers, sizeof a->numbers) == 0;
}

/* ---- weights and caches: the recorder itself stands for everything ---- */

static bool weight_allocate(struct backend *backend, struct weight *weight, struct error *err)
{
    (void)err;
    write_down(backend, (struct record){.call = "weight_allocate", .given = {weight}});
    weight->home = backend;
    return true;
}

static bool weight_upload(struct backend *backend, const struct weight *weight, const struct upload *upload,
                          struct error *err)
{
    (void)err;
    write_down(backend, (struct record){.call = "weight_upload",
                                        .given = {weight, upload->blocks},
                                        .numbers = {upload->matrix, upload->first_row, upload->n_rows}});
    return true;
}

static void weight_release(struct backend *backend, struct weight *weight)
{
    write_down(backend, (struct record){.call = "weight_release", .given = {weight}});
}

static struct cache *cache_create(struct backend *backend, enum cache_format format, size_t n_positions,
                                  struct error *err)
{
    (void)err;
    write_down(backend, (struct record){.call = "cache_create", .numbers = {format, n_positions}});
    return (struct cache *)backend;
}

static void cache_free(struct backend *backend, struct cache *cache)
{
    write_down(backend, (struct record){.call = "cache_free", .given = {cache}});
}

static void cache_truncate(struct backend *backend, struct cache *cache, size_t n_kept)
{
    write_down(backend, (struct record){.call = "cache_truncate", .given = {cache}, .numbers = {n_kept}});
}

static void cache_copy(struct backend *backend, struct cache *to, const struct cache *from, size_t first,
                       size_t n)
{
    write_down(backend, (struct record){.call = "cache_copy", .given = {to, from}, .numbers = {first, n}});
}

static size_t cache_position_bytes(const struct backend *backend, enum cache_format format)
{
    write_down(backend, (struct record){.call = "cache_position_bytes", .numbers = {format}});
    return 7; /* any number that the test finds again */
}

static void cache_export(struct backend *backend, const struct cache *cache, size_t first, size_t n,
                         void *bytes)
{
    write_down(backend,
               (struct record){.call = "cache_export", .given = {cache, bytes}, .numbers = {first, n}});
}

static void cache_import(struct backend *backend, struct cache *cache, size_t first, size_t n,
                         const void *bytes)
{
    write_down(backend,
               (struct record){.call = "cache_import", .given = {cache, bytes}, .numbers = {first, n}});
}

/* ---- a step ---- */

static void begin(struct backend *backend, const struct step *step)
{
    write_down(backend, (struct record){.call = "begin", .numbers = {step->n_rows, step->attention}});
    ((struct recorder *)backend)->step = step;
}

static bool end(struct backend *backend, struct error *err)
{
    const struct recorder *recorder = (struct recorder *)backend;
    const struct step *step = recorder->step;
    write_down(backend, (struct record){.call = "end"});
    float *logits = step->logits;
    for (size_t row = 0; row < step->n_rows; row++)
        for (uint32_t i = 0; step->rows[row].wants_logits && i < recorder->n_vocabulary; i++)
            *logits++ = recorder->answer;
    return recorder->failure == NULL || fail(err, "%s", recorder->failure);
}

static void embed(struct backend *backend, const struct embed_args *args)
{
    write_down(backend, (struct record){.call = "embed", .given = {args->embedding}});
}

static void project(struct backend *backend, const struct project_args *args)
{
    write_down(backend, (struct record){.call = "project",
                                        .layer = args->layer,
                                        .given = {args->norm, args->query, args->query_down, args->query_norm,
                                                  args->query_up, args->latent_down, args->latent_norm}});
}

static void append(struct backend *backend, uint32_t layer)
{
    write_down(backend, (struct record){.call = "append", .layer = layer});
}

static void attend(struct backend *backend, const struct attend_args *args)
{
    write_down(backend, (struct record){.call = "attend",
                                        .layer = args->layer,
                                        .given = {args->key_up, args->value_up, args->output},
                                        .numbers = {args->key_by_latent}});
}

static void dense(struct backend *backend, const struct dense_args *args)
{
    write_down(backend,
               (struct record){.call = "dense", .given = {args->norm, args->gate, args->up, args->down}});
}

static void route(struct backend *backend, const struct route_args *args)
{
    write_down(backend, (struct record){.call = "route", .given = {args->norm, args->router, args->bias}});
}

static void shared(struct backend *backend, const struct shared_args *args)
{
    write_down(backend, (struct record){.call = "shared", .given = {args->gate, args->up, args->down}});
}

static void experts(struct backend *backend, const struct experts_args *args)
{
    write_down(backend, (struct record){.call = "experts",
                                        .layer = args->layer,
                                        .given = {args->gate, args->up, args->down, args->source}});
}

static void reduce(struct backend *backend)
{
    write_down(backend, (struct record){.call = "reduce"});
}

static void narrow(struct backend *backend)
{
    write_down(backend, (struct record){.call = "narrow"});
}

static void head(struct backend *backend, const struct head_args *args)
{
    write_down(backend, (struct record){.call = "head", .given = {args->norm, args->output}});
}

static void handover(struct backend *backend, expert_compute *compute, void *owner)
{
    struct recorder *recorder = (struct recorder *)backend;
    write_down(backend, (struct record){.call = "handover"});
    recorder->compute = compute;
    recorder->owner = owner;
}

static bool experts_batch(struct backend *backend, const struct experts_args *args,
                          const struct expert_batch *batch, struct error *err)
{
    struct recorder *recorder = (struct recorder *)backend;
    write_down(backend, (struct record){.call = "experts_batch",
                                        .layer = args->layer,
                                        .given = {args->gate, args->up, args->down, args->source, batch}});
    recorder->batch_args = *args;
    return recorder->failure == NULL || fail(err, "%s", recorder->failure);
}

/* The test owns the recorder. */
static void destroy(struct backend *backend)
{
    (void)backend;
}

void recorder_init(struct recorder *recorder, size_t max_rows)
{
    *recorder = (struct recorder){.backend = {.name = "recorder",
                                              .max_rows = max_rows,
                                              .weight_allocate = weight_allocate,
                                              .weight_upload = weight_upload,
                                              .weight_release = weight_release,
                                              .cache_create = cache_create,
                                              .cache_free = cache_free,
                                              .cache_truncate = cache_truncate,
                                              .cache_copy = cache_copy,
                                              .cache_position_bytes = cache_position_bytes,
                                              .cache_export = cache_export,
                                              .cache_import = cache_import,
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
                                              .experts_batch = experts_batch,
                                              .destroy = destroy}};
}
