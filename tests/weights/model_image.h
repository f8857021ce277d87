/* SPDX-License-Identifier: Apache-2.0 */
/* model_image.h - headers of models, written down from the published configurations and not from the code
 * under test, with a way to leave out or spoil one key or tensor. */
#ifndef FATHOM_TESTS_WEIGHTS_MODEL_IMAGE_H
#define FATHOM_TESTS_WEIGHTS_MODEL_IMAGE_H

#include "gguf/image.h"

enum layout { LAYOUT_OLD, LAYOUT_NEW };

/* The words of config.json. */
struct model {
    enum layout layout;
    uint32_t n_layers, n_dense, n_mtp, hidden, heads, query_rank, latent, plain, rotary, value;
    uint32_t dense_ff, experts, used, expert_ff, shared, groups, groups_used, vocabulary;
    uint32_t gating; /* 1 softmax, 2 sigmoid */
    bool bias;
    float scale;
    float beta_fast;                            /* 0: not written */
    enum format format;                         /* of matrices */
    const char *left_out;                       /* a key or tensor that is not written; NULL: none */
    const char *spoiled;                        /* a tensor that gets one row more */
    const char *as_f16;                         /* a tensor written in F16 */
    enum format (*format_of)(const char *name); /* of matrices by their tensor's name; NULL: `format` */
    bool dense_as_f16; /* and all of the dense layers' feed-forward, of any width then */
};

/* DeepSeek-R1 with one dense and one MoE layer. */
static inline struct model model_r1(enum layout layout)
{
    return (struct model){.layout = layout,
                          .n_layers = 2,
                          .n_dense = 1,
                          .hidden = 7168,
                          .heads = 128,
                          .query_rank = 1536,
                          .latent = 512,
                          .plain = 128,
                          .rotary = 64,
                          .value = 128,
                          .dense_ff = 18432,
                          .experts = 256,
                          .used = 8,
                          .expert_ff = 2048,
                          .shared = 1,
                          .groups = 8,
                          .groups_used = 4,
                          .vocabulary = 129280,
                          .gating = 2,
                          .bias = true,
                          .scale = 2.5f,
                          .format = FORMAT_Q8_0};
}

/* DeepSeek-V2-Lite, likewise. */
static inline struct model model_v2_lite(enum layout layout)
{
    return (struct model){.layout = layout,
                          .n_layers = 2,
                          .n_dense = 1,
                          .hidden = 2048,
                          .heads = 16,
                          .latent = 512,
                          .plain = 128,
                          .rotary = 64,
                          .value = 128,
                          .dense_ff = 10944,
                          .experts = 64,
                          .used = 6,
                          .expert_ff = 1408,
                          .shared = 2,
                          .vocabulary = 102400,
                          .gating = 1,
                          .scale = 1,
                          .format = FORMAT_Q8_0};
}

/* Small, and no two sizes alike. */
static inline struct model model_small(enum layout layout)
{
    return (struct model){.layout = layout,
                          .n_layers = 3,
                          .n_dense = 1,
                          .hidden = 96,
                          .heads = 3,
                          .query_rank = 64,
                          .latent = 160,
                          .plain = 128,
                          .rotary = 32,
                          .value = 192,
                          .dense_ff = 416,
                          .experts = 6,
                          .used = 3,
                          .expert_ff = 224,
                          .shared = 2,
                          .groups = 3,
                          .groups_used = 2,
                          .vocabulary = 40,
                          .gating = 2,
                          .bias = true,
                          .scale = 2.5f,
                          .format = FORMAT_Q4_0};
}

static inline bool model_has(const struct model *m, const char *name)
{
    return m->left_out == NULL || strcmp(m->left_out, name) != 0;
}

static inline void model_number(struct image *image, const struct model *m, const char *suffix,
                                uint32_t value)
{
    char name[96];
    snprintf(name, sizeof name, "deepseek2.%s", suffix);
    if (model_has(m, name))
        image_u32(image, name, value);
}

static inline void model_float(struct image *image, const struct model *m, const char *suffix, float value)
{
    char name[96];
    snprintf(name, sizeof name, "deepseek2.%s", suffix);
    if (model_has(m, name))
        image_float(image, name, value);
}

static inline void model_keys(struct image *image, const struct model *m)
{
    if (model_has(m, "general.architecture"))
        image_text(image, "general.architecture", "deepseek2");
    model_number(image, m, "block_count", m->n_layers + m->n_mtp);
    if (m->n_mtp > 0)
        model_number(image, m, "nextn_predict_layers", m->n_mtp);
    model_number(image, m, "leading_dense_block_count", m->n_dense);
    model_number(image, m, "embedding_length", m->hidden);
    model_number(image, m, "vocab_size", m->vocabulary);
    model_number(image, m, "context_length", 163840);
    model_number(image, m, "feed_forward_length", m->dense_ff);
    model_number(image, m, "attention.head_count", m->heads);
    model_number(image, m, "attention.head_count_kv", m->layout == LAYOUT_NEW ? 1 : m->heads);
    if (m->query_rank > 0)
        model_number(image, m, "attention.q_lora_rank", m->query_rank);
    model_number(image, m, "attention.kv_lora_rank", m->latent);
    bool old = m->layout == LAYOUT_OLD;
    model_number(image, m, "attention.key_length", (old ? m->plain : m->latent) + m->rotary);
    model_number(image, m, "attention.value_length", old ? m->value : m->latent);
    if (!old) {
        model_number(image, m, "attention.key_length_mla", m->plain + m->rotary);
        model_number(image, m, "attention.value_length_mla", m->value);
    }
    model_float(image, m, "attention.layer_norm_rms_epsilon", 1e-6f);
    model_number(image, m, "rope.dimension_count", m->rotary);
    model_float(image, m, "rope.freq_base", 10000);
    if (model_has(m, "deepseek2.rope.scaling.type"))
        image_text(image, "deepseek2.rope.scaling.type", "yarn");
    model_float(image, m, "rope.scaling.factor", 40);
    model_number(image, m, "rope.scaling.original_context_length", 4096);
    model_float(image, m, "rope.scaling.yarn_log_multiplier", 0.1f);
    if (m->beta_fast > 0)
        model_float(image, m, "rope.scaling.yarn_beta_fast", m->beta_fast);
    model_number(image, m, "expert_count", m->experts);
    model_number(image, m, "expert_used_count", m->used);
    model_number(image, m, "expert_shared_count", m->shared);
    model_number(image, m, "expert_feed_forward_length", m->expert_ff);
    model_float(image, m, "expert_weights_scale", m->scale);
    if (m->gating == 2 && model_has(m, "deepseek2.expert_weights_norm"))
        image_number(image, "deepseek2.expert_weights_norm", GGUF_BOOL, 1, 1);
    model_number(image, m, "expert_gating_func", m->gating);
    if (m->groups > 0) {
        model_number(image, m, "expert_group_count", m->groups);
        model_number(image, m, "expert_group_used_count", m->groups_used);
    }
}

/* Vectors and the router. */
static inline bool model_is_float(const char *name)
{
    return strstr(name, "norm.") != NULL || strstr(name, ".bias") != NULL || strstr(name, "gate_inp") != NULL;
}

static inline void model_tensor(struct image *image, const struct model *m, const char *name,
                                uint64_t columns, uint64_t rows, uint64_t matrices)
{
    if (!model_has(m, name))
        return;
    if (m->spoiled != NULL && strcmp(m->spoiled, name) == 0)
        rows++;
    bool f16 = m->as_f16 != NULL && strcmp(m->as_f16, name) == 0;
    enum format matrix = m->format_of != NULL ? m->format_of(name) : m->format;
    enum format format = f16 ? FORMAT_F16 : model_is_float(name) ? FORMAT_F32 : matrix;
    image_append(image, name, format, columns, rows, matrices);
}

static inline void model_layer(struct image *image, const struct model *m, uint32_t layer)
{
    char name[GGUF_NAME_BYTES];
#define LAYER(suffix, columns, rows, matrices)             \
    (snprintf(name, sizeof name, "blk.%u." suffix, layer), \
     model_tensor(image, m, name, columns, rows, matrices))
    LAYER("attn_norm.weight", m->hidden, 1, 1);
    if (m->query_rank > 0) {
        LAYER("attn_q_a.weight", m->hidden, m->query_rank, 1);
        LAYER("attn_q_a_norm.weight", m->query_rank, 1, 1);
        LAYER("attn_q_b.weight", m->query_rank, m->heads * (m->plain + m->rotary), 1);
    } else {
        LAYER("attn_q.weight", m->hidden, m->heads * (m->plain + m->rotary), 1);
    }
    LAYER("attn_kv_a_mqa.weight", m->hidden, m->latent + m->rotary, 1);
    LAYER("attn_kv_a_norm.weight", m->latent, 1, 1);
    if (m->layout == LAYOUT_OLD) {
        LAYER("attn_kv_b.weight", m->latent, m->heads * (m->plain + m->value), 1);
    } else {
        LAYER("attn_k_b.weight", m->plain, m->latent, m->heads);
        LAYER("attn_v_b.weight", m->latent, m->value, m->heads);
    }
    LAYER("attn_output.weight", m->heads * m->value, m->hidden, 1);
    LAYER("ffn_norm.weight", m->hidden, 1, 1);
    if (layer < m->n_dense) {
        struct model dense = *m;
        dense.format = m->dense_as_f16 ? FORMAT_F16 : m->format;
        m = &dense;
        LAYER("ffn_gate.weight", m->hidden, m->dense_ff, 1);
        LAYER("ffn_up.weight", m->hidden, m->dense_ff, 1);
        LAYER("ffn_down.weight", m->dense_ff, m->hidden, 1);
        return;
    }
    LAYER("ffn_gate_inp.weight", m->hidden, m->experts, 1);
    if (m->bias)
        LAYER("exp_probs_b.bias", m->experts, 1, 1);
    LAYER("ffn_gate_exps.weight", m->hidden, m->expert_ff, m->experts);
    LAYER("ffn_up_exps.weight", m->hidden, m->expert_ff, m->experts);
    LAYER("ffn_down_exps.weight", m->expert_ff, m->hidden, m->experts);
    if (m->shared == 0)
        return;
    LAYER("ffn_gate_shexp.weight", m->hidden, m->expert_ff * m->shared, 1);
    LAYER("ffn_up_shexp.weight", m->hidden, m->expert_ff * m->shared, 1);
    LAYER("ffn_down_shexp.weight", m->expert_ff * m->shared, m->hidden, 1);
#undef LAYER
}

static inline struct image model_image(const struct model *m)
{
    struct image image = image_begin();
    model_keys(&image, m);
    model_tensor(&image, m, "token_embd.weight", m->hidden, m->vocabulary, 1);
    for (uint32_t layer = 0; layer < m->n_layers; layer++)
        model_layer(&image, m, layer);
    model_tensor(&image, m, "output_norm.weight", m->hidden, 1, 1);
    model_tensor(&image, m, "output.weight", m->hidden, m->vocabulary, 1);
    return image;
}

#endif
