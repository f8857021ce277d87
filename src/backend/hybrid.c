/* SPDX-License-Identifier: Apache-2.0 */
/* hybrid.c - everything runs on `main`; the routed experts of a layer run where their weights are.
 *
 * The experts' arguments are kept until the step ends, since main may come to
 * the handover long after the call. Knows nothing of what either backend is. */
#include "backend/hybrid.h"

#include "base/memory.h"

/* A layer's experts, handed to the other backend when main gets there. */
struct handover {
    struct backend *experts;
    struct experts_args args;
};

struct hybrid {
    struct backend backend; /* first */
    struct backend *main;
    struct backend *experts;
    struct handover *handovers; /* [layer] */
};

static struct hybrid *hybrid_of(struct backend *backend)
{
    return (struct hybrid *)backend;
}

static struct backend *main_of(struct backend *backend)
{
    return hybrid_of(backend)->main;
}

/* ---- weights and cache: main's ---- */

static bool weight_allocate(struct backend *backend, struct weight *weight, struct error *err)
{
    return main_of(backend)->weight_allocate(main_of(backend), weight, err);
}

static bool weight_upload(struct backend *backend, const struct weight *weight, const struct upload *upload,
                          struct error *err)
{
    return main_of(backend)->weight_upload(main_of(backend), weight, upload, err);
}

static void weight_release(struct backend *backend, struct weight *weight)
{
    main_of(backend)->weight_release(main_of(backend), weight);
}

static struct cache *cache_create(struct backend *backend, enum cache_format format, size_t n_positions,
                                  struct error *err)
{
    return main_of(backend)->cache_create(main_of(backend), format, n_positions, err);
}

static void cache_free(struct backend *backend, struct cache *cache)
{
    main_of(backend)->cache_free(main_of(backend), cache);
}

static void cache_truncate(struct backend *backend, struct cache *cache, size_t n_kept)
{
    main_of(backend)->cache_truncate(main_of(backend), cache, n_kept);
}

static void cache_copy(struct backend *backend, struct cache *to, const struct cache *from, size_t first,
                       size_t n)
{
    main_of(backend)->cache_copy(main_of(backend), to, from, first, n);
}

static size_t cache_position_bytes(const struct backend *backend, enum cache_format format)
{
    const struct backend *main = ((const struct hybrid *)backend)->main;
    return main->cache_position_bytes(main, format);
}

static void cache_export(struct backend *backend, const struct cache *cache, size_t first, size_t n,
                         void *bytes)
{
    main_of(backend)->cache_export(main_of(backend), cache, first, n, bytes);
}

static void cache_import(struct backend *backend, struct cache *cache, size_t first, size_t n,
                         const void *bytes)
{
    main_of(backend)->cache_import(main_of(backend), cache, first, n, bytes);
}

/* ---- the step: main's, but for the experts ---- */

static void begin(struct backend *backend, const struct step *step)
{
    main_of(backend)->begin(main_of(backend), step);
}

static bool end(struct backend *backend, struct error *err)
{
    return main_of(backend)->end(main_of(backend), err);
}

static void embed(struct backend *backend, const struct embed_args *args)
{
    main_of(backend)->embed(main_of(backend), args);
}

static void project(struct backend *backend, const struct project_args *args)
{
    main_of(backend)->project(main_of(backend), args);
}

static void append(struct backend *backend, uint32_t layer)
{
    main_of(backend)->append(main_of(backend), layer);
}

static void attend(struct backend *backend, const struct attend_args *args)
{
    main_of(backend)->attend(main_of(backend), args);
}

static void dense(struct backend *backend, const struct dense_args *args)
{
    main_of(backend)->dense(main_of(backend), args);
}

static void route(struct backend *backend, const struct route_args *args)
{
    main_of(backend)->route(main_of(backend), args);
}

static void shared(struct backend *backend, const struct shared_args *args)
{
    main_of(backend)->shared(main_of(backend), args);
}

static void reduce(struct backend *backend)
{
    main_of(backend)->reduce(main_of(backend));
}

static void narrow(struct backend *backend)
{
    main_of(backend)->narrow(main_of(backend));
}

static void head(struct backend *backend, const struct head_args *args)
{
    main_of(backend)->head(main_of(backend), args);
}

static bool compute(void *owner, const struct expert_batch *batch, struct error *err)
{
    const struct handover *handover = owner;
    return handover->experts->experts_batch(handover->experts, &handover->args, batch, err);
}

static void experts(struct backend *backend, const struct experts_args *args)
{
    struct hybrid *hybrid = hybrid_of(backend);
    if (args->gate->home == hybrid->main) {
        hybrid->main->experts(hybrid->main, args);
        return;
    }
    struct handover *handover = &hybrid->handovers[args->layer];
    *handover = (struct handover){hybrid->experts, *args};
    hybrid->main->handover(hybrid->main, compute, handover);
}

static void handover(struct backend *backend, expert_compute *call, void *owner)
{
    main_of(backend)->handover(main_of(backend), call, owner);
}

static void report(const struct backend *backend, struct backend_report *total)
{
    const struct hybrid *hybrid = (const struct hybrid *)backend;
    const struct backend *both[] = {hybrid->main, hybrid->experts};
    for (size_t i = 0; i < 2; i++)
        if (both[i]->report != NULL)
            both[i]->report(both[i], total);
}

static void destroy(struct backend *backend)
{
    memory_free(hybrid_of(backend)->handovers);
    memory_free(backend);
}

static const struct backend hybrid_backend = {
    .name = "hybrid",
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
    .report = report,
    .destroy = destroy,
};

struct backend *hybrid_create(struct backend *main, struct backend *experts_home, uint32_t n_layers,
                              struct error *err)
{
    if (experts_home->experts_batch == NULL) {
        fail(err, "%s cannot compute experts for %s", experts_home->name, main->name);
        return NULL;
    }
    struct hybrid *hybrid = memory_allocate(1, sizeof *hybrid, "the hybrid backend", err);
    if (hybrid == NULL)
        return NULL;
    hybrid->backend = hybrid_backend;
    hybrid->backend.max_rows =
        main->max_rows < experts_home->max_rows ? main->max_rows : experts_home->max_rows;
    hybrid->main = main;
    hybrid->experts = experts_home;
    hybrid->handovers = memory_allocate(n_layers, sizeof *hybrid->handovers, "handovers", err);
    if (hybrid->handovers == NULL) {
        destroy(&hybrid->backend);
        return NULL;
    }
    return &hybrid->backend;
}
