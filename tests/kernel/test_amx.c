/* SPDX-License-Identifier: Apache-2.0 */
/* test_amx.c - tiles over a model of the instructions: products within rounding to bfloat16, attention with
 * the bits of avx512. Where the machine has AMX, its products have the model's bits. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/bytes.h"
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

static struct product product_of(const struct operands *o, enum format format, size_t n_columns,
                                 size_t n_tokens, float *out)
{
    return (struct product){.rows = o->weights,
                            .row_bytes = format_row_bytes(format, n_columns),
                            .n_rows = MOST_ROWS,
                            .n_columns = n_columns,
                            .activations = o->activations,
                            .activation_bytes = activation_row_bytes(n_columns),
                            .n_tokens = n_tokens,
                            .out = out,
                            .out_stride = MOST_ROWS};
}

/* Squared error over squared values. */
static double error_of(const float *out, const float *right, size_t n)
{
    double error = 0.0, squares = 0.0;
    for (size_t i = 0; i < n; i++) {
        error += ((double)out[i] - right[i]) * ((double)out[i] - right[i]);
        squares += (double)right[i] * right[i];
    }
    return error / squares;
}

/* Rounding both operands to 8 bits makes 5.5e-6 of squared error of random ones, and twice that of few. Any
 * number of tokens gives each the same bits. */
static void check_format(const struct kernels *kernels, struct random *random, enum format format,
                         size_t n_columns)
{
    static const size_t tokens[] = {1, 15, 16, 17, 31, 32, 33};
    static float tiles[MOST_TOKENS * MOST_ROWS], vectors[MOST_TOKENS * MOST_ROWS];
    const char *name = format_info(format)->name;
    struct operands o = random_operands(random, format, n_columns);
    struct product all = product_of(&o, format, n_columns, MOST_TOKENS, tiles);
    amx_model_product(format)(&all);
    all.out = vectors;
    kernels->panel_product[format](&all);
    double error = error_of(tiles, vectors, sizeof tiles / sizeof *tiles);
    if (!(error > 1e-7 && error < 1.2e-5))
        fail_msg("%s, %zu columns: NMSE %g", name, n_columns, error);
    for (size_t i = 0; i < sizeof tokens / sizeof *tokens; i++) {
        struct product some = product_of(&o, format, n_columns, tokens[i], vectors);
        memset(vectors, 0xFF, sizeof vectors);
        amx_model_product(format)(&some);
        if (memcmp(tiles, vectors, tokens[i] * MOST_ROWS * sizeof(float)) != 0)
            fail_msg("%s, %zu columns, %zu tokens: other bits", name, n_columns, tokens[i]);
    }
    free(o.weights);
    free(o.activations);
}

static void each_format(void (*check)(const struct kernels *, struct random *, enum format, size_t),
                        const struct kernels *kernels)
{
    static const size_t columns[] = {32, 256, 352, MOST_COLUMNS};
    struct random random = random_seeded(21);
    for (int format = FORMAT_Q8_0; format < FORMAT_COUNT; format++)
        for (size_t i = 0; i < sizeof columns / sizeof *columns; i++)
            if (columns[i] % format_info((enum format)format)->block_values == 0)
                check(kernels, &random, (enum format)format, columns[i]);
}

static void test_tiles_are_right_but_for_rounding(void **state)
{
    (void)state;
    struct kernels kernels;
    if (!isa_available(ISA_AVX512_VBMI)) {
        print_message("not on this machine: %s, which tiles build on\n", isa_name(ISA_AVX512_VBMI));
        skip();
    }
    assert_true(kernels_fill(&kernels, ISA_AVX512_VBMI, NULL));
    each_format(check_format, &kernels);
}

/* More rows than are widened at once, the last of them in a panel that stands alone. */
static void test_rows_beyond_a_strip(void **state)
{
    (void)state;
    enum { ROWS = 301, COLUMNS = 800, TOKENS = 33 };
    static float whole[TOKENS * ROWS], part[TOKENS * ROWS];
    struct random random = random_seeded(23);
    const size_t row_bytes = format_row_bytes(FORMAT_Q4_0, COLUMNS);
    if (!isa_available(ISA_AVX512))
        skip();
    struct operands o = random_operands(&random, FORMAT_Q4_0, COLUMNS);
    uint8_t *rows = malloc(ROWS * row_bytes);
    assert_non_null(rows);
    random_blocks(&random, FORMAT_Q4_0, rows, (size_t)ROWS * COLUMNS);
    struct product p = product_of(&o, FORMAT_Q4_0, COLUMNS, TOKENS, whole);
    p.rows = rows;
    p.n_rows = p.out_stride = ROWS;
    amx_model_product(FORMAT_Q4_0)(&p);
    p.out = part;
    for (size_t row = 0; row < ROWS; row += 100) {
        p.rows = rows + row * row_bytes;
        p.n_rows = row + 100 < ROWS ? 100 : ROWS - row;
        p.out = part + row;
        amx_model_product(FORMAT_Q4_0)(&p);
    }
    assert_memory_equal(whole, part, sizeof whole);
    free(rows);
    free(o.weights);
    free(o.activations);
}

/* Rounding must not make numbers of what is none: the bits of this scale are next to those of -0. */
static void test_no_number_stays_none(void **state)
{
    (void)state;
    struct random random = random_seeded(24);
    float out[MOST_TOKENS * MOST_ROWS];
    if (!isa_available(ISA_AVX512))
        skip();
    struct operands o = random_operands(&random, FORMAT_Q8_0, 256);
    store_u16(o.weights, 0x7FFF);
    struct product p = product_of(&o, FORMAT_Q8_0, 256, MOST_TOKENS, out);
    amx_model_product(FORMAT_Q8_0)(&p);
    for (size_t token = 0; token < MOST_TOKENS; token++) {
        assert_true(isnan(out[token * MOST_ROWS]));
        assert_false(isnan(out[token * MOST_ROWS + 1]));
    }
    free(o.weights);
    free(o.activations);
}

static void check_model(const struct kernels *kernels, struct random *random, enum format format,
                        size_t n_columns)
{
    static float model[MOST_TOKENS * MOST_ROWS], machine[MOST_TOKENS * MOST_ROWS];
    struct operands o = random_operands(random, format, n_columns);
    struct product p = product_of(&o, format, n_columns, MOST_TOKENS, model);
    amx_model_product(format)(&p);
    p.out = machine;
    kernels->wide_product[format](&p);
    if (memcmp(model, machine, sizeof model) != 0)
        fail_msg("%s, %zu columns: the machine has other bits", format_info(format)->name, n_columns);
    free(o.weights);
    free(o.activations);
}

static void test_the_model_has_the_bits_of_the_machine(void **state)
{
    (void)state;
    struct kernels kernels;
    if (!isa_available(ISA_AMX)) {
        print_message("not on this machine: %s\n", isa_name(ISA_AMX));
        skip();
    }
    assert_true(kernels_fill(&kernels, ISA_AMX, NULL));
    assert_int_equal(kernels.isa, ISA_AMX);
    each_format(check_model, &kernels);
}

/* ---- attention ---- */

#define LANES     ATTEND_LANES
#define BUNDLES   3
#define POSITIONS ATTEND_POSITIONS
#define MOST      384 /* numbers of a key */
#define ROW       (MOST + ATTEND_PARTS)

struct attention {
    float queries[BUNDLES * LANES * MOST], positions[POSITIONS * MOST];
    float panels[BUNDLES * LANES * ROW], keys[POSITIONS * ROW], values[POSITIONS * ROW];
    float scores[BUNDLES * POSITIONS * LANES], out[BUNDLES * MOST * LANES];
    float shrink[BUNDLES * LANES], scale[BUNDLES * LANES];
    struct attend_running running[BUNDLES];
};

/* Attention of all queries but three over n positions, some lanes seeing fewer. */
static void attend(struct attention *a, const struct attend_kernels *kernels, struct attend_size size,
                   size_t n)
{
    const size_t row_words = attend_row_words(kernels, size), n_columns = size.plain + size.rotary;
    uint32_t n_seen[LANES];
    for (size_t lane = 0; lane < LANES; lane++)
        n_seen[lane] = (uint32_t)(n - lane % n);
    memset(a->running, 0, sizeof a->running);
    for (size_t i = 0; i < sizeof a->out / sizeof *a->out; i++)
        a->out[i] = (float)i;
    for (size_t b = 0; b < BUNDLES; b++)
        kernels->pack_queries(a->queries + b * LANES * n_columns, n_columns,
                              b + 1 < BUNDLES ? LANES : LANES - 3, size, a->panels + b * LANES * row_words);
    kernels->pack_keys(a->positions, n_columns, n, size, a->keys, row_words);
    kernels->pack_values(&(struct attend_values){a->keys, row_words, n, size.plain, a->values, size.plain});
    kernels->product(&(struct attend_product){.panels = a->panels,
                                              .n_bundles = BUNDLES,
                                              .rows = a->keys,
                                              .n_rows = n,
                                              .size = size,
                                              .row_words = row_words,
                                              .out = a->scores,
                                              .out_bundle = POSITIONS * LANES,
                                              .out_row = LANES});
    for (size_t b = 0; b < BUNDLES; b++)
        kernels->weigh(&(struct attend_weigh){.scores = a->scores + b * POSITIONS * LANES,
                                              .n_positions = n,
                                              .n_seen = b == 0 ? NULL : n_seen,
                                              .value_scales = a->keys + attend_scales_at(size),
                                              .scale_stride = row_words,
                                              .running = &a->running[b],
                                              .weights = a->scores + b * POSITIONS * LANES,
                                              .shrink = a->shrink + b * LANES,
                                              .scale = a->scale + b * LANES});
    kernels->sum(&(struct attend_sum){.weights = a->scores,
                                      .weights_bundle = POSITIONS * LANES,
                                      .shrink = a->shrink,
                                      .scale = a->scale,
                                      .n_bundles = BUNDLES,
                                      .values = a->values,
                                      .n_words = attend_words(kernels, n),
                                      .value_words = size.plain,
                                      .n_columns = size.plain,
                                      .out = a->out});
}

static void test_attention_in_tiles_has_the_bits_of_vectors(void **state)
{
    (void)state;
    static struct attention tiles, vectors;
    static const struct attend_size sizes[] = {{64, 0}, {64, 64}, {128, 64}, {192, 128}, {320, 64}};
    static const size_t lengths[] = {1, 2, 15, 16, 17, 63, 64, 65, 100, 127, POSITIONS};
    const struct attend_kernels model = amx_model_attend();
    struct random random = random_seeded(22);
    struct kernels kernels;
    if (!isa_available(ISA_AVX512))
        skip();
    assert_true(kernels_fill(&kernels, ISA_AVX512, NULL));
    for (size_t i = 0; i < BUNDLES * LANES * MOST; i++)
        tiles.queries[i] = vectors.queries[i] = (float)(random_normal(&random) / 8.0);
    for (size_t i = 0; i < POSITIONS * MOST; i++)
        tiles.positions[i] = vectors.positions[i] = (float)random_normal(&random);
    for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++)
        for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
            attend(&tiles, &model, sizes[s], lengths[i]);
            attend(&vectors, &kernels.attend_int16, sizes[s], lengths[i]);
            if (memcmp(tiles.out, vectors.out, sizeof tiles.out) != 0)
                fail_msg("%zu + %zu columns, %zu positions: other bits", sizes[s].plain, sizes[s].rotary,
                         lengths[i]);
            assert_memory_equal(tiles.running, vectors.running, sizeof tiles.running);
        }
}

static void test_wrong_tiles_are_found_out(void **state)
{
    (void)state;
    if (!isa_available(ISA_AVX512))
        skip();
    assert_true(amx_model_is_right(AMX_NO_FAULT));
    assert_false(amx_model_is_right(AMX_SWAPS_PAIRS));
    assert_false(amx_model_is_right(AMX_HALVES_DEPTH));
    assert_true(amx_model_attends_right(AMX_NO_FAULT));
    assert_false(amx_model_attends_right(AMX_TAKES_SIGNED));
    assert_false(amx_model_attends_right(AMX_TAKES_FIRST_SIGNED));
    assert_false(amx_model_attends_right(AMX_HALVES_DEPTH));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tiles_are_right_but_for_rounding),
        cmocka_unit_test(test_rows_beyond_a_strip),
        cmocka_unit_test(test_no_number_stays_none),
        cmocka_unit_test(test_the_model_has_the_bits_of_the_machine),
        cmocka_unit_test(test_attention_in_tiles_has_the_bits_of_vectors),
        cmocka_unit_test(test_wrong_tiles_are_found_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
