/* SPDX-License-Identifier: Apache-2.0 */
/* product.c - weights times activations: picks the table's entry, and deals out strips of rows. */
#include <assert.h>

#include "backend/cpu/state.h"
#include "base/bytes.h"

/* Rows that one item takes: enough to pay for the taking, few enough that the last items leave nobody idle
 * for long. */
#define STRIP_ROWS 32

void cpu_product(const struct cpu *cpu, const struct product_range *range)
{
    const struct weight *weight = range->weight;
    const struct operand *input = range->input;
    assert(input->n_columns == weight->n_columns);
    if (range->begin >= range->end || range->n_tokens == 0)
        return;
    bool floats = cpu->exact || format_info(weight->format)->float_activations;
    size_t activation_bytes = floats ? input->n_columns * sizeof(float) : input->int8_bytes;
    const uint8_t *activations = floats ? (const uint8_t *)input->floats : input->int8;
    product_fn *product = (cpu->exact ? cpu->kernels.product_exact : cpu->kernels.product)[weight->format];
    product(&(struct product){.rows = matrix_row(weight, range->matrix, range->begin),
                              .row_bytes = weight->row_stride,
                              .n_rows = range->end - range->begin,
                              .n_columns = weight->n_columns,
                              .activations = activations + range->first_token * activation_bytes,
                              .activation_bytes = activation_bytes,
                              .n_tokens = range->n_tokens,
                              .next = range->next,
                              .out = range->out,
                              .out_stride = range->out_stride});
}

/* A strip is taken before the one in hand is multiplied, so that memory can be asked for it. */
void cpu_product_strips(const struct cpu *cpu, struct verb *verb, size_t phase, const struct product_all *all)
{
    const struct weight *weight = all->weight;
    size_t n_rows = weight->n_rows, n_strips = (n_rows + STRIP_ROWS - 1) / STRIP_ROWS;
    size_t strip = take_item(verb, phase), next;
    for (; strip < n_strips; strip = next) {
        next = take_item(verb, phase);
        size_t begin = strip * STRIP_ROWS;
        cpu_product(
            cpu, &(struct product_range){
                     .weight = weight,
                     .matrix = weight->handle,
                     .begin = begin,
                     .end = min_size(begin + STRIP_ROWS, n_rows),
                     .input = all->input,
                     .n_tokens = all->n_tokens,
                     .next = next < n_strips ? matrix_row(weight, weight->handle, next * STRIP_ROWS) : NULL,
                     .out = all->out + begin,
                     .out_stride = n_rows});
    }
}
