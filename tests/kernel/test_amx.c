/* SPDX-License-Identifier: Apache-2.0 */
/* test_amx.c - products in tiles, over a model of the instructions: the bits of avx512's products.
 *
 * Nothing here runs AMX itself; where the machine has it, test_product does. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include "kernel/amx_model.h"
#include "kernel/random_blocks.h"

#include <cmocka.h> /* last: its fail() is a macro */

#define MOST_ROWS    35
#define MOST_TOKENS  39
#define MOST_COLUMNS 2560

struct operands {
    uint8_t *weights;     /* [MOST_ROWS][row_bytes] */
    uint8_t *activations; /* [MOST_TOKENS][activation_row_bytes(n_columns)] */
};

static struct operands random_operands(struct random *random, enum format format, size_t n_columns)
{
    static float x[MOST_COLUMNS];
    size_t row_bytes = format_row_bytes(format, n_columns),
           activation_bytes = activation_row_bytes(n_columns);
    struct operands o = {malloc(MOST_ROWS * row_bytes), aligned_alloc(64, MOST_TOKENS * activation_bytes)};
    assert_non_null(o.weights);
    assert_non_null(o.activations);
    random_blocks(random, format, o.weights, MOST_ROWS * n_columns);
    for (size_t token = 0; token < MOST_TOKENS; token++) {
        for (size_t i = 0; i < n_columns; i++)
            x[i] = (float)random_normal(random);
        activation_encode(x, o.activations + token * activation_bytes, n_columns);
    }
    return o;
}

static void check_format(const struct kernels *kernels, struct random *random, enum format format,
                         size_t n_columns)
{
    static const size_t tokens[] = {1, 6, 7, 15, 16, 17, 25, 32, MOST_TOKENS};
    static float tiles[MOST_TOKENS * MOST_ROWS], vectors[MOST_TOKENS * MOST_ROWS];
    struct operands o = random_operands(random, format, n_columns);
    struct product p = {.rows = o.weights,
                        .row_bytes = format_row_bytes(format, n_columns),
                        .n_rows = MOST_ROWS,
                        .n_columns = n_columns,
                        .activations = o.activations,
                        .activation_bytes = activation_row_bytes(n_columns),
                        .out_stride = MOST_ROWS};
    for (size_t i = 0; i < sizeof tokens / sizeof *tokens; i++) {
        size_t multiplied = amx_model_multiplied();
        p.n_tokens = tokens[i];
        memset(tiles, 0xFF, sizeof tiles);
        memset(vectors, 0xFF, sizeof vectors);
        p.out = tiles;
        amx_model_product(format)(&p);
        p.out = vectors;
        kernels->panel_product[format](&p);
        if (memcmp(tiles, vectors, sizeof tiles) != 0)
            fail_msg("%s, %zu columns, %zu tokens: other bits", format_info(format)->name, n_columns,
                     tokens[i]);
        if (tokens[i] >= 16)
            assert_true(amx_model_multiplied() > multiplied);
    }
    free(o.weights);
    free(o.activations);
}

static void test_tiles_have_the_bits_of_vectors(void **state)
{
    (void)state;
    static const size_t columns[] = {32, 256, 352, MOST_COLUMNS};
    struct random random = random_seeded(21);
    struct kernels kernels;
    if (!isa_available(ISA_AVX512_VBMI)) {
        print_message("not on this machine: %s, which tiles build on\n", isa_name(ISA_AVX512_VBMI));
        skip();
    }
    assert_true(kernels_fill(&kernels, ISA_AVX512_VBMI, NULL));
    for (int format = FORMAT_Q8_0; format < FORMAT_COUNT; format++)
        for (size_t i = 0; i < sizeof columns / sizeof *columns; i++)
            if (columns[i] % format_info((enum format)format)->block_values == 0)
                check_format(&kernels, &random, (enum format)format, columns[i]);
}

static void test_wrong_tiles_are_found_out(void **state)
{
    (void)state;
    if (!isa_available(ISA_AVX512))
        skip();
    assert_true(amx_model_is_right(AMX_NO_FAULT));
    assert_false(amx_model_is_right(AMX_TAKES_SIGNED));
    assert_false(amx_model_is_right(AMX_HALVES_NARROW));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tiles_have_the_bits_of_vectors),
        cmocka_unit_test(test_wrong_tiles_are_found_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
