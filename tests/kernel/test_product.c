/* SPDX-License-Identifier: Apache-2.0 */
/* test_product.c - every product of the table, for few tokens and for many, on every instruction set of this
 * machine, against the law.
 *
 * Rows end where a page without access begins, so a kernel that reads past the last block dies here. The
 * gaps between an activation row's planes hold NaN. Seeds are fixed and printed by a failure. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "kernel/kernel.h"
#include "kernel/random_blocks.h"
#include "quant/decode.h"

#include <cmocka.h> /* last: its fail() is a macro */

/* More than any level's vectors and panels take at once, and an edge. */
#define MOST_ROWS    83
#define MOST_TOKENS  41
#define MOST_COLUMNS 7168

/* Rows that end at the end of what may be read. */
struct guarded {
    uint8_t *pages;
    size_t n_bytes; /* of the pages with access */
    size_t page;
    uint8_t *rows;
};

struct operands {
    enum format format;
    size_t n_columns;
    size_t row_bytes;
    size_t activation_bytes;
    struct guarded weights;
    uint8_t *activations; /* [MOST_TOKENS][activation_bytes] */
};

static struct guarded guarded_rows(size_t n_bytes)
{
    struct guarded g = {.page = (size_t)sysconf(_SC_PAGESIZE)};
    g.n_bytes = round_up(n_bytes, g.page);
    g.pages = mmap(NULL, g.n_bytes + g.page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_true(g.pages != MAP_FAILED);
    assert_int_equal(mprotect(g.pages + g.n_bytes, g.page, PROT_NONE), 0);
    g.rows = g.pages + g.n_bytes - n_bytes;
    return g;
}

static void make_operands(struct operands *o, enum format format, size_t n_columns, struct random *random)
{
    bool floats = format_info(format)->float_activations;
    static float x[MOST_COLUMNS];

    o->format = format;
    o->n_columns = n_columns;
    o->row_bytes = format_row_bytes(format, n_columns);
    o->activation_bytes = floats ? n_columns * sizeof(float) : activation_row_bytes(n_columns);
    o->weights = guarded_rows(MOST_ROWS * o->row_bytes);
    o->activations = aligned_alloc(64, round_up(MOST_TOKENS * o->activation_bytes, 64));
    assert_non_null(o->activations);
    memset(o->activations, 0xFF, MOST_TOKENS * o->activation_bytes);

    random_blocks(random, format, o->weights.rows, MOST_ROWS * n_columns);
    for (size_t token = 0; token < MOST_TOKENS; token++) {
        uint8_t *row = o->activations + token * o->activation_bytes;
        for (size_t i = 0; i < n_columns; i++)
            x[i] = (float)random_normal(random) * (float)(1 + i % 7);
        if (floats)
            memcpy(row, x, n_columns * sizeof(float));
        else
            activation_encode(x, row, n_columns);
    }
}

static void release_operands(struct operands *o)
{
    munmap(o->weights.pages, o->weights.n_bytes + o->weights.page);
    free(o->activations);
}

static struct product product_of(const struct operands *o, size_t n_rows, size_t n_tokens, float *out)
{
    return (struct product){.rows = o->weights.rows,
                            .row_bytes = o->row_bytes,
                            .n_rows = n_rows,
                            .n_columns = o->n_columns,
                            .activations = o->activations,
                            .activation_bytes = o->activation_bytes,
                            .n_tokens = n_tokens,
                            .out = out,
                            .out_stride = MOST_ROWS};
}

/* The error of a product may be this part of the sum of |weight| |activation|: a few roundings of float32. */
#define TOLERANCE 2e-6
#define WIDE      0x1p-7 /* the same, where both operands are rounded to bfloat16 */

/* One of the products of each format. */
struct products {
    const char *name;
    product_fn *const *of; /* [FORMAT_COUNT]; NULL: there is none */
    double tolerance;
};

/* Which of many outputs are checked: the last ones all, then fewer and fewer. */
static size_t one_before(size_t i, size_t n)
{
    size_t step = 1 + (n - i) / 8;
    return i > step ? i - step : 0;
}

static void check_against_law(const struct operands *o, const float *out, const struct products *products)
{
    static float weights[MOST_COLUMNS], values[MOST_COLUMNS];

    for (size_t above = MOST_ROWS; above > 0; above = one_before(above, MOST_ROWS)) {
        size_t row = above - 1;
        decode_row(o->format, o->weights.rows + row * o->row_bytes, weights, o->n_columns);
        for (size_t after = MOST_TOKENS; after > 0; after = one_before(after, MOST_TOKENS)) {
            size_t token = after - 1;
            const uint8_t *x = o->activations + token * o->activation_bytes;
            double sum = 0.0, sizes = 0.0;
            if (format_info(o->format)->float_activations)
                memcpy(values, x, o->n_columns * sizeof(float));
            else
                activation_decode(x, values, o->n_columns);
            for (size_t i = 0; i < o->n_columns; i++) {
                sum += (double)weights[i] * values[i];
                sizes += fabs((double)weights[i] * values[i]);
            }
            double error = fabs(out[token * MOST_ROWS + row] - sum);
            if (!(error <= products->tolerance * sizes))
                fail_msg("%s %s, %zu columns, row %zu, token %zu: %g, the law %g, sizes %g", products->name,
                         format_info(o->format)->name, o->n_columns, row, token,
                         (double)out[token * MOST_ROWS + row], sum, sizes);
        }
    }
}

/* Whether there is a product of rows of so many columns. */
static bool products_have(const struct products *products, enum format format, size_t n_columns)
{
    return products->of[format] != NULL && n_columns % format_info(format)->block_values == 0;
}

/* Calls `check` with all products of every level of this machine. */
static void each_level(void (*check)(const struct products *products))
{
    for (int isa = 0; isa < ISA_COUNT; isa++) {
        struct kernels kernels;
        if (!isa_available((enum isa)isa)) {
            print_message("not on this machine: %s\n", isa_name((enum isa)isa));
            continue;
        }
        assert_true(kernels_fill(&kernels, (enum isa)isa, NULL));
        char panels[64], wide[64];
        snprintf(panels, sizeof panels, "%s, panels", isa_name((enum isa)isa));
        snprintf(wide, sizeof wide, "%s, wide", isa_name((enum isa)isa));
        check(&(struct products){isa_name((enum isa)isa), kernels.product, TOLERANCE});
        if (memcmp(kernels.product, kernels.panel_product, sizeof kernels.product) != 0)
            check(&(struct products){panels, kernels.panel_product, TOLERANCE});
        if (kernels.wide_product[FORMAT_Q8_0] != NULL)
            check(&(struct products){wide, kernels.wide_product, WIDE});
    }
}

static void check_columns(const struct products *products)
{
    static const size_t columns[] = {32, 64, 96, 256, 352, 512, 1408, 1536, 7168};
    struct random random = random_seeded(11);

    for (int format = 0; format < FORMAT_COUNT; format++) {
        for (size_t i = 0; i < sizeof columns / sizeof *columns; i++) {
            struct operands o;
            float out[MOST_TOKENS * MOST_ROWS];
            if (!products_have(products, (enum format)format, columns[i]))
                continue;
            make_operands(&o, (enum format)format, columns[i], &random);
            struct product p = product_of(&o, MOST_ROWS, MOST_TOKENS, out);
            products->of[format](&p);
            check_against_law(&o, out, products);
            release_operands(&o);
        }
    }
}

static void test_products_follow_the_law(void **state)
{
    (void)state;
    each_level(check_columns);
}

/* F32, F16 and BF16 rows may have any number of columns. */
static void check_odd_columns(const struct products *products)
{
    struct random random = random_seeded(12);
    for (size_t n_columns = 1; n_columns < 80; n_columns++) {
        for (int format = FORMAT_F32; format <= FORMAT_BF16 && products->of[format] != NULL; format++) {
            struct operands o;
            float out[MOST_TOKENS * MOST_ROWS];
            make_operands(&o, (enum format)format, n_columns, &random);
            struct product p = product_of(&o, MOST_ROWS, MOST_TOKENS, out);
            products->of[format](&p);
            check_against_law(&o, out, products);
            release_operands(&o);
        }
    }
}

static void test_float_rows_of_any_length(void **state)
{
    (void)state;
    each_level(check_odd_columns);
}

/* One output alone, with rows and tokens at other places, and a hint at unreadable rows: the same bits. */
static void check_company(const struct products *products)
{
    static const size_t columns[] = {256, 352, 1408, 2304};
    struct random random = random_seeded(13);

    for (int format = 0; format < FORMAT_COUNT; format++) {
        for (size_t i = 0; i < sizeof columns / sizeof *columns; i++) {
            struct operands o;
            float whole[MOST_TOKENS * MOST_ROWS], part[MOST_TOKENS * MOST_ROWS];
            if (!products_have(products, (enum format)format, columns[i]))
                continue;
            make_operands(&o, (enum format)format, columns[i], &random);
            struct product p = product_of(&o, MOST_ROWS, MOST_TOKENS, whole);
            products->of[format](&p);
            for (size_t n_rows = 1; n_rows <= MOST_ROWS; n_rows += 1 + n_rows / 4) {
                for (size_t n_tokens = 1; n_tokens <= MOST_TOKENS; n_tokens += 1 + n_tokens / 4) {
                    size_t row = MOST_ROWS - n_rows, token = MOST_TOKENS - n_tokens;
                    p = product_of(&o, n_rows, n_tokens, part);
                    p.rows = o.weights.rows + row * o.row_bytes;
                    p.activations = o.activations + token * o.activation_bytes;
                    p.next = o.weights.pages + o.weights.n_bytes;
                    products->of[format](&p);
                    for (size_t t = 0; t < n_tokens; t++)
                        for (size_t r = 0; r < n_rows; r++)
                            if (float_to_bits(part[t * MOST_ROWS + r]) !=
                                float_to_bits(whole[(token + t) * MOST_ROWS + row + r]))
                                fail_msg("%s %s, %zu columns: %zu rows, %zu tokens: other bits",
                                         products->name, format_info((enum format)format)->name, columns[i],
                                         n_rows, n_tokens);
                }
            }
            release_operands(&o);
        }
    }
}

/* Formats whose tokens are multiplied a row a lane however few they are: chunked prompts have the bits of
 * whole ones. */
static void test_some_formats_have_one_order_of_sums(void **state)
{
    (void)state;
    static const enum format formats[] = {FORMAT_IQ2_XXS, FORMAT_IQ2_XS};
    struct random random = random_seeded(17);
    struct kernels kernels;
    if (!isa_available(ISA_AVX512_VBMI)) {
        print_message("not on this machine: %s\n", isa_name(ISA_AVX512_VBMI));
        skip();
    }
    assert_true(kernels_fill(&kernels, ISA_AVX512_VBMI, NULL));
    for (size_t i = 0; i < sizeof formats / sizeof *formats; i++) {
        struct operands o;
        float few[MOST_TOKENS * MOST_ROWS], many[MOST_TOKENS * MOST_ROWS];
        make_operands(&o, formats[i], MOST_COLUMNS, &random);
        struct product p = product_of(&o, MOST_ROWS, MOST_TOKENS, few);
        kernels.product[formats[i]](&p);
        p.out = many;
        kernels.panel_product[formats[i]](&p);
        assert_memory_equal(few, many, sizeof few);
        release_operands(&o);
    }
}

static void test_bits_do_not_depend_on_company(void **state)
{
    (void)state;
    each_level(check_company);
}

#define EXTREME_COLUMNS 512

/* Activations of the largest size, in place of those that are there: token 0 all plus, token 1 all minus, and
 * the others with the sign of the weight that they meet in row token / 2, or its opposite. */
static void make_extreme_activations(struct operands *o)
{
    float weights[EXTREME_COLUMNS], x[EXTREME_COLUMNS];
    for (size_t token = 0; token < MOST_TOKENS; token++) {
        decode_row(o->format, o->weights.rows + token / 2 * o->row_bytes, weights, EXTREME_COLUMNS);
        for (size_t i = 0; i < EXTREME_COLUMNS; i++) {
            bool plus = token < 2 || weights[i] >= 0.0f;
            x[i] = plus == (token % 2 == 0) ? 127.0f : -127.0f;
        }
        activation_encode(x, o->activations + token * o->activation_bytes, EXTREME_COLUMNS);
    }
}

/* Blocks of one byte throughout and random ones, and activations of the largest size: no sum inside may
 * overflow. */
static void check_extremes(const struct products *products)
{
    static const uint8_t bytes[] = {0x00, 0xFF, 0x80, 0x7F, 0xF0, 0x0F};
    struct random random = random_seeded(14);

    for (int format = FORMAT_Q8_0; format < FORMAT_COUNT; format++) {
        const struct format_info *info = format_info((enum format)format);
        for (size_t i = 0; i <= sizeof bytes; i++) {
            struct operands o;
            float out[MOST_TOKENS * MOST_ROWS];
            make_operands(&o, (enum format)format, EXTREME_COLUMNS, &random);
            if (i < sizeof bytes)
                memset(o.weights.rows, bytes[i], MOST_ROWS * o.row_bytes);
            for (size_t at = 0; at < MOST_ROWS * o.row_bytes; at += info->block_bytes)
                scales_put((enum format)format, o.weights.rows + at, 0x2C00, 0x2C00); /* 1 / 16 */
            make_extreme_activations(&o);
            struct product p = product_of(&o, MOST_ROWS, MOST_TOKENS, out);
            products->of[format](&p);
            check_against_law(&o, out, products);
            release_operands(&o);
        }
    }
}

static void test_extreme_blocks_do_not_overflow(void **state)
{
    (void)state;
    each_level(check_extremes);
}

/* A row of zeros, and values that quantize to a scale of zero, give zero and not NaN. */
static void check_zero(const struct products *products)
{
    struct random random = random_seeded(15);
    for (int format = FORMAT_Q8_0; format < FORMAT_COUNT; format++) {
        struct operands o;
        float out[MOST_TOKENS * MOST_ROWS], x[512] = {0};
        make_operands(&o, (enum format)format, 512, &random);
        for (size_t token = 0; token < MOST_TOKENS; token++)
            activation_encode(x, o.activations + token * o.activation_bytes, 512);
        struct product p = product_of(&o, MOST_ROWS, MOST_TOKENS, out);
        products->of[format](&p);
        for (size_t i = 0; i < MOST_TOKENS * MOST_ROWS; i++)
            assert_true(out[i] == 0.0f);
        release_operands(&o);
    }
}

static void test_zero_activations_give_zero(void **state)
{
    (void)state;
    each_level(check_zero);
}

/* Only out[token][row] is written. */
static void check_stride(const struct products *products)
{
    struct random random = random_seeded(16);
    for (int format = 0; format < FORMAT_COUNT; format++) {
        struct operands o;
        float out[MOST_TOKENS * MOST_ROWS];
        if (!products_have(products, (enum format)format, 256))
            continue;
        for (size_t i = 0; i < MOST_TOKENS * MOST_ROWS; i++)
            out[i] = 1234.5f;
        make_operands(&o, (enum format)format, 256, &random);
        struct product p = product_of(&o, 5, 3, out);
        products->of[format](&p);
        for (size_t i = 0; i < MOST_TOKENS * MOST_ROWS; i++)
            if ((i % MOST_ROWS >= 5 || i / MOST_ROWS >= 3) && out[i] != 1234.5f)
                fail_msg("%s %s wrote beside its rows", products->name,
                         format_info((enum format)format)->name);
        release_operands(&o);
    }
}

static void test_writes_only_its_outputs(void **state)
{
    (void)state;
    each_level(check_stride);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_products_follow_the_law),
        cmocka_unit_test(test_float_rows_of_any_length),
        cmocka_unit_test(test_some_formats_have_one_order_of_sums),
        cmocka_unit_test(test_bits_do_not_depend_on_company),
        cmocka_unit_test(test_extreme_blocks_do_not_overflow),
        cmocka_unit_test(test_zero_activations_give_zero),
        cmocka_unit_test(test_writes_only_its_outputs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
