/* SPDX-License-Identifier: Apache-2.0 */
/* queue_memory.c - weights and caches of the queue backend: handles that nobody can follow, and operations
 * that move bytes. Memory that is given, cut off or given back is poisoned, so that a reader of what nobody
 * wrote finds no number. */
#include <string.h>
#include <sys/mman.h>

#include "base/memory.h"
#include "queue_state.h"

#define HANDLE_BYTES 16
#define REGION_BYTES ((size_t)(QUEUE_MAX_WEIGHTS + QUEUE_MAX_CACHES) * HANDLE_BYTES)

static void *weight_handle(const struct queue *queue, size_t index)
{
    return queue->region + index * HANDLE_BYTES;
}

static struct cache *cache_handle(const struct queue *queue, size_t index)
{
    return (struct cache *)(queue->region + (QUEUE_MAX_WEIGHTS + index) * HANDLE_BYTES);
}

static size_t index_of(const struct queue *queue, const void *handle)
{
    uintptr_t offset = (uintptr_t)handle - (uintptr_t)queue->region;
    if (offset >= REGION_BYTES || offset % HANDLE_BYTES != 0)
        queue_breach("a handle of another home");
    return offset / HANDLE_BYTES;
}

static size_t cache_index(const struct queue *queue, const struct cache *cache)
{
    size_t index = index_of(queue, cache);
    if (index < QUEUE_MAX_WEIGHTS)
        queue_breach("a weight where a cache should be");
    return index - QUEUE_MAX_WEIGHTS;
}

const struct weight *queue_weight(struct queue *queue, const struct weight *weight)
{
    if (weight == NULL)
        return NULL;
    if (weight->home != &queue->backend)
        queue_breach("a weight of another home");
    size_t index = index_of(queue, weight->handle);
    if (index >= QUEUE_MAX_WEIGHTS || queue->weights[index].home == NULL)
        queue_breach("a weight that is not there");
    return &queue->weights[index];
}

struct inner_cache *queue_cache(struct queue *queue, const struct cache *cache)
{
    struct inner_cache *inner = &queue->caches[cache_index(queue, cache)];
    if (inner->cache == NULL)
        queue_breach("a cache that is not there");
    return inner;
}

/* ---- weights ---- */

struct allocation {
    struct weight *weight; /* the caller's, who waits */
    bool *done;
    struct error *err;
};

static void run_allocate(struct queue *queue, void *payload)
{
    const struct allocation *allocation = payload;
    if (queue->n_weights == QUEUE_MAX_WEIGHTS) {
        fail(allocation->err, "no handle for more than %d weights", QUEUE_MAX_WEIGHTS);
        return;
    }
    struct weight inner = *allocation->weight;
    if (!queue->inner->weight_allocate(queue->inner, &inner, allocation->err))
        return;
    memset(inner.handle, QUEUE_POISON, weight_bytes(&inner)); /* shows rows that nobody uploads */
    allocation->weight->home = &queue->backend;
    allocation->weight->handle = weight_handle(queue, queue->n_weights);
    allocation->weight->allocated = true;
    allocation->weight->row_stride = inner.row_stride;
    allocation->weight->matrix_stride = inner.matrix_stride;
    queue->weights[queue->n_weights++] = inner;
    *allocation->done = true;
}

static bool weight_allocate(struct backend *backend, struct weight *weight, struct error *err)
{
    bool done = false;
    const struct allocation allocation = {weight, &done, err};
    queue_put(queue_of(backend), run_allocate, &allocation, sizeof allocation, NULL, 0);
    queue_drain(queue_of(backend));
    return done;
}

struct piece {
    struct weight weight; /* as the caller knows it */
    struct upload upload; /* its blocks follow behind the piece */
};

static void run_upload(struct queue *queue, void *payload)
{
    struct piece *piece = payload;
    piece->upload.blocks = piece + 1;
    if (!queue->inner->weight_upload(queue->inner, queue_weight(queue, &piece->weight), &piece->upload, NULL))
        queue_breach("an upload failed");
}

static bool weight_upload(struct backend *backend, const struct weight *weight, const struct upload *upload,
                          struct error *err)
{
    if (upload->matrix >= weight->n_matrices || upload->first_row > weight->n_rows ||
        upload->n_rows > weight->n_rows - upload->first_row)
        return fail(err, "upload beyond the weight's rows");
    const struct piece piece = {*weight, *upload};
    queue_put(queue_of(backend), run_upload, &piece, sizeof piece, upload->blocks,
              upload->n_rows * format_row_bytes(weight->format, weight->n_columns));
    return true;
}

static void run_release(struct queue *queue, void *payload)
{
    struct weight *inner = &queue->weights[queue_weight(queue, payload) - queue->weights];
    memset(inner->handle, QUEUE_POISON, weight_bytes(inner));
    queue->inner->weight_release(queue->inner, inner);
}

static void weight_release(struct backend *backend, struct weight *weight)
{
    if (weight->allocated)
        queue_put(queue_of(backend), run_release, weight, sizeof *weight, NULL, 0);
    *weight = (struct weight){0};
}

/* ---- caches ---- */

struct cache_request {
    enum cache_format format;
    size_t n_positions;
    struct cache **cache; /* the caller's, who waits */
    struct error *err;
};

/* Positions from `first` on are no numbers until somebody writes them. */
static void poison_positions(struct queue *queue, const struct inner_cache *cache, size_t first)
{
    size_t n_bytes = queue->inner->cache_position_bytes(queue->inner, cache->format);
    uint8_t *bytes = memory_allocate(1, n_bytes, "poison", NULL);
    if (bytes == NULL)
        queue_breach("no memory for poison");
    memset(bytes, QUEUE_POISON, n_bytes);
    for (size_t i = first; i < cache->n_positions; i++)
        queue->inner->cache_import(queue->inner, cache->cache, i, 1, bytes);
    memory_free(bytes);
}

static void run_cache_create(struct queue *queue, void *payload)
{
    const struct cache_request *request = payload;
    if (queue->n_caches == QUEUE_MAX_CACHES) {
        fail(request->err, "no handle for more than %d caches", QUEUE_MAX_CACHES);
        return;
    }
    struct inner_cache *cache = &queue->caches[queue->n_caches];
    *cache = (struct inner_cache){.format = request->format, .n_positions = request->n_positions};
    cache->cache =
        queue->inner->cache_create(queue->inner, request->format, request->n_positions, request->err);
    if (cache->cache == NULL)
        return;
    poison_positions(queue, cache, 0);
    *request->cache = cache_handle(queue, queue->n_caches++);
}

static struct cache *cache_create(struct backend *backend, enum cache_format format, size_t n_positions,
                                  struct error *err)
{
    struct queue *queue = queue_of(backend);
    struct cache *cache = NULL;
    const struct cache_request request = {format, n_positions, &cache, err};
    queue_put(queue, run_cache_create, &request, sizeof request, NULL, 0);
    queue_drain(queue);
    if (cache != NULL)
        queue->formats[cache_index(queue, cache)] = format;
    return cache;
}

/* What the other calls on caches say. */
struct cache_call {
    const struct cache *cache, *from;
    size_t first, n;
    void *bytes; /* of an export: the caller's, who waits */
};

static void put_call(struct backend *backend, operation_run *run, const struct cache_call *call)
{
    queue_put(queue_of(backend), run, call, sizeof *call, NULL, 0);
}

static void run_cache_free(struct queue *queue, void *payload)
{
    const struct cache_call *call = payload;
    struct inner_cache *cache = queue_cache(queue, call->cache);
    queue->inner->cache_free(queue->inner, cache->cache);
    *cache = (struct inner_cache){0};
}

static void cache_free(struct backend *backend, struct cache *cache)
{
    if (cache != NULL)
        put_call(backend, run_cache_free, &(struct cache_call){.cache = cache});
}

static void run_cache_truncate(struct queue *queue, void *payload)
{
    const struct cache_call *call = payload;
    const struct inner_cache *cache = queue_cache(queue, call->cache);
    queue->inner->cache_truncate(queue->inner, cache->cache, call->n);
    poison_positions(queue, cache, call->n);
}

static void cache_truncate(struct backend *backend, struct cache *cache, size_t n_kept)
{
    put_call(backend, run_cache_truncate, &(struct cache_call){.cache = cache, .n = n_kept});
}

static void run_cache_copy(struct queue *queue, void *payload)
{
    const struct cache_call *call = payload;
    const struct inner_cache *to = queue_cache(queue, call->cache), *from = queue_cache(queue, call->from);
    if (to->format != from->format)
        queue_breach("a copy between formats");
    queue->inner->cache_copy(queue->inner, to->cache, from->cache, call->first, call->n);
}

static void cache_copy(struct backend *backend, struct cache *to, const struct cache *from, size_t first,
                       size_t n)
{
    put_call(backend, run_cache_copy, &(struct cache_call){to, from, first, n, NULL});
}

/* The caller's thread must not ask inside, but the geometry says it. */
static size_t cache_position_bytes(const struct backend *backend, enum cache_format format)
{
    const struct geometry *geometry = &((const struct queue *)backend)->geometry;
    return geometry->n_layers * cache_row_bytes(geometry, format);
}

static void run_cache_export(struct queue *queue, void *payload)
{
    const struct cache_call *call = payload;
    queue->inner->cache_export(queue->inner, queue_cache(queue, call->cache)->cache, call->first, call->n,
                               call->bytes);
}

static void cache_export(struct backend *backend, const struct cache *cache, size_t first, size_t n,
                         void *bytes)
{
    put_call(backend, run_cache_export, &(struct cache_call){cache, NULL, first, n, bytes});
    queue_drain(queue_of(backend));
}

static void run_cache_import(struct queue *queue, void *payload)
{
    const struct cache_call *call = payload;
    queue->inner->cache_import(queue->inner, queue_cache(queue, call->cache)->cache, call->first, call->n,
                               call + 1);
}

static void cache_import(struct backend *backend, struct cache *cache, size_t first, size_t n,
                         const void *bytes)
{
    struct queue *queue = queue_of(backend);
    const struct cache_call call = {.cache = cache, .first = first, .n = n};
    queue_put(queue, run_cache_import, &call, sizeof call, bytes,
              n * cache_position_bytes(backend, queue->formats[cache_index(queue, cache)]));
}

/* ---- creation ---- */

bool queue_memory_init(struct queue *queue, struct error *err)
{
    void *region = mmap(NULL, REGION_BYTES, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (region == MAP_FAILED)
        return fail_errno(err, "no addresses for handles");
    queue->region = region;
    queue->backend.weight_allocate = weight_allocate;
    queue->backend.weight_upload = weight_upload;
    queue->backend.weight_release = weight_release;
    queue->backend.cache_create = cache_create;
    queue->backend.cache_free = cache_free;
    queue->backend.cache_truncate = cache_truncate;
    queue->backend.cache_copy = cache_copy;
    queue->backend.cache_position_bytes = cache_position_bytes;
    queue->backend.cache_export = cache_export;
    queue->backend.cache_import = cache_import;
    return true;
}

void queue_memory_release(struct queue *queue)
{
    for (size_t i = 0; i < queue->n_weights; i++)
        if (queue->weights[i].home != NULL)
            queue_breach("destroyed before its weights");
    for (size_t i = 0; i < queue->n_caches; i++)
        if (queue->caches[i].cache != NULL)
            queue_breach("destroyed before its caches");
    if (queue->region != NULL)
        munmap(queue->region, REGION_BYTES);
}
