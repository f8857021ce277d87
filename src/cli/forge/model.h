/* SPDX-License-Identifier: Apache-2.0 */
/* model.h - what is forged: a geometry, its keys, and the list of its tensors. */
#ifndef FATHOM_CLI_FORGE_MODEL_H
#define FATHOM_CLI_FORGE_MODEL_H

#include "cli/mix.h"
#include "gguf/writer.h"

enum preset { PRESET_R1, PRESET_V2_LITE, PRESET_TINY };

/* How keys and values are projected up from the latent: attn_kv_b, or attn_k_b and attn_v_b. */
enum layout { LAYOUT_NEW, LAYOUT_OLD };

struct forge_model {
    char name[128];
    struct geometry geometry;
    enum layout layout;
    const struct mix *mix;
};

const char *preset_name(enum preset preset); /* "DeepSeek-R1" */
struct geometry preset_geometry(enum preset preset);
/* Names the model by its kind, mix and layers: "DeepSeek-R1 q2_k_xl, 0+2 layers, random". */
void forge_model_rename(struct forge_model *model, const char *kind);

void forge_model_write_keys(struct gguf_writer *writer, const struct forge_model *model);

struct forge_tensor {
    enum role role;
    uint32_t layer;
    enum format format;
    struct role_shape shape;
};

struct forge_tensors {
    struct forge_tensor *items; /* [n_items] owned, in file order */
    size_t n_items;
};

uint64_t forge_tensor_bytes(const struct forge_tensor *tensor); /* that it takes in the file */
bool forge_tensors_list(struct forge_tensors *tensors, const struct forge_model *model, struct error *err);
void forge_tensors_release(struct forge_tensors *tensors);

#endif
