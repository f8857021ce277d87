/* SPDX-License-Identifier: Apache-2.0 */
/* catalog.h - tensor names to roles: the only reader that knows how tensors are spelled.
 *
 * catalog_read() gives each role of each layer its tensor, with shape and
 * format checked against the geometry; what is missing or misshapen is one
 * error that names file and tensor. MTP layers are recognised and left aside,
 * and tensors that no role asks for are counted, not refused. */
#ifndef FATHOM_WEIGHTS_CATALOG_H
#define FATHOM_WEIGHTS_CATALOG_H

#include "backend/geometry.h"
#include "base/error.h"
#include "gguf/gguf.h"

enum role {
    ROLE_TOKEN_EMBEDDING, /* [n_vocabulary][n_hidden] */
    ROLE_OUTPUT_NORM,     /* [n_hidden] */
    ROLE_OUTPUT,          /* [n_vocabulary][n_hidden]; absent: the embedding serves */
    /* of a layer, from here on */
    ROLE_ATTENTION_NORM,    /* [n_hidden] */
    ROLE_QUERY,             /* [n_heads * (plain + rotary)][n_hidden]: models without a query rank */
    ROLE_QUERY_DOWN,        /* [query_rank][n_hidden] */
    ROLE_QUERY_NORM,        /* [query_rank] */
    ROLE_QUERY_UP,          /* [n_heads * (plain + rotary)][query_rank] */
    ROLE_LATENT_DOWN,       /* [latent_rank + rotary][n_hidden] */
    ROLE_LATENT_NORM,       /* [latent_rank] */
    ROLE_KEY_VALUE_UP,      /* old layout: [n_heads * (plain + value)][latent_rank] */
    ROLE_KEY_UP,            /* new layout: n_heads matrices [latent_rank][plain], that is, transposed */
    ROLE_VALUE_UP,          /* new layout: n_heads matrices [value][latent_rank] */
    ROLE_ATTENTION_OUTPUT,  /* [n_hidden][n_heads * value] */
    ROLE_FEED_FORWARD_NORM, /* [n_hidden] */
    ROLE_DENSE_GATE,        /* [n_dense_ff][n_hidden] */
    ROLE_DENSE_UP,          /* [n_dense_ff][n_hidden] */
    ROLE_DENSE_DOWN,        /* [n_hidden][n_dense_ff] */
    ROLE_ROUTER,            /* [n_experts][n_hidden], F32 */
    ROLE_ROUTER_BIAS,       /* [n_experts], F32; optional */
    ROLE_EXPERT_GATE,       /* n_experts matrices [n_expert_ff][n_hidden] */
    ROLE_EXPERT_UP,         /* the same */
    ROLE_EXPERT_DOWN,       /* n_experts matrices [n_hidden][n_expert_ff] */
    ROLE_SHARED_GATE,       /* [n_shared_ff][n_hidden] */
    ROLE_SHARED_UP,         /* the same */
    ROLE_SHARED_DOWN,       /* [n_hidden][n_shared_ff] */
    ROLE_COUNT
};

#define ROLE_FIRST_OF_LAYER ROLE_ATTENTION_NORM

/* What a tensor is for. */
enum use { USE_NONE, USE_ROLE, USE_MTP /* of an MTP layer, which nothing runs yet */ };

struct tensor_use {
    enum use use;
    enum role role; /* these two where use is USE_ROLE */
    uint32_t layer; /* 0 for a role of the model */
};

struct catalog {
    struct geometry geometry;
    const struct gguf_tensor *model[ROLE_FIRST_OF_LAYER]; /* NULL: absent, which the role allows */
    const struct gguf_tensor *(*layers)[ROLE_COUNT];      /* [n_layers][role] owned; NULL likewise */
    struct tensor_use *uses;                              /* [file->n_tensors] owned: the way back */
};

/* The catalog points into `file`, which must outlive it. Norms, biases and routers are F32, always. A layer
 * has either KEY_VALUE_UP or both KEY_UP and VALUE_UP: where a file brings all three, the first is unused. */
bool catalog_read(struct catalog *catalog, const struct gguf *file, struct error *err);
void catalog_release(struct catalog *catalog);

/* Whether gate and up of all routed experts are in formats that are multiplied with int8 activations. */
bool catalog_experts_take_int8(const struct catalog *catalog);

const char *role_name(enum role role); /* in the paper's words: "query down", for tables and errors */
bool role_is_float(enum role role);    /* vectors and the router: F32, always */
/* How `role` is spelled in a GGUF, into `name`: "blk.3.attn_q_a.weight". `layer` is ignored for roles of the
 * model. */
void role_tensor_name(enum role role, uint32_t layer, char *name, size_t name_bytes);
/* Matrices, rows and columns that the geometry gives to `role`, 0 columns where it has no such tensor in that
 * layer. */
struct role_shape {
    uint64_t n_matrices, n_rows, n_columns; /* a vector: 1, 1, n */
};
struct role_shape role_shape(enum role role, const struct geometry *geometry, uint32_t layer);

#endif
