/* SPDX-License-Identifier: Apache-2.0 */
/* json.c - the same for programs. Names of keys follow the geometry's and the table's words; sizes
 * are bytes. A text that is not UTF-8 is null, since JSON cannot hold it. */
#include "cli/inspect/model.h"

#include <jansson.h>

#include "cli/json_page.h"

static json_t *text_value(const struct gguf *file, const char *key)
{
    struct gguf_text text;
    const struct gguf_key *found = gguf_find_key(file, key);
    if (found == NULL || !gguf_key_text(found, &text))
        return json_null();
    json_t *value = json_stringn(text.bytes, text.n_bytes);
    return value != NULL ? value : json_null();
}

static json_t *number_value(const struct gguf *file, const char *key)
{
    int64_t number;
    const struct gguf_key *found = gguf_find_key(file, key);
    return found != NULL && gguf_key_i64(found, &number) ? json_integer(number) : json_null();
}

static json_t *length_value(const struct gguf *file, const char *key)
{
    const struct gguf_key *found = gguf_find_key(file, key);
    return found != NULL && found->type == GGUF_ARRAY ? json_integer((json_int_t)found->n_items)
                                                      : json_null();
}

static void set_number(json_t *object, const char *name, uint64_t value)
{
    json_object_set_new(object, name, json_integer((json_int_t)value));
}

static json_t *geometry_value(const struct geometry *g)
{
    json_t *object = json_object();
    set_number(object, "layers", g->n_layers);
    set_number(object, "dense_layers", g->n_dense_layers);
    set_number(object, "hidden", g->n_hidden);
    set_number(object, "vocabulary", g->n_vocabulary);
    set_number(object, "context", g->n_context);
    set_number(object, "heads", g->n_heads);
    set_number(object, "query_rank", g->query_rank);
    set_number(object, "latent_rank", g->latent_rank);
    set_number(object, "head_plain", g->head_plain);
    set_number(object, "head_rotary", g->head_rotary);
    set_number(object, "head_value", g->head_value);
    set_number(object, "dense_ff", g->n_dense_ff);
    set_number(object, "experts", g->n_experts);
    set_number(object, "experts_used", g->n_experts_used);
    set_number(object, "expert_ff", g->n_expert_ff);
    set_number(object, "shared_ff", g->n_shared_ff);
    set_number(object, "groups", g->n_groups);
    set_number(object, "groups_used", g->n_groups_used);
    json_object_set_new(object, "gating", json_string(g->gating == GATING_SIGMOID ? "sigmoid" : "softmax"));
    json_object_set_new(object, "normalize_weights", json_boolean(g->normalize_weights));
    json_object_set_new(object, "expert_scale", json_real((double)g->expert_scale));
    json_object_set_new(object, "norm_epsilon", json_real((double)g->norm_epsilon));
    json_object_set_new(object, "rope_theta", json_real((double)g->rope_theta));
    if (g->yarn)
        json_object_set_new(object, "yarn",
                            json_pack("{s:f, s:f, s:I}", "factor", (double)g->yarn_factor, "log_multiplier",
                                      (double)g->yarn_log_multiplier, "original_context",
                                      (json_int_t)g->yarn_original_context));
    return object;
}

static json_t *files_value(const struct gguf *file)
{
    json_t *files = json_array();
    for (size_t i = 0; i < file->n_shards; i++) {
        const struct gguf_shard *shard = &file->shards[i];
        json_t *path = json_string(shard->path);
        json_array_append_new(files, json_pack("{s:o, s:I, s:I}", "path", path != NULL ? path : json_null(),
                                               "bytes", (json_int_t)shard->map.n_bytes, "tensors",
                                               (json_int_t)shard->n_tensors));
    }
    return files;
}

static json_t *sum_value(const char *name, const struct part_sum *sum)
{
    json_t *formats = json_object();
    for (size_t f = 0; f < FORMAT_COUNT; f++)
        if (sum->format_bytes[f] > 0)
            set_number(formats, format_info((enum format)f)->name, sum->format_bytes[f]);
    return json_pack("{s:s, s:I, s:I, s:I, s:f, s:I, s:o}", "name", name, "tensors",
                     (json_int_t)sum->n_tensors, "weights", (json_int_t)sum->n_weights, "bytes",
                     (json_int_t)sum->n_bytes, "bits_a_weight",
                     8 * (double)sum->n_bytes / (double)sum->n_weights, "token_bytes",
                     (json_int_t)sum->token_bytes, "formats", formats);
}

static json_t *parts_value(const struct inspection *inspection)
{
    json_t *parts = json_array();
    for (enum part part = 0; part < PART_COUNT; part++)
        if (inspection->parts[part].n_tensors > 0)
            json_array_append_new(parts, sum_value(part_name(part), &inspection->parts[part]));
    return parts;
}

static json_t *cache_value(const struct inspection *inspection)
{
    static const enum format formats[] = {FORMAT_F32, FORMAT_F16, FORMAT_Q8_0, FORMAT_Q4_0};
    static const char *const names[] = {"f32", "f16", "q8_0", "q4_0"};
    json_t *cache = json_object();
    for (size_t i = 0; i < sizeof formats / sizeof *formats; i++)
        set_number(cache, names[i], inspection_cache_bytes(inspection, formats[i]));
    return cache;
}

static json_t *tokenizer_value(const struct gguf *file)
{
    return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o}", "model", text_value(file, "tokenizer.ggml.model"),
                     "pre", text_value(file, "tokenizer.ggml.pre"), "tokens",
                     length_value(file, "tokenizer.ggml.tokens"), "merges",
                     length_value(file, "tokenizer.ggml.merges"), "begin",
                     number_value(file, "tokenizer.ggml.bos_token_id"), "end",
                     number_value(file, "tokenizer.ggml.eos_token_id"));
}

static json_t *unused_value(const struct inspection *inspection)
{
    json_t *names = json_array();
    for (size_t i = 0; i < inspection->file.n_tensors; i++)
        if (part_of(&inspection->catalog, i) == PART_UNUSED)
            json_array_append_new(names, json_string(inspection->file.tensors[i].name));
    return names;
}

static json_t *tensors_value(const struct inspection *inspection)
{
    json_t *list = json_array();
    for (size_t i = 0; i < inspection->file.n_tensors; i++) {
        const struct gguf_tensor *tensor = &inspection->file.tensors[i];
        json_t *shape = json_array();
        for (uint32_t d = 0; d < tensor->n_dimensions; d++)
            json_array_append_new(shape, json_integer((json_int_t)tensor->dimensions[d]));
        json_array_append_new(
            list, json_pack("{s:s, s:o, s:s, s:I, s:I, s:I, s:s}", "name", tensor->name, "shape", shape,
                            "format", format_info(tensor->format)->name, "bytes", (json_int_t)tensor->n_bytes,
                            "shard", (json_int_t)tensor->shard + 1, "offset", (json_int_t)tensor->offset,
                            "part", part_name(part_of(&inspection->catalog, i))));
    }
    return list;
}

bool inspection_json(const struct inspection *inspection, bool tensors, struct buffer *page,
                     struct error *err)
{
    const struct gguf *file = &inspection->file;
    json_t *root = json_object();
    json_object_set_new(root, "name", text_value(file, "general.name"));
    json_object_set_new(root, "architecture", text_value(file, "general.architecture"));
    set_number(root, "gguf_version", file->shards[0].version);
    json_object_set_new(root, "files", files_value(file));
    set_number(root, "bytes", gguf_bytes(file));
    json_object_set_new(root, "tokenizer", tokenizer_value(file));
    json_object_set_new(root, "chat_template", text_value(file, "tokenizer.chat_template"));
    if (inspection->has_geometry) {
        json_object_set_new(root, "geometry", geometry_value(&inspection->geometry));
        json_object_set_new(root, "cache_bytes_a_token", cache_value(inspection));
    }
    if (file->n_tensors > 0) {
        json_object_set_new(root, "parts", parts_value(inspection));
        json_object_set_new(root, "all", sum_value("all", &inspection->all));
        json_object_set_new(root, "not_used", unused_value(inspection));
    }
    if (tensors && file->n_tensors > 0)
        json_object_set_new(root, "tensors", tensors_value(inspection));

    return json_page(root, page, err);
}
