/* SPDX-License-Identifier: Apache-2.0 */
/* mix.h - which format each role's weights have: the blends of formats that model files are shared in. */
#ifndef FATHOM_CLI_MIX_H
#define FATHOM_CLI_MIX_H

#include "base/buffer.h"
#include "quant/format.h"
#include "weights/catalog.h"

struct mix {
    const char *name;   /* "q2_k_xl" */
    enum format format; /* of what no exception is made for */
};

/* Case, '-' for '_', and "UD-" in front do not matter; NULL: there is none. */
const struct mix *mix_find(const char *name);
void mix_list(struct buffer *list); /* appends "f32, f16, ..." */
/* The mix that --mix asks for; NULL: there is none, and that has been said. */
const struct mix *mix_choose(const char *command, const char *name);

/* What the catalog wants in F32 is F32. Where rows of n_columns are not whole blocks: Q8_0, or else F16. */
enum format mix_format(const struct mix *mix, enum role role, uint64_t n_columns);

#endif
