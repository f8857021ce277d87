/* SPDX-License-Identifier: Apache-2.0 */
/* test_attend.c - attention's loops on every level, over floats and over int16: against double, a lane's bits
 * whatever stands beside it, and the integers against generic's. */
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
#define POSITIONS ATTEND_POSITIONS
#define MOST      200 /* columns */
#define ROW       208 /* MOST and ATTEND_PARTS, in whole lines */

/* One attention of QUERIES queries over POSITIONS positions, in words and as double. */
struct attention {
    const struct kernels *table;
    const struct attend_kernels *kernels;
    size_t n_columns; /* of keys */
    size_t n_values;
    float queries[QUERIES][MOST], positions[POSITIONS][MOST];
    float *panels; /* [BUNDLES][LANES * ROW] */
    float *keys;   /* [POSITIONS][ROW] */
    float *values; /* [POSITIONS][ROW] */
    float *scores; /* [BUNDLES][POSITIONS][LANES], and weights */
    float shrink[BUNDLES][LANES], scale[BUNDLES][LANES];
    struct attend_running running[BUNDLES];
    float out[BUNDLES * MOST * LANES], unpacked[QUERIES][MOST];
};

static struct attend_size size_of(const struct attention *a)
{
    return (struct attend_size){a->n_values, a->n_columns - a->n_values};
}

/* Positions first .. first + n - 1 as keys and values. */
static void pack(struct attention *a, size_t first, size_t n)
{
    const struct attend_kernels *kernels = a->kernels;
    for (size_t p = 0; kernels->word_numbers == 1 && p < n; p++) {
        memcpy(a->values + p * ROW, a->positions[first + p], sizeof a->positions[0]);
        memcpy(a->keys + p * ROW, a->positions[first + p], sizeof a->positions[0]);
    }
    if (kernels->word_numbers == 1)
        return;
    kernels->pack_keys(a->positions[first], MOST, n, size_of(a), a->keys, ROW);
    kernels->pack_values(&(struct attend_values){.rows = a->keys,
                                                 .row_words = ROW,
                                                 .n_positions = n,
                                                 .n_columns = a->n_values,
                                                 .words = a->values,
                                                 .value_words = ROW});
}

static void score(struct attention *a, size_t n, size_t n_bundles)
{
    a->kernels->product(&(struct attend_product){.panels = a->panels,
                                                 .n_bundles = n_bundles,
                                                 .rows = a->keys,
                                                 .n_rows = n,
                                                 .size = size_of(a),
                                                 .row_words = ROW,
                                                 .out = a->scores,
                                                 .out_bundle = POSITIONS * LANES,
                                                 .out_row = LANES});
}

static void attend_block(struct attention *a, size_t first, size_t n, size_t n_bundles,
                         const uint32_t *n_seen)
{
    const struct attend_kernels *kernels = a->kernels;
    pack(a, first, n);
    score(a, n, n_bundles);
    for (size_t b = 0; b < n_bundles; b++)
        kernels->weigh(&(struct attend_weigh){.scores = a->scores + b * POSITIONS * LANES,
                                              .n_positions = n,
                                              .n_seen = n_seen == NULL ? NULL : n_seen + b * LANES,
                                              .value_scales = a->keys + attend_scales_at(size_of(a)),
                                              .scale_stride = ROW,
                                              .running = &a->running[b],
                                              .weights = a->scores + b * POSITIONS * LANES,
                                              .shrink = a->shrink[b],
                                              .scale = a->scale[b]});
    kernels->sum(&(struct attend_sum){.weights = a->scores,
                                      .weights_bundle = POSITIONS * LANES,
                                      .shrink = a->shrink[0],
                                      .scale = a->scale[0],
                                      .n_bundles = n_bundles,
                                      .values = a->values,
                                      .n_words = attend_words(kernels, n),
                                      .value_words = ROW,
                                      .n_columns = a->n_values,
                                      .out = a->out});
}

static void start(struct attention *a, size_t first_query, size_t n_queries)
{
    const size_t panel = LANES * attend_row_words(a->kernels, size_of(a));
    memset(a->panels, 0xFF,
           BUNDLES * LANES * ROW * sizeof(float)); /* no number, wherever nothing is written */
    for (size_t q = 0; q < n_queries; q += LANES)
        a->kernels->pack_queries(a->queries[first_query + q], MOST, min_size(LANES, n_queries - q),
                                 size_of(a), a->panels + q / LANES * panel);
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
    /* int16: a query of length 2 and a key of length 14 give scores that are off by 2e-4, sometimes by six
     * times that. */
    const double tolerance = a->kernels->word_numbers == 1 ? 3e-6 : 1.5e-3;
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

static void take_rows(struct attention *a)
{
    a->panels = malloc(BUNDLES * LANES * ROW * sizeof(float));
    a->keys = malloc(POSITIONS * ROW * sizeof(float));
    a->values = malloc(POSITIONS * ROW * sizeof(float));
    a->scores = malloc(BUNDLES * POSITIONS * LANES * sizeof(float));
    assert_true(a->panels != NULL && a->keys != NULL && a->values != NULL && a->scores != NULL);
}

static void drop_rows(const struct attention *a)
{
    free(a->panels);
    free(a->keys);
    free(a->values);
    free(a->scores);
}

/* The functions of a kind for vectors of this size; of whole chunks they may be those of any. */
static const struct attend_kernels *kernels_of(const struct kernels *table, int kind, struct attend_size size)
{
    bool chunks = (size.plain | size.rotary) % ATTEND_CHUNK == 0;
    return kind == 0 ? &table->attend_float : kernels_attend_int16(table, kind == 2 && chunks);
}

static void each_kind(const struct kernels *table, void (*check)(struct attention *))
{
    static struct attention a;
    static const struct attend_size sizes[] = {{2, 1},   {6, 2},    {12, 5},
                                               {22, 11}, {48, 24},  {64, 32},
                                               {88, 43}, {134, 66}, /* whole chunks: */ {128, 64},
                                               {64, 0},  {64, 128}, {192, 0}};
    struct random random = random_seeded(41);
    take_rows(&a);
    for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++)
        for (int kind = 0; kind < 3; kind++) {
            a.table = table;
            a.kernels = kernels_of(table, kind, sizes[s]);
            if (kind == 2 && a.kernels == &table->attend_int16)
                continue;
            a.n_columns = sizes[s].plain + sizes[s].rotary;
            a.n_values = sizes[s].plain;
            for (size_t i = 0; i < MOST; i++) {
                for (size_t q = 0; q < QUERIES; q++)
                    a.queries[q][i] = (float)(2.0 * random_normal(&random) / sqrt((double)a.n_columns));
                for (size_t p = 0; p < POSITIONS; p++)
                    a.positions[p][i] = (float)random_normal(&random);
            }
            check(&a);
        }
    drop_rows(&a);
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

/* Scores to the bit as generic has them, and what is packed, where it lies alike. */
static void check_integers(struct attention *a)
{
    static float keys[POSITIONS * ROW], values[POSITIONS * ROW], scores[BUNDLES * POSITIONS * LANES];
    static const size_t lengths[] = {1, 2, 16, 21, 63, 64, 65, 127, POSITIONS};
    const struct attend_kernels *kernels = a->kernels;
    struct kernels generic;
    if (kernels->word_numbers == 1)
        return;
    assert_true(kernels_fill(&generic, ISA_GENERIC, NULL));
    memset(a->positions[3], 0, sizeof a->positions[3]);
    a->positions[4][0] = a->positions[5][a->n_columns - 1] = 1e4f;
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        for (size_t turn = 0; turn < 2; turn++) {
            a->kernels = turn == 0 ? &generic.attend_int16 : kernels;
            memset(a->keys, 0xAA, sizeof keys);
            memset(a->values, 0xAA, sizeof values);
            memset(a->scores, 0xAA, sizeof scores);
            start(a, 0, QUERIES - 3);
            pack(a, 0, lengths[i]);
            score(a, lengths[i], BUNDLES);
            if (turn == 0) {
                memcpy(keys, a->keys, sizeof keys);
                memcpy(values, a->values, sizeof values);
                memcpy(scores, a->scores, sizeof scores);
            } else if (kernels == &a->table->attend_int16) {
                assert_memory_equal(a->keys, keys, sizeof keys);
                assert_memory_equal(a->values, values, sizeof values);
            }
        }
        assert_memory_equal(a->scores, scores, sizeof scores);
    }
}

/* All of it to the bit as pairs of int16 have it, of blocks of many lengths. */
static void check_chunks(struct attention *a)
{
    static float out[BUNDLES * MOST * LANES];
    static struct attend_running running[BUNDLES];
    static const size_t lengths[] = {1, 2, 3, 16, 21, 63, 64, 65, 97, 127, POSITIONS};
    const struct attend_kernels *kernels = a->kernels;
    uint32_t n_seen[QUERIES];
    if (kernels != &a->table->attend_chunks)
        return;
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        for (size_t q = 0; q < QUERIES; q++)
            n_seen[q] = (uint32_t)(q % lengths[i] + 1);
        for (size_t turn = 0; turn < 2; turn++) {
            const size_t n_bundles = 1 + i % BUNDLES;
            a->kernels = turn == 0 ? &a->table->attend_int16 : kernels;
            start(a, 0, QUERIES - 3);
            attend_block(a, 0, lengths[i], n_bundles, NULL);
            attend_block(a, POSITIONS - lengths[i], lengths[i], n_bundles, n_seen);
            if (turn == 0) {
                memcpy(out, a->out, sizeof out);
                memcpy(running, a->running, sizeof running);
            }
        }
        assert_memory_equal(a->out, out, sizeof out);
        assert_memory_equal(a->running, running, sizeof running);
    }
}

/* As far as integers go: all of every value in one column, weights all alike, one alone, or ever smaller. */
static void check_extremes(struct attention *a)
{
    enum { KINDS = 3 };
    for (size_t p = 0; p < POSITIONS; p++) {
        memset(a->positions[p], 0, sizeof a->positions[p]);
        a->positions[p][1] = 1000.0f + (float)p;
        a->positions[p][a->n_columns - 1] = (float)p - POSITIONS;
    }
    for (size_t q = 0; q < QUERIES; q++) {
        memset(a->queries[q], 0, sizeof a->queries[q]);
        a->queries[q][a->n_columns - 1] = q % KINDS == 0 ? 0.0f : q % KINDS == 1 ? 30.0f : 0.5f;
    }
    start(a, 0, QUERIES);
    attend_block(a, 0, POSITIONS, BUNDLES, NULL);
    unpack(a, QUERIES);
    for (size_t q = 0; q < QUERIES; q++) {
        double expected[MOST], sum;
        expect(a, q, POSITIONS, expected, &sum);
        double got = (double)a->unpacked[q][1] / a->running[q / LANES].sum[q % LANES];
        if (!(fabs(got - expected[1] / sum) <= 2e-4 * 1000))
            fail_msg("%s, words of %zu, query %zu: %g, not %g", isa_name(a->table->isa),
                     a->kernels->word_numbers, q, got, expected[1] / sum);
    }
}

/* What is not a number does not become one. */
static void check_not_numbers(struct attention *a)
{
    a->positions[2][0] = NAN;
    a->positions[6][1] = INFINITY;
    a->queries[1][0] = NAN;
    start(a, 0, 2);
    attend_block(a, 0, 2, 1, NULL);
    unpack(a, 2);
    assert_false(isnan(a->unpacked[0][0]));
    assert_true(isnan(a->unpacked[1][0]));
    attend_block(a, 2, 1, 1, NULL);
    unpack(a, 2);
    assert_true(isnan(a->unpacked[0][0]));
    start(a, 0, 1);
    attend_block(a, 6, 1, 1, NULL);
    unpack(a, 1);
    assert_true(a->kernels->word_numbers == 1 || isnan(a->unpacked[0][1]));
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

static void integers_are_those_of_generic(void **state)
{
    (void)state;
    each_level(check_integers);
}

static void chunks_have_the_bits_of_pairs(void **state)
{
    (void)state;
    each_level(check_chunks);
}

static void extremes_do_not_overflow(void **state)
{
    (void)state;
    each_level(check_extremes);
}

static void what_is_no_number_stays_none(void **state)
{
    (void)state;
    each_level(check_not_numbers);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_are_those_of_double),    cmocka_unit_test(company_changes_no_bit),
        cmocka_unit_test(integers_are_those_of_generic), cmocka_unit_test(chunks_have_the_bits_of_pairs),
        cmocka_unit_test(extremes_do_not_overflow),      cmocka_unit_test(what_is_no_number_stays_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
