/* SPDX-License-Identifier: Apache-2.0 */
/* part.h - the parts of a model that people and plans think in, and what a token reads of each. */
#ifndef FATHOM_WEIGHTS_PART_H
#define FATHOM_WEIGHTS_PART_H

#include "weights/catalog.h"

enum part {
    PART_ATTENTION,
    PART_DENSE,
    PART_SHARED,
    PART_ROUTED,
    PART_ROUTER, /* and all norms */
    PART_EMBEDDING,
    PART_HEAD,
    PART_MTP, /* MTP layers */
    PART_UNUSED,
    PART_COUNT
};

const char *part_name(enum part part); /* "routed experts" */

enum part part_of_role(enum role role);
/* The part of file->tensors[tensor], in the file that the catalog was read from. */
enum part part_of(const struct catalog *catalog, size_t tensor);

/* Whether only rows that want logits meet it: it is of the last layer's feed-forward half. */
bool part_is_narrowed(const struct catalog *catalog, size_t tensor);

/* Bytes that computing one token reads of a tensor of that part. */
uint64_t part_token_bytes(const struct catalog *catalog, const struct gguf_tensor *tensor, enum part part);

#endif
