/* SPDX-License-Identifier: Apache-2.0 */
/* model.c - the presets, and a model's keys and tensors as converters write them: spelled anew, so that a
 * reader's slip does not read what it wrote. */
#include "cli/forge/model.h"

#include <stdio.h>

#include "base/memory.h"

#define KEY(suffix) "deepseek2." suffix

/* Ids of expert_gating_func (llama.cpp, llama_expert_gating_func_type). */
enum { GATING_ID_SOFTMAX = 1, GATING_ID_SIGMOID = 2 };

static const struct {
    const char *name;
    struct geometry geometry;
} presets[] = {
    /* config.json of deepseek-ai/DeepSeek-R1 */
    [PRESET_R1] = {"DeepSeek-R1",
                   {.n_layers = 61,
                    .n_dense_layers = 3,
                    .n_hidden = 7168,
                    .n_vocabulary = 129280,
                    .n_context = 163840,
                    .n_heads = 128,
                    .query_rank = 1536,
                    .latent_rank = 512,
                    .head_plain = 128,
                    .head_rotary = 64,
                    .head_value = 128,
                    .n_dense_ff = 18432,
                    .n_experts = 256,
                    .n_experts_used = 8,
                    .n_expert_ff = 2048,
                    .n_shared_ff = 2048,
                    .n_groups = 8,
                    .n_groups_used = 4,
                    .gating = GATING_SIGMOID,
                    .normalize_weights = true,
                    .expert_scale = 2.5f,
                    .norm_epsilon = 1e-6f,
                    .rope_theta = 10000,
                    .yarn = true,
                    .yarn_factor = 40,
                    .yarn_log_multiplier = 0.1f,
                    .yarn_original_context = 4096}},
    /* config.json of deepseek-ai/DeepSeek-V2-Lite */
    [PRESET_V2_LITE] = {"DeepSeek-V2-Lite",
                        {.n_layers = 27,
                         .n_dense_layers = 1,
                         .n_hidden = 2048,
                         .n_vocabulary = 102400,
                         .n_context = 163840,
                         .n_heads = 16,
                         .latent_rank = 512,
                         .head_plain = 128,
                         .head_rotary = 64,
                         .head_value = 128,
                         .n_dense_ff = 10944,
                         .n_experts = 64,
                         .n_experts_used = 6,
                         .n_expert_ff = 1408,
                         .n_shared_ff = 2816,
                         .n_groups = 1,
                         .n_groups_used = 1,
                         .gating = GATING_SOFTMAX,
                         .expert_scale = 1,
                         .norm_epsilon = 1e-6f,
                         .rope_theta = 10000,
                         .yarn = true,
                         .yarn_factor = 40,
                         .yarn_log_multiplier = 0.0707f,
                         .yarn_original_context = 4096}},
    /* R1's kind at the least size whose rows are whole blocks of 256 */
    [PRESET_TINY] = {"Tiny",
                     {.n_layers = 3,
                      .n_dense_layers = 1,
                      .n_hidden = 256,
                      .n_vocabulary = 512,
                      .n_context = 4096,
                      .n_heads = 4,
                      .query_rank = 256,
                      .latent_rank = 256,
                      .head_plain = 64,
                      .head_rotary = 32,
                      .head_value = 64,
                      .n_dense_ff = 512,
                      .n_experts = 8,
                      .n_experts_used = 2,
                      .n_expert_ff = 256,
                      .n_shared_ff = 256,
                      .n_groups = 4,
                      .n_groups_used = 2,
                      .gating = GATING_SIGMOID,
                      .normalize_weights = true,
                      .expert_scale = 2.5f,
                      .norm_epsilon = 1e-6f,
                      .rope_theta = 10000,
                      .yarn = true,
                      .yarn_factor = 4,
                      .yarn_log_multiplier = 0.1f,
                      .yarn_original_context = 1024}},
};

const char *preset_name(enum preset preset)
{
    return presets[preset].name;
}

struct geometry preset_geometry(enum preset preset)
{
    return presets[preset].geometry;
}

void forge_model_rename(struct forge_model *model, const char *kind)
{
    const struct geometry *g = &model->geometry;
    snprintf(model->name, sizeof model->name, "%s %s, %u+%u layers, random", kind, model->mix->name,
             g->n_dense_layers, g->n_layers - g->n_dense_layers);
}

static void write_attention_keys(struct gguf_writer *writer, const struct forge_model *model)
{
    const struct geometry *g = &model->geometry;
    gguf_write_u32(writer, KEY("attention.head_count"), g->n_heads);
    if (g->query_rank > 0)
        gguf_write_u32(writer, KEY("attention.q_lora_rank"), g->query_rank);
    gguf_write_u32(writer, KEY("attention.kv_lora_rank"), g->latent_rank);
    gguf_write_float(writer, KEY("attention.layer_norm_rms_epsilon"), g->norm_epsilon);
    if (model->layout == LAYOUT_OLD) {
        gguf_write_u32(writer, KEY("attention.head_count_kv"), g->n_heads);
        gguf_write_u32(writer, KEY("attention.key_length"), geometry_head_query(g));
        gguf_write_u32(writer, KEY("attention.value_length"), g->head_value);
    } else {
        gguf_write_u32(writer, KEY("attention.head_count_kv"), 1);
        gguf_write_u32(writer, KEY("attention.key_length"), geometry_cache_values(g));
        gguf_write_u32(writer, KEY("attention.value_length"), g->latent_rank);
        gguf_write_u32(writer, KEY("attention.key_length_mla"), geometry_head_query(g));
        gguf_write_u32(writer, KEY("attention.value_length_mla"), g->head_value);
    }
    gguf_write_u32(writer, KEY("rope.dimension_count"), g->head_rotary);
    gguf_write_float(writer, KEY("rope.freq_base"), g->rope_theta);
    if (!g->yarn)
        return;
    gguf_write_text(writer, KEY("rope.scaling.type"), "yarn");
    gguf_write_float(writer, KEY("rope.scaling.factor"), g->yarn_factor);
    gguf_write_u32(writer, KEY("rope.scaling.original_context_length"), g->yarn_original_context);
    gguf_write_float(writer, KEY("rope.scaling.yarn_log_multiplier"), g->yarn_log_multiplier);
}

static void write_expert_keys(struct gguf_writer *writer, const struct geometry *g)
{
    gguf_write_u32(writer, KEY("expert_count"), g->n_experts);
    gguf_write_u32(writer, KEY("expert_used_count"), g->n_experts_used);
    gguf_write_u32(writer, KEY("expert_shared_count"), g->n_shared_ff / g->n_expert_ff);
    gguf_write_u32(writer, KEY("expert_feed_forward_length"), g->n_expert_ff);
    gguf_write_float(writer, KEY("expert_weights_scale"), g->expert_scale);
    gguf_write_bool(writer, KEY("expert_weights_norm"), g->normalize_weights);
    gguf_write_u32(writer, KEY("expert_gating_func"),
                   g->gating == GATING_SIGMOID ? GATING_ID_SIGMOID : GATING_ID_SOFTMAX);
    if (g->n_groups > 1) {
        gguf_write_u32(writer, KEY("expert_group_count"), g->n_groups);
        gguf_write_u32(writer, KEY("expert_group_used_count"), g->n_groups_used);
    }
}

void forge_model_write_keys(struct gguf_writer *writer, const struct forge_model *model)
{
    const struct geometry *g = &model->geometry;
    gguf_write_text(writer, "general.architecture", "deepseek2");
    gguf_write_text(writer, "general.type", "model");
    gguf_write_text(writer, "general.name", model->name);
    gguf_write_text(writer, "general.description", "random weights, forged for tests and timing");
    gguf_write_u32(writer, "general.quantization_version",
                   2); /* ggml's GGML_QNT_VERSION, which readers check */
    gguf_write_u32(writer, KEY("block_count"), g->n_layers);
    gguf_write_u32(writer, KEY("leading_dense_block_count"), g->n_dense_layers);
    gguf_write_u32(writer, KEY("embedding_length"), g->n_hidden);
    gguf_write_u32(writer, KEY("feed_forward_length"), g->n_dense_ff);
    gguf_write_u32(writer, KEY("context_length"), g->n_context);
    gguf_write_u32(writer, KEY("vocab_size"), g->n_vocabulary);
    write_attention_keys(writer, model);
    write_expert_keys(writer, g);
}

static bool is_wanted(enum role role, const struct forge_model *model)
{
    switch (role) {
    case ROLE_KEY_VALUE_UP:
        return model->layout == LAYOUT_OLD;
    case ROLE_KEY_UP:
    case ROLE_VALUE_UP:
        return model->layout == LAYOUT_NEW;
    case ROLE_ROUTER_BIAS:
        return model->geometry.gating == GATING_SIGMOID; /* V3's balancing without a loss; V2 has none */
    default:
        return true;
    }
}

static void append(struct forge_tensors *tensors, const struct forge_model *model, enum role role,
                   uint32_t layer)
{
    struct role_shape shape = role_shape(role, &model->geometry, layer);
    if (shape.n_columns > 0 && is_wanted(role, model))
        tensors->items[tensors->n_items++] =
            (struct forge_tensor){.role = role,
                                  .layer = layer,
                                  .shape = shape,
                                  .format = mix_format(model->mix, role, shape.n_columns)};
}

uint64_t forge_tensor_bytes(const struct forge_tensor *tensor)
{
    const struct role_shape *shape = &tensor->shape;
    return shape->n_matrices * shape->n_rows * format_row_bytes(tensor->format, shape->n_columns);
}

bool forge_tensors_list(struct forge_tensors *tensors, const struct forge_model *model, struct error *err)
{
    size_t most = ROLE_FIRST_OF_LAYER + (size_t)model->geometry.n_layers * (ROLE_COUNT - ROLE_FIRST_OF_LAYER);
    *tensors = (struct forge_tensors){0};
    tensors->items = memory_allocate(most, sizeof *tensors->items, "a list of tensors", err);
    if (tensors->items == NULL)
        return false;
    append(tensors, model, ROLE_TOKEN_EMBEDDING, 0);
    for (uint32_t layer = 0; layer < model->geometry.n_layers; layer++)
        for (enum role role = ROLE_FIRST_OF_LAYER; role < ROLE_COUNT; role++)
            append(tensors, model, role, layer);
    append(tensors, model, ROLE_OUTPUT_NORM, 0);
    append(tensors, model, ROLE_OUTPUT, 0);
    return true;
}

void forge_tensors_release(struct forge_tensors *tensors)
{
    memory_free(tensors->items);
    *tensors = (struct forge_tensors){0};
}
