/* SPDX-License-Identifier: Apache-2.0 */
/* operand.c - makes, fills and copies activation rows. Knows nothing of what they mean. */
#include "backend/cpu/operand.h"

#include <assert.h>
#include <string.h>

bool operand_init(struct operand *operand, struct blocks *blocks, size_t n_rows, size_t n_columns,
                  enum operand_forms forms, struct error *err)
{
    *operand = (struct operand){.n_columns = n_columns};
    assert(forms != OPERAND_INT8 || n_columns % ACTIVATION_BLOCK == 0);
    if ((forms & OPERAND_FLOATS) != 0) {
        operand->floats = blocks_take(blocks, n_rows, n_columns * sizeof(float), "activations", err);
        if (operand->floats == NULL)
            return false;
    }
    if ((forms & OPERAND_INT8) == 0 || n_columns % ACTIVATION_BLOCK != 0)
        return true;
    operand->int8_bytes = activation_row_bytes(n_columns);
    operand->int8 = blocks_take(blocks, n_rows, operand->int8_bytes, "activations", err);
    return operand->int8 != NULL;
}

struct operand operand_of_width(const struct operand *operand, size_t n_columns)
{
    assert(n_columns <= operand->n_columns);
    struct operand view = {.floats = operand->floats, .n_columns = n_columns, .together = operand->together};
    if (operand->int8 != NULL && n_columns % ACTIVATION_BLOCK == 0) {
        view.int8 = operand->int8;
        view.int8_bytes = activation_row_bytes(n_columns);
    }
    return view;
}

void operand_quantize(const struct operand *operand, const struct kernels *kernels, size_t row)
{
    assert(operand->floats != NULL);
    if (operand->int8 != NULL)
        kernels->quantize(operand_row(operand, row), operand->int8 + row * operand->int8_bytes,
                          operand->n_columns);
}

void operand_quantize_part(const struct operand *operand, const struct kernels *kernels, size_t row,
                           size_t first, size_t n)
{
    if (operand->int8 == NULL)
        return;
    assert(operand->floats != NULL);
    assert(n <= OPERAND_PART && first % ACTIVATION_BLOCK == 0 && n % ACTIVATION_BLOCK == 0);
    /* Blocks are independent, so a part is quantized as a short row and its three planes put where they
     * belong. 2 bytes a value cover values, scales and sums with their alignment: 256 + 64 + 64. */
    _Alignas(64) uint8_t part[2 * OPERAND_PART];
    assert(activation_row_bytes(n) <= sizeof part);
    kernels->quantize(operand_row(operand, row) + first, part, n);
    struct activation from = activation_view(part, n);
    struct activation to = activation_view(operand->int8 + row * operand->int8_bytes, operand->n_columns);
    memcpy(to.values + first, from.values, n);
    memcpy(to.scales + first / ACTIVATION_BLOCK, from.scales, n / ACTIVATION_BLOCK * sizeof(float));
    memcpy(to.sums + first / ACTIVATION_SUM_BLOCK, from.sums, n / ACTIVATION_SUM_BLOCK * sizeof(int16_t));
}
