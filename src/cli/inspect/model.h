/* SPDX-License-Identifier: Apache-2.0 */
/* model.h - what a model file holds, added up, and the two ways in which inspect shows it. */
#ifndef FATHOM_CLI_INSPECT_MODEL_H
#define FATHOM_CLI_INSPECT_MODEL_H

#include "base/buffer.h"
#include "weights/part.h"

struct part_sum {
    size_t n_tensors;
    uint64_t n_weights;
    uint64_t n_bytes;
    uint64_t token_bytes; /* read for one token */
    uint64_t format_bytes[FORMAT_COUNT];
};

struct inspection {
    struct gguf file;
    struct catalog catalog; /* of a file with weights */
    struct geometry geometry;
    bool has_geometry; /* a vocabulary alone may come without */
    struct part_sum parts[PART_COUNT];
    struct part_sum all;
};

bool inspection_open(struct inspection *inspection, const char *path, struct error *err);
void inspection_close(struct inspection *inspection);

/* Bytes that the attention cache keeps for a token in a format, all layers. */
uint64_t inspection_cache_bytes(const struct inspection *inspection, enum format format);

void inspection_show(const struct inspection *inspection, bool tensors, bool colour, struct buffer *page);
bool inspection_json(const struct inspection *inspection, bool tensors, struct buffer *page,
                     struct error *err);

#endif
