/* SPDX-License-Identifier: Apache-2.0 */
/* backend.h - who computes: the seam between the forward pass and the machine.
 *
 * A backend owns its weights, its cache bytes and the activations of the step
 * under way. A verb is one phase of the paper, for all rows of the step. Verbs
 * return nothing and may run later, but always in the order of the calls;
 * what one leaves for the next (hidden state, routing) stays with the backend.
 * A failure sticks until end(), which reports it. So whoever calls the verbs
 * never sees a result, and the same calls can be recorded as a graph.
 *
 * A step is: begin, embed, for each layer its verbs, with narrow in the last one, head, end. */
#ifndef FATHOM_BACKEND_BACKEND_H
#define FATHOM_BACKEND_BACKEND_H

#include "backend/geometry.h"
#include "backend/weight.h"
#include "base/error.h"

/* ---- what a step is made of ---- */

/* Numbers of a cache. The quantized ones are the weight formats of these names: 32 numbers share a scale. */
enum cache_format { CACHE_F16, CACHE_F32, CACHE_Q8_0, CACHE_Q4_0 };

static inline enum format cache_numbers(enum cache_format format)
{
    static const enum format numbers[] = {[CACHE_F16] = FORMAT_F16,
                                          [CACHE_F32] = FORMAT_F32,
                                          [CACHE_Q8_0] = FORMAT_Q8_0,
                                          [CACHE_Q4_0] = FORMAT_Q4_0};
    return numbers[format];
}

/* Bytes of one position in one layer; what is less than a block is filled up with zeros. */
static inline size_t cache_row_bytes(const struct geometry *geometry, enum cache_format format)
{
    const struct format_info *info = format_info(cache_numbers(format));
    size_t n_blocks = (geometry_cache_values(geometry) + info->block_values - 1) / info->block_values;
    return n_blocks * info->block_bytes;
}

/* One session's latents and rotary keys, [layer][position][latent_rank + head_rotary], wherever the backend
 * keeps them. Which positions hold anything is known to model/cache.h. */
struct cache;

struct row {
    uint32_t token;
    uint32_t position;
    struct cache *cache;
    bool wants_logits;
};

/* Two ways to the same attention (DeepSeek-V2 report, 2.1): over latents, with the up-projections moved to
 * the query and the output; or over keys and values expanded from the latents. AUTO: by the number of rows of
 * the session in the step, never by anything else. */
enum attention_form { ATTENTION_AUTO, ATTENTION_ABSORBED, ATTENTION_EXPANDED };

/* Expanding costs 16.8 M multiply-adds a position, chunk and layer in R1's geometry and saves 98 K a row of
 * the chunk and position: the break-even lies near 170 rows. */
#define ATTENTION_EXPAND_ROWS 170

struct step {
    const struct row *rows; /* rows of one cache stand together, at ascending positions without gaps */
    size_t n_rows;          /* 1 .. the backend's max_rows */
    enum attention_form attention;
    float *logits; /* [rows that want them, in order][n_vocabulary] host memory, filled when end() returns */
    /* Asked between verbs, from one thread at a time, until it is true once: then the verbs that are left are
     * not run, and end() fails. What the rows' positions hold is undefined after that. Ranks that add up
     * their parts need the same answer at the same verb, or one waits for the others. NULL: nobody asks. */
    bool (*stop)(void *stopper);
    void *stopper;
};

static inline bool step_is_stopped(const struct step *step)
{
    return step->stop != NULL && step->stop(step->stopper);
}

/* What rotary attention needs to know, computed once by model/rope.c. */
struct rope {
    const float *frequencies; /* [head_rotary / 2] radians a position */
    float score_scale;        /* multiplies query . key */
};

/* ---- arguments of the verbs ---- */

struct project_args {
    uint32_t layer;
    const struct weight *norm;        /* [n_hidden] */
    const struct weight *query;       /* [heads * (plain + rotary)][n_hidden]; NULL: through the rank below */
    const struct weight *query_down;  /* [query_rank][n_hidden] */
    const struct weight *query_norm;  /* [query_rank] */
    const struct weight *query_up;    /* [heads * (plain + rotary)][query_rank] */
    const struct weight *latent_down; /* [latent_rank + rotary][n_hidden] */
    const struct weight *latent_norm; /* [latent_rank] */
};

struct attend_args {
    uint32_t layer;
    /* Keys from latents, a matrix a head: [latent_rank][plain] where key_by_latent, else
     * [plain][latent_rank]. */
    const struct weight *key_up;
    bool key_by_latent;
    const struct weight *value_up; /* a matrix a head: [value][latent_rank] */
    const struct weight *output;   /* [n_hidden][heads * value] */
};

struct dense_args {
    const struct weight *norm; /* [n_hidden] */
    const struct weight *gate; /* [n_dense_ff][n_hidden] */
    const struct weight *up;   /* the same */
    const struct weight *down; /* [n_hidden][n_dense_ff] */
};

struct route_args {
    const struct weight *norm;   /* [n_hidden] */
    const struct weight *router; /* [n_experts][n_hidden] */
    const struct weight *bias;   /* [n_experts]; NULL: none */
};

struct shared_args {
    const struct weight *gate; /* [n_shared_ff][n_hidden]; all three NULL: there are none, and delta = 0 */
    const struct weight *up;   /* the same */
    const struct weight *down; /* [n_hidden][n_shared_ff] */
};

struct experts_args {
    uint32_t layer;
    const struct weight *gate;    /* n_experts matrices [n_expert_ff][n_hidden] */
    const struct weight *up;      /* the same */
    const struct weight *down;    /* n_experts matrices [n_hidden][n_expert_ff] */
    struct expert_source *source; /* who delivers them; NULL: they lie at their handles */
};

struct embed_args {
    const struct weight *embedding; /* [n_vocabulary][n_hidden] */
};

struct head_args {
    const struct weight *norm;   /* [n_hidden] */
    const struct weight *output; /* [n_vocabulary][n_hidden] */
};

/* ---- routed experts that are not simply there ---- */

struct expert {
    uint32_t id;
    const void *gate, *up, *down; /* host memory: one matrix each, strides as in the weight */
};

/* Implemented by whoever brings experts from elsewhere; called from one thread. The order of delivery never
 * changes a result. For each layer, unless are_there(): want() once, next() until it returns false, and
 * done() with the expert that it gave before the following next(): one expert's bytes are in use at a time. A
 * source that ends early fails the step, whether failed() says why or not. */
struct expert_source {
    /* Whether all of them lie at their handles already, to be computed side by side. NULL: they never do. */
    bool (*are_there)(struct expert_source *source, uint32_t layer, const uint32_t *ids, size_t n_ids);
    /* All different. */
    void (*want)(struct expert_source *source, uint32_t layer, const uint32_t *ids, size_t n_ids);
    /* Waits for one more; false: all that were wanted have come, or none will (then failed() says why). */
    bool (*next)(struct expert_source *source, struct expert *expert);
    void (*done)(struct expert_source *source, uint32_t id);         /* its bytes are not needed any more */
    bool (*failed)(struct expert_source *source, struct error *err); /* true: and the line is written */
};

/* What routed experts are computed from and where their sum goes, in host memory. */
struct expert_batch {
    size_t n_rows;
    const float *inputs;    /* [row][n_hidden] normalized */
    const uint32_t *chosen; /* [row][n_experts_used] expert ids in the router's order */
    const float *weights;   /* [row][n_experts_used] */
    /* [row] which session of the step, ascending: how a row is rounded may follow from the rows of its own
     * session, never from others. */
    const uint32_t *sessions;
    float *outputs; /* [row][n_hidden] = sum over the chosen, in order, of weight * expert(input) */
};

/* False: the step fails with the line written. */
typedef bool expert_compute(void *owner, const struct expert_batch *batch, struct error *err);

/* The sum over ranks that split a layer, called where a partial result becomes whole. */
struct rank_sum {
    void (*sum)(void *ranks, float *values, size_t n_values); /* in place; NULL: there is one rank */
    void *ranks;
};

/* What only a backend knows of its work, since its creation. */
struct backend_report {
    uint64_t n_experts;    /* routed experts computed, each once a layer and step */
    uint64_t expert_bytes; /* of their weights */
};

/* ---- the backend ---- */

/* Rows of one matrix, as packed blocks in host memory. */
struct upload {
    uint32_t matrix;
    uint32_t first_row;
    uint32_t n_rows;
    const void *blocks; /* [n_rows][row of whole blocks] */
};

struct backend {
    const char *name;
    size_t max_rows; /* of one step */

    /* Weights. allocate() gives the slice a home here (sets home, handle, strides); upload() fills rows of
     * it, in order or not, with packed blocks. map() uses bytes of the caller in place instead, which must
     * outlive the weight; NULL where a home cannot. release() frees what allocate() took; a zeroed weight is
     * fine. */
    bool (*weight_allocate)(struct backend *backend, struct weight *weight, struct error *err);
    bool (*weight_upload)(struct backend *backend, const struct weight *weight, const struct upload *upload,
                          struct error *err);
    bool (*weight_map)(struct backend *backend, struct weight *weight, const void *bytes, size_t row_stride,
                       size_t matrix_stride);
    void (*weight_release)(struct backend *backend, struct weight *weight);

    /* Cache bytes. Positions are 0 .. n_positions - 1; memory is taken as they are written. truncate() gives
     * memory beyond the first n back. copy, export and import move whole positions; exported bytes are
     * [position][layer][values] in the cache's format, cache_position_bytes() each. Two caches between which
     * positions are copied are of one format. */
    struct cache *(*cache_create)(struct backend *backend, enum cache_format format, size_t n_positions,
                                  struct error *err);
    void (*cache_free)(struct backend *backend, struct cache *cache);
    void (*cache_truncate)(struct backend *backend, struct cache *cache, size_t n_kept);
    void (*cache_copy)(struct backend *backend, struct cache *to, const struct cache *from, size_t first,
                       size_t n);
    size_t (*cache_position_bytes)(const struct backend *backend, enum cache_format format);
    void (*cache_export)(struct backend *backend, const struct cache *cache, size_t first, size_t n,
                         void *bytes);
    void (*cache_import)(struct backend *backend, struct cache *cache, size_t first, size_t n,
                         const void *bytes);

    /* A step. What begin() is given must stay until end(); arguments of verbs are copied, the weights they
     * point to are not. */
    void (*begin)(struct backend *backend, const struct step *step);
    bool (*end)(struct backend *backend, struct error *err);

    /* The verbs. hidden = rows of the embedding */
    void (*embed)(struct backend *backend, const struct embed_args *args);
    /* norm; query, latent and rotary key of each row */
    void (*project)(struct backend *backend, const struct project_args *args);
    /* latent and rotary key go to the cache */
    void (*append)(struct backend *backend, uint32_t layer);
    /* delta = attention */
    void (*attend)(struct backend *backend, const struct attend_args *args);
    /* norm; delta = feed-forward */
    void (*dense)(struct backend *backend, const struct dense_args *args);
    /* norm; each row's experts and their weights */
    void (*route)(struct backend *backend, const struct route_args *args);
    /* delta = shared experts, on what route() normalized */
    void (*shared)(struct backend *backend, const struct shared_args *args);
    /* delta += routed experts */
    void (*experts)(struct backend *backend, const struct experts_args *args);
    /* hidden += delta, summed over all ranks */
    void (*reduce)(struct backend *backend);
    /* From here on the step has only those of its rows that want logits: after the last layer's attention
     * nobody reads the others. Where none wants any, that attention need not be computed either. */
    void (*narrow)(struct backend *backend);
    /* norm; logits of the rows that want them */
    void (*head)(struct backend *backend, const struct head_args *args);

    /* For experts whose home is another backend: at this point of the order, `compute` is called once, on any
     * thread, with the batch that route() left, and what it writes is added to delta; not where the step is
     * stopped before or has no rows left. `owner` must stay until end(). */
    void (*handover)(struct backend *backend, expert_compute *compute, void *owner);
    /* The other side: computes a batch at once, in this call; NULL where it cannot be reached from the host.
     */
    bool (*experts_batch)(struct backend *backend, const struct experts_args *args,
                          const struct expert_batch *batch, struct error *err);

    /* Adds to *report, between steps. For statistics alone: nothing that is computed may follow from it. NULL
     * where nothing is counted. */
    void (*report)(const struct backend *backend, struct backend_report *report);

    void (*destroy)(struct backend *backend);
};

static inline struct backend_report backend_report(const struct backend *backend)
{
    struct backend_report report = {0};
    if (backend->report != NULL)
        backend->report(backend, &report);
    return report;
}

static inline void backend_free(struct backend *backend)
{
    if (backend != NULL)
        backend->destroy(backend);
}

#endif
