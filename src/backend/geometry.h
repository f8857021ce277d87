/* SPDX-License-Identifier: Apache-2.0 */
/* geometry.h - the sizes and constants of one model, in the paper's words (DeepSeek-V2 and V3 technical
 * reports).
 *
 * Read from a GGUF's keys by weights/config.c, checked there, and constant afterwards: every room above may
 * rely on the ranges said here. */
#ifndef FATHOM_BACKEND_GEOMETRY_H
#define FATHOM_BACKEND_GEOMETRY_H

#include <stdbool.h>
#include <stdint.h>

enum gating { GATING_SOFTMAX, GATING_SIGMOID };

struct geometry {
    uint32_t n_layers;       /* without MTP layers */
    uint32_t n_dense_layers; /* the first ones; 0 .. n_layers */
    uint32_t n_hidden;       /* multiple of 32 */
    uint32_t n_vocabulary;
    uint32_t n_context; /* positions the model was made for */

    uint32_t n_heads;
    uint32_t query_rank;  /* 0: the query is projected at once (V2-Lite) */
    uint32_t latent_rank; /* 512 in the released models */
    uint32_t head_plain;  /* 128: a head's part without position */
    uint32_t head_rotary; /* 64, even: a head's part with rotary position */
    uint32_t head_value;  /* 128 */

    uint32_t n_dense_ff;     /* width of a dense layer's feed-forward */
    uint32_t n_experts;      /* 0: no MoE layers */
    uint32_t n_experts_used; /* 1 .. n_experts */
    uint32_t n_expert_ff;    /* width of one routed expert */
    uint32_t n_shared_ff;    /* width of the shared experts, which stand in one tensor; 0: none */
    uint32_t n_groups;       /* expert groups; 1: no limit by groups. Divides n_experts */
    uint32_t n_groups_used;  /* 1 .. n_groups */
    enum gating gating;
    bool normalize_weights; /* chosen experts' weights are divided by their sum */
    float expert_scale;     /* and multiplied by this */

    float norm_epsilon;
    float rope_theta;
    bool yarn; /* the following are meaningful */
    float yarn_factor;
    float yarn_beta_fast, yarn_beta_slow; /* turns within the original context: more stays, less is slowed */
    float yarn_log_multiplier;            /* 0.1 in V3 and R1; 0: no correction of the score scale */
    uint32_t yarn_original_context;
};

/* Bounds of small arrays on stacks; the released models use 8 of 256, Kimi-K2 8 of 384. */
#define GEOMETRY_MAX_EXPERTS_USED 64
#define GEOMETRY_MAX_EXPERTS      1024

/* Values a token and layer that the cache keeps: the latent and the shared rotary key. */
static inline uint32_t geometry_cache_values(const struct geometry *g)
{
    return g->latent_rank + g->head_rotary;
}

static inline uint32_t geometry_head_query(const struct geometry *g)
{
    return g->head_plain + g->head_rotary;
}

static inline bool geometry_layer_is_dense(const struct geometry *g, uint32_t layer)
{
    return layer < g->n_dense_layers;
}

#endif
