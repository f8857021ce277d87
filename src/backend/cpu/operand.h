/* SPDX-License-Identifier: Apache-2.0 */
/* operand.h - activation rows in the two forms that products take: floats, and int8 with scales.
 *
 * The int8 form is made by operand_quantize(), of rows whose length allows it
 * (a multiple of 32). */
#ifndef FATHOM_BACKEND_CPU_OPERAND_H
#define FATHOM_BACKEND_CPU_OPERAND_H

#include "kernel/kernel.h"
#include "machine/blocks.h"

enum operand_forms {
    OPERAND_FLOATS = 1,
    OPERAND_INT8 = 2, /* where the row length allows */
    OPERAND_BOTH = OPERAND_FLOATS | OPERAND_INT8
};

struct operand {
    float *floats; /* [row][n_columns]; NULL: int8 only */
    uint8_t *int8; /* [row][int8_bytes] rows as quant/activation.h; NULL: floats only */
    size_t int8_bytes;
    size_t n_columns;
    /* [row] how many rows of its session the product takes together with it; NULL: few. Not owned. */
    const uint32_t *together;
};

/* Its memory is of `blocks`. */
bool operand_init(struct operand *operand, struct blocks *blocks, size_t n_rows, size_t n_columns,
                  enum operand_forms forms, struct error *err);

static inline float *operand_row(const struct operand *operand, size_t row)
{
    return operand->floats + row * operand->n_columns;
}

/* The same memory with shorter rows; n_columns at most the operand's. */
struct operand operand_of_width(const struct operand *operand, size_t n_columns);

/* The int8 form of a row from its floats; nothing where there is none. */
void operand_quantize(const struct operand *operand, const struct kernels *kernels, size_t row);
/* The same for columns first .. first + n - 1 (multiples of 32) alone; n at most OPERAND_PART. */
#define OPERAND_PART 256
void operand_quantize_part(const struct operand *operand, const struct kernels *kernels, size_t row,
                           size_t first, size_t n);

#endif
