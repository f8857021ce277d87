/* SPDX-License-Identifier: Apache-2.0 */
/* config.c - reading the geometry: the only reader that knows how its keys are called.
 *
 * Whole numbers stand in one table of key, field and range; what does not fit a row of it (layouts, gating,
 * groups, YaRN) has a function of its own. Upper bounds are several times the largest released model and
 * small enough that no product of two of them overflows 32 bits where the forward pass forms it. */
#include "weights/config.h"

#include <math.h>
#include <stddef.h>

#define ARCHITECTURE "deepseek2"
#define KEY(suffix)  ARCHITECTURE "." suffix

#define MAX_LAYERS 1024
#define MAX_HEAD   1024 /* values of one head's part */
#define MAX_RANK   (1 << 14)
#define MAX_WIDTH  (1 << 18) /* hidden, feed-forward */
#define MAX_TOKENS (1 << 24) /* vocabulary, context */
#define MAX_SHARED 64

/* Ids of expert_gating_func (llama.cpp, llama_expert_gating_func_type). */
enum { GATING_ID_NONE, GATING_ID_SOFTMAX, GATING_ID_SIGMOID };

static bool fail_range(const char *key, uint64_t value, uint64_t least, uint64_t most, struct error *err)
{
    return fail(err, "%s: %llu, expected %llu to %llu", key, (unsigned long long)value,
                (unsigned long long)least, (unsigned long long)most);
}

static bool read_number(const struct gguf *file, const char *key, uint32_t least, uint32_t most,
                        uint32_t *value, struct error *err)
{
    uint64_t number = 0;
    if (gguf_find_key(file, key) == NULL)
        return fail(err, "key %s is missing", key);
    if (!gguf_read_u64(file, key, &number, err))
        return false;
    if (number < least || number > most)
        return fail_range(key, number, least, most, err);
    *value = (uint32_t)number;
    return true;
}

/* The same for a key that may be absent; then `absent` is the value. */
static bool read_optional(const struct gguf *file, const char *key, uint32_t most, uint32_t absent,
                          uint32_t *value, struct error *err)
{
    *value = absent;
    return gguf_find_key(file, key) == NULL || read_number(file, key, 0, most, value, err);
}

/* `value` holds what an absent key stands for; NAN: it must be there. */
static bool read_float(const struct gguf *file, const char *key, float least, float most, float *value,
                       struct error *err)
{
    if (!gguf_read_float(file, key, value, err))
        return false;
    if (gguf_find_key(file, key) == NULL && isnan(*value))
        return fail(err, "key %s is missing", key);
    if (!(*value >= least && *value <= most))
        return fail(err, "%s: %g, expected %g to %g", key, (double)*value, (double)least, (double)most);
    return true;
}

static bool check_architecture(const struct gguf *file, struct error *err)
{
    struct gguf_text architecture = {"", 0};
    if (!gguf_read_text(file, "general.architecture", &architecture, err))
        return false;
    if (architecture.n_bytes == 0)
        return fail(err, "key general.architecture is missing");
    if (!gguf_text_is(architecture, ARCHITECTURE))
        return fail(err,
                    "a model of architecture %.*s; Fathom runs " ARCHITECTURE
                    " (DeepSeek-R1, V3, V2 and models built like them)",
                    (int)(architecture.n_bytes < 64 ? architecture.n_bytes : 64), architecture.bytes);
    return true;
}

static const struct {
    const char *key;
    size_t field;
    uint32_t least, most;
} numbers[] = {
    {KEY("embedding_length"), offsetof(struct geometry, n_hidden), 32, MAX_WIDTH},
    {KEY("context_length"), offsetof(struct geometry, n_context), 1, MAX_TOKENS},
    {KEY("attention.head_count"), offsetof(struct geometry, n_heads), 1, 1024},
    {KEY("attention.kv_lora_rank"), offsetof(struct geometry, latent_rank), 1, MAX_RANK},
    {KEY("rope.dimension_count"), offsetof(struct geometry, head_rotary), 2, MAX_HEAD},
};

static bool read_numbers(struct geometry *g, const struct gguf *file, struct error *err)
{
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        uint32_t *field = (uint32_t *)((char *)g + numbers[i].field);
        if (!read_number(file, numbers[i].key, numbers[i].least, numbers[i].most, field, err))
            return false;
    }
    if (g->n_hidden % 32 != 0)
        return fail(err, "%s: %u, expected a multiple of 32", KEY("embedding_length"), g->n_hidden);
    if (g->head_rotary % 2 != 0)
        return fail(err, "%s: %u, expected an even number", KEY("rope.dimension_count"), g->head_rotary);
    return read_optional(file, KEY("attention.q_lora_rank"), MAX_RANK, 0, &g->query_rank, err);
}

/* block_count includes the MTP layers, which stand behind the others. */
static bool read_layers(struct geometry *g, const struct gguf *file, struct error *err)
{
    uint32_t n_blocks, n_mtp;
    if (!read_number(file, KEY("block_count"), 1, MAX_LAYERS, &n_blocks, err) ||
        !read_optional(file, KEY("nextn_predict_layers"), n_blocks - 1, 0, &n_mtp, err))
        return false;
    g->n_layers = n_blocks - n_mtp;
    return read_optional(file, KEY("leading_dense_block_count"), g->n_layers, 0, &g->n_dense_layers, err);
}

/* vocab_size, or how many tokens the tokenizer lists. */
static bool read_vocabulary(struct geometry *g, const struct gguf *file, struct error *err)
{
    if (gguf_find_key(file, KEY("vocab_size")) != NULL)
        return read_number(file, KEY("vocab_size"), 1, MAX_TOKENS, &g->n_vocabulary, err);
    const struct gguf_key *tokens = gguf_find_key(file, "tokenizer.ggml.tokens");
    if (tokens == NULL || tokens->type != GGUF_ARRAY)
        return fail(err, "key %s is missing", KEY("vocab_size"));
    if (tokens->n_items < 1 || tokens->n_items > MAX_TOKENS)
        return fail_range("tokenizer.ggml.tokens", tokens->n_items, 1, MAX_TOKENS, err);
    g->n_vocabulary = (uint32_t)tokens->n_items;
    return true;
}

/* Files of the new layout describe the absorbed form in key_length and keep a head's own sizes in the keys
 * that end in _mla; old files know only the latter meaning. */
static bool read_heads(struct geometry *g, const struct gguf *file, struct error *err)
{
    bool mla = gguf_find_key(file, KEY("attention.key_length_mla")) != NULL;
    const char *key_length = mla ? KEY("attention.key_length_mla") : KEY("attention.key_length");
    const char *value_length = mla ? KEY("attention.value_length_mla") : KEY("attention.value_length");
    uint32_t head_query;
    if (!read_number(file, key_length, g->head_rotary + 1, g->head_rotary + MAX_HEAD, &head_query, err))
        return false;
    g->head_plain = head_query - g->head_rotary;
    return read_number(file, value_length, 1, MAX_HEAD, &g->head_value, err);
}

static bool read_gating(struct geometry *g, const struct gguf *file, struct error *err)
{
    uint32_t id;
    if (!read_optional(file, KEY("expert_gating_func"), UINT32_MAX, GATING_ID_NONE, &id, err))
        return false;
    if (id > GATING_ID_SIGMOID)
        return fail(err, "%s: %u, expected 1 (softmax) or 2 (sigmoid)", KEY("expert_gating_func"), id);
    g->gating = id == GATING_ID_SIGMOID ? GATING_SIGMOID : GATING_SOFTMAX;
    if (!gguf_read_bool(file, KEY("expert_weights_norm"), &g->normalize_weights, err))
        return false;
    g->expert_scale = 1;
    if (!read_float(file, KEY("expert_weights_scale"), 0, 1e6f, &g->expert_scale, err))
        return false;
    if (g->expert_scale == 0) /* how converters write that there is none */
        g->expert_scale = 1;
    return true;
}

/* Files of early 2025 have no group keys; then the released models tell themselves apart by number of experts
 * and gating (config.json of DeepSeek-V3 and DeepSeek-V2: n_group, topk_group). */
static bool read_groups(struct geometry *g, const struct gguf *file, struct error *err)
{
    bool v3 = g->n_experts == 256 && g->gating == GATING_SIGMOID;
    bool v2 = g->n_experts == 160 && g->gating == GATING_SOFTMAX;
    bool given = gguf_find_key(file, KEY("expert_group_count")) != NULL;
    if (!read_optional(file, KEY("expert_group_count"), g->n_experts, v3 || v2 ? 8 : 1, &g->n_groups, err))
        return false;
    if (g->n_groups == 0)
        g->n_groups = 1;
    uint32_t used = given ? g->n_groups : v3 ? 4 : v2 ? 3 : 1;
    if (!read_optional(file, KEY("expert_group_used_count"), g->n_groups, used, &g->n_groups_used, err))
        return false;
    if (g->n_groups_used == 0)
        g->n_groups_used = g->n_groups;

    uint32_t group = g->n_experts / g->n_groups;
    if (g->n_experts % g->n_groups != 0)
        return fail(err, "%s: %u groups do not divide %u experts", KEY("expert_group_count"), g->n_groups,
                    g->n_experts);
    /* The score of a group is the sum of its two best (DeepSeek-V3 report, 2.1.2). */
    if (g->n_groups > 1 && group < 2)
        return fail(err, "%s: %u, groups of one expert", KEY("expert_group_count"), g->n_groups);
    if (g->n_experts_used > group * g->n_groups_used)
        return fail(err, "%s: %u groups of %u experts cannot give the %u that are used",
                    KEY("expert_group_used_count"), g->n_groups_used, group, g->n_experts_used);
    return true;
}

static bool read_feed_forward(struct geometry *g, const struct gguf *file, struct error *err)
{
    uint32_t n_shared;
    if (!read_optional(file, KEY("expert_count"), GEOMETRY_MAX_EXPERTS, 0, &g->n_experts, err))
        return false;
    if (g->n_experts == 0)
        g->n_dense_layers = g->n_layers;
    if (g->n_dense_layers > 0 &&
        !read_number(file, KEY("feed_forward_length"), 1, MAX_WIDTH, &g->n_dense_ff, err))
        return false;
    if (g->n_experts == 0)
        return true;

    uint32_t most_used = g->n_experts < GEOMETRY_MAX_EXPERTS_USED ? g->n_experts : GEOMETRY_MAX_EXPERTS_USED;
    if (!read_number(file, KEY("expert_used_count"), 1, most_used, &g->n_experts_used, err) ||
        !read_number(file, KEY("expert_feed_forward_length"), 1, MAX_WIDTH, &g->n_expert_ff, err) ||
        !read_optional(file, KEY("expert_shared_count"), MAX_SHARED, 0, &n_shared, err))
        return false;
    g->n_shared_ff = n_shared * g->n_expert_ff;
    return read_gating(g, file, err) && read_groups(g, file, err);
}

static bool read_rope(struct geometry *g, const struct gguf *file, struct error *err)
{
    g->rope_theta = 10000; /* DeepSeek-V2 and V3, config.json: rope_theta */
    if (!read_float(file, KEY("rope.freq_base"), 1, 1e12f, &g->rope_theta, err))
        return false;
    struct gguf_text scaling = {"none", 4};
    if (!gguf_read_text(file, KEY("rope.scaling.type"), &scaling, err))
        return false;
    if (gguf_text_is(scaling, "none"))
        return true;
    if (!gguf_text_is(scaling, "yarn"))
        return fail(err, "%s: %.*s, expected yarn or none", KEY("rope.scaling.type"),
                    (int)(scaling.n_bytes < 32 ? scaling.n_bytes : 32), scaling.bytes);
    g->yarn = true;
    g->yarn_factor = NAN;
    g->yarn_beta_fast = 32; /* DeepSeek-V2 and V3, config.json, whose files do not say so */
    g->yarn_beta_slow = 1;
    return read_float(file, KEY("rope.scaling.factor"), 1, 1e6f, &g->yarn_factor, err) &&
           read_float(file, KEY("rope.scaling.yarn_beta_fast"), 0.1f, 1e6f, &g->yarn_beta_fast, err) &&
           read_float(file, KEY("rope.scaling.yarn_beta_slow"), 0.1f, 1e6f, &g->yarn_beta_slow, err) &&
           read_float(file, KEY("rope.scaling.yarn_log_multiplier"), 0, 10, &g->yarn_log_multiplier, err) &&
           read_number(file, KEY("rope.scaling.original_context_length"), 1, MAX_TOKENS,
                       &g->yarn_original_context, err);
}

bool config_read(struct geometry *geometry, const struct gguf *file, struct error *err)
{
    *geometry = (struct geometry){.n_groups = 1, .n_groups_used = 1, .expert_scale = 1, .norm_epsilon = NAN};
    if (check_architecture(file, err) && read_numbers(geometry, file, err) &&
        read_layers(geometry, file, err) && read_vocabulary(geometry, file, err) &&
        read_heads(geometry, file, err) && read_feed_forward(geometry, file, err) &&
        read_rope(geometry, file, err) &&
        read_float(file, KEY("attention.layer_norm_rms_epsilon"), 0, 1, &geometry->norm_epsilon, err))
        return true;
    return fail_in(err, gguf_path(file));
}
