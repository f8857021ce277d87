/* SPDX-License-Identifier: Apache-2.0 */
/* forward.c - DeepSeek's forward pass on one page (V2 report 2.1 and 2.2, V3 report 2.1).
 *
 * Only says what happens, in order. It names no backend, reads no result and
 * branches on none, so the same page can be recorded once and replayed. */
#include "model/forward.h"

/* hidden += output(softmax(query . keys) values) */
static void attention(const struct forward *forward, const struct layer_weights *layer, uint32_t i)
{
    struct backend *backend = forward->backend;
    backend->project(backend, &(struct project_args){
                                  .layer = i,
                                  .norm = layer_weight(layer, ROLE_ATTENTION_NORM),
                                  .query = layer_weight(layer, ROLE_QUERY),
                                  .query_down = layer_weight(layer, ROLE_QUERY_DOWN),
                                  .query_norm = layer_weight(layer, ROLE_QUERY_NORM),
                                  .query_up = layer_weight(layer, ROLE_QUERY_UP),
                                  .latent_down = layer_weight(layer, ROLE_LATENT_DOWN),
                                  .latent_norm = layer_weight(layer, ROLE_LATENT_NORM),
                              });
    backend->append(backend, i);
    backend->attend(backend, &(struct attend_args){
                                 .layer = i,
                                 .key_up = layer_weight(layer, ROLE_KEY_UP),
                                 .key_by_latent = layer->key_by_latent,
                                 .value_up = layer_weight(layer, ROLE_VALUE_UP),
                                 .output = layer_weight(layer, ROLE_ATTENTION_OUTPUT),
                             });
    backend->reduce(backend);
}

/* hidden += down(silu(gate x) * up x) */
static void dense(const struct forward *forward, const struct layer_weights *layer)
{
    struct backend *backend = forward->backend;
    backend->dense(backend, &(struct dense_args){
                                .norm = layer_weight(layer, ROLE_FEED_FORWARD_NORM),
                                .gate = layer_weight(layer, ROLE_DENSE_GATE),
                                .up = layer_weight(layer, ROLE_DENSE_UP),
                                .down = layer_weight(layer, ROLE_DENSE_DOWN),
                            });
    backend->reduce(backend);
}

/* hidden += shared experts + the routed experts of each token, weighted */
static void mixture(const struct forward *forward, const struct layer_weights *layer, uint32_t i)
{
    struct backend *backend = forward->backend;
    backend->route(backend, &(struct route_args){
                                .norm = layer_weight(layer, ROLE_FEED_FORWARD_NORM),
                                .router = layer_weight(layer, ROLE_ROUTER),
                                .bias = layer_weight(layer, ROLE_ROUTER_BIAS),
                            });
    backend->shared(backend, &(struct shared_args){
                                 .gate = layer_weight(layer, ROLE_SHARED_GATE),
                                 .up = layer_weight(layer, ROLE_SHARED_UP),
                                 .down = layer_weight(layer, ROLE_SHARED_DOWN),
                             });
    backend->experts(backend, &(struct experts_args){
                                  .layer = i,
                                  .gate = layer_weight(layer, ROLE_EXPERT_GATE),
                                  .up = layer_weight(layer, ROLE_EXPERT_UP),
                                  .down = layer_weight(layer, ROLE_EXPERT_DOWN),
                                  .source = forward->source,
                              });
    backend->reduce(backend);
}

bool forward_step(const struct forward *forward, const struct step *step, struct error *err)
{
    struct backend *backend = forward->backend;
    const struct resident *weights = forward->weights;

    backend->begin(backend, step);
    backend->embed(backend, &(struct embed_args){&weights->model[ROLE_TOKEN_EMBEDDING]});
    for (uint32_t i = 0; i < forward->geometry->n_layers; i++) {
        const struct layer_weights *layer = &weights->layers[i];
        attention(forward, layer, i);
        if (i + 1 == forward->geometry->n_layers)
            backend->narrow(backend);
        if (geometry_layer_is_dense(forward->geometry, i))
            dense(forward, layer);
        else
            mixture(forward, layer, i);
    }
    backend->head(backend, &(struct head_args){
                               .norm = &weights->model[ROLE_OUTPUT_NORM],
                               .output = &weights->model[ROLE_OUTPUT],
                           });
    return backend->end(backend, err);
}
