/* SPDX-License-Identifier: Apache-2.0 */
/* part.c - roles to parts. */
#include "weights/part.h"

static const char *const part_names[PART_COUNT] = {
    [PART_ATTENTION] = "attention",
    [PART_DENSE] = "dense layers",
    [PART_SHARED] = "shared experts",
    [PART_ROUTED] = "routed experts",
    [PART_ROUTER] = "routers, norms",
    [PART_EMBEDDING] = "embedding",
    [PART_HEAD] = "head",
    [PART_MTP] = "MTP, not used",
    [PART_UNUSED] = "not used",
};

const char *part_name(enum part part)
{
    return part_names[part];
}

enum part part_of_role(enum role role)
{
    if (role_is_float(role))
        return PART_ROUTER;
    switch (role) {
    case ROLE_TOKEN_EMBEDDING:
        return PART_EMBEDDING;
    case ROLE_OUTPUT:
        return PART_HEAD;
    case ROLE_DENSE_GATE:
    case ROLE_DENSE_UP:
    case ROLE_DENSE_DOWN:
        return PART_DENSE;
    case ROLE_EXPERT_GATE:
    case ROLE_EXPERT_UP:
    case ROLE_EXPERT_DOWN:
        return PART_ROUTED;
    case ROLE_SHARED_GATE:
    case ROLE_SHARED_UP:
    case ROLE_SHARED_DOWN:
        return PART_SHARED;
    default:
        return PART_ATTENTION;
    }
}

enum part part_of(const struct catalog *catalog, size_t tensor)
{
    const struct tensor_use *use = &catalog->uses[tensor];
    if (use->use == USE_ROLE)
        return part_of_role(use->role);
    return use->use == USE_MTP ? PART_MTP : PART_UNUSED;
}

bool part_is_narrowed(const struct catalog *catalog, size_t tensor)
{
    const struct tensor_use *use = &catalog->uses[tensor];
    enum part part = part_of(catalog, tensor);
    bool feeds_forward = part == PART_DENSE || part == PART_SHARED || part == PART_ROUTED ||
                         (part == PART_ROUTER && use->role == ROLE_ROUTER);
    return feeds_forward && use->layer + 1 == catalog->geometry.n_layers;
}

uint64_t part_token_bytes(const struct catalog *catalog, const struct gguf_tensor *tensor, enum part part)
{
    const struct geometry *g = &catalog->geometry;
    switch (part) {
    case PART_ROUTED:
        return tensor->n_bytes / g->n_experts * g->n_experts_used;
    case PART_EMBEDDING: /* a row, and all of it where it is the head as well */
        return catalog->model[ROLE_OUTPUT] != NULL ? format_row_bytes(tensor->format, tensor->dimensions[0])
                                                   : tensor->n_bytes;
    case PART_MTP:
    case PART_UNUSED:
        return 0;
    default:
        return tensor->n_bytes;
    }
}
