/* SPDX-License-Identifier: Apache-2.0 */
/* test_attend.c - attention's loops on every level, over floats and over the level's own words: against
 * double, and a lane's bits whatever stands beside it. */
#include <float.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include "base/bytes.h"
#include "base/random.h"
#include "kernel/kernel.h"
#include "quant/half.h"

#include <cmocka.h> /* last: its fail() is a macro */

#include <string.h>

#define LANES     ATTEND_LANES
#define BUNDLES   3
#define QUERIES   (BUNDLES * LANES)
#define POSITIONS 21
#define MOST      200 /* columns */

/* One attention of QUERIES queries over POSITIONS positions, in words and as double. */
struct attention {
    const struct kernels *table;
    const struct attend_kernels *kernels;
    size_t n_columns; /* of keys; values are a third shorter */
    size_t n_values;
    size_t n_positions;
    float queries[QUERIES][MOST], positions[POSITIONS][MOST];
    float panels[BUNDLES * LANES * MOST], keys[POSITIONS * MOST], values[POSITIONS * MOST];
    float scores[BUNDLES][POSITIONS][LANES], shrink[BUNDLES][LANES];
    struct attend_running running[BUNDLES];
    float out[BUNDLES * MOST * LANES], unpacked[QUERIES][MOST];
};

static size_t value_words(const struct attention *a)
{
    return a->kernels->word_numbers == 1 ? MOST : a->n_values;
}

/* Positions first .. first + n - 1 as keys and values. */
static void pack(struct attention *a, size_t first, size_t n)
{
    const struct attend_kernels *kernels = a->kernels;
    if (kernels->word_numbers == 1) {
        memcpy(a->values, a->positions[first], n * sizeof a->positions[0]);
        memcpy(a->keys, a->positions[first], n * sizeof a->positions[0]);
        return;
    }
    for (size_t p = 0; p < n; p++)
        kernels->pack_key(a->positions[first + p], a->n_columns, a->keys + p * MOST);
    for (size_t p = 0; p < n; p += 2)
        kernels->pack_values(a->positions[first + p], p + 1 < n ? a->positions[first + p + 1] : NULL,
                             a->n_values, a->values + p / 2 * a->n_values);
}

static void attend_block(struct attention *a, size_t first, size_t n, size_t n_bundles,
                         const uint32_t *n_seen)
{
    const struct attend_kernels *kernels = a->kernels;
    pack(a, first, n);
    kernels->product(&(struct attend_product){.panels = a->panels,
                                              .n_bundles = n_bundles,
                                              .rows = a->keys,
                                              .n_rows = n,
                                              .n_words = attend_words(kernels, a->n_columns),
                                              .row_words = MOST,
                                              .out = a->scores[0][0],
                                              .out_bundle = POSITIONS * LANES,
                                              .out_row = LANES});
    for (size_t b = 0; b < n_bundles; b++)
        kernels->weigh(&(struct attend_weigh){.scores = a->scores[b][0],
                                              .n_positions = n,
                                              .n_seen = n_seen == NULL ? NULL : n_seen + b * LANES,
                                              .running = &a->running[b],
                                              .weights = a->scores[b][0],
                                              .shrink = a->shrink[b]});
    kernels->sum(&(struct attend_sum){.weights = a->scores[0][0],
                                      .weights_bundle = POSITIONS * LANES,
                                      .shrink = a->shrink[0],
                                      .n_bundles = n_bundles,
                                      .values = a->values,
                                      .n_words = attend_words(kernels, n),
                                      .value_words = value_words(a),
                                      .n_columns = a->n_values,
                                      .out = a->out});
}

static void start(struct attention *a, size_t first_query, size_t n_queries)
{
    const size_t panel = LANES * attend_words(a->kernels, a->n_columns);
    memset(a->panels, 0xFF, sizeof a->panels); /* not a number, wherever nothing is written */
    for (size_t q = 0; q < n_queries; q += LANES)
        a->kernels->pack_queries(a->queries[first_query + q], MOST, min_size(LANES, n_queries - q),
                                 a->n_columns, a->panels + q / LANES * panel);
    for (size_t b = 0; b < BUNDLES; b++)
        for (size_t lane = 0; lane < LANES; lane++) {
            a->running[b].highest[lane] = -FLT_MAX;
            a->running[b].sum[lane] = 0.0f;
        }
    memset(a->out, 0, sizeof a->out);
}

static void unpack(struct attention *a, size_t n_queries)
{
    for (size_t q = 0; q < n_queries; q += LANES)
        a->table->attend_unpack(a->out + q * a->n_values, a->n_values, min_size(LANES, n_queries - q),
                                a->unpacked[q], MOST);
}

/* What query q gets of its first n positions, in double. */
static void expect(const struct attention *a, size_t q, size_t n, double *out, double *sum)
{
    double scores[POSITIONS], highest = -INFINITY;
    for (size_t p = 0; p < n; p++) {
        scores[p] = 0.0;
        for (size_t i = 0; i < a->n_columns; i++)
            scores[p] += (double)a->queries[q][i] * a->positions[p][i];
        highest = fmax(highest, scores[p]);
    }
    *sum = 0.0;
    for (size_t i = 0; i < a->n_values; i++)
        out[i] = 0.0;
    for (size_t p = 0; p < n; p++) {
        double weight = exp(scores[p] - highest);
        *sum += weight;
        for (size_t i = 0; i < a->n_values; i++)
            out[i] += weight * a->positions[p][i];
    }
}

static void check_query(const struct attention *a, size_t q, size_t n_seen)
{
    /* bfloat16 rounds by 2^-9 at most, and scores are of size 2 here. */
    const double tolerance = a->kernels->word_numbers == 1 ? 3e-6 : 2e-2;
    double expected[MOST], sum;
    expect(a, q, n_seen, expected, &sum);
    for (size_t i = 0; i < a->n_values; i++) {
        double got = (double)a->unpacked[q][i] / a->running[q / LANES].sum[q % LANES];
        if (!(fabs(got - expected[i] / sum) <= tolerance))
            fail_msg("%s, words of %zu, %zu columns, query %zu of %zu positions: value %zu is %g, not %g",
                     isa_name(a->table->isa), a->kernels->word_numbers, a->n_columns, q, n_seen, i, got,
                     expected[i] / sum);
    }
}

/* Blocks of several lengths, the last seen in part: lane by lane another number of positions. */
static void check_values(struct attention *a)
{
    uint32_t n_seen[QUERIES];
    start(a, 0, QUERIES - 3);
    attend_block(a, 0, 8, BUNDLES, NULL);
    attend_block(a, 8, 6, BUNDLES, NULL);
    for (size_t q = 0; q < QUERIES; q++)
        n_seen[q] = (uint32_t)(q % 8);
    attend_block(a, 14, 7, BUNDLES, n_seen);
    unpack(a, QUERIES - 3);
    for (size_t q = 0; q < QUERIES - 3; q++)
        check_query(a, q, 14 + n_seen[q]);
}

/* Alone in the only bundle, up to its own end, a query gets the bits that it gets among others. */
static void check_company(struct attention *a)
{
    static float together[QUERIES][MOST];
    float sums[QUERIES];
    uint32_t n_seen[QUERIES];
    for (size_t q = 0; q < QUERIES; q++)
        n_seen[q] = (uint32_t)(q % 13 + 1);
    start(a, 0, QUERIES);
    attend_block(a, 0, 8, BUNDLES, NULL);
    attend_block(a, 8, 13, BUNDLES, n_seen);
    unpack(a, QUERIES);
    memcpy(together, a->unpacked, sizeof together);
    for (size_t q = 0; q < QUERIES; q++)
        sums[q] = a->running[q / LANES].sum[q % LANES];
    for (size_t q = 0; q < QUERIES; q++) {
        start(a, q, 1);
        attend_block(a, 0, 8, 1, NULL);
        attend_block(a, 8, n_seen[q], 1, NULL);
        unpack(a, 1);
        assert_memory_equal(a->unpacked[0], together[q], a->n_values * sizeof(float));
        assert_int_equal(float_to_bits(a->running[0].sum[0]), float_to_bits(sums[q]));
    }
}

static void each_kind(const struct kernels *table, void (*check)(struct attention *))
{
    static struct attention a;
    static const size_t columns[] = {3, 8, 17, 33, 72, 96, 131, MOST};
    struct random random = random_seeded(41);
    for (size_t c = 0; c < sizeof columns / sizeof *columns; c++)
        for (int fast = 0; fast < 2; fast++) {
            a.table = table;
            a.kernels = fast ? &table->attend : &table->attend_float;
            a.n_columns = columns[c];
            a.n_values = columns[c] - columns[c] / 3;
            for (size_t i = 0; i < MOST; i++) {
                for (size_t q = 0; q < QUERIES; q++)
                    a.queries[q][i] = (float)(2.0 * random_normal(&random) / sqrt((double)a.n_columns));
                for (size_t p = 0; p < POSITIONS; p++)
                    a.positions[p][i] = (float)random_normal(&random);
            }
            check(&a);
        }
}

static void each_level(void (*check)(struct attention *))
{
    for (int isa = 0; isa < ISA_COUNT; isa++) {
        struct kernels kernels;
        if (!isa_available((enum isa)isa))
            continue;
        assert_true(kernels_fill(&kernels, (enum isa)isa, NULL));
        each_kind(&kernels, check);
    }
}

static void values_are_those_of_double(void **state)
{
    (void)state;
    each_level(check_values);
}

static void company_changes_no_bit(void **state)
{
    (void)state;
    each_level(check_company);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_are_those_of_double),
        cmocka_unit_test(company_changes_no_bit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
