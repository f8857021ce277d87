/* SPDX-License-Identifier: Apache-2.0 */
/* late_source.c - one delivery at a time: want() leaves a shuffled list, the thread works it off, next()
 * takes what has come. Blocks live until the next want(), so that whoever reads one after done() reads
 * poison. */
#include "late_source.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/memory.h"
#include "base/random.h"

#define LONGEST_DELAY_US 100
#define POISON           0xff /* a NaN in every float format */

enum delivery_state { COMING, THERE, TAKEN, DONE };

struct delivery {
    uint32_t id;
    enum delivery_state state;
    uint8_t *bytes; /* owned: gate, up, down */
};

struct late_source {
    struct expert_source source; /* first */
    struct late_options options;
    pthread_t thread;
    pthread_mutex_t mutex; /* guards the rest */
    pthread_cond_t changed;
    struct random random;
    uint32_t layer;
    struct delivery *deliveries; /* [n_experts] of the layer under way, in the order of their coming */
    size_t n_wanted, n_come, n_taken, n_done;
    size_t n_coming; /* of n_wanted, how many will come at all */
    bool open;       /* between want() and the last next() */
    bool stopping;
    bool failed; /* since the last want() */
    bool silent; /* about that */
    uint32_t failing_layer;
    size_t failing_after;
    uint32_t *wanted; /* [n_layers][n_experts] counts */
    uint32_t *wants;  /* [n_layers] counts */
};

static struct late_source *late_of(struct expert_source *source)
{
    return (struct late_source *)source;
}

static _Noreturn void breach(const char *what)
{
    fprintf(stderr, "late source: %s\n", what);
    abort();
}

static uint8_t *copy_matrix(uint8_t *to, const struct weight *weight, uint32_t id)
{
    memcpy(to, (const uint8_t *)weight->handle + id * weight->matrix_stride, weight->matrix_stride);
    return to + weight->matrix_stride;
}

static size_t expert_bytes(const struct late_layer *layer)
{
    return layer->gate.matrix_stride + layer->up.matrix_stride + layer->down.matrix_stride;
}

/* ---- the thread ---- */

static void deliver(struct late_source *late, struct delivery *delivery)
{
    const struct late_layer *layer = &late->options.layers[late->layer];
    uint32_t delay = (uint32_t)random_below(&late->random, LONGEST_DELAY_US);
    pthread_mutex_unlock(&late->mutex);
    usleep(delay);
    uint8_t *bytes = memory_allocate(1, expert_bytes(layer), "an expert", NULL);
    if (bytes == NULL)
        breach("no memory for an expert");
    uint8_t *at = copy_matrix(bytes, &layer->gate, delivery->id);
    at = copy_matrix(at, &layer->up, delivery->id);
    copy_matrix(at, &layer->down, delivery->id);
    pthread_mutex_lock(&late->mutex);
    delivery->bytes = bytes;
    delivery->state = THERE;
    late->n_come++;
    pthread_cond_broadcast(&late->changed);
}

static void *serve(void *argument)
{
    struct late_source *late = argument;
    pthread_mutex_lock(&late->mutex);
    while (!late->stopping) {
        if (late->n_come < late->n_coming)
            deliver(late, &late->deliveries[late->n_come]);
        else
            pthread_cond_wait(&late->changed, &late->mutex);
    }
    pthread_mutex_unlock(&late->mutex);
    return NULL;
}

/* ---- the caller's side ---- */

static void forget_deliveries(struct late_source *late)
{
    if (late->open || late->n_done != late->n_taken)
        breach("a layer was left before its experts were done with");
    for (size_t i = 0; i < late->n_wanted; i++)
        memory_free(late->deliveries[i].bytes);
    memset(late->deliveries, 0, late->options.n_experts * sizeof *late->deliveries);
    late->n_wanted = late->n_coming = late->n_come = late->n_taken = late->n_done = 0;
}

static void list_shuffled(struct late_source *late, const uint32_t *ids, size_t n_ids)
{
    for (size_t i = 0; i < n_ids; i++) {
        if (ids[i] >= late->options.n_experts)
            breach("an expert that there is not");
        for (size_t j = 0; j < i; j++)
            if (ids[j] == ids[i])
                breach("an expert wanted twice at once");
        size_t at = random_below(&late->random, i + 1);
        late->deliveries[i] = late->deliveries[at];
        late->deliveries[at] = (struct delivery){.id = ids[i]};
        late->wanted[(size_t)late->layer * late->options.n_experts + ids[i]]++;
    }
}

static void want(struct expert_source *source, uint32_t layer, const uint32_t *ids, size_t n_ids)
{
    struct late_source *late = late_of(source);
    pthread_mutex_lock(&late->mutex);
    forget_deliveries(late);
    if (layer >= late->options.n_layers || late->options.layers[layer].gate.handle == NULL)
        breach("a layer without experts");
    if (n_ids == 0)
        breach("nothing wanted");
    late->layer = layer;
    late->wants[layer]++;
    list_shuffled(late, ids, n_ids);
    late->open = true;
    late->failed = layer == late->failing_layer;
    late->n_wanted = n_ids;
    late->n_coming = late->failed && late->failing_after < n_ids ? late->failing_after : n_ids;
    pthread_cond_broadcast(&late->changed);
    pthread_mutex_unlock(&late->mutex);
}

static bool next(struct expert_source *source, struct expert *expert)
{
    struct late_source *late = late_of(source);
    pthread_mutex_lock(&late->mutex);
    if (!late->open)
        breach("next() without want()");
    if (late->n_done != late->n_taken)
        breach("next() before done()");
    while (late->n_taken == late->n_come && late->n_taken < late->n_coming)
        pthread_cond_wait(&late->changed, &late->mutex);
    bool more = late->n_taken < late->n_coming;
    if (more) {
        const struct late_layer *layer = &late->options.layers[late->layer];
        struct delivery *delivery = &late->deliveries[late->n_taken++];
        delivery->state = TAKEN;
        *expert = (struct expert){.id = delivery->id, .gate = delivery->bytes};
        expert->up = delivery->bytes + layer->gate.matrix_stride;
        expert->down = (const uint8_t *)expert->up + layer->up.matrix_stride;
    }
    late->open = more;
    pthread_mutex_unlock(&late->mutex);
    return more;
}

static void done(struct expert_source *source, uint32_t id)
{
    struct late_source *late = late_of(source);
    pthread_mutex_lock(&late->mutex);
    size_t i = 0;
    while (i < late->n_wanted && late->deliveries[i].id != id)
        i++;
    if (i == late->n_wanted || late->deliveries[i].state != TAKEN)
        breach("done() with an expert that was not delivered, or twice");
    late->deliveries[i].state = DONE;
    late->n_done++;
    memset(late->deliveries[i].bytes, POISON, expert_bytes(&late->options.layers[late->layer]));
    pthread_mutex_unlock(&late->mutex);
}

static bool failed(struct expert_source *source, struct error *err)
{
    struct late_source *late = late_of(source);
    pthread_mutex_lock(&late->mutex);
    bool is = late->failed && !late->silent;
    pthread_mutex_unlock(&late->mutex);
    if (is)
        fail(err, "layer %u: disk gone", late->layer);
    return is;
}

/* ---- creation ---- */

struct late_source *late_create(const struct late_options *options)
{
    struct late_source *late = memory_allocate(1, sizeof *late, "a source", NULL);
    if (late == NULL)
        breach("no memory");
    late->source = (struct expert_source){.want = want, .next = next, .done = done, .failed = failed};
    late->options = *options;
    late->random = random_seeded(options->seed);
    late->failing_layer = LATE_NEVER;
    late->deliveries = memory_allocate(options->n_experts, sizeof *late->deliveries, "deliveries", NULL);
    late->wanted =
        memory_allocate((size_t)options->n_layers * options->n_experts, sizeof *late->wanted, "counts", NULL);
    late->wants = memory_allocate(options->n_layers, sizeof *late->wants, "counts", NULL);
    pthread_mutex_init(&late->mutex, NULL);
    pthread_cond_init(&late->changed, NULL);
    if (late->deliveries == NULL || late->wanted == NULL || late->wants == NULL ||
        pthread_create(&late->thread, NULL, serve, late) != 0)
        breach("no memory, or no thread");
    return late;
}

void late_free(struct late_source *late)
{
    pthread_mutex_lock(&late->mutex);
    forget_deliveries(late);
    late->stopping = true;
    pthread_cond_broadcast(&late->changed);
    pthread_mutex_unlock(&late->mutex);
    pthread_join(late->thread, NULL);
    pthread_mutex_destroy(&late->mutex);
    pthread_cond_destroy(&late->changed);
    memory_free(late->deliveries);
    memory_free(late->wanted);
    memory_free(late->wants);
    memory_free(late);
}

struct expert_source *late_expert_source(struct late_source *late)
{
    return &late->source;
}

static void end_early(struct late_source *late, uint32_t layer, size_t n_delivered, bool silent)
{
    pthread_mutex_lock(&late->mutex);
    late->failing_layer = layer;
    late->failing_after = n_delivered;
    late->silent = silent;
    pthread_mutex_unlock(&late->mutex);
}

void late_fail(struct late_source *late, uint32_t layer, size_t n_delivered)
{
    end_early(late, layer, n_delivered, false);
}

void late_fall_silent(struct late_source *late, uint32_t layer, size_t n_delivered)
{
    end_early(late, layer, n_delivered, true);
}

size_t late_n_wanted(const struct late_source *late, uint32_t layer, uint32_t id)
{
    return late->wanted[(size_t)layer * late->options.n_experts + id];
}

size_t late_n_wants(const struct late_source *late, uint32_t layer)
{
    return late->wants[layer];
}
