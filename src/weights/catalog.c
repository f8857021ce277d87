/* SPDX-License-Identifier: Apache-2.0 */
/* catalog.c - finding each role's tensor and checking it.
 *
 * One table holds every role's words and spelling, one switch its shape. Roles are looked up by name, so
 * the order of tensors in the file means nothing. */
#include "weights/catalog.h"

#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "weights/config.h"

static const struct {
    const char *words, *spelling;
    bool is_float; /* F32 only: vectors and the router (DeepSeek-V3's inference code computes them so) */
} roles[ROLE_COUNT] = {
    [ROLE_TOKEN_EMBEDDING] = {"token embedding", "token_embd.weight", false},
    [ROLE_OUTPUT_NORM] = {"output norm", "output_norm.weight", true},
    [ROLE_OUTPUT] = {"output", "output.weight", false},
    [ROLE_ATTENTION_NORM] = {"attention norm", "attn_norm.weight", true},
    [ROLE_QUERY] = {"query", "attn_q.weight", false},
    [ROLE_QUERY_DOWN] = {"query down", "attn_q_a.weight", false},
    [ROLE_QUERY_NORM] = {"query norm", "attn_q_a_norm.weight", true},
    [ROLE_QUERY_UP] = {"query up", "attn_q_b.weight", false},
    [ROLE_LATENT_DOWN] = {"latent down", "attn_kv_a_mqa.weight", false},
    [ROLE_LATENT_NORM] = {"latent norm", "attn_kv_a_norm.weight", true},
    [ROLE_KEY_VALUE_UP] = {"key and value up", "attn_kv_b.weight", false},
    [ROLE_KEY_UP] = {"key up", "attn_k_b.weight", false},
    [ROLE_VALUE_UP] = {"value up", "attn_v_b.weight", false},
    [ROLE_ATTENTION_OUTPUT] = {"attention output", "attn_output.weight", false},
    [ROLE_FEED_FORWARD_NORM] = {"feed-forward norm", "ffn_norm.weight", true},
    [ROLE_DENSE_GATE] = {"dense gate", "ffn_gate.weight", false},
    [ROLE_DENSE_UP] = {"dense up", "ffn_up.weight", false},
    [ROLE_DENSE_DOWN] = {"dense down", "ffn_down.weight", false},
    [ROLE_ROUTER] = {"router", "ffn_gate_inp.weight", true},
    [ROLE_ROUTER_BIAS] = {"router bias", "exp_probs_b.bias", true},
    [ROLE_EXPERT_GATE] = {"expert gate", "ffn_gate_exps.weight", false},
    [ROLE_EXPERT_UP] = {"expert up", "ffn_up_exps.weight", false},
    [ROLE_EXPERT_DOWN] = {"expert down", "ffn_down_exps.weight", false},
    [ROLE_SHARED_GATE] = {"shared gate", "ffn_gate_shexp.weight", false},
    [ROLE_SHARED_UP] = {"shared up", "ffn_up_shexp.weight", false},
    [ROLE_SHARED_DOWN] = {"shared down", "ffn_down_shexp.weight", false},
};

const char *role_name(enum role role)
{
    return roles[role].words;
}

bool role_is_float(enum role role)
{
    return roles[role].is_float;
}

void role_tensor_name(enum role role, uint32_t layer, char *name, size_t name_bytes)
{
    if (role < ROLE_FIRST_OF_LAYER)
        snprintf(name, name_bytes, "%s", roles[role].spelling);
    else
        snprintf(name, name_bytes, "blk.%u.%s", layer, roles[role].spelling);
}

static struct role_shape vector(uint64_t n)
{
    return (struct role_shape){1, 1, n};
}

static struct role_shape matrix(uint64_t n_rows, uint64_t n_columns)
{
    return (struct role_shape){1, n_rows, n_columns};
}

static struct role_shape attention_shape(enum role role, const struct geometry *g)
{
    uint64_t heads = g->n_heads;
    switch (role) {
    case ROLE_QUERY:
        return matrix(heads * geometry_head_query(g), g->query_rank == 0 ? g->n_hidden : 0);
    case ROLE_QUERY_DOWN:
        return matrix(g->query_rank, g->query_rank > 0 ? g->n_hidden : 0);
    case ROLE_QUERY_NORM:
        return vector(g->query_rank);
    case ROLE_QUERY_UP:
        return matrix(heads * geometry_head_query(g), g->query_rank);
    case ROLE_LATENT_DOWN:
        return matrix(geometry_cache_values(g), g->n_hidden);
    case ROLE_LATENT_NORM:
        return vector(g->latent_rank);
    case ROLE_KEY_VALUE_UP:
        return matrix(heads * (g->head_plain + g->head_value), g->latent_rank);
    case ROLE_KEY_UP:
        return (struct role_shape){heads, g->latent_rank, g->head_plain};
    case ROLE_VALUE_UP:
        return (struct role_shape){heads, g->head_value, g->latent_rank};
    case ROLE_ATTENTION_OUTPUT:
        return matrix(g->n_hidden, heads * g->head_value);
    default:
        return vector(g->n_hidden); /* the two norms of a layer */
    }
}

static struct role_shape expert_shape(enum role role, const struct geometry *g)
{
    switch (role) {
    case ROLE_ROUTER:
        return matrix(g->n_experts, g->n_hidden);
    case ROLE_ROUTER_BIAS:
        return vector(g->n_experts);
    case ROLE_EXPERT_GATE:
    case ROLE_EXPERT_UP:
        return (struct role_shape){g->n_experts, g->n_expert_ff, g->n_hidden};
    case ROLE_EXPERT_DOWN:
        return (struct role_shape){g->n_experts, g->n_hidden, g->n_expert_ff};
    case ROLE_SHARED_DOWN:
        return matrix(g->n_hidden, g->n_shared_ff);
    default:
        return matrix(g->n_shared_ff, g->n_shared_ff > 0 ? g->n_hidden : 0);
    }
}

struct role_shape role_shape(enum role role, const struct geometry *g, uint32_t layer)
{
    bool dense = geometry_layer_is_dense(g, layer);
    if (role == ROLE_OUTPUT_NORM)
        return vector(g->n_hidden);
    if (role < ROLE_FIRST_OF_LAYER)
        return matrix(g->n_vocabulary, g->n_hidden);
    if (role <= ROLE_FEED_FORWARD_NORM)
        return attention_shape(role, g);
    if (role <= ROLE_DENSE_DOWN) {
        if (!dense)
            return (struct role_shape){0};
        return role == ROLE_DENSE_DOWN ? matrix(g->n_hidden, g->n_dense_ff)
                                       : matrix(g->n_dense_ff, g->n_hidden);
    }
    return dense ? (struct role_shape){0} : expert_shape(role, g);
}

/* The file is the place for the caller's error line: the shard that holds the tensor. */
static bool fail_tensor(const struct gguf *file, const struct gguf_tensor *tensor, struct error *err)
{
    char where[GGUF_NAME_BYTES + 8];
    snprintf(where, sizeof where, "tensor %s", tensor->name);
    fail_in(err, where);
    return fail_in(err, file->shards[tensor->shard].path);
}

/* "7168 x 2048 x 256", as GGUF counts: columns first. */
static void describe_shape(const uint64_t *dimensions, uint32_t n, char *text, size_t text_bytes)
{
    size_t at = 0;
    for (uint32_t i = 0; i < n && at < text_bytes; i++)
        at += (size_t)snprintf(text + at, text_bytes - at, "%s%llu", i > 0 ? " x " : "",
                               (unsigned long long)dimensions[i]);
}

static bool check_shape(const struct gguf_tensor *tensor, struct role_shape shape, struct error *err)
{
    const uint64_t *d = tensor->dimensions;
    /* Some writers stack the matrices of k_b and v_b into one: the same bytes. */
    bool stacked = tensor->n_dimensions == 2 && d[1] == shape.n_rows * shape.n_matrices;
    if (d[0] == shape.n_columns &&
        ((d[1] == shape.n_rows && d[2] == shape.n_matrices && d[3] == 1) || stacked))
        return true;
    const uint64_t expected[] = {shape.n_columns, shape.n_rows, shape.n_matrices};
    char found_text[96], expected_text[96];
    describe_shape(d, tensor->n_dimensions, found_text, sizeof found_text);
    describe_shape(expected,
                   shape.n_matrices > 1 ? 3
                   : shape.n_rows > 1   ? 2
                                        : 1,
                   expected_text, sizeof expected_text);
    return fail(err, "shape %s, expected %s", found_text, expected_text);
}

static bool check_format(const struct gguf_tensor *tensor, enum role role, struct error *err)
{
    if (role_is_float(role) && tensor->format != FORMAT_F32)
        return fail(err, "format %s, expected F32", format_info(tensor->format)->name);
    return true;
}

static bool is_optional(enum role role)
{
    switch (role) {
    case ROLE_OUTPUT:
    case ROLE_ROUTER_BIAS:
    case ROLE_KEY_VALUE_UP: /* these three are judged together, by check_layout() */
    case ROLE_KEY_UP:
    case ROLE_VALUE_UP:
        return true;
    default:
        return false;
    }
}

/* Fills *found with the tensor of the role, checked; NULL where it is absent and may be. */
static bool find_role(struct catalog *catalog, const struct gguf *file, enum role role, uint32_t layer,
                      const struct gguf_tensor **found, struct error *err)
{
    struct role_shape shape = role_shape(role, &catalog->geometry, layer);
    *found = NULL;
    if (shape.n_columns == 0)
        return true;
    char name[GGUF_NAME_BYTES];
    role_tensor_name(role, layer, name, sizeof name);
    const struct gguf_tensor *tensor = gguf_find_tensor(file, name);
    if (tensor == NULL)
        return is_optional(role) || fail(err, "%s: tensor %s is missing", gguf_path(file), name);
    if (!check_shape(tensor, shape, err) || !check_format(tensor, role, err))
        return fail_tensor(file, tensor, err);
    *found = tensor;
    return true;
}

static bool check_layout(const struct gguf_tensor **layer_roles, const struct gguf *file, uint32_t layer,
                         struct error *err)
{
    bool key = layer_roles[ROLE_KEY_UP] != NULL, value = layer_roles[ROLE_VALUE_UP] != NULL;
    if (key && value) {
        layer_roles[ROLE_KEY_VALUE_UP] = NULL;
        return true;
    }
    if (layer_roles[ROLE_KEY_VALUE_UP] != NULL) {
        layer_roles[ROLE_KEY_UP] = layer_roles[ROLE_VALUE_UP] = NULL;
        return true;
    }
    char name[GGUF_NAME_BYTES];
    role_tensor_name(key ? ROLE_VALUE_UP : value ? ROLE_KEY_UP : ROLE_KEY_VALUE_UP, layer, name, sizeof name);
    return fail(err, "%s: tensor %s is missing%s", gguf_path(file), name,
                key || value ? "" : ", and so are attn_k_b and attn_v_b in its place");
}

static void mark(struct catalog *catalog, const struct gguf *file, const struct gguf_tensor *tensor,
                 enum role role, uint32_t layer)
{
    if (tensor != NULL)
        catalog->uses[tensor - file->tensors] = (struct tensor_use){USE_ROLE, role, layer};
}

static bool read_roles(struct catalog *catalog, const struct gguf *file, struct error *err)
{
    for (enum role role = 0; role < ROLE_FIRST_OF_LAYER; role++) {
        if (!find_role(catalog, file, role, 0, &catalog->model[role], err))
            return false;
        mark(catalog, file, catalog->model[role], role, 0);
    }
    for (uint32_t layer = 0; layer < catalog->geometry.n_layers; layer++) {
        const struct gguf_tensor **found = catalog->layers[layer];
        for (enum role role = ROLE_FIRST_OF_LAYER; role < ROLE_COUNT; role++)
            if (!find_role(catalog, file, role, layer, &found[role], err))
                return false;
        if (!check_layout(found, file, layer, err))
            return false;
        for (enum role role = ROLE_FIRST_OF_LAYER; role < ROLE_COUNT; role++)
            mark(catalog, file, found[role], role, layer);
    }
    return true;
}

/* Multi-token prediction (DeepSeek-V3 report, 2.2): blocks behind the last layer. */
static void mark_ahead(struct catalog *catalog, const struct gguf *file)
{
    for (size_t i = 0; i < file->n_tensors; i++) {
        unsigned block;
        if (sscanf(file->tensors[i].name, "blk.%5u.", &block) == 1 && block >= catalog->geometry.n_layers &&
            catalog->uses[i].use == USE_NONE)
            catalog->uses[i].use = USE_MTP;
    }
}

bool catalog_read(struct catalog *catalog, const struct gguf *file, struct error *err)
{
    *catalog = (struct catalog){0}; /* catalog_release() is safe from here on */

    if (!config_read(&catalog->geometry, file, err))
        return false;
    if (file->n_tensors == 0)
        return fail(err, "%s: holds a vocabulary and no weights", gguf_path(file));
    catalog->layers = memory_allocate(catalog->geometry.n_layers, sizeof *catalog->layers, "a catalog", err);
    catalog->uses = memory_allocate(file->n_tensors, sizeof *catalog->uses, "a catalog", err);
    if (catalog->layers == NULL || catalog->uses == NULL || !read_roles(catalog, file, err))
        goto failed;
    mark_ahead(catalog, file);
    return true;

failed:
    catalog_release(catalog);
    return false;
}

bool catalog_experts_take_int8(const struct catalog *catalog)
{
    for (uint32_t layer = 0; layer < catalog->geometry.n_layers; layer++)
        for (enum role role = ROLE_EXPERT_GATE; role <= ROLE_EXPERT_UP; role++) {
            const struct gguf_tensor *tensor = catalog->layers[layer][role];
            if (tensor != NULL && format_info(tensor->format)->float_activations)
                return false;
        }
    return true;
}

void catalog_release(struct catalog *catalog)
{
    memory_free(catalog->layers);
    memory_free(catalog->uses);
    *catalog = (struct catalog){0};
}
