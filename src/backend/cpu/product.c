/* SPDX-License-Identifier: Apache-2.0 */
/* product.c - weights times activations: picks the table's entry, and deals out strips of rows. */
#include <assert.h>

#include "backend/cpu/state.h"
#include "base/bytes.h"

/* Rows of a strip where tokens share it, at least: as many as stand in panels at once, and few enough that a
 * strip of 7168 columns in 4 bits (258 KB) stays in a core's second-level cache while they pass. */
#define SHORT_ROWS 64
/* Tokens that share a longer strip, since they pass a panel before the next is made: what is made ready of a
 * token serves more rows. On Zen 3, AVX2, with the walk made for it, prompts of 512 of q2_k_xl were 1.15
 * times as fast; on AVX-512 not measured. */
#define FEW_TOKENS 32
/* Bytes of a strip that one token reads once. Memory is slower after each jump: one core of Zen 4 reads
 * strips of 28 KB in random order at 10 GB/s, of 113 KB at 13, a whole weight at 15. */
#define LONG_BYTES ((size_t)256 << 10)
/* And strips for each member, at least, so that the last ones leave nobody idle for long. */
#define MEMBER_STRIPS 4

size_t cpu_strip_rows(const struct kernels *kernels, size_t row_bytes, size_t n_rows, size_t n_tokens,
                      size_t n_members)
{
    size_t most = n_tokens > FEW_TOKENS ? min_size(STRIP_ROWS, kernels->many_rows) : STRIP_ROWS;
    if (n_tokens == 1)
        most = min_size(STRIP_ROWS, LONG_BYTES / row_bytes);
    size_t n = min_size(most, n_rows / (MEMBER_STRIPS * n_members));
    return max_size(n / SHORT_ROWS * SHORT_ROWS, SHORT_ROWS);
}

struct strips cpu_strips(const struct cpu *cpu, const struct weight *weight, size_t n_weights,
                         size_t n_tokens)
{
    size_t n_rows = cpu_strip_rows(&cpu->kernels, weight->row_stride, weight->n_rows * n_weights, n_tokens,
                                   team_size(cpu->team));
    return (struct strips){n_rows, (weight->n_rows + n_rows - 1) / n_rows};
}

/* A token's product follows from its company of its own session; what else the step holds must not matter. */
static product_fn *product_of(const struct cpu *cpu, const struct product_range *range, size_t token)
{
    enum format format = range->weight->format;
    const uint32_t *together = range->input->together;
    product_fn *product = cpu->kernels.product_exact[format];
    if (!cpu->exact)
        product = kernels_product(&cpu->kernels, format, together != NULL ? together[token] : 1);
    return product;
}

void cpu_product(const struct cpu *cpu, const struct product_range *range)
{
    const struct weight *weight = range->weight;
    const struct operand *input = range->input;
    assert(input->n_columns == weight->n_columns);
    if (range->begin >= range->end)
        return;
    bool floats = cpu->exact || format_info(weight->format)->float_activations;
    size_t activation_bytes = floats ? input->n_columns * sizeof(float) : input->int8_bytes;
    const uint8_t *activations = floats ? (const uint8_t *)input->floats : input->int8;
    assert(activations != NULL);
    size_t end = range->first_token + range->n_tokens, next;
    for (size_t token = range->first_token; token < end; token = next) {
        product_fn *product = product_of(cpu, range, token);
        for (next = token + 1; next < end && product_of(cpu, range, next) == product;)
            next++;
        product(&(struct product){.rows = (const uint8_t *)range->matrix + range->begin * weight->row_stride,
                                  .row_bytes = weight->row_stride,
                                  .n_rows = range->end - range->begin,
                                  .n_columns = weight->n_columns,
                                  .activations = activations + token * activation_bytes,
                                  .activation_bytes = activation_bytes,
                                  .n_tokens = next - token,
                                  .next = next < end ? NULL : range->next,
                                  .out = range->out + (token - range->first_token) * range->out_stride,
                                  .out_stride = range->out_stride});
    }
}

void cpu_product_strips(const struct cpu *cpu, struct verb *verb, size_t phase, const struct product_all *all)
{
    const struct weight *weight = all->weight;
    const struct strips strips = cpu_strips(cpu, weight, 1, all->n_tokens);
    size_t strip = take_item(verb, phase), next;
    for (; strip < strips.n; strip = next) {
        next = take_item(verb, phase);
        size_t begin = strip * strips.n_rows;
        const void *next_rows =
            next < strips.n ? matrix_row(weight, weight->handle, next * strips.n_rows) : NULL;
        cpu_product(cpu, &(struct product_range){.weight = weight,
                                                 .matrix = weight->handle,
                                                 .begin = begin,
                                                 .end = min_size(begin + strips.n_rows, weight->n_rows),
                                                 .input = all->input,
                                                 .n_tokens = all->n_tokens,
                                                 .next = next_rows,
                                                 .out = all->out + begin,
                                                 .out_stride = weight->n_rows});
    }
}
