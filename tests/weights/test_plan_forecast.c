/* SPDX-License-Identifier: Apache-2.0 */
/* test_plan_forecast.c - speeds of DeepSeek-R1 on invented machines, held against arithmetic on its published
 * sizes, and what is named as the limit. */
#include <math.h>

#include "weights/plan_forecast.h"
#include "weights/planned.h"

static struct planned r1;

static int open_r1(void **state)
{
    (void)state;
    planned_open_r1(&r1);
    return 0;
}

static int close_r1(void **state)
{
    (void)state;
    planned_close(&r1);
    return 0;
}

static struct plan make_with_chunk(const struct plan_machine *machine, uint32_t chunk_tokens)
{
    struct plan plan;
    struct error err;
    const struct plan_request request = {.catalog = &r1.catalog,
                                         .file = &r1.file,
                                         .machine = machine,
                                         .cache = CACHE_F16,
                                         .chunk_tokens = chunk_tokens};
    if (!plan_make(&plan, &request, &err))
        fail_msg("%s", err.text);
    return plan;
}

static struct plan_forecast forecast(const struct plan_machine *machine)
{
    struct plan plan = make_with_chunk(machine, 512);
    struct plan_forecast result = plan.forecast;
    plan_release(&plan);
    return result;
}

static void assert_near(double x, double expected, double tolerance)
{
    if (!(fabs(x - expected) <= tolerance * fabs(expected)))
        fail_msg("%g, expected %g", x, expected);
}

static void set_rates(struct plan_machine *machine, double one, double few, double many)
{
    machine->rates.n_products = FORMAT_COUNT;
    for (enum format format = 0; format < FORMAT_COUNT; format++)
        machine->rates.products[format] = (struct cpu_rate){format, 7168, one, few, many};
}

/* 17.1 GB a token at 225 GB/s (Threadripper 7965WX): 13.2 tokens a second at most. */
static void memory_is_the_ceiling(void **state)
{
    (void)state;
    struct plan_machine machine = desktop(512, 225 * GB, 0);
    struct plan_forecast f = forecast(&machine);
    assert_true(f.known);
    assert_near(f.first.low, 13.2, 0.02);
    assert_true(f.first.low == f.first.high);
    assert_int_equal(f.first.limit, PLAN_BY_MEMORY);
    assert_true(f.drive_high_bytes == 0);
    /* the cache of 32767 tokens, 2.3 GB, is read as well */
    assert_near(1 / f.last.low - 1 / f.first.low, 32767 * 70272.0 / (225 * GB), 1e-6);
    machine.read_rate *= 2;
    assert_near(forecast(&machine).first.low, 2 * f.first.low, 1e-9);
}

static void without_rates_there_is_none(void **state)
{
    (void)state;
    struct plan_machine machine = desktop(512, 0, 0);
    assert_false(forecast(&machine).known);
    machine = desktop(96, 80 * GB, 0); /* a drive's rate is missing, but not what it must read */
    struct plan_forecast f = forecast(&machine);
    assert_false(f.known);
    assert_true(f.drive_high_bytes > 3e9);
}

/* Cores that make 37 G products a second take a second for the 37 G weights of a token. */
static void slow_cores_are_the_limit(void **state)
{
    (void)state;
    struct plan_machine machine = desktop(512, 2000 * GB, 0);
    set_rates(&machine, 37e9, 0, 0);
    struct plan_forecast f = forecast(&machine);
    assert_int_equal(f.first.limit, PLAN_BY_CORES);
    double n_active = (20.4 + 11.4 + 2.6 + 1.2 + 0.9) * 1e9; /* by part, from the model's geometry */
    assert_near(1 / f.first.low, n_active / 37e9, 0.02);
    set_rates(&machine, 1e15, 0, 0);
    assert_int_equal(forecast(&machine).first.limit, PLAN_BY_MEMORY);
}

/* 128 heads, 61 layers, keys of 576 and values of 512 numbers: 278 G multiply-adds at 32768 positions. */
static void attention_takes_over_at_depth(void **state)
{
    (void)state;
    struct plan_machine machine = desktop(512, 225 * GB, 0);
    machine.rates.attention = 500e9;
    struct plan_forecast f = forecast(&machine);
    assert_near(f.first.low, 13.2, 0.02);
    assert_int_equal(f.last.limit, PLAN_BY_ATTENTION);
    assert_near(f.last.seconds[PLAN_BY_ATTENTION], 278e9 / 500e9, 0.01);
    double sum = 0;
    for (size_t i = 0; i < PLAN_LIMITS; i++)
        sum += f.last.seconds[i];
    assert_near(f.last.low, 1 / sum, 1e-9);
}

/* 96 GB and one drive of 11.5 GB/s: 38% of the experts are held, so 38% to 77% of the reads find theirs, and
 * 4.2 to 1.5 GB a token come from the drive. */
static void a_drive_gives_a_range(void **state)
{
    (void)state;
    struct plan_machine machine = desktop(96, 80 * GB, 11.5 * GB);
    struct plan_forecast f = forecast(&machine);
    assert_true(f.known);
    assert_near((double)f.drive_high_bytes, 4.2e9, 0.05);
    assert_near((double)f.drive_low_bytes, 1.5e9, 0.1);
    assert_int_equal(f.first.limit, PLAN_BY_DRIVE);
    double memory_seconds = 17.1 / 80;
    assert_near(1 / f.first.low, memory_seconds + 4.2 / 11.5, 0.05);
    assert_near(1 / f.first.high, memory_seconds + 1.5 / 11.5, 0.05);
    assert_true(f.chunk.low > 0 && f.chunk.low < f.chunk.high);
    assert_int_equal(f.chunk.limit, PLAN_BY_DRIVE);
}

/* More memory never reads more from the drive, and never forecasts less. */
static void memory_replaces_the_drive(void **state)
{
    (void)state;
    double last_low = 0, last_high = 0;
    uint64_t last_drive = UINT64_MAX;
    for (unsigned gib = 8; gib <= 256; gib += 8) {
        struct plan_machine machine = desktop(gib, 80 * GB, 7 * GB);
        struct plan_forecast f = forecast(&machine);
        if (!(f.first.low >= last_low && f.first.high >= last_high && f.first.low <= f.first.high &&
              f.drive_high_bytes <= last_drive && f.drive_low_bytes <= f.drive_high_bytes))
            fail_msg("%u GiB: %g to %g tokens a second, drive %llu to %llu", gib, f.first.low, f.first.high,
                     (unsigned long long)f.drive_low_bytes, (unsigned long long)f.drive_high_bytes);
        last_low = f.first.low;
        last_high = f.first.high;
        last_drive = f.drive_high_bytes;
    }
    assert_true(last_drive == 0);
    assert_true(last_low == last_high);
}

/* Where not even the weights of every token are held, all that a token reads comes from the drive. */
static void tiny_memory_reads_everything(void **state)
{
    (void)state;
    struct plan_machine machine = desktop(8, 50 * GB, 3 * GB);
    struct plan_forecast f = forecast(&machine);
    assert_near((double)f.drive_high_bytes, 17.1e9, 0.04);
    assert_true(f.drive_low_bytes == f.drive_high_bytes);
}

/* 512 rows of which every expert gets 16: the weights are read once, the cores make 512 products of each of
 * the dense ones and 16 of the routed ones. */
static void a_chunk_shares_its_weights(void **state)
{
    (void)state;
    struct plan_machine machine = desktop(512, 225 * GB, 0);
    struct plan_forecast f = forecast(&machine);
    assert_int_equal(f.chunk_tokens, 512);
    assert_int_equal(f.chunk.limit, PLAN_BY_MEMORY);
    assert_near(512 / f.chunk.low, 227e9 / (225 * GB), 0.03);
    set_rates(&machine, 500e9, 2000e9, 4000e9);
    f = forecast(&machine);
    assert_int_equal(f.chunk.limit, PLAN_BY_CORES);
    assert_near(512 / f.chunk.low, 512 * (20.4e9 / 2000e9 + (11.4e9 + 2.6e9 + 1.2e9) / 4000e9), 0.03);
}

/* Two chunks cost what each does at its depth, but for one head; depth costs attention, and expands what is
 * held again. */
static void a_prompt_is_the_sum_of_its_chunks(void **state)
{
    (void)state;
    struct plan_machine machine = desktop(512, 225 * GB, 0);
    machine.rates.attention = 500e9;
    set_rates(&machine, 500e9, 2000e9, 4000e9);
    struct plan plan = make_with_chunk(&machine, 512);
    const struct plan_request request = {.catalog = &r1.catalog,
                                         .file = &r1.file,
                                         .machine = &machine,
                                         .cache = CACHE_F16,
                                         .chunk_tokens = 512};
    double first = 512 / plan_prompt_speed(&plan, &request, 512, 0).low;
    double second = 512 / plan_prompt_speed(&plan, &request, 512, 512).low;
    double both = 1024 / plan_prompt_speed(&plan, &request, 1024, 0).low;
    double head = (double)r1.catalog.model[ROLE_OUTPUT]->n_bytes / (225 * GB);
    assert_true(first == 512 / plan.forecast.chunk.low);
    assert_near(both, first + second - head, 1e-3);
    double pairs = 512.0 * 512 * 61 * 128 * (192 + 128) / 500e9;
    double expanded = 512.0 * 61 * 128 * (128 + 128) * 512 / 500e9;
    assert_near(second - first, pairs + expanded, 1e-3);
    assert_true(plan_answer_speed(&plan, &request, 0).low == plan.forecast.first.low);
    machine.read_rate = 0;
    assert_true(plan_prompt_speed(&plan, &request, 512, 0).low == 0);
    plan_release(&plan);
}

/* Each product takes and gives rows of values, a norm is one such pass: a token of DeepSeek-R1 moves about 30
 * million. */
static void values_between_products_take_time(void **state)
{
    (void)state;
    struct plan_machine machine = desktop(512, 225 * GB, 0);
    set_rates(&machine, 500e9, 2000e9, 4000e9);
    double before = 1 / forecast(&machine).chunk.low;
    machine.rates.activations = 2e9;
    double norms = 2 * 7168 + 1536 + 512;
    double layer = norms + (7168 + 1536) + (1536 + 128 * 192) + (7168 + 576) + 128 * 2 * (128 + 512) +
                   (128 * 128 + 7168);
    double routed = 8.0 * (2 * (7168 + 2048) + (2048 + 7168)), shared = routed / 8, router = 7168 + 256;
    double dense = 2 * (7168 + 18432) + (18432 + 7168);
    double values = 61 * layer + 58 * (routed + shared + router) + 3 * dense;
    assert_near(1 / forecast(&machine).chunk.low - before, values / 2e9, 0.01);
}

/* Of several row lengths the one counts whose ratio to the tensor's is nearest to 1. */
static void rates_are_found_by_row_length(void **state)
{
    (void)state;
    struct plan_machine machine = {.rates = {.products = {{FORMAT_Q2_K, 7168, 1, 1, 1},
                                                          {FORMAT_Q2_K, 2048, 2, 2, 2},
                                                          {FORMAT_Q6_K, 512, 3, 3, 3}},
                                             .n_products = 3}};
    assert_true(plan_rate_find(&machine, FORMAT_Q2_K, 2048)->one == 2);
    assert_true(plan_rate_find(&machine, FORMAT_Q2_K, 1)->one == 2);
    assert_true(plan_rate_find(&machine, FORMAT_Q2_K, 3832)->one == 1);
    assert_true(plan_rate_find(&machine, FORMAT_Q2_K, 3830)->one == 2);
    assert_true(plan_rate_find(&machine, FORMAT_Q6_K, 100000)->one == 3);
    assert_null(plan_rate_find(&machine, FORMAT_Q8_0, 512));
}

/* Rates lie between those that were measured, so a larger chunk is never slower a token. */
static void larger_chunks_are_not_slower(void **state)
{
    (void)state;
    struct plan_machine machine = desktop(512, 225 * GB, 0);
    set_rates(&machine, 500e9, 2000e9, 4000e9);
    double last = 0;
    for (uint32_t n = 1; n <= 4096; n *= 2) {
        struct plan plan = make_with_chunk(&machine, n);
        double speed = plan.forecast.chunk.low;
        plan_release(&plan);
        if (speed < last)
            fail_msg("chunk of %u: %g tokens a second, before %g", n, speed, last);
        last = speed;
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(memory_is_the_ceiling),         cmocka_unit_test(without_rates_there_is_none),
        cmocka_unit_test(slow_cores_are_the_limit),      cmocka_unit_test(attention_takes_over_at_depth),
        cmocka_unit_test(a_drive_gives_a_range),         cmocka_unit_test(memory_replaces_the_drive),
        cmocka_unit_test(tiny_memory_reads_everything),  cmocka_unit_test(a_chunk_shares_its_weights),
        cmocka_unit_test(larger_chunks_are_not_slower),  cmocka_unit_test(values_between_products_take_time),
        cmocka_unit_test(rates_are_found_by_row_length), cmocka_unit_test(a_prompt_is_the_sum_of_its_chunks),
    };
    return cmocka_run_group_tests(tests, open_r1, close_r1);
}
