/* SPDX-License-Identifier: Apache-2.0 */
/* slice.h - a few layers of DeepSeek-R1 in their real size, forged once into the cache folder: one file
 * with the dense kind of layer, and one with the kind that has experts. */
#ifndef FATHOM_CLI_BENCH_SLICE_H
#define FATHOM_CLI_BENCH_SLICE_H

#include "cli/forge/model.h"

struct bench_slice {
    struct forge_model model;
    uint64_t n_bytes; /* of its tensors */
    struct buffer path;
};

/* The slice of that many layers, and where it lies: in XDG_CACHE_HOME or ~/.cache, in fathom/. */
bool bench_slice_choose(struct bench_slice *slice, const struct mix *mix, uint32_t n_dense, uint32_t n_moe,
                        struct error *err);
/* Forges the file where it is not there yet, and says so on stderr before. A file of that name that is no
 * forged model is left alone, and is an error. */
bool bench_slice_make(const struct bench_slice *slice, struct error *err);
void bench_slice_release(struct bench_slice *slice); /* zeroed is fine */

#endif
