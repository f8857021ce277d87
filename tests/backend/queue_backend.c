/* SPDX-License-Identifier: Apache-2.0 */
/* queue_backend.c - the queue, its thread, and the verbs as operations that pass each call on to the backend
 * inside. Everything inside is touched by the thread alone; calls with a result wait until all before them
 * have run. */
#include "queue_backend.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/memory.h"
#include "queue_state.h"

#define LONGEST_DELAY_US 150 /* several times what a verb of a test model takes */

struct operation {
    struct operation *next;
    operation_run *run;
    size_t n_bytes;
    _Alignas(max_align_t) uint8_t payload[]; /* [n_bytes] */
};

_Noreturn void queue_breach(const char *what)
{
    fprintf(stderr, "queue backend: %s\n", what);
    abort();
}

/* ---- the queue ---- */

void queue_put(struct queue *queue, operation_run *run, const void *args, size_t n_args, const void *bytes,
               size_t n_bytes)
{
    struct operation *operation =
        memory_allocate(1, sizeof *operation + n_args + n_bytes, "an operation", NULL);
    if (operation == NULL)
        queue_breach("no memory for an operation");
    operation->run = run;
    operation->n_bytes = n_args + n_bytes;
    if (n_args > 0)
        memcpy(operation->payload, args, n_args);
    if (n_bytes > 0)
        memcpy(operation->payload + n_args, bytes, n_bytes);
    pthread_mutex_lock(&queue->mutex);
    *queue->last = operation;
    queue->last = &operation->next;
    if (++queue->n_pending > queue->backlog)
        queue->backlog = queue->n_pending;
    pthread_cond_broadcast(&queue->changed);
    pthread_mutex_unlock(&queue->mutex);
}

void queue_drain(struct queue *queue)
{
    pthread_mutex_lock(&queue->mutex);
    queue->awaited = true;
    pthread_cond_broadcast(&queue->changed);
    while (queue->n_pending > 0)
        pthread_cond_wait(&queue->changed, &queue->mutex);
    queue->awaited = false;
    pthread_mutex_unlock(&queue->mutex);
}

/* NULL: the queue is at its end. */
static struct operation *take(struct queue *queue)
{
    pthread_mutex_lock(&queue->mutex);
    while (!queue->stopping && (queue->first == NULL || (queue->pace == QUEUE_LAZY && !queue->awaited)))
        pthread_cond_wait(&queue->changed, &queue->mutex);
    struct operation *operation = queue->first;
    if (operation != NULL) {
        queue->first = operation->next;
        if (queue->first == NULL)
            queue->last = &queue->first;
    }
    pthread_mutex_unlock(&queue->mutex);
    return operation;
}

static void *serve(void *argument)
{
    struct queue *queue = argument;
    struct operation *operation;
    while ((operation = take(queue)) != NULL) {
        if (queue->pace == QUEUE_DELAYED)
            usleep((useconds_t)random_below(&queue->random, LONGEST_DELAY_US));
        operation->run(queue, operation->payload);
        memset(operation->payload, QUEUE_POISON, operation->n_bytes);
        memory_free(operation);
        pthread_mutex_lock(&queue->mutex);
        queue->n_pending--;
        pthread_cond_broadcast(&queue->changed);
        pthread_mutex_unlock(&queue->mutex);
    }
    return NULL;
}

size_t queue_backlog(const struct backend *backend)
{
    return ((const struct queue *)backend)->backlog;
}

/* ---- a step ---- */

/* The caller's rows stay until end(), so they are read when the queue gets there. */
static void run_begin(struct queue *queue, void *payload)
{
    const struct step *given = *(const struct step *const *)payload;
    for (size_t i = 0; i < given->n_rows; i++) {
        queue->rows[i] = given->rows[i];
        queue->rows[i].cache = queue_cache(queue, given->rows[i].cache)->cache;
    }
    queue->step = *given;
    queue->step.rows = queue->rows;
    queue->step.logits = queue->logits;
    queue->inner->begin(queue->inner, &queue->step);
}

static void begin(struct backend *backend, const struct step *step)
{
    struct queue *queue = queue_of(backend);
    if (queue->given != NULL)
        queue_breach("a step within a step");
    if (step->n_rows == 0 || step->n_rows > backend->max_rows)
        queue_breach("no row, or too many");
    queue->given = step;
    queue_put(queue, run_begin, &step, sizeof step, NULL, 0);
}

struct ending {
    bool *done;
    struct error *err;
};

static void run_end(struct queue *queue, void *payload)
{
    const struct ending *ending = payload;
    *ending->done = queue->inner->end(queue->inner, ending->err);
}

static bool end(struct backend *backend, struct error *err)
{
    struct queue *queue = queue_of(backend);
    size_t n_vocabulary = queue->geometry.n_vocabulary, n_wanted = 0;
    bool done = false;
    queue_put(queue, run_end, &(struct ending){&done, err}, sizeof(struct ending), NULL, 0);
    queue_drain(queue);
    for (size_t i = 0; i < queue->given->n_rows; i++)
        n_wanted += queue->given->rows[i].wants_logits;
    if (n_wanted > 0)
        memcpy(queue->given->logits, queue->logits, n_wanted * n_vocabulary * sizeof(float));
    memset(queue->logits, QUEUE_POISON, backend->max_rows * n_vocabulary * sizeof(float));
    queue->given = NULL;
    return done;
}

/* ---- verbs: args are copied, and point to the weights inside when they are passed on ---- */

static void run_embed(struct queue *queue, void *payload)
{
    struct embed_args *args = payload;
    args->embedding = queue_weight(queue, args->embedding);
    queue->inner->embed(queue->inner, args);
}

static void embed(struct backend *backend, const struct embed_args *args)
{
    queue_put(queue_of(backend), run_embed, args, sizeof *args, NULL, 0);
}

static void run_project(struct queue *queue, void *payload)
{
    struct project_args *args = payload;
    args->norm = queue_weight(queue, args->norm);
    args->query = queue_weight(queue, args->query);
    args->query_down = queue_weight(queue, args->query_down);
    args->query_norm = queue_weight(queue, args->query_norm);
    args->query_up = queue_weight(queue, args->query_up);
    args->latent_down = queue_weight(queue, args->latent_down);
    args->latent_norm = queue_weight(queue, args->latent_norm);
    queue->inner->project(queue->inner, args);
}

static void project(struct backend *backend, const struct project_args *args)
{
    queue_put(queue_of(backend), run_project, args, sizeof *args, NULL, 0);
}

static void run_append(struct queue *queue, void *payload)
{
    queue->inner->append(queue->inner, *(const uint32_t *)payload);
}

static void append(struct backend *backend, uint32_t layer)
{
    queue_put(queue_of(backend), run_append, &layer, sizeof layer, NULL, 0);
}

static void run_attend(struct queue *queue, void *payload)
{
    struct attend_args *args = payload;
    args->key_up = queue_weight(queue, args->key_up);
    args->value_up = queue_weight(queue, args->value_up);
    args->output = queue_weight(queue, args->output);
    queue->inner->attend(queue->inner, args);
}

static void attend(struct backend *backend, const struct attend_args *args)
{
    queue_put(queue_of(backend), run_attend, args, sizeof *args, NULL, 0);
}

static void run_dense(struct queue *queue, void *payload)
{
    struct dense_args *args = payload;
    args->norm = queue_weight(queue, args->norm);
    args->gate = queue_weight(queue, args->gate);
    args->up = queue_weight(queue, args->up);
    args->down = queue_weight(queue, args->down);
    queue->inner->dense(queue->inner, args);
}

static void dense(struct backend *backend, const struct dense_args *args)
{
    queue_put(queue_of(backend), run_dense, args, sizeof *args, NULL, 0);
}

static void run_route(struct queue *queue, void *payload)
{
    struct route_args *args = payload;
    args->norm = queue_weight(queue, args->norm);
    args->router = queue_weight(queue, args->router);
    args->bias = queue_weight(queue, args->bias);
    queue->inner->route(queue->inner, args);
}

static void route(struct backend *backend, const struct route_args *args)
{
    queue_put(queue_of(backend), run_route, args, sizeof *args, NULL, 0);
}

static void run_shared(struct queue *queue, void *payload)
{
    struct shared_args *args = payload;
    args->gate = queue_weight(queue, args->gate);
    args->up = queue_weight(queue, args->up);
    args->down = queue_weight(queue, args->down);
    queue->inner->shared(queue->inner, args);
}

static void shared(struct backend *backend, const struct shared_args *args)
{
    queue_put(queue_of(backend), run_shared, args, sizeof *args, NULL, 0);
}

static void run_experts(struct queue *queue, void *payload)
{
    struct experts_args *args = payload;
    args->gate = queue_weight(queue, args->gate);
    args->up = queue_weight(queue, args->up);
    args->down = queue_weight(queue, args->down);
    queue->inner->experts(queue->inner, args);
}

static void experts(struct backend *backend, const struct experts_args *args)
{
    queue_put(queue_of(backend), run_experts, args, sizeof *args, NULL, 0);
}

static void run_reduce(struct queue *queue, void *payload)
{
    (void)payload;
    queue->inner->reduce(queue->inner);
}

static void reduce(struct backend *backend)
{
    queue_put(queue_of(backend), run_reduce, NULL, 0, NULL, 0);
}

static void run_narrow(struct queue *queue, void *payload)
{
    (void)payload;
    queue->inner->narrow(queue->inner);
}

static void narrow(struct backend *backend)
{
    queue_put(queue_of(backend), run_narrow, NULL, 0, NULL, 0);
}

static void run_head(struct queue *queue, void *payload)
{
    struct head_args *args = payload;
    args->norm = queue_weight(queue, args->norm);
    args->output = queue_weight(queue, args->output);
    queue->inner->head(queue->inner, args);
}

static void head(struct backend *backend, const struct head_args *args)
{
    queue_put(queue_of(backend), run_head, args, sizeof *args, NULL, 0);
}

/* ---- handover: the batch crosses to the host and back in buffers of its own ---- */

struct crossing {
    struct queue *queue;
    expert_compute *compute;
    void *owner;
    struct expert_batch batch;
    struct error *err;
    bool done;
};

static void *compute_there(void *argument)
{
    struct crossing *crossing = argument;
    crossing->done = crossing->compute(crossing->owner, &crossing->batch, crossing->err);
    return NULL;
}

/* `compute` may be called on any thread: it is called on one that lives for nothing else. */
static bool cross(void *owner, const struct expert_batch *batch, struct error *err)
{
    struct crossing *crossing = owner;
    struct queue *queue = crossing->queue;
    size_t n_chosen = batch->n_rows * queue->geometry.n_experts_used;
    size_t n_bytes = batch->n_rows * queue->geometry.n_hidden * sizeof(float);
    memcpy(queue->inputs, batch->inputs, n_bytes);
    memcpy(queue->chosen, batch->chosen, n_chosen * sizeof(uint32_t));
    memcpy(queue->weighting, batch->weights, n_chosen * sizeof(float));
    memset(queue->outputs, QUEUE_POISON, n_bytes);
    crossing->batch = (struct expert_batch){.n_rows = batch->n_rows,
                                            .inputs = queue->inputs,
                                            .chosen = queue->chosen,
                                            .weights = queue->weighting,
                                            .sessions = batch->sessions,
                                            .outputs = queue->outputs};
    crossing->err = err;
    pthread_t thread;
    bool started = pthread_create(&thread, NULL, compute_there, crossing) == 0;
    bool done = started && pthread_join(thread, NULL) == 0 && crossing->done;
    free(crossing);
    if (!started)
        return fail(err, "cannot start a thread");
    memcpy(batch->outputs, queue->outputs, n_bytes);
    memset(queue->inputs, QUEUE_POISON, n_bytes);
    memset(queue->chosen, QUEUE_POISON, n_chosen * sizeof(uint32_t));
    memset(queue->weighting, QUEUE_POISON, n_chosen * sizeof(float));
    return done;
}

struct handing {
    expert_compute *compute;
    void *owner;
};

static void run_handover(struct queue *queue, void *payload)
{
    const struct handing *handing = payload;
    struct crossing *crossing = calloc(1, sizeof *crossing); /* freed when crossed: inner comes to it later */
    *crossing = (struct crossing){.queue = queue, .compute = handing->compute, .owner = handing->owner};
    queue->inner->handover(queue->inner, cross, crossing);
}

static void handover(struct backend *backend, expert_compute *compute, void *owner)
{
    queue_put(queue_of(backend), run_handover, &(struct handing){compute, owner}, sizeof(struct handing),
              NULL, 0);
}

/* ---- creation ---- */

static void stop(struct queue *queue)
{
    pthread_mutex_lock(&queue->mutex);
    queue->stopping = true;
    pthread_cond_broadcast(&queue->changed);
    pthread_mutex_unlock(&queue->mutex);
    pthread_join(queue->thread, NULL);
}

static void destroy(struct backend *backend)
{
    struct queue *queue = queue_of(backend);
    if (queue->started)
        stop(queue);
    queue_memory_release(queue);
    backend_free(queue->inner);
    team_free(queue->team);
    topology_release(&queue->topology);
    pthread_mutex_destroy(&queue->mutex);
    pthread_cond_destroy(&queue->changed);
    memory_free(queue->rows);
    memory_free(queue->logits);
    memory_free(queue->inputs);
    memory_free(queue->chosen);
    memory_free(queue->weighting);
    memory_free(queue->outputs);
    memory_free(queue);
}

static const struct backend queue_backend = {
    .name = "queue",
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
    .destroy = destroy,
};

static bool create_inside(struct queue *queue, const struct queue_options *options, struct error *err)
{
    if (!topology_read(&queue->topology, NULL, err))
        return false;
    queue->team = team_create(&queue->topology, 1, err);
    if (queue->team == NULL)
        return false;
    queue->inner = cpu_create(&(struct cpu_options){.geometry = options->geometry,
                                                    .rope = options->rope,
                                                    .team = queue->team,
                                                    .isa = "generic",
                                                    .exact = options->exact,
                                                    .max_rows = options->max_rows},
                              err);
    return queue->inner != NULL;
}

static bool allocate_buffers(struct queue *queue, struct error *err)
{
    const struct geometry *g = &queue->geometry;
    size_t n = queue->backend.max_rows;
    queue->rows = memory_allocate(n, sizeof(struct row), "rows", err);
    queue->logits = memory_allocate(n, g->n_vocabulary * sizeof(float), "logits", err);
    queue->inputs = memory_allocate(n, g->n_hidden * sizeof(float), "crossing rows", err);
    queue->chosen = memory_allocate(n, g->n_experts_used * sizeof(uint32_t), "crossing rows", err);
    queue->weighting = memory_allocate(n, g->n_experts_used * sizeof(float), "crossing rows", err);
    queue->outputs = memory_allocate(n, g->n_hidden * sizeof(float), "crossing rows", err);
    return queue->rows != NULL && queue->logits != NULL && queue->inputs != NULL && queue->chosen != NULL &&
           queue->weighting != NULL && queue->outputs != NULL;
}

struct backend *queue_create(const struct queue_options *options, struct error *err)
{
    struct queue *queue = memory_allocate(1, sizeof *queue, "the queue backend", err);
    if (queue == NULL)
        return NULL;
    queue->backend = queue_backend;
    queue->backend.max_rows = options->max_rows;
    queue->geometry = *options->geometry;
    queue->pace = options->pace;
    queue->random = random_seeded(options->seed);
    queue->last = &queue->first;
    pthread_mutex_init(&queue->mutex, NULL);
    pthread_cond_init(&queue->changed, NULL);
    if (!queue_memory_init(queue, err) || !create_inside(queue, options, err) ||
        !allocate_buffers(queue, err))
        goto failed;
    queue->started = pthread_create(&queue->thread, NULL, serve, queue) == 0;
    if (queue->started)
        return &queue->backend;
    fail(err, "cannot start the queue's thread");

failed:
    destroy(&queue->backend);
    return NULL;
}
