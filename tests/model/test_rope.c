/* SPDX-License-Identifier: Apache-2.0 */
/* Rotary frequencies and the score scale against the formulas of YaRN (Peng et al. 2023) in double, with
 * DeepSeek's ramp over whole dimensions. */
#include <math.h>

#include "check.h"
#include "model/rope.h"

#define MAX_PAIRS 512
#define MAX_CASES 9

static const struct geometry deepseek_r1 = {.head_plain = 128,
                                            .head_rotary = 64,
                                            .rope_theta = 10000.0f,
                                            .yarn = true,
                                            .yarn_factor = 40.0f,
                                            .yarn_beta_fast = 32.0f,
                                            .yarn_beta_slow = 1.0f,
                                            .yarn_log_multiplier = 0.1f,
                                            .yarn_original_context = 4096};

static void assert_close(double got, double want, const char *what, uint32_t i)
{
    if (!(fabs(got - want) <= 1e-6 * fabs(want)))
        fail_msg("%s %u: %.9g, expected %.9g", what, i, got, want);
}

/* theta^(-2i/d) radians a position. */
static double plain_frequency(const struct geometry *g, uint32_t pair)
{
    return exp(-log((double)g->rope_theta) * (2.0 * pair) / (double)g->head_rotary);
}

/* The pair i (a real number) with frequency * context = 2 pi turns: i = d/2 log_theta(context/(2 pi turns)).
 */
static double pair_that_turns(const struct geometry *g, double turns)
{
    double radians = (double)g->yarn_original_context / (2.0 * acos(-1.0) * turns);
    return 0.5 * g->head_rotary * (log(radians) / log((double)g->rope_theta));
}

static void without_yarn_frequencies_are_plain(void **state)
{
    (void)state;
    struct geometry g = deepseek_r1;
    float got[MAX_PAIRS];
    g.yarn = false; /* the other fields mean nothing then */
    for (uint32_t rotary = 2; rotary <= 128; rotary *= 2) {
        g.head_rotary = rotary;
        rope_frequencies(&g, got);
        for (uint32_t i = 0; i < rotary / 2; i++)
            assert_close(got[i], plain_frequency(&g, i), "frequency", i);
    }
    g.head_rotary = 64;
    assert_close(rope_score_scale(&g), 1.0 / sqrt(192.0), "scale", 0);
}

static void yarn_by_a_factor_of_one_changes_nothing(void **state)
{
    (void)state;
    struct geometry g = deepseek_r1;
    float got[MAX_PAIRS];
    g.yarn_factor = 1.0f;
    rope_frequencies(&g, got);
    for (uint32_t i = 0; i < 32; i++)
        assert_close(got[i], plain_frequency(&g, i), "frequency", i);
    assert_close(rope_score_scale(&g), 1.0 / sqrt(192.0), "scale", 0);
}

static void yarn_blends_between_its_bounds(void **state)
{
    (void)state;
    static const struct {
        uint32_t rotary, context;
        float theta, factor, fast, slow;
    } cases[MAX_CASES] = {{64, 4096, 10000, 40, 32, 1}, {64, 64, 10000, 40, 32, 1},
                          {64, 4096, 50000, 32, 32, 1}, {64, 4096, 50000, 32, 1, 1}, /* Kimi-K2 */
                          {32, 4096, 10000, 40, 16, 2}, {128, 32768, 1e6f, 4, 32, 1},
                          {8, 300, 10000, 1000, 32, 1}, {64, 163840, 10000, 2.5f, 32, 1},
                          {2, 4096, 10000, 40, 32, 1}};
    for (size_t c = 0; c < MAX_CASES; c++) {
        struct geometry g = deepseek_r1;
        float got[MAX_PAIRS];
        g.head_rotary = cases[c].rotary;
        g.yarn_original_context = cases[c].context;
        g.rope_theta = cases[c].theta;
        g.yarn_factor = cases[c].factor;
        g.yarn_beta_fast = cases[c].fast;
        g.yarn_beta_slow = cases[c].slow;
        rope_frequencies(&g, got);

        /* whole dimensions, widened outwards; clipped to 0 and to the number of values */
        double low = fmax(floor(pair_that_turns(&g, (double)cases[c].fast)), 0);
        double high = fmin(ceil(pair_that_turns(&g, (double)cases[c].slow)), (double)g.head_rotary - 1);
        for (uint32_t i = 0; i < g.head_rotary / 2; i++) {
            double slow = plain_frequency(&g, i) / (double)g.yarn_factor, want;
            if ((double)i <= low)
                want = plain_frequency(&g, i);
            else if ((double)i >= high)
                want = slow;
            else
                want = plain_frequency(&g, i) + (slow - plain_frequency(&g, i)) * (i - low) / (high - low);
            assert_close(got[i], want, "frequency", i);
        }
    }
}

/* R1's own bounds, computed by hand: 32 ln(4096 / (64 pi)) / ln 10000 = 10.47 and 32 ln(4096 / (2 pi)) / ln
 * 10000 = 22.51, so pairs to 10 are left alone and pairs from 23 are slowed 40 times. */
static void r1_keeps_eleven_pairs_and_slows_nine(void **state)
{
    (void)state;
    float got[MAX_PAIRS];
    rope_frequencies(&deepseek_r1, got);
    assert_true(got[0] == 1.0f);
    for (uint32_t i = 0; i < 32; i++) {
        double ratio = plain_frequency(&deepseek_r1, i) / (double)got[i];
        if (i <= 10)
            assert_close(ratio, 1.0, "pair", i);
        else if (i >= 23)
            assert_close(ratio, 40.0, "pair", i);
        else
            assert_true(ratio > 1.001 && ratio < 39.999);
    }
    assert_close((double)got[16], pow(10000.0, -0.5) * (1.0 - 6.0 / 13.0 * (1.0 - 1.0 / 40.0)), "pair", 16);
}

/* m = 0.1 ln 40 + 1 = 1.36888795, squared, over the root of 192. */
static void the_score_scale_grows_with_the_factor(void **state)
{
    (void)state;
    struct geometry g = deepseek_r1;
    assert_close(rope_score_scale(&g), 1.36888794541 * 1.36888794541 / 13.8564064606, "scale", 1);
    g.yarn_log_multiplier = 0.0707f;
    double m = 0.0707f * log(40.0) + 1.0;
    assert_close(rope_score_scale(&g), m * m / sqrt(192.0), "scale", 2);
    g.yarn_log_multiplier = 0.0f; /* no key */
    assert_close(rope_score_scale(&g), 1.0 / sqrt(192.0), "scale", 3);
    g.head_plain = 96;
    g.head_rotary = 32;
    assert_close(rope_score_scale(&g), 1.0 / sqrt(128.0), "scale", 4);
}

/* What config.c lets pass gives numbers, whatever else it gives. */
static void odd_models_give_numbers(void **state)
{
    (void)state;
    static const uint32_t contexts[] = {1, 6, 7, 200, 202, 1u << 24};
    static const float thetas[] = {1.0f, 1.5f, 1e12f}, factors[] = {1.0f, 1e6f};
    for (size_t c = 0; c < sizeof contexts / sizeof *contexts; c++)
        for (size_t t = 0; t < sizeof thetas / sizeof *thetas; t++)
            for (size_t f = 0; f < sizeof factors / sizeof *factors; f++) {
                struct geometry g = deepseek_r1;
                float got[MAX_PAIRS];
                g.yarn_original_context = contexts[c];
                g.rope_theta = thetas[t];
                g.yarn_factor = factors[f];
                rope_frequencies(&g, got);
                for (uint32_t i = 0; i < 32; i++)
                    if (!(isfinite(got[i]) && got[i] > 0 && got[i] <= 1))
                        fail_msg("context %u, theta %g, factor %g: frequency %u is %g", contexts[c],
                                 (double)thetas[t], (double)factors[f], i, (double)got[i]);
                assert_true(isfinite(rope_score_scale(&g)));
            }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_yarn_frequencies_are_plain),
        cmocka_unit_test(yarn_by_a_factor_of_one_changes_nothing),
        cmocka_unit_test(yarn_blends_between_its_bounds),
        cmocka_unit_test(r1_keeps_eleven_pairs_and_slows_nine),
        cmocka_unit_test(the_score_scale_grows_with_the_factor),
        cmocka_unit_test(odd_models_give_numbers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
