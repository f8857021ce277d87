/* SPDX-License-Identifier: Apache-2.0 */
/* test_vector.c - the vector entries of the table on every level: against double, and bit for bit where
 * promised. */
#include <float.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include "base/random.h"
#include "kernel/kernel.h"
#include "kernel/random_blocks.h"
#include "quant/decode.h"
#include "quant/half.h"

#include <cmocka.h> /* last: its fail() is a macro */

#include <string.h>

#define MOST 1536

static void each_level(void (*check)(const struct kernels *kernels))
{
    for (int isa = 0; isa < ISA_COUNT; isa++) {
        struct kernels kernels;
        if (!isa_available((enum isa)isa))
            continue;
        assert_true(kernels_fill(&kernels, (enum isa)isa, NULL));
        check(&kernels);
    }
}

static void random_floats(struct random *random, float *x, size_t n)
{
    for (size_t i = 0; i < n; i++)
        x[i] = (float)random_normal(random);
}

/* Sizes around every vector width, and the model's. */
static const size_t sizes[] = {1, 2, 3, 7, 8, 9, 15, 16, 17, 31, 32, 33, 63, 64, 65, 72, 576, 1000, MOST};
#define N_SIZES (sizeof sizes / sizeof *sizes)

static void check_close(const struct kernels *kernels, const char *what, double value, double expected,
                        double tolerance)
{
    if (!(fabs(value - expected) <= tolerance))
        fail_msg("%s %s: %.9g, expected %.9g", isa_name(kernels->isa), what, value, expected);
}

static void check_rms_norm(const struct kernels *kernels)
{
    static float x[MOST], gain[MOST], out[MOST + 1];
    struct random random = random_seeded(31);

    for (size_t s = 0; s < N_SIZES; s++) {
        size_t n = sizes[s];
        double squares = 0.0;
        random_floats(&random, x, n);
        random_floats(&random, gain, n);
        out[n] = 7.0f;
        for (size_t i = 0; i < n; i++)
            squares += (double)x[i] * x[i];
        double scale = 1.0 / sqrt(squares / (double)n + 1e-6);
        kernels->rms_norm(x, gain, 1e-6f, out, n);
        for (size_t i = 0; i < n; i++)
            check_close(kernels, "rms_norm", out[i], x[i] * scale * gain[i],
                        4e-7 * fabs(x[i] * scale * gain[i]));
        assert_true(out[n] == 7.0f);
        kernels->rms_norm(x, gain, 1e-6f, x, n);
        assert_memory_equal(x, out, n * sizeof *x);
    }
}

static void check_silu_multiply(const struct kernels *kernels)
{
    static float gate[MOST], up[MOST], out[MOST + 1];
    static const float edges[] = {0.0f,   -0.0f,   1e-30f, -1e-30f, 88.0f, -88.0f, -87.3f, -104.0f,
                                  200.0f, -200.0f, 1e30f,  -1e30f,  1e37f, -1e37f, 0.5f,   -0.5f};
    struct random random = random_seeded(32);

    for (size_t s = 0; s < N_SIZES; s++) {
        size_t n = sizes[s];
        random_floats(&random, gate, n);
        random_floats(&random, up, n);
        for (size_t i = 0; i < n; i++)
            gate[i] = i < 16 && n > 16 ? edges[i] : gate[i] * 12.0f;
        out[n] = 7.0f;
        kernels->silu_multiply(gate, up, out, n);
        for (size_t i = 0; i < n; i++) {
            double expected = gate[i] / (1.0 + exp(-(double)gate[i])) * up[i];
            check_close(kernels, "silu_multiply", out[i], expected, 6e-7 * fabs(expected) + 1e-36);
        }
        assert_true(out[n] == 7.0f);
        kernels->silu_multiply(gate, up, gate, n);
        assert_memory_equal(gate, out, n * sizeof *out);
    }
}

static void check_sums(const struct kernels *kernels)
{
    static float x[MOST], y[MOST + 1], before[MOST];
    struct random random = random_seeded(33);
    random_floats(&random, x, MOST);

    for (size_t s = 0; s < N_SIZES; s++) {
        size_t n = sizes[s];
        random_floats(&random, before, n);
        memcpy(y, before, n * sizeof *y);
        y[n] = 7.0f;
        kernels->add_scaled(-0.37f, x, y, n);
        for (size_t i = 0; i < n; i++)
            check_close(kernels, "add_scaled", y[i], before[i] - (double)0.37f * x[i],
                        2e-7 * (fabs(before[i]) + fabs(x[i])));
        memcpy(y, before, n * sizeof *y);
        kernels->scale_add(0.61f, y, -0.37f, x, n);
        for (size_t i = 0; i < n; i++)
            check_close(kernels, "scale_add", y[i], (double)0.61f * before[i] - (double)0.37f * x[i],
                        2e-7 * (fabs(before[i]) + fabs(x[i])));
        assert_true(y[n] == 7.0f);
    }
}

/* Units in the last place between e^x and what came, where e^x is a normal number. */
static double error_of_exponential(float x, float got)
{
    double expected = exp((double)x);
    return fabs((double)got - expected) / (double)(nextafterf((float)expected, INFINITY) - (float)expected);
}

static void check_exponential(const struct kernels *kernels)
{
    enum { N = 1 << 16 };
    static float x[N], out[N + 1];
    double worst = 0.0;
    for (int part = 0; part < 32; part++) { /* two million points from -87.3 to 88.7, and none twice */
        for (size_t i = 0; i < N; i++)
            x[i] = (float)(-87.3 + 176.0 * ((double)i + part / 32.0) / N);
        kernels->exponential(x, out, N);
        for (size_t i = 0; i < N; i++) {
            double error = error_of_exponential(x[i], out[i]);
            if (!(error <= worst)) /* so that what is no number stays */
                worst = error;
        }
    }
    if (!(worst <= (kernels->isa == ISA_GENERIC ? 2.0 : 1.0)))
        fail_msg("%s: e^x is off by %.3f units", isa_name(kernels->isa), worst);

    static const float edges[] = {0.0f, -0.0f, -104.0f, -1e4f, -FLT_MAX, -INFINITY, 89.0f, INFINITY, -103.0f};
    static const float expected[] = {1.0f, 1.0f, 0.0f, 0.0f, 0.0f, 0.0f, INFINITY, INFINITY, 0x1p-149f};
    enum { N_EDGES = sizeof edges / sizeof *edges };
    kernels->exponential(edges, out, N_EDGES);
    assert_memory_equal(out, expected, sizeof edges);
    kernels->exponential(&(float){NAN}, out, 1);
    assert_true(isnan(out[0]));

    /* Bits depend on x alone, wherever it stands. */
    struct random random = random_seeded(34);
    random_floats(&random, x, MOST);
    for (size_t s = 0; s < N_SIZES; s++) {
        float alone[1];
        out[sizes[s]] = 7.0f;
        kernels->exponential(x, out, sizes[s]);
        assert_true(out[sizes[s]] == 7.0f);
        for (size_t i = 0; i < sizes[s]; i++) {
            kernels->exponential(x + i, alone, 1);
            assert_int_equal(float_to_bits(alone[0]), float_to_bits(out[i]));
        }
    }
}

static void check_f16(const struct kernels *kernels)
{
    enum { N = 65536 };
    static uint16_t halves[N], back[N + 1];
    static float floats[N + 1];

    for (size_t i = 0; i < N; i++)
        halves[i] = (uint16_t)i;
    kernels->f16_to_float(halves, floats, N);
    for (size_t i = 0; i < N; i++)
        assert_int_equal(float_to_bits(floats[i]), float_to_bits(float_from_f16((uint16_t)i)));

    struct random random = random_seeded(35);
    for (size_t i = 0; i < N; i++)
        floats[i] = float_from_bits((uint32_t)random_u64(&random));
    kernels->float_to_f16(floats, back, N);
    for (size_t i = 0; i < N; i++)
        assert_int_equal(back[i], float_to_f16(floats[i]));

    for (size_t n = 0; n < 40; n++) { /* every tail, and nothing behind it */
        float widened[41];
        uint16_t rounded[41];
        const uint16_t *from = halves + N / 4;
        widened[n] = 7.0f, rounded[n] = 7;
        kernels->f16_to_float(from, widened, n);
        kernels->float_to_f16(floats, rounded, n);
        for (size_t i = 0; i < n; i++) {
            assert_int_equal(float_to_bits(widened[i]), float_to_bits(float_from_f16(from[i])));
            assert_int_equal(rounded[i], float_to_f16(floats[i]));
        }
        assert_true(widened[n] == 7.0f && rounded[n] == 7);
    }
}

/* Blocks to the bits that the law gives. */
static void check_blocks(const struct kernels *kernels)
{
    enum { N = 96 };
    static uint8_t blocks[N * 2];
    float out[N + 1], expected[N];
    struct random random = random_seeded(37);
    for (int round = 0; round < 200; round++) {
        random_blocks(&random, FORMAT_Q8_0, blocks, N);
        decode_row(FORMAT_Q8_0, blocks, expected, N);
        out[N] = 7.0f;
        kernels->q8_0_to_float(blocks, out, N);
        assert_memory_equal(out, expected, sizeof expected);
        random_blocks(&random, FORMAT_Q4_0, blocks, N);
        decode_row(FORMAT_Q4_0, blocks, expected, N);
        kernels->q4_0_to_float(blocks, out, N);
        assert_memory_equal(out, expected, sizeof expected);
        assert_true(out[N] == 7.0f);
    }
}

/* Values that are hard to quantize: zero, tiny, huge, ties, the largest in each place. */
static void hard_values(struct random *random, float *x, size_t n)
{
    static const float scales[] = {0.0f, 1.0f, 1e-38f, 1e-42f, 1e37f, 3.0e38f, 127.0f, 0x1p-120f, 0x1p-121f};
    for (size_t i = 0; i < n; i += ACTIVATION_BLOCK) {
        float scale = scales[random_below(random, sizeof scales / sizeof *scales)];
        for (size_t j = i; j < i + ACTIVATION_BLOCK; j++)
            x[j] = scale * (((float)random_below(random, 511) - 255.0f) / 255.0f);
        if (random_below(random, 2))
            x[i + random_below(random, ACTIVATION_BLOCK)] = random_below(random, 2) ? scale : -scale;
    }
}

static void check_quantize(const struct kernels *kernels)
{
    static float x[MOST];
    static _Alignas(64) uint8_t expected[MOST * 2], row[MOST * 2];
    struct random random = random_seeded(36);

    for (size_t n = 32; n <= MOST; n += 32) {
        hard_values(&random, x, n);
        if (n % 64 == 0)
            random_floats(&random, x, n);
        if (n % 96 == 0)
            x[random_below(&random, n)] = n % 64 == 0 ? NAN : -INFINITY;
        memset(expected, 0xEE, sizeof expected);
        memset(row, 0xEE, sizeof row);
        activation_encode(x, expected, n);
        kernels->quantize(x, row, n);
        if (memcmp(row, expected, sizeof row) != 0)
            fail_msg("%s quantizes %zu columns to other bits (seed 36)", isa_name(kernels->isa), n);
    }
}

#define LEVEL_TEST(check)                  \
    static void test_##check(void **state) \
    {                                      \
        (void)state;                       \
        each_level(check);                 \
    }
LEVEL_TEST(check_rms_norm)
LEVEL_TEST(check_silu_multiply)
LEVEL_TEST(check_sums)
LEVEL_TEST(check_exponential)
LEVEL_TEST(check_f16)
LEVEL_TEST(check_blocks)
LEVEL_TEST(check_quantize)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_check_rms_norm), cmocka_unit_test(test_check_silu_multiply),
        cmocka_unit_test(test_check_sums),     cmocka_unit_test(test_check_exponential),
        cmocka_unit_test(test_check_f16),      cmocka_unit_test(test_check_quantize),
        cmocka_unit_test(test_check_blocks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
