/* SPDX-License-Identifier: Apache-2.0 */
/* weight.h - a slice of a tensor at its home.
 *
 * Even a whole tensor is a slice. What a handle means is known to its home
 * alone; on the CPU it is the address of the slice's first block. */
#ifndef FATHOM_BACKEND_WEIGHT_H
#define FATHOM_BACKEND_WEIGHT_H

#include "quant/format.h"

struct backend;

struct weight {
    enum format format;
    uint32_t n_matrices;  /* experts or heads; otherwise 1 */
    uint32_t n_rows;      /* of one matrix; 1 for a vector */
    uint32_t n_columns;   /* of one row: whole blocks of the format */
    uint32_t first_row;   /* where the slice begins in each matrix of its tensor */
    bool allocated;       /* the home took memory for it, which weight_release() gives back */
    struct backend *home; /* NULL: there is no such weight */
    void *handle;         /* the home's own */
    size_t row_stride;    /* bytes from one row to the next, in the handle's memory */
    size_t matrix_stride; /* bytes from one matrix to the next */
};

/* Bytes of blocks that the slice holds, without gaps. */
static inline uint64_t weight_bytes(const struct weight *weight)
{
    return (uint64_t)weight->n_matrices * weight->n_rows *
           format_row_bytes(weight->format, weight->n_columns);
}

#endif
